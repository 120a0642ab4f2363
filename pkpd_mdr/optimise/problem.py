"""Candidates and what becomes of them: every batch of candidates is one ensemble."""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from pkpd_mdr.engine.lowering import FloatArray
from pkpd_mdr.errors import PkpdMdrError, RegimenError, SimulationError, did_you_mean, shown
from pkpd_mdr.model import Model
from pkpd_mdr.optimise.limits import Criterion, Limit
from pkpd_mdr.optimise.variables import Space, described
from pkpd_mdr.regimen import Regimen, Strategy
from pkpd_mdr.run import Endpoint, Many, simulate_many
from pkpd_mdr.run.many import Plan, check_ports

__all__ = ["Candidate", "Planner", "Problem", "check_plan"]

Planner = Callable[..., Plan | None]


@dataclass(frozen=True, slots=True)
class Candidate:
    """One set of values of the variables, and what became of it on the draws of the search.

    Attributes
    ----------
    point : ndarray, shape (variables,)
        In the cube.
    values : dict
        As the plan is handed them.
    outcome : float
        The objective over draws, in the unit of the optimum; NaN where it is not known.
    limits : tuple of float
        The governing value of each limit, in its `unit`.
    violation : float
        Sum of relative violations; infinite for a candidate that failed or is not possible.
    stage : str
        Of the search.
    failure : str
    """

    point: FloatArray
    values: dict[str, Any]
    outcome: float = math.nan
    limits: tuple[float, ...] = ()
    violation: float = math.inf
    stage: str = ""
    failure: str = ""


