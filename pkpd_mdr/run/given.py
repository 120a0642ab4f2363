"""What was given: totals, and endpoints of how much it is and what it costs."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import partial

from pkpd_mdr.arguments import TABLE, TEXT, takes
from pkpd_mdr.errors import SimulationError, shown
from pkpd_mdr.regimen import Act, Regimen
from pkpd_mdr.regimen.acts import REMOVALS
from pkpd_mdr.run.course import Course
from pkpd_mdr.run.reading import Endpoint
from pkpd_mdr.units import DIMENSIONLESS, Quantity, QuantityLike, Unit, quantity

__all__ = ["cost", "total_dose", "total_given", "total_of"]


@takes(SimulationError, drug=TEXT, unit=TEXT, name=TEXT)
def total_dose(drug: str, *, unit: str = "mg", name: str | None = None) -> Endpoint:
    """What was given of a drug up to the end of the run.

    Parameters
    ----------
    drug : str
    unit : str
        In which it is told, like that of the doses; of an exposure it is a level times a time, such as ``"nM*h"``.
    name : str, optional
        ``total_<drug>`` if left out.

    Returns
    -------
    Endpoint

    Raises
    ------
    SimulationError
        When it is read: doses in another kind of unit.

    Examples
    --------
    >>> total_dose("dox").name
    'total_dox'
    """
    told = Unit.of(unit)
    reads = partial(_total, drug=drug, unit=told)
    return Endpoint(name or f"total_{drug}", (), reads, "low", told.text, f"total of {drug} given", drugs=(drug,))


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
    return Endpoint(name, (), reads, "low", "", f"cost of {told}", drugs=tuple(prices))


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


def total_given(course: Course, port: str) -> Quantity | None:
    """What was given of a drug up to the end of a run; see `total_of`."""
    return total_of(course.acts, port, course.until)


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
