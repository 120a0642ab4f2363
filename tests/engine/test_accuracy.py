"""What a tolerance promises: the measured error of the compiled engine is at most five times rtol.

On every model of the gallery, run as its own line runs it, and on random models with doses of every kind. The judge is
SciPy at 1e-11; benchmarks/engine_accuracy.py asks the same of thousands of models.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, Phase, assume, given, settings
from hypothesis import strategies as st
from strategies.models import models
from strategies.runs import REFERENCES, agreed, distance, exact, measured, random_run, trajectory

pytest.importorskip("llvmlite")

import pkpd_mdr as mdr
from pkpd_mdr import gallery
from pkpd_mdr.engine import Accuracy
from pkpd_mdr.engine.machine.code import MachineCode
from pkpd_mdr.model import Model

BAR = 5.0
EXAMPLES = 40
NO_RUN = {"bozic2013"}
"""What is no simulation: a closed form."""


@pytest.fixture(autouse=True)
def plain_loop(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PKPD_MDR_DRIVER", "python")


def gallery_run(name: str, accuracy: Accuracy, monkeypatch: pytest.MonkeyPatch) -> np.ndarray:
    """States at the times of the line that users are told to run, at an accuracy of ours."""
    simulate = Model.simulate

    def at_our_accuracy(model: Model, *given: Any, **options: Any) -> Any:
        return simulate(model, *given, **{**options, "accuracy": accuracy})

    with monkeypatch.context() as patch:
        patch.setattr(Model, "simulate", at_our_accuracy)
        frame = eval(gallery.find(name).run, {"mdr": mdr}).frame
    return np.asarray(frame[[state for state in gallery.find(name).make().states if state in frame]])


def test_all_but_closed_forms_are_run() -> None:
    assert {name for name, entry in gallery.MODELS.items() if not isinstance(entry.make(), Model)} <= NO_RUN


@pytest.mark.parametrize("name", [name for name in gallery.MODELS if name not in NO_RUN])
def test_gallery(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    wanted = gallery_run(name, REFERENCES[0], monkeypatch)
    assert wanted.shape[1] > 0
    for rtol in (1e-6, 1e-7):
        found = gallery_run(name, Accuracy(rtol=rtol, method="rodas"), monkeypatch)
        assert distance(found, wanted) <= BAR * rtol, f"at rtol = {rtol}"


@pytest.mark.slow
@settings(
    max_examples=EXAMPLES,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
    phases=[Phase.explicit, Phase.generate],  # shrinking whole models takes minutes
)
@given(model=models(), doses=st.integers(0, 2**32 - 1))
def test_random_models(model: Model, doses: int) -> None:
    run = random_run(model, doses)
    # SciPy steps over conditions inside rates, so it cannot judge them; tests/engine/test_switches.py does
    assume(not MachineCode.of(run.compiled).kernels.conditions)
    wanted = exact(run)
    assume(wanted is not None)
    for rtol in (1e-6, 1e-7):
        assert measured(run, rtol, wanted, bar=BAR).error <= BAR, f"at rtol = {rtol}"


def test_the_error_follows_the_tolerance() -> None:
    """Over six decades, on a model whose trajectories part."""
    model = gallery.depillis2008()
    run = random_run(model, 5, stop=1000.0)
    wanted = agreed(run)
    assert wanted is not None
    for rtol in (1e-3, 1e-5, 1e-7, 1e-9):
        found = trajectory(run, Accuracy(rtol=rtol, method="rodas"))
        error = distance(found.values, wanted.values)
        assert error <= BAR * rtol
        assert error >= 1e-3 * rtol, "nor is it wastefully exact"


def test_the_finest_tolerance_can_be_kept() -> None:
    """Rounding stands in the way of 1e-13; the run ends, and is as good as the arithmetic allows."""
    model = mdr.Model(mdr.clone("S", growth=mdr.growth.logistic(rate="0.1 1/h", capacity="1e9 cell"), start=1e6))
    times = np.linspace(0.0, 200.0, 21)
    frame = model.simulate(until="200 h", times="10 h", accuracy=Accuracy(rtol=1e-13, method="rodas")).frame
    wanted = 1e9 / (1.0 + 999.0 * np.exp(-0.1 * times))
    np.testing.assert_allclose(frame["S"], wanted, rtol=1e-11)


@pytest.mark.parametrize("form", ["Max", "Min", "Abs"])
def test_kinks_inside_rates(form: str) -> None:
    """A rate with a kink has no derivative there, and a step across it has a lower order: the error is still held."""
    rate = {"Max": "k*max(0, c - x)", "Min": "-k*min(0, x - c)", "Abs": "0.5*k*(abs(c - x) + c - x)"}[form]
    model = mdr.Model(
        mdr.state("x", 0.0, kind="effect"),
        mdr.state("y", 0.0, kind="effect"),
        mdr.parameter("k", "1 1/h"),
        mdr.parameter("c", 1.0),
        mdr.process("up", "0.3*k", {"x": 1}),
        mdr.process("fed", rate, {"y": 1}),
    )  # x = 0.3 t passes c at t = 10/3; y is c t - 0.15 t**2 until then
    times = np.linspace(0.0, 10.0, 11)
    early = np.minimum(times, 10.0 / 3.0)
    for rtol in (1e-5, 1e-7):
        frame = model.simulate(until="10 h", times="1 h", accuracy=Accuracy(rtol=rtol, method="rodas")).frame
        assert distance(np.asarray(frame[["y"]]), (early - 0.15 * early**2)[:, None]) <= BAR * rtol


@pytest.mark.parametrize("start", [1.05e6, 1.49e6])
def test_kinks_that_the_estimate_does_not_see(start: float) -> None:
    """Births end at the capacity: a step across can look good by chance, at some distance of the start from it."""
    model = mdr.Model(
        mdr.clone("S", growth=mdr.growth.birth_death(birth="0.9 1/day", death="0.1 1/day", capacity=1e6), start=start),
        mdr.pk.one_compartment("dox", CL="1 L/h", V="20 L"),
        mdr.kill("dox", on="S", slope="0.01 L/mg/h"),
    )
    for seed in range(4):
        run = random_run(model, seed)
        wanted = exact(run)
        assert wanted is not None
        for rtol in (1e-6, 1e-7):
            assert measured(run, rtol, wanted, bar=BAR).error <= 1.0


@pytest.mark.parametrize("rtol", [1e-5, 1e-7])
def test_states_at_rest_do_not_pass_for_accuracy(rtol: float) -> None:
    """A saturable drug is followed with the same steps, alone and beside forty states in which little happens."""
    drug = mdr.pk.one_compartment("dox", V="10 L", CL="0.5 L/h", Vmax="4 mg/h", Km="0.05 mg/L", ka="1.5 1/h")
    alone = random_run(mdr.Model(drug), 7)
    names = [f"z{i}_rests" for i in range(40)]
    rest = [part for z in names for part in (mdr.state(z, 1.0), mdr.process(f"out_{z}", f"slow*{z}**2", {z: -1}))]
    among = random_run(mdr.Model(drug, mdr.parameter("slow", "1e-12 1/h"), *rest), 7)
    accuracy = Accuracy(rtol=rtol, atol=1e-18, method="rodas")
    one, many = trajectory(alone, accuracy), trajectory(among, accuracy)
    assert many.steps == one.steps
    states = [among.compiled.states.index(state) for state in alone.compiled.states]
    np.testing.assert_allclose(many.values[:, states], one.values, rtol=1e-9)
    wanted = agreed(alone)
    assert wanted is not None
    assert distance(one.values, wanted.values) <= BAR * rtol


@pytest.mark.parametrize("hill", [0.3, 0.5, 0.9])
def test_powers_below_one_where_the_slope_at_zero_is_infinite(hill: float) -> None:
    """The second dose finds a concentration of some 1e-70, from where an effect with hill below 1 jumps up.

    LSODA at 1e-10 starts anew just before the first dose ends and is 7e-8 off from there on.
    """
    model = mdr.Model(
        mdr.pk.one_compartment("dox", V="4.5 L", CL="15 L/h", zero_order="2.4 h"),
        mdr.clone("S", growth=mdr.growth.logistic(rate="0.1 1/day", capacity=1e9), start=1e6),
        mdr.kill("dox", on="S", emax="0.5 1/day", ec50="0.3 mg/L", hill=hill),
    )
    plan = mdr.bolus("dox", "50 mg", route="oral").every("48 h", times=2)
    found, wanted = (
        model.simulate(plan, until="5 day", times="1 day", accuracy=accuracy).frame["S"].to_numpy()
        for accuracy in (Accuracy(rtol=1e-8, atol=1e-11), Accuracy(method="Radau", rtol=1e-10, atol=1e-13))
    )
    np.testing.assert_allclose(found, wanted, rtol=BAR * 1e-8)
