"""What leads a step: states in closed form, and all that rates take from them alone, at the times of its stages.

Such states do not wait for the others, so that they are known ahead of the stages, and with them the kill by a
concentration in plasma or the inhibition by a drug. Stages at one time share them: the last three of eight stand at the
end of the step. One lane computes all times at once, side by side.

As quadrature of what is imposed, the method has order 5, and where that changes faster than what it acts on, the error
of this quadrature is most of the error of a step. The values at six places in the step tell its leading term
(`tableau.DEFECT`), which the last stage but one takes back. Two solutions with the step's matrix then stand between it
and the new state, so that states which follow at once what drives them do not feel it: there the method has no such
error. The order of the method stays 5: what is left are terms in which the states that are integrated change, too.
"""

from __future__ import annotations

from collections.abc import Sequence

from pkpd_mdr.engine.machine import tableau
from pkpd_mdr.engine.machine.dag import Node
from pkpd_mdr.engine.machine.kernels import Kernels, flow_graph, flow_kernel
from pkpd_mdr.engine.machine.lanes import Code, Place, function

__all__ = ["LACKS", "ROUNDING", "SHARED", "Lead"]

SHARED = 8
"""With one lane, this many times are computed at once."""
_SHARES = (*tableau.ALPHA[1:5].tolist(), 1.0)
"""Shares of a step at which stages stand: 1 to 4, and the later ones and the end."""

LACKS = (tableau.DEFECT / (tableau.GAMMA**2 * (1.0 / tableau.GAMMA + tableau.COUPLING[7, 6]))).tolist()
"""What the last stage but one takes, of leading values at the begin, at four times inside and at the end of a step: a
change r of its right-hand side changes the new state by (1/gamma + C_87)/h M^-2 r, with the step's matrix M, once as
this stage, once through the last one.
"""
ROUNDING = 1e-12
"""What the defect of a value may be because of rounding, relative to it: the sizes of its weights sum to 63."""


