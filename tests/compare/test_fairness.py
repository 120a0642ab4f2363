"""Fairness: what is matched, how, and when it is refused; and the null test of schedules."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import pkpd_mdr as mdr
from pkpd_mdr.compare import compare


@pytest.fixture(scope="module")
def model():
    return mdr.Model(
        mdr.pk.one_compartment("dox", CL="10 L/h", V="50 L", molar_mass="500 g/mol"),
        mdr.pk.one_compartment("pac", CL="5 L/h", V="40 L"),
        mdr.clone("S", growth=mdr.growth.exponential(rate="0.1 1/day"), start=1e6),
        mdr.kill("dox", on="S", slope="0.1 1/h/uM"),
        mdr.kill("pac", on="S", slope="0.02 1/h/(mg/L)"),
    )


@pytest.fixture(scope="module")
def saturable():
    """Michaelis-Menten elimination: AUC of a bolus is (C0/Vmax)(Km + C0/2), Vmax per volume."""
    return mdr.Model(
        mdr.pk.one_compartment("dox", V="10 L", Vmax="5 mg/h", Km="1 mg/L"),
        mdr.clone("S", growth=mdr.growth.exponential(rate="0.1 1/day"), start=1e6),
        mdr.kill("dox", on="S", slope="0.01 1/h/(mg/L)"),
    )


DOX = mdr.infusion("dox", "60 mg", over="1 h").every("21 day", times=3)
PAC = mdr.infusion("pac", "200 mg", over="3 h").every("21 day", times=3)
RUN = {"until": "150 day", "endpoints": ["final_burden"]}


def totals(comparison):
    return {(arm, drug): row["median"] for (arm, drug), row in comparison.given.iterrows()}


def test_totals_are_matched_to_the_first_arm(model):
    arms = {"both": DOX & PAC, "weekly": mdr.bolus("dox", "30 mg").every("7 day", times=4).then(PAC.scaled(1.25))}
    comparison = compare(model, arms, fair="total_dose", **RUN)
    assert totals(comparison) == pytest.approx(
        {("both", "dox"): 180, ("both", "pac"): 600, ("weekly", "dox"): 180, ("weekly", "pac"): 600}
    )
    assert {(row.arm, row.drug): round(row.factor, 12) for row in comparison.matching.changed} == {
        ("weekly", "dox"): 1.5,
        ("weekly", "pac"): 0.8,
    }
    assert "dox in 'weekly' x 1.5" in str(comparison)
    assert comparison.given["factor"]["weekly", "pac"] == pytest.approx(0.8)
    assert str(comparison.plans["weekly"].acts[0].amount) == "45 mg"


def test_equal_arms_are_left_alone(model):
    arms = {"both": DOX & PAC, "one, then the other": DOX.then(PAC), "turns": mdr.alternate(DOX, PAC, every="21 day")}
    comparison = compare(model, arms, fair="total_dose", **RUN)
    assert comparison.matching.changed == ()
    assert "no arm had to be scaled" in str(comparison)
    assert comparison.plans == arms


def test_mass_and_amount_of_substance_are_matched_through_the_molar_mass(model):
    arms = {"mg": DOX, "umol": mdr.bolus("dox", "120 umol").every("21 day", times=6)}
    comparison = compare(model, arms, fair="total_dose", **RUN)
    assert comparison.matching.changed[0].factor == pytest.approx(180 / (720 * 0.5))


def test_strategies_are_matched_by_their_planned_course(model):
    arms = {
        "fixed": DOX,
        "adaptive": mdr.adaptive(DOX.scaled(2), visit="7 day"),
        "lines": mdr.on_progression(DOX.first(1), DOX, visit="21 day"),
    }
    comparison = compare(model, arms, fair="total_dose", **RUN)
    factors = {row.arm: row.factor for row in comparison.matching.rows}
    assert factors == pytest.approx({"fixed": 1.0, "adaptive": 0.5, "lines": 0.75})
    given = totals(comparison)
    assert given["adaptive", "dox"] <= 180 + 1e-9
    assert comparison.plans["adaptive"].regimen.planned_total("dox").value == pytest.approx(180)
    assert comparison.plans["lines"].planned.planned_total("dox").value == pytest.approx(180)


@given(doses=st.lists(st.floats(1.0, 500.0), min_size=2, max_size=4))
@settings(max_examples=15)
def test_matched_totals_are_equal_whatever_the_doses(model, doses):
    from pkpd_mdr.compare.fairness import match

    arms = {f"arm {k}": mdr.bolus("dox", (dose, "mg")).every("7 day", times=k + 1) for k, dose in enumerate(doses)}
    plans, matching = match(model, arms, "total_dose", start=None, until=1000.0)
    found = [plan.planned_total("dox").value for plan in plans.values()]
    assert found == pytest.approx([doses[0]] * len(doses))
    again, second = match(model, plans, "total_dose", start=None, until=1000.0)
    assert second.changed == ()
    assert again == plans
    assert len(matching.rows) == len(doses)


@pytest.mark.parametrize(
    ("arms", "words"),
    [
        ({"both": DOX & PAC, "dox only": DOX}, "arm 'dox only' gives no 'pac' but arm 'both' does"),
        ({"dox only": DOX, "both": DOX & PAC}, "arm 'dox only' gives no 'pac' but arm 'both' does"),
        ({"dox": DOX, "none": mdr.nothing()}, "arm 'none' gives nothing"),
        ({"dox": DOX, "rule": mdr.rule(lambda visit: None, visit="7 day")}, "arm 'rule' has no planned course"),
    ],
)
@pytest.mark.parametrize("fair", ["total_dose", "auc"])
def test_arms_that_cannot_be_matched(model, arms, words, fair):
    with pytest.raises(mdr.RegimenError, match=words):
        compare(model, arms, fair=fair, **RUN)


def test_an_endless_plan_has_no_total():
    model = mdr.Model(mdr.medium("D", unit="nM"), mdr.clone("S", start=1.0))
    arms = {"week": mdr.exposure("D", "1 nM", over="7 day"), "for good": mdr.exposure("D", "1 nM")}
    with pytest.raises(mdr.RegimenError, match=r"arm 'for good' cannot be matched in 'D': .* never ends"):
        compare(model, arms, fair="total_dose", until="14 day", endpoints=["nadir"])
    comparison = compare(model, arms, fair="auc", until="14 day", endpoints=["nadir", "exposure_D"])
    assert comparison.values[:, 0, 1] == pytest.approx([168, 168])


def test_auc_equals_dose_for_linear_kinetics(model):
    arms = {"three": DOX, "daily": mdr.bolus("dox", "10 mg").every("1 day", times=30)}
    by_dose = compare(model, arms, fair="total_dose", **RUN)
    by_area = compare(model, arms, fair="auc", **RUN)
    assert by_area.matching.rows[1].factor == pytest.approx(by_dose.matching.rows[1].factor, rel=1e-5)
    assert by_area.matching.rows[0].before.value == pytest.approx(180 / 10 / 0.5)  # mg / (L/h) in uM*h


def test_auc_with_saturable_elimination_needs_another_dose(saturable):
    """One bolus of 40 mg against four of d: 4 d (Km + d/2V)/(V Vmax) has to equal 40 (Km + 40/2V)/(V Vmax)."""
    arms = {"one": mdr.bolus("dox", "40 mg"), "four": mdr.bolus("dox", "10 mg").every("7 day", times=4)}
    comparison = compare(saturable, arms, fair="auc", until="60 day", endpoints=["exposure_dox", "final_burden"])
    target = 40 * (1 + 40 / 20)
    dose = 10 * (-1 + math.sqrt(1 + target / 20))
    assert 4 * dose * (1 + dose / 20) == pytest.approx(target)
    assert comparison.matching.rows[1].factor == pytest.approx(dose / 10, rel=1e-5)
    assert comparison.values[0, 0, 0] == pytest.approx(target / 5, rel=1e-5)
    assert comparison.values[1, 0, 0] == pytest.approx(comparison.values[0, 0, 0], rel=1e-5)
    assert "area under the concentration at the model's values" in str(comparison)
    assert compare(saturable, arms, fair="total_dose", until="60 day").matching.changed == ()
    assert "all arms give the same exposure_dox in every draw" in comparison.notes  # by dose, not whatever the timing


# -- I13: with exponential growth and linear kill order and timing do not matter ----------------------------


@pytest.fixture(scope="module")
def null_arms():
    # all drug is gone long before the end, so areas are complete
    return {"together": DOX & PAC, "dox, then pac": DOX.then(PAC), "pac, then dox": PAC.then(DOX)}


@pytest.mark.law("I13")
def test_null_test_with_pharmacokinetics(model, null_arms):
    draws = pd.DataFrame({"slope_dox_S": [0.02, 0.05, 0.1], "CL_pac": [3.0, 5.0, 8.0]})
    comparison = compare(
        model, null_arms, parameters=draws, fair="total_dose", until="200 day", endpoints=["final_burden", "nadir"]
    )
    values = comparison.values[:, :, 0]
    for row, (slope, clearance) in enumerate(zip(draws["slope_dox_S"], draws["CL_pac"], strict=True)):
        log_kill = slope * 180 / 0.5 / 10 + 0.02 * 600 / clearance
        expected = math.log(1e6) + 0.1 * 200 - log_kill
        assert np.log(values[:, row]) == pytest.approx(np.full(3, expected), abs=1e-5)
    assert any("all arms give the same final_burden in every draw" in note for note in comparison.notes)
    assert not any("nadir" in note for note in comparison.notes)
    assert comparison.table.xs("final_burden", level="endpoint")["probability_best"].to_numpy() == pytest.approx(
        [1 / 3] * 3
    )
    assert (comparison.table.xs("final_burden", level="endpoint")["difference"] == 0).all()


@pytest.mark.law("I13")
def test_null_test_with_exposures_for_each_type():
    model = mdr.Model(
        mdr.medium("A", unit="nM"),
        mdr.medium("B", unit="nM"),
        mdr.clone("S", growth=mdr.growth.exponential(rate="0.1 1/day"), start=1e6),
        mdr.clone("R", growth=mdr.growth.exponential(rate="0.07 1/day"), start=1e3, resistant=True),
        mdr.kill("A", on="S", slope="0.01 1/day/nM"),
        mdr.kill("B", on=["S", "R"], slope="0.02 1/day/nM"),
    )
    a, b = mdr.exposure("A", "20 nM", over="10 day"), mdr.exposure("B", "10 nM", over="10 day")
    arms = {"A & B": a & b, "A, B": a.then(b), "B, A": b.then(a), "turns": mdr.alternate(a, b, every="2 day")}
    comparison = compare(
        model, arms, fair="total_dose", until="30 day", endpoints=["S_end", "R_end", "resistant_share"]
    )
    sensitive = 1e6 * math.exp(0.1 * 30 - 0.01 * 200 - 0.02 * 100)
    resistant = 1e3 * math.exp(0.07 * 30 - 0.02 * 100)
    assert comparison.values[:, 0, 0] == pytest.approx(np.full(4, sensitive), rel=2e-6)
    assert comparison.values[:, 0, 1] == pytest.approx(np.full(4, resistant), rel=2e-6)
    for name in ("S_end", "R_end", "resistant_share"):
        assert any(f"all arms give the same {name} " in note for note in comparison.notes)


def test_the_null_fails_with_saturating_kill(model, null_arms):
    """A test that can fail: with an Emax kill, giving it together or in turn is not the same."""
    bent = model.without("kill_dox").plus(mdr.kill("dox", on="S", emax="0.1 1/h", ec50="0.5 uM"))
    arms = {"split": mdr.bolus("dox", "20 mg").every("7 day", times=9), "at once": mdr.bolus("dox", "180 mg")}
    comparison = compare(bent, arms, fair="total_dose", **RUN)
    assert comparison.notes == ()
    assert comparison.best() == "split"
    assert comparison.table["probability_best"]["split", "final_burden"] == 1.0
