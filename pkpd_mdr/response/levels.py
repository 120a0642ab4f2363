"""Effective doses: the dose at which a fitted curve reaches a level, and its standard error on the log scale.

A level is relative (a share of the way from d to c), a share of the untreated response d, or a response as such.
Standard errors come from the implicit function theorem, so the uncertainty of the level itself is in them: for a
relative level it moves with both limits, for a share of the control with d. (The R package drc leaves this out for
absolute levels; see DoseResponse/drc#38.)
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from pkpd_mdr.errors import DataError, did_you_mean, shown
from pkpd_mdr.response.estimates import Curves, full_jacobian
from pkpd_mdr.response.shapes import Coordinates, FloatArray

__all__ = ["KINDS", "Level", "delta_error", "log_dose", "log_dose_gradient"]

KINDS = ("relative", "control", "absolute")


@dataclass(frozen=True, slots=True)
class Level:
    """What a dose has to reach.

    Parameters
    ----------
    value : float
        Per cent of the way from d to c (relative), per cent below the response d of the untreated (control), or a
        response.
    kind : {"relative", "control", "absolute"}
    """

    value: float
    kind: str = "relative"

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise DataError(f"kind = {shown(self.kind)} is no kind of level{did_you_mean(self.kind, KINDS)}")
        if isinstance(self.value, bool) or not isinstance(self.value, (int, float)) or not math.isfinite(self.value):
            raise DataError(f"a level is a finite number such as 50, not {shown(self.value)}")
        if self.kind != "absolute" and not 0 < self.value < 100:
            raise DataError(
                f"a {self.kind} level is in per cent, above 0 and below 100, not {self.value:g}; write for example 50"
            )

    def __str__(self) -> str:
        stem = {"relative": "ED", "control": "IC", "absolute": "dose at "}[self.kind]
        return f"{stem}{self.value:g}"

    def shares(self, linear: FloatArray) -> tuple[FloatArray, FloatArray]:
        """What is left and what is gone of the height d - c at this level, (k,) each; outside 0..1 where there is none.

        Both are given, because a limit far beyond the data makes one of them tiny.
        """
        c, d = linear[:, 0], linear[:, 1]
        target = self.target(linear)
        with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
            left, gone = (target - c) / (d - c), (d - target) / (d - c)
        if self.kind == "relative":
            left, gone = np.full(len(linear), 1.0 - self.value / 100.0), np.full(len(linear), self.value / 100.0)
        return np.where(d == c, np.nan, left), np.where(d == c, np.nan, gone)

    def target(self, linear: FloatArray) -> FloatArray:
        """The response at this level, shape (k,)."""
        c, d = linear[:, 0], linear[:, 1]
        if self.kind == "absolute":
            return np.full(len(linear), self.value)
        p = self.value / 100.0
        return d * (1.0 - p) if self.kind == "control" else d - p * (d - c)


def log_dose(curves: Curves, level: Level) -> FloatArray:
    """Natural logarithm of the effective dose of every curve; NaN where the level is not reached.

    Parameters
    ----------
    curves : Curves
    level : Level

    Returns
    -------
    ndarray, shape (count,)
    """
    family, theta, linear = curves.family, curves.theta, curves.linear
    with np.errstate(invalid="ignore"):
        if family.hump is None:
            return np.asarray(family.shape.log_dose(theta, *level.shares(linear)))
        return np.array([_beyond_hump(curves, k, level) for k in range(len(theta))])


def _beyond_hump(curves: Curves, k: int, level: Level) -> float:
    """The last dose at which a curve with hormesis crosses the level: the falling side."""
    target = float(level.target(curves.linear[k : k + 1])[0])
    if not math.isfinite(target):
        return math.nan
    from scipy.optimize import brentq

    e, b = float(curves.theta[k, 1]), float(np.exp(curves.theta[k, 0]))
    logs = np.linspace(e - 30.0 / b - 10.0, e + 30.0 / max(b - 1.0, 0.05), 801)
    here = np.array([k])
    falling = curves.linear[k, 1] >= curves.linear[k, 0]

    def above(at: FloatArray) -> FloatArray:
        """Response at log doses minus the target, with the sign of the curve's fall."""
        with np.errstate(over="ignore", invalid="ignore"):  # far beyond every dose
            y = curves.predict(np.exp(at)[None, :], here)[0]
        return np.asarray((y - target) if falling else (target - y))

    sign = above(logs) > 0
    crossings = np.flatnonzero(sign[:-1] & ~sign[1:])
    if len(crossings) == 0:
        return math.nan
    at = crossings[-1]
    return float(brentq(lambda log: float(above(np.array([log]))[0]), logs[at], logs[at + 1], xtol=1e-13))


def log_dose_gradient(curves: Curves, level: Level, logs: FloatArray) -> FloatArray:
    """Derivatives of the log effective dose by all working parameters, shape (count, parameters).

    Implicit function theorem on ``curve(dose) - target = 0``.

    Parameters
    ----------
    curves : Curves
    level : Level
    logs : ndarray, shape (count,)
        From `log_dose`.
    """
    with np.errstate(invalid="ignore", over="ignore"):
        at = Coordinates(np.exp(logs)[:, None], logs[:, None])
        by = full_jacobian(curves.family, curves.theta, curves.linear, at)[:, 0, :]
        c, d = (curves.names.index(name) for name in ("c", "d"))
        p = level.value / 100.0
        if level.kind == "relative":
            by[:, c] -= p
            by[:, d] -= 1.0 - p
        elif level.kind == "control":
            by[:, d] -= 1.0 - p
        slope = _slope(curves, logs)
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.asarray(-by / slope[:, None])


def _slope(curves: Curves, logs: FloatArray) -> FloatArray:
    """Derivative of the curve by the log dose: central differences of a smooth closed form, to 1e-9 relative."""
    h = 1e-5
    return np.asarray(
        (curves.predict(np.exp(logs + h)[:, None])[:, 0] - curves.predict(np.exp(logs - h)[:, None])[:, 0]) / (2.0 * h)
    )


def delta_error(curves: Curves, level: Level, logs: FloatArray) -> FloatArray:
    """Standard error of the log effective dose by the delta method, shape (count,); NaN where it is not fixed."""
    gradient = log_dose_gradient(curves, level, logs)
    gradient[:, ~curves.free] = 0.0
    gradient[curves.at_bound != 0] = 0.0
    gradient[curves.at_bound[:, curves.names.index("e")] != 0] = np.nan  # the place is a bound, not an estimate
    with np.errstate(invalid="ignore"):
        variance = np.einsum("ki,kij,kj->k", gradient, curves.covariance, gradient)
        return np.sqrt(np.where(variance >= 0, variance, np.nan))
