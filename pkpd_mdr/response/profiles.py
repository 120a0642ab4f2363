"""Profile-likelihood intervals of effective doses, for all curves of a block at once.

The interval is where the sum of squares, minimised over everything else, stays below ``s**2 F(1, df)`` above its
minimum. Both ends are found on the signed root of that rise, which is nearly a straight line in the log dose, except
where it jumps: a curve that falls all at once between two tested doses serves for any dose between them, and for none
beyond, so that an interval may end at a tested dose with the rise above its critical value on one side of it only.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from pkpd_mdr.response.estimates import Curves
from pkpd_mdr.response.levels import Level, delta_error
from pkpd_mdr.response.pinned import PinnedRelative, at_dose, pinned_block
from pkpd_mdr.response.quantiles import t_reach
from pkpd_mdr.response.separable import Block, descend, project
from pkpd_mdr.response.shapes import FloatArray

__all__ = ["open_limits", "profile_intervals"]

_BEYOND = 14.0  # log units outside the tested doses after which a side counts as open
_NARROW = 0.1  # least span of doses that a grid of steepness goes by
_PRECISION = 2e-3  # of the signed root
_STEEPNESS = (0.5, 1.5, 4.0, 9.0, 20.0, 60.0, 300.0)  # times the span of log doses: further starts of every search
_FEW, _SHORT = 2, 12  # starts of the grid, and steps
_COLD, _LONG = 6, 40  # the same with hormesis: narrow bent valleys, of which the best begins high
_PLACES = (-5.0, -2.0, -0.7, 0.7, 2.0, 5.0)  # argument of the shape at the pinned dose
_SITES = (-2.0, 0.7, 4.0)  # the same of the first of two sites
_TURN = 6.0  # steepness times the distance to the nearest tested dose: the curve turns in between
_TURNS, _SECANTS = 30, 8  # most steps towards an end, and how many of them trust that there is no jump

_Point = dict[int, FloatArray]  # values of some of the searched parameters, from which a search starts


@dataclass(slots=True)
class _Side:
    """One end of the intervals of a block: what is inside so far, what is outside, and searched parameters of both.

    The latter are those of the last point inside and of the last one, as the best ones may lie in two valleys.
    """

    inside: FloatArray
    outside: FloatArray
    root_inside: FloatArray
    root_outside: FloatArray
    theta: FloatArray
    theta_at: FloatArray


def open_limits(block: Block) -> tuple[FloatArray, FloatArray]:
    """Log doses beyond which an interval counts as open, each of shape (k,) or (1,)."""
    usable = np.isfinite(block.at.log) & (block.root > 0)
    low = np.where(usable, block.at.log, np.inf).min(axis=1) - _BEYOND
    return low, np.where(usable, block.at.log, -np.inf).max(axis=1) + _BEYOND


def profile_intervals(
    curves: Curves, level: Level, logs: FloatArray, *, confidence: float = 0.95
) -> tuple[FloatArray, FloatArray]:
    """Profile intervals of the log effective dose.

    Parameters
    ----------
    curves : Curves
    level : Level
    logs : ndarray, shape (count,)
        Estimates from `log_dose`; NaN is passed over.
    confidence : float

    Returns
    -------
    lower, upper : ndarray, shape (count,)
        Minus or plus infinity where a side is open.
    """
    lower, upper = np.full(len(logs), np.nan), np.full(len(logs), np.nan)
    errors = delta_error(curves, level, logs)
    for part in curves.parts:
        pinned = pinned_block(part.block, level)
        for first in range(0, len(part.curves), 2048):
            rows = np.arange(first, min(first + 2048, len(part.curves)))
            rows = rows[np.isfinite(logs[part.curves[rows]]) & (curves.df[part.curves[rows]] > 0)]
            if len(rows) == 0:
                continue
            at = part.curves[rows]
            reach = t_reach(confidence, curves.df[at])
            work = _Work(part.block.rows(rows), pinned.rows(rows), curves, at, level, logs[at], reach)
            step = np.clip(np.where(np.isfinite(errors[at]), errors[at] * reach, 1.0), 1e-4, 2.0)
            ends = open_limits(part.block.rows(rows))
            lower[at], upper[at] = (work.end(side, step, limit) for side, limit in zip((-1.0, 1.0), ends, strict=True))
    return lower, upper


class _Work:
    """The profile of the curves of one chunk."""

    def __init__(
        self,
        plain: Block,
        block: Block,
        curves: Curves,
        at: npt.NDArray[np.int64],
        level: Level,
        logs: FloatArray,
        reach: FloatArray,
    ) -> None:
        self.block, self.logs, self.reach = block, logs, reach
        self.scale = np.maximum(curves.sigma[at], 1e-150)
        pure = curves.rss[at] - _level_rss(curves, at, plain)
        self.best = curves.rss[at] - pure
        self.relative = isinstance(block.family.shape, PinnedRelative)
        self.start, self.constants = curves.theta[at], np.zeros((len(at), 0))
        shape = plain.family.shape
        if self.relative:
            keep = [k for k, name in enumerate(shape.parameters) if name != "e"]
            self.start, self.constants = self.start[:, keep], level.shares(curves.linear[at])[0][:, None]
        self.dosed = shape.linear
        self.grid, self.plain = _grid(plain, relative=self.relative), plain
        self.places = (0.0,) if self.relative else _SITES if shape.two_sites else _PLACES
        few = (1 if shape.two_sites else _FEW, _SHORT)
        self.cold, self.steps = few if plain.family.hump is None else (_COLD, _LONG)

    def roots(
        self, rows: npt.NDArray[np.int64], logs: FloatArray, known: FloatArray, moved: FloatArray
    ) -> tuple[FloatArray, FloatArray]:
        """Signed root of the rise, less its critical value, and the searched parameters there.

        Starts are parameters of two points, (2, k, p), as they are or moved as far as the pinned dose, and a grid:
        profiles of steep curves have several optima.
        """
        block = self.block.rows(rows)
        tail = np.concatenate([logs[:, None], self.constants[rows]], axis=1)
        if block.less is not None:
            block, tail = at_dose(block, logs), np.zeros((len(rows), 0))
        warm = np.stack(
            [self._carried(block, np.hstack([theta, tail]), by) for theta, by in zip(known, moved, strict=True)]
        )
        values = [{k: v if len(v) == 1 else v[rows] for k, v in point.items()} for point in self.grid]
        values += self._turning(rows, logs)
        starts = np.concatenate([warm, self._cold(block, warm[0], logs, values)])
        many = block.rows(np.tile(np.arange(len(rows)), len(starts)))
        found, reduced, _ = descend(many, starts.reshape(-1, starts.shape[2]), steps=self.steps, tolerance=1e-7)
        # a pin that is a row is no measurement
        rss = reduced.rss if block.less is None else reduced.rss - reduced.residual[:, -1] ** 2
        ends = rss.reshape(len(starts), -1)
        found = found.reshape(starts.shape)[ends.argmin(axis=0), np.arange(len(rows))]
        rise = np.sqrt(np.maximum(ends.min(axis=0) - self.best[rows], 0.0)) / self.scale[rows]
        return rise - self.reach[rows], found[:, : known.shape[2]]

    def _carried(self, block: Block, warm: FloatArray, moved: FloatArray) -> FloatArray:
        """Known parameters, or the same with the place moved along, whichever is better."""
        if self.relative:
            return warm
        tried = warm.copy()
        tried[:, 1] = np.clip(warm[:, 1] + moved, block.low[:, 1], block.high[:, 1])
        old, new = (project(block, theta, jacobian=False).rss for theta in (warm, tried))
        return np.where((new < old)[:, None], tried, warm)

    def _turning(self, rows: npt.NDArray[np.int64], logs: FloatArray) -> list[_Point]:
        """A start that is steep enough to turn between the pinned dose and the nearest tested one."""
        if self.plain.family.shape.two_sites:
            return []
        plain = self.plain.rows(rows)
        at, pin = (plain.at.x, np.exp(logs)) if self.dosed else (plain.at.log, logs)
        away = np.where(plain.root > 0, np.abs(at - pin[:, None]), np.inf).min(axis=1)
        return [{0: np.log(_TURN) - np.log(np.maximum(away, 1e-300))}]

    def _cold(self, block: Block, warm: FloatArray, logs: FloatArray, points: list[_Point]) -> FloatArray:
        """The best starts of a grid, each at its best place: others of equal steepness lead to the same optimum."""
        found, heights = [], []
        for point in points:
            tried = np.stack([self._placed(block, warm, logs, point, place) for place in self.places])
            rss = np.stack([project(block, theta, jacobian=False).rss for theta in tried])
            best = rss.argmin(axis=0)
            found.append(tried[best, np.arange(len(logs))])
            heights.append(rss.min(axis=0))
        order = np.argsort(np.stack(heights), axis=0, kind="stable")[: self.cold, :, None]
        return np.take_along_axis(np.stack(found), order, axis=0)

    def _placed(self, block: Block, warm: FloatArray, logs: FloatArray, point: _Point, place: float) -> FloatArray:
        """A start with some parameters given, and e so that the pinned dose has its place on the shape."""
        tried = warm.copy()
        for k, values in point.items():
            tried[:, k] = np.clip(values, block.low[:, k], block.high[:, k])
        if not self.relative:
            away = place * np.exp(-tried[:, 0])
            with np.errstate(over="ignore"):
                e = np.log(np.maximum(np.exp(logs) - away, 1e-3 * np.exp(logs))) if self.dosed else logs - away
            tried[:, 1] = np.clip(e, block.low[:, 1], block.high[:, 1])
        return tried

    def step(self, active: npt.NDArray[np.int64], logs: FloatArray, state: _Side) -> FloatArray:
        """The roots at pinned doses, from and to the parameters of the side."""
        root, theta = self.roots(active, logs, state.theta[:, active], logs - state.theta_at[:, active])
        inner = active[root <= 0]
        state.theta[0, inner], state.theta_at[0, inner] = theta[root <= 0], logs[root <= 0]
        state.theta[1, active], state.theta_at[1, active] = theta, logs
        return root

    def end(self, side: float, step: FloatArray, limit: FloatArray) -> FloatArray:
        """Where the profile crosses its critical value on one side; infinite where it does not within the limit."""
        k = len(self.logs)
        limit = np.broadcast_to(limit, k)
        state = _Side(
            self.logs.copy(),
            self.logs + side * step,
            -self.reach,
            np.full(k, np.nan),
            np.stack([self.start] * 2),
            np.stack([self.logs] * 2),
        )
        found = np.full(k, side * np.inf)
        active = np.arange(k)
        for _ in range(16):  # march outwards until the critical value is passed
            if len(active) == 0:
                break
            root = self.step(active, state.outside[active], state)
            passed = root > 0
            state.root_outside[active[passed]] = root[passed]
            inner, kept = active[~passed], root[~passed]
            gone = side * (state.outside[inner] - limit[inner]) > 0
            far = state.outside[inner] - self.logs[inner]
            state.inside[inner], state.root_inside[inner] = state.outside[inner], kept
            growth = np.clip(1.1 * self.reach[inner] / np.maximum(self.reach[inner] + kept, 1e-3), 1.25, 2.5)
            state.outside[inner] = self.logs[inner] + far * growth
            active = inner[~gone]
        self._refine(np.flatnonzero(np.isfinite(state.root_outside)), state, found)
        return found

    def _refine(self, active: npt.NDArray[np.int64], state: _Side, found: FloatArray) -> None:
        """Secants between inside and outside, every fourth time halves; then halves alone, as the rise jumps there."""
        for turn in range(_TURNS):
            if len(active) == 0:
                return
            a, b = state.inside[active], state.outside[active]
            fa, fb = state.root_inside[active], state.root_outside[active]
            share = np.clip(fa / (fa - fb), 0.02, 0.98)
            share = np.full(len(a), 0.5) if turn % 4 == 3 or turn >= _SECANTS else share
            middle = a + share * (b - a)
            root = self.step(active, middle, state)
            found[active] = middle
            outer = root > 0
            state.outside[active[outer]], state.root_outside[active[outer]] = middle[outer], root[outer]
            state.inside[active[~outer]], state.root_inside[active[~outer]] = middle[~outer], root[~outer]
            active = active[(np.abs(root) > _PRECISION) & (np.abs(b - a) > 1e-6)]


def _grid(plain: Block, *, relative: bool) -> list[_Point]:
    """Starts that cover steepness, or of two sites their distance and share."""
    shape = plain.family.shape
    if shape.two_sites:
        p, gap = (1, 3) if relative else (2, 4)
        return [
            {p: np.array([share]), gap: np.array([distance])}
            for share in (-1.5, 0.0, 1.5)
            for distance in (-0.5, 0.7, 1.7)
        ]
    if shape.linear:
        span = plain.at.x.max(axis=1)
    else:
        low, high = open_limits(plain)
        span = np.maximum(high - low - 2.0 * _BEYOND, _NARROW)
    return [{0: np.log(steep / span)} for steep in _STEEPNESS]


def _level_rss(curves: Curves, at: npt.NDArray[np.int64], block: Block) -> FloatArray:
    y = curves.predict(block.at.x, at)
    return np.asarray((((block.y - y) * block.root) ** 2).sum(axis=1))
