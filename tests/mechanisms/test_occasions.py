"""Inter-occasion variability: against the closed form, the same by every path, drawn as asked."""

import numpy as np
import pandas as pd
import pytest

import pkpd_mdr as mdr
from pkpd_mdr import distributions as dist
from pkpd_mdr.data import Condition, from_frame

CL, V, WEEK = 5.0, 50.0, 168.0
KAPPAS = (0.5, -0.7, 0.2)
VALUES = {f"kappa_CL_{number}": value for number, value in enumerate(KAPPAS, start=1)}
WEEKLY = mdr.bolus("dox", "100 mg").every("3 day", times=7)


def varying(*more):
    return mdr.Model(
        mdr.occasions("kappa_CL", every="7 day", times=3),
        mdr.parameter("CL_typical", (CL, "L/h")),
        mdr.pk.one_compartment("dox", CL=mdr.formula("CL_typical*exp(kappa_CL)"), V=(V, "L")),
        *more,
    )


def concentration(t):
    """Each dose decays at the rate of the occasion in force; the last occasion goes on."""
    total = 0.0
    for dose in np.arange(7) * 72.0:
        if t > dose:
            inside = [
                max(0.0, min(t, end) - max(dose, begin)) * np.exp(kappa)
                for kappa, begin, end in zip(KAPPAS, (0, WEEK, 2 * WEEK), (WEEK, 2 * WEEK, np.inf), strict=True)
            ]
            total += 100 / V * np.exp(-CL / V * sum(inside))
    return total


@pytest.mark.parametrize("method", ["auto", "LSODA", "BDF"])
def test_kinetics_are_those_of_the_closed_form(method):
    times = np.array([1, 100, 168, 170, 240, 336, 337, 400, 480])
    run = varying().simulate(
        WEEKLY, until="480 h", times=(times, "h"), parameters=VALUES, accuracy=mdr.Accuracy(method=method)
    )
    wanted = [concentration(time) for time in times]
    assert run.frame["C_dox"].to_numpy() == pytest.approx(wanted, rel=1e-4, abs=1e-6)
    assert run.frame["kappa_CL"].tolist() == [0.5] * 2 + [-0.7] * 3 + [0.2] * 4


def test_it_is_the_same_under_strategies_and_in_ensembles():
    model = varying()
    visits = mdr.rule(lambda visit: WEEKLY.between((visit.time, "h"), (visit.time + 48, "h")), visit="48 h")
    alone = model.simulate(WEEKLY, until="20 day", times="20 day", parameters=VALUES).frame["C_dox"].iloc[-1]
    asked = model.simulate(visits, until="20 day", times="20 day", parameters=VALUES, measure="C_dox")
    assert asked.frame["C_dox"].iloc[-1] == pytest.approx(alone, rel=1e-5)
    rows = {name: [0.0, value] for name, value in VALUES.items()}
    many = model.simulate_many(WEEKLY, parameters=rows, until="20 day", times="20 day", outputs="C_dox").frame
    assert many["C_dox"].iloc[-1] == pytest.approx(alone, rel=1e-8)
    plain = mdr.Model(mdr.pk.one_compartment("dox", CL=(CL, "L/h"), V=(V, "L")))
    constant = plain.simulate(WEEKLY, until="20 day", times="20 day").frame["C_dox"].iloc[-1]
    assert many["C_dox"].iloc[1] == pytest.approx(constant, rel=1e-5)


def test_occasions_can_be_fitted():
    times = np.arange(6, 480, 36)
    frame = varying().simulate(WEEKLY, until="480 h", times=(times, "h"), parameters=VALUES).frame
    table = pd.DataFrame({"condition": "all", "time": times, "value": frame["C_dox"].to_numpy()})
    data = from_frame(table, [Condition("all", {"arm": "all"}, WEEKLY)], units={"C_dox": "mg/L"})
    fit = mdr.fit(varying(), data, free=dict.fromkeys(VALUES, (-2, 2)), error="proportional", starts=1)
    assert fit.values == pytest.approx(VALUES, abs=1e-4)


