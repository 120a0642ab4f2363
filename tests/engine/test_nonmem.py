"""Dose tables against NONMEM: 29 dosing scenarios and a time-varying covariate, by each path of the engine."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import pkpd_mdr as mdr
from pkpd_mdr.engine import Accuracy
from pkpd_mdr.regimen import DoseRecords, read_doses

COMPARTMENTS = {1: ("drug", "oral"), 2: ("drug", "iv")}
DOSING = ["LAGT", "DUR2", "RAT2", "BIOAV"]
PATHS = [Accuracy(method="auto"), Accuracy(method="expm"), Accuracy(method="LSODA", rtol=1e-8)]


def model(clearance: str) -> mdr.Model:
    """Absorption and one compartment; F, lag, modelled rate and duration of the blood come from the table."""
    return mdr.Model(
        mdr.pk.one_compartment(
            "drug",
            V="20 L",
            ka="1.5 1/h",
            CL=mdr.formula(clearance),
            iv=mdr.pk.route(
                F=mdr.formula("BIOAV"), lag=mdr.formula("LAGT"), rate=mdr.formula("RAT2"), duration=mdr.formula("DUR2")
            ),
        ),
        mdr.parameter("CL_typical", "1.1 L/h"),
        mdr.parameter("WT", 70.0),
        mdr.parameter("BIOAV", 1.0),
        mdr.parameter("LAGT", "0 h"),
        mdr.parameter("RAT2", "10 mg/h"),
        mdr.parameter("DUR2", "2 h"),
    )


def predicted(records: DoseRecords, clearance: str, accuracy: Accuracy) -> pd.DataFrame:
    """Every row by the public way, with the concentration as the reference has it (ug/L)."""
    frame = mdr.simulate_records(model(clearance), records, outputs="C_drug", accuracy=accuracy)
    return frame.assign(C_drug=1000.0 * frame["C_drug"])


def worst(found: pd.Series, reference: pd.Series) -> float:
    return float(np.max(np.abs(found - reference) / np.where(np.abs(reference) > 1e-9, np.abs(reference), 1.0)))


@pytest.mark.parametrize("accuracy", PATHS, ids=lambda a: a.method)
def test_every_row_of_29_scenarios(shared: Path, accuracy: Accuracy) -> None:
    folder = shared / "reference" / "dosing"
    records = read_doses(
        folder / "1001.csv",
        compartments=COMPARTMENTS,
        amount_unit="mg",
        carry="nocb",
        covariates=DOSING,
    )
    reference = pd.read_csv(folder / "1001-nm.csv")
    found = predicted(records, "CL_typical", accuracy)
    assert len(found) == 3837
    assert found[["ID", "TIME"]].equals(reference[["ID", "TIME"]].astype({"TIME": float}))
    errors = {i: worst(found["C_drug"][rows], reference["CP"][rows]) for i, rows in found.groupby("ID").indices.items()}
    assert max(errors.values()) < 5e-5, max(errors, key=errors.get)


@pytest.mark.parametrize("accuracy", PATHS, ids=lambda a: a.method)
@pytest.mark.parametrize(("rule", "matches"), [("nocb", True), ("locf", False)])
def test_time_varying_covariate(shared: Path, accuracy: Accuracy, rule: str, matches: bool) -> None:
    folder = shared / "reference" / "dosing"
    records = read_doses(
        folder / "2001.csv",
        compartments=COMPARTMENTS,
        amount_unit="mg",
        carry=rule,
        covariates=["WT", *DOSING],
    )
    expected = pd.read_csv(folder / "2001-nm.csv")["CP"]
    found = predicted(records, "CL_typical*(WT/70)**0.75", accuracy)["C_drug"]
    assert (worst(found, expected) < 5e-5) is matches
