"""What cells hold, and how it goes with them.

P-gp, cargo and intracellular drug are held as *pools*: the content of a whole clone, number of cells x content per
cell. Then division changes no pool (it dilutes), and whatever moves cells moves their content at its value per cell.
`carry` writes that into the processes and ports of a model once all mechanisms have spoken, so that a mechanism which
kills, switches or removes cells needs to know nothing of what they hold. With Q the pool of clone A::

    A -> B at the rate r      Q_A' = ... - r/A*Q_A      Q_B' = ... + r/A*Q_A
    A dies at the rate r      Q_A' = ... - r/A*Q_A      lost' = ... + r/A*Q_A
    A divides                 nothing: the content per cell Q_A/A falls by itself

As ``(Q/A)' = Q'/A - Q/A*A'/A``, the equation per cell follows from these; it is never typed.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import sympy as sp

from pkpd_mdr.errors import ModelError, shown
from pkpd_mdr.expression import symbol
from pkpd_mdr.model.parts import Expression, Port, Process, State
from pkpd_mdr.model.signs import Bounds, bounds_of, known_bounds

if TYPE_CHECKING:
    from pkpd_mdr.model.scope import Scope

__all__ = ["EMPTY", "Content", "carry", "emptiness", "per_unit"]

EMPTY = sp.Float(1e-9)
"""Cells below which a clone counts as empty: its content per cell falls to zero there instead of being 0/0.

