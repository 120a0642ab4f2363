"""What visits show: several outputs, with errors of measurement and rounded, the same for the same seed."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import pkpd_mdr as mdr
from pkpd_mdr.regimen import Visit
from pkpd_mdr.regimen.measured import measured


@pytest.fixture(scope="module")
def model():
    return mdr.Model(
        mdr.medium("D", unit="nM"),
        mdr.clone("S", growth=mdr.growth.exponential(rate="0.1 1/day"), start=1.25e9),
        mdr.kill("D", on="S", slope="0.01 1/day/nM"),
    )


ADAPTIVE = mdr.adaptive(mdr.exposure("D", "40 nM"), visit="2 day")


def test_the_true_values_are_shown_by_default(model):
    run = model.simulate(ADAPTIVE, until="20 day", times="2 day")
    np.testing.assert_allclose(run.visits["burden"], run.frame["burden"].iloc[:-1], rtol=1e-9)
    assert list(run.visits.index) == pytest.approx(list(range(0, 20, 2)))
    assert model.simulate(until="20 day").visits.empty


def test_decisions_use_what_was_measured(model):
    """At rounding to one digit 0.5 of 1.25e9 is told from baseline later than the truth is."""
    asked = []
    plan = mdr.rule(lambda visit: asked.append((visit.burden, visit.of("C_D"))), visit="5 day")
    run = model.simulate(plan, until="20 day", measure=[measured("burden", digits=1), "C_D"], times="5 day")
    assert [burden for burden, _ in asked] == [1e9, 2e9, 3e9, 6e9]
    assert run.visits["burden"].tolist() == [1e9, 2e9, 3e9, 6e9]
    assert run.frame["burden"].iloc[1] == pytest.approx(1.25e9 * math.exp(0.5), rel=1e-6)


def seen_by_a_rule(unit, count, wrap, run):
    """What the function of a rule is shown in all units that a model may have, and what the table of visits says."""
    tumour = mdr.Model(
        mdr.pk.one_compartment("x", CL="1 L/day", V="10 L", molar_mass="500 g/mol"),
        mdr.clone("S", growth=mdr.growth.exponential(rate="0.1 1/day"), start=200.0, unit=unit),
        mdr.kill("x", on="S", slope="0.05 1/day/uM"),
        mdr.toxicity.myelosuppression(
            "anc", slope={"x": "0.1 L/umol"}, baseline=(5e3, count), transit_time="4 day", feedback=0.2, unit=count
        ),
    )
    asked = []

    def answer(visit):
        asked.append((visit.burden, visit.of("anc"), visit.baseline, visit.nadir, visit.history[-1][1]))
        return mdr.bolus("x", "10 mg") if visit.burden > 150 else None

    run(tumour, wrap(mdr.rule(answer, visit="5 day")))
    return np.array(asked)


@pytest.mark.parametrize("unit", ["mm**3", "Mcell", "cell"])
def test_a_rule_is_shown_the_units_of_the_model(unit):
    """A volume was in litres: 200 mm**3 were above no limit that anyone would write."""
    kept = []
    ways = {"until": "21 day", "measure": ["burden", "anc"]}
    one = seen_by_a_rule(unit, "1/uL", lambda plan: plan, lambda m, plan: kept.append(m.simulate(plan, **ways)))
    np.testing.assert_allclose(one[:, :2], kept[0].visits[["burden", "anc"]], rtol=1e-9)
    assert one[0].tolist() == pytest.approx([200, 5e3, 200, 200, 200])
    assert len(kept[0].course.acts) > 1
    limited = mdr.limit("anc", below="1 1/uL")
    held = seen_by_a_rule(unit, "1/uL", lambda plan: mdr.limited(plan, limited), lambda m, p: m.simulate(p, **ways))
    many = seen_by_a_rule(unit, "1/uL", lambda plan: plan, lambda m, plan: mdr.simulate_many(m, plan, **ways))
    arms = seen_by_a_rule(unit, "1/uL", lambda plan: plan, lambda m, plan: mdr.compare(m, {"rule": plan}, **ways))
    for other in (held, many, arms):
        np.testing.assert_allclose(other, one, rtol=1e-6)


def test_errors_depend_on_seed_and_patient_alone(model):
    scan = measured("burden", relative_sd=0.2)
    options = {"until": "20 day", "endpoints": ["final_burden"], "measure": scan}
    rates = {"growth_S [1/day]": [0.1, 0.1, 0.1, 0.12]}
    plans = {"adaptive": ADAPTIVE, "again": ADAPTIVE}
    whole = model.simulate_many(plans, parameters=rates, seed=3, chunk=8, **options).endpoints["final_burden"]
    parts = model.simulate_many(plans, parameters=rates, seed=3, chunk=3, **options).endpoints["final_burden"]
    other = model.simulate_many(plans, parameters=rates, seed=4, chunk=8, **options).endpoints["final_burden"]
    assert whole.tolist() == parts.tolist()
    assert whole.tolist()[:4] == whole.tolist()[4:]  # the same luck under every regimen
    assert len(set(whole.tolist()[:3])) > 1  # equal patients, other errors
    assert whole.tolist() != other.tolist()
    alone = model.simulate(ADAPTIVE, until="20 day", measure=scan, seed=3)
    assert alone.endpoint("final_burden") == pytest.approx(whole[0], rel=1e-6)


def test_a_comparison_measures_with_the_error_and_says_so(model):
    arms = {"adaptive": ADAPTIVE, "same": ADAPTIVE}
    found = mdr.compare(model, arms, until="20 day", measure=measured("burden", relative_sd=0.2), seed=1)
    assert np.array_equal(found.values[0], found.values[1])
    assert "with errors of measurement" in str(found)
    assert "exactly" in str(mdr.compare(model, arms, until="20 day"))


def test_the_error_has_the_declared_spread():
    scan = measured("anc", relative_sd=0.1, sd="3 1/L")
    seen = np.array([scan.see(40.0, seed=0, member=k, visit=2) for k in range(4000)])
    # 4 standard errors of a mean and of a standard deviation
    assert seen.mean() == pytest.approx(40.0, abs=4 * 5 / math.sqrt(4000))
    assert seen.std() == pytest.approx(5.0, rel=4 / math.sqrt(2 * 4000))


def test_a_value_that_is_missed_leaves_the_last_one(model):
    """Rules see the value of the last visit that had one; the table of visits has a gap; the first is always there."""
    asked = []
    plan = mdr.rule(lambda visit: asked.append((visit.burden, visit.of("S"), visit.missed)), visit="1 day")
    looks = [measured("burden", missed=0.5), "S"]
    run = model.simulate(plan, until="40 day", measure=looks, seed=2)
    seen, true = run.visits["burden"].to_numpy(), run.visits["S"].to_numpy()
    gap = np.isnan(seen)
    assert 8 <= gap.sum() <= 32  # of 39; four standard errors
    assert not gap[0]
    assert np.array_equal(seen[~gap], true[~gap])
    last = np.maximum.accumulate(np.where(gap, 0, np.arange(40)))
    assert [burden for burden, _, _ in asked] == true[last].tolist()
    assert [missed for _, _, missed in asked] == [("burden",) if one else () for one in gap]


def test_missing_values_do_not_change_the_errors_of_the_others(model):
    """Chances are drawn from a stream of their own, the same in every arm and for every plan."""
    options = {"until": "20 day", "seed": 5}
    whole = model.simulate(ADAPTIVE, measure=measured("burden", relative_sd=0.1), **options).visits["burden"]
    plan = mdr.rule(lambda visit: mdr.exposure("D", "40 nM", over="2 day"), visit="2 day")
    more = measured("burden", relative_sd=0.1, missed=0.4)
    parts = [model.simulate(one, measure=more, **options).visits["burden"] for one in (ADAPTIVE, plan)]
    assert parts[0].isna().tolist() == parts[1].isna().tolist()
    assert 0 < parts[0].isna().sum() < 9
    first = int(np.argmax(parts[0].isna()))
    assert parts[0].iloc[:first].tolist() == whole.iloc[:first].tolist()


def test_a_comparison_says_how_many_values_are_missing(model):
    scan = measured("burden", relative_sd=0.1, missed=0.25)
    found = mdr.compare(model, {"adaptive": ADAPTIVE, "none": mdr.nothing()}, until="10 day", measure=scan)
    assert "'burden' with errors of measurement (25 % of values are missing), at their visits only" in str(found)
    assert not scan.exact


@given(st.floats(0, 1e15), st.integers(0, 2**32), st.integers(0, 1000), st.integers(0, 100), st.integers(1, 17))
def test_what_is_seen_is_rounded_and_never_negative(value, seed, member, visit, digits):
    scan = measured("burden", relative_sd=0.5, digits=digits)
    seen = scan.see(value, seed=seed, member=member, visit=visit)
    assert seen >= 0
    assert seen == float(f"{seen:.{digits - 1}e}")
    assert measured("burden").see(value, seed=seed, member=member, visit=visit) == value
    coarse = measured("burden", step=(7, "")).see(value, seed=seed, member=member, visit=visit)
    assert coarse == pytest.approx(value, abs=3.5 + 1e-9 * value)


def test_visits_show_further_outputs_with_their_history():
    last = Visit.first(10.0, others={"w": 70.0}).following(24.0, 4.0, others={"w": 63.0})
    assert (last.of("w"), last.change("w"), last.series("w")) == (63.0, 0.9, (70.0, 63.0))
    with pytest.raises(mdr.RegimenError, match=r"does not show 'anc'.*measure=\['burden', 'anc'\]"):
        last.of("anc")
    with pytest.raises(mdr.RegimenError, match=r"visits show \['w'\] from the first one on, not \[\] at 72 h"):
        last.following(72.0, 3.0)


@pytest.mark.parametrize(
    ("measure", "kind", "sentence"),
    [
        ("burdn", mdr.SimulationError, r"'burdn'.*did you mean 'burden'"),
        (["burden", "anc"], mdr.SimulationError, r"'anc' at visits, which the model does not have"),
        (["burden", "burden"], mdr.SimulationError, r"'burden' is named twice"),
        (measured("burden", sd="3 mg"), mdr.RegimenError, r"sd is '3 mg', but the model shows 'burden' in 'cell'"),
        (3, mdr.SimulationError, r"measure is 3, not the name of an output"),
        ([], mdr.SimulationError, r"measure is \[\], not the name of an output"),
    ],
)
def test_refusals(model, measure, kind, sentence):
    for call in (model.simulate, model.simulate_many):
        with pytest.raises(kind, match=sentence):
            call(ADAPTIVE, until="10 day", measure=measure)
    with pytest.raises(kind, match=sentence):
        mdr.compare(model, {"a": ADAPTIVE}, until="10 day", measure=measure)


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"relative_sd": -0.1}, r"relative_sd = -0\.1 is no standard deviation"),
        ({"sd": "-1 cell"}, r"sd = '-1 cell' is no standard deviation"),
        ({"digits": 0}, r"digits = 0 cannot be kept"),
        ({"step": "0 mm"}, r"step = '0 mm' cannot be rounded to"),
        ({"digits": 2, "step": "1 mm"}, r"leave out one of digits= and step="),
        ({"relative_sd": "10 %"}, r"relative_sd is '10 %', not a number"),
        ({"missed": 1}, r"missed = 1\.0 is no chance; write a share such as 0\.1"),
    ],
)
def test_refused_errors_of_measurement(options, sentence):
    with pytest.raises(mdr.RegimenError, match=sentence):
        measured("burden", **options)


def test_a_seed_is_not_negative(model):
    with pytest.raises(mdr.SimulationError, match=r"seed is -1, not a whole number of 0 or more"):
        model.simulate(ADAPTIVE, until="10 day", seed=-1)


def test_the_level_of_recovery_is_checked_against_the_unit_of_the_model_too():
    model = mdr.Model(mdr.medium("dox", unit="nM"), mdr.state("w", 90, unit="%"))
    never = mdr.limit("w", below="80 %", recovered=90)
    with pytest.raises(mdr.RegimenError, match="compares 'w' with '90', but the model shows it in '%'"):
        model.simulate(mdr.limited(mdr.exposure("dox", "1 nM"), never, visit="1 day"), until="2 day", measure="w")
