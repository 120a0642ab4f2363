"""Areas under and above dose-response curves on the log10 dose axis, divided by its range.

``AUC`` is the mean response over the range; ``AAC`` the mean inhibition (activity area of Barretina et al. 2012),
which needs a declared scale. For log-logistic curves of up to four parameters the area is a closed form; other
families are integrated by Gauss-Legendre quadrature.
"""

from __future__ import annotations

import numpy as np

from pkpd_mdr.response.estimates import Curves
from pkpd_mdr.response.shapes import FloatArray
from pkpd_mdr.response.stack import Stack

__all__ = ["fitted_area", "tested_range", "trapezoid_area"]


def tested_range(stack: Stack) -> tuple[FloatArray, FloatArray]:
    """Lowest and highest positive dose of every curve, shape (count,); NaN where there is none."""
    low, high = np.full(stack.count, np.inf), np.full(stack.count, -np.inf)
    real = stack.level_x > 0
    np.minimum.at(low, stack.level_curve[real], stack.level_x[real])
    np.maximum.at(high, stack.level_curve[real], stack.level_x[real])
    return np.where(np.isfinite(low), low, np.nan), np.where(np.isfinite(high), high, np.nan)


def fitted_area(curves: Curves, low: FloatArray, high: FloatArray) -> FloatArray:
    """Mean fitted response between two doses, on the log axis, shape (count,).

    Parameters
    ----------
    curves : Curves
    low, high : ndarray, shape (count,)
        Positive doses.
    """
    bottom, top = np.log(low), np.log(high)
    shape = curves.family.shape
    with np.errstate(invalid="ignore", divide="ignore", over="ignore"):
        if shape.name == "log-logistic" and curves.family.hump is None:
            b, e, c, d = np.exp(curves.theta[:, 0]), curves.theta[:, 1], curves.linear[:, 0], curves.linear[:, 1]
            start, end = b * (bottom - e), b * (top - e)
            # shares of c and d each from a form of its own: on a ridge one is tiny and its limit huge
            fallen = (np.logaddexp(0.0, end) - np.logaddexp(0.0, start)) / (end - start)
            left = (np.logaddexp(0.0, -start) - np.logaddexp(0.0, -end)) / (end - start)
            return np.where(top > bottom, c * fallen + d * left, np.nan)
        nodes, weights = np.polynomial.legendre.leggauss(96)
        at = bottom[:, None] + (top - bottom)[:, None] * (0.5 + 0.5 * nodes)
        return np.where(top > bottom, curves.predict(np.exp(at)) @ weights / 2.0, np.nan)


def trapezoid_area(stack: Stack) -> FloatArray:
    """Mean response by the trapezoidal rule over the means of the positive doses, shape (count,).

    Parameters
    ----------
    stack : Stack
    """
    real = stack.level_x > 0
    curve, log, y = stack.level_curve[real], np.log(stack.level_x[real]), stack.level_y[real]
    same = np.diff(curve) == 0
    width = np.where(same, np.diff(log), 0.0)
    area = (
        np.bincount(curve[1:], width * 0.5 * (y[1:] + y[:-1]), stack.count) if len(curve) > 1 else np.zeros(stack.count)
    )
    span = np.bincount(curve[1:], width, stack.count) if len(curve) > 1 else np.zeros(stack.count)
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(span > 0, area / span, np.nan)
