"""Whether a distant set of parameters gives the same outputs: local identifiability that is not global."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from pkpd_mdr.data import Data
from pkpd_mdr.errors import FitError
from pkpd_mdr.fit.combinations import Combination
from pkpd_mdr.fit.errors import read_errors
from pkpd_mdr.fit.free import FloatArray, Space
from pkpd_mdr.fit.objective import Evaluation, Objective
from pkpd_mdr.fit.problem import Problem
from pkpd_mdr.fit.scoring import polish
from pkpd_mdr.fit.search import draw_starts, minimise

__all__ = ["Elsewhere", "look_elsewhere"]

_SAME = 1e-6  # root mean square of differences relative to an output's peak that counts as none
_SD = 1e-2  # sd relative to the peak, which scales the search only
_DIFFERENT = 0.01  # relative change of a determined quantity that makes it another solution
_SWAPS = 24  # most exchanges that are tried
_VALLEY = 0.01
_FAR = math.log(30.0)


@dataclass(frozen=True, slots=True)
class Elsewhere:
    """Another set of parameters with the same outputs.

    Attributes
    ----------
    names : tuple of str
        Parameters and combinations that are determined locally.
    here, there : ndarray, shape (len(names),)
        Their values, parameters in declared units and combinations in internal ones.
    """

    names: tuple[str, ...]
    here: FloatArray
    there: FloatArray

    @property
    def changed(self) -> tuple[str, ...]:
        """Names of what differs."""
        return tuple(name for name, a, b in zip(self.names, self.here, self.there, strict=True) if _differs(a, b))

    def __str__(self) -> str:
        pairs = zip(self.names, self.here, self.there, strict=True)
        moves = [f"{name} {a:.4g} -> {b:.4g}" for name, a, b in pairs if _differs(a, b)]
        return f"locally, but not globally: the same outputs come with {', '.join(moves)}"


def _differs(a: float, b: float) -> bool:
    return abs(b - a) > _DIFFERENT * abs(a)


def look_elsewhere(
    problem: Problem,
    combinations: Sequence[Combination],
    determined: Sequence[str],
    starts: int,
    seed: int,
    least: float,
) -> tuple[Elsewhere, ...]:
    """Fit the exact predictions of the start from other starts.

    Values of parameters with equal dimension are exchanged first, because that is how models repeat themselves
    (flip-flop kinetics, labels of clones); then come points of a Latin hypercube.

    Parameters
    ----------
    problem : Problem
    combinations : sequence of Combination
    determined : sequence of str
        Parameters that are locally identifiable.
    starts : int
        Besides the exchanges.
    seed : int
    least : float
        Smallest singular value that is not zero. Outputs along its direction change by no less, so what changes them by
        far less is another solution, and what does not may be the end of a flat valley.

    Returns
    -------
    tuple of Elsewhere
        Distinct ones, at most three.
    """
    space = problem.space
    here = space.start
    try:
        objective = _objective(problem, here)
    except FitError:
        return ()
    names = (*determined, *(item.text for item in combinations if item.exact))
    found: list[Elsewhere] = []
    drawn = [np.clip(u, here - _FAR, here + _FAR) for u in draw_starts(space, starts + 1, seed)[1:]]
    for u in [*_swapped(space, here), *drawn]:
        end = _fitted(objective, u)
        if end is None or _in_the_valley(end, space, here, least):
            continue
        there = _quantities(space, end.point[: len(space)], combinations, determined)
        item = Elsewhere(names, _quantities(space, here, combinations, determined), there)
        if item.changed and not any(np.allclose(there, other.there, rtol=_DIFFERENT) for other in found):
            found.append(item)
        if len(found) == 3:
            break
    return tuple(found)


def _fitted(objective: Objective, u: FloatArray) -> Evaluation | None:
    """Where a start ends, if the outputs are the same there."""
    try:
        with np.errstate(all="ignore"):
            end = minimise(objective, u, tolerance=1e-10, most=60).evaluation
            if end.prediction.failures:
                return None
            end = polish(objective, end.point)
    except (ValueError, ArithmeticError):  # outputs beyond floats: no solution in that direction
        return None
    return end if math.sqrt(float(np.mean(end.residuals**2))) * _SD < _SAME else None


def _in_the_valley(end: Evaluation, space: Space, here: FloatArray, least: float) -> bool:
    moved = float(np.linalg.norm(end.point[: len(space)] - here))
    return math.sqrt(float(end.residuals @ end.residuals)) * _SD > _VALLEY * least * moved


def _objective(problem: Problem, u: FloatArray) -> Objective:
    """Of the predictions themselves, with an sd that is a share of each output's peak."""
    prediction = problem.predict(u, gradient=False)
    for name, sentence in prediction.failures.items():
        raise FitError(f"{name}: {sentence}")
    rows = problem.rows
    peak = np.array([np.abs(prediction.values[rows.which == i]).max() for i in range(len(rows.observable))])
    known = _SD * np.where(peak > 0, peak, 1.0)[rows.which]
    exact = replace(
        rows, value=prediction.values, known=known, n=np.ones(len(rows)), censored=np.zeros_like(rows.censored)
    )
    return Objective(replace(problem, rows=exact), read_errors("sd", _with_sd(problem.data)))


def _with_sd(data: Data) -> Data:
    """The table with some sd everywhere: only the kind of error is read from it."""
    return replace(data, frame=data.frame.assign(sd=1.0))


def _swapped(space: Space, here: FloatArray) -> list[FloatArray]:
    """Points with the values of one pair of parameters exchanged, or of two pairs at once."""
    pairs = [
        (i, j) for i, j in itertools.combinations(range(len(space)), 2) if space.free[i].unit.like(space.free[j].unit)
    ]
    both = [(one, other) for one, other in itertools.combinations(pairs, 2) if not set(one) & set(other)]
    found, values = [], space.internal(here)
    for chosen in [*((pair,) for pair in pairs), *both][:_SWAPS]:
        u = here.copy()
        for i, j in chosen:
            u[i] = space.free[i].to_working(float(values[j]) / space.free[i].unit.factor)
            u[j] = space.free[j].to_working(float(values[i]) / space.free[j].unit.factor)
        found.append(np.clip(u, space.lower, space.upper))
    return found


def _quantities(
    space: Space, u: FloatArray, combinations: Sequence[Combination], determined: Sequence[str]
) -> FloatArray:
    """Values of what is determined."""
    shown, internal = dict(zip(space.names, space.values(u), strict=True)), space.internal(u)
    parts = [float(shown[name]) for name in determined]
    return np.array(parts + [item.value(internal) for item in combinations if item.exact])
