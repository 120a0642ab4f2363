"""Cells that a drug has hit and that are not dead yet: dying in stages, or damaged with a chance to recover."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from pkpd_mdr.arguments import COUNT, TEXT, TEXTS, takes
from pkpd_mdr.errors import ModelError
from pkpd_mdr.expression import symbol
from pkpd_mdr.mechanisms.names import POSITIVE, clone_of, joined, names_of
from pkpd_mdr.model.parts import Expression
from pkpd_mdr.model.scope import Given, Mechanism, Scope
from pkpd_mdr.units import Unit

__all__ = ["Damaged", "Transit", "damaged", "transit"]


def _add_cells(scope: Scope, name: str, clone: str, words: str, asked_by: str) -> None:
    """A state of cells that count in the burden, in the unit of their clone."""

    def unit() -> Unit:
        """Unit of the clone's cells."""
        clone_of(scope, clone, asked_by)
        return scope.states[clone].unit

    scope.state(name, unit=unit, kind="cells", balance="cells", description=f"{words} {clone}")
    scope.offer("burden", name, symbol(name), unit=unit)


@dataclass(frozen=True, slots=True)
class Transit:
    """Declaration behind `transit`."""

    on: tuple[str, ...]
    rate: Given
    stages: int = 3

    def __post_init__(self) -> None:
        if not 1 <= self.stages <= 20:
            raise ModelError(f"{self.label}: stages = {self.stages} is not a number of stages from 1 to 20")

    @property
    def label(self) -> str:
        """``transit_<clones>``."""
        return joined("transit", *self.on)

    def chain(self, clone: str) -> list[str]:
        """Names of the stages."""
        return [f"dying{i}_{clone}" for i in range(1, self.stages + 1)]

    def declare(self, scope: Scope) -> None:
        """Add the stages."""
        for clone in self.on:
            chain = self.chain(clone)
            for name in chain:
                _add_cells(scope, name, clone, "dying cells of", self.label)
            scope.offer("transit", clone, symbol(chain[0]))

    def connect(self, scope: Scope) -> None:
        """Write the passage and the death at its end."""
        for clone in self.on:
            clone_of(scope, clone, self.label)
            chain = self.chain(clone)
            rate = scope.parameter(
                f"transit_{clone}", self.rate, unit="1/h", lower=POSITIVE, description=f"rate of each stage of {clone}"
            )
            for before, after in pairwise(chain):
                scope.process(
                    f"passage_{after}",
                    rate * symbol(before),
                    {before: -1, after: 1},
                    transfer=True,
                    description=f"{clone} go on dying",
                )
            scope.process(
                f"end_{chain[-1]}", rate * symbol(chain[-1]), {chain[-1]: -1}, description=f"dying {clone} are gone"
            )


@takes(ModelError, on=TEXTS, stages=COUNT)
def transit(on: str | Sequence[str], *, rate: Given, stages: int = 3) -> Mechanism:
    """Cells that were hit die in stages, ``x1' = hits - k*x1``, ``x2' = k*(x1 - x2)`` and so on, and count until then.

    Simeoni et al. 2004 (Cancer Res 64:1094) for three stages. A cell dies ``stages/k`` after the hit in the mean, and
    as many cells die as were hit.

    Parameters
    ----------
    on : str or sequence of str
        Clones; give `death.path` ``via="transit"`` for them.
    rate : quantity, Parameter or Formula
        k, per time; parameter ``transit_<clone>``.
    stages : int
        How many; states ``dying1_<clone>`` and so on, in the burden.

    Returns
    -------
    Mechanism

    Raises
    ------
    ModelError
        A clone is unknown, or the number of stages is not from 1 to 20.
    UnitError
        The rate has no unit or the wrong one.

    Examples
    --------
    Paclitaxel in xenografts (Simeoni et al. 2004, first experiment):

    >>> import pkpd_mdr as mdr
    >>> law = mdr.growth.exponential_linear(rate="0.273 1/day", linear="0.814 g/day")
    >>> model = mdr.Model(
    ...     mdr.medium("pac", unit="ng/mL"),
    ...     mdr.clone("x", growth=law, unit="g", start="0.1 g"),
    ...     mdr.death.path("pac", on="x", slope="6.29e-4 mL/ng/day", via="transit"),
    ...     mdr.death.transit("x", rate="0.968 1/day"),
    ... )
    >>> print(model.observables["burden"].expression)
    dying1_x + dying2_x + dying3_x + x
    """
    return Transit(names_of(on, "transit"), rate, stages)


