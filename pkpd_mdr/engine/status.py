"""What became of a member, and what ends it early."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["Status", "Watch"]


@dataclass(frozen=True, slots=True)
class Status:
    """Whether a member was finished, and if not: when, where and why, in one sentence."""

    ok: bool = True
    sentence: str = ""
    time: float = float("nan")


@dataclass(frozen=True, slots=True)
class Watch:
    """An output that ends a member where it crosses a level.

    Parameters
    ----------
    output : str
        State or observable.
    direction : int
        1: where it rises above the level; -1: where it falls below; 0: both.
    """

    output: str
    direction: int = 0
