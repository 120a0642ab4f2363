"""How candidates are chosen: by differential evolution in whole populations, then one by one near the best.

Populations are those of Storn and Price (1997, J Glob Optim 11:341), moved towards the best of their own. Feasible
candidates come before those that violate limits, which are ordered by how much (Deb 2000, Comput Methods Appl Mech Eng
186:311). Where few combinations of the finite variables exist, each has a population of its own, so that no order or
choice is lost early; the worse half of these populations is given up every few generations, and what is left is
polished one by one.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt

from pkpd_mdr.engine.lowering import FloatArray
from pkpd_mdr.optimise.problem import Candidate, Problem

__all__ = ["search"]

_ISLANDS = 12
_PATIENCE = 3  # generations after which half of the populations are given up
_SETTLED, _GRID = 1e-3, 21
_STEP = 0.05
_MARGIN, _WORST = 3e-6, 1e6
_EACH = 40  # candidates of the polish for each continuum


@dataclass
class _Search:
    """Candidates of one problem while they are tried: the population, how it violates limits and what it costs."""

    problem: Problem
    budget: int
    rng: np.random.Generator
    points: FloatArray = field(init=False)
    violation: FloatArray = field(init=False)
    cost: FloatArray = field(init=False)
    fixed: list[int] = field(init=False)

    @property
    def left(self) -> int:
        """Candidates that may still be tried."""
        return self.budget - len(self.problem.candidates)

    def populations(self, budget: int) -> None:
        """Let populations evolve until they have settled or the budget is used up."""
        self._begin(budget)
        generation = 0
        while len(self.problem.candidates) + self.cost.size <= budget and not self._settled():
            generation += 1
            if generation % _PATIENCE == 0:
                self._halve()
            before = len(self.problem.candidates)
            trial = self._trial()
            violation, cost = self._evaluate(trial)
            wins = (violation < self.violation) | ((violation == self.violation) & (cost <= self.cost))
            self.points[wins], self.violation[wins], self.cost[wins] = trial[wins], violation[wins], cost[wins]
            if len(self.problem.candidates) == before:
                break

    def _halve(self) -> None:
        """Give up the worse half of the populations, down to two."""
        order = self._ranked()
        keep = order[: max(2, (len(order) + 1) // 2)]
        self.points, self.violation, self.cost = self.points[keep], self.violation[keep], self.cost[keep]

    def _ranked(self) -> npt.NDArray[np.intp]:
        """Populations by their best candidates."""
        best = self._best()
        rows = np.arange(len(best))
        return np.lexsort((self.cost[rows, best], self.violation[rows, best]))

    def _best(self) -> npt.NDArray[np.intp]:
        """The place of the best candidate in each population."""
        return np.lexsort((self.cost, self.violation), axis=-1)[:, 0]

    def _begin(self, budget: int) -> None:
        space = self.problem.space
        few = space.combinations <= _ISLANDS
        corners = space.points_of(space.combinations if few else 1)
        self.fixed = space.finite if few else []
        moving = len(space.variables) - len(self.fixed)
        size = int(np.clip(6 * moving, 8, 30))
        size = max(5, min(size, budget // (4 * len(corners))))
        blocks = []
        for corner in corners:
            strata = self.rng.permuted(np.tile(np.arange(size)[:, None], (1, len(space.variables))), axis=0)
            block = (strata + self.rng.random(strata.shape)) / size  # a Latin hypercube
            block[:, self.fixed] = corner[self.fixed]
            blocks.append(block)
        self.points = np.stack(blocks)
        self.violation, self.cost = self._evaluate(self.points)

    def _evaluate(self, points: FloatArray) -> tuple[FloatArray, FloatArray]:
        islands, size, count = points.shape
        violation, cost = self.problem.evaluate(points.reshape(-1, count), "populations")
        return violation.reshape(islands, size), cost.reshape(islands, size)

    def _trial(self) -> FloatArray:
        """Each candidate moved towards the best of its population and along the difference of two others."""
        islands, size = self.cost.shape
        best = np.take_along_axis(self.points, self._best()[:, None, None], axis=1)
        ones, others = (self._drawn(islands, size) for _ in range(2))
        pull = self.rng.uniform(0.5, 1.0, (islands, size, 1))
        push = self.rng.uniform(0.4, 0.9, (islands, size, 1))
        moved = self.points + pull * (best - self.points) + push * (ones - others)
        keep = self.rng.random(moved.shape) > 0.9
        keep[:, :, self.fixed] = True
        moved = np.where(keep, self.points, moved)
        outside = (moved < 0.0) | (moved > 1.0)  # half-way back to the bound, as an optimum may stand there
        return np.where(outside, (self.points + (moved > 1.0)) / 2, moved)

    def _drawn(self, islands: int, size: int) -> FloatArray:
        chosen: npt.NDArray[np.int64] = self.rng.integers(0, size, (islands, size, 1))
        return np.take_along_axis(self.points, chosen, axis=1)

    def _settled(self) -> bool:
        """Whether no population is spread any more."""
        return bool((np.ptp(self.points, axis=1) < _SETTLED).all())

    def polish_each(self, most: int) -> None:
        """Polish the best candidates of the populations that are left, two of them at most."""
        chosen = self._ranked()[:2]
        starts = [self.problem.at(self.points[k, self._best()[k]]) for k in chosen]
        for start in starts:
            self.polish(start, most // len(starts))

    def polish(self, best: Candidate, most: int) -> None:
        """From a candidate in the continuous variables: Nelder and Mead, or COBYLA where there are limits."""
        from scipy.optimize import minimize

        free = self.problem.space.free
        if not free or most < len(free) + 2 or not np.isfinite(best.violation):
            return
        local = _Local(self.problem, best.point, free, max(abs(self.problem.cost(best)), 1e-300))
        bounds = [(0.0, 1.0)] * len(free)
        if self.problem.limits:
            kept: Any = [{"type": "ineq", "fun": partial(local.slack, k)} for k in range(len(self.problem.limits))]
            options: Any = {"rhobeg": _STEP, "maxiter": most}
            method: Any = "COBYLA"  # the types of constraints are too narrow for a list of dicts
            minimize(
                local.cost, best.point[free], method=method, bounds=bounds, constraints=kept, tol=1e-5, options=options
            )
            return
        simplex = np.tile(best.point[free], (len(free) + 1, 1))
        for k in range(len(free)):
            simplex[k + 1, k] += _STEP if simplex[k + 1, k] < 0.5 else -_STEP
        options = {"initial_simplex": simplex, "maxfev": most, "xatol": 1e-5, "fatol": 1e-9}
        minimize(local.cost, simplex[0], method="Nelder-Mead", bounds=bounds, options=options)

    @property
    def grid(self) -> int:
        """Most points along each variable: less than a third of the budget for all of them."""
        return int(np.clip(self.budget // (3 * len(self.problem.space.variables)), 3, _GRID))

    def profile(self) -> None:
        """Everything along each variable through the best: for the reader, and in case something better is there."""
        self.problem.evaluate(self.problem.space.along(self.problem.best().point, self.grid), "along variables")


@dataclass(frozen=True, slots=True)
class _Local:
    """The problem in its continuous variables near a candidate, in finite numbers."""

    problem: Problem
    point: FloatArray
    free: list[int]
    scale: float

    def at(self, x: FloatArray) -> Candidate:
        """The candidate there; one that is known is not run again."""
        here = self.point.copy()
        here[self.free] = x
        self.problem.evaluate(here[None], "polish")
        return self.problem.at(here)

    def cost(self, x: FloatArray) -> float:
        """Relative cost."""
        return float(min(self.problem.cost(self.at(x)) / self.scale, _WORST))

    def slack(self, k: int, x: FloatArray) -> float:
        """By how much a limit is kept, less a margin beyond the solver's own tolerance."""
        found = self.at(x)
        if not found.limits:
            return -_WORST
        return float(np.clip(self.problem.limits[k].slack(found.limits[k]) - _MARGIN, -_WORST, _WORST))


def search(problem: Problem, budget: int, seed: int) -> None:
    """Try candidates; what became of them is kept in `problem.candidates`.

    Parameters
    ----------
    problem : Problem
    budget : int
        About how many candidates may be tried; those along variables are counted in.
    seed : int
    """
    space = problem.space
    found = _Search(problem, budget, np.random.default_rng(seed))
    if not space.free and space.combinations <= budget:
        problem.evaluate(space.points_of(space.combinations), "all combinations")
        return
    lines = len(space.along(np.full(len(space.variables), 0.5), found.grid))
    each = min(_EACH * len(space.free), max(budget - lines, 0) // 3)
    found.populations(max(budget - lines - each, budget // 3))
    found.polish_each(each)
    before = problem.best()
    found.profile()
    if problem.best() is not before:
        found.polish(problem.best(), max(each // 2, min(found.left, each)))
        found.profile()
