"""Forward sensitivities of the steps of `stepper.py`, as LLVM IR: the exact derivative of what was computed.

Differentiating the stages of Rodas5P with the step held fixed (Bock 1981, internal differentiation) gives, for each
parameter, stages v_i with the matrix that is decomposed already:

    (I/(h*gamma) - J) v_i = J(w_i) w_i' + f_p(w_i) + (dJ k_i) S + df_p k_i + sum_j C_ij/h * v_j,
                     w_i' = S + sum_j A_ij v_j

where dJ k_i and df_p k_i are derivatives of J and f_p at the begin of the step in the direction of stage i (and of
h*d_i in time). The lanes of the derivatives are the eight stages; those of the linear algebra are parameters, eight
to a group. What is taken from the begin of the step alone is computed once for all of them.

A parameter of the tumour does not move the drug. Where a model allows it, columns are ordered by the states that their
parameters reach, and a group leaves out the states that none of its own does.

==========================================================  ======================================================
prepare(p, q)                                               slots; every lane has the same parameters
columns(y, k, lu, u, t, h, rtol, q, area, S, W, V, B, U, Z, e)  one step of all groups; see `Arrays`
dense(S, W, V, x, out)                                      one group inside the last step
start_by(p, dp, out), observe_by(y, p, t, s, dp, out)       derivatives of the start and of outputs, one group
act_by_<port>(y, p, t, amount, s, dp, out)                  derivatives of the state after an act, one group
==========================================================  ======================================================
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from pkpd_mdr.engine.machine import tableau
from pkpd_mdr.engine.machine.dag import Node
from pkpd_mdr.engine.machine.kernels import Kernels, flow_kernel, kernel
from pkpd_mdr.engine.machine.lanemath import functions
from pkpd_mdr.engine.machine.lanes import Code, function, loop, module, numbers, over
from pkpd_mdr.engine.machine.native import Library
from pkpd_mdr.engine.machine.stepper import REFUSED, dense_rows, guard_nodes, stage_rows

__all__ = ["GROUP", "Arrays", "guard_by_module", "in_order", "observe_by_module", "reached", "tangent_module"]

GROUP = tableau.STAGES
"""Lanes: stages of a step, or parameters of a group."""
_SHARE = 1.0 / 3.0
"""What an error of a derivative counts beside one of a state: gradients of a fit need no more."""
_MORE = 1.25
"""Up to this many times the states that it needs, a group does without code of its own."""
_FEW = 2
"""Up to so many states are written out in what is done for each: a step's code should fit into a processor's cache."""

_POINTERS = ["%y", "%k", "%lu", "%u", "%t", "%h", "%rtol", "%q", "%area", "%S", "%W", "%V", "%B", "%U", "%Z", "%e"]


class Arrays(NamedTuple):
    """How many vectors of eight doubles the arrays hold.

    S, W (the new S), U (derivatives of inputs) and Z (absolute tolerances) have `groups` times `states`; B (right-hand
    sides) has eight times that by stage, V (stages) eight times that by group; e has `groups`.
    """

    states: int
    groups: int
    slots: int
    area: int

    @classmethod
    def of(cls, library: Library) -> Arrays:
        """Those of a module in memory."""
        return cls(*library.numbers("arrays", len(cls._fields)))


def reached(kernels: Kernels, columns: Sequence[str]) -> list[frozenset[int]]:
    """The states that each parameter may move.

    All of them where it acts through doses, or where acts and conditions may carry its effect anywhere.
    """
    compiled, graph, everything = kernels.compiled, kernels.graph, frozenset(range(kernels.size))
    if kernels.conditions or any(port.action == "act" for port in compiled.ports):
        return [everything] * len(columns)
    dosing = {compiled.parameters[place] for place in compiled.dosing}
    rows = graph.gradient([*kernels.right, *kernels.starts], kernels.seeds(columns))
    feeds: dict[int, set[int]] = {j: set() for j in everything}
    for i, j in kernels.jacobian:
        feeds[j].add(i)
    found = []
    for c, name in enumerate(columns):
        moved = {place % kernels.size for place, row in enumerate(rows) if c in row}
        left = list(moved)
        while left:
            new = feeds[left.pop()] - moved
            moved |= new
            left += new
        found.append(everything if name in dosing else frozenset(moved))
    return found


def in_order(kernels: Kernels, columns: Sequence[str]) -> list[int]:
    """The order of columns in which those that reach the same states stand together."""
    states = reached(kernels, columns)
    return sorted(range(len(columns)), key=lambda c: (-len(states[c]), sorted(states[c]), c))


def tangent_module(kernels: Kernels, columns: Sequence[str], *, whole: bool = False) -> str:
    """The module of a model for some parameters; it tells its `Arrays`.

    Parameters
    ----------
    kernels : Kernels
    columns : sequence of str
        Parameters by which to differentiate.
    whole : bool
        Whether each column has all states, as it must where given starts depend on parameters in ways of their own.

    Returns
    -------
    str
        LLVM IR.
    """
    graph, n = kernels.graph, kernels.size
    rows = graph.gradient(kernels.right, kernels.seeds(columns))
    forcing = {(i, c): node for i, row in enumerate(rows) for c, node in row.items()}
    first = [*kernels.jacobian.values(), *forcing.values()]
    second, still = _along_stage(kernels, first)
    slots = kernels.slots([*first, *second])
    nj, nf, groups = len(kernels.jacobian), len(forcing), -(-len(columns) // GROUP)
    nu = kernels.modes + len(kernels.conditions)
    lines = functions(GROUP, 1)
    lines += kernel(graph, "prepare", GROUP, ["%p", "%q"], [("%q", at[1], node) for node, at in slots.items()], {})
    given = ["%y", "%q", "%u", "%t"]
    stages = [("%o", i, node) for i, node in enumerate(first)]
    lines += flow_kernel(kernels, "at_stages", GROUP, stages, slots, [*given, "%o"], internal=True, apart=True)
    begin = [("%m", i, node) for i, node in enumerate(still)]
    single = {node: (pointer, GROUP * place) for node, (pointer, place) in slots.items()}
    lines += flow_kernel(kernels, "at_begin", 1, begin, single, [*given, "%m"], internal=True)
    known = slots | {node: ("%m", i) for i, node in enumerate(still)}
    along, needs = [("%o", i, node) for i, node in enumerate(second)], ["%q", "%m", "%k", "%dt", "%o"]
    lines += flow_kernel(kernels, "along", GROUP, along, known, needs, internal=True, apart=True, common=["%m"])
    area = _area(n, nu, nj, nf, len(still))
    lines += _stage_lanes(n, nu, area) + _scatter(forcing, n, groups, nj, area)
    sets = _rows(kernels, columns, whole=whole)
    bent = {cell for cell, node in zip(kernels.jacobian, second[:nj], strict=True) if graph.value(node) != 0.0}
    for number, states in enumerate(dict.fromkeys(sets)):
        lines += _group(kernels, bent, states, f"_{number}") + _one_group(n, groups, states, f"_{number}")
    lines += _columns(n, sets, area) + dense_rows(range(n), n, GROUP)
    lines += _event_kernels(kernels, columns)
    arrays = Arrays(n, groups, len(slots), area["end"])
    return module([*lines, numbers("arrays", arrays)])


def _rows(kernels: Kernels, columns: Sequence[str], *, whole: bool) -> list[tuple[int, ...]]:
    """For each group the states that its columns reach; with few others where a group before has these already.

    Each set is code of its own, which has to be compiled.
    """
    states = reached(kernels, columns)
    found: list[tuple[int, ...]] = []
    for first in range(0, len(columns), GROUP):
        own = frozenset(range(kernels.size)) if whole else frozenset().union(*states[first : first + GROUP])
        known = [rows for rows in [tuple(range(kernels.size)), *found] if own <= {*rows}]
        least = min(known, key=len)
        found.append(least if len(least) <= _MORE * len(own) else tuple(sorted(own)))
    return found


def observe_by_module(kernels: Kernels, outputs: Sequence[str], columns: Sequence[str]) -> str:
    """The module with ``observe_by(y, p, t, s, dp, out)``: derivatives of outputs along each lane's seeds."""
    nodes = [kernels.reader.read(kernels.compiled.expression(name)) for name in outputs]
    return module(
        functions(GROUP) + _along_seeds(kernels, "observe_by", nodes, columns, ["%y", "%p", "%t", "%s", "%dp", "%out"])
    )


