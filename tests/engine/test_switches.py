"""Conditions inside rates, and watches: where they change, what that does to a run and to its derivatives."""

from __future__ import annotations

import numpy as np
import pytest

import pkpd_mdr as mdr
from pkpd_mdr.engine import Accuracy, BoundPorts, Ensemble, Timeline, Watch, build, compile_model, solve
from pkpd_mdr.engine.machine.compiled import solve_compiled
from pkpd_mdr.engine.timeline import Instruction, Kind
from pkpd_mdr.regimen import Give, Mark, Regimen, nothing
from pkpd_mdr.run.simulate import with_exposure

EXACT = Accuracy(rtol=1e-10, atol=1e-13, method="rodas")
PATHS = {"compiled": "rodas", "SciPy": "DOP853"}


def run(
    model: mdr.Model, regimen: Regimen, marks: np.ndarray, outputs: list[str], rows: np.ndarray, **options: object
) -> Ensemble:
    """Solve one model for several parameter rows."""
    compiled = compile_model(model)
    entries = [(t, 0, Mark(float(t), 0)) for t in marks] + [(act.time, 1, Give(act)) for act in regimen.acts]
    ordered = [entry for *_, entry in sorted(entries, key=lambda item: item[:2])]
    timelines = [build(ordered, BoundPorts(compiled, row[None]), stop=float(marks[-1])) for row in rows]
    return solve(compiled, rows, None, timelines, outputs, **options)


def values(model: mdr.Model, **changes: float) -> np.ndarray:
    return np.array([changes.get(name, item.internal) for name, item in model.parameters.items()])


def two_speeds() -> mdr.Model:
    """Growth slows down where a threshold is passed; the drug's clearance changes at a time."""
    return mdr.Model(
        mdr.state("A", 0.0, unit="mg", kind="amount"),
        mdr.state("N", 1.0, kind="cells"),
        mdr.parameter("ke", "0.3 1/h"),
        mdr.parameter("slow", "0.5 1/h"),
        mdr.parameter("late", "7.3 h"),
        mdr.parameter("fast", "0.2 1/h"),
        mdr.parameter("limit", 3.0),
        mdr.parameter("k", "0.02 1/(mg*h)"),
        mdr.dosing("d", into="A", unit="mg"),
        mdr.process("elimination", "(ke if t < late else slow)*A", {"A": -1}),
        mdr.process("growth", "(fast if N < limit else 0.4*fast)*N", {"N": 1}),
        mdr.process("kill", "k*A*N", {"N": -1}),
    )


MARKS = np.linspace(0.0, 24.0, 25)


def closed_form(p: dict[str, float], t: np.ndarray, dose: float) -> np.ndarray:
    """log N without threshold, from the area under the amount."""
    early = np.minimum(t, p["late"])
    area = dose / p["ke"] * -np.expm1(-p["ke"] * early)
    left = dose * np.exp(-p["ke"] * p["late"])
    area += np.where(t > p["late"], left / p["slow"] * -np.expm1(-p["slow"] * np.maximum(t - p["late"], 0)), 0.0)
    return p["fast"] * t - p["k"] * area


def test_a_rate_that_changes_at_a_time_is_exact() -> None:
    model = two_speeds().with_parameters({"limit": 1e9})
    found = run(model, mdr.bolus("d", "20 mg"), MARKS, ["N"], values(model)[None], accuracy=EXACT)
    given = {name: item.internal for name, item in model.parameters.items()}
    np.testing.assert_allclose(np.log(found.members[0].values[:, 0]), closed_form(given, MARKS, 20.0), atol=3e-9)


def test_default_tolerance_holds_across_a_condition() -> None:
    """At the default accuracy the error stays near the tolerance, where a step over the jump would leave percents."""
    model = two_speeds()
    rows = np.array([values(model, limit=x, late=y) for x, y in [(3.0, 7.3), (1.7, 0.01), (2.2, 23.9)]])
    coarse = run(model, mdr.bolus("d", "20 mg"), MARKS, ["A", "N"], rows, accuracy=Accuracy())
    fine = run(model, mdr.bolus("d", "20 mg"), MARKS, ["A", "N"], rows, accuracy=EXACT)
    assert coarse.engine == "compiled"
    for one, two in zip(coarse.members, fine.members, strict=True):
        np.testing.assert_allclose(one.values, two.values, rtol=2e-6, atol=1e-9)


