"""Long tables with dose rows, on small tables and on the erlotinib xenografts."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from pkpd_mdr.data import Data, read_events
from pkpd_mdr.errors import DataError, UnitError

LXF: dict[str, Any] = {
    "subject": "ID",
    "time": "Time [day]",
    "value": "Value",
    "observable_column": "Observable",
    "observable": {"Tumour volume": "tumour_volume [cm**3]", "Body weight": "body_weight [g]"},
    "missing": "drop",
}
DOSED: dict[str, Any] = {"dose": {"erlotinib": "Dose [mg]"}, "duration": "Duration [day]", "route": "oral"}
SMALL = pd.DataFrame(
    {
        "id": [1, 1, 1, 2, 2],
        "t": [0.0, 2, 1, 0, 2],
        "v": [90, 80, None, 95, 120],
        "mg": [None, None, 0.5, None, 0],
        "arm": ["a", "a", "a", "b", "b"],
        "dur": [None, None, 0.25, None, None],
        "kg": [2.0, 2, 2, 2, 2],
    }
)
READ: dict[str, Any] = {"subject": "id", "time": "t [day]", "value": "v [mm**3]", "dose": {"erl": "mg [mg]"}}


def test_one_condition_for_each_subject() -> None:
    data = read_events(SMALL, **READ, by="arm", duration="dur [day]")
    assert [dict(condition.labels) for condition in data.conditions] == [{"id": 1, "arm": "a"}, {"id": 2, "arm": "b"}]
    (act,) = data.conditions[0].regimen.acts
    assert (act.time, act.port, act.action, act.duration, act.route) == (24.0, "erl", "dose", 6.0, "")
    assert data.conditions[1].regimen.acts == ()
    assert data.table["value"].tolist() == [90, 80, 95, 120]


def test_a_row_can_be_a_dose_and_a_measurement() -> None:
    both = SMALL.assign(v=[90, 80, 85, 95, 120])
    data = read_events(both, **READ)
    assert len(data) == 5
    assert len(data.conditions[0].regimen.acts) == 1


def test_dose_per_weight_and_covariate() -> None:
    read = READ | {"dose": {"erl": "mg [mg/kg]"}}
    data = read_events(SMALL, **read, weight="kg [kg]", covariates={"weight": "kg [kg]"})
    assert data.conditions[0].regimen.acts[0].amount.internal == pytest.approx(1.0)
    assert data.conditions[0].covariates["weight"].internal == pytest.approx(2e6)
    assert read_events(SMALL, **read, weight="4 kg").conditions[0].regimen.acts[0].amount.internal == pytest.approx(2.0)


@pytest.mark.parametrize(
    ("changes", "options", "message"),
    [
        ({"mg": [None, None, -1, None, 0]}, {}, r"'mg', row 2: a dose of -1 is negative"),
        ({"mg": [None, None, "x", None, 0]}, {}, r"'mg', row 2: 'x' is not a number"),
        ({"t": [0, 2, -1, 0, 2]}, {}, r"'t', row 2: a time of a dose of -1 is negative"),
        ({"t": [0, 2, None, 0, 2]}, {}, r"'t', row 2: the value is missing; fill in the time"),
        ({"mg": [1, None, 1, None, 0], "t": [1, 2, 1, 0, 2]}, {}, r"rows 0, 2: 'erl' is given twice at one time"),
        ({"v": [90, None, None, 95, 120]}, {}, r"'v', row 1: the value is missing; .*missing='drop'"),
        ({"t": [0, 0, 1, 0, 2]}, {}, r"rows 0, 1: 2 values for the same condition \(id=1\)"),
        ({}, {"by": "v"}, r"'v', row 2: the label is missing"),
        ({"arm": ["a", "b", "a", "b", "b"]}, {"by": "arm"}, r"rows 0, 1, 2: subject 1 has more than one set of labels"),
        ({"kg": [2, 2, 3, 2, 2]}, {"covariates": {"w": "kg [kg]"}}, r"'kg', row 2: covariate 'w' changes within"),
        ({"kg": [2, 2, None, 2, 2]}, {"weight": "kg [kg]"}, r"'kg', row 2: .*needs the weight"),
        ({"dur": [None, None, -1, None, None]}, {"duration": "dur [h]"}, r"'dur', row 2: a duration of -1"),
        ({}, {"constants": {"id": 3}}, r"'id' is given twice"),
        ({}, {"keep": {"arm": "c"}}, r"no arm 'c'"),
        ({}, {"subject": "ids"}, r"did you mean 'id'"),
    ],
)
def test_bad_input(changes: dict[str, Any], options: dict[str, Any], message: str) -> None:
    with pytest.raises(DataError, match=message):
        read_events(SMALL.assign(**changes), **READ | options)


def test_units_are_asked_for() -> None:
    with pytest.raises(UnitError, match=r"dose of 'erl': column 'mg' has no unit; .*'mg \[mg\]'"):
        read_events(SMALL, **READ | {"dose": {"erl": "mg"}})
    with pytest.raises(UnitError, match=r"'t \[h\]'"):
        read_events(SMALL, **READ | {"time": "t"})


def test_rows_that_are_nothing_are_refused() -> None:
    table = SMALL.assign(what=["w", "w", None, "w", None])
    with pytest.raises(DataError, match="'what', row 4: neither a measurement nor a dose"):
        read_events(table, **READ, observable_column="what", observable={"w": "weight [g]"})


def test_levels_hold_until_the_next_row() -> None:
    table = pd.DataFrame({"p": ["x"] * 5, "day": [0, 28, 56, 84, 112], "psa": [6, 1, 2, 9, 4], "on": [1, 1, 0, 1, 1]})
    data = read_events(table, subject="p", time="day [day]", value="psa [ng/mL]", level={"abi": "on [1]"})
    acts = data.conditions[0].regimen.acts
    assert [(act.time / 24, act.duration / 24, act.action) for act in acts] == [
        (0, 56, "expose"),
        (84, math.inf, "expose"),
    ]
    shuffled = read_events(
        table.sample(frac=1, random_state=1),
        subject="p",
        time="day [day]",
        value="psa [ng/mL]",
        level={"abi": "on [1]"},
    )
    assert shuffled == data
    with pytest.raises(DataError, match="rows 0, 1: 'abi' has two levels at one time"):
        read_events(
            table.assign(day=[0, 0, 1, 2, 3], on=[1, 0, 1, 1, 1]),
            subject="p",
            time="day [day]",
            value="psa",
            level={"abi": "on [1]"},
        )
    with pytest.raises(DataError, match=r"'on', row 0: .*every row needs its level"):
        read_events(
            table.assign(on=[None, 1, 0, 1, 1]), subject="p", time="day [day]", value="psa", level={"abi": "on [1]"}
        )


def _arm(shared: Path, arm: str) -> Data:
    file = {"control": "control_growth", "low": "low_erlotinib_dose", "medium": "medium_erlotinib_dose"}[arm]
    options = {} if arm == "control" else DOSED
    return read_events(
        shared / "data" / "lxf_erlotinib_pdx" / f"lxf_{file}.csv", **LXF, **options, constants={"arm": arm}
    )


def test_lxf_arms_joined(shared: Path) -> None:
    data = _arm(shared, "control") & _arm(shared, "low") & _arm(shared, "medium")
    assert len(data.conditions) == 24
    assert data.observables == ("body_weight", "tumour_volume")
    doses = {arm: [c.regimen for c in data.only(arm=arm).conditions] for arm in ("control", "low", "medium")}
    assert all(not regimen.acts for regimen in doses["control"])
    for arm, expected in (("low", 0.155), ("medium", 0.65)):
        for regimen in doses[arm]:
            assert len(regimen.acts) == 14
            assert [act.time for act in regimen.acts] == [24.0 * day for day in range(3, 17)]
            assert {(act.port, act.route) for act in regimen.acts} == {("erlotinib", "oral")}
        acts = [act.amount.internal for regimen in doses[arm] for act in regimen.acts]
        assert sum(acts) / len(acts) == pytest.approx(expected, rel=0.02)
    raw = pd.read_csv(shared / "data" / "lxf_erlotinib_pdx" / "lxf_medium_erlotinib_dose.csv")
    mine = data.only(arm="medium", observable="tumour_volume")
    assert len(mine) == ((raw["Observable"] == "Tumour volume") & raw["Value"].notna()).sum()
    mouse = raw[(raw["ID"] == 34) & raw["Dose"].notna()].sort_values("Time")["Dose"].tolist()
    assert [act.amount.value for act in data.only(ID=34).conditions[0].regimen.acts] == mouse


def test_lxf_single_dose_with_plasma(shared: Path) -> None:
    data = read_events(
        shared / "data" / "lxf_erlotinib_pdx" / "lxf_single_erlotinib_dose.csv",
        **LXF | {"observable": {"Plasma concentration": "plasma [ng/mL]"}},
        **DOSED,
    )
    assert len(data) == 30
    assert all(len(condition.regimen.acts) == 1 for condition in data.conditions)


def test_abiraterone_on_and_off(shared: Path) -> None:
    path = shared / "data" / "abiraterone_adaptive_psa" / "psa.csv"
    data = read_events(
        path,
        subject="patient",
        time="day [day]",
        value="psa_ng_ml [ng/mL]",
        level={"abi": "abiraterone_on [1]"},
        observable="psa",
    )
    raw = pd.read_csv(path)
    assert (len(data.conditions), len(data)) == (17, len(raw))
    for condition in data.conditions:
        mine = raw[raw["patient"] == condition.labels["patient"]]
        for day, on in zip(mine["day"], mine["abiraterone_on"], strict=True):
            active = any(act.time <= day * 24 < act.time + act.duration for act in condition.regimen.acts)
            assert active == bool(on)


def test_theophylline_dose_rows(shared: Path) -> None:
    path = shared / "data" / "pk_theophylline" / "theo_sd.csv"
    raw = pd.read_csv(path)
    raw["DV"] = raw["DV"].where(raw["EVID"] == 0)
    data = read_events(raw, subject="ID", time="TIME [h]", value="DV [mg/L]", dose={"theo": "AMT [mg]"}, route="oral")
    assert (len(data.conditions), len(data)) == (12, int((raw["EVID"] == 0).sum()))
