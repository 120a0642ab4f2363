"""One Rodas5P step of a model over lanes, as LLVM IR: the functions that the lane driver calls by address.

Vectors have one double per lane and stand one after another: state i of lane l is double ``i*width + l``.

=========================================  =======================================================================
prepare(p, q)                              slots of what depends on parameters alone
start(p, y)                                the model's own start
asked(p, c)                                what linear parts in closed form need to know of parameters
flow(y, q, u, t, f)                        the right-hand side
step(y, q, u, t, h, tol, take, k, w, ...)  one step: stages k, new state w; then scratch, and the verdict e
march(...)                                 steps until a lane needs the driver; see `march.py`
dense(y, w, k, x, out, q, u, h)            the state at t + x*h inside the last step, from its y, w and k
act_<port>(y, p, t, amount, out)           the state after an act
=========================================  =======================================================================

Where ``take`` is above zero, y becomes w before the step: an accepted step costs no loop of its own. The verdict is the
squared error and the factor by which the step may grow, 0.2 to 6 (0.2 where the error is not a number).

``tol`` holds rtol, then the absolute tolerance of each state (one double each, not one per lane). The squared error is
the largest among states of (error/(atol + rtol*max(abs(y), abs(w))))**2; a step is good when it is at most 1. It counts
10,000 times where a maximum or minimum in the rates changed sides.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import NamedTuple

from pkpd_mdr.engine.machine import tableau
from pkpd_mdr.engine.machine.dag import Node
from pkpd_mdr.engine.machine.kernels import Kernels, System, flow_kernel, kernel
from pkpd_mdr.engine.machine.lanemath import functions
from pkpd_mdr.engine.machine.lanes import WRITTEN_OUT, Code, function, merged, module, numbers, over
from pkpd_mdr.engine.machine.lead import SHARED, Lead
from pkpd_mdr.engine.machine.march import march
from pkpd_mdr.engine.machine.native import Library

__all__ = [
    "REFUSED",
    "Sizes",
    "guard_module",
    "guard_nodes",
    "inside_rows",
    "observe_module",
    "stage_rows",
    "step_module",
]

REFUSED = 1e60
"""The squared error of a step that is refused; it stands for larger ones and for what is not a number."""
_ENDLESS = 1e300
_DOUBT = 1e4
"""What the squared error counts where a step may have a kink in it: as if the error were a hundred times larger."""
_HELD = 512
"""Up to so many vectors between, lanes side by side keep them to themselves: what need not be seen later stays in
registers. Derivatives read the decomposition of one lane.
"""
_FULL = ["%jac", "%ft", "%side", "%imposed", "%slopes"]
"""What is known of rates at the begin of a step, besides their values."""
_STEP = ["%y", "%q", "%u", "%t", "%h", "%tol", "%take", "%k", "%w", "%work", "%e"]


class Sizes(NamedTuple):
    """How many vectors each array of a step holds; the decomposition stands at `factors` of `work`."""

    states: int
    slots: int
    inputs: int
    work: int
    factors: int

    @classmethod
    def of(cls, library: Library) -> Sizes:
        """Those of a module in memory."""
        return cls(*library.numbers("sizes", len(cls._fields)))


def step_module(kernels: Kernels, width: int, *, driven: bool = False) -> str:
    """The module of a model for a number of lanes; it tells its `Sizes`.

    Parameters
    ----------
    kernels : Kernels
    width : int
    driven : bool
        Whether linear parts are in closed form, and the step integrates what they drive.

    Returns
    -------
    str
        LLVM IR.
    """
    graph, n, system = kernels.graph, kernels.size, kernels.system(driven=driven)
    right = [("%f", i, kernels.right[i]) for i in system.rows]
    full = right + [("%jac", z, node) for z, node in enumerate(system.jacobian.values())]
    full += [("%ft", i, system.by_time.get(i, graph.constant(0.0))) for i in system.rows if system.by_time]
    sides = [("%side", k, node) for k, node in enumerate(kernels.sides)]
    full += sides
    flow = right if not driven else [("%f", i, node) for i, node in enumerate(kernels.right)]
    lead = Lead(kernels, width, system.rows) if driven else None
    if lead:
        full += [("%imposed", k, node) for k, node in enumerate(lead.imposed)]
        full += [("%slopes", k, node) for k, node in enumerate(lead.slopes.values())]
    slots = kernels.slots([*(node for _, _, node in full + flow), *(lead.nodes if lead else ())])
    kept, moved = (slots | lead.places, lead.moved) if lead else (slots, {})
    common = ["%y", "%q", "%u", "%t"]
    lines = functions(width, *((SHARED,) if lead and width == 1 else ()))
    lines += kernel(graph, "prepare", width, ["%p", "%q"], [("%q", at[1], node) for node, at in slots.items()], {})
    lines += kernel(graph, "start", width, ["%p", "%y"], [("%y", i, node) for i, node in enumerate(kernels.starts)], {})
    if lead and kernels.linear.asked:
        asked = [("%c", i, node) for i, node in enumerate(kernels.linear.asked)]
        lines += kernel(graph, "asked", width, ["%p", "%c"], asked, {})
    lines += flow_kernel(kernels, "flow", width, flow, slots, [*common, "%f"])
    lines += flow_kernel(kernels, "rates", width, right, kept, [*common, "%z", "%f"], internal=True, moved=moved)
    lines += flow_kernel(kernels, "full", width, full, slots, [*common, "%f", *_FULL], internal=True)
    if sides:
        lines += flow_kernel(kernels, "sides", width, sides, slots, [*common, "%side"], internal=True)
    for port, part in enumerate(kernels.compiled.ports):
        if part.action == "act":
            after = [("%out", i, node) for i, node in enumerate(kernels.act(port))]
            lines += kernel(graph, f"act_{port}", width, ["%y", "%p", "%t", "%amount", "%out"], after, {})
    whole = _Step(kernels, system, width, lead)
    if n:
        lines += (lead.functions(slots) if lead else []) + _matrix(system, width) + stage_rows(system.rows, n, width)
        lines += whole.finish() + whole.step() + _dense(system.rows, n, width, whole.leading)
        lines += march(width)
    sizes = Sizes(n, len(slots), len(kernels.targets), whole.size, whole.areas["%lu"])
    return _module([*lines, numbers("sizes", sizes)], width)


def guard_nodes(kernels: Kernels, watched: Sequence[str]) -> list[Node]:
    """The conditions of the model, then watched outputs less their levels.

    The levels stand behind the parameters and the decompositions of linear parts.
    """
    graph, known = kernels.graph, len(kernels.parameters) + kernels.linear.columns
    nodes = [condition.node for condition in kernels.conditions]
    for k, name in enumerate(watched):
        output = kernels.reader.read(kernels.compiled.expression(name))
        nodes.append(graph.sub(output, graph.leaf("p", known + k)))
    return nodes


def guard_module(kernels: Kernels, watched: Sequence[str], width: int) -> str:
    """The module with ``guard(y, p, u, t, out)``: what `guard_nodes` gives."""
    written = [("%out", i, node) for i, node in enumerate(guard_nodes(kernels, watched))]
    arguments = ["%y", "%p", "%u", "%t", "%out"]
    return _module(functions(width) + flow_kernel(kernels, "guard", width, written, {}, arguments), width)


def observe_module(kernels: Kernels, outputs: Sequence[str], width: int) -> str:
    """The module with ``observe(y, p, t, out)``: the outputs of the given names, each a vector.

    Parameters
    ----------
    kernels : Kernels
    outputs : sequence of str
        States, observables or their rates of change, as `Compiled.expression` reads them.
    width : int
        Lanes.
    """
    nodes = [kernels.reader.read(kernels.compiled.expression(name)) for name in outputs]
    written = [("%out", i, node) for i, node in enumerate(nodes)]
    lines = kernel(kernels.graph, "observe", width, ["%y", "%p", "%t", "%out"], written, {})
    return _module(functions(width) + lines, width)


def _module(lines: Sequence[str], width: int) -> str:
    """One lane is a single run, which waits for its machine code; lanes side by side run for longer than that."""
    return merged(module(lines)) if width == 1 else module(lines)


def _matrix(system: System, width: int) -> list[str]:
    factor, solve = Code(width), Code(width)
    system.plan.factor(factor)
    system.plan.solve(solve)
    lines = function("factor", ["%jac", "%diagonal", "%lu"], factor, internal=True)
    return lines + function("solve", ["%lu", "%b"], solve, internal=True)


def _sum(code: Code, weights: list[float], base: str, n: int, row: int | str, first: str) -> str:
    """`first` plus the weighted sum of the stages of a row."""
    total = first
    for j, value in enumerate(weights):
        if value:
            total = code.multiply_add(code.constant(value), code.load(base, code.row(row, j * n)), total)
    return total


def stage_rows(rows: Sequence[int], n: int, width: int, suffix: str = "", *, few: int = WRITTEN_OUT) -> list[str]:
    """Functions ``argument_s(y, k, w)`` and ``right_s(f, ih, k)`` for the stages s = 1..7, and ``drift(ft, hd, b)``.

    The first forms the argument of stage s and, in place of the stage, the sum of C_sj u_j, as both read the same
    stages; the last two arguments only add one stage to that of the stage before. The second completes the right-hand
    side, f + (sum of C_sj u_j)/h; the third adds h*d_s*df/dt to it.

    Parameters
    ----------
    rows : sequence of int
        The states that are integrated.
    n : int
        All states: stage j of row i is vector ``j*n + i`` behind k.
    width : int
    suffix : str
        Behind the names of the functions.
    few : int
        As in `over`.
    """

    def argument(s: int, code: Code, i: int | str) -> None:
        """Row i of the state at which stage s takes its rates."""
        stages = [code.load("%k", code.row(i, j * n)) for j in range(s)]
        total = code.load("%y", i)
        if s <= 5:
            for value, stage in zip(tableau.WEIGHTS[s, :s].tolist(), stages, strict=True):
                total = code.multiply_add(code.constant(value), stage, total)
        else:
            total = code.binary("fadd", code.load("%w", i), stages[-1])
        code.store(total, "%w", i)
        total = code.constant(0.0)
        for value, stage in zip(tableau.COUPLING[s, :s].tolist(), stages, strict=True):
            total = code.multiply_add(code.constant(value), stage, total)
        code.store(total, "%k", code.row(i, s * n))

    def right(s: int, code: Code, i: int | str) -> None:
        """Row i of the right-hand side of stage s."""
        place = code.row(i, s * n)
        code.store(code.multiply_add(code.load("%k", place), code.lane("%ih"), code.load("%f", i)), "%k", place)

    def drift(code: Code, i: int | str) -> None:
        """Row i of what rates change by in time, added to the right-hand side."""
        code.store(code.multiply_add(code.lane("%hd"), code.load("%ft", i), code.load("%b", i)), "%b", i)

    lines: list[str] = []
    for s in range(1, tableau.STAGES):
        lines += over(f"argument_{s}{suffix}", ["%y", "%k", "%w"], width, rows, partial(argument, s), few=few)
        lines += over(f"right_{s}{suffix}", ["%f", "%ih", "%k"], width, rows, partial(right, s), few=few)
    return lines + over(f"drift{suffix}", ["%ft", "%hd", "%b"], width, rows, drift, few=few)


class _Step:
    """Writes ``step`` and its parts.

    Parameters
    ----------
    kernels : Kernels
    system : System
    width : int
    lead : Lead or None
        What is in closed form.
    """

    def __init__(self, kernels: Kernels, system: System, width: int, lead: Lead | None) -> None:
        self.kernels, self.system, self.width, self.lead = kernels, system, width, lead
        self.leading = lead.states if lead else ()
        n = kernels.size
        self.sizes = {
            "%f": n, "%ft": n, "%jac": len(system.jacobian), "%lu": len(system.plan.cells),
            "%m": len(lead.heads) if lead else 0, "%a": lead.times if lead else 0, "%path": lead.size if lead else 0,
            "%side": len(kernels.sides), "%then": len(kernels.sides),
            "%imposed": len(lead.imposed) if lead else 0, "%slopes": len(lead.slopes) if lead else 0,
        }  # fmt: skip
        self.areas, self.size = {}, 0
        for name, size in self.sizes.items():
            self.areas[name] = self.size
            self.size += size

    def step(self) -> list[str]:
        """The function ``step``."""
        code, n, timed = Code(self.width), self.kernels.size, bool(self.system.by_time)
        names = ("%ih", "%diagonal", "%ts", "%hd")
        code.lines += [f"{name} = alloca {code.vector}, align 64" for name in names]
        for name, at in self.areas.items():
            place = f"getelementptr inbounds {code.vector}, ptr %work, i64 {at}"
            if self.width > 1 and self.size <= _HELD:
                place = f"alloca [{self.sizes[name]} x {code.vector}], align 64"
            code.lines.append(f"{name} = {place}")
        h, t = code.load("%h", 0), code.load("%t", 0)
        inverse = code.binary("fdiv", code.constant(1.0), h)
        code.store(inverse, "%ih", 0)
        code.store(code.binary("fmul", inverse, code.constant(1.0 / tableau.GAMMA)), "%diagonal", 0)
        code.lines += [
            "call void @begin(ptr %take, ptr %w, ptr %y)",
            f"call void @full(ptr %y, ptr %q, ptr %u, ptr %t, ptr %k, {', '.join(f'ptr {name}' for name in _FULL)})",
            "call void @factor(ptr %jac, ptr %diagonal, ptr %lu)",
        ]
        if self.lead:
            self.lead.fill(code, h)
        for s in range(tableau.STAGES if self.system.rows else 0):
            self._stage(code, s, h, t, timed, n)
        if self.lead:
            self.lead.land(code)
        code.lines += ["call void @finish(ptr %y, ptr %tol, ptr %k, ptr %w, ptr %f, ptr %e)"]
        if self.kernels.sides:
            self._doubt(code, code.binary("fadd", t, h))
        return function("step", _STEP, code)

    def _doubt(self, code: Code, after: str) -> None:
        """Doubt the estimate of a step across which an operand of a maximum or minimum gave way to the other.

        The estimate supposes smooth rates: with a kink between two stages it can be small where the error is not.
        """
        code.store(after, "%ts", 0)
        code.lines.append("call void @sides(ptr %w, ptr %q, ptr %u, ptr %ts, ptr %then)")
        doubt = code.constant(1.0)
        for k in range(len(self.kernels.sides)):
            same = code.compare("fcmp oeq", code.load("%side", k), code.load("%then", k))
            doubt = code.select(same, doubt, code.constant(_DOUBT))
        square = code.binary("fmul", code.load("%e", 0), doubt)
        code.store(square, "%e", 0)
        code.store(_growth(code, square), "%e", 1)

    def _stage(self, code: Code, s: int, h: str, t: str, timed: bool, n: int) -> None:
        stage = code.place("%k", s * n)
        if s:
            place = "%t"
            if self.kernels.by_time:
                code.store(code.multiply_add(h, code.constant(float(tableau.ALPHA[s])), t), "%ts", 0)
                place = "%ts"
            then = self.lead.at(code, s) if self.lead else "%path"
            code.lines += [
                f"call void @argument_{s}(ptr %y, ptr %k, ptr %w)",
                f"call void @rates(ptr %w, ptr %q, ptr %u, ptr {place}, ptr {then}, ptr %f)",
                f"call void @right_{s}(ptr %f, ptr %ih, ptr %k)",
            ]
        if timed:
            code.store(code.binary("fmul", h, code.constant(float(tableau.SLOPES[s]))), "%hd", 0)
            code.lines.append(f"call void @drift(ptr %ft, ptr %hd, ptr {stage})")
        if self.lead and self.lead.slopes and s == 6:  # `Lead._defect` says why there
            code.lines.append(f"call void @defect(ptr %y, ptr %imposed, ptr %slopes, ptr %path, ptr {stage})")
        code.lines.append(f"call void @solve(ptr %lu, ptr {stage})")

    def finish(self) -> list[str]:
        """``begin(take, w, y)``, and ``finish(y, tol, k, w, squares, e)``: w takes the last stage, the error."""
        n, width, rows = self.kernels.size, self.width, self.system.rows

        def measure(code: Code, i: int | str) -> None:
            """Row i of the new state, and its error relative to the tolerance."""
            error = code.load("%k", code.row(i, 7 * n))
            old, new = code.load("%y", i), code.binary("fadd", code.load("%w", i), error)
            code.store(new, "%w", i)
            a, b = code.intrinsic("fabs", old), code.intrinsic("fabs", new)
            size = code.larger(a, b)
            scale = code.multiply_add(size, code.spread("%tol", 0), code.each("%tol", code.row(i, 1)))
            ratio = code.binary("fdiv", error, scale)
            code.store(code.smaller(code.binary("fmul", ratio, ratio), code.constant(REFUSED)), "%squares", i)

        given = ["%y", "%tol", "%k", "%w", "%squares"]
        lines = over("measure", given, width, rows, measure) if rows else []
        code = Code(width)
        if rows:
            code.lines.append("call void @measure(ptr %y, ptr %tol, ptr %k, ptr %w, ptr %squares)")
        square = _largest(code, rows)
        for state in self.leading:  # nothing else would stop what grows in closed form
            finite = code.compare("fcmp olt", code.intrinsic("fabs", code.load("%w", state)), code.constant(_ENDLESS))
            square = code.select(finite, square, code.constant(REFUSED))
        code.store(square, "%e", 0)
        code.store(_growth(code, square), "%e", 1)
        return [*lines, *function("finish", [*given, "%e"], code, internal=True), *self._begin()]

    def _begin(self) -> list[str]:
        """``begin(take, w, y)``: w becomes y where the last step was good.

        One lane asks before it copies, and so can go on before the verdict on that step is known.
        """
        n, width = self.kernels.size, self.width

        def begin(code: Code, i: int | str) -> None:
            """Row i of the state: the new one in lanes that took their step."""
            value = code.load("%w", i)
            if width > 1:
                taken = code.compare("fcmp ogt", code.load("%take", 0), code.constant(0.0))
                value = code.select(taken, value, code.load("%y", i))
            code.store(value, "%y", i)

        if width > 1:
            return over("begin", ["%take", "%w", "%y"], width, range(n), begin)
        lines = over("copy", ["%w", "%y"], width, range(n), begin)
        return [
            *lines,
            "define internal void @begin(ptr noalias %take, ptr noalias %w, ptr noalias %y) {",
            "entry:",
            "%value = load double, ptr %take, align 8",
            "%taken = fcmp ogt double %value, 0.0",
            "br i1 %taken, label %copy, label %done",
            "copy:",
            "call void @copy(ptr %w, ptr %y)",
            "br label %done",
            "done:",
            "ret void",
            "}",
        ]


def _largest(code: Code, rows: Sequence[int]) -> str:
    """The largest of ``%squares`` over rows, in four parts that do not wait for each other.

    A mean would let what happens in one state pass where others rest, the more the larger a model is.
    """
    parts = [code.load("%squares", row) for row in rows[:4]]
    for place, row in enumerate(rows[4:]):
        parts[place % 4] = code.larger(parts[place % 4], code.load("%squares", row))
    while len(parts) > 1:
        pairs = [code.larger(parts[i], parts[i + 1]) for i in range(0, len(parts) - 1, 2)]
        parts = pairs + parts[2 * len(pairs) :]
    return parts[0] if parts else code.constant(0.0)


def _growth(code: Code, square: str) -> str:
    """0.9 times the fifth root of 1/error, between 0.2 and 6."""
    factor = code.binary("fmul", code.own("root", square), code.constant(0.9))
    factor = code.larger(code.smaller(factor, code.constant(6.0)), code.constant(0.2))
    known = code.compare("fcmp olt", square, code.constant(1e30))
    return code.select(known, factor, code.constant(0.2))


def inside_rows(rows: Sequence[int], n: int, width: int) -> list[str]:
    """The function ``inside(y, w, k, x, out)``: states that are integrated, at the share x of the last step."""

    def inside(code: Code, i: int | str) -> None:
        """Row i of the state."""
        x = code.lane("%x")
        rest = code.binary("fsub", code.constant(1.0), x)
        inner = code.constant(0.0)
        for line in (2, 1, 0):
            part = _sum(code, tableau.INNER[line].tolist(), "%k", n, i, code.constant(0.0))
            inner = code.multiply_add(x, inner, part)
        ahead = code.multiply_add(rest, inner, code.load("%w", i))
        code.store(code.multiply_add(x, ahead, code.binary("fmul", rest, code.load("%y", i))), "%out", i)

    return over("inside", ["%y", "%w", "%k", "%x", "%out"], width, rows, inside)


def _dense(rows: Sequence[int], n: int, width: int, states: Sequence[int]) -> list[str]:
    """The function ``dense``; states in closed form are computed anew."""
    code = Code(width)
    if states:
        code.lines += [f"%a = alloca {code.vector}, align 64", f"%o = alloca [{len(states)} x {code.vector}], align 64"]
        code.store(code.binary("fmul", code.load("%h", 0), code.load("%x", 0)), "%a", 0)
        code.lines.append("call void @ahead(ptr %y, ptr %q, ptr %u, ptr %a, ptr %o)")
    code.lines.append("call void @inside(ptr %y, ptr %w, ptr %k, ptr %x, ptr %out)")
    for m, state in enumerate(states):
        code.store(code.load("%o", m), "%out", state)
    given = ["%y", "%w", "%k", "%x", "%out", "%q", "%u", "%h"]
    return inside_rows(rows, n, width) + function("dense", given, code)
