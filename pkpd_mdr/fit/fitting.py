"""`fit`: find the parameters under which a model agrees best with data."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from pkpd_mdr.arguments import COUNT, TABLE, TEXT, takes
from pkpd_mdr.data import Data
from pkpd_mdr.engine import Accuracy
from pkpd_mdr.errors import FitError, shown
from pkpd_mdr.fit.errors import read_errors
from pkpd_mdr.fit.estimates import Estimates, estimate_all
from pkpd_mdr.fit.free import FreeLike, Space, read_free
from pkpd_mdr.fit.grouping import PerLike, split_by_groups
from pkpd_mdr.fit.information import inform
from pkpd_mdr.fit.objective import Evaluation, Objective
from pkpd_mdr.fit.optimise import Found, draw_starts, multistart
from pkpd_mdr.fit.posing import pose
from pkpd_mdr.fit.problem import Problem
from pkpd_mdr.fit.result import Fit
from pkpd_mdr.fit.starting import StartLike
from pkpd_mdr.model import Model
from pkpd_mdr.run import provenance
from pkpd_mdr.run.simulate import ACCURACY, MODEL

__all__ = ["fit"]

_MOST_STARTS = 100_000
_METHODS = ("auto", "leastsq", "least_squares")


@takes(
    FitError,
    model=MODEL,
    starts=COUNT,
    seed=COUNT,
    observables=TABLE,
    scale=TABLE,
    relative_to=TABLE,
    per=TABLE,
    method=TEXT,
    most=COUNT,
    accuracy=ACCURACY,
)
def fit(
    model: Model,
    data: Data,
    free: FreeLike,
    *,
    per: PerLike = None,
    error: str | Mapping[str, str] = "additive",
    starts: int = 10,
    seed: int = 0,
    observables: Mapping[str, str] | None = None,
    start: StartLike = None,
    scale: Mapping[str, str] | None = None,
    relative_to: Mapping[str, str] | None = None,
    method: str = "auto",
    most: int = 200,
    accuracy: Accuracy | None = None,
    progress: Callable[[int, int, float], None] | None = None,
) -> Fit:
    """Fit a model to data by maximum likelihood.

    Parameters
    ----------
    model : Model
        Its parameter values are the first start, and stay where they are not free.
    data : Data
        Each condition becomes one simulation under its regimen, with its covariates as parameter values.
    free : mapping or sequence of str
        Parameter to (lower, upper) or (lower, start, upper), in any unit of its dimension: ``{"ec50_dox_S":
        ("1 nM", "10 uM"), "R0_share": (0, 0.5)}``. None, or a plain list of names, takes the model's bounds, or a
        factor 1e4 around the value of a positive parameter that has none.
    per : mapping of str to str or sequence of str, optional
        Free parameters that differ between groups of conditions: ``{"ec50_dox_S": "line"}`` fits one for each value of
        the label (or covariate, or ``"condition"``), named ``ec50_dox_S[231]``. All others are shared. A parameter
        that is tied to others is declared so in the model, with `formula`.
    error : str or mapping of observable to str
        ``"additive"``, ``"proportional"``, ``"combined"``, ``"lognormal"``, ``"poisson"``, ``"relative"``, ``"sd"``
        (those of the data, as they stand) or ``"sd_scaled"`` (those of the data, up to an estimated common factor).
    starts : int
        How many: the model's own values, then a Latin hypercube in the bounds.
    seed : int
        Of the hypercube.
    observables : mapping of str to str, optional
        Observable of the data to state or observable of the model, where names differ.
    start : str or mapping, optional
        Where each condition starts when the model's own start is not meant. ``"first"``: at its earliest
        measurements (means over replicates), which are then not fitted. A mapping names states, parameters
        or observables and gives ``"first"``, a quantity, or a mapping of condition to quantity.
    scale : mapping of str to {"log", "linear"}, optional
        Working scale; by default the logarithm for parameters whose lower bound is above zero.
    relative_to : mapping of str to {"max", "first", "peak"}, optional
        Observables measured relative to a value of their own curve: the largest or the first one among the fitted
        times of a condition, or the peak of the whole curve.
    method : {"auto", "leastsq", "least_squares"}
        lmfit's optimiser; see `pkpd_mdr.fit.optimise.minimise`.
    most : int
        Most evaluations from one start.
    accuracy : Accuracy, optional
        Of the simulations.
    progress : callable, optional
        Called with (starts done, starts, minus twice log-likelihood up to a constant).

    Returns
    -------
    Fit

    Raises
    ------
    FitError
        The model cannot serve the data, nothing depends on what is free, there are fewer measurements than
        parameters, or no start can be simulated.
    UnitError
        A bound, start or measurement is in the wrong unit.

    Examples
    --------
    >>> import pandas as pd
    >>> import pkpd_mdr as mdr
    >>> model = mdr.Model(mdr.clone("S", growth=mdr.growth.exponential(rate="0.5 1/day"), start=100))
    >>> counts = pd.DataFrame({"day": [1, 2, 3, 4], "cells": [150, 210, 330, 480]})
    >>> data = mdr.read_assay(counts, time="day [day]", value="cells [cell]")
    >>> found = mdr.fit(model, data, {"growth_S": ("0.1 1/day", "2 1/day")}, error="lognormal", starts=1)
    >>> round(found.values["growth_S"], 2)
    0.39
    """
    _check_choices(data, starts, most, method)
    space = split_by_groups(read_free(model, free, scale), per, data)
    problem = pose(model, data, space, observables=observables, start=start, relative_to=relative_to, accuracy=accuracy)
    objective = Objective(problem, read_errors(error, data))
    _check_counts(problem)
    points = draw_starts(space, starts, seed)
    _check_sensitive(objective, space)
    ranked, best = multistart(objective, points, method=method, most=most, progress=progress)
    return _result(objective, ranked, best, seed)


def _result(objective: Objective, ranked: list[Found], best: Evaluation, seed: int) -> Fit:
    problem = objective.problem
    space = problem.space
    information = inform(objective, best)
    u = best.point[: len(space)]
    items, notes = estimate_all(space, u, information)
    origin = provenance() | {"seed": seed, "model": problem.model.content_hash, "data": problem.data.content_hash}
    found = Estimates(items, information.matrix, information.gradient, information.freedom, notes, origin)
    return Fit(found.apply_shared(problem.model), problem.data, found, information, tuple(ranked), objective, best)


def _check_choices(data: Data, starts: int, most: int, method: str) -> None:
    if not isinstance(data, Data):
        raise FitError(f"data is {shown(data)}, not Data; read tables with read_assay(...) or read_events(...)")
    if not len(data):
        raise FitError(f"{data.origin} has no measurement to fit")
    if not 1 <= starts <= _MOST_STARTS:
        raise FitError(f"starts = {shown(starts)} is not possible; ask for at least 1 and at most {_MOST_STARTS}")
    if most < 1:
        raise FitError(f"most = {most} evaluations are not possible; ask for at least 1")
    if method not in _METHODS:
        raise FitError(f"method {shown(method)} is not known; choose one of {', '.join(_METHODS)}")


def _check_counts(problem: Problem) -> None:
    n, k = len(problem.rows), len(problem.space)
    if n < k:
        raise FitError(
            f"{n} measurements cannot determine {k} parameters ({', '.join(problem.space.names)}); "
            f"fix {k - n} or more of them"
        )


def _check_sensitive(objective: Objective, space: Space) -> None:
    """At a first start that can be simulated, something must depend on something."""
    here = objective.problem.predict(space.start)
    if not here.failed.any() and not here.by.any():
        raise FitError(
            f"no prediction depends on {', '.join(space.names)} at the start; "
            "is the right observable fitted, and does the start leave anything to act on?"
        )
