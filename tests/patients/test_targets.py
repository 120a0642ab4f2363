"""Weights that give reported numbers: closed forms, simulated endpoints, and what cannot be had."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import optimize

import pkpd_mdr as mdr
from pkpd_mdr import distributions as dist
from pkpd_mdr.patients.balancing import _apart, balanced


@pytest.fixture(scope="module")
def model():
    return mdr.Model(
        mdr.medium("A", unit="nM"),
        mdr.clone("S", growth=mdr.growth.exponential(rate="0.1 1/day"), start=1e6),
        mdr.kill("A", on="S", slope="0.01 1/day/nM"),
    )


@pytest.fixture(scope="module")
def cohort(model):
    recipe = {"growth_S": dist.lognormal("0.1 1/day", cv=0.4), "slope_A_S": dist.lognormal("0.01 1/day/nM", cv=0.4)}
    return mdr.patients(model, 300, recipe, seed=5)


def test_a_share_is_met_by_two_weights():
    """Of m ones and k zeros, each one gets p/m and each zero (1 - p)/k."""
    values = np.repeat([1.0, 0.0], [20, 80])
    weights = balanced([("x", values, 0.6)])
    np.testing.assert_allclose(weights, np.repeat([0.03, 0.005], [20, 80]), rtol=1e-7)


def test_the_weights_are_the_most_even_ones():
    """Against SLSQP on the primal problem."""
    rng = np.random.default_rng(1)
    x, y = rng.normal(size=(2, 12))
    ours = balanced([("x", x, 0.3), ("y", y, -0.2)])
    limits = [
        {"type": "eq", "fun": lambda w: w.sum() - 1},
        {"type": "eq", "fun": lambda w: w @ x - 0.3},
        {"type": "eq", "fun": lambda w: w @ y + 0.2},
    ]
    theirs = optimize.minimize(
        lambda w: float(np.sum(w * np.log(np.maximum(w, 1e-300)))),
        np.full(12, 1 / 12),
        bounds=[(1e-12, 1)] * 12,
        constraints=limits,
        options={"ftol": 1e-14, "maxiter": 500},
    )
    np.testing.assert_allclose(ours, theirs.x, atol=2e-5)


def test_simulated_endpoints_get_the_reported_quantiles(model, cohort):
    arms = {"A": mdr.exposure("A", "20 nM", over="10 day")}
    exact = (math.log(1.2) + 200 * cohort["slope_A_S"]) / cohort["growth_S"]  # days to 1.2 x start
    goals = [mdr.target("time_to_progression", median="25 day", quartiles=("408 h", "35 day"))]
    goals += [mdr.target("best_response", share=0.6, above=0.5), mdr.target("growth_S", mean="0.11 1/day")]
    found = mdr.match_targets(model, cohort, goals, arms=arms, until="300 day")
    w = found.weights
    assert w.sum() == pytest.approx(1)
    for level, share in ((17, 0.25), (25, 0.5), (35, 0.75)):
        assert w[exact <= level].sum() == pytest.approx(share, abs=1e-6)
    shrunk = 1 - np.exp(np.minimum(0, 10 * cohort["growth_S"] - 200 * cohort["slope_A_S"]))
    assert w[shrunk > 0.5].sum() == pytest.approx(0.6, abs=1e-6)
    assert w @ cohort["growth_S"] == pytest.approx(0.11, rel=1e-6)
    assert found.effective == pytest.approx(1 / np.sum(w**2))
    assert found.table["after"].iloc[:3].tolist() == pytest.approx([17, 25, 35], rel=0.05)
    even = found.resampled(2000, seed=1)
    assert even["growth_S"].mean() == pytest.approx(0.11, rel=0.005)
    some = found.accepted(seed=1)
    assert len(some) < len(cohort)
    assert len(some) == pytest.approx(1 / w.max(), abs=4 * math.sqrt(1 / w.max()))
    assert "effective number" in repr(found)


def test_few_effective_patients_are_told(model, cohort):
    found = mdr.match_targets(model, cohort, mdr.target("growth_S", mean="0.24 1/day"))
    assert found.effective < 30
    assert "rest on few patients" in found.notes[0]


def test_numbers_that_leave_patients_out_are_told(model, cohort):
    """Half of the patients at most at 0.12, half above 0.1: nobody may be between."""
    reported = mdr.target("growth_S", median="0.12 1/day", share=0.5, above="0.1 1/day")
    between = int(((cohort["growth_S"] > 0.1) & (cohort["growth_S"] <= 0.12)).sum())
    (note,) = mdr.match_targets(model, cohort, reported).notes
    assert note.startswith(f"{between} of 300 patients weigh nothing")


def test_a_refusal_says_who_would_be_left_out():
    values = np.array([0.0, 1.0, 1.0])
    told = _apart([("a", values, 0.5), ("b", values[::-1], 0.5)], np.array([0.5 - 1e-6, 2e-6, 0.5 - 1e-6]))
    assert "only if 1 of these 3 patients weigh nothing" in told


@pytest.mark.parametrize(
    ("targets", "options", "kind", "sentence"),
    [
        (
            mdr.target("growth_S", mean="9 1/day"),
            {},
            mdr.DataError,
            r"a mean of 9 cannot be had.*the patients have 0\.0",
        ),
        (mdr.target("growth_S", median="9 1/day"), {}, mdr.DataError, "all 300 patients have the same there"),
        (
            [mdr.target("growth_S", mean="0.1 1/day"), mdr.target("growth_S", share=0.99, below="0.08 1/day")],
            {},
            mdr.DataError,
            "cannot be had together",
        ),
        (mdr.target("growth_S", mean="3 kg"), {}, mdr.UnitError, "3 kg is not in a unit like '1/day'"),
        (mdr.target("growth_R", mean=1), {}, mdr.DataError, "no such column; did you mean 'growth_S'"),
        (mdr.target("nadir", mean=1), {"arms": {"a": mdr.nothing()}}, mdr.DataError, "until is missing"),
        (mdr.target("nadir", mean=1, arm="b"), {"arms": {"a": mdr.nothing()}}, mdr.DataError, "no arm 'b'"),
        (
            mdr.target("nadir", mean=1),
            {"arms": {"a": mdr.nothing(), "b": mdr.nothing()}},
            mdr.DataError,
            "say which with arm=",
        ),
        (
            mdr.target("time_to_progression", mean="3 day"),
            {"arms": {"a": mdr.exposure("A", "100 nM")}, "until": "20 day"},
            mdr.DataError,
            "not reached by .* patients, so it has no mean",
        ),
        ([], {}, mdr.DataError, r"targets is \[\]"),
    ],
)
def test_refusals(model, cohort, targets, options, kind, sentence):
    with pytest.raises(kind, match=sentence):
        mdr.match_targets(model, cohort, targets, **options)


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({}, "reports nothing"),
        ({"share": 0.5}, "share= goes with one of above= and below="),
        ({"share": 1.5, "above": 1}, "1.5 is no share of patients"),
        ({"median": 1, "quartiles": (2, 3)}, "quantiles grow with their share"),
        ({"sd": 1}, "sd= needs mean="),
        ({"quartiles": 3}, "give the first and the third"),
    ],
)
def test_bad_targets(options, sentence):
    with pytest.raises(mdr.DataError, match=sentence):
        mdr.target("nadir", **options)
