"""The heart under anthracyclines: cumulative exposure, and cardiomyocytes with and without protection."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

import sympy as sp

from pkpd_mdr.arguments import COUNT, TABLE, TEXT, takes
from pkpd_mdr.errors import ModelError, shown
from pkpd_mdr.expression import TIME, check_name, symbol
from pkpd_mdr.mechanisms.drug_effect import DrugEffect
from pkpd_mdr.mechanisms.names import POSITIVE, molar_mass_of
from pkpd_mdr.mechanisms.toxicity_turnover import read_effects
from pkpd_mdr.model.parts import Expression
from pkpd_mdr.model.scope import Given, Mechanism, Scope
from pkpd_mdr.units import Unit

__all__ = ["Cardiomyocytes", "CumulativeExposure", "cardiomyocytes", "cumulative_exposure"]

_HOUR = Unit.of("h")


@dataclass(frozen=True, slots=True)
class CumulativeExposure:
    """Declaration behind `cumulative_exposure`."""

    weights: tuple[tuple[str, Given], ...]
    unit: Unit
    name: str = "cumulative_exposure"

    def __post_init__(self) -> None:
        check_name(self.name, "the name of a cumulative exposure")
        if not self.weights:
            raise ModelError(f"{self.name} needs a drug; write for example {{'dox': '53.3 L/h'}}")

    @property
    def label(self) -> str:
        """The name of the state."""
        return self.name

    def declare(self, scope: Scope) -> None:
        """Add the state."""
        scope.state(self.name, unit=self.unit, kind="integral", description="weighted sum of exposures so far")

    def connect(self, scope: Scope) -> None:
        """Write what each drug adds."""
        for owner, given in self.weights:
            title = owner.replace("@", "_")
            concentration = scope.find("concentration", owner, self.label)
            per = scope.unit("concentration", owner)
            weight = scope.parameter(
                f"weight_{title}_{self.name}",
                given,
                unit=self.unit.times(_HOUR, -1).times(per, -1),
                lower=0.0,
                molar_mass=molar_mass_of(scope, owner.split("@")[0]),
                description=f"weight of {owner} in {self.name}",
            )
            scope.process(
                f"{self.name}_{title}", weight * concentration, {self.name: 1}, description=f"{owner} adds exposure"
            )


@takes(ModelError, weights=TABLE, unit=TEXT, name=TEXT)
def cumulative_exposure(weights: Mapping[str, Given], *, unit: str, name: str = "cumulative_exposure") -> Mechanism:
    """Cumulative exposure to drugs that harm together, ``X' = sum(w*C)``: the limit of a lifetime of anthracyclines.

    With the clearance as its weight, a drug adds its dose (bioavailable) in the end; with a clearance times a factor of
    equivalence, its dose in equivalents of another; with a clearance per body surface, its dose per surface.

    Parameters
    ----------
    weights : mapping of str to quantity, Parameter or Formula
        Drug (or ``"drug@site"``) to w, `unit` per time and concentration; parameters ``weight_<drug>_<name>``.
    unit : str
        Of the sum: ``"mg"``, ``"mg/m**2"``, ``"umol"``.
    name : str
        The state.

    Returns
    -------
    Mechanism

    Raises
    ------
    ModelError
        No drug is named, or a drug is unknown.
    UnitError
        A weight has no unit or the wrong one.

    Examples
    --------
    Doxorubicin with a clearance of 53.3 L/h at 1.8 m2:

    >>> import pkpd_mdr as mdr
    >>> dox = mdr.pk.two_compartment("dox", CL="53.3 L/h", V1="17.7 L", Q="58.7 L/h", V2="1830 L")
    >>> model = mdr.Model(dox, mdr.toxicity.cumulative_exposure({"dox": "29.6 L/h/m**2"}, unit="mg/m**2"))
    >>> run = model.simulate(mdr.infusion("dox", "90 mg", over="1 h").every("21 day", times=3), until="120 day")
    >>> round(float(run.frame["cumulative_exposure"].iloc[-1]))
    150
    """
    return CumulativeExposure(tuple(weights.items()), Unit.of(unit), name)


@dataclass(frozen=True, slots=True)
class Cardiomyocytes:
    """Declaration behind `cardiomyocytes`."""

    growth: Given
    killers: tuple[DrugEffect, ...]
    slowers: tuple[DrugEffect, ...]
    protectors: tuple[DrugEffect, ...]
    transit: Given
    stages: int = 3
    start: Given = 1.0
    name: str = "cardiomyocytes"

    def __post_init__(self) -> None:
        check_name(self.name, "the name of the heart cells")
        if not self.killers:
            raise ModelError(
                f"{self.name} need a drug that kills; write for example emax={{'dox': ('0.07 1/h', '0.1 uM')}}"
            )
        if not 1 <= self.stages <= 20:
            raise ModelError(f"{self.name}: stages = {self.stages} is not a number of stages from 1 to 20")

    @property
    def label(self) -> str:
        """The name of the state."""
        return self.name

    @property
    def chain(self) -> list[str]:
        """Names of the stages of the death signal."""
        return [f"{self.name}_signal{i}" for i in range(1, self.stages + 1)]

    def declare(self, scope: Scope) -> None:
        """Add the cells and the stages of the signal."""
        scope.state(self.name, unit="", kind="cells", balance=self.name, description="heart cells, as a share")
        for name in self.chain:
            scope.state(name, unit="1/h", description=f"death of {self.name} on its way")

    def connect(self, scope: Scope) -> None:
        """Write proliferation, the signal and death."""
        name, cells = self.name, symbol(self.name)
        start = scope.parameter(f"{name}0", self.start, unit="", lower=POSITIVE, description=f"{name} at the start")
        scope.start(name, start)
        growth = scope.parameter(f"growth_{name}", self.growth, unit="1/h", lower=0.0, description=f"growth of {name}")
        slowed: Expression = sp.Integer(1)
        for effect in self.slowers:
            # at zero at least: two drugs that each turned the sign would make the cells grow
            left = 1 - effect.expression(scope, name, unit="", asked_by=name)
            slowed *= sp.Max(sp.Integer(0), left, evaluate=False)
        scope.process(f"proliferation_{name}", growth * slowed * cells, {name: 1}, description=f"{name} divide")
        rate = scope.parameter(
            f"transit_{name}",
            self.transit,
            unit="1/h",
            lower=POSITIVE,
            description=f"rate of each stage of {name}",
        )
        stages = [self._signal(scope), *map(symbol, self.chain)]
        for before, after in pairwise(stages):
            scope.process(
                f"passage_{after}", rate * (before - after), {str(after): 1}, description="the death signal goes on"
            )
        scope.process(f"death_{name}", stages[-1] * cells, {name: -1}, description=f"{name} die")
        untreated = start * sp.exp(growth * TIME)
        scope.observable(f"{name}_relative", cells / untreated, "", f"{name} as a share of those without drug")

    def _signal(self, scope: Scope) -> Expression:
        """Sum over killers of (emax - protection)*share."""
        saved: Expression = sp.Integer(0)
        for effect in self.protectors:
            saved += effect.expression(scope, self.name, unit="1/h", asked_by=self.name, prefix="protection")
        total: Expression = sp.Integer(0)
        for effect in self.killers:
            share = effect.share(scope, "", self.name, self.name)
            most = effect.largest(scope, "", self.name, "1/h")
            total += (sp.Max(sp.Integer(0), most - saved, evaluate=False) if self.protectors else most) * share
        return total


@takes(ModelError, emax=TABLE, slope=TABLE, protection=TABLE, stages=COUNT, name=TEXT)
def cardiomyocytes(
    name: str = "cardiomyocytes",
    *,
    growth: Given,
    emax: Mapping[str, Sequence[Given]],
    slope: Mapping[str, Given] | None = None,
    protection: Mapping[str, Sequence[Given]] | None = None,
    transit: Given,
    stages: int = 3,
    start: Given = 1.0,
) -> Mechanism:
    """Heart cells under anthracyclines and their protection (Mody et al. 2023, Sci Rep 13:3100).

    With a sum over drugs that kill and over protectors::

        R' = kg*prod(max(1 - slope*C, 0))*R - K3*R
        K1' = ktr*(sum(max(emax - P, 0)*C/(ec50 + C)) - K1)    K2' = ktr*(K1 - K2)    K3' = ktr*(K2 - K3)
        P = sum(imax*C/(ic50 + C))

    Drugs stop growth and do no more to it, so no factor falls below zero. The protector lowers the largest rate of
    death; the printed equations could not be read, and this form follows a
    transcription of them (nlmixr2lib) that calls it an interpretation. As these cells grow without limit, the share
    ``R/(R0*exp(kg*t))`` of cells without drug is what compares regimens.

    Parameters
    ----------
    name : str
        The state.
    growth : quantity, Parameter or Formula
        kg, per time; parameter ``growth_<name>``.
    emax : mapping of str to sequence
        Drug that kills to emax (per time), ec50 and, if it is not 1, the Hill exponent; parameters
        ``emax_<drug>_<name>``, ``ec50_<drug>_<name>``, ``hill_<drug>_<name>``.
    slope : mapping of str to quantity, Parameter or Formula, optional
        Drug to inhibition of growth per concentration; parameters ``slope_<drug>_<name>``.
    protection : mapping of str to sequence, optional
        Protector to imax (per time), ic50 and, if it is not 1, the Hill exponent; parameters
        ``protection_emax_<drug>_<name>`` and so on.
    transit : quantity, Parameter or Formula
        ktr, per time; parameter ``transit_<name>``.
    stages : int
        Of the signal.
    start : float, Parameter or Formula
        R0; parameter ``<name>0``.

    Returns
    -------
    Mechanism
        With the states ``<name>`` and ``<name>_signal1`` and so on, and the observable ``<name>_relative``.

    Raises
    ------
    ModelError
        No drug kills, a drug is unknown, or an effect is not complete.
    UnitError
        A quantity has no unit or the wrong one.

    Examples
    --------
    Doxorubicin and dexrazoxane on AC16 cells (Mody et al. 2023, table 1):

    >>> import pkpd_mdr as mdr
    >>> model = mdr.Model(
    ...     mdr.medium("dox"),
    ...     mdr.medium("dex"),
    ...     mdr.toxicity.cardiomyocytes(
    ...         growth="0.0115 1/h",
    ...         emax={"dox": ("0.0697 1/h", "0.107 uM")},
    ...         slope={"dox": "0.167 1/uM", "dex": "0.00968 1/uM"},
    ...         protection={"dex": ("0.0625 1/h", "39 uM")},
    ...         transit="0.126 1/h",
    ...     ),
    ... )
    >>> alone = model.simulate(mdr.exposure("dox", "0.5 uM"), until="72 h").frame["cardiomyocytes_relative"].iloc[-1]
    >>> saved = mdr.exposure("dox", "0.5 uM") & mdr.exposure("dex", "100 uM")
    >>> bool(model.simulate(saved, until="72 h").frame["cardiomyocytes_relative"].iloc[-1] > alone)
    True
    """
    where = shown(name)
    killers, slowers = read_effects(where, None, emax), read_effects(where, slope, None)
    return Cardiomyocytes(growth, killers, slowers, read_effects(where, None, protection), transit, stages, start, name)
