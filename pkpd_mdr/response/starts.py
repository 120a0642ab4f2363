"""Where searches start: a grid over steepness and location, with the places that a plain grid misses.

Best fits of partial curves lie on ridges: a location beyond the doses where only a power law is left, or a step
within one interval of doses. Starts along these ridges are what finds the best sum of squares (see
benchmarks/dose_response.py).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from pkpd_mdr.response.separable import COLLINEAR, Block, columns_of, project
from pkpd_mdr.response.shapes import Coordinates, FloatArray

__all__ = ["bounds_of_shape", "choose_starts", "grid"]

_STEEPNESS = np.geomspace(0.4, 60.0, 8)  # times the span of log doses
_PLACES = np.linspace(-0.12, 1.12, 15)  # of the span
_TAILS = np.array([1.0, 3.0, 6.0, 10.0])  # u at the outermost dose
_STEP = 40.0  # steepness times the gap between doses
_STEEPEST = 3e4  # bound of the steepness times the span: a step, even seen close to one dose
_WITHIN = np.array([-2.0, -0.6, 0.6, 2.0])  # u at the dose in the middle of a step
_BEYOND = 120.0  # how far a location may run from the doses, on the log scale
_ASYMMETRY = (-1.2, 0.0, 1.2)  # ln f
_HUMPED = 3  # more starts of each set where a hump may lie at any dose: its sum of squares has an optimum at several


def _span(at: Coordinates, used: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Lowest and highest positive log dose of each row, shape (k,)."""
    usable = np.isfinite(at.log) & (used > 0)
    low = np.where(usable, at.log, np.inf).min(axis=1)
    high = np.where(usable, at.log, -np.inf).max(axis=1)
    return low, np.maximum(high, low + 0.1)


def bounds_of_shape(block: Block) -> tuple[FloatArray, FloatArray]:
    """Bounds of the working parameters that no sensible curve touches: shape (k, p) each."""
    low, high = _span(block.at, block.root)
    span = high - low
    shape = block.family.shape
    if shape.linear:
        top = np.exp(high)
        steep = (np.log(1e-3 / top), np.log(1e3 / np.exp(low)))
        bottom = [steep[0], np.log(top) - 12.0]
        ceiling = [steep[1], np.log(top) + 6.0]
    else:
        bottom = [np.log(0.02 / span), low - _BEYOND]
        ceiling = [np.log(_STEEPEST / span), high + _BEYOND]
    if shape.asymmetric:
        bottom, ceiling = [*bottom, np.full_like(low, -5.0)], [*ceiling, np.full_like(low, 5.0)]
    if shape.two_sites:
        more, most = (
            [np.full_like(low, -7.0), bottom[0], np.full_like(low, -3.0)],
            [np.full_like(low, 7.0), ceiling[0], np.log(span) + 1.0],
        )
        bottom, ceiling = [*bottom, *more], [*ceiling, *most]
    return np.stack(bottom, axis=1), np.stack(ceiling, axis=1)


def grid(block: Block) -> list[FloatArray]:
    """Sets of starts: the interior, the tails beyond the doses, steps between doses; each of shape (k or 1, G, p)."""
    low, high = (side[:, None, None] for side in _span(block.at, block.root))
    span = high - low
    steep = np.log(_STEEPNESS[None, :, None] / span)
    inside = low + span * _PLACES[None, None, :]
    tails = np.concatenate([high + _TAILS / np.exp(steep), low - _TAILS / np.exp(steep)], axis=2)
    usable = np.isfinite(block.at.log) & (block.root > 0)
    logs = np.where(usable, block.at.log, 0.5 * (low + high)[:, :, 0])
    step = np.log(_STEP * max(block.at.log.shape[1] - 1, 1) / span[:, :, 0])
    steps = np.stack(
        np.broadcast_arrays(step[:, :, None], logs[:, :, None] - _WITHIN / np.exp(step)[:, :, None]), axis=-1
    )
    sets = [_pairs(steep, inside), _pairs(steep, tails), steps.reshape(len(steps), -1, 2)]
    if block.family.shape.linear:
        sets = [_on_the_dose(part, span[:, :, 0]) for part in sets[:2]]
    return [_extended(block, part) for part in sets]


def _pairs(steep: FloatArray, places: FloatArray) -> FloatArray:
    both = np.stack(np.broadcast_arrays(steep, places), axis=-1)
    return both.reshape(len(both), -1, 2)


