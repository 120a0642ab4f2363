"""Read and write NONMEM-format dose tables.

Column names are not case-sensitive; ``.``, empty and NaN mean 0 for dose items. Rows keep their file order, at equal
times too. What doses, lags, steady states and resets then do is written in `pkpd_mdr.engine.timeline`.
"""

from __future__ import annotations

import math
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from typing import TYPE_CHECKING

from pkpd_mdr.arguments import FLAG, TABLE, TEXT, TEXTS, Kind, takes
from pkpd_mdr.errors import RegimenError, did_you_mean, shown
from pkpd_mdr.regimen.acts import Act
from pkpd_mdr.regimen.algebra import Regimen
from pkpd_mdr.regimen.checks import COLUMNS, Compartment, Layout, Row, act_of, event_of
from pkpd_mdr.regimen.rows import table_rows
from pkpd_mdr.regimen.table import DoseRecords, Record, Subject
from pkpd_mdr.units import Unit, with_columns

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["doses_of", "layout_of", "numeric", "read_doses", "write_doses"]

_DATES = ("DATE", "DAT1", "DAT2", "DAT3")

_CARRIES = ("nocb", "locf")
_COLUMNS = Kind(
    "a list of columns; write for example ['WT']", lambda given: isinstance(given, Mapping) or TEXTS.fits(given)
)

Compartments = Mapping[int, tuple[str, str]] | Mapping[str, tuple[str, str]] | Mapping[Compartment, tuple[str, str]]


@takes(
    RegimenError,
    compartments=TABLE,
    covariates=_COLUMNS,
    carry=TEXT,
    columns=TABLE,
    allow_duplicates=FLAG,
    reset_cancels=FLAG,
)
def read_doses(
    table: pd.DataFrame | str | os.PathLike[str],
    *,
    compartments: Compartments,
    amount_unit: str,
    time_unit: str = "h",
    covariates: Sequence[str] | Mapping[str, str] | None = None,
    carry: str | None = None,
    columns: Mapping[str, str] | None = None,
    default: Compartment | None = None,
    allow_duplicates: bool = False,
    reset_cancels: bool = True,
) -> DoseRecords:
    """Read a dose table and check every row; `pkpd_mdr.simulate_records` predicts it.

    Parameters
    ----------
    table : DataFrame or path
        A frame, or a file with commas, semicolons (then decimal commas are read) or tabs, or one that NONMEM's $TABLE
        wrote: its titles and repeated headers are left out. Exponents may be Fortran's (1.0D+02, 1.0-101).
    compartments : mapping
        CMT to port and route, ``{1: ("dox", "oral"), 2: ("dox", "iv")}``. Others are only observed.
    amount_unit, time_unit : str
        Units of AMT and of TIME, II and DUR; RATE is amount per time.
    covariates : sequence of str, or mapping of column to "parameter [unit]", optional
        Columns to keep; without it every numeric column that has no role. Of a mapping as in `simulate_records` and
        `read_nonmem` only the columns are read here: what they are to a model is said there.
    carry : {"nocb", "locf"}, optional
        How covariates that vary in time are carried: next observation backward (as NONMEM does) or last
        observation forward. Has to be said when one varies.
    columns : mapping, optional
        Role to column where names differ: ``{"TIME": "hours", "AMT": "dose_mg"}``.
    default : int or str, optional
        Compartment of doses with CMT 0 or missing. With a single compartment that one.
    allow_duplicates : bool
        Whether equal dose rows at one time are meant (two tablets).
    reset_cancels : bool
        Whether EVID 3 and 4 forget pending additional and lagged doses.

    Returns
    -------
    DoseRecords

    Raises
    ------
    RegimenError
        A column or a value is missing or impossible; the sentence names the row (the line of a file) and column.

    Notes
    -----
    A steady state (SS=1) replaces the state of its own drug; other drugs of the table go on.
    Rows with MDV=1 and rows without DV are predicted but not compared. A column DUR, an extension to NONMEM, fixes
    the duration of infusions. EVID 2 with CMT < 0 (switching a compartment off) is refused. So is a column DATE (DAT1,
    DAT2, DAT3) that changes within a subject: TIME has to count from one zero.

    Options of a control stream (IGNORE, ACCEPT, DROP) are not read: rows and values that IGNORE=C or IGNORE=(...) would
    leave out have to be removed before. Only lines of a file that begin with # are left out.

    Examples
    --------
    >>> import pandas as pd
    >>> table = pd.DataFrame({"ID": 1, "TIME": [0, 24], "AMT": [100, 0], "II": [12, 0], "ADDL": [3, 0]})
    >>> records = read_doses(table, compartments={1: ("dox", "iv")}, amount_unit="mg")
    >>> print(records.subject(1).acts[0], records.subject(1).acts[0].additional)
    100 mg of 'dox' at 0 h 3
    """
    if carry is not None and carry not in _CARRIES:
        raise RegimenError(f"carry = {shown(carry)} is not known; write 'nocb' (as NONMEM) or 'locf'")
    layout = layout_of(compartments, amount_unit, time_unit, default)
    header, rows = table_rows(table, columns or {})
    wanted = [covariates] if isinstance(covariates, str) else covariates
    wanted = with_columns(wanted, header, keys=True) if isinstance(wanted, Mapping) else wanted
    return doses_of(
        header,
        rows,
        layout,
        carry=carry or "",
        wanted=None if wanted is None else list(wanted),
        allow_duplicates=allow_duplicates,
        cancel=reset_cancels,
    )


