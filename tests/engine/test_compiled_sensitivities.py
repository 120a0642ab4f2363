"""Sensitivities of the compiled path against those of the reference path and central differences."""

from __future__ import annotations

import importlib.util

import numpy as np
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from strategies.models import models
from strategies.runs import values

pytest.importorskip("llvmlite")

import pkpd_mdr as mdr
from pkpd_mdr.engine import Accuracy, BoundPorts, Compiled, Timeline, build, compile_model, solve
from pkpd_mdr.engine.machine.code import MachineCode
from pkpd_mdr.engine.machine.compiled import solve_compiled
from pkpd_mdr.engine.machine.tangent import reached
from pkpd_mdr.engine.timeline import Instruction, Kind
from pkpd_mdr.model import Model
from pkpd_mdr.regimen import Act, Change, Give, Mark, Reset, arrange

TIGHT = Accuracy(rtol=1e-10, atol=1e-12, method="LSODA", budget=3000)
GOOD = Accuracy(rtol=1e-7, atol=1e-10)


@pytest.fixture(autouse=True)
def plain_loop_without_numba(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PKPD_MDR_DRIVER", "python")


def error(found: np.ndarray, wanted: np.ndarray, p: np.ndarray, size: np.ndarray) -> float:
    """Of sensitivities by relative changes of parameters, relative to themselves or to the outputs."""
    scaled = np.abs(wanted * p)
    floor = 1e-3 * np.maximum(np.abs(size).max(axis=0), 1.0)[None, :, None]
    return float((np.abs(found - wanted) * np.abs(p) / (scaled + floor)).max())


def late() -> tuple[Compiled, np.ndarray]:
    """Lags, bioavailability, modelled rate and duration, an effect in the tumour."""
    model = mdr.Model(
        mdr.pk.one_compartment(
            "drug", V="20 L", ka="1.5 1/h", CL="1.1 L/h", F=0.8, lag="0.7 h",
            iv=mdr.pk.route(F=0.9, lag="0.3 h", rate="10 mg/h", duration="2 h"),
        ),
        mdr.clone("S", growth=mdr.growth.exponential(rate="0.03 1/h"), start=1e3),
        mdr.kill("drug", on="S", emax="0.2 1/h", ec50="2 mg/L", hill=1.3),
    )  # fmt: skip
    return compile_model(model), values(model)


def mixed(compiled: Compiled, p: np.ndarray, rows: np.ndarray | None = None) -> Timeline:
    """Doses of every rule with lags, additional doses, steady state, a reset and (with rows) a change of covariates."""

    def act(time: float, route: str, **given: object) -> Give:
        return Give(Act(time, "drug", "dose", mdr.units.quantity("50 mg"), route=route, **given))

    entries = [
        act(0.0, "oral", interval=12.0, additional=2),
        act(3.0, "iv"),
        act(5.0, "iv", duration=4.0),
        act(20.0, "iv", rate=mdr.units.quantity("12.5 mg/h")),
        act(30.0, "iv", modelled="rate"),
        act(41.0, "iv", modelled="duration"),
        Reset(50.0, to_start=True),
        act(55.0, "oral", interval=12.0, steady=1),
        act(70.0, "iv", duration=3.0, interval=8.0, steady=2),
    ]
    if rows is not None:
        entries.append(Change(33.0, 1))
    entries += [Mark(float(time), i) for i, time in enumerate(np.linspace(0.0, 90.0, 19))]
    return build(sorted(entries, key=lambda e: e.time), BoundPorts(compiled, p if rows is None else rows), stop=90.0)


@pytest.mark.parametrize("controlled", [True, False])
def test_doses_of_every_rule(controlled: bool) -> None:
    compiled, p = late()
    timeline, names, columns = mixed(compiled, p), ["C_drug", "S"], list(compiled.parameters)
    wanted = solve(compiled, p, None, [timeline], names, accuracy=TIGHT, sensitivities=columns).members[0]
    found = solve_compiled(
        compiled, p, None, [timeline], names, accuracy=GOOD, sensitivities=columns, control_sensitivities=controlled
    ).members[0]
    assert found.status.ok
    assert wanted.sensitivities is not None
    assert found.sensitivities is not None
    np.testing.assert_allclose(found.values, wanted.values, rtol=1e-5, atol=1e-6)
    assert error(found.sensitivities, wanted.sensitivities, p[0], wanted.values) < (1e-5 if controlled else 1e-3)


def test_covariates_that_change_and_given_starts() -> None:
    compiled, p = late()
    rows = np.repeat(p, 2, axis=0)
    rows[1, compiled.parameters.index("CL_drug")] *= 1.7
    timeline, columns = mixed(compiled, p, rows), ["CL_drug", "V_drug", "lag_drug", "growth_S"]
    assert set(columns) <= set(compiled.parameters)
    random = np.random.default_rng(2)
    starts = np.array([[5.0, 3.0, 700.0]])
    starts_by = random.normal(size=(1, 3, 4))
    given_ = {"sensitivities": columns, "starts_by": starts_by, "rows": [rows]}
    wanted = solve(compiled, p, starts, [timeline], ["C_drug", "S"], accuracy=TIGHT, **given_).members[0]
    found = solve_compiled(compiled, p, starts, [timeline], ["C_drug", "S"], accuracy=GOOD, **given_).members[0]
    positions = [compiled.parameters.index(name) for name in columns]
    assert error(found.sensitivities, wanted.sensitivities, p[0, positions], wanted.values) < 1e-5


def test_windows_carry_the_derivatives_of_running_infusions() -> None:
    compiled, p = late()
    timeline, columns = mixed(compiled, p), ["F_drug_iv", "duration_drug_iv", "rate_drug_iv"]
    columns = [name for name in compiled.parameters if "iv" in name]
    window, starts = (42.0, 60.0), np.array([[1.0, 2.0, 500.0]])
    given_ = {"sensitivities": columns, "window": window}
    wanted = solve(compiled, p, starts, [timeline], ["C_drug", "S"], accuracy=TIGHT, **given_).members[0]
    found = solve_compiled(compiled, p, starts, [timeline], ["C_drug", "S"], accuracy=GOOD, **given_).members[0]
    positions = [compiled.parameters.index(name) for name in columns]
    assert np.abs(wanted.sensitivities).max() > 0
    assert error(found.sensitivities, wanted.sensitivities, p[0, positions], wanted.values) < 1e-5


def test_time_in_formulas() -> None:
    model = mdr.Model(
        mdr.state("x", 1.0),
        mdr.parameter("w", "0.7 1/h"),
        mdr.process("forcing", "w*cos(w*t)*x", {"x": 1}),
        mdr.observable("phase", "x*sin(w*t)"),
    )
    compiled, p = compile_model(model), values(model)
    times = np.linspace(0, 20, 11)
    items = [Instruction(t, Kind.MARK, index=i) for i, t in enumerate(times)]
    timeline = Timeline.of((*items, Instruction(20.0, Kind.END)), 0.0, 20.0)
    found = solve_compiled(
        compiled, p, None, [timeline], ["x", "phase"], accuracy=Accuracy(rtol=1e-9), sensitivities=["w", "x0"]
    ).members[0]
    x = np.exp(np.sin(0.7 * times))
    by_w = times * np.cos(0.7 * times) * x
    np.testing.assert_allclose(found.sensitivities[:, 0], np.stack([by_w, x], axis=1), rtol=1e-6, atol=1e-7)
    phase = by_w * np.sin(0.7 * times) + x * times * np.cos(0.7 * times)
    np.testing.assert_allclose(found.sensitivities[:, 1, 0], phase, rtol=1e-6, atol=1e-7)


def test_against_central_differences() -> None:
    compiled, p = late()
    regimen = mdr.oral("drug", "50 mg").every("12 h", times=3) & mdr.infusion("drug", "30 mg", over="2 h", at="5 h")
    columns = list(compiled.parameters)

    def run(row: np.ndarray, by: bool = False) -> object:
        timeline = build(arrange(regimen, np.linspace(0, 40, 9).tolist()), BoundPorts(compiled, row), stop=40.0)
        accuracy = Accuracy(rtol=1e-11, atol=1e-13)
        return solve_compiled(
            compiled, row, None, [timeline], ["C_drug", "S"], accuracy=accuracy, sensitivities=columns if by else ()
        ).members[0]

    found = run(p, by=True)
    for j, name in enumerate(columns):
        moved = [p.copy(), p.copy()]
        step = 1e-5 * p[0, j]
        moved[0][0, j] += step
        moved[1][0, j] -= step
        difference = (run(moved[0]).values - run(moved[1]).values) / (2 * step)
        scale = np.abs(found.values).max(axis=0) / p[0, j]
        assert (np.abs(found.sensitivities[:, :, j] - difference) / scale).max() < 1e-6, name


@settings(max_examples=8, suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much])
@given(model=models(), seed=st.integers(0, 2**32 - 1))
def test_random_models(model: Model, seed: int) -> None:
    compiled, p = compile_model(model), values(model)
    random = np.random.default_rng(seed)
    moving = [name for name, v in zip(compiled.parameters, p[0], strict=True) if v]
    assume(compiled.states and moving)
    columns = sorted(random.choice(moving, min(5, len(moving)), replace=False).tolist())
    items = [Instruction(0.0, Kind.JUMP, i, 1.3) for i, port in enumerate(compiled.ports) if port.action != "expose"]
    items += [Instruction(float(t), Kind.MARK, index=k) for k, t in enumerate(np.linspace(0.0, 72.0, 7))]
    items = sorted(items, key=lambda item: item.time)
    timeline = Timeline.of((*items, Instruction(72.0, Kind.END)), 0.0, 72.0)
    names = list(compiled.states)
    wanted = solve(compiled, p, None, [timeline], names, accuracy=TIGHT, sensitivities=columns).members[0]
    assume(wanted.status.ok)
    found = solve_compiled(compiled, p, None, [timeline], names, accuracy=GOOD, sensitivities=columns).members[0]
    assert found.status.ok, found.status.sentence
    positions = [compiled.parameters.index(name) for name in columns]
    assert error(found.sensitivities, wanted.sensitivities, p[0, positions], wanted.values) < 2e-5


