"""What several mechanisms need: clones by name, drugs at their sites, and the effect of a concentration."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import sympy as sp

from pkpd_mdr.errors import ModelError, did_you_mean, shown
from pkpd_mdr.expression import check_name, hill, symbol
from pkpd_mdr.model.parts import Expression
from pkpd_mdr.model.scope import Given, Scope
from pkpd_mdr.units import Quantity, Unit, quantity

__all__ = [
    "POSITIVE",
    "DrugEffect",
    "cells_of",
    "clone_of",
    "drug_at",
    "growth_of",
    "holder_of",
    "joined",
    "molar_mass_of",
    "names_of",
    "ratio",
    "read_molar_mass",
]

POSITIVE = 1e-100
"""Lower bound of what must not be zero, and what keeps a divisor from zero (smaller than any quantity)."""


def names_of(given: str | Sequence[str], where: str) -> tuple[str, ...]:
    """One name or several as a tuple; `ModelError` for none, for a repeated one or for what is no text."""
    names = (given,) if isinstance(given, str) else tuple(given)
    if not names or not all(isinstance(name, str) and name for name in names):
        raise ModelError(f"{where}: {shown(given)} is not the name of a clone or a list of such names")
    if len(set(names)) < len(names):
        raise ModelError(f"{where}: {shown(given)} names a clone twice")
    return names


def joined(*parts: str) -> str:
    """A name from its parts, without the empty ones: ``ec50_dox_S``."""
    return "_".join(part for part in parts if part)


def clone_of(scope: Scope, name: str, asked_by: str) -> Expression:
    """The symbol of a clone; `ModelError` with the nearest clone otherwise."""
    if name not in scope.clones:
        raise ModelError(
            f"{asked_by} names {shown(name)}, which is not a clone of the model{did_you_mean(name, scope.clones)}"
        )
    return symbol(name)


def cells_of(scope: Scope, name: str, asked_by: str) -> Expression:
    """The number of cells of a clone; `ModelError` if the clone is measured as a volume or a mass."""
    clone_of(scope, name, asked_by)
    if not scope.states[name].unit.dimensionless:
        raise ModelError(
            f"{asked_by} needs {shown(name)} as a number of cells, but it is in {scope.states[name].unit.text!r}"
        )
    return scope.find("cells", name, asked_by)


def holder_of(scope: Scope, name: str, asked_by: str) -> Expression:
    """Cells of any kind as a number: a clone, fibroblasts, effector cells; `ModelError` otherwise."""
    if name in scope.clones:
        return cells_of(scope, name, asked_by)
    held = [key for key, state in scope.states.items() if state.kind == "cells"]
    if name not in held:
        raise ModelError(
            f"{asked_by} names {shown(name)}, which is neither a clone nor a state of kind 'cells'"
            f"{did_you_mean(name, held)}"
        )
    if not scope.states[name].unit.dimensionless:
        raise ModelError(
            f"{asked_by} needs {shown(name)} as a number of cells, but it is in {scope.states[name].unit.text!r}"
        )
    return symbol(name)


def growth_of(scope: Scope, name: str, asked_by: str) -> Expression:
    """The growth rate per cell of a clone; `ModelError` if it does not grow, as then nothing would happen."""
    clone_of(scope, name, asked_by)
    birth = scope.find("birth", name, asked_by)
    if birth.is_zero:
        raise ModelError(f"{asked_by} acts on the growth of {shown(name)}, but this clone has no growth law")
    return birth


def ratio(part: Expression, whole: Expression) -> Expression:
    """``part/whole``, zero where both are zero."""
    return part / sp.Max(whole, sp.Float(POSITIVE), evaluate=False)


def drug_at(drug: str, site: str) -> str:
    """The owner of a concentration: ``dox`` in plasma or medium, ``dox@effect`` elsewhere."""
    return f"{drug}@{site}" if site else drug


def molar_mass_of(scope: Scope, drug: str) -> Quantity | None:
    """The molar mass that a drug's pharmacokinetics or medium declares."""
    masses = (port.molar_mass for port in scope.ports if port.name == drug)
    return next((mass for mass in masses if mass is not None), None)


def read_molar_mass(given: str | tuple[float, str] | Quantity | None, drug: str) -> Quantity | None:
    """A molar mass, positive and in a unit such as g/mol."""
    if given is None:
        return None
    mass = quantity(given, f"molar_mass of {shown(drug)}")
    if not mass.unit.like(Unit.of("g/mol")) or mass.value <= 0:
        raise ModelError(
            f"molar_mass of {shown(drug)}: {str(mass)!r} is not a "
            f"positive mass per amount; write for example '543.5 g/mol'"
        )
    return mass


