"""Times as survival: Kaplan-Meier curves, restricted means, hazard ratios.

Each kept draw (or path) is counted as one. Bands of curves and standard errors therefore say how many were simulated,
and shrink with more of them; what the parameters leave open, or how patients differ, is in the draws themselves. For
the same reason there is no p value: with enough draws any difference has as small a one as one likes.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from pkpd_mdr.compare.statistics import by_draw
from pkpd_mdr.engine.lowering import FloatArray
from pkpd_mdr.errors import SimulationError, shown

if TYPE_CHECKING:
    from pkpd_mdr.compare.result import Comparison
    from pkpd_mdr.run import Endpoint

__all__ = ["Curve", "Watched", "hazard_ratio", "survival", "survival_differences", "trial_size"]

_FAR = 30.0  # of the logarithm of a hazard ratio: beyond it one side has no events to speak of

Flags = npt.NDArray[np.bool_]


@dataclass(frozen=True, eq=False, slots=True)
class Curve:
    """A Kaplan-Meier curve as steps.

    Attributes
    ----------
    times : ndarray, shape (k,)
        0, then every time of an event or of a censoring.
    survival, variance : ndarray, shape (k,)
        From each time on; `variance` is Greenwood's sum ``d/(n (n - d))``.
    at_risk, events, censored : ndarray of int, shape (k,)
        Just before, and at, each time.
    """

    times: FloatArray
    survival: FloatArray
    variance: FloatArray
    at_risk: npt.NDArray[np.int64]
    events: npt.NDArray[np.int64]
    censored: npt.NDArray[np.int64]

    @staticmethod
    def of(times: FloatArray, happened: Flags) -> Curve:
        """The product-limit estimate (Kaplan and Meier 1958); who is censored at a time is at risk then.

        Parameters
        ----------
        times : ndarray, shape (patients,)
            Of the event, or of the end of watching.
        happened : ndarray of bool, shape (patients,)

        Examples
        --------
        >>> Curve.of(np.array([1.0, 2.0, 2.0]), np.array([True, True, False])).survival.round(3)
        array([1.   , 0.667, 0.333])
        """
        places, inverse = np.unique(times, return_inverse=True)
        events = np.bincount(inverse, weights=happened, minlength=len(places)).astype(np.int64)
        everyone = np.bincount(inverse, minlength=len(places))
        at_risk = len(times) - np.concatenate([[0], np.cumsum(everyone)[:-1]])
        if len(places) and places[0] > 0:
            places = np.concatenate([[0.0], places])
            events, everyone = np.append(0, events), np.append(0, everyone)
            at_risk = np.append(len(times), at_risk)
        with np.errstate(divide="ignore"):
            growth = events / (at_risk * (at_risk - events).astype(float))
        return Curve(
            places,
            np.cumprod(1.0 - events / at_risk),
            np.cumsum(np.where(events > 0, growth, 0.0)),
            at_risk.astype(np.int64),
            events,
            (everyone - events).astype(np.int64),
        )

    def interval(self, confidence: float) -> tuple[FloatArray, FloatArray]:
        """Pointwise interval on the scale log(-log), with Greenwood's variance.

        Before the first event it is 1; where nobody is left the lower end is 0 and the upper one stays as it was.
        """
        from scipy.special import ndtri

        inside = (self.survival > 0) & (self.survival < 1)
        safe = np.where(inside, self.survival, 0.5)
        reach = float(ndtri(0.5 + confidence / 2)) * np.sqrt(np.where(inside, self.variance, 0.0)) / np.log(safe)
        lower, upper = safe ** np.exp(-reach), safe ** np.exp(reach)
        lower = np.where(inside, lower, np.where(self.survival == 1, 1.0, 0.0))
        upper = np.where(inside, upper, 1.0)
        gone = self.survival == 0
        if gone.any():
            last = int(np.argmax(gone))
            upper[last:] = upper[last - 1] if last else 1.0
        return lower, upper

    def restricted_mean(self, end: float) -> float:
        """Area under the curve up to `end`."""
        edges = np.append(self.times[self.times < end], end)
        return float(np.diff(edges) @ self.survival[: len(edges) - 1])


@dataclass(frozen=True, slots=True)
class Watched:
    """Times of one arm: when it happened, or until when it was watched.

    Attributes
    ----------
    times : ndarray, shape (patients,)
    happened : ndarray of bool, shape (patients,)
    """

    times: FloatArray
    happened: Flags

    def area(self, end: float) -> float:
        """The restricted mean."""
        return Curve.of(self.times, self.happened).restricted_mean(end)

    def means(self, end: float) -> FloatArray:
        """Each patient's share in the restricted mean: its time, or the pseudo-value where some left early."""
        if bool((self.happened | (self.times >= end)).all()):
            return np.minimum(self.times, end)
        count = len(self.times)
        if count == 1:
            return np.array([self.area(end)])
        others = np.arange(count)
        left_out = [Watched(self.times[rest], self.happened[rest]).area(end) for rest in (others != k for k in others)]
        return count * self.area(end) - (count - 1) * np.array(left_out)


