"""The next experiment: which of many candidate conditions would teach most.

For one model the measure is its Fisher information, from the exact sensitivities of the engine: what the parameters,
one of them, a prediction or a decision would be known to after the candidate was measured (Atkinson, Donev and Tobias
2007, "Optimum Experimental Designs, with SAS"). For rival models it is the evidence that the candidate is expected to
give against the wrong one after that has been fitted again; see `rivals`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from pkpd_mdr.arguments import COUNT, FLAG, TEXT, takes
from pkpd_mdr.errors import FitError, did_you_mean, shown
from pkpd_mdr.fit.bands import working_points
from pkpd_mdr.fit.choosing import choose, criterion_of
from pkpd_mdr.fit.draws import Draws
from pkpd_mdr.fit.free import FloatArray, FreeLike, Space, read_free
from pkpd_mdr.fit.information import inform
from pkpd_mdr.fit.planning import NoiseLike, Planned, plan_problem, read_plans
from pkpd_mdr.fit.result import Fit
from pkpd_mdr.fit.rivals import TITLE, discriminate
from pkpd_mdr.fit.sight import Sight, View, prior_precision, sight_of_fit, sight_of_model
from pkpd_mdr.model import Model

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["NextExperiment", "next_experiment"]

_CRITERIA = ("D", "A", "c")
_RIDGE = 1e-9  # of the mean information, where neither data nor bounds make a first matrix regular
_MOST_SIZE = 1000
Target = str | Planned | tuple[Planned, Planned]


@dataclass(frozen=True, eq=False)
class NextExperiment:
    """Candidates ranked, and the best set of them.

    Attributes
    ----------
    table : DataFrame
        Index is the candidate, best first. For one model: measurements, gain (of the criterion, when it is added
        alone; 0.1 means errors smaller by ten percent on average), gain_per_measurement, efficiency (relative to the
        best one). For rivals: measurements, evidence (expected log-likelihood ratio of the pair that is hardest to
        tell apart), and one column a pair.
    chosen : tuple of str
        The best set of the size that was asked for, repeats included.
    errors : DataFrame
        Of the parameters: relative se before and after the chosen set is measured; for rivals evidence of each pair.
    criterion : str
    failed : mapping of str to str
        Candidates that cannot be simulated, with the reason.
    """

    table: pd.DataFrame
    chosen: tuple[str, ...]
    errors: pd.DataFrame
    criterion: str
    failed: Mapping[str, str]

    @property
    def best(self) -> str:
        """The best single candidate."""
        return str(self.table.index[0])

    def plot(self, *, ax: Axes | None = None, most: int = 15) -> Axes:
        """Candidates as bars; see `pkpd_mdr.plot.knowledge`."""
        from pkpd_mdr.plot.knowledge import plot_next

        return plot_next(self, ax=ax, most=most)

    def __str__(self) -> str:
        counted = Counter(self.chosen)
        wanted = ", ".join(f"{count} x {name!r}" if count > 1 else repr(name) for name, count in counted.items())
        lines = [f"Next experiment ({self.criterion}): {wanted}", self.errors.to_string(float_format=_short)]
        lines.append(self.table.head(10).to_string(float_format=_short))
        lines += [f"cannot be simulated: {name}: {why}" for name, why in self.failed.items()]
        return "\n".join(lines)

    __repr__ = __str__

    def _repr_html_(self) -> str:
        return self.errors.to_html(escape=True, float_format=_short) + self.table.to_html(
            escape=True, float_format=_short
        )


def _short(value: float) -> str:
    return f"{value:.3g}"


@takes(FitError, criterion=TEXT, size=COUNT, repeats=FLAG)
def next_experiment(
    known: Fit | Model | Mapping[str, Fit],
    candidates: Planned | Sequence[Planned],
    *,
    criterion: str = "D",
    of: Target | None = None,
    size: int = 1,
    repeats: bool = True,
    free: FreeLike | None = None,
    base: Planned | Sequence[Planned] | None = None,
    noise: NoiseLike | None = None,
    draws: Draws | None = None,
    bounds_count: bool = True,
) -> NextExperiment:
    """Which candidates to measure next.

    Parameters
    ----------
    known : Fit, Model, or mapping of label to Fit
        A fit: what its data have taught is there already. A model: before any data. Several fits of rival models to the
        same data: which candidate would tell them apart.
    candidates : sequence of Planned
        Doses, times, mixing ratios (as covariates), schedules: whatever differs.
    criterion : {"D", "A", "c"}
        All parameters by the volume of their confidence region, by their mean variance, or one target. Not for rivals.
    of : str, Planned, or (Planned, Planned), for "c"
        A free parameter; a prediction, as a plan with one output at one time; or a decision, as two such plans: the
        target is then the logarithm of their ratio, so the question is which of two treatments leaves less.
    size : int
        How many candidates to choose together.
    repeats : bool
        Whether a candidate may be chosen more than once.
    free : mapping or sequence of str, for a model
        As for `fit`.
    base : Planned or sequence of Planned, optional, for a model
        What will be measured anyway.
    noise : (str, quantity) or mapping of output to such pairs
        Kind and size of the error of one measurement; a fit knows its own.
    draws : Draws, optional
        Average over these, so that the choice does not hang on one guess of the parameters; some ten to fifty are
        enough. Rivals are always averaged over twenty draws of their own.
    bounds_count : bool
        Let the bounds of free parameters count as knowledge (a uniform density on the working scale).

    Returns
    -------
    NextExperiment

    Raises
    ------
    FitError
        An unknown criterion or target, noise missing, or no candidate that can be simulated.

    Examples
    --------
    Michaelis and Menten's curve is known best from the highest dose and one at ``half*top/(2*half + top)``.

    >>> import pkpd_mdr as mdr
    >>> curve = mdr.Model(
    ...     mdr.observable("y", "top*dose/(half + dose)"),
    ...     mdr.parameter("dose", 1.0), mdr.parameter("top", 1.0), mdr.parameter("half", 5.0),
    ... )
    >>> plans = [mdr.planned(f"dose {d}", observables="y", covariates={"dose": d}) for d in (1, 2.5, 4, 7, 10)]
    >>> options = {"free": ["top", "half"], "noise": ("additive", 0.1), "bounds_count": False}
    >>> sorted(mdr.next_experiment(curve, plans, size=2, **options).chosen)
    ['dose 10', 'dose 2.5']
    """
    plans = read_plans(candidates, "next_experiment, candidates")
    if not 1 <= size <= _MOST_SIZE:
        raise FitError(f"size = {size} is not possible; choose 1 to {_MOST_SIZE}")
    if not repeats and size > len(plans):
        raise FitError(f"size = {size}, but there are only {len(plans)} candidates and repeats = False")
    if isinstance(known, Mapping):
        _refuse_for_rivals(known, of=of, free=free, base=base, draws=draws)
        ranked = discriminate(known, plans, noise=noise, size=size, repeats=repeats)
        return NextExperiment(ranked.table, ranked.chosen, ranked.pairs, TITLE, ranked.failed)
    if criterion not in _CRITERIA:
        raise FitError(f"criterion {shown(criterion)} is not known; choose 'D', 'A' or 'c'")
    if (criterion == "c") != (of is not None):
        raise FitError("criterion 'c' is of one target: give both, as in criterion='c', of='ec50_dox_S'")
    setting = _Setting.of(known, plans, free, base, noise, draws, bounds_count=bounds_count)
    return _estimating(setting, criterion, of, size, repeats=repeats)


def _refuse_for_rivals(known: Mapping[str, Fit], **given: Any) -> None:
    for name, value in given.items():
        if value is not None:
            raise FitError(f"{name} has no meaning for rival fits, which are told apart; leave it out")
    for label, item in known.items():
        if not isinstance(item, Fit):
            raise FitError(f"the rival {shown(label)} is {shown(item)}, not a Fit")
    if len(known) < 2:
        raise FitError(f"{len(known)} fit has no rival; give two or more, or the fit itself")


# -- one model ---------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Setting:
    """Candidates seen from each draw, and what is known already.

    Attributes
    ----------
    model : Model
    space : Space
    points : ndarray, shape (draws, k)
    before : ndarray, shape (draws, k, k)
        Information in relative coordinates.
    gains : ndarray, shape (candidates, draws, k, k)
    scale : ndarray, shape (draws, k)
        Working by relative coordinate.
    sizes : list of int
    names : list of str
    failed : dict of str to str
    """

    model: Model
    space: Space
    points: FloatArray
    before: FloatArray
    gains: FloatArray
    scale: FloatArray
    sizes: list[int]
    names: list[str]
    failed: dict[str, str]

    @classmethod
    def of(
        cls,
        known: Fit | Model,
        plans: tuple[Planned, ...],
        free: FreeLike | None,
        base: Planned | Sequence[Planned] | None,
        noise: NoiseLike | None,
        draws: Draws | None,
        *,
        bounds_count: bool,
    ) -> _Setting:
        """What plans can tell, from a fit or from a model with what is free in it."""
        if isinstance(known, Fit):
            _refuse(free is not None or base is not None, "free and base come from the fit; leave them out")
            _refuse(
                known.objective.exact(known.best),
                "the fit meets every measurement exactly, without error; give the model with free=, noise= and base=",
            )
            space, model = known.found.space, known.model
            sight = sight_of_fit(known, plans, noise)
            points = _points(space, draws, known.best.point)
            before = np.array([_information_of(known, u) for u in points])
        else:
            _refuse(not isinstance(known, Model), f"{shown(known)} is no fit and no model")
            _refuse(free is None, "a model needs free=, the parameters that are to be known")
            _refuse(noise is None, "a model needs noise=, as in noise=('lognormal', 0.1)")
            assert free is not None
            assert noise is not None
            space, model = read_free(known, free), known
            sight = sight_of_model(model, plans, space, noise)
            points = _points(space, draws, space.start)
            before = np.zeros((len(points), len(space), len(space)))
            if base is not None:
                there = sight_of_model(model, read_plans(base, "next_experiment, base"), space, noise)
                before = before + np.array([_total(there, u) for u in points])
        return cls._joined(model, space, sight, points, before, bounds_count=bounds_count)

    @classmethod
    def _joined(
        cls, model: Model, space: Space, sight: Sight, points: FloatArray, before: FloatArray, *, bounds_count: bool
    ) -> _Setting:
        if bounds_count:
            before = before + np.diag(prior_precision(space))
        scale = np.array([_scale(space, u) for u in points])
        views, failed = _seen(sight, points)
        kept = [i for i, plan in enumerate(sight.plans) if plan.name not in failed]
        gains = np.array([[row[i].information for row in views] for i in kept])
        square = scale[:, :, None] * scale[:, None, :]
        before, gains = before * square, gains * square
        typical = np.trace(gains.mean(axis=0) + before, axis1=-2, axis2=-1) / len(space)
        before = before + _RIDGE * typical[:, None, None] * np.eye(len(space))
        names = [sight.plans[i].name for i in kept]
        return cls(model, space, points, before, gains, scale, [len(sight.plans[i]) for i in kept], names, failed)


def _refuse(bad: bool, sentence: str) -> None:
    if bad:
        raise FitError(f"next_experiment: {sentence}")


def _points(space: Space, draws: Draws | None, centre: FloatArray) -> FloatArray:
    return centre[None, : len(space)] if draws is None else working_points(space, draws, centre)


def _information_of(fit: Fit, u: FloatArray) -> FloatArray:
    """What the data of a fit tell if the parameters are u."""
    point = fit.best.point.copy()
    if np.allclose(u, point[: len(u)], rtol=0, atol=1e-12):
        return fit.information.matrix
    point[: len(u)] = u
    here = fit.objective.evaluate(point)
    return fit.information.matrix if here.prediction.failures else inform(fit.objective, here).matrix


def _total(sight: Sight, u: FloatArray) -> FloatArray:
    found = np.zeros((len(u), len(u)))
    for plan, view in zip(sight.plans, sight.views(u), strict=True):
        if isinstance(view, str):
            raise FitError(f"base: {shown(plan.name)} cannot be simulated: {view}")
        found += view.information
    return found


def _scale(space: Space, u: FloatArray) -> FloatArray:
    """Working by relative coordinate: 1 for logarithms, the size of the value for others."""
    values = space.values(u)
    return np.array([1.0 if item.log else abs(float(x)) or 1.0 for item, x in zip(space.free, values, strict=True)])


def _seen(sight: Sight, points: FloatArray) -> tuple[list[list[Any]], dict[str, str]]:
    views: list[list[View | str]] = [sight.views(u) for u in points]
    failed: dict[str, str] = {}
    for row in views:
        for plan, view in zip(sight.plans, row, strict=True):
            if isinstance(view, str):
                failed.setdefault(plan.name, view)
    if len(failed) == len(sight.plans):
        name, why = next(iter(failed.items()))
        raise FitError(f"no candidate can be simulated; the first, {shown(name)}: {why}")
    return views, failed


def _estimating(setting: _Setting, criterion: str, of: Target | None, size: int, *, repeats: bool) -> NextExperiment:
    target = None if of is None else np.array([_gradient(setting, of, i) for i in range(len(setting.points))])
    worth = criterion_of(criterion, target)

    def score(chosen: Sequence[int]) -> FloatArray:
        """Worth of a plan with each candidate added to those chosen, shape (candidates,)."""
        return worth(setting.before + setting.gains[list(chosen)].sum(axis=0) + setting.gains)

    chosen, _ = choose(score, size, repeats=repeats)
    gain = score([]) - worth(setting.before)
    sizes = np.array(setting.sizes)
    table = pd.DataFrame(
        {
            "measurements": sizes,
            "gain": gain,
            "gain_per_measurement": gain / sizes,
            "efficiency": np.exp(gain - gain.max()),
        },
        index=pd.Index(setting.names, name="candidate"),
    ).sort_values("gain", ascending=False, kind="stable")
    after = setting.before + setting.gains[chosen].sum(axis=0)
    named = criterion if of is None else f"c-optimal for {_named(of)}"
    title = {"D": "D-optimal", "A": "A-optimal"}.get(criterion, named)
    errors = _errors(setting, after, target, of)
    return NextExperiment(table, tuple(setting.names[i] for i in chosen), errors, title, setting.failed)


def _errors(setting: _Setting, after: FloatArray, target: FloatArray | None, of: Target | None) -> pd.DataFrame:
    """Relative standard errors before and after, root mean square over draws."""
    rows = {}
    for j, name in enumerate(setting.space.names):
        unit = np.zeros((len(setting.points), len(setting.space)))
        unit[:, j] = 1.0
        rows[name] = (_error(setting.before, unit), _error(after, unit))
    if target is not None and of is not None and not isinstance(of, str):
        rows[_named(of)] = (_error(setting.before, target), _error(after, target))
    frame = pd.DataFrame.from_dict(rows, orient="index", columns=["relative_se_before", "relative_se_after"])
    frame["ratio"] = frame["relative_se_after"] / frame["relative_se_before"]
    frame.index.name = "target"
    return frame


def _error(matrices: FloatArray, gradient: FloatArray) -> float:
    solved = np.linalg.solve(matrices, gradient[..., None])[..., 0]
    return float(np.sqrt(np.mean(np.sum(gradient * solved, axis=-1))))


def _named(of: Target) -> str:
    if isinstance(of, str):
        return of
    if isinstance(of, Planned):
        return f"{of.observables[0]} in {of.name}"
    return f"{of[0].name} against {of[1].name}"


def _gradient(setting: _Setting, of: Target, draw: int) -> FloatArray:
    """Of the logarithm of the target, relative coordinates, shape (k,)."""
    names = setting.space.names
    if isinstance(of, str):
        if of not in names:
            raise FitError(f"of = {shown(of)} is not free{did_you_mean(of, names)}")
        return np.asarray(np.eye(len(names))[names.index(of)])
    pair = [of] if isinstance(of, Planned) else list(of) if isinstance(of, (tuple, list)) else []
    if len(pair) not in (1, 2) or not all(isinstance(item, Planned) and len(item) == 1 for item in pair):
        raise FitError(
            f"of = {shown(of)} is no target; give a free parameter, "
            "a plan with one output at one time, or two such plans"
        )
    signs = (1.0, -1.0)
    parts = [sign * _logarithmic(setting, plan, draw) for sign, plan in zip(signs, pair, strict=False)]
    found = np.sum(parts, axis=0) * setting.scale[draw]
    if not np.abs(found).max() > 0:
        raise FitError(f"of = {_named(of)} depends on no free parameter")
    return np.asarray(found)


def _logarithmic(setting: _Setting, plan: Planned, draw: int) -> FloatArray:
    problem = plan_problem(setting.model, [plan], setting.space)
    prediction = problem.predict(setting.points[draw])
    for sentence in prediction.failures.values():
        raise FitError(f"of: {shown(plan.name)} cannot be simulated: {sentence}")
    value = float(prediction.values[0])
    if not value > 0:
        raise FitError(f"of: {plan.observables[0]} in {shown(plan.name)} is {value:g}, which has no logarithm")
    return np.asarray(prediction.by[0] / value)
