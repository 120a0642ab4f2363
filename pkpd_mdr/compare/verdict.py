"""The verdict of a comparison in words: who is ahead, by how much, how sure, and what the numbers cannot say."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from pkpd_mdr.compare.statistics import by_draw, half_width, proportion
from pkpd_mdr.compare.values import Difference
from pkpd_mdr.units import Unit

if TYPE_CHECKING:
    from pkpd_mdr.compare.result import Comparison
    from pkpd_mdr.run import Endpoint

__all__ = ["limits_of_the_verdict", "sentence"]

_SURE = 0.95
_LITTLE = 0.01  # share of the median below which a difference is called small
_SHORT = 30.0  # days below which a part of a year is easier to grasp in days
_PRICE = 0.05  # share of the larger of two values from which on a difference in another endpoint is named
_OTHERS = 3  # endpoints in which other arms are better that are named


def sentence(comparison: Comparison, endpoint: str | None = None) -> str:
    """What the comparison says about one endpoint; see `Comparison.verdict`."""
    item = comparison.endpoint(endpoint)
    name = _words(item)
    name = name[0].upper() + name[1:]
    if not comparison.kept.any():
        return f"{name}: no draw was finished by all arms, so that nothing can be compared."
    if len(comparison.arms) == 1:
        only = comparison.arms[0]
        return f"{name}: {only!r} has {_middle(comparison, only, item)}; nothing is compared."
    alike = _all_alike(comparison, item)
    if alike:
        return f"{name}: {alike}"
    best = comparison.best(item.name)
    equals = [arm for arm in comparison.arms if arm == best or not comparison.gaps(best, arm, item.name).any()]
    rival = min(
        (arm for arm in comparison.arms if arm not in equals), key=lambda arm: _lead(comparison, best, arm, item)
    )
    told = _at_one_set if int(comparison.kept.sum()) == 1 else _over_draws
    return f"{name}: {told(comparison, item, equals, rival)}{_elsewhere(comparison, item, equals)}"


def _words(item: Endpoint) -> str:
    return item.name.replace("_", " ")


def _names(arms: Sequence[str]) -> str:
    *most, last = map(repr, arms)
    return f"{', '.join(most)} and {last}" if most else last


def _all_alike(comparison: Comparison, item: Endpoint) -> str:
    values, one = comparison.array(item.name), comparison.settings.members.removesuffix("s")
    if np.isinf(values).all():
        return f"no arm reaches it within {comparison.until}, in any {one}; a longer run would tell."
    if item.unit == "time" and not values.any():
        return f"it is reached at the start already, by all arms in every {one}; choose another level."
    if np.allclose(comparison.shares(item.name), 1.0 / len(comparison.arms)):
        return f"all arms give the same value in every {one}, so that this endpoint decides nothing."
    return ""


def _lead(comparison: Comparison, best: str, arm: str, item: Endpoint) -> float:
    """By how much the best is ahead of an arm within the draws; below zero where it is behind."""
    median = comparison.difference(best, arm, item.name).median
    return median if item.better == "high" else -median


def _at_one_set(comparison: Comparison, item: Endpoint, equals: Sequence[str], rival: str) -> str:
    verb = "is best" if len(equals) == 1 else "are the same and best"
    return (
        f"at one set of parameter values {_names(equals)} {verb} ({_middle(comparison, equals[0], item)}), before "
        f"{rival!r} ({_middle(comparison, rival, item)}). No uncertainty was carried through, so this does not say "
        "how sure it is."
    )


def _over_draws(comparison: Comparison, item: Endpoint, equals: Sequence[str], rival: str) -> str:
    best, several = equals[0], len(equals) > 1
    gap = comparison.difference(best, rival, item.name)
    shares = comparison.shares(item.name).mean(axis=1)
    chance = float(sum(shares[comparison.arms.index(arm)] for arm in equals))
    opening = _opening(comparison, gap, _lead(comparison, best, rival, item), chance)
    what, own, other = comparison.settings.members, _middle(comparison, best, item), _middle(comparison, rival, item)
    same = f"{_names(equals)} are the same in every one of the {what}. " if several else ""
    facts = (
        f"{best!r} has {own}, {rival!r}, the next, {other.removeprefix(_average(comparison, item))}; the difference "
        f"is {_amount(comparison, gap)}. {best!r} is {_how_often(comparison, gap)}"
    )
    most = "the best of all" if not several else f"with {_names(equals[1:])} the best of all"
    shared = ", ties shared" * bool(gap.tied)
    rest = f", and {most} in {100 * chance:.0f} %{shared}" if len(comparison.arms) > len(equals) + 1 else ""
    small = _small(comparison, gap) if _beyond(gap, item) else ""
    mean = _on_average(comparison, gap) if comparison.settings.rows == "patients" and not item.event else ""
    return f"{same}{opening} {facts}{rest}.{mean}{small}{_censored(comparison, gap)}{_left_out(comparison)}"


def _beyond(gap: Difference, item: Endpoint) -> bool:
    """Whether the interval of a difference lies on the better side of zero as a whole."""
    return (gap.lower > 0) if item.better == "high" else (gap.upper < 0)


def _opening(comparison: Comparison, gap: Difference, lead: float, chance: float) -> str:
    best, rival, what = repr(gap.left), repr(gap.right), comparison.settings.members
    item = comparison.endpoint(gap.endpoint)
    beyond, never_worse = _beyond(gap, item), gap.better == 1.0 - gap.tied / 2
    if lead < 0:
        return f"{best} has the better median, but {rival} is better within most {what}: they cannot be ranked."
    if beyond and not _often_enough(comparison, gap):
        few = len(set(comparison.units_of_chance.tolist()))
        noun = comparison.settings.rows if comparison.drawn > 1 else what
        return f"{best} is ahead of {rival}, but {few} {noun} are too few to be sure."
    if beyond and (chance >= _SURE or item.event):
        return f"{best} is the best arm."
    if beyond:
        return f"{best} is ahead of {rival}, but not of every arm in all {what}."
    if never_worse and not item.event and _often_enough(comparison, gap):
        return f"{best} is as good as {rival} or better in all {what}."
    if gap.tied > 0.5:
        return f"{best} and {rival} tie in {100 * gap.tied:.0f} % of {what}, and cannot be told apart."
    if gap.median == 0:
        return f"{best} and {rival} cannot be told apart."
    if comparison.settings.rows == "patients" and not item.event and _often_enough(comparison, gap):
        return f"{best} is better for most {what}, and {rival} for others."
    return f"{best} is ahead, but cannot be told apart from {rival}."


def _often_enough(comparison: Comparison, gap: Difference) -> bool:
    """The sign test: whether the draws in which two arms differ are enough to say which is better more often."""
    if comparison.endpoint(gap.endpoint).event:  # the interval of the difference has it
        return True
    signs = by_draw(np.sign(comparison.gaps(gap.left, gap.right, gap.endpoint)), comparison.units_of_chance)
    favour = signs[signs != 0] * (1.0 if comparison.endpoint(gap.endpoint).better == "high" else -1.0)
    return proportion((favour > 0).astype(float), comparison.settings.level)[1] > 0.5


def _how_often(comparison: Comparison, gap: Difference) -> str:
    """How often the left arm is better, with the error of so many draws; ties are told as such."""
    better, rival, count = gap.better - gap.tied / 2, repr(gap.right), f"{gap.pairs} {comparison.settings.members}"
    if gap.tied:
        worse = max(0.0, 1.0 - better - gap.tied)
        return (
            f"better than {rival} in {100 * better:.0f} %, worse in {100 * worse:.0f} % and the same in "
            f"{100 * gap.tied:.0f} % of {count}"
        )
    span = f"{100 * gap.better_lower:.0f} to {100 * gap.better_upper:.0f} %"
    level = f"{100 * comparison.settings.level:g} %"
    return f"better than {rival} in {100 * better:.0f} % of {count} ({level} interval: {span})"


def _on_average(comparison: Comparison, gap: Difference) -> str:
    """What a clinic would gain over many such patients, with the error of so few of them."""
    level = comparison.settings.level
    gaps = by_draw(comparison.gaps(gap.left, gap.right, gap.endpoint), comparison.units_of_chance)
    mean, reach = float(gaps.mean()), half_width(gaps, level)
    if not math.isfinite(reach):
        return ""
    shown = f"{_signed(mean)} {gap.unit.text}".rstrip()
    span = f"{_signed(mean - reach)} to {_signed(mean + reach)}"
    return f" On average over the patients it is {shown} ({100 * level:g} % interval of the mean: {span})."


def _amount(comparison: Comparison, gap: Difference) -> str:
    """A difference with its interval; small parts of years and months in days, too."""
    unit = gap.unit.text
    shown = f"{_signed(gap.median)} {unit}".rstrip()
    days = abs(gap.median) * gap.unit.factor / 24.0
    if gap.unit.like(Unit.of("h")) and gap.unit.factor > 24 and 0 < days < _SHORT:
        near = float(f"{days:.1g}")
        shown += ", less than a day" if near < 1 else f", about {near:g} day{'s' * (near != 1)}"
    percent = f"{100 * comparison.settings.level:g} %"
    over = "interval" if comparison.endpoint(gap.endpoint).event else f"of {comparison.settings.members}"
    return f"{shown} ({percent} {over}: {_signed(gap.lower)} to {_signed(gap.upper)})"


def _signed(value: float) -> str:
    return f"{value:+.3g}" if value else "0"


def _small(comparison: Comparison, gap: Difference) -> str:
    """A remark on a difference that is certain in the model and next to nothing."""
    median = abs(comparison.estimate(gap.left, gap.endpoint)[0])
    if not 0 < abs(gap.median) < _LITTLE * median < math.inf:
        return ""
    return f" The difference is {100 * abs(gap.median) / median:.1g} % of the median: sure in this model, and small."


def _censored(comparison: Comparison, gap: Difference) -> str:
    """What was not reached: by neither, which ties, or by one, which makes the difference a bound."""
    if not gap.censored:
        return ""
    places = [comparison.arms.index(arm) for arm in (gap.left, gap.right)]
    unseen = np.isinf(comparison.array(gap.endpoint)[places]).sum(axis=0)
    neither, one = (f"{100 * float((unseen == count).mean()):.0f} %" for count in (2, 1))
    parts = [f"in {neither} neither arm is there"] * bool((unseen == 2).any())
    parts += [f"in {one} only one of the two {'is' if parts else 'arms is there'}"] * bool((unseen == 1).any())
    return (
        f" Within {comparison.until}, {' and '.join(parts)}: a time not reached counts as the end of the run, so that "
        "the difference is too small rather than too large."
    )


def _left_out(comparison: Comparison) -> str:
    count = int((~comparison.kept).sum())
    if not count:
        return ""
    of = f"{count} of {len(comparison.kept)} {comparison.settings.members}"
    return f" Left out: {of}, which not every arm finished; if they fail where one arm does badly, this flatters it."


def _average(comparison: Comparison, item: Endpoint) -> str:
    """What stands for an arm."""
    return "" if int(comparison.kept.sum()) == 1 else "a probability of " if item.event else "a median of "


def _middle(comparison: Comparison, arm: str, item: Endpoint) -> str:
    value = comparison.estimate(arm, item.name)[0]
    if item.event and int(comparison.kept.sum()) == 1:
        return "it happens" if value else "it does not happen"
    what, unit = _average(comparison, item), comparison.unit(item.name).text
    if math.isinf(value):
        return f"{what}more than {comparison.until}"
    return f"{what}{comparison.settings.plain(value, item):.4g} {unit}".rstrip()


def _elsewhere(comparison: Comparison, item: Endpoint, equals: Sequence[str]) -> str:
    """Other endpoints in which another arm is surely better: a gain may have its price."""
    if item.name != comparison.settings.primary:
        return ""
    told, best = [], equals[0]
    for other in comparison.endpoints:
        ahead = comparison.best(other.name)
        gap = comparison.difference(ahead, best, other.name)
        large = max(abs(comparison.estimate(arm, other.name)[0]) for arm in (ahead, best))
        if other.name != item.name and _beyond(gap, other) and (math.isinf(large) or abs(gap.median) >= _PRICE * large):
            average = _average(comparison, other)
            numbers = " against ".join(_middle(comparison, arm, other).removeprefix(average) for arm in (ahead, best))
            told.append(f"{ahead!r} is better in {_words(other)} ({numbers})")
    if not told:
        return ""
    more = f"; and so in {len(told) - _OTHERS} more endpoints" if len(told) > _OTHERS else ""
    return f" Against {best!r}: {'; '.join(told[:_OTHERS])}{more}."


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
