"""Picture of times to an event: Kaplan-Meier curves with bands, marks for censored members, numbers at risk."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from pkpd_mdr.arguments import TEXT, TEXTS, takes
from pkpd_mdr.errors import SimulationError, did_you_mean, shown
from pkpd_mdr.plot.style import COLUMN, colour, dash, new_axes, outside_legend, tidy, written

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from pkpd_mdr.compare import Comparison

__all__ = ["draw_survival", "first_time", "plot_survival"]

_SMALL = 7.0
_LINE = 9.5  # points from row to row of numbers
_BELOW = -32.0  # points from the axis to the first row


@takes(SimulationError, endpoint=TEXT, arms=TEXTS)
def plot_survival(
    comparison: Comparison, endpoint: str | None = None, *, arms: Sequence[str] | None = None, ax: Axes | None = None
) -> Axes:
    """Draw Kaplan-Meier curves of a time endpoint, arm by arm.

    Parameters
    ----------
    comparison : Comparison
    endpoint : str, optional
        A time; the first one if left out.
    arms : sequence of str, optional
        Which arms; all if left out.
    ax : Axes, optional

    Returns
    -------
    Axes

    Raises
    ------
    SimulationError
        An unknown arm or endpoint, or one that is no time.
    """
    names = list(comparison.arms if arms is None else [arms] if isinstance(arms, str) else arms)
    if not names:
        raise SimulationError("no arm is named to draw; leave arms out for all of them")
    for name in names:
        if name not in comparison.arms:
            raise SimulationError(f"the comparison has no arm {shown(name)}{did_you_mean(name, comparison.arms)}")
    item = comparison.definition(endpoint or first_time(comparison))
    table = comparison.survival(item.name)
    order = {name: comparison.arms.index(name) for name in names}
    until = comparison.until
    ax = draw_survival(table, order, until.value, confidence=comparison.settings.confidence, ax=ax)
    ax.set_xlabel(f"{item.name.replace('_', ' ')} [{until.unit.text}]")
    return ax


def first_time(comparison: Comparison) -> str:
    """The primary endpoint if it is a time, else the first that is one."""
    items = [comparison.definition(), *comparison.endpoints]
    for item in items:
        if item.unit == "time":
            return item.name
    raise SimulationError(
        f"none of the endpoints is a time ({', '.join(item.name for item in items[1:])}); compare with"
        " endpoints=['time_to_progression', ...]"
    )


def draw_survival(
    table: pd.DataFrame, arms: dict[str, int], end: float, *, confidence: float | None = None, ax: Axes | None = None
) -> Axes:
    """Draw a table of survival curves.

    Parameters
    ----------
    table : DataFrame
        Columns arm, time, survival, lower, upper, at_risk and censored: one row for each time of each arm.
    arms : dict of str to int
        What to draw, and the number of its colour.
    end : float
        Of the time axis, which ends earlier where nobody is left.
    confidence : float, optional
        Of the bands; told in the legend.
    ax : Axes, optional

    Returns
    -------
    Axes
    """
    rows, end = len(arms), _shown(table, arms, end)
    ax = new_axes(ax, width=COLUMN, height=2.1 + 0.16 * rows)
    for name, k in arms.items():
        part = table[table["arm"] == name].sort_values("time")
        times, shares, low, high = (part[key].to_numpy(dtype=float) for key in ("time", "survival", "lower", "upper"))
        times, shares, low, high = _from_the_start(times, shares, low, high, end)
        ax.step(times, shares, where="post", color=colour(k), ls=dash(k), lw=1.4, label=written(name))
        ax.fill_between(times, low, high, step="post", color=colour(k), alpha=0.13, lw=0)
        lost = part[part["censored"].to_numpy(dtype=float) > 0]
        if len(lost):
            ax.plot(lost["time"], lost["survival"], "+", color=colour(k), ms=5, mew=1.1, clip_on=False)
    ax.set_xlim(0.0, end)
    ax.set_ylim(0.0, 1.03)
    ax.set_ylabel("share without event")
    ax.locator_params(axis="x", nbins=6)
    tidy(ax)
    outside_legend(ax, band=f"{100 * confidence:g} % interval" if confidence else "")
    _numbers(ax, table, arms)
    return ax


def _shown(table: pd.DataFrame, arms: dict[str, int], end: float) -> float:
    """Up to where there is something to see."""
    last = table[table["arm"].isin(list(arms))].groupby("arm")[["time", "survival"]].last()
    gone = bool(len(last) == len(arms) and (last["survival"] <= 0).all())
    return min(end, 1.08 * float(last["time"].max())) if gone else end


def _from_the_start(
    times: np.ndarray, shares: np.ndarray, low: np.ndarray, high: np.ndarray, end: float
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Curves begin at one and go on level to the end, as long as there is anybody."""
    ones = [1.0] if not len(times) or times[0] > 0 else []
    goes_on = not len(times) or (times[-1] < end and shares[-1] > 0)
    tail = [end] if goes_on else []

    def drawn(values: np.ndarray) -> np.ndarray:
        """A curve from one at zero to the end of the axis."""
        body = [*ones, *values]
        return np.array([*body, *([body[-1]] if tail else [])])

    grid = np.array([*([0.0] if ones else []), *times, *tail])
    return grid, drawn(shares), drawn(low), drawn(high)


def _numbers(ax: Axes, table: pd.DataFrame, arms: dict[str, int]) -> None:
    """Rows below the axis: how many are still followed at each labelled time."""
    from matplotlib.transforms import offset_copy

    figure = ax.get_figure(root=True)
    ticks = [float(tick) for tick in ax.get_xticks() if 0 <= tick <= ax.get_xlim()[1]]
    ax.set_xticks(ticks)

    def write(x: float, row: int, text: str, **looks: str) -> None:
        """One number below the axis, at time x and in its row."""
        ax.annotate(
            text,
            (x, 0.0),
            xycoords=ax.get_xaxis_transform(),
            xytext=(0.0, _BELOW - _LINE * row),
            textcoords="offset points",
            va="top",
            fontsize=_SMALL,
            annotation_clip=False,
            **looks,  # type: ignore[arg-type]
        )

    write(0.0, 0, "still followed, without event", ha="left")
    for row, (name, k) in enumerate(arms.items()):
        part = table[table["arm"] == name].sort_values("time")
        for tick in ticks:
            write(tick, row + 1, str(_at_risk(part, tick)), ha="center", color=colour(k))
        height = _BELOW - _LINE * (row + 1.55)
        ax.annotate(
            "",
            (0.0, 0.0),
            xycoords=offset_copy(ax.transAxes, figure, -30.0, height, units="points"),
            xytext=(0.0, 0.0),
            textcoords=offset_copy(ax.transAxes, figure, -12.0, height, units="points"),
            arrowprops={"arrowstyle": "-", "color": colour(k), "lw": 1.4, "ls": dash(k)},
            annotation_clip=False,
        )


def _at_risk(part: pd.DataFrame, time: float) -> int:
    """How many have neither had the event nor been lost before a time: those counted at the next row."""
    times, counts = part["time"].to_numpy(dtype=float), part["at_risk"].to_numpy(dtype=float)
    later = np.flatnonzero(times >= time - 1e-9)
    return int(counts[later[0]]) if len(later) else 0
