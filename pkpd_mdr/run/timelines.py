"""The timeline of a member up to the end of a window, with the rows that are wanted inside it."""

from __future__ import annotations

import math
import threading
from collections import OrderedDict
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt

from pkpd_mdr.engine import BoundPorts, Compiled, Outputs, Timeline, build
from pkpd_mdr.engine.instructions import Marks
from pkpd_mdr.engine.lowering import FloatArray
from pkpd_mdr.regimen import Act, Give
from pkpd_mdr.run.rows import Rows
from pkpd_mdr.run.spans import edges_of

__all__ = ["Flags", "just_before", "timeline_of"]

Flags = npt.NDArray[np.bool_]
Planned = tuple[Timeline, Flags]
_ROUNDING = 1e-12
_MOST = 64
_NO_TIMES = np.empty(0)
_known: OrderedDict[tuple[Any, ...], tuple[Compiled, tuple[Act, ...], Planned]] = OrderedDict()
_lock = threading.Lock()


def just_before(visit: float) -> float:
    """What ends at a visit up to rounding ends in the window behind it, where it may turn out to go on."""
    return visit if visit in (0.0, math.inf) else visit - _ROUNDING * max(1.0, visit)


def timeline_of(
    compiled: Compiled,
    acts: tuple[Act, ...],
    parameters: FloatArray,
    window: tuple[float, float],
    rows: Rows,
    more: FloatArray = _NO_TIMES,
) -> Planned:
    """The timeline up to the end of a window, with marks inside the window only, and which of these are shown.

    The last 64 are kept: one regimen is often tried under one set of parameter values after another.

    Parameters
    ----------
    compiled : Compiled
    acts : tuple of Act
        What may act inside the window.
    parameters : ndarray, shape (p,)
    window : (float, float)
        Hours.
    rows : Rows
        Those of the window.
    more : ndarray, shape (k,)
        Times of further hidden rows, in order: what is given is the same as without them.

    Raises
    ------
    RegimenError
        The parameters do not allow it, as a lag below zero.
    """
    dosing = parameters[compiled.dosing].tobytes()
    when = tuple(times.tobytes() for times in (rows.wanted, rows.hidden, more))
    key = id(compiled), id(acts), dosing, window, rows.until, rows.filled, when
    with _lock:
        kept = _known.pop(key, None)
    if kept is None:
        if len(more):
            made = _with_more(*timeline_of(compiled, acts, parameters, window, rows), rows, more)
        else:
            made = _made(compiled, acts, parameters, window, rows)
        kept = compiled, acts, made
    timeline, shown = kept[2]
    if not timeline.notes:  # which have to be told each time
        with _lock:
            _known[key] = kept
            while len(_known) > _MOST:
                _known.popitem(last=False)
    return timeline, shown


def _made(
    compiled: Compiled, acts: tuple[Act, ...], parameters: FloatArray, window: tuple[float, float], rows: Rows
) -> Planned:
    low, high = window
    stop, ports = min(high, rows.until), BoundPorts(compiled, parameters[None])
    given = [act for act in acts if act.time <= stop]
    first, last = just_before(low), min(just_before(high), math.nextafter(stop, math.inf))
    changes = [(t, early) for act in given for t, early in edges_of(act, ports) if first <= t < last]
    edges, before = np.unique([t for t, _ in changes]), np.array([t for t, early in changes if early])
    wanted, hidden = rows.around(low, high, edges, before)
    behind = edges if rows.filled else edges[:0]
    times = np.concatenate([wanted, hidden, behind])
    sizes = len(wanted), len(hidden), len(behind)
    after, shown = np.repeat([False, False, True], sizes), np.repeat([True, False, False], sizes)
    order = np.lexsort((after, times))
    gives = [Give(act) for act in sorted(given, key=lambda act: act.time)]
    shown = shown[order]
    shown.flags.writeable = False
    return build(gives, ports, stop=stop, outputs=Outputs(times[order], after[order])), shown


def _with_more(timeline: Timeline, shown: Flags, rows: Rows, more: FloatArray) -> Planned:
    """The same with marks at further times before its end, none of them next to a mark; acts have their own."""
    marks = timeline.marks
    more = rows.apart(more[more < timeline.stop], marks.times)
    acts = np.array([step.time for step in timeline.steps])
    times = np.concatenate([marks.times, more])
    after = np.concatenate([marks.after, np.searchsorted(acts, more, side="right")])
    order = np.argsort(times, kind="stable")
    wanted = np.concatenate([shown, np.zeros(len(more), dtype=bool)])[order]
    wanted.flags.writeable = False
    return replace(timeline, marks=Marks(times[order], np.arange(len(times)), after[order])), wanted
