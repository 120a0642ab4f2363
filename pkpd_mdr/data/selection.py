"""Which rows of a table are looked at, before anything else is read."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from pkpd_mdr.data.cells import as_list, labels, numbers, same_label
from pkpd_mdr.data.checks import check_present
from pkpd_mdr.data.columns import RawTable, find_column
from pkpd_mdr.errors import DataError, did_you_mean, shown

__all__ = ["keep_rows", "until_last_valid"]


def keep_rows(table: RawTable, keep: Mapping[str, object] | None, decimal: str) -> RawTable:
    """The rows whose labels are as asked, before anything else is read.

    Raises
    ------
    DataError
        Unknown column or value (nearest shown), or no row is left.
    """
    for reference, wanted in (keep or {}).items():
        column = find_column(table, reference, "keep")
        found = labels(table, column, "keep", decimal=decimal)
        unique = list(dict.fromkeys(found))
        accepted = set()
        for value in as_list(wanted):
            same = [label for label in unique if same_label(label, value)]
            if not same:
                texts = [str(label) for label in unique]
                raise DataError(
                    f"keep: {table.origin} has no {column.name} {shown(value)}{did_you_mean(str(value), texts)}"
                )
            accepted.update(same)
        table = table.take(np.fromiter((label in accepted for label in found), dtype=bool, count=len(table)))
        if len(table) == 0:
            raise DataError(f"keep: no row of {table.origin} is left after {column.name} = {shown(wanted)}; keep more")
    return table


def until_last_valid(
    table: RawTable, last_valid: Any, time: str | None, decimal: str
) -> tuple[RawTable, tuple[str, ...]]:
    """Leave out the rows behind the last valid point that the table itself names.

    Parameters
    ----------
    table : RawTable
    last_valid : str or mapping of str to str
        A column in the unit of the time column; or a column = the column with its last valid value, as
        in ``{"timepoint_index": "last_valid_timepoint"}``.
    time : str, optional
    decimal : str
    """
    if last_valid is None:
        return table, ()
    if isinstance(last_valid, str) and time is None:
        raise DataError(
            "last_valid names a time but the table has none; give time, or {column: column with its last value}"
        )
    pairs: Mapping[str, str] = last_valid if isinstance(last_valid, Mapping) else {time or "": last_valid}
    before = len(table)
    for here, last in pairs.items():
        current = numbers(table, find_column(table, here, "last_valid"), decimal=decimal)
        column = find_column(table, last, "last_valid")
        limit = numbers(table, column, decimal=decimal)
        check_present(table, column.header, limit, "every row needs its last valid point")
        table = table.take(~(current > limit))
    if len(table) == 0:
        raise DataError(f"last_valid leaves no row of {table.origin}; check that both columns count the same")
    return table, (f"left out {before - len(table)} of {before} rows after their last valid point",)
