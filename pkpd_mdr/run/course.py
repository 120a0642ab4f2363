"""What an ensemble under a regimen or a strategy went through: the layer between the engine and its readers."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from pkpd_mdr.engine import (
    Accuracy,
    BoundPorts,
    Compiled,
    Ensemble,
    Status,
    Stochastic,
    Timeline,
    Trajectory,
    solve,
)
from pkpd_mdr.engine.lowering import FloatArray
from pkpd_mdr.errors import RegimenError
from pkpd_mdr.regimen import Act, Measured, Regimen, Strategy, Truth, Visit, begun
from pkpd_mdr.run.bends import bends, may_miss
from pkpd_mdr.run.inflow import Inflow
from pkpd_mdr.run.rows import Rows
from pkpd_mdr.run.spans import acting
from pkpd_mdr.run.stopping import Stop
from pkpd_mdr.run.timelines import Flags, just_before, timeline_of

if TYPE_CHECKING:
    from pkpd_mdr.engine.stochastic.solve import Seed, Stream

__all__ = ["Course", "Event", "Member", "courses", "decide"]

Looks = tuple[tuple[Measured, ...], int]  # what visits show, and the seed of its errors
_CLOSE = 1e-6
_ROUNDS = 2  # how often rows are added where an output bends


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened in a run: an act, or what a strategy decided at a visit."""

    time: float
    what: str


@dataclass(frozen=True, eq=False, slots=True)
class Course:
    """One member's way through time, in internal units.

    Attributes
    ----------
    times : ndarray, shape (k,)
        Hours; a time of an act stands twice, before and after it.
    shown : ndarray of bool, shape (k,)
        Rows that the user asked for: the value before an act.
    outputs : tuple of str
    values : ndarray, shape (k, outputs)
    acts : tuple of Act
        What was given, at times of the run.
    events : tuple of Event
    until : float
        Hours up to which the run was asked for, or to which it went where a level of `Stop` ended it.
    status : Status
    stopped : bool
        Whether a level of `Stop` ended it.
    visit : Visit or None
        The last visit of a strategy, with everything that was measured.
    measured : tuple of str
        Outputs that visits show, the burden first.
    number : int
        Of the patient, on which its luck depends.
    by_chance : bool
        Whether it is a path of whole cells, whose slopes say where it tends and not where it goes.
    """

    times: FloatArray
    shown: Flags
    outputs: tuple[str, ...]
    values: FloatArray
    acts: tuple[Act, ...]
    events: tuple[Event, ...]
    until: float
    status: Status
    stopped: bool = False
    visit: Visit | None = None
    measured: tuple[str, ...] = ()
    number: int = 0
    by_chance: bool = False

    def output(self, name: str) -> FloatArray:
        """One output at all rows, shape (k,)."""
        return np.asarray(self.values[:, self.outputs.index(name)])


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

    @property
    def going(self) -> bool:
        """Whether there is something left to solve."""
        return self.status.ok and self.ended is None


def courses(
    compiled: Compiled,
    parameters: FloatArray,
    starts: FloatArray | None,
    plan: Regimen | Strategy | Sequence[Regimen],
    *,
    until: float,
    times: FloatArray,
    outputs: Sequence[str],
    accuracy: Accuracy | None = None,
    measure: str | Sequence[Measured] = "burden",
    fill: bool = True,
    threads: int | None = None,
    stochastic: Stochastic | None = None,
    seeds: Sequence[Seed] | None = None,
    stop: Stop | None = None,
    seed: int = 0,
    numbers: Sequence[int] | None = None,
) -> list[Course]:
    """Run many members under one regimen or strategy, or each under a regimen of its own.

    Parameters
    ----------
    compiled : Compiled
    parameters : ndarray, shape (members, p)
    starts : ndarray, shape (members, n), or None
        States at time zero; None takes the model's own.
    plan : Regimen, Strategy, or sequence of Regimen
        A sequence has one for each member.
    until : float
        Hours.
    times : ndarray, shape (k,)
        Hours at which rows are wanted; rows around acts and a fill for endpoints are added, which `Course.shown` hides.
    outputs : sequence of str
    accuracy : Accuracy, optional
    measure : str or sequence of Measured
        The outputs that a strategy is shown at visits, the first as the burden.
    fill : bool
        Whether rows for endpoints are added; without them only the wanted rows are computed.
    threads : int, optional
        Of the engine; it chooses when not given.
    stochastic : Stochastic, optional
        Let cells divide and die by chance; a path goes on through visits with the random numbers of its stream.
    seeds : sequence of int, SeedSequence or Stream, optional
        One a member; ``SeedSequence(stochastic.seed).spawn(members)`` when not given.

    stop : Stop, optional
    seed : int
        Of the errors of measurement.
    numbers : sequence of int, optional
        Numbers of the members, on which their errors (and deaths) depend; 0, 1, ... if left out.

    Returns
    -------
    list of Course
        In the order of members; a failed member keeps what was computed.
    """
    names = tuple(dict.fromkeys(outputs))
    members = [Member(row, None if starts is None else starts[i]) for i, row in enumerate(np.atleast_2d(parameters))]
    for place, member in enumerate(members):
        member.number = place if numbers is None else int(numbers[place])
    if stochastic is not None:
        _seed(members, stochastic, seeds)
    visits = np.arange(0.0, until, plan.visit_interval) if isinstance(plan, Strategy) else np.empty(0)
    paths_end = stop is not None and stochastic is not None  # at a row, so that rows are needed
    names += tuple(name for name in stop.outputs if name not in names) if stop is not None and paths_end else ()
    rows = Rows.of(times, until, visits, fill or paths_end)
    engine = partial(_window, compiled, rows=rows, names=names, accuracy=accuracy, threads=threads, stop=stop)
    looks = (Measured(measure),) if isinstance(measure, str) else tuple(measure)
    if isinstance(plan, Strategy):
        _visits(compiled, members, plan, until, engine, (looks, seed))
    else:
        plans = [plan] * len(members) if isinstance(plan, Regimen) else plan
        for member, own in zip(members, plans, strict=True):
            member.acts = member.active = own.acts
        engine(members, (0.0, math.inf))
    return _courses(members, names, until, tuple(look.output for look in looks))


