"""Small statistics of paired draws: intervals that know censoring, differences, who is best, how often."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from pkpd_mdr.engine.lowering import FloatArray
from pkpd_mdr.run.many import by_draw, proportion, quantile

__all__ = [
    "best_shares",
    "by_draw",
    "differences",
    "half_width",
    "more_often",
    "paired_proportions",
    "proportion",
    "quantile",
    "same",
    "spread",
]

Places = npt.NDArray[np.int64]


def spread(values: FloatArray, confidence: float) -> tuple[float, float, float]:
    """Median, lower and upper end of the central interval that holds a share `confidence` of the values."""
    tail = (1.0 - confidence) / 2.0
    return quantile(values, 0.5), quantile(values, tail), quantile(values, 1.0 - tail)


def same(
    left: FloatArray, right: FloatArray, relative: float, absolute: float
) -> np.ndarray[tuple[int, ...], np.dtype[np.bool_]]:
    """Where two values differ by no more than the integration error, are both nothing, or both infinite."""
    with np.errstate(invalid="ignore"):
        size = np.minimum(np.maximum(np.abs(left), np.abs(right)), 1e300)
        # not a difference of that size: in a large unit, such as nanomolar levels in M, it would be all there is
        close = (np.abs(left - right) <= relative * size) | (size <= absolute)
    return np.asarray((left == right) | (close & np.isfinite(left) & np.isfinite(right)))


def best_shares(values: FloatArray, better: str, relative: float, absolute: float) -> FloatArray:
    """Who is best in each draw.

    Parameters
    ----------
    values : ndarray, shape (arms, draws)
    better : {"high", "low"}
    relative, absolute : float
        Shares of the larger value up to which differences are ties, and sizes up to which values are nothing.

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


def differences(
    left: FloatArray,
    right: FloatArray,
    end: float | tuple[FloatArray, FloatArray],
    relative: float,
    absolute: float,
) -> FloatArray:
    """Paired differences; a time that was not reached counts as the end of its run, and a tie is zero.

    Parameters
    ----------
    left, right : ndarray, shape (draws,)
    end : float or pair of ndarray
        Of all runs, or of each on the left and on the right.
    relative, absolute : float
        Shares of the larger value up to which differences are ties, and sizes up to which values are nothing.
    """
    ends = end if isinstance(end, tuple) else (np.asarray(end), np.asarray(end))
    tied = same(left, right, relative, absolute)
    with np.errstate(invalid="ignore"):  # of two that are infinite, which tie
        gap = np.minimum(left, ends[0]) - np.minimum(right, ends[1])
    return np.where(tied, 0.0, gap)


def half_width(values: FloatArray, confidence: float) -> float:
    """Half of Student's interval for a mean; 0 for a single value.

    Examples
    --------
    >>> round(half_width(np.array([1.0, 2.0, 3.0]), 0.95), 3)
    2.484
    """
    from scipy.special import stdtrit

    count = len(values)
    if count < 2:
        return 0.0
    with np.errstate(invalid="ignore"):  # of infinite values there is none
        return float(stdtrit(count - 1, 0.5 + confidence / 2)) * float(values.std(ddof=1)) / math.sqrt(count)


def more_often(gains: FloatArray, confidence: float) -> bool:
    """The sign test: whether the draws that differ are enough to say that most of them gain.

    Examples
    --------
    >>> more_often(np.array([1.0, 2.0, 0.0, 0.1]), 0.95), more_often(np.repeat([1.0, 0.0], [8, 5]), 0.95)
    (False, True)
    """
    differ = gains[gains != 0]
    return len(differ) > 0 and proportion((differ > 0).astype(float), confidence)[1] > 0.5


def paired_proportions(gaps: FloatArray, confidence: float, owner: Places | None = None) -> tuple[float, float, float]:
    """Difference of two probabilities on the same draws, with an interval that stays honest near 0 and 1.

    Half a pair is added to each of the four cells of the table of pairs (Agresti and Min 2005); where each draw has
    several paths, the interval is Student's for the means of the draws, two neutral draws added in the same spirit.

    Parameters
    ----------
    gaps : ndarray, shape (members,)
        -1, 0 or 1: whether it happened on the left less whether it happened on the right.
    confidence : float
    owner : ndarray of int, shape (members,), optional
        The draw of each member; each is one of its own if left out.

    Returns
    -------
    tuple of float
        Difference, lower and upper end.

    Examples
    --------
    >>> [round(number, 3) for number in paired_proportions(np.repeat([1.0, 0.0], 5), 0.95)]
    [0.5, 0.093, 0.74]
    """
    from scipy.special import ndtri, stdtrit

    difference = float(gaps.mean())
    draws = len(gaps) if owner is None else int(owner.max()) + 1
    if owner is not None and 1 < draws < len(gaps):
        means = by_draw(gaps, owner)
        centre = float(means.sum()) / (draws + 2)
        square = float(((means - centre) ** 2).sum()) + 2.0 * centre**2 + draws / len(gaps)
        reach = float(stdtrit(draws + 1, 0.5 + confidence / 2)) * math.sqrt(square / ((draws + 1) * (draws + 2)))
    else:
        plus, minus, count = float((gaps > 0).sum()) + 0.5, float((gaps < 0).sum()) + 0.5, len(gaps) + 2.0
        centre = (plus - minus) / count
        reach = float(ndtri(0.5 + confidence / 2)) * math.sqrt((plus + minus) - (plus - minus) ** 2 / count) / count
    return difference, max(-1.0, min(centre - reach, difference)), min(1.0, max(centre + reach, difference))
