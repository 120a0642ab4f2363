"""Linear parts of a model in closed form: a whole pharmacokinetic model, or what leads another one.

States whose rates are affine in themselves with coefficients that depend on parameters alone need no integrator. For a
block of them, x' = A x + b with A = V diag(e) V^-1 (one decomposition per member), the state a time s after x is::

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
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from pkpd_mdr.engine.lowering import FloatArray
from pkpd_mdr.engine.machine.dag import Node
from pkpd_mdr.engine.machine.reading import Reader
from pkpd_mdr.expression import TIME, symbol

if TYPE_CHECKING:
    from pkpd_mdr.engine.machine.kernels import Kernels

__all__ = ["Flags", "Linear"]

Flags = npt.NDArray[np.bool_]

_LARGEST_BLOCK = 12
_LARGEST_LEAD = 4
_FUNCTIONS = ("exp", "exp2", "log", "expm1", "log1p", "tanh", "sin", "cos")
_WORST = 1e4  # condition of the eigenvectors above which rounding would be felt
_REAL = 1e-12
_REMEMBERED = 64  # decompositions of single members
_FLAT = 2.0**-500
"""An eigenvalue below counts as this: over any time s, (exp(e s) - 1)/e is then s to rounding, and exp(e s) is 1."""


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
    columns : int
        Numbers of a decomposition, which stand behind the parameters: eigenvalues, their inverses, V, V^-1. A block of
        one state needs none.
    """

    def __init__(self, kernels: Kernels) -> None:
        self.kernels = kernels
        components = _components(kernels)
        self.whole = sum(map(len, components)) == kernels.size
        if not self.whole or max(map(len, components), default=0) > _LARGEST_BLOCK:
            self.whole = False
            components = [block for group in components for block in _pieces(kernels, group)]
        self.blocks = tuple(components)
        self.states = tuple(state for block in self.blocks for state in block)
        self._known: dict[bytes, tuple[FloatArray, Flags]] = {}
        self.columns = sum(2 * len(block) * (1 + len(block)) for block in self.blocks if len(block) > 1)

    @cached_property
    def forms(self) -> tuple[list[Node], list[Node]]:
        """The closed forms, as nodes: V^-1 x and V^-1 b/e, whatever the time; the states a time ``("a", 0)`` later."""
        graph, first = self.kernels.graph, len(self.kernels.parameters)
        heads: list[Node] = []
        nodes: list[Node] = []
        later, one, flat = graph.leaf("a", 0), graph.constant(1.0), graph.constant(_FLAT)
        for block in self.blocks:
            size, modes = len(block), []
            if size == 1:
                value = self.kernels.jacobian.get((block[0], block[0]), graph.constant(0.0))
                value = graph.select(graph.compare("<", graph.function("abs", value), flat), flat, value)
                leaf = [value, graph.inverse(value), one, one]
            else:
                leaf = [graph.leaf("p", first + i) for i in range(2 * size * (1 + size))]
                first += len(leaf)
            values, inverses, vectors = leaf[:size], leaf[size : 2 * size], leaf[2 * size : 2 * size + size * size]
            back = leaf[2 * size + size * size :]
            for j in range(size):
                held = self._weight(back[j * size : (j + 1) * size], [self.kernels.states[state] for state in block])
                fed = self._weight(back[j * size : (j + 1) * size], [self._input(state) for state in block])
                fed = graph.mul(inverses[j], fed)
                heads += [held, fed]
                exponent = graph.mul(values[j], later)
                grown = graph.mul(graph.function("expm1", exponent), fed)
                modes.append(graph.add(graph.mul(graph.function("exp", exponent), held), grown))
            nodes += [self._weight(vectors[i * size : (i + 1) * size], modes) for i in range(size)]
        return heads, nodes

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

    def decompose(self, rows: FloatArray) -> tuple[FloatArray, Flags]:
        """Decompose the blocks for parameter rows.

        Parameters
        ----------
        rows : ndarray, shape (r, parameters)

        Returns
        -------
        numbers : ndarray, shape (r, columns)
        usable : ndarray of bool, shape (r,)
            Rows for which the closed form is good to rounding.
        """
        if len(rows) > 1:
            return self._decompose(rows)
        key = rows.tobytes()  # one run after another with the same values, as between visits
        found = self._known.get(key)
        if found is None:
            found = self._decompose(rows)
            if len(self._known) >= _REMEMBERED:
                self._known.clear()
            self._known[key] = found
        return found

    def _decompose(self, rows: FloatArray) -> tuple[FloatArray, Flags]:
        usable: Flags = np.asarray(np.isfinite(rows).all(axis=1))
        parts = []
        for block in (block for block in self.blocks if len(block) > 1):
            numbers, good = _eigen(self._matrices(block, rows))
            usable &= good
            parts.append(numbers)
        return np.hstack(parts) if parts else np.zeros((len(rows), 0)), usable

    def _matrices(self, block: tuple[int, ...], rows: FloatArray) -> FloatArray:
        cells, nodes, order = self._cells[block]
        graph, matrices = self.kernels.graph, np.zeros((len(rows), len(block), len(block)))
        needed = (graph.codes[node] for node in order)
        leaves = {("p", code[2]): rows[:, code[2]] for code in needed if code[:2] == ("x", "p")}
        for (i, j), values in zip(cells, graph.evaluate(nodes, leaves, order), strict=True):
            matrices[:, i, j] = values
        return matrices

    @cached_property
    def _cells(self) -> dict[tuple[int, ...], tuple[list[tuple[int, int]], list[Node], list[Node]]]:
        """By block, its cells that are not zero, their nodes, and all nodes that these need."""
        found = {}
        for block in self.blocks:
            places = [(i, j) for i in range(len(block)) for j in range(len(block))]
            cells = [(i, j) for i, j in places if (block[i], block[j]) in self.kernels.jacobian]
            nodes = [self.kernels.jacobian[block[i], block[j]] for i, j in cells]
            found[block] = cells, nodes, self.kernels.graph.needed(nodes)
        return found


