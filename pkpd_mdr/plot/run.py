"""Pictures of one run: outputs over time, what was given when, what a strategy decided."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from pkpd_mdr.errors import SimulationError, did_you_mean
from pkpd_mdr.plot.style import MUTED, colour, dash, log_ticks, name_axis, new_axes, outside_legend, share_axis, tidy
from pkpd_mdr.units import Unit

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from pkpd_mdr.run import Run

__all__ = ["plot_run"]

_LENGTH = Unit.of("mm")
_ROW = 0.05  # of the height, for each drug's ticks
_DECADES = 12.0


def plot_run(
    run: Run, outputs: Sequence[str] | None = None, *, ax: Axes | None = None, log: bool | None = None
) -> Axes:
    """Draw outputs of a run against time.

    Ticks at the bottom mark doses, one row per drug (bars for infusions and exposures); the background is grey where a
    strategy had paused treatment, and dotted lines mark its other decisions.

    Parameters
    ----------
    run : Run
    outputs : sequence of str, optional
        States or observables in units that can be shared. Left out: the burden and its clones, or the states in the
        unit of a burden that the model declares itself, or concentrations.
    ax : Axes, optional
    log : bool, optional
        Logarithmic axis; left out, it is used for clones and a burden, unless they are diameters.

    Returns
    -------
    Axes

    Raises
    ------
    SimulationError
        An unknown output (the nearest is suggested), or outputs in units that cannot share an axis.

    Examples
    --------
    >>> import pkpd_mdr as mdr
    >>> model = mdr.Model(mdr.clone("S", growth=mdr.growth.exponential(rate="0.1 1/day"), start=1e6))
    >>> plot_run(model.simulate(until="30 day")).get_ylabel()
    'burden [cell]'
    """
    names = _chosen(run, outputs)
    unit = run.model.outputs[names[0]].unit
    ax = new_axes(ax)
    times = run.course.times / run.time_unit.factor
    for k, name in enumerate(names):
        ax.plot(
            times,
            run.course.output(name) / unit.factor,
            color=colour(k),
            linestyle=dash(k),
            lw=1.4,
            label=name,
        )
    sizes = {"burden", *run.model.clones, *_declared_burden(run)[:1]}
    cells = not sizes.isdisjoint(names)
    if (cells and not unit.like(_LENGTH)) if log is None else log:
        _logarithmic(ax, np.stack([run.course.output(name) for name in names]) / unit.factor)
    label = names[0] if len(names) == 1 else _common(names, sizes)
    ax.set_xlabel(f"time [{run.time_unit.text}]")
    ax.set_xlim(0.0, run.course.until / run.time_unit.factor)
    _decisions(run, ax)
    _doses(run, ax)
    if ax.get_yscale() == "log":
        log_ticks(ax.yaxis)
    name_axis(ax.yaxis, label, unit.text)
    tidy(ax)
    outside_legend(ax)
    return ax


def _chosen(run: Run, outputs: Sequence[str] | None) -> list[str]:
    known = list(run.model.outputs)
    if outputs is None:
        levels = [name for name in known if name.startswith("C_")]
        clones = list(run.model.clones)
        burden = ["burden", *(clones if len(clones) > 1 else [])] if clones else _declared_burden(run)
        names = burden or levels or known
        unit = run.model.outputs[names[0]].unit
        return [name for name in names if share_axis(unit, run.model.outputs[name].unit)]
    names = [outputs] if isinstance(outputs, str) else list(outputs)
    if not names:
        raise SimulationError("no output is named to draw; leave outputs out for the usual ones")
    for name in names:
        if name not in known:
            raise SimulationError(f"the model has no state or observable {name!r}{did_you_mean(name, known)}")
        first, other = run.model.outputs[names[0]].unit, run.model.outputs[name].unit
        if not share_axis(first, other):
            raise SimulationError(
                f"{names[0]!r} in {_text(first)} and {name!r} in {_text(other)} cannot share an axis;"
                " draw them one by one"
            )
    return names


def _declared_burden(run: Run) -> list[str]:
    """A burden that a model without clones declares, and the states in its unit; not twice where it is one of them."""
    burden = run.model.observables.get("burden")
    if burden is None:
        return []
    states = [s.name for s in run.model.states.values() if s.unit == burden.unit and s.kind != "amount"]
    first = str(burden.expression) if str(burden.expression) in states else "burden"
    return [first, *(name for name in states if name != first)]


def _text(unit: Unit) -> str:
    return repr(unit.text) if unit.text else "a pure number"


def _common(names: Sequence[str], sizes: set[str]) -> str:
    if not sizes.isdisjoint(names):
        return "burden" if sizes.issuperset(names) or "burden" in names else "cells"
    return "concentration" if all(name.startswith("C_") for name in names) else "value"


def _logarithmic(ax: Axes, values: np.ndarray[tuple[int, ...], np.dtype[np.float64]]) -> None:
    """A log axis that does not follow a dying clone for ever."""
    positive = values[values > 0]
    if not positive.size:
        return
    high = float(positive.max())
    low = max(float(positive.min()), high / 10**_DECADES)
    ax.set_yscale("log")
    span = max(math.log10(high / low), 0.3)
    ax.set_ylim(low / 10 ** (0.06 * span), high * 10 ** (0.06 * span))


def _doses(run: Run, ax: Axes) -> None:
    """Rows of ticks above the time axis, one for each drug; bars where something runs for a while."""
    factor, end = run.time_unit.factor, run.course.until
    drugs = list(dict.fromkeys(act.port for act in run.course.acts))
    _make_room(ax, _ROW * len(drugs))
    for row, drug in enumerate(drugs):
        acts = [one for act in run.course.acts if act.port == drug for one in act.written_out() if one.time < end]
        begins = np.array([act.time for act in acts]) / factor
        spans = np.array([min(act.span, end - act.time) for act in acts]) / factor
        long = spans > 0.01 * end / factor
        ends = begins[long] + spans[long]
        bars = np.stack([begins[long], ends, np.full(len(ends), np.nan)], axis=1).ravel()
        _row(ax, "|", begins[~long], row, drug)
        _row(ax, "-", bars, row, drug if long.all() else None)


def _row(
    ax: Axes, mark: str, times: np.ndarray[tuple[int, ...], np.dtype[np.float64]], row: int, label: str | None
) -> None:
    if not len(times):
        return
    height = np.full(len(times), _ROW * (row + 0.6))
    (line,) = ax.plot(
        times, height, color=colour(row + 3), clip_on=False, transform=ax.get_xaxis_transform(), label=label
    )
    if mark == "|":
        line.set(marker="|", linestyle="", markersize=5, markeredgewidth=1.1)
    else:
        line.set(linewidth=3, solid_capstyle="butt")


def _make_room(ax: Axes, share: float) -> None:
    """Lower the bottom of the axes so that ticks there cover no line."""
    low, high = ax.get_ylim()
    if ax.get_yscale() == "log":
        ax.set_ylim(low / (high / low) ** (share / (1 - share)), high)
    else:
        ax.set_yticks([tick for tick in ax.get_yticks() if low <= tick <= high])
        ax.set_ylim(low - (high - low) * share / (1 - share), high)


def _decisions(run: Run, ax: Axes) -> None:
    """Shade where a strategy gave nothing; mark its other decisions."""
    acts = {(act.time, f"{act.amount} of {act.port}") for act in run.course.acts}
    notes = [event for event in run.course.events if (event.time, event.what) not in acts]
    factor = run.time_unit.factor
    if not notes:
        return
    pause, decision = "no treatment", "decision"  # each in the legend once
    ends = [*(event.time for event in notes[1:]), run.course.until]
    for event, end in zip(notes, ends, strict=True):
        treated = any(event.time <= act.time < end for act in run.course.acts)
        if not treated and end > event.time:
            ax.axvspan(event.time / factor, end / factor, color="0.5", alpha=0.15, lw=0, label=pause)
            pause = ""
        if event.time > 0:
            ax.axvline(event.time / factor, color=MUTED, lw=0.7, ls=":", label=decision)
            decision = ""
