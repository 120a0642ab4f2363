"""Values of expressions without a compiler: a walk over the tree in Python numbers, one rule a node.

Laws about the rates of a random model need them at one point only, where a walk costs a tenth of a compiled function;
and it is a reading of the formulas of its own.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping

import sympy as sp

from pkpd_mdr.expression import TIME, symbol
from pkpd_mdr.model import Model

__all__ = ["Walk", "slopes"]

Sized = tuple[float, float]  # a value, and how large the terms are of which it is the sum


class Walk:
    """Values of expressions at one point; each part is read once."""

    def __init__(self, at: Mapping[sp.Symbol, float]) -> None:
        self.found: dict[sp.Basic, Sized] = {name: (value, abs(value)) for name, value in at.items()}

    def sized(self, expression: sp.Basic) -> Sized:
        """Value of an expression, and the sum of the sizes of what it is made of."""
        if expression not in self.found:
            self.found[expression] = self._read(expression)
        return self.found[expression]

    def __call__(self, expression: sp.Basic) -> float:
        return self.sized(expression)[0]

    def _read(self, item: sp.Basic) -> Sized:
        if item.is_Number or item.is_NumberSymbol:
            return float(item), abs(float(item))
        if item.is_Add:
            parts = [self.sized(part) for part in item.args]
            return math.fsum(value for value, _ in parts), sum(size for _, size in parts)
        if item.is_Mul:
            parts = [self.sized(part) for part in item.args]
            return math.prod(value for value, _ in parts), math.prod(size for _, size in parts)
        if isinstance(item, sp.Piecewise):
            return self.sized(next(value for value, condition in item.args if self._holds(condition)))
        parts = [self.sized(part) for part in item.args]
        value = _RULES[type(item).__name__](*(value for value, _ in parts))
        lost = max((size / abs(inner) for inner, size in parts if inner), default=1.0)
        return value, abs(value) * max(lost, 1.0)

    def _holds(self, condition: sp.Basic) -> bool:
        if condition in (sp.true, sp.false):
            return bool(condition)
        if isinstance(condition, (sp.And, sp.Or)):
            return (all if isinstance(condition, sp.And) else any)(map(self._holds, condition.args))
        left, right = map(self, condition.args)
        return {"<": left < right, "<=": left <= right, ">": left > right, ">=": left >= right}[condition.rel_op]


def _power(base: float, exponent: float) -> float:
    if base <= 0:
        return 0.0 if exponent > 0 else 1.0 if exponent == 0 else math.inf
    return base**exponent


_RULES: dict[str, Callable[..., float]] = {
    "Pow": lambda base, exponent: base**exponent if base or exponent >= 0 else math.inf,
    "Power": _power,
    "exp": math.exp,
    "expm1": math.expm1,
    "log": math.log,
    "Log": lambda x: math.log(max(x, 1e-300)),
    "tanh": math.tanh,
    "Abs": abs,
    "Max": max,
    "Min": min,
    "sign": lambda x: float((x > 0) - (x < 0)),
}


def slopes(model: Model, y: Iterable[float], p: Iterable[float]) -> tuple[list[float], list[float]]:
    """Time derivatives of all states at a point in internal units, and how large their terms are."""
    at = dict(zip(map(symbol, model.states), map(float, y), strict=True)) | {TIME: 0.0}
    walk = Walk(at | dict(zip(map(symbol, model.parameters), map(float, p), strict=True)))
    found = [walk.sized(right) for right in model.derivatives.values()]
    return [value for value, _ in found], [size for _, size in found]
