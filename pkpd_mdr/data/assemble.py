"""Putting rows and conditions together into the tidy table; used by every way to make `Data`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from pkpd_mdr.data.checks import check_names, check_unique
from pkpd_mdr.data.conditions import Condition, ordered
from pkpd_mdr.errors import DataError, shown
from pkpd_mdr.units import Quantity

__all__ = ["merged", "number_repeats", "tidy"]

_COLUMNS = ["condition", "observable", "replicate", "time", "value", "sd", "n", "censored", "source_row"]
_Part = tuple[pd.DataFrame, NDArray[np.int64], tuple[Condition, ...], str]


def tidy(
    rows: pd.DataFrame, codes: NDArray[np.int64], conditions: Sequence[Condition]
) -> tuple[tuple[Condition, ...], pd.DataFrame]:
    """Sort rows and conditions and add the label columns.

    Parameters
    ----------
    rows : DataFrame
        Columns observable, replicate, time (h), value, sd, n, source_row, and censored where some values are limits.
    codes : ndarray of int, shape (rows,)
        Position of each row's condition in `conditions`.
    conditions : sequence of Condition
        Those without rows are left out.

    Returns
    -------
    conditions : tuple of Condition
    table : DataFrame
    """
    used = np.unique(codes)
    sorted_conditions, order = ordered([conditions[code] for code in used])
    place = np.zeros(len(conditions), dtype=np.int64)
    place[used[order]] = np.arange(len(order))
    names = list(dict.fromkeys(name for condition in sorted_conditions for name in condition.labels))
    check_names(names)
    index = place[codes]
    rows = rows if "censored" in rows else rows.assign(censored="")
    table = rows.assign(condition=[sorted_conditions[i].name for i in index])[_COLUMNS].reset_index(drop=True)
    for name in names:
        values = [condition.labels.get(name) for condition in sorted_conditions]
        table[name] = pd.Series([values[i] for i in index]).infer_objects()
    by = pd.DataFrame({"index": index, **{key: table[key] for key in ("observable", "time", "replicate", "value")}})
    by["width"] = by["replicate"].str.len()  # replicate 2 before replicate 10
    positions = by.sort_values(["index", "observable", "time", "width", "replicate", "value"], kind="stable").index
    return sorted_conditions, table.loc[positions].reset_index(drop=True)


def number_repeats(rows: pd.DataFrame, codes: NDArray[np.int64]) -> NDArray[np.object_]:
    """Number rows of the same condition, observable and time from 1, in order of value.

    The order of value makes the numbers independent of the order of rows.
    """
    keyed = rows[["observable", "time", "value"]].assign(code=codes).sort_values(["value"], kind="stable")
    numbered = keyed.groupby(["code", "observable", "time"], sort=False).cumcount() + 1
    return np.asarray(numbered.sort_index().astype(str), dtype=object)


def merged(first: _Part, second: _Part) -> tuple[tuple[Condition, ...], pd.DataFrame]:
    """Join the rows of two data sets; equal conditions become one.

    Raises
    ------
    DataError
        A measurement is in both, or a known start value differs.
    """
    conditions = list(first[2])
    known = {condition.identity: i for i, condition in enumerate(conditions)}
    place = np.zeros(len(second[2]), dtype=np.int64)
    for i, condition in enumerate(second[2]):
        at = known.setdefault(condition.identity, len(conditions))
        if at == len(conditions):
            conditions.append(condition)
        else:
            conditions[at] = _joined(conditions[at], condition)
        place[i] = at
    rows = pd.concat([first[0], second[0]], ignore_index=True)
    codes = np.concatenate([first[1], place[second[1]]])
    named, table = tidy(rows, codes, conditions)
    check_unique(table, f"{first[3]} & {second[3]}", "row", "join tables that share no measurement")
    return named, table


def _joined(mine: Condition, theirs: Condition) -> Condition:
    starts: dict[str, Quantity] = dict(mine.starts)
    for name, value in theirs.starts.items():
        if name in starts and starts[name].internal != value.internal:
            both = f"{starts[name]} in one table and {value} in the other"
            raise DataError(f"condition {shown(mine.name)}: {name} starts at {both}; correct one")
        starts[name] = value
    return replace(mine, starts=starts)
