"""The parts of a model: states, parameters, processes, observables and ports; all frozen.

Numbers in `Parameter` stand in the unit that the user wrote; expressions are SymPy in internal units.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Any

import sympy as sp

from pkpd_mdr.arguments import NUMBER
from pkpd_mdr.errors import ModelError, RegimenError, did_you_mean, shown
from pkpd_mdr.units import DIMENSIONLESS, Quantity, QuantityLike, Unit, read

__all__ = [
    "Expression",
    "Observable",
    "Parameter",
    "Port",
    "Process",
    "State",
    "as_expression",
    "find_port",
    "span",
]

Expression = Any  # sympy.Expr; SymPy ships no types

_TINY = 1e-50


def as_expression(value: Expression | float) -> Expression:
    """A plain number as SymPy number; expressions pass through. Text is never read here."""
    if isinstance(value, sp.Basic):
        return value
    if not NUMBER.fits(value) or not abs(value) <= sys.float_info.max:
        raise ModelError(f"{shown(value)} is neither a finite number nor a SymPy expression")
    number = float(value)
    return sp.Integer(int(number)) if number.is_integer() and abs(number) < 2**53 else sp.Float(number)


_CHANGED = "; changed here from"


def span(lower: float, upper: float) -> str:
    """Bounds as text; "must not be zero" is written as a tiny bound, which is nothing to tell about.

    Examples
    --------
    >>> span(1e-100, 5.0), span(0.0, float("inf"))
    ('(0, 5]', '[0, inf]')
    """
    return f"{'(0' if 0 < lower < _TINY else f'[{lower:g}'}, {upper:g}]"


@dataclass(frozen=True, slots=True)
class Parameter:
    """A named number with unit, bounds and origin.

    Parameters
    ----------
    name : str
        Unique in its model.
    value : float
        In `unit`.
    unit : Unit
        As written by the user.
    lower, upper : float
        Physical bounds in `unit`; a fit may narrow them.
    source : str
        Where the value comes from; ``"assumed"`` unless said otherwise.
    description : str
        One line for tables.
    molar_mass : Quantity, optional
        Of the drug, where values may be written by mass or by amount of substance.

    Examples
    --------
    >>> Parameter("CL", 2.0, Unit.of("L/day")).internal
    0.08333333333333333
    """

    name: str
    value: float
    unit: Unit = DIMENSIONLESS
    lower: float = float("-inf")
    upper: float = float("inf")
    source: str = "assumed"
    description: str = ""
    molar_mass: Quantity | None = None

    def __post_init__(self) -> None:
        unit = f" {self.unit}".rstrip()
        if not self.lower <= self.upper:
            raise ModelError(
                f"parameter {shown(self.name)}: the lower bound {self.lower:g}{unit} is above the upper bound "
                f"{self.upper:g}{unit}; exchange them"
            )
        if not self.lower <= self.value <= self.upper:
            raise ModelError(
                f"parameter {shown(self.name)}: {self.value:g}{unit} "
                f"is outside its bounds {span(self.lower, self.upper)}{unit}; "
                "write a value within them"
            )

    @property
    def internal(self) -> float:
        """The value in internal units."""
        return self.value * self.unit.factor

    def at(self, value: QuantityLike) -> Parameter:
        """A copy with another value, whose source says so; a bare number means the parameter's own unit."""
        number = self.read(value, f"parameter {shown(self.name)}")
        return replace(self, value=number, source=self.source if number == self.value else self._changed())

    def read(self, given: QuantityLike, where: str) -> float:
        """A value in the parameter's own unit, from any unit that can be converted; a bare number means its own."""
        return read(given, self.unit, where, bare=True, molar_mass=self.molar_mass) / self.unit.factor

    def _changed(self) -> str:
        """The source with a word that another value stands there now; nothing to say where there was no source."""
        if self.source == "assumed" or _CHANGED in self.source:
            return self.source
        return f"{self.source}{_CHANGED} {self.value:g} {self.unit.text}".rstrip()


@dataclass(frozen=True, slots=True)
class State:
    """A quantity that changes in time.

    Parameters
    ----------
    name : str
        Unique in its model.
    unit : Unit
        Unit in which it is shown; also sets the scale of its absolute tolerance.
    start : sympy.Expr
        Value at time zero in internal units, an expression of parameters.
    kind : str
        ``"cells"``, ``"amount"``, ``"concentration"``, ``"vesicles"``, ``"effect"`` or ``"integral"``.
    balance : str
        Name of the conserved stock that the state belongs to; empty for none.
    weight : sympy.Expr
        Stock per unit of the state (1 for an amount, a volume for a concentration).
    description : str
        One line for tables.
    carrier : str
        For a pool: the clone (or the vesicles) whose content it is; empty otherwise.
    filling : sympy.Expr
        For a pool: content per cell at time zero, so that `start` is this times the start of the carrier.
    """

    name: str
    unit: Unit
    start: Expression
    kind: str = "effect"
    balance: str = ""
    weight: Expression = sp.S.One
    description: str = ""
    carrier: str = ""
    filling: Expression = sp.S.Zero

    @property
    def scale(self) -> float:
        """Internal size of one unit: the scale of the absolute tolerance."""
        return self.unit.factor


