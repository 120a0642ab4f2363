"""Pictures of a comparison: endpoints with intervals, courses with bands, probabilities of being best."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from pkpd_mdr.compare.statistics import spread
from pkpd_mdr.errors import SimulationError, did_you_mean
from pkpd_mdr.plot.style import (
    COLUMN,
    MUTED,
    bracket,
    colour,
    dash,
    hatch,
    log_ticks,
    name_axis,
    new_axes,
    on,
    outside_legend,
    rows_height,
    tidy,
    written,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from pkpd_mdr.compare import Comparison
    from pkpd_mdr.engine.lowering import FloatArray

__all__ = ["plot_courses", "plot_endpoint", "plot_probabilities"]

_DECADES = 12.0
_WIDE = 24  # characters of a name beside the axis


def plot_endpoint(comparison: Comparison, endpoint: str | None = None, *, ax: Axes | None = None) -> Axes:
    """Draw the median and the interval of an endpoint for each arm.

    An arrow at the right edge means: not reached before the end of the run.

    Parameters
    ----------
    comparison : Comparison
    endpoint : str, optional
        The primary one if left out.
    ax : Axes, optional

    Returns
    -------
    Axes

    Raises
    ------
    SimulationError
        The comparison has no such endpoint.
    """
    item = comparison.definition(endpoint)
    table = comparison.table.xs(item.name, level="endpoint")
    numbers = table[["median", "lower", "upper"]].to_numpy(dtype=float)
    limit = comparison.until.value if item.unit == "time" else math.inf
    names = [written(arm, _WIDE) for arm in comparison.arms]
    ax = new_axes(ax, height=0.7 + rows_height(names, 0.3))
    for k, (median, lower, upper) in enumerate(numbers):
        ax.plot([min(lower, limit), min(upper, limit)], [k, k], "-", color=colour(k), lw=2.2, solid_capstyle="butt")
        if math.isinf(upper):
            ax.plot(1.04 * limit, k, ">", color=colour(k), ms=4.5)
        ax.plot(
            min(median, limit),
            k,
            "o",
            color=colour(k),
            mfc="white" if math.isinf(median) else colour(k),
            ms=5.5,
            mew=1.3,
            clip_on=False,
            zorder=3,
        )
    _scale(ax, np.minimum(numbers, limit), item.unit)
    ax.set_yticks(range(len(comparison.arms)), names)
    ax.set_ylim(len(comparison.arms) - 0.5, -0.5)
    ax.axvline(
        min(float(numbers[comparison.arms.index(table["compared_with"].iloc[0]), 0]), limit),
        color=MUTED,
        lw=0.7,
        ls=":",
        zorder=0,
    )
    unit = comparison.unit(item.name).text
    name_axis(ax.xaxis, _words(item.name), unit)
    tidy(ax)
    ax.tick_params(axis="y", length=0)
    return ax


def _scale(ax: Axes, numbers: np.ndarray[tuple[int, ...], np.dtype[np.float64]], unit: str) -> None:
    """A log axis for amounts and shares that span more than two decades; times start at zero."""
    low, high = float(numbers.min()), float(numbers.max())
    if unit == "time":
        ax.set_xlim(0.0, high * 1.07 if high > 0 else 1.0)
    elif low > 0 and high / low > 100:
        ax.set_xscale("log")


def _words(name: str) -> str:
    return name.replace("_", " ")


def plot_courses(comparison: Comparison, arms: Sequence[str] | None = None, *, ax: Axes | None = None) -> Axes:
    """Draw the burden over time: the median of each arm and the band of the comparison's confidence.

    A run that ended at a level of ``stop=`` stays where it was, so that those who go on do not look better than all.

    Parameters
    ----------
    comparison : Comparison
    arms : sequence of str, optional
        Which arms; all if left out.
    ax : Axes, optional

    Returns
    -------
    Axes

    Raises
    ------
    SimulationError
        An unknown arm, or a model without a burden.
    """
    names = list(comparison.arms if arms is None else [arms] if isinstance(arms, str) else arms)
    for name in names:
        if name not in comparison.arms:
            raise SimulationError(f"the comparison has no arm {name!r}{did_you_mean(name, comparison.arms)}")
    curves = _held(comparison.curves)
    if np.isnan(curves).any():
        raise SimulationError(
            f"the model has no output {comparison.settings.measure!r} to draw; name one with compare(..., measure=)"
        )
    ax = new_axes(ax)
    for name in names:
        k = comparison.arms.index(name)
        bands = np.array([spread(column, comparison.settings.confidence) for column in curves[k].T])
        if curves.shape[1] > 1:
            ax.fill_between(comparison.times, bands[:, 1], bands[:, 2], color=colour(k), alpha=0.13, lw=0)
        ax.plot(comparison.times, bands[:, 0], color=colour(k), ls=dash(k), lw=1.4, label=written(name))
    positive = curves[curves > 0]
    if positive.size:
        ax.set_yscale("log")
        ax.set_ylim(bottom=max(float(positive.min()) / 1.5, float(positive.max()) / 10**_DECADES))
        log_ticks(ax.yaxis)
    ax.set_ylabel(_words(comparison.settings.measure) + bracket(comparison.burden_unit.text))
    ax.set_xlabel(f"time [{comparison.until.unit.text}]")
    ax.set_xlim(0.0, comparison.until.value)
    tidy(ax)
    many = curves.shape[1] > 1
    outside_legend(
        ax, band=f"{100 * comparison.settings.confidence:g} % of {comparison.settings.members}" if many else ""
    )
    return ax


def _held(curves: FloatArray) -> FloatArray:
    """Values behind the end of a run are its last one, shape (arms, members, times)."""
    known = np.where(np.isnan(curves), 0, np.arange(curves.shape[-1]))
    return np.take_along_axis(curves, np.maximum.accumulate(known, axis=-1), axis=-1)


def plot_probabilities(comparison: Comparison, *, ax: Axes | None = None) -> Axes:
    """Draw for each endpoint how often each arm is best: one bar, its parts the arms.

    Parameters
    ----------
    comparison : Comparison
    ax : Axes, optional

    Returns
    -------
    Axes
    """
    names = [item.name for item in comparison.endpoints]
    ax = new_axes(ax, width=COLUMN, height=0.9 + 0.32 * len(names) + 0.16 * ((len(comparison.arms) + 1) // 2))
    left = np.zeros(len(names))
    shares = [comparison.shares(name) for name in names]
    alike = [bool((table == table[0, 0]).all()) and len(comparison.arms) > 1 for table in shares]
    chances = np.stack([table.mean(axis=1) * (not same) for table, same in zip(shares, alike, strict=True)], axis=1)
    for row in (row for row, same in enumerate(alike) if same):
        ax.barh(row, 100.0, height=0.62, color=MUTED, alpha=0.25, lw=0)
        ax.text(50.0, row, "all arms the same", ha="center", va="center", fontsize=7)
    for k, (arm, widths) in enumerate(zip(comparison.arms, 100 * chances, strict=True)):
        ax.barh(
            range(len(names)),
            widths,
            left=left,
            height=0.62,
            color=colour(k),
            hatch=hatch(k),
            edgecolor="white",
            lw=0.8,
            label=written(arm),
        )
        for row, width in enumerate(widths):
            if width >= 9:
                ax.text(
                    left[row] + width / 2,
                    row,
                    f"{width:.0f}",
                    ha="center",
                    va="center",
                    fontsize=7,
                    color=on(colour(k)),
                )
        left = left + widths
    ax.set_yticks(range(len(names)), [_words(name) for name in names])
    ax.set_ylim(len(names) - 0.5, -0.5)
    ax.set_xlim(0.0, 100.0)
    ax.set_xlabel(f"best in [% of {comparison.settings.members}]")
    tidy(ax)
    ax.tick_params(axis="y", length=0)
    outside_legend(ax)
    return ax
