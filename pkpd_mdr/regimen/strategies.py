"""Strategies: what to give until the next visit, decided from what was measured.

A strategy knows no model. At each visit, the one at time zero included, it is shown the burden and returns the acts
until the next visit; what would run longer is cut there and goes on by the next decision (`Act.resumed`; a medium is
not renewed by that). What it has to remember is an immutable value that the caller keeps, so one strategy serves a
whole ensemble.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, fields, is_dataclass, replace
from functools import reduce
from typing import Any, ClassVar

from pkpd_mdr.arguments import NUMBER, TEXT, takes
from pkpd_mdr.errors import PkpdMdrError, RegimenError, shown
from pkpd_mdr.regimen.acts import Act, hours, length
from pkpd_mdr.regimen.algebra import Regimen
from pkpd_mdr.regimen.measured import Measured
from pkpd_mdr.regimen.visits import Truth, Visit
from pkpd_mdr.units import Quantity, QuantityLike

__all__ = [
    "CLOSE",
    "Adaptive",
    "Cycle",
    "Decision",
    "Memory",
    "OnProgression",
    "Rule",
    "Strategy",
    "adaptive",
    "check_gives",
    "check_progression",
    "interval_of",
    "next_due",
    "on_progression",
    "rule",
]

Memory = Any  # each strategy's own frozen value; callers only hand it back
Decision = tuple[tuple[Act, ...], Memory, str]
CLOSE = 1e-9  # of an hour: times nearer to each other are one


class Strategy(ABC):
    """Decides at visits. Subclasses are frozen and hold no running state.

    Attributes
    ----------
    visit_interval : float
        Hours between visits.
    knows_truth : bool
        Whether `decide_all` is told the truth, to show what perfect knowledge would be worth.
    in_hours : tuple of str
        What is printed as a length of time.
    """

    visit_interval: float
    knows_truth: ClassVar[bool] = False
    in_hours: ClassVar[tuple[str, ...]] = ("visit_interval",)

    def __repr__(self) -> str:
        names = [item.name for item in fields(self) if item.repr] if is_dataclass(self) else list[str]()
        told = [f"{name}={_told(getattr(self, name), name in self.in_hours)}" for name in names]
        return f"{type(self).__name__}({', '.join(told)})"

    @property
    def needs(self) -> tuple[str, ...]:
        """Outputs that visits have to show beside the burden."""
        return ()

    @property
    def thresholds(self) -> tuple[tuple[str, Quantity], ...]:
        """Outputs (``""`` is the burden) and levels that they are compared with; checked against the model's units."""
        return ()

    @property
    @abstractmethod
    def planned(self) -> Regimen | None:
        """Everything that is given if every planned dose is given (for fairness); None if that is open."""

    @abstractmethod
    def begin(self) -> Memory:
        """The memory before the first visit."""

    @abstractmethod
    def decide(self, visit: Visit, memory: Memory) -> Decision:
        """Decide at a visit.

        Parameters
        ----------
        visit : Visit
            What was measured, in internal units: 200 mm**3 are 2e-4. A level is compared by `Quantity.internal`, and
            `thresholds` has it checked; `told` says in which units the model shows what visits hold.
        memory : Memory
            From `begin` or from the decision before.

        Returns
        -------
        acts : tuple of Act
            At times of the run, from this visit to before the next one.
        memory : Memory
            For the next decision.
        note : str
            What was decided, for the run's event table; empty when nothing changed.
        """

    def decide_all(
        self, visits: Sequence[Visit], memories: Sequence[Memory], truth: Truth | None = None
    ) -> list[Decision]:
        """Decide for all members that have a visit at one time; what is costly can be computed for all at once.

        A member's decision must not depend on the others.

        Parameters
        ----------
        visits, memories : sequence
            One each a member.
        truth : Truth, optional
            Where `knows_truth` says so.
        """
        return [self.decide(visit, memory) for visit, memory in zip(visits, memories, strict=True)]

    def informed_of(self, memory: Memory, decided: tuple[Act, ...], given: tuple[Act, ...]) -> Memory:
        """The memory after a visit at which other acts were `given` than it `decided`, as `limited` does."""
        return memory

    def told(self, looks: Sequence[Measured]) -> Strategy:
        """The same, knowing in which units the model shows what visits hold, the burden first; a rule needs it."""
        return self

    def _acts(self, regimen: Regimen, clock: float, visit: Visit) -> tuple[Act, ...]:
        """The stretch of a regimen from its own clock on that falls before the next visit."""
        window = regimen.between((clock, "h"), (clock + self.visit_interval, "h"))
        return tuple(replace(act, time=visit.time + act.time) for act in window)


