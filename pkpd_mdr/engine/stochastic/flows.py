"""Along the flows until an event strikes, for rates that change between events.

In the part of Python that numba compiles. The hazard of events is integrated with the flows until it reaches an
exponentially distributed level (a piecewise deterministic Markov process: Davis 1984, J R Stat Soc B 46:353); when that
is, is found on the dense output of the step, and so is the time at which a large population turns small.
"""

from __future__ import annotations

import math

from pkpd_mdr.engine.machine.records import MARK, OK, STUCK, Floats, invoke
from pkpd_mdr.engine.stochastic.acts import inside, mark
from pkpd_mdr.engine.stochastic.events import all_rates, blame, fire, pick
from pkpd_mdr.engine.stochastic.leaps import draw_leap, land, plan_leap
from pkpd_mdr.engine.stochastic.parts import BELOW, EVENTS, TURN, Run
from pkpd_mdr.engine.stochastic.random import exponential, uniform

__all__ = ["HELPERS", "flow", "follow"]

_JUMP = 1e-9  # of the time, and of an hour: the step in which a condition may change


def _choose(left: float, h: float) -> float:
    """The step to try: up to the target, half the way where one step would not suffice, or as controlled."""
    return left if h * 1.0001 >= left else 0.5 * left if 2.0 * h > left else h


def _judge(e: Floats, t: float, tried: float, h: Floats) -> int:
    """Set the next step. OK after a good step, TURN for one to repeat, STUCK where no step is small enough."""
    before = h[0]
    if not e[0] <= 1.0:
        h[0] = tried * min(e[1], 0.9)
        return STUCK if h[0] < 1e-15 * max(abs(t), 1e-3) else TURN
    following = tried * e[1]
    # a step that was cut short for an event says little about the next
    h[0] = max(following, before) if tried < before * 0.999 else following
    return OK


def _cross(run: Run, index: int, level: float) -> float:
    """The share of the last step at which a component reaches a level, by regula falsi (Illinois)."""
    lane, at = run.lane, run.at
    low, high, side, x = 0.0, 1.0, 0, 1.0
    f_low, f_high = lane.y[index] - level, lane.w[index] - level
    above = f_high > 0.0
    for _ in range(80):
        x = (low * f_high - high * f_low) / (f_high - f_low) if f_high != f_low else 0.5 * (low + high)
        if not low < x < high:
            x = 0.5 * (low + high)
        lane.x[0] = x
        invoke(run.codes.dense, (at.y, at.w, at.k, at.x, at.out, at.q, at.u, at.used))
        f = lane.out[index] - level
        if (f > 0.0) == above:
            high, f_high = x, f
            f_low = 0.5 * f_low if side == 1 else f_low
            side = 1
        else:
            low, f_low = x, f
            f_high = 0.5 * f_high if side == -1 else f_high
            side = -1
        if high - low < 1e-13 or abs(f) <= 1e-13 * abs(level):
            break
    return x


def _step(run: Run, target: float) -> int:
    """Try one step of the flows; OK when it is good, TURN when it has to be repeated, else why the member stops."""
    lane, at = run.lane, run.at
    row = lane.member[0]
    lane.used[0] = _choose(target - lane.t[0], min(lane.h[0], lane.limit[0]))
    lane.take[0] = 0.0
    invoke(
        run.codes.step,
        (at.y, at.q, at.u, at.t, at.used, at.tolerances, at.take, at.k, at.w, at.work, at.e),
    )
    run.results.steps[row] += 1
    lane.left[0] -= 1
    verdict = _judge(lane.e, lane.t[0], lane.used[0], lane.h)
    if verdict == OK and run.results.steps[row] >= run.rules.budget:
        return EVENTS
    return TURN if verdict == OK and _switches(run) else verdict


def _holds(run: Run, k: int) -> bool:
    """Whether a condition holds, as last computed."""
    value = run.lane.truth[k]
    return bool(value > 0.0 or (value == 0.0 and run.net.inclusive[k] == 1))


def _switches(run: Run) -> bool:
    """Whether a condition changes across the last step, which is then to be repeated with half its length.

    A step over a jump in the rates would lie about its error, unless it is so short that it does not matter.
    """
    lane, at, count = run.lane, run.at, run.net.inclusive.shape[0]
    if count == 0 or lane.used[0] <= _JUMP * max(1.0, abs(lane.t[0])):
        return False
    first = lane.u.shape[0] - count
    invoke(run.codes.guard, (at.y, at.p, at.u, at.t, at.truth))
    for k in range(count):
        lane.u[first + k] = 1.0 if _holds(run, k) else 0.0
    lane.x[0] = lane.t[0] + lane.used[0]
    invoke(run.codes.guard, (at.w, at.p, at.u, at.x, at.truth))
    for k in range(count):
        if _holds(run, k) != (lane.u[first + k] > 0.5):
            lane.h[0] = 0.5 * lane.used[0]
            return True
    return False


