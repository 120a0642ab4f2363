"""Curves as flat arrays, replicates collapsed into means, and the blocks of equal design that are fitted together."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from pkpd_mdr.response.families import Family
from pkpd_mdr.response.separable import Block
from pkpd_mdr.response.shapes import Coordinates, FloatArray
from pkpd_mdr.response.starts import bounds_of_shape

__all__ = ["Part", "Stack"]

IndexArray = npt.NDArray[np.int64]
_SHARED = 4  # from so many curves of one design on, its grid of starts is computed once


@dataclass(frozen=True, slots=True)
class Part:
    """A block and the places of its curves in the stack."""

    block: Block
    curves: IndexArray


@dataclass(frozen=True, slots=True)
class Stack:
    """Measurements of many curves, sorted by curve and dose.

    Attributes
    ----------
    count : int
        Number of curves.
    curve, x, y, weight : ndarray, shape (points,)
        Curve, dose, response and weight (1/variance up to a common factor) of each point.
    level_curve, level_x, level_y, level_weight : ndarray, shape (levels,)
        The same of each dose level: means with summed weights.
    pure : ndarray, shape (count,)
        Weighted sum of squares within levels: no curve can explain it.
    n, levels : ndarray of int, shape (count,)
        Points and dose levels of each curve.
    log_weights : ndarray, shape (count,)
        Sum of the logarithms of the weights, for likelihoods.
    """

    count: int
    curve: IndexArray
    x: FloatArray
    y: FloatArray
    weight: FloatArray
    level_curve: IndexArray
    level_x: FloatArray
    level_y: FloatArray
    level_weight: FloatArray
    pure: FloatArray
    n: IndexArray
    levels: IndexArray
    log_weights: FloatArray

    @classmethod
    def of(
        cls,
        curve: IndexArray,
        x: FloatArray,
        y: FloatArray,
        weight: FloatArray | None = None,
        *,
        count: int | None = None,
    ) -> Stack:
        """Sort and collapse.

        Parameters
        ----------
        curve : ndarray of int, shape (points,)
            Number of each point's curve, from 0.
        x, y : ndarray, shape (points,)
            Doses from 0 on and finite responses.
        weight : ndarray, optional
            1 when absent.
        count : int, optional
            Number of curves, where the last ones may have no points.
        """
        total = int(curve.max(initial=-1)) + 1 if count is None else count
        weight = np.ones(len(x)) if weight is None else weight
        order = np.lexsort((x, curve))
        curve, x, y, weight = curve[order], x[order], y[order], weight[order]
        new = np.ones(len(x), dtype=bool)
        new[1:] = (np.diff(curve) != 0) | (np.diff(x) != 0)
        level = np.cumsum(new) - 1
        size = int(new.sum())
        mass = _sums(level, weight, size)
        mean = _sums(level, weight * y, size) / mass
        pure = _sums(curve, weight * (y - mean[level]) ** 2, total)
        first = np.flatnonzero(new)
        return cls(
            total, curve, x, y, weight, curve[first], x[first], mean, mass, pure,
            np.bincount(curve, minlength=total), np.bincount(curve[first], minlength=total),
            _sums(curve, np.log(weight), total),
        )  # fmt: skip

    @classmethod
    def of_points(cls, curve: IndexArray, x: FloatArray, y: FloatArray, weight: FloatArray, *, count: int) -> Stack:
        """Every point as a level of its own, for weights that differ between replicates and change."""
        nothing = np.zeros(count)
        n = np.bincount(curve, minlength=count)
        return cls(count, curve, x, y, weight, curve, x, y, weight, nothing, n, n, _sums(curve, np.log(weight), count))

    def parts(
        self,
        family: Family,
        held: Mapping[str, FloatArray],
        bounds: Mapping[str, tuple[float, float]],
        usable: npt.NDArray[np.bool_],
    ) -> Iterator[Part]:
        """Blocks of curves of one design, then of the others by number of levels."""
        first = np.concatenate([[0], np.cumsum(self.levels)])
        groups: dict[bytes, list[int]] = {}
        for k in np.flatnonzero(usable):
            cut = slice(first[k], first[k + 1])
            groups.setdefault(self.level_x[cut].tobytes() + self.level_weight[cut].tobytes(), []).append(int(k))
        lonely: list[int] = []
        for members in groups.values():
            if len(members) < _SHARED and len(groups) > 1:
                lonely += members
            else:
                yield self._part(family, held, bounds, np.array(members), first, shared=True)
        if lonely:
            alone = np.array(sorted(lonely, key=lambda k: self.levels[k]))
            for piece in np.array_split(alone, max(1, len(alone) // 2000)):
                yield self._part(family, held, bounds, piece, first, shared=False)

    def _part(
        self,
        family: Family,
        held: Mapping[str, FloatArray],
        bounds: Mapping[str, tuple[float, float]],
        curves: IndexArray,
        first: IndexArray,
        *,
        shared: bool,
    ) -> Part:
        widest = int(self.levels[curves].max())
        at = first[curves][:, None] + np.arange(widest)
        inside = np.arange(widest) < self.levels[curves][:, None]
        at = np.where(inside, at, first[curves][:, None])
        x, y = self.level_x[at], np.where(inside, self.level_y[at], 0.0)
        root = np.sqrt(np.where(inside, self.level_weight[at], 0.0))
        if shared:
            x, root = x[:1], root[:1]
        nothing = np.zeros((1, len(family.shape.parameters)))
        own = {name: values[curves] for name, values in held.items()}
        block = Block(family, Coordinates.of(x), y, root, own, bounds, nothing, nothing)
        return Part(_bounded(block), curves)


def _sums(group: IndexArray, values: FloatArray, size: int) -> FloatArray:
    return np.bincount(group, values, size).astype(np.float64)


def _bounded(block: Block) -> Block:
    """The block with the bounds of its shape, and what the user holds."""
    low, high = bounds_of_shape(block)
    for i, name in enumerate(block.family.shape.parameters):
        limits = block.bounds.get(name)
        value = (block.family.fixed or {}).get(name)
        if limits is not None:
            low[:, i], high[:, i] = np.log(limits[0]), np.log(limits[1])
        if value is not None:
            low[:, i] = high[:, i] = np.log(value / (1.0 - value)) if name == "p" else np.log(value)
    limits_only = {name: pair for name, pair in block.bounds.items() if name in ("c", "d")}
    return replace(block, low=low, high=high, bounds=limits_only)
