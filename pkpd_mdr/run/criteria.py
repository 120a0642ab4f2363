"""Endpoints of the clinic: progression by its rules, response, how many decades, whether anything is left."""

from __future__ import annotations

import math
from functools import partial

import numpy as np

from pkpd_mdr.arguments import NUMBER, TEXT, Kind, takes
from pkpd_mdr.engine.lowering import FloatArray
from pkpd_mdr.errors import SimulationError, shown
from pkpd_mdr.run.course import Course
from pkpd_mdr.run.reading import Endpoint, Path
from pkpd_mdr.units import Quantity, QuantityLike, quantity, read

__all__ = [
    "best_change",
    "extinct",
    "happens",
    "log_kill",
    "objective_response",
    "progression_free_survival",
    "psa_progression",
    "time_to_extinction",
    "time_to_progression",
]

_ENDPOINT = Kind.of(Endpoint, words="an Endpoint; write for example time_to_progression()")


@takes(SimulationError, reference=TEXT, growth=NUMBER, of=TEXT, name=TEXT)
def time_to_progression(
    reference: str = "baseline",
    *,
    growth: float = 1.2,
    at_least: QuantityLike | None = None,
    visit: QuantityLike | None = None,
    confirm: QuantityLike | None = None,
    of: str = "burden",
    name: str = "time_to_progression",
) -> Endpoint:
    """Time until the burden exceeds a multiple of a reference.

    Parameters
    ----------
    reference : {"baseline", "nadir"}
        ``"baseline"``: `growth` times the burden at the start; ``"nadir"``: `growth` times the lowest burden so
        far (RECIST-like, with the start as the first nadir).
    growth : float
        Factor above 1.
    at_least : quantity, optional
        By how much the reference has to be exceeded, too, in the unit of the output: ``"5 mm"`` for a sum of diameters
        (RECIST 1.1, Eisenhauer et al. 2009).
    visit : str, optional
        Time between visits, such as ``"1 day"``; progression is then the first visit that sees it. Without it the
        moment of crossing is meant.
    confirm : str, optional
        It has to be seen again, at the first visit that is so much later; needs `visit`. The first of both is the time.
    of : str
        Which output is the burden.
    name : str
        Under which the endpoint is listed.

    Returns
    -------
    Endpoint
        In time; infinite when not reached.

    Raises
    ------
    SimulationError
        An unknown reference, a factor that is no growth, a confirmation without visits.

    Examples
    --------
    >>> time_to_progression("nadir", at_least="5 mm", visit="8 week", of="diameter").description
    'diameter above 1.2 x nadir and 5 mm more, at visits every 8 week'
    """
    if reference not in ("baseline", "nadir"):
        raise SimulationError(
            f"reference = {shown(reference)} is not known; choose 'baseline' or 'nadir', or time_to_threshold(...)"
        )
    if not growth > 1:
        raise SimulationError(f"growth = {shown(growth)} is not progression; choose a factor above 1, such as 1.2")
    if confirm is not None and visit is None:
        raise SimulationError(
            f"confirm = {shown(confirm)} needs visits at which progression is seen again; add visit='4 week'"
        )
    reads = partial(
        _progression,
        of=of,
        nadir=reference == "nadir",
        growth=growth,
        more=_more(at_least),
        interval=None if visit is None else _interval(visit, "visit"),
        confirm=0.0 if confirm is None else _interval(confirm, "confirm"),
    )
    told = f"{of} above {growth:g} x {reference}" + ("" if at_least is None else f" and {at_least} more")
    told += "" if visit is None else f", at visits every {visit}"
    told += "" if confirm is None else f", confirmed {confirm} later"
    like = None if at_least is None else quantity(at_least).unit
    return Endpoint(name, (of, f"d/dt {of}"), reads, "high", "time", told, like=like)


