"""Many events at once: the leaps of Cao, Gillespie and Petzold (2006, J Chem Phys 124:044109).

In the part of Python that numba compiles. A leap is as long as rates change by less than a share epsilon; processes
that could use up a population jump one by one meanwhile; a leap after which a count were negative is halved and drawn
anew. Numbers of events are drawn at the rates of the midpoint (Gillespie 2001, J Chem Phys 115:1716), which makes the
error of means quadratic in epsilon. Where a leap is not worth it, a hundred events follow one by one.
"""

from __future__ import annotations

import math

from pkpd_mdr.engine.machine.records import OK, Floats, Integers, invoke
from pkpd_mdr.engine.stochastic.acts import inside, switch
from pkpd_mdr.engine.stochastic.events import all_rates, blame, direct, fire, pick
from pkpd_mdr.engine.stochastic.parts import BELOW, EVENTS, FLOWS, JUMPS, LEAPS, Run
from pkpd_mdr.engine.stochastic.random import exponential, poisson, uniform

__all__ = ["HELPERS", "draw_leap", "land", "leap", "plan_leap"]

_CRITICAL, _WORTH, _EXACT = 10.0, 10.0, 100


def _scarce(run: Run, j: int) -> bool:
    """Whether ten events of a process could use up a population."""
    net, y = run.net, run.lane.y
    for s in range(net.first[j], net.first[j + 1]):
        if net.counted[net.state[s]] and y[net.state[s]] < -_CRITICAL * net.change[s]:
            return True
    return False


def _stiffness(run: Run, total: float) -> None:
    """How strongly rates depend on each population: the largest elasticity, 1 at least.

    For mass action this is the g of Cao, Gillespie and Petzold. A rate that is less than a share epsilon of all
    is measured against that share.
    """
    lane, net = run.lane, run.net
    for i in range(net.counted.shape[0]):
        lane.g[i] = 1.0
    for s in range(net.slope_state.shape[0]):
        i, j = net.slope_state[s], net.slope_process[s]
        size = max(lane.a[j], run.rules.epsilon * total)
        if size > 0.0:
            lane.g[i] = max(lane.g[i], abs(lane.y[i] * lane.d[s]) / size)


def _tau(run: Run, total: float) -> float:
    """The longest leap that changes rates by less than epsilon; marks which processes leap and which jump."""
    lane, net, epsilon = run.lane, run.net, run.rules.epsilon
    for i in range(net.counted.shape[0]):
        lane.mu[i], lane.var[i] = 0.0, 0.0
    for j in range(net.event.shape[0]):
        if not net.event[j]:
            continue
        lane.role[j] = JUMPS if lane.a[j] <= 0.0 or _scarce(run, j) else LEAPS
        if lane.role[j] == LEAPS:
            for s in range(net.first[j], net.first[j + 1]):
                lane.mu[net.state[s]] += net.change[s] * lane.a[j]
                lane.var[net.state[s]] += net.change[s] * net.change[s] * lane.a[j]
    _stiffness(run, total)
    tau = math.inf
    for i in range(net.counted.shape[0]):
        if net.counted[i] and net.reactant[i]:
            bound = max(epsilon * lane.y[i] / lane.g[i], 1.0)
            if lane.mu[i] != 0.0:
                tau = min(tau, bound / abs(lane.mu[i]))
            if lane.var[i] > 0.0:
                tau = min(tau, bound * bound / lane.var[i])
    return tau


def _none_leaps(run: Run) -> None:
    """Let every event strike one by one, however often it does."""
    for j in range(run.lane.role.shape[0]):
        run.lane.role[j] = JUMPS if run.net.event[j] else FLOWS


def _everything(run: Run) -> float:
    """The chance per hour of any event, leaping ones included; -1 where a rate is negative or not finite."""
    lane, at = run.lane, run.at
    invoke(run.codes.hazards, (at.y, at.r, at.t, at.a))
    _none_leaps(run)
    return all_rates(lane.a, lane.role, lane.inflow)


def leap(run: Run, time: float) -> int:
    """One leap at constant rates, or a number of events one by one where a leap would not pay."""
    lane, at, row = run.lane, run.at, run.lane.member[0]
    if lane.exact[0] > 0:
        return _exactly(run, time)
    total = _everything(run)
    if total < 0.0:
        return blame(lane.a, lane.role, run.detail, row)
    invoke(run.codes.slopes, (at.y, at.r, at.t, at.d))
    tau, left = _tau(run, total), time - lane.t[0]
    while tau * total >= _WORTH or tau >= left:
        rare = all_rates(lane.a, lane.role, lane.inflow)
        wait = exponential(run.random, row) / rare if rare > 0.0 else math.inf
        length = min(tau, wait, left)
        for i in range(run.net.counted.shape[0]):
            lane.w[i] = lane.y[i]
        _moved(run, lane.w, 0.5 * length, 0.0)
        invoke(run.codes.hazards, (at.w, at.r, at.t, at.b))
        if _draw(run, length):
            return _leapt(run, lane.t[0] + length if length < left else time, length == wait)
        tau = 0.5 * length
    _none_leaps(run)
    lane.exact[0] = _EXACT
    return _exactly(run, time)


def _exactly(run: Run, time: float) -> int:
    """Some events one by one, instead of leaps."""
    steps, row = run.results.steps, run.lane.member[0]
    before = steps[row]
    status = direct(run, time, run.lane.exact[0])
    run.lane.exact[0] = max(run.lane.exact[0] - (steps[row] - before), 0)
    return status


