"""From a table of wells to curves: doses, responses, weights, and what had to be left out, with its row and column.

A structural fault (no such column, text among numbers, a scale that the whole table contradicts) is refused. A faulty
well is left out and named in the notes of its curve, so that the rest of the table still fits.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from pkpd_mdr.arguments import TEXT, Kind
from pkpd_mdr.data import Data
from pkpd_mdr.data.cells import labels, numbers, same_label, several
from pkpd_mdr.data.columns import RawTable, find_column, open_table
from pkpd_mdr.data.files import FileOptions
from pkpd_mdr.errors import DataError, did_you_mean, shown
from pkpd_mdr.response.scales import SCALES, Normalised, check_scale, normalise_plates, odd_ones, rows_of_curves
from pkpd_mdr.response.shapes import FloatArray
from pkpd_mdr.response.stack import Stack

__all__ = [
    "RESPONSE", "Columns", "Readings", "as_columns", "check_doses", "control_level", "matching", "opened",
    "read_curves",
]  # fmt: skip

RESPONSE = Kind(
    "the name of one column; make a wide table long first, as in pandas.melt(table, id_vars=['dose'], var_name='well', "
    "value_name='response')",
    TEXT.fits,
)
"""The argument of dose-response tables and of combinations that names the column of responses."""

IndexArray = npt.NDArray[np.int64]
BoolArray = npt.NDArray[np.bool_]
_NO_LABEL = ("", "None", "nan", "<NA>")
_FEW = 3  # rows that may all be equal to others by chance
_NO_ROWS: IndexArray = np.zeros(0, dtype=np.int64)


@dataclass(frozen=True, slots=True)
class Columns:
    """Which columns of a table mean what; see `dose_response`."""

    dose: str
    response: str
    by: tuple[str, ...] = ()
    sd: str | None = None
    var: str | None = None
    control: Mapping[str, object] | None = None
    blank: Mapping[str, object] | None = None
    plate: str | Sequence[str] | None = None
    unit: str | Sequence[str] | None = None
    saturation: float | None = None
    decimal: str = "."


@dataclass(slots=True)
class Readings:
    """Curves as they were read.

    Attributes
    ----------
    labels : DataFrame
        One row for each curve in the order in which it first appears, one column for each name in `by`.
    curve, x, y, weight, row : ndarray, shape (points,)
        Curve, dose, response on its scale, weight and position in the table.
    group : ndarray of int, shape (points,)
        Resampling unit of each point (a plate, an animal); -1 where none was named.
    notes : mapping of int to list of str
        What was left out or looks odd, for each curve.
    faults : mapping of int to str
        Why a curve cannot be fitted at all.
    """

    labels: pd.DataFrame
    curve: IndexArray
    x: FloatArray
    y: FloatArray
    weight: FloatArray
    row: IndexArray
    group: IndexArray
    dose_name: str
    dose_unit: str
    response_name: str
    scale: str | None
    origin: str
    notes: dict[int, list[str]] = field(default_factory=dict)
    faults: dict[int, str] = field(default_factory=dict)
    weighted: bool = False

    @property
    def count(self) -> int:
        """Number of curves."""
        return len(self.labels)

    @property
    def stack(self) -> Stack:
        """The points sorted and collapsed."""
        return Stack.of(self.curve, self.x, self.y, self.weight, count=self.count)

    def name(self, k: int) -> str:
        """A curve's labels in one text."""
        return ", ".join(str(value) for value in self.labels.iloc[k]) if len(self.labels.columns) else "the curve"

    def note(self, k: int, text: str) -> None:
        """Add to the notes of a curve."""
        self.notes.setdefault(k, []).append(text)


