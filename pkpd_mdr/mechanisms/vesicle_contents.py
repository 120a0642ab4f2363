"""What vesicles carry: regulating cargo such as miRNA, P-gp, and drug (exported, or bound as by a decoy)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from pkpd_mdr.arguments import TABLE, TEXT, TEXTS, takes
from pkpd_mdr.errors import ModelError, shown
from pkpd_mdr.expression import check_name, symbol
from pkpd_mdr.mechanisms.cell_drug import outside_stock, pool_unit
from pkpd_mdr.mechanisms.names import drug_at, holder_of, names_of
from pkpd_mdr.model.contents import per_unit
from pkpd_mdr.model.parts import Expression
from pkpd_mdr.model.scope import Given, Mechanism, Scope

__all__ = ["Cargo", "VesicleDrug", "VesiclePgp", "cargo", "drug", "pgp"]


def _secreted(scope: Scope, vesicles: str, donor: str, asked_by: str) -> Expression:
    """Vesicles that all cells of a donor secrete per time."""
    return scope.find("secretion", f"{vesicles}@{donor}", asked_by) * holder_of(scope, donor, asked_by)


def _deliver(scope: Scope, vesicles: str, cell: str, quantity: str, pool: str, asked_by: str) -> None:
    """Let what a cell takes up in vesicles go into its pool."""
    scope.find("uptake", f"{vesicles}@{cell}", asked_by)
    scope.deliver(f"uptake_{vesicles}_{cell}", quantity, pool)


@dataclass(frozen=True, slots=True)
class Cargo:
    """Declaration behind `cargo`."""

    name: str
    load: tuple[tuple[str, Given], ...]
    into: tuple[str, ...]
    decay: Given | None = None
    vesicles: str = "EV"

    def __post_init__(self) -> None:
        check_name(self.name, "the name of a cargo")
        if not self.load:
            raise ModelError(f"cargo {shown(self.name)}: nobody loads it; write for example load={{'R': 10}}")

    @property
    def label(self) -> str:
        """``cargo_<name>``."""
        return f"cargo_{self.name}"

    def declare(self, scope: Scope) -> None:
        """Add the pools in vesicles and cells and offer the cargo per cell."""
        name = self.name
        scope.content(
            f"{name}_{self.vesicles}",
            carrier=self.vesicles,
            quantity=name,
            unit="",
            description=f"{name} in vesicles {self.vesicles}",
        )
        for cell in self.into:
            pool = scope.content(
                f"{name}_{cell}", carrier=cell, quantity=name, unit="", description=f"{name} in all {cell} cells"
            )
            content = per_unit(pool, symbol(cell))
            scope.offer("cargo", f"{name}@{cell}", content)
            scope.observable(f"m_{name}_{cell}", content, "", f"{name} per {cell} cell")

    def connect(self, scope: Scope) -> None:
        """Write loading and decay; uptake delivers."""
        name, vesicles = self.name, self.vesicles
        for donor, given in self.load:
            load = scope.parameter(
                f"load_{name}_{donor}",
                given,
                unit="",
                lower=0.0,
                bare=True,
                description=f"{name} per vesicle that {donor} secretes",
            )
            rate = load * _secreted(scope, vesicles, donor, self.label)
            scope.process(
                f"loading_{name}_{donor}", rate, {f"{name}_{vesicles}": 1}, description=f"{donor} loads {name}"
            )
        for cell in self.into:
            holder_of(scope, cell, self.label)
            _deliver(scope, vesicles, cell, name, f"{name}_{cell}", self.label)
        if self.decay is not None:
            speed = scope.parameter(
                f"decay_{name}", self.decay, unit="1/h", lower=0.0, description=f"decay rate of {name} in cells"
            )
            for cell in self.into:
                scope.process(
                    f"decay_{name}_{cell}",
                    speed * symbol(f"{name}_{cell}"),
                    {f"{name}_{cell}": -1, f"lost_{name}": 1},
                    transfer=True,
                    description=f"{name} decays in {cell}",
                )


@takes(ModelError, name=TEXT, load=TABLE, into=TEXTS, vesicles=TEXT)
def cargo(
    name: str, *, load: Mapping[str, Given], into: str | Sequence[str], decay: Given | None = None, vesicles: str = "EV"
) -> Mechanism:
    """A cargo of vesicles, such as a miRNA: loaded by donors, delivered by uptake, per cell m.

    ``m_i' = cargo per vesicle*uptake_i*X/(1 + X/Kx) - (decay + dilution by division)*m_i``. Donors may load
    differently; uptake removes from the vesicles exactly what it adds to the cells, and everything lost is recorded in
    ``lost_<name>``. What the cargo does is for `effect` to say.

    Parameters
    ----------
    name : str
        Of the cargo; pools ``<name>_<vesicles>`` and ``<name>_<cell>``, observables ``m_<name>_<cell>`` (per cell).
    load : mapping of str to float
        Donor to copies per vesicle; parameters ``load_<name>_<donor>``.
    into : str or sequence of str
        Recipients, which have an `uptake` of these vesicles.
    decay : quantity, Parameter or Formula, optional
        In cells, per time; parameter ``decay_<name>``.
    vesicles : str
        Name given to `release`.

    Returns
    -------
    Mechanism

    Raises
    ------
    ModelError
        A donor does not secrete these vesicles, or a recipient does not take them up.
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
    ...     mdr.vesicles.cargo("mir21", load={"R": 10}, into="S", decay="0.03 1/h"),
    ... )
    >>> print(model.derivatives["mir21_S"])
    S*mir21_EV*uptake_EV_S/volume_EV - decay_mir21*mir21_S
    """
    return Cargo(name, tuple(load.items()), names_of(into, f"cargo {shown(name)}"), decay, vesicles)


@dataclass(frozen=True, slots=True)
class VesiclePgp:
    """Declaration behind `pgp`."""

    load: tuple[tuple[str, Given], ...]
    into: tuple[str, ...]
    vesicles: str = "EV"

    @property
    def label(self) -> str:
        """``pgp_<vesicles>``."""
        return f"pgp_{self.vesicles}"

    def declare(self, scope: Scope) -> None:
        """Add the pool in vesicles."""
        scope.content(
            self.label, carrier=self.vesicles, quantity="pgp", unit="", description=f"P-gp in vesicles {self.vesicles}"
        )

    def connect(self, scope: Scope) -> None:
        """Let donors pay for what they export; uptake delivers."""
        asked_by = f"P-gp in vesicles {shown(self.vesicles)}"
        for donor, given in self.load:
            scope.find("pgp", donor, asked_by)
            holder_of(scope, donor, asked_by)
            share = scope.parameter(
                f"load_pgp_{donor}",
                given,
                unit="",
                lower=0.0,
                upper=1.0,
                bare=True,
                description=f"share of the P-gp of a {donor} cell that one vesicle takes away",
            )
            rate = share * scope.find("secretion", f"{self.vesicles}@{donor}", asked_by) * symbol(f"pgp_{donor}")
            scope.process(
                f"export_{self.label}_{donor}",
                rate,
                {f"pgp_{donor}": -1, self.label: 1},
                transfer=True,
                description=f"{donor} exports P-gp in {self.vesicles}",
            )
        for cell in self.into:
            scope.find("pgp", cell, asked_by)
            _deliver(scope, self.vesicles, cell, "pgp", f"pgp_{cell}", asked_by)


@takes(ModelError, load=TABLE, into=TEXTS, vesicles=TEXT)
def pgp(load: Mapping[str, Given], *, into: str | Sequence[str], vesicles: str = "EV") -> Mechanism:
    """P-gp leaves donors in vesicles and arrives in recipients: the export costs the donor, nothing is made.

    ``pgp_R' = ... - load*secretion*pgp_R``, ``pgp_EV' = ... - (clearance + depletion + uptake)*pgp_EV`` and
    ``pgp_S' = ... + uptake*S/V*pgp_EV``; what is cleared is recorded in ``lost_pgp``.

    Parameters
    ----------
    load : mapping of str to share
        Donor to the share of a cell's P-gp that one vesicle takes away; parameters ``load_pgp_<donor>``.
    into : str or sequence of str
        Recipients with P-gp `pkpd_mdr.pgp.content` and an `uptake` of these vesicles.
    vesicles : str
        Name given to `release`.

    Returns
    -------
    Mechanism

    Raises
    ------
    ModelError
        A donor does not secrete, a recipient does not take up, or one of them has no P-gp content.

    Examples
    --------
    >>> import pkpd_mdr as mdr
    >>> mdr.vesicles.pgp({"R": 1e-4}, into="S").label
    'pgp_EV'
    """
    if not load:
        raise ModelError("P-gp in vesicles: nobody exports it; write for example {'R': 1e-4}")
    return VesiclePgp(tuple(load.items()), names_of(into, "P-gp in vesicles"), vesicles)


@dataclass(frozen=True, slots=True)
class VesicleDrug:
    """Declaration behind `drug`."""

    drug: str
    into: tuple[str, ...] = ()
    kon: Given | None = None
    koff: Given | None = None
    site: str = ""
    outside_volume: Given | None = None
    vesicles: str = "EV"

    def __post_init__(self) -> None:
        check_name(self.drug, "the name of a drug")
        if self.koff is not None and self.kon is None:
            raise ModelError(f"{self.label}: koff is given without kon; nothing is bound that could leave")
        if self.outside_volume is not None and self.kon is None:
            raise ModelError(f"{self.label}: outside_volume is given without kon; only a decoy takes drug from outside")

    @property
    def label(self) -> str:
        """``<drug>_in_<vesicles>``."""
        return f"{self.drug}_in_{self.vesicles}"

    @property
    def outer(self) -> str:
        """The pool on the surface."""
        return f"{self.drug}_on_{self.vesicles}"

    def declare(self, scope: Scope) -> None:
        """Add the pools inside and, for decoys, on the surface."""
        outside = drug_at(self.drug, self.site)
        for pool, role, where in ((self.label, self.drug, "inside"), (self.outer, self.outer, "bound to")):
            if pool == self.label or self.kon is not None:
                scope.content(
                    pool,
                    carrier=self.vesicles,
                    quantity=self.drug,
                    role=role,
                    unit=lambda: pool_unit(scope.unit("concentration", outside, self.label)),
                    description=f"{self.drug} {where} vesicles {self.vesicles}",
                )

    def connect(self, scope: Scope) -> None:
        """Let recipients take the drug up, and vesicles bind it."""
        vesicles = scope.find("vesicles", self.vesicles, self.label)
        for cell in self.into:
            pool = f"{self.drug}_in_{cell}"
            if pool not in scope.states:
                raise ModelError(
                    f"{self.label}: {shown(cell)} has no pool of {shown(self.drug)} to which vesicles could deliver; "
                    f"add intracellular({shown(self.drug)}, on={shown(cell)}, ...)"
                )
            _deliver(scope, self.vesicles, cell, self.drug, pool, self.label)
        if self.kon is None:
            return
        stock = outside_stock(scope, self.drug, self.site, self.outside_volume, self.label, self.label)
        kon = scope.parameter(
            f"kon_{self.label}",
            self.kon,
            unit="L/h",
            lower=0.0,
            description="volume cleared of drug per vesicle and time",
        )
        number = vesicles * scope.find("vesicle volume", self.vesicles)
        weight = scope.states[stock].weight
        outside = scope.find("concentration", drug_at(self.drug, self.site))
        scope.process(
            f"decoy_{self.label}",
            kon * number * outside,
            {stock: -1 / weight, self.outer: 1},
            transfer=True,
            description=f"{self.vesicles} bind {self.drug}",
        )
        if self.koff is not None:
            koff = scope.parameter(
                f"koff_{self.label}", self.koff, unit="1/h", lower=0.0, description="rate at which vesicles let drug go"
            )
            scope.process(
                f"release_{self.label}",
                koff * symbol(self.outer),
                {self.outer: -1, stock: 1 / weight},
                transfer=True,
                description=f"{self.vesicles} let {self.drug} go",
            )


@takes(ModelError, drug=TEXT, into=TEXTS, site=TEXT, vesicles=TEXT)
def drug(
    drug: str,
    *,
    into: str | Sequence[str] | None = None,
    kon: Given | None = None,
    koff: Given | None = None,
    site: str = "",
    outside_volume: Given | None = None,
    vesicles: str = "EV",
) -> Mechanism:
    """Drug in vesicles: what cells export into them, and what they bind outside as decoys.

    ``intracellular(..., ksort=..., into="EV")`` fills the pool ``<drug>_in_EV``; recipients get it with the vesicles
    they take up, and what is cleared is recorded in ``lost_<drug>``. With kon, vesicles bind free drug from the
    outside (the decoy of Cisneros 2023): ``kon*X*V*C`` leaves the medium or the tumour for the pool
    ``<drug>_on_EV`` and returns at koff. Recipients take up both pools.

    Parameters
    ----------
    drug : str
        A drug with pharmacokinetics or in a medium.
    into : str or sequence of str, optional
        Recipients with an `uptake` of these vesicles and dynamic `pkpd_mdr.intracellular` drug.
    kon, koff : quantity, Parameter or Formula, optional
        Binding (volume per vesicle and time) and release (per time); parameters ``kon_<drug>_in_<vesicles>`` ...
    site : str
        Where the vesicles meet the drug.
    outside_volume : quantity, Parameter or Formula, optional
        For decoys where the outside is a concentration: its volume, shared with `intracellular`.
    vesicles : str
        Name given to `release`.

    Returns
    -------
    Mechanism

    Raises
    ------
    ModelError
        There are no such vesicles, a recipient holds no drug, or the outside holds none.
    UnitError
        A quantity has no unit or the wrong one.

    Examples
    --------
    >>> import pkpd_mdr as mdr
    >>> mdr.vesicles.drug("ptx", into="S", kon="1e-12 mL/h", koff="0.1 1/h").label
    'ptx_in_EV'
    """
    recipients = () if into is None else names_of(into, f"{shown(drug)} in vesicles")
    return VesicleDrug(drug, recipients, kon, koff, site, outside_volume, vesicles)
