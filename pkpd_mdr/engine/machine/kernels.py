"""A model as a graph with its derivatives, and the functions of it that a step needs, as LLVM IR.

What depends on parameters alone (CL/V1, the power of an EC50) is computed once per member by ``prepare`` and read from
its slots afterwards.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import cached_property
from typing import NamedTuple

import numpy as np

from pkpd_mdr.engine.lowering import Compiled
from pkpd_mdr.engine.machine.dag import CONDITIONS, Dag, Leaf, Node, Row
from pkpd_mdr.engine.machine.lanes import Code, Place, function
from pkpd_mdr.engine.machine.linear import Linear
from pkpd_mdr.engine.machine.reading import Condition, Reader
from pkpd_mdr.engine.machine.sparse import Plan, plan
from pkpd_mdr.expression import AMOUNT, TIME, symbol

__all__ = ["Kernels", "System", "flow_graph", "flow_kernel", "kernel", "place", "targets_of"]

_POINTERS = {
    "y": "%y",
    "p": "%p",
    "u": "%u",
    "t": "%t",
    "amount": "%amount",
    "k": "%k",
    "dt": "%dt",
    "s": "%s",
    "dp": "%dp",
    "a": "%a",
    "by": "%by",
}


class System(NamedTuple):
    """What a step integrates.

    Parameters
    ----------
    rows : tuple of int
        The states.
    jacobian : dict of (row, column) to node
        Derivatives of their rates by themselves, in the order of memory.
    by_time : dict of int to node
        Derivatives of their rates by time, through what drives them too.
    plan : Plan
        How the step's matrix is decomposed.
    """

    rows: tuple[int, ...]
    jacobian: dict[tuple[int, int], Node]
    by_time: dict[int, Node]
    plan: Plan


class Kernels:
    """The graph of a model: right-hand side with inputs, Jacobian, time derivative, starts and acts.

    Parameters
    ----------
    compiled : Compiled
    switched : bool
        Whether conditions in the right-hand side become modes that a driver holds; else they stay in the rates.

    Attributes
    ----------
    graph : Dag
        Leaves: ``("y", i)`` states, ``("p", j)`` parameters, ``("u", k)`` inputs, ``("t", 0)`` time, ``("amount", 0)``.
    targets : tuple of int
        The state that each input feeds.
    right : list of int
        Nodes of the right-hand side.
    jacobian : dict of (row, column) to node
        Entries in the order of memory.
    by_time : dict of int to node
        Derivatives by time; empty for a model whose rates do not depend on it between two changes of mode.
    conditions : list of Condition
        Conditions in the right-hand side, whose modes stand behind the inputs: the rates switch where one changes.
    stocks : frozenset of int
        States that rates see as empty when rounding left them below zero; otherwise the noise of an extinct clone would
        grow into negative cells.
    """

    def __init__(self, compiled: Compiled, *, switched: bool = True) -> None:
        self.compiled = compiled
        self.graph = graph = Dag(settled=("p", "dp"))
        self.size = len(compiled.states)
        self.states = [graph.leaf("y", i) for i in range(self.size)]
        self.parameters = [graph.leaf("p", j) for j in range(len(compiled.parameters))]
        self.time = graph.leaf("t", 0)
        self.amount = graph.leaf("amount", 0)
        leaves = {symbol(name): node for name, node in zip(compiled.states, self.states, strict=True)}
        leaves |= {symbol(name): node for name, node in zip(compiled.parameters, self.parameters, strict=True)}
        leaves |= {TIME: self.time, AMOUNT: self.amount}
        self.reader = Reader(graph, leaves)
        self.conditions: list[Condition] = []
        self.stocks = frozenset(np.flatnonzero(compiled.guarded).tolist())
        self.targets = targets_of(compiled)
        rates = Reader(graph, leaves, self.conditions) if switched else self.reader
        self.right = [rates.read(expression) for expression in compiled.derivatives]
        for k, target in enumerate(self.targets):
            self.right[target] = graph.add(self.right[target], graph.leaf("u", k))
        one = graph.constant(1.0)
        rows = graph.gradient(
            self.right, {node: {i: one} for i, node in enumerate(self.states)} | {self.time: {-1: one}}
        )
        self.jacobian = {(i, j): node for i, row in enumerate(rows) for j, node in row.items() if j >= 0}
        self.by_time = {i: row[-1] for i, row in enumerate(rows) if -1 in row}
        self.modes = len(self.targets)
        self.starts = [self.reader.read(expression) for expression in compiled.starts]

    @cached_property
    def sides(self) -> list[Node]:
        """1 or 0 for each maximum and minimum in the right-hand side, by which operand counts."""
        graph = self.graph
        moving = [node for node in graph.needed(self.right) if graph.feels[node]]
        pairs = [graph.codes[node][1:] for node in moving if graph.codes[node][0] in ("max", "min")]
        one, zero = graph.constant(1.0), graph.constant(0.0)
        return [graph.select(graph.compare("<", *pair), one, zero) for pair in dict.fromkeys(pairs)]

    @cached_property
    def plan(self) -> Plan:
        """How the step's matrix is decomposed."""
        return plan(range(self.size), self.jacobian)

    @cached_property
    def linear(self) -> Linear:
        """The parts that have a closed form."""
        return Linear(self)

    def system(self, *, driven: bool) -> System:
        """What a step integrates: everything, or what is left when linear parts are in closed form."""
        if not driven:
            return System(tuple(range(self.size)), self.jacobian, self.by_time, self.plan)
        graph, zero = self.graph, self.graph.constant(0.0)
        ahead = set(self.linear.states)
        rows = tuple(i for i in range(self.size) if i not in ahead)
        jacobian = {cell: node for cell, node in self.jacobian.items() if not ahead & {*cell}}
        seeds = {self.states[i]: {0: self.right[i]} for i in ahead} | {self.time: {0: graph.constant(1.0)}}
        slopes = [row.get(0, zero) for row in graph.gradient([self.right[i] for i in rows], seeds)]
        by_time = {i: node for i, node in zip(rows, slopes, strict=True) if node != zero}
        return System(rows, jacobian, by_time, plan(rows, jacobian))

    def led(self, outputs: Sequence[Node], states: Iterable[int]) -> tuple[set[Node], list[Node]]:
        """What nodes take from some states alone, such as a kill by the concentration in plasma.

        Parameters
        ----------
        outputs : sequence of int
            The nodes.
        states : iterable of int
            The states that lead.

        Returns
        -------
        led : set of int
            Nodes below the outputs that depend on these states, and on nothing else that moves within a step.
        imposed : list of int
            Those of them, other than the states, that the outputs or nodes that are not led use.
        """
        graph, leading = self.graph, {self.states[i] for i in states}
        led, free, used = set(leading), set(), set()
        for node in graph.needed(outputs):
            code, inputs = graph.codes[node], {*graph.inputs(node)}
            if code[0] == "x" and code[1] in ("y", "t") and node not in leading:
                free.add(node)
            elif free & inputs or (led & inputs and code[0] in CONDITIONS):
                free.add(node)
                used |= led & inputs
            elif led & inputs:
                led.add(node)
        return led, sorted((used | led & {*outputs}) - leading)

    def seeds(self, columns: Sequence[str]) -> dict[Node, Row]:
        """Seeds for derivatives by some parameters; direction k is column k."""
        one, names = self.graph.constant(1.0), list(self.compiled.parameters)
        return {self.parameters[names.index(name)]: {k: one} for k, name in enumerate(columns)}

    def act(self, port: int) -> list[Node]:
        """The whole state just after an act at a port."""
        after = list(self.states)
        for name, expression in self.compiled.ports[port].effects.items():
            after[self.compiled.states.index(name)] = self.reader.read(expression)
        return after

    def slots(self, outputs: Sequence[Node]) -> dict[Node, Place]:
        """Nodes that depend on parameters alone and are used by others, with their places behind ``%q``."""
        return {node: ("%q", place) for place, node in enumerate(self.graph.fixed(outputs, -1))}


