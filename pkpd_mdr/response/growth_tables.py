"""Tables of growth-rate experiments in the layouts that labs have, brought to rows with count, start and control.

Case A has all three in a row; case B has controls and start counts in tables of their own; case C stacks all in one
table. Names of columns are accepted as the GR calculator and the HMS LINCS files write them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd

from pkpd_mdr.data import Data
from pkpd_mdr.data.cells import numbers
from pkpd_mdr.data.columns import RawTable, find_column, open_table, split_reference
from pkpd_mdr.data.files import FileOptions
from pkpd_mdr.errors import DataError, shown
from pkpd_mdr.response.shapes import FloatArray

__all__ = ["ALIASES", "growth_rows", "role"]

Table = str | Path | pd.DataFrame | Data

ALIASES: Mapping[str, tuple[str, ...]] = {
    "count": ("cell_count", "viable_cells", "viable.cells", "live_count"),
    "start": ("cell_count__time0", "cell_count_0", "time0", "live_count__time0"),
    "control": ("cell_count__ctrl", "control", "ctrl", "live_count__ctrl"),
    "dead": ("dead_count",),
    "dead_start": ("dead_count__time0",),
    "dead_control": ("dead_count__ctrl",),
    "dose": ("concentration", "conc", "dose"),
    "time": ("time", "timepoint", "treatment_duration__hrs"),
    "drug": ("agent", "drug", "small.molecule.name", "small_molecule_name", "perturbagen"),
}
"""Names that a role may have in a table, lower case."""

_EMPTY = frozenset({"", "-", "nan", "na", "none", "control", "dmso", "vehicle"})


def role(table: RawTable, name: str, given: str | None, *, needed: bool = True) -> str | None:
    """The header of the column with a role: as named, or found among the usual names.

    Raises
    ------
    DataError
        A named column is not there, or none of the usual ones.
    """
    if given is not None:
        return find_column(table, given, name).header
    folded = {split_reference(header)[0].casefold(): header for header in table.headers}
    for alias in ALIASES[name]:
        if alias in folded:
            return folded[alias]
    if needed:
        raise DataError(
            f"{name}: {table.origin} has none of the columns {', '.join(ALIASES[name])}; say {name}='its column'"
        )
    return None


def growth_rows(
    table: Table,
    *,
    names: Mapping[str, str | None],
    by: Sequence[str],
    controls: Table | None,
    starts: Table | None,
    decimal: str = ".",
    file: FileOptions | None = None,
) -> pd.DataFrame:
    """Treated wells with the columns dose, count, start, control (and time, dead ones) beside their labels.

    Parameters
    ----------
    table : path, DataFrame or Data
    names : mapping
        Role = column, None to look among the usual names.
    by : sequence of str
        Labels to keep.
    controls, starts : path, DataFrame or Data, optional
        Tables of untreated and of start counts (case B).
    decimal : {".", ","}
    file : FileOptions, optional
        How those of the tables are opened that are files.

    Returns
    -------
    DataFrame
        In the order of the table; ``row`` is the position there, ``note`` says where a well has no matching control
        or start, which is NaN then.

    Raises
    ------
    DataError
        A column is missing, or no well has a matching control or start.
    """
    file = file or {}
    raw = _open(table, file)
    frame = _read(raw, names, by, decimal)
    if "start" in frame and "control" in frame and controls is None and starts is None:
        return frame
    if controls is not None or starts is not None:
        return _case_b(raw, frame, names, controls, starts, decimal, file)
    return _case_c(raw, frame, names)


def _open(table: Table, file: FileOptions) -> RawTable:
    return open_table(table.table if isinstance(table, Data) else table, **file)


def _read(raw: RawTable, names: Mapping[str, str | None], by: Sequence[str], decimal: str) -> pd.DataFrame:
    """Numbers under the names of their roles; labels as text, except those in `by`, which keep their names."""
    columns: dict[str, object] = {}
    for name in ("dose", "count", "start", "control", "dead", "dead_start", "dead_control", "time"):
        header = role(raw, name, names.get(name), needed=name in ("dose", "count"))
        if header is not None:
            columns[name] = numbers(raw, find_column(raw, header, name), decimal=decimal)
    for reference in by:
        column = find_column(raw, reference, "by")
        columns[column.name] = raw.columns[column.position]
    return pd.DataFrame(columns).assign(row=np.arange(len(raw)), note="")


def _keys(raw: RawTable, skip: Sequence[str | None]) -> pd.DataFrame:
    """All label columns as text; empty entries are blank."""
    left_out = {header for header in skip if header is not None}
    keep = [i for i, header in enumerate(raw.headers) if header not in left_out and not header.startswith("Unnamed")]
    made = {raw.headers[i]: [_text(cell) for cell in raw.columns[i]] for i in keep}
    return pd.DataFrame(made, index=range(len(raw)))


def _text(cell: object) -> str:
    if isinstance(cell, (float, np.floating)) and float(cell).is_integer():
        cell = int(cell)
    text = str(cell).strip()
    try:
        number = float(text)
    except ValueError:
        return "" if text.casefold() in _EMPTY else text
    return f"{number:.12g}" if np.isfinite(number) else ""


def trimmed_mean(values: FloatArray) -> float:
    """Mean of the middle half, as the GR tools take it of replicate controls."""
    ordered = np.sort(values)
    cut = int(0.25 * len(ordered))
    return float(ordered[cut : len(ordered) - cut].mean())


def _case_b(
    raw: RawTable, frame: pd.DataFrame, names: Mapping[str, str | None], controls: Table | None, starts: Table | None,
    decimal: str, file: FileOptions,
) -> pd.DataFrame:  # fmt: skip
    for name, other in (("control", controls), ("start", starts)):
        if other is None:
            continue
        theirs = _open(other, file if isinstance(other, (str, Path)) else {"thousands": file.get("thousands")})
        count = role(theirs, "count", names.get("count"))
        tag = "ctrl_tag" if name == "control" else "time0_tag"
        tagged = tag in raw.headers and tag in theirs.headers
        shared = (
            [tag]
            if tagged
            else [
                header
                for header in theirs.headers
                if header in raw.headers and header != count and not header.startswith("Unnamed")
            ]
        )
        if not shared:
            raise DataError(f"{name}: {theirs.origin} and {raw.origin} have no column in common to match by")
        values = numbers(theirs, find_column(theirs, str(count), "count"), decimal=decimal)
        drop = [role(theirs, other_role, None, needed=False) for other_role in ("drug", "dose")]
        keys, mine = _keys(theirs, []), _keys(raw, [])
        shared = [header for header in shared if header not in drop]
        _enter(frame, name, mine[shared], keys[shared], values, raw, theirs.origin)
    return frame


def _case_c(raw: RawTable, frame: pd.DataFrame, names: Mapping[str, str | None]) -> pd.DataFrame:
    """Rows of time 0 are starts, rows of dose 0 at other times controls; the drug's name is no key."""
    if "time" not in frame:
        raise DataError(
            f"{raw.origin} has no columns of start and control counts, and no time column that tells rows of time 0; "
            "give controls= and starts=, or time="
        )
    skip = [role(raw, name, names.get(name), needed=False) for name in ("count", "dose", "dead", "drug", "time")]
    keys = _keys(raw, skip)
    time = frame["time"].to_numpy(dtype=np.float64)
    start, control = time == 0, (frame["dose"].to_numpy(dtype=np.float64) == 0) & (time > 0)
    treated = ~(start | control)
    for mask, what, remedy in ((start, "of time 0", "start"), (control, "of dose 0", "control")):
        if not mask.any():
            raise DataError(
                f"{raw.origin} has no rows {what}: no {remedy} counts; add them, or give columns or tables of them"
            )
    keys_in_time = keys.assign(**{"time of the control": [f"{value:.12g}" for value in time]})
    out: pd.DataFrame = frame[treated].reset_index(drop=True)
    values = frame["count"].to_numpy(dtype=np.float64)
    part = raw.take(treated)
    _enter(out, "start", keys[treated], keys[start], values[start], part, raw.origin)
    _enter(out, "control", keys_in_time[treated], keys_in_time[control], values[control], part, raw.origin)
    return out


