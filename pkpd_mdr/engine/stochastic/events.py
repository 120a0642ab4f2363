"""Events one by one at constant rates: the direct method of Gillespie (1977, J Phys Chem 81:2340).

In the part of Python that numba compiles. After an event the rates of the processes that it affects are renewed.
"""

from __future__ import annotations

import math

from pkpd_mdr.engine.machine.records import OK, Floats, Integers, invoke
from pkpd_mdr.engine.stochastic.parts import BELOW, BROKEN, EVENTS, FLOWS, JUMPS, NEGATIVE, PAUSE, TURN, Run
from pkpd_mdr.engine.stochastic.random import exponential, uniform

__all__ = ["HELPERS", "all_rates", "blame", "direct", "fire", "pick"]

_LARGEST = 1e100
_NOTHING = 1e-9


def all_rates(a: Floats, role: Integers, inflow: Floats) -> float:
    """Chance per hour of any event that jumps; -1 where a rate is negative or not finite."""
    total = 0.0
    for k in range(inflow.shape[0]):
        total += inflow[k]
    for j in range(role.shape[0]):
        if role[j] != FLOWS:
            if not 0.0 <= a[j] <= _LARGEST:
                if not -_NOTHING <= a[j] <= 0.0:
                    return -1.0
                a[j] = 0.0
            if role[j] == JUMPS:
                total += a[j]
    return total


def blame(a: Floats, role: Integers, detail: Floats, member: int) -> int:
    """Note the process whose rate is no rate; returns why the member stops."""
    for j in range(role.shape[0]):
        if role[j] != FLOWS and not -_NOTHING <= a[j] <= _LARGEST:
            detail[member, 0], detail[member, 1] = j, a[j]
            return NEGATIVE if a[j] < 0.0 else BROKEN
    return BROKEN


def pick(a: Floats, role: Integers, inflow: Floats, point: float) -> int:
    """The process, or behind these the input, whose stretch of the total holds a point."""
    count: int = role.shape[0]
    last = 0
    for j in range(count):
        if role[j] == JUMPS and a[j] > 0.0:
            point -= a[j]
            last = j
            if point < 0.0:
                return j
    for k in range(inflow.shape[0]):
        if inflow[k] > 0.0:
            point -= inflow[k]
            last = count + k
            if point < 0.0:
                return last
    return last


def fire(run: Run, j: int) -> int:
    """Let an event happen.

    Returns TURN when a population turned large or small, BELOW (and does nothing) when more cells would go than there
    are.
    """
    net, lane, rules, verdict, y = run.net, run.lane, run.rules, OK, run.lane.y
    processes = net.event.shape[0]
    if j >= processes:
        i = net.targets[j - processes]
        y[i] += 1.0
        return TURN if bool(y[i] >= rules.threshold) else OK
    for s in range(net.first[j], net.first[j + 1]):
        i = net.state[s]
        if net.counted[i] and not lane.large[i] and y[i] + net.change[s] < 0.0:
            run.detail[lane.member[0], 0], run.detail[lane.member[0], 1] = j, y[i]
            return BELOW
    for s in range(net.first[j], net.first[j + 1]):
        i = net.state[s]
        y[i] += lane.v[net.varied[s]] if net.varied[s] >= 0 else net.change[s]
        if net.counted[i]:
            low, high = y[i] < rules.low, y[i] >= rules.threshold
            if (low and lane.large[i]) or (high and not lane.large[i]):
                verdict = TURN
    return verdict


def direct(run: Run, time: float, most: int) -> int:
    """Events at constant rates, one by one, up to a time or a number of them.

    The moment of the next event is kept (in `level`) where a mark comes before it, so that marks change no path.
    """
    lane, at, row = run.lane, run.at, run.lane.member[0]
    t, a, role, inflow, left, random = lane.t, lane.a, lane.role, lane.inflow, lane.left, run.random
    level = lane.level
    after, steps, budget, count = run.codes.after, run.results.steps, run.rules.budget, role.shape[0]
    pointers = (at.y, at.r, at.t, at.a)
    while most > 0:
        if left[0] <= 0:
            return PAUSE
        total = all_rates(a, role, inflow)
        if total < 0.0:
            return blame(a, role, run.detail, row)
        if level[0] < t[0]:
            level[0] = t[0] + exponential(random, row) / total if total > 0.0 else math.inf
        if level[0] >= time:
            t[0] = time
            return OK
        t[0], level[0] = level[0], -math.inf
        j = pick(a, role, inflow, uniform(random, row) * total)
        verdict = fire(run, j)
        steps[row] += 1
        left[0] -= 1
        most -= 1
        if verdict != OK:
            return verdict
        invoke(after[j] if j < count else run.codes.hazards, pointers)
        if steps[row] >= budget:
            return EVENTS
    return OK


HELPERS = (all_rates, blame, pick, fire, direct)
"""Functions to compile."""
