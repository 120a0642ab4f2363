"""Drugs in carriers, and drugs that cells use up."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import sympy as sp

from pkpd_mdr.arguments import TEXT, TEXTS, takes
from pkpd_mdr.errors import ModelError, shown
from pkpd_mdr.expression import check_name, symbol
from pkpd_mdr.mechanisms.names import POSITIVE, cells_of, drug_at, joined, molar_mass_of, names_of, read_molar_mass
from pkpd_mdr.model.parts import Expression, Port
from pkpd_mdr.model.scope import Given, Mechanism, Scope
from pkpd_mdr.units import Quantity, Unit

__all__ = ["Carrier", "Consumption", "carrier", "consumption"]


@dataclass(frozen=True, slots=True)
class Carrier:
    """Declaration behind `carrier`."""

    name: str
    drug: str
    CL: Given
    V: Given
    release: Given
    uptake: Given | None = None
    leakage: Given | None = None
    site: str = "tumour"
    molar_mass: Quantity | None = None

    def __post_init__(self) -> None:
        check_name(self.name, "the name of a carrier")
        check_name(self.drug, "the name of a drug")
        check_name(self.site, "the name of a site")
        if self.name == self.drug:
            raise ModelError(
                f"{self.label}: the carrier and the free drug need different names, such as 'pld' that carries 'dox'"
            )
        if self.uptake is None and self.leakage is None:
            raise ModelError(
                f"{self.label}: no drug leaves the carrier; give uptake (into {shown(self.site)}), leakage (in the "
                "blood), or both"
            )

    @property
    def label(self) -> str:
        """``carrier_<name>``."""
        return f"carrier_{self.name}"

    @property
    def unit(self) -> Unit:
        """Of the amounts."""
        return Unit.of("mg" if self.molar_mass is None else "umol")

    @property
    def lodged(self) -> str:
        """The state of the carrier at the site."""
        return f"{self.site}_{self.name}"

    def declare(self, scope: Scope) -> None:
        """Add the encapsulated amounts and the port."""
        name, blood, drug = self.name, f"central_{self.name}", self.drug
        states = [blood] + [self.lodged] * (self.uptake is not None)
        for state in states:
            place = "the blood" if state == blood else self.site
            scope.state(
                state, unit=self.unit, kind="amount", balance=drug, description=f"{drug} in carriers in {place}"
            )
            scope.settle(drug, state)
        V = self._slot(scope, "V", self.V, "L", "volume", lower=POSITIVE)
        unit = Unit.of("mg/L" if self.molar_mass is None else "uM")
        scope.offer("concentration", name, symbol(blood) / V, unit=unit)
        scope.offer("stock", name, symbol(blood), unit=self.unit)
        scope.offer("volume", name, V)
        scope.offer("clearance", name, lambda: self._slot(scope, "CL", self.CL, "L/h", "clearance"))
        scope.offer("delivery", drug_at(name, self.site), sp.Integer(1))
        scope.observable(f"C_{name}", symbol(blood) / V, unit, f"{drug} in carriers in the blood, per volume")
        scope.port(Port(name, "iv", "dose", self.unit, blood, molar_mass=self.molar_mass, steady=tuple(states)))

    def connect(self, scope: Scope) -> None:
        """Write clearance, leakage, uptake and release."""
        name, blood, drug = self.name, f"central_{self.name}", self.drug
        if not scope.unit("stock", drug, self.label).like(self.unit):
            raise ModelError(
                f"{self.label} holds {self.unit.text}, but {shown(drug)} is in {scope.unit('stock', drug).text}; give "
                "both the molar mass, or neither"
            )
        cleared = scope.find("clearance", name) * scope.find("concentration", name)
        scope.process(f"elimination_{name}", cleared, {blood: -1}, description=f"{name} is cleared with its content")
        if self.leakage is not None:
            leakage = self._slot(scope, "leakage", self.leakage, "1/h", "release in the blood")
            self._transfer(scope, "leakage", leakage * symbol(blood), blood, str(scope.find("stock", drug)))
        if self.uptake is None:
            return
        owner = drug_at(drug, self.site)
        if not scope.offered("stock", owner):
            there = scope.offered("concentration", owner)
            reason = "has a concentration without a volume" if there else "is not in the model"
            raise ModelError(
                f"{self.label} releases into {shown(owner)}, which {reason}; declare that site with a volume, such as "
                f"delivery.tumour({shown(drug)}, site={shown(self.site)}, volume='0.1 L', ...)"
            )
        target = scope.find("stock", owner)
        uptake = self._slot(scope, "uptake", self.uptake, "1/h", f"entry into {self.site} through leaky vessels")
        entry = scope.find("delivery", drug_at(name, self.site)) * uptake * symbol(blood)
        self._transfer(scope, "uptake", entry, blood, self.lodged)
        release = self._slot(scope, "release", self.release, "1/h", f"release in {self.site}")
        self._transfer(scope, "release", release * symbol(self.lodged), self.lodged, str(target))

    def _transfer(self, scope: Scope, what: str, rate: Expression, source: str, into: str) -> None:
        scope.process(
            f"{what}_{self.name}",
            rate,
            {source: -1, into: 1},
            transfer=True,
            description=f"{what} of {self.drug} in {self.name}",
        )

    def _slot(self, scope: Scope, what: str, given: Given, unit: str, words: str, *, lower: float = 0.0) -> Expression:
        name = joined(what, self.name)
        return scope.parameter(name, given, unit=unit, lower=lower, description=f"{words} of {self.name}")


@takes(ModelError, name=TEXT, drug=TEXT, site=TEXT)
def carrier(
    name: str,
    *,
    drug: str,
    CL: Given,
    V: Given,
    release: Given,
    uptake: Given | None = None,
    leakage: Given | None = None,
    site: str = "tumour",
    molar_mass: str | tuple[float, str] | Quantity | None = None,
) -> Mechanism:
    """A liposome or nano-carrier that brings a drug to the tumour.

    With L the drug in carriers in the blood and Lt in carriers that lodged in the tumour (enhanced permeability and
    retention)::

        L' = dose - (CL/V)*L - leakage*L - uptake*L        Lt' = uptake*L - release*Lt

    ``leakage*L`` enters the free drug in the blood, ``release*Lt`` the free drug in the tumour; what is cleared takes
    its content with it. Nothing is lost otherwise. What scales the ``delivery`` of ``<name>@<site>`` scales the uptake.

    Parameters
    ----------
    name : str
        The carrier's name in regimens, such as ``"pld"``.
    drug : str
        What it carries; it needs pharmacokinetics of its own and, for `uptake`, a `tumour` with a volume.
    CL, V : quantity, Parameter or Formula
        Clearance and volume of the carrier; parameters ``CL_<name>`` and ``V_<name>``.
    release : quantity, Parameter or Formula
        Rate constant in the tumour; parameter ``release_<name>``. The best one is about 0.06 1/h whatever growth,
        sensitivity and blood flow, by the model of Harashima et al. 1999.
    uptake : quantity, Parameter or Formula, optional
        Rate constant from blood to tumour; parameter ``uptake_<name>``.
    leakage : quantity, Parameter or Formula, optional
        Rate constant of release in the blood; parameter ``leakage_<name>``.
    site : str
        The place where carriers lodge.
    molar_mass : quantity, optional
        Of the drug, as in its pharmacokinetics.

    Returns
    -------
    Mechanism
        With the states ``central_<name>`` and ``<site>_<name>``, the observable ``C_<name>`` and the port ``"iv"``.

    Raises
    ------
    ModelError
        No drug leaves the carrier, the drug or its place is unknown or has no volume, or amounts are in other units.
    UnitError
        A quantity has no unit or the wrong one.

    Notes
    -----
    Uptake and release in human tumours are rarely measured: wide priors.

    Examples
    --------
    >>> import pkpd_mdr as mdr
    >>> model = mdr.Model(
    ...     mdr.pk.one_compartment("dox", CL="50 L/h", V="18 L"),
    ...     mdr.delivery.tumour("dox", kin="0.5 1/h", kout="0.5 1/h", volume="0.1 L"),
    ...     mdr.delivery.carrier(
    ...         "pld", drug="dox", CL="0.04 L/h", V="4 L", uptake="1e-3 1/h", release="0.06 1/h", leakage="1e-3 1/h"
    ...     ),
    ... )
    >>> print(model.derivatives["tumour_pld"])
    central_pld*uptake_pld - release_pld*tumour_pld
    """
    return Carrier(name, drug, CL, V, release, uptake, leakage, site, read_molar_mass(molar_mass, drug))


@dataclass(frozen=True, slots=True)
class Consumption:
    """Declaration behind `consumption`."""

    drug: str
    by: tuple[str, ...]
    clearance: Given | None = None
    Vmax: Given | None = None
    Km: Given | None = None
    site: str = ""
    volume: Given | None = None

    def __post_init__(self) -> None:
        saturable = self.Vmax is not None and self.Km is not None
        if (self.Vmax is None) != (self.Km is None) or saturable == (self.clearance is not None):
            raise ModelError(f"{self.label}: give clearance (per cell), or Vmax and Km")

    @property
    def label(self) -> str:
        """``consumption_<drug>``."""
        return joined("consumption", self.drug, self.site)

    def declare(self, scope: Scope) -> None:
        """Nothing yet: the place and the clones must be known."""

    def connect(self, scope: Scope) -> None:
        """Write one process for each clone."""
        owner = drug_at(self.drug, self.site)
        concentration = scope.find("concentration", owner, self.label)
        state, volume = self._stock(scope, owner, concentration)
        amount = scope.unit("concentration", owner).times(Unit.of("L"))
        for clone in self.by:
            cells = cells_of(scope, clone, self.label)
            rate = self._per_cell(scope, concentration, clone, amount) * cells / volume
            scope.process(f"{self.label}_{clone}", rate, {state: -1}, description=f"{clone} uses up {self.drug}")

    def _stock(self, scope: Scope, owner: str, concentration: Expression) -> tuple[str, Expression]:
        """The state that loses the drug, and the volume by which to divide."""
        if scope.offered("stock", owner):
            if self.volume is not None:
                raise ModelError(f"{self.label}: {shown(owner)} has a volume already; leave out volume")
            return str(scope.find("stock", owner)), sp.Integer(1)
        state = str(concentration)
        if state not in scope.states:
            raise ModelError(f"{self.label}: the concentration of {shown(owner)} holds no drug that could be used up")
        if self.volume is None:
            raise ModelError(f"{self.label}: give volume, in which the concentration of {shown(owner)} stands")
        volume = scope.parameter(
            f"volume_{self.label}", self.volume, unit="L", lower=POSITIVE, description=f"volume that holds {owner}"
        )
        return state, volume

    def _per_cell(self, scope: Scope, concentration: Expression, clone: str, amount: Unit) -> Expression:
        title = joined(self.drug, self.site, clone)
        mass = molar_mass_of(scope, self.drug)
        words = f"of {self.drug} by a {clone} cell"
        if self.clearance is not None:
            return concentration * scope.parameter(
                f"consumption_{title}", self.clearance, unit="L/h", lower=0.0, description=f"clearance {words}"
            )
        assert self.Vmax is not None
        assert self.Km is not None
        most = scope.parameter(
            f"Vmax_consumption_{title}",
            self.Vmax,
            unit=amount.times(Unit.of("h"), -1),
            lower=0.0,
            molar_mass=mass,
            description=f"largest consumption {words}",
        )
        half = scope.parameter(
            f"Km_consumption_{title}",
            self.Km,
            unit=scope.unit("concentration", drug_at(self.drug, self.site)),
            lower=POSITIVE,
            molar_mass=mass,
            description=f"concentration of half the consumption {words}",
        )
        return most * concentration / (half + concentration)


@takes(ModelError, drug=TEXT, by=TEXTS, site=TEXT)
def consumption(
    drug: str,
    *,
    by: str | Sequence[str],
    clearance: Given | None = None,
    Vmax: Given | None = None,
    Km: Given | None = None,
    site: str = "",
    volume: Given | None = None,
) -> Mechanism:
    """Cells use up a drug: what they take is gone from the place.

    Each cell takes ``clearance*C``, or ``Vmax*C/(Km + C)`` (so Drexler et al. 2020, IFAC-PapersOnLine 53:16245, for
    doxorubicin in mice, with the Km that is also the half effect), so that many cells shield each other (inoculum
    effect). Its values there are not published with the equations; treat them as wide priors.

    Parameters
    ----------
    drug : str
        With pharmacokinetics or in a medium.
    by : str or sequence of str
        Clones counted in cells.
    clearance : quantity, Parameter or Formula, optional
        Volume per cell and time; parameters ``consumption_<drug>_<site>_<clone>``.
    Vmax, Km : quantity, Parameter or Formula, optional
        Instead: amount per cell and time, and concentration; parameters ``Vmax_consumption_<drug>_<site>_<clone>`` and
        ``Km_consumption_<drug>_<site>_<clone>``.
    site : str
        Where; ``""`` is plasma or medium.
    volume : quantity, Parameter or Formula, optional
        Of a medium, or of a place without one; parameter ``volume_consumption_<drug>_<site>``.

    Returns
    -------
    Mechanism

    Raises
    ------
    ModelError
        A drug or a clone is unknown, the place has no volume, or neither form of uptake is complete.
    UnitError
        A quantity has no unit or the wrong one.

    Examples
    --------
    >>> import pkpd_mdr as mdr
    >>> model = mdr.Model(
    ...     mdr.medium("dox"),
    ...     mdr.clone("S"),
    ...     mdr.delivery.consumption("dox", by="S", clearance="1e-3 nL/h", volume="0.1 mL"),
    ... )
    >>> print(model.derivatives["medium_dox"])
    -S*consumption_dox_S*medium_dox/volume_consumption_dox
    """
    return Consumption(drug, names_of(by, f"consumption of {shown(drug)}"), clearance, Vmax, Km, site, volume)
