"""The driver for sensitivities: one member at a time, its parameters in groups of eight lanes.

Same rules as `loop.py`, whose helpers do the work on states (with one lane); here stand the derivatives. They jump with
the state: at an event of time tau(p) and map g, ``S+ = g_y (S- + f- tau') + g_p - f+ tau'``. Where a condition c of the
model changes, tau' = -(c_y S + c_p)/(c_y f + c_t), and the state itself does not jump.
"""

from __future__ import annotations

from pkpd_mdr.engine.machine import loop
from pkpd_mdr.engine.machine.column_records import Columns, Wide
from pkpd_mdr.engine.machine.guards import crossing, first_change, see, turn
from pkpd_mdr.engine.machine.loop import (
    aim,
    apply,
    commit,
    enter,
    finish,
    land,
    marking_of,
    remember,
    write_mark,
)  # fmt: skip
from pkpd_mdr.engine.machine.records import (
    ACT,
    ADD,
    BUDGET,
    CHANGE,
    END,
    MARK,
    OK,
    RATE,
    RESET,
    SET,
    STEADY,
    STUCK,
    Floats,
    Run,
    invoke,
)  # fmt: skip

__all__ = ["HELPERS", "drive_columns"]


_SHORT = 1e-10
"""A step is short below this share of the time."""


def _feed(run: Run, wide: Wide) -> None:
    """The derivatives of inputs, where the machine code finds them: in U, and in B for every stage."""
    U, B, rates, targets = wide.columns.U, wide.columns.B, wide.columns.rates, wide.derivatives.targets
    for i in range(targets.shape[0]):
        for c in range(rates.shape[1]):
            total = 0.0
            for port in range(rates.shape[0]):
                if run.program.feeds[port] == i:
                    total += rates[port, c]
            U[c >> 3, targets[i], c & 7] = total
            for s in range(8):
                B[s, c >> 3, targets[i], c & 7] = total


def _silence_columns(columns: Columns) -> None:
    """All inputs end."""
    for port in range(columns.rates.shape[0]):
        for c in range(columns.rates.shape[1]):
            columns.rates[port, c] = 0.0


def _take(columns: Columns) -> None:
    """The derivatives of the accepted step become current."""
    for g in range(columns.S.shape[0]):
        for i in range(columns.S.shape[1]):
            for lane in range(8):
                columns.S[g, i, lane] = columns.W[g, i, lane]


def _spread_parameters(run: Run, wide: Wide) -> None:
    for i in range(wide.columns.p.shape[0]):
        for lane in range(8):
            wide.columns.p[i, lane] = run.lanes.p[i, 0]
    invoke(wide.machine.prepare, (wide.at.p, wide.at.q))


def _spread_state(columns: Columns, source: Floats, time: float) -> None:
    for lane in range(8):
        columns.t[lane] = time
        for i in range(source.shape[0]):
            columns.y[i, lane] = source[i, 0]


def _begin_columns(wide: Wide) -> None:
    """Derivatives of the model's own start."""
    at, columns = wide.at, wide.columns
    for g in range(columns.S.shape[0]):
        seeds, target = 64 * columns.p.shape[0] * g, 64 * columns.S.shape[1] * g
        invoke(wide.machine.start_by, (at.p, at.dp + seeds, at.S + target))


def _enter_columns(run: Run, wide: Wide, member: int) -> None:
    """Derivatives at the begin of a member."""
    columns, derivatives = wide.columns, wide.derivatives
    _spread_parameters(run, wide)
    if derivatives.own:
        _begin_columns(wide)
    for c in range(columns.rates.shape[1]):
        for i in range(columns.S.shape[1]):
            if not derivatives.own:
                columns.S[c >> 3, i, c & 7] = derivatives.starts[member, i, c]
            columns.Z[c >> 3, i, c & 7] = derivatives.loose[i] / derivatives.sizes[member, c]
        for port in range(columns.rates.shape[0]):
            columns.rates[port, c] = derivatives.rates[member, port, c]
    _feed(run, wide)


def _inside(run: Run, wide: Wide) -> None:
    """The derivatives at a share of the last step."""
    base, at = run.at, wide.at
    step = base.y, base.u, base.used, at.x, at.q, at.area
    invoke(wide.machine.dense, (*step, at.S, at.W, at.V, at.U, at.inner))


