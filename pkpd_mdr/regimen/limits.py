"""Rules of toxicity around a regimen or a strategy: hold, reduce, stop, escalate."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

from pkpd_mdr.arguments import COUNT, FLAG, TEXT, listed, takes
from pkpd_mdr.errors import RegimenError, shown
from pkpd_mdr.regimen.acts import Act
from pkpd_mdr.regimen.algebra import Regimen
from pkpd_mdr.regimen.measured import Measured
from pkpd_mdr.regimen.strategies import Decision, Memory, Strategy, interval_of, next_due
from pkpd_mdr.regimen.visits import Visit
from pkpd_mdr.units import Quantity, QuantityLike, quantity

__all__ = ["Limit", "Limited", "limit", "limited"]

_THEN = ("hold", "reduce", "stop")


@dataclass(frozen=True, slots=True)
class Limit:
    """A level of an output that is not to be passed; made by `limit`."""

    output: str
    level: Quantity
    recovered: Quantity
    below: bool
    of_baseline: bool
    then: str

    def __str__(self) -> str:
        level = f"{self.level} of baseline" if self.of_baseline else str(self.level)
        return f"{self.output} {'below' if self.below else 'above'} {level}"

    def passed(self, visit: Visit, before: bool) -> bool:
        """Whether it is passed, or was `before` and has not recovered since; `RegimenError` where nobody can tell."""
        value = visit.change(self.output) if self.of_baseline else visit.of(self.output)
        if math.isnan(value):
            why = "is zero at the first visit and has no shares" if self.of_baseline else "is missing"
            raise RegimenError(f"limit({shown(self.output)}): {self.output} {why}; give a level in its unit")
        level = (self.recovered if before else self.level).internal
        return value < level if self.below else value > level


@takes(RegimenError, output=TEXT, then=TEXT, of_baseline=FLAG)
def limit(
    output: str,
    *,
    below: QuantityLike | None = None,
    above: QuantityLike | None = None,
    then: str = "hold",
    recovered: QuantityLike | None = None,
    of_baseline: bool = False,
) -> Limit:
    """A rule of toxicity, for `limited`.

    What is due at a visit is decided by what the visit shows, and what it adds is not foreseen: for a lifetime limit of
    450 mg in doses of 100 mg write ``limit("cumulative_exposure", above="350 mg", then="stop")``.

    Parameters
    ----------
    output : str
        State or observable of the model that visits show, such as ``"anc"`` or ``"weight"``.
    below, above : quantity
        The level, one of both.
    then : {"hold", "reduce", "stop"}
        Give nothing until it has recovered; go one dose level down, once per episode; give nothing any more.
    recovered : quantity, optional
        Level at which an episode is over; the limit itself if left out.
    of_baseline : bool
        Whether levels are shares of the value at the first visit, as ``limit("weight", below=0.9, of_baseline=True)``.

    Returns
    -------
    Limit

    Raises
    ------
    RegimenError
        Not one level, an unknown consequence, a recovery on the wrong side.

    Examples
    --------
    >>> str(limit("anc", below="1e9 1/L", recovered="1.5e9 1/L"))
    'anc below 1e+09 1/L'
    """
    given = below if above is None else above
    if given is None or (below is not None and above is not None):
        raise RegimenError(f"limit({shown(output)}): give one level, either below= or above=, such as below='1e9 1/L'")
    if then not in _THEN:
        raise RegimenError(f"limit({shown(output)}): then = {shown(then)} is not 'hold', 'reduce' or 'stop'")
    level = quantity(given, f"limit of {shown(output)}")
    back = level if recovered is None else quantity(recovered, f"recovery of {shown(output)}")
    if of_baseline and not (level.unit.dimensionless and back.unit.dimensionless):
        raise RegimenError(f"limit({shown(output)}): a share of baseline has no unit; write a number such as 0.9")
    away = back.internal - level.internal if above is None else level.internal - back.internal
    mixed = of_baseline and back.unit.factor != level.unit.factor
    if mixed or not back.unit.like(level.unit) or not math.isfinite(level.internal) or not away >= 0:
        raise RegimenError(
            f"limit({shown(output)}): recovered = {shown(recovered)} is not on the safe side of {shown(given)}; "
            "write a level in the same unit that is passed on the way back, or leave it out"
        )
    return Limit(output, level, back, above is None, of_baseline, then)


@dataclass(frozen=True, slots=True)
class _Care:
    """The level of the dose, which limits are passed, and the memory of the plan that is limited."""

    place: int
    passed: tuple[bool, ...]
    inner: Memory = None
    clock: float = 0.0
    since: float | None = None
    held: bool = False
    stopped: bool = False
    free: int = 0


@dataclass(frozen=True, slots=True, repr=False)
class Limited(Strategy):
    """A plan under rules of toxicity; made by `limited`."""

    regimen: Regimen | Strategy
    limits: tuple[Limit, ...]
    levels: tuple[float, ...]
    escalate_after: int
    visit_interval: float

    @property
    def needs(self) -> tuple[str, ...]:
        """Outputs of the limits, and of the plan."""
        inner = self.regimen.needs if isinstance(self.regimen, Strategy) else ()
        return tuple(dict.fromkeys([*inner, *(item.output for item in self.limits)]))

    @property
    def thresholds(self) -> tuple[tuple[str, Quantity], ...]:
        """Levels of the limits, and of the plan."""
        inner = self.regimen.thresholds if isinstance(self.regimen, Strategy) else ()
        levels = [(item, level) for item in self.limits for level in (item.level, item.recovered)]
        return *inner, *((item.output, level) for item, level in levels if not item.of_baseline)

    @property
    def planned(self) -> Regimen | None:
        """The plan at dose level 1, as if no limit were passed."""
        return self.regimen if isinstance(self.regimen, Regimen) else self.regimen.planned

    def told(self, looks: Sequence[Measured]) -> Limited:
        """The plan is told; limits have units of their own."""
        told = self.regimen.told(looks) if isinstance(self.regimen, Strategy) else self.regimen
        return replace(self, regimen=told)

    def begin(self) -> Memory:
        """At dose level 1."""
        inner = self.regimen.begin() if isinstance(self.regimen, Strategy) else None
        return _Care(self.levels.index(1.0), (False,) * len(self.limits), inner)

    def decide(self, visit: Visit, memory: Memory) -> Decision:
        """Look at the limits, then let the plan go on at the dose level that is left."""
        care: _Care = memory
        if not care.stopped and care.since is not None and isinstance(self.regimen, Regimen):
            now = care.clock + visit.time - care.since  # held, it goes on to what is due next and waits there
            care = replace(care, clock=min(now, next_due(self.regimen, care.clock)) if care.held else now)
        care, note = self._judged(replace(care, since=visit.time), visit)
        if care.stopped:  # for good: a strategy is not asked any more, so that events tell of no line that never comes
            return (), care, note
        if isinstance(self.regimen, Strategy):
            acts, inner, said = self.regimen.decide(visit, care.inner)
            given = () if care.held else self._levelled(acts, care)
            care = replace(care, inner=self.regimen.informed_of(inner, acts, given))
            said = f"meanwhile decided: {said}" if care.held and said else said
            return given, care, "; ".join(filter(None, [note, said]))
        if visit.number == 0 and not note:
            note = "treatment starts"
        if care.held:
            return (), care, note
        return self._levelled(self._acts(self.regimen, care.clock, visit), care), care, note

    def informed_of(self, memory: Memory, decided: tuple[Act, ...], given: tuple[Act, ...]) -> Memory:
        """A strategy that is limited twice is told, too."""
        if not isinstance(self.regimen, Strategy):
            return memory
        return replace(memory, inner=self.regimen.informed_of(memory.inner, decided, given))

    def _judged(self, care: _Care, visit: Visit) -> tuple[_Care, str]:
        """Dose level, hold and stop after this visit's measurements."""
        if care.stopped:
            return care, ""
        passed = tuple(item.passed(visit, before) for item, before in zip(self.limits, care.passed, strict=True))
        new = [item for item, now, before in zip(self.limits, passed, care.passed, strict=True) if now and not before]
        holds = any(now and item.then == "hold" for item, now in zip(self.limits, passed, strict=True))
        free = 0 if any(passed) or visit.number == 0 else care.free + 1
        notes, place = [], care.place
        if any(item.then == "stop" for item in new):
            why = next(item for item in new if item.then == "stop")
            return replace(care, passed=passed, stopped=True), f"treatment stops: {why}"
        reductions = [item for item in new if item.then == "reduce"]
        if reductions and place > 0:
            place -= 1
            notes.append(f"dose level {self.levels[place]:g}: {reductions[0]}")
        elif self.escalate_after and free >= self.escalate_after and place + 1 < len(self.levels):
            place, free = place + 1, 0
            notes.append(f"dose level {self.levels[place]:g}: no limit passed")
        if holds and not care.held:
            notes.append(f"treatment is held: {next(item for item in new if item.then == 'hold')}")
        elif care.held and not holds:
            notes.append("treatment goes on")
        return replace(care, passed=passed, held=holds, place=place, free=free), "; ".join(notes)

    def _levelled(self, acts: tuple[Act, ...], care: _Care) -> tuple[Act, ...]:
        factor = self.levels[care.place]
        return acts if factor == 1.0 else Regimen(acts).scaled(factor).acts


