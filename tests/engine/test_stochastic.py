"""Stochastic paths: what happens at instructions, which numbers a seed gives, and why a path stops."""

from __future__ import annotations

import importlib.util
import math
from collections.abc import Callable
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import HealthCheck, Phase, assume, given, reject, settings
from hypothesis import strategies as st
from strategies.models import models

pytest.importorskip("llvmlite")

import pkpd_mdr as mdr
from pkpd_mdr.engine import BoundPorts, Ensemble, Timeline, build, compile_model
from pkpd_mdr.engine.stochastic.network import Network
from pkpd_mdr.engine.stochastic.solve import Stream, solve_stochastic
from pkpd_mdr.engine.timeline import Instruction, Kind
from pkpd_mdr.errors import SimulationError
from pkpd_mdr.model import Model
from pkpd_mdr.regimen import Regimen, arrange

needs_numba = pytest.mark.skipif(importlib.util.find_spec("numba") is None, reason="needs numba")
DAY = 24.0


@pytest.fixture(autouse=True)
def plain_loop(monkeypatch: pytest.MonkeyPatch) -> None:
    """Tests of meaning run the loop in Python: numba would spend half a minute on a machine that never ran it."""
    monkeypatch.setenv("PKPD_MDR_DRIVER", "python")


def values(model: Model, count: int = 1) -> np.ndarray:
    return np.repeat([[parameter.internal for parameter in model.parameters.values()]], count, axis=0)


def line(model: Model, times: list[float], regimen: Regimen | None = None) -> Timeline:
    ports = BoundPorts(compile_model(model), values(model))
    return build(arrange(regimen or mdr.nothing(), times), ports, stop=times[-1])


def paths(
    model: Model, times: list[float], regimen: Regimen | None = None, *, count: int = 1, **options: object
) -> Ensemble:
    """All states of some members at some times."""
    compiled, timeline = compile_model(model), line(model, times, regimen)
    given = {name: options.pop(name) for name in ("starts", "seeds", "threads", "window") if name in options}
    return solve_stochastic(
        compiled, values(model, count), given.pop("starts", None), [timeline] * count, compiled.states,
        stochastic=mdr.Stochastic(**options), **given,
    )  # type: ignore[arg-type]  # fmt: skip


def at(found: Ensemble, state: int = 0, mark: int = -1) -> np.ndarray:
    assert not found.failed, found.members[found.failed[0]].status.sentence
    return np.array([member.values[mark, state] for member in found.members])


def birth_death(birth: float = 1.0, death: float = 0.8, start: float = 10.0) -> Model:
    law = mdr.growth.birth_death(birth=f"{birth} 1/day", death=f"{death} 1/day")
    return mdr.Model(mdr.clone("N", growth=law, start=start))


def drugged(start: float = 2000.0, resistant: float = 8.0) -> Model:
    return mdr.Model(
        mdr.pk.one_compartment("dox", V="10 L", CL="2 L/h", amount_unit="mg"),
        mdr.clone("S", growth=mdr.growth.birth_death(birth="0.6 1/day", death="0.2 1/day"), start=start),
        mdr.clone("R", growth=mdr.growth.birth_death(birth="0.5 1/day", death="0.2 1/day"), start=resistant),
        mdr.kill("dox", on="S", emax="4 1/day", ec50="0.5 mg/L", hill=1.3),
        mdr.kill("dox", on="R", emax="1 1/day", ec50="5 mg/L"),
        mdr.mutation("S", "R", probability=1e-3),
        mdr.resection(),
        mdr.radiotherapy({"S": ("0.3 1/Gy", "0.03 1/Gy**2"), "R": "0.1 1/Gy"}),
    )


def switching(start: float, other: float = 0.0) -> Model:
    return mdr.Model(
        mdr.clone("S", start=start),
        mdr.clone("R", start=other),
        mdr.switching("S", "R", rate="1 1/day", back="0.5 1/day"),
    )


# -- the network ------------------------------------------------------------------------------------------


def test_which_processes_are_events() -> None:
    network = Network(compile_model(drugged()))
    events = {process.name for process, event in zip(network.processes, network.events, strict=True) if event}
    cells = {"birth_S", "death_S", "birth_R", "death_R", "kill_dox_S", "kill_dox_R", "mutation_S_R"}
    assert events == cells
    assert (network.static, network.flowing) == (False, True)
    plain = Network(compile_model(switching(5.0)))
    assert (plain.static, plain.flowing) == (True, False)
    names = [process.name for process in network.processes]
    affected = {names[k] for k in network.affected(names.index("birth_R"))}
    assert affected == {"birth_R", "death_R", "kill_dox_R"}


