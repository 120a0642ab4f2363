"""Adaptive treatment that keeps the burden in a range, or modulates the dose."""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace

from pkpd_mdr.arguments import NUMBER, takes
from pkpd_mdr.errors import RegimenError, shown
from pkpd_mdr.regimen.algebra import Regimen
from pkpd_mdr.regimen.strategies import Adaptive, Cycle, Decision, Memory, Strategy, check_gives, interval_of, next_due
from pkpd_mdr.regimen.visits import Visit
from pkpd_mdr.units import Quantity, QuantityLike, quantity

__all__ = ["Modulated", "RangeBounded", "modulated", "range_bounded"]


@dataclass(frozen=True, slots=True, repr=False)
class RangeBounded(Adaptive):
    """Treat from an upper level down to a lower one; made by `range_bounded`.

    The bounds of `Adaptive` are then levels of the burden in internal units.
    """

    stop_below: float = field(repr=False)
    restart_above: float = field(repr=False)
    lower: Quantity
    upper: Quantity

    @property
    def thresholds(self) -> tuple[tuple[str, Quantity], ...]:
        """Both levels of the burden."""
        return ("", self.lower), ("", self.upper)

    def begin(self) -> Memory:
        """Off treatment, at the regimen's zero."""
        return Cycle(on=False)

    def decide(self, visit: Visit, memory: Memory) -> Decision:
        """Go on, pause, or treat."""
        acts, course, note = Adaptive.decide(self, visit, memory)
        if visit.number == 0:
            note = "treatment starts" if course.on else "the burden is below the range's upper level: no treatment yet"
        return acts, course, note

    def _reference(self, visit: Visit) -> float:
        return 1.0


def range_bounded(regimen: Regimen, *, visit: QuantityLike, lower: QuantityLike, upper: QuantityLike) -> RangeBounded:
    """Keep the burden between two levels: treat from above `upper` until it is below `lower`, then wait.

    Unlike `adaptive`, whose fractions are of the baseline, the levels are amounts, and a patient who starts below
    `upper` is not treated until it is passed. A range in fractions of the baseline is
    ``adaptive(regimen, visit=..., stop_below=0.3, restart_above=0.6)``. The idea is that of Brady-Nicholls and
    Enderling (2022). The regimen's clock stands still off treatment, as in `adaptive`.

    Parameters
    ----------
    regimen : Regimen
        What is given while treatment is on.
    visit : str
        Time between visits.
    lower, upper : quantity
        Levels of the burden that visits show, ``0 < lower < upper``.

    Returns
    -------
    RangeBounded

    Raises
    ------
    RegimenError
        The regimen is empty, the levels are not in order, or the visit interval is not above zero; in a run, levels in
        another unit than the burden's.

    Examples
    --------
    >>> from pkpd_mdr.regimen.builders import exposure
    >>> plan = range_bounded(exposure("dox", "1 uM"), visit="7 day", lower="1e8 cell", upper="1e9 cell")
    >>> plan.decide(Visit.first(5e8), plan.begin())[0]
    ()
    >>> plan.decide(Visit.first(2e9), plan.begin())[2]
    'treatment starts'
    """
    check_gives(regimen, "range_bounded(dox, visit='14 day', lower='1e8 cell', upper='1e9 cell')")
    low, high = quantity(lower, "lower of range_bounded()"), quantity(upper, "upper of range_bounded()")
    if not low.unit.like(high.unit) or not 0 < low.internal < high.internal < math.inf:
        raise RegimenError(
            f"lower = {shown(lower)} and upper = {shown(upper)} are not in order; write two levels of the burden with "
            "0 < lower < upper, as in '1e8 cell' and '1e9 cell'"
        )
    return RangeBounded(regimen, low.internal, high.internal, interval_of(visit), low, high)


@dataclass(frozen=True, slots=True)
class _Dose:
    """The factor on the dose, where the regimen stands, and the burden seen last."""

    factor: float
    course: Cycle
    last: float = math.nan


