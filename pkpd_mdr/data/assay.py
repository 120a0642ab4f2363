"""`read_assay`: one row for each measurement, with what was done in the columns beside it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Unpack

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from pkpd_mdr.arguments import TABLE, TEXT, TEXTS, Kind, takes
from pkpd_mdr.data.assemble import number_repeats, tidy
from pkpd_mdr.data.cells import Label, labels, several
from pkpd_mdr.data.checks import check_choice, check_names, check_not_negative, check_present, check_unique
from pkpd_mdr.data.columns import RawTable, find_column, open_table
from pkpd_mdr.data.conditions import Condition, describe
from pkpd_mdr.data.files import FileOptions
from pkpd_mdr.data.giving import (
    HOUR,
    DoseOptions,
    Drugs,
    Giving,
    Track,
    read_covariates,
    read_drugs,
    read_time,
    read_track,
    regimen_of_row,
)
from pkpd_mdr.data.limits import Limit, Limits
from pkpd_mdr.data.measurements import Data
from pkpd_mdr.data.rows import ErrorColumns, Measured, read_measured, read_replicates, rows_frame
from pkpd_mdr.data.selection import keep_rows, until_last_valid
from pkpd_mdr.errors import DataError, shown

__all__ = ["read_assay"]

_VALUE = Kind(
    "one column; a table with a column for each observable is made long first: DataFrame.melt, then observable_column=",
    TEXT.fits,
)


@takes(
    DataError,
    FileOptions,
    value=_VALUE,
    time=TEXT,
    observable_column=TEXT,
    value_unit=TEXT,
    sd=TEXT,
    sem=TEXT,
    variance=TEXT,
    n=TEXT,
    dose=TABLE,
    route=TEXT,
    weight=TEXT,
    drug_time=TEXT,
    zero=TEXT,
    by=TEXTS,
    constants=TABLE,
    replicate=TEXT,
    repeats=TEXT,
    covariates=TABLE,
    keep=TABLE,
    censoring=TEXT,
    outside=TEXT,
    missing=TEXT,
    decimal=TEXT,
)
def read_assay(
    table: str | Path | pd.DataFrame,
    *,
    value: str,
    time: str | None = None,
    observable: str | Mapping[str, str] = "burden",
    observable_column: str | None = None,
    value_unit: str | None = None,
    sd: str | None = None,
    sem: str | None = None,
    variance: str | None = None,
    n: str | None = None,
    drug: Drugs | None = None,
    exposure: str | Mapping[str, str] | None = None,
    dose: Mapping[str, str] | None = None,
    route: str = "",
    weight: str | None = None,
    drug_time: str | None = None,
    zero: str = "table",
    by: str | Sequence[str] | None = (),
    constants: Mapping[str, Label] | None = None,
    replicate: str | None = None,
    repeats: str = "refuse",
    covariates: Mapping[str, Any] | None = None,
    start: str | Mapping[str, str] | None = None,
    keep: Mapping[str, object] | None = None,
    last_valid: str | Mapping[str, str] | None = None,
    lloq: Limit = None,
    uloq: Limit = None,
    censoring: str | None = None,
    outside: str = "censor",
    missing: str = "refuse",
    decimal: str = ".",
    **file: Unpack[FileOptions],
) -> Data:
    """Read a table of measurements: a time course, a dose-response table, or both.

    A column is named as ``"name [unit]"``; the unit may stand in the table's own header instead
    (``time [h]``, ``dose (nM)``). Times, drugs and exposures need one.

    Parameters
    ----------
    table : str, pathlib.Path or pandas.DataFrame
        CSV text in any usual encoding, a workbook (``sheet=``), or a frame.
    value, time : str
        Columns of what was measured and when. Without `time` every row is at time 0. An x axis that
        is no time is written ``"x [1]"``.
    observable : str or mapping
        Name of what `value` measures; with `observable_column` a mapping from the entries of that column
        to ``"name [unit]"``, and rows of other entries are left out.
    observable_column : str, optional
        Column that tells several observables apart.
    value_unit : str, optional
        Unit of the values when column and header do not say it.
    sd, sem, variance : str, optional
        Column of the standard deviation of one measurement, of the standard error of the value, or of
        the variance; never bare weights.
    n : str, optional
        Column with the number of measurements that the value is a mean of.
    drug : mapping, or pair of columns, optional
        ``{"dox": "dox_nM [nM]"}``: port and column of its level; or ``("agent", "level [nM]")`` when a
        column names the drug.
    exposure : column, quantity or mapping of port to either, optional
        How long the level stayed; until the end when absent.
    dose : mapping, optional
        ``{"theo": "Dose [mg]"}``: an amount given at once, by `route`.
    route : str
        Route of `dose`, such as ``"oral"``.
    weight : column or quantity, optional
        Body weight, for a dose per weight such as ``"Dose [mg/kg]"``.
    drug_time : column or quantity, optional
        When the drug arrived, in the time of the table; at time zero when absent.
    zero : {"table", "drug"}
        Whether time zero of the data is that of the table, or the arrival of the drug.
    by : str or sequence of str
        Columns that tell conditions apart besides what was given.
    constants : mapping, optional
        Labels that hold for the whole table, such as ``{"arm": "low"}``.
    replicate : str, optional
        Column that tells replicates apart.
    repeats : {"refuse", "number"}
        What to do with several values of the same condition, time and replicate: refuse them, or number
        them as replicates.
    covariates : mapping, optional
        Model parameter = column or quantity with its known value, as in ``{"weight": "WT [kg]"}``; an entry as in
        `read_nonmem`, ``{"WT": "weight [kg]"}``, is read as what it says where WT alone is a column.
    start : column or mapping of observable to column, optional
        Known value of the observable at time zero; left to the fit when absent.
    keep : mapping, optional
        Column = value or values; other rows are not looked at.
    last_valid : column or mapping, optional
        Column with the last usable time of the row's series, or ``{column: column with its last value}``.
    lloq, uloq : column, quantity, or mapping of observable to either, optional
        Lower and upper limit of quantification. Values below `lloq`, and values at or above `uloq` (a saturated
        reader, a confluent well), are only known to be beyond it; a fit then uses the probability of that.
    censoring : str, optional
        Column that marks such rows: 1 or ``below``, -1 or ``above``, 0 or empty. The value of a marked row is its
        limit, unless `lloq` or `uloq` tells it.
    outside : {"censor", "drop"}
        Whether values beyond a limit are kept as such, or left out; `Data.notes` counts them.
    missing : {"refuse", "drop"}
        What to do with a row without value; `Data.notes` counts what was dropped.
    decimal : {".", ","}
        Decimal mark of the file.
    **file
        `FileOptions`: ``thousands``, ``sheet``, ``skip_lines``, ``last_line``, ``separator``, ``encoding``,
        ``max_rows``, ``max_bytes``.

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
    >>> import pandas as pd
    >>> frame = pd.DataFrame({"h": [0, 24, 0, 24], "cells": [10, 30, 10, 8], "nM": [0, 0, 50, 50]})
    >>> read_assay(frame, time="h [h]", value="cells [cell]", drug={"dox": "nM [nM]"}, exposure="6 h")
    Data: 4 rows, 2 conditions, burden [cell], 0 to 24 h, from the table

    A wide table, with a column for each dose or for each observable, is made long first:

    >>> wide = pd.DataFrame({"time [h]": [0, 24], "0": [10, 30], "50": [10, 8]})
    >>> long = wide.melt("time [h]", var_name="dox [nM]", value_name="count").astype({"dox [nM]": float})
    >>> read_assay(long, time="time", value="count [cell]", drug={"dox": "dox"})
    Data: 4 rows, 2 conditions, burden [cell], 0 to 24 h, from the table
    >>> mixed = pd.DataFrame({"h": [0, 24], "green": [90, 160], "red": [10, 15]}).melt("h", var_name="colour")
    >>> clones = {"green": "S [cell]", "red": "R [cell]"}
    >>> read_assay(mixed, time="h [h]", value="value", observable_column="colour", observable=clones)
    Data: 4 rows, 1 conditions, R [cell], S [cell], 0 to 24 h, from the table
    """
    raw = keep_rows(open_table(table, **file), keep, decimal)
    limits = Limits(lloq, uloq, censoring, outside)
    raw, notes = until_last_valid(raw, last_valid, time, decimal)
    measured = read_measured(raw, value, observable, observable_column, value_unit, missing, decimal, limits)
    raw = measured.table
    givings = read_drugs(raw, drug, exposure, dose, DoseOptions(route, weight), decimal)
    times, arrival = _times(raw, time, drug_time, zero, decimal)
    told = _labels(raw, several(by), constants, givings, drug, decimal)
    known = _Known(told, givings, arrival, read_covariates(raw, covariates, decimal), _starts(measured, start, decimal))
    replicates = read_replicates(raw, replicate, decimal)
    rows = rows_frame(measured, times, replicates, ErrorColumns(sd, sem, variance, n), decimal)
    return _assembled(measured, rows, known, repeats).annotated(*notes, *measured.notes)


@dataclass(frozen=True, slots=True)
class _Known:
    """All that tells conditions apart, row by row."""

    labels: Mapping[str, NDArray[Any]]
    givings: Sequence[Giving]
    arrival: Track
    covariates: Mapping[str, Track]
    starts: Mapping[str, Track]

    def key_columns(self) -> list[NDArray[Any]]:
        """Columns whose combinations are the conditions."""
        tracks = [giving.level for giving in self.givings]
        tracks += [track for giving in self.givings for track in (giving.over, giving.weight) if track is not None]
        tracks += [self.arrival, *self.covariates.values(), *self.starts.values()]
        return [*self.labels.values(), *(track.values for track in tracks)]

    def condition(self, row: int) -> Condition:
        """The condition of one row."""
        its_labels = {name: values[row] for name, values in self.labels.items()}
        its_covariates = {name: track.at(row) for name, track in self.covariates.items()}
        starts = {name: track.at(row) for name, track in self.starts.items()}
        regimen = regimen_of_row(self.givings, row, self.arrival.at(row))
        return Condition(describe(its_labels, its_covariates), its_labels, regimen, its_covariates, starts)


def _times(
    table: RawTable, time: str | None, drug_time: str | None, zero: str, decimal: str
) -> tuple[NDArray[np.float64], Track]:
    """Time of each row in h, and when its drug arrives on that clock."""
    check_choice(zero, ("table", "drug"), "zero")
    times, arrival = np.zeros(len(table)), np.zeros(len(table))
    if time is not None:
        track = read_time(table, time, "time", decimal=decimal, bare=True)
        check_present(table, track.header, track.values, "fill in the time")
        times = track.values * (track.unit or HOUR).factor
    if drug_time is not None:
        track = read_time(table, drug_time, "drug_time", decimal=decimal)
        check_present(table, track.header, track.values, "fill in when the drug arrived")
        arrival = track.values * (track.unit or HOUR).factor
        if zero == "drug":
            return np.round(times - arrival, 9), Track(np.zeros(len(table)), HOUR)  # decimals stay decimals
        check_not_negative(table, track.header, track.values, "drug_time")
    return times, Track(arrival, HOUR)


def _labels(
    table: RawTable,
    by: Sequence[str],
    constants: Mapping[str, Label] | None,
    givings: list[Giving],
    drug: Drugs | None,
    decimal: str,
) -> dict[str, NDArray[Any]]:
    """Label columns: constants, `by`, then levels and exposures under the names of their columns."""
    found: dict[str, NDArray[Any]] = {}
    check_names([*(constants or {}), *by])
    for name, constant in (constants or {}).items():
        found[name] = np.full(len(table), constant, dtype=object)
    for reference in (*by, *([drug[0]] if isinstance(drug, tuple) else [])):
        column = find_column(table, reference, "by")
        found.setdefault(column.name, labels(table, column, "by", decimal=decimal))
    for giving in givings:
        for track in (giving.level, giving.over):
            if track is None or not track.header:
                continue
            if isinstance(drug, tuple) and track is giving.level:
                column = find_column(table, drug[1], "drug")
                found.setdefault(track.name, labels(table, column, "drug", decimal=decimal))
                continue
            found.setdefault(track.name, _as_labels(track.values))
    check_names(found)
    return found


def _as_labels(values: NDArray[np.float64]) -> NDArray[Any]:
    return np.array([int(v) if v.is_integer() else v for v in values.tolist()], dtype=object)


def _starts(measured: Measured, start: str | Mapping[str, str] | None, decimal: str) -> dict[str, Track]:
    if start is None:
        return {}
    if isinstance(start, str):
        if len(measured.units) > 1:
            raise DataError("start does not say which observable it is of; write start={observable: column}")
        start = {next(iter(measured.units)): start}
    if not isinstance(start, Mapping):
        raise DataError(f"start = {shown(start)} is not a column; write for example start='n0 [cell]'")
    tracks = {}
    for name, reference in start.items():
        if name not in measured.units:
            raise DataError(
                f"start is given for {shown(name)}, which was not measured; known are {sorted(measured.units)}"
            )
        track = read_track(measured.table, reference, f"start of {shown(name)}", decimal=decimal)
        unit = track.unit or measured.units[name]
        if not unit.like(measured.units[name]):
            values_in = measured.units[name].text
            raise DataError(
                f"start of {shown(name)} is in {shown(unit.text)} but "
                f"its values are in {shown(values_in)}; use one unit"
            )
        check_present(measured.table, track.header, track.values, f"every row needs the start of {name}")
        tracks[name] = Track(track.values, unit, track.name, track.header)
    return tracks


def _assembled(measured: Measured, rows: pd.DataFrame, known: _Known, repeats: str) -> Data:
    table = measured.table
    check_choice(repeats, ("refuse", "number"), "repeats")
    keys = pd.DataFrame(dict(enumerate(known.key_columns())), index=range(len(table)))
    codes = np.asarray(keys.groupby(list(keys.columns), sort=False, dropna=False).ngroup(), dtype=np.int64)
    _, first = np.unique(codes, return_index=True)
    conditions = [known.condition(int(row)) for row in first]
    if repeats == "number":
        rows["replicate"] = number_repeats(rows, codes)
    named, tidied = tidy(rows, codes, conditions)
    hint = _repeats_hint(table, rows, codes) if repeats == "refuse" else ""
    check_unique(tidied, table.origin, table.word, hint)
    return Data(named, measured.units, tidied, (), table.origin)


def _repeats_hint(table: RawTable, rows: pd.DataFrame, codes: NDArray[np.int64]) -> str:
    """How to tell repeated values apart; names a column that would do it."""
    keyed = rows[["observable", "replicate", "time"]].assign(code=codes)
    if not keyed.duplicated().any():
        return ""
    for header, cells in zip(table.headers, table.columns, strict=True):
        texts = [str(cell) for cell in cells]
        few = len(set(texts)) < len(texts)  # a column with no value twice is a measurement, not a name
        if few and header and not keyed.assign(cells=texts).duplicated().any():
            return f"say replicate={shown(header)} if that column tells them apart, or repeats='number' to number them"
    return "say replicate=column or by=column to tell them apart, or repeats='number' to number them as replicates"
