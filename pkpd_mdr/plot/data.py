"""A picture of measurements as they were read, and how measurements are drawn in any picture."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pkpd_mdr.errors import DataError, did_you_mean
from pkpd_mdr.plot.style import Looks, bracket, log_ticks, name_axis, new_axes, tidy
from pkpd_mdr.units import Unit

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

    from pkpd_mdr.data import Data

__all__ = ["draw_points", "one_time", "plot_data", "time_unit_of"]

_BEYOND = {"": "", "below": "v", "above": "^"}  # a limit of quantification, where the measurement was beyond it
_WIDE = 30.0  # largest over smallest value from which on a logarithmic axis suits


def plot_data(
    data: Data,
    *,
    ax: Axes | None = None,
    observable: str | None = None,
    time_unit: str | None = None,
    log: bool | None = None,
) -> Axes:
    """Draw measurements against time, those of one replicate joined by a line.

    Conditions are coloured by the number that tells them apart (say a dose), from dark to light; a second label
    changes the pattern of lines and the shape of points. A measurement beyond a limit of quantification is a hollow
    triangle at the limit that points where it was. Where every condition was measured at one time only (a
    dose-response table), the number that tells conditions apart is the horizontal axis.

    Parameters
    ----------
    data : Data
    ax : matplotlib.axes.Axes, optional
    observable : str, optional
        Which one; the first when absent.
    time_unit : str, optional
        Left out: minutes below two hours, days above five days, hours between.
    log : bool, optional
        Logarithmic axis of values; left out, it is used where values are above zero and span more than a factor 30.

    Returns
    -------
    matplotlib.axes.Axes

    Raises
    ------
    DataError
        An observable that was not measured; the nearest is suggested.

    Examples
    --------
    >>> import pkpd_mdr as mdr
    >>> plot_data(mdr.bundled("lxf_erlotinib")).get_ylabel()
    'tumour_volume [cm**3]'
    """
    name = observable or data.observables[0]
    if name not in data.observables:
        raise DataError(f"{name!r} was not measured{did_you_mean(name, data.observables)}")
    table = data.frame[data.frame["observable"] == name]
    shown = set(table["condition"])
    looks = Looks.of([condition for condition in data.conditions if condition.name in shown])
    ax = new_axes(ax)
    low, high = float(table["value"].min()), float(table["value"].max())
    if (low > 0 and high > _WIDE * low) if log is None else log:
        ax.set_yscale("log")
    over_time = not (one_time(table) and looks.ordered)
    if over_time:
        unit = time_unit_of(table, time_unit)
        for (condition, _), rows in table.groupby(["condition", "replicate"], sort=False, dropna=False):
            ax.plot(rows["time"] / unit.factor, rows["value"], lw=0.6, alpha=0.5, **looks.line(str(condition)))
        draw_points(ax, table, table["time"] / unit.factor, looks)
        ax.set_xlabel("time" + bracket(unit.text))
    else:
        levels = table[looks.title].astype(float)
        draw_points(ax, table, levels, looks)
        if levels.min() >= 0 and levels.max() > _WIDE * levels[levels > 0].min():
            ax.set_xscale("symlog", linthresh=float(levels[levels > 0].min()))
        ax.set_xlabel(looks.title)
    name_axis(ax.yaxis, name, data.units[name].text)
    if ax.get_yscale() == "log":
        log_ticks(ax.yaxis)
    tidy(ax)
    looks.explain(ax, lines=over_time)
    return ax


def one_time(table: pd.DataFrame) -> bool:
    """Whether every condition was measured at one time only."""
    return bool(table.groupby("condition")["time"].nunique().max() == 1)


def time_unit_of(table: pd.DataFrame, wanted: str | None) -> Unit:
    """The unit in which times of a table are shown."""
    if wanted is not None:
        return Unit.of(wanted)
    last = float(table["time"].abs().max())
    return Unit.of("day" if last > 120 else "h" if last > 2 else "min")


def draw_points(ax: Axes, table: pd.DataFrame, x: pd.Series[float], looks: Looks, column: str = "value") -> None:
    """Points of each condition; those beyond a limit of quantification as triangles that point beyond it."""
    for condition, rows in table.groupby("condition", sort=False):
        for mark, marker in _BEYOND.items():
            part = rows[rows["censored"] == mark]
            if len(part):
                hollow = {"marker": marker, "mfc": "none", "markeredgewidth": 0.8, "markersize": 3.6} if marker else {}
                ax.plot(x[part.index], part[column], **looks.point(str(condition)) | hollow)
