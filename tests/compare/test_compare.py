"""Comparisons end to end on small models whose answers can be computed by hand."""

from __future__ import annotations

import math
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from multiprocessing import get_context

import numpy as np
import pandas as pd
import pytest

import pkpd_mdr as mdr
from pkpd_mdr.compare import compare
from pkpd_mdr.compare import fairness as fairness_room
from pkpd_mdr.run import end_of, time_to_progression

SPAWN = get_context("spawn")
GROWTH, SLOPE = 0.1, 0.01  # per day, per day and nM


@pytest.fixture(scope="module")
def model():
    """Exponential growth, linear kill, exposures that are cut: everything is in closed form."""
    return mdr.Model(
        mdr.medium("A", unit="nM"),
        mdr.medium("B", unit="nM"),
        mdr.clone("S", growth=mdr.growth.exponential(rate="0.1 1/day"), start=1e6),
        mdr.clone("R", growth=mdr.growth.exponential(rate="0.08 1/day"), start=1e2, resistant=True),
        mdr.kill("A", on="S", slope="0.01 1/day/nM"),
        mdr.kill("B", on="S", slope="0.02 1/day/nM"),
        mdr.kill("B", on="R", slope="0.005 1/day/nM"),
    )


@pytest.fixture(scope="module")
def draws():
    rng = np.random.default_rng(5)
    return pd.DataFrame({"slope_A_S": 0.01 * rng.lognormal(0, 0.4, 21), "growth_S": 0.1 * rng.lognormal(0, 0.2, 21)})


A = mdr.exposure("A", "20 nM", over="10 day")
B = mdr.exposure("B", "10 nM", over="10 day")


@pytest.fixture(scope="module")
def paired(model, draws):
    return compare(model, {"A": A, "A twice": A.every("10 day", times=2), "again": A}, parameters=draws, until="40 day")


def progression(slope, growth, days, level=20.0):
    """Days to 1.2 x start after an exposure of `days` that shrinks the clone (one clone, closed form)."""
    return (math.log(1.2) + slope * level * days) / growth


def test_values_are_those_of_the_closed_form(model, draws):
    one = model.without("kill_B").without("clone_R").plus(mdr.kill("B", on="S", slope="0.02 1/day/nM"))
    comparison = compare(one, {"A": A}, parameters=draws, until="100 day", endpoints=["time_to_progression"])
    for row, (slope, growth) in enumerate(zip(draws["slope_A_S"], draws["growth_S"], strict=True)):
        expected = progression(slope, growth, 10) if slope * 20 > growth else math.log(1.2) / (growth - slope * 20)
        if slope * 20 <= growth and expected > 10:
            expected = progression(slope, growth, 10)
        assert comparison.values[0, row, 0] == pytest.approx(expected, rel=1e-6)


def test_a_comparison_is_the_same_as_single_runs(model, paired, draws):
    for row in (0, 7, 20):
        values = {name: float(draws[name][row]) for name in draws}
        run = model.simulate(A.every("10 day", times=2), until="40 day", parameters=values)
        assert paired.values[1, row, 0] == pytest.approx(run.endpoint("time_to_progression"), rel=1e-6)
        assert paired.values[1, row, 1] == pytest.approx(run.endpoint("resistant_share"), rel=1e-6)


def test_identical_arms_are_identical(paired):
    assert np.array_equal(paired.values[0], paired.values[2])
    gap = paired.difference("A", "again")
    assert (gap.median, gap.lower, gap.upper, gap.better, gap.pairs) == (0.0, 0.0, 0.0, 0.5, 21)
    table = paired.table["probability_best"]
    for item in ("time_to_progression", "resistant_share"):
        assert table["A", item] == table["again", item]
        assert table.xs(item, level="endpoint").sum() == pytest.approx(1.0)
    assert any("'A' and 'again' give the same time_to_progression" in note for note in paired.notes)


def test_arms_that_end_at_a_level_are_not_called_indifferent_to_timing(model):
    """Their last burden is the level, whatever was given when."""
    arms = {"A": A, "later": A.shift("1 day")}
    found = compare(model, arms, until="90 day", endpoints=["burden_end"], stop={"burden": "1e8 cell"})
    assert found.values.ravel() == pytest.approx([1e8, 1e8], rel=1e-6)
    assert "all arms give the same burden_end in every draw" in found.notes


