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
_ANEW = 5  # first rounds in which the optimum is searched anew
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
        Standard errors are those of an estimate with this loss, for many points.
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
    for turn in range(_ROUNDS):
        residual = stack.y - first.predict(stack.x[:, None], stack.curve)[:, 0]
        before, share = share, np.maximum(weigh(residual * np.sqrt(base) / _scales(stack, residual, base)), 1e-6)
        weighted = Stack.of_points(stack.curve, stack.x, stack.y, base * share, count=stack.count)
        first = _refit(weighted, family, held, bounds, theta, first, anew=turn < _ANEW)
        theta = first.theta
        if np.nanmax(np.abs(share - before), initial=0.0) < 1e-7:
            break
    _widen(first, stack, share, weigh)
    return first, weighted, share


def _widen(curves: Curves, stack: Stack, share: FloatArray, weigh: Callable[[FloatArray], FloatArray]) -> None:
    """Errors of an estimate with a robust loss, in place of those of a fit whose weights had been known beforehand.

    With psi(z) = z weight(z) the variance is ``k**2 s**2 sum(psi**2)/(n - p) / mean(psi')**2`` times that of unit
    errors, with ``k = 1 + p/n var(psi')/mean(psi')**2`` for few points (Huber 1981, section 7.6). Known weights enter
    the inverse of a covariance by their mean.
    """
    residual = (stack.y - curves.predict(stack.x[:, None], stack.curve)[:, 0]) * np.sqrt(stack.weight)
    scale = _scales(stack, stack.y - curves.predict(stack.x[:, None], stack.curve)[:, 0], stack.weight)
    z, h = residual / scale, 1e-4
    slope = ((z + h) * weigh(z + h) - (z - h) * weigh(z - h)) / (2.0 * h)

    def mean(values: FloatArray) -> FloatArray:
        """Mean over the points of every curve."""
        return np.bincount(stack.curve, values, stack.count) / np.maximum(stack.n, 1)

    with np.errstate(divide="ignore", invalid="ignore"):
        steep = mean(slope)
        spread = mean(slope**2) - steep**2
        p = stack.n - curves.df
        few = 1.0 + p / stack.n * np.maximum(spread, 0.0) / steep**2
        middle = mean(scale)
        variance = few**2 * middle**2 * mean((z * weigh(z)) ** 2) * stack.n / curves.df / steep**2 * mean(share)
        wider = np.sqrt(variance) / curves.sigma
        good = np.isfinite(wider) & (steep > 0) & (curves.df > 0)
    factor = np.where(good, wider, 1.0)
    curves.sigma[:] = curves.sigma * factor
    curves.covariance *= factor[:, None, None] ** 2


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
    *,
    anew: bool,
) -> Curves:
    """The optimum under new weights, from the last one or searched anew: an outlier may have led it elsewhere."""
    from pkpd_mdr.response import estimates
    from pkpd_mdr.response.search import Found, search

    arrays = {name: np.full(stack.count, value) for name, value in held.items()}
    fresh = replace(
        old, theta=old.theta.copy(), linear=old.linear.copy(), rss=old.rss.copy(), sigma=old.sigma.copy(),
        covariance=old.covariance.copy(), at_bound=old.at_bound.copy(), settled=old.settled.copy(), parts=[],
        log_weights=stack.log_weights,
    )  # fmt: skip
    for part in stack.parts(family, arrays, bounds, old.usable):
        known, reduced, settled = descend(part.block, theta[part.curves])
        best = Found(known, reduced.linear, reduced.rss, settled)
        if anew:
            other = search(part.block)
            better = np.flatnonzero(other.rss < best.rss * (1.0 - 1e-6))
            for name in Found.__slots__:
                getattr(best, name)[better] = getattr(other, name)[better]
        estimates.enter(fresh, stack, part, best, bounds)
    return fresh
