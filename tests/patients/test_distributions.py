"""Distributions against SciPy's, and against their own inverse."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

import pkpd_mdr as mdr
from pkpd_mdr import distributions as dist

SHARES = np.array([1e-6, 0.01, 0.25, 0.5, 0.8, 0.999])
SIGMA = math.sqrt(math.log(1.09))


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        (dist.normal("70 kg", sd="12000 g"), stats.norm(70, 12)),
        (dist.lognormal("5 L/h", cv=0.3), stats.lognorm(SIGMA, scale=5)),
        (dist.lognormal("5 L/h", sd=0.3), stats.lognorm(0.3, scale=5)),
        (dist.uniform("1 h", "3 h"), stats.uniform(1, 2)),
        (dist.log_uniform("1e-9 1/day", "1e-5 1/day"), stats.loguniform(1e-9, 1e-5)),
        (dist.beta(0.3, sd=0.1), stats.beta(0.3 * 20, 0.7 * 20)),
        (dist.beta(0.3, sd=0.1, low=2, high=4), stats.beta(0.3 * 20, 0.7 * 20, loc=2, scale=2)),
        (dist.triangular(1, 2, 5), stats.triang(0.25, loc=1, scale=4)),
        (dist.normal(0, sd=1).between(-1, 3), stats.truncnorm(-1, 3)),
    ],
    ids=lambda given: str(given) if isinstance(given, mdr.distributions.Distribution) else "",
)
def test_quantiles_are_those_of_scipy(ours, theirs):
    np.testing.assert_allclose(ours.quantile(SHARES), theirs.ppf(SHARES), rtol=1e-9)


def test_a_logit_normal_quantity_has_a_normal_logit():
    values = dist.logit_normal("20 mm", sd=0.7, low="10 mm", high="50 mm").quantile(SHARES)
    inner = (values - 10) / 40
    np.testing.assert_allclose(np.log(inner / (1 - inner)), math.log(0.25 / 0.75) + 0.7 * stats.norm.ppf(SHARES))


def test_the_coefficient_of_variation_is_that_of_the_values():
    values = dist.lognormal(2, cv=0.5).quantile((np.arange(200_000) + 0.5) / 200_000)
    assert values.std() / values.mean() == pytest.approx(0.5, rel=2e-3)
    assert np.median(values) == pytest.approx(2, rel=1e-4)


KINDS = [
    dist.normal(1, sd=2),
    dist.lognormal(1, cv=0.8),
    dist.logit_normal(0.4, sd=1.0),
    dist.uniform(-1, 2),
    dist.log_uniform(0.1, 10),
    dist.beta(0.4, sd=0.2),
    dist.triangular(0, 0, 1),
    dist.triangular(0, 1, 1),
]


@given(st.sampled_from(KINDS), st.floats(0.01, 0.98), st.floats(0.0, 1.0))
def test_cutting_keeps_shape_and_order(kind, first, u):
    """A cut distribution has the quantiles of the whole one, at shares scaled into the cut."""
    low, high = kind.quantile(np.array([first, first + 0.015]))
    cut = kind.between(low, high)
    value = float(cut.quantile(np.array(u)))
    assert low <= value <= high
    assert value == pytest.approx(float(kind.quantile(np.array(first + 0.015 * u))), rel=1e-6, abs=1e-9)


def test_measured_values_and_shares():
    assert dist.empirical([3, 1, 2], "kg").quantile(np.array([0.0, 0.33, 0.34, 0.99])).tolist() == [1, 1, 2, 3]
    assert dist.share(0.25).quantile(np.array([0.7, 0.8])).tolist() == [0, 1]
    assert dist.fixed("3 h").quantile(np.array([0.2, 0.9])).tolist() == [3, 3]


@pytest.mark.parametrize(
    ("call", "kind", "sentence"),
    [
        (
            lambda: dist.lognormal("0 L/h", cv=0.3),
            mdr.DataError,
            "the median is 0; a log-normal quantity is above zero",
        ),
        (lambda: dist.lognormal("1 L/h", cv=0.3, sd=0.3), mdr.DataError, "cv= and sd= say the same thing"),
        (lambda: dist.lognormal("1 L/h", cv=-1), mdr.DataError, "cv is -1; give a share"),
        (lambda: dist.normal("50 %", sd=5), mdr.UnitError, "sd: 5 is not in a unit like '%'"),
        (lambda: dist.uniform(0.2, "80 %"), mdr.UnitError, "high: '80 %' is not in a unit like"),
        (lambda: dist.normal("50 %", sd="5 %").between(20, "80 %"), mdr.UnitError, "an end: 20 is not in a unit"),
        (lambda: dist.lognormal("1 L/h", cv="30 %"), mdr.DataError, "cv is '30 %', not a number"),
        (lambda: dist.normal("70 kg", sd="1 cm"), mdr.UnitError, "'1 cm' is not in a unit like 'kg'"),
        (lambda: dist.normal("70 kg", sd="0 kg"), mdr.DataError, "sd is 0"),
        (lambda: dist.uniform("2 h", "60 min"), mdr.DataError, "'2 h' is not below '60 min'"),
        (lambda: dist.log_uniform(0, 1), mdr.DataError, "not above zero and in order"),
        (lambda: dist.beta(0.5, sd=0.6), mdr.DataError, "no beta distribution has the mean 0.5"),
        (lambda: dist.triangular(1, 0, 2), mdr.DataError, "are not in order"),
        (lambda: dist.logit_normal(1.5, sd=1), mdr.DataError, "the median 1.5 is not between 0 and 1"),
        (lambda: dist.empirical([]), mdr.DataError, r"\[\] are no values"),
        (lambda: dist.empirical([1, math.nan]), mdr.DataError, "value 1 is nan"),
        (lambda: dist.share(1.2), mdr.DataError, "1.2 is no share"),
        (lambda: dist.normal(0, sd=1).between(1, 1), mdr.DataError, "give low < high"),
        (lambda: dist.normal(0, sd=1).between(30, 31), mdr.DataError, "next to nothing of it lies between 30 and 31"),
        (lambda: dist.normal("1 h", sd="1 h").between(1), mdr.UnitError, "1 is not in a unit like 'h'"),
        (lambda: dist.lognormal(1).quantile(np.array(0.5)), mdr.DataError, "has no spread; give cv="),
    ],
)
def test_refusals(call, kind, sentence):
    with pytest.raises(kind, match=sentence):
        call()
