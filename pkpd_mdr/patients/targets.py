"""Cohorts that match what a trial reported: weights as even as the reported numbers allow.

Every reported number is the mean of a function over patients: a median of 7.5 months says that half of them are at or
below it. Among all weights that give these means, those nearest to equal ones (in Kullback-Leibler divergence) are
``w_i ~ exp(sum_k a_k g_k(i))``; the multipliers minimise a convex function (entropy balancing, Hainmueller 2012,
Polit Anal 20:25; derived here from the dual). Keeping a patient with a probability in proportion to its weight is the
acceptance of virtual patients of Allen et al. 2016 (CPT Pharmacometrics Syst Pharmacol 5:140).
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from pkpd_mdr.arguments import COUNT, NUMBER, TABLE, TEXT, Kind, listed, takes
from pkpd_mdr.engine import Accuracy
from pkpd_mdr.engine.lowering import FloatArray
from pkpd_mdr.errors import DataError, UnitError, did_you_mean, shown
from pkpd_mdr.model import Model
from pkpd_mdr.patients.balancing import NOTHING, balanced
from pkpd_mdr.patients.cohort import Cohort
from pkpd_mdr.run import Endpoint, endpoint, simulate_many
from pkpd_mdr.run.many import Plan
from pkpd_mdr.run.measuring import Measure
from pkpd_mdr.units import Quantity, QuantityLike, Unit, quantity

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["Reweighted", "Target", "match_targets", "target"]

_MOST = 10_000_000
_FEW = 0.1  # effective share of the cohort below which a note says so
_MODEL = Kind.of(Model, words="a model; build one with Model(...)")
_COHORT = Kind.of(Cohort, words="a cohort; draw one with patients(...)")


@dataclass(frozen=True, slots=True)
class Target:
    """What a trial reported of one quantity; made by `target`.

    Attributes
    ----------
    of : str or Endpoint
        An endpoint, or a column of the cohort.
    quantiles : tuple of (float, Quantity)
        Share of the patients at or below a value.
    mean, sd : Quantity or None
    shares : tuple of (str, Quantity, float)
        ``"above"`` or ``"below"``, a level, and the share of patients there.
    arm : str or None
        Under which arm; None where there is one.
    """

    of: str | Endpoint
    quantiles: tuple[tuple[float, Quantity], ...] = ()
    mean: Quantity | None = None
    sd: Quantity | None = None
    shares: tuple[tuple[str, Quantity, float], ...] = ()
    arm: str | None = None

    @property
    def name(self) -> str:
        """Of the endpoint or the column."""
        return self.of if isinstance(self.of, str) else self.of.name


@takes(DataError, quantiles=TABLE, share=NUMBER, arm=TEXT)
def target(
    of: str | Endpoint,
    *,
    median: QuantityLike | None = None,
    quartiles: Sequence[QuantityLike] | None = None,
    quantiles: Mapping[float, QuantityLike] | None = None,
    mean: QuantityLike | None = None,
    sd: QuantityLike | None = None,
    share: float | None = None,
    above: QuantityLike | None = None,
    below: QuantityLike | None = None,
    arm: str | None = None,
) -> Target:
    """A reported summary that a cohort should have.

    Parameters
    ----------
    of : str or Endpoint
        An endpoint (see `pkpd_mdr.endpoint`), or a column of the cohort such as ``"WT"``.
    median : quantity, optional
        ``"7.5 month"``; a bare number is in the unit of the endpoint or the column.
    quartiles : (quantity, quantity), optional
        The first and the third.
    quantiles : mapping of float to quantity, optional
        Share to value: ``{0.1: "2 month"}``.
    mean, sd : quantity, optional
        A standard deviation needs its mean.
    share : float, optional
        Share of the patients `above` or `below` a level: ``target("best_response", share=0.6, above=0.3)`` is a
        response rate of 60 %, where a response is a shrinkage by more than 30 %.
    above, below : quantity, optional
        The level.
    arm : str, optional
        Under which arm it was reported; may be left out where there is one.

    Returns
    -------
    Target

    Raises
    ------
    DataError
        Nothing is reported, a share outside 0 to 1, one without a level, or values that are not in order.

    Examples
    --------
    >>> len(target("time_to_progression", median="7.5 month", quartiles=("4 month", "12 month")).quantiles)
    3
    """
    if not isinstance(of, (str, Endpoint)):
        raise DataError(f"target(): of is {shown(of)}; name an endpoint or a column, such as 'time_to_progression'")
    name = of if isinstance(of, str) else of.name
    found: dict[float, Any] = {}
    if median is not None:
        found[0.5] = median
    if quartiles is not None:
        ends = listed(quartiles)
        if ends is None or len(ends) != 2:
            raise DataError(f"target({name!r}): quartiles is {shown(quartiles)}; give the first and the third")
        found |= {0.25: ends[0], 0.75: ends[1]}
    found |= dict(quantiles or {})
    points = [(_share(name, p), quantity(value, f"target({name!r})")) for p, value in found.items()]
    points.sort(key=lambda point: point[0])
    _ordered(name, points)
    if sd is not None and mean is None:
        raise DataError(f"target({name!r}): sd= needs mean=")
    levels = [(side, level) for side, level in (("above", above), ("below", below)) if level is not None]
    if (share is None) != (not levels) or len(levels) > 1:
        raise DataError(f"target({name!r}): share= goes with one of above= and below=, as in share=0.6, above=0.3")
    shares = tuple((side, quantity(level, f"target({name!r})"), _share(name, share)) for side, level in levels)
    if not (points or mean is not None or shares):
        raise DataError(f"target({name!r}) reports nothing; give median=, quartiles=, mean= or share=")
    spread = None if sd is None else quantity(sd, f"target({name!r}): sd")
    if spread is not None and not spread.value > 0:
        raise DataError(f"target({name!r}): sd is {shown(sd)}; it has to be above zero")
    centre = None if mean is None else quantity(mean, f"target({name!r}): mean")
    return Target(of, tuple(points), centre, spread, shares, arm)


def _share(name: str, given: Any) -> float:
    if not NUMBER.fits(given) or not 0 < given < 1:
        raise DataError(f"target({name!r}): {shown(given)} is no share of patients between 0 and 1")
    return float(given)


def _ordered(name: str, points: Sequence[tuple[float, Quantity]]) -> None:
    values = [value for _, value in points]
    if all(value.unit.like(values[0].unit) for value in values) and any(
        not first.internal < second.internal for first, second in pairwise(values)
    ):
        told = ", ".join(f"{p:.0%}: {value}" for p, value in points)
        raise DataError(f"target({name!r}): quantiles grow with their share, but {told} do not")


@dataclass(frozen=True, eq=False)
class Reweighted:
    """A cohort with weights under which it has what was reported; made by `match_targets`.

    Attributes
    ----------
    cohort : Cohort
    weights : ndarray, shape (patients,)
        They sum to 1; zero for patients that could not be simulated.
    table : DataFrame
        One row a reported number: what, arm, unit, wanted, before (equal weights) and after.
    effective : float
        Effective number of patients, ``1/sum(w**2)`` (Kish).
    notes : tuple of str
    """

    cohort: Cohort
    weights: FloatArray
    table: pd.DataFrame
    effective: float
    notes: tuple[str, ...] = ()

    def resampled(self, n: int | None = None, *, seed: int = 0) -> Cohort:
        """Equally weighted patients, drawn with repeats in proportion to their weights (systematic resampling).

        Parameters
        ----------
        n : int, optional
            As many as the cohort has if left out.
        seed : int

        Raises
        ------
        DataError
            `n` is no whole number above zero.
        """
        size = len(self.cohort) if n is None else n
        if not COUNT.fits(size) or not 0 < size <= _MOST:
            raise DataError(f"resampled(): n is {shown(n)}; write a whole number from 1 to {_MOST}, such as 500")
        start = np.random.default_rng(seed).random()
        marks = (start + np.arange(size)) / size
        rows = np.minimum(np.searchsorted(np.cumsum(self.weights), marks), len(self.weights) - 1)
        note = f"resampled to {len(self.table)} reported numbers: {len(np.unique(rows))} different patients"
        return self.cohort.take(rows, note)

    def accepted(self, *, seed: int = 0) -> Cohort:
        """Patients kept with a probability in proportion to their weights, each at most once.

        Raises
        ------
        DataError
            Nobody was kept: the weights sit on too few patients.
        """
        luck = np.random.default_rng(seed).random(len(self.weights))
        rows = np.flatnonzero(luck < self.weights / self.weights.max())
        if not len(rows):
            raise DataError("accepted(): no patient was kept; draw a larger cohort")
        return self.cohort.take(rows, f"accepted for {len(self.table)} reported numbers: {len(rows)} patients")

    def plot(self, x: str | None = None, *, ax: Axes | None = None, **options: Any) -> Axes:
        """Draw the reported numbers before and after, or what the weights did to a column; see `pkpd_mdr.plot.cohort`.

        Parameters
        ----------
        x : str, optional
            A column of the cohort; the reported numbers if left out.
        ax : Axes, optional
        **options
            Of `pkpd_mdr.plot.cohort.plot_matched`.
        """
        from pkpd_mdr.plot.cohort import plot_matched

        return plot_matched(self, x, ax=ax, **options)

    def __repr__(self) -> str:
        head = f"{len(self.cohort)} patients matched to {len(self.table)} reported numbers; effective number "
        return "\n".join([f"{head}{self.effective:.1f}", self.table.to_string(index=False), *self.notes])


@takes(DataError, model=_MODEL, cohort=_COHORT, arms=TABLE)
def match_targets(
    model: Model,
    cohort: Cohort,
    targets: Target | Sequence[Target],
    *,
    arms: Mapping[str, Plan] | None = None,
    until: QuantityLike | None = None,
    measure: Measure = "burden",
    seed: int = 0,
    executor: Executor | None = None,
    accuracy: Accuracy | None = None,
) -> Reweighted:
    """Weigh the patients of a cohort so that it has what a trial reported.

    Endpoints are simulated under the arms, columns of the cohort are taken as they are. The weights are the most even
    ones that give all reported numbers.

    Parameters
    ----------
    model : Model
    cohort : Cohort
    targets : Target or sequence of Target
    arms : mapping of str to Regimen or Strategy, optional
        What patients of the trial were given; needed where a target is an endpoint.
    until : str, optional
        How long each run lasts, with `arms`; long enough for the quantiles that were reported.
    measure : str, Measured, or sequence of them
        What strategies are shown at visits.
    seed : int
        Of the errors of measurement.
    executor, accuracy
        As in `pkpd_mdr.simulate_many`.

    Returns
    -------
    Reweighted

    Raises
    ------
    DataError
        A target that no weights can meet (what the cohort has is said), targets that contradict each other, an
        unknown arm or column.
    UnitError
        A value in a unit of another kind than its endpoint.
    SimulationError
        As in `pkpd_mdr.simulate_many`.

    Examples
    --------
    >>> import pkpd_mdr as mdr
    >>> from pkpd_mdr import distributions as dist
    >>> model = mdr.Model(mdr.clone("S", growth=mdr.growth.exponential(rate="0.1 1/day"), start=1e6))
    >>> cohort = mdr.patients(model, 400, {"growth_S": dist.lognormal("0.1 1/day", cv=0.5)}, seed=1)
    >>> found = match_targets(model, cohort, target("growth_S", median="0.12 1/day"))
    >>> float(found.table["after"].iloc[0].round(2))
    0.12
    """
    items = [targets] if isinstance(targets, Target) else listed(targets)
    if not items or not all(isinstance(item, Target) for item in items):
        raise DataError(f"match_targets(): targets is {shown(targets)}; give target(...) or a list of them")
    plans = dict(arms or {})
    items = [_placed(item, plans, cohort) for item in items]
    options = {"until": until, "measure": measure, "seed": seed, "executor": executor, "accuracy": accuracy}
    seen, failed = _simulated(model, cohort, items, plans, options)
    fine = np.setdiff1d(np.arange(len(cohort)), list(failed))
    parts = [part for item in items for part in _parts(item, *seen[item.name, item.arm], fine)]
    weights = np.zeros(len(cohort))
    weights[fine] = balanced([(part.label, part.values, part.wanted) for part in parts])
    effective = 1.0 / float(weights @ weights)
    notes = [f"{len(failed)} patients could not be simulated ({next(iter(failed.values()))})"] if failed else []
    if effective < _FEW * len(cohort):
        notes.append(
            f"the numbers rest on few patients: {effective:.0f} of {len(cohort)} effectively; draw from distributions "
            "that are nearer to what was reported"
        )
    elif (nobody := int((weights[fine] * len(fine) < NOTHING).sum())) > _FEW * len(cohort):
        notes.append(
            f"{nobody} of {len(cohort)} patients weigh nothing: the numbers nearly contradict each other; "
            "look at plot() with the column in question"
        )
    table = pd.DataFrame([part.row(weights[fine]) for part in parts])
    return Reweighted(cohort, weights, table, effective, tuple(notes))


def _placed(item: Target, plans: Mapping[str, Plan], cohort: Cohort) -> Target:
    """A target with its arm; None for one of a column."""
    if isinstance(item.of, str) and item.of in cohort.table:
        return replace(item, arm=None)
    if not plans:
        hint = did_you_mean(item.name, map(str, cohort.table.columns))
        raise DataError(
            f"target({item.name!r}): the cohort has no such column{hint}; an endpoint needs arms={{'standard': ...}} "
            "and until="
        )
    if item.arm is None and len(plans) > 1:
        raise DataError(f"target({item.name!r}): there are {len(plans)} arms; say which with arm=")
    arm = item.arm if item.arm is not None else next(iter(plans))
    if arm not in plans:
        raise DataError(f"target({item.name!r}): there is no arm {shown(arm)}{did_you_mean(arm, plans)}")
    return replace(item, arm=arm)


_Seen = dict[tuple[str, str | None], tuple[FloatArray, Unit]]


def _simulated(
    model: Model, cohort: Cohort, items: Sequence[Target], plans: Mapping[str, Plan], options: dict[str, Any]
) -> tuple[_Seen, dict[int, str]]:
    """Values of all patients by target and arm, and who could not be simulated."""
    seen: _Seen = {
        (item.name, None): (cohort[item.name].to_numpy(dtype=float), Unit.of(cohort.units[item.name]))
        for item in items
        if item.arm is None
    }
    failed: dict[int, str] = {}
    for arm in dict.fromkeys(item.arm for item in items if item.arm is not None):
        wanted = {item.name: endpoint(item.of) for item in items if item.arm == arm}
        if options["until"] is None:
            raise DataError("match_targets(): until is missing; say how long runs last, as in until='3 year'")
        many = simulate_many(
            model,
            {arm: plans[arm]},
            parameters=cohort.frame,
            endpoints=list(wanted.values()),
            reduce="endpoints",
            **options,
        )
        failed |= {place: failure.sentence for place, failure in many.failures.items()}
        for place, (name, unit) in enumerate(zip(wanted, many.endpoint_units, strict=True)):
            seen[name, arm] = many.endpoint_values[:, place], unit
    return seen, failed


@dataclass(frozen=True, slots=True)
class _Part:
    """One reported number: the function whose mean it is, and how to read the same number off weighted patients."""

    label: str
    arm: str | None
    unit: Unit
    values: FloatArray
    wanted: float
    kind: str
    level: float
    seen: FloatArray

    def row(self, weights: FloatArray) -> dict[str, Any]:
        """A line of the table."""
        told = {"quantile": self.level, "sd": self.level}.get(self.kind, self.wanted)
        before, after = (self._read(part) for part in (np.full(len(weights), 1 / len(weights)), weights))
        unit = "" if self.kind == "share" else self.unit.text
        return {
            "what": self.label,
            "arm": self.arm or "",
            "unit": unit,
            "wanted": told,
            "before": before,
            "after": after,
        }

    def _read(self, weights: FloatArray) -> float:
        if self.kind == "quantile":
            order = np.argsort(self.seen, kind="stable")
            reached = np.cumsum(weights[order])
            return float(self.seen[order][min(int(np.searchsorted(reached, self.wanted - 1e-9)), len(order) - 1)])
        found = float(weights @ self.values)
        return math.sqrt(found) if self.kind == "sd" else found


def _parts(item: Target, seen: FloatArray, unit: Unit, fine: Any) -> list[_Part]:
    """The functions whose means were reported."""
    values = seen[fine]
    parts = []
    for p, value in item.quantiles:
        level = _own(item, value, unit)
        label = f"{'median' if p == 0.5 else f'{100 * p:g} % quantile'} of {item.name}"
        parts.append(_Part(label, item.arm, unit, (values <= level) * 1.0, p, "quantile", level, values))
    for side, value, share in item.shares:
        level = _own(item, value, unit)
        inside = (values > level) if side == "above" else (values < level)
        label = f"share with {item.name} {side} {value}"
        parts.append(_Part(label, item.arm, unit, inside * 1.0, share, "share", level, values))
    if item.mean is not None:
        if not np.isfinite(values).all():
            count = int((~np.isfinite(values)).sum())
            raise DataError(
                f"target({item.name!r}): it is not reached by {count} patients, so it has no mean; give median= or a "
                "longer until="
            )
        mean = _own(item, item.mean, unit)
        parts.append(_Part(f"mean of {item.name}", item.arm, unit, values, mean, "mean", mean, values))
        if item.sd is not None:
            sd = _own(item, item.sd, unit)
            label = f"sd of {item.name}"
            parts.append(_Part(label, item.arm, unit, (values - mean) ** 2, sd**2, "sd", sd, values))
    return parts


def _own(item: Target, value: Quantity, unit: Unit) -> float:
    """A reported value in the unit in which patients are seen."""
    if value.bare:
        return value.value
    if not value.unit.like(unit):
        raise UnitError(
            f"target({item.name!r}): {value} is not in a unit like {shown(unit.text or 'that of a number')}"
        )
    return value.internal / unit.factor
