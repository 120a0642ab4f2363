"""Laws of dosing, through the engine: what must hold whatever the numbers are."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import pkpd_mdr as mdr
from pkpd_mdr.engine import Accuracy, BoundPorts, build, compile_model, solve
from pkpd_mdr.regimen import Act, arrange
from pkpd_mdr.units import Quantity, Unit

MG = Unit.of("mg")
TIMES = np.linspace(0.5, 140.0, 29)
EXACT, ODE = Accuracy(), Accuracy(method="LSODA", rtol=1e-10, atol=1e-10)
PATHS = st.sampled_from([EXACT, ODE])

LINEAR = mdr.Model(
    mdr.pk.two_compartment(
        "x",
        CL="1.1 L/h",
        V1="20 L",
        Q="2 L/h",
        V2="30 L",
        ka="1.5 1/h",
        F=0.7,
        lag="1.3 h",
        iv=mdr.pk.route(F=0.9, duration="3 h", rate="12 mg/h"),
    )
)
SATURABLE = mdr.Model(mdr.pk.one_compartment("x", V="20 L", Vmax="30 mg/h", Km="5 mg/L", CL="0.5 L/h"))


def levels(
    model: mdr.Model, acts: list[Act], times: np.ndarray, accuracy: Accuracy = EXACT, **values: object
) -> np.ndarray:
    chosen = model.with_parameters(values)  # type: ignore[arg-type]
    compiled = compile_model(chosen)
    row = np.array([[item.internal for item in chosen.parameters.values()]])
    entries = arrange(sorted(acts, key=lambda act: act.time), times, after=True)
    stop = float(max(times[-1], *(act.time for act in acts)))
    timeline = build(entries, BoundPorts(compiled, row), stop=stop)
    member = solve(compiled, row, None, [timeline], ["C_x"], accuracy=accuracy).members[0]
    assert member.status.ok, member.status.sentence
    return member.values[:, 0]


def dose(time: float, amount: float, route: str = "iv", **more: object) -> Act:
    return Act(time, "x", "dose", Quantity(amount, MG), route=route, **more)  # type: ignore[arg-type]


def same(left: np.ndarray, right: np.ndarray, rtol: float = 1e-8) -> None:
    np.testing.assert_allclose(left, right, rtol=rtol, atol=rtol * max(1e-3, float(np.abs(right).max())))


amounts = st.floats(1.0, 500.0)
manners = st.sampled_from(
    [
        ("oral", {}),
        ("iv", {}),
        ("iv", {"duration": 2.0}),
        ("iv", {"duration": 30.0}),
        ("iv", {"modelled": "duration"}),
        ("iv", {"modelled": "rate"}),
        ("iv", {"rate": Quantity(25.0, Unit.of("mg/h"))}),
    ]
)


@settings(max_examples=25)
@given(amounts, st.sampled_from([6.0, 12.0, 24.0, 7.3]), st.integers(1, 5), manners, PATHS)
def test_additional_doses_are_doses_written_out(amount, interval, count, manner, path):
    route, more = manner
    train = dose(2.0, amount, route, interval=interval, additional=count, **more)
    same(levels(LINEAR, [train], TIMES, path), levels(LINEAR, list(train.written_out()), TIMES, path))


@settings(max_examples=25)
@given(amounts, st.floats(1.0, 40.0), st.floats(0.1, 0.9), PATHS)
def test_a_split_infusion_is_one_infusion(amount, length, share, path):
    one = [dose(1.0, amount, duration=length)]
    two = [
        dose(1.0, share * amount, duration=share * length),
        dose(1.0 + share * length, (1 - share) * amount, duration=(1 - share) * length),
    ]
    same(levels(LINEAR, one, TIMES, path), levels(LINEAR, two, TIMES, path))


@settings(max_examples=25)
@given(amounts, amounts, manners, manners, PATHS)
def test_superposition_holds_for_linear_kinetics(first, second, one, other, path):
    a, b = dose(0.0, first, one[0], **one[1]), dose(11.0, second, other[0], **other[1])
    same(levels(LINEAR, [a, b], TIMES, path), levels(LINEAR, [a], TIMES, path) + levels(LINEAR, [b], TIMES, path))


@settings(max_examples=25)
@given(amounts, st.floats(0.2, 60.0), manners, PATHS)
def test_a_shifted_dose_gives_a_shifted_curve(amount, delay, manner, path):
    early, late = dose(0.0, amount, manner[0], **manner[1]), dose(delay, amount, manner[0], **manner[1])
    same(levels(LINEAR, [early], TIMES, path), levels(LINEAR, [late], TIMES + delay, path))


@settings(max_examples=20)
@given(amounts, st.floats(0.05, 1.0), PATHS)
def test_bioavailability_scales_a_bolus(amount, share, path):
    half = levels(LINEAR, [dose(0.0, amount, "oral")], TIMES, path, F_x=share)
    same(half, levels(LINEAR, [dose(0.0, share * amount, "oral")], TIMES, path, F_x=1.0))


@settings(max_examples=12)
@given(amounts, st.sampled_from([6.0, 12.0, 24.0]), manners)
def test_steady_state_is_400_doses(amount, interval, manner):
    route, more = manner
    if more.get("modelled") == "rate" and 0.9 * amount / 12.0 / interval > 15:
        return  # more than fifteen overlapping infusions: slow to write out, nothing new
    steady = [dose(0.0, amount, route, interval=interval, steady=1, **more)]
    written = [dose(k * interval, amount, route, **more) for k in range(401)]
    start = 400 * interval
    times = np.linspace(0.1, 1.5 * interval, 9)
    same(levels(LINEAR, steady, times), levels(LINEAR, written, times + start), 1e-6)


def test_steady_state_of_saturable_kinetics_is_400_doses():
    for more in ({}, {"duration": 3.0}, {"duration": 15.0}):
        times = np.linspace(0.1, 18.0, 9)
        steady = levels(SATURABLE, [dose(0.0, 150.0, interval=12.0, steady=1, **more)], times, ODE)
        written = [dose(k * 12.0, 150.0, **more) for k in range(401)]
        same(steady, levels(SATURABLE, written, times + 4800.0, ODE), 1e-6)


def test_saturable_kinetics_above_its_capacity_has_no_steady_state():
    pure = mdr.Model(mdr.pk.one_compartment("x", V="20 L", Vmax="30 mg/h", Km="5 mg/L"))
    compiled = compile_model(pure)
    row = np.array([[item.internal for item in pure.parameters.values()]])
    act = dose(5.0, 1000.0, interval=12.0, steady=1)
    timeline = build(arrange([act], [1.0, 6.0]), BoundPorts(compiled, row), stop=6.0)
    member = solve(compiled, row, None, [timeline], ["C_x"]).members[0]
    assert not member.status.ok
    assert "steady state" in member.status.sentence
    assert len(member.times) == 1  # what came before is kept


def test_steady_state_leaves_the_tumour_alone():
    model = mdr.Model(
        mdr.pk.one_compartment("x", CL="1 L/h", V="20 L"),
        mdr.clone("S", growth=mdr.growth.exponential(rate="0.01 1/h"), start=1e6),
    )
    compiled = compile_model(model)
    row = np.array([[item.internal for item in model.parameters.values()]])
    act = dose(24.0, 100.0, interval=12.0, steady=1)
    timeline = build(arrange([act], [24.0, 30.0]), BoundPorts(compiled, row), stop=30.0)
    values = solve(compiled, row, None, [timeline], ["S", "C_x"]).members[0].values
    assert values[:, 0] == pytest.approx(1e6 * np.exp([0.24, 0.30]), rel=1e-6)
    assert values[1, 1] > 5.0
