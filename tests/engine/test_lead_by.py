"""Derivatives of what is in closed form: against formulas, stages, and central differences."""

from __future__ import annotations

import numpy as np
import pytest
import sympy as sp
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

pytest.importorskip("llvmlite")

import pkpd_mdr as mdr
from pkpd_mdr.engine import Accuracy, BoundPorts, Compiled, Timeline, Watch, build, compile_model
from pkpd_mdr.engine.machine import outline
from pkpd_mdr.engine.machine.compiled import solve_compiled
from pkpd_mdr.engine.solve import Trajectory
from pkpd_mdr.model import Model
from pkpd_mdr.regimen import Regimen, arrange

LOOSE = Accuracy(rtol=1e-2, atol=1e-3)
"""A closed form has no error of integration, so the tolerance does not matter."""


@pytest.fixture(autouse=True)
def plain_loop(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PKPD_MDR_DRIVER", "python")


def values(model: Model, **changes: float) -> np.ndarray:
    return np.array([[changes.get(name, item.internal) for name, item in model.parameters.items()]])


def by(
    model: Model,
    p: np.ndarray,
    regimen: Regimen,
    times: np.ndarray,
    outputs: list[str],
    columns: list[str],
    rtol: float = 1e-10,
    **options: object,
) -> Trajectory:
    """One member with derivatives."""
    compiled = compile_model(model)
    timeline = build(arrange(regimen, times.tolist()), BoundPorts(compiled, p), stop=float(times[-1]))
    accuracy = Accuracy(rtol=rtol, atol=1e-4 * rtol, budget=400_000)
    options = {"accuracy": accuracy, "sensitivities": columns} | options
    return solve_compiled(compiled, p, options.pop("starts", None), [timeline], outputs, **options).members[0]


def in_stages(monkeypatch: pytest.MonkeyPatch) -> None:
    """From now on, everything is integrated where derivatives are asked for."""
    monkeypatch.setattr(outline, "_WORST_BY", 0.0)


def apart(a: np.ndarray, b: np.ndarray, p: np.ndarray) -> float:
    """Of two sets of derivatives by relative changes, relative to the largest of each output and parameter."""
    size = np.abs(b * p).max(axis=0) + 1e-3 * np.abs(b * p).max()
    return float((np.abs((a - b) * p) / size).max())


# -- a linear model ------------------------------------------------------------------------------------------------

TIMES = np.array([0.0, 0.02, 0.5, 1.0, 3.0, 8.0, 8.25, 24.0, 72.0])
ORAL = mdr.oral("d", "100 mg")


def oral(**parameters: str) -> Model:
    return mdr.Model(mdr.pk.one_compartment("d", **({"V": "20 L", "ka": "1.5 1/h", "CL": "4 L/h"} | parameters)))


def bateman(p: dict[str, float], names: list[str]) -> np.ndarray:
    """Derivatives of the concentration after one oral dose, by SymPy with 40 digits."""
    V, ka, CL, t = sp.symbols("V ka CL t")
    formula = 100 * ka / V * (sp.exp(-CL / V * t) - sp.exp(-ka * t)) / (ka - CL / V)
    held = {V: sp.Float(p["V_d"], 40), ka: sp.Float(p["ka_d"], 40), CL: sp.Float(p["CL_d"], 40)}
    known = {"V_d": V, "ka_d": ka, "CL_d": CL}
    rows = [
        [sp.diff(formula, known[name]).subs(held).subs(t, sp.Float(float(at), 40)) for name in names] for at in TIMES
    ]
    return np.array([[float(cell) for cell in row] for row in rows])


def test_of_a_bateman_function_whatever_the_tolerance() -> None:
    model, names = oral(), ["V_d", "ka_d", "CL_d"]
    p = values(model)
    found = by(model, p, ORAL, TIMES, ["C_d"], names, accuracy=LOOSE)
    wanted = bateman(dict(zip(model.parameters, p[0], strict=True)), names)
    np.testing.assert_allclose(found.sensitivities[:, 0], wanted, rtol=1e-9, atol=1e-13)
    assert found.steps <= 8


@pytest.mark.parametrize("gap", [1e-1, 3e-2, 1e-3, 1e-6, 0.0])
def test_absorption_about_as_fast_as_elimination(gap: float) -> None:
    """Where two rates are all but one, formulas cancel, and derivatives are taken by stages."""
    model, names = oral(CL="30 L/h"), ["ka_d", "CL_d"]
    p = values(model, ka_d=1.5 * (1.0 + gap))
    found = by(model, p, ORAL, TIMES, ["C_d"], names, rtol=1e-9)
    same = values(model, ka_d=1.5 * (1.0 + gap + 1e-9 * (gap == 0.0)))
    wanted = bateman(dict(zip(model.parameters, same[0], strict=True)), names)
    assert apart(found.sensitivities[:, 0], wanted, np.array([1.5, 30.0])) < 2e-8


def test_by_a_clearance_of_nothing() -> None:
    """exp(0 t) is 1, but its derivative by the rate is -t."""
    model = mdr.Model(mdr.pk.one_compartment("d", V="20 L", CL="1 L/h"))
    p = values(model, CL_d=0.0)
    given = mdr.bolus("d", "100 mg") & mdr.infusion("d", "60 mg", over="6 h", at="10 h")
    found = by(model, p, given, np.array([0.0, 2.0, 10.0, 13.0, 20.0]), ["C_d"], ["CL_d"])
    wanted = [0.0, -100 * 2, -100 * 10, -(100 * 13 + 10 * 4.5), -(100 * 20 + 60 * 7)]
    np.testing.assert_allclose(found.sensitivities[:, 0, 0], np.array(wanted) / 400.0, rtol=1e-7, atol=1e-9)


# -- kinetics that lead --------------------------------------------------------------------------------------------


def killed(*others: object, **pk: object) -> Model:
    """Two clones and exosomes under a drug of two compartments: the drug's three states lead the rest."""
    given = {"V1": "10 L", "CL": "5 L/h", "Q": "3 L/h", "V2": "30 L", "ka": "1.2 1/h", "lag": "0.25 h", "F": 0.8}
    given["iv"] = mdr.pk.route(duration="3 h", F=0.9)
    parts: list[object] = [mdr.pk.two_compartment("d", **(given | pk), amount_unit="mg")]
    for name, potency in (("S", "1 mg/L"), ("R", "6 mg/L")):
        growth = mdr.growth.gompertz(rate="0.02 1/h", capacity="1e9")
        parts += [mdr.clone(name, growth=growth, start=1e6)]
        parts += [mdr.kill("d", on=name, emax="0.2 1/h", ec50=potency, hill=2.3)]
    return mdr.Model(*parts, *others)


GIVEN = mdr.oral("d", "100 mg").every("12 h", times=3) & mdr.infusion("d", "80 mg", over="5 h", route="iv", at="40 h")
MARKS = np.linspace(0.0, 72.0, 37)
SHOWN = ["central_d", "peripheral_d", "S", "R"]


@settings(max_examples=12, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(data=st.data())
def test_they_are_those_of_stages(data: st.DataObject, monkeypatch: pytest.MonkeyPatch) -> None:
    """By all parameters, those of doses among them, at random values, at marks inside steps too."""
    model = killed()
    p = values(model) * np.exp(
        data.draw(st.lists(st.floats(-0.7, 0.7), min_size=(n := len(model.parameters)), max_size=n))
    )
    columns = list(model.parameters)
    found = by(model, p, GIVEN, MARKS, SHOWN, columns, rtol=1e-9)
    with monkeypatch.context() as patched:
        in_stages(patched)
        wanted = by(model, p, GIVEN, MARKS, SHOWN, columns, rtol=1e-9)
    assert found.status.ok
    np.testing.assert_allclose(found.values, wanted.values, rtol=1e-7, atol=1e-6)
    assert apart(found.sensitivities, wanted.sensitivities, p[0]) < 1e-6


@pytest.mark.parametrize("rtol", [1e-4, 1e-6, 1e-8])
@pytest.mark.parametrize("hill", [2.3, 0.6])
def test_they_keep_the_tolerance(rtol: float, hill: float) -> None:
    model = killed()
    p = values(model, **{name: hill for name in model.parameters if "hill" in name})
    columns = [name for name in model.parameters if name != "lag_d" or hill > 1.0]
    found, wanted = (by(model, p, GIVEN, MARKS, SHOWN, columns, rtol=r).sensitivities for r in (rtol, 1e-10))
    p = p[0, [list(model.parameters).index(name) for name in columns]]
    assert apart(found[:, :2], wanted[:, :2], p) < 1e-9
    assert apart(found[:, 2:], wanted[:, 2:], p) < 15 * rtol


def test_a_dose_whose_effect_rises_with_an_infinite_slope() -> None:
    """A Hill coefficient below 1, by the time of the dose: such runs stopped at the first dose."""
    model = killed()
    half = {name: 0.6 for name in model.parameters if "hill" in name}

    def shown(lag: float, columns: list[str]) -> Trajectory:
        return by(model, values(model, lag_d=lag, **half), GIVEN, MARKS, ["S", "R"], columns, rtol=1e-9)

    found = shown(0.25, ["lag_d"])
    assert found.status.ok, found.status.sentence
    first, second = ((shown(0.25 + h, []).values - shown(0.25 - h, []).values) / (2 * h) for h in (1e-3, 5e-4))
    wanted = (4 * second - first) / 3
    np.testing.assert_allclose(found.sensitivities[:, :, 0], wanted, rtol=0.0, atol=5e-6 * np.abs(wanted).max())


def test_against_central_differences() -> None:
    model = killed()
    p, columns = values(model), list(model.parameters)
    found = by(model, p, GIVEN, MARKS, SHOWN, columns, rtol=1e-11)
    wanted = np.zeros_like(found.sensitivities)
    for j in range(len(columns)):
        step = 1e-4 * p[0, j]
        for sign in (1.0, -1.0):
            moved = p.copy()
            moved[0, j] += sign * step
            wanted[:, :, j] += sign * by(model, moved, GIVEN, MARKS, SHOWN, [], rtol=1e-11).values / (2.0 * step)
    assert apart(found.sensitivities, wanted, p[0]) < 1e-6


def test_a_parameter_of_the_tumour_costs_no_steps() -> None:
    model = killed()
    p = values(model)
    rate = next(name for name in model.parameters if "growth" in name)
    plain, told = (by(model, p, GIVEN, MARKS, SHOWN, columns, rtol=1e-6) for columns in ([], [rate]))
    assert told.steps <= 1.05 * plain.steps


def test_they_save_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    model = killed()
    p = values(model)
    led = by(model, p, GIVEN, MARKS, SHOWN, ["S0"], rtol=1e-7)
    in_stages(monkeypatch)
    assert led.steps < 0.8 * by(model, p, GIVEN, MARKS, SHOWN, ["S0"], rtol=1e-7).steps


def test_given_starts_and_windows_go_on_where_they_were() -> None:
    """A run in two windows, with the state and its derivatives handed over in between."""
    model = killed()
    p, columns = values(model), list(model.parameters)
    compiled, n = compile_model(model), len(compile_model(model).states)
    timeline = build(arrange(GIVEN, MARKS.tolist()), BoundPorts(compiled, p), stop=72.0)
    options = {"accuracy": Accuracy(rtol=1e-10, atol=1e-14), "sensitivities": columns}
    whole = solve_compiled(compiled, p, None, [timeline], SHOWN, **options).members[0]
    first = solve_compiled(compiled, p, None, [timeline], SHOWN, window=(0.0, 42.5), **options).members[0]
    then = solve_compiled(
        compiled, p, first.end[None], [timeline], SHOWN, window=(42.5, 73.0),
        starts_by=first.end_by.reshape(1, n, len(columns)), **options,
    ).members[0]  # fmt: skip
    joined = np.concatenate([first.sensitivities, then.sensitivities])
    assert apart(joined, whole.sensitivities, p[0]) < 1e-7


def test_the_time_of_a_crossing() -> None:
    """By parameters of the drug: a step ends inside, where the concentration falls below a level."""
    model = oral()
    p, names = values(model), ["V_d", "CL_d"]
    watched = {"watches": [Watch("central_d", -1)], "levels": np.array([[30.0]]), "accuracy": LOOSE}
    times = np.array([0.0, 1.0, 2.0, 40.0])
    found = by(model, p, ORAL, times, ["central_d"], names, **watched)
    for j, name in enumerate(names):
        step = 1e-5 * p[0, list(model.parameters).index(name)]
        ends = [
            by(model, values(model, **{name: values(model)[0, list(model.parameters).index(name)] + sign * step}), ORAL,
               times, ["central_d"], [], **watched).time
            for sign in (1.0, -1.0)
        ]  # fmt: skip
        assert found.crossed_by[j] == pytest.approx((ends[0] - ends[1]) / (2 * step), rel=1e-6)


def members(compiled: Compiled, model: Model) -> tuple[np.ndarray, Timeline]:
    """Every third member has equal rates, whose derivatives have no formula."""
    p = np.repeat(values(model), 9, axis=0) * np.random.default_rng(3).uniform(0.8, 1.25, (9, len(model.parameters)))
    at = {name: compiled.parameters.index(name) for name in ("ka_d", "CL_d", "V_d")}
    p[1::3, at["ka_d"]] = p[1::3, at["CL_d"]] / p[1::3, at["V_d"]]
    return p, build(arrange(ORAL, TIMES.tolist()), BoundPorts(compiled, p[:1]), stop=72.0)


def test_members_with_and_without_do_not_notice_each_other() -> None:
    """Bitwise: alone, in another order, on two threads."""
    model = oral()
    compiled, names = compile_model(model), list(model.parameters)
    p, timeline = members(compiled, model)
    together = solve_compiled(compiled, p, None, [timeline] * 9, ["C_d"], sensitivities=names)
    order = np.random.default_rng(1).permutation(9)
    turned = solve_compiled(compiled, p[order], None, [timeline] * 9, ["C_d"], sensitivities=names, threads=2)
    for place, i in enumerate(order):
        alone = solve_compiled(compiled, p[[i]], None, [timeline], ["C_d"], sensitivities=names).members[0]
        for other in (alone, turned.members[place]):
            assert other.sensitivities.tobytes() == together.members[i].sensitivities.tobytes()
            assert other.steps == together.members[i].steps
    assert together.members[1].steps > together.members[0].steps
