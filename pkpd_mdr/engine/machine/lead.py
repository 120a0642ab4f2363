"""What leads a step: states in closed form, and all that rates take from them alone, at the times of its stages.

Such states do not wait for the others, so that they are known ahead of the stages, and with them the kill by a
concentration in plasma or the inhibition by a drug. Stages at one time share them: the last three of eight stand at the
end of the step. One lane computes all times at once, side by side.
"""

from __future__ import annotations

from collections.abc import Sequence

from pkpd_mdr.engine.machine import tableau
from pkpd_mdr.engine.machine.dag import Node
from pkpd_mdr.engine.machine.kernels import Kernels, flow_graph, flow_kernel
from pkpd_mdr.engine.machine.lanes import Code, Place, function

__all__ = ["SHARED", "Lead"]

SHARED = 8
"""With one lane, this many times are computed at once."""
_SHARES = (*tableau.ALPHA[1:5].tolist(), 1.0)
"""Shares of a step at which stages stand: 1 to 4, and the later ones and the end."""


class Lead:
    """Writes the functions that fill a table of leading values, times x (states, imposed nodes), and what reads it.

    Parameters
    ----------
    kernels : Kernels
    width : int
    rates : sequence of int
        Nodes of the rates of integrated states.

    Attributes
    ----------
    states : tuple of int
        The states in closed form.
    nodes : list of int
        Nodes of these states a time later, and what they impose.
    places : dict of node to place
        Where imposed nodes stand behind ``%z``, the values at one time.
    moved : dict of place to place
        Where the states stand there.
    heads : list of int
        Nodes that the leading values at all times take from the begin of the step.
    ahead : list of int
        Nodes of the states a time later.
    times, size : int
        Vectors that the times and the table take.
    """

    def __init__(self, kernels: Kernels, width: int, rates: Sequence[Node]) -> None:
        self.kernels, self.width = kernels, width
        self.states, self.imposed = kernels.linear.states, kernels.led(rates, kernels.linear.states)[1]
        self.heads, self.ahead = kernels.linear.forms
        self.nodes = [*self.ahead, *self.imposed]
        self.times, stride = (SHARED, SHARED) if width == 1 else (len(_SHARES), 1)
        self.moved: dict[Place, Place] = {("%y", i): ("%z", stride * m) for m, i in enumerate(self.states)}
        self.places: dict[Node, Place] = {
            node: ("%z", stride * k) for k, node in enumerate(self.imposed, start=len(self.states))
        }
        self.size = self.times * len(self.nodes)

    def functions(self, slots: dict[Node, Place]) -> list[str]:
        """``ahead(y, q, u, a, o)``, the states a time later; ``heads(y, q, u, m)``; and ``leading(q, u, m, a, o)``.

        The last writes all values at a time; of one lane at all times.
        """
        kernels, ahead = self.kernels, self.ahead
        alone = [("%o", m, node) for m, node in enumerate(ahead)]
        lines = flow_kernel(kernels, "ahead", self.width, alone, slots, ["%y", "%q", "%u", "%a", "%o"], internal=True)
        known = [("%m", k, node) for k, node in enumerate(self.heads)]
        lines += flow_kernel(kernels, "heads", self.width, known, slots, ["%y", "%q", "%u", "%m"], internal=True)
        code = Code(SHARED, common=("%q", "%u", "%m")) if self.width == 1 else Code(self.width)
        kept = slots | {node: ("%m", k) for k, node in enumerate(self.heads) if kernels.graph.value(node) is None}
        for m, value in enumerate(flow_graph(kernels, code, ahead, kept, {})):
            code.store(value, "%o", m)
        later: dict[Place, Place] = {("%y", i): ("%o", m) for m, i in enumerate(self.states)}
        for k, value in enumerate(flow_graph(kernels, code, self.imposed, slots, later), start=len(ahead)):
            code.store(value, "%o", k)
        return lines + function("leading", ["%q", "%u", "%m", "%a", "%o"], code, internal=True)

    def fill(self, code: Code, h: str) -> None:
        """Fill the table ``%path``."""
        for i in range(self.times):
            share = _SHARES[min(i, len(_SHARES) - 1)]
            code.store(code.binary("fmul", h, code.constant(share)), "%a", i)
        code.lines.append("call void @heads(ptr %y, ptr %q, ptr %u, ptr %m)")
        for i in range(1 if self.width == 1 else self.times):
            places = code.place("%a", i), self.at(code, i + 1)
            code.lines.append(f"call void @leading(ptr %q, ptr %u, ptr %m, ptr {places[0]}, ptr {places[1]})")

    def at(self, code: Code, stage: int) -> str:
        """Where the values at a stage from 1 on stand."""
        time = min(stage, len(_SHARES)) - 1
        return code.place("%path", time if self.width == 1 else time * len(self.nodes))

    def land(self, code: Code) -> None:
        """Put the states at the end of the step into ``%w``."""
        end = self.at(code, len(_SHARES))
        for state in self.states:
            code.store(code.load(end, self.moved["%y", state][1]), "%w", state)
