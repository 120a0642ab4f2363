"""Signals between cells: cytokines that cells secrete, that are cleared, and that can be given."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from pkpd_mdr.arguments import TABLE, TEXT, takes
from pkpd_mdr.errors import ModelError
from pkpd_mdr.expression import check_name, symbol
from pkpd_mdr.mechanisms.host import population_of
from pkpd_mdr.mechanisms.names import read_molar_mass
from pkpd_mdr.model.parts import Port
from pkpd_mdr.model.scope import Given, Mechanism, Scope
from pkpd_mdr.units import Quantity, Unit

__all__ = ["Cytokine", "cytokine"]


@dataclass(frozen=True, slots=True)
class Cytokine:
    """Declaration behind `cytokine`."""

    name: str
    unit: Unit
    secretion: tuple[tuple[str, Given], ...] = ()
    source: Given | None = None
    loss: Given | None = None
    start: Given | None = None
    molar_mass: Quantity | None = None

    def __post_init__(self) -> None:
        check_name(self.name, "the name of a cytokine")

    @property
    def label(self) -> str:
        """``cytokine_<name>``."""
        return f"cytokine_{self.name}"

    def declare(self, scope: Scope) -> None:
        """Add the level and its port, and offer it as a concentration."""
        name = self.name
        level = scope.state(
            name, unit=self.unit, start=self.start, kind="concentration", description=f"level of {name}"
        )
        scope.offer("concentration", name, level, unit=self.unit)
        scope.port(Port(name, "iv", "dose", self.unit, name, molar_mass=self.molar_mass, steady=(name,)))

    def connect(self, scope: Scope) -> None:
        """Write source, secretion and loss."""
        name, per_hour = self.name, self.unit.times(Unit.of("1/h"))
        if self.source is not None:
            source = scope.parameter(
                f"source_{name}", self.source, unit=per_hour, lower=0.0, description=f"{name} from elsewhere"
            )
            scope.process(f"source_{name}", source, {name: 1}, description=f"{name} arrives from elsewhere")
        for owner, given in self.secretion:
            cells = population_of(scope, owner, f"the secretion of {name!r}")
            rate = scope.parameter(
                f"secretion_{name}_{owner}",
                given,
                unit=per_hour.times(scope.states[owner].unit, -1),
                lower=0.0,
                description=f"{name} secreted per {owner} cell and time",
            )
            scope.process(f"secretion_{name}_{owner}", rate * cells, {name: 1}, description=f"{owner} secrete {name}")
        if self.loss is not None:
            loss = scope.parameter(f"loss_{name}", self.loss, unit="1/h", lower=0.0, description=f"loss rate of {name}")
            scope.process(f"loss_{name}", loss * symbol(name), {name: -1}, description=f"{name} is lost")


@takes(ModelError, name=TEXT, unit=TEXT, secretion=TABLE)
def cytokine(
    name: str,
    *,
    unit: str = "pg/mL",
    secretion: Mapping[str, Given] | None = None,
    source: Given | None = None,
    loss: Given | None = None,
    start: Given | None = None,
    molar_mass: str | tuple[float, str] | Quantity | None = None,
) -> Mechanism:
    """A cytokine or another signal: ``X' = source_X + sum(secretion_X_i*N_i) - loss_X*X``.

    It is offered as a concentration, so that whatever a drug does it can do: induce switching, stimulate or suppress
    cells (`stimulation`, `immune.suppression`, `stroma.barrier`). Doses (IL-2) add to it, in its own unit. The form
    is that of TGF-beta in Kronik et al. 2008 (Cancer Immunol Immunother 57:425; BIOMD0000000808) and of IL-2 in de
    Pillis et al. 2008 (BIOMD0000000913).

    Parameters
    ----------
    name : str
        ``"TGFb"``, ``"IL2"``; a state and a drug of the model.
    unit : str
        Of its level: ``"pg/mL"``, ``"pg"``, or ``""`` (a relative level).
    secretion : mapping of str to quantity, Parameter or Formula
        Clone or host population to level per cell and time; parameters ``secretion_<name>_<cells>``.
    source : quantity, Parameter or Formula, optional
        Level per time from elsewhere; parameter ``source_<name>``.
    loss : quantity, Parameter or Formula, optional
        Per time; parameter ``loss_<name>``.
    start : quantity, Parameter or Formula, optional
        Level at time zero; parameter ``<name>0``. Zero if absent.
    molar_mass : quantity, optional
        Lets mass and amount of substance stand for each other in doses.

    Returns
    -------
    Mechanism

    Raises
    ------
    ModelError
        A secreting population is unknown.
    UnitError
        A quantity has no unit or the wrong one.

    Examples
    --------
    >>> import pkpd_mdr as mdr
    >>> signal = mdr.cytokine("TGFb", secretion={"S": "1e-6 pg/mL/cell/h"}, loss="7 1/h")
    >>> print(mdr.Model(mdr.clone("S"), signal).derivatives["TGFb"])
    S*secretion_TGFb_S - TGFb*loss_TGFb
    """
    pairs = tuple((secretion or {}).items())
    return Cytokine(name, Unit.of(unit), pairs, source, loss, start, read_molar_mass(molar_mass, name))