def test_the_table_summarises_the_draws(paired):
    assert list(paired.table.index) == [
        (arm, item) for item in ("time_to_progression", "resistant_share") for arm in ("A", "A twice", "again")
    ]
    row = paired.table.loc[("A twice", "time_to_progression")]
    values = paired.draws.query("arm == 'A twice' and endpoint == 'time_to_progression'")["value"].to_numpy()
    assert len(values) == 21
    assert row["median"] == pytest.approx(np.sort(values)[10])
    assert row["censored"] == np.isinf(values).mean()
    assert row["unit"] == "day"
    assert row["given A [nM * h]"] == pytest.approx(20 * 480)
    assert row["compared_with"] == paired.best() == "A twice"
    assert row["difference"] == 0.0


def test_direction_of_endpoints(model):
    """Longer is better for time, lower is better for what is left."""
    comparison = compare(
        model, {"off": mdr.nothing(), "on": A}, until="60 day", endpoints=["time_to_progression", "nadir"]
    )
    assert comparison.best("time_to_progression") == "on"
    assert comparison.best("nadir") == "on"
    assert comparison.difference("on", "off", "nadir").median < 0
    assert comparison.difference("on", "off", "nadir").better == 1.0
    assert comparison.difference("off", "on", "time_to_progression").better == 0.0


def test_the_median_difference_is_paired(model, draws):
    """Differences within draws are far narrower than the spread between draws."""
    arms = {"ten": A, "eleven": mdr.exposure("A", "20 nM", over="11 day")}
    comparison = compare(model, arms, parameters=draws, until="200 day", reference="ten")
    row = comparison.table.loc[("eleven", "time_to_progression")]
    assert row["compared_with"] == "ten"
    assert row["difference_upper"] - row["difference_lower"] < 0.5 * (row["upper"] - row["lower"])
    assert row["difference_lower"] > 0


def test_censored_times(model):
    strong = mdr.exposure("B", "100 nM", over="60 day")
    comparison = compare(model, {"strong": strong, "weak": A}, until="60 day", endpoints=["time_to_progression"])
    assert comparison.table["median"]["strong", "time_to_progression"] == math.inf
    assert comparison.table["censored"]["strong", "time_to_progression"] == 1.0
    assert comparison.difference("strong", "weak").median == pytest.approx(60 - comparison.values[1, 0, 0])
    assert comparison.difference("strong", "strong").median == 0.0
    assert comparison.best() == "strong"
    assert "> 60" in str(comparison)
    assert "counts as 60 day" in str(comparison)


def test_a_known_winner_among_draws(model):
    """Drug A wins where its slope is above that of B: the probability is the share of such draws."""
    slopes = [0.002, 0.004, 0.006, 0.02, 0.03, 0.04, 0.05, 0.06]
    equal_b = mdr.exposure("B", "10 nM", over="10 day")  # 0.02 x 10 nM = 0.2 per day
    comparison = compare(
        model,
        {"A": mdr.exposure("A", "10 nM", over="10 day"), "B": equal_b},
        parameters=[{"slope_A_S": f"{slope} 1/day/nM"} for slope in slopes],
        start={"R": 0},
        until="100 day",
        endpoints=["time_to_progression"],
    )
    chance = comparison.table["probability_best"]
    assert chance["A", "time_to_progression"] == pytest.approx((4 + 0.5) / 8)
    assert chance["B", "time_to_progression"] == pytest.approx((3 + 0.5) / 8)


def test_draws_of_starts_and_mappings(model):
    table = pd.DataFrame({"S0": [1e5, 1e6]})
    framed = type("Draws", (), {"frame": table})()
    found = [
        compare(model, {"A": A}, parameters=given, until="5 day", endpoints=["final_burden"]).values
        for given in (table, framed, [{"S0": 1e5}, {"S0": "1e6 cell"}], {"S0": [1e5, 1e6]})
    ]
    assert all(np.array_equal(found[0], other) for other in found[1:])
    expected = 1e5 * math.exp(5 * (GROWTH - 20 * SLOPE)) + 1e2 * math.exp(0.4)
    assert found[0][0, 0, 0] == pytest.approx(expected, rel=1e-6)


