"""Dimensional analysis of model expressions.

Exponents may be symbols (``C**h/(ec50**h + C**h)`` is a number whatever `h` is), so dimensions are maps
from a base dimension to a SymPy exponent.
"""

from __future__ import annotations

from collections.abc import Mapping

import sympy as sp

from pkpd_mdr.errors import UnitError
from pkpd_mdr.model.parts import Expression
from pkpd_mdr.units import Unit

__all__ = ["Dimensions", "check_same", "dimensions_of", "times", "unit_dimensions"]

Dimensions = dict[str, Expression]

_SYMBOLS = {"[time]": "h", "[length]": "dm", "[mass]": "mg", "[substance]": "umol"}
_GUARD = 1e-100  # smaller than any quantity in any unit: what keeps a divisor from zero
_PURE = ("exp", "expm1", "log", "log1p", "Log", "sin", "cos", "tanh")


def unit_dimensions(unit: Unit) -> Dimensions:
    """Dimensions of a unit."""
    return {name: sp.Rational(value.numerator, value.denominator) for name, value in unit.dims}


def check_same(found: Dimensions, wanted: Dimensions, where: str) -> None:
    """Raise `UnitError` naming both sides unless two dimensions agree."""
    if not _same(found, wanted):
        raise UnitError(f"{where} is in {_text(found)} but should be in {_text(wanted)}")


def _same(left: Dimensions, right: Dimensions) -> bool:
    return left == right or all(_zero(left.get(name, 0) - right.get(name, 0)) for name in {*left, *right})


def _zero(exponent: Expression) -> bool:
    if isinstance(exponent, sp.Integer):
        return bool(exponent.p == 0)
    if getattr(exponent, "is_number", True):
        return abs(float(exponent)) < 1e-9
    return bool(sp.expand(exponent) == 0)


def _text(dimensions: Dimensions) -> str:
    powers = {_SYMBOLS.get(name, name): power for name, power in sorted(dimensions.items()) if not _zero(power)}
    length = powers.get("dm")
    if length is not None and length.is_number and float(length / 3).is_integer():
        powers = {"L": powers.pop("dm") / 3} | powers
    below = {name: -power for name, power in powers.items() if power.is_number and power < 0}
    above = [_factor(name, power) for name, power in powers.items() if name not in below]
    under = [_factor(name, power) for name, power in below.items()]
    if not under:
        return repr("*".join(above)) if above else "'1' (a pure number)"
    bottom = under[0] if len(under) == 1 else f"({'*'.join(under)})"
    return repr(f"{'*'.join(above) or 1}/{bottom}")


def _factor(name: str, power: Expression) -> str:
    return name if power == 1 else f"{name}**{_bracketed(sp.nsimplify(power))}"


def _bracketed(power: Expression) -> str:
    return str(power) if power.is_Integer or power.is_Symbol else f"({power})"


def times(left: Dimensions, right: Dimensions, power: Expression = 1) -> Dimensions:
    """Dimensions of ``left*right**power``."""
    merged = dict(left)
    for name, exponent in right.items():
        more = exponent if power == 1 else power * exponent
        merged[name] = merged[name] + more if name in merged else more
    return {name: exponent for name, exponent in merged.items() if not _zero(exponent)}


def dimensions_of(
    expression: Expression,
    known: Mapping[Expression, Dimensions],
    where: str,
    found: dict[Expression, Dimensions] | None = None,
) -> Dimensions:
    """Dimensions of an expression.

    Parameters
    ----------
    expression : sympy.Expr
        Built from the symbols in `known`; numbers are pure.
    known : mapping of sympy.Symbol to dimensions
        Dimensions of states, parameters and time.
    where : str
        Opens the error message.
    found : dict of sympy.Expr to dimensions, optional
        What earlier calls with the same `known` found, so that expressions that share parts are read once; filled here.

    Returns
    -------
    dict
        Base dimension to exponent; empty for a pure number.

    Raises
    ------
    UnitError
        Unlike things are added or compared, or a function is applied to something with a unit.
    """
    if expression.is_Symbol:
        return known[expression]
    if not expression.args or expression.is_Boolean:
        return {}
    found = {} if found is None else found
    if expression not in found:
        found[expression] = _compound(expression, known, where, found)
    return found[expression]


def _compound(
    expression: Expression,
    known: Mapping[Expression, Dimensions],
    where: str,
    found: dict[Expression, Dimensions],
) -> Dimensions:
    """Dimensions of what is made of parts."""
    name = type(expression).__name__
    inner = [dimensions_of(part, known, where, found) for part in expression.args if not _is_condition(part)]
    if expression.is_Mul:
        product: Dimensions = {}
        for part in inner:
            product = times(product, part)
        return product
    if expression.is_Pow or name == "Power":
        if inner[1]:  # the sentence is costly to write for long expressions
            check_same(inner[1], {}, f"{where}: the exponent of '{expression}'")
        return times({}, inner[0], expression.args[1])
    if name == "sign":
        return {}
    if name in _PURE:
        if inner[0]:
            check_same(inner[0], {}, f"{where}: the argument of {name.lower()} in '{expression}'")
        return {}
    return _alike(expression, inner, known, where, found)


def _is_condition(part: Expression) -> bool:
    return bool(getattr(part, "is_Boolean", False) or getattr(part, "is_Relational", False))


def _alike(
    expression: Expression,
    inner: list[Dimensions],
    known: Mapping[Expression, Dimensions],
    where: str,
    found: dict[Expression, Dimensions],
) -> Dimensions:
    """Sum, Min, Max, Abs, Piecewise: all parts must be of one kind; zero and a guard such as 1e-100 fit anywhere."""
    for condition in (part for part in expression.args if getattr(part, "is_Relational", False)):
        left, right = (dimensions_of(side, known, where, found) for side in condition.args)
        if not any(side.is_zero for side in condition.args):
            check_same(right, left, f"{where}: '{condition.args[1]}' in '{condition}'")
    parts = [part for part in expression.args if not _is_condition(part)]
    result: Dimensions | None = None
    first: Expression = sp.Integer(0)
    for part, dims in zip(parts, inner, strict=True):
        value = part.args[0] if type(part).__name__ == "ExprCondPair" else part
        if not value.free_symbols and abs(value) <= _GUARD:
            continue
        if result is None:
            result, first = dims, part
        elif not _same(dims, result):
            raise UnitError(
                f"{where}: '{part}' is in {_text(dims)} but is added to or compared with '{first}' in {_text(result)}"
            )
    return result or {}
