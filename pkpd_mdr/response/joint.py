"""Curves that share parameters, or only their residual error: one least-squares problem over all of them.

Here nothing is projected out: the working parameters of all curves map to one vector, where shared ones have one
place. SciPy's trust-region solver works on the exact Jacobian, from starts that the fits of the single curves give.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from pkpd_mdr.errors import DataError, FitError, did_you_mean, shown
from pkpd_mdr.response.estimates import Curves, covariance_beside, fit_stack, full_jacobian, sides_of
from pkpd_mdr.response.families import Family
from pkpd_mdr.response.flat import flatness
from pkpd_mdr.response.quantiles import t_reach
from pkpd_mdr.response.reading import Readings
from pkpd_mdr.response.shapes import Coordinates, FloatArray
from pkpd_mdr.response.stack import Stack

if TYPE_CHECKING:
    from pkpd_mdr.response.result import DoseResponse, Options

__all__ = ["Joint", "fit_joint", "joint_of"]

IndexArray = npt.NDArray[np.int64]
Function = Callable[[Curves], tuple[float, FloatArray]]
_BROKEN = 1e12  # a residual where a curve has no value
_LARGEST = 2000  # parameters of a joint fit


@dataclass(frozen=True)
class Joint:
    """A joint fit.

    Attributes
    ----------
    curves : Curves
        Each curve's parameters with the common residual error and degrees of freedom.
    place : ndarray of int, shape (count, parameters)
        Where each working parameter of each curve stands in the common vector; -1 where it is held.
    vector : ndarray
        The common vector at the optimum.
    covariance : ndarray
        Of the common vector.
    x, y, root, curve : ndarray, shape (points,)
        What was fitted; controls shared by several curves count once where these curves share d.
    low, high : ndarray
        Bounds of the common vector.
    rss : float
        Weighted sum of squares over all curves.
    """

    curves: Curves
    place: IndexArray
    vector: FloatArray
    x: FloatArray
    y: FloatArray
    root: FloatArray
    curve: IndexArray
    low: FloatArray
    high: FloatArray
    rss: float

    @property
    def n(self) -> int:
        """Number of points."""
        return len(self.y)

    @property
    def df(self) -> int:
        """Points less parameters."""
        return self.n - len(self.vector)

    @property
    def sigma(self) -> float:
        """Common residual standard error."""
        return float(np.sqrt(self.rss / self.df)) if self.df > 0 else float("nan")

    @property
    def log_likelihood(self) -> float:
        """Gaussian, at the maximum over the residual error."""
        constant = 0.5 * float(np.log(self.root**2).sum())
        with np.errstate(divide="ignore"):  # infinite where every point is met
            return -0.5 * self.n * (float(np.log(2.0 * np.pi * self.rss / self.n)) + 1.0) + constant

    @cached_property
    def covariance(self) -> FloatArray:
        """Gauss-Newton covariance of the common vector; NaN for what the data do not fix."""
        everything = np.ones(len(self.vector), dtype=bool)
        its = covariance_beside(self.jacobian(self.vector)[None], everything, self.stuck[None])
        return np.asarray(its[0] * self.sigma**2)

    @property
    def stuck(self) -> npt.NDArray[np.bool_]:
        """Which of the common vector are at a bound that was given."""
        out = np.zeros(len(self.vector), dtype=bool)
        out[self.place[(self.place >= 0) & (self.curves.at_bound != 0)]] = True
        return out

    def at(self, vector: FloatArray) -> Curves:
        """The curves at another vector."""
        shapes = self.curves.theta.shape[1]
        every = np.concatenate([self.curves.theta, self.curves.linear], axis=1)
        held = every[:, : self.place.shape[1]]
        values = np.where(self.place >= 0, vector[np.maximum(self.place, 0)], held)
        linear = np.zeros((len(values), 3))
        linear[:, : values.shape[1] - shapes] = values[:, shapes:]
        return replace(self.curves, theta=values[:, :shapes], linear=linear)

    def residual(self, vector: FloatArray) -> FloatArray:
        """Weighted residuals."""
        curves = self.at(vector)
        return np.asarray((curves.predict(self.x[:, None], self.curve)[:, 0] - self.y) * self.root)

    def jacobian(self, vector: FloatArray) -> FloatArray:
        """Derivatives of the weighted residuals by the common vector, shape (points, parameters)."""
        curves = self.at(vector)
        at = Coordinates.of(self.x[:, None])
        own = full_jacobian(curves.family, curves.theta[self.curve], curves.linear[self.curve], at)[:, 0, :]
        out = np.zeros((self.n, len(vector)))
        rows = np.arange(self.n)
        for j in range(self.place.shape[1]):
            place = self.place[self.curve, j]
            real = place >= 0
            np.add.at(out, (rows[real], place[real]), own[real, j])
        return out * self.root[:, None]

    def spread(self, gradients: FloatArray) -> FloatArray:
        """Gradients by the curves' own parameters (count, parameters) as one by the common vector."""
        out = np.zeros(len(self.vector))
        real = self.place >= 0
        np.add.at(out, self.place[real], gradients[real])
        return out

    def error(self, function: Function) -> tuple[float, float]:
        """Value and delta-method standard error of a function of the curves."""
        value, gradient = function(self.curves)
        g = self.spread(gradient)
        used = (g != 0) & ~self.stuck
        variance = float(g[used] @ self.covariance[np.ix_(used, used)] @ g[used])
        return value, float(np.sqrt(variance)) if variance >= 0 else float("nan")

    def profile(self, function: Function, *, confidence: float, beyond: tuple[float, float]) -> tuple[float, float]:
        """Profile-likelihood interval of a function of the curves.

        The function is pinned softly, by one more residual; the sum of squares without it is exactly the profile at
        the value that the function then has, so the softness costs nothing.

        Parameters
        ----------
        function : callable
            From curves to a value and its gradient by the curves' own parameters.
        confidence : float
        beyond : pair of float
            Values at which a side counts as open.
        """
        value, error = self.error(function)
        if self.df <= 0 or not np.isfinite(value):
            return float("nan"), float("nan")
        reach = float(t_reach(confidence, self.df))
        error = min(error, 5.0) if np.isfinite(error) and error > 0 else 0.5
        ends = [
            self._end(function, value, error, reach, side, limit)
            for side, limit in zip((-1.0, 1.0), beyond, strict=True)
        ]
        return ends[0], ends[1]

    def _end(self, function: Function, value: float, error: float, reach: float, side: float, limit: float) -> float:
        inside, root_inside, vector = value, -reach, self.vector
        wanted, outside = value + side * reach * error, None
        root_outside = 0.0
        for _ in range(24):
            here, root, fresh = self._pinned(function, wanted, vector, error, reach)
            if not np.isfinite(here):
                return side * np.inf if outside is None else outside
            if root > 0:
                outside, root_outside = here, root
            elif side * (here - inside) > 1e-9 * max(1.0, abs(here)):
                inside, root_inside, vector = here, root, fresh
            elif outside is None:
                return side * np.inf
            if outside is None:
                if side * (inside - limit) > 0:
                    return side * np.inf
                wanted = value + (inside - value) * float(
                    np.clip(1.1 * reach / max(reach + root_inside, 1e-3), 1.3, 2.5)
                )
            elif abs(root) < 2e-3 or abs(outside - inside) < 1e-6:
                return here
            else:
                wanted = inside + (outside - inside) * float(
                    np.clip(root_inside / (root_inside - root_outside), 0.05, 0.95)
                )
        return inside if outside is None else outside

    def _pinned(
        self, function: Function, wanted: float, start: FloatArray, error: float, reach: float
    ) -> tuple[float, float, FloatArray]:
        from scipy.optimize import least_squares

        stiff = 100.0 * self.sigma / error

        def residual(vector: FloatArray) -> FloatArray:
            """Residuals of all curves, and the distance of the pinned function from what is wanted."""
            value = function(self.at(vector))[0]
            pin = stiff * (value - wanted) if np.isfinite(value) else 1e6 * stiff
            whole = np.append(self.residual(vector), pin)
            return np.asarray(np.nan_to_num(whole, nan=_BROKEN, posinf=_BROKEN, neginf=-_BROKEN))

        def jacobian(vector: FloatArray) -> FloatArray:
            """Derivatives of the residuals, shape (points + 1, parameters)."""
            value, gradient = function(self.at(vector))
            row = self.spread(gradient) if np.isfinite(value) else np.zeros(len(vector))
            whole = np.vstack([self.jacobian(vector), stiff * row[None]])
            return np.asarray(np.nan_to_num(whole, posinf=0.0, neginf=0.0))

        found = least_squares(
            residual,
            np.clip(start, self.low, self.high),
            jac=jacobian,
            bounds=(self.low, self.high),
            x_scale="jac",
            max_nfev=60,
        )
        value = function(self.at(found.x))[0]
        rise = float((found.fun[:-1] ** 2).sum()) - self.rss
        return value, float(np.sqrt(max(rise, 0.0))) / self.sigma - reach, found.x


