"""What the optimum gains over a plain arm, on draws that the search has not seen."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from pkpd_mdr.compare.statistics import more_often
from pkpd_mdr.engine.lowering import FloatArray
from pkpd_mdr.optimise.limits import Criterion
from pkpd_mdr.units import Unit

__all__ = ["Gain", "paired_gain"]

_RESAMPLES = 2000
_NOTHING = 1e-4  # of the arm: less is the integrator's


@dataclass(frozen=True, slots=True)
class Gain:
    """The paired difference between the optimum and the best plain arm; positive is better.

    Attributes
    ----------
    arm : str
        The best of the plain arms in the search.
    value, lower, upper : float
        Of the criterion, with an interval of `confidence`; the same number three times without draws.
    confidence : float
    unit : Unit
    better : float
        Share of draws in which the optimum is better (ties count half).
    pairs : int
        Draws.
    held_out : bool
        Whether these draws were kept out of the search.
    noise : bool
        Whether the gain cannot be told from none: neither its interval nor the sign test leaves that out.
    often : bool
        Whether the draws that differ are enough to say that the optimum is better in most: the sign test with which
        `pkpd_mdr.compare` calls an arm the best.
    """

    arm: str
    value: float
    lower: float
    upper: float
    confidence: float
    unit: Unit
    better: float
    pairs: int
    held_out: bool
    noise: bool
    often: bool


def paired_gain(
    best: FloatArray,
    arm: FloatArray,
    criterion: Criterion,
    *,
    high: bool,
    confidence: float,
    rng: np.random.Generator,
) -> tuple[float, float, float, float, bool, bool]:
    """Gain of a criterion with its interval, the share of draws that gain, and whether that is noise.

    For a mean the interval is Student's of the paired differences; for the worst draw or a share, that of a bootstrap
    of pairs (percentiles of 2000 resamples), which is rough where few draws decide. Where gains are skewed the interval
    of their mean may hold zero though the optimum is better in every draw: the sign test speaks then.

    Parameters
    ----------
    best, arm : ndarray, shape (draws,)
    criterion : Criterion
    high : bool
        Whether high values are good.
    confidence : float
    rng : numpy.random.Generator

    Returns
    -------
    value, lower, upper, better : float
    noise, often : bool

    Examples
    --------
    >>> rng = np.random.default_rng(1)
    >>> found = paired_gain(np.array([3.0, 4.0, 6.0]), np.array([1.0, 2.0, 3.0]), Criterion(), high=True,
    ...                     confidence=0.95, rng=rng)
    >>> [round(number, 3) for number in found[:3]], found[4]
    ([2.333, 0.899, 3.768], False)
    """
    sign = 1.0 if high else -1.0
    gaps, count = sign * (best - arm), len(best)
    slack = _NOTHING * np.maximum(np.abs(arm), 1e-300)
    better = float(np.mean((gaps > slack) + 0.5 * (np.abs(gaps) <= slack)))
    value = sign * float(criterion.of(best, high=high) - criterion.of(arm, high=high))
    nothing = value <= _NOTHING * abs(float(criterion.of(arm, high=high)))
    if count < 2:
        return value, value, value, better, nothing, False
    if criterion.share is None:
        from scipy.stats import t

        half = float(t.ppf(0.5 + confidence / 2, count - 1) * gaps.std(ddof=1) / math.sqrt(count))
        lower, upper = value - half, value + half
    else:
        rows = rng.integers(0, count, (_RESAMPLES, count))
        drawn = sign * (criterion.of(best[rows], high=high) - criterion.of(arm[rows], high=high))
        lower, upper = (float(q) for q in np.quantile(drawn, [(1 - confidence) / 2, (1 + confidence) / 2]))
    often = more_often(np.where(np.abs(gaps) <= slack, 0.0, gaps), confidence)
    return value, lower, upper, better, bool(nothing or (lower <= 0 and not often)), often
