"""Shapes of dose-response curves: how the effect falls from 1 without drug to 0 at an endless dose.

Every curve of this room is ``y = c + (d - c + f g(x)) s(x)``: limits c and d, hormesis f, and a shape s. A shape
knows its value for any dose, its derivatives by its own parameters, and the dose coordinate at which it has fallen to
a given share. All work on arrays of curves: parameters have shape (k, p), doses (k, m) or (1, m). Doses of zero are
limits, never ln 0.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

__all__ = ["FAR", "SHAPES", "Coordinates", "FloatArray", "Shape", "Value", "logistic", "symmetric"]

FloatArray = npt.NDArray[np.float64]
FAR = 500.0
"""Argument beyond which every shape is at its limit."""


@dataclass(frozen=True, slots=True)
class Coordinates:
    """Doses and their natural logarithms, shapes (k, m) or (1, m); the logarithm of 0 is minus infinity."""

    x: FloatArray
    log: FloatArray

    @classmethod
    def of(cls, x: FloatArray) -> Coordinates:
        """Coordinates of doses."""
        with np.errstate(divide="ignore"):
            return cls(x, np.log(x))

    def rows(self, chosen: npt.NDArray[np.int64]) -> Coordinates:
        """Those of some curves."""
        return self if len(self.x) == 1 else Coordinates(self.x[chosen], self.log[chosen])


_ROUNDING = 2.3e-16  # of a share: no dose meets it better
Slope = Callable[[FloatArray], tuple[FloatArray, FloatArray, FloatArray]]


@dataclass(frozen=True, slots=True)
class Value:
    """A shape at some doses: s, ``1 - s`` without cancellation, and derivatives by the working parameters."""

    s: FloatArray
    rest: FloatArray
    slopes: list[FloatArray]


def logistic(u: FloatArray) -> FloatArray:
    """1/(1 + exp(u)), for any u."""
    return np.asarray(1.0 / (1.0 + np.exp(np.clip(u, -FAR, FAR))))


def _log_logistic(u: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray]:
    odds = np.exp(u)
    s = 1.0 / (1.0 + odds)
    rest = odds * s
    return s, rest, -s * rest


def _weibull_1(u: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray]:
    hazard = np.exp(u)
    s = np.exp(-hazard)
    return s, -np.expm1(-hazard), -hazard * s


def _weibull_2(u: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray]:
    hazard = np.exp(-u)
    rest = np.exp(-hazard)
    return -np.expm1(-hazard), rest, -hazard * rest


def _log_normal(u: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray]:
    from scipy.special import ndtr

    return np.asarray(ndtr(-u)), np.asarray(ndtr(u)), -np.exp(-0.5 * u * u) / np.sqrt(2.0 * np.pi)


def _log_logistic_inverse(share: FloatArray, rest: FloatArray) -> FloatArray:
    return np.log(rest) - np.log(share)


def _weibull_1_inverse(share: FloatArray, rest: FloatArray) -> FloatArray:
    return np.log(np.where(rest < 0.5, -np.log1p(-np.minimum(rest, 0.5)), -np.log(share)))


def _weibull_2_inverse(share: FloatArray, rest: FloatArray) -> FloatArray:
    return -np.log(np.where(share < 0.5, -np.log1p(-np.minimum(share, 0.5)), -np.log(rest)))


def _log_normal_inverse(share: FloatArray, rest: FloatArray) -> FloatArray:
    from scipy.special import ndtri

    return np.asarray(np.where(rest < 0.5, ndtri(rest), -ndtri(share)))


@dataclass(frozen=True, slots=True)
class Shape:
    """A falling shape with parameters on the log scale: ln b, ln e and, for some, a third and more.

    Parameters
    ----------
    name : str
    parameters : tuple of str
        Reported names: b is the steepness, e the location, f an asymmetry.
    slope : callable
        ``u -> s, 1 - s, ds/du`` of the underlying function of ``u = b (ln x - ln e)``.
    inverse : callable
        ``(s, 1 - s) -> u``: where the underlying function has a given value; both are given, as one may be tiny.
    linear : bool
        ``u = b (x - e)`` instead: the shape lives on the dose itself.
    asymmetric : bool
        The shape is ``s**f`` (five-parameter log-logistic).
    two_sites : bool
        The shape is ``p s(b, e) + (1 - p) s(b2, e2)`` with e < e2.
    """

    name: str
    parameters: tuple[str, ...]
    slope: Slope
    inverse: Callable[[FloatArray, FloatArray], FloatArray]
    linear: bool = False
    asymmetric: bool = False
    two_sites: bool = False

    def __call__(self, theta: FloatArray, at: Coordinates) -> Value:
        """The shape at doses, for parameters of shape (k, p)."""
        if self.two_sites:
            return _two_sites(theta, at)
        u, by_b, by_e = self._argument(theta, at)
        s, rest, slope = self.slope(u)
        if not self.asymmetric:
            return Value(s, rest, [slope * by_b, slope * by_e])
        f = np.exp(theta[:, 2:3])
        log_s = -np.logaddexp(0.0, u)
        power = np.exp(f * log_s)
        inner = -f * power * rest
        return Value(power, -np.expm1(f * log_s), [inner * by_b, inner * by_e, f * power * log_s])

    def _argument(self, theta: FloatArray, at: Coordinates) -> tuple[FloatArray, FloatArray, FloatArray]:
        b = np.exp(theta[:, :1])
        if self.linear:
            e = np.exp(theta[:, 1:2])
            u = np.clip(b * (at.x - e), -FAR, FAR)
            return u, u, -b * e
        u = np.clip(b * (at.log - theta[:, 1:2]), -FAR, FAR)
        return u, u, -b

    def log_dose(self, theta: FloatArray, share: FloatArray, rest: FloatArray) -> FloatArray:
        """Logarithm of the dose at which the shape has fallen to `share` (k,); NaN where there is none.

        Parameters
        ----------
        theta : ndarray, shape (k, p)
        share, rest : ndarray, shape (k,)
            What is left and what is gone; both between 0 and 1, with sum 1.
        """
        inside = (share > 0.0) & (rest > 0.0)
        share, rest = np.where(inside, share, 0.5), np.where(inside, rest, 0.5)
        if self.two_sites:
            return np.where(inside, _two_site_inverse(self, theta, share), np.nan)
        if self.asymmetric:
            share, rest = symmetric(share, rest, theta[:, 2])
        with np.errstate(divide="ignore", over="ignore", invalid="ignore"):
            u = self.inverse(share, rest) * np.exp(-theta[:, 0])
            found = np.log(np.exp(theta[:, 1]) + u) if self.linear else theta[:, 1] + u
        return np.where(inside, found, np.nan)


def symmetric(share: FloatArray, rest: FloatArray, log_f: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Share and rest of the shape s where ``s**f`` has the given ones."""
    with np.errstate(divide="ignore"):
        log_share = np.where(rest < 0.5, np.log1p(-np.minimum(rest, 0.5)), np.log(share)) * np.exp(-log_f)
    return np.exp(log_share), -np.expm1(log_share)


