"""The verdict in words says what the numbers say: ties, censored times, few draws, failures, what speaks against it."""

from __future__ import annotations

from dataclasses import replace
from textwrap import fill

import numpy as np
import pandas as pd
import pytest

import pkpd_mdr as mdr

INF = np.inf
UP = np.arange(8.0)


@pytest.fixture(scope="module")
def comparison():
    """Three arms of which nothing but their form matters."""
    model = mdr.Model(
        mdr.medium("dox", unit="nM"),
        mdr.clone("S", growth=mdr.growth.exponential(rate="0.1 1/day"), start=1e6),
        mdr.clone("R", growth=mdr.growth.exponential(rate="0.1 1/day"), start=1e3, resistant=True),
        mdr.kill("dox", on="S", slope="0.01 1/day/nM"),
    )
    dox = mdr.exposure("dox", "20 nM", over="5 day")
    arms = {"a": dox, "b": dox.shift("1 day"), "c": mdr.nothing()}
    return mdr.compare(model, arms, parameters=pd.DataFrame({"growth_S": [0.1, 0.12]}), until="120 day")


def known(comparison, values, other=None):
    """Known values in place of simulated ones: a row per arm, a column per draw."""
    table = np.stack(
        [np.array(values, dtype=float), np.array(values if other is None else other, dtype=float)], axis=-1
    )
    arms, endpoints = comparison.arms[: len(values)], comparison.endpoints
    return replace(comparison, arms=arms, endpoints=endpoints, values=table, ends=np.full(table.shape[:2], 120.0))


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ([10 + UP, 2 + UP / 2, 0 * UP + 1], "'a' is the best arm. 'a' has a median of 13.5 day, 'b', the next, 3.75"),
        ([10 + UP, 2 + UP / 2, 0 * UP + 1], "better than 'b' in 100 % of 8 draws (95 % interval: 63 to 100 %)"),
        ([10 + UP, 2 + UP / 2, 0 * UP + 1], "and the best of all in 100 %."),
        ([[10, 11, 12], [5, 5, 6], [1, 1, 1]], "'a' is ahead of 'b', but 3 draws are too few to be sure."),
        ([[10, 11, 12, 13], [9, 12, 10, 12], [1, 1, 1, 1]], "'a' is ahead, but cannot be told apart from 'b'."),
        ([[7, 7, 7, 7]] * 3, "all arms give the same value in every draw"),
        ([[0, 0]] * 3, "it is reached at the start already, by all arms in every draw"),
        ([[INF] * 4] * 3, "no arm reaches it within 120 day"),
        ([[9, 10, 20, 20], [10, 11, 12, 13], [1, 1, 1, 1]], "'a' is ahead, but cannot be told apart"),
        ([[9, 10, 11, 30, 40], [10, 10.5, 10.6, 31, 41], [1] * 5], "cannot be ranked"),
        ([100 + UP, 99.9 + UP, UP], "'a' and 'b' come to the same: they differ by less than 0.1 %. They are"),
        ([100 + UP, 99.9 + UP, UP], "They are the best arms. 'a' has a median of 103.5 day, 'c', the next, 3.5 day"),
        ([100 + UP, 100 + UP + 0.2 * (-1) ** UP, UP], "they differ by less than 0.2 %. They"),
        ([100 + UP, 99.9 + UP, 99.8 + UP], "'a', 'b' and 'c' come to the same"),
        ([[10, 11, INF, 13], [5, 5, 6, 6], [1] * 4], "Within 120 day, only one of the two reaches it in 25 %"),
        ([[INF, INF, 9], [INF, 5, 6], [1] * 3], "in 33 %, which counts as a tie; only one of them does in 33 %"),
        ([10 + UP, 10 + UP, 1 + UP], "'a' and 'b' are the same in every draw. They are the best arms."),
        ([10 + UP, 10 + UP, 1 + UP], "'a' has a median of 13.5 day, 'c', the next, 4.5 day"),
        ([[10, 11], [np.nan, 5], [1, 1]], "at one set of parameter values 'a' is best (11 day), before 'b' (5 day)"),
    ],
)  # fmt: skip
def test_verdicts_in_words(comparison, values, words):
    assert words in known(comparison, values).verdict()


