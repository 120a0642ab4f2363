"""The objective at many points in one call of the engine, without derivatives: for samplers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields, replace

import numpy as np

from pkpd_mdr.fit.free import FloatArray
from pkpd_mdr.fit.objective import Objective
from pkpd_mdr.fit.problem import Prediction, Problem

__all__ = ["looking_ahead", "values_of"]


class _ValuesOnly(Problem):
    """A problem that computes no derivatives, whoever asks."""

    def predict_many(self, points: Sequence[FloatArray], *, gradient: bool = True) -> list[Prediction]:
        """Values of rows, without slopes."""
        return Problem.predict_many(self, points, gradient=False)


def looking_ahead(objective: Objective) -> Objective:
    """The same objective without derivatives, for `values_of`."""
    problem = objective.problem
    bare = _ValuesOnly(**{item.name: getattr(problem, item.name) for item in fields(problem) if item.init})
    return replace(objective, problem=bare, worst={}, evaluations=0, _last=None)


def values_of(objective: Objective, points: FloatArray) -> FloatArray:
    """Minus half the objective at many points; minus infinity outside the box or where a run fails.

    Scales and offsets of readouts, which the objective puts at their best, are integrated out with a flat density by
    Laplace's method; that is exact for normal errors whose sd does not follow the prediction.

    Parameters
    ----------
    objective : Objective
    points : ndarray, shape (points, d)

    Returns
    -------
    ndarray, shape (points,)
    """
    low, high = objective.box
    inside = np.flatnonzero(((points >= low) & (points <= high)).all(axis=1))
    found = np.full(len(points), -np.inf)
    if not len(inside):
        return found
    with np.errstate(all="ignore"):
        here = objective.evaluate_many(list(points[inside]))
    for i, one in zip(inside, here, strict=True):
        with np.errstate(all="ignore"):
            sign, width = np.linalg.slogdet(one.by_readouts[:, len(one.point) :])
        if not one.prediction.failures and np.isfinite(one.value) and sign > 0:
            found[i] = -0.5 * (one.value + width)
    return found
