"""P-glycoprotein (P-gp, ABCB1) as content of cells: made, degraded, diluted, handed on by contact.

The content per cell P is relative: 1 is a reference resistant cell. It is held as a pool of the clone,
``pgp_S = S*P_S``, so that division dilutes it, switching cells take it along and dying cells take it away into
``lost_pgp`` (see `pkpd_mdr.model.contents`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import permutations

import sympy as sp

from pkpd_mdr.arguments import TEXT, TEXTS, takes
from pkpd_mdr.errors import ModelError, did_you_mean, shown
from pkpd_mdr.expression import check_name, symbol
from pkpd_mdr.mechanisms.drug_effect import DrugEffect
from pkpd_mdr.mechanisms.names import holder_of, joined, names_of, ratio
from pkpd_mdr.mechanisms.pgp_grid import grid
from pkpd_mdr.model.contents import per_unit
from pkpd_mdr.model.scope import Given, Mechanism, Scope
from pkpd_mdr.units import Unit

__all__ = ["Contact", "PgpContent", "contact", "content", "grid"]

_DEPENDENCE = ("frequency", "density")


@dataclass(frozen=True, slots=True)
class PgpContent:
    """Declaration behind `content`."""

    on: tuple[str, ...]
    start: Given = 0.0
    synthesis: Given | None = None
    degradation: Given | None = None
    induced: DrugEffect | None = None

    @property
    def label(self) -> str:
        """``pgp_<clone>``."""
        return joined("pgp", *self.on)

    def declare(self, scope: Scope) -> None:
        """Add the pools and offer the content per cell."""
        for name in self.on:
            filling = scope.parameter(
                f"P0_{name}",
                self.start,
                unit="",
                lower=0.0,
                bare=True,
                description=f"P-gp per {name} cell at the start (1 = reference resistant cell)",
            )
            pool = scope.content(
                f"pgp_{name}",
                carrier=name,
                quantity="pgp",
                unit="",
                filling=filling,
                description=f"P-gp of all {name} cells",
            )
            content = per_unit(pool, symbol(name))
            scope.offer("pgp", name, content)
            scope.observable(f"P_{name}", content, "", f"P-gp per {name} cell")

    def connect(self, scope: Scope) -> None:
        """Write synthesis and degradation."""
        for name in self.on:
            asked_by = f"P-gp of {shown(name)}"
            cells, pool = holder_of(scope, name, asked_by), f"pgp_{name}"
            if self.synthesis is not None:
                ending = f"synthesis_{pool}"
                speed = scope.parameter(
                    ending, self.synthesis, unit="1/h", lower=0.0, description=f"P-gp made per {name} cell and time"
                )
                scope.process(ending, speed * cells, {pool: 1}, description=f"{name} makes P-gp")
            if self.induced is not None:
                effect = self.induced.expression(scope, name, unit="1/h", asked_by=asked_by, prefix="synthesis")
                scope.process(
                    f"synthesis_{self.induced.title}_{pool}",
                    effect * cells,
                    {pool: 1},
                    description=f"{self.induced.title} makes {name} make P-gp",
                )
            if self.degradation is not None:
                ending = f"degradation_{pool}"
                speed = scope.parameter(
                    ending, self.degradation, unit="1/h", lower=0.0, description=f"degradation rate of P-gp in {name}"
                )
                scope.process(
                    ending,
                    speed * symbol(pool),
                    {pool: -1, "lost_pgp": 1},
                    transfer=True,
                    description=f"P-gp of {name} is degraded",
                )


@takes(ModelError, on=TEXTS, induced_by=TEXT, site=TEXT)
def content(
    on: str | Sequence[str],
    *,
    start: Given = 0.0,
    synthesis: Given | None = None,
    degradation: Given | None = None,
    induced_by: str | None = None,
    emax: Given | None = None,
    ec50: Given | None = None,
    hill: Given = 1.0,
    slope: Given | None = None,
    site: str = "",
) -> Mechanism:
    """P-gp per cell of a clone, ``P_S' = synthesis + induction(C) - degradation*P_S - dilution by division``.

    Adds the pool ``pgp_S`` (P-gp of the whole clone), the observable ``P_S`` (per cell; 0 for an empty clone) and the
    sink ``lost_pgp``. What it does is for others to say: `intracellular` lets it pump drugs out. Cells without drug
    lose P-gp by degradation and division; a drug that induces synthesis fixes it. The half-life of the protein is
    14 h to several days (recalled, not measured here); synthesis and induction are wide priors.

    Parameters
    ----------
    on : str or sequence of str
        Clones, or other states of kind ``"cells"``, as numbers of cells.
    start : float, Parameter or Formula
        P-gp per cell at time zero; parameter ``P0_<clone>``.
    synthesis : quantity, Parameter or Formula, optional
        Per cell and time; parameter ``synthesis_pgp_<clone>``.
    degradation : quantity, Parameter or Formula, optional
        Per time; parameter ``degradation_pgp_<clone>``.
    induced_by : str, optional
        A drug that adds to synthesis, with slope or with emax and ec50.
    emax, ec50, hill, slope : quantity, Parameter or Formula, optional
        Its effect on synthesis (per time), as in `pkpd_mdr.kill`; parameters ``synthesis_emax_<drug>_<clone>`` ...
    site : str
        Where the drug's concentration is taken.

    Returns
    -------
    Mechanism

    Raises
    ------
    ModelError
        A name stands for no cells, or the induction is not complete.
    UnitError
        A quantity has no unit or the wrong one.

    Examples
    --------
    >>> import pkpd_mdr as mdr
    >>> law = mdr.growth.exponential(rate="0.5 1/day")
    >>> model = mdr.Model(
    ...     mdr.clone("S", growth=law, death="0.1 1/day"),
    ...     mdr.clone("R", growth=law),
    ...     mdr.pgp.content("R", start=1, degradation="0.03 1/h"),
    ...     mdr.pgp.content("S"),
    ...     mdr.switching("R", "S", rate="0.01 1/day"),
    ... )
    >>> print(model.derivatives["pgp_S"])
    -death_S*pgp_S + pgp_R*switching_R_S
    """
    induced: DrugEffect | None = None
    if induced_by is not None:
        induced = DrugEffect(induced_by, site, emax, ec50, hill, slope)
    elif slope is not None or emax is not None or ec50 is not None:
        raise ModelError(f"P-gp of {shown(on)}: slope, emax and ec50 need induced_by, the name of a drug")
    return PgpContent(names_of(on, "P-gp"), start, synthesis, degradation, induced)


@dataclass(frozen=True, slots=True)
class Contact:
    """Declaration behind `contact`."""

    between: tuple[str, ...]
    rate: Given
    dependence: str = "frequency"
    name: str = "contact"

    def __post_init__(self) -> None:
        check_name(self.name, "the name of a contact transfer")
        if self.dependence not in _DEPENDENCE:
            raise ModelError(
                f"contact transfer of P-gp: dependence {shown(self.dependence)} is not "
                f"known{did_you_mean(self.dependence, _DEPENDENCE)}"
            )
        if len(self.between) < 2:
            raise ModelError(
                f"contact transfer of P-gp needs two clones, but only {shown(self.between[0])} was given; cells of "
                "one clone have the same content here (pgp.grid resolves it)"
            )

    @property
    def label(self) -> str:
        """``<name>_pgp``."""
        return f"{self.name}_pgp"

    def declare(self, scope: Scope) -> None:
        """Nothing yet: the clones must be known."""

    def connect(self, scope: Scope) -> None:
        """Write the two one-way flows of every pair."""
        asked_by = "contact transfer of P-gp"
        cells = {name: holder_of(scope, name, asked_by) for name in self.between}
        for name in self.between:
            scope.find("pgp", name, asked_by)
        density = self.dependence == "density"
        speed = scope.parameter(
            self.label,
            self.rate,
            unit=Unit.of("1/h").times(Unit.of("cell"), -1) if density else "1/h",
            lower=0.0,
            description="contacts per time, times the share of the difference in P-gp that one evens out",
        )
        met = sp.Add(*(symbol(name) for name in dict.fromkeys([*scope.clones, *self.between])))
        for giver, taker in permutations(self.between, 2):
            pool = symbol(f"pgp_{giver}")
            rate = speed * pool * cells[taker]
            scope.process(
                f"{self.label}_{giver}_{taker}",
                rate if density else ratio(rate, met),
                {f"pgp_{giver}": -1, f"pgp_{taker}": 1},
                transfer=True,
                description=f"{giver} hands P-gp to {taker} on contact",
            )


@takes(ModelError, between=TEXTS, dependence=TEXT, name=TEXT)
def contact(between: Sequence[str], *, rate: Given, dependence: str = "frequency", name: str = "contact") -> Mechanism:
    """Cells hand P-gp to each other on contact, from more to less: the mean-content form.

    For each pair of clones the flow is antisymmetric, so that no cell number and no sum of P-gp changes::

        d(S*P_S)/dt = contact_pgp*S*R/N*(P_R - P_S)        (frequency; N = the burden)
        d(S*P_S)/dt = contact_pgp*S*R*(P_R - P_S)          (density)

    contact_pgp is tau*f: contacts per cell and time, times the share of the difference that a contact evens out
    (Hinow et al. 2009, SIAM J Appl Math 70:40; Pasquier et al. 2011, Biol Direct 6:5, whose rates could not be read).
    Tunnelling nanotubes need contact as well; give them another name. Start values of 0.005 to 0.1 per hour are a wide
    prior, not measured. `grid` resolves the distribution of content within a population; `contact_transfer` is the
    reduced form with two phenotypes.

    Parameters
    ----------
    between : sequence of str
        Clones with P-gp `content`.
    rate : quantity, Parameter or Formula
        Per time, or per time and cell for density; parameter ``<name>_pgp``.
    dependence : str
        ``"frequency"`` or ``"density"``.
    name : str
        Opens the names of the parameter and the processes.

    Returns
    -------
    Mechanism

    Raises
    ------
    ModelError
        A clone is unknown or has no P-gp content, or fewer than two were given.
    UnitError
        A quantity has no unit or the wrong one.

    Examples
    --------
    >>> import pkpd_mdr as mdr
    >>> model = mdr.Model(
    ...     mdr.clone("S", start=1e6),
    ...     mdr.clone("R", start=1e6),
    ...     mdr.pgp.content("S"),
    ...     mdr.pgp.content("R", start=1),
    ...     mdr.pgp.contact(["S", "R"], rate="0.05 1/h"),
    ... )
    >>> run = model.simulate(until="48 h", times="48 h")
    >>> [round(float(run.frame[name].iloc[-1]), 4) for name in ("P_S", "P_R")]
    [0.4546, 0.5454]
    """
    return Contact(names_of(between, "contact transfer of P-gp"), rate, dependence, name)
