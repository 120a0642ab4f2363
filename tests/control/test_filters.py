"""Filters against the exact Kalman filter, and what they do with measurements that fit nothing."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest

import pkpd_mdr as mdr
from pkpd_mdr import distributions as dist
from pkpd_mdr.control.filters import spread_of
from pkpd_mdr.units import Unit

RATE, RATE_SD, START_SD, ERROR = 0.05, 0.02, 0.3, 0.2
DAYS = np.array([0.0, 10.0, 20.0, 30.0])


@pytest.fixture(scope="module")
def model():
    """log N is linear in the rate and in log N0."""
    return mdr.Model(
        mdr.parameter("r", (RATE, "1/day")),
        mdr.state("N", unit="cell", start=mdr.parameter("N0", "1e9 cell"), kind="cells"),
        mdr.process("growth", "r*N", {"N": 1}),
        mdr.observable("log_N", "log(N/1e12)"),
    )


@pytest.fixture(scope="module")
def belief(model):
    recipe = {"r": dist.normal((RATE, "1/day"), sd=(RATE_SD, "1/day")), "N0": dist.lognormal("1e9 cell", sd=START_SD)}
    return mdr.patients(model, 4000, recipe, seed=1)


def kalman(seen):
    """Mean and covariance of (r, log N) after each visit: the exact filter of a straight line."""
    mean, cov = np.array([RATE, math.log(1e9)]), np.diag([RATE_SD**2, START_SD**2])
    found, before = [], 0.0
    for day, value in zip(DAYS, seen, strict=True):
        step = np.array([[1.0, 0.0], [day - before, 1.0]])
        mean, cov, before = step @ mean, step @ cov @ step.T, day
        gain = cov[:, 1] / (cov[1, 1] + ERROR**2)
        mean, cov = mean + gain * (value - mean[1]), cov - np.outer(gain, cov[1])
        found.append((mean, cov))
    return found


@pytest.mark.parametrize("filter", [mdr.particle_filter(4000), mdr.ensemble_filter(4000)], ids=["particle", "ensemble"])
def test_a_linear_case_is_that_of_the_kalman_filter(model, belief, filter):
    rng = np.random.default_rng(3)
    seen = math.log(1.3e9) + 0.07 * DAYS + ERROR * rng.standard_normal(len(DAYS))
    data = pd.DataFrame({"time [day]": DAYS, "log_N": seen - math.log(1e12)})
    look = mdr.measured("log_N", sd=(ERROR, ""))
    found = mdr.assimilate(model, belief, data, measure=look, filter=filter, seed=2).frame
    for day, (mean, cov) in zip(DAYS, kalman(seen), strict=True):
        for name, place, unit in (("r", 0, 1.0), ("log_N", 1, math.log(1e12))):
            row, size = found.loc[(day, name)], math.sqrt(cov[place, place])
            shift = unit if name == "log_N" else 0.0
            # three errors of a mean of the 400 draws of the prior that lie under the posterior
            assert row["mean"] + shift == pytest.approx(mean[place], abs=0.15 * size)
            assert row["sd"] == pytest.approx(size, rel=0.12)


def test_learning_narrows_and_covers(model, belief):
    """Over 40 patients the 90 % interval of the rate holds the truth about as often as it says."""
    rng = np.random.default_rng(8)
    inside, widths = 0, []
    for patient in range(40):
        rate, start = rng.normal(RATE, RATE_SD), 1e9 * rng.lognormal(0, START_SD)
        seen = start * np.exp(rate * DAYS) * (1 + 0.2 * rng.standard_normal(len(DAYS)))
        found = mdr.assimilate(
            model,
            belief,
            pd.DataFrame({"time [day]": DAYS, "N": np.maximum(seen, 0)}),
            measure=mdr.measured("N", relative_sd=0.2),
            filter=mdr.particle_filter(200),
            seed=patient,
        ).frame.loc[(30.0, "r")]
        inside += found["5%"] <= rate <= found["95%"]
        widths.append(found["sd"])
    assert inside >= 29  # binomial(40, 0.9): P(< 29) is below 0.2 %
    assert np.mean(widths) < 0.6 * RATE_SD


FILTERS = pytest.mark.parametrize(
    "filter", [mdr.particle_filter(200), mdr.ensemble_filter(200)], ids=["particle", "ensemble"]
)


@FILTERS
def test_a_measurement_far_off_is_told_and_believed(model, belief, filter):
    data = pd.DataFrame({"time [day]": [0.0, 10.0, 20.0], "N [cell]": [1e9, 8e9, 60e9]})
    found = mdr.assimilate(model, belief, data, measure=mdr.measured("N", relative_sd=0.01), filter=filter)
    assert found.notes[0].startswith("10 day: the measurement was")
    assert found.frame.loc[(20.0, "N"), "mean"] == pytest.approx(60e9, rel=0.03)
    assert found.frame.loc[(20.0, "r"), "mean"] == pytest.approx(math.log(60) / 20, rel=0.05)


def test_errors_are_those_declared():
    """The error of a scan, its rounding, one cell at least, and one per cent where nothing is declared."""
    cell, true = Unit.of("cell"), np.array([1e9])
    for look, wanted in (
        (mdr.measured("N", relative_sd=0.1), 1e8),
        (mdr.measured("N", sd="3e8 cell"), 3e8),
        (mdr.measured("N", relative_sd=0.1, sd="1e8 cell"), math.sqrt(2) * 1e8),
        (mdr.measured("N", step="1e9 cell"), 1e9 / math.sqrt(12)),
        (mdr.measured("N", digits=1), 1e9 / math.sqrt(12)),
        (mdr.measured("N"), 1e7),
    ):
        assert spread_of(look.for_unit(cell), true, 1.2e9)[0] == pytest.approx(wanted)
    gone = mdr.measured("N", relative_sd=0.1).for_unit(cell)
    assert spread_of(gone, np.array([1e-4]), 1e-3)[0] == pytest.approx(1.0)


@FILTERS
@pytest.mark.parametrize("value", [1e15, 1e-3, 0.0])
def test_impossible_measurements_leave_numbers(model, belief, filter, value):
    data = pd.DataFrame({"time [day]": [0.0, 10.0, 20.0], "N [cell]": [1e9, value, value]})
    found = mdr.assimilate(model, belief, data, measure=mdr.measured("N", relative_sd=0.01), filter=filter)
    assert any("standard deviations from" in note for note in found.notes)
    assert np.isfinite(found.frame.drop(columns="unit").to_numpy(dtype=float)).all()


def test_what_is_seen_as_nothing_is_a_limit(model, belief):
    """A burden below the error of the scan is seen as 0: it makes small tumours likelier, not impossible."""
    data = pd.DataFrame({"time [day]": [0.0], "N": [0.0]})
    found = mdr.assimilate(model, belief, data, measure=mdr.measured("N", sd="1e9 cell"))
    assert found.frame.loc[(0.0, "N"), "50%"] < 1e9
    assert found.frame.loc[(0.0, "N"), "5%"] > 1e8


def test_what_was_given_is_part_of_the_belief():
    """The kill is learned from the fall under the drug; the same data without the drug teach another rate."""
    model = mdr.Model(
        mdr.pk.one_compartment("dox", CL="2 L/h", V="20 L"),
        mdr.clone("S", growth=mdr.growth.exponential(rate="0.02 1/day"), start="1e9 cell"),
        mdr.kill("dox", on="S", slope="0.05 L/mg/day"),
    )
    belief = mdr.patients(model, 300, {"slope_dox_S": dist.lognormal("0.05 L/mg/day", cv=0.8)}, seed=2)
    dox = mdr.infusion("dox", "60 mg", over="1 h").every("7 day", times=4)
    true = {"slope_dox_S": "0.15 L/mg/day"}
    run = model.simulate(dox, until="28 day", times="7 day", parameters=true)
    data = run.frame.reset_index()[["time [day]", "burden"]]
    found = mdr.assimilate(model, belief, data, dox, measure=mdr.measured("burden", relative_sd=0.02), seed=1)
    assert found.cohort()["slope_dox_S"].median() == pytest.approx(0.15, rel=0.05)


@FILTERS
def test_later_visits_tell_of_the_start(model, belief, filter):
    """Log N0 = log N(t) - r t: with the exact filter its posterior is that of the intercept of a line."""
    seen = math.log(1.4e9 / 1e12) + 0.06 * DAYS
    data = pd.DataFrame({"time [day]": DAYS, "log_N": seen})
    found = mdr.assimilate(model, belief, data, measure=mdr.measured("log_N", sd=(ERROR, "")), filter=filter, seed=1)
    design = np.stack([DAYS, np.ones(4)], axis=1)
    precision = design.T @ design / ERROR**2 + np.diag([RATE_SD**-2, START_SD**-2])
    centre = design.T @ (seen - math.log(1e-3)) / ERROR**2 + [RATE / RATE_SD**2, 0.0]
    mean, sd = np.linalg.solve(precision, centre)[1], math.sqrt(np.linalg.inv(precision)[1, 1])
    start = found.frame.loc[(30.0, "N0")]
    assert math.log(start["50%"] / 1e9) == pytest.approx(mean, abs=0.5 * sd)
    assert math.log(start["95%"] / start["5%"]) / 3.29 == pytest.approx(sd, rel=0.3)


def test_two_outputs_and_gaps(model, belief):
    both = model.plus(mdr.observable("twice", "2*N", "cell"))
    data = pd.DataFrame({"time [day]": [0.0, 10.0], "N": [1e9, None], "twice": [None, 3e9]})
    looks = [mdr.measured("N", relative_sd=0.05), mdr.measured("twice", relative_sd=0.05)]
    found = mdr.assimilate(both, belief, data, measure=looks, filter=mdr.particle_filter(300)).frame
    assert found.loc[(10.0, "N"), "mean"] == pytest.approx(1.5e9, rel=0.05)


@pytest.mark.parametrize(
    ("data", "options", "kind", "sentence"),
    [
        ({"day": [1], "N": [1]}, {}, mdr.DataError, r"no column 'time \[day\]'"),
        ({"time [kg]": [1], "N": [1]}, {}, mdr.DataError, "in no unit of time"),
        ({"time [day]": [1, 1], "N": [1, 2]}, {}, mdr.DataError, "row 1 of the data: the time is 1"),
        ({"time [day]": [1], "M": [1]}, {}, mdr.DataError, "no column 'N'"),
        ({"time [day]": [1], "N": ["many"]}, {}, mdr.DataError, "'N' is 'many', which is not a number"),
        ({"time [day]": [1], "N [mg]": [1]}, {}, mdr.DataError, "'N' in 'mg', the model in 'cell'"),
        ({"time [day]": [], "N": []}, {}, mdr.DataError, "no row"),
        ({"time [day]": [1], "N": [1]}, {"measure": "M"}, mdr.SimulationError, "'M'"),
        ({"time [day]": [1], "N": [1]}, {"belief": None}, mdr.DataError, "the belief is missing"),
        (
            {"time [day]": [1], "N": [1]},
            {"belief": pd.DataFrame({"r": [0.1, 0.1]})},
            mdr.DataError,
            "no parameter that varies",
        ),
        ({"time [day]": [1], "N": [1]}, {"filter": 3}, mdr.SimulationError, "filter is 3, not a filter"),
    ],
)
def test_refusals(model, belief, data, options, kind, sentence):
    call = {"belief": belief, "measure": "N"} | options
    with pytest.raises(kind, match=sentence):
        mdr.assimilate(model, call.pop("belief"), pd.DataFrame(data), **call)


@pytest.mark.parametrize(
    ("call", "sentence"),
    [
        (lambda: mdr.particle_filter(3), "particles is 3, not a whole number from 10 to 1,000,000"),
        (lambda: mdr.particle_filter(resample_below=2), "resample_below = 2 is no share"),
        (lambda: mdr.particle_filter(discount=1), r"discount = 1 is outside 0\.9 to 0\.999"),
        (lambda: mdr.ensemble_filter(inflation=0.5), r"inflation = 0\.5 is outside 1 to 2"),
    ],
)
def test_impossible_filters(call, sentence):
    with pytest.raises(mdr.SimulationError, match=sentence):
        call()
