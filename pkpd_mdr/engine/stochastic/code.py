"""The machine code of a network: a step of its flows with the hazard of its events, and the rates of these.

Beside the functions of `machine.stepper` (with one lane, for the augmented model) there are

===================  ===========================================================================
settle(p, r)         slots of what rates need of the parameters
hazards(y, r, t, a)  the rates of all processes
after_<j>(y,r,t,a)   the rates that an event of process j changes
slopes(y, r, t, d)   derivatives of the rates of events by the cells that they depend on
moves(y, r, t, v)    changes that are no fixed numbers
===================  ===========================================================================
"""

from __future__ import annotations

import threading
from collections import OrderedDict

import numpy as np

from pkpd_mdr.engine.lowering import Compiled
from pkpd_mdr.engine.machine import native
from pkpd_mdr.engine.machine.code import MachineCode
from pkpd_mdr.engine.machine.dag import Node
from pkpd_mdr.engine.machine.kernels import Kernels, flow_kernel, kernel
from pkpd_mdr.engine.machine.lanes import Place
from pkpd_mdr.engine.machine.stepper import Sizes, observe_module, step_module
from pkpd_mdr.engine.stochastic.network import Augmented, Network
from pkpd_mdr.engine.stochastic.parts import Codes, Net

__all__ = ["Events"]

_KEPT = 64
_lock = threading.RLock()
_known: OrderedDict[str, Events] = OrderedDict()


class Events:
    """A model as machine code for stochastic runs.

    Parameters
    ----------
    compiled : Compiled

    Attributes
    ----------
    network : Network
    net : Net
        The network as arrays.
    library : native.Library
    sizes : machine.stepper.Sizes
        Of the arrays of a step.
    slots, varied : int
        How many numbers ``settle`` and ``moves`` write.
    """

    def __init__(self, compiled: Compiled) -> None:
        self.network = Network(compiled)
        self.kernels = Kernels(Augmented(self.network), switched=False)
        text = step_module(self.kernels, 1)
        reader = self.kernels.reader
        self._rates = [reader.read(process.rate) for process in self.network.processes]
        self._slopes, self._varied = self._derivatives(), self._changes()
        self.varied = len(self._varied)
        lines, self.slots = self._functions()
        self.library = native.load("\n".join([text, *lines]))
        self.sizes = Sizes.of(self.library)
        self.net = self._net()
        self._observers: dict[tuple[str, ...], native.Library] = {}

    @classmethod
    def of(cls, compiled: Compiled) -> Events:
        """The machine code of a model; the last 64 are kept."""
        with _lock:
            found = _known.pop(compiled.structure_hash, None) or cls(compiled)
            _known[compiled.structure_hash] = found
            while len(_known) > _KEPT:
                _known.popitem(last=False)
            return found

    def codes(self, outputs: tuple[str, ...]) -> Codes:
        """Addresses for the driver."""
        with _lock:
            if outputs not in self._observers:
                self._observers[outputs] = native.load(observe_module(self.kernels, outputs, 1))
        address = self.library.address
        single = {name: address(name) for name in ("prepare", "settle", "start", "step", "dense", "hazards", "slopes")}
        ports, processes = range(len(self.network.compiled.ports)), range(len(self._rates))
        return Codes(
            **single,
            moves=address("moves"),
            observe=self._observers[outputs].address("observe"),
            guard=MachineCode.of(self.network.compiled).guard(1, ()).address("guard") if len(self.net.inclusive) else 0,
            acts=np.array([address(f"act_{i}") for i in ports], dtype=np.int64),
            after=np.array([address(f"after_{j}") if self.network.events[j] else 0 for j in processes], dtype=np.int64),
        )

    def _derivatives(self) -> list[tuple[int, int, Node]]:
        """Derivatives of rates: process, state, node."""
        graph, compiled = self.kernels.graph, self.network.compiled
        one = graph.constant(1.0)
        seeds = {self.kernels.states[i]: {i: one} for i in np.flatnonzero(compiled.counted).tolist()}
        rows = graph.gradient(self._rates, seeds)
        return [
            (j, i, node) for j, row in enumerate(rows) if self.network.events[j] for i, node in sorted(row.items())
        ]  # fmt: skip

    def _changes(self) -> list[tuple[int, int, Node]]:
        """Changes of states at events that are no numbers: process, state, node."""
        read = self.kernels.reader.read
        return [
            (j, i, read(change))
            for j, moves in enumerate(self.network.moves)
            for i, change in moves.items()
            if self.network.events[j] and not change.is_number
        ]

    def _functions(self) -> tuple[list[str], int]:
        graph = self.kernels.graph
        slopes, varied = ([node for _, _, node in items] for items in (self._slopes, self._varied))
        slots: dict[Node, Place] = self.kernels.slots([*self._rates, *slopes, *varied])
        settled = [("%q", place[1], node) for node, place in slots.items()]
        lines = kernel(graph, "settle", 1, ["%p", "%q"], settled, {})
        written = {"hazards": self._rates, "slopes": slopes, "moves": varied}
        for name, nodes in written.items():
            lines += self._function(name, list(enumerate(nodes)), slots)
        for j in range(len(self._rates)):
            if self.network.events[j]:
                changed = [(k, self._rates[k]) for k in self.network.affected(j)]
                lines += self._function(f"after_{j}", changed, slots)
        return lines, len(slots)

    def _function(self, name: str, nodes: list[tuple[int, Node]], slots: dict[Node, Place]) -> list[str]:
        outputs = [("%a", k, node) for k, node in nodes]
        return flow_kernel(self.kernels, name, 1, outputs, slots, ["%y", "%q", "%t", "%a"])

    def _net(self) -> Net:
        network, compiled = self.network, self.network.compiled
        slot = {(j, i): k for k, (j, i, _) in enumerate(self._varied)}
        items = [
            (j, i, float(change) if (j, i) not in slot else 0.0, slot.get((j, i), -1))
            for j, moves in enumerate(network.moves)
            for i, change in moves.items()
            if network.events[j]
        ]
        lengths = np.bincount([j for j, *_ in items], minlength=len(network.processes))
        carrier = np.full(len(compiled.states), -1, dtype=np.int64)
        for pool, cells in compiled.carriers.items():
            carrier[pool] = cells if compiled.counted[cells] else -1
        reactant = np.zeros(len(compiled.states), dtype=np.int64)
        reactant[[i for _, i, _ in self._slopes]] = 1

        def whole(values: object) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
            """A vector of 64-bit whole numbers, shape (n,)."""
            return np.array(values, dtype=np.int64).reshape(-1)

        return Net(
            first=whole([0, *np.cumsum(lengths)]),
            state=whole([i for _, i, _, _ in items]),
            change=np.array([change for _, _, change, _ in items]),
            varied=whole([k for *_, k in items]),
            event=whole(network.events),
            counted=whole(compiled.counted),
            slope_process=whole([j for j, _, _ in self._slopes]),
            slope_state=whole([i for _, i, _ in self._slopes]),
            reactant=reactant,
            targets=whole(self.kernels.targets),
            inclusive=whole([condition.inclusive for condition in MachineCode.of(compiled).kernels.conditions]),
            carrier=carrier,
            static=int(network.static),
            flowing=int(network.flowing),
            parameters=len(compiled.parameters),
        )
