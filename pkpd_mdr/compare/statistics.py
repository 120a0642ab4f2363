"""Small statistics of paired draws: intervals that know censoring, differences, who is best."""

from __future__ import annotations

import numpy as np

from pkpd_mdr.engine.lowering import FloatArray
from pkpd_mdr.run.many import quantile

__all__ = ["best_shares", "differences", "quantile", "same", "spread"]


def spread(values: FloatArray, level: float) -> tuple[float, float, float]:
    """Median, lower and upper end of the central interval that holds a share `level` of the values."""
    tail = (1.0 - level) / 2.0
    return quantile(values, 0.5), quantile(values, tail), quantile(values, 1.0 - tail)


def same(
    left: FloatArray, right: FloatArray, relative: float, absolute: float
) -> np.ndarray[tuple[int, ...], np.dtype[np.bool_]]:
    """Where two values differ by no more than the integration error, or are both infinite."""
    with np.errstate(invalid="ignore"):
        close = np.abs(left - right) <= absolute + relative * np.minimum(np.maximum(np.abs(left), np.abs(right)), 1e300)
    return np.asarray((left == right) | (close & np.isfinite(left) & np.isfinite(right)))


def best_shares(values: FloatArray, better: str, relative: float, absolute: float) -> FloatArray:
    """Who is best in each draw.

    Parameters
    ----------
    values : ndarray, shape (arms, draws)
    better : {"high", "low"}
    relative, absolute : float
        Differences up to here are ties.

    Returns
    -------
    ndarray, shape (arms, draws)
        1 for the best arm, 1/k for each of k tied ones, 0 for the others; columns sum to 1.

    Examples
    --------
    >>> best_shares(np.array([[1.0, 2.0], [1.0, 3.0]]), "high", 1e-6, 0.0)
    array([[0.5, 0. ],
           [0.5, 1. ]])
    """
    best = values.max(axis=0) if better == "high" else values.min(axis=0)
    tied = same(values, np.broadcast_to(best, values.shape), relative, absolute).astype(float)
    return np.asarray(tied / tied.sum(axis=0), dtype=float)


def differences(left: FloatArray, right: FloatArray, end: float, relative: float, absolute: float) -> FloatArray:
    """Paired differences; a time that was not reached counts as `end`, and a tie is zero."""
    tied = same(left, right, relative, absolute)
    gap = np.minimum(left, end) - np.minimum(right, end)
    return np.where(tied, 0.0, gap)