def _mark_columns(run: Run, wide: Wide, row: int, time: float, share: float) -> None:
    """Derivatives of the outputs of one mark; the states at the mark stand in `lanes.out`."""
    at, columns, values, order = wide.at, wide.columns, wide.derivatives.values, wide.derivatives.order
    n, parameters, count = columns.S.shape[1], columns.p.shape[0], columns.rates.shape[1]
    _spread_state(columns, run.lanes.out, time)
    for lane in range(8):
        columns.x[lane] = share
    source = at.S
    if share < 1.0:
        _inside(run, wide)
        source = at.inner
    for g in range(columns.S.shape[0]):
        place = source + 64 * n * g, at.dp + 64 * parameters * g
        invoke(wide.machine.observe_by, (at.y, at.p, at.t, place[0], place[1], at.out))
        for c in range(8 * g, min(8 * g + 8, count)):
            for i in range(values.shape[1]):
                values[row, i, order[c]] = columns.out[i, c & 7]


def _shift(run: Run, wide: Wide, row: int, sign: float) -> None:
    """The part of an event whose time moves: the flow there times the derivative of the time."""
    base, columns = run.at, wide.columns
    invoke(wide.machine.flow, (base.y, base.q, base.u, base.t, wide.at.flow))
    for i in range(columns.S.shape[1]):
        for c in range(columns.rates.shape[1]):
            columns.S[c >> 3, i, c & 7] += sign * columns.flow[i, 0] * wide.derivatives.shifts[row, c]


def _act_columns(run: Run, wide: Wide, port: int, amount: float) -> None:
    """Derivatives of the state after an act."""
    at, columns = wide.at, wide.columns
    n = columns.S.shape[1]
    _spread_state(columns, run.lanes.y, run.lanes.t[0])
    for lane in range(8):
        columns.amount[lane] = amount
    for g in range(columns.S.shape[0]):
        seeds = at.dp + 64 * columns.p.shape[0] * g
        invoke(wide.machine.acts[port], (at.y, at.p, at.t, at.amount, at.S + 64 * n * g, seeds, at.inner))
        for i in range(n):
            for lane in range(8):
                columns.S[g, i, lane] = columns.inner[0, i, lane]


def _settle_columns(run: Run, wide: Wide, number: int) -> None:
    """Derivatives of a steady state."""
    columns, fixes = wide.columns, run.members.fixes
    row, n = run.members.settled_first[run.lanes.member[0]] + number, columns.S.shape[1]
    if fixes[row, n] == 1:
        _silence_columns(columns)
    for i in range(n):
        for c in range(columns.rates.shape[1]):
            value = wide.derivatives.settled[row, i, c]
            if fixes[row, i] == 1:
                columns.S[c >> 3, i, c & 7] = value
            elif fixes[row, i] == 2:
                columns.S[c >> 3, i, c & 7] += value


def _reset_columns(wide: Wide, to_start: int) -> None:
    columns = wide.columns
    _silence_columns(columns)
    for i in range(columns.S.shape[1]):
        for c in range(columns.rates.shape[1]):
            columns.S[c >> 3, i, c & 7] = 0.0
    if to_start:
        _begin_columns(wide)


def _jump_columns(run: Run, wide: Wide, item: int, row: int) -> None:
    """The derivatives of an event, before the state itself jumps."""
    kind, slot, columns, inputs = run.program.kind[item], run.program.slot[item], wide.columns, wide.derivatives.inputs
    if kind == ADD and row >= 0:
        for c in range(columns.rates.shape[1]):
            columns.S[c >> 3, slot, c & 7] += inputs[row, c]
    elif kind == RATE and row >= 0:
        for c in range(columns.rates.shape[1]):
            columns.rates[slot, c] += inputs[row, c]
    elif kind == SET:
        for c in range(columns.rates.shape[1]):
            columns.S[c >> 3, slot, c & 7] = 0.0
    elif kind == RESET:
        _reset_columns(wide, slot)
    elif kind == ACT:
        _act_columns(run, wide, slot, run.program.value[item])
    elif kind == STEADY:
        _settle_columns(run, wide, slot)


def _event_columns(run: Run, wide: Wide, item: int) -> None:
    """One event of state and derivatives."""
    row = run.program.dosed[item]
    if row >= 0:
        row += wide.derivatives.first[run.lanes.member[0]]
    moves = row >= 0 and wide.derivatives.moves[row] > 0
    if moves:
        _shift(run, wide, row, 1.0)
    _jump_columns(run, wide, item, row)
    apply(run, 0, item)
    if run.program.kind[item] == CHANGE:
        _spread_parameters(run, wide)
    _feed(run, wide)
    if moves:
        see(run, 0, False)
        _shift(run, wide, row, -1.0)