@dataclass(frozen=True, slots=True)
class _Rules:
    """How a table of doses is read."""

    layout: Layout
    covariates: Sequence[str]
    carry: str
    allow_duplicates: bool
    cancel: bool


def doses_of(
    header: Sequence[str],
    rows: Sequence[Row],
    layout: Layout,
    *,
    carry: str,
    wanted: Sequence[str] | None,
    allow_duplicates: bool = False,
    cancel: bool = True,
) -> DoseRecords:
    """The checked records of rows that are already read; arguments and errors as in `read_doses`."""
    rules = _Rules(layout, _covariates(header, rows, wanted), carry, allow_duplicates, cancel)
    subjects: list[Subject] = []
    seen: set[int | str] = set()
    dates = [name for name in header if name.upper() in _DATES and name not in rows[0].names.values()]
    for identity, group in groupby(enumerate(rows, start=1), key=lambda pair: _identity(pair[1])):
        block = list(group)
        if identity in seen:
            raise block[0][1].error(
                "ID", f"subject {shown(identity)} appears again after another one; keep its rows together"
            )
        seen.add(identity)
        _check_names(block)
        _check_dates(identity, block, dates)
        subjects.append(_subject(identity, block, rules))
    return DoseRecords(tuple(subjects), tuple(rules.covariates), rules.layout)


def _check_names(block: Sequence[tuple[int, Row]]) -> None:
    """Refuse texts that are one number, '01' and '1': NONMEM knows one subject there, who wrote them perhaps two."""
    first = None
    for _, row in block:
        cell = row.raw("ID")
        text = cell.strip() if isinstance(cell, str) else first
        first = text if first is None else first
        if text != first:
            raise row.error("ID", f"{shown(first)} and {shown(text)} are one number; write one subject alike, and two "
                            "subjects as two numbers")  # fmt: skip


def _check_dates(identity: int | str, block: Sequence[tuple[int, Row]], dates: Sequence[str]) -> None:
    """Refuse a date that changes: TIME beside it is a time of day, which NONMEM adds to the date."""
    for column in dates:
        first = None
        for _, row in block:
            date = row.label(column)
            first = date if first is None else first
            if date is not None and date != first:
                raise row.error(
                    column,
                    f"the date changes from {shown(first)} to {shown(date)} within subject {shown(identity)}, but "
                    "dates are not read; write TIME as hours since the first record and leave the column out",
                )


