"""The driver of stochastic paths: members one after another, each from instruction to instruction.

In the part of Python that numba compiles; without numba it runs as it stands and gives the same numbers. It can break
off at any event and go on later, compiled or not.
"""

from __future__ import annotations

from pkpd_mdr.engine.machine.records import END, MARK, OK
from pkpd_mdr.engine.stochastic import acts, events, flows, leaps, random
from pkpd_mdr.engine.stochastic.acts import apply, arrange, enter, mark
from pkpd_mdr.engine.stochastic.events import direct
from pkpd_mdr.engine.stochastic.flows import flow, follow
from pkpd_mdr.engine.stochastic.leaps import leap
from pkpd_mdr.engine.stochastic.parts import DIRECT, FLOW, PAUSE, TURN, Run

__all__ = ["HELPERS", "drive_paths"]

_ENDLESS = 2**62


def _stretch(run: Run, item: int) -> int:
    """Move on towards an instruction."""
    lane, program = run.lane, run.program
    if lane.mode[0] == FLOW:
        status = flow(run, program.time[item if run.rules.tau else program.stop[item]])
    else:
        time = program.time[item]
        status = direct(run, time, _ENDLESS) if lane.mode[0] == DIRECT else leap(run, time)
        if status == TURN or (status == OK and lane.t[0] >= time):
            gone = follow(run, lane.t[0])
            status = gone if gone != OK else status
    if status == TURN:
        arrange(run)
        return OK
    return status


def _go(run: Run) -> int:
    """Execute a timeline until its end, a break or a failure."""
    lane, program = run.lane, run.program
    while True:
        if lane.left[0] <= 0:
            return PAUSE
        item = lane.place[0]
        if program.time[item] > lane.t[0]:
            status = _stretch(run, item)
        elif program.kind[item] == END:
            return OK
        else:
            status = OK
            if program.kind[item] == MARK:
                mark(run, program.time[item], 1.0)
            else:
                status = apply(run, item)
            lane.place[0] += 1
        if status != OK:
            return status


def _finish(run: Run, status: int) -> None:
    """Write what became of the member."""
    lane, results = run.lane, run.results
    member = lane.member[0]
    for i in range(run.net.counted.shape[0]):
        results.end[member, i] = lane.y[i]
        run.large[member, i] = lane.large[i]
    results.time[member], results.status[member] = lane.t[0], status
    lane.member[0] = -1


def drive_paths(run: Run, begin: int, end: int, patience: int) -> int:
    """Solve the members ``begin .. end - 1``, or as much of them as some events and steps allow.

    Parameters
    ----------
    run : Run
        Its `results`, streams and `large` are written; a member that is under way goes on first.
    begin, end : int
        Members to solve.
    patience : int
        How many events and steps until a break.

    Returns
    -------
    int
        The first member not yet begun.
    """
    lane = run.lane
    lane.left[0] = patience
    while True:
        status = OK
        if lane.member[0] < 0:
            if begin >= end:
                return begin
            status = enter(run, begin)
            begin += 1
        if status == OK:
            status = _go(run)
        if status == PAUSE:
            return begin
        _finish(run, status)


HELPERS = (*random.HELPERS, *acts.HELPERS, *events.HELPERS, *leaps.HELPERS, *flows.HELPERS, _stretch, _go, _finish)
"""Functions that `drive_paths` calls."""
