"""The median-effect law and the combination index of Chou and Talalay 1984 (Adv Enzyme Regul 22:27).

``ln((1 - f)/f) = m*ln(d/Dm)`` for the unaffected fraction f of each drug alone, by least squares over wells with
0 < f < 1. Wells at or beyond these ends have no logarithm; they are counted in the notes. The law has no largest
effect, so it is wrong for a drug whose effect levels off before full effect: Loewe with fitted curves is the better
index then.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from pkpd_mdr.response.combination.nulls import Expected, affected, unaffected
from pkpd_mdr.response.combination.reading import Wells

__all__ = ["median_effect", "median_effect_lines"]

FloatArray = npt.NDArray[np.float64]
_FAR = 60.0  # log odds between which the additive response is sought
_HALVINGS = 70


def median_effect_lines(wells: Wells, y: FloatArray) -> tuple[FloatArray, FloatArray, npt.NDArray[np.int64]]:
    """Slopes m, log median doses ln Dm and usable wells of each drug, for wells of shape (draws, wells).

    Returns
    -------
    tuple of ndarray, shape (draws, drugs) each
    """
    assert wells.scale is not None
    slopes, medians, used = [], [], []
    for k in range(len(wells.drugs)):
        at = wells.alone(k)[wells.cell]
        f = unaffected(y[:, at], wells.scale)
        x = np.broadcast_to(np.log(wells.cells[wells.cell[at], k]), f.shape)
        fine = (f > 0) & (f < 1)
        number = fine.sum(axis=1)
        with np.errstate(divide="ignore", invalid="ignore"):
            odds = np.where(fine, np.log((1.0 - f) / f), 0.0)
            mean_x, mean_y = np.where(fine, x, 0.0).sum(axis=1) / number, odds.sum(axis=1) / number
            dx = np.where(fine, x - mean_x[:, None], 0.0)
            slope = (dx * odds).sum(axis=1) / (dx**2).sum(axis=1)
            slopes.append(slope)
            medians.append(mean_x - mean_y / slope)
        used.append(number)
    return np.stack(slopes, axis=1), np.stack(medians, axis=1), np.stack(used, axis=1)


def median_effect(wells: Wells, y: FloatArray, observed: FloatArray) -> Expected:
    """Additive responses and combination indices under the median-effect law.

    Parameters
    ----------
    wells : Wells
    y : ndarray, shape (draws, wells)
    observed : ndarray, shape (draws, cells)
    """
    assert wells.scale is not None
    slope, median, used = median_effect_lines(wells, y)
    fine = (slope > 0) & np.isfinite(median)
    value, index = np.full(observed.shape, np.nan), np.full(observed.shape, np.nan)
    reason = [""] * len(wells.cells)
    for c in range(len(wells.cells)):
        present = np.flatnonzero(wells.cells[c] > 0)
        if not len(present):
            value[:, c] = affected(np.ones(len(y)), wells.scale)
            continue
        wrong = present[~fine[0, present]]
        if len(wrong):
            drug = wells.drugs[wrong[0]]
            reason[c] = f"the median-effect line of {drug} alone has fewer than two usable doses or does not rise"
        logs = np.log(wells.cells[c, present]) - median[:, present]
        odds = _additive(logs, np.where(fine, slope, np.nan)[:, present])
        value[:, c] = affected(1.0 / (1.0 + np.exp(odds)), wells.scale)
        f = unaffected(observed[:, c], wells.scale)
        with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
            seen = np.where((f > 0) & (f < 1), np.log((1.0 - f) / f), np.nan)
            total = np.exp(logs - seen[:, None] / slope[:, present]).sum(axis=1)
        index[:, c] = np.where(fine[:, present].all(axis=1), total, np.nan)
    notes = tuple(
        f"{drug} alone: {int((wells.alone(k)[wells.cell]).sum() - used[0, k])} wells at or beyond no and full effect "
        "have no median-effect logarithm and are left out of its line"
        for k, drug in enumerate(wells.drugs)
        if wells.alone(k)[wells.cell].sum() > used[0, k]
    )
    index[:, ~wells.mixed] = np.nan
    return Expected(value, reason, index=index, notes=notes)


def _additive(logs: FloatArray, slope: FloatArray) -> FloatArray:
    """Log odds at which the doses, as shares of the doses needed alone, add up to 1."""
    low, high = np.full(len(logs), -_FAR), np.full(len(logs), _FAR)
    for _ in range(_HALVINGS):
        middle = 0.5 * (low + high)
        with np.errstate(over="ignore"):
            more = np.exp(logs - middle[:, None] / slope).sum(axis=1) > 1.0
        low, high = np.where(more, middle, low), np.where(more, high, middle)
    return np.where(np.isnan(slope).any(axis=1), np.nan, 0.5 * (low + high))
