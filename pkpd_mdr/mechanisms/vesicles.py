"""Extracellular vesicles (exosomes), graded: release, uptake, depletion, and what they carry from cell to cell.

With X the vesicles per volume V, N_i the cells of donor or recipient i::

    X' = sum_i secretion_i*N_i/V - clearance*X - depletion*X - sum_i uptake_i*N_i/V*X/(1 + X/Kx)

Vesicles hold contents as cells do (see `pkpd_mdr.model.contents`): what is cleared takes its contents away, what is
taken up delivers them to the pools of the recipient. Rates of secretion, uptake and cargo are among the least known
of the field; every value is a wide prior, not a measurement. About 220 exosomes per cell were counted in conditioned
medium (Wang et al. 2017, J Control Release 268:147); 1e2 to 1e4 per cell and day are recalled from other assays.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial

import sympy as sp

from pkpd_mdr.arguments import TABLE, TEXT, TEXTS, takes
from pkpd_mdr.errors import ModelError, did_you_mean, shown
from pkpd_mdr.expression import AMOUNT, check_name, symbol
from pkpd_mdr.mechanisms.drug_effect import DrugEffect
from pkpd_mdr.mechanisms.names import POSITIVE, holder_of, joined, names_of
from pkpd_mdr.mechanisms.vesicle_contents import cargo, drug, pgp
from pkpd_mdr.mechanisms.vesicle_effects import effect
from pkpd_mdr.model.parts import Port
from pkpd_mdr.model.scope import Given, Mechanism, Scope
from pkpd_mdr.units import Unit

__all__ = [
    "Release",
    "Removal",
    "SecretionEffect",
    "Uptake",
    "cargo",
    "drug",
    "effect",
    "induction",
    "inhibition",
    "pgp",
    "release",
    "removal",
    "uptake",
]


@dataclass(frozen=True, slots=True)
class Release:
    """Declaration behind `release`."""

    by: tuple[tuple[str, Given], ...]
    clearance: Given
    volume: Given = "1 mL"
    depletion: Given | None = None
    start: Given | None = None
    name: str = "EV"

    def __post_init__(self) -> None:
        check_name(self.name, "the name of the vesicles")
        if not self.by:
            raise ModelError(
                f"vesicles {shown(self.name)}: nobody secretes them; write for example by={{'R': '200 1/day'}}"
            )

    @property
    def label(self) -> str:
        """``vesicles_<name>``."""
        return f"vesicles_{self.name}"

    def declare(self, scope: Scope) -> None:
        """Add the vesicles and offer secretion per donor cell."""
        name = self.name
        vesicles = scope.state(
            name, unit="vesicle/mL", start=self.start, kind="vesicles", description=f"vesicles {name} per volume"
        )
        volume = scope.parameter(
            f"volume_{name}", self.volume, unit="L", lower=POSITIVE, description=f"volume in which {name} spread"
        )
        scope.offer("vesicles", name, vesicles)
        scope.offer("vesicle volume", name, volume)
        for donor, given in self.by:
            secreted = scope.parameter(
                f"secretion_{name}_{donor}",
                given,
                unit="vesicle/h",
                lower=0.0,
                description=f"vesicles {name} secreted per {donor} cell and time",
            )
            scope.offer("secretion", f"{name}@{donor}", secreted)

    def connect(self, scope: Scope) -> None:
        """Write secretion, clearance and constant depletion."""
        name, volume = self.name, scope.find("vesicle volume", self.name)
        for donor, _ in self.by:
            cells = holder_of(scope, donor, f"secretion of {name}")
            rate = scope.find("secretion", f"{name}@{donor}") * cells / volume
            scope.process(f"secretion_{name}_{donor}", rate, {name: 1}, description=f"{donor} secretes {name}")
        for what, given, words in (
            ("clearance", self.clearance, "are cleared"),
            ("depletion", self.depletion, "are removed by treatment"),
        ):
            if given is not None:
                speed = scope.parameter(
                    f"{what}_{name}", given, unit="1/h", lower=0.0, description=f"rate at which {name} {words}"
                )
                scope.process(f"{what}_{name}", speed * symbol(name), {name: -1}, description=f"{name} {words}")


@takes(ModelError, by=TABLE, name=TEXT)
def release(
    by: Mapping[str, Given],
    *,
    clearance: Given,
    volume: Given = "1 mL",
    depletion: Given | None = None,
    start: Given | None = None,
    name: str = "EV",
) -> Mechanism:
    """Cells secrete vesicles, which are cleared: the state ``<name>`` (vesicles per volume).

    Secretion is offered, so that `induction` and `inhibition` change it. What vesicles do is for others to declare:
    `uptake`, `cargo`, `pgp`, `drug`. Vesicles present at the start carry nothing.

    Parameters
    ----------
    by : mapping of str to quantity
        Donor (a clone, or any state of kind ``"cells"``: fibroblasts, immune cells) to vesicles per cell and time;
        parameters ``secretion_<name>_<donor>``.
    clearance : quantity, Parameter or Formula
        Per time; parameter ``clearance_<name>``. 0.05 to 1 per hour in tissue (recalled).
    volume : quantity, Parameter or Formula
        In which they spread; parameter ``volume_<name>``.
    depletion : quantity, Parameter or Formula, optional
        Constant removal by treatment, per time; parameter ``depletion_<name>``. Sessions: `removal`.
    start : quantity, Parameter or Formula, optional
        Vesicles per volume at time zero; parameter ``<name>0``.
    name : str
        Of the vesicles.

    Returns
    -------
    Mechanism

    Raises
    ------
    ModelError
        A donor is unknown or not counted in cells, or there is none.
    UnitError
        A quantity has no unit or the wrong one.

    Examples
    --------
    >>> import pkpd_mdr as mdr
    >>> model = mdr.Model(mdr.clone("R", start=1e6), mdr.vesicles.release({"R": "200 1/day"}, clearance="0.2 1/h"))
    >>> print(model.derivatives["EV"])
    -EV*clearance_EV + R*secretion_EV_R/volume_EV
    """
    return Release(tuple(by.items()), clearance, volume, depletion, start, name)


@dataclass(frozen=True, slots=True)
class Uptake:
    """Declaration behind `uptake`."""

    into: tuple[str, ...]
    rate: Given
    saturation: Given | None = None
    vesicles: str = "EV"

    @property
    def label(self) -> str:
        """``uptake_<vesicles>_<cells>``."""
        return joined("uptake", self.vesicles, *self.into)

    def declare(self, scope: Scope) -> None:
        """Offer what a cell clears of vesicles."""
        for cell in self.into:
            scope.offer("uptake", f"{self.vesicles}@{cell}", partial(self._cleared, scope, cell))

    def connect(self, scope: Scope) -> None:
        """Write the loss of vesicles; what they hold is delivered by those who declare it."""
        name, asked_by = self.vesicles, f"uptake of {self.vesicles}"
        vesicles, volume = scope.find("vesicles", name, asked_by), scope.find("vesicle volume", name)
        for cell in self.into:
            cells = holder_of(scope, cell, asked_by)
            rate = scope.find("uptake", f"{name}@{cell}") * cells / volume * vesicles
            scope.process(f"uptake_{name}_{cell}", rate, {name: -1}, description=f"{cell} takes up {name}")

    def _cleared(self, scope: Scope, cell: str) -> sp.Expr:
        name = self.vesicles
        cleared = scope.parameter(
            f"uptake_{name}_{cell}",
            self.rate,
            unit="L/h",
            lower=0.0,
            description=f"volume cleared of {name} per {cell} cell and time",
        )
        if self.saturation is None:
            return cleared
        half = scope.parameter(
            f"saturation_{name}_{cell}",
            self.saturation,
            unit="vesicle/mL",
            lower=POSITIVE,
            description=f"vesicles {name} per volume at which {cell} takes up half as much",
        )
        return cleared / (1 + scope.find("vesicles", name) / half)


@takes(ModelError, into=TEXTS, vesicles=TEXT)
def uptake(
    into: str | Sequence[str], *, rate: Given, saturation: Given | None = None, vesicles: str = "EV"
) -> Mechanism:
    """Cells take vesicles up, ``uptake*N/V*X/(1 + X/Kx)``: no cell changes its number by that.

    Parameters
    ----------
    into : str or sequence of str
        Recipients: clones or states of kind ``"cells"``.
    rate : quantity, Parameter or Formula
        Volume cleared per cell and time; parameter ``uptake_<vesicles>_<cells>``.
    saturation : quantity, Parameter or Formula, optional
        Kx, vesicles per volume; parameter ``saturation_<vesicles>_<cells>``. Linear uptake if absent.
    vesicles : str
        Name given to `release`.

    Returns
    -------
    Mechanism

    Raises
    ------
    ModelError
        There are no such vesicles or cells.
    UnitError
        A quantity has no unit or the wrong one.

    Examples
    --------
    >>> import pkpd_mdr as mdr
    >>> model = mdr.Model(
    ...     mdr.clone("R", start=1e6),
    ...     mdr.clone("S", start=1e6),
    ...     mdr.vesicles.release({"R": "200 1/day"}, clearance="0.2 1/h"),
    ...     mdr.vesicles.uptake("S", rate="1e-9 mL/h"),
    ... )
    >>> print(model.derivatives["EV"])
    -EV*S*uptake_EV_S/volume_EV - EV*clearance_EV + R*secretion_EV_R/volume_EV
    """
    return Uptake(names_of(into, f"uptake of {vesicles}"), rate, saturation, vesicles)


@dataclass(frozen=True, slots=True)
class SecretionEffect:
    """Declaration behind `induction` and `inhibition`."""

    effect: DrugEffect
    on: tuple[str, ...]
    inhibits: bool
    vesicles: str = "EV"

    def __post_init__(self) -> None:
        if self.inhibits and self.effect.linear:
            raise ModelError(
                f"{self.label}: an inhibition is a share of secretion; give emax in [0, 1] and ec50, not slope"
            )

    @property
    def label(self) -> str:
        """``inhibition_<drug>_<vesicles>`` or ``induction_...``."""
        return joined("inhibition" if self.inhibits else "induction", self.effect.title, self.vesicles)

    def declare(self, scope: Scope) -> None:
        """Scale what the donors secrete."""
        for donor in self.on:
            scope.scale("secretion", f"{self.vesicles}@{donor}", partial(self._factor, scope, donor))

    def connect(self, scope: Scope) -> None:
        """Check that the donors secrete."""
        for donor in self.on:
            scope.find("secretion", f"{self.vesicles}@{donor}", self.label)

    def _factor(self, scope: Scope, donor: str) -> sp.Expr:
        size = self.effect.expression(
            scope,
            donor,
            unit="",
            asked_by=self.label,
            prefix=f"secretion_{self.vesicles}",
            upper=1.0 if self.inhibits else float("inf"),
        )
        return 1 - size if self.inhibits else 1 + size


@takes(ModelError, drug=TEXT, on=TEXTS, site=TEXT, vesicles=TEXT)
def induction(
    drug: str,
    *,
    on: str | Sequence[str],
    emax: Given | None = None,
    ec50: Given | None = None,
    hill: Given = 1.0,
    slope: Given | None = None,
    site: str = "",
    vesicles: str = "EV",
) -> Mechanism:
    """A drug makes donors secrete more: secretion is multiplied by ``1 + emax*hill(C)`` or ``1 + slope*C``.

    Parameters
    ----------
    drug : str
        Whose concentration, at `site`.
    on : str or sequence of str
        Donors.
    emax, ec50, hill, slope : quantity, Parameter or Formula, optional
        As in `pkpd_mdr.kill`; parameters ``secretion_<vesicles>_emax_<drug>_<donor>`` and so on.
    site : str
        ``""``, ``"tumour"`` or, for drug inside the donor, the donor's own name.
    vesicles : str
        Name given to `release`.

    Returns
    -------
    Mechanism

    Raises
    ------
    ModelError
        There are no such vesicles, donors or drug, or the effect is not complete.

    Examples
    --------
    >>> import pkpd_mdr as mdr
    >>> more = mdr.vesicles.induction("dox", on="R", emax=4, ec50="100 nM")
    >>> more.label
    'induction_dox_EV'
    """
    effect_ = DrugEffect(drug, site, emax, ec50, hill, slope)
    return SecretionEffect(effect_, names_of(on, f"induction of {vesicles}"), False, vesicles)


@takes(ModelError, drug=TEXT, on=TEXTS, site=TEXT, vesicles=TEXT)
def inhibition(
    drug: str,
    *,
    on: str | Sequence[str],
    emax: Given = 1.0,
    ec50: Given,
    hill: Given = 1.0,
    site: str = "",
    vesicles: str = "EV",
) -> Mechanism:
    """A drug such as GW4869 or omeprazole keeps donors from secreting: a factor ``1 - emax*hill(C)`` in [0, 1].

    Parameters
    ----------
    drug : str
        Whose concentration, at `site`.
    on : str or sequence of str
        Donors.
    emax : share, Parameter or Formula
        In [0, 1]; parameter ``secretion_<vesicles>_emax_<drug>_<donor>``.
    ec50, hill : quantity, Parameter or Formula
        As in `pkpd_mdr.kill`.
    site, vesicles : str
        As in `induction`.

    Returns
    -------
    Mechanism

    Raises
    ------
    ModelError
        There are no such vesicles, donors or drug.

    Examples
    --------
    >>> import pkpd_mdr as mdr
    >>> mdr.vesicles.inhibition("gw4869", on="R", ec50="1 uM").label
    'inhibition_gw4869_EV'
    """
    effect_ = DrugEffect(drug, site, emax, ec50, hill)
    return SecretionEffect(effect_, names_of(on, f"inhibition of {vesicles}"), True, vesicles)


@dataclass(frozen=True, slots=True)
class Removal:
    """Declaration behind `removal`."""

    of: tuple[str, ...] = ()

    @property
    def label(self) -> str:
        """``removal``."""
        return "removal"

    def declare(self, scope: Scope) -> None:
        """Nothing yet: the vesicles must be known."""

    def connect(self, scope: Scope) -> None:
        """Add the port."""
        known = [name for name, state in scope.states.items() if state.kind == "vesicles"]
        if not known:
            raise ModelError("vesicles.removal: the model has no vesicles; add vesicles.release(...) or exosomes(...)")
        for name in self.of:
            if name not in known:
                near = did_you_mean(name, known)
                raise ModelError(f"removal of {shown(name)}, which are no vesicles of the model{near}")
        effects = {name: symbol(name) * (1 - AMOUNT) for name in self.of or known}
        scope.port(Port("apheresis", "session", "act", Unit.of(""), effects=effects))


@takes(ModelError, of=TEXTS)
def removal(of: str | Sequence[str] | None = None) -> Mechanism:
    """Let a regimen remove vesicles in sessions: each leaves ``X*(1 - removed)``, contents included.

    Adds the port ``"apheresis"``, on which `pkpd_mdr.apheresis` acts.

    Parameters
    ----------
    of : str or sequence of str, optional
        Vesicles within reach; all of them unless given.

    Returns
    -------
    Mechanism

    Raises
    ------
    ModelError
        There are no (such) vesicles.

    Examples
    --------
    >>> import pkpd_mdr as mdr
    >>> donor = [mdr.clone("R"), mdr.vesicles.release({"R": "200 1/day"}, clearance="0.2 1/h", start="1e6 vesicle/mL")]
    >>> model = mdr.Model(*donor, mdr.vesicles.removal())
    >>> run = model.simulate(mdr.apheresis(0.5).every("1 day", times=3), until="3 day")
    """
    return Removal(() if of is None else names_of(of, "removal"))
