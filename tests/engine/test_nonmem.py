"""The engine against NONMEM: 29 dosing scenarios and a time-varying covariate, by both of its paths."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import pkpd_mdr as mdr
from pkpd_mdr.engine import Accuracy, BoundPorts, build, compile_model, solve
from pkpd_mdr.regimen import DoseRecords, Subject, read_doses

COMPARTMENTS = {1: ("drug", "oral"), 2: ("drug", "iv")}
DOSING = ["LAGT", "MODE", "DUR2", "RAT2", "BIOAV"]
PATHS = [Accuracy(method="expm"), Accuracy(method="LSODA", rtol=1e-8)]


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


def predicted(records: DoseRecords, subject: Subject, clearance: str, accuracy: Accuracy) -> np.ndarray:
    compiled = compile_model(drug := model(clearance))
    base = {name: item.internal for name, item in drug.parameters.items()}
    rows = np.array(
        [
            [{**base, **dict(zip(records.covariates, row, strict=True))}[name] for name in compiled.parameters]
            for row in subject.covariates
        ]
    )
    entries = subject.entries(marks="all")
    timeline = build(entries, BoundPorts(compiled, rows), stop=subject.records[-1].clock)
    member = solve(compiled, rows[:1], None, [timeline], ["C_drug"], rows=[rows], accuracy=accuracy).members[0]
    assert member.status.ok, member.status.sentence
    return member.values[:, 0] * 1000.0


def worst(found: np.ndarray, reference: np.ndarray) -> float:
    return float(np.max(np.abs(found - reference) / np.where(np.abs(reference) > 1e-9, np.abs(reference), 1.0)))


@pytest.mark.parametrize("accuracy", PATHS, ids=lambda a: a.method)
def test_every_row_of_29_scenarios(shared: Path, accuracy: Accuracy) -> None:
    folder = shared / "reference" / "dosing"
    records = read_doses(
        folder / "1001.csv",
        compartments=COMPARTMENTS,
        amount_unit="mg",
        covariates="nocb",
        covariate_columns=DOSING,
    )
    reference = pd.read_csv(folder / "1001-nm.csv")
    rows, errors = 0, {}
    for subject in records.subjects:
        expected = reference.loc[reference["ID"] == int(subject.id), "CP"].to_numpy()
        found = predicted(records, subject, "CL_typical", accuracy)
        assert len(found) == len(expected)
        rows += len(expected)
        errors[subject.id] = worst(found, expected)
    assert rows == 3837
    assert max(errors.values()) < 5e-5, max(errors, key=errors.get)


@pytest.mark.parametrize("accuracy", PATHS, ids=lambda a: a.method)
@pytest.mark.parametrize(("rule", "matches"), [("nocb", True), ("locf", False)])
def test_time_varying_covariate(shared: Path, accuracy: Accuracy, rule: str, matches: bool) -> None:
    folder = shared / "reference" / "dosing"
    records = read_doses(
        folder / "2001.csv",
        compartments=COMPARTMENTS,
        amount_unit="mg",
        covariates=rule,
        covariate_columns=["WT", *DOSING],
    )
    expected = pd.read_csv(folder / "2001-nm.csv")["CP"].to_numpy()
    found = predicted(records, records.subjects[0], "CL_typical*(WT/70)**0.75", accuracy)
    assert (worst(found, expected) < 5e-5) is matches