def test_sensitivities_across_conditions_agree_with_differences() -> None:
    """By a threshold, by the time of a change, and by everything else."""
    model = two_speeds()
    names = tuple(model.parameters)
    base = values(model)
    doses = mdr.bolus("d", "20 mg").every("9 h", times=2)
    exact = (
        run(model, doses, MARKS, ["A", "N"], base[None], accuracy=EXACT, sensitivities=names).members[0].sensitivities
    )
    assert exact is not None
    shifted = []
    for k in range(len(base)):
        for sign in (1.0, -1.0):
            row = base.copy()
            row[k] += sign * 1e-5 * max(abs(base[k]), 1e-3)
            shifted.append(row)
    runs = run(model, doses, MARKS, ["A", "N"], np.array(shifted), accuracy=EXACT).members
    away = ~np.isin(MARKS, [0.0, 9.0])  # a value just before a dose
    for k in range(len(base)):
        step = 2e-5 * max(abs(base[k]), 1e-3)
        difference = (runs[2 * k].values - runs[2 * k + 1].values) / step
        size = np.abs(runs[0].values).max(axis=0) / max(abs(base[k]), 1e-3)
        scale = np.maximum(np.abs(difference).max(axis=0), 1e-2 * size)
        np.testing.assert_allclose(
            (exact[..., k] / scale)[away], (difference / scale)[away], atol=2e-5, err_msg=names[k]
        )
    assert np.abs(exact[:, 1, names.index("limit")]).max() > 0.05
    assert np.abs(exact[:, 0, names.index("late")]).max() > 0.05


def logistic() -> mdr.Model:
    return mdr.Model(
        mdr.medium("dox", unit="uM"),
        mdr.clone("S", growth=mdr.growth.logistic(rate="0.1 1/h", capacity="1000 cell"), start=10.0),
        mdr.kill("dox", on="S", emax="0.4 1/h", ec50="1 uM"),
    )