@dataclass(frozen=True, slots=True)
class DrugEffect:
    """How strongly a drug acts at a concentration C: ``emax*hill(C, ec50, hill)`` or ``slope*C``.

    Parameters
    ----------
    drug, site : str
        Whose concentration, and where.
    emax, ec50, hill : quantity, Parameter or Formula
        Of the saturating form (Hill 1910): ``emax*(C/ec50)**hill/(1 + (C/ec50)**hill)``.
    slope : quantity, Parameter or Formula
        Of the linear form.

    Raises
    ------
    ModelError
        Neither form is complete, or both are given.
    """

    drug: str
    site: str = ""
    emax: Given | None = None
    ec50: Given | None = None
    hill: Given = 1.0
    slope: Given | None = None

    def __post_init__(self) -> None:
        check_name(self.drug, "the name of a drug")
        saturating = self.emax is not None and self.ec50 is not None
        started = self.emax is not None or self.ec50 is not None
        if not saturating and (started or self.slope is None):
            raise ModelError(f"the effect of {shown(self.drug)} needs emax and ec50, or slope alone")
        if saturating and self.slope is not None:
            raise ModelError(f"the effect of {shown(self.drug)} has emax and slope; give one of the two forms")

    @property
    def linear(self) -> bool:
        """Whether the effect is proportional to the concentration."""
        return self.slope is not None

    @property
    def title(self) -> str:
        """Drug and site as they stand in parameter names."""
        return joined(self.drug, self.site)

    def concentration(self, scope: Scope, asked_by: str) -> Expression:
        """The concentration at the site."""
        return scope.find("concentration", drug_at(self.drug, self.site), asked_by)

    def potency(self, scope: Scope, prefix: str, owner: str, asked_by: str) -> Expression:
        """``C/ec50``; adds the parameter ``ec50_<drug>_<owner>``."""
        assert self.ec50 is not None
        concentration = self.concentration(scope, asked_by)
        ec50 = scope.parameter(
            joined(prefix, "ec50", self.title, owner),
            self.ec50,
            unit=scope.unit("concentration", drug_at(self.drug, self.site), asked_by),
            lower=POSITIVE,
            molar_mass=molar_mass_of(scope, self.drug),
            description=f"concentration of {self.title} with half the effect on {owner}",
        )
        return concentration / ec50

    def largest(
        self, scope: Scope, prefix: str, owner: str, unit: str, upper: float = float("inf"), *, title: str = ""
    ) -> Expression:
        """``emax``; adds the parameter ``emax_<drug>_<owner>``."""
        assert self.emax is not None
        title = title or self.title
        return scope.parameter(
            joined(prefix, "emax", title, owner),
            self.emax,
            unit=unit,
            lower=0.0,
            upper=upper,
            description=f"largest effect of {title} on {owner}",
        )

    def steepness(self, scope: Scope, prefix: str, owner: str, *, title: str = "") -> Expression:
        """The Hill exponent; adds the parameter ``hill_<drug>_<owner>``."""
        title = title or self.title
        return scope.parameter(
            joined(prefix, "hill", title, owner),
            self.hill,
            unit="",
            lower=POSITIVE,
            description=f"Hill exponent of {title} on {owner}",
        )

    def share(self, scope: Scope, prefix: str, owner: str, asked_by: str) -> Expression:
        """The effect as a share of its maximum, in [0, 1)."""
        potency = self.potency(scope, prefix, owner, asked_by)
        return hill(potency, sp.Integer(1), self.steepness(scope, prefix, owner))

    @staticmethod
    def at(owner: str, **effect: Given | None) -> DrugEffect:
        """The effect of a drug that is named with its site, as in ``"dox@tumour"``."""
        drug, _, site = owner.partition("@")
        return DrugEffect(drug, site, **effect)  # type: ignore[arg-type]

    def expression(
        self, scope: Scope, owner: str, *, unit: str, asked_by: str, prefix: str = "", upper: float = float("inf")
    ) -> Expression:
        """The effect with all its parameters, in `unit`; see the class for its form."""
        if not self.linear:
            share = self.share(scope, prefix, owner, asked_by)
            return self.largest(scope, prefix, owner, unit, upper) * share
        assert self.slope is not None
        concentration = self.concentration(scope, asked_by)
        slope = scope.parameter(
            joined(prefix, "slope", self.title, owner),
            self.slope,
            unit=Unit.of(unit).times(scope.unit("concentration", drug_at(self.drug, self.site), asked_by), -1),
            lower=0.0,
            molar_mass=molar_mass_of(scope, self.drug),
            description=f"effect of {self.title} on {owner} per concentration",
        )
        return slope * concentration