def _on_the_dose(part: FloatArray, span: FloatArray) -> FloatArray:
    """For shapes of the dose itself: steepness per dose, near the location."""
    return np.stack([part[..., 0] - part[..., 1], part[..., 1]], axis=-1)


def _extended(block: Block, part: FloatArray) -> FloatArray:
    shape = block.family.shape
    if shape.asymmetric:
        return np.concatenate([_with(part, value) for value in _ASYMMETRY], axis=1)
    if shape.two_sites:
        low, high = _span(block.at, block.root)
        gaps = [np.log(share * (high - low)) for share in (0.2, 0.45, 0.8)]
        made = [
            np.concatenate(
                [_with(part, p), part[..., :1], np.broadcast_to(gap[:, None, None], (*part.shape[:2], 1))], axis=2
            )
            for p in (-1.0, 1.0)
            for gap in gaps
        ]
        return np.concatenate(made, axis=1)
    return part


def _with(part: FloatArray, value: float) -> FloatArray:
    return np.concatenate([part, np.full((*part.shape[:2], 1), value)], axis=2)


def choose_starts(block: Block, *, most: int = 2) -> list[FloatArray]:
    """The best starts of each curve: `most` distinct ones of the interior, one of each ridge; more with hormesis.

    Parameters
    ----------
    block : Block
    most : int

    Returns
    -------
    list of ndarray, each of shape (k, p)
    """
    chosen, more = [], 0 if block.family.hump is None else _HUMPED
    for number, part in enumerate(grid(block)):
        part = np.clip(part, block.low[:, None, :], block.high[:, None, :])
        rss = _shared(block, part[0]) if len(part) == 1 and _simple(block) else _ragged(block, part)
        for _ in range((most if number == 0 else 1) + more):
            best = rss.argmin(axis=1)
            theta = part[0, best] if len(part) == 1 else part[np.arange(len(block)), best]
            chosen.append(theta)
            near = np.abs(part - theta[:, None, :]).max(axis=2) < 0.8
            rss = np.where(near, np.inf, rss)
    return chosen


def _simple(block: Block) -> bool:
    return len(block.at.x) == 1 and len(block.root) == 1 and all(np.ptp(values) == 0 for values in block.held.values())


def _shared(block: Block, theta: FloatArray) -> FloatArray:
    """Sums of squares (k, G) by matrix products: each start is one curve of a block of its own."""
    size = len(theta)
    ones = np.zeros((size, block.y.shape[1]))
    held = {name: np.zeros(size) for name in block.held}
    part = Block(block.family, block.at, ones, block.root, held, {}, theta, theta)
    basis, offset = _basis(part, theta, {name: float(values[0]) for name, values in block.held.items()})
    y = block.y * block.root
    rss = np.einsum("km,km->k", y, y)[:, None] - 2.0 * y @ offset.T + np.einsum("gm,gm->g", offset, offset)
    for q in basis:
        rss = rss - (y @ q.T - np.einsum("gm,gm->g", q, offset)) ** 2
    return np.asarray(rss)


def _basis(part: Block, theta: FloatArray, held: dict[str, float]) -> tuple[Sequence[FloatArray], FloatArray]:
    """Orthonormal columns (each (G, m)) and the known part (G, m) of every start."""
    value = part.family.shape(theta, part.at)
    root = np.broadcast_to(part.root, value.s.shape)
    block = replace(part, held={name: np.full(len(theta), number) for name, number in held.items()})
    offset, columns = columns_of(block, value)
    basis: list[FloatArray] = []
    for column in columns:
        v = column * root
        size = np.linalg.norm(v, axis=1)
        for q in basis * 2:
            v = v - np.einsum("gm,gm->g", q, v)[:, None] * q
        rest = np.linalg.norm(v, axis=1)
        usable = rest > COLLINEAR * size
        basis.append(np.where(usable, 1.0 / np.where(usable, rest, 1.0), 0.0)[:, None] * v)
    return basis, np.broadcast_to(offset * root, root.shape)


def _ragged(block: Block, theta: FloatArray) -> FloatArray:
    """Sums of squares (k, G), start by start."""
    plain = Block(block.family, block.at, block.y, block.root, block.held, {}, block.low, block.high)
    shape = (len(block), theta.shape[2])
    rss = [project(plain, np.broadcast_to(theta[:, g], shape), jacobian=False).rss for g in range(theta.shape[1])]
    return np.stack(rss, axis=1)
