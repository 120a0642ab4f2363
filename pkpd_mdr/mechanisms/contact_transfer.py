"""Resistance handed from cell to cell on contact: the reduced form with two phenotypes.

The graded forms, in which P-gp is content of cells and conserved, are `pgp.contact` and `pgp.grid`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import sympy as sp

from pkpd_mdr.arguments import TEXT, TEXTS, takes
from pkpd_mdr.errors import ModelError, did_you_mean, shown
from pkpd_mdr.mechanisms.names import clone_of, names_of, ratio
from pkpd_mdr.model.scope import Given, Mechanism, Scope
from pkpd_mdr.units import Unit

__all__ = ["ContactTransfer", "contact_transfer"]

_DEPENDENCE = ("frequency", "density")


@dataclass(frozen=True, slots=True)
class ContactTransfer:
    """Declaration behind `contact_transfer`."""

    source: tuple[str, ...]
    target: str
    into: str
    rate: Given
    loss: Given | None = None
    fixation: Given | None = None
    dependence: str = "frequency"

    def __post_init__(self) -> None:
        if self.dependence not in _DEPENDENCE:
            raise ModelError(
                f"contact transfer: dependence {shown(self.dependence)} is not "
                f"known{did_you_mean(self.dependence, _DEPENDENCE)}"
            )
        if self.target == self.into or self.target in self.source:
            raise ModelError(
                f"contact transfer: the target {shown(self.target)} can be neither its own source nor what it becomes"
            )
        if self.fixation is not None and self.into == self.source[0]:
            raise ModelError(
                f"contact transfer: fixation makes {shown(self.into)} become {shown(self.source[0])}, which is "
                "the same clone; leave it out"
            )

    @property
    def label(self) -> str:
        """``contact_transfer``."""
        return "contact_transfer"

    def declare(self, scope: Scope) -> None:
        """Nothing yet: the clones must be known."""

    def connect(self, scope: Scope) -> None:
        """Write transfer, loss and fixation."""
        asked_by = "contact transfer"
        donors = sp.Add(*(clone_of(scope, name, asked_by) for name in self.source))
        target, into = clone_of(scope, self.target, asked_by), clone_of(scope, self.into, asked_by)
        name = f"contact_{self.target}_{self.into}"
        unit = Unit.of("1/h")
        if self.dependence == "density":
            unit = unit.times(scope.states[self.target].unit, -1)
        rate = scope.parameter(
            name,
            self.rate,
            unit=unit,
            lower=0.0,
            description=f"contact transfer from {', '.join(self.source)} to {self.target}",
        )
        met = ratio(donors * target, scope.gather("burden")) if self.dependence == "frequency" else donors * target
        scope.process(
            name,
            rate * met,
            {self.target: -1, self.into: 1},
            transfer=True,
            description=f"{self.target} becomes {self.into} on contact",
        )
        for what, given, other in (("loss", self.loss, self.target), ("fixation", self.fixation, self.source[0])):
            if given is not None:
                ending = f"{what}_{self.into}_{other}"
                speed = scope.parameter(
                    ending, given, unit="1/h", lower=0.0, description=f"{what}: {self.into} becomes {other}"
                )
                scope.process(
                    ending,
                    speed * into,
                    {self.into: -1, other: 1},
                    transfer=True,
                    description=f"{self.into} becomes {other} ({what})",
                )


@takes(ModelError, source=TEXTS, target=TEXT, into=TEXT, dependence=TEXT)
def contact_transfer(
    source: str | Sequence[str],
    target: str,
    into: str,
    *,
    rate: Given,
    loss: Given | None = None,
    fixation: Given | None = None,
    dependence: str = "frequency",
) -> Mechanism:
    """Resistant cells hand their resistance (P-gp) to sensitive ones on contact. A reduced form.

    ``S + R -> A + R`` at ``contact_S_A*R*S/burden`` (frequency) or ``contact_S_A*R*S`` (density), ``A -> S`` at
    ``loss_A_S*A``, ``A -> R`` at ``fixation_A_R*A``. It conserves the number of cells but not the protein: the donor is
    not debited, and content per cell is not graded: that is `pkpd_mdr.pgp.contact` (Pasquier et al. 2011, Biol Direct
    6:5, measure the graded form). Drug-driven fixation is ``switching("A", "R", induced_by=...)``.

    Parameters
    ----------
    source : str or sequence of str
        Donor clones; the first is what fixation leads to.
    target, into : str
        The clone that receives, and what it becomes: a clone of its own (``"A"``) or a donor clone.
    rate : quantity, Parameter or Formula
        Per time (frequency), or per time and unit of the clones (density); parameter ``contact_<target>_<into>``.
    loss : quantity, Parameter or Formula, optional
        Of what was acquired, per time; parameter ``loss_<into>_<target>``.
    fixation : quantity, Parameter or Formula, optional
        Per time; parameter ``fixation_<into>_<source>``.
    dependence : str
        ``"frequency"`` or ``"density"``.

    Returns
    -------
    Mechanism

    Raises
    ------
    ModelError
        A clone is unknown, the target is also source or result, or the dependence is unknown.
    UnitError
        A quantity has no unit or the wrong one.

    Examples
    --------
    >>> import pkpd_mdr as mdr
    >>> clones = [mdr.clone(name) for name in "SRA"]
    >>> model = mdr.Model(*clones, mdr.contact_transfer("R", "S", "A", rate="0.05 1/h", loss="0.02 1/h"))
    >>> list(model.processes)
    ['contact_S_A', 'loss_A_S']
    """
    return ContactTransfer(names_of(source, "contact transfer"), target, into, rate, loss, fixation, dependence)
