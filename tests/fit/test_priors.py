"""Priors: the mode of the posterior, the likelihood of the data alone, and how much a prior decides."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy import stats

import pkpd_mdr as mdr
from pkpd_mdr.data import Condition, from_frame
from pkpd_mdr.errors import FitError, UnitError
from pkpd_mdr.fit import fit
from pkpd_mdr.regimen import nothing

LINE = mdr.Model(mdr.observable("y", "a + b*t", "mg"), mdr.parameter("a", "1 mg"), mdr.parameter("b", "1 mg/h"))
FREE: dict[str, Any] = {"a": ("-9 mg", "9 mg"), "b": ("-9 mg/h", "9 mg/h")}
TIMES = np.arange(6.0)


def data(*, sd: float = 0.5, groups: int = 1) -> mdr.Data:
    rng = np.random.default_rng(1)
    frames = [
        pd.DataFrame(
            {"condition": f"g{g}", "time": TIMES, "value": 1 + g + 2 * TIMES + sd * rng.normal(size=6), "sd": sd}
        )
        for g in range(groups)
    ]
    conditions = [Condition(f"g{g}", {"g": f"g{g}"}, nothing()) for g in range(groups)]
    return from_frame(pd.concat(frames), conditions, units={"y": "mg"})


def test_normal_prior_on_a_line_in_closed_form() -> None:
    """Known sds and a normal prior: ridge regression, estimate and standard error."""
    measured = data()
    found = fit(LINE, measured, FREE, error="sd", priors={"b": ("normal", "1 mg/h", "0.1 mg/h")}, starts=1)
    design = np.stack([np.ones(6), TIMES], axis=1) / 0.5
    precision = design.T @ design + np.diag([0.0, 1 / 0.1**2])
    mean = np.linalg.solve(precision, design.T @ (measured.table["value"] / 0.5) + np.array([0.0, 1.0 / 0.1**2]))
    assert [found.values["a"], found.values["b"]] == pytest.approx(mean, rel=1e-8)
    assert found.estimates["se"].to_numpy() == pytest.approx(np.sqrt(np.diag(np.linalg.inv(precision))), rel=1e-8)
    share = np.linalg.inv(precision)[1, 1] / 0.1**2
    assert found.priors.loc["b", "share"] == pytest.approx(share, rel=1e-8)


def test_likelihood_and_aic_are_those_of_the_data_alone() -> None:
    plain, held = (
        fit(LINE, data(), FREE, error="sd", priors=p, starts=1) for p in (None, {"b": ("normal", "0 mg/h", "0.1 mg/h")})
    )
    f = held.values["a"] + held.values["b"] * TIMES
    e = (data().table["value"] - f) / 0.5
    expected = -0.5 * float(e @ e) - 6 * np.log(0.5) - 3 * np.log(2 * np.pi)
    assert held.log_likelihood == pytest.approx(expected, rel=1e-9)
    assert held.log_likelihood < plain.log_likelihood
    assert held.aic == pytest.approx(2 * 2 - 2 * expected)
    assert "mode of the posterior; log-likelihood and AIC are those of the data alone" in held.report()
    assert "informative" in held.report()
    assert "Priors" not in plain.report()


def test_lognormal_prior_is_normal_on_the_logarithm() -> None:
    model = mdr.Model(mdr.observable("y", "exp(-k*t)"), mdr.parameter("k", "0.3 1/h"))
    frame = pd.DataFrame({"condition": "all", "time": TIMES, "value": np.exp(-0.5 * TIMES) + 0.01, "sd": 0.1})
    measured = from_frame(frame, [Condition("all", {}, nothing())], units={"y": ""})
    found = fit(
        model, measured, {"k": ("0.01 1/h", "9 1/h")}, error="sd", priors={"k": ("lognormal", "0.2 1/h", 0.1)}, starts=1
    )

    def cost(log_k: float) -> float:
        e = (frame["value"] - np.exp(-np.exp(log_k) * TIMES)) / 0.1
        return float(e @ e) + ((log_k - np.log(0.2)) / 0.1) ** 2

    grid = np.log(found.values["k"]) + np.linspace(-0.02, 0.02, 801)
    assert grid[np.argmin([cost(x) for x in grid])] == pytest.approx(np.log(found.values["k"]), abs=5e-5)
    daily = fit(
        model,
        measured,
        {"k": ("0.24 1/day", "216 1/day")},
        error="sd",
        priors={"k": ("lognormal", "4.8 1/day", 0.1)},
        starts=1,
    )
    assert daily.values["k"] == pytest.approx(found.values["k"], rel=1e-8)


def test_a_prior_decides_where_the_data_say_nothing() -> None:
    """b without effect: its estimate is the prior's centre, its interval the prior's; a wide one is called wide."""
    at_zero = from_frame(
        pd.DataFrame({"condition": "all", "time": 0.0, "value": [1.0, 1.2, 0.9], "replicate": list("abc"), "sd": 0.2}),
        [Condition("all", {}, nothing())],
        units={"y": "mg"},
    )
    priors = {"b": ("normal", "3 mg/h", "0.2 mg/h"), "a": ("normal", "0 mg", "50 mg")}
    found = fit(LINE, at_zero, FREE, error="sd", priors=priors, starts=2)
    assert found.values["b"] == pytest.approx(3.0, abs=1e-6)
    assert found.estimates.loc["b", "se"] == pytest.approx(0.2, rel=1e-6)
    assert found.priors.loc["b", "share"] == pytest.approx(1.0)
    assert found.priors.loc["a", "share"] < 1e-4
    assert ": 0% of the precision, wide" in found.report()
    drawn = found.draws(4000, seed=1).frame["b"]
    assert drawn.std() == pytest.approx(0.2, rel=0.05)
    profile = found.profile("b")
    assert (profile.lower, profile.upper) == pytest.approx((3 - 1.96 * 0.2, 3 + 1.96 * 0.2), abs=2e-3)


@pytest.mark.parametrize("lower", [0.001, 0.0])
@pytest.mark.parametrize("prior", [("normal", "2 1/h", "0.6 1/h"), ("lognormal", "2 1/h", 0.5)])
def test_the_posterior_without_data_is_the_prior(lower: float, prior: Any) -> None:
    """Whatever the working scale; a lower bound above zero makes it the logarithm."""
    model = mdr.Model(mdr.observable("y", "1 + k*t"), mdr.parameter("k", "1 1/h"))
    frame = pd.DataFrame({"condition": "all", "time": 0.0, "value": [1.1, 0.9], "replicate": ["a", "b"], "sd": 0.1})
    silent = from_frame(frame, [Condition("all", {}, nothing())], units={"y": ""})
    found = fit(model, silent, {"k": (f"{lower} 1/h", "50 1/h")}, error="sd", priors={"k": prior}, starts=1)
    drawn = found.mcmc(10, warmup=10, walkers=4, chains=1, seed=1)
    k = np.exp(drawn.chain[..., 0]) if lower else drawn.chain[..., 0]
    density = stats.norm(2, 0.6) if prior[0] == "normal" else stats.lognorm(0.5, scale=2)
    exact = density.logpdf(k) + (np.log(k) if lower else 0.0)
    assert np.ptp(k) > 0.5
    assert np.ptp(drawn.log_posterior - exact) < 1e-9


def test_priors_of_groups() -> None:
    options: dict[str, Any] = {"per": {"a": "g"}, "error": "sd", "starts": 1}
    both = fit(LINE, data(groups=2), FREE, priors={"a": ("normal", "5 mg", "1e-4 mg")}, **options)
    assert [both.values["a[g0]"], both.values["a[g1]"]] == pytest.approx([5, 5], abs=1e-3)
    one = fit(LINE, data(groups=2), FREE, priors={"a[g1]": ("normal", "5 mg", "1e-4 mg")}, **options)
    assert one.values["a[g1]"] == pytest.approx(5, abs=1e-3)
    assert one.values["a[g0]"] < 3


def test_scale_is_still_estimated() -> None:
    """A wide prior changes nothing: estimates as without it, the sd by maximum likelihood."""
    plain = fit(LINE, data(), FREE, starts=1)
    wide = fit(LINE, data(), FREE, priors={"b": ("normal", "0 mg/h", "1e6 mg/h")}, starts=1)
    assert wide.values == pytest.approx(plain.values, rel=1e-6)
    assert wide.log_likelihood == pytest.approx(plain.log_likelihood, rel=1e-9)


@pytest.mark.parametrize(
    ("priors", "error", "sentence"),
    [
        ({"c": ("normal", "1 mg", "1 mg")}, FitError, "priors names 'c', which is not free"),
        ({"b": ("normal", "1 mg", "1 mg")}, UnitError, "'1 mg' is not in the unit 'mg/h'"),
        ({"b": ("gamma", "1 mg/h", 1)}, FitError, "the distribution 'gamma' is not known"),
        ({"b": ("lognormal", "1 mg/h", 0.3)}, FitError, "a lower bound of -9; use 'normal' or raise the bound"),
        ({"b": "1 mg/h"}, FitError, "is no prior; write"),
        ({"b": ("normal", "1 mg/h", "-1 mg/h")}, FitError, "is not a finite number above 0"),
    ],
)
def test_bad_priors(priors: dict[str, Any], error: type[Exception], sentence: str) -> None:
    with pytest.raises(error, match=sentence):
        fit(LINE, data(), FREE, priors=priors)
