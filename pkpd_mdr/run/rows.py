"""At which times a run has rows: those asked for, and hidden ones that endpoints read between them."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from pkpd_mdr.engine.lowering import FloatArray

__all__ = ["Rows"]

Flags = npt.NDArray[np.bool_]
_FILL = 240
_GRADED = 2.0 ** -np.arange(17.5, 0.0, -0.5)
_NEAR = 1e-10  # of the run: times nearer than this are one time
_FINEST = 5e-6  # of the run, three minutes of a year: a tablet peaks within half an hour and has to have rows there


@dataclass(frozen=True, slots=True)
class Rows:
    """When rows are wanted, and hidden ones that endpoints read between them.

    Times that differ by rounding only are made one: an integrator cannot step between them.
    """

    wanted: FloatArray
    hidden: FloatArray
    until: float
    filled: bool = True

    @staticmethod
    def of(times: FloatArray, until: float, visits: FloatArray, filled: bool) -> Rows:
        """Wanted times and an even fill; a fill next to a wanted time or to a visit is left out."""
        close = _NEAR * until
        wanted = np.unique(_snapped(times[(times >= 0) & (times <= until)], visits, close))
        fill = np.linspace(0.0, until, _FILL + 1) if filled else np.empty(0)
        return Rows(wanted, fill[~_near(fill, np.union1d(wanted, visits), close)], until, filled)

    def up_to(self, end: float) -> Rows:
        """Those of a run that ends earlier."""
        return Rows(self.wanted[self.wanted <= end], self.hidden[self.hidden < end], end, self.filled)

    def between(self, low: float, high: float) -> Rows:
        """Those in ``[low, high)``."""
        wanted = self.wanted[slice(*np.searchsorted(self.wanted, [low, high]))]
        hidden = self.hidden[slice(*np.searchsorted(self.hidden, [low, high]))]
        return Rows(wanted, hidden, self.until, self.filled)

    def apart(self, times: FloatArray, kept: FloatArray) -> FloatArray:
        """Those of some times that are not next to one that is kept."""
        return times[~_near(times, kept, _NEAR * self.until)]

    @property
    def finest(self) -> float:
        """Hours between rows that are near enough whatever happens between them."""
        return _FINEST * self.until

    def around(self, low: float, high: float, edges: FloatArray, ends: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Wanted and hidden rows of a window; behind each edge they stand ever further apart, as slopes change there.

        An exposure's end runs before any row at its time, so a row just before it keeps the slope until there. Another
        stands just before the next window: the gap up to that would be in none, and nobody would look how far it bends.
        """
        close = _NEAR * self.until
        wanted = np.unique(_snapped(self.wanted, edges, close))
        if not self.filled:
            return wanted, np.empty(0)
        stops = np.append(edges[1:], min(high, self.until))[: len(edges)]
        steps = np.outer(stops - edges, _GRADED)
        graded = (edges[:, None] + steps)[steps >= self.finest]
        ends = np.append(ends[ends > low], high if high <= self.until else [])
        more = np.concatenate([self.hidden, graded, ends - 3 * close])
        fixed = np.unique(np.concatenate([wanted, edges, [low, min(high, self.until)]]))
        more = np.unique(more[~_near(more, fixed, close) & (more > low) & (more < min(high, self.until))])
        apart = np.diff(more, prepend=-math.inf) > close
        last = [self.until] if high > self.until else []
        return wanted, np.setdiff1d(np.concatenate([more[apart], edges, [low], last]), wanted)


def _nearest(times: FloatArray, anchors: FloatArray) -> FloatArray:
    """The anchor nearest to each time."""
    right = np.clip(np.searchsorted(anchors, times), 0, len(anchors) - 1)
    left = np.maximum(right - 1, 0)
    return np.asarray(np.where(times - anchors[left] <= anchors[right] - times, anchors[left], anchors[right]))


def _near(times: FloatArray, anchors: FloatArray, close: float) -> Flags:
    if not len(anchors):
        return np.zeros(len(times), dtype=bool)
    return np.asarray(np.abs(times - _nearest(times, anchors)) <= close)


def _snapped(times: FloatArray, anchors: FloatArray, close: float) -> FloatArray:
    """Times, those next to an anchor moved onto it."""
    return np.where(_near(times, anchors, close), _nearest(times, anchors), times) if len(anchors) else times