@takes(SimulationError, growth=NUMBER, of=TEXT, name=TEXT)
def psa_progression(
    of: str = "psa",
    *,
    growth: float = 1.25,
    at_least: QuantityLike = "2 ng/mL",
    visit: QuantityLike = "4 week",
    confirm: QuantityLike = "3 week",
    after: QuantityLike = "12 week",
    name: str = "psa_progression",
) -> Endpoint:
    """Time to progression of a marker as PCWG3 has it for PSA (Scher et al. 2016).

    A rise by 25 % and by 2 ng/mL or more over the nadir (over the start where there was no decline), seen at a visit
    and again 3 weeks later or more. Rises up to week 12 do not count.

    Parameters
    ----------
    of : str
        The output that is the marker.
    growth : float
        Factor over the nadir.
    at_least : quantity
        Absolute rise, too, in a unit like that of the output.
    visit, confirm, after : str
        Time between visits, how much later it has to be seen again, and up to when rises do not count.
    name : str

    Returns
    -------
    Endpoint
        In time; infinite when not reached, or not confirmed before the end.

    Examples
    --------
    >>> psa_progression().description
    'psa above 1.25 x nadir and 2 ng/mL more, confirmed 3 week later'
    """
    if not growth > 1:
        raise SimulationError(f"growth = {shown(growth)} is not progression; choose a factor above 1, such as 1.25")
    reads = partial(
        _progression,
        of=of,
        nadir=True,
        growth=growth,
        more=_more(at_least),
        interval=_interval(visit, "visit"),
        confirm=_interval(confirm, "confirm"),
        after=read(after, "h", "after"),
    )
    told = f"{of} above {growth:g} x nadir and {at_least} more, confirmed {confirm} later"
    like = quantity(at_least).unit
    return Endpoint(name, (of, f"d/dt {of}"), reads, "high", "time", told, like=like)


@takes(SimulationError, progression=_ENDPOINT, death=_ENDPOINT, name=TEXT)
def progression_free_survival(
    progression: Endpoint | None = None,
    *,
    death: Endpoint | None = None,
    name: str = "progression_free_survival",
) -> Endpoint:
    """Time to progression or death, whichever comes first.

    Parameters
    ----------
    progression : Endpoint, optional
        A time; ``time_to_progression("nadir")`` if left out.
    death : Endpoint, optional
        Another one, such as ``overall_survival(...)``; the level of ``stop=`` (a lethal burden) if left out, which then
        counts as death.
    name : str

    Returns
    -------
    Endpoint
        In time; infinite when neither was reached.

    Examples
    --------
    >>> progression_free_survival(time_to_progression("nadir", growth=1.2)).description
    'burden above 1.2 x nadir, or the level of stop='
    """
    first = time_to_progression("nadir") if progression is None else progression
    for item in (first, death):
        if item is not None and item.unit != "time":
            raise SimulationError(f"progression_free_survival(): {shown(item.name)} is not a time")
    last = "the level of stop=" if death is None else death.name
    needs = tuple(dict.fromkeys([*first.needs, *(death.needs if death else ())]))
    reads = partial(_earlier, first=first, second=death)
    parts = (first,) if death is None else (first, death)
    return Endpoint(name, needs, reads, "high", "time", f"{first.description}, or {last}", parts=parts)


@takes(SimulationError, endpoint=_ENDPOINT, name=TEXT)
def happens(endpoint: Endpoint, *, by: QuantityLike | None = None, name: str | None = None) -> Endpoint:
    """Whether a time is reached, as progression within a year: told as a probability with its binomial interval.

    Parameters
    ----------
    endpoint : Endpoint
        A time.
    by : str, optional
        Until when, within the run; the end of the run if left out.
    name : str, optional

    Returns
    -------
    Endpoint
        1 or 0; where a level of ``stop=`` ended the run before, what was not reached until then counts as 0.

    Raises
    ------
    SimulationError
        `endpoint` is no time; when it is read: `by` lies beyond the run, so that nobody knows.

    Examples
    --------
    >>> happens(time_to_progression(), by="1 year").name
    'time_to_progression_by_1_year'
    """
    if endpoint.unit != "time":
        raise SimulationError(
            f"happens(): {shown(endpoint.name)} is not a time; give one such as time_to_progression()"
        )
    limit = math.inf if by is None else read(by, "h", "by")
    label = name or endpoint.name + ("_happens" if by is None else f"_by_{by}".replace(" ", "_"))
    better = "low" if endpoint.better == "high" else "high"
    told = f"whether {endpoint.description}" + ("" if by is None else f", by {by}")
    reads = partial(_reached, item=endpoint, by=limit)
    parts = (endpoint,)
    return Endpoint(label, endpoint.needs, reads, better, "", told, event=True, drugs=endpoint.drugs, parts=parts)


