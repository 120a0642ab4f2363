"""Several declarations made in one call, as one mechanism of the model."""

from __future__ import annotations

from dataclasses import dataclass

from pkpd_mdr.mechanisms.names import POSITIVE, drug_at, molar_mass_of
from pkpd_mdr.mechanisms.user import SharedParameter
from pkpd_mdr.model.parts import Parameter
from pkpd_mdr.model.scope import Formula, Given, Mechanism, Scope
from pkpd_mdr.units import quantity

__all__ = ["Composite", "Potencies", "common", "text_of"]


@dataclass(frozen=True, slots=True)
class Composite:
    """Declarations that belong together; `Model.without` takes them out together."""

    label: str
    parts: tuple[Mechanism, ...]

    def declare(self, scope: Scope) -> None:
        """Let each part declare."""
        for part in self.parts:
            with scope.speaking(part.label):
                part.declare(scope)

    def connect(self, scope: Scope) -> None:
        """Let each part connect."""
        for part in self.parts:
            with scope.speaking(part.label):
                part.connect(scope)


@dataclass(frozen=True, slots=True)
class Potencies:
    """Concentrations of a drug with half its effect, from which formulas derive those of several clones."""

    drug: str
    site: str
    values: tuple[tuple[str, Given, str], ...]

    @property
    def label(self) -> str:
        """``potencies_<drug>``."""
        return f"potencies_{self.drug}"

    def declare(self, scope: Scope) -> None:
        """Nothing yet: the unit of the concentration must be known."""

    def connect(self, scope: Scope) -> None:
        """Add a parameter for each."""
        owner = drug_at(self.drug, self.site)
        for name, given, words in self.values:
            if not isinstance(given, Formula):
                scope.parameter(
                    name,
                    given,
                    unit=scope.unit("concentration", owner, f"the potency of {self.drug!r}"),
                    lower=POSITIVE,
                    molar_mass=molar_mass_of(scope, self.drug),
                    description=words,
                )


def text_of(name: str, given: Given) -> str:
    """How a formula refers to what fills a slot of that name."""
    if isinstance(given, Formula):
        return f"({given.text})"
    return given.name if isinstance(given, Parameter) else name


def common(name: str, given: Given, description: str = "") -> Parameter | Formula:
    """One parameter for all the slots that it fills; shared parameters and formulas pass through."""
    if isinstance(given, (Parameter, Formula)):
        return given
    found = quantity(given, f"parameter {name!r}")
    return SharedParameter(name, found.value, found.unit, description=description)
