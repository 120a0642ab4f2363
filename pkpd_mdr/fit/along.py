"""What a profile goes along: a free parameter, which is held at a value, or a tied one, which is drawn towards it.

A tied parameter g is no coordinate, so it cannot be held. Instead ``w (g - goal)**2`` is added to minus twice the
log-likelihood f. Where the sum is least, f is least among all points with the same g, so that every such point is one
of the profile, wherever between the optimum and the goal it lies; w only decides how near it comes.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Protocol

import numpy as np

from pkpd_mdr.fit.curvature import pseudo_inverse
from pkpd_mdr.fit.free import FloatArray
from pkpd_mdr.fit.information import Information
from pkpd_mdr.fit.objective import Evaluation, Objective
from pkpd_mdr.fit.scoring import polish
from pkpd_mdr.fit.tied import Tied

__all__ = ["Along", "Drawn", "Held", "along"]

_PULL = 1e3  # weight of the distance to the goal, times the information on the parameter
_UNKNOWN = 0.1  # error that stands for one that is not known


class Along(Protocol):
    """One parameter of a fit on its working scale."""

    name: str
    unit: str
    low: float
    high: float
    error: float

    def where(self, point: FloatArray) -> float:
        """Working value of the parameter at a point."""

    def declared(self, x: float) -> float:
        """A working value in the declared unit."""

    def moved(self, x: float, warm: FloatArray, curvature: FloatArray) -> FloatArray:
        """The point at x where a quadratic likelihood would have it."""

    def best(self, x: float, start: FloatArray) -> tuple[Evaluation, float]:
        """The best point at or near x, and minus twice the log-likelihood there."""


def along(objective: Objective, information: Information, name: str, optimum: FloatArray) -> Along:
    """What a profile of a free or tied parameter goes along.

    Parameters
    ----------
    objective : Objective
    information : Information
    name : str
        Of one that exists.
    optimum : ndarray, shape (d,)
    """
    space = objective.problem.space
    if name in space.names:
        return Held(objective, information, space.names.index(name))
    return Drawn(objective, information, [item.name for item in space.tied].index(name), optimum)


class Held:
    """A free parameter.

    Parameters
    ----------
    objective : Objective
    information : Information
    index : int
        Of the parameter among free ones.
    """

    def __init__(self, objective: Objective, information: Information, index: int) -> None:
        self.objective, self.index, self.free = objective, index, objective.problem.space.free[index]
        self.name, self.unit = self.free.name, self.free.unit.text
        self.low, self.high = (float(ends[index]) for ends in objective.box)
        self.error = float(information.errors[index])

    def where(self, point: FloatArray) -> float:
        """The coordinate."""
        return float(point[self.index])

    def declared(self, x: float) -> float:
        """From the working scale; ends of it are the bounds as they were given."""
        return self.free.lower if x == self.low else self.free.upper if x == self.high else self.free.from_working(x)

    def moved(self, x: float, warm: FloatArray, curvature: FloatArray) -> FloatArray:
        """The other coordinates follow by their slopes in the curvature."""
        others = np.arange(len(warm)) != self.index
        slope = pseudo_inverse(curvature[np.ix_(others, others)], cut=1e-10) @ curvature[others, self.index]
        point = warm.copy()
        point[others] -= slope * (x - warm[self.index])
        point[self.index] = x
        low, high = self.objective.box
        inside = np.clip(point, low, high)
        inside[others] = np.where(np.abs(inside - warm)[others] < 3.0, inside[others], warm[others])
        return np.asarray(inside)

    def best(self, x: float, start: FloatArray) -> tuple[Evaluation, float]:
        """All other coordinates at their best."""
        held = np.zeros(len(start), dtype=bool)
        held[self.index] = True
        found = polish(self.objective, start, fixed=held)
        return found, found.value


class Drawn:
    """A tied parameter; on its logarithm where it must not be below 0 and is above it.

    Parameters
    ----------
    objective : Objective
    information : Information
    index : int
        Of the parameter among tied ones.
    optimum : ndarray, shape (d,)
    """

    def __init__(self, objective: Objective, information: Information, index: int, optimum: FloatArray) -> None:
        space = objective.problem.space
        self.objective, self.space, self.place = objective, space, len(space) + index
        self.tied: Tied = space.tied[index]
        self.name, self.unit = self.tied.name, self.tied.unit.text
        self.log = self.tied.lower >= 0.0 and self._value(optimum) > 0.0
        self.low, self.high = (self._working(end) for end in (self.tied.lower, self.tied.upper))
        slope = self.slope(optimum)[: len(space)]
        moving = np.flatnonzero(slope)
        variance = slope[moving] @ information.covariance[np.ix_(moving, moving)] @ slope[moving]
        self.error = math.sqrt(variance) if variance > 0 else math.nan
        self.weight = _PULL / (self.error if self.error > 0 else _UNKNOWN) ** 2

    def where(self, point: FloatArray) -> float:
        """The formula on the working scale."""
        return self._working(self._value(point))

    def slope(self, point: FloatArray) -> FloatArray:
        """Derivatives of `where`, shape (d,)."""
        by = np.zeros(len(point))
        by[: len(self.space)] = self.space.chain(point[: len(self.space)])[self.place] / self.tied.unit.factor
        return by / self._value(point) if self.log else by

    def declared(self, x: float) -> float:
        """From the working scale."""
        return math.exp(x) if self.log else x

    def moved(self, x: float, warm: FloatArray, curvature: FloatArray) -> FloatArray:
        """Along the direction in which the parameter moves at the least cost."""
        by = self.slope(warm)
        way = pseudo_inverse(curvature, cut=1e-10) @ by
        step = way * ((x - self.where(warm)) / max(float(by @ way), 1e-300))
        low, high = self.objective.box
        inside = np.clip(warm + step, low, high)
        inside = np.where(np.abs(inside - warm) < 3.0, inside, warm)
        return inside if self.low <= self.where(inside) <= self.high else warm

    def best(self, x: float, start: FloatArray) -> tuple[Evaluation, float]:
        """The best point of all with the same value of the parameter, near x."""
        found = polish(_Pulled(self, x), start)
        return found, found.value - self.weight * (self.where(found.point) - x) ** 2

    def _value(self, point: FloatArray) -> float:
        return float(self.space.placed(point[: len(self.space)])[self.place]) / self.tied.unit.factor

    def _working(self, value: float) -> float:
        if not self.log:
            return value
        return math.log(value) if value > 0.0 else -math.inf


class _Pulled(Objective):
    """The objective of a fit with a distance to a goal added."""

    def __init__(self, drawn: Drawn, goal: float) -> None:
        super().__init__(drawn.objective.problem, drawn.objective.errors, drawn.objective.worst)
        self.drawn, self.goal = drawn, goal

    def evaluate_many(self, points: Sequence[FloatArray]) -> list[Evaluation]:
        """The likelihood and the distance."""
        return [self._added(found) for found in super().evaluate_many(points)]

    def _added(self, found: Evaluation) -> Evaluation:
        away, by, weight = self.drawn.where(found.point) - self.goal, self.drawn.slope(found.point), self.drawn.weight
        return replace(
            found,
            value=found.value + weight * away**2,
            gradient=found.gradient + 2.0 * weight * away * by,
            curvature=found.curvature + 2.0 * weight * np.outer(by, by),
        )
