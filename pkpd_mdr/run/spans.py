"""When acts begin and end under the parameters of a member, which decide on lags and lengths."""

from __future__ import annotations

import math
from collections.abc import Iterator

from pkpd_mdr.engine import BoundPorts
from pkpd_mdr.engine.timeline import evaluated
from pkpd_mdr.regimen import Act

__all__ = ["edges_of", "over"]


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


def over(act: Act, ports: BoundPorts) -> float:
    """Hours from which on an act no longer does anything to the inputs of a model."""
    source = evaluated(act, ports.find(act), 0, ports)
    return act.time + source.lag + act.additional * act.interval + source.duration
