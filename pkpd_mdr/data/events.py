"""`read_events`: long tables in which a row is a measurement, a dose, or both, one subject after another."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Unpack

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from pkpd_mdr.arguments import TABLE, TEXT, TEXTS, takes
from pkpd_mdr.data.assemble import tidy
from pkpd_mdr.data.cells import Label, labels, numbers, several
from pkpd_mdr.data.checks import check_levels, check_names, check_not_negative, check_present, check_unique
from pkpd_mdr.data.columns import RawTable, find_column, open_table
from pkpd_mdr.data.conditions import Condition, describe
from pkpd_mdr.data.files import FileOptions
from pkpd_mdr.data.giving import HOUR, DoseOptions, Track, read_covariates, read_time, read_track
from pkpd_mdr.data.limits import Limit, Limits, read_marks
from pkpd_mdr.data.measurements import Data
from pkpd_mdr.data.rows import ErrorColumns, read_measured, read_replicates, rows_frame
from pkpd_mdr.data.selection import keep_rows
from pkpd_mdr.errors import DataError, shown
from pkpd_mdr.units import Quantity

if TYPE_CHECKING:
    from pkpd_mdr.regimen import Act, Regimen

__all__ = ["read_events"]


@takes(
    DataError,
    FileOptions,
    subject=TEXT,
    time=TEXT,
    value=TEXT,
    observable_column=TEXT,
    value_unit=TEXT,
    dose=TABLE,
    duration=TEXT,
    route=TEXT,
    weight=TEXT,
    level=TABLE,
    by=TEXTS,
    constants=TABLE,
    covariates=TABLE,
    keep=TABLE,
    mdv=TEXT,
    censoring=TEXT,
    outside=TEXT,
    missing=TEXT,
    decimal=TEXT,
)
def read_events(
    table: str | Path | pd.DataFrame,
    *,
    subject: str,
    time: str,
    value: str,
    observable: str | Mapping[str, str] = "burden",
    observable_column: str | None = None,
    value_unit: str | None = None,
    dose: Mapping[str, str] | None = None,
    duration: str | None = None,
    route: str = "",
    weight: str | None = None,
    level: Mapping[str, str] | None = None,
    by: str | Sequence[str] | None = (),
    constants: Mapping[str, Label] | None = None,
    covariates: Mapping[str, Any] | None = None,
    keep: Mapping[str, object] | None = None,
    mdv: str | None = None,
    lloq: Limit = None,
    uloq: Limit = None,
    censoring: str | None = None,
    outside: str = "censor",
    missing: str = "refuse",
    decimal: str = ".",
    **file: Unpack[FileOptions],
) -> Data:
    """Read a table of subjects whose rows carry measurements and doses; each subject becomes a condition.

    A row with a dose is a dose; a row with a value is a measurement; a row may be both.

    Parameters
    ----------
    table : str, pathlib.Path or pandas.DataFrame
    subject : str
        Column that names the subject.
    time, value : str
        Columns ``"name [unit]"``.
    observable, observable_column, value_unit
        As in `read_assay`; rows of a dose may leave the observable empty.
    dose : mapping, optional
        ``{"erlotinib": "Dose [mg]"}``: port and column of the amount, empty or 0 where none was given.
    duration : str, optional
        Column with the length of an infusion; empty or 0 for a dose given at once.
    route : str
        Such as ``"oral"``.
    weight : column or quantity, optional
        Body weight for doses per weight.
    level : mapping, optional
        ``{"abiraterone": "on [1]"}``: a level that holds from its row until the subject's next row, and
        after the last one until further notice.
    by : str or sequence of str
        Further label columns, constant within a subject.
    constants : mapping, optional
        Labels for the whole table, such as ``{"arm": "low"}``; tell tables apart before joining with ``&``.
    covariates : mapping, optional
        Model parameter = column or quantity, constant within a subject; either way round, as in `read_assay`.
    mdv : str, optional
        Column of NONMEM that is 1 where the value is missing: such rows measure nothing.
    lloq, uloq, censoring, outside
        As in `read_assay`: limits of quantification, and a column such as ``BLQ`` or ``CENS`` that marks rows.
    keep, missing, decimal
        As in `read_assay`.
    **file
        `FileOptions`.

    Returns
    -------
    Data

    Raises
    ------
    DataError
        The table cannot be read as it stands; the message has the row, the column and the remedy.
    UnitError
        A unit is missing, unknown or of another dimension.

    Examples
    --------
    >>> frame = pd.DataFrame({"id": [1, 1, 1], "t": [0, 1, 2], "mm3": [90, None, 80], "mg": [None, 0.5, None]})
    >>> data = read_events(frame, subject="id", time="t [day]", value="mm3 [mm**3]", dose={"erl": "mg [mg]"})
    >>> [act.time for act in data.conditions[0].regimen.acts], data.table["value"].tolist()
    ([24.0], [90.0, 80.0])
    """
    raw = keep_rows(open_table(table, **file), keep, decimal)
    told = _labels(raw, (subject, *several(by)), constants, decimal)
    doses = _doses(raw, dose, duration, DoseOptions(route, weight), decimal)
    levels = _levels(raw, level, decimal)
    times = read_time(raw, time, "time", decimal=decimal)
    check_present(raw, times.header, times.values, "fill in the time")
    subjects = _Subjects(told, times, doses, levels, read_covariates(raw, covariates, decimal))
    codes = subjects.codes(raw)
    looked = _measurement_rows(raw, value, observable_column, doses, read_marks(raw, censoring, decimal) != "", decimal)
    looked &= ~_declared_missing(raw, mdv, decimal)
    if not looked.any():
        raise DataError(f"{raw.origin}: no row measures anything; check the column {shown(value)}")
    limits = Limits(lloq, uloq, censoring, outside)
    options = (value, observable, observable_column, value_unit, missing, decimal, limits)
    measured = read_measured(raw.take(looked), *options)
    kept = np.searchsorted(raw.rows, measured.table.rows)
    hours = times.values[kept] * (times.unit or HOUR).factor
    rows = rows_frame(measured, hours, read_replicates(measured.table, None, decimal), ErrorColumns(), decimal)
    conditions = [subjects.condition(raw, np.flatnonzero(codes == code)) for code in range(int(codes.max()) + 1)]
    named, tidied = tidy(rows, codes[kept], conditions)
    check_unique(tidied, raw.origin, raw.word, "remove one of them")
    notes = (*measured.notes, *_unmeasured(conditions, named))
    return Data(named, measured.units, tidied, notes, raw.origin)


@dataclass(frozen=True, slots=True)
class _Dose:
    """One column of amounts; NaN and 0 mean that the row gives none."""

    port: str
    amount: Track
    route: str
    over: Track | None
    weight: Track | None


@dataclass(frozen=True, slots=True)
class _Subjects:
    """What is known of subjects, row by row."""

    labels: Mapping[str, NDArray[Any]]
    times: Track
    doses: Sequence[_Dose]
    levels: Mapping[str, Track]
    covariates: Mapping[str, Track]

    def codes(self, table: RawTable) -> NDArray[np.int64]:
        """Number of the subject of each row; the first label is the subject's."""
        frame = pd.DataFrame(dict(enumerate(self.labels.values())))
        codes = np.asarray(frame.groupby(list(frame.columns), sort=False).ngroup(), dtype=np.int64)
        by_name = pd.DataFrame({"subject": frame[0], "code": codes})
        several = by_name.groupby("subject")["code"].transform("nunique").to_numpy() > 1
        if several.any():
            at = np.flatnonzero(several)
            raise DataError(
                f"{table.place(at)}: subject {frame[0][at[0]]!r} has more than one set of labels "
                f"({', '.join(self.labels)}); make them constant within a subject"
            )
        return codes

    def condition(self, table: RawTable, rows: NDArray[np.int64]) -> Condition:
        """The condition made of all rows of one subject."""
        first = int(rows[0])
        its_labels = {name: values[first] for name, values in self.labels.items()}
        covariates = {}
        for name, track in self.covariates.items():
            changed = rows[track.values[rows] != track.values[first]]
            if len(changed):
                place = table.place(changed, track.header)
                raise DataError(f"{place}: covariate {shown(name)} changes within a subject; make it constant")
            covariates[name] = track.at(first)
        return Condition(describe(its_labels, covariates), its_labels, self._regimen(table, rows), covariates)

    def _regimen(self, table: RawTable, rows: NDArray[np.int64]) -> Regimen:
        from pkpd_mdr.regimen import Regimen

        acts = [act for dose in self.doses for act in self._given(table, dose, rows)]
        acts += [act for port, track in self.levels.items() for act in self._held(table, port, track, rows)]
        return Regimen(tuple(acts))

    def _at(self, row: int) -> Quantity:
        return Quantity(float(self.times.values[row]), self.times.unit or HOUR)

    def _given(self, table: RawTable, dose: _Dose, rows: NDArray[np.int64]) -> Iterator[Act]:
        from pkpd_mdr.regimen import bolus, infusion

        given = rows[dose.amount.values[rows] > 0]
        times = self.times.values[given]
        _, counts = np.unique(times, return_counts=True)
        if (counts > 1).any():
            twice = given[np.isin(times, np.unique(times)[counts > 1])]
            place = table.place(twice, dose.amount.header)
            raise DataError(f"{place}: {shown(dose.port)} is given twice at one time; add the doses up")
        check_not_negative(table.take(_mask(table, given)), self.times.header, times, "time of a dose")
        for row in given:
            amount, at = dose.amount.at(row), self._at(row)
            weight = dose.weight.at(row) if dose.weight else None
            over = dose.over.at(row) if dose.over else None
            if over is not None and over.value > 0:
                yield from infusion(dose.port, amount, over=over, at=at, route=dose.route, weight=weight).acts
            else:
                yield from bolus(dose.port, amount, at=at, route=dose.route, weight=weight).acts

    def _held(self, table: RawTable, port: str, track: Track, rows: NDArray[np.int64]) -> Iterator[Act]:
        """Exposures from runs of equal level."""
        from pkpd_mdr.regimen import exposure

        ordered = rows[np.argsort(self.times.values[rows], kind="stable")]
        times, values = self.times.values[ordered], track.values[ordered]
        clash = np.flatnonzero((np.diff(times) == 0) & (np.diff(values) != 0))
        if len(clash):
            place = table.place(ordered[[clash[0], clash[0] + 1]], track.header)
            raise DataError(f"{place}: {shown(port)} has two levels at one time; keep one")
        starts = np.flatnonzero(np.r_[True, np.diff(values) != 0])
        began = table.take(_mask(table, ordered[starts]))
        check_not_negative(began, self.times.header, times[starts], "start of a level")
        for start, stop in zip(starts, [*starts[1:], None], strict=True):
            if values[start] == 0:
                continue
            unit = self.times.unit or HOUR
            over = None if stop is None else Quantity(float(times[stop] - times[start]), unit)
            yield from exposure(port, track.at(ordered[start]), over=over, at=self._at(ordered[start])).acts


