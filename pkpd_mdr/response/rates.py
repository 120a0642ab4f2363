"""Rates from time courses of counts: drug-induced proliferation (DIP) rates and time-resolved GR values.

The DIP rate (Harris et al. 2016, Nat Methods 13:497) is the slope of log2 counts once the effect of the drug has
settled. The start of that phase is chosen among all windows up to the last point by ``R2adj (1 - RMSE)**2 (n -
3)**0.25``, so windows of three points score 0. Its standard error is that of the chosen window and leaves the choice
out: it is optimistic.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Unpack

import numpy as np
import numpy.typing as npt
import pandas as pd

from pkpd_mdr.arguments import TABLE, TEXT, TEXTS, takes
from pkpd_mdr.data import Data
from pkpd_mdr.data.cells import labels, numbers, several
from pkpd_mdr.data.columns import RawTable, find_column, open_table
from pkpd_mdr.data.files import FileOptions
from pkpd_mdr.errors import DataError, UnitError, shown
from pkpd_mdr.response.growth import arrays, gr_value
from pkpd_mdr.response.growth_tables import role
from pkpd_mdr.response.scales import rows_of_curves
from pkpd_mdr.response.shapes import FloatArray
from pkpd_mdr.units import Unit

__all__ = ["dip_rates", "gr_over_time", "settled_rate"]

IndexArray = npt.NDArray[np.int64]
HOUR = Unit.of("h")
_FEWEST = 3  # times of a window


def settled_rate(
    times: npt.ArrayLike, counts: npt.ArrayLike, *, whole: bool = False
) -> tuple[float, float, float, float]:
    """Slope of log2 counts over the settled phase of one well.

    Parameters
    ----------
    times : array_like, shape (n,)
        In h, in any order.
    counts : array_like, shape (n,)
        Above 0.
    whole : bool
        Use all points, as for untreated wells.

    Returns
    -------
    rate : float
        Doublings per h.
    error : float
        Standard error of the slope in the chosen window.
    first : float
        Time at which the window begins.
    intercept : float
        Of the line, in log2 cells at time 0. All four are NaN where there are fewer than 3 distinct times.

    Raises
    ------
    DataError
        Something else than finite numbers, counts that have no logarithm, or not one count for each time.

    Examples
    --------
    >>> times = np.arange(0.0, 60.0, 6.0)
    >>> doublings = np.where(times < 24, times / 20, 1.2 + 0.01 * (times - 24))
    >>> rate, _, first, _ = settled_rate(times, 100.0 * 2.0**doublings)
    >>> round(rate, 4), float(first)
    (0.01, 24.0)
    """
    times, y = _course(times, counts)
    best, score = (np.nan, np.nan, np.nan, np.nan), -np.inf
    begins = np.unique(times, return_index=True)[1]
    last = len(begins) - _FEWEST + 1
    for first in begins[: min(last, 1) if whole else max(last, 0)].tolist():
        t, v = times[first:], y[first:]
        n = len(t)
        centred = t - t.mean()
        total, width = float(((v - v.mean()) ** 2).sum()), float((centred**2).sum())
        slope = float((centred * v).sum()) / width
        intercept = float(v.mean() - slope * t.mean())
        rest = float(((v - intercept - slope * t) ** 2).sum())
        explained = 1.0 - rest / total if total > 0 else 0.0
        adjusted = 1.0 - (1.0 - explained) * (n - 1) / (n - 2)
        its = adjusted * (1.0 - np.sqrt(rest / n)) ** 2 * (n - 3) ** 0.25
        if its > score:
            best, score = (slope, float(np.sqrt(rest / (n - 2) / width)), float(t[0]), intercept), its
    return best


def _course(times: npt.ArrayLike, counts: npt.ArrayLike) -> tuple[FloatArray, FloatArray]:
    """Times in their order and the logarithms of counts."""
    t, x = arrays("settled_rate", times=times, counts=counts)
    for name, values in (("times", t), ("counts", x)):
        if values.ndim != 1:
            raise DataError(f"settled_rate: {name} has the shape {values.shape}; give one row of numbers, one a count")
        if not np.isfinite(values).all():
            raise DataError(f"settled_rate: {name} holds {shown(values[~np.isfinite(values)][0])}; leave out such rows")
    if len(t) != len(x):
        raise DataError(f"settled_rate: {len(t)} times do not go with {len(x)} counts; give one count for each time")
    if (x <= 0).any():
        raise DataError(f"settled_rate: a count of {x[x <= 0][0]:g} has no logarithm; leave it out with its time")
    order = np.argsort(t, kind="stable")
    return t[order], np.log2(x[order])


@takes(DataError, FileOptions, time=TEXT, count=TEXT, by=TEXTS, keep=TEXTS, control=TABLE, decimal=TEXT)
def dip_rates(
    table: str | Path | pd.DataFrame | Data,
    *,
    time: str,
    count: str,
    by: str | Sequence[str],
    keep: str | Sequence[str] | None = (),
    control: dict[str, object] | None = None,
    decimal: str = ".",
    **file: Unpack[FileOptions],
) -> pd.DataFrame:
    """DIP rate of every well of a table of time courses.

    Parameters
    ----------
    table : path, DataFrame or Data
        One row for each count.
    time, count : str
        Columns; times in h, unless the reference says otherwise (``"t [day]"``).
    by : str or sequence of str
        Columns that tell wells apart.
    keep : str or sequence of str
        Further labels of a well, such as drug and dose, that go into the result.
    control : mapping, optional
        Column = entry of untreated wells: their whole course is used.
    decimal : {".", ","}
        Decimal mark of the table.
    **file
        `FileOptions`: ``thousands``, ``sheet``, ``skip_lines``, ``last_line``, ``separator``, ``encoding``.

    Returns
    -------
    DataFrame
        One row for each well in the order of the table: labels, dip_rate (doublings per h), dip_se, dip_first (h),
        dip_intercept, n (usable points) and note. Counts of 0 have no logarithm and are left out. With a dose column
        the table goes straight into `dose_response`: ``kind="control"`` gives the dose of half the control's rate,
        ``kind="absolute"`` with 0 the cytostatic dose.

    Raises
    ------
    DataError
        A column is missing or holds no numbers, or a well has several entries of what is kept.
    UnitError
        The unit of the times is none of time.

    Examples
    --------
    >>> import pandas as pd
    >>> frame = pd.DataFrame({"well": "A1", "h": [0, 12, 24, 36, 48], "cells": [100, 141, 200, 283, 400]})
    >>> dip_rates(frame, time="h", count="cells", by="well")["dip_rate"].round(4).tolist()
    [0.0417]
    """
    raw = open_table(table.table if isinstance(table, Data) else table, **file)
    columns = {}
    for reference in (*several(by), *several(keep)):
        column = find_column(raw, reference, "by")
        columns[column.name] = labels(raw, column, "by", decimal=decimal)
    frame = pd.DataFrame(columns)
    wells = [find_column(raw, name, "by").name for name in several(by)]
    codes = np.asarray(frame.groupby(wells, sort=False).ngroup(), dtype=np.int64)
    clock, counted = find_column(raw, time, "time"), find_column(raw, count, "count")
    if clock.unit is not None and not clock.unit.like(HOUR):
        raise UnitError(f"time: {shown(clock.unit.text)} is not a unit of time such as 'h' or 'day'")
    t = numbers(raw, clock, decimal=decimal, infinite=True) * (clock.unit or HOUR).factor
    x = numbers(raw, counted, decimal=decimal, infinite=True)
    _check_kept(raw, frame, wells, codes)
    untreated = np.zeros(len(raw), dtype=bool)
    if control:
        from pkpd_mdr.response.reading import matching

        untreated = matching(raw, control, "control", decimal=decimal)
    usable = np.isfinite(t) & np.isfinite(x) & (x > 0)
    lost = partial(_left_out, raw, (clock.header, counted.header), t, x)
    rows = [
        _well(frame, at, t, x, usable, lost, untreated=bool(untreated[at[0]]))
        for _, at in rows_of_curves(codes, np.ones(len(raw), dtype=bool))
    ]
    return pd.DataFrame(rows).infer_objects()


def _check_kept(raw: RawTable, frame: pd.DataFrame, wells: list[str], codes: IndexArray) -> None:
    """What is kept of a well must be one entry, or wells are not told apart."""
    for name in (str(name) for name in frame.columns if name not in wells):
        several_of = frame.groupby(codes)[name].transform("nunique").to_numpy() > 1
        if several_of.any():
            rows = np.flatnonzero(codes == codes[np.argmax(several_of)])
            first = frame[name].iloc[rows[0]]
            other = rows[np.argmax((frame[name].iloc[rows] != first).to_numpy())]
            both = f"{shown(first)} and {shown(frame[name].iloc[other])}"
            raise DataError(
                f"{raw.place([rows[0], other], name)}: one well has {both}; "
                f"by = {shown(wells)} does not tell wells apart, name all columns that do"
            )


def _left_out(raw: RawTable, headers: tuple[str, str], t: FloatArray, x: FloatArray, rows: IndexArray) -> list[str]:
    """Notes about rows of a well that have no rate, by their reason."""
    untimed = ~np.isfinite(t[rows])
    cases = (
        (untimed, headers[0], "the time is missing or infinite"),
        (~untimed & ~np.isfinite(x[rows]), headers[1], "the count is missing or infinite"),
        (~untimed & (x[rows] == 0), headers[1], "a count of 0 has no logarithm"),
        (~untimed & (x[rows] < 0), headers[1], "the count is negative"),
    )
    return [f"left out: {raw.place(rows[which], header)}: {why}" for which, header, why in cases if which.any()]


def _well(
    frame: pd.DataFrame, at: IndexArray, t: FloatArray, x: FloatArray,
    usable: np.ndarray[tuple[int], np.dtype[np.bool_]], lost: Callable[[IndexArray], list[str]], *, untreated: bool,
) -> dict[str, object]:  # fmt: skip
    fine = at[usable[at]]
    notes = lost(at[~usable[at]])
    times, counts = t[fine], x[fine]
    if len(np.unique(times)) < _FEWEST:
        rate = (np.nan, np.nan, np.nan, np.nan)
        notes.append(f"not identifiable: {len(np.unique(times))} times with cells are fewer than {_FEWEST}")
    else:
        rate = settled_rate(times, counts, whole=untreated)
    if len(np.unique(times)) < len(times):
        notes.append("kept: several counts at one time; does by= tell wells apart?")
    found = dict(zip(("dip_rate", "dip_se", "dip_first", "dip_intercept"), rate, strict=True))
    return {**frame.iloc[at[0]].to_dict(), **found, "n": len(fine), "note": " | ".join(notes)}


@takes(DataError, FileOptions, time=TEXT, count=TEXT, by=TEXTS, match=TEXTS, control=TABLE, decimal=TEXT)
def gr_over_time(
    table: str | Path | pd.DataFrame | Data,
    *,
    control: dict[str, object],
    time: str | None = None,
    count: str | None = None,
    by: str | Sequence[str],
    match: str | Sequence[str] | None = (),
    decimal: str = ".",
    **file: Unpack[FileOptions],
) -> pd.DataFrame:
    """Time-resolved GR values: the effect on growth between each time and the one before.

    Parameters
    ----------
    table : path, DataFrame or Data
        One row for each count of a well.
    control : mapping
        Column = entry of untreated wells.
    time, count : str, optional
        Columns, looked for under usual names when absent.
    by : str or sequence of str
        Columns that tell wells apart.
    match : str or sequence of str
        Columns within which controls hold, such as the cell line and the plate.
    decimal : {".", ","}
        Decimal mark of the table.
    **file
        `FileOptions`: ``thousands``, ``sheet``, ``skip_lines``, ``last_line``, ``separator``, ``encoding``.

    Returns
    -------
    DataFrame
        One row for each well and interval: the labels, from, to (in the unit of the times), gr and note; NaN where
        the controls did not grow in the interval, a count is missing, or no control was counted at both of its ends.
        The growth of the controls is that of the wells counted at both ends, so that one that is lost changes nothing.

    Raises
    ------
    DataError
        A column is missing, no well has a control at its times, or a treated well has several counts at one time.

    Examples
    --------
    >>> import pandas as pd
    >>> wells = {"h": [0, 24, 0, 24], "nM": [0, 0, 50, 50], "cells": [100, 400, 100, 200]}
    >>> found = gr_over_time(pd.DataFrame(wells), control={"nM": 0}, time="h", count="cells", by="nM")
    >>> found["gr"].round(3).tolist()  # half as many doublings as the control
    [0.414]
    """
    from pkpd_mdr.response.reading import matching

    raw = open_table(table.table if isinstance(table, Data) else table, **file)
    t = numbers(raw, find_column(raw, str(role(raw, "time", time)), "time"), decimal=decimal)
    x = numbers(raw, find_column(raw, str(role(raw, "count", count)), "count"), decimal=decimal)
    untreated = matching(raw, control, "control", decimal=decimal)
    wells, groups = ([find_column(raw, name, "by").name for name in several(given)] for given in (by, match))
    names = list(dict.fromkeys([*wells, *groups]))
    frame = pd.DataFrame({name: labels(raw, find_column(raw, name, "by"), "by", decimal=decimal) for name in names})
    rows = pd.DataFrame({"well": _codes(frame, wells), "group": _codes(frame, groups), "t": t, "x": x})
    treated, controls = rows[~untreated], rows[untreated & np.isfinite(x)]
    _check_apart(raw, treated, wells)
    known = pd.MultiIndex.from_frame(controls[["group", "t"]])
    if len(treated) and not pd.MultiIndex.from_frame(treated[["group", "t"]]).isin(known).any():
        raise DataError(
            f"{raw.place(int(treated.index[0]))}: no control of its group at time {treated['t'].iloc[0]:g}; add one, "
            "or drop the time"
        )
    treated = treated.sort_values("t", kind="stable")
    before = treated.groupby("well", sort=False)[["t", "x"]].shift()
    pairs = treated.assign(begin=before["t"], x_begin=before["x"]).dropna(subset="begin").sort_index()
    pairs = _with_controls(pairs, controls)
    found = frame.loc[pairs.index, names].copy()
    found["from"], found["to"] = pairs["begin"], pairs["t"]
    found["gr"] = gr_value(pairs["x"] / pairs["x_begin"], 1.0, pairs["control"] / pairs["control_begin"])
    found["note"] = _why_no_gr(pairs, known)
    return found.reset_index(drop=True)


def _codes(frame: pd.DataFrame, names: list[str]) -> IndexArray:
    """A number for each row that tells the entries of some columns apart."""
    found = frame.groupby(names, sort=False, dropna=False).ngroup() if names else np.zeros(len(frame))
    return np.asarray(found, dtype=np.int64)


def _check_apart(raw: RawTable, treated: pd.DataFrame, wells: list[str]) -> None:
    """Which count follows on which is known only where a well has one at a time."""
    again = np.flatnonzero(treated.duplicated(["well", "t"]).to_numpy())
    if len(again):
        row = treated.iloc[again[0]]
        same = treated.index[(treated["well"] == row["well"]) & (treated["t"] == row["t"])]
        raise DataError(
            f"{raw.place([int(i) for i in same[:2]])}: one well has several counts at time {row['t']:g}; "
            f"by = {shown(wells)} does not tell wells apart, name all columns that do"
        )


def _with_controls(pairs: pd.DataFrame, controls: pd.DataFrame) -> pd.DataFrame:
    """Mean counts of the controls at both ends of each interval: of the same wells, as they are seeded unequally."""
    counted = controls.groupby(["group", "well", "t"], as_index=False).agg(x=("x", "mean"), n=("x", "size"))
    begin = counted.rename(columns={"t": "begin", "x": "control_begin", "n": "n_begin"})
    wanted = pairs[["group", "begin", "t"]].drop_duplicates()
    both = wanted.merge(begin, on=["group", "begin"]).merge(
        counted.rename(columns={"x": "control"}), on=["group", "well", "t"]
    )
    both["uneven"] = both["n"] != both["n_begin"]
    means = both.groupby(["group", "begin", "t"], as_index=False).agg(
        control_begin=("control_begin", "mean"), control=("control", "mean"), uneven=("uneven", "any")
    )
    found = pairs.merge(means, on=["group", "begin", "t"], how="left")
    return found.set_index(pairs.index)


def _why_no_gr(pairs: pd.DataFrame, known: pd.MultiIndex) -> list[str]:
    """Why the value of an interval is undefined, or doubtful; empty where it is neither."""
    notes = np.full(len(pairs), "", dtype=object)
    uneven = pairs["uneven"].fillna(value=False).to_numpy(dtype=bool)
    notes[uneven] = "kept: more controls were counted at one of its ends; does by= tell wells apart?"
    notes[(pairs["control"] <= pairs["control_begin"]).to_numpy()] = "undefined: the controls did not grow"
    notes[(pairs["x_begin"] == 0).to_numpy()] = "undefined: no cells left at its beginning"
    notes[pairs["control"].isna().to_numpy()] = "undefined: no control was counted at both of its ends"
    for end in ("t", "begin"):
        notes[pairs[{"t": "x", "begin": "x_begin"}[end]].isna().to_numpy()] = "undefined: a count is missing"
        at = np.flatnonzero(~pd.MultiIndex.from_frame(pairs[["group", end]]).isin(known))
        notes[at] = [f"undefined: no control of its group at time {t:g}" for t in pairs[end].iloc[at]]
    return [str(note) for note in notes]
