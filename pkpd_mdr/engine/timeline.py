"""From entries in file order to the list of instructions that an engine executes.

The instructions are described in `pkpd_mdr.engine.instructions`; the rules are those of NONMEM. Scheduled events
(additional and lagged doses, ends of infusions) due at a time run before any entry at that time, ends before starts;
entries run in the order given. Every number that the model's
ports decide (bioavailability, lag, modelled rate and duration) is taken from the parameter row in force at the dose
entry and holds for all its additional doses. For lag and modelled duration NONMEM says so; for bioavailability and
a modelled rate nothing published settles it, and one rule for all is the choice made here.
"""

from __future__ import annotations

import heapq
import math
import warnings
from bisect import bisect_left, insort
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from pkpd_mdr.engine.functions import FloatArray
from pkpd_mdr.engine.instructions import (
    CLOSE,
    Instruction,
    Kind,
    Marks,
    Ports,
    PortValues,
    Source,
    SteadyDose,
    Timeline,
    periods,
)
from pkpd_mdr.errors import RegimenError
from pkpd_mdr.regimen.acts import MOST_ACTS, Act
from pkpd_mdr.regimen.entries import Change, Entry, Give, Mark, Reset
from pkpd_mdr.units import Quantity, Unit

__all__ = [
    "Instruction", "Kind", "Outputs", "PortValues", "Ports", "Source", "SteadyDose", "Timeline", "build", "evaluated",
]  # fmt: skip

_HOUR = Unit.of("h")


@dataclass(frozen=True, slots=True, eq=False)
class Outputs:
    """Times of outputs that follow from no table of entries.

    Parameters
    ----------
    times : ndarray, shape (k,)
        Hours, not decreasing.
    after : ndarray of bool, shape (k,)
        Whether an output comes after all entries at its time, and not before them. Scheduled events, such as the end
        of an infusion, act before it in any case.
    """

    times: FloatArray
    after: np.ndarray[tuple[int], np.dtype[np.bool_]]

    @staticmethod
    def before(times: FloatArray) -> Outputs:
        """Outputs that come before what is given at their times."""
        return Outputs(times, np.zeros(len(times), dtype=bool))


def build(
    entries: Sequence[Entry],
    ports: Ports,
    *,
    start: float = 0.0,
    stop: float,
    row: int = 0,
    outputs: Outputs | None = None,
) -> Timeline:
    """Turn entries into a timeline.

    Parameters
    ----------
    entries : sequence of Give, Mark, Reset, Change
        In file order, times not decreasing. Entries after `stop` are left out, outputs excepted.
    ports : Ports
        The model's ports.
    start, stop : float
        Hours; both belong to the timeline.
    row : int
        Parameter row in force at the start.
    outputs : Outputs, optional
        Outputs beside marks among the entries, numbered in their order.

    Returns
    -------
    Timeline

    Raises
    ------
    RegimenError
        Times decrease or lie outside; an act does not fit its port (negative bioavailability or lag, a modelled
        rate or duration that is not above zero); too many doses.

    Warns
    -----
    UserWarning
        A steady-state dose whose lag is not shorter than its interval.

    Notes
    -----
    Reset-and-dose records are a Reset followed by a Give; additional doses do not reset again. A replacing
    steady-state dose (SS=1) forgets running infusions and all pending additional and lagged doses of its drug, by any
    route. Other drugs go on: each drug's kinetics is a system of its own here, where NONMEM has one system only. A
    steady-state dose with lag L acts at its time + L; doses of its train that are under way (L of one interval or
    more) act too, so that the state stays periodic for every lag.

    Examples
    --------
    >>> from pkpd_mdr.regimen.builders import infusion
    >>> from pkpd_mdr.regimen.entries import arrange
    >>> class Plain:
    ...     def find(self, act): return 0
    ...     def amount(self, index, quantity): return quantity.internal
    ...     def values(self, index, row): return PortValues()
    >>> timeline = build(arrange(infusion("dox", "75 mg", over="1 h"), [2.0]), Plain(), stop=3.0)
    >>> [(step.time, step.kind.name, step.value) for step in timeline]
    [(0.0, 'RATE', 75.0), (1.0, 'RATE', -75.0), (2.0, 'MARK', 0.0), (3.0, 'END', 0.0)]
    """
    if not (math.isfinite(start) and math.isfinite(stop) and start <= stop):
        raise RegimenError(f"a run from {start:g} h to {stop:g} h is not possible; the stop has to be later")
    wanted = np.empty(0) if outputs is None else _checked(outputs.times, start, stop)
    times = sorted({start, stop, *wanted.tolist(), *(entry.time for entry in entries)})
    work = _Work(ports, start, stop, row, times)
    work.replaced = {
        (entry.time, ports.find(entry.act))
        for entry in entries
        if isinstance(entry, Give) and entry.act.action == "expose"
    }
    now = start
    for entry in entries:
        _check_time(entry, now, start, stop)
        now = entry.time
        if now <= stop:
            work.run_until(now)
            work.enter(entry)
    work.run_until(stop)
    marks = work.marked(outputs)
    work.add(Instruction(stop, Kind.END))
    return Timeline(tuple(work.done), marks, start, stop, tuple(dict.fromkeys(work.notes)))


