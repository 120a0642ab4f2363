"""The measured part of a table: observable, value, error information and replicate of each row."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from pkpd_mdr.data.cells import labels, numbers
from pkpd_mdr.data.checks import (
    check_choice,
    check_counts,
    check_not_negative,
    check_positive,
    check_present,
    counts_things,
)
from pkpd_mdr.data.columns import Column, RawTable, find_column, split_reference
from pkpd_mdr.data.limits import Limits
from pkpd_mdr.errors import DataError, UnitError, did_you_mean, shown
from pkpd_mdr.units import DIMENSIONLESS, Unit

__all__ = ["ErrorColumns", "Measured", "read_errors", "read_measured", "read_replicates", "rows_frame"]


@dataclass(frozen=True, slots=True)
class ErrorColumns:
    """Which column tells the error of a value, and how many measurements it is a mean of."""

    sd: str | None = None
    sem: str | None = None
    variance: str | None = None
    n: str | None = None


@dataclass(frozen=True, slots=True)
class Measured:
    """Rows that carry a value, with what belongs to the value."""

    table: RawTable
    observable: NDArray[np.object_]
    value: NDArray[np.float64]
    units: Mapping[str, Unit]
    notes: tuple[str, ...]
    censored: NDArray[np.object_]


def read_measured(
    table: RawTable,
    value: str,
    observable: str | Mapping[str, str],
    observable_column: str | None,
    value_unit: str | None,
    missing: str,
    decimal: str,
    limits: Limits | None = None,
) -> Measured:
    """Read observables and values; rows of other observables and, if asked, missing values are left out.

    Values beyond a limit of quantification become that limit and are marked, or are left out if asked.

    Raises
    ------
    DataError
        Missing, infinite or impossible values, or an observable that the table does not hold.
    UnitError
        Units that disagree.
    """
    check_choice(missing, ("refuse", "drop"), "missing")
    names, units, notes = _observables(table, observable, observable_column)
    known = names != ""
    table, names = table.take(known), names[known]
    column = find_column(table, value, "value")
    unit = _value_unit(column, value_unit)
    stated = column.unit is not None or value_unit is not None
    for name, given in units.items():
        if stated and given is not None and not (given.like(unit) and given.factor == unit.factor):
            raise UnitError(
                f"{name} is in {shown(given.text)} but column "
                f"{shown(column.header)} in {shown(unit.text)}; make them agree"
            )
    unit_of = {name: given or unit for name, given in units.items()}
    limits = limits or Limits()
    values = numbers(table, column, decimal=decimal)
    values, marks = limits.applied(table, column, names, values, unit_of, decimal)
    gone = np.isnan(values)
    if missing == "drop" and gone.any():
        notes += (f"dropped {int(gone.sum())} rows without value: {table.place(np.flatnonzero(gone), column.header)}",)
    else:
        gone = np.zeros(len(table), dtype=bool)
    notes += limits.notes(marks)
    if limits.outside == "drop":
        gone |= marks != ""
    if gone.any():
        table, names, values, marks = table.take(~gone), names[~gone], values[~gone], marks[~gone]
        if len(table) == 0:
            raise DataError(
                f"{table.origin}, column {shown(column.header)}: every value is missing or left out; check the column"
            )
    check_present(table, column.header, values, "fill the cell, or say missing='drop' to leave such rows out")
    for name, its_unit in unit_of.items():
        if counts_things(its_unit):
            mine = names == name
            check_not_negative(table.take(mine), column.header, values[mine], "count")
    present = set(names)
    kept = {name: its_unit for name, its_unit in unit_of.items() if name in present}
    return Measured(table, names, values, kept, notes, marks)


def _value_unit(column: Column, value_unit: str | None) -> Unit:
    if value_unit is None:
        return column.unit or DIMENSIONLESS
    given = _unit(value_unit, "value_unit")
    if column.unit is not None and not (column.unit.like(given) and column.unit.factor == given.factor):
        raise UnitError(
            f"value: column {shown(column.header)} is in {shown(column.unit.text)} "
            f"but value_unit = {shown(value_unit)}; make them agree"
        )
    return given


def _observables(
    table: RawTable, observable: str | Mapping[str, str], observable_column: str | None
) -> tuple[NDArray[np.object_], dict[str, Unit | None], tuple[str, ...]]:
    """Name of each row's observable (empty: not wanted), their units, and what to tell."""
    if observable_column is None:
        if not isinstance(observable, str):
            raise DataError("several observables need observable_column, the column that tells them apart")
        name, unit = _named(observable)
        return np.full(len(table), name, dtype=object), {name: unit}, ()
    column = find_column(table, observable_column, "observable_column")
    found = labels(table, column, "observable_column")
    if isinstance(observable, str):
        texts = np.array([str(name) for name in found], dtype=object)
        return texts, dict.fromkeys(dict.fromkeys(texts)), ()
    present = {str(name) for name in found}
    meaning: dict[str, str] = {}
    units: dict[str, Unit | None] = {}
    for theirs, ours in observable.items():
        if theirs not in present:
            hint = did_you_mean(theirs, sorted(present))
            raise DataError(f"observable: column {shown(column.header)} has no {shown(theirs)}{hint}")
        meaning[theirs], units[meaning[theirs]] = _named(ours)
    names = np.array([meaning.get(str(name), "") for name in found], dtype=object)
    others = sorted(present - set(meaning))
    note = f"left out {int((names == '').sum())} rows of {', '.join(others)}" if others else ""
    return names, units, (note,) if note else ()


