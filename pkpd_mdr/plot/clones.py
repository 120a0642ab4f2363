"""Pictures of what a tumour is made of: its clones over time, and what cells and vesicles carry beside the burden."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from pkpd_mdr.arguments import FLAG, TEXTS, takes
from pkpd_mdr.errors import SimulationError, did_you_mean, shown
from pkpd_mdr.expression import symbol
from pkpd_mdr.plot.style import (
    COLUMN,
    HATCHES,
    bracket,
    colour,
    name_axis,
    new_axes,
    outside_legend,
    share_axis,
    tidy,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from pkpd_mdr.run import Run

__all__ = ["plot_clones", "plot_contents"]

FloatArray = npt.NDArray[np.float64]
_DECADES = 9.0


@takes(SimulationError, relative=FLAG, clones=TEXTS)
def plot_clones(
    run: Run, *, relative: bool = False, clones: Sequence[str] | None = None, ax: Axes | None = None
) -> Axes:
    """Draw the composition of a tumour over time as bands, one for each clone (a Muller plot).

    In absolute form the outline is the burden on a logarithmic axis, and its height at each time is divided by the
    shares of the clones, so that a clone of a tenth has a tenth of the height: the axis is read at the outline only.
    In relative form the bands are the shares.

    Parameters
    ----------
    run : Run
    relative : bool
        Shares instead of the burden.
    clones : sequence of str, optional
        In the order from the bottom; all clones of the model if left out.
    ax : Axes, optional

    Returns
    -------
    Axes

    Raises
    ------
    SimulationError
        A model without clones, or an unknown clone.

    Examples
    --------
    >>> import pkpd_mdr as mdr
    >>> rate = mdr.growth.exponential(rate="0.1 1/day")
    >>> model = mdr.Model(mdr.clone("S", growth=rate, start=1e6), mdr.clone("R", growth=rate, start=10, resistant=True))
    >>> plot_clones(model.simulate(until="30 day"), relative=True).get_ylabel()
    'share of cells [%]'
    """
    names = _clones(run, clones)
    unit = run.model.outputs[names[0]].unit
    times = run.course.times / run.time_unit.factor
    sizes = np.maximum(np.stack([run.course.output(name) for name in names]) / unit.factor, 0.0)
    total = sizes.sum(axis=0)
    shares = np.divide(sizes, total, out=np.zeros_like(sizes), where=total > 0)
    edges = np.vstack([np.zeros(len(times)), np.cumsum(shares, axis=0)])
    ax = new_axes(ax)
    if relative:
        edges = 100 * edges
    else:
        low, high = _frame(total)
        heights = np.log10(np.maximum(total, low)) - math.log10(low)
        edges = low * 10.0 ** (edges * heights)
        ax.set_yscale("log")
    for k, name in enumerate(names):
        looks = {"facecolor": colour(k), "edgecolor": "white", "hatch": HATCHES[k % len(HATCHES)], "lw": 0.0}
        ax.fill_between(times, edges[k], edges[k + 1], label=name, **looks)  # type: ignore[arg-type]
    if not relative:
        ax.plot(times, total, color="black", lw=0.9)
    ax.set_ylim(*((0.0, 100.0) if relative else (low, high)))
    ax.set_ylabel("share of cells [%]" if relative else "burden" + bracket(unit.text))
    ax.set_xlabel(f"time [{run.time_unit.text}]")
    ax.set_xlim(0.0, run.course.until / run.time_unit.factor)
    tidy(ax)
    outside_legend(ax)
    return ax


def _clones(run: Run, given: Sequence[str] | None) -> list[str]:
    known = list(run.model.clones)
    if not known:
        raise SimulationError("the model has no clones, so there is no composition to draw")
    names = known if given is None else [given] if isinstance(given, str) else list(given)
    if not names:
        raise SimulationError("no clone is named to draw; leave clones out for all of them")
    for name in names:
        if name not in known:
            raise SimulationError(f"the model has no clone {shown(name)}{did_you_mean(name, known)}")
    return names


def _frame(total: FloatArray) -> tuple[float, float]:
    """Limits of the axis: half a decade below what is seen, but not after a dying tumour for ever."""
    positive = total[total > 0]
    if not positive.size:
        raise SimulationError("there are no cells at any time, so there is no composition to draw")
    high = float(positive.max())
    low = max(float(positive.min()), high / 10.0**_DECADES)
    return 10.0 ** math.floor(math.log10(low) - 0.5), high * 10.0**0.1


@takes(SimulationError, outputs=TEXTS)
def plot_contents(
    run: Run, outputs: Sequence[str] | None = None, *, axes: Sequence[Axes] | None = None
) -> tuple[Axes, ...]:
    """Draw what cells hold and release (P-gp, cargo, drug inside, vesicles) under the burden, on one time axis.

    Parameters
    ----------
    run : Run
    outputs : sequence of str, optional
        Those in one unit share a panel; contents per cell and free vesicles if left out.
    axes : sequence of Axes, optional
        One for the burden and one for each unit.

    Returns
    -------
    tuple of Axes
        The burden first.

    Raises
    ------
    SimulationError
        The model has no such outputs, or `axes` are too few.
    """
    contents = _contents(run)
    names = contents if outputs is None else [outputs] if isinstance(outputs, str) else list(outputs)
    if not names:
        raise SimulationError("the model holds no vesicles or contents of cells to draw; name outputs")
    groups = _by_unit(run, names)
    panels = _panels(len(groups) + 1) if axes is None else tuple(axes)
    if len(panels) != len(groups) + 1:
        raise SimulationError(f"{len(panels)} axes were given; the burden and {len(groups)} units take one each")
    run.plot(ax=panels[0])
    for ax, group in zip(panels[1:], groups, strict=True):
        run.plot(group, ax=ax)
        unit = run.model.outputs[group[0]].unit.text
        if len(group) > 1 and all(name in contents and name in run.model.observables for name in group):
            name_axis(ax.yaxis, "inside cells" if unit else "content per cell", unit)
    for ax in panels[:-1]:
        ax.set_xlabel("")
    return panels


def _panels(count: int) -> tuple[Axes, ...]:
    figure = new_axes(None, width=COLUMN, height=0.4 + 1.75 * count).get_figure()
    assert figure is not None
    figure.clf()
    first = figure.add_subplot(count, 1, 1)
    return first, *(figure.add_subplot(count, 1, k + 2, sharex=first) for k in range(count - 1))


def _contents(run: Run) -> list[str]:
    """Contents per cell (observables made of pools that clones carry) and free vesicles."""
    model = run.model
    pools = {symbol(name) for name, part in model.states.items() if part.carrier in model.clones}
    per_cell = [name for name, part in model.observables.items() if part.expression.free_symbols & pools]
    return per_cell + [name for name, part in model.states.items() if part.kind == "vesicles"]


def _by_unit(run: Run, names: Sequence[str]) -> list[list[str]]:
    groups: list[list[str]] = []
    for name in names:
        if name not in run.model.outputs:
            near = did_you_mean(name, run.model.outputs)
            raise SimulationError(f"the model has no state or observable {shown(name)}{near}")
        unit = run.model.outputs[name].unit
        fits = next((group for group in groups if share_axis(run.model.outputs[group[0]].unit, unit)), None)
        if fits is None:
            groups.append([name])
        else:
            fits.append(name)
    return groups
