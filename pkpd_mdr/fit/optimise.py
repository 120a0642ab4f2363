"""From a start to the optimum: lmfit on the sum of squares, then Fisher scoring on the likelihood."""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from pkpd_mdr.errors import FitError, shown
from pkpd_mdr.fit.free import FloatArray, Space
from pkpd_mdr.fit.objective import Evaluation, Objective

__all__ = ["Found", "draw_starts", "minimise", "multistart", "polish"]

_NUDGE = 1e-3  # a start on a bound is moved inside by this share of the box, where lmfit has a slope
_SAME = 0.1  # starts whose minus twice log-likelihood is this near the best reached it


@dataclass(frozen=True, slots=True)
class Found:
    """Where one start ended.

    Attributes
    ----------
    number : int
        0 is the model's own start.
    start : ndarray, shape (k,)
        Working scale.
    evaluation : Evaluation
    evaluations : int
    failures : int
        Evaluations of this start in which some condition could not be simulated.
    message : str
        How the optimiser ended.
    """

    number: int
    start: FloatArray
    evaluation: Evaluation
    evaluations: int
    failures: int
    message: str

    @property
    def finished(self) -> bool:
        """Whether every condition could be simulated at the end."""
        return not self.evaluation.prediction.failures


class _Watch:
    """Counts evaluations and remembers the best one, so that an aborted run still gives its best point."""

    def __init__(self, objective: Objective, names: list[str]) -> None:
        self.objective, self.names = objective, names
        self.count, self.failures = 0, 0
        self.best: Evaluation | None = None
        self._seen: FloatArray | None = None

    def _evaluate(self, parameters: Any) -> Evaluation:
        point = np.array([parameters[name].value for name in self.names], dtype=float)
        result = self.objective.evaluate(point)
        if self._seen is None or not np.array_equal(self._seen, point):
            self._seen, self.count = point, self.count + 1
            self.failures += bool(result.prediction.failures)
        if self.best is None or result.squares < self.best.squares:
            self.best = result
        return result

    def residuals(self, parameters: Any) -> FloatArray:
        return self._evaluate(parameters).residuals

    def jacobian(self, parameters: Any) -> FloatArray:
        return self._evaluate(parameters).jacobian.copy()


def minimise(
    objective: Objective,
    u: FloatArray,
    *,
    method: str = "auto",
    tolerance: float = 1e-8,
    most: int = 200,
    number: int = 0,
) -> Found:
    """Run lmfit from one start.

    Parameters
    ----------
    objective : Objective
    u : ndarray, shape (k,)
        Start on the working scale.
    method : {"auto", "leastsq", "least_squares"}
        lmfit's name. "auto" takes Levenberg-Marquardt (`leastsq`) without bounds and the trust region that keeps
        bounds itself (`least_squares`) with them.
    tolerance : float
        Relative change of the sum of squares and of the point at which to stop.
    most : int
        Most evaluations.

    Returns
    -------
    Found
    """
    import lmfit

    low, high = objective.box
    point = _inside(objective.complete(u), low, high)
    bounded = bool(np.isfinite(low).any() or np.isfinite(high).any())
    chosen = method if method != "auto" else "least_squares" if bounded else "leastsq"
    names = [f"p{i}" for i in range(len(point))]
    parameters = lmfit.Parameters()
    for i, name in enumerate(names):
        parameters.add(name, value=point[i], min=low[i], max=high[i])
    watch = _Watch(objective, names)
    options = {"ftol": tolerance, "xtol": tolerance, "gtol": 1e-14, "max_nfev": most, "Dfun": watch.jacobian}
    if chosen == "least_squares":
        options["x_scale"] = "jac"
    message = "too few residuals for this optimiser"
    if len(objective.evaluate(point).residuals) >= len(point):
        with warnings.catch_warnings(), np.errstate(all="ignore"):
            warnings.simplefilter("ignore")
            minimizer = lmfit.Minimizer(watch.residuals, parameters, calc_covar=False, nan_policy="raise")
            result = minimizer.minimize(method=chosen, **options)
        message = f"stopped after {most} evaluations" if result.aborted else str(result.message).strip().rstrip(".")
    best = watch.best or objective.evaluate(point)
    return Found(number, u, best, watch.count, watch.failures, message)


def _inside(point: FloatArray, low: FloatArray, high: FloatArray) -> FloatArray:
    width = np.where(np.isfinite(high - low), high - low, 1.0)
    margin = _NUDGE * width
    nudged = np.clip(point, low + margin, high - margin)
    return np.where((point <= low) | (point >= high), nudged, point)