def test_unit_invariance(model, draws):
    """The same question in hours and nanomolar or in days and micromolar has the same answer."""
    in_days = compare(model, {"A": A, "B": B}, parameters=draws, until="40 day")
    arms = {"A": mdr.exposure("A", "0.02 uM", over="240 h"), "B": mdr.exposure("B", "0.01 uM", over="240 h")}
    in_hours = compare(model, arms, parameters=draws, until="960 h")
    assert in_hours.values[:, :, 0] == pytest.approx(24 * in_days.values[:, :, 0], rel=1e-6)
    assert in_hours.values[:, :, 1] == pytest.approx(in_days.values[:, :, 1], rel=1e-5)
    assert in_hours.best() == in_days.best()


def test_the_order_of_arms_changes_nothing(model, draws):
    forth = compare(model, {"A": A, "B": B}, parameters=draws, until="40 day")
    back = compare(model, {"B": B, "A": A}, parameters=draws, until="40 day")
    columns = ["median", "lower", "upper", "difference", "probability_best"]
    assert forth.table[columns].sort_index().equals(back.table[columns].sort_index())


def test_strategies_among_arms(model):
    continuous = mdr.exposure("A", "40 nM", over="60 day")
    arms = {"continuous": continuous, "adaptive": mdr.adaptive(continuous, visit="1 day")}
    comparison = compare(model, arms, until="60 day", endpoints=["resistant_share", "time_to_progression"])
    assert comparison.settings.primary == "resistant_share"
    given = comparison.given["median"]
    assert given["adaptive", "A"] < given["continuous", "A"]
    assert given["continuous", "A"] == pytest.approx(40 * 24 * 60)
    assert "strategies see 'burden' exactly" in str(comparison)


def test_an_empty_tumour_is_pointed_out(model):
    empty = compare(model, {"A": A}, parameters={"S0": [0, 1e6, 0], "R0": 0}, until="5 day")
    assert any("zero at the start of 2 of the runs" in note for note in empty.notes)
    assert not any("zero at the start" in note for note in compare(model, {"A": A}, until="5 day").notes)


def test_an_arm_that_gives_nothing_is_pointed_out(model, caplog):
    never = mdr.rule(lambda visit: None, visit="10 day")
    comparison = compare(model, {"A": A, "none": mdr.nothing(), "rule": never}, until="30 day")
    assert "arm 'none' gives nothing" in comparison.notes
    assert "arm 'rule' gives nothing" in comparison.notes
    assert "gives nothing" in caplog.text
    assert comparison.table["given A [nM * h]"]["none", "resistant_share"] == 0.0


def test_how_long_something_lasts_is_no_time_to_an_event(model):
    """A duration is there in every run, so that nothing is waited for; at zero it was not reached at the start."""
    never, always = (mdr.endpoints.time_below(level, of="burden", name=level) for level in ("1 cell", "1e30 cell"))
    comparison = compare(model, {"A": A, "B": B}, until="20 day", endpoints=[always, never])
    assert comparison.values[:, 0].tolist() == [[20.0, 0.0], [20.0, 0.0]]
    assert comparison.unit("1 cell").text == "day"
    assert any("same 1 cell in every draw: it takes no time" in note for note in comparison.notes)
    assert "not reached" not in str(comparison)
    with pytest.raises(mdr.SimulationError, match="is not a time, so that it has no survival curve"):
        comparison.survival()
    with pytest.raises(mdr.SimulationError, match="'1 cell' is not a time"):
        mdr.endpoints.happens(never)


def test_draws_of_a_start_that_is_given_are_pointed_out(model):
    arms, drawn = {"A": A, "B": B}, {"S0": [1e6, 1e7, 1e8], "slope_A_S": [0.01, 0.02, 0.03]}
    note = "S starts as start= says, in every draw, whatever the draws of S0 say"
    assert note in compare(model, arms, parameters=drawn, start={"S": 1e6, "R": 1e3}, until="20 day").notes
    assert note not in compare(model, arms, parameters=drawn, start={"R": 1e3}, until="20 day").notes


def test_means_below_one_cell_are_pointed_out(model):
    """1e6 cells at -0.9 per day are 0.12 after 18 days, and 0.02 after 20 more of regrowth from less."""
    arms = {"much": mdr.exposure("A", "100 nM", over="18 day"), "little": A}
    said = str(compare(model, arms, parameters={"slope_A_S": [0.01, 0.005], "R0": 0}, until="20 day"))
    assert "the burden falls below one cell ('much' in 50 % of draws)" in said
    assert "below one cell" not in str(compare(model, {"little": A, "none": mdr.nothing()}, until="20 day"))


