"""Populations: etas between subjects and occasions, weights that change, against a loop of one's own per subject."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest
from scipy.integrate import solve_ivp

import pkpd_mdr as mdr
from pkpd_mdr import distributions as dist

OMEGA = {("eta_CL", "eta_CL"): 0.09, ("eta_V", "eta_V"): 0.04, ("eta_CL", "eta_V"): 0.03}
IOV = 0.15
CLEARANCE = mdr.formula("CL_pop*(WT/usual)**0.75*exp(eta_CL + kappa)")
MODEL = mdr.Model(
    mdr.pk.one_compartment(
        "x", CL=CLEARANCE, V=mdr.formula("V_pop*(WT/usual)*exp(eta_V)"), Vmax="3 mg/h", Km="2 mg/L", ka="0.8 1/h"
    ),
    *(mdr.parameter(name, value) for name, value in
      {"CL_pop": "2 L/h", "V_pop": "20 L", "WT": "70 kg", "usual": "70 kg"}.items()),
    *(mdr.parameter(name, 0.0) for name in ("eta_CL", "eta_V", "kappa")),
)  # fmt: skip


def etas(n: int) -> pd.DataFrame:
    """Etas of subjects, and of three occasions each."""
    names = ["eta_CL", "eta_V"]
    cohort = mdr.patients(
        MODEL,
        n,
        {name: dist.normal(0) for name in names},
        covariates={f"kappa_{k}": dist.normal(0, sd=IOV) for k in range(3)},
        covariances=OMEGA,
        seed=3,
    )
    return cohort.table


def test_drawn_etas_have_their_covariances() -> None:
    """Standard errors of a covariance are those of Wishart's distribution; four of them."""
    n = 5000
    drawn = etas(n)
    sigma = np.diag([0.09, 0.04, IOV**2, IOV**2, IOV**2])
    sigma[0, 1] = sigma[1, 0] = 0.03
    spread = np.sqrt((sigma**2 + np.outer(np.diag(sigma), np.diag(sigma))) / n)
    assert (np.abs(np.cov(drawn.T) - sigma) < 4 * spread).all()
    assert (np.abs(drawn.mean()) < 4 * np.sqrt(np.diag(sigma) / n)).all()


def rows_of(subject: int, eta: pd.Series, rng: np.random.Generator) -> pd.DataFrame:
    """One to three occasions with doses of both routes, samples between and at doses, and a weight that changes."""
    rows = []
    for occasion in range(1 + subject % 3):
        begin = 60.0 * occasion
        doses = begin + np.sort(rng.choice(np.arange(0, 40, 4), size=1 + subject % 4, replace=False))
        doses[0] = begin
        samples = np.sort(rng.choice(np.arange(0.5, 59.5, 0.5), size=4 + subject % 5, replace=False)) + begin
        for time, dosed in sorted([(t, True) for t in doses] + [(t, False) for t in samples]):
            route = int(rng.integers(1, 3))
            rows.append(
                {
                    "ID": subject, "TIME": time, "EVID": int(dosed), "AMT": 80.0 * dosed, "CMT": route if dosed else 2,
                    "RATE": 40.0 * (dosed and route == 2), "WT": 60.0 + 5 * subject - 0.1 * time,
                    "eta_CL": eta["eta_CL"], "eta_V": eta["eta_V"], "kappa": eta[f"kappa_{occasion}"],
                }
            )  # fmt: skip
    return pd.DataFrame(rows)


def by_hand(rows: pd.DataFrame, carry: str) -> list[float]:
    """Depot and blood from row to row; infusions of 2 h are split at rows."""
    state, running, now, found = np.zeros(2), [], 0.0, []
    for place, row in enumerate(rows.itertuples()):
        held = row if carry == "nocb" else rows.iloc[max(place - 1, 0)]
        size = held.WT / 70.0
        clearance, volume = 2.0 * size**0.75 * math.exp(held.eta_CL + held.kappa), 20.0 * size * math.exp(held.eta_V)

        def flow(t: float, y: np.ndarray, inflow: float, out: float = clearance, v: float = volume) -> list[float]:
            c = y[1] / v
            return [-0.8 * y[0], 0.8 * y[0] + inflow - out * c - 3.0 * c / (2.0 + c)]

        stops = sorted({row.TIME, *(end for end in running if now < end < row.TIME)})
        for stop in stops:
            inflow = 40.0 * sum(end > now for end in running)
            if stop > now:
                state = solve_ivp(flow, (now, stop), state, "LSODA", rtol=1e-10, atol=1e-12, args=(inflow,)).y[:, -1]
            now = stop
        if row.EVID and row.CMT == 1:
            state[0] += row.AMT
        elif row.EVID:
            running.append(now + 2.0)
        last = row if carry == "locf" else held  # the volume of the row itself divides what it shows
        found.append(state[1] / (20.0 * last.WT / 70.0 * math.exp(last.eta_V)))
    return found


