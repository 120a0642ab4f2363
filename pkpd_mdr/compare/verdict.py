"""The verdict of a comparison in words: who is ahead, by how much, how sure, and what the numbers cannot say."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from pkpd_mdr.compare.statistics import by_draw, half_width, more_often
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
_OFTEN = 0.05  # share of draws by which an arm is the best more often than the next one, from which on it is named
_OTHERS = 3  # endpoints in which other arms are better that are named


def sentence(comparison: Comparison, endpoint: str | None = None) -> str:
    """What the comparison says about one endpoint; see `Comparison.verdict`."""
    item = comparison.definition(endpoint)
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
    within = {arm: _apart(comparison, best, arm, item) for arm in comparison.arms}
    peers = [best, *(arm for arm in comparison.arms if arm != best and within[arm] < 100 * _LITTLE)]
    rest = [arm for arm in comparison.arms if arm not in peers]
    rival = min(rest, key=lambda arm: _lead(comparison, best, arm, item)) if rest else ""
    same = _same(comparison, item, peers, max(within[arm] for arm in peers))
    told = _at_one_set if int(comparison.kept.sum()) == 1 else _over_draws
    answer = told(comparison, item, peers, rival) if rival else f"{best!r} has {_middle(comparison, best, item)}."
    answer = f"{same}{answer[0].upper()}{answer[1:]}" if same else answer
    return f"{name}: {answer}{_left_out(comparison)}{_elsewhere(comparison, item, best)}"


def _words(item: Endpoint) -> str:
    return item.name.replace("_", " ")


def _names(arms: Sequence[str]) -> str:
    *most, last = map(repr, arms)
    return f"{', '.join(most)} and {last}" if most else last


def _all_alike(comparison: Comparison, item: Endpoint) -> str:
    values, one = comparison.array(item.name), comparison.settings.members.removesuffix("s")
    if np.isinf(values).all():
        return f"no arm reaches it within {comparison.until}, in any {one}; a longer run may tell."
    if item.unit == "duration" and not values.any():
        return f"it takes no time under any arm, in every {one}; choose another level."
    if item.unit == "time" and not values.any():
        return f"it is reached at the start already, by all arms in every {one}; choose another level."
    if np.allclose(comparison.shares(item.name), 1.0 / len(comparison.arms)):
        late = _late(comparison, item, comparison.arms)
        more = "; a longer run may tell" if late else ""
        return f"all arms give the same value in every {one}{late}, so that this endpoint decides nothing{more}."
    return ""


def _lead(comparison: Comparison, best: str, arm: str, item: Endpoint) -> float:
    """By how much the best is ahead of an arm within the draws; below zero where it is behind."""
    median = comparison.difference(best, arm, item.name).median
    return median if item.better == "high" else -median


def _apart(comparison: Comparison, best: str, arm: str, item: Endpoint) -> float:
    """By how much an arm differs from the best at most, within the interval, in per cent of the best's median."""
    gap = comparison.difference(best, arm, item.name)
    most, median = max(abs(gap.lower), abs(gap.upper)), abs(comparison.estimate(best, item.name)[0])
    if item.event or not most or not math.isfinite(median):
        return math.inf if comparison.gaps(best, arm, item.name).any() else 0.0
    return 100.0 * most / median if median else math.inf


def _same(comparison: Comparison, item: Endpoint, peers: Sequence[str], within: float) -> str:
    """Which arms come to the same as the best one, and how nearly."""
    if len(peers) == 1:
        return ""
    several, late = int(comparison.kept.sum()) > 1, _late(comparison, item, peers)
    if _unseen(comparison, item, peers) == 1.0:
        never = f", in any {comparison.settings.members.removesuffix('s')}" * several
        return (
            f"{_names(peers)} cannot be told apart: {_none_of(peers)} reaches it within {comparison.until}{never}; a "
            "longer run or another endpoint may tell. "
        )
    if not within:
        every = f" in every {comparison.settings.members.removesuffix('s')}" * several
        return f"{_names(peers)} are the same{every}{late}. "
    step = 10.0 ** math.floor(math.log10(max(within, 1e-3)))
    shown = math.ceil(max(within, 1e-3) / step - 1e-9) * step
    return f"{_names(peers)} come to the same: they differ by less than {shown:g} %{late}. "


