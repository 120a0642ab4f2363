"""A drug in culture medium: set by exposure and medium change, lost in first order."""

from __future__ import annotations

from dataclasses import dataclass

import sympy as sp

from pkpd_mdr.arguments import TEXT, takes
from pkpd_mdr.errors import ModelError, shown
from pkpd_mdr.expression import check_name, symbol
from pkpd_mdr.mechanisms.names import POSITIVE, read_molar_mass
from pkpd_mdr.model.parts import Port
from pkpd_mdr.model.scope import Given, Mechanism, Scope
from pkpd_mdr.units import Quantity, Unit

__all__ = ["Medium", "medium"]


@dataclass(frozen=True, slots=True)
class Medium:
    """Declaration behind `medium`."""

    drug: str
    unit: Unit
    half_life: Given | None = None
    loss: Given | None = None
    start: Given | None = None
    molar_mass: Quantity | None = None

    def __post_init__(self) -> None:
        check_name(self.drug, "the name of a drug")
        if self.half_life is not None and self.loss is not None:
            raise ModelError(f"medium with {shown(self.drug)}: half_life and loss say the same; give one of them")

    @property
    def label(self) -> str:
        """``medium_<drug>``."""
        return f"medium_{self.drug}"

    def declare(self, scope: Scope) -> None:
        """Add the concentration and the port that sets it."""
        name = f"medium_{self.drug}"
        level = scope.state(name, unit=self.unit, kind="concentration", description=f"concentration of {self.drug}")
        if self.start is not None:
            start = scope.parameter(
                f"C_{self.drug}0",
                self.start,
                unit=self.unit,
                lower=0.0,
                molar_mass=self.molar_mass,
                description=f"concentration of {self.drug} at the start",
            )
            scope.start(name, start)
        scope.offer("concentration", self.drug, level, unit=self.unit)
        scope.observable(f"C_{self.drug}", level, self.unit, f"concentration of {self.drug}")
        scope.port(Port(self.drug, "medium", "expose", self.unit, name, molar_mass=self.molar_mass))

    def connect(self, scope: Scope) -> None:
        """Write the loss, if there is one."""
        name, words = f"medium_{self.drug}", f"of {self.drug} in the medium"
        if self.half_life is not None:
            half_life = scope.parameter(
                f"half_life_{self.drug}", self.half_life, unit="h", lower=POSITIVE, description=f"half-life {words}"
            )
            rate = sp.log(2) / half_life
        elif self.loss is not None:
            rate = scope.parameter(
                f"loss_{self.drug}", self.loss, unit="1/h", lower=0.0, description=f"loss rate {words}"
            )
        else:
            return
        scope.process(
            f"loss_{self.drug}", rate * symbol(name), {name: -1}, description=f"{self.drug} is lost from the medium"
        )


@takes(ModelError, drug=TEXT)
def medium(
    drug: str,
    *,
    unit: str = "uM",
    half_life: Given | None = None,
    loss: Given | None = None,
    start: Given | None = None,
    molar_mass: str | tuple[float, str] | Quantity | None = None,
) -> Mechanism:
    """A drug in culture medium, ``C' = -log(2)/half_life*C``.

    Adds the state ``medium_<drug>``, shown as the observable ``C_<drug>`` as for any drug, and the port
    ``"medium"``, whose exposures set it: a medium change is an exposure at a new level, a wash-out one at zero.
    Without a half-life the concentration stays until it is changed; with ``unit=""`` it serves models in which a
    drug is on (1) or off (0).

    Parameters
    ----------
    drug : str
        The drug's name in regimens.
    unit : str
        Unit of the concentration: ``"uM"``, ``"nM"``, ``"mg/L"``, ``""``.
    half_life : quantity, Parameter or Formula, optional
        Time; parameter ``half_life_<drug>``.
    loss : quantity, Parameter or Formula, optional
        Instead of the half-life a rate per time; parameter ``loss_<drug>``.
    start : quantity, Parameter or Formula, optional
        Concentration at time zero; parameter ``C_<drug>0``. Zero if absent.
    molar_mass : quantity, optional
        Such as ``"543.5 g/mol"``; lets ``"1 mg/L"`` be given where `unit` is molar, and the reverse.

    Returns
    -------
    Mechanism

    Raises
    ------
    ModelError
        Both half-life and loss are given.
    UnitError
        A quantity has no unit or the wrong one.

    Examples
    --------
    >>> import pkpd_mdr as mdr
    >>> print(mdr.Model(mdr.medium("dox", unit="nM", half_life="20 h")).equations())
    dmedium_dox/dt = -medium_dox*log(2)/half_life_dox
    """
    return Medium(drug, Unit.of(unit), half_life, loss, start, read_molar_mass(molar_mass, drug))