def test_exposure_is_an_endpoint(model):
    comparison = compare(model, {"A": A, "B": B}, until="20 day", endpoints=["exposure_A", "final_burden"])
    assert comparison.values[:, 0, 0] == pytest.approx([20 * 240, 0.0], abs=1e-6)
    assert comparison.unit("exposure_A").text == "nM * h"


def test_own_endpoints_and_visits(model):
    daily = time_to_progression(visit="1 day", name="seen")
    comparison = compare(model, {"A": A}, until="100 day", endpoints=[daily, end_of("R")], primary="R_end")
    exact = compare(model, {"A": A}, until="100 day", endpoints=["time_to_progression"]).values[0, 0, 0]
    assert comparison.values[0, 0, 0] == math.ceil(exact)
    assert comparison.definition().name == "R_end"


# -- elsewhere -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "pool", [ThreadPoolExecutor, pytest.param(partial(ProcessPoolExecutor, mp_context=SPAWN), marks=pytest.mark.slow)]
)
def test_a_comparison_is_the_same_on_any_executor(model, draws, pool):
    plans = {"A": A, "adaptive": mdr.adaptive(A.every("10 day", times=4), visit="5 day"), "none": mdr.nothing()}
    here = compare(model, plans, parameters=draws, until="60 day")
    with pool(2) as executor:
        there = compare(model, plans, parameters=draws, until="60 day", executor=executor)
    assert there.values.tobytes() == here.values.tobytes()
    assert there.burden.tobytes() == here.burden.tobytes()
    assert str(there) == str(here)


def test_one_draw_that_a_rule_cannot_treat_fails_alone(model):
    def picky(visit):
        if visit.number > 0 and visit.burden > 1.5e6:
            raise ValueError("no idea")

    draws = pd.DataFrame({"growth_S": [0.01, 0.1, 0.02]})
    comparison = compare(model, {"rule": mdr.rule(picky, visit="10 day")}, parameters=draws, until="20 day")
    assert [failure.draw for failure in comparison.failures] == [1]
    assert "no idea" in comparison.failures[0].sentence


# -- failures --------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def fragile():
    """A lag that a draw can make negative through a formula: that member fails in every arm, the others do not."""
    return mdr.Model(
        mdr.parameter("shift", "1 h"),
        mdr.pk.one_compartment("dox", CL="10 L/h", V="50 L", ka="1 1/h", lag=mdr.formula("shift - half")),
        mdr.parameter("half", "0.5 h"),
        mdr.clone("S", growth=mdr.growth.exponential(rate="0.1 1/day"), start=1e6),
        mdr.kill("dox", on="S", slope="0.05 1/h/(mg/L)"),
    )


def test_failed_members_are_counted_and_left_out(fragile):
    draws = pd.DataFrame({"shift": [1.0, 0.1, 2.0, 0.6]})
    arms = {"dosed": mdr.oral("dox", "50 mg"), "untreated": mdr.nothing()}
    comparison = compare(fragile, arms, parameters=draws, until="10 day", endpoints=["final_burden"])
    assert [(failure.arm, failure.draw) for failure in comparison.failures] == [("dosed", 1), ("untreated", 1)]
    assert comparison.kept.tolist() == [True, False, True, True]
    assert comparison.table["failed"].tolist() == [1, 1]
    assert comparison.table["draws"].tolist() == [3, 3]
    assert comparison.table["probability_best"]["dosed", "final_burden"] == 1.0
    text = str(comparison)
    assert "arm 'dosed': 1 of 4 draws failed, for example draw 1:" in text
    assert "use the 3 of 4 draws that all arms finished" in text
    lost = comparison.draws.query("arm == 'dosed' and draw == 1")
    assert "lag" in lost["failure"].iloc[0]


@pytest.mark.filterwarnings("ignore:overflow")
def test_blow_up_of_one_member_leaves_the_others():
    """S' = rate*S**1.5 from 1 is (1 - rate*t/2)**-2, which has no value from t = 2/rate on."""
    model = mdr.Model(
        mdr.clone("S", growth=mdr.growth.formula("rate*S**0.5"), start=1.0), mdr.parameter("rate", "0.1 1/h")
    )
    draws = pd.DataFrame({"rate": [0.1, 1.0, 0.15]})
    comparison = compare(model, {"one": mdr.nothing()}, parameters=draws, until="10 h", endpoints=["final_burden"])
    assert [failure.draw for failure in comparison.failures] == [1]
    assert comparison.values[0, [0, 2], 0] == pytest.approx([4.0, 16.0], rel=1e-5)
    assert "draw 1" in str(comparison)


