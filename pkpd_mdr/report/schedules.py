"""Plans in words: what is given how often, and what a strategy decides at its visits."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import fields, is_dataclass
from functools import singledispatch
from itertools import pairwise

from pkpd_mdr.control.looking import Informed, LookAhead
from pkpd_mdr.control.precision import CurrentPractice
from pkpd_mdr.regimen import Act, Regimen, Strategy
from pkpd_mdr.regimen.acts import REMOVALS, length
from pkpd_mdr.regimen.limits import Limited
from pkpd_mdr.regimen.protocols import Rechallenge
from pkpd_mdr.regimen.ranges import Modulated, RangeBounded
from pkpd_mdr.regimen.strategies import Adaptive, OnProgression, Rule
from pkpd_mdr.units import Quantity

__all__ = ["schedule"]

_CLOSE = 1e-6  # hours
_NAMED = 4  # times that are listed one by one


@singledispatch
def schedule(plan: object) -> list[str]:
    """A plan in words, one line for each thing that is given and for each rule.

    Parameters
    ----------
    plan : Regimen or Strategy

    Returns
    -------
    list of str

    Examples
    --------
    >>> from pkpd_mdr.regimen import infusion
    >>> schedule(infusion("dox", "60 mg", over="1 h").every("21 day", times=6))
    ['60 mg of dox over 1 h, every 21 days, 6 times']
    """
    parts = [item.name for item in fields(plan)] if is_dataclass(plan) else []
    lines = [f"{type(plan).__name__}, a strategy of one's own" + _visits(plan)]
    for name in parts:
        value = getattr(plan, name)
        for one in value if isinstance(value, tuple) else (value,):
            if isinstance(one, (Regimen, Strategy)):
                lines += [f"{name.replace('_', ' ')}: {line}" for line in schedule(one)]
            elif isinstance(one, (int, float, str, Quantity)) and name != "visit_interval":
                lines.append(f"{name.replace('_', ' ')}: {one}")
    return lines


def _visits(plan: object) -> str:
    every = getattr(plan, "visit_interval", None)
    return f", at visits every {length(every)}" if isinstance(every, float) else ""


@schedule.register
def _(plan: Regimen) -> list[str]:
    if not plan.acts:
        return ["nothing is given"]
    groups: dict[tuple[object, ...], list[Act]] = {}
    for act in plan.written_out():
        rate = "" if act.rate is None else str(act.rate)
        key = (act.port, act.route, act.action, str(act.amount), act.duration, rate, act.modelled, act.steady)
        groups.setdefault(key, []).append(act)
    return [f"{_what(acts[0])}, {_when([act.time for act in acts])}" for acts in groups.values()]


def _what(act: Act) -> str:
    route = f" ({act.route})" if act.route else ""
    if act.action == "expose":
        held = "until further notice" if act.duration == math.inf else f"for {length(act.duration)}"
        return f"{act.port}{route} held at {act.amount} {held}".replace("  ", " ")
    if act.port in REMOVALS:
        return f"{act.port} of {100 * act.amount.internal:g} %"
    given = f"{act.amount} of {act.port}{route}"
    if act.action == "act":
        return given
    if act.duration:
        given += f" over {length(act.duration)}"
    if act.rate is not None:
        given += f" at {act.rate}"
    if act.modelled:
        given += f" at a {act.modelled} that the model gives"
    return given + (", in steady state" if act.steady else "")


def _when(times: Sequence[float]) -> str:
    """Times of one thing: regular, in regular cycles of a few, or listed."""
    start = "" if times[0] <= _CLOSE else f" from {_at(times[0])}"
    if len(times) == 1:
        return "once" + (f" at {_at(times[0])}" if start else "")
    gaps = [after - before for before, after in pairwise(times)]
    if max(gaps) - min(gaps) < _CLOSE:
        return f"every {length(gaps[0])}, {len(times)} times{start}"
    for size in range(2, len(times) // 2 + 1):
        cycles = [times[k : k + size] for k in range(0, len(times), size)]
        inner, outer = gaps[: size - 1], cycles[1][0] - cycles[0][0]
        same = all(
            len(cycle) == size
            and all(abs(t - first - k * outer) < _CLOSE for t, first in zip(cycle, times, strict=False))
            for k, cycle in enumerate(cycles)
        )
        if same:
            within = (
                f"{size} times every {length(inner[0])}"
                if max(inner) - min(inner) < _CLOSE
                else f"at {_listed(cycles[0])} of each cycle"
            )
            return f"{within}, in {len(cycles)} cycles of {length(outer)}{start}"
    return f"{len(times)} times, at {_listed(times)}"


def _at(hours: float) -> str:
    return f"day {hours / 24:g}" if hours >= 24 or hours == 0 else f"hour {hours:g}"


def _listed(times: Sequence[float]) -> str:
    days = max(times) >= 24
    numbers = [f"{time / 24:.4g}" if days else f"{time:g}" for time in times]
    if len(numbers) > 2 * _NAMED:
        numbers = [*numbers[:_NAMED], "...", numbers[-1]]
    return f"{'days' if days else 'hours'} {', '.join(numbers)}"


@schedule.register
def _(plan: OnProgression) -> list[str]:
    rule = f"the next one starts when the burden is above {plan.growth:g} x {_reference(plan.reference)}"
    lines = [f"one regimen after another{_visits(plan)}; {rule}"]
    for number, regimen in enumerate(plan.regimens, 1):
        lines += [f"line {number}: {line}" for line in schedule(regimen)]
    return lines


def _reference(kind: str) -> str:
    return "its value when the line began" if kind == "baseline" else "its lowest value since the line began"


@schedule.register
def _(plan: Adaptive) -> list[str]:
    low, high = f"{100 * plan.stop_below:g} %", f"{100 * plan.restart_above:g} %"
    return [
        f"adaptive{_visits(plan)}: pause when the burden is below {low} of the start, go on above {high}",
        *schedule(plan.regimen),
    ]


@schedule.register
def _(plan: RangeBounded) -> list[str]:
    return [
        f"kept in a range{_visits(plan)}: pause below {plan.lower}, go on above {plan.upper}".replace("  ", " "),
        *schedule(plan.regimen),
    ]


@schedule.register
def _(plan: Modulated) -> list[str]:
    rule = (
        f"dose-modulating{_visits(plan)}: doses change by {100 * plan.step:g} % when the burden has changed by more "
        f"than {100 * plan.tolerance:g} %, between {plan.least:g} and {plan.most:g} times the dose; pause below "
        f"{100 * plan.stop_below:g} % of the start"
    )
    return [rule, *schedule(plan.regimen)]


@schedule.register
def _(plan: Rechallenge) -> list[str]:
    rule = (
        f"given again up to {plan.times} times after a holiday of {length(plan.holiday)}{_visits(plan)}; a holiday "
        f"begins when the burden is above {plan.growth:g} x {_reference(plan.reference)}"
    )
    return [rule, *schedule(plan.regimen)] + (
        [f"in the holiday: {line}" for line in schedule(plan.bridge)] if plan.bridge.acts else []
    )


@schedule.register
def _(plan: Limited) -> list[str]:
    lines = [f"within limits{_visits(plan)}: {one} - {one.then}" for one in plan.limits]
    levels = ", ".join(f"{level:g}" for level in plan.levels)
    return [*lines, f"dose levels: {levels}", *schedule(plan.regimen)]


@schedule.register
def _(plan: Rule) -> list[str]:
    name = getattr(plan.function, "__name__", type(plan.function).__name__)
    return [f"a rule of one's own, {name}(){_visits(plan)}"]


@schedule.register
def _(plan: LookAhead) -> list[str]:
    rule = f"decided{_visits(plan)}, where {', '.join(plan.needs)} of the patient tells of parameters and clones"
    return [f"{rule}: {_favoured(plan.planner.ahead)}", *_menu(plan.names, plan.regimens)]


@schedule.register
def _(plan: Informed) -> list[str]:
    rule = f"decided{_visits(plan)}, with perfect knowledge of the patient"
    return [f"{rule}: {_favoured(plan.planner.ahead)}", *_menu(plan.names, plan.regimens)]


@schedule.register
def _(plan: CurrentPractice) -> list[str]:
    relapse = f"{plan.growth:g} x the lowest burden"
    rule = f"one regimen after another{_visits(plan)}; the next one starts at relapse, {relapse}"
    return [rule, *_menu(plan.names, plan.regimens)]


def _favoured(ahead: int) -> str:
    return f"what the simulated future favours, {ahead} decision{'s' if ahead > 1 else ''} ahead"


def _menu(names: Sequence[str], regimens: Sequence[Regimen]) -> list[str]:
    return [f"{name}: {line}" for name, regimen in zip(names, regimens, strict=True) for line in schedule(regimen)]
