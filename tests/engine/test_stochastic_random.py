"""The random numbers of stochastic paths: the generator by its definition, the samplers by their distributions."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

from pkpd_mdr.engine.stochastic import random


def draws(call: object, count: int, *given: float, seed: int = 11) -> np.ndarray:
    state = random.streams([seed])
    return np.array([call(state, 0, *given) for _ in range(count)])  # type: ignore[operator]


def test_the_generator_follows_its_recurrences() -> None:
    state = random.streams([5])
    x, y = [int(v) for v in state[0, :3]], [int(v) for v in state[0, 3:]]
    m1, m2 = 2**32 - 209, 2**32 - 22853  # L'Ecuyer 1999, table of MRG32k3a
    for _ in range(2000):
        x.append((1403580 * x[-2] - 810728 * x[-3]) % m1)
        y.append((527612 * y[-1] - 1370589 * y[-3]) % m2)
        assert random._next(state, 0) == (x[-1] - y[-1]) % m1
    assert list(state[0]) == [*x[-3:], *y[-3:]]


def test_streams_are_apart_and_repeat() -> None:
    seeds = [1, 2, *np.random.SeedSequence(1).spawn(3)]
    first = random.streams(seeds)
    np.testing.assert_array_equal(first, random.streams(seeds))
    assert len({row.tobytes() for row in first}) == len(seeds)
    assert first.min() > 0
    assert first[:, :3].max() < random.M1
    assert first[:, 3:].max() < random.M2
    numbers = np.array([[random.uniform(first, row) for _ in range(4000)] for row in range(5)])
    correlation = np.corrcoef(numbers) - np.eye(5)
    assert np.abs(correlation).max() < 4.5 / math.sqrt(4000)


def test_uniform_and_exponential_numbers() -> None:
    assert stats.kstest(draws(random.uniform, 20_000), "uniform").pvalue > 1e-3
    assert stats.kstest(draws(random.exponential, 20_000, seed=3), "expon").pvalue > 1e-3
    u = draws(random.uniform, 20_000, seed=4)
    assert stats.kstest((u * 2**20) % 1.0, "uniform").pvalue > 1e-3  # bits beyond the first twenty, too
    assert abs(np.corrcoef(u[1:], u[:-1])[0, 1]) < 4.5 / math.sqrt(20_000)


def fits(found: np.ndarray, probability: object) -> float:
    """The p-value of a chi-square test on values that are expected 15 times or more, the rest in one class."""
    values = np.arange(found.min(), found.max() + 1)
    expected = probability(values) * len(found)  # type: ignore[operator]
    seen = np.array([(found == value).sum() for value in values])
    keep = expected >= 15
    seen = np.append(seen[keep], len(found) - seen[keep].sum())
    expected = np.append(expected[keep], len(found) - expected[keep].sum())
    return float(stats.chi2.sf((((seen - expected) ** 2)[expected > 1] / expected[expected > 1]).sum(), keep.sum()))


@pytest.mark.parametrize("mean", [0.2, 3.0, 9.99, 10.0, 13.0, 60.0, 700.0])
def test_poisson_numbers(mean: float) -> None:
    found = draws(random.poisson, 12_000, mean)
    assert fits(found, lambda k: stats.poisson.pmf(k, mean)) > 1e-3


@pytest.mark.parametrize(
    ("n", "p"), [(7, 0.3), (200, 0.02), (200, 0.98), (24, 0.5), (50, 0.4), (1000, 0.9), (4000, 0.1)]
)
def test_binomial_numbers(n: int, p: float) -> None:
    found = draws(random.binomial, 12_000, float(n), p)
    assert found.min() >= 0
    assert found.max() <= n
    assert fits(found, lambda k: stats.binom.pmf(k, n, p)) > 1e-3


@pytest.mark.parametrize("mean", [1e6, 1e12])
def test_numbers_with_a_huge_mean(mean: float) -> None:
    count, n = 4000, mean / 0.25
    for found, variance in (
        (draws(random.poisson, count, mean), mean),
        (draws(random.binomial, count, n, 0.25), mean * 0.75),
    ):
        assert abs(found.mean() - mean) < 4 * math.sqrt(variance / count)
        assert abs(found.var() / variance - 1) < 4 * math.sqrt(2 / count)
        assert (found == np.floor(found)).all()
    rare = draws(random.binomial, count, 1e12, 2e-11)
    assert fits(rare, lambda k: stats.poisson.pmf(k, 20.0)) > 1e-3


def test_logarithms_of_probabilities() -> None:
    k = np.array([0.0, 1.0, 14.0, 15.0, 16.0, 300.0, 1e6])
    for mean in (0.5, 15.0, 301.0, 1e6 + 3.0):
        found = [random._log_poisson(value, mean) for value in k]
        np.testing.assert_allclose(found, stats.poisson.logpmf(k, mean), rtol=1e-9, atol=1e-8)
    n = 1e6
    found = [random._log_binomial(value, n, 0.001) for value in k]
    np.testing.assert_allclose(found, stats.binom.logpmf(k, n, 0.001), rtol=1e-8, atol=1e-7)


def test_ends_and_parts() -> None:
    state = random.streams([1])
    assert random.poisson(state, 0, 0.0) == 0.0
    assert random.poisson(state, 0, math.nan) == 0.0
    assert [random.binomial(state, 0, 9.0, p) for p in (-0.1, 0.0, 1.0, 1.5)] == [0.0, 0.0, 9.0, 9.0]
    assert random.binomial(state, 0, 0.0, 0.5) == 0.0
    assert random.whole(state, 0, 4.0) == 4.0
    found = draws(random.whole, 8000, 2.3)
    assert set(found) == {2.0, 3.0}
    assert abs(found.mean() - 2.3) < 4 * math.sqrt(0.21 / 8000)
