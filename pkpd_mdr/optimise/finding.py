"""`optimise`: the best plan of a family under limits, and what it gains on draws that the search has not seen."""

from __future__ import annotations

import logging
import math
from collections.abc import Mapping
from concurrent.futures import Executor
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from pkpd_mdr.arguments import COUNT, NUMBER, TABLE, Kind, takes
from pkpd_mdr.compare.arms import read_arms
from pkpd_mdr.engine import Accuracy
from pkpd_mdr.engine.lowering import FloatArray
from pkpd_mdr.errors import DataError, SimulationError, shown
from pkpd_mdr.model import Model
from pkpd_mdr.optimise.gain import Gain, paired_gain
from pkpd_mdr.optimise.limits import Limits, read_criterion, read_limits
from pkpd_mdr.optimise.problem import Candidate, Planner, Problem, check_plan
from pkpd_mdr.optimise.result import Optimum, Settings
from pkpd_mdr.optimise.search import search
from pkpd_mdr.optimise.variables import Choice, Space, Variables, described, read_variables
from pkpd_mdr.run import Endpoint, endpoint, with_exposure
from pkpd_mdr.run.endpoints import check_endpoint
from pkpd_mdr.engine import compile_model
from pkpd_mdr.run.many import Plan, parameter_slots, read_rows
from pkpd_mdr.run.many.rows import RowsLike
from pkpd_mdr.run.many.workers import EXECUTOR
from pkpd_mdr.run.measuring import MEASURE, SEED, Measure
from pkpd_mdr.run.result import endpoint_unit, provenance
from pkpd_mdr.run.simulate import ACCURACY, MODEL
from pkpd_mdr.units import QuantityLike, Unit, quantity, read

__all__ = ["optimise"]

_LOG = logging.getLogger("pkpd_mdr")
_FEWEST = 8  # draws from which on half of them are kept out of the search
_EDGE = 1e-3
_BUDGET = Kind("a whole number of 10 or more; write for example 400", lambda given: COUNT.fits(given) and given >= 10, int)