def test_patients_draw_each_occasion_anew():
    model = varying(mdr.occasions("kappa_V", every="7 day", times=3))
    asked = {"CL_typical": dist.lognormal((CL, "L/h"), cv=0.3), "kappa_CL": dist.normal(0, sd=0.2)}
    asked |= {"kappa_V": dist.normal(0, sd=0.1)}
    cohort = mdr.patients(model, 4000, asked, correlations={("kappa_CL", "kappa_V"): 0.6}, seed=1)
    names = [f"kappa_{what}_{number}" for number in (1, 2, 3) for what in ("CL", "V")]
    assert set(cohort.parameters) == {"CL_typical", *names}
    found = cohort.table[names].corr().to_numpy()
    wanted = np.kron(np.eye(3), [[1.0, 0.6], [0.6, 1.0]])
    assert np.abs(found - wanted).max() < 5 / np.sqrt(4000)
    assert cohort.table[names].std().to_numpy() == pytest.approx([0.2, 0.1] * 3, rel=0.05)
    clearance = np.log(cohort["CL_typical"].to_numpy())[:, None] + cohort.table[names[::2]].to_numpy()
    between, within = np.log(1 + 0.3**2), 0.2**2
    assert np.corrcoef(clearance.T)[0, 1] == pytest.approx(between / (between + within), abs=0.05)


def test_one_occasion_can_be_drawn_by_itself_but_not_twice():
    cohort = mdr.patients(varying(), 50, {"kappa_CL_2": dist.normal(0, sd=0.2)}, seed=1)
    assert cohort.parameters == ("kappa_CL_2",)
    both = {"kappa_CL": dist.normal(0, sd=0.2), "kappa_CL_2": dist.normal(0, sd=0.1)}
    with pytest.raises(mdr.DataError, match="'kappa_CL_2' is drawn twice"):
        mdr.patients(varying(), 50, both, seed=1)


@pytest.mark.parametrize(
    ("given", "error", "words"),
    [
        ({"every": "0 day", "times": 3}, mdr.ModelError, "'every_k': 0 day is outside its bounds"),
        ({"every": "7 day", "times": 1}, mdr.ModelError, "times is 1, not a whole number from 2 to 40"),
        ({"every": "1 kg", "times": 3}, mdr.UnitError, "'every_k': '1 kg' is not in the unit 'h'"),
    ],
)
def test_bad_occasions(given, error, words):
    with pytest.raises(error, match=words):
        mdr.Model(mdr.occasions("k", **given))


def test_what_cannot_change_by_occasion_is_refused():
    late = {"F": mdr.formula("0.5*exp(kappa_F)"), "CL": "5 L/h", "V": "50 L", "ka": "1 1/h"}
    with pytest.raises(mdr.ModelError, match="bioavailability of 'x' by 'oral' depends on 't', which changes in a run"):
        mdr.Model(mdr.occasions("kappa_F", every="7 day", times=2), mdr.pk.one_compartment("x", **late))


def test_cells_whose_division_changes_by_occasion_die_out_as_the_backward_equation_says():
    """Paths follow the jumps; exact chances do not, and say so. Linear fractional from the last occasion back."""
    kappas, birth, death, days, cells, paths = (0.0, -3.0, 0.5), 0.2, 0.1, 2.0, 3, 4000
    law = mdr.growth.birth_death(birth=mdr.formula("b*exp(k)"), death=(death, "1/day"))
    model = mdr.Model(
        mdr.occasions("k", every=(days, "day"), times=3),
        mdr.parameter("b", (birth, "1/day")),
        mdr.clone("S", growth=law, start=cells),
    )
    gone = 0.0
    for kappa in reversed(kappas):
        b = birth * np.exp(kappa)
        left, grown = 1 - gone, np.exp((b - death) * days)
        gone = 1 - left * grown * (b - death) / (b * left * (grown - 1) + b - death)
    run = {"until": "6 day", "parameters": {"k_2": kappas[1], "k_3": kappas[2]}}
    many = mdr.simulate_many(
        model, stochastic=mdr.Stochastic(seed=1), replicates=paths, endpoints=["extinction"], reduce="endpoints", **run
    )
    share = gone**cells
    assert many.endpoint_values.mean() == pytest.approx(share, abs=4 * np.sqrt(share * (1 - share) / paths))
    with pytest.raises(mdr.SimulationError, match="where rates jump"):
        mdr.extinction(model, **run)
