"""How cells change their type: mutation, switching and its reversal, and what resistance costs."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

import sympy as sp

from pkpd_mdr.arguments import TEXT, takes
from pkpd_mdr.errors import ModelError, shown
from pkpd_mdr.expression import symbol
from pkpd_mdr.mechanisms.drug_effect import DrugEffect
from pkpd_mdr.mechanisms.names import clone_of, growth_of
from pkpd_mdr.model.parts import Expression
from pkpd_mdr.model.scope import Given, Mechanism, Scope

__all__ = [
    "Cost",
    "Mutation",
    "Switching",
    "arrow",
    "connect_switching",
    "cost",
    "mutation",
    "offer_switching",
    "switching",
]


def _different(source: str, into: str, what: str) -> None:
    if not source or not into:
        raise ModelError(f"{what} from {shown(source)} into {shown(into)} lacks a clone; name two clones")
    if source == into:
        raise ModelError(f"{what} from {shown(source)} into itself does nothing; name two clones")


@dataclass(frozen=True, slots=True)
class Mutation:
    """Declaration behind `mutation`."""

    source: str
    into: str
    probability: Given | None = None
    rate: Given | None = None

    def __post_init__(self) -> None:
        _different(self.source, self.into, "mutation")
        if (self.probability is None) == (self.rate is None):
            raise ModelError(
                f"mutation from {shown(self.source)} into {shown(self.into)}: "
                f"give probability (per division) or rate (per time)"
            )

    @property
    def label(self) -> str:
        """``mutation_<source>_<into>``."""
        return f"mutation_{self.source}_{self.into}"

    def declare(self, scope: Scope) -> None:
        """Nothing yet: divisions must be known."""

    def connect(self, scope: Scope) -> None:
        """Write the process."""
        name, words = self.label, f"{self.source} mutates into {self.into}"
        cells = clone_of(scope, self.source, words)
        clone_of(scope, self.into, words)
        if self.probability is not None:
            growth_of(scope, self.source, words)
            share = scope.parameter(
                name,
                self.probability,
                unit="",
                lower=0.0,
                upper=1.0,
                description=f"probability per division that {words}",
            )
            rate = share * scope.find("division", self.source) * cells
        else:
            assert self.rate is not None
            rate = scope.parameter(name, self.rate, unit="1/h", lower=0.0, description=f"rate at which {words}") * cells
        scope.process(name, rate, {self.source: -1, self.into: 1}, transfer=True, description=words)


@takes(ModelError, source=TEXT, into=TEXT)
def mutation(source: str, into: str, *, probability: Given | None = None, rate: Given | None = None) -> Mechanism:
    """Cells of one clone mutate into another, at division or at any time.

    At division: with the probability u one of the two daughters is of the other clone, so that a division of S leaves
    one S and one R. As the birth process counts the division for S, the process moves one cell,
    ``mutation_S_R = u*birth_S*S: S -1, R +1``, and S gains ``(1 - u)*birth_S*S`` in all (Goldie and Coldman 1979;
    Bozic et al. 2013). Where a growth law is a net rate (logistic, Gompertz), divisions are ``max(0, birth_S)``.
    Per time: ``mutation_S_R = rate*S`` (Tomasetti and Levy 2010). Where single cells count (`Stochastic`,
    `pkpd_mdr.extinction`), this move is an event of its own beside the divisions: means are the same, and chances
    differ from those of divisions into one S and one R by a share of about u.

    Parameters
    ----------
    source, into : str
        Clones.
    probability : share, Parameter or Formula, optional
        Per division, in [0, 1]; parameter ``mutation_<source>_<into>``.
    rate : quantity, Parameter or Formula, optional
        Per time, instead; the same parameter name.

    Returns
    -------
    Mechanism

    Raises
    ------
    ModelError
        A clone is unknown, both are the same, or not exactly one of probability and rate is given.

    Examples
    --------
    >>> import pkpd_mdr as mdr
    >>> law = mdr.growth.exponential(rate="0.5 1/day")
    >>> clones = [mdr.clone(name, growth=law) for name in "SR"]
    >>> model = mdr.Model(*clones, mdr.mutation("S", "R", probability=1e-6))
    >>> print(model.processes["mutation_S_R"].rate)
    S*growth_S*mutation_S_R
    """
    return Mutation(source, into, probability, rate)


@dataclass(frozen=True, slots=True)
class Switching:
    """Declaration behind `switching`."""

    source: str
    into: str
    rate: Given | None = None
    induced: DrugEffect | None = None
    back: Given | None = None

    def __post_init__(self) -> None:
        _different(self.source, self.into, "switching")
        if self.rate is None and self.induced is None and self.back is None:
            raise ModelError(
                f"switching from {shown(self.source)} into {shown(self.into)}: "
                f"give rate, induced_by with its effect, or back"
            )

    @property
    def label(self) -> str:
        """``switching_<source>_<into>``."""
        return f"switching_{self.source}_{self.into}"

    def declare(self, scope: Scope) -> None:
        """Offer the rates per cell, there and back, and add to them."""
        if self.rate is not None or self.induced is not None:
            offer_switching(scope, self.source, self.into)
        if self.rate is not None:
            scope.add("switching", arrow(self.source, self.into), partial(self._own, scope))
        if self.induced is not None:
            scope.add("switching", arrow(self.source, self.into), partial(self._induced, scope))
        if self.back is not None:
            offer_switching(scope, self.into, self.source)
            scope.add("switching", arrow(self.into, self.source), partial(self._back, scope))

    def connect(self, scope: Scope) -> None:
        """Write one process for each direction."""
        words = f"{self.source} switches to {self.into}"
        clone_of(scope, self.source, words)
        clone_of(scope, self.into, words)
        connect_switching(scope, self.source, self.into)
        connect_switching(scope, self.into, self.source)

    def _own(self, scope: Scope) -> Expression:
        assert self.rate is not None
        words = f"rate at which {self.source} switches to {self.into}"
        return scope.parameter(self.label, self.rate, unit="1/h", lower=0.0, description=words)

    def _induced(self, scope: Scope) -> Expression:
        assert self.induced is not None
        asked_by = f"switching of {shown(self.source)}"
        return self.induced.expression(
            scope, f"{self.source}_{self.into}", unit="1/h", asked_by=asked_by, prefix="switching"
        )

    def _back(self, scope: Scope) -> Expression:
        assert self.back is not None
        name, words = f"switching_{self.into}_{self.source}", f"rate at which {self.into} switches back"
        return scope.parameter(name, self.back, unit="1/h", lower=0.0, description=words)


def arrow(source: str, into: str) -> str:
    """The owner under which a switching rate is offered."""
    return f"{source}>{into}"


def offer_switching(scope: Scope, source: str, into: str) -> None:
    """Offer the rate per cell of a switch, to which declarations add and which others scale."""
    if ("switching", arrow(source, into)) not in scope.owners("switching"):
        scope.offer("switching", arrow(source, into), sp.Integer(0))


def connect_switching(scope: Scope, source: str, into: str) -> None:
    """Write the process of an offered switch, once however many declarations add to it."""
    name = f"switching_{source}_{into}"
    if ("switching", arrow(source, into)) not in scope.owners("switching") or name in scope.processes:
        return
    rate = sp.expand_mul(scope.find("switching", arrow(source, into)) * symbol(source), deep=False)
    scope.process(name, rate, {source: -1, into: 1}, transfer=True, description=f"{source} switches to {into}")


@takes(ModelError, source=TEXT, into=TEXT, induced_by=TEXT, site=TEXT)
def switching(
    source: str,
    into: str,
    *,
    rate: Given | None = None,
    induced_by: str | None = None,
    slope: Given | None = None,
    emax: Given | None = None,
    ec50: Given | None = None,
    hill: Given = 1.0,
    site: str = "",
    back: Given | None = None,
) -> Mechanism:
    """Cells switch between two phenotypes: by themselves, under a drug, and back.

    The process ``switching_S_R`` moves ``(rate + slope*C)*S`` or ``(rate + emax*hill(C, ec50, hill))*S`` and
    ``switching_R_S`` moves ``back*R``; several declarations for the same clones add up. Both are transfers: the
    number of cells does not change (Greene, Gevertz and Sontag 2019; Gunnarsson et al. 2020, J Theor Biol 490:110162).
    `slope` is the linear induction of Gunnarsson et al.; an ec50 far below all doses makes it uniform, the same at
    every dose. Without crowding and kill the long-run rate of two types with growth g0 and g1, a there and b back, is
    ``(A + B + sqrt((A - B)**2 + 4*a*b))/2`` with ``A = g0 - a`` and ``B = g1 - b``.

    Parameters
    ----------
    source, into : str
        Clones.
    rate : quantity, Parameter or Formula, optional
        Spontaneous switching, per time; parameter ``switching_<source>_<into>``.
    induced_by : str, optional
        A drug that induces switching, with slope or with emax and ec50.
    slope : quantity, Parameter or Formula, optional
        Per time and concentration; parameter ``switching_slope_<drug>_<source>_<into>``.
    emax, ec50, hill : quantity, Parameter or Formula, optional
        Largest rate (per time), concentration of half of it, exponent; parameters
        ``switching_emax_<drug>_<source>_<into>`` and so on.
    site : str
        Where the drug's concentration is taken, as in `kill`.
    back : quantity, Parameter or Formula, optional
        Reversal, per time; parameter ``switching_<into>_<source>``.

    Returns
    -------
    Mechanism

    Raises
    ------
    ModelError
        A clone or the drug is unknown, nothing makes cells switch, or the induction is not complete.

    Examples
    --------
    >>> import pkpd_mdr as mdr
    >>> model = mdr.Model(mdr.clone("S"), mdr.clone("R"), mdr.switching("S", "R", rate="0.01 1/day", back="0.1 1/day"))
    >>> print(model.equations())
    dS/dt = R*switching_R_S - S*switching_S_R
    dR/dt = -R*switching_R_S + S*switching_S_R
    """
    induced: DrugEffect | None = None
    if induced_by is not None:
        induced = DrugEffect(induced_by, site, emax, ec50, hill, slope)
    elif slope is not None or emax is not None or ec50 is not None:
        raise ModelError(
            f"switching from {shown(source)} into {shown(into)}: "
            f"slope, emax and ec50 need induced_by, the name of a drug"
        )
    return Switching(source, into, rate, induced, back)


@dataclass(frozen=True, slots=True)
class Cost:
    """Declaration behind `cost`."""

    on: str
    share: Given

    @property
    def label(self) -> str:
        """``cost_<clone>``."""
        return f"cost_{self.on}"

    def declare(self, scope: Scope) -> None:
        """Scale the growth of the clone."""
        share = scope.parameter(
            f"cost_{self.on}",
            self.share,
            unit="",
            lower=0.0,
            upper=1.0,
            description=f"share of growth that resistance costs {self.on}",
        )
        scope.scale("birth", self.on, 1 - share)

    def connect(self, scope: Scope) -> None:
        """Check that there is such a clone."""
        growth_of(scope, self.on, "the cost of resistance")


@takes(ModelError, on=TEXT)
def cost(on: str, share: Given) -> Mechanism:
    """What resistance costs a clone: its growth is multiplied by ``1 - cost_<clone>`` (Strobl et al. 2021).

    Parameters
    ----------
    on : str
        A clone.
    share : share, Parameter or Formula
        In [0, 1]; parameter ``cost_<clone>``.

    Returns
    -------
    Mechanism

    Raises
    ------
    ModelError
        The clone is unknown, or the share is outside [0, 1].

    Examples
    --------
    >>> import pkpd_mdr as mdr
    >>> resistant = mdr.clone("R", growth=mdr.growth.exponential(rate="0.5 1/day"), resistant=True)
    >>> print(mdr.Model(resistant, mdr.cost("R", 0.1)).equations())
    dR/dt = R*growth_R*(1 - cost_R)
    """
    return Cost(on, share)
