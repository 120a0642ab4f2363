"""Limits of quantification: measurements of which only a limit is known."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pkpd_mdr.data.cells import labels
from pkpd_mdr.data.checks import check_choice, check_positive
from pkpd_mdr.data.columns import Column, RawTable, find_column
from pkpd_mdr.data.giving import Track, read_track
from pkpd_mdr.errors import DataError, UnitError, did_you_mean, shown
from pkpd_mdr.units import Unit

__all__ = ["ABOVE", "BELOW", "Limit", "Limits", "read_marks"]

BELOW, ABOVE = "below", "above"
_MARKS = {"0": "", "1": BELOW, "-1": ABOVE, "": "", BELOW: BELOW, ABOVE: ABOVE, "BLQ": BELOW, "left": BELOW}
_MARKS |= {"right": ABOVE, "none": ""}

Limit = str | Mapping[str, str] | None
"""A column, a quantity, or observable to either."""


@dataclass(frozen=True, slots=True)
class Limits:
    """What a table says of its limits.

    Attributes
    ----------
    lloq, uloq : column, quantity, mapping of observable to either, or None
    censoring : str or None
        Column of marks.
    outside : {"censor", "drop"}
    """

    lloq: Limit = None
    uloq: Limit = None
    censoring: str | None = None
    outside: str = "censor"

    def applied(
        self,
        table: RawTable,
        column: Column,
        names: NDArray[np.object_],
        values: NDArray[np.float64],
        units: Mapping[str, Unit],
        decimal: str,
    ) -> tuple[NDArray[np.float64], NDArray[np.object_]]:
        """Values with limits where they are beyond one, and ``"below"``, ``"above"`` or ``""`` for each.

        A value below `lloq`, and one at or above `uloq`, counts as beyond, whatever the column of marks says.

        Raises
        ------
        DataError
            An unknown mark, or a marked row with neither value nor limit.
        UnitError
            A limit in another unit than the values.
        """
        check_choice(self.outside, ("censor", "drop"), "outside")
        marks = read_marks(table, self.censoring, decimal)
        low, high = (
            _limit(table, given, what, names, units, decimal)
            for given, what in ((self.lloq, "lloq"), (self.uloq, "uloq"))
        )
        crossed = np.flatnonzero(low >= high)
        if len(crossed):
            place = table.place(crossed, column.header)
            raise DataError(f"{place}: lloq {low[crossed[0]]:g} is not below uloq {high[crossed[0]]:g}; correct one")
        with np.errstate(invalid="ignore"):
            marks = np.where(values < low, BELOW, np.where(values >= high, ABOVE, marks))
        limit = np.where(marks == BELOW, low, high)
        known = (marks != "") & np.isfinite(limit)
        values = np.where(known, limit, values)
        lost = np.flatnonzero((marks != "") & np.isnan(values))
        if len(lost):
            raise DataError(
                f"{table.place(lost, column.header)}: the row is marked as beyond a limit, but has neither a value nor "
                "a limit; write the limit in the cell, or say lloq= or uloq="
            )
        return values, marks

    def notes(self, marks: NDArray[np.object_]) -> tuple[str, ...]:
        """How many rows are beyond a limit, in words."""
        counts = [(int((marks == side).sum()), side) for side in (BELOW, ABOVE)]
        done = "dropped" if self.outside == "drop" else "censored"
        which = {BELOW: "below the lower", ABOVE: "at or above the upper"}
        return tuple(
            f"{count} of {len(marks)} values {which[side]} limit of quantification, {done}"
            for count, side in counts
            if count
        )


def read_marks(table: RawTable, censoring: str | None, decimal: str = ".") -> NDArray[np.object_]:
    """``"below"``, ``"above"`` or ``""`` for each row, from a column of marks.

    Raises
    ------
    DataError
        Another word than 0, 1, -1, below, above, left, right, BLQ or an empty cell.
    """
    if censoring is None:
        return np.full(len(table), "", dtype=object)
    column = find_column(table, censoring, "censoring")
    cells = table.columns[column.position]
    found = np.full(len(table), "", dtype=object)
    filled = np.array([_text(cell) not in ("", "nan", "NaN", "NA", ".", "None", "<NA>") for cell in cells], dtype=bool)
    if filled.any():
        found[filled] = [_text(mark) for mark in labels(table.take(filled), column, "censoring", decimal=decimal)]
    for row, mark in enumerate(found):
        if mark not in _MARKS:
            raise DataError(
                f"{table.place(row, column.header)}: {shown(mark)} is no mark of censoring; "
                f"write 1 or below, -1 or above, 0 or nothing{did_you_mean(mark, ('below', 'above'))}"
            )
        found[row] = _MARKS[mark]
    return found


def _text(cell: object) -> str:
    text = str(cell).strip()
    return text[:-2] if text.endswith(".0") else text


def _limit(
    table: RawTable, given: Limit, what: str, names: NDArray[np.object_], units: Mapping[str, Unit], decimal: str
) -> NDArray[np.float64]:
    """The limit of each row in the unit of its observable; infinite where there is none."""
    found = np.full(len(table), -np.inf if what == "lloq" else np.inf)
    if given is None:
        return found
    each: Mapping[str, Any] = given if isinstance(given, Mapping) else dict.fromkeys(units, given)
    for name, reference in each.items():
        if name not in units:
            raise DataError(f"{what} names {shown(name)}, which was not measured{did_you_mean(name, units)}")
        track = read_track(table, reference, f"{what} of {shown(name)}", decimal=decimal)
        mine = (names == name) & ~np.isnan(track.values)
        found[mine] = track.values[mine] * _factor(track, units[name], f"{what} of {shown(name)}")
        if track.header:
            check_positive(table.take(mine), track.header, track.values[mine], what)
        elif not (track.values[mine] > 0).all():
            raise DataError(f"{what} of {shown(name)} is {shown(reference)}, which is not above 0; correct the limit")
    return found


def _factor(track: Track, unit: Unit, what: str) -> float:
    if track.unit is None:
        return 1.0
    if not track.unit.like(unit):
        raise UnitError(
            f"{what} is in {track.unit.text!r} but its values are in {unit.text or 'a pure number'!r}; use one unit"
        )
    return track.unit.factor / unit.factor
