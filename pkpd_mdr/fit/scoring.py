"""Damped scoring: the search behind every fit, one start or many side by side.

A step solves the expected curvature (Fisher information) for the slope, which for normal errors is Gauss-Newton, and
damping turns it towards steepest descent where a step failed (Levenberg, Q. Appl. Math. 2:164, 1944; Marquardt 1963).
Coordinates that a step would carry over a bound are put on it and the others follow. A descent asks for a point and is
told what is there, so that many descents share one call of the engine.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from pkpd_mdr.fit.curvature import pseudo_inverse
from pkpd_mdr.fit.free import FloatArray
from pkpd_mdr.fit.objective import Evaluation, Objective

__all__ = ["Descent", "Found", "negligible", "polish"]

_FAR = 1.0  # longest step of a coordinate that is a logarithm: longer ones reach the best point less often
_FIRST_DAMPING = 0.1
_LEAST_DAMPING = 1e-10  # from which a search goes on where the curvature alone leads nowhere
_TRUSTED, _AGAIN = 0.25, 1e-2  # share of the foretold gain below which a step is damped again, and how much at least
_SILENT = 1e-6  # sds by which a coordinate moves predictions, across its whole box, when nothing depends on it
_DIGITS = 1e-11  # relative change of the value that is noise

BoolArray = npt.NDArray[np.bool_]


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
        How the search ended.
    ended : bool
        False where an interrupt ended it.
    """

    number: int
    start: FloatArray
    evaluation: Evaluation
    evaluations: int
    failures: int
    message: str
    ended: bool = True

    @property
    def finished(self) -> bool:
        """Whether every condition could be simulated at the end."""
        return not self.evaluation.prediction.failures


