"""Fits whose likelihood is written out here once more, term by term, and searched by a plain optimiser."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from scipy.optimize import minimize

import pkpd_mdr as mdr
from pkpd_mdr.fit import fit

MODEL = mdr.Model(
    mdr.observable("C", "A*exp(-k*t)", "mg/L"), mdr.parameter("A", "5 mg/L"), mdr.parameter("k", "0.1 1/h")
)
FREE: dict[str, Any] = {"A": ("0.1 mg/L", "1000 mg/L"), "k": ("0.001 1/h", "10 1/h")}
Cost = Callable[[np.ndarray], float]


def check(own: Cost, told: float, here: Sequence[float], box: Sequence[tuple[float, float]], *, far: bool) -> None:
    """The reported value is the own one at the same point, and no other point is better."""
    here, (low, high) = np.array(here), np.array(box).T
    rng = np.random.default_rng(1)
    starts = [here + 0.1, *(rng.uniform(low, high) for _ in range(5 if far else 2))]
    with np.errstate(all="ignore"):
        ends = [minimize(own, np.clip(x, low, high), method="L-BFGS-B", bounds=box) for x in starts]
    best = min(ends, key=lambda end: end.fun if np.isfinite(end.fun) else np.inf)
    options = {"xatol": 1e-9, "fatol": 1e-10, "maxiter": 4000, "maxfev": 4000}
    best = minimize(own, best.x, method="Nelder-Mead", bounds=box, options=options)
    assert own(here) == pytest.approx(told, abs=1e-6)
    assert told <= best.fun + 1e-6


def test_student_t_with_values_below_a_limit_and_two_errors() -> None:
    rng, limit = np.random.default_rng(11), 1.0
    times = np.repeat([0.5, 1, 2, 4, 6, 8, 12, 16, 24.0], 3)
    y = np.maximum(20 * np.exp(-0.25 * times) + 0.5 * rng.standard_t(4, len(times)), 1e-3)
    frame, below = pd.DataFrame({"h": times, "y": y}), y < limit
    options: dict[str, Any] = {"observable": "C", "repeats": "number", "lloq": "1 mg/L"}
    data = mdr.read_assay(frame, time="h [h]", value="y [mg/L]", **options)
    found = fit(MODEL, data, FREE, error=mdr.student_t("combined", df=4), starts=2, seed=1)

    def own(x: np.ndarray) -> float:
        f = np.exp(x[0] - np.exp(x[1]) * times)
        scale = np.sqrt(np.exp(2 * x[2]) + np.exp(2 * x[3]) * f**2)
        seen = stats.t.logpdf((y - f) / scale, 4) - np.log(scale)
        return float(-2 * np.where(below, stats.t.logcdf((limit - f) / scale, 4), seen).sum())

    error = found.objective.errors["C"].parameters(
        found.objective.scale(found.best, 0, unbiased=False), found.objective.mix(found.best.point, 0)
    )
    here = [*found.best.point[:2], np.log(error["a"]), np.log(error["b"])]
    check(own, -2 * found.log_likelihood, here, [(-2, 7), (-7, 2.3), (-6, 4), (-16, 2)], far=True)


@pytest.mark.parametrize("error", ["proportional", "lognormal"])
def test_priors_against_the_data_in_one_of_three_groups(error: str) -> None:
    """The prior of one group is ten sds off, so that plain steps of scoring jump to and fro across the mode."""
    rng, times, frames = np.random.default_rng(2), np.array([0.5, 1, 2, 4, 8, 12.0]), []
    for group, k in enumerate([0.2, 0.5, 0.3]):
        frames.append(pd.DataFrame({"g": group, "h": times, "y": 10 * np.exp(-k * times + 0.2 * rng.normal(size=6))}))
    frame = pd.concat(frames, ignore_index=True)
    data = mdr.read_assay(frame, time="h [h]", value="y [mg/L]", observable="C", by="g")
    priors: Any = {"k[0]": ("lognormal", "0.5 1/h", 0.1), "A": ("lognormal", "12 mg/L", 0.05)}
    found = fit(MODEL, data, FREE, per={"k": "g"}, priors=priors, error=error, starts=3, seed=1)
    h, y, g = (frame[name].to_numpy() for name in ("h", "y", "g"))

    def distance(x: np.ndarray) -> float:
        return float(((x[1] - np.log(0.5)) / 0.1) ** 2 + ((x[0] - np.log(12)) / 0.05) ** 2)

    def own(x: np.ndarray) -> float:
        f, s = np.exp(x[0] - np.exp(x[1:4])[g] * h), np.exp(x[4])
        z, sd, jacobian = (np.log(y / f), s, np.log(y)) if error == "lognormal" else (y - f, s * f, 0.0)
        return float(-2 * np.sum(stats.norm.logpdf(z, scale=sd) - jacobian)) + distance(x)

    here = np.array([*found.best.point[:4], np.log(found.objective.scale(found.best, 0, unbiased=False))])
    box = [(-2, 7), *[(-7, 2.3)] * 3, (-6, 2)]
    check(own, -2 * found.log_likelihood + distance(here), here.tolist(), box, far=False)


def test_scale_and_offset_of_each_plate_with_values_below_its_limit() -> None:
    rng, times = np.random.default_rng(8), np.repeat([0, 1, 2, 4, 6, 9, 12, 18, 24.0], 2)
    plate = np.tile([0, 1], 9)
    signal = np.array([50, 80.0])[plate] * np.exp(-0.2 * times) + 3 + 1.5 * rng.normal(size=18)
    limit, y = np.array([5.0, 7.0])[plate], np.maximum(signal, 0.01)
    frame, below = pd.DataFrame({"h": times, "y": y, "plate": plate, "lloq": limit}), y < limit
    data = mdr.read_assay(frame, time="h [h]", value="y [1]", observable="y", by="plate", lloq="lloq [1]")
    model = mdr.Model(mdr.observable("y", "exp(-k*t)"), mdr.parameter("k", "0.1 1/h"))
    readout: Any = {"y": ("scale+offset", "plate")}
    found = fit(model, data, {"k": ("0.001 1/h", "10 1/h")}, readout=readout, starts=3, seed=1)

    def own(x: np.ndarray) -> float:
        f, sd = x[1:3][plate] * np.exp(-np.exp(x[0]) * times) + x[3:5][plate], np.exp(x[5])
        return float(-2 * np.where(below, stats.norm.logcdf(limit, f, sd), stats.norm.logpdf(y, f, sd)).sum())

    solved = dict(zip(found.objective.problem.readouts, found.best.prediction.readout, strict=True))
    by_kind = [solved[name] for kind in ("scale", "offset") for name in solved if name.startswith(kind)]
    here = [found.best.point[0], *by_kind, np.log(found.objective.scale(found.best, 0, unbiased=False))]
    box = [(-7, 2.3), (0, 200), (0, 200), (-30, 30), (-30, 30), (-5, 3.5)]
    check(own, -2 * found.log_likelihood, here, box, far=True)
