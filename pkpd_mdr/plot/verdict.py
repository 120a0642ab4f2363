"""Pictures of a verdict: differences to a reference, what is gained and what it costs, which parameter decides."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from pkpd_mdr.arguments import COUNT, TEXT, takes
from pkpd_mdr.errors import SimulationError, shown
from pkpd_mdr.plot.style import (
    COLOURS,
    COLUMN,
    MARKERS,
    MUTED,
    bracket,
    colour,
    new_axes,
    outside_legend,
    plain,
    power_of,
    rows_height,
    tidy,
    written,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from pkpd_mdr.compare import Comparison

__all__ = ["draw_deciders", "plot_deciders", "plot_forest", "plot_pareto"]

_BETTER, _WORSE, _OPEN = COLOURS[0], COLOURS[1], MUTED
_MOST = 12  # parameters in a picture
_SMALL = 7.0
_LONG = 26  # characters of the numbers beside the axes, which leave little of them
_WIDE = 20  # characters of a name beside the axis


@takes(SimulationError, endpoint=TEXT, reference=TEXT)
def plot_forest(
    comparison: Comparison, endpoint: str | None = None, *, reference: str | None = None, ax: Axes | None = None
) -> Axes:
    r"""Draw the paired differences of all arms to a reference: medians, intervals and, at the right, the numbers.

    Differences are taken within each draw. Blue lies wholly on the better side of zero, orange on the worse one, grey
    holds zero.

    Parameters
    ----------
    comparison : Comparison
        Of two arms or more.
    endpoint : str, optional
        The primary one if left out.
    reference : str, optional
        An arm; what the comparison's table is compared with if left out.
    ax : Axes, optional

    Returns
    -------
    Axes

    Raises
    ------
    SimulationError
        An unknown endpoint or arm, or only one arm.

    Examples
    --------
    >>> import pkpd_mdr as mdr
    >>> model = mdr.Model(
    ...     mdr.medium("dox", unit="nM"),
    ...     mdr.clone("S", growth=mdr.growth.exponential(rate="0.1 1/day"), start=1e6),
    ...     mdr.kill("dox", on="S", slope="0.01 1/day/nM"),
    ... )
    >>> dox = mdr.exposure("dox", "20 nM", over="5 day")
    >>> found = mdr.compare(model, {"short": dox, "long": dox.every("5 day", times=2)}, until="60 day")
    >>> plot_forest(found, reference="short").get_xlabel()
    'time to progression [day]\ndifference to short'
    """
    item = comparison.definition(endpoint)
    table = comparison.table.xs(item.name, level="endpoint")
    other = reference or str(table["compared_with"].iloc[0])
    gaps = [comparison.difference(arm, other, item.name) for arm in comparison.arms if arm != other]
    if not gaps:
        raise SimulationError(f"the comparison has one arm only, {shown(other)}; a difference needs two")
    names = [written(gap.left, _WIDE) for gap in gaps]
    ax = new_axes(ax, height=1.05 + rows_height(names, 0.26))
    sign = 1.0 if item.better == "high" else -1.0
    power = power_of(max(abs(value) for gap in gaps for value in (gap.median, gap.lower, gap.upper)))
    for row, gap in enumerate(gaps):
        median, lower, upper = (value / 10.0**power for value in (gap.median, gap.lower, gap.upper))
        low, high = sorted((sign * lower, sign * upper))
        shade = _BETTER if low > 0 else _WORSE if high < 0 else _OPEN
        ax.plot([lower, upper], [row, row], "-", color=shade, lw=1.8, solid_capstyle="butt")
        ax.plot(median, row, "s", color=shade, ms=4.5)
        numbers = _signed(median) + (f" ({_signed(lower)} to {_signed(upper)})" if gap.pairs > 1 else "")
        ax.text(1.03, row, numbers, transform=ax.get_yaxis_transform(), va="center", fontsize=_SMALL - 0.5)
    ax.axvline(0.0, color="black", lw=0.8, zorder=0)
    ax.set_yticks(range(len(gaps)), names)
    ax.set_ylim(len(gaps) - 0.5, -0.5)
    ax.margins(x=0.08)
    told = max(len(text.get_text()) for text in ax.texts)
    ax.locator_params(axis="x", nbins=2 if told > _LONG else 3 if any("\n" in name for name in names) else 4)
    side = "right" if sign > 0 else "left"
    ax.set_title(f"better to the {side} of 0")
    named = f"{_words(item.name)}{bracket(comparison.unit(item.name).text, power)}"
    ax.set_xlabel(f"{named}\n{written(f'difference to {other}', 2 * _WIDE)}")
    tidy(ax)
    ax.tick_params(axis="y", length=0)
    return ax


@takes(SimulationError, gain=TEXT, price=TEXT)
def plot_pareto(comparison: Comparison, gain: str, price: str, *, ax: Axes | None = None) -> Axes:
    """Draw two endpoints against each other, arm by arm.

    Points on the front, which no other arm beats in both, are filled and joined.

    Parameters
    ----------
    comparison : Comparison
    gain, price : str
        Endpoints for the horizontal and the vertical axis, say a time to progression and a nadir of neutrophils.
    ax : Axes, optional

    Returns
    -------
    Axes

    Raises
    ------
    SimulationError
        An unknown endpoint.
    """
    items = comparison.definition(gain), comparison.definition(price)
    front = set(_on_front(comparison, [item.name for item in items]))
    ax = new_axes(ax, height=2.7)
    spreads = {arm: [_spread(comparison, arm, item.name) for item in items] for arm in comparison.arms}
    powers = [power_of(max(abs(value) for pair in spreads.values() for value in pair[axis])) for axis in (0, 1)]
    points = []
    for k, arm in enumerate(comparison.arms):
        (x, left, right), (y, low, high) = (
            [value / 10.0**power for value in spread] for spread, power in zip(spreads[arm], powers, strict=True)
        )
        ax.plot([left, right], [y, y], "-", color=colour(k), lw=0.9)
        ax.plot([x, x], [low, high], "-", color=colour(k), lw=0.9)
        fill = colour(k) if arm in front else "white"
        ax.plot(
            x, y, MARKERS[k % len(MARKERS)], color=colour(k), mfc=fill, ms=5.5, mew=1.3, label=written(arm), zorder=3
        )
        points.append((x, y, arm))
    best = sorted((x, y) for x, y, arm in points if arm in front)
    if len(best) > 1:
        ax.plot(*zip(*best, strict=True), ls=":", color=MUTED, lw=1.0, zorder=1)
    for axis, item, power in zip((ax.xaxis, ax.yaxis), items, powers, strict=True):
        axis.set_label_text(
            f"{_words(item.name)}{bracket(comparison.unit(item.name).text, power)}, {item.better} is good"
        )
        axis.get_major_formatter().set_useOffset(False)  # type: ignore[attr-defined]
    ax.margins(0.08)
    tidy(ax)
    outside_legend(ax)
    return ax


def _on_front(comparison: Comparison, names: list[str]) -> list[str]:
    table = comparison.pareto(*names)
    return [str(arm) for arm in table.loc[table["on_front"], "arm"]]


def _spread(comparison: Comparison, arm: str, endpoint: str) -> tuple[float, float, float]:
    """Median and interval of an arm; a time that was not reached stands at the end of the run."""
    row: pd.Series[float] = comparison.table.xs(endpoint, level="endpoint").loc[arm]  # type: ignore[assignment]
    limit = comparison.until.value if comparison.definition(endpoint).unit == "time" else math.inf
    median, lower, upper = (min(float(row[name]), limit) for name in ("median", "lower", "upper"))
    return median, lower, upper


@takes(SimulationError, most=COUNT)
def plot_deciders(comparison: Comparison, *, ax: Axes | None = None, most: int = _MOST, **options: Any) -> Axes:
    """Draw which unknown parameters the verdict hangs on: a bar for each, the most valuable to know at the top.

    A bar is the rank correlation of a parameter with the difference that decides; the number beside it is the share of
    the difference's variance that goes with the parameter.

    Parameters
    ----------
    comparison : Comparison
        With draws of two parameters or more.
    ax : Axes, optional
    most : int
        How many parameters to draw.
    **options
        As for `Comparison.deciders`: the arms and the endpoint.

    Returns
    -------
    Axes
    """
    if most < 1:
        raise SimulationError(f"most = {most} parameters leave nothing to draw; write 1 or more")
    table = comparison.deciders(**options)
    return draw_deciders(table.head(most), ax=ax)


def draw_deciders(table: pd.DataFrame, *, ax: Axes | None = None) -> Axes:
    """Draw a table of deciders: ``parameter``, ``rank_correlation`` and ``first_order``, one bar a row."""
    ax = new_axes(ax, width=COLUMN, height=0.75 + 0.22 * len(table))
    values = table["rank_correlation"].to_numpy(dtype=float)
    shares = table["first_order"].to_numpy(dtype=float)
    rows = np.arange(len(table))
    ax.barh(rows, values, height=0.62, color=[_BETTER if value >= 0 else _WORSE for value in values])
    for row, share in enumerate(shares):
        text = f"{100 * share:.0f} %" if math.isfinite(share) else "-"
        ax.text(1.12, row, text, transform=ax.get_yaxis_transform(), ha="right", va="center", fontsize=_SMALL)
    ax.set_title("share of variance", loc="right", fontsize=_SMALL)
    ax.axvline(0.0, color="black", lw=0.8)
    ax.set_yticks(rows, table["parameter"].astype(str).tolist())
    ax.set_ylim(len(table) - 0.5, -0.5)
    ax.set_xlim(-1.05, 1.05)
    ax.set_xticks([-1, -0.5, 0, 0.5, 1])
    ax.set_xlabel("rank correlation with the difference")
    tidy(ax)
    ax.tick_params(axis="y", length=0)
    return ax


def _words(name: str) -> str:
    return name.replace("_", " ")


def _signed(value: float) -> str:
    return "0" if value == 0 else ("+" if value > 0 else "\N{MINUS SIGN}") + plain(abs(value))
