"""Surgery as an event: a share of every clone is removed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from pkpd_mdr.arguments import TEXTS
from pkpd_mdr.errors import ModelError, shown
from pkpd_mdr.expression import AMOUNT
from pkpd_mdr.mechanisms.host import population_of
from pkpd_mdr.mechanisms.names import names_of
from pkpd_mdr.model.parts import Expression, Port
from pkpd_mdr.model.scope import Given, Mechanism, Scope
from pkpd_mdr.units import Unit

__all__ = ["Resection", "resection"]


@dataclass(frozen=True, slots=True)
class Resection:
    """Declaration behind `resection`."""

    on: tuple[str, ...] = ()
    reach: tuple[tuple[str, Given], ...] = ()

    @property
    def label(self) -> str:
        """``resection``."""
        return "resection"

    def declare(self, scope: Scope) -> None:
        """Nothing yet: the clones must be known."""

    def connect(self, scope: Scope) -> None:
        """Add the port."""
        reached = {name: self._reach(scope, name, given) for name, given in self.reach}
        # without names all that counts as burden is within reach
        cells = {name: population_of(scope, name, self.label) for name in self.on or reached}
        cells = cells or {name: scope.find("burden", name) for _, name in scope.owners("burden")}
        effects = {name: number * (1 - AMOUNT * reached.get(name, 1)) for name, number in cells.items()}
        scope.port(Port("surgery", "operation", "act", Unit.of(""), effects=effects))

    def _reach(self, scope: Scope, name: str, given: Given) -> Expression:
        return scope.parameter(
            f"reach_{name}",
            given,
            unit="",
            lower=0.0,
            upper=1.0,
            description=f"share of {name} in reach of surgery",
        )


def resection(on: str | Sequence[str] | Mapping[str, Given] | None = None) -> Mechanism:
    """Let a regimen remove a share of the tumour: each clone becomes ``S*(1 - removed)``.

    Adds the port ``"surgery"``; the regimen says how much is removed. Where clones lie apart (an invasive rim, cells
    beyond the blood-brain barrier), each has a reach: ``S*(1 - reach_S*removed)`` stays as residual.

    Parameters
    ----------
    on : str or sequence of str, or mapping of str to share, Parameter or Formula, optional
        Clones, ``damaged_<clone>`` or host cells within reach; unless given all clones, with dying and damaged cells. A
        mapping gives each the share in [0, 1] that surgery can reach; parameters ``reach_<clone>``.

    Returns
    -------
    Mechanism

    Raises
    ------
    ModelError
        A clone is unknown.

    Examples
    --------
    >>> import pkpd_mdr as mdr
    >>> model = mdr.Model(mdr.clone("S"), mdr.clone("R"), mdr.resection())
    >>> print(model.ports[0].effects["R"])
    R*(1 - amount)
    """
    if isinstance(on, Mapping):
        names_of(tuple(on), "resection")
        return Resection((), tuple(on.items()))
    if on is not None and not TEXTS.fits(on):
        raise ModelError(f"resection(): on is {shown(on)}, not {TEXTS.words}, or a dict from a name to its reach")
    return Resection(() if on is None else names_of(on, "resection"))
