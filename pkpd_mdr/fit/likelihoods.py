"""Minus twice the log-likelihood of single rows, with first derivatives and expected second ones.

Every likelihood is written in three coordinates of a row: its location m (the prediction, or its logarithm), the
logarithm of its spread, and one coordinate of the family (degrees of freedom, dispersion). The Fisher information of
these three makes a search by scoring possible for all of them, and it is what standard errors are made of.

Continuous families give densities, counts and fractions give probabilities; `Objective` divides the latter by the
step between possible values, so that likelihoods of all families compare.

References
----------
Student's t: Lange, Little and Taylor, J. Am. Stat. Assoc. 84:881 (1989). Negative binomial, quadratic variance:
Lawless, Can. J. Stat. 15:209 (1987). Censored rows: Beal, J. Pharmacokinet. Pharmacodyn. 28:481 (2001), method M3.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from pkpd_mdr.fit.free import FloatArray

__all__ = [
    "EXTRA",
    "LOCATION",
    "SPREAD",
    "Terms",
    "beta_binomial",
    "binomial",
    "censored",
    "negative_binomial",
    "normal",
    "student_t",
]

LOCATION, SPREAD, EXTRA = 0, 1, 2
_GRID = 513  # values of a count that an expectation is summed over; all of them when there are fewer
_EDGE = 1e-12  # a predicted fraction this near 0 or 1 counts as being this far away


@dataclass(frozen=True, slots=True)
class Terms:
    """Rows of one family.

    Attributes
    ----------
    value : ndarray, shape (rows,)
        Minus twice the logarithm of the likelihood, with all constants.
    slope : ndarray, shape (rows, 3)
        Derivatives of `value` by location, logarithm of spread, and the coordinate of the family.
    information : ndarray, shape (rows, 3, 3)
        Expected second derivatives of `value` (twice the Fisher information).
    """

    value: FloatArray
    slope: FloatArray
    information: FloatArray

    @staticmethod
    def empty(rows: int) -> Terms:
        """Terms that say nothing yet."""
        return Terms(np.zeros(rows), np.zeros((rows, 3)), np.zeros((rows, 3, 3)))

    def put(self, at: npt.NDArray[np.int64], other: Terms) -> None:
        """Set some rows."""
        self.value[at], self.slope[at], self.information[at] = other.value, other.slope, other.information


def normal(difference: FloatArray, log_sd: FloatArray) -> Terms:
    """Normal density of ``difference = z - m``; all arguments have shape (rows,)."""
    inverse = np.exp(np.clip(-log_sd, -600.0, 600.0))
    e, terms = difference * inverse, Terms.empty(len(difference))
    terms.value[:] = e**2 + 2.0 * log_sd + math.log(2.0 * math.pi)
    terms.slope[:, LOCATION], terms.slope[:, SPREAD] = -2.0 * e * inverse, 2.0 - 2.0 * e**2
    terms.information[:, LOCATION, LOCATION], terms.information[:, SPREAD, SPREAD] = 2.0 * inverse**2, 4.0
    return terms


def student_t(difference: FloatArray, log_scale: FloatArray, log_freedom: float) -> Terms:
    """Density of Student's t, scaled; the coordinate of the family is the logarithm of its degrees of freedom."""
    from scipy.special import digamma, gammaln, polygamma

    v = math.exp(log_freedom)
    inverse = np.exp(np.clip(-log_scale, -600.0, 600.0))
    e, terms = difference * inverse, Terms.empty(len(difference))
    tail = np.log1p(e**2 / v)
    constant = gammaln((v + 1) / 2) - gammaln(v / 2) - 0.5 * math.log(v * math.pi)
    terms.value[:] = -2.0 * (constant - log_scale) + (v + 1) * tail
    pull = (v + 1) / (v + e**2)  # weight of a row: far ones pull less
    terms.slope[:, LOCATION], terms.slope[:, SPREAD] = -2.0 * pull * e * inverse, 2.0 - 2.0 * pull * e**2
    by_freedom = digamma((v + 1) / 2) - digamma(v / 2) - 1.0 / v - tail + pull * e**2 / v
    terms.slope[:, EXTRA] = -v * by_freedom
    terms.information[:, LOCATION, LOCATION] = 2.0 * (v + 1) / (v + 3) * inverse**2
    terms.information[:, SPREAD, SPREAD] = 4.0 * v / (v + 3)
    trigamma = float(polygamma(1, v / 2) - polygamma(1, (v + 1) / 2))
    terms.information[:, EXTRA, EXTRA] = v**2 * (trigamma / 2 - (v + 5) / (v * (v + 1) * (v + 3)))
    mixed = -4.0 * v / ((v + 1) * (v + 3))
    terms.information[:, SPREAD, EXTRA] = terms.information[:, EXTRA, SPREAD] = mixed
    return terms


