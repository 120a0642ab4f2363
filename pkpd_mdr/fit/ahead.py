"""Predictions of many parameter sets in one call of the engine, for samplers that ask for many at once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields, replace

import numpy as np

from pkpd_mdr.engine import Timeline, Trajectory, solve
from pkpd_mdr.errors import PkpdMdrError
from pkpd_mdr.fit.free import FloatArray
from pkpd_mdr.fit.objective import Objective
from pkpd_mdr.fit.problem import Prediction, Problem

__all__ = ["Ahead", "looking_ahead", "values_of"]

_NOTHING = -np.inf


class Ahead(Problem):
    """A problem whose predictions at announced points are computed together.

    `predict` answers from what `prepare` computed, without derivatives, and computes anything else as usual.
    """

    prepared: dict[bytes, Prediction]

    @classmethod
    def of(cls, problem: Problem) -> Ahead:
        """The same problem, with nothing prepared."""
        made = cls(**{item.name: getattr(problem, item.name) for item in fields(problem) if item.init})
        made.prepared = {}
        return made

    def prepare(self, points: FloatArray) -> None:
        """Simulate all conditions at all points, shape (points, k), in one call."""
        tables, plans, starts, whose = [], [], [], []
        self.prepared = {}
        for number, u in enumerate(points):
            parameters, timelines = self._parameters(u), self._made_timelines(u)
            if any(isinstance(item, str) for item in timelines):
                self.prepared[u.tobytes()] = Problem.predict(self, u, gradient=False)
                continue
            begun, _ = self._starts(parameters, list(range(len(self.members))), ())
            tables.append(parameters)
            plans += [item for item in timelines if not isinstance(item, str)]
            starts.append(begun)
            whose.append(number)
        if tables:
            solved = self._solved_together(np.vstack(tables), plans, starts)
            for slot, number in enumerate(whose):
                mine = solved[slot * len(self.members) : (slot + 1) * len(self.members)]
                u = points[number]
                self.prepared[u.tobytes()] = self._collected(u, mine)

    def _solved_together(
        self, parameters: FloatArray, plans: Sequence[Timeline], starts: Sequence[FloatArray | None]
    ) -> Sequence[Trajectory | None]:
        given = [item for item in starts if item is not None]
        try:
            with np.errstate(all="ignore"):
                return solve(
                    self.compiled,
                    parameters,
                    np.vstack(given) if given else None,
                    plans,
                    [self.outputs[name] for name in self.rows.observable],
                    accuracy=self.accuracy,
                ).members
        except (ArithmeticError, ValueError, PkpdMdrError):
            return [None] * len(plans)

    def _collected(self, u: FloatArray, solved: Sequence[Trajectory | None]) -> Prediction:
        if any(item is None for item in solved):
            return Problem.predict(self, u, gradient=False)
        values, by = np.full(len(self.rows), np.nan), np.zeros((len(self.rows), len(self.space)))
        failures = {}
        for number, trajectory in enumerate(solved):
            mine = self._rows_of[number]
            if trajectory is None or not trajectory.status.ok:
                failures[self.members[number].condition.name] = "" if trajectory is None else trajectory.status.sentence
                continue
            at = self.rows.mark[mine], self.rows.which[mine]
            values[mine] = trajectory.values[at] / self.rows.factor[mine]
            self._relate(trajectory, np.zeros(len(self.space)), mine, values, by)
            if not np.isfinite(values[mine]).all():
                failures[self.members[number].condition.name] = self._not_finite(mine, values)
                values[mine] = np.nan
        return Prediction(values, np.zeros_like(by), failures)

    def predict(self, u: FloatArray, *, gradient: bool = True) -> Prediction:
        """Predictions at a point; prepared ones have no derivatives."""
        known = self.prepared.get(np.asarray(u).tobytes())
        return known if known is not None else Problem.predict(self, u, gradient=gradient)


def values_of(objective: Objective, points: FloatArray) -> FloatArray:
    """Minus half the objective at many points, shape (points, d); minus infinity outside the box or where a run fails.

    Parameters
    ----------
    objective : Objective
        Its problem has to be an `Ahead`.
    points : ndarray, shape (points, d)
    """
    problem = objective.problem
    low, high = objective.box
    inside = np.flatnonzero(((points >= low) & (points <= high)).all(axis=1))
    found = np.full(len(points), _NOTHING)
    k = len(problem.space)
    if isinstance(problem, Ahead):
        problem.prepare(np.ascontiguousarray(points[inside, :k]))
    for i in inside:
        here = objective.evaluate(points[i])
        if not here.prediction.failures and np.isfinite(here.value):
            found[i] = -0.5 * here.value
    return found


def looking_ahead(objective: Objective) -> Objective:
    """The same objective for `values_of`."""
    return replace(objective, problem=Ahead.of(objective.problem), worst={}, evaluations=0, _last=None)