@takes(RegimenError, escalate_after=COUNT)
def limited(
    regimen: Regimen | Strategy,
    *limits: Limit,
    visit: QuantityLike | None = None,
    levels: Sequence[float] = (0.5, 0.75, 1.0),
    escalate_after: int | None = None,
) -> Limited:
    """Give a regimen or a strategy under rules of toxicity: hold, reduce, stop, escalate.

    At each visit limits are looked at first. A ``"hold"`` gives nothing until every such limit has recovered: a dose
    that falls due meanwhile is given then, and all later ones come as much later, but none comes earlier than planned.
    An infusion or exposure that a hold interrupts goes on afterwards where it stopped; what a strategy decides
    meanwhile is left out. A ``"reduce"`` goes one dose level down once per episode, and no further than the lowest. A
    ``"stop"`` is for good. With `escalate_after` the dose goes one level up after so many visits in a row (the first
    one not counted) at which no limit is passed. A strategy that learns (`pkpd_mdr.look_ahead`) is told what was given
    instead; it looks ahead as if no limit were passed.

    Parameters
    ----------
    regimen : Regimen or Strategy
        What is given at dose level 1.
    *limits : Limit
        From `limit`.
    visit : str
        Time between visits; that of a strategy is its own, and `visit` is left out.
    levels : sequence of float
        Dose levels as factors of the plan, increasing, 1 among them.
    escalate_after : int, optional
        Number of visits; no escalation if left out.

    Returns
    -------
    Limited

    Raises
    ------
    RegimenError
        No plan or no limit, levels that do not increase or lack 1, a missing or superfluous visit interval.

    Examples
    --------
    >>> from pkpd_mdr.regimen.builders import bolus
    >>> dox = bolus("dox", "75 mg").every("21 day", times=6)
    >>> plan = limited(
    ...     dox,
    ...     limit("anc", below="1.5e9 1/L", then="hold"),
    ...     limit("anc", below="0.5e9 1/L", then="reduce"),
    ...     limit("weight", below=0.8, of_baseline=True, then="stop"),
    ...     visit="7 day",
    ... )
    >>> start = Visit.first(1e9, others={"anc": 5e9, "weight": 70.0})
    >>> acts, memory, note = plan.decide(start, plan.begin())
    >>> later = start.following(168.0, 1e9, others={"anc": 0.4e9, "weight": 70.0})
    >>> plan.decide(later, memory)[2]
    'dose level 0.75: anc below 5e+08 1/L; treatment is held: anc below 1.5e+09 1/L'
    """
    if not isinstance(regimen, (Regimen, Strategy)) or (isinstance(regimen, Regimen) and not regimen.acts):
        raise RegimenError(f"limited() needs a regimen that gives something, or a strategy, not {shown(regimen)}")
    if not limits or not all(isinstance(item, Limit) for item in limits):
        raise RegimenError("limited() needs one limit or more, as in limited(dox, limit('anc', below='1e9 1/L'), ...)")
    if escalate_after is not None and escalate_after < 1:
        raise RegimenError(f"limited(): escalate_after = {shown(escalate_after)} is no number of visits, 1 or more")
    factors = listed(levels)
    real = factors is not None and all(isinstance(x, (int, float)) and not isinstance(x, bool) for x in factors)
    if not factors or not real or 1.0 not in factors or not factors[0] > 0 or factors != sorted(set(factors)):
        raise RegimenError(
            f"limited(): levels = {shown(levels)} are no dose levels; write increasing factors above 0 with 1 among "
            "them, such as (0.5, 0.75, 1.0)"
        )
    if isinstance(regimen, Strategy) is (visit is not None):
        repair = "leave out visit=, the strategy has its own" if visit is not None else "write visit='7 day'"
        raise RegimenError(f"limited(): the time between visits is given by a strategy, or by visit=; {repair}")
    interval = regimen.visit_interval if isinstance(regimen, Strategy) else interval_of(visit)  # type: ignore[arg-type]
    return Limited(regimen, tuple(limits), tuple(float(x) for x in factors), escalate_after or 0, interval)