def read_curves(
    table: str | Path | pd.DataFrame | Data,
    columns: Columns,
    scale: str | None,
    *,
    normalise: bool,
    file: FileOptions | None = None,
) -> Readings:
    """Read the curves of a table.

    Parameters
    ----------
    table : path, DataFrame or Data
    columns : Columns
    scale : {"viability", "percent", "inhibition", "percent inhibition"}, optional
    normalise : bool
        Whether responses are signals, to be divided by the mean of the controls of their plate.
    file : FileOptions, optional

    Returns
    -------
    Readings

    Raises
    ------
    DataError
        A column is missing or holds no numbers, or the responses contradict their scale.
    """
    if columns.sd is not None and columns.var is not None:
        raise DataError("sd and var are both given; name one: the standard deviation or the variance of a value")
    raw = opened(table, file or {})
    dose = find_column(raw, columns.dose, "dose")
    response = find_column(raw, columns.response, "response")
    control, blank, wells = _kinds(raw, columns)
    codes, frame = _curves(raw, columns, wells)
    x = numbers(raw, dose, decimal=columns.decimal, infinite=True)
    check_doses(raw, dose.header, x[wells])
    x = np.where(control | blank, 0.0, x)
    y = numbers(raw, response, decimal=columns.decimal, infinite=True)
    faulty = _Faults(raw, len(raw))
    faulty.say_numbers(x, dose.header, "dose", negative=False)
    faulty.say_numbers(y, response.header, "response", negative=True)
    if columns.saturation is not None:
        faulty.say(
            y >= columns.saturation, response.header, f"the signal is saturated (at or above {columns.saturation:g})"
        )
    weight = _weights(raw, columns, faulty)
    plate = _codes(raw, several(columns.plate))
    fine = ~faulty.mask
    normal = (
        normalise_plates(x, y, plate, control & fine, blank & fine, wells & fine, scale, codes)
        if normalise
        else Normalised(y, {}, {})
    )
    odd, kept = odd_ones(raw, response.header, normal.y, wells & fine, scale, codes)
    known = check_scale(raw, response.header, x, normal.y, kept, scale, codes)
    group = _codes(raw, several(columns.unit)) if columns.unit is not None else np.full(len(raw), -1, dtype=np.int64)
    nothing = np.zeros(0)
    found = Readings(
        labels=frame, curve=_NO_ROWS, x=nothing, y=nothing, weight=nothing, row=_NO_ROWS, group=_NO_ROWS,
        dose_name=dose.name, dose_unit=dose.unit.text if dose.unit else "", response_name=response.name, scale=scale,
        origin=raw.origin, weighted=columns.sd is not None or columns.var is not None,
    )  # fmt: skip
    used = (wells if scale is None else kept) & fine & ~np.isnan(normal.y)
    _fill(found, codes, x, normal.y, weight, plate, group, used, control & fine)
    for k, texts in (*faulty.by_curve(codes, wells).items(), *known.items()):
        found.notes.setdefault(k, []).extend(texts)
    for k, text in (*normal.doubts.items(), *_repeated(raw, codes, used).items()):
        found.note(k, text)
    _without_controls(found, raw, response.header, normal.faults, codes, used, fine & np.isnan(normal.y))
    if scale is not None:
        found.faults |= odd
    else:
        for k, text in odd.items():
            found.note(k, text)
    return found


def _kinds(raw: RawTable, columns: Columns) -> tuple[BoolArray, BoolArray, BoolArray]:
    """Which rows are controls, blanks, and wells of curves."""
    control = matching(raw, columns.control, "control", decimal=columns.decimal)
    blank = matching(raw, columns.blank, "blank", decimal=columns.decimal)
    wells = ~(control | blank)
    if not wells.any():
        raise DataError(
            f"control = {shown(dict(columns.control or {}))} takes every row of {raw.origin}; name the controls only"
        )
    return control, blank, wells


def _without_controls(
    found: Readings,
    raw: RawTable,
    header: str,
    faults: Mapping[int, str],
    codes: IndexArray,
    used: BoolArray,
    lost: BoolArray,
) -> None:
    """A plate without controls is the fault of a curve, or a note on its wells where the curve has other plates."""
    for k, text in faults.items():
        if (codes[used] == k).any():
            found.note(k, f"left out: {raw.place(np.flatnonzero((codes == k) & lost), header)}: {text}")
        else:
            found.faults[k] = text


