"""A search from one start: the same in any unit, honest where floats end, and through with both errors of a mixture."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import minimize

import pkpd_mdr as mdr
from pkpd_mdr.errors import FitError
from pkpd_mdr.fit import fit
from pkpd_mdr.fit.curvature import pseudo_inverse

TIMES = np.linspace(0.5, 10, 24)


def table(times: np.ndarray, values: np.ndarray) -> mdr.Data:
    return mdr.read_assay(pd.DataFrame({"h": times, "y": values}), time="h [h]", value="y [1]", observable="y")


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 2**32 - 1), st.lists(st.floats(-100, 100), min_size=4, max_size=4))
def test_inverses_know_no_units(seed: int, powers: list[float]) -> None:
    rows = np.random.default_rng(seed).normal(size=(6, 4))
    curvature, unit = rows.T @ rows, 10.0 ** np.array(powers)
    scaled = pseudo_inverse(curvature * unit[:, None] * unit)
    expected = np.linalg.inv(curvature)
    assert np.allclose(scaled * unit[:, None] * unit, expected, rtol=1e-6, atol=1e-9 * np.abs(expected).max())


def test_inverses_leave_out_what_nothing_determines() -> None:
    rows = np.array([[1.0, 2.0, 0.0], [3.0, 6.0, 0.0]])  # only a + 2*b is seen
    curvature = rows.T @ rows
    found = pseudo_inverse(curvature)
    assert not found[2].any()
    assert np.linalg.matrix_rank(found) == 1
    assert np.allclose(curvature @ found @ curvature, curvature)
    assert not pseudo_inverse(np.array([[np.inf, 1.0], [1.0, 1.0]])).any()


@pytest.mark.parametrize("unit", [1e9, 1e15])
def test_a_search_knows_no_units(unit: float) -> None:
    """A parameter on the linear scale whose number is large moves the predictions little per unit, not little."""
    noise = 0.02 * np.random.default_rng(1).normal(size=len(TIMES))
    data = table(TIMES, 8 * np.exp(-1.5 * TIMES) + 2 * np.exp(-0.1 * TIMES) + noise)
    free: dict[str, Any] = {"B": (0.1, 100), "k": ("0.5 1/h", "20 1/h"), "m": ("0.01 1/h", "0.5 1/h")}
    found = []
    for size in (1.0, unit):
        model = mdr.Model(
            mdr.observable("y", f"A/{size!r}*exp(-k*t) + B*exp(-m*t)"),
            mdr.parameter("A", size),
            mdr.parameter("B", 1.0),
            mdr.parameter("k", "2 1/h"),
            mdr.parameter("m", "0.2 1/h"),
        )
        found.append(fit(model, data, {"A": (0, size, 100 * size)} | free, starts=1))
    assert found[1].log_likelihood == pytest.approx(found[0].log_likelihood, rel=1e-10)
    assert found[1].values["A"] / unit == pytest.approx(found[0].values["A"], rel=1e-6)


def test_a_search_that_crawls_does_not_say_that_it_arrived() -> None:
    """Two columns that differ by a millionth: the slope along their difference is real, whatever the curvature."""
    data = table(TIMES, 2 + TIMES + 0.02 * np.random.default_rng(1).normal(size=len(TIMES)))
    model = mdr.Model(
        mdr.observable("y", "A + B*(1 + 1e-6*t/one)"),
        mdr.parameter("A", 0.0),
        mdr.parameter("B", 1.0),
        mdr.parameter("one", "1 h"),
    )
    found = fit(model, data, {"A": (-1e12, 1e12), "B": (-1e12, 1e12)}, starts=1)
    line = np.polyfit(TIMES, data.table["value"], 1)
    least = float(np.sum((data.table["value"] - np.polyval(line, TIMES)) ** 2))
    arrived = found.objective.reduced_squares(found.best) < 1.001 * least
    assert arrived or found.starts[0].message.startswith("stopped after")


@pytest.mark.parametrize("readout", [None, {"y": "scale"}, {"y": "scale+offset"}])
@pytest.mark.parametrize("error", ["additive", "combined", "lognormal", mdr.student_t(df=4)])
def test_slopes_beyond_floats_are_a_sentence(error: Any, readout: Any) -> None:
    """Predictions up to 1e275, whose squares no float holds."""
    model = mdr.Model(mdr.observable("y", "A*exp(k*t)"), mdr.parameter("A", 1.0), mdr.parameter("k", "70 1/h"))
    times = np.linspace(1, 9, 9)
    free: dict[str, Any] = {"A": (1e-200, 1e200), "k": ("-300 1/h", "300 1/h")}
    options = {"error": error, "starts": 1, "readout": readout}
    if readout is None and error != "lognormal":
        with pytest.raises(FitError, match="slope is not finite where any of 1 starts ended"):
            fit(model, table(times, 3 * np.exp(-0.3 * times)), free, **options)
    else:
        found = fit(model, table(times, 3 * np.exp(-0.3 * times)), free, **options)
        assert np.isfinite(found.log_likelihood)


# -- two errors at once ------------------------------------------------------------------------------------


def combined(times: np.ndarray, y: np.ndarray, low: np.ndarray, seed: int, curve: Any) -> float:
    """Minus twice the log-likelihood of a combined error at the best of many starts of a plain optimiser."""
    rng, size = np.random.default_rng(seed), np.log(np.std(y))

    def cost(x: np.ndarray) -> float:
        f = curve(times, *np.exp(x[:2]))
        variance = np.exp(2 * x[2]) + np.exp(2 * x[3]) * f**2
        return float(np.sum((y - f) ** 2 / variance + np.log(2 * np.pi * variance)))

    box = [*zip(low, low + 4.0, strict=True), (size - 14, size + 3), (-16.0, 3.0)]
    start = [(*rng.uniform(low, low + 4.0), size + rng.uniform(-6, 0), rng.uniform(-5, 0)) for _ in range(12)]
    with np.errstate(all="ignore"):
        return min(float(minimize(cost, x, method="L-BFGS-B", bounds=box).fun) for x in start)


def decay(t: np.ndarray, a: float, k: float) -> np.ndarray:
    return np.asarray(a * np.exp(-k * t))


def hill(t: np.ndarray, e: float, h: float) -> np.ndarray:
    return np.asarray(100 / (1 + (t / e) ** h))


@pytest.mark.parametrize("seed", [111, 115])
def test_a_far_start_does_not_lose_one_of_two_errors(seed: int) -> None:
    """Far from the optimum all residuals look alike; the mixture must not run off to one error for good there."""
    rng, times = np.random.default_rng(seed), np.logspace(-2, 2, 9)
    a, b = rng.uniform(0.5, 5), rng.uniform(0.03, 0.2)
    f = hill(times, 1.0, 1.5)
    y = f + np.sqrt(a**2 + b**2 * f**2) * rng.normal(size=9)
    model = mdr.Model(mdr.observable("y", "100/(1 + (t/E)**h)"), mdr.parameter("E", "90 h"), mdr.parameter("h", 1.0))
    free: dict[str, Any] = {"E": ("0.001 h", "1000 h"), "h": (0.1, 10)}
    found = fit(model, table(times, y), free, error="combined", starts=1)
    assert -2 * found.log_likelihood <= combined(times, y, np.array([-2.0, -2.0]), seed, hill) + 1e-6


@pytest.mark.parametrize(("seed", "start"), [(542, (5.0, 0.1)), (534, (150.0, 1.0))])
def test_mixtures_with_an_optimum_at_each_end(seed: int, start: tuple[float, float]) -> None:
    """The likelihood has two optima here, one nearly additive, one nearly proportional; one start finds the better."""
    rng, times = np.random.default_rng(seed), np.array([0.25, 0.5, 1, 2, 3, 4, 6, 8, 12, 16, 24.0])
    f, a, b = decay(times, 10.0, 0.2), rng.uniform(0.05, 0.5), rng.uniform(0.05, 0.3)
    y = f + np.sqrt(a**2 + b**2 * f**2) * rng.normal(size=len(times))
    model = mdr.Model(
        mdr.observable("y", "A*exp(-k*t)"), mdr.parameter("A", start[0]), mdr.parameter("k", (start[1], "1/h"))
    )
    free: dict[str, Any] = {"A": (0.1, 1000), "k": ("0.001 1/h", "10 1/h")}
    found = fit(model, table(times, y), free, error="combined", starts=1)
    assert -2 * found.log_likelihood <= combined(times, y, np.array([0.3, -3.6]), seed, decay) + 1e-4
    assert found.reached == 1
    assert "1 of 1 starts reached the point from which" in found.report()