def test_a_drug_without_effect_on_cells_leaves_rates_constant() -> None:
    model = mdr.Model(
        mdr.pk.one_compartment("dox", V="10 L", CL="2 L/h", amount_unit="mg"),
        mdr.clone("N", growth=mdr.growth.birth_death(birth="1 1/day", death="1 1/day"), start=30),
    )
    assert Network(compile_model(model)).static
    found = paths(model, [0.0, 5.0, 20.0, 48.0], mdr.bolus("dox", "100 mg", at="2 h"), seed=2).members[0]
    np.testing.assert_allclose(found.values[1:, 0], 100.0 * np.exp(-0.2 * np.array([3.0, 18.0, 46.0])), rtol=1e-5)
    assert found.values[-1, 1] != 30.0


def test_scaled_clones_are_not_counted() -> None:
    model = mdr.Model(mdr.clone("S", growth=mdr.growth.exponential(rate="1 1/day"), start=0.5, unit=""))
    with pytest.raises(SimulationError, match=r"none .declare clones with unit 'cell'"):
        paths(model, [0.0, 1.0])


def test_parts_of_cells_cannot_move() -> None:
    model = mdr.Model(
        mdr.parameter("k", "1 1/h"),
        mdr.state("N", 5.0, unit="cell", kind="cells"),
        mdr.process("shrink", "k*N", {"N": -0.5}),
    )
    with pytest.raises(SimulationError, match=r"'shrink' moves 'N' by -0.5.*whole number"):
        paths(model, [0.0, 1.0])


def test_an_event_moves_what_its_process_says_of_other_states() -> None:
    """Each death returns its cargo to a pool: the change is an expression of the states just before."""
    model = mdr.Model(
        mdr.parameter("k", "0.2 1/h"),
        mdr.state("N", 40.0, unit="cell", kind="cells"),
        mdr.state("cargo", 10.0, unit="umol", kind="amount"),
        mdr.state("free", 0.0, unit="umol", kind="amount"),
        mdr.process("death", "k*N", {"N": -1, "cargo": "-cargo/N", "free": "cargo/N"}),
    )
    for method in ("ssa", "tau", "hybrid"):
        found = paths(model, [0.0, 3.0, 6.0], seed=4, method=method).members[0]
        assert found.status.ok, found.status.sentence
        n, cargo, free = found.values.T
        assert n[-1] < n[0]
        np.testing.assert_allclose(cargo + free, 10.0, rtol=1e-12)
        if method != "tau":
            np.testing.assert_allclose(cargo, 10.0 * n / 40.0, rtol=1e-9)


# -- instructions -----------------------------------------------------------------------------------------


def test_surgery_and_radiation_leave_binomial_numbers() -> None:
    model, count = drugged(start=500.0, resistant=3e6), 400
    for regimen, survival in (
        (mdr.surgery(0.97, at="0 h"), (0.03, 0.03)),
        (mdr.radiation("3 Gy", at="0 h"), (math.exp(-0.9 - 0.27), math.exp(-0.3))),
    ):
        found = paths(model, [1e-9], regimen, count=count, seed=5)
        for name, n, share in (("S", 500.0, survival[0]), ("R", 3e6, survival[1])):
            left = at(found, compile_model(model).states.index(name))
            variance = n * share * (1 - share)
            assert abs(left.mean() - n * share) < 4 * math.sqrt(variance / count)
            assert abs(left.var() / variance - 1) < 4 * math.sqrt(2 / count)
    few = paths(model, [1e-9], mdr.surgery(1 - 1e-6, at="0 h"), count=count, seed=6)
    left = at(few, compile_model(model).states.index("R"))  # of three million, large until then
    assert set(left) <= set(range(20))
    assert abs(left.mean() - 3.0) < 4 * math.sqrt(3.0 / count)
    assert left.var() == pytest.approx(3.0, rel=4 * math.sqrt(2.4 / count))


