"""Pharmacokinetics: mammillary models of one, two and three compartments.

With Ci = Ai/Vi and C = C1 (Rowland and Tozer, Clinical Pharmacokinetics and Pharmacodynamics)::

    Adepot' = -ka*Adepot
    A1' = ka*Adepot - CL*C - Vmax*C/(Km + C) - Q2*C + Q2*C2 - Q3*C + Q3*C3
    A2' = Q2*C - Q2*C2        A3' = Q3*C - Q3*C3        Ce' = keo*(C - Ce)

Doses enter through ports: the absorption route (first, if there is one) and ``"iv"``.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TypedDict, Unpack

import sympy as sp

from pkpd_mdr.arguments import TEXT
from pkpd_mdr.errors import ModelError, did_you_mean, shown
from pkpd_mdr.expression import check_name, symbol
from pkpd_mdr.mechanisms.names import POSITIVE, drug_at, joined, read_molar_mass
from pkpd_mdr.mechanisms.pk_disposition import autoinduction, gut_efflux, kpd, saturable_distribution
from pkpd_mdr.model.parts import Expression, Port
from pkpd_mdr.model.scope import Given, Mechanism, Scope
from pkpd_mdr.units import Quantity, Unit

__all__ = [
    "Compartments",
    "Options",
    "Route",
    "autoinduction",
    "gut_efflux",
    "kpd",
    "one_compartment",
    "route",
    "saturable_distribution",
    "three_compartment",
    "two_compartment",
]

_CONCENTRATION = {"umol": "uM", "mg": "mg/L", "": "1/L"}
_MG = Unit("mg", 1.0)
_TISSUES = ("peripheral", "peripheral2")


@dataclass(frozen=True, slots=True)
class Route:
    """How doses by one route enter; see `route`."""

    F: Given | None = None
    lag: Given | None = None
    rate: Given | None = None
    duration: Given | None = None


def route(
    *, F: Given | None = None, lag: Given | None = None, rate: Given | None = None, duration: Given | None = None
) -> Route:
    """Properties of a route, for ``iv=`` of a model that has an absorption route too, or for modelled infusions.

    Parameters
    ----------
    F : share, Parameter or Formula, optional
        Bioavailability, not negative (a relative one may exceed 1); parameter ``F_<drug>`` (``F_<drug>_iv`` beside
        an absorption route, and so for the others). 1 if absent.
    lag : quantity, Parameter or Formula, optional
        Time from the dose to its entry; parameter ``lag_<drug>``. None if absent.
    rate : quantity, Parameter or Formula, optional
        Rate of infusions whose rate is left to the model (NONMEM RATE = -1), amount per time; ``rate_<drug>``.
    duration : quantity, Parameter or Formula, optional
        Duration of infusions whose duration is left to the model (RATE = -2); ``duration_<drug>``.

    Returns
    -------
    Route

    Examples
    --------
    >>> import pkpd_mdr as mdr
    >>> drug = mdr.pk.one_compartment("x", CL="1 L/h", V="20 L", iv=mdr.pk.route(F=0.9, lag="1 h", duration="2 h"))
    >>> list(mdr.Model(drug).parameters)
    ['V_x', 'F_x', 'lag_x', 'duration_x', 'CL_x']
    """
    return Route(F, lag, rate, duration)


class Options(TypedDict, total=False):
    """What all compartment models take beside clearance, volumes and flows; see `one_compartment`."""

    CL: Given | None
    Vmax: Given | None
    Km: Given | None
    ka: Given | None
    F: Given | None
    lag: Given | None
    zero_order: Given | None
    route: str
    iv: Route | None
    keo: Given | None
    molar_mass: str | tuple[float, str] | Quantity | None
    amount_unit: str | None


@dataclass(frozen=True, slots=True)
class Compartments:
    """Declaration behind the compartment models; `tissues` holds a flow and a volume each."""

    drug: str
    volume: tuple[str, Given]
    tissues: tuple[tuple[str, Given, str, Given], ...] = ()
    CL: Given | None = None
    Vmax: Given | None = None
    Km: Given | None = None
    ka: Given | None = None
    absorption: Route | None = None
    iv: Route = field(default_factory=Route)
    route: str = "oral"
    keo: Given | None = None
    molar_mass: Quantity | None = None
    amount_unit: Unit = _MG

    def __post_init__(self) -> None:
        check_name(self.drug, "the name of a drug")
        if (self.Vmax is None) != (self.Km is None):
            raise ModelError(f"pk of {shown(self.drug)}: Vmax and Km belong together; give both or none")
        if self.CL is None and self.Vmax is None:
            raise ModelError(f"pk of {shown(self.drug)}: nothing eliminates the drug; give CL, or Vmax and Km")
        if self.absorption is not None and self.route == "iv":
            raise ModelError(
                f"pk of {shown(self.drug)}: 'iv' is the route into the blood; name the absorption route "
                "otherwise, such as 'oral' or 'sc'"
            )

    @property
    def label(self) -> str:
        """``pk_<drug>``."""
        return f"pk_{self.drug}"

    @property
    def concentration_unit(self) -> Unit:
        """Unit of all concentrations of the drug."""
        return Unit.of(_CONCENTRATION[self.amount_unit.text])

    @property
    def states(self) -> tuple[str, ...]:
        """Names of the drug's states, in order."""
        names = ["depot"] * (self.ka is not None) + ["central", *_TISSUES[: len(self.tissues)]]
        names += ["Ce"] * (self.keo is not None)
        return tuple(f"{name}_{self.drug}" for name in names)

    def declare(self, scope: Scope) -> None:
        """Add states, parameters and ports, and offer the concentrations."""
        drug, unit = self.drug, self.concentration_unit
        for name in self.states:
            if name.startswith("Ce_"):
                scope.state(name, unit=unit, kind="concentration", description=f"{drug} at the effect site")
            else:
                scope.state(
                    name,
                    unit=self.amount_unit,
                    kind="amount",
                    balance=drug,
                    description=f"{drug} in {name.split('_')[0]}",
                )
        volume = self._slot(scope, self.volume[0], self.volume[1], "L", "volume", lower=POSITIVE)
        concentration = symbol(f"central_{drug}") / volume
        scope.offer("concentration", drug, concentration, unit=unit)
        scope.offer("stock", drug, symbol(f"central_{drug}"), unit=self.amount_unit)
        scope.offer("volume", drug, volume)
        if self.CL is not None:
            given = self.CL
            scope.offer("clearance", drug, lambda: self._slot(scope, "CL", given, "L/h", "clearance"))
        scope.observable(f"C_{drug}", concentration, unit, f"concentration of {drug}")
        if self.keo is not None:
            scope.offer("concentration", drug_at(drug, "effect"), symbol(f"Ce_{drug}"), unit=unit)
        self._ports(scope)

    def connect(self, scope: Scope) -> None:
        """Write elimination, absorption, distribution and the effect compartment."""
        drug, central = self.drug, f"central_{self.drug}"
        concentration = scope.find("concentration", drug)
        self._eliminate(scope, concentration)
        if self.ka is not None:
            ka = self._slot(scope, "ka", self.ka, "1/h", "absorption rate constant")
            moves = {f"depot_{drug}": -1, central: 1}
            scope.process(
                f"absorption_{drug}",
                ka * symbol(f"depot_{drug}"),
                moves,
                transfer=True,
                description=f"{drug} is absorbed",
            )
        for place, (flow_name, flow, volume_name, volume) in zip(_TISSUES, self.tissues, strict=False):
            q = self._slot(scope, flow_name, flow, "L/h", "flow between compartments")
            v = self._slot(scope, volume_name, volume, "L", "volume", lower=POSITIVE)
            tissue = f"{place}_{drug}"
            scope.process(
                f"to_{tissue}",
                q * concentration,
                {central: -1, tissue: 1},
                transfer=True,
                description=f"{drug} leaves the blood",
            )
            scope.process(
                f"from_{tissue}",
                q * symbol(tissue) / v,
                {tissue: -1, central: 1},
                transfer=True,
                description=f"{drug} returns to the blood",
            )
        if self.keo is not None:
            keo = self._slot(scope, "keo", self.keo, "1/h", "effect-site rate constant")
            scope.process(
                f"effect_site_{drug}",
                keo * (concentration - scope.find("concentration", drug_at(drug, "effect"))),
                {f"Ce_{drug}": 1},
                description=f"{drug} reaches the effect site (no mass)",
            )

    def _eliminate(self, scope: Scope, concentration: Expression) -> None:
        drug, moves = self.drug, {f"central_{self.drug}": -1}
        if self.CL is not None:
            clearance = scope.find("clearance", drug)
            scope.process(f"elimination_{drug}", clearance * concentration, moves, description=f"{drug} is cleared")
        if self.Vmax is not None and self.Km is not None:
            most = self._slot(
                scope,
                "Vmax",
                self.Vmax,
                self.amount_unit.times(Unit.of("h"), -1),
                "largest rate of saturable elimination",
            )
            half = self._slot(
                scope, "Km", self.Km, self.concentration_unit, "concentration of half the largest rate", lower=POSITIVE
            )
            rate = most * concentration / (half + concentration)
            scope.process(
                f"saturable_elimination_{drug}", rate, moves, description=f"{drug} is eliminated by a saturable path"
            )

    def _ports(self, scope: Scope) -> None:
        if self.absorption is not None:
            target = "depot" if self.ka is not None else "central"
            scope.port(self._port(scope, self.route, self.absorption, target, ""))
        scope.port(self._port(scope, "iv", self.iv, "central", "iv" if self.absorption is not None else ""))

    def _port(self, scope: Scope, name: str, way: Route, target: str, ending: str) -> Port:
        def slot(what: str, given: Given | None, unit: str | Unit, words: str, lower: float = 0.0) -> Expression | None:
            """An optional parameter of a route, None where it is not given."""
            return (
                None
                if given is None
                else self._slot(scope, what, given, unit, f"{words} ({name})", ending, lower=lower)
            )

        per_hour = self.amount_unit.times(Unit.of("h"), -1)
        share = slot("F", way.F, "", "bioavailability")
        lag = slot("lag", way.lag, "h", "lag of doses")
        return Port(
            self.drug,
            name,
            "dose",
            self.amount_unit,
            f"{target}_{self.drug}",
            molar_mass=self.molar_mass,
            bioavailability=sp.Integer(1) if share is None else share,
            lag=sp.Integer(0) if lag is None else lag,
            rate=slot("rate", way.rate, per_hour, "rate of modelled infusions", POSITIVE),
            duration=slot("duration", way.duration, "h", "duration of input", POSITIVE),
            steady=self.states,
            spread=way is self.absorption and way.duration is not None,
        )

    def _slot(
        self, scope: Scope, what: str, given: Given, unit: str | Unit, words: str, ending: str = "", lower: float = 0.0
    ) -> Expression:
        name = joined(what, self.drug, ending)
        return scope.parameter(
            name, given, unit=unit, lower=lower, molar_mass=self.molar_mass, description=f"{words} of {self.drug}"
        )