def test_nothing_left_is_an_error(fragile):
    with pytest.raises(mdr.PkpdMdrError, match="arm 'dosed'"):
        compare(
            fragile,
            {"dosed": mdr.oral("dox", "50 mg")},
            parameters=[{"shift": 0.1}],
            until="10 day",
            endpoints=["nadir"],
        )


# -- refusals --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "error", "words"),
    [
        ({"arms": {}}, mdr.RegimenError, "no arm to compare"),
        ({"arms": [A]}, mdr.RegimenError, "give a dict"),
        ({"arms": {"A": "weekly"}}, mdr.RegimenError, "arm 'A' is 'weekly'"),
        ({"arms": {"A": None}}, mdr.RegimenError, "nothing\\(\\) for an untreated arm"),
        ({"arms": {"": A}}, mdr.RegimenError, "has no name"),
        ({"arms": {"wrong": mdr.exposure("C", "1 nM")}}, mdr.RegimenError, "arm 'wrong': the model has no drug"),
        ({"arms": {"wrong": mdr.bolus("A", "1 mg")}}, mdr.RegimenError, "arm 'wrong': 'A' cannot be given as dose"),
        ({"arms": {"wrong": mdr.exposure("A", "1 mg/L")}}, mdr.UnitError, "arm 'wrong': an amount of 'A'"),
        (
            {"arms": {"wrong": mdr.adaptive(mdr.exposure("C", "1 nM"), visit="1 day")}},
            mdr.RegimenError,
            "arm 'wrong': the model has no drug",
        ),
        (
            {"arms": {"wrong": mdr.rule(lambda visit: mdr.exposure("C", "1 nM"), visit="1 day")}},
            mdr.SimulationError,
            "arm 'wrong', draw 0: the model has no drug",
        ),
        ({"endpoints": ["time_to_progresion"]}, mdr.SimulationError, "did you mean 'time_to_progression'"),
        (
            {"endpoints": ["anc_nadir"]},
            mdr.SimulationError,
            "endpoint 'anc_nadir': the model has no state or observable",
        ),
        ({"endpoints": ["exposure_C"]}, mdr.SimulationError, "has no drug 'C'"),
        ({"endpoints": []}, mdr.SimulationError, "no endpoint"),
        ({"endpoints": ["nadir", "nadir"]}, mdr.SimulationError, "given twice"),
        ({"endpoints": time_to_progression(name="arm")}, mdr.SimulationError, "an endpoint cannot be called 'arm'"),
        ({"primary": "nadr"}, mdr.SimulationError, "is not one of the endpoints"),
        ({"reference": "b"}, mdr.SimulationError, "reference = 'b' is not an arm"),
        ({"until": 40}, mdr.UnitError, "until: .* has no unit"),
        ({"until": "0 day"}, mdr.SimulationError, "not after the start"),
        ({"confidence": 95}, mdr.SimulationError, "confidence is 95, not a share between 0 and 1"),
        ({"fair": "total"}, mdr.SimulationError, "did you mean 'total_dose'"),
        ({"parameters": pd.DataFrame({"slope_A_s": [1.0]})}, mdr.DataError, "did you mean 'slope_A_S'"),
        (
            {"parameters": pd.DataFrame({"slope_A_S": [0.1, np.nan]})},
            mdr.DataError,
            "row 1 of parameter draws: 'slope_A_S' is nan",
        ),
        (
            {"parameters": pd.DataFrame({"slope_A_S": [0.1, "x"]})},
            mdr.DataError,
            "row 1 of parameter draws: slope_A_S: 'x' has no number",
        ),
        ({"parameters": pd.DataFrame({"slope_A_S": [-0.1]})}, mdr.DataError, "outside its bounds"),
        ({"parameters": pd.DataFrame({"slope_A_S": []})}, mdr.DataError, "no row"),
        ({"parameters": []}, mdr.DataError, "no row"),
        (
            {"parameters": [{"slopeA": 1.0}]},
            mdr.DataError,
            "'slopeA', which is no parameter of the model; did you mean 'slope_A_S'",
        ),
        ({"parameters": [{"slope_A_S": "1 nM"}]}, mdr.DataError, "row 0 of parameter draws: slope_A_S: '1 nM'"),
        ({"parameters": 500}, mdr.DataError, "give a DataFrame"),
        ({"start": {"SS": 1}}, mdr.SimulationError, "did you mean 'S'"),
    ],
)
def test_refusals(model, options, error, words):
    given = {"arms": {"A": A}, "until": "10 day"} | options
    with pytest.raises(error, match=words):
        compare(model, given.pop("arms"), **given)


