"""One member on the reference path: executes the instructions of a timeline between stretches of integration."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import partial

import numpy as np

from pkpd_mdr.engine.gradients import input_by, length_by
from pkpd_mdr.engine.lowering import Compiled, FloatArray
from pkpd_mdr.engine.reference import Accuracy, BrokenRunError, Guard, Propagator
from pkpd_mdr.engine.status import Status, Watch
from pkpd_mdr.engine.steady import steady_state
from pkpd_mdr.engine.timeline import Instruction, Kind, Timeline

__all__ = ["NOISE", "CrossedError", "Member"]

NOISE = 1e-6  # in units of a state: below zero by less is no stock that somebody could miss


class CrossedError(Exception):
    """A watched output crossed its level: the member ends here, and well."""

    def __init__(self, watch: int) -> None:
        super().__init__(watch)
        self.watch = watch


class Member:
    """State, inputs and sensitivities of one member while its timeline is executed.

    Sensitivities jump with the state: at an event of time tau(p) and map g,
    ``S+ = g_y (S- + f- tau') + g_p - f+ tau'``; an event at a fixed time has tau' = 0.

    Parameters
    ----------
    compiled : Compiled
    rows : ndarray, shape (r, p)
        Parameter rows; row 0 is in force until the timeline changes it.
    timeline : Timeline
    accuracy : Accuracy
    columns : sequence of str
        Parameters by which to differentiate.
    watches : sequence of Watch
        Outputs that end the member where they cross a level.
    levels : ndarray, shape (watches,), optional
    """

    def __init__(
        self,
        compiled: Compiled,
        rows: FloatArray,
        timeline: Timeline,
        accuracy: Accuracy,
        columns: Sequence[str] = (),
        watches: Sequence[Watch] = (),
        levels: FloatArray | None = None,
    ) -> None:
        n, m = len(compiled.states), len(columns)
        self.compiled, self.timeline, self.columns = compiled, timeline, tuple(columns)
        self.rows = rows
        self.propagator = Propagator(compiled, rows[0], accuracy, self.columns)
        self.t = 0.0
        self.z = np.zeros(n * (1 + m))
        self.rates = np.zeros(len(compiled.ports))
        self.rates_by = np.zeros((len(compiled.ports), m))
        self.largest = np.zeros(n)
        self.last_event = ""
        self.times: list[float] = []
        self._kept: list[tuple[FloatArray, FloatArray]] = []
        self.watches, self._levels = tuple(watches), np.zeros(len(watches)) if levels is None else levels
        self._above = np.zeros(len(watches), dtype=bool)
        self._targets = [compiled.states.index(port.target) if port.target else -1 for port in compiled.ports]

    # -- views -----------------------------------------------------------------------------------------

    @property
    def n(self) -> int:
        """Number of states."""
        return len(self.compiled.states)

    @property
    def parameters(self) -> FloatArray:
        """Parameters now in force (covariates may change them)."""
        return self.propagator.parameters

    @property
    def state(self) -> FloatArray:
        """The state vector now, shape (n,)."""
        return self.z[: self.n]

    @property
    def gradient(self) -> FloatArray:
        """Derivatives of the state by the columns now, shape (n, columns)."""
        return self.z[self.n :].reshape(self.n, len(self.columns))

    # -- run -------------------------------------------------------------------------------------------

    def begin(self, start: FloatArray | None, start_by: FloatArray | None, window: tuple[float, float] | None) -> None:
        """Set the state at the start of the window, and the inputs that run into it."""
        self.t = self.timeline.start if window is None else window[0]
        for item in self.timeline.steps:
            if window is None or item.time >= window[0]:
                break
            if item.kind is Kind.CHANGE:
                self._change(item)
            elif item.kind is Kind.RATE:
                self._input(item)
            elif item.kind is Kind.RESET or (item.steady is not None and not item.steady.add):
                self.rates[:], self.rates_by[:] = 0.0, 0.0
        own = start is None
        self.z[: self.n] = self.compiled.start(self.parameters) if start is None else start
        if self.columns:
            by = self.compiled.start_by_parameters(self.parameters, self.columns) if own else start_by
            self.gradient[:] = 0.0 if by is None else by
        if not np.isfinite(self.z).all():
            raise BrokenRunError("the start is not finite", self.t, self.state.copy())
        self._above = self._watched() > 0

    def execute(self, window: tuple[float, float] | None) -> None:
        """Execute the instructions of the window, integrating between them."""
        first, last = (-np.inf, np.inf) if window is None else window
        todo = [item for item in self.timeline if first <= item.time < last]
        stop = min(self.timeline.stop, last)
        position = 0
        while position < len(todo):
            marks: list[Instruction] = []
            while position < len(todo) and todo[position].kind in (Kind.MARK, Kind.END):
                marks.append(todo[position])
                position += 1
            self._pass(marks)
            if position < len(todo):
                time = todo[position].time
                self._move(time)
                while position < len(todo) and todo[position].kind is not Kind.MARK and todo[position].time == time:
                    self._apply(todo[position])
                    position += 1
                self._look()
        self._move(stop)

    def _pass(self, marks: list[Instruction]) -> None:
        """Integrate through consecutive marks in one call, keeping the state at each."""
        ahead = sorted({item.time for item in marks if item.time > self.t})
        kept = [item for item in marks if item.kind is Kind.MARK]
        for item in kept:
            if item.time <= self.t:
                self._keep(item, self.z)
        reached = dict(zip(ahead, self._integrate(np.array(ahead)), strict=True)) if ahead else {}
        for item in kept:
            if item.time in reached:
                self._keep(item, reached[item.time])
        if ahead:
            self.t, self.z = ahead[-1], reached[ahead[-1]].copy()

    def _move(self, time: float) -> None:
        if time > self.t:
            self.z = self._integrate(np.array([time]))[-1].copy()
            self.t = time

    def _integrate(self, times: FloatArray) -> FloatArray:
        inputs, inputs_by = np.zeros(self.n), np.zeros((self.n, len(self.columns)))
        for port in np.flatnonzero(self.rates):
            inputs[self._targets[port]] += self.rates[port]
            inputs_by[self._targets[port]] += self.rates_by[port]
        try:
            if self.watches:
                reached = self._up_to_crossing(times, inputs)
            else:
                reached = self.propagator.advance(self.t, self.z, times, inputs, inputs_by)
            seen = np.abs(np.vstack([self.z[: self.n], reached[:, : self.n]])).max(axis=0)
            self.largest = np.maximum(self.largest, seen)
            return reached
        except BrokenRunError as problem:
            self._creep(times[times < problem.t], inputs, inputs_by)
            raise

    def _watched(self) -> FloatArray:
        """What is watched, less its levels."""
        names = [watch.output for watch in self.watches]
        if not names:
            return np.zeros(0)
        found = self.compiled.outputs(names, np.array([self.t]), self.state[None], self.parameters)[0]
        return np.asarray(found - self._levels)

    def _look(self) -> None:
        """After events: an output that they took across its level ends the member."""
        above = self._watched() > 0
        before, self._above = self._above, above
        for k, watch in enumerate(self.watches):
            if above[k] != before[k] and watch.direction in (0, 1 if above[k] else -1):
                raise CrossedError(k)

    def _guards(self) -> list[Guard]:
        def guard(name: str, level: float, t: float, y: FloatArray) -> float:
            """An output minus its level, which changes sign where it is crossed."""
            return float(self.compiled.outputs([name], np.array([t]), y[None], self.parameters)[0, 0]) - level

        pairs = zip(self.watches, self._levels.tolist(), strict=True)
        return [(partial(guard, watch.output, level), watch.direction) for watch, level in pairs]

    def _up_to_crossing(self, times: FloatArray, inputs: FloatArray) -> FloatArray:
        """Integrate through `times`; where a watch is crossed first, keep the marks before it and end there."""
        reached, crossing = self.propagator.watched(self.t, self.z, times, inputs, self._guards())
        if crossing is None:
            return reached
        marks = {item.time: item for item in self.timeline if item.kind is Kind.MARK}
        for time, z in zip(times, reached, strict=False):
            if time in marks and time < crossing[0]:
                self._keep(marks[time], z)
        self.t, self.z = crossing[0], crossing[1].copy()
        raise CrossedError(crossing[2])

    def _creep(self, times: FloatArray, inputs: FloatArray, inputs_by: FloatArray) -> None:
        """After a failure: keep the marks before it, one by one."""
        marks = {item.time: item for item in self.timeline if item.kind is Kind.MARK}
        for time in times:
            try:
                self.z = self.propagator.advance(self.t, self.z, np.array([time]), inputs, inputs_by)[-1].copy()
            except BrokenRunError:
                return
            self.t = float(time)
            if self.t in marks:
                self._keep(marks[self.t], self.z)

    def _keep(self, item: Instruction, z: FloatArray) -> None:
        self.times.append(item.time)
        self._kept.append((z.copy(), self.parameters))

    # -- events ----------------------------------------------------------------------------------------

    def _apply(self, item: Instruction) -> None:
        if item.kind is Kind.CHANGE:
            self._change(item)
            return
        shift = self._time_by(item)
        if shift is not None:
            self.gradient[:] += np.outer(self._flow(), shift)
        self._jump(item)
        if shift is not None:
            self.gradient[:] -= np.outer(self._flow(), shift)

    def _jump(self, item: Instruction) -> None:
        if item.kind is Kind.RATE:
            self._input(item)
            return
        self.last_event = self.describe(item)
        if item.kind is Kind.JUMP:
            self._dose(item)
        elif item.kind is Kind.SET:
            target = self._targets[item.port]
            self.z[target] = item.value
            if self.columns:
                self.gradient[target] = 0.0
        elif item.kind is Kind.RESET:
            self._reset(to_start=item.value > 0)
        elif item.kind is Kind.STEADY:
            self._steady(item)

    def _reset(self, *, to_start: bool) -> None:
        self.rates[:], self.rates_by[:] = 0.0, 0.0
        self.z[:] = 0.0
        if to_start:
            self.z[: self.n] = self.compiled.start(self.parameters)
            if self.columns:
                self.gradient[:] = self.compiled.start_by_parameters(self.parameters, self.columns)

    def _dose(self, item: Instruction) -> None:
        port = self.compiled.ports[item.port]
        if port.action == "act":
            self._act(item)
            return
        self.z[self._targets[item.port]] += item.value
        if self.columns and item.source is not None:
            self.gradient[self._targets[item.port]] += input_by(item.source, self._port_by(item))

    def _act(self, item: Instruction) -> None:
        hit, effect = self.compiled.effects(item.port)
        given = self.t, self.state.tolist(), self.parameters, item.value
        after = np.array(effect(*given), dtype=float)
        if self.columns:
            flat, size = self.compiled.effects_by(item.port)(*given), len(hit) * self.n
            by_states = np.reshape(flat[:size], (len(hit), self.n))
            by_all = np.reshape(flat[size:], (len(hit), len(self.parameters)))
            chosen = [self.compiled.parameters.index(name) for name in self.columns]
            self.gradient[hit] = by_states @ self.gradient + by_all[:, chosen]
        self.z[hit] = after

    def _steady(self, item: Instruction) -> None:
        states, values, by = steady_state(self.propagator, item)
        assert item.steady is not None
        if item.steady.add:
            self.z[states] += values
            if self.columns:
                self.gradient[states] += by
        else:
            self.rates[:], self.rates_by[:] = 0.0, 0.0
            self.z[states] = values
            if self.columns:
                self.gradient[states] = by

    def _input(self, item: Instruction) -> None:
        self.rates[item.port] += item.value
        if abs(self.rates[item.port]) < 1e-12 * abs(item.value):
            self.rates[item.port] = 0.0
        if self.columns and item.source is not None:
            times = item.value / item.source.value if item.source.value else 0.0
            self.rates_by[item.port] += times * input_by(item.source, self._port_by(item))

    def _change(self, item: Instruction) -> None:
        self.propagator.switch(self.rows[item.index])

    # -- derivatives of events by parameters -------------------------------------------------------------

    def _flow(self) -> FloatArray:
        inputs = np.zeros(self.n)
        for port in np.flatnonzero(self.rates):
            inputs[self._targets[port]] += self.rates[port]
        return self.propagator.derivative(self.t, self.state, inputs)

    def _time_by(self, item: Instruction) -> FloatArray | None:
        """Derivative of the time of an instruction by the columns; None when it does not depend on them."""
        moves = item.source is not None and (item.lagged or item.ended) and item.kind is not Kind.STEADY
        if not self.columns or not moves:
            return None
        by = self._port_by(item)
        total = by[1] * float(item.lagged)
        if item.ended and item.source is not None:
            total = total + length_by(item.source, by)
        return total if np.any(total) else None

    def _port_by(self, item: Instruction) -> FloatArray:
        row = item.source.row if item.source is not None else 0
        return self.compiled.port_values_by(item.port, self.rows[row], self.columns)

    # -- results ---------------------------------------------------------------------------------------

    def negative(self) -> Status:
        """Failed when a stock that cannot be negative fell below zero by more than the tolerance explains."""
        if not self._kept or not self.compiled.guarded.any():
            return Status()
        states = np.array([z[: self.n] for z, _ in self._kept])
        below = states < -self._slack()
        if not below.any():
            return Status()
        row, column = map(int, np.argwhere(below)[0])
        name, t = self.compiled.states[column], self.times[row]
        return Status(
            False, f"{name} falls to {states[row, column]:.4g} at {t:.6g} h: a process takes away more than is there", t
        )

    def _slack(self) -> FloatArray:
        """How far below zero the tolerances can take a stock, given how large it has been."""
        accuracy = self.propagator.accuracy
        slack = 1e3 * accuracy.rtol * self.largest + max(1e3 * accuracy.atol, NOISE) * self.compiled.scale
        return np.where(self.compiled.guarded, slack, np.inf)

    def ended(self) -> FloatArray:
        """The state now, without what the tolerance leaves below zero, shape (n,)."""
        return self._without_noise(self.state)

    def _without_noise(self, states: FloatArray) -> FloatArray:
        """Values below zero within the tolerance are zero."""
        noise = self.compiled.guarded & (states < 0) & (states >= -self._slack())
        return np.where(noise, 0.0, states)

    def collect(self, outputs: tuple[str, ...]) -> tuple[FloatArray, FloatArray | None]:
        """Outputs at the marks that were reached, and their derivatives by the columns."""
        k, m = len(self.times), len(self.columns)
        values = np.empty((k, len(outputs)))
        gradients = np.empty((k, len(outputs), m)) if m else None
        times, first = np.array(self.times), 0
        while first < k:
            parameters = self._kept[first][1]
            last = first
            while last < k and self._kept[last][1] is parameters:
                last += 1
            part = np.array([z for z, _ in self._kept[first:last]])
            states = self._without_noise(part[:, : self.n])
            values[first:last] = self.compiled.outputs(outputs, times[first:last], states, parameters)
            if gradients is not None:
                by_states, by_parameters = self.compiled.outputs_by(
                    outputs, self.columns, times[first:last], states, parameters
                )
                inner = part[:, self.n :].reshape(last - first, self.n, m)
                gradients[first:last] = by_states @ inner + by_parameters
            first = last
        return values, gradients

    def explain(self, problem: BrokenRunError) -> str:
        """One sentence on a failure: when, after which event, at which state, which process."""
        if math.isnan(problem.t):
            return f"the run cannot begin: {problem.reason}"
        after = f" after {self.last_event}" if self.last_event else ""
        where = ""
        if problem.y.size >= self.n > 0:
            y = problem.y[: self.n]
            worst = int(np.argmax(np.where(np.isfinite(y), np.abs(y) / self.compiled.scale, np.inf)))
            where = (
                f"; the largest state is {self.compiled.states[worst]} = {y[worst]:.4g}{self._worst_process(problem)}"
            )
        return f"the run stopped at {problem.t:.6g} h{after}: {problem.reason}{where}"

    def _worst_process(self, problem: BrokenRunError) -> str:
        for name, value in self.propagator.process_rates(problem.t, problem.y[: self.n]).items():
            if not np.isfinite(value):
                return f", and the rate of process {name!r} is {value}"
        return ""

    def describe(self, item: Instruction) -> str:
        """An event in words, for failure reports."""
        if item.port < 0:
            return f"the {item.kind.name.lower()} at {item.time:g} h"
        port = self.compiled.ports[item.port]
        what = "exposure" if port.action == "expose" else "dose" if port.action == "dose" else "treatment"
        return f"the {what} of {port.name!r} at {item.time:g} h"
