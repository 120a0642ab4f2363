"""From a model and a plan to a Run: rows, events, endpoints, failures, pictures of the text."""

from __future__ import annotations

import math

import numpy as np
import pytest

import pkpd_mdr as mdr
from pkpd_mdr.engine import compile_model
from pkpd_mdr.run import courses
from pkpd_mdr.run.given import total_given

RATE = 0.1 / 24


@pytest.fixture
def model():
    return mdr.Model(
        mdr.medium("D", unit="nM"),
        mdr.clone("S", growth=mdr.growth.exponential(rate="0.1 1/day"), start=1e6),
        mdr.clone("R", growth=mdr.growth.exponential(rate="0.05 1/day"), start=1e3, resistant=True),
        mdr.kill("D", on="S", slope="0.01 1/day/nM"),
        mdr.resection(),
    )


@pytest.fixture
def oral():
    return mdr.Model(
        mdr.pk.one_compartment("dox", CL="10 L/h", V="50 L"),
        mdr.clone("S", growth=mdr.growth.exponential(rate="0.1 1/day"), start=1e6),
        mdr.kill("dox", on="S", slope="0.05 1/h/(mg/L)"),
    )


def test_untreated_growth(model):
    run = model.simulate(until="10 day", times="2 day")
    assert list(run.frame.index) == pytest.approx([0, 2, 4, 6, 8, 10])
    assert run.frame["S"].to_numpy() == pytest.approx(1e6 * np.exp(0.1 * run.frame.index), rel=1e-6)
    total = 1e6 * np.exp(0.1 * 10) + 1e3 * np.exp(0.05 * 10)
    assert run.frame["burden"].iloc[-1] == pytest.approx(total, rel=1e-6)
    assert run.frame.attrs["units"]["S"] == "cell"
    assert run.frame.index.name == "time [day]"


def test_an_empty_tumour_is_pointed_out(model):
    assert "no cells at the start: give start=" in str(model.simulate(until="1 day", start={"S": 0, "R": 0}))
    assert "no cells" not in str(model.simulate(until="1 day"))


def test_less_than_one_cell_is_pointed_out(oral):
    """Kill of 6 logarithms and more: what grows back is a mean, and no cell may be left."""
    doses = mdr.bolus("dox", "400 mg").every("1 day", times=10)
    run = oral.simulate(doses, until="60 day")
    assert "the burden falls below one cell" in run.notes[0]
    assert run.notes[0] in str(run)
    below = float(run.notes[0].split("(")[1].split()[0])
    burden = run.frame["burden"]
    assert burden[burden.index < below - 1e-3].min() >= 1.0 > burden[burden.index > below].iloc[0]
    assert not oral.simulate(until="60 day").notes


@pytest.mark.parametrize("times", [(np.array([0, 6, 12]), "h"), ([0, 0.25, 0.5], "day"), ["0 h", (6, "h"), "0.5 day"]])
def test_times_as_an_array_with_a_unit(model, times):
    assert list(model.simulate(until="1 day", times=times).frame.index) == pytest.approx([0, 0.25, 0.5])
    assert list(model.simulate_many(until="1 day", times=times).times) == pytest.approx([0, 0.25, 0.5])


@pytest.mark.parametrize("days", [3, 12, 40, 63])
def test_the_last_row_is_not_lost_to_rounding(model, days):
    """Seven steps of a length that floats cannot hold, of which hours make another number than the end in hours."""
    step = days / 7.5
    for times in ((step, "day"), (step * np.arange(8), "day"), (24 * step * np.arange(8), "h")):
        assert len(model.simulate(until=(7 * step, "day"), times=times).frame) == 8
        assert len(model.simulate_many(until=(7 * step, "day"), times=times).times) == 8


def test_endpoints_do_not_depend_on_the_rows_asked_for(model):
    """Sparse rows must not make an endpoint coarse, nor end it early."""
    plan = mdr.exposure("D", "40 nM", over="7 day").every("20 day", times=3)
    sparse = model.simulate(plan, until="90 day", times="40 day")
    dense = model.simulate(plan, until="90 day", times="3 h")
    assert len(sparse.frame) == 3
    for name, value in dense.endpoints().items():
        assert sparse.endpoint(name) == pytest.approx(value, rel=1e-5, abs=1e-12), name