@pytest.mark.slow
@pytest.mark.skipif(importlib.util.find_spec("numba") is None, reason="needs numba")
def test_the_compiled_driver_does_what_the_plain_loop_does(monkeypatch: pytest.MonkeyPatch) -> None:
    compiled, p = late()
    many = p * np.exp(0.05 * np.random.default_rng(3).standard_normal((3, p.shape[1])))
    timelines = [mixed(compiled, row[None]) for row in many]
    columns = list(compiled.parameters)
    plain = solve_compiled(compiled, many, None, timelines, ["S"], sensitivities=columns)
    monkeypatch.setenv("PKPD_MDR_DRIVER", "numba")
    for threads in (1, 2):
        other = solve_compiled(compiled, many, None, timelines, ["S"], sensitivities=columns, threads=threads)
        for a, b in zip(plain.members, other.members, strict=True):
            assert a.values.tobytes() == b.values.tobytes()
            np.testing.assert_allclose(a.sensitivities, b.sensitivities, rtol=1e-9, atol=1e-9)


def test_parameters_reach_what_they_may_move_and_no_more() -> None:
    """A drug moves its tumour, not the reverse; what acts through doses, or where acts are possible, moves all."""
    compiled, _ = late()
    kernels = MachineCode.of(compiled).kernels
    states = [{compiled.states[i] for i in moved} for moved in reached(kernels, compiled.parameters)]
    found = dict(zip(compiled.parameters, states, strict=True))
    assert found["growth_S"] == {"S"}
    assert found["CL_drug"] == {"central_drug", "S"}
    assert found["ka_drug"] == found["F_drug_iv"] == {*compiled.states}
    cut = mdr.Model(
        mdr.clone("S", growth=mdr.growth.exponential(rate="0.03 1/h"), start=1e3),
        mdr.clone("R", growth=mdr.growth.exponential(rate="0.02 1/h"), start=1e3),
        mdr.resection(),
    )
    assert {len(moved) for moved in reached(MachineCode.of(compile_model(cut)).kernels, ["growth_S"])} == {2}


