"""Pictures of a fit: measurements with curves, residuals, likelihood profiles, where the starts ended."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from pkpd_mdr.errors import FitError, did_you_mean
from pkpd_mdr.plot.data import draw_points, one_time, time_unit_of
from pkpd_mdr.plot.style import (
    MUTED,
    Looks,
    bracket,
    colour,
    log_ticks,
    name_axis,
    new_axes,
    outside_legend,
    plain,
    tidy,
)

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

    from pkpd_mdr.fit import Fit, Profile

__all__ = ["plot_fit", "plot_profile", "plot_residuals", "plot_waterfall"]

FloatArray = npt.NDArray[np.float64]

_SIZES = ("lognormal", "proportional", "relative")  # errors that are shares of the value: a logarithmic axis suits
_POINTS = 301  # of a curve


def plot_fit(
    fit: Fit,
    *,
    ax: Axes | None = None,
    observable: str | None = None,
    time_unit: str | None = None,
    log: bool | None = None,
) -> Axes:
    """Draw measurements as points and the fitted curves as lines.

    Conditions are coloured by the number that tells them apart (say a dose), from dark to light; a second label
    changes the pattern of lines and the shape of points. A measurement beyond a limit of quantification is a hollow
    triangle at the limit that points where it was. Where every condition was measured at one time only (a
    dose-response table), or an observable is relative to a reference, predictions are drawn against measurements.

    Parameters
    ----------
    fit : Fit
    ax : matplotlib.axes.Axes, optional
    observable : str, optional
        Which one; the first when absent.
    time_unit : str, optional
        Left out: minutes below two hours, days above five days, hours between.
    log : bool, optional
        Logarithmic axis of values; left out, it is used where the error model is lognormal, proportional or relative
        (combined, if values span more than a factor 30) and no value is zero or less.

    Returns
    -------
    matplotlib.axes.Axes

    Raises
    ------
    FitError
        An observable that was not fitted; the nearest is suggested.

    Examples
    --------
    >>> import pandas as pd
    >>> import pkpd_mdr as mdr
    >>> frame = pd.DataFrame({"h": [0, 1, 2, 3, 4], "y": [1.0, 2.1, 2.9, 4.2, 5.0]})
    >>> data = mdr.read_assay(frame, time="h [h]", value="y [1]", observable="y")
    >>> line = mdr.Model(mdr.observable("y", "a + b*t"), mdr.parameter("a", 1.0), mdr.parameter("b", "1 1/h"))
    >>> found = mdr.fit(line, data, {"a": (-9, 9), "b": ("-9 1/h", "9 1/h")}, starts=1)
    >>> plot_fit(found).get_xlabel()
    'time [h]'
    """
    name = _chosen(fit, observable)
    table = _rows(fit, name)
    ax = new_axes(ax)
    looks = _looks(fit, table)
    over_time = not one_time(table) and name not in fit.objective.problem.relative_to
    if not over_time:
        _against(ax, fit, name, table, looks, log)
    else:
        unit = time_unit_of(table, time_unit)
        lines = _curves(fit, name)
        draw_points(ax, table, table["time"] / unit.factor, looks)
        for condition, (times, values) in lines.items():
            if condition in looks.kinds:
                ax.plot(times / unit.factor, values, lw=1.3, **looks.line(condition))
        if _logarithmic(fit, name, table, log):
            _log_y(ax, table["value"].to_numpy(dtype=float), [values for _, values in lines.values()])
        ax.set_xlabel("time" + bracket(unit.text))
        name_axis(ax.yaxis, name, fit.data.units[name].text)
    tidy(ax)
    looks.explain(ax, lines=over_time)
    return ax


def plot_residuals(
    fit: Fit,
    *,
    ax: Axes | None = None,
    observable: str | None = None,
    against: str = "time",
    time_unit: str | None = None,
) -> Axes:
    """Draw standardised residuals; about 95% of them should lie between the dashed lines, without a trend.

    Parameters
    ----------
    fit : Fit
    ax : matplotlib.axes.Axes, optional
    observable : str, optional
        Which one; the first when absent.
    against : str
        ``"time"`` or ``"prediction"``.
    time_unit : str, optional
        As for `plot_fit`.

    Returns
    -------
    matplotlib.axes.Axes

    Raises
    ------
    FitError
        An observable that was not fitted, or another word for `against`.
    """
    if against not in ("time", "prediction"):
        raise FitError(
            f"against = {against!r} is not 'time' or 'prediction'{did_you_mean(against, ['time', 'prediction'])}"
        )
    name = _chosen(fit, observable)
    table = _rows(fit, name)
    ax = new_axes(ax, height=2.0)
    looks = _looks(fit, table)
    unit = time_unit_of(table, time_unit) if against == "time" else None
    ax.axhline(0.0, color=MUTED, lw=0.8, zorder=0)
    for level in (-1.96, 1.96):
        ax.axhline(level, color=MUTED, lw=0.7, ls="--", zorder=0)
    draw_points(ax, table, table["time"] / unit.factor if unit else table["prediction"], looks, "standardised")
    if unit is None and _logarithmic(fit, name, table, None):
        ax.set_xscale("log")
        log_ticks(ax.xaxis)
    ax.set_xlabel("time" + bracket(unit.text) if unit else f"predicted {name}" + bracket(fit.data.units[name].text))
    ax.set_ylabel("standardised residual")
    tidy(ax)
    looks.explain(ax, lines=False)
    return ax


def plot_profile(profile: Profile, *, ax: Axes | None = None, log: bool | None = None) -> Axes:
    """Draw the distance from the optimum against the parameter, with threshold, estimate and interval.

    Parameters
    ----------
    profile : Profile
    ax : matplotlib.axes.Axes, optional
    log : bool, optional
        Logarithmic axis of the parameter; left out, the scale of the profile's steps decides.

    Returns
    -------
    matplotlib.axes.Axes
    """
    ax = new_axes(ax)
    values, heights = (profile.frame[key].to_numpy(dtype=float) for key in ("value", "distance"))
    logarithmic = _log_steps(profile, values) if log is None else log
    top = 1.45 * profile.threshold
    x, y = _smooth(values, heights, profile.estimate, logarithmic)
    left, right = (
        (values[0] if profile.open_lower else profile.lower),
        (values[-1] if profile.open_upper else profile.upper),
    )
    ax.axvspan(left, right, color=colour(0), alpha=0.1, lw=0)
    for end, is_open in ((left, profile.open_lower), (right, profile.open_upper)):
        if not is_open:
            ax.plot([end, end], [0.0, profile.threshold], color=colour(0), lw=0.8, ls=":")
    ax.plot(x, y, color=colour(0), lw=1.4)
    ax.plot(values, heights, "o", color=colour(0), ms=2.5)
    ax.plot(profile.estimate, 0.0, "D", color=colour(1), ms=4.5, clip_on=False, zorder=4)
    ax.axhline(profile.threshold, color=MUTED, lw=0.9, ls="--")
    if logarithmic:
        ax.set_xscale("log")
    _frame_profile(ax, x[y <= top], top)
    if logarithmic:
        log_ticks(ax.xaxis)
    ax.annotate(
        f"threshold, {100 * profile.confidence:g}%",
        (0.5, profile.threshold),
        xycoords=("axes fraction", "data"),
        xytext=(0, 2),
        textcoords="offset points",
        ha="center",
        va="bottom",
        fontsize=7,
        color=MUTED,
    )
    ax.set_title(_interval(profile))
    ax.set_xlabel(profile.name + bracket(profile.unit))
    ax.set_ylabel("distance from the optimum")
    tidy(ax)
    return ax


def plot_waterfall(fit: Fit, *, ax: Axes | None = None) -> Axes:
    """Draw how far above the best each start ended, ranked; a plateau at zero says that the best point is found often.

    Parameters
    ----------
    fit : Fit
    ax : matplotlib.axes.Axes, optional

    Returns
    -------
    matplotlib.axes.Axes
    """
    from matplotlib.ticker import FuncFormatter, MaxNLocator

    ax = new_axes(ax, height=2.0)
    above = fit.waterfall["above_best"].to_numpy(dtype=float)
    good = fit.waterfall["finished"].to_numpy(dtype=bool)
    rank = np.arange(1, len(above) + 1)
    for mine, mark, shade, label in ((good, "o", colour(0), "finished"), (~good, "x", colour(1), "stopped early")):
        if mine.any():
            ax.plot(rank[mine], above[mine], mark, color=shade, ms=4, clip_on=False, label=label)
    top = float(above[np.isfinite(above)].max(initial=0.0))
    if top > 10:
        ax.set_yscale("symlog", linthresh=1.0)  # below 1 two starts are as good as one another
        ax.yaxis.set_major_formatter(FuncFormatter(lambda value, _: plain(value)))
    ax.set_ylim(0.0, max(1.0, 1.3 * top))
    ax.set_xlim(0.5, len(above) + 0.5)
    ax.xaxis.set_major_locator(MaxNLocator(integer=True))
    ax.set_xlabel("start, ranked")
    ax.set_ylabel(r"$-2\,\ln L$ above the best")
    tidy(ax)
    outside_legend(ax)
    return ax


# -- parts of the pictures ---------------------------------------------------------------------------------


def _chosen(fit: Fit, observable: str | None) -> str:
    known = fit.objective.problem.rows.observable
    name = observable or known[0]
    if name not in known:
        raise FitError(f"{name!r} was not fitted{did_you_mean(name, known)}")
    return name


def _rows(fit: Fit, name: str) -> pd.DataFrame:
    table = fit.residuals
    return table[table["observable"] == name]


def _looks(fit: Fit, table: pd.DataFrame) -> Looks:
    wanted = set(table["condition"])
    return Looks.of([m.condition for m in fit.objective.problem.members if m.condition.name in wanted])


def _logarithmic(fit: Fit, name: str, table: pd.DataFrame, wanted: bool | None) -> bool:
    if wanted is not None:
        return wanted
    low, high = float(table["value"].min()), float(table["value"].max())
    kind = fit.objective.errors[name].kind
    return low > 0 and (kind in _SIZES or (kind == "combined" and high > 30 * low))


def _log_y(ax: Axes, measured: FloatArray, curves: Sequence[FloatArray]) -> None:
    """A log axis that shows all measurements, but follows no curve far below them."""
    seen = measured[measured > 0]
    drawn = np.concatenate([np.asarray(curve) for curve in curves]) if curves else seen
    low, high = float(seen.min()), max(float(seen.max()), float(drawn.max(initial=0.0)))
    low = max(min(low, float(drawn[drawn > 0].min(initial=low))), low / 5)
    room = (high / low) ** 0.05
    ax.set_yscale("log")
    ax.set_ylim(low / room, high * room)
    log_ticks(ax.yaxis)


def _curves(fit: Fit, name: str) -> dict[str, tuple[FloatArray, FloatArray]]:
    """Times (h) and values of each condition that can be simulated, with points just before and after each act."""
    problem = fit.objective.problem
    which = problem.rows.observable.index(name)
    grids = []
    for member in problem.members:
        begin, end = member.begin.time, float(member.times[-1])
        acts = [one for act in member.condition.regimen.acts for one in act.written_out()]
        turns = np.array([t for act in acts for t in (act.time, act.time + act.span) if begin <= t < end])
        grids.append(np.unique(np.concatenate([np.linspace(begin, end, _POINTS), turns, turns + 1e-7 * (end - begin)])))
    solved = fit.objective.curves(fit.best, grids)
    return {
        member.condition.name: (times, values[:, which])
        for member, (times, values, failed) in zip(problem.members, solved, strict=True)
        if not failed
    }


def _against(ax: Axes, fit: Fit, name: str, table: pd.DataFrame, looks: Looks, log: bool | None) -> None:
    """Measurements against predictions, and the line on which they would be equal."""
    draw_points(ax, table, table["prediction"], looks)
    both = table[["value", "prediction"]].to_numpy(dtype=float)
    low, high = float(both.min()), float(both.max())
    if _logarithmic(fit, name, table, log) and low > 0:
        ax.set_xscale("log")
        ax.set_yscale("log")
        low, high = low / (high / low) ** 0.05, high * (high / low) ** 0.05
    else:
        low, high = low - 0.05 * (high - low), high + 0.05 * (high - low)
    ax.plot([low, high], [low, high], color=MUTED, lw=0.8, zorder=0)
    ax.set_xlim(low, high)
    ax.set_ylim(low, high)
    if ax.get_xscale() == "log":
        log_ticks(ax.xaxis)
        log_ticks(ax.yaxis)
    ax.set_aspect("equal", adjustable="box")
    unit = fit.data.units[name].text
    ax.set_xlabel(f"predicted {name}" + bracket(unit))
    ax.set_ylabel(f"measured {name}" + bracket(unit))


def _log_steps(profile: Profile, values: FloatArray) -> bool:
    """Whether the profile was walked on a logarithm: its first steps to both sides are equal on the scale used."""
    if values.min() <= 0 or values.max() < 2 * values.min():
        return False  # where nothing is gained by it
    middle = int(np.argmin(np.abs(values - profile.estimate)))
    if not 0 < middle < len(values) - 1:
        return bool(values.max() > 20 * values.min())
    low, best, high = (float(value) for value in values[middle - 1 : middle + 2])
    on_logarithm = abs(math.log(high * low / best**2)) / math.log(high / low)
    return on_logarithm < abs(high + low - 2 * best) / (high - low)


def _smooth(values: FloatArray, heights: FloatArray, estimate: float, log: bool) -> tuple[FloatArray, FloatArray]:
    """A curve through the points: the signed root of the distance is nearly straight, so it is what is interpolated."""
    from scipy.interpolate import PchipInterpolator

    work = np.log(values) if log else values
    work, first = np.unique(work, return_index=True)
    roots = np.sign(values[first] - estimate) * np.sqrt(heights[first])
    if len(work) < 3:
        return values, heights
    grid = np.unique(np.concatenate([np.linspace(work[0], work[-1], 400), work]))
    curve = np.asarray(PchipInterpolator(work, roots)(grid)) ** 2
    return np.exp(grid) if log else grid, curve


def _frame_profile(ax: Axes, seen: FloatArray, top: float) -> None:
    low, high = float(seen.min()), float(seen.max())
    if ax.get_xscale() == "log":
        room = (high / low) ** 0.04
        ax.set_xlim(low / room, high * room)
    else:
        room = 0.04 * (high - low)
        ax.set_xlim(low - room, high + room)
    ax.set_ylim(0.0, top)


def _interval(profile: Profile) -> str:
    """Estimate and interval as a title."""
    low = "open" if profile.open_lower else plain(profile.lower)
    high = "open" if profile.open_upper else plain(profile.upper)
    return f"{plain(profile.estimate)} ({100 * profile.confidence:g}%: {low} to {high}) {profile.unit}".rstrip()