def holding(start: float) -> Model:
    return mdr.Model(
        mdr.medium("dox"),
        mdr.clone("S", start=start),
        mdr.clone("R", start=200, resistant=True),
        mdr.pgp.content("S", start=0.5),
        mdr.pgp.content("R", start=1),
        mdr.resection(),
    )


@pytest.mark.parametrize("method", ["ssa", "tau", "hybrid"])
def test_survivors_of_surgery_hold_what_they_held(method: str) -> None:
    """Content goes with the cells that were drawn, not with those expected: none is made, none stays in an empty clone.

    A share of ten cells leaves none of them in a third of all paths; what they held is with the lost.
    """
    model = holding(10.0)
    find = compile_model(model).states.index
    found = paths(model, [1.0], mdr.surgery(0.9, at="0 h"), count=40, seed=3, method=method, threshold=100)
    s, r, pgp_s, pgp_r, lost = (at(found, find(name)) for name in ("S", "R", "pgp_S", "pgp_R", "lost_pgp"))
    assert 0 < (s == 0).sum() < 40
    np.testing.assert_allclose(pgp_s, 0.5 * s, rtol=1e-12)
    np.testing.assert_allclose(pgp_r, r, rtol=1e-12)
    np.testing.assert_allclose(pgp_s + pgp_r + lost, 205.0, rtol=1e-12)


def test_starts_that_are_drawn_hold_what_cells_hold() -> None:
    model = holding(0.4)
    find = compile_model(model).states.index
    found = paths(model, [1.0], count=40, seed=3, fractions="draw")
    s, pgp = (at(found, find(name)) for name in ("S", "pgp_S"))
    assert set(s) == {0.0, 1.0}
    np.testing.assert_allclose(pgp, 0.5 * s, rtol=1e-12)


def test_resets_exposures_and_covariates() -> None:
    model = mdr.Model(
        mdr.medium("dox", unit="uM"),
        mdr.clone("N", growth=mdr.growth.exponential(rate="0.01 1/h"), start=50),
        mdr.kill("dox", on="N", slope="1 1/(uM*h)"),
    )
    compiled = compile_model(model)
    n, dox = compiled.states.index("N"), compiled.states.index("medium_dox")
    items = [
        Instruction(1.0, Kind.SET, 0, 3.0),
        Instruction(5.0, Kind.MARK, index=0),
        Instruction(5.0, Kind.RESET, value=1.0),
        Instruction(5.0, Kind.MARK, index=1),
        Instruction(6.0, Kind.RESET, value=0.0),
        Instruction(7.0, Kind.MARK, index=2),
        Instruction(7.0, Kind.END),
    ]
    timeline = Timeline.of(tuple(items), 0.0, 7.0)
    found = solve_stochastic(compiled, values(model), None, [timeline], compiled.states).members[0]
    assert found.status.ok
    assert found.values[0, n] < 3
    assert found.values[0, dox] == 3.0
    assert (found.values[1, n], found.values[1, dox]) == (50.0, 0.0)
    assert (found.values[2, n], found.values[2, dox]) == (0.0, 0.0)
    rows = np.repeat(values(model), 2, axis=0)
    rows[1, compiled.parameters.index("growth_N")] = 0.0
    change = Timeline.of((Instruction(0.0, Kind.CHANGE, index=1), Instruction(50.0, Kind.END)), 0.0, 50.0)
    still = solve_stochastic(compiled, rows[:1], None, [change], compiled.states, rows=[rows]).members[0]
    assert still.end[n] == 50.0


def test_cells_that_are_infused_come_one_by_one() -> None:
    """Immigration at rate r and death at rate d: Poisson with mean r/d*(1 - exp(-d*t))."""
    model = mdr.Model(
        mdr.clone("N", death="0.5 1/h"),
        mdr.dosing("cells", into="N", unit="cell"),
    )
    count = 400
    for method in ("ssa", "tau"):
        found = at(paths(model, [4.0], mdr.infusion("cells", 200, over="4 h"), count=count, seed=8, method=method))
        mean = 50.0 / 0.5 * (1 - math.exp(-2.0))
        assert abs(found.mean() - mean) < 4 * math.sqrt(mean / count)
        assert abs(found.var() / mean - 1) < 4 * math.sqrt(2 / count)
    bolus = at(paths(model, [1e-12], mdr.bolus("cells", 10.4), count=count, seed=8))
    assert set(bolus) == {10.0, 11.0}


