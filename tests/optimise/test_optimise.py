"""Optimisation against closed forms, published optima and a grid; limits, draws, and what goes wrong."""

from __future__ import annotations

import logging
import math
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pandas as pd
import pytest

import pkpd_mdr as mdr
from pkpd_mdr.gallery.yoon2018 import cycle
from pkpd_mdr.optimise.gain import Gain, paired_gain
from pkpd_mdr.optimise.limits import Criterion, read_limits
from pkpd_mdr.optimise.notes import _doubt
from pkpd_mdr.run import Endpoint
from pkpd_mdr.units import Unit

MONRO = {"objective": "time_to_stop", "stop": {"burden": "5e11 cell"}, "until": "800 day"}
FAST = mdr.Accuracy(rtol=1e-6)
BOTH_SHRINK = {"n1_end": ("below", "1e6 cell"), "n2_end": ("below", "1e6 cell")}


def days(dose):
    """Days to 5e11 cells in Monro and Gaffney's model, one run."""
    plan = mdr.exposure("C0", dose)
    run = mdr.gallery.monro2009().simulate(plan, until=MONRO["until"], stop=MONRO["stop"])
    return run.endpoint("time_to_stop")


@pytest.fixture(scope="module")
def monro():
    arms = {"maximum": mdr.exposure("C0", 2), "one": mdr.exposure("C0", 1)}
    return mdr.optimise(
        mdr.gallery.monro2009(),
        lambda dose: mdr.exposure("C0", dose),
        {"dose": (0.1, 2.0)},
        arms=arms,
        candidates=100,
        **MONRO,
    )


@pytest.fixture(scope="module")
def linear():
    """Exponential growth and linear kill: only the area under each drug counts (card I13)."""
    return mdr.Model(
        mdr.medium("A", unit="nM"),
        mdr.medium("B", unit="nM"),
        mdr.clone("S", growth=mdr.growth.exponential(rate="0.1 1/day"), start=1e6),
        mdr.kill("A", on="S", slope="0.01 1/day/nM"),
        mdr.kill("B", on="S", slope="0.02 1/day/nM"),
    )


# -- published optima and closed forms ------------------------------------------------------------------


def test_the_interior_optimum_of_monro_is_found(monro):
    """581.58 days at dose 1 and 464.58 at 2 stand in the gallery; a grid of single runs agrees with the optimum."""
    grid = np.linspace(0.1, 2.0, 20)
    values = [days(float(dose)) for dose in grid]
    k = int(np.argmax(values))
    assert 0 < k < 19
    assert grid[k - 1] < monro.best["dose"] < grid[k + 1]
    assert monro.value >= max(values)
    assert monro.value == pytest.approx(days(monro.best["dose"]), rel=1e-5)
    # a maximum: a per cent of the range to either side is worse
    assert max(days(monro.best["dose"] - 0.02), days(monro.best["dose"] + 0.02)) < monro.value
    assert monro.gain.arm == "one"
    assert monro.gain.value == pytest.approx(monro.value - 581.58, abs=0.1)
    assert not monro.gain.noise
    assert not monro.flat()
    assert monro.within.loc["dose", "lowest"] < monro.best["dose"] < monro.within.loc["dose", "highest"]


@pytest.mark.parametrize(("drug", "edge"), [("A", 0.02 / 0.07), ("B", 0.06 / 0.09)])
def test_the_window_of_collateral_sensitivity_is_found(drug, edge):
    """Cycles shrink both clones iff g1B/(g1B + |g1A|) < share < |g2B|/(g2A + |g2B|): the least of A, the least of B."""
    found = mdr.optimise(
        mdr.gallery.yoon2018(),
        lambda share: cycle(share),
        {"share": (0.05, 0.95)},
        objective=f"exposure_{drug}",
        limits=BOTH_SHRINK,
        until="100 day",
        candidates=80,
    )
    assert found.feasible
    assert found.best["share"] == pytest.approx(edge, abs=2e-4)
    assert any("is active" in line for line in found.notes)


