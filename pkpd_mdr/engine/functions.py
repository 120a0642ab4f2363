"""From symbols to Python functions: the only place where expressions become code that Python runs.

Names never reach generated code: every symbol is renamed to a fixed pattern first. Functions of numbers (for one
trajectory) use `math`; functions of arrays (for observables at many times, and tables of parameters) use NumPy.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt
import sympy as sp

from pkpd_mdr.expression import symbol
from pkpd_mdr.model.parts import Expression
from pkpd_mdr.model.slots import FilledSlot

__all__ = ["FloatArray", "beyond", "function_of", "over_columns"]

FloatArray = npt.NDArray[np.float64]

_TINY = 1e-300


def _power(base: float, exponent: float) -> float:
    if base > 0.0:
        return math.exp(min(exponent * math.log(base), 700.0))
    return 1.0 if exponent == 0.0 else 0.0


def _power_array(base: Any, exponent: Any) -> Any:
    base, exponent = np.asarray(base, float), np.asarray(exponent, float)
    with np.errstate(over="ignore", invalid="ignore"):
        positive = np.where(base > 0.0, base, 1.0) ** exponent
    return np.where(base > 0.0, positive, np.where(exponent == 0.0, 1.0, 0.0))


def _step(x: float, at_zero: float = 0.5) -> float:
    return at_zero if x == 0 else float(x > 0)


_SCALAR: list[Any] = [
    {
        "Power": _power,
        "Log": lambda x: math.log(max(x, _TINY)),
        "exp": lambda x: math.exp(min(x, 700.0)),
        "Heaviside": _step,
        "DiracDelta": lambda x: 0.0,
        "sign": lambda x: float(x > 0) - float(x < 0),
    },
    "math",
]
_ARRAY: list[Any] = [
    {
        "Power": _power_array,
        "Log": lambda x: np.log(np.maximum(x, _TINY)),
        "Heaviside": lambda x, at_zero=0.5: np.heaviside(x, at_zero),
        "DiracDelta": lambda x: 0.0 * x,
    },
    "numpy",
]


def function_of(
    arguments: Sequence[Expression | Sequence[Expression]],
    expressions: Sequence[Expression],
    *,
    over_arrays: bool = False,
) -> Callable[..., Any]:
    """A function that returns the values of expressions as a list.

    Parameters
    ----------
    arguments : sequence of symbols, or of sequences of them
        What the function takes, in order: a number (or an array) for a symbol, a sequence for a sequence.
    expressions : sequence of sympy.Expr
    over_arrays : bool
        Whether values are arrays.

    Examples
    --------
    >>> function_of([symbol("a"), [symbol("b"), symbol("c")]], [symbol("a") * symbol("c")])(2.0, [0.0, 3.0])
    [6.0]
    """
    names: dict[Expression, Expression] = {}

    def renamed(given: Expression | Sequence[Expression]) -> Any:
        """A plain symbol for each argument, lists as lists."""
        if isinstance(given, Sequence):
            return [renamed(item) for item in given]
        return names.setdefault(given, sp.Symbol(f"v{len(names)}_"))

    places = [renamed(item) for item in arguments]
    plain = _renamed(expressions, names)
    function: Callable[..., Any] = sp.lambdify(places, plain, modules=_ARRAY if over_arrays else _SCALAR, cse=True)
    return function


def _renamed(expressions: Iterable[Expression], names: Mapping[Expression, Expression]) -> list[Expression]:
    """Expressions with other symbols, each shared part once.

    Functions are taken over as they are: SymPy would compare the arguments of each Max anew, which takes long.
    """
    known = dict(names)

    def of(item: Expression) -> Expression:
        """One expression with known symbols replaced; each part is built once."""
        if not item.args:
            return known.get(item, item)
        if item not in known:
            parts = [of(part) for part in item.args]
            function = isinstance(item, (sp.Function, sp.Max, sp.Min)) and not isinstance(item, sp.Piecewise)
            known[item] = item.func(*parts, evaluate=False) if function else item.func(*parts)
        return known[item]

    return [of(expression) for expression in expressions]


def over_columns(expression: Expression, columns: Mapping[str, FloatArray]) -> FloatArray:
    """Value of an expression in each row of a table.

    Parameters
    ----------
    expression : sympy.Expr
        In the symbols of some of the columns.
    columns : mapping of str to ndarray, shape (rows,)

    Returns
    -------
    ndarray, shape (rows,)
        Not finite where a row has no value.

    Examples
    --------
    >>> from pkpd_mdr.expression import parse
    >>> over_columns(parse("CL*(WT/70)**0.75", ["CL", "WT"]), {"CL": np.array([5.0]), "WT": np.array([70.0])})
    array([5.])
    """
    names = tuple(name for name in columns if symbol(name) in expression.free_symbols)
    with np.errstate(all="ignore"):
        [found] = _of_columns(expression, names)(*(columns[name] for name in names))
    return np.array(np.broadcast_to(np.asarray(found, dtype=float), len(next(iter(columns.values())))))


def beyond(slot: FilledSlot, columns: Mapping[str, FloatArray]) -> tuple[FloatArray, npt.NDArray[np.bool_]]:
    """Values of a formula in a slot in each row of a table, and whether they are outside it by more than rounding.

    Parameters
    ----------
    slot : FilledSlot
    columns : mapping of str to ndarray, shape (rows,)
        Internal values of its parameters, and perhaps of others.
    """
    values = over_columns(slot.expression, columns)
    wrong = np.asarray(slot.outside(values))
    return values, slot.outside(values, over_columns(slot.rounded, columns)) if wrong.any() else wrong


@lru_cache(maxsize=1024)
def _of_columns(expression: Expression, names: tuple[str, ...]) -> Callable[..., Any]:
    return function_of([symbol(name) for name in names], [expression], over_arrays=True)
