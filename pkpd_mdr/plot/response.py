"""Pictures of dose-response curves: wells and fitted curves, effective doses with their states, fold-resistance."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from pkpd_mdr.errors import DataError, shown
from pkpd_mdr.plot.style import (
    DASHES,
    MARKERS,
    MUTED,
    bracket,
    colour,
    log_ticks,
    new_axes,
    outside_legend,
    tidy,
    written,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from pkpd_mdr.response import DoseResponse
    from pkpd_mdr.response.ratio import Ratios

__all__ = ["plot_curves", "plot_doses", "plot_ratios"]

_MOST = 7  # curves that are told apart in one picture
_POINTS = 301
_ZERO_GAP = 0.7  # decades between the lowest dose and where dose 0 is drawn


def plot_curves(
    fit: DoseResponse,
    *,
    ax: Axes | None = None,
    curves: Sequence[object] | None = None,
    level: float | None = 50.0,
    kind: str = "relative",
) -> Axes:
    """Draw wells as points and fitted curves as lines over the log dose, with the effective dose and its interval.

    Dose 0 is drawn at the left edge, behind a break of the axis. Curves without effect are thin. A dose that is
    censored is drawn as an arrow at the bound that is known.

    Parameters
    ----------
    fit : DoseResponse
    ax : matplotlib.axes.Axes, optional
    curves : sequence of label or mapping, optional
        Which ones; the first seven when absent.
    level : float, optional
        Effective dose to mark along the bottom; None for none.
    kind : {"relative", "control", "absolute"}

    Returns
    -------
    matplotlib.axes.Axes

    Raises
    ------
    DataError
        More than seven curves were asked for, or an unknown one.

    Examples
    --------
    >>> import pandas as pd
    >>> from pkpd_mdr.response import dose_response
    >>> wells = pd.DataFrame({"nM": [0, 1, 3, 10, 30, 100, 300], "v": [1.0, 0.95, 0.84, 0.55, 0.24, 0.11, 0.06]})
    >>> plot_curves(dose_response(wells, dose="nM [nM]", response="v", scale="viability")).get_xlabel()
    'nM [nM]'
    """
    chosen = list(range(min(len(fit), _MOST))) if curves is None else [fit.index(name) for name in curves]
    if len(chosen) > _MOST:
        raise DataError(f"plot_curves: {len(chosen)} curves cannot be told apart in one picture; name at most {_MOST}")
    ax = new_axes(ax, height=2.7)
    low, high = _range(fit, chosen)
    zero = low / 10.0**_ZERO_GAP
    ax.set_xscale("log")
    for place, k in enumerate(chosen):
        _draw(ax, fit, k, place, low, high, zero, len(chosen) > 1)
    ax.set_xlim(zero / 1.4, high * 1.5)
    if (fit.readings.x == 0).any():
        _mark_zero(ax, zero, low)
    if level is not None:
        _mark_doses(ax, fit, chosen, level, kind)
    ax.set_xlabel(fit.readings.dose_name + bracket(fit.readings.dose_unit))
    ax.set_ylabel(fit.options.scale or fit.readings.response_name)
    tidy(ax)
    outside_legend(ax)
    return ax


def _range(fit: DoseResponse, chosen: Sequence[int]) -> tuple[float, float]:
    x = fit.readings.x[np.isin(fit.readings.curve, chosen) & (fit.readings.x > 0)]
    if not len(x):
        raise DataError("plot_curves: none of these curves has a dose above 0")
    return float(x.min()), float(x.max())


def _draw(ax: Axes, fit: DoseResponse, k: int, place: int, low: float, high: float, zero: float, named: bool) -> None:
    mine = fit.readings.curve == k
    x, y = fit.readings.x[mine], fit.readings.y[mine]
    style = {
        "color": colour(place),
        "marker": MARKERS[place % len(MARKERS)],
        "ls": "",
        "ms": 3.2,
        "mew": 0,
        "alpha": 0.7,
    }
    ax.plot(np.where(x > 0, x, zero), y, **style)  # type: ignore[arg-type]
    label = written(fit.readings.name(k)) if named else None
    if not fit.curves.usable[k]:
        ax.plot([], [], color=colour(place), label=f"{label} (not fitted)" if label else None)
        return
    at = np.geomspace(low / 10.0 ** (_ZERO_GAP / 2), high * 1.3, _POINTS)
    flat = bool(fit.no_effect[k])
    label = f"{label} (no effect)" if label and flat else label
    line = {"color": colour(place), "lw": 0.7 if flat else 1.3, "ls": DASHES[place % len(DASHES)], "label": label}
    ax.plot(at, fit.curves.predict(at[None, :], np.array([k]))[0], **line)  # type: ignore[arg-type]


def _mark_zero(ax: Axes, zero: float, low: float) -> None:
    """A tick for dose 0, and none for the powers of ten left of the break."""
    from matplotlib.ticker import FixedLocator, LogFormatterMathtext, LogLocator, NullLocator

    top = ax.get_xlim()[1]
    powers = [tick for tick in LogLocator(numticks=8).tick_values(low, top) if low * 0.7 <= tick <= top]
    labels = LogFormatterMathtext()
    ax.xaxis.set_major_locator(FixedLocator([zero, *powers]))
    ax.xaxis.set_minor_locator(NullLocator())
    ax.set_xticklabels(["0", *(labels(tick) for tick in powers)])
    middle = np.sqrt(zero * low)
    for shift in (0.93, 1.08):
        ax.plot(
            [middle * shift * 0.95, middle * shift * 1.05],
            [-0.02, 0.02],
            transform=ax.get_xaxis_transform(),
            color="black",
            lw=0.7,
            clip_on=False,
        )


def _mark_doses(ax: Axes, fit: DoseResponse, chosen: Sequence[int], level: float, kind: str) -> None:
    """Along the bottom: a point with its interval, or an arrow from the bound of a censored dose."""
    doses = fit.doses(level, kind=kind)
    left, right = ax.get_xlim()
    bottom, top = ax.get_ylim()
    label: str | None = f"{_named(level, kind)} with its interval"
    room = 0.03 + 0.045 * len(chosen)  # of the height, below the wells
    ax.set_ylim(top - (top - bottom) / (1.0 - room), top)
    for place, k in enumerate(chosen):
        height = 0.03 + 0.045 * place
        shade, across = colour(place), ax.get_xaxis_transform()
        low, high = max(float(doses.lower[k]), left), min(float(doses.upper[k]), right)
        if doses.state[k].has_estimate:
            ax.plot([low, high], [height, height], color=shade, lw=1.0, transform=across)
            mark: dict[str, Any] = {"marker": "|", "ms": 7, "mew": 1.5, "color": shade, "lw": 1.0, "label": label}
            ax.plot(doses.estimate[k], height, transform=across, **mark)
            label = None
        elif doses.lower[k] > 0 and low < right:
            ax.annotate(
                "",
                (right, height),
                (low, height),
                xycoords=across,
                arrowprops={"arrowstyle": "->", "color": shade, "lw": 1.0},
            )
        elif np.isfinite(doses.upper[k]) and high > left:
            ax.annotate(
                "",
                (left, height),
                (high, height),
                xycoords=across,
                arrowprops={"arrowstyle": "->", "color": shade, "lw": 1.0},
            )


def plot_doses(fit: DoseResponse, *, ax: Axes | None = None, level: float = 50.0, kind: str = "relative") -> Axes:
    """Effective doses of all curves with intervals, in the order of the table; dots are bounds of censored doses.

    Parameters
    ----------
    fit : DoseResponse
        With at most 60 curves.
    ax : matplotlib.axes.Axes, optional
    level : float
    kind : {"relative", "control", "absolute"}

    Returns
    -------
    matplotlib.axes.Axes
    """
    if len(fit) > 60:
        raise DataError(
            f"plot_doses: {len(fit)} curves do not fit into one picture; fit a part of the table with at most 60"
        )
    ax = new_axes(ax, height=max(1.4, 0.16 * len(fit) + 0.7))
    doses = fit.doses(level, kind=kind)
    known = np.concatenate([doses.estimate, doses.lower, doses.upper, fit.readings.x])
    known = known[np.isfinite(known) & (known > 0)]
    left, right = known.min() / 2.0, known.max() * 2.0
    for k in range(len(fit)):
        y = len(fit) - 1 - k
        low, high = max(doses.lower[k], left), min(doses.upper[k], right)
        if doses.state[k].has_estimate:
            ax.plot([low, high], [y, y], color=colour(0), lw=1.0)
            ax.plot(doses.estimate[k], y, "o", ms=3.5, mew=0, color=colour(0))
        else:
            ax.plot([low, high], [y, y], color=MUTED, lw=0.8, ls=":")
            ax.text(right * 1.1, y, str(doses.state[k]), fontsize=6, color=MUTED, va="center", clip_on=False)
    low_dose, high_dose = _range(fit, range(len(fit)))
    ax.axvspan(low_dose, high_dose, color="#f0f0f0", lw=0, zorder=0)
    ax.set_xscale("log")
    ax.set_xlim(left, right)
    ax.set_yticks(range(len(fit)), [written(fit.readings.name(k)) for k in reversed(range(len(fit)))])
    dose = fit.readings.dose_name + bracket(fit.readings.dose_unit)
    name = _named(level, kind)
    ax.set_xlabel(f"{dose} for {name}" if kind == "absolute" else f"{name} of {dose}")
    tidy(ax)
    outside_legend(ax, band="doses that were tested")
    return ax


def _named(level: float, kind: str) -> str:
    """What an effective dose is called."""
    return {"relative": f"ED{level:g}", "control": f"IC{level:g}", "absolute": f"response of {level:g}"}[kind]


def plot_ratios(ratios: Ratios, *, ax: Axes | None = None) -> Axes:
    """Fold-resistance with its interval by level; an arrow where only a bound is known.

    Parameters
    ----------
    ratios : Ratios
    ax : matplotlib.axes.Axes, optional

    Returns
    -------
    matplotlib.axes.Axes
    """
    table = ratios.table
    ends = table[["ratio", "lower", "upper"]].to_numpy(dtype=float)
    known = ends[np.isfinite(ends) & (ends > 0)]
    if not len(known):
        raise DataError(
            f"plot_ratios: no ratio of {shown(ratios.of)} over {shown(ratios.over)} is known, not even a bound"
        )
    ax = new_axes(ax, height=2.2)
    centre = (
        table["ratio"].fillna(table["lower"].where(table["lower"] > 0)).fillna(table["upper"]).to_numpy(dtype=float)
    )
    widest = 300.0  # fold beyond the ratios up to which an interval is drawn
    left = max(min(known.min(), 1.0) / 1.6, np.nanmin(centre) / widest)
    right = min(max(known.max(), 1.0) * 1.6, max(np.nanmax(centre), 1.0) * widest)
    for y, (value, low, high) in enumerate(ends):
        bottom, top = max(low, left), min(high, right)
        if np.isfinite(value):
            ax.plot([bottom, top], [y, y], color=colour(0), lw=1.3)
            ax.plot(value, y, "o", ms=4.5, mew=0, color=colour(0))
        else:
            tip, tail = (right, bottom) if np.isinf(high) else (left, top)
            ax.annotate("", (tip, y), (tail, y), arrowprops={"arrowstyle": "->", "color": colour(1), "lw": 1.3})
    ax.axvline(1.0, color=MUTED, lw=0.8, ls=":")
    ax.set_xscale("log")
    ax.set_xlim(left, right)
    ax.set_yticks(range(len(table)), table["level"].tolist())
    ax.set_ylim(len(table) - 0.5, -0.5)
    log_ticks(ax.xaxis)
    ax.set_xlabel(f"{ratios.of} over {ratios.over}")
    tidy(ax)
    return ax