@takes(
    SimulationError,
    model=MODEL,
    start=TABLE,
    near=NUMBER,
    level=NUMBER,
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
    over: RowsLike | None = None,
    criterion: str | float = "mean",
    limits: Limits | None = None,
    arms: Mapping[str, Plan] | None = None,
    start: Mapping[str, QuantityLike] | None = None,
    candidates: int = 400,
    near: float = 0.01,
    level: float = 0.95,
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
        See `pkpd_mdr.endpoint`; the endpoint says which direction is good. Times that were not reached count as `until`.
    over : DataFrame, ``fit.draws(200)``, dict of columns or list of dicts, optional
        Draws of parameters, as in `simulate_many`; one patient with the model's own values if left out. Of eight or
        more, a random half is kept out of the search.
    criterion : {"mean", "worst"} or float
        What of the objective over draws counts: its mean, its worst value, or, for a share such as 0.1, what all but
        the worst tenth of draws reach.
    limits : mapping of str or Endpoint to (side, level) or (side, level, share), optional
        ``{"anc_nadir": ("above", "0.5e9 1/L", 0.9), "given_dox": ("below", "450 mg")}``: what has to hold in all draws
        of the search, or a share of them. ``"given_<drug>"`` is the total given (of an exposure, level times hours).
    arms : mapping of str to Regimen or Strategy, optional
        Plain arms; the gain over the best of them (in the search, among those that meet the limits if any does) is
        reported with its uncertainty.
    start : mapping of str to quantity, optional
        States that start otherwise than the model says.
    candidates : int
        About how many may be tried, 10 or more. Few combinations of finite variables are all tried.
    near : float
        What counts as nearly as good: a relative difference of the objective.
    level : float
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
    length = quantity(until, "until")
    if read(length, "h", "until") <= 0:
        raise SimulationError(f"until = {shown(until)} is not after the start; write for example until='1 year'")
    if not 0 < level < 1 or not 0 < near < 1:
        raise SimulationError(f"level = {shown(level)} and near = {shown(near)} are shares; choose such as 0.95 and 0.01")
    space = Space(read_variables(variables))
    check_plan(plan, list(space.variables))
    full = with_exposure(model)
    item = endpoint(objective)
    check_endpoint(item, compile_model(full).expression)
    held = read_limits(full, limits, length.unit)
    for limit in held:
        check_endpoint(limit.endpoint, compile_model(full).expression)
    plain = read_arms(model, arms) if arms else {}
    rows, names = _read_draws(model, over)
    split = _Split.of(rows, seed)
    options: dict[str, Any] = {"until": length, "starts": dict(start) if start else None, "measure": measure}
    options |= {"stop": stop, "seed": seed, "accuracy": accuracy, "executor": executor}
    problem = Problem(
        model, plan, space, item, held, read_criterion(criterion), split.search, options, length.value
    )
    search(problem, candidates, seed)
    settings = Settings(
        problem.criterion, level, near, seed, split.count, len(split.rest) if split.rest is not None else 0, names, length
    )
    return _Report(problem, split, settings, plain, endpoint_unit(item, full, length.unit)).optimum(model, accuracy)


def _read_draws(model: Model, given: RowsLike | None) -> tuple[pd.DataFrame | None, tuple[str, ...]]:
    """Draws as a table in the units of the model."""
    if given is None:
        return None, ()
    rows = read_rows(given, parameter_slots(model), what="draws (over=)", item="parameter")
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
        if rows is None or len(rows) < _FEWEST:
            return _Split(rows, None)
        mixed = np.random.default_rng([seed, 1]).permutation(len(rows))
        half = (len(rows) + 1) // 2
        first, second = (rows.iloc[np.sort(part)].reset_index(drop=True) for part in (mixed[:half], mixed[half:]))
        return _Split(first, second)

    @property
    def count(self) -> int:
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
            simulations=len(problem.candidates) * self.settings.draws + len(plans) * (searched.shape[1] + held.shape[1]),
            notes=(),
            settings=self.settings,
            provenance={**provenance(), "model": model.content_hash, "rtol": (accuracy or Accuracy()).rtol},
        )
        names = ["the best plan", *(f"arm {name!r}" for name in self.plain)]
        broken = [
            f"{name}: {first or later}" for name, first, later in zip(names, failed, failed_later, strict=True) if first or later
        ]
        return _noted(partial, broken)

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
            meets = known and all(
                limit.violation(self.problem.of(limit.endpoint, searched[k])) == 0 for limit in self.problem.limits
            )
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
        value, lower, upper, better, noise = paired_gain(
            best[both], other[both], problem.criterion, high=problem.high, level=self.settings.level,
            random=np.random.default_rng([self.settings.seed, 2]),
        )  # fmt: skip
        return Gain(
            arm, value, lower, upper, self.settings.level, self.unit, better, int(both.sum()), bool(held.shape[1]), noise
        )

    def _limit_table(self, searched: FloatArray, held: FloatArray, best: Candidate) -> pd.DataFrame:
        rows = []
        for limit, value in zip(self.problem.limits, best.limits, strict=True):
            first, later = (self.problem.of(limit.endpoint, part) for part in (searched, held))
            rows.append(
                {
                    "limit": str(limit),
                    "value": value,
                    "unit": limit.unit.text,
                    "violation": limit.violation(first),
                    "active": limit.active(value),
                    "kept": limit.kept(first),
                    "draws": len(first),
                    "kept_held_out": limit.kept(later),
                    "draws_held_out": len(later),
                }
            )
        return pd.DataFrame(rows)


