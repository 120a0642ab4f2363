"""The compiled path against the reference path, NONMEM, and itself in other packings."""

from __future__ import annotations

import importlib.util
import math
import warnings
from itertools import pairwise
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from strategies.models import models
from strategies.runs import random_timeline, values

pytest.importorskip("llvmlite")

import pkpd_mdr as mdr
from pkpd_mdr.engine import Accuracy, BoundPorts, Compiled, Ensemble, Timeline, build, compile_model, solve
from pkpd_mdr.engine.machine.compiled import solve_compiled
from pkpd_mdr.engine.timeline import Instruction, Kind
from pkpd_mdr.errors import SimulationError
from pkpd_mdr.model import Model
from pkpd_mdr.regimen import arrange, read_doses

TIGHT = Accuracy(rtol=1e-10, atol=1e-12, method="LSODA")


@pytest.fixture(autouse=True)
def plain_loop_without_numba(monkeypatch: pytest.MonkeyPatch) -> None:
    """Tests of meaning run the loop in Python: numba would spend half a minute on a machine that never ran it."""
    monkeypatch.setenv("PKPD_MDR_DRIVER", "python")


def distance(found: np.ndarray, wanted: np.ndarray) -> float:
    """Largest error relative to a value or, where it has decayed, a thousandth of the largest of its kind or of 1."""
    size = np.abs(wanted) + 1e-3 * np.maximum(np.abs(wanted).max(axis=0), 1.0)
    return float((np.abs(found - wanted) / size).max())


@settings(max_examples=15, suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much])
@given(model=models(), seed=st.integers(0, 2**32 - 1))
def test_random_models_agree_with_the_reference_path(model: Model, seed: int) -> None:
    compiled, p = compile_model(model), values(model)
    assume(compiled.states)
    timeline = random_timeline(compiled, 200.0, np.random.default_rng(seed))
    names = [*compiled.states, *model.observables]
    rtol = 1e-7
    reference = solve(compiled, p, None, [timeline], names, accuracy=TIGHT).members[0]
    assume(reference.status.ok)
    found = solve_compiled(compiled, p, None, [timeline], names, accuracy=Accuracy(rtol=rtol, atol=1e-10)).members[0]
    assert found.status.ok, found.status.sentence
    np.testing.assert_array_equal(found.times, reference.times)
    states = slice(0, len(compiled.states))
    assert distance(found.values[:, states], reference.values[:, states]) < 5 * rtol
    assert distance(found.end[None], reference.end[None]) < 1e-3


def gompertz() -> tuple[Model, Compiled, np.ndarray]:
    model = mdr.Model(
        mdr.pk.two_compartment("dox", CL="53.3 L/h", V1="17.7 L", Q="58.7 L/h", V2="1830 L", molar_mass="543.5 g/mol"),
        mdr.clone("S", growth=mdr.growth.gompertz(rate="0.012 1/day", capacity="2e12"), start=1e9),
        mdr.clone("R", growth=mdr.growth.gompertz(rate="0.010 1/day", capacity="2e12"), start=1e4),
        mdr.kill("dox", on="S", emax="1.2 1/day", ec50="50 nM", hill=1.4),
        mdr.kill("dox", on="R", emax="1.2 1/day", ec50="1.5 uM", hill=1.4),
        mdr.radiotherapy({"S": ("0.3 1/Gy", "0.03 1/Gy**2")}),
    )
    return model, compile_model(model), values(model)


def plan(compiled: Compiled, p: np.ndarray, stop: float = 1000.0) -> Timeline:
    regimen = mdr.infusion("dox", "75 mg", over="1 h").every("7 day", times=4) & mdr.radiation("2 Gy", at="50 h")
    return build(arrange(regimen, np.linspace(0, stop, 11).tolist()), BoundPorts(compiled, p), stop=stop)


def same(one: Ensemble, other: Ensemble) -> bool:
    pairs = zip(one.members, other.members, strict=True)
    return all(
        a.values.tobytes() == b.values.tobytes() and a.end.tobytes() == b.end.tobytes() and a.steps == b.steps
        for a, b in pairs
    )


