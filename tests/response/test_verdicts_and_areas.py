"""The calibrated flat verdict, robust losses, areas, lack of fit, reports and pictures."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from strategies.plates import DOSES, plate

import pkpd_mdr as mdr
from pkpd_mdr.plot.response import plot_curves, plot_doses, plot_ratios
from pkpd_mdr.response.estimates import fit_stack
from pkpd_mdr.response.families import family
from pkpd_mdr.response.flat import flatness
from pkpd_mdr.response.stack import Stack

TRUTH = {
    "a": (1.0, 0.1, 0.3, 1.3),
    "b": (1.0, 0.2, 3.0, 1.0),
    "flat": (1.0, 1.0, 1.0, 1.0),
    "far": (1.0, 0.0, 90.0, 1.2),
}


@pytest.mark.parametrize(("levels", "wells"), [(9, 2), (8, 1), (6, 4)])
def test_flat_curves_are_called_flat_as_often_as_promised(levels: int, wells: int) -> None:
    """Nominal 5 %; the plain F distribution gives about 2 to 4 %."""
    count = 1500
    x = np.repeat(np.geomspace(1e-3, 10, levels), wells)
    y = 1 + 0.05 * np.random.default_rng(5).standard_normal((count, len(x)))
    stack = Stack.of(np.repeat(np.arange(count), len(x)), np.tile(x, count), y.ravel())
    p = flatness(stack, fit_stack(stack, family("LL.4"))).p
    assert 0.03 <= np.mean(p < 0.05) <= 0.07


@pytest.mark.parametrize(
    "doses",
    [np.linspace(1.0, 8.0, 8), np.r_[np.linspace(1.0, 1.3, 4), np.linspace(100.0, 130.0, 4)], np.r_[0.0, 1.0:7.0:6j]],
)
def test_flat_curves_are_called_flat_however_doses_are_spaced(doses: np.ndarray) -> None:
    """A calibration knows how many doses there are, not where they lie."""
    count = 1500
    x = np.repeat(doses, np.where(doses == 0.0, 6, 2))
    y = 1 + 0.05 * np.random.default_rng(5).standard_normal((count, len(x)))
    stack = Stack.of(np.repeat(np.arange(count), len(x)), np.tile(x, count), y.ravel())
    p = flatness(stack, fit_stack(stack, family("LL.4"))).p
    assert 0.03 <= np.mean(p < 0.05) <= 0.07


def test_a_small_effect_counts_only_when_asked_for() -> None:
    table = plate({"a": (1.0, 0.94, 0.3, 2.0)}, noise=0.005)
    options = {"dose": "dose", "response": "v", "scale": "viability"}
    fit = mdr.dose_response(table, **options)
    assert fit.flat.p[0] < 1e-6
    assert fit.ed(50)["state"].tolist() == ["no effect"]
    assert "is below least_effect = 0.1" in fit.frame["note"].iloc[0]
    assert mdr.dose_response(table, **options, least_effect=0.01).ed(50)["state"].tolist() == ["in range"]


@pytest.mark.parametrize("loss", ["huber", "tukey", "cauchy"])
def test_an_outlier_moves_a_robust_fit_less(loss: str) -> None:
    table = plate({"a": (1.0, 0.1, 0.3, 1.3)}, noise=0.02, seed=3)
    spoilt = table.copy()
    spoilt.loc[4, "v"] += 0.8
    options = {"dose": "dose", "response": "v"}
    clean = mdr.dose_response(table, **options).parameters()["estimate"]
    plain = mdr.dose_response(spoilt, **options).parameters()["estimate"]
    robust = mdr.dose_response(spoilt, **options, loss=loss)
    moved = np.abs(robust.parameters()["estimate"] - clean).sum()
    assert moved < 0.5 * np.abs(plain - clean).sum()
    assert robust.point_shares is not None
    worst = int(np.argmin(robust.point_shares))
    assert robust.stack.y[worst] == spoilt.loc[4, "v"]
    assert "of 27 points kept less than half their weight" in robust.frame["note"].iloc[0]


def test_a_robust_fit_is_a_stationary_point_of_its_loss() -> None:
    """The weighted normal equations hold with the weights of the final residuals."""
    fit = mdr.dose_response(plate({"a": (1.0, 0.1, 0.3, 1.3)}, seed=3), dose="dose", response="v", loss="huber")
    from pkpd_mdr.response.estimates import full_jacobian
    from pkpd_mdr.response.shapes import Coordinates

    stack, curves = fit.stack, fit.curves
    residual = stack.y - curves.predict(stack.x[None, :])[0]
    jacobian = full_jacobian(curves.family, curves.theta, curves.linear, Coordinates.of(stack.x[None, :]))[0]
    gradient = jacobian.T @ (stack.weight * residual)
    assert np.abs(gradient).max() < 1e-5 * np.abs(jacobian.T @ np.abs(residual)).max()


@pytest.mark.parametrize("name", ["LL.4", "W1.4", "LL.5", "BC.5"])
def test_areas_are_integrals(name: str) -> None:
    from scipy.integrate import quad

    fit = mdr.dose_response(
        plate({"a": (1.0, 0.1, 0.3, 1.3)}), dose="dose", response="v", curve=name, scale="viability"
    )
    low, high = np.log(0.01), np.log(30.0)
    whole, _ = quad(lambda log: fit.predict([np.exp(log)])[0, 0], low, high, epsabs=1e-12)
    assert fit.areas()["auc"].iloc[0] == pytest.approx(whole / (high - low), rel=1e-6)
    assert fit.areas()["aac"].iloc[0] == pytest.approx(1 - whole / (high - low), rel=1e-6)


def test_the_trapezoid_is_over_dose_means() -> None:
    table = pd.DataFrame({"x": [0.1, 0.1, 1.0, 10.0, 100.0], "y": [0.8, 1.0, 0.5, 0.4, 0.2]})
    fit = mdr.dose_response(table, dose="x", response="y", curve="LL.3", direction="falling")
    assert fit.areas()["auc_trapezoid"].iloc[0] == pytest.approx((0.7 + 0.45 + 0.3) / 3)


def test_areas_over_a_common_range() -> None:
    fit = mdr.dose_response(plate({"a": (1.0, 0.0, 0.3, 1.0)}), dose="dose", response="v")
    assert fit.areas(low=0.1, high=1.0)["auc"].iloc[0] > fit.areas(low=1.0, high=10.0)["auc"].iloc[0]
    with pytest.raises(mdr.DataError, match="no range of positive doses"):
        fit.areas(low=3.0, high=1.0)


def test_lack_of_fit_sees_a_wrong_family() -> None:
    x = np.repeat(DOSES, 4)
    y = 1.0 - 0.5 / (1 + (0.05 / np.maximum(x, 1e-9)) ** 4) - 0.4 / (1 + (3.0 / np.maximum(x, 1e-9)) ** 4)
    table = pd.DataFrame({"x": x, "y": y + 0.02 * np.random.default_rng(6).standard_normal(len(x))})
    options = {"dose": "x", "response": "y"}
    one, two = (mdr.dose_response(table, **options, curve=curve) for curve in ("LL.4", "BP.7"))
    assert one.lack_of_fit()["p"].iloc[0] < 1e-6
    assert "misses the means of its doses (lack of fit, p = " in str(one)
    assert two.lack_of_fit()["p"].iloc[0] > 0.01
    assert "misses" not in str(two)


def test_a_rise_at_low_doses_is_told_where_the_curve_has_none() -> None:
    x = np.repeat([0, 0.3, 1, 3, 10, 30, 100, 300], 4)
    y = 0.05 + (0.95 + 0.05 * x) / (1 + (x / 20) ** 2.5) + 0.03 * np.random.default_rng(11).standard_normal(len(x))
    table = pd.DataFrame({"x": x, "y": y})
    plain, hump = (mdr.dose_response(table, dose="x", response="y", curve=curve) for curve in ("LL.4", "BC.5"))
    assert "another curve=, such as 'BC.5' for a rise at low doses" in plain.frame["note"].iloc[0]
    assert hump.frame["note"].iloc[0] == ""


def test_units_of_sd_and_var_agree() -> None:
    table = plate({"a": (1.0, 0.1, 0.3, 1.3)})
    table["sd"] = 0.02 + 0.05 * table["v"].abs()
    table["var"] = table["sd"] ** 2
    options = {"dose": "dose", "response": "v"}
    one, other = mdr.dose_response(table, **options, sd="sd"), mdr.dose_response(table, **options, var="var")
    pd.testing.assert_frame_equal(one.parameters(), other.parameters())
    assert not np.allclose(one.curves.theta, mdr.dose_response(table, **options).curves.theta, rtol=1e-4)


@pytest.fixture(scope="module")
def screen() -> mdr.DoseResponse:
    return mdr.dose_response(plate(TRUTH), dose="dose [uM]", response="v", by="line", scale="viability")


def test_the_report_says_what_is_known(screen: mdr.DoseResponse) -> None:
    text = screen.report()
    for part in (
        "4 curves: LL.4, log-logistic",
        "108 points of v as viability over dose [uM]",
        "no effect",
        "in range",
    ):
        assert part in text
    assert repr(screen) == text
    assert "<pre>" in screen._repr_html_()


def test_pictures_are_drawn_on_given_axes(screen: mdr.DoseResponse) -> None:
    ax = plot_curves(screen, level=0.5, kind="absolute")
    assert ax.get_xlabel() == "dose [uM]"
    assert plot_curves(screen, curves=["a", {"line": "b"}], ax=ax) is ax
    assert [text.get_text() for text in plot_doses(screen).get_yticklabels()] == ["far", "flat", "b", "a"]
    assert plot_ratios(screen.ratio("b", "a")).get_xlabel() == "b over a"
    assert plot_ratios(screen.ratio("far", "a", at=[0.2], kind="absolute")).get_xscale() == "log"
    ax.figure.canvas.draw()
    with pytest.raises(mdr.DataError, match="no curve is called 'c'"):
        plot_curves(screen, curves=["c"])