def test_without_a_window_no_cycle_shrinks_both(caplog):
    """g1B g2A > |g1A| |g2B|: each clone can be held alone, not both."""
    model = mdr.gallery.yoon2018().with_parameters({"slope_B_n2": "0.11 1/day"})
    found = mdr.optimise(
        model, cycle, {"share": (0.05, 0.95)}, objective="final_burden", limits=BOTH_SHRINK, until="100 day",
        candidates=60,
    )  # fmt: skip
    assert not found.feasible
    assert any("other candidates meet it, but none meets all" in line for line in found.notes)
    assert "No plan meets all limits" in str(found)
    assert any("is not met" in record.message for record in caplog.records)
    violations = [candidate.violation for candidate in found.candidates]
    assert min(violations) == found.history["violation"][found.history["violation"].idxmin()] > 0


def test_order_and_gap_do_not_matter_where_kill_is_linear(linear):
    parts = {"A": mdr.exposure("A", "10 nM", over="10 day"), "B": mdr.exposure("B", "10 nM", over="10 day")}
    found = mdr.optimise(
        linear,
        lambda sequence, gap: parts[sequence[0]].then(parts[sequence[1]], gap),
        {"sequence": mdr.order("A", "B"), "gap": ("0 day", "10 day")},
        objective="final_burden",
        until="60 day",
        candidates=60,
    )
    assert found.flat()
    assert found.value == pytest.approx(1e6 * math.exp(0.1 * 60 - 0.01 * 100 - 0.02 * 100), rel=1e-5)
    assert any("flat" in line for line in found.notes)


def test_a_constant_total_is_flat_in_the_number_of_fractions(linear):
    def fractions(count):
        return mdr.exposure("A", (100 / count, "nM"), over="2 day").every("4 day", times=count)

    found = mdr.optimise(
        linear, fractions, {"count": range(1, 8)}, objective="final_burden", until="40 day", candidates=50
    )
    assert found.evaluated == 7  # all combinations, once each
    assert found.flat("count")
    assert found.within.loc["count", ["lowest", "highest"]].tolist() == [1, 7]


def test_a_switch_time_is_that_of_the_closed_form():
    """A for tau, then B, of 30 days: S e^(-kA tau) + R e^(-kB (30 - tau)) is least where both slopes are equal."""
    model = mdr.Model(
        mdr.medium("A", unit=""),
        mdr.medium("B", unit=""),
        *(mdr.clone(k, growth=mdr.growth.exponential(rate="0.05 1/day"), start=n) for k, n in (("S", 1e7), ("R", 1e6))),
        mdr.kill("A", on="S", slope="0.3 1/day"),
        mdr.kill("B", on="R", slope="0.2 1/day"),
    )

    def switched(switch, label):
        first = mdr.exposure("A", 1, over=switch)
        return first & mdr.exposure("B", 1, over=(30 - switch.value, "day"), at=switch)

    found = mdr.optimise(
        model,
        switched,
        {"switch": ("1 day", "29 day"), "label": ["a", "b"]},
        objective="final_burden",
        until="30 day",
        candidates=110,
    )
    assert found.best["switch"].value == pytest.approx((math.log(1e7 * 0.3 / (1e6 * 0.2)) + 0.2 * 30) / 0.5, abs=5e-3)
    assert not found.flat("switch")
    assert found.flat("label")
    assert any("'label' hardly matters" in line for line in found.notes)


def test_what_can_be_traded_is_told_from_what_is_flat(linear):
    """Level and days count by their product: a ridge from end to end, on which neither is free by itself."""
    found = mdr.optimise(
        linear,
        lambda level, days: mdr.exposure("A", level, over=days),
        {"level": mdr.between("1 nM", "10 nM", log=True), "days": mdr.between("1 day", "10 day", log=True)},
        objective=Endpoint("off", ("burden",), _off_target, "low"),
        until="20 day",
        candidates=250,
        near=0.03,
    )
    assert found.best["level"].value * found.best["days"].value == pytest.approx(10, rel=0.02)
    assert not found.flat("level")
    assert not found.flat()
    assert any("'level' and 'days' can be traded for each other" in line for line in found.notes)


def _off_target(course):
    """1 where 20 days of growth and an area of 10 nM day meet, more elsewhere."""
    return 1 + abs(math.log(course.output("burden")[-1] / 1e6) - (2 - 0.1))


