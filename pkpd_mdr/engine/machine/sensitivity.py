"""Sensitivities on the compiled path: what events contribute, as arrays, and the driver that uses them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from pkpd_mdr.engine.gradients import input_by, length_by
from pkpd_mdr.engine.lowering import Compiled, FloatArray
from pkpd_mdr.engine.machine import column_records as wide
from pkpd_mdr.engine.machine import driver
from pkpd_mdr.engine.machine.code import MachineCode
from pkpd_mdr.engine.machine.columns import HELPERS, drive_columns
from pkpd_mdr.engine.machine.kernels import targets_of
from pkpd_mdr.engine.machine.records import Integers
from pkpd_mdr.engine.machine.tangent import GROUP, reached
from pkpd_mdr.engine.machine.work import Work
from pkpd_mdr.engine.timeline import Instruction, Kind

__all__ = ["derivative_driver"]

_WORTH = 100
_Names = tuple[tuple[str, ...], tuple[str, ...]]
"""Outputs or watched outputs, and the parameters by which they are differentiated."""


def derivative_driver(
    work: Work, *, own: bool, starts_by: FloatArray | None, controlled: bool
) -> Callable[[int, int], None]:
    """A function that solves the members ``begin .. end - 1`` with their sensitivities.

    Parameters
    ----------
    work : Work
        Prepared, with one lane; its `gradients` become the result.
    own : bool
        Whether members start at the model's own start.
    starts_by : ndarray, shape (members, n, columns), optional
        Derivatives of given starts, in the order of `Work.asked`.
    controlled : bool
        Whether the error of sensitivities judges steps.
    """
    code = MachineCode.of(work.compiled)
    outputs, watched = (work.outputs, work.columns), (work.watched, work.columns)
    order = code.order(work.asked)
    if starts_by is not None:
        starts_by = np.asarray(starts_by, dtype=float)[..., order]
    whole = starts_by is not None and bool((starts_by != 0.0)[:, _still(code, work.columns)].any())
    derivatives = _derivatives(work, own, starts_by, controlled, order)
    work.gradients, work.ends_by, work.delays = derivatives.values, derivatives.ends, derivatives.delays
    drive = driver.compiled_loop(drive_columns, HELPERS, worth=len(work.parameters) >= _WORTH)

    def part(begin: int, end: int, driven: bool) -> None:
        """March members of the order with their sensitivities."""
        key = outputs, watched, whole, driven
        by = code.once(("columns", *key), lambda: _machine(code, *key))
        sizes = work.columns, whole, driven, work.members.rows.shape[1], len(work.outputs), len(work.watches)
        with work.whole(driven=driven) as run, code.bench(sizes, lambda: _bench(code, *sizes)) as (columns, at, _):
            at = at._replace(lu=run.at.work + 8 * code.step(1, driven)[1].factors)
            drive(run, wide.Wide(by, at, columns, derivatives), begin, end)

    return work.in_parts(part)


def _still(code: MachineCode, columns: tuple[str, ...]) -> npt.NDArray[np.bool_]:
    """States that columns do not move, shape (states, columns)."""

    def make() -> npt.NDArray[np.bool_]:
        """Made once for the model."""
        states = reached(code.kernels, columns)
        return np.array([[i not in moved for moved in states] for i in range(code.kernels.size)])

    return code.once(("still", columns), make)


def _machine(code: MachineCode, outputs: _Names, watched: _Names, whole: bool, driven: bool) -> wide.ColumnMachine:
    library, _ = code.tangent(outputs[1], whole=whole, driven=driven)
    observer = code.observer_by(*outputs)
    guarded = bool(watched[0] or code.outline.conditions)
    acts = [library.address(f"act_by_{i}") for i in range(len(code.compiled.ports))]
    return wide.ColumnMachine(
        prepare=library.address("prepare"),
        columns=library.address("columns"),
        dense=library.address("dense"),
        start_by=library.address("start_by"),
        observe_by=observer.address("observe_by"),
        guard_by=code.guard_by(*watched).address("guard_by") if guarded else 0,
        flow=code.step(1, driven)[0].address("flow"),
        acts=np.array(acts, dtype=np.int64),
    )


def _bench(
    code: MachineCode, by: tuple[str, ...], whole: bool, driven: bool, parameters: int, outputs: int, watches: int
) -> tuple[wide.Columns, wide.ColumnPointers, FloatArray]:
    """Working arrays, where they are, and scratch that has to live as long."""
    _, arrays = code.tangent(by, whole=whole, driven=driven)
    n, g, compiled = arrays.states, arrays.groups, code.compiled
    guards = code.outline.conditions + watches
    shapes: dict[str, tuple[int, ...]] = {
        "S": (g, n), "W": (g, n), "V": (g, GROUP, n), "B": (GROUP, g, n), "U": (g, n), "Z": (g, n), "e": (g,),
        "q": (arrays.slots,), "p": (parameters,), "dp": (g, parameters), "inner": (g, n), "y": (n,), "t": (), "x": (),
        "amount": (), "out": (max(n, outputs),), "u": (len(targets_of(code.compiled)) + guards,), "dt": (),
        "none": (parameters,), "g": (guards,),
    }  # fmt: skip
    made: dict[str, Any] = dict(driver.aligned_parts({name: (*shape, GROUP) for name, shape in shapes.items()}))
    made["Z"][:] = 1.0
    for c, name in enumerate(by):
        made["dp"][c // GROUP, compiled.parameters.index(name), c % GROUP] = 1.0
    made |= {"flow": driver.aligned(n, 1), "before": np.zeros((n, 1)), "delay": np.zeros(len(by))}
    columns = wide.Columns(**made, rates=np.zeros((len(compiled.ports), len(by))))
    area = driver.aligned(arrays.area, GROUP)
    names = [name for name in wide.ColumnPointers._fields if name not in ("area", "lu")]
    found: dict[str, int] = {name: getattr(columns, name).ctypes.data for name in names}
    return columns, wide.ColumnPointers(**found, area=area.ctypes.data, lu=0), area


def _derivatives(
    work: Work, own: bool, starts_by: FloatArray | None, controlled: bool, order: Integers
) -> wide.Derivatives:
    compiled, count, m = work.compiled, len(work.parameters), len(work.columns)
    n = len(compiled.states)
    code = MachineCode.of(compiled)
    positions, targets = code.once(("positions", work.columns), lambda: _positions(compiled, work.columns))
    per_member = np.array([len(line.dosed) for line in work.lines], dtype=np.int64)[work.line_of]
    total = int(per_member.sum())
    shifts, inputs = np.zeros((total, m)), np.zeros((total, m))
    rates = np.zeros((count, len(compiled.ports), m))
    place = 0
    for member in range(count):
        place = _member(work, member, place, shifts, inputs, rates)
    starts = np.zeros((0 if own else count, n, m))
    if not own and starts_by is not None:
        starts[:] = starts_by
    tolerance = np.maximum(work.accuracy.atol, 1e-6 * work.accuracy.rtol) * compiled.scale
    return wide.Derivatives(
        own=int(own),
        controlled=int(controlled),
        loose=tolerance,
        sizes=np.ascontiguousarray(np.maximum(np.abs(work.parameters[:, positions]), 1e-12)),
        starts=starts,
        rates=rates,
        first=(np.cumsum(per_member) - per_member).astype(np.int64),
        shifts=shifts,
        moves=np.array(shifts.any(axis=1), dtype=np.int64),
        inputs=inputs,
        settled=work.settled_by,
        targets=targets,
        order=order,
        values=np.full((len(work.results.values), len(work.outputs), m), np.nan),
        ends=np.zeros((count, n, m)),
        delays=np.zeros((count, m)),
    )


def _positions(compiled: Compiled, columns: tuple[str, ...]) -> tuple[Integers, Integers]:
    """Where the parameters of columns stand, and the states that inputs feed."""
    places = [compiled.parameters.index(name) for name in columns]
    return np.array(places, dtype=np.int64), np.array(targets_of(compiled), dtype=np.int64)


def _member(work: Work, member: int, place: int, shifts: FloatArray, inputs: FloatArray, rates: FloatArray) -> int:
    """Fill the rows of a member; return where the next one begins."""
    line, table = work.lines[work.line_of[member]], work.table(member)
    known: dict[tuple[int, int], FloatArray | None] = {}

    def port_by(item: Instruction) -> FloatArray | None:
        """Derivatives of a port's values by the columns, read once for each row of parameters; None if all are zero."""
        assert item.source is not None
        key = item.port, item.source.row
        if key not in known:
            by = work.compiled.port_values_by(item.port, table[item.source.row], work.columns)
            known[key] = by if by.any() else None
        return known[key]

    if member in work.refused:
        return place + len(line.dosed)
    for item in line.before:
        if item.source is not None and (by := port_by(item)) is not None:
            rates[member, item.port] += _added(item, by)
    for k in line.dosed:
        if (by := port_by(line.steps[k])) is not None:
            inputs[place], shifts[place] = _added(line.steps[k], by), _moved(line.steps[k], by)
        place += 1
    return place


def _added(item: Instruction, by: FloatArray) -> FloatArray:
    """Derivative of what a dose adds to its state or to its input."""
    assert item.source is not None
    if item.kind is Kind.JUMP:
        return input_by(item.source, by)
    times = item.value / item.source.value if item.source.value else 0.0
    return times * input_by(item.source, by)


def _moved(item: Instruction, by: FloatArray) -> FloatArray:
    """Derivative of the time of an instruction."""
    assert item.source is not None
    total = by[1] * float(item.lagged)
    return np.asarray(total + length_by(item.source, by) if item.ended else total)