@dataclass
class Problem:
    """What is optimised.

    Attributes
    ----------
    model : Model
    plan : callable
    space : Space
    objective : Endpoint
    limits : tuple of Limit
    criterion : Criterion
    rows : DataFrame or None
        Draws of the search.
    options : dict
        For `simulate_many`.
    end : float
        Of the run, in the unit of its result; times that were not reached count as this.
    candidates : list of Candidate
        Everything that was tried, in turn.
    """

    model: Model
    plan: Planner
    space: Space
    objective: Endpoint
    limits: tuple[Limit, ...]
    criterion: Criterion
    rows: pd.DataFrame | None
    options: Mapping[str, Any]
    end: float
    candidates: list[Candidate] = field(default_factory=list)
    _known: dict[bytes, int] = field(default_factory=dict)

    @property
    def high(self) -> bool:
        """Whether high values of the objective are good."""
        return self.objective.better == "high"

    @property
    def endpoints(self) -> list[Endpoint]:
        """Everything that is read, the objective first; an endpoint that is a limit, too, under a name of its own."""
        items = {item.name: item for item in (self.objective, *(limit.endpoint for limit in self.limits))}
        return list(items.values())

    def evaluate(self, points: FloatArray, stage: str) -> tuple[FloatArray, FloatArray]:
        """Violation and cost (low is good) of candidates; those that are known already are not run again.

        Parameters
        ----------
        points : ndarray, shape (candidates, variables)
        stage : str

        Returns
        -------
        violation, cost : ndarray, shape (candidates,)
        """
        points = self.space.rounded(points)
        keys = [_key(point) for point in points]
        fresh = [k for k, key in enumerate(keys) if key not in self._known and key not in keys[:k]]
        for k, made in zip(fresh, self._run(points[fresh], stage), strict=True):
            self._known[keys[k]] = len(self.candidates)
            self.candidates.append(made)
        found = [self.candidates[self._known[key]] for key in keys]
        return np.array([item.violation for item in found]), np.array([self.cost(item) for item in found])

    def at(self, point: FloatArray) -> Candidate:
        """A candidate that was evaluated."""
        return self.candidates[self._known[_key(self.space.rounded(point[None])[0])]]

    def cost(self, item: Candidate) -> float:
        """The outcome, low is good."""
        return math.inf if math.isnan(item.outcome) else -item.outcome if self.high else item.outcome

    def best(self) -> Candidate:
        """The best candidate so far, or the least violating one."""
        return min(self.candidates, key=lambda item: (item.violation, self.cost(item)))

    def _run(self, points: FloatArray, stage: str) -> list[Candidate]:
        values = [self.space.values(point) for point in points]
        plans = {str(k): plan for k, row in enumerate(values) if (plan := self.planned(row)) is not None}
        found, failed = self.simulate(plans, self.rows) if plans else (np.empty((0, 0, 0)), [])
        order = {name: place for place, name in enumerate(plans)}
        made = []
        for k, (point, row) in enumerate(zip(points, values, strict=True)):
            if str(k) not in order:
                made.append(Candidate(point, row, stage=stage, failure="the plan is None: not possible"))
            elif failed[order[str(k)]]:
                made.append(Candidate(point, row, stage=stage, failure=failed[order[str(k)]]))
            else:
                made.append(self._judged(point, row, found[order[str(k)]], stage))
        return made

    def _judged(self, point: FloatArray, row: dict[str, Any], found: FloatArray, stage: str) -> Candidate:
        """A candidate from the endpoints of its draws, shape (draws, endpoints)."""
        outcome = float(self.criterion.of(self.capped(found[:, 0]), high=self.high))
        values = tuple(limit.governing(self.of(limit.endpoint, found)) for limit in self.limits)
        violation = sum(limit.violation(value) for limit, value in zip(self.limits, values, strict=True))
        return Candidate(point, row, outcome, values, violation, stage)

    def of(self, item: Endpoint, found: FloatArray) -> FloatArray:
        """One endpoint of an array whose last axis has all of them."""
        return np.asarray(found[..., [other.name for other in self.endpoints].index(item.name)])

    def capped(self, values: FloatArray) -> FloatArray:
        """The objective with times that were not reached as the end of the run."""
        return np.minimum(values, self.end) if self.objective.unit == "time" else values

    def planned(self, values: Mapping[str, Any]) -> Plan | None:
        """The plan of a candidate.

        Raises
        ------
        RegimenError
            The function raised, or returned something that is no plan; the candidate is named.
        """
        words = f"plan({described(self.space.variables, values)})"
        hint = "let it return None where a candidate is not possible"
        try:
            plan = self.plan(**values)
        except PkpdMdrError as problem:
            raise type(problem)(f"{words}: {problem}; {hint}") from problem
        except Exception as problem:  # whatever a user's function may raise
            raise RegimenError(f"{words} raised {type(problem).__name__}: {problem}; {hint}") from problem
        if plan is None:
            return None
        if not isinstance(plan, (Regimen, Strategy)):
            raise RegimenError(f"{words} returned {shown(plan)}, not a regimen or strategy; {hint}")
        try:
            check_ports(self.model, plan)
        except PkpdMdrError as problem:
            raise type(problem)(f"{words}: {problem}") from problem
        return plan

    def simulate(self, plans: Mapping[str, Plan], rows: pd.DataFrame | None) -> tuple[FloatArray, list[str]]:
        """Endpoints of plans on draws, as one ensemble.

        Parameters
        ----------
        plans : mapping of str to plan
        rows : DataFrame or None

        Returns
        -------
        values : ndarray, shape (plans, draws, endpoints)
            NaN where a run failed.
        failed : list of str
            For each plan the sentence of its first failure, or "".
        """
        draws = 1 if rows is None else len(rows)
        try:
            many = simulate_many(
                self.model, dict(plans), parameters=rows, endpoints=self.endpoints, reduce="endpoints", **self.options
            )
        except SimulationError as problem:
            if not _all_failed(problem.partial):
                raise
            many = problem.partial  # type: ignore[assignment]
        values = np.where(many.ok[:, None], many.endpoint_values, math.nan).reshape(len(plans), draws, -1)
        failed = [""] * len(plans)
        for member, failure in many.failures.items():
            failed[member // draws] = failed[member // draws] or failure.sentence
        endless = ~np.isfinite(self.capped(values[:, :, 0])) & ~np.isnan(values[:, :, 0])
        for k in np.flatnonzero(endless.any(axis=1)).tolist():
            failed[k] = failed[k] or f"the objective {shown(self.objective.name)} is not finite"
        return values, failed


def _key(point: FloatArray) -> bytes:
    return point.round(12).tobytes()


def _all_failed(partial: object) -> bool:
    """Whether an ensemble ended in failures of its members, each with a reason of its own."""
    if not isinstance(partial, Many) or len(partial.failures) < len(partial):
        return False
    return not any(failure.sentence.startswith("not run:") for failure in partial.failures.values())


def check_plan(plan: object, names: Sequence[str]) -> None:
    """Check that a plan is a function of the variables.

    Raises
    ------
    RegimenError
        It is no function, takes an argument that is no variable, or lacks one that is.
    """
    if not callable(plan) or isinstance(plan, (Regimen, Strategy)):
        raise RegimenError(
            f"plan is {shown(plan)}; give a function of the variables that returns a regimen or strategy, such as "
            "lambda dose: mdr.bolus('dox', dose).every('21 day', times=6)"
        )
    try:
        arguments = inspect.signature(plan).parameters
    except (TypeError, ValueError):
        return
    kinds = {item.kind for item in arguments.values()}
    for name in names:
        if name not in arguments and inspect.Parameter.VAR_KEYWORD not in kinds:
            raise RegimenError(f"the variable {shown(name)} is no argument of the plan{did_you_mean(name, arguments)}")
    for name, item in arguments.items():
        needed = item.default is item.empty and item.kind not in (item.VAR_KEYWORD, item.VAR_POSITIONAL)
        if needed and name not in names:
            raise RegimenError(
                f"the plan takes {shown(name)}, which is no variable{did_you_mean(name, names)}; name it in variables, "
                "or give it a default"
            )
