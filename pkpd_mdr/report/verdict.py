"""The verdict of a comparison in words: who is ahead, by how much, how sure, and what the numbers cannot say."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from pkpd_mdr.compare import Comparison
from pkpd_mdr.run import Endpoint

__all__ = ["limits_of_the_verdict", "sentence"]

_SURE = 0.95


def sentence(comparison: Comparison, endpoint: str | None = None) -> str:
    """What the comparison says about one endpoint, the primary one if none is named.

    Parameters
    ----------
    comparison : Comparison
    endpoint : str, optional

    Returns
    -------
    str

    Examples
    --------
    >>> import pkpd_mdr as mdr
    >>> model = mdr.Model(
    ...     mdr.medium("dox", unit="nM"),
    ...     mdr.clone("S", growth=mdr.growth.exponential(rate="0.1 1/day"), start=1e6),
    ...     mdr.kill("dox", on="S", slope="0.01 1/day/nM"),
    ... )
    >>> dox = mdr.exposure("dox", "20 nM", over="5 day")
    >>> found = mdr.compare(model, {"short": dox, "long": dox.every("5 day", times=2)}, until="60 day")
    >>> sentence(found)[:74]
    'time to progression: at one set of parameter values long is best (21.82 da'
    """
    item = comparison.endpoint(endpoint)
    name = item.name.replace("_", " ")
    if len(comparison.arms) == 1:
        return f"{name}: {comparison.arms[0]} has {_median(comparison, comparison.arms[0], item)}; nothing is compared."
    tied = _all_alike(comparison, item)
    if tied:
        return f"{name}: {tied}"
    best = comparison.best(item.name)
    rivals = [arm for arm in comparison.arms if arm != best]
    rival = min(rivals, key=lambda arm: _distance(comparison, best, arm, item))
    if int(comparison.kept.sum()) == 1:
        return (
            f"{name}: at one set of parameter values {best} is best ({_median(comparison, best, item)}), before "
            f"{rival} ({_median(comparison, rival, item)}). No uncertainty was carried through, so this does not say "
            "how sure it is."
        )
    return f"{name}: {_with_uncertainty(comparison, item, best, rival)}"


def _all_alike(comparison: Comparison, item: Endpoint) -> str:
    values = comparison.values[:, comparison.kept, [one.name for one in comparison.endpoints].index(item.name)]
    if np.isinf(values).all():
        return f"no arm reaches it within {comparison.until}, in any draw; a longer run would tell."
    shares = comparison.shares(item.name)
    if np.allclose(shares, 1.0 / len(comparison.arms)):
        return "all arms give the same value in every draw; order and timing do not change it in this model."
    return ""


def _distance(comparison: Comparison, best: str, arm: str, item: Endpoint) -> float:
    """How far behind the best an arm is, in the direction that is good."""
    return abs(comparison.difference(best, arm, item.name).median)


def _with_uncertainty(comparison: Comparison, item: Endpoint, best: str, rival: str) -> str:
    gap = comparison.difference(best, rival, item.name)
    chance = float(comparison.shares(item.name).mean(axis=1)[comparison.arms.index(best)])
    unit = comparison.unit(item.name).text
    level = f"{100 * comparison.settings.level:g} %"
    amount = f"{gap.median:+.3g} ({level} interval {gap.lower:+.3g} to {gap.upper:+.3g}) {unit}".rstrip()
    facts = (
        f"{best} has {_median(comparison, best, item)}, and differs from the next, {rival}, by {amount}; it is best in "
        f"{100 * chance:.0f} % of {gap.pairs} draws, and better than {rival} in {100 * gap.better:.0f} %."
    )
    beyond = (gap.lower > 0) if item.better == "high" else (gap.upper < 0)
    if beyond and chance >= _SURE:
        opening = f"{best} is the best arm."
    elif beyond:
        opening = f"{best} is ahead of {rival}, but not of every arm in every draw."
    elif gap.median == 0:
        opening = f"{best} and {rival} have the same typical value."
    else:
        opening = f"{best} is ahead, but it cannot be told apart from {rival}."
    ending = ""
    if gap.censored > 0:
        ending = (
            f" In {100 * gap.censored:.0f} % of the pairs a time was not reached and counts as {comparison.until}, so "
            "that the difference is a bound."
        )
    return f"{opening} {facts}{ending}"


def _median(comparison: Comparison, arm: str, item: Endpoint) -> str:
    value = float(comparison.table.xs(item.name, level="endpoint").loc[arm, "median"])  # type: ignore[arg-type]
    if math.isinf(value):
        return f"more than {comparison.until}"
    what = "a median of " if int(comparison.kept.sum()) > 1 else ""
    return f"{what}{value:.4g} {comparison.unit(item.name).text}".rstrip()


def limits_of_the_verdict(comparison: Comparison) -> Sequence[str]:
    """What the intervals leave out, one sentence each."""
    fixed = [name for name in comparison.model.parameters if name not in comparison.settings.varied]
    lines = []
    if comparison.settings.varied and fixed:
        names = ", ".join(fixed[:10]) + (f" and {len(fixed) - 10} more" if len(fixed) > 10 else "")
        lines.append(
            f"{len(fixed)} of {len(comparison.model.parameters)} parameters were held at their values ({names}); what "
            "is unknown about them is in no interval here."
        )
    if not comparison.settings.varied:
        lines.append(
            "No parameter was varied: give draws (parameters=fit.draws(500)) to learn how sure the verdict is."
        )
    lines.append("The verdict is that of the model: processes that it leaves out cannot change it.")
    return lines