def censored(difference: FloatArray, log_spread: FloatArray, side: FloatArray, log_freedom: float | None) -> Terms:
    """Probability of a value beyond a limit: below it where `side` is -1, above it where it is +1.

    Parameters
    ----------
    difference : ndarray, shape (rows,)
        Limit minus location.
    log_spread, side : ndarray, shape (rows,)
    log_freedom : float or None
        Of Student's t with known degrees of freedom; None for the normal distribution.
    """
    inverse = np.exp(np.clip(-log_spread, -600.0, 600.0))
    x, terms = -side * difference * inverse, Terms.empty(len(difference))
    log_probability, hazard, curvature = _tail_of(log_freedom)(x)
    terms.value[:] = -2.0 * log_probability
    # x moves by side/w with the location and by -x with the logarithm of the spread
    by = np.stack([side * inverse, -x], axis=1)
    terms.slope[:, :2] = -2.0 * hazard[:, None] * by
    terms.information[:, :2, :2] = 2.0 * curvature[:, None, None] * by[:, :, None] * by[:, None, :]
    return terms


def _tail_of(log_freedom: float | None) -> Callable[[FloatArray], tuple[FloatArray, FloatArray, FloatArray]]:
    return _normal_tail if log_freedom is None else lambda x: _student_tail(x, math.exp(log_freedom))