@takes(SimulationError, of=TEXT, name=TEXT)
def extinct(of: str = "burden", *, below: QuantityLike = "1 cell", name: str = "extinction") -> Endpoint:
    """Whether nothing is left at the end of the run, as cure: told as a probability with its binomial interval.

    Of stochastic paths, less than one cell is none. Of differential equations it is a convention, which says nothing
    about luck: fewer than `below` cells, on average.

    Parameters
    ----------
    of : str
        The output that is to vanish.
    below : quantity
        What counts as nothing; of what is not counted in cells it has to be said.
    name : str

    Returns
    -------
    Endpoint
        1 or 0.

    Examples
    --------
    >>> extinct(below="100 cell").description
    'burden below 100 cell at the end'
    """
    level = _nothing(below)
    reads, told = partial(_gone, of=of, level=level.internal), f"{of} below {below} at the end"
    return Endpoint(name, (of,), reads, "high", "", told, event=True, like=level.unit)


@takes(SimulationError, of=TEXT, name=TEXT)
def time_to_extinction(
    of: str = "burden", *, below: QuantityLike = "1 cell", name: str = "time_to_extinction"
) -> Endpoint:
    """Time until an output first falls below what counts as nothing; infinite when it does not.

    Arguments are those of `extinct`. A stochastic path is known at its rows (241 or more of a run; closer with
    ``times=``): the time lies half-way between the last row with a cell and the first without, about.

    Examples
    --------
    >>> time_to_extinction("R", below="1 cell").description
    'first time of R below 1 cell'
    """
    level = _nothing(below)
    reads, told = partial(_time_gone, of=of, level=level.internal), f"first time of {of} below {below}"
    return Endpoint(name, (of, f"d/dt {of}"), reads, "low", "time", told, like=level.unit)


@takes(SimulationError, shrinkage=NUMBER, of=TEXT, name=TEXT)
def objective_response(
    shrinkage: float = 0.3, *, visit: QuantityLike | None = None, of: str = "burden", name: str = "objective_response"
) -> Endpoint:
    """Whether the burden ever shrinks by a share of the start (0.3 is partial response in RECIST diameters).

    Parameters
    ----------
    shrinkage : float
        Between 0 and 1.
    visit : str, optional
        Time between visits at which it is seen; any time if left out.
    of, name : str

    Returns
    -------
    Endpoint
        1 or 0.

    Examples
    --------
    >>> objective_response(0.5, visit="6 week").description
    'burden shrinks by 50 %'
    """
    if not 0 < shrinkage <= 1:
        raise SimulationError(f"shrinkage = {shown(shrinkage)} is no share of the start; write for example 0.3")
    change = best_change(of, visit=visit)
    reads = partial(_responds, change=change, shrinkage=shrinkage)
    return Endpoint(name, change.needs, reads, "high", "", f"{of} shrinks by {100 * shrinkage:g} %", event=True)


@takes(SimulationError, of=TEXT, name=TEXT)
def best_change(of: str = "burden", *, visit: QuantityLike | None = None, name: str = "best_change") -> Endpoint:
    """Best change from the start in per cent, as in a waterfall plot: -100 is gone, above zero is growth only.

    Parameters
    ----------
    of : str
    visit : str, optional
        Time between visits, the start not among them, so that growth shows as growth; without it the lowest value at
        any time is meant, which is never above the start.
    name : str

    Returns
    -------
    Endpoint
    """
    interval = None if visit is None else _interval(visit, "visit")
    told = f"lowest/first {of} - 1" + ("" if visit is None else f", at visits every {visit}")
    return Endpoint(name, (of, f"d/dt {of}"), partial(_change, of=of, interval=interval), "low", "%", told)


