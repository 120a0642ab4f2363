"""Random plans of the algebra by the engine and by an interpreter that shares no code with it (strategies/plain.py)."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from strategies import plain
from strategies.plain import Drug, Plan
from strategies.regimens import plans

import pkpd_mdr as mdr
from pkpd_mdr.regimen import Regimen

MODEL = mdr.Model(
    mdr.pk.two_compartment(
        "a", CL="1 L/h", V1="10 L", Q="1 L/h", V2="10 L", ka="1 1/h", F=1.0, lag="0 h",
        iv=mdr.pk.route(F=1.0, lag="0 h", duration="1 h", rate="1 mg/h"),
    ),
    mdr.pk.one_compartment("b", CL="1 L/h", V="10 L", F=1.0, lag="0 h"),
    mdr.pk.one_compartment("c", CL="1 L/h", V="10 L", zero_order="1 h", F=1.0, iv=mdr.pk.route(F=1.0)),
)  # fmt: skip


def share(draw: st.DrawFn) -> float:
    return draw(st.sampled_from([0.3, 0.75, 1.0, 1.5]))


@st.composite
def kinetics(draw: st.DrawFn, lags: bool = True) -> dict[str, Drug]:
    clearance, lag = st.floats(0.5, 5.0), st.sampled_from([0.0, 0.5, 3.25, 10.0]) if lags else st.just(0.0)
    number, length = st.floats(1.0, 5.0), st.sampled_from([0.5, 2.0, 30.0])
    ways = {"oral": (0, share(draw), draw(lag)), "iv": (1, share(draw), draw(lag))}
    flow, volume, speed = draw(number), 10 * draw(number), 10 * draw(number)
    a = Drug(draw(clearance), 10.0, draw(number), flow, volume, ways, draw(length), speed)
    b = Drug(draw(clearance), 10.0, routes={"": (1, share(draw), draw(lag))})
    c = Drug(draw(clearance), 10.0, routes={"oral": (1, share(draw), 0.0), "iv": (1, share(draw), 0.0)},
             length=draw(length), spread="oral")  # fmt: skip
    return {"a": a, "b": b, "c": c}


def parameters(drugs: dict[str, Drug]) -> dict[str, object]:
    a, b, c = drugs["a"], drugs["b"], drugs["c"]
    found: dict[str, object] = {f"CL_{name}": (drug.CL, "L/h") for name, drug in drugs.items()}
    found |= {"ka_a": (a.ka, "1/h"), "Q_a": (a.Q, "L/h"), "V2_a": (a.V2, "L"), "duration_a_iv": (a.length, "h")}
    found |= {"rate_a_iv": (a.speed, "mg/h"), "duration_c": (c.length, "h")}
    for name, way in (("a", a.routes["oral"]), ("a_iv", a.routes["iv"]), ("b", b.routes[""])):
        found |= {f"F_{name}": way[1], f"lag_{name}": (way[2], "h")}
    return found | {"F_c": c.routes["oral"][1], "F_c_iv": c.routes["iv"][1]}


def compare(found: pd.DataFrame, plan: Plan, drugs: dict[str, Drug], times: np.ndarray) -> None:
    for name, drug in drugs.items():
        wanted = plain.levels(name, drug, plan.doses, times)
        size = 1e-7 * max(1e-3, float(np.abs(wanted).max()))
        np.testing.assert_allclose(found[f"C_{name}"], wanted, rtol=1e-7, atol=size, err_msg=name)


def run(regimen: Regimen, drugs: dict[str, Drug], times: np.ndarray) -> pd.DataFrame:
    return MODEL.simulate(regimen, until="150 h", times=(times, "h"), parameters=parameters(drugs)).frame


@settings(max_examples=60)
@given(plans(), kinetics())
def test_plans_of_the_algebra(both: tuple[Regimen, Plan], drugs: dict[str, Drug]) -> None:
    regimen, plan = both
    assert regimen.length == pytest.approx(plan.length, rel=1e-12)
    times = np.unique([*np.linspace(0.1, 149.1, 20), *(d.time for d in plan.doses if d.time <= 150)])
    compare(run(regimen, drugs, times), plan, drugs, times)


@pytest.mark.filterwarnings("ignore:.*the lag of:UserWarning")
@settings(max_examples=60)
@given(plans(records=True), kinetics())
def test_plans_with_copies_steady_states_and_modelled_lengths(
    both: tuple[Regimen, Plan], drugs: dict[str, Drug]
) -> None:
    regimen, plan = both
    times = np.linspace(0.1, 149.1, 40)
    compare(run(regimen, drugs, times), plan, drugs, times)


TABLE = {1: ("a", "oral"), 2: ("a", "iv"), 3: ("b", "iv"), 4: ("c", "oral"), 5: ("c", "iv")}


@pytest.mark.filterwarnings("ignore:.*the lag of:UserWarning")
@settings(max_examples=40)
@given(st.lists(st.tuples(plans(records=True), st.sampled_from([3, 4])), min_size=1, max_size=3), kinetics())
def test_tables_of_plans_with_resets_between_them(
    parts: list[tuple[tuple[Regimen, Plan], int]], drugs: dict[str, Drug]
) -> None:
    """Each part begins with a reset, alone or with its first dose, on a clock that begins anew."""
    frames, begins = [], []
    for (regimen, _), evid in parts:
        frame = mdr.write_doses(regimen, compartments=TABLE, amount_unit="mg", infusions="dur")
        first = frame.iloc[[0]].assign(AMT=0.0, RATE=0.0, DUR=0.0, II=0.0, ADDL=0, SS=0, EVID=3)
        frame.loc[0, "EVID"] = 1 if evid == 3 else 4
        begins.append(frame["TIME"].iloc[0])
        looks = pd.DataFrame({"TIME": begins[-1] + np.linspace(0.1, 149.1, 20), "EVID": 0, "CMT": 1})
        rows = pd.concat([frame, looks]).sort_values("TIME", kind="stable")
        frames += [first, rows] if evid == 3 else [rows]
    table = pd.concat(frames).assign(ID=1)
    records = mdr.read_doses(table, compartments=TABLE, amount_unit="mg", allow_duplicates=True)
    found = mdr.simulate_records(MODEL, records, parameters=parameters(drugs))
    seen = found[found["EVID"] == 0]
    for k, (begin, ((_, plan), _)) in enumerate(zip(begins, parts, strict=True)):
        compare(seen.iloc[20 * k : 20 * k + 20], plan, drugs, begin + np.linspace(0.1, 149.1, 20))
