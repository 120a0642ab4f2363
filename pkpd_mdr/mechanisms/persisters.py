"""Reversible tolerance: persisters that hardly cycle, and epigenetic states that remember their induction."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache, partial

import sympy as sp

from pkpd_mdr.arguments import TEXT, TEXTS, takes
from pkpd_mdr.errors import ModelError, shown
from pkpd_mdr.mechanisms.clone import clone
from pkpd_mdr.mechanisms.composite import Composite
from pkpd_mdr.mechanisms.drug_effect import DrugEffect
from pkpd_mdr.mechanisms.growth import Growth
from pkpd_mdr.mechanisms.names import clone_of, growth_of, names_of
from pkpd_mdr.mechanisms.switching import arrow, connect_switching, offer_switching, switching
from pkpd_mdr.model.parts import Expression
from pkpd_mdr.model.scope import Given, Mechanism, Scope, Thunk

__all__ = ["Cycling", "Memory", "epigenetic_memory", "persisters"]


@dataclass(frozen=True, slots=True)
class Cycling:
    """The share of growth that slow-cycling cells keep; part of `persisters`."""

    on: str
    share: Given

    @property
    def label(self) -> str:
        """``cycling_<clone>``."""
        return f"cycling_{self.on}"

    def declare(self, scope: Scope) -> None:
        """Scale the growth of the clone."""
        share = scope.parameter(
            self.label, self.share, unit="", lower=0.0, upper=1.0, description=f"share of growth that {self.on} keep"
        )
        scope.scale("birth", self.on, share)

    def connect(self, scope: Scope) -> None:
        """Check that there is growth."""
        growth_of(scope, self.on, "slow cycling")


@takes(ModelError, name=TEXT, of=TEXT, induced_by=TEXT, site=TEXT)
def persisters(
    name: str,
    *,
    of: str,
    entry: Given | None = None,
    exit: Given | None = None,
    induced_by: str | None = None,
    slope: Given | None = None,
    emax: Given | None = None,
    ec50: Given | None = None,
    hill: Given = 1.0,
    site: str = "",
    growth: Growth | None = None,
    cycling: Given | None = None,
    start: Given | None = None,
    unit: str = "cell",
) -> Mechanism:
    """Drug-tolerant persisters: slow-cycling cells of a clone, entered by chance or under a drug, and reversible.

    ``P' = cycling_P*birth_P*P + (entry + induction(C))*S - exit*P`` with the transfers of `switching`. Persisters are
    not killed unless a `kill` says so; they are tolerant, not resistant, and do not count in ``resistant_share``.
    Sharma et al. 2010 (Cell 141:69) describe the state; the rates differ by orders of magnitude between lines, so
    treat them as wide priors (retention of 1 to 100 generations).

    Parameters
    ----------
    name : str
        The new clone.
    of : str
        The clone from which they come and to which they return.
    entry, exit : quantity, Parameter or Formula, optional
        Per time; parameters ``switching_<of>_<name>`` and ``switching_<name>_<of>``.
    induced_by, slope, emax, ec50, hill, site
        A drug that induces entry, as in `switching`.
    growth : Growth, optional
        Of persisters that divide; without it they do not.
    cycling : share, Parameter or Formula, optional
        Share in [0, 1] of that growth; parameter ``cycling_<name>``.
    start : quantity, Parameter or Formula, optional
        Persisters at time zero.
    unit : str
        That of the clones.

    Returns
    -------
    Mechanism

    Raises
    ------
    ModelError
        The clone is unknown, nothing makes persisters, or cycling is given without growth.
    UnitError
        A quantity has no unit or the wrong one.

    Examples
    --------
    >>> import pkpd_mdr as mdr
    >>> law = mdr.growth.exponential(rate="0.5 1/day")
    >>> rare = mdr.persisters("P", of="S", entry="1e-3 1/day", exit="0.1 1/day", growth=law, cycling=0.05)
    >>> print(mdr.Model(mdr.clone("S", growth=law), rare).derivatives["P"])
    P*cycling_P*growth_P - P*switching_P_S + S*switching_S_P
    """
    if cycling is not None and growth is None:
        raise ModelError(f"persisters {shown(name)}: cycling is a share of growth; give the growth law too")
    if entry is None and induced_by is None:
        raise ModelError(f"persisters {shown(name)}: nothing makes {shown(of)} enter; give entry or induced_by")
    parts = [
        clone(name, growth=growth, start=start, unit=unit, description=f"persisters of {of}"),
        switching(
            of,
            name,
            rate=entry,
            back=exit,
            induced_by=induced_by,
            slope=slope,
            emax=emax,
            ec50=ec50,
            hill=hill,
            site=site,
        ),
    ]
    if cycling is not None:
        parts.append(Cycling(name, cycling))
    return Composite(f"persisters_{name}", tuple(parts))


def _slowed(back: Thunk, slowing: Thunk, depth: int) -> Expression:
    return back() * slowing() ** depth


@dataclass(frozen=True, slots=True)
class Memory:
    """Declaration behind `epigenetic_memory`."""

    chain: tuple[str, ...]
    back: Given
    rate: Given | None = None
    induced: DrugEffect | None = None
    slowing: Given | None = None

    @property
    def first(self) -> str:
        """The state without memory."""
        return self.chain[0]

    @property
    def label(self) -> str:
        """``memory_<first>``."""
        return f"memory_{self.first}"

    def declare(self, scope: Scope) -> None:
        """Offer each step, deeper and back."""
        # the steps share what is made, with its parameters, when first asked for
        deeper = cache(lambda: self._deeper(scope))
        back = cache(lambda: self._slot(scope, "back", self.back, "1/h", "rate of one step back"))
        slowing = cache(lambda: self._slowing(scope))
        for depth, (shallow, deep) in enumerate(zip(self.chain, self.chain[1:], strict=False)):
            offer_switching(scope, shallow, deep)
            offer_switching(scope, deep, shallow)
            scope.add("switching", arrow(shallow, deep), deeper)
            scope.add("switching", arrow(deep, shallow), partial(_slowed, back, slowing, depth))

    def connect(self, scope: Scope) -> None:
        """Write the processes."""
        for name in self.chain:
            clone_of(scope, name, "epigenetic memory")
        for shallow, deep in zip(self.chain, self.chain[1:], strict=False):
            connect_switching(scope, shallow, deep)
            connect_switching(scope, deep, shallow)

    def _deeper(self, scope: Scope) -> Expression:
        total: Expression = sp.Integer(0)
        if self.rate is not None:
            total += self._slot(scope, "rate", self.rate, "1/h", "rate of one step deeper")
        if self.induced is not None:
            asked_by = f"the epigenetic memory of {shown(self.first)}"
            total += self.induced.expression(scope, self.first, unit="1/h", asked_by=asked_by, prefix="memory")
        return total

    def _slowing(self, scope: Scope) -> Expression:
        if self.slowing is None:
            return sp.Integer(1)
        return self._slot(scope, "slowing", self.slowing, "", "factor of the way back for each step deeper", 1.0)

    def _slot(
        self, scope: Scope, what: str, given: Given, unit: str, words: str, upper: float = float("inf")
    ) -> Expression:
        return scope.parameter(
            f"memory_{what}_{self.first}",
            given,
            unit=unit,
            lower=0.0,
            upper=upper,
            description=f"{words} ({', '.join(self.chain)})",
        )


@takes(ModelError, chain=TEXTS, induced_by=TEXT, site=TEXT)
def epigenetic_memory(
    chain: Sequence[str],
    *,
    back: Given,
    rate: Given | None = None,
    induced_by: str | None = None,
    slope: Given | None = None,
    emax: Given | None = None,
    ec50: Given | None = None,
    hill: Given = 1.0,
    site: str = "",
    slowing: Given | None = None,
) -> Mechanism:
    """Epigenetic switching with memory: the longer cells were induced, the longer they take to return.

    A chain of clones ``S, E1, E2, ...``: a step deeper at ``rate + induction(C)``, a step back at
    ``back*slowing**(depth - 1)``. Longer induction drives cells deeper, from where more (and, with slowing < 1, slower)
    steps lead back; n steps of one rate alone give a return time that is the sum of n exponential times. With one step
    the chain is `switching` and has no memory. Form ours: a chain of reversible states is the simplest Markov form of
    inertia, and its rates are wide priors.

    Parameters
    ----------
    chain : sequence of str
        Two or more clones, from the naive state to the deepest.
    back : quantity, Parameter or Formula
        Per time; parameter ``memory_back_<first>``.
    rate : quantity, Parameter or Formula, optional
        Spontaneous step deeper, per time; parameter ``memory_rate_<first>``.
    induced_by, slope, emax, ec50, hill, site
        A drug that induces steps, as in `switching`; parameters ``memory_slope_<drug>_<first>`` and so on.
    slowing : share, Parameter or Formula, optional
        In [0, 1]; parameter ``memory_slowing_<first>``. 1 if absent.

    Returns
    -------
    Mechanism

    Raises
    ------
    ModelError
        A clone is unknown, the chain has fewer than two, or nothing leads deeper.
    UnitError
        A quantity has no unit or the wrong one.

    Examples
    --------
    >>> import pkpd_mdr as mdr
    >>> states = [mdr.clone(name) for name in ("S", "E1", "E2")]
    >>> memory = mdr.epigenetic_memory(["S", "E1", "E2"], rate="0.1 1/day", back="0.2 1/day", slowing=0.5)
    >>> print(mdr.Model(*states, memory).derivatives["E2"])
    E1*memory_rate_S - E2*memory_back_S*memory_slowing_S
    """
    names = names_of(chain, "epigenetic memory")
    if len(names) < 2:
        raise ModelError(f"epigenetic memory: {shown(chain)} is one state; name two or more, from naive to deepest")
    if slowing is not None and len(names) < 3:
        raise ModelError("epigenetic memory: slowing needs three states or more; with one step back it changes nothing")
    if rate is None and induced_by is None:
        raise ModelError("epigenetic memory: nothing leads deeper; give rate or induced_by")
    induced = None if induced_by is None else DrugEffect(induced_by, site, emax, ec50, hill, slope)
    if induced is None and (slope is not None or emax is not None or ec50 is not None):
        raise ModelError("epigenetic memory: slope, emax and ec50 need induced_by, the name of a drug")
    return Memory(names, back, rate, induced, slowing)