@pytest.mark.parametrize("carry", ["nocb", "locf"])
def test_subjects_with_records_of_their_own(carry: str) -> None:
    drawn, rng = etas(9), np.random.default_rng(5)
    tables = [rows_of(subject, drawn.loc[subject], rng) for subject in range(9)]
    records = mdr.read_doses(
        pd.concat(tables), compartments={1: ("x", "oral"), 2: ("x", "iv")}, amount_unit="mg", carry=carry
    )
    found = mdr.simulate_records(MODEL, records, outputs="C_x", accuracy=mdr.Accuracy(rtol=1e-9))
    assert len({len(table) for table in tables}) > 4
    for subject, table in enumerate(tables):
        own = found.loc[found["ID"] == subject, "C_x"]
        np.testing.assert_allclose(own, by_hand(table, carry), rtol=1e-6, atol=1e-9, err_msg=f"subject {subject}")


def test_an_occasion_begins_where_its_rows_say() -> None:
    """Half the clearance from the second occasion on: what a row before it shows does not know of it, later ones do."""
    table = pd.DataFrame({"ID": 1, "TIME": [0.0, 10, 20, 20, 30], "EVID": [1, 0, 0, 2, 0], "AMT": [100.0, 0, 0, 0, 0]})
    table["kappa"] = [0.0, 0, 0, -math.log(2), -math.log(2)]
    plain = mdr.Model(
        mdr.pk.one_compartment("x", CL=mdr.formula("CL_pop*exp(kappa)"), V="20 L"),
        mdr.parameter("CL_pop", "2 L/h"), mdr.parameter("kappa", 0.0),
    )  # fmt: skip
    for carry in ("nocb", "locf"):
        records = mdr.read_doses(table, compartments={1: ("x", "iv")}, amount_unit="mg", carry=carry)
        found = mdr.simulate_records(plain, records, outputs="C_x")["C_x"]
        np.testing.assert_allclose(found, 5 * np.exp([0, -1.0, -2.0, -2.0, -2.5]), rtol=1e-9)


def test_a_cohort_is_the_same_subjects_as_a_table() -> None:
    """Etas that do not change within subjects: rows of a cohort, and covariates of a table."""
    drawn = etas(6)[["eta_CL", "eta_V"]]
    plan = mdr.oral("x", "80 mg").every("24 h", times=2)
    times = [1.0, 30.0, 47.0]
    many = mdr.simulate_many(MODEL, plan, parameters=drawn, until="48 h", times=(times, "h"), outputs=["C_x"])
    doses = mdr.write_doses({str(k): plan for k in drawn.index}, compartments={1: ("x", "oral")}, amount_unit="mg")
    looks = [{"ID": str(k), "TIME": t, "EVID": 0, "AMT": 0.0, "CMT": 1} for k in drawn.index for t in times]
    table = pd.concat([doses, pd.DataFrame(looks)]).sort_values(["ID", "TIME"], kind="stable").fillna(0.0)
    table = table.join(drawn.rename(index=str), on="ID").drop(columns=["DV", "MDV"])
    records = mdr.read_doses(table, compartments={1: ("x", "oral")}, amount_unit="mg")
    found = mdr.simulate_records(MODEL, records, outputs="C_x")
    seen = found.loc[found["EVID"] == 0, "C_x"].to_numpy().reshape(6, 3)
    np.testing.assert_allclose(many.values[:, :, 0], seen, rtol=1e-6)


def test_a_covariate_that_is_missing_is_named_with_subject_and_row() -> None:
    table = pd.DataFrame({"ID": [7, 7, 8, 8], "TIME": [0, 1, 0, 1], "EVID": [1, 0, 1, 0], "AMT": [9, 0, 9, 0]})
    table["WT"] = [70.0, 70.0, 60.0, math.nan]
    with pytest.raises(mdr.RegimenError, match=r"^row 4, column WT: the covariate of subject 8 is missing; fill it in"):
        mdr.read_doses(table, compartments={1: ("x", "iv")}, amount_unit="mg", carry="nocb")


def test_a_weight_in_grams_by_its_header() -> None:
    table = pd.DataFrame({"ID": 1, "TIME": [0, 3], "EVID": [1, 0], "AMT": [100, 0], "WT": [70.0, 35.0]})
    options = {"compartments": {1: ("x", "iv")}, "amount_unit": "mg", "carry": "nocb"}
    grams = table.assign(WT=1000 * table["WT"]).rename(columns={"WT": "WT [g]"})
    one, other = (
        mdr.simulate_records(MODEL, mdr.read_doses(rows, **options), outputs="C_x") for rows in (table, grams)
    )
    np.testing.assert_allclose(one["C_x"], other["C_x"], rtol=1e-12)
    wrong = mdr.read_doses(grams.rename(columns={"WT [g]": "WT [cm]"}), **options)
    with pytest.raises(mdr.UnitError, match="WT"):
        mdr.simulate_records(MODEL, wrong)