def _checked(times: FloatArray, start: float, stop: float) -> FloatArray:
    """Times of outputs, which have to be in order and within the run."""
    wrong = ~((times >= start) & (times <= stop) & (np.diff(times, prepend=start) >= 0))
    if wrong.any():
        place = int(np.argmax(wrong))
        _check_time(Mark(float(times[place]), place), float(times[place - 1]) if place else start, start, stop)
    return times


def _check_time(entry: Entry, now: float, start: float, stop: float) -> None:
    late = isinstance(entry, Mark) and entry.time > stop
    if max(start, now) <= entry.time < math.inf and not late:
        return
    what = str(entry.act) if isinstance(entry, Give) else f"{type(entry).__name__.lower()} at {entry.time:g} h"
    if not math.isfinite(entry.time):
        raise RegimenError(f"{what}: its time is not finite")
    if entry.time < start:
        raise RegimenError(f"{what} comes before the start of the run at {start:g} h; start earlier or shift it")
    if entry.time < now:
        raise RegimenError(f"{what} comes after an entry at {now:g} h; sort the entries by time")
    if late and isinstance(entry, Mark):
        raise RegimenError(f"output {entry.index} at {entry.time:g} h lies after the stop at {stop:g} h; stop later")


@dataclass(frozen=True, slots=True)
class _Start:
    """Dose number `count` of a train, due at `begin + count*interval`; it schedules the next one."""

    source: Source
    begin: float
    interval: float
    count: int
    last: int


@dataclass(frozen=True, slots=True)
class _Stop:
    """The end of an infusion or, with `source` None, of exposure number `turn` on a port."""

    port: int
    source: Source | None = None
    turn: int = 0


