"""Drugs beyond linear compartments: virtual amounts, saturable distribution, autoinduction, efflux in the gut."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial

import sympy as sp

from pkpd_mdr.arguments import TABLE, TEXT, takes
from pkpd_mdr.errors import ModelError, shown
from pkpd_mdr.expression import check_name, symbol
from pkpd_mdr.mechanisms.clock import check_since, declare_clock, start_clock, time_since
from pkpd_mdr.mechanisms.inhibitors import inhibition
from pkpd_mdr.mechanisms.names import POSITIVE, molar_mass_of
from pkpd_mdr.model.parts import Expression, Port
from pkpd_mdr.model.scope import Given, Mechanism, Scope
from pkpd_mdr.units import Unit

__all__ = [
    "Autoinduction",
    "GutEfflux",
    "SaturableDistribution",
    "Virtual",
    "autoinduction",
    "gut_efflux",
    "kpd",
    "saturable_distribution",
]

_PER_HOUR = Unit.of("1/h")


@dataclass(frozen=True, slots=True)
class Virtual:
    """Declaration behind `kpd`."""

    drug: str
    KDE: Given
    unit: Unit
    driver: str = "rate"

    def __post_init__(self) -> None:
        check_name(self.drug, "the name of a drug")
        if self.driver not in ("rate", "amount"):
            raise ModelError(
                f"kpd of {shown(self.drug)}: driver = {shown(self.driver)} is not 'rate' (KDE*A) or 'amount' (A)"
            )

    @property
    def label(self) -> str:
        """``pk_<drug>``, as for every pharmacokinetics."""
        return f"pk_{self.drug}"

    def declare(self, scope: Scope) -> None:
        """Add the virtual amount and its port, and offer what drives effects."""
        drug, name = self.drug, f"virtual_{self.drug}"
        amount = scope.state(name, unit=self.unit, kind="amount", balance=drug, description=f"virtual amount of {drug}")
        KDE = scope.parameter(
            f"KDE_{drug}", self.KDE, unit="1/h", lower=0.0, description=f"elimination of the virtual amount of {drug}"
        )
        driver, unit = (amount, self.unit) if self.driver == "amount" else (KDE * amount, self.unit.times(_PER_HOUR))
        scope.offer("elimination", drug, KDE)
        scope.offer("concentration", drug, driver, unit=unit)
        scope.offer("stock", drug, amount, unit=self.unit)
        scope.observable(f"C_{drug}", driver, unit, f"what drives the effects of {drug}")
        scope.port(Port(drug, "iv", "dose", self.unit, name, steady=(name,)))

    def connect(self, scope: Scope) -> None:
        """Write the elimination."""
        drug, name = self.drug, f"virtual_{self.drug}"
        rate = scope.find("elimination", drug) * symbol(name)
        scope.process(f"elimination_{drug}", rate, {name: -1}, description=f"{drug} is eliminated")


@takes(ModelError, drug=TEXT, unit=TEXT, driver=TEXT)
def kpd(drug: str, *, KDE: Given, unit: str = "", driver: str = "rate") -> Mechanism:
    """K-PD: pharmacokinetics without concentrations, for trials in which none was measured.

    A dose goes into a virtual amount, ``A' = -KDE*A``, and effects are driven by the virtual rate ``KDE*A`` (Jacqmin
    et al. 2007, J Pharmacokinet Pharmacodyn 34:57; so Ribba et al. 2012 and Mazzocco et al. 2015 in gliomas) or by A.
    The integral of the virtual rate is the dose, whatever KDE.

    Parameters
    ----------
    drug : str
        The drug's name in regimens.
    KDE : quantity, Parameter or Formula
        Elimination rate constant; parameter ``KDE_<drug>``.
    unit : str
        Unit of a dose: ``""`` where doses are counted, or ``"mg"``.
    driver : str
        ``"rate"`` or ``"amount"``: what kill laws see as the concentration of the drug.

    Returns
    -------
    Mechanism
        With the state ``virtual_<drug>``, the observable ``C_<drug>`` (the driver) and the port ``"iv"``.

    Raises
    ------
    ModelError
        The driver is unknown.
    UnitError
        A quantity has no unit or the wrong one.

    Examples
    --------
    Temozolomide as in Mazzocco et al. 2015, one unit dose per cycle:

    >>> import pkpd_mdr as mdr
    >>> model = mdr.Model(
    ...     mdr.pk.kpd("tmz", KDE="8.3 1/month"),
    ...     mdr.clone("P", growth=mdr.growth.exponential(rate="0.143 1/month")),
    ...     mdr.kill("tmz", on="P", slope="0.254"),
    ... )
    >>> print(model.processes["kill_tmz_P"].rate)
    KDE_tmz*P*slope_tmz_P*virtual_tmz
    """
    return Virtual(drug, KDE, Unit.of(unit), driver)


@dataclass(frozen=True, slots=True)
class SaturableDistribution:
    """Declaration behind `saturable_distribution`."""

    drug: str
    Vmax: Given
    Km: Given
    back: Given
    place: str = "saturable"

    def __post_init__(self) -> None:
        check_name(self.place, "the name of a compartment")

    @property
    def label(self) -> str:
        """``pk_<place>_<drug>``."""
        return f"pk_{self.place}_{self.drug}"

    def declare(self, scope: Scope) -> None:
        """Add the compartment."""
        drug, name = self.drug, f"{self.place}_{self.drug}"
        scope.state(
            name,
            unit=lambda: scope.unit("stock", drug, self.label),
            kind="amount",
            balance=drug,
            description=f"{drug} in {self.place}",
        )
        scope.settle(drug, name)

    def connect(self, scope: Scope) -> None:
        """Write both ways."""
        drug, name = self.drug, f"{self.place}_{self.drug}"
        central, mass = str(scope.find("stock", drug, self.label)), molar_mass_of(scope, drug)
        concentration = scope.find("concentration", drug, self.label)

        def slot(what: str, given: Given, unit: Unit, words: str, lower: float = 0.0) -> Expression:
            """A parameter of the place, with the drug's molar mass."""
            return scope.parameter(
                f"{what}_{name}", given, unit=unit, lower=lower, molar_mass=mass, description=f"{words} ({name})"
            )

        most = slot("Vmax", self.Vmax, scope.unit("stock", drug).times(_PER_HOUR), "largest rate of distribution")
        half = slot("Km", self.Km, scope.unit("concentration", drug), "concentration of half that rate", POSITIVE)
        back = slot("back", self.back, _PER_HOUR, "rate constant of return")
        scope.process(
            f"to_{name}",
            most * concentration / (half + concentration),
            {central: -1, name: 1},
            transfer=True,
            description=f"{drug} leaves the blood by a saturable path",
        )
        scope.process(
            f"from_{name}",
            back * symbol(name),
            {name: -1, central: 1},
            transfer=True,
            description=f"{drug} returns to the blood",
        )


