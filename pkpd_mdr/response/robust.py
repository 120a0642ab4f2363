"""Robust losses by iteratively reweighted least squares: outliers count less, are flagged and never deleted.

Huber (1981) and Beaton and Tukey (1974) weights at 95 % efficiency under a normal error, and Cauchy's; the scale is
the median absolute residual, kept from the first fit on where it would shrink to nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

import numpy as np

from pkpd_mdr.errors import DataError, did_you_mean, shown
from pkpd_mdr.response.estimates import Curves, fit_stack
from pkpd_mdr.response.families import Family
from pkpd_mdr.response.separable import descend
from pkpd_mdr.response.shapes import FloatArray
from pkpd_mdr.response.stack import Stack

__all__ = ["LOSSES", "fit_robust", "loss_named"]

_ROUNDS = 40
_NORMAL = 0.6744897501960817  # median absolute deviation of a standard normal


def _huber(z: FloatArray) -> FloatArray:
    return np.minimum(1.0, 1.345 / np.maximum(np.abs(z), 1e-300))


def _tukey(z: FloatArray) -> FloatArray:
    return np.maximum(1.0 - (z / 4.685) ** 2, 0.0) ** 2


def _cauchy(z: FloatArray) -> FloatArray:
    return 1.0 / (1.0 + (z / 2.385) ** 2)


LOSSES: dict[str, Callable[[FloatArray], FloatArray] | None] = {
    "squared": None,
    "huber": _huber,
    "tukey": _tukey,
    "cauchy": _cauchy,
}
"""Weight of a residual, in units of its scale, by the name of the loss."""


def loss_named(name: str) -> Callable[[FloatArray], FloatArray] | None:
    """The weight function of a loss.

    Raises
    ------
    DataError
        An unknown name; the nearest is shown.
    """
    if not isinstance(name, str) or name not in LOSSES:
        raise DataError(f"loss = {shown(name)} is no loss{did_you_mean(name, LOSSES)}")
    return LOSSES[name]


def fit_robust(
    stack: Stack,
    family: Family,
    loss: str,
    *,
    held: Mapping[str, float],
    bounds: Mapping[str, tuple[float, float]],
) -> tuple[Curves, Stack, FloatArray]:
    """Fit every curve with a robust loss.

    Parameters
    ----------
    stack : Stack
    family : Family
    loss : {"huber", "tukey", "cauchy"}
    held, bounds
        See `fit_stack`.

    Returns
    -------
    curves : Curves
        Standard errors are those of the weighted fit, an approximation.
    stack : Stack
        With the final weights; every point is a level of its own.
    share : ndarray, shape (points,)
        Weight that each point kept, 1 for a full one.
    """
    weigh = loss_named(loss)
    assert weigh is not None
    base = stack.weight
    first = fit_stack(stack, family, held=held, bounds=bounds)
    if loss == "tukey":  # a redescending loss has several optima: start from the convex one
        first, _, _ = fit_robust(stack, family, "huber", held=held, bounds=bounds)
    share, theta = np.ones(len(base)), first.theta
    for _ in range(_ROUNDS):
        residual = stack.y - first.predict(stack.x[:, None], stack.curve)[:, 0]
        before, share = share, np.maximum(weigh(residual * np.sqrt(base) / _scales(stack, residual, base)), 1e-6)
        weighted = Stack.of_points(stack.curve, stack.x, stack.y, base * share, count=stack.count)
        first = _refit(weighted, family, held, bounds, theta, first)
        theta = first.theta
        if np.nanmax(np.abs(share - before), initial=0.0) < 1e-7:
            break
    return first, weighted, share


def _scales(stack: Stack, residual: FloatArray, base: FloatArray) -> FloatArray:
    """Scale of each point's curve: median absolute residual, at least a hundredth of its root mean square."""
    import pandas as pd

    size = pd.Series(np.abs(residual) * np.sqrt(base)).groupby(stack.curve)
    middle = size.transform("median").to_numpy() / _NORMAL
    root = np.sqrt(pd.Series(residual**2 * base).groupby(stack.curve).transform("mean").to_numpy())
    return np.asarray(np.maximum(np.maximum(middle, 0.01 * root), 1e-150))


def _refit(
    stack: Stack,
    family: Family,
    held: Mapping[str, float],
    bounds: Mapping[str, tuple[float, float]],
    theta: FloatArray,
    old: Curves,
) -> Curves:
    """The optimum under new weights, from the last one."""
    from pkpd_mdr.response import estimates
    from pkpd_mdr.response.search import Found

    arrays = {name: np.full(stack.count, value) for name, value in held.items()}
    fresh = replace(
        old, theta=old.theta.copy(), linear=old.linear.copy(), rss=old.rss.copy(), sigma=old.sigma.copy(),
        covariance=old.covariance.copy(), at_bound=old.at_bound.copy(), settled=old.settled.copy(), parts=[], log_weights=stack.log_weights,
    )  # fmt: skip
    for part in stack.parts(family, arrays, bounds, old.usable):
        found, reduced, settled = descend(part.block, theta[part.curves])
        estimates.enter(fresh, stack, part, Found(found, reduced.linear, reduced.rss, settled), bounds)
    return fresh