@dataclass(slots=True)
class _Work:
    """A timeline as it is written: instructions that are done, and events that wait for their time."""

    ports: Ports
    start: float
    stop: float
    row: int
    times: list[float]
    replaced: set[tuple[float, int]] = field(default_factory=set)
    done: list[Instruction] = field(default_factory=list)
    marks: list[tuple[float, int, int]] = field(default_factory=list)
    opened: dict[float, int] = field(default_factory=dict)
    queue: list[tuple[float, int, int, _Start | _Stop]] = field(default_factory=list)
    turns: Counter[int] = field(default_factory=Counter)
    notes: list[str] = field(default_factory=list)
    doses: int = 0
    pushed: int = 0

    def add(self, step: Instruction) -> None:
        """Write an instruction."""
        self.done.append(step)

    def schedule(self, time: float, event: _Start | _Stop) -> None:
        """Queue an event; ends run before starts, and times equal up to rounding become one time."""
        if isinstance(event, _Start) and time > self.stop + CLOSE * max(1.0, abs(self.stop)):
            return
        now = self.done[-1].time if self.done else self.start
        self.pushed += 1
        heapq.heappush(self.queue, (max(now, self.snapped(time)), isinstance(event, _Start), self.pushed, event))

    def snapped(self, time: float) -> float:
        """The time that is there already, where one is equal up to rounding."""
        close = CLOSE * max(1.0, abs(time))
        place = bisect_left(self.times, time - close)
        if place < len(self.times) and self.times[place] <= time + close:
            return self.times[place]
        insort(self.times, time)
        return time

    def run_until(self, time: float) -> None:
        """Let all events act that are due by a time."""
        while self.queue and self.queue[0][0] <= time:
            due, _, _, event = heapq.heappop(self.queue)
            if isinstance(event, _Stop):
                self.end(due, event)
                continue
            self.dose(due, event.begin + event.count * event.interval, event.source)
            self.next_of(event)

    def next_of(self, event: _Start) -> None:
        """Schedule the dose that follows in a train."""
        if event.count < event.last:
            follow = _Start(event.source, event.begin, event.interval, event.count + 1, event.last)
            self.schedule(follow.begin + follow.count * follow.interval, follow)

    def end(self, time: float, event: _Stop) -> None:
        """End an infusion, or an exposure that no later one has replaced."""
        if (source := event.source) is not None:
            self.input(time, source, -1, lagged=source.lag > 0, ended=True)
        elif self.turns[event.port] == event.turn and (time, event.port) not in self.replaced:
            self.add(Instruction(time, Kind.SET, event.port, 0.0, ended=True))

    def enter(self, entry: Entry) -> None:
        """Write an entry at its own time."""
        self.opened.setdefault(entry.time, len(self.done))
        if isinstance(entry, Mark):
            self.marks.append((entry.time, entry.index, len(self.done)))
        elif isinstance(entry, Change):
            self.row = entry.row
            self.add(Instruction(entry.time, Kind.CHANGE, index=entry.row))
        elif isinstance(entry, Reset):
            self.forget(pending=entry.cancel, exposures=True)
            self.add(Instruction(entry.time, Kind.RESET, value=float(entry.to_start)))
        else:
            self.give(entry.act)
            self.run_until(entry.time)  # implied doses of a lagged steady state may be due at this very time

    def marked(self, outputs: Outputs | None) -> Marks:
        """Marks among the entries, and outputs: each before the first entry at its time, or after the last."""
        among = np.array(self.marks, dtype=float).reshape(len(self.marks), 3)
        if outputs is not None:
            place = np.searchsorted([step.time for step in self.done], outputs.times, side="right")
            if self.opened:
                opened, first = np.array([*self.opened]), np.array([*self.opened.values()])
                at = np.minimum(np.searchsorted(opened, outputs.times), len(opened) - 1)
                place = np.where((opened[at] == outputs.times) & ~outputs.after, first[at], place)
            beside = np.column_stack([outputs.times, np.arange(len(place)), place])
            among = np.concatenate([among, beside])[np.lexsort(np.concatenate([among, beside])[:, [0, 2]].T)]
        return Marks(among[:, 0].copy(), among[:, 1].astype(np.int64), among[:, 2].astype(np.int64))

    def forget(self, *, pending: bool, exposures: bool, drug: str | None = None) -> None:
        """Drop running infusions and, on request, pending doses and exposures; of one drug or of all."""

        def stays(event: _Start | _Stop) -> bool:
            """Whether an event is not among what is dropped."""
            if event.source is None:
                return not exposures
            other = drug is not None and event.source.drug != drug
            return other or (isinstance(event, _Start) and not pending)

        self.queue = [item for item in self.queue if stays(item[3])]
        heapq.heapify(self.queue)

    def give(self, act: Act) -> None:
        """Write an act: an exposure, an act on states, or doses."""
        port = self.ports.find(act)
        if act.action == "expose":
            self.expose(act, port)
        elif act.action == "act":
            self.add(Instruction(act.time, Kind.JUMP, port, self.ports.amount(port, act.amount)))
        else:
            source = evaluated(act, port, self.row, self.ports)
            if act.steady:
                self.steady(act, source)
            if source.rule != "constant":
                first = _Start(source, act.time + source.lag, act.interval, 0, act.additional)
                if source.lag > 0:
                    self.schedule(first.begin, first)
                else:
                    self.dose(act.time, act.time, source)
                    self.next_of(first)

    def expose(self, act: Act, port: int) -> None:
        """Set a level, and schedule its end."""
        self.turns[port] += 1
        self.add(Instruction(act.time, Kind.SET, port, self.ports.amount(port, act.amount)))
        if act.duration < math.inf:
            self.schedule(act.time + act.duration, _Stop(port, turn=self.turns[port]))

    def dose(self, time: float, exact: float, source: Source) -> None:
        """Let a dose act at `time`; its end counts from the `exact` time."""
        self.doses += 1
        if self.doses > MOST_ACTS:
            raise RegimenError(f"more than {MOST_ACTS} doses fall before {self.stop:g} h; use a longer interval")
        if source.rule == "bolus":
            lagged = source.lag > 0
            self.add(
                Instruction(
                    time, Kind.JUMP, source.port, source.value, lagged=lagged, share=source.share, source=source
                )
            )
        elif source.duration > 0:
            self.input(time, source, +1, lagged=source.lag > 0)
            self.schedule(exact + source.duration, _Stop(source.port, source))

    def input(self, time: float, source: Source, times: int, *, lagged: bool = False, ended: bool = False) -> None:
        """Change what flows into a port, by so many infusions of a source."""
        value, share = times * source.value, times * source.share
        self.add(
            Instruction(
                time, Kind.RATE, source.port, value, lagged=lagged, ended=ended, share=share, source=source
            )
        )  # fmt: skip

    def steady(self, act: Act, source: Source) -> None:
        """Settle a drug, and let doses go on that are under way."""
        add = act.steady == 2
        if not add:
            self.forget(pending=True, exposures=False, drug=act.port)
        others = [] if add else [event.source for *_, event in self.queue if isinstance(event, _Stop)]
        bolus, constant = source.rule == "bolus", source.rule == "constant"
        runs = constant or source.duration > 0
        periodic = SteadyDose(
            amount=source.value if bolus else 0.0,
            rate=source.rate if runs else 0.0,
            duration=source.duration,
            interval=0.0 if constant else act.interval,
            lag=0.0 if constant else source.lag,
            add=add,
        )
        self.add(
            Instruction(act.time, Kind.STEADY, source.port, steady=periodic, share=source.share, source=source)
        )  # fmt: skip
        for other in others:
            if other is not None:
                self.input(act.time, other, +1)
        if not constant:
            self.under_way(act, source)

    def under_way(self, act: Act, source: Source) -> None:
        """Doses of the steady-state train that still run, or are still to act, at the record."""
        interval, begin = act.interval, act.time + source.lag
        pending = periods(source.lag, interval)
        if pending:
            self.warn(
                f"{act}: the lag of {source.lag:g} h is not shorter than the interval of {interval:g} h,"
                f" so {pending} earlier doses of the steady state are still to act at the record"
            )
        overlapping = pending + 2 + source.duration / interval
        if overlapping > MOST_ACTS:
            raise RegimenError(f"{act}: {overlapping:.0f} doses of its steady state overlap; use a longer interval")
        close, running = CLOSE * max(1.0, source.duration), 0
        for count in range(pending + 1, int(overlapping) + 1):
            if source.duration - (count * interval - source.lag) > close:
                running += 1
                self.schedule(begin - count * interval + source.duration, _Stop(source.port, source))
        if running:
            self.input(act.time, source, running)
        for count in range(pending, 0, -1):
            due = max(begin - count * interval, act.time)
            self.schedule(due, _Start(source, due, 0.0, 0, 0))

    def warn(self, note: str) -> None:
        """Warn, and keep the sentence as a note."""
        self.notes.append(note)
        warnings.warn(note, UserWarning, stacklevel=2)