def guard_by_module(kernels: Kernels, watched: Sequence[str], columns: Sequence[str]) -> str:
    """The module with ``guard_by(y, p, u, t, s, dp, dt, out)``: conditions and watches differentiated along seeds."""
    graph = kernels.graph
    seeds = _seeds(kernels, columns) | {kernels.time: {0: graph.leaf("dt", 0)}}
    rows = graph.gradient(guard_nodes(kernels, watched), seeds)
    written = [("%out", i, row.get(0, graph.constant(0.0))) for i, row in enumerate(rows)]
    arguments = ["%y", "%p", "%u", "%t", "%s", "%dp", "%dt", "%out"]
    return module(functions(GROUP) + flow_kernel(kernels, "guard_by", GROUP, written, {}, arguments))


def _along_stage(kernels: Kernels, nodes: list[Node]) -> tuple[list[Node], list[Node]]:
    """Derivatives of nodes in the direction of a stage, and of the share of the step that it takes in time.

    The second list holds what these take from the begin of the step, whatever the stage.
    """
    graph = kernels.graph
    seeds = {node: {0: graph.leaf("k", i)} for i, node in enumerate(kernels.states)}
    seeds[kernels.time] = {0: graph.leaf("dt", 0)}
    found = [row.get(0, graph.constant(0.0)) for row in graph.gradient(nodes, seeds)]
    leaves = sum(graph.feels[row[0]] for row in seeds.values())
    return found, [node for node in graph.fixed(found, leaves) if graph.feels[node]]