def fit_joint(
    readings: Readings, chosen: Family, options: Options, share: Sequence[str] | Mapping[str, object]
) -> DoseResponse:
    """Fit all curves together; see `dose_response`.

    Raises
    ------
    DataError
        A parameter to share is unknown or held, or there is no such label.
    """
    from pkpd_mdr.response.result import DoseResponse

    stack = readings.stack
    groups = _groups(readings, chosen, options, share)
    joint = joint_of(readings, stack, chosen, options, groups)
    return DoseResponse(
        readings,
        stack,
        joint.curves,
        flatness(stack, _apart(stack, chosen, options)),
        options,
        joint=joint,
        share=share,
    )


def _apart(stack: Stack, chosen: Family, options: Options) -> Curves:
    return fit_stack(stack, chosen, held=options.held, bounds=options.bounds)


def _groups(
    readings: Readings, chosen: Family, options: Options, share: Sequence[str] | Mapping[str, object]
) -> dict[str, IndexArray]:
    """For each shared parameter the group of every curve."""
    if isinstance(share, str):
        raise DataError(f"share = {shown(share)}: write a tuple of parameters such as ('c', 'd'), or {{'b': 'drug'}}")
    wanted = dict(share) if isinstance(share, Mapping) else dict.fromkeys(share, None)
    found = {}
    for name, label in wanted.items():
        if name not in chosen.parameters:
            raise DataError(
                f"share: {chosen.name} has no parameter {shown(name)}{did_you_mean(name, chosen.parameters)}"
            )
        if name in options.held or name in (chosen.fixed or {}):
            raise DataError(f"share: {name} of {chosen.name} is held, so there is nothing to share")
        if label is None or label is True:
            found[name] = np.zeros(readings.count, dtype=np.int64)
            continue
        if label not in readings.labels.columns:
            raise DataError(
                f"share: no label {shown(label)} of curves{did_you_mean(label, map(str, readings.labels.columns))}"
            )
        found[name] = np.asarray(readings.labels.groupby(str(label), sort=False).ngroup(), dtype=np.int64)
    return found