def test_derivatives_stand_in_the_order_in_which_they_were_asked_for() -> None:
    """They are solved in another; given starts without derivatives elsewhere need no code of their own."""
    compiled, p = late()
    timeline, starts = mixed(compiled, p), np.array([[5.0, 3.0, 700.0]])
    names, columns = ["C_drug", "S"], ["growth_S", "CL_drug", "hill_drug_S", "V_drug", "lag_drug"]
    assert set(columns) <= set(compiled.parameters)
    one, other = (
        solve_compiled(compiled, p, starts, [timeline], names, accuracy=GOOD, sensitivities=asked).members[0]
        for asked in (columns, columns[::-1])
    )
    np.testing.assert_array_equal(one.sensitivities, other.sensitivities[..., ::-1])
    np.testing.assert_array_equal(one.end_by, other.end_by[..., ::-1])
    wanted = solve(compiled, p, starts, [timeline], names, accuracy=TIGHT, sensitivities=columns).members[0]
    positions = [compiled.parameters.index(name) for name in columns]
    assert error(one.sensitivities, wanted.sensitivities, p[0, positions], wanted.values) < 1e-5
    assert not one.sensitivities[:, 0, 0].any()


def test_windows_need_no_code_for_states_that_stay() -> None:
    compiled, p = late()
    columns, starts = ["growth_S", "CL_drug"], np.array([[5.0, 3.0, 700.0]])
    code = MachineCode.of(compiled)
    timeline = mixed(compiled, p)
    first = solve_compiled(compiled, p, starts, [timeline], ["S"], sensitivities=columns, window=(0.0, 40.0)).members[0]
    by = first.end_by[None]
    known = [key for key in code._once if key[0] == "tangent"]
    assert known
    solve_compiled(
        compiled, p, first.end[None], [timeline], ["S"], sensitivities=columns, starts_by=by, window=(40.0, 90.0)
    )
    assert [key for key in code._once if key[0] == "tangent"] == known
