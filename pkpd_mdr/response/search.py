"""The best fit of every curve of a block: grid, several starts, damped Gauss-Newton, in chunks that fit the cache."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from pkpd_mdr.response.separable import Block, descend
from pkpd_mdr.response.shapes import FloatArray
from pkpd_mdr.response.starts import choose_starts

__all__ = ["Found", "search"]

_CHUNK = 16384  # curves at once: the few that take long cost a pass over NumPy for each step, however many they are


@dataclass(frozen=True, slots=True)
class Found:
    """The best fit of each curve.

    Attributes
    ----------
    theta : ndarray, shape (k, p)
        Working shape parameters.
    linear : ndarray, shape (k, 3)
        c, d and f.
    rss : ndarray, shape (k,)
        Weighted sum of squares of the level means.
    settled : ndarray of bool, shape (k,)
        Whether the search came to rest.
    """

    theta: FloatArray
    linear: FloatArray
    rss: FloatArray
    settled: npt.NDArray[np.bool_]


def search(block: Block, *, most: int = 2, chunk: int = _CHUNK) -> Found:
    """Find the best fit of every curve.

    Parameters
    ----------
    block : Block
    most : int
        Starts in the interior of the grid; one more from each ridge.
    chunk : int
        Curves at once.

    Returns
    -------
    Found
        In the order of the curves.
    """
    pieces = [
        _search_chunk(block.rows(np.arange(first, min(first + chunk, len(block)))), most)
        for first in range(0, len(block), chunk)
    ]
    return Found(*(np.concatenate([getattr(piece, name) for piece in pieces]) for name in Found.__slots__))


def _search_chunk(block: Block, most: int) -> Found:
    """All starts go some steps; the best one goes to the end, and others only while they are close."""
    starts = choose_starts(block, most=most)
    k, count = len(block), len(starts)
    many = block.rows(np.tile(np.arange(k), count))
    theta, reduced, _ = descend(many, np.concatenate(starts), steps=12, tolerance=1e-6)
    rss = reduced.rss.reshape(count, k)
    order = np.argsort(rss, axis=0)
    own = np.arange(k)
    first = _finish(block, theta[order[0] * k + own])
    if count > 1:
        runner = np.flatnonzero(rss[order[1], own] < first.rss * (1 + 0.1) + 1e-300)
        for place in (1, 2):
            if place < count and len(runner):
                other = _finish(block.rows(runner), theta[order[place][runner] * k + runner])
                better = other.rss < first.rss[runner]
                at = runner[better]
                for name in Found.__slots__:
                    getattr(first, name)[at] = getattr(other, name)[better]
    return first


def _finish(block: Block, theta: FloatArray) -> Found:
    theta, reduced, settled = descend(block, theta, steps=150)
    return Found(theta, reduced.linear, reduced.rss, settled)
