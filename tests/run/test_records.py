"""Dose tables row by row, against superposition by hand; tests/engine/test_nonmem.py holds them to NONMEM."""

import numpy as np
import pandas as pd
import pytest

import pkpd_mdr as mdr
from pkpd_mdr.errors import ModelError, RegimenError, SimulationError

V = 10.0


def model(clearance: str = "CL_pop*WT/WT_typical") -> mdr.Model:
    return mdr.Model(
        mdr.pk.one_compartment("x", CL=mdr.formula(clearance), V="10 L", iv=mdr.pk.route(lag="0.5 h", F=0.8)),
        mdr.parameter("CL_pop", "2 L/h"),
        mdr.parameter("WT", "70 kg"),
        mdr.parameter("WT_typical", "70 kg"),
    )


def read(frame: pd.DataFrame, **options: object) -> object:
    return mdr.read_doses(frame, compartments={1: ("x", "iv")}, amount_unit="mg", **options)


def table(**columns: object) -> pd.DataFrame:
    return pd.DataFrame({"ID": 1, "AMT": 0.0, "EVID": 0, **columns})


def test_a_reset_in_the_middle_restarts_the_clock_and_forgets_pending_doses() -> None:
    frame = table(TIME=[0, 5, 12.25, 0, 2, 4], EVID=[1, 0, 0, 4, 0, 0], AMT=[100, 0, 0, 50, 0, 0])
    frame = frame.assign(II=[12, 0, 0, 0, 0, 0], ADDL=[3, 0, 0, 0, 0, 0])
    found = mdr.simulate_records(model(), read(frame))["C_x"]
    first = [8 * np.exp(-0.2 * 4.5), 8 * np.exp(-0.2 * 11.75)]  # the second dose is on its way (lag) when time restarts
    second = [4 * np.exp(-0.2 * 1.5), 4 * np.exp(-0.2 * 3.5)]
    assert found.tolist() == pytest.approx([0, *first, 0, *second], rel=1e-9)


@pytest.mark.parametrize("saturable", [False, True])
def test_a_reset_goes_back_to_the_start_that_was_given(saturable: bool) -> None:
    more = {"Vmax": "1 mg/h", "Km": "1e9 mg/L"} if saturable else {}
    drug = mdr.pk.one_compartment("x", CL="2 L/h", V="10 L", molar_mass="500 g/mol", **more)
    cells = mdr.clone("S", growth=mdr.growth.exponential(rate="0.1 1/h"), start=7.0)
    frame = table(TIME=[0, 5, 6, 8], EVID=[1, 3, 0, 0], AMT=[100, 0, 0, 0])
    start = {"central_x": "30 mg", "S": 1e6}
    found = mdr.simulate_records(mdr.Model(drug, cells), read(frame), start=start)
    gone = np.exp(-0.2 * np.array([0, 0, 1, 3]))
    assert found["central_x"].tolist() == pytest.approx(np.array([260, 60, 60, 60]) * gone, rel=1e-6)
    assert found["S"].tolist() == pytest.approx(1e6 * np.exp(0.1 * np.array([0, 0, 1, 3])), rel=1e-6)
    assert found["AUC_x"].iloc[1] == 0


@pytest.mark.parametrize(("carry", "rates"), [("nocb", (0.1, 0.3)), ("locf", (0.2, 0.1))])
def test_a_clearance_that_changes_between_rows(carry: str, rates: tuple[float, float]) -> None:
    frame = table(TIME=[0, 4.5, 8.5], EVID=[1, 0, 0], AMT=[100, 0, 0], WGT=[70, 35, 105])
    found = mdr.simulate_records(model(), read(frame, carry=carry), covariates={"WGT": "WT [kg]"}, outputs="C_x")
    once = 8 * np.exp(-4 * rates[0])
    assert found["C_x"].tolist() == pytest.approx([0, once, once * np.exp(-4 * rates[1])], rel=1e-9)
    pounds = frame.assign(WGT=frame["WGT"] / 0.45359237)
    again = mdr.simulate_records(model(), read(pounds, carry=carry), covariates={"WGT": "WT [lb]"}, outputs="C_x")
    assert again["C_x"].tolist() == pytest.approx(found["C_x"].tolist(), rel=1e-9)