def test_a_total_dose_is_spent_and_not_passed(linear):
    """More drug is better here, so the optimum spends the allowed area: level x days = 200 nM day."""
    found = mdr.optimise(
        linear,
        lambda level, length: mdr.exposure("A", level, over=length),
        {"level": ("5 nM", "20 nM"), "length": ("5 day", "20 day")},
        objective="final_burden",
        limits={"given_A": ("below", (4800, "nM*h"))},
        until="40 day",
        candidates=120,
        accuracy=FAST,
    )
    area = found.best["level"].value * found.best["length"].value
    assert area == pytest.approx(200, rel=1e-3)
    assert area <= 200 * (1 + 1e-6)
    assert found.value == pytest.approx(1e6 * math.exp(4 - 0.01 * area), rel=1e-4)
    assert bool(found.limit_table["active"][0])


# -- draws ----------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def draws():
    rng = np.random.default_rng(3)
    return pd.DataFrame({"slope_A_S": 0.01 * rng.lognormal(0, 0.5, 20), "slope_B_S": 0.02 * rng.lognormal(0, 0.5, 20)})


def split(share):
    """A budget of exposure shared between two drugs, given together for 10 days."""
    first = mdr.exposure("A", (20 * share, "nM"), over="10 day") if share > 0 else mdr.nothing()
    second = mdr.exposure("B", (10 * (1 - share), "nM"), over="10 day") if share < 1 else mdr.nothing()
    return first & second


def shared(model, draws, criterion, **options):
    return mdr.optimise(
        model, split, {"share": (0.0, 1.0)}, objective="final_burden", parameters=draws, until="20 day",
        criterion=criterion, candidates=90, accuracy=FAST, **options,
    )  # fmt: skip


@pytest.fixture(scope="module")
def worst(linear, draws):
    return shared(linear, draws, "worst", arms={"A alone": split(1.0), "B alone": split(0.0)})


def test_the_worst_case_hedges_and_is_that_of_a_grid(linear, draws, worst):
    """log N = log N0 + 2 - 200 a share - 100 b (1 - share): the best worst draw is found on a fine grid."""
    all_of_them = _burdens(draws, worst.best["share"]).to_numpy()
    used = draws.to_numpy()[(np.abs(np.log(all_of_them[:, None] / worst.searched)) < 1e-4).any(axis=1)]
    assert len(used) == 10
    shares = np.linspace(0, 1, 10_001)
    exponents = 2 - 200 * used[:, :1] * shares - 100 * used[:, 1:] * (1 - shares)
    grid = 1e6 * np.exp(exponents.max(axis=0))
    assert worst.value == pytest.approx(grid.min(), rel=1e-4)
    assert worst.best["share"] == pytest.approx(shares[grid.argmin()], abs=2e-3)


def _burdens(draws, share):
    return 1e6 * np.exp(2 - 200 * draws["slope_A_S"] * share - 100 * draws["slope_B_S"] * (1 - share))


def test_the_draws_that_judge_were_not_used_in_the_search(draws, worst):
    together = np.sort(np.concatenate([worst.searched, worst.held_out]))
    assert len(worst.held_out) == 10
    np.testing.assert_allclose(together, np.sort(_burdens(draws, worst.best["share"])), rtol=1e-4)
    assert worst.gain.held_out
    assert worst.gain.pairs == 10


def test_one_seed_gives_one_optimum_and_an_executor_changes_nothing(linear, draws, worst):
    with ThreadPoolExecutor(2) as pool:
        again = shared(linear, draws, "worst", executor=pool)
    assert again.best == worst.best
    assert np.array_equal(again.searched, worst.searched)


def test_a_gain_within_the_noise_is_said(linear, draws, caplog):
    """The best share of a mean over few draws against an arm next to it: the difference is nothing."""
    found = shared(linear, draws, 0.2)
    near = found.best["share"]
    again = shared(linear, draws, 0.2, arms={"next to it": split(near + 1e-5)})
    assert again.gain.noise
    assert any("within the noise" in line for line in again.notes)
    assert any("within the noise" in record.message for record in caplog.records)