def layout_of(compartments: Compartments, amount_unit: str, time_unit: str, default: Compartment | None) -> Layout:
    """What the numbers of a table mean; errors as in `read_doses`."""
    if not Unit.of(time_unit).like(Unit.of("h")):
        raise RegimenError(f"time_unit = {shown(time_unit)} does not measure time; write 'h' or 'day'")
    if dict(Unit.of(amount_unit).dims) not in ({}, {"[mass]": 1}, {"[substance]": 1}):
        raise RegimenError(f"amount_unit = {shown(amount_unit)} does not measure an amount; write 'mg' or 'umol'")
    if not isinstance(compartments, Mapping) or not (default is None or isinstance(default, (int, str))):
        what = shown(default if isinstance(compartments, Mapping) else compartments)
        raise RegimenError(f"{what} names no compartment; write compartments={{1: ('dox', 'oral')}} and default=1")
    listed = []
    for label, target in compartments.items():
        if not isinstance(target, tuple) or len(target) != 2 or not all(isinstance(part, str) for part in target):
            raise RegimenError(
                f"compartment {shown(label)} has to map to a port and a route, as in {{1: ('dox', 'oral')}}"
            )
        listed.append((label, *target))
    if not listed:
        raise RegimenError("compartments= is empty; say what each CMT is, as in {1: ('dox', 'oral'), 2: ('dox', 'iv')}")
    if default is None and len(listed) == 1:
        default = listed[0][0]
    return Layout(tuple(listed), amount_unit, time_unit, default)


def _covariates(header: Sequence[str], rows: Sequence[Row], wanted: Sequence[str] | None) -> list[str]:
    if wanted is not None:
        folded = {name.casefold(): name for name in header}
        for name in wanted:
            if name.casefold() not in folded:
                near = f"; say carry={name!r}" if name in _CARRIES else did_you_mean(name, header)
                raise RegimenError(f"the dose table has no covariate column {shown(name)}{near}")
        return [folded[name.casefold()] for name in wanted]
    used = set(rows[0].names.values())
    return [name for name in header if name not in used and numeric(name, rows)]


def numeric(name: str, rows: Sequence[Row]) -> bool:
    """Whether most cells are numbers: comments are no covariates, but one slip of the pen does not hide one."""
    given = numbers = 0
    for row in rows:
        if row.raw(name) is not None:
            given += 1
            try:
                row.number(name)
                numbers += 1
            except RegimenError:
                pass
    return numbers * 2 > given


def _identity(row: Row) -> int | str:
    label = row.label("ID")
    if label is None:
        raise row.error("ID", "the row has no subject; write its number or name")
    return label


def _subject(identity: int | str, block: Sequence[tuple[int, Row]], rules: _Rules) -> Subject:
    records: list[Record] = []
    states: dict[tuple[float, ...], int] = {}
    doses: dict[tuple[int, int, Act], str] = {}
    lead = 0.0
    for number, row in block:
        record, lead = _record(number, row, records[-1] if records else None, lead, rules.layout)
        if record.act is not None and not rules.allow_duplicates:
            key = (record.occasion, record.evid, record.act)
            if key in doses:
                raise row.error("TIME", f"the dose of {doses[key]} is repeated; remove it or say allow_duplicates=True")
            doses[key] = row.where
        values = tuple(_covariate(row, name, identity) for name in rules.covariates)
        state = states.setdefault(values, len(states))
        if state and not rules.carry:
            varying = next(k for k, (a, b) in enumerate(zip(values, next(iter(states)), strict=True)) if a != b)
            raise row.error(
                rules.covariates[varying],
                f"the value changes within subject {shown(identity)}; say how: carry='nocb' (as NONMEM) or 'locf',"
                " or name the covariates you want in covariates=",
            )
        records.append(replace(record, state=state))
    carry = rules.carry if len(states) > 1 else ""
    return Subject(identity, tuple(records), tuple(states), carry, rules.cancel)