def _mask(table: RawTable, rows: NDArray[np.int64]) -> NDArray[np.bool_]:
    mask = np.zeros(len(table), dtype=bool)
    mask[rows] = True
    return mask


def _labels(
    table: RawTable, references: Sequence[str], constants: Mapping[str, Label] | None, decimal: str
) -> dict[str, NDArray[Any]]:
    columns = [find_column(table, reference, "subject or by") for reference in references]
    check_names([*(column.name for column in columns), *(constants or {})])
    found = {column.name: labels(table, column, "subject or by", decimal=decimal) for column in columns}
    return found | {name: np.full(len(table), text, dtype=object) for name, text in (constants or {}).items()}


def _doses(
    table: RawTable, dose: Mapping[str, str] | None, duration: str | None, options: DoseOptions, decimal: str
) -> list[_Dose]:
    over = weight = None
    if duration is not None:
        over = read_time(table, duration, "duration", decimal=decimal)
        check_not_negative(table, over.header, over.values, "duration")
    if options.weight is not None:
        weight = read_track(table, options.weight, "weight", decimal=decimal, needs_unit="kg")
    doses = []
    for port, reference in (dose or {}).items():
        amount = read_track(table, reference, f"dose of {shown(port)}", decimal=decimal, needs_unit="mg")
        check_not_negative(table, amount.header, amount.values, "dose")
        if weight is not None:
            needed = np.where(amount.values > 0, weight.values, 1.0)
            check_present(table, weight.header, needed, "a dose per weight needs the weight in its row")
        doses.append(_Dose(port, amount, options.route, over, weight))
    return doses


