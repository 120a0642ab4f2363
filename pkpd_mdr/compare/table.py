"""A comparison as tables: a row per arm and endpoint, and every value of every draw."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

if TYPE_CHECKING:
    from pkpd_mdr.compare.result import Comparison
    from pkpd_mdr.run import Endpoint

__all__ = ["draws", "table"]


def table(comparison: Comparison) -> pd.DataFrame:
    """Summaries, differences and probabilities; see `Comparison.table`."""
    rows = [_row(comparison, arm, item) for item in comparison.endpoints for arm in comparison.arms]
    found = pd.DataFrame(rows).set_index(["arm", "endpoint"])
    for (drug, unit), part in comparison.given.reset_index().groupby(["drug", "unit"], sort=False):
        medians = dict(zip(part["arm"], part["median"], strict=True))
        found[f"given {drug} [{unit}]"] = [medians.get(arm, 0.0) for arm in found.index.get_level_values("arm")]
    return found


def _row(comparison: Comparison, arm: str, item: Endpoint) -> dict[str, Any]:
    place = comparison.arms.index(arm)
    other = comparison.settings.reference or comparison.best(item.name)
    gap = comparison.difference(arm, other, item.name)
    median, lower, upper = comparison.estimate(arm, item.name)
    return {
        "arm": arm,
        "endpoint": item.name,
        "unit": comparison.unit(item.name).text,
        "median": median,
        "lower": lower,
        "upper": upper,
        "statistic": "probability" if item.event else "median",
        "difference": gap.median,
        "difference_lower": gap.lower,
        "difference_upper": gap.upper,
        "compared_with": other,
        "probability_best": float(comparison.shares(item.name)[place].mean()),
        "censored": float(np.isinf(comparison.array(item.name)[place]).mean()),
        "draws": int(comparison.kept.sum()),
        "failed": sum(failure.arm == arm for failure in comparison.failures),
    }


def draws(comparison: Comparison) -> pd.DataFrame:
    """Every value, and why there is none; see `Comparison.draws`."""
    paths, failures = comparison.settings.replicates, comparison.failures
    reasons = {(failure.arm, failure.draw, failure.replicate): failure.sentence for failure in failures}
    index = pd.MultiIndex.from_product(
        [comparison.arms, range(comparison.drawn), range(paths), [item.name for item in comparison.endpoints]],
        names=["arm", "draw", "replicate", "endpoint"],
    )
    frame = pd.DataFrame({"value": comparison.values.ravel()}, index=index).reset_index()
    keys = zip(frame["arm"], frame["draw"], frame["replicate"], strict=True)
    frame["unit"] = frame["endpoint"].map({item.name: comparison.unit(item.name).text for item in comparison.endpoints})
    frame["failure"] = [reasons.get(key, "") for key in keys]
    return frame if paths > 1 else frame.drop(columns="replicate")
