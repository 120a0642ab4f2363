"""Runs that end where an output crosses a level: the exact time, the event, and everything that reads the run."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import pkpd_mdr as mdr
from pkpd_mdr.run import time_to_threshold

RATE = 0.1  # 1/day


@pytest.fixture(scope="module")
def model():
    return mdr.Model(
        mdr.medium("D", unit="nM"),
        mdr.clone("S", growth=mdr.growth.exponential(rate=f"{RATE} 1/day"), start=1e9),
        mdr.kill("D", on="S", slope="0.01 1/day/nM"),
        mdr.resection("S"),
    )


def test_a_run_ends_at_the_time_of_its_closed_form(model):
    run = model.simulate(until="100 day", times="10 day", stop={"burden": "1e12 cell"})
    end = math.log(1e3) / RATE
    assert run.course.until / 24 == pytest.approx(end, rel=1e-6)
    assert list(run.frame.index) == pytest.approx([0, 10, 20, 30, 40, 50, 60, end], rel=1e-6)
    assert run.frame["burden"].iloc[-1] == pytest.approx(1e12, rel=1e-6)
    assert run.events["what"].tolist() == ["burden reaches 1e+12 cell"]
    assert run.endpoint("time_to_stop") == pytest.approx(end, rel=1e-6)
    assert run.endpoint("auc_burden") == pytest.approx((1e12 - 1e9) / RATE, rel=1e-5)
    assert run.endpoint("burden_peak") == pytest.approx(1e12, rel=1e-6)
    assert run.plot().get_xlim()[1] == pytest.approx(end, rel=1e-6)


@settings(max_examples=15, deadline=None)
@given(st.floats(0, 60), st.floats(1, 15), st.floats(1.001, 50))
def test_a_run_ends_where_the_free_run_passes_the_level(model, dose, days, fold):
    plan = mdr.exposure("D", f"{dose + 1} nM", over=f"{days} day").every("20 day", times=3)
    free = model.simulate(plan, until="90 day")
    held = model.simulate(plan, until="90 day", stop={"burden": (fold * 1e9, "cell")})
    reached = free.endpoint(time_to_threshold(fold * 1e9))
    assert held.endpoint("time_to_stop") == pytest.approx(reached, rel=1e-4)
    assert held.endpoint("nadir") >= free.endpoint("nadir") * (1 - 1e-5)


def test_the_start_as_a_level_is_the_return_to_it(model):
    run = model.simulate(mdr.exposure("D", "40 nM", over="5 day"), until="90 day", stop={"burden": "1e9 cell"})
    assert run.course.until / 24 == pytest.approx(5 + 0.3 * 5 / RATE, rel=1e-6)


def test_a_level_that_is_not_reached_changes_nothing(model):
    plan = mdr.exposure("D", "40 nM", over="7 day").every("20 day", times=3)
    free = model.simulate(plan, until="60 day")
    held = model.simulate(plan, until="60 day", stop={"burden": "1e15 cell"})
    np.testing.assert_array_equal(held.frame.index, free.frame.index)
    np.testing.assert_allclose(held.frame["S"], free.frame["S"], rtol=2e-6)
    assert held.events.equals(free.events)
    assert held.endpoint("time_to_stop") == math.inf


def test_the_first_of_several_levels_ends_a_run_from_either_side(model):
    plan = mdr.exposure("D", "40 nM")
    levels = {"S": "1e10 cell", "burden": "1e6 cell"}
    grown = model.simulate(until="100 day", stop=levels)
    shrunk = model.simulate(plan, until="100 day", stop=levels)
    assert grown.events["what"].iloc[-1] == "S reaches 1e+10 cell"
    assert shrunk.events["what"].iloc[-1] == "burden reaches 1e+06 cell"
    assert grown.course.until / 24 == pytest.approx(math.log(10) / RATE, rel=1e-6)
    assert shrunk.course.until / 24 == pytest.approx(math.log(1e3) / 0.3, rel=1e-6)


@pytest.mark.parametrize("day", [0, 30])
def test_an_act_may_cross_the_level(model, day):
    run = model.simulate(mdr.surgery(0.999).shift(f"{day} day"), until="90 day", stop={"burden": "1e8 cell"})
    assert run.course.until == 24 * day
    assert run.events["what"].tolist() == ["0.999 of surgery", "burden reaches 1e+08 cell"]
    assert run.frame["burden"].iloc[-1] == pytest.approx(1e6 * math.exp(RATE * day), rel=1e-6)


def test_a_strategy_decides_nothing_behind_the_end(model):
    asked = []

    def look(visit):
        asked.append(visit.time / 24)
        return mdr.exposure("D", "40 nM", over="1 day")

    run = model.simulate(mdr.rule(look, visit="7 day"), until="100 day", stop={"burden": "3e9 cell"})
    # a week at 0.1/day with one day at -0.4/day less: 0.3 a week
    full, rest = divmod(math.log(3), 0.3)
    end = 7 * full + 1 + (rest + 0.3) / RATE
    assert run.course.until / 24 == pytest.approx(end, rel=1e-6)
    assert asked == [7.0 * k for k in range(int(full) + 1)]
    assert all(act.time <= run.course.until for act in run.course.acts)


def test_members_end_each_at_its_own_time(model):
    rates = [0.02, 0.1, 0.2]
    many = model.simulate_many(
        {"none": mdr.nothing(), "rule": mdr.rule(lambda visit: None, visit="7 day")},
        parameters={"growth_S [1/day]": rates},
        until="50 day",
        times="5 day",
        endpoints=["time_to_stop", "nadir"],
        stop={"burden": "1e10 cell"},
    )
    times = [math.inf, math.log(10) / 0.1, math.log(10) / 0.2]
    assert many.endpoints["time_to_stop"].tolist() == pytest.approx(2 * times, rel=1e-6)
    assert many.reached.tolist() == 2 * [11, 5, 3]
    assert not many.failed.shape[0]


@pytest.mark.parametrize(
    ("stop", "kind", "sentence"),
    [
        ({"burdn": "1e12 cell"}, mdr.SimulationError, r"stop: .*no output 'burdn'; did you mean 'burden'"),
        ({"burden": "3 mg"}, mdr.UnitError, r"stop at 'burden'.*'3 mg'.*shows 'burden' in 'cell'"),
        ({"burden": math.inf}, mdr.PkpdMdrError, r"stop.*'burden'"),
        ({"burden": None}, mdr.UnitError, r"stop at 'burden'"),
        ("burden", mdr.SimulationError, r"stop is 'burden', not a dict"),
    ],
)
def test_refusals(model, stop, kind, sentence):
    with pytest.raises(kind, match=sentence):
        model.simulate(until="10 day", stop=stop)
    with pytest.raises(kind, match=sentence):
        model.simulate_many(until="10 day", stop=stop)


def test_a_stochastic_path_ends_at_a_row(model):
    """Large populations flow: the level is reached where the closed form says, seen at the next of 240 rows."""
    run = model.simulate(until="100 day", stop={"burden": "1e12 cell"}, stochastic=mdr.Stochastic(seed=1))
    end = math.log(1e3) / RATE
    assert end <= run.course.until / 24 <= end + 100 / 240 + 1e-9
    assert run.frame["burden"].iloc[-1] >= 1e12 > run.frame["burden"].iloc[-2]
    assert run.events["what"].tolist() == ["burden reaches 1e+12 cell"]
    assert run.endpoint("time_to_stop") == run.course.until / 24


def test_what_ends_a_run_counts_in_what_was_given() -> None:
    """What crosses the level is listed, and is in the total, too; so is one of several doses in one act."""
    growth = mdr.growth.exponential(rate="0.03 1/day")
    model = mdr.Model(
        mdr.pk.one_compartment("dox", CL="0.1 L/h", V="10 L"),
        mdr.clone("S", growth=growth, start="5e10 cell"),
        mdr.radiotherapy({"S": ("0.3 1/Gy", "0.03 1/Gy^2")}),
        mdr.resection(),
        quiet=True,
    )
    run = model.simulate(mdr.radiation("2 Gy").every("1 day", times=60), until="100 day", stop={"S": "1e6 cell"})
    fractions = int(run.events["what"].str.contains("radiation").sum())
    assert (fractions, run.endpoint("total_radiation")) == (16, 2.0 * fractions)
    for at in ("0 day", "3 day"):
        run = model.simulate(mdr.surgery(0.999, at=at), until="100 day", stop={"S": "1e9 cell"})
        assert run.endpoint("total_surgery") == 1.0
    bolus = mdr.bolus("dox", "10 mg").every("1 day", times=9)
    run = model.simulate(bolus, until="100 day", stop={"C_dox": "2.5 mg/L"})
    assert run.endpoint("total_dox") == 10.0 * (len(run.events) - 1)
    written = mdr.Regimen((replace(bolus.acts[0], interval=24.0, additional=8),))
    added = model.simulate(written, until="100 day", stop={"C_dox": "2.5 mg/L"})
    assert added.endpoint("total_dox") == run.endpoint("total_dox")
    late = model.simulate(mdr.infusion("dox", "10 mg", over="1 h", at="1 h"), until="1 day", stop={"C_dox": "0.1 mg/L"})
    assert late.endpoint("total_dox") == pytest.approx(10 * (late.course.until - 1))