def test_many_states_side_by_side_are_the_same_bits_as_one_state_in_many_lanes() -> None:
    """One lane treats neighbouring rows as vectors; a depot in closed form leaves a gap between them."""
    chain = [f"link_{letter}" for letter in "abcdefghijklmnopqr"]
    model = mdr.Model(
        mdr.state("head", 0.3),
        mdr.parameter("half", "1 mg/L"),
        mdr.pk.one_compartment("dox", V="10 L", CL="2 L/h", ka="1 1/h", amount_unit="mg"),
        mdr.parameter("k", "0.4 1/h"),
        *(mdr.state(name, 1.0 + 0.1 * i) for i, name in enumerate(chain)),
        mdr.process("enter", "k*head*C_dox/(C_dox + half)", {"head": -1, chain[0]: 1}),
        *(mdr.process(f"on_{a}", f"k*{a}**1.5", {a: -1, b: 1}) for a, b in pairwise(chain)),
    )
    compiled = compile_model(model)
    many = values(model) * np.exp(0.1 * np.random.default_rng(2).standard_normal((5, len(compiled.parameters))))
    regimen = mdr.bolus("dox", "30 mg", route="oral").every("12 h", times=2)
    lines = [build(arrange(regimen, [0.0, 5.0, 30.0]), BoundPorts(compiled, row[None]), stop=30.0) for row in many]
    one, eight = (solve_compiled(compiled, many, None, lines, compiled.states, width=width) for width in (1, 8))
    assert not one.failed
    assert same(one, eight)


def test_members_do_not_depend_on_packing_order_or_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    _, compiled, p = gompertz()
    many = p * np.exp(0.1 * np.random.default_rng(5).standard_normal((11, p.shape[1])))
    timelines = [plan(compiled, row[None], stop=600.0 + 40 * i) for i, row in enumerate(many)]
    names = ["S", "R", "burden"]
    together = solve_compiled(compiled, many, None, timelines, names)
    for width in (1, 2, 4, 16):
        assert same(together, solve_compiled(compiled, many, None, timelines, names, width=width))
    order = np.random.default_rng(1).permutation(len(many))
    shuffled = solve_compiled(compiled, many[order], None, [timelines[i] for i in order], names)
    assert same(Ensemble(tuple(together.members[i] for i in order), ()), shuffled)
    alone = [solve_compiled(compiled, many[i : i + 1], None, [timelines[i]], names).members[0] for i in range(3)]
    assert same(Ensemble(together.members[:3], ()), Ensemble(tuple(alone), ()))


@pytest.mark.slow
@pytest.mark.skipif(importlib.util.find_spec("numba") is None, reason="needs numba")
def test_the_compiled_driver_does_what_the_plain_loop_does(monkeypatch: pytest.MonkeyPatch) -> None:
    _, compiled, p = gompertz()
    many = p * np.exp(0.1 * np.random.default_rng(5).standard_normal((40, p.shape[1])))
    many[7, 0] = np.nan
    timelines = [plan(compiled, row[None]) if np.isfinite(row).all() else plan(compiled, p) for row in many]
    plain = solve_compiled(compiled, many, None, timelines, ["S", "burden"])
    monkeypatch.setenv("PKPD_MDR_DRIVER", "numba")
    for threads in (1, 2):
        assert same(plain, solve_compiled(compiled, many, None, timelines, ["S", "burden"], threads=threads))


def test_one_bad_member_is_told_and_the_rest_do_not_notice() -> None:
    _, compiled, p = gompertz()
    many = np.repeat(p, 6, axis=0)
    timeline = plan(compiled, p)
    good = solve_compiled(compiled, many, None, [timeline] * 6, ["S"])
    many[2, compiled.parameters.index("emax_dox_S")] = math.nan
    starts = np.repeat(good.members[0].end[None] * 0 + [0.0, 0.0, 1e9, 1e4], 6, axis=0)
    starts[4, 2] = math.inf
    mixed = solve_compiled(compiled, many, starts, [timeline] * 6, ["S"])
    assert mixed.failed == (2, 4)
    assert "emax_dox_S" in mixed.members[2].status.sentence
    assert "start is not finite" in mixed.members[4].status.sentence
    assert len(mixed.members[2].times) == len(mixed.members[4].times) == 0
    keep = [0, 1, 3, 5]
    assert same(Ensemble(tuple(mixed.members[i] for i in keep), ()), Ensemble(tuple(good.members[i] for i in keep), ()))


def test_a_model_that_blows_up_says_when_and_keeps_what_came_before() -> None:
    model = mdr.Model(
        mdr.state("x", 1.0), mdr.parameter("k", "1 1/h"), mdr.process("growth", "k*x**2", {"x": 1})
    )  # x = 1/(1 - t)
    compiled, p = compile_model(model), values(model)
    items = [Instruction(t, Kind.MARK, index=i) for i, t in enumerate((0.0, 0.5, 0.9, 2.0))]
    timeline = Timeline.of((*items, Instruction(3.0, Kind.END)), 0.0, 3.0)
    member = solve_compiled(compiled, p, None, [timeline], ["x"]).members[0]
    assert not member.status.ok
    assert member.status.time == pytest.approx(1.0, abs=1e-3)
    assert "x =" in member.status.sentence
    np.testing.assert_allclose(member.values[:, 0], [1.0, 2.0, 10.0], rtol=1e-6)
    poor = solve_compiled(compiled, p, None, [timeline], ["x"], accuracy=Accuracy(budget=80)).members[0]
    assert "budget of 80" in poor.status.sentence