def _unseen(comparison: Comparison, item: Endpoint, arms: Sequence[str]) -> float:
    """In which share of members none of some arms gets there before the end of its run."""
    places = [comparison.place(arm) for arm in arms]
    return float(np.isinf(comparison.array(item.name)[places]).all(axis=0).mean())


def _late(comparison: Comparison, item: Endpoint, arms: Sequence[str]) -> str:
    """How often arms are the same only because nothing was seen of them before the end."""
    share = _unseen(comparison, item, arms)
    what = comparison.settings.members
    return f" (in {_percent(share)} of {what} {_none_of(arms)} reaches it within {comparison.until})" if share else ""


def _none_of(arms: Sequence[str]) -> str:
    return "neither" if len(arms) == 2 else "none"


def _percent(share: float) -> str:
    """A share that is neither none nor all is told as neither."""
    if 0 < share < 0.005 or 0.995 <= share < 1:
        return "less than 1 %" if share < 0.5 else "more than 99 %"
    return f"{100 * share:.0f} %"


def _at_one_set(comparison: Comparison, item: Endpoint, peers: Sequence[str], rival: str) -> str:
    who = f"{peers[0]!r} is" if len(peers) == 1 else "they are"
    what = "ahead" if len(peers) > 1 and _unseen(comparison, item, peers) else "best"  # which of them is not known
    return (
        f"at one set of parameter values {who} {what} ({_middle(comparison, peers[0], item)}), before "
        f"{rival!r} ({_middle(comparison, rival, item)}). No uncertainty was carried through, so this does not say "
        "how sure it is."
    )


def _over_draws(comparison: Comparison, item: Endpoint, peers: Sequence[str], rival: str) -> str:
    best, several = peers[0], len(peers) > 1
    gap = comparison.difference(best, rival, item.name)
    shares = comparison.shares(item.name).mean(axis=1)
    chance = float(sum(shares[comparison.arms.index(arm)] for arm in peers))
    unknown = several and _unseen(comparison, item, peers) > 0  # which of them is the best
    opening = _opening(comparison, gap, several, chance, unknown)
    own, other = _middle(comparison, best, item), _middle(comparison, rival, item)
    facts = (
        f"{best!r} has {own}, {rival!r}, the next, {other.removeprefix(_average(comparison, item))}; the difference "
        f"is {_amount(comparison, gap)}. {best!r} is {_how_often(comparison, gap)}"
    )
    most = ", and one of them is the best of all" if several else ", and the best of all"
    shared = ", ties shared" * bool(gap.tied)
    rest = f"{most} in {100 * chance:.0f} %{shared}" if len(comparison.arms) > len(peers) + 1 else ""
    others = {arm: share for arm, share in zip(comparison.arms, shares, strict=True) if arm not in peers}
    often = max(others, key=lambda arm: others[arm])
    if others[often] > others[rival] + _OFTEN:  # who is behind in the middle may be the best in many draws
        rest += f", {often!r} in {100 * others[often]:.0f} %"
    mean = _on_average(comparison, gap) if comparison.settings.rows == "patients" and not item.event else ""
    return f"{opening} {facts}{rest}.{mean}{_censored(comparison, gap)}"


def _beyond(gap: Difference, item: Endpoint) -> bool:
    """Whether the interval of a difference lies on the better side of zero as a whole."""
    return (gap.lower > 0) if item.better == "high" else (gap.upper < 0)