def test_endpoints_resolve_short_infusions(oral):
    """A one-hour infusion every three weeks, between rows that are four days apart."""
    plan = mdr.infusion("dox", "60 mg", over="1 h").every("21 day", times=6)
    coarse = oral.simulate(plan, until="3 year")
    fine = oral.simulate(plan, until="3 year", times="4 h")
    for name in ("nadir", "time_to_progression", "auc_burden", "best_response"):
        assert coarse.endpoint(name) == pytest.approx(fine.endpoint(name), rel=2e-4), name
    assert coarse.endpoint("exposure_dox") == pytest.approx(6 * 60 / 10, rel=1e-7)


def test_exposure_of_a_drug_in_medium(model):
    run = model.simulate(mdr.exposure("D", "40 nM", over="7 day"), until="10 day")
    assert run.endpoint("exposure_D") == pytest.approx(40 * 7 * 24)


def test_rows_stand_twice_at_surgery_and_the_frame_shows_the_value_before(model):
    run = model.simulate(mdr.surgery(0.9, at="4 day"), until="10 day", times="2 day")
    rows = np.flatnonzero(run.course.times == 96.0)
    assert len(rows) == 2
    before, after = run.course.output("S")[rows]
    assert after == pytest.approx(0.1 * before)
    assert run.frame["S"].loc[4.0] == pytest.approx(before)
    assert run.endpoint("nadir") == pytest.approx(after + 0.1 * 1e3 * math.exp(0.2), rel=1e-7)
    assert run.endpoint("nadir_time") == pytest.approx(4.0)
    assert "0.9 of surgery" in run.events["what"].tolist()


def test_what_falls_due_at_the_end_is_neither_given_nor_told() -> None:
    model = mdr.Model(mdr.pk.one_compartment("dox", CL="1 L/h", V="10 L"), quiet=True)
    run = model.simulate(mdr.bolus("dox", "10 mg").every("1 day", times=9), until="3 day", times="1 day")
    assert run.events["time [day]"].tolist() == [0.0, 1.0, 2.0]
    assert run.endpoint("total_dox") == 30.0
    assert "3 acts" in str(run)


def test_parameters_and_start_of_a_run(model):
    run = model.simulate(until="1 day", start={"S": 5e5, "R": "2000 cell"}, parameters={"growth_S": "0.2 1/day"})
    assert run.frame["S"].iloc[0] == 5e5
    assert run.frame["S"].iloc[-1] == pytest.approx(5e5 * math.exp(0.2), rel=1e-6)
    assert model.parameters["growth_S"].value == 0.1


def test_printing_says_what_is_not_reached(model):
    text = str(model.simulate(mdr.exposure("D", "40 nM"), until="10 day"))
    assert "not reached in 10 day" in text
    assert "resistant_share" in text


@pytest.mark.parametrize(
    ("call", "error", "words"),
    [
        (lambda m: m.simulate(until=10), mdr.UnitError, "until: .* has no unit"),
        (lambda m: m.simulate(until="0 day"), mdr.SimulationError, "not after the start"),
        (lambda m: m.simulate("weekly", until="1 day"), mdr.SimulationError, "is not a regimen"),
        (lambda m: m.simulate(until="1 day", start={"SS": 1}), mdr.SimulationError, "did you mean 'S'"),
        (lambda m: m.simulate(until="1 day", start={"S": -1}), mdr.SimulationError, "is negative"),
        (lambda m: m.simulate(until="1 day", parameters={"growthS": 1}), mdr.ModelError, "did you mean 'growth_S'"),
        (lambda m: m.simulate(until="1 day", times="-1 h"), mdr.SimulationError, "is not a spacing"),
        (lambda m: m.simulate(until="1 day", times=["2 day"]), mdr.SimulationError, "lies outside the run"),
        (lambda m: m.simulate(mdr.bolus("E", "1 mg"), until="1 day"), mdr.RegimenError, "no drug or modality 'E'"),
        (lambda m: m.simulate(mdr.radiation("2 Gy"), until="1 day"), mdr.RegimenError, r"add radiotherapy\(...\) to"),
        (
            lambda m: m.simulate(mdr.adaptive(mdr.exposure("D", "1 nM"), visit="1 day"), until="2 day", measure="psa"),
            mdr.SimulationError,
            "name an output with measure=",
        ),
        (lambda m: m.simulate(until="1 day").endpoint("exposure_dox"), mdr.SimulationError, "has no drug 'dox'"),
        (lambda m: m.simulate(until="1 day").endpoint("anc_nadir"), mdr.SimulationError, "no output 'anc'"),
    ],
)
def test_refusals(model, call, error, words):
    with pytest.raises(error, match=words):
        call(model)


