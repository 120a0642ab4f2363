"""One call of the compiled engine: from arguments to arrays, through the drivers, to trajectories."""

from __future__ import annotations

import math
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import pairwise

import numpy as np

from pkpd_mdr.engine.lowering import Compiled, FloatArray
from pkpd_mdr.engine.machine import driver, loop, records
from pkpd_mdr.engine.machine.code import MachineCode
from pkpd_mdr.engine.machine.program import Line
from pkpd_mdr.engine.member import Member
from pkpd_mdr.engine.reference import LARGEST, Accuracy, BrokenRunError, Propagator
from pkpd_mdr.engine.solve import Trajectory
from pkpd_mdr.engine.status import Status, Watch
from pkpd_mdr.engine.steady import steady_state
from pkpd_mdr.engine.timeline import Timeline

__all__ = ["Work"]

_WORTH = 500


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
    asked: tuple[str, ...] = ()
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
        code, count, n = MachineCode.of(self.compiled), len(self.parameters), len(self.compiled.states)
        self.width, self.driven = width, 0
        if self.asked:
            self.columns = tuple(self.asked[place] for place in code.order(self.asked).tolist())
        # what is decomposed for each member has no derivatives
        if code.outline.blocks and not (self.columns and code.outline.columns):
            self.driven = count
        self._lower()
        first = np.arange(count + 1, dtype=np.int64)
        if self.tables:
            first = np.cumsum([0, *map(len, self.tables)], dtype=np.int64)
        stacked = np.concatenate(self.tables) if self.tables else self.parameters
        given = self._starts(stacked, first) if starts is None else np.array(starts, dtype=float)
        settled, fixes, settled_first = self._settled()
        marks = np.array([len(line.marks) for line in self.lines], dtype=np.int64)[self.line_of]
        self._refuse(stacked, first, given)
        rows, order = self._complete(stacked, first)
        self.members = records.Members(
            line=np.array(self.line_of, dtype=np.int64),
            row_first=first[:-1],
            rows=rows,
            starts=np.ascontiguousarray(given),
            settled_first=settled_first,
            settled=settled,
            fixes=fixes,
            mark_first=marks.cumsum() - marks,
            order=order,
        )
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

    def _complete(self, stacked: FloatArray, first: records.Integers) -> tuple[FloatArray, records.Integers]:
        """Parameters with decompositions of linear parts and levels of watches behind them, and the members in order.

        Members whose linear parts are in closed form are solved first, as these use another step than the rest.
        """
        code, parts = MachineCode.of(self.compiled), [stacked]
        outline, order = code.outline, np.arange(len(self.parameters))
        if self.driven:
            numbers, usable = code.decompositions.of(stacked, self.width, by=bool(self.columns))
            if outline.columns:
                parts.append(numbers)
            if not usable.all():
                driven = np.logical_and.reduceat(usable, first[:-1])
                self.driven, order = int(driven.sum()), np.argsort(~driven, kind="stable")
        elif outline.columns:
            parts.append(np.zeros((len(stacked), outline.columns)))
        if self.levels is not None:
            parts.append(np.repeat(self.levels, np.diff(first), axis=0))
        rows = np.hstack(parts) if len(parts) > 1 else stacked
        return np.ascontiguousarray(rows), order

    def _lower(self) -> None:
        known: dict[int, int] = {}
        for timeline in self.timelines:
            self.line_of.append(known.setdefault(id(timeline), len(known)))
        unique = (
            dict(zip(map(id, self.timelines), self.timelines, strict=True))
            if len(known) > 1
            else {0: self.timelines[0]}
        )
        found = MachineCode.of(self.compiled).program(tuple(unique.values()), self.window)
        self.lines, self.program, self.memories = found
        if self.rows is not None:
            self.tables = [np.atleast_2d(np.asarray(table, dtype=float)) for table in self.rows]

    def table(self, member: int) -> FloatArray:
        """The parameter rows of a member."""
        return self.tables[member] if self.tables else self.parameters[member : member + 1]

    def _starts(self, stacked: FloatArray, first: records.Integers) -> FloatArray:
        """The model's own start under the row in force at the begin."""
        chosen = stacked[first[:-1] + np.array([self.lines[line].row for line in self.line_of])]
        size, driven = len(self.compiled.states), self.driven > 0  # of the step that most members take
        return MachineCode.of(self.compiled).each("start", chosen, size, self.width, driven=driven)

    def _settled(self) -> tuple[FloatArray, records.Integers, records.Integers]:
        """Steady states of all members: values, what is done with them, and where each member's begin."""
        n, count = len(self.compiled.states), len(self.line_of)
        self.settled_by = np.zeros((0, n, len(self.columns)))
        if not any(line.steady for line in self.lines):
            return np.zeros((0, n)), np.zeros((0, n + 1), dtype=np.int64), np.zeros(count, dtype=np.int64)
        counts = np.array([len(line.steady) for line in self.lines], dtype=np.int64)[self.line_of]
        values, fixes = np.zeros((counts.sum(), n)), np.zeros((counts.sum(), n + 1), dtype=np.int64)
        self.settled_by = np.zeros((len(values), n, len(self.columns)))
        place = 0
        for member, line in enumerate(self.line_of):
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
        sentences = self.compiled.refused(stacked)
        begun = np.isfinite(starts)
        if not sentences and begun.all():
            return
        owners = (np.searchsorted(first, [*sentences], side="right") - 1).tolist()
        broken: dict[int, BrokenRunError] = {}
        for member, sentence in zip(owners, sentences.values(), strict=True):
            broken.setdefault(member, BrokenRunError(sentence, math.nan, np.zeros(0)))
        for member in np.flatnonzero(~begun.all(axis=1)).tolist():
            begin = self.lines[self.line_of[member]].begin
            broken.setdefault(member, BrokenRunError("the start is not finite", begin, starts[member].copy()))
        self.broken |= broken
        for member in broken:
            self.refused.add(member)
            starts[member] = np.nan

    # -- run -------------------------------------------------------------------------------------------

    def driver(self) -> Callable[[int, int], None]:
        """A function that solves the members ``begin .. end - 1`` of the order in lanes of its own."""
        drive = driver.compiled_loop(loop.drive, loop.HELPERS, worth=len(self.parameters) >= _WORTH)

        def part(begin: int, end: int, driven: bool) -> None:
            """Members that use one step."""
            with self.whole(driven=driven) as run:
                drive(run, begin, end)

        return self.in_parts(part)

    def in_parts(self, part: Callable[[int, int, bool], None]) -> Callable[[int, int], None]:
        """A function that solves members by one that is told which step they use: first those in closed form."""

        def solve(begin: int, end: int) -> None:
            """Members ``begin .. end - 1`` of the order."""
            for driven, first, last in ((True, begin, min(end, self.driven)), (False, max(begin, self.driven), end)):
                if first < last:
                    part(first, last, driven)

        return solve

    @property
    def watched(self) -> tuple[str, ...]:
        """The outputs that are watched."""
        return tuple(watch.output for watch in self.watches)

    @contextmanager
    def whole(self, *, driven: bool = False) -> Iterator[records.Run]:
        """All that a driver works with, in lanes of its own."""
        code = MachineCode.of(self.compiled)
        machine = code.machine(self.width, self.outputs, self.watched, driven=driven)
        control, places = code.control(self.accuracy, self.watches)
        guards = len(control.inclusive)
        key = self.width, driven, len(self.outputs), self.members.rows.shape[1], self.memories, guards
        with code.bench(key, lambda: code.lanes(key)) as (lanes, at):
            at = at._replace(**places)
            yield records.Run(machine, at, self.program, self.members, self.results, lanes, control)

    def run(self, drive: Callable[[int, int], None], threads: int) -> None:
        """Solve; members are dealt to threads in contiguous parts."""
        count = len(self.parameters)
        threads = max(1, min(threads, count // self.width)) if threads > 1 and driver.has_numba() else 1
        if threads == 1:
            drive(0, count)
            return
        edges = [count * i // threads for i in range(threads + 1)]
        problems: list[BaseException] = []

        def guarded(begin: int, end: int) -> None:
            """Solve a part; what goes wrong is raised in the caller's thread."""
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

    # -- after -----------------------------------------------------------------------------------------

    def trajectories(self) -> tuple[Trajectory, ...]:
        """What became of the members, in the order given."""
        results, fine = self.results, Status()
        first, reached = self.members.mark_first.tolist(), results.reached.tolist()
        for member in self.refused:
            reached[member] = 0
        steps, times, crossed = results.steps.tolist(), results.time.tolist(), results.crossed.tolist()
        good = (results.status == records.OK) & (results.below[:, 0] < 0)
        if self.broken:
            good[list(self.broken)] = False
        marks, values, by = [line.marks for line in self.lines], results.values, self.gradients
        found = []
        for m, (ok, end) in enumerate(zip(good.tolist(), results.end, strict=True)):
            count, rows = reached[m], slice(first[m], first[m] + reached[m])
            trajectory = Trajectory(
                times=marks[self.line_of[m]][:count],
                values=values[rows],
                sensitivities=None if by is None else by[rows],
                end=end,
                status=fine if ok else self._status(m),
                steps=steps[m],
                time=times[m],
                crossed=crossed[m],
                end_by=None if self.ends_by is None else self.ends_by[m],
                crossed_by=None if self.delays is None or crossed[m] < 0 else self.delays[m],
            )
            found.append(trajectory)
        return tuple(found)

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
            if MachineCode.of(self.compiled).outline.conditions:
                reason += " (perhaps a condition of the model switches to and fro)"
        problem = BrokenRunError(reason, time, results.end[member])
        if member in self.broken:
            problem = self.broken[member]
        return self._told(member, problem)

    def _told(self, member: int, problem: BrokenRunError) -> Status:
        """A failure in one sentence: when, after which event, at which state."""
        teller = Member(self.compiled, self.table(member), self.timelines[member], self.accuracy)
        event = int(self.results.event[member])
        if event >= 0:
            line, first = self.lines[self.line_of[member]], int(self.program.first[self.line_of[member]])
            step = line.steps[int(np.searchsorted(line.places, event - first))]
            teller.last_event = teller.describe(step)
        return Status(False, teller.explain(problem), problem.t)

    def _negative(self, member: int) -> Status:
        state, value, time = self.results.below[member]
        name = self.compiled.states[int(state)]
        return Status(
            False, f"{name} falls to {value:.4g} at {time:.6g} h: a process takes away more than is there", float(time)
        )
