"""Pictures of single patients in one arm: what each was given when and what came of it, best responses in order."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from pkpd_mdr.arguments import COUNT, NUMBER, TEXT, takes
from pkpd_mdr.errors import SimulationError, shown
from pkpd_mdr.plot.style import COLOURS, MUTED, colour, new_axes, tidy, written
from pkpd_mdr.plot.survival import first_time
from pkpd_mdr.units import Unit

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from pkpd_mdr.compare import Comparison
    from pkpd_mdr.regimen import Act

__all__ = ["Swimmer", "plot_swimmer", "plot_waterfall", "swimmers"]

FloatArray = npt.NDArray[np.float64]
_SMALL = 7.0
_WIDE = 44  # characters of a name above or below the axes
_MOST = 30  # bars that can be read
_VOLUME = Unit.of("mL")
_RESPONSE, _GROWTH = 0.7**3 - 1, 1.2**3 - 1  # a diameter of -30 % and +20 %, as changes of a volume


@dataclass(frozen=True, slots=True)
class Swimmer:
    """One patient's bar, times in the unit of the comparison.

    Attributes
    ----------
    draw : int
        Which draw of parameters the patient is.
    given : dict of str to list of (float, float)
        For each drug the stretches in which it was given; a dose at once has no length.
    response : float
        First time at which the burden was seen below the share of the start that counts as a response; infinite if
        never.
    progression : float
        Value of the time endpoint; infinite if not reached.
    end : float
        Of the run.
    replicate : int
        Which path of that draw.
    """

    draw: int
    given: dict[str, list[tuple[float, float]]]
    response: float
    progression: float
    end: float
    replicate: int = 0


@takes(SimulationError, arm=TEXT, endpoint=TEXT, response=NUMBER, most=COUNT)
def swimmers(
    comparison: Comparison, arm: str, *, endpoint: str | None = None, response: float = 0.5, most: int | None = None
) -> list[Swimmer]:
    """What patients of an arm went through, in the order of the time endpoint, longest first.

    They are run once more to know what was given when (`Comparison.acts`).

    Parameters
    ----------
    comparison : Comparison
    arm : str
    endpoint : str, optional
        A time; the primary one, or the first that is a time.
    response : float
        Share of the burden at the start below which it counts as a response; seen on the comparison's grid.
    most : int, optional
        Of more patients, so many at equal distances in that order.

    Returns
    -------
    list of Swimmer
        Of the members that every arm finished.

    Raises
    ------
    SimulationError
        An unknown arm or endpoint, or an endpoint that is no time.
    """
    item = comparison.definition(endpoint or first_time(comparison))
    if item.unit != "time":
        raise SimulationError(f"the endpoint {shown(item.name)} is no time, so that no bar can end there")
    if not 0 < response < 1:
        raise SimulationError(f"response = {shown(response)} is no share of the burden at the start, such as 0.5")
    if most is not None and most < 1:
        raise SimulationError(f"most = {most} patients leave nothing to draw; write 1 or more")
    k, members = comparison.place(arm), np.flatnonzero(comparison.kept)
    reached = comparison.array(item.name)[k]
    order = np.lexsort((members, -reached))
    if most is not None and len(order) > most:
        order = order[np.linspace(0, len(order) - 1, most).round().astype(int)]
    found = []
    for place, acts in zip(order, comparison.acts(arm, members[order].tolist()), strict=True):
        course, end = comparison.burden[k, members[place]], comparison.ends[k, members[place]]
        small = np.flatnonzero(course <= response * course[0])
        found.append(
            Swimmer(
                int(members[place]) // comparison.settings.replicates,
                _stretches(acts, comparison.until.unit.factor, end * comparison.until.unit.factor),
                float(comparison.times[small[0]]) if len(small) else math.inf,
                float(reached[place]),
                float(end),
                int(members[place]) % comparison.settings.replicates,
            )
        )
    return found


def _called(bar: Swimmer, comparison: Comparison) -> str:
    row = comparison.settings.rows.removesuffix("s")
    names = [f"{row} {bar.draw}"] if comparison.drawn > 1 or comparison.settings.replicates == 1 else []
    return ", ".join([*names, f"path {bar.replicate}"] if comparison.settings.replicates > 1 else names)


def _stretches(acts: Sequence[Act], factor: float, end: float) -> dict[str, list[tuple[float, float]]]:
    """When each drug was given up to an end in hours; stretches that touch are one."""
    found: dict[str, list[tuple[float, float]]] = {}
    single = sorted((one for act in acts for one in act.written_out() if one.time < end), key=lambda one: one.time)
    for act in single:
        begin, stop = act.time / factor, min(act.time + act.span, end) / factor
        spans = found.setdefault(act.port, [])
        if spans and begin <= spans[-1][1] + 1e-9 * max(1.0, begin) and stop > begin:
            spans[-1] = (spans[-1][0], max(stop, spans[-1][1]))
        else:
            spans.append((begin, stop))
    return found


@takes(SimulationError, arm=TEXT, endpoint=TEXT, response=NUMBER, most=COUNT)
def plot_swimmer(
    comparison: Comparison,
    arm: str | None = None,
    *,
    endpoint: str | None = None,
    response: float = 0.5,
    most: int = _MOST,
    ax: Axes | None = None,
) -> Axes:
    """Draw a bar for each patient of an arm: coloured where a drug was given, marked where the burden fell and rose.

    Exposures and infusions are as long as they were, doses at once are ticks; grey is time without a drug. A triangle
    marks the response, a cross the time endpoint, an arrow an endpoint that was not reached.

    Parameters
    ----------
    comparison : Comparison
    arm : str, optional
        The best one if left out.
    endpoint : str, optional
        A time; the primary one, or the first that is a time.
    response : float
        Share of the burden at the start that counts as a response.
    most : int
        Bars; of more draws, some at equal distances in the order of the endpoint.
    ax : Axes, optional

    Returns
    -------
    Axes

    Raises
    ------
    SimulationError
        An unknown arm or endpoint, or an endpoint that is no time.
    """
    name = comparison.best() if arm is None else arm
    bars = swimmers(comparison, name, endpoint=endpoint, response=response, most=most)
    item = comparison.definition(endpoint or first_time(comparison))
    ax = new_axes(ax, height=1.2 + 0.13 * len(bars))
    given = comparison.given.index.get_level_values("drug")
    drugs = list(dict.fromkeys([*given, *(drug for bar in bars for drug in bar.given)]))
    end = comparison.until.value
    ax.barh(range(len(bars)), [bar.end for bar in bars], height=0.16, color="#d9d9d9", lw=0)
    here = [drug for drug in drugs if any(drug in bar.given for bar in bars)]
    for lane, drug in enumerate(here):
        _lane(ax, bars, drug, lane, len(here), colour(drugs.index(drug)), _shown(bars, end))
    rows = np.arange(len(bars))
    responded = np.array([bar.response for bar in bars])
    progressed = np.array([bar.progression for bar in bars])
    looks = {"ls": "", "clip_on": False, "zorder": 4, "mec": "black", "mew": 0.6}
    seen, late = np.isfinite(responded), np.isfinite(progressed)
    if seen.any():
        below = f"burden below {100 * response:g} % of the start"
        ax.plot(responded[seen], rows[seen], marker="v", mfc="white", ms=4.5, label=below, **looks)  # type: ignore[arg-type]
    if late.any():
        event = item.name.removeprefix("time_to_").replace("_", " ")
        ax.plot(progressed[late], rows[late], marker="X", mfc="black", ms=5, label=event, **looks)  # type: ignore[arg-type]
    if (~late).any():
        beyond = np.array([bar.end for bar in bars])[~late] + 0.025 * end
        ax.plot(beyond, rows[~late], ">", color="black", ms=3.5, clip_on=False)
    ax.set_xlim(0.0, _shown(bars, end))
    ax.set_ylim(len(bars) - 0.4, -0.6)
    every = 1 if len(bars) <= 15 else 5
    ax.set_yticks(rows[::every], [_called(bar, comparison) for bar in bars[::every]])
    ax.set_xlabel(f"time [{comparison.until.unit.text}]")
    ax.set_title(written(name, _WIDE))
    tidy(ax)
    ax.tick_params(axis="y", length=0)
    _legend(ax)
    return ax


def _shown(bars: Sequence[Swimmer], end: float) -> float:
    """Up to where there is something to see."""
    last = [stop for bar in bars for spans in bar.given.values() for _, stop in spans]
    last += [bar.progression for bar in bars]
    return min(end, 1.08 * max(last)) if last and max(last) > 0 else end


def _legend(ax: Axes) -> None:
    """Below the axes, where neither bars nor the title are."""
    handles, labels = ax.get_legend_handles_labels()
    if not labels:
        return
    inches: float = ax.get_figure().get_size_inches()[1]  # type: ignore[union-attr]
    ax.legend(
        handles,
        labels,
        loc="upper left",
        bbox_to_anchor=(0.0, -0.42 / inches),
        ncols=2,
        frameon=False,
        fontsize=_SMALL,
        handlelength=1.2,
        columnspacing=1.0,
        borderaxespad=1.6,
    )


def _lane(ax: Axes, bars: Sequence[Swimmer], drug: str, lane: int, lanes: int, shade: str, width: float) -> None:
    """One drug in all bars: its share of each bar's height."""
    height = 0.78 / lanes
    label: str | None = drug
    for row, bar in enumerate(bars):
        least = 0.006 * width  # of a dose that would be too thin to be seen
        spans = [(begin, max(stop - begin, least)) for begin, stop in bar.given.get(drug, [])]
        if spans:
            ax.broken_barh(spans, (row - 0.39 + lane * height, height), facecolors=shade, lw=0, label=label)
            label = None