def _seeds(kernels: Kernels, columns: Sequence[str]) -> dict[Node, dict[int, Node]]:
    """What to differentiate along in each lane: its direction of states, and of the parameters that move."""
    graph, names = kernels.graph, kernels.compiled.parameters
    seeds = {node: {0: graph.leaf("s", i)} for i, node in enumerate(kernels.states)}
    return seeds | {kernels.parameters[names.index(c)]: {0: graph.leaf("dp", names.index(c))} for c in columns}


def _along_seeds(
    kernels: Kernels, name: str, nodes: list[Node], columns: Sequence[str], arguments: list[str]
) -> list[str]:
    graph = kernels.graph
    rows = graph.gradient(nodes, _seeds(kernels, columns))
    written = [("%out", i, row.get(0, graph.constant(0.0))) for i, row in enumerate(rows)]
    return kernel(graph, name, GROUP, arguments, written, {})


def _event_kernels(kernels: Kernels, columns: Sequence[str]) -> list[str]:
    lines = _along_seeds(kernels, "start_by", kernels.starts, columns, ["%p", "%dp", "%out"])
    for port, part in enumerate(kernels.compiled.ports):
        if part.action == "act":
            arguments = ["%y", "%p", "%t", "%amount", "%s", "%dp", "%out"]
            lines += _along_seeds(kernels, f"act_by_{port}", kernels.act(port), columns, arguments)
    return lines


