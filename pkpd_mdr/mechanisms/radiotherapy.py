"""Radiation as an event: linear-quadratic survival of each clone, with incomplete repair between fractions."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import sympy as sp

from pkpd_mdr.arguments import TABLE, takes
from pkpd_mdr.errors import ModelError, shown
from pkpd_mdr.expression import AMOUNT, symbol
from pkpd_mdr.mechanisms.host import population_of
from pkpd_mdr.mechanisms.names import POSITIVE
from pkpd_mdr.model.parts import Expression, Port
from pkpd_mdr.model.scope import Given, Mechanism, Scope
from pkpd_mdr.units import Unit

__all__ = ["Radiotherapy", "radiotherapy"]

_UNREPAIRED = "unrepaired_radiation"


@dataclass(frozen=True, slots=True)
class Radiotherapy:
    """Declaration behind `radiotherapy`."""

    on: tuple[tuple[str, Given, Given | None], ...]
    half_life: Given | None = None

    def __post_init__(self) -> None:
        if self.half_life is not None and all(beta is None for _, _, beta in self.on):
            raise ModelError(
                "radiotherapy: a repair half-life acts on the quadratic part of survival; give a beta to at least one "
                "clone"
            )

    @property
    def label(self) -> str:
        """``radiotherapy``."""
        return "radiotherapy"

    def declare(self, scope: Scope) -> None:
        """Add the dose whose damage is not repaired yet."""
        if self.half_life is None:
            return
        scope.state(_UNREPAIRED, unit="Gy", description="dose whose sublethal damage is not repaired yet")

    def connect(self, scope: Scope) -> None:
        """Add the port with its effect on each clone, and repair."""
        effects: dict[str, Expression] = {}
        before: Expression = sp.Integer(0) if self.half_life is None else symbol(_UNREPAIRED)
        for name, alpha, beta in self.on:
            cells = population_of(scope, name, self.label)
            damage = AMOUNT * self._sensitivity(scope, "alpha", name, alpha, "1/Gy")
            if beta is not None:
                quadratic = self._sensitivity(scope, "beta", name, beta, "1/Gy**2")
                damage += quadratic * (AMOUNT**2 + 2 * AMOUNT * before)
            effects[name] = cells * sp.exp(-damage)
        if self.half_life is not None:
            effects[_UNREPAIRED] = before + AMOUNT
            half_life = scope.parameter(
                "half_life_radiation",
                self.half_life,
                unit="h",
                lower=POSITIVE,
                description="half-life of sublethal radiation damage",
            )
            scope.process(
                "repair_radiation",
                sp.log(2) / half_life * before,
                {_UNREPAIRED: -1},
                description="sublethal radiation damage is repaired",
            )
        scope.port(Port("radiation", "external", "act", Unit.of("Gy"), effects=effects))

    def _sensitivity(self, scope: Scope, what: str, name: str, given: Given, unit: str) -> Expression:
        words = "linear" if what == "alpha" else "quadratic"
        return scope.parameter(
            f"{what}_radiation_{name}", given, unit=unit, lower=0.0, description=f"{words} radiosensitivity of {name}"
        )


@takes(ModelError, on=TABLE)
def radiotherapy(on: Mapping[str, Given | tuple[Given, Given]], *, repair_half_life: Given | None = None) -> Mechanism:
    """Radiation fractions: a dose D leaves ``S*exp(-alpha*D - beta*D**2)`` (Fowler 1989, Br J Radiol 62:679).

    Adds the port ``"radiation"``; each fraction acts at once. Without a repair half-life it counts on its own, as if
    all sublethal damage were repaired before the next. With it the damage of earlier fractions adds up
    (Thames 1985, Int J Radiat Biol 47:319): the exponent has ``2*beta*D*G`` more, where the state
    ``unrepaired_radiation`` G grows by D at each fraction and decays with the half-life; over n fractions that is the
    Lea-Catcheside factor of the quadratic part. Repopulation is the growth of the clones between fractions. Named
    host cells (`immune.effector`) are harmed alike. Cells that a drug damaged (`death.damaged`) are named by
    themselves, as ``damaged_S``, with a sensitivity of their own; unless named they are left as they are, as treatment
    leaves them in Ribba et al. 2012 (Clin Cancer Res 18:5071).

    Parameters
    ----------
    on : mapping of str to (alpha, beta) or alpha
        Clone, its damaged or dying cells, or host population to its radiosensitivity, per Gy and per Gy squared;
        parameters ``alpha_radiation_<clone>`` and ``beta_radiation_<clone>``.
    repair_half_life : quantity, Parameter or Formula, optional
        Of sublethal damage, one for all; parameter ``half_life_radiation``.

    Returns
    -------
    Mechanism

    Raises
    ------
    ModelError
        No clone is named, one is unknown, or repair is given where nothing is quadratic.
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
    return Radiotherapy(tuple((name, *_pair(given)) for name, given in on.items()), repair_half_life)


def _pair(given: Given | tuple[Given, Given]) -> tuple[Given, Given | None]:
    """Two quantities, or one; ``(0.3, "1/Gy")`` is one quantity."""
    if isinstance(given, tuple) and (not isinstance(given[0], (int, float)) or not isinstance(given[1], str)):
        if len(given) != 2:
            raise ModelError(f"radiotherapy: {shown(given)} is not (alpha, beta)")
        return given[0], given[1]
    return given, None  # type: ignore[return-value]