def _due_columns(run: Run, wide: Wide, after: float, entered: bool) -> bool:
    """Execute what is due up to the time `after`; True when the timeline has ended. As `loop._due`."""
    lanes, program = run.lanes, run.program
    committed, changed, events = entered, entered, False
    while True:
        item = lanes.place[0]
        time = program.time[item]
        inside = time < after and not committed
        if not committed and not inside:
            commit(lanes, 0, after)
            _take(wide.columns)
            committed = True
        if time > after or program.kind[item] == END:
            break
        if program.kind[item] == MARK:
            _mark_both(run, wide, time, (time - lanes.t[0]) / lanes.used[0] if inside else 1.0)
        else:
            _event_columns(run, wide, item)
            changed = events = True
        lanes.place[0] = item + 1
    aim(run, 0, item, changed)
    if events:
        see(run, 0, False)
    return bool(time <= after) or run.results.crossed[lanes.member[0]] >= 0


def _mark_both(run: Run, wide: Wide, time: float, share: float) -> None:
    """Write the outputs of one mark and their derivatives."""
    member = run.lanes.member[0]
    row = run.members.mark_first[member] + run.results.reached[member]
    write_mark(marking_of(run), 0, member, row, time, share)
    _mark_columns(run, wide, row, time, share)
    run.results.reached[member] += 1


def _land_columns(run: Run, wide: Wide, share: float) -> float:
    """End the last step at a share of it, where a condition changes; returns the time there. As `loop.land`."""
    lanes, columns = run.lanes, wide.columns
    after, n = float(lanes.t[0] + share * lanes.used[0]), columns.S.shape[1]
    while run.program.time[lanes.place[0]] < after:
        time = run.program.time[lanes.place[0]]
        _mark_both(run, wide, time, (time - lanes.t[0]) / lanes.used[0])
        lanes.place[0] += 1
    for lane in range(8):
        columns.x[lane] = share
    _inside(run, wide)
    for g in range(columns.S.shape[0]):
        for i in range(n):
            for lane in range(8):
                columns.S[g, i, lane] = columns.inner[g, i, lane]
    land(run, 0, share)
    _switch(run, wide, first_change(run, 0))
    return after


def _switch(run: Run, wide: Wide, k: int) -> None:
    """A condition changes: the time at which it does depends on the parameters, and behind it the flow is another."""
    columns, at, base, derivatives = wide.columns, wide.at, run.at, wide.derivatives
    n, count = columns.S.shape[1], columns.rates.shape[1]
    flow = (base.y, base.q, base.u, base.t, at.flow)
    invoke(wide.machine.flow, flow)
    _spread_state(columns, run.lanes.y, run.lanes.t[0])
    for lane in range(8):
        columns.dt[lane] = 1.0
        for i in range(columns.u.shape[0]):
            columns.u[i, lane] = run.lanes.u[i, 0]
        for i in range(n):
            columns.inner[0, i, lane] = columns.before[i, 0] = columns.flow[i, 0]
    invoke(wide.machine.guard_by, (at.y, at.p, at.u, at.t, at.inner, at.none, at.dt, at.g))
    slope = columns.g[k, 0]
    for lane in range(8):
        columns.dt[lane] = 0.0
    for g in range(columns.S.shape[0]):
        seeds = at.dp + 64 * columns.p.shape[0] * g
        invoke(wide.machine.guard_by, (at.y, at.p, at.u, at.t, at.S + 64 * n * g, seeds, at.dt, at.g))
        for c in range(8 * g, min(8 * g + 8, count)):
            columns.delay[c] = -columns.g[k, c & 7] / slope if slope != 0.0 else 0.0
    turn(run, 0, False)
    if run.results.crossed[run.lanes.member[0]] >= 0:
        for c in range(count):
            derivatives.delays[run.lanes.member[0], derivatives.order[c]] = columns.delay[c]
        return
    invoke(wide.machine.flow, flow)
    for i in range(n):
        for c in range(count):
            columns.S[c >> 3, i, c & 7] += (columns.before[i, 0] - columns.flow[i, 0]) * columns.delay[c]


def _worst(columns: Columns, e: Floats, short: bool) -> None:
    """Let the worst parameter judge the step too; an error that is not a number refuses it.

    A short step is left to the states: the effect of a drug that begins may rise with an infinite slope (a Hill
    coefficient below 1), which no step is short enough for where the time of the dose depends on a parameter.
    """
    worst = e[0, 0]
    for c in range(columns.rates.shape[1]):
        value = columns.e[c >> 3, c & 7]
        if not value <= worst:
            worst = value
    if not (worst <= e[0, 0] or (short and worst < 1e30)):
        e[0, 0] = worst
        e[1, 0] = 0.2 if not worst < 1e30 else min(6.0, max(0.2, 0.9 * max(worst, 1e-20) ** -0.1))