def _eigen(matrices: FloatArray) -> tuple[FloatArray, Flags]:
    """Eigenvalues, inverses of them, eigenvectors and their inverse by row, and whether they serve.

    A single run waits for this, so that it takes as few calls as may be; each member's numbers are its own in any case.
    """
    count, eye = len(matrices), np.eye(matrices.shape[1])
    with np.errstate(all="ignore"):
        good: Flags = np.asarray(np.isfinite(matrices.reshape(count, -1)).all(axis=1))
        safe = matrices if good.all() else np.where(good[:, None, None], matrices, eye)
        values, vectors = np.linalg.eig(safe)
        scale = np.abs(values).max(axis=1) + 1e-300
        if np.iscomplexobj(values):  # where one of them oscillates; from NumPy 2.5 on always
            good &= np.abs(values.imag).max(axis=1) <= _REAL * scale
            values, vectors = np.array(values.real), np.array(vectors.real)
        try:
            back = np.linalg.inv(vectors)
        except np.linalg.LinAlgError:  # of one of the members
            good &= np.linalg.cond(vectors) <= _WORST
            vectors[~good] = eye
            back = np.linalg.inv(vectors)
        good &= _squared(vectors) * _squared(back) <= _WORST**2
        left = (vectors * values[:, None, :]) @ back - safe
        good &= np.abs(left.reshape(count, -1)).max(axis=1) <= _REAL * scale
        flat = np.abs(values) <= np.maximum(1e-14 * scale[:, None], _FLAT)
        values = np.where(flat, _FLAT, values)
        inverses = 1.0 / values
    numbers = np.concatenate([values, inverses, vectors.reshape(count, -1), back.reshape(count, -1)], axis=1)
    numbers[~good] = 0.0
    return numbers, good


def _squared(matrices: FloatArray) -> FloatArray:
    """Sum of the squares of each."""
    return np.asarray(np.einsum("kij,kij->k", matrices, matrices))


def _components(kernels: Kernels) -> list[tuple[int, ...]]:
    """Sets of states that are linear in themselves and connected, each closed under what its rates depend on."""
    graph = kernels.graph
    depends: dict[int, set[int]] = {i: set() for i in range(kernels.size)}
    affine = {i for i in range(kernels.size) if i not in kernels.by_time and not _has_modes(kernels, i)}
    for (i, j), node in kernels.jacobian.items():
        depends[i].add(j)
        if not graph.settled[node]:
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
    needed = [node for node in graph.needed([kernels.right[state]]) if not graph.settled[node]]
    return any(graph.codes[node][:2] == ("x", "m") or graph.codes[node][0] in ("<", "<=", "==") for node in needed)