def _noted(found: Optimum, broken: list[str]) -> Optimum:
    """The optimum with what a reader has to know; what should worry is logged, too."""
    worries = [*_infeasible(found), *_noise(found), *broken, *_reached(found)]
    for line in worries:
        _LOG.warning("optimise: %s", line)
    failed = [item for item in found.candidates if item.failure]
    told = [
        f"{len(failed)} of {found.evaluated} candidates were not possible or failed, for example "
        f"plan({described(found.variables, item.values)}): {item.failure}"
        for item in failed[:1]
    ]
    notes = (*worries, *_sharpness(found), *told, *_about_draws(found))
    fields = {name: getattr(found, name) for name in Optimum.__dataclass_fields__}
    return Optimum(**(fields | {"notes": notes}))


def _infeasible(found: Optimum) -> list[str]:
    if found.feasible:
        return []
    missed = [limit for limit, row in zip(found.limits, found.limit_table.to_dict("records"), strict=True) if row["violation"]]
    lines = []
    for limit in missed:
        place = found.limits.index(limit)
        reached = [item.limits[place] for item in found.candidates if item.limits]
        nearest = max(reached) if limit.above else min(reached)
        alone = nearest >= limit.number if limit.above else nearest <= limit.number
        own = f"{found.limit_table['value'][place]:.4g} {limit.unit.text}".rstrip()
        why = (
            "other candidates meet it, but none meets all limits"
            if alone
            else f"no candidate meets it; the nearest comes to {nearest:.4g} {limit.unit.text}".rstrip()
        )
        lines.append(f"the limit '{limit}' is not met: {own} at the least violating candidate; {why}")
    return lines


def _noise(found: Optimum) -> list[str]:
    gain = found.gain
    if gain is None or not gain.noise:
        return []
    if gain.pairs < 2:
        return [f"the optimum gains nothing over {gain.arm!r} beyond the error of integration"]
    return [
        f"the gain over {gain.arm!r} is within the noise: its {100 * gain.level:g} % interval on {gain.pairs} draws holds "
        "zero, so the plain arm may be as good; more draws would tell"
    ]


def _reached(found: Optimum) -> list[str]:
    """Times that were not reached make candidates look equal."""
    if found.endpoint.unit != "time" or not np.isinf(found.searched).any():
        return []
    count = int(np.isinf(found.searched).sum())
    return [
        f"{found.endpoint.name} is not reached by {found.settings.until} in {count} of {len(found.searched)} draws, which "
        "count as that; a longer until= would tell candidates apart"
    ]


def _sharpness(found: Optimum) -> list[str]:
    """Where the optimum stands at a bound, and where it is flat."""
    if not found.feasible:
        return []
    near, lines = f"{100 * found.settings.near:g} %", []
    flat = [name for name in found.variables if found.flat(name)]
    if len(flat) == len(found.variables):
        names = ", ".join(repr(name) for name in flat)
        lines.append(f"the optimum is flat: {names} may be anything searched with a loss of less than {near}")
    else:
        lines += [f"{name!r} hardly matters: a loss of less than {near} over the range searched" for name in flat]
    for name, item in found.variables.items():
        if isinstance(item, Choice) or name in flat or item.count == 1:
            continue
        share = item.share(found.best[name])
        slack = 0.5 / item.count + 1e-9 if item.count else _EDGE
        if not slack < share < 1 - slack:
            side = "lower" if share < 0.5 else "upper"
            lines.append(f"{name!r} stands at its {side} bound; beyond it may be better")
    lines += [f"the limit '{row['limit']}' is active" for row in found.limit_table.to_dict("records") if row["active"]]
    return lines


def _about_draws(found: Optimum) -> list[str]:
    settings = found.settings
    if not settings.varied:
        return []
    names = ", ".join(settings.varied[:6]) + (f" and {len(settings.varied) - 6} more" if len(settings.varied) > 6 else "")
    if settings.held_out:
        kept = f"{settings.held_out} draws were kept out of the search and judge it"
    else:
        kept = f"with fewer than {_FEWEST} draws none was kept out of the search, so its numbers are optimistic"
    return [f"uncertainty is that of {names} only; {kept}"]
