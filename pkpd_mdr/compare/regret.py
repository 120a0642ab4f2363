"""What a choice may cost, and what it trades: regret, and the front of arms that no other arm beats."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from pkpd_mdr.compare.statistics import by_draw, same
from pkpd_mdr.engine.lowering import FloatArray
from pkpd_mdr.errors import SimulationError, shown

if TYPE_CHECKING:
    from pkpd_mdr.compare.result import Comparison
    from pkpd_mdr.run import Endpoint

__all__ = ["COLUMNS", "losses", "pareto", "regret"]

COLUMNS = ("arm", "on_front", "probability_front")
"""Of the front, beside those named as the endpoints."""


def losses(comparison: Comparison, item: Endpoint) -> FloatArray:
    """How far each arm stays behind the best one of each draw, shape (arms, draws); 0 for the best and its ties."""
    settings, values = comparison.settings, comparison.bounded(item.name)
    gain = values if item.better == "high" else -values
    best = gain.max(axis=0)
    tied = same(gain, np.broadcast_to(best, gain.shape), *settings.slack(item))
    with np.errstate(invalid="ignore"):  # of two that are infinite, which tie
        return np.asarray(np.where(tied, 0.0, best - gain), dtype=float)


def regret(comparison: Comparison, endpoint: str | None) -> pd.DataFrame:
    """Expected and worst regret; see `Comparison.regret`."""
    item = comparison.definition(endpoint)
    lost, shares = losses(comparison, item), comparison.shares(item.name).mean(axis=1)
    found = pd.DataFrame(
        {
            "arm": comparison.arms,
            "expected_regret": lost.mean(axis=1),
            "standard_error": _standard_errors(comparison, lost),
            "worst_regret": lost.max(axis=1),
            "probability_best": shares,
        }
    )
    found.attrs |= {"endpoint": item.name, "unit": comparison.unit(item.name).text, "draws": int(lost.shape[1])}
    return found


def _standard_errors(comparison: Comparison, table: FloatArray) -> FloatArray:
    """Of the mean of each row, paths of one of several draws taken together; 0 with one patient."""
    means = by_draw(table, comparison.units_of_chance)
    draws = means.shape[1]
    if draws < 2:
        return np.zeros(len(table))
    with np.errstate(invalid="ignore"):  # an infinite mean has no standard error
        return np.asarray(means.std(axis=1, ddof=1) / math.sqrt(draws), dtype=float)


def pareto(comparison: Comparison, endpoints: Sequence[str]) -> pd.DataFrame:
    """The front of two endpoints or more; see `Comparison.pareto`."""
    names = list(endpoints) or [item.name for item in comparison.endpoints]
    items = [comparison.definition(name) for name in dict.fromkeys(names)]
    if len(items) < 2:
        raise SimulationError(
            f"a front needs two endpoints or more, not {shown(items[0].name)} alone; write for example "
            "pareto('time_to_progression', 'anc_nadir')"
        )
    columns: dict[str, Any] = {"arm": comparison.arms}
    middle = []
    for item in items:
        numbers = np.array([comparison.estimate(arm, item.name) for arm in comparison.arms])
        columns |= {item.name: numbers[:, 0], f"{item.name}_lower": numbers[:, 1], f"{item.name}_upper": numbers[:, 2]}
        middle.append(numbers[:, :1])
    front = ~_dominated(comparison, items, np.stack(middle))
    chance = ~_dominated(comparison, items, np.stack([comparison.array(item.name) for item in items]))
    found = pd.DataFrame(columns | {"on_front": front[:, 0], "probability_front": chance.mean(axis=1)})
    found.attrs["units"] = {item.name: comparison.unit(item.name).text for item in items}
    found.attrs["better"] = {item.name: item.better for item in items}
    return found


def _dominated(
    comparison: Comparison, items: Sequence[Endpoint], values: FloatArray
) -> np.ndarray[Any, np.dtype[np.bool_]]:
    """Whether another arm is as good in every endpoint and better in one; shape (arms, draws).

    Values that differ by less than the integration error are the same, so that arms that tie leave each other alone.
    """
    arms = values.shape[1]
    beaten = np.zeros(values.shape[1:], dtype=bool)
    for k in range(arms):
        for other in range(arms):
            as_good = np.ones(values.shape[2], dtype=bool)
            better = np.zeros(values.shape[2], dtype=bool)
            for item, table in zip(items, values, strict=True):
                alike = same(table[other], table[k], *comparison.settings.slack(item))
                ahead = (table[other] > table[k]) if item.better == "high" else (table[other] < table[k])
                as_good &= alike | ahead
                better |= ahead & ~alike
            beaten[k] |= as_good & better
    return beaten
