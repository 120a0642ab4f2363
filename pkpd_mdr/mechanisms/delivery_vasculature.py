"""The vessels of a tumour: what they can carry, and what they leave badly perfused."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction

import sympy as sp

from pkpd_mdr.arguments import TABLE, TEXT, takes
from pkpd_mdr.errors import ModelError, shown
from pkpd_mdr.expression import Power, check_name, symbol
from pkpd_mdr.mechanisms.drug_effect import DrugEffect
from pkpd_mdr.mechanisms.names import ratio
from pkpd_mdr.model.parts import Expression
from pkpd_mdr.model.scope import Given, Mechanism, Scope
from pkpd_mdr.units import Unit

__all__ = ["Vasculature", "vasculature"]


@dataclass(frozen=True, slots=True)
class Vasculature:
    """Declaration behind `vasculature`."""

    stimulation: Given
    inhibition: Given
    start: Given
    loss: Given | None
    blocked_by: tuple[DrugEffect, ...]
    unit: Unit
    name: str

    def __post_init__(self) -> None:
        check_name(self.name, "the name of the vasculature")

    @property
    def label(self) -> str:
        """The name of the state."""
        return self.name

    def declare(self, scope: Scope) -> None:
        """Add the state."""
        scope.state(
            self.name,
            unit=self.unit,
            start=self.start,
            description="burden that the vasculature can carry",
        )
        scope.offer("carrying capacity", self.name, symbol(self.name), unit=self.unit)

    def connect(self, scope: Scope) -> None:
        """Write stimulation by the tumour, inhibition by the tumour, loss, and the effect of drugs."""
        name, K = self.name, symbol(self.name)
        burden = self._burden(scope)
        b = scope.parameter(
            f"stimulation_{name}", self.stimulation, unit="1/h", lower=0.0, description="stimulation of vasculature"
        )
        surface = Unit(f"({self.unit.text or '1'})**(2/3)", self.unit.factor ** (2 / 3), self._surface())
        d = scope.parameter(
            f"inhibition_{name}",
            self.inhibition,
            unit=Unit.of("1/h").times(surface, -1),
            lower=0.0,
            bare=False,
            description="inhibition of vasculature by the tumour",
        )
        scope.process(f"stimulation_{name}", b * burden, {name: 1}, description="the tumour stimulates vessels")
        inhibited = d * K * Power(burden, sp.Rational(2, 3))
        scope.process(f"inhibition_{name}", inhibited, {name: -1}, description="the tumour inhibits vessels")
        if self.loss is not None:
            loss = scope.parameter(f"loss_{name}", self.loss, unit="1/h", lower=0.0, description="vessels are lost")
            scope.process(f"loss_{name}", loss * K, {name: -1}, description="vessels are lost")
        for effect in self.blocked_by:
            rate = effect.expression(scope, name, unit="1/h", asked_by=self.label) * K
            scope.process(
                f"blocking_{name}_{effect.title}", rate, {name: -1}, description=f"{effect.drug} blocks vessels"
            )
        hypoperfusion = ratio(burden, burden + K)
        scope.observable("hypoperfusion", hypoperfusion, "", "burden by burden and carrying capacity, in [0, 1]")

    def _surface(self) -> tuple[tuple[str, Fraction], ...]:
        return tuple((key, power * Fraction(2, 3)) for key, power in self.unit.dims)

    def _burden(self, scope: Scope) -> Expression:
        owners = scope.owners("burden")
        if not owners:
            raise ModelError(f"{self.label} carries a tumour, but the model has no clone")
        found = scope.unit("burden", owners[0][1])
        if not found.like(self.unit):
            raise ModelError(
                f"{self.label} is in {shown(self.unit.text)}, but the clones are in {shown(found.text)}; "
                f"give unit={shown(found.text)}"
            )
        return scope.gather("burden")


@takes(ModelError, blocked_by=TABLE, unit=TEXT, name=TEXT)
def vasculature(
    *,
    stimulation: Given,
    inhibition: Given,
    start: Given,
    loss: Given | None = None,
    blocked_by: Mapping[str, Given] | None = None,
    unit: str = "cell",
    name: str = "vasculature",
) -> Mechanism:
    """The carrying capacity of a tumour that grows its own vessels (Hahnfeldt et al. 1999, Cancer Res 59:4770).

    ``K' = b*V - d*K*V**(2/3) - (loss + sum(slope*C))*K`` with V the burden. Clones feel it through their capacity,
    ``growth.gompertz(rate=..., capacity=formula("vasculature"))``; both then settle at ``(b/d)**1.5`` (without loss),
    whatever the growth rate. The observable ``hypoperfusion = V/(V + K)`` in [0, 1] is a barrier on
    delivery, ``tumour(..., barrier=formula("hypoperfusion"))`` (that form is ours).

    Parameters
    ----------
    stimulation : quantity, Parameter or Formula
        b, per time; parameter ``stimulation_vasculature``.
    inhibition : quantity, Parameter or Formula
        d, per time and surface of the burden: ``"0.00873 1/(day*mm**2)"`` for a burden in mm**3, per time for cells;
        parameter ``inhibition_vasculature``.
    start : quantity, Parameter or Formula
        K at time zero, in `unit`; parameter ``vasculature0``.
    loss : quantity, Parameter or Formula, optional
        Per time; parameter ``loss_vasculature``.
    blocked_by : mapping of str to quantity, Parameter or Formula, optional
        Drug to the rate of loss per concentration; parameters ``slope_<drug>_vasculature``.
    unit : str
        That of the clones.
    name : str
        Name of the state.

    Returns
    -------
    Mechanism

    Raises
    ------
    ModelError
        The model has no clone, or its clones are in another unit.
    UnitError
        A quantity has no unit or the wrong one.

    Examples
    --------
    Lewis lung carcinoma in mice (Hahnfeldt et al. 1999):

    >>> import pkpd_mdr as mdr
    >>> law = mdr.growth.gompertz(rate="0.192 1/day", capacity=mdr.formula("vasculature"))
    >>> model = mdr.Model(
    ...     mdr.clone("V", growth=law, unit="mm**3", start="200 mm**3"),
    ...     mdr.delivery.vasculature(
    ...         stimulation="5.85 1/day", inhibition="0.00873 1/(day*mm**2)", start="625 mm**3", unit="mm**3"
    ...     ),
    ... )
    >>> round(float(model.simulate(until="400 day").frame["V"].iloc[-1]), 1)
    17346.5
    """
    effects = tuple(DrugEffect(drug, slope=slope) for drug, slope in (blocked_by or {}).items())
    return Vasculature(stimulation, inhibition, start, loss, effects, Unit.of(unit), name)
