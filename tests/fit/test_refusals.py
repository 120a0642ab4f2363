"""What cannot be fitted is refused in a sentence with place and repair; broken runs do not kill a fit."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pandas as pd
import pytest

import pkpd_mdr as mdr
from pkpd_mdr.data import Condition, from_frame
from pkpd_mdr.errors import FitError, UnitError
from pkpd_mdr.fit import fit
from pkpd_mdr.regimen import Regimen, exposure, nothing

MODEL = mdr.Model(
    mdr.medium("dox", unit="uM"),
    mdr.clone("S", growth=mdr.growth.exponential(rate="0.03 1/h"), start="500 cell"),
    mdr.clone("R", growth=mdr.growth.exponential(rate="0.02 1/h"), start="5 cell", resistant=True),
    mdr.kill("dox", on="S", emax="0.1 1/h", ec50="50 nM"),
)
GROWTH = {"growth_S": ("0.001 1/h", "0.1 1/h")}


def data(
    values: list[float] | None = None,
    *,
    regimen: Regimen | None = None,
    units: dict[str, str] | None = None,
    **covariates: Any,
) -> mdr.Data:
    values = [500.0, 600.0, 800.0, 1000.0] if values is None else values
    known = {name: mdr.units.quantity(value) for name, value in covariates.items()}
    condition = Condition("well A1", {"well": "A1"}, nothing() if regimen is None else regimen, known)
    frame = pd.DataFrame({"condition": "well A1", "time": 12.0 * np.arange(len(values)), "value": values})
    return from_frame(frame, [condition], units=units or {"burden": "cell"})


def test_errors_ask_of_fitted_values_only() -> None:
    """A culture of one kind begins with 0 cells of the other: a start, of which no logarithm is taken."""
    counts = pd.DataFrame({"h": [0, 24, 48] * 2, "cells": [500, 1000, 2000, 0, 0, 0], "kind": ["S"] * 3 + ["R"] * 3})
    columns = {"time": "h [h]", "value": "cells", "observable_column": "kind"}
    observable = {"S": "S [cell]", "R": "R [cell]"}
    alone = mdr.read_assay(counts.iloc[:4], **columns, observable=observable)
    found = fit(MODEL, alone, GROWTH, error="lognormal", start="first", starts=1)
    assert found.values["growth_S"] == pytest.approx(np.log(2) / 24)
    with pytest.raises(FitError, match="'lognormal' needs positive values, but 'R' is 0 in row 4 of the table"):
        fit(
            MODEL,
            mdr.read_assay(counts, **columns, observable=observable),
            GROWTH,
            error="lognormal",
            start="first",
            starts=1,
        )


@pytest.mark.parametrize(
    ("free", "sentence"),
    [
        ({}, "free names no parameter"),
        ({"growth_s": (0.1, 1)}, "no parameter 'growth_s'; did you mean 'growth_S'"),
        ({"growth_S": ("1 1/h", "0.1 1/h")}, "lower bound 1 1/h is not below the upper bound 0.1 1/h"),
        ({"growth_S": ("0.1 1/h", "2 1/h", "1 1/h")}, "start 2 1/h is outside the bounds 0.1 1/h and 1 1/h"),
        ({"growth_S": (-2.0, -1.0)}, "exclude all that the model allows"),
        ({"growth_S": 3.0}, "neither"),
        ({"ec50_dox_S": (1.0, 2.0, 3.0, 4.0)}, "neither"),
    ],
)
def test_what_is_free(free: dict[str, Any], sentence: str) -> None:
    with pytest.raises(FitError, match=sentence.replace("(", r"\(")):
        fit(MODEL, data(), free)


def test_wrong_units_show_both() -> None:
    with pytest.raises(UnitError, match=r"'1 nM' is not in the unit '1/h'"):
        fit(MODEL, data(), {"growth_S": ("1 nM", "10 uM")})
    with pytest.raises(UnitError, match=r"'burden' was measured in 'mm\*\*3', but the model gives it in 'cell'"):
        fit(MODEL, data(units={"burden": "mm**3"}), GROWTH)


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"scale": {"growth_S": "cubic"}}, "'cubic' is not 'log' or 'linear'"),
        ({"scale": {"growth_R": "log"}}, "'growth_R', which is not free"),
        ({"error": "aditive"}, "did you mean 'additive'"),
        ({"error": {"burdn": "additive"}}, "did you mean 'burden'"),
        ({"error": {}}, "says nothing of 'burden'"),
        ({"error": "sd"}, "needs the sd of every value, but row 0"),
        ({"observables": {"count": "S"}}, "'count', which was not measured"),
        ({"observables": {"burden": "SS"}}, "no state or observable 'SS'"),
        ({"relative_to": {"burden": "min"}}, "choose 'max', 'first' or 'peak'"),
        ({"relative_to": {"brden": "max"}}, "did you mean 'burden'"),
        ({"start": "last"}, "write start='first'"),
        ({"start": {"Q": "first"}}, "no state, parameter or observable 'Q'"),
        ({"start": "first"}, r"'burden' starts at R0 \+ S0, which is not one parameter"),
        ({"start": {"growth_S": "1 1/h"}}, "'growth_S', which is also free"),
        ({"start": {"S": {"well B1": 3}}}, "'well A1' is missing; give one for each condition, not only for 'well B1'"),
        ({"starts": 0}, "starts = 0"),
        ({"most": 0}, "most = 0"),
        ({"method": "simplex"}, "'simplex' is not known"),
    ],
)
def test_options(options: dict[str, Any], sentence: str) -> None:
    with pytest.raises(FitError, match=sentence):
        fit(MODEL, data(), GROWTH, **options)


@pytest.mark.parametrize("seed", [-1, 1.5, "a"])
def test_a_seed_is_refused_wherever_it_is_handed_in(seed: Any) -> None:
    found = fit(MODEL, data(), GROWTH, starts=1)
    for call in (
        lambda: fit(MODEL, data(), GROWTH, seed=seed),
        lambda: found.draws(3, seed=seed),
        lambda: found.found.draws(3, seed=seed),
        lambda: found.bootstrap(3, parametric=True, seed=seed),
        lambda: found.mcmc(10, seed=seed),
        lambda: found.band(seed=seed),
        lambda: found.identifiability(seed=seed),
        lambda: mdr.simulated_data(MODEL, mdr.planned("a", times="3 h"), seed=seed),
    ):
        with pytest.raises(FitError, match=r"\(\): seed is .*, not a whole number of 0 or more; write for example 1"):
            call()


def test_a_table_is_not_data() -> None:
    with pytest.raises(FitError, match="DataFrame, not Data"):
        fit(MODEL, pd.DataFrame({"t": [1.0]}), GROWTH)  # type: ignore[arg-type]


def test_a_drug_that_the_model_lacks() -> None:
    regimen = exposure("dax", "10 nM", over="6 h")
    with pytest.raises(FitError, match=r"condition 'well A1' cannot be simulated: .*'dax'; did you mean 'dox'"):
        fit(MODEL, data(regimen=regimen), GROWTH)
    with pytest.raises(FitError, match=r"cannot be simulated: .*'10 mg/L'"):
        fit(MODEL, data(regimen=exposure("dox", "10 mg/L", over="6 h")), GROWTH)


def test_an_observable_that_the_model_lacks() -> None:
    with pytest.raises(FitError, match=r"the data hold 'burdens', .*did you mean 'burden'.*observables="):
        fit(MODEL, data(units={"burdens": "cell"}), GROWTH)


def test_covariates() -> None:
    with pytest.raises(FitError, match="knows 'weight', which is no parameter"):
        fit(MODEL, data(weight="20 g"), GROWTH)
    with pytest.raises(FitError, match="'growth_S' is known from the data and also free"):
        fit(MODEL, data(growth_S="0.1 1/h"), GROWTH)
    with pytest.raises(FitError, match="'growth_R' is -1 1/h, outside what the model allows"):
        fit(MODEL, data(growth_R="-1 1/h"), GROWTH)


def test_conditions_that_nobody_measured_are_told() -> None:
    measured = data()
    both = [*measured.conditions, Condition("well B7", {"well": "B7"}, exposure("dox", "50 nM", over="1 day"))]
    found = fit(MODEL, from_frame(measured.table, both, units={"burden": "cell"}), GROWTH, starts=1)
    assert "left out, for want of a measurement: 'well B7'" in found.report()


def test_too_few_measurements() -> None:
    with pytest.raises(FitError, match=r"1 measurement cannot determine 2 parameters \(growth_S, S0\); fix 1 or more"):
        fit(MODEL, data([500.0]), GROWTH | {"S0": (1, 1e4)})
    with pytest.raises(FitError, match="nothing left to fit"):
        fit(MODEL, data([500.0], units={"S": "cell"}), GROWTH, start="first")


def test_values_that_an_error_model_cannot_have() -> None:
    for error in ("lognormal", "proportional", "relative"):
        with pytest.raises(FitError, match="needs positive values, but 'burden' is 0 in row 1"):
            fit(MODEL, data([500.0, 0.0, 600.0]), GROWTH, error=error)
    negative = data([5.0, -1.0, 6.0], units={"C_dox": "uM"})
    with pytest.raises(FitError, match="values of zero or more, but 'C_dox' is -1 in row 1"):
        fit(MODEL, negative, GROWTH, error="poisson")


def test_nothing_depends_on_what_is_free() -> None:
    with pytest.raises(FitError, match="no prediction depends on ec50_dox_S at the start"):
        fit(MODEL, data(), {"ec50_dox_S": ("1 nM", "10 uM")}, starts=1)


def test_an_act_before_the_first_measurement_cannot_be_skipped() -> None:
    regimen = exposure("dox", "10 nM", over="6 h")
    late = data([500.0, 600.0, 700.0], regimen=regimen, units={"S": "cell"}).between("12 h")
    with pytest.raises(FitError, match="first measurement at 12 h comes after the act at 0 h"):
        fit(MODEL, late, GROWTH, start="first")


def test_parameters_without_bounds_of_their_own() -> None:
    model = mdr.Model(mdr.clone("S", growth=mdr.growth.exponential(rate="0 1/h"), start="500 cell"))
    with pytest.raises(FitError, match="'growth_S' is 0 1/h in the model and has no bounds"):
        fit(model, data(), ["growth_S"])
    found = fit(MODEL, data(), ["growth_S"], error="lognormal", starts=1)
    assert found.found.items[0].allowed == pytest.approx((3e-6, 300.0))


# -- runs that break -------------------------------------------------------------------------------------------


def explosive() -> mdr.Model:
    """Reaches infinity at t = 1/(k*S0)."""
    return mdr.Model(
        mdr.state("S", "1 cell", unit="cell", kind="cells"),
        mdr.parameter("k", "0.01 1/h"),
        mdr.process("growth", "k*S**2", {"S": 1}),
    )


def explosive_data() -> mdr.Data:
    times = np.array([0.0, 5.0, 10.0, 20.0])
    noise = np.array([1.01, 0.99, 1.02, 0.98])
    frame = pd.DataFrame({"condition": "one", "time": times, "value": noise / (1 - 0.03 * times)})
    return from_frame(frame, [Condition("one", {}, nothing())], units={"S": "cell"})


def test_a_broken_run_does_not_kill_the_fit() -> None:
    found = fit(explosive(), explosive_data(), {"k": ("0.001 1/h", "10 1/h")}, error="proportional", starts=5, seed=1)
    assert found.values["k"] == pytest.approx(0.03, rel=0.05)
    assert found.waterfall["failures"].sum() > 0
    assert "one" in found.failures
    assert "could not simulate every condition" in found.report()


def test_all_starts_breaking_is_an_error_that_says_why() -> None:
    with pytest.raises(FitError, match="none of 3 starts can be simulated; the first fails in condition 'one': "):
        fit(explosive(), explosive_data(), {"k": ("1 1/h", "10 1/h")}, starts=3, seed=1)


def test_a_value_that_is_not_finite_is_named() -> None:
    model = mdr.Model(mdr.observable("y", "1/(a - b)"), mdr.parameter("a", 1.0), mdr.parameter("b", 1.0))
    frame = pd.DataFrame({"condition": "one", "time": [1.0, 2.0], "value": [1.0, 2.0]})
    table = from_frame(frame, [Condition("one", {}, nothing())], units={"y": ""})
    with pytest.raises(FitError, match="condition 'one': y is not finite at 1 h"):
        fit(model, table, {"a": (0.999999999999, 1.0, 1.000000000001)}, starts=1, most=1)


# -- doubts about the data ---------------------------------------------------------------------------------

VIABILITY = mdr.Model(
    mdr.observable("viability", "1/(1 + (dose/ec50)**2)"), mdr.parameter("dose", "1 nM"), mdr.parameter("ec50", "50 nM")
)


def wells(values: list[float], unit: str = "1") -> mdr.Data:
    frame = pd.DataFrame({"nM": [1.0, 10.0, 50.0, 200.0], "v": values})
    return mdr.read_assay(frame, value=f"v [{unit}]", observable="viability", covariates={"dose": "nM [nM]"})


@pytest.mark.parametrize(
    ("measured", "sentence"),
    [
        (
            wells([99.0, 95.0, 50.0, 10.0]),
            "viability is 99 in row 0, but the model gives 1 at most: percent need",
        ),
        (
            wells([0.01, 0.05, 0.5, 0.9]),
            "viability is high where the model's first start is low .* inhibition for",
        ),
        (wells([0.4, 0.4, 0.4, 0.4]), "all 4 measurements of viability are 0.4: they cannot show how it changes"),
    ],
)
def test_doubts_about_the_data_are_said(measured: mdr.Data, sentence: str) -> None:
    found = fit(VIABILITY, measured, {"ec50": ("1 nM", "10 uM")}, starts=1)
    assert any(re.search(sentence, note) for note in found.objective.problem.notes)
    assert re.search(sentence, found.report())


def test_shares_of_a_curve_are_not_counts() -> None:
    shares = mdr.read_assay(
        pd.DataFrame({"h": [1.0, 2, 3, 4], "r": [1.0, 1.1, 1.15, 1.3]}), time="h [h]", value="r [1]", observable="S"
    )
    found = fit(MODEL, shares, GROWTH, starts=1)
    assert "S is 1.3 at most, but the model gives" in found.report()
    assert "need relative_to={'S': 'first'}" in found.report()
    scaled = fit(MODEL, shares, GROWTH, starts=1, readout={"S": "scale"})
    assert "at most, but" not in scaled.report()


@pytest.mark.parametrize("factor", [1e12, 1e-9])
def test_measurements_far_from_the_first_start_are_told(factor: float) -> None:
    """So far that a logarithm pulls no more: all was "not determined", without a word of why."""
    far = data([factor * value for value in (500.0, 600.0, 800.0, 1000.0)])
    said = f"burden is {500 * factor:g} to {1000 * factor:g}, but the model's first start gives 505 to "
    assert said in fit(MODEL, far, GROWTH, error="lognormal", starts=1).report()
    assert "first start gives" not in fit(MODEL, data(), GROWTH, error="lognormal", starts=1).report()


def test_good_data_raise_no_doubts() -> None:
    for measured in (wells([1.02, 0.9, 0.5, -0.05]), wells([99.0, 95.0, 50.0, 10.0], unit="%")):
        assert not fit(VIABILITY, measured, {"ec50": ("1 nM", "10 uM")}, starts=1).objective.problem.notes


def test_equal_largest_values_look_like_a_limit() -> None:
    full = data([500.0, 900.0, 1500.0, 1500.0, 1500.0])
    notes = fit(MODEL, full, GROWTH, starts=1).objective.problem.notes
    assert any("largest value of burden, 1500, stands in 3 rows (2, 3, 4): if the reader saturates" in n for n in notes)


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("values", [[5.0, 5.0, 5.0, 5.0], [1.0, 2.0, 3.0, 4.0], [0.0, 0.0, 0.0, 0.0]])
@pytest.mark.parametrize("error", ["additive", "combined"])
def test_measurements_that_are_met_exactly_have_no_error_to_tell(values: list[float], error: str) -> None:
    """A straight line through points on one: estimates without width, where LAPACK's complaint had come through."""
    line = mdr.Model(mdr.observable("y", "a + b*t"), mdr.parameter("a", 1.0), mdr.parameter("b", "1 1/h"))
    table = pd.DataFrame({"h": [0.0, 1.0, 2.0, 3.0], "y": values})
    points = mdr.read_assay(table, time="h [h]", value="y [1]", observable="y")
    found = fit(line, points, {"a": (-9, 9), "b": ("-9 1/h", "9 1/h")}, error=error, starts=2)
    ends = found.estimates[["lower", "estimate", "upper"]].to_numpy(dtype=float)
    np.testing.assert_allclose(ends, np.tile([[values[0]], [values[1] - values[0]]], 3), atol=1e-12)
    assert "every measurement is met exactly" in found.report()
    assert np.isfinite(found.log_likelihood)
    assert len(found.draws(5)) == 5
    assert np.isfinite(found.residuals["standardised"]).all()
    with pytest.raises(FitError, match="'a' cannot be profiled: every measurement is met exactly"):
        found.profile("a")
    with pytest.raises(FitError, match="meets every measurement exactly, without error; give the model with free="):
        mdr.next_experiment(found, mdr.planned("later", times="9 h", observables="y"))


def test_readings_of_nothing_leave_all_undetermined() -> None:
    """All dead: a scale of zero meets every reading, and no parameter matters."""
    dead = data([0.0, 0.0, 0.0, 0.0])
    found = fit(MODEL, dead, GROWTH, readout={"burden": "scale"}, starts=1)
    assert found.estimates["verdict"].tolist() == ["not determined: no data depend on it, so it stays where it started"]
