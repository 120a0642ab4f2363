"""`fit`: find the parameters under which a model agrees best with data."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from pkpd_mdr.arguments import COUNT, SEED, TABLE, TEXT, takes
from pkpd_mdr.data import Data
from pkpd_mdr.engine import Accuracy
from pkpd_mdr.errors import FitError, shown
from pkpd_mdr.fit.doubts import doubts
from pkpd_mdr.fit.errors import ErrorLike, read_errors
from pkpd_mdr.fit.estimates import estimate_all
from pkpd_mdr.fit.free import FreeLike, Space, read_free
from pkpd_mdr.fit.grouping import PerLike, split_by_groups
from pkpd_mdr.fit.information import inform
from pkpd_mdr.fit.lmfit_table import from_lmfit
from pkpd_mdr.fit.objective import Evaluation, Objective
from pkpd_mdr.fit.posing import pose
from pkpd_mdr.fit.priors import PriorLike, read_priors
from pkpd_mdr.fit.problem import Prediction
from pkpd_mdr.fit.readout import ReadoutLike, read_readouts
from pkpd_mdr.fit.result import Fit
from pkpd_mdr.fit.scoring import Found
from pkpd_mdr.fit.search import Search, best_of, draw_starts
from pkpd_mdr.fit.starting import StartLike
from pkpd_mdr.fit.tying import TiedLike, check_declared, tie
from pkpd_mdr.model import Model
from pkpd_mdr.run import provenance
from pkpd_mdr.run.progress import PROGRESS, Progress, reporting
from pkpd_mdr.run.simulate import ACCURACY, MODEL

__all__ = ["fit"]

_MOST_STARTS = 100_000
_METHODS = ("auto", "leastsq", "least_squares")
_SAMPLINGS = ("latin_hypercube", "sobol")


@takes(
    FitError,
    model=MODEL,
    starts=COUNT,
    seed=SEED,
    observables=TABLE,
    scale=TABLE,
    relative_to=TABLE,
    per=TABLE,
    tied=TABLE,
    priors=TABLE,
    readout=TABLE,
    sampling=TEXT,
    method=TEXT,
    most=COUNT,
    accuracy=ACCURACY,
    progress=PROGRESS,
)
def fit(
    model: Model,
    data: Data,
    free: FreeLike,
    *,
    per: PerLike = None,
    tied: TiedLike = None,
    error: ErrorLike = "additive",
    priors: Mapping[str, PriorLike] | None = None,
    readout: ReadoutLike = None,
    starts: int = 10,
    sampling: str = "latin_hypercube",
    seed: int = 0,
    observables: Mapping[str, str] | None = None,
    start: StartLike = None,
    scale: Mapping[str, str] | None = None,
    relative_to: Mapping[str, str] | None = None,
    method: str = "auto",
    most: int = 200,
    accuracy: Accuracy | None = None,
    progress: Progress = False,
    resume: Fit | None = None,
) -> Fit:
    """Fit a model to data by maximum likelihood, or with priors to the mode of the posterior.

    Parameters
    ----------
    model : Model
        Its parameter values are the first start, and stay where they are not free.
    data : Data
        Each condition becomes one simulation under its regimen, with its covariates as parameter values.
    free : mapping, sequence of str, or lmfit.Parameters
        Parameter to (lower, upper) or (lower, start, upper), in any unit of its dimension: ``{"ec50_dox_S":
        ("1 nM", "10 uM"), "R0_share": (0, 0.5)}``. None, or a plain list of names, takes the model's bounds, or a
        factor 1e4 around the value of a positive parameter that has none. In a table of lmfit's, numbers are in
        declared units; what does not vary is fixed there.
    per : mapping of str to str or sequence of str, optional
        Free parameters that differ between groups of conditions: ``{"ec50_dox_S": "line"}`` fits one for each value of
        the label (or covariate, or ``"condition"``), named ``ec50_dox_S[231]``. All others are shared. Groups may have
        bounds of their own: ``free={"ec50_dox_S": {"231": ("1 nM", "1 uM"), "SUM149": ("10 nM", "10 uM")}}``.
    tied : mapping of str to str, optional
        Parameters that follow from free ones: ``{"ec50_dox_R": "fold*ec50_dox_S"}``, where fold is free, too, and
        declared as any number of one's own, ``mdr.parameter("fold", 10)``. Names are those of the model; units of the
        formula are checked and converted. Where what it names differs between groups, so does what is tied; one group
        may follow another, ``{"ec50_dox_S[res]": "fold*ec50_dox_S[par]"}``. Ties chain: a formula may name what is tied
        itself, in any order; a circle is refused. The estimates, models, draws and profiles of the fit hold it, as they
        hold what is free.
    error : str, or mapping of observable to str
        ``"additive"``, ``"proportional"``, ``"combined"``, ``"lognormal"``, ``"poisson"``, ``"relative"``, ``"sd"``
        (those of the data, as they stand), ``"sd_scaled"`` (those of the data, up to an estimated common factor),
        ``"student_t"`` (robust; also `student_t`), ``"negative_binomial"`` (counts), ``"binomial"`` or
        ``"beta_binomial"`` (fractions of n cells). Measurements beyond a limit of quantification count with the
        probability of that (method M3). Likelihoods of all of them compare, as densities of the measurement.
    priors : mapping, optional
        What is known before the data: ``{"CL": ("lognormal", "5 L/h", 0.3), "V1": ("normal", "17 L", "3 L")}``, median
        and sd of the logarithm, or mean and sd. The estimate is then the mode of the posterior, on the scale on which
        the prior is normal; log-likelihood and AIC stay those of the data alone.
    readout : mapping, optional
        Observables known up to a factor: ``{"signal": "scale"}``, ``"scale+offset"``, or with a label
        ``("scale", "plate")`` for one on each plate. They are solved for exactly at each point.
    starts : int
        How many: the model's own values, then points in the bounds.
    sampling : {"latin_hypercube", "sobol"}
        How these points are spread. More starts of a Sobol sequence begin with the same ones.
    seed : int
        Of the points.
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
        ``"auto"`` is damped scoring, all starts side by side. The others are lmfit's, one start after another, where
        the likelihood is a sum of squares.
    most : int
        Most evaluations from one start.
    accuracy : Accuracy, optional
        Of the simulations.
    progress : bool or callable
        True shows a bar (needs tqdm); a function is called with (starts done, starts, minus twice log-likelihood up to
        a constant).
    resume : Fit, optional
        An earlier fit of the same model to the same data: starts that ended are kept, interrupted ones go on, and more
        are added where `starts` is larger.

    Returns
    -------
    Fit

    Notes
    -----
    An interrupt from the keyboard (or an error out of `progress`) carries the fit as it stands in ``.partial``, to be
    looked at or handed to `resume`.

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
    _check_choices(data, starts, most, method, sampling)
    model, free = from_lmfit(model, free, tied)
    check_declared(model, free, tied)
    space = read_priors(priors, split_by_groups(read_free(model, free, scale, grouped=per or ()), per, data))
    space = tie(space, tied, model, data, start if isinstance(start, Mapping) else ())
    problem = pose(model, data, space, observables=observables, start=start, relative_to=relative_to, accuracy=accuracy)
    problem = read_readouts(readout, problem)
    objective = Objective(problem, read_errors(error, data, problem.rows.place))
    _check_counts(objective)
    _check_method(objective, method)
    points = draw_starts(space, starts, seed, sampling)
    problem.notes += doubts(problem, _sensitive_start(objective, space))
    search = Search(objective, points, most=most, before=_before(resume, objective))
    try:
        with reporting(progress, len(points), "starts", FitError) as report:
            search.run(report, method=method)
    except BaseException as stop:
        found = search.so_far()
        if found and found[0].finished:
            partial = _result(objective, found, found[0].evaluation, seed)
            setattr(stop, "partial", partial)  # noqa: B010  KeyboardInterrupt has no such attribute of its own
        raise
    found = search.so_far()
    return _result(objective, found, best_of(objective, found), seed)


