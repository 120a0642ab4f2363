"""The result of an optimisation."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from pkpd_mdr.engine.lowering import FloatArray
from pkpd_mdr.errors import SimulationError, did_you_mean, shown
from pkpd_mdr.optimise import show
from pkpd_mdr.optimise.gain import Gain
from pkpd_mdr.optimise.limits import Criterion, Limit
from pkpd_mdr.optimise.problem import Candidate
from pkpd_mdr.optimise.variables import Choice, Variable, columns, option_text
from pkpd_mdr.run import Endpoint
from pkpd_mdr.run.many import Plan
from pkpd_mdr.units import Quantity, Unit

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["Optimum", "Settings"]

_CLOSE = 1e-9  # of a range: rounding
_WHOLE = 0.9 - 1e-9


@dataclass(frozen=True, slots=True)
class Settings:
    """How an optimum was looked for."""

    criterion: Criterion
    confidence: float
    near: float
    seed: int
    draws: int
    held_out: int
    varied: tuple[str, ...]
    until: Quantity


@dataclass(frozen=True, eq=False)
class Optimum:
    """The best plan that was found, and how sure that is.

    Attributes
    ----------
    best : dict
        Values of the variables: quantities, whole numbers, options.
    plan : Regimen or Strategy
        What they make.
    feasible : bool
        Whether all limits are met on the draws of the search; if not, `best` is the least violating candidate.
    value : float
        The objective (its criterion over the draws of the search) in `unit`.
    endpoint : Endpoint
    unit : Unit
    searched, held_out : ndarray, shape (draws,)
        The objective of the best on the draws of the search and on those kept out of it (empty without). Times that
        were not reached are infinite.
    gain : Gain or None
        Over the best plain arm.
    arms : DataFrame
        The objective of each plain arm in the search and on held-out draws, and whether it meets the limits.
    variables : dict of str to Variable
    limits : tuple of Limit
    limit_table : DataFrame
        Each limit: the value at the best, in how many draws it is kept, whether it is active.
    candidates : tuple of Candidate
        Everything that was tried, in turn.
    simulations : int
        Runs in all.
    notes : tuple of str
        What a reader has to know: active limits, bounds, a flat optimum, failures, a gain within the noise.
    settings : Settings
    provenance : dict
    """

    best: Mapping[str, Any]
    plan: Plan
    feasible: bool
    value: float
    endpoint: Endpoint
    unit: Unit
    searched: FloatArray
    held_out: FloatArray
    gain: Gain | None
    arms: pd.DataFrame
    variables: Mapping[str, Variable]
    limits: tuple[Limit, ...]
    limit_table: pd.DataFrame
    candidates: tuple[Candidate, ...]
    simulations: int
    notes: tuple[str, ...]
    settings: Settings
    provenance: Mapping[str, Any] = field(default_factory=dict)

    @property
    def evaluated(self) -> int:
        """Number of candidates that were tried."""
        return len(self.candidates)

    @property
    def regimen(self) -> Plan:
        """The plan of the best candidate, under the name by which most plans go."""
        return self.plan

    @cached_property
    def history(self) -> pd.DataFrame:
        """One row per candidate: variables, objective, violation, stage of the search, and why it failed."""
        table = pd.DataFrame(columns(self.variables, [item.values for item in self.candidates]))
        unit = f" [{self.unit.text}]" if self.unit.text else ""
        table[self.endpoint.name + unit] = [item.outcome for item in self.candidates]
        for k, limit in enumerate(self.limits):
            unit = f" [{limit.unit.text}]" if limit.unit.text else ""
            named = limit.endpoint.name + unit
            label = named if named not in table else str(limit)
            table[label] = [item.limits[k] if item.limits else np.nan for item in self.candidates]
        table["violation"] = [item.violation for item in self.candidates]
        table["stage"] = [item.stage for item in self.candidates]
        table["failure"] = [item.failure for item in self.candidates]
        return table

    @cached_property
    def near(self) -> list[Candidate]:
        """Candidates that meet the limits with an objective within the share `settings.near` of the best."""
        slack = self.settings.near * abs(self.value)
        return [item for item in self.candidates if item.violation == 0 and abs(item.outcome - self.value) <= slack]

    @cached_property
    def within(self) -> pd.DataFrame:
        """How far each variable goes among the candidates that are nearly as good: the best, lowest and highest value.

        A range is that of the candidates that were tried, hence a lower bound of the true one.
        """
        rows: dict[str, tuple[Any, ...]] = {}
        for name, item in self.variables.items():
            values = [candidate.values[name] for candidate in self.near] or [self.best[name]]
            if isinstance(item, Choice):
                places = sorted({item.number(value) for value in values})
                texts = [option_text(item.options[int(place)]) for place in places]
                rows[name] = (option_text(self.best[name]), texts[0], texts[-1], "", _span(item, values))
            else:
                numbers = [item.number(value) for value in values]
                span = _span(item, values)
                rows[name] = (item.number(self.best[name]), min(numbers), max(numbers), item.unit.text, span)
        columns_ = ["best", "lowest", "highest", "unit", "share"]
        return pd.DataFrame.from_dict(rows, orient="index", columns=columns_).rename_axis("variable")

    def along(self, name: str) -> list[Candidate]:
        """Candidates that differ from the best in one variable only, in its order.

        Raises
        ------
        SimulationError
            There is no such variable.
        """
        if name not in self.variables:
            raise SimulationError(f"there is no variable {shown(name)}{did_you_mean(name, self.variables)}")
        others = {other: item.share(self.best[other]) for other, item in self.variables.items() if other != name}
        found = [
            candidate
            for candidate in self.candidates
            if np.isfinite(candidate.outcome)
            and all(abs(self.variables[k].share(candidate.values[k]) - at) < _CLOSE for k, at in others.items())
        ]
        return sorted(found, key=lambda candidate: self.variables[name].number(candidate.values[name]))

    def flat(self, name: str | None = None) -> bool:
        """Whether a variable makes next to no difference, the others as in the best; or, without a name, all of them.

        A variable is flat if all candidates along it that meet the limits are nearly as good as the best and reach over
        90 % of its range; an optimum is flat if 90 % of all candidates that meet the limits are nearly as good.

        Raises
        ------
        SimulationError
            There is no such variable.
        """
        chosen = self.candidates if name is None else self.along(name)
        kept = [item for item in chosen if item.violation == 0]
        near = [item for item in kept if abs(item.outcome - self.value) <= self.settings.near * abs(self.value)]
        if not self.feasible or name is None:
            return self.feasible and len(near) >= _WHOLE * len(kept)
        return len(near) == len(kept) and _span(self.variables[name], [item.values[name] for item in near]) >= _WHOLE

    # -- show ------------------------------------------------------------------------------------------

    def __str__(self) -> str:
        return show.text(self)

    __repr__ = __str__

    def _repr_html_(self) -> str:
        return show.html(self)

    def plot(self, name: str | None = None, *, ax: Axes | None = None) -> Axes:
        """Draw the objective of all candidates against a variable, with the best; see `pkpd_mdr.plot.optimise`."""
        from pkpd_mdr.plot.optimise import plot_optimum

        return plot_optimum(self, name, ax=ax)


def _span(item: Variable, values: Sequence[Any]) -> float:
    """Which share of a variable's range values reach over; of options, how many of them are there."""
    shares = [item.share(value) for value in values]
    if isinstance(item, Choice):
        return len(set(shares)) / len(item.options)
    return max(shares) - min(shares) + (1 / item.count if item.count else 0.0)
