"""How cells die of a drug: two paths, each with its own evasion, at once or with a delay."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

import sympy as sp

from pkpd_mdr.arguments import COUNT, TEXT, TEXTS, takes
from pkpd_mdr.errors import ModelError, did_you_mean, shown
from pkpd_mdr.expression import symbol
from pkpd_mdr.mechanisms.death_stages import damaged, transit
from pkpd_mdr.mechanisms.drug_effect import DrugEffect
from pkpd_mdr.mechanisms.names import POSITIVE, clone_of, drug_at, joined, names_of
from pkpd_mdr.model.parts import Expression
from pkpd_mdr.model.scope import Given, Mechanism, Scope

__all__ = ["PATHS", "Evasion", "Path", "damaged", "evasion", "path", "transit"]

PATHS = {"apoptosis": "apoptosis evasion", "other": "other-death evasion"}
"""Paths of death, and the kind under which their evasion is offered."""


@dataclass(frozen=True, slots=True)
class Evasion:
    """Declaration behind `evasion`."""

    on: tuple[str, ...]
    apoptosis: Given = 0.0
    other: Given = 0.0

    @property
    def label(self) -> str:
        """``evasion_<clones>``."""
        return joined("evasion", *self.on)

    def declare(self, scope: Scope) -> None:
        """Offer both shares for each clone."""
        for clone in self.on:
            for name, given in (("apoptosis", self.apoptosis), ("other", self.other)):
                share = scope.parameter(
                    f"evasion_{name}_{clone}",
                    given,
                    unit="",
                    lower=0.0,
                    upper=1.0,
                    description=f"share of {name if name == 'apoptosis' else 'other death'} that {clone} evades",
                )
                scope.offer(PATHS[name], clone, share)

    def connect(self, scope: Scope) -> None:
        """Check the clones, and show what is evaded."""
        for clone in self.on:
            clone_of(scope, clone, self.label)
            for name in PATHS:
                scope.observable(f"evaded_{name}_{clone}", evaded(scope, name, clone), "", f"share evaded by {clone}")


def evaded(scope: Scope, name: str, clone: str) -> Expression:
    """The share of a path that a clone evades, kept in [0, 1] whatever others add to it; 0 where none is declared."""
    kind = PATHS[name]
    if not scope.offered(kind, clone):
        return sp.Integer(0)
    share = scope.find(kind, clone)
    if share.is_Symbol:
        return share
    return sp.Max(sp.Integer(0), sp.Min(sp.Integer(1), share, evaluate=False), evaluate=False)


@takes(ModelError, on=TEXTS)
def evasion(on: str | Sequence[str], *, apoptosis: Given = 0.0, other: Given = 0.0) -> Mechanism:
    """A clone evades a share of its deaths: of apoptosis, and of others such as necrosis or mitotic catastrophe.

    Deaths by `death.path` happen at ``(1 - evasion)`` times their rate. Others, such as the cargo of vesicles, may add
    to the shares (kinds ``apoptosis evasion`` and ``other-death evasion``); the result is kept in [0, 1].

    Parameters
    ----------
    on : str or sequence of str
        Clones.
    apoptosis, other : share, Parameter or Formula
        Parameters ``evasion_apoptosis_<clone>`` and ``evasion_other_<clone>``. Rarely measured: wide priors.

    Returns
    -------
    Mechanism
        With the observables ``evaded_apoptosis_<clone>`` and ``evaded_other_<clone>``.

    Raises
    ------
    ModelError
        A clone is unknown, or a share is outside [0, 1].

    Examples
    --------
    >>> import pkpd_mdr as mdr
    >>> dies = mdr.death.path("dox", on="R", slope="0.1 1/uM/h")
    >>> model = mdr.Model(mdr.medium("dox"), mdr.clone("R"), dies, mdr.death.evasion("R", apoptosis=0.9))
    >>> print(model.processes["apoptosis_dox_R"].rate)
    R*apoptosis_slope_dox_R*medium_dox*(1 - evasion_apoptosis_R)
    """
    return Evasion(names_of(on, "evasion"), apoptosis, other)


@dataclass(frozen=True, slots=True)
class _Held(DrugEffect):
    """The effect of what cells hold, which has a concentration for each clone but one name."""

    @property
    def title(self) -> str:
        """The drug, whichever clone holds it."""
        return self.drug


@dataclass(frozen=True, slots=True)
class Path:
    """Declaration behind `path`."""

    effect: DrugEffect
    on: tuple[str, ...]
    path: str = "apoptosis"
    via: str = ""
    stages: int = 0
    delay: Given | None = None

    def __post_init__(self) -> None:
        where = f"death by {shown(self.effect.drug)}"
        if self.path not in PATHS:
            raise ModelError(f"{where}: path = {shown(self.path)} is not known{did_you_mean(self.path, PATHS)}")
        if self.via not in ("", "transit", "damaged"):
            raise ModelError(
                f"{where}: via = {shown(self.via)} is neither 'transit' nor 'damaged'; leave it out for death at once"
            )
        if (self.stages > 0) != (self.delay is not None) or not 0 <= self.stages <= 20:
            raise ModelError(f"{where}: a delayed signal needs stages (1 to 20) and delay, its mean time; give both")

    @property
    def label(self) -> str:
        """``<path>_<drug>``."""
        return joined(self.path, self.effect.title)

    def name(self, clone: str) -> str:
        """The process of a clone: ``apoptosis_<drug>_<clone>`` or ``other_death_<drug>_<clone>``."""
        return joined(self.path if self.path == "apoptosis" else "other_death", self.effect.title, clone)

    def owner(self, clone: str) -> str:
        """Under which the effect is offered."""
        return f"{self.path} by {self.effect.title} on {clone}"

    def declare(self, scope: Scope) -> None:
        """Offer the effects; add the stages of a delayed signal."""
        for clone in self.on:
            scope.offer("effect", self.owner(clone), partial(self._effect, scope, clone))
            for i in range(1, self.stages + 1):
                scope.state(
                    f"signal{i}_{self.name(clone)}",
                    unit="1/h",
                    description=f"{self.path} of {clone}, stage {i} of delay",
                )

    def connect(self, scope: Scope) -> None:
        """Write one process for each clone."""
        asked_by = f"the {self.path} by {shown(self.effect.title)}"
        for clone in self.on:
            cells = clone_of(scope, clone, asked_by)
            hazard = self._signal(scope, scope.find("effect", self.owner(clone)), clone)
            rate = hazard * (1 - evaded(scope, self.path, clone)) * cells
            moves = {clone: -1}
            if self.via:
                if not scope.offered(self.via, clone):
                    raise ModelError(f"{asked_by} is via={shown(self.via)}; declare death.{self.via}({clone!r}, ...)")
                moves[str(scope.find(self.via, clone))] = 1
            scope.process(
                self.name(clone),
                rate,
                moves,
                transfer=bool(self.via),
                description=f"{clone} dies of {self.effect.title} ({self.path})",
            )

    def _effect(self, scope: Scope, clone: str) -> Expression:
        effect, asked_by = self.effect, f"the {self.path} of {shown(clone)} by {shown(self.effect.drug)}"
        held = not scope.offered("concentration", effect.drug)
        if held and not effect.site and scope.offered("concentration", drug_at(effect.drug, clone)):
            effect = _Held(effect.drug, clone, effect.emax, effect.ec50, effect.hill, effect.slope)
        return effect.expression(scope, clone, unit="1/h", asked_by=asked_by, prefix=self.path)

    def _signal(self, scope: Scope, effect: Expression, clone: str) -> Expression:
        """The effect after its stages: each follows the one before at the rate stages/delay."""
        if self.delay is None:
            return effect
        name = self.name(clone)
        delay = scope.parameter(
            f"delay_{name}", self.delay, unit="h", lower=POSITIVE, description=f"mean delay of {name}"
        )
        before = effect
        for i in range(1, self.stages + 1):
            stage = symbol(f"signal{i}_{name}")
            scope.process(
                str(stage), self.stages / delay * (before - stage), {str(stage): 1}, description=f"{name} is on its way"
            )
            before = stage
        return before


@takes(ModelError, drug=TEXT, on=TEXTS, path=TEXT, site=TEXT, via=TEXT, stages=COUNT)
def path(
    drug: str,
    *,
    on: str | Sequence[str],
    path: str = "apoptosis",
    emax: Given | None = None,
    ec50: Given | None = None,
    hill: Given = 1.0,
    slope: Given | None = None,
    site: str = "",
    via: str = "",
    stages: int = 0,
    delay: Given | None = None,
) -> Mechanism:
    """Cells die of a drug, or of the damage that it did, by one path of death.

    The hazard at the concentration C is ``E = emax*(C/ec50)**hill/(1 + (C/ec50)**hill)`` or ``E = slope*C``, and
    ``(1 - evasion)*E*S`` cells die per time. Both paths of a clone add up, each with its own effect and its own evasion
    (`death.evasion`). They die

    - at once,
    - after a chain of stages in which they still count as burden: ``via="transit"`` and `death.transit` (Simeoni et al.
      2004, Cancer Res 64:1094),
    - from a pool of damaged cells that may recover or die as they try to divide: ``via="damaged"`` and `death.damaged`,
    - or by a signal that is itself on its way, ``K1' = (stages/delay)*(E - K1)`` and so on, of which the last stage
      kills (Lobo and Balthasar 2002, AAPS PharmSci 4:E42): `stages` and `delay`. The integral of the hazard is kept and
      comes later by `delay` in the mean.

    Parameters
    ----------
    drug : str
        A drug, or what cells hold: ``"adducts"`` is taken from each clone.
    on : str or sequence of str
        Clones; each gets parameters of its own, unless a shared `parameter` is given.
    path : str
        ``"apoptosis"`` or ``"other"``.
    emax, ec50, hill, slope : quantity, Parameter or Formula, optional
        Of the effect, per time; parameters ``apoptosis_emax_<drug>_<clone>`` and so on.
    site : str
        Where the concentration is taken: ``""`` (plasma or medium), ``"tumour"``, or a clone's name for the drug in its
        cells.
    via : str
        ``""``, ``"transit"`` or ``"damaged"``.
    stages : int
        Of the signal; none by default.
    delay : quantity, Parameter or Formula, optional
        Mean time of the signal; parameter ``delay_apoptosis_<drug>_<clone>``.

    Returns
    -------
    Mechanism

    Raises
    ------
    ModelError
        The clone or drug is unknown, the path is unknown, the effect is not complete, or a delay lacks its other half.
    UnitError
        A quantity has no unit or the wrong one.

    Examples
    --------
    >>> import pkpd_mdr as mdr
    >>> model = mdr.Model(
    ...     mdr.medium("dox"),
    ...     mdr.clone("S"),
    ...     mdr.death.path("dox", on="S", emax="0.1 1/h", ec50="50 nM"),
    ...     mdr.death.path("dox", on="S", path="other", slope="0.01 1/uM/h", via="damaged"),
    ...     mdr.death.damaged("S", recovery="0.02 1/h", death="0.05 1/h"),
    ... )
    >>> list(model.processes)
    ['apoptosis_dox_S', 'other_death_dox_S', 'recovery_damaged_S', 'death_damaged_S']
    """
    effect = DrugEffect(drug, site, emax, ec50, hill, slope)
    return Path(effect, names_of(on, f"death by {shown(drug)}"), path, via, stages, delay)
