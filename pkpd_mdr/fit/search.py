"""From starts to the optimum: searches side by side, ranked, the best brought to full accuracy."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from pkpd_mdr.errors import FitError, shown
from pkpd_mdr.fit.free import FloatArray, Space
from pkpd_mdr.fit.objective import Evaluation, Objective
from pkpd_mdr.fit.scoring import Descent, Found, negligible, polish
from pkpd_mdr.run.progress import Report

__all__ = [
    "Search",
    "agreement",
    "best_of",
    "draw_starts",
    "minimise",
    "ranked",
    "reached",
]

_SAME = 0.1  # starts whose minus twice log-likelihood is this near the best reached it
_ENOUGH = 1e-4  # expected gain not worth a further step of one start among several; the best one is polished
_TOGETHER = 1024  # conditions in one call of the engine, times starts: more gain nothing and take memory


def draw_starts(space: Space, starts: int, seed: int, sampling: str = "latin_hypercube") -> list[FloatArray]:
    """The model's own start, then a Latin hypercube or a Sobol sequence in the working box.

    Parameters
    ----------
    space : Space
    starts : int
    seed : int
    sampling : {"latin_hypercube", "sobol"}
        A longer Sobol sequence begins with the shorter one, so that starts can be added.

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
    if sampling == "sobol":
        exponent = math.ceil(math.log2(starts - 1)) if starts > 2 else 0
        sample = qmc.Sobol(d=len(space), rng=np.random.default_rng(seed)).random_base2(exponent)[: starts - 1]
    else:
        sample = qmc.LatinHypercube(d=len(space), rng=np.random.default_rng(seed)).random(starts - 1)
    return first + [low + row * (high - low) for row in sample]


class Search:
    """All starts of a fit; what an interrupt leaves can go on later.

    Parameters
    ----------
    objective : Objective
    starts : list of ndarray, shape (k,)
    most : int
        Most evaluations of one start.
    before : sequence of Found
        Starts of an earlier search: those that ended are kept, others go on from where they stood.
    """

    def __init__(
        self, objective: Objective, starts: list[FloatArray], *, most: int, before: Sequence[Found] = ()
    ) -> None:
        self.objective, self.starts, self.most = objective, starts, most
        known = {item.number: item for item in before}
        self.found = [item for item in before if item.ended and item.number < len(starts)]
        done = {item.number for item in self.found}
        self.waiting = [number for number in range(len(starts)) if number not in done]
        self.points = {
            number: known[number].evaluation.point if number in known else objective.complete(starts[number])
            for number in self.waiting
        }
        self.active: dict[int, Descent] = {}

    def run(self, report: Report | None = None, *, method: str = "auto") -> None:
        """Search until every start has ended: side by side, or by lmfit one after another."""
        if method == "auto":
            self._together(report)
        else:
            self._one_by_one(report, method)

    def _one_by_one(self, report: Report | None, method: str) -> None:
        from pkpd_mdr.fit.least_squares import least_squares

        tolerance = 1e-7 if len(self.starts) > 1 or not self.objective.problem.algebraic else 1e-10
        while self.waiting:
            number = self.waiting[0]
            start = self.starts[number]
            self.found.append(
                least_squares(self.objective, start, method=method, tolerance=tolerance, most=self.most, number=number)
            )
            self.waiting.pop(0)
            if report is not None:
                report(len(self.found), len(self.starts), self.found[-1].evaluation.value)

    def _together(self, report: Report | None) -> None:
        alone = len(self.starts) == 1 and self.objective.problem.algebraic
        tolerance = negligible(self.objective) if alone else _ENOUGH
        width = max(1, _TOGETHER // max(1, len(self.objective.problem.members)))
        while self.waiting or self.active:
            while self.waiting and len(self.active) < width:
                number = self.waiting.pop(0)
                self.active[number] = Descent(self.objective, self.points[number], tolerance=tolerance, most=self.most)
            asked = {n: d.trial for n, d in self.active.items() if d.trial is not None}
            results = self.objective.evaluate_many(list(asked.values()))
            for number, result in zip(asked, results, strict=True):
                self.active[number].tell(result)
            for number in [n for n, descent in self.active.items() if descent.ended]:
                self._finish(number, self.active.pop(number), report)

    def _finish(self, number: int, descent: Descent, report: Report | None) -> None:
        item = descent.found(number, self.starts[number])
        if item is not None:
            self.found.append(item)
            if report is not None:
                report(len(self.found), len(self.starts), item.evaluation.value)

    def so_far(self) -> list[Found]:
        """Every start that was looked at, best first."""
        standing = [descent.found(number, self.starts[number]) for number, descent in self.active.items()]
        return ranked([*self.found, *(item for item in standing if item is not None)])


def minimise(objective: Objective, u: FloatArray, *, tolerance: float, most: int) -> Found:
    """Search from one start.

    Parameters
    ----------
    objective : Objective
    u : ndarray, shape (k,)
        Start on the working scale.
    tolerance : float
        Expected gain that is not worth a step.
    most : int
        Most evaluations.

    Returns
    -------
    Found
    """
    descent = Descent(objective, objective.complete(u), tolerance=tolerance, most=most)
    while descent.trial is not None:
        descent.tell(objective.evaluate(descent.trial))
    found = descent.found(0, u)
    assert found is not None
    return found


def ranked(found: Sequence[Found]) -> list[Found]:
    """Best first; starts that cannot be simulated at their end come last."""
    return sorted(
        found, key=lambda item: (not item.finished, not item.evaluation.finite, item.evaluation.value, item.number)
    )


def best_of(objective: Objective, found: list[Found]) -> Evaluation:
    """The best start at full accuracy.

    Raises
    ------
    FitError
        No start ends at a point where every condition can be simulated.
    """
    if not found[0].finished:
        first = min(found, key=lambda item: item.number)
        name, sentence = next(iter(first.evaluation.prediction.failures.items()))
        several = f"none of {len(found)} starts" if len(found) > 1 else "the start does not lead to a point that"
        raise FitError(f"{several} can be simulated; the first fails in condition {shown(name)}: {sentence}")
    if not found[0].evaluation.finite:
        raise FitError(
            f"the likelihood or its slope is not finite where any of {len(found)} starts ended; "
            "narrow the bounds, or choose another error model"
        )
    best = polish(objective, found[0].evaluation.point)
    for point in objective.layout.ends(best.point):  # two errors may share the spread in more than one way
        other = polish(objective, point, tolerance=_ENOUGH)
        if not other.prediction.failures and other.value < best.value - _ENOUGH:
            best = polish(objective, other.point)
    return best


def reached(found: Sequence[Found]) -> int:
    """How many starts ended where the best of them did, in order of `ranked`."""
    least = found[0].evaluation.value + _SAME
    return sum(item.finished and item.evaluation.value <= least for item in found)


def agreement(found: Sequence[Found], best: Evaluation) -> str:
    """A sentence about how many starts agree, and whether the best point was found from there only later."""
    many, fall = f"{reached(found)} of {len(found)} starts reached", found[0].evaluation.value - best.value
    if fall <= _SAME:
        return f"{many} the best point"
    return (
        f"{many} the point from which a longer search, or another share of a combined error between its parts, led "
        f"to the best one (minus twice the log-likelihood {fall:.3g} lower)"
    )