def evaluated(act: Act, port: int, row: int, ports: Ports) -> Source:
    """An act with what its port decides under a parameter row: what arrives, when, how fast and for how long.

    Raises
    ------
    RegimenError
        The port gives a bioavailability or lag below zero, or a modelled rate or duration that is not above zero.
    """
    given = ports.values(port, row)
    if not given.bioavailability >= 0 or not math.isfinite(given.bioavailability):
        raise RegimenError(f"{act}: the bioavailability of its port is {given.bioavailability:g}; it has to be >= 0")
    if not 0 <= given.lag < math.inf:
        raise RegimenError(f"{act}: the lag of its port is {given.lag:g} h; it has to be 0 or more")
    amount = ports.amount(port, act.amount) if act.amount.value else 0.0
    arriving = given.bioavailability * amount
    rule, rate, duration = "bolus", 0.0, 0.0
    if act.rate is not None:
        rule, rate = "rate", ports.amount(port, Quantity(act.rate.value, act.rate.unit.times(_HOUR)))
        duration = arriving / rate
    elif act.modelled == "rate":
        rule, rate = "modelled rate", _modelled(act, given.rate, "rate")
        duration = arriving / rate
    elif act.modelled == "duration" or (given.spread and act.duration == 0 and not act.constant):
        rule, duration = "modelled duration", _modelled(act, given.duration, "duration")
        rate = arriving / duration
    elif act.duration > 0:
        rule, duration, rate = "duration", act.duration, arriving / act.duration
    if act.constant:
        rule, duration = "constant", 0.0
    length = _whole(duration, act.interval)
    return Source(port, amount, rule, row, given.bioavailability, given.lag, rate, length, act.port, act.modelled)


def _modelled(act: Act, value: float, what: str) -> float:
    if math.isnan(value):
        raise RegimenError(f"{act}: its {what} is modelled (RATE=-1 or -2), but its port has no {what}; add one")
    if not 0 < value < math.inf:
        raise RegimenError(f"{act}: the modelled {what} of its port is {value:g}; it has to be above zero and finite")
    return value


def _whole(duration: float, interval: float) -> float:
    """A duration that is a whole number of intervals up to rounding is exactly that."""
    if interval > 0 and duration > 0:
        count = round(duration / interval)
        if count and abs(duration - count * interval) <= CLOSE * duration:
            return count * interval
    return duration
