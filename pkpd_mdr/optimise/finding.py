"""`optimise`: the best plan of a family under limits, and what it gains on draws that the search has not seen."""

from __future__ import annotations

import math
from collections.abc import Mapping
from concurrent.futures import Executor
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from pkpd_mdr.arguments import CONFIDENCE, SEED, TABLE, fraction, takes, whole
from pkpd_mdr.compare.arms import read_arms
from pkpd_mdr.engine import Accuracy, compile_model
from pkpd_mdr.engine.lowering import FloatArray
from pkpd_mdr.errors import DataError, SimulationError, shown
from pkpd_mdr.model import Model
from pkpd_mdr.optimise.gain import Gain, paired_gain
from pkpd_mdr.optimise.limits import Limits, read_criterion, read_limits
from pkpd_mdr.optimise.notes import FEWEST, with_notes
from pkpd_mdr.optimise.problem import Candidate, Planner, Problem, check_plan
from pkpd_mdr.optimise.result import Optimum, Settings
from pkpd_mdr.optimise.search import search
from pkpd_mdr.optimise.variables import Space, Variables, described, read_variables
from pkpd_mdr.run import Endpoint, endpoint, with_exposure
from pkpd_mdr.run.endpoints import check_endpoint
from pkpd_mdr.run.many import Plan, check_doses, parameter_slots, read_rows
from pkpd_mdr.run.many.rows import RowsLike
from pkpd_mdr.run.many.workers import EXECUTOR
from pkpd_mdr.run.measuring import MEASURE, Measure
from pkpd_mdr.run.result import endpoint_unit, provenance
from pkpd_mdr.run.simulate import ACCURACY, MODEL, length_of
from pkpd_mdr.units import QuantityLike, Unit

__all__ = ["optimise"]

_BUDGET = whole(10, example=400)