def _area(n: int, nu: int, nj: int, nf: int, still: int) -> dict[str, int]:
    """Where scratch arrays begin, in vectors: stage arguments and stages by lane of stage, and so on."""
    sizes = {
        "w": n, "k": n, "u": nu, "ts": 1, "dt": 1, "ih": 1, "first": nj + nf, "second": nj + nf,
        "begin": -(-still // GROUP),
    }  # fmt: skip
    places, at = {}, 0
    for name, size in sizes.items():
        places[name] = at
        at += size
    return places | {"end": at}


def _vector(values: Sequence[float], code: Code) -> str:
    """A constant with a value of its own in every lane."""
    return f"<{', '.join(code.constant(float(value)).split(',')[0].strip('<>') for value in values)}>"


def _stage_lanes(n: int, nu: int, area: dict[str, int]) -> list[str]:
    """``stages(y, k, area)``: argument i of every stage and component i of every stage, as vectors."""
    code = Code(GROUP)
    argument, stage = code.spread("%y", "%i"), code.constant(0.0)
    for j in range(GROUP):
        part = code.spread("%k", code.new(f"add i64 %i, {j * n}"))
        argument = code.multiply_add(_vector(tableau.WEIGHTS[:, j].tolist(), code), part, argument)
        stage = code.select(f"<{', '.join(f'i1 {int(lane == j)}' for lane in range(GROUP))}>", part, stage)
    for name, value in (("w", argument), ("k", stage)):
        code.store(value, "%area", code.new(f"add i64 %i, {area[name]}"))
    lines = loop("stages", ["%y", "%k", "%area"], code, n)
    code = Code(GROUP)
    for i in range(nu):
        code.store(code.spread("%u", i), "%area", area["u"] + i)
    t, h = code.spread("%t", 0), code.spread("%h", 0)
    code.store(code.multiply_add(h, _vector(tableau.ALPHA.tolist(), code), t), "%area", area["ts"])
    code.store(code.binary("fmul", h, _vector(tableau.SLOPES.tolist(), code)), "%area", area["dt"])
    code.store(code.binary("fdiv", code.constant(1.0), h), "%area", area["ih"])
    return lines + function("settings", ["%u", "%t", "%h", "%area"], code, internal=True)


def _scatter(forcing: dict[tuple[int, int], Node], n: int, groups: int, nj: int, area: dict[str, int]) -> list[str]:
    """``scatter(area, U, B)``: f_p + df_p k of each stage, and the inputs' derivatives, to their places in B."""
    if not forcing:
        return ["define internal void @scatter(ptr %area, ptr %U, ptr %B) {", "ret void", "}"]
    places = [((c // GROUP) * n + i) * GROUP + c % GROUP for i, c in forcing]
    table = f"@places = internal constant [{len(places)} x i64] [{', '.join(f'i64 {at}' for at in places)}]"
    code = Code(GROUP)
    total = code.binary(
        "fadd",
        code.load("%area", code.new(f"add i64 %i, {area['first'] + nj}")),
        code.load("%area", code.new(f"add i64 %i, {area['second'] + nj}")),
    )
    entry = code.new(f"getelementptr inbounds [{len(places)} x i64], ptr @places, i64 0, i64 %i")
    at = code.new(f"load i64, ptr {entry}")
    total = code.binary("fadd", total, code.spread("%U", at))
    for s in range(GROUP):
        value = code.new(f"extractelement {code.vector} {total}, i32 {s}")
        target = code.new(f"add i64 {at}, {s * groups * n * GROUP}")
        address = code.new(f"getelementptr inbounds double, ptr %B, i64 {target}")
        code.lines.append(f"store double {value}, ptr {address}, align 8")
    return [table, *loop("scatter", ["%area", "%U", "%B"], code, len(places))]


def _group(kernels: Kernels, bent: set[tuple[int, int]], rows: tuple[int, ...], suffix: str) -> list[str]:
    """Functions for groups of some states: the product with J, the solution of a stage, the error of each parameter.

    Entries of J that are not `bent` do not change within a step.
    """
    code, n = Code(GROUP), kernels.size
    totals = {i: code.load("%o", i) for i in rows}
    for factor, pointer in (("%second", "%s"), ("%first", "%w")):  # what is known last is used last
        for z, (i, j) in enumerate(kernels.jacobian):
            if j in totals and (factor == "%first" or (i, j) in bent):
                totals[i] = code.multiply_add(code.spread(factor, z * GROUP), code.load(pointer, j), totals[i])
    for i, total in totals.items():
        code.store(total, "%o", i)
    lines = function(f"product{suffix}", ["%first", "%second", "%w", "%s", "%o"], code, internal=True, apart=True)
    code = Code(GROUP)
    kernels.plan.solve(code, spread=True, rows=rows)
    lines += function(f"solve{suffix}", ["%lu", "%b"], code, internal=True, apart=True)

    def measure(code: Code, i: int | str) -> None:
        """Row i of the new derivatives; the largest error of each so far."""
        error = code.load("%v", i)
        old, new = code.load("%s", i), code.binary("fadd", code.load("%w", i), error)
        code.store(new, "%w", i)
        a, b = code.intrinsic("fabs", old), code.intrinsic("fabs", new)
        size = code.larger(a, b)
        ratio = code.binary("fdiv", error, code.multiply_add(size, code.spread("%rtol", 0), code.load("%z", i)))
        ratio = code.binary("fmul", ratio, code.constant(_SHARE))
        square = code.smaller(code.binary("fmul", ratio, ratio), code.constant(REFUSED))
        code.store(code.larger(square, code.load("%e", 0)), "%e", 0)

    lines += over(f"measure{suffix}", ["%s", "%w", "%v", "%rtol", "%z", "%e"], GROUP, rows, measure, few=_FEW)
    return lines + stage_rows(rows, n, GROUP, suffix, few=_FEW)


def _columns(n: int, sets: Sequence[tuple[int, ...]], area: dict[str, int]) -> list[str]:
    code, vector, kinds = Code(GROUP), f"<{GROUP} x double>", list(dict.fromkeys(sets))
    names = {name: f"%a_{name}" for name in area}
    code.lines += [f"{names[name]} = getelementptr inbounds {vector}, ptr %area, i64 {at}" for name, at in area.items()]
    code.lines += [
        "call void @settings(ptr %u, ptr %t, ptr %h, ptr %area)",
        "call void @stages(ptr %y, ptr %k, ptr %area)",
        "call void @at_stages(ptr %a_w, ptr %q, ptr %a_u, ptr %a_ts, ptr %a_first)",
        "call void @at_begin(ptr %y, ptr %q, ptr %u, ptr %t, ptr %a_begin)",
        "call void @along(ptr %q, ptr %a_begin, ptr %a_k, ptr %a_dt, ptr %a_second)",
        "call void @scatter(ptr %area, ptr %U, ptr %B)",
    ]
    for g, rows in enumerate(sets):
        places = {"S": g * n, "W": g * n, "Z": g * n, "V": g * GROUP * n, "B": g * n, "e": g}
        parts = [code.place(f"%{name}", at) for name, at in places.items()]
        call = ", ".join(f"ptr {part}" for part in [*parts, "%lu", "%a_ih", "%a_first", "%a_second", "%rtol"])
        code.lines.append(f"call void @one_group_{kinds.index(rows)}({call})")
    return function("columns", _POINTERS, code)


def _one_group(n: int, groups: int, rows: tuple[int, ...], suffix: str) -> list[str]:
    code = Code(GROUP)
    zero = code.constant(0.0)
    for s in range(GROUP):
        stage, right = code.place("%V", s * n), code.place("%B", s * groups * n)
        if s:
            code.lines += [
                f"call void @argument_{s}{suffix}(ptr %S, ptr %V, ptr %W)",
                f"call void @right_{s}{suffix}(ptr {right}, ptr %ih, ptr %V)",
            ]
        else:
            for i in rows:
                code.store(code.load(right, i), stage, i)
        first = code.new(f"getelementptr inbounds double, ptr %first, i64 {s}")
        second = code.new(f"getelementptr inbounds double, ptr %second, i64 {s}")
        argument = "%W" if s else "%S"
        code.lines += [
            f"call void @product{suffix}(ptr {first}, ptr {second}, ptr {argument}, ptr %S, ptr {stage})",
            f"call void @solve{suffix}(ptr %lu, ptr {stage})",
        ]
    code.store(zero, "%e", 0)
    last = code.place("%V", (GROUP - 1) * n)
    code.lines.append(f"call void @measure{suffix}(ptr %S, ptr %W, ptr {last}, ptr %rtol, ptr %Z, ptr %e)")
    arguments = ["%S", "%W", "%Z", "%V", "%B", "%e", "%lu", "%ih", "%first", "%second", "%rtol"]
    return function(f"one_group{suffix}", arguments, code, internal=True)
