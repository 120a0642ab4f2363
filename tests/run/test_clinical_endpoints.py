"""Endpoints of the clinic, of a hazard and of treatment, against closed forms."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import kstest

import pkpd_mdr as mdr
from pkpd_mdr.engine import Status
from pkpd_mdr.run import (
    Course,
    best_change,
    cost,
    endpoint,
    extinct,
    happens,
    log_kill,
    nadir_of,
    objective_response,
    overall_survival,
    peak_of,
    progression_free_survival,
    psa_progression,
    survival_probability,
    time_above,
    time_below,
    time_to_extinction,
    time_to_progression,
    total_dose,
)

DAY = 24.0


def course_of(function, slope, end, count=241, name="burden"):
    times = np.linspace(0.0, end, count)
    table = np.stack([function(times), slope(times)], axis=-1)
    return Course(times, np.ones(count, bool), (name, f"d/dt {name}"), table, (), (), float(end), Status())


def valley(low, end=200.0, start=100.0, name="burden"):
    """A parabola from `start` down to `low` in the middle and back to `start`."""
    half = end / 2
    bend = (start - low) / half**2
    return course_of(lambda t: low + bend * (t - half) ** 2, lambda t: 2 * bend * (t - half), end, name=name)


def exponential(rate, end, start=1e9):
    return course_of(lambda t: start * np.exp(rate * t), lambda t: start * rate * np.exp(rate * t), end)


# -- progression -----------------------------------------------------------------------------------------


@given(low=st.floats(5.0, 60.0), more=st.floats(0.0, 30.0))
def test_both_the_factor_and_the_rise_have_to_be_passed(low, more):
    limit = max(1.2 * low, low + more)
    expected = 100.0 + 100.0 * math.sqrt((limit - low) / (100.0 - low))
    found = time_to_progression("nadir", at_least=(more, "")).evaluate(valley(low))
    assert found == pytest.approx(expected, rel=1e-9) if expected < 200 else found == math.inf


def test_progression_that_has_to_be_seen_twice():
    """Above the limit at the visits 5 to 7 only: seen twice, and not long enough for a third visit."""
    bump = course_of(
        lambda t: 10 + 5 * np.exp(-((t - 60) ** 2) / 200),
        lambda t: -5 * (t - 60) / 100 * np.exp(-((t - 60) ** 2) / 200),
        100.0,
    )
    rule = {"visit": "10 h"}
    assert time_to_progression(**rule).evaluate(bump) == 50.0
    assert time_to_progression(**rule, confirm="10 h").evaluate(bump) == 50.0
    assert time_to_progression(**rule, confirm="20 h").evaluate(bump) == 50.0
    assert time_to_progression(**rule, confirm="25 h").evaluate(bump) == math.inf


def test_psa_progression():
    week = 7 * DAY
    end = 60 * week
    psa = valley(4.0, end, 40.0, name="psa")
    seen = 4 * week * np.arange(1, 16)
    values = 4 + 36 * (seen / (end / 2) - 1) ** 2
    nadir = np.minimum.accumulate(values)
    first = next(t for t, v, n in zip(seen, values, nadir, strict=True) if v > max(1.25 * n, n + 2.0))
    assert psa_progression(at_least=2.0).evaluate(psa) == pytest.approx(first)
    assert psa_progression(at_least=2.0, confirm="52 week").evaluate(psa) == math.inf
    # a flare in the first weeks does not count
    flare = course_of(
        lambda t: 10 * np.exp(-t / week) * (t / week) + 4,
        lambda t: 10 * np.exp(-t / week) * (1 - t / week) / week,
        end,
        name="psa",
    )
    assert psa_progression(at_least=1.0, visit="1 week", confirm="1 week", after="0 h").evaluate(
        flare
    ) == pytest.approx(week)
    assert psa_progression(at_least=1.0, visit="1 week", confirm="1 week").evaluate(flare) == math.inf


def test_progression_free_survival_ends_with_either():
    growing = exponential(0.01, 100.0)
    expected = math.log(1.2) / 0.01
    assert progression_free_survival().evaluate(growing) == pytest.approx(expected)
    shrinking = exponential(-0.01, 100.0)
    assert progression_free_survival().evaluate(shrinking) == math.inf
    assert progression_free_survival().evaluate(replace(shrinking, stopped=True)) == 100.0
    soon = overall_survival(baseline="1 1/h", reference=(1.0, ""))
    assert progression_free_survival(death=soon).evaluate(shrinking) < 1e-6
    assert set(progression_free_survival(death=overall_survival("risk")).needs) == {
        "burden", "d/dt burden", "risk", "d/dt risk",
    }  # fmt: skip


# -- response --------------------------------------------------------------------------------------------


def test_response():
    course = valley(30.0)
    assert best_change().evaluate(course) == pytest.approx(-0.7)
    assert best_change(visit="40 h").evaluate(course) == pytest.approx((30 + 70 * 0.2**2) / 100 - 1)
    assert objective_response().evaluate(course) == 1.0
    assert objective_response(0.71).evaluate(course) == 0.0
    assert log_kill().evaluate(course) == pytest.approx(math.log10(100 / 30))
    growing = exponential(0.01, 100.0)
    assert best_change().evaluate(growing) == 0.0
    assert best_change(visit="50 h").evaluate(growing) == pytest.approx(math.exp(0.5) - 1)
    assert log_kill().evaluate(growing) == 0.0


def test_decades_end_at_one_cell():
    assert log_kill().evaluate(exponential(-1.0, 100.0)) == pytest.approx(9.0)


@given(rate=st.floats(0.1, 1.0))
def test_extinction(rate):
    course = exponential(-rate, 100.0, start=1e4)
    expected = math.log(1e4) / rate
    assert extinct().evaluate(course) == float(expected < 100)
    found = time_to_extinction().evaluate(course)
    assert found == pytest.approx(expected, rel=2e-3) if expected < 100 else found == math.inf


def test_whether_a_time_is_reached():
    course = exponential(0.01, 100.0)
    reached = math.log(1.2) / 0.01
    assert happens(time_to_progression()).evaluate(course) == 1.0
    assert happens(time_to_progression(), by=(reached + 1, "h")).evaluate(course) == 1.0
    assert happens(time_to_progression(), by=(reached - 1, "h")).evaluate(course) == 0.0
    assert happens(time_to_progression()).better == "low"
    assert happens(time_to_extinction()).better == "high"
    assert happens(time_to_progression()).evaluate(exponential(-0.01, 100.0)) == 0.0


def test_a_run_that_is_too_short_does_not_say_that_nothing_happens():
    late = happens(time_to_progression(), by="1 year")
    with pytest.raises(mdr.SimulationError, match="runs of 100 h do not tell whether time_to_progression is reached"):
        late.evaluate(exponential(-0.01, 100.0))
    assert late.evaluate(replace(exponential(-0.01, 100.0), stopped=True)) == 0.0
    assert happens(time_to_progression(), by="100 h").evaluate(exponential(-0.01, 100.0)) == 0.0


def test_above_and_below_make_the_whole():
    course = valley(30.0)
    below = time_below((47.5, ""), of="burden").evaluate(course)
    assert below == pytest.approx(2 * 100 * 0.5)
    assert time_above((47.5, ""), of="burden").evaluate(course) == pytest.approx(200 - below)


def test_a_peak_between_rows():
    hump = course_of(lambda t: t * (7.3 - t), lambda t: 7.3 - 2 * t, 7.0, count=8)
    assert peak_of("burden").evaluate(hump) == pytest.approx(3.65**2)


# -- hazards ---------------------------------------------------------------------------------------------


@given(number=st.integers(0, 10_000), seed=st.integers(0, 3))
def test_death_where_the_cumulative_hazard_is_reached(number, seed):
    """h = h0 * N/N0 with N = N0 exp(r t): H = h0/r (exp(r t) - 1), so T = log(1 + r E/h0)/r."""
    growing = replace(exponential(0.02, 300.0), number=number)
    constant = overall_survival(baseline="0.01 1/h", reference=(1e9, ""), power=0, seed=seed)
    level = 0.01 * constant.evaluate(growing)
    item = overall_survival(baseline="0.01 1/h", reference=(1e9, ""), seed=seed)
    if math.isinf(level):
        level = 1e9
    expected = math.log1p(0.02 * level / 0.01) / 0.02
    found = item.evaluate(growing)
    if level < 3.0:
        assert found == pytest.approx(expected, rel=1e-6)
    else:
        assert found > math.log1p(0.02 * 3.0 / 0.01) / 0.02 - 1e-6


def test_deaths_are_exponential_and_the_probability_agrees():
    flat = course_of(lambda t: np.full_like(t, 1e9), np.zeros_like, 1e4, count=3)
    item = overall_survival(baseline="0.01 1/h", reference=(1e9, ""))
    times = np.array([item.evaluate(replace(flat, number=k)) for k in range(1500)])
    assert kstest(times, "expon", args=(0, 100)).pvalue > 0.01
    assert len(np.unique(times)) == 1500
    shorter = course_of(lambda t: np.full_like(t, 1e9), np.zeros_like, 70.0, count=3)
    assert survival_probability(baseline="0.01 1/h", reference=(1e9, "")).evaluate(shorter) == pytest.approx(
        math.exp(-0.7)
    )


def test_a_hazard_of_the_model_and_arms_that_share_their_luck():
    model = mdr.Model(
        mdr.medium("A", unit="nM"),
        mdr.clone("S", growth=mdr.growth.exponential(rate="0.1 1/day"), start=1e6),
        mdr.kill("A", on="S", slope="0.01 1/day/nM"),
        mdr.parameter("h0", "0.02 1/day"),
        mdr.observable("risk", "h0*burden/1e6", unit="1/day"),
    )
    arms = {
        "none": mdr.nothing(),
        "weak": mdr.exposure("A", "5 nM", over="40 day"),
        "as weak": mdr.exposure("A", "5 nM", over="40 day"),
    }
    draws = [{"growth_S": 0.1}] * 30
    items = [
        overall_survival("risk"),
        overall_survival(baseline="0.02 1/day", reference="1e6 cell", name="same"),
        survival_probability("risk"),
    ]
    found = mdr.compare(model, arms, parameters=draws, until="40 day", endpoints=items)
    assert found.array("overall_survival") == pytest.approx(found.array("same"), rel=1e-6)
    none, weak, twin = found.bounded("overall_survival")
    assert (weak >= none).all()
    assert np.array_equal(weak, twin)
    assert len(np.unique(none)) > 25
    alive = found.array("survival_probability")[0, 0]
    assert alive == pytest.approx(math.exp(-0.02 / 0.1 * (math.exp(4) - 1)), rel=1e-4)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({}, "needs a name of an output"),
        ({"hazard": "risk", "baseline": "1 1/day"}, "leave one out"),
        ({"baseline": "1 1/day", "reference": 0.0}, "make no hazard"),
        ({"baseline": "-1 1/day", "reference": 1.0}, "make no hazard"),
    ],
)
def test_refusals_of_hazards(options, words):
    with pytest.raises(mdr.SimulationError, match=words):
        overall_survival(**options)


# -- treatment -------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def run():
    model = mdr.Model(
        mdr.pk.one_compartment("dox", CL="10 L/h", V="50 L"),
        mdr.medium("A", unit="nM"),
        mdr.clone("S", growth=mdr.growth.exponential(rate="0.1 1/day"), start=1e6),
        mdr.kill("dox", on="S", slope="0.05 1/h/(mg/L)"),
        mdr.kill("A", on="S", slope="0.01 1/day/nM"),
    )
    plan = mdr.bolus("dox", "50 mg").every("7 day", times=3) & mdr.exposure("A", "20 nM", over="2 day")
    return model.simulate(plan, until="10 day")


def test_doses_in_another_kind_of_unit_are_refused_before_anything_runs(monkeypatch):
    """Gray are told as such; what cannot be counted is named, with its arm, while nothing has been computed."""
    model = mdr.Model(
        mdr.medium("A", unit="nM"),
        mdr.clone("S", growth=mdr.growth.exponential(rate="0.1 1/day"), start=1e6),
        mdr.kill("A", on="S", slope="0.01 1/day/nM"),
        mdr.radiotherapy({"S": ("0.3 1/Gy", "0.03 1/Gy^2")}),
        mdr.resection(),
    )
    acts = mdr.radiation("2 Gy").every("1 day", times=5) & mdr.surgery(0.5, at="7 day")
    found = mdr.compare(model, {"a": acts}, until="9 day", endpoints=["total_radiation", "total_surgery"])
    assert found.values.ravel().tolist() == [10.0, 1.0]
    assert [unit.text for unit in found.units] == ["Gy", ""]
    monkeypatch.setattr("pkpd_mdr.run.windows.solve", lambda *args, **options: pytest.fail("something ran"))
    medium = mdr.exposure("A", "20 nM", over="2 day").every("2 day", times=3)
    with pytest.raises(mdr.SimulationError, match=r"arm 'a': .*which cannot be told in 'mg'; write endpoints.total"):
        mdr.compare(model, {"a": medium}, until="9 day", endpoints=["total_A"])
    adaptive = mdr.adaptive(medium, stop_below=0.5, visit="3 day")
    with pytest.raises(mdr.SimulationError, match=r"arm 'a': endpoint 'cost'.*write it per nM \* h"):
        mdr.compare(model, {"a": adaptive}, until="9 day", endpoints=[cost({"A": "1 1/mg"})])
    with pytest.raises(mdr.SimulationError, match=r"regimen 'one': .*given as a number of times.*plain number"):
        mdr.simulate_many(model, {"one": acts}, until="9 day", endpoints=[cost({"surgery": "1 1/mg"})])
    with pytest.raises(mdr.SimulationError, match="arm 'plain': endpoint 'total_A'"):
        mdr.optimise(
            model, lambda level: mdr.exposure("A", level, over="1 day"), {"level": ("1 nM", "9 nM")}, until="9 day",
            objective="total_A", arms={"plain": medium},
        )  # fmt: skip


def test_a_name_that_holds_a_drug_is_told_with_its_endpoint(run):
    for name, near in {"total_dose_dox": "total_dox", "exposure_auc_dox": "exposure_dox"}.items():
        with pytest.raises(mdr.SimulationError, match=f"did you mean '{near}'"):
            run.endpoint(name)


def test_what_was_given_and_what_it_costs(run):
    assert run.endpoint("total_dox") == 100.0
    assert run.endpoint(total_dose("dox", unit="g")) == pytest.approx(0.1)
    assert run.endpoint(total_dose("A", unit="nM*h")) == pytest.approx(20 * 48)
    assert run.endpoint(cost({"dox": "1.5 1/mg", "A": "0.1 1/(nM*h)"})) == pytest.approx(150 + 96)
    with pytest.raises(mdr.SimulationError, match=r"cannot be told in 'mg'; write endpoints.total_dose\('\w+', unit="):
        run.endpoint(total_dose("A"))
    with pytest.raises(mdr.SimulationError, match="write it per nM"):
        run.endpoint(cost({"A": "1 1/mg"}))
    with pytest.raises(mdr.SimulationError, match="the model has no drug 'doxo'; did you mean 'dox'"):
        run.endpoint("total_doxo")
    with pytest.raises(mdr.SimulationError, match="the weight of 'dox' is '-1 1/mg'"):
        cost({"dox": "-1 1/mg"})


@pytest.mark.parametrize(
    ("build", "words"),
    [
        (lambda: time_to_progression(confirm="3 week"), "needs visits"),
        (lambda: time_to_progression(visit="0 day"), "no time between visits"),
        (lambda: time_to_progression(at_least=-1.0), "is no rise"),
        (lambda: psa_progression(growth=0.9), "is not progression"),
        (lambda: happens(endpoint("nadir")), "'nadir' is not a time"),
        (lambda: progression_free_survival(endpoint("nadir")), "'nadir' is not a time"),
        (lambda: objective_response(1.5), "is no share"),
        (lambda: log_kill(floor=0.0), "not above zero"),
        (lambda: nadir_of("anc", better="hihg"), "better = 'hihg' is no direction; did you mean 'high'?"),
        (lambda: endpoint("overall_survival"), "needs to know more; write for example endpoints.overall_survival"),
    ],
)
def test_refusals(build, words):
    with pytest.raises(mdr.SimulationError, match=words):
        build()


@pytest.mark.parametrize(
    "item",
    [
        time_to_progression(at_least="5 mm"),
        psa_progression(of="burden"),
        time_below("0.5e9 1/L", of="burden"),
        time_above("1 mg", of="burden"),
        mdr.endpoints.time_to_threshold("1 mL"),
        extinct(below="1 mg"),
        time_to_extinction(below="1 mg"),
        log_kill(floor="1 mg"),
        overall_survival("burden"),
        overall_survival(baseline="1 1/day", reference="1 mg"),
    ],
    ids=lambda item: item.name,
)
def test_levels_are_in_the_unit_of_the_output(run, item):
    with pytest.raises(mdr.SimulationError, match="shows 'burden' in 'cell', which cannot be compared with"):
        run.endpoint(item)


def test_examples_in_sentences_are_endpoints():
    for text in mdr.endpoints._ASKING.values():
        assert hasattr(mdr.endpoints, text.split("(")[0])


def test_endpoints_made_of_others_check_the_units_of_all_of_them():
    """A level without a unit in the second part was read as litres: death at once in a tumour of 200 mm**3."""
    growth = [mdr.parameter("g", "0.05 1/day"), mdr.process("growth", "g*V", {"V": 1})]
    model = mdr.Model(mdr.state("V", "200 mm**3", unit="mm**3"), *growth, mdr.observable("burden", "V", "mm**3"))
    run = model.simulate(until="20 day")
    fatal = mdr.endpoints.overall_survival(baseline="0.5 1/month", reference=200)
    free = mdr.endpoints.progression_free_survival(death=fatal)
    for item in (free, mdr.endpoints.happens(free), mdr.endpoints.happens(mdr.endpoints.time_to_threshold(300))):
        with pytest.raises(mdr.SimulationError, match=r"'burden' in 'mm.*which cannot be compared with a plain number"):
            run.endpoint(item)
    level = mdr.endpoints.time_to_threshold("300 mm**3")
    assert run.endpoint(mdr.endpoints.happens(level, by="9 day")) == 1.0
    later = mdr.endpoints.time_to_threshold("250 mm**3")
    assert run.endpoint(mdr.endpoints.progression_free_survival(level, death=later)) == run.endpoint(later)
