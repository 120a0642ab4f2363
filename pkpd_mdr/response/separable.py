"""Variable projection for many curves at once: limits (and hormesis) are linear and solved exactly.

The reduced problem and Kaufman's Jacobian follow Golub and Pereyra (2003), Inverse Problems 19:R1. A block holds k
curves with m dose levels each; replicates are collapsed into means with weights before, which changes no optimum. All
steps are NumPy on whole blocks.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from pkpd_mdr.response.families import Family
from pkpd_mdr.response.shapes import Coordinates, FloatArray, Value

__all__ = ["COLLINEAR", "Block", "Reduced", "columns_of", "descend", "project"]

IndexArray = npt.NDArray[np.int64]
LINEAR = ("c", "d", "f")
_TRUSTED = 0.25  # share of the foretold fall from which on a step earns less damping: others jump to and fro
COLLINEAR = 1e-9  # a column that keeps less of its length beside the others counts as none


@dataclass(frozen=True, slots=True)
class Block:
    """Curves of one family that are fitted together.

    Parameters
    ----------
    family : Family
    at : Coordinates
        Dose levels, (k, m), or (1, m) where all curves share them.
    y : ndarray, shape (k, m)
        Mean response at each level.
    root : ndarray, shape (k, m) or (1, m)
        Square root of each level's weight; 0 pads short curves.
    held : mapping
        Linear parameters that are not estimated: arrays of shape (k,), c or d.
    bounds : mapping
        Bounds of c and d, pairs of numbers.
    low, high : ndarray, shape (k, p) or (1, p)
        Bounds of the working shape parameters; equal ones hold a parameter.
    less : pair of float, optional
        The last row is no measurement: it says that so much of c and of d, taken from the curve, leaves its y.
    """

    family: Family
    at: Coordinates
    y: FloatArray
    root: FloatArray
    held: Mapping[str, FloatArray]
    bounds: Mapping[str, tuple[float, float]]
    low: FloatArray
    high: FloatArray
    less: tuple[float, float] | None = None

    def __len__(self) -> int:
        return len(self.y)

    def rows(self, chosen: IndexArray) -> Block:
        """Some of the curves; an index may repeat."""
        return replace(
            self,
            at=self.at.rows(chosen),
            y=self.y[chosen],
            root=self.root if len(self.root) == 1 else self.root[chosen],
            held={name: values[chosen] for name, values in self.held.items()},
            low=self.low if len(self.low) == 1 else self.low[chosen],
            high=self.high if len(self.high) == 1 else self.high[chosen],
        )

    def holding(self, name: str, values: FloatArray) -> Block:
        """The same curves with one more limit held."""
        return replace(self, held={**self.held, name: values})


@dataclass(slots=True)
class Reduced:
    """The reduced problem at one point of the shape parameters.

    Attributes
    ----------
    rss : ndarray, shape (k,)
    linear : ndarray, shape (k, 3)
        c, d and f.
    residual : ndarray, shape (k, m)
        Weighted: (y - curve) times the root of the weight.
    jacobian : ndarray, shape (k, m, p), or None
        Of the weighted curve, projected onto what the linear parameters cannot take over.
    """

    rss: FloatArray
    linear: FloatArray
    residual: FloatArray
    jacobian: FloatArray | None

    def put(self, chosen: IndexArray, other: Reduced) -> None:
        """Overwrite some curves."""
        self.rss[chosen], self.linear[chosen], self.residual[chosen] = other.rss, other.linear, other.residual
        if self.jacobian is not None and other.jacobian is not None:
            self.jacobian[chosen] = other.jacobian


def project(block: Block, theta: FloatArray, *, jacobian: bool = True) -> Reduced:
    """Solve the linear parameters at given shape parameters.

    Parameters
    ----------
    block : Block
    theta : ndarray, shape (k, p)
    jacobian : bool

    Returns
    -------
    Reduced
    """
    found = _solved(block, block.family.shape(theta, block.at), jacobian)
    for name, (low, high) in block.bounds.items():
        if name in block.held:
            continue
        value = found.linear[:, LINEAR.index(name)]
        for wrong, bound in ((value < low, low), (value > high, high)):
            at = np.flatnonzero(wrong)
            if len(at):
                part = block.rows(at).holding(name, np.full(len(at), bound))
                found.put(at, project(part, theta[at], jacobian=jacobian))
    return found


def _solved(block: Block, value: Value, jacobian: bool) -> Reduced:
    """Gram-Schmidt over the few columns, each an array over all curves."""
    k, root = len(block), block.root
    offset, columns = columns_of(block, value)
    y = (block.y - offset) * root
    basis: list[FloatArray] = []
    triangle = np.zeros((k, len(columns), len(columns)))
    for j, column in enumerate(columns):
        v = np.broadcast_to(column * root, block.y.shape)
        size = np.sqrt(_dot(v, v))
        for _ in range(2):  # twice is enough
            for i, q in enumerate(basis):
                part = _dot(q, v)
                triangle[:, i, j] += part
                v = v - part[:, None] * q
        rest = np.sqrt(_dot(v, v))
        usable = rest > COLLINEAR * np.maximum(size, 1e-300)
        triangle[:, j, j] = np.where(usable, rest, np.inf)
        basis.append(np.where(usable[:, None], v, 0.0) / np.where(usable, rest, 1.0)[:, None])
    shares = [_dot(q, y) for q in basis]
    for q, share in zip(basis, shares, strict=True):
        y = y - share[:, None] * q
    linear = _linear(block, value, _back(triangle, shares))
    return Reduced(_dot(y, y), linear, y, _projected(block, linear, value.slopes, basis) if jacobian else None)


def _projected(block: Block, linear: FloatArray, slopes: list[FloatArray], basis: list[FloatArray]) -> FloatArray:
    height = (linear[:, 1] - linear[:, 0])[:, None]
    bump = block.family.bump(block.at.x)
    if bump is not None:
        height = height + linear[:, 2:3] * bump
    jacobian = np.empty((*block.y.shape, len(slopes)))
    for i, slope in enumerate(slopes):
        v = height * slope * block.root
        for q in basis:
            v = v - _dot(q, v)[:, None] * q
        jacobian[:, :, i] = v
    return jacobian


def _dot(a: FloatArray, b: FloatArray) -> FloatArray:
    return np.asarray(np.einsum("km,km->k", a, b))


def columns_of(block: Block, value: Value) -> tuple[FloatArray | float, list[FloatArray]]:
    """What is known of the curve, and the columns of what is linear in it."""
    c, d = block.held.get("c"), block.held.get("d")
    bump = block.family.bump(block.at.x)
    more = [] if bump is None else [bump * value.s]
    s, rest, one = value.s, value.rest, np.ones((1, 1))
    if block.less is not None:
        s, rest, one = s.copy(), rest.copy(), np.ones((1, s.shape[1]))
        rest[:, -1], s[:, -1], one[:, -1] = rest[:, -1] - block.less[0], s[:, -1] - block.less[1], 1.0 - sum(block.less)
    if c is not None and d is not None:
        return c[:, None] * one + (d - c)[:, None] * s, more
    if c is not None:
        return c[:, None] * one, [s, *more]
    if d is not None:
        return d[:, None] * one, [rest, *more]
    fallen = np.where(_fallen(value)[:, None], s, -rest)
    return 0.0, [np.broadcast_to(one, fallen.shape), fallen, *more]


def _fallen(value: Value) -> npt.NDArray[np.bool_]:
    """Curves that lie below the middle at most doses: there s is the small number, elsewhere 1 - s is."""
    return np.asarray(value.s.sum(axis=1) < value.rest.sum(axis=1))


def _back(triangle: FloatArray, shares: list[FloatArray]) -> list[FloatArray]:
    solved: list[FloatArray] = [np.empty(0)] * len(shares)
    for j in reversed(range(len(shares))):
        rest = shares[j]
        for i in range(j + 1, len(shares)):
            rest = rest - triangle[:, j, i] * solved[i]
        solved[j] = rest / triangle[:, j, j]
    return solved


def _linear(block: Block, value: Value, solved: list[FloatArray]) -> FloatArray:
    c, d = block.held.get("c"), block.held.get("d")
    out = np.zeros((len(block), 3))
    taken = 0
    if c is not None and d is not None:
        out[:, 0], out[:, 1] = c, d
    elif c is not None:
        out[:, 0], out[:, 1], taken = c, c + solved[0], 1
    elif d is not None:
        out[:, 0], out[:, 1], taken = d + solved[0], d, 1
    else:
        fallen, taken = _fallen(value), 2
        out[:, 0] = np.where(fallen, solved[0], solved[0] - solved[1])
        out[:, 1] = np.where(fallen, solved[0] + solved[1], solved[0])
    if block.family.hump is not None:
        out[:, 2] = solved[taken]
    return out


def descend(
    block: Block, theta: FloatArray, *, steps: int = 100, tolerance: float = 1e-11
) -> tuple[FloatArray, Reduced, npt.NDArray[np.bool_]]:
    """Damped Gauss-Newton on the reduced problem, every curve with its own damping.

    Parameters
    ----------
    block : Block
    theta : ndarray, shape (k, p)
        Starts, within the block's bounds.
    steps : int
    tolerance : float
        Relative fall of the sum of squares below which a curve counts as settled.

    Returns
    -------
    theta : ndarray, shape (k, p)
    reduced : Reduced
    settled : ndarray of bool, shape (k,)
    """
    theta = theta.copy()
    found = project(block, theta)
    floor = 1e-22 * np.maximum(_dot(block.y * block.root, block.y * block.root), 1e-300)
    damping = np.full(len(block), 1e-3)
    quiet = np.zeros(len(block), dtype=np.int64)
    open_rows = np.flatnonzero(found.rss > floor)
    for _ in range(steps):
        if len(open_rows) == 0:
            break
        part = block if len(open_rows) == len(block) else block.rows(open_rows)
        here = theta[open_rows]
        there = _stepped(part, here, found.jacobian[open_rows], found.residual[open_rows], damping[open_rows])  # type: ignore[index]
        tried = project(part, there)
        old = found.rss[open_rows]
        better = tried.rss <= old
        gain = (old - tried.rss) / np.maximum(old, 1e-300)
        good = better & (old - tried.rss >= _TRUSTED * _foretold(found, open_rows, there - here))
        at = open_rows[better]
        theta[at] = there[better]
        chosen = np.flatnonzero(better)
        found.rss[at], found.linear[at], found.residual[at] = (
            tried.rss[chosen],
            tried.linear[chosen],
            tried.residual[chosen],
        )
        found.jacobian[at] = tried.jacobian[chosen]  # type: ignore[index]
        damping[open_rows] = np.where(good, damping[open_rows] * 0.1, np.maximum(damping[open_rows] * 8.0, 1e-3))
        np.clip(damping, 1e-12, 1e12, out=damping)
        quiet[open_rows] = np.where(
            better & (gain < tolerance), quiet[open_rows] + 1, np.where(better, 0, quiet[open_rows])
        )
        still = (quiet[open_rows] < 2) & (damping[open_rows] < 1e9) & (found.rss[open_rows] > floor[open_rows])
        open_rows = open_rows[still]
    settled = np.ones(len(block), dtype=bool)
    settled[open_rows] = False
    return theta, found, settled


def _foretold(found: Reduced, rows: IndexArray, step: FloatArray) -> FloatArray:
    """By how much the sum of squares of some curves would fall if curves were linear in their parameters."""
    jacobian: FloatArray = found.jacobian[rows]  # type: ignore[index]
    along = np.einsum("kmp,kp->km", jacobian, step[:, : jacobian.shape[2]])
    return 2.0 * _dot(found.residual[rows], along) - _dot(along, along)


def _stepped(
    block: Block, theta: FloatArray, jacobian: FloatArray, residual: FloatArray, damping: FloatArray
) -> FloatArray:
    """One damped step, at most 2 in any working parameter, within the bounds."""
    p = jacobian.shape[2]  # columns of theta behind these are constants of a pinned shape
    searched, low, high = theta[:, :p], block.low[:, :p], block.high[:, :p]
    normal = np.einsum("kmi,kmj->kij", jacobian, jacobian)
    slope = np.einsum("kmi,km->ki", jacobian, residual)
    pushed = ((searched <= low) & (slope < 0)) | ((searched >= high) & (slope > 0))
    slope = np.where(pushed, 0.0, slope)
    free = ~pushed
    normal = normal * (free[:, :, None] & free[:, None, :])
    diagonal = np.einsum("kii->ki", normal)
    ridge = damping[:, None] * diagonal + 1e-14 * diagonal.max(axis=1, keepdims=True) + pushed + 1e-300
    index = np.arange(p)
    normal[:, index, index] += ridge
    step = _solve(normal, slope)
    largest = np.abs(step).max(axis=1, keepdims=True)
    step *= np.minimum(1.0, 2.0 / np.maximum(largest, 1e-300))
    there = theta.copy()
    there[:, :p] = np.clip(searched + step, low, high)
    return there


def _solve(normal: FloatArray, slope: FloatArray) -> FloatArray:
    if slope.shape[1] == 1:
        return slope / normal[:, 0]
    if slope.shape[1] == 2:
        a, b, d = normal[:, 0, 0], normal[:, 0, 1], normal[:, 1, 1]
        rest = np.maximum(1.0 - (b / a) * (b / d), 1e-15)
        x, y = slope[:, 0] / a, slope[:, 1] / d
        return np.stack([(x - b * y / a) / rest, (y - b * x / d) / rest], axis=1)
    diagonal = np.sqrt(np.einsum("kii->ki", normal))
    scaled = normal / (diagonal[:, :, None] * diagonal[:, None, :])
    return np.asarray(np.linalg.solve(scaled, (slope / diagonal)[..., None])[..., 0] / diagonal)