class Lead:
    """Writes the functions that fill a table of leading values, times x (states, imposed nodes), and what reads it.

    Parameters
    ----------
    kernels : Kernels
    width : int
    rows : sequence of int
        The states that are integrated.

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
    slopes : dict of (row, number) to node
        Derivatives of rates by leading values: the states, then what they impose.
    times, size : int
        Vectors that the times and the table take.
    """

    def __init__(self, kernels: Kernels, width: int, rows: Sequence[int]) -> None:
        self.kernels, self.width, rates = kernels, width, [kernels.right[i] for i in rows]
        self.states, self.imposed = kernels.linear.states, kernels.led(rates, kernels.linear.states)[1]
        self.forms = kernels.linear.forms
        self.ahead, self.heads = self.forms.ahead, [*self.forms.held, *self.forms.fed]
        self.nodes = [*self.ahead, *self.imposed]
        self.times, stride = (SHARED, SHARED) if width == 1 else (len(_SHARES), 1)
        self.moved: dict[Place, Place] = {("%y", i): ("%z", stride * m) for m, i in enumerate(self.states)}
        self.places: dict[Node, Place] = {
            node: ("%z", stride * k) for k, node in enumerate(self.imposed, start=len(self.states))
        }
        self.size = self.times * len(self.nodes)
        one, leading = kernels.graph.constant(1.0), [*(kernels.states[i] for i in self.states), *self.imposed]
        by = kernels.graph.gradient(rates, {node: {k: one} for k, node in enumerate(leading)})
        self.slopes = {(i, k): node for i, row in zip(rows, by, strict=True) for k, node in row.items()}

    def functions(self, slots: dict[Node, Place]) -> list[str]:
        """``ahead(y, q, u, a, o)``, ``heads(y, q, u, m)``, ``leading(q, u, m, a, o)``, ``defect``.

        The first writes the states a time later, the second `heads`, and the third all values at a time; of one lane at
        all times. For the last see `_defect`.
        """
        kernels, ahead = self.kernels, self.ahead
        alone = [("%o", m, node) for m, node in enumerate(ahead)]
        lines = flow_kernel(kernels, "ahead", self.width, alone, slots, ["%y", "%q", "%u", "%a", "%o"], internal=True)
        known = [("%m", k, node) for k, node in enumerate(self.heads)]
        lines += flow_kernel(kernels, "heads", self.width, known, slots, ["%y", "%q", "%u", "%m"], internal=True)
        lines += self._leading("leading", ahead, slots)
        if self._may_rest():
            lines += self._leading("resting", self.forms.unfed, slots)
        return lines + (self._defect() if self.slopes else [])

    def _leading(self, name: str, ahead: Sequence[Node], slots: dict[Node, Place]) -> list[str]:
        """A function of all leading values at a time."""
        kernels = self.kernels
        code = Code(SHARED, common=("%q", "%u", "%m")) if self.width == 1 else Code(self.width)
        kept = slots | {node: ("%m", k) for k, node in enumerate(self.heads) if kernels.graph.value(node) is None}
        for m, value in enumerate(flow_graph(kernels, code, ahead, kept, {})):
            code.store(value, "%o", m)
        later: dict[Place, Place] = {("%y", i): ("%o", m) for m, i in enumerate(self.states)}
        for k, value in enumerate(flow_graph(kernels, code, self.imposed, slots, later), start=len(ahead)):
            code.store(value, "%o", k)
        return function(name, ["%q", "%u", "%m", "%a", "%o"], code, internal=True)

    def _may_rest(self) -> bool:
        """Whether nothing may flow in at times, in no lane: most of the time after a bolus.

        One lane, for which a single run waits, does without code of its own for that.
        """
        fed = [self.kernels.graph.value(node) for node in self.forms.fed]
        return self.width > 1 and None in fed and not any(fed)

    def _defect(self) -> list[str]:
        """``defect(y, imposed, slopes, path, b)``: the right-hand side of stage 7 takes what the quadrature lacks.

        What may be rounding of the leading values counts as nothing: a saturated effect that stays as it is would shake
        what is left over by it.
        """
        code, weights = Code(self.width), LACKS
        lacks: dict[int, str] = {}
        rows: dict[int, str] = {}
        times = [self.at(code, stage) for stage in range(1, len(weights))]
        stride = self.times if self.width == 1 else 1
        for k in sorted({k for _, k in self.slopes}):
            m = k - len(self.states)
            begin = code.load("%imposed", m) if m >= 0 else code.load("%y", self.states[k])
            lacks[k] = code.binary("fmul", code.constant(weights[0]), begin)
            for weight, time in zip(weights[1:], times, strict=True):
                end = code.load(time, stride * k)
                lacks[k] = code.multiply_add(code.constant(weight), end, lacks[k])
            size = code.binary("fadd", code.intrinsic("fabs", begin), code.intrinsic("fabs", end))
            least = code.binary("fmul", size, code.constant(ROUNDING))
            seen = code.compare("fcmp ogt", code.intrinsic("fabs", lacks[k]), least)
            lacks[k] = code.select(seen, lacks[k], code.constant(0.0))
        for place, (i, k) in enumerate(self.slopes):
            total = rows[i] if i in rows else code.load("%b", i)
            rows[i] = code.multiply_add(code.load("%slopes", place), lacks[k], total)
        for i, total in rows.items():
            code.store(total, "%b", i)
        return function("defect", ["%y", "%imposed", "%slopes", "%path", "%b"], code, internal=True)

    def fill(self, code: Code, h: str) -> None:
        """Fill the table ``%path``."""
        for i in range(self.times):
            share = _SHARES[min(i, len(_SHARES) - 1)]
            code.store(code.binary("fmul", h, code.constant(share)), "%a", i)
        code.lines.append("call void @heads(ptr %y, ptr %q, ptr %u, ptr %m)")
        leading = self._chosen(code)
        for i in range(1 if self.width == 1 else self.times):
            places = code.place("%a", i), self.at(code, i + 1)
            code.lines.append(f"call void {leading}(ptr %q, ptr %u, ptr %m, ptr {places[0]}, ptr {places[1]})")

    def _chosen(self, code: Code) -> str:
        """The function of leading values that serves all lanes; what nothing flows into is the same by both."""
        if not self._may_rest():
            return "@leading"
        some, kind = "", f"<{self.width} x i1>"
        for k in range(len(self.forms.held), len(self.heads)):
            flows = code.compare("fcmp une", code.load("%m", k), code.constant(0.0))
            some = code.new(f"or {kind} {some}, {flows}") if some else flows
        bits = code.new(f"bitcast {kind} {some} to i{self.width}")
        some = code.new(f"icmp ne i{self.width} {bits}, 0")
        return code.new(f"select i1 {some}, ptr @leading, ptr @resting")

    def at(self, code: Code, stage: int) -> str:
        """Where the values at a stage from 1 on stand."""
        time = min(stage, len(_SHARES)) - 1
        return code.place("%path", time if self.width == 1 else time * len(self.nodes))

    def land(self, code: Code) -> None:
        """Put the states at the end of the step into ``%w``."""
        end = self.at(code, len(_SHARES))
        for state in self.states:
            code.store(code.load(end, self.moved["%y", state][1]), "%w", state)