def _told(value: object, in_hours: bool) -> str:
    if isinstance(value, tuple):
        return f"({', '.join(_told(item, in_hours) for item in value)})"
    return length(value) if in_hours and isinstance(value, float) else str(getattr(value, "__name__", value))


@dataclass(frozen=True, slots=True)
class _Line:
    """Which regimen is given, since when (hours), and the burden to compare with."""

    index: int = 0
    started: float | None = None
    reference: float = math.nan


@dataclass(frozen=True, slots=True, repr=False)
class OnProgression(Strategy):
    """Switch to the next regimen at progression; made by `on_progression`."""

    regimens: tuple[Regimen, ...]
    growth: float
    reference: str
    visit_interval: float

    @property
    def planned(self) -> Regimen | None:
        """The regimens one after the other; None when one before the last has no end."""
        if any(regimen.endless for regimen in self.regimens[:-1]):
            return None
        return reduce(lambda first, second: first.then(second), self.regimens)

    def begin(self) -> Memory:
        """Before the first visit."""
        return _Line()

    def decide(self, visit: Visit, memory: Memory) -> Decision:
        """Go on, or start the next regimen at this visit."""
        line: _Line = memory
        note = ""
        if line.started is None:
            line, note = _Line(0, visit.time, visit.burden), "line 1 starts"
        elif visit.burden > self.growth * line.reference:
            if line.index + 1 < len(self.regimens):
                line = _Line(line.index + 1, visit.time, visit.burden)
                note = f"progression: line {line.index + 1} starts"
            else:
                note = f"progression on line {line.index + 1}, the last one"
        elif self.reference == "nadir" and visit.burden < line.reference:
            line = replace(line, reference=visit.burden)
        assert line.started is not None
        return self._acts(self.regimens[line.index], visit.time - line.started, visit), line, note


@takes(RegimenError, growth=NUMBER, reference=TEXT)
def on_progression(
    *regimens: Regimen, visit: QuantityLike, growth: float = 1.2, reference: str = "baseline"
) -> OnProgression:
    """Give regimens in turn; the next one starts at the visit that finds progression.

    Progression is a burden above `growth` times the reference. The reference is set anew at each switch. After the
    last regimen there is nothing to switch to: it goes on as written. Generations of a targeted drug are a list of
    regimens, ``on_progression(*generations, visit="28 day")``.

    Parameters
    ----------
    *regimens : Regimen
        In the order of use.
    visit : str
        Time between visits.
    growth : float
        Above 1: 1.2 is the 20 % of RECIST when burden is a diameter.
    reference : {"baseline", "nadir"}
        Burden at the start of the line, or the lowest since then.

    Returns
    -------
    OnProgression

    Raises
    ------
    RegimenError
        No regimen, growth of 1 or less, an unknown reference or a visit interval that is not above zero.

    Examples
    --------
    >>> from pkpd_mdr.regimen.builders import infusion
    >>> dox, pac = infusion("dox", "60 mg", over="1 h"), infusion("pac", "280 mg", over="3 h")
    >>> plan = on_progression(dox, pac, visit="28 day")
    >>> acts, memory, note = plan.decide(start := Visit.first(1e9), plan.begin())
    >>> acts, memory, note = plan.decide(start.following(672.0, 1.3e9), memory)
    >>> acts[0].port, acts[0].time, note
    ('pac', 672.0, 'progression: line 2 starts')
    """
    if not regimens or not all(isinstance(regimen, Regimen) for regimen in regimens):
        raise RegimenError("on_progression() needs one regimen or more, as in on_progression(dox, pac, visit='28 day')")
    check_progression(growth, reference)
    return OnProgression(regimens, float(growth), reference, interval_of(visit))


