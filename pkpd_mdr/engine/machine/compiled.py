"""The compiled path behind the seam of `solve.py`: same arguments, same Ensemble.

Members fill the lanes of machine code; the driver reads timelines as arrays. What one member does is bitwise the same
alone, among others, in another order and on any number of threads.
"""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from pkpd_mdr.engine.lowering import Compiled, FloatArray, compile_model
from pkpd_mdr.engine.machine import driver, loop, native
from pkpd_mdr.engine.machine.code import MachineCode
from pkpd_mdr.engine.machine.outline import Flags
from pkpd_mdr.engine.machine.work import Work
from pkpd_mdr.engine.reference import Accuracy
from pkpd_mdr.engine.solve import Ensemble, check_shapes
from pkpd_mdr.engine.solve import solve as solve_reference
from pkpd_mdr.engine.status import Watch
from pkpd_mdr.engine.timeline import Instruction, Kind, Timeline
from pkpd_mdr.errors import SimulationError

__all__ = ["closed_form", "solve_compiled", "warm_up"]

_FEW, _MANY, _SMALL, _WIDEST = 2, 64, 6, 8


def solve_compiled(
    compiled: Compiled,
    parameters: FloatArray,
    starts: FloatArray | None,
    timelines: Sequence[Timeline],
    outputs: Sequence[str],
    *,
    accuracy: Accuracy | None = None,
    sensitivities: Sequence[str] = (),
    starts_by: FloatArray | None = None,
    rows: Sequence[FloatArray] | None = None,
    window: tuple[float, float] | None = None,
    watches: Sequence[Watch] = (),
    levels: FloatArray | None = None,
    width: int | None = None,
    threads: int | None = None,
    control_sensitivities: bool = True,
) -> Ensemble:
    """Solve many members of one model by Rodas5P over lanes.

    Parameters
    ----------
    compiled, parameters, starts, timelines, outputs, accuracy, sensitivities, starts_by, rows, window, watches, levels
        As in `pkpd_mdr.engine.solve`; of the accuracy, `rtol`, `atol` and `budget` are used.
    width : int, optional
        Lanes; chosen by the number of members and the processor when not given. Results do not depend on it.
    threads : int, optional
        Threads; as many as processors for 64 members or more when not given. Results do not depend on it.
    control_sensitivities : bool
        Whether the error of sensitivities, too, decides on the length of steps.

    Returns
    -------
    Ensemble

    Raises
    ------
    SimulationError
        The shapes do not fit each other, a level is not a number, or llvmlite is missing.
    """
    if not compiled.states or not len(timelines):
        plain = replace(accuracy or Accuracy(), method="LSODA")  # there is nothing to integrate
        options: dict[str, Any] = {
            "sensitivities": sensitivities,
            "starts_by": starts_by,
            "rows": rows,
            "window": window,
            "watches": watches,
            "levels": levels,
        }
        return solve_reference(compiled, parameters, starts, timelines, outputs, accuracy=plain, **options)
    table = np.atleast_2d(np.asarray(parameters, dtype=float))
    check_shapes(compiled, table, starts, timelines)
    work = Work(compiled, table, timelines, tuple(outputs), accuracy or Accuracy(), rows, window)
    work.asked, work.watches = tuple(sensitivities), tuple(watches)
    if watches:
        work.levels = np.asarray(levels, dtype=float).reshape(len(table), len(watches))
        if np.isnan(work.levels).any():
            member, watch = np.argwhere(np.isnan(work.levels))[0].tolist()
            raise SimulationError(
                f"the level of {watches[watch].output!r} is not a number for member {member}; give one to cross"
            )
    work.prepare(starts, 1 if sensitivities else width or _lanes(compiled, len(table)))
    if sensitivities:
        from pkpd_mdr.engine.machine.sensitivity import derivative_driver

        drive = derivative_driver(work, own=starts is None, starts_by=starts_by, controlled=control_sensitivities)
    else:
        drive = work.driver()
    work.run(drive, threads or (1 if len(table) < _MANY else os.cpu_count() or 1))
    return Ensemble(work.trajectories(), work.outputs, work.asked, "compiled")


def warm_up() -> float:
    """Compile the drivers for this machine, which happens once for each version; return the seconds it took.

    Until this is done, small runs use the same loop in plain Python, and 500 members or more compile it first.
    """
    from pkpd_mdr.engine.machine.columns import HELPERS, drive_columns
    from pkpd_mdr.engine.stochastic.solve import warm_up as warm_up_paths
    from pkpd_mdr.mechanisms import clone, growth
    from pkpd_mdr.model import Model

    begin = time.perf_counter()
    model = Model(clone("S", growth=growth.exponential(rate="0.5 1/day"), start=1.0))
    compiled = compile_model(model)
    values = np.array([[parameter.internal for parameter in model.parameters.values()]])
    timeline = Timeline.of((Instruction(0.0, Kind.MARK, index=0), Instruction(1.0, Kind.END)), 0.0, 1.0)
    driver.compiled_loop(loop.drive, loop.HELPERS, worth=True)
    driver.compiled_loop(drive_columns, HELPERS, worth=True)
    for columns in ((), compiled.parameters[:1]):
        solve_compiled(compiled, values, None, [timeline], ["S"], sensitivities=columns)
    warm_up_paths()
    return time.perf_counter() - begin


def closed_form(compiled: Compiled, parameters: FloatArray, rows: Sequence[FloatArray] | None) -> Flags:
    """Which members the engine solves in closed form from event to event, without an error of integration.

    Parameters
    ----------
    compiled, parameters, rows
        As in `solve_compiled`.

    Returns
    -------
    ndarray of bool, shape (members,)
    """
    code = MachineCode.of(compiled) if compiled.states and len(parameters) else None
    if code is None or not code.outline.whole:
        return np.zeros(len(parameters), dtype=bool)
    width = _lanes(compiled, len(parameters))
    if rows is None:
        return code.decompositions.of(parameters, width)[1]
    tables = [np.atleast_2d(np.asarray(table, dtype=float)) for table in rows]
    first = np.cumsum([0, *map(len, tables)])[:-1]
    return np.asarray(np.logical_and.reduceat(code.decompositions.of(np.concatenate(tables), width)[1], first))


def _lanes(compiled: Compiled, count: int) -> int:
    """How many members are solved side by side.

    Twice as many of small models where there are registers for them: what is done between marches is for more lanes.
    """
    if count <= _FEW:
        return 1
    width = native.preferred_width()
    return 2 * width if width == _WIDEST and count >= _MANY and len(compiled.states) <= _SMALL else width
