"""One Rodas5P step of a model over lanes, as LLVM IR: the functions that the lane driver calls by address.

Vectors have one double per lane and stand one after another: state i of lane l is double ``i*width + l``.

=========================================  =======================================================================
prepare(p, q)                              slots of what depends on parameters alone
start(p, y)                                the model's own start
flow(y, q, u, t, f)                        the right-hand side
step(y, q, u, t, h, tol, take, k, w, ...)  one step: stages k, new state w; then scratch, and the verdict e
march(...)                                 steps until a lane needs the driver; see `march.py`
dense(y, w, k, x, out)                     the state at t + x*h inside the last step, from its y, w and k
act_<port>(y, p, t, amount, out)           the state after an act
=========================================  =======================================================================

Where ``take`` is above zero, y becomes w before the step: an accepted step costs no loop of its own. The verdict is the
squared error norm and the factor by which the step may grow, 0.2 to 6 (0.2 where the error is not a number).

``tol`` holds rtol, then the absolute tolerance of each state (one double each, not one per lane). The squared norm is
the mean over states of (error/(atol + rtol*max(abs(y), abs(w))))**2; a step is good when it is at most 1.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from pkpd_mdr.engine.machine import tableau
from pkpd_mdr.engine.machine.kernels import Kernels, flow_kernel, kernel
from pkpd_mdr.engine.machine.lanemath import functions
from pkpd_mdr.engine.machine.lanes import Code, function, loop
from pkpd_mdr.engine.machine.march import march

__all__ = ["Sizes", "dense_loop", "guard_module", "observe_module", "stage_loops", "step_module"]

_STEP = ["%y", "%q", "%u", "%t", "%h", "%tol", "%take", "%k", "%w", "%work", "%e"]


@dataclass(frozen=True, slots=True)
class Sizes:
    """How many vectors each array of a step holds."""

    states: int
    parameters: int
    slots: int
    inputs: int
    work: int


def step_module(kernels: Kernels, width: int) -> tuple[str, Sizes]:
    """The module of a model for a number of lanes.

    Parameters
    ----------
    kernels : Kernels
    width : int

    Returns
    -------
    text : str
        LLVM IR.
    sizes : Sizes
    """
    graph, n = kernels.graph, kernels.size
    right = [("%f", i, node) for i, node in enumerate(kernels.right)]
    full = right + [("%jac", z, node) for z, node in enumerate(kernels.jacobian.values())]
    full += [("%ft", i, kernels.by_time.get(i, graph.constant(0.0))) for i in range(n) if kernels.timed]
    slots = kernels.slots([node for _, _, node in full])
    common = ["%y", "%q", "%u", "%t"]
    lines = functions(width)
    lines += kernel(
        graph, "prepare", width, ["%p", "%q"], [("%q", place[1], node) for node, place in slots.items()], {}
    )
    lines += kernel(graph, "start", width, ["%p", "%y"], [("%y", i, node) for i, node in enumerate(kernels.starts)], {})
    lines += flow_kernel(kernels, "flow", width, right, slots, [*common, "%f"])
    lines += flow_kernel(kernels, "full", width, full, slots, [*common, "%f", "%jac", "%ft"], internal=True)
    for port, part in enumerate(kernels.compiled.ports):
        if part.action == "act":
            after = [("%out", i, node) for i, node in enumerate(kernels.act(port))]
            lines += kernel(graph, f"act_{port}", width, ["%y", "%p", "%t", "%amount", "%out"], after, {})
    if n:
        lines += _matrix(kernels, width) + stage_loops(n, width) + _step(kernels, width) + dense_loop(n, width)
        lines += march(width)
    work = 2 * n + len(kernels.jacobian) + len(kernels.plan.cells)
    sizes = Sizes(n, len(kernels.parameters), len(slots), len(kernels.targets), work)
    return "\n".join(lines), sizes


def guard_module(kernels: Kernels, watched: Sequence[str], width: int) -> str:
    """The module with ``guard(y, p, u, t, out)``: the conditions of the model, then watched outputs less their levels.

    The levels stand behind the parameters.
    """
    graph, known = kernels.graph, len(kernels.parameters)
    nodes = [condition.node for condition in kernels.conditions]
    for k, name in enumerate(watched):
        output = kernels.reader.read(kernels.compiled.expression(name))
        nodes.append(graph.sub(output, graph.leaf("p", known + k)))
    written = [("%out", i, node) for i, node in enumerate(nodes)]
    arguments = ["%y", "%p", "%u", "%t", "%out"]
    return "\n".join(functions(width) + flow_kernel(kernels, "guard", width, written, {}, arguments))


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
    return "\n".join(
        functions(width) + kernel(kernels.graph, "observe", width, ["%y", "%p", "%t", "%out"], written, {})
    )


def _matrix(kernels: Kernels, width: int) -> list[str]:
    factor, solve = Code(width), Code(width)
    kernels.plan.factor(factor)
    kernels.plan.solve(solve)
    lines = function("factor", ["%jac", "%diagonal", "%lu"], factor, internal=True)
    return lines + function("solve", ["%lu", "%b"], solve, internal=True)


def _offset(code: Code, base: str, extra: int) -> str:
    """Load vector i + extra of an array, i being the counter of the loop."""
    return code.load(base, code.new(f"add i64 %i, {extra}") if extra else "%i")


def _sum(code: Code, weights: list[float], base: str, n: int, first: str) -> str:
    total = first
    for j, value in enumerate(weights):
        if value:
            total = code.multiply_add(code.constant(value), _offset(code, base, j * n), total)
    return total


def stage_loops(n: int, width: int) -> list[str]:
    """Functions ``argument_s(y, k, w)`` and ``right_s(f, ft, ih, hd, k)`` for the stages s = 1..7.

    The first forms the argument of stage s; the last two only add one stage to that of the stage before. The second
    forms its right-hand side in place of stage s: f + (sum of C_sj u_j)/h, and h*d_s*df/dt where `ft` is given.
    """
    lines: list[str] = []
    for s in range(1, tableau.STAGES):
        code = Code(width)
        if s <= 5:
            total = _sum(code, tableau.WEIGHTS[s, :s].tolist(), "%k", n, code.load("%y", "%i"))
        else:
            total = code.binary("fadd", code.load("%w", "%i"), _offset(code, "%k", (s - 1) * n))
        code.store(total, "%w", "%i")
        lines += loop(f"argument_{s}", ["%y", "%k", "%w"], code, n)
        code = Code(width)
        total = _sum(code, tableau.COUPLING[s, :s].tolist(), "%k", n, code.constant(0.0))
        total = code.multiply_add(total, code.load("%ih", 0), code.load("%f", "%i"))
        code.store(total, "%k", code.new(f"add i64 %i, {s * n}"))
        lines += loop(f"right_{s}", ["%f", "%ih", "%k"], code, n)
    code = Code(width)
    code.store(code.multiply_add(code.load("%hd", 0), code.load("%ft", "%i"), code.load("%b", "%i")), "%b", "%i")
    return lines + loop("drift", ["%ft", "%hd", "%b"], code, n)


def _step(kernels: Kernels, width: int) -> list[str]:
    code, n, vector = Code(width), kernels.size, f"<{width} x double>"
    names = ("%ih", "%diagonal", "%ts", "%hd")
    code.lines += [f"{name} = alloca {vector}, align 64" for name in names]
    areas = {"%f": 0, "%ft": n, "%jac": 2 * n, "%lu": 2 * n + len(kernels.jacobian)}
    code.lines += [f"{name} = getelementptr inbounds {vector}, ptr %work, i64 {at}" for name, at in areas.items()]
    h, t = code.load("%h", 0), code.load("%t", 0)
    inverse = code.binary("fdiv", code.constant(1.0), h)
    code.store(inverse, "%ih", 0)
    code.store(code.binary("fmul", inverse, code.constant(1.0 / tableau.GAMMA)), "%diagonal", 0)
    code.lines += [
        "call void @begin(ptr %take, ptr %w, ptr %y)",
        "call void @full(ptr %y, ptr %q, ptr %u, ptr %t, ptr %k, ptr %jac, ptr %ft)",
        "call void @factor(ptr %jac, ptr %diagonal, ptr %lu)",
    ]
    for s in range(tableau.STAGES):
        stage = code.place("%k", s * n)
        if s:
            if kernels.timed:
                code.store(code.multiply_add(h, code.constant(float(tableau.ALPHA[s])), t), "%ts", 0)
            code.lines += [
                f"call void @argument_{s}(ptr %y, ptr %k, ptr %w)",
                f"call void @flow(ptr %w, ptr %q, ptr %u, ptr {'%ts' if kernels.timed else '%t'}, ptr %f)",
                f"call void @right_{s}(ptr %f, ptr %ih, ptr %k)",
            ]
        if kernels.timed:
            code.store(code.binary("fmul", h, code.constant(float(tableau.SLOPES[s]))), "%hd", 0)
            code.lines.append(f"call void @drift(ptr %ft, ptr %hd, ptr {stage})")
        code.lines.append(f"call void @solve(ptr %lu, ptr {stage})")
    code.lines += ["call void @finish(ptr %y, ptr %tol, ptr %k, ptr %w, ptr %e)"]
    return _finish(n, width) + function("step", _STEP, code)


def _finish(n: int, width: int) -> list[str]:
    """``finish(y, tol, k, w, e)``: add the last stage to w and form the squared error norm."""
    code = Code(width)
    error = _offset(code, "%k", 7 * n)
    old, new = code.load("%y", "%i"), code.binary("fadd", code.load("%w", "%i"), error)
    code.store(new, "%w", "%i")
    a, b = code.intrinsic("fabs", old), code.intrinsic("fabs", new)
    size = code.select(code.compare("fcmp ogt", a, b), a, b)
    scale = code.multiply_add(size, code.spread("%tol", 0), code.spread("%tol", code.new("add i64 %i, 1")))
    ratio = code.binary("fdiv", error, scale)
    code.store(code.multiply_add(ratio, ratio, code.load("%e", 0)), "%e", 0)
    lines = loop("measure", ["%y", "%tol", "%k", "%w", "%e"], code, n)
    code = Code(width)
    code.store(code.constant(0.0), "%e", 0)
    code.lines.append("call void @measure(ptr %y, ptr %tol, ptr %k, ptr %w, ptr %e)")
    square = code.binary("fmul", code.load("%e", 0), code.constant(1.0 / n))
    code.store(square, "%e", 0)
    code.store(_growth(code, square), "%e", 1)
    lines += function("finish", ["%y", "%tol", "%k", "%w", "%e"], code, internal=True)
    code = Code(width)
    taken = code.compare("fcmp ogt", code.load("%take", 0), code.constant(0.0))
    code.store(code.select(taken, code.load("%w", "%i"), code.load("%y", "%i")), "%y", "%i")
    return lines + loop("begin", ["%take", "%w", "%y"], code, n)


def _growth(code: Code, square: str) -> str:
    """0.9 times the fifth root of 1/error, between 0.2 and 6."""
    root = code.call("lane_exp", code.binary("fmul", code.call("lane_log", square), code.constant(-0.1)))
    factor = code.binary("fmul", root, code.constant(0.9))
    for limit, relation in ((6.0, "fcmp ogt"), (0.2, "fcmp olt")):
        bound = code.constant(limit)
        factor = code.select(code.compare(relation, factor, bound), bound, factor)
    known = code.compare("fcmp olt", square, code.constant(1e30))
    return code.select(known, factor, code.constant(0.2))


def dense_loop(n: int, width: int) -> list[str]:
    """The function ``dense(y, w, k, x, out)``."""
    code = Code(width)
    x = code.load("%x", 0)
    rest = code.binary("fsub", code.constant(1.0), x)
    inner = code.constant(0.0)
    for row in (2, 1, 0):
        part = _sum(code, tableau.INNER[row].tolist(), "%k", n, code.constant(0.0))
        inner = code.multiply_add(x, inner, part)
    ahead = code.multiply_add(rest, inner, code.load("%w", "%i"))
    code.store(code.multiply_add(x, ahead, code.binary("fmul", rest, code.load("%y", "%i"))), "%out", "%i")
    lines = loop("inside", ["%y", "%w", "%k", "%x", "%out"], code, n)
    code = Code(width)
    code.lines.append("call void @inside(ptr %y, ptr %w, ptr %k, ptr %x, ptr %out)")
    return lines + function("dense", ["%y", "%w", "%k", "%x", "%out"], code)
