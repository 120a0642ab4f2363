"""Stochastic paths behind the seam of `engine.solve`: the same arguments and a seed for each member."""

from __future__ import annotations

import os
import threading
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

import numpy as np

from pkpd_mdr.arguments import COUNT
from pkpd_mdr.engine.lowering import Compiled, FloatArray, compile_model
from pkpd_mdr.engine.machine import native, records
from pkpd_mdr.engine.machine.code import MachineCode
from pkpd_mdr.engine.machine.driver import aligned_parts, compiled_loop, has_numba, is_compiled
from pkpd_mdr.engine.machine.work import Work
from pkpd_mdr.engine.reference import Accuracy, BrokenRunError
from pkpd_mdr.engine.solve import Ensemble, check_shapes
from pkpd_mdr.engine.status import Status
from pkpd_mdr.engine.stochastic import parts
from pkpd_mdr.engine.stochastic.code import Events
from pkpd_mdr.engine.stochastic.driver import HELPERS, drive_paths
from pkpd_mdr.engine.stochastic.options import Stochastic
from pkpd_mdr.engine.stochastic.random import Integers, streams
from pkpd_mdr.engine.timeline import Instruction, Kind, Timeline
from pkpd_mdr.errors import SimulationError, shown
from pkpd_mdr.mechanisms import clone, growth
from pkpd_mdr.model import Model

__all__ = ["Seed", "Stream", "solve_stochastic", "streams_of", "warm_up"]

_FIRST_STEP, _HAZARD = 0.01, 1e-6
_PATIENCE, _ENDLESS = 20_000, 2**62
_MANY = 16


@dataclass(slots=True)
class Stream:
    """The random numbers of one member; used up as the member goes on from window to window.

    Parameters
    ----------
    state : ndarray of int, shape (6,)
        Of the generator.
    large : ndarray of int, shape (states,), optional
        Which populations were large where the last window ended.
    """

    state: Integers
    large: Integers | None = None

    @classmethod
    def of(cls, seed: int | np.random.SeedSequence) -> Stream:
        """The stream of a seed.

        Examples
        --------
        >>> len(Stream.of(1).state)
        6
        """
        return cls(streams([seed])[0])


Seed = int | np.random.SeedSequence | Stream


def streams_of(seeds: Sequence[Seed] | None, stochastic: Stochastic, members: int) -> list[Stream]:
    """The stream of each member; streams that are given are the streams themselves, to go on with.

    Raises
    ------
    SimulationError
        There are more or fewer seeds than members, or one is no seed.
    """
    given = np.random.SeedSequence(stochastic.seed).spawn(members) if seeds is None else list(seeds)
    if len(given) != members:
        raise SimulationError(f"there are {len(given)} seeds for {members} members; give each member one")
    for seed in given:
        if not isinstance(seed, (Stream, np.random.SeedSequence)) and not (COUNT.fits(seed) and seed >= 0):
            raise SimulationError(f"{shown(seed)} is no seed; write a whole number from 0, or a SeedSequence")
    return [seed if isinstance(seed, Stream) else Stream.of(seed) for seed in given]


def solve_stochastic(
    compiled: Compiled,
    parameters: FloatArray,
    starts: FloatArray | None,
    timelines: Sequence[Timeline],
    outputs: Sequence[str],
    *,
    stochastic: Stochastic | None = None,
    seeds: Sequence[Seed] | None = None,
    accuracy: Accuracy | None = None,
    rows: Sequence[FloatArray] | None = None,
    window: tuple[float, float] | None = None,
    threads: int | None = None,
) -> Ensemble:
    """Simulate one path for each member of a model whose cells divide and die by chance.

    Parameters
    ----------
    compiled, parameters, starts, timelines, outputs, rows, window
        As in `pkpd_mdr.engine.solve`.
    stochastic : Stochastic, optional
    seeds : sequence of int, SeedSequence or Stream, optional
        One a member; ``SeedSequence(stochastic.seed).spawn(members)`` when not given. A `Stream` is left where the
        window ends, so that the next window goes on with it.
    accuracy : Accuracy, optional
        Of the differential equations; `rtol` and `atol` are used.
    threads : int, optional
        As many as processors for 16 members or more when not given. Results do not depend on it.

    Returns
    -------
    Ensemble
        In the order given; a failed member carries a `Status` and what was computed. `steps` counts events, leaps and
        integration steps.

    Raises
    ------
    SimulationError
        The model counts no cells or moves parts of cells; the shapes do not fit; llvmlite is missing.

    Notes
    -----
    A member's path depends on its seed alone, not on the others, their order or the threads.

    Examples
    --------
    >>> import pkpd_mdr as mdr
    >>> from pkpd_mdr.engine import compile_model
    >>> from pkpd_mdr.engine.timeline import Instruction, Kind, Timeline
    >>> law = mdr.growth.birth_death(birth="1 1/day", death="0.9 1/day")
    >>> model = mdr.Model(mdr.clone("R", growth=law, start=3))
    >>> p = [[item.internal for item in model.parameters.values()]]
    >>> day = Timeline.of((Instruction(24.0, Kind.MARK, index=0), Instruction(24.0, Kind.END)), 0.0, 24.0)
    >>> found = solve_stochastic(compile_model(model), p, None, [day], ["R"], stochastic=Stochastic(seed=3))
    >>> bool(found.members[0].values[0, 0] % 1 == 0)
    True
    """
    rules = stochastic or Stochastic()
    table = np.atleast_2d(np.asarray(parameters, dtype=float))
    check_shapes(compiled, table, starts, timelines)
    if not native.available():
        raise SimulationError("stochastic runs need llvmlite, which is not installed; pip install llvmlite numba")
    given = streams_of(seeds, rules, len(table))
    for name in outputs:
        compiled.expression(name)
    Events.of(compiled)
    if not len(table):
        return Ensemble((), tuple(outputs), engine="stochastic")
    paths = Paths(compiled, table, timelines, tuple(outputs), accuracy or Accuracy(), rows, window)
    paths.rules, paths.streams = rules, given
    paths.prepare(starts, 1)
    paths.solve(threads or (1 if len(table) < _MANY else os.cpu_count() or 1))
    return Ensemble(paths.trajectories(), paths.outputs, engine="stochastic")


