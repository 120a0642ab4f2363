"""Quantiles over members: exact from kept values, or from counts in bins so fine that 0.1 % is not exceeded.

Bins are what is left of a double when all but its sign, exponent and ten leading bits of the fraction are dropped: a
bin is at most 2**-10 of its value wide, at every size from 1e-308 to 1e308. Counts are whole numbers, so adding them up
in any order, from chunks of any size, gives the same; their memory is bounded by the number of bins, not of members.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from pkpd_mdr.engine.lowering import FloatArray

__all__ = ["Counts", "quantile", "quantiles"]

_DROPPED = 42
_OFFSET = 1 << 21
_BITS = 22
_PENDING = 4_000_000
Integers = npt.NDArray[np.int64]


def quantile(values: FloatArray, share: float) -> float:
    """A quantile by linear interpolation; infinite when it falls on or behind a value that is.

    Examples
    --------
    >>> quantile(np.array([1.0, 2.0, np.inf]), 0.5), quantile(np.array([1.0, np.inf]), 0.5)
    (2.0, inf)
    """
    return float(quantiles(np.asarray(values, dtype=float), [share])[0])


def quantiles(values: FloatArray, shares: Sequence[float]) -> FloatArray:
    """Quantiles along the first axis by linear interpolation, infinite on or behind a value that is.

    Parameters
    ----------
    values : ndarray, shape (members, ...)
    shares : sequence of float

    Returns
    -------
    ndarray, shape (shares, ...)
    """
    ordered = np.sort(values, axis=0)
    low, weight = _places(len(ordered), shares)
    high = np.minimum(low + 1, len(ordered) - 1)
    return np.stack([_between(ordered[i], ordered[j], w) for i, j, w in zip(low, high, weight, strict=True)])


def _places(count: int, shares: Sequence[float]) -> tuple[Integers, FloatArray]:
    """The value below each quantile and how far it lies from there to the next."""
    place = np.asarray(shares, dtype=float) * (count - 1)
    low = np.floor(place).astype(np.int64)
    return low, place - low


def _between(left: FloatArray, right: FloatArray, weight: float) -> FloatArray:
    if weight < 1e-12:
        return left
    with np.errstate(invalid="ignore"):
        found = left + weight * (right - left)
    return np.where((right == left) | np.isinf(left), left, np.where(np.isinf(right), right, found))


@dataclass(slots=True)
class Counts:
    """How many members fell into each bin, for each cell of a table.

    Parameters
    ----------
    cells : int
        How many numbers each member has.

    Examples
    --------
    >>> counts = Counts(1)
    >>> counts.add(np.array([[1.0], [2.0], [4.0]]))
    >>> round(float(counts.quantiles([0.5])[0, 0]), 2)
    2.0
    """

    cells: int
    members: int = 0
    keys: Integers = field(default_factory=lambda: np.empty(0, dtype=np.int64))
    numbers: Integers = field(default_factory=lambda: np.empty(0, dtype=np.int64))
    pending: list[Integers] = field(default_factory=list)
    waiting: int = 0

    def add(self, values: FloatArray) -> None:
        """Count members, shape (members, cells)."""
        keys = (np.arange(self.cells) << _BITS) + _bins(values) + _OFFSET
        self.members += len(values)
        self.pending.append(keys.ravel())
        self.waiting += keys.size
        if self.waiting > _PENDING:
            self._merge()

    def _merge(self) -> None:
        if not self.waiting:
            return
        keys, numbers = np.unique(np.concatenate(self.pending), return_counts=True)
        self.pending, self.waiting = [], 0
        everything = np.concatenate([self.keys, keys])
        self.keys, place = np.unique(everything, return_inverse=True)
        weights = np.concatenate([self.numbers, numbers])
        self.numbers = np.zeros(len(self.keys), dtype=np.int64)
        np.add.at(self.numbers, place, weights)

    def quantiles(self, shares: Sequence[float]) -> FloatArray:
        """Quantiles of each cell, shape (shares, cells); NaN without members."""
        self._merge()
        if not self.members:
            return np.full((len(shares), self.cells), math.nan)
        low, weight = _places(self.members, shares)
        high = np.minimum(low + 1, self.members - 1)
        edges = np.searchsorted(self.keys, np.arange(self.cells + 1) << _BITS)
        found = np.empty((len(shares), self.cells))
        for cell in range(self.cells):
            part = slice(edges[cell], edges[cell + 1])
            bins, counts = (self.keys[part] & ((1 << _BITS) - 1)) - _OFFSET, self.numbers[part]
            left, right = _ranked(bins, counts, low), _ranked(bins, counts, high)
            found[:, cell] = [_between(a, b, w) for a, b, w in zip(left, right, weight, strict=True)]
        return found


def _bins(values: FloatArray) -> Integers:
    """The bin of each value; their order is that of the values."""
    bits = np.ascontiguousarray(values, dtype=float).view(np.int64)
    size = (bits & np.int64(2**63 - 1)) >> _DROPPED
    return np.asarray(np.where(bits < 0, -1 - size, size))


def _ranked(bins: Integers, counts: Integers, ranks: Integers) -> FloatArray:
    """Values of given ranks, as if those of a bin were spread evenly over it."""
    ends = np.cumsum(counts)
    place = np.searchsorted(ends, ranks, side="right")
    size = np.where(bins[place] < 0, -1 - bins[place], bins[place])
    lower = (size << _DROPPED).view(np.float64)
    upper = ((size + 1) << _DROPPED).view(np.float64)
    share = (ranks - (ends[place] - counts[place]) + 0.5) / counts[place]
    share = np.where(bins[place] < 0, 1.0 - share, share)
    inside = np.isfinite(upper) & (size > 0)
    with np.errstate(invalid="ignore"):
        found = np.where(inside, lower + share * (upper - lower), lower)
    return np.where(bins[place] < 0, -found, found)
