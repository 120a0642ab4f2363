"""A member at the instructions of its timeline: beginning, doses, surgery, marks; and which populations are large.

In the part of Python that numba compiles. What is added to a small population or left of it is a whole number: parts of
cells are drawn so that the mean is kept, and acts that leave a share of the cells leave a binomial number.
"""

from __future__ import annotations

import math

from pkpd_mdr.engine.machine.records import ACT, ADD, CHANGE, OK, RATE, RESET, SET, STEADY, invoke
from pkpd_mdr.engine.stochastic.parts import BELOW, DIRECT, FLOW, FLOWS, FRACTION, JUMPS, LEAP, Run
from pkpd_mdr.engine.stochastic.random import binomial, exponential, whole

__all__ = ["HELPERS", "apply", "arrange", "enter", "inside", "mark", "switch"]

_PART, _WHOLE = 1e-6, 1e15


def _parameters(run: Run, row: int) -> None:
    """Parameters switch to a row of the member."""
    p, source = run.lane.p, run.members.row_first[run.lane.member[0]] + row
    for i in range(run.net.parameters):
        p[i] = run.members.rows[source, i]
    invoke(run.codes.settle, (run.at.p, run.at.r))


def _inputs(run: Run) -> None:
    """Sum the rates of ports; what feeds a small population comes cell by cell, at random times."""
    lane, net = run.lane, run.net
    for k in range(net.targets.shape[0]):
        lane.u[k], lane.inflow[k] = 0.0, 0.0
    for port in range(lane.rates.shape[0]):
        if lane.rates[port] != 0.0:
            k = run.program.feeds[port]
            if net.counted[net.targets[k]] and not lane.large[net.targets[k]]:
                lane.inflow[k] += lane.rates[port]
            else:
                lane.u[k] += lane.rates[port]


def _sized(run: Run) -> None:
    """Populations turn large or small; one that turns small becomes a whole number."""
    lane, net, rules = run.lane, run.net, run.rules
    for i in range(net.counted.shape[0]):
        if net.counted[i] and lane.large[i] and lane.y[i] < rules.low:
            lane.large[i] = 0
            _put(run, i, lane.y[i])
        elif net.counted[i] and not lane.large[i] and lane.y[i] >= rules.threshold:
            lane.large[i] = 1


def _roles(run: Run) -> None:
    """A process that moves any small population jumps; all others flow."""
    lane, net = run.lane, run.net
    some = False
    for j in range(net.event.shape[0]):
        role = FLOWS
        for s in range(net.first[j], net.first[j + 1]):
            if net.counted[net.state[s]] and not lane.large[net.state[s]]:
                role = JUMPS
        if net.event[j] and role == FLOWS:
            some = True
        lane.role[j] = role
    if net.static and not some:
        lane.mode[0] = LEAP if run.rules.tau else DIRECT
    else:
        lane.mode[0] = FLOW


def switch(run: Run) -> None:
    """Hand the roles of processes to the machine code."""
    lane, first = run.lane, run.net.parameters
    count, total = lane.role.shape[0], 0.0
    for j in range(count):
        lane.p[first + j] = 1.0 if lane.role[j] == FLOWS else 0.0
        lane.p[first + count + j] = 1.0 if lane.role[j] == JUMPS and lane.mode[0] == FLOW else 0.0
    for k in range(lane.inflow.shape[0]):
        total += lane.inflow[k]
    lane.p[first + 2 * count] = total if lane.mode[0] == FLOW else 0.0
    invoke(run.codes.prepare, (run.at.p, run.at.q))


def arrange(run: Run) -> None:
    """Sort populations and processes anew after something changed, and evaluate all rates."""
    lane, at = run.lane, run.at
    _sized(run)
    _roles(run)
    _inputs(run)
    switch(run)
    invoke(run.codes.hazards, (at.y, at.r, at.t, at.a))
    lane.limit[0], lane.flowed[0], lane.level[0] = math.inf, lane.t[0], -math.inf
    if lane.mode[0] == FLOW:
        lane.y[lane.y.shape[0] - 1] = 0.0
        lane.level[0] = exponential(run.random, lane.member[0])


