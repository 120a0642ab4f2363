"""What is put in comes out, whatever the order of rows and the units; and intervals cover the truth."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import pkpd_mdr as mdr
from pkpd_mdr.data import Condition, from_frame
from pkpd_mdr.fit import Fit, fit
from pkpd_mdr.regimen import nothing

TIMES = np.array([0.0, 12, 24, 48, 72, 96, 144, 192])
FREE: dict[str, Any] = {
    "growth_S": ("0.1 1/day", "3 1/day"),
    "ec50_dox_S": ("1 nM", "10 uM"),
    "emax_dox_S": ("0.01 1/h", "1 1/h"),
}


def model(rate: str = "0.03 1/h", ec50: str = "60 nM", emax: str = "0.09 1/h") -> mdr.Model:
    return mdr.Model(
        mdr.medium("dox", unit="uM"),
        mdr.clone("S", growth=mdr.growth.exponential(rate=rate), start="500 cell"),
        mdr.kill("dox", on="S", emax=emax, ec50=ec50),
    )


def counts(truth: mdr.Model, *, noise: float, seed: int = 0, replicates: int = 1) -> pd.DataFrame:
    """A table as a user has it: one row each, drug level in nM beside it."""
    rng, frames = np.random.default_rng(seed), []
    for level in (0.0, 30.0, 100.0, 300.0):
        regimen = mdr.exposure("dox", f"{level} nM", over="24 h") if level else nothing()
        curve = truth.simulate(regimen, until="192 h", times=[f"{t} h" for t in TIMES]).frame["burden"].to_numpy()
        for replicate in range(replicates):
            values = curve * np.exp(noise * rng.normal(size=len(TIMES)))
            frames.append(pd.DataFrame({"hours": TIMES, "cells": values, "nM": level, "well": f"w{replicate}"}))
    return pd.concat(frames, ignore_index=True)


def read(frame: pd.DataFrame) -> mdr.Data:
    columns = {"time": "hours [h]", "value": "cells [cell]", "replicate": "well"}
    return mdr.read_assay(frame, **columns, drug={"dox": "nM [nM]"}, exposure="24 h")


def test_noise_free_data_give_the_truth_from_most_starts() -> None:
    data = read(counts(model(), noise=0.0))
    found = fit(model("0.05 1/h", "500 nM", "0.3 1/h"), data, FREE, error="lognormal", starts=6, seed=2)
    truth = {"growth_S": 0.03, "ec50_dox_S": 60.0, "emax_dox_S": 0.09}
    assert found.values == pytest.approx(truth, rel=1e-4)
    assert found.model.parameters["ec50_dox_S"].unit.text == "nM"


def test_noisy_data_give_the_truth_within_the_intervals_and_a_usable_model() -> None:
    data = read(counts(model(), noise=0.1, replicates=3, seed=4))
    found = fit(model("0.05 1/h", "500 nM", "0.3 1/h"), data, FREE, error="proportional", starts=2, seed=1)
    table = found.estimates
    for name, value in {"growth_S": 0.03, "ec50_dox_S": 60.0, "emax_dox_S": 0.09}.items():
        assert table.loc[name, "lower"] < value < table.loc[name, "upper"]
    assert found.errors["estimate"].iloc[0] == pytest.approx(0.1, rel=0.25)
    again = found.model.simulate(mdr.exposure("dox", "100 nM", over="24 h"), until="192 h", times="96 h").frame
    predicted = found.predict("96 h")
    mine = predicted[predicted["condition"].str.contains("100")]
    assert np.allclose(mine["value"], again["burden"].to_numpy(), rtol=1e-5)


def same(one: Fit, other: Fit, rel: float = 1e-6) -> None:
    assert one.values == pytest.approx(other.values, rel=rel)
    numbers = ["estimate", "lower", "upper"]
    assert np.allclose(one.estimates[numbers], other.estimates[numbers], rtol=10 * rel)


def test_order_of_rows_and_labels_changes_nothing() -> None:
    frame = counts(model(), noise=0.1, replicates=2)
    mixed = frame.sample(frac=1.0, random_state=5).reset_index(drop=True)
    one, other = (fit(model(), read(table), FREE, error="combined", starts=2, seed=1) for table in (frame, mixed))
    assert one.values == other.values
    assert one.log_likelihood == other.log_likelihood


def test_units_change_nothing() -> None:
    frame = counts(model(), noise=0.1, replicates=2)
    other_units = frame.assign(days=frame["hours"] / 24, uM=frame["nM"] / 1000)
    columns = {"time": "days [day]", "value": "cells [cell]", "replicate": "well"}
    data = mdr.read_assay(other_units, **columns, drug={"dox": "uM [uM]"}, exposure="1 day")
    free = FREE | {"ec50_dox_S": ("0.001 uM", "10 uM"), "emax_dox_S": ("0.24 1/day", "24 1/day")}
    one = fit(model(), read(frame), FREE, error="proportional", starts=2, seed=1)
    other = fit(model("0.72 1/day", "0.06 uM", "2.16 1/day"), data, free, error="proportional", starts=2, seed=1)
    factor = {"growth_S": 24.0, "ec50_dox_S": 1e-3, "emax_dox_S": 24.0}
    assert other.values == pytest.approx({name: value * factor[name] for name, value in one.values.items()}, rel=1e-5)
    assert np.allclose(other.estimates["rse"], one.estimates["rse"], rtol=1e-4)
    assert list(other.estimates["verdict"]) == list(one.estimates["verdict"])
    assert other.log_likelihood == pytest.approx(one.log_likelihood, abs=1e-6)


@settings(max_examples=15)
@given(factor=st.floats(1e-6, 1e6))
def test_scale_of_an_algebraic_fit(factor: float) -> None:
    """Measurements in other units scale what has their unit, and nothing else."""
    x = np.arange(1.0, 9.0)
    y = np.array([1.1, 1.9, 3.2, 3.9, 5.1, 6.2, 6.8, 8.1])
    found = [line_fit(x, y * size, 3 * size * 100, error="combined") for size in (1.0, factor)]
    assert found[1].values["b"] == pytest.approx(found[0].values["b"] * factor, rel=1e-5)
    assert found[1].estimates["se"]["b"] == pytest.approx(found[0].estimates["se"]["b"] * factor, rel=1e-3)
    shift = 2 * len(x) * np.log(factor)
    assert -2 * found[1].log_likelihood == pytest.approx(-2 * found[0].log_likelihood + shift, abs=1e-4)


LINE = mdr.Model(mdr.observable("y", "a + b*t"), mdr.parameter("a", 0.5), mdr.parameter("b", "0.5 1/h"))


def line_fit(x: np.ndarray, y: np.ndarray, wide: float, **options: Any) -> Fit:
    frame = pd.DataFrame({"condition": "all", "time": x, "value": y})
    data = from_frame(frame, [Condition("all", {}, nothing())], units={"y": ""})
    return fit(LINE, data, {"a": (-wide, wide), "b": (-wide, wide)}, starts=1, **options)


@pytest.mark.parametrize(("error", "sd"), [("additive", 0.3), ("lognormal", 0.08), ("proportional", 0.08)])
def test_coverage(error: str, sd: float) -> None:
    """95% intervals cover the truth in 88 to 100 of 100 replicates (chance of fewer: 0.2%)."""
    rng, x, inside = np.random.default_rng(7), np.arange(1.0, 9.0), 0
    for _ in range(100):
        noise = sd * rng.normal(size=8)
        truth = 2.0 + 1.0 * x
        y = {"additive": truth + noise, "lognormal": truth * np.exp(noise), "proportional": truth * (1 + noise)}[error]
        row = line_fit(x, y, 100.0, error=error).estimates.loc["b"]
        inside += bool(row["lower"] < 1.0 < row["upper"])
    assert inside >= 88


def test_classical_regression_is_reproduced() -> None:
    """Estimates, standard errors and t intervals of a straight line, by the textbook formulas."""
    from scipy.stats import linregress, t

    x, y = np.arange(1.0, 9.0), np.array([1.1, 1.9, 3.2, 3.9, 5.1, 6.2, 6.8, 8.1])
    found, theirs = line_fit(x, y, 100.0), linregress(x, y)
    row = found.estimates.loc["b"]
    assert found.values == pytest.approx({"a": theirs.intercept, "b": theirs.slope}, rel=1e-9)
    assert row["se"] == pytest.approx(theirs.stderr, rel=1e-8)
    assert row["upper"] == pytest.approx(theirs.slope + t.ppf(0.975, 6) * theirs.stderr, rel=1e-8)
    assert found.estimates.loc["a", "se"] == pytest.approx(theirs.intercept_stderr, rel=1e-8)
    assert found.correlation.loc["a", "b"] == pytest.approx(-x.mean() / np.sqrt(np.mean(x**2)), rel=1e-8)


def test_given_sds_are_taken_as_they_stand_or_up_to_a_factor() -> None:
    x, y = np.arange(1.0, 9.0), np.array([1.1, 1.9, 3.2, 3.9, 5.1, 6.2, 6.8, 8.1])
    frame = pd.DataFrame({"condition": "all", "time": x, "value": y, "sd": 0.5})
    data = from_frame(frame, [Condition("all", {}, nothing())], units={"y": ""})
    wide = {"a": (-100, 100), "b": (-100, 100)}
    fixed, scaled = (fit(LINE, data, wide, error=error, starts=1) for error in ("sd", "sd_scaled"))
    spread = np.sqrt(np.sum((x - x.mean()) ** 2))
    assert fixed.values == pytest.approx(scaled.values, rel=1e-9)
    assert fixed.estimates.loc["b", "se"] == pytest.approx(0.5 / spread, rel=1e-9)
    assert fixed.estimates.loc["b", "upper"] == pytest.approx(fixed.values["b"] + 1.959964 * 0.5 / spread, rel=1e-6)
    assert scaled.estimates.loc["b", "se"] == pytest.approx(line_fit(x, y, 100.0).estimates.loc["b", "se"], rel=1e-9)
    assert (fixed.parameters, scaled.parameters) == (2, 3)
