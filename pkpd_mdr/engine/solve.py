"""The seam: a compiled model, parameters, starts and timelines in; trajectories with a status each out.

Two engines answer `solve`: the compiled one (`machine`) and the reference path through SciPy; models without states
need neither (`formulas`). A member that cannot be finished is a `Status` with a sentence and keeps what was computed;
the other members are not touched.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cache
from typing import Any, NamedTuple

import numpy as np

from pkpd_mdr.engine.formulas import outputs_at_marks
from pkpd_mdr.engine.lowering import Compiled, FloatArray
from pkpd_mdr.engine.member import CrossedError, Member
from pkpd_mdr.engine.reference import Accuracy, BrokenRunError
from pkpd_mdr.engine.status import Status, Watch
from pkpd_mdr.engine.timeline import Timeline
from pkpd_mdr.errors import SimulationError

_log = logging.getLogger("pkpd_mdr")

__all__ = ["Ensemble", "Status", "Trajectory", "Watch", "check_shapes", "solve"]


class Trajectory(NamedTuple):
    """One member of an ensemble.

    Attributes
    ----------
    times : ndarray, shape (k,)
        Hours of the marks that were reached.
    values : ndarray, shape (k, outputs)
        Outputs at the marks, internal units.
    sensitivities : ndarray, shape (k, outputs, columns), or None
    end : ndarray, shape (n,)
        State at the end of the window.
    status : Status
    steps : int
        Steps that the integrator took.
    time : float
        Hours at `end`.
    crossed : int
        Number of the watch that ended the member early, at `time`; -1 for none.
    end_by : ndarray, shape (n, columns), or None
        Derivatives of `end` at a fixed time (compiled engine).
    crossed_by : ndarray, shape (columns,), or None
        Derivatives of the time at which the watch was crossed.
    """

    times: FloatArray
    values: FloatArray
    sensitivities: FloatArray | None
    end: FloatArray
    status: Status
    steps: int
    time: float = float("nan")
    crossed: int = -1
    end_by: FloatArray | None = None
    crossed_by: FloatArray | None = None


@dataclass(frozen=True, slots=True)
class Ensemble:
    """Trajectories in the order in which members were given."""

    members: tuple[Trajectory, ...]
    outputs: tuple[str, ...]
    columns: tuple[str, ...] = ()
    engine: str = "SciPy"
    """Which engine solved it: ``"compiled"``, ``"SciPy"``, ``"compiled and SciPy"`` (by member), ``"stochastic"``, or
    ``"formulas"`` where there are no states to integrate."""
    failed: tuple[int, ...] = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "failed", tuple(i for i, m in enumerate(self.members) if not m.status.ok))


def solve(
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
    threads: int | None = None,
) -> Ensemble:
    """Solve many members of one model.

    Parameters
    ----------
    compiled : Compiled
    parameters : ndarray, shape (members, p)
        Internal units, in the order of `compiled.parameters`.
    starts : ndarray, shape (members, n), or None
        State at the start of the window; None takes the model's own start.
    timelines : sequence of Timeline, one a member
    outputs : sequence of str
        States or observables to report at the marks.
    accuracy : Accuracy, optional
    sensitivities : sequence of str
        Parameters by which to differentiate the outputs.
    starts_by : ndarray, shape (members, n, columns), optional
        Derivatives of given `starts`; zero when not given.
    rows : sequence of ndarray, shape (r, p), optional
        Per member the parameter rows that a timeline switches between (time-varying covariates); row 0 first.
    window : (float, float), optional
        Execute only instructions with ``window[0] <= time < window[1]`` and stop at ``window[1]`` (or at the stop of
        the timeline): how a run is continued from visit to visit. None executes the whole timeline.
    watches : sequence of Watch
        Outputs that end a member where they cross a level; what is crossed already at the begin does not count.
    levels : ndarray, shape (members, watches)
        The levels, in internal units.
    threads : int, optional
        Of the compiled path, which chooses by the number of members when not given. Results do not depend on it.

    Returns
    -------
    Ensemble
        In the order given; a failed member carries a `Status` and what was computed.

    Raises
    ------
    SimulationError
        The shapes do not fit each other; or SciPy is asked for watches and sensitivities at once.
    """
    accuracy = accuracy or Accuracy()
    options: dict[str, Any] = {"accuracy": accuracy, "sensitivities": sensitivities, "starts_by": starts_by}
    options |= {"rows": rows, "window": window, "watches": watches, "levels": levels, "threads": threads}
    if not (compiled.states or compiled.ports or watches) and len(timelines):
        return _solve_formulas(compiled, parameters, starts, timelines, outputs, **options)
    affine = accuracy.method == "auto" and not (sensitivities or watches) and _is_affine(compiled)
    if _takes_machine(accuracy, affine=affine):
        from pkpd_mdr.engine.machine.compiled import solve_compiled
        from pkpd_mdr.engine.machine.native import NoLlvmError
        from pkpd_mdr.engine.machine.reading import NoMachineCodeError

        path = _solve_affine if affine else solve_compiled
        try:
            return path(compiled, parameters, starts, timelines, outputs, **options)
        except (NoLlvmError, NoMachineCodeError) as problem:
            if accuracy.method == "rodas":
                raise
            fall_back(str(problem))
    return _solve_reference(compiled, parameters, starts, timelines, outputs, **options)


def _is_affine(compiled: Compiled) -> bool:
    """Whether matrix exponentials are exact; the compiled engine keeps the answer beside the model's machine code."""
    from pkpd_mdr.engine.machine import native
    from pkpd_mdr.engine.machine.reading import NoMachineCodeError

    if compiled.states and native.available():
        from pkpd_mdr.engine.machine.code import MachineCode

        with suppress(NoMachineCodeError):
            return MachineCode.of(compiled).outline.affine
    return compiled.linear