@pytest.mark.parametrize("draws", [1, 8])
def test_arms_of_which_nothing_was_seen_are_not_called_the_same_nor_the_best(comparison, draws):
    """Neither progresses before the end of the run, so that nobody knows which of them is better."""
    found = known(comparison, [[INF] * draws, [INF] * draws, (10 + UP)[:draws]])
    said = found.verdict()
    assert "'a' and 'b' cannot be told apart: neither reaches it within 120 day" in said
    assert "a longer run or another endpoint may tell. " in said
    assert ("They are ahead of all other arms." if draws > 1 else "they are ahead (more than 120 day)") in said
    assert not any(word in said for word in ("the same", "best"))
    assert "in 100 % as none of them is there by the end" in str(found) or draws == 1


def test_what_is_the_same_as_far_as_it_is_seen_says_how_far_that_is(comparison):
    part = [*[INF] * 2, *(50 + UP)]
    said = known(comparison, [part, part, [1] * 10]).verdict()
    assert "are the same in every draw (in 20 % of draws neither reaches it within 120 day)" in said
    assert "(in 20 % of draws none reaches it within 120 day)" in known(comparison, [part] * 3).verdict()


def test_notes_on_arms_of_which_nothing_was_seen():
    """Two slow arms and a fast one: the null note says that the runs were too short, not that the two are the same."""
    tumour = mdr.Model(
        mdr.medium("dox", unit="nM"),
        mdr.clone("S", growth=mdr.growth.exponential(rate="0.1 1/day"), start=1e6),
        mdr.kill("dox", on="S", slope="0.01 1/day/nM"),
        quiet=True,
    )
    arms = {name: mdr.exposure("dox", level, over="20 day") for name, level in {"a": "20 nM", "b": "30 nM"}.items()}
    found = mdr.compare(tumour, arms | {"c": mdr.nothing()}, until="19 day", endpoints=["time_to_progression"])
    assert (
        "the runs of 'a' and 'b' end before time_to_progression in every draw, which does not tell them apart: a "
        "longer run or another endpoint may" in found.notes
    )
    longer = mdr.compare(tumour, arms | {"c": mdr.nothing()}, until="90 day", endpoints=["time_to_progression"])
    assert longer.verdict().startswith("Time to progression: at one set of parameter values 'b' is best")


def test_long_names_of_arms_leave_room_for_numbers(comparison):
    names = ("dox 60 mg/m2 every 21 days for six cycles, then pac weekly", "b", "dox 60 mg/m2 every 21 days for six x")
    found = replace(known(comparison, [10 + UP, 5 + UP, 1 + UP]), arms=names, given=comparison.given.iloc[:0])
    tables = str(found).split("\n\n")[1:3]
    assert max(len(line) for table in tables for line in table.splitlines()[1:]) < 120
    assert "difference to dox 60 mg/m2 ... pac weekly" in tables[0]
    twins = replace(found, arms=(names[0], names[0].replace("six", "two"), "b"))
    assert all(f"dox 60 mg/m2 ... pac weekly (arm {k})" in str(twins).split("\n\n")[1] for k in (1, 2))


def test_ties_are_told_as_ties_and_not_as_halves(comparison):
    """Seven of eight draws tie, as neither arm progresses; the eighth goes to b."""
    said = known(comparison, [[INF] * 7 + [50], [INF] * 7 + [60], [1] * 8]).verdict()
    assert "'a' and 'b' tie in 88 % of draws" in said or "'b' and 'a' tie in 88 % of draws" in said
    assert "better than 'a' in 12 %, worse in 0 % and the same in 88 % of 8 draws" in said


def test_an_arm_that_is_never_worse_is_told_as_such_if_enough_draws_differ(comparison):
    tied = [5.0, 5.0]
    many = known(comparison, [[*(10 + UP), *tied], [*(2 + UP), *tied], [1] * 10]).verdict()
    assert "'a' is as good as 'b' or better in all draws." in many
    few = known(comparison, [[10, 11, 12, *tied], [2, 3, 4, *tied], [1] * 5]).verdict()
    assert "'a' is ahead, but cannot be told apart from 'b'." in few