@dataclass(frozen=True, slots=True)
class Cycle:
    """Whether treatment is on, how far its regimen was given (hours), and the time of the last visit."""

    on: bool = True
    clock: float = 0.0
    since: float | None = None


@dataclass(frozen=True, slots=True, repr=False)
class Adaptive(Strategy):
    """Pause when the burden is low, treat again when it is back; made by `adaptive`."""

    regimen: Regimen
    stop_below: float
    restart_above: float
    visit_interval: float

    @property
    def planned(self) -> Regimen | None:
        """The regimen, as if never paused."""
        return self.regimen

    def begin(self) -> Memory:
        """On treatment, at the regimen's zero."""
        return Cycle()

    def decide(self, visit: Visit, memory: Memory) -> Decision:
        """Go on, pause, or treat again."""
        course: Cycle = memory
        if course.on and course.since is not None:
            course = replace(course, clock=course.clock + visit.time - course.since)
        course = replace(course, since=visit.time)
        note = "treatment starts" if visit.number == 0 else ""
        unit = self._reference(visit)
        if course.on and visit.number > 0 and visit.burden < self.stop_below * unit:
            course, note = replace(course, on=False), "treatment pauses"
        elif not course.on and visit.burden > self.restart_above * unit:
            course, note = replace(course, on=True, clock=next_due(self.regimen, course.clock)), "treatment restarts"
        if not course.on:
            return (), course, note
        acts = self._acts(self.regimen, course.clock, visit)
        over = course.clock >= self.regimen.length - CLOSE and not acts
        return acts, course, "no dose of the regimen is left" if over else note

    def _reference(self, visit: Visit) -> float:
        """What the fractions are fractions of."""
        return visit.baseline


@takes(RegimenError, stop_below=NUMBER, restart_above=NUMBER)
def adaptive(regimen: Regimen, *, visit: QuantityLike, stop_below: float = 0.5, restart_above: float = 1.0) -> Adaptive:
    """Adaptive on/off treatment, after Gatenby (2009) and Zhang (2017): keep sensitive cells as competitors.

    Treatment starts at once. At a visit with a burden below `stop_below` times baseline everything stops, running
    infusions and exposures included; at a visit with a burden above `restart_above` times baseline it starts again.
    The regimen has its own clock, which stands still while treatment is off. At the restart a continuous exposure
    or an interrupted infusion goes on where it stopped; otherwise the next dose that is due is given at the visit
    itself, and later doses keep their distance from it.

    Parameters
    ----------
    regimen : Regimen
        What is given while treatment is on.
    visit : str
        Time between visits.
    stop_below, restart_above : float
        Fractions of the baseline burden, ``0 < stop_below < restart_above``.

    Returns
    -------
    Adaptive

    Raises
    ------
    RegimenError
        The regimen is empty, the fractions are not in order, or the visit interval is not above zero.

    Examples
    --------
    >>> from pkpd_mdr.regimen.builders import bolus
    >>> plan = adaptive(bolus("dox", "60 mg").every("7 day", times=8), visit="7 day")
    >>> acts, memory, note = plan.decide(start := Visit.first(1e9), plan.begin())
    >>> plan.decide(start.following(168.0, 0.4e9), memory)[2]
    'treatment pauses'
    """
    check_gives(regimen, "adaptive(dox, visit='14 day')")
    if not 0 < stop_below < restart_above < math.inf:
        raise RegimenError(
            f"stop_below = {shown(stop_below)} and restart_above = {shown(restart_above)} are not in order;"
            " write fractions of the baseline with 0 < stop_below < restart_above, as in 0.5 and 1.0"
        )
    return Adaptive(regimen, float(stop_below), float(restart_above), interval_of(visit))