def _takes_machine(accuracy: Accuracy, *, affine: bool) -> bool:
    """Whether the compiled engine is asked for and there; matrix exponentials need no excuse for affine models."""
    if accuracy.method != "auto":
        return accuracy.method == "rodas"
    from pkpd_mdr.engine.machine import native

    if not affine and not native.available():
        fall_back(
            "llvmlite is not installed, does not know this processor, or the system executes no code of a process"
        )
    return native.available()


def _solve_affine(
    compiled: Compiled,
    parameters: FloatArray,
    starts: FloatArray | None,
    timelines: Sequence[Timeline],
    outputs: Sequence[str],
    **options: Any,
) -> Ensemble:
    """Members with a closed form by the compiled engine, the others by matrix exponentials; both are exact.

    Which path a member takes depends on its own parameters alone.
    """
    from pkpd_mdr.engine.machine.compiled import closed_form, solve_compiled

    table = np.atleast_2d(np.asarray(parameters, dtype=float))
    check_shapes(compiled, table, starts, timelines)
    usable = closed_form(compiled, table, options["rows"])
    if usable.all():
        return solve_compiled(compiled, table, starts, timelines, outputs, **options)
    if not usable.any():
        return _solve_reference(compiled, table, starts, timelines, outputs, **options)
    members: dict[int, Trajectory] = {}
    for chosen, path in ((usable, solve_compiled), (~usable, _solve_reference)):
        places = np.flatnonzero(chosen).tolist()
        begun = None if starts is None else np.asarray(starts, dtype=float)[places]
        rows = None if options["rows"] is None else [options["rows"][i] for i in places]
        own = options | {"rows": rows}
        found = path(compiled, table[places], begun, [timelines[i] for i in places], outputs, **own)
        members |= dict(zip(places, found.members, strict=True))
    return Ensemble(tuple(members[i] for i in range(len(table))), tuple(outputs), (), "compiled and SciPy")


