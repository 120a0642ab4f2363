"""Models without states: nothing is integrated, and the outputs of all members are one evaluation over arrays."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np

from pkpd_mdr.engine.instructions import IntArray, Kind, Timeline
from pkpd_mdr.engine.lowering import Compiled, FloatArray

__all__ = ["outputs_at_marks"]


def outputs_at_marks(
    compiled: Compiled,
    tables: Sequence[FloatArray],
    timelines: Sequence[Timeline],
    outputs: tuple[str, ...],
    columns: tuple[str, ...],
    window: tuple[float, float] | None,
) -> list[tuple[FloatArray, FloatArray, FloatArray | None]]:
    """Outputs of every member at its marks; what one member gets does not depend on the others.

    Parameters
    ----------
    compiled : Compiled
        Without states and ports.
    tables : sequence of ndarray, shape (r, p)
        Parameter rows of each member; row 0 first, others where the timeline changes to them.
    timelines : sequence of Timeline, one a member
    outputs, columns : tuple of str
        Observables, and the parameters by which to differentiate them.
    window : (float, float), optional
        As in `pkpd_mdr.engine.solve`.

    Returns
    -------
    list of (times, values, gradients)
        Of shapes (k,), (k, outputs) and (k, outputs, columns); no gradients without columns.
    """
    known: dict[int, tuple[FloatArray, IntArray]] = {}
    for timeline in timelines:
        if id(timeline) not in known:
            known[id(timeline)] = _marks(timeline, window)
    marks = [known[id(timeline)] for timeline in timelines]
    edges = np.cumsum([0, *(len(times) for times, _ in marks)]).tolist()
    times = np.concatenate([times for times, _ in marks])
    rows = np.concatenate([table[at] for table, (_, at) in zip(tables, marks, strict=True)])
    states, by_column = np.zeros((len(times), 0)), rows.T
    values = compiled.outputs(outputs, times, states, by_column)
    gradients = compiled.outputs_by(outputs, columns, times, states, by_column)[1] if columns else None
    return [
        (times[begin:end], values[begin:end], None if gradients is None else gradients[begin:end])
        for begin, end in pairwise(edges)
    ]


def _marks(timeline: Timeline, window: tuple[float, float] | None) -> tuple[FloatArray, IntArray]:
    """Times of the marks in the window, and the parameter row in force at each."""
    first, last = (-np.inf, np.inf) if window is None else window
    rows = [0]
    for step in timeline.steps:
        rows.append(step.index if step.kind is Kind.CHANGE and step.time < last else rows[-1])
    inside = slice(*np.searchsorted(timeline.marks.times, [first, last]))
    return timeline.marks.times[inside], np.array(rows)[timeline.marks.after[inside]]