def _before(resume: Fit | None, objective: Objective) -> Sequence[Found]:
    """Starts of an earlier fit, which must be of the same question."""
    if resume is None:
        return ()
    if not isinstance(resume, Fit):
        raise FitError(f"resume is {shown(resume)}, not a Fit; hand in the .partial of an interrupt, or an earlier fit")
    earlier, now = resume.objective, objective
    differences = [
        ("data", earlier.problem.data.content_hash != now.problem.data.content_hash),
        ("model", earlier.problem.model.content_hash != now.problem.model.content_hash),
        ("free parameters, ties, bounds or priors", earlier.problem.space != now.problem.space),
        ("error models", dict(earlier.errors) != dict(now.errors)),
        ("readouts", earlier.problem.readouts != now.problem.readouts),
        ("accuracy", earlier.problem.accuracy != now.problem.accuracy),
    ]
    for what, differ in differences:
        if differ:
            raise FitError(f"resume has other {what} than this fit; start afresh without resume=")
    return resume.starts


def _result(objective: Objective, ranked: list[Found], best: Evaluation, seed: int) -> Fit:
    problem = objective.problem
    space = problem.space
    information = inform(objective, best)
    u = best.point[: len(space)]
    origin = provenance() | {"seed": seed, "model": problem.model.content_hash, "data": problem.data.content_hash}
    found = estimate_all(space, u, information, origin)
    return Fit(found.apply_shared(problem.model), problem.data, found, information, tuple(ranked), objective, best)


def _check_choices(data: Data, starts: int, most: int, method: str, sampling: str) -> None:
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
    if sampling not in _SAMPLINGS:
        raise FitError(f"sampling {shown(sampling)} is not known; choose one of {', '.join(_SAMPLINGS)}")


def _check_method(objective: Objective, method: str) -> None:
    if method != "auto" and not objective.least_squares:
        raise FitError(
            f"method {shown(method)} minimises a sum of squares, which these error models, limits of quantification "
            "or priors do not make; leave method out"
        )


def _check_counts(objective: Objective) -> None:
    space, readouts = objective.problem.space, objective.readout_parameters
    n, k = len(objective.problem.rows) + objective.priors, len(space) + readouts
    if n < k:
        names = [*space.names, *objective.problem.readouts]
        raise FitError(
            f"{len(objective.problem.rows)} measurement{'s' * (len(objective.problem.rows) != 1)} cannot determine "
            f"{k} parameters ({', '.join(names)}); "
            f"fix {k - n} or more of them"
        )


def _sensitive_start(objective: Objective, space: Space) -> Prediction:
    """The prediction at the first start; where that can be simulated, something must depend on something."""
    here = objective.problem.predict(space.start)
    if not here.failed.any() and not here.by.any() and not objective.priors:
        raise FitError(
            f"no prediction depends on {', '.join(space.names)} at the start; "
            "is the right observable fitted, and does the start leave anything to act on?"
        )
    return here
