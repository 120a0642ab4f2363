"""Weights as even as given means allow: entropy balancing by Newton's method on its convex dual."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from pkpd_mdr.engine.lowering import FloatArray
from pkpd_mdr.errors import DataError, shown

__all__ = ["NOTHING", "balanced"]

NOTHING = 1e-4
"""Of an even weight, or of a standard deviation: below it there is nothing to be seen."""

_STEPS = 200
_REACHED = 1e-9  # of a standard deviation
_LARGEST = 1e3  # a multiplier beyond this weighs patients by more than any reported number can ask for


def balanced(wanted: Sequence[tuple[str, FloatArray, float]]) -> FloatArray:
    """Weights nearest to equal ones (Kullback-Leibler) under which functions have given means.

    Minimises ``log sum_i exp(a.(g_i - t))`` over the multipliers a; its gradient is the weighted mean of g - t and its
    Hessian the weighted covariance of g.

    Parameters
    ----------
    wanted : sequence of (str, ndarray of shape (patients,), float)
        Name, values and mean of each function.

    Returns
    -------
    ndarray, shape (patients,)
        They sum to 1.

    Raises
    ------
    DataError
        A mean that lies outside the values, or means that cannot be had together.

    Examples
    --------
    >>> weights = balanced([("x", np.array([0.0, 1.0]), 0.25)])
    >>> weights.round(6).tolist()
    [0.75, 0.25]
    """
    for name, values, mean in wanted:
        if not values.min() < mean < values.max() and not (values == mean).all():
            raise DataError(_outside(name, values, mean))
    varied = [item for item in wanted if np.ptp(item[1]) > 0]
    if not varied:
        return np.full(len(wanted[0][1]), 1.0 / len(wanted[0][1]))
    scale = np.array([values.std() for _, values, _ in varied])
    off = np.stack([values - mean for _, values, mean in varied], axis=1) / scale
    multipliers = np.zeros(len(varied))
    value, weights = _dual(off, multipliers)
    for _ in range(_STEPS):
        gradient = weights @ off
        if np.abs(gradient).max() < _REACHED:
            return weights
        spread = off.T @ (off * weights[:, None]) - np.outer(gradient, gradient)
        # functions that say the same (a share and a quantile at one level) leave a direction without curvature
        step = -np.linalg.lstsq(spread + 1e-12 * np.eye(len(spread)), gradient, rcond=1e-10)[0]
        size = 1.0
        while size > 1e-8:
            trial = _dual(off, multipliers + size * step)
            if trial[0] <= value + 1e-4 * size * float(gradient @ step):
                break
            size /= 2
        multipliers = multipliers + size * step
        value, weights = trial
        if np.abs(multipliers).max() > _LARGEST:
            break
    raise DataError(_apart(varied, weights))


def _dual(off: FloatArray, multipliers: FloatArray) -> tuple[float, FloatArray]:
    exponents = off @ multipliers
    top = float(exponents.max())
    scaled = np.exp(exponents - top)
    return top + float(np.log(scaled.sum())), scaled / scaled.sum()


def _outside(name: str, values: FloatArray, mean: float) -> str:
    low, high = float(values.min()), float(values.max())
    if low == high:
        shared = f"all {len(values)} patients have the same there ({low:.4g})"
    else:
        shared = f"the patients have {low:.4g} to {high:.4g}"
    return (
        f"{name}: a mean of {mean:.4g} cannot be had by weighing patients, as {shared} (a quantile or a share is the "
        "mean of 0 and 1); draw the cohort from distributions that reach it"
    )


def _apart(wanted: Sequence[tuple[str, FloatArray, float]], weights: FloatArray) -> str:
    off = [abs(float(weights @ values) - mean) / float(values.std()) for _, values, mean in wanted]
    advice = f"check {shown(wanted[int(np.argmax(off))][0])} against the others, or draw a larger or wider cohort"
    if max(off) < NOTHING:  # they could be had at infinite multipliers, where patients are left out altogether
        left_out = int((weights * len(weights) < NOTHING).sum())
        return (
            f"the reported numbers can be had together only if {left_out} of these {len(weights)} patients weigh "
            f"nothing, so that all rests on the others; {advice}"
        )
    told = ", ".join(f"{name}: {float(weights @ values):.4g} instead of {mean:.4g}" for name, values, mean in wanted)
    return (
        "the reported numbers cannot be had together by weighing these patients; the nearest found has "
        f"{told}; {advice}"
    )