def test_a_start_that_is_no_parameter_is_refused_with_the_way_out():
    model = mdr.Model(mdr.clone("S", start=1e6), mdr.clone("R", resistant=True))
    with pytest.raises(mdr.DataError, match=r"'R0', which is no parameter .* declare one, as in clone\('R', start"):
        compare(model, {"A": mdr.nothing()}, parameters=[{"R0": 10.0}], until="10 day")


def test_resistant_share_needs_a_resistant_clone():
    model = mdr.Model(
        mdr.medium("A", unit="nM"), mdr.clone("S", growth=mdr.growth.exponential(rate="0.1 1/day"), start=1e6)
    )
    with pytest.raises(mdr.SimulationError, match="resistant=True"):
        compare(model, {"A": A}, until="10 day", endpoints=["resistant_share"])
    assert [item.name for item in compare(model, {"A": A}, until="10 day").endpoints] == ["time_to_progression"]


def test_strategies_need_something_to_see():
    model = mdr.Model(mdr.medium("A", unit="nM"))
    with pytest.raises(mdr.SimulationError, match="strategies are shown 'burden'"):
        compare(model, {"x": mdr.adaptive(A, visit="1 day")}, until="10 day", endpoints=["C_A_end"])


# -- output ----------------------------------------------------------------------------------------------


def test_text_and_html(paired):
    text = str(paired)
    assert "Comparison of 3 arms over 40 day; 21 parameter draws" in text
    assert "fair: not asked for" in text
    assert "uncertainty is that of slope_A_S, growth_S only" in text
    block = text.split("\n\n")[1].split("\n")
    assert len({len(line) for line in block[1:]}) == 1, "the columns are aligned"
    assert "<table" in paired._repr_html_()


def test_one_arm_differs_from_nothing(model, draws):
    several = str(compare(model, {"only\nthis": A}, parameters=draws, until="10 day"))
    assert "difference" not in several.split("\n- ")[0]
    assert "\n  only this" in several
    one = str(compare(model, {"A": A}, until="10 day", endpoints=["nadir"]))
    assert [line.split()[0] for line in one.split("\n\n")[1].split("\n")[1:]] == ["arm", "A"]
    assert one.split("\n\n")[1].split("\n")[1].split() == ["arm", "value"]


def test_noise_below_zero_is_shown_as_zero(model):
    cured = compare(model, {"B": mdr.exposure("B", "1000 nM")}, until="40 day", endpoints=["nadir"])
    cured = replace(cured, values=np.full_like(cured.values, -6e-30))
    assert cured.estimate("B")[0] < 0
    assert str(cured).split("\n\n")[1].split("\n")[-1].split() == ["B", "0"]


def test_names_are_escaped_in_html(model):
    comparison = compare(model, {"<script>alert(1)</script>": A}, until="5 day")
    assert "<script>" not in comparison._repr_html_()
    assert "&lt;script&gt;" in comparison._repr_html_()


def test_csv(paired, tmp_path):
    paired.to_csv(tmp_path / "table.csv")
    paired.to_csv(tmp_path / "draws.csv", draws=True)
    table = pd.read_csv(tmp_path / "table.csv")
    assert list(table.columns[:4]) == ["arm", "endpoint", "unit", "median"]
    assert len(pd.read_csv(tmp_path / "draws.csv")) == 3 * 21 * 2


def test_results_cannot_be_changed(paired):
    with pytest.raises(ValueError, match="read-only"):
        paired.values[0, 0, 0] = 1.0
    with pytest.raises(AttributeError):
        paired.arms = ()


@pytest.mark.parametrize(
    "call", [lambda c: c.best("nadr"), lambda c: c.difference("A", "B"), lambda c: c.definition("x")]
)
def test_unknown_names_after_the_fact(paired, call):
    with pytest.raises(mdr.SimulationError, match="the comparison has no"):
        call(paired)


def test_provenance(paired, model):
    assert paired.provenance["model"] == model.content_hash
    assert paired.provenance["seed"] == 0
    assert paired.provenance["numpy"] == np.__version__


