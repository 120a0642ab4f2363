"""What all pictures share: colours that colour-blind readers tell apart, sizes for a journal column, plain axes."""

from __future__ import annotations

import math
import sys
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import import_module
from itertools import pairwise
from textwrap import wrap
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from matplotlib.artist import Artist
    from matplotlib.axes import Axes
    from matplotlib.axis import Axis
    from matplotlib.figure import Figure

    from pkpd_mdr.data import Condition
    from pkpd_mdr.units import Unit

__all__ = [
    "COLOURS",
    "COLUMN",
    "DASHES",
    "HATCHES",
    "MARKERS",
    "MUTED",
    "Looks",
    "as_svg",
    "beside",
    "bracket",
    "colour",
    "dash",
    "hatch",
    "log_ticks",
    "name_axis",
    "new_axes",
    "on",
    "outside_legend",
    "plain",
    "power_of",
    "rows_height",
    "sequence",
    "share_axis",
    "side_bar",
    "side_legend",
    "tidy",
    "written",
]

COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
"""Okabe and Ito's palette, yellow left out as it is pale on white."""

DASHES = ("-", "--", "-.", ":", (0, (5, 1, 1, 1, 1, 1)), (0, (1, 3)), (0, (8, 2)))
"""Lines differ in pattern too, for print in black and white."""

MARKERS = ("o", "^", "s", "D", "v")
"""Points differ in shape where lines differ in pattern."""

HATCHES = ("", "////", "....", "\\\\\\\\", "xxxx", "oooo")
"""Areas differ in hatching where colours alone do not do."""

MUTED = "#6b6b6b"
COLUMN = 3.4
"""Width in inches of one column of a two-column paper."""

_TEXT = 8.0
_MARK = 4.5 * (_TEXT - 1)  # points of a legend's column beside its text
_LETTER = 4.1  # points of a letter in small text
_LEFT = 43.0  # points left of the axes, of which a legend has none, where no names stand there
_OWN = "pkpd_mdr"  # label of figures that may grow with their legend
_LINES = 3  # of a name that is broken
_ROWS = 3  # of a legend for which figures have room
_LEGEND = 8  # most colours in a legend; beyond, a bar of colours
_NAMES = 12  # most conditions that are told apart by name only


def colour(k: int) -> str:
    """The colour of the k-th line."""
    return COLOURS[k % len(COLOURS)]