def _normal_tail(x: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Ln P(X < x), its derivative h, and minus its second derivative h*(x + h)."""
    from scipy.special import log_ndtr

    log_probability = log_ndtr(x)
    hazard = np.exp(-0.5 * x**2 - 0.5 * math.log(2.0 * math.pi) - log_probability)
    return log_probability, hazard, np.maximum(hazard * (x + hazard), 0.0)


def _student_tail(x: FloatArray, v: float) -> tuple[FloatArray, FloatArray, FloatArray]:
    """The same for Student's t; its logarithm is not concave, so the square of the slope serves as curvature."""
    from scipy.special import gammaln, stdtr

    log_probability = np.log(np.maximum(stdtr(v, x), 1e-300))
    constant = gammaln((v + 1) / 2) - gammaln(v / 2) - 0.5 * math.log(v * math.pi)
    hazard = np.exp(constant - (v + 1) / 2 * np.log1p(x**2 / v) - log_probability)
    return log_probability, hazard, hazard**2


def binomial(successes: FloatArray, trials: FloatArray, p: FloatArray) -> Terms:
    """Probability of `successes` among `trials`; the location is the fraction p."""
    p, inside = _fraction(p)
    terms = Terms.empty(len(p))
    terms.value[:] = -2.0 * (_log_choose(trials, successes) + _log_odds(successes, trials, p))
    terms.slope[:, LOCATION] = np.where(inside, -2.0 * (successes / p - (trials - successes) / (1.0 - p)), 0.0)
    terms.information[:, LOCATION, LOCATION] = np.where(inside, 2.0 * trials / (p * (1.0 - p)), 0.0)
    return terms


def _fraction(p: FloatArray) -> tuple[FloatArray, npt.NDArray[np.bool_]]:
    safe = np.clip(p, _EDGE, 1.0 - _EDGE)
    return safe, safe == p


def _log_choose(trials: FloatArray, successes: FloatArray) -> FloatArray:
    from scipy.special import gammaln

    chosen = gammaln(trials + 1) - gammaln(successes + 1) - gammaln(trials - successes + 1)
    return np.asarray(chosen, dtype=np.float64)


def _log_odds(successes: FloatArray, trials: FloatArray, p: FloatArray) -> FloatArray:
    return np.asarray(successes * np.log(p) + (trials - successes) * np.log1p(-p))


def beta_binomial(successes: FloatArray, trials: FloatArray, p: FloatArray, log_precision: float) -> Terms:
    """Probability where the fraction itself varies as a beta distribution with mean p and precision M.

    The variance of a count is ``N*p*(1-p)*(1 + (N-1)*rho)`` with ``rho = 1/(1+M)``; the coordinate of the family is
    the logarithm of M.
    """
    p, inside = _fraction(p)
    value, slope = _beta_binomial(successes, trials, p, log_precision)
    terms = Terms.empty(len(p))
    terms.value[:], terms.slope[:, LOCATION], terms.slope[:, EXTRA] = value, *slope
    sd = np.sqrt(trials * p * (1 - p) * (1 + (trials - 1) / (1 + math.exp(log_precision))))
    counts = _counts_around(trials * p, sd, trials)

    def scores(k: FloatArray) -> tuple[FloatArray, tuple[FloatArray, FloatArray]]:
        """Scores of counts `k` by the logits and by the precision, and second terms."""
        return _beta_binomial(k, trials[:, None], p[:, None], log_precision)

    found = _expected(counts, scores)
    for a, i in enumerate((LOCATION, EXTRA)):
        for b, j in enumerate((LOCATION, EXTRA)):
            terms.information[:, i, j] = found[:, a, b]
    terms.slope[~inside, LOCATION] = 0.0
    terms.information[~inside, LOCATION] = terms.information[~inside, :, LOCATION] = 0.0
    return terms


def _beta_binomial(
    k: FloatArray, n: FloatArray, p: FloatArray, log_precision: float
) -> tuple[FloatArray, tuple[FloatArray, FloatArray]]:
    from scipy.special import betaln, digamma

    m = math.exp(log_precision)
    a, b = p * m, (1.0 - p) * m
    value = -2.0 * (_log_choose(n, k) + betaln(k + a, n - k + b) - betaln(a, b))
    shared = digamma(m) - digamma(n + m)
    by_a, by_b = digamma(k + a) - digamma(a) + shared, digamma(n - k + b) - digamma(b) + shared
    return value, (-2.0 * m * (by_a - by_b), -2.0 * m * (p * by_a + (1.0 - p) * by_b))


def negative_binomial(count: FloatArray, times: FloatArray, mean: FloatArray, log_dispersion: float) -> Terms:
    """Probability of a total count of `times` samples, each with variance ``mean + alpha*mean**2``.

    The location is the mean of one sample; the coordinate of the family is the logarithm of alpha, to which the mean
    is orthogonal.
    """
    value, by_mean, by_extra = _negative_binomial(count, times, mean, log_dispersion)
    terms, total, size = Terms.empty(len(mean)), times * mean, times * math.exp(-log_dispersion)
    terms.value[:], terms.slope[:, LOCATION], terms.slope[:, EXTRA] = value, by_mean, by_extra
    terms.information[:, LOCATION, LOCATION] = 2.0 * times**2 * size / (total * (total + size))
    counts = _counts_around(total, np.sqrt(total + total**2 / size), np.full(len(mean), np.inf))

    def scores(k: FloatArray) -> tuple[FloatArray, tuple[FloatArray, FloatArray]]:
        """Scores of counts `k`, and those by the dispersion in both places."""
        own, _, extra = _negative_binomial(k, times[:, None], mean[:, None], log_dispersion)
        return own, (extra, extra)

    terms.information[:, EXTRA, EXTRA] = _expected(counts, scores)[:, 0, 0]
    return terms


def _negative_binomial(
    k: FloatArray, times: FloatArray, mean: FloatArray, log_dispersion: float
) -> tuple[FloatArray, FloatArray, FloatArray]:
    from scipy.special import digamma, gammaln

    total, size = times * mean, times * math.exp(-log_dispersion)
    value = gammaln(k + size) - gammaln(size) - gammaln(k + 1) - size * np.log1p(total / size)
    value += k * (np.log(total) - np.log(total + size))
    by_mean = times * (k / total - (k + size) / (total + size))
    by_size = digamma(k + size) - digamma(size) - np.log1p(total / size) + 1.0 - (k + size) / (total + size)
    return -2.0 * value, -2.0 * by_mean, 2.0 * size * by_size


def _counts_around(mean: FloatArray, sd: FloatArray, most: FloatArray) -> FloatArray:
    """Whole numbers that carry nearly all probability, shape (rows, grid)."""
    low = np.floor(np.maximum(mean - 8.0 * sd, 0.0))
    high = np.ceil(np.minimum(mean + 12.0 * sd + 12.0, most))
    points = int(min(float((high - low).max(initial=0.0)) + 1, _GRID))
    return np.asarray(np.round(low[:, None] + np.linspace(0.0, 1.0, points) * (high - low)[:, None]))


def _expected(
    counts: FloatArray, scores: Callable[[FloatArray], tuple[FloatArray, tuple[FloatArray, FloatArray]]]
) -> FloatArray:
    """Expected products of two scores over the given counts, times 1/2, shape (rows, 2, 2).

    A sum over part of the counts is weighted to one; a count that rounding repeats is counted once.
    """
    value, (first, second) = scores(counts)
    once = np.diff(counts, axis=1, prepend=-1.0) > 0
    weight = np.where(once, np.exp(-0.5 * value), 0.0)
    weight /= np.maximum(weight.sum(axis=1, keepdims=True), 1e-300)
    both = np.stack([first, second], axis=2)
    return np.asarray(np.einsum("rk,rki,rkj->rij", weight, both, both) / 2.0)
