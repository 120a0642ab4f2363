"""Responses that are expected without interaction: Bliss, highest single agent, Loewe, median effect.

All functions are vectorised over draws, so that intervals come from the same code as estimates. Where a reference
model has no answer it gives NaN, and `Expected.reason` says why.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from pkpd_mdr.response.combination.reading import Wells
from pkpd_mdr.response.combination.single import Hills
from pkpd_mdr.response.scales import SCALES

__all__ = ["Expected", "affected", "bliss", "highest_single", "loewe", "loewe_index", "single_values", "unaffected"]

FloatArray = npt.NDArray[np.float64]
_HALVINGS = 90


@dataclass(frozen=True, slots=True)
class Expected:
    """Expected responses of all cells.

    Attributes
    ----------
    value : ndarray, shape (draws, cells)
        On the scale of the responses; NaN where the model has no answer.
    reason : list of str
        Why, for each cell, in the first draw; "" where there is a value.
    index : ndarray, shape (draws, cells), optional
        Combination index of the observed response: below 1 is synergy.
    fitted : ndarray, shape (draws, cells), optional
        Smoothed response that stands for the observed one.
    notes : tuple of str
    """

    value: FloatArray
    reason: list[str]
    index: FloatArray | None = None
    fitted: FloatArray | None = None
    notes: tuple[str, ...] = ()


def unaffected(y: FloatArray, scale: str) -> FloatArray:
    """Unaffected fraction of a response on its scale: 1 without effect, 0 at full effect."""
    kind = SCALES[scale]
    return np.asarray((y - kind.full) / (kind.none - kind.full))


def affected(f: FloatArray, scale: str) -> FloatArray:
    """The response on its scale with this unaffected fraction."""
    kind = SCALES[scale]
    return np.asarray(kind.full + f * (kind.none - kind.full))


def single_values(wells: Wells, y: FloatArray) -> tuple[FloatArray, list[str]]:
    """Response of each drug of a cell alone, and which well is missing.

    Returns
    -------
    tuple of ndarray, shape (draws, cells, drugs), and list of str
        NaN where the drug is absent from the cell (no part in it) or where it was never measured alone at that dose.
    """
    out = np.full((*y.shape, len(wells.drugs)), np.nan)
    missing = [""] * len(wells.cells)
    for k, drug in enumerate(wells.drugs):
        at = {float(wells.cells[c, k]): c for c in np.flatnonzero(wells.alone(k))}
        for c in np.flatnonzero(wells.cells[:, k] > 0):
            source = at.get(float(wells.cells[c, k]))
            if source is not None:
                out[:, c, k] = y[:, source]
            elif not missing[c]:
                missing[c] = f"no well with {drug} {wells.cells[c, k]:g} alone"
    return out, missing


def bliss(wells: Wells, y: FloatArray) -> Expected:
    """Independent action: unaffected fractions multiply (Bliss 1939, Ann Appl Biol 26:585).

    A negative fraction has no product with a meaning; the smallest fraction stands for it (Holbeck et al. 2017).
    """
    assert wells.scale is not None
    alone, missing = single_values(wells, y)
    f = unaffected(alone, wells.scale)
    present = wells.cells > 0
    product = np.prod(np.where(present, f, 1.0), axis=2)
    least = np.min(np.where(present, f, np.inf), axis=2, initial=np.inf)
    negative = np.any(present & (f < 0), axis=2)
    value = affected(np.where(negative, least, product), wells.scale)
    if wells.untreated.any():
        value[:, wells.untreated] = y[:, wells.untreated]
    below = int((negative[0] & wells.mixed).sum())
    notes = (
        (f"{below} cells rest on a drug alone beyond full effect: the stronger drug stands for Bliss",) if below else ()
    )
    return Expected(value, missing, notes=notes)


def highest_single(wells: Wells, y: FloatArray) -> Expected:
    """Highest single agent: the stronger of the drugs alone (Berenbaum 1989, Pharmacol Rev 41:93)."""
    assert wells.scale is not None
    alone, missing = single_values(wells, y)
    f = unaffected(alone, wells.scale)
    present = wells.cells > 0
    unknown = np.any(present & np.isnan(f), axis=2)
    value = affected(np.min(np.where(present, f, np.inf), axis=2), wells.scale)
    value = np.where(unknown, np.nan, value)
    if wells.untreated.any():
        value[:, wells.untreated] = y[:, wells.untreated]
    return Expected(value, missing)


def loewe(wells: Wells, y: FloatArray, hills: Hills) -> Expected:
    """Dose additivity: the response E with ``sum d_i/D_i(E) = 1`` (Loewe 1926), D_i from the fitted single drugs.

    There is no such response where one drug's dose in the mixture already does more than another drug can do at any
    dose. It is NaN with a reason there, not a number from outside the model.
    """
    draws, cells = y.shape
    value = np.full((draws, cells), np.nan)
    reason = [""] * cells
    for c in range(cells):
        present = np.flatnonzero(wells.cells[c] > 0)
        if len(present) < 2:
            value[:, c] = hills.at(present[0], wells.cells[c, present[0]]) if len(present) else hills.start.mean(axis=1)
            continue
        value[:, c], reason[c] = _solve(hills, present, wells.cells[c, present], wells.drugs)
    return Expected(value, reason, index=loewe_index(wells, y, hills))


def _solve(
    hills: Hills, present: npt.NDArray[np.int64], doses: FloatArray, names: tuple[str, ...]
) -> tuple[FloatArray, str]:
    start, end = hills.start[:, present], hills.end[:, present]
    sign = np.sign((end - start).sum(axis=1))
    low, high = (sign[:, None] * start).max(axis=1), (sign[:, None] * end).min(axis=1)
    common = (high > low) & hills.usable[:, present].all(axis=1)
    weakest = (sign[:, None] * end).argmin(axis=1)

    def total(effect: FloatArray) -> FloatArray:
        """Sum of doses over those that have the effect alone, shape (cells,): 1 on the isobole."""
        needed = hills.doses(sign * effect, present)
        with np.errstate(divide="ignore", invalid="ignore"):
            return np.asarray((doses / needed).sum(axis=1))

    bottom, top = low.copy(), high.copy()
    with np.errstate(invalid="ignore", divide="ignore", over="ignore"):
        reached = common & (total(high - 1e-12 * np.abs(high - low)) <= 1.0)
        for _ in range(_HALVINGS):
            middle = 0.5 * (bottom + top)
            more = total(middle) > 1.0
            bottom, top = np.where(more, middle, bottom), np.where(more, top, middle)
    value = np.where(reached, sign * 0.5 * (bottom + top), np.nan)
    if reached[0]:
        return value, ""
    if not hills.usable[0, present].all():
        lost = names[present[int(np.argmin(hills.usable[0, present]))]]
        return value, f"no curve could be fitted to {lost} alone"
    if not common[0]:
        return value, "the fitted single drugs have no range of responses in common"
    return value, f"beyond the largest effect of {names[present[int(weakest[0])]]}: no dose of it alone does as much"


def loewe_index(wells: Wells, y: FloatArray, hills: Hills) -> FloatArray:
    """Combination index ``sum d_i/D_i(E)`` at the observed response; NaN outside the fitted curves."""
    out = np.full(y.shape, np.nan)
    for c in np.flatnonzero(wells.mixed):
        present = np.flatnonzero(wells.cells[c] > 0)
        needed = hills.doses(y[:, c], present)
        with np.errstate(divide="ignore", invalid="ignore"):
            index = (wells.cells[c, present] / needed).sum(axis=1)
        inside = np.isfinite(needed).all(axis=1) & (needed > 0).all(axis=1)
        out[:, c] = np.where(inside, index, np.nan)
    return out