def next_due(regimen: Regimen, clock: float) -> float:
    """The clock itself while something is running there, else the time of the next act."""
    acts = regimen.written_out().acts
    if any(act.time < clock < act.time + act.span - CLOSE for act in acts):
        return clock
    return next((act.time for act in acts if act.time >= clock - CLOSE), clock)


@dataclass(frozen=True, slots=True, repr=False)
class Rule(Strategy):
    """A user's function as a strategy; made by `rule`."""

    function: Callable[[Visit], Regimen | None]
    visit_interval: float
    looks: tuple[Measured, ...] = field(default=(), repr=False, compare=False)
    planned: ClassVar[None] = None

    def told(self, looks: Sequence[Measured]) -> Rule:
        """The function is shown values in the units of the model."""
        return replace(self, looks=tuple(looks))

    def _shown(self, visit: Visit) -> Visit:
        factors = [1.0 if look.unit is None else look.unit.factor for look in self.looks]
        if all(factor == 1.0 for factor in factors):
            return visit
        others = {look.output: factor for look, factor in zip(self.looks[1:], factors[1:], strict=True)}
        return visit.divided(factors[0], others)

    def begin(self) -> Memory:
        """A rule remembers nothing but what the visit's history shows."""
        return None

    def decide(self, visit: Visit, memory: Memory) -> Decision:
        """Ask the function."""
        try:
            answer = self.function(self._shown(visit))
        except PkpdMdrError:
            raise
        except Exception as problem:  # whatever a user's function may raise
            raise RegimenError(
                f"the rule failed at the visit at {visit.time:g} h with {type(problem).__name__}: {problem}; "
                "it has to take a visit and return a regimen, or None for no treatment"
            ) from problem
        if answer is not None and not isinstance(answer, Regimen):
            raise RegimenError(
                f"the rule answered {type(answer).__name__} at the visit at {visit.time:g} h;"
                " it has to return a regimen, or None for no treatment"
            )
        return (() if answer is None else self._acts(answer, 0.0, visit)), memory, ""


def rule(function: Callable[[Visit], Regimen | None], *, visit: QuantityLike) -> Rule:
    """A strategy from a plain function.

    Parameters
    ----------
    function : callable
        Takes a `Visit` (``burden``, ``baseline``, ``nadir``, ``time`` in hours, ``of("anc")`` for what else is shown;
        values are in the units in which the model shows these outputs), returns a regimen timed from that visit or
        None. What lies beyond the next visit is not given, as the function is asked again there.
    visit : str
        Time between visits.

    Returns
    -------
    Rule

    Raises
    ------
    RegimenError
        `function` cannot be called or the visit interval is not above zero; later, when it returns something else.

    Examples
    --------
    >>> from pkpd_mdr.regimen.builders import bolus
    >>> plan = rule(lambda visit: bolus("dox", "60 mg") if visit.burden > 1e8 else None, visit="21 day")
    >>> len(plan.decide(Visit.first(1e9), plan.begin())[0])
    1
    """
    if not callable(function):
        raise RegimenError(f"rule() needs a function of a visit, not {type(function).__name__}")
    return Rule(function, interval_of(visit))


def check_gives(regimen: object, example: str) -> None:
    """Refuse what is no regimen or an empty one; the example is a call that is right."""
    if not isinstance(regimen, Regimen) or not regimen.acts:
        raise RegimenError(f"{example.split('(')[0]}() needs a regimen that gives something, as in {example}")


def check_progression(growth: float, reference: str) -> None:
    """Refuse a growth that is no progression, and an unknown reference."""
    if not 1 < growth < math.inf:
        raise RegimenError(
            f"growth = {shown(growth)} cannot define progression; it has to be above 1, as in growth=1.2"
        )
    if reference not in ("baseline", "nadir"):
        raise RegimenError(f"reference = {shown(reference)} is not known; write 'baseline' or 'nadir'")


def interval_of(visit: QuantityLike) -> float:
    """Hours between visits, checked."""
    value = hours(visit, "the visit interval")
    if not value > 0:
        raise RegimenError(f"the visit interval is {shown(visit)}; it has to be above zero, as in visit='14 day'")
    return value
