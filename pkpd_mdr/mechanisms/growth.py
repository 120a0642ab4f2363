"""Growth laws of a clone: how fast its cells divide, each with its source.

A law gives a rate per cell. It acts on the *load*, the total burden of all clones, so that clones share room;
capacities and competition coefficients say how much each counts.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import sympy as sp

from pkpd_mdr.arguments import TABLE, takes
from pkpd_mdr.errors import ModelError, shown
from pkpd_mdr.expression import Log, Power
from pkpd_mdr.mechanisms.names import POSITIVE, clone_of, joined
from pkpd_mdr.model.parts import Expression
from pkpd_mdr.model.scope import Formula, Given, Offered, Scope, Thunk
from pkpd_mdr.units import Unit

__all__ = ["Growth", "Rates", "birth_death", "exponential", "exponential_linear", "formula", "gompertz", "logistic"]


@dataclass(frozen=True, slots=True)
class Rates:
    """What a growth law offers: division and natural death per cell.

    `birth` may be a function, called when the model is connected. `signed` tells that it is a net rate, which falls
    below zero above the capacity.
    """

    birth: Offered
    death: Expression | None = None
    signed: bool = False


@runtime_checkable
class Growth(Protocol):
    """A growth law: adds its parameters and tells its rates."""

    def declare(self, scope: Scope, clone: str, unit: Unit) -> Rates:
        """Add the parameters of the law for a clone measured in `unit`."""


Competition = Mapping[str, Given]


def _rate(scope: Scope, what: str, clone: str, given: Given, description: str) -> Expression:
    return scope.parameter(f"{what}_{clone}", given, unit="1/h", lower=0.0, description=f"{description} of {clone}")


def _capacity(scope: Scope, clone: str, given: Given, unit: Unit) -> Expression:
    capacity = scope.parameter(
        f"capacity_{clone}", given, unit=unit, lower=POSITIVE, description=f"burden at which {clone} stops growing"
    )
    # a formula may name a state, such as a vasculature, that can be empty
    return sp.Max(capacity, sp.Float(POSITIVE), evaluate=False) if isinstance(given, Formula) else capacity


def _load(scope: Scope, clone: str, competition: Competition | None) -> Thunk:
    """The total burden, other clones weighted by their competition coefficients (1 unless given)."""
    weights = {
        other: scope.parameter(
            f"competition_{clone}_{other}", given, unit="", lower=0.0, description=f"how much {other} weighs on {clone}"
        )
        for other, given in (competition or {}).items()
    }

    def load() -> Expression:
        """The burden that competes for space, weighted, in its own unit."""
        for other in weights:
            clone_of(scope, other, f"competition of {shown(clone)}")
        parts = (scope.find("burden", owner) * weights.get(owner, 1) for _, owner in scope.owners("burden"))
        return sp.Add(*parts)

    return load


@dataclass(frozen=True, slots=True)
class Exponential:
    """Declaration behind `exponential`."""

    rate: Given

    def declare(self, scope: Scope, clone: str, unit: Unit) -> Rates:
        """Add ``growth_<clone>``."""
        rate = _rate(scope, "growth", clone, self.rate, "growth rate")
        return Rates(rate)


def exponential(*, rate: Given) -> Growth:
    """Exponential growth, ``S' = growth_S*S``.

    Parameters
    ----------
    rate : quantity, Parameter or Formula
        Per time, not negative (write a decline with ``clone(..., death=)``); parameter ``growth_<clone>``.

    Returns
    -------
    Growth

    Examples
    --------
    >>> import pkpd_mdr as mdr
    >>> print(mdr.Model(mdr.clone("S", growth=mdr.growth.exponential(rate="0.5 1/day"))).equations())
    dS/dt = S*growth_S
    """
    return Exponential(rate)


@dataclass(frozen=True, slots=True)
class Limited:
    """Declaration behind `logistic` and `gompertz`."""

    rate: Given
    capacity: Given
    competition: Competition | None = None
    form: str = "logistic"

    def declare(self, scope: Scope, clone: str, unit: Unit) -> Rates:
        """Add ``growth_<clone>``, ``capacity_<clone>`` and ``competition_<clone>_<other>``."""
        rate = _rate(scope, "growth", clone, self.rate, "growth rate")
        capacity = _capacity(scope, clone, self.capacity, unit)
        load = _load(scope, clone, self.competition)
        if self.form == "gompertz":
            return Rates(lambda: -rate * Log(load() / capacity), signed=True)
        return Rates(lambda: rate * (1 - load() / capacity), signed=True)


@takes(ModelError, competition=TABLE)
def logistic(*, rate: Given, capacity: Given, competition: Competition | None = None) -> Growth:
    """Logistic growth (Verhulst 1838), with competition as Lotka and Volterra wrote it.

    ``S' = growth_S*(1 - load/capacity_S)*S`` with ``load = S + sum(competition_S_j*j)`` over the other clones j.
    Negative above the capacity.

    Parameters
    ----------
    rate : quantity, Parameter or Formula
        Per time; parameter ``growth_<clone>``.
    capacity : quantity, Parameter or Formula
        In the unit of the clone; parameter ``capacity_<clone>``. Give several clones one `parameter` to share it.
    competition : mapping of str to quantity, optional
        How much another clone weighs on this one, 1 unless given; parameters ``competition_<clone>_<other>``.

    Returns
    -------
    Growth

    Notes
    -----
    Strobl et al. 2021 (Cancer Res 81:1135) share one capacity; Zhang et al. 2022 (eLife 11:e76284) use a matrix.

    Examples
    --------
    >>> import pkpd_mdr as mdr
    >>> law = mdr.growth.logistic(rate="0.027 1/day", capacity=1.0)
    >>> print(mdr.Model(mdr.clone("S", growth=law, unit="")).equations())
    dS/dt = S*growth_S*(-S/capacity_S + 1)
    """
    return Limited(rate, capacity, competition)


@takes(ModelError, competition=TABLE)
def gompertz(*, rate: Given, capacity: Given, competition: Competition | None = None) -> Growth:
    """Gompertz growth (Laird 1964), ``S' = growth_S*log(capacity_S/load)*S``.

    Finite for an empty model and negative above the capacity.

    Parameters
    ----------
    rate : quantity, Parameter or Formula
        Per time; parameter ``growth_<clone>``. It is the rate at which growth slows down.
    capacity : quantity, Parameter or Formula
        In the unit of the clone; parameter ``capacity_<clone>``.
    competition : mapping of str to quantity, optional
        As in `logistic`.

    Returns
    -------
    Growth

    Examples
    --------
    >>> import pkpd_mdr as mdr
    >>> law = mdr.growth.gompertz(rate="0.012 1/day", capacity="2e12 cell")
    >>> print(mdr.Model(mdr.clone("S", growth=law)).equations())
    dS/dt = -S*growth_S*log(S/capacity_S)
    """
    return Limited(rate, capacity, competition, "gompertz")


@dataclass(frozen=True, slots=True)
class ExponentialLinear:
    """Declaration behind `exponential_linear`."""

    rate: Given
    linear: Given
    psi: Given = 20.0

    def declare(self, scope: Scope, clone: str, unit: Unit) -> Rates:
        """Add ``growth_<clone>``, ``linear_<clone>`` and ``psi_<clone>``."""
        rate = _rate(scope, "growth", clone, self.rate, "exponential growth rate")
        per_time = unit.times(Unit.of("h"), -1)
        linear = scope.parameter(
            f"linear_{clone}", self.linear, unit=per_time, lower=POSITIVE, description=f"linear growth of {clone}"
        )
        psi = scope.parameter(
            f"psi_{clone}",
            self.psi,
            unit="",
            lower=POSITIVE,
            description=f"sharpness of the turn to linear growth of {clone}",
        )
        load = _load(scope, clone, None)

        def birth() -> Expression:
            """Births per cell and time, exponential at first and linear in the end."""
            # (1 + r**psi)**(-1/psi) with the larger of 1 and r taken out, so that no power can overflow
            r = rate * load() / linear
            m = sp.Max(sp.Integer(1), r, evaluate=False)
            return rate / m * Power(Power(1 / m, psi) + Power(r / m, psi), -1 / psi)

        return Rates(birth)


def exponential_linear(*, rate: Given, linear: Given, psi: Given = 20.0) -> Growth:
    """Exponential, then linear growth (Simeoni et al. 2004, Cancer Res 64:1094).

    ``S' = l0*S/(1 + (l0*w/l1)**psi)**(1/psi)`` with w the total burden, l0 = ``growth_S`` and l1 = ``linear_S``.
    Written so that no power overflows however large w is.

    Parameters
    ----------
    rate : quantity, Parameter or Formula
        l0, per time; parameter ``growth_<clone>``.
    linear : quantity, Parameter or Formula
        l1, unit of the clone per time; parameter ``linear_<clone>``.
    psi : float, Parameter or Formula
        Sharpness of the turn; parameter ``psi_<clone>``.

    Returns
    -------
    Growth

    Examples
    --------
    >>> import pkpd_mdr as mdr
    >>> law = mdr.growth.exponential_linear(rate="0.273 1/day", linear="0.814 g/day")
    >>> model = mdr.Model(mdr.clone("w", growth=law, unit="g", start="0.1 g"))
    >>> list(model.parameters)
    ['w0', 'growth_w', 'linear_w', 'psi_w']
    """
    return ExponentialLinear(rate, linear, psi)


@dataclass(frozen=True, slots=True)
class BirthDeath:
    """Declaration behind `birth_death`."""

    birth: Given
    death: Given
    capacity: Given | None = None

    def declare(self, scope: Scope, clone: str, unit: Unit) -> Rates:
        """Add ``birth_<clone>``, ``death_<clone>`` and, if given, ``capacity_<clone>``."""
        birth = _rate(scope, "birth", clone, self.birth, "division rate")
        death = _rate(scope, "death", clone, self.death, "natural death rate")
        if self.capacity is None:
            return Rates(birth, death)
        capacity = _capacity(scope, clone, self.capacity, unit)
        load = _load(scope, clone, None)
        return Rates(lambda: birth * sp.Max(sp.Integer(0), 1 - load() / capacity, evaluate=False), death)


def birth_death(*, birth: Given, death: Given, capacity: Given | None = None) -> Growth:
    """Division and death as separate events (as in Bozic et al. 2013, eLife 2:e00747).

    ``birth_S`` per cell creates and ``death_S`` per cell removes; with a capacity, division slows down as
    ``birth_S*max(0, 1 - burden/capacity_S)`` and never turns negative, so that both stay rates of events. The plateau
    is then ``capacity_S*(1 - death_S/birth_S)``.

    Parameters
    ----------
    birth, death : quantity, Parameter or Formula
        Per time; parameters ``birth_<clone>`` and ``death_<clone>``.
    capacity : quantity, Parameter or Formula, optional
        Burden at which division stops, in the unit of the clone; parameter ``capacity_<clone>``.

    Returns
    -------
    Growth

    Examples
    --------
    >>> import pkpd_mdr as mdr
    >>> law = mdr.growth.birth_death(birth="0.14 1/day", death="0.13 1/day")
    >>> print(mdr.Model(mdr.clone("S", growth=law)).equations())
    dS/dt = S*birth_S - S*death_S
    """
    return BirthDeath(birth, death, capacity)


@dataclass(frozen=True, slots=True)
class Written:
    """Declaration behind `formula`."""

    text: str | Expression

    def declare(self, scope: Scope, clone: str, unit: Unit) -> Rates:
        """Read the formula when all names are known."""
        rate = scope.parameter(joined("growth", clone), Formula(self.text), unit="1/h")
        return Rates(rate, signed=True)


def formula(text: str | Expression) -> Growth:
    """A growth law in one's own words: the net rate per cell and hour.

    Parameters
    ----------
    text : str or sympy.Expr
        Over the names of the model's states, parameters and observables.

    Returns
    -------
    Growth

    Examples
    --------
    >>> import pkpd_mdr as mdr
    >>> law = mdr.growth.formula("r*(1 - (S/K)**theta)")
    >>> names = {"r": "0.3 1/day", "K": "1e9 cell", "theta": 0.5}
    >>> model = mdr.Model(mdr.clone("S", growth=law), *(mdr.parameter(name, value) for name, value in names.items()))
    >>> print(model.equations())
    dS/dt = S*r*(1 - (S/K)**theta)
    """
    if not isinstance(text, (str, sp.Basic)):
        raise ModelError(f"growth.formula(): {shown(text)} is neither a formula text nor a SymPy expression")
    return Written(text)
