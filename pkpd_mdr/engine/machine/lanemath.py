"""Elementary functions over lanes, written in LLVM IR: exp, exp2, log, expm1, log1p, tanh, and a rough root.

Errors of exp, exp2 and log are at most 2 units in the last place, of the others 3 (tests measure them). Exponentials
reduce their argument to half a power of two and take a polynomial of degree 11; the logarithm takes one of degree 21
in f = m - 1 of the mantissa m in [sqrt(1/2), sqrt(2)), because a step waits for each result in turn and a division is
the longest wait. The polynomials are Chebyshev fits made with 50 digits, summed by pairs (Estrin's scheme). Not a
number stays not a number; exp stops growing at 700 and is 0 below -707, exp2 likewise; log is that of at least 1e-300.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from pkpd_mdr.engine.machine.dag import LARGEST, LARGEST_2, SMALLEST
from pkpd_mdr.engine.machine.lanes import BLOCKS, Code

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
# (2**r - 1 - r*log(2))/r**2 on |r| <= 1/2
_EXP2 = (
    0.24022650695910075,
    0.05550410866482158,
    0.009618129107618665,
    0.0013333558146423213,
    0.00015403530424776529,
    1.5252733820795803e-05,
    1.3215451633221434e-06,
    1.0178067267449427e-07,
    7.070977866508138e-09,
    4.45410341058704e-10,
)
# (log(1 + f) - f + f**2/2)/f**3 on [sqrt(1/2) - 1, sqrt(2) - 1]
_LOG = (
    0.3333333333333333,
    -0.24999999999998596,
    0.20000000000003482,
    -0.16666666667365992,
    0.14285714285634818,
    -0.12499999898432576,
    0.11111111008787179,
    -0.10000006590426393,
    0.09090921076038966,
    -0.08333110642999564,
    0.07691741139835176,
    -0.07146922611081985,
    0.06680348247882924,
    -0.06213325491398715,
    0.05706613674459082,
    -0.05635857394607171,
    0.06362025303018654,
    -0.05959173018943104,
    0.027053075892336406,
)
# log2(1 + f)/f on the same interval, and 2**r on |r| <= 1/2, to four digits
_ROUGH_LOG2 = (1.4423070538781517, -0.7246998473568208, 0.5101832372272362, -0.32262359078704306)
_ROUGH_EXP2 = (0.9999245569508708, 0.6931367338836215, 0.24263947854625853, 0.055838282946219855)

_ROUND = 6755399441055744.0  # 1.5 * 2**52: adding it rounds to an integer
_LOG2E, _LN2 = 1.4426950408889634, 0.6931471805599453
_LN2_HIGH, _LN2_LOW = 0.6931471803691238, 1.9082149292705877e-10  # the high part has 20 zero bits at its end
_ROOT_HALF_BITS, _MANTISSA = 0x3FE6A09E667F3BCD, 52
_ONE_BITS, _ROUND_BITS = 0x3FF0000000000000, 0x4338000000000000


def functions(*widths: int) -> list[str]:
    """The definitions for vectors of some numbers of doubles, with the intrinsics that they and graphs use.

    With one lane come the intrinsics for blocks of rows.
    """
    bodies = {
        "exp": _exp, "exp2": _exp2, "expm1": _expm1, "log": _log, "log1p": _log1p, "tanh": _tanh, "root": _root
    }  # fmt: skip
    sizes = sorted({*widths, *(BLOCKS if 1 in widths else ())})
    lines = [line for size in sizes for line in _intrinsics(size)]
    for width in widths:
        for name, build in bodies.items():
            lines += _definition(name, build, width)
    return lines


def _intrinsics(width: int) -> list[str]:
    vector = f"<{width} x double>"
    one = [f"declare {vector} @llvm.{name}.v{width}f64({vector})" for name in ("sqrt", "fabs", "sin", "cos")]
    two = [f"declare {vector} @llvm.copysign.v{width}f64({vector}, {vector})"]
    return [*one, *two, f"declare {vector} @llvm.fmuladd.v{width}f64({vector}, {vector}, {vector})"]


def _definition(name: str, build: Callable[[Code], str], width: int) -> list[str]:
    code, vector = Code(width), f"<{width} x double>"
    result = build(code)
    head = f"define internal {vector} @lane_{name}_{width}({vector} %x) {{"
    return [head, *code.lines, f"ret {vector} {result}", "}"]


def _as_bits(code: Code, value: str) -> str:
    return code.new(f"bitcast {code.vector} {value} to <{code.width} x i64>")


def _as_number(code: Code, bits: str) -> str:
    return code.new(f"bitcast <{code.width} x i64> {bits} to {code.vector}")


def _bits(code: Code, operation: str, a: str, b: str) -> str:
    return code.new(f"{operation} <{code.width} x i64> {a}, {b}")


def _polynomial(code: Code, coefficients: Sequence[float], x: str) -> str:
    """Neighbours are joined, then neighbours of these: few results wait for each other."""
    parts, power = [code.constant(value) for value in coefficients], x
    while len(parts) > 1:
        pairs = [code.multiply_add(parts[i + 1], power, parts[i]) for i in range(0, len(parts) - 1, 2)]
        parts = pairs + parts[2 * len(pairs) :]
        if len(parts) > 1:
            power = code.binary("fmul", power, power)
    return parts[0]


def _rounded(code: Code, x: str, scale: str) -> tuple[str, str]:
    """The bits of n = round(x*scale) in the place of an exponent, and n."""
    shifted = code.multiply_add(x, scale, code.constant(_ROUND))
    n = code.binary("fsub", shifted, code.constant(_ROUND))
    return _bits(code, "shl", _as_bits(code, shifted), code.integer(_MANTISSA)), n


def _cut(code: Code, x: str, largest: float) -> str:
    """The smaller of x and the largest; not a number stays so."""
    top = code.constant(largest)
    return code.select(code.compare("fcmp ogt", x, top), top, x)


def _reduced(code: Code, x: str) -> tuple[str, str]:
    """The bits of n = round(x/log 2) in the place of an exponent, and the rest r = x - n*log 2."""
    exponent, n = _rounded(code, x, code.constant(_LOG2E))
    high = code.multiply_add(n, code.constant(-_LN2_HIGH), x)
    return exponent, code.multiply_add(n, code.constant(-_LN2_LOW), high)


def _scaled(code: Code, grown: str, exponent: str, x: str, least: float) -> str:
    """`grown` times the power of two, or zero where x is below the least.

    Where x is not a number, `grown` is none and the exponent is zero: arithmetic makes such values without low bits.
    """
    scaled = _as_number(code, _bits(code, "add", _as_bits(code, grown), exponent))
    return code.select(code.compare("fcmp olt", x, code.constant(least)), code.constant(0.0), scaled)


def _exp(code: Code) -> str:
    x = _cut(code, "%x", LARGEST)
    exponent, r = _reduced(code, x)
    first = code.binary("fadd", r, code.constant(1.0))
    grown = code.multiply_add(code.binary("fmul", r, r), _polynomial(code, _EXP, r), first)
    return _scaled(code, grown, exponent, x, -707.0)


def _exp2(code: Code) -> str:
    x = _cut(code, "%x", LARGEST_2)
    exponent, n = _rounded(code, x, code.constant(1.0))
    r = code.binary("fsub", x, n)
    first = code.multiply_add(r, code.constant(_LN2), code.constant(1.0))
    grown = code.multiply_add(code.binary("fmul", r, r), _polynomial(code, _EXP2, r), first)
    return _scaled(code, grown, exponent, x, -1020.0)


def _expm1(code: Code) -> str:
    x = _cut(code, "%x", LARGEST)
    exponent, r = _reduced(code, x)
    rest = code.multiply_add(code.binary("fmul", r, r), _polynomial(code, _EXP, r), r)
    scale = _as_number(code, _bits(code, "add", exponent, code.integer(_ONE_BITS)))
    value = code.multiply_add(scale, rest, code.binary("fsub", scale, code.constant(1.0)))
    return code.select(code.compare("fcmp olt", x, code.constant(-700.0)), code.constant(-1.0), value)


def _parted(code: Code, x: str) -> tuple[str, str]:
    """The number k and f = m - 1 of x = 2**k*m, the mantissa m in [sqrt(1/2), sqrt(2))."""
    bits = _as_bits(code, x)
    above = _bits(code, "sub", bits, code.integer(_ROOT_HALF_BITS))
    k = _bits(code, "ashr", above, code.integer(_MANTISSA))
    m = _as_number(code, _bits(code, "sub", bits, _bits(code, "shl", k, code.integer(_MANTISSA))))
    whole = _as_number(code, _bits(code, "add", k, code.integer(_ROUND_BITS)))
    return code.binary("fsub", whole, code.constant(_ROUND)), code.binary("fsub", m, code.constant(1.0))


def _log(code: Code) -> str:
    least = code.constant(SMALLEST)
    x = code.select(code.compare("fcmp olt", "%x", least), least, "%x")
    k, f = _parted(code, x)
    square = code.binary("fmul", f, f)
    cube, low = code.binary("fmul", square, f), code.binary("fmul", k, code.constant(_LN2_LOW))
    # log(m) = f - f**2/2 + f**3*series: the small terms are added first
    small = code.multiply_add(square, code.constant(-0.5), low)
    rest = code.binary("fadd", code.multiply_add(cube, _polynomial(code, _LOG, f), small), f)
    value = code.multiply_add(k, code.constant(_LN2_HIGH), rest)
    return code.select(code.compare("fcmp uno", x, x), x, value)


def _root(code: Code) -> str:
    """x**-0.1 to three digits, for x from 1e-300 to 1e300: how a step may grow."""
    least, most = code.constant(SMALLEST), code.constant(1 / SMALLEST)
    x = code.select(code.compare("fcmp ogt", "%x", least), "%x", least)
    x = code.smaller(x, most)
    k, f = _parted(code, x)
    power = code.binary("fmul", code.multiply_add(f, _polynomial(code, _ROUGH_LOG2, f), k), code.constant(-0.1))
    exponent, n = _rounded(code, power, code.constant(1.0))
    grown = _polynomial(code, _ROUGH_EXP2, code.binary("fsub", power, n))
    return _as_number(code, _bits(code, "add", _as_bits(code, grown), exponent))


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
