"""The objective is the likelihood, its Jacobian is exact, and both agree with a plain optimiser."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

import pkpd_mdr as mdr
from pkpd_mdr.data import Condition, from_frame
from pkpd_mdr.fit import fit
from pkpd_mdr.fit.errors import ERRORS, ErrorModel, read_errors
from pkpd_mdr.fit.free import read_free
from pkpd_mdr.fit.objective import Objective
from pkpd_mdr.fit.posing import pose
from pkpd_mdr.regimen import bolus, exposure, nothing

DECAY = mdr.Model(
    mdr.observable("y", "A*exp(-k*t)"),
    mdr.observable("w", "B*(1 - exp(-k*t))", "mg"),
    mdr.parameter("A", 8.0),
    mdr.parameter("B", "3 mg"),
    mdr.parameter("k", "0.3 1/h"),
)
FREE: dict[str, Any] = {"A": (0.1, 100), "k": ("0.01 1/h", "3 1/h")}
NORMAL = sorted(kind for kind in ERRORS if ErrorModel(kind).normal)


def decay_data(*, both: bool = False, seed: int = 3) -> mdr.Data:
    rng, times = np.random.default_rng(seed), np.repeat(np.arange(1.0, 9.0), 2)
    size = 8.0 * np.exp(-0.3 * times)
    table = {"condition": "all", "observable": "y", "time": times, "value": size * (1 + 0.1 * rng.normal(size=16))}
    spread = {"replicate": np.tile(["1", "2"], 8), "sd": 0.05 + 0.1 * size, "n": 1 + np.arange(16) % 3}
    frame = pd.DataFrame(table | spread)
    if not both:
        return from_frame(frame.drop(columns="observable"), [Condition("all", {}, nothing())], units={"y": ""})
    more = frame.assign(observable="w", value=3000 * (1 - np.exp(-0.3 * times)) + 200 * rng.normal(size=16), sd=200.0)
    conditions = [Condition("all", {}, nothing())]
    return from_frame(pd.concat([frame, more]), conditions, units={"y": "", "w": "ug"})


def objective(model: mdr.Model, data: mdr.Data, free: Any, error: Any, **options: Any) -> Objective:
    return Objective(pose(model, data, read_free(model, free), **options), read_errors(error, data))


def check_derivatives(target: Objective, point: np.ndarray, tolerance: float) -> None:
    here, step = target.evaluate(point), 1e-6
    for j in range(len(point)):
        shift = step * np.eye(len(point))[j]
        up, down = target.evaluate(point + shift), target.evaluate(point - shift)
        numeric, jacobian = (up.residuals - down.residuals) / (2 * step), here.jacobian
        assert np.allclose(numeric, jacobian[:, j], rtol=tolerance, atol=tolerance * np.abs(jacobian).max())
        slope = (up.value - down.value) / (2 * step)
        assert slope == pytest.approx(here.gradient[j], rel=tolerance, abs=tolerance * np.abs(here.gradient).max())


@pytest.mark.parametrize("error", NORMAL)
def test_jacobian_of_every_error_model(error: str) -> None:
    target = objective(DECAY, decay_data(), FREE, error)
    check_derivatives(target, target.complete(np.array([1.8, -1.5])) + 0.1, 1e-6)


@pytest.mark.parametrize("error", [{"y": "combined", "w": "additive"}, {"y": "sd", "w": "proportional"}])
def test_jacobian_with_several_observables(error: dict[str, str]) -> None:
    target = objective(DECAY, decay_data(both=True), FREE | {"B": (0.1, 90)}, error)
    check_derivatives(target, target.complete(np.array([1.8, -1.5, 1.3])) + 0.05, 1e-6)


def tumour() -> mdr.Model:
    return mdr.Model(
        mdr.medium("dox", unit="uM", half_life="20 h"),
        mdr.clone("S", growth=mdr.growth.logistic(rate="0.03 1/h", capacity="2e4 cell")),
        mdr.clone("R", growth=mdr.growth.logistic(rate="0.02 1/h", capacity="2e4 cell"), resistant=True),
        mdr.seeding(total="1000 cell", R=0.1),
        mdr.kill("dox", on="S", emax="0.08 1/h", ec50="50 nM"),
    )


TUMOUR_FREE: dict[str, Any] = {
    "growth_S": ("0.001 1/h", "0.1 1/h"),
    "R0_share": (0, 0.5),
    "ec50_dox_S": ("1 nM", "10 uM"),
    "half_life_dox": ("1 h", "200 h"),
}


def tumour_data(model: mdr.Model, *, noise: float = 0.0, seed: int = 1) -> mdr.Data:
    """Counts of the model under pulses of 24 h."""
    rng, times = np.random.default_rng(seed), np.array([0.0, 12, 24, 48, 72, 120, 168, 240])
    conditions, frames = [], []
    for level in (0, 50, 500):
        regimen = exposure("dox", f"{level} nM", over="24 h") if level else nothing()
        conditions.append(Condition(f"{level} nM", {"dox_nM": level}, regimen))
        run = model.simulate(regimen, until="240 h", times=[f"{t} h" for t in times])
        values = run.frame["burden"].to_numpy() * np.exp(noise * rng.normal(size=len(times)))
        frames.append(pd.DataFrame({"condition": f"{level} nM", "time": times, "value": values}))
    return from_frame(pd.concat(frames), conditions, units={"burden": "cell"})


@pytest.mark.parametrize("options", [{}, {"start": {"N0": "first"}}, {"relative_to": {"burden": "peak"}}])
def test_jacobian_of_a_model_with_states(options: dict[str, Any]) -> None:
    model = tumour()
    target = objective(model, tumour_data(model, noise=0.1), TUMOUR_FREE, "combined", **options)
    check_derivatives(target, target.complete(target.problem.space.start) + 0.05, 2e-3)


def test_state_set_by_the_data_keeps_other_starts_free() -> None:
    """A start that no parameter carries is set directly; its derivatives vanish, the others stay."""
    model = mdr.Model(
        mdr.state("A", unit="mg", kind="amount"),
        mdr.state("B", "2 mg", unit="mg", kind="amount"),
        mdr.parameter("k", "0.2 1/h"),
        mdr.process("move", "k*A", {"A": -1, "B": 1}),
    )
    frame = pd.DataFrame({"condition": "one", "time": [1.0, 3.0, 5.0], "value": [3.0, 4.0, 4.5]})
    data = from_frame(frame, [Condition("one", {}, nothing())], units={"B": "mg"})
    target = objective(model, data, {"k": ("0.01 1/h", "1 1/h"), "B0": (0.1, 10)}, "additive", start={"A": "4 mg"})
    values = target.problem.predict(target.problem.space.start).values
    assert np.allclose(values, 2 + 4 * (1 - np.exp(-0.2 * data.table["time"])), rtol=1e-6)
    check_derivatives(target, target.problem.space.start, 1e-4)


def test_doses_that_depend_on_what_is_free() -> None:
    drug = {"CL": "2 L/h", "V": "10 L", "ka": "1 1/h", "F": 0.5, "lag": "0.5 h", "molar_mass": "543.5 g/mol"}
    model = mdr.Model(mdr.pk.one_compartment("dox", **drug))
    regimen = bolus("dox", "10 mg", route="oral")
    frame = pd.DataFrame({"condition": "one", "time": [1.0, 2.0, 4.0, 8.0], "value": [100.0, 200.0, 150.0, 60.0]})
    data = from_frame(frame, [Condition("one", {}, regimen)], units={"C_dox": "ng/mL"})
    target = objective(model, data, {"F_dox": (0.05, 1.0), "lag_dox": ("0.1 h", "0.9 h")}, "additive")
    check_derivatives(target, target.problem.space.start, 1e-3)


# -- against plain optimisers ------------------------------------------------------------------------------


def minus_two_log_likelihood(model: ErrorModel, rows: Any, mine: Any, f: np.ndarray, s: float, mix: float) -> float:
    """Written out from the table of error models, without the tricks."""
    own, y, known, n = model.parameters(s, mix), rows.value[mine], rows.known[mine], rows.n[mine]
    sd = {
        "additive": lambda: own["a"] + 0 * f,
        "proportional": lambda: own["b"] * f,
        "combined": lambda: np.sqrt(own["a"] ** 2 + own["b"] ** 2 * f**2),
        "lognormal": lambda: own["s"] + 0 * f,
        "poisson": lambda: np.sqrt(own["phi"] * f),
        "relative": lambda: own["b"] * y,
        "sd": lambda: known,
        "sd_scaled": lambda: own["s"] * known,
    }[model.kind]() / np.sqrt(n)
    z, m = (np.log(y), np.log(f)) if model.logarithmic else (y, f)
    total = np.sum(((z - m) / sd) ** 2 + 2 * np.log(sd) + np.log(2 * np.pi))
    return float(total + (2 * np.log(y).sum() if model.logarithmic else 0.0))


@pytest.mark.parametrize("error", NORMAL)
def test_maximum_likelihood(error: str) -> None:
    """No plain search over all parameters finds a higher likelihood, and the reported one is right."""
    from scipy.optimize import minimize

    data = decay_data()
    found = fit(DECAY, data, FREE, error=error, starts=3, seed=1)
    rows, model = found.objective.problem.rows, found.objective.errors["y"]

    def cost(x: np.ndarray) -> float:
        f = np.exp(x[0]) * np.exp(-np.exp(x[1]) * rows.time)
        return minus_two_log_likelihood(model, rows, slice(None), f, np.exp(x[2]), x[3])

    s = found.objective.scale(found.best, 0, unbiased=False)
    here = np.array([*found.best.point[:2], np.log(s), found.objective.mix(found.best.point, 0)])
    assert cost(here) == pytest.approx(-2 * found.log_likelihood, rel=1e-10)
    options = {"xatol": 1e-9, "fatol": 1e-11, "maxiter": 5000}
    searched = minimize(cost, here + 0.05, method="Nelder-Mead", options=options)
    assert cost(here) <= searched.fun + 1e-7


def test_joint_likelihood_of_two_observables() -> None:
    """Shared k, an observable each with its own error; one of them in other units and with given sds."""
    from scipy.optimize import minimize

    data = decay_data(both=True)
    for errors in ({"y": "proportional", "w": "additive"}, {"y": "proportional", "w": "sd"}):
        found = fit(DECAY, data, FREE | {"B": (0.1, 90)}, error=errors, starts=2, seed=1)
        rows = found.objective.problem.rows
        y, w = (rows.which == rows.observable.index(name) for name in ("y", "w"))

        def cost(x: np.ndarray, errors: dict[str, str] = errors, rows: Any = rows, y: Any = y, w: Any = w) -> float:
            a, k, b = np.exp(x[:3])
            first = a * np.exp(-k * rows.time[y])
            second = 1000 * b * (1 - np.exp(-k * rows.time[w]))
            one = minus_two_log_likelihood(ErrorModel("proportional"), rows, y, first, np.exp(x[3]), 0.0)
            return one + minus_two_log_likelihood(ErrorModel(errors["w"]), rows, w, second, np.exp(x[4]), 0.0)

        start = np.array([*found.best.point[:3], np.log(0.1), np.log(200.0)])
        options = {"xatol": 1e-8, "fatol": 1e-10, "maxiter": 20000, "maxfev": 20000}
        searched = minimize(cost, start, method="Nelder-Mead", options=options)
        assert -2 * found.log_likelihood == pytest.approx(searched.fun, abs=1e-5)
        assert np.allclose(found.best.point[:3], searched.x[:3], atol=1e-4)


def test_number_of_measurements_behind_a_mean_counts() -> None:
    """Means of n replicates with n given estimate as the replicates do (equal n)."""
    single = decay_data().table
    pairs = single.assign(n=1, replicate=np.tile(["1", "2"], 8))[["condition", "time", "value", "replicate", "n"]]
    replicates = from_frame(pairs, [Condition("all", {}, nothing())], units={"y": ""})
    every = fit(DECAY, replicates, FREE, starts=1)
    means = fit(DECAY, replicates.mean_of_replicates(), FREE, starts=1)
    assert means.values == pytest.approx(every.values, rel=1e-7)
