"""A network of events as lines of independent cells: the multi-type branching process behind a model, if it is one.

Cells are independent when each event happens to one cell, at a rate that no other cell changes. Then the chance that
all descendants of a cell are gone satisfies the backward equations of Kolmogorov (Harris 1963, The Theory of Branching
Processes, ch. V), one for each type; chances of different cells multiply.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass

import numpy as np
import sympy as sp

from pkpd_mdr.engine.lowering import Compiled, FloatArray
from pkpd_mdr.engine.stochastic.network import Network
from pkpd_mdr.errors import SimulationError
from pkpd_mdr.expression import symbol
from pkpd_mdr.model.parts import Expression, Process

__all__ = ["Event", "Lines"]


@dataclass(frozen=True, slots=True)
class Event:
    """What may happen to a cell.

    Attributes
    ----------
    name : str
        Of the process.
    parent : int
        State of the cell that it happens to; -1 for cells that arrive, such as mutants of a large population.
    offspring : tuple of (int, int)
        States and numbers of the cells afterwards, the cell itself included if it is still there.
    """

    name: str
    parent: int
    offspring: tuple[tuple[int, int], ...]


@dataclass(frozen=True)
class Lines:
    """The events of independent cells.

    Attributes
    ----------
    compiled : Compiled
    counted : tuple of int
        States that are counted in cells; large populations flow and are not among them.
    events : tuple of Event
    """

    compiled: Compiled
    counted: tuple[int, ...]
    events: tuple[Event, ...]

    @staticmethod
    def of(compiled: Compiled, large: Collection[str] = ()) -> Lines:
        """Read the processes of a model.

        Parameters
        ----------
        compiled : Compiled
        large : collection of str
            Populations that follow their means.

        Raises
        ------
        SimulationError
            Cells are not independent: a rate depends on several of them, or on something that cells change.

        Examples
        --------
        >>> import pkpd_mdr as mdr
        >>> from pkpd_mdr.engine import compile_model
        >>> law = mdr.growth.birth_death(birth="1 1/day", death="0.9 1/day")
        >>> [event.offspring for event in Lines.of(compile_model(mdr.Model(mdr.clone("R", growth=law)))).events]
        [((0, 2),), ()]
        """
        network = Network(compiled)
        counted = tuple(i for i, yes in enumerate(compiled.counted) if yes and compiled.states[i] not in large)
        cells = {symbol(compiled.states[i]): i for i in counted}
        events = [
            _event(process, moves, cells)
            for process, moves in zip(network.processes, network.moves, strict=True)
            if moves.keys() & set(counted)
        ]
        _check_flows(network, cells)
        return Lines(compiled, counted, tuple(events))

    def rates(self, time: float, state: FloatArray, parameters: FloatArray) -> FloatArray:
        """Rate per cell and hour of each event, given everything that is no cell; shape (events,)."""
        point = state.copy()
        point[list(self.counted)] = 1.0
        found = self.compiled.rates(time, point.tolist(), parameters.tolist())
        return np.array([found[event.name] for event in self.events])

    def slope(self, chance: FloatArray, rates: FloatArray) -> FloatArray:
        """Change of the chance that a line is there at the end, per hour further away from it; shape (states + 1,).

        Written with the chance to be there, not with that to be gone, so that chances of 1e-12 keep all their digits.
        The last item is the mean number of arrivals with a line that is there at the end.
        """
        change = np.zeros_like(chance)
        for event, rate in zip(self.events, rates, strict=True):
            there = 0.0
            for state, number in event.offspring:
                for _ in range(number):
                    there += chance[state] * (1.0 - there)
            change[event.parent] += rate * (there - (chance[event.parent] if event.parent >= 0 else 0.0))
        return change

    def thinned(self, port: int, state: FloatArray, amount: float, time: float, parameters: FloatArray) -> FloatArray:
        """Share of each type of cells that an act leaves, shape (states,).

        Raises
        ------
        SimulationError
            The act does more than leave a share of the cells of each type.
        """
        item, shares = self.compiled.ports[port], np.ones(len(state))
        cells = {symbol(self.compiled.states[i]): i for i in self.counted}
        hit, effects = self.compiled.effects(port)
        point = state.copy()
        point[list(self.counted)] = 1.0
        values = effects(time, point.tolist(), parameters.tolist(), amount)
        for i, (name, effect), value in zip(hit, item.effects.items(), values, strict=True):
            if i in self.counted:
                own = effect.free_symbols & cells.keys() <= {symbol(name)}
                if not own or not _proportional(effect, symbol(name), cells):
                    raise SimulationError(
                        f"extinction: {item.name!r} does more to {name!r} than leave a share of its cells"
                    )
                shares[i] = value
        return shares


def _proportional(expression: Expression, cell: sp.Symbol, cells: Mapping[sp.Symbol, int]) -> bool:
    """Whether an expression is a cell's number times something that cells do not change."""
    slope = sp.diff(expression, cell)
    if slope.free_symbols & cells.keys():
        return False
    rest = expression.xreplace({cell: sp.Integer(0)})
    return bool(rest.is_zero) or bool(sp.simplify(rest) == 0)


def _event(process: Process, moves: Mapping[int, Expression], cells: Mapping[sp.Symbol, int]) -> Event:
    changes = {i: int(float(change)) for i, change in moves.items() if i in cells.values()}
    parents = process.rate.free_symbols & cells.keys()
    advice = "; simulate paths instead, as in simulate(..., stochastic=Stochastic(seed=1))"
    if len(parents) > 1:
        names = " and ".join(sorted(repr(str(parent)) for parent in parents))
        raise SimulationError(
            f"extinction needs independent cells, but the rate of process {process.name!r} depends on {names}{advice}"
        )
    if not parents and min(changes.values()) > 0:
        return Event(process.name, -1, tuple(sorted(changes.items())))
    if not parents:
        raise SimulationError(
            f"extinction needs independent cells, but process {process.name!r} takes cells at a rate that does not "
            f"depend on their number{advice}"
        )
    (cell,) = parents
    parent = cells[cell]
    if not _proportional(process.rate, cell, cells):
        raise SimulationError(
            f"extinction needs independent cells, but the rate of process {process.name!r} is not proportional to "
            f"{str(cell)!r}{advice}"
        )
    after = {parent: 1} | {i: change + (i == parent) for i, change in changes.items()}
    if min(after.values()) < 0:
        raise SimulationError(
            f"extinction needs independent cells, but process {process.name!r} takes several cells at once{advice}"
        )
    return Event(process.name, parent, tuple((i, number) for i, number in sorted(after.items()) if number))


def _check_flows(network: Network, cells: Mapping[sp.Symbol, int]) -> None:
    """What the rates of cells depend on must not be changed by cells."""
    states = {symbol(name): i for i, name in enumerate(network.compiled.states)}
    places = set(cells.values())
    wanted = {
        part
        for process, moves in zip(network.processes, network.moves, strict=True)
        if moves.keys() & places
        for part in process.rate.free_symbols & states.keys()
        if part not in cells
    }
    known: set[sp.Symbol] = set()
    while wanted - known:
        current = next(iter(wanted - known))
        known.add(current)
        for process, moves in zip(network.processes, network.moves, strict=True):
            if states[current] in moves:
                used = process.rate.free_symbols.union(*(change.free_symbols for change in moves.values()))
                if used & cells.keys():
                    raise SimulationError(
                        f"extinction needs independent cells, but process {process.name!r}, by which cells change "
                        f"{str(current)!r}, lets them change each other's rates; simulate paths instead"
                    )
                wanted |= used & states.keys()
