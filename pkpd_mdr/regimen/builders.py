"""How users write single acts: bolus, infusion, oral, exposure, radiation, surgery, apheresis, nothing."""

from __future__ import annotations

import math

from pkpd_mdr.arguments import TEXT, takes
from pkpd_mdr.errors import RegimenError, shown
from pkpd_mdr.regimen.acts import Act, hours
from pkpd_mdr.regimen.algebra import Regimen
from pkpd_mdr.units import Quantity, QuantityLike, Unit, quantity, read

__all__ = ["apheresis", "bolus", "exposure", "infusion", "nothing", "oral", "radiation", "surgery"]

_READABLE = ("mg", "umol", "mg/h", "umol/h")
_CELLS = ("cell", "cell/h")
_GRAY = Unit.of("Gy")


@takes(RegimenError, port=TEXT, route=TEXT)
def bolus(
    port: str,
    amount: QuantityLike,
    *,
    at: QuantityLike = 0,
    route: str = "",
    weight: QuantityLike | None = None,
    body_surface: QuantityLike | None = None,
) -> Regimen:
    """One dose at once.

    Parameters
    ----------
    port : str
        The drug, or the cells, as the model names it.
    amount : str
        ``"75 mg"``, ``"3e8 cell"``, or per body size: ``"25 mg/kg"`` or ``"1e6 cell/kg"`` with `weight`,
        ``"75 mg/m**2"`` with `body_surface`.
    at : str
        Time from the regimen's zero.
    route : str
        ``""`` is the model's default; otherwise as the model names it, such as ``"iv"`` or ``"oral"``.
    weight, body_surface : str, optional
        Body size to multiply the amount with.

    Returns
    -------
    Regimen
        Of one act and no length.

    Raises
    ------
    RegimenError
        The amount is not above zero, the time is negative, or a body size is missing or not used.
    UnitError
        A unit is unknown. A bare amount suits scaled models only: a model whose drug has a unit refuses it.

    Examples
    --------
    >>> str(bolus("dox", "25 mg/kg", weight="20 g").acts[0].amount)
    '0.5 mg'
    """
    return _one(_dose(port, amount, at, weight, body_surface, route=route))


def oral(
    port: str,
    amount: QuantityLike,
    *,
    at: QuantityLike = 0,
    weight: QuantityLike | None = None,
    body_surface: QuantityLike | None = None,
) -> Regimen:
    """One oral dose; the model's absorption decides how it arrives. Arguments and errors as in `bolus`.

    Examples
    --------
    >>> oral("erl", "150 mg").every("1 day", times=28).acts[-1].time
    648.0
    """
    return bolus(port, amount, at=at, route="oral", weight=weight, body_surface=body_surface)


@takes(RegimenError, port=TEXT, route=TEXT)
def infusion(
    port: str,
    amount: QuantityLike,
    *,
    over: QuantityLike | None = None,
    rate: QuantityLike | None = None,
    at: QuantityLike = 0,
    route: str = "",
    weight: QuantityLike | None = None,
    body_surface: QuantityLike | None = None,
) -> Regimen:
    """One infusion with a fixed duration (`over`) or a fixed rate.

    With `over` the bioavailability changes the rate, with `rate` it changes the duration (as NONMEM's RATE>0).

    Parameters
    ----------
    port, amount, at, route, weight, body_surface
        As in `bolus`; a rate per body size is multiplied as the amount is.
    over : str, optional
        Duration, above zero.
    rate : str, optional
        Amount per time, above zero.

    Raises
    ------
    RegimenError
        Neither or both of `over` and `rate`, a value that is not above zero, or a rate that does not fit the amount.

    Examples
    --------
    >>> infusion("dox", "75 mg", over="1 h").acts[0].duration
    1.0
    >>> infusion("dox", "75 mg", rate="25 mg/h").length
    3.0
    """
    if (over is None) == (rate is None):
        raise RegimenError(f"infusion of {shown(port)}: give either over='1 h' or rate='75 mg/h' (one of the two)")
    if over is not None:
        duration = hours(over, f"duration of the infusion of {shown(port)}")
        if not duration > 0:
            raise RegimenError(
                f"infusion of {shown(port)}: over = {shown(over)} has to "
                f"be above zero; use bolus() for a dose given at once"
            )
        return _one(_dose(port, amount, at, weight, body_surface, route=route, duration=duration))
    assert rate is not None
    where = f"rate of the infusion of {shown(port)}"
    speed = _sized(_positive(rate, where), where, weight, body_surface)
    whole = _sized(_positive(amount, f"dose of {shown(port)}"), f"dose of {shown(port)}", weight, body_surface)
    if not speed.unit.times(Unit.of("h")).like(whole.unit):
        raise RegimenError(
            f"{where}: {str(speed)!r} is not {shown(whole.unit.text)} per time; write for example '25 mg/h'"
        )
    return _one(_dose(port, amount, at, weight, body_surface, route=route, rate=speed))