def _nearest(value: float) -> float:
    """The nearest whole number."""
    return math.floor(value + 0.5) + 0.0 if abs(value) < _WHOLE else value


def _counts(run: Run) -> int:
    """Make populations that begin small whole numbers."""
    lane, net, member = run.lane, run.net, run.lane.member[0]
    for i in range(net.counted.shape[0]):
        if not net.counted[i] or lane.large[i]:
            continue
        value = lane.y[i]
        near = _nearest(value)
        if abs(value - near) <= _PART + 1e-12 * abs(near) and near >= 0.0:
            lane.y[i] = near
        elif run.rules.draw and value > 0.0:
            lane.y[i] = whole(run.random, member, value)
            for pool in range(net.counted.shape[0]):
                if net.carrier[pool] == i:  # each cell holds what it would
                    lane.y[pool] *= lane.y[i] / value
        else:
            run.detail[member, 0], run.detail[member, 1] = i, value
            return FRACTION
    return OK


def _sort(run: Run, known: bool) -> None:
    """Which populations begin large; where a run goes on, as they were."""
    lane, member = run.lane, run.lane.member[0]
    for i in range(run.net.counted.shape[0]):
        lane.large[i] = 0
        if run.net.counted[i]:
            lane.large[i] = lane.y[i] >= run.rules.threshold
            if known and run.large[member, i] == 1 and lane.y[i] >= run.rules.low:
                lane.large[i] = 1


def enter(run: Run, member: int) -> int:
    """Begin the timeline of a member; returns why it cannot."""
    lane, line = run.lane, run.members.line[member]
    lane.member[0], lane.place[0] = member, run.program.first[line]
    lane.t[0], lane.h[0], lane.exact[0] = run.program.begin[line], run.rules.first, 0
    for i in range(run.net.counted.shape[0]):
        lane.y[i] = run.members.starts[member, i]
        lane.high[i] = 0.0
    for port in range(lane.rates.shape[0]):
        lane.rates[port] = run.program.rates[line, port]
    _parameters(run, run.program.row[line])
    _sort(run, True)
    status = _counts(run)
    arrange(run)
    return status


def inside(run: Run, share: float) -> None:
    """Write the state at a share of the last step into `out`; small populations stay what they are."""
    lane, net, at = run.lane, run.net, run.at
    lane.x[0] = share
    invoke(run.codes.dense, (at.y, at.w, at.k, at.x, at.out, at.q, at.u, at.used))
    for i in range(net.counted.shape[0]):
        if net.counted[i] and not lane.large[i]:
            lane.out[i] = lane.y[i]


def mark(run: Run, time: float, share: float) -> None:
    """Write the outputs of one mark, at a share of the last step or (1) at the state itself.

    Stocks below zero within rounding count as zero.
    """
    lane, member, results = run.lane, run.lane.member[0], run.results
    out, high, slack = lane.out, lane.high, run.rules.slack
    if share < 1.0:
        inside(run, share)
    for i in range(high.shape[0]):
        value = out[i] if share < 1.0 else lane.y[i]
        if slack[2 * i + 1] >= 0.0:
            high[i] = max(high[i], abs(value))
            if value < -(slack[2 * i] * high[i] + slack[2 * i + 1]):
                if results.below[member, 0] < 0.0:
                    results.below[member, 0], results.below[member, 1], results.below[member, 2] = i, value, time
            elif value < 0.0:
                value = 0.0
        out[i] = value
    lane.x[0] = time
    invoke(run.codes.observe, (run.at.out, run.at.p, run.at.x, run.at.seen))
    row = run.members.mark_first[member] + results.reached[member]
    for i in range(results.values.shape[1]):
        results.values[row, i] = lane.seen[i]
    results.reached[member] += 1


def _put(run: Run, state: int, value: float) -> None:
    """Give a state a new value."""
    lane = run.lane
    if run.net.counted[state] and not lane.large[state]:
        value = whole(run.random, lane.member[0], value)
        if value < 0.0:
            value = 0.0
    lane.y[state] = value


