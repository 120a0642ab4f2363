"""What was given: totals, and endpoints of how much it is and what it costs."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import replace
from functools import partial

from pkpd_mdr.arguments import TABLE, TEXT, takes
from pkpd_mdr.errors import SimulationError, shown
from pkpd_mdr.regimen import Act, Regimen
from pkpd_mdr.regimen.acts import REMOVALS
from pkpd_mdr.run.course import Course
from pkpd_mdr.run.reading import Endpoint
from pkpd_mdr.units import DIMENSIONLESS, Quantity, QuantityLike, Unit, quantity

__all__ = ["check_given", "cost", "total_dose", "total_given", "total_of"]


_TOLD = {"radiation": "Gy", **dict.fromkeys(REMOVALS, "")}  # of what is not given by weight


@takes(SimulationError, drug=TEXT, unit=TEXT, name=TEXT)
def total_dose(drug: str, *, unit: str | None = None, name: str | None = None) -> Endpoint:
    """What was given of a drug up to the end of the run.

    Parameters
    ----------
    drug : str
    unit : str, optional
        In which it is told, like that of the doses; of an exposure it is a level times a time, such as ``"nM*h"``.
        Left out: mg, or of radiation Gy, and of surgery and apheresis how often they are done.
    name : str, optional
        ``total_<drug>`` if left out.

    Returns
    -------
    Endpoint

    Raises
    ------
    SimulationError
        Doses in another kind of unit: before an ensemble or a comparison runs, or when it is read.

    Examples
    --------
    >>> total_dose("dox").name, total_dose("radiation").unit
    ('total_dox', 'Gy')
    """
    told, label = Unit.of(_TOLD.get(drug, "mg") if unit is None else unit), name or f"total_{drug}"
    reads, what = partial(_total, drug=drug, unit=told), f"total of {drug} given"
    return Endpoint(label, (), reads, "low", told.text, what, drugs=(drug,), amounts=(told,))


@takes(SimulationError, weights=TABLE, name=TEXT)
def cost(weights: Mapping[str, QuantityLike], *, name: str = "cost") -> Endpoint:
    """What the drugs of a run cost, in whatever the weights count.

    Parameters
    ----------
    weights : mapping of str to quantity
        By drug, per amount: ``{"dox": "1.5 1/mg", "pac": "0.4 1/mg"}``. Drugs that are not named cost nothing.
    name : str

    Returns
    -------
    Endpoint

    Raises
    ------
    SimulationError
        No weight, or one below zero; when it is read: a weight per another kind of amount than is given.

    Examples
    --------
    >>> cost({"dox": "1.5 1/mg", "pac": "0.4 1/mg"}).description
    'cost of dox at 1.5 1/mg, pac at 0.4 1/mg'
    """
    prices = {drug: quantity(weight, f"cost of {shown(drug)}") for drug, weight in weights.items()}
    bad = [drug for drug, price in prices.items() if not 0 <= price.value < float("inf")]
    if not prices or bad:
        what = f"the weight of {shown(bad[0])} is {shown(weights[bad[0]])}" if bad else "there is no weight"
        raise SimulationError(f"cost(): {what}; write for example cost({{'dox': '1.5 1/mg'}})")
    told = ", ".join(f"{drug} at {price}" for drug, price in prices.items())
    reads = partial(_cost, prices=tuple(prices.items()))
    per = tuple(DIMENSIONLESS.times(price.unit, -1) for price in prices.values())
    return Endpoint(name, (), reads, "low", "", f"cost of {told}", drugs=tuple(prices), amounts=per)


def _total(course: Course, *, drug: str, unit: Unit) -> float:
    total = total_given(course, drug)
    if total is None:
        return 0.0
    if not total.unit.like(unit):
        raise SimulationError(
            f"total_dose({shown(drug)}): {total} was given, which cannot be told in {shown(unit.text)}; "
            f"write endpoints.total_dose({drug!r}, unit={total.unit.text!r})"
        )
    return total.internal


def _cost(course: Course, *, prices: tuple[tuple[str, Quantity], ...]) -> float:
    found = 0.0
    for drug, price in prices:
        total = total_given(course, drug)
        if total is None:
            continue
        if not price.unit.times(total.unit).dimensionless:
            raise SimulationError(
                f"cost(): {total} of {drug} was given, but its weight is {price}; write it per {total.unit.text}, "
                f"as in '1 1/({total.unit.text})'"
            )
        found += price.internal * total.internal
    return found


def check_given(items: Iterable[Endpoint], acts: Iterable[Act]) -> None:
    """Raise `SimulationError` where an endpoint cannot count what acts give, before anything is run.

    Parameters
    ----------
    items : iterable of Endpoint
    acts : iterable of Act
    """
    known = {(act.port, _unit_of(act)) for act in acts}
    for item in items:
        for drug, unit in zip(item.drugs, item.amounts, strict=False):  # those of a user need not say in what
            for port, given in known:
                if port == drug and not given.like(unit):
                    raise SimulationError(f"endpoint {shown(item.name)}: {_misfit(item, drug, unit, given)}")


def _misfit(item: Endpoint, drug: str, unit: Unit, given: Unit) -> str:
    """What does not fit, and what to write."""
    own = f"in {shown(given.text)}" if given.text else "as a number of times"
    if item.unit == unit.text:
        told = f"told in {shown(unit.text)}" if unit.text else "told as a number of times"
        return (
            f"{drug} is given {own}, which cannot be {told}; write endpoints.total_dose({drug!r}, unit={given.text!r})"
        )
    per = f"write it per {given.text}, as in '1 1/({given.text})'" if given.text else "write a plain number"
    return f"{drug} is given {own}, which its weight does not fit; {per}"


def _unit_of(act: Act) -> Unit:
    """In what an act counts."""
    if act.port in REMOVALS:
        return DIMENSIONLESS
    return act.amount.unit.times(Unit.of("h")) if act.action == "expose" else act.amount.unit


def total_given(course: Course, port: str) -> Quantity | None:
    """What was given of a drug up to the end of a run, that which ended it included; see `total_of`."""
    total = total_of(course.acts, port, course.until)
    for act in _ending(course, port):
        last = Quantity(1.0, DIMENSIONLESS) if port in REMOVALS else act.amount
        if total is not None:
            last = replace(total, value=total.value + last.internal / total.unit.factor)
        total = last
    return total


def _ending(course: Course, port: str) -> list[Act]:
    """What was given at once when a level of ``stop=`` was crossed, as what was given crossed it."""
    own = tuple(act for act in course.acts if act.port == port) if course.stopped else ()
    at_once = (act for act in own if act.action != "expose" and not act.duration and act.rate is None)
    each = Regimen(tuple(act for act in at_once if not act.modelled)).written_out().acts if own else ()
    return [act for act in each if math.isclose(act.time, course.until, rel_tol=1e-12)]


def total_of(acts: Iterable[Act], port: str, until: float) -> Quantity | None:
    """What acts give of a drug up to a time in hours; None when nothing.

    Doses that run beyond it count pro rata; exposures count as level times hours. Of surgery and apheresis, which take
    a share away, it is how often that is done.

    Raises
    ------
    RegimenError
        Doses are in units that cannot be added up.
    """
    given = Regimen(tuple(act for act in acts if act.port == port and act.time < until))
    if not any(act.modelled for act in given):
        given = given.until((until, "h")) if given.acts else given
    if port in REMOVALS and given.acts:
        return Quantity(float(sum(1 + act.additional for act in given)), DIMENSIONLESS)
    return given.planned_total(port) if given.acts else None
