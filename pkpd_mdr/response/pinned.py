"""Shapes with the effective dose as a parameter, for profile likelihoods.

Each keeps the algebra of variable projection: with the dose of a level pinned, the curve is still linear in what is
left of its limits. A relative level takes the place of e; another level takes the place of one limit.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from pkpd_mdr.response.levels import Level
from pkpd_mdr.response.separable import Block
from pkpd_mdr.response.shapes import Coordinates, FloatArray, Shape, Value, symmetric

__all__ = ["pinned_block"]

_NUDGE = 1e-6
_LEAST = 1e-100  # of a share that is divided by, so that its square is a number too


@dataclass(frozen=True, slots=True)
class PinnedRelative:
    """``ln e`` is given by the pinned log dose: parameters ln b [, ln f], then the constants log dose and share."""

    shape: Shape

    def __call__(self, theta: FloatArray, at: Coordinates) -> Value:
        """The shape at doses; slopes by the searched parameters only."""
        full, by_f = self._full(theta)
        value = self.shape(full, at)
        reach = full[:, 1:2] - theta[:, -2:-1]  # ln e - pinned log dose = -u/b
        slopes = [value.slopes[0] - reach * value.slopes[1]]
        if self.shape.asymmetric:
            slopes.append(value.slopes[2] + by_f[:, None] * value.slopes[1])
        return Value(value.s, value.rest, slopes)

    def _full(self, theta: FloatArray) -> tuple[FloatArray, FloatArray]:
        logs, share = theta[:, -2], theta[:, -1]
        b = np.exp(theta[:, 0])
        if not self.shape.asymmetric:
            return np.stack([theta[:, 0], logs - self.shape.inverse(share, 1.0 - share) / b], axis=1), np.zeros(0)

        def place(log_f: FloatArray) -> FloatArray:
            return np.asarray(logs - self.shape.inverse(*symmetric(share, 1.0 - share, log_f)) / b)

        by_f = (place(theta[:, 1] + _NUDGE) - place(theta[:, 1] - _NUDGE)) / (2.0 * _NUDGE)
        return np.stack([theta[:, 0], place(theta[:, 1]), theta[:, 1]], axis=1), by_f


@dataclass(frozen=True, slots=True)
class PinnedLimit:
    """A limit is given by the response at the pinned log dose: the shape's own parameters, then that log dose.

    With S the shape at the pinned dose: ``s - S`` where both limits are free, ``s/S`` where c is held,
    ``1 - (1 - s)/(1 - S)`` where d is held, and ``s + (q - S)/(1 - S) (1 - s)`` for a share q of a free d.
    """

    shape: Shape
    way: str
    share: float = 0.5

    def __call__(self, theta: FloatArray, at: Coordinates) -> Value:
        """The shape at doses; slopes by the searched parameters only."""
        own, logs = theta[:, :-1], theta[:, -1:]
        value = self.shape(own, at)
        pin = self.shape(own, Coordinates(np.exp(logs), logs))
        if self.way == "difference":
            s = value.s - pin.s
            return Value(s, 1.0 - s, [here - there for here, there in zip(value.slopes, pin.slopes, strict=True)])
        if self.way == "of c":
            level = np.maximum(pin.s, _LEAST)
            s = value.s / level
            slopes = [here / level - s * there / level for here, there in zip(value.slopes, pin.slopes, strict=True)]
            return Value(s, 1.0 - s, slopes)
        rest = np.maximum(pin.rest, _LEAST)
        if self.way == "of d":
            part = value.rest / rest
            slopes = [here / rest - part * there / rest for here, there in zip(value.slopes, pin.slopes, strict=True)]
            return Value(1.0 - part, part, slopes)
        ratio = (self.share - pin.s) / rest
        by_pin = (self.share - 1.0) / rest**2
        s = value.s + ratio * value.rest
        slopes = [
            (1.0 - ratio) * here + by_pin * there * value.rest
            for here, there in zip(value.slopes, pin.slopes, strict=True)
        ]
        return Value(s, 1.0 - s, slopes)


def pinned_block(block: Block, level: Level) -> Block | None:
    """The block with an effective dose as a constant of every curve; None where the algebra has no such form.

    The working parameters of the block are then those still searched, followed by the constants of the pin: the log
    dose (and the share, for a relative level).
    """
    family, shape = block.family, block.family.shape
    if shape.linear or shape.two_sites or family.hump is not None:
        return None
    both = "c" in block.held and "d" in block.held
    if level.kind == "relative" or both:
        return _relative(block)
    target = np.full(len(block), level.value)
    if level.kind == "absolute":
        if "c" in block.held:
            return _with_limit(block, "of c", {"c": block.held["c"], "d": target})
        if "d" in block.held:
            return _with_limit(block, "of d", {"c": target, "d": block.held["d"]})
        return _with_limit(block, "difference", {"c": target})
    left = 1.0 - level.value / 100.0
    if "d" in block.held:
        return _with_limit(block, "of d", {"c": left * block.held["d"], "d": block.held["d"]})
    if "c" in block.held:
        return _relative(block) if not block.held["c"].any() else None
    return _with_limit(block, "share of d", {"c": np.zeros(len(block))}, left)


def _relative(block: Block) -> Block:
    keep = [0, 2] if block.family.shape.asymmetric else [0]
    searched = replace(block.family, shape=PinnedRelative(block.family.shape))  # type: ignore[arg-type]
    return replace(block, family=searched, low=block.low[:, keep], high=block.high[:, keep])


def _with_limit(block: Block, way: str, held: dict[str, FloatArray], share: float = 0.5) -> Block:
    shape = PinnedLimit(block.family.shape, way, share)
    return replace(block, family=replace(block.family, shape=shape), held=held, bounds={})  # type: ignore[arg-type]