def targets_of(compiled: Compiled) -> tuple[int, ...]:
    """The states that doses feed, in the order of the inputs."""
    ports = [port for port in compiled.ports if port.action == "dose" and port.target]
    return tuple(sorted({compiled.states.index(port.target) for port in ports}))


def place(leaf: Leaf) -> Place:
    """Where a leaf stands: its kind's pointer and its number."""
    return _POINTERS[leaf[0]], leaf[1]


def flow_graph(
    kernels: Kernels, code: Code, nodes: Sequence[Node], kept: Mapping[Node, Place], moved: Mapping[Place, Place]
) -> list[str]:
    """Compute nodes of the right-hand side in a function body; `moved` as in `flow_kernel`."""

    def placed(leaf: Leaf) -> Place:
        """Where a leaf is read: modes behind those of the kernels, others where they moved."""
        found = ("%u", kernels.modes + leaf[1]) if leaf[0] == "m" else place(leaf)
        return moved.get(found, found)

    code.stocks = {placed(("y", i)) for i in kernels.stocks}
    return code.graph(kernels.graph, nodes, placed, kept)


def flow_kernel(
    kernels: Kernels,
    name: str,
    width: int,
    outputs: Sequence[tuple[str, int, Node]],
    slots: dict[Node, Place],
    arguments: Sequence[str],
    *,
    internal: bool = False,
    apart: bool = False,
    moved: Mapping[Place, Place] | None = None,
    common: Sequence[str] = (),
) -> list[str]:
    """As `kernel`, for what belongs to the right-hand side: with modes, and with stocks that are not below zero.

    States in `moved` are read from there. Behind pointers in `common` there is one number for all lanes.
    """
    code = Code(width, common=common)
    values = flow_graph(kernels, code, [node for _, _, node in outputs], slots, moved or {})
    parts: dict[str, dict[int, str]] = {pointer: {} for pointer, _, _ in outputs}
    for (pointer, number, _), value in zip(outputs, values, strict=True):
        parts[pointer][number] = value
    for pointer, part in parts.items():
        code.store_rows(part, pointer)
    return function(name, arguments, code, internal=internal, apart=apart)


def kernel(
    graph: Dag,
    name: str,
    width: int,
    arguments: Sequence[str],
    outputs: Sequence[tuple[str, int, Node]],
    slots: dict[Node, Place],
) -> list[str]:
    """A function that computes nodes and writes each behind a pointer.

    Parameters
    ----------
    graph : Dag
    name : str
    width : int
        Lanes.
    arguments : sequence of str
        Pointers, such as ``"%y"``.
    outputs : sequence of (pointer, number, node)
    slots : dict of node to place
        What ``prepare`` computed; empty to compute everything from parameters.
    """
    code = Code(width)
    values = code.graph(graph, [node for _, _, node in outputs], place, slots)
    for (pointer, number, _), value in zip(outputs, values, strict=True):
        code.store(value, pointer, number)
    return function(name, arguments, code)
