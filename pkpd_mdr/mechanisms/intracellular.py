"""Drug inside cells: entry, P-gp efflux with inhibitors, binding, storage, metabolism and sorting into vesicles."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from pkpd_mdr.arguments import FLAG, TABLE, TEXT, TEXTS, takes
from pkpd_mdr.errors import ModelError, did_you_mean, shown
from pkpd_mdr.expression import check_name
from pkpd_mdr.mechanisms.cell_drug import CellDrug, outside_stock
from pkpd_mdr.mechanisms.inhibitors import Inhibitors
from pkpd_mdr.mechanisms.names import drug_at, joined, names_of
from pkpd_mdr.model.scope import Given, Mechanism, Scope

__all__ = ["Intracellular", "intracellular"]

_FORMS = ("dynamic", "quasi-steady")


@dataclass(frozen=True, slots=True)
class Intracellular:
    """Declaration behind `intracellular`."""

    drug: str
    on: tuple[str, ...]
    k0: Given
    volume: Given = "1 pL"
    vP: Given | None = None
    Km: Given | None = None
    inhibitors: Inhibitors = ()
    kb: Given | None = None
    kd: Given | None = None
    Bmax: Given | None = None
    kseq: Given | None = None
    krel: Given | None = None
    kmet: Given | None = None
    ksort: Given | None = None
    kout: Given | None = None
    into: str = ""
    site: str = ""
    form: str = "dynamic"
    consumed: bool = False
    outside_volume: Given | None = None
    dead: str = "lost"

    def __post_init__(self) -> None:
        check_name(self.drug, "the name of a drug")
        where = f"{shown(self.drug)} inside cells"
        if self.form not in _FORMS:
            raise ModelError(f"{where}: form {shown(self.form)} is not known{did_you_mean(self.form, _FORMS)}")
        if self.dead not in ("lost", "released"):
            raise ModelError(
                f"{where}: dead = {shown(self.dead)} is not 'lost' (recorded) or 'released' (back to the outside)"
            )
        for names, rule in (
            (("vP", "Km"), "efflux needs both"),
            (("kb", "kd", "Bmax"), "binding needs all three"),
        ):
            missing = [name for name in names if getattr(self, name) is None]
            if 0 < len(missing) < len(names):
                raise ModelError(f"{where}: {', '.join(missing)} is missing; {rule}: {', '.join(names)}")
        for name, needed, why in (
            ("inhibitors", "vP", "there is no efflux to inhibit"),
            ("krel", "kseq", "nothing is stored that could be released"),
            ("kout", "ksort", "nothing is sorted that could leave"),
            ("into", "ksort", "nothing is sorted into vesicles"),
            ("outside_volume", "consumed", "the outside loses nothing unless consumed=True"),
        ):
            if getattr(self, name) and not getattr(self, needed):
                raise ModelError(f"{where}: {name} is given without {needed}; {why}")
        if self.dead == "released" and not self.consumed:
            raise ModelError(f"{where}: dead='released' needs consumed=True, so that the outside is a stock")
        if self.form == "quasi-steady" and (self.consumed or self.kout is not None or self.into):
            raise ModelError(
                f"{where}: the quasi-steady form holds no drug, so that it cannot balance it; leave out consumed, "
                "kout and into, or use form='dynamic'"
            )

    @property
    def label(self) -> str:
        """``intracellular_<drug>_<clones>``."""
        return joined("intracellular", self.drug, *self.on)

    @property
    def outside(self) -> str:
        """Owner of the concentration around the cells."""
        return drug_at(self.drug, self.site)

    @property
    def dynamic(self) -> bool:
        """Whether the drug in the cells is a state."""
        return self.form == "dynamic"

    def declare(self, scope: Scope) -> None:
        """Add the pools and offer concentrations, efflux and metabolism."""
        for clone in self.on:
            CellDrug(self, scope, clone).declare()

    def connect(self, scope: Scope) -> None:
        """Write what the drug does in the cells."""
        stock = self._stock(scope)
        for clone in self.on:
            CellDrug(self, scope, clone).connect(stock)

    def _stock(self, scope: Scope) -> str:
        """The state around the cells that loses what they take up; "" if it is not counted."""
        scope.find("concentration", self.outside, self.label)
        if not self.consumed:
            return ""
        ending = joined(self.drug, *self.on)
        return outside_stock(scope, self.drug, self.site, self.outside_volume, self.label, ending)


@takes(ModelError, drug=TEXT, on=TEXTS, inhibitors=TABLE, into=TEXT, site=TEXT, form=TEXT, consumed=FLAG, dead=TEXT)
def intracellular(
    drug: str,
    *,
    on: str | Sequence[str],
    k0: Given,
    volume: Given = "1 pL",
    vP: Given | None = None,
    Km: Given | None = None,
    inhibitors: Mapping[str, Given] | None = None,
    kb: Given | None = None,
    kd: Given | None = None,
    Bmax: Given | None = None,
    kseq: Given | None = None,
    krel: Given | None = None,
    kmet: Given | None = None,
    ksort: Given | None = None,
    kout: Given | None = None,
    into: str = "",
    site: str = "",
    form: str = "dynamic",
    consumed: bool = False,
    outside_volume: Given | None = None,
    dead: str = "lost",
) -> Mechanism:
    """A drug inside the cells of a clone, C, around which its concentration is Ce.

    With P the P-gp per cell (`pkpd_mdr.pgp.content`; 1 if the model has none for the clone), B bound and L stored::

        C' = k0*(Ce - C) - vP*P*C/(Km*(1 + sum(I/Ki)) + C) - kb*(Bmax - B)*C + kd*B
             - kseq*C + krel*L - kmet*C - ksort*C - dilution
        B' = kb*(Bmax - B)*C - kd*B - dilution         L' = kseq*C - krel*L - dilution

    Vmax is proportional to P-gp (Robertus et al. 2025, Molecules 30:3014), inhibitors compete (Eur J Biochem 2000,
    267:649). What is inside is held as pools of the clone (``dox_in_S``, ``dox_bound_S``, ``dox_stored_S``,
    ``dox_sorted_S``), so that division dilutes it and dying or switching cells take it along. The concentration is
    offered at the site of the clone's name: ``kill("dox", on="S", site="S", ...)``; bound and stored drug at
    ``"S_bound"`` and ``"S_stored"``. At low concentrations and without other losses
    ``C/Ce = 1/(1 + vP*P/(k0*Km))``, so that P-gp shifts an IC50 by ``1 + vP*P/(k0*Km)``.

    The quasi-steady form sets C' = B' = L' = 0 without dilution and solves for C: no states, and equal to the dynamic
    form where the drug is fast against growth. For anthracyclines k0 is 0.1 to 3 per hour and vP*P/(k0*Km) from 0 to
    30 (recalled, to be taken as wide priors).

    Parameters
    ----------
    drug : str
        A drug with pharmacokinetics or in a medium.
    on : str or sequence of str
        Clones, as numbers of cells; each has parameters of its own.
    k0 : quantity, Parameter or Formula
        Passive entry and leak, per time; parameter ``k0_<drug>_<clone>``.
    volume : quantity, Parameter or Formula
        Of a cell; parameter ``vcell_<drug>_<clone>``. One picolitre is an assumption.
    vP, Km : quantity, Parameter or Formula, optional
        Largest efflux per unit of P-gp, concentration per time, and its half-saturation; ``vP_<drug>_<clone>`` ...
    inhibitors : mapping of str to quantity, optional
        Drug (``"ver"``, or ``"ver@tumour"`` at a site) to its Ki; parameters ``Ki_<inhibitor>_<drug>_<clone>``.
    kb, kd, Bmax : quantity, Parameter or Formula, optional
        Binding (per concentration and time), unbinding (per time), sites (concentration in the cell).
    kseq, krel : quantity, Parameter or Formula, optional
        Storage in lysosomes or vesicles of the cell, and its reversal; per time.
    kmet : quantity, Parameter or Formula, optional
        Metabolism, per time; into ``metabolised_<drug>``.
    ksort, kout : quantity, Parameter or Formula, optional
        Sorting for export, per time; with kout it waits in ``<drug>_sorted_<clone>`` and leaves at that rate.
    into : str
        Vesicles that carry the exported drug (`pkpd_mdr.vesicles.drug`); the sink ``exported_<drug>`` if absent.
    site : str
        Where the cells are: ``""`` (medium or plasma) or a site such as ``"tumour"``.
    form : str
        ``"dynamic"`` or ``"quasi-steady"``.
    consumed : bool
        Whether the outside loses what cells take up, so that the drug is balanced.
    outside_volume : quantity, Parameter or Formula, optional
        Where the outside is a concentration (a medium): its volume; parameter ``volume_<drug>_<clones>``.
    dead : str
        Where the drug of dying cells goes: ``"lost"`` (the sink ``lost_<drug>``) or ``"released"`` (outside).

    Returns
    -------
    Mechanism

    Raises
    ------
    ModelError
        A clone or a drug is unknown, a part of an efflux or a binding is missing, or options do not go together.
    UnitError
        A quantity has no unit or the wrong one.

    Examples
    --------
    >>> import pkpd_mdr as mdr
    >>> model = mdr.Model(
    ...     mdr.medium("dox", unit="uM", start="1 nM"),
    ...     mdr.clone("R", start=1e6),
    ...     mdr.pgp.content("R", start=1),
    ...     mdr.intracellular("dox", on="R", k0="1 1/h", vP="9 uM/h", Km="1 uM"),
    ... )
    >>> run = model.simulate(until="24 h", times="24 h")
    >>> round(float(run.frame["C_dox_R"].iloc[-1] / run.frame["C_dox"].iloc[-1]), 3)
    0.1
    """
    return Intracellular(
        drug,
        names_of(on, f"{shown(drug)} inside cells"),
        k0,
        volume,
        vP,
        Km,
        tuple((inhibitors or {}).items()),
        kb,
        kd,
        Bmax,
        kseq,
        krel,
        kmet,
        ksort,
        kout,
        into,
        site,
        form,
        consumed,
        outside_volume,
        dead,
    )
