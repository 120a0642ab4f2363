"""lmfit's least squares from one start, where the likelihood is a sum of squares; asked for by name."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np

from pkpd_mdr.fit.free import FloatArray
from pkpd_mdr.fit.objective import Evaluation, Objective
from pkpd_mdr.fit.scoring import Found

__all__ = ["least_squares"]

_NUDGE = 1e-3  # a start on a bound is moved inside by this share of the box, where lmfit has a slope


class _Watch:
    """Counts evaluations and remembers the best one, so that an aborted run still gives its best point."""

    def __init__(self, objective: Objective, names: list[str]) -> None:
        self.objective, self.names = objective, names
        self.count, self.failures = 0, 0
        self.best: Evaluation | None = None
        self._seen: FloatArray | None = None

    def _evaluate(self, parameters: Any) -> Evaluation:
        point = np.array([parameters[name].value for name in self.names], dtype=float)
        result = self.objective.evaluate(point)
        if self._seen is None or not np.array_equal(self._seen, point):
            self._seen, self.count = point, self.count + 1
            self.failures += bool(result.prediction.failures)
        if self.best is None or result.squares < self.best.squares:
            self.best = result
        return result

    def residuals(self, parameters: Any) -> FloatArray:
        """Signed roots of the deviances."""
        return self._evaluate(parameters).residuals

    def jacobian(self, parameters: Any) -> FloatArray:
        """Their slopes, in an array that lmfit may change."""
        return self._evaluate(parameters).jacobian.copy()


def least_squares(
    objective: Objective,
    u: FloatArray,
    *,
    method: str,
    tolerance: float,
    most: int,
    number: int,
) -> Found:
    """Run lmfit from one start.

    Parameters
    ----------
    objective : Objective
    u : ndarray, shape (k,)
        Start on the working scale.
    method : {"leastsq", "least_squares"}
        lmfit's name: Levenberg-Marquardt, or the trust region that keeps bounds itself.
    tolerance : float
        Relative change of the sum of squares and of the point at which to stop.
    most : int
        Most evaluations.
    number : int
        Of the start.

    Returns
    -------
    Found
    """
    import lmfit

    low, high = objective.box
    point = _inside(objective.complete(u), low, high)
    names = [f"p{i}" for i in range(len(point))]
    parameters = lmfit.Parameters()
    for i, name in enumerate(names):
        parameters.add(name, value=point[i], min=low[i], max=high[i])
    watch = _Watch(objective, names)
    options = {"ftol": tolerance, "xtol": tolerance, "gtol": 1e-14, "max_nfev": most, "Dfun": watch.jacobian}
    if method == "least_squares":
        options["x_scale"] = "jac"
    message = "too few residuals for this optimiser"
    if len(objective.evaluate(point).residuals) >= len(point):
        with warnings.catch_warnings(), np.errstate(all="ignore"):
            warnings.simplefilter("ignore")
            minimizer = lmfit.Minimizer(watch.residuals, parameters, calc_covar=False, nan_policy="raise")
            result = minimizer.minimize(method=method, **options)
        message = f"stopped after {most} evaluations" if result.aborted else str(result.message).strip().rstrip(".")
    best = watch.best or objective.evaluate(point)
    return Found(number, u, best, watch.count, watch.failures, message)


def _inside(point: FloatArray, low: FloatArray, high: FloatArray) -> FloatArray:
    width = np.where(np.isfinite(high - low), high - low, 1.0)
    margin = _NUDGE * width
    nudged = np.clip(point, low + margin, high - margin)
    return np.where((point <= low) | (point >= high), nudged, point)
