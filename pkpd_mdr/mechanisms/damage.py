"""Damage that drugs do inside cells, and its repair: adducts on DNA, and the enzyme that removes them one for one.

Both are contents of cells, held as pools of the clone: cells that switch take them along, division dilutes them, and
those of dying cells are recorded as lost (see `pkpd_mdr.model.contents`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import sympy as sp

from pkpd_mdr.arguments import TABLE, TEXT, TEXTS, takes
from pkpd_mdr.errors import ModelError, shown
from pkpd_mdr.expression import check_name, symbol
from pkpd_mdr.mechanisms.drug_effect import DrugEffect
from pkpd_mdr.mechanisms.host import offer_once
from pkpd_mdr.mechanisms.names import drug_at, holder_of, joined, molar_mass_of, names_of
from pkpd_mdr.model.contents import per_unit
from pkpd_mdr.model.parts import Expression
from pkpd_mdr.model.scope import Given, Mechanism, Scope
from pkpd_mdr.units import Unit

__all__ = ["Adducts", "Mgmt", "adducts", "mgmt"]

_HOUR = Unit.of("h")


def _pool(scope: Scope, name: str, clone: str, start: Given, words: str) -> None:
    """A content of a clone as a number per cell, and what shows it."""
    filling = scope.parameter(
        f"{name}0_{clone}", start, unit="", lower=0.0, bare=True, description=f"{words} per {clone} cell at the start"
    )
    pool = scope.content(
        f"{name}_{clone}", carrier=clone, quantity=name, unit="", filling=filling, description=f"{words} of all {clone}"
    )
    content = per_unit(pool, symbol(clone))
    scope.observable(f"{name}_in_{clone}", content, "", f"{words} per {clone} cell")
    scope.offer("concentration", drug_at(name, clone), content, unit="")
    scope.offer("content", drug_at(name, clone), pool)


@dataclass(frozen=True, slots=True)
class Adducts:
    """Declaration behind `adducts`."""

    formed_by: tuple[tuple[str, Given], ...]
    on: tuple[str, ...]
    repair: Given | None = None
    suicide: Given | None = None
    start: Given = 0.0
    name: str = "adducts"

    def __post_init__(self) -> None:
        check_name(self.name, "the name of the damage")
        if not self.formed_by:
            raise ModelError(f"{self.name}: no drug forms them; write for example formed_by={{'tmz': '0.1 1/uM/h'}}")

    @property
    def label(self) -> str:
        """The name of the damage, and its clones."""
        return joined(self.name, *self.on)

    def declare(self, scope: Scope) -> None:
        """Add the pools; offer contents, and the factor by which others change all repair of the clone."""
        for clone in self.on:
            _pool(scope, self.name, clone, self.start, self.name)
            if self.repair is not None:
                offer_once(scope, "repair", clone, sp.Integer(1))

    def connect(self, scope: Scope) -> None:
        """Write formation, repair, and repair by MGMT."""
        for clone in self.on:
            asked_by = f"{self.name} of {shown(clone)}"
            cells, pool = holder_of(scope, clone, asked_by), f"{self.name}_{clone}"
            for owner, given in self.formed_by:
                self._form(scope, owner, given, clone, cells)
            if self.repair is not None:
                rate = scope.parameter(
                    f"repair_{pool}",
                    self.repair,
                    unit="1/h",
                    lower=0.0,
                    description=f"repair rate of {self.name} in {clone}",
                )
                scope.process(
                    f"repair_{pool}",
                    rate * scope.find("repair", clone) * symbol(pool),
                    {pool: -1},
                    description=f"{clone} repairs {self.name}",
                )
            if self.suicide is not None:
                self._consume(scope, self.suicide, clone, asked_by)

    def _form(self, scope: Scope, owner: str, given: Given, clone: str, cells: Expression) -> None:
        asked_by = f"{self.name} of {shown(clone)}"
        concentration = scope.find("concentration", owner, asked_by)
        title = owner.replace("@", "_")
        rate = scope.parameter(
            f"formation_{self.name}_{title}_{clone}",
            given,
            unit=Unit.of("").times(scope.unit("concentration", owner, asked_by), -1).times(_HOUR, -1),
            lower=0.0,
            molar_mass=molar_mass_of(scope, owner.split("@")[0]),
            description=f"{self.name} that {owner} forms per {clone} cell, concentration and time",
        )
        scope.process(
            f"formation_{self.name}_{title}_{clone}",
            rate * concentration * cells,
            {f"{self.name}_{clone}": 1},
            description=f"{owner} forms {self.name} in {clone}",
        )

    def _consume(self, scope: Scope, given: Given, clone: str, asked_by: str) -> None:
        """``kr*A*G`` per cell, taken from both."""
        if not scope.offered("content", drug_at("mgmt", clone)):
            raise ModelError(f"{asked_by}: repair by suicide needs MGMT; declare damage.mgmt({clone!r}, ...)")
        pool, enzyme = f"{self.name}_{clone}", scope.find("content", drug_at("mgmt", clone))
        rate = scope.parameter(
            f"suicide_{pool}",
            given,
            unit="1/h",
            lower=0.0,
            description=f"rate at which one MGMT meets one of {self.name} in {clone}",
        )
        scope.process(
            f"suicide_{pool}",
            rate * symbol(pool) * per_unit(enzyme, symbol(clone)),
            {pool: -1, str(enzyme): -1},
            description=f"MGMT of {clone} removes {self.name}, one for one, and is used up",
        )


@takes(ModelError, formed_by=TABLE, on=TEXTS, name=TEXT)
def adducts(
    *,
    formed_by: Mapping[str, Given],
    on: str | Sequence[str],
    repair: Given | None = None,
    suicide: Given | None = None,
    start: Given = 0.0,
    name: str = "adducts",
) -> Mechanism:
    """Adducts that drugs form on the DNA of a clone, and their repair.

    Per cell of the clone, with A the adducts and G the MGMT (`damage.mgmt`)::

        A' = sum(kf*C) - kr*G*A - kx*A - dilution        G' = ... - kr*G*A

    MGMT is consumed one for one: without formation, other repair and synthesis, A ends at ``max(A0 - G0, 0)`` and G at
    ``max(G0 - A0, 0)``. Deaths follow from A through `death.path`, as ``death.path("adducts", on=...)``.

    Parameters
    ----------
    formed_by : mapping of str to quantity, Parameter or Formula
        Drug to kf, adducts per cell, concentration and time; ``"tmz@tumour"`` takes the concentration at a site,
        ``"tmz@S"`` that in the cells. Parameters ``formation_adducts_<drug>_<clone>``.
    on : str or sequence of str
        Clones, or ``damaged_<clone>`` (`death.damaged`), as numbers of cells.
    repair : quantity, Parameter or Formula, optional
        kx, per time; parameter ``repair_adducts_<clone>``.
    suicide : quantity, Parameter or Formula, optional
        kr, per time and per MGMT molecule; parameter ``suicide_adducts_<clone>``. Needs `damage.mgmt`.
    start : float, Parameter or Formula
        Adducts per cell at time zero; parameter ``adducts0_<clone>``.
    name : str
        What the damage is called: pools ``<name>_<clone>``, observables ``<name>_in_<clone>``. Another name is another
        damage of the same cells, with its own repair; the MGMT of a clone is shared by all damage that it meets.

    Returns
    -------
    Mechanism

    Raises
    ------
    ModelError
        A drug or a clone is unknown, or MGMT is not declared where it should repair.
    UnitError
        A quantity has no unit or the wrong one.

    Notes
    -----
    The form is that of the repair of O6-methylguanine by MGMT after temozolomide, as it is usually written; full
    systems are in Ballesta et al. 2014 (CPT Pharmacometrics Syst Pharmacol 3:e112). Rate constants per cell are not
    measured as such: wide priors.

    Examples
    --------
    >>> import pkpd_mdr as mdr
    >>> model = mdr.Model(
    ...     mdr.medium("tmz"),
    ...     mdr.clone("S"),
    ...     mdr.damage.adducts(formed_by={"tmz": "2 1/uM/h"}, on="S", repair="0.02 1/h"),
    ... )
    >>> print(model.derivatives["adducts_S"])
    S*formation_adducts_tmz_S*medium_tmz - adducts_S*repair_adducts_S
    """
    return Adducts(tuple(formed_by.items()), names_of(on, name), repair, suicide, start, name)


@dataclass(frozen=True, slots=True)
class Mgmt:
    """Declaration behind `mgmt`."""

    on: tuple[str, ...]
    start: Given = 0.0
    synthesis: Given | None = None
    degradation: Given | None = None
    inactivated_by: tuple[DrugEffect, ...] = ()

    @property
    def label(self) -> str:
        """``mgmt_<clone>``."""
        return joined("mgmt", *self.on)

    def declare(self, scope: Scope) -> None:
        """Add the pools; offer contents and synthesis."""
        for clone in self.on:
            _pool(scope, "mgmt", clone, self.start, "MGMT")
            speed: Expression = sp.Integer(0)
            if self.synthesis is not None:
                speed = scope.parameter(
                    f"synthesis_mgmt_{clone}",
                    self.synthesis,
                    unit="1/h",
                    lower=0.0,
                    description=f"MGMT made per {clone} cell and time",
                )
            scope.offer("mgmt synthesis", clone, speed)

    def connect(self, scope: Scope) -> None:
        """Write synthesis, degradation and inactivation."""
        for clone in self.on:
            asked_by = f"MGMT of {shown(clone)}"
            cells, pool = holder_of(scope, clone, asked_by), f"mgmt_{clone}"
            speed = scope.find("mgmt synthesis", clone)
            if not speed.is_zero:
                scope.process(f"synthesis_{pool}", speed * cells, {pool: 1}, description=f"{clone} makes MGMT")
            lost = {pool: -1, "lost_mgmt": 1}
            if self.degradation is not None:
                rate = scope.parameter(
                    f"degradation_{pool}",
                    self.degradation,
                    unit="1/h",
                    lower=0.0,
                    description=f"degradation rate of MGMT in {clone}",
                )
                scope.process(
                    f"degradation_{pool}",
                    rate * symbol(pool),
                    lost,
                    transfer=True,
                    description=f"MGMT of {clone} is degraded",
                )
            for effect in self.inactivated_by:
                rate = effect.expression(scope, clone, unit="1/h", asked_by=asked_by, prefix="inactivation")
                scope.process(
                    f"inactivation_{effect.title}_{pool}",
                    rate * symbol(pool),
                    lost,
                    transfer=True,
                    description=f"{effect.drug} inactivates MGMT of {clone}",
                )


@takes(ModelError, on=TEXTS, inactivated_by=TABLE)
def mgmt(
    on: str | Sequence[str],
    *,
    start: Given = 0.0,
    synthesis: Given | None = None,
    degradation: Given | None = None,
    inactivated_by: Mapping[str, Given] | None = None,
) -> Mechanism:
    """O6-methylguanine-DNA methyltransferase (MGMT) per cell of a clone.

    ``G' = ksyn - kdeg*G - sum(slope*C)*G - dilution``, less what repair uses up (`damage.adducts`). A clone without
    MGMT (methylated promoter) is one with zeros.

    Parameters
    ----------
    on : str or sequence of str
        Clones, or ``damaged_<clone>`` (`death.damaged`), as numbers of cells.
    start : float, Parameter or Formula
        Molecules per cell at time zero; parameter ``mgmt0_<clone>``.
    synthesis : quantity, Parameter or Formula, optional
        ksyn, molecules per cell and time; parameter ``synthesis_mgmt_<clone>``. Others may scale it as the
        ``mgmt synthesis`` of the clone.
    degradation : quantity, Parameter or Formula, optional
        kdeg, per time; parameter ``degradation_mgmt_<clone>``.
    inactivated_by : mapping of str to quantity, Parameter or Formula, optional
        A pseudo-substrate such as O6-benzylguanine to its rate per concentration; parameters
        ``inactivation_slope_<drug>_<clone>``.

    Returns
    -------
    Mechanism
        With the pools ``mgmt_<clone>``, the observables ``mgmt_in_<clone>`` and the sink ``lost_mgmt``.

    Raises
    ------
    ModelError
        A clone or a drug is unknown.
    UnitError
        A quantity has no unit or the wrong one.

    Examples
    --------
    >>> import pkpd_mdr as mdr
    >>> model = mdr.Model(mdr.clone("R"), mdr.damage.mgmt("R", start=5e4, synthesis="500 1/h", degradation="0.01 1/h"))
    >>> print(model.processes["synthesis_mgmt_R"].rate)
    R*synthesis_mgmt_R
    """
    effects = tuple(DrugEffect(drug, slope=slope) for drug, slope in (inactivated_by or {}).items())
    return Mgmt(names_of(on, "mgmt"), start, synthesis, degradation, effects)
