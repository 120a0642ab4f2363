"""Held-out prediction with all that a fit can have: groups, readouts, heavy tails, counts, limits of quantification."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy.stats import t as student

import pkpd_mdr as mdr
from pkpd_mdr.fit.held_out import find_folds, hold_out

LINE = mdr.Model(mdr.observable("y", "a + b*t"), mdr.parameter("a", 1.0), mdr.parameter("b", "0 1/h"))
FREE = {"a": (-9, 9), "b": (-9, 9)}


def table(seed: int = 1) -> pd.DataFrame:
    hours = np.tile(np.arange(1.0, 7.0), 3)
    y = 1.0 + 0.5 * hours + 0.1 * np.random.default_rng(seed).normal(size=len(hours))
    return pd.DataFrame({"g": np.repeat(list("abc"), 6), "h": hours, "y": y})


def read(frame: pd.DataFrame) -> mdr.Data:
    return mdr.read_assay(frame, time="h [h]", value="y [1]", observable="y", by="g")


def test_a_factor_of_each_plate_is_settled_by_its_controls() -> None:
    frame = pd.DataFrame({"plate": list("aaaabbbb"), "x": [0.0, 0, 1, 1] * 2, "y": [1, 1.02, 3, 3.1, 2, 2.02, 7, 7.1]})
    columns = {"value": "y [1]", "observable": "y", "by": "plate", "repeats": "number"}
    data = mdr.read_assay(frame, **columns, covariates={"x": "x [1]"})
    parameters = [mdr.parameter(name, value) for name, value in {"x": 0.0, "k": 1.0, "f": 1.0}.items()]
    model = mdr.Model(mdr.observable("y", "f*(1 + k*x)"), *parameters)
    fit = mdr.fit(model, data, {"k": (0, 9), "f": (0.1, 9)}, per={"f": "plate"}, error="lognormal", starts=1)
    fold = find_folds(fit, {"plate": "b"}, {"x": 0})[0]
    for factors in (["f"], ["f[b]"]):
        found = hold_out(fit, fold, factors=factors)
        assert found["predicted"].to_numpy() == pytest.approx([2.01 * 3.05 / 1.01] * 2, rel=1e-3)


def test_a_readout_is_that_of_the_rest() -> None:
    """Values of c times seven: the scale found without c predicts c seven times too low."""
    frame = table()
    frame.loc[frame["g"] == "c", "y"] *= 7.0
    fit = mdr.fit(LINE.with_parameters(a=1.0), read(frame), {"b": (0, 9)}, readout={"y": "scale"}, starts=1)
    found = hold_out(fit, find_folds(fit, {"g": "c"})[0])
    assert np.mean(found["value"] / found["predicted"]) == pytest.approx(7.0, rel=0.1)
    own = mdr.fit(LINE, read(frame), {"b": (0, 9)}, readout={"y": ("scale", "g")}, starts=1)
    with pytest.raises(mdr.FitError, match="leaves nothing to find the scale of y"):
        hold_out(own, find_folds(own, {"g": "c"})[0])


def test_heavy_tails_have_their_own_density() -> None:
    data, error = read(table()), mdr.student_t(df=4)
    fit = mdr.fit(LINE, data, FREE, error=error, starts=1)
    found = hold_out(fit, find_folds(fit, {"g": "c"})[0])
    rest = mdr.fit(LINE, data.only(g=["a", "b"]), FREE, error=error, starts=1)
    scale = float(rest.errors.set_index("parameter").loc["a", "estimate"])
    by = np.column_stack([np.ones(len(found)), found["time"]])
    wider = np.sqrt(scale**2 + np.einsum("ij,jk,ik->i", by, rest.covariance.to_numpy(), by))
    off = (found["value"] - found["predicted"]).to_numpy()
    assert np.allclose(found["log_density"], student.logpdf(off, 4, scale=wider), rtol=1e-4, atol=1e-4)


def test_limits_of_quantification_in_the_held_out_part_only() -> None:
    """Rows below a limit make the held-out part's error parameters stand elsewhere; the rest's are carried over."""
    frame = table()
    frame.loc[(frame["g"] == "c") & (frame["h"] < 3), "y"] = 1.9  # all other values are above
    frame["y"] = np.where((frame["y"] < 2.0) & (frame["g"] != "c"), 2.3, frame["y"])
    data = mdr.read_assay(frame, time="h [h]", value="y [1]", observable="y", by="g", lloq=2.0)
    fit = mdr.fit(LINE, data, FREE, starts=1)
    found = hold_out(fit, find_folds(fit, {"g": "c"})[0])
    below = found["time"] < 3
    assert below.sum() == 2
    assert (found.loc[below, "log_density"] < 0).all()  # a probability, not a density
    assert np.isfinite(found["log_density"]).all()