def joint_of(
    readings: Readings, stack: Stack, chosen: Family, options: Options, groups: Mapping[str, IndexArray],
    members: IndexArray | None = None,
) -> Joint:  # fmt: skip
    """Fit curves together.

    Parameters
    ----------
    readings : Readings
    stack : Stack
    chosen : Family
    options : Options
    groups : mapping
        Shared parameter = group of every curve.
    members : ndarray of int, optional
        Some of the curves only; the others stay without values.

    Raises
    ------
    FitError
        Too few points, or too many parameters for one problem.
    """
    start = _apart(stack, chosen, options)
    usable = start.usable.copy()
    if members is not None:
        usable[np.setdiff1d(np.arange(len(usable)), members)] = False
    if not usable.any():
        raise FitError("no curve has enough doses and points to be fitted; see the notes of its readings")
    place, size = _places(start, usable, groups, options)
    if size > _LARGEST:
        raise FitError(
            f"a joint fit of {size} parameters is too large (at most {_LARGEST}); fit fewer curves together, or apart"
        )
    mask = usable[readings.curve] & _once(readings, place, start)
    points = (readings.x[mask], readings.y[mask], np.sqrt(readings.weight[mask]), readings.curve[mask])
    low, high = _vector_bounds(start, place, size, options)
    empty = Joint(replace(start, parts=[]), place, np.zeros(size), *points, low, high, np.nan)
    best = min(
        (_solve(empty, vector) for vector in _starts(stack, chosen, options, start, place, size, groups)),
        key=lambda j: j.rss,
    )
    return _finished(best, options)


def _places(
    start: Curves, usable: npt.NDArray[np.bool_], groups: Mapping[str, IndexArray], options: Options
) -> tuple[IndexArray, int]:
    names = tuple("e2" if name == "e2" else name for name in start.names)
    place = np.full((len(usable), len(names)), -1, dtype=np.int64)
    size = 0
    for j, name in enumerate(names):
        if not start.free[j]:
            continue
        group = groups.get(name, np.arange(len(usable)))
        chosen = group[usable]
        _, index = np.unique(chosen, return_inverse=True)
        place[usable, j] = size + index
        size += int(index.max()) + 1
    return place, size