@takes(ModelError, drug=TEXT, place=TEXT)
def saturable_distribution(drug: str, *, Vmax: Given, Km: Given, back: Given, place: str = "saturable") -> Mechanism:
    """A further compartment that a drug enters by a saturable path.

    ``A' = Vmax*C/(Km + C) - back*A``, beside the compartments of the drug's own model; what enters it leaves the
    blood. With C far below Km it is an ordinary compartment with the flow ``Vmax/Km``.

    Parameters
    ----------
    drug : str
        With pharmacokinetics.
    Vmax : quantity, Parameter or Formula
        Largest rate, amount per time; parameter ``Vmax_saturable_<drug>``.
    Km : quantity, Parameter or Formula
        Concentration of half that rate; parameter ``Km_saturable_<drug>``.
    back : quantity, Parameter or Formula
        Rate constant of return; parameter ``back_saturable_<drug>``.
    place : str
        Name of the compartment, which is the state ``<place>_<drug>``.

    Returns
    -------
    Mechanism

    Raises
    ------
    ModelError
        The drug has no pharmacokinetics.
    UnitError
        A quantity has no unit or the wrong one.

    Examples
    --------
    Paclitaxel with saturable elimination and distribution (values as used by Crombag et al. 2019 after Janssen et al.):

    >>> import pkpd_mdr as mdr
    >>> model = mdr.Model(
    ...     mdr.pk.two_compartment(
    ...         "pac",
    ...         V1="12 L",
    ...         Q="16.8 L/h",
    ...         V2="268 L",
    ...         Vmax="33.8 umol/h",
    ...         Km="0.44 uM",
    ...         molar_mass="853.9 g/mol",
    ...     ),
    ...     mdr.pk.saturable_distribution("pac", Vmax="177 umol/h", Km="1.61 uM", back="1.21 1/h"),
    ... )
    >>> list(model.states)
    ['central_pac', 'peripheral_pac', 'saturable_pac']
    """
    return SaturableDistribution(drug, Vmax, Km, back, place)


