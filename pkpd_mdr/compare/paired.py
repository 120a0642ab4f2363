"""How two arms differ on the same draws: how much, how often one is better, and how sure so many draws make it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from pkpd_mdr.compare.statistics import by_draw, differences, paired_proportions, proportion, spread
from pkpd_mdr.compare.values import Difference
from pkpd_mdr.engine.lowering import FloatArray

if TYPE_CHECKING:
    from pkpd_mdr.compare.result import Comparison

__all__ = ["difference", "gaps"]


def gaps(comparison: Comparison, left: str, right: str, endpoint: str | None) -> FloatArray:
    """``left - right`` for each kept member; see `Comparison.gaps`."""
    item, (one, other) = comparison.definition(endpoint), (comparison.place(left), comparison.place(right))
    values, ends = comparison.array(item.name), comparison.ends[:, comparison.kept]
    if item.unit != "time":
        ends = np.full_like(ends, np.inf)
    return differences(values[one], values[other], (ends[one], ends[other]), *comparison.settings.slack(item))


def difference(comparison: Comparison, left: str, right: str, endpoint: str | None) -> Difference:
    """Median, interval, and how often the left arm is better; see `Comparison.difference`."""
    item, confidence = comparison.definition(endpoint), comparison.settings.confidence
    gap = gaps(comparison, left, right, item.name)
    if item.event:
        median, lower, upper = paired_proportions(gap, confidence, comparison.owner)
    else:
        median, lower, upper = spread(gap, confidence)
    favour = gap if item.better == "high" else -gap
    wins = by_draw(np.where(favour > 0, 1.0, np.where(favour == 0, 0.5, 0.0)), comparison.units_of_chance)
    better, better_lower, better_upper = proportion(wins, confidence)
    sides = comparison.array(item.name)[[comparison.place(left), comparison.place(right)]]
    return Difference(
        left=left,
        right=right,
        endpoint=item.name,
        unit=comparison.unit(item.name),
        median=median,
        lower=lower,
        upper=upper,
        better=better,
        better_lower=better_lower,
        better_upper=better_upper,
        pairs=len(gap),
        censored=float(np.isinf(sides).any(axis=0).mean()),
        tied=float(np.mean(gap == 0)),
    )
