"""Linear parts of a model in closed form: a whole pharmacokinetic model, or what leads another one.

States whose rates are affine in themselves with coefficients that depend on parameters alone need no integrator. For a
block of them, x' = A x + b with A = V diag(e) V^-1 (by formulas of the rates where no more than two states feel each
other, see `modes.py`, and else one decomposition per member), the state a time s after x is::

    V diag(exp(e s)) V^-1 x + V diag((exp(e s) - 1)/e) V^-1 b

which is exact, holds for A without an inverse, needs nothing but the state at the begin of a step, and resolves what
decays over any number of half-lives (x + V diag((exp(e s) - 1)/e) V^-1 (A x + b) would cancel). A model that is
linear as a whole is solved so from event to event. Of other models, two kinds of parts are, and the rest is integrated
as a system that they lead (`lead`):

- depots: states that depend on themselves alone (an absorption site, a decaying drug). They decay over many orders of
  magnitude, and following that to the relative tolerance would decide on the steps of all.
- kinetics of up to four states from which rates take functions that cost more than they do, such as the powers in the
  kill of several clones: stages at one time share what is taken from states that are known ahead. An exponential for
  each state and time is the price. Where the rates take less (M2 of benchmarks/engine_models.py: five linear states,
  one power), an ensemble would take longer, and they stay with the integrator.

So does, member by member, a matrix that cannot be decomposed well (equal rates in a chain, oscillation).
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any, NamedTuple

from pkpd_mdr.engine.machine.dag import Node
from pkpd_mdr.engine.machine.modes import Modes, modes, risen
from pkpd_mdr.engine.machine.reading import Reader
from pkpd_mdr.expression import TIME, symbol

if TYPE_CHECKING:
    from pkpd_mdr.engine.machine.kernels import Kernels

__all__ = ["Linear"]

_LARGEST_BLOCK = 12
_LARGEST_LEAD = 4
_FUNCTIONS = ("exp", "exp2", "log", "expm1", "log1p", "tanh", "sin", "cos")


class Forms(NamedTuple):
    """The closed forms of linear parts.

    Attributes
    ----------
    held, fed : list of node
        V^-1 x and V^-1 b/e, whatever the time.
    ahead, unfed : list of node
        The states a time ``("a", 0)`` later; the same where all of `fed` is zero.
    """

    held: list[Node]
    fed: list[Node]
    ahead: list[Node]
    unfed: list[Node]


class Linear:
    """The linear blocks of a model.

    Parameters
    ----------
    kernels : Kernels

    Attributes
    ----------
    whole : bool
        Whether the blocks are the whole model.
    blocks : tuple of tuple of int
        States of each block.
    states : tuple of int
        All of them, block after block.
    decomposed : list of tuple of int
        Those blocks whose modes are not formulas, so that each member's matrix is decomposed (`outline`).
    columns : int
        Numbers of these decompositions, which stand behind the parameters: eigenvalues, V, V^-1.
    """

    def __init__(self, kernels: Kernels) -> None:
        self.kernels = kernels
        components = _components(kernels)
        self.whole = (
            sum(map(len, components)) == kernels.size
            and max(map(len, components), default=0) <= _LARGEST_BLOCK
            and not any(_confluent(kernels, group) for group in components)
        )
        if not self.whole:
            components = [block for group in components for block in _pieces(kernels, group)]
        self.blocks = tuple(components)
        self.states = tuple(state for block in self.blocks for state in block)
        self._modes = {block: modes(kernels.graph, len(block), self._cells(block)) for block in self.blocks}
        self.decomposed = [block for block in self.blocks if self._modes[block] is None]
        self.columns = sum(len(block) * (1 + 2 * len(block)) for block in self.decomposed)

    def _cells(self, block: tuple[int, ...]) -> dict[tuple[int, int], Node]:
        """The matrix of a block: its cells that are not zero, by their place in it."""
        cells, n = self.kernels.jacobian, range(len(block))
        return {(i, j): cells[block[i], block[j]] for i in n for j in n if (block[i], block[j]) in cells}

    @cached_property
    def forms(self) -> Forms:
        """The closed forms, as nodes."""
        graph, first = self.kernels.graph, len(self.kernels.parameters)
        found = Forms([], [], [], [])
        later = graph.leaf("a", 0)
        for block in self.blocks:
            size, form = len(block), self._modes[block]
            moved: list[Node] = []
            decayed: list[Node] = []
            if form is None:
                rows = [[graph.leaf("p", first + i * size + j) for j in range(size)] for i in range(1 + 2 * size)]
                first += size * len(rows)
                none = graph.constant(0.0)
                form = Modes(risen(graph, rows[0]), rows[1 : 1 + size], rows[1 + size :], none, none)
            held_by = [self.kernels.states[state] for state in block]
            fed_by = [self._input(state) for state in block]
            for value, row in zip(form.values, form.back, strict=True):
                held, fed = self._weight(row, held_by), self._weight(row, fed_by)
                fed = graph.mul(graph.inverse(value), fed)
                found.held.append(held)
                found.fed.append(fed)
                exponent = graph.mul(value, later)
                grown = graph.mul(graph.function("expm1", exponent), fed)
                decayed.append(graph.mul(graph.function("exp", exponent), held))
                moved.append(graph.add(decayed[-1], grown))
            found.ahead.extend(self._weight(row, moved) for row in form.vectors)
            found.unfed.extend(self._weight(row, decayed) for row in form.vectors)
        return found

    def _weight(self, weights: Sequence[Node], parts: Sequence[Node]) -> Node:
        graph, total = self.kernels.graph, self.kernels.graph.constant(0.0)
        for weight, part in zip(weights, parts, strict=True):
            total = graph.add(total, graph.mul(weight, part))
        return total

    def _input(self, state: int) -> Node:
        """What a state gains or loses whatever the state of the model is: b."""
        graph, kernels = self.kernels.graph, self.kernels
        node = self._empty.read(kernels.compiled.derivatives[state])
        return graph.add(node, graph.leaf("u", kernels.targets.index(state))) if state in kernels.targets else node

    @cached_property
    def _empty(self) -> Reader:
        """Reads rates of the empty model; what they hold of time and conditions, rates in blocks do not have."""
        graph, compiled = self.kernels.graph, self.kernels.compiled
        leaves: dict[Any, Node] = {symbol(name): graph.constant(0.0) for name in compiled.states}
        named = zip(compiled.parameters, self.kernels.parameters, strict=True)
        return Reader(graph, leaves | {symbol(name): node for name, node in named} | {TIME: self.kernels.time})

    @cached_property
    def asked(self) -> list[Node]:
        """What a decomposition needs to know of parameters.

        These are the cells of the matrices that have no formula, row by row, the doubts about those that have one, and
        `flat`.
        """
        zero, graph, jacobian = self.kernels.graph.constant(0.0), self.kernels.graph, self.kernels.jacobian
        cells = [jacobian.get((i, j), zero) for block in self.decomposed for i in block for j in block]
        doubts = [form.doubt for form in self._modes.values() if form is not None]
        return [*cells, *(doubt for doubt in doubts if graph.value(doubt) is None), *self.flat]

    @cached_property
    def flat(self) -> list[Node]:
        """Not zero where derivatives of the formulas are not to be trusted."""
        found = [form.flat for form in self._modes.values() if form is not None]
        return [node for node in found if self.kernels.graph.value(node) != 0.0]


def _components(kernels: Kernels) -> list[tuple[int, ...]]:
    """Sets of states that are linear in themselves and connected, each closed under what its rates depend on."""
    graph = kernels.graph
    depends: dict[int, set[int]] = {i: set() for i in range(kernels.size)}
    affine = {i for i in range(kernels.size) if i not in kernels.by_time and not _has_modes(kernels, i)}
    for (i, j), node in kernels.jacobian.items():
        depends[i].add(j)
        if graph.feels[node]:
            affine.discard(i)
    while True:
        closed = {i for i in affine if depends[i] <= affine}
        if closed == affine:
            break
        affine = closed
    groups: list[set[int]] = []
    for i in sorted(affine):
        touching = [group for group in groups if group & (depends[i] | {i}) or any(i in depends[j] for j in group)]
        merged = {i} | (depends[i] & affine)
        for group in touching:
            merged |= group
            groups.remove(group)
        groups.append(merged)
    return [tuple(sorted(group)) for group in groups]


def _pieces(kernels: Kernels, group: tuple[int, ...]) -> list[tuple[int, ...]]:
    """What of a component is in closed form where the model has more than its components."""
    if len(group) <= _LARGEST_LEAD and not _confluent(kernels, group):
        others = [rate for i, rate in enumerate(kernels.right) if i not in group]
        led, _ = kernels.led(others, group)
        if sum(kernels.graph.codes[node][0] in _FUNCTIONS for node in led) >= len(group):
            return [group]
    return [(i,) for i in group if _alone(kernels, i)]


def _confluent(kernels: Kernels, group: tuple[int, ...]) -> bool:
    """Whether states of a chain have the same rate for all parameters, as in transit compartments."""
    cells = kernels.jacobian
    return any(
        (i, j) in cells and (j, i) not in cells and cells.get((i, i)) == cells.get((j, j))
        for i in group
        for j in group
        if i != j
    )


def _alone(kernels: Kernels, state: int) -> bool:
    """Whether the rate of a state depends on no other state."""
    return all(j == state for i, j in kernels.jacobian if i == state)


def _has_modes(kernels: Kernels, state: int) -> bool:
    """Whether the rate of a state switches: by a mode, or by an equality, which has no derivative."""
    graph = kernels.graph
    needed = [node for node in graph.needed([kernels.right[state]]) if graph.feels[node]]
    return any(graph.codes[node][:2] == ("x", "m") or graph.codes[node][0] in ("<", "<=", "==") for node in needed)