def test_a_population_turns_large_and_small_again() -> None:
    model = drugged(start=100.0, resistant=5.0)
    regimen = mdr.bolus("dox", "2000 mg", at="20 day").every("1 day", times=4)
    times = np.linspace(0.0, 40 * DAY, 161).tolist()
    compiled = compile_model(model)
    found = paths(model, times, regimen, seed=3, threshold=300.0).members[0]
    assert found.status.ok, found.status.sentence
    s = found.values[:, compiled.states.index("S")]
    assert s[0] == 100.0
    assert s.max() > 1e4
    small = s < 150.0
    assert (s[small] == np.floor(s[small])).all()
    assert (s[s > 300.0] != np.floor(s[s > 300.0])).any()
    assert s[times.index(20 * DAY) :].min() < 150.0


def test_large_populations_follow_the_differential_equations() -> None:
    model = drugged(start=1e8, resistant=1e6)
    regimen = mdr.infusion("dox", "50 mg", over="2 h").every("5 day", times=3)
    times = np.linspace(0.0, 20 * DAY, 41).tolist()
    compiled, timeline = compile_model(model), line(model, times, regimen)
    accuracy = mdr.Accuracy(rtol=1e-8, atol=1e-10)
    wanted = mdr.engine.solve(compiled, values(model), None, [timeline], compiled.states, accuracy=accuracy)
    found = paths(model, times, regimen)
    np.testing.assert_allclose(found.members[0].values, wanted.members[0].values, rtol=2e-5, atol=1e-9)


# -- seeds ------------------------------------------------------------------------------------------------


def bits(found: Ensemble) -> list[bytes]:
    return [
        member.values.tobytes() + member.end.tobytes() + bytes(str(member.steps), "ascii") for member in found.members
    ]


CASES: list[tuple[Callable[[], Model], str, str]] = [
    (lambda: drugged(200.0), "hybrid", "drug"),
    (lambda: drugged(200.0), "tau", "drug"),
    (lambda: drugged(40.0), "ssa", "drug"),
    (lambda: birth_death(start=30.0), "auto", ""),
    (lambda: birth_death(start=900.0), "tau", ""),
]


def example(case: tuple[Callable[[], Model], str, str]) -> tuple[Model, list[float], Regimen | None, str]:
    make, method, drug = case
    regimen = mdr.infusion("dox", "30 mg", over="1 h").every("1 day", times=2) & mdr.surgery(0.5, at="30 h")
    return make(), np.linspace(0.0, 48.0, 7).tolist(), regimen if drug else None, method


@pytest.mark.parametrize("case", CASES)
def test_a_path_depends_on_its_seed_alone(case: tuple[Callable[[], Model], str, str]) -> None:
    model, times, regimen, method = example(case)
    together = bits(paths(model, times, regimen, count=5, method=method, seed=9))
    assert len(set(together)) == 5
    seeds = np.random.SeedSequence(9).spawn(5)
    turned = bits(paths(model, times, regimen, count=5, method=method, seeds=seeds[::-1]))
    assert turned[::-1] == together
    alone = paths(model, times, regimen, method=method, seeds=seeds[3:4])
    assert bits(alone) == together[3:4]


@pytest.mark.parametrize("case", [case for case in CASES if case[1] != "tau"])
def test_rows_change_no_path(case: tuple[Callable[[], Model], str, str]) -> None:
    """Who looks more closely sees the same path: at constant rates, too, where every row once began a new wait."""
    model, times, regimen, method = example(case)
    dense = np.linspace(0.0, 48.0, 97).tolist()
    seldom = paths(model, times, regimen, count=3, method=method, seed=1)
    often = paths(model, dense, regimen, count=3, method=method, seed=1)
    for one, other in zip(seldom.members, often.members, strict=True):
        assert np.ptp(other.values[:, 0]) > 0
        np.testing.assert_allclose(one.values, other.values[::16], rtol=1e-12)


