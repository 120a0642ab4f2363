"""Pictures of virtual patients: how far all columns spread, one column patient by patient, two against each other.

Of patients that were weighted to match reported numbers: those numbers, and what the weights did to a column.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from pkpd_mdr.arguments import FLAG, TEXT, takes
from pkpd_mdr.engine.lowering import FloatArray
from pkpd_mdr.errors import DataError
from pkpd_mdr.plot.style import (
    COLOURS,
    MUTED,
    beside,
    bracket,
    log_ticks,
    name_axis,
    new_axes,
    outside_legend,
    plain,
    rows_height,
    tidy,
    written,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from pkpd_mdr.patients import Cohort, Reweighted

__all__ = ["plot_cohort", "plot_matched"]

_SHARES = (0.05, 0.25, 0.5, 0.75, 0.95)
_SMALL = 7.0
_WIDE = 8.0  # ratio of the 95 % to the 5 % quantile from which an axis is logarithmic
_ALIKE = "all alike"
_LEVELS = 8  # most values of a column that are drawn as bars of their own


@takes(DataError, x=TEXT, y=TEXT, log=FLAG)
def plot_cohort(
    cohort: Cohort, x: str | None = None, y: str | None = None, *, ax: Axes | None = None, log: bool | None = None
) -> Axes:
    """Draw the patients of a cohort.

    Without a column, all of them in one picture: a row each, relative to its median (tick), thick where half of the
    patients are and thin where 90 % are, with the numbers beside it. With one, how many patients have which value, and
    the median and the range of 90 %. With two, a point for each patient.

    Parameters
    ----------
    cohort : Cohort
    x, y : str, optional
        Columns: parameters or covariates.
    ax : Axes, optional
    log : bool, optional
        Logarithmic axes; left out, an axis is logarithmic where its values are above zero and spread widely.

    Returns
    -------
    Axes

    Raises
    ------
    DataError
        There is no such column (the nearest is suggested), `y` is given without `x`, or a logarithmic axis is asked
        for where a value is not above zero.

    Examples
    --------
    >>> import pkpd_mdr as mdr
    >>> from pkpd_mdr import distributions as dist
    >>> model = mdr.Model(mdr.clone("S", growth=mdr.growth.exponential(rate="0.1 1/day"), start=1e6))
    >>> cohort = mdr.patients(model, 100, {"growth_S": dist.lognormal("0.1 1/day", cv=0.3)}, seed=1)
    >>> plot_cohort(cohort, "growth_S").get_xlabel()
    'growth_S [1/day]'
    """
    if x is None:
        if y is not None:
            raise DataError(f"plot: y = {y!r} is given without x; name two columns, or one as x")
        return _spreads(cohort, ax)
    return _one(cohort, x, ax, log) if y is None else _pair(cohort, x, y, ax, log)


def _spreads(cohort: Cohort, ax: Axes | None) -> Axes:
    """Quantiles of all columns relative to their medians; of columns that are not above zero, the numbers only."""
    names = [str(name) for name in cohort.table.columns]
    table = np.quantile(cohort.table.to_numpy(dtype=float), _SHARES, axis=0).T
    ax = new_axes(ax, height=0.9 + rows_height(names, 0.21))
    positive = table[:, 0] > 0
    ends = [1.0]
    for row, (low, less, middle, more, high) in enumerate(table):
        if positive[row]:
            shade, kind = (COLOURS[0], "parameter") if names[row] in cohort.parameters else (COLOURS[1], "covariate")
            ax.plot([low / middle, high / middle], [row, row], color=shade, lw=1.2, solid_capstyle="butt")
            label = None if kind in ax.get_legend_handles_labels()[1] else kind
            half = [less / middle, more / middle]
            ax.plot(half, [row, row], color=shade, lw=4.5, solid_capstyle="butt", label=label)
            ax.plot(1.0, row, "|", color="black", ms=7, mew=1.0)
            ends += [low / middle, high / middle]
        told = plain(middle) if low == high else f"{plain(middle)} ({plain(low)} to {plain(high)})"
        beside(ax, row, f"{told} {cohort.units[names[row]]}".rstrip())
    if max(ends) > 1.5 * min(ends):
        ax.set_xscale("log")
        _room(ax, "x", min(ends), max(ends))
    ax.axvline(1.0, color=MUTED, lw=0.7, ls=":", zorder=0)
    ax.set_yticks(range(len(names)), names)
    ax.set_ylim(len(names) - 0.4, -0.6)
    ax.set_xlabel("relative to the median\nthick: half, thin: 90 %\nof the patients")
    tidy(ax)
    ax.tick_params(axis="y", length=0)
    outside_legend(ax)
    return ax


def _one(cohort: Cohort, name: str, ax: Axes | None, log: bool | None) -> Axes:
    """How many patients have which value."""
    values = cohort[name].to_numpy(dtype=float)
    ax = new_axes(ax, height=2.2)
    levels, counts = np.unique(values, return_counts=True)
    if len(levels) <= _LEVELS:
        ax.bar(range(len(levels)), counts, color=COLOURS[0], width=0.7)
        ax.set_xticks(range(len(levels)), [plain(level) for level in levels])
        ax.set_xlabel(name + bracket(cohort.units[name]))
    else:
        wide = _wide(name, values, log)
        ax.hist(values, bins=_edges(values, wide).tolist(), color=COLOURS[0], alpha=0.45, lw=0)
        for share, pattern, label in ((0.05, ":", "5 and 95 %"), (0.5, "-", "median"), (0.95, ":", None)):
            ax.axvline(float(np.quantile(values, share)), color=COLOURS[0], lw=1.3, ls=pattern, label=label)
        _axis(ax, "x", cohort, name, values, wide)
    ax.set_ylabel(f"patients, of {len(values)}")
    tidy(ax)
    outside_legend(ax)
    return ax


def _pair(cohort: Cohort, x: str, y: str, ax: Axes | None, log: bool | None) -> Axes:
    """A point for each patient, and how the ranks of both columns go together."""
    from scipy.stats import rankdata

    table = [cohort[name].to_numpy(dtype=float) for name in (x, y)]
    ax = new_axes(ax, height=2.5)
    ax.plot(table[0], table[1], "o", color=COLOURS[0], ms=2.6, mew=0, alpha=0.5)
    for which, name, values in zip("xy", (x, y), table, strict=True):
        _axis(ax, which, cohort, name, values, _wide(name, values, log))
    tidy(ax)
    if all(np.ptp(values) > 0 for values in table):
        rank = float(np.asarray(np.corrcoef(rankdata(table, axis=1)))[0, 1])
        ax.set_title(f"rank correlation {rank:.2f}", fontsize=_SMALL, color=MUTED, loc="right")
    return ax


@takes(DataError, x=TEXT, log=FLAG)
def plot_matched(found: Reweighted, x: str | None = None, *, ax: Axes | None = None, log: bool | None = None) -> Axes:
    """Draw what weighing patients did.

    Without a column, the reported numbers, a row each: the cohort's before (open) and with weights (filled), relative
    to what was reported. With one, how its values are spread before and after.

    Parameters
    ----------
    found : Reweighted
        What `pkpd_mdr.match_targets` returned.
    x : str, optional
        A column of the cohort: a parameter or a covariate.
    ax : Axes, optional
    log : bool, optional
        A logarithmic axis of a column; left out, where its values are above zero and spread widely.

    Returns
    -------
    Axes

    Raises
    ------
    DataError
        There is no such column (the nearest is suggested), or a logarithmic axis is asked for where a value is not
        above zero.

    Examples
    --------
    >>> import pkpd_mdr as mdr
    >>> from pkpd_mdr import distributions as dist
    >>> model = mdr.Model(mdr.clone("S", growth=mdr.growth.exponential(rate="0.1 1/day"), start=1e6))
    >>> cohort = mdr.patients(model, 400, {"growth_S": dist.lognormal("0.1 1/day", cv=0.5)}, seed=1)
    >>> found = mdr.match_targets(model, cohort, mdr.target("growth_S", median="0.12 1/day"))
    >>> plot_matched(found).get_xlabel()
    'relative to what was reported'
    """
    ax = _reported(found, ax) if x is None else _weighted(found, x, ax, log)
    outside_legend(ax)
    return ax


def _heavy(found: Reweighted) -> str:
    return f"weighted, as good as {found.effective:.0f} of {len(found.cohort)}"


def _reported(found: Reweighted, ax: Axes | None) -> Axes:
    """Reported numbers; a zero, or one that the cohort does not reach, without a point."""
    table = found.table
    named = zip(table["what"], table["arm"], strict=True)
    names = [written(f"{what}, {arm}" if arm else str(what), 26) for what, arm in named]
    ax = new_axes(ax, height=1.1 + rows_height(names, 0.25))
    with np.errstate(divide="ignore", invalid="ignore"):
        parts = table[["before", "after"]].to_numpy(dtype=float) / table[["wanted"]].to_numpy(dtype=float)
    for row, (before, after) in enumerate(parts):
        ax.plot([before, after], [row, row], "-", color=COLOURS[0], lw=1.0)
        for ratio, fill, label in ((before, "white", _ALIKE), (after, COLOURS[0], _heavy(found))):
            first = label if row == 0 else None
            ax.plot(ratio, row, "o", color=COLOURS[0], mfc=fill, ms=4.5, mew=1.2, label=first)
        beside(ax, row, f"{plain(float(table['wanted'].iloc[row]))} {table['unit'].iloc[row]}".rstrip())
    shown = np.array([*parts[np.isfinite(parts) & (parts > 0)], 1.0])
    if shown.max() > _WIDE * shown.min():
        ax.set_xscale("log")
        _room(ax, "x", shown.min(), shown.max())
    ax.axvline(1.0, color=MUTED, lw=0.7, ls=":", zorder=0)
    ax.set_yticks(range(len(names)), names)
    ax.set_ylim(len(names) - 0.5, -0.5)
    ax.set_xlabel("relative to what was reported")
    tidy(ax)
    ax.tick_params(axis="y", length=0)
    return ax


def _weighted(found: Reweighted, name: str, ax: Axes | None, log: bool | None) -> Axes:
    """A column before and after, both as numbers of patients."""
    cohort = found.cohort
    values = cohort[name].to_numpy(dtype=float)
    wide = _wide(name, values, log)
    ax = new_axes(ax, height=2.4)
    edges = _edges(values, wide).tolist()
    ax.hist(values, bins=edges, color=MUTED, alpha=0.35, lw=0, label=_ALIKE)
    weights = len(cohort) * found.weights
    ax.hist(values, bins=edges, weights=weights, histtype="step", color=COLOURS[0], lw=1.4, label=_heavy(found))
    _axis(ax, "x", cohort, name, values, wide)
    ax.set_ylabel(f"patients, of {len(cohort)}")
    tidy(ax)
    return ax


def _wide(name: str, values: FloatArray, wanted: bool | None) -> bool:
    """Whether an axis is logarithmic."""
    positive = bool(values.min() > 0)
    if wanted and not positive:
        raise DataError(f"plot: {name} has values that are not above zero, which a logarithmic axis cannot show")
    if wanted is None and positive:
        low, high = np.quantile(values, [0.05, 0.95])
        return bool(high > _WIDE * low)
    return bool(wanted)


def _edges(values: FloatArray, log: bool) -> FloatArray:
    """Bins, as many as the square root of the number of patients, within what can be read."""
    count = min(max(math.ceil(math.sqrt(len(values))), 8), 40)
    low, high = float(values.min()), float(values.max())
    return np.geomspace(low, high, count + 1) if log else np.linspace(low, high, count + 1)


def _axis(ax: Axes, which: str, cohort: Cohort, name: str, values: FloatArray, log: bool) -> None:
    """Scale, ends and name of one axis."""
    if log:
        ax.set(**{f"{which}scale": "log"})
        _room(ax, which, float(values.min()), float(values.max()))
    name_axis(getattr(ax, f"{which}axis"), name, cohort.units[name])


def _room(ax: Axes, which: str, low: float, high: float) -> None:
    """Ends of a logarithmic axis with a little room, and labels that suit few decades."""
    room = max((high / low) ** 0.06, 1.1)
    ax.set(**{f"{which}lim": (low / room, high * room)})
    log_ticks(getattr(ax, f"{which}axis"))
