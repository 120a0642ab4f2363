"""Pictures of a comparison of models: how far behind each is, and what each predicts of held-out conditions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from pkpd_mdr.errors import FitError, did_you_mean
from pkpd_mdr.plot.style import MARKERS, MUTED, colour, log_ticks, new_axes, outside_legend, plain, tidy, written

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from pkpd_mdr.fit import Selection

__all__ = ["plot_held_out", "plot_selection"]

_LINEAR = 10.0  # differences below it are drawn to scale, larger ones by their logarithm


def plot_selection(selection: Selection, *, ax: Axes | None = None) -> Axes:
    """Draw for each model how much its AICc lies above the best, and how far behind it predicts held-out conditions.

    A bar is the difference of AICc. A diamond is twice the log predictive density that a model lies behind the best
    one, which is on the same scale, with a standard error to each side; left of zero it predicts better. The axis is
    linear up to 10 and logarithmic beyond; dotted lines stand at 2 and 10. Models that are ruled out are grey.

    Parameters
    ----------
    selection : Selection
    ax : matplotlib.axes.Axes, optional

    Returns
    -------
    matplotlib.axes.Axes
    """
    from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator

    table, place = selection.table, np.arange(len(selection.table))
    ax = new_axes(ax, height=0.8 + 0.3 * len(table))
    delta = table["delta"].to_numpy(dtype=float)
    shades = [MUTED if name in selection.ruled_out else colour(0) for name in table.index]
    ax.barh(place, delta, height=0.62, color=shades, alpha=0.75, label="AICc")
    ends = [float(delta[np.isfinite(delta)].max(initial=_LINEAR)), 0.0]
    if "behind" in table:
        behind, se = (2.0 * table[name].to_numpy(dtype=float) for name in ("behind", "se"))
        se, there = np.nan_to_num(se), (place > 0) & np.isfinite(behind)
        look: dict[str, Any] = {
            "fmt": "D",
            "ms": 3.5,
            "color": colour(1),
            "elinewidth": 0.9,
            "label": "held-out conditions",
        }
        ax.errorbar(behind[there], place[there], xerr=se[there], **look)
        ends = [
            float(max((behind + se)[there].max(initial=0.0), ends[0])),
            float((behind - se)[there].min(initial=0.0)),
        ]
    ax.set_xscale("symlog", linthresh=_LINEAR)
    ax.set_xlim(1.3 * ends[1], 1.3 * ends[0])
    powers = [sign * value for sign in (-1, 1) for value in (10.0, 100.0, 1e3, 1e4, 1e5)]
    ax.xaxis.set_major_locator(FixedLocator([0.0, 2.0, *(x for x in powers if 1.3 * ends[1] <= x <= 1.3 * ends[0])]))
    ax.xaxis.set_major_formatter(FuncFormatter(lambda value, _: plain(value)))
    ax.xaxis.set_minor_locator(NullLocator())
    for level in (0.0, 2.0, 10.0):
        ax.axvline(level, color=MUTED, lw=0.6, ls=":" if level else "-", zorder=0)
    ax.set_yticks(place, [written(str(name)) for name in table.index])
    ax.set_ylim(len(table) - 0.5, -0.5)
    ax.set_xlabel("behind the best model" if "behind" in table else "AICc above the best model")
    tidy(ax)
    ax.tick_params(axis="y", length=0)
    outside_legend(ax)
    return ax


def plot_held_out(
    selection: Selection, *, ax: Axes | None = None, models: str | Sequence[str] | None = None, observable: str = ""
) -> Axes:
    """Draw held-out measurements against what each model predicted without them; a good one lies on the diagonal.

    Parameters
    ----------
    selection : Selection
    ax : matplotlib.axes.Axes, optional
    models : str or sequence of str, optional
        Labels; all when absent.
    observable : str, optional
        The first when absent.

    Returns
    -------
    matplotlib.axes.Axes

    Raises
    ------
    FitError
        Nothing was held out, or a label is unknown.
    """
    table = selection.predictions
    if table.empty:
        raise FitError("no condition was held out; compare with compare_models(..., held_out='condition')")
    labels = [str(name) for name in selection.table.index]
    chosen = labels if models is None else [models] if isinstance(models, str) else list(models)
    for name in chosen:
        if name not in labels:
            raise FitError(f"no model is labelled {name!r}{did_you_mean(name, labels)}")
    measured = list(dict.fromkeys(table["observable"]))
    wanted = observable or measured[0]
    if wanted not in measured:
        raise FitError(f"{wanted!r} was not fitted{did_you_mean(wanted, measured)}")
    ax = new_axes(ax)
    mine = table[(table["observable"] == wanted) & np.isfinite(table["predicted"].to_numpy(dtype=float))]
    whole = mine[["value", "predicted"]].to_numpy(dtype=float)
    for k, name in enumerate(chosen):
        rows = mine[mine["model"] == name]
        marker = MARKERS[k % len(MARKERS)]
        ax.plot(
            rows["predicted"], rows["value"], marker, color=colour(k), ms=2.4, mew=0, alpha=0.55, label=written(name)
        )
    low, high = float(whole.min()), float(whole.max())
    ax.plot([low, high], [low, high], color=MUTED, lw=0.8, zorder=0)
    if low > 0 and high / low > 10:
        ax.set_xscale("log")
        ax.set_yscale("log")
        log_ticks(ax.xaxis)
        log_ticks(ax.yaxis)
    ax.set_xlabel(f"{wanted}, predicted without it")
    ax.set_ylabel(f"{wanted}, measured")
    tidy(ax)
    outside_legend(ax)
    return ax
