"""Timelines as arrays, for the lane driver of `loop.py`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from pkpd_mdr.engine.lowering import Compiled, FloatArray
from pkpd_mdr.engine.machine import records
from pkpd_mdr.engine.timeline import Instruction, Kind, Timeline

__all__ = ["Line", "lower", "lower_line"]

_KINDS = {
    Kind.MARK: records.MARK,
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
    items : list of Instruction
        What is executed; the last is END.
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

    items: list[Instruction]
    begin: float
    rates: FloatArray
    row: int = 0
    before: list[Instruction] = field(default_factory=list)
    steady: list[tuple[Instruction, int]] = field(default_factory=list)

    marks: FloatArray = field(init=False)
    """Hours of the marks."""

    def __post_init__(self) -> None:
        self.marks = np.array([item.time for item in self.items if item.kind is Kind.MARK])


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
    items = [item for item in timeline if first <= item.time < last and item.kind is not Kind.END]
    items.append(Instruction(max(first, min(timeline.stop, last)), Kind.END))
    line = Line(items, first, np.zeros(len(compiled.ports)))
    for item in timeline:
        if window is None or item.time >= first:
            break
        _run_up(line, item)
    row = line.row
    for item in items:
        if item.kind is Kind.CHANGE:
            row = item.index
        elif item.kind is Kind.STEADY:
            line.steady.append((item, row))
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
    items = [item for line in lines for item in line.items]
    total = len(items)
    kinds, slots, memory = (np.zeros(total, dtype=np.int64) for _ in range(3))
    known: dict[tuple[int, int, bool], int] = {}
    steady = _numbers(lines)
    for place, item in enumerate(items):
        kinds[place] = _kind(compiled, item)
        slots[place] = steady[place] if item.kind is Kind.STEADY else _slot(compiled, item, int(kinds[place]))
        if item.kind not in (Kind.MARK, Kind.END):
            memory[place] = known.setdefault((int(item.kind), item.port, item.value < 0), len(known) + 1)
    targeted = [
        compiled.states.index(port.target) if port.action == "dose" and port.target else -1 for port in compiled.ports
    ]
    lengths = np.array([0, *(len(line.items) for line in lines)])
    program = records.Program(
        time=np.array([item.time for item in items]),
        kind=kinds,
        slot=slots,
        value=np.array([item.value for item in items], dtype=float),
        memory=memory,
        stop=_stops(kinds),
        first=np.cumsum(lengths)[:-1].astype(np.int64),
        begin=np.array([line.begin for line in lines]),
        rates=np.array([line.rates for line in lines]).reshape(len(lines), len(compiled.ports)),
        row=np.array([line.row for line in lines], dtype=np.int64),
        feeds=np.array([targets.index(state) if state >= 0 else -1 for state in targeted], dtype=np.int64),
    )
    return program, len(known) + 1


def _numbers(lines: Sequence[Line]) -> dict[int, int]:
    """Place of every steady-state instruction, with its number within its line."""
    found, place = {}, 0
    for line in lines:
        number = 0
        for item in line.items:
            if item.kind is Kind.STEADY:
                found[place] = number
                number += 1
            place += 1
    return found


def _kind(compiled: Compiled, item: Instruction) -> int:
    if item.kind is Kind.JUMP and compiled.ports[item.port].action == "act":
        return records.ACT
    return _KINDS[item.kind]


def _slot(compiled: Compiled, item: Instruction, kind: int) -> int:
    if kind in (records.ADD, records.SET):
        return compiled.states.index(compiled.ports[item.port].target)
    if kind in (records.RATE, records.ACT):
        return item.port
    return item.index if kind == records.CHANGE else int(kind == records.RESET and item.value > 0)


def _stops(kinds: np.ndarray[tuple[int], np.dtype[np.int64]]) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    """For each instruction the next that is not a MARK, itself included."""
    stops, following = np.empty_like(kinds), len(kinds) - 1
    for place in range(len(kinds) - 1, -1, -1):
        if kinds[place] != records.MARK:
            following = place
        stops[place] = following
    return stops