def warm_up() -> None:
    """Compile the driver of stochastic paths for this machine."""
    compiled_loop(drive_paths, HELPERS, worth=True)
    model = Model(clone("S", growth=growth.exponential(rate="0.5 1/day"), start=1.0))
    values = np.array([[parameter.internal for parameter in model.parameters.values()]])
    solve_stochastic(compile_model(model), values, None, [Timeline.of((Instruction(1.0, Kind.END),), 0.0, 1.0)], ["S"])


@dataclass(slots=True)
class Paths(Work):
    """One call of `solve_stochastic`: from arguments to arrays, and from results to trajectories."""

    rules: Stochastic = field(default_factory=Stochastic)
    streams: list[Stream] = field(default_factory=list)
    random: Integers = field(init=False)
    large: Integers = field(init=False)
    detail: FloatArray = field(init=False)

    def _starts(self, stacked: FloatArray, first: records.Integers) -> FloatArray:
        """The model's own start under the row in force at the begin."""
        chosen = first[:-1] + np.array([self.lines[line].row for line in self.line_of])
        return np.array([self.compiled.start(stacked[row]) for row in chosen])

    def _complete(self, stacked: FloatArray, first: records.Integers) -> tuple[FloatArray, records.Integers]:
        """Nothing stands behind the parameters."""
        return np.ascontiguousarray(stacked), np.arange(len(first) - 1)

    # -- run -------------------------------------------------------------------------------------------

    def solve(self, threads: int) -> None:
        """Simulate all members; each thread takes a contiguous part of them."""
        count, n = len(self.parameters), len(self.compiled.states)
        self.random = np.array([stream.state for stream in self.streams]).reshape(count, 6)
        self.large = np.full((count, n), -1, dtype=np.int64)
        for row, stream in zip(self.large, self.streams, strict=True):
            if stream.large is not None:
                row[:] = stream.large
        self.detail = np.zeros((count, 2))
        with np.errstate(all="ignore"):  # as in machine code; what is not finite is found and told
            self._all(threads)
        for row, large, stream in zip(self.random, self.large, self.streams, strict=True):
            stream.state, stream.large = row.copy(), large.copy()

    def _all(self, threads: int) -> None:
        """In plain Python until it becomes clear that compiling pays, then compiled and in threads."""
        count, run, begin = len(self.parameters), self.work(), 0
        drive = compiled_loop(drive_paths, HELPERS, worth=False)
        if not is_compiled(drive) and has_numba():
            begin = drive(run, 0, count, _PATIENCE)
            drive = compiled_loop(drive_paths, HELPERS, worth=begin < count or run.lane.member[0] >= 0)
        while run.lane.member[0] >= 0:
            drive(run, begin, begin, _ENDLESS)
        threads = max(1, min(threads, count - begin)) if has_numba() else 1
        edges = [begin + (count - begin) * i // threads for i in range(threads + 1)]
        problems: list[BaseException] = []

        def part(run: parts.Run, begin: int, end: int) -> None:
            """Run members `begin` to `end` on one thread."""
            try:
                while begin < end or run.lane.member[0] >= 0:
                    begin = drive(run, begin, end, _ENDLESS)
            except BaseException as problem:  # handed to the caller's thread
                problems.append(problem)

        workers = [threading.Thread(target=part, args=(self.work(), *span)) for span in pairwise(edges[1:])]
        for worker in workers:
            worker.start()
        part(run, edges[0], edges[1])
        for worker in workers:
            worker.join()
        if problems:
            raise problems[0]

    def work(self) -> parts.Run:
        """All that a driver works with."""
        events = Events.of(self.compiled)
        lane, rules = self._lane(events), self._rules()
        scale, accuracy = self.compiled.scale, self.accuracy
        tolerances = np.concatenate([[accuracy.rtol], accuracy.atol * scale, [_HAZARD]])
        names = [name for name in parts.Pointers._fields if name != "tolerances"]
        found: dict[str, int] = {name: getattr(lane, name).ctypes.data for name in names}
        return parts.Run(
            codes=events.codes(self.outputs),
            at=parts.Pointers(tolerances=tolerances.ctypes.data, **found),
            net=events.net,
            program=self.program,
            members=self.members,
            results=self.results,
            lane=lane,
            rules=rules,
            tolerances=tolerances,
            random=self.random,
            large=self.large,
            detail=self.detail,
        )

    def _rules(self) -> parts.Rules:
        rules = self.rules
        partial = rules.method in ("auto", "hybrid")
        return parts.Rules(
            tau=int(rules.method == "tau"),
            threshold=rules.threshold if partial else np.inf,
            low=0.5 * rules.threshold if partial else -1.0,
            epsilon=rules.epsilon,
            draw=int(rules.fractions == "draw"),
            budget=rules.budget,
            first=_FIRST_STEP,
            slack=MachineCode.of(self.compiled).control(self.accuracy, ())[0].slack,
        )

    def _lane(self, events: Events) -> parts.Lane:
        sizes, n = events.sizes, len(self.compiled.states)
        processes, ports = len(events.network.processes), len(self.compiled.ports)
        conditions = len(events.net.inclusive)
        lengths = {
            "y": n + 1, "w": n + 1, "k": 8 * (n + 1), "p": len(events.kernels.parameters), "q": sizes.slots,
            "r": events.slots, "u": sizes.inputs + conditions, "work": sizes.work, "out": n + 1,
            "seen": len(self.outputs), "rates": ports, "inflow": sizes.inputs, "a": processes, "b": processes,
            "c": processes, "d": len(events.net.slope_state), "v": events.varied, "mu": n, "var": n, "g": n,
            "many": processes, "high": n, "truth": conditions,
        }  # fmt: skip
        single = ("t", "h", "used", "take", "x", "amount", "flowed", "level", "limit")
        arrays: dict[str, Any] = aligned_parts({name: (size,) for name, size in lengths.items()})
        arrays |= aligned_parts(dict.fromkeys(single, (1,)) | {"e": (2,)})
        alone = dict.fromkeys(("member", "place", "mode", "exact", "left"), 1)
        whole: dict[str, Any] = {
            name: np.zeros(size, dtype=np.int64) for name, size in (alone | {"role": processes, "large": n}).items()
        }
        whole["member"][:] = -1
        return parts.Lane(**arrays, **whole)

    # -- after -----------------------------------------------------------------------------------------

    def _status(self, member: int) -> Status:
        code = int(self.results.status[member])
        if code in (records.OK, records.STUCK) or member in self.broken:
            return Work._status(self, member)
        state = self.results.end[member] if code == parts.EVENTS else np.empty(0)
        return self._told(member, BrokenRunError(self._reason(member, code), float(self.results.time[member]), state))

    def _reason(self, member: int, code: int) -> str:
        """Why a path could not go on, and what helps."""
        index, value = int(self.detail[member, 0]), float(self.detail[member, 1])
        if code == parts.EVENTS:
            return (
                f"the budget of {self.rules.budget} events and steps is used up; raise it, as in "
                f"Stochastic(budget={10 * self.rules.budget}), or let large populations follow differential equations, "
                f"as in Stochastic(method='hybrid', threshold={self.rules.threshold:g})"
            )
        if code == parts.FRACTION:
            return (
                f"{self.compiled.states[index]!r} starts with {value:.10g} cells, which is no whole number; round it, "
                "or write Stochastic(fractions='draw') to draw one of its neighbours"
            )
        if index < 0:
            return f"a treatment leaves {value:.4g} cells of {self.compiled.states[-1 - index]!r}, less than none"
        name = list(self.compiled.processes)[index]
        if code == parts.NEGATIVE:
            return (
                f"the rate of process {name!r} is {value:.4g} per h, and events have rates of zero or more; write gain "
                "and loss as two processes, as growth.birth_death(...) does for a clone"
            )
        if code == parts.BELOW:
            return f"process {name!r} takes more cells than there are; let its rate vanish where they run out"
        return f"the rate of process {name!r} is {value:g}, which is not a finite number"
