"""The compiled path behind the seam of `solve.py`: same arguments, same Ensemble.

Members fill the lanes of machine code; the driver reads timelines as arrays. What one member does is bitwise the same
alone, among others, in another order and on any number of threads.
"""

from __future__ import annotations

import os
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise
from typing import Any

import numpy as np

from pkpd_mdr.engine.lowering import Compiled, FloatArray, compile_model
from pkpd_mdr.engine.machine import driver, loop, native, records
from pkpd_mdr.engine.machine.kernels import Kernels
from pkpd_mdr.engine.machine.program import Line, lower, lower_line
from pkpd_mdr.engine.machine.stepper import Sizes, guard_module, observe_module, step_module
from pkpd_mdr.engine.machine.tangent import Arrays, guard_by_module, observe_by_module, tangent_module
from pkpd_mdr.engine.member import NOISE, Member
from pkpd_mdr.engine.reference import LARGEST, Accuracy, BrokenRunError, Propagator
from pkpd_mdr.engine.solve import Ensemble, Trajectory
from pkpd_mdr.engine.solve import solve as solve_reference
from pkpd_mdr.engine.status import Status, Watch
from pkpd_mdr.engine.steady import steady_state
from pkpd_mdr.engine.timeline import Instruction, Kind, Timeline
from pkpd_mdr.errors import SimulationError

__all__ = ["Native", "Work", "solve_compiled", "warm_up"]

_KEPT = 64
_FIRST_STEP = 0.01
_FEW, _MANY, _WORTH = 2, 64, 500
Lowered = tuple[list[Line], records.Program, int]
_natives: OrderedDict[str, Native] = OrderedDict()
_lock = threading.RLock()


class Native:
    """A model as machine code, for each number of lanes that was asked for.

    Parameters
    ----------
    compiled : Compiled
    """

    def __init__(self, compiled: Compiled) -> None:
        self.kernels = Kernels(compiled)
        self._steps: dict[tuple[int, bool], tuple[native.Library, Sizes]] = {}
        self._observers: dict[tuple[int, tuple[str, ...]], native.Library] = {}
        self._guards: dict[tuple[int, tuple[str, ...]], native.Library] = {}
        # the timelines are kept too, so that their identities stay theirs
        self._programs: OrderedDict[Any, tuple[tuple[Timeline, ...], Lowered]] = OrderedDict()
        self._tangents: dict[tuple[str, ...], tuple[native.Library, Arrays]] = {}
        self._observers_by: dict[tuple[tuple[str, ...], tuple[str, ...]], native.Library] = {}
        self._guards_by: dict[tuple[tuple[str, ...], tuple[str, ...]], native.Library] = {}

    @classmethod
    def of(cls, compiled: Compiled) -> Native:
        """The machine code of a model; the last 64 are kept."""
        with _lock:
            found = _natives.pop(compiled.structure_hash, None) or cls(compiled)
            _natives[compiled.structure_hash] = found
            while len(_natives) > _KEPT:
                _natives.popitem(last=False)
            return found

    def step(self, width: int, driven: bool = False) -> tuple[native.Library, Sizes]:
        """The functions of a step over `width` lanes, linear parts in closed form or not, and array sizes."""
        with _lock:
            if (width, driven) not in self._steps:
                text, sizes = step_module(self.kernels, width, driven=driven)
                self._steps[width, driven] = native.load(text), sizes
            return self._steps[width, driven]

    def observer(self, width: int, outputs: tuple[str, ...]) -> native.Library:
        """The function that computes outputs over `width` lanes."""
        with _lock:
            if (width, outputs) not in self._observers:
                self._observers[width, outputs] = native.load(observe_module(self.kernels, outputs, width))
            return self._observers[width, outputs]

    def guard(self, width: int, watched: tuple[str, ...]) -> native.Library:
        """The function that computes the model's conditions and watched outputs over `width` lanes."""
        with _lock:
            if (width, watched) not in self._guards:
                self._guards[width, watched] = native.load(guard_module(self.kernels, watched, width))
            return self._guards[width, watched]

    def tangent(self, columns: tuple[str, ...]) -> tuple[native.Library, Arrays]:
        """The functions that carry derivatives by some parameters, and the sizes of their arrays."""
        with _lock:
            if columns not in self._tangents:
                text, arrays = tangent_module(self.kernels, columns)
                self._tangents[columns] = native.load(text), arrays
            return self._tangents[columns]

    def observer_by(self, outputs: tuple[str, ...], columns: tuple[str, ...]) -> native.Library:
        """The function that differentiates outputs."""
        with _lock:
            if (outputs, columns) not in self._observers_by:
                self._observers_by[outputs, columns] = native.load(observe_by_module(self.kernels, outputs, columns))
            return self._observers_by[outputs, columns]

    def guard_by(self, watched: tuple[str, ...], columns: tuple[str, ...]) -> native.Library:
        """The function that differentiates conditions and watched outputs."""
        with _lock:
            if (watched, columns) not in self._guards_by:
                self._guards_by[watched, columns] = native.load(guard_by_module(self.kernels, watched, columns))
            return self._guards_by[watched, columns]

    def program(self, timelines: tuple[Timeline, ...], window: tuple[float, float] | None) -> Lowered:
        """Timelines as arrays; the last few are kept, because fits solve the same ones again and again."""
        key = window, tuple(map(id, timelines))
        with _lock:
            kept = self._programs.pop(key, None)
            if kept is None:
                lines = [lower_line(self.kernels.compiled, timeline, window) for timeline in timelines]
                kept = timelines, (lines, *lower(self.kernels.compiled, lines, self.kernels.targets))
            if len(timelines) <= _MANY:
                self._programs[key] = kept
            while len(self._programs) > _KEPT:
                self._programs.popitem(last=False)
            return kept[1]

    def machine(
        self, width: int, outputs: tuple[str, ...], watched: tuple[str, ...] = (), *, driven: bool = False
    ) -> records.Machine:
        """Addresses for the driver."""
        library, _ = self.step(width, driven)
        guarded = bool(watched or self.kernels.conditions)
        acts = np.array([library.address(f"act_{i}") for i in range(len(self.kernels.compiled.ports))], dtype=np.int64)
        return records.Machine(
            prepare=library.address("prepare"),
            start=library.address("start"),
            step=library.address("step"),
            march=library.address("march"),
            dense=library.address("dense"),
            observe=self.observer(width, outputs).address("observe"),
            guard=self.guard(width, watched).address("guard") if guarded else 0,
            acts=acts,
        )


