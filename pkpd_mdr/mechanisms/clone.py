"""Clones: populations of tumour cells that differ in growth, kill and resistance; and how a tumour is seeded."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import sympy as sp

from pkpd_mdr.arguments import FLAG, TABLE, TEXT, takes
from pkpd_mdr.errors import ModelError, did_you_mean, shown
from pkpd_mdr.expression import check_name, symbol
from pkpd_mdr.mechanisms.growth import Growth
from pkpd_mdr.mechanisms.names import ratio
from pkpd_mdr.model.parts import Expression
from pkpd_mdr.model.scope import Given, Mechanism, Scope
from pkpd_mdr.units import Quantity, Unit, quantity

__all__ = ["TOTALS", "Clone", "Seeding", "clone", "seeding"]

_CELL = Unit("cell", 1.0)

TOTALS = ("burden", "resistant_share")
"""Observables that the clones of a model give together."""


@dataclass(frozen=True, slots=True)
class Clone:
    """Declaration behind `clone`."""

    name: str
    growth: Growth | None = None
    start: Given | None = None
    unit: Unit = _CELL
    resistant: bool = False
    death: Given | None = None
    description: str = ""

    def __post_init__(self) -> None:
        check_name(self.name, "the name of a clone")
        if self.growth is not None and not isinstance(self.growth, Growth):
            raise ModelError(
                f"clone {shown(self.name)}: growth = {shown(self.growth)} is not a growth law; write for example "
                "growth.exponential(rate='0.5 1/day')"
            )

    @property
    def label(self) -> str:
        """``clone_<name>``."""
        return f"clone_{self.name}"

    def declare(self, scope: Scope) -> None:
        """Add the state and offer burden, cells, birth, division and death."""
        name = self.name
        cells = scope.state(
            name,
            unit=self.unit,
            start=self.start,
            kind="cells",
            balance="cells",
            description=self.description or f"cells of {name}",
        )
        scope.clones[name] = self.resistant
        scope.offer("burden", name, cells, unit=self.unit)
        if self.unit.dimensionless:
            scope.offer("cells", name, cells)
        self._offer_rates(scope)

    def _offer_rates(self, scope: Scope) -> None:
        name = self.name
        rates = None if self.growth is None else self.growth.declare(scope, name, self.unit)
        death = None if rates is None else rates.death
        if self.death is not None:
            if death is not None:
                raise ModelError(
                    f"clone {shown(name)}: its growth law has a death rate already; leave out death={shown(self.death)}"
                )
            death = scope.parameter(
                f"death_{name}", self.death, unit="1/h", lower=0.0, description=f"natural death rate of {name}"
            )
        scope.offer("birth", name, sp.Integer(0) if rates is None else rates.birth)
        scope.offer("death", name, sp.Integer(0) if death is None else death)

        def division() -> Expression:
            """Births per cell and time."""
            # a net growth rate is negative above the capacity; cells then die, but nothing divides backwards
            if rates is None:
                return sp.Integer(0)
            birth = scope.find("birth", name)
            return sp.Max(sp.Integer(0), birth, evaluate=False) if rates.signed else birth

        scope.offer("division", name, division)

    def connect(self, scope: Scope) -> None:
        """Write birth and death, and the totals once per model."""
        name, cells = self.name, symbol(self.name)
        if self.growth is not None:
            scope.process(f"birth_{name}", scope.find("birth", name) * cells, {name: 1}, description=f"{name} grows")
        death = scope.find("death", name)
        if not death.is_zero:
            scope.process(f"death_{name}", death * cells, {name: -1}, description=f"{name} dies by itself")
        if "burden" not in scope.observables:
            _totals(scope)


def _totals(scope: Scope) -> None:
    first = next(iter(scope.clones))
    unit = scope.states[first].unit
    for other in scope.clones:
        if not scope.states[other].unit.like(unit):
            raise ModelError(
                f"clone {shown(first)} is in {shown(unit.text)} but {shown(other)} in "
                f"{scope.states[other].unit.text!r}; all clones must be measured alike"
            )
    burden = scope.gather("burden")
    scope.observable("burden", burden, unit, "all tumour cells")
    if any(scope.clones.values()):
        resistant = sp.Add(*(symbol(name) for name, is_resistant in scope.clones.items() if is_resistant))
        scope.observable("resistant_share", ratio(resistant, burden), "", "share of resistant cells in the burden")


@takes(ModelError, name=TEXT, resistant=FLAG, description=TEXT)
def clone(
    name: str,
    *,
    growth: Growth | None = None,
    start: Given | None = None,
    unit: str = "cell",
    resistant: bool = False,
    death: Given | None = None,
    description: str = "",
) -> Mechanism:
    """A population of tumour cells.

    Adds the state ``<name>``, the process ``birth_<name>`` (``birth per cell * S``) and, with a death rate,
    ``death_<name>`` (``death_S*S``). The clones of a model together give the observables ``burden`` and, where one
    is resistant, ``resistant_share`` (0 for an empty model).

    Parameters
    ----------
    name : str
        A short name such as ``"S"``; it ends the names of the clone's parameters.
    growth : Growth, optional
        From `pkpd_mdr.growth`; a clone without growth is quiescent.
    start : quantity, Parameter or Formula, optional
        In `unit`, not negative; parameter ``<name>0``. Zero if not given here, by `seeding` or by the simulation.
    unit : str
        ``"cell"``, or what is measured: ``"mm**3"``, ``"g"``, ``""`` (a scaled model).
    resistant : bool
        Whether its cells count in ``resistant_share``.
    death : quantity, Parameter or Formula, optional
        Natural death (turnover) per time; parameter ``death_<name>``.
    description : str
        One line for tables.

    Returns
    -------
    Mechanism

    Raises
    ------
    ModelError
        The growth law is none, or death is given twice, or the clones of a model are in unlike units.
    UnitError
        A quantity has no unit or the wrong one.

    Examples
    --------
    >>> import pkpd_mdr as mdr
    >>> sensitive = mdr.clone("S", growth=mdr.growth.exponential(rate="0.5 1/day"), death="0.1 1/day")
    >>> resistant = mdr.clone("R", growth=mdr.growth.exponential(rate="0.4 1/day"), resistant=True)
    >>> print(mdr.Model(sensitive, resistant).equations())
    dS/dt = -S*death_S + S*growth_S
    dR/dt = R*growth_R
    """
    return Clone(name, growth, start, Unit.of(unit), resistant, death, description)


@dataclass(frozen=True, slots=True)
class Seeding:
    """Declaration behind `seeding`."""

    total: Given
    shares: tuple[tuple[str, Given], ...]

    @property
    def label(self) -> str:
        """``seeding``."""
        return "seeding"

    def declare(self, scope: Scope) -> None:
        """Nothing yet: the clones must be known."""

    def connect(self, scope: Scope) -> None:
        """Let the clones start at their shares of the total."""
        for name, _ in self.shares:
            if name not in scope.clones:
                raise ModelError(
                    f"seeding names {shown(name)}, which is not a clone of the model{did_you_mean(name, scope.clones)}"
                )
            if not scope.states[name].start.is_zero:
                raise ModelError(
                    f"seeding gives a share to {shown(name)}, which has a start of its own; leave one of the two out"
                )
        rest = self._rest(scope)
        unit = scope.states[rest].unit
        total = scope.parameter("N0", self.total, unit=unit, lower=0.0, bare=True, description="burden at the start")
        given = {
            name: scope.parameter(
                f"{name}0_share", share, unit="", lower=0.0, upper=1.0, description=f"share of {name} at the start"
            )
            for name, share in self.shares
        }
        for name, share in given.items():
            scope.start(name, total * share)
        scope.start(rest, total * (1 - sp.Add(*given.values())))

    def _rest(self, scope: Scope) -> str:
        named = {name for name, _ in self.shares}
        free = [name for name in scope.clones if name not in named and not scope.started(name)]
        if len(free) != 1:
            which = (
                "no clone is left for the rest" if not free else f"the rest could go to {', '.join(map(repr, free))}"
            )
            raise ModelError(f"seeding: {which}; give a share to all clones but one (a share of 0 is allowed)")
        return free[0]


@takes(ModelError, shares=TABLE)
def seeding(*, total: Given, shares: Mapping[str, Given] | None = None, **named: Given) -> Mechanism:
    """Start a tumour at a total burden of which clones have shares.

    ``R starts at N0*R0_share``, and the one clone without a share gets the rest, ``N0*(1 - R0_share)``.

    Parameters
    ----------
    total : quantity, Parameter or Formula
        In the unit of the clones; parameter ``N0``.
    shares, **named : mapping of str to share
        Clone name to its share in [0, 1]; parameters ``<clone>0_share``.

    Returns
    -------
    Mechanism

    Raises
    ------
    ModelError
        The shares exceed 1, name no clone or one with its own start, or leave more or less than one clone for the rest.

    Examples
    --------
    >>> import pkpd_mdr as mdr
    >>> law = mdr.growth.exponential(rate="0.5 1/day")
    >>> model = mdr.Model(mdr.clone("S", growth=law), mdr.clone("R", growth=law), mdr.seeding(total="1e9 cell", R=0.01))
    >>> model.states["S"].start
    N0*(1 - R0_share)
    """
    merged = {**(shares or {}), **named}
    plain = [
        quantity(value, f"share of {shown(name)}")
        for name, value in merged.items()
        if isinstance(value, (str, int, float, tuple, Quantity))
    ]
    if sum(item.internal for item in plain) > 1 + 1e-12:
        raise ModelError(
            f"seeding: the shares {', '.join(merged)} add up to "
            f"{sum(item.internal for item in plain):g}; they cannot exceed 1"
        )
    return Seeding(total, tuple(merged.items()))
