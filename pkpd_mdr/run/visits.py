"""Members from visit to visit, under a regimen or as a strategy decides: what an ensemble went through."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from pkpd_mdr.engine import Accuracy, BoundPorts, Compiled, Stochastic
from pkpd_mdr.engine.lowering import FloatArray
from pkpd_mdr.errors import RegimenError
from pkpd_mdr.regimen import Act, Measured, Regimen, Strategy, Truth, Visit, begun
from pkpd_mdr.run.course import Course, Event
from pkpd_mdr.run.rows import Rows
from pkpd_mdr.run.spans import acting
from pkpd_mdr.run.stopping import Stop
from pkpd_mdr.run.windows import Member, solve_window

if TYPE_CHECKING:
    from pkpd_mdr.engine.stochastic.solve import Seed

__all__ = ["courses", "decide"]

Looks = tuple[tuple[Measured, ...], int]  # what visits show, and the seed of its errors
_CLOSE = 1e-6


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
    later: bool = False,
    ahead: Sequence[FloatArray] | None = None,
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
    later : bool
        Leave rows that are missing where an output bends to `Course.between`: most runs are never read between rows.
    ahead : sequence of ndarray, optional
        Under regimens, hours of further rows that each member has from the beginning, in order.
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
    engine = partial(
        solve_window,
        compiled,
        rows=rows,
        names=names,
        accuracy=accuracy,
        threads=threads,
        stop=stop,
        later=later,
    )
    looks = (Measured(measure),) if isinstance(measure, str) else tuple(measure)
    if isinstance(plan, Strategy):
        _visits(compiled, members, plan, until, engine, (looks, seed))
    else:
        plans = [plan] * len(members) if isinstance(plan, Regimen) else plan
        for member, own in zip(members, plans, strict=True):
            member.acts = member.active = own.acts
        if ahead is not None:
            for member, more in zip(members, ahead, strict=True):
                member.more = more
        engine(members, (0.0, math.inf))
    return _courses(members, names, until, tuple(look.output for look in looks))


def _seed(members: Sequence[Member], stochastic: Stochastic, seeds: Sequence[Seed] | None) -> None:
    """Give each member the stream of its random numbers."""
    from pkpd_mdr.engine.stochastic.solve import streams_of

    for member, stream in zip(members, streams_of(seeds, stochastic, len(members)), strict=True):
        member.chance = stochastic, stream


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
        course = Course(
            **_rows([member], names),
            outputs=names,
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
        found.append(replace(course, finer=partial(_between, course, member.finer)) if member.finer else course)
    return found


def _between(course: Course, finer: Sequence[Callable[[], Member]]) -> Course:
    """The same course with the rows that it lacks in each window."""
    return replace(course, **_rows([made() for made in finer], course.outputs))


def _rows(members: Sequence[Member], names: Sequence[str]) -> dict[str, Any]:
    """All rows of what some members went through one after the other."""
    times, shown, values = (
        [part for member in members for part in getattr(member, name)] for name in ("times", "shown", "values")
    )
    return {
        "times": _joined(times, (0,)),
        "shown": np.asarray(_joined(shown, (0,)), dtype=bool),
        "values": _joined(values, (0, len(names))),
    }


def _in_time(events: Iterable[Event]) -> tuple[Event, ...]:
    return tuple(sorted(events, key=lambda event: event.time))


def _joined(parts: Sequence[Any], empty: tuple[int, ...]) -> Any:
    return parts[0] if len(parts) == 1 else np.concatenate([*parts, np.empty(empty)])
