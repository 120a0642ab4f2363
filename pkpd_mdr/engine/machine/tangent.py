"""Forward sensitivities of the steps of `stepper.py`, as LLVM IR: the exact derivative of what was computed.

Differentiating the stages of Rodas5P with the step held fixed (Bock 1981, internal differentiation) gives, for each
parameter, stages v_i with the matrix that is decomposed already:

    (I/(h*gamma) - J) v_i = J(w_i) w_i' + f_p(w_i) + (dJ k_i) S + df_p k_i + sum_j C_ij/h * v_j,
                     w_i' = S + sum_j A_ij v_j

where dJ k_i and df_p k_i are derivatives of J and f_p at the begin of the step in the direction of stage i (and of
h*d_i in time). The lanes of the derivatives are the eight stages; those of the linear algebra are parameters, eight
to a group. What is taken from the begin of the step alone is computed once for all of them.

A parameter of the tumour does not move the drug. Where a model allows it, columns are ordered by the states that their
parameters reach, and a group leaves out the states that none of its own does. States in closed form have no stages;
`lead_by` tells how they move.

==========================================================  ======================================================
prepare(p, q)                                               slots; every lane has the same parameters
columns(y, k, lu, u, t, h, rtol, q, area, S, W, V, B, U, Z, e)  one step of all groups; see `Arrays`
dense(y, u, h, x, q, area, S, W, V, U, out)                 all groups inside the last step
start_by(p, dp, out), observe_by(y, p, t, s, dp, out)       derivatives of the start and of outputs, one group
act_by_<port>(y, p, t, amount, s, dp, out)                  derivatives of the state after an act, one group
==========================================================  ======================================================
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from pkpd_mdr.engine.machine import tableau
from pkpd_mdr.engine.machine.dag import Node, Row
from pkpd_mdr.engine.machine.kernels import Kernels, flow_kernel, kernel
from pkpd_mdr.engine.machine.lanemath import functions
from pkpd_mdr.engine.machine.lanes import Code, Place, function, loop, module, numbers, over
from pkpd_mdr.engine.machine.lead_by import END, LeadBy
from pkpd_mdr.engine.machine.native import Library
from pkpd_mdr.engine.machine.stepper import REFUSED, guard_nodes, inside_rows, stage_rows

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
_ONE_GROUP = ["%S", "%W", "%Z", "%V", "%B", "%e", "%lu", "%ih", "%first", "%second", "%lead", "%rtol"]
_PRODUCT = ["%first", "%second", "%w", "%s", "%o"]
_LED = ["%first", "%second", "%begin", "%z", "%zs", "%r", "%o"]
_DENSE = ["%y", "%u", "%h", "%x", "%q", "%area", "%S", "%W", "%V", "%U", "%out"]


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


def tangent_module(kernels: Kernels, columns: Sequence[str], *, whole: bool = False, driven: bool = False) -> str:
    """The module of a model for some parameters; it tells its `Arrays`.

    Parameters
    ----------
    kernels : Kernels
    columns : sequence of str
        Parameters by which to differentiate.
    whole : bool
        Whether each column has all states, as it must where given starts depend on parameters in ways of their own.
    driven : bool
        Whether linear parts are in closed form, as in the step that is differentiated.

    Returns
    -------
    str
        LLVM IR.
    """
    return _Tangent(kernels, columns, whole=whole, driven=driven).module()


class _Group(NamedTuple):
    """A group of columns, and what of the model moves with them.

    Functions that depend on the rows alone have names that end in `kind`, those that depend on leading values, too, in
    `led`.
    """

    kind: str
    led: str
    columns: range
    rows: tuple[int, ...]
    moved: tuple[int, ...]
    ahead: bool


class _Tangent:
    """Writes the module; see `tangent_module`."""

    def __init__(self, kernels: Kernels, columns: Sequence[str], *, whole: bool, driven: bool) -> None:
        self.kernels, self.names, self.n = kernels, columns, kernels.size
        self.system = kernels.system(driven=driven)
        self.lead = LeadBy(kernels, columns, self.system.rows) if driven else None
        self.groups = self._groups(whole=whole)

    def _groups(self, *, whole: bool) -> list[_Group]:
        """The groups; those of which the same moves have their code in common, as each has to be compiled."""
        reach = reached(self.kernels, self.names)
        kinds: dict[tuple[int, ...], str] = {}
        led: dict[tuple[tuple[int, ...], tuple[int, ...]], str] = {}
        found: list[_Group] = []
        everything = frozenset(range(self.n))
        for first in range(0, len(self.names), GROUP):
            columns = range(first, min(first + GROUP, len(self.names)))
            states = everything if whole else frozenset().union(*(reach[c] for c in columns))
            rows = self._rows(frozenset(self.system.rows) & states, [group.rows for group in found])
            moved = self.lead.moved(columns, states) if self.lead else ()
            ahead = self.lead is not None and bool(states & {*self.lead.states})
            suffixes = kinds.setdefault(rows, f"_{len(kinds)}"), led.setdefault((rows, moved), f"_{len(led)}")
            found.append(_Group(*suffixes, columns, rows, moved, ahead))
        return found

    def _rows(self, own: frozenset[int], found: Sequence[tuple[int, ...]]) -> tuple[int, ...]:
        """Those that move; with few others where a group before has these already."""
        least = min((rows for rows in [self.system.rows, *found] if own <= {*rows}), key=len)
        return least if len(least) <= _MORE * len(own) else tuple(sorted(own))

    def module(self) -> str:
        """LLVM IR."""
        kernels, graph, n, lead = self.kernels, self.kernels.graph, self.n, self.lead
        imposed = lead.imposed if lead else {}
        rates = [kernels.right[i] for i in self.system.rows]
        by = graph.gradient(rates, {**kernels.seeds(self.names), **{node: {} for node in imposed}})
        forcing = {(i, c): node for i, row in zip(self.system.rows, by, strict=True) for c, node in row.items()}
        slopes = lead.slopes if lead else {}
        first = [*self.system.jacobian.values(), *slopes.values(), *forcing.values()]
        second, still = self._along_stage(first)
        slots = kernels.slots([*first, *second, *(lead.needed if lead else ())])
        single = {node: (pointer, GROUP * place) for node, (pointer, place) in slots.items()}
        self.area = self._place(len(first), len(still))
        lines = functions(GROUP, 1)
        prepared = [("%q", at[1], node) for node, at in slots.items()]
        lines += kernel(graph, "prepare", GROUP, ["%p", "%q"], prepared, {})
        kept = {node: lead.value(k) for node, k in imposed.items()} if lead else {}
        moved: dict[Place, Place] = {("%y", i): lead.value(m) for m, i in enumerate(lead.states)} if lead else {}
        stages, needs = [("%f", i, node) for i, node in enumerate(first)], ["%y", "%q", "%u", "%t", "%z", "%o", "%f"]
        lines += flow_kernel(
            kernels, "at_stages", GROUP, stages, slots | kept, needs, internal=True, apart=True, moved=moved
        )
        begin, needs = [("%m", i, node) for i, node in enumerate(still)], ["%y", "%q", "%u", "%t", "%o", "%m"]
        kept = {node: (pointer, GROUP * place) for node, (pointer, place) in kept.items()}
        lines += flow_kernel(kernels, "at_begin", 1, begin, single | kept, needs, internal=True)
        known = slots | {node: ("%m", i) for i, node in enumerate(still)}
        along, needs = [("%o", i, node) for i, node in enumerate(second)], ["%q", "%m", "%k", "%dt", "%o"]
        lines += flow_kernel(kernels, "along", GROUP, along, known, needs, internal=True, apart=True, common=["%m"])
        lines += lead.functions(slots, single) if lead else []
        lines += self._stage_lanes() + self._scatter(forcing, len(first) - len(forcing))
        cells = [*self.system.jacobian, *slopes]
        bent = {place for place in range(len(cells)) if graph.value(second[place]) != 0.0}
        for group in {group.kind: group for group in self.groups}.values():
            lines += self._group(group, bent)
        for group in {group.led: group for group in self.groups}.values():
            lines += (self._led(lead, group, bent) if lead else []) + self._one_group(group)
        for g, group in enumerate(self.groups):
            lines += lead.columns(g, group.columns, group.moved, ahead=group.ahead) if lead else []
        lines += self._columns() + self._dense() + _event_kernels(kernels, self.names)
        arrays = Arrays(n, len(self.groups), len(slots), self.area["end"])
        return module([*lines, numbers("arrays", arrays)])

    def _along_stage(self, nodes: list[Node]) -> tuple[list[Node], list[Node]]:
        """Derivatives of nodes in the direction of a stage, and of the share of the step that it takes in time.

        The second list holds what these take from the begin of the step, whatever the stage.
        """
        graph, states, lead = self.kernels.graph, self.kernels.states, self.lead
        seeds: dict[Node, Row] = {states[i]: {0: graph.leaf("k", i)} for i in self.system.rows}
        values, felt = (lead.values, lead.felt) if lead else ({}, [])
        for node, k in values.items():
            seeds[node] = {0: graph.leaf("k", self.n + felt.index(k))} if k in felt else {}
        seeds[self.kernels.time] = {0: graph.leaf("dt", 0)}
        found = [row.get(0, graph.constant(0.0)) for row in graph.gradient(nodes, seeds)]
        leaves = sum({graph.feels[row[0]] for row in seeds.values() if row})
        return found, [node for node in graph.fixed(found, leaves) if graph.feels[node]]

    def _place(self, first: int, still: int) -> dict[str, int]:
        """Where working arrays begin, in vectors: stage arguments and stages by lane of stage, and so on."""
        felt = len(self.lead.felt) if self.lead else 0
        inputs = self.kernels.modes + len(self.kernels.conditions)
        sizes = {
            "w": self.n, "k": self.n, "direction": felt, "u": inputs, "ts": 1, "dt": 1, "ih": 1, "first": first,
            "second": first, "begin": -(-still // GROUP), **(self.lead.sizes if self.lead else {"z": 0, "o": 0}),
        }  # fmt: skip
        places, at = {}, 0
        for name, size in sizes.items():
            places[name] = at
            at += size
        return places | {"end": at}

    def _areas(self, code: Code) -> None:
        """Name the working arrays."""
        for name, at in self.area.items():
            code.lines.append(f"%a_{name} = getelementptr inbounds {code.vector}, ptr %area, i64 {at}")

    def _stage_lanes(self) -> list[str]:
        """``stages(y, k, area)``: argument i of every stage and component i of every stage, as vectors."""

        def spread(code: Code, i: int | str) -> None:
            """One state."""
            argument, stage = code.spread("%y", i), code.constant(0.0)
            for j in range(GROUP):
                part = code.spread("%k", code.row(i, j * self.n))
                argument = code.multiply_add(code.several(tableau.WEIGHTS[:, j].tolist()), part, argument)
                stage = code.select(f"<{', '.join(f'i1 {int(lane == j)}' for lane in range(GROUP))}>", part, stage)
            for name, value in (("w", argument), ("k", stage)):
                code.store(value, "%area", code.row(i, self.area[name]))

        lines = over("stages", ["%y", "%k", "%area"], GROUP, self.system.rows, spread, few=0)
        code = Code(GROUP)
        for i in range(self.area["ts"] - self.area["u"]):
            code.store(code.spread("%u", i), "%area", self.area["u"] + i)
        t, h = code.spread("%t", 0), code.spread("%h", 0)
        code.store(code.multiply_add(h, code.several(tableau.ALPHA.tolist()), t), "%area", self.area["ts"])
        code.store(code.binary("fmul", h, code.several(tableau.SLOPES.tolist())), "%area", self.area["dt"])
        code.store(code.binary("fdiv", code.constant(1.0), h), "%area", self.area["ih"])
        return lines + function("settings", ["%u", "%t", "%h", "%area"], code, internal=True)

    def _scatter(self, forcing: dict[tuple[int, int], Node], before: int) -> list[str]:
        """``scatter(area, U, B)``: f_p + df_p k of each stage, and the inputs' derivatives, to their places in B."""
        if not forcing:
            return ["define internal void @scatter(ptr %area, ptr %U, ptr %B) {", "ret void", "}"]
        n, groups = self.n, len(self.groups)
        places = [((c // GROUP) * n + i) * GROUP + c % GROUP for i, c in forcing]
        table = f"@places = internal constant [{len(places)} x i64] [{', '.join(f'i64 {at}' for at in places)}]"
        code = Code(GROUP)
        total = code.binary(
            "fadd",
            code.load("%area", code.new(f"add i64 %i, {self.area['first'] + before}")),
            code.load("%area", code.new(f"add i64 %i, {self.area['second'] + before}")),
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

    def _group(self, group: _Group, bent: set[int]) -> list[str]:
        """Functions for groups of one kind: the product with J, the solution of a stage, the error of each parameter.

        Cells of J that are not `bent` do not change within a step.
        """
        code, rows = Code(GROUP), group.rows
        totals = {i: code.load("%o", i) for i in rows}
        for factor, pointer in (("%second", "%s"), ("%first", "%w")):  # what is known last is used last
            for z, (i, j) in enumerate(self.system.jacobian):
                if j in totals and (factor == "%first" or z in bent):
                    totals[i] = code.multiply_add(code.spread(factor, z * GROUP), code.load(pointer, j), totals[i])
        for i, total in totals.items():
            code.store(total, "%o", i)
        lines = function(f"product{group.kind}", _PRODUCT, code, internal=True, apart=True)
        code = Code(GROUP)
        self.system.plan.solve(code, spread=True, rows=rows)
        lines += function(f"solve{group.kind}", ["%lu", "%b"], code, internal=True, apart=True)

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

        given = ["%s", "%w", "%v", "%rtol", "%z", "%e"]
        lines += over(f"measure{group.kind}", given, GROUP, rows, measure, few=_FEW)
        return lines + stage_rows(rows, self.n, GROUP, group.kind, few=_FEW)

    def _led(self, lead: LeadBy, group: _Group, bent: set[int]) -> list[str]:
        """``led``: what leading values add to the right-hand side of a stage; see `lead_by`."""
        code = Code(GROUP)
        totals: dict[int, str] = {}
        for z, (i, k) in enumerate(lead.slopes, start=len(self.system.jacobian)):
            if i in group.rows and k in group.moved:
                total = totals[i] if i in totals else code.load("%o", i)
                place, parts = lead.felt.index(k), [("%begin", "%r"), ("%first", "%z")]
                for factor, pointer in [("%second", "%zs"), *parts] if z in bent else parts:
                    total = code.multiply_add(code.spread(factor, z * GROUP), code.load(pointer, place), total)
                totals[i] = total
        for i, total in totals.items():
            code.store(total, "%o", i)
        return function(f"led{group.led}", _LED, code, internal=True, apart=True)

    def _one_group(self, group: _Group) -> list[str]:
        """``one_group``: the stages of one group, from its right-hand sides to its error."""
        code, n, rows, kind = Code(GROUP), self.n, group.rows, group.kind
        felt = len(self.lead.felt) if self.lead else 0
        for s in range(GROUP if rows else 0):
            stage, right = code.place("%V", s * n), code.place("%B", s * len(self.groups) * n)
            if s:
                code.lines += [
                    f"call void @argument_{s}{kind}(ptr %S, ptr %V, ptr %W)",
                    f"call void @right_{s}{kind}(ptr {right}, ptr %ih, ptr %V)",
                ]
            else:
                for i in rows:
                    code.store(code.load(right, i), stage, i)
            first = code.new(f"getelementptr inbounds double, ptr %first, i64 {s}")
            second = code.new(f"getelementptr inbounds double, ptr %second, i64 {s}")
            if group.moved:
                inside, turned = (code.place("%lead", part * felt) for part in (min(s, END), END + 1 + s))
                given = [first, second, "%first", inside, "%lead", turned, stage]
                code.lines.append(f"call void @led{group.led}({', '.join(f'ptr {item}' for item in given)})")
            argument = "%W" if s else "%S"
            code.lines += [
                f"call void @product{kind}(ptr {first}, ptr {second}, ptr {argument}, ptr %S, ptr {stage})",
                f"call void @solve{kind}(ptr %lu, ptr {stage})",
            ]
        code.store(code.constant(0.0), "%e", 0)
        if rows:
            last = code.place("%V", (GROUP - 1) * n)
            code.lines.append(f"call void @measure{kind}(ptr %S, ptr %W, ptr {last}, ptr %rtol, ptr %Z, ptr %e)")
        return function(f"one_group{group.led}", _ONE_GROUP, code, internal=True)

    def _columns(self) -> list[str]:
        """``columns``: one step."""
        code, n = Code(GROUP), self.n
        self._areas(code)
        code.lines.append("call void @settings(ptr %u, ptr %t, ptr %h, ptr %area)")
        if self.lead:
            self.lead.fill(code)
        code.lines += [
            "call void @stages(ptr %y, ptr %k, ptr %area)",
            "call void @at_stages(ptr %a_w, ptr %q, ptr %a_u, ptr %a_ts, ptr %a_z, ptr %a_o, ptr %a_first)",
            "call void @at_begin(ptr %y, ptr %q, ptr %u, ptr %t, ptr %a_o, ptr %a_begin)",
            "call void @along(ptr %q, ptr %a_begin, ptr %a_k, ptr %a_dt, ptr %a_second)",
            "call void @scatter(ptr %area, ptr %U, ptr %B)",
        ]
        known = {f"%{name}": f"%a_{name}" for name in ("ih", "first", "second")}
        known["%lead"] = "%a_lead" if self.lead else "%area"
        for g, group in enumerate(self.groups):
            places = {"S": g * n, "W": g * n, "U": g * n, "Z": g * n, "V": g * GROUP * n, "B": g * n, "e": g}
            parts = known | {f"%{name}": code.place(f"%{name}", at) for name, at in places.items()}
            if self.lead:
                self.lead.move(code, g, parts["%S"], parts["%U"], parts["%W"])
            call = ", ".join(f"ptr {parts.get(name, name)}" for name in _ONE_GROUP)
            code.lines.append(f"call void @one_group{group.led}({call})")
        return function("columns", _POINTERS, code)

    def _dense(self) -> list[str]:
        """``dense``: all groups inside the last step, whose inputs are known to it still."""
        code, n, lines = Code(GROUP), self.n, inside_rows(self.system.rows, self.n, GROUP)
        self._areas(code)
        if self.lead:
            self.lead.within(code)
        for g in range(len(self.groups)):
            places = {"S": g * n, "W": g * n, "V": g * GROUP * n, "U": g * n, "out": g * n}
            S, W, V, U, out = (code.place(f"%{name}", at) for name, at in places.items())
            code.lines.append(f"call void @inside(ptr {S}, ptr {W}, ptr {V}, ptr %x, ptr {out})")
            if self.lead:
                code.lines.append(f"call void @land_{g}(ptr {S}, ptr {U}, ptr %a_z, ptr {out})")
        return lines + function("dense", _DENSE, code)


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
