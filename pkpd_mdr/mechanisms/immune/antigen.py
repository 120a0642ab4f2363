"""How visible clones are to effectors: antigen level, MHC expression, and the loss of antigen under attack."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial

import sympy as sp

from pkpd_mdr.arguments import TABLE, TEXT, takes
from pkpd_mdr.errors import ModelError, shown
from pkpd_mdr.expression import symbol
from pkpd_mdr.mechanisms.drug_effect import DrugEffect
from pkpd_mdr.mechanisms.names import POSITIVE, clone_of
from pkpd_mdr.model.parts import Expression
from pkpd_mdr.model.scope import Formula, Given, Mechanism, Scope

__all__ = ["Antigen", "AntigenLoss", "Mhc", "antigen", "antigen_loss", "mhc"]


def _attacked(scope: Scope, clone: str, asked_by: str) -> None:
    clone_of(scope, clone, asked_by)
    owners = [owner for _, owner in scope.owners("attack")]
    stimulated = scope.owners("effector")
    if not stimulated and not any(owner.endswith(f" on {clone}") for owner in owners):
        raise ModelError(f"{asked_by} changes nothing: the model has no effectors; add immune.effector(...)")


@dataclass(frozen=True, slots=True)
class Antigen:
    """Declaration behind `antigen`."""

    levels: tuple[tuple[str, Given], ...]

    @property
    def label(self) -> str:
        """``antigen``."""
        return "antigen"

    def declare(self, scope: Scope) -> None:
        """Offer the level of each clone."""
        for clone, given in self.levels:
            scope.offer("antigen", clone, partial(self._level, scope, clone, given))

    def connect(self, scope: Scope) -> None:
        """Check names."""
        for clone, _ in self.levels:
            _attacked(scope, clone, f"the antigen level of {shown(clone)}")

    def _level(self, scope: Scope, clone: str, given: Given) -> Expression:
        name = f"antigen_{clone}"
        level = scope.parameter(name, given, unit="", lower=0.0, upper=1.0, description=f"antigen level of {clone}")
        if isinstance(given, Formula):
            return sp.Min(sp.Integer(1), sp.Max(sp.Integer(0), level, evaluate=False), evaluate=False)
        return level


@takes(ModelError, levels=TABLE)
def antigen(levels: Mapping[str, Given]) -> Mechanism:
    """How much antigen the cells of each clone show, in [0, 1]; 1 for clones that are not named.

    The level multiplies every attack on the clone (unless an attack is not by antigen) and weighs the clone in what
    stimulates and exhausts effectors: ``Sig = sum(antigen_i*N_i)``. A clone that lost its antigen has 0.

    Parameters
    ----------
    levels : mapping of str to share, Parameter or Formula
        Clone to its level; parameters ``antigen_<clone>``. A formula is kept within [0, 1].

    Returns
    -------
    Mechanism

    Raises
    ------
    ModelError
        A clone is unknown, a level is outside [0, 1], or the model has no effectors.

    Examples
    --------
    >>> import pkpd_mdr as mdr
    >>> parts = [mdr.clone("S"), mdr.immune.effector("E"), mdr.immune.attack("E", on="S", rate="1e-7 1/cell/day")]
    >>> print(mdr.Model(*parts, mdr.immune.antigen({"S": 0.3})).derivatives["S"])
    -E*S*antigen_S*attack_E_S
    """
    if not levels:
        raise ModelError("antigen: name at least one clone with its level, as in {'S': 0.3}")
    return Antigen(tuple(levels.items()))


@dataclass(frozen=True, slots=True)
class Mhc:
    """Declaration behind `mhc`."""

    clone: str
    source: Given
    loss: Given
    half: Given
    induced: DrugEffect | None = None
    start: Given | None = None

    @property
    def name(self) -> str:
        """The state."""
        return f"MHC_{self.clone}"

    @property
    def label(self) -> str:
        """``MHC_<clone>``."""
        return self.name

    def declare(self, scope: Scope) -> None:
        """Add the receptors per cell and offer the antigen level."""
        receptors = scope.state(self.name, unit="", start=self.start, description=f"MHC-I per cell of {self.clone}")

        def level() -> Expression:
            """Antigen level of the clone, in [0, 1]."""
            half = scope.parameter(
                f"half_{self.name}",
                self.half,
                unit="",
                lower=POSITIVE,
                description=f"MHC-I of {self.clone} with half the visibility",
            )
            return receptors / (half + receptors)

        scope.offer("antigen", self.clone, level)

    def connect(self, scope: Scope) -> None:
        """Write synthesis and loss of receptors."""
        words = f"the MHC of {shown(self.clone)}"
        _attacked(scope, self.clone, words)
        source = scope.parameter(
            f"source_{self.name}", self.source, unit="1/h", lower=0.0, description=f"synthesis of MHC-I in {self.clone}"
        )
        scope.process(f"source_{self.name}", source, {self.name: 1}, description=f"{self.clone} express MHC-I")
        if self.induced is not None:
            effect = self.induced.expression(scope, self.name, unit="1/h", asked_by=words, prefix="induction")
            scope.process(
                f"induction_{self.name}",
                effect,
                {self.name: 1},
                description=f"{self.induced.title} induces MHC-I in {self.clone}",
            )
        loss = scope.parameter(
            f"loss_{self.name}", self.loss, unit="1/h", lower=0.0, description=f"loss of MHC-I of {self.clone}"
        )
        scope.process(
            f"loss_{self.name}", loss * symbol(self.name), {self.name: -1}, description=f"{self.clone} lose MHC-I"
        )


@takes(ModelError, clone=TEXT, induced_by=TEXT)
def mhc(
    clone: str,
    *,
    source: Given,
    loss: Given,
    half: Given,
    induced_by: str | None = None,
    emax: Given | None = None,
    ec50: Given | None = None,
    hill: Given = 1.0,
    slope: Given | None = None,
    start: Given | None = None,
) -> Mechanism:
    """MHC-I receptors per cell, induced by a cytokine; they set the antigen level of a clone.

    ``M' = source + emax*C/(ec50 + C) - loss*M`` and antigen level ``M/(half + M)``, in [0, 1): Kronik et al. 2008
    (Cancer Immunol Immunother 57:425; BIOMD0000000808) with interferon gamma as C.

    Parameters
    ----------
    clone : str
        The clone whose antigen level this is; `immune.antigen` must not name it too.
    source, loss : quantity, Parameter or Formula
        Receptors per cell and time, and per time; parameters ``source_MHC_<clone>`` and ``loss_MHC_<clone>``.
    half : float, Parameter or Formula
        Receptors of half the visibility; parameter ``half_MHC_<clone>``.
    induced_by : str, optional
        A cytokine or drug, with emax and ec50 or with slope.
    emax, ec50, hill, slope : quantity, Parameter or Formula, optional
        Parameters ``induction_emax_<cytokine>_MHC_<clone>`` and so on.
    start : float, Parameter or Formula, optional
        Receptors at time zero; parameter ``MHC_<clone>0``.

    Returns
    -------
    Mechanism

    Raises
    ------
    ModelError
        The clone or cytokine is unknown, the induction is not complete, or the model has no effectors.
    UnitError
        A quantity has no unit or the wrong one.

    Examples
    --------
    >>> import pkpd_mdr as mdr
    >>> model = mdr.Model(
    ...     mdr.clone("T"),
    ...     mdr.immune.effector("CTL"),
    ...     mdr.cytokine("IFN", unit="pg", secretion={"CTL": "1e-4 pg/h/cell"}, loss="0.1 1/h"),
    ...     mdr.immune.mhc(
    ...         "T", source="1.44 1/h", loss="0.0144 1/h", half=50, induced_by="IFN", emax="2.88 1/h", ec50="338000 pg"
    ...     ),
    ... )
    >>> model.states["MHC_T"].description
    'MHC-I per cell of T'
    """
    induced: DrugEffect | None = None
    if induced_by is not None:
        induced = DrugEffect(induced_by, "", emax, ec50, hill, slope)
    elif emax is not None or ec50 is not None or slope is not None:
        raise ModelError(f"the MHC of {shown(clone)}: emax, ec50 and slope need induced_by, the name of a cytokine")
    return Mhc(clone, source, loss, half, induced, start)


@dataclass(frozen=True, slots=True)
class AntigenLoss:
    """Declaration behind `antigen_loss`."""

    source: str
    into: str
    effector: str
    share: Given

    def __post_init__(self) -> None:
        if self.source == self.into:
            raise ModelError(f"antigen loss from {shown(self.source)} into itself does nothing; name two clones")

    @property
    def label(self) -> str:
        """``antigen_loss_<effector>_<source>_<into>``."""
        return f"antigen_loss_{self.effector}_{self.source}_{self.into}"

    def declare(self, scope: Scope) -> None:
        """Nothing yet: the attack must be known."""

    def connect(self, scope: Scope) -> None:
        """Write the transfer."""
        words = f"the antigen loss of {shown(self.source)}"
        cells = clone_of(scope, self.source, words)
        clone_of(scope, self.into, words)
        attack = scope.find("attack", f"{self.effector} on {self.source}", words)
        share = scope.parameter(
            self.label,
            self.share,
            unit="",
            lower=0.0,
            description=f"{self.source} that become {self.into} for each one killed by {self.effector}",
        )
        scope.process(
            self.label,
            share * attack * cells,
            {self.source: -1, self.into: 1},
            transfer=True,
            description=f"{self.source} survive {self.effector} as {self.into}, with less antigen",
        )


@takes(ModelError, source=TEXT, into=TEXT, effector=TEXT)
def antigen_loss(source: str, into: str, *, effector: str, share: Given) -> Mechanism:
    """Encounters that do not kill select cells with less antigen (Mahasa et al. 2016, J Theor Biol 404:312).

    For each cell of the source that an effector kills, `share` cells survive an encounter and join the clone `into`,
    whose lower antigen level is declared with `immune.antigen`: ``share*attack*N_i`` moves from i to i'. Mahasa et
    al. use 0.05 to 0.18. It is a transfer: encounters that do not kill do not change the number of cells.

    Parameters
    ----------
    source, into : str
        Clones.
    effector : str
        An effector that attacks the source.
    share : float, Parameter or Formula
        Survivors per kill, not negative; parameter ``antigen_loss_<effector>_<source>_<into>``.

    Returns
    -------
    Mechanism

    Raises
    ------
    ModelError
        A clone is unknown, both are the same, or the effector does not attack the source.

    Examples
    --------
    >>> import pkpd_mdr as mdr
    >>> model = mdr.Model(
    ...     mdr.clone("T0"),
    ...     mdr.clone("TN", resistant=True),
    ...     mdr.immune.effector("NK"),
    ...     mdr.immune.attack("NK", on="T0", rate="1.3e-7 1/cell/day"),
    ...     mdr.immune.antigen_loss("T0", "TN", effector="NK", share=0.05),
    ... )
    >>> print(model.derivatives["TN"])
    NK*T0*antigen_loss_NK_T0_TN*attack_NK_T0
    """
    return AntigenLoss(source, into, effector, share)
