"""What stands between the blood and the tumour: stroma, poor vessels, and what they hold back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction

import sympy as sp

from pkpd_mdr.arguments import TABLE, TEXT, Kind, takes
from pkpd_mdr.errors import ModelError, shown
from pkpd_mdr.expression import Power, check_name, symbol
from pkpd_mdr.mechanisms.common import POSITIVE, DrugEffect, growth_of, ratio
from pkpd_mdr.model.parts import Expression
from pkpd_mdr.model.scope import Formula, Given, Mechanism, Scope
from pkpd_mdr.units import Unit

__all__ = ["Barrier", "Stroma", "Vasculature", "barrier", "stroma", "vasculature"]

_HOUR = Unit.of("h")
Targets = str | Sequence[str] | Mapping[str, Given]
"""Names, or names with the weight of the barrier on each."""

_TARGETS = Kind(
    "a name, a list of names, or a dict from a name to a weight",
    lambda given: (
        isinstance(given, (str, Mapping))
        or (isinstance(given, Sequence) and all(isinstance(part, str) for part in given))
    ),
)
_KINDS = {"delivery": "delivery", "growth": "birth", "access": "effector access"}


def _targets(given: Targets | None) -> tuple[tuple[str, Given | None], ...]:
    if given is None:
        return ()
    if isinstance(given, Mapping):
        return tuple(given.items())
    return tuple((name, None) for name in ((given,) if isinstance(given, str) else given))


@dataclass(frozen=True, slots=True)
class Barrier:
    """Declaration behind `barrier`; `targets` holds what is acted on, on whom and how strongly."""

    name: str
    level: Given
    targets: tuple[tuple[str, str, Given | None], ...]

    def __post_init__(self) -> None:
        check_name(self.name, "the name of a barrier")
        if not self.targets:
            raise ModelError(
                f"{self.label}: nothing is held back; name drugs as in delivery='dox@tumour', "
                "or clones in growth= or access="
            )
        for what, owner, _ in self.targets:
            if what == "delivery" and "@" not in owner:
                raise ModelError(
                    f"{self.label}: delivery of {shown(owner)} lacks the place; write for example '{owner}@tumour'"
                )

    @property
    def label(self) -> str:
        """``barrier_<name>``."""
        return f"barrier_{self.name}"

    def declare(self, scope: Scope) -> None:
        """Scale what is held back."""
        level = scope.parameter(
            self.label, self.level, unit="", lower=0.0, upper=1.0, description=f"share held back by {self.name}"
        )
        if isinstance(self.level, Formula):
            level = sp.Max(sp.Integer(0), sp.Min(sp.Integer(1), level, evaluate=False), evaluate=False)
        for what, owner, weight in self.targets:
            share = level if weight is None else level * self._weight(scope, what, owner, weight)
            scope.scale(_KINDS[what], owner, lambda share=share: 1 - share)  # type: ignore[misc]

    def connect(self, scope: Scope) -> None:
        """Check that what is held back exists."""
        for what, owner, _ in self.targets:
            if what == "growth":
                growth_of(scope, owner, self.label)
            else:
                scope.find(_KINDS[what], owner, self.label)

    def _weight(self, scope: Scope, what: str, owner: str, given: Given) -> Expression:
        return scope.parameter(
            f"{what}_{self.name}_{owner.replace('@', '_')}",
            given,
            unit="",
            lower=float("-inf") if what == "growth" else 0.0,
            upper=1.0,
            description=f"weight of {self.name} on the {what} of {owner}",
        )


@takes(ModelError, name=TEXT, delivery=_TARGETS, growth=_TARGETS, access=_TARGETS)
def barrier(
    name: str = "stroma",
    *,
    level: Given,
    delivery: Targets | None = None,
    growth: Targets | None = None,
    access: Targets | None = None,
) -> Mechanism:
    """Something holds back drugs, growth or immune cells, each by its own share.

    With the level B in [0, 1] and a weight w for each target, the entry of a drug into a place, the growth per cell of
    a clone and the access of immune cells to a clone are multiplied by ``1 - w*B``. Several barriers multiply. A level
    that is a formula is kept within [0, 1].

    Parameters
    ----------
    name : str
        Stands in the names of the parameters.
    level : share, Parameter or Formula
        B; parameter ``barrier_<name>``. ``formula("stroma")`` takes it from `stroma`, ``formula("hypoperfusion")`` from
        `vasculature`.
    delivery : str, sequence of str, or mapping of str to share, optional
        Which drugs are held back where, as ``"dox@tumour"``, with their weights in [0, 1] (1 for names alone);
        parameters ``delivery_<name>_<drug>_<site>``.
    growth : str, sequence of str, or mapping of str to number, optional
        Clones whose growth is held back, with weights of at most 1; below zero the barrier promotes growth, as
        stellate cells do. Parameters ``growth_<name>_<clone>``.
    access : str, sequence of str, or mapping of str to share, optional
        Clones to which immune cells have less access; parameters ``access_<name>_<clone>``.

    Returns
    -------
    Mechanism

    Raises
    ------
    ModelError
        Nothing is held back, or what is held back is not in the model.
    UnitError
        A weight or a level has a unit.

    Notes
    -----
    The separation follows models of stroma in pancreatic cancer (Li 2016, BIOMD0000000929: stellate cells promote
    growth; Hu 2019, BIOMD0000000792: immune kill is divided; Mpekris 2017: perfusion). The common form is ours; its
    levels and weights are not measured as such and are wide priors.

    Examples
    --------
    >>> import pkpd_mdr as mdr
    >>> law = mdr.growth.exponential(rate="0.03 1/day")
    >>> model = mdr.Model(
    ...     mdr.medium("dox"),
    ...     mdr.delivery.tumour("dox", kin="1 1/h", kout="1 1/h"),
    ...     mdr.clone("S", growth=law),
    ...     mdr.delivery.barrier(level=0.7, delivery="dox@tumour", growth={"S": -0.5}),
    ... )
    >>> print(model.processes["birth_S"].rate)
    S*growth_S*(-barrier_stroma*growth_stroma_S + 1)
    """
    given = {"delivery": delivery, "growth": growth, "access": access}
    targets = tuple((what, owner, weight) for what, item in given.items() for owner, weight in _targets(item))
    return Barrier(name, level, targets)


@dataclass(frozen=True, slots=True)
class Stroma:
    """Declaration behind `stroma`."""

    name: str
    rate: Given
    half: Given
    loss: Given
    start: Given | None = None
    depleted_by: tuple[DrugEffect, ...] = ()

    def __post_init__(self) -> None:
        check_name(self.name, "the name of the stroma")

    @property
    def label(self) -> str:
        """The name of the state."""
        return self.name

    def declare(self, scope: Scope) -> None:
        """Add the state."""
        scope.state(self.name, unit="", description=f"share of the tumour behind {self.name}")
        if self.start is not None:
            start = scope.parameter(
                f"{self.name}0", self.start, unit="", lower=0.0, upper=1.0, description=f"{self.name} at the start"
            )
            scope.start(self.name, start)

    def connect(self, scope: Scope) -> None:
        """Write activation by the tumour, and loss."""
        name, level = self.name, symbol(self.name)
        owners = scope.owners("burden")
        if not owners:
            raise ModelError(f"{self.label} is made by a tumour, but the model has no clone")
        burden = scope.gather("burden")
        rate = scope.parameter(f"rate_{name}", self.rate, unit="1/h", lower=0.0, description=f"{name} is made")
        half = scope.parameter(
            f"half_{name}",
            self.half,
            unit=scope.unit("burden", owners[0][1]),
            lower=POSITIVE,
            bare=True,
            description=f"burden that makes {name} at half its largest rate",
        )
        loss = scope.parameter(f"loss_{name}", self.loss, unit="1/h", lower=0.0, description=f"{name} is remodelled")
        scope.process(
            f"making_{name}", rate * burden / (half + burden) * (1 - level), {name: 1}, description=f"{name} is made"
        )
        scope.process(f"loss_{name}", loss * level, {name: -1}, description=f"{name} is remodelled")
        for effect in self.depleted_by:
            depletion = effect.expression(scope, name, unit="1/h", asked_by=self.label)
            scope.process(
                f"depletion_{name}_{effect.title}",
                depletion * level,
                {name: -1},
                description=f"{effect.drug} depletes {name}",
            )


@takes(ModelError, name=TEXT, depleted_by=TABLE)
def stroma(
    name: str = "stroma",
    *,
    rate: Given,
    half: Given,
    loss: Given,
    start: Given | None = None,
    depleted_by: Mapping[str, Given] | None = None,
) -> Mechanism:
    """Stroma that the tumour makes and that drugs may deplete: a level in [0, 1] for `barrier`. Form ours.

    ``B' = rate*N/(half + N)*(1 - B) - (loss + sum(slope*C))*B`` with N the burden. The saturable activation is that of
    stellate cells by tumour-borne signals in Li 2016 (BIOMD0000000929). Without any barrier that takes its level, it
    changes nothing.

    Parameters
    ----------
    name : str
        Name of the state.
    rate, loss : quantity, Parameter or Formula
        Per time; parameters ``rate_<name>`` and ``loss_<name>``. Not measured as such: wide priors.
    half : quantity, Parameter or Formula
        Burden at which it is made at half the largest rate; parameter ``half_<name>``.
    start : share, Parameter or Formula, optional
        Level at time zero; parameter ``<name>0``.
    depleted_by : mapping of str to quantity, Parameter or Formula, optional
        Drug to the rate of depletion per concentration; parameters ``slope_<drug>_<name>``.

    Returns
    -------
    Mechanism

    Raises
    ------
    ModelError
        The model has no clone, or a drug is unknown.
    UnitError
        A quantity has no unit or the wrong one.

    Examples
    --------
    >>> import pkpd_mdr as mdr
    >>> model = mdr.Model(mdr.clone("S"), mdr.delivery.stroma(rate="0.1 1/day", half="1e9 cell", loss="0.01 1/day"))
    >>> list(model.processes)
    ['making_stroma', 'loss_stroma']
    """
    effects = tuple(DrugEffect(drug, slope=slope) for drug, slope in (depleted_by or {}).items())
    return Stroma(name, rate, half, loss, start, effects)


@dataclass(frozen=True, slots=True)
class Vasculature:
    """Declaration behind `vasculature`."""

    stimulation: Given
    inhibition: Given
    start: Given
    loss: Given | None
    blocked_by: tuple[DrugEffect, ...]
    unit: Unit
    name: str

    def __post_init__(self) -> None:
        check_name(self.name, "the name of the vasculature")

    @property
    def label(self) -> str:
        """The name of the state."""
        return self.name

    def declare(self, scope: Scope) -> None:
        """Add the state."""
        scope.state(
            self.name,
            unit=self.unit,
            start=self.start,
            description="burden that the vasculature can carry",
        )

    def connect(self, scope: Scope) -> None:
        """Write stimulation by the tumour, inhibition by the tumour, loss, and the effect of drugs."""
        name, K = self.name, symbol(self.name)
        burden = self._burden(scope)
        b = scope.parameter(
            f"stimulation_{name}", self.stimulation, unit="1/h", lower=0.0, description="stimulation of vasculature"
        )
        surface = Unit(f"({self.unit.text or '1'})**(2/3)", self.unit.factor ** (2 / 3), self._surface())
        d = scope.parameter(
            f"inhibition_{name}",
            self.inhibition,
            unit=Unit.of("1/h").times(surface, -1),
            lower=0.0,
            bare=False,
            description="inhibition of vasculature by the tumour",
        )
        scope.process(f"stimulation_{name}", b * burden, {name: 1}, description="the tumour stimulates vessels")
        inhibited = d * K * Power(burden, sp.Rational(2, 3))
        scope.process(f"inhibition_{name}", inhibited, {name: -1}, description="the tumour inhibits vessels")
        if self.loss is not None:
            loss = scope.parameter(f"loss_{name}", self.loss, unit="1/h", lower=0.0, description="vessels are lost")
            scope.process(f"loss_{name}", loss * K, {name: -1}, description="vessels are lost")
        for effect in self.blocked_by:
            rate = effect.expression(scope, name, unit="1/h", asked_by=self.label) * K
            scope.process(
                f"blocking_{name}_{effect.title}", rate, {name: -1}, description=f"{effect.drug} blocks vessels"
            )
        hypoperfusion = ratio(burden, burden + K)
        scope.observable("hypoperfusion", hypoperfusion, "", "burden by burden and carrying capacity, in [0, 1]")

    def _surface(self) -> tuple[tuple[str, Fraction], ...]:
        return tuple((key, power * Fraction(2, 3)) for key, power in self.unit.dims)

    def _burden(self, scope: Scope) -> Expression:
        owners = scope.owners("burden")
        if not owners:
            raise ModelError(f"{self.label} carries a tumour, but the model has no clone")
        found = scope.unit("burden", owners[0][1])
        if not found.like(self.unit):
            raise ModelError(
                f"{self.label} is in {shown(self.unit.text)}, but the clones are in {shown(found.text)}; "
                f"give unit={shown(found.text)}"
            )
        return scope.gather("burden")


@takes(ModelError, blocked_by=TABLE, unit=TEXT, name=TEXT)
def vasculature(
    *,
    stimulation: Given,
    inhibition: Given,
    start: Given,
    loss: Given | None = None,
    blocked_by: Mapping[str, Given] | None = None,
    unit: str = "cell",
    name: str = "vasculature",
) -> Mechanism:
    """The carrying capacity of a tumour that grows its own vessels (Hahnfeldt et al. 1999, Cancer Res 59:4770).

    ``K' = b*V - d*K*V**(2/3) - (loss + sum(slope*C))*K`` with V the burden. Clones feel it through their capacity,
    ``growth.gompertz(rate=..., capacity=formula("vasculature"))``; both then settle at ``(b/d)**1.5`` (without loss),
    whatever the growth rate. The observable ``hypoperfusion = V/(V + K)`` is a level for `barrier` (that form is ours).

    Parameters
    ----------
    stimulation : quantity, Parameter or Formula
        b, per time; parameter ``stimulation_vasculature``.
    inhibition : quantity, Parameter or Formula
        d, per time and surface of the burden: ``"0.00873 1/(day*mm**2)"`` for a burden in mm**3, per time for cells;
        parameter ``inhibition_vasculature``.
    start : quantity, Parameter or Formula
        K at time zero, in `unit`; parameter ``vasculature0``.
    loss : quantity, Parameter or Formula, optional
        Per time; parameter ``loss_vasculature``.
    blocked_by : mapping of str to quantity, Parameter or Formula, optional
        Drug to the rate of loss per concentration; parameters ``slope_<drug>_vasculature``.
    unit : str
        That of the clones.
    name : str
        Name of the state.

    Returns
    -------
    Mechanism

    Raises
    ------
    ModelError
        The model has no clone, or its clones are in another unit.
    UnitError
        A quantity has no unit or the wrong one.

    Examples
    --------
    Lewis lung carcinoma in mice (Hahnfeldt et al. 1999):

    >>> import pkpd_mdr as mdr
    >>> law = mdr.growth.gompertz(rate="0.192 1/day", capacity=mdr.formula("vasculature"))
    >>> model = mdr.Model(
    ...     mdr.clone("V", growth=law, unit="mm**3", start="200 mm**3"),
    ...     mdr.delivery.vasculature(
    ...         stimulation="5.85 1/day", inhibition="0.00873 1/(day*mm**2)", start="625 mm**3", unit="mm**3"
    ...     ),
    ... )
    >>> round(float(model.simulate(until="400 day").frame["V"].iloc[-1]), 1)
    17346.5
    """
    effects = tuple(DrugEffect(drug, slope=slope) for drug, slope in (blocked_by or {}).items())
    return Vasculature(stimulation, inhibition, start, loss, effects, Unit.of(unit), name)
