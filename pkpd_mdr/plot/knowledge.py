"""Pictures of what can be known: singular values, stiff and sloppy directions, chains, bands, the next experiment."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from pkpd_mdr.errors import FitError, did_you_mean, shown
from pkpd_mdr.plot.fit import plot_fit
from pkpd_mdr.plot.style import COLUMN, MUTED, Looks, bracket, colour, log_ticks, new_axes, tidy, written
from pkpd_mdr.units import Unit

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from pkpd_mdr.fit.bands import Band
    from pkpd_mdr.fit.experiment import NextExperiment
    from pkpd_mdr.fit.identifiability import Identifiability
    from pkpd_mdr.fit.mcmc import Posterior
    from pkpd_mdr.fit.practical import Spectrum

__all__ = ["plot_band", "plot_identifiability", "plot_next", "plot_spectrum", "plot_trace"]

_FLOOR = 1e-17  # zero has no place on a logarithmic axis
_WALKERS = 40  # most traces that are drawn
_WIDE = 26  # characters of a label below bars with long names


def plot_identifiability(found: Identifiability, *, ax: Axes | None = None) -> Axes:
    """Draw singular values, ranked, at each random point; those below the dashed line are zero within the error.

    Parameters
    ----------
    found : Identifiability
    ax : matplotlib.axes.Axes, optional

    Returns
    -------
    matplotlib.axes.Axes
    """
    from matplotlib.ticker import MaxNLocator

    ax = new_axes(ax, height=2.2)
    rank = np.arange(1, found.singular.shape[1] + 1)
    for row, limit in zip(found.singular, found.tolerance, strict=True):
        for mine, shade, mark in ((row > limit, colour(0), "o"), (row <= limit, colour(1), "x")):
            ax.plot(rank[mine], np.maximum(row[mine], _FLOOR), mark, color=shade, ms=4, alpha=0.8)
    limit = float(np.median(found.tolerance))
    ax.axhline(limit, color=MUTED, lw=0.9, ls="--")
    ax.set_yscale("log")
    log_ticks(ax.yaxis)
    ax.set_xlim(0.5, len(rank) + 0.5)
    ax.xaxis.set_major_locator(MaxNLocator(integer=True))
    words = "zero within the error" if found.kind == "structural" else "not known to the factor asked for"
    ax.annotate(
        f"below: {words}",
        (0.02, limit),
        xycoords=("axes fraction", "data"),
        xytext=(0, 2),
        textcoords="offset points",
        ha="left",
        va="bottom",
        fontsize=7,
        color=MUTED,
    )
    ax.set_xlabel("direction, ranked")
    ax.set_ylabel("singular value" if found.kind == "structural" else "1 / relative standard error")
    tidy(ax)
    return ax


def plot_spectrum(spectrum: Spectrum, *, ax: Axes | None = None) -> Axes:
    """Draw what each direction is made of, stiffest on the left, with its relative standard error below.

    Squares are loadings: their area is the share, their colour the sign.

    Parameters
    ----------
    spectrum : Spectrum
    ax : matplotlib.axes.Axes, optional

    Returns
    -------
    matplotlib.axes.Axes
    """
    k = len(spectrum.names)
    ax = new_axes(ax, width=max(COLUMN, 1.6 + 0.34 * k), height=max(2.0, 0.9 + 0.24 * k))
    for i, row in enumerate(spectrum.directions):
        signed = row * (1.0 if row[int(np.argmax(np.abs(row)))] >= 0 else -1.0)
        for j, part in enumerate(signed):
            half = 0.45 * np.sqrt(abs(part))
            shade = colour(0) if part >= 0 else colour(1)
            ax.fill(
                [i - half, i + half, i + half, i - half], [j - half, j - half, j + half, j + half], color=shade, lw=0
            )
    ax.set_xlim(-0.6, k - 0.4)
    ax.set_ylim(k - 0.4, -0.6)
    ax.set_yticks(range(k), spectrum.names)
    ax.set_xticks(range(k), [_percent(error) for error in spectrum.errors], rotation=45, ha="right")
    ax.set_xlabel("relative standard error of a direction")
    tidy(ax)
    ax.set_title("blue +, orange \N{MINUS SIGN}", loc="right", fontsize=7, color=MUTED)
    return ax


def _percent(error: float) -> str:
    if error > 1e4:
        return "none"
    return f"{100 * error:.2g}%" if error < 1 else f"x{np.exp(min(error, 700.0)):.2g}"


def plot_trace(posterior: Posterior, name: str | None = None, *, ax: Axes | None = None) -> Axes:
    """Draw the walk of one parameter through its ensembles, each in its own colour.

    Parameters
    ----------
    posterior : Posterior
    name : str, optional
        The parameter that mixes worst when left out.
    ax : matplotlib.axes.Axes, optional

    Returns
    -------
    matplotlib.axes.Axes

    Raises
    ------
    FitError
        An unknown parameter; the nearest is suggested.
    """
    worst = str(posterior.diagnostics["r_hat"].idxmax()) if name is None else name
    if worst not in posterior.names:
        raise FitError(f"the posterior does not hold {shown(worst)}{did_you_mean(worst, posterior.names)}")
    ax = new_axes(ax, height=2.0)
    chains, steps, walkers, _ = posterior.chain.shape
    values = posterior.frame[worst].to_numpy(dtype=float).reshape(chains, steps, walkers)
    every = max(1, chains * walkers // _WALKERS)
    for number, chain in enumerate(values):
        ax.plot(np.arange(1, steps + 1), chain[:, ::every], color=colour(number), lw=0.4, alpha=0.5)
    diagnostic = posterior.diagnostics.loc[worst]
    ax.set_title(rf"$\hat{{R}}$ = {diagnostic['r_hat']:.3f}, {diagnostic['ess']:.0f} effective draws", fontsize=7)
    ax.set_xlabel("step after the warm-up")
    ax.set_ylabel(worst + bracket(posterior.units[worst]))
    ax.set_xlim(1, steps)
    tidy(ax)
    return ax


def plot_band(band: Band, *, ax: Axes | None = None, measured: bool = False, **options: Any) -> Axes:
    """Draw the plot of a fit with bands around its curves.

    Parameters
    ----------
    band : Band
    ax : matplotlib.axes.Axes, optional
    measured : bool
        Whether to draw, paler, where new measurements are expected too.
    **options
        As for `plot_fit`.

    Returns
    -------
    matplotlib.axes.Axes
    """
    fit = band.fit
    wanted = set(band.frame["condition"])
    name = options.get("observable") or fit.objective.problem.rows.observable[0]
    ax = plot_fit(fit, ax=ax, **options)
    residuals = fit.residuals
    members = set(residuals.loc[residuals["observable"] == name, "condition"])
    looks = Looks.of([m.condition for m in fit.objective.problem.members if m.condition.name in members])
    unit = Unit.of(ax.get_xlabel().partition("[")[2].rstrip("]") or "h")
    limits = ax.get_ylim()
    table = band.frame[(band.frame["observable"] == name) & band.frame["condition"].isin(list(members))]
    for condition, rows in table.groupby("condition", sort=False):
        shade = looks.line(str(condition))["color"]
        x = rows["time"] / unit.factor
        ax.fill_between(x, rows["lower"], rows["upper"], color=shade, alpha=0.25, lw=0)
        if measured:
            ax.fill_between(x, rows["lower_measured"], rows["upper_measured"], color=shade, alpha=0.1, lw=0)
    ax.set_ylim(limits if len(wanted) else None)
    told = f"band: {100 * band.confidence:g} % of " + ("the curve, paler: of measurements" if measured else "the curve")
    if ax.get_legend_handles_labels()[1]:  # names stand above the axes, where a title would
        ax.text(0.99, 0.02, told, transform=ax.transAxes, ha="right", fontsize=7, color=MUTED)
    else:
        ax.set_title(told, loc="left", fontsize=7, color=MUTED)
    return ax


def plot_next(found: NextExperiment, *, ax: Axes | None = None, most: int = 15) -> Axes:
    """Draw what each candidate would teach; those of the best set are dark.

    Parameters
    ----------
    found : NextExperiment
    ax : matplotlib.axes.Axes, optional
    most : int
        Candidates that are shown.

    Returns
    -------
    matplotlib.axes.Axes
    """
    table = found.table.head(most)
    ax = new_axes(ax, height=max(1.6, 0.7 + 0.16 * len(table)))
    evidence = "evidence" in table
    values = table["evidence" if evidence else "gain"].to_numpy(dtype=float)
    place = np.arange(len(table))
    chosen = np.array([name in found.chosen for name in table.index])
    for mine, shade in ((chosen, colour(0)), (~chosen, "#9ecae1")):
        ax.barh(place[mine], values[mine], color=shade, height=0.7)
    ax.set_yticks(place, [written(str(name)) for name in table.index])
    ax.set_ylim(len(table) - 0.4, -0.6)
    ax.set_xlabel(
        "log-likelihood ratio\nof the hardest pair" if evidence else written(f"gain, {found.criterion}", _WIDE)
    )
    tidy(ax)
    return ax
