"""What endpoints are, and how they read a run: an output as a cubic between rows.

An endpoint is a small frozen object that reads a `Course`. Between rows a course is the cubic that matches values and
slopes, so crossings are found far more exactly than the spacing of the rows. What is not reached before the end of a
run is infinite: censored, never missing.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from pkpd_mdr.engine.lowering import FloatArray
from pkpd_mdr.errors import SimulationError, did_you_mean, shown
from pkpd_mdr.run.course import Course
from pkpd_mdr.units import Unit

__all__ = ["Endpoint", "Path", "comparable"]

Pieces = npt.NDArray[np.intp] | slice
_ROUNDING = 1e-18  # of the largest coefficient, to which a term is added in a share of a length from 0 to 1


@dataclass(frozen=True, slots=True)
class Endpoint:
    """A number read off a run.

    Parameters
    ----------
    name : str
    needs : tuple of str
        Outputs of the model that it reads (``"d/dt burden"`` for slopes).
    evaluate : callable
        From a `Course` to a float. Both are in internal units (h, L, mg, umol), whatever the model declares: 200 mm**3
        are 2e-4 there, and times are hours. `math.inf` for a time that was not reached.
    better : {"high", "low"}
        Which direction is good for the patient.
    unit : str
        In which it is shown: ``"time"`` (when something happens), ``"duration"`` (how long something lasts), ``"same"``
        (that of the first needed output), ``"area"``, or the unit as text.
    description : str
        One line.
    event : bool
        Whether it happens or not: 1 or 0, of which shares are told with binomial intervals.
    drugs : tuple of str
        Whose doses it counts.
    amounts : tuple of Unit
        What doses of each of `drugs` have to be like; any unit will do if left out.
    like : Unit or None
        What the first output has to be in, where it is compared with a quantity.
    parts : tuple of Endpoint
        Those that it is made of, which are checked as they would be by themselves.
    turning : bool
        Whether it is the time at which an output is lowest or highest. The output is flat there, so that its own error,
        a share of its value, becomes the root of that share in time: that much is a tie.

    Raises
    ------
    SimulationError
        `better` is no direction.

    Examples
    --------
    One of your own, the burden in the middle of the run:

    >>> import pkpd_mdr as mdr
    >>> middle = mdr.Endpoint("middle", ("burden",), lambda course: course.output("burden")[120], "low", "cell")
    >>> tumour = mdr.Model(mdr.clone("S", growth=mdr.growth.exponential(rate="0.1 1/day"), start="1e6 cell"))
    >>> print(f"{tumour.simulate(until='20 day').endpoint(middle) / 1e6:.3f} million")
    2.718 million
    """

    name: str
    needs: tuple[str, ...]
    evaluate: Callable[[Course], float]
    better: str
    unit: str = ""
    description: str = ""
    event: bool = False
    drugs: tuple[str, ...] = ()
    amounts: tuple[Unit, ...] = ()
    like: Unit | None = None
    parts: tuple[Endpoint, ...] = ()
    turning: bool = False

    def __post_init__(self) -> None:
        if self.better not in (known := ("high", "low")):
            raise SimulationError(
                f"endpoint {shown(self.name)}: better = {shown(self.better)} is no direction"
                f"{did_you_mean(self.better, known)}"
            )

    def __repr__(self) -> str:
        return f"<Endpoint {self.name}: {self.description}; {self.better} is good>"


def comparable(unit: Unit, level: Unit) -> bool:
    """Whether an output can be compared with a level: a plain number is no volume, a share is no number of cells."""
    if not level.text:
        return unit.dimensionless and unit.factor == 1.0
    return unit.like(level) and ("cell" not in level.text or "cell" in unit.text)


@dataclass(frozen=True, slots=True)
class Path:
    """An output as piecewise cubic: starts, lengths (h) and coefficients in the share of a length, highest first.

    `hull` are values between which each piece lies for sure, without rounding where it leads from one row to the next;
    `whole` is true of pieces of a path by chance between two whole numbers.
    """

    starts: FloatArray
    lengths: FloatArray
    cubics: FloatArray
    hull: FloatArray
    values: FloatArray
    first: float
    whole: npt.NDArray[np.bool_]

    @staticmethod
    def of(course: Course, name: str) -> Path:
        """The cubics that match values and slopes at the rows; rows at one time are a jump between two cubics.

        Where both slopes lead from one row to the next, they are limited so that the cubic stays between the two
        (Fritsch and Carlson 1980): a fall much faster than the rows are dense would overshoot far below zero. Of a
        path of whole cells all slopes are: what it does between rows is not known, and no endpoint invents it. Whole
        numbers cross a level half-way between the last number on its one side and the first on its other.
        """
        times, y, slopes = course.times, course.output(name), course.output(f"d/dt {name}")
        gaps = times[1:] - times[:-1]
        left = np.flatnonzero(gaps > 0)
        h, y0, y1 = gaps[left], y[left], y[left + 1]
        cubics, hull = np.empty((4, len(left))), np.empty((4, len(left)))
        with np.errstate(over="ignore", invalid="ignore"):  # a run may have grown without limit
            m0, m1, change = h * slopes[left], h * slopes[left + 1], y1 - y0
            if course.by_chance:
                m0, m1 = (np.where(m * change > 0.0, m, 0.0) for m in (m0, m1))
            monotone = (m0 * change >= 0.0) & (m1 * change >= 0.0)
            most = np.where(monotone, 3.0 * np.abs(change), np.inf)
            m0, m1 = (np.minimum(np.maximum(m, -most), most) for m in (m0, m1))
            cubics[0], cubics[1], cubics[2], cubics[3] = m0 + m1 - 2 * change, 3 * change - 2 * m0 - m1, m0, y0
            low = np.where(monotone, np.minimum(y0, y1), -np.inf)
            high = np.where(monotone, np.maximum(y0, y1), np.inf)
            for k, point in enumerate((y0, y0 + m0 / 3, y1 - m1 / 3, y1)):  # of Bezier
                hull[k] = np.minimum(np.maximum(point, low), high)
        whole = course.by_chance & (y0 == np.floor(y0)) & (y1 == np.floor(y1))
        return Path(times[left], h, cubics.T, hull.T, y, float(times[0]), whole)

    @property
    def last(self) -> float:
        """Hours of the last row."""
        return float(self.starts[-1] + self.lengths[-1]) if len(self.starts) else self.first

    def evaluate(self, pieces: Pieces, x: FloatArray) -> FloatArray:
        """Values at a share `x` of each piece."""
        a, b, c, d = self.cubics[pieces].T
        return np.asarray(((a * x + b) * x + c) * x + d, dtype=float)

    def turning(self, pieces: Pieces = slice(None)) -> FloatArray:
        """Where each piece turns inside, shape (pieces, 2); its ends where it does not."""
        a, b, c, _ = self.cubics[pieces].T * np.array([[3.0], [2.0], [1.0], [1.0]])
        square = b * b - 4 * a * c
        q = -0.5 * (b + np.copysign(np.sqrt(np.maximum(square, 0.0)), b))
        with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
            found = np.stack([q / a, c / q], axis=-1)
        inside = np.isfinite(found) & (found > 0.0) & (found < 1.0) & (square >= 0)[:, None]
        return np.sort(np.where(inside, found, 0.0), axis=1)

    def lowest_of_pieces(self, pieces: Pieces = slice(None)) -> tuple[FloatArray, FloatArray]:
        """Share and value of the minimum of each piece."""
        count = len(self.starts[pieces])
        places = np.concatenate([np.zeros((count, 1)), self.turning(pieces), np.ones((count, 1))], axis=1)
        values = np.stack([self.evaluate(pieces, x) for x in places.T], axis=-1)
        best = values.argmin(axis=1)
        rows = np.arange(count)
        return places[rows, best], values[rows, best]

    def lowest(self) -> tuple[float, float]:
        """Time and value of the minimum."""
        if not len(self.starts):
            return self.first, float(self.values[-1])
        possible = np.flatnonzero(self.hull.min(axis=1) <= self.hull[:, [0, -1]].min())
        x, values = self.lowest_of_pieces(possible)
        best = int(values.argmin())
        if float(self.values[-1]) < values[best]:
            return self.last, float(self.values[-1])
        k = possible[best]
        return float(self.starts[k] + x[best] * self.lengths[k]), float(values[best])

    def highest(self) -> float:
        """Value of the maximum, at a row or between rows."""
        highest = self.values.max()
        possible = np.flatnonzero(self.hull.max(axis=1) > highest)
        turned = [self.evaluate(possible, x).max(initial=highest) for x in self.turning(possible).T]
        return float(max(turned))

    def area(self) -> float:
        """Integral over time."""
        return float(self.lengths @ (self.cubics @ np.array([1 / 4, 1 / 3, 1 / 2, 1.0])))

    def below(self, level: float) -> float:
        """Total time below a level."""
        total, levels = 0.0, self._under(level)
        for k in np.flatnonzero(self.hull.min(axis=1) < levels):
            shifted = self.cubics[k] - np.array([0.0, 0.0, 0.0, levels[k]])
            marks = [0.0, *_roots(shifted), 1.0]
            parts = (b - a for a, b in pairwise(marks) if np.polyval(shifted, (a + b) / 2) < 0)
            total += float(self.lengths[k]) * sum(parts)
        return total

    def first_above(
        self,
        level: Callable[[FloatArray], FloatArray],
        interval: float | None,
        *,
        after: float = 0.0,
        confirm: float = 0.0,
    ) -> float:
        """First time (or first visit) at which the value exceeds a level that may depend on the lowest so far.

        At visits, what is seen up to `after` does not count, and what is seen has to be seen again `confirm` later.
        """
        if interval is not None:
            return self._first_visit(level, interval, after, confirm)
        if not len(self.starts):
            return math.inf
        before = np.minimum.accumulate(np.concatenate([self.values[:1], self.hull.min(axis=1)]))
        limits = level(before[1:])
        possible = np.flatnonzero(self.hull.max(axis=1) > np.where(self.whole, np.floor(limits) + 0.5, limits))
        edges = level(before[[0, -1]])
        if len(possible) and edges[0] != edges[1]:  # a level that follows the lowest value needs it exactly
            before = np.minimum.accumulate(np.concatenate([self.values[:1], self.lowest_of_pieces()[1]]))
        for k in possible:
            x = self._crossing(int(k), level, float(before[k]))
            if x is not None:
                return float(self.starts[k] + self.lengths[k] * x)
        return math.inf

    def _under(self, level: float) -> FloatArray:
        """Where values that fall below a level cross it, by piece."""
        return np.where(self.whole, np.ceil(level) - 0.5, level)

    def _crossing(self, k: int, level: Callable[[FloatArray], FloatArray], lowest: float) -> float | None:
        """Share of a piece at which it first exceeds the level."""
        before = 0.0
        for x in (0.0, *self.turning(slice(k, k + 1))[0], 1.0):
            value = float(np.polyval(self.cubics[k], x))
            lowest = min(lowest, value)
            limit = float(level(np.array(lowest)))
            limit = math.floor(limit) + 0.5 if self.whole[k] and math.isfinite(limit) else limit
            if value > limit:
                shifted = self.cubics[k] - np.array([0.0, 0.0, 0.0, limit])
                return _first_within(_roots(shifted), before, x)
            before = x
        return None

    def visits(self, interval: float) -> FloatArray:
        """Times of visits, the start left out."""
        count = math.floor(self.last / interval + 1e-9) if len(self.starts) else 0
        return interval * np.arange(1.0, count + 1.0)

    def _first_visit(
        self, level: Callable[[FloatArray], FloatArray], interval: float, after: float, confirm: float
    ) -> float:
        visits = self.visits(interval)
        if not len(visits):
            return math.inf
        seen = self.at(visits)
        limits = level(np.minimum.accumulate(np.concatenate([self.values[:1], seen]))[1:])
        for k in np.flatnonzero((seen > limits) & (visits > after * (1.0 + 1e-9))):
            later = np.flatnonzero(visits >= (visits[k] + confirm) * (1.0 - 1e-9)) if confirm else [k]
            if len(later) and seen[later[0]] > limits[k]:
                return float(visits[k])
        return math.inf

    def first_below(self, level: float) -> float:
        """First time at which the value is below a level."""
        if not len(self.starts):
            return self.first if self.values[-1] < level else math.inf
        levels = self._under(level)
        for k in np.flatnonzero(self.hull.min(axis=1) < levels):
            shifted = self.cubics[k] - np.array([0.0, 0.0, 0.0, levels[k]])
            marks = [0.0, *_roots(shifted), 1.0]
            for a, b in pairwise(marks):
                if np.polyval(shifted, (a + b) / 2) < 0:
                    return float(self.starts[k] + a * self.lengths[k])
        return self.last if self.values[-1] < level else math.inf

    def at(self, times: FloatArray) -> FloatArray:
        """Values at given times; before an act that happens then."""
        ends = self.starts + self.lengths
        k = np.minimum(np.searchsorted(ends, times - 1e-9 * self.lengths.max()), len(ends) - 1)
        return self.evaluate(k, np.clip((times - self.starts[k]) / self.lengths[k], 0.0, 1.0))


def _first_within(roots: list[float], low: float, high: float) -> float:
    """The first root in a stretch that has one: of those outside, up to rounding, the nearest counts as on its edge."""
    inside = [root for root in roots if low <= root <= high]
    if inside or not roots:
        return min(inside, default=high)
    nearest = min(roots, key=lambda root: max(low - root, root - high))
    return min(max(nearest, low), high)


def _roots(polynomial: FloatArray) -> list[float]:
    """Real roots between 0 and 1, increasing."""
    scale = np.abs(polynomial).max()
    if not np.isfinite(scale) or scale == 0:
        return []
    share = polynomial / scale
    # a term below rounding is none: of a curve as flat as 1e-300 NumPy would divide by it
    found = np.roots(np.where(np.abs(share) > _ROUNDING, share, 0.0))
    real = found[np.abs(found.imag) < 1e-9].real
    return sorted(float(x) for x in real if 0.0 <= x <= 1.0)
