"""heyoka with four lanes, as performance studies on processors without AVX-512 have it."""

from __future__ import annotations

from typing import ClassVar

from peers import heyoka_taylor
from peers.heyoka_taylor import VERSION

__all__ = ["VERSION", "Solver"]

NAME, BATCH = "heyoka, 4 lanes", 4
OPTIONS = "the same with taylor_adaptive_batch of 4"


class Solver(heyoka_taylor.Solver):
    batch: ClassVar[int] = BATCH

    derivatives = None  # no batches are in it
