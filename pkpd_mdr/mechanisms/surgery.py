"""Surgery as an event: a share of every clone is removed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from pkpd_mdr.arguments import TEXTS, takes
from pkpd_mdr.errors import ModelError
from pkpd_mdr.mechanisms.common import clone_of, names_of
from pkpd_mdr.model.parts import AMOUNT, Port
from pkpd_mdr.model.scope import Mechanism, Scope
from pkpd_mdr.units import Unit

__all__ = ["Resection", "resection"]


@dataclass(frozen=True, slots=True)
class Resection:
    """Declaration behind `resection`."""

    on: tuple[str, ...] = ()

    @property
    def label(self) -> str:
        """``resection``."""
        return "resection"

    def declare(self, scope: Scope) -> None:
        """Nothing yet: the clones must be known."""

    def connect(self, scope: Scope) -> None:
        """Add the port."""
        # without names all that counts as burden is within reach, dying and damaged cells too
        reach = self.on or [name for _, name in scope.owners("burden")]
        cells = {name: clone_of(scope, name, self.label) if self.on else scope.find("burden", name) for name in reach}
        effects = {name: number * (1 - AMOUNT) for name, number in cells.items()}
        scope.port(Port("surgery", "operation", "act", Unit.of(""), effects=effects))


@takes(ModelError, on=TEXTS)
def resection(on: str | Sequence[str] | None = None) -> Mechanism:
    """Let a regimen remove a share of the tumour: each clone becomes ``S*(1 - removed)``.

    Adds the port ``"surgery"`` and no parameter; the regimen says how much is removed.

    Parameters
    ----------
    on : str or sequence of str, optional
        Clones within reach; unless given all of them, with dying and damaged cells.

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
    return Resection(() if on is None else names_of(on, "resection"))