def _solve_formulas(
    compiled: Compiled,
    parameters: FloatArray,
    starts: FloatArray | None,
    timelines: Sequence[Timeline],
    outputs: Sequence[str],
    **options: Any,
) -> Ensemble:
    """A model without states: one evaluation over arrays for all members that have finite parameters."""
    table = np.atleast_2d(np.asarray(parameters, dtype=float))
    check_shapes(compiled, table, starts, timelines)
    rows, window, columns = options["rows"], options["window"], tuple(options["sensitivities"])
    tables = list(table[:, None]) if rows is None else [np.atleast_2d(np.asarray(own, dtype=float)) for own in rows]
    ends = np.cumsum([len(own) for own in tables])
    bad = set(np.searchsorted(ends, [*compiled.refused(np.concatenate(tables))], side="right").tolist())
    fine = [place not in bad for place in range(len(tables))]
    found = iter(
        outputs_at_marks(
            compiled,
            [own for own, ok in zip(tables, fine, strict=True) if ok],
            [timeline for timeline, ok in zip(timelines, fine, strict=True) if ok],
            tuple(outputs),
            columns,
            window,
        )
    )
    members = []
    for own, timeline, ok in zip(tables, timelines, fine, strict=True):
        if ok:
            times, values, gradients = next(found)
            stop = timeline.stop if window is None else min(timeline.stop, window[1])
            by = np.zeros((0, len(columns))) if columns else None
            members.append(Trajectory(times, values, gradients, np.zeros(0), Status(), 0, stop, end_by=by))
        else:
            member = Member(compiled, own, timeline, options["accuracy"], columns)
            members.append(_solve_one(member, None, None, tuple(outputs), window))
    return Ensemble(tuple(members), tuple(outputs), columns, "formulas")


def _solve_reference(
    compiled: Compiled,
    parameters: FloatArray,
    starts: FloatArray | None,
    timelines: Sequence[Timeline],
    outputs: Sequence[str],
    *,
    accuracy: Accuracy,
    sensitivities: Sequence[str],
    starts_by: FloatArray | None,
    rows: Sequence[FloatArray] | None,
    window: tuple[float, float] | None,
    watches: Sequence[Watch],
    levels: FloatArray | None,
    threads: int | None,
) -> Ensemble:
    """SciPy, a member at a time."""
    parameters = np.atleast_2d(np.asarray(parameters, dtype=float))
    check_shapes(compiled, parameters, starts, timelines)
    if watches and sensitivities:
        raise SimulationError("SciPy gives no sensitivities of a run that a watch ends; use method='auto'")
    names, columns = tuple(outputs), tuple(sensitivities)
    for name in names:
        compiled.expression(name)
    members = []
    for i, timeline in enumerate(timelines):
        start = None if starts is None else np.asarray(starts[i], dtype=float)
        by = None if starts_by is None else np.asarray(starts_by[i], dtype=float)
        table = parameters[i : i + 1] if rows is None else np.atleast_2d(np.asarray(rows[i], dtype=float))
        member = Member(compiled, table, timeline, accuracy, columns, watches, None if levels is None else levels[i])
        members.append(_solve_one(member, start, by, names, window))
    return Ensemble(tuple(members), names, columns)


def check_shapes(
    compiled: Compiled, parameters: FloatArray, starts: FloatArray | None, timelines: Sequence[Timeline]
) -> None:
    """Refuse parameters and starts that do not fit the model and the timelines, as a `SimulationError`."""
    if len(parameters) != len(timelines) or parameters.shape[1] != len(compiled.parameters):
        raise SimulationError(
            f"parameters have the shape {parameters.shape}, but there are {len(timelines)} timelines"
            f" and {len(compiled.parameters)} parameters"
        )
    if starts is not None and np.shape(starts) != (len(timelines), len(compiled.states)):
        raise SimulationError(
            f"starts have the shape {np.shape(starts)}, but should have ({len(timelines)}, {len(compiled.states)})"
        )


@cache
def fall_back(reason: str) -> None:
    """Say once that SciPy solves what the compiled engine should have solved."""
    _log.warning("the compiled engine is not used, and SciPy solves instead, which is slower: %s", reason)


def _solve_one(
    member: Member,
    start: FloatArray | None,
    start_by: FloatArray | None,
    outputs: tuple[str, ...],
    window: tuple[float, float] | None,
) -> Trajectory:
    crossed, rows = -1, member.rows
    try:
        if sentences := member.compiled.refused(rows):
            raise BrokenRunError(next(iter(sentences.values())), math.nan, np.zeros(0))
        member.begin(start, start_by, window)
        member.execute(window)
        status = member.negative()
    except CrossedError as crossing:
        status, crossed = member.negative(), crossing.watch
    except BrokenRunError as problem:
        status = Status(False, member.explain(problem), problem.t)
    values, gradients = member.collect(outputs)
    end, steps = member.ended(), member.propagator.steps
    return Trajectory(np.array(member.times), values, gradients, end, status, steps, member.t, crossed)