def _choose(left: float, h: float) -> float:
    """The step to try: up to the event, half the way where one step would not suffice, or as controlled."""
    return left if h * 1.0001 >= left else 0.5 * left if 2.0 * h > left else h


def _judge(e: Floats, t: Floats, h: Floats, used: Floats, stretch: Floats, most: float, lane: int) -> int:
    """After a step: set the next one. Returns -1 for a good step, -2 for one to repeat, else why the member stops."""
    stretch[lane] += 1.0
    tried, before = used[lane], h[lane]
    if not e[0, lane] <= 1.0:
        h[lane] = tried * min(e[1, lane], 0.9)
        if h[lane] < 1e-15 * max(abs(t[lane]), 1e-3):
            return STUCK
        return BUDGET if stretch[lane] >= most else -2
    following = tried * e[1, lane]
    # a step that was cut short for an event says little about the next
    h[lane] = max(following, before) if tried < before * 0.999 else following
    return BUDGET if stretch[lane] >= most else -1


def _after(target: float, t: float, used: float) -> float:
    """The time after a good step; a whole step ends exactly at the event."""
    return target if used == target - t else t + used


def _step_columns(run: Run, wide: Wide) -> int:
    """One step of state and derivatives; the verdict of `loop._judge`."""
    lanes, base, at = run.lanes, run.at, wide.at
    e, h, t, used = lanes.e, lanes.h, lanes.t, lanes.used
    used[0] = _choose(lanes.target[0] - t[0], h[0])
    pointers = (
        base.y,
        base.q,
        base.u,
        base.t,
        base.used,
        base.tolerances,
        base.take,
        base.k,
        base.w,
        base.work,
        base.e,
    )
    invoke(run.machine.step, pointers)
    lanes.steps[0] += 1.0
    if e[0, 0] <= 1.0:
        given = (base.y, base.k, at.lu, base.u, base.t, base.used, base.tolerances, at.q, at.area)
        invoke(wide.machine.columns, (*given, at.S, at.W, at.V, at.B, at.U, at.Z, at.e))
        if wide.derivatives.controlled:
            _worst(wide.columns, e, used[0] < _SHORT * max(abs(t[0]), 1e-3))
    return _judge(e, t, h, used, lanes.stretch, run.control.most[0], 0)


def drive_columns(run: Run, wide: Wide, begin: int, end: int) -> None:
    """Solve members with their sensitivities.

    Parameters
    ----------
    run : Run
        With one lane; its `results` are written.
    wide : Wide
        The `values` of its `derivatives` are written.
    begin, end : int
        Which to solve, as places in the order of members.
    """
    guarded = run.lanes.g.shape[0] > 0
    for place in range(begin, end):
        member = run.members.order[place]
        enter(run, 0, member)
        _enter_columns(run, wide, member)
        ended, verdict = _due_columns(run, wide, run.lanes.t[0], True), -1
        while not ended and verdict < 0:
            verdict = _step_columns(run, wide)
            if verdict == -1:
                if run.lanes.fresh[0]:
                    remember(run.lanes, 0)
                after, entered = _after(run.lanes.target[0], run.lanes.t[0], run.lanes.used[0]), False
                share = crossing(run, 0) if guarded else 2.0
                worked = 0.0
                if share <= 1.0:
                    worked, entered = run.lanes.stretch[0], True
                    after = _land_columns(run, wide, share)
                ended = run.results.crossed[member] >= 0 or _due_columns(run, wide, after, entered)
                run.lanes.stretch[0] += worked
        _leave(wide, member)
        finish(run, 0, max(verdict, OK))


def _leave(wide: Wide, member: int) -> None:
    """Write the derivatives of the last state."""
    for i in range(wide.columns.S.shape[1]):
        for c in range(wide.columns.rates.shape[1]):
            wide.derivatives.ends[member, i, wide.derivatives.order[c]] = wide.columns.S[c >> 3, i, c & 7]


HELPERS = (
    *loop.HELPERS,
    _feed,
    _silence_columns,
    _take,
    _inside,
    _spread_parameters,
    _spread_state,
    _begin_columns,
    _enter_columns,
    _mark_columns,
    _shift,
    _act_columns,
    _settle_columns,
    _reset_columns,
    _jump_columns,
    _event_columns,
    _mark_both,
    _land_columns,
    _switch,
    _leave,
    _due_columns,
    _worst,
    _after,
    _choose,
    _judge,
    _step_columns,
)
"""Functions that `drive_columns` calls."""
