"""Published schedules as regimens, and treatment that comes back after a holiday."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from functools import reduce
from typing import ClassVar

from pkpd_mdr.arguments import COUNT, NUMBER, TEXT, takes
from pkpd_mdr.errors import RegimenError, shown
from pkpd_mdr.regimen.acts import hours
from pkpd_mdr.regimen.algebra import Regimen
from pkpd_mdr.regimen.builders import bolus, nothing, radiation
from pkpd_mdr.regimen.strategies import CLOSE, Decision, Memory, Strategy, check_gives, check_progression, interval_of
from pkpd_mdr.regimen.visits import Visit
from pkpd_mdr.units import QuantityLike

__all__ = ["Rechallenge", "rechallenge", "stupp"]

_FRACTIONS = 30
_LAST_FRACTION = 40  # day of the thirtieth, when the first is on a Monday


@dataclass(frozen=True, slots=True)
class _Challenge:
    """Which challenge it is, whether treatment is on, since when (hours), and the burden to compare with."""

    number: int = 0
    on: bool = True
    started: float | None = None
    reference: float = math.nan


@dataclass(frozen=True, slots=True, repr=False)
class Rechallenge(Strategy):
    """The same regimen again after a holiday; made by `rechallenge`."""

    regimen: Regimen
    bridge: Regimen
    holiday: float
    times: int
    growth: float
    reference: str
    visit_interval: float
    in_hours: ClassVar[tuple[str, ...]] = ("visit_interval", "holiday")

    @property
    def planned(self) -> Regimen | None:
        """All challenges with their holidays, each regimen to its end; None when it has none."""
        if self.regimen.endless:
            return None
        bridge = self.bridge.until((self.holiday, "h")) if self.bridge.acts else self.bridge
        rest = nothing((self.holiday, "h")) & bridge
        parts = [self.regimen, *(part for _ in range(self.times) for part in (rest, self.regimen))]
        return reduce(lambda first, second: first.then(second), parts)

    def begin(self) -> Memory:
        """Before the first visit."""
        return _Challenge()

    def decide(self, visit: Visit, memory: Memory) -> Decision:
        """Go on, begin a holiday, or come back from one."""
        now: _Challenge = memory
        note = ""
        if now.started is None:
            now, note = replace(now, started=visit.time, reference=visit.burden), "treatment starts"
        elif not now.on and visit.time - now.started >= self.holiday - CLOSE * visit.time:
            now = _Challenge(now.number + 1, True, visit.time, visit.burden)
            note = f"rechallenge {now.number} starts"
        elif now.on and visit.burden > self.growth * now.reference:
            if now.number < self.times:
                now, note = replace(now, on=False, started=visit.time), "progression: holiday starts"
            else:
                note = "progression, and no rechallenge is left"
        elif now.on and self.reference == "nadir":
            now = replace(now, reference=min(now.reference, visit.burden))
        assert now.started is not None
        given = self.regimen if now.on else self.bridge
        return self._acts(given, visit.time - now.started, visit), now, note


@takes(RegimenError, times=COUNT, growth=NUMBER, reference=TEXT)
def rechallenge(
    regimen: Regimen,
    *,
    visit: QuantityLike,
    holiday: QuantityLike,
    times: int = 1,
    growth: float = 1.2,
    reference: str = "nadir",
    bridge: Regimen | None = None,
) -> Rechallenge:
    """Give a regimen until progression, leave it out for a holiday, and give it again from its beginning.

    The holiday begins at the visit that finds progression and ends at the first visit at which it has lasted as
    long as asked. It gives sensitive cells time to outgrow those that pay for their resistance. After the last
    rechallenge the regimen goes on as written.

    Parameters
    ----------
    regimen : Regimen
        What is given at each challenge.
    visit : str
        Time between visits.
    holiday : str
        Length of a holiday, above zero.
    times : int
        Number of rechallenges, at least 1.
    growth : float
        Progression is a burden above `growth` times the reference; above 1.
    reference : {"baseline", "nadir"}
        Burden at the start of the challenge, or the lowest since then.
    bridge : Regimen, optional
        What is given during a holiday, timed from its beginning; nothing if left out.

    Returns
    -------
    Rechallenge

    Raises
    ------
    RegimenError
        The regimen is empty, or a number, a time or the reference is not possible.

    Examples
    --------
    >>> from pkpd_mdr.regimen.builders import exposure
    >>> plan = rechallenge(exposure("vem", "1 uM"), visit="28 day", holiday="56 day")
    >>> acts, memory, note = plan.decide(visit := Visit.first(1e9), plan.begin())
    >>> for burden in (2e9, 3e9, 4e9):
    ...     visit = visit.following(visit.time + 672.0, burden)
    ...     acts, memory, note = plan.decide(visit, memory)
    ...     print(len(acts), note or "-")
    0 progression: holiday starts
    0 -
    1 rechallenge 1 starts
    """
    check_gives(regimen, "rechallenge(vem, visit='28 day')")
    if bridge is not None and not isinstance(bridge, Regimen):
        raise RegimenError(f"rechallenge(): bridge = {shown(bridge)} is no regimen; leave it out to give nothing")
    if times < 1:
        raise RegimenError(f"rechallenge(): times = {shown(times)} is no number of rechallenges; write 1 or more")
    check_progression(growth, reference)
    length = hours(holiday, "the holiday")
    if not 0 < length < math.inf:
        raise RegimenError(f"the holiday is {shown(holiday)}; it has to be above zero, as in holiday='56 day'")
    return Rechallenge(regimen, bridge or nothing(), length, times, growth, reference, interval_of(visit))


@takes(RegimenError, drug=TEXT, route=TEXT, cycles=COUNT)
def stupp(
    drug: str = "tmz",
    *,
    body_surface: QuantityLike = "1.8 m**2",
    cycles: int = 6,
    route: str = "",
) -> Regimen:
    """Radiotherapy with concurrent and adjuvant temozolomide for glioblastoma, after Stupp et al. (2005).

    N Engl J Med 352:987: 30 fractions of 2 Gy on the working days of six weeks; temozolomide, 75 mg/m2 on each day from
    the first to the last one of radiotherapy; after four weeks without, up to six cycles of 28 days with temozolomide
    on the first five, 150 mg/m2 in the first cycle and 200 mg/m2 in the others. The trial stepped up where toxicity
    allowed it; `limited` puts such rules around the regimen. Day 1 is a Monday, so radiotherapy ends on day 40. The
    schedule is recalled from the paper.

    Parameters
    ----------
    drug : str
        Temozolomide, as the model names it; radiation goes to the port of `radiotherapy`.
    body_surface : str
        Body surface area.
    cycles : int
        Number of adjuvant cycles, 0 to 6.
    route : str
        Of temozolomide, as in `bolus`.

    Returns
    -------
    Regimen

    Raises
    ------
    RegimenError
        An impossible number of cycles or body surface.

    Examples
    --------
    >>> plan = stupp(body_surface="1.8 m**2")
    >>> str(plan.planned_total("radiation")), str(plan.planned_total("tmz"))
    ('60 Gy', '15750 mg')
    """
    if not 0 <= cycles <= 6:
        raise RegimenError(f"stupp(): cycles = {shown(cycles)} is not possible; the trial gave up to 6: write 0 to 6")

    def daily(dose: str, days: int) -> Regimen:
        """A dose each day."""
        return bolus(drug, dose, body_surface=body_surface, route=route).on_days(range(1, days + 1))

    weeks = radiation("2 Gy").on_days(range(1, 6)).every("7 day", times=_FRACTIONS // 5)
    concurrent = (weeks & daily("75 mg/m**2", _LAST_FRACTION)).until((_LAST_FRACTION, "day"))
    parts = [daily("150 mg/m**2", 5), *[daily("200 mg/m**2", 5)] * 5][:cycles]
    begin = 24.0 * (_LAST_FRACTION + 28)
    adjuvant = [part.shift((begin + 672.0 * number, "h")) for number, part in enumerate(parts)]
    return reduce(lambda first, second: first & second, adjuvant, concurrent)
