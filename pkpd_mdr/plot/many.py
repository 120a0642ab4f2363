"""Picture of an ensemble: the median of an output over time with a band, for each regimen."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from pkpd_mdr.errors import SimulationError, did_you_mean, shown
from pkpd_mdr.plot.style import colour, dash, log_ticks, name_axis, new_axes, outside_legend, tidy, written

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from pkpd_mdr.run import Many

__all__ = ["plot_many"]

_DECADES = 12.0


def plot_many(
    many: Many,
    output: str | None = None,
    *,
    band: Sequence[float] = (0.05, 0.95),
    ax: Axes | None = None,
    log: bool | None = None,
) -> Axes:
    """Draw the median of an output against time, with a band that holds a share of the members.

    Parameters
    ----------
    many : Many
    output : str, optional
        The first one that was kept if left out.
    band : (float, float)
        Quantiles at the edges of the band.
    ax : Axes, optional
    log : bool, optional
        Logarithmic axis; left out, it is used for what is above zero and spans more than two decades.

    Returns
    -------
    Axes

    Raises
    ------
    SimulationError
        No outputs were kept, an unknown output (the nearest is suggested), or a band that is none.

    Examples
    --------
    >>> import pkpd_mdr as mdr
    >>> model = mdr.Model(mdr.clone("S", growth=mdr.growth.exponential(rate="0.1 1/day"), start=1e6))
    >>> many = mdr.simulate_many(model, parameters={"growth_S": [0.05, 0.1, 0.2]}, until="30 day")
    >>> plot_many(many).get_ylabel()
    'burden [cell]'
    """
    if not many.outputs:
        raise SimulationError("there is nothing to draw: no outputs were kept (reduce='endpoints')")
    name = next(iter(many.outputs)) if output is None else output
    if name not in many.outputs:
        raise SimulationError(f"the ensemble has no output {shown(name)}{did_you_mean(name, many.outputs)}")
    if len(band) != 2 or not 0 <= band[0] < band[1] <= 1:
        raise SimulationError(f"band = {shown(band)} is not a pair of quantiles, such as (0.05, 0.95)")
    table = many.summary([band[0], 0.5, band[1]]).xs(name, level="output").reset_index()
    ax = new_axes(ax)
    everything = []
    for k, regimen in enumerate(many.regimens):
        part = table[table["regimen"] == regimen] if "regimen" in table else table
        low, middle, high = part[[band[0], 0.5, band[1]]].to_numpy(dtype=float).T
        everything.append([low, middle, high])
        ax.fill_between(many.times, low, high, color=colour(k), alpha=0.15, lw=0)
        ax.plot(many.times, middle, color=colour(k), ls=dash(k), lw=1.4, label=written(regimen) or "median")
    values = np.array(everything)
    positive = values[values > 0]
    wide = positive.size > 0 and values.min() >= 0 and positive.max() > 100 * positive.min()
    if wide if log is None else log:
        ax.set_yscale("log")
        if positive.size:
            ax.set_ylim(bottom=max(float(positive.min()) / 1.5, float(positive.max()) / 10**_DECADES))
            log_ticks(ax.yaxis)
    unit = many.outputs[name].text
    name_axis(ax.yaxis, name.replace("_", " "), unit)
    ax.set_xlabel(f"time [{many.time_unit.text}]")
    ax.set_xlim(float(many.times[0]), float(many.times[-1]) or 1.0)
    tidy(ax)
    outside_legend(ax, band=f"{100 * band[0]:g} to {100 * band[1]:g} %")
    return ax