def _check_options(drug: str, given: Options) -> None:
    for name in given:
        if name not in Options.__annotations__:
            raise ModelError(
                f"pk of {shown(drug)} has no option {shown(name)}{did_you_mean(name, Options.__annotations__)}"
            )
    for name, fits, words in (
        ("route", TEXT.fits, TEXT.words),
        ("amount_unit", TEXT.fits, TEXT.words),
        ("iv", lambda item: isinstance(item, Route), "a route; write for example pk.route(F=0.9)"),
    ):
        if (option := given.get(name)) is not None and not fits(option):
            raise ModelError(f"pk of {shown(drug)}: {name} = {shown(option)} is not {words}")


def _build(
    drug: str, volume: tuple[str, Given], tissues: tuple[tuple[str, Given, str, Given], ...], given: Options
) -> Mechanism:
    check_name(drug, "the name of a drug")
    _check_options(drug, given)
    ka, zero_order, iv = given.get("ka"), given.get("zero_order"), given.get("iv")
    F, lag = given.get("F"), given.get("lag")
    absorption: Route | None = None
    if ka is not None or zero_order is not None:
        absorption = Route(F, lag, None, zero_order)
    elif (F is not None or lag is not None) and iv is not None:
        raise ModelError(
            f"pk of {shown(drug)}: without absorption F and lag belong to the iv route; give them as "
            "iv=route(F=..., lag=...)"
        )
    elif iv is None:
        iv = Route(F, lag)
    mass = read_molar_mass(given.get("molar_mass"), drug)
    unit = given.get("amount_unit")
    if unit is None:
        unit = "mg" if mass is None else "umol"
    if unit not in _CONCENTRATION:
        raise ModelError(f"pk of {shown(drug)}: amount_unit {shown(unit)} is not one of 'mg', 'umol' or '' (a number)")
    return Compartments(
        drug,
        volume,
        tissues,
        CL=given.get("CL"),
        Vmax=given.get("Vmax"),
        Km=given.get("Km"),
        ka=ka,
        absorption=absorption,
        iv=iv or Route(),
        route=given.get("route", "oral"),
        keo=given.get("keo"),
        molar_mass=mass,
        amount_unit=Unit.of(unit),
    )


