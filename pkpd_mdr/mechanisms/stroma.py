"""The stroma: fibroblasts and stellate cells that feed a tumour and shield it.

A barrier acts on three things separately: on the delivery of a drug, on the growth of clones, and on the access of
effectors to them (Li 2016, BIOMD0000000929; Hu 2019, BIOMD0000000792).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

import sympy as sp

from pkpd_mdr.arguments import TEXT, TEXTS, takes
from pkpd_mdr.errors import ModelError, did_you_mean, shown
from pkpd_mdr.mechanisms.host import HostCells, level_of, saturation
from pkpd_mdr.mechanisms.names import POSITIVE, drug_at, growth_of, joined, names_of
from pkpd_mdr.model.parts import Expression
from pkpd_mdr.model.scope import Given, Mechanism, Scope
from pkpd_mdr.units import Unit

__all__ = ["barrier", "cells", "support"]

_SAID = {"delivery": "the delivery of", "growth": "the growth of", "effectors": "effectors at"}
_AGAINST = {"delivery": "delivery", "growth": "birth", "effectors": "effector access"}


@takes(ModelError, name=TEXT, unit=TEXT, description=TEXT)
def cells(
    name: str = "CAF",
    *,
    start: Given | None = None,
    source: Given | None = None,
    death: Given | None = None,
    unit: str = "cell",
    description: str = "",
) -> Mechanism:
    """Cancer-associated fibroblasts, stellate cells: ``P' = source_P - death_P*P``.

    A cytokine or the tumour drives them through `stimulation` (``f P C/(mu + C)`` in Li 2016); they act through
    `stroma.support` and `stroma.barrier`, and secrete through `cytokine`.

    Parameters
    ----------
    name : str
        The state.
    start, source, death, unit, description
        As in `immune.effector`.

    Returns
    -------
    Mechanism

    Raises
    ------
    ModelError
        The name is taken.
    UnitError
        A quantity has no unit or the wrong one.

    Examples
    --------
    >>> import pkpd_mdr as mdr
    >>> model = mdr.Model(
    ...     mdr.clone("S"),
    ...     mdr.cytokine("TGFb", secretion={"S": "1e-6 pg/mL/cell/h"}, loss="7 1/h"),
    ...     mdr.stroma.cells("PSC", start=1e5, death="0.01 1/day"),
    ...     mdr.stimulation("PSC", by="TGFb", rate="0.2 1/day", half="50 pg/mL"),
    ... )
    >>> list(model.processes)[-2:]
    ['death_PSC', 'proliferation_PSC_TGFb']
    """
    return HostCells(name, "stroma", start, source, death, dosed=False, unit=Unit.of(unit), description=description)


@dataclass(frozen=True, slots=True)
class Support:
    """Declaration behind `support`."""

    by: str
    on: tuple[str, ...]
    emax: Given | None
    half: Given | None
    hill: Given | None
    slope: Given | None
    basal: Given | None

    def __post_init__(self) -> None:
        whole = self.emax is not None and self.half is not None
        if whole == (self.slope is not None) or (self.emax is None) != (self.half is None):
            raise ModelError(f"support by {shown(self.by)}: give emax and half, or slope alone")
        if self.hill is not None and self.half is None:
            raise ModelError(f"support by {shown(self.by)}: hill belongs to emax and half; leave it out beside slope")
        if self.basal is not None and self.slope is None:
            raise ModelError(f"support by {shown(self.by)}: basal belongs to slope; growth alone is 1 beside emax")

    @property
    def label(self) -> str:
        """``support_<by>``."""
        return f"support_{self.by}"

    def declare(self, scope: Scope) -> None:
        """Scale the growth of each clone."""
        for clone in self.on:
            scope.scale("birth", clone, partial(self._factor, scope, clone))

    def connect(self, scope: Scope) -> None:
        """Check that the clones grow."""
        for clone in self.on:
            growth_of(scope, clone, f"the support by {shown(self.by)}")

    def _factor(self, scope: Scope, clone: str) -> Expression:
        level, unit = level_of(scope, self.by, f"the support of {shown(clone)}")
        ending, words = f"{self.by}_{clone}", f"growth that {self.by} add to {clone}"
        if self.slope is not None:
            basal: Expression = sp.Integer(1)
            if self.basal is not None:
                basal = scope.parameter(
                    f"support_basal_{ending}", self.basal, unit="", lower=0.0, description=f"growth of {clone} alone"
                )
            slope = scope.parameter(
                f"support_slope_{ending}",
                self.slope,
                unit=Unit.of("").times(unit, -1),
                lower=0.0,
                description=f"{words}, per {self.by}",
            )
            return basal + slope * level
        assert self.emax is not None
        assert self.half is not None
        emax = scope.parameter(f"support_emax_{ending}", self.emax, unit="", lower=0.0, description=f"largest {words}")
        half = scope.parameter(
            f"support_half_{ending}", self.half, unit=unit, lower=POSITIVE, description=f"{self.by} of half the {words}"
        )
        return 1 + emax * saturation(scope, level, half, self.hill, f"support_hill_{ending}", words)


@takes(ModelError, by=TEXT, on=TEXTS)
def support(
    by: str,
    *,
    on: str | Sequence[str],
    emax: Given | None = None,
    half: Given | None = None,
    hill: Given | None = None,
    slope: Given | None = None,
    basal: Given | None = None,
) -> Mechanism:
    """Stroma multiplies the growth of clones.

    The growth per cell is multiplied by ``1 + emax*(P/half)**hill/(1 + (P/half)**hill)``, or by ``basal + slope*P``;
    Li 2016 (BIOMD0000000929), ``(a_c + mu_c P) C (1 - b C)``, is the slope mu_c/a_c. Strengths are rarely measured:
    treat them as wide priors.

    Parameters
    ----------
    by : str
        Stroma cells, or a cytokine or drug.
    on : str or sequence of str
        Clones.
    emax : float, Parameter or Formula, optional
        Largest addition, 1 doubles growth; parameter ``support_emax_<by>_<clone>``.
    half : quantity, Parameter or Formula, optional
        In the unit of `by`; parameter ``support_half_<by>_<clone>``.
    hill : float, Parameter or Formula, optional
        Exponent, 1 if absent; parameter ``support_hill_<by>_<clone>``.
    slope : quantity, Parameter or Formula, optional
        Per unit of `by`; parameter ``support_slope_<by>_<clone>``.
    basal : float, Parameter or Formula, optional
        Growth without support, 1 if absent; parameter ``support_basal_<by>_<clone>``.

    Returns
    -------
    Mechanism

    Raises
    ------
    ModelError
        A population is unknown, a clone has no growth law, or neither or both forms are given.
    UnitError
        A quantity has no unit or the wrong one.

    Examples
    --------
    >>> import pkpd_mdr as mdr
    >>> law = mdr.growth.exponential(rate="0.1 1/day")
    >>> fed = mdr.stroma.support("CAF", on="S", slope="1e-8 1/cell")
    >>> print(mdr.Model(mdr.clone("S", growth=law), mdr.stroma.cells("CAF"), fed).processes["birth_S"].rate)
    S*growth_S*(CAF*support_slope_CAF_S + 1)
    """
    return Support(by, names_of(on, f"support by {shown(by)}"), emax, half, hill, slope, basal)


@dataclass(frozen=True, slots=True)
class Barrier:
    """Declaration behind `barrier`."""

    by: str | None
    against: str
    of: tuple[str, ...]
    most: Given
    half: Given | None
    hill: Given | None
    site: str

    def __post_init__(self) -> None:
        words = "barrier" if self.by is None else f"barrier of {shown(self.by)}"
        if self.against not in _AGAINST:
            raise ModelError(
                f"{words}: against = {shown(self.against)} is not known{did_you_mean(self.against, _AGAINST)}"
            )
        if (self.by is None) != (self.half is None):
            raise ModelError(
                f"{words}: half is the level of `by` at half the barrier; give both, or none for a fixed barrier"
            )
        if self.hill is not None and self.half is None:
            raise ModelError(f"{words}: hill belongs to half; leave it out of a fixed barrier")

    @property
    def label(self) -> str:
        """``barrier_<by>_<against>``."""
        return joined("barrier", self.by or "", self.against)

    def declare(self, scope: Scope) -> None:
        """Scale what the barrier hinders."""
        for name in self.of:
            scope.scale(_AGAINST[self.against], self._owner(name), lambda name=name: 1 - self._height(scope, name))  # type: ignore[misc]

    def connect(self, scope: Scope) -> None:
        """Check that there is something to hinder."""
        for name in self.of:
            words = f"the barrier against {_SAID[self.against]} {shown(name)}"
            if self.against == "growth":
                growth_of(scope, name, words)
                continue
            if self.against == "effectors" and name in scope.clones and not scope.owners("attack"):
                raise ModelError(f"{words} changes nothing: no effectors attack this clone; add immune.attack(...)")
            scope.find(_AGAINST[self.against], self._owner(name), words)

    def _owner(self, name: str) -> str:
        return drug_at(name, self.site) if self.against == "delivery" else name

    def _height(self, scope: Scope, name: str) -> Expression:
        ending = joined(self.against, self.by or "", name)
        words = f"barrier against {self.against} of {name}"
        most = scope.parameter(
            f"barrier_{ending}", self.most, unit="", lower=0.0, upper=1.0, description=f"largest {words}"
        )
        if self.by is None or self.half is None:
            return most
        level, unit = level_of(scope, self.by, f"the {words}")
        half = scope.parameter(
            f"barrier_half_{ending}", self.half, unit=unit, lower=POSITIVE, description=f"{self.by} of half the {words}"
        )
        return most * saturation(scope, level, half, self.hill, f"barrier_hill_{ending}", f"the {words}")


@takes(ModelError, by=TEXT, against=TEXT, of=TEXTS, site=TEXT)
def barrier(
    by: str | None = None,
    *,
    against: str,
    of: str | Sequence[str],
    most: Given,
    half: Given | None = None,
    hill: Given | None = None,
    site: str = "tumour",
) -> Mechanism:
    """Stroma hinders: the delivery of a drug, the growth of clones, or the access of effectors to them.

    What it hinders is multiplied by ``1 - B`` with ``B = most*(P/half)**hill/(1 + (P/half)**hill)`` in [0, 1], or
    with the fixed ``B = most``. Each of the three is a barrier of its own. Hu 2019 (BIOMD0000000792) divides the kill
    by ``m1 + w``, w a cytokine that promotes the tumour: most = 1 and half = m1. Heights are rarely measured: treat
    them as wide priors.

    Parameters
    ----------
    by : str, optional
        Stroma cells, a clone, or a cytokine; without it the barrier is fixed.
    against : str
        ``"delivery"``, ``"growth"`` or ``"effectors"``.
    of : str or sequence of str
        Drugs for delivery, clones otherwise.
    most : share, Parameter or Formula
        Height of the barrier in [0, 1]; parameter ``barrier_<against>_<by>_<of>``.
    half : quantity, Parameter or Formula, optional
        In the unit of `by`; parameter ``barrier_half_<against>_<by>_<of>``.
    hill : float, Parameter or Formula, optional
        Exponent, 1 if absent; parameter ``barrier_hill_<against>_<by>_<of>``.
    site : str
        For delivery: where the drug is hindered to go.

    Returns
    -------
    Mechanism

    Raises
    ------
    ModelError
        A population is unknown, or there is nothing to hinder: no delivery of that drug, no growth, no attack.
    UnitError
        A quantity has no unit or the wrong one.

    Examples
    --------
    >>> import pkpd_mdr as mdr
    >>> model = mdr.Model(
    ...     mdr.clone("S"),
    ...     mdr.immune.effector("CTL"),
    ...     mdr.immune.attack("CTL", on="S", rate="1e-7 1/cell/day"),
    ...     mdr.stroma.barrier(against="effectors", of="S", most=0.7),
    ... )
    >>> print(model.derivatives["S"])
    -CTL*S*attack_CTL_S*(1 - barrier_effectors_S)
    """
    return Barrier(by, against, names_of(of, "barrier"), most, half, hill, site)
