"""One thing done at one time: a dose, an exposure, a radiation fraction or surgery.

An `Act` keeps amounts as the user wrote them. It knows neither a model nor a molar mass; lag, bioavailability
and modelled rates belong to the port of the model that receives it.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

from pkpd_mdr.errors import RegimenError, shown
from pkpd_mdr.units import Quantity, QuantityLike, Unit, quantity, read

__all__ = ["MOST_ACTS", "REMOVALS", "Act", "begun", "hours", "in_days", "length"]

REMOVALS = frozenset({"surgery", "apheresis"})
"""Modalities that remove a share, so that they are no dose to be matched or scaled."""

MOST_ACTS = 100_000
_CLOSE = 1e-12  # what begins or ends within rounding of an edge does so at the edge
_SHORT = 1e-6 / 24  # of a day
_HOUR = Unit.of("h")
_ACTIONS = ("dose", "expose", "act")
_MODELLED = ("", "rate", "duration")


def hours(given: QuantityLike, where: str) -> float:
    """Read a time or a length of time.

    Parameters
    ----------
    given : str, (float, str), Quantity or 0
        ``"21 day"``; a bare number is refused except zero, which needs no unit.
    where : str
        What is being read; opens the error message.

    Returns
    -------
    float
        Hours.

    Raises
    ------
    UnitError
        The unit is missing or does not measure time.

    Examples
    --------
    >>> hours("21 day", "period")
    504.0
    """
    found = quantity(given, where)
    return 0.0 if found.bare and found.value == 0.0 else read(found, _HOUR, where)


def in_days(time: float) -> bool:
    """Whether hours are a short number of days: two digits behind the point at most."""
    return abs(time / 24 - round(time / 24, 2)) < _SHORT


def length(time: float) -> str:
    """A length of time, given in hours, in the largest unit in which it is a short number.

    Examples
    --------
    >>> length(504.0), length(1.0), length(0.5)
    ('21 days', '1 h', '30 min')
    """
    if time >= 24 and in_days(time):
        days = round(time / 24, 2)
        return f"{days:g} day" + ("s" if days != 1 else "")
    if time >= 1 or time == 0:
        return f"{time:g} h"
    return f"{60 * time:g} min"


@dataclass(frozen=True, slots=True)
class Act:
    """One act of a regimen or of a dose record; usually made by a builder such as `bolus`.

    Parameters
    ----------
    time : float
        Hours from the regimen's zero.
    port : str
        The drug or modality: ``"dox"``, ``"radiation"``, ``"surgery"``.
    action : {"dose", "expose", "act"}
        ``"dose"`` adds an amount; ``"expose"`` sets a concentration and washes it out at the end;
        ``"act"`` is one event such as a radiation fraction.
    amount : Quantity
        In the unit the user wrote. Zero only for a steady-state constant infusion.
    route : str
        ``"iv"``, ``"oral"`` or ``""`` for the model's default.
    duration : float
        Hours. A dose becomes an infusion of this length whatever its bioavailability (rate F*amount/duration);
        an exposure lasts so long, `math.inf` meaning until further notice.
    rate : Quantity, optional
        Fixed infusion rate in amount per time; the duration is then F*amount/rate.
    modelled : {"", "rate", "duration"}
        The model's port gives the rate (NONMEM RATE=-1) or the duration (RATE=-2).
    interval : float
        Hours between additional or steady-state doses (II).
    additional : int
        How many further doses follow, one per `interval` (ADDL).
    steady : {0, 1, 2}
        Steady state: none, replacing what there is, or added to it (SS).
    resumed : bool
        Whether it was cut off something that began earlier; set by `part`. At a visit of a strategy, an exposure that
        ran up to there then goes on: what is left of the drug is not renewed.

    Raises
    ------
    RegimenError
        A value is not possible; the sentence names the act and its time.

    Examples
    --------
    >>> from pkpd_mdr.units import quantity
    >>> print(Act(24.0, "dox", "dose", quantity("75 mg"), duration=1.0))
    75 mg of 'dox' at 24 h
    """

    time: float
    port: str
    action: str
    amount: Quantity
    route: str = ""
    duration: float = 0.0
    rate: Quantity | None = None
    modelled: str = ""
    interval: float = 0.0
    additional: int = 0
    steady: int = 0
    resumed: bool = False

    def __post_init__(self) -> None:
        for broken, sentence in _faults(self):
            if broken:
                raise RegimenError(f"{self}: {sentence}")

    def __str__(self) -> str:
        return f"{self.amount} of {shown(self.port)} at {self.time:g} h"

    @property
    def constant(self) -> bool:
        """Whether this is a steady-state constant infusion, which stops at its time (AMT=0, SS, RATE)."""
        return self.steady > 0 and self.amount.value == 0.0

    @property
    def span(self) -> float:
        """Hours that one dose or exposure takes at bioavailability 1; 0 where the model decides."""
        if self.rate is not None and not self.constant:
            return self.amount.internal / self.rate.internal
        return self.duration

    @property
    def last(self) -> float:
        """Hours at which this act, its additional doses and their last interval are over."""
        follow = (self.additional + 1) * self.interval if self.additional else 0.0
        return self.time + max(follow, self.additional * self.interval + self.span)

    def written_out(self) -> Iterator[Act]:
        """Yield this act and its additional doses as acts of their own; copies are plain doses."""
        if not self.additional:
            yield self
            return
        yield replace(self, additional=0, interval=self.interval if self.steady else 0.0)
        for count in range(1, self.additional + 1):
            yield replace(self, time=self.time + count * self.interval, additional=0, interval=0.0, steady=0)

    def part(self, begin: float, end: float) -> Act | None:
        """The part of a single act in ``[begin, end)``, timed from `begin`.

        An infusion is cut with its amount pro rata (at bioavailability 1), an exposure keeps its level.

        Parameters
        ----------
        begin, end : float
            Hours; `end` may be infinite.

        Returns
        -------
        Act or None
            None when nothing of the act lies there.

        Raises
        ------
        RegimenError
            The act would be cut but its course is the model's (modelled rate or duration) or in steady state.
        """
        if self.modelled and not self.constant and (self.time < begin or self.time < end < math.inf):
            raise RegimenError(
                f"{self}: an infusion whose {self.modelled} is modelled cannot be cut, because its length is not known"
                " here; give it a duration or a rate"
            )
        close = _CLOSE * max(1.0, abs(begin), self.time)
        over = self.time + self.span
        if self.time >= end - close or (self.time < begin - close and over <= begin + close):
            return None
        if self.time >= begin - close and over <= end + close:
            return replace(self, time=self.time - begin if self.time > begin + close else 0.0)
        if self.steady:
            raise RegimenError(f"{self}: a steady-state infusion cannot be cut at {begin:g} h or {end:g} h")
        first, final = max(self.time, begin), min(over, end)
        amount = self.amount
        if self.action == "dose":
            amount = replace(amount, value=amount.value * ((final - first) / self.span))
        kept = 0.0 if self.rate is not None else final - first
        resumed = self.resumed or self.time < begin - close
        return replace(self, time=first - begin, amount=amount, duration=kept, resumed=resumed)


def begun(acts: Iterable[Act]) -> list[Act]:
    """Acts without those that only carry an exposure on across the visit of a strategy, which cuts it."""
    found, ends = [], dict[tuple[str, str, Quantity], float]()
    for act in acts:
        key = (act.port, act.route, act.amount)
        begins_there = abs(ends.get(key, -math.inf) - act.time) <= 1e-6 * max(1.0, act.time)
        if not (act.resumed and act.action == "expose" and begins_there):
            found.append(act)
        ends[key] = act.time + act.duration
    return found


def _faults(act: Act) -> Iterator[tuple[bool, str]]:
    yield not act.port, "the act names no drug or modality; name its port, as in bolus('dox', '75 mg')"
    yield act.action not in _ACTIONS, f"action {shown(act.action)} is not one of 'dose', 'expose' or 'act'"
    yield not math.isfinite(act.time), "its time is not finite"
    yield act.time < 0, "a time before the regimen's zero is not possible; shift the regimen to a later time"
    yield not math.isfinite(act.amount.value), "its amount is not finite"
    constant = act.steady > 0 and (act.rate is not None or act.modelled == "rate")
    yield not (act.amount.value > 0 or (act.amount.value == 0 and constant)), "an amount has to be above zero"
    yield not act.duration >= 0, "a duration has to be zero or more"
    yield act.duration == math.inf and act.action != "expose", "only an exposure may last until further notice"
    yield act.rate is not None and not 0 < act.rate.value < math.inf, "a rate has to be above zero and finite"
    yield act.modelled not in _MODELLED, f"modelled = {shown(act.modelled)} is not one of '', 'rate' or 'duration'"
    ways = (act.rate is not None) + bool(act.modelled) + (act.duration > 0)
    yield ways > 1, "give only one of a duration, a rate, or a modelled rate or duration"
    yield act.steady not in (0, 1, 2), f"steady state (SS) {act.steady} is not one of 0, 1 or 2"
    yield act.additional < 0, "the number of additional doses (ADDL) has to be zero or more"
    yield act.additional >= MOST_ACTS, f"more than {MOST_ACTS - 1} additional doses (ADDL) are not possible; use fewer"
    yield not 0 <= act.interval < math.inf, "an interval (II) has to be zero or more"
    yield act.additional > 0 and not act.interval > 0, "additional doses (ADDL) need an interval (II) above zero"
    yield act.constant and act.additional > 0, "a steady-state constant infusion cannot have additional doses (ADDL)"
    yield (
        act.steady > 0 and not act.constant and not act.interval > 0,
        ("steady state (SS) needs an interval (II) above zero unless it is a constant infusion"),
    )
    yield (
        act.action != "dose" and bool(act.steady or act.additional or act.modelled or act.rate),
        ("only a dose can have a rate, additional doses (ADDL) or a steady state (SS)"),
    )
