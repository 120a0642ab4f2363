"""Linear models, and linear parts of others, in closed form: against matrix exponentials with 40 digits."""

from __future__ import annotations

import itertools
import math

import mpmath
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from scipy.integrate import solve_ivp

pytest.importorskip("llvmlite")

import pkpd_mdr as mdr
from pkpd_mdr.engine import Accuracy, BoundPorts, Compiled, Timeline, Watch, build, compile_model, solve
from pkpd_mdr.engine.machine import native, outline
from pkpd_mdr.engine.machine.code import MachineCode
from pkpd_mdr.engine.machine.compiled import closed_form, solve_compiled
from pkpd_mdr.engine.machine.kernels import Kernels
from pkpd_mdr.engine.machine.stepper import Sizes, step_module
from pkpd_mdr.engine.timeline import Instruction, Kind
from pkpd_mdr.model import Model
from pkpd_mdr.regimen import arrange

LOOSE = Accuracy(rtol=1e-2, atol=1e-3)
"""A closed form has no error of integration, so the tolerance does not matter."""


@pytest.fixture(autouse=True)
def plain_loop(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PKPD_MDR_DRIVER", "python")


def values(model: Model, **changes: float) -> np.ndarray:
    return np.array([[changes.get(name, item.internal) for name, item in model.parameters.items()]])


def affine(cells: np.ndarray) -> Model:
    """x' = A x + b with a parameter for each cell of A and b; a port feeds the first state."""
    size = len(cells)
    names = [f"x{i}" for i in range(size)]
    parts = [mdr.state(name, 1.0 + i, unit="mg", kind="effect") for i, name in enumerate(names)]
    for i, row in enumerate(cells):
        for j, value in enumerate(row):
            unit = "1/h" if j < size else "mg/h"
            rate = f"a{i}{j}*{names[j]}" if j < size else f"a{i}{j}"
            parts += [mdr.parameter(f"a{i}{j}", (float(value), unit)), mdr.process(f"p{i}{j}", rate, {names[i]: 1})]
    return mdr.Model(*parts, mdr.dosing("d", into="x0", unit="mg"))


def cells_of(model: Model, cells: np.ndarray) -> np.ndarray:
    """A parameter row with other cells."""
    return values(model, **{f"a{i}{j}": float(value) for (i, j), value in np.ndenumerate(cells)})


def exact(cells: np.ndarray, start: np.ndarray, times: np.ndarray) -> np.ndarray:
    """The states of `affine` by exponentials with 40 digits."""
    size = len(cells)
    with mpmath.workdps(40):
        matrix = mpmath.zeros(size + 1)
        for i, j in itertools.product(range(size), range(size + 1)):
            matrix[i, j] = mpmath.mpf(float(cells[i, j]))
        first = mpmath.matrix([*map(float, start), 1.0])
        found = [mpmath.expm(matrix * mpmath.mpf(float(t)), method="taylor") * first for t in times]
        return np.array([[float(x[i]) for i in range(size)] for x in found])


def marked(times: np.ndarray, *events: Instruction) -> Timeline:
    items = [*events, *(Instruction(float(t), Kind.MARK, index=i) for i, t in enumerate(times))]
    items.sort(key=lambda item: item.time)
    return Timeline.of((*items, Instruction(float(times[-1]), Kind.END)), 0.0, float(times[-1]))


TIMES = np.array([0.0, 0.01, 0.3, 1.0, 5.0, 17.0, 40.0])


def compartments(rates: list[float], ka: float, exchange: list[float]) -> np.ndarray:
    """Absorption site, central, and peripheral compartments, with an endogenous input."""
    size = 2 + len(exchange)
    cells = np.zeros((size, size + 1))
    cells[0, 0], cells[1, 0], cells[1, 1] = -ka, ka, -rates[0]
    for i, (out, back) in enumerate(zip(exchange, rates[1:], strict=True)):
        cells[2 + i, 1], cells[2 + i, 2 + i], cells[1, 2 + i] = out, -back, back
        cells[1, 1] -= out
    cells[1, size] = 0.7
    return cells


@settings(max_examples=25, suppress_health_check=[HealthCheck.too_slow])
@given(st.integers(0, 2), st.data())
def test_compartments_against_exponentials(peripheral: int, data: st.DataObject) -> None:
    """To 1e-12 of each value where the form is used; what is refused is refused for its eigenvectors."""
    rate = st.floats(0.01, 3.0)
    given_rates = data.draw(st.lists(rate, min_size=1 + peripheral, max_size=1 + peripheral))
    exchange = data.draw(st.lists(rate, min_size=peripheral, max_size=peripheral))
    cells = compartments(given_rates, data.draw(rate), exchange)
    model = affine(cells)
    compiled, p = compile_model(model), values(model)
    found = solve(compiled, p, None, [marked(TIMES)], compiled.states, accuracy=Accuracy())
    wanted = exact(cells, 1.0 + np.arange(len(cells)), TIMES)
    used = closed_form(compiled, p, None)[0]
    assert found.engine == ("compiled" if used else "SciPy")
    vectors = np.linalg.cond(np.linalg.eig(cells[:, :-1])[1])
    assert used or vectors > 1e3
    close = {"rtol": 1e-12 * max(1.0, vectors / 10.0), "atol": 0.0 if used else 1e-15}
    np.testing.assert_allclose(found.members[0].values, wanted, **close)


CELLS = {
    "equal rates in a chain": ([[-0.5, 0, 0], [0.5, -0.5, 0]], False),
    "nearly equal rates": ([[-0.5, 0, 0], [0.5, -0.5 - 1e-9, 0]], False),
    "equal rates apart": ([[-0.5, 0, 0], [0, -0.5, 0.3]], True),
    "oscillation": ([[0, 1, 0], [-1, 0, 0]], False),
    "damped oscillation": ([[-0.1, 1, 0], [-1, -0.1, 0.2]], False),
    "no rate at all": ([[0, 0, 0], [0, 0, 0]], True),
    "only an input": ([[0, 0, 2.0], [0, 0, 0]], True),
    "one loses nothing": ([[-0.3, 0, 0], [0.3, 0, 0]], True),
    "subnormal": ([[-3e-310, 0, 1.0], [0, -2e-315, 0]], True),
    "subnormal and coupled": ([[-3e-310, 0, 0], [1e-310, -1e-312, 0]], None),
    "far apart": ([[-1e-7, 0, 0], [1e-7, -40.0, 0]], True),
    "growth": ([[0.5, 0.1, 0], [0.2, 0.3, 0]], True),
    "nilpotent": ([[0, 1.0, 0], [0, 0, 0]], False),
}


@pytest.mark.parametrize("name", CELLS)
def test_special_matrices_are_exact_or_left_to_exponentials(name: str) -> None:
    cells, used = np.array(CELLS[name][0]), CELLS[name][1]
    model = affine(np.full((2, 3), 0.25))  # every cell is there, and takes any value
    compiled, p = compile_model(model), cells_of(model, cells)
    assert used in (None, closed_form(compiled, p, None)[0])
    starts = np.array([[1.0, 2.0]])
    found = solve(compiled, p, starts, [marked(TIMES)], compiled.states).members[0]
    assert found.status.ok
    wanted = exact(cells, starts[0], TIMES)
    fine = 1e-12 if name != "nearly equal rates" else 1e-11  # SciPy's own error for a triangle that is nearly confluent
    np.testing.assert_allclose(found.values, wanted, rtol=fine, atol=fine * np.abs(wanted).max())


def test_a_decay_is_followed_over_any_number_of_half_lives() -> None:
    model = mdr.Model(
        mdr.pk.two_compartment("d", CL="5 L/h", V1="10 L", Q="3 L/h", V2="30 L", ka="1.2 1/h", amount_unit="mg")
    )
    compiled, p = compile_model(model), values(model)
    times = np.linspace(0.0, 500.0, 11)
    depot = compiled.states.index("depot_d")
    timeline = build(arrange(mdr.oral("d", "100 mg"), times.tolist()), BoundPorts(compiled, p), stop=500.0)
    found = solve(compiled, p, None, [timeline], compiled.states).members[0]
    np.testing.assert_allclose(found.values[1:, depot], 100.0 * np.exp(-1.2 * times[1:]), rtol=1e-13 * 600)
    tight = solve(compiled, p, None, [timeline], compiled.states, accuracy=Accuracy(method="expm")).members[0]
    np.testing.assert_allclose(found.values[1:, depot + 1 :], tight.values[1:, depot + 1 :], rtol=1e-11)


# -- depots of other models ----------------------------------------------------------------------------------------


def driven(*parts: object) -> tuple[Compiled, np.ndarray]:
    """A model whose clone cannot be solved in closed form."""
    growth = mdr.growth.gompertz(rate="0.02 1/h", capacity="1e9")
    model = mdr.Model(*parts, mdr.clone("S", growth=growth, start=1e6))
    compiled = compile_model(model)
    assert not MachineCode.of(compiled).kernels.linear.whole
    return compiled, values(model)


def in_closed_form(compiled: Compiled) -> set[str]:
    return {compiled.states[i] for i in MachineCode.of(compiled).kernels.linear.states}


def test_absorption_as_fast_as_elimination() -> None:
    """Bateman's function where ka = ke: the depot is exact, and its kinetics are t*exp(-k t)."""
    compiled, p = driven(
        mdr.pk.one_compartment("d", V="10 L", CL="5 L/h", ka="0.5 1/h", amount_unit="mg"),
        mdr.kill("d", on="S", slope="0.1 L/mg/h"),
    )
    assert in_closed_form(compiled) == {"depot_d"}
    times = np.linspace(0.0, 60.0, 61)
    timeline = marked(times, Instruction(0.0, Kind.JUMP, 0, 100.0))
    found = solve_compiled(compiled, p, None, [timeline], ["depot_d", "central_d"], accuracy=Accuracy(rtol=1e-9))
    got = found.members[0].values[1:]
    np.testing.assert_allclose(got[:, 0], 100.0 * np.exp(-0.5 * times[1:]), rtol=1e-12)
    np.testing.assert_allclose(got[:, 1], 50.0 * times[1:] * np.exp(-0.5 * times[1:]), rtol=1e-7, atol=1e-12)


def test_a_medium_that_decays_is_exact_whatever_the_tolerance() -> None:
    """The dense output, too: marks lie anywhere in the steps of the rest."""
    compiled, p = driven(
        mdr.medium("d", unit="uM", half_life="20 h"), mdr.kill("d", on="S", emax="0.1 1/h", ec50="1 uM")
    )
    times = np.sort(np.random.default_rng(3).uniform(0.0, 300.0, 80))
    timeline = marked(times, Instruction(0.0, Kind.SET, 0, 7.0), Instruction(150.0, Kind.SET, 0, 2.0))
    found = solve_compiled(compiled, p, None, [timeline], ["medium_d"], accuracy=LOOSE).members[0]
    late = times >= 150.0
    wanted = np.where(late, 2.0 * 0.5 ** ((times - 150.0) / 20.0), 7.0 * 0.5 ** (times / 20.0))
    np.testing.assert_allclose(found.values[:, 0], wanted, rtol=1e-12)
    assert found.steps < 80


def test_a_depot_that_an_infusion_fills() -> None:
    """Amount below an infusion, and after it; with no loss at all, too."""
    model = mdr.Model(
        mdr.state("A", 0.0, unit="mg", kind="amount"),
        mdr.parameter("k", "0.3 1/h"),
        mdr.dosing("d", into="A", unit="mg"),
        mdr.process("loss", "k*A", {"A": -1}),
        mdr.state("N", 1.0, kind="cells"),
        mdr.parameter("g", "0.1 1/h"),
        mdr.parameter("kill", "0.01 1/mg/h"),
        mdr.process("growth", "g*N*(1 - N/50) - kill*A*N", {"N": 1}),
    )
    compiled = compile_model(model)
    assert in_closed_form(compiled) == {"A"}
    times = np.linspace(0.0, 30.0, 31)
    timeline = marked(times, Instruction(2.0, Kind.RATE, 0, 5.0), Instruction(12.0, Kind.RATE, 0, -5.0))
    for k in (0.3, 40.0, 1e-9, 0.0):
        found = solve_compiled(compiled, values(model, k=k), None, [timeline], ["A"], accuracy=LOOSE).members[0]
        with mpmath.workdps(30):
            on = [mpmath.mpf(float(np.clip(t - 2.0, 0.0, 10.0))) for t in times]
            off = [mpmath.mpf(float(max(t - 12.0, 0.0))) for t in times]
            rate = mpmath.mpf(k)
            wanted = [5 * (-mpmath.expm1(-rate * a) / rate if k else a) * mpmath.exp(-rate * b)
                      for a, b in zip(on, off, strict=True)]  # fmt: skip
        np.testing.assert_allclose(found.values[:, 0], np.array(wanted, dtype=float), rtol=1e-12)


# -- kinetics that lead a nonlinear model -------------------------------------------------------------------------


ORAL = {"V1": "10 L", "CL": "5 L/h", "Q": "3 L/h", "V2": "30 L", "ka": "1.2 1/h", "lag": "0.25 h", "amount_unit": "mg"}


def oral_kill(*others: object, **pk: str) -> tuple[Model, Compiled, Timeline]:
    """Two clones under an oral and infused drug with Hill kills: the drug's three states lead them."""
    parts: list[object] = [mdr.pk.two_compartment("d", **(ORAL | pk))]
    for name, potency in (("S", "1 mg/L"), ("R", "6 mg/L")):
        growth = mdr.growth.gompertz(rate="0.02 1/h", capacity="1e9")
        parts += [mdr.clone(name, growth=growth, start=1e6)]
        parts += [mdr.kill("d", on=name, emax="0.2 1/h", ec50=potency, hill=2.3)]
    model = mdr.Model(*parts, *others)
    compiled = compile_model(model)
    given = mdr.oral("d", "100 mg").every("12 h", times=3) & mdr.infusion(
        "d", "80 mg", over="5 h", route="iv", at="40 h"
    )
    regimen = arrange(given, np.arange(0.0, 72.5, 0.5).tolist())
    return model, compiled, build(regimen, BoundPorts(compiled, values(model)), stop=72.0)


@pytest.mark.parametrize("width", [1, 8])
def test_kinetics_lead_the_clones_they_kill(width: int) -> None:
    """The drug is exact whatever the tolerance, at marks inside steps too; the clones keep it."""
    model, compiled, timeline = oral_kill()
    assert in_closed_form(compiled) == {"depot_d", "central_d", "peripheral_d"}
    rows = values(model)
    tight = solve(compiled, rows, None, [timeline], compiled.states, accuracy=Accuracy(method="Radau", rtol=1e-11))
    wanted = dict(zip(compiled.states, tight.members[0].values.T, strict=True))
    for rtol in (1e-4, 1e-6, 1e-8):
        accuracy = Accuracy(rtol=rtol, atol=1e-3 * rtol)
        many = np.repeat(rows, width, axis=0)
        found = solve_compiled(
            compiled, many, None, [timeline] * width, compiled.states, accuracy=accuracy, width=width
        ).members[-1]
        for name, got in zip(compiled.states, found.values.T, strict=True):
            if name in "SR":
                np.testing.assert_allclose(got, wanted[name], rtol=5 * rtol)
            else:
                np.testing.assert_allclose(got, wanted[name], rtol=1e-8, atol=1e-9)


@pytest.mark.parametrize("order", ["SR", "RS"])
def test_steep_curves_of_potencies_far_apart_keep_their_own_powers(order: str) -> None:
    """A resistant clone at 1e9 times the concentration: a power shared but for a factor left the range of numbers."""
    potency = {"S": "1 mg/L", "R": "1e9 mg/L"}
    parts: list[object] = [
        mdr.pk.one_compartment("d", V="10 L", CL="5 L/h", amount_unit="mg"),
        mdr.parameter("h", 35.0),
    ]
    for name in order:
        parts += [mdr.state(name, 1.0, unit="mg", kind="effect"), mdr.parameter(f"ec_{name}", potency[name])]
        parts += [mdr.parameter(f"k_{name}", "0.2 1/h")]
        ratio = f"(C_d/ec_{name})**h"
        parts += [mdr.process(f"kill_{name}", f"k_{name}*{name}*{ratio}/(1 + {ratio})", {name: -1})]
    found = mdr.Model(*parts).simulate(mdr.bolus("d", "100 mg"), until="24 h").frame.iloc[-1]
    hours = np.log(10.0) / 0.5  # until the concentration, 10 mg/L at first, is at the potency: the curve is a step
    assert found["S"] == pytest.approx(np.exp(-0.2 * hours), rel=1e-3)
    assert found["R"] == pytest.approx(1.0, rel=1e-9)


def test_infusions_of_some_lanes_are_not_noticed_by_others() -> None:
    """Where nothing flows into any lane, closed forms do without what flows in: to the last bit the same."""
    model, compiled, _ = oral_kill()
    rows = np.repeat(values(model), 7, axis=0) * np.random.default_rng(4).uniform(0.8, 1.25, (7, len(model.parameters)))
    timelines = []
    for i, row in enumerate(rows):
        infused = mdr.infusion("d", "80 mg", over=f"{3 + i} h", route="iv", at=f"{4 * i} h")
        regimen = arrange(mdr.oral("d", "100 mg") & infused if i % 3 else mdr.oral("d", "90 mg"), [0.0, 7.5, 30.0])
        timelines.append(build(regimen, BoundPorts(compiled, row[None]), stop=30.0))
    alone = [
        solve_compiled(compiled, rows[[i]], None, [timelines[i]], compiled.states).members[0].values.tobytes()
        for i in range(7)
    ]
    for width in (2, 4, 8, 16):
        found = solve_compiled(compiled, rows, None, timelines, compiled.states, width=width)
        assert [member.values.tobytes() for member in found.members] == alone


def test_they_save_steps_and_change_no_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    """Beside the same model where everything is integrated."""
    model, compiled, timeline = oral_kill()
    rows, states = values(model), ["S", "R"]
    led = solve_compiled(compiled, rows, None, [timeline], states, accuracy=Accuracy(rtol=1e-7)).members[0]
    monkeypatch.setattr(outline, "_WORST", 0.0)
    whole = solve_compiled(compiled, rows, None, [timeline], states, accuracy=Accuracy(rtol=1e-7)).members[0]
    np.testing.assert_allclose(led.values, whole.values, rtol=1e-6)
    assert led.steps < 0.8 * whole.steps


def fixed_steps(model: Model, start: dict[str, float], h: float, count: int, width: int = 1) -> tuple[dict, float]:
    """The states after steps of one length, and the largest error that a step told, relative to 1e-6."""
    compiled = compile_model(model)
    assert in_closed_form(compiled) == {"central_d"}
    library = native.load(step_module(Kernels(compiled), width, driven=True))
    sizes, n = Sizes.of(library), len(start)
    shapes = {
        "q": sizes.slots + 1, "u": sizes.inputs + 1, "t": 1, "h": 1, "tol": n + 1, "take": 1, "k": 8 * n, "w": n,
        "work": sizes.work, "e": 2,
    }  # fmt: skip
    arrays = {name: np.zeros((size, width)) for name, size in shapes.items()}
    arrays["h"][:], arrays["tol"][:], arrays["w"][:] = h, 1e-6, [[start[name]] for name in compiled.states]
    p, y, worst = np.repeat(values(model).T, width, axis=1), np.zeros((n, width)), 0.0
    library.call("prepare", 2)(p.ctypes.data, arrays["q"].ctypes.data)
    for _ in range(count):
        y[:] = arrays["w"]
        library.call("step", 11)(y.ctypes.data, *(part.ctypes.data for part in arrays.values()))
        worst = max(worst, math.sqrt(arrays["e"][0, 0]))
    found = {name: arrays["w"][i] for i, name in enumerate(compiled.states)}
    assert all(len({*lanes.tolist()}) == 1 for lanes in found.values())
    return {name: float(lanes[0]) for name, lanes in found.items()}, worst


@pytest.mark.parametrize("width", [1, 4])
def test_what_is_imposed_is_summed_to_order_six(width: int) -> None:
    """A state that only gains by a power of a concentration: halving a step leaves 1/128 of its error."""
    model = mdr.Model(
        mdr.pk.one_compartment("d", V="10 L", CL="5 L/h", amount_unit="mg"),
        mdr.parameter("vmax", "0.2 1/h"),
        mdr.parameter("scale", "10 mg"),
        mdr.parameter("h", 1.7),
        mdr.state("x", 0.0, unit="1", kind="effect"),
        mdr.process("gain", "vmax*(central_d/scale)**h", {"x": 1}),
    )
    errors = []
    for h in (0.8, 0.4):
        found, _ = fixed_steps(model, {"central_d": 30.0, "x": 0.0}, h, 1, width)
        errors.append(found["x"] - 0.2 * 3.0**1.7 * -math.expm1(-1.7 * 0.5 * h) / (1.7 * 0.5))
    assert errors[0] / errors[1] == pytest.approx(2.0**7, rel=0.2)


@pytest.mark.parametrize("rate", [1e3, 1e5])
def test_what_follows_the_drug_at_once_is_as_good_as_its_error_estimate(rate: float) -> None:
    """A stiff state, whose error is not that of a quadrature."""
    model = mdr.Model(
        mdr.pk.one_compartment("d", V="10 L", CL="5 L/h", amount_unit="mg"),
        mdr.parameter("k", (rate, "1/h")),
        mdr.parameter("ec50", "10 mg"),
        mdr.parameter("h", 1.7),
        mdr.state("x", 0.0, unit="1", kind="effect"),
        mdr.process("gain", "k*hill(central_d, ec50, h)", {"x": 1}),
        mdr.process("loss", "k*x*(1 + x/1000)", {"x": -1}),
    )

    def driven(c: float) -> float:
        r = c**1.7
        return r / (1 + r)

    found, told = fixed_steps(model, {"central_d": 30.0, "x": driven(3.0)}, 0.8, 10)
    exact = solve_ivp(
        lambda t, x: rate * (driven(3.0 * math.exp(-0.5 * t)) - x * (1 + x / 1000)),
        (0.0, 8.0), [driven(3.0)], method="Radau", rtol=1e-11, atol=1e-14,
    ).y[0, -1]  # fmt: skip
    assert found["x"] == pytest.approx(exact, rel=1e-6 * told)
    assert told < 20.0


def test_kinetics_that_cannot_be_decomposed_are_integrated_beside_others_that_can() -> None:
    """Absorption as fast as elimination, in the middle of an ensemble: each member is what it is alone."""
    model = mdr.Model(
        mdr.pk.one_compartment("d", V="10 L", CL="5 L/h", ka="0.5 1/h", amount_unit="mg"),
        mdr.clone("S", growth=mdr.growth.gompertz(rate="0.02 1/h", capacity="1e9"), start=1e6),
        mdr.kill("d", on="S", emax="0.2 1/h", ec50="1 mg/L", hill=1.7),
    )
    compiled = compile_model(model)
    assert in_closed_form(compiled) == {"depot_d", "central_d"}
    rows = np.vstack([values(model, ka_d=ka) for ka in (0.3, 0.5, 0.7, 0.5 * (1 + 1e-7), 2.0)])
    times = np.linspace(0.0, 48.0, 25)
    timeline = marked(times, Instruction(0.0, Kind.JUMP, 0, 100.0), Instruction(24.0, Kind.JUMP, 0, 50.0))
    together = solve_compiled(compiled, rows, None, [timeline] * 5, compiled.states)
    for i in range(5):
        one = solve_compiled(compiled, rows[[i]], None, [timeline], compiled.states, width=8).members[0]
        assert one.values.tobytes() == together.members[i].values.tobytes()
        tight = solve(
            compiled, rows[[i]], None, [timeline], compiled.states, accuracy=Accuracy(method="LSODA", rtol=1e-11)
        )
        np.testing.assert_allclose(one.values, tight.members[0].values, rtol=5e-6, atol=1e-7)


def test_what_leads_must_be_worth_it() -> None:
    """A kill in proportion has no function to save; a chain of equal rates has no eigenvectors at all."""
    plain, _ = driven(mdr.pk.two_compartment("d", **ORAL), mdr.kill("d", on="S", slope="0.1 L/mg/h"))
    assert in_closed_form(plain) == {"depot_d"}
    kill = [mdr.process("kill", "0.2*per_h*(B/(B + mg))**h*S", {"S": -1})]
    units = [mdr.parameter("per_h", "1 1/h"), mdr.parameter("mg", "1 mg"), mdr.parameter("h", 1.7)]
    chain = [mdr.state(name, 0.0, unit="mg", kind="amount") for name in "AB"]
    flows = [mdr.process("on", "k*A", {"A": -1, "B": 1}), mdr.process("off", "k*B", {"B": -1})]
    transit, _ = driven(
        *chain, mdr.parameter("k", "0.3 1/h"), *flows, *units, *kill, mdr.dosing("d", into="A", unit="mg")
    )
    assert in_closed_form(transit) == {"A"}


def test_a_switch_on_what_leads_is_found() -> None:
    """A rate that changes where the concentration crosses a limit: the states in closed form are asked, too."""
    stop = mdr.process("shock", "0.05*rate*S if central_d > limit else 0*rate*S", {"S": -1})
    model, compiled, timeline = oral_kill(stop, mdr.parameter("rate", "1 1/h"), mdr.parameter("limit", "40 mg"))
    assert "central_d" in in_closed_form(compiled)
    found = solve_compiled(compiled, values(model), None, [timeline], ["S"], accuracy=Accuracy(rtol=1e-6)).members[0]
    finer = solve_compiled(compiled, values(model), None, [timeline], ["S"], accuracy=Accuracy(rtol=1e-10)).members[0]
    np.testing.assert_allclose(found.values, finer.values, rtol=5e-6)
    without = oral_kill()
    free = solve_compiled(without[1], values(without[0]), None, [without[2]], ["S"]).members[0]
    assert (found.values[20:] < free.values[20:]).all()
    assert found.values[-1] < 0.9 * free.values[-1]


# -- ensembles -----------------------------------------------------------------------------------------------------


PLAIN, EQUAL = np.array([[-0.4, 0.0, 0.1], [0.4, -0.2, 0.0]]), np.array([[-0.3, 0.0, 0.1], [0.4, -0.3, 0.0]])


def mixed() -> tuple[Model, np.ndarray, list[Timeline]]:
    """Members with a closed form, with equal rates, and one whose parameter is not a number."""
    model = affine(np.full((2, 3), 0.25))
    random = np.random.default_rng(7).uniform(0.5, 1.5, (14, 2, 1))
    rows = np.vstack([cells_of(model, EQUAL if i % 3 == 1 else PLAIN * random[i]) for i in range(14)])
    rows[8, compile_model(model).parameters.index("a02")] = math.nan
    timelines = [
        marked(np.linspace(0.0, 20.0 + i, 8), Instruction(3.0, Kind.JUMP, 0, 2.0), Instruction(5.0, Kind.RATE, 0, 1.0))
        for i in range(14)
    ]
    return model, rows, timelines


def test_members_with_and_without_a_closed_form_do_not_notice_each_other() -> None:
    """Bitwise: alone, in another order, on two threads; each path as it is asked for by name."""
    model, rows, timelines = mixed()
    compiled = compile_model(model)
    usable = closed_form(compiled, rows, None)
    assert usable.any()
    assert not usable[1::3].any()
    together = solve(compiled, rows, None, timelines, compiled.states)
    assert together.engine == "compiled and SciPy"
    assert together.failed == (8,)
    assert "a02" in together.members[8].status.sentence
    order = np.random.default_rng(1).permutation(14)
    shuffled = solve(compiled, rows[order], None, [timelines[i] for i in order], compiled.states, threads=2)
    for place, i in enumerate(order):
        assert shuffled.members[place].values.tobytes() == together.members[i].values.tobytes()
    for i, member in enumerate(together.members):
        alone = solve(compiled, rows[i : i + 1], None, [timelines[i]], compiled.states)
        assert alone.members[0].values.tobytes() == member.values.tobytes()
        assert alone.engine == ("compiled" if usable[i] else "SciPy")
        if i != 8:
            by_name = solve(
                compiled, rows[i : i + 1], None, [timelines[i]], compiled.states,
                accuracy=Accuracy(method="rodas" if usable[i] else "expm"),
            ).members[0]  # fmt: skip
            assert by_name.values.tobytes() == member.values.tobytes()


def test_the_compiled_engine_takes_both_kinds_of_members_too() -> None:
    """Asked for by name, it integrates what has no closed form; lanes of both kinds do not mix."""
    model, rows, timelines = mixed()
    compiled = compile_model(model)
    together = solve_compiled(compiled, rows, None, timelines, compiled.states)
    exact_ones = solve(compiled, rows, None, timelines, compiled.states, accuracy=Accuracy(method="expm"))
    for i in range(14):
        for width in (1, 2, 8):
            alone = solve_compiled(compiled, rows[[i]], None, [timelines[i]], compiled.states, width=width)
            assert alone.members[0].values.tobytes() == together.members[i].values.tobytes()
        if i != 8:
            np.testing.assert_allclose(together.members[i].values, exact_ones.members[i].values, rtol=5e-7)


def test_rows_resets_starts_and_windows() -> None:
    """Parameters that change decide with all their rows; a run that is cut in two goes on where it stopped."""
    model, rows, _ = mixed()
    compiled, other, equal = compile_model(model), cells_of(model, PLAIN * [[2.2], [1.7]]), cells_of(model, EQUAL)
    tables = [np.vstack([rows[[i]], second]) for i, second in ((0, other), (0, equal), (2, other))]
    times = np.linspace(0.0, 30.0, 16)
    events = [
        Instruction(4.0, Kind.CHANGE, index=1),
        Instruction(9.0, Kind.JUMP, 0, 3.0),
        Instruction(14.0, Kind.RATE, 0, 2.0),
        Instruction(21.0, Kind.RESET, value=1.0),
        Instruction(24.0, Kind.CHANGE, index=0),
    ]
    timeline, first = marked(times, *events), np.array([table[0] for table in tables])
    starts = np.array([[1.0, 0.0], [0.5, 2.0], [0.0, 0.0]])
    assert closed_form(compiled, first, tables).tolist() == [True, False, True]
    found = solve(compiled, first, starts, [timeline] * 3, compiled.states, rows=tables)
    wanted = solve(
        compiled, first, starts, [timeline] * 3, compiled.states, rows=tables, accuracy=Accuracy(method="expm")
    )
    for one, two in zip(found.members, wanted.members, strict=True):
        assert one.status.ok
        np.testing.assert_allclose(one.values, two.values, rtol=1e-12)
        np.testing.assert_allclose(one.end, two.end, rtol=1e-12)
    parts, begun = [], starts
    for window in ((0.0, 10.0), (10.0, 22.5), (22.5, math.inf)):
        part = solve(compiled, first, begun, [timeline] * 3, compiled.states, rows=tables, window=window)
        parts.append([member.values for member in part.members])
        begun = np.array([member.end for member in part.members])
    for i, member in enumerate(found.members):
        np.testing.assert_allclose(np.concatenate([part[i] for part in parts]), member.values, rtol=1e-12)


def test_watches_on_a_linear_model() -> None:
    """The time at which a concentration falls below a level is as exact as the state."""
    model = mdr.Model(mdr.pk.one_compartment("d", V="10 L", CL="5 L/h", amount_unit="mg"))
    compiled, p = compile_model(model), values(model)
    times = np.linspace(0.0, 24.0, 5)
    timeline = build(arrange(mdr.bolus("d", "100 mg"), times.tolist()), BoundPorts(compiled, p), stop=24.0)
    found = solve(
        compiled, np.repeat(p, 3, axis=0), None, [timeline] * 3, ["C_d"],
        watches=[Watch("central_d", -1)], levels=np.array([[50.0], [1e-3], [1e-9]]),
    )  # fmt: skip
    assert found.engine == "compiled"
    wanted = [np.log(2.0) / 0.5, np.log(1e5) / 0.5]
    np.testing.assert_allclose([member.time for member in found.members[:2]], wanted, rtol=1e-13)
    assert [member.crossed for member in found.members] == [0, 0, -1]


def test_growth_without_limit_is_told_with_its_time() -> None:
    model = mdr.Model(mdr.clone("S", growth=mdr.growth.exponential(rate="1 1/h"), start=1.0))
    compiled = compile_model(model)
    rows = np.vstack([values(model, growth_S=1.0), values(model, growth_S=0.1)])
    found = solve(compiled, rows, None, [marked(np.array([0.0, 300.0, 2000.0]))] * 2, ["S"])
    assert found.engine == "compiled"
    assert found.failed == (0,)
    assert "grows without limit" in found.members[0].status.sentence
    assert found.members[0].status.time == pytest.approx(300.0 * math.log(10.0), rel=1e-6)
    np.testing.assert_allclose(found.members[0].values[:, 0], [1.0, math.exp(300.0)], rtol=1e-12)
    np.testing.assert_allclose(found.members[1].values[:, 0], np.exp([0.0, 30.0, 200.0]), rtol=1e-12)


@pytest.mark.parametrize(
    ("rate", "affine"),
    [
        ("2*k*S/(1 + k)", True),
        ("k*(S + R) + exp(k)", True),
        ("S*R", False),
        ("S**2", False),
        ("k*S/(1 + S)", False),
        ("k*exp(S)", False),
        ("k*S if k > 1 else 2*k*R", True),
        ("k*S if R > 1 else 2*k*S", False),
        ("k*S*R if k > 1 else 2*k*S", False),
        ("k*max(S, R)", False),
    ],
)
def test_which_rates_are_affine(rate: str, affine: bool) -> None:
    """Exactly those whose derivatives by the states hold no state, and that have no condition on one."""
    model = mdr.Model(
        mdr.state("S", 2.0, kind="effect"),
        mdr.state("R", 3.0, kind="effect"),
        mdr.parameter("k", 1.5),
        mdr.parameter("per_hour", "1 1/h"),
        mdr.process("change", f"({rate})*per_hour", {"S": 1}),
    )
    assert compile_model(model).linear == affine