@needs_numba
@pytest.mark.parametrize("case", CASES)
def test_machine_code_threads_and_breaks_give_the_same_bits(
    case: tuple[Callable[[], Model], str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    model, times, regimen, method = example(case)
    plain = bits(paths(model, times, regimen, count=6, method=method, seed=1))
    monkeypatch.setenv("PKPD_MDR_DRIVER", "numba")
    for threads in (1, 2, 3):
        assert bits(paths(model, times, regimen, count=6, method=method, seed=1, threads=threads)) == plain


@pytest.mark.parametrize("case", CASES)
def test_a_driver_that_breaks_off_goes_on_as_if_it_had_not(
    case: tuple[Callable[[], Model], str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    model, times, regimen, method = example(case)
    whole = bits(paths(model, times, regimen, count=3, method=method, seed=2))
    monkeypatch.setattr("pkpd_mdr.engine.stochastic.solve._ENDLESS", 7)
    assert bits(paths(model, times, regimen, count=3, method=method, seed=2)) == whole


def test_windows_go_on_with_the_same_stream() -> None:
    model = birth_death(start=60.0)
    stream, starts, parts = Stream.of(3), None, []
    for window in pairwise([0.0, 10.0, 20.0, 30.0]):
        part = paths(model, [5.0, 15.0, 25.0, 30.0], seeds=[stream], starts=starts, window=window)
        starts = part.members[0].end[None]
        parts.append((stream.state.tobytes(), part.members[0].values.tolist()))
    assert len({state for state, _ in parts}) == 3
    assert [len(found) for _, found in parts] == [1, 1, 1]
    again = Stream.of(3)
    first = paths(model, [5.0, 15.0, 25.0, 30.0], seeds=[again], window=(0.0, 10.0))
    assert first.members[0].values.tolist() == parts[0][1]


def test_a_large_population_stays_large_across_a_window() -> None:
    model, stream = birth_death(0.1, 1.1, start=1500.0), Stream.of(1)
    first = paths(model, [12.0, 48.0], seeds=[stream], window=(0.0, 12.0), threshold=1000.0)
    end = first.members[0].end
    assert 500 < end[0] < 1000
    assert end[0] != np.floor(end[0])
    second = paths(model, [12.0, 48.0], seeds=[stream], starts=end[None], window=(12.0, math.inf))
    assert second.members[0].status.ok, second.members[0].status.sentence


# -- failures ---------------------------------------------------------------------------------------------


def failure(found: Ensemble) -> str:
    assert found.failed == (0,)
    assert math.isfinite(found.members[0].status.time)
    return found.members[0].status.sentence


def test_failures_are_sentences() -> None:
    budget = paths(birth_death(start=50.0), [0.0, 400.0], budget=100)
    assert "budget of 100 events and steps is used up" in failure(budget)
    assert "Stochastic(budget=1000)" in failure(budget)
    assert len(budget.members[0].times) == 1
    assert "'N' starts with 2.5 cells, which is no whole number" in failure(paths(birth_death(start=2.5), [1.0]))
    logistic = mdr.Model(mdr.clone("N", growth=mdr.growth.logistic(rate="1 1/h", capacity=20), start=30))
    for method in ("ssa", "tau", "hybrid"):
        found = failure(paths(logistic, [1.0], method=method))
        assert "the rate of process 'birth_N' is -15 per h" in found
        assert "growth.birth_death" in found
    cell = mdr.state("N", 5.0, unit="cell", kind="cells"), mdr.parameter("k", "1 1/h")
    pairs = mdr.Model(*cell, mdr.process("pairing", "k*N", {"N": -2}))
    found = paths(pairs, [40.0])
    assert "'pairing' takes more cells than there are" in failure(found)
    assert found.members[0].end[0] == 1.0
    pole = mdr.Model(*cell, mdr.process("burst", "k/(N - 3)", {"N": -1}))
    assert "the rate of process 'burst' is inf" in failure(paths(pole, [400.0]))


def test_other_members_finish() -> None:
    model = birth_death()
    starts = np.array([[5.0], [2.5], [7.0], [math.nan]])
    parameters = values(model, 4)
    parameters[2, 0] = math.nan
    timeline = line(model, [0.0, 10.0])
    compiled = compile_model(model)
    seeds = list(range(4))
    found = solve_stochastic(compiled, parameters, starts, [timeline] * 4, ["N"], seeds=seeds)
    assert found.failed == (1, 2, 3)
    alone = solve_stochastic(compiled, values(model), starts[:1], [timeline], ["N"], seeds=[0])
    assert bits(alone) == bits(found)[:1]
    assert "is not a finite number" in found.members[2].status.sentence
    assert "the start is not finite" in found.members[3].status.sentence


def test_parts_of_cells_can_be_drawn() -> None:
    found = at(paths(birth_death(start=2.3), [0.0], count=2000, fractions="draw"))
    assert set(found) == {2.0, 3.0}
    assert abs(found.mean() - 2.3) < 4 * math.sqrt(0.21 / 2000)


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"method": "gillespie"}, "method 'gillespie' is not known"),
        ({"method": 3}, "method is 3, not text"),
        ({"seed": -1}, "seed = -1 is not possible"),
        ({"seed": 0.5}, "seed is 0.5, not a whole number"),
        ({"threshold": 2}, "threshold = 2.0 is not possible"),
        ({"threshold": math.nan}, "threshold = nan is not possible"),
        ({"epsilon": 0}, "epsilon = 0.0 is not possible"),
        ({"fractions": "round"}, "fractions 'round' is not known"),
        ({"budget": 0}, "budget = 0 is not possible"),
    ],
)
def test_options_that_are_not_possible(given: dict[str, object], words: str) -> None:
    with pytest.raises(SimulationError, match=words):
        mdr.Stochastic(**given)  # type: ignore[arg-type]