@pytest.mark.parametrize(
    ("gaps", "noise", "words"),
    [
        ([0.1] * 7 + [90.0], False, "better than 'arm' in most draws, but how much it gains in the mean is not sure"),
        ([0.1] * 4 + [-0.1] * 3 + [90.0], True, "within the noise: its 95 % interval on 8 draws holds zero"),
        ([1.0, 1.1, 1.2], False, "ahead of 'arm', but 3 draws are too few to be sure that it is better in most"),
        ([-0.1] * 12 + [10.0] * 8, False, "gains over 'arm' in the mean, but is not better in most of 20 draws"),
        ([-5.0] * 8, True, "'arm' is better than the optimum in the mean on the 8 draws"),
        ([1e-5] * 8, True, "in the mean is no more than the error of integration"),
        (list(range(1, 9)), False, None),
    ],
)
def test_the_interval_of_a_gain_and_the_sign_test_are_told_together(gaps, noise, words):
    """A mean of skewed gains is not sure though the optimum is better in every draw: neither is kept quiet."""
    arm = np.full(len(gaps), 100.0)
    rng = np.random.default_rng(1)
    value, lower, upper, better, found, often = paired_gain(
        arm + gaps, arm, Criterion(), high=True, confidence=0.95, rng=rng
    )
    assert found == noise
    gain = Gain("arm", value, lower, upper, 0.95, Unit.of("day"), better, len(gaps), True, found, often)
    doubts = found or lower <= 0 or not often
    assert doubts == (words is not None)
    if words:
        assert words in _doubt(gain, "the mean")
        assert not ("within the noise" in _doubt(gain, "the mean") and better == 1.0)


def test_an_arm_that_breaks_the_limits_is_no_rival(linear):
    """Twice the area that is allowed is better, of course; the notes say that nobody may give it."""
    found = mdr.optimise(
        linear,
        lambda dose: mdr.exposure("A", (dose, "nM"), over="24 h"),
        {"dose": (1.0, 500.0)},
        objective="final_burden",
        limits={"given_A": ("below", (2400, "nM*h"))},
        arms={"twice": mdr.exposure("A", "200 nM", over="24 h")},
        until="20 day",
        candidates=30,
        accuracy=FAST,
    )
    assert found.gain.upper < 0
    assert any("no plain arm meets the limits" in line and "'twice'" in line for line in found.notes)
    assert not any("better than the optimum" in line for line in found.notes)


def test_a_few_draws_are_not_split(linear, draws):
    found = shared(linear, draws[:5], "mean")
    assert len(found.searched) == 5
    assert not len(found.held_out)
    assert any("fewer than 8" in line for line in found.notes)


def test_the_interval_of_a_gain_covers_the_truth():
    """Paired differences of a known mean: Student's interval holds it in 95 % of samples (within 4 errors)."""
    rng, inside = np.random.default_rng(8), 0
    for _ in range(400):
        arm = rng.normal(100, 20, 12)
        best = arm + rng.normal(2, 3, 12)
        _, lower, upper, *_ = paired_gain(best, arm, Criterion(), high=True, confidence=0.95, rng=rng)
        inside += lower <= 2 <= upper
    assert abs(inside / 400 - 0.95) < 4 * math.sqrt(0.95 * 0.05 / 400)


def test_held_out_draws_know_no_optimism():
    """Thirty plans that are equal in truth: the best in the search seems better there, not on the other draws."""
    rng, fooled, judged = np.random.default_rng(4), 0, 0
    for _ in range(300):
        plans, arm = rng.normal(100, 10, (30, 24)), rng.normal(100, 10, 24)
        best = plans[plans[:, :12].mean(axis=1).argmax()]
        for part, half in enumerate((slice(None, 12), slice(12, None))):
            *_, noise, _ = paired_gain(best[half], arm[half], Criterion(), high=True, confidence=0.95, rng=rng)
            fooled, judged = fooled + (not noise) * (part == 0), judged + (not noise) * (part == 1)
    nominal = 0.025 + 4 * math.sqrt(0.025 * 0.975 / 300)
    assert judged / 300 < nominal
    assert fooled / 300 > 2 * nominal


def test_a_gain_of_low_values_is_positive():
    best, arm = np.array([1.0, 2.0, 3.0]), np.array([2.0, 4.0, 5.0])
    value, lower, _, better, noise, _ = paired_gain(
        best, arm, Criterion(0.0), high=False, confidence=0.9, rng=np.random.default_rng(1)
    )
    assert (value, better, noise) == (2.0, 1.0, False)
    assert lower > 0


