"""Elementary functions over lanes, written in LLVM IR: exp, log, expm1, log1p, tanh.

Errors of exp and log are at most 2 units in the last place, of the others 3 (tests measure them). The exponential
reduces its argument by multiples of log 2 and takes a polynomial of degree 11; the logarithm takes the odd series in
s = (m - 1)/(m + 1) of the mantissa m in [sqrt(1/2), sqrt(2)). The polynomials are Chebyshev fits made with 40 digits.
Not a number stays not a number; exp stops growing at 700 and is 0 below -707; log is that of at least 1e-300.
"""

from __future__ import annotations

from pkpd_mdr.engine.machine.dag import LARGEST, SMALLEST
from pkpd_mdr.engine.machine.lanes import Code

__all__ = ["functions"]

# (exp(r) - 1 - r)/r**2 on |r| <= log(2)/2
_EXP = (
    0.5,
    0.16666666666666669,
    0.041666666666623824,
    0.008333333333330039,
    0.0013888888917367081,
    0.00019841269863171557,
    2.4801521057868204e-05,
    2.7557268276905696e-06,
    2.7620201591031547e-07,
    2.5100472505694996e-08,
)
# (log((1 + s)/(1 - s)) - 2*s)/s**3 in powers of s**2, for |s| <= 0.1716
_LOG = (
    0.666666666666667,
    0.3999999999989889,
    0.28571428626253836,
    0.22222211089379496,
    0.1818289243253687,
    0.15331611722055008,
    0.14617807153417325,
)

_ROUND = 6755399441055744.0  # 1.5 * 2**52: adding it rounds to an integer
_LOG2E = 1.4426950408889634
_LN2_HIGH, _LN2_LOW = 0.6931471803691238, 1.9082149292705877e-10  # the high part has 20 zero bits at its end
_ROOT_HALF_BITS, _MANTISSA = 0x3FE6A09E667F3BCD, 52
_ONE_BITS, _ROUND_BITS = 0x3FF0000000000000, 0x4338000000000000


def functions(width: int) -> list[str]:
    """The definitions for vectors of `width` doubles, with the intrinsics that they and graphs use."""
    vector = f"<{width} x double>"
    one = [f"declare {vector} @llvm.{name}.v{width}f64({vector})" for name in ("sqrt", "fabs", "sin", "cos")]
    two = [f"declare {vector} @llvm.copysign.v{width}f64({vector}, {vector})"]
    three = [f"declare {vector} @llvm.fmuladd.v{width}f64({vector}, {vector}, {vector})"]
    bodies = {"exp": _exp, "expm1": _expm1, "log": _log, "log1p": _log1p, "tanh": _tanh}
    lines = one + two + three
    for name, build in bodies.items():
        code = Code(width)
        result = build(code)
        lines += [
            f"define internal {vector} @lane_{name}_{width}({vector} %x) {{",
            *code.lines,
            f"ret {vector} {result}",
            "}",
        ]
    return lines


def _as_bits(code: Code, value: str) -> str:
    return code.new(f"bitcast {code.vector} {value} to <{code.width} x i64>")


def _as_number(code: Code, bits: str) -> str:
    return code.new(f"bitcast <{code.width} x i64> {bits} to {code.vector}")


def _bits(code: Code, operation: str, a: str, b: str) -> str:
    return code.new(f"{operation} <{code.width} x i64> {a}, {b}")


def _polynomial(code: Code, coefficients: tuple[float, ...], x: str) -> str:
    """Even and odd powers apart, so that two chains run side by side."""
    square = code.binary("fmul", x, x)
    halves = []
    for part in (coefficients[0::2], coefficients[1::2]):
        value = code.constant(part[-1])
        for coefficient in reversed(part[:-1]):
            value = code.multiply_add(value, square, code.constant(coefficient))
        halves.append(value)
    return code.multiply_add(halves[1], x, halves[0])