def _settle(run: Run, number: int) -> None:
    """Put states into their steady state."""
    lane, members, n = run.lane, run.members, run.net.counted.shape[0]
    row = members.settled_first[lane.member[0]] + number
    for i in range(n):
        if members.fixes[row, i] == 1:
            _put(run, i, members.settled[row, i])
        elif members.fixes[row, i] == 2:
            _put(run, i, lane.y[i] + members.settled[row, i])
    if members.fixes[row, n] == 1:
        _silence(run)


def _silence(run: Run) -> None:
    """All inputs end."""
    for port in range(run.lane.rates.shape[0]):
        run.lane.rates[port] = 0.0


def _reset(run: Run, to_start: int) -> int:
    """All states return to their start or to zero, and all inputs end."""
    lane = run.lane
    _silence(run)
    if to_start:
        invoke(run.codes.start, (run.at.p, run.at.out))
    for i in range(run.net.counted.shape[0]):
        lane.y[i] = lane.out[i] if to_start else 0.0
    _sort(run, False)
    return _counts(run)


def _act(run: Run, port: int, amount: float) -> int:
    """Radiation, surgery: of the cells that the model says are left, each is there or not, with what it holds."""
    lane, net, member = run.lane, run.net, run.lane.member[0]
    lane.amount[0] = amount
    invoke(run.codes.acts[port], (run.at.y, run.at.p, run.at.t, run.at.amount, run.at.out))
    for i in range(net.counted.shape[0]):
        before, after = lane.y[i], lane.out[i]
        lane.w[i] = after
        if net.counted[i] and after < 0.0:
            run.detail[member, 0], run.detail[member, 1] = -1.0 - i, after
            return BELOW
        if net.counted[i] and after < before:
            lane.w[i] = min(binomial(run.random, member, _nearest(before), after / before), before)
    if _hold(run):
        invoke(run.codes.acts[port], (run.at.y, run.at.p, run.at.t, run.at.amount, run.at.out))
    for i in range(net.counted.shape[0]):
        before, after = lane.y[i], lane.out[i]
        if net.counted[i] and after > before:
            _put(run, i, after)
        elif net.counted[i]:
            lane.y[i] = lane.w[i]
        elif net.carrier[i] >= 0 and lane.mu[i] >= 0.0:
            lane.y[i] = lane.mu[i]
        else:
            lane.y[i] = after
    return OK


def _hold(run: Run) -> bool:
    """Let pools go with the cells that were drawn in `w`, not with those expected in `out`; whether there are any.

    What survivors hold is left in `mu` (-1 where no cells go). The pools themselves become what an act that removes the
    expected share has to find, so that as much goes to where the dead go as the dead held.
    """
    lane, net = run.lane, run.net
    some = False
    for i in range(net.counted.shape[0]):
        lane.mu[i] = -1.0
        c = net.carrier[i]
        if c >= 0 and lane.out[c] < lane.y[c]:
            lane.mu[i] = lane.y[i] * (lane.w[c] / lane.y[c])
            lane.y[i] *= (lane.y[c] - lane.w[c]) / (lane.y[c] - lane.out[c])
            some = True
    return some


def apply(run: Run, item: int) -> int:
    """Execute one instruction that is neither MARK nor END; returns why the member stops."""
    lane, status = run.lane, OK
    kind, slot, value = run.program.kind[item], run.program.slot[item], run.program.value[item]
    if kind == ADD:
        _put(run, slot, lane.y[slot] + value)
    elif kind == RATE:
        rate = lane.rates[slot] + value
        lane.rates[slot] = 0.0 if abs(rate) < 1e-12 * abs(value) else rate
    elif kind == SET:
        _put(run, slot, value)
    elif kind == STEADY:
        _settle(run, slot)
    elif kind == RESET:
        status = _reset(run, slot)
    elif kind == CHANGE:
        _parameters(run, slot)
    elif kind == ACT:
        status = _act(run, slot, value)
    run.results.event[lane.member[0]] = item
    lane.h[0], lane.exact[0] = run.rules.first, 0
    arrange(run)
    return status


HELPERS = (
    _parameters, _inputs, _sized, _roles, switch, arrange, _nearest, _counts, _sort, enter, inside, mark, _put, _settle,
    _silence, _reset, _act, _hold, apply,
)  # fmt: skip
"""Functions to compile."""
