"""Pictures of drug combinations: excess over the doses of two drugs, and isoboles."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from pkpd_mdr.errors import DataError
from pkpd_mdr.plot.style import COLOURS, DASHES, MUTED, colour, new_axes, on, outside_legend, tidy

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from pkpd_mdr.response import Combination

__all__ = ["plot_excess", "plot_isoboles"]

_SMALL = 6.0
_MOST = 12  # doses of a drug whose cells can hold a number


def plot_excess(
    result: Combination, *, ax: Axes | None = None, model: str | None = None, combination: str | int | None = None
) -> Axes:
    """Draw the excess of every cell as a colour and a number; blue is synergy, orange antagonism.

    Numbers are bold where the simultaneous interval leaves out 0, and cells without an expected response are hatched.

    Parameters
    ----------
    result : Combination
        Of two drugs.
    ax : matplotlib.axes.Axes, optional
    model : str, optional
        The first one when absent.
    combination : str or int, optional

    Returns
    -------
    matplotlib.axes.Axes

    Raises
    ------
    DataError
        More than two drugs, or an unknown model or combination.

    Examples
    --------
    >>> import pandas as pd
    >>> from pkpd_mdr.response import combination
    >>> plate = pd.DataFrame({"a": [0, 1, 0, 1], "b": [0, 0, 2, 2], "v": [1.0, 0.5, 0.6, 0.1]})
    >>> found = combination(plate, doses={"a": "a", "b": "b"}, response="v", scale="viability", model="bliss")
    >>> plot_excess(found).get_xlabel()
    'a'
    """
    k, name = result._which(combination), result._model(model)
    wells = result.wells[k]
    if len(wells.drugs) != 2:
        raise DataError(f"plot_excess: a picture has two axes; {len(wells.drugs)} drugs were given. See frame")
    frame = result.frame
    frame = frame[frame["model"] == name]
    if "combination" in frame:
        frame = frame[frame["combination"] == wells.label]
    levels = [np.unique(wells.cells[wells.mixed, j]) for j in range(2)]
    shown_excess = np.full((len(levels[1]), len(levels[0])), np.nan)
    states = np.full(shown_excess.shape, "", dtype=object)
    at = [np.searchsorted(levels[j], frame[wells.drugs[j]].to_numpy()) for j in range(2)]
    shown_excess[at[1], at[0]] = frame["excess"]
    states[at[1], at[0]] = frame["state"]
    height = 0.9 + 0.3 * len(levels[1])
    ax = new_axes(ax, height=min(max(height, 2.4), 4.5))
    _cells(ax, shown_excess, states)
    for axis, j in ((ax.xaxis, 0), (ax.yaxis, 1)):
        axis.set_ticks(range(len(levels[j])), [f"{dose:g}" for dose in levels[j]])
        unit = f" [{wells.units[j]}]" if wells.units[j] else ""
        axis.set_label_text(f"{wells.drugs[j]}{unit}")
    if len(levels[0]) > 6:
        ax.tick_params(axis="x", rotation=60)
    ax.set_title(f"excess over {name}" + (f", {wells.label}" if wells.label else ""))
    tidy(ax)
    for side in ax.spines.values():
        side.set_visible(False)
    ax.tick_params(length=0)
    return ax


def _cells(ax: Axes, excess: np.ndarray[Any, Any], states: np.ndarray[Any, Any]) -> None:
    from matplotlib.colors import LinearSegmentedColormap, Normalize, to_hex
    from matplotlib.patches import Rectangle

    known = np.abs(excess[np.isfinite(excess)])
    reach = float(known.max()) if len(known) and known.max() > 0 else 1.0
    shades = LinearSegmentedColormap.from_list("excess", [COLOURS[1], "#ffffff", COLOURS[0]])
    scale = Normalize(-reach, reach)
    image = ax.imshow(excess, cmap=shades, norm=scale, origin="lower", aspect="auto")
    bar = ax.figure.colorbar(image, ax=ax, pad=0.02)
    bar.set_label("synergy above 0", fontsize=_SMALL + 1)
    bar.ax.tick_params(labelsize=_SMALL)
    readable = max(excess.shape) <= _MOST
    digits = 0 if reach >= 10 else 1 if reach >= 1 else 2
    for row, column in np.ndindex(*excess.shape):
        value, state = excess[row, column], states[row, column]
        if not np.isfinite(value):
            hatch = {"hatch": "////", "edgecolor": MUTED} if state else {"edgecolor": "none"}
            ax.add_patch(Rectangle((column - 0.5, row - 0.5), 1, 1, facecolor="#f2f2f2", lw=0, **hatch))  # type: ignore[arg-type]
        elif readable:
            weight = "bold" if state in ("synergy", "antagonism") else "normal"
            ink = on(to_hex(shades(scale(value))))
            ax.text(
                column, row, f"{value:.{digits}f}", ha="center", va="center", fontsize=_SMALL, weight=weight, color=ink
            )


def plot_isoboles(
    result: Combination, level: float, *, ax: Axes | None = None, combination: str | int | None = None
) -> Axes:
    """Draw the pairs of doses with one response for every model that has them, each dose as measured.

    Parameters
    ----------
    result : Combination
        Of two drugs, with at least one of musyc, braid, loewe and bliss.
    level : float
    ax : matplotlib.axes.Axes, optional
    combination : str or int, optional

    Returns
    -------
    matplotlib.axes.Axes

    Raises
    ------
    DataError
        No model has isoboles, or no tested doses reach the level under any of them.
    """
    wells = result.wells[result._which(combination)]
    able = [name for name in ("loewe", "bliss", "braid", "musyc") if name in result.models]
    if not able:
        result.isobole(level, combination=combination)  # says which models have isoboles
    tables = {name: result.isobole(level, model=name, combination=combination, points=81) for name in able}
    if not any((table["state"] == "in range").any() for table in tables.values()):
        raise DataError(f"plot_isoboles: a response of {level:g} is not reached within the tested doses")
    ax = new_axes(ax, height=2.7)
    for place, (name, table) in enumerate(tables.items()):
        ax.plot(
            table[wells.drugs[0]], table[wells.drugs[1]], color=colour(place), ls=DASHES[place], lw=1.3, label=name
        )  # fmt: skip
    for axis, j in ((ax.xaxis, 0), (ax.yaxis, 1)):
        axis.set_label_text(f"{wells.drugs[j]}{f' [{wells.units[j]}]' if wells.units[j] else ''}")
    ax.set_xlim(left=0)
    ax.set_ylim(bottom=0)
    ax.text(0.98, 0.95, f"response {level:g}", transform=ax.transAxes, ha="right", va="top", fontsize=_SMALL + 1)
    tidy(ax)
    outside_legend(ax)
    return ax