def _covariate(row: Row, name: str, identity: int | str) -> float:
    value = row.number(name)
    if value is None:
        raise row.error(
            name,
            f"the covariate of subject {shown(identity)} is missing; fill it in, or leave the column out of "
            "covariates=",
        )
    return value


def _record(number: int, row: Row, before: Record | None, lead: float, layout: Layout) -> tuple[Record, float]:
    """The record of a row, and by how much its internal clock is ahead of TIME."""
    evid = event_of(row)
    time, clock, lead, occasion = _clock(row, evid, before, lead, layout.hour)
    dv, mdv = row.number("DV"), row.whole("MDV")
    if mdv not in (None, 0, 1):
        raise row.error("MDV", f"{mdv} is not known; use 0 (measured) or 1 (missing)")
    if evid == 0 and mdv == 0 and dv is None:
        raise row.error("DV", "the measurement is missing although MDV is 0; fill it in or write MDV 1")
    act = act_of(row, clock, layout) if evid in (1, 4) else None
    skipped = int(evid != 0 or mdv == 1 or dv is None)
    return Record(number, time, clock, evid, row.label("CMT"), act, dv, skipped, occasion=occasion), lead


def _clock(row: Row, evid: int, before: Record | None, lead: float, hour: float) -> tuple[float, float, float, int]:
    """TIME, internal clock, lead and occasion of a row; the clock goes on where a reset lets TIME restart lower."""
    time = row.number("TIME")
    if time is None:
        raise row.error("TIME", "the time is missing")
    clock = time * hour + lead
    if before is None:
        if clock < 0:
            raise row.error("TIME", f"{time:g} is negative; count time from the first record")
        return time, clock, lead, 0
    if time >= before.time:
        return time, clock, lead, before.occasion
    if evid not in (3, 4):
        raise row.error("TIME", f"{time:g} comes after {before.time:g}; sort the rows, or reset with EVID 3 or 4")
    return time, before.clock, before.clock - time * hour, before.occasion + 1


@takes(RegimenError, infusions=TEXT)
def write_doses(
    source: Regimen | Mapping[int, Regimen] | Mapping[str, Regimen] | DoseRecords,
    *,
    compartments: Compartments | None = None,
    amount_unit: str | None = None,
    time_unit: str = "h",
    infusions: str | None = None,
) -> pd.DataFrame:
    """Write a dose table in NONMEM format.

    Parameters
    ----------
    source : Regimen, mapping of ID to Regimen, or DoseRecords
        Records are written as they were read, so that reading the result gives equal records.
    compartments, amount_unit, time_unit
        As in `read_doses`; needed for regimens, taken from the records otherwise.
    infusions : {"rate", "dur"}, optional
        How to write infusions of a fixed duration. ``"rate"`` (for regimens): RATE = AMT/duration, which every
        program reads and which is the same at bioavailability 1. ``"dur"`` (for records): a column DUR, an extension.

    Returns
    -------
    DataFrame
        ID TIME EVID AMT CMT RATE II ADDL SS MDV DV, DUR where used, then covariates.

    Raises
    ------
    RegimenError
        An act cannot be written (an exposure, radiation, surgery), its compartment is not known, or its amount is
        in a unit that cannot be converted.

    Examples
    --------
    >>> from pkpd_mdr.regimen.builders import infusion
    >>> frame = write_doses(infusion("dox", "75 mg", over="3 h"), compartments={1: ("dox", "iv")}, amount_unit="mg")
    >>> frame[["TIME", "AMT", "RATE"]].iloc[0].tolist()
    [0.0, 75.0, 25.0]
    """
    import pandas as pd

    if infusions not in (None, "rate", "dur"):
        raise RegimenError(f"infusions = {shown(infusions)} is not known; write 'rate' or 'dur'")
    if isinstance(source, DoseRecords):
        records, way = source, infusions or "dur"
    else:
        if compartments is None or amount_unit is None:
            raise RegimenError("writing a regimen needs compartments={1: ('dox', 'iv')} and amount_unit='mg'")
        layout = layout_of(compartments, amount_unit, time_unit, None)
        records, way = _from_regimens(source, layout), infusions or "rate"
    names = [name for name in COLUMNS if name != "DUR" or _uses_duration(records, way)]
    lines = [
        {**_line(record, subject.id, records.layout, way), **dict(zip(records.covariates, values, strict=True))}
        for subject in records
        for record in subject.records
        for values in [subject.covariates[record.state] if subject.covariates else ()]
    ]
    return pd.DataFrame(lines, columns=[*names, *records.covariates])


