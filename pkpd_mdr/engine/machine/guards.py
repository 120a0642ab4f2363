"""Conditions and watches: where in a step they change.

Conditions of the model (``rate if C > threshold else 0``) are modes that a step holds fixed, so every step is smooth. A
step across which a condition changes is cut where it does, found on the dense output, and the next begins there with
the mode changed. Watches are further conditions, on outputs: the member ends where one of them changes.
"""

from __future__ import annotations

from pkpd_mdr.engine.machine.records import Run, invoke

__all__ = ["HELPERS", "across", "changes", "crossing", "first_change", "holds", "see", "turn"]


def holds(run: Run, lane: int, k: int) -> bool:
    """Whether a condition holds, as last computed in `g`."""
    value = run.lanes.g[k, lane]
    return bool(value > 0.0 or (value == 0.0 and run.control.inclusive[k] == 1))


def changes(run: Run, lane: int, k: int) -> bool:
    """Whether a condition, as last computed, differs from its mode in a way that counts."""
    g, u = run.lanes.g, run.lanes.u
    mode, now, direction = u[u.shape[0] - g.shape[0] + k, lane] > 0.5, holds(run, lane, k), run.control.direction[k]
    return bool(mode != now and (direction == 0 or (direction > 0) == now))


def turn(run: Run, lane: int, first: bool) -> None:
    """Set the modes as the conditions, as last computed, say; a watch that changes ends the member."""
    g, u = run.lanes.g, run.lanes.u
    count, shift = g.shape[0], u.shape[0] - g.shape[0]
    for k in range(count):
        if k >= count - run.control.watches and not first and changes(run, lane, k):
            run.results.crossed[run.lanes.member[lane]] = k - (count - run.control.watches)
        u[shift + k, lane] = 1.0 if holds(run, lane, k) else 0.0


def see(run: Run, lane: int, first: bool) -> None:
    """Set the modes for the state as it is now: at the begin, and after events."""
    if run.lanes.g.shape[0] > 0:
        invoke(run.machine.guard, (run.at.y, run.at.p, run.at.u, run.at.t, run.at.g))
        turn(run, lane, first)


def first_change(run: Run, lane: int) -> int:
    """The first condition, as last computed, that differs from its mode in a way that counts; -1 for none."""
    for k in range(run.lanes.g.shape[0]):
        if changes(run, lane, k):
            return k
    return -1


def across(run: Run, lane: int, share: float) -> bool:
    """Whether a condition has changed at a share of the last step."""
    lanes, at = run.lanes, run.at
    lanes.x[lane] = share
    invoke(run.machine.dense, (at.y, at.w, at.k, at.x, at.out, at.q, at.u, at.used))
    lanes.x[lane] = lanes.t[lane] + share * lanes.used[lane]
    invoke(run.machine.guard, (at.out, at.p, at.u, at.x, at.g))
    return first_change(run, lane) >= 0


def crossing(run: Run, lane: int) -> float:
    """The share of the last step at which a condition first changes, or 2 when none does.

    Looked for at four places of the step, then bisected; the share returned is just behind the change, and `out`, `g`
    are those there.
    """
    low = 0.0
    for quarter in range(1, 5):
        high = 0.25 * quarter
        if across(run, lane, high):
            for _ in range(60):
                middle = 0.5 * (low + high)
                if across(run, lane, middle):
                    high = middle
                else:
                    low = middle
                if (high - low) * run.lanes.used[lane] <= 1e-15 * (1.0 + abs(run.lanes.t[lane])):
                    break
            across(run, lane, high)
            return high
        low = high
    turn(run, lane, False)
    return 2.0


HELPERS = (holds, changes, first_change, turn, see, across, crossing)
"""Functions that the drivers call."""
