"""What a candidate must keep, and how draws become one number."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from pkpd_mdr.arguments import NUMBER
from pkpd_mdr.engine.lowering import FloatArray
from pkpd_mdr.errors import RegimenError, SimulationError, UnitError, did_you_mean, shown
from pkpd_mdr.model import Model
from pkpd_mdr.run import Course, Endpoint, endpoint
from pkpd_mdr.run.given import total_given
from pkpd_mdr.run.result import endpoint_unit
from pkpd_mdr.units import Quantity, Unit, conversion, quantity

__all__ = ["Criterion", "Limit", "Limits", "read_criterion", "read_limits"]

Limits = Mapping[str | Endpoint, tuple[Any, ...]]
_ROUNDING = 1e-9
_ACTIVE = 0.02
_GIVEN = "given_"


@dataclass(frozen=True, slots=True)
class Criterion:
    """How the objective over draws becomes one number.

    Attributes
    ----------
    share : float or None
        None: the mean. Otherwise the value that all draws but this share of the worst ones reach; 0 is the worst draw.
    """

    share: float | None = None

    def of(self, values: FloatArray, *, high: bool) -> FloatArray:
        """Along the last axis; `high` says which direction is good."""
        if self.share is None:
            return np.asarray(values.mean(axis=-1))
        ordered = np.sort(values if high else -values, axis=-1)
        place = min(math.floor(self.share * values.shape[-1] + _ROUNDING), values.shape[-1] - 1)
        return np.asarray(ordered[..., place] if high else -ordered[..., place])

    def __str__(self) -> str:
        if self.share is None:
            return "mean"
        return "worst" if self.share == 0 else f"reached by {100 * (1 - self.share):g} %"


def read_criterion(given: object) -> Criterion:
    """Read ``"mean"``, ``"worst"`` or a share.

    Raises
    ------
    SimulationError
        It is none of them.

    Examples
    --------
    >>> values = np.array([4.0, 1.0, 3.0, 2.0])
    >>> [float(read_criterion(item).of(values, high=True)) for item in ("mean", "worst", 0.25)]
    [2.5, 1.0, 2.0]
    """
    if given == "mean":
        return Criterion()
    if given == "worst":
        return Criterion(0.0)
    if NUMBER.fits(given) and 0 < float(given) < 1:  # type: ignore[arg-type]
        return Criterion(float(given))  # type: ignore[arg-type]
    raise SimulationError(
        f"criterion = {shown(given)} is not known; write 'mean', 'worst', or a share such as 0.1 for what all but the "
        "worst 10 % of draws reach"
    )


@dataclass(frozen=True, slots=True)
class Limit:
    """A level that an endpoint must keep, in a share of the draws.

    Attributes
    ----------
    endpoint : Endpoint
    above : bool
        Whether the endpoint has to be at the level or above, or below it.
    level : Quantity
    unit : Unit
        In which the endpoint is shown.
    share : float
        Of draws in which it has to hold.
    """

    endpoint: Endpoint
    above: bool
    level: Quantity
    unit: Unit
    share: float = 1.0

    @property
    def number(self) -> float:
        """The level in the unit of the endpoint."""
        return self.level.internal / self.unit.factor

    def governing(self, values: FloatArray) -> float:
        """The value that has to keep the level: that of the least favourable draw of those that count."""
        ordered = np.sort(-values if self.above else values)
        place = max(math.ceil(self.share * len(values) - _ROUNDING), 1) - 1
        return float(-ordered[place] if self.above else ordered[place])

    def slack(self, governing: float) -> float:
        """By how much a governing value keeps the level, relative to it; negative if it is missed."""
        kept = governing - self.number
        return (kept if self.above else -kept) / (abs(self.number) or 1.0)

    def violation(self, governing: float) -> float:
        """By how much the level is missed, relative to it; zero if it is kept."""
        slack = self.slack(governing)
        return -slack if slack < -_ROUNDING else 0.0

    def active(self, governing: float) -> bool:
        """Whether a value is at the level, within 2 % of it."""
        return abs(self.slack(governing)) <= _ACTIVE

    def kept(self, values: FloatArray) -> int:
        """Number of draws that keep the level."""
        slack = _ROUNDING * (abs(self.number) or 1.0)
        return int((values >= self.number - slack if self.above else values <= self.number + slack).sum())

    def __str__(self) -> str:
        words = f"{self.endpoint.name} {'above' if self.above else 'below'} {self.level}"
        return words if self.share == 1.0 else f"{words} in {100 * self.share:g} % of draws"


def read_limits(model: Model, given: Limits | None, time_unit: Unit) -> tuple[Limit, ...]:
    """Read ``{"anc_nadir": ("above", "0.5e9 1/L"), "given_dox": ("below", "450 mg")}``.

    Parameters
    ----------
    model : Model
        With the areas that endpoints read.
    given : mapping of str or Endpoint to (side, level) or (side, level, share), optional
        A bare level is in the unit in which the endpoint is shown, where that is of a count or a share.
    time_unit : Unit

    Returns
    -------
    tuple of Limit

    Raises
    ------
    SimulationError
        An unknown endpoint, or something that is no limit; it is named.
    UnitError
        A level in a unit that is not the endpoint's.
    """
    if given is None:
        return ()
    if not isinstance(given, Mapping):
        raise SimulationError(f"limits is {shown(given)}; give a dict such as {{'anc_nadir': ('above', '0.5e9 1/L')}}")
    return tuple(_limit(model, name, item, time_unit) for name, item in given.items())


def _limit(model: Model, name: str | Endpoint, item: Sequence[Any], time_unit: Unit) -> Limit:
    text = name.name if isinstance(name, Endpoint) else name
    if not isinstance(item, tuple) or len(item) not in (2, 3) or item[0] not in ("above", "below"):
        raise SimulationError(
            f"the limit of {shown(text)} is {shown(item)}; write ('above', level) or ('below', level), with the share "
            "of draws in which it has to hold as a third item where that is not all of them"
        )
    share = item[2] if len(item) == 3 else 1.0
    if not NUMBER.fits(share) or not 0 < share <= 1:
        raise SimulationError(
            f"the limit of {shown(text)} is to hold in a share of {shown(share)}; write one above 0, at most 1"
        )
    level = quantity(item[1], f"limit of {shown(text)}")
    if isinstance(name, str) and name.startswith(_GIVEN):
        found = _given(model, name, level)
        return Limit(found, item[0] == "above", level, level.unit, float(share))
    found = endpoint(name)
    try:
        unit = endpoint_unit(found, model, time_unit)
    except KeyError:
        raise SimulationError(
            f"limits: {shown(text)}: the model has no output {shown(found.needs[0])}"
            f"{did_you_mean(found.needs[0], model.outputs)}"
        ) from None
    if not level.unit.like(unit) and not (level.bare and unit.dimensionless):
        raise UnitError(
            f"the limit of {shown(text)} is {shown(item[1])}, but it is shown in {shown(unit.text)}; give a level in a "
            "unit like that"
        )
    kept = Quantity(level.value, unit) if level.bare else level  # a bare number is one as the endpoint is shown
    return Limit(found, item[0] == "above", kept, unit, float(share))


def _given(model: Model, name: str, level: Quantity) -> Endpoint:
    """The endpoint of a total dose."""
    drug = name.removeprefix(_GIVEN)
    known = dict.fromkeys(port.name for port in model.ports)
    if drug not in known:
        raise SimulationError(f"limits: {shown(name)}: the model has no drug {shown(drug)}{did_you_mean(drug, known)}")
    mass = next((port.molar_mass for port in model.ports if port.name == drug and port.molar_mass is not None), None)
    return Endpoint(name, (), partial(_total, drug=drug, level=level, mass=mass), "low", "", f"{drug} given in all")


def _total(course: Course, *, drug: str, level: Quantity, mass: Quantity | None) -> float:
    total = total_given(course, drug)
    if total is None:
        return 0.0
    factor = conversion(total.unit, level.unit, mass)
    if factor is None:
        raise RegimenError(
            f"the limit of {_GIVEN}{drug} is {level}, but the plan gives {shown(total.unit.text)}; give the limit in "
            "that unit"
        )
    return total.internal * factor / level.unit.factor