def _seed(members: Sequence[Member], stochastic: Stochastic, seeds: Sequence[Seed] | None) -> None:
    """Give each member the stream of its random numbers."""
    from pkpd_mdr.engine.stochastic.solve import streams_of

    for member, stream in zip(members, streams_of(seeds, stochastic, len(members)), strict=True):
        member.chance = stochastic, stream


def _engine(members: Sequence[Member]) -> Callable[..., Ensemble]:
    """What solves these members: differential equations, or paths that go on with their streams."""
    chances = [member.chance for member in members if member.chance is not None]
    if not chances:
        return solve
    from pkpd_mdr.engine.stochastic.solve import solve_stochastic

    return partial(solve_stochastic, stochastic=chances[0][0], seeds=[stream for _, stream in chances])


def _visits(
    compiled: Compiled,
    members: list[Member],
    plan: Strategy,
    until: float,
    engine: Callable[[list[Member], tuple[float, float]], None],
    looks: Looks,
) -> None:
    """Decide at each visit and solve up to the next; members under the same acts share one tuple of them."""
    for member in members:
        member.memory = plan.begin()
    same: dict[tuple[Act, ...], tuple[Act, ...]] = {}
    count = max(1, math.ceil(until / plan.visit_interval - 1e-9))
    for k in range(count):
        now = k * plan.visit_interval
        going = [member for member in members if member.going]
        decide(compiled, going, plan, now, looks)
        for member in going:
            member.active = same.setdefault(member.active, member.active)
        window = (now, math.inf if k == count - 1 else (k + 1) * plan.visit_interval)
        engine(going, window)


def _look(compiled: Compiled, member: Member, now: float, looks: Looks) -> Visit:
    """The visit as the clinic sees it."""
    state = _state(compiled, member)
    measures, seed = looks
    names = [look.output for look in measures]
    true = compiled.outputs(names, np.array([now]), state[None], member.parameters)[0].tolist()
    number = 0 if member.visit is None else member.visit.number + 1
    key = {"seed": seed, "member": member.number, "visit": number}
    seen = {look.output: look.see(value, **key) for look, value in zip(measures, true, strict=True)}
    before = member.visit
    if before is None:
        return Visit.first(seen.pop(names[0]), others=seen)
    missed = [look.output for look in measures if look.misses(**key)]
    last = {names[0]: before.burden, **{name: values[-1] for name, values in before.others}}
    seen |= {name: last[name] for name in missed}
    return before.following(now, seen.pop(names[0]), others=seen, missed=missed)


def _state(compiled: Compiled, member: Member) -> FloatArray:
    return compiled.start(member.parameters) if member.state is None else member.state


def decide(compiled: Compiled, members: list[Member], plan: Strategy, now: float, looks: Looks) -> None:
    """Show all members what was measured, and give them what the strategy says."""
    if not members:
        return
    visits = [_look(compiled, member, now, looks) for member in members]
    truth = None
    if plan.knows_truth:
        rows = np.array([member.parameters for member in members])
        states = np.array([_state(compiled, member) for member in members])
        truth = Truth((compiled.parameters, compiled.states), rows, states)
    decisions = plan.decide_all(visits, [member.memory for member in members], truth)
    for member, visit, (acts, memory, note) in zip(members, visits, decisions, strict=True):
        member.visit, member.memory = visit, memory
        member.acts += acts
        own = member.parameters[None]
        running = acting(member.active, now, compiled, own)
        member.active = _going_on(running, acts, now, BoundPorts(compiled, own))
        if note and (not member.events or member.events[-1].what != note):
            member.events.append(Event(now, note))


