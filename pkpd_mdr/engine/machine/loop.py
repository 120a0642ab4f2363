"""The lane driver: events, step control and marks of many members, each in a lane of its own.

Written in the part of Python that numba compiles (`driver.py` does so); without numba it runs as it stands. All
numerical work on states is done by the functions of `stepper.py`, called by address. A lane holds one member at a time:
its own time, step, inputs and place in its timeline. When a member ends, the next one moves in. What a member does
never depends on the other lanes.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from pkpd_mdr.engine.machine import guards
from pkpd_mdr.engine.machine.guards import across, crossing, see, turn
from pkpd_mdr.engine.machine.records import (
    ACT,
    ADD,
    CHANGE,
    DUE,
    END,
    MARK,
    OK,
    RATE,
    RESET,
    SET,
    STEADY,
    Floats,
    Integers,
    Lanes,
    Pointers,
    Run,
    invoke,
)  # fmt: skip

__all__ = [
    "HELPERS", "aim", "apply", "commit", "drive", "enter", "finish", "land", "marking_of", "remember", "write_mark",
]  # fmt: skip


def _inputs(run: Run, lane: int) -> None:
    """Sum the rates of the ports that feed each input."""
    u, rates = run.lanes.u, run.lanes.rates
    for i in range(u.shape[0] - run.lanes.g.shape[0]):
        u[i, lane] = 0.0
    for port in range(rates.shape[0]):
        if rates[port, lane] != 0.0:
            u[run.program.feeds[port], lane] += rates[port, lane]


def _parameters(run: Run, lane: int, row: int) -> None:
    """Parameters switch to a row of the member."""
    p, source = run.lanes.p, run.members.row_first[run.lanes.member[lane]] + row
    for i in range(p.shape[0]):
        p[i, lane] = run.members.rows[source, i]
    invoke(run.machine.prepare, (run.at.p, run.at.q))


def enter(run: Run, lane: int, member: int) -> None:
    """Put a member into a lane, at the begin of its timeline."""
    lanes, line = run.lanes, run.members.line[member]
    lanes.member[lane], lanes.place[lane], lanes.memory[lane] = member, run.program.first[line], 0
    lanes.t[lane], lanes.h[lane], lanes.stretch[lane], lanes.take[lane] = run.program.begin[line], 0.0, 0.0, 0.0
    lanes.active[lane], lanes.steps[lane] = 1.0, 0.0
    for i in range(lanes.y.shape[0]):
        lanes.y[i, lane] = run.members.starts[member, i]
        lanes.high[i, lane] = 0.0
    for i in range(lanes.memo.shape[0]):
        lanes.memo[i, lane] = 0.0
    for port in range(lanes.rates.shape[0]):
        lanes.rates[port, lane] = run.program.rates[line, port]
    _parameters(run, lane, run.program.row[line])
    _inputs(run, lane)
    see(run, lane, True)


class Marking(NamedTuple):
    """What a mark needs, and no more: it is written often, and what is handed over is copied."""

    dense: int
    observe: int
    at: Pointers
    y: Floats
    out: Floats
    high: Floats
    x: Floats
    seen: Floats
    slack: Floats
    below: Floats
    values: Floats


def marking_of(run: Run) -> Marking:
    """What marks of a run need."""
    lanes, machine, results = run.lanes, run.machine, run.results
    return Marking(
        machine.dense, machine.observe, run.at, lanes.y, lanes.out, lanes.high, lanes.x, lanes.seen, run.control.slack,
        results.below, results.values,
    )  # fmt: skip


def write_mark(marking: Marking, lane: int, member: int, row: int, time: float, share: float) -> None:
    """Write the outputs of one mark, at a share of the last step or (1) at its end.

    Stocks below zero within rounding count as zero.
    """
    y, out, high, below, slack, at = marking.y, marking.out, marking.high, marking.below, marking.slack, marking.at
    if share < 1.0:
        marking.x[lane] = share
        invoke(marking.dense, (at.y, at.w, at.k, at.x, at.out, at.q, at.u, at.used))
    for i in range(y.shape[0]):
        value = out[i, lane] if share < 1.0 else y[i, lane]
        if slack[2 * i + 1] >= 0.0:
            high[i, lane] = max(high[i, lane], abs(value))
            if value < -(slack[2 * i] * high[i, lane] + slack[2 * i + 1]):
                if below[member, 0] < 0.0:
                    below[member, 0], below[member, 1], below[member, 2] = i, value, time
            elif value < 0.0:
                value = 0.0
        out[i, lane] = value
    marking.x[lane] = time
    invoke(marking.observe, (at.out, at.p, at.x, at.seen))
    for i in range(marking.values.shape[1]):
        marking.values[row, i] = marking.seen[i, lane]


def _silence(run: Run, lane: int) -> None:
    """All inputs end."""
    for port in range(run.lanes.rates.shape[0]):
        run.lanes.rates[port, lane] = 0.0


def _settle(run: Run, lane: int, number: int) -> None:
    """Put states into their steady state."""
    y, members = run.lanes.y, run.members
    row, n = members.settled_first[run.lanes.member[lane]] + number, y.shape[0]
    for i in range(n):
        if members.fixes[row, i] == 1:
            y[i, lane] = members.settled[row, i]
        elif members.fixes[row, i] == 2:
            y[i, lane] += members.settled[row, i]
    if members.fixes[row, n] == 1:
        _silence(run, lane)


def _reset(run: Run, lane: int, to_start: int) -> None:
    """All states return to their start or to zero, and all inputs end."""
    _silence(run, lane)
    if to_start:
        invoke(run.machine.start, (run.at.p, run.at.out))
    for i in range(run.lanes.y.shape[0]):
        run.lanes.y[i, lane] = run.lanes.out[i, lane] if to_start else 0.0


def _act(run: Run, lane: int, port: int, amount: float) -> None:
    """Radiation, surgery: the model says what the state is afterwards."""
    run.lanes.amount[lane] = amount
    invoke(run.machine.acts[port], (run.at.y, run.at.p, run.at.t, run.at.amount, run.at.out))
    for i in range(run.lanes.y.shape[0]):
        run.lanes.y[i, lane] = run.lanes.out[i, lane]


def apply(run: Run, lane: int, item: int) -> None:
    """Execute one instruction that is neither MARK nor END."""
    lanes = run.lanes
    kind, slot, value = run.program.kind[item], run.program.slot[item], run.program.value[item]
    if kind == ADD:
        lanes.y[slot, lane] += value
    elif kind == RATE:
        rate = lanes.rates[slot, lane] + value
        lanes.rates[slot, lane] = 0.0 if abs(rate) < 1e-12 * abs(value) else rate
    elif kind == SET:
        lanes.y[slot, lane] = value
    elif kind == STEADY:
        _settle(run, lane, slot)
    elif kind == RESET:
        _reset(run, lane, slot)
    elif kind == CHANGE:
        _parameters(run, lane, slot)
    elif kind == ACT:
        _act(run, lane, slot, value)
    _inputs(run, lane)
    run.results.event[lanes.member[lane]], lanes.memory[lane] = item, run.program.memory[item]


def commit(lanes: Lanes, lane: int, after: float) -> None:
    """The accepted step becomes the state."""
    for i in range(lanes.y.shape[0]):
        lanes.y[i, lane] = lanes.w[i, lane]
    lanes.t[lane], lanes.take[lane] = after, 0.0


def aim(run: Run, lane: int, item: int, changed: bool) -> None:
    """Where the next steps lead, and how long the first of them is after something changed."""
    lanes = run.lanes
    lanes.target[lane] = run.program.time[run.program.stop[item]]
    if changed:
        remembered = lanes.memo[lanes.memory[lane], lane]
        lanes.h[lane] = remembered if remembered > 0.0 else run.control.first
        lanes.fresh[lane], lanes.stretch[lane] = 1, 0.0


def _due(run: Run, lane: int, after: float, entered: bool) -> bool:
    """Execute what is due up to the time `after`; True when the member has ended."""
    lanes, program = run.lanes, run.program
    committed, changed, events = entered, entered, False
    while True:
        item = lanes.place[lane]
        time = program.time[item]
        inside = time < after and not committed
        if not committed and not inside:
            commit(lanes, lane, after)
            committed = True
        if time > after or program.kind[item] == END:
            break
        if program.kind[item] == MARK:
            member = lanes.member[lane]
            row = run.members.mark_first[member] + run.results.reached[member]
            share = (time - lanes.t[lane]) / lanes.used[lane] if inside else 1.0
            write_mark(marking_of(run), lane, member, row, time, share)
            run.results.reached[member] += 1
        else:
            apply(run, lane, item)
            changed = events = True
        lanes.place[lane] = item + 1
    aim(run, lane, item, changed)
    if events:
        see(run, lane, False)
    return bool(time <= after) or run.results.crossed[lanes.member[lane]] >= 0


def land(run: Run, lane: int, share: float) -> float:
    """End the last step at a share of it, with marks before written; returns the time there."""
    lanes, program, member = run.lanes, run.program, run.lanes.member[lane]
    after = float(lanes.t[lane] + share * lanes.used[lane])
    while program.time[lanes.place[lane]] < after:
        time = program.time[lanes.place[lane]]
        row = run.members.mark_first[member] + run.results.reached[member]
        write_mark(marking_of(run), lane, member, row, time, (time - lanes.t[lane]) / lanes.used[lane])
        run.results.reached[member] += 1
        lanes.place[lane] += 1
    across(run, lane, share)
    for i in range(lanes.w.shape[0]):
        lanes.w[i, lane] = lanes.out[i, lane]
    commit(lanes, lane, after)
    return after


def finish(run: Run, lane: int, status: int) -> None:
    """Write what became of the member and free the lane."""
    lanes, results = run.lanes, run.results
    member = lanes.member[lane]
    for i in range(lanes.y.shape[0]):
        results.end[member, i] = lanes.y[i, lane]
    results.time[member], results.status[member] = lanes.t[lane], status
    results.steps[member] = int(lanes.steps[lane])
    lanes.member[lane], lanes.take[lane], lanes.active[lane] = -1, 0.0, 0.0


def remember(lanes: Lanes, lane: int) -> None:
    """What fits after this kind of event is where the next one of its kind begins."""
    lanes.fresh[lane] = 0
    lanes.memo[lanes.memory[lane], lane] = lanes.h[lane]


def _refill(run: Run, lane: int, begin: int, end: int) -> int:
    """Move members in until one has something to integrate; return the first not yet begun."""
    while begin < end:
        enter(run, lane, run.members.order[begin])
        begin += 1
        if not _due(run, lane, run.lanes.t[lane], True):
            _await(run, lane)
            break
        finish(run, lane, OK)
    return begin


def _await(run: Run, lane: int) -> None:
    """Tell the marching lanes when this one needs attention next."""
    lanes = run.lanes
    soon = lanes.fresh[lane] > 0 or lanes.g.shape[0] > 0
    lanes.due[lane] = -np.inf if soon else run.program.time[lanes.place[lane]]


def _attend(run: Run, lane: int) -> bool:
    """After a good step that ends at an event or in which a condition may change; True when the member has ended."""
    lanes, results = run.lanes, run.results
    after, entered, worked = lanes.after[lane], False, 0.0
    share = crossing(run, lane) if lanes.g.shape[0] > 0 else 2.0
    if share <= 1.0:
        after, entered, worked = land(run, lane, share), True, lanes.stretch[lane]
        turn(run, lane, False)
    ended = False
    if run.program.time[lanes.place[lane]] > after and not entered:
        lanes.t[lane], lanes.take[lane] = after, 1.0
    else:
        ended = results.crossed[lanes.member[lane]] >= 0 or _due(run, lane, after, entered)
        lanes.stretch[lane] += worked  # a condition that switches to and fro uses up the budget
    _await(run, lane)
    return ended


def _pass_marks(marking: Marking, marks: Marks) -> None:
    """Write the marks inside the last steps, for all lanes side by side.

    What is handed over is copied at every call, so this takes no more than it needs.
    """
    y, out, x, high, slack, which = marking.y, marking.out, marking.x, marking.high, marking.slack, marks.which
    pending = which[0]
    while pending > 0:
        pending = 0
        for i in range(which[0]):
            lane = which[1 + i]
            marks.row[lane] = -1
            if marks.verdict[lane] != 1.0:
                continue
            item = marks.place[lane]
            if marks.kind[item] == MARK and marks.time[item] <= marks.after[lane]:
                x[lane] = (marks.time[item] - marks.t[lane]) / marks.used[lane]
                if marks.time[item] == marks.after[lane]:
                    x[lane] = 1.0
                marks.row[lane] = marks.first[marks.member[lane]] + marks.reached[marks.member[lane]]
                pending += 1
        if pending == 0:
            return
        at = marking.at
        invoke(marking.dense, (at.y, at.w, at.k, at.x, at.out, at.q, at.u, at.used))
        for i in range(which[0]):
            lane = which[1 + i]
            if marks.row[lane] < 0:
                continue
            time, member = marks.time[marks.place[lane]], marks.member[lane]
            x[lane] = time
            for state in range(y.shape[0]):
                if slack[2 * state + 1] >= 0.0:
                    value = out[state, lane]
                    high[state, lane] = max(high[state, lane], abs(value))
                    if value < -(slack[2 * state] * high[state, lane] + slack[2 * state + 1]):
                        if marking.below[member, 0] < 0.0:
                            marking.below[member, 0], marking.below[member, 1] = state, value
                            marking.below[member, 2] = time
                    elif value < 0.0:
                        out[state, lane] = 0.0
        invoke(marking.observe, (at.out, at.p, at.x, at.seen))
        for i in range(which[0]):
            lane = which[1 + i]
            if marks.row[lane] >= 0:
                for output in range(marking.values.shape[1]):
                    marking.values[marks.row[lane], output] = marking.seen[output, lane]
                marks.reached[marks.member[lane]] += 1
                marks.place[lane] += 1


class Marks(NamedTuple):
    """Where the lanes stand among their marks, and which of them to look at; `row` is scratch."""

    t: Floats
    used: Floats
    after: Floats
    verdict: Floats
    member: Integers
    place: Integers
    row: Integers
    time: Floats
    kind: Integers
    first: Integers
    reached: Integers
    which: Integers


def _marks(run: Run) -> Marks:
    lanes, program = run.lanes, run.program
    return Marks(
        lanes.t, lanes.used, lanes.after, lanes.verdict, lanes.member, lanes.place, lanes.row, program.time,
        program.kind, run.members.mark_first, run.results.reached, lanes.which,
    )  # fmt: skip


def drive(run: Run, begin: int, end: int) -> None:
    """Solve the members ``begin .. end - 1``.

    Parameters
    ----------
    run : Run
        Its `results` are written.
    begin, end : int
        Members to solve.
    """
    lanes, at, times = run.lanes, run.at, run.program.time
    member, verdict, fresh, place, after = lanes.member, lanes.verdict, lanes.fresh, lanes.place, lanes.after
    guarded, marking, marks, which = lanes.g.shape[0] > 0, marking_of(run), _marks(run), lanes.which
    pointers = (
        at.y, at.q, at.u, at.t, at.h, at.used, at.target, at.due, at.active, at.tolerances, at.most, at.take, at.k,
        at.w, at.work, at.e, at.steps, at.stretch, at.after, at.verdict, at.which,
    )  # fmt: skip
    width, occupied = lanes.t.shape[0], 0
    for lane in range(width):
        begin = _refill(run, lane, begin, end)
        occupied += int(member[lane] >= 0)
    while occupied > 0:
        invoke(run.machine.march, pointers)
        if not guarded:
            _pass_marks(marking, marks)
        for i in range(which[0]):
            lane = which[1 + i]
            outcome = int(verdict[lane])
            if outcome == DUE:
                if fresh[lane]:
                    fresh[lane] = 0
                    lanes.memo[lanes.memory[lane], lane] = lanes.h[lane]
                if times[place[lane]] > after[lane] and not guarded:
                    lanes.t[lane], lanes.take[lane], lanes.due[lane] = after[lane], 1.0, times[place[lane]]
                    continue
                if not _attend(run, lane):
                    continue
            finish(run, lane, OK if outcome == DUE else outcome)
            begin = _refill(run, lane, begin, end)
            occupied -= int(member[lane] < 0)


HELPERS = (
    *guards.HELPERS,
    _inputs,
    _parameters,
    enter,
    _silence,
    _settle,
    _reset,
    _act,
    apply,
    finish,
    marking_of,
    write_mark,
    commit,
    aim,
    _due,
    land,
    remember,
    _await,
    _refill,
    _attend,
    _pass_marks,
    _marks,
)
"""Functions that `drive` calls."""
