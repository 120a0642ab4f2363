"""When acts begin and end under the parameters of a member, which decide on lags and lengths."""

from __future__ import annotations

import math
from collections.abc import Iterator

from pkpd_mdr.engine import BoundPorts
from pkpd_mdr.regimen import Act

__all__ = ["edges_of", "over"]


def edges_of(act: Act, ports: BoundPorts) -> Iterator[tuple[float, bool]]:
    """When an act and its copies begin and end, and whether that comes before any row at its time.

    Ends do, and what a lag delays.
    """
    lag, span = _timing(act, ports)
    for copy in range(act.additional + 1):
        start = act.time + lag + copy * act.interval
        yield start, lag > 0 or copy > 0
        if 0 < span < math.inf:
            yield start + span, True


def over(act: Act, ports: BoundPorts) -> float:
    """Hours from which on an act no longer does anything to the inputs of a model."""
    lag, span = _timing(act, ports, least=act.span)
    return act.time + lag + act.additional * act.interval + span


def _timing(act: Act, ports: BoundPorts, least: float = 0.0) -> tuple[float, float]:
    """Lag and length of an act (h) under the parameters of a member."""
    index = ports.find(act)
    given = ports.values(index, 0)
    span = act.duration
    if act.rate is not None:
        span = max(least, act.span * given.bioavailability)
    elif act.modelled == "duration" or (given.spread and act.duration == 0 and not act.constant):
        span = given.duration
    elif act.modelled == "rate" and act.amount.value and given.rate > 0:
        span = given.bioavailability * ports.amount(index, act.amount) / given.rate
    return given.lag, span
