"""Tables with one row per parameter set or start: read once, checked cell by cell.

A table that is wrong as a table (an unknown column, text for a number) is refused. A single value that no run can use
(missing, infinite, out of bounds) is that row's fault: its members are reported as failed, the others go on.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol, runtime_checkable

import numpy as np
import numpy.typing as npt
import pandas as pd

from pkpd_mdr.arguments import NUMBER, listed
from pkpd_mdr.engine.lowering import FloatArray
from pkpd_mdr.errors import DataError, UnitError, did_you_mean, is_flag, shown
from pkpd_mdr.model import Model
from pkpd_mdr.units import Quantity, QuantityLike, Unit, conversion, read, split_header

__all__ = ["Framed", "Rows", "RowsLike", "Slot", "check_stated", "parameter_slots", "read_rows", "state_slots"]


@runtime_checkable
class Framed(Protocol):
    """Anything with a table of rows, such as ``fit.draws(500)``."""

    @property
    def frame(self) -> pd.DataFrame:
        """One row per draw, one column per parameter; see `read_rows` for what else such an object may know."""


RowsLike = (
    pd.DataFrame
    | Framed
    | Mapping[str, QuantityLike | Sequence[QuantityLike] | FloatArray]
    | Sequence[Mapping[str, QuantityLike]]
    | FloatArray
)


@dataclass(frozen=True, slots=True)
class Slot:
    """What a column may hold.

    Parameters
    ----------
    unit : Unit
        Of bare numbers.
    lower, upper : float
        Bounds in `unit`.
    own : float, optional
        What a dict in a list of dicts need not say, in `unit`.
    molar_mass : Quantity, optional
        By which a column may be by mass where `unit` is by amount of substance, and the reverse.
    """

    unit: Unit
    lower: float = -math.inf
    upper: float = math.inf
    own: float | None = None
    molar_mass: Quantity | None = None


@dataclass(frozen=True, slots=True)
class Rows:
    """A table as internal values.

    Attributes
    ----------
    values : ndarray, shape (rows, columns)
        Internal units; NaN where a row is at fault.
    names : tuple of str
        Of the columns.
    labels : DataFrame
        Columns that name rows, as they came.
    faults : dict of int to str
        Row (from 0) to the sentence that says why it cannot be used.
    """

    values: FloatArray
    names: tuple[str, ...]
    labels: pd.DataFrame
    faults: dict[int, str] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.labels)


@dataclass(frozen=True, slots=True)
class _Column:
    """A column of a table: its header, the name and unit read from it, and its cells."""

    header: str
    name: str
    unit: Unit | None
    cells: npt.NDArray[Any]


def parameter_slots(model: Model) -> dict[str, Slot]:
    """What a table of parameters may hold."""
    return {
        name: Slot(part.unit, part.lower, part.upper, part.value, part.molar_mass)
        for name, part in model.parameters.items()
    }


def state_slots(model: Model, guarded: Sequence[bool]) -> dict[str, Slot]:
    """What a table of starts may hold; states that cannot be negative are `guarded`."""
    return {
        name: Slot(part.unit, 0.0 if low else -math.inf, molar_mass=model.molar_mass(name))
        for (name, part), low in zip(model.states.items(), guarded, strict=True)
    }


def read_rows(
    given: RowsLike | None,
    slots: Mapping[str, Slot],
    *,
    what: str,
    item: str,
    labels: Sequence[str] | None = None,
    elsewhere: Mapping[str, str] | None = None,
) -> Rows:
    """Read a table of parameters or starts.

    Parameters
    ----------
    given : DataFrame, object with ``.frame``, mapping, sequence of mappings, ndarray of shape (rows, slots), or None
        Headers may carry a unit (``"ec50_dox_S [nM]"``), which is converted; bare numbers are in the unit of their
        slot, which ``attrs["units"]`` of a frame must not contradict. In a mapping, one value stands for all rows. None
        is one row without columns. An object with a frame may know the ``units`` of its columns, and the ``groups`` of
        conditions that some of them hold for.
    slots : mapping of str to Slot
    what : str
        The argument, which opens messages: ``"parameters"``.
    item : str
        What a column is: ``"parameter"``.
    labels : sequence of str, optional
        Columns that are kept as they are.
    elsewhere : mapping of str to str, optional
        Names that belong into another table, and what to do with them; for messages.

    Returns
    -------
    Rows

    Raises
    ------
    DataError
        No row, an unknown column (the nearest is suggested), one that is there twice, a cell that is no number, or
        columns of several groups.
    UnitError
        A unit of another dimension, or one in ``attrs["units"]`` that the header does not say.

    Examples
    --------
    >>> rows = read_rows({"ec50": [20.0, np.nan], "h": 2}, {"ec50": Slot(Unit.of("nM")), "h": Slot(Unit.of(""))},
    ...                  what="parameters", item="parameter")
    >>> rows.values[0].tolist(), rows.faults
    ([0.02, 2.0], {1: "row 1 of parameters: 'ec50' is nan, which is not a finite number"})
    """
    if given is None:
        return Rows(np.empty((1, 0)), (), pd.DataFrame(index=range(1)))
    kept = () if labels is None else tuple(labels)
    frame = _framed(given, slots, what, kept)
    if not len(frame):
        raise DataError(f"the table of {what} has no row; give it at least one")
    columns = [_column(frame, position, what) for position in range(frame.shape[1])]
    names = [column.name for column in columns]
    for column in columns:
        if names.count(column.name) > 1:
            raise DataError(f"the table of {what} has the column {shown(column.name)} twice; leave one of them out")
    for label in kept:
        if label in slots:
            raise DataError(f"{shown(label)} is a {item} of the model and cannot be a label; rename the column")
    chosen = [column for column in columns if column.name not in kept]
    for column in chosen:
        if column.name not in slots:
            hint = (elsewhere or {}).get(column.name) or did_you_mean(column.name, slots, most=6)
            hint += "; columns that name rows are kept by id= or labels=" if labels is not None else ""
            raise DataError(
                f"the table of {what} has the column {shown(column.header)}, which is no {item} of the model{hint}"
            )
    faults: dict[int, str] = {}
    values = [_values(column, slots[column.name], what, item, faults) for column in chosen]
    return Rows(
        np.stack(values, axis=-1) if values else np.empty((len(frame), 0)),
        tuple(column.name for column in chosen),
        pd.DataFrame({column.name: column.cells for column in columns if column.name in kept}, index=frame.index),
        dict(sorted(faults.items())),
    )


def _framed(given: object, slots: Mapping[str, Slot], what: str, kept: tuple[str, ...]) -> pd.DataFrame:
    """Whatever was given as one frame with rows counted from 0; an index that names rows becomes a column."""
    if not isinstance(given, pd.DataFrame) and isinstance(given, Framed):
        given = _headed(given, what)
    if isinstance(given, pd.DataFrame):
        if given.columns.nlevels > 1:
            raise DataError(f"the table of {what} has several header rows; join them into one name for each column")
        check_stated(given, {name: slot.unit for name, slot in slots.items()}, what)
        name = given.index.name
        return given.reset_index(drop=name not in kept or name in given.columns)
    if isinstance(given, Mapping):
        return _from_mapping(given, what)
    if isinstance(given, np.ndarray):
        if given.ndim != 2 or given.shape[1] != len(slots) or given.dtype.kind not in "iuf":
            raise DataError(
                f"{what} is an array of shape {given.shape} and type {given.dtype}; an array holds numbers, one row "
                f"per set and {len(slots)} columns in the order of the model; a DataFrame may have fewer columns"
            )
        return pd.DataFrame(given, columns=list(slots))
    rows = listed(given)
    if rows is None:
        raise DataError(
            f"{what} is {shown(given)}; give a DataFrame, fit.draws(500), an array, a dict of columns or a list "
            "of dicts"
        )
    return _from_list(rows, slots, what)


def check_stated(frame: pd.DataFrame, units: Mapping[str, Unit], what: str) -> None:
    """Refuse a frame of another model, which says in ``attrs["units"]`` alone that its numbers are in other units.

    They are not converted: pandas keeps ``attrs`` when somebody else has done so.

    Raises
    ------
    UnitError
        A column whose header has no unit, and whose unit is not the one in which it would be read.
    """
    stated = frame.attrs.get("units")
    for name, text in stated.items() if isinstance(stated, Mapping) else ():
        if name not in units or name not in frame.columns:
            continue
        given, own = Unit.of(text), units[name]
        if not given.like(own) or given.factor != own.factor:
            raise UnitError(
                f"the column {shown(name)} of {what} is in {shown(given.text)} by attrs['units'] of its frame, but "
                f"would be read in {shown(own.text)}; write the unit into its header, as in "
                f"frame.rename(columns={{{name!r}: {f'{name} [{given.text}]'!r}}})"
            )


def _headed(given: Framed, what: str) -> pd.DataFrame:
    """The table of draws with the units that they know in its headers, so that any model reads them right."""
    frame, groups, units = given.frame, getattr(given, "groups", None), getattr(given, "units", None)
    if groups:
        known: dict[str, dict[Any, None]] = {}
        for label, value in (pair for _, group in groups.values() for pair in group):
            known.setdefault(label, {})[value] = None
        names = ", ".join(dict.fromkeys(shown(parameter) for parameter, _ in groups.values()))
        told = "; ".join(f"{label} is {' or '.join(map(shown, values))}" for label, values in known.items())
        largest = max((group for _, group in groups.values()), key=len)
        one = {label: next(iter(values)) for label, values in known.items()} | dict(largest)
        raise DataError(
            f"the {what} hold {names} for each group of conditions ({told}), and a run needs one of them; "
            f"hand in the draws of one group, as in fit.draws(500, seed=1).of("
            + ", ".join(f"{label}={shown(value)}" for label, value in one.items())
            + ")"
        )
    if not isinstance(units, Mapping):
        return frame
    return frame.rename(columns={name: f"{name} [{unit}]" for name, unit in units.items() if unit})


def _from_list(rows: list[Any], slots: Mapping[str, Slot], what: str) -> pd.DataFrame:
    for number, row in enumerate(rows):
        if not isinstance(row, Mapping):
            raise DataError(f"row {number} of {what} is {shown(row)}; give a dict from name to value")
    names = dict.fromkeys(name for row in rows for name in row)
    cells: dict[Any, Any] = {name: np.empty(len(rows), dtype=object) for name in names}
    for name, column in cells.items():
        own = slots[name].own if name in slots else None
        for number, row in enumerate(rows):
            if name not in row and own is None:
                raise DataError(
                    f"row {number} of {what} has no {shown(name)}, which other rows have; give it in every row"
                )
            column[number] = row.get(name, own)
    # as objects: pandas makes dates or errors of some numbers when it chooses the type itself
    return pd.DataFrame(cells, index=range(len(rows)), dtype=object)


def _from_mapping(given: Mapping[Any, Any], what: str) -> pd.DataFrame:
    columns = {name: _sequence(value) for name, value in given.items()}
    lengths = {name: len(value) for name, value in columns.items() if value is not None}
    if len(set(lengths.values())) > 1:
        told = ", ".join(f"{shown(name)} {length}" for name, length in list(lengths.items())[:4])
        raise DataError(f"the columns of {what} have different numbers of rows ({told}); make them equally long")
    count = next(iter(lengths.values()), 1)
    cells = {name: _cells(given[name], value, count) for name, value in columns.items()}
    return pd.DataFrame(cells, index=range(count))


def _cells(given: object, items: Sequence[Any] | FloatArray | None, count: int) -> npt.NDArray[Any]:
    """A column of numbers as it is, anything else cell by cell."""
    if items is given and isinstance(given, np.ndarray) and given.dtype.kind in "iuf":
        return given
    cells = np.empty(count, dtype=object)
    cells[:] = [given] * count if items is None else list(items)
    return cells


def _sequence(value: object) -> Sequence[Any] | FloatArray | None:
    """The items of a column; None for one value, a (number, unit) pair included."""
    if isinstance(value, np.ndarray) and value.ndim == 1:
        return value
    if isinstance(value, tuple) and len(value) == 2 and isinstance(value[1], str) and not isinstance(value[0], str):
        return None
    return listed(value)


def _column(frame: pd.DataFrame, position: int, what: str) -> _Column:
    header = str(frame.columns[position])
    name, unit = split_header(header.strip())
    if unit is None and (bracket := header.find("[")) > 0 and header.rstrip().endswith("]"):
        try:
            Unit.of(header.rstrip()[bracket + 1 : -1])
        except UnitError as problem:
            raise UnitError(
                f"the column {shown(header)} of {what}: {problem}; brackets hold units, and draws of several groups of "
                "conditions are handed in as fit.draws(500, seed=1).of(...)"
            ) from problem
    series = frame.iloc[:, position]
    plain = isinstance(series.dtype, np.dtype) and series.dtype.kind in "iuf"
    return _Column(header, name, unit, series.to_numpy() if plain else series.to_numpy(dtype=object))


def _values(column: _Column, slot: Slot, what: str, item: str, faults: dict[int, str]) -> FloatArray:
    unit = column.unit or slot.unit
    factor = conversion(unit, slot.unit, slot.molar_mass)
    if factor is None:
        raise UnitError(
            f"the column {shown(column.header)} of {what} is in {shown(unit.text)}, but the {item} "
            f"{shown(column.name)} is in {shown(slot.unit.text)}; give a unit of the same kind"
        )
    if column.cells.dtype.kind in "iuf":
        given = column.cells.astype(float)
    else:
        given = np.array(
            [
                _number(cell, unit, slot.molar_mass, f"row {k} of {what}: {column.name}")
                for k, cell in enumerate(column.cells)
            ]
        )
    factor *= unit.factor / slot.unit.factor
    own = given * factor if factor != 1.0 else given
    slack = 1e-9 * np.maximum(np.abs(own), 1e-300)
    bounds = f"which is outside its bounds [{slot.lower:g}, {slot.upper:g}] {slot.unit.text}".rstrip()
    for wrong, why in (
        (~np.isfinite(own), "which is not a finite number"),
        ((own < slot.lower - slack) | (own > slot.upper + slack), bounds),
    ):
        for row in np.flatnonzero(wrong).tolist():
            faults.setdefault(row, f"row {row} of {what}: {shown(column.name)} is {shown(column.cells[row])}, {why}")
    finite = np.where(np.isfinite(own), own, math.nan)
    near = np.abs(np.clip(finite, slot.lower, slot.upper) - finite) <= slack
    return np.where(near, finite * slot.unit.factor, math.nan)


def _number(cell: object, unit: Unit, molar_mass: Quantity | None, where: str) -> float:
    """A cell in `unit`: a number, or text or a pair with a unit of its own; missing is NaN."""
    if type(cell) is float:
        return cell
    if cell is None or type(cell).__name__ in ("NAType", "NaTType"):
        return math.nan
    if NUMBER.fits(cell):
        try:
            return float(cell)  # type: ignore[arg-type]
        except OverflowError:
            return math.inf
    if is_flag(cell) or not isinstance(cell, (str, tuple, Quantity)):
        raise DataError(f"{where} is {shown(cell)}, which is not a number")
    try:
        return read(cell, unit, where, bare=True, molar_mass=molar_mass) / unit.factor
    except UnitError as problem:
        raise DataError(str(problem)) from problem