def _leapt(run: Run, time: float, strikes: bool) -> int:
    """Carry out the leap that was drawn, and at its end one of the rare events where that was due."""
    lane, at, row = run.lane, run.at, run.lane.member[0]
    for i in range(run.net.counted.shape[0]):
        lane.y[i] = lane.w[i]
    lane.t[0] = time
    run.results.steps[row] += 1
    lane.left[0] -= 1
    if strikes:
        invoke(run.codes.hazards, (at.y, at.r, at.t, at.a))  # what the leap made impossible cannot happen
        rare = all_rates(lane.a, lane.role, lane.inflow)
        if rare < 0.0:
            return blame(lane.a, lane.role, run.detail, row)
        if rare > 0.0 and fire(run, pick(lane.a, lane.role, lane.inflow, uniform(run.random, row) * rare)) == BELOW:
            return BELOW
    return EVENTS if run.results.steps[row] >= run.rules.budget else OK


def _moved(run: Run, state: Floats, first: float, second: float) -> None:
    """Move populations that leap by some hours at the rates `a`, and some at the rates `b`; not below zero."""
    lane, net = run.lane, run.net
    for j in range(net.event.shape[0]):
        if lane.role[j] == LEAPS:
            events = first * lane.a[j] + second * lane.b[j]
            for s in range(net.first[j], net.first[j + 1]):
                state[net.state[s]] += events * net.change[s]
    for i in range(net.counted.shape[0]):
        if net.counted[i]:
            state[i] = max(state[i], 0.0)


def _none_below(counted: Integers, state: Floats) -> bool:
    """Whether no population is below zero."""
    fits = True
    for i in range(counted.shape[0]):
        if counted[i] and state[i] < 0.0:
            fits = False
    return fits


def _draw(run: Run, length: float) -> bool:
    """Draw the numbers of events of a leap at the rates `b`, and the state after it into `w`.

    False when a population would fall below zero.
    """
    lane, net, row = run.lane, run.net, run.lane.member[0]
    for i in range(net.counted.shape[0]):
        lane.w[i] = lane.y[i]
    for j in range(net.event.shape[0]):
        if lane.role[j] == LEAPS:
            many = poisson(run.random, row, lane.b[j] * length)
            for s in range(net.first[j], net.first[j + 1]):
                lane.w[net.state[s]] += many * net.change[s]
    return _none_below(net.counted, lane.w)


def plan_leap(run: Run) -> int:
    """Before a step along flows: which processes leap in it, and how far."""
    lane, at, row = run.lane, run.at, run.lane.member[0]
    total = _everything(run)
    if total < 0.0:
        return blame(lane.a, lane.role, run.detail, row)
    invoke(run.codes.slopes, (at.y, at.r, at.t, at.d))
    tau = _tau(run, total)
    if lane.exact[0] == 0 and tau * total < _WORTH:
        lane.exact[0] = _EXACT
    if lane.exact[0] > 0:
        _none_leaps(run)
    else:
        lane.limit[0] = min(lane.limit[0], tau)
    switch(run)
    return OK


def draw_leap(run: Run, share: float) -> bool:
    """Integrate the rates of leaping processes over a share of the step and draw their events.

    Rates are taken at the begin, the middle and the end, as in the third-order method of Kutta, with the flows as the
    step found them. False when a population would fall below zero.
    """
    lane, net, at, row = run.lane, run.net, run.at, run.lane.member[0]
    length = share * lane.used[0]
    if lane.exact[0] > 0:
        return True
    for part in (0.5, 1.0):
        inside(run, part * share)
        _moved(run, lane.out, 0.5 * length if part < 1.0 else -length, 0.0 if part < 1.0 else 2.0 * length)
        lane.x[0] = lane.t[0] + part * length
        if part < 1.0:
            invoke(run.codes.hazards, (at.out, at.r, at.x, at.b))
        else:
            invoke(run.codes.hazards, (at.out, at.r, at.x, at.c))
    for i in range(net.counted.shape[0]):
        lane.mu[i] = lane.y[i]
    for j in range(net.event.shape[0]):
        if lane.role[j] == LEAPS:
            lane.many[j] = poisson(run.random, row, (lane.a[j] + 4.0 * lane.b[j] + lane.c[j]) * length / 6.0)
            for s in range(net.first[j], net.first[j + 1]):
                lane.mu[net.state[s]] += lane.many[j] * net.change[s]
    return _none_below(net.counted, lane.mu)


def land(run: Run) -> None:
    """Carry out the events of a leap along flows."""
    lane, net, at = run.lane, run.net, run.at
    if lane.v.shape[0] > 0:
        invoke(run.codes.moves, (at.y, at.r, at.t, at.v))
    for j in range(net.event.shape[0]):
        if lane.role[j] == LEAPS and lane.many[j] > 0.0:
            for s in range(net.first[j], net.first[j + 1]):
                change = lane.v[net.varied[s]] if net.varied[s] >= 0 else net.change[s]
                lane.y[net.state[s]] += lane.many[j] * change


HELPERS = (
    _scarce, _stiffness, _tau, _none_leaps, _everything, leap, _exactly, _leapt, _moved, _none_below, _draw, plan_leap,
    draw_leap, land,
)  # fmt: skip
"""Functions to compile."""
