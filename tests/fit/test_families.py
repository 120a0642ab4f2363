"""Likelihoods beyond the normal one: written out by SciPy, differentiated, and recovered from simulated truths."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy import stats

import pkpd_mdr as mdr
from pkpd_mdr.data import Condition, from_frame
from pkpd_mdr.errors import FitError
from pkpd_mdr.fit import fit
from pkpd_mdr.fit.errors import ErrorModel, read_errors
from pkpd_mdr.fit.free import read_free
from pkpd_mdr.fit.likelihoods import (
    Terms,
    beta_binomial,
    binomial,
    censored,
    negative_binomial,
    normal,
    student_t,
)
from pkpd_mdr.fit.objective import Objective
from pkpd_mdr.fit.posing import pose
from pkpd_mdr.regimen import nothing

ONE = [Condition("all", {}, nothing())]
N = np.array([1.0, 5.0, 40.0, 300.0])
K = np.array([0.0, 2.0, 31.0, 300.0])
P = np.array([0.2, 0.5, 0.9, 0.97])


def summed(terms: Terms) -> float:
    return float(terms.value.sum())


def test_densities_are_those_of_scipy() -> None:
    z, m, s = np.array([1.0, -2.0, 7.0]), np.array([0.5, 0.0, 1.0]), np.array([0.3, 2.0, 1.5])
    assert np.allclose(normal(z - m, np.log(s)).value, -2 * stats.norm.logpdf(z, m, s), rtol=1e-12)
    for df in (1.0, 3.7, 60.0):
        expected = -2 * stats.t.logpdf(z, df, m, s)
        assert np.allclose(student_t(z - m, np.log(s), np.log(df)).value, expected, rtol=1e-12)
    assert np.allclose(binomial(K, N, P).value, -2 * stats.binom.logpmf(K, N, P), rtol=1e-10)
    a, b = P * 12.0, (1 - P) * 12.0
    assert np.allclose(beta_binomial(K, N, P, np.log(12.0)).value, -2 * stats.betabinom.logpmf(K, N, a, b), rtol=1e-10)
    mean, times, alpha = np.array([0.4, 3.0, 250.0]), np.array([1.0, 2.0, 3.0]), 0.3
    count, size = np.array([0.0, 9.0, 600.0]), times / alpha
    expected = -2 * stats.nbinom.logpmf(count, size, size / (size + times * mean))
    assert np.allclose(negative_binomial(count, times, mean, np.log(alpha)).value, expected, rtol=1e-10)


def test_probabilities_beyond_a_limit() -> None:
    limit, m, s = np.array([1.0, 1.0, 1.0, 40.0]), np.array([0.5, 3.0, 60.0, 0.0]), np.array([0.3, 1.0, 1.0, 1.0])
    below, above = -np.ones(4), np.ones(4)
    assert np.allclose(censored(limit - m, np.log(s), below, None).value, -2 * stats.norm.logcdf(limit, m, s))
    assert np.allclose(censored(limit - m, np.log(s), above, None).value, -2 * stats.norm.logsf(limit, m, s))
    tail = censored(limit - m, np.log(s), below, np.log(4.0)).value
    assert np.allclose(tail, -2 * stats.t.logcdf(limit, 4.0, m, s), rtol=1e-10)


FAMILIES: dict[str, Any] = {
    "normal": lambda x: normal(1.3 - x[:1], x[1:2]),
    "student": lambda x: student_t(1.3 - x[:1], x[1:2], x[2]),
    "below": lambda x: censored(1.3 - x[:1], x[1:2], -np.ones(1), None),
    "above": lambda x: censored(1.3 - x[:1], x[1:2], np.ones(1), np.log(4.0)),
    "binomial": lambda x: binomial(np.array([7.0]), np.array([20.0]), x[:1]),
    "beta binomial": lambda x: beta_binomial(np.array([7.0]), np.array([20.0]), x[:1], x[2]),
    "negative binomial": lambda x: negative_binomial(np.array([7.0]), np.array([2.0]), x[:1], x[2]),
}


@pytest.mark.parametrize("name", FAMILIES)
def test_slopes_are_derivatives(name: str) -> None:
    x, step = np.array([0.4, 0.3, 1.1]), 1e-6
    slope = FAMILIES[name](x).slope[0]
    for i in range(3):
        shift = step * np.eye(3)[i]
        numeric = (summed(FAMILIES[name](x + shift)) - summed(FAMILIES[name](x - shift))) / (2 * step)
        assert slope[i] == pytest.approx(numeric, rel=1e-6, abs=1e-7)


def test_information_is_the_variance_of_the_score() -> None:
    """Twice the Fisher information is half the expected square of the slope: by quadrature or summing outcomes."""
    grid = np.linspace(-400, 400, 400_001)
    weight = np.gradient(grid) * np.exp(-0.5 * student_t(grid, np.full(len(grid), 0.2), np.log(4.0)).value)
    for terms, chance in (
        (student_t(grid, np.full(len(grid), 0.2), np.log(4.0)), weight),
        (normal(grid, np.full(len(grid), 0.2)), np.gradient(grid) * stats.norm.pdf(grid, 0, np.exp(0.2))),
    ):
        expected = np.einsum("k,ki,kj->ij", chance, terms.slope, terms.slope) / 2
        assert np.allclose(terms.information[0], expected, rtol=1e-3, atol=1e-4)
    counts, many = np.arange(41.0), np.full(41, 40.0)
    for made in (
        lambda: beta_binomial(counts, many, np.full(41, 0.3), np.log(8.0)),
        lambda: binomial(counts, many, np.full(41, 0.3)),
    ):
        terms = made()
        expected = np.einsum("k,ki,kj->ij", np.exp(-0.5 * terms.value), terms.slope, terms.slope) / 2
        assert np.allclose(terms.information[0], expected, rtol=1e-9, atol=1e-9)
    counts = np.arange(4000.0)
    terms = negative_binomial(counts, np.ones(4000), np.full(4000, 30.0), np.log(0.2))
    expected = np.einsum("k,ki,kj->ij", np.exp(-0.5 * terms.value), terms.slope, terms.slope) / 2
    assert np.allclose(terms.information[0], expected, rtol=1e-6, atol=1e-8)


# -- in fits -----------------------------------------------------------------------------------------------

DECAY = mdr.Model(mdr.observable("y", "A*exp(-k*t)"), mdr.parameter("A", 30.0), mdr.parameter("k", "0.3 1/h"))
FREE: dict[str, Any] = {"A": (0.1, 1000), "k": ("0.01 1/h", "3 1/h")}
TIMES = np.repeat(np.arange(0.0, 8.0, 0.5), 4)
SIZE = 40.0 * np.exp(-0.4 * TIMES)


def table(value: np.ndarray, **more: Any) -> mdr.Data:
    repeats = np.tile(["1", "2", "3", "4"], len(TIMES) // 4)
    frame = pd.DataFrame({"condition": "all", "time": TIMES, "value": value, "replicate": repeats, **more})
    return from_frame(frame, ONE, units={"y": ""})


def made(error: Any, seed: int = 1) -> mdr.Data:
    rng = np.random.default_rng(seed)
    if error == "negative_binomial":
        return table(rng.negative_binomial(1 / 0.15, 1 / (1 + 0.15 * SIZE)).astype(float))
    if error in ("binomial", "beta_binomial"):
        n, p = np.tile([20.0, 50.0], len(TIMES) // 2), 0.9 * np.exp(-0.4 * TIMES)
        p = rng.beta(p * 20, (1 - p) * 20) if error == "beta_binomial" else p
        return table(rng.binomial(n.astype(int), p) / n, n=n)
    spread = 2.0 * rng.standard_t(4, len(TIMES))
    if error == mdr.student_t("lognormal", df=4):
        return table(SIZE * np.exp(0.05 * spread))
    return table(SIZE + spread)


KINDS = ["student_t", mdr.student_t("lognormal", df=4), "negative_binomial", "binomial", "beta_binomial"]


def expected_value(error: Any, data: mdr.Data, f: np.ndarray, own: dict[str, float]) -> float:
    """Minus twice the log-likelihood of the measurements, by SciPy."""
    rows = data.table
    y, n = rows["value"].to_numpy(), rows["n"].to_numpy(dtype=float)
    if error == "negative_binomial":
        return float(-2 * stats.nbinom.logpmf(y, 1 / own["alpha"], 1 / (1 + own["alpha"] * f)).sum())
    if error == "binomial":
        return float(-2 * (stats.binom.logpmf(np.round(y * n), n, f) + np.log(n)).sum())
    if error == "beta_binomial":
        m = 1 / own["rho"] - 1
        return float(-2 * (stats.betabinom.logpmf(np.round(y * n), n, f * m, (1 - f) * m) + np.log(n)).sum())
    if error == "student_t":
        return float(-2 * stats.t.logpdf(y, own["df"], f, own["a"]).sum())
    return float(-2 * (stats.t.logpdf(np.log(y), 4, np.log(f), own["s"]) - np.log(y)).sum())


@pytest.mark.parametrize("error", KINDS, ids=str)
def test_maximum_likelihood_against_a_plain_search(error: Any) -> None:
    from scipy.optimize import minimize

    data, free = made(error), dict(FREE)
    model = DECAY
    if error in ("binomial", "beta_binomial"):
        model, free["A"] = DECAY.with_parameters(A=0.5), (0.01, 0.9999)
    found = fit(model, data, free, error=error, starts=3, seed=2)
    times = found.objective.problem.rows.time

    names = list(found.errors["parameter"])

    def cost(x: np.ndarray) -> float:
        f = np.exp(x[0]) * np.exp(-np.exp(x[1]) * times)
        if error in ("binomial", "beta_binomial") and f.max() >= 1:
            return np.inf
        return expected_value(error, data, f, dict(zip(names, np.exp(x[2:]), strict=True)))

    here = np.log([*found.values.values(), *found.errors["estimate"]])
    assert cost(here) == pytest.approx(-2 * found.log_likelihood, rel=1e-9)
    options = {"xatol": 1e-7, "fatol": 1e-9, "maxiter": 4000}
    searched = minimize(cost, here + 0.02, method="Nelder-Mead", options=options)
    assert cost(here) <= searched.fun + 1e-5
    assert np.abs(found.best.gradient).max() < 1e-2


@pytest.mark.parametrize("error", KINDS, ids=str)
def test_gradient_of_the_objective(error: Any) -> None:
    data = made(error)
    target = Objective(pose(DECAY, data, read_free(DECAY, FREE)), read_errors(error, data))
    point = target.complete(np.log([0.8 if "binomial" in str(error) and error != "negative_binomial" else 35.0, 0.35]))
    here, step = target.evaluate(point + 0.05), 1e-6
    for j in range(len(point)):
        shift = step * np.eye(len(point))[j]
        up, down = target.evaluate(point + 0.05 + shift), target.evaluate(point + 0.05 - shift)
        assert (up.value - down.value) / (2 * step) == pytest.approx(here.gradient[j], rel=1e-5, abs=1e-5)


def test_truth_is_found_again() -> None:
    counts = np.random.default_rng(2).negative_binomial(1 / 0.15, 1 / (1 + 0.15 * 20 * SIZE)).astype(float)
    found = fit(DECAY, table(counts), {"A": (1, 1e4), "k": FREE["k"]}, error="negative_binomial", starts=2)
    assert found.estimates.loc["k", "lower"] < 0.4 < found.estimates.loc["k", "upper"]
    assert found.errors["estimate"].iloc[0] == pytest.approx(0.15, abs=0.06)
    robust = fit(DECAY, made("student_t"), FREE, error="student_t", starts=2)
    assert 2 < robust.errors.set_index("parameter").loc["df", "estimate"] < 10


def test_outliers_pull_less() -> None:
    values = SIZE + np.random.default_rng(3).normal(size=len(SIZE))
    values[[5, 20, 37]] += 60.0
    plain, robust = (fit(DECAY, table(values), FREE, error=e, starts=1) for e in ("additive", "student_t"))
    assert abs(robust.values["A"] - 40) < 0.2 * abs(plain.values["A"] - 40)
    assert robust.aic < plain.aic - 50


def test_families_compare_by_aic() -> None:
    """Many counts with little overdispersion are as good as normal: the likelihoods are on one scale."""
    rng = np.random.default_rng(5)
    counts = table(rng.poisson(100 * SIZE).astype(float))
    free = {"A": (1, 1e5), "k": FREE["k"]}
    model = DECAY.with_parameters(A=3000.0)
    discrete = fit(model, counts, free, error="negative_binomial", starts=1)
    quasi = fit(model, counts, free, error="poisson", starts=1)
    assert discrete.log_likelihood == pytest.approx(quasi.log_likelihood, abs=3.0)
    assert discrete.values["k"] == pytest.approx(quasi.values["k"], rel=1e-3)
    n = np.full(len(SIZE), 20000.0)
    shares = table(rng.binomial(20000, SIZE / 80) / n, n=n)
    half = {"A": (0.01, 0.99), "k": FREE["k"]}
    exact = fit(DECAY.with_parameters(A=0.5), shares, half, error="binomial", starts=1)
    p = SIZE / 80
    normal_limit = stats.norm.logpdf(shares.table["value"], p, np.sqrt(p * (1 - p) / n)).sum()
    assert exact.log_likelihood == pytest.approx(normal_limit, abs=4.0)


def test_percent_and_fraction_are_one() -> None:
    data = made("binomial")
    frame = data.table[["condition", "time", "value", "replicate", "n"]]
    percent = from_frame(frame.assign(value=100 * frame["value"]), ONE, units={"y": "%"})
    model, free = DECAY.with_parameters(A=0.5), {"A": (0.01, 0.9999), "k": FREE["k"]}
    one, other = fit(model, data, free, error="binomial"), fit(model, percent, free, error="binomial")
    assert other.values == pytest.approx(one.values, rel=1e-8)
    assert other.log_likelihood == pytest.approx(one.log_likelihood - len(data) * np.log(100), rel=1e-9)


def test_replicate_counts_and_their_means_agree() -> None:
    """A mean of n counts is a total of n counts."""
    data = made("negative_binomial")
    single = fit(DECAY, data, FREE, error={"y": ErrorModel("poisson").kind}, starts=1)
    means = data.mean_of_replicates()
    total = fit(DECAY, means, FREE, error="negative_binomial", starts=1)
    assert total.values["k"] == pytest.approx(single.values["k"], rel=0.1)
    assert total.n == len(means)


@pytest.mark.parametrize(
    ("values", "more", "error", "sentence"),
    [
        (
            [1.5, 2.0],
            {},
            "negative_binomial",
            "is 1.5 of n = 1 in row 0 of the table, which is 1.5 and no whole number",
        ),
        ([-1.0, 2.0], {}, "negative_binomial", "is -1 in row 0 of the table, outside 0 or more"),
        ([0.5, 0.2], {}, "binomial", r"needs the number of cells behind each fraction of 'y'; .*\(n=\)"),
        ([50.0, 20.0], {"n": 10}, "beta_binomial", "outside 0 to 1 .*percent need the unit '%'"),
        ([0.5, 0.33], {"n": 10}, "binomial", "row 1 of the table, which is 3.3 and no whole number"),
    ],
)
def test_what_the_families_refuse(values: list[float], more: dict[str, Any], error: str, sentence: str) -> None:
    frame = pd.DataFrame({"condition": "all", "time": np.arange(len(values)), "value": values, **more})
    with pytest.raises(FitError, match=sentence):
        fit(DECAY, from_frame(frame, ONE, units={"y": ""}), FREE, error=error)


def test_words_of_student_t() -> None:
    with pytest.raises(FitError, match="'aditive' is not known; did you mean 'additive'"):
        mdr.student_t("aditive")
    with pytest.raises(FitError, match=r"df = 0.5 is no number from 1 to 1e6"):
        mdr.student_t(df=0.5)
    with pytest.raises(FitError, match="method 'leastsq' minimises a sum of squares"):
        fit(DECAY, made("student_t"), FREE, error="student_t", method="leastsq")