def dash(k: int) -> Any:
    """The pattern of the k-th line: with its colour a pair that comes once in 49 lines."""
    return DASHES[(k + k // len(COLOURS)) % len(DASHES)]


def hatch(k: int) -> str:
    """The hatching of the k-th area: none for the first seven, which differ in colour."""
    return HATCHES[(k // len(COLOURS)) % len(HATCHES)]


def sequence(count: int) -> list[str]:
    """Colours for ordered numbers, dark to light, with steps that look equal to colour-blind readers too."""
    import matplotlib as mpl
    from matplotlib.colors import to_hex

    pale = 0.84  # beyond it lies yellow, which is lost on white
    steps = [pale * k / max(count - 1, 1) for k in range(count)]
    return [to_hex(mpl.colormaps["viridis"](step)) for step in steps]


def plain(value: float) -> str:
    """A number as text of three digits, without an exponent where it can be read without."""
    if 1e3 <= abs(value) < 1e5:
        return f"{value:.0f}"
    text = f"{value:.3g}"
    if "e" not in text:
        return text
    return _with_exponent(value)


def rows_height(names: Sequence[str], least: float) -> float:
    """Inches for rows that are named beside an axis, some of them in several lines."""
    return sum(max(least, 0.08 + 0.115 * (1 + name.count("\n"))) for name in names)


def power_of(largest: float) -> int:
    """Power of ten to take out of numbers that would be long; 0 for others."""
    return 0 if largest == 0 or 0.01 <= largest < 1e5 else math.floor(math.log10(largest))


def bracket(unit: str, power: int = 0) -> str:
    """A unit with the power of ten that was taken out, as it stands behind a name."""
    text = " ".join(part for part in (f"$10^{{{power}}}$" if power else "", unit) if part)
    return f" [{text}]" if text else ""


def name_axis(axis: Axis, name: str, unit: str) -> None:
    """Name an axis with its unit; a power of ten goes there, too, as at the end of the axis it meets other text."""
    from matplotlib.ticker import FuncFormatter

    power = power_of(max(abs(end) for end in axis.get_view_interval())) if axis.get_scale() == "linear" else 0
    if power:
        axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value / 10.0**power:.6g}"))
    axis.set_label_text(name + bracket(unit, power))


def share_axis(first: Unit, other: Unit) -> bool:
    """Whether two outputs can stand on one axis: in like units, and cells only beside cells, not beside pure numbers.

    Cells are counted, so that to the units they are a number like any other; on an axis of cells a share or a content
    per cell would be read as a number of cells.
    """
    return first.like(other) and ("cell" in first.text) == ("cell" in other.text)


def written(name: str, width: int | None = None) -> str:
    """A name as it stands, of which matplotlib would read what is between dollars as mathematics.

    It would leave a name that begins with an underscore out of legends, too.
    With a width in characters it is broken into at most three lines, and cut where that is not enough.
    """
    if width is not None:
        lines = wrap(name, width, max_lines=_LINES, placeholder=" ...")
        name = "\n".join(lines) if lines else name
    name = name.replace("$", r"\$")
    return rf"$\_${name[1:]}" if name.startswith("_") else name


def _with_exponent(value: float) -> str:
    digits, power = f"{value:.2e}".split("e")
    lead = "" if float(digits) == 1 else rf"{float(digits):g} \times "
    return f"${lead}10^{{{int(power)}}}$"


def on(shade: str) -> str:
    """Black or white, whichever is readable on a colour."""
    red, green, blue = (int(shade[k : k + 2], 16) for k in (1, 3, 5))
    return "black" if 0.299 * red + 0.587 * green + 0.114 * blue > 140 else "white"


def new_axes(ax: Axes | None, *, width: float = COLUMN, height: float = 2.5) -> Axes:
    """The given axes, or new ones on a figure of their own.

    Where pyplot is in use, by a script or a notebook, the figure is one of pyplot's, which its `show` shows; elsewhere
    nothing keeps it, and no thread but the first touches what belongs to a screen.
    """
    if ax is not None:
        return ax
    options: Any = {"figsize": (width, height), "layout": "constrained", "dpi": 200}
    if _pyplot() is not None and threading.current_thread() is threading.main_thread():
        figure: Figure = _pyplot().figure(**options)
    else:
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure as Plain

        figure = Plain(**options)
        FigureCanvasAgg(figure)
    figure.set_label(_OWN)
    return figure.add_subplot()


def _pyplot() -> Any:
    """The module pyplot where it is in use: imported already, or wanted by a notebook."""
    if "ipykernel" in sys.modules:
        return import_module("matplotlib.pyplot")
    return sys.modules.get("matplotlib.pyplot")


def as_svg(ax: Axes) -> bytes:
    """The figure of some axes as SVG, the same bytes for the same picture; letters are outlines and need no font.

    The figure is done with then: pyplot does not keep it.
    """
    from io import BytesIO

    import matplotlib as mpl

    written = BytesIO()
    figure = ax.get_figure(root=True)
    assert figure is not None
    with mpl.rc_context({"svg.hashsalt": "pkpd_mdr", "svg.fonttype": "path"}):
        figure.savefig(written, format="svg", metadata={"Date": None, "Creator": None})
    if _pyplot() is not None:
        _pyplot().close(figure)
    return written.getvalue()


def tidy(ax: Axes) -> None:
    """Small text, no frame on the right and at the top."""
    ax.spines["top"].set_visible(False)
    ax.spines["right"].set_visible(False)
    ax.tick_params(which="both", labelsize=_TEXT - 1)
    for axis in (ax.xaxis, ax.yaxis):
        axis.get_offset_text().set_fontsize(_TEXT - 1)
    for label in (ax.xaxis.label, ax.yaxis.label, ax.title):
        label.set_fontsize(_TEXT)


def beside(ax: Axes, row: float, text: str) -> None:
    """Numbers of a row, to the right of the axes."""
    ax.annotate(
        text,
        (1.0, row),
        xycoords=("axes fraction", "data"),
        xytext=(4, 0),
        textcoords="offset points",
        va="center",
        fontsize=_TEXT - 1,
        annotation_clip=False,
    )


def log_ticks(axis: Axis) -> None:
    """More labels on a logarithmic axis that spans less than two decades, where powers of ten are too few."""
    from matplotlib.ticker import FixedLocator, FuncFormatter, NullFormatter

    low, high = sorted(axis.get_view_interval())
    if high >= 100 * low:
        return
    long = low < 1e-3 or high >= 1e5  # labels with an exponent take more room
    powers = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    ticks: list[float] = []
    for steps in (((1.0, 3.0),) if long else ()) + ((1.0, 2.0, 5.0), (1.0, 1.5, 2.0, 3.0, 5.0, 7.0)):
        if len(ticks) < (2 if long else 3):
            ticks = [tick for power in powers for step in steps if low <= (tick := step * 10.0**power) <= high]
    axis.set_major_locator(FixedLocator(ticks))
    axis.set_major_formatter(FuncFormatter(lambda value, _: _with_exponent(value) if long else plain(value)))
    axis.set_minor_formatter(NullFormatter())


def side_legend(
    ax: Axes, handles: Sequence[Artist], labels: Sequence[str], title: str, *, bottom: bool = False
) -> None:
    """A legend with a title to the right of the axes, at the top or the bottom; one of each can be had."""
    legend = ax.legend(
        handles,
        labels,
        title=title,
        loc="lower left" if bottom else "upper left",
        bbox_to_anchor=(1.0, 0.0 if bottom else 1.0),
        frameon=False,
        fontsize=_TEXT - 1,
        title_fontsize=_TEXT - 1,
        alignment="left",
        handlelength=2.3,
        labelspacing=0.25,
        borderaxespad=0.2,
    )
    if bottom:
        ax.add_artist(legend)
        legend.set_clip_on(False)


def side_bar(ax: Axes, colours: Sequence[str], labels: Sequence[str], title: str, *, bottom: float = 0.0) -> None:
    """A bar of colours to the right of the axes, one step for each label; labels that would touch are left out."""
    top = 0.9  # room for the title
    bar = ax.inset_axes((1.04, bottom, 0.04, top - bottom))
    for k, shade in enumerate(colours):
        bar.axhspan(k - 0.5, k + 0.5, color=shade, lw=0)
    bar.set_ylim(-0.5, len(colours) - 0.5)
    bar.set_xticks([])
    inches = ax.get_window_extent().height / ax.get_figure().dpi * (top - bottom)  # type: ignore[union-attr]
    every = max(1, math.ceil(len(labels) * 0.13 / max(inches, 0.13)))
    bar.set_yticks(range(0, len(labels), every), labels[::every], fontsize=_TEXT - 1)
    bar.yaxis.tick_right()
    bar.tick_params(length=0, pad=2)
    for spine in bar.spines.values():
        spine.set_visible(False)
    bar.set_title(title, fontsize=_TEXT - 1, loc="left", pad=4)


def outside_legend(ax: Axes, *, band: str = "") -> None:
    """A legend above the axes, where it covers no line; none for a single entry.

    Names to the left of the axes leave it less room. `band` says what shaded areas hold.
    """
    from matplotlib.patches import Patch

    handles, labels = ax.get_legend_handles_labels()
    if band:
        handles, labels = [*handles, Patch(color="0.5", alpha=0.25, lw=0)], [*labels, band]
    elif len(labels) < 2:
        return
    figure = ax.get_figure(root=True)
    assert figure is not None
    width, height = figure.get_size_inches()
    beside = max(map(len, _names_beside(ax)), default=0)
    room = 72 * width * _share(ax) - max(_LEFT, _LETTER * beside)
    letters = max(int((room - _MARK) / _LETTER), 10)
    labels = ["\n".join(wrap(label, letters, max_lines=_LINES, placeholder=" ...")) or label for label in labels]
    columns = _columns(labels, room)
    rows = sum(1 + label.count("\n") for label in labels) / columns
    if figure.get_label() == _OWN and rows > _ROWS:
        figure.set_size_inches(width, height + 0.145 * (rows - _ROWS))
    ax.legend(
        handles,
        labels,
        loc="lower left",
        bbox_to_anchor=(0.0, 1.0),
        ncols=columns,
        frameon=False,
        fontsize=_TEXT - 1,
        handlelength=2.2,
        columnspacing=1.2,
        borderaxespad=0.2,
    )


def _share(ax: Axes) -> float:
    """The part of the figure's width that is for these axes, which may be one of several side by side."""
    place = ax.get_subplotspec()
    return 1.0 if place is None else len(place.colspan) / place.get_gridspec().ncols


def _names_beside(ax: Axes) -> list[str]:
    """Lines of the names to the left of the axes; powers of ten are formulas, and no names."""
    texts = [label.get_text() for label in ax.get_yticklabels()]
    return [line for text in texts if "$" not in text.replace(r"\$", "") for line in text.split("\n")]


def _columns(labels: Sequence[str], room: float) -> int:
    """How many columns of a legend, which is filled column by column, fit into some points."""
    from matplotlib.textpath import TextPath

    def inked(label: str) -> float:
        """Width of a label's longest line, in points."""
        return max(TextPath((0, 0), line, size=_TEXT - 1).get_extents().width for line in label.split("\n"))

    widths = [max(inked(label), 0.0) for label in labels]
    for count in range(len(labels), 1, -1):
        longer, few = len(labels) % count, len(labels) // count
        cuts = [k * few + min(k, longer) for k in range(count + 1)]
        if sum(max(widths[a:b]) + _MARK for a, b in pairwise(cuts)) <= room:
            return count
    return 1


@dataclass(frozen=True, slots=True)
class Looks:
    """Colour by one label, pattern by the others; `kinds` maps each condition to its colour and pattern numbers."""

    kinds: dict[str, tuple[int, int]]
    colours: list[str]
    labels: list[str]
    title: str
    patterns: list[str]
    patterns_title: str
    ordered: bool

    @classmethod
    def of(cls, members: Sequence[Condition]) -> Looks:
        """How conditions are told apart: by the number with most values, then by what else varies."""
        varying = {name: values for name, values in _labels(members).items() if len(set(values)) > 1}
        numeric = [name for name, values in varying.items() if all(isinstance(v, (int, float)) for v in values)]
        if not numeric:
            return cls._by_name(members, varying)
        by = max(numeric, key=lambda name: len(set(varying[name])))
        levels: list[float] = sorted(set(varying[by]))
        others = [name for name in varying if name != by]
        rest = [tuple(varying[name][i] for name in others) for i in range(len(members))]
        patterns = list(dict.fromkeys(rest))
        if len(set(zip(varying[by], rest, strict=True))) == len(levels) or len(patterns) > len(MARKERS):
            patterns, rest, others = [()], [()] * len(members), []
        kinds = {
            member.name: (levels.index(level), patterns.index(other))
            for member, level, other in zip(members, varying[by], rest, strict=True)
        }
        if len(set(kinds.values())) < len(members) <= _NAMES:  # numbers leave some of them alike
            return cls._by_name(members, {})
        texts = [", ".join(_text(value) for value in pattern) for pattern in patterns]
        numbers = [plain(level) for level in levels]
        if len(set(numbers)) < len(numbers):
            numbers = [f"{level:.6g}" for level in levels]
        return cls(kinds, sequence(len(levels)), numbers, by, texts, ", ".join(others), True)

    @classmethod
    def _by_name(cls, members: Sequence[Condition], varying: dict[str, list[Any]]) -> Looks:
        names = [
            written(", ".join(_text(values[i]) for values in varying.values()) or member.name)
            for i, member in enumerate(members)
        ]
        labels = list(dict.fromkeys(names))
        few = len(labels) <= _NAMES  # and are told apart by colour, then by pattern
        shades = [colour(k) for k in range(len(labels))] if few else sequence(len(labels))
        places = [labels.index(name) for name in names]
        kinds = {member.name: (k, k // len(COLOURS) if few else 0) for member, k in zip(members, places, strict=True)}
        return cls(kinds, shades, labels, ", ".join(varying), [""], "", False)

    def line(self, condition: str) -> dict[str, Any]:
        """Of a condition's curve."""
        shade, pattern = self.kinds[condition]
        return {"color": self.colours[shade], "linestyle": DASHES[pattern]}

    def point(self, condition: str) -> dict[str, Any]:
        """Of a condition's measurements."""
        shade, pattern = self.kinds[condition]
        return {
            "color": self.colours[shade],
            "marker": MARKERS[pattern],
            "linestyle": "",
            "markersize": 2.8,
            "markeredgewidth": 0,
            "alpha": 0.75,
        }

    def explain(self, ax: Axes, *, lines: bool = True) -> None:
        """Say outside the axes what colours and patterns mean."""
        from matplotlib.lines import Line2D

        style = "-" if lines else ""
        marks = [Line2D([], [], color=c, marker="o", ms=2.8, ls=style, lw=1.3) for c in self.colours]
        second = len(self.patterns) > 1
        if second:
            shapes = [
                Line2D([], [], color=MUTED, marker=MARKERS[k], ms=2.8, ls=DASHES[k] if lines else "", lw=1.3)
                for k in range(len(self.patterns))
            ]
            side_legend(ax, shapes, self.patterns, self.patterns_title, bottom=True)
        if len(self.labels) < 2:
            return
        if not self.ordered:
            if len(self.labels) <= _NAMES:
                for k, (mark, label) in enumerate(zip(marks, self.labels, strict=True)):
                    mark.set(marker=MARKERS[k // len(COLOURS)], ls=DASHES[k // len(COLOURS)] if lines else "")
                    ax.add_line(mark)
                    mark.set_label(label)
                outside_legend(ax)
        elif len(self.labels) <= _LEGEND:
            side_legend(ax, marks, self.labels, self.title)
        else:
            side_bar(ax, self.colours, self.labels, self.title, bottom=0.12 * (len(self.patterns) + 1) * second)


def _labels(members: Sequence[Condition]) -> dict[str, list[Any]]:
    names = dict.fromkeys(name for member in members for name in (*member.labels, *member.covariates))
    return {name: [member.get(name) for member in members] for name in names}


def _text(value: Any) -> str:
    return plain(value) if isinstance(value, (int, float)) else str(value)
