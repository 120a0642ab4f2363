"""Picture of an optimisation: the objective of everything that was tried, against one variable."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from pkpd_mdr.engine.lowering import FloatArray
from pkpd_mdr.errors import SimulationError, did_you_mean, shown
from pkpd_mdr.optimise.variables import Choice, Range, option_text
from pkpd_mdr.plot.style import MUTED, bracket, colour, log_ticks, name_axis, new_axes, outside_legend, tidy, written

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from pkpd_mdr.optimise import Optimum

__all__ = ["plot_optimum"]

_DECADES = 100.0


def plot_optimum(found: Optimum, name: str | None = None, *, ax: Axes | None = None) -> Axes:
    """Draw the objective of all candidates against a variable, the line through the best, and the best plain arm.

    Parameters
    ----------
    found : Optimum
    name : str, optional
        The first one if left out. Other variables differ between the points; along the line they are those of the best.
    ax : Axes, optional

    Returns
    -------
    Axes

    Raises
    ------
    SimulationError
        There is no such variable.
    """
    name = name or next(iter(found.variables))
    if name not in found.variables:
        raise SimulationError(f"there is no variable {shown(name)}{did_you_mean(name, found.variables)}")
    item = found.variables[name]
    known = [candidate for candidate in found.candidates if np.isfinite(candidate.outcome)]
    x = np.array([item.number(candidate.values[name]) for candidate in known])
    y = np.array([candidate.outcome for candidate in known])
    kept = np.array([candidate.violation == 0 for candidate in known], dtype=bool)
    ax = new_axes(ax)
    if (~kept).any():
        ax.plot(x[~kept], y[~kept], "x", color=MUTED, ms=3.2, mew=0.7, alpha=0.7, label="breaks a limit")
    label = "meets limits" if found.limits else "candidates"
    ax.plot(x[kept], y[kept], "o", color=colour(0), ms=2.6, mew=0, alpha=0.6, label=label)
    line = np.array([[item.number(one.values[name]), one.outcome] for one in found.along(name)])
    if not isinstance(item, Choice) and len(line) > 2:
        several = "through the best" if len(found.variables) > 1 else None
        ax.plot(line[:, 0], line[:, 1], "-", color=colour(0), lw=1.0, label=several, zorder=1)
    best = item.number(found.best[name])
    ax.plot(
        best,
        found.value,
        "D",
        color=colour(1),
        ms=5.5,
        mec="white",
        mew=0.6,
        label="best" if found.feasible else "least violating",
    )
    if found.gain is not None:
        level = float(found.arms["searched"][found.gain.arm])
        ax.axhline(level, color=colour(2), ls="--", lw=1.1, label=written(found.gain.arm), zorder=0)
    _axes(ax, found, name, x, y)
    tidy(ax)
    outside_legend(ax)
    return ax


def _axes(ax: Axes, found: Optimum, name: str, x: FloatArray, y: FloatArray) -> None:
    from matplotlib.ticker import MaxNLocator

    item = found.variables[name]
    ax.set_xlabel(name.replace("_", " ") + bracket(item.unit.text))
    over = "" if found.settings.draws < 2 else f", {found.settings.criterion}"
    if isinstance(item, Choice):
        ax.set_xticks(range(len(item.options)), [written(option_text(option)) for option in item.options])
        ax.set_xlim(-0.5, len(item.options) - 0.5)
    elif isinstance(item, Range) and item.log:
        ax.set_xscale("log")
        log_ticks(ax.xaxis)
    elif bool((x == np.round(x)).all()):
        ax.xaxis.set_major_locator(MaxNLocator(integer=True))
    if y.size and y.min() > 0 and y.max() / y.min() > _DECADES:
        ax.set_yscale("log")
    name_axis(ax.yaxis, found.endpoint.name.replace("_", " ") + over, found.unit.text)
