"""Data meet a model: one simulation for each condition, and predictions with exact derivatives for each row.

Replicates share a simulation. Nothing here knows of error models or optimisers.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from typing import Any

import numpy as np
import numpy.typing as npt

from pkpd_mdr.data import Condition, Data
from pkpd_mdr.engine import Accuracy, BoundPorts, Compiled, Outputs, Timeline, Trajectory, build, compile_model, solve
from pkpd_mdr.errors import PkpdMdrError, RegimenError, UnitError, shown
from pkpd_mdr.fit.free import FloatArray, Space
from pkpd_mdr.fit.grouping import coordinates
from pkpd_mdr.fit.starting import Begin
from pkpd_mdr.model import Model
from pkpd_mdr.regimen.entries import Give
from pkpd_mdr.units import Unit, conversion

__all__ = ["Member", "Prediction", "Problem", "Rows", "between_units"]

IntArray = npt.NDArray[np.int64]
RELATIVE = ("max", "first", "peak")
"""Largest or earliest fitted value of a condition, or the peak of its whole curve."""


@dataclass(frozen=True, slots=True)
class Prediction:
    """What the model says of every row.

    Attributes
    ----------
    values : ndarray, shape (rows,)
        In the unit of each row's observable; NaN where the condition failed.
    by : ndarray, shape (rows, k)
        Derivatives by the working coordinates.
    failures : mapping of str to str
        Condition to the sentence that says why it could not be simulated.
    readout_by : ndarray, shape (rows, r)
        Derivatives by the scales and offsets of readouts; no columns where there are none.
    readout : ndarray, shape (r,)
        Those scales and offsets.
    """

    values: FloatArray
    by: FloatArray
    failures: Mapping[str, str] = field(default_factory=dict)
    readout_by: FloatArray | None = None
    readout: FloatArray | None = None

    @property
    def failed(self) -> npt.NDArray[np.bool_]:
        """Rows of failed conditions, shape (rows,)."""
        return np.isnan(self.values)


@dataclass(frozen=True, slots=True)
class Rows:
    """The measurements to be fitted, one entry each, in the order of `Data.table`.

    Attributes
    ----------
    value, known : ndarray, shape (rows,)
        Measurement and standard deviation of one (NaN when unknown), unit of the observable.
    n : ndarray, shape (rows,)
        Measurements behind a value.
    time : ndarray, shape (rows,)
        Hours.
    observable : tuple of str
        Names in the order of `which`.
    which, member, mark : ndarray of int, shape (rows,)
        Number of observable, of member, and of time within the member.
    place, source : ndarray of int, shape (rows,)
        Position in `Data.table`, and row or line of the table that was read.
    factor : ndarray, shape (rows,)
        Internal value of one unit.
    censored : ndarray of int, shape (rows,)
        -1 where the measurement was below `value`, +1 where it was above, 0 where it is the value.
    scale, offset : ndarray of int, shape (rows,)
        Which of `Problem.readouts` a prediction is multiplied with, and which is added; -1 for none.
    """

    value: FloatArray
    known: FloatArray
    n: FloatArray
    time: FloatArray
    observable: tuple[str, ...]
    which: IntArray
    member: IntArray
    mark: IntArray
    place: IntArray
    source: IntArray
    factor: FloatArray
    censored: IntArray
    scale: IntArray
    offset: IntArray

    def __len__(self) -> int:
        return len(self.value)


@dataclass(frozen=True, slots=True)
class Member:
    """One condition as it is simulated.

    Attributes
    ----------
    condition : Condition
    begin : Begin
    times : ndarray, shape (marks,)
        Hours.
    base : ndarray, shape (p,)
        Parameters with covariates and known starts in them, internal units.
    """

    condition: Condition
    begin: Begin
    times: FloatArray
    base: FloatArray


@dataclass(slots=True)
class Problem:
    """A model, data and what is free; answers `predict`.

    Parameters
    ----------
    model : Model
    data : Data
    space : Space
    outputs : mapping of str to str
        Observable of the data to output of the model.
    members : tuple of Member
    rows : Rows
    accuracy : Accuracy
    relative_to : mapping of str to str
        Observables that are measured relative to one of `RELATIVE`.
    notes : tuple of str
    readouts : tuple of str
        Names of scales and offsets that are solved for.
    """

    model: Model
    data: Data
    space: Space
    outputs: Mapping[str, str]
    members: tuple[Member, ...]
    rows: Rows
    accuracy: Accuracy
    relative_to: Mapping[str, str]
    notes: tuple[str, ...] = ()
    readouts: tuple[str, ...] = ()
    _compiled: Compiled | None = None
    _timelines: list[Timeline] | None = None
    _rows_of: list[IntArray] = field(init=False)
    _coordinates: list[IntArray] = field(init=False)

    def __post_init__(self) -> None:
        self._coordinates = [coordinates(self.space, member.condition) for member in self.members]
        self._rows_of = [np.flatnonzero(self.rows.member == i) for i in range(len(self.members))]

    def __reduce__(self) -> tuple[Any, ...]:
        """Travel as what was declared: compiled forms and timelines are made where it arrives."""
        given = [item.name for item in fields(self) if item.init and not item.name.startswith("_")]
        return Problem, tuple(getattr(self, name) for name in given)

    @property
    def compiled(self) -> Compiled:
        """The model as functions."""
        if self._compiled is None:
            self._compiled = compile_model(self.model)
        return self._compiled

    @property
    def algebraic(self) -> bool:
        """Whether nothing is integrated."""
        return not self.model.states

    def predict(self, u: FloatArray, *, gradient: bool = True) -> Prediction:
        """Predictions for all rows at a point of the working space.

        Parameters
        ----------
        u : ndarray, shape (k,)
        gradient : bool
            Whether derivatives are wanted (else `by` is zero).

        Returns
        -------
        Prediction
            Conditions that cannot be simulated are NaN and named.
        """
        return self.predict_many([u], gradient=gradient)[0]

    def predict_many(self, points: Sequence[FloatArray], *, gradient: bool = True) -> list[Prediction]:
        """Predictions at several points, as by `predict`; all conditions of all points are one ensemble."""
        parameters = np.concatenate([self._parameters(u) for u in points])
        plans = [plan for u in points for plan in self._made_timelines(u)]
        solved, size = self._ensemble(parameters, plans, gradient=gradient), len(self.members)
        return [self._prediction(u, solved[i * size : (i + 1) * size], gradient) for i, u in enumerate(points)]

    def _prediction(self, u: FloatArray, solved: Sequence[Trajectory | str], gradient: bool) -> Prediction:
        values = np.full(len(self.rows), np.nan)
        by = np.zeros((len(self.rows), len(self.space)))
        chain, failures = self.space.chain(u), {}
        for number, trajectory in enumerate(solved):
            if isinstance(trajectory, str):
                failures[self.members[number].condition.name] = trajectory
                continue
            mine, by_own = self._rows_of[number], chain[self._coordinates[number]]
            at = self.rows.mark[mine], self.rows.which[mine]
            values[mine] = trajectory.values[at] / self.rows.factor[mine]
            if gradient and trajectory.sensitivities is not None:
                by[mine] = trajectory.sensitivities[at] @ by_own / self.rows.factor[mine, None]
            if self.relative_to:
                self._relate(trajectory, by_own, mine, values, by)
        broken = ~(np.isfinite(values) & np.isfinite(by).all(axis=1))
        for number in np.unique(self.rows.member[broken]).tolist():
            bad, name = self._rows_of[number], self.members[number].condition.name
            failures.setdefault(name, self._not_finite(bad, values))
            values[bad], by[bad] = np.nan, 0.0
        return Prediction(values, by, failures)

    def _not_finite(self, mine: IntArray, values: FloatArray) -> str:
        bad = mine[np.argmin(np.isfinite(values[mine]))]
        return f"{self.rows.observable[self.rows.which[bad]]} is not finite at {self.rows.time[bad]:g} h"

    def _relate(
        self, trajectory: Trajectory, by_own: FloatArray, mine: IntArray, values: FloatArray, by: FloatArray
    ) -> None:
        """Divide observables that are measured relative to a value of their own curve."""
        for name, to in self.relative_to.items():
            which = self.rows.observable.index(name)
            rows = mine[self.rows.which[mine] == which]
            if not len(rows):
                continue
            if to == "peak":
                top, factor = int(np.argmax(trajectory.values[:, which])), self.rows.factor[rows[0]]
                size = trajectory.values[top, which] / factor
                slope = trajectory.sensitivities
                size_by = np.zeros(by.shape[1]) if slope is None else slope[top, which] @ by_own / factor
            else:
                reference = rows[np.argmax(values[rows]) if to == "max" else np.argmin(self.rows.time[rows])]
                size, size_by = values[reference], by[reference].copy()
            if not size > 0:
                values[rows] = np.inf
                continue
            by[rows] = by[rows] / size - np.outer(values[rows] / size**2, size_by)
            values[rows] /= size

    # -- simulation --------------------------------------------------------------------------------------

    def simulate(self, u: FloatArray, times: Sequence[FloatArray]) -> list[tuple[FloatArray, FloatArray, str]]:
        """Curves of all members: times (h), outputs in the units of the data (k, observables), and what failed."""
        parameters, curves = self._parameters(u), []
        plans = [self._timeline(m, parameters[i], times[i]) for i, m in enumerate(self.members)]
        solved = self._ensemble(parameters, plans, gradient=False)
        factors = np.array([self.data.value_factor(name) * self._mass_factor(name) for name in self.rows.observable])
        for trajectory in solved:
            if isinstance(trajectory, str):
                curves.append((np.empty(0), np.empty((0, len(factors))), trajectory))
            else:
                curves.append((trajectory.times, trajectory.values / factors, ""))
        return curves

    def _mass_factor(self, name: str) -> float:
        return between_units(self.model, self.outputs[name], self.data.units[name])

    def _parameters(self, u: FloatArray) -> FloatArray:
        """A row of parameters for each member, internal units."""
        positions = [self.compiled.parameters.index(name) for name in self.space.targets]
        table, own = np.array([member.base for member in self.members]), self.space.placed(u)
        table[:, positions] = own[np.array(self._coordinates)]
        return table

    def _made_timelines(self, u: FloatArray) -> list[Timeline | str]:
        """Timelines, made again only when doses depend on what is free."""
        if self._timelines is not None:
            return list(self._timelines)
        parameters = self._parameters(u)
        made = [self._timeline(member, parameters[i], member.times) for i, member in enumerate(self.members)]
        if not _ports_depend_on(self.model, self.space.targets) and not any(isinstance(item, str) for item in made):
            self._timelines = [item for item in made if not isinstance(item, str)]
        return made

    def _timeline(self, member: Member, parameters: FloatArray, times: FloatArray) -> Timeline | str:
        first = min(member.begin.time, float(times[0]))
        acts = [act for act in member.condition.regimen.acts if act.time <= times[-1]]
        try:
            gives = [Give(act) for act in sorted(acts, key=lambda act: act.time)]
            ports = BoundPorts(self.compiled, parameters[None])
            return build(gives, ports, start=first, stop=float(times[-1]), outputs=Outputs.before(times))
        except RegimenError as problem:
            return str(problem)

    def _ensemble(
        self, parameters: FloatArray, plans: Sequence[Timeline | str], *, gradient: bool
    ) -> list[Trajectory | str]:
        """Each plan solved, or the sentence why it could not be; members repeat where there are several points."""
        solved: list[Trajectory | str] = [
            plan if isinstance(plan, str) else self._beyond(i, parameters[i]) for i, plan in enumerate(plans)
        ]
        possible = [i for i, sentence in enumerate(solved) if not sentence]
        for i, result in zip(possible, self._together(parameters, plans, possible, gradient), strict=True):
            solved[i] = result
        return solved

    def _beyond(self, number: int, parameters: FloatArray) -> str:
        """Which tied parameter leaves the bounds of the model, as a sentence; empty when none does."""
        if not self.space.tied:
            return ""
        places = self._coordinates[number % len(self.members)] - len(self.space)
        for name, place in zip(self.space.targets, places, strict=True):
            if place >= 0:
                value = float(parameters[self.compiled.parameters.index(name)])
                if sentence := self.space.tied[int(place)].beyond(value):
                    return sentence
        return ""

    def _together(
        self, parameters: FloatArray, plans: Sequence[Timeline | str], chosen: list[int], gradient: bool
    ) -> list[Trajectory | str]:
        """All chosen plans in one call; one by one only when the call itself breaks."""
        if not chosen:
            return []
        columns = self.space.targets if gradient else ()
        try:
            starts, starts_by = self._starts(parameters, chosen, columns)
            with np.errstate(all="ignore"):
                members = solve(
                    self.compiled,
                    parameters[chosen],
                    starts,
                    [plan for plan in (plans[i] for i in chosen) if not isinstance(plan, str)],
                    [self.outputs[name] for name in self.rows.observable],
                    accuracy=self.accuracy,
                    sensitivities=columns,
                    starts_by=starts_by,
                ).members
        except (ArithmeticError, ValueError, PkpdMdrError) as problem:
            if len(chosen) == 1:
                return [str(problem)]
            return [self._together(parameters, plans, [i], gradient)[0] for i in chosen]
        return [item if item.status.ok else item.status.sentence for item in members]

    def _starts(
        self, parameters: FloatArray, chosen: list[int], columns: tuple[str, ...]
    ) -> tuple[FloatArray | None, FloatArray | None]:
        """States that the data know directly, beside the model's own start; None when there are none."""
        begins = [self.members[i % len(self.members)].begin.states for i in chosen]
        if not any(begins):
            return None, None
        starts = np.array([self.compiled.start(parameters[i]) for i in chosen])
        by = np.array([self.compiled.start_by_parameters(parameters[i], columns) for i in chosen]) if columns else None
        for row, (i, given) in enumerate(zip(chosen, begins, strict=True)):
            for name, value in given.items():
                position = self.compiled.states.index(name)
                starts[row, position] = value
                if by is not None:
                    by[row, position] = 0.0
            self.compiled.fill(starts[row], given, parameters[i])
            if by is not None:
                self.compiled.fill_by_parameters(by[row], starts[row], given, parameters[i], columns)
        return starts, by


def between_units(model: Model, output: str, unit: Unit) -> float:
    """Factor from the data's internal value to the model's; 1 unless a molar mass lies between them."""
    part = model.outputs[output]
    factor = conversion(unit, part.unit, model.molar_mass(output))
    if factor is not None:
        return factor
    raise UnitError(
        f"{shown(output)} was measured in {unit.text or 'a pure number'!r}, "
        f"but the model gives it in {part.unit.text or 'a pure number'!r}; "
        "write the unit with the value column when reading, or map another output with observables="
    )


def _ports_depend_on(model: Model, names: tuple[str, ...]) -> bool:
    wanted = set(names)
    for port in model.ports:
        for item in (port.bioavailability, port.lag, port.rate, port.duration):
            if item is not None and wanted & {str(s) for s in item.free_symbols}:
                return True
    return False