@dataclass(frozen=True, slots=True)
class Process:
    """A rate and what it moves; the differential equations are derived from processes.

    Parameters
    ----------
    name : str
        Unique in its model.
    rate : sympy.Expr
        Events, amount or cells per hour.
    moves : mapping of str to sympy.Expr
        State name to the change by one unit of the rate.
    transfer : bool
        Whether the process only moves a stock between states; checked for every balance it touches.
    description : str
        One line for tables.
    """

    name: str
    rate: Expression
    moves: Mapping[str, Expression]
    transfer: bool = False
    description: str = ""

    def __post_init__(self) -> None:
        object.__setattr__(
            self, "moves", MappingProxyType({key: as_expression(value) for key, value in self.moves.items()})
        )


@dataclass(frozen=True, slots=True)
class Observable:
    """Something that can be measured or plotted: an expression of states, parameters and time."""

    name: str
    expression: Expression
    unit: Unit = DIMENSIONLESS
    description: str = ""


@dataclass(frozen=True, slots=True)
class Port:
    """Where an act of a regimen enters the model.

    Parameters
    ----------
    name : str
        The drug or modality, as a regimen names it.
    route : str
        ``"iv"``, ``"oral"``, ``"medium"`` and so on; the first port of a name is its default.
    action : str
        ``"dose"`` adds an amount to `target`, ``"expose"`` sets `target`, ``"act"`` applies `effects`.
    unit : Unit
        Unit of what is given.
    target : str
        The state that receives a dose or an exposure.
    effects : mapping of str to sympy.Expr
        For ``"act"``: state name to its value just after, in terms of states, parameters and `AMOUNT`.
    molar_mass : Quantity or None
        Converts mg to umol.
    bioavailability, lag, rate, duration : sympy.Expr or None
        Of the port, expressions of parameters; `rate` and `duration` serve doses of modelled rate or duration.
    spread : bool
        Whether a dose without rate or duration of its own enters over `duration` (zero-order absorption).
    steady : tuple of str
        States that a steady-state dose brings to their periodic values (the drug's own pharmacokinetics).
    """

    name: str
    route: str
    action: str
    unit: Unit
    target: str = ""
    effects: Mapping[str, Expression] = field(default_factory=dict)
    molar_mass: Quantity | None = None
    bioavailability: Expression = sp.S.One
    lag: Expression = sp.S.Zero
    rate: Expression | None = None
    duration: Expression | None = None
    steady: tuple[str, ...] = ()
    spread: bool = False

    def __post_init__(self) -> None:
        object.__setattr__(self, "effects", MappingProxyType(dict(self.effects)))

    def amount(self, given: Quantity, where: str) -> float:
        """What is given, in internal units; `UnitError` where it does not fit the port."""
        return read(given, self.unit, where, molar_mass=self.molar_mass, bare=self.unit.dimensionless)


_RECEIVERS = {"radiation": "radiotherapy(...)", "surgery": "resection()", "apheresis": "vesicles.removal()"}

_GIVERS = {"expose": "medium", "dose": "pk.one_compartment"}


def _builders(ports: tuple[Port, ...], named: list[int]) -> str:
    found = [_builder(ports[i]) for i in named if ports[i].action != "act"]
    return f"; write {' or '.join(dict.fromkeys(found))}" if found else ""


def _builder(port: Port) -> str:
    if port.action == "expose":
        return "exposure(...)"
    return "oral(...)" if port.route == "oral" else "bolus(...) or infusion(...)"


def find_port(ports: tuple[Port, ...], name: str, route: str, action: str) -> int:
    """Index of the port that an act addresses.

    Raises
    ------
    RegimenError
        The model has no such drug, route or way of giving it; what exists is named.
    """
    named = [i for i, port in enumerate(ports) if port.name == name]
    if not named:
        known = did_you_mean(name, {port.name for port in ports})
        near = f"; add {_RECEIVERS[name]} to the model" if name in _RECEIVERS else known
        raise RegimenError(f"the model has no drug or modality {name!r}{near}")
    fits = [i for i in named if ports[i].action == action and (not route or ports[i].route == route)]
    if not fits:
        ways = ", ".join(f"{ports[i].action} by {ports[i].route!r}" for i in named)
        wanted = f"{action} by {shown(route)}" if route else action
        other = action in _GIVERS and all(ports[i].action != action for i in named)
        declared = f", or declare {_GIVERS[action]}({shown(name)}, ...) in its place" if other else ""
        raise RegimenError(
            f"{shown(name)} cannot be given as {wanted}; this model takes it as {ways}{_builders(ports, named)}"
            f"{declared}"
        )
    return fits[0]
