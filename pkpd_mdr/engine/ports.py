"""A model's ports with numbers in them, as the timeline builder asks for them."""

from __future__ import annotations

from dataclasses import dataclass

from pkpd_mdr.engine.lowering import Compiled, FloatArray
from pkpd_mdr.engine.timeline import PortValues
from pkpd_mdr.model import find_port
from pkpd_mdr.regimen.acts import Act
from pkpd_mdr.units import Quantity

__all__ = ["BoundPorts"]


@dataclass(frozen=True, slots=True)
class BoundPorts:
    """The ports of a compiled model under given parameter rows.

    Parameters
    ----------
    compiled : Compiled
    rows : ndarray, shape (r, p)
    """

    compiled: Compiled
    rows: FloatArray

    def find(self, act: Act) -> int:
        """Index of the port of an act.

        Raises
        ------
        RegimenError
            The model has no such drug or route; what exists is named.
        """
        return find_port(self.compiled.ports, act.port, act.route, act.action)

    def amount(self, index: int, quantity: Quantity) -> float:
        """An amount or concentration in internal units; `UnitError` where it does not fit."""
        port = self.compiled.ports[index]
        return port.amount(quantity, f"an amount of {port.name!r}")

    def values(self, index: int, row: int) -> PortValues:
        """Bioavailability, lag, modelled rate and duration under a parameter row."""
        numbers = self.compiled.port_values(index, self.rows[row])
        return PortValues(*numbers, spread=self.compiled.ports[index].spread)