@takes(SimulationError, arm=TEXT)
def plot_waterfall(comparison: Comparison, arm: str | None = None, *, ax: Axes | None = None) -> Axes:
    """Draw the best change of burden from the start, patient by patient, from the worst to the best.

    Dashed lines are RECIST's limits for a diameter (-30 % and +20 %) as changes of a volume (-66 % and +73 %); a marker
    such as PSA has none. The best change is the lowest burden on the comparison's grid after the start, so it can be
    above zero.

    Parameters
    ----------
    comparison : Comparison
    arm : str, optional
        The best one if left out.
    ax : Axes, optional

    Returns
    -------
    Axes

    Raises
    ------
    SimulationError
        An unknown arm, or burdens that start at zero.
    """
    name = comparison.best() if arm is None else arm
    change = best_changes(comparison, name)
    order = np.argsort(-change, kind="stable")
    heights = 100 * np.minimum(change[order], 1.0)
    ax = new_axes(ax, height=2.2)
    limits = _limits(comparison)
    low, high = (100 * limit for limit in limits or (0.0, 0.0))
    shades = np.where(heights <= low, COLOURS[0], np.where(heights >= high, COLOURS[1], "#9a9a9a"))
    ax.bar(range(len(heights)), heights, width=0.86 if len(heights) < 80 else 1.0, color=shades.tolist(), lw=0)
    for limit, words in zip(limits, ("diameter \N{MINUS SIGN}30 %", "diameter +20 %"), strict=False):
        ax.axhline(100 * limit, color=MUTED, lw=0.8, ls="--", zorder=0)
        ax.annotate(
            words,
            (1.0, 100 * limit),
            xycoords=("axes fraction", "data"),
            xytext=(2, 0),
            textcoords="offset points",
            va="center",
            fontsize=_SMALL,
            color=MUTED,
            annotation_clip=False,
        )
    ax.axhline(0.0, color="black", lw=0.8)
    ax.set_ylim(-105.0, 105.0)
    ax.set_xlim(-0.6, len(heights) - 0.4)
    ax.set_xticks([])
    ax.set_xlabel(written(f"{len(heights)} {comparison.settings.members} of {name}", _WIDE))
    ax.set_ylabel(f"best change of {comparison.settings.measure.replace('_', ' ')} [%]")
    tidy(ax)
    return ax


def _limits(comparison: Comparison) -> tuple[float, ...]:
    """Those of RECIST for what has a volume; none for a marker such as PSA."""
    size = comparison.settings.measure in {"burden", *comparison.model.clones} or comparison.burden_unit.like(_VOLUME)
    return (_RESPONSE, _GROWTH) if size else ()


def best_changes(comparison: Comparison, arm: str) -> FloatArray:
    """Lowest burden after the start relative to the start, less one, for each draw that every arm finished."""
    curves = comparison.curves[comparison.place(arm)]
    if np.isnan(curves[:, :2]).any() or (curves[:, 0] <= 0).any():
        raise SimulationError(f"arm {shown(arm)}: there is no burden above zero at the start to compare with")
    return np.asarray(np.nanmin(curves[:, 1:], axis=1) / curves[:, 0] - 1.0, dtype=float)
