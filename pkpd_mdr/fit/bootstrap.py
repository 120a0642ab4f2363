"""Bootstrap: fit again to measurements drawn anew, and see how far the estimates move.

What is drawn is declared by the user, because only they know what would differ if the experiment were repeated: wells,
plates, animals, whole conditions. Or (parametric) new errors are drawn around the fitted curves.
Efron (1987), "Better bootstrap confidence intervals", J Am Stat Assoc 82:171, for BCa; the acceleration comes from the
influence of each unit on the estimate, linearised at the optimum.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from concurrent.futures import Executor, Future
from dataclasses import dataclass, field, fields, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from pkpd_mdr.arguments import COUNT, SEED, takes
from pkpd_mdr.errors import FitError, did_you_mean, shown
from pkpd_mdr.fit.curvature import pseudo_inverse
from pkpd_mdr.fit.draws import Draws
from pkpd_mdr.fit.errors import ErrorModel
from pkpd_mdr.fit.free import FloatArray
from pkpd_mdr.fit.objective import Evaluation, Objective
from pkpd_mdr.fit.problem import Rows
from pkpd_mdr.fit.scoring import polish
from pkpd_mdr.fit.search import minimise
from pkpd_mdr.run.progress import PROGRESS, Progress, reporting

if TYPE_CHECKING:
    from pkpd_mdr.fit.result import Fit

__all__ = ["Bootstrap", "bootstrap", "counted"]

IntArray = npt.NDArray[np.int64]

_FEWEST = 3  # units to draw from
_MOST = 1_000_000
_SPREAD = 1.0  # extra starts lie this many standard errors from the optimum
_MANY_FAILED = 0.05
WELLS = ("well", "replicate")
KINDS = ("percentile", "bca")


@dataclass(frozen=True, eq=False, repr=False)
class Bootstrap(Draws):
    """Estimates of all refits that ended well, as draws.

    Attributes
    ----------
    unit : str
        What was drawn; ``"errors"`` for a parametric bootstrap.
    count : int
        Units there are to draw from.
    failed : int
        Refits in which a condition could not be simulated at the end.
    reasons : tuple of str
        Of the first failures.
    estimate : mapping of str to float
        Of the fit itself.
    acceleration : mapping of str to float
        Of BCa, on the working scale.
    """

    unit: str = ""
    count: int = 0
    failed: int = 0
    reasons: tuple[str, ...] = ()
    estimate: dict[str, float] = field(default_factory=dict)
    acceleration: dict[str, float] = field(default_factory=dict)

    def interval(self, name: str, confidence: float = 0.95, *, kind: str = "percentile") -> tuple[float, float]:
        """Interval of one parameter.

        Parameters
        ----------
        name : str
        confidence : float
        kind : {"percentile", "bca"}
            BCa corrects for bias and for a spread that changes with the parameter.

        Raises
        ------
        FitError
            An unknown parameter, confidence or kind.
        """
        if kind not in KINDS:
            raise FitError(f"kind = {shown(kind)} is not known{did_you_mean(kind, KINDS)}")
        plain = super().interval(name, confidence)
        return plain if kind == "percentile" else self._corrected(name, confidence)

    def _corrected(self, name: str, confidence: float) -> tuple[float, float]:
        from scipy.stats import norm

        values = self.frame[name].to_numpy(dtype=np.float64)
        below = np.mean(values < self.estimate[name]) + 0.5 * np.mean(values == self.estimate[name])
        bias = float(norm.ppf(np.clip(below, 0.5 / len(values), 1.0 - 0.5 / len(values))))
        ends = []
        for share in ((1.0 - confidence) / 2, (1.0 + confidence) / 2):
            z = bias + float(norm.ppf(share))
            ends.append(float(norm.cdf(bias + z / (1.0 - self.acceleration[name] * z))))
        low, high = np.quantile(values, ends)
        return float(low), float(high)


@takes(FitError, n=COUNT, seed=SEED, starts=COUNT, progress=PROGRESS)
def bootstrap(
    fit: Fit,
    n: int = 500,
    *,
    unit: str | None = None,
    within: str | None = None,
    parametric: bool = False,
    seed: int = 0,
    starts: int = 1,
    executor: Executor | None = None,
    progress: Progress = False,
) -> Bootstrap:
    """Fit again n times to measurements drawn anew; see `Fit.bootstrap`."""
    _check(n, starts, unit, parametric=parametric)
    labels = None if parametric else _labels(fit, str(unit))
    strata = np.zeros(fit.n, dtype=np.int64) if within is None else _codes(_label_values(fit, within, "within"))
    if labels is not None and unit in WELLS and within is None:
        strata = fit.objective.problem.rows.member
    count = fit.n if labels is None else int(labels.max()) + 1
    if labels is not None and count < _FEWEST:
        raise FitError(
            f"there are only {count} different values of {shown(unit)}, too few to draw from; "
            "choose a smaller unit, or parametric=True"
        )
    plan = _Plan(_light(fit.objective), fit.best.point, _errors(fit), labels, strata, starts, seed)
    ends: list[_End] = []
    with reporting(progress, n, "refits", FitError) as report:
        for chunk in _run(plan, n, executor):
            ends += chunk
            report(len(ends), n)
    return _gathered(fit, ends, "errors" if labels is None else str(unit), count, labels, seed)


def _check(n: int, starts: int, unit: str | None, *, parametric: bool) -> None:
    if not 2 <= n <= _MOST:
        raise FitError(f"n = {shown(n)} refits are not possible; ask for 2 to {_MOST}")
    if starts < 1:
        raise FitError(f"starts = {shown(starts)} is not possible; 1 is the optimum alone")
    if parametric and unit is not None:
        raise FitError(f"unit = {shown(unit)} has no meaning with parametric=True, which draws errors; leave one out")
    if not parametric and unit is None:
        raise FitError(
            "unit is missing: say what would differ if the experiment were repeated, as in unit='well', "
            "unit='condition' or the name of a label such as unit='animal'; or choose parametric=True"
        )


# -- what is drawn -----------------------------------------------------------------------------------------


def _labels(fit: Fit, unit: str) -> IntArray:
    """Number of the unit that each fitted row belongs to, shape (rows,)."""
    rows = fit.objective.problem.rows
    if unit == "condition":
        return _codes(list(rows.member))
    if unit in WELLS:
        values = _label_values(fit, "replicate", "unit")
        return _codes(list(zip(rows.member.tolist(), values, strict=True)))
    return _codes(_label_values(fit, unit, "unit"))


def _label_values(fit: Fit, name: str, what: str) -> list[Any]:
    """A column of the data for each fitted row, found by condition, observable, time and source."""
    table = fit.data.table
    if name not in table.columns:
        known = [*dict.fromkeys(["condition", "well", *fit.data.conditions[0].labels])]
        raise FitError(f"{what} = {shown(name)}: the data have no such label{did_you_mean(name, known)}")
    problem = fit.objective.problem
    rows = problem.rows
    key = list(zip(table["condition"], table["observable"], table["time"], table["source_row"], strict=True))
    place = {item: i for i, item in enumerate(key)}
    column = table[name].tolist()
    return [
        column[place[problem.members[m].condition.name, rows.observable[w], t, s]]
        for m, w, t, s in zip(rows.member, rows.which, rows.time, rows.source, strict=True)
    ]


def _codes(values: list[Any]) -> IntArray:
    order = {value: i for i, value in enumerate(dict.fromkeys(values))}
    return np.array([order[value] for value in values], dtype=np.int64)


def _light(objective: Objective) -> Objective:
    """The objective without what was computed, so that it can be sent to other processes."""
    return replace(objective, worst={}, evaluations=0, _last=None)


def _errors(fit: Fit) -> FloatArray:
    """Standard errors of a point, for extra starts; a tenth of the box where there is none."""
    low, high = fit.objective.problem.space.sampling_box()
    own = fit.information.errors
    return np.where(np.isfinite(own), np.minimum(own, (high - low) / 10), (high - low) / 10)


@dataclass(frozen=True, slots=True)
class _Plan:
    """All that a worker needs."""

    objective: Objective
    point: FloatArray
    errors: FloatArray
    labels: IntArray | None
    strata: IntArray
    starts: int
    seed: int


@dataclass(frozen=True, slots=True)
class _End:
    """Where a refit ended, working scale; None with the reason where it did not."""

    u: FloatArray | None
    reason: str = ""


def _run(plan: _Plan, n: int, executor: Executor | None) -> Iterator[list[_End]]:
    if executor is None:
        for i in range(n):
            yield _refits(plan, range(i, i + 1))
        return
    size = max(1, min(50, n // 16))
    waiting: list[Future[list[_End]]] = [
        executor.submit(_refits, plan, range(i, min(i + size, n))) for i in range(0, n, size)
    ]
    for future in waiting:
        yield future.result()


def _refits(plan: _Plan, numbers: range) -> list[_End]:
    """Refits with these numbers; each has a stream of its own, so that chunks and executors change nothing."""
    return [_refit(plan, np.random.default_rng([plan.seed, number])) for number in numbers]


def _refit(plan: _Plan, rng: np.random.Generator) -> _End:
    problem, k = plan.objective.problem, len(plan.objective.problem.space)
    if plan.labels is None:
        rows = replace(problem.rows, value=_redrawn(plan, rng))
    else:
        rows = _taken(problem.rows, _resampled(plan.labels, plan.strata, rng))
    objective = replace(plan.objective, problem=replace(problem, rows=rows), worst={}, _last=None)
    try:
        with np.errstate(all="ignore"):
            best = _best(plan, objective, k, rng)
    except (ValueError, ArithmeticError, np.linalg.LinAlgError) as trouble:
        return _End(None, f"the optimiser broke ({trouble})")
    if best.prediction.failures:
        return _End(None, next(iter(best.prediction.failures.values())))
    if not (math.isfinite(best.value) and np.isfinite(best.point).all()):
        return _End(None, "the likelihood is not finite")
    return _End(best.point[:k])


def _best(plan: _Plan, objective: Objective, k: int, rng: np.random.Generator) -> Evaluation:
    best = polish(objective, plan.point)
    low, high = objective.box
    for _ in range(plan.starts - 1):
        u = np.clip(plan.point[:k] + _SPREAD * plan.errors * rng.standard_normal(k), low[:k], high[:k])
        other = polish(objective, minimise(objective, u, tolerance=1e-7, most=60).evaluation.point)
        if not other.prediction.failures and (best.prediction.failures or other.value < best.value):
            best = other
    return best


def _resampled(labels: IntArray, strata: IntArray, rng: np.random.Generator) -> IntArray:
    """Rows of as many units as there are, drawn with replacement within each stratum."""
    chosen: list[IntArray] = []
    for stratum in np.unique(strata):
        units = np.unique(labels[strata == stratum])
        for unit in rng.choice(units, len(units)):
            chosen.append(np.flatnonzero((labels == unit) & (strata == stratum)))
    return np.sort(np.concatenate(chosen))


def _taken(rows: Rows, chosen: IntArray) -> Rows:
    """Some rows, each as often as it was chosen."""
    changes = {
        item.name: getattr(rows, item.name)[chosen]
        for item in fields(rows)
        if isinstance(getattr(rows, item.name), np.ndarray)
    }
    return replace(rows, **changes)


def _redrawn(plan: _Plan, rng: np.random.Generator) -> FloatArray:
    """Measurements around the fitted curves, with errors of the fitted kind and size; limits stay where they are."""
    objective = plan.objective
    here = objective.evaluate(plan.point)
    rows, f = objective.problem.rows, here.prediction.values
    parts = objective.parts(plan.point, here.prediction)
    scale, drawn = np.exp(parts.log_w) * objective.common_scale(here), rows.value.copy()
    for i, name in enumerate(rows.observable):
        mine = np.flatnonzero((rows.which == i) & (rows.censored == 0))
        model, extra = objective.errors[name], objective.extra(plan.point, i)
        if model.discrete:
            drawn[mine] = counted(model, f[mine], rows.n[mine], extra, rng)
            continue
        z = rng.standard_normal(len(mine))
        if not model.normal:
            df = model.freedom if model.freedom is not None else math.exp(extra)
            z = z / np.sqrt(rng.chisquare(df, len(mine)) / df)
        error = scale[mine] * z
        drawn[mine] = f[mine] * np.exp(error) if model.logarithmic else f[mine] + error
    return drawn


def counted(model: ErrorModel, f: FloatArray, n: FloatArray, extra: float, rng: np.random.Generator) -> FloatArray:
    """Means of n counts, or fractions of n."""
    mean = np.maximum(f * model.unit, model.least)
    if model.kind == "negative_binomial":
        alpha = math.exp(extra)
        return rng.poisson(n * mean * rng.gamma(n / alpha, alpha / n)) / n / model.unit
    share = np.minimum(mean, 1.0 - model.least)
    if model.kind == "beta_binomial":
        size = math.exp(extra)  # (1 - rho)/rho
        share = rng.beta(share * size, (1.0 - share) * size)
    return rng.binomial(np.round(n).astype(np.int64), share) / n / model.unit


# -- what came out -------------------------------------------------------------------------------------------


def _gathered(fit: Fit, ends: list[_End], unit: str, count: int, labels: IntArray | None, seed: int) -> Bootstrap:
    space = fit.objective.problem.space
    good = [space.values(end.u) for end in ends if end.u is not None]
    reasons = tuple(dict.fromkeys(end.reason for end in ends if end.u is None))[:5]
    failed = len(ends) - len(good)
    if len(good) < 2:
        raise FitError(f"{failed} of {len(ends)} refits failed, so nothing can be said; the first: {reasons[0]}")
    notes = [f"{len(ends)} refits, drawn by {unit} from {count}"]
    if failed:
        notes.append(f"{failed} of them failed and are left out; the first: {reasons[0]}")
    if failed > _MANY_FAILED * len(ends):
        notes.append("so many failures bias the intervals: look at the reasons before you use them")
    notes += [f"{item.name} is at its {item.at_bound} bound in the fit" for item in fit.found.items if item.at_bound]
    acceleration = _acceleration(fit, np.arange(fit.n) if labels is None else labels)
    return Bootstrap(
        space.frame(np.array(good)),
        space.units,
        seed,
        tuple(notes),
        groups=space.groups,
        unit=unit,
        count=count,
        failed=failed,
        reasons=reasons,
        estimate=fit.values,
        acceleration=dict(zip(space.units, map(float, acceleration), strict=True)),
    )


def _acceleration(fit: Fit, labels: IntArray) -> FloatArray:
    """Skewness of the influence of each unit, over six, shape (k + tied,)."""
    space = fit.objective.problem.space
    k = len(space)
    residuals, jacobian = fit.best.residuals[: fit.n], fit.best.jacobian[: fit.n]
    scores = np.zeros((int(labels.max()) + 1, jacobian.shape[1]))
    np.add.at(scores, labels, -jacobian * residuals[:, None])
    influence = (scores @ pseudo_inverse(jacobian.T @ jacobian))[:, :k]
    influence = np.hstack([influence, influence @ space.chain(fit.best.point[:k])[k:].T])
    influence = influence - influence.mean(axis=0)
    squares = np.sum(influence**2, axis=0)
    cubes = np.sum(influence**3, axis=0)
    return np.array([c / (6.0 * q**1.5) if q > 0 else 0.0 for c, q in zip(cubes, squares, strict=True)])
