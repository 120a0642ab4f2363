"""Profile-likelihood intervals of effective doses, for all curves of a block at once.

The interval is where the sum of squares, minimised over everything else, stays below ``s**2 F(1, df)`` above its
minimum. Both ends are found on the signed root of that rise, which is nearly a straight line in the log dose.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from pkpd_mdr.response.estimates import Curves
from pkpd_mdr.response.levels import Level, delta_error
from pkpd_mdr.response.pinned import PinnedRelative, pinned_block
from pkpd_mdr.response.quantiles import t_reach
from pkpd_mdr.response.separable import Block, descend, project
from pkpd_mdr.response.shapes import FloatArray

__all__ = ["open_limits", "profile_intervals"]

_BEYOND = 14.0  # log units outside the tested doses after which a side counts as open
_PRECISION = 2e-3  # of the signed root
_STEEPNESS = (0.5, 1.5, 4.0, 9.0, 20.0, 60.0, 300.0)  # times the span of log doses: further starts of every search
_PLACES = (-5.0, -2.0, -0.7, 0.7, 2.0, 5.0)  # argument of the shape at the pinned dose


@dataclass(slots=True)
class _Side:
    """One end of the intervals of a block: what is inside so far, what is outside, and the searched parameters."""

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
) -> tuple[FloatArray, FloatArray, npt.NDArray[np.bool_]]:
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
    done : ndarray of bool, shape (count,)
        False where this algebra does not apply and another way is needed.
    """
    lower, upper = np.full(len(logs), np.nan), np.full(len(logs), np.nan)
    done = np.zeros(len(logs), dtype=bool)
    errors = delta_error(curves, level, logs)
    for part in curves.parts:
        pinned = pinned_block(part.block, level)
        if pinned is None:
            continue
        for first in range(0, len(part.curves), 2048):
            rows = np.arange(first, min(first + 2048, len(part.curves)))
            rows = rows[np.isfinite(logs[part.curves[rows]]) & (curves.df[part.curves[rows]] > 0)]
            if len(rows) == 0:
                continue
            at = part.curves[rows]
            reach = t_reach(confidence, curves.df[at])
            work = _Work(pinned.rows(rows), curves, at, level, logs[at], reach)
            step = np.clip(np.where(np.isfinite(errors[at]), errors[at] * reach, 1.0), 1e-4, 2.0)
            ends = open_limits(part.block.rows(rows))
            lower[at], upper[at] = (work.end(side, step, limit) for side, limit in zip((-1.0, 1.0), ends, strict=True))
            done[at] = True
    return lower, upper, done


class _Work:
    """The profile of the curves of one chunk."""

    def __init__(
        self, block: Block, curves: Curves, at: npt.NDArray[np.int64], level: Level, logs: FloatArray, reach: FloatArray
    ) -> None:
        self.block, self.logs, self.reach = block, logs, reach
        self.scale = np.maximum(curves.sigma[at], 1e-150)
        pure = curves.rss[at] - _level_rss(curves, at, block)
        self.best = curves.rss[at] - pure
        self.relative = isinstance(block.family.shape, PinnedRelative)
        theta = curves.theta[at]
        low, high = open_limits(block)
        span = np.broadcast_to(np.maximum(high - low - 2.0 * _BEYOND, 0.1), len(at))
        places = (0.0,) if self.relative else _PLACES
        self.grid = [(np.log(steep / span), u) for steep in _STEEPNESS for u in places]
        if self.relative:
            keep = [0, 2] if block.family.shape.shape.asymmetric else [0]  # type: ignore[attr-defined]
            self.start = theta[:, keep]
            self.constants = level.shares(curves.linear[at])[0][:, None]
        else:
            self.start, self.constants = theta, np.zeros((len(at), 0))

    def roots(
        self, rows: npt.NDArray[np.int64], logs: FloatArray, theta: FloatArray, moved: FloatArray
    ) -> tuple[FloatArray, FloatArray]:
        """Signed root of the rise, less its critical value, and the searched parameters there.

        Starts are the last parameters, the same moved as far as the pinned dose, and a grid: profiles of steep curves
        have several optima.
        """
        block = self.block.rows(rows)
        tail = np.concatenate([logs[:, None], self.constants[rows]], axis=1)
        warm = np.concatenate([theta, tail], axis=1)
        rss = project(block, warm, jacobian=False).rss
        if not self.relative:
            tried = warm.copy()
            tried[:, 1] = np.clip(theta[:, 1] + moved, block.low[:, 1], block.high[:, 1])
            warm, rss = _better(block, warm, rss, tried)
        cold, rss = warm, np.full(len(rows), np.inf)
        for b, u in self.grid:
            tried = warm.copy()
            tried[:, 0] = np.clip(b[rows], block.low[:, 0], block.high[:, 0])
            if not self.relative:
                tried[:, 1] = np.clip(logs - u * np.exp(-tried[:, 0]), block.low[:, 1], block.high[:, 1])
            cold, rss = _better(block, cold, rss, tried)
        both = block.rows(np.tile(np.arange(len(rows)), 2))
        found, reduced, _ = descend(both, np.concatenate([warm, cold]), steps=12, tolerance=1e-7)
        ends = reduced.rss.reshape(2, -1)
        found = found.reshape(2, len(rows), -1)[ends.argmin(axis=0), np.arange(len(rows))]
        rise = np.sqrt(np.maximum(ends.min(axis=0) - self.best[rows], 0.0)) / self.scale[rows]
        return rise - self.reach[rows], found[:, : theta.shape[1]]

    def step(self, active: npt.NDArray[np.int64], logs: FloatArray, state: _Side) -> FloatArray:
        """The roots at pinned doses, from and to the parameters of the side."""
        root, theta = self.roots(active, logs, state.theta[active], logs - state.theta_at[active])
        state.theta[active], state.theta_at[active] = theta, logs
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
            self.start.copy(),
            self.logs.copy(),
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
        """Illinois steps between inside and outside."""
        for turn in range(14):
            if len(active) == 0:
                return
            a, b = state.inside[active], state.outside[active]
            fa, fb = state.root_inside[active], state.root_outside[active]
            share = np.clip(fa / (fa - fb), 0.02, 0.98) if turn % 4 < 3 else np.full(len(a), 0.5)
            middle = a + share * (b - a)
            root = self.step(active, middle, state)
            found[active] = middle
            outer = root > 0
            state.outside[active[outer]], state.root_outside[active[outer]] = middle[outer], root[outer]
            state.inside[active[~outer]], state.root_inside[active[~outer]] = middle[~outer], root[~outer]
            active = active[(np.abs(root) > _PRECISION) & (np.abs(b - a) > 1e-6)]


def _better(block: Block, best: FloatArray, rss: FloatArray, tried: FloatArray) -> tuple[FloatArray, FloatArray]:
    its = project(block, tried, jacobian=False).rss
    return np.where((its < rss)[:, None], tried, best), np.minimum(its, rss)


def _level_rss(curves: Curves, at: npt.NDArray[np.int64], block: Block) -> FloatArray:
    y = curves.predict(block.at.x, at)
    return np.asarray((((block.y - y) * block.root) ** 2).sum(axis=1))