def survival(comparison: Comparison, endpoint: str | None) -> pd.DataFrame:
    """Kaplan-Meier curves of a time; see `Comparison.survival`."""
    item = _time(comparison, endpoint)
    tables = []
    for arm, watched in _watched(comparison, item).items():
        curve = Curve.of(watched.times, watched.happened)
        lower, upper = curve.interval(comparison.settings.confidence)
        columns: dict[str, Any] = {"arm": arm, "time": curve.times, "survival": curve.survival}
        columns |= {"lower": lower, "upper": upper, "at_risk": curve.at_risk}
        tables.append(pd.DataFrame(columns | {"events": curve.events, "censored": curve.censored}))
    found = pd.concat(tables, ignore_index=True)
    found.attrs |= {
        "endpoint": item.name,
        "unit": comparison.until.unit.text,
        "confidence": comparison.settings.confidence,
    }
    return found


def survival_differences(comparison: Comparison, endpoint: str | None) -> pd.DataFrame:
    """Restricted means, and what a trial would see; see `Comparison.survival_differences`."""
    item, end, settings = _time(comparison, endpoint), comparison.until.value, comparison.settings
    watched = _watched(comparison, item)
    other = settings.reference or comparison.best(item.name)
    means = {arm: one.means(end) for arm, one in watched.items()}
    rows = []
    for arm in comparison.arms:
        gaps = by_draw(means[arm] - means[other], comparison.units_of_chance)
        gap = comparison.difference(arm, other, item.name)
        area, rest = watched[arm].area(end), watched[other].area(end)
        row: dict[str, Any] = {"arm": arm, "compared_with": other, "restricted_mean": area, "difference": area - rest}
        error = float(gaps.std(ddof=1)) / math.sqrt(len(gaps)) if len(gaps) > 1 else 0.0
        row |= {"standard_error": error, "lower": gap.lower, "upper": gap.upper}
        if settings.rows == "patients" or comparison.drawn == 1:  # draws of one tumour are no patients of a trial
            pair = watched[arm], watched[other]
            row |= {"hazard_ratio": hazard_ratio(*pair), "trial_size": trial_size(*pair)}
        rows.append(row)
    found = pd.DataFrame(rows)
    found.attrs |= {"endpoint": item.name, "unit": comparison.until.unit.text, "patients": len(means[other])}
    return found


def hazard_ratio(left: Watched, right: Watched) -> float:
    """Hazard on the left over that on the right, by Cox's partial likelihood (ties as Breslow has them).

    1 where nobody has an event; 0 or infinite where one side has none while the other is watched.
    """
    from scipy.optimize import brentq

    first, second, events, here = _risks(left, right)
    if not len(events):
        return 1.0

    def slope(log: float) -> float:
        """Of the partial likelihood by the logarithm of the ratio."""
        share = first / (first + second * math.exp(-log))
        return float((here - events * share).sum())

    if abs(even := slope(0.0)) < 1e-12 * events.sum():
        return 1.0
    if slope(-_FAR) <= 0.0 or slope(_FAR) >= 0.0:
        return 0.0 if even < 0.0 else math.inf
    return math.exp(float(brentq(slope, -_FAR, _FAR, xtol=1e-10)))


def trial_size(left: Watched, right: Watched) -> float:
    """Patients in each arm with which a log-rank test tells the arms apart: power 80 %, two-sided 5 %, equal arms.

    The statistic of Mantel (1966) grows with the number of patients, so that a patient's share in it is what the curves
    are apart, however many were simulated. Infinite where they are the same.
    """
    from scipy.special import ndtri

    first, second, events, here = _risks(left, right)
    both = first + second
    surplus = float((here - events * first / both).sum())
    spread = events * first * second * (both - events) / (both**2 * np.maximum(both - 1.0, 1.0))
    if abs(surplus) < 1e-9 or not spread.any():
        return math.inf
    wanted = float(ndtri(0.975) + ndtri(0.8)) ** 2
    return float(math.ceil(wanted * len(left.times) * float(spread.sum()) / surplus**2))


def _risks(left: Watched, right: Watched) -> tuple[FloatArray, FloatArray, FloatArray, FloatArray]:
    """At each time of an event: who is at risk on the left and on the right, events on both sides and on the left."""
    times = np.unique(np.concatenate([side.times[side.happened] for side in (left, right)]))
    sides = []
    for side in (left, right):
        at_risk = len(side.times) - np.searchsorted(np.sort(side.times), times)
        own = np.sort(side.times[side.happened])
        events = np.searchsorted(own, times, side="right") - np.searchsorted(own, times)
        sides.append((at_risk.astype(float), events.astype(float)))
    (first, here), (second, there) = sides
    return first, second, here + there, here


def _time(comparison: Comparison, endpoint: str | None) -> Endpoint:
    """The endpoint, if it is a time; without a name the primary one or the first that is."""
    times = [item for item in comparison.endpoints if item.unit == "time"]
    if endpoint is None and times and comparison.definition().unit != "time":
        return times[0]
    item = comparison.definition(endpoint)
    if item.unit != "time":
        names = ", ".join(repr(time.name) for time in times)
        have = f"those of this comparison are {names}" if names else "add one, such as 'time_to_progression'"
        raise SimulationError(f"{shown(item.name)} is not a time, so that it has no survival curve; {have}")
    return item


def _watched(comparison: Comparison, item: Endpoint) -> dict[str, Watched]:
    """Times of each arm on the kept draws; what was not reached is censored where its run ended."""
    values, ends = comparison.array(item.name), comparison.ends[:, comparison.kept]
    return {
        arm: Watched(np.minimum(values[k], ends[k]), np.isfinite(values[k])) for k, arm in enumerate(comparison.arms)
    }
