"""Scales of a response, declared once and checked: viability or inhibition, fraction or per cent; normalisation."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from pkpd_mdr.data.columns import RawTable
from pkpd_mdr.errors import DataError, did_you_mean, shown
from pkpd_mdr.response.shapes import FloatArray

__all__ = [
    "SCALES",
    "Normalised",
    "Scale",
    "check_level",
    "check_scale",
    "normalise_plates",
    "odd_ones",
    "rows_of_curves",
    "scale_named",
]

_PERCENT = 8.0  # no viability as a fraction is larger
_SIGNAL = 1000.0  # none in per cent is
IndexArray = npt.NDArray[np.int64]
BoolArray = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Scale:
    """A scale of responses: no effect is at `none`, the largest effect at `full`."""

    none: float
    full: float
    rising: bool

    @property
    def control(self) -> float:
        """The upper end of the scale."""
        return max(self.none, self.full)


SCALES = {
    "viability": Scale(1.0, 0.0, False),
    "percent": Scale(100.0, 0.0, False),
    "inhibition": Scale(0.0, 1.0, True),
    "percent inhibition": Scale(0.0, 100.0, True),
}
"""Every scale by name; ``"percent"`` is viability in per cent."""


def scale_named(name: str | None) -> Scale | None:
    """The scale of a name; None for responses in units of their own.

    Raises
    ------
    DataError
        An unknown name; the nearest is shown.
    """
    if name is None:
        return None
    if not isinstance(name, str) or name not in SCALES:
        raise DataError(f"scale = {shown(name)} is no scale of responses{did_you_mean(name, SCALES)}")
    return SCALES[name]


@dataclass(frozen=True, slots=True)
class Normalised:
    """Responses on their scale, curves that could not be put on it, with the reason, and doubts about the others."""

    y: FloatArray
    faults: dict[int, str]
    doubts: dict[int, str]


def normalise_plates(
    x: FloatArray, y: FloatArray, plate: IndexArray, control: BoolArray, blank: BoolArray, wells: BoolArray,
    scale: str | None, codes: IndexArray,
) -> Normalised:  # fmt: skip
    """``(y - blank)/(control - blank)`` on each plate, with means of the controls and blanks of that plate.

    Where no controls are named, wells at dose 0 of the same curve and plate are its controls. The scatter of the
    controls is not lost: they enter the fit as points at dose 0, so the limit d carries their error.
    """
    kind = scale_named(scale) or SCALES["viability"]
    empty = np.bincount(plate[blank], minlength=int(plate.max(initial=0)) + 1)
    with np.errstate(invalid="ignore", divide="ignore"):
        base = np.where(empty > 0, np.bincount(plate[blank], y[blank], len(empty)) / empty, 0.0)[plate]
    no_blank = blank.any() & (empty[plate] == 0)
    group = plate if control.any() else _joined(plate, codes)
    signal = control if control.any() else wells & (x == 0)
    number = np.bincount(group[signal], minlength=int(group.max(initial=0)) + 1)
    with np.errstate(invalid="ignore", divide="ignore"):
        top = (np.bincount(group[signal], y[signal], len(number)) / number)[group]
        share = (y - base) / (top - base)
    wrong = ~(top > base) | no_blank
    out = np.where(wrong, np.nan, kind.none + (kind.full - kind.none) * (1.0 - share))
    faults = {
        k: _no_reference(int(number[group[at[0]]]), float(top[at[0]]), float(base[at[0]]), bool(no_blank[at[0]]))
        for k, at in rows_of_curves(codes, wells & wrong)
    }
    lonely = {
        k: "one untreated well only on a plate: its scatter is not seen, so intervals are too narrow"
        for k, _ in rows_of_curves(codes, wells & ~wrong & (number[group] == 1))
    }
    return Normalised(out, faults, lonely)


def _joined(plate: IndexArray, codes: IndexArray) -> IndexArray:
    """One number for each curve on each plate."""
    return np.asarray(np.unique(np.stack([plate, codes]), axis=1, return_inverse=True)[1].reshape(-1), dtype=np.int64)


def _no_reference(number: int, mean: float, base: float, no_blank: bool) -> str:
    if no_blank:
        return "controls missing: its plate has no blank wells"
    if number == 0:
        return "controls missing: its plate has no untreated wells; name them with control=, or set normalise=False"
    return f"controls of {mean:g} are not above the blank of {base:g}: there is nothing to normalise by"


def rows_of_curves(codes: IndexArray, mask: BoolArray) -> Iterator[tuple[int, IndexArray]]:
    """Every curve with rows in the mask, and these rows."""
    at = np.flatnonzero(mask)
    at = at[np.argsort(codes[at], kind="stable")]
    cuts = np.flatnonzero(np.diff(codes[at])) + 1
    for rows in np.split(at, cuts) if len(at) else ():
        yield int(codes[rows[0]]), rows


def odd_ones(
    raw: RawTable, header: str, y: FloatArray, wells: BoolArray, scale: str | None, codes: IndexArray
) -> tuple[dict[int, str], BoolArray]:
    """Curves in per cent beside curves in fractions, where fractions or nothing is declared; and the rows of the rest.

    A table of per cent alone is left to `check_scale`. High values of a few wells are outliers, not per cent.

    Returns
    -------
    odd : dict of int to str
        Curve to the sentence that names a cell.
    kept : ndarray of bool, shape (rows,)
        The wells of all other curves.
    """
    fine = wells & ~np.isnan(y)
    if (scale is not None and SCALES[scale].control == 100.0) or not fine.any():
        return {}, wells
    largest = np.zeros(int(codes.max()) + 1)
    np.maximum.at(largest, codes[fine], np.abs(y[fine]))
    suspects = largest > (_PERCENT if scale is not None else 50.0)
    others = np.unique(codes[fine & ~suspects[codes]])
    if not suspects.any() or (scale is None and not (_fractions(largest[others]) and (largest <= 250.0).all())):
        return {}, wells
    said = f"scale = {shown(scale)} is declared" if scale is not None else "other curves are fractions"
    odd = {}
    for k, rows in rows_of_curves(codes, fine & suspects[codes]):
        top = float(np.quantile(np.abs(y[rows]), 0.9))
        if top > _PERCENT:
            example = raw.place(int(rows[np.argmax(np.abs(y[rows]))]), header)
            odd[k] = f"{example}: {largest[k]:g} looks like per cent, but {said}; divide this curve by 100"
    kept = wells & ~np.isin(codes, list(odd))
    return (odd, kept) if (kept & fine).any() else ({}, wells)


def _fractions(largest: FloatArray) -> bool:
    """Whether the largest responses of curves are those of fractions."""
    return bool(len(largest) and (largest < 3.0).all() and (largest > 0.3).any())


def check_scale(
    raw: RawTable, header: str, x: FloatArray, y: FloatArray, wells: BoolArray, scale: str | None, codes: IndexArray
) -> dict[int, list[str]]:
    """Refuse a table that contradicts its scale as a whole; note values beyond the scale.

    Raises
    ------
    DataError
        Per cent where fractions are declared, or the reverse; inhibition where viability is declared, or the reverse.
    """
    kind = scale_named(scale)
    values = y[wells]
    values = values[~np.isnan(values)]
    if kind is None or len(values) == 0:
        return {}
    top = float(np.quantile(np.abs(values), 0.9))
    row = int(np.flatnonzero(wells & (np.abs(y) >= top))[0])
    example = f"{raw.place(row, header)}: a response of {y[row]:g}"
    percent = kind.control == 100.0
    if top > _SIGNAL:
        raise DataError(
            f"scale = {shown(scale)}: {example} looks like a raw signal; say normalise=True with "
            "control={'column': 'entry of untreated wells'}, or give no scale"
        )
    if not percent and top > _PERCENT:
        raise DataError(f"scale = {shown(scale)}: {example} looks like per cent; say scale='{_twin(kind)}'")
    if percent and 0.05 < top <= 2.0:
        raise DataError(f"scale = {shown(scale)}: {example} looks like a fraction; say scale='{_twin(kind)}'")
    first, last = _ends(x, y, wells, codes)
    started, ended = (first - kind.none) / (kind.full - kind.none), (last - kind.none) / (kind.full - kind.none)
    if started > 0.65 and ended < 0.35:
        other = {"viability": "inhibition", "percent": "percent inhibition"}
        named = other.get(str(scale)) or {value: key for key, value in other.items()}[str(scale)]
        raise DataError(
            f"scale = {shown(scale)}: column {shown(header)} goes from {first:.3g} at the lowest to {last:.3g} "
            f"at the highest dose, which looks like {named}; say scale={shown(named)}, or give no scale"
        )
    low = wells & (y < min(kind.none, kind.full) - 0.02 * kind.control)
    word = "negative viability" if not kind.rising else "negative inhibition"
    return {k: [f"kept: {raw.place(at, header)}: {word}"] for k, at in rows_of_curves(codes, low)}


def check_level(value: float, scale: str) -> None:
    """Refuse a response in per cent on a scale of fractions, or the reverse.

    Raises
    ------
    DataError
        With the level that was meant.
    """
    percent = SCALES[scale].control == 100.0
    if (0.0 < abs(value) < 1.0) if percent else abs(value) > _PERCENT:
        meant, other = (value * 100.0, "a fraction") if percent else (value / 100.0, "per cent")
        raise DataError(
            f"kind = 'absolute': a response of {value:g} looks like {other}, but scale = {shown(scale)} is declared; "
            f"ask for {meant:g}"
        )


def _twin(kind: Scale) -> str:
    return next(name for name, other in SCALES.items() if other.rising == kind.rising and other.control != kind.control)


def _ends(x: FloatArray, y: FloatArray, wells: BoolArray, codes: IndexArray) -> tuple[float, float]:
    """Median response at the lowest and at the highest dose of the curves."""
    import pandas as pd

    fine = wells & ~np.isnan(y)
    frame = pd.DataFrame({"curve": codes[fine], "x": x[fine], "y": y[fine]})
    ranges = frame.groupby("curve")["x"].agg(["min", "max"])
    wide = ranges[ranges["max"] > ranges["min"]].index
    frame = frame[frame["curve"].isin(wide)]
    if not len(frame):
        return float("nan"), float("nan")
    low, high = frame["curve"].map(ranges["min"]), frame["curve"].map(ranges["max"])
    return float(frame.loc[frame["x"] == low, "y"].median()), float(frame.loc[frame["x"] == high, "y"].median())
