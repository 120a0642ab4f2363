"""SciPy as most scripts have it: solve_ivp with LSODA, SymPy's lambdify as it comes, arrays of NumPy."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from peers import scipy_lsoda
from peers.scipy_lsoda import VERSION

__all__ = ["VERSION", "Solver"]

NAME = "SciPy LSODA, arrays"
OPTIONS = "solve_ivp LSODA, lambdify(cse=True) with its default, NumPy, and arrays, as most scripts have it"


class Solver(scipy_lsoda.Solver):
    modules: ClassVar[str] = "numpy"

    @staticmethod
    def given(values: np.ndarray) -> object:
        """Arrays as they come."""
        return values
