"""Drugs that change how fast cells switch: epigenetic drugs, and therapies that keep tolerant cells tolerant."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

from pkpd_mdr.arguments import TEXT, takes
from pkpd_mdr.errors import ModelError, did_you_mean, shown
from pkpd_mdr.mechanisms.drug_effect import DrugEffect
from pkpd_mdr.mechanisms.names import clone_of, joined
from pkpd_mdr.mechanisms.switching import arrow
from pkpd_mdr.model.parts import Expression
from pkpd_mdr.model.scope import Given, Mechanism, Scope

__all__ = ["Modulation", "switching_modulation"]


@dataclass(frozen=True, slots=True)
class Modulation:
    """Declaration behind `switching_modulation`."""

    source: str
    into: str
    effect: DrugEffect

    @property
    def label(self) -> str:
        """``modulation_<drug>_<source>_<into>``."""
        return joined("modulation", self.effect.title, self.source, self.into)

    def declare(self, scope: Scope) -> None:
        """Scale the switch."""
        scope.scale("switching", arrow(self.source, self.into), partial(self._factor, scope))

    def connect(self, scope: Scope) -> None:
        """Check that there is such a switch."""
        words = f"the modulation by {shown(self.effect.title)}"
        clone_of(scope, self.source, words)
        clone_of(scope, self.into, words)
        if ("switching", arrow(self.source, self.into)) not in scope.owners("switching"):
            known = [owner for _, owner in scope.owners("switching")]
            raise ModelError(
                f"{words} changes nothing: {shown(self.source)} does not switch to {shown(self.into)}"
                f"{did_you_mean(arrow(self.source, self.into), known)}"
            )

    def _factor(self, scope: Scope) -> Expression:
        owner = f"{self.source}_{self.into}"
        assert self.effect.emax is not None
        emax = scope.parameter(
            joined("modulation_emax", self.effect.title, owner),
            self.effect.emax,
            unit="",
            lower=-1.0,
            description=f"largest change of switching from {self.source} to {self.into} by {self.effect.title}",
        )
        return 1 + emax * self.effect.share(scope, "modulation", owner, f"the modulation of {shown(self.source)}")


@takes(ModelError, drug=TEXT, source=TEXT, into=TEXT, site=TEXT)
def switching_modulation(
    drug: str, source: str, into: str, *, emax: Given, ec50: Given, hill: Given = 1.0, site: str = ""
) -> Mechanism:
    """A drug multiplies the rate of a switch by ``1 + emax*(C/ec50)**hill/(1 + (C/ec50)**hill)``.

    With emax = -1 it stops the switch: an epigenetic drug that bars the way into tolerance, or a therapy under which
    tolerant cells do not return (Gunnarsson et al. 2020, J Theor Biol 490:110162, where drugs raise the rate into
    tolerance, lower the rate back, or both). It acts on all that `switching`, `persisters`, `epigenetic_memory` and
    `stem_hierarchy` declare for these two clones.

    Parameters
    ----------
    drug : str
        A drug or a cytokine.
    source, into : str
        Clones between which there is a switch in this direction.
    emax : float, Parameter or Formula
        Not below -1; parameter ``modulation_emax_<drug>_<source>_<into>``.
    ec50, hill : quantity, Parameter or Formula
        Parameters ``modulation_ec50_<drug>_<source>_<into>`` and ``modulation_hill_...``.
    site : str
        As in `kill`.

    Returns
    -------
    Mechanism

    Raises
    ------
    ModelError
        A clone, the drug or the switch is unknown.
    UnitError
        A quantity has no unit or the wrong one.

    Examples
    --------
    >>> import pkpd_mdr as mdr
    >>> model = mdr.Model(
    ...     mdr.clone("S"),
    ...     mdr.clone("P"),
    ...     mdr.medium("hdaci", unit="uM"),
    ...     mdr.switching("S", "P", rate="0.01 1/day"),
    ...     mdr.switching_modulation("hdaci", "S", "P", emax=-0.9, ec50="1 uM"),
    ... )
    >>> sorted(name for name in model.parameters if name.startswith("modulation"))
    ['modulation_ec50_hdaci_S_P', 'modulation_emax_hdaci_S_P', 'modulation_hill_hdaci_S_P']
    """
    return Modulation(source, into, DrugEffect(drug, site, emax, ec50, hill))
