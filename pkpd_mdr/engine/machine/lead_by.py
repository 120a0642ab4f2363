"""Derivatives of what leads a step, by parameters: in closed form, as what leads it is.

States in closed form and what they impose on rates (`lead`) are functions of the state and the inputs at the begin of
the step, of the time since, and of parameters. Here stand the derivatives of these functions at the times of stages,
which are lanes. How a leading value moves with a column is then what the column has moved so far, times these, and what
its parameter moves directly. So states in closed form need no stages for their derivatives either, and these do not
decide on the step.

Rates are taken as functions of what is integrated, of leading values z and of parameters. A stage of a column then has

    J w' + f_z z' + f_p + (the derivative of (J, f_z, f_p) in the direction of the stage) (S, z'_0, 1) + f_z(0) r'

on its right-hand side, where the direction of the stage for z is r = h d_i dz/dt, and at the last stage but one the
defect of `lead` as well. What is imposed at a stage is read here, and not computed again.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from pkpd_mdr.engine.machine import tableau
from pkpd_mdr.engine.machine.dag import Node, Row
from pkpd_mdr.engine.machine.kernels import Kernels, flow_kernel
from pkpd_mdr.engine.machine.lanes import Code, Place, function, loop
from pkpd_mdr.engine.machine.lead import LACKS, ROUNDING, Lead

__all__ = ["END", "LeadBy"]

GROUP = tableau.STAGES
END = 5
"""Stages from this one on stand at the end of the step."""
_LAST_BUT_ONE = 6

Entries = dict[tuple[int, int], Node]
"""Derivatives of leading values by sources and columns, which are numbered behind them."""


class LeadBy:
    """Writes the functions that differentiate leading values, and those that take them to columns.

    Parameters
    ----------
    kernels : Kernels
    columns : sequence of str
        Parameters by which to differentiate.
    rows : sequence of int
        The states that are integrated.

    Attributes
    ----------
    states : tuple of int
        The states in closed form. Leading values are these, then what they impose.
    imposed, values : dict of node to int
        Nodes of what they impose, with their numbers; of all leading values.
    felt : list of int
        The leading values that rates take directly.
    slopes : dict of (row, number) to node
        Derivatives of rates by them.
    needed : list of node
        All that the functions compute, for `Kernels.slots`.
    sizes : dict of str to int
        Working arrays, in vectors: leading states and their derivatives at all stages (``z``), what follows from these
        (``o``), what is known at the begin (``m``), whether a value has a defect (``gate``), times of stages (``a``),
        and for one group, what moves at each stage and with its direction (``lead``).
    """

    def __init__(self, kernels: Kernels, columns: Sequence[str], rows: Sequence[int]) -> None:
        self.kernels, graph, lead = kernels, kernels.graph, Lead(kernels, 1, rows)
        self.states, self.slopes, count = lead.states, lead.slopes, len(lead.states)
        self.imposed = {node: k for k, node in enumerate(lead.imposed, start=count)}
        self.values = {kernels.states[i]: m for m, i in enumerate(lead.states)} | self.imposed
        self.felt = sorted({k for _, k in self.slopes})
        inputs = [i for i, target in enumerate(kernels.targets) if target in lead.states]
        self._sources: list[Place] = [("%S", i) for i in lead.states] + [("%U", kernels.targets[i]) for i in inputs]
        one, first = graph.constant(1.0), len(self._sources)
        columns_too = {node: {first + c: one for c in row} for node, row in kernels.seeds(columns).items()}
        begin: dict[Node, Row] = {kernels.states[i]: {m: one} for m, i in enumerate(lead.states)}
        begin |= {graph.leaf("u", i): {place: one} for place, i in enumerate(inputs, start=count)}
        begin |= columns_too
        self._ahead, self._later = lead.ahead, _entries(range(count), graph.gradient(lead.ahead, begin))
        then: dict[Node, Row] = {kernels.states[i]: {} for i in lead.states} | columns_too
        for place, (m, d) in enumerate(self._later):
            then[kernels.states[lead.states[m]]][d] = graph.leaf("by", place)
        self._there = _entries(self.imposed.values(), graph.gradient(lead.imposed, then))
        moving = {kernels.states[i]: {0: kernels.right[i]} for i in lead.states}
        felt = [node for node, k in self.values.items() if k in self.felt]
        self._begun = [row.get(0, graph.constant(0.0)) for row in graph.gradient(felt, moving)]
        self._begun_by = _entries(self.felt, graph.gradient(self._begun, begin))
        known = graph.fixed([*lead.ahead, *self._later.values()], graph.feels[graph.leaf("a", 0)])
        self._known = [node for node in known if graph.feels[node]]
        self._after = [*self.imposed, *self._there.values(), *self._begun, *self._begun_by.values()]
        self._first_begun_by = len(self._after) - len(self._begun_by)
        self.needed = [*lead.ahead, *self._later.values(), *self._after]
        self.sizes = {
            "z": count + len(self._later), "o": len(self._after), "m": -(-len(self._known) // GROUP),
            "gate": len(self.felt), "a": 1, "lead": (END + 1 + GROUP) * len(self.felt),
        }  # fmt: skip

    def moved(self, columns: Iterable[int], states: Iterable[int]) -> tuple[int, ...]:
        """The leading values, of those that are felt, that move with columns which reach some states."""
        ahead, directions = bool({*states} & {*self.states}), {len(self._sources) + c for c in columns}
        found = [k for (k, d) in self._felt_by() if d in directions or (ahead and d < len(self._sources))]
        return tuple(k for k in self.felt if k in found)

    def _felt_by(self) -> dict[tuple[int, int], tuple[str, int]]:
        """Derivatives of the values that are felt, and where they stand."""
        count = len(self.states)
        at = {entry: ("%z", count + place) for place, entry in enumerate(self._later)}
        at |= {entry: ("%o", place) for place, entry in enumerate(self._there, start=len(self.imposed))}
        return {entry: place for entry, place in at.items() if entry[0] in self.felt}

    def value(self, k: int) -> Place:
        """Where a leading value at the stages stands."""
        return ("%z", k) if k < len(self.states) else ("%o", k - len(self.states))

    def functions(self, slots: Mapping[Node, Place], single: Mapping[Node, Place]) -> list[str]:
        """``heads_by(y, q, u, m)``, ``ahead_by(q, u, m, a, z)``, ``imposed_by(q, u, z, by, o)``, ``direction_by``.

        The first is of one lane. The last writes directions of stages for the values that are felt, and whether the
        defect counts as more than rounding.

        Parameters
        ----------
        slots, single : mapping of node to place
            What ``prepare`` computed, with eight lanes, and in the first of them.
        """
        kernels = self.kernels
        known = [("%m", i, node) for i, node in enumerate(self._known)]
        lines = flow_kernel(kernels, "heads_by", 1, known, dict(single), ["%y", "%q", "%u", "%m"], internal=True)
        kept = dict(slots) | {node: ("%m", i) for i, node in enumerate(self._known)}
        ahead = [("%z", i, node) for i, node in enumerate([*self._ahead, *self._later.values()])]
        given = ["%q", "%u", "%m", "%a", "%z"]
        lines += flow_kernel(kernels, "ahead_by", GROUP, ahead, kept, given, internal=True, common=["%m"])
        after = [("%o", i, node) for i, node in enumerate(self._after)]
        moved: dict[Place, Place] = {("%y", i): ("%z", m) for m, i in enumerate(self.states)}
        given = ["%q", "%u", "%z", "%by", "%o"]
        lines += flow_kernel(kernels, "imposed_by", GROUP, after, dict(slots), given, internal=True, moved=moved)
        return lines + self._directions()

    def fill(self, code: Code) -> None:
        """Fill ``z`` and ``o`` for the stages of a step; at its begin states are what they are, without rounding."""
        lanes = [*tableau.ALPHA[:END], *[1.0] * (GROUP - END)]
        code.store(code.binary("fmul", code.spread("%h", 0), code.several(lanes)), "%a_a", 0)
        self._fill_ahead(code)
        for m, state in enumerate(self.states):
            code.store(code.with_lane(code.load("%a_z", m), 0, "%y", state), "%a_z", m)
        by = code.place("%a_z", len(self.states))
        code.lines += [
            f"call void @imposed_by(ptr %q, ptr %a_u, ptr %a_z, ptr {by}, ptr %a_o)",
            "call void @direction_by(ptr %a_z, ptr %a_o, ptr %a_dt, ptr %a_gate, ptr %a_direction)",
        ]

    def within(self, code: Code) -> None:
        """Fill ``z`` for the share ``%x`` of the last step, in all lanes."""
        code.store(code.binary("fmul", code.spread("%h", 0), code.load("%x", 0)), "%a_a", 0)
        self._fill_ahead(code)

    def move(self, code: Code, g: int, S: str, U: str, W: str) -> None:
        """Call the functions of a group of columns."""
        code.lines += [
            f"call void @lead_{g}(ptr {S}, ptr {U}, ptr %a_z, ptr %a_o, ptr %a_dt, ptr %a_gate, ptr %a_lead)",
            f"call void @land_{g}(ptr {S}, ptr {U}, ptr %a_z, ptr {W})",
        ]

    def _fill_ahead(self, code: Code) -> None:
        """Fill ``z`` for the times ``a``."""
        code.lines += [
            "call void @heads_by(ptr %y, ptr %q, ptr %u, ptr %a_m)",
            "call void @ahead_by(ptr %q, ptr %a_u, ptr %a_m, ptr %a_a, ptr %a_z)",
        ]

    def _directions(self) -> list[str]:
        """``direction_by(z, o, dt, gate, direction)``."""
        code, first = Code(GROUP), len(self.imposed) + len(self._there)
        taking = f"<{', '.join(f'i1 {int(lane == _LAST_BUT_ONE)}' for lane in range(GROUP))}>"
        for place, k in enumerate(self.felt):
            pointer, number = self.value(k)
            inside = [code.spread(pointer, GROUP * number + stage) for stage in range(END + 1)]
            lack = code.constant(0.0)
            for weight, value in zip(LACKS, inside, strict=True):
                lack = code.multiply_add(code.constant(weight), value, lack)
            size = code.binary("fadd", code.intrinsic("fabs", inside[0]), code.intrinsic("fabs", inside[-1]))
            least = code.binary("fmul", size, code.constant(ROUNDING))
            counts = code.compare("fcmp ogt", code.intrinsic("fabs", lack), least)
            code.store(code.select(counts, code.constant(1.0), code.constant(0.0)), "%gate", place)
            taken = code.select(taking, code.select(counts, lack, code.constant(0.0)), code.constant(0.0))
            begun = code.spread("%o", GROUP * (first + place))
            code.store(code.multiply_add(code.load("%dt", 0), begun, taken), "%direction", place)
        return function("direction_by", ["%z", "%o", "%dt", "%gate", "%direction"], code, internal=True)

    def columns(self, g: int, columns: Sequence[int], moved: Sequence[int], *, ahead: bool) -> list[str]:
        """``lead_<g>(S, U, z, o, dt, gate, N)`` and ``land_<g>(S, U, z, W)``: the columns of one group.

        The first writes how leading values move at each stage, then with its direction; the second how states in
        closed form move at the end of the step.

        Parameters
        ----------
        g : int
        columns : sequence of int
            The numbers of the columns, by lane.
        moved : sequence of int
            The leading values that move with them.
        ahead : bool
            Whether states in closed form move.
        """
        code, felt, first, size = Code(GROUP), self._felt_by(), self._first_begun_by, len(self.felt)
        held, row = self._held(code, ahead=ahead and bool(moved)), code.new(f"mul i64 %i, {size}")
        for k in moved:
            place = code.row(row, self.felt.index(k))
            code.store(self._along(code, k, felt, "%i", columns, held), "%N", place)
        lines = loop(f"inside_{g}", ["%S", "%U", "%z", "%o", "%N"], code, END + 1) if moved else []
        code, begun = Code(GROUP), {entry: ("%o", first + place) for place, entry in enumerate(self._begun_by)}
        held = self._held(code, ahead=ahead and bool(moved))
        if moved:
            code.lines.append(f"call void @inside_{g}(ptr %S, ptr %U, ptr %z, ptr %o, ptr %N)")
        for k in moved:
            place, lack = self.felt.index(k), code.constant(0.0)
            for stage, weight in enumerate(LACKS):
                lack = code.multiply_add(code.constant(weight), code.load("%N", stage * size + place), lack)
            lack = code.binary("fmul", lack, code.load("%gate", place))
            turn = self._along(code, k, begun, 0, columns, held)
            for stage in range(GROUP):
                value = code.binary("fmul", turn, code.spread("%dt", stage))
                value = code.binary("fadd", value, lack) if stage == _LAST_BUT_ONE else value
                code.store(value, "%N", (END + 1 + stage) * size + place)
        given = ["%S", "%U", "%z", "%o", "%dt", "%gate", "%N"]
        lines += function(f"lead_{g}", given, code, internal=True)
        code, count = Code(GROUP), len(self.states)
        later = {entry: ("%z", count + place) for place, entry in enumerate(self._later)}
        held = self._held(code, ahead=ahead)
        for m, state in enumerate(self.states):
            code.store(self._along(code, m, later, END, columns, held), "%W", state)
        return lines + function(f"land_{g}", ["%S", "%U", "%z", "%W"], code, internal=True)

    def _held(self, code: Code, *, ahead: bool) -> dict[int, str]:
        """What the columns have moved so far, by the numbers of the sources."""
        return {d: code.load(*place) for d, place in enumerate(self._sources)} if ahead else {}

    def _along(
        self,
        code: Code,
        k: int,
        known: Mapping[tuple[int, int], Place],
        stage: int | str,
        columns: Sequence[int],
        held: Mapping[int, str],
    ) -> str:
        """How a value moves with each column: directly, and through what has moved so far."""
        total = code.constant(0.0)
        for lane, c in enumerate(columns):
            place = known.get((k, len(self._sources) + c))
            if place is not None:
                total = code.with_lane(total, lane, place[0], code.row(stage, GROUP * place[1]))
        for d, value in held.items():
            place = known.get((k, d))
            if place is not None:
                total = code.multiply_add(code.spread(place[0], code.row(stage, GROUP * place[1])), value, total)
        return total


def _entries(numbers: Iterable[int], rows: Iterable[Row]) -> Entries:
    return {(k, d): node for k, row in zip(numbers, rows, strict=True) for d, node in row.items()}
