"""The verdict of a comparison in words: who is ahead, by how much, how sure, and what the numbers cannot say."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from pkpd_mdr.compare import Comparison, Difference
from pkpd_mdr.report.schedules import length
from pkpd_mdr.run import Endpoint
from pkpd_mdr.units import Unit

__all__ = ["limits_of_the_verdict", "sentence"]

_SURE = 0.95
_LITTLE = 0.01  # share of the median below which a difference is called small
_SHORT = 30 * 24.0  # hours below which a part of a year is easier to grasp in days


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
    "Time to progression: at one set of parameter values 'long' is best (21.82 "
    """
    item = comparison.endpoint(endpoint)
    name = item.name.replace("_", " ")
    name = name[0].upper() + name[1:]
    if len(comparison.arms) == 1:
        only = comparison.arms[0]
        return f"{name}: {only!r} has {_median(comparison, only, item)}; nothing is compared."
    tied = _all_alike(comparison, item)
    if tied:
        return f"{name}: {tied}"
    best = comparison.best(item.name)
    rivals = [arm for arm in comparison.arms if arm != best]
    rival = min(rivals, key=lambda arm: _distance(comparison, best, arm, item))
    if int(comparison.kept.sum()) == 1:
        return (
            f"{name}: at one set of parameter values {best!r} is best ({_median(comparison, best, item)}), before "
            f"{rival!r} ({_median(comparison, rival, item)}). No uncertainty was carried through, so this does not say "
            "how sure it is."
        )
    return f"{name}: {_with_uncertainty(comparison, item, best, rival)}"


def _all_alike(comparison: Comparison, item: Endpoint) -> str:
    if np.isinf(comparison.array(item.name)).all():
        return f"no arm reaches it within {comparison.until}, in any draw; a longer run would tell."
    shares = comparison.shares(item.name)
    if np.allclose(shares, 1.0 / len(comparison.arms)):
        return "all arms give the same value in every draw, so that this endpoint decides nothing."
    return ""


def _distance(comparison: Comparison, best: str, arm: str, item: Endpoint) -> float:
    """How far behind the best an arm is, in the direction that is good."""
    return abs(comparison.difference(best, arm, item.name).median)


def _with_uncertainty(comparison: Comparison, item: Endpoint, best: str, rival: str) -> str:
    gap = comparison.difference(best, rival, item.name)
    chance = float(comparison.shares(item.name).mean(axis=1)[comparison.arms.index(best)])
    beyond = (gap.lower > 0) if item.better == "high" else (gap.upper < 0)
    what = comparison.settings.members
    favour = gap.median if item.better == "high" else -gap.median
    if favour < 0:
        opening = f"{best!r} has the better median, but {rival!r} is better within most {what}: they cannot be ranked."
    elif beyond and chance >= _SURE:
        opening = f"{best!r} is the best arm."
    elif beyond:
        opening = f"{best!r} is ahead of {rival!r}, but not of every arm in every draw."
    elif gap.median == 0:
        opening = f"{best!r} and {rival!r} have the same typical value."
    else:
        opening = f"{best!r} is ahead, but cannot be told apart from {rival!r}."
    facts = (
        f"{best!r} has {_median(comparison, best, item)}; its difference to {rival!r}, the next, is {_amount(gap)}. It "
        f"is best in {100 * chance:.0f} % of {gap.pairs} {what}, and better than {rival!r} in {100 * gap.better:.0f} %."
    )
    return f"{opening} {facts}{_small(comparison, gap) if beyond else ''}{_censored(comparison, gap)}"


def _amount(gap: Difference) -> str:
    """A difference with its interval; small parts of years and months in days, too."""
    unit = gap.unit.text
    shown = f"{_signed(gap.median)} {unit}".rstrip()
    hours = abs(gap.median) * gap.unit.factor
    if gap.unit.like(Unit.of("h")) and gap.unit.factor > 24 and 0 < hours < _SHORT:
        shown += f", about {length(float(f'{hours / 24:.1g}') * 24)}"
    return f"{shown} (interval {_signed(gap.lower)} to {_signed(gap.upper)})"


def _signed(value: float) -> str:
    return f"{value:+.3g}" if value else "0"


def _small(comparison: Comparison, gap: Difference) -> str:
    """A remark on a difference that is certain in the model and next to nothing."""
    median = abs(float(comparison.table.xs(gap.endpoint, level="endpoint").loc[gap.left, "median"]))  # type: ignore[arg-type]
    if not 0 < abs(gap.median) < _LITTLE * median < math.inf:
        return ""
    return f" The difference is {100 * abs(gap.median) / median:.1g} % of the median: sure in this model, and small."


def _censored(comparison: Comparison, gap: Difference) -> str:
    if not gap.censored:
        return ""
    return (
        f" In {100 * gap.censored:.0f} % of the pairs a time was not reached and counts as {comparison.until}, so that "
        "the difference is a bound."
    )


def _median(comparison: Comparison, arm: str, item: Endpoint) -> str:
    value = float(comparison.table.xs(item.name, level="endpoint").loc[arm, "median"])  # type: ignore[arg-type]
    if math.isinf(value):
        return f"more than {comparison.until}"
    what = "a probability of " if item.event else "a median of " if int(comparison.kept.sum()) > 1 else ""
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
