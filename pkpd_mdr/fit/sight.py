"""What candidate conditions would show: predictions, their derivatives, and the error of each measurement."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from pkpd_mdr.errors import FitError, did_you_mean, shown
from pkpd_mdr.fit.errors import ErrorModel
from pkpd_mdr.fit.free import FloatArray, Space
from pkpd_mdr.fit.planning import Noise, NoiseLike, Planned, plan_problem, read_noise
from pkpd_mdr.fit.problem import Problem
from pkpd_mdr.model import Model

if TYPE_CHECKING:
    from pkpd_mdr.fit.result import Fit

__all__ = ["Sight", "View", "prior_precision", "sight_of_fit", "sight_of_model"]


@dataclass(frozen=True, slots=True)
class View:
    """One candidate at one point of the working space, in units of one measurement's sd.

    Attributes
    ----------
    values : ndarray, shape (rows,)
        Predictions; their logarithms where the error is lognormal.
    sd : ndarray, shape (rows,)
    by : ndarray, shape (rows, k)
        Derivatives of `values` by the working coordinates.
    """

    values: FloatArray
    sd: FloatArray
    by: FloatArray

    @property
    def information(self) -> FloatArray:
        """Expected information of the means, shape (k, k); what the sizes of errors tell is left out."""
        scaled = self.by / self.sd[:, None]
        return np.asarray(scaled.T @ scaled)


@dataclass(frozen=True, slots=True)
class Sight:
    """All candidates as one problem.

    Attributes
    ----------
    problem : Problem
    plans : tuple of Planned
    noise : tuple of Noise or FittedNoise
        One for each observable of the problem.
    """

    problem: Problem
    plans: tuple[Planned, ...]
    noise: tuple[Noise | FittedNoise, ...]

    def views(self, u: FloatArray) -> list[View | str]:
        """Every plan at a point, in the order of `plans`; a sentence where it cannot be simulated."""
        prediction = self.problem.predict(u)
        rows = self.problem.rows
        place = {member.condition.name: i for i, member in enumerate(self.problem.members)}
        found: list[View | str] = []
        for plan in self.plans:
            if plan.name in prediction.failures:
                found.append(prediction.failures[plan.name])
                continue
            parts = []
            for i, noise in enumerate(self.noise):
                mine = np.flatnonzero((rows.member == place[plan.name]) & (rows.which == i))
                parts.append(_view(prediction.values[mine], prediction.by[mine], noise))
            found.append(View(*(np.concatenate(items) for items in zip(*parts, strict=True))))
        return found


def _view(f: FloatArray, by: FloatArray, noise: Noise | FittedNoise) -> tuple[FloatArray, FloatArray, FloatArray]:
    if noise.kind != "lognormal":
        return f, noise.sd(f), by
    safe = np.maximum(f, 1e-12 * max(float(np.abs(f).max(initial=0.0)), 1e-290))
    return np.log(safe), np.full_like(f, noise.size), by / safe[:, None]


@dataclass(frozen=True, slots=True)
class FittedNoise:
    """The error that a fit has found for an observable, for predictions in the unit of the model.

    Parameters
    ----------
    fit : Fit
    observable : int
    factor : float
        Unit of the data over unit of the model.
    """

    fit: Fit
    observable: int
    factor: float

    @property
    def kind(self) -> str:
        """Of the error model."""
        return "lognormal" if self._model.logarithmic else self._model.kind

    @property
    def _model(self) -> ErrorModel:
        objective = self.fit.objective
        return objective.errors[objective.problem.rows.observable[self.observable]]

    @property
    def size(self) -> float:
        """The scale of the error model; its sd of the logarithm where it is lognormal."""
        return self.fit.objective.scale(self.fit.best, self.observable)

    def sd(self, f: FloatArray) -> FloatArray:
        """Standard deviation of one measurement."""
        rows = self.fit.objective.problem.rows
        given = rows.known[(rows.which == self.observable) & ~np.isnan(rows.known)]
        known = np.full(len(f), float(np.median(given)) if len(given) else math.nan)
        mix = self.fit.objective.mix(self.fit.best.point, self.observable)
        data = f / self.factor
        if self._model.discrete:
            extra = self.fit.objective.extra(self.fit.best.point, self.observable)
            one = np.full(len(f), float(np.median(rows.n[rows.which == self.observable])))
            return np.asarray(self._model.spread(data, one, extra) * self.factor)
        return np.asarray(self.size * self._model.shape(data, data, known, mix).h * self.factor)


def sight_of_model(model: Model, plans: Sequence[Planned], space: Space, noise: NoiseLike) -> Sight:
    """Candidates under a model whose errors are given."""
    problem = plan_problem(model, plans, space, None)
    read = read_noise(noise, model, problem.rows.observable)
    return Sight(problem, tuple(plans), tuple(read[name] for name in problem.rows.observable))


def sight_of_fit(fit: Fit, plans: Sequence[Planned], noise: NoiseLike | None) -> Sight:
    """Candidates under a fitted model, with the errors that the fit found unless others are given.

    Raises
    ------
    FitError
        A candidate measures what was not fitted, or up to a scale or a reference, and no noise is given for it.
    """
    old = fit.objective.problem
    problem = plan_problem(fit.model, plans, fit.found.space, old.accuracy)
    if noise is not None and not isinstance(noise, Mapping):
        read = read_noise(noise, fit.model, problem.rows.observable)
        return Sight(problem, tuple(plans), tuple(read[name] for name in problem.rows.observable))
    of_output = {output: name for name, output in old.outputs.items() if name in old.rows.observable}
    found: list[Noise | FittedNoise] = []
    for i, name in enumerate(problem.rows.observable):
        if noise is not None and name in noise:
            found.append(read_noise(noise, fit.model, [name])[name])
            continue
        if name not in of_output:
            raise FitError(
                f"a candidate measures {shown(name)}, whose error the fit does not know"
                f"{did_you_mean(name, of_output)}; give it, as in noise={{{shown(name)}: ('lognormal', 0.1)}}"
            )
        which = old.rows.observable.index(of_output[name])
        _check_seen_as_it_is(old, which)
        theirs = float(old.rows.factor[old.rows.which == which][0])
        mine = float(problem.rows.factor[problem.rows.which == i][0])
        found.append(FittedNoise(fit, which, theirs / mine))
    return Sight(problem, tuple(plans), tuple(found))


def _check_seen_as_it_is(problem: Problem, which: int) -> None:
    """The error of a signal is not that of the quantity behind it, nor is a scale known to the plan."""
    name, rows = problem.rows.observable[which], problem.rows
    through = ((rows.scale >= 0) | (rows.offset >= 0))[rows.which == which].any()
    if through or name in problem.relative_to:
        how = "up to a scale or offset (readout)" if through else "relative to a value of its curve (relative_to)"
        raise FitError(
            f"a candidate measures {shown(name)}, which the fit knows {how} only; fit an observable of the model in "
            "which scale, offset or reference are parameters, or say how well the quantity itself will be measured, as "
            f"in noise={{{shown(name)}: ('lognormal', 0.1)}}"
        )


def prior_precision(space: Space) -> FloatArray:
    """What the bounds alone say: one over the variance of a uniform density on the working scale, shape (k,)."""
    width = space.upper - space.lower
    return np.where(np.isfinite(width), 12.0 / np.where(np.isfinite(width), width, 1.0) ** 2, 0.0)