def check_doses(raw: RawTable, header: str, x: FloatArray) -> None:
    """Refuse logarithms in place of doses; one negative dose is a slip of its well.

    Raises
    ------
    DataError
        Many doses are negative, at three levels or more.
    """
    below = x < 0
    if below.sum() > 0.25 * len(x) and len(np.unique(x[below])) >= 3:
        raise DataError(
            f"{raw.origin}, column {shown(header)}: {below.sum()} of {len(x)} doses are negative, from "
            f"{x[below].min():g} to {x[below].max():g}, which looks like logarithms; give the doses themselves, for "
            "example 10**x, and 0 for untreated wells"
        )


def opened(table: str | Path | pd.DataFrame | Data, file: FileOptions) -> RawTable:
    """The raw table; a frame that is in memory already may have any number of rows."""
    frame = table.table if isinstance(table, Data) else table
    if isinstance(frame, pd.DataFrame):
        file = {"max_rows": max(len(frame), 1), **file}
    return open_table(frame, **file)


def matching(raw: RawTable, wanted: Mapping[str, object] | None, what: str, *, decimal: str = ".") -> BoolArray:
    """Rows with the given entries; the cells of other rows may be empty."""
    mask = np.zeros(len(raw), dtype=bool)
    if not wanted:
        return mask
    if not isinstance(wanted, Mapping):
        raise DataError(
            f"{what} = {shown(wanted)} does not say in which column; write for example {what}={{'drug': 'DMSO'}}"
        )
    mask[:] = True
    for reference, value in wanted.items():
        column = find_column(raw, reference, what)
        cells = raw.columns[column.position]
        chosen = value if isinstance(value, (list, tuple, set)) else [value]
        here = np.array([any(_same(cell, one) for one in chosen) for cell in cells], dtype=bool)
        filled = np.array([str(cell).strip() not in _NO_LABEL for cell in cells], dtype=bool)
        if cells.dtype.kind == "O" and filled.any():  # numbers as text: 0,0 is 0
            read = labels(raw.take(filled), column, what, decimal=decimal)
            here[filled] |= [any(same_label(label, one) for one in chosen) for label in read]
        if not here.any():
            near = did_you_mean(str(next(iter(chosen))), dict.fromkeys(str(cell).strip() for cell in cells), most=6)
            raise DataError(f"{what}: {raw.origin} has no row with {reference} = {shown(value)}{near}")
        mask &= here
    if not mask.any():
        raise DataError(
            f"{what}: {raw.origin} has no row with {', '.join(f'{k} = {shown(v)}' for k, v in wanted.items())}"
        )
    return mask


def _same(cell: object, wanted: object) -> bool:
    if isinstance(cell, (int, float, np.integer, np.floating)):
        return same_label(float(cell), wanted)
    return same_label(str(cell).strip(), wanted) or str(cell).strip() == str(wanted)


def _curves(raw: RawTable, given: Columns, wells: BoolArray) -> tuple[IndexArray, pd.DataFrame]:
    """Number of each row's curve in the order of first appearance (-1 for controls and blanks), and the labels."""
    part = raw.take(wells)
    columns = {}
    for reference in given.by:
        column = find_column(raw, reference, "by")
        if column.name in columns:
            raise DataError(f"by names {shown(column.name)} twice; name each column once")
        columns[column.name] = labels(part, column, "by", decimal=given.decimal)
    codes = np.full(len(raw), -1, dtype=np.int64)
    if not columns:
        codes[wells] = 0
        return codes, pd.DataFrame(index=range(1))
    frame = pd.DataFrame(columns)
    codes[wells] = frame.groupby(list(columns), sort=False, dropna=False).ngroup().to_numpy()
    return codes, frame.drop_duplicates().reset_index(drop=True).infer_objects()


def _codes(raw: RawTable, names: Sequence[str]) -> IndexArray:
    """One number for each combination of entries; empty cells are entries too."""
    if not names:
        return np.zeros(len(raw), dtype=np.int64)
    frame = pd.DataFrame(
        {name: [str(cell) for cell in raw.columns[find_column(raw, name, "plate").position]] for name in names}
    )
    return np.asarray(frame.groupby(list(names), sort=False).ngroup(), dtype=np.int64)


