"""Plans in words."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import pytest

import pkpd_mdr as mdr
from pkpd_mdr.regimen import Strategy
from pkpd_mdr.regimen.acts import length
from pkpd_mdr.report.schedules import schedule

DOX = mdr.infusion("dox", "75 mg", over="1 h")
DAILY = mdr.oral("tmz", "200 mg").every("1 day", times=5)


@pytest.mark.parametrize(
    ("plan", "words"),
    [
        (mdr.nothing(), ["nothing is given"]),
        (DOX, ["75 mg of dox over 1 h, once"]),
        (DOX.shift("2 day"), ["75 mg of dox over 1 h, once at day 2"]),
        (DOX.every("21 day", times=4), ["75 mg of dox over 1 h, every 21 days, 4 times"]),
        (DAILY.every("28 day", times=6), ["200 mg of tmz (oral), 5 times every 1 day, in 6 cycles of 28 days"]),
        (
            mdr.bolus("dox", "1 mg") & mdr.bolus("dox", "1 mg", at="1 day") & mdr.bolus("dox", "1 mg", at="5 day"),
            ["1 mg of dox (iv), 3 times, at days 0, 1, 5"],
        ),
        (mdr.exposure("dox", "20 nM", over="24 h"), ["dox held at 20 nM for 1 day, once"]),
        (mdr.apheresis(0.7).every("2 day", times=3), ["apheresis of 70 %, every 2 days, 3 times"]),
        (mdr.surgery(0.95, at="1 day"), ["surgery of 95 %, once at day 1"]),
        (mdr.exposure("dox", "20 nM"), ["dox held at 20 nM until further notice, once"]),
        (
            mdr.radiation("2 Gy").on_days([1, 2, 3, 4, 5]).every("7 day", times=6),
            ["2 Gy of radiation, 5 times every 1 day, in 6 cycles of 7 days"],
        ),
    ],
)
def test_regimens(plan, words):
    assert [line.replace(" (iv)", "") for line in schedule(plan)] == [line.replace(" (iv)", "") for line in words]


def test_a_cycle_with_uneven_days():
    plan = DOX.on_days([1, 2, 8]).every("28 day", times=3)
    assert schedule(plan) == ["75 mg of dox over 1 h, at days 0, 1, 7 of each cycle, in 3 cycles of 28 days"]


def test_strategies():
    course = DOX.every("21 day", times=4)
    lines = schedule(mdr.on_progression(course, DAILY, visit="28 day", growth=1.3, reference="nadir"))
    assert lines[0].endswith("the next one starts when the burden is above 1.3 x its lowest value since the line began")
    assert lines[2].startswith("line 2: 200 mg of tmz")
    assert (
        "pause below 1e+06 cell, go on above 1e+08 cell"
        in schedule(mdr.range_bounded(course, visit="7 day", lower="1e6 cell", upper="1e8 cell"))[0]
    )
    assert schedule(mdr.modulated(course, visit="7 day"))[0].startswith("dose-modulating, at visits every 7 days")
    assert "after a holiday of 84 days" in schedule(mdr.rechallenge(course, holiday="12 week", visit="28 day"))[0]
    within = mdr.limited(course, mdr.limit("anc", below="1e9 1/L", then="hold"), visit="7 day")
    assert schedule(within)[0] == "within limits, at visits every 7 days: anc below 1e+09 1/L - hold"

    def mine(visit):
        return None

    assert schedule(mdr.rule(mine, visit="7 day")) == ["a rule of one's own, mine(), at visits every 7 days"]


def test_strategies_of_ones_own():
    @dataclass(frozen=True)
    class Pulses(Strategy):
        regimen: mdr.Regimen
        gap: float
        visit_interval: float = 168.0
        planned: ClassVar[None] = None

        def begin(self):
            return None

        def decide(self, visit, memory):
            return (), memory, ""

    lines = schedule(Pulses(DOX, 2.0))
    assert lines[0] == "Pulses, a strategy of one's own, at visits every 7 days"
    assert lines[1:] == ["regimen: 75 mg of dox over 1 h, once", "gap: 2.0"]


@pytest.mark.parametrize(
    ("hours", "words"), [(0, "0 h"), (24, "1 day"), (36, "1.5 days"), (25, "25 h"), (0.25, "15 min")]
)
def test_lengths(hours, words):
    assert length(hours) == words


def test_strategies_that_look_ahead():
    model = mdr.Model(
        mdr.medium("dox", unit="nM"),
        mdr.clone("S", growth=mdr.growth.exponential(rate="0.1 1/day"), start=1e6),
        mdr.kill("dox", on="S", slope="0.01 1/day/nM"),
    )
    menu = {"drug": mdr.exposure("dox", "20 nM", over="7 day"), "rest": mdr.nothing()}
    belief = mdr.patients(model, 8, {"growth_S": mdr.distributions.lognormal("0.1 1/day", cv=0.3)}, seed=1)
    plan = mdr.look_ahead(model, menu, belief=belief, visit="14 day", measure=mdr.measured("burden", relative_sd=0.1))
    lines = schedule(plan)
    assert lines[0].startswith("decided, at visits every 14 days, where burden of the patient tells")
    assert lines[1:] == ["drug: dox held at 20 nM for 7 days, once", "rest: nothing is given"]
    assert repr(plan) == "look_ahead(drug | rest; learns from burden; 1 ahead)"
    known = schedule(mdr.informed(model, menu, visit="14 day"))
    assert known[0].startswith("decided, at visits every 14 days, with perfect knowledge of the patient")
    assert known[1:] == lines[1:]
