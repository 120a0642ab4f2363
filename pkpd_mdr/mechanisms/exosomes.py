"""Resistance carried by vesicles: the reduced form with two phenotypes; `vesicles` holds the graded forms."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import sympy as sp

from pkpd_mdr.arguments import TEXT, TEXTS, takes
from pkpd_mdr.errors import ModelError, shown
from pkpd_mdr.expression import check_name, symbol
from pkpd_mdr.mechanisms.names import POSITIVE, cells_of, names_of
from pkpd_mdr.model.parts import Expression
from pkpd_mdr.model.scope import Given, Mechanism, Scope

__all__ = ["Exosomes", "exosomes"]


@dataclass(frozen=True, slots=True)
class Exosomes:
    """Declaration behind `exosomes`."""

    source: tuple[str, ...]
    target: str
    into: str
    secretion: Given
    uptake: Given
    clearance: Given
    conversion: Given
    volume: Given = "1 mL"
    start: Given | None = None
    inhibition: Given | None = None
    depletion: Given | None = None
    name: str = "exosomes"

    def __post_init__(self) -> None:
        check_name(self.name, "the name of the vesicles")
        if self.target == self.into:
            raise ModelError(
                f"{self.name}: the target {shown(self.target)} must become another clone; give another name for into"
            )

    @property
    def label(self) -> str:
        """The name of the vesicles."""
        return self.name

    def declare(self, scope: Scope) -> None:
        """Add the vesicle state."""
        scope.state(
            self.name,
            unit="vesicle/mL",
            start=self.start,
            kind="vesicles",
            description=f"vesicles of {', '.join(self.source)}",
        )

    def connect(self, scope: Scope) -> None:
        """Write secretion, loss, uptake and conversion."""
        vesicles = symbol(self.name)
        volume = self._slot(
            scope, "volume", "", self.volume, "L", "volume in which the vesicles spread", lower=POSITIVE
        )
        kept: Expression = sp.Integer(1)
        if self.inhibition is not None:
            kept = 1 - self._slot(
                scope, "inhibition", "", self.inhibition, "", "share of secretion that is inhibited", upper=1.0
            )
        for donor in self.source:
            secreted = self._slot(
                scope, "secretion", donor, self.secretion, "vesicle/h", f"vesicles secreted per {donor} cell"
            )
            rate = kept * secreted * cells_of(scope, donor, self.name) / volume
            scope.process(
                f"secretion_{self.name}_{donor}", rate, {self.name: 1}, description=f"{donor} secretes {self.name}"
            )
        self._lose(scope, vesicles)
        self._take_up(scope, vesicles, volume)

    def _lose(self, scope: Scope, vesicles: Expression) -> None:
        clearance = self._slot(scope, "clearance", "", self.clearance, "1/h", "clearance rate")
        scope.process(
            f"clearance_{self.name}", clearance * vesicles, {self.name: -1}, description=f"{self.name} are cleared"
        )
        if self.depletion is not None:
            depletion = self._slot(scope, "depletion", "", self.depletion, "1/h", "rate of removal by treatment")
            scope.process(
                f"depletion_{self.name}",
                depletion * vesicles,
                {self.name: -1},
                description=f"{self.name} are removed by treatment",
            )

    def _take_up(self, scope: Scope, vesicles: Expression, volume: Expression) -> None:
        cells = cells_of(scope, self.target, self.name)
        cells_of(scope, self.into, self.name)
        uptake = self._slot(
            scope,
            "uptake",
            self.target,
            self.uptake,
            "L/h",
            f"volume cleared of vesicles per {self.target} cell and time",
        )
        ending = f"{self.target}_{self.into}"
        share = self._slot(
            scope,
            "conversion",
            ending,
            self.conversion,
            "",
            f"probability that a vesicle taken up makes {self.target} become {self.into}",
            upper=1.0,
        )
        scope.process(
            f"uptake_{self.name}_{self.target}",
            uptake * cells / volume * vesicles,
            {self.name: -1},
            description=f"{self.target} takes up {self.name}",
        )
        moves = {self.target: -1, self.into: 1}
        scope.process(
            f"conversion_{self.name}_{ending}",
            share * uptake * vesicles * cells,
            moves,
            transfer=True,
            description=f"{self.name} make {self.target} become {self.into}",
        )

    def _slot(
        self,
        scope: Scope,
        what: str,
        ending: str,
        given: Given,
        unit: str,
        words: str,
        *,
        lower: float = 0.0,
        upper: float = float("inf"),
    ) -> Expression:
        name = f"{what}_{self.name}" + (f"_{ending}" if ending else "")
        return scope.parameter(name, given, unit=unit, lower=lower, upper=upper, description=f"{words} ({self.name})")


@takes(ModelError, source=TEXTS, target=TEXT, into=TEXT)
def exosomes(
    source: str | Sequence[str],
    target: str,
    into: str,
    *,
    secretion: Given,
    uptake: Given,
    clearance: Given,
    conversion: Given,
    volume: Given = "1 mL",
    start: Given | None = None,
    inhibition: Given | None = None,
    depletion: Given | None = None,
    name: str = "exosomes",
) -> Mechanism:
    """Vesicles from resistant cells make sensitive cells resistant. A reduced form: two phenotypes, no graded cargo.

    The graded forms, with cargo per cell, P-gp and drug that are conserved, are in `pkpd_mdr.vesicles`.

    With X the vesicles per volume, V the volume, R the source, S the target::

        X' = (1 - inhibition)*secretion*R/V - clearance*X - depletion*X - uptake*S/V*X
        S -> into at conversion*uptake*X*S

    Cells change their type as a whole and the number of cells is conserved by the conversion; the donor is not
    debited. The form follows the models of vesicle-borne resistance (Duran et al. 2016, Bull Math Biol 78:1218;
    Alvarez-Arenas et al. 2019, Sci Rep 9:9332), whose own equations could not be read, with uptake as a loss of X.
    Its rate constants are among the least known of the field: treat every value as a wide prior, not as measured.

    Parameters
    ----------
    source : str or sequence of str
        Clones that secrete, as numbers of cells.
    target, into : str
        The clone that takes vesicles up, and what it becomes.
    secretion : quantity, Parameter or Formula
        Vesicles per cell and time; parameter ``secretion_exosomes_<source>``.
    uptake : quantity, Parameter or Formula
        Volume per cell and time; parameter ``uptake_exosomes_<target>``.
    clearance : quantity, Parameter or Formula
        Per time; parameter ``clearance_exosomes``.
    conversion : share, Parameter or Formula
        Probability in [0, 1] that a vesicle taken up converts its cell; ``conversion_exosomes_<target>_<into>``.
    volume : quantity, Parameter or Formula
        In which the vesicles spread (tumour or medium); parameter ``volume_exosomes``.
    start : quantity, Parameter or Formula, optional
        Vesicles per volume at time zero, as ``"1e8 vesicle/mL"``; parameter ``exosomes0``.
    inhibition : share, Parameter or Formula, optional
        Share in [0, 1] of the secretion that is inhibited; parameter ``inhibition_exosomes``.
    depletion : quantity, Parameter or Formula, optional
        Removal by treatment, per time; parameter ``depletion_exosomes``.
    name : str
        Name of the vesicle state, which stands in all parameter names.

    Returns
    -------
    Mechanism

    Raises
    ------
    ModelError
        A clone is unknown or not counted in cells, or target and into are the same.
    UnitError
        A quantity has no unit or the wrong one.

    Examples
    --------
    >>> import pkpd_mdr as mdr
    >>> transfer = mdr.exosomes(
    ...     "R", "S", "R", secretion="200 1/day", uptake="1e-9 mL/h", clearance="0.2 1/h", conversion=1e-3
    ... )
    >>> model = mdr.Model(mdr.clone("S"), mdr.clone("R", resistant=True), transfer)
    >>> print(model.derivatives["S"])
    -S*conversion_exosomes_S_R*exosomes*uptake_exosomes_S
    """
    return Exosomes(
        names_of(source, name),
        target,
        into,
        secretion,
        uptake,
        clearance,
        conversion,
        volume,
        start,
        inhibition,
        depletion,
        name,
    )
