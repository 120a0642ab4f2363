"""Derivatives: of states by time, and of many expressions that share their parts, each part once."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import sympy as sp

from pkpd_mdr.model.parts import Expression, Process

__all__ = ["Derivatives", "time_derivatives"]

_ZERO, _ONE = sp.Integer(0), sp.Integer(1)
_MANY = 12


class Derivatives:
    """Differentiates expressions and keeps what it found, for the next one that has the same part.

    The result is what ``expression.diff(variable)`` gives. A Jacobian is mostly zeros, and the processes of a model
    share their rates: asking SymPy for each entry by itself is several times slower.

    Examples
    --------
    >>> x = sp.Symbol("x")
    >>> Derivatives().of(x**2 * sp.exp(-x), x)
    -x**2*exp(-x) + 2*x*exp(-x)
    """

    def __init__(self) -> None:
        self._free: dict[Expression, frozenset[Expression]] = {}
        self._known: dict[tuple[Expression, Expression], Expression] = {}
        self._outer: dict[tuple[Expression, int], Expression] = {}

    def all_of(self, expressions: Iterable[Expression], variables: Sequence[Expression]) -> list[Expression]:
        """The derivatives of expressions by symbols, row by row."""
        return [self.of(expression, variable) for expression in expressions for variable in variables]

    def of(self, expression: Expression, variable: Expression) -> Expression:
        """The derivative of an expression by a symbol."""
        if not self._has(expression, variable):
            return _ZERO
        if expression == variable:
            return _ONE
        key = (expression, variable)
        if key not in self._known:
            self._known[key] = self._derive(expression, variable)
        return self._known[key]

    def _has(self, expression: Expression, variable: Expression) -> bool:
        free = self._free.get(expression)
        if free is None:
            free = self._free[expression] = frozenset(expression.free_symbols)
        return variable in free

    def _derive(self, expression: Expression, variable: Expression) -> Expression:
        parts = expression.args
        ruled = expression.is_Add or expression.is_Mul or (expression.is_Pow and parts[1].is_Number)
        function = isinstance(expression, (sp.Function, sp.Max, sp.Min)) and not isinstance(expression, sp.Piecewise)
        if not (ruled or function):
            return expression.diff(variable)
        inner = {i: self.of(part, variable) for i, part in enumerate(parts) if self._has(part, variable)}
        if expression.is_Add:
            return sp.Add(*inner.values())
        if expression.is_Mul:
            return sp.Add(*(sp.Mul(*parts[:i], each, *parts[i + 1 :]) for i, each in inner.items()))
        if expression.is_Pow:
            return expression * (inner[0] * parts[1] / parts[0])
        return sp.Add(*(self._by_argument(expression, i) * each for i, each in inner.items()))

    def _by_argument(self, expression: Expression, i: int) -> Expression:
        """The derivative of a function by its argument i, from 0."""
        key = (expression, i)
        if key not in self._outer:
            self._outer[key] = expression.fdiff(i + 1)
        return self._outer[key]


def time_derivatives(states: Iterable[str], processes: Iterable[Process]) -> dict[str, Expression]:
    """The time derivative of each state, summed over processes."""
    totals: dict[str, list[Expression]] = {name: [] for name in states}
    for process in processes:
        for name, share in process.moves.items():
            # term by term, so that the cells in `rate` cancel those in a content per cell and leave no 0/0
            totals[name].extend(part * process.rate for part in sp.Add.make_args(share))
    return {name: _gathered(parts) for name, parts in totals.items()}


def _gathered(parts: list[Expression]) -> Expression:
    """The sum of terms, with a divisor that many of them share written once, so that it is differentiated once."""
    groups: dict[Expression, list[Expression]] = {}
    for part in parts:
        factors = sp.Mul.make_args(part)
        below = [item for item in factors if item.is_Pow and item.exp.is_negative]
        groups.setdefault(sp.Mul(*below), []).append(sp.Mul(*(item for item in factors if item not in below)))
    sums = []
    for divisor, items in groups.items():
        sums.append(divisor * sp.Add(*items) if len(items) >= _MANY else sp.Add(*(divisor * item for item in items)))
    return sp.Add(*sums)