def test_the_rival_is_who_is_ahead_within_the_draws(comparison):
    """By its median a is best; c is always just behind it, but b beats it in three draws of five."""
    a = np.array([1.0, 2, 50, 60, 70])
    found = known(comparison, [a, [10, 11, 51, 0, 0], a - 0.5])
    assert (found.best(), found.difference("a", "b").median) == ("a", -1)
    assert "'a' has the better median, but 'b' is better within most draws: they cannot be ranked." in found.verdict()


def test_two_equal_arms_at_one_set_of_values_are_both_best(comparison):
    said = known(comparison, [[10], [10], [5]]).verdict()
    assert "'a' and 'b' are the same. At one set of parameter values they are best (10 day), before 'c' (5 day)" in said
    near = known(comparison, [[10], [9.999], [9.998]]).verdict()
    assert "'a', 'b' and 'c' come to the same: they differ by less than 0.02 %. 'a' has 10 day." in near


def test_left_out_draws_are_told(comparison):
    said = known(comparison, [[*(10 + UP), np.nan], [*(2 + UP), 1], [1] * 9]).verdict()
    assert "Left out: 1 of 9 draws, which not every arm finished" in said


def test_endpoints_that_speak_against_the_best_arm_are_named(comparison):
    """The other endpoint is a resistant share: low is good, and c surely has the lowest."""
    found = known(comparison, [10 + UP, 2 + UP, 0 * UP + 1], [0.5 + UP / 100, 0.4 + UP / 100, 0.1 + UP / 100])
    assert "Against 'a': 'c' is better in resistant share (0.135 against 0.535)." in found.verdict()
    assert "Against" not in found.verdict("resistant_share")
    little = known(comparison, [10 + UP, 2 + UP, 0 * UP + 1], [0.5 + UP / 100, 0.49 + UP / 100, 0.6 + UP / 100])
    assert "Against" not in little.verdict()
    unsure = known(comparison, [10 + UP, 2 + UP, 0 * UP + 1], [0.5 + UP / 100, 0.4 + UP / 9, 0.49 + UP / 50])
    assert "Against" not in unsure.verdict()


def test_printing_begins_with_the_verdict(comparison):
    found = known(comparison, [10 + UP, 2 + UP, 0 * UP + 1])
    assert fill(found.verdict(), 110, break_long_words=False, break_on_hyphens=False) in str(found)
    assert found.verdict().replace("'", "&#x27;") in found._repr_html_()


def test_the_error_of_a_share_is_that_of_the_draws(comparison):
    """Clopper and Pearson by the binomial distribution itself; paths of one draw are one piece of evidence."""
    from scipy.stats import beta, binomtest

    values = [[10, 11, 12, 13, 1, 2, 16, 17, 18, 19], [5] * 10, [0] * 10]
    gap = known(comparison, values).difference("a", "b")
    exact = binomtest(8, 10).proportion_ci(0.95, method="exact")
    assert (gap.better, gap.better_lower, gap.better_upper) == pytest.approx((0.8, exact.low, exact.high), abs=1e-12)
    assert "(44.4 to 97.5 %)" in str(gap)
    paths = replace(known(comparison, values), settings=replace(comparison.settings, replicates=5))
    gap = paths.difference("a", "b")  # two draws, in each of which a is better in four paths of five
    assert (gap.better, gap.better_lower) == pytest.approx((0.8, beta.ppf(0.025, 1.6, 1.4)))
    assert gap.better_upper == pytest.approx(beta.ppf(0.975, 2.6, 0.4))


def test_patients_are_told_as_patients_with_the_mean_difference(comparison):
    """Student's interval by hand: a share of patients who do better is not how sure it is that an arm is better."""
    from scipy.stats import ttest_1samp

    settings = replace(comparison.settings, rows="patients")
    found = replace(known(comparison, [10 + UP**2, 9 + UP, 0 * UP + 1]), settings=settings)
    exact = ttest_1samp(1 + UP**2 - UP, 0).confidence_interval(0.95)
    words = (
        f"On average over the patients it is +15 day (95 % interval of the mean: {exact.low:+.3g} to {exact.high:+.3g})"
    )
    assert words in found.verdict()
    assert "8 virtual patients, the same for all arms" in str(found)
    gaps = [[*(10 + UP), 1], [*(9 + UP / 2), 5], [0] * 9]
    most = replace(known(comparison, gaps), settings=settings).verdict()
    assert "'a' is better for most patients, and 'b' for others." in most
    assert "'a' is ahead, but cannot be told apart from 'b'." in known(comparison, gaps).verdict()
    assert "a share of them is how many fare so, not how sure it is what is better for all" in str(found)