def test_wrong_arguments_are_refused() -> None:
    model = birth_death()
    with pytest.raises(SimulationError, match="2 seeds for 1 members"):
        paths(model, [1.0], seeds=[1, 2])
    with pytest.raises(SimulationError, match="'a' is no seed"):
        paths(model, [1.0], seeds=["a"])
    with pytest.raises(SimulationError, match="starts have the shape"):
        paths(model, [1.0], starts=np.ones((2, 1)))
    with pytest.raises(SimulationError, match="stochastic is 3, not a Stochastic"):
        model.simulate(until="1 day", stochastic=3)


def test_without_llvmlite_a_path_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pkpd_mdr.engine.machine.native.available", lambda: False)
    with pytest.raises(SimulationError, match="need llvmlite"):
        paths(birth_death(), [1.0])


# -- for users --------------------------------------------------------------------------------------------


def test_simulate_gives_one_path() -> None:
    model = drugged(start=300.0)
    dose = mdr.infusion("dox", "20 mg", over="1 h").every("2 day", times=3)
    options = {"until": "8 day", "times": "1 day", "stochastic": mdr.Stochastic(seed=7)}
    run, again = (model.simulate(dose, **options) for _ in range(2))
    other = model.simulate(dose, until="8 day", times="1 day", stochastic=mdr.Stochastic(seed=8))
    assert run.frame.equals(again.frame)
    assert not run.frame.equals(other.frame)
    assert run.provenance["stochastic"]["seed"] == 7
    assert (run.frame["R"] % 1 == 0).all()
    plain = model.simulate(dose, until="8 day", times="1 day")
    assert "stochastic" not in plain.provenance
    np.testing.assert_allclose(run.frame["C_dox"], plain.frame["C_dox"], rtol=1e-5, atol=1e-9)
    assert math.isfinite(run.endpoint("nadir"))


def test_strategies_decide_on_a_path() -> None:
    model = drugged(start=300.0)
    dose = mdr.bolus("dox", "20 mg").every("1 day", times=20)
    plan = mdr.adaptive(dose, stop_below=0.5, restart_above=1.0, visit="2 day")
    runs = [model.simulate(plan, until="12 day", times="1 day", stochastic=mdr.Stochastic(seed=s)) for s in (1, 1, 2)]
    assert runs[0].frame.equals(runs[1].frame)
    assert not runs[0].frame.equals(runs[2].frame)
    assert len(runs[0].events)
    r = runs[0].frame["R"]
    assert (r % 1 == 0).all()


def test_a_failed_path_keeps_what_was_computed() -> None:
    with pytest.raises(SimulationError, match="budget of 300") as caught:
        birth_death(start=100.0).simulate(until="9 day", stochastic=mdr.Stochastic(budget=300))
    partial = caught.value.partial
    assert partial is not None
    assert 1 < len(partial.frame) < 241


# -- laws -------------------------------------------------------------------------------------------------


@settings(max_examples=25, suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much])
@given(
    start=st.integers(0, 3000), other=st.integers(0, 3000), method=st.sampled_from(["ssa", "tau", "hybrid"]),
    seed=st.integers(0, 2**32),
)  # fmt: skip
def test_switching_keeps_the_number_of_cells(start: int, other: int, method: str, seed: int) -> None:
    total = start + other
    threshold = 10_000.0 if method == "hybrid" else 1000.0
    times = [0.0, 0.5, 1.0]
    found = paths(switching(start, other), times, method=method, seed=seed, threshold=threshold).members[0]
    assert found.status.ok, found.status.sentence
    assert (found.values.sum(axis=1) == total).all()
    assert (found.values >= 0).all()
    assert (found.values == np.floor(found.values)).all()