def one_compartment(drug: str, *, V: Given, **options: Unpack[Options]) -> Mechanism:
    """Pharmacokinetics in one compartment.

    Adds the states ``central_<drug>`` and, as far as asked for, ``depot_<drug>`` and ``Ce_<drug>``, the observable
    ``C_<drug>`` and the ports ``route`` (if the drug is absorbed) and ``"iv"``. Amounts are in umol and
    concentrations in uM if a molar mass is given, else in mg and mg/L.

    Parameters
    ----------
    drug : str
        The drug's name in regimens; it ends the names of all its parameters.
    V : quantity, Parameter or Formula
        Volume; parameter ``V_<drug>``.
    CL : quantity, Parameter or Formula, optional
        Clearance, volume per time; parameter ``CL_<drug>``.
    Vmax, Km : quantity, Parameter or Formula, optional
        Michaelis-Menten elimination ``Vmax*C/(Km + C)``, beside CL or instead of it: amount per time, and
        concentration; parameters ``Vmax_<drug>`` and ``Km_<drug>``.
    ka : quantity, Parameter or Formula, optional
        First-order absorption from a depot, per time; parameter ``ka_<drug>``.
    zero_order : quantity, Parameter or Formula, optional
        Duration over which a dose of the absorption route enters at a constant rate (into the depot if there is
        ``ka``, else into the blood); parameter ``duration_<drug>``.
    F, lag : quantity, Parameter or Formula, optional
        Bioavailability and lag of the absorption route, or of ``"iv"`` where nothing is absorbed; parameters
        ``F_<drug>`` and ``lag_<drug>``.
    route : str
        Name of the absorption route, ``"oral"`` unless said otherwise (``"sc"``, ``"ip"``).
    iv : Route, optional
        Bioavailability, lag and modelled infusions of the iv route, from `pkpd_mdr.pk.route`.
    keo : quantity, Parameter or Formula, optional
        Rate constant to an effect site (Sheiner et al. 1979), ``Ce' = keo*(C - Ce)``; parameter ``keo_<drug>``.
        Other mechanisms reach it with ``site="effect"``.
    molar_mass : quantity, optional
        Such as ``"543.5 g/mol"``; lets mass and amount of substance stand for each other everywhere.
    amount_unit : str, optional
        ``"mg"``, ``"umol"`` or ``""`` (a number), if the choice by molar mass is not wanted.

    Returns
    -------
    Mechanism

    Raises
    ------
    ModelError
        Nothing eliminates the drug, half of Vmax and Km is missing, or an option is unknown.
    UnitError
        A quantity has no unit or the wrong one.

    Examples
    --------
    >>> import pkpd_mdr as mdr
    >>> model = mdr.Model(mdr.pk.one_compartment("tmz", CL="10 L/h", V="30.3 L", ka="5.8 1/h"))
    >>> print(model.equations())
    ddepot_tmz/dt = -depot_tmz*ka_tmz
    dcentral_tmz/dt = -CL_tmz*central_tmz/V_tmz + depot_tmz*ka_tmz
    """
    return _build(drug, ("V", V), (), options)


