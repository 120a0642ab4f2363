"""A model as a network of events: which processes move whole cells, and what their rates depend on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import count

import numpy as np
import sympy as sp

from pkpd_mdr.engine.lowering import Compiled
from pkpd_mdr.errors import SimulationError
from pkpd_mdr.expression import TIME, symbol
from pkpd_mdr.model.parts import Expression, Process

__all__ = ["Augmented", "Network"]


class Network:
    """The processes of a compiled model, sorted into events and flows.

    A process that moves counted cells is an event; all else flows, as ordinary differential equations say.

    Parameters
    ----------
    compiled : Compiled

    Attributes
    ----------
    processes : tuple of Process
    events : tuple of bool
        Whether a process moves counted cells.
    moves : tuple of mapping of int to sympy.Expr
        For each process: state to change.
    static : bool
        Whether nothing changes the rate of any event but events and the acts of a regimen, and no flow depends on
        cells: then the time to the next event is exponentially distributed.
    flowing : bool
        Whether anything flows at all.

    Raises
    ------
    SimulationError
        The model counts no cells, or a process moves a part of a cell.
    """

    def __init__(self, compiled: Compiled) -> None:
        self.compiled = compiled
        self.processes: tuple[Process, ...] = tuple(compiled.processes.values())
        position = {name: i for i, name in enumerate(compiled.states)}
        self.moves: tuple[Mapping[int, Expression], ...] = tuple(
            {position[name]: change for name, change in process.moves.items() if not change.is_zero}
            for process in self.processes
        )
        counted = {i for i, yes in enumerate(compiled.counted) if yes}
        if not counted:
            raise SimulationError(
                "a stochastic run needs a population that is counted in cells; this model has none "
                "(declare clones with unit 'cell', or states with kind='cells' and unit='cell')"
            )
        self.events = tuple(bool(counted & moves.keys()) for moves in self.moves)
        for process, moves in zip(self.processes, self.moves, strict=True):
            for i in counted & moves.keys():
                _whole(process, compiled.states[i], moves[i])
        self.static = self._static(counted)
        self.flowing = bool(self._flowing(counted))

    def _flowing(self, counted: set[int]) -> set[int]:
        """States that move between events."""
        moved = {
            i for event, moves in zip(self.events, self.moves, strict=True) for i in moves if not event
        }  # fmt: skip
        targets = {self.compiled.states.index(p.target) for p in self.compiled.ports if p.action == "dose" and p.target}
        return (moved | targets) - counted

    def _static(self, counted: set[int]) -> bool:
        names = [symbol(name) for name in self.compiled.states]
        unsteady = {TIME} | {names[i] for i in self._flowing(counted)}
        cells = {names[i] for i in counted}
        for process, event, moves in zip(self.processes, self.events, self.moves, strict=True):
            used = process.rate.free_symbols.union(*(change.free_symbols for change in moves.values()))
            if event and (used & unsteady or moves.keys() - counted):
                return False
            if not event and used & cells:
                return False
        return True

    def affected(self, process: int) -> list[int]:
        """Events whose rates depend on what a process moves."""
        moved = {symbol(self.compiled.states[i]) for i in self.moves[process]}
        return [
            k for k, other in enumerate(self.processes) if self.events[k] and other.rate.free_symbols & moved
        ]  # fmt: skip


def _whole(process: Process, state: str, change: Expression) -> None:
    given = float(change) if change.is_number else change
    if not change.is_number or not float(change).is_integer():
        raise SimulationError(
            f"process {process.name!r} moves {state!r} by {given}, and cells are counted in a stochastic run; "
            "let it move a whole number, such as 1, and put the share into its rate"
        )


class Augmented(Compiled):
    """A model with switches for its processes and a further state, the hazard.

    The derivative of a state is the sum over processes of ``flows_j * move_j * rate_j``; that of the hazard is
    ``inflow`` and the sum of ``strikes_j * rate_j``. Parameters are those of the model, then all flows, all strikes and
    the inflow.

    Parameters
    ----------
    network : Network
    """

    def __init__(self, network: Network) -> None:
        base = network.compiled
        self.base, processes = base, network.processes
        flows, strikes, (inflow, hazard) = _free_names(base, len(processes))
        self.states = (*base.states, hazard)
        self.parameters = (*base.parameters, *flows, *strikes, inflow)
        self.ports = base.ports
        self.guarded = np.append(base.guarded, False)
        terms: dict[str, list[Expression]] = {name: [] for name in self.states}
        terms[hazard].append(symbol(inflow))
        for process, flow, strike, event in zip(processes, flows, strikes, network.events, strict=True):
            for name, change in process.moves.items():
                terms[name].append(symbol(flow) * change * process.rate)
            if event:
                terms[hazard].append(symbol(strike) * process.rate)
        self.derivatives = [sp.Add(*parts) for parts in terms.values()]
        self.starts = [*base.starts, sp.Integer(0)]

    def expression(self, name: str) -> Expression:
        """As of the model itself."""
        return self.base.expression(name)


def _free_names(base: Compiled, processes: int) -> tuple[Sequence[str], Sequence[str], Sequence[str]]:
    """Names that the model does not use."""
    taken = {*base.states, *base.parameters}
    free = (name for k in count() if (name := f"x{k}") not in taken)
    names = [next(free) for _ in range(2 * processes + 2)]
    return names[:processes], names[processes:-2], names[-2:]
