"""Comparing models, reports, predictions, plots and JSON."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pandas as pd
import pytest

import pkpd_mdr as mdr
from pkpd_mdr.data import Condition, from_frame
from pkpd_mdr.errors import FitError
from pkpd_mdr.fit import Estimates, Fit, compare_models, fit
from pkpd_mdr.regimen import nothing

X = np.linspace(0.5, 8.0, 16)
CURVE = mdr.Model(
    mdr.observable("y", "a + b*t + c*t**2"),
    mdr.parameter("a", 0.5),
    mdr.parameter("b", "0.5 1/h"),
    mdr.parameter("c", "0 1/h**2"),
)
WIDE: dict[str, Any] = {"a": (-100, 100), "b": (-100, 100), "c": (-100, 100)}


def data(bend: float = 0.0, seed: int = 1) -> mdr.Data:
    noise = 0.3 * np.random.default_rng(seed).normal(size=len(X))
    frame = pd.DataFrame({"condition": "all", "time": X, "value": 3 + X + bend * X**2 + noise})
    return from_frame(frame, [Condition("all", {}, nothing())], units={"y": ""})


def fits(table: mdr.Data, **options: Any) -> dict[str, Fit]:
    sets = {"line": ("a", "b"), "curve": ("a", "b", "c")}
    return {
        label: fit(CURVE, table, {name: WIDE[name] for name in names}, **({"starts": 1} | options))
        for label, names in sets.items()
    }


def test_information_criteria_by_hand() -> None:
    found = fits(data())["line"]
    n, k, rss = len(X), 3, found.rss["y"]
    minus_two = n * (np.log(2 * np.pi * rss / n) + 1)
    assert -2 * found.log_likelihood == pytest.approx(minus_two, rel=1e-10)
    assert found.aic == pytest.approx(minus_two + 2 * k)
    assert found.aicc == pytest.approx(minus_two + 2 * k + 2 * k * (k + 1) / (n - k - 1))
    assert found.bic == pytest.approx(minus_two + k * np.log(n))


def test_a_real_bend_is_supported_and_none_is_not() -> None:
    bent, straight = compare_models(fits(data(0.1))), compare_models(fits(data(0.0)))
    assert bent.best == "curve"
    assert bent.table.loc["line", "p"] < 1e-6
    assert bent.verdict("line", "curve").startswith("the data strongly support 'curve' against 'line'")
    assert straight.table.loc["line", "within"] == "curve"
    assert straight.table.loc["line", "p"] > 0.01
    assert straight.verdict("curve", "line").startswith(("the data do not tell", "the data moderately support 'line'"))
    assert straight.table["weight"].sum() == pytest.approx(1.0)
    assert straight.table["delta"].iloc[0] == 0.0
    assert "weight" in str(straight)


def test_likelihood_ratio_has_its_distribution() -> None:
    """Under the smaller model p is uniform: 60 data sets, none of the usual quantiles far off."""
    p = [compare_models(fits(data(0.0, seed))).table.loc["line", "p"] for seed in range(60)]
    assert 0.3 < np.median(p) < 0.7
    assert np.mean(np.array(p) < 0.1) < 0.25


def test_a_null_on_the_bound_has_its_mixture() -> None:
    """With c at its bound under the smaller model, half the samples gain nothing, and their p is 1, not one half."""
    from pkpd_mdr.fit.nesting import mixture_p

    p = []
    for seed in range(80):
        table = data(0.0, seed)
        line = fit(CURVE, table, {name: WIDE[name] for name in ("a", "b")}, starts=1)
        curve = fit(CURVE, table, {"a": WIDE["a"], "b": WIDE["b"], "c": (0, 100)}, starts=1)
        selection = compare_models({"line": line, "curve": curve})
        p.append(float(selection.table.loc["line", "p"]))
        if curve.estimates.loc["c", "at_bound"] == "lower":
            assert p[-1] == 1.0
        else:
            gain = 2.0 * (curve.log_likelihood - line.log_likelihood)
            assert p[-1] == pytest.approx(mixture_p(gain, 1, 1))
        assert "fits worse" not in selection.conclusion
    ones = np.mean(np.array(p) == 1.0)
    assert 0.35 < ones < 0.65
    assert np.mean(np.array(p) < 0.1) < 0.2


def test_a_model_that_fits_worse_than_its_special_case_says_so() -> None:
    table = data(0.0)
    line = fit(CURVE, table, {name: WIDE[name] for name in ("a", "b")}, starts=1)
    shut = fit(CURVE, table, {"a": WIDE["a"], "b": WIDE["b"], "c": (0.5, 100)}, starts=1)
    text = compare_models({"line": line, "curve": shut}).conclusion
    assert "'curve' contains 'line' and yet fits worse" in text


def test_only_fits_of_the_same_measurements_compare() -> None:
    one = fits(data())
    with pytest.raises(FitError, match="'other' was fitted to other measurements than 'line'"):
        compare_models({"line": one["line"], "other": fits(data(seed=2))["line"]})
    with pytest.raises(FitError, match="1 fit cannot be compared"):
        compare_models({"line": one["line"]})
    with pytest.raises(FitError, match="did you mean 'curve'"):
        compare_models(one, nested={"line": "curv"})
    with pytest.raises(FitError, match="did you mean 'line'"):
        compare_models(one).verdict("lin", "curve")


# -- report, tables, files ---------------------------------------------------------------------------------


def test_the_report_says_it_all() -> None:
    found = fit(CURVE, data(), {"a": (-100, 100), "b": (0.0, 0.5)}, starts=3, seed=5)
    text = found.report()
    for part in (
        "Fit of 2 parameters to 16 measurements of y",
        "additive (sd = a): a = ",
        "log-likelihood",
        "AIC, AICc, BIC",
        "b: at its upper bound 0.5 1/h; profile it, widen the bound or fix it",
        "of 3 starts reached the best point",
        "seed",
        found.data.content_hash,
    ):
        assert part in text
    assert "<table" in found._repr_html_()
    assert " nan" not in text


def test_html_is_escaped() -> None:
    table = data().named("<script>alert(1)</script>")
    assert "<script>" not in fits(table)["line"]._repr_html_()


def test_residuals_lead_back_to_the_rows_of_the_table() -> None:
    frame = pd.DataFrame({"hours": X[::-1], "y": (3 + X)[::-1] + 0.1 * np.sin(7 * X)})
    table = mdr.read_assay(frame, time="hours [h]", value="y [1]", observable="y")
    found = fits(table)["line"].residuals
    assert list(found["source_row"]) == list(range(len(X)))[::-1]
    assert np.allclose(found["value"] - found["prediction"], found["residual"])
    assert found["standardised"].pow(2).sum() == pytest.approx(len(X) - 2)


def test_predictions() -> None:
    found = fits(data())["line"]
    a, b = found.values["a"], found.values["b"]
    frame = found.predict(["1 h", "0.5 day"])
    assert np.allclose(frame["value"], [a + b, a + 12 * b])
    assert len(found.predict()) > 100
    with pytest.raises(FitError, match="no condition 'al'; did you mean 'all'"):
        found.predict("1 h", conditions="al")


def test_json_carries_numbers_only_and_comes_back() -> None:
    found = fit(CURVE, data(), {"a": (-np.inf, np.inf), "b": (0.0, 0.5)}, starts=1)
    text = found.to_json()
    json.loads(text, parse_constant=lambda name: pytest.fail(f"{name} is not JSON"))
    again = Estimates.from_json(text)
    pd.testing.assert_frame_equal(again.table, found.estimates)
    assert again.provenance["data"] == found.data.content_hash
    assert again.apply(CURVE) == found.model
    assert again.draws(5, seed=1).frame.equals(found.draws(5, seed=1).frame)


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"format": 99}', '{"format": 1, "estimates": [{}]}', "null"])
def test_other_json_is_refused(text: str) -> None:
    with pytest.raises(FitError):
        Estimates.from_json(text)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("{}", "it is empty, and no format"),
        ("[]", r"it holds \[\] where a JSON object"),
        ('{"a": 1}', "it holds 'a', and no format"),
        ('{"format": 1}', "the entry 'estimates' is missing"),
        ('{"format": 1, "estimates": 5}', "estimates is 5, not a list"),
    ],
)
def test_other_json_is_refused_with_a_reason(text: str, reason: str) -> None:
    with pytest.raises(FitError, match=reason):
        Estimates.from_json(text)


def test_the_same_seed_gives_the_same_fit() -> None:
    one, other = (fits(data(), starts=4, seed=9)["curve"] for _ in range(2))
    assert one.values == other.values
    assert one.waterfall.equals(other.waterfall)


def test_progress_and_waterfall() -> None:
    seen: list[tuple[int, int]] = []
    found = fits(data(), starts=4, progress=lambda done, of, value: seen.append((done, of)))["curve"]
    assert seen[-4:] == [(1, 4), (2, 4), (3, 4), (4, 4)]
    assert found.reached == 4
    assert (found.waterfall["above_best"].diff().dropna() >= 0).all()


def test_a_bar_as_elsewhere(capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("tqdm")
    fits(data(), starts=2, progress=True)
    assert "2/2" in capsys.readouterr().err
    with pytest.raises(FitError, match="progress is 3, not True, False, or a function"):
        fits(data(), progress=3)


def test_the_model_is_not_changed() -> None:
    before = CURVE.content_hash
    found = fits(data())["line"]
    assert CURVE.content_hash == before
    assert found.model.parameters["b"].value == pytest.approx(found.values["b"])


def test_plots_take_and_return_an_axis() -> None:
    import matplotlib.pyplot as plt

    from pkpd_mdr.plot.fit import plot_waterfall

    found = fits(data())["line"]
    for draw in (found.plot, found.profile("b").plot, lambda ax: plot_waterfall(found, ax=ax)):
        axis = plt.subplots()[1]
        assert draw(ax=axis) is axis
        assert axis.lines
        plt.close("all")
    assert found.plot(time_unit="day").get_xlabel() == "time [day]"
    plt.close("all")
    with pytest.raises(FitError, match="'z' was not fitted"):
        found.plot(observable="z")