def test_a_broken_run_keeps_what_was_computed():
    oscillator = mdr.Model(
        mdr.state("x", start=1.0), mdr.state("y"), mdr.parameter("w", "20 1/h"),
        mdr.process("one", "w*y*(1 + 0.01*x**2)", {"x": 1}), mdr.process("two", "w*x", {"y": -1}),
    )  # fmt: skip
    with pytest.raises(mdr.SimulationError, match=r"the run stopped at .* the budget of 3000 evaluations") as caught:
        oscillator.simulate(until="200 h", times="0.1 h", accuracy=mdr.Accuracy(budget=3000))
    partial = caught.value.partial
    assert partial.frame.index[-1] > 1.0
    assert np.isfinite(partial.frame.to_numpy()).all()
    assert partial.status.ok is False


# -- strategies ------------------------------------------------------------------------------------------


def test_adaptive_toggles_at_the_visits_that_see_the_thresholds(model):
    """Exponential growth and kill: the decisions can be computed by hand."""
    run = model.simulate(
        mdr.adaptive(mdr.exposure("D", "35 nM"), visit="1 day"), until="20 day", start={"R": 0}, times="1 day"
    )
    # on: net -0.25 per day, below 0.5 after 2.8 days, seen at day 3; off: +0.1, above 1.0 at 10.5, seen at day 11
    doses = run.events["what"].str.contains("nM")
    assert run.events["time [day]"][doses].tolist() == [0.0, 11.0]  # visits that let it go on give nothing new
    assert str(run).startswith("Run of 20 day, 2 acts")
    notes = run.events[~doses]
    assert notes["what"].tolist() == ["treatment starts", "treatment pauses", "treatment restarts", "treatment pauses"]
    assert notes["time [day]"].tolist() == [0.0, 3.0, 11.0, 14.0]
    assert run.frame["S"].loc[3.0] == pytest.approx(1e6 * math.exp(-0.75), rel=1e-6)
    assert run.frame["S"].loc[11.0] == pytest.approx(1e6 * math.exp(-0.75 + 0.8), rel=1e-6)
    assert run.frame["C_D"].loc[6.0] == 0.0
    assert total_given(run.course, "D").internal == pytest.approx(35e-3 * 6 * 24)


def test_on_progression_switches_when_progression_is_seen(oral):
    weak, strong = (mdr.bolus("dox", f"{dose} mg").every("7 day", times=8) for dose in (1, 300))
    run = oral.simulate(mdr.on_progression(weak, strong, visit="7 day"), until="28 day")
    switch = run.events[run.events["what"].str.startswith("progression")]
    assert switch["time [day]"].tolist() == [7.0]
    assert [act.amount.value for act in run.course.acts] == [1, 300, 300, 300]


def test_a_rule_of_the_user_is_asked_at_every_visit(oral):
    seen = []

    def answer(visit):
        seen.append(visit.time)
        return mdr.bolus("dox", "200 mg") if visit.burden > 1.1e6 else None

    run = oral.simulate(mdr.rule(answer, visit="2 day"), until="8 day")
    assert seen == [0.0, 48.0, 96.0, 144.0]
    assert [act.time for act in run.course.acts] == [48.0]


@pytest.mark.parametrize("visit", ["1 day", "12 h", "5 h"])
def test_visits_do_not_change_what_is_given(oral, visit):
    """A rule-free strategy equals its regimen: windows continue infusions, lags and exposures exactly."""
    plan = mdr.infusion("dox", "60 mg", over="7 h").every("30 h", times=4)
    plain = oral.simulate(plan, until="6 day", times="3 h")
    # never shrinks to 1e-9 of its start, so treatment is never paused
    watched = oral.simulate(
        mdr.adaptive(plan, visit=visit, stop_below=1e-9, restart_above=1.0), until="6 day", times="3 h"
    )
    for name in ("central_dox", "S"):
        assert watched.frame[name].to_numpy() == pytest.approx(plain.frame[name].to_numpy(), rel=1e-5, abs=1e-6)
    assert total_given(watched.course, "dox").value == pytest.approx(240)


