"""`read_nonmem`: one table of doses and measurements in NONMEM format, with limits of quantification."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from pkpd_mdr.arguments import TABLE, TEXT, takes
from pkpd_mdr.data.assemble import tidy
from pkpd_mdr.data.checks import check_unique
from pkpd_mdr.data.columns import split_reference
from pkpd_mdr.data.conditions import Condition, describe
from pkpd_mdr.data.limits import BELOW
from pkpd_mdr.data.measurements import Data
from pkpd_mdr.errors import DataError, did_you_mean, shown
from pkpd_mdr.units import Quantity, Unit, quantity, with_columns

if TYPE_CHECKING:
    from pkpd_mdr.regimen import Subject
    from pkpd_mdr.regimen.checks import Compartment, Row
    from pkpd_mdr.regimen.table import Record

__all__ = ["read_nonmem"]

_KINDS = ("DVID", "YTYPE", "FLAG")
"""Columns in which tables say what DV measures."""
_MARKS = ("BLQ", "BQL", "BLOQ", "CENS")
"""Columns in which tables mark values below the limit of quantification."""
_LOOKED = 500  # rows that show what a column is


@takes(DataError, amount_unit=TEXT, time_unit=TEXT, covariates=TABLE, blq=TEXT, lloq=TEXT, columns=TABLE)
def read_nonmem(
    table: pd.DataFrame | str | os.PathLike[str],
    *,
    compartments: Mapping[int, tuple[str, str]],
    amount_unit: str,
    observables: str | Mapping[int, str],
    time_unit: str = "h",
    covariates: Mapping[str, str] | None = None,
    blq: str | None = None,
    lloq: str | None = None,
    columns: Mapping[str, str] | None = None,
    default: Compartment | None = None,
) -> Data:
    """Read doses (AMT, RATE, II, ADDL, SS, CMT) and measurements (DV, MDV) of subjects; each becomes a condition.

    Parameters
    ----------
    table, compartments, amount_unit, time_unit, columns, default
        As in `pkpd_mdr.regimen.read_doses`, which also says which rows are possible.
    observables : str or mapping of CMT to str
        What DV measures: ``"C_theo [mg/L]"``, or one for each compartment that is observed.
    covariates : mapping of column to "parameter [unit]", optional
        Columns that are constant within a subject and known values of model parameters: ``{"WT": "weight [kg]"}``. An
        entry as in `read_assay`, ``{"weight": "WT [kg]"}``, is read as what it says where WT alone is a column.
    blq : str, optional
        Column of 0 and 1 that marks values below the limit of quantification; DV is then the limit.
    lloq : str, optional
        The limit, such as ``"0.1 mg/L"``, for all rows: it replaces DV of rows that `blq` marks, and marks those below.

    Returns
    -------
    Data

    Raises
    ------
    DataError
        A row that measures an undeclared compartment, or is marked as below a limit that is not known; values of one
        observable that a column DVID, YTYPE or FLAG tells apart.
    RegimenError
        An impossible dose, or a reset, which no regimen can express.

    Notes
    -----
    Columns of numbers that nothing reads are named in `Data.notes`, which its text and the text of a fit show.

    Options of a control stream (IGNORE, ACCEPT, DROP) are not read: rows and values that IGNORE=C or IGNORE=(...) would
    leave out have to be removed before.

    Examples
    --------
    >>> rows = {"ID": 1, "TIME": [0, 1, 8], "AMT": [100, 0, 0], "DV": [".", 4.1, 0.5], "BLQ": [0, 0, 1]}
    >>> frame = pd.DataFrame(rows)
    >>> read = {"compartments": {1: ("dox", "iv")}, "amount_unit": "mg", "observables": "C_dox [mg/L]", "blq": "BLQ"}
    >>> read_nonmem(frame, **read).table[["value", "censored"]].values.tolist()
    [[4.1, ''], [0.5, 'below']]
    """
    from pkpd_mdr.regimen.records import doses_of, layout_of, numeric
    from pkpd_mdr.regimen.rows import table_rows

    layout = layout_of(compartments, amount_unit, time_unit, default)
    header, lines = table_rows(table, columns or {})
    known = with_columns(covariates or {}, header, keys=True)
    kept = [*known, *([] if blq is None else [blq])]
    carry = "" if blq is None else "locf"  # marks change from row to row; covariates must not, which is checked below
    records = doses_of(header, lines, layout, carry=carry, wanted=kept)
    names = _observed(observables)
    limit = None if lloq is None else quantity(lloq, "lloq")
    rows, codes, conditions = [], [], []
    for code, subject in enumerate(records):
        conditions.append(_condition(subject, known))
        mine = [_row(subject, record, names, blq is not None, limit) for record in subject.observations]
        rows += [row for row in mine if row is not None]
        codes += [code] * sum(row is not None for row in mine)
    origin = Path(table).name if isinstance(table, (str, os.PathLike)) else "the table"
    if not rows:
        raise DataError(f"{origin}: no row measures anything; rows with EVID 0, MDV 0 and a DV do")
    used = {*lines[0].names.values(), *records.covariates}
    others = [name for name in header if name not in used]
    _check_kinds(others, lines, rows)
    frame = pd.DataFrame(rows).assign(replicate="1", sd=np.nan, n=1)
    named, tidied = tidy(frame, np.array(codes), conditions)
    check_unique(tidied, origin, "row", "remove one of them")
    units = {name: unit for name, unit in names.values() if name in set(tidied["observable"])}
    below = int((tidied["censored"] == BELOW).sum())
    notes = (f"{below} of {len(tidied)} values below the lower limit of quantification, censored",) if below else ()
    unused = _unused([name for name in others if numeric(name, lines[:_LOOKED])], lines[:_LOOKED])
    return Data(named, units, tidied, notes + unused, origin)


def _unused(columns: Sequence[str], lines: Sequence[Row]) -> tuple[str, ...]:
    """A note on columns of numbers that nothing reads, with what would read the first of them."""
    if not columns:
        return ()
    ways = [f"blq={name!r} if it marks values below the limit" for name in columns if name.upper() in _MARKS]
    subjects = [line.label("ID") for line in lines]
    for name in columns:
        values = set(zip(subjects, (line.label(name) for line in lines), strict=True))
        if name.upper() not in _MARKS and len(values) == len(set(subjects)):
            ways.append(f"covariates={{{name!r}: 'parameter [unit]'}} if the model knows it")
            break
    return (f"columns of numbers that are not used: {', '.join(columns)}{''.join(f'; {way}' for way in ways)}",)


def _observed(observables: str | Mapping[int, str]) -> dict[Any, tuple[str, Unit]]:
    """Name and unit of what each compartment shows; None stands for any compartment."""
    given: Mapping[Any, str] = observables if isinstance(observables, Mapping) else {None: observables}
    found = {}
    for compartment, reference in given.items():
        name, unit = split_reference(reference) if isinstance(reference, str) else ("", None)
        if not name or unit is None:
            raise DataError(f"observables: {shown(reference)} is no name with a unit; write for example 'C_dox [mg/L]'")
        found[compartment] = (name, Unit.of(unit))
    return found


def _check_kinds(columns: Sequence[str], lines: Sequence[Row], measured: Sequence[Mapping[str, Any]]) -> None:
    """Refuse values of one observable that a column such as DVID tells apart."""
    for column in columns:
        first: dict[str, Compartment | None] = {}
        for each in measured if column.upper() in _KINDS else ():
            line, name = lines[each["source_row"] - 1], each["observable"]
            kind = line.label(column)
            if kind != (before := first.setdefault(name, kind)):
                now, then = ("nothing" if cell is None else shown(cell) for cell in (kind, before))
                raise DataError(
                    f"{line.where}, column {column}: {now} after {then} among the values of {name}, "
                    f"which would be read as one; let it take the place of CMT, columns={{'CMT': {column!r}}} and "
                    "observables={1: ..., 2: ...}, keep the observations of one kind, or leave the column out"
                )


def _condition(subject: Subject, covariates: Mapping[str, str]) -> Condition:
    known = {}
    for at, (column, reference) in enumerate(covariates.items()):
        values = {row[at] for row in subject.covariates}
        if len(values) > 1:
            raise DataError(
                f"subject {shown(subject.id)}: {column} changes from {subject.covariates[0][at]:g}; a covariate that "
                "is a parameter must be constant within a subject"
            )
        name, unit = split_reference(reference) if isinstance(reference, str) else ("", None)
        if not name:
            raise DataError(
                f"covariates: {shown(reference)} is no parameter with a unit; write for example 'weight [kg]'"
            )
        known[name] = Quantity(values.pop(), Unit.of(unit or ""))
    labels = {"ID": subject.id}
    return Condition(describe(labels, {}), labels, subject.regimen(), known)


def _row(
    subject: Subject,
    record: Record,
    names: Mapping[Any, tuple[str, Unit]],
    marks: bool,
    limit: Quantity | None,
) -> dict[str, object] | None:
    """One measurement; None where the row only asks for a prediction."""
    marked = marks and bool(subject.covariates[record.state][-1])  # the last of the columns that were kept
    if record.mdv and not (marked and record.dv is None):
        return None
    if record.compartment not in names and None not in names:
        raise DataError(
            f"row {record.row}, column CMT: {shown(record.compartment)} is measured, but observables does not say "
            f"what it shows{did_you_mean(str(record.compartment), map(str, names))}"
        )
    name, unit = names.get(record.compartment) or names[None]
    value = record.dv
    if limit is not None:
        if not limit.unit.like(unit):
            raise DataError(f"lloq is in {limit.unit.text!r}, but {name} in {unit.text!r}; use one unit")
        least = limit.internal / unit.factor
        marked = marked or (value is not None and value < least)
        value = least if marked else value
    if marked and (value is None or value <= 0):
        raise DataError(
            f"row {record.row}, column DV: the row is marked as below the limit of quantification, but the limit "
            "is not known; write it as DV or say lloq="
        )
    censored = BELOW if marked else ""
    return {"observable": name, "time": record.clock, "value": value, "censored": censored, "source_row": record.row}
