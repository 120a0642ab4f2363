"""What names that users write stand for in a model: clones, their cells and their growth, drugs at their sites."""

from __future__ import annotations

from collections.abc import Sequence

import sympy as sp

from pkpd_mdr.errors import ModelError, did_you_mean, shown
from pkpd_mdr.expression import symbol
from pkpd_mdr.model.parts import Expression
from pkpd_mdr.model.scope import Scope
from pkpd_mdr.units import Quantity, Unit, quantity

__all__ = [
    "POSITIVE",
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
    _check_counted(scope, name, asked_by)
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
    _check_counted(scope, name, asked_by)
    return symbol(name)


def _check_counted(scope: Scope, name: str, asked_by: str) -> None:
    if not scope.states[name].unit.dimensionless:
        raise ModelError(
            f"{asked_by} needs {shown(name)} as a number of cells, but it is in {scope.states[name].unit.text!r}"
        )


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
