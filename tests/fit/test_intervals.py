"""Verdicts, profiles and draws: what the data determine, and what is said of the rest."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

import pkpd_mdr as mdr
from pkpd_mdr.data import Condition, from_frame
from pkpd_mdr.errors import FitError
from pkpd_mdr.fit import Fit, fit
from pkpd_mdr.regimen import nothing

X = np.arange(1.0, 9.0)
Y = np.array([1.1, 1.9, 3.2, 3.9, 5.1, 6.2, 6.8, 8.1])


def fitted(formula: str, parameters: dict[str, Any], free: dict[str, Any], y: np.ndarray = Y, **options: Any) -> Fit:
    model = mdr.Model(mdr.observable("y", formula), *(mdr.parameter(name, value) for name, value in parameters.items()))
    frame = pd.DataFrame({"condition": "all", "time": X, "value": y})
    data = from_frame(frame, [Condition("all", {}, nothing())], units={"y": ""})
    return fit(model, data, free, **({"starts": 1} | options))


def line(**options: Any) -> Fit:
    free = {"a": (-100, 100), "b": (-100, 100)}
    return fitted("a + b*t", {"a": 0.5, "b": "0.5 1/h"}, free, **options)


def saturating(noise: float = 1.0) -> Fit:
    """Far from saturation, so that only the ratio of the two is well known."""
    y = 10 * X / (40 + X) * (1 + noise * np.array([0.05, -0.06, 0.03, -0.03, 0.05, 0.0, -0.05, 0.02]))
    free = {"top": (0.5, 100), "half": ("2 h", "2000 h")}
    return fitted("top*t/(half + t)", {"top": 5.0, "half": "20 h"}, free, y)


# -- verdicts ----------------------------------------------------------------------------------------------


def test_a_product_is_not_taken_apart() -> None:
    found = fitted("a*c*t + b", {"a": 2.0, "b": 0.1, "c": "0.4 1/h"}, {"a": (0.1, 10), "b": (-9, 9), "c": (0.01, 10)})
    table = found.estimates
    assert table.loc["a", "verdict"] == "not determined: only together with c"
    assert table.loc["c", "verdict"] == "not determined: only together with a"
    assert table.loc["b", "verdict"] == "ok"
    assert (table.loc["a", "lower"], table.loc["a", "upper"]) == (0.1, 10)
    assert found.found.notes == ("moving a by +10.5% and c by -9.52% leaves every prediction as it is",) or (
        found.found.notes == ("moving a by -9.52% and c by +10.5% leaves every prediction as it is",)
    )
    assert found.values["a"] * found.values["c"] == pytest.approx(line().values["b"], rel=1e-8)
    assert found.estimates.loc["b", "se"] == pytest.approx(line().estimates.loc["a", "se"], rel=0.3)
    assert "only together with" in found.report()


def test_a_product_is_not_taken_apart_in_a_model_with_states() -> None:
    model = mdr.Model(
        mdr.clone("S", growth=mdr.growth.exponential(rate=mdr.formula("p*q")), start=10),
        mdr.parameter("p", 0.5),
        mdr.parameter("q", "0.1 1/h"),
    )
    frame = pd.DataFrame({"condition": "all", "time": X, "value": 10 * np.exp(0.06 * X) + 0.1 * np.sin(9 * X)})
    data = from_frame(frame, [Condition("all", {}, nothing())], units={"burden": "cell"})
    found = fit(model, data, {"p": (0.01, 10), "q": ("0.001 1/h", "1 1/h")}, starts=1)
    assert list(found.estimates["verdict"]) == [f"not determined: only together with {name}" for name in "qp"]


def test_a_parameter_without_effect_is_named() -> None:
    found = fitted("a + b*t + 0*c", {"a": 0.5, "b": "0.5 1/h", "c": 3.0}, {"a": (-9, 9), "b": (-9, 9), "c": (1, 10)})
    row = found.estimates.loc["c"]
    assert row["verdict"] == "not determined: no data depend on it, so it stays where it started"
    assert row["estimate"] == pytest.approx(3.0)
    assert found.estimates.loc["b", "se"] == pytest.approx(line().estimates.loc["b", "se"], rel=0.2)


def test_a_parameter_at_its_bound_is_named() -> None:
    found = fitted("a + b*t", {"a": 0.5, "b": "0.5 1/h"}, {"a": (0.3, 5), "b": (-9, 9)})
    row = found.estimates.loc["a"]
    assert (row["at_bound"], row["estimate"], row["lower"], row["upper"]) == ("lower", 0.3, 0.3, 5.0)
    assert row["verdict"].startswith("at its lower bound 0.3")
    through = np.sum(X * (Y - 0.3)) / np.sum(X * X)
    assert found.values["b"] == pytest.approx(through, rel=1e-8)
    assert np.isnan(row["se"])


def test_wide_and_open_intervals_are_named() -> None:
    found = saturating(noise=3.0)
    assert found.estimates["verdict"].str.startswith(("open", "not determined: the interval covers")).any()
    for _, row in found.estimates.iterrows():
        assert row["lower"] <= row["estimate"] <= row["upper"]


def test_as_many_parameters_as_measurements() -> None:
    model = mdr.Model(mdr.observable("y", "a + b*t"), mdr.parameter("a", 0.5), mdr.parameter("b", "0.5 1/h"))
    frame = pd.DataFrame({"condition": "all", "time": [1.0, 2.0], "value": [1.0, 3.0]})
    data = from_frame(frame, [Condition("all", {}, nothing())], units={"y": ""})
    found = fit(model, data, {"a": (-9, 9), "b": (-9, 9)}, starts=1)
    assert found.values == pytest.approx({"a": -1.0, "b": 2.0}, abs=1e-6)
    assert found.estimates["verdict"].str.startswith("not determined: as many parameters as measurements").all()
    with pytest.raises(FitError, match="no degrees of freedom"):
        found.profile("a")


# -- profiles ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("error", ["additive", "sd"])
def test_profile_of_a_linear_model_is_the_wald_interval(error: str) -> None:
    frame = pd.DataFrame({"condition": "all", "time": X, "value": Y, "sd": 0.2})
    model = mdr.Model(mdr.observable("y", "a + b*t"), mdr.parameter("a", 0.5), mdr.parameter("b", "0.5 1/h"))
    data = from_frame(frame, [Condition("all", {}, nothing())], units={"y": ""})
    found = fit(model, data, {"a": (-100, 100), "b": (-100, 100)}, error=error, starts=1)
    for name in ("a", "b"):
        profile, row = found.profile(name), found.estimates.loc[name]
        assert not profile.open_lower
        assert not profile.open_upper
        assert (profile.lower, profile.upper) == pytest.approx((row["lower"], row["upper"]), rel=1e-4, abs=1e-4)
        distance = ((profile.frame["value"] - row["estimate"]) / row["se"]) ** 2
        assert np.allclose(profile.frame["distance"], distance, rtol=1e-6, atol=1e-8)


def test_profile_follows_a_ridge_and_tells_open_ends() -> None:
    found = saturating()
    profile = found.profile("top")
    assert profile.open_upper
    assert profile.upper == 100
    assert 0.5 < profile.lower < found.values["top"]
    assert "open" in str(profile)
    ratio = profile.frame["top"] / profile.frame["half"]
    assert ratio.max() / ratio.min() < 1.5
    assert (np.diff(profile.frame["value"]) > 0).all()


def test_profile_ends_where_the_likelihood_says() -> None:
    """At a closed end, fitting the rest again gives the threshold."""
    found = saturating()
    end = found.profile("top").lower
    y = found.data.table["value"].to_numpy()
    held = fitted("top*t/(half + t)", {"top": end, "half": "20 h"}, {"half": ("2 h", "2000 h")}, y)
    rise = 6 * (held.rss["y"] / found.rss["y"] - 1)
    assert rise == pytest.approx(found.profile("top").threshold, rel=1e-3)


def test_profile_of_a_parameter_at_its_bound() -> None:
    found = fitted("a + b*t", {"a": 0.5, "b": "0.5 1/h"}, {"a": (0.0, 5), "b": (-9, 9)}, y=Y - 0.1)
    profile = found.profile("a")
    assert profile.open_lower
    assert profile.lower == 0.0
    assert 0.0 < profile.upper < 1.0


# -- draws -------------------------------------------------------------------------------------------------


def test_draws_have_the_estimated_spread() -> None:
    found = line()
    draws = found.draws(4000, seed=3).frame
    freedom = 6
    for name in ("a", "b"):
        row = found.estimates.loc[name]
        assert draws[name].mean() == pytest.approx(row["estimate"], abs=4 * row["se"] / np.sqrt(4000) * 1.3)
        assert draws[name].std() == pytest.approx(row["se"] * np.sqrt(freedom / (freedom - 2)), rel=0.1)
        inside = ((draws[name] > row["lower"]) & (draws[name] < row["upper"])).mean()
        assert inside == pytest.approx(0.95, abs=0.015)
    assert draws.corr().loc["a", "b"] == pytest.approx(found.correlation.loc["a", "b"], abs=0.03)


def test_draws_are_the_same_for_the_same_seed() -> None:
    found = line()
    assert found.draws(10, seed=1).frame.equals(found.draws(10, seed=1).frame)
    assert not found.draws(10, seed=1).frame.equals(found.draws(10, seed=2).frame)


def test_draws_respect_bounds_and_pile_up_on_the_allowed_side() -> None:
    found = fitted("a + b*t", {"a": 0.5, "b": "0.5 1/h"}, {"a": (0.0, 5), "b": (-9, 9)}, y=Y - 0.1)
    drawn = found.draws(2000, seed=1)
    assert found.estimates.loc["a", "at_bound"] == "lower"
    assert drawn.frame["a"].min() >= 0.0
    assert 0.01 < drawn.frame["a"].median() < 0.3
    assert "a is at its lower bound" in str(drawn)
    assert drawn.frame["a"].corr(drawn.frame["b"]) < -0.5


def test_undetermined_directions_are_spread_over_the_box() -> None:
    found = fitted("a*c*t + b", {"a": 2.0, "b": 0.1, "c": "0.4 1/h"}, {"a": (0.1, 10), "b": (-9, 9), "c": (0.01, 10)})
    drawn = found.draws(3000, seed=1)
    frame = drawn.frame
    assert frame["a"].between(0.1, 10).all()
    assert frame["c"].between(0.01, 10).all()
    assert np.log(frame["a"]).std() > 0.5 * np.log(100) / np.sqrt(12)
    product = frame["a"] * frame["c"]
    assert product.std() < 0.1 * product.mean()
    assert any("not determined" in note for note in drawn.notes)


def test_a_parameter_without_effect_is_drawn_evenly() -> None:
    found = fitted("a + b*t + 0*c", {"a": 0.5, "b": "0.5 1/h", "c": 3.0}, {"a": (-9, 9), "b": (-9, 9), "c": (-1, 10)})
    share = ((found.draws(4000, seed=1).frame["c"] + 1) / 11).to_numpy()
    assert np.allclose(np.quantile(share, [0.1, 0.5, 0.9]), [0.1, 0.5, 0.9], atol=0.04)


def test_draws_go_into_models_in_internal_units() -> None:
    found = saturating()
    drawn = found.draws(5, seed=1)
    rows = drawn.rows(found.model)
    names = list(found.model.parameters)
    assert np.allclose(rows[:, names.index("half")], drawn.frame["half"])
    with pytest.raises(FitError, match="'half', which the model lacks"):
        drawn.rows(mdr.Model(mdr.observable("y", "top"), mdr.parameter("top", 1.0)))
    with pytest.raises(FitError, match="the draws of 'top' are in '', but the model has it in '1/h'"):
        drawn.rows(mdr.Model(mdr.observable("y", "top*t"), mdr.parameter("top", "1 1/h")))