def _uses_duration(records: DoseRecords, way: str) -> bool:
    return way == "dur" and any(act.duration > 0 for subject in records for act in subject.acts)


def _from_regimens(source: Regimen | Mapping[int, Regimen] | Mapping[str, Regimen], layout: Layout) -> DoseRecords:
    given: Mapping[int, Regimen] | Mapping[str, Regimen] = {1: source} if isinstance(source, Regimen) else source
    if not isinstance(given, Mapping) or not all(isinstance(regimen, Regimen) for regimen in given.values()):
        raise RegimenError(
            f"{shown(source)} cannot be written as a dose table; give a regimen or a dict from ID to regimen"
        )
    subjects, row = [], 0
    for identity, regimen in given.items():
        records = []
        for act in regimen:
            row += 1
            compartment = _compartment_of(act, layout)
            records.append(Record(row, act.time / layout.hour, act.time, 1, compartment, act))
        subjects.append(Subject(identity, tuple(records)))
    return DoseRecords(tuple(subjects), (), layout)


def _compartment_of(act: Act, layout: Layout) -> Compartment:
    if act.action != "dose":
        raise RegimenError(f"{act}: only doses can be written as NONMEM records, not an action {shown(act.action)}")
    matches = [label for label, port, route in layout.compartments if port == act.port and act.route in ("", route)]
    exact = [label for label, port, route in layout.compartments if (port, route) == (act.port, act.route)]
    if len(found := exact or matches) == 1:
        return found[0]
    known = ", ".join(f"{label} = {port} {route}".strip() for label, port, route in layout.compartments)
    many = "more than one compartment fits" if matches else "no compartment fits"
    raise RegimenError(f"{act} by route {shown(act.route)}: {many}; known are {known}")


def _line(record: Record, identity: int | str, layout: Layout, way: str) -> dict[str, object]:
    line: dict[str, object] = {
        "ID": identity, "TIME": record.time, "EVID": record.evid, "AMT": 0.0, "CMT": record.compartment, "RATE": 0.0,
        "DUR": 0.0, "II": 0.0, "ADDL": 0, "SS": 0, "MDV": record.mdv,
        "DV": math.nan if record.dv is None else record.dv,
    }  # fmt: skip
    if (act := record.act) is not None:
        line |= _dose_items(act, layout, way)
    if record.compartment is None:
        line["CMT"] = 0
    return line


def _dose_items(act: Act, layout: Layout, way: str) -> dict[str, object]:
    unit = Unit.of(layout.amount_unit)
    if not act.amount.unit.like(unit):
        raise RegimenError(
            f"{act}: its unit cannot be written as {shown(layout.amount_unit)}; write the dose in that unit"
        )
    amount = act.amount.value * (act.amount.unit.factor / unit.factor)
    rate, duration = {"rate": -1.0, "duration": -2.0}.get(act.modelled, 0.0), 0.0
    if act.rate is not None:
        rate = act.rate.value * (act.rate.unit.factor / Unit.of(f"{layout.amount_unit}/{layout.time_unit}").factor)
    elif act.duration > 0 and way == "dur":
        duration = act.duration / layout.hour
    elif act.duration > 0:
        rate = amount / (act.duration / layout.hour)
    return {
        "AMT": amount, "RATE": rate, "DUR": duration, "II": act.interval / layout.hour,
        "ADDL": act.additional, "SS": act.steady,
    }  # fmt: skip