def two_compartment(drug: str, *, V1: Given, Q: Given, V2: Given, **options: Unpack[Options]) -> Mechanism:
    """Pharmacokinetics in two compartments.

    As `one_compartment`, with the state ``peripheral_<drug>`` and the parameters ``V1_<drug>``, ``Q_<drug>`` and
    ``V2_<drug>``.

    Parameters
    ----------
    drug : str
        The drug's name in regimens.
    V1, V2 : quantity, Parameter or Formula
        Volumes of the central and the peripheral compartment.
    Q : quantity, Parameter or Formula
        Flow between them, volume per time.
    **options
        ``CL``, ``Vmax``, ``Km``, ``ka``, ``zero_order``, ``F``, ``lag``, ``route``, ``iv``, ``keo``, ``molar_mass``
        and ``amount_unit``, as in `one_compartment`.

    Returns
    -------
    Mechanism

    Raises
    ------
    ModelError, UnitError
        As `one_compartment`.

    Examples
    --------
    >>> import pkpd_mdr as mdr
    >>> dox = mdr.pk.two_compartment(
    ...     "dox", CL="53.3 L/h", V1="17.7 L", Q="58.7 L/h", V2="1830 L", molar_mass="543.5 g/mol"
    ... )
    >>> mdr.Model(dox).observables["C_dox"].unit.text
    'uM'
    """
    return _build(drug, ("V1", V1), (("Q", Q, "V2", V2),), options)


