"""Doses into states of one's own."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import sympy as sp

from pkpd_mdr.arguments import TEXT, TEXTS, takes
from pkpd_mdr.errors import ModelError, did_you_mean, shown
from pkpd_mdr.expression import check_name
from pkpd_mdr.mechanisms.names import POSITIVE, read_molar_mass
from pkpd_mdr.mechanisms.user import formula
from pkpd_mdr.model.parts import Expression, Port
from pkpd_mdr.model.scope import Formula, Given, Mechanism, Scope
from pkpd_mdr.units import Quantity, Unit

__all__ = ["Dosing", "dosing"]


@dataclass(frozen=True, slots=True)
class Dosing:
    """Declaration behind `dosing`."""

    drug: str
    into: str
    unit: Unit
    route: str = "iv"
    action: str = "dose"
    F: Given | None = None
    lag: Given | None = None
    rate: Given | None = None
    duration: Given | None = None
    concentration: Formula | None = None
    concentration_unit: Unit | None = None
    molar_mass: Quantity | None = None
    steady: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        check_name(self.drug, "the name of a drug")
        if self.action not in ("dose", "expose"):
            raise ModelError(
                f"dosing of {shown(self.drug)}: action {shown(self.action)} is not 'dose' (adds) or 'expose' (sets)"
            )

    @property
    def label(self) -> str:
        """``dosing_<drug>``."""
        return f"dosing_{self.drug}"

    def declare(self, scope: Scope) -> None:
        """Add the port and offer the concentration."""
        per_hour = self.unit.times(Unit.of("h"), -1)
        share = self._slot(scope, "F", self.F, "")
        lag = self._slot(scope, "lag", self.lag, "h")
        scope.port(
            Port(
                self.drug,
                self.route,
                self.action,
                self.unit,
                self.into,
                molar_mass=self.molar_mass,
                bioavailability=sp.Integer(1) if share is None else share,
                lag=sp.Integer(0) if lag is None else lag,
                rate=self._slot(scope, "rate", self.rate, per_hour, POSITIVE),
                duration=self._slot(scope, "duration", self.duration, "h", POSITIVE),
                steady=self.steady or (self.into,),
            )
        )
        if self.concentration is not None:
            unit = self.concentration_unit or self.unit
            value = scope.parameter(f"concentration_of_{self.drug}", self.concentration, unit=unit)
            scope.offer("concentration", self.drug, value, unit=unit)

    def connect(self, scope: Scope) -> None:
        """Check the states that are named."""
        for name in (self.into, *self.steady):
            if name not in scope.states:
                raise ModelError(
                    f"dosing of {shown(self.drug)} names {shown(name)}, "
                    f"which is not a state{did_you_mean(name, scope.states)}"
                )
        target = scope.states[self.into].unit
        if not target.like(self.unit):
            raise ModelError(
                f"dosing of {shown(self.drug)} is in {shown(self.unit.text)}, "
                f"but {shown(self.into)} is in {shown(target.text)}"
            )

    def _slot(
        self, scope: Scope, what: str, given: Given | None, unit: str | Unit, lower: float = 0.0
    ) -> Expression | None:
        if given is None:
            return None
        return scope.parameter(
            f"{what}_{self.drug}",
            given,
            unit=unit,
            lower=lower,
            molar_mass=self.molar_mass,
            description=f"{what} of {self.drug}",
        )


@takes(ModelError, drug=TEXT, into=TEXT, route=TEXT, action=TEXT, steady=TEXTS)
def dosing(
    drug: str,
    *,
    into: str,
    unit: str,
    route: str = "iv",
    action: str = "dose",
    F: Given | None = None,
    lag: Given | None = None,
    rate: Given | None = None,
    duration: Given | None = None,
    concentration: str | Expression | None = None,
    concentration_unit: str | None = None,
    molar_mass: str | tuple[float, str] | Quantity | None = None,
    steady: Sequence[str] = (),
) -> Mechanism:
    """Let a regimen give a drug to a model of one's own states.

    Parameters
    ----------
    drug : str
        The drug's name in regimens.
    into : str
        The state that receives it.
    unit : str
        Unit of that state and so of what is given, such as ``"mg"``.
    route, action : str
        Name of the route; ``"dose"`` adds to the state, ``"expose"`` sets it.
    F, lag, rate, duration : quantity, Parameter or Formula, optional
        As in `pkpd_mdr.pk.route`; parameters ``F_<drug>``, ``lag_<drug>``, ``rate_<drug>``, ``duration_<drug>``.
    concentration : str or sympy.Expr, optional
        Formula of the concentration that kill laws see; without it they do not know the drug.
    concentration_unit : str, optional
        Its unit; `unit` if absent.
    molar_mass : quantity, optional
        Converts mass and amount of substance.
    steady : sequence of str
        The states that a steady-state dose brings to their periodic values; only `into` if absent.

    Returns
    -------
    Mechanism

    Raises
    ------
    ModelError
        A state is unknown, the unit is not that of the state, or the action is unknown.

    Examples
    --------
    >>> import pkpd_mdr as mdr
    >>> model = mdr.Model(
    ...     mdr.state("A", unit="mg", kind="amount"),
    ...     mdr.parameter("KDE", "0.24 1/day"),
    ...     mdr.process("elimination", "KDE*A", {"A": -1}),
    ...     mdr.dosing("tmz", into="A", unit="mg"),
    ... )
    >>> model.ports[0].target
    'A'
    """
    given = None if concentration is None else formula(concentration)
    seen = None if concentration_unit is None else Unit.of(concentration_unit)
    mass = read_molar_mass(molar_mass, drug)
    return Dosing(drug, into, Unit.of(unit), route, action, F, lag, rate, duration, given, seen, mass, tuple(steady))
