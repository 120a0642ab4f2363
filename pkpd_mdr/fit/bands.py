"""Prediction bands: how far the fitted curves, and new measurements around them, may lie."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from pkpd_mdr.arguments import CONFIDENCE, SEED, takes
from pkpd_mdr.errors import FitError, did_you_mean, shown
from pkpd_mdr.fit.bootstrap import counted
from pkpd_mdr.fit.curvature import principal, pseudo_inverse
from pkpd_mdr.fit.draws import Draws
from pkpd_mdr.fit.errors import ErrorModel
from pkpd_mdr.fit.free import FloatArray, Space
from pkpd_mdr.fit.objective import Objective
from pkpd_mdr.units import QuantityLike, Unit

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from pkpd_mdr.fit.result import Fit

__all__ = ["Band", "band", "working_points"]

_ERRORS = 41  # new measurements around each drawn curve


@dataclass(frozen=True, eq=False)
class Band:
    """Bands around the fitted curves.

    Attributes
    ----------
    frame : DataFrame
        Columns condition, observable, time (h), value (at the estimates), lower, upper (of the curve),
        lower_measured, upper_measured (of one new measurement, its error included).
    confidence : float
    fit : Fit
    failed : int
        Draws under which some condition could not be simulated; they are left out.
    """

    frame: pd.DataFrame
    confidence: float
    fit: Fit
    failed: int = 0

    def plot(self, *, ax: Axes | None = None, measured: bool = False, **options: object) -> Axes:
        """The plot of the fit with its bands; see `pkpd_mdr.plot.knowledge`."""
        from pkpd_mdr.plot.knowledge import plot_band

        return plot_band(self, ax=ax, measured=measured, **options)

    def __repr__(self) -> str:
        conditions = self.frame["condition"].nunique()
        text = f"Band: {100 * self.confidence:g}% of curves and of measurements, {conditions} conditions"
        return f"{text}; {self.failed} draws could not be simulated" if self.failed else text


@takes(FitError, confidence=CONFIDENCE, seed=SEED)
def band(
    fit: Fit,
    times: QuantityLike | Sequence[QuantityLike] | None = None,
    *,
    draws: Draws | None = None,
    confidence: float = 0.95,
    conditions: str | Sequence[str] | None = None,
    seed: int = 0,
) -> Band:
    """Bands of a fit under draws; see `Fit.band`."""
    centre = fit.predict(times, conditions=conditions)
    problem = fit.objective.problem
    points = working_points(problem.space, draws or fit.draws(200, seed=seed), fit.best.point)
    grids = [fit._grid(member.begin.time, float(member.times[-1]), times) for member in problem.members]
    wanted = set(centre["condition"])
    kept = [i for i, member in enumerate(problem.members) if member.condition.name in wanted]
    stacks: list[list[FloatArray]] = [[] for _ in kept]
    failed, rng = 0, np.random.default_rng([seed, 1])
    for u in points:
        curves = _curves(fit, u, grids, rng)
        if any(curves[i][2] for i in kept):
            failed += 1
            continue
        for stack, i in zip(stacks, kept, strict=True):
            stack.append(curves[i][1])
    if len(points) - failed < 2:
        raise FitError(f"{failed} of {len(points)} draws cannot be simulated, so there is no band")
    parts = [
        _around(fit, np.array(stack)[:, :, i], i, confidence, rng)
        for stack in stacks
        for i in range(len(problem.rows.observable))
    ]
    return Band(centre.assign(**_joined(parts)), confidence, fit, failed)


def _curves(
    fit: Fit, u: FloatArray, grids: Sequence[FloatArray], rng: np.random.Generator
) -> list[tuple[FloatArray, FloatArray, str]]:
    """Curves at a point, seen through readouts that are drawn around the best ones there."""
    objective = fit.objective
    if not objective.readout_parameters:
        return objective.problem.simulate(u, grids)
    here = objective.evaluate(np.concatenate([u, fit.best.point[len(u) :]]))
    assert here.prediction.readout is not None
    readout = here.prediction.readout + _deviation(objective, here.by_readouts[:, len(here.point) :], rng)
    return objective.curves(replace(here, prediction=replace(here.prediction, readout=readout)), grids)


def _deviation(objective: Objective, curvature: FloatArray, rng: np.random.Generator) -> FloatArray:
    """How far scales and offsets are from their best: normal, Student's t where the size of the errors is not known."""
    covariance = 2.0 * pseudo_inverse(curvature)
    size = np.sqrt(np.maximum(np.diag(covariance), 1e-300))
    values, axes = principal(covariance / np.outer(size, size))
    drawn = size * (axes @ (np.sqrt(np.maximum(values, 0.0)) * rng.standard_normal(len(size))))
    if not objective.profiled:
        return np.asarray(drawn)
    rows = len(objective.problem.rows)
    return np.asarray(drawn * np.sqrt(rows / rng.chisquare(rows - len(size))))