def solve_compiled(
    compiled: Compiled,
    parameters: FloatArray,
    starts: FloatArray | None,
    timelines: Sequence[Timeline],
    outputs: Sequence[str],
    *,
    accuracy: Accuracy | None = None,
    sensitivities: Sequence[str] = (),
    starts_by: FloatArray | None = None,
    rows: Sequence[FloatArray] | None = None,
    window: tuple[float, float] | None = None,
    watches: Sequence[Watch] = (),
    levels: FloatArray | None = None,
    width: int | None = None,
    threads: int | None = None,
    control_sensitivities: bool = True,
) -> Ensemble:
    """Solve many members of one model by Rodas5P over lanes.

    Parameters
    ----------
    compiled, parameters, starts, timelines, outputs, accuracy, sensitivities, starts_by, rows, window, watches, levels
        As in `pkpd_mdr.engine.solve`; of the accuracy, `rtol`, `atol` and `budget` are used.
    width : int, optional
        Lanes; chosen by the number of members and the processor when not given. Results do not depend on it.
    threads : int, optional
        Threads; as many as processors for 64 members or more when not given. Results do not depend on it.
    control_sensitivities : bool
        Whether the error of sensitivities, too, decides on the length of steps.

    Returns
    -------
    Ensemble

    Raises
    ------
    SimulationError
        The shapes do not fit each other, or llvmlite is missing.
    """
    if not compiled.states or not len(timelines):
        plain = replace(accuracy or Accuracy(), method="LSODA")  # there is nothing to integrate
        options: dict[str, Any] = {
            "sensitivities": sensitivities,
            "starts_by": starts_by,
            "rows": rows,
            "window": window,
            "watches": watches,
            "levels": levels,
        }
        return solve_reference(compiled, parameters, starts, timelines, outputs, accuracy=plain, **options)
    table = np.atleast_2d(np.asarray(parameters, dtype=float))
    _check(compiled, table, starts, timelines)
    for name in outputs:
        compiled.expression(name)
    work = Work(compiled, table, timelines, tuple(outputs), accuracy or Accuracy(), rows, window)
    work.columns, work.watches = tuple(sensitivities), tuple(watches)
    if watches:
        work.levels = np.asarray(levels, dtype=float).reshape(len(table), len(watches))
    few = bool(sensitivities) or len(table) <= _FEW
    work.prepare(starts, 1 if sensitivities else width or (1 if few else native.preferred_width()))
    if sensitivities:
        from pkpd_mdr.engine.machine.sensitivity import derivative_driver

        drive = derivative_driver(work, own=starts is None, starts_by=starts_by, controlled=control_sensitivities)
    else:
        drive = work.driver()
    work.run(drive, threads or (1 if len(table) < _MANY else os.cpu_count() or 1))
    return Ensemble(tuple(work.trajectory(i) for i in range(len(table))), work.outputs, work.columns, "compiled")


