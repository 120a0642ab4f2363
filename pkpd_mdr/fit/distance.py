"""How much worse than the best point another one describes the data, and draws that are further off than chance is."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from pkpd_mdr.fit.bands import working_points
from pkpd_mdr.fit.draws import Draws

if TYPE_CHECKING:
    from pkpd_mdr.fit.result import Fit

__all__ = ["far_off", "rise"]

_LOOKED_AT = 20  # draws, as each costs a simulation of all conditions
_RARE = 0.999  # quantile of the distance beyond which a draw is far off
_MANY = 0.25  # share of far draws from which on the approximation does not hold


def rise(fit: Fit, value: float) -> float:
    """Distance of a point from the best one, by minus twice its log-likelihood.

    ``(n - k)*(S/S_min - 1)`` where a common scale is estimated, with S the sum of squares of the profiled likelihood,
    and the rise of minus twice the log-likelihood elsewhere.
    """
    if not fit.objective.profiled:
        return value - fit.best.value
    with np.errstate(over="ignore"):
        return fit.information.freedom * float(np.expm1((value - fit.best.value) / fit.n))


def far_off(fit: Fit, draws: Draws) -> str:
    """A sentence where many draws of a quadratic approximation describe the data worse than chance allows.

    Looked for only where a parameter has no closed interval: there the approximation reaches far, and may not hold.

    Parameters
    ----------
    fit : Fit
    draws : Draws

    Returns
    -------
    str
        Empty where nothing is odd.
    """
    from scipy.stats import chi2, f

    freedom = fit.information.freedom
    if all(item.verdict == "ok" for item in fit.found.items) or not freedom > 0 or fit.objective.exact(fit.best):
        return ""
    k, looked_at = len(fit.found.items), draws.thinned(min(len(draws), _LOOKED_AT))
    rest = fit.best.point[k:]
    points = [np.concatenate([u, rest]) for u in working_points(fit.found.space, looked_at, fit.best.point)]
    found = fit.objective.evaluate_many(points)
    limit = k * f.ppf(_RARE, k, freedom) if math.isfinite(freedom) else chi2.ppf(_RARE, k)
    far = sum(bool(one.prediction.failures) or not rise(fit, one.value) <= limit for one in found)
    if far < _MANY * len(found):
        return ""
    return (
        f"{far} of {len(found)} draws that were looked at describe the data worse than chance allows: the likelihood "
        "is not quadratic there; fit.mcmc() and fit.profiles() do not take it to be"
    )