@takes(RegimenError, port=TEXT)
def exposure(port: str, level: QuantityLike, *, over: QuantityLike | None = None, at: QuantityLike = 0) -> Regimen:
    """Put a drug into the medium at a concentration, and wash it out later.

    The level stays, unless the model's medium has a half-life: then it decays from there. A later exposure to the same
    drug replaces a running one.

    Parameters
    ----------
    port : str
        The drug as the model names it.
    level : str
        Concentration, ``"100 nM"``, above zero.
    over : str, optional
        Duration; without it the exposure goes on until further notice.
    at : str
        Start.

    Raises
    ------
    RegimenError
        The level or the duration is not above zero, or the start is negative.

    Examples
    --------
    >>> exposure("dox", "100 nM", over="24 h").length
    24.0
    """
    found = _positive(level, f"exposure to {shown(port)}")
    long = math.inf if over is None else hours(over, f"duration of the exposure to {shown(port)}")
    if not long > 0:
        raise RegimenError(f"exposure to {shown(port)}: over = {shown(over)} has to be above zero, as in '24 h'")
    return _one(Act(_start(at, f"exposure to {shown(port)}"), port, "expose", found, duration=long))


def radiation(dose: QuantityLike = "2 Gy", *, at: QuantityLike = 0) -> Regimen:
    """One radiation fraction on the port ``"radiation"``.

    Parameters
    ----------
    dose : str
        In gray, above zero.
    at : str
        Time of the fraction.

    Raises
    ------
    RegimenError
        The dose is not above zero, or the time is negative.
    UnitError
        The unit is not one of absorbed dose.

    Examples
    --------
    >>> str(radiation("2 Gy").on_days([1, 2, 3]).planned_total("radiation"))
    '6 Gy'
    """
    found = _positive(dose, "radiation dose")
    read(found, _GRAY, "radiation dose")
    return _one(Act(_start(at, "radiation"), "radiation", "act", found))


def surgery(removed: QuantityLike = 0.9, *, at: QuantityLike = 0) -> Regimen:
    """Surgery that removes a share of the tumour, on the port ``"surgery"``.

    Parameters
    ----------
    removed : float or str
        Share above 0 and at most 1, or ``"90 %"``.
    at : str
        Time of surgery.

    Raises
    ------
    RegimenError
        The share is not above 0 and at most 1, or the time is negative.

    Examples
    --------
    >>> surgery(0.9, at="14 day").acts[0].time
    336.0
    """
    return _removal("surgery", removed, at)


def apheresis(removed: QuantityLike = 0.5, *, at: QuantityLike = 0) -> Regimen:
    """One session that removes a share of vesicles, on the port ``"apheresis"`` of `vesicles.removal`.

    Parameters
    ----------
    removed : float or str
        Share above 0 and at most 1, or ``"50 %"``.
    at : str
        Time of the session.

    Raises
    ------
    RegimenError
        The share is not above 0 and at most 1, or the time is negative.

    Examples
    --------
    >>> len(apheresis(0.5).every("7 day", times=4).acts)
    4
    """
    return _removal("apheresis", removed, at)


