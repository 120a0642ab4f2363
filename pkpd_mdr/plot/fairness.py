"""Picture of what it took to make arms fair: by how much the doses of each were multiplied."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pkpd_mdr.plot.style import MUTED, beside, colour, log_ticks, new_axes, plain, rows_height, tidy, written

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from pkpd_mdr.compare.fairness import Matching
    from pkpd_mdr.units import Quantity

__all__ = ["plot_matching"]

_WIDE = 24  # characters of a name beside the axis


def plot_matching(matching: Matching, *, ax: Axes | None = None) -> Axes:
    """Draw the factor by which doses were multiplied, and beside it what was made equal, before and after.

    Where a toxicity is matched, all that is scaled in an arm has one factor and one row; otherwise each drug has its
    own. Open circles are doses that were left as they are.

    Parameters
    ----------
    matching : Matching
        As in ``Comparison.matching``.
    ax : Axes, optional

    Returns
    -------
    Axes

    Examples
    --------
    >>> import pkpd_mdr as mdr
    >>> model = mdr.Model(
    ...     mdr.pk.one_compartment("dox", CL="10 L/h", V="50 L"),
    ...     mdr.clone("S", growth=mdr.growth.exponential(rate="0.1 1/day"), start=1e6),
    ...     mdr.kill("dox", on="S", slope="0.1 1/day/(mg/L)"),
    ... )
    >>> once = mdr.bolus("dox", "60 mg")
    >>> arms = {"weekly": once.every("7 day", times=4), "once": once}
    >>> found = mdr.compare(model, arms, until="28 day", endpoints=["nadir"], fair="total_dose")
    >>> [text.get_text() for text in plot_matching(found.matching).texts]
    ['240 mg', '60 to 240 mg']
    """
    rows = list({(row.arm, "" if matching.words else row.drug): row for row in matching.rows}.values())
    drugs = list(dict.fromkeys(row.drug for row in matching.rows))
    several = len(drugs) > 1 and not matching.words
    names = [written(f"{row.arm}: {row.drug}" if several else row.arm, _WIDE) for row in rows]
    ax = new_axes(ax, height=0.75 + rows_height(names, 0.24))
    ax.set_xscale("log")
    for place, row in enumerate(rows):
        shade = colour(drugs.index(row.drug) if several else 0)
        ax.plot([1.0, row.factor], [place, place], "-", color=shade, lw=1.4)
        fill = "white" if row.factor == 1.0 else shade
        ax.plot(row.factor, place, "o", color=shade, mfc=fill, ms=5.0, mew=1.3)
        beside(ax, place, _told(matching.kind, row.before, row.after))
    factors = [1.0, *(row.factor for row in rows)]
    room = max((max(factors) / min(factors)) ** 0.1, 1.2)
    ax.set_xlim(min(factors) / room, max(factors) * room)
    log_ticks(ax.xaxis)
    ax.axvline(1.0, color=MUTED, lw=0.7, ls=":", zorder=0)
    ax.set_yticks(range(len(names)), names)
    ax.set_ylim(len(names) - 0.5, -0.5)
    ax.set_xlabel("doses multiplied by")
    tidy(ax)
    ax.tick_params(axis="y", length=0)
    return ax


def _told(kind: str, before: Quantity, after: Quantity) -> str:
    """Both, or one where they read the same."""
    scale, unit = (100.0, "% of draws") if kind == "risk" else (1.0, after.unit.text)
    first, last = plain(scale * before.value), plain(scale * after.value)
    return f"{last if first == last else f'{first} to {last}'} {unit}".rstrip()