@takes(
    SimulationError,
    model=MODEL,
    start=TABLE,
    near=fraction(example=0.01),
    confidence=CONFIDENCE,
    candidates=_BUDGET,
    measure=MEASURE,
    stop=TABLE,
    seed=SEED,
    accuracy=ACCURACY,
    executor=EXECUTOR,
)
def optimise(
    model: Model,
    plan: Planner,
    variables: Variables,
    *,
    until: QuantityLike,
    objective: str | Endpoint = "time_to_progression",
    parameters: RowsLike | None = None,
    criterion: str | float = "mean",
    limits: Limits | None = None,
    arms: Mapping[str, Plan] | None = None,
    start: Mapping[str, QuantityLike] | None = None,
    candidates: int = 400,
    near: float = 0.01,
    confidence: float = 0.95,
    measure: Measure = "burden",
    stop: Mapping[str, QuantityLike] | None = None,
    seed: int = 0,
    accuracy: Accuracy | None = None,
    executor: Executor | None = None,
) -> Optimum:
    """Find the best dose levels, intervals, orders and switch times of a family of plans.

    Candidates are tried in whole populations, each of which is one ensemble of candidates x draws; the best is polished
    and then looked at along each variable. Half of the draws are kept out of the search and judge what it found.

    Parameters
    ----------
    model : Model
    plan : callable
        A plain function of the variables, by name, that returns a regimen or strategy; None where a candidate is not
        possible. ``lambda dose, gap: mdr.bolus("dox", dose).every(gap, times=6)``
    variables : mapping of str to variable
        A pair of bounds ``("20 mg", "120 mg")``, whole numbers ``range(1, 7)``, a list of options
        ``["7 day", "21 day"]``, or `between` (steps, decades) and `order`.
    until : str
        How long each run lasts; its unit is the time unit of the result.
    objective : str or Endpoint
        See `pkpd_mdr.endpoint`; it says which direction is good. Times that were not reached count as `until`.
    parameters : DataFrame, ``fit.draws(200)``, dict of columns or list of dicts, optional
        Draws, as in `pkpd_mdr.compare`; one patient with the model's own values if left out. Of eight or
        more, a random half is kept out of the search.
    criterion : {"mean", "worst"} or float
        What of the objective over draws counts: its mean, its worst value, or, for a share such as 0.1, what all but
        the worst tenth of draws reach.
    limits : mapping of str or Endpoint to (side, level) or (side, level, share), optional
        ``{"anc_nadir": ("above", "0.5e9 1/L", 0.9), "given_dox": ("below", "450 mg")}``: what has to hold in all draws
        of the search, or a share of them; a bare level of a count or a share is in the unit in which that is shown.
        ``"given_<drug>"`` is the total given (of an exposure, level times hours).
    arms : mapping of str to Regimen or Strategy, optional
        Plain arms; the gain over the best of them (in the search, among those that meet the limits if any does) is
        reported with its uncertainty.
    start : mapping of str to quantity, optional
        States that start otherwise than the model says.
    candidates : int
        About how many may be tried, 10 or more. Few combinations of finite variables are all tried.
    near : float
        What counts as nearly as good: a relative difference of the objective.
    confidence : float
        Of intervals.
    measure : str, Measured, or sequence of them
        What strategies are shown at visits.
    stop : mapping of str to quantity, optional
        Levels at which a run ends, as in `pkpd_mdr.simulate`.
    seed : int
        Of the search, of the split of draws and of errors of measurement.
    accuracy : Accuracy, optional
    executor : concurrent.futures.Executor, optional
        Where members run.

    Returns
    -------
    Optimum
        Also where no candidate meets all limits: `Optimum.feasible` and the notes say so.

    Raises
    ------
    RegimenError
        A variable that is none, a plan that raises or returns no plan (the candidate is named), unknown drugs.
    SimulationError
        An unknown endpoint or criterion, or no candidate whose runs were finished.
    DataError, UnitError
        Draws or levels that do not fit.

    Notes
    -----
    An optimum of a search is not proved to be global; `Optimum.history` holds everything that was tried.

    Examples
    --------
    >>> import pkpd_mdr as mdr
    >>> best = mdr.optimise(
    ...     mdr.gallery.monro2009(),
    ...     lambda dose: mdr.exposure("C0", dose),
    ...     {"dose": (0.2, 3.0)},
    ...     objective="time_to_stop",
    ...     stop={"burden": "5e11 cell"},
    ...     until="800 day",
    ...     candidates=60,
    ... )
    >>> 0.5 < best.best["dose"] < 1.5
    True
    """
    length, _ = length_of(until)
    space = Space(read_variables(variables))
    check_plan(plan, list(space.variables))
    full = with_exposure(model)
    item = endpoint(objective)
    held = read_limits(full, limits, length.unit)
    for needed in (item, *(limit.endpoint for limit in held)):
        check_endpoint(needed, compile_model(full).expression, full)
    plain = read_arms(model, arms) if arms else {}
    for name, arm in plain.items():
        check_doses((item,), arm, f"arm {shown(name)}")
    rows, names = _read_draws(model, parameters)
    split = _Split.of(rows, seed)
    options: dict[str, Any] = {"until": length, "starts": dict(start) if start else None, "measure": measure}
    options |= {"stop": stop, "seed": seed, "accuracy": accuracy, "executor": executor}
    problem = Problem(model, plan, space, item, held, read_criterion(criterion), split.search, options, length.value)
    search(problem, candidates, seed)
    settings = Settings(
        problem.criterion,
        confidence,
        near,
        seed,
        split.count,
        0 if split.rest is None else len(split.rest),
        names,
        length,
    )
    return _Report(problem, split, settings, plain, endpoint_unit(item, full, length.unit)).optimum(model, accuracy)


def _read_draws(model: Model, given: RowsLike | None) -> tuple[pd.DataFrame | None, tuple[str, ...]]:
    """Draws as a table in the units of the model."""
    if given is None:
        return None, ()
    rows = read_rows(given, parameter_slots(model), what="parameters", item="parameter")
    for sentence in rows.faults.values():
        raise DataError(sentence)
    factors = np.array([model.parameters[name].unit.factor for name in rows.names])
    return pd.DataFrame(rows.values / factors, columns=list(rows.names)), rows.names


@dataclass(frozen=True, slots=True)
class _Split:
    """Draws of the search, and the others."""

    search: pd.DataFrame | None
    rest: pd.DataFrame | None

    @staticmethod
    def of(rows: pd.DataFrame | None, seed: int) -> _Split:
        """Half of the draws each, by chance; all for the search where they are few."""
        if rows is None or len(rows) < FEWEST:
            return _Split(rows, None)
        mixed = np.random.default_rng([seed, 1]).permutation(len(rows))
        half = (len(rows) + 1) // 2
        first, second = (rows.iloc[np.sort(part)].reset_index(drop=True) for part in (mixed[:half], mixed[half:]))
        return _Split(first, second)

    @property
    def count(self) -> int:
        """How many draws the search sees."""
        return 1 if self.search is None else len(self.search)


