"""Scales and offsets of readouts follow from everything else, exactly."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

import pkpd_mdr as mdr
from pkpd_mdr.data import Condition, from_frame
from pkpd_mdr.errors import FitError
from pkpd_mdr.fit import fit
from pkpd_mdr.fit.errors import read_errors
from pkpd_mdr.fit.free import read_free
from pkpd_mdr.fit.objective import Objective
from pkpd_mdr.fit.posing import pose
from pkpd_mdr.fit.readout import read_readouts
from pkpd_mdr.regimen import nothing

DECAY = mdr.Model(mdr.observable("y", "exp(-k*t)"), mdr.parameter("k", "0.3 1/h"))
WRITTEN = mdr.Model(  # the same with scale and offset as parameters
    mdr.observable("y", "A*exp(-k*t) + B"),
    mdr.parameter("k", "0.3 1/h"),
    mdr.parameter("A", 5.0),
    mdr.parameter("B", 0.1),
)
FREE: dict[str, Any] = {"k": ("0.01 1/h", "5 1/h")}
TIMES = np.arange(0.0, 8.0, 0.5)


def plates(*, offset: float = 0.0, noise: float = 0.05, scales: tuple[float, ...] = (8.0, 20.0)) -> mdr.Data:
    rng, frames, conditions = np.random.default_rng(2), [], []
    for number, scale in enumerate(scales):
        value = (scale * np.exp(-0.5 * TIMES) + offset) * np.exp(noise * rng.normal(size=len(TIMES)))
        frames.append(pd.DataFrame({"condition": f"p{number}", "time": TIMES, "value": value, "sd": 0.2}))
        conditions.append(Condition(f"p{number}", {"plate": f"p{number}"}, nothing()))
    return from_frame(pd.concat(frames), conditions, units={"y": ""})


@pytest.mark.parametrize("error", ["additive", "proportional", "lognormal", "combined", "sd", "student_t"])
@pytest.mark.parametrize("kind", ["scale", "scale+offset"])
def test_as_if_scale_and_offset_were_parameters(error: str, kind: str) -> None:
    data = plates(offset=0.5 if kind == "scale+offset" else 0.0, scales=(8.0,))
    solved = fit(DECAY, data, FREE, readout={"y": kind}, error=error, starts=3)
    free = FREE | {"A": (1e-3, 1e3)} | ({"B": (-9.0, 9.0)} if kind == "scale+offset" else {})
    written = fit(WRITTEN.with_parameters(B=0.0), data, free, error=error, starts=5, seed=1)
    assert solved.log_likelihood == pytest.approx(written.log_likelihood, abs=1e-5)
    assert solved.values["k"] == pytest.approx(written.values["k"], rel=1e-3)
    assert solved.readouts.iloc[0] == pytest.approx(written.values["A"], rel=2e-3)
    assert solved.estimates.loc["k", "se"] == pytest.approx(written.estimates.loc["k", "se"], rel=1e-2)
    assert solved.parameters == written.parameters
    assert solved.aic == pytest.approx(written.aic, abs=1e-4)


@pytest.mark.parametrize("error", ["additive", "lognormal", "combined", "sd", "student_t"])
def test_slope_of_the_profiled_problem(error: str) -> None:
    """The exact derivative once scale and offset follow, by differences of the solved objective."""
    data = plates(offset=0.5)
    problem = read_readouts({"y": ("scale+offset", "plate")}, pose(DECAY, data, read_free(DECAY, FREE)))
    target = Objective(problem, read_errors(error, data))
    point, step = target.complete(np.array([np.log(0.8)])), 1e-5
    here = target.evaluate(point)
    for j in range(len(point)):
        shift = step * np.eye(len(point))[j]
        up, down = target.evaluate(point + shift), target.evaluate(point - shift)
        assert (up.value - down.value) / (2 * step) == pytest.approx(here.gradient[j], rel=1e-5, abs=1e-6)


def test_groups_and_units() -> None:
    data = plates()
    found = fit(DECAY, data, FREE, readout={"y": ("scale", "plate")}, error="lognormal", starts=1)
    assert list(found.readouts.index) == ["scale of y [p0]", "scale of y [p1]"]
    assert found.readouts.to_numpy() == pytest.approx([8.0, 20.0], rel=0.05)
    table = data.table[["condition", "time", "value"]]
    percent = from_frame(table.assign(value=100 * table["value"]), data.conditions, units={"y": "%"})
    other = fit(DECAY, percent, FREE, readout={"y": ("scale", "plate")}, error="lognormal", starts=1)
    assert other.values["k"] == pytest.approx(found.values["k"], rel=1e-8)
    assert other.readouts.to_numpy() == pytest.approx(found.readouts.to_numpy(), rel=1e-8)
    curve = found.predict(times=["0 h"])
    assert curve["value"].to_numpy() == pytest.approx(found.readouts.to_numpy(), rel=1e-9)
    assert "scale of y [p1]" in found.report()
    profile = found.profile("k")
    assert profile.lower < 0.5 < profile.upper


def test_start_and_scale_are_not_taken_apart() -> None:
    """A free start and a free scale only make sense as a product, which is said."""
    model = mdr.Model(mdr.clone("S", growth=mdr.growth.exponential(rate="0.1 1/h"), start="100 cell"))
    value = 0.02 * np.exp(0.1 * TIMES) * (1 + 0.01 * np.sin(9 * TIMES))
    data = from_frame(
        pd.DataFrame({"condition": "w", "time": TIMES, "value": value}),
        [Condition("w", {}, nothing())],
        units={"burden": "cell"},
    )
    free = {"S0": ("1 cell", "1e4 cell"), "growth_S": ("0.01 1/h", "1 1/h")}
    found = fit(model, data, free, readout={"burden": "scale"}, error="lognormal", starts=1)
    assert found.estimates.loc["S0", "verdict"].startswith("not determined")
    assert found.estimates.loc["growth_S", "verdict"] == "ok"


@pytest.mark.parametrize(
    ("readout", "sentence"),
    [
        ({"z": "scale"}, "readout names 'z', which was not measured"),
        ({"y": "offset"}, "choose 'scale' or 'scale.offset'"),
        ({"y": ("scale", "plat")}, "condition 'p0' has no label 'plat'; did you mean 'plate'"),
    ],
)
def test_bad_readouts(readout: dict[str, Any], sentence: str) -> None:
    with pytest.raises(FitError, match=sentence):
        fit(DECAY, plates(), FREE, readout=readout)


def test_too_many_readouts_for_the_data() -> None:
    few = plates().between(end="0 h")
    with pytest.raises(FitError, match=r"2 measurements cannot determine 3 parameters \(k, scale of y \[p0\]"):
        fit(DECAY, few, FREE, readout={"y": ("scale", "plate")})


def test_readout_and_reference_exclude_each_other() -> None:
    with pytest.raises(FitError, match="a reference leaves no scale"):
        fit(DECAY, plates(), FREE, readout={"y": "scale"}, relative_to={"y": "max"})


# -- what is known of them ---------------------------------------------------------------------------------


def noisy() -> tuple[np.ndarray, mdr.Data]:
    times = np.array([0.0, 1, 2, 4, 6, 9, 12, 18])
    value = 50 * np.exp(-0.2 * times) + 5 + 3 * np.random.default_rng(5).normal(size=8)
    frame = pd.DataFrame({"condition": "all", "time": times, "value": value, "sd": 3.0})
    return times, from_frame(frame, [Condition("all", {}, nothing())], units={"y": ""})


@pytest.mark.parametrize("error", ["additive", "sd"])
def test_a_posterior_integrates_scale_and_offset_out(error: str) -> None:
    """With them at their best, 95 % intervals of k came out by a quarter too short for these eight rows."""
    times, data = noisy()
    y = data.table["value"].to_numpy()
    found = fit(DECAY, data, FREE, readout={"y": "scale+offset"}, error=error, starts=2)
    drawn = found.mcmc(10, warmup=10, walkers=4, chains=1, seed=1)

    def exact(k: float) -> float:
        design = np.stack([np.exp(-k * times), np.ones(8)], axis=1)
        squares = float(np.sum((y - design @ np.linalg.lstsq(design, y, rcond=None)[0]) ** 2))
        width = -0.5 * np.linalg.slogdet(design.T @ design)[1]
        return width - (0.5 * squares / 9.0 if error == "sd" else 0.5 * (8 - 2) * np.log(squares))

    k = np.exp(drawn.chain[..., 0].ravel())
    apart = drawn.log_posterior.ravel() - [exact(value) for value in k]
    assert np.ptp(k) > 0.01
    assert np.ptp(apart) < 1e-7


@pytest.mark.parametrize("error", ["additive", "sd", "lognormal", "proportional"])
def test_held_out_conditions_are_predicted_as_if_scale_and_offset_were_parameters(error: str) -> None:
    data = plates(offset=0.5, scales=(8.0, 8.0, 8.0), noise=0.1)
    free = FREE | {"A": (1e-3, 1e3), "B": (-9.0, 9.0)}
    fits = {
        "solved": fit(DECAY, data, FREE, readout={"y": "scale+offset"}, error=error, starts=3),
        "written": fit(WRITTEN, data, free, error=error, starts=3),
    }
    table = mdr.compare_models(fits, held_out="condition").table
    assert table.loc["solved", "held_out"] == pytest.approx(table.loc["written", "held_out"], abs=1e-2)


@pytest.mark.parametrize("error", ["additive", "lognormal", "sd"])
def test_bands_know_scale_and_offset_as_well_as_the_data_tell_them(error: str) -> None:
    """With these at their best under each draw, a band was six times too narrow where k hardly matters."""
    _, data = noisy()
    free = FREE | {"A": (1e-3, 1e3), "B": (-99.0, 99.0)}
    options: Any = {"error": error, "starts": 2, "seed": 1}
    solved, written = (
        fit(DECAY, data, FREE, readout={"y": "scale+offset"}, **options),
        fit(WRITTEN.with_parameters(A=40.0), data, free, **options),
    )
    widths = []
    for found in (solved, written):
        frame = found.band(["0 h", "1 h", "6 h", "12 h"], draws=found.draws(1000, seed=2)).frame
        widths.append((frame["upper"] - frame["lower"]).to_numpy())
    assert widths[0] == pytest.approx(widths[1], rel=0.25)