def three_compartment(
    drug: str, *, V1: Given, Q2: Given, V2: Given, Q3: Given, V3: Given, **options: Unpack[Options]
) -> Mechanism:
    """Pharmacokinetics in three compartments, with the names of NONMEM's ADVAN11 TRANS4.

    As `one_compartment`, with the states ``peripheral_<drug>`` and ``peripheral2_<drug>`` and the parameters
    ``V1_<drug>``, ``Q2_<drug>``, ``V2_<drug>``, ``Q3_<drug>`` and ``V3_<drug>``.

    Parameters
    ----------
    drug : str
        The drug's name in regimens.
    V1, V2, V3 : quantity, Parameter or Formula
        Volumes; the first is the central one.
    Q2, Q3 : quantity, Parameter or Formula
        Flows between the central compartment and the second and third.
    **options
        ``CL``, ``Vmax``, ``Km``, ``ka``, ``zero_order``, ``F``, ``lag``, ``route``, ``iv``, ``keo``, ``molar_mass``
        and ``amount_unit``, as in `one_compartment`.

    Returns
    -------
    Mechanism

    Raises
    ------
    ModelError, UnitError
        As `one_compartment`.

    Examples
    --------
    >>> import pkpd_mdr as mdr
    >>> dox = mdr.pk.three_compartment(
    ...     "dox", CL="53.3 L/h", V1="17.7 L", Q2="58.7 L/h", V2="1830 L", Q3="21.8 L/h", V3="71.6 L"
    ... )
    >>> list(mdr.Model(dox).states)
    ['central_dox', 'peripheral_dox', 'peripheral2_dox']
    """
    return _build(drug, ("V1", V1), (("Q2", Q2, "V2", V2), ("Q3", Q3, "V3", V3)), options)