def _once(readings: Readings, place: IndexArray, start: Curves) -> npt.NDArray[np.bool_]:
    """Controls given to several curves that share d are one measurement, not several."""
    d = place[readings.curve, start.names.index("d")]
    keep = np.ones(len(readings.x), dtype=bool)
    at = np.flatnonzero((readings.x == 0) & (d >= 0))
    _, first = np.unique(np.stack([readings.row[at], d[at]]), axis=1, return_index=True)
    keep[np.delete(at, first)] = False
    return keep


def _vector_bounds(start: Curves, place: IndexArray, size: int, options: Options) -> tuple[FloatArray, FloatArray]:
    low, high = np.full(size, np.inf), np.full(size, -np.inf)
    shapes = start.theta.shape[1]
    for part in start.parts:
        for j in range(shapes):
            at = place[part.curves, j]
            real = at >= 0
            np.minimum.at(low, at[real], np.broadcast_to(part.block.low[:, j], len(at))[real])
            np.maximum.at(high, at[real], np.broadcast_to(part.block.high[:, j], len(at))[real])
    for j in range(shapes, place.shape[1]):
        at = place[place[:, j] >= 0, j]
        bottom, top = options.bounds.get(start.names[j], (-np.inf, np.inf))
        low[at], high[at] = bottom, top
    return low, high


def _starts(
    stack: Stack,
    chosen: Family,
    options: Options,
    start: Curves,
    place: IndexArray,
    size: int,
    groups: Mapping[str, IndexArray],
) -> list[FloatArray]:
    """Medians of the single fits; and single fits again with shared limits held at medians that the data can hold."""
    bottom, top = float(stack.y.min()), float(stack.y.max())
    reach = 1e4 * (top - bottom) + 1e-300  # a limit far beyond the data is on a ridge, where its size means nothing
    tame = replace(start, linear=np.clip(start.linear, bottom - reach, top + reach))
    first = _gathered(tame, place, size)
    shared = {
        name: start.linear[:, i] for i, name in enumerate(("c", "d")) if name in groups and name not in options.held
    }
    if not shared:
        return [first]
    held: dict[str, float | FloatArray] = dict(options.held)
    for name, values in shared.items():
        inside = np.clip(values, bottom, top)
        held[name] = np.array([np.nanmedian(inside[groups[name] == g]) for g in groups[name]])
    again = fit_stack(stack, chosen, held=held, bounds=options.bounds)
    return [first, _gathered(again, place, size)]


def _gathered(curves: Curves, place: IndexArray, size: int) -> FloatArray:
    values = np.concatenate([curves.theta, curves.linear], axis=1)[:, : place.shape[1]]
    real = place >= 0
    at, flat = place[real], values[real]
    order = np.argsort(at, kind="stable")
    cuts = np.searchsorted(at[order], np.arange(1, size))
    return np.array([float(np.median(part)) for part in np.split(flat[order], cuts)])


def _solve(joint: Joint, vector: FloatArray) -> Joint:
    from scipy.optimize import least_squares

    inside = np.clip(vector, joint.low + 1e-9, joint.high - 1e-9)
    found = least_squares(
        joint.residual, inside, jac=joint.jacobian, bounds=(joint.low, joint.high), x_scale="jac",
        ftol=1e-14, xtol=1e-12, gtol=1e-12, max_nfev=500,
    )  # fmt: skip
    return replace(joint, vector=found.x, rss=float(2.0 * found.cost))


def _finished(joint: Joint, options: Options) -> Joint:
    """The curves at the optimum, with the common error and their blocks of the covariance."""
    curves = joint.at(joint.vector)
    curves = replace(curves, at_bound=sides_of(curves, np.arange(len(curves.theta)), options.bounds))
    joint = replace(joint, curves=curves)
    real = joint.place >= 0
    count, size = joint.place.shape
    covariance = np.zeros((count, size, size))
    both = real[:, :, None] & real[:, None, :]
    index = np.maximum(joint.place, 0)
    full = joint.covariance[index[:, :, None], index[:, None, :]]
    covariance[both] = full[both]
    residual = joint.residual(joint.vector)
    curves = replace(
        curves,
        rss=np.bincount(joint.curve, residual**2, count).astype(np.float64),
        df=np.full(count, joint.df),
        sigma=np.full(count, joint.sigma),
        covariance=covariance,
        usable=real.any(axis=1) | (curves.usable & ~curves.free.any()),
    )
    return replace(joint, curves=curves)