def _reduced(code: Code, x: str) -> tuple[str, str, str]:
    """The bits of n = round(x/log 2) in the lowest places, exp(r) - 1 of the rest r, and x cut at `LARGEST`."""
    top = code.constant(LARGEST)
    x = code.select(code.compare("fcmp ogt", x, top), top, x)
    shifted = code.multiply_add(x, code.constant(_LOG2E), code.constant(_ROUND))
    n = code.binary("fsub", shifted, code.constant(_ROUND))
    high = code.multiply_add(n, code.constant(-_LN2_HIGH), x)
    r = code.multiply_add(n, code.constant(-_LN2_LOW), high)
    rest = code.multiply_add(code.binary("fmul", r, r), _polynomial(code, _EXP, r), r)
    return code.new(f"shl <{code.width} x i64> {_as_bits(code, shifted)}, {code.integer(_MANTISSA)}"), rest, x


def _exp(code: Code) -> str:
    exponent, rest, x = _reduced(code, "%x")
    grown = code.binary("fadd", rest, code.constant(1.0))
    scaled = _as_number(code, _bits(code, "add", _as_bits(code, grown), exponent))
    small = code.select(code.compare("fcmp olt", x, code.constant(-707.0)), code.constant(0.0), scaled)
    return code.select(code.compare("fcmp uno", x, x), x, small)


def _expm1(code: Code) -> str:
    exponent, rest, x = _reduced(code, "%x")
    scale = _as_number(code, _bits(code, "add", exponent, code.integer(_ONE_BITS)))
    value = code.multiply_add(scale, rest, code.binary("fsub", scale, code.constant(1.0)))
    small = code.select(code.compare("fcmp olt", x, code.constant(-700.0)), code.constant(-1.0), value)
    return code.select(code.compare("fcmp uno", x, x), x, small)


def _log(code: Code) -> str:
    least = code.constant(SMALLEST)
    x = code.select(code.compare("fcmp olt", "%x", least), least, "%x")
    bits = _as_bits(code, x)
    above = _bits(code, "sub", bits, code.integer(_ROOT_HALF_BITS))
    k = _bits(code, "ashr", above, code.integer(_MANTISSA))
    m = _as_number(code, _bits(code, "sub", bits, _bits(code, "shl", k, code.integer(_MANTISSA))))
    f = code.binary("fsub", m, code.constant(1.0))
    s = code.binary("fdiv", f, code.binary("fadd", f, code.constant(2.0)))
    z = code.binary("fmul", s, s)
    series = code.binary("fmul", z, _polynomial(code, _LOG, z))
    half = code.binary("fmul", code.binary("fmul", f, f), code.constant(0.5))
    whole = _as_number(code, _bits(code, "add", k, code.integer(_ROUND_BITS)))
    n = code.binary("fsub", whole, code.constant(_ROUND))
    # log(m) = f - (f**2/2 - s*(f**2/2 + series)): the small terms are added first
    small = code.multiply_add(s, code.binary("fadd", half, series), code.binary("fmul", n, code.constant(_LN2_LOW)))
    rest = code.binary("fsub", code.binary("fsub", half, small), f)
    value = code.multiply_add(n, code.constant(_LN2_HIGH), code.negative(rest))
    return code.binary("fadd", value, code.binary("fsub", x, x))  # keeps what is not a number


def _log1p(code: Code) -> str:
    one = code.constant(1.0)
    u = code.binary("fadd", one, "%x")
    lost = code.binary("fsub", "%x", code.binary("fsub", u, one))
    return code.binary("fadd", code.own("log", u), code.binary("fdiv", lost, u))


def _tanh(code: Code) -> str:
    size = code.intrinsic("fabs", "%x")
    top = code.constant(22.0)
    size = code.select(code.compare("fcmp ogt", size, top), top, size)
    t = code.own("expm1", code.binary("fmul", size, code.constant(-2.0)))
    value = code.binary("fdiv", code.negative(t), code.binary("fadd", t, code.constant(2.0)))
    return code.intrinsic("copysign", value, "%x")
