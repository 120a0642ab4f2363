"""Radiation as an event: linear-quadratic survival of each clone."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import sympy as sp

from pkpd_mdr.arguments import TABLE, takes
from pkpd_mdr.errors import ModelError, shown
from pkpd_mdr.mechanisms.common import clone_of
from pkpd_mdr.model.parts import AMOUNT, Expression, Port
from pkpd_mdr.model.scope import Given, Mechanism, Scope
from pkpd_mdr.units import Unit

__all__ = ["Radiotherapy", "radiotherapy"]


@dataclass(frozen=True, slots=True)
class Radiotherapy:
    """Declaration behind `radiotherapy`."""

    on: tuple[tuple[str, Given, Given | None], ...]

    @property
    def label(self) -> str:
        """``radiotherapy``."""
        return "radiotherapy"

    def declare(self, scope: Scope) -> None:
        """Nothing yet: the clones must be known."""

    def connect(self, scope: Scope) -> None:
        """Add the port with its effect on each clone."""
        effects: dict[str, Expression] = {}
        for name, alpha, beta in self.on:
            cells = clone_of(scope, name, self.label)
            damage = AMOUNT * scope.parameter(
                f"alpha_radiation_{name}",
                alpha,
                unit="1/Gy",
                lower=0.0,
                description=f"linear radiosensitivity of {name}",
            )
            if beta is not None:
                damage += AMOUNT**2 * scope.parameter(
                    f"beta_radiation_{name}",
                    beta,
                    unit="1/Gy**2",
                    lower=0.0,
                    description=f"quadratic radiosensitivity of {name}",
                )
            effects[name] = cells * sp.exp(-damage)
        scope.port(Port("radiation", "external", "act", Unit.of("Gy"), effects=effects))


@takes(ModelError, on=TABLE)
def radiotherapy(on: Mapping[str, Given | tuple[Given, Given]]) -> Mechanism:
    """Radiation fractions: a dose D leaves ``S*exp(-alpha*D - beta*D**2)`` (Fowler 1989, Br J Radiol 62:679).

    Adds the port ``"radiation"``; each fraction acts at once and counts on its own.

    Parameters
    ----------
    on : mapping of str to (alpha, beta) or alpha
        Clone name to its radiosensitivity, per Gy and per Gy squared; parameters ``alpha_radiation_<clone>`` and
        ``beta_radiation_<clone>``.

    Returns
    -------
    Mechanism

    Raises
    ------
    ModelError
        No clone is named, or one is unknown.
    UnitError
        A quantity has no unit or the wrong one.

    Examples
    --------
    >>> import pkpd_mdr as mdr
    >>> model = mdr.Model(mdr.clone("S"), mdr.radiotherapy({"S": ("0.3 1/Gy", "0.03 1/Gy**2")}))
    >>> print(model.ports[0].effects["S"])
    S*exp(-alpha_radiation_S*amount - amount**2*beta_radiation_S)
    """
    if not isinstance(on, Mapping) or not on:
        raise ModelError(
            "radiotherapy: name at least one clone with its alpha and beta, as in {'S': ('0.3 1/Gy', '0.03 1/Gy**2')}"
        )
    return Radiotherapy(tuple((name, *_pair(given)) for name, given in on.items()))


def _pair(given: Given | tuple[Given, Given]) -> tuple[Given, Given | None]:
    """Two quantities, or one; ``(0.3, "1/Gy")`` is one quantity."""
    if isinstance(given, tuple) and (not isinstance(given[0], (int, float)) or not isinstance(given[1], str)):
        if len(given) != 2:
            raise ModelError(f"radiotherapy: {shown(given)} is not (alpha, beta)")
        return given[0], given[1]
    return given, None  # type: ignore[return-value]
