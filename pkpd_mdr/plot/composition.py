"""Picture of what tumours are made of: shares of clones with what the counts leave open."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from pkpd_mdr.plot.style import COLOURS, MUTED, beside, new_axes, outside_legend, rows_height, tidy, written

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from pkpd_mdr.patients import Composition

__all__ = ["plot_composition"]

_SMALL = 0.05  # share from which down an axis is logarithmic


def plot_composition(composition: Composition, *, ax: Axes | None = None, confidence: float = 0.95) -> Axes:
    """Draw the share of each clone and its interval, with the cells that were counted.

    The axis is logarithmic where a share may be below a twentieth.
    A clone that was not seen has an arrow down from its upper bound. Where there are several samples, their own shares
    are points, and the interval is that of all of them added up.

    Parameters
    ----------
    composition : Composition
    ax : Axes, optional
    confidence : float
        Of the interval.

    Returns
    -------
    Axes

    Raises
    ------
    DataError
        `confidence` is no share.

    Examples
    --------
    >>> import pkpd_mdr as mdr
    >>> found = mdr.composition({"S": 980, "R": 3, "T": 0}, total="1e9 cell")
    >>> [text.get_text() for text in plot_composition(found).texts]
    ['980 of 983', '3 of 983', '0 of 983']
    """
    table = composition.table(confidence)
    names = [written(name, 24) for name in composition.clones]
    ax = new_axes(ax, height=0.9 + rows_height(names, 0.24))
    wide = bool(table["lower"].min() < _SMALL)
    counts = np.array(composition.counts, dtype=float)
    for place, (count, share, lower, upper) in enumerate(table.itertuples(index=False, name=None)):
        if count:
            ax.plot([lower, upper], [place, place], "-", color=COLOURS[0], lw=2.2, solid_capstyle="butt")
            label = None if ax.get_legend_handles_labels()[1] else "all samples"
            ax.plot(share, place, "o", color=COLOURS[0], ms=5.0, label=label)
        else:
            ax.plot([upper / 4, upper], [place, place], "-", color=COLOURS[0], lw=1.2)
            ax.plot(upper / 4, place, "<", color=COLOURS[0], ms=4.5)
            ax.plot(upper, place, "|", color=COLOURS[0], ms=7, mew=1.5)
        beside(ax, place, f"{count:.0f} of {counts.sum():.0f}")
    if len(counts) > 1:
        shares = counts / counts.sum(axis=1, keepdims=True)
        rows, places = np.nonzero(shares)
        ax.plot(shares[rows, places], places - 0.22, "o", color=MUTED, ms=3.0, mew=0, zorder=3, label="each sample")
    ax.set_yticks(range(len(names)), names)
    ax.set_ylim(len(names) - 0.4, -0.6)
    if wide:
        ax.set_xscale("log")
        ax.set_xlim(right=1.3)
    else:
        ax.set_xlim(0.0, 1.0)
    ax.set_xlabel(f"share of cells at the start, {100 * confidence:g} % interval")
    tidy(ax)
    ax.tick_params(axis="y", length=0)
    outside_legend(ax)
    return ax