# -- limits with draws ----------------------------------------------------------------------------------


def test_a_limit_may_hold_in_a_share_of_draws(linear, draws):
    """The more draws have to keep a burden, the more drug it takes."""
    found = [
        mdr.optimise(
            linear, lambda level: mdr.exposure("A", level, over="10 day"),
            {"level": mdr.between("1 nM", "200 nM", log=True)}, objective="exposure_A", parameters=draws,
            limits={"final_burden": ("below", "1e6 cell", share)}, until="20 day", candidates=90, accuracy=FAST, seed=1,
        )
        for share in (1.0, 0.5)
    ]  # fmt: skip
    assert found[0].best["level"].value > found[1].best["level"].value
    assert found[0].limit_table["kept"][0] == 10
    assert found[1].limit_table["kept"][0] == 5
    exact = 0.2 / draws["slope_A_S"].to_numpy()  # nM at which a draw ends where it began: 2 = 10 slope level
    for item in found:
        assert np.abs(item.best["level"].value / exact - 1).min() < 5e-3
    assert "in 50 % of draws" in str(found[1])
    assert found[0].limit_table["kept_held_out"][0] == 9  # a draw worse than those of the search is among the others
    for item, share in zip(found, (1.0, 0.5), strict=True):
        slips = item.limit_table["kept_held_out"][0] < share * 10
        assert any("held-out draws keep it" in line for line in item.notes) is bool(slips)


def test_strategies_can_be_optimised():
    """When to stop adaptive therapy in Strobl's model: a threshold as the variable."""
    found = mdr.optimise(
        mdr.gallery.strobl2021(0.5, 0.01),
        lambda stop: mdr.adaptive(mdr.exposure("D", 1), stop_below=stop, restart_above=1.0, visit="7 day"),
        {"stop": [0.3, 0.5, 0.8]},
        objective="time_to_stop",
        stop={"burden": 0.6},
        until="600 day",
    )
    assert found.evaluated == 3
    assert isinstance(found.plan, mdr.Strategy)
    assert (
        found.best["stop"] == 0.8
    )  # the more is left of the sensitive cells, the longer they hold resistant ones back


# -- what is shown --------------------------------------------------------------------------------------


def test_the_report_says_what_was_found(monro, worst):
    text = str(monro)
    assert "gain over 'one': +15" in text
    assert "0.1 to 2" in text
    assert "within 1 % of the best" in text
    assert "one set of parameter values" in text
    assert "held-out" in str(worst)
    assert "<table" in worst._repr_html_()
    assert worst.history.shape[0] == worst.evaluated
    assert set(worst.history["stage"]) <= {"populations", "polish", "along variables"}


def test_the_plot_has_units_and_the_best(monro, worst):
    ax = monro.plot()
    assert ax.get_xlabel() == "dose"
    assert ax.get_ylabel() == "time to stop [day]"
    assert "cell" in worst.plot("share").get_ylabel()
    with pytest.raises(mdr.SimulationError, match="share"):
        worst.plot("shares")


# -- what goes wrong ------------------------------------------------------------------------------------


def bad(model, plan=lambda dose: mdr.exposure("A", dose), variables=None, **options):
    options = {"objective": "final_burden", "until": "10 day", "candidates": 12} | options
    return mdr.optimise(model, plan, variables or {"dose": ("1 nM", "5 nM")}, **options)


