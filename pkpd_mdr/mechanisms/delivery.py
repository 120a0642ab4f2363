"""Where a drug arrives: tumour, brain and cerebrospinal fluid, behind barriers and pumps, free or in a carrier.

Each place offers the concentration of the drug there as ``dox@tumour``; kill laws take it with ``site="tumour"``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial

import sympy as sp

from pkpd_mdr.arguments import FLAG, TABLE, TEXT, takes
from pkpd_mdr.errors import ModelError, shown
from pkpd_mdr.expression import check_name, symbol
from pkpd_mdr.mechanisms.delivery_carrier import carrier, consumption
from pkpd_mdr.mechanisms.delivery_vasculature import vasculature
from pkpd_mdr.mechanisms.inhibitors import Inhibitors, inhibition
from pkpd_mdr.mechanisms.names import POSITIVE, drug_at, molar_mass_of
from pkpd_mdr.model.parts import Expression
from pkpd_mdr.model.scope import Formula, Given, Mechanism, Scope
from pkpd_mdr.units import Unit

__all__ = [
    "Site",
    "blood_brain_barrier",
    "carrier",
    "consumption",
    "csf",
    "tumour",
    "vasculature",
]

_HOUR = Unit.of("h")


@dataclass(frozen=True, slots=True)
class Site:
    """Declaration behind `tumour`, `blood_brain_barrier` and `csf`."""

    drug: str
    site: str
    kin: Given
    kout: Given
    fu: Given | None = None
    volume: Given | None = None
    barrier: Given | None = None
    pump: tuple[Given, Given] | None = None
    inhibitors: Inhibitors = ()
    quasi_steady: bool = False
    of_amount: bool = False

    def __post_init__(self) -> None:
        check_name(self.drug, "the name of a drug")
        check_name(self.site, "the name of a site")
        if self.quasi_steady and self.volume is not None:
            raise ModelError(
                f"{self.label}: a quasi-steady concentration holds no drug; leave out volume, or quasi_steady=True"
            )
        if self.inhibitors and self.pump is None:
            raise ModelError(f"{self.label}: inhibitors need a pump to inhibit; give Vmax and Km")

    @property
    def label(self) -> str:
        """``<site>_<drug>``, which is also the name of the state."""
        return f"{self.site}_{self.drug}"

    @property
    def owner(self) -> str:
        """``<drug>@<site>``."""
        return drug_at(self.drug, self.site)

    def declare(self, scope: Scope) -> None:
        """Add the state; offer the concentration and the factor on delivery."""
        drug, words = self.drug, f"{self.drug} in {self.site}"
        if self.volume is not None:
            volume = self._slot(scope, "V", self.volume, "L", "volume", lower=POSITIVE)
            scope.state(
                self.label,
                unit=lambda: self._stock_unit(scope),
                kind="amount",
                balance=drug,
                description=words,
            )
            scope.offer("stock", self.owner, symbol(self.label), unit=lambda: scope.unit("stock", drug))
            scope.offer("volume", self.owner, volume)
        elif not self.quasi_steady:
            scope.state(
                self.label,
                unit=lambda: scope.unit("concentration", drug, self.label),
                kind="concentration",
                description=words,
            )
        if not self.quasi_steady:
            scope.settle(drug, self.label)
        barrier: Expression = sp.Integer(0)
        if self.barrier is not None:
            barrier = self._slot(scope, "barrier", self.barrier, "", "share of the entry that is barred", upper=1.0)
            if isinstance(self.barrier, Formula):
                barrier = sp.Max(sp.Integer(0), sp.Min(sp.Integer(1), barrier, evaluate=False), evaluate=False)
        scope.offer("delivery", self.owner, 1 - barrier)
        scope.offer(
            "concentration",
            self.owner,
            partial(self._level, scope),
            unit=lambda: scope.unit("concentration", drug, self.label),
        )

    def _stock_unit(self, scope: Scope) -> Unit:
        """That of the amount in the blood, from which a place with a volume takes its drug."""
        scope.find("concentration", self.drug, self.label)
        if not scope.offered("stock", self.drug):
            raise ModelError(
                f"{self.label}: a place with a volume takes amounts out of the blood, and {shown(self.drug)} has none; "
                f"declare pk.one_compartment({shown(self.drug)}, ...), or a delivery.tumour(...) without volume"
            )
        return scope.unit("stock", self.drug)

    def connect(self, scope: Scope) -> None:
        """Write entry, return and efflux."""
        level = scope.find("concentration", self.owner)
        scope.observable(
            f"C_{self.drug}_{self.site}",
            level,
            scope.unit("concentration", self.owner),
            f"concentration of {self.drug} in {self.site}",
        )
        if self.quasi_steady:
            return
        self._move(scope, "to", self._entry(scope), 1, "reaches")
        kout = self._slot(scope, "kout", self.kout, "1/h", "rate constant of return")
        self._move(scope, "from", kout * level, -1, "leaves")
        if self.pump is not None:
            most, half = self._pump(scope)
            self._move(scope, "efflux", most * level / (half + level), -1, "is pumped out of")

    def _move(self, scope: Scope, what: str, rate: Expression, sign: int, words: str) -> None:
        """A rate in concentration per time, with mass balance where the site has a volume."""
        name, moves, transfer = f"{what}_{self.label}", {self.label: sign}, False
        if self.volume is not None:
            rate, transfer = rate * scope.find("volume", self.owner), True
            moves[str(scope.find("stock", self.drug))] = -sign
        scope.process(name, rate, moves, transfer=transfer, description=f"{self.drug} {words} {self.site}")

    def _entry(self, scope: Scope) -> Expression:
        """Concentration per time that enters."""
        kin = self._slot(scope, "kin", self.kin, "1/h", "rate constant of entry")
        rate = scope.find("delivery", self.owner) * kin
        if self.of_amount:
            return rate * scope.find("stock", self.drug, self.label) / scope.find("volume", self.owner)
        rate *= scope.find("concentration", self.drug, self.label)
        if self.fu is not None:
            rate *= self._slot(scope, "fu", self.fu, "", "unbound share in plasma", upper=1.0)
        return rate

    def _pump(self, scope: Scope) -> tuple[Expression, Expression]:
        """Largest rate and apparent Km of the pump."""
        assert self.pump is not None
        unit = scope.unit("concentration", self.drug)
        most = self._slot(scope, "Vmax", self.pump[0], unit.times(_HOUR, -1), "largest rate of the pump")
        half = self._slot(scope, "Km", self.pump[1], unit, "concentration of half that rate", lower=POSITIVE)
        return most, half * inhibition(scope, self.inhibitors, f"{self.drug}_{self.site}", self.label)

    def _level(self, scope: Scope) -> Expression:
        """The concentration: a state, an amount by volume, or the root of entry = return + efflux."""
        if self.volume is not None:
            return symbol(self.label) / scope.find("volume", self.owner)
        if not self.quasi_steady:
            return symbol(self.label)
        entry = self._entry(scope)
        kout = self._slot(scope, "kout", self.kout, "1/h", "rate constant of return", lower=POSITIVE)
        if self.pump is None:
            return entry / kout
        most, half = self._pump(scope)
        middle = kout * half + most - entry
        # the root of kout*C**2 + middle*C - entry*half, in the form that does not cancel for a small entry
        return 2 * entry * half / (middle + sp.sqrt(middle**2 + 4 * kout * entry * half))

    def _slot(
        self,
        scope: Scope,
        what: str,
        given: Given,
        unit: str | Unit,
        words: str,
        *,
        lower: float = 0.0,
        upper: float = float("inf"),
    ) -> Expression:
        return scope.parameter(
            f"{what}_{self.drug}_{self.site}",
            given,
            unit=unit,
            lower=lower,
            upper=upper,
            molar_mass=molar_mass_of(scope, self.drug),
            description=f"{words} ({self.drug}, {self.site})",
        )


@takes(ModelError, drug=TEXT, site=TEXT, quasi_steady=FLAG)
def tumour(
    drug: str,
    *,
    kin: Given,
    kout: Given,
    fu: Given | None = None,
    volume: Given | None = None,
    barrier: Given | None = None,
    site: str = "tumour",
    quasi_steady: bool = False,
) -> Mechanism:
    """A drug in the tumour, behind a barrier of stroma and poor vessels.

    ``Ct' = (1 - B)*kin*fu*C - kout*Ct`` with C the concentration in plasma and B in [0, 1] the barrier, at 1 of which
    nothing enters. At steady state ``Ct/C = (1 - B)*fu*kin/kout``. Stroma and others may scale the entry further (it is
    offered as the ``delivery`` of ``<drug>@<site>``).

    Parameters
    ----------
    drug : str
        With pharmacokinetics (or in a medium, without `volume`).
    kin, kout : quantity, Parameter or Formula
        Rate constants of entry and return, per time; parameters ``kin_<drug>_tumour`` and ``kout_<drug>_tumour``.
    fu : share, Parameter or Formula, optional
        Unbound share in plasma; parameter ``fu_<drug>_tumour``. All of it if absent.
    volume : quantity, Parameter or Formula, optional
        With it the place holds the amount ``A = Ct*Vt`` (parameter ``V_<drug>_tumour``), and what enters, returns and
        is pumped out leaves the blood and comes back to it: ``A' = Vt*(what Ct' has above)``, the blood the negative.
        Without it, as for an effect site, no mass moves.
    barrier : share, Parameter or Formula, optional
        B; parameter ``barrier_<drug>_tumour``. Zero if absent; a formula, such as ``formula("hypoperfusion")`` of
        `vasculature`, is kept within [0, 1].
    site : str
        Name of the place: the state is ``<site>_<drug>``, the observable ``C_<drug>_<site>``, and kill laws take
        ``site=<site>``.
    quasi_steady : bool
        No state: entry equals return at any time. Good where kout is fast beside everything else.

    Returns
    -------
    Mechanism

    Raises
    ------
    ModelError
        The drug is unknown, or a quasi-steady place was given a volume.
    UnitError
        A quantity has no unit or the wrong one.

    Examples
    --------
    >>> import pkpd_mdr as mdr
    >>> model = mdr.Model(
    ...     mdr.pk.one_compartment("dox", CL="50 L/h", V="18 L", molar_mass="543.5 g/mol"),
    ...     mdr.delivery.tumour("dox", kin="0.5 1/h", kout="0.5 1/h", barrier=0.6),
    ...     mdr.clone("S"),
    ...     mdr.kill("dox", on="S", slope="1 1/uM/day", site="tumour"),
    ... )
    >>> print(model.processes["to_tumour_dox"].rate)
    central_dox*kin_dox_tumour*(1 - barrier_dox_tumour)/V_dox
    """
    return Site(drug, site, kin, kout, fu, volume, barrier, quasi_steady=quasi_steady)


@takes(ModelError, drug=TEXT, inhibitors=TABLE, site=TEXT, quasi_steady=FLAG)
def blood_brain_barrier(
    drug: str,
    *,
    kin: Given,
    kout: Given,
    Vmax: Given,
    Km: Given,
    inhibitors: Mapping[str, Given] | None = None,
    fu: Given | None = None,
    volume: Given | None = None,
    barrier: Given | None = None,
    site: str = "brain",
    quasi_steady: bool = False,
) -> Mechanism:
    """A drug in the brain, from which P-gp pumps it back into the blood.

    ``Cb' = (1 - B)*kin*fu*C - kout*Cb - Vmax*Cb/(Km*(1 + sum(I/Ki)) + Cb)``. At low concentration the pump lowers
    ``Cb/C`` by the factor ``1 + Vmax/(kout*Km)``, and by ``1 + Vmax/(kout*Km*(1 + I/Ki))`` under an inhibitor at I; a
    strong inhibitor restores the brain without pump.

    Parameters
    ----------
    drug : str
        With pharmacokinetics (or in a medium, without `volume`).
    kin, kout, fu, volume, barrier, quasi_steady
        As in `tumour`; their parameters end in ``_<drug>_brain``.
    Vmax : quantity, Parameter or Formula
        Largest rate of the pump, concentration per time; parameter ``Vmax_<drug>_brain``.
    Km : quantity, Parameter or Formula
        Concentration of half that rate; parameter ``Km_<drug>_brain``.
    inhibitors : mapping of str to quantity, Parameter or Formula, optional
        Drug to its Ki, taken at its plasma concentration (``"psc@brain"`` for another place); parameters
        ``Ki_<inhibitor>_<drug>_brain``.
    site : str
        Name of the place.

    Returns
    -------
    Mechanism

    Raises
    ------
    ModelError
        A drug or an inhibitor is unknown, or a quasi-steady place was given a volume.
    UnitError
        A quantity has no unit or the wrong one.

    Notes
    -----
    Rate constants into the brain are rarely measured one by one: treat them as wide priors around a measured ratio.

    Examples
    --------
    >>> import pkpd_mdr as mdr
    >>> model = mdr.Model(
    ...     mdr.medium("pac"),
    ...     mdr.medium("psc"),
    ...     mdr.delivery.blood_brain_barrier(
    ...         "pac", kin="0.1 1/h", kout="0.1 1/h", Vmax="1 uM/h", Km="0.5 uM", inhibitors={"psc": "0.05 uM"}
    ...     ),
    ... )
    >>> sorted(model.processes)
    ['efflux_brain_pac', 'from_brain_pac', 'to_brain_pac']
    """
    pairs = tuple((inhibitors or {}).items())
    return Site(drug, site, kin, kout, fu, volume, barrier, (Vmax, Km), pairs, quasi_steady)


@takes(ModelError, drug=TEXT, site=TEXT)
def csf(
    drug: str, *, kin: Given, kout: Given, volume: Given, barrier: Given | None = None, site: str = "csf"
) -> Mechanism:
    """A drug in the cerebrospinal fluid, exchanged with the plasma in amounts.

    ``Acsf' = (1 - B)*kin*Aplasma - kout*Acsf``, ``Ccsf = Acsf/V`` (Ostermann et al. 2004, Clin Cancer Res 10:3728). The
    areas under the concentrations are in the ratio ``kin*Vplasma/(kout*V)``.

    Parameters
    ----------
    drug : str
        With pharmacokinetics.
    kin, kout : quantity, Parameter or Formula
        Rate constants of the amounts, per time; parameters ``kin_<drug>_csf`` and ``kout_<drug>_csf``.
    volume : quantity, Parameter or Formula
        Of the fluid; parameter ``V_<drug>_csf``.
    barrier : share, Parameter or Formula, optional
        B; parameter ``barrier_<drug>_csf``.
    site : str
        Name of the place.

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
    Temozolomide (Ostermann et al. 2004; the volume of the fluid is not published there, 0.14 L is a usual value):

    >>> import pkpd_mdr as mdr
    >>> model = mdr.Model(
    ...     mdr.pk.one_compartment("tmz", CL="10 L/h", V="30.3 L", ka="5.8 1/h"),
    ...     mdr.delivery.csf("tmz", kin="7.2e-4 1/h", kout="0.76 1/h", volume="0.14 L"),
    ... )
    >>> model.observables["C_tmz_csf"].unit.text
    'mg/L'
    """
    return Site(drug, site, kin, kout, volume=volume, barrier=barrier, of_amount=True)