def test_fairness_room_lists_its_kinds():
    assert set(fairness_room.KINDS) == {"total_dose", "auc", "peak"}


def test_removals_are_counted_and_not_added_up():
    """Four sessions that take 70 % each are no 2.8 of anything; a cost is per session."""
    law = mdr.growth.exponential(rate="0.05 1/day")
    model = mdr.Model(mdr.clone("S", growth=law, start=1e6), mdr.resection("S"))
    arms = {"none": mdr.nothing(), "surgery": mdr.surgery(0.7).every("7 day", times=4)}
    price = mdr.endpoints.cost({"surgery": "500"})
    found = compare(model, arms, until="20 day", endpoints=["time_to_progression", price])
    assert found.given.loc[("surgery", "surgery"), "median"] == 3  # the fourth comes after the end
    assert "3 times" in str(found)
    assert found.array("cost").ravel().tolist() == [0, 1500]


def test_all_outputs_that_strategies_see_are_named(model):
    held = mdr.limited(A, mdr.limit("R", above="1e9 cell"), visit="5 day")
    found = compare(model, {"A": A, "held": held}, until="20 day", measure=mdr.measured("burden", relative_sd=0.1))
    assert "strategies see 'burden' with errors of measurement and 'R' exactly, at their visits only" in str(found)


@pytest.mark.parametrize("hill", [1.0, 3.0])
def test_other_visits_make_no_other_nadir(hill):
    """The same doses with visits every 3, 7 or 10 days: the gap before a visit was looked at by nobody (1e-4 amiss).

    A nadir is flat, so that its time is known to the root of the error of its value only, and ties within that.
    """
    law = mdr.growth.gompertz(rate="0.012 1/day", capacity="2e12")
    model = mdr.Model(
        mdr.pk.two_compartment("dox", CL="53.3 L/h", V1="17.7 L", Q="58.7 L/h", V2="1830 L", molar_mass="543.5 g/mol"),
        mdr.clone("S", growth=law, start=1e11),
        mdr.clone("R", growth=law, start=1e8, resistant=True),
        mdr.kill("dox", on="S", emax="1.2 1/day", ec50="50 nM", hill=hill),
        mdr.kill("dox", on="R", emax="1.2 1/day", ec50="1.5 uM", hill=hill),
        quiet=True,
    )
    cycles = mdr.infusion("dox", "100 mg", over="1 h").every("21 day", times=6)
    arms = {"plain": cycles}
    arms |= {f"every {n} days": mdr.adaptive(cycles, stop_below=1e-9, visit=f"{n} day") for n in (3, 7, 10)}
    draws = pd.DataFrame({"ec50_dox_S": np.linspace(30, 300, 16)})
    options = {"parameters": draws, "until": "500 day", "endpoints": ["nadir", "nadir_time"]}
    found = mdr.compare(model, arms, **options)
    for name in ("nadir", "nadir_time"):
        assert (found.shares(name) == 1 / 4).all(), name
        assert not found.gaps("every 3 days", "every 7 days", name).any()
        assert found.regret(name)["expected_regret"].max() == 0
    assert "all arms give the same value in every draw" in found.verdict("nadir_time")
    exact = mdr.compare(model, arms, **options, accuracy=mdr.Accuracy(rtol=1e-10)).array("nadir")
    assert np.abs(exact / exact[0] - 1).max() < 2e-6


def test_what_arms_give_in_different_units_is_told_in_one_where_the_molar_mass_is_known():
    def model(**options):
        return mdr.Model(
            mdr.pk.one_compartment("D", CL="30 L/h", V="20 L", **options),
            mdr.clone("S", growth=mdr.growth.exponential(rate="0.05 1/day"), start="1e9 cell"),
            mdr.kill("D", on="S", emax="3 1/day", ec50="50 nM"),
            quiet=True,
        )

    arms = {"mg": mdr.bolus("D", "60 mg"), "mol": mdr.bolus("D", "0.2 mmol"), "none": mdr.nothing()}
    found = mdr.compare(model(molar_mass="300 g/mol"), arms, until="9 day", endpoints="nadir")
    assert found.table["given D [mg]"].tolist() == pytest.approx([60.0, 60.0, 0.0])
    assert not [name for name in found.table if name.startswith("given D [") and name != "given D [mg]"]
    assert found.given["unit"].tolist() == ["mg", "mg"]
    assert found.values[0] == pytest.approx(found.values[1], rel=1e-9)
