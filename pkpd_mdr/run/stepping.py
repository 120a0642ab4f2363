"""Many members from one time to the next without rows: what filters and planners do between visits."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from pkpd_mdr.engine import Accuracy, BoundPorts, Compiled, Timeline, build, solve
from pkpd_mdr.engine.lowering import FloatArray
from pkpd_mdr.errors import PkpdMdrError
from pkpd_mdr.regimen import Act, Give
from pkpd_mdr.run.timelines import just_before

__all__ = ["advance"]

Flags = npt.NDArray[np.bool_]


def advance(
    compiled: Compiled,
    parameters: FloatArray,
    states: FloatArray,
    plans: Sequence[tuple[Act, ...]],
    plan_of: npt.NDArray[np.int64],
    window: tuple[float, float],
    *,
    accuracy: Accuracy | None = None,
    threads: int | None = None,
) -> tuple[FloatArray, Flags]:
    """Solve from the begin of a window to its end, all members in one call of the engine.

    Acts at the begin happen, acts at the end do not. Members under the same acts and dosing parameters share one
    timeline.

    Parameters
    ----------
    compiled : Compiled
    parameters, states : ndarray, shapes (members, p) and (members, n)
        States at the begin.
    plans : sequence of tuple of Act
        At times of the run; earlier acts that go on are among them.
    plan_of : ndarray of int, shape (members,)
    window : (float, float)
        Hours.
    accuracy, threads
        As in `pkpd_mdr.engine.solve`.

    Returns
    -------
    states : ndarray, shape (members, n)
        At the end; NaN for a member that could not be solved.
    fine : ndarray of bool, shape (members,)
    """
    found = np.full_like(states, np.nan)
    fine = np.zeros(len(states), dtype=bool)
    known: dict[tuple[int, bytes], Timeline | None] = {}
    dosing = parameters[:, compiled.dosing]
    lines: list[Timeline] = []
    places: list[int] = []
    for place, number in enumerate(plan_of.tolist()):
        key = number, dosing[place].tobytes()
        if key not in known:
            known[key] = _timeline(compiled, parameters[place], plans[number], window[1])
        line = known[key]
        if line is not None:
            lines.append(line)
            places.append(place)
    if not places:
        return found, fine
    solved = solve(
        compiled,
        parameters[places],
        states[places],
        lines,
        (),
        accuracy=accuracy,
        window=(just_before(window[0]), just_before(window[1])),
        threads=threads,
    )
    ends = np.array([member.end for member in solved.members])
    good = np.array([member.status.ok for member in solved.members]) & np.isfinite(ends).all(axis=1)
    chosen = np.asarray(places)[good]
    found[chosen], fine[chosen] = ends[good], True
    return found, fine


def _timeline(compiled: Compiled, row: FloatArray, acts: tuple[Act, ...], stop: float) -> Timeline | None:
    """None where the parameters do not allow one (a negative lag)."""
    entries = [Give(act) for act in sorted(acts, key=lambda act: act.time) if act.time <= stop]
    try:
        return build(entries, BoundPorts(compiled, row[None]), stop=stop)
    except PkpdMdrError:
        return None