def _levels(table: RawTable, level: Mapping[str, str] | None, decimal: str) -> dict[str, Track]:
    tracks = {}
    for port, reference in (level or {}).items():
        tracks[port] = read_track(table, reference, f"level of {shown(port)}", decimal=decimal, needs_unit="nM")
        check_levels(table, tracks[port].header, tracks[port].values, f"level of {shown(port)}")
    return tracks


def _measurement_rows(
    table: RawTable,
    value: str,
    observable_column: str | None,
    doses: Sequence[_Dose],
    marked: NDArray[np.bool_],
    decimal: str,
) -> NDArray[np.bool_]:
    """Rows that mean to measure: those with a value or a mark of censoring, and those that do nothing else."""
    cells = table.columns[find_column(table, value, "value").position]
    has_value = np.array([not _blank(cell) for cell in cells], dtype=bool) | marked
    gives = np.zeros(len(table), dtype=bool)
    for dose in doses:
        gives |= dose.amount.values > 0
    if observable_column is not None:
        column = find_column(table, observable_column, "observable_column")
        named = np.array([not _blank(cell) for cell in table.columns[column.position]], dtype=bool)
        idle = np.flatnonzero(~named & ~gives)
        if len(idle):
            place = table.place(idle, column.header)
            raise DataError(f"{place}: neither a measurement nor a dose; name the observable or remove the row")
        return named
    return has_value | ~gives


def _declared_missing(table: RawTable, mdv: str | None, decimal: str) -> NDArray[np.bool_]:
    if mdv is None:
        return np.zeros(len(table), dtype=bool)
    column = find_column(table, mdv, "mdv")
    values = numbers(table, column, decimal=decimal)
    wrong = np.flatnonzero(~np.isnan(values) & (values != 0) & (values != 1))
    if len(wrong):
        raise DataError(f"{table.place(wrong, column.header)}: {values[wrong[0]]:g} is not 0 or 1; MDV is 1 or 0")
    return np.asarray(values == 1)


def _blank(cell: object) -> bool:
    return cell is None or cell is pd.NA or str(cell).strip() in ("", "nan", "NaN", "NA", ".")


def _unmeasured(conditions: Sequence[Condition], named: Sequence[Condition]) -> tuple[str, ...]:
    lost = len(conditions) - len(named)
    return (f"{lost} of {len(conditions)} subjects have no measurement left",) if lost else ()