def test_a_lagged_dose_acts_in_a_later_window():
    model = mdr.Model(
        mdr.pk.one_compartment("dox", CL="10 L/h", V="50 L", ka="1 1/h", lag="30 h"),
        mdr.clone("S", growth=mdr.growth.exponential(rate="0.1 1/day"), start=1e6),
    )
    plan = mdr.oral("dox", "60 mg")
    plain = model.simulate(plan, until="4 day", times="6 h")
    watched = model.simulate(mdr.adaptive(plan, visit="12 h", stop_below=1e-9), until="4 day", times="6 h")
    assert plain.frame["central_dox"].max() > 1
    assert watched.frame["central_dox"].to_numpy() == pytest.approx(
        plain.frame["central_dox"].to_numpy(), rel=1e-5, abs=1e-7
    )


# -- ensembles -------------------------------------------------------------------------------------------


def ensemble(model, growth, plan, until=240.0, **options):
    compiled = compile_model(model)
    own = np.array([part.internal for part in model.parameters.values()])
    rows = np.tile(own, (len(growth), 1))
    rows[:, list(model.parameters).index("growth_S")] = growth
    return courses(
        compiled,
        rows,
        None,
        plan,
        until=until,
        times=np.linspace(0, until, 11),
        outputs=["burden", "d/dt burden"],
        **options,
    )


@pytest.mark.parametrize("adaptive", [False, True])
def test_members_equal_single_runs(model, adaptive):
    plan = mdr.exposure("D", "30 nM", over="5 day")
    plan = mdr.adaptive(plan, visit="1 day") if adaptive else plan
    together = ensemble(model, [0.002, 0.004, 0.008], plan)
    for growth, course in zip([0.002, 0.004, 0.008], together, strict=True):
        alone = ensemble(model, [growth], plan)[0]
        assert np.array_equal(alone.times, course.times)
        assert np.array_equal(alone.values, course.values)


@pytest.mark.parametrize("adaptive", [False, True])
def test_one_broken_member_leaves_the_others_alone(model, adaptive):
    plan = mdr.exposure("D", "30 nM", over="5 day")
    plan = mdr.adaptive(plan, visit="1 day") if adaptive else plan
    good, broken, fine = ensemble(model, [0.004, math.nan, 0.008], plan)
    assert good.status.ok
    assert fine.status.ok
    assert not broken.status.ok
    assert "growth_S" in broken.status.sentence
    assert len(good.output("burden")[good.shown]) == 11


def test_total_given_is_cut_at_the_end(oral):
    plan = mdr.infusion("dox", "60 mg", over="4 h").every("24 h", times=3)
    run = oral.simulate(plan, until="26 h")
    assert total_given(run.course, "dox").value == pytest.approx(90)
    assert total_given(run.course, "pac") is None


def test_models_that_differ_in_declared_units_alone_keep_their_own():
    """They were equal, so that the second one's run and its table of draws were told in the units of the first."""
    law = mdr.growth.exponential
    daily, hourly = (
        mdr.Model(mdr.medium("x", unit="nM"), mdr.clone("S", growth=law(rate=rate), start=100))
        for rate in ("0.75 1/day", "0.03125 1/h")
    )
    assert daily.parameters["growth_S"].internal == hourly.parameters["growth_S"].internal
    assert daily != hourly
    units = [str(m.simulate(until="1 day").model.parameters["growth_S"].unit) for m in (daily, hourly)]
    assert units == ["1/day", "1/h"]
    arms = {"a": mdr.exposure("x", "1 nM", over="1 h"), "b": mdr.nothing()}
    for model, rates, unit in ((daily, [0.48, 0.24], "1/day"), (hourly, [0.02, 0.01], "1/h")):
        options = {"parameters": {"growth_S": rates}, "endpoints": ["final_burden", "exposure_x"]}
        found = mdr.compare(model, arms, until="1 day", **options)
        assert found.parameters["growth_S"].tolist() == pytest.approx(rates)
        assert found.parameters.attrs["units"] == {"growth_S": unit}
        assert found.array("final_burden")[0] == pytest.approx(100 * np.exp([0.48, 0.24]), rel=1e-6)
