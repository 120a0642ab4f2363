"""Formulas in slots: their values are held to the bounds of the slot, at declaration and for each member of a run."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import pkpd_mdr as mdr
from pkpd_mdr import distributions as dist
from pkpd_mdr.engine import compile_model, over_columns

DOSE = mdr.bolus("dox", "10 mg")


def weighed(WT="70 kg", **options):
    """One compartment whose volume and clearance follow the body weight."""
    return mdr.Model(
        mdr.pk.one_compartment(
            "dox", CL=mdr.formula("CL_pop*(WT/WT_typical)**0.75"), V=mdr.formula("per_kg*WT"), **options
        ),
        mdr.parameter("WT", WT),
        mdr.parameter("WT_typical", "70 kg"),
        mdr.parameter("CL_pop", "10 L/h"),
        mdr.parameter("per_kg", "0.7 L/kg"),
    )


MODEL = weighed()
SENTENCE = (
    r"'V_dox' of 'pk_dox': its formula 'per_kg\*WT' is -42 L at WT = -60 kg and per_kg = 0\.7 L/kg, outside what the "
    r"slot allows, \(0, inf\] L"
)


def test_declaration_is_held_to_the_bounds_of_the_slot():
    with pytest.raises(mdr.ModelError, match=SENTENCE):
        weighed("-60 kg")


def test_other_values_are_held_to_them_too():
    with pytest.raises(mdr.ModelError, match=SENTENCE):
        MODEL.with_parameters(WT="-60 kg")
    with pytest.raises(mdr.ModelError, match=SENTENCE):
        MODEL.simulate(DOSE, until="1 day", parameters={"WT": "-60 kg"})
    assert MODEL.with_parameters(WT="60 kg", per_kg="0.5 L/kg").parameters["WT"].value == 60


def test_values_that_are_kept_are_held_to_a_slot_that_joins():
    model = mdr.Model(mdr.parameter("a", "1 L/h"), mdr.parameter("b", "0.5 L/h"), quiet=True)
    drug = mdr.pk.one_compartment("dox", CL=mdr.formula("a - b"), V="1 L")
    with pytest.raises(mdr.ModelError, match="'CL_dox' of 'pk_dox': its formula 'a - b' is -1 L/h at a = 1 L/h and b"):
        model.with_parameters(b="2 L/h").plus(drug)


def test_values_are_told_in_the_units_of_the_user():
    with pytest.raises(mdr.ModelError, match=r"at WT = -6e\+07 mg and"):
        weighed("70e6 mg").with_parameters(WT=-60e6)


@pytest.mark.parametrize("method", ["auto", "rodas", "LSODA"])
def test_a_bad_member_is_reported_and_the_others_do_not_notice(method):
    options = {"until": "1 day", "times": "12 h", "outputs": "C_dox", "accuracy": mdr.Accuracy(method=method)}
    many = MODEL.simulate_many(DOSE, parameters={"WT": [70, -60, 0, 80]}, **options)
    alone = MODEL.simulate_many(DOSE, parameters={"WT": [70, 80]}, **options)
    assert list(many.failed.index) == [1, 2]
    assert many.failed["sentence"].str.startswith("the run cannot begin: 'V_dox' of 'pk_dox'").all()
    assert many.failed["sentence"].str.contains(SENTENCE).tolist() == [True, False]
    assert "is 0 L at WT = 0 kg" in many.failed["sentence"].iloc[1]
    assert many.frame["C_dox"].tolist() == alone.frame["C_dox"].tolist()


@settings(max_examples=60, deadline=None)
@given(st.lists(st.floats(-1e3, 1e3), min_size=2, max_size=6), st.floats(-2, 2))
def test_rows_alone_and_together_are_refused_alike(weights, per_kg):
    compiled = compile_model(MODEL)
    rows = np.tile([part.internal for part in MODEL.parameters.values()], (len(weights), 1))
    rows[:, compiled.parameters.index("WT")] = np.array(weights) * 1e6
    rows[:, compiled.parameters.index("per_kg")] = per_kg * 1e-6
    refused = compiled.refused(rows)
    volumes = rows[:, compiled.parameters.index("WT")] * rows[:, compiled.parameters.index("per_kg")]
    assert [row in refused for row in range(len(rows))] == [not volume >= 1e-100 for volume in volumes]
    for row in range(len(rows)):
        alone = compiled.refused(rows[row : row + 1])
        assert alone == ({0: refused[row]} if row in refused else {})


def test_under_strategies_and_along_paths():
    visits = mdr.adaptive(DOSE, visit="6 h")
    clone = mdr.clone("S", growth=mdr.growth.exponential(rate="0.1 1/day"), start=mdr.formula("n*share"))
    tumour = weighed().plus(clone, mdr.parameter("n", "100 cell"), mdr.parameter("share", 1.0))
    options = {"parameters": {"share": [1, -1]}, "until": "1 day", "times": "1 day"}
    sentence = (
        "the run cannot begin: 'S0' of 'clone_S': its formula 'n*share' is -100 cell at n = 100 cell and share = -1, "
        "outside what the slot allows, [0, inf] cell; correct the formula or its parameters"
    )
    for many in (
        tumour.simulate_many(visits, **options),
        tumour.simulate_many(stochastic=mdr.Stochastic(seed=1), **options),
    ):
        assert many.failed["sentence"].tolist() == [sentence]


def test_a_covariate_that_changes_in_time():
    table = pd.DataFrame({"ID": 1, "TIME": [0, 1, 2], "EVID": [1, 0, 0], "AMT": [8, 0, 0], "WT": [70, 70, -60]})
    records = mdr.read_doses(table, compartments={1: ("dox", "iv")}, amount_unit="mg", carry="locf")
    with pytest.raises(mdr.SimulationError, match=f"subject 1: the run cannot begin: {SENTENCE}"):
        mdr.simulate_records(MODEL, records)


def measured(weights):
    table = pd.DataFrame({"TIME": [0, 2, 8] * 2, "AMT": [100, 0, 0] * 2, "DV": [".", 1.5, 0.5] * 2})
    table = table.assign(ID=np.repeat([1, 2], 3), WT=np.repeat(weights, 3))
    declared = {"compartments": {1: ("dox", "iv")}, "amount_unit": "mg", "observables": "C_dox [mg/L]"}
    return mdr.read_nonmem(table, covariates={"WT": "WT [kg]"}, **declared)


def test_a_fit_refuses_a_condition_and_walks_away_from_values_that_are_not_possible():
    with pytest.raises(mdr.FitError, match=f"condition 'ID=2': the run cannot begin: {SENTENCE}"):
        mdr.fit(MODEL, measured([70, -60]), free=["CL_pop"])
    fit = mdr.fit(MODEL, measured([70, 70]), free={"CL_pop": ("1 L/h", "100 L/h"), "per_kg": ("-3 L/kg", "3 L/kg")})
    assert fit.values["per_kg"] > 0


def test_virtual_patients_who_leave_a_slot_are_drawn_again():
    weights = {"WT": dist.normal("70 kg", sd="50 kg")}
    cohort = mdr.patients(MODEL, 200, weights, seed=1)
    assert cohort["WT"].min() > 0
    assert any("the bounds of V_dox" in note for note in cohort.notes)
    assert MODEL.simulate_many(DOSE, parameters=cohort, until="1 h", times="1 h").failed.empty


def test_what_rounding_leaves_of_shares_is_not_refused():
    parts = [mdr.parameter(name, value) for name, value in (("a", 0.1), ("b", 0.2), ("c", 0.1))]
    model = mdr.Model(mdr.pk.one_compartment("x", CL="1 L/h", V="1 L", F=mdr.formula("1 - a - b - c")), *parts)
    (slot,), below = model.slots, 0
    for a, b, c in np.random.default_rng(1).dirichlet((1, 1, 1), 50):
        other = model.with_parameters(a=a, b=b, c=c)
        row = np.array([[part.internal for part in other.parameters.values()]])
        below += float(over_columns(slot.expression, dict(zip(other.parameters, row.T, strict=True)))[0]) < 0
        assert not compile_model(other).refused(row)
    assert below > 0
    with pytest.raises(mdr.ModelError, match="'F_x'"):
        model.with_parameters(a=0.7, b=0.1, c=0.2 + 1e-9)


def test_a_formula_without_a_value_is_told():
    model = mdr.Model(
        mdr.pk.one_compartment("x", CL=mdr.formula("k/n"), V="1 L"), mdr.parameter("k", "1 L/h"), mdr.parameter("n", 1)
    )
    with pytest.raises(mdr.ModelError, match="its formula 'k/n' is no finite number at k = 1 L/h and n = 0"):
        model.with_parameters(n=0)
    many = model.simulate_many(mdr.bolus("x", "1 mg"), parameters={"n": [1, 0]}, until="1 h", times="1 h")
    assert "is no finite number at k = 1 L/h and n = 0" in many.failed["sentence"].iloc[0]


def test_a_formula_of_states_or_of_the_time_is_not_checked():
    growth = mdr.growth.exponential(rate=mdr.formula("g*(1 - S/K)"))
    model = mdr.Model(
        mdr.clone("S", growth=growth, start=2e3), mdr.parameter("g", "1 1/day"), mdr.parameter("K", "1e3 cell")
    )
    assert model.slots == ()
    assert model.simulate(until="1 day").frame["S"].iloc[-1] < 2e3


@pytest.mark.parametrize("way", ["F", "lag", "zero_order"])
@pytest.mark.parametrize(("text", "named"), [("{}*exp(-t*k)", "'t'"), ("{}*(1 - depot_x/m)", "'depot_x'")])
def test_what_decides_a_dose_is_a_number_for_all_doses(way, text, named):
    """Such a formula was read at time zero in an empty body."""
    parts = [
        mdr.parameter("one", "1" if way == "F" else "1 h"),
        mdr.parameter("k", "1 1/h"),
        mdr.parameter("m", "1 mg"),
    ]
    way = {way: mdr.formula(text.format("one"))}
    with pytest.raises(mdr.ModelError, match=f"of 'x' by 'oral' depends on {named}, which changes in a run"):
        mdr.Model(mdr.pk.one_compartment("x", CL="1 L/h", V="1 L", ka="1 1/h", **way), *parts)


def test_a_start_is_made_of_parameters():
    sensitive = mdr.clone("S", start=100)
    model = mdr.Model(sensitive, mdr.clone("R", start=mdr.formula("0.01*S0")))
    assert model.simulate(until="1 h").frame["R"].iloc[0] == 1
    with pytest.raises(mdr.ModelError, match=r"the start of 'R' depends on 'S', .*; write S0 for its start"):
        mdr.Model(sensitive, mdr.clone("R", start=mdr.formula("0.01*S")))