@dataclass(frozen=True, slots=True)
class Damaged:
    """Declaration behind `damaged`."""

    on: tuple[str, ...]
    recovery: Given | None = None
    death: Given | None = None
    at_division: Given | None = None
    into: str = ""

    def __post_init__(self) -> None:
        if self.death is None and self.at_division is None and self.recovery is None:
            raise ModelError(f"{self.label}: damaged cells stay for ever; give death, at_division or recovery")

    @property
    def label(self) -> str:
        """``damaged_<clones>``."""
        return joined("damaged", *self.on)

    def declare(self, scope: Scope) -> None:
        """Add the pools of damaged cells."""
        for clone in self.on:
            _add_cells(scope, f"damaged_{clone}", clone, "damaged cells of", self.label)
            scope.offer("damaged", clone, symbol(f"damaged_{clone}"))

    def connect(self, scope: Scope) -> None:
        """Write recovery and both deaths."""
        for clone in self.on:
            clone_of(scope, clone, self.label)
            into, name = self.into or clone, f"damaged_{clone}"
            clone_of(scope, into, self.label)
            if self.recovery is not None:
                rate = self._slot(scope, "recovery", self.recovery, "1/h", clone)
                scope.process(
                    f"recovery_{name}",
                    rate * symbol(name),
                    {name: -1, into: 1},
                    transfer=True,
                    description=f"damaged {clone} recover",
                )
            if self.death is not None:
                rate = self._slot(scope, "death", self.death, "1/h", clone)
                scope.process(f"death_{name}", rate * symbol(name), {name: -1}, description=f"damaged {clone} die")
            if self.at_division is not None:
                share = self._slot(scope, "mitotic_death", self.at_division, "", clone)
                rate = share * scope.find("division", clone)
                scope.process(
                    f"mitotic_death_{name}",
                    rate * symbol(name),
                    {name: -1},
                    description=f"damaged {clone} die as they try to divide",
                )

    def _slot(self, scope: Scope, what: str, given: Given, unit: str, clone: str) -> Expression:
        words = what.replace("_", " ")
        return scope.parameter(
            f"{what}_damaged_{clone}", given, unit=unit, lower=0.0, description=f"{words} of damaged {clone}"
        )


@takes(ModelError, on=TEXTS, into=TEXT)
def damaged(
    on: str | Sequence[str],
    *,
    recovery: Given | None = None,
    death: Given | None = None,
    at_division: Given | None = None,
    into: str = "",
) -> Mechanism:
    """Cells that were hit stay damaged until they recover, die, or try to divide.

    ``D' = hits - recovery*D - death*D - m*division*D`` with the divisions per cell of the clone (never negative), so
    that damaged cells of a slow tumour live long. Recovery and death as in Ribba et al. 2012 (Clin Cancer Res 18:5071),
    death on division as in Perez-Garcia et al. 2019 (BIOMD0000000814), where m is 1/kappa. They do not grow, and count
    in the burden. Drugs and radiation hit them where `kill` and `radiotherapy` name them, as ``damaged_<clone>``.

    Parameters
    ----------
    on : str or sequence of str
        Clones; give `death.path` ``via="damaged"`` for them.
    recovery, death : quantity, Parameter or Formula, optional
        Per time; parameters ``recovery_damaged_<clone>`` and ``death_damaged_<clone>``.
    at_division : float, Parameter or Formula, optional
        m, deaths per division that an undamaged cell would make; parameter ``mitotic_death_damaged_<clone>``.
    into : str
        The clone that recovered cells join; their own unless given.

    Returns
    -------
    Mechanism
        With the states ``damaged_<clone>``.

    Raises
    ------
    ModelError
        A clone is unknown, or damaged cells would stay for ever.
    UnitError
        A quantity has no unit or the wrong one.

    Notes
    -----
    What the cells of a clone hold (P-gp, adducts, MGMT) goes with them only into pools that are declared for
    ``damaged_<clone>`` too; otherwise it is recorded as lost, as drug inside cells is.

    Examples
    --------
    >>> import pkpd_mdr as mdr
    >>> law = mdr.growth.logistic(rate="0.003 1/day", capacity="261.8 cm**3")
    >>> model = mdr.Model(
    ...     mdr.pk.kpd("tmz", KDE="8.3184 1/day", driver="amount"),
    ...     mdr.clone("P", growth=law, unit="cm**3", start="144.95 cm**3"),
    ...     mdr.death.path("tmz", on="P", slope="0.1028 1/day", via="damaged"),
    ...     mdr.death.damaged("P", at_division=1.0),
    ... )
    >>> list(model.processes)[-1]
    'mitotic_death_damaged_P'
    """
    return Damaged(names_of(on, "damaged"), recovery, death, at_division, into)
