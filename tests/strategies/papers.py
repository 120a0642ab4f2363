"""Equations of published models, typed from the papers and solved by SciPy; nothing here comes from the library."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from scipy.integrate import solve_ivp


def ode(slope: Callable[..., Any], y: Sequence[float], times: Sequence[float]) -> np.ndarray:
    """States at `times`, the first of which is the start; shape (k, n)."""
    solved = solve_ivp(slope, (times[0], times[-1]), y, t_eval=times, method="LSODA", rtol=1e-11, atol=1e-12)
    assert solved.success
    return np.asarray(solved.y.T)


DEPILLIS = {
    "a": 0.514, "b": 1.02e-9, "c": 3.23e-7, "d": 1.43, "s": 2.73, "sig": 13000, "f": 0.0412, "g": 0.025,
    "h": 2.02e7, "p": 1e-7, "m": 0.02, "j": 0.0375, "k": 2.02e7, "q": 3.42e-10, "r": 1.1e-7,
}  # fmt: skip


def depillis2005(t: float, y: np.ndarray) -> list[float]:
    """Slopes of tumour, NK and CD8 cells."""
    v = DEPILLIS
    T, N, L = np.maximum(y, 1e-300)
    D = v["d"] * (L / T) ** 0.58 / (v["s"] + (L / T) ** 0.58)
    kill, seen = D * T, (D * T) ** 2
    return [
        v["a"] * T * (1 - v["b"] * T) - v["c"] * N * T - kill,
        v["sig"] - v["f"] * N + v["g"] * T**2 * N / (v["h"] + T**2) - v["p"] * N * T,
        -v["m"] * L + v["j"] * seen * L / (v["k"] + seen) - v["q"] * L * T + v["r"] * N * T,
    ]


def leontriana2021(t: float, y: np.ndarray) -> list[float]:
    """Slopes of CAR T and tumour cells."""
    C, T = y
    return [0.9 * C * T / (1e10 + T) - 0.04 * C * T / (2e9 + C) - C / 7, 0.02 * T - 2.5e-10 * C * T]


PEREZGARCIA_DOSE = 0.5985


def perezgarcia2019(t: float, y: np.ndarray) -> list[float]:
    """Slopes of the volumes of proliferating and damaged cells, and of the drug."""
    a1, a2, rho, K, lam = 0.1028, 0.1397, 0.00293193, 261.799, 8.3184
    P, D, C = y
    room = 1 - (P + D) / K
    return [rho * P * room - (a1 + a2) * P * C, a1 * P * C - rho * D * room, -lam * C]
