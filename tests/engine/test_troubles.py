"""What goes wrong around the compiled engine: bad members, events at one time, missing parts, interruptions."""

from __future__ import annotations

import importlib.util
import logging
import math
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("llvmlite")

import pkpd_mdr as mdr
from pkpd_mdr.engine import Accuracy, BoundPorts, Compiled, Ensemble, Timeline, Watch, build, compile_model, solve
from pkpd_mdr.engine.machine import code, disk, driver, loop, native
from pkpd_mdr.engine.machine.compiled import solve_compiled
from pkpd_mdr.engine.reference import Propagator
from pkpd_mdr.engine.solve import fall_back
from pkpd_mdr.engine.timeline import Instruction, Kind
from pkpd_mdr.errors import SimulationError
from pkpd_mdr.model import Model
from pkpd_mdr.regimen import Regimen, arrange

EXACT = Accuracy(rtol=1e-10, atol=1e-13)


@pytest.fixture(autouse=True)
def plain_loop(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PKPD_MDR_DRIVER", "python")


def model() -> Model:
    return mdr.Model(
        mdr.pk.one_compartment("dox", V="10 L", CL="2 L/h", amount_unit="mg"),
        mdr.medium("pac", unit="uM"),
        mdr.clone("S", growth=mdr.growth.logistic(rate="0.05 1/h", capacity="1e9 cell"), start=1e6),
        mdr.kill("dox", on="S", emax="0.3 1/h", ec50="1 mg/L", hill=1.5),
        mdr.kill("pac", on="S", emax="0.1 1/h", ec50="1 uM"),
    )


def case(regimen: Regimen | None = None, stop: float = 60.0) -> tuple[Compiled, np.ndarray, Timeline]:
    made = model()
    compiled = compile_model(made)
    p = np.array([[item.internal for item in made.parameters.values()]])
    acts = regimen or mdr.infusion("dox", "30 mg", over="2 h").every("12 h", times=3)
    return compiled, p, build(arrange(acts, np.linspace(0.0, stop, 13).tolist()), BoundPorts(compiled, p), stop=stop)


def bits(ensemble: Ensemble) -> list[tuple[bytes, bytes]]:
    return [(member.values.tobytes(), member.end.tobytes()) for member in ensemble.members]


# -- members -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
def test_one_bad_parameter_among_many(bad: float) -> None:
    """Member 77 of 150 is told; the others are the same to the last bit as without it."""
    compiled, p, timeline = case()
    rows = p * np.exp(0.2 * np.random.default_rng(4).standard_normal((150, p.shape[1])))
    j = compiled.parameters.index("ec50_dox_S")
    mixed = rows.copy()
    mixed[77, j] = bad
    found = solve(compiled, mixed, None, [timeline] * 150, ["S"])
    assert found.failed == (77,)
    assert "'ec50_dox_S' is not a finite number" in found.members[77].status.sentence
    assert len(found.members[77].values) == 0
    others = np.delete(np.arange(150), 77)
    assert [bits(found)[i] for i in others] == bits(solve(compiled, rows[others], None, [timeline] * 149, ["S"]))


def test_members_that_blow_up_among_others() -> None:
    """Each says when; what came before stands; the lanes next to it go on."""
    made = mdr.Model(
        mdr.state("x", 1.0), mdr.parameter("k", "1 1/h"), mdr.process("growth", "k*x**2", {"x": 1})
    )  # x = 1/(1 - k t)
    compiled, ks = compile_model(made), np.array([0.1, 1.0, 0.2, 4.0, 0.05, 0.3])
    rows = np.array([[k if name == "k" else 1.0 for name in compiled.parameters] for k in ks])
    times = np.array([0.0, 0.2, 0.9, 3.0])
    items = [Instruction(float(t), Kind.MARK, index=i) for i, t in enumerate(times)]
    timeline = Timeline.of((*items, Instruction(3.0, Kind.END)), 0.0, 3.0)
    found = solve(compiled, rows, None, [timeline] * 6, ["x"], accuracy=EXACT)
    assert found.failed == (1, 3)
    for i, member in enumerate(found.members):
        before = times[: len(member.values)]
        assert (before == times[times < 1.0 / ks[i]]).all()
        np.testing.assert_allclose(member.values[:, 0], 1.0 / (1.0 - ks[i] * before), rtol=1e-7)
    assert [found.members[i].status.time for i in (1, 3)] == pytest.approx([1.0, 0.25], rel=1e-3)


def test_a_level_that_is_not_a_number_is_refused() -> None:
    compiled, p, timeline = case()
    watch, levels = [Watch("S", 1)], np.array([[1e8], [math.nan]])
    with pytest.raises(SimulationError, match="level of 'S' is not a number for member 1"):
        solve(compiled, np.repeat(p, 2, axis=0), None, [timeline] * 2, ["S"], watches=watch, levels=levels)


# -- events at one time --------------------------------------------------------------------------------------------

TOGETHER = {
    "an infusion begins where another ends": mdr.infusion("dox", "30 mg", over="5 h")
    & mdr.infusion("dox", "10 mg", over="5 h", at="5 h"),
    "two doses at once": mdr.bolus("dox", "10 mg", at="5 h") & mdr.bolus("dox", "20 mg", at="5 h"),
    "a dose at the edge of an exposure": mdr.exposure("pac", "2 uM", over="10 h")
    & mdr.bolus("dox", "20 mg", at="10 h"),
    "infusions without a gap": mdr.infusion("dox", "12 mg", over="6 h").every("6 h", times=8),
    "exposures without a gap": mdr.exposure("pac", "2 uM", over="6 h")
    & mdr.exposure("pac", "1 uM", over="6 h").shift("6 h"),
    "everything at the begin and at the end": mdr.bolus("dox", "10 mg") & mdr.bolus("dox", "10 mg", at="60 h"),
    "ends at marks": mdr.infusion("dox", "30 mg", over="5 h").every("10 h", times=4),
}


@pytest.mark.parametrize("name", TOGETHER)
def test_edges_at_the_same_time(name: str) -> None:
    """As SciPy has it, and the same when the second act is listed first."""
    compiled, p, timeline = case(TOGETHER[name])
    found = solve(compiled, p, None, [timeline], compiled.states, accuracy=EXACT).members[0]
    wanted = solve(compiled, p, None, [timeline], compiled.states, accuracy=Accuracy(1e-11, 1e-13, "DOP853")).members[0]
    assert found.status.ok
    np.testing.assert_array_equal(found.times, wanted.times)
    np.testing.assert_allclose(found.values, wanted.values, rtol=1e-8, atol=1e-10)
    np.testing.assert_allclose(found.end, wanted.end, rtol=1e-8, atol=1e-10)


def test_infusions_without_a_gap_are_one() -> None:
    compiled, p, parts = case(mdr.infusion("dox", "0.6 mg", over="0.3 h").every("0.3 h", times=100))
    _, _, one = case(mdr.infusion("dox", "60 mg", over="30 h"))
    found = [solve(compiled, p, None, [t], ["central_dox", "S"], accuracy=EXACT).members[0] for t in (parts, one)]
    np.testing.assert_allclose(found[0].values, found[1].values, rtol=1e-7, atol=1e-9)


# -- missing parts -------------------------------------------------------------------------------------------------


def without_llvmlite(monkeypatch: pytest.MonkeyPatch) -> None:
    """A process that knows nothing of its processor and cannot ask LLVM."""
    monkeypatch.setenv("PKPD_MDR_CACHE", "off")
    monkeypatch.setattr(native, "_state", {})
    monkeypatch.setitem(sys.modules, "llvmlite.binding", None)
    fall_back.cache_clear()


def test_llvmlite_that_no_longer_works_leaves_new_models_to_scipy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """What is on disk still runs; what has to be compiled does not."""
    compiled, p, timeline = case()
    monkeypatch.setenv("PKPD_MDR_CACHE", str(tmp_path))

    def solved(*by: str) -> Ensemble:
        monkeypatch.setattr(native, "_loaded", type(native._loaded)())
        monkeypatch.setattr(code, "_codes", type(code._codes)())
        monkeypatch.setattr(native, "_state", {})
        return solve(compiled, p, None, [timeline], ["S"], accuracy=EXACT, sensitivities=by)

    wanted = solved()
    monkeypatch.setitem(sys.modules, "llvmlite.binding", None)
    fall_back.cache_clear()
    with caplog.at_level(logging.WARNING, "pkpd_mdr"):
        again, more = solved(), solved(compiled.parameters[0])
    assert (wanted.engine, more.engine) == ("compiled", "SciPy")
    if sys.platform == "linux":  # elsewhere LLVM puts it into memory
        assert again.engine == "compiled"
    np.testing.assert_allclose(more.members[0].values, wanted.members[0].values, rtol=1e-7)
    assert "needs llvmlite" in caplog.records[-1].getMessage()
    options: dict[str, Any] = {"sensitivities": compiled.parameters[:1], "accuracy": Accuracy(method="rodas")}
    with pytest.raises(SimulationError, match="needs llvmlite"):
        solve(compiled, p, None, [timeline], ["S"], **options)


def test_without_llvmlite_scipy_solves_and_says_so(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    compiled, p, timeline = case()
    wanted = solve(compiled, p, None, [timeline], ["S"], accuracy=EXACT)
    without_llvmlite(monkeypatch)
    with caplog.at_level(logging.WARNING, "pkpd_mdr"):
        found = [solve(compiled, p, None, [timeline], ["S"], accuracy=EXACT) for _ in range(2)]
    assert (wanted.engine, found[0].engine) == ("compiled", "SciPy")
    np.testing.assert_allclose(found[0].members[0].values, wanted.members[0].values, rtol=1e-7)
    said = [record.getMessage() for record in caplog.records]
    assert len(said) == 1
    assert "llvmlite is not installed" in said[0]
    assert "SciPy solves instead" in said[0]


def test_without_llvmlite_an_affine_model_needs_no_excuse(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Its matrix exponential is exact, and not slower for one member."""
    made = mdr.Model(mdr.pk.one_compartment("dox", V="10 L", CL="2 L/h", amount_unit="mg"))
    without_llvmlite(monkeypatch)
    with caplog.at_level(logging.WARNING, "pkpd_mdr"):
        frame = made.simulate(mdr.bolus("dox", "10 mg"), until="10 h", times="5 h").frame
    np.testing.assert_allclose(frame["central_dox"].to_numpy()[1:], 10.0 * np.exp([-1.0, -2.0]), rtol=1e-12)
    assert not caplog.records


def test_without_numba_the_loop_runs_in_python_and_says_so(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Same bits, and 500 members, which would be worth compiling, do not ask for it."""
    compiled, p, timeline = case(stop=10.0)
    wanted = solve(compiled, p, None, [timeline], ["S"])
    monkeypatch.delenv("PKPD_MDR_DRIVER")
    monkeypatch.setattr(driver, "_installed", lambda: False)
    driver._say_slow.cache_clear()
    with caplog.at_level(logging.WARNING, "pkpd_mdr"):
        found = solve(compiled, np.repeat(p, 500, axis=0), None, [timeline] * 500, ["S"])
    assert found.engine == "compiled"
    assert set(bits(found)) == set(bits(wanted))
    assert [record.getMessage().split(":")[0] for record in caplog.records] == [
        "numba is not installed or not asked for"
    ]


def test_what_is_on_disk_is_not_written_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Objects are found by the structure of the model; where files cannot have two names, by the text of the module."""
    compiled, p, timeline = case()
    monkeypatch.setenv("PKPD_MDR_CACHE", str(tmp_path))
    written: list[str] = []
    load = native.load

    def noted(text: str, key: str = "", *, also: str = "") -> native.Library:
        written.append(text)
        return load(text, key, also=also)

    monkeypatch.setattr(native, "load", noted)

    def solved() -> tuple[list[list[tuple[bytes, bytes]]], list[str]]:
        monkeypatch.setattr(native, "_loaded", type(native._loaded)())
        monkeypatch.setattr(code, "_codes", type(code._codes)())
        written.clear()
        found = [solve(compiled, p, None, [timeline], ["S"], sensitivities=by) for by in ((), compiled.parameters)]
        return [bits(item) for item in found], list(written)

    wanted, texts = solved()
    assert len(texts) == len({*texts}) >= 4  # a step, its derivatives, outputs and theirs
    assert solved() == (wanted, [])
    monkeypatch.setattr(code, "_makers", lambda: b"another version")
    assert solved() == (wanted, texts)
    assert solved() == (wanted, [])
    monkeypatch.setattr(code, "_makers", lambda: b"a third, where files cannot have two names")
    monkeypatch.setattr(disk.os, "link", refuse)
    assert solved() == solved() == (wanted, texts)


def refuse(*_: object) -> None:
    raise OSError("this disk has no links")


def test_modes_are_numbered_by_the_process_that_uses_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is kept for a model with conditions is found by its text alone: the numbers of modes are in it."""
    monkeypatch.setenv("PKPD_MDR_CACHE", str(tmp_path))
    rate = mdr.process("p", "v if x < 2 else -v", {"x": 1})
    switched = compile_model(mdr.Model(mdr.state("x", 1.0), mdr.parameter("v", "1.25 1/h"), rate))
    monkeypatch.setattr(native, "_loaded", type(native._loaded)())
    machine = code.MachineCode(switched)
    assert machine.kernels.conditions
    machine.step(1)
    [file] = [file for file in tmp_path.glob("*.o") if "-" not in file.stem and file.stem != machine._key("outline")]
    assert file.stem == native.key_of(code.step_module(machine.kernels, 1).encode())


def test_a_folder_that_cannot_be_written_stops_no_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    compiled, p, timeline = case()
    wanted = bits(solve(compiled, p, None, [timeline], ["S"]))
    (tmp_path / "file").write_text("no folder")
    for place in (tmp_path / "file", tmp_path / "file" / "below", Path("/proc/none")):
        monkeypatch.setenv("PKPD_MDR_CACHE", str(place))
        monkeypatch.setattr(native, "_loaded", type(native._loaded)())
        monkeypatch.setattr(code, "_codes", type(code._codes)())
        assert bits(solve(compiled, p, None, [timeline], ["S"])) == wanted
    assert (tmp_path / "file").read_text() == "no folder"


@pytest.mark.slow
@pytest.mark.skipif(importlib.util.find_spec("numba") is None, reason="needs numba")
def test_numba_without_a_folder_compiles_for_this_run_and_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    compiled, p, timeline = case()
    wanted = bits(solve(compiled, p, None, [timeline], ["S"]))
    (tmp_path / "file").write_text("no folder")
    monkeypatch.setenv("PKPD_MDR_CACHE", str(tmp_path / "file"))
    monkeypatch.setenv("PKPD_MDR_DRIVER", "numba")
    monkeypatch.setattr(driver, "_drivers", {})
    monkeypatch.setattr(native, "_loaded", type(native._loaded)())
    assert bits(solve(compiled, p, None, [timeline], ["S"])) == wanted
    assert [record.getMessage().split(",")[0] for record in caplog.records] == ["the loop of the engine is compiled"]


# -- interruptions -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("threads", [1, 2])
def test_an_interrupted_run_leaves_nothing_behind(threads: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ctrl-C in the middle comes through, from any thread; the next run is as if nothing had been."""
    compiled, p, timeline = case()
    rows = p * np.exp(0.1 * np.random.default_rng(1).standard_normal((40, p.shape[1])))

    def run() -> Ensemble:
        return solve_compiled(compiled, rows, None, [timeline] * 40, ["S"], threads=threads)

    wanted = bits(run())

    def interrupted(chosen: object, begin: int, end: int) -> None:
        loop.drive(chosen, begin, (begin + end) // 2)
        raise KeyboardInterrupt

    def in_the_middle(*given: object, **options: object) -> object:
        return interrupted

    with monkeypatch.context() as patch:
        patch.setattr(driver, "compiled_loop", in_the_middle)
        with pytest.raises(KeyboardInterrupt):
            run()
    assert bits(run()) == wanted


def test_newtons_matrix_knows_that_noise_below_zero_is_empty() -> None:
    """Rates read a stock below zero as empty, so that no rate changes with it; otherwise Newton stalls."""
    compiled, p, _ = case()
    at = compiled.states.index("S")
    y = np.where(np.arange(len(compiled.states)) == at, -1e-3, 1.0)
    matrix = Propagator(compiled, p[0], Accuracy(method="BDF"))._block_jacobian(0.0, y)
    assert (matrix[:, at] == 0.0).all()
    y[at] = 1e-3
    assert Propagator(compiled, p[0], Accuracy(method="BDF"))._block_jacobian(0.0, y)[at, at] != 0.0


def test_a_drug_is_not_there_before_its_first_dose() -> None:
    """Newton's matrix holds a depot and what it feeds apart, or rounding would start a clock that waits."""
    made = mdr.Model(
        mdr.pk.one_compartment("x", CL="1 L/h", V="10 L", ka="1 1/h"),
        mdr.clone("S", growth=mdr.growth.exponential(rate="0.5 1/day")),
        mdr.kill("x", on="S", slope="0.1 L/mg/h"),
    )
    compiled, values = compile_model(made), np.array([item.internal for item in made.parameters.values()])
    judge = Propagator(compiled, values, Accuracy(method="LSODA"))
    depot, central, cells = (compiled.states.index(name) for name in ("depot_x", "central_x", "S"))
    y = np.zeros(len(compiled.states))
    y[cells] = 1e9
    empty, fed = judge._block_jacobian(0.0, y), judge._block_jacobian(0.0, y, np.eye(len(y))[depot])
    for at in (depot, central):
        assert np.flatnonzero(empty[at]).tolist() == np.flatnonzero(empty[:, at]).tolist() == [at]
    y[depot] = 1.0
    assert fed[cells, central] < 0.0 < fed[central, depot]
    np.testing.assert_array_equal(judge._block_jacobian(0.0, y), fed)


@pytest.mark.parametrize("method", ["LSODA", "Radau", "BDF", "DOP853", "rodas"])
def test_an_absent_clone_stays_absent(method: str) -> None:
    """Both clones feed a pool faster than they grow, so that pivots leave the row of S: what rounds there grows."""
    fast = mdr.growth.gompertz(rate="3 1/day", capacity="5e10 cell")
    model = mdr.Model(
        mdr.clone("S", growth=fast),
        mdr.clone("R", growth=mdr.growth.exponential(rate="0.1 1/day"), start=1e3),
        mdr.state("made", unit="cell", kind="integral"),
        mdr.parameter("k", "250 1/h"),
        mdr.parameter("k2", "40 1/h"),
        mdr.process("make", "k*(S + R)", {"made": 1}),
        mdr.process("lose", "k2*made", {"made": -1}),
    )
    frame = model.simulate(until="20 day", times="1 day", accuracy=mdr.Accuracy(method=method, rtol=1e-8)).frame
    assert (frame["S"] == 0.0).all()
    assert frame["R"].iloc[-1] == pytest.approx(1e3 * np.exp(2.0), rel=1e-6)


@pytest.mark.parametrize("method", ["LSODA", "Radau", "BDF", "DOP853"])
@pytest.mark.parametrize("speed", [0.001, 0.003, 0.01])
def test_an_empty_pool_of_cells_fills_late(method: str, speed: float) -> None:
    """A pool held to 1e-12 amol is filled from umol after two days: the rounding of the clock is not its error."""
    model = mdr.Model(
        mdr.state("outside", unit="umol", start="1 umol"),
        mdr.state("held", unit="amol"),
        mdr.parameter("Vmax", (speed, "umol/h")),
        mdr.parameter("Km", "1 umol"),
        mdr.process("enter", "Vmax*outside/(Km + outside)", {"outside": -1, "held": 1}),
    )
    compiled = compile_model(model)
    p = np.array([item.internal for item in model.parameters.values()])
    ran = Propagator(compiled, p, Accuracy(method=method, rtol=1e-9))
    late, early = (ran.advance(t, np.array([1.0, 0.0]), np.array([t + 8.0]), np.zeros(2))[0] for t in (57.0, 0.0))
    np.testing.assert_allclose(late, early, rtol=1e-8)
    assert late.sum() == pytest.approx(1.0, rel=1e-12)