@dataclass(frozen=True, slots=True)
class _Report:
    """From what the search found to an `Optimum`."""

    problem: Problem
    split: _Split
    settings: Settings
    plain: Mapping[str, Plan]
    unit: Unit

    def optimum(self, model: Model, accuracy: Accuracy | None) -> Optimum:
        """Judge the best candidate and the plain arms on all draws."""
        problem, best = self.problem, self.problem.best()
        if math.isinf(best.violation):
            first = next((item for item in problem.candidates if item.failure), best)
            raise SimulationError(
                f"none of {len(problem.candidates)} candidates could be run; "
                f"plan({described(problem.space.variables, first.values)}): {first.failure}"
            )
        plan = problem.planned(best.values)
        assert plan is not None
        plans = {"": plan, **{f"arm {name}": arm for name, arm in self.plain.items()}}
        searched, failed = problem.simulate(plans, self.split.search)
        held, failed_later = self._held_out(plans, searched.shape[-1])
        arms = self._arms(searched, held)
        gain = self._gain(searched, held, arms)
        table = self._limit_table(searched[0], held[0], best)
        partial = Optimum(
            best=best.values,
            plan=plan,
            feasible=best.violation == 0.0,
            value=best.outcome,
            endpoint=problem.objective,
            unit=self.unit,
            searched=searched[0, :, 0],
            held_out=held[0, :, 0],
            gain=gain,
            arms=arms,
            variables=problem.space.variables,
            limits=problem.limits,
            limit_table=table,
            candidates=tuple(problem.candidates),
            simulations=len(problem.candidates) * self.settings.draws
            + len(plans) * (searched.shape[1] + held.shape[1]),
            notes=(),
            settings=self.settings,
            provenance={**provenance(), "model": model.content_hash, "rtol": (accuracy or Accuracy()).rtol},
        )
        names = ["the best plan", *(f"arm {name!r}" for name in self.plain)]
        failures = [first or later for first, later in zip(failed, failed_later, strict=True)]
        broken = [f"{name}: {failure}" for name, failure in zip(names, failures, strict=True) if failure]
        return with_notes(partial, broken)

    def _held_out(self, plans: Mapping[str, Plan], endpoints: int) -> tuple[FloatArray, list[str]]:
        if self.split.rest is None:
            return np.empty((len(plans), 0, endpoints)), [""] * len(plans)
        return self.problem.simulate(plans, self.split.rest)

    def _criterion(self, values: FloatArray) -> float:
        """Of the objective of one plan, from all endpoints of its draws."""
        if not len(values):
            return math.nan
        return float(self.problem.criterion.of(self.problem.capped(values[:, 0]), high=self.problem.high))

    def _arms(self, searched: FloatArray, held: FloatArray) -> pd.DataFrame:
        rows = {}
        for k, name in enumerate(self.plain, start=1):
            known = not np.isnan(searched[k]).any()
            values = [(limit, self.problem.of(limit.endpoint, searched[k])) for limit in self.problem.limits]
            meets = known and all(limit.violation(limit.governing(numbers)) == 0 for limit, numbers in values)
            rows[name] = (self._criterion(searched[k]), self._criterion(held[k]), meets)
        columns = ["searched", "held_out", "meets_limits"]
        return pd.DataFrame.from_dict(rows, orient="index", columns=columns).rename_axis("arm")

    def _gain(self, searched: FloatArray, held: FloatArray, arms: pd.DataFrame) -> Gain | None:
        problem, known = self.problem, arms[arms["searched"].notna()] if len(arms) else arms
        if not len(known):
            return None
        allowed = known[known["meets_limits"].astype(bool)]
        chosen = allowed if len(allowed) else known
        arm = str(chosen["searched"].idxmax() if problem.high else chosen["searched"].idxmin())
        values = held if held.shape[1] else searched
        best, other = (problem.capped(values[k, :, 0]) for k in (0, 1 + list(arms.index).index(arm)))
        both = ~np.isnan(best) & ~np.isnan(other)
        if not both.any():
            return None
        confidence, rng = self.settings.confidence, np.random.default_rng([self.settings.seed, 2])
        value, lower, upper, better, noise, often = paired_gain(
            best[both], other[both], problem.criterion, high=problem.high, confidence=confidence, rng=rng
        )
        held_out = bool(held.shape[1])
        return Gain(arm, value, lower, upper, confidence, self.unit, better, int(both.sum()), held_out, noise, often)

    def _limit_table(self, searched: FloatArray, held: FloatArray, best: Candidate) -> pd.DataFrame:
        rows = []
        for limit, value in zip(self.problem.limits, best.limits, strict=True):
            first, later = (self.problem.of(limit.endpoint, part) for part in (searched, held))
            rows.append(
                {
                    "limit": str(limit),
                    "value": value,
                    "unit": limit.unit.text,
                    "violation": limit.violation(limit.governing(first)),
                    "active": limit.active(value),
                    "kept": limit.kept(first),
                    "draws": len(first),
                    "kept_held_out": limit.kept(later),
                    "draws_held_out": len(later),
                }
            )
        return pd.DataFrame(rows)
