"""Likelihoods with corners and flat stretches: profiles, combinations, draws and errors that end in a simpler one."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import pkpd_mdr as mdr

HOURS = np.linspace(0.0, 10.0, 21)
FREE = {"k": ("0.01 1/h", "3 1/h")}


def data(values: np.ndarray, of: str = "y [1]") -> mdr.Data:
    frame = pd.DataFrame({"h": HOURS, "y": values})
    return mdr.read_assay(frame, time="h [h]", value=f"y [{of.split('[')[1]}", observable=of.split(" ")[0])


def noisy(seed: int = 1) -> mdr.Data:
    return data(6 * np.exp(-0.3 * HOURS) + 0.1 * np.random.default_rng(seed).standard_normal(len(HOURS)))


def product() -> mdr.Fit:
    model = mdr.Model(
        mdr.observable("y", "a*b*exp(-k*t)"),
        mdr.parameter("a", 2),
        mdr.parameter("b", 2),
        mdr.parameter("k", "0.2 1/h"),
    )
    return mdr.fit(model, noisy(), FREE | {"a": (0.1, 100), "b": (0.1, 100)}, starts=2)


def test_a_profile_finds_the_corner_where_another_parameter_meets_its_bound() -> None:
    """Flat up to a = 60.5, where b is 0.1, and steep beyond: interpolation had stopped at 20.6 and called it closed."""
    found = product().profile("a")
    alone = mdr.Model(mdr.observable("y", "0.1*a*exp(-k*t)"), mdr.parameter("a", 50), mdr.parameter("k", "0.2 1/h"))
    exact = mdr.fit(alone, noisy(), FREE | {"a": (1, 1000)}, starts=2).profile("a")
    t_of_18, t_of_19 = 2.1009, 2.0930  # one parameter more is counted where b is free
    best = exact.estimate
    assert found.upper == pytest.approx(best + (exact.upper - best) * t_of_18 / t_of_19, rel=1e-3)
    assert found.open_lower
    assert found.note == "the upper end rests on the lower bound of b"


def clones(rate: str, counts: np.ndarray, start: float = 50) -> mdr.Fit:
    """Two clones of which only the sum is seen; the second one grows at a rate of its own."""
    g = mdr.parameter("g", "0.1 1/h")
    model = mdr.Model(
        mdr.clone("S", growth=mdr.growth.exponential(rate=g), start=50),
        mdr.clone("R", growth=mdr.growth.exponential(rate=mdr.formula(rate)), start=start, resistant=True),
    )
    free = {"g": ("0.01 1/h", "1 1/h"), "S0": ("1 cell", "1000 cell"), "R0": ("1 cell", "1000 cell")}
    return mdr.fit(model, data(counts, "burden [cell]"), free, error="lognormal", starts=1)


SCATTER = np.exp(0.05 * np.random.default_rng(4).standard_normal(len(HOURS)))


def test_a_profile_goes_along_a_flat_stretch_to_its_end() -> None:
    fit = clones("g", 100 * np.exp(0.1 * HOURS) * SCATTER)
    both = fit.values["S0"] + fit.values["R0"]
    for name in ("S0", "R0"):
        found = fit.profile(name)
        assert found.open_lower
        assert both < found.upper < 1.2 * both


def test_draws_that_the_data_exclude_are_told() -> None:
    """With R0 at its bound the likelihood seems flat in ln R0, so that draws reach many times what was counted."""
    fit = clones("0.01*g", (110 * np.exp(0.1 * HOURS) - 10) * SCATTER, start=2)
    assert fit.found.table.loc["R0", "at_bound"] == "lower"
    drawn = fit.draws(200, seed=1)
    assert drawn.frame["R0"].max() > 300
    assert any("of 20 draws that were looked at describe the data worse than chance allows" in n for n in drawn.notes)
    assert not any("worse than chance" in n for n in product().draws(200, seed=1).notes)  # flat, and nothing else
    honest = fit.mcmc(200, walkers=12, warmup=200, seed=1)
    assert honest.frame["R0"].quantile(0.99) < 60


def test_a_sum_of_equal_parts_is_not_called_a_product() -> None:
    """At k1 = k2 both have one gradient; the structure tells which of them it is."""
    model = mdr.Model(
        mdr.observable("y", "A*exp(-(k1 + k2)*t)"),
        mdr.parameter("A", 5),
        mdr.parameter("k1", "0.1 1/h"),
        mdr.parameter("k2", "0.1 1/h"),
    )
    rates = ("0.001 1/h", "3 1/h")
    fit = mdr.fit(model, noisy(), {"A": (0.1, 100), "k1": rates, "k2": rates}, starts=1)
    assert fit.values["k1"] == pytest.approx(fit.values["k2"])
    found = fit.identifiability()
    assert [str(item) for item in found.combinations] == ["k1 + k2"]
    assert "k1 * k2" not in str(found)
    assert [str(item) for item in product().identifiability().combinations] == ["a * b"]


def test_errors_that_end_in_a_simpler_one_are_told() -> None:
    growth = mdr.Model(mdr.clone("S", growth=mdr.growth.exponential(rate="0.1 1/h"), start=20))
    counts = np.round(20 * np.exp(0.15 * HOURS))  # scatter less than those of Poisson
    free = {"growth_S": ("0.01 1/h", "1 1/h"), "S0": ("1 cell", "100 cell")}
    fit = mdr.fit(growth, data(counts, "burden [cell]"), free, error="negative_binomial", starts=1)
    assert fit.errors["estimate"].iloc[0] == pytest.approx(1e-6)
    assert "alpha is at its lower bound: the data ask for Poisson counts" in fit.report()
    decay = mdr.Model(mdr.observable("y", "a*exp(-k*t)"), mdr.parameter("a", 5), mdr.parameter("k", "0.2 1/h"))
    even = data(6 * np.exp(-0.3 * HOURS) + 0.1 * (-1.0) ** np.arange(len(HOURS)))
    fit = mdr.fit(decay, even, FREE | {"a": (0.1, 100)}, error="student_t", starts=1)
    assert "the data ask for normal errors" in fit.report()