@dataclass(frozen=True, slots=True)
class Autoinduction:
    """Declaration behind `autoinduction`."""

    drug: str
    rate: Given
    baseline: Given | None = None
    ec50: Given | None = None
    since: str = "first_dose"

    def __post_init__(self) -> None:
        check_since(self.since, f"autoinduction of {shown(self.drug)}")

    @property
    def label(self) -> str:
        """``autoinduction_<drug>``."""
        return f"autoinduction_{self.drug}"

    def declare(self, scope: Scope) -> None:
        """Scale the clearance; add the enzyme or the clock."""
        drug = self.drug
        if self.ec50 is not None:
            scope.state(f"induction_{drug}", unit="", description=f"induced share of the enzymes that clear {drug}")
            scope.settle(drug, f"induction_{drug}")
        else:
            declare_clock(scope, drug, self.since)
        scope.scale("clearance", drug, partial(self._induced, scope))

    def connect(self, scope: Scope) -> None:
        """Check that there is a clearance; write the turnover of the enzyme or the clock."""
        drug = self.drug
        scope.find("clearance", drug, self.label)
        if self.ec50 is None:
            start_clock(scope, drug, self.since, self.label)
            return
        concentration = scope.find("concentration", drug)
        half = scope.parameter(
            f"ec50_induction_{drug}",
            self.ec50,
            unit=scope.unit("concentration", drug),
            lower=POSITIVE,
            molar_mass=molar_mass_of(scope, drug),
            description=f"concentration of {drug} that induces half of its clearance",
        )
        share = symbol(f"induction_{drug}")
        rate = scope.find("induction rate", drug)
        scope.process(
            f"induction_{drug}",
            rate * (concentration / (half + concentration) - share),
            {str(share): 1},
            description=f"enzymes that clear {drug} turn over",
        )

    def _induced(self, scope: Scope) -> Expression:
        """CL/CLmax."""
        drug, base = self.drug, sp.Integer(0)
        rate = scope.parameter(
            f"kc_{drug}", self.rate, unit="1/h", lower=0.0, description=f"turnover of the enzymes that clear {drug}"
        )
        scope.offer("induction rate", drug, rate)
        if self.baseline is not None:
            base = scope.parameter(
                f"baseline_CL_{drug}",
                self.baseline,
                unit="",
                lower=0.0,
                upper=1.0,
                description=f"share of the clearance of {drug} before induction",
            )
        induced = 1 - sp.exp(-rate * time_since(drug, self.since)) if self.ec50 is None else symbol(f"induction_{drug}")
        return base + (1 - base) * induced


