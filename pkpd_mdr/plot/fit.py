"""Plots of fits, profiles and starts. Each takes an axis or makes one, and returns it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from pkpd_mdr.fit import Fit, Profile

__all__ = ["plot_fit", "plot_profile", "plot_waterfall"]


def plot_fit(
    fit: Fit, *, ax: Axes | None = None, observable: str | None = None, time_unit: str = "h", log: bool | None = None
) -> Axes:
    """Measurements as points and fitted curves as lines, one colour a condition.

    Where every condition was measured at one time only (a dose-response table), or an observable is relative to a
    reference, predictions are shown against measurements instead.

    Parameters
    ----------
    fit : Fit
    ax : matplotlib.axes.Axes, optional
    observable : str, optional
        Which one; the first when absent.
    time_unit : str
    log : bool, optional
        Logarithmic axis of values; chosen when absent, for positive values over more than a factor 30.

    Returns
    -------
    matplotlib.axes.Axes

    Raises
    ------
    FitError
        An observable that was not fitted; the nearest is suggested.
    """
    from pkpd_mdr.errors import FitError, did_you_mean
    from pkpd_mdr.units import Unit

    rows = fit.objective.problem.rows
    name = observable or rows.observable[0]
    if name not in rows.observable:
        raise FitError(f"{name!r} was not fitted{did_you_mean(name, rows.observable)}")
    axis = ax or _new_axes()
    table = fit.residuals
    table = table[table["observable"] == name]
    if table.groupby("condition")["time"].nunique().max() == 1 or name in fit.objective.problem.relative_to:
        _against(axis, table["value"].to_numpy(dtype=float), table["prediction"].to_numpy(dtype=float), log)
        axis.set_xlabel(_titled(f"measured {name}", fit.data.units[name].text))
        axis.set_ylabel(_titled(f"predicted {name}", fit.data.units[name].text))
        return axis
    factor = Unit.of(time_unit).factor
    _curves(axis, fit, name, factor)
    axis.set_xlabel(_titled("time", time_unit))
    axis.set_ylabel(_titled(name, fit.data.units[name].text))
    values = table["value"].to_numpy(dtype=float)
    if log if log is not None else values.min() > 0 and values.max() > 30 * values.min():
        axis.set_yscale("log")
    return axis


def _curves(axis: Axes, fit: Fit, name: str, factor: float) -> None:
    predicted = fit.predict()
    predicted = predicted[predicted["observable"] == name]
    measured = fit.residuals[fit.residuals["observable"] == name]
    conditions = list(dict.fromkeys(measured["condition"]))
    colours = _colours(len(conditions))
    for colour, condition in zip(colours, conditions, strict=True):
        points = measured[measured["condition"] == condition]
        line = predicted[predicted["condition"] == condition]
        axis.plot(points["time"] / factor, points["value"], "o", color=colour, markersize=3.5, alpha=0.7)
        axis.plot(line["time"] / factor, line["value"], "-", color=colour, linewidth=1.5, label=condition)
    if 1 < len(conditions) <= 12:
        axis.legend(fontsize="small", frameon=False)


def _against(axis: Axes, measured: Any, predicted: Any, log: bool | None) -> None:
    axis.plot(measured, predicted, "o", markersize=4, alpha=0.7)
    ends = [min(measured.min(), predicted.min()), max(measured.max(), predicted.max())]
    axis.plot(ends, ends, "-", color="0.6", linewidth=1.0)
    if log if log is not None else ends[0] > 0 and ends[1] > 30 * ends[0]:
        axis.set_xscale("log")
        axis.set_yscale("log")


def plot_profile(profile: Profile, *, ax: Axes | None = None) -> Axes:
    """The distance from the optimum against the parameter, with the threshold and the interval.

    Parameters
    ----------
    profile : Profile
    ax : matplotlib.axes.Axes, optional

    Returns
    -------
    matplotlib.axes.Axes
    """
    axis = ax or _new_axes()
    frame = profile.frame
    axis.plot(frame["value"], frame["distance"], "o-", markersize=3.5, linewidth=1.2)
    axis.axhline(profile.threshold, color="0.5", linewidth=1.0, linestyle="--")
    axis.axvline(profile.estimate, color="0.5", linewidth=1.0)
    for end, is_open in ((profile.lower, profile.open_lower), (profile.upper, profile.open_upper)):
        if not is_open:
            axis.axvline(end, color="0.5", linewidth=1.0, linestyle=":")
    axis.set_ylim(0.0, 1.6 * profile.threshold)
    values = frame["value"].to_numpy(dtype=float)
    if values.min() > 0 and values.max() > 20 * values.min():
        axis.set_xscale("log")
    axis.set_xlabel(_titled(profile.name, profile.unit))
    axis.set_ylabel("distance from the optimum")
    return axis


def plot_waterfall(fit: Fit, *, ax: Axes | None = None) -> Axes:
    """How far above the best each start ended, ranked.

    Parameters
    ----------
    fit : Fit
    ax : matplotlib.axes.Axes, optional

    Returns
    -------
    matplotlib.axes.Axes
    """
    axis = ax or _new_axes()
    table = fit.waterfall
    above = table["above_best"].to_numpy(dtype=float)
    good = table["finished"].to_numpy(dtype=bool)
    rank = np.arange(1, len(above) + 1)
    axis.plot(rank[good], above[good] + 1e-6, "o")
    axis.plot(rank[~good], above[~good] + 1e-6, "x", color="0.5")
    axis.set_yscale("log")
    axis.set_xlabel("start, ranked")
    axis.set_ylabel("minus twice log-likelihood above the best")
    return axis


def _new_axes() -> Axes:
    import matplotlib.pyplot as plt

    return plt.subplots()[1]


def _colours(count: int) -> list[Any]:
    import matplotlib as mpl

    if count <= 10:
        return [f"C{i}" for i in range(count)]
    return list(mpl.colormaps["viridis"](np.linspace(0.0, 0.92, count)))


def _titled(name: str, unit: str) -> str:
    return f"{name} [{unit}]" if unit else name