def _going_on(running: Sequence[Act], acts: Sequence[Act], now: float, ports: BoundPorts) -> tuple[Act, ...]:
    """What is active from a visit on; an exposure that was only cut there stays one, as nobody renews its medium."""
    active = list(running)
    for act in acts:
        if act.resumed and act.rate is not None and ports.values(ports.find(act), 0).bioavailability != 1.0:
            raise RegimenError(
                f"{act}: an infusion at a fixed rate cannot go on across a visit where the model's bioavailability "
                "changes its length; give its length with over=... instead"
            )
        close = _CLOSE * max(1.0, now)
        same = [
            k
            for k, old in enumerate(running)
            if act.resumed
            and act.action == old.action == "expose"
            and (act.port, act.route, act.amount) == (old.port, old.route, old.amount)
            and max(abs(act.time - now), abs(old.time + old.duration - now)) <= close
        ]
        if same:
            active[same[-1]] = replace(running[same[-1]], duration=act.time + act.duration - running[same[-1]].time)
        else:
            active.append(act)
    return tuple(active)


def _window(
    compiled: Compiled,
    members: list[Member],
    window: tuple[float, float],
    *,
    rows: Rows,
    names: tuple[str, ...],
    accuracy: Accuracy | None,
    threads: int | None,
    stop: Stop | None = None,
    rounds: int = _ROUNDS,
) -> None:
    """Solve one window for all members and append what came out.

    Where a level ends a member, its window is solved again up to there, so that rows lead to the very end; a path of
    whole cells ends at the first of its rows beyond the level. Where rows stand too far apart for what endpoints read
    between them, the window is solved again with more of them, up to the first act behind the last of these; the steps,
    and so the values, stay the same.
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
    again = partial(_window, compiled, names=names, accuracy=accuracy, threads=threads)
    done: list[tuple[Member, Trajectory, Timeline, Flags]] = []
    for trajectory, (member, (timeline, shown)) in zip(solved.members, plans, strict=True):
        trajectory = _continued(inflow.added(trajectory, timeline), member, end)
        if watched is None and stop is not None:
            _append(member, *_cut(member, trajectory, shown, stop, names))
        elif stop is not None and trajectory.crossed >= 0 and trajectory.status.ok:
            member.ended = Event(trajectory.time, stop.words[trajectory.crossed])
            again([member], (window[0], math.inf), rows=rows.up_to(trajectory.time))
        else:
            done.append((member, trajectory, timeline, shown))
    looked = [item[:3] for item in done] if rounds and rows.filled and todo[0].chance is None else []
    coarse = _coarse(looked, names, rows.finest, (accuracy or Accuracy()).rtol)
    for member, trajectory, _, shown in done:
        if id(member) not in coarse:
            _append(member, trajectory, shown)
    if coarse:
        again(list(coarse.values()), window, rows=rows, rounds=rounds - 1)


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
    compiled: Compiled, members: list[Member], window: tuple[float, float], rows: Rows
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


def _courses(
    members: Sequence[Member], names: tuple[str, ...], until: float, measured: tuple[str, ...]
) -> list[Course]:
    """Members as courses; what was given is described once for all who were given the same."""
    given: dict[tuple[int, float, bool], tuple[tuple[Act, ...], tuple[Event, ...]]] = {}
    found = []
    for member in members:
        end = until if member.ended is None else member.ended.time
        last = () if member.ended is None else (member.ended,)
        if (key := (id(member.acts), end, bool(last))) not in given:  # what falls due at the end is not given any more,
            acts = tuple(act for act in member.acts if act.time < end or (last and act.time == end))  # but may end it
            given[key] = acts, _in_time(Event(act.time, f"{act.amount} of {act.port}") for act in begun(acts))
        acts, events = given[key]
        found.append(
            Course(
                times=_joined(member.times, (0,)),
                shown=np.asarray(_joined(member.shown, (0,)), dtype=bool),
                outputs=names,
                values=_joined(member.values, (0, len(names))),
                acts=acts,
                events=(_in_time([*member.events, *events]) if member.events else events) + last,
                until=end,
                status=member.status,
                stopped=member.ended is not None,
                visit=member.visit,
                measured=measured if member.visit is not None else (),
                number=member.number,
                by_chance=member.chance is not None,
            )
        )
    return found


def _in_time(events: Iterable[Event]) -> tuple[Event, ...]:
    return tuple(sorted(events, key=lambda event: event.time))


def _joined(parts: Sequence[Any], empty: tuple[int, ...]) -> Any:
    return parts[0] if len(parts) == 1 else np.concatenate([*parts, np.empty(empty)])
