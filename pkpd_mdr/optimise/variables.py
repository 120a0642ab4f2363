"""What an optimiser may change: ranges, ladders of levels, choices and orders, with units."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import permutations
from typing import Any

import numpy as np

from pkpd_mdr.arguments import FLAG, listed, takes
from pkpd_mdr.engine.lowering import FloatArray
from pkpd_mdr.errors import RegimenError, shown
from pkpd_mdr.units import Quantity, QuantityLike, Unit, quantity

__all__ = ["Choice", "Ladder", "Range", "Space", "Variable", "Variables", "between", "order", "read_variables"]

_MOST = 100_000
_GRID = 21
_HOW = "('20 mg', '120 mg'), range(1, 7), ['7 day', '21 day'], between(...) or order(...)"


@dataclass(frozen=True, slots=True)
class Range:
    """Any value between two bounds; made by `between` or from a pair of bounds.

    Attributes
    ----------
    low, high : float
        In `unit`.
    unit : Unit
    bare : bool
        Whether bounds are numbers without a unit, so that the plan is handed a number.
    log : bool
        Whether factors count, not differences.
    """

    low: float
    high: float
    unit: Unit
    bare: bool = False
    log: bool = False

    @property
    def count(self) -> int | None:
        """Number of values; None, as there is a continuum."""
        return None

    def at(self, share: float) -> Any:
        """The value at a share of the range, 0 to 1."""
        value = self.low + share * (self.high - self.low)
        if self.log:
            value = self.low * (self.high / self.low) ** share
        value = min(max(value, self.low), self.high)
        return value if self.bare else Quantity(value, self.unit)

    def share(self, value: Any) -> float:
        """Where a value stands in the range, 0 to 1."""
        number = self.number(value)
        if self.log:
            return math.log(number / self.low) / math.log(self.high / self.low)
        return (number - self.low) / (self.high - self.low)

    def number(self, value: Any) -> float:
        """A value as a number in `unit`."""
        return float(value if self.bare else value.value)

    def __str__(self) -> str:
        return f"{self.low:g} to {self.high:g} {self.unit.text}".rstrip()


@dataclass(frozen=True, slots=True)
class Ladder:
    """Ordered levels, evenly apart; made by `between(..., step=)` or from a ``range``."""

    levels: tuple[float, ...]
    unit: Unit
    whole: bool = False
    bare: bool = False

    @property
    def count(self) -> int | None:
        """Number of levels."""
        return len(self.levels)

    def at(self, share: float) -> Any:
        """The level in whose stretch of 0 to 1 a share lies."""
        value = self.levels[_stretch(share, len(self.levels))]
        return int(value) if self.whole else value if self.bare else Quantity(value, self.unit)

    def share(self, value: Any) -> float:
        """The middle of the stretch of a level."""
        return (self.levels.index(self.number(value)) + 0.5) / len(self.levels)

    def number(self, value: Any) -> float:
        """A level as a number in `unit`."""
        return float(value if self.whole or self.bare else value.value)

    def __str__(self) -> str:
        text = f"{self.levels[0]:g} to {self.levels[-1]:g} {self.unit.text}".rstrip()
        apart = self.levels[1] - self.levels[0] if len(self.levels) > 1 else 0.0
        return text if apart in (0.0, 1.0) else f"{text} by {apart:g}"


@dataclass(frozen=True, slots=True)
class Choice:
    """One of some options, in no order; made from a list or by `order`."""

    options: tuple[Any, ...]

    @property
    def unit(self) -> Unit:
        """Options are shown as they are."""
        return Unit.of("")

    @property
    def count(self) -> int | None:
        """Number of options."""
        return len(self.options)

    def at(self, share: float) -> Any:
        """The option in whose stretch of 0 to 1 a share lies."""
        return self.options[_stretch(share, len(self.options))]

    def share(self, value: Any) -> float:
        """The middle of the stretch of an option."""
        return (self.options.index(value) + 0.5) / len(self.options)

    def number(self, value: Any) -> float:
        """The place of an option."""
        return float(self.options.index(value))

    def __str__(self) -> str:
        texts = [option_text(option) for option in self.options]
        return "; ".join(texts[:6]) + (f" and {len(texts) - 6} more" if len(texts) > 6 else "")


Variable = Range | Ladder | Choice
Variables = Mapping[str, Any]


def _stretch(share: float, count: int) -> int:
    return min(max(int(share * count), 0), count - 1)


def option_text(option: Any) -> str:
    """An option for a table."""
    if isinstance(option, (tuple, list)) and option and all(isinstance(part, str) for part in option):
        return ", then ".join(option)
    if isinstance(option, Quantity):
        return f"{option.value:.4g} {option.unit.text}".rstrip()
    if isinstance(option, float):
        return f"{option:.4g}"
    return str(option) if isinstance(option, (str, int)) else shown(option)


@takes(RegimenError, log=FLAG)
def between(low: QuantityLike, high: QuantityLike, *, step: QuantityLike | None = None, log: bool = False) -> Variable:
    """A variable between two bounds, for `optimise`.

    Parameters
    ----------
    low, high : quantity
        Bounds, included; both with a unit, or both without. The plan is handed a quantity such as ``75 mg`` (its
        number is ``.value``) in the unit of `low`, or a plain number.
    step : quantity, optional
        Only levels that are whole steps above `low`, as in a hospital's rounding of doses.
    log : bool
        Search by factors, for a range of decades.

    Returns
    -------
    Variable

    Raises
    ------
    RegimenError
        Bounds that are not in order or not of one kind, a logarithm of zero, a step that does not fit.

    Examples
    --------
    >>> str(between("20 mg", "120 mg", step="10 mg")), str(between(0.1, 10, log=True))
    ('20 to 120 mg by 10', '0.1 to 10')
    """
    return _between("between()", low, high, step, log)


def _between(where: str, low: QuantityLike, high: QuantityLike, step: QuantityLike | None, log: bool) -> Variable:
    first, last = quantity(low, f"{where}: lower bound"), quantity(high, f"{where}: upper bound")
    if not first.unit.like(last.unit) or first.bare is not last.bare:
        raise RegimenError(f"{where}: {shown(low)} and {shown(high)} are no bounds of one kind; give both in one unit")
    top = last.internal / first.unit.factor
    if not first.value < top:
        raise RegimenError(f"{where}: {shown(low)} is not below {shown(high)}; write the lower bound first")
    if log and not first.value > 0:
        raise RegimenError(f"{where}: log=True needs bounds above zero, but {shown(low)} was given")
    if step is None:
        return Range(first.value, top, first.unit, first.bare, log)
    apart = quantity(step, f"{where}: step")
    if log or not apart.unit.like(first.unit) or not 0 < apart.internal <= last.internal - first.internal:
        raise RegimenError(
            f"{where}: step = {shown(step)} does not lead from {shown(low)} to {shown(high)}; give a step in the same "
            "unit, no longer than the range, and leave out log="
        )
    wide = apart.internal / first.unit.factor
    count = math.floor((top - first.value) / wide + 1e-9) + 1
    if count > _MOST:
        raise RegimenError(f"{where}: {count} levels are more than {_MOST}; use a larger step, or none")
    levels = tuple(float(f"{first.value + k * wide:.12g}") for k in range(count))
    return Ladder(levels, first.unit, bare=first.bare)


def order(*parts: str) -> Choice:
    """All orders of some names, as a variable for `optimise`; the plan is handed a tuple of names.

    Parameters
    ----------
    *parts : str
        Two to six different names.

    Raises
    ------
    RegimenError
        Fewer or more names, or one that is there twice.

    Examples
    --------
    >>> order("dox", "pac").options
    (('dox', 'pac'), ('pac', 'dox'))
    """
    if not 2 <= len(parts) <= 6 or not all(isinstance(part, str) for part in parts) or len(set(parts)) < len(parts):
        raise RegimenError(f"order{shown(parts)}: give two to six different names, as in order('dox', 'pac')")
    return Choice(tuple(permutations(parts)))


def read_variables(given: Variables) -> dict[str, Variable]:
    """Read what may be changed.

    Parameters
    ----------
    given : mapping of str to variable
        A pair of bounds, a ``range`` of whole numbers, a list of options, `between` or `order`.

    Returns
    -------
    dict of str to Variable

    Raises
    ------
    RegimenError
        No variable, a name that is no name, or something that is no variable; it is named.

    Examples
    --------
    >>> found = read_variables({"dose": ("20 mg", "120 mg"), "times": range(1, 7), "gap": ["7 day", "21 day"]})
    >>> [str(item) for item in found.values()]
    ['20 to 120 mg', '1 to 6', '7 day; 21 day']
    """
    if not isinstance(given, Mapping) or not given:
        raise RegimenError(f"variables is {shown(given)}; give a dict such as {{'dose': ('20 mg', '120 mg')}}")
    found = {}
    for name, item in given.items():
        if not isinstance(name, str) or not name.isidentifier():
            raise RegimenError(f"the variable {shown(name)} has no name of an argument; write for example 'dose'")
        found[name] = _variable(f"variable {shown(name)}", item)
    return found


def _variable(where: str, item: object) -> Variable:
    if isinstance(item, (Range, Ladder, Choice)):
        return item
    if isinstance(item, range):
        if not 0 < len(item) <= _MOST:
            raise RegimenError(
                f"{where}: {item} has {len(item)} whole numbers; write for example range(1, 7) for 1 to 6"
            )
        return Ladder(tuple(float(k) for k in sorted(item)), Unit.of(""), whole=True)
    if isinstance(item, tuple):
        pair = len(item) == 2 and not (isinstance(item[0], (int, float)) and isinstance(item[1], str))
        if not pair:
            raise RegimenError(f"{where}: {shown(item)} is not a pair of bounds; write for example ('20 mg', '120 mg')")
        return _between(where, item[0], item[1], None, False)
    options = listed(item)
    if options is None or isinstance(item, (set, frozenset)):
        raise RegimenError(f"{where} is {shown(item)}, which is no variable; write {_HOW}")
    if not options or any(options.count(option) > 1 for option in options):
        raise RegimenError(f"{where}: {shown(item)} needs options, each of them once")
    return Choice(tuple(options))


@dataclass(frozen=True, slots=True)
class Space:
    """All variables together, as a cube with sides from 0 to 1.

    Attributes
    ----------
    variables : dict of str to Variable
    """

    variables: dict[str, Variable]

    @property
    def free(self) -> list[int]:
        """Sides along which values are a continuum."""
        return [k for k, item in enumerate(self.variables.values()) if item.count is None]

    @property
    def finite(self) -> list[int]:
        """The other sides."""
        return [k for k, item in enumerate(self.variables.values()) if item.count is not None]

    @property
    def combinations(self) -> int:
        """Number of combinations of the finite variables."""
        return math.prod(item.count or 1 for item in self.variables.values())

    def points_of(self, combinations: int) -> FloatArray:
        """The middle of every combination of the finite variables; continua at their middle."""
        sides = [(np.arange(n) + 0.5) / n for n in (item.count or 1 for item in self.variables.values())]
        return np.stack([side.ravel() for side in np.meshgrid(*sides, indexing="ij")], axis=-1)[:combinations]

    def values(self, point: FloatArray) -> dict[str, Any]:
        """What a plan is handed at a point of the cube."""
        return {name: item.at(float(x)) for (name, item), x in zip(self.variables.items(), point, strict=True)}

    def rounded(self, points: FloatArray) -> FloatArray:
        """The same candidates with finite variables in the middle of their stretch, so that equal ones are equal."""
        found = np.clip(points, 0.0, 1.0)
        for k in self.finite:
            count = list(self.variables.values())[k].count or 1
            found[:, k] = (np.minimum(np.floor(found[:, k] * count), count - 1) + 0.5) / count
        return found

    def along(self, point: FloatArray, most: int = _GRID) -> FloatArray:
        """Points along each variable through a point: all levels or options, up to a number, or a grid."""
        lines = []
        for k, item in enumerate(self.variables.values()):
            if item.count is None:
                places = np.linspace(0.0, 1.0, most)
            else:
                chosen = np.unique(np.linspace(0, item.count - 1, min(item.count, most)).round())
                places = (chosen + 0.5) / item.count
            line = np.tile(point, (len(places), 1))
            line[:, k] = places
            lines.append(line)
        return np.concatenate(lines)


def described(variables: Mapping[str, Variable], values: Mapping[str, Any]) -> str:
    """A candidate in words: ``dose=75 mg, times=6``."""
    return ", ".join(f"{name}={option_text(values[name])}" for name in variables)


def columns(variables: Mapping[str, Variable], rows: Sequence[Mapping[str, Any]]) -> dict[str, list[Any]]:
    """Candidates as columns of a table: numbers under ``name [unit]``, options as text."""
    found: dict[str, list[Any]] = {}
    for name, item in variables.items():
        if isinstance(item, Choice):
            found[name] = [option_text(row[name]) for row in rows]
        else:
            unit = item.unit.text
            found[f"{name} [{unit}]" if unit else name] = [item.number(row[name]) for row in rows]
    return found