def test_patients_within_draws(comparison):
    """The way docs/comparing.md shows: patients for each draw of what is not known, and the mean within it."""
    model = mdr.Model(
        mdr.medium("dox", unit="nM"),
        mdr.clone("S", growth=mdr.growth.exponential(rate="0.1 1/day"), start=1e6),
        mdr.kill("dox", on="S", slope="0.01 1/day/nM"),
    )
    unsure = pd.DataFrame({"slope_dox_S": 0.01 * np.linspace(0.9, 1.1, 5)})
    spread = {"growth_S": mdr.distributions.lognormal("0.1 1/day", cv=0.2)}
    groups = [mdr.patients(model, 6, spread, draws=unsure.iloc[[k]], seed=k).frame for k in range(5)]
    arms = {"a": mdr.exposure("dox", "20 nM", over="5 day"), "b": mdr.nothing()}
    found = mdr.compare(model, arms, parameters=pd.concat(groups), until="60 day")
    gaps = pd.Series(found.gaps("a", "b"))
    means = gaps.groupby(np.repeat(range(5), 6)[found.kept]).mean()
    growth = np.concatenate([group["growth_S [1/day]"] for group in groups])
    exact = np.repeat(unsure["slope_dox_S"], 6).to_numpy() * 20 * 5 / growth  # days that the kill takes to regrow
    assert gaps.to_numpy() == pytest.approx(exact, rel=1e-5)
    assert means.to_numpy() == pytest.approx(exact.reshape(5, 6).mean(axis=1), rel=1e-5)


def test_a_cohort_is_recognised():
    model = mdr.Model(mdr.clone("S", growth=mdr.growth.exponential(rate="0.1 1/day"), start=1e6), mdr.medium("dox"))
    spread = {"growth_S": mdr.distributions.lognormal("0.1 1/day", cv=0.2)}
    cohort = mdr.patients(model, 3, spread, seed=1)
    arms = {"a": mdr.nothing(), "b": mdr.exposure("dox", "1 uM")}
    told = [mdr.compare(model, arms, parameters=one, until="9 day") for one in (cohort, cohort.frame)]
    assert [found.settings.members for found in told] == ["patients", "draws"]
    assert np.array_equal(told[0].values, told[1].values)


@pytest.mark.parametrize("count", [3, 8, 40])
def test_equal_arms_are_seldom_called_better(comparison, count):
    """Calibration under the null: three arms that differ by chance alone, in 200 comparisons."""
    rng = np.random.default_rng(count)
    sure = sum(
        "is the best arm" in said or "as good as" in said
        for said in (known(comparison, rng.lognormal(3, 0.5, (3, count))).verdict() for _ in range(200))
    )
    assert sure <= 5


def test_an_arm_that_is_behind_in_the_middle_and_best_in_many_draws_is_named(comparison):
    """b is always just behind a, while c, far behind in most draws, is the best of all in four of ten."""
    up = np.arange(10.0)
    said = known(comparison, [10 + up, 9 + up, [100.0] * 4 + [0.0] * 6]).verdict()
    assert "'a' is ahead of 'b', but not of every arm in all draws." in said
    assert said.endswith("and the best of all in 60 %, 'c' in 40 %.")
    assert "and the best of all in 100 %. " in known(comparison, [10 + up, 9 + up, 0 * up]).verdict()


def test_a_duration_of_zero_is_not_called_reached(comparison):
    lasts = mdr.endpoints.time_below("1 cell", of="burden", name="time_to_progression")
    items = (lasts, *comparison.endpoints[1:])
    said = known(replace(comparison, endpoints=items), np.zeros((3, 2))).verdict()
    assert said == "Time to progression: it takes no time under any arm, in every draw; choose another level."