def polish(
    objective: Objective,
    point: FloatArray,
    *,
    fixed: npt.NDArray[np.bool_] | None = None,
    most: int = 60,
) -> Evaluation:
    """Damped Fisher scoring inside the box; coordinates that a bound stops are left on it.

    Parameters
    ----------
    objective : Objective
    point : ndarray, shape (d,)
    fixed : ndarray of bool, shape (d,), optional
        Coordinates that must not move (profiles).
    most : int
        Most steps. It ends earlier when the expected gain in minus twice the log-likelihood is negligible.

    Returns
    -------
    Evaluation
    """
    low, high = objective.box
    held = np.zeros(len(point), dtype=bool) if fixed is None else fixed
    best, damping = objective.evaluate(np.clip(point, low, high)), 0.0
    gain, tolerance = math.inf, negligible(objective)
    for _ in range(most):
        moving = ~held & ~_stopped(best, low, high)
        if not moving.any():
            break
        step = _step(best, moving, damping)
        trial = np.clip(best.point + step, low, high)
        before, gain = gain, float(-best.gradient @ (trial - best.point))
        if gain < tolerance or damping > 1e6:
            break
        result = objective.evaluate(trial)
        if _better(result, best):
            best, damping = result, damping / 10 if damping > 1e-6 else 0.0
        elif abs(result.value - best.value) > 1e-11 * max(1.0, abs(best.value)):
            gain, damping = before, max(10 * damping, 1e-4)
        elif gain < before and damping == 0.0:
            best = result  # the value has no digits left, but the slope still falls
        else:
            break
    return best


def negligible(objective: Objective) -> float:
    """Gain in minus twice the log-likelihood not worth a step: the noise of an integration hides anything smaller."""
    return 1e-14 if objective.problem.algebraic else 1e-8


def _better(result: Evaluation, best: Evaluation) -> bool:
    usable = not result.prediction.failures or bool(best.prediction.failures)
    return usable and result.value < best.value


def _stopped(here: Evaluation, low: FloatArray, high: FloatArray) -> npt.NDArray[np.bool_]:
    stopped: npt.NDArray[np.bool_] = ((here.point <= low) & (here.gradient > 0)) | (
        (here.point >= high) & (here.gradient < 0)
    )
    return stopped


def _step(here: Evaluation, moving: npt.NDArray[np.bool_], damping: float) -> FloatArray:
    curvature = here.curvature[np.ix_(moving, moving)]
    size = np.sqrt(np.diag(curvature))
    size = np.where(size > 1e-12 * max(float(size.max(initial=0.0)), 1e-300), size, 1.0)
    scaled = curvature / np.outer(size, size) + damping * np.eye(len(size))
    # pinv leaves directions on which nothing depends where they are
    move = np.linalg.pinv(scaled, rcond=1e-11, hermitian=True) @ (here.gradient[moving] / size) / size
    step = np.zeros(len(here.point))
    step[moving] = -move
    return step


def draw_starts(space: Space, starts: int, seed: int) -> list[FloatArray]:
    """The model's own start, then a Latin hypercube in the working box.

    Parameters
    ----------
    space : Space
    starts : int
    seed : int

    Returns
    -------
    list of ndarray, shape (k,)

    Examples
    --------
    >>> from pkpd_mdr.fit.free import Free
    >>> from pkpd_mdr.units import Unit
    >>> space = Space((Free("k", Unit.of("1/h"), 1e-3, 1.0, 0.1, True),))
    >>> len(draw_starts(space, 5, 1))
    5
    """
    first = [space.start]
    if starts < 2:
        return first
    from scipy.stats import qmc

    low, high = space.sampling_box()
    sample = qmc.LatinHypercube(d=len(space), rng=np.random.default_rng(seed)).random(starts - 1)
    return first + [low + row * (high - low) for row in sample]


def multistart(
    objective: Objective,
    starts: list[FloatArray],
    *,
    method: str,
    most: int,
    progress: Callable[[int, int, float], None] | None = None,
) -> tuple[list[Found], Evaluation]:
    """Run all starts, then bring the best to full accuracy.

    Returns
    -------
    found : list of Found
        Best first; starts that cannot be simulated at their end come last.
    best : Evaluation

    Raises
    ------
    FitError
        No start ends at a point where every condition can be simulated.
    """
    found = []
    tolerance = 1e-7 if len(starts) > 1 or not objective.problem.algebraic else 1e-10
    for number, u in enumerate(starts):
        found.append(minimise(objective, u, method=method, tolerance=tolerance, most=most, number=number))
        if progress is not None:
            progress(number + 1, len(starts), found[-1].evaluation.value)
    ranked = sorted(found, key=lambda item: (not item.finished, item.evaluation.value, item.number))
    if not ranked[0].finished:
        name, sentence = next(iter(found[0].evaluation.prediction.failures.items()))
        several = f"none of {len(found)} starts" if len(found) > 1 else "the start does not lead to a point that"
        raise FitError(f"{several} can be simulated; the first fails in condition {shown(name)}: {sentence}")
    best = polish(objective, ranked[0].evaluation.point)
    return ranked, best


def reached(found: list[Found], best: Evaluation) -> int:
    """How many starts ended where the best one did."""
    return (
        sum(item.finished and item.evaluation.value <= best.value + _SAME for item in found)
        if math.isfinite(best.value)
        else 0
    )
