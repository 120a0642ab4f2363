"""SciPy: solve_ivp with LSODA from event to event, the right-hand side lambdified."""

from __future__ import annotations

from typing import ClassVar

import numpy as np
import scipy
from scipy.integrate import solve_ivp

from peers.problem import Problem, Stretch

NAME, VERSION = "SciPy LSODA", scipy.__version__
OPTIONS = "solve_ivp LSODA, lambdify(cse=True, modules='math'), lists of floats: the fastest form found"


class Solver:
    decades = (-4.0, -10.0)
    modules: ClassVar[str] = "math"

    def __init__(self, problem: Problem) -> None:
        self.problem, self.function = problem, problem.function(self.modules)

    @staticmethod
    def given(values: np.ndarray) -> object:
        """What the right-hand side reads: lists, whose elements are plain numbers."""
        return values.tolist()

    def solve(self, rows: np.ndarray, rtol: float) -> np.ndarray:
        return np.array([self._one(row, rtol) for row in rows])

    def _one(self, values: np.ndarray, rtol: float) -> np.ndarray:
        function, given = self.function, self.given
        row = given(values)

        def advance(y: np.ndarray, part: Stretch) -> tuple[np.ndarray, np.ndarray]:
            u, times = given(part.inputs), np.unique([*part.times, part.end])
            found = solve_ivp(
                lambda t, z: function(given(z), row, u),
                (part.begin, part.end), y, "LSODA", times, rtol=rtol, atol=1e-3 * rtol,
            )  # fmt: skip
            if not found.success:
                return np.full((len(part.times), len(y)), np.nan), np.full(len(y), np.nan)
            values = found.y.T
            return values[: len(part.times)], values[-1].copy()

        return self.problem.walk(advance)