def _enter(
    frame: pd.DataFrame, name: str, mine: pd.DataFrame, theirs: pd.DataFrame, values: FloatArray, raw: RawTable,
    origin: str,
) -> None:  # fmt: skip
    """Trimmed mean of the rows with the same keys; keys that are empty in those rows count for all.

    A well without such rows keeps NaN and a note; a table where that is so of every well is refused.
    """
    used = [column for column in theirs.columns if (theirs[column] != "").any()]
    if not used:
        frame[name] = trimmed_mean(values)
        return
    table = pd.DataFrame(theirs[used]).assign(value=values).dropna(subset=["value"])
    means = table.groupby(used)["value"].apply(lambda part: trimmed_mean(part.to_numpy(dtype=np.float64)))
    wanted = pd.MultiIndex.from_frame(mine[used]) if len(used) > 1 else pd.Index(mine[used[0]])
    found = means.reindex(wanted).to_numpy(dtype=np.float64)
    frame[name] = found
    missing = np.flatnonzero(np.isnan(found))
    why = {
        key: _no_match(pd.Series(key, index=used), table[used], name, origin) for key in _distinct(mine[used], missing)
    }
    if len(missing) == len(found):
        raise DataError(f"{raw.place(missing)}: {next(iter(why.values()))}; add it, or leave these wells out")
    for row, key in zip(missing.tolist(), mine[used].iloc[missing].itertuples(index=False, name=None), strict=True):
        frame.loc[row, "note"] = f"undefined: {why[key]}"


def _distinct(keys: pd.DataFrame, rows: npt.NDArray[np.int64]) -> list[tuple[str, ...]]:
    return list(dict.fromkeys(keys.iloc[rows].itertuples(index=False, name=None)))


def _no_match(key: pd.Series, table: pd.DataFrame, name: str, origin: str) -> str:
    """What was looked for, and the columns by which the nearest row differs: one of them may be no key at all."""
    text = f"{origin} has no {name} count with {', '.join(f'{column} = {value}' for column, value in key.items())}"
    if len(key) < 2 or not len(table):
        return text
    same = table == key
    nearest = same.iloc[int(same.sum(axis=1).to_numpy().argmax())]
    apart = [shown(column) for column in nearest.index[~nearest]]
    return f"{text} (the nearest differs in {', '.join(apart)}; drop such a column where it tells no {name}s apart)"