def _removal(what: str, removed: QuantityLike, at: QuantityLike) -> Regimen:
    found = quantity(removed, f"share removed by {what}")
    share = read(found, "", f"share removed by {what}")
    if not 0 < share <= 1:
        raise RegimenError(f"{what} cannot remove a share of {shown(removed)}; write a share above 0 and at most 1")
    return _one(Act(_start(at, what), what, "act", Quantity(share)))


def nothing(over: QuantityLike = 0) -> Regimen:
    """No treatment; with `over` a pause of that length.

    Raises
    ------
    RegimenError
        The length is negative.

    Examples
    --------
    >>> nothing("14 day").length
    336.0
    """
    return Regimen((), hours(over, "length of nothing()"))


def _one(act: Act) -> Regimen:
    return Regimen((act,))


def _dose(
    port: str,
    amount: QuantityLike,
    at: QuantityLike,
    weight: QuantityLike | None,
    body_surface: QuantityLike | None,
    *,
    route: str = "",
    duration: float = 0.0,
    rate: Quantity | None = None,
) -> Act:
    where = f"dose of {shown(port)}"
    where += " at 0 h" if not isinstance(at, (str, Quantity)) else f" at {str(at)[:20]}"
    found = _sized(_positive(amount, where), where, weight, body_surface)
    return Act(_start(at, where), port, "dose", found, route=route, duration=duration, rate=rate)


def _start(at: QuantityLike, where: str) -> float:
    time = hours(at, f"time of {where}")
    if time < 0:
        raise RegimenError(f"{where}: at = {shown(at)} is before the regimen's zero; write zero or a later time")
    return time


def _positive(given: QuantityLike, where: str) -> Quantity:
    found = quantity(given, where)
    if not found.value > 0:
        raise RegimenError(f"{where}: {shown(given)} is not above zero; leave it out or use nothing() for no treatment")
    return found


def _sized(found: Quantity, where: str, weight: QuantityLike | None, body_surface: QuantityLike | None) -> Quantity:
    """The amount (or rate) itself, or per body size times the body size."""
    if weight is not None and body_surface is not None:
        raise RegimenError(f"{where}: give either weight= or body_surface=, not both")
    size, unit, name, example = (
        (weight, "kg", "weight", "70 kg")
        if body_surface is None
        else (body_surface, "m**2", "body_surface", "1.8 m**2")
    )
    # "25 mg/kg" is a pure number, as a count of cells is: only the text tells them apart
    known = (*_READABLE, *_CELLS) if "cell" in found.unit.text else _READABLE
    absolute = any(found.unit.like(Unit.of(text)) for text in known)
    if size is None:
        if not absolute and "/" in found.unit.text and (per := _per(found.unit)):
            raise RegimenError(f"{where}: {str(found)!r} is per body size; give {per}")
        return found
    if not read(size, unit, f"{name} for the {where}") > 0:
        raise RegimenError(f"{where}: {name} = {shown(size)} has to be above zero, as in {shown(example)}")
    product = found.unit.times(quantity(size).unit)
    for text in (*_READABLE, *_CELLS):
        if not absolute and product.like(target := Unit.of(text)):
            return Quantity(found.value * quantity(size).value * product.factor / target.factor, target)
    raise RegimenError(f"{where}: {str(found)!r} is not per {unit}, so leave out {name}={shown(size)}")


def _per(unit: Unit) -> str:
    for size, example in (("kg", "weight='70 kg'"), ("m**2", "body_surface='1.8 m**2'")):
        if any(unit.times(Unit.of(size)).like(Unit.of(text)) for text in (*_READABLE, *_CELLS)):
            return example
    return ""
