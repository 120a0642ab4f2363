"""Shapes with the effective dose as a parameter, for profile likelihoods.

Each keeps the algebra of variable projection: with the dose of a level pinned, the curve is still linear in what is
left of its limits. A relative level takes the place of e; another level takes the place of one limit; with hormesis the
pin is one more row, of great weight.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from pkpd_mdr.response.levels import Level
from pkpd_mdr.response.separable import Block
from pkpd_mdr.response.shapes import FAR, Coordinates, FloatArray, Shape, Value

__all__ = ["at_dose", "pinned_block"]

_STIFF = 1e4  # weight of a pin as a row, times that of the heaviest other one
_LEAST = 1e-100  # of a share that is divided by, so that its square is a number too


@dataclass(frozen=True, slots=True)
class PinnedRelative:
    """The place e is given by the pinned log dose: the other parameters, then the constants log dose and share."""

    shape: Shape

    def __call__(self, theta: FloatArray, at: Coordinates) -> Value:
        """The shape at doses; slopes by the searched parameters only, e moving with them."""
        own, logs, share = theta[:, :-2], theta[:, -2], theta[:, -1]
        if self.shape.linear:
            return self._on_dose(own, np.exp(logs), share, at)
        unplaced = np.insert(own, 1, 0.0, axis=1)
        full = unplaced.copy()
        full[:, 1] = logs - self.shape.log_dose(unplaced, share, 1.0 - share)
        value, pin = self.shape(full, at), self.shape(full, Coordinates(np.exp(logs)[:, None], logs[:, None]))
        slopes = [
            here - there / pin.slopes[1] * value.slopes[1]
            for k, (here, there) in enumerate(zip(value.slopes, pin.slopes, strict=True))
            if k != 1
        ]
        return Value(value.s, value.rest, slopes)

    def _on_dose(self, own: FloatArray, dose: FloatArray, share: FloatArray, at: Coordinates) -> Value:
        """Of shapes on the dose itself, where e may be anything that lets the curve pass through the pin."""
        pinned = self.shape.inverse(share, 1.0 - share)[:, None]
        moved = np.exp(own[:, :1]) * (at.x - dose[:, None])
        s, rest, slope = self.shape.slope(np.clip(moved + pinned, -FAR, FAR))
        return Value(s, rest, [slope * moved])


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


def pinned_block(block: Block, level: Level) -> Block:
    """The block with an effective dose as a constant of every curve.

    The working parameters of the block are then those still searched, followed by the constants of the pin: the log
    dose (and the share, for a relative level); or there are none, and the pin is the last row.
    """
    if block.family.hump is not None:
        return _with_pin(block, level)
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
        return _relative(block) if not block.held["c"].any() else _with_pin(block, level)
    return _with_limit(block, "share of d", {"c": np.zeros(len(block))}, left)


def _relative(block: Block) -> Block:
    keep = [k for k, name in enumerate(block.family.shape.parameters) if name != "e"]
    searched = replace(block.family, shape=PinnedRelative(block.family.shape))  # type: ignore[arg-type]
    return replace(block, family=searched, low=block.low[:, keep], high=block.high[:, keep])


def _with_limit(block: Block, way: str, held: dict[str, FloatArray], share: float = 0.5) -> Block:
    shape = PinnedLimit(block.family.shape, way, share)
    return replace(block, family=replace(block.family, shape=shape), held=held, bounds={})  # type: ignore[arg-type]


def _with_pin(block: Block, level: Level) -> Block:
    """One more row, of great weight, says that the curve is at the level at the pinned dose: its last.

    The row is linear in c, d and f, one of which can meet it, so its weight leaves the other rows as they are. The dose
    is entered by `at_dose`.
    """
    k, p = len(block), level.value / 100.0
    less = {"absolute": (0.0, 0.0), "control": (0.0, 1.0 - p), "relative": (p, 1.0 - p)}[level.kind]
    target = np.full((k, 1), level.value if level.kind == "absolute" else 0.0)
    root = np.broadcast_to(block.root, block.y.shape)
    stiff = _STIFF * root.max(axis=1, keepdims=True)
    return replace(
        block,
        at=Coordinates(
            *(np.hstack([np.broadcast_to(z, block.y.shape), np.ones((k, 1))]) for z in (block.at.x, block.at.log))
        ),
        y=np.hstack([block.y, target]),
        root=np.hstack([root, stiff]),
        less=less,
    )


def at_dose(block: Block, logs: FloatArray) -> Block:
    """A block with a pin as its last row, at other doses."""
    x, log = block.at.x.copy(), block.at.log.copy()
    x[:, -1], log[:, -1] = np.exp(logs), logs
    return replace(block, at=Coordinates(x, log))
