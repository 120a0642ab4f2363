"""A model's ports with numbers in them, as the timeline builder asks for them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from pkpd_mdr.engine.lowering import Compiled, FloatArray
from pkpd_mdr.engine.timeline import PortValues
from pkpd_mdr.model import find_port
from pkpd_mdr.regimen.acts import Act
from pkpd_mdr.units import Quantity

__all__ = ["BoundPorts"]


@dataclass(frozen=True, slots=True, eq=False)
class BoundPorts:
    """The ports of a compiled model under given parameter rows.

    What it was asked before it knows: a regimen gives the same dose again and again.

    Parameters
    ----------
    compiled : Compiled
    rows : ndarray, shape (r, p)
    """

    compiled: Compiled
    rows: FloatArray
    _known: dict[tuple[Any, ...], Any] = field(default_factory=dict, init=False, repr=False)

    def _once(self, key: tuple[Any, ...], find: Callable[[], Any]) -> Any:
        if key not in self._known:
            self._known[key] = find()
        return self._known[key]

    def find(self, act: Act) -> int:
        """Index of the port of an act.

        Raises
        ------
        RegimenError
            The model has no such drug or route; what exists is named.
        """
        given = act.port, act.route, act.action
        index: int = self._once(given, lambda: find_port(self.compiled.ports, *given))
        return index

    def amount(self, index: int, quantity: Quantity) -> float:
        """An amount or concentration in internal units; `UnitError` where it does not fit."""
        port = self.compiled.ports[index]
        found: float = self._once((index, quantity), lambda: port.amount(quantity, f"an amount of {port.name!r}"))
        return found

    def values(self, index: int, row: int) -> PortValues:
        """Bioavailability, lag, modelled rate and duration under a parameter row."""

        def find() -> PortValues:
            """As the model's formulas say."""
            numbers = self.compiled.port_values(index, self.rows[row])
            return PortValues(*numbers, spread=self.compiled.ports[index].spread)

        found: PortValues = self._once((index, row), find)
        return found
