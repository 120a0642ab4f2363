"""Picture of a model: its states as boxes, what flows between them and what acts on what as arrows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from pkpd_mdr.errors import ModelError
from pkpd_mdr.expression import symbol
from pkpd_mdr.plot.style import COLUMN, MUTED, colour, new_axes, written

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from pkpd_mdr.model import Model, Process

__all__ = ["Links", "links", "plot_model"]

_COLUMNS = ("drugs", "tumour", "inside cells and around")
_WIDE, _ROW, _GAP = 1.05, 0.30, 0.75  # inches: width of a box, height of a row, room between columns
_MOST = 60  # states that can be told apart
_CLEAR = 40  # effects up to which they can be followed
_BEND, _EDGE = 0.55, 0.35  # of arrows within a column, and inches beside the boxes
_SMALL = 6.5


@dataclass(frozen=True, slots=True)
class Links:
    """What connects the states of a model.

    Attributes
    ----------
    flows : tuple of (str, str)
        From a state that loses to one that gains by the same process.
    acts : tuple of (str, str)
        From a state that stands in the rate of a process to a state that the process moves, where nothing flows.
    sources, sinks : frozenset of str
        States that something enters from nowhere, or leaves to nowhere.
    """

    flows: tuple[tuple[str, str], ...]
    acts: tuple[tuple[str, str], ...]
    sources: frozenset[str]
    sinks: frozenset[str]


def links(model: Model) -> Links:
    """Read off the processes what flows and what acts.

    Examples
    --------
    >>> import pkpd_mdr as mdr
    >>> model = mdr.Model(
    ...     mdr.pk.one_compartment("dox", CL="10 L/h", V="50 L"),
    ...     mdr.clone("S", growth=mdr.growth.exponential(rate="0.1 1/day"), start=1e6),
    ...     mdr.kill("dox", on="S", slope="0.1 1/h/(mg/L)"),
    ... )
    >>> links(model).acts
    (('central_dox', 'S'),)
    """
    flows: dict[tuple[str, str], None] = {}
    acts: dict[tuple[str, str], None] = {}
    sources, sinks = set(), set()
    names = {symbol(name): name for name in model.states}
    for process in model.processes.values():
        losses, gains = _sides(process)
        flows |= dict.fromkeys((loser, gainer) for loser in losses for gainer in gains)
        sources |= set() if losses else set(gains)
        sinks |= set() if gains else set(losses)
        read = {names[one] for one in process.rate.free_symbols if one in names}
        acts |= dict.fromkeys(
            (name, moved) for name in sorted(read - set(process.moves)) for moved in (*losses, *gains)
        )
    known = {frozenset(pair) for pair in flows}
    return Links(
        tuple(flows), tuple(pair for pair in acts if frozenset(pair) not in known), frozenset(sources), frozenset(sinks)
    )


def _sides(process: Process) -> tuple[list[str], list[str]]:
    """States that lose and states that gain when the rate is positive; what only counts losses is no state here."""
    losses = [name for name, share in process.moves.items() if str(share).startswith("-")]
    return losses, [name for name in process.moves if name not in losses and not _is_sink(name)]


def _is_sink(name: str) -> bool:
    return name.startswith("lost_")


def plot_model(model: Model, *, ax: Axes | None = None) -> Axes:
    """Draw a model: boxes are states, solid arrows flows, dashed grey ones effects on a rate.

    Short arrows at the left of a box are births and inputs, those at the right deaths and losses. States stand in
    columns: drugs, clones, what cells and vesicles carry, all others. More than 40 effects are only counted.

    Parameters
    ----------
    model : Model
    ax : Axes, optional

    Returns
    -------
    Axes

    Raises
    ------
    ModelError
        No states, or more than 60.
    """
    if not 0 < len(model.states) <= _MOST:
        raise ModelError(f"a picture can hold 1 to {_MOST} states, not {len(model.states)}; see process_table()")
    found = links(model)
    columns = _columns(model)
    places = {
        name: (k * (_WIDE + _GAP), -_ROW * (row + 0.5 * (max(map(len, columns.values())) - len(names))))
        for k, names in enumerate(columns.values())
        for row, name in enumerate(names)
    }
    acts = found.acts if len(found.acts) <= _CLEAR else ()
    hidden, deep = len(found.acts) - len(acts), _ROW * max(map(len, columns.values()))
    right = (len(columns) - 1) * (_WIDE + _GAP) + _WIDE
    turns = [abs(places[a][1] - places[b][1]) for a, b in (*found.flows, *acts) if places[a][0] == places[b][0]]
    room = max(_EDGE, 0.1 + _BEND / 2 * max(turns, default=0.0))  # for arrows around the last column
    ax = new_axes(ax, width=max(COLUMN, right + _EDGE + room + 0.2), height=0.55 + deep + 0.2 * bool(hidden))
    for (start, end), style in [*((pair, "flow") for pair in found.flows), *((pair, "act") for pair in acts)]:
        _arrow(ax, places[start], places[end], style)
    for k, names in enumerate(columns.values()):
        for name in names:
            _box(ax, name, places[name], colour(k), name in found.sources, name in found.sinks)
    for k, title in enumerate(columns):
        ax.text(k * (_WIDE + _GAP) + _WIDE / 2, 0.34, title, ha="center", fontsize=_SMALL, color=MUTED, style="italic")
    if hidden:
        ax.text(-_EDGE, -deep, f"{hidden} effects on rates are not drawn", va="center", fontsize=_SMALL, color=MUTED)
    ax.set_xlim(-_EDGE, right + room)
    ax.set_ylim(-deep + 0.1 - 0.2 * bool(hidden), 0.5)
    ax.set_xticks([])
    ax.set_yticks([])
    ax.set_axis_off()
    return ax


def _columns(model: Model) -> dict[str, list[str]]:
    """States by column, in the order of the model."""
    rest = "host and others" if model.clones else "cells and others"
    columns: dict[str, list[str]] = {title: [] for title in (*_COLUMNS, rest)}
    drugs = {port.name for port in model.ports}
    for name, state in model.states.items():
        if _is_sink(name):
            continue
        if name in model.clones:
            columns["tumour"].append(name)
        elif state.carrier or state.kind == "vesicles":
            columns["inside cells and around"].append(name)
        elif state.kind in ("amount", "concentration") and drugs & set(name.split("_")):
            columns["drugs"].append(name)
        else:
            columns[rest].append(name)
    return {title: names for title, names in columns.items() if names}


def _box(ax: Axes, name: str, place: tuple[float, float], shade: str, enters: bool, leaves: bool) -> None:
    from matplotlib.patches import FancyBboxPatch

    x, y = place
    shape = "round,pad=0.0,rounding_size=0.05"
    ax.add_patch(
        FancyBboxPatch((x, y - 0.1), _WIDE, 0.2, boxstyle=shape, facecolor="white", edgecolor=shade, lw=1.2, zorder=3)
    )
    ax.text(x + _WIDE / 2, y, written(name, 20), ha="center", va="center", fontsize=_SMALL, zorder=4)
    for there, (start, end) in ((enters, (x - 0.2, x)), (leaves, (x + _WIDE, x + _WIDE + 0.2))):
        if there:
            looks = {"arrowstyle": "-|>", "color": shade, "lw": 0.9, "shrinkA": 0, "shrinkB": 0, "mutation_scale": 6}
            ax.annotate("", (end, y + 0.05), (start, y + 0.05), arrowprops=looks, zorder=2)


def _arrow(ax: Axes, start: tuple[float, float], end: tuple[float, float], style: str) -> None:
    """Between the sides that face each other; within a column around its right side."""
    from matplotlib.patches import FancyArrowPatch

    (x0, y0), (x1, y1) = start, end
    if x0 == x1:
        a, b = (x0 + _WIDE, y0 - 0.03), (x1 + _WIDE, y1 + 0.03)
        bend = -_BEND if y1 < y0 else _BEND
    elif x1 > x0:
        a, b, bend = (x0 + _WIDE, y0), (x1, y1 - 0.03), 0.0
    else:
        a, b, bend = (x0, y0 - 0.05), (x1 + _WIDE, y1 - 0.05), 0.0
    acts = style == "act"
    ax.add_patch(
        FancyArrowPatch(
            a,
            b,
            connectionstyle=f"arc3,rad={bend}",
            arrowstyle="-|>",
            mutation_scale=6,
            color=MUTED if acts else "black",
            linestyle=(0, (3, 2)) if acts else "-",
            lw=0.6 if acts else 0.8,
            alpha=0.7 if acts else 1.0,
            shrinkA=0,
            shrinkB=0,
            zorder=1,
        )
    )
