"""The regimen and its algebra: repeat, follow, merge, shift, cut, scale."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from itertools import chain
from numbers import Integral

from pkpd_mdr.arguments import COUNT, NUMBER, TEXT, Kind, listed, takes
from pkpd_mdr.errors import RegimenError, did_you_mean, shown
from pkpd_mdr.regimen.acts import MOST_ACTS, REMOVALS, Act, hours, in_days, length
from pkpd_mdr.units import Quantity, QuantityLike, Unit

__all__ = ["Regimen", "alternate"]

_HOUR = Unit.of("h")
DAYS = Kind("a list of days; write for example [1, 8, 15]", lambda given: isinstance(given, Iterable), list)


@dataclass(frozen=True, slots=True, repr=False)
class Regimen:
    """What is done when: acts in order of time, and how long one course takes.

    Every operation returns a new regimen. Times are text with a unit (``"21 day"``).

    Parameters
    ----------
    acts : tuple of Act
        Sorted by time on construction; the order of acts at one time is kept. An exposure ends where a later one to the
        same drug begins, as a medium has one level; of two that begin together the second one counts.
    length : float
        Hours including the rest of the last cycle; `then` starts the next regimen there. Never shorter than the
        acts take; infinite when an exposure has no end.

    Raises
    ------
    RegimenError
        An act or an operation is not possible; one sentence naming the dose and its time.

    Examples
    --------
    >>> from pkpd_mdr.regimen.builders import infusion
    >>> dox = infusion("dox", "60 mg", over="1 h").every("21 day", times=6)
    >>> str(dox.planned_total("dox"))
    '360 mg'
    >>> dox.first(2) == infusion("dox", "60 mg", over="1 h").every("21 day", times=2)
    True
    """

    acts: tuple[Act, ...] = ()
    length: float = 0.0

    def __post_init__(self) -> None:
        acts = listed(self.acts)
        if acts is None or not all(isinstance(act, Act) for act in acts):
            raise RegimenError(
                f"a regimen cannot be made of {shown(self.acts)}; its acts come from bolus(...), infusion(...), "
                "exposure(...), and regimens are put together by & and then()"
            )
        if math.isnan(self.length) or self.length < 0:
            raise RegimenError(f"a regimen cannot be {self.length:g} h long; its length is zero or more")
        if len(self.acts) > MOST_ACTS:
            raise RegimenError(f"a regimen of {len(self.acts)} acts is larger than the {MOST_ACTS} allowed; shorten it")
        object.__setattr__(self, "acts", _one_level(sorted(self.acts, key=lambda act: act.time)))
        object.__setattr__(self, "length", max([self.length, *(act.last for act in self.acts)]))

    def __iter__(self) -> Iterator[Act]:
        return iter(self.acts)

    def __len__(self) -> int:
        return len(self.acts)

    def __repr__(self) -> str:
        on = ", ".join(self.ports) or "nothing"
        long = "without end" if self.length == math.inf else f"over {length(self.length)}"
        return f"<Regimen: {len(self.acts)} {'act' if len(self.acts) == 1 else 'acts'} on {on}, {long}>"

    @property
    def ports(self) -> tuple[str, ...]:
        """Drugs and modalities in order of first use."""
        return tuple(dict.fromkeys(act.port for act in self.acts))

    @property
    def endless(self) -> bool:
        """Whether an exposure goes on until further notice."""
        return self.length == math.inf

    def every(self, period: QuantityLike, times: int | None = None, *, until: QuantityLike | None = None) -> Regimen:
        """Repeat this regimen: cycle k starts k periods after the first.

        Cycles longer than the period overlap and superpose, as infusions do.

        Parameters
        ----------
        period : str
            Time between starts, above zero.
        times : int, optional
            Number of cycles, at least 1.
        until : str, optional
            Instead of `times`: cycles start before this time and everything stops there.

        Returns
        -------
        Regimen
            Of `times` periods, or longer when the last cycle is.

        Raises
        ------
        RegimenError
            Neither or both of `times` and `until`, or a period, a number or an act that cannot be repeated.

        Examples
        --------
        >>> from pkpd_mdr.regimen.builders import bolus
        >>> [act.time for act in bolus("dox", "75 mg").every("21 day", times=3)]
        [0.0, 504.0, 1008.0]
        """
        step = _above_zero(period, "the period of every()")
        self._refuse_endless("repeated")
        if (times is None) == (until is None):
            raise RegimenError(
                "every() needs to know when to stop; give either times=6 or until='180 day' (one of the two)"
            )
        stop = None if until is None else _above_zero(until, "the end of every()")
        count = _whole(times) if stop is None else math.ceil(stop / step - 1e-12)
        _refuse_too_many(count * max(1, len(self.acts)), f"every({shown(period)})")
        acts = [replace(act, time=act.time + k * step) for k in range(count) for act in self.acts]
        full = Regimen(tuple(acts), (count - 1) * step + max(step, self.length))
        return full if stop is None else full.until((stop, "h"))

    def then(self, other: Regimen, gap: QuantityLike = 0) -> Regimen:
        """Follow this regimen by another one, after an optional gap.

        Parameters
        ----------
        other : Regimen
            Starts when this regimen's length and the gap are over.
        gap : str
            Time between both.

        Raises
        ------
        RegimenError
            This regimen never ends, or the gap is negative.

        Examples
        --------
        >>> from pkpd_mdr.regimen.builders import bolus
        >>> weekly = bolus("dox", "20 mg").every("7 day", times=2)
        >>> [act.time for act in weekly.then(bolus("pac", "80 mg"))]
        [0.0, 168.0, 336.0]
        """
        self._refuse_endless("followed by another regimen")
        if not isinstance(other, Regimen):
            raise RegimenError(f"a regimen can only be followed by a regimen, not by {shown(other)}")
        pause = hours(gap, "the gap of then()")
        if pause < 0:
            raise RegimenError(f"the gap of then() is {shown(gap)}; a gap has to be zero or more")
        return self & other._moved(self.length + pause)

    def __and__(self, other: Regimen) -> Regimen:
        """Give both regimens from the same zero.

        Examples
        --------
        An inhibitor or a depleting agent with, before and after a drug; cells after a targeted drug; a metronomic
        schedule; a bolus every three weeks on top of a daily dose:

        >>> from pkpd_mdr.regimen.builders import bolus, exposure, oral
        >>> dox, inhibitor = bolus("dox", "75 mg"), exposure("gw4869", "10 uM", over="24 h")
        >>> together, before = inhibitor & dox, inhibitor & dox.shift("24 h")
        >>> after = dox & inhibitor.shift("2 h")
        >>> [act.port for act in before], [act.port for act in after]
        (['gw4869', 'dox'], ['dox', 'gw4869'])
        >>> cells_last = oral("erl", "150 mg").every("1 day", times=28).then(bolus("cells", "1e8 cell"), gap="2 day")
        >>> metronomic = oral("cyc", "50 mg").every("1 day", times=84)
        >>> both = bolus("cyc", "600 mg").every("21 day", times=4) & metronomic
        >>> str(both.planned_total("cyc"))
        '6600 mg'
        """
        if not isinstance(other, Regimen):
            raise RegimenError(f"a regimen can only be merged with a regimen, not with {type(other).__name__}")
        return Regimen(self.acts + other.acts, max(self.length, other.length))

    def shift(self, by: QuantityLike) -> Regimen:
        """Move every act to a later time (an earlier one if nothing falls before zero).

        Raises
        ------
        RegimenError
            An act would come before the regimen's zero.

        Examples
        --------
        >>> from pkpd_mdr.regimen.builders import bolus
        >>> bolus("dox", "75 mg").shift("2 day").acts[0].time
        48.0
        """
        return self._moved(hours(by, "the step of shift()"))

    def _moved(self, step: float) -> Regimen:
        acts = []
        for act in self.acts:
            if act.time + step < 0:
                raise RegimenError(f"{act} cannot be shifted by {step:g} h, which is before the regimen's zero")
            acts.append(replace(act, time=act.time + step))
        return Regimen(tuple(acts), max(0.0, self.length + step))

    @takes(RegimenError, days=DAYS)
    def on_days(self, days: Iterable[int]) -> Regimen:
        """Repeat this regimen on days of a cycle; day 1 is the regimen's zero.

        Parameters
        ----------
        days : iterable of int
            For example ``[1, 2, 3, 4, 5]`` for working days, then ``.every("7 day", times=6)``.

        Raises
        ------
        RegimenError
            A day is below 1 or given twice.

        Examples
        --------
        >>> from pkpd_mdr.regimen.builders import radiation
        >>> len(radiation("2 Gy").on_days([1, 2, 3, 4, 5]).every("7 day", times=6))
        30
        """
        given = list(days)
        wrong = [day for day in given if isinstance(day, bool) or not isinstance(day, Integral) or day < 1]
        if wrong or not given or len(set(given)) < len(given):
            raise RegimenError(f"days {shown(given)} have to be whole numbers from 1 on, each once, such as [1, 8, 15]")
        self._refuse_endless("repeated")
        moved = [self._moved(24.0 * (day - 1)) for day in given]
        return Regimen(tuple(chain.from_iterable(moved)), max(24.0 * max(given), *(part.length for part in moved)))

    def written_out(self) -> Regimen:
        """The same regimen with additional doses (ADDL) as acts of their own."""
        if not any(act.additional for act in self.acts):
            return self
        _refuse_too_many(sum(act.additional + 1 for act in self.acts), "the regimen with its additional doses")
        return Regimen(tuple(one for act in self.acts for one in act.written_out()), self.length)

    def first(self, n: int) -> Regimen:
        """The first `n` acts in order of time (additional doses count one each).

        What is left out no longer counts for the length: it ends where the next act would have been.

        Examples
        --------
        >>> from pkpd_mdr.regimen.builders import bolus
        >>> bolus("dox", "75 mg").every("21 day", times=6).first(2).length / 24
        42.0
        """
        wanted = _whole(n)
        acts = self.written_out().acts
        return Regimen(acts[:wanted], self.length if wanted >= len(acts) else acts[wanted].time)

    def until(self, end: QuantityLike) -> Regimen:
        """Stop everything at `end`: later acts are dropped, running infusions and exposures are cut there.

        A cut infusion loses its amount pro rata. A dose at `end` itself is not given.

        Examples
        --------
        >>> from pkpd_mdr.regimen.builders import infusion
        >>> str(infusion("dox", "100 mg", over="4 h").until("1 h").acts[0].amount)
        '25 mg'
        """
        return self._part(0.0, hours(end, "the end of until()"))

    def between(self, begin: QuantityLike, end: QuantityLike | None = None) -> Regimen:
        """The part in ``[begin, end)``, timed from `begin`; what runs across an edge is cut there.

        Parameters
        ----------
        begin, end : str
            Edges, `end` later than `begin`; without `end` all the rest.

        Returns
        -------
        Regimen
            ``r.between(0, t).then(r.between(t))`` gives the same total as ``r``.

        Raises
        ------
        RegimenError
            The edges are in the wrong order, or an infusion that would be cut has a modelled length.
        """
        high = math.inf if end is None else hours(end, "the end of between()")
        return self._part(hours(begin, "the begin of between()"), high)

    def _part(self, low: float, high: float) -> Regimen:
        if not 0 <= low < high:
            raise RegimenError(f"the time from {low:g} h to {high:g} h is empty; its end has to come after its start")
        parts = [act.part(low, high) for act in self.written_out().acts]
        return Regimen(tuple(part for part in parts if part), max(0.0, min(self.length, high) - low))

    @takes(RegimenError, factor=NUMBER, port=TEXT)
    def scaled(self, factor: float, port: str | None = None) -> Regimen:
        """Multiply doses, exposure levels and radiation fractions by a factor; infusions keep their length.

        Surgery is left alone unless `port` names it.

        Raises
        ------
        RegimenError
            The factor is not above zero, or the regimen has no such port.

        Examples
        --------
        >>> from pkpd_mdr.regimen.builders import bolus
        >>> str(bolus("dox", "75 mg").scaled(0.8).acts[0].amount)
        '60 mg'
        """
        if isinstance(factor, bool) or not 0 < factor < math.inf:
            raise RegimenError(
                f"a regimen cannot be scaled by {shown(factor)}; the factor has to be above zero and finite"
            )
        if port is not None:
            self._known(port)
        chosen = [act.port == port if port is not None else act.port not in REMOVALS for act in self.acts]
        acts = tuple(_scaled(act, factor) if hit else act for act, hit in zip(self.acts, chosen, strict=True))
        return Regimen(acts, self.length)

    @takes(RegimenError, port=TEXT)
    def planned_total(self, port: str) -> Quantity:
        """Sum of all amounts for one port, additional doses included.

        For exposures this is level times hours; steady-state history before the record does not count.

        Returns
        -------
        Quantity
            In the unit of the first act on that port.

        Raises
        ------
        RegimenError
            The port is unknown, an exposure has no end, or units cannot be added (mass with amount of substance).
        """
        self._known(port)
        total: Quantity | None = None
        for act in self.acts:
            if act.port == port:
                total = _added(total, act)
        assert total is not None
        return total

    def describe(self) -> str:
        """A text table: time, port, amount, route and manner of every act.

        Times are in days where all of them are short numbers of days, in hours otherwise.

        Examples
        --------
        >>> from pkpd_mdr.regimen.builders import infusion
        >>> print(infusion("dox", "60 mg", over="1 h").every("21 day", times=2).describe())
        time [day]  on   amount  route  how
        0           dox  60 mg   -      over 1 h
        21          dox  60 mg   -      over 1 h
        """
        days = all(in_days(act.time) for act in self.acts) and any(act.time >= 24 for act in self.acts)
        head = ("time [day]" if days else "time [h]", "on", "amount", "route", "how")
        times = [f"{act.time / 24 if days else act.time:.6g}" for act in self.acts]
        acts = zip(times, self.acts, strict=True)
        rows = [head, *((time, act.port, str(act.amount), act.route or "-", _how(act)) for time, act in acts)]
        widths = [max(len(row[k]) for row in rows) for k in range(len(head))]
        return "\n".join("  ".join(cell.ljust(w) for cell, w in zip(row, widths, strict=True)).rstrip() for row in rows)

    def _known(self, port: str) -> None:
        if port not in self.ports:
            raise RegimenError(f"the regimen does nothing on {shown(port)}{did_you_mean(port, self.ports)}")

    def _refuse_endless(self, what: str) -> None:
        if self.endless:
            act = max(self.acts, key=lambda one: one.last)
            raise RegimenError(f"{act} never ends, so the regimen cannot be {what}; give it over='72 h' or use until()")


def alternate(*regimens: Regimen, every: QuantityLike) -> Regimen:
    """Take turns: one period of the first regimen, one of the second, and so on, each on its own clock.

    A regimen of six cycles keeps its six cycles, so planned totals are those of giving all of them.
    A regimen that has run out leaves its turns to the others.

    Parameters
    ----------
    *regimens : Regimen
        At least two, each with an end.
    every : str
        Length of a turn; an infusion that runs across its end goes on in the next turn of that regimen.

    Returns
    -------
    Regimen

    Raises
    ------
    RegimenError
        Fewer than two regimens, one without end, or a turn that is not above zero.

    Examples
    --------
    >>> from pkpd_mdr.regimen.builders import bolus
    >>> dox, pac = bolus("dox", "60 mg").every("21 day", times=2), bolus("pac", "280 mg").every("21 day", times=2)
    >>> [act.port for act in alternate(dox, pac, every="21 day")]
    ['dox', 'pac', 'dox', 'pac']
    """
    step = _above_zero(every, "the turn of alternate()")
    if len(regimens) < 2:
        raise RegimenError("alternate() needs two regimens or more, as in alternate(dox, pac, every='21 day')")
    turns = []
    for order, regimen in enumerate(regimens):
        if not isinstance(regimen, Regimen):
            raise RegimenError(
                f"alternate() takes regimens, not {shown(regimen)}; build one with bolus(...) or exposure(...)"
            )
        regimen._refuse_endless("alternated")
        latest = max((act.time for act in regimen.written_out()), default=0.0)
        count = max(math.ceil(regimen.length / step - 1e-12), math.floor(latest / step * (1 + 1e-12)) + 1)
        _refuse_too_many(count, f"alternate(every={shown(every)})")
        turns += [(k, order, regimen.between((k * step, "h"), ((k + 1) * step, "h"))) for k in range(count)]
    turns.sort(key=lambda turn: turn[:2])
    acts = [replace(act, time=act.time + n * step) for n, (_, _, part) in enumerate(turns) for act in part]
    return Regimen(tuple(acts), len(turns) * step)


def _one_level(acts: list[Act]) -> tuple[Act, ...]:
    """Acts in order of time, with exposures cut where another one replaces them."""
    begins = dict[tuple[str, str], float]()
    for place in range(len(acts) - 1, -1, -1):
        act = acts[place]
        if act.action == "expose":
            following = begins.get((act.port, act.route), math.inf)
            if act.time + act.duration > following * (1 + 1e-12):
                acts[place] = replace(act, duration=following - act.time)
            begins[act.port, act.route] = act.time
    return tuple(acts)


def _above_zero(given: QuantityLike, where: str) -> float:
    value = hours(given, where)
    if not value > 0:
        raise RegimenError(f"{where} is {shown(given)}; it has to be above zero, as in '21 day'")
    return value


def _whole(count: object) -> int:
    if not COUNT.fits(count) or int(count) < 1:  # type: ignore[call-overload]
        raise RegimenError(f"{shown(count)} is not a number of times; write a whole number of 1 or more")
    return int(count)  # type: ignore[call-overload, no-any-return]


def _refuse_too_many(count: int, where: str) -> None:
    if count > MOST_ACTS:
        raise RegimenError(f"{where} would hold {shown(count)} acts, more than the {MOST_ACTS} allowed; shorten it")


def _scaled(act: Act, factor: float) -> Act:
    if act.port in REMOVALS and act.amount.internal * factor > 1:
        raise RegimenError(f"{act} cannot be scaled by {factor:g}: {act.port} removes a share of at most 1")
    rate = None if act.rate is None else replace(act.rate, value=act.rate.value * factor)
    return replace(act, amount=replace(act.amount, value=act.amount.value * factor), rate=rate)


def _added(total: Quantity | None, act: Act) -> Quantity:
    given = replace(act.amount, value=act.amount.value * (act.additional + 1))
    if act.action == "expose":
        if act.duration == math.inf:
            raise RegimenError(f"{act} never ends, so it has no planned total; give it over='72 h' or use until()")
        given = Quantity(act.amount.value * act.duration, act.amount.unit.times(_HOUR))
    if total is None:
        return given
    if not total.unit.like(given.unit):
        raise RegimenError(
            f"{act} cannot be added to amounts in {shown(total.unit.text)}; "
            f"write all doses of {shown(act.port)} in one unit"
        )
    return replace(total, value=total.value + given.value * (given.unit.factor / total.unit.factor))


def _how(act: Act) -> str:
    parts = []
    if act.action == "expose":
        parts.append("until further notice" if act.duration == math.inf else f"held for {length(act.duration)}")
    elif act.duration:
        parts.append(f"over {length(act.duration)}")
    if act.rate is not None:
        parts.append(f"at {act.rate}")
    if act.modelled:
        parts.append(f"modelled {act.modelled}")
    if act.steady:
        parts.append(f"steady state {act.steady}" + (f" every {length(act.interval)}" if act.interval else ""))
    if act.additional:
        parts.append(f"and {act.additional} more every {length(act.interval)}")
    return ", ".join(parts) or ("at once" if act.action == "act" else "bolus")
