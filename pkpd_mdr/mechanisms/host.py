"""Cells of the host: immune and stromal populations that stand beside the clones, and what acts on them.

A population H has a source, a natural death and, if it can be given to a patient, a port::

    H' = source_H - death_H*H + doses

Everything else (stimulation, exhaustion, drugs, radiation) is declared on its own and adds processes to it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import sympy as sp

from pkpd_mdr.errors import ModelError, did_you_mean, shown
from pkpd_mdr.expression import check_name, symbol
from pkpd_mdr.expression import hill as hill_function
from pkpd_mdr.mechanisms.names import POSITIVE
from pkpd_mdr.model.parts import Expression, Port
from pkpd_mdr.model.scope import Given, Scope
from pkpd_mdr.units import Unit

__all__ = [
    "HOSTS",
    "HostCells",
    "antigen_of",
    "host_of",
    "hosts",
    "level_of",
    "offer_once",
    "population_of",
    "saturation",
    "weighed",
]

_CELL = Unit("cell", 1.0)

HOSTS = ("effector", "suppressor", "stroma")
"""Kinds under which populations of the host are offered."""


@dataclass(frozen=True, slots=True)
class HostCells:
    """Declaration behind `immune.effector`, `immune.suppressor` and `stroma.cells`."""

    name: str
    kind: str
    start: Given | None = None
    source: Given | None = None
    death: Given | None = None
    F: Given | None = None
    lag: Given | None = None
    dosed: bool = True
    unit: Unit = _CELL
    description: str = ""

    def __post_init__(self) -> None:
        check_name(self.name, f"the name of {self.kind} cells")

    @property
    def label(self) -> str:
        """``effector_<name>`` and so on."""
        return f"{self.kind}_{self.name}"

    def declare(self, scope: Scope) -> None:
        """Add the state and the port for cell doses, and offer the cells."""
        name = self.name
        cells = scope.state(
            name,
            unit=self.unit,
            start=self.start,
            kind="cells",
            balance="host",
            description=self.description or f"{self.kind} cells {name}",
        )
        scope.offer(self.kind, name, cells, unit=self.unit)
        if self.dosed:
            share = self._slot(scope, "F", self.F, "", f"share of given {name} that arrives")
            lag = self._slot(scope, "lag", self.lag, "h", f"lag of given {name}")
            scope.port(
                Port(
                    name,
                    "iv",
                    "dose",
                    self.unit,
                    name,
                    bioavailability=sp.Integer(1) if share is None else share,
                    lag=sp.Integer(0) if lag is None else lag,
                    steady=(name,),
                )
            )

    def connect(self, scope: Scope) -> None:
        """Write source and death."""
        name, per_hour = self.name, self.unit.times(Unit.of("1/h"))
        source = self._slot(scope, "source", self.source, per_hour, f"{name} that arrive without a tumour")
        if source is not None:
            scope.process(f"source_{name}", source, {name: 1}, description=f"{name} arrive")
        death = self._slot(scope, "death", self.death, "1/h", f"natural death rate of {name}")
        if death is not None:
            scope.process(f"death_{name}", death * symbol(name), {name: -1}, description=f"{name} die by themselves")

    def _slot(self, scope: Scope, what: str, given: Given | None, unit: str | Unit, words: str) -> Expression | None:
        if given is None:
            return None
        return scope.parameter(f"{what}_{self.name}", given, unit=unit, lower=0.0, description=words)


def hosts(scope: Scope, *kinds: str) -> list[str]:
    """Names of the host populations of some kinds, or of all."""
    return [owner for kind in kinds or HOSTS for _, owner in scope.owners(kind)]


def host_of(scope: Scope, name: str, asked_by: str, *kinds: str) -> Expression:
    """The symbol of a host population; `ModelError` with the nearest one otherwise."""
    known = hosts(scope, *kinds)
    if name not in known:
        what = " or ".join(f"{kind} cells" for kind in kinds or HOSTS)
        raise ModelError(f"{asked_by} names {shown(name)}, which are no {what} of the model{did_you_mean(name, known)}")
    return symbol(name)


def population_of(scope: Scope, name: str, asked_by: str) -> Expression:
    """The symbol of tumour cells (a clone, or its damaged or dying cells) or of a host population.

    `ModelError` with the nearest name otherwise.
    """
    known = [*(owner for _, owner in scope.owners("burden")), *hosts(scope)]
    if name not in known:
        what = "a clone of the model" if not hosts(scope) else "a clone or a host population of the model"
        raise ModelError(f"{asked_by} names {shown(name)}, which is not {what}{did_you_mean(name, known)}")
    return symbol(name)


def level_of(scope: Scope, name: str, asked_by: str) -> tuple[Expression, Unit]:
    """How much there is of a clone, a host population, vesicles, a cytokine or a drug, and its unit."""
    counted = [*scope.clones, *hosts(scope), *(key for key, state in scope.states.items() if state.kind == "vesicles")]
    if name in counted:
        return symbol(name), scope.states[name].unit
    known = [owner for _, owner in scope.owners("concentration")]
    if name not in known:
        raise ModelError(
            f"{asked_by} names {shown(name)}, which is no clone, host population, vesicles, cytokine or drug of the "
            f"model{did_you_mean(name, [*counted, *known])}"
        )
    return scope.find("concentration", name), scope.unit("concentration", name)


def offer_once(scope: Scope, kind: str, owner: str, value: Expression) -> None:
    """Offer a neutral value that several declarations may want to be there; others scale it or add to it."""
    if (kind, owner) not in scope.owners(kind):
        scope.offer(kind, owner, value)


def antigen_of(scope: Scope, clone: str) -> Expression:
    """The antigen level of a clone, 1 unless the model declares it."""
    return scope.find("antigen", clone) if ("antigen", clone) in scope.owners("antigen") else sp.Integer(1)


def weighed(scope: Scope, clones: Sequence[str]) -> tuple[Expression, Unit]:
    """The cells of some clones, or of all, each counted by its antigen level, and their unit."""
    names = list(clones) or list(scope.clones)
    unit = scope.states[names[0]].unit if names else _CELL
    return sp.Add(*(antigen_of(scope, name) * symbol(name) for name in names)), unit


def saturation(
    scope: Scope, level: Expression, half: Expression, hill: Given | None, name: str, words: str
) -> Expression:
    """``level/(half + level)``, or with an exponent ``(level/half)**hill/(1 + (level/half)**hill)``, in [0, 1)."""
    if hill is None:
        return level / (half + level)
    steepness = scope.parameter(name, hill, unit="", lower=POSITIVE, description=f"Hill exponent of {words}")
    return hill_function(level, half, steepness)