@dataclass(frozen=True, slots=True, repr=False)
class Modulated(Strategy):
    """More when the burden grew, less when it shrank; made by `modulated`."""

    regimen: Regimen
    step: float
    tolerance: float
    least: float
    most: float
    stop_below: float
    visit_interval: float

    @property
    def planned(self) -> Regimen | None:
        """The regimen at the full dose, as if never changed."""
        return self.regimen

    def begin(self) -> Memory:
        """At the full dose, at the regimen's zero."""
        return _Dose(min(1.0, self.most), Cycle())

    def decide(self, visit: Visit, memory: Memory) -> Decision:
        """Change the dose by what the burden did since the visit before."""
        dose: _Dose = memory
        course, factor, note = dose.course, dose.factor, ""
        if course.on and course.since is not None:
            course = replace(course, clock=course.clock + visit.time - course.since)
        if visit.burden > (1 + self.tolerance) * dose.last:
            factor = min(self.most, factor * (1 + self.step))
        elif visit.burden < (1 - self.tolerance) * dose.last:
            factor = max(self.least, factor * (1 - self.step))
        off = visit.number > 0 and visit.burden < self.stop_below * visit.baseline
        if off != (not course.on):
            clock = course.clock if off else next_due(self.regimen, course.clock)
            course, note = replace(course, on=not off, clock=clock), "treatment pauses" if off else "treatment restarts"
        elif visit.number == 0:
            note = "treatment starts"
        elif factor != dose.factor:
            note = f"dose becomes {factor:.4g} of the plan"
        kept = _Dose(factor, replace(course, since=visit.time), visit.burden)
        return (() if off else self._acts(self.regimen.scaled(factor), course.clock, visit)), kept, note


@takes(RegimenError, step=NUMBER, tolerance=NUMBER, least=NUMBER, most=NUMBER, stop_below=NUMBER)
def modulated(
    regimen: Regimen,
    *,
    visit: QuantityLike,
    step: float = 0.5,
    tolerance: float = 0.2,
    least: float = 0.1,
    most: float = 1.0,
    stop_below: float = 0.0,
) -> Modulated:
    """Dose-modulating adaptive treatment: the dose follows the burden up and down.

    At each visit the burden is compared with that of the visit before. If it grew by more than a share `tolerance`, the
    dose is multiplied by ``1 + step``; if it shrank by more than that, by ``1 - step``; else it stays. Below
    `stop_below` times baseline nothing is given, and the regimen's clock stands still as in `adaptive`. The idea is
    that of Gatenby (2009) and Enriquez-Navas (2016); the rule and its defaults are ours.

    Parameters
    ----------
    regimen : Regimen
        The plan, whose doses are factor 1.
    visit : str
        Time between visits.
    step : float
        Between 0 and 1.
    tolerance : float
        Change of the burden that counts as none, between 0 and 1 (1 excluded).
    least, most : float
        Smallest and largest factor of the plan, ``0 < least <= most``.
    stop_below : float
        Fraction of the baseline; 0 for no pause.

    Returns
    -------
    Modulated

    Raises
    ------
    RegimenError
        The regimen is empty or a number is out of its range.

    Examples
    --------
    >>> from pkpd_mdr.regimen.builders import bolus
    >>> plan = modulated(bolus("dox", "60 mg").every("7 day", times=8), visit="7 day")
    >>> acts, memory, note = plan.decide(start := Visit.first(1e9), plan.begin())
    >>> acts, memory, note = plan.decide(start.following(168.0, 0.7e9), memory)
    >>> str(acts[0].amount), note
    ('30 mg', 'dose becomes 0.5 of the plan')
    """
    check_gives(regimen, "modulated(dox, visit='14 day')")
    for name, value, fits, repair in (
        ("step", step, 0 < step < 1, "a share between 0 and 1, such as 0.5"),
        ("tolerance", tolerance, 0 <= tolerance < 1, "a share from 0 to below 1, such as 0.2"),
        ("least", least, 0 < least <= min(1.0, most), f"a factor above 0 and up to 1 and most = {most:g}"),
        ("most", most, 0 < most < math.inf, "a factor above 0, such as 1.0"),
        ("stop_below", stop_below, 0 <= stop_below < 1, "a fraction of the baseline from 0 to below 1"),
    ):
        if not fits:
            raise RegimenError(f"modulated(): {name} = {shown(value)} is not possible; write {repair}")
    return Modulated(regimen, step, tolerance, least, most, stop_below, interval_of(visit))