def _commit(run: Run, share: float, after: float) -> None:
    """The state at a share of the last step becomes the state; small populations stay what they are."""
    lane, net = run.lane, run.net
    last = net.counted.shape[0]
    if share < 1.0:
        inside(run, share)
    for i in range(last + 1):
        if i == last or not net.counted[i] or lane.large[i]:
            lane.y[i] = lane.out[i] if share < 1.0 else lane.w[i]
    lane.t[0] = after


def follow(run: Run, time: float) -> int:
    """Bring the flows, which no event touches, up to a time that events have reached."""
    lane = run.lane
    if not run.net.flowing:
        return OK
    lane.t[0], lane.limit[0] = lane.flowed[0], math.inf
    while lane.t[0] < time:
        status = _step(run, time)
        if status == OK:
            whole = lane.used[0] == time - lane.t[0]
            _commit(run, 1.0, time if whole else lane.t[0] + lane.used[0])
        elif status != TURN:
            return status
    lane.flowed[0] = time
    return OK


def _crossing(run: Run) -> tuple[float, int]:
    """Where in the last step something happens first: its share, and -1 for an event, -2 for nothing, or a state."""
    lane, net = run.lane, run.net
    last, share, what = net.counted.shape[0], 1.0, -2
    if lane.w[last] >= lane.level[0]:
        share, what = _cross(run, last, lane.level[0]), -1
    for i in range(last):
        if net.counted[i] and lane.large[i] and lane.w[i] < run.rules.low <= lane.y[i]:
            place = _cross(run, i, run.rules.low)
            if place < share:
                share, what = place, i
    return share, what


def _marks(run: Run, after: float) -> None:
    """Write the marks that lie inside of the last step."""
    lane, program = run.lane, run.program
    while program.kind[lane.place[0]] == MARK and program.time[lane.place[0]] < after:
        time = program.time[lane.place[0]]
        mark(run, time, (time - lane.t[0]) / lane.used[0])
        lane.place[0] += 1


def flow(run: Run, target: float) -> int:
    """One step along the flows: up to the target, to the next event, or to where a population turns small."""
    lane, at, row = run.lane, run.at, run.lane.member[0]
    if run.rules.tau:
        status = plan_leap(run)
        if status != OK:
            return status
    status = _step(run, target)
    if status != OK:
        return OK if status == TURN else status
    share, what = _crossing(run)
    end = lane.t[0] + share * lane.used[0]
    after = target if share == 1.0 and lane.used[0] == target - lane.t[0] else min(end, target)
    if run.rules.tau and not draw_leap(run, share):
        lane.limit[0] = 0.5 * lane.used[0] * share
        lane.h[0] = lane.limit[0]
        return OK
    _marks(run, after)
    _commit(run, share, after)
    if what >= 0:
        lane.y[what] = run.rules.low * (1.0 - 1e-12)
    if run.rules.tau:
        land(run)
    verdict = OK
    invoke(run.codes.hazards, (at.y, at.r, at.t, at.a))
    total = all_rates(lane.a, lane.role, lane.inflow)
    if total < 0.0:
        return blame(lane.a, lane.role, run.detail, row)
    if what == -1:
        verdict = _strike(run, total)
        if verdict == BELOW:
            return verdict
    if what >= 0 or verdict == TURN:
        return TURN
    _aim(run, total)
    return OK


def _strike(run: Run, total: float) -> int:
    """The event whose time has come."""
    lane, at, row = run.lane, run.at, run.lane.member[0]
    lane.y[lane.y.shape[0] - 1] = 0.0
    lane.level[0] = exponential(run.random, row)
    if total <= 0.0:
        return OK
    j = pick(lane.a, lane.role, lane.inflow, uniform(run.random, row) * total)
    if lane.v.shape[0] > 0:
        invoke(run.codes.moves, (at.y, at.r, at.t, at.v))
    verdict = fire(run, j)
    lane.exact[0] = max(lane.exact[0] - 1, 0)
    return verdict


def _aim(run: Run, total: float) -> None:
    """A step much beyond the next event would be wasted."""
    lane = run.lane
    hazard = lane.level[0] - lane.y[lane.y.shape[0] - 1]
    lane.limit[0] = max(2.0 * hazard / total, 1e-3 * lane.h[0]) if total > 0.0 else math.inf


HELPERS = (_choose, _judge, _cross, _holds, _switches, _step, _commit, follow, _crossing, _marks, flow, _strike, _aim)
"""Functions to compile."""
