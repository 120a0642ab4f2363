"""Effective doses of a result: estimate, interval of the kind asked for, and the state of each curve."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from pkpd_mdr.data.checks import check_choice
from pkpd_mdr.errors import DataError
from pkpd_mdr.response.areas import tested_range
from pkpd_mdr.response.estimates import Curves
from pkpd_mdr.response.levels import Level, delta_error, log_dose, log_dose_gradient
from pkpd_mdr.response.profiles import profile_intervals
from pkpd_mdr.response.quantiles import t_reach
from pkpd_mdr.response.reading import control_level
from pkpd_mdr.response.scales import SCALES, check_level
from pkpd_mdr.response.shapes import FloatArray
from pkpd_mdr.response.states import Doses, Known, State, judge

if TYPE_CHECKING:
    from pkpd_mdr.response.joint import Joint
    from pkpd_mdr.response.result import DoseResponse

__all__ = ["effective_doses", "log_dose_of", "too_few_doses"]

_BEYOND = 14.0  # log units outside the tested doses after which a side is open
INTERVALS = ("profile", "delta", "bootstrap", "none")


def effective_doses(fit: DoseResponse, level: Level, interval: str, seed: int) -> Doses:
    """Estimate, interval and state of every curve; see `DoseResponse.ed`."""
    check_choice(interval, INTERVALS, "interval")
    if level.kind == "control" and fit.options.rising:
        raise DataError(
            f"{level}: a share of the control has no meaning where the response rises from none; "
            "ask for kind='absolute', for example 0.5 on an inhibition scale"
        )
    if level.kind == "absolute" and fit.options.scale is not None:
        check_level(level.value, fit.options.scale)
    found = _judged(fit, level, interval, seed, ~fit.no_effect)
    if level.kind == "relative" and fit.options.scale is not None:
        _bound_by_scale(fit, found, level, interval, seed)
    return found


def _judged(
    fit: DoseResponse, level: Level, interval: str, seed: int, chosen: np.ndarray[tuple[int], np.dtype[np.bool_]]
) -> Doses:
    """Doses with states, and intervals of the chosen curves."""
    curves = fit.curves
    logs = log_dose(curves, level)
    with np.errstate(invalid="ignore"):
        errors = delta_error(curves, level, logs)
    lower, upper = _interval(fit, level, np.where(chosen, logs, np.nan), errors, interval, seed)
    few = too_few_doses(fit)
    if interval != "profile":  # refits and slopes of a curve that is one of many with the same fit tell nothing
        lower, upper = np.where(few, np.nan, lower), np.where(few, np.nan, upper)
    low, high = tested_range(fit.stack)
    left, gone = _shares(curves, level, logs)
    known = Known(
        logs=logs,
        lower=lower,
        upper=upper,
        se_log=errors,
        left=left,
        gone=gone,
        lowest=low,
        highest=high,
        flat=fit.no_effect,
        past=_past(fit, level),
        few=few,
        stuck=_stuck(fit),
        usable=curves.usable,
    )
    return judge(known, relative=level.kind == "relative", extrapolate=fit.options.extrapolate)


def too_few_doses(fit: DoseResponse) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
    """Curves with fewer doses than parameters: of many that fit alike, no effective dose is the estimate."""
    if fit.joint is not None:
        return np.zeros(len(fit), dtype=bool)
    telling, d = fit.readings.stack, fit.curves.names.index("d")
    blind = 0 if fit.curves.free[d] else np.bincount(telling.level_curve[telling.level_x == 0.0], minlength=len(fit))
    return np.asarray((telling.levels - blind < fit.curves.estimated) & fit.curves.usable)


def _stuck(fit: DoseResponse) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
    """Curves whose place e is at a bound that was given: their doses are that bound, not an estimate."""
    return np.asarray(fit.curves.at_bound[:, fit.curves.names.index("e")] != 0)


def _bound_by_scale(fit: DoseResponse, found: Doses, level: Level, interval: str, seed: int) -> None:
    """All dead at every dose beside living controls: a relative dose that the curve leaves open lies below the tested.

    The curve alone could fall on without end; a response cannot leave its scale, so no share of the height needs a
    higher dose than the same share of the whole scale does.
    """
    kind, share = SCALES[str(fit.options.scale)], level.value / 100.0
    height = fit.curves.linear[:, 1] - fit.curves.linear[:, 0]
    with np.errstate(invalid="ignore"):
        open_ends = (found.state == State.UNKNOWN) & np.isfinite(found.logs) & (height * (kind.none - kind.full) > 0)
    if not open_ends.any():
        return
    whole = Level(share * kind.full, "absolute") if kind.rising else Level(level.value, "control")
    its = _judged(fit, whole, interval, seed, open_ends)
    below = open_ends & (its.state == State.BELOW)
    found.state[below], found.lower[below], found.upper[below] = State.BELOW, 0.0, its.upper[below]


def _shares(curves: Curves, level: Level, logs: FloatArray) -> tuple[FloatArray, FloatArray]:
    """What is left and gone of the height at the level; not above 0 also where no dose above zero has it."""
    left, gone = level.shares(curves.linear)
    lost = np.isnan(logs) & (left > 0.0) & (gone > 0.0)
    if curves.family.hump is not None:  # it never comes down so far
        return np.where(lost, -1.0, left), gone
    return left, np.where(lost & curves.family.shape.linear, -1.0, gone)  # it begins below the level


def _past(fit: DoseResponse, level: Level) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
    """Flat curves that lie beyond the level already: all cells are dead at every dose.

    A relative level is one of the whole scale then, which says where the untreated wells are that the curve lacks.
    """
    if fit.options.scale is None:
        return np.zeros(len(fit), dtype=bool)
    if level.kind == "relative":
        return fit.beyond_scale(level.value / 100.0)
    target = level.value if level.kind == "absolute" else control_level(fit.options.scale) * (1.0 - level.value / 100.0)
    mean = fit.flat.mean
    with np.errstate(invalid="ignore"):
        return np.asarray(mean > target if fit.options.rising else mean < target)


def _interval(
    fit: DoseResponse, level: Level, logs: FloatArray, errors: FloatArray, interval: str, seed: int
) -> tuple[FloatArray, FloatArray]:
    if interval == "none":
        return logs.copy(), logs.copy()
    if interval == "bootstrap":
        from pkpd_mdr.response.bootstrap import bootstrap_intervals

        return bootstrap_intervals(fit, level, logs, seed=seed)
    confidence = fit.options.confidence
    df = np.maximum(fit.curves.df, 1)
    reach = np.where(fit.curves.df > 0, t_reach(confidence, df), np.nan) * errors
    lower, upper = logs - reach, logs + reach
    if interval == "delta":
        return lower, upper
    if fit.joint is not None:
        return _one_by_one(fit, level, logs, np.flatnonzero(np.isfinite(logs)), fit.joint)
    return profile_intervals(fit.curves, level, logs, confidence=confidence)


def _one_by_one(
    fit: DoseResponse,
    level: Level,
    logs: FloatArray,
    chosen: np.ndarray[tuple[int], np.dtype[np.int64]],
    joint: Joint,
) -> tuple[FloatArray, FloatArray]:
    lower, upper = np.full(len(fit), np.nan), np.full(len(fit), np.nan)
    low, high = (np.log(side) for side in tested_range(fit.stack))
    for k in chosen:
        ends = (float(low[k] - _BEYOND), float(high[k] + _BEYOND))
        its = partial(log_dose_of, level=level, k=int(k))
        lower[k], upper[k] = joint.profile(its, confidence=fit.options.confidence, beyond=ends)
    return lower, upper


def log_dose_of(curves: Curves, level: Level, k: int) -> tuple[float, FloatArray]:
    """Log effective dose of one curve and its gradient by the parameters of all, shape (count, parameters)."""
    own = one_curve(curves, k)
    logs = log_dose(own, level)
    gradient = np.zeros((len(curves.theta), len(curves.names)))
    gradient[k] = log_dose_gradient(own, level, logs)[0]
    return float(logs[0]), gradient


def one_curve(curves: Curves, k: int) -> Curves:
    """A single curve, for functions of one."""
    cut = slice(k, k + 1)
    return replace(
        curves, theta=curves.theta[cut], linear=curves.linear[cut], covariance=curves.covariance[cut],
        at_bound=curves.at_bound[cut], parts=[],
    )  # fmt: skip
