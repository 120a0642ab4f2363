"""Competitive inhibitors of a pump or an enzyme: ``Km`` becomes ``Km*(1 + sum(I/Ki))``."""

from __future__ import annotations

from collections.abc import Mapping

import sympy as sp

from pkpd_mdr.mechanisms.names import POSITIVE, joined, molar_mass_of
from pkpd_mdr.model.parts import Expression
from pkpd_mdr.model.scope import Given, Scope

__all__ = ["Inhibitors", "inhibition"]

Inhibitors = tuple[tuple[str, Given], ...]
"""Pairs of an inhibitor (``"psc"``, or ``"psc@tumour"`` for its concentration at a site) and its Ki."""


def inhibition(scope: Scope, inhibitors: Inhibitors | Mapping[str, Given], of: str, asked_by: str) -> Expression:
    """``1 + sum(I/Ki)``; adds a parameter ``Ki_<inhibitor>_<of>`` each. 1 without inhibitors."""
    pairs = tuple(inhibitors.items()) if isinstance(inhibitors, Mapping) else inhibitors
    total: Expression = sp.Integer(1)
    for owner, given in pairs:
        concentration = scope.find("concentration", owner, asked_by)
        total += concentration / scope.parameter(
            joined("Ki", owner.replace("@", "_"), of),
            given,
            unit=scope.unit("concentration", owner, asked_by),
            lower=POSITIVE,
            molar_mass=molar_mass_of(scope, owner.split("@")[0]),
            description=f"concentration of {owner} that doubles the apparent Km ({of})",
        )
    return total
