"""Robust losses: errors that hold what they say, the right optimum beside an outlier, ratios with the weights."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import pkpd_mdr as mdr

X = np.repeat([0.0, 1, 3, 10, 30, 100, 300], 2)


def curve(e: float) -> np.ndarray:
    return np.asarray(1 / (1 + (X / e) ** 1.2))


def table(y: np.ndarray) -> pd.DataFrame:
    return pd.DataFrame({"k": np.repeat(np.arange(len(y)), len(X)), "x": np.tile(X, len(y)), "y": y.ravel()})


def fitted(y: np.ndarray, loss: str) -> mdr.DoseResponse:
    return mdr.dose_response(table(y), dose="x [nM]", response="y", by="k", loss=loss)


@pytest.mark.parametrize("loss", ["huber", "tukey", "cauchy"])
def test_one_outlier_leads_no_curve_astray(loss: str) -> None:
    rng = np.random.default_rng(12)
    y = curve(8.0) + 0.03 * rng.standard_normal((60, len(X)))
    y[np.arange(60), rng.integers(len(X), size=60)] += rng.choice([-0.8, 0.8], 60)
    fit = fitted(y, loss)
    assert np.abs(fit.curves.theta[:, 1] - np.log(8.0)).max() < np.log(1.5)
    found = fit.ed(50, interval="delta")
    assert ((found["lower"] <= 8) & (found["upper"] >= 8)).mean() > 0.85


@pytest.mark.parametrize("loss", ["huber", "tukey", "cauchy"])
def test_errors_are_those_of_the_loss_not_of_known_weights(loss: str) -> None:
    """Under a normal error these losses have an efficiency of 95 %: errors grow a little."""
    y = curve(8.0) + 0.03 * np.random.default_rng(2).standard_normal((300, len(X)))
    plain, robust = (np.nanmedian(fitted(y, its).ed(50)["se_log"]) for its in ("squared", loss))
    assert 0.97 < robust / plain < 1.15


def test_a_ratio_keeps_the_weights_of_a_robust_fit() -> None:
    y = np.stack([curve(5.0), curve(40.0)]) + 0.03 * np.random.default_rng(1).standard_normal((2, len(X)))
    y[0, 4] += 1.0
    fit = fitted(y, "huber")
    single = fit.ed(50)["estimate"]
    found = fit.ratio("1", "0", at=(50,)).table.iloc[0]
    assert found["ratio"] == pytest.approx(single[1] / single[0], rel=1e-3)
    assert found["lower"] < 8 < found["upper"]
