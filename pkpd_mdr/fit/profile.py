"""Likelihood profiles: how well the data can be described when one parameter is held elsewhere."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from pkpd_mdr.arguments import CONFIDENCE, TEXTS, takes, whole
from pkpd_mdr.errors import FitError, did_you_mean, shown
from pkpd_mdr.fit.along import along
from pkpd_mdr.fit.distance import rise
from pkpd_mdr.fit.estimates import quantile
from pkpd_mdr.fit.free import FloatArray
from pkpd_mdr.fit.information import at_bounds

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from pkpd_mdr.fit.result import Fit

__all__ = ["Profile", "Profiles", "profile", "profiles"]

_PER_SIDE = 4  # points wanted between the optimum and the end of the interval
_CLOSE = 1e-4  # how near the root of the distance must come to the quantile
_CROSSINGS = 24  # most points between the last inside and the first outside
_NARROW = 1e-5  # share of the way from the optimum at which they come to the same
_STUCK = 0.01  # share of a step below which a parameter does not follow


@dataclass(frozen=True, eq=False)
class Profile:
    """A likelihood profile; numbers in the declared unit.

    Attributes
    ----------
    name, unit : str
    estimate : float
    lower, upper : float
        Ends of the interval; the bound of the fit where an end is open.
    open_lower, open_upper : bool
        Whether the data do not close the interval on that side before the bound.
    confidence : float
    threshold : float
        Distance at which the interval ends (squared t or normal quantile).
    frame : DataFrame
        ``value``, ``distance`` (rise of the objective, on the scale of the squared quantile), then every free
        parameter at its best.
    note : str
        Something to know, such as a better point that was met; empty for nothing.
    freedom : float
        Degrees of freedom of the quantile; infinite where all sds are given.
    """

    name: str
    unit: str
    estimate: float
    lower: float
    upper: float
    open_lower: bool
    open_upper: bool
    confidence: float
    threshold: float
    frame: pd.DataFrame
    note: str = ""
    freedom: float = math.inf

    def interval(self, name: str | None = None, confidence: float | None = None) -> tuple[float, float]:
        """Ends of the interval, infinite where the data do not close it.

        Parameters
        ----------
        name : str, optional
            The parameter of this profile, as for `Draws.interval`.
        confidence : float, optional
            That of the profile, or a lower one, for which the ends are found between its points.

        Raises
        ------
        FitError
            Another parameter, or a confidence above that of the profile.
        """
        if name is not None and name != self.name:
            raise FitError(f"this is the profile of {shown(self.name)}, not of {shown(name)}")
        low = -math.inf if self.open_lower else self.lower
        high = math.inf if self.open_upper else self.upper
        if confidence is None or confidence == self.confidence:
            return low, high
        if not 0 < confidence < self.confidence:
            raise FitError(
                f"confidence = {shown(confidence)} is beyond this profile, which ends at {self.confidence:g}; "
                f"profile again with confidence={shown(confidence)}"
            )
        wanted = quantile(self.freedom, confidence) ** 2
        return self._end(wanted, -1.0), self._end(wanted, 1.0)

    def _end(self, wanted: float, sign: float) -> float:
        values, heights = (self.frame[key].to_numpy(dtype=np.float64) for key in ("value", "distance"))
        side = (values - self.estimate) * sign >= 0
        order = np.argsort(heights[side])
        x, z = values[side][order], np.sqrt(heights[side][order])
        if not len(x) or z[-1] < math.sqrt(wanted):
            return sign * math.inf
        return float(np.interp(math.sqrt(wanted), z, x))

    def plot(self, *, ax: Axes | None = None, **options: Any) -> Axes:
        """The profile with its threshold; see `pkpd_mdr.plot.fit`."""
        from pkpd_mdr.plot.fit import plot_profile

        return plot_profile(self, ax=ax, **options)

    def __str__(self) -> str:
        low = f"open (at or below {self.lower:.5g})" if self.open_lower else f"{self.lower:.5g}"
        high = f"open (at or above {self.upper:.5g})" if self.open_upper else f"{self.upper:.5g}"
        text = (
            f"{self.name} = {self.estimate:.5g} {self.unit}".rstrip()
            + f", {100 * self.confidence:g}% profile interval {low} to {high}"
        )
        return f"{text}; {self.note}" if self.note else text

    __repr__ = __str__


@dataclass(frozen=True, eq=False)
class Profiles:
    """Profiles of several parameters, with the interface of `Draws` for their intervals.

    Attributes
    ----------
    items : mapping of str to Profile
    """

    items: Mapping[str, Profile]

    @property
    def names(self) -> tuple[str, ...]:
        """Parameter names."""
        return tuple(self.items)

    def __getitem__(self, name: str) -> Profile:
        if name not in self.items:
            raise FitError(f"{shown(name)} was not profiled{did_you_mean(name, self.items)}")
        return self.items[name]

    def interval(self, name: str, confidence: float | None = None) -> tuple[float, float]:
        """Interval of one parameter; infinite where it is open."""
        return self[name].interval(confidence=confidence)

    def table(self, confidence: float | None = None) -> pd.DataFrame:
        """One row a parameter: unit, estimate, lower, upper (infinite where open), state (closed or open where)."""
        ends = [self.interval(name, confidence) for name in self.names]
        return pd.DataFrame(
            {
                "unit": [item.unit for item in self.items.values()],
                "estimate": [item.estimate for item in self.items.values()],
                "lower": [low for low, _ in ends],
                "upper": [high for _, high in ends],
                "state": [_state(low, high) for low, high in ends],
            },
            index=pd.Index(self.names, name="parameter"),
        )

    def __repr__(self) -> str:
        return "\n".join(map(str, self.items.values()))


def _state(low: float, high: float) -> str:
    if math.isinf(low) and math.isinf(high):
        return "open on both sides"
    return "open above" if math.isinf(high) else "open below" if math.isinf(low) else "closed"


@takes(FitError, names=TEXTS, confidence=CONFIDENCE)
def profiles(
    fit: Fit,
    names: Sequence[str] | None = None,
    *,
    confidence: float = 0.95,
    executor: Executor | None = None,
) -> Profiles:
    """Profiles of several parameters; all free ones when `names` is left out.

    Parameters
    ----------
    fit : Fit
    names : sequence of str, optional
    confidence : float
    executor : concurrent.futures.Executor, optional
        Takes one parameter at a time; in other processes the model is joined again.

    Raises
    ------
    FitError
        As for `profile`.
    """
    wanted = list(fit.found.names if names is None else [names] if isinstance(names, str) else names)
    for name in wanted:
        _check(fit, name)
    if executor is None:
        return Profiles({name: profile(fit, name, confidence=confidence) for name in wanted})
    light = replace(fit, objective=replace(fit.objective, worst={}, _last=None))
    waiting = [executor.submit(profile, light, name, confidence=confidence) for name in wanted]
    return Profiles(dict(zip(wanted, [future.result() for future in waiting], strict=True)))


@takes(FitError, confidence=CONFIDENCE, most=whole(1, example=40))
def profile(fit: Fit, name: str, *, confidence: float = 0.95, most: int = 40) -> Profile:
    """Profile one parameter of a fit, stepping away from the optimum with warm starts.

    The distance of a point is ``(n - k)*(S/S_min - 1)`` where a scale is estimated, with S the sum of squares of the
    profiled likelihood (the F criterion, exact for a linear model), and the rise of minus twice the log-likelihood
    where all sds are given.

    Parameters
    ----------
    fit : Fit
    name : str
        A free parameter, or a tied one: then everything that it follows from is at its best for each of its values.
    confidence : float
        Of the interval.
    most : int
        Most points on each side.

    Returns
    -------
    Profile

    Raises
    ------
    FitError
        The parameter was neither free nor tied, `confidence` is no share, or no degrees of freedom are left.
    """
    _check(fit, name)
    return _Walk(fit, name, confidence, most).run()


def _check(fit: Fit, name: str) -> None:
    names = [*fit.found.names, *(tie.name for tie in fit.found.ties)]
    if name not in names:
        what = "neither free nor tied" if fit.found.ties else "not free"
        raise FitError(f"{shown(name)} was {what} in this fit{did_you_mean(name, names)}")
    if not fit.information.freedom > 0:
        raise FitError(
            f"{shown(name)} cannot be profiled: as many parameters as measurements leave no degrees of freedom"
        )
    if fit.objective.exact(fit.best):
        raise FitError(
            f"{shown(name)} cannot be profiled: every measurement is met exactly, so that there is no error to profile "
            "by; simulate the data with noise, or give their sds (error='sd')"
        )


class _Walk:
    """Steps along one parameter on both sides of the optimum."""

    def __init__(self, fit: Fit, name: str, confidence: float, most: int) -> None:
        self.fit, self.most, self.confidence = fit, most, confidence
        self.objective, self.best = fit.objective, fit.best
        self.along = along(fit.objective, fit.information, name, fit.best.point)
        self.end = quantile(fit.information.freedom, confidence)
        self.points: list[tuple[float, float, FloatArray]] = [(self.along.where(fit.best.point), 0.0, fit.best.point)]
        self.lowest, self.unfinished = 0.0, False

    def run(self) -> Profile:
        """Walk both sides until the limit, the bound or the last step."""
        sides = [self._side(-1.0), self._side(1.0)]
        space = self.objective.problem.space
        ordered = sorted(self.points, key=lambda item: item[0])
        frame = space.frame(np.array([space.values(point[: len(space)]) for _, _, point in ordered]))
        frame.insert(0, "value", [self.along.declared(x) for x, _, _ in ordered])
        frame.insert(1, "distance", [z**2 for _, z, _ in ordered])
        note = "a better point was met on the way: fit again with more starts" if self.lowest < -1e-3 else ""
        if self.unfinished:
            note = "; ".join(filter(None, [note, f"most={self.most} points did not reach an end: allow more"]))
        (lower, open_lower), (upper, open_upper) = sides
        held = [] if open_lower else self._held(lower, "lower")
        note = "; ".join(filter(None, [note, *held, *([] if open_upper else self._held(upper, "upper"))]))
        return Profile(
            self.along.name,
            self.along.unit,
            self.along.declared(self.points[0][0]),
            lower,
            upper,
            open_lower,
            open_upper,
            self.confidence,
            self.end**2,
            frame,
            note,
            self.fit.information.freedom,
        )

    def _held(self, end: float, which: str) -> list[str]:
        """Other parameters that meet a bound on the way to a closed end, which then rests on that bound."""
        space = self.objective.problem.space
        point = min(self.points, key=lambda item: abs(self.along.declared(item[0]) - end))[2]
        there, here = at_bounds(space, point[: len(space)]), at_bounds(space, self.best.point[: len(space)])
        return [
            f"the {which} end rests on the {side} bound of {name}"
            for name, side, before in zip(space.names, there, here, strict=True)
            if side and not before and name != self.along.name
        ]

    def _side(self, sign: float) -> tuple[float, bool]:
        """End of the interval on one side, and whether it is open."""
        low, high = self.along.low, self.along.high
        bound = high if sign > 0 else low
        x, z, point = self.points[0]
        step, before = self._first_step(), (x, z)
        for _ in range(self.most):
            if (bound - x) * sign <= 1e-12 * max(1.0, abs(bound) if math.isfinite(bound) else 1.0):
                return self.along.declared(bound), True
            last, x = self.along.where(point), float(min(max(x + sign * step, low), high))
            inside = point
            z, point = self._at(x, inside)
            if z >= self.end:
                return self._cross(before, (x, z), inside)
            if (self.along.where(point) - last) * sign < _STUCK * (x - before[0]) * sign:
                break  # what it follows from is at its bounds
            change = max(z - before[1], 1e-3 * self.end)
            step *= float(np.clip(self.end / _PER_SIDE / change, 0.3, 3.0))
            before = (x, z)
        else:
            self.unfinished = True
        return self.along.declared(self.along.where(point)), True

    def _first_step(self) -> float:
        error, low, high = self.along.error, self.along.low, self.along.high
        width = high - low if math.isfinite(high - low) else max(1.0, abs(self.points[0][0]))
        return min(self.end * error / _PER_SIDE, width / 4) if math.isfinite(error) and error > 0 else width / 50

    def _at(self, x: float, warm: FloatArray) -> tuple[float, FloatArray]:
        """Root of the distance with the parameter at or near x, and the best other coordinates."""
        result, value = self.along.best(x, self.along.moved(x, warm, self.best.curvature))
        distance = math.inf if result.prediction.failures else rise(self.fit, value)
        self.lowest = min(self.lowest, distance)
        z = math.sqrt(max(distance, 0.0))
        if math.isfinite(z):
            self.points.append((self.along.where(result.point), z, result.point))
        return z, result.point

    def _cross(self, inside: tuple[float, float], outside: tuple[float, float], warm: FloatArray) -> tuple[float, bool]:
        """Where the root of the distance equals the quantile, by interpolation between a point on each side.

        Where that hardly narrows the bracket, as at a corner (another parameter that meets its bound), it is halved.
        The end is open where nothing outside can be simulated: the data do not say that it lies there. All points are
        looked for from the last one inside, as one outside may be the best of another valley.
        """
        reached, halve = inside[0], False
        tiny = _NARROW * max(abs(outside[0] - self.points[0][0]), 1e-300)
        for _ in range(_CROSSINGS):
            width, share = outside[0] - inside[0], 0.5
            if abs(width) < tiny:
                break
            if math.isfinite(outside[1]) and not halve:
                share = float(np.clip((self.end - inside[1]) / max(outside[1] - inside[1], 1e-300), 0.02, 0.98))
            x = inside[0] + share * width
            z, point = self._at(x, warm)
            if abs(z - self.end) < _CLOSE:
                return self.along.declared(self.along.where(point)), False
            if z < self.end:
                inside, reached, warm = (x, z), self.along.where(point), point
            else:
                outside = (x, z)
            halve = abs(outside[0] - inside[0]) > 0.5 * abs(width)
        return self.along.declared(reached), math.isinf(outside[1])