@takes(ModelError, drug=TEXT, since=TEXT)
def autoinduction(
    drug: str, *, rate: Given, baseline: Given | None = None, ec50: Given | None = None, since: str = "first_dose"
) -> Mechanism:
    """A drug induces its own clearance: ``CL`` of its pharmacokinetics becomes the fully induced one.

    ``CL(t) = CL*(b + (1 - b)*I)``, with one of two laws for the induced share I in [0, 1]:

    - as published for lorlatinib: ``I = 1 - exp(-kc*t)``, t the time since the first dose. It counts from the moment at
      which the drug is first in the blood (state ``clock_<drug>``), or from time zero with ``since="start"``, and never
      turns back, not even in a pause of treatment;
    - as turnover of the enzyme, if `ec50` is given: ``I' = kc*(C/(ec50 + C) - I)``, which turns back when the drug is
      gone. For C far above ec50 both are the same.

    Parameters
    ----------
    drug : str
        With pharmacokinetics that has a clearance.
    rate : quantity, Parameter or Formula
        kc; parameter ``kc_<drug>``.
    baseline : share, Parameter or Formula, optional
        b, the share of the clearance before induction; parameter ``baseline_CL_<drug>``. Zero if absent, as published.
    ec50 : quantity, Parameter or Formula, optional
        Concentration of half the induction; parameter ``ec50_induction_<drug>``.
    since : str
        ``"first_dose"`` or ``"start"``; of the published form.

    Returns
    -------
    Mechanism

    Raises
    ------
    ModelError
        The drug is unknown or has no clearance.
    UnitError
        A quantity has no unit or the wrong one.

    Examples
    --------
    Lorlatinib (clearance, kc and volumes as in Braniff et al.; the flow between compartments is assumed):

    >>> import pkpd_mdr as mdr
    >>> pk = mdr.pk.two_compartment("lor", CL="347.33 L/day", V1="120.5 L", Q="22 L/h", V2="154.9 L")
    >>> model = mdr.Model(pk, mdr.pk.autoinduction("lor", rate="0.48 1/day"))
    >>> print(model.processes["elimination_lor"].rate)
    CL_lor*central_lor*(1 - exp(-clock_lor*kc_lor))/V1_lor
    """
    return Autoinduction(drug, rate, baseline, ec50, since)


@dataclass(frozen=True, slots=True)
class GutEfflux:
    """Declaration behind `gut_efflux`."""

    drug: str
    loss: Given
    inhibitors: tuple[tuple[str, Given], ...] = ()

    @property
    def label(self) -> str:
        """``gut_efflux_<drug>``."""
        return f"gut_efflux_{self.drug}"

    def declare(self, scope: Scope) -> None:
        """Nothing yet: the depot and the inhibitors must be known."""

    def connect(self, scope: Scope) -> None:
        """Write the loss from the depot."""
        drug, depot = self.drug, f"depot_{self.drug}"
        if depot not in scope.states:
            raise ModelError(
                f"{self.label}: {shown(drug)} has no absorption from a depot; give its pharmacokinetics ka=..."
            )
        loss = scope.parameter(
            f"loss_gut_{drug}", self.loss, unit="1/h", lower=0.0, description=f"{drug} pumped back and lost in the gut"
        )
        rate = loss * symbol(depot) / inhibition(scope, self.inhibitors, f"gut_{drug}", self.label)
        scope.process(self.label, rate, {depot: -1}, description=f"{drug} is pumped back into the gut and lost")


@takes(ModelError, drug=TEXT, inhibitors=TABLE)
def gut_efflux(drug: str, *, loss: Given, inhibitors: Mapping[str, Given] | None = None) -> Mechanism:
    """P-gp in the gut wall keeps a drug out, unless the pump is inhibited. Form ours.

    The depot loses ``loss/(1 + sum(I/Ki))`` beside its absorption ka, so that the absorbed share is ``ka/(ka + loss)``
    without an inhibitor and one with the pump fully inhibited (times F, which stands for everything else).

    Parameters
    ----------
    drug : str
        With absorption from a depot (``ka``).
    loss : quantity, Parameter or Formula
        Per time; parameter ``loss_gut_<drug>``. Not measured as such: derive it from the bioavailabilities with and
        without an inhibitor.
    inhibitors : mapping of str to quantity, Parameter or Formula, optional
        Drug (or ``"drug@site"``) to its Ki; parameters ``Ki_<inhibitor>_gut_<drug>``.

    Returns
    -------
    Mechanism

    Raises
    ------
    ModelError
        The drug is not absorbed from a depot, or an inhibitor is unknown.
    UnitError
        A quantity has no unit or the wrong one.

    Examples
    --------
    >>> import pkpd_mdr as mdr
    >>> oral = mdr.pk.one_compartment("pac", CL="33.7 L/h", V="50.7 L", ka="0.724 1/h")
    >>> model = mdr.Model(oral, mdr.medium("enc"), mdr.pk.gut_efflux("pac", loss="3 1/h", inhibitors={"enc": "0.1 uM"}))
    >>> print(model.processes["gut_efflux_pac"].rate)
    depot_pac*loss_gut_pac/(1 + medium_enc/Ki_enc_gut_pac)
    """
    return GutEfflux(drug, loss, tuple((inhibitors or {}).items()))
