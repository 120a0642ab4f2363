"""Quantiles with censoring, ties, paired differences: laws and hand-computed cases."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

import pkpd_mdr as mdr
from pkpd_mdr.compare.statistics import best_shares, differences, quantile, same, spread

FINITE = st.floats(-1e6, 1e6)
TABLE = arrays(float, st.tuples(st.integers(1, 5), st.integers(1, 20)), elements=st.one_of(FINITE, st.just(math.inf)))


@given(arrays(float, st.integers(1, 40), elements=FINITE), st.floats(0, 1))
def test_quantile_agrees_with_numpy_without_censoring(values, share):
    assert quantile(values, share) == pytest.approx(float(np.quantile(values, share)), rel=1e-9, abs=1e-6)


def test_quantile_behind_a_censored_value_is_censored():
    values = np.array([3.0, math.inf, 1.0, 2.0, math.inf])
    assert quantile(values, 0.5) == 3.0
    assert quantile(values, 0.6) == math.inf
    assert spread(values, 0.95)[2] == math.inf


def test_infinite_differences_stay_infinite_on_their_side():
    """Of an endpoint that is no time and infinite all the same; a warning would fail this test."""
    gaps = differences(np.array([math.inf, 1.0, math.inf]), np.array([1.0, math.inf, math.inf]), math.inf, 1e-6, 0.0)
    assert gaps.tolist() == [math.inf, -math.inf, 0.0]
    assert quantile(np.array([-math.inf, 1.0]), 0.5) == -math.inf
    assert spread(gaps, 0.95) == (0.0, -math.inf, math.inf)


@given(TABLE, st.sampled_from(["high", "low"]))
def test_shares_of_best_add_up_to_one_and_go_to_the_best(values, better):
    shares = best_shares(values, better, 0.0, 0.0)
    assert shares.sum(axis=0) == pytest.approx(np.ones(values.shape[1]))
    best = values.max(axis=0) if better == "high" else values.min(axis=0)
    assert ((shares > 0) == (values == best)).all()


@given(arrays(float, st.integers(1, 20), elements=FINITE), st.integers(2, 5))
def test_identical_arms_share(values, arms):
    shares = best_shares(np.tile(values, (arms, 1)), "high", 1e-6, 0.0)
    assert shares == pytest.approx(np.full(shares.shape, 1 / arms))


def test_ties_within_the_integration_error_and_no_others():
    one, other = np.array([1.0, 1.0, math.inf, math.inf]), np.array([1.0 + 1e-8, 1.1, math.inf, 5.0])
    assert same(one, other, 1e-6, 0.0).tolist() == [True, False, True, False]
    assert same(np.array([0.0]), np.array([1e-7]), 1e-6, 0.0).tolist() == [False]
    assert same(np.array([0.0]), np.array([1e-7]), 1e-6, 1e-6).tolist() == [True]


@given(TABLE)
def test_differences_are_antisymmetric_and_finite(values):
    left, right = values[0], values[-1]
    forth, back = (differences(a, b, 2e6, 1e-9, 0.0) for a, b in ((left, right), (right, left)))
    assert np.isfinite(forth).all()
    assert (forth == -back).all()
    assert (differences(left, left, 2e6, 1e-9, 0.0) == 0).all()


def test_censored_times_count_as_the_end():
    gaps = differences(np.array([math.inf, 5.0, math.inf]), np.array([7.0, math.inf, math.inf]), 10.0, 1e-9, 0.0)
    assert gaps.tolist() == [3.0, -5.0, 0.0]


def test_ties_are_of_values_that_are_alike_or_nothing_and_not_of_small_differences():
    """Nanomolar levels in M differ by less than an absolute tolerance that means cells."""
    levels = np.array([[5e-9, 1e-10, 5e-9, 0.0], [5.4e-9, 1e-13, 5e-9 * (1 + 1e-7), 2e-9]])
    assert same(levels[0], levels[1], 1e-6, 1e-9).tolist() == [False, True, True, False]
    assert best_shares(levels[:, :1], "low", 1e-6, 1e-9)[:, 0].tolist() == [1.0, 0.0]


@pytest.mark.parametrize(("unit", "one"), [("nM", 1.0), ("M", 1e-9)])
def test_a_comparison_says_the_same_in_large_units(unit, one):
    arms = {name: mdr.exposure("x", (level * one, unit), over="5 h") for name, level in (("a", 5), ("b", 5.4))}
    model = mdr.Model(mdr.medium("x", unit=unit))
    found = mdr.compare(model, arms, until="10 h", endpoints=["C_x_peak", "auc_C_x"], measure="C_x")
    assert found.shares("C_x_peak").ravel().tolist() == found.shares("auc_C_x").ravel().tolist() == [1.0, 0.0]
