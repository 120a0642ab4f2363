"""Potency ratios and fold-resistance: how many times more drug one curve needs than another, level by level.

If two curves are not parallel their ratio depends on the level, so it is reported at several, beside a test of
parallelism. A curve whose dose is censored gives a bound: "more than 8-fold".
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from pkpd_mdr.data.checks import check_choice
from pkpd_mdr.errors import DataError
from pkpd_mdr.response.effective import log_dose_of
from pkpd_mdr.response.estimates import Curves
from pkpd_mdr.response.joint import Joint, joint_of
from pkpd_mdr.response.levels import Level
from pkpd_mdr.response.quantiles import f_tail, t_reach, t_two_sided
from pkpd_mdr.response.shapes import FloatArray
from pkpd_mdr.response.states import Doses, State

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from pkpd_mdr.response.reading import Readings
    from pkpd_mdr.response.result import DoseResponse

__all__ = ["Ratios", "ratio"]

_BEYOND = 14.0  # logarithm of a ratio at which a side counts as open
INTERVALS = ("profile", "delta", "fieller")


@dataclass(frozen=True, eq=False)
class Ratios:
    """Ratios of effective doses of two curves.

    Attributes
    ----------
    table : DataFrame
        level, ratio (NaN where only a bound is known), lower, upper, se (of the ratio, delta method), state
        ("estimated", "at least", "at most", "between", "not identifiable"), p (of a ratio of 1).
    parallel : DataFrame
        F tests: what is held in common against what is free: test, f, df, df_error, p.
    of, over : str
        Names of the curves.
    """

    table: pd.DataFrame
    parallel: pd.DataFrame
    of: str
    over: str

    @property
    def verdict(self) -> str:
        """Whether one number will do, in one sentence."""
        states = set(self.table["state"])
        if "estimated" not in states and states != {"not identifiable"}:
            return "one number is not known, only bounds are; parallel curves or not, take them for no estimate"
        if "estimated" not in states:
            return (
                "no ratio was estimated, so there is nothing to be parallel; where a curve does not reach the level, "
                "kind='absolute' or kind='control' gives a bound"
            )
        p = float(self.parallel["p"].iloc[-1]) if len(self.parallel) else math.nan
        if not math.isfinite(p):
            return "parallelism cannot be tested"
        if p < 0.05:
            return f"the curves are not parallel (p = {p:.2g}): the ratio depends on the level, report it at several"
        return f"no sign against parallel curves (p = {p:.2g}): one ratio describes them"

    def plot(self, *, ax: Axes | None = None) -> Axes:
        """Ratios with intervals by level; see `pkpd_mdr.plot.response.plot_ratios`."""
        from pkpd_mdr.plot.response import plot_ratios

        return plot_ratios(self, ax=ax)

    def __str__(self) -> str:
        lines = [f"Effective dose of {self.of} over that of {self.over}"]
        for row in self.table.itertuples():
            lines.append(f"  {row.level:<12} {_sentence(row.ratio, row.lower, row.upper, row.state)}")  # type: ignore[arg-type]
        lines.append("Parallelism")
        for row in self.parallel.itertuples():
            lines.append(f"  {row.test:<26} F({row.df}, {row.df_error}) = {row.f:.4g}, p = {row.p:.4g}")
        return "\n".join([*lines, f"  {self.verdict}"])

    __repr__ = __str__


def _sentence(value: float, lower: float, upper: float, state: str) -> str:
    if state == "estimated":
        return f"{value:.4g}  [{lower:.4g}, {upper:.4g}]"
    if state == "between":
        return f"between {lower:.4g} and {upper:.4g}"
    return f"{state} {lower:.4g}" if state == "at least" else f"{state} {upper:.4g}" if state == "at most" else state


def ratio(
    fit: DoseResponse,
    of: object,
    over: object,
    *,
    at: Sequence[float] = (10, 50, 90),
    kind: str = "relative",
    interval: str = "profile",
) -> Ratios:
    """Ratios of effective doses: fold-resistance when `of` is the resistant and `over` the sensitive line.

    Parameters
    ----------
    fit : DoseResponse
        With both curves. Where they were fitted apart they are fitted again with one residual error.
    of, over : label, or mapping of labels
        The curve above and the curve below the line.
    at : sequence of float
        Levels.
    kind : {"relative", "control", "absolute"}
    interval : {"profile", "delta", "fieller"}
        Profile likelihood of the log ratio; delta method on the log scale; Fieller's theorem on the dose scale.

    Returns
    -------
    Ratios

    Raises
    ------
    DataError
        An unknown curve, twice the same, or an option that is not possible.
    """
    check_choice(interval, INTERVALS, "interval")
    if of is None or over is None:
        names = [fit.readings.name(k) for k in range(min(len(fit), 2))]
        raise DataError(f"ratio: say which curve is over which, for example of={names[-1]!r}, over={names[0]!r}")
    i, j = fit.index(of), fit.index(over)
    if i == j:
        raise DataError(f"ratio: of and over are both {fit.readings.name(i)!r}; name two curves")
    for k in (i, j):
        if not fit.curves.usable[k]:
            raise DataError(f"ratio: {fit.readings.name(k)!r} could not be fitted; see its note in frame")
    pair = np.array([i, j])
    joint = fit.joint or joint_of(_readings(fit), fit.stack, fit.curves.family, fit.options, {}, pair)
    rows = [_row(fit, joint, Level(value, kind), i, j, interval) for value in at]
    return Ratios(pd.DataFrame(rows), _parallel(fit, pair), fit.readings.name(i), fit.readings.name(j))


def _readings(fit: DoseResponse) -> Readings:
    """What was read, with the weights that points kept under a robust loss, so that an outlier stays one."""
    if fit.point_shares is None:
        return fit.readings
    weight = np.empty(len(fit.readings.x))
    weight[np.lexsort((fit.readings.x, fit.readings.curve))] = fit.stack.weight
    return replace(fit.readings, weight=weight)


def _row(fit: DoseResponse, joint: Joint, level: Level, i: int, j: int, interval: str) -> dict[str, object]:
    doses = fit.doses(level)
    if not (doses.state[i].has_estimate and doses.state[j].has_estimate):
        return {"level": str(level)} | _censored(doses, i, j)

    def log_ratio(curves: Curves) -> tuple[float, FloatArray]:
        """Logarithm of the ratio of two doses, and its derivatives by the parameters."""
        (first, by_first), (second, by_second) = log_dose_of(curves, level, i), log_dose_of(curves, level, j)
        return first - second, by_first - by_second

    value, error = joint.error(log_ratio)
    confidence = fit.options.confidence
    reach = float(t_reach(confidence, joint.df)) if joint.df > 0 else math.nan
    if interval == "profile":
        low, high = joint.profile(log_ratio, confidence=confidence, beyond=(value - _BEYOND, value + _BEYOND))
        ends = (math.exp(low), math.exp(high))
    elif interval == "delta":
        ends = (math.exp(value - reach * error), math.exp(value + reach * error))
    else:
        ends = _fieller(joint, level, i, j, reach)
    p = float(t_two_sided(value / error, joint.df)) if error > 0 else math.nan
    found = math.exp(value)
    return {
        "level": str(level), "ratio": found, "lower": ends[0], "upper": ends[1], "se": found * error,
        "state": "estimated", "p": p,
    }  # fmt: skip


def _censored(doses: Doses, i: int, j: int) -> dict[str, object]:
    """Bounds of the ratio from the bounds of both doses."""
    unknown = {State.UNKNOWN}
    low = doses.lower[i] / doses.upper[j] if np.isfinite(doses.upper[j]) and doses.upper[j] > 0 else 0.0
    high = doses.upper[i] / doses.lower[j] if doses.lower[j] > 0 else math.inf
    if doses.state[i] in unknown or doses.state[j] in unknown:
        low, high = 0.0, math.inf
    state = (
        "at least"
        if low > 0 and math.isinf(high)
        else "at most"
        if math.isfinite(high) and low == 0
        else "not identifiable"
    )
    if low > 0 and math.isfinite(high):
        state = "between"
    return {"ratio": math.nan, "lower": low, "upper": high, "se": math.nan, "state": state, "p": math.nan}


def _fieller(joint: Joint, level: Level, i: int, j: int, reach: float) -> tuple[float, float]:
    """Fieller (1954): the ratios r for which ``e1 - r e2`` does not differ from zero."""
    (first, by_first), (second, by_second) = (log_dose_of(joint.curves, level, k) for k in (i, j))
    e1, e2 = math.exp(first), math.exp(second)
    g1, g2 = e1 * joint.spread(by_first), e2 * joint.spread(by_second)
    used = ((g1 != 0) | (g2 != 0)) & ~joint.stuck
    v = joint.covariance[np.ix_(used, used)]
    v11, v12, v22 = (float(a[used] @ v @ b[used]) for a, b in ((g1, g1), (g1, g2), (g2, g2)))
    a, b, c = e2**2 - reach**2 * v22, e1 * e2 - reach**2 * v12, e1**2 - reach**2 * v11
    rest = b**2 - a * c
    if a <= 0 or not rest >= 0:
        return 0.0, math.inf
    return (b - math.sqrt(rest)) / a, (b + math.sqrt(rest)) / a


def _parallel(fit: DoseResponse, pair: np.ndarray[tuple[int], np.dtype[np.int64]]) -> pd.DataFrame:
    """Common limits against free ones, a common steepness beside common limits, and all of it at once."""
    family, options = fit.curves.family, fit.options
    free = [
        name for name in family.parameters if fit.curves.free[fit.curves.names.index(name)] and name not in ("e", "e2")
    ]
    limits = [name for name in free if name in ("c", "d")]
    rest = [name for name in free if name not in limits]
    steps: list[tuple[str, list[str]]] = [("free", [])]
    steps += [(f"common {', '.join(limits)}", limits)] if limits else []
    steps += [(f"common {', '.join(rest)}", limits + rest)] if rest else []
    everyone = np.zeros(len(fit), dtype=np.int64)
    readings = _readings(fit)
    fits = [joint_of(readings, fit.stack, family, options, dict.fromkeys(names, everyone), pair) for _, names in steps]
    tests = [(steps[k][0] + (", given these" if k > 1 else ""), fits[k], fits[k - 1]) for k in range(1, len(fits))]
    if len(fits) > 2:
        tests.append(("all of them common", fits[-1], fits[0]))
    rows = []
    for name, small, large in tests:
        extra = small.df - large.df
        rise = max(small.rss - large.rss, 0.0)  # rounding, where the larger model gains nothing
        f = rise / extra / (large.rss / large.df) if large.df > 0 else math.nan
        p = float(f_tail(f, extra, large.df)) if large.df > 0 else math.nan
        rows.append({"test": name, "f": f, "df": extra, "df_error": large.df, "p": p})
    return pd.DataFrame(rows, columns=["test", "f", "df", "df_error", "p"])