@pytest.mark.parametrize("method", PATHS.values(), ids=PATHS)
def test_a_watch_ends_a_member_at_its_level(method: str) -> None:
    model = logistic()
    levels = np.array([[500.0], [900.0], [20.0]])
    rows = np.repeat(values(model)[None], 3, axis=0)
    found = run(
        model, nothing(), np.linspace(0, 100, 11), ["S"], rows,
        accuracy=Accuracy(rtol=1e-9, method=method), watches=[Watch("burden", 1)], levels=levels,
    )  # fmt: skip
    times = [math_log(level[0] * 99.0 / (1000.0 - level[0])) / 0.1 for level in levels]
    np.testing.assert_allclose([m.time for m in found.members], times, rtol=1e-6)
    np.testing.assert_allclose([m.end[1] for m in found.members], levels[:, 0], rtol=1e-6)
    assert [m.crossed for m in found.members] == [0, 0, 0]
    assert [len(m.times) for m in found.members] == [int(t // 10) + 1 for t in times]
    assert not found.failed


def math_log(x: float) -> float:
    return float(np.log(x))


@pytest.mark.parametrize("method", PATHS.values(), ids=PATHS)
def test_direction_and_order_of_watches(method: str) -> None:
    """The drug is on from 20 h to 40 h: the burden rises, falls and rises again."""
    model, marks = logistic(), np.linspace(0, 120, 13)
    dose = mdr.exposure("dox", "10 uM", over="20 h").shift("20 h")
    options = {"accuracy": Accuracy(rtol=1e-9, method=method)}

    def first(*watches: tuple[int, float]) -> tuple[int, float]:
        kinds, levels = [Watch("S", d) for d, _ in watches], np.array([[level for _, level in watches]])
        member = run(model, dose, marks, ["S"], values(model)[None], watches=kinds, levels=levels, **options).members[0]
        return member.crossed, member.time

    peak = 1000.0 / (1.0 + 99.0 * np.exp(-2.0))
    assert first((1, 0.9 * peak))[1] < 20.0
    crossed, time = first((1, 2 * peak), (-1, 0.5 * peak))
    assert crossed == 1
    assert 20.0 < time < 40.0
    crossed, later = first((1, 2 * peak))
    assert (crossed, later > 40.0) == (0, True)
    assert first((1, 5000.0))[0] == -1


def test_both_paths_find_the_same_crossing() -> None:
    model, marks = logistic(), np.linspace(0, 120, 13)
    dose = mdr.exposure("dox", "2 uM", over="20 h").shift("20 h")
    found = [
        run(
            model, dose, marks, ["S"], values(model)[None],
            accuracy=Accuracy(rtol=1e-10, method=method), watches=[Watch("S", -1)], levels=np.array([[30.0]]),
        ).members[0]
        for method in PATHS.values()
    ]  # fmt: skip
    assert found[0].time == pytest.approx(found[1].time, rel=1e-8)
    np.testing.assert_allclose(found[0].values, found[1].values, rtol=1e-7)


@pytest.mark.parametrize("method", PATHS.values(), ids=PATHS)
def test_an_act_may_take_an_output_across_its_level(method: str) -> None:
    model = mdr.Model(mdr.clone("S", growth=mdr.growth.exponential(rate="0.01 1/h"), start=1e6), mdr.resection("S"))
    found = run(
        model, mdr.surgery(0.9).shift("30 h"), np.array([0.0, 20.0, 40.0]), ["S"], values(model)[None],
        accuracy=Accuracy(method=method), watches=[Watch("burden", -1)], levels=np.array([[5e5]]),
    ).members[0]  # fmt: skip
    assert found.time == 30.0
    assert found.crossed == 0
    assert found.end[0] == pytest.approx(0.1 * 1e6 * np.exp(0.3), rel=1e-6)


def test_the_time_of_a_crossing_has_derivatives() -> None:
    model = mdr.Model(mdr.clone("S", growth=mdr.growth.exponential(rate="0.1 1/h"), start=10.0))
    rate = next(name for name in model.parameters if "growth" in name)
    found = run(
        model, nothing(), np.array([0.0, 100.0]), ["S"], values(model)[None],
        accuracy=EXACT, watches=[Watch("S", 1)], levels=np.array([[1000.0]]), sensitivities=[rate, "S0"],
    ).members[0]  # fmt: skip
    time = np.log(100.0) / 0.1
    assert found.time == pytest.approx(time, rel=1e-9)
    np.testing.assert_allclose(found.crossed_by, [-time / 0.1, -1.0 / (0.1 * 10.0)], rtol=1e-8)
    np.testing.assert_allclose(found.end_by[0], [time * 1000.0, 100.0], rtol=1e-8)


def test_members_with_conditions_do_not_notice_each_other() -> None:
    model = two_speeds()
    rng = np.random.default_rng(3)
    rows = np.array([values(model, limit=x, late=y) for x, y in rng.uniform([1.2, 1], [4, 20], (13, 2))])
    together = run(model, mdr.bolus("d", "20 mg"), MARKS, ["A", "N"], rows)
    for i in (0, 5, 12):
        alone = run(model, mdr.bolus("d", "20 mg"), MARKS, ["A", "N"], rows[i : i + 1])
        np.testing.assert_array_equal(alone.members[0].values, together.members[i].values)


def test_a_condition_that_switches_to_and_fro_ends_in_a_sentence() -> None:
    model = mdr.Model(
        mdr.state("x", 1.0), mdr.parameter("v", "1 1/h"), mdr.process("p", "v if x < 2 else -v", {"x": 1})
    )
    with pytest.raises(mdr.SimulationError, match=r"stopped at 1 h.*budget.*condition .*to and fro"):
        model.simulate(until="5 h", accuracy=Accuracy(budget=4000))


def test_an_extinct_clone_does_not_grow_into_negative_cells() -> None:
    """Noise below zero is an empty stock to the rates: 1e6 cells are killed, and the drug is gone for two years."""
    model = mdr.Model(
        mdr.medium("dox", unit="uM"),
        mdr.clone("S", growth=mdr.growth.exponential(rate="0.05 1/h"), start=1e6),
        mdr.kill("dox", on="S", emax="3 1/h", ec50="1 uM", hill=2),
        mdr.clone("R", growth=mdr.growth.exponential(rate="0.001 1/h"), start=10.0),
    )
    found = model.simulate(mdr.exposure("dox", "10 uM", over="500 h"), until="1 year", accuracy=Accuracy(rtol=1e-5))
    assert float(found.frame["S"].min()) >= 0.0
    assert with_exposure(model).states


def test_a_condition_on_parameters_alone() -> None:
    """It never changes within a run: members with either outcome, derivatives and paths, against closed forms."""
    model = mdr.Model(
        mdr.state("x", 1.0, unit="1", kind="effect"),
        mdr.parameter("k", "0.5 1/h"),
        mdr.parameter("b", 2.0),
        mdr.process("loss", "k*x**2 if b > 1 else 3*k*x**2", {"x": -1}),
    )
    compiled = compile_model(model)
    rows = np.array([[{"k": 0.5, "b": b}.get(name, 1.0) for name in compiled.parameters] for b in (2.0, 0.5)])
    timeline = Timeline.of((Instruction(4.0, Kind.MARK, index=0), Instruction(4.0, Kind.END)), 0.0, 4.0)
    start = np.ones((2, 1))
    for asked in ((), ("k",)):
        found = solve_compiled(compiled, rows, start, [timeline] * 2, ["x"], sensitivities=asked).members
        for member, factor in zip(found, (1.0, 3.0), strict=True):
            exact = 1.0 / (1.0 + 4.0 * 0.5 * factor)
            assert member.values[0, 0] == pytest.approx(exact, rel=5e-6)
            if asked:
                assert member.sensitivities[0, 0, 0] == pytest.approx(-(exact**2) * 4.0 * factor, rel=1e-5)