def warm_up() -> float:
    """Compile the drivers for this machine, which happens once for each version; return the seconds it took.

    Until this is done, small runs use the same loop in plain Python, and 500 members or more compile it first.
    """
    from pkpd_mdr.engine.machine.columns import HELPERS, drive_columns
    from pkpd_mdr.mechanisms import clone, growth
    from pkpd_mdr.model import Model

    begin = time.perf_counter()
    model = Model(clone("S", growth=growth.exponential(rate="0.5 1/day"), start=1.0))
    compiled = compile_model(model)
    values = np.array([[parameter.internal for parameter in model.parameters.values()]])
    timeline = Timeline((Instruction(0.0, Kind.MARK, index=0), Instruction(1.0, Kind.END)), 0.0, 1.0)
    driver.compiled_loop(loop.drive, loop.HELPERS, worth=True)
    driver.compiled_loop(drive_columns, HELPERS, worth=True)
    for columns in ((), compiled.parameters[:1]):
        solve_compiled(compiled, values, None, [timeline], ["S"], sensitivities=columns)
    return time.perf_counter() - begin


def _check(
    compiled: Compiled, parameters: FloatArray, starts: FloatArray | None, timelines: Sequence[Timeline]
) -> None:
    if len(parameters) != len(timelines) or parameters.shape[1] != len(compiled.parameters):
        raise SimulationError(
            f"parameters have the shape {parameters.shape}, but there are {len(timelines)} timelines"
            f" and {len(compiled.parameters)} parameters"
        )
    if starts is not None and np.shape(starts) != (len(timelines), len(compiled.states)):
        raise SimulationError(
            f"starts have the shape {np.shape(starts)}, but should have ({len(timelines)}, {len(compiled.states)})"
        )


def _addresses(lanes: records.Lanes, control: records.Control) -> records.Pointers:
    """Addresses of the arrays that machine code reads and writes."""
    names = [name for name in records.Pointers._fields if name not in ("tolerances", "most")]
    found: dict[str, int] = {name: getattr(lanes, name).ctypes.data for name in names}
    return records.Pointers(tolerances=control.tolerances.ctypes.data, most=control.most.ctypes.data, **found)


