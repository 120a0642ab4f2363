"""What all pictures share: colours that colour-blind readers tell apart, sizes for a journal column, plain axes."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["COLOURS", "COLUMN", "DASHES", "MUTED", "colour", "new_axes", "on", "outside_legend", "tidy"]

COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
"""Okabe and Ito's palette, yellow left out as it is pale on white."""

DASHES = ("-", "--", "-.", ":", (0, (5, 1, 1, 1, 1, 1)), (0, (1, 3)), (0, (8, 2)))
"""Lines differ in pattern too, for print in black and white."""

MUTED = "#6b6b6b"
COLUMN = 3.4
"""Width in inches of one column of a two-column paper."""

_TEXT = 8.0
_CHARACTERS = 50  # of legend text in a column's width


def colour(k: int) -> str:
    """The colour of the k-th line."""
    return COLOURS[k % len(COLOURS)]


def on(shade: str) -> str:
    """Black or white, whichever is readable on a colour."""
    red, green, blue = (int(shade[k : k + 2], 16) for k in (1, 3, 5))
    return "black" if 0.299 * red + 0.587 * green + 0.114 * blue > 140 else "white"


def new_axes(ax: Axes | None, *, width: float = COLUMN, height: float = 2.5) -> Axes:
    """The given axes, or new ones on a figure of their own; nothing is shown on a screen."""
    if ax is not None:
        return ax
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), layout="constrained", dpi=200)
    FigureCanvasAgg(figure)
    return figure.add_subplot()


def tidy(ax: Axes) -> None:
    """Small text, no frame on the right and at the top."""
    ax.spines["top"].set_visible(False)
    ax.spines["right"].set_visible(False)
    ax.tick_params(which="both", labelsize=_TEXT - 1)
    for axis in (ax.xaxis, ax.yaxis):
        axis.get_offset_text().set_fontsize(_TEXT - 1)
    for label in (ax.xaxis.label, ax.yaxis.label, ax.title):
        label.set_fontsize(_TEXT)


def outside_legend(ax: Axes) -> None:
    """A legend above the axes, where it covers no line; none for a single entry."""
    labels = ax.get_legend_handles_labels()[1]
    if len(labels) < 2:
        return
    wide = max(len(label) for label in labels) + 5
    room = int(_CHARACTERS * ax.get_figure().get_size_inches()[0] / COLUMN)  # type: ignore[union-attr]
    ax.legend(
        loc="lower left",
        bbox_to_anchor=(0.0, 1.0),
        ncols=max(1, min(len(labels), room // wide)),
        frameon=False,
        fontsize=_TEXT - 1,
        handlelength=2.2,
        columnspacing=1.2,
        borderaxespad=0.2,
    )
