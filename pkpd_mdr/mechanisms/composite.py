"""Several declarations made in one call, as one mechanism of the model."""

from __future__ import annotations

from dataclasses import dataclass

from pkpd_mdr.mechanisms.user import SharedParameter
from pkpd_mdr.model.parts import Parameter
from pkpd_mdr.model.scope import Formula, Given, Mechanism, Scope
from pkpd_mdr.units import quantity

__all__ = ["Composite", "common"]


@dataclass(frozen=True, slots=True)
class Composite:
    """Declarations that belong together; `Model.without` takes them out together."""

    label: str
    parts: tuple[Mechanism, ...]

    def declare(self, scope: Scope) -> None:
        """Let each part declare."""
        for part in self.parts:
            part.declare(scope)

    def connect(self, scope: Scope) -> None:
        """Let each part connect."""
        for part in self.parts:
            part.connect(scope)


def common(name: str, given: Given, description: str = "") -> Parameter | Formula:
    """One parameter for all the slots that it fills; shared parameters and formulas pass through."""
    if isinstance(given, (Parameter, Formula)):
        return given
    found = quantity(given, f"parameter {name!r}")
    return SharedParameter(name, found.value, found.unit, description=description)
