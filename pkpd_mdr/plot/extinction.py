"""Pictures of cure: its chance by the size of the tumour, and the way of stochastic paths to a rare event."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from pkpd_mdr.errors import SimulationError
from pkpd_mdr.plot.style import (
    MUTED,
    bracket,
    colour,
    dash,
    log_ticks,
    new_axes,
    outside_legend,
    plain,
    tidy,
    written,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from pkpd_mdr.engine.lowering import FloatArray
    from pkpd_mdr.run import Extinction, RareEvent

__all__ = ["plot_extinction", "plot_rare_event"]

_POINTS = 200
_AROUND = 30.0  # times more and fewer cells than at the start, and than where the chance is one half
_SMALL = 7.0
_WIDE, _HIGH = 40, 34  # characters of a label
_BESIDE, _APART = 0.08, 0.012  # of the way to an event: from its last level to estimates, and between them


def plot_extinction(found: Extinction, *, ax: Axes | None = None) -> Axes:
    r"""Draw how the chance that nothing is left depends on how many cells there are at the start.

    All types have the same shares of them as in the result, which is the dot: left of it are tumours that are found
    earlier or were operated on. Where several types can leave descendants, dashed curves are the chances that none is
    left of one type alone: the lowest of them stands in the way of cure. Cells that large populations send are the same
    for any number at the start.

    Parameters
    ----------
    found : Extinction
    ax : Axes, optional

    Returns
    -------
    Axes

    Raises
    ------
    SimulationError
        There are no cells at the start, or one for sure has descendants at the end.

    Examples
    --------
    >>> import pkpd_mdr as mdr
    >>> law = mdr.growth.birth_death(birth="1 1/day", death="0.5 1/day")
    >>> found = mdr.extinction(mdr.Model(mdr.clone("R", growth=law, start=20)), until="100 day")
    >>> plot_extinction(found).get_ylabel()
    'chance that no R is left\nafter 100 day'
    """
    cells = sum(found.start.values())
    if cells <= 0:
        raise SimulationError("there are no cells at the start, so there is no size of a tumour to draw")
    if math.isinf(found.log_probability):
        raise SimulationError(f"there are {', '.join(found.of)} for sure, however many cells there are at the start")
    shares = {name: number / cells for name, number in found.start.items() if number}
    lost = -(found.log_probability + found.arrivals) / cells  # of the logarithm of the chance, for each cell
    half = math.log(2.0) / lost if lost > 0 else cells
    least = max(min(cells, half) / _AROUND, min(cells, 1.0))
    sizes = np.geomspace(least, max(cells, half) * _AROUND, _POINTS)
    ax = new_axes(ax)
    ax.set_xscale("log")
    ax.plot(sizes, found.given({name: share * sizes for name, share in shares.items()}), lw=1.8, label="none at all")
    leaving = [name for name in shares if found.present_per_cell[name] > 0]
    for k, name in enumerate(leaving if len(leaving) > 1 else (), 1):
        alone = sizes * shares[name] * math.log1p(-found.present_per_cell[name])
        ax.plot(sizes, np.exp(alone), color=colour(k), ls=dash(k), lw=1.1, label=f"none of {name}")
    if found.arrivals:
        sent = math.exp(-found.arrivals)
        ax.axhline(sent, color=MUTED, ls=":", lw=1.0, zorder=1, label="none of large populations")
    ax.lines[0].set_color(colour(0))
    ax.plot(cells, found.probability, "o", color=colour(0), ms=5.0, zorder=4)
    place = {"xytext": (6, 5), "textcoords": "offset points", "fontsize": _SMALL}
    ax.annotate(plain(found.probability), (cells, found.probability), **place)  # type: ignore[arg-type]
    ax.set_xlim(float(sizes[0]), float(sizes[-1]))
    ax.set_ylim(-0.02, 1.04)
    log_ticks(ax.xaxis)
    ax.set_xlabel(written(f"{' + '.join(shares)} at the start", _WIDE) + " [cell]")
    ax.set_ylabel(written(f"chance that no {' or '.join(found.of)} is left", _HIGH) + f"\nafter {found.until}")
    tidy(ax)
    outside_legend(ax)
    return ax


def plot_rare_event(found: RareEvent, *, ax: Axes | None = None) -> Axes:
    """Draw how the pilot got to an event, level by level, and what the estimates behind it say.

    The line is the share of the pilot's paths that passed each level, a guess that only makes estimates precise. Behind
    the dotted line stand the independent estimates and their mean with its interval, by no level: a result to trust has
    estimates of one order of magnitude. Where few paths count, the picture says so.

    Parameters
    ----------
    found : RareEvent
    ax : Axes, optional

    Returns
    -------
    Axes

    Raises
    ------
    SimulationError
        The event is there at the start.

    Examples
    --------
    >>> import pkpd_mdr as mdr
    >>> law = mdr.growth.birth_death(birth="1 1/day", death="0.25 1/day")
    >>> model = mdr.Model(mdr.clone("R", growth=law, start=10))
    >>> found = mdr.rare_event(model, until="8 day", below="1 cell", particles=100, repeats=5, looks=40)
    >>> plot_rare_event(found).get_ylabel()
    'share of the paths'
    """
    if not found.shares:
        raise SimulationError(f"{found.what}: there is no way to it to draw")
    values = np.array([level.value for level in found.levels])
    ax = new_axes(ax)
    wide = bool(values.min() > 0 and values.max() > 10 * values.min())
    ways = np.log10(values) if wide else values
    length = float(ways[-1] - ways[0]) or 1.0

    def beside(share: float) -> float:
        """A place behind the last level."""
        place = float(ways[-1]) + share * length
        return float(10.0**place) if wide else place

    ax.plot(values, np.cumprod(found.shares), "-s", color=MUTED, lw=1.0, ms=3.5, label="pilot, level by level")
    ax.axvline(beside(_BESIDE / 2), color=MUTED, lw=0.7, ls=":", zorder=0)
    spots = np.array([beside(_BESIDE + _APART * k) for k in range(len(found.estimates))])
    seen = found.estimates > 0
    ax.plot(spots[seen], found.estimates[seen], "o", color=colour(0), ms=3.0, mew=0, alpha=0.7, label="estimates")
    middle = beside(2 * _BESIDE + _APART * len(spots))
    ax.plot([middle, middle], [found.lower, found.upper], "-", color=colour(1), lw=1.6, solid_capstyle="butt")
    ax.plot(
        middle, found.probability, "D", color=colour(1), ms=4.5, label=f"mean, {100 * found.confidence:g} % interval"
    )
    ax.set_xscale("log" if wide else "linear")
    ax.set_yscale("log")
    ax.set_xlim(beside(-1.06), beside(2.6 * _BESIDE + _APART * len(spots)))
    log_ticks(ax.yaxis)
    _ticks_up_to(ax, values, wide)
    ax.set_xlabel("level that was passed" + bracket(found.levels[0].unit.text))
    ax.set_ylabel("share of the paths")
    told = [written(found.what, _HIGH), *(["few paths count: see the notes"] if found.notes else [])]
    ax.text(0.02, 0.03, "\n".join(told), transform=ax.transAxes, va="bottom", fontsize=_SMALL, color=MUTED)
    tidy(ax)
    outside_legend(ax)
    return ax


def _ticks_up_to(ax: Axes, values: FloatArray, wide: bool) -> None:
    """Labels on the way to the event, and none where the estimates stand."""
    from matplotlib.ticker import FixedLocator, NullLocator

    if wide:
        log_ticks(ax.xaxis)
    low, high = float(values.min()), float(values.max())
    ticks = [float(tick) for tick in ax.get_xticks() if low <= tick <= high]
    ax.xaxis.set_major_locator(FixedLocator(ticks))
    ax.xaxis.set_minor_locator(NullLocator())