def _joined(parts: Sequence[FloatArray]) -> dict[str, FloatArray]:
    whole = np.hstack(parts)
    return dict(zip(("lower", "upper", "lower_measured", "upper_measured"), whole, strict=True))


def _around(fit: Fit, curves: FloatArray, observable: int, confidence: float, rng: np.random.Generator) -> FloatArray:
    """Ends of both bands of one observable, shape (4, times), from curves of shape (draws, times)."""
    ends = [(1.0 - confidence) / 2, (1.0 + confidence) / 2]
    with np.errstate(invalid="ignore"):
        new = _measurements(fit, curves, observable, rng)
        of_curves = np.quantile(curves, ends, axis=0)
        of_measured = np.quantile(new.reshape(-1, curves.shape[1]), ends, axis=0)
    return np.vstack([of_curves, of_measured])


def _measurements(fit: Fit, curves: FloatArray, observable: int, rng: np.random.Generator) -> FloatArray:
    """New measurements around each drawn curve, shape (errors, draws, times): of the kind that was fitted."""
    objective = fit.objective
    rows = objective.problem.rows
    model, mine = objective.errors[rows.observable[observable]], rows.which == observable
    extra = objective.extra(fit.best.point, observable)
    if model.discrete:
        n = np.full((_ERRORS, *curves.shape), np.round(_typical(rows.n[mine])))
        drawn = counted(model, np.broadcast_to(np.nan_to_num(curves), n.shape), n, extra, rng)
        return np.where(np.isnan(curves), np.nan, drawn)
    known = np.full(curves.shape[1], _typical(rows.known[mine]))
    mix, scale = objective.mix(fit.best.point, observable), objective.scale(fit.best, observable)
    sd = scale * np.array([model.shape(row, row, known, mix).h for row in curves])
    z = _errors(model, extra, fit.information.freedom if model.scaled else np.inf, len(curves), rng)[:, :, None]
    return curves * np.exp(sd * z) if model.logarithmic else curves + sd * z


def _errors(model: ErrorModel, extra: float, freedom: float, draws: int, rng: np.random.Generator) -> FloatArray:
    """Errors of size one, shape (errors, draws); their size is known as well as the data tell it.

    Each draw has quantiles of its own, so that those of all draws together leave no gap: the ends of a band lie in the
    tails, where a few quantiles shared by all would be steps.
    """
    from scipy.stats import norm, t

    within = (rng.permutation(draws) + 0.5) / draws
    shares = (np.arange(_ERRORS)[:, None] + within) / _ERRORS
    sized = np.isfinite(freedom) and freedom > 0
    if model.normal:
        return np.asarray(t.ppf(shares, freedom) if sized else norm.ppf(shares))
    size = np.sqrt(freedom / rng.chisquare(freedom, draws)) if sized else 1.0
    return np.asarray(t.ppf(shares, math.exp(extra)) * size)


def _typical(values: FloatArray) -> float:
    """Median of what is known; NaN when nothing is."""
    given = values[~np.isnan(values)]
    return float(np.median(given)) if len(given) else float("nan")


def working_points(space: Space, draws: Draws, optimum: FloatArray) -> FloatArray:
    """Draws as points of a working space, shape (draws, k); what they do not hold stays at the optimum.

    Raises
    ------
    FitError
        The draws hold a parameter that was not free, or in another kind of unit.
    """
    if not isinstance(draws, Draws):
        raise FitError(
            f"draws = {shown(draws)} is no Draws; write fit.draws(200, seed=1), fit.bootstrap(...) or fit.mcmc()"
        )
    table = np.tile(optimum[: len(space)], (len(draws), 1))
    tied = {item.name for item in space.tied}  # they follow
    for name in (name for name in draws.names if name not in tied):
        if name not in space.names:
            raise FitError(f"the draws hold {shown(name)}, which was not free{did_you_mean(name, space.names)}")
        j = space.names.index(name)
        item, unit = space.free[j], Unit.of(draws.units[name])
        if not unit.like(item.unit):
            raise FitError(f"the draws of {shown(name)} are in {shown(unit.text)}, not in {shown(item.unit.text)}")
        values = draws.frame[name].to_numpy(dtype=np.float64) * unit.factor / item.unit.factor
        table[:, j] = [item.to_working(float(value)) for value in values]
    return np.clip(table, space.lower, space.upper)