class _Faults:
    """Rows that are left out, each with its first reason."""

    def __init__(self, raw: RawTable, count: int) -> None:
        self.raw, self.mask = raw, np.zeros(count, dtype=bool)
        self.reasons: list[tuple[BoolArray, str, str]] = []

    def say(self, where: BoolArray, header: str, reason: str) -> None:
        """Leave out rows."""
        new = where & ~self.mask
        if new.any():
            self.reasons.append((new, header, reason))
            self.mask |= new

    def say_numbers(self, values: FloatArray, header: str, what: str, *, negative: bool) -> None:
        """Leave out rows without a finite number, and without a negative one unless it may be."""
        self.say(np.isnan(values), header, f"the {what} is missing")
        if not negative:
            self.say(values < 0, header, f"the {what} is negative")
        self.say(np.isinf(values), header, f"the {what} is infinite")

    def by_curve(self, codes: IndexArray, wells: BoolArray) -> dict[int, list[str]]:
        """Notes of each curve; faults of controls are told to every curve."""
        found: dict[int, list[str]] = {}
        for where, header, reason in self.reasons:
            for k, at in rows_of_curves(codes, where & wells):
                found.setdefault(k, []).append(f"left out: {self.raw.place(at, header)}: {reason}")
            at = np.flatnonzero(where & ~wells)
            for k in np.unique(codes[wells]) if len(at) else ():
                found.setdefault(int(k), []).append(f"left out of the controls: {self.raw.place(at, header)}: {reason}")
        return found


def _repeated(raw: RawTable, codes: IndexArray, used: BoolArray) -> dict[int, str]:
    """Curves whose rows all stand in the table more than once, in every column: replicates are not equal throughout."""
    at = np.flatnonzero(used)
    rows = pd.DataFrame({j: cells[at] for j, cells in enumerate(raw.columns)})
    again, twice = (rows.duplicated(keep=keep).to_numpy() for keep in ("first", False))
    count, copies, paired = (
        np.bincount(codes[some], minlength=codes.max(initial=0) + 1) for some in (at, at[again], at[twice])
    )
    pasted = (paired == count) & (count - copies > _FEW)
    mask = np.zeros(len(codes), dtype=bool)
    mask[at[again]] = pasted[codes[at[again]]]
    return {
        k: f"kept: {raw.place(rows)}: each row stands in the table more than once; was it pasted twice?"
        for k, rows in rows_of_curves(codes, mask)
    }


def _weights(raw: RawTable, columns: Columns, faulty: _Faults) -> FloatArray:
    reference = columns.sd if columns.sd is not None else columns.var
    if reference is None:
        return np.ones(len(raw))
    what = "sd" if columns.sd is not None else "var"
    column = find_column(raw, reference, what)
    values = numbers(raw, column, decimal=columns.decimal)
    faulty.say(~(values > 0), column.header, f"the {what} is missing or not above 0")
    values = np.where(values > 0, values, 1.0)
    return 1.0 / (values**2 if columns.sd is not None else values)


def _fill(
    found: Readings, codes: IndexArray, x: FloatArray, y: FloatArray, weight: FloatArray, plate: IndexArray,
    group: IndexArray, wells: BoolArray, control: BoolArray,
) -> None:  # fmt: skip
    """The points of every curve; controls become its points at dose 0, once for each plate it stands on."""
    at = np.flatnonzero(wells)
    curve = codes[at]
    if control.any():
        pairs = np.unique(np.stack([codes[at], plate[at]], axis=1), axis=0)
        rows = {int(p): np.flatnonzero(control & (plate == p) & ~np.isnan(y)) for p in np.unique(pairs[:, 1])}
        more = [(np.full(len(rows[int(p)]), k), rows[int(p)]) for k, p in pairs]
        curve = np.concatenate([curve, *(part[0] for part in more)])
        at = np.concatenate([at, *(part[1] for part in more)])
    order = np.argsort(curve, kind="stable")
    at = at[order]
    found.curve, found.row, found.group = curve[order].astype(np.int64), at, group[at]
    found.x, found.y, found.weight = x[at], y[at], weight[at]


def control_level(scale: str | None) -> float:
    """The response of an untreated control on a scale."""
    return SCALES[scale].control if scale is not None else 1.0


def as_columns(**given: Any) -> Columns:
    """Columns from the arguments of a public function."""
    by = given.pop("by")
    return Columns(by=several(by), **given)