Well above the absolute tolerance of cells and of what one cell holds, so that noise is not divided by noise, which
integrators cannot follow.
"""


@dataclass(frozen=True, slots=True)
class Content:
    """A pool as content of a carrier.

    Parameters
    ----------
    state : str
        The pool.
    carrier : str
        The state of kind ``"cells"`` or ``"vesicles"`` whose content it is.
    quantity : str
        What is conserved: ``"pgp"``, a drug, a cargo.
    role : str
        Which pool of the quantity it is; content goes from a role to the same role of the receiving carrier, or to
        its main role, which has the name of the quantity.
    lost : str
        The state that receives what dying cells hold.
    """

    state: str
    carrier: str
    quantity: str
    role: str
    lost: str


def per_unit(content: Expression, carrier: Expression) -> Expression:
    """Content per cell, zero for an empty clone; smooth and free of 0/0 (the carrier is a pure number)."""
    return content / sp.Max(carrier, EMPTY, evaluate=False)


def emptiness(carrier: Expression) -> Expression:
    """1 for no cells, 0 from `EMPTY` cells on: where a reference has to stand for a content per cell."""
    return sp.Max(sp.Integer(0), 1 - carrier / EMPTY, evaluate=False)


def quotient(expression: Expression, divisor: Expression) -> Expression | None:
    """``expression/divisor`` where the divisor is a factor of every term; None otherwise."""
    if expression == divisor:
        return sp.Integer(1)
    if expression.is_Pow and expression.base == divisor and expression.exp.is_Integer and expression.exp > 0:
        return divisor ** (expression.exp - 1)
    if expression.is_Mul:
        for i, part in enumerate(expression.args):
            found = quotient(part, divisor)
            if found is not None:
                return sp.Mul(*expression.args[:i], found, *expression.args[i + 1 :])
    if expression.is_Add:
        parts = [quotient(part, divisor) for part in expression.args]
        return None if any(part is None for part in parts) else sp.Add(*parts)
    return None


def carry(scope: Scope) -> None:
    """Let contents go with their carriers through every process and act of a joined scope.

    Raises
    ------
    ModelError
        The sign of what a process moves of a carrier is not known.
    """
    if not scope.contents:
        return
    hands = _Hands(scope)
    for process in list(scope.processes.values()):
        hands.through(process)
    scope.ports = [hands.at(port) if port.action == "act" else port for port in scope.ports]


class _Hands:
    """Writes the flows of contents into one scope."""

    def __init__(self, scope: Scope) -> None:
        self.scope = scope
        self.known: Mapping[str, Bounds] = known_bounds(scope.states, scope.parameters)
        self.held: dict[str, list[Content]] = {}
        for item in scope.contents.values():
            self.held.setdefault(item.carrier, []).append(item)

    # -- processes -------------------------------------------------------------------------------------

    def through(self, process: Process) -> None:
        """Carry contents through a process, in both directions where its rate may be negative."""
        carriers = {name: share for name, share in process.moves.items() if self._carries(name)}
        if not any(name in self.held for name in carriers):
            return
        signs = {name: self._sign(process, name, share) for name, share in carriers.items()}
        if self._one_way(process, signs):
            rate, moves = self._carried(process, process.rate, signs)
            if moves:
                merged = {**process.moves, **self._added(process.moves, moves)}
                self.scope.processes[process.name] = replace(process, rate=rate, moves=merged)
            return
        self._apart(process, "carried_by", signs, process.rate)
        self._apart(process, "carried_back_by", {name: -sign for name, sign in signs.items()}, -process.rate)

    def _one_way(self, process: Process, signs: Mapping[str, int]) -> bool:
        """Whether a rate keeps its sign: by the bounds of what it is made of, or because backwards it cannot run.

        Backwards it would take from clones that it is not proportional to, and so take what is not there.
        """
        if bounds_of(process.rate, self.known)[0] >= 0:
            return True
        divides = {name: quotient(process.rate, symbol(name)) is not None for name in signs}
        gains = [name for name, sign in signs.items() if sign > 0]
        return bool(gains) and all(divides[name] == (sign < 0) for name, sign in signs.items())

    def _apart(self, process: Process, words: str, signs: Mapping[str, int], rate: Expression) -> None:
        """A process of its own for the contents, at the positive part of a rate that may have either sign."""
        leaving = [name for name, sign in signs.items() if sign < 0 and name in self.held]
        if not leaving:
            return
        first = symbol(leaving[0])
        inner = quotient(rate, first)
        part = sp.Max(sp.Integer(0), rate if inner is None else inner, evaluate=False)
        forward, moves = self._carried(process, part if inner is None else part * first, signs)
        title = process.description or process.name
        self.scope.process(
            f"{words}_{process.name}",
            forward,
            moves,
            transfer=True,
            description=f"what cells hold goes with them ({title})",
        )

    def _carried(
        self, process: Process, rate: Expression, signs: Mapping[str, int]
    ) -> tuple[Expression, dict[str, Expression]]:
        """The rate in a form that is free of 0/0, and what it moves of every content."""
        moves: dict[str, Expression] = {}
        for name in (name for name, sign in signs.items() if sign < 0 and name in self.held):
            carrier = symbol(name)
            inner = quotient(rate, carrier)
            if inner is not None:
                rate = inner * carrier
            for item in self.held[name]:
                pool = symbol(item.state)
                each = pool / carrier if inner is not None else per_unit(pool, carrier)
                out = abs(process.moves[name]) * each
                for target, part in self._receivers(process, item, signs):
                    factor = self._weight(item.state) / self._weight(target)
                    moves = self._plus(moves, {item.state: -part * out, target: part * out * factor})
        return rate, {name: share for name, share in moves.items() if share != 0}

    def _receivers(self, process: Process, item: Content, signs: Mapping[str, int]) -> Iterator[tuple[str, Expression]]:
        """Where the content of leaving carriers goes, and which part of it."""
        delivered = self.scope.deliveries.get((process.name, item.quantity))
        if delivered is not None:
            yield delivered, sp.Integer(1)
            return
        kind = self.scope.states[item.carrier].kind
        gains = {
            name: abs(process.moves[name])
            for name, sign in signs.items()
            if sign > 0 and self.scope.states[name].kind == kind
        }
        total = sp.Add(*gains.values())
        for name, share in gains.items():
            yield self._place(item, name), share / total
        if not gains:
            yield item.lost, sp.Integer(1)

    def _place(self, item: Content, carrier: str) -> str:
        same = {other.role: other.state for other in self.held.get(carrier, []) if other.quantity == item.quantity}
        return same.get(item.role) or same.get(item.quantity) or item.lost

    def _carries(self, name: str) -> bool:
        return self.scope.states[name].kind in ("cells", "vesicles")

    def _sign(self, process: Process, name: str, share: Expression) -> int:
        low, high = bounds_of(share, self.known)
        if low >= 0 or high <= 0:
            return 1 if low >= 0 and high > 0 else -1
        raise ModelError(
            f"process {shown(process.name)} moves {share} of {shown(name)}, whose sign is not known, so that "
            f"what {name} holds cannot go with it; write two processes, each in one direction"
        )

    def _weight(self, name: str) -> Expression:
        return self.scope.states[name].weight

    def _plus(self, moves: Mapping[str, Expression], more: Mapping[str, Expression]) -> dict[str, Expression]:
        return {**moves, **self._added(moves, more)}

    def _added(self, moves: Mapping[str, Expression], more: Mapping[str, Expression]) -> dict[str, Expression]:
        return {name: moves.get(name, sp.Integer(0)) + share for name, share in more.items()}

    # -- acts ------------------------------------------------------------------------------------------

    def at(self, port: Port) -> Port:
        """The port with the contents of the carriers that its act removes; they go to where the dead go."""
        effects = dict(port.effects)
        gained: dict[str, list[Expression]] = {}
        for name in [name for name in port.effects if name in self.held]:
            carrier = symbol(name)
            kept = quotient(port.effects[name], carrier)
            if kept is None:
                kept = sp.Min(sp.Integer(1), per_unit(port.effects[name], carrier), evaluate=False)
            for item in self.held[name]:
                pool = symbol(item.state)
                effects[item.state] = pool * kept
                factor = self._weight(item.state) / self._weight(item.lost)
                gained.setdefault(item.lost, []).append(pool * (1 - kept) * factor)
        for name, parts in gained.items():
            effects[name] = effects.get(name, symbol(name)) + sp.Add(*parts)
        return replace(port, effects=effects)


def filled(states: Mapping[str, State]) -> dict[str, State]:
    """States with the start of every pool: content per cell times the start of its carrier."""
    return {
        name: replace(item, start=item.filling * states[item.carrier].start) if item.carrier else item
        for name, item in states.items()
    }
