"""Distribution functions and their inverses, by the name of the distribution, in its own unit.

The second entry of each pair takes shares between 0 and 1. SciPy's special functions are imported where they are used,
as they are slow to load.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from pkpd_mdr.engine.lowering import FloatArray

__all__ = ["KINDS"]

_Function = Callable[[FloatArray, tuple[float, ...]], Any]


def _ndtr(z: Any) -> Any:
    from scipy.special import ndtr

    return ndtr(z)


def _ndtri(u: Any) -> Any:
    from scipy.special import ndtri

    return ndtri(u)


def _log(x: FloatArray) -> FloatArray:
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(x > 0, np.log(np.maximum(x, 1e-300)), -math.inf)


def _logit(x: FloatArray, low: float, high: float) -> FloatArray:
    inner = np.clip((x - low) / (high - low), 0.0, 1.0)
    with np.errstate(divide="ignore"):
        return np.asarray(np.log(inner) - np.log1p(-inner))


def _expit(z: FloatArray) -> FloatArray:
    return np.asarray(0.5 * (1.0 + np.tanh(z / 2)))


def _beta_below(x: FloatArray, n: tuple[float, ...]) -> Any:
    from scipy.special import betainc

    return betainc(n[0], n[1], np.clip((x - n[2]) / (n[3] - n[2]), 0.0, 1.0))


def _beta_at(u: FloatArray, n: tuple[float, ...]) -> Any:
    from scipy.special import betaincinv

    return n[2] + (n[3] - n[2]) * betaincinv(n[0], n[1], u)


def _triangle_below(x: FloatArray, n: tuple[float, ...]) -> Any:
    low, mode, high = n
    x = np.clip(x, low, high)
    left = (x - low) ** 2 / ((high - low) * max(mode - low, 1e-300))
    right = 1.0 - (high - x) ** 2 / ((high - low) * max(high - mode, 1e-300))
    return np.where(x < mode, left, right)


def _triangle_at(u: FloatArray, n: tuple[float, ...]) -> Any:
    low, mode, high = n
    left = low + np.sqrt(u * (high - low) * (mode - low))
    right = high - np.sqrt((1.0 - u) * (high - low) * (high - mode))
    return np.where(u < (mode - low) / (high - low), left, right)


def _empirical_at(u: FloatArray, n: tuple[float, ...]) -> FloatArray:
    values = np.asarray(n)
    return np.asarray(values[np.clip(np.ceil(u * len(values)).astype(int) - 1, 0, len(values) - 1)])


KINDS: dict[str, tuple[_Function, _Function]] = {
    "normal": (lambda x, n: _ndtr((x - n[0]) / n[1]), lambda u, n: n[0] + n[1] * _ndtri(u)),
    "lognormal": (
        lambda x, n: _ndtr((_log(x) - math.log(n[0])) / n[1]),
        lambda u, n: n[0] * np.exp(n[1] * _ndtri(u)),
    ),
    "logit_normal": (
        lambda x, n: _ndtr((_logit(x, n[2], n[3]) - _logit(np.array(n[0]), n[2], n[3])) / n[1]),
        lambda u, n: n[2] + (n[3] - n[2]) * _expit(_logit(np.array(n[0]), n[2], n[3]) + n[1] * _ndtri(u)),
    ),
    "uniform": (lambda x, n: np.clip((x - n[0]) / (n[1] - n[0]), 0, 1), lambda u, n: n[0] + u * (n[1] - n[0])),
    "log_uniform": (
        lambda x, n: np.clip((_log(x) - math.log(n[0])) / math.log(n[1] / n[0]), 0, 1),
        lambda u, n: n[0] * (n[1] / n[0]) ** u,
    ),
    "beta": (_beta_below, _beta_at),
    "triangular": (_triangle_below, _triangle_at),
    "empirical": (lambda x, n: np.searchsorted(np.asarray(n), x, side="right") / len(n), _empirical_at),
    "share": (lambda x, n: np.where(x >= 1, 1.0, np.where(x >= 0, 1 - n[0], 0.0)), lambda u, n: (u > 1 - n[0]) * 1.0),
    "fixed": (lambda x, n: np.where(x >= n[0], 1.0, 0.0), lambda u, n: np.full(np.shape(u), n[0])),
}
