"""Bootstrap intervals of effective doses: all refits of a curve are one block of the vectorised path.

Resampled are the units that the user names (plates, animals) with all their wells, or else residuals, drawn from the
curve's own and stretched by ``sqrt(n/df)``. Refits that never reach the level count as an endless dose, so an
interval may be open.
"""

from __future__ import annotations

from typing import TYPE_CHECKING
from zlib import crc32

import numpy as np

from pkpd_mdr.response.estimates import fit_stack
from pkpd_mdr.response.levels import Level, log_dose
from pkpd_mdr.response.shapes import FloatArray
from pkpd_mdr.response.stack import Stack

if TYPE_CHECKING:
    from pkpd_mdr.response.result import DoseResponse

__all__ = ["bootstrap_intervals", "resampled_logs"]

_REFITS = 999
_FEWEST_UNITS = 3


def bootstrap_intervals(
    fit: DoseResponse, level: Level, logs: FloatArray, *, seed: int
) -> tuple[FloatArray, FloatArray]:
    """Percentile intervals of the log effective dose of every curve with an estimate.

    Parameters
    ----------
    fit : DoseResponse
    level : Level
    logs : ndarray, shape (count,)
        NaN is passed over.
    seed : int
        The stream of a curve comes from it and from the wells of the curve, so that its interval does not depend on
        what else is in the table, nor on its place there.
    """
    lower, upper = np.full(len(fit), np.nan), np.full(len(fit), np.nan)
    tail = 50.0 * (1.0 - fit.options.confidence)
    for k in np.flatnonzero(np.isfinite(logs) & (fit.curves.df > 0)):
        found = resampled_logs(fit, int(k), level, _stream(fit, int(k), seed))
        lower[k], upper[k] = np.percentile(found, [tail, 100.0 - tail], method="closest_observation")
    return lower, upper


def _stream(fit: DoseResponse, k: int, seed: int) -> np.random.Generator:
    mine = fit.readings.curve == k
    wells = np.stack([fit.readings.x[mine], fit.readings.y[mine], fit.readings.weight[mine]])
    return np.random.default_rng(np.random.SeedSequence([seed, crc32(wells.tobytes())]))


def resampled_logs(fit: DoseResponse, k: int, level: Level, rng: np.random.Generator) -> FloatArray:
    """Log effective doses of the refits of one curve; infinite where the level is not reached or passed at once."""
    mine = fit.readings.curve == k
    x, y, weight = fit.readings.x[mine], fit.readings.y[mine], fit.readings.weight[mine]
    group = fit.readings.group[mine]
    units = np.unique(group[group >= 0])
    if len(units) >= _FEWEST_UNITS:
        stack = _by_unit(x, y, weight, group, units, rng)
    else:
        stack = _by_residual(fit, k, x, y, weight, rng)
    curves = fit_stack(stack, fit.curves.family, held=dict(fit.options.held), bounds=fit.options.bounds, most=1)
    logs, (_, gone) = log_dose(curves, level), level.shares(curves.linear)
    with np.errstate(invalid="ignore"):
        logs = np.where(np.isnan(logs), np.where(gone <= 0.0, -np.inf, np.inf), logs)
    return logs[curves.usable]


def _by_residual(
    fit: DoseResponse, k: int, x: FloatArray, y: FloatArray, weight: FloatArray, rng: np.random.Generator
) -> Stack:
    fitted = fit.curves.predict(x[None, :], np.array([k]))[0]
    residual = (y - fitted) * np.sqrt(weight)
    residual = (residual - residual.mean()) * np.sqrt(len(y) / max(int(fit.curves.df[k]), 1))
    drawn = rng.choice(residual, (_REFITS, len(y)))
    curve = np.repeat(np.arange(_REFITS), len(y))
    values = (fitted + drawn / np.sqrt(weight)).ravel()
    return Stack.of(curve, np.tile(x, _REFITS), values, np.tile(weight, _REFITS))


def _by_unit(
    x: FloatArray, y: FloatArray, weight: FloatArray, group: np.ndarray[tuple[int], np.dtype[np.int64]],
    units: np.ndarray[tuple[int], np.dtype[np.int64]], rng: np.random.Generator,
) -> Stack:  # fmt: skip
    """Each refit counts every unit as often as it was drawn; points without a unit always once."""
    times = rng.multinomial(len(units), np.full(len(units), 1.0 / len(units)), _REFITS)
    count = np.where(group >= 0, times[:, np.searchsorted(units, np.maximum(group, units[0]))], 1)
    refit, point = np.nonzero(count)
    return Stack.of(refit, x[point], y[point], weight[point] * count[refit, point], count=_REFITS)