def _named(observable: str) -> tuple[str, Unit | None]:
    name, unit = split_reference(observable)
    if not name or "[" in name or "]" in name:
        raise DataError(
            f"observable {shown(observable)} is not a name with a unit; write for example 'tumour_volume [mm**3]'"
        )
    return name, None if unit is None else _unit(unit, f"observable {shown(name)}")


def _unit(text: str, what: str) -> Unit:
    try:
        return Unit.of(text)
    except UnitError as problem:
        raise UnitError(f"{what}: {problem}") from problem


def read_errors(table: RawTable, given: ErrorColumns, decimal: str) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Standard deviation of one measurement and the number of measurements behind each value.

    It may be missing (NaN) only where n says that the value is a single measurement.
    ``sem`` and ``variance`` are turned into it: ``sd = sem * sqrt(n)``, ``sd = sqrt(variance)``.

    Raises
    ------
    DataError
        More than one kind of error, a missing or non-positive one, or an impossible n.
    """
    chosen = [(kind, ref) for kind, ref in (("sd", given.sd), ("sem", given.sem), ("variance", given.variance)) if ref]
    if len(chosen) > 1:
        raise DataError(f"{' and '.join(kind for kind, _ in chosen)} are both given; name one column of errors")
    n = np.ones(len(table))
    if given.n is not None:
        column = find_column(table, given.n, "n")
        n = numbers(table, column, decimal=decimal)
        check_counts(table, column.header, n)
    if not chosen:
        return np.full(len(table), np.nan), n.astype(np.int64)
    kind, reference = chosen[0]
    column = find_column(table, reference, kind)
    spread = numbers(table, column, decimal=decimal)
    needed = np.where((n == 1) & np.isnan(spread) & (given.n is not None), 1.0, spread)  # one value has no spread
    check_present(table, column.header, needed, f"every value needs its {kind}; leave the row out or drop the argument")
    check_positive(table, column.header, spread, kind)
    sd = {"sd": spread, "sem": spread * np.sqrt(n), "variance": np.sqrt(spread)}[kind]
    return sd, n.astype(np.int64)


def read_replicates(table: RawTable, replicate: str | None, decimal: str) -> NDArray[np.object_]:
    """Name of each row's replicate, ``"1"`` when the table does not tell them apart."""
    if replicate is None:
        return np.full(len(table), "1", dtype=object)
    column = find_column(table, replicate, "replicate")
    return np.array([str(name) for name in labels(table, column, "replicate", decimal=decimal)], dtype=object)


def rows_frame(
    measured: Measured, time: NDArray[np.float64], replicate: NDArray[np.object_], errors: ErrorColumns, decimal: str
) -> pd.DataFrame:
    """The measured rows under the names of the tidy table, without conditions."""
    sd, n = read_errors(measured.table, errors, decimal)
    columns = {
        "observable": measured.observable,
        "replicate": replicate,
        "time": time,
        "value": measured.value,
        "sd": sd,
        "n": n,
        "censored": measured.censored,
        "source_row": measured.table.rows,
    }
    return pd.DataFrame(columns)
