"""Survival, regret, the front and what decides: against closed forms, textbooks and other packages."""

from __future__ import annotations

import math
import warnings

import numpy as np
import pandas as pd
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from scipy import optimize, stats

import pkpd_mdr as mdr
from pkpd_mdr.compare.deciders import bins
from pkpd_mdr.compare.result import Comparison
from pkpd_mdr.compare.statistics import paired_proportions, proportion
from pkpd_mdr.compare.survival import Curve
from pkpd_mdr.compare.values import Failure, Settings
from pkpd_mdr.run import nadir_of, resistant_share, time_to_progression
from pkpd_mdr.units import Quantity, Unit

EFFICACY, HARM = time_to_progression(), nadir_of("anc", better="high")


def comparison(
    values, *, items=(EFFICACY,), parameters=None, until=100.0, ends=None, replicates=1, reference=None, rows="draws"
):
    """A comparison with given values, shape (arms, members, endpoints), whose arms are A, B, ..."""
    values = np.asarray(values, dtype=float)
    values = values[..., None] if values.ndim == 2 else values
    arms, members, _ = values.shape
    names = tuple("ABCDEFGH"[:arms])
    day = Unit.of("day")
    failed = [
        Failure(names[a], m // replicates, "why", m % replicates) for a, m in np.argwhere(np.isnan(values[..., 0]))
    ]
    return Comparison(
        arms=names,
        endpoints=tuple(items),
        units=tuple(day if item.unit == "time" else Unit.of("") for item in items),
        values=values,
        ends=np.full((arms, members), until) if ends is None else np.asarray(ends, dtype=float),
        parameters=pd.DataFrame(parameters or {}, index=pd.RangeIndex(members // replicates, name="draw")),
        failures=tuple(failed),
        given=pd.DataFrame(
            columns=["arm", "drug", "unit", "median", "lower", "upper", "factor"],
        ).set_index(["arm", "drug"]),
        matching=None,
        plans=dict.fromkeys(names, mdr.nothing()),
        until=Quantity(until, day),
        times=np.zeros(1),
        burden=np.zeros((arms, members, 1)),
        burden_unit=Unit.of(""),
        settings=Settings(
            items[0].name,
            reference,
            "burden",
            0.95,
            0,
            tuple(parameters or ()),
            1e-6,
            0.0,
            replicates=replicates,
            rows=rows,
        ),
        notes=(),
        provenance={},
        model=mdr.Model(mdr.clone("S")),
        running=None,
    )


# -- survival --------------------------------------------------------------------------------------------


@given(data=st.data(), confidence=st.sampled_from([0.8, 0.95]))
@settings(max_examples=20, deadline=None)
def test_kaplan_meier_is_that_of_scipy(data, confidence):
    count = data.draw(st.integers(3, 40))
    times = np.array(data.draw(st.lists(st.integers(1, 12), min_size=count, max_size=count)), dtype=float)
    happened = np.array(data.draw(st.lists(st.booleans(), min_size=count, max_size=count)))
    assume(happened.any())
    curve = Curve.of(times, happened)
    other = stats.ecdf(stats.CensoredData(uncensored=times[happened], right=times[~happened])).sf
    assert curve.survival[np.isin(curve.times, other.quantiles)] == pytest.approx(other.probabilities, abs=1e-12)
    lower, upper = curve.interval(confidence)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # of ends that are undefined, which are not compared
        theirs = other.confidence_interval(confidence, method="log-log")
    inside = (other.probabilities > 0) & (other.probabilities < 1)
    for ours, found in ((lower, theirs.low), (upper, theirs.high)):
        known = ours[np.isin(curve.times, other.quantiles)]
        assert known[inside] == pytest.approx(found.probabilities[inside], abs=1e-9)
    assert (lower <= curve.survival).all()
    assert (curve.survival <= upper).all()
    for time, risk, events, censored in zip(curve.times, curve.at_risk, curve.events, curve.censored, strict=True):
        here = times == time
        assert (risk, events, censored) == ((times >= time).sum(), (here & happened).sum(), (here & ~happened).sum())
    end = float(times.max())
    steps = np.arange(0.0, end, 0.25) + 0.125  # all times are whole numbers
    assert curve.restricted_mean(end) == pytest.approx(0.25 * other.evaluate(steps).sum())


def test_published_curve_and_log_rank_test():
    """Remission under 6-mercaptopurine and placebo (Freireich et al. 1963), numbers as in Kleinbaum and Klein 2012."""
    lost = {6: 1, 9: 1, 10: 1, 11: 1, 17: 1, 19: 1, 20: 1, 25: 1, 32: 2, 34: 1, 35: 1}
    relapsed = [6, 6, 6, 7, 10, 13, 16, 22, 23]
    placebo = [1, 1, 2, 2, 3, 4, 4, 5, 5, 8, 8, 8, 8, 11, 11, 12, 12, 15, 17, 22, 23]
    followed = [time for time, count in lost.items() for _ in range(count)]
    times = [[*relapsed, *[math.inf] * len(followed)], placebo]
    ends = [[*[40] * len(relapsed), *followed], [40] * 21]
    found = comparison(times, ends=ends, reference="B", rows="patients")
    curve = found.survival().query("arm == 'A' and events > 0").set_index("time")["survival"]
    assert curve.round(4).to_dict() == {
        6: 0.8571, 7: 0.8067, 10: 0.7529, 13: 0.6902, 16: 0.6275, 22: 0.5378, 23: 0.4482,
    }  # fmt: skip
    row = found.survival_differences().set_index("arm").loc["A"]
    assert math.log(row["hazard_ratio"]) == pytest.approx(-1.509, abs=0.001)  # Cox's model, ties as Breslow has them
    assert row["trial_size"] == math.ceil((1.959964 + 0.841621) ** 2 * 21 / 16.793)  # chi-square of the log-rank test


def test_survival_of_a_comparison():
    found = comparison([[10, 20, math.inf, 40], [5, 5, 30, math.inf]]).survival()
    columns = ["arm", "time", "survival", "lower", "upper", "at_risk", "events", "censored"]
    assert list(found) == columns
    first = found[found["arm"] == "A"]
    assert first["time"].tolist() == [0, 10, 20, 40, 100]
    assert first["survival"].tolist() == pytest.approx([1, 0.75, 0.5, 0.25, 0.25])
    assert first["censored"].tolist() == [0, 0, 0, 0, 1]
    assert found[found["arm"] == "B"]["survival"].tolist() == pytest.approx([1, 0.5, 0.25, 0.25])
    assert found.attrs["unit"] == "day"


def test_who_leaves_early_is_censored_there():
    ends = [[100, 100, 50, 100], [100] * 4]
    found = comparison([[10, 20, math.inf, 60], [10, 20, 40, 60]], ends=ends)
    first = found.survival().query("arm == 'A'")
    assert first["time"].tolist() == [0, 10, 20, 50, 60]
    assert first["survival"].iloc[-1] == 0.0
    assert np.isfinite(first[["lower", "upper"]].to_numpy()).all()
    curve = Curve.of(np.array([10.0, 20, 50, 60]), np.array([True, True, False, True]))
    means = found.survival_differences().set_index("arm")["restricted_mean"]
    assert means["A"] == pytest.approx(curve.restricted_mean(100)) == (10 * 4 + 10 * 3 + 40 * 2) / 4
    assert means["B"] == pytest.approx((10 + 20 + 40 + 60) / 4)
    assert found.difference("A", "B").censored == 0.25
    assert found.gaps("A", "B").tolist() == [0, 0, 10, 0]


def mantel(times: np.ndarray, end: float) -> float:
    """Chi-square of Mantel 1966: events on the left less those expected, over all times of events."""
    bounded = np.minimum(times, end)
    surplus = variance = 0.0
    for time in np.unique(times[times < end]):
        left, right = ((bounded[k] >= time).sum() for k in (0, 1))
        events, share = (times == time).sum(), left / (left + right)
        surplus += (times[0] == time).sum() - events * share
        variance += events * share * (1 - share) * (left + right - events) / max(left + right - 1, 1)
    return float(surplus**2 / variance)


def test_restricted_means_and_what_a_trial_would_see():
    rng = np.random.default_rng(3)
    times = rng.exponential(np.array([[40.0], [60.0]]), (2, 60))
    times[times > 100] = math.inf
    found = comparison(times, reference="A", rows="patients").survival_differences()
    assert found["compared_with"].unique().tolist() == ["A"]
    row = found.set_index("arm").loc["B"]
    wanted = (stats.norm.ppf(0.975) + stats.norm.ppf(0.8)) ** 2
    assert row["trial_size"] == math.ceil(wanted * 60 / mantel(times, 100))
    bounded = np.minimum(times, 100)
    gaps = bounded[1] - bounded[0]
    assert row["difference"] == pytest.approx(gaps.mean())
    assert row["standard_error"] == pytest.approx(gaps.std(ddof=1) / math.sqrt(60))
    assert row[["lower", "upper"]].tolist() == pytest.approx(np.quantile(gaps, [0.025, 0.975]).tolist())
    own = found.set_index("arm").loc["A"]
    assert (own["difference"], own["hazard_ratio"], own["trial_size"]) == (0.0, 1.0, math.inf)


def test_a_hazard_ratio_maximises_the_partial_likelihood():
    rng = np.random.default_rng(5)
    times = np.ceil(rng.exponential(np.array([[20.0], [30.0]]), (2, 40)))
    times[times > 50] = math.inf
    found = comparison(times, reference="B", until=50.0, rows="patients").survival_differences()

    def likelihood(log: float) -> float:
        return sum(
            float((times[0] == t).sum()) * log
            - float((times == t).sum()) * math.log((times[0] >= t).sum() * math.exp(log) + (times[1] >= t).sum())
            for t in np.unique(times[np.isfinite(times)])
        )

    best = optimize.minimize_scalar(
        lambda log: -likelihood(log), bounds=(-3, 3), method="bounded", options={"xatol": 1e-9}
    )
    assert math.log(found.set_index("arm").loc["A", "hazard_ratio"]) == pytest.approx(best.x, abs=1e-5)


@pytest.mark.parametrize(("left", "ratio"), [([math.inf] * 3, 0.0), ([1.0, 2.0, 3.0], math.inf)])
def test_hazards_where_one_side_has_no_event(left, ratio):
    right = [10.0, 20.0, 30.0] if ratio == 0.0 else [math.inf] * 3
    found = comparison([left, right], reference="B", rows="patients").survival_differences()
    assert found.set_index("arm").loc["A", "hazard_ratio"] == ratio


def test_what_is_told_of_a_population_does_not_shrink_with_the_number_simulated():
    # a p value of draws fell from 0.3 to 1e-10 with their number, of the very same two distributions
    rng = np.random.default_rng(8)
    told = []
    for count in (400, 40_000):
        times = rng.exponential(np.array([[40.0], [46.0]]), (2, count))
        times[times > 100] = math.inf
        told.append(comparison(times, reference="A", rows="patients").survival_differences().set_index("arm").loc["B"])
    few, many = told
    assert few["hazard_ratio"] == pytest.approx(many["hazard_ratio"], rel=0.15)
    assert many["hazard_ratio"] == pytest.approx(40 / 46, rel=0.03)
    events = 4 * (1.959964 + 0.841621) ** 2 / math.log(40 / 46) ** 2  # Schoenfeld 1981, in both arms
    seen = 2 - math.exp(-100 / 40) - math.exp(-100 / 46)
    assert many["trial_size"] == pytest.approx(events / seen, rel=0.25)
    assert few[["lower", "upper"]].tolist() == pytest.approx(many[["lower", "upper"]].tolist(), rel=0.15)
    assert few["standard_error"] == pytest.approx(10 * many["standard_error"], rel=0.15)


def test_draws_of_one_tumour_are_no_patients_of_a_trial():
    found = comparison([[10, 20, 30], [12, 22, 33]]).survival_differences()
    assert list(found) == ["arm", "compared_with", "restricted_mean", "difference", "standard_error", "lower", "upper"]


def test_nobody_has_an_event():
    found = comparison([[math.inf] * 5, [math.inf] * 5], rows="patients")
    assert found.survival()["survival"].tolist() == [1.0] * 4
    table = found.survival_differences()
    assert table["restricted_mean"].tolist() == [100.0] * 2
    assert table["hazard_ratio"].tolist() == [1.0] * 2
    assert table["trial_size"].tolist() == [math.inf] * 2


def test_what_is_no_time_has_no_survival():
    with pytest.raises(mdr.SimulationError, match=r"'anc_nadir' is not a time.*'time_to_progression'"):
        comparison(np.ones((2, 3, 2)), items=(EFFICACY, HARM)).survival("anc_nadir")
    with pytest.raises(mdr.SimulationError, match="add one, such as"):
        comparison(np.ones((2, 3)), items=(HARM,)).survival()
    assert comparison(np.ones((2, 3, 2)), items=(HARM, EFFICACY)).survival().attrs["endpoint"] == EFFICACY.name


# -- regret and the front --------------------------------------------------------------------------------


def test_regret_by_hand():
    found = comparison([[10, 50, math.inf], [20, 40, 90]]).regret().set_index("arm")
    assert found["expected_regret"].tolist() == pytest.approx([10 / 3, (10 + 10) / 3])
    assert found["worst_regret"].tolist() == [10, 10]
    assert found["probability_best"].tolist() == pytest.approx([2 / 3, 1 / 3])
    low = comparison([[0.1, 0.5], [0.2, 0.4]], items=(resistant_share(),)).regret().set_index("arm")
    assert low["expected_regret"].tolist() == pytest.approx([0.05, 0.05])


@given(st.lists(st.lists(st.floats(0, 100), min_size=4, max_size=4), min_size=2, max_size=5))
@settings(max_examples=30, deadline=None)
def test_laws_of_regret(table):
    found = comparison(table).regret()
    assert (found["expected_regret"] >= 0).all()
    assert (found["worst_regret"] >= found["expected_regret"] - 1e-9).all()
    assert found["probability_best"].sum() == pytest.approx(1.0)
    alone = found["probability_best"] > 1 - 1e-9
    assert (found["expected_regret"][alone] == 0).all()


def test_the_front():
    # B is beaten by A in both; C trades; D is the same as A and neither beats the other
    efficacy = [[50, 60], [40, 50], [70, 55], [50, 60]]
    harm = [[3, 3], [2, 2], [1, 1], [3, 3]]
    found = comparison(np.stack([efficacy, harm], axis=-1), items=(EFFICACY, HARM)).pareto().set_index("arm")
    assert found["on_front"].tolist() == [True, False, True, True]
    assert found["probability_front"].tolist() == [1.0, 0.0, 0.5, 1.0]
    assert found["time_to_progression"].tolist() == [55, 45, 62.5, 55]
    assert list(found)[:3] == ["time_to_progression", "time_to_progression_lower", "time_to_progression_upper"]
    with pytest.raises(mdr.SimulationError, match="two endpoints or more"):
        comparison(np.ones((2, 3, 2)), items=(EFFICACY, HARM)).pareto("anc_nadir")


# -- how often -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("hits", "count"), [(0, 30), (3, 30), (15, 40), (30, 30)])
def test_exact_binomial_interval(hits, count):
    from scipy.stats import binomtest

    share, lower, upper = proportion(np.repeat([1.0, 0.0], [hits, count - hits]), 0.95)
    exact = binomtest(hits, count).proportion_ci(0.95, method="exact")
    assert (share, lower, upper) == pytest.approx((hits / count, exact.low, exact.high), abs=1e-10)


def test_paths_of_one_draw_are_not_independent():
    owner = np.repeat(np.arange(20), 50)
    rng = np.random.default_rng(1)
    alike = np.repeat(rng.random(20) < 0.4, 50).astype(float)  # every path of a draw is the same
    of_draws = proportion(alike[::50], 0.95)
    assert proportion(alike, 0.95, owner) == pytest.approx(of_draws, abs=1e-9)
    apart = (rng.random(1000) < 0.4).astype(float)
    width = np.ptp(proportion(apart, 0.95, owner)[1:])
    assert width == pytest.approx(np.ptp(proportion(apart, 0.95)[1:]), rel=0.5)


def test_coverage_of_the_paired_difference_of_probabilities():
    rng = np.random.default_rng(4)
    hits = 0
    for _ in range(400):
        patient = rng.random(60)
        gaps = (patient < 0.3).astype(float) - (rng.random(60) < 0.15)
        _, lower, upper = paired_proportions(gaps, 0.95)
        hits += lower <= 0.15 <= upper
    assert 0.92 <= hits / 400 <= 0.985


# -- what decides ----------------------------------------------------------------------------------------


def ishigami(rng, count):
    x = rng.uniform(-math.pi, math.pi, (count, 3))
    y = np.sin(x[:, 0]) + 7 * np.sin(x[:, 1]) ** 2 + 0.1 * x[:, 2] ** 4 * np.sin(x[:, 0])
    return x, y


def test_shares_of_variance_are_those_of_ishigami():
    """Closed form (Ishigami and Homma 1990): 0.3139, 0.4424 and 0."""
    x, y = ishigami(np.random.default_rng(2), 2000)
    found = comparison(
        [y - y.min(), np.zeros(2000) - y.min()], items=(HARM,), parameters=dict(zip("abc", x.T, strict=True))
    )
    table = found.deciders(arms=("A", "B")).set_index("parameter")
    assert table.loc[list("abc"), "first_order"].tolist() == pytest.approx([0.3139, 0.4424, 0.0], abs=0.04)


def test_value_of_knowing_in_closed_form():
    """D = a + b with a ~ N(0, 1), b ~ N(0, 0.5^2): EVPPI of a is E[max(a, 0)] = 1/sqrt(2 pi), of b half of it."""
    rng = np.random.default_rng(8)
    a, b, idle = rng.normal(0, 1, 4000), rng.normal(0, 0.5, 4000), rng.normal(size=4000)
    a, b = a - a.mean(), b - b.mean()
    found = comparison([a + b, np.zeros(4000)], items=(HARM,), parameters={"idle": idle, "b": b, "a": a})
    table = found.deciders(arms=("A", "B"))
    assert table["parameter"].tolist()[:2] == ["a", "b"]
    rows = table.set_index("parameter")
    assert rows["evppi"][["a", "b"]].tolist() == pytest.approx([0.3989, 0.1995], rel=0.05)
    assert rows["evppi"]["idle"] < 0.02
    assert table.attrs["evpi"] == pytest.approx(math.sqrt(1.25 / (2 * math.pi)), rel=0.05)
    assert rows["partial_correlation"]["a"] > rows["rank_correlation"]["a"] > 0.8
    assert abs(rows["rank_correlation"]["idle"]) < 0.05
    assert "knowing a would change the choice between 'A' and 'B' in" in rows["sentence"]["a"]
    assert table.attrs["notes"] == ()


def test_deciders_are_between_arms_that_differ():
    """C does what B does: nothing decides between these two, and the choice is between them and A."""
    x = np.linspace(-1, 1, 80)
    found = comparison([50 + x, np.full(80, 50.2), np.full(80, 50.2)], parameters={"x": x}).deciders()
    assert found.attrs["arms"] == ("B", "A")
    assert found["evppi"][0] == pytest.approx(np.maximum(x - 0.2, 0).mean(), rel=0.05)
    same = comparison([np.full(80, 50.0)] * 2, parameters={"x": x}).deciders()
    assert same.attrs["notes"][0] == "the difference is the same in every draw: no parameter decides"


@given(st.integers(0, 1000))
@settings(max_examples=20, deadline=None)
def test_knowing_one_parameter_is_never_worth_more_than_knowing_all(seed):
    """Differences that jump, where smooth regressions overshoot."""
    rng = np.random.default_rng(seed)
    x, z = rng.random(90), rng.normal(size=90)
    gaps = np.where(x > 0.9, 5.0, -0.1) + 0.02 * z
    found = comparison([50 + gaps, np.full(90, 50.0)], parameters={"x": x, "z": z}).deciders(arms=("A", "B"))
    assert (found["evppi"] <= found.attrs["evpi"] + 1e-12).all()
    assert found["parameter"][0] == "x"
    assert found["first_order"].between(0, 1).all()


def test_what_decides_nothing_is_said():
    rng = np.random.default_rng(5)
    found = comparison(
        [50 + 0.1 * rng.random(60), np.full(60, 10.0)], parameters={"x": rng.random(60), "same": np.ones(60)}
    ).deciders()
    assert found["parameter"].tolist() == ["x"]
    assert found["changes_choice"].tolist() == [0.0]
    assert found["evppi"].tolist() == [0.0]
    assert found.attrs["choice"] == "A"
    assert any("60 draws of 1 parameters are few" in note for note in found.attrs["notes"])


def test_an_idle_parameter_is_rarely_called_a_decider():
    rng = np.random.default_rng(6)
    x = np.linspace(-1, 1, 80)
    called = [bins(x, rng.normal(size=80)).max() > 0 for _ in range(200)]
    assert np.mean(called) < 0.15


def test_paths_are_averaged_and_failures_left_out():
    rng = np.random.default_rng(7)
    x = rng.random(40)
    values = np.stack([np.repeat(50 + 40 * (x - 0.5), 3) + rng.normal(0, 1, 120), np.full(120, 50.0)])
    values[0, 5] = math.nan
    found = comparison(values, parameters={"x": x}, replicates=3)
    assert (found.owner.max(), len(found.owner)) == (39, 119)
    table = found.deciders()
    assert table["draws"].tolist() == [40]
    assert table["first_order"][0] > 0.93
    assert table["changes_choice"][0] == pytest.approx(0.5, abs=0.12)


@pytest.mark.parametrize(
    ("build", "options", "words"),
    [
        ({"parameters": {"x": np.arange(5.0)}}, {}, "5 draws are too few"),
        ({}, {}, "every draw has the same parameters"),
        ({"parameters": {"x": np.ones(5)}}, {}, "every draw has the same parameters"),
        ({"parameters": {"x": np.arange(5.0)}}, {"arms": ("A", "Z")}, "no arm 'Z'"),
        ({"parameters": {"x": np.arange(5.0)}}, {"arms": "A"}, "are not two arms"),
    ],
)
def test_refusals_of_deciders(build, options, words):
    with pytest.raises(mdr.SimulationError, match=words):
        comparison(np.ones((2, 5)), **build).deciders(**options)


def test_a_parameter_that_others_determine_has_no_partial_correlation():
    rng = np.random.default_rng(9)
    x = rng.random(50)
    found = comparison([50 + x, 51 - x], parameters={"x": x, "twice": 2 * x, "z": rng.random(50)}).deciders()
    rows = found.set_index("parameter")
    assert math.isnan(rows["partial_correlation"]["x"])
    assert not math.isnan(rows["partial_correlation"]["z"])
    assert any("x, twice" in note or "twice, x" in note for note in found.attrs["notes"])
