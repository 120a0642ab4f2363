"""What is known of the sign and size of an expression from the bounds of its symbols (interval arithmetic)."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping

from pkpd_mdr.model.parts import Expression, Parameter, State

__all__ = ["Bounds", "bounds_of", "known_bounds"]

Bounds = tuple[float, float]
_ANYTHING: Bounds = (-math.inf, math.inf)
_STOCKS = ("cells", "amount", "concentration", "vesicles")


def known_bounds(states: Mapping[str, State], parameters: Mapping[str, Parameter]) -> dict[str, Bounds]:
    """Bounds in internal units of everything that has a name: stocks are not negative, parameters keep their bounds."""
    known: dict[str, Bounds] = {name: (0.0, math.inf) for name, item in states.items() if item.kind in _STOCKS}
    for name, item in parameters.items():
        known[name] = (item.lower * item.unit.factor, item.upper * item.unit.factor)
    return known


def bounds_of(expression: Expression, known: Mapping[str, Bounds]) -> Bounds:
    """Bounds of an expression, wide where nothing better is known.

    Parameters
    ----------
    expression : sympy.Expr
    known : mapping of str to (float, float)
        Bounds of symbols by name; a symbol that is not named may be anything.

    Returns
    -------
    tuple of float
        Values that the expression never leaves; not always the tightest.

    Examples
    --------
    >>> from pkpd_mdr.expression import parse, symbol
    >>> names = {name: symbol(name) for name in ("S", "k", "cost")}
    >>> bounds_of(parse("k*(1 - cost)*S", names), {"S": (0, 9e99), "k": (0, 2), "cost": (0, 1)})[0]
    0.0
    """
    if expression.is_Symbol:
        return known.get(str(expression), _ANYTHING)
    if expression.is_number:
        return float(expression), float(expression)
    rule = _RULES.get(type(expression).__name__)
    if rule is None:
        return _ANYTHING
    return rule(expression, lambda part: bounds_of(part, known))


Read = Callable[[Expression], Bounds]


def _times(left: Bounds, right: Bounds) -> Bounds:
    products = [0.0 if a == 0 or b == 0 else a * b for a in left for b in right]
    return min(products), max(products)


def _sum(expression: Expression, read: Read) -> Bounds:
    parts = [read(part) for part in expression.args]
    return sum(low for low, _ in parts), sum(high for _, high in parts)


def _product(expression: Expression, read: Read) -> Bounds:
    factors = list(expression.args)
    total: Bounds = (1.0, 1.0)
    for part in expression.args:
        met = _saturating(part, factors, read)
        if met is not None:
            factors.remove(part)
            factors.remove(met)
            total = _times(total, (0.0, 1.0))
    for part in factors:
        total = _times(total, read(part))
    return total


def _saturating(part: Expression, factors: list[Expression], read: Read) -> Expression | None:
    """The x of ``x/(a + x)`` among the factors, if `part` is ``1/(a + x)`` and neither is negative."""
    if not (part.is_Pow and part.exp == -1 and part.base.is_Add):
        return None
    for other in factors:
        if other in part.base.args and read(other)[0] >= 0 and read(part.base - other)[0] >= 0:
            return other
    return None


def _power(expression: Expression, read: Read) -> Bounds:
    (low, high), exponent = read(expression.args[0]), expression.args[1]
    if not exponent.is_Integer:
        return (0.0, math.inf) if low >= 0 else _ANYTHING
    n = int(exponent)
    if low < 0:
        return (0.0, math.inf) if n % 2 == 0 else _ANYTHING
    ends = [_raised(value, n) for value in (low, high)]
    return min(ends), max(ends)


def _raised(value: float, n: int) -> float:
    try:
        return value**n
    except (ZeroDivisionError, OverflowError):
        return math.inf


def _largest(expression: Expression, read: Read) -> Bounds:
    parts = [read(part) for part in expression.args]
    return max(low for low, _ in parts), max(high for _, high in parts)


def _least(expression: Expression, read: Read) -> Bounds:
    parts = [read(part) for part in expression.args]
    return min(low for low, _ in parts), min(high for _, high in parts)


_RULES: dict[str, Callable[[Expression, Read], Bounds]] = {
    "Add": _sum,
    "Mul": _product,
    "Pow": _power,
    "Power": lambda expression, read: (0.0, math.inf),
    "exp": lambda expression, read: (0.0, 1.0 if read(expression.args[0])[1] <= 0 else math.inf),
    "Max": _largest,
    "Min": _least,
}
