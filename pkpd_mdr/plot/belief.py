"""Picture of a belief: what a patient's measurements say of a parameter, a clone or an output, visit by visit."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from pkpd_mdr.arguments import FLAG, TEXT, takes
from pkpd_mdr.engine.lowering import FloatArray
from pkpd_mdr.errors import SimulationError, did_you_mean, shown
from pkpd_mdr.plot.style import COLOURS, MUTED, log_ticks, name_axis, new_axes, outside_legend, tidy

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from pkpd_mdr.control import Assimilated

__all__ = ["plot_belief"]

_QUANTILES = ["5%", "50%", "95%"]


@takes(SimulationError, name=TEXT, log=FLAG)
def plot_belief(
    found: Assimilated, name: str | None = None, *, ax: Axes | None = None, log: bool | None = None
) -> Axes:
    """Draw what is believed after each visit: median and range of 90 %.

    Of a parameter, grey is what was believed before anything was measured. Of an output that was measured, crosses are
    the measurements.

    Parameters
    ----------
    found : Assimilated
    name : str, optional
        A parameter that was not known, a state or an observable; the first output that was measured if left out.
    ax : Axes, optional
    log : bool, optional
        Logarithmic axis; left out, it is used for what is above zero and spans more than one decade.

    Returns
    -------
    Axes

    Raises
    ------
    SimulationError
        There is nothing of that name; the nearest is suggested.

    Examples
    --------
    >>> import pandas as pd
    >>> import pkpd_mdr as mdr
    >>> from pkpd_mdr import distributions as dist
    >>> model = mdr.Model(mdr.clone("S", growth=mdr.growth.exponential(rate="0.1 1/day"), start=1e6))
    >>> belief = mdr.patients(model, 300, {"growth_S": dist.lognormal("0.1 1/day", cv=0.5)}, seed=1)
    >>> data = pd.DataFrame({"time [day]": [10, 20], "burden": [4.48e6, 20.1e6]})
    >>> found = mdr.assimilate(model, belief, data, measure=mdr.measured("burden", relative_sd=0.05))
    >>> plot_belief(found, "growth_S").get_ylabel()
    'growth_S [1/day]'
    """
    known = list(found.frame.index.get_level_values("name").unique())
    chosen = str(found.measured.columns[0]) if name is None else name
    if chosen not in known:
        raise SimulationError(f"nothing is believed of {shown(chosen)}{did_you_mean(chosen, known)}")
    table = found.frame.xs(chosen, level="name")
    times = table.index.to_numpy(dtype=float)
    low, middle, high = table[_QUANTILES].to_numpy(dtype=float).T
    ax = new_axes(ax)
    values = [low, middle, high]
    if chosen in found.varied:
        before = found.before.loc[chosen, _QUANTILES].to_numpy(dtype=float)
        ax.axhspan(before[0], before[2], color="0.5", alpha=0.18, lw=0, label="before, 90 %")
        ax.axhline(before[1], color=MUTED, lw=0.9, ls="--", label="before, median")
        values.append(before)
    ax.fill_between(times, low, high, color=COLOURS[0], alpha=0.2, lw=0, label="believed, 90 %")
    ax.vlines(times, low, high, color=COLOURS[0], lw=0.9)
    ax.plot(times, middle, "-o", color=COLOURS[0], lw=1.3, ms=3, label="median")
    if chosen in found.measured:
        seen = found.measured[chosen].dropna()
        ax.plot(seen.index, seen, "x", color=COLOURS[1], ms=5, mew=1.2, label="measured", zorder=3)
        values.append(seen.to_numpy(dtype=float))
    _scale(ax, np.concatenate(values), log)
    ax.set_xlim(min(0.0, float(times[0])), float(times[-1]) * 1.03 or 1.0)
    ax.set_xlabel(f"time [{found.time_unit.text}]")
    name_axis(ax.yaxis, chosen, str(table["unit"].iloc[0]))
    tidy(ax)
    outside_legend(ax)
    return ax


def _scale(ax: Axes, values: FloatArray, log: bool | None) -> None:
    """A logarithmic axis where values are above zero and far apart; what is zero lies on its lower edge."""
    positive = values[values > 0]
    if not positive.size or log is False:
        return
    low, high = float(positive.min()), float(positive.max())
    if log or (values.min() >= 0 and high > 10 * low):
        ax.set_yscale("log")
        room = (high / low) ** 0.06
        ax.set_ylim(max(low / room, high * 1e-12), high * room)
        log_ticks(ax.yaxis)
