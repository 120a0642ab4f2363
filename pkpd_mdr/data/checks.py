"""What a table of measurements must satisfy, one small function for each rule.

Every check names the place and the remedy and either returns nothing or raises `DataError`.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from pkpd_mdr.data.columns import RawTable
from pkpd_mdr.errors import DataError, did_you_mean, shown
from pkpd_mdr.units import Unit

__all__ = [
    "check_choice",
    "check_counts",
    "check_levels",
    "check_names",
    "check_not_negative",
    "check_positive",
    "check_present",
    "check_unique",
    "counts_things",
]

RESERVED = ("condition", "observable", "replicate", "time", "value", "sd", "n", "censored", "source_row")
_COUNTED = frozenset({"cell", "cells", "count", "counts", "vesicle", "vesicles"})


def counts_things(unit: Unit) -> bool:
    """Whether a unit counts cells or vesicles, so that a negative value is impossible.

    Examples
    --------
    >>> counts_things(Unit.of("cell")), counts_things(Unit.of("1/h"))
    (True, False)
    """
    return unit.text in _COUNTED


def check_choice(given: str, allowed: Sequence[str], what: str) -> None:
    """An option is one of a few words."""
    if given not in allowed:
        raise DataError(f"{what} = {shown(given)} is not possible{did_you_mean(str(given), allowed)}")


def check_present(table: RawTable, header: str, values: NDArray[np.float64], remedy: str) -> None:
    """No cell of a column is missing."""
    missing = np.flatnonzero(np.isnan(values))
    if len(missing):
        raise DataError(f"{table.place(missing, header)}: the value is missing; {remedy}")


def check_levels(table: RawTable, header: str, values: NDArray[np.float64], what: str) -> None:
    """A dose, a level or an exposure is there in every row and not negative."""
    check_present(table, header, values, f"every row needs its {what}; write 0 where none was given")
    check_not_negative(table, header, values, what)


def check_not_negative(table: RawTable, header: str, values: NDArray[np.float64], what: str) -> None:
    """No value is below zero."""
    below = np.flatnonzero(values < 0)
    if len(below):
        shown = f"{values[below[0]]:g}"
        raise DataError(f"{table.place(below, header)}: a {what} of {shown} is negative; it must be 0 or more")


def check_positive(table: RawTable, header: str, values: NDArray[np.float64], what: str) -> None:
    """Every value that is there is above zero."""
    wrong = np.flatnonzero(values <= 0)
    if len(wrong):
        shown = f"{values[wrong[0]]:g}"
        raise DataError(f"{table.place(wrong, header)}: a {what} of {shown} is not above 0; correct the cell")


def check_counts(table: RawTable, header: str, values: NDArray[np.float64]) -> None:
    """The number of replicates behind a mean is a whole number of at least 1."""
    wrong = np.flatnonzero(~(values >= 1) | (values != np.floor(values)))
    if len(wrong):
        shown = f"{values[wrong[0]]:g}"
        raise DataError(f"{table.place(wrong, header)}: {shown} is not a number of replicates; write 1, 2, 3 and so on")


def check_names(names: Iterable[str]) -> None:
    """Label columns are distinct and do not take the names of the tidy table."""
    seen: set[str] = set()
    for name in names:
        if name in RESERVED:
            raise DataError(
                f"label column {shown(name)} has a name that the tidy table uses itself; rename it in the table"
            )
        if name in seen:
            raise DataError(f"label column {shown(name)} is given twice; name each column once")
        seen.add(name)


def check_unique(rows: pd.DataFrame, origin: str, word: str, hint: str) -> None:
    """No two rows have the same condition, observable, replicate and time."""
    keys = ["condition", "observable", "replicate", "time"]
    twins = rows.duplicated(keys, keep=False)
    if not twins.any():
        return
    first = rows[twins].iloc[0]
    same = rows[twins & (rows[keys] == first[keys]).all(axis=1)]
    listed = ", ".join(str(row) for row in sorted(same["source_row"])[:5])
    raise DataError(
        f"{origin}, {word}s {listed}: {len(same)} values for the same condition ({first['condition']}), "
        f"{first['observable']} at {first['time']:g} h; {hint}"
    )