def _opening(comparison: Comparison, gap: Difference, several: bool, chance: float, unknown: bool) -> str:
    """The verdict itself; `several` arms come to the same as the left one, the best of them perhaps `unknown`."""
    best, rival, what = repr(gap.left), repr(gap.right), comparison.settings.members
    item, who = comparison.definition(gap.endpoint), "They are" if several else f"{gap.left!r} is"
    beyond, enough = _beyond(gap, item), _often_enough(comparison, gap)
    if _lead(comparison, gap.left, gap.right, item) < 0:
        return f"{best} has the better median, but {rival} is better within most {what}: they cannot be ranked."
    if beyond and not enough:
        few = len(set(comparison.units_of_chance.tolist()))
        noun = comparison.settings.rows if comparison.drawn > 1 else what
        return f"{who} ahead of {rival}, but {few} {noun} are too few to be sure."
    if beyond and (chance >= _SURE or item.event):
        return f"{who} ahead of all other arms." if unknown else f"{who} the best arm{'s' * several}."
    if beyond:
        return f"{who} ahead of {rival}, but not of every arm in all {what}."
    if gap.better == 1.0 - gap.tied / 2 and enough and not item.event:
        return f"{who} as good as {rival} or better in all {what}."
    if gap.tied > 0.5:
        return f"{best} and {rival} tie in {100 * gap.tied:.0f} % of {what}, and cannot be told apart."
    if gap.median == 0:
        return f"{best} and {rival} cannot be told apart."
    if comparison.settings.rows == "patients" and enough and not item.event:
        return f"{who} better for most {what}, and {rival} for others."
    return f"{who} ahead, but cannot be told apart from {rival}."


def _often_enough(comparison: Comparison, gap: Difference) -> bool:
    """The sign test: whether the draws in which two arms differ are enough to say which is better more often."""
    if comparison.definition(gap.endpoint).event:  # the interval of the difference has it
        return True
    signs = by_draw(np.sign(comparison.gaps(gap.left, gap.right, gap.endpoint)), comparison.units_of_chance)
    sign = 1.0 if comparison.definition(gap.endpoint).better == "high" else -1.0
    return more_often(sign * signs, comparison.settings.confidence)


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
    percent = f"{100 * comparison.settings.confidence:g} %"
    return f"better than {rival} in {100 * better:.0f} % of {count} ({percent} interval: {span})"


def _on_average(comparison: Comparison, gap: Difference) -> str:
    """What a clinic would gain over many such patients, with the error of so few of them."""
    confidence = comparison.settings.confidence
    gaps = by_draw(comparison.gaps(gap.left, gap.right, gap.endpoint), comparison.units_of_chance)
    mean, reach = float(gaps.mean()), half_width(gaps, confidence)
    if not math.isfinite(reach):
        return ""
    shown = f"{_signed(mean)} {gap.unit.text}".rstrip()
    span = f"{_signed(mean - reach)} to {_signed(mean + reach)}"
    return f" On average over the patients it is {shown} ({100 * confidence:g} % interval of the mean: {span})."


def _amount(comparison: Comparison, gap: Difference) -> str:
    """A difference with its interval; small parts of years and months in days, too."""
    unit = gap.unit.text
    shown = f"{_signed(gap.median)} {unit}".rstrip()
    days = abs(gap.median) * gap.unit.factor / 24.0
    if gap.unit.like(Unit.of("h")) and gap.unit.factor > 24 and 0 < days < _SHORT:
        near = float(f"{days:.1g}")
        shown += ", less than a day" if near < 1 else f", about {near:g} day{'s' * (near != 1)}"
    percent = f"{100 * comparison.settings.confidence:g} %"
    over = "interval" if comparison.definition(gap.endpoint).event else f"of {comparison.settings.members}"
    return f"{shown} ({percent} {over}: {_signed(gap.lower)} to {_signed(gap.upper)})"


def _signed(value: float) -> str:
    return f"{value:+.3g}" if value else "0"


def _censored(comparison: Comparison, gap: Difference) -> str:
    """What was not reached: by neither, which ties, or by one, which makes the difference a bound."""
    if not gap.censored:
        return ""
    places = [comparison.arms.index(arm) for arm in (gap.left, gap.right)]
    unseen = np.isinf(comparison.array(gap.endpoint)[places]).sum(axis=0)
    neither, one = (_percent(float((unseen == count).mean())) for count in (2, 1))
    parts = [f"neither of the two reaches it in {neither}, which counts as a tie"] * bool((unseen == 2).any())
    who = "them does" if parts else "the two reaches it"
    small = "the other counts as the end of the run, so that the difference is too small rather than too large"
    parts += [f"only one of {who} in {one}, where {small}"] * bool((unseen == 1).any())
    return f" Within {comparison.until}, {'; '.join(parts)}."


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


def _elsewhere(comparison: Comparison, item: Endpoint, best: str) -> str:
    """Other endpoints in which another arm is surely better: a gain may have its price."""
    if item.name != comparison.settings.primary:
        return ""
    told = []
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
