"""Cohorts: what is drawn, how it goes together, what is refused, and that it is the same again from a file."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest

import pkpd_mdr as mdr
from pkpd_mdr import distributions as dist
from pkpd_mdr.fit.draws import Draws
from pkpd_mdr.patients import nearest_correlation


@pytest.fixture(scope="module")
def model():
    return mdr.Model(
        mdr.pk.one_compartment("dox", CL="5 L/h", V="20 L"),
        mdr.clone("S", growth=mdr.growth.exponential(rate="0.1 1/day"), start="1e9 cell"),
        mdr.clone("R", growth=mdr.growth.exponential(rate="0.08 1/day"), start="1e3 cell", resistant=True),
        mdr.kill("dox", on="S", slope="0.1 L/mg/day"),
    )


def test_correlations_are_those_asked_for(model):
    n = 4000
    cohort = mdr.patients(
        model,
        n,
        {"CL_dox": dist.lognormal("5 L/h", cv=0.4), "V_dox": dist.lognormal("20 L", cv=0.2)},
        covariates={"WT": dist.normal("70 kg", sd="10 kg")},
        correlations={("CL_dox", "V_dox"): 0.6, ("V_dox", "WT"): -0.3},
        seed=4,
    )
    found = np.corrcoef([np.log(cohort["CL_dox"]), np.log(cohort["V_dox"]), cohort["WT"]])
    for place, wanted in (((0, 1), 0.6), ((1, 2), -0.3), ((0, 2), 0.0)):
        assert np.arctanh(found[place]) == pytest.approx(np.arctanh(wanted), abs=4 / math.sqrt(n))  # Fisher's z
    assert cohort["CL_dox"].median() == pytest.approx(5, rel=4 * 1.2533 * 0.385 / math.sqrt(n))


def test_covariances_are_correlations_with_variances(model):
    omega = pd.DataFrame([[0.09, 0.03], [0.03, 0.04]], index=["CL_dox", "V_dox"], columns=["CL_dox", "V_dox"])
    medians = {"CL_dox": dist.lognormal("5 L/h"), "V_dox": dist.lognormal("20 L")}
    first = mdr.patients(model, 50, medians, covariances=omega, seed=1)
    spread = {"CL_dox": dist.lognormal("5 L/h", sd=0.3), "V_dox": dist.lognormal("20 L", sd=0.2)}
    second = mdr.patients(model, 50, spread, correlations={("CL_dox", "V_dox"): 0.5}, seed=1)
    np.testing.assert_allclose(first.table, second.table, rtol=1e-12)


def test_the_nearest_correlation_matrix_is_the_published_one():
    """Higham 2002, section 4 (recalled), to the four digits printed."""
    found = nearest_correlation(np.array([[1.0, 1, 0], [1, 1, 1], [0, 1, 1]]))
    np.testing.assert_allclose(found[0], [1, 0.7607, 0.1573], atol=5e-5)
    assert np.linalg.eigvalsh(found)[0] >= 0


def test_an_impossible_correlation_names_the_nearest(model):
    three = {"CL_dox": dist.lognormal("5 L/h", cv=0.3), "V_dox": dist.lognormal("20 L", cv=0.3)}
    three["growth_S"] = dist.lognormal("0.1 1/day", cv=0.3)
    wrong = {("CL_dox", "V_dox"): 0.9, ("V_dox", "growth_S"): 0.9, ("CL_dox", "growth_S"): -0.9}
    with pytest.raises(mdr.DataError, match=r"eigenvalue of -0\.8.*\('CL_dox', 'growth_S'\): -0\.500") as told:
        mdr.patients(model, 5, three, correlations=wrong)
    assert "('CL_dox', 'V_dox'): 0.500" in str(told.value)


def test_allometry_by_a_formula(model):
    cohort = mdr.patients(
        model,
        60,
        covariates={"WT": dist.uniform("40 kg", "120 kg"), "CL70": dist.lognormal("5 L/h", cv=0.3)},
        formulas={"CL_dox": "CL70*(WT/70)**0.75", "BMI [kg/m**2]": "WT/1.7**2"},
        seed=1,
    )
    np.testing.assert_allclose(cohort["CL_dox"], cohort["CL70"] * (cohort["WT"] / 70) ** 0.75, rtol=1e-12)
    assert (cohort.parameters, cohort.units["BMI"]) == (("CL_dox",), "kg/m**2")
    assert list(cohort.covariates) == ["WT [kg]", "CL70 [L/h]", "BMI [kg/m**2]"]


@pytest.mark.parametrize(("weight", "sd"), [("70 kg", "10 kg"), ("70000 g", "10000 g")])
def test_a_name_with_a_unit_is_the_same_number_whatever_its_column_is_in(model, weight, sd):
    cohort = mdr.patients(
        model,
        30,
        {"V_dox": dist.lognormal("20 L", cv=0.2)},
        covariates={"WT": dist.normal(weight, sd=sd)},
        formulas={"CL_dox": "5*(WT[kg]/70)**0.75*(V_dox [mL]/2e4)"},
        constraints="WT[kg] > 60",
        seed=1,
    )
    kilograms = cohort["WT"] / (1000 if "000" in weight else 1)
    assert (kilograms > 60).all()
    np.testing.assert_allclose(cohort["CL_dox"], 5 * (kilograms / 70) ** 0.75 * cohort["V_dox"] / 20, rtol=1e-12)


def test_a_formula_may_use_parameters_that_do_not_vary(model):
    cohort = mdr.patients(model, 3, covariates={"cost": dist.fixed(0.2)}, formulas={"growth_R": "growth_S*(1-cost)"})
    assert cohort["growth_R"].tolist() == pytest.approx([0.08] * 3)


def test_constraints_hold_and_acceptance_is_counted(model):
    """Two rates from one distribution are in one order as often as in the other."""
    same = dist.lognormal("0.1 1/day", cv=0.5)
    cohort = mdr.patients(model, 2000, {"growth_S": same, "growth_R": same}, constraints="growth_R < growth_S", seed=2)
    assert (cohort["growth_R"] < cohort["growth_S"]).all()
    assert len(cohort) == 2000
    assert cohort.acceptance == pytest.approx(0.5, abs=4 * 0.5 / math.sqrt(4000))
    assert "broke growth_R < growth_S" in cohort.notes[0]


def test_bounds_of_parameters_are_constraints(model):
    cohort = mdr.patients(model, 500, {"CL_dox": dist.normal("1 L/h", sd="1 L/h")}, seed=1)
    assert (cohort["CL_dox"] > 0).all()
    assert 0.75 < cohort.acceptance < 0.92  # 0.841 lie above zero
    assert "the bounds of CL_dox" in cohort.notes[0]


def test_rare_patients_are_refused(model):
    with pytest.raises(mdr.DataError, match=r"fewer than 0\.1%; 100\.0% break 'growth_S > 1'"):
        mdr.patients(model, 10, {"growth_S": dist.lognormal("0.1 1/day", cv=0.2)}, constraints=["growth_S > 1"])


def test_draws_of_a_fit_go_together(model):
    draws = pd.DataFrame({"CL_dox": [1.0, 2.0, 3.0], "V_dox": [10.0, 20.0, 30.0]})
    cohort = mdr.patients(
        model,
        40,
        covariates={"eta": dist.normal(0, sd=0.1)},
        formulas={"growth_S": "0.1*exp(eta)"},
        draws=draws,
        seed=1,
    )
    np.testing.assert_allclose(cohort["V_dox"], 10 * cohort["CL_dox"])
    assert set(cohort["CL_dox"]) == {1.0, 2.0, 3.0}
    assert cohort["growth_S"].std() > 0.005


def test_draws_of_a_fit_keep_their_units(model):
    """Draws tell their own units; a model that declares the parameter in another one converts them."""
    draws = Draws(pd.DataFrame({"CL_dox": [2.0, 2.0]}), {"CL_dox": "mL/min"}, seed=1)
    cohort = mdr.patients(model, 2, draws=draws)
    assert cohort["CL_dox"].tolist() == pytest.approx([0.12, 0.12])
    assert cohort.units["CL_dox"] == "L/h"


def test_renal_function_by_a_formula(model):
    """Cockcroft and Gault 1976: 72 kg, 40 years, 1 mg/dL has a creatinine clearance of 100 mL/min."""
    cohort = mdr.patients(
        model,
        2,
        covariates={"AGE": dist.fixed("40 year"), "WT": dist.fixed("72 kg"), "SCR": dist.fixed("1 mg/dL")},
        formulas={"CLCR [mL/min]": "(140 - AGE)*WT/(72*SCR)", "CL_dox [L/h]": "5*CLCR/100"},
    )
    assert cohort["CLCR"].tolist() == pytest.approx([100.0, 100.0])
    assert cohort["CL_dox"].tolist() == pytest.approx([5.0, 5.0])


def test_the_same_seed_gives_the_same_cohort(model):
    recipe = {"growth_S": dist.lognormal("0.1 1/day", cv=0.3)}
    one, two = mdr.patients(model, 20, recipe, seed=3), mdr.patients(model, 20, recipe, seed=3)
    pd.testing.assert_frame_equal(one.table, two.table)
    assert not one.table.equals(mdr.patients(model, 20, recipe, seed=4).table)


@pytest.mark.parametrize("kind", ["csv", "parquet"])
def test_a_cohort_is_the_same_from_a_file(model, tmp_path, kind):
    if kind == "parquet":
        pytest.importorskip("pyarrow")
    cohort = mdr.patients(
        model,
        25,
        {"growth_S": dist.lognormal("0.004 1/h", cv=0.3), "R0": dist.log_uniform(1, 1e6)},
        covariates={"WT": dist.normal("70 kg", sd="10 kg")},
        constraints="growth_S < 0.005",
        seed=8,
    )
    path = tmp_path / f"cohort.{kind}"
    (cohort.to_csv if kind == "csv" else cohort.to_parquet)(path)
    again = mdr.read_patients(path, model)
    assert again.table.to_numpy().tolist() == cohort.table.to_numpy().tolist()
    assert (again.units, again.parameters, again.seed) == (cohort.units, cohort.parameters, 8)
    assert (again.notes, again.acceptance) == (cohort.notes, cohort.acceptance)
    bare = path.with_name(f"{path.name}.json")
    bare.unlink()
    alone = mdr.read_patients(path, model)
    assert (alone.units, alone.seed) == (cohort.units, None)


def test_a_cohort_is_simulated_and_compared_in_its_units(model):
    cohort = mdr.patients(model, 6, {"growth_S": dist.lognormal("0.004 1/h", cv=0.3)}, seed=1)
    comparison = mdr.compare(model.without("clone_R"), {"none": mdr.nothing()}, until="100 day", parameters=cohort)
    np.testing.assert_allclose(comparison.values[0, :, 0], math.log(1.2) / (24 * cohort["growth_S"]), rtol=1e-6)
    many = mdr.simulate_many(model, parameters=cohort, id="patient", until="1 day", times="1 day")
    assert many.members["patient"].tolist() == list(range(6))


def test_doses_by_weight(model):
    cohort = mdr.patients(model, 4, covariates={"WT": dist.uniform("50 kg", "90 kg")},
                          formulas={"CL_dox": "5*(WT/70)**0.75"}, seed=1)  # fmt: skip
    plans = cohort.dosed(lambda patient: mdr.bolus("dox", "1 mg/kg", weight=patient["WT"]))
    many = mdr.simulate_many(
        model, plans, parameters=cohort, combine="rows", until="1000 h", endpoints="exposure_dox", times="1000 h"
    )
    np.testing.assert_allclose(many.endpoints["exposure_dox"], cohort["WT"] / cohort["CL_dox"], rtol=1e-6)
    with pytest.raises(mdr.DataError, match="patient 0 is given None; return a regimen"):
        cohort.dosed(lambda patient: None)


CL = {"CL_dox": dist.lognormal("5 L/h", cv=0.3)}


@pytest.mark.parametrize(
    ("options", "kind", "sentence"),
    [
        ({"distributions": {"CL_dx": CL["CL_dox"]}}, mdr.DataError, "no parameter 'CL_dx'; did you mean 'CL_dox'"),
        ({"distributions": {"CL_dox": 3}}, mdr.DataError, "'CL_dox' is 3, which is no distribution"),
        ({"distributions": {"CL_dox": dist.lognormal(5, cv=0.3)}}, mdr.UnitError, r"in 'L/h'; write its numbers"),
        ({"covariates": {"S0": dist.fixed(3)}}, mdr.DataError, "'S0' belongs to the model"),
        ({}, mdr.DataError, "nothing varies"),
        ({"n": 0, "distributions": CL}, mdr.DataError, "n is 0, not a whole number from 1 to"),
        ({"distributions": CL, "seed": -1}, mdr.DataError, "seed is -1"),
        ({"distributions": CL, "formulas": {"CL_dox": "3"}}, mdr.DataError, "'CL_dox' is given already"),
        ({"distributions": CL, "formulas": {"V_dox": "CL_dx*4"}}, mdr.ExpressionError, "did you mean 'CL_dox'"),
        ({"distributions": CL, "formulas": {"V_dox": "log(-CL_dox)/0.1**400"}}, mdr.ExpressionError, "V_dox"),
        ({"distributions": CL, "formulas": {"V_dox": "1/(CL_dox-CL_dox*1.0)"}}, mdr.ExpressionError, "divides by zero"),
        (
            {"distributions": CL, "formulas": {"V_dox": "exp(1000*CL_dox)"}},
            mdr.DataError,
            "no finite value at CL_dox =",
        ),
        ({"distributions": CL, "constraints": ["CL_dox"]}, mdr.DataError, "compares nothing"),
        (
            {"covariates": {"k": dist.fixed("1 1/h")}, "formulas": {"growth_S": "k"}},
            mdr.UnitError,
            r"'k' is in '1/h' and 'growth_S' in '1/day'.*or write 'growth_S \[1/day\]'",
        ),
        ({"formulas": {"V_dox": "CL_dox[kg]"}}, mdr.UnitError, "'CL_dox' is in 'L/h' and has no number of 'kg'"),
        ({"formulas": {"V_dox": "CL_dox[L/day]*CL_dox"}}, mdr.UnitError, r"two units; write CL_dox\[L/day\] each time"),
        ({"formulas": {"V_dox": "CL_dox[L/day]*CL_dox[L/h]"}}, mdr.UnitError, "'CL_dox' stands in two units"),
        ({"formulas": {"V_dox": "CL_dx[L/h]"}}, mdr.ExpressionError, "did you mean 'CL_dox'"),
        ({"formulas": {"V_dox": "CL_dox[furlong]"}}, mdr.UnitError, "furlong"),
        (
            {"covariates": {"W": dist.fixed("7e4 g"), "W0": dist.fixed("70 kg")}, "formulas": {"CL_dox": "5*W/W0"}},
            mdr.UnitError,
            r"'W' is in 'g' and 'W0' in 'kg'.*so write W\[kg\]",
        ),
        ({"distributions": CL, "correlations": {("CL_dox", "V"): 0.1}}, mdr.DataError, "'V' has no distribution"),
        ({"distributions": CL, "correlations": {"CL_dox": 0.1}}, mdr.DataError, "'CL_dox' is no pair of names"),
        ({"distributions": {"CL_dox": dist.lognormal("5 L/h")}}, mdr.DataError, "has no spread"),
        ({"distributions": CL, "covariances": {("CL_dox", "CL_dox"): 0.5}}, mdr.DataError, "leave out one of them"),
        ({"draws": pd.DataFrame({"CL_dox": [-1.0]})}, mdr.DataError, "row 0 of draws: 'CL_dox' is -1.0"),
    ],
)
def test_refusals(model, options, kind, sentence):
    with pytest.raises(kind, match=sentence):
        mdr.patients(model, **({"n": 5} | options))


@pytest.mark.parametrize(
    ("text", "kind", "sentence"),
    [
        ("CL_dox [L/h]\n", mdr.DataError, "has no row"),
        ("CL_dox [L/h]\n-3\n", mdr.DataError, "row 0 of cohort.csv: 'CL_dox' is -3"),
        ("CL_dox [L/h],WT [kg]\n3,heavy\n", mdr.DataError, "row 0 of cohort.csv: 'WT' is 'heavy', not a finite number"),
        ("CL_dox [kg]\n3\n", mdr.UnitError, "is in 'kg', but the parameter"),
        ("CL_dox [L/h],CL_dox\n3,3\n", mdr.DataError, "has the column 'CL_dox' twice"),
    ],
)
def test_bad_files(model, tmp_path, text, kind, sentence):
    path = tmp_path / "cohort.csv"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(kind, match=sentence):
        mdr.read_patients(path, model)
    with pytest.raises(mdr.DataError, match=r"there is no file"):
        mdr.read_patients(tmp_path / "missing.csv", model)