@takes(SimulationError, of=TEXT, name=TEXT)
def log_kill(of: str = "burden", *, floor: QuantityLike = "1 cell", name: str = "log_kill") -> Endpoint:
    """Decades from the start down to the nadir; what is below `floor` counts as `floor`.

    Parameters
    ----------
    of : str
    floor : quantity
        Of what is not counted in cells it has to be said: ``"1 mm**3"``.
    name : str

    Returns
    -------
    Endpoint

    Examples
    --------
    >>> log_kill().description
    'log10 of first/lowest burden'
    """
    level = quantity(floor, "floor")
    if not level.internal > 0:
        raise SimulationError(f"floor = {shown(floor)} is not above zero, so that decades have no end; write '1 cell'")
    reads, told = partial(_decades, of=of, floor=level.internal), f"log10 of first/lowest {of}"
    return Endpoint(name, (of, f"d/dt {of}"), reads, "high", "", told, like=level.unit)


# -- what they read: functions of a module, so that an endpoint can travel to another process -------------------------


def _interval(given: QuantityLike, what: str) -> float:
    hours = read(given, "h", what)
    if not 0 < hours < math.inf:
        raise SimulationError(f"{what} = {shown(given)} is no time between visits; write for example '4 week'")
    return hours


def _nothing(given: QuantityLike) -> Quantity:
    below = quantity(given, "below")
    if not below.internal > 0:
        raise SimulationError(f"below = {shown(given)} is never reached; write what counts as nothing: '1 cell'")
    return below


def _more(given: QuantityLike | None) -> float:
    if given is None:
        return 0.0
    more = quantity(given, "at_least").internal
    if not 0 <= more < math.inf:
        raise SimulationError(f"at_least = {shown(given)} is no rise; write an amount of zero or more")
    return more


def _progression(
    course: Course,
    *,
    of: str,
    nadir: bool,
    growth: float,
    more: float,
    interval: float | None,
    confirm: float = 0.0,
    after: float = 0.0,
) -> float:
    path = Path.of(course, of)
    start = path.values[0]

    def level(lowest: FloatArray) -> FloatArray:
        """The burden that counts as progression, given the lowest so far."""
        base = lowest if nadir else np.full_like(lowest, start)
        return np.maximum(growth * base, base + more)

    return path.first_above(level, interval, after=after, confirm=confirm)


def _earlier(course: Course, *, first: Endpoint, second: Endpoint | None) -> float:
    stopped = course.until if course.stopped else math.inf
    return min(first.evaluate(course), stopped if second is None else second.evaluate(course))


def _reached(course: Course, *, item: Endpoint, by: float) -> float:
    if math.inf > by > course.until * (1.0 + 1e-9) and not course.stopped:
        raise SimulationError(
            f"happens(): runs of {course.until:g} h do not tell whether {item.name} is reached within {by:g} h; "
            "make until= longer, or by= shorter"
        )
    time = item.evaluate(course)
    return math.nan if math.isnan(time) else float(time <= by and time < math.inf)


def _gone(course: Course, *, of: str, level: float) -> float:
    return float(course.output(of)[-1] < level)


def _time_gone(course: Course, *, of: str, level: float) -> float:
    return Path.of(course, of).first_below(level)


def _change(course: Course, *, of: str, interval: float | None) -> float:
    path = Path.of(course, of)
    if not path.values[0]:
        return math.nan
    if interval is None:
        return path.lowest()[1] / float(path.values[0]) - 1.0
    visits = path.visits(interval)
    return float(path.at(visits).min() / path.values[0]) - 1.0 if len(visits) else math.nan


def _responds(course: Course, *, change: Endpoint, shrinkage: float) -> float:
    best = change.evaluate(course)
    return math.nan if math.isnan(best) else float(best <= -shrinkage * (1.0 - 1e-12))


def _decades(course: Course, *, of: str, floor: float) -> float:
    path = Path.of(course, of)
    return math.log10(max(float(path.values[0]), floor) / max(path.lowest()[1], floor))
