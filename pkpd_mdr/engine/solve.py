"""The seam: a compiled model, parameters, starts and timelines in; trajectories with a status each out.

Every engine answers `solve`. A member that cannot be finished is a `Status` with a sentence and keeps what was
computed; the other members are not touched.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from pkpd_mdr.engine.lowering import Compiled, FloatArray
from pkpd_mdr.engine.member import Member
from pkpd_mdr.engine.reference import Accuracy, BrokenRunError
from pkpd_mdr.engine.status import Status
from pkpd_mdr.engine.timeline import Timeline
from pkpd_mdr.errors import SimulationError, shown

__all__ = ["Ensemble", "Status", "Trajectory", "solve"]


@dataclass(frozen=True, slots=True)
class Trajectory:
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
    """

    times: FloatArray
    values: FloatArray
    sensitivities: FloatArray | None
    end: FloatArray
    status: Status
    steps: int


@dataclass(frozen=True, slots=True)
class Ensemble:
    """Trajectories in the order in which members were given."""

    members: tuple[Trajectory, ...]
    outputs: tuple[str, ...]
    columns: tuple[str, ...] = ()
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

    Returns
    -------
    Ensemble
        In the order given; a failed member carries a `Status` and what was computed.

    Raises
    ------
    SimulationError
        The shapes do not fit each other.
    """
    accuracy = accuracy or Accuracy()
    if accuracy.method == "rodas":
        from pkpd_mdr.engine.machine.compiled import solve_compiled

        return solve_compiled(
            compiled,
            parameters,
            starts,
            timelines,
            outputs,
            accuracy=accuracy,
            sensitivities=sensitivities,
            starts_by=starts_by,
            rows=rows,
            window=window,
        )
    parameters = np.atleast_2d(np.asarray(parameters, dtype=float))
    if len(parameters) != len(timelines) or parameters.shape[1] != len(compiled.parameters):
        raise SimulationError(
            f"parameters have the shape {parameters.shape}, but there are {len(timelines)} "
            f"timelines and {len(compiled.parameters)} parameters"
        )
    if starts is not None and np.shape(starts) != (len(timelines), len(compiled.states)):
        raise SimulationError(
            f"starts have the shape {np.shape(starts)}, but should have ({len(timelines)}, {len(compiled.states)})"
        )
    names, columns = tuple(outputs), tuple(sensitivities)
    for name in names:
        compiled.expression(name)
    members = []
    for i, timeline in enumerate(timelines):
        start = None if starts is None else np.asarray(starts[i], dtype=float)
        by = None if starts_by is None else np.asarray(starts_by[i], dtype=float)
        table = parameters[i : i + 1] if rows is None else np.atleast_2d(np.asarray(rows[i], dtype=float))
        members.append(_solve_one(compiled, table, start, by, timeline, names, columns, accuracy, window))
    return Ensemble(tuple(members), names, columns)


def _solve_one(
    compiled: Compiled,
    rows: FloatArray,
    start: FloatArray | None,
    start_by: FloatArray | None,
    timeline: Timeline,
    outputs: tuple[str, ...],
    columns: tuple[str, ...],
    accuracy: Accuracy,
    window: tuple[float, float] | None,
) -> Trajectory:
    member = Member(compiled, rows, timeline, accuracy, columns)
    try:
        if not np.isfinite(rows).all():
            bad = compiled.parameters[int(np.argmin(np.isfinite(rows).all(axis=0)))]
            raise BrokenRunError(f"parameter {shown(bad)} is not a finite number", 0.0, np.zeros(len(compiled.states)))
        member.begin(start, start_by, window)
        member.execute(window)
        status = member.negative()
    except BrokenRunError as problem:
        status = Status(False, member.explain(problem), problem.t)
    values, gradients = member.collect(outputs)
    return Trajectory(np.array(member.times), values, gradients, member.ended(), status, member.propagator.steps)
