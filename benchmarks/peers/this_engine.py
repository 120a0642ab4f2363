"""This engine: one trajectory through one lane, an ensemble through as many as the processor has, one thread."""

from __future__ import annotations

import numpy as np

from peers.problem import Problem
from pkpd_mdr import __version__
from pkpd_mdr.engine import Accuracy
from pkpd_mdr.engine.machine.compiled import solve_compiled, warm_up

NAME, VERSION = "pkpd_mdr", __version__
BATCH = 64
OPTIONS = "Rodas5P, one lane for a trajectory, all lanes for an ensemble, one thread"


class Solver:
    decades = (-3.0, -9.0)

    def __init__(self, problem: Problem) -> None:
        warm_up()
        self.model, self.calls = problem.model, 0

    def solve(self, rows: np.ndarray, rtol: float) -> np.ndarray:
        count, model = len(rows), self.model
        self.calls += 1
        rows = rows * (1 + self.calls * np.finfo(float).eps)  # values of its own: nothing that is remembered serves
        timeline, starts = model.timeline, np.repeat(model.start[None], count, axis=0)
        found = solve_compiled(
            model.compiled, rows, starts, [timeline] * count, model.compiled.states,
            accuracy=Accuracy(rtol=rtol, atol=1e-3 * rtol), threads=1,
        )  # fmt: skip
        return np.stack([member.values for member in found.members])

    def derivatives(self, row: np.ndarray, rtol: float) -> np.ndarray:
        """Marks x states x parameters, with the derivatives in the error test."""
        model = self.model
        found = solve_compiled(
            model.compiled, row[None], model.start[None], [model.timeline], model.compiled.states,
            accuracy=Accuracy(rtol=rtol, atol=1e-3 * rtol), sensitivities=model.compiled.parameters,
        )  # fmt: skip
        return found.members[0].sensitivities