def _two_sites(theta: FloatArray, at: Coordinates) -> Value:
    """Parameters ln b, ln e, logit p, ln b2 and ln(ln e2 - ln e): the second site is always the weaker one."""
    gap = np.exp(theta[:, 4:5])
    p = logistic(-theta[:, 2:3])
    b, b2 = np.exp(theta[:, :1]), np.exp(theta[:, 3:4])
    u = np.clip(b * (at.log - theta[:, 1:2]), -FAR, FAR)
    v = np.clip(b2 * (at.log - theta[:, 1:2] - gap), -FAR, FAR)
    (first, first_rest, slope), (second, second_rest, slope2) = _log_logistic(u), _log_logistic(v)
    slope, slope2 = p * slope, (1.0 - p) * slope2
    by_e = -b * slope - b2 * slope2
    by_p = p * (1.0 - p) * (first - second)
    slopes = [slope * u, by_e, by_p, slope2 * v, -b2 * gap * slope2]
    return Value(p * first + (1.0 - p) * second, p * first_rest + (1.0 - p) * second_rest, slopes)


def _two_site_inverse(shape: Shape, theta: FloatArray, share: FloatArray) -> FloatArray:
    """Newton's method held between the doses of the two sites, after some bisections."""
    u = _log_logistic_inverse(share, 1.0 - share)
    first, second = theta[:, 1], theta[:, 1] + np.exp(theta[:, 4])
    ends = np.stack([first + u * np.exp(-theta[:, 0]), second + u * np.exp(-theta[:, 3])])
    low, high = ends.min(axis=0), ends.max(axis=0)
    found = 0.5 * (low + high)
    active = np.arange(len(found))
    for turn in range(40):
        middle = found[active]
        value = shape(theta[active], Coordinates(np.exp(middle)[:, None], middle[:, None]))
        excess = value.s[:, 0] - share[active]
        low, high = np.where(excess > 0, middle, low), np.where(excess > 0, high, middle)
        slope = -value.slopes[1][:, 0]  # shifting both sites down moves the curve as a higher dose does
        with np.errstate(divide="ignore", invalid="ignore"):
            newton = middle - excess / slope
        inside = (newton > low) & (newton < high) & (turn > 3)
        fresh = np.where(inside, newton, 0.5 * (low + high))
        fresh = np.where(np.abs(excess) <= _ROUNDING, middle, fresh)
        found[active] = fresh
        on = ~(np.abs(fresh - middle) < 1e-13 * np.maximum(1.0, np.abs(middle)))
        active, low, high = active[on], low[on], high[on]
        if len(active) == 0:
            break
    return np.asarray(found)


SHAPES = {
    "LL": Shape("log-logistic", ("b", "e"), _log_logistic, _log_logistic_inverse),
    "LL5": Shape("log-logistic with asymmetry", ("b", "e", "f"), _log_logistic, _log_logistic_inverse, asymmetric=True),
    "W1": Shape("Weibull 1", ("b", "e"), _weibull_1, _weibull_1_inverse),
    "W2": Shape("Weibull 2", ("b", "e"), _weibull_2, _weibull_2_inverse),
    "LN": Shape("log-normal", ("b", "e"), _log_normal, _log_normal_inverse),
    "G": Shape("Gompertz", ("b", "e"), _weibull_1, _weibull_1_inverse, linear=True),
    "L": Shape("logistic", ("b", "e"), _log_logistic, _log_logistic_inverse, linear=True),
    "BP": Shape("biphasic", ("b", "e", "p", "b2", "e2"), _log_logistic, _log_logistic_inverse, two_sites=True),
}
"""Every shape by the stem of its family names."""