def test_windows_continue_a_run() -> None:
    _, compiled, p = gompertz()
    timeline = plan(compiled, p)
    whole = solve_compiled(compiled, p, None, [timeline], ["S", "R"]).members[0]
    starts, parts, edges = None, [], [0.0, 0.5, 168.2, 700.0, math.inf]
    for window in pairwise(edges):
        part = solve_compiled(compiled, p, starts, [timeline], ["S", "R"], window=window).members[0]
        starts = part.end[None]
        parts.append(part.values)
    np.testing.assert_allclose(np.concatenate(parts), whole.values, rtol=1e-6)


def test_time_in_formulas() -> None:
    model = mdr.Model(
        mdr.state("x", 1.0),
        mdr.parameter("w", "0.7 1/h"),
        mdr.process("forcing", "w*cos(w*t)*x", {"x": 1}),
        mdr.observable("phase", "sin(w*t)"),
    )
    compiled, p = compile_model(model), values(model)
    times = np.linspace(0, 40, 21)
    items = [Instruction(t, Kind.MARK, index=i) for i, t in enumerate(times)]
    timeline = Timeline.of((*items, Instruction(40.0, Kind.END)), 0.0, 40.0)
    member = solve_compiled(compiled, p, None, [timeline], ["x", "phase"], accuracy=Accuracy(rtol=1e-9)).members[0]
    np.testing.assert_allclose(member.values[:, 0], np.exp(np.sin(0.7 * times)), rtol=1e-7)
    np.testing.assert_allclose(member.values[:, 1], np.sin(0.7 * times), rtol=1e-13, atol=1e-13)


def test_wrong_shapes_are_refused() -> None:
    _, compiled, p = gompertz()
    with pytest.raises(SimulationError, match="parameters have the shape"):
        solve_compiled(compiled, p[:, 1:], None, [plan(compiled, p)], ["S"])
    with pytest.raises(SimulationError, match="starts have the shape"):
        solve_compiled(compiled, p, np.zeros((2, 3)), [plan(compiled, p)], ["S"])
    assert solve_compiled(compiled, np.empty((0, p.shape[1])), None, [], ["S"]).members == ()


# -- NONMEM -----------------------------------------------------------------------------------------------------

DOSING = ["LAGT", "MODE", "DUR2", "RAT2", "BIOAV"]


def nonmem(clearance: str) -> Model:
    names = {"F": "BIOAV", "lag": "LAGT", "rate": "RAT2", "duration": "DUR2"}
    route = mdr.pk.route(**{slot: mdr.formula(name) for slot, name in names.items()})
    return mdr.Model(
        mdr.pk.one_compartment("drug", V="20 L", ka="1.5 1/h", CL=mdr.formula(clearance), iv=route),
        mdr.parameter("CL_typical", "1.1 L/h"),
        mdr.parameter("WT", 70.0),
        mdr.parameter("BIOAV", 1.0),
        mdr.parameter("LAGT", "0 h"),
        mdr.parameter("RAT2", "10 mg/h"),
        mdr.parameter("DUR2", "2 h"),
    )


@pytest.mark.parametrize(
    ("table", "clearance", "extra", "rows"),
    [("1001", "CL_typical", [], 3837), ("2001", "CL_typical*(WT/70)**0.75", ["WT"], 0)],
)
def test_nonmem(shared: Path, table: str, clearance: str, extra: list[str], rows: int) -> None:
    folder = shared / "reference" / "dosing"
    records = read_doses(
        folder / f"{table}.csv",
        compartments={1: ("drug", "oral"), 2: ("drug", "iv")},
        amount_unit="mg",
        carry="nocb",
        covariates=[*extra, *DOSING],
    )
    expected = pd.read_csv(folder / f"{table}-nm.csv")
    model = nonmem(clearance)
    compiled = compile_model(model)
    base = {name: item.internal for name, item in model.parameters.items()}
    tables, timelines = [], []
    for subject in records.subjects:
        given = [{**base, **dict(zip(records.covariates, row, strict=True))} for row in subject.covariates]
        tables.append(np.array([[row[name] for name in compiled.parameters] for row in given]))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)
            ports = BoundPorts(compiled, tables[-1])
            timelines.append(build(subject.entries(marks="all"), ports, stop=subject.records[-1].clock))
    first = np.array([rows_[0] for rows_ in tables])
    found = solve_compiled(compiled, first, None, timelines, ["C_drug"], rows=tables, accuracy=Accuracy(rtol=1e-8))
    assert not found.failed
    concentration = np.concatenate([member.values[:, 0] for member in found.members]) * 1000.0
    wanted = expected["CP"].to_numpy()
    assert len(concentration) == len(wanted)
    assert rows in (0, len(wanted))
    error = np.abs(concentration - wanted) / np.where(np.abs(wanted) > 1e-9, np.abs(wanted), 1.0)
    assert error.max() < 1e-4
