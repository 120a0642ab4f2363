"""The effect of a drug at a concentration, with the parameters that it takes."""

from __future__ import annotations

from dataclasses import dataclass

import sympy as sp

from pkpd_mdr.errors import ModelError, shown
from pkpd_mdr.expression import check_name, hill
from pkpd_mdr.mechanisms.names import POSITIVE, drug_at, joined, molar_mass_of
from pkpd_mdr.model.parts import Expression
from pkpd_mdr.model.scope import Given, Scope
from pkpd_mdr.units import Unit

__all__ = ["DrugEffect"]


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
