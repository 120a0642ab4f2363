"""Members through one window, the time between two visits: solved, with rows near enough for what is read of them."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from pkpd_mdr.engine import Accuracy, Compiled, Ensemble, Status, Stochastic, Timeline, Trajectory, solve
from pkpd_mdr.engine.lowering import FloatArray
from pkpd_mdr.errors import RegimenError
from pkpd_mdr.regimen import Act, Visit
from pkpd_mdr.run.bends import bends, may_miss
from pkpd_mdr.run.course import Event
from pkpd_mdr.run.inflow import Inflow
from pkpd_mdr.run.rows import Rows
from pkpd_mdr.run.stopping import Stop
from pkpd_mdr.run.timelines import Flags, just_before, timeline_of

if TYPE_CHECKING:
    from pkpd_mdr.engine.stochastic.solve import Stream

__all__ = ["Member", "solve_window"]

Solved = tuple["Member", Trajectory, Timeline, Flags]
_ROUNDS = 2  # how often rows are added where an output bends


@dataclass(slots=True)
class Member:
    """One member while visits go on."""

    parameters: FloatArray
    state: FloatArray | None
    number: int = 0
    memory: Any = None
    visit: Visit | None = None
    acts: tuple[Act, ...] = ()
    active: tuple[Act, ...] = ()
    events: list[Event] = field(default_factory=list)
    times: list[FloatArray] = field(default_factory=list)
    shown: list[Flags] = field(default_factory=list)
    values: list[FloatArray] = field(default_factory=list)
    status: Status = field(default_factory=Status)
    chance: tuple[Stochastic, Stream] | None = None
    ended: Event | None = None
    more: FloatArray = field(default_factory=lambda: np.empty(0))
    known: tuple[Trajectory, float] | None = None  # what is to be solved again, and up to when
    finer: list[Callable[[], Member]] = field(default_factory=list)  # of each window, where rows are added later

    @property
    def going(self) -> bool:
        """Whether there is something left to solve."""
        return self.status.ok and self.ended is None


def solve_window(
    compiled: Compiled,
    members: Sequence[Member],
    window: tuple[float, float],
    *,
    rows: Rows,
    names: tuple[str, ...],
    accuracy: Accuracy | None,
    threads: int | None,
    stop: Stop | None = None,
    rounds: int = _ROUNDS,
    later: bool = False,
) -> None:
    """Solve one window for all members and append what came out.

    Where a level ends a member, its window is solved again up to there, so that rows lead to the very end; a path of
    whole cells ends at the first of its rows beyond the level. Where rows stand too far apart for what endpoints read
    between them, the window is solved again with more of them (`_settle`), or `later`, by `Member.finer`.
    """
    plans = _timelines(compiled, members, window, rows)
    if not plans:
        return
    todo = [member for member, _ in plans]
    known = any(member.state is not None for member in todo)
    watched = stop if stop is not None and todo[0].chance is None else None
    starts = [m.state if m.state is not None else compiled.start(m.parameters) for m in todo] if known else None
    timelines = [timeline for _, (timeline, _) in plans]
    inflow = Inflow.of(compiled, names, timelines)
    end = min(just_before(window[1]), max(_enough(member, timeline) for member, (timeline, _) in plans))
    solved = _engine(todo)(
        compiled,
        np.array([member.parameters for member in todo]),
        None if starts is None else np.array(starts),
        timelines,
        names + inflow.more,
        accuracy=accuracy,
        window=(just_before(window[0]), end),
        threads=threads,
        **({} if watched is None else {"watches": watched.watches, "levels": watched.table(len(todo))}),
    )
    again = partial(solve_window, compiled, names=names, accuracy=accuracy, threads=threads)
    done: list[Solved] = []
    for trajectory, (member, (timeline, shown)) in zip(solved.members, plans, strict=True):
        trajectory = _continued(inflow.added(trajectory, timeline), member, end)
        if watched is None and stop is not None:
            _append(member, *_cut(member, trajectory, shown, stop, names))
        elif stop is not None and trajectory.crossed >= 0 and trajectory.status.ok:
            member.ended = Event(trajectory.time, stop.words[trajectory.crossed])
            again([member], (window[0], math.inf), rows=rows.up_to(trajectory.time), later=later)
        else:
            done.append((member, trajectory, timeline, shown))
    if not (rounds and rows.filled and todo[0].chance is None):
        for member, trajectory, _, shown in done:
            _append(member, trajectory, shown)
        return
    again = partial(again, window=window, rows=rows, rounds=rounds - 1)
    settle = partial(_settle, again=again, names=names, finest=rows.finest, rtol=(accuracy or Accuracy()).rtol)
    if not later:
        settle(done)
        return
    for member, trajectory, timeline, shown in done:
        member.finer.append(partial(_settled, _begun(member), trajectory, timeline, shown, settle))
        _append(member, trajectory, shown)


def _settle(
    done: Sequence[Solved], *, again: Callable[[list[Member]], None], names: tuple[str, ...], finest: float, rtol: float
) -> None:
    """Append what was solved, with more rows where these stand too far apart for cubics between them.

    For these the window is solved again, up to the first act behind the last of them; the steps, and so the values,
    stay the same.
    """
    coarse = _coarse([item[:3] for item in done], names, finest, rtol)
    for member, trajectory, _, shown in done:
        if id(member) not in coarse:
            _append(member, trajectory, shown)
    if coarse:
        again(list(coarse.values()))


def _begun(member: Member) -> Member:
    """A member as it stands at the begin of a window, without what it has been through."""
    return replace(member, times=[], shown=[], values=[], finer=[])


def _settled(
    begun: Member, trajectory: Trajectory, timeline: Timeline, shown: Flags, settle: Callable[[list[Solved]], None]
) -> Member:
    """A member behind a window that was solved before, with the rows that it lacked."""
    member = _begun(begun)
    settle([(member, trajectory, timeline, shown)])
    return member


def _coarse(
    done: Sequence[tuple[Member, Trajectory, Timeline]], names: tuple[str, ...], finest: float, rtol: float
) -> dict[int, Member]:
    """Members that need more rows, which they then have; those on one timeline are looked at together."""
    read = [k for k, name in enumerate(names) if f"d/dt {name}" in names]
    slopes = [names.index(f"d/dt {names[k]}") for k in read]
    groups: dict[int, list[tuple[Member, Trajectory]]] = {}
    for member, trajectory, timeline in done:
        if trajectory.status.ok:
            groups.setdefault(id(timeline), []).append((member, trajectory))
    found: dict[int, Member] = {}
    for group in groups.values():
        table, times = np.stack([trajectory.values for _, trajectory in group]), group[0][1].times
        needed = bends(times, table[..., read], table[..., slopes], finest=finest, exact=may_miss(rtol))
        for (member, trajectory), more in zip(group, needed, strict=True):
            if len(more):
                member.more = np.union1d(member.more, more) if len(member.more) else more
                member.known = trajectory, float(more[-1])
                found[id(member)] = member
    return found


def _engine(members: Sequence[Member]) -> Callable[..., Ensemble]:
    """What solves these members: differential equations, or paths that go on with their streams."""
    chances = [member.chance for member in members if member.chance is not None]
    if not chances:
        return solve
    from pkpd_mdr.engine.stochastic.solve import solve_stochastic

    return partial(solve_stochastic, stochastic=chances[0][0], seeds=[stream for _, stream in chances])


def _enough(member: Member, timeline: Timeline) -> float:
    """Up to when a member has to be solved: all the way, or to the act behind the rows that it lacks."""
    if member.known is None:
        return math.inf
    return next((step.time for step in timeline.steps if step.time > member.known[1]), math.inf)


def _continued(trajectory: Trajectory, member: Member, end: float) -> Trajectory:
    """What was solved again up to a time, followed by what is known from there on."""
    if member.known is None or not trajectory.status.ok:
        return trajectory
    known = member.known[0]
    rest = slice(int(np.searchsorted(known.times, end)), None)
    times, values = (trajectory.times, known.times[rest]), (trajectory.values, known.values[rest])
    return known._replace(times=np.concatenate(times), values=np.concatenate(values))


def _cut(
    member: Member, trajectory: Trajectory, shown: Flags, stop: Stop, names: tuple[str, ...]
) -> tuple[Trajectory, Flags]:
    """A path up to the first row beyond a level."""
    found = stop.seen(trajectory.values[:, [names.index(name) for name in stop.outputs]])
    if found is None:
        return trajectory, shown
    row, which = found
    member.ended = Event(float(trajectory.times[row]), stop.words[which])
    kept = trajectory._replace(times=trajectory.times[: row + 1], values=trajectory.values[: row + 1], status=Status())
    return kept, shown


def _timelines(
    compiled: Compiled, members: Sequence[Member], window: tuple[float, float], rows: Rows
) -> list[tuple[Member, tuple[Timeline, Flags]]]:
    """A timeline for each member; a member whose parameters do not allow one (a negative lag) fails by itself.

    Members that are given the same under the same dosing parameters share one, which costs far more than a lookup.
    """
    part, dosing = rows.between(*window), compiled.dosing
    found: dict[tuple[int, bytes, bytes], tuple[Timeline, Flags] | RegimenError] = {}
    plans, problem = [], None
    for member in members:
        key = id(member.active), member.parameters[dosing].tobytes(), member.more.tobytes()
        if key not in found:
            found[key] = _tried(compiled, member, window, part)
        plan = found[key]
        if isinstance(plan, RegimenError):
            problem = plan
            member.status = Status(False, str(plan), window[0])
        else:
            plans.append((member, plan))
    if problem is not None and not plans:
        raise problem
    return plans


def _tried(
    compiled: Compiled, member: Member, window: tuple[float, float], part: Rows
) -> tuple[Timeline, Flags] | RegimenError:
    try:
        return timeline_of(compiled, member.active, member.parameters, window, part, member.more)
    except RegimenError as problem:
        return problem


def _append(member: Member, trajectory: Trajectory, shown: Flags) -> None:
    member.state, member.status = trajectory.end, trajectory.status
    member.more, member.known = np.empty(0), None
    member.times.append(trajectory.times)
    member.values.append(trajectory.values)
    member.shown.append(shown[: len(trajectory.times)])
