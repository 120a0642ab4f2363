"""Choosing the best few of many candidates: add the best one at a time, then exchange while that helps.

Greedy search alone can miss pairs that are good only together; exchanges of single members (Fedorov 1972, "Theory of
Optimal Experiments") from several first choices repair that in nearly all cases, at a small share of the cost of trying
all sets.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from pkpd_mdr.fit.free import FloatArray

__all__ = ["choose", "criterion_of", "criterion_values"]

Score = Callable[[Sequence[int]], FloatArray]
"""From members that are chosen already to the value of each candidate added to them, shape (candidates,)."""

_ROUNDS = 50
_STARTS = 8
_BETTER = 1e-9


def choose(score: Score, size: int, *, repeats: bool) -> tuple[list[int], float]:
    """The best set of a size, as far as greedy choice and exchanges find it.

    Parameters
    ----------
    score : callable
        See `Score`; larger is better.
    size : int
    repeats : bool
        Whether a candidate may be chosen more than once.

    Returns
    -------
    chosen : list of int
        In the order in which they were found.
    value : float

    Examples
    --------
    >>> worth = np.array([1.0, 3.0, 2.0])
    >>> choose(lambda chosen: worth[list(chosen)].sum() + worth, 2, repeats=False)
    ([1, 2], 5.0)
    """
    alone = np.asarray(score([]), dtype=np.float64)
    firsts = np.argsort(-alone, kind="stable")[:_STARTS]
    found = [_climbed(score, _filled(score, [int(first)], size, repeats=repeats), repeats=repeats) for first in firsts]
    return max(found, key=lambda item: item[1])


def _filled(score: Score, chosen: list[int], size: int, *, repeats: bool) -> list[int]:
    while len(chosen) < size:
        chosen = [*chosen, _best(score, chosen, repeats=repeats)[0]]
    return chosen


def _climbed(score: Score, chosen: list[int], *, repeats: bool) -> tuple[list[int], float]:
    """Exchange single members until none of it helps."""
    value = float(score(chosen[:-1])[chosen[-1]])
    for _ in range(_ROUNDS):
        improved = False
        for place in range(len(chosen)):
            others = chosen[:place] + chosen[place + 1 :]
            best, gained = _best(score, others, repeats=repeats)
            if gained > value + _BETTER * max(1.0, abs(value)):
                chosen, value, improved = [*others[:place], best, *others[place:]], gained, True
        if not improved:
            break
    return chosen, value


def _best(score: Score, chosen: Sequence[int], *, repeats: bool) -> tuple[int, float]:
    values = np.array(score(chosen), dtype=np.float64)
    if not repeats:
        values[list(chosen)] = -np.inf
    best = int(np.argmax(values))
    return best, float(values[best])


def criterion_of(kind: str, target: FloatArray | None) -> Callable[[FloatArray], FloatArray]:
    """A criterion as a function of information matrices; larger is better.

    Parameters
    ----------
    kind : {"D", "A", "c"}
        Half the logarithm of the determinant (volume of the confidence region); minus half the logarithm of the mean
        variance; minus half the logarithm of the variance of one target. All in units of a log standard error.
    target : ndarray, shape (draws, k), or None
        Gradient of the target at each draw, for "c".

    Returns
    -------
    callable
        From matrices of shape (..., draws, k, k) to values of shape (...), averaged over draws.
    """

    def value(matrices: FloatArray) -> FloatArray:
        """The mean criterion over draws, shape (...,), of matrices of shape (..., draws, k, k)."""
        return np.asarray(criterion_values(kind, matrices, target).mean(axis=-1))

    return value


def criterion_values(kind: str, matrices: FloatArray, target: FloatArray | None) -> FloatArray:
    """The criterion at each draw, shape (..., draws)."""
    if kind == "D":
        return np.asarray(0.5 * np.linalg.slogdet(matrices)[1] / matrices.shape[-1])
    if kind == "A":
        inverse = np.linalg.inv(matrices)
        return np.asarray(-0.5 * np.log(np.trace(inverse, axis1=-2, axis2=-1) / matrices.shape[-1]))
    assert target is not None
    solved = np.linalg.solve(matrices, np.broadcast_to(target, matrices.shape[:-1])[..., None])[..., 0]
    return np.asarray(-0.5 * np.log(np.sum(target * solved, axis=-1)))
