"""When acts begin and end under the parameters of a member, which decide on lags and lengths."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator

import numpy as np

from pkpd_mdr.engine import BoundPorts, Compiled
from pkpd_mdr.engine.lowering import FloatArray
from pkpd_mdr.engine.timeline import evaluated
from pkpd_mdr.errors import RegimenError
from pkpd_mdr.regimen import Act

__all__ = ["acting", "edges_of"]

_CLOSE = 1e-6


def edges_of(act: Act, ports: BoundPorts) -> Iterator[tuple[float, bool]]:
    """When an act and its copies begin and end, and whether that comes before any row at its time.

    Ends do, and so do copies and what a lag delays.
    """
    source = evaluated(act, ports.find(act), 0, ports)
    for copy in range(act.additional + 1):
        start = act.time + source.lag + copy * act.interval
        yield start, source.lag > 0 or copy > 0
        if 0 < source.duration < math.inf:
            yield start + source.duration, True


def acting(acts: Iterable[Act], time: float, compiled: Compiled, rows: FloatArray) -> list[Act]:
    """Acts that may still do something to the inputs of a model from a time on.

    Parameters
    ----------
    acts : iterable of Act
    time : float
        Hours.
    compiled : Compiled
    rows : ndarray, shape (rows, p)
        Parameters; an act is kept if it goes on under any of them. Rows that allow no act at all count for none.
    """
    alike = len(rows) == 1 or not compiled.dosing
    places = [0] if alike else np.unique(rows[:, compiled.dosing], axis=0, return_index=True)[1].tolist()
    bound = [BoundPorts(compiled, rows[place : place + 1]) for place in places]
    least = time - _CLOSE * max(1.0, time)
    return [act for act in acts if any(_over(act, ports) >= least for ports in bound)]


def _over(act: Act, ports: BoundPorts) -> float:
    """Hours from which on an act no longer does anything."""
    try:
        source = evaluated(act, ports.find(act), 0, ports)
    except RegimenError:
        return -math.inf
    return act.time + source.lag + act.additional * act.interval + source.duration
