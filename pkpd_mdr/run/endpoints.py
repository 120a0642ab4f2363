"""Endpoints: what one run means for a patient or a well, each a number with a unit and a direction.

An endpoint is a small frozen object that reads a `Course`. Between rows a course is the cubic that matches values and
slopes, so crossings are found far more exactly than the spacing of the rows. What is not reached before the end of a
run is infinite: censored, never missing.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from itertools import pairwise

import numpy as np

from pkpd_mdr.arguments import NUMBER, TEXT, takes
from pkpd_mdr.engine.lowering import FloatArray
from pkpd_mdr.errors import PkpdMdrError, SimulationError, did_you_mean, shown
from pkpd_mdr.run.course import Course
from pkpd_mdr.units import QuantityLike, quantity, read

__all__ = [
    "Endpoint",
    "area_of",
    "best_response",
    "end_of",
    "endpoint",
    "exposure",
    "nadir_of",
    "peak_of",
    "resistant_share",
    "share_of_start",
    "time_below",
    "time_of_nadir",
    "time_to_progression",
    "time_to_stop",
    "time_to_threshold",
]


@dataclass(frozen=True, slots=True)
class Endpoint:
    """A number read off a run.

    Parameters
    ----------
    name : str
    needs : tuple of str
        Outputs of the model that it reads (``"d/dt burden"`` for slopes).
    evaluate : callable
        From a `Course` to a float in internal units; `math.inf` for a time that was not reached.
    better : {"high", "low"}
        Which direction is good for the patient.
    unit : str
        ``"time"``, ``"same"`` (that of the first needed output), ``"area"`` or ``""``.
    description : str
        One line.
    event : bool
        Whether it happens or not: 1 or 0, of which shares are told with binomial intervals.
    """

    name: str
    needs: tuple[str, ...]
    evaluate: Callable[[Course], float]
    better: str
    unit: str = ""
    description: str = ""
    event: bool = False


@takes(SimulationError, rule=TEXT, growth=NUMBER, of=TEXT, name=TEXT)
def time_to_progression(
    rule: str = "baseline",
    *,
    growth: float = 1.2,
    check: QuantityLike | None = None,
    of: str = "burden",
    name: str = "time_to_progression",
) -> Endpoint:
    """Time until the burden exceeds a multiple of a reference.

    Parameters
    ----------
    rule : {"baseline", "nadir"}
        ``"baseline"``: `growth` times the burden at the start; ``"nadir"``: `growth` times the lowest burden so
        far (RECIST-like, with the start as the first nadir).
    growth : float
        Factor above 1.
    check : str, optional
        Interval of visits such as ``"1 day"``; progression is then the first visit that sees it. Without it the
        moment of crossing is meant.
    of : str
        Which output is the burden.
    name : str
        Under which the endpoint is listed.

    Returns
    -------
    Endpoint
        In time; infinite when not reached.
    """
    if rule not in ("baseline", "nadir"):
        raise SimulationError(
            f"progression rule {shown(rule)} is not known; choose 'baseline' or 'nadir', or time_to_threshold(...)"
        )
    if not growth > 1:
        raise SimulationError(f"growth = {shown(growth)} is not progression; choose a factor above 1, such as 1.2")
    interval = None if check is None else read(check, "h", "check interval")

    evaluate = partial(_progression, of=of, rule=rule, growth=growth, interval=interval)
    return Endpoint(name, (of, f"d/dt {of}"), evaluate, "high", "time", f"{of} above {growth:g} x {rule}")


@takes(SimulationError, level=NUMBER, of=TEXT, name=TEXT)
def time_to_threshold(level: float, *, of: str = "burden", name: str = "time_to_threshold") -> Endpoint:
    """Time until an output exceeds a level given in internal units (cells for a burden)."""
    return Endpoint(
        name,
        (of, f"d/dt {of}"),
        partial(_threshold, of=of, level=level),
        "high",
        "time",
        f"{of} above {level:g}",
    )


@takes(SimulationError, of=TEXT, name=TEXT)
def time_below(level: QuantityLike, *, of: str, better: str = "low", name: str | None = None) -> Endpoint:
    """Time that an output spends below a level, as neutrophils below 0.5e9 per litre (grade 4).

    Parameters
    ----------
    level : quantity
        With its unit, such as ``"0.5e9 1/L"``; a number is in internal units.
    of : str
        The output.
    better : {"high", "low"}
        Which direction is good for the patient.
    name : str, optional
        Under which the endpoint is listed; ``<of>_time_below`` if absent.

    Returns
    -------
    Endpoint
        In time.

    Examples
    --------
    >>> time_below("0.5e9 1/L", of="anc").name
    'anc_time_below'
    """
    limit = quantity(level, "level").internal
    return Endpoint(
        name or f"{of}_time_below",
        (of, f"d/dt {of}"),
        lambda course: _Path.of(course, of).below(limit),
        better,
        "time",
        f"time of {of} below {level}",
    )


def nadir_of(of: str = "burden", *, better: str = "low", name: str | None = None) -> Endpoint:
    """Lowest value of an output."""
    label = name or ("nadir" if of == "burden" else f"{of}_nadir")
    return Endpoint(label, (of, f"d/dt {of}"), partial(_lowest, of=of, which=1), better, "same", f"lowest {of}")


def peak_of(of: str, *, better: str = "low", name: str | None = None) -> Endpoint:
    """Highest value of an output."""
    label = name or f"{of}_peak"
    return Endpoint(label, (of, f"d/dt {of}"), partial(_highest, of=of), better, "same", f"highest {of}")


def end_of(of: str = "burden", *, better: str = "low", name: str | None = None) -> Endpoint:
    """Value of an output at the end of the run."""
    return Endpoint(name or f"{of}_end", (of,), partial(_last, of=of), better, "same", f"{of} at the end")


def area_of(of: str = "burden", *, better: str = "low", name: str | None = None) -> Endpoint:
    """Area under an output over time."""
    return Endpoint(
        name or f"auc_{of}",
        (of, f"d/dt {of}"),
        partial(_area, of=of),
        better,
        "area",
        f"area under {of}",
    )


def time_of_nadir(of: str = "burden") -> Endpoint:
    """When an output is lowest."""
    return Endpoint(
        "nadir_time",
        (of, f"d/dt {of}"),
        partial(_lowest, of=of, which=0),
        "high",
        "time",
        f"time of lowest {of}",
    )


def best_response(of: str = "burden") -> Endpoint:
    """Largest relative shrinkage from the start (1 = gone, negative = only growth)."""
    return Endpoint(
        "best_response", (of, f"d/dt {of}"), partial(_shrinkage, of=of), "high", "", f"1 - lowest/first {of}"
    )


def share_of_start(of: str = "burden") -> Endpoint:
    """Burden at the end relative to the start."""
    return Endpoint("final_share", (of,), partial(_final_share, of=of), "low", "", f"last/first {of}")


def resistant_share() -> Endpoint:
    """Share of resistant cells at the end of the run."""
    return Endpoint(
        "resistant_share",
        ("resistant_share",),
        partial(_last, of="resistant_share"),
        "low",
        "",
        "resistant/all cells at the end",
    )


def time_to_stop() -> Endpoint:
    """When the run ended at a level given as ``stop=``, as overall survival up to a lethal burden; infinite if not."""
    return Endpoint("time_to_stop", (), _stopped, "high", "time", "end of the run at a level")


def exposure(drug: str) -> Endpoint:
    """Area under the concentration of a drug over the run (from the state ``AUC_<drug>``)."""
    state = f"AUC_{drug}"
    return Endpoint(f"exposure_{drug}", (state,), partial(_last, of=state), "low", "same", f"AUC of {drug}")


# -- what endpoints read: functions of a module, so that an endpoint can travel to another process -------------------


def _progression(course: Course, *, of: str, rule: str, growth: float, interval: float | None) -> float:
    path = _Path.of(course, of)
    start = path.values[0]
    if rule == "baseline":
        return path.first_above(lambda lowest: np.full_like(lowest, growth * start), interval)
    return path.first_above(lambda lowest: growth * lowest, interval)


def _threshold(course: Course, *, of: str, level: float) -> float:
    return _Path.of(course, of).first_above(lambda lowest: np.full_like(lowest, level), None)


def _lowest(course: Course, *, of: str, which: int) -> float:
    """Time (0) or value (1) of the minimum."""
    return _Path.of(course, of).lowest()[which]


def _highest(course: Course, *, of: str) -> float:
    return _Path.of(course, of).highest()


def _last(course: Course, *, of: str) -> float:
    return float(course.output(of)[-1])


def _area(course: Course, *, of: str) -> float:
    return _Path.of(course, of).area()


def _shrinkage(course: Course, *, of: str) -> float:
    path = _Path.of(course, of)
    return 1.0 - path.lowest()[1] / path.values[0] if path.values[0] else math.nan


def _stopped(course: Course) -> float:
    return course.until if course.stopped else math.inf


def _final_share(course: Course, *, of: str) -> float:
    return float(course.output(of)[-1] / course.output(of)[0])


_PLAIN: dict[str, Callable[[], Endpoint]] = {
    "time_to_progression": time_to_progression,
    "time_to_progression_recist": lambda: time_to_progression("nadir", name="time_to_progression_recist"),
    "time_to_stop": time_to_stop,
    "nadir": nadir_of,
    "nadir_time": time_of_nadir,
    "best_response": best_response,
    "final_burden": lambda: end_of("burden", name="final_burden"),
    "final_share": share_of_start,
    "auc_burden": area_of,
    "resistant_share": resistant_share,
}
_PATTERNS: tuple[tuple[re.Pattern[str], Callable[[str], Endpoint]], ...] = (
    (re.compile(r"exposure_(\w+)"), exposure),
    (re.compile(r"auc_(\w+)"), area_of),
    (re.compile(r"(\w+)_nadir"), lambda of: nadir_of(of, better="high")),
    (re.compile(r"(\w+)_peak"), peak_of),
    (re.compile(r"(\w+)_end"), end_of),
)


def endpoint(given: str | Endpoint) -> Endpoint:
    """An endpoint by name, or as it is.

    Parameters
    ----------
    given : str or Endpoint
        ``"time_to_progression"``, ``"time_to_stop"``, ``"nadir"``, ``"resistant_share"``, ``"auc_burden"``,
        ``"exposure_dox"``, or ``"<output>_nadir"``, ``"<output>_peak"``, ``"<output>_end"`` for any output of the
        model.

    Raises
    ------
    SimulationError
        An unknown name; the nearest is suggested.

    Examples
    --------
    >>> endpoint("anc_nadir").needs
    ('anc', 'd/dt anc')
    """
    if isinstance(given, Endpoint):
        return given
    if not isinstance(given, str):
        raise SimulationError(f"endpoint {shown(given)} is neither a name nor an Endpoint; write for example 'nadir'")
    if given in _PLAIN:
        return _PLAIN[given]()
    for pattern, make in _PATTERNS:
        match = pattern.fullmatch(given)
        if match:
            return make(match[1])
    raise SimulationError(
        f"endpoint {shown(given)} is neither known nor of the form "
        f"'<output>_nadir', '<output>_peak', '<output>_end' or "
        f"'exposure_<drug>'{did_you_mean(given, _PLAIN)}"
    )


def check_endpoint(item: Endpoint, known: Callable[[str], object]) -> None:
    """Raise `SimulationError` when a model lacks what an endpoint reads."""
    for name in item.needs:
        try:
            known(name)
        except PkpdMdrError as problem:
            hint = "; mark clones with resistant=True" if name == "resistant_share" else ""
            raise SimulationError(f"endpoint {shown(item.name)}: {problem}{hint}") from problem


@dataclass(frozen=True, slots=True)
class _Path:
    """An output as piecewise cubic: starts, lengths (h) and coefficients in the share of a length, highest first."""

    starts: FloatArray
    lengths: FloatArray
    cubics: FloatArray
    values: FloatArray
    first: float

    @staticmethod
    def of(course: Course, name: str) -> _Path:
        """The cubics that match values and slopes at the rows; rows at one time are a jump between two cubics."""
        times, y, slopes = course.times, course.output(name), course.output(f"d/dt {name}")
        left = np.flatnonzero(np.diff(times) > 0)
        h = times[left + 1] - times[left]
        y0, y1, m0, m1 = y[left], y[left + 1], h * slopes[left], h * slopes[left + 1]
        cubics = np.stack([2 * y0 - 2 * y1 + m0 + m1, 3 * (y1 - y0) - 2 * m0 - m1, m0, y0], axis=-1)
        return _Path(times[left], h, cubics, y, float(times[0]))

    @property
    def last(self) -> float:
        """Hours of the last row."""
        return float(self.starts[-1] + self.lengths[-1]) if len(self.starts) else self.first

    def evaluate(self, pieces: FloatArray | slice, x: FloatArray) -> FloatArray:
        """Values at a share `x` of each piece."""
        a, b, c, d = self.cubics[pieces].T
        return np.asarray(((a * x + b) * x + c) * x + d, dtype=float)

    def turning(self) -> FloatArray:
        """Where each piece turns inside, shape (pieces, 2); its ends where it does not."""
        a, b, c = 3 * self.cubics[:, 0], 2 * self.cubics[:, 1], self.cubics[:, 2]
        square = b * b - 4 * a * c
        q = -0.5 * (b + np.copysign(np.sqrt(np.maximum(square, 0.0)), b))
        with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
            found = np.stack([q / a, c / q], axis=-1)
        inside = np.isfinite(found) & (found > 0.0) & (found < 1.0) & (square >= 0)[:, None]
        return np.sort(np.where(inside, found, 0.0), axis=1)

    def lowest_of_pieces(self) -> tuple[FloatArray, FloatArray]:
        """Share and value of the minimum of each piece."""
        places = np.concatenate(
            [np.zeros((len(self.starts), 1)), self.turning(), np.ones((len(self.starts), 1))], axis=1
        )
        values = np.stack([self.evaluate(slice(None), x) for x in places.T], axis=-1)
        best = values.argmin(axis=1)
        rows = np.arange(len(values))
        return places[rows, best], values[rows, best]

    def lowest(self) -> tuple[float, float]:
        """Time and value of the minimum."""
        if not len(self.starts):
            return self.first, float(self.values[-1])
        x, values = self.lowest_of_pieces()
        k = int(values.argmin())
        if float(self.values[-1]) < values[k]:
            return self.last, float(self.values[-1])
        return float(self.starts[k] + x[k] * self.lengths[k]), float(values[k])

    def highest(self) -> float:
        """Value of the maximum, at a row or between rows."""
        turned = (
            np.stack([self.evaluate(slice(None), x) for x in self.turning().T]) if len(self.starts) else self.values
        )
        return float(max(self.values.max(), turned.max()))

    def area(self) -> float:
        """Integral over time."""
        return float(self.lengths @ (self.cubics @ np.array([1 / 4, 1 / 3, 1 / 2, 1.0])))

    def below(self, level: float) -> float:
        """Total time below a level."""
        total = 0.0
        for k in np.flatnonzero(self._hull().min(axis=1) < level):
            shifted = self.cubics[k] - np.array([0.0, 0.0, 0.0, level])
            marks = [0.0, *_roots(shifted), 1.0]
            parts = (b - a for a, b in pairwise(marks) if np.polyval(shifted, (a + b) / 2) < 0)
            total += float(self.lengths[k]) * sum(parts)
        return total

    def first_above(self, level: Callable[[FloatArray], FloatArray], interval: float | None) -> float:
        """First time (or first visit) at which the value exceeds a level that may depend on the lowest so far."""
        if interval is not None:
            return self._first_visit(level, interval)
        if not len(self.starts):
            return math.inf
        before = np.minimum.accumulate(np.concatenate([self.values[:1], self.lowest_of_pieces()[1]]))
        hull = self._hull()
        possible = hull.max(axis=1) > level(np.minimum(before[:-1], hull.min(axis=1)))
        for k in np.flatnonzero(possible):
            x = self._crossing(int(k), level, float(before[k]))
            if x is not None:
                return float(self.starts[k] + self.lengths[k] * x)
        return math.inf

    def _hull(self) -> FloatArray:
        """Values between which each piece lies for sure (its Bezier points)."""
        a, b, c, d = self.cubics.T
        return np.stack([d, d + c / 3, d + 2 * c / 3 + b / 3, a + b + c + d], axis=-1)

    def _crossing(self, k: int, level: Callable[[FloatArray], FloatArray], lowest: float) -> float | None:
        """Share of a piece at which it first exceeds the level."""
        before = 0.0
        for x in (0.0, *self.turning()[k], 1.0):
            value = float(np.polyval(self.cubics[k], x))
            lowest = min(lowest, value)
            limit = float(level(np.array(lowest)))
            if value > limit:
                shifted = self.cubics[k] - np.array([0.0, 0.0, 0.0, limit])
                return _first_within(_roots(shifted), before, x)
            before = x
        return None

    def _first_visit(self, level: Callable[[FloatArray], FloatArray], interval: float) -> float:
        visits = interval * np.arange(1.0, math.floor(self.last / interval + 1e-9) + 1.0)
        if not len(visits) or not len(self.starts):
            return math.inf
        seen = self.at(visits)
        lowest = np.minimum.accumulate(np.concatenate([self.values[:1], seen]))[1:]
        above = np.flatnonzero(seen > level(lowest))
        return float(visits[above[0]]) if len(above) else math.inf

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
    found = np.roots(polynomial / scale)
    real = found[np.abs(found.imag) < 1e-9].real
    return sorted(float(x) for x in real if 0.0 <= x <= 1.0)
