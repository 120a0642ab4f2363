"""Timelines as arrays, for the lane driver of `loop.py`."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from pkpd_mdr.engine.instructions import IntArray
from pkpd_mdr.engine.lowering import Compiled, FloatArray
from pkpd_mdr.engine.machine import records
from pkpd_mdr.engine.timeline import Instruction, Kind, Timeline

__all__ = ["Line", "lower", "lower_line"]

_KINDS = {
    Kind.JUMP: records.ADD,
    Kind.RATE: records.RATE,
    Kind.SET: records.SET,
    Kind.STEADY: records.STEADY,
}
_KINDS |= {Kind.RESET: records.RESET, Kind.CHANGE: records.CHANGE, Kind.END: records.END}


@dataclass(slots=True)
class Line:
    """One timeline within its window.

    Parameters
    ----------
    steps : list of Instruction
        What is executed, marks apart; the last is END.
    marks : ndarray
        Hours of the marks.
    after : ndarray of int
        How many steps come before each mark.
    begin : float
        Hours.
    rates : ndarray, shape (ports,)
        Input rates that run at the begin.
    before : list of Instruction
        RATE, RESET and STEADY instructions before the window, for the derivatives of these rates.
    row : int
        Parameter row in force at the begin.
    steady : list of (Instruction, int)
        Steady-state doses with the parameter row in force at each.
    """

    steps: list[Instruction]
    marks: FloatArray
    after: IntArray
    begin: float
    rates: FloatArray
    row: int = 0
    before: list[Instruction] = field(default_factory=list)
    steady: list[tuple[Instruction, int]] = field(default_factory=list)

    places: IntArray = field(init=False)
    """Where the steps stand among all instructions."""
    dosed: list[int] = field(init=False)
    """Steps that may have derivatives of their own: doses, and begins and ends of infusions."""

    def __post_init__(self) -> None:
        kinds = Kind.JUMP, Kind.RATE
        self.dosed = [k for k, step in enumerate(self.steps) if step.source is not None and step.kind in kinds]
        numbers = np.arange(len(self.steps))
        self.places = numbers + np.searchsorted(self.after, numbers, side="right")

    def __len__(self) -> int:
        return len(self.steps) + len(self.marks)


def lower_line(compiled: Compiled, timeline: Timeline, window: tuple[float, float] | None) -> Line:
    """Cut a timeline to a window and collect what runs into it.

    Parameters
    ----------
    compiled : Compiled
    timeline : Timeline
    window : (float, float), optional
        Instructions with ``window[0] <= time < window[1]`` are executed.
    """
    first, last = (timeline.start, np.inf) if window is None else window
    times, marks = [step.time for step in timeline.steps[:-1]], timeline.marks
    low, high = bisect_left(times, first), bisect_left(times, last)
    steps = [*timeline.steps[low:high], Instruction(max(first, min(timeline.stop, last)), Kind.END)]
    inside = slice(*np.searchsorted(marks.times, [first, last]))
    line = Line(steps, marks.times[inside], marks.after[inside] - low, first, np.zeros(len(compiled.ports)))
    for step in timeline.steps[:low] if window is not None else ():
        _run_up(line, step)
    row = line.row
    for step in steps:
        if step.kind is Kind.CHANGE:
            row = step.index
        elif step.kind is Kind.STEADY:
            line.steady.append((step, row))
    return line


def _run_up(line: Line, item: Instruction) -> None:
    if item.kind is Kind.CHANGE:
        line.row = item.index
    elif item.kind is Kind.RATE:
        line.before.append(item)
        rate = line.rates[item.port] + item.value
        line.rates[item.port] = 0.0 if abs(rate) < 1e-12 * abs(item.value) else rate
    elif item.kind is Kind.RESET or (item.steady is not None and not item.steady.add):
        line.before.clear()
        line.rates[:] = 0.0


def lower(compiled: Compiled, lines: Sequence[Line], targets: Sequence[int]) -> tuple[records.Program, int]:
    """All lines as one program.

    Parameters
    ----------
    compiled : Compiled
    lines : sequence of Line
    targets : sequence of int
        The state that each input feeds.

    Returns
    -------
    program : records.Program
    memories : int
        How many kinds of event there are, the begin included: each remembers a step of its own.
    """
    ends = np.cumsum([len(line) for line in lines])
    first = ends - [len(line) for line in lines]
    steps = [step for line in lines for step in line.steps]
    places = np.concatenate([line.places + begin for line, begin in zip(lines, first, strict=True)])
    times, kinds = np.empty(ends[-1]), np.full(ends[-1], records.MARK, dtype=np.int64)
    marked = np.ones(len(times), dtype=bool)
    marked[places] = False
    times[marked] = np.concatenate([line.marks for line in lines])
    kinds[places] = [_kind(compiled, step) for step in steps]
    times[places] = [step.time for step in steps]
    slots, memory, values = np.zeros_like(kinds), np.zeros_like(kinds), np.zeros_like(times)
    dosed = np.full_like(kinds, -1)
    for line, begin in zip(lines, first, strict=True):
        dosed[begin + line.places[line.dosed]] = np.arange(len(line.dosed))
    values[places] = [step.value for step in steps]
    slots[places] = [slot for line in lines for slot in _slots(compiled, line.steps)]
    known: dict[tuple[int, int, bool], int] = {}
    memory[places] = [
        known.setdefault((int(step.kind), step.port, step.value < 0), len(known) + 1)
        if step.kind is not Kind.END
        else 0
        for step in steps
    ]
    targeted = [
        compiled.states.index(port.target) if port.action == "dose" and port.target else -1 for port in compiled.ports
    ]
    program = records.Program(
        time=times,
        kind=kinds,
        slot=slots,
        value=values,
        memory=memory,
        stop=_stops(kinds),
        dosed=dosed,
        first=first.astype(np.int64),
        begin=np.array([line.begin for line in lines]),
        rates=np.array([line.rates for line in lines]).reshape(len(lines), len(compiled.ports)),
        row=np.array([line.row for line in lines], dtype=np.int64),
        feeds=np.array([targets.index(state) if state >= 0 else -1 for state in targeted], dtype=np.int64),
    )
    return program, len(known) + 1


def _slots(compiled: Compiled, steps: Sequence[Instruction]) -> list[int]:
    """What each step of a line acts on; a steady-state dose is told by its number within the line."""
    found, settled = [], 0
    for step in steps:
        found.append(settled if step.kind is Kind.STEADY else _slot(compiled, step))
        settled += step.kind is Kind.STEADY
    return found


def _kind(compiled: Compiled, item: Instruction) -> int:
    if item.kind is Kind.JUMP and compiled.ports[item.port].action == "act":
        return records.ACT
    return _KINDS[item.kind]


def _slot(compiled: Compiled, step: Instruction) -> int:
    kind = _kind(compiled, step)
    if kind in (records.ADD, records.SET):
        return compiled.states.index(compiled.ports[step.port].target)
    if kind in (records.RATE, records.ACT):
        return step.port
    return step.index if kind == records.CHANGE else int(kind == records.RESET and step.value > 0)


def _stops(kinds: IntArray) -> IntArray:
    """For each instruction the next that is not a MARK, itself included."""
    places = np.where(kinds == records.MARK, len(kinds) - 1, np.arange(len(kinds)))
    return np.ascontiguousarray(np.minimum.accumulate(places[::-1])[::-1])