@dataclass(slots=True)
class Work:
    """One call of `solve_compiled`: from arguments to arrays, and from results to trajectories."""

    compiled: Compiled
    parameters: FloatArray
    timelines: Sequence[Timeline]
    outputs: tuple[str, ...]
    accuracy: Accuracy
    rows: Sequence[FloatArray] | None
    window: tuple[float, float] | None
    columns: tuple[str, ...] = ()
    watches: tuple[Watch, ...] = ()
    levels: FloatArray | None = None
    lines: list[Line] = field(default_factory=list)
    line_of: list[int] = field(default_factory=list)
    tables: list[FloatArray] = field(default_factory=list)
    broken: dict[int, BrokenRunError] = field(default_factory=dict)
    refused: set[int] = field(default_factory=set)
    width: int = 1
    memories: int = 1
    driven: int = 0
    program: records.Program = field(init=False)
    members: records.Members = field(init=False)
    results: records.Results = field(init=False)
    settled_by: FloatArray = field(init=False)
    gradients: FloatArray | None = None
    ends_by: FloatArray | None = None
    delays: FloatArray | None = None

    # -- before ----------------------------------------------------------------------------------------

    def prepare(self, starts: FloatArray | None, width: int) -> None:
        """Lower everything to arrays."""
        self.width = width
        self._lower()
        lengths = [len(table) for table in self.tables] or [1] * len(self.parameters)
        first = np.cumsum([0, *lengths])
        stacked = np.concatenate(self.tables) if self.tables else self.parameters
        given = self._starts(stacked, first) if starts is None else np.array(starts, dtype=float)
        settled, fixes, settled_first = self._settled()
        marks = np.array([len(line.marks) for line in self.lines], dtype=np.int64)[self.line_of]
        self._refuse(stacked, first, given)
        self.members = records.Members(
            line=np.array(self.line_of, dtype=np.int64),
            row_first=first[:-1].astype(np.int64),
            rows=np.empty((0, 0)),
            starts=np.ascontiguousarray(given),
            settled_first=settled_first,
            settled=settled,
            fixes=fixes,
            mark_first=(np.cumsum(marks) - marks).astype(np.int64),
            order=np.arange(len(self.parameters)),
        )
        self._complete(stacked, first)
        count, n = len(self.parameters), len(self.compiled.states)
        self.results = records.Results(
            values=np.full((int(marks.sum()), len(self.outputs)), np.nan),
            reached=np.zeros(count, dtype=np.int64),
            end=np.zeros((count, n)),
            time=np.zeros(count),
            status=np.zeros(count, dtype=np.int64),
            event=np.full(count, -1, dtype=np.int64),
            steps=np.zeros(count, dtype=np.int64),
            below=np.full((count, 3), -1.0),
            crossed=np.full(count, -1, dtype=np.int64),
        )

    def _complete(self, stacked: FloatArray, first: records.Integers) -> None:
        """Put decompositions of linear parts and levels of watches behind the parameters.

        Members whose linear parts are in closed form are solved first, as these use another step than the rest.
        """
        numbers, usable = Native.of(self.compiled).kernels.linear.decompose(stacked)
        driven = (
            np.logical_and.reduceat(usable, first[:-1]) if numbers.shape[1] and not self.columns else usable & False
        )
        parts = [stacked, numbers]
        if self.levels is not None:
            parts.append(np.repeat(self.levels, np.diff(first), axis=0))
        order = np.argsort(~driven, kind="stable")
        self.driven = int(driven.sum())
        self.members = self.members._replace(rows=np.ascontiguousarray(np.hstack(parts)), order=order)

    def _lower(self) -> None:
        known: dict[int, int] = {}
        for timeline in self.timelines:
            self.line_of.append(known.setdefault(id(timeline), len(known)))
        unique = (
            dict(zip(map(id, self.timelines), self.timelines, strict=True))
            if len(known) > 1
            else {0: self.timelines[0]}
        )
        found = Native.of(self.compiled).program(tuple(unique.values()), self.window)
        self.lines, self.program, self.memories = found
        if self.rows is not None:
            self.tables = [np.atleast_2d(np.asarray(table, dtype=float)) for table in self.rows]

    def table(self, member: int) -> FloatArray:
        """The parameter rows of a member."""
        return self.tables[member] if self.tables else self.parameters[member : member + 1]

    def _starts(self, stacked: FloatArray, first: records.Integers) -> FloatArray:
        """The model's own start under the row in force at the begin, `width` members at a time."""
        library, sizes = Native.of(self.compiled).step(self.width)
        call = library.call("start", 2)
        chosen = stacked[first[:-1] + np.array([self.lines[line].row for line in self.line_of])]
        p, y = driver.aligned(stacked.shape[1], self.width), driver.aligned(sizes.states, self.width)
        out = np.empty((len(chosen), sizes.states))
        for begin in range(0, len(chosen), self.width):
            block = chosen[begin : begin + self.width]
            p[:, : len(block)] = block.T
            call(p.ctypes.data, y.ctypes.data)
            out[begin : begin + len(block)] = y.T[: len(block)]
        return out

    def _settled(self) -> tuple[FloatArray, records.Integers, records.Integers]:
        """Steady states of all members: values, what is done with them, and where each member's begin."""
        n = len(self.compiled.states)
        counts = np.array([len(line.steady) for line in self.lines], dtype=np.int64)[self.line_of]
        values, fixes = np.zeros((counts.sum(), n)), np.zeros((counts.sum(), n + 1), dtype=np.int64)
        self.settled_by = np.zeros((len(values), n, len(self.columns)))
        place = 0
        for member, line in enumerate(self.line_of if len(values) else []):
            for item, row in self.lines[line].steady:
                assert item.steady is not None
                try:
                    propagator = Propagator(self.compiled, self.table(member)[row], self.accuracy, self.columns)
                    states, found, by = steady_state(propagator, item)
                except BrokenRunError as problem:
                    self.broken.setdefault(member, problem)
                    states, found, by = list(range(n)), np.full(n, np.nan), np.zeros((n, len(self.columns)))
                values[place, states] = found
                self.settled_by[place, states] = by
                fixes[place, states] = 2 if item.steady.add else 1
                fixes[place, n] = int(not item.steady.add)
                place += 1
        return values, fixes, (np.cumsum(counts) - counts).astype(np.int64)

    def _refuse(self, stacked: FloatArray, first: records.Integers, starts: FloatArray) -> None:
        """Members that cannot begin: their lanes stop at once, and the others do not notice."""
        finite = np.logical_and.reduceat(np.isfinite(stacked).all(axis=1), first[:-1])
        begun = np.isfinite(starts).all(axis=1)
        for member in np.flatnonzero(~(finite & begun)).tolist():
            table, zero = self.table(member), np.zeros(len(self.compiled.states))
            if not finite[member]:
                bad = self.compiled.parameters[int(np.argmin(np.isfinite(table).all(axis=0)))]
                self.broken[member] = BrokenRunError(f"parameter {bad!r} is not a finite number", 0.0, zero)
            else:
                begin = self.lines[self.line_of[member]].begin
                self.broken[member] = BrokenRunError("the start is not finite", begin, starts[member].copy())
            self.refused.add(member)
            starts[member] = np.nan

    # -- run -------------------------------------------------------------------------------------------

    def driver(self) -> Callable[[int, int], None]:
        """A function that solves the members ``begin .. end - 1`` of the order in lanes of its own."""
        drive = driver.compiled_loop(loop.drive, loop.HELPERS, worth=len(self.parameters) >= _WORTH)

        def part(begin: int, end: int) -> None:
            for driven, first, last in ((True, begin, min(end, self.driven)), (False, max(begin, self.driven), end)):
                if first < last:
                    drive(self.whole(driven=driven), first, last)

        return part

    @property
    def watched(self) -> tuple[str, ...]:
        """The outputs that are watched."""
        return tuple(watch.output for watch in self.watches)

    def whole(self, *, driven: bool = False) -> records.Run:
        """All that a driver works with, in lanes of its own."""
        machine = Native.of(self.compiled).machine(self.width, self.outputs, self.watched, driven=driven)
        lanes, control = self.lanes(driven=driven), self.control()
        at = _addresses(lanes, control)
        return records.Run(machine, at, self.program, self.members, self.results, lanes, control)

    def run(self, drive: Callable[[int, int], None], threads: int) -> None:
        """Solve; members are dealt to threads in contiguous parts."""
        count = len(self.parameters)
        threads = max(1, min(threads, count // self.width)) if driver.has_numba() else 1
        edges = [count * i // threads for i in range(threads + 1)]
        problems: list[BaseException] = []

        def guarded(begin: int, end: int) -> None:
            try:
                drive(begin, end)
            except BaseException as problem:  # handed to the caller's thread
                problems.append(problem)

        workers = [threading.Thread(target=guarded, args=span) for span in pairwise(edges[1:])]
        for worker in workers:
            worker.start()
        guarded(edges[0], edges[1])
        for worker in workers:
            worker.join()
        if problems:
            raise problems[0]

    def control(self) -> records.Control:
        """The accuracy as the driver reads it."""
        scale, accuracy = self.compiled.scale, self.accuracy
        loose = np.where(self.compiled.guarded, max(1e3 * accuracy.atol, NOISE) * scale, -1.0)
        slack = np.stack([np.full(len(scale), 1e3 * accuracy.rtol), loose], axis=1).ravel()
        tolerances = np.concatenate([[accuracy.rtol], accuracy.atol * scale])
        conditions, watches = Native.of(self.compiled).kernels.conditions, self.watches
        inclusive = np.array([*(c.inclusive for c in conditions), *(False for _ in watches)], dtype=np.int64)
        direction = np.array([*(0 for _ in conditions), *(w.direction for w in watches)], dtype=np.int64)
        most = np.array([max(accuracy.budget // 8, 1)], dtype=float)
        return records.Control(tolerances, slack, most, _FIRST_STEP, inclusive, direction, len(watches))

    def lanes(self, *, driven: bool) -> records.Lanes:
        """Empty lanes."""
        _, sizes = Native.of(self.compiled).step(self.width, driven)
        w, n = self.width, sizes.states
        ports, guards = len(self.compiled.ports), len(Native.of(self.compiled).kernels.conditions) + len(self.watches)
        shapes = {
            "y": n, "w": n, "k": 8 * n, "p": self.members.rows.shape[1], "q": sizes.slots, "u": sizes.inputs + guards,
            "work": sizes.work, "out": n, "rates": ports, "memo": self.memories, "high": n, "e": 2,
            "seen": len(self.outputs), "g": guards,
        }  # fmt: skip
        arrays: dict[str, Any] = driver.aligned_parts({name: (size, w) for name, size in shapes.items()})
        names = (
            "t",
            "h",
            "used",
            "take",
            "x",
            "amount",
            "target",
            "due",
            "active",
            "steps",
            "stretch",
            "after",
            "verdict",
        )
        single = dict.fromkeys(names, (w,))
        arrays |= driver.aligned_parts(single)
        arrays["y"][:], arrays["p"][:], arrays["used"][:] = 1.0, 1.0, 1e-3
        whole: dict[str, Any] = {name: np.zeros(w, dtype=np.int64) for name in ("place", "memory", "fresh")}
        return records.Lanes(**arrays, **whole, member=np.full(w, -1, dtype=np.int64))

    # -- after -----------------------------------------------------------------------------------------

    def trajectory(self, member: int) -> Trajectory:
        """What became of a member."""
        results, line = self.results, self.lines[self.line_of[member]]
        status = self._status(member)
        first, reached = int(self.members.mark_first[member]), int(results.reached[member])
        reached = 0 if member in self.refused else reached
        return Trajectory(
            times=line.marks[:reached],
            values=results.values[first : first + reached],
            sensitivities=None if self.gradients is None else self.gradients[first : first + reached],
            end=results.end[member],
            status=status,
            steps=int(results.steps[member]),
            time=float(results.time[member]),
            crossed=int(results.crossed[member]),
            end_by=None if self.ends_by is None else self.ends_by[member],
            crossed_by=None if self.delays is None or results.crossed[member] < 0 else self.delays[member],
        )

    def _status(self, member: int) -> Status:
        results = self.results
        code = int(results.status[member])
        if code == records.OK and member not in self.broken:
            return self._negative(member)
        time = float(results.time[member])
        reason = "the steps became too small to go on (a rate is not finite)"
        if np.abs(results.end[member]).max(initial=0.0) > LARGEST:
            reason = "a state grows without limit"
        if code == records.BUDGET:
            reason = f"the budget of {self.accuracy.budget} evaluations is used up"
            if Native.of(self.compiled).kernels.conditions:
                reason += " (perhaps a condition of the model switches to and fro)"
        problem = BrokenRunError(reason, time, results.end[member])
        if member in self.broken:
            problem = self.broken[member]
        teller = Member(self.compiled, self.table(member), self.timelines[member], self.accuracy)
        event = int(results.event[member])
        if event >= 0:
            item = self.lines[self.line_of[member]].items[event - int(self.program.first[self.line_of[member]])]
            teller.last_event = teller.describe(item)
        return Status(False, teller.explain(problem), problem.t)

    def _negative(self, member: int) -> Status:
        state, value, time = self.results.below[member]
        if state < 0:
            return Status()
        name = self.compiled.states[int(state)]
        return Status(
            False, f"{name} falls to {value:.4g} at {time:.6g} h: a process takes away more than is there", float(time)
        )