@pytest.mark.parametrize(
    ("options", "error", "words"),
    [
        ({"plan": mdr.nothing()}, mdr.RegimenError, "function"),
        ({"plan": lambda dosis: None}, mdr.RegimenError, "did you mean 'dosis'"),
        ({"plan": lambda dose, gap: None}, mdr.RegimenError, "takes 'gap'"),
        ({"plan": lambda dose: 3}, mdr.RegimenError, r"plan\(dose=.* nM\) returned 3"),
        ({"plan": lambda dose: 1 / 0}, mdr.RegimenError, r"plan\(dose=.*ZeroDivisionError"),
        ({"plan": lambda dose: mdr.exposure("C", dose)}, mdr.RegimenError, r"plan\(dose=.*'C'"),
        ({"plan": lambda dose: mdr.exposure("A", dose).every("0 h")}, mdr.RegimenError, r"plan\(dose="),
        ({"objective": "final_burdn"}, mdr.SimulationError, "final_burden"),
        ({"objective": "anc_nadir"}, mdr.SimulationError, "anc"),
        ({"limits": {"anc_nadir": ("above", 1)}}, mdr.SimulationError, "anc"),
        ({"limits": {"nadir": ("over", "1e5 cell")}}, mdr.SimulationError, "'above'"),
        ({"limits": {"nadir": ("below", "1 h")}}, mdr.UnitError, "cell"),
        ({"limits": {"nadir": ("below", "1e5 cell", 1.5)}}, mdr.SimulationError, "share"),
        ({"limits": {"given_C": ("below", "1 mg")}}, mdr.SimulationError, "no drug 'C'"),
        ({"limits": {"given_A": ("below", "1 mg")}}, mdr.PkpdMdrError, "give the limit in that unit"),
        ({"limits": [1]}, mdr.SimulationError, "dict"),
        ({"criterion": "best"}, mdr.SimulationError, "criterion"),
        ({"parameters": pd.DataFrame({"slope_A": [1.0]})}, mdr.DataError, "slope_A_S"),
        ({"parameters": pd.DataFrame({"slope_A_S": [math.nan]})}, mdr.DataError, "finite"),
        ({"arms": {"x": 3}}, mdr.RegimenError, "'x'"),
        ({"until": "0 day"}, mdr.SimulationError, "until"),
        ({"candidates": 3}, mdr.SimulationError, "10 or more"),
        ({"near": 0.0}, mdr.SimulationError, "near"),
        ({"start": {"T": 1}}, mdr.PkpdMdrError, "T"),
    ],
)
def test_bad_input_is_refused_in_a_sentence(linear, options, error, words):
    with pytest.raises(error, match=words):
        bad(linear, **options)


def test_candidates_that_are_not_possible_are_left_out(linear):
    found = bad(linear, plan=lambda dose: mdr.exposure("A", dose) if dose.value < 3 else None)
    assert found.best["dose"].value < 3
    assert any("not possible" in line for line in found.notes)
    assert (found.history["failure"] != "").any()


def test_an_objective_that_is_no_number_is_said(linear):
    nothing = Endpoint("nothing", ("burden",), lambda course: math.nan, "high")
    with pytest.raises(mdr.SimulationError, match=r"none of \d+ candidates could be run.*'nothing' is not defined"):
        bad(linear, objective=nothing)
    broken = Endpoint("broken", ("burden",), lambda course: 1 / 0, "low")
    with pytest.raises(mdr.SimulationError, match="'broken' raised ZeroDivisionError: division by zero"):
        bad(linear, objective=broken)
    endless = Endpoint("endless", ("burden",), lambda course: math.inf, "high")
    with pytest.raises(mdr.SimulationError, match="'endless' is not finite"):
        bad(linear, objective=endless)


def test_a_time_that_is_not_reached_is_said(linear, caplog):
    with caplog.at_level(logging.WARNING):
        found = bad(linear, variables={"dose": ("20 nM", "50 nM")}, objective="time_to_progression")
    assert found.flat()
    assert any("not reached by 10 day" in line for line in found.notes)


def test_a_better_plain_arm_is_said(linear):
    found = bad(linear, arms={"more": mdr.exposure("A", "50 nM")})
    assert found.gain.value < 0
    assert any("'more' is better than all candidates" in line for line in found.notes)
    assert any("upper bound" in line for line in found.notes)


def test_a_bare_limit_is_a_number_as_the_endpoint_is_shown():
    """-30 was read as -3000 per cent, which no plan could keep."""
    model = mdr.Model(mdr.clone("S", growth=mdr.growth.exponential(rate="0.1 1/day"), start=1e6))
    for level in (-30, "-30 %"):
        (limit,) = read_limits(model, {"best_change": ("below", level)}, Unit.of("day"))
        assert limit.number == pytest.approx(-30)
        assert str(limit) == "best_change below -30 %"
