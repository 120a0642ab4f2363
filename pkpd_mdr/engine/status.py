"""What became of a member."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["Status"]


@dataclass(frozen=True, slots=True)
class Status:
    """Whether a member was finished, and if not: when, where and why, in one sentence."""

    ok: bool = True
    sentence: str = ""
    time: float = float("nan")