class Descent:
    """One search by damped scoring inside the box.

    Parameters
    ----------
    objective : Objective
    point : ndarray, shape (d,)
    fixed : ndarray of bool, shape (d,), optional
        Coordinates that must not move (profiles).
    tolerance : float
        Expected gain in minus twice the log-likelihood that is not worth a step.
    most : int
        Most evaluations.
    damping : float
        Of the first step.
    """

    def __init__(
        self,
        objective: Objective,
        point: FloatArray,
        *,
        fixed: BoolArray | None = None,
        tolerance: float,
        most: int,
        damping: float = _FIRST_DAMPING,
    ) -> None:
        self.objective, self.tolerance, self.most = objective, tolerance, most
        self.low, self.high = objective.box
        self.held = np.zeros(len(point), dtype=bool) if fixed is None else fixed
        self.trial: FloatArray | None = np.clip(point, self.low, self.high)
        self.best: Evaluation | None = None
        self.damping, self.gain, self._before = damping, math.inf, math.inf
        self.growth, self.sizes = 2.0, np.zeros(len(point))
        self.count, self.failures, self.message = 0, 0, ""
        logs = [item.log for item in objective.problem.space.free]
        self.reach = np.full(len(point), np.inf)
        self.reach[: len(logs)][logs] = _FAR
        self.reach[len(logs) :] = _FAR  # all that errors add is a logarithm
        width = self.high - self.low
        self.width = np.where(np.isfinite(width), width, np.maximum(np.abs(self.trial), 1.0))

    @property
    def ended(self) -> bool:
        """Whether there is nothing more to ask for."""
        return self.trial is None

    def tell(self, result: Evaluation) -> None:
        """Take what was found at `trial` and choose the next one."""
        self.count += 1
        self.failures += bool(result.prediction.failures)
        best = self.best
        if best is None:
            self.best = result
            if not result.finite:
                self._end("the likelihood or its slope is beyond all numbers")
        elif _better(result, best):
            self._accept(result, best)
        elif not self._same(result, best):
            self.gain, self.damping = self._before, max(self.growth * self.damping, 1e-4)
            self.growth *= 2.0
        elif self.gain < self._before and self.damping == 0.0:
            self.best = result  # the value has no digits left, but the slope still falls
        else:
            self._end("the value has no more digits")
        if not self.message:
            self._next()

    def _same(self, result: Evaluation, best: Evaluation) -> bool:
        """Whether two values differ by noise alone, where no more than noise was foretold."""
        noise = _noise(best)
        return result.finite and abs(result.value - best.value) <= noise and self.gain <= 100.0 * noise

    def _accept(self, result: Evaluation, best: Evaluation) -> None:
        """Less damping the better the quadratic model foretold the gain (Nielsen 1999)."""
        step = result.point - best.point
        foretold = -float(best.gradient @ step) - 0.5 * float(step @ best.curvature @ step)
        ratio = min((best.value - result.value) / max(foretold, 1e-300), 1.0)
        self.damping *= max(0.1, 1.0 - (2.0 * ratio - 1.0) ** 3)
        self.damping = self.damping if self.damping > 1e-9 else 0.0
        if ratio < _TRUSTED and foretold > _noise(best):  # steps this long jump to and fro across the optimum
            self.damping = max(4.0 * self.damping, _AGAIN)
        self.best, self.growth = result, 2.0

    def _next(self) -> None:
        assert self.best is not None
        self._before = self.gain
        step, self.gain = self._step(self.best, self.damping)
        if self.damping < _LEAST_DAMPING and self.gain < max(self.tolerance, _noise(self.best)):
            # a direction without curvature has no step of its own; damped, the slope may still lead along it
            along, gain = self._step(self.best, _LEAST_DAMPING)
            if gain > 2.0 * self.gain:
                step, self.gain, self.damping = along, gain, _LEAST_DAMPING
        if self.count >= self.most:
            self._end(f"stopped after {self.most} evaluations")
        elif not self.gain >= self.tolerance:
            self._end("a further step gains nothing")
        elif self.damping > 1e8:
            self._end("no step gains anything")
        else:
            self.trial = np.clip(self.best.point + step, self.low, self.high)

    def _end(self, message: str) -> None:
        self.trial, self.message = None, message

    def _step(self, here: Evaluation, damping: float) -> tuple[FloatArray, float]:
        """The damped step, and what it gains by the slope.

        Coordinates that meet a bound or go too far stop there and the others are solved again.
        """
        size = np.sqrt(np.maximum(np.diag(here.curvature), 0.0))
        weight = len(here.residuals) / max(here.squares, 1e-290) if self.objective.profiled else 1.0
        self.sizes = np.maximum(self.sizes, size / math.sqrt(weight))
        ridge = np.diag(damping * weight * self.sizes**2)
        stopped = ((here.point <= self.low) & (here.gradient > 0)) | ((here.point >= self.high) & (here.gradient < 0))
        low, high = np.maximum(self.low, here.point - self.reach), np.minimum(self.high, here.point + self.reach)
        moving, step = ~self.held & ~stopped & (size * self.width > _SILENT), np.zeros(len(here.point))
        for _ in range(len(step)):
            if not moving.any():
                break
            slope = here.gradient + here.curvature @ np.where(moving, 0.0, step)
            step[moving] = -pseudo_inverse((here.curvature + ridge)[np.ix_(moving, moving)]) @ slope[moving]
            end = here.point + step
            crossed = moving & ((end < low) | (end > high))
            if not crossed.any():
                break
            step[crossed], moving = (np.clip(end, low, high) - here.point)[crossed], moving & ~crossed
        return step, float(-here.gradient @ step)

    def found(self, number: int, start: FloatArray) -> Found | None:
        """Where the search stands; None before its first evaluation."""
        if self.best is None:
            return None
        message = self.message or "interrupted"
        return Found(number, start, self.best, self.count, self.failures, message, self.ended)


def _noise(here: Evaluation) -> float:
    return _DIGITS * max(1.0, abs(here.value))


def _better(result: Evaluation, best: Evaluation) -> bool:
    usable = not result.prediction.failures or bool(best.prediction.failures)
    return usable and result.finite and result.value < best.value


def negligible(objective: Objective) -> float:
    """Gain in minus twice the log-likelihood not worth a step: the noise of an integration hides anything smaller."""
    return 1e-24 if objective.problem.algebraic else 1e-8


def polish(
    objective: Objective,
    point: FloatArray,
    *,
    fixed: BoolArray | None = None,
    most: int = 60,
    tolerance: float | None = None,
) -> Evaluation:
    """Scoring to full accuracy from a point near the optimum.

    Parameters
    ----------
    objective : Objective
    point : ndarray, shape (d,)
    fixed : ndarray of bool, shape (d,), optional
        Coordinates that must not move (profiles).
    most : int
        Most evaluations.
    tolerance : float, optional
        Expected gain in minus twice the log-likelihood at which it ends earlier; what is negligible when absent.

    Returns
    -------
    Evaluation
    """
    enough = negligible(objective) if tolerance is None else tolerance
    descent = Descent(objective, point, fixed=fixed, tolerance=enough, most=most, damping=0.0)
    while descent.trial is not None:
        descent.tell(objective.evaluate(descent.trial))
    assert descent.best is not None
    return descent.best