@settings(
    max_examples=12,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
    phases=[Phase.explicit, Phase.generate],  # shrinking whole models takes minutes
)
@given(model=models(), seed=st.integers(0, 2**32), method=st.sampled_from(["ssa", "tau", "hybrid"]))
def test_counts_of_random_models_are_whole_and_never_negative(model: Model, seed: int, method: str) -> None:
    compiled = compile_model(model)
    assume(compiled.counted.any())
    starts = np.where(compiled.counted, np.random.default_rng(seed).integers(0, 40, len(compiled.states)), 0.0)
    starts = np.where(compiled.counted, starts, compiled.start(values(model)[0]))[None]
    counted = [name for name, whole in zip(compiled.states, compiled.counted, strict=True) if whole]
    compiled.fill(starts[0], counted, values(model)[0])
    items = [Instruction(t, Kind.MARK, index=i) for i, t in enumerate((0.0, 3.0, 10.0))]
    items[1:1] = [
        Instruction(2.0, Kind.JUMP, i, 0.5) for i, port in enumerate(compiled.ports) if port.action != "expose"
    ]  # fmt: skip
    timeline = Timeline.of((*items, Instruction(10.0, Kind.END)), 0.0, 10.0)
    options = mdr.Stochastic(method=method, threshold=60, budget=3000)
    given = (compiled, values(model), starts, [timeline], compiled.states)
    try:
        found = solve_stochastic(*given, stochastic=options, seeds=[seed]).members[0]
    except mdr.SimulationError as refused:
        if "put the share into its rate" in str(refused):  # the P-gp grid moves fractions of cells
            reject()
        raise
    counts = found.values[:, compiled.counted]
    assert (counts >= 0).all()
    if method != "hybrid":
        assert (counts == np.floor(counts)).all()
    if not found.status.ok:  # net growth laws above their capacity, or a fast start
        # the start drawn here is no state of the model: pools without cells, vessels without a tumour
        told = ("the rate of process", "budget of 3000", "falls to", "a rate is not finite")
        assert any(words in found.status.sentence for words in told), found.status.sentence


def test_conditions_change_where_they_do_and_not_a_step_later() -> None:
    """A large population flows; the rate changes at a time, and where a drug has fallen to a level."""
    growth = "g if t < change else (h if C_x > limit else 2*g)"
    model = Model(
        mdr.pk.one_compartment("x", CL="1 L/h", V="40 L"),
        mdr.clone("S", growth=mdr.growth.exponential(rate=mdr.formula(growth)), start="1e6 cell"),
        *(mdr.parameter("g", "0.05 1/h"), mdr.parameter("h", "0.01 1/h")),
        *(mdr.parameter("change", "20 h"), mdr.parameter("limit", "0.5 mg/L")),
    )
    below = 40 * math.log(2 / 0.5)
    wanted = 1e6 * math.exp(0.05 * 20 + 0.01 * (below - 20) + 0.1 * (90 - below))
    for method in ("auto", "hybrid"):
        found = paths(model, [10.0, 90.0], mdr.bolus("x", "80 mg"), method=method)
        assert at(found, model_state(model, "S"))[0] == pytest.approx(wanted, rel=1e-5)


def test_a_hazard_that_is_there_for_a_short_time_is_met() -> None:
    """A single cell, which nothing happens to before and after: it survives one hour of danger with exp(-1)."""
    danger = mdr.formula("d if begin < t < end else 0*d")
    model = Model(
        mdr.clone("S", growth=mdr.growth.birth_death(birth="0 1/h", death=danger), start=1),
        *(mdr.parameter("d", "1 1/h"), mdr.parameter("begin", "100 h"), mdr.parameter("end", "101 h")),
    )
    left = at(paths(model, [99.0, 300.0], count=300, seed=5))
    assert abs(left.mean() - math.exp(-1)) < 4 * math.sqrt(math.exp(-1) * (1 - math.exp(-1)) / 300)


def model_state(model: Model, name: str) -> int:
    return list(model.states).index(name)