def test_subjects_keep_their_own_covariates_and_the_rows_their_order() -> None:
    frame = table(TIME=[0, 2.5, 0, 2.5], EVID=[1, 0, 1, 0], AMT=[100, 0, 200, 0], WT=[70, 70, 140, 140])
    frame = frame.assign(ID=[7, 7, 3, 3])
    found = mdr.simulate_records(model(), read(frame), parameters={"CL_pop": "1 L/h"})
    assert found["ID"].tolist() == [7, 7, 3, 3]
    assert found["C_x"].iloc[[1, 3]].tolist() == pytest.approx([8 * np.exp(-0.2), 16 * np.exp(-0.4)], rel=1e-9)
    assert found["AUC_x"].iloc[1] == pytest.approx((80 - V * found["C_x"].iloc[1]) / 1.0, rel=1e-9)
    assert found.attrs["units"]["AUC_x"] == "mg/L * h"
    assert repr(read(frame)) == "Dose table: 2 subjects, 4 rows, 2 doses; covariates WT"


def test_what_cannot_be_simulated_is_said() -> None:
    plain = table(TIME=[0, 1], EVID=[1, 0], AMT=[100, 0])
    with pytest.raises(SimulationError, match=r"'WGT' is no parameter of the model; did you mean 'WT'"):
        mdr.simulate_records(model(), read(plain.assign(WGT=70.0)))
    with pytest.raises(SimulationError, match=r"no covariate 'WTG'; did you mean 'WGT'"):
        mdr.simulate_records(model(), read(plain.assign(WGT=70.0)), covariates={"WTG": "WT"})
    with pytest.raises(SimulationError, match=r"row 0 of covariates of subject 1: 'V_x' is -1.0, which is outside"):
        mdr.simulate_records(model(), read(plain.assign(V_x=-1.0)))
    with pytest.raises(ModelError, match="no state or observable 'C_y'; did you mean 'C_x'"):
        mdr.simulate_records(model(), read(plain), outputs="C_y")
    with pytest.raises(SimulationError, match=r"read one with read_doses"):
        mdr.simulate_records(model(), plain)
    with pytest.raises(SimulationError, match=r"write simulate_records\(model, records\)"):
        mdr.simulate(model(), read(plain), until="1 h")
    with pytest.raises(RegimenError, match=r"^subject 1: 100 mg of 'x' at 0 h: its rate is modelled"):
        mdr.simulate_records(model(), read(plain.assign(RATE=[-1, 0])))
    with pytest.raises(RegimenError, match="no drug or modality 'y'"):
        mdr.simulate_records(model(), mdr.read_doses(plain, compartments={1: ("y", "iv")}, amount_unit="mg"))
    growing = mdr.Model(
        mdr.state("A", "1 mg", unit="mg", kind="amount"),
        mdr.parameter("k", "1 1/(mg*h)"),
        mdr.process("explosion", "k*A**2", {"A": 1}),
        mdr.dosing("x", into="A", unit="mg"),
    )
    with pytest.raises(SimulationError, match=r"subject 1: .*grows without limit"):
        mdr.simulate_records(growing, read(table(TIME=[0, 1], EVID=[1, 0], AMT=[10, 0])))


def test_a_subject_that_cannot_go_on_leaves_the_others_their_rows() -> None:
    blowing_up = mdr.process("burst", rate="k*A**2*WT/WT_typical", moves={"A": 1})
    burst = model().plus(mdr.state("A", start=1e-3), mdr.parameter("k", "1 1/h"), blowing_up)
    frame = table(TIME=[0, 5, 0, 5, 9], EVID=[1, 0, 1, 0, 0], AMT=[100, 0, 100, 0, 0], WT=[7e-9, 7e-9, 2e4, 2e4, 2e4])
    frame = frame.assign(ID=[1, 1, 2, 2, 2])
    with pytest.raises(SimulationError, match=r"^subject 2: ") as stopped:
        mdr.simulate_records(burst, read(frame), outputs=["C_x", "A"])
    partial = stopped.value.partial
    assert partial["ID"].tolist() == [1, 1, 2]
    assert partial["A"].iloc[:2].tolist() == pytest.approx([1e-3, 1e-3])
    assert partial.attrs["units"] == {"C_x": "mg/L", "A": ""}
