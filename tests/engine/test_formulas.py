"""Models without states: one evaluation over arrays for all members."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import pkpd_mdr as mdr
from pkpd_mdr.engine import Accuracy, build, compile_model, solve
from pkpd_mdr.engine.ports import BoundPorts
from pkpd_mdr.errors import SimulationError
from pkpd_mdr.regimen.entries import Change, Entry, Mark

MODEL = mdr.Model(
    mdr.observable("effect", "top/(1 + (dose/ec50)**hill)*exp(-decay*t) + max(0, dose - ec50)*0"),
    mdr.observable("twice", "2*dose"),
    mdr.parameter("dose", 3.0),
    mdr.parameter("top", 1.0),
    mdr.parameter("ec50", 2.0),
    mdr.parameter("hill", 1.5),
    mdr.parameter("decay", "0.01 1/h"),
)
COMPILED = compile_model(MODEL)
NAMES = COMPILED.parameters
BASE = np.array([MODEL.parameters[name].internal for name in NAMES])


def timeline(entries: list[Entry], stop: float = 50.0):
    return build(entries, BoundPorts(COMPILED, BASE[None]), stop=stop)


def effect(p: np.ndarray, t: np.ndarray) -> np.ndarray:
    dose, top, ec50, hill, decay = (p[NAMES.index(name)] for name in ("dose", "top", "ec50", "hill", "decay"))
    return top / (1 + (dose / ec50) ** hill) * np.exp(-decay * t)


def test_the_formula_is_what_comes_out_with_its_slopes() -> None:
    times = np.array([0.0, 10.0, 40.0])
    line = timeline([Mark(t, i) for i, t in enumerate(times)])
    found = solve(COMPILED, BASE[None], None, [line], ["effect", "twice"], sensitivities=["ec50", "decay"])
    [member] = found.members
    assert found.engine == "formulas"
    assert member.values[:, 0] == pytest.approx(effect(BASE, times), rel=1e-14)
    assert member.values[:, 1] == pytest.approx(6.0)
    for column, name in enumerate(("ec50", "decay")):
        step = 1e-6 * BASE[NAMES.index(name)]
        up, down = BASE.copy(), BASE.copy()
        up[NAMES.index(name)] += step
        down[NAMES.index(name)] -= step
        slope = (effect(up, times) - effect(down, times)) / (2 * step)
        assert member.sensitivities[:, 0, column] == pytest.approx(slope, rel=1e-6, abs=1e-12)
    assert member.time == 50.0
    assert member.end_by is not None
    assert member.end_by.shape == (0, 2)


@settings(max_examples=20)
@given(st.lists(st.floats(0.01, 100.0), min_size=1, max_size=30), st.integers(0, 2**32 - 1))
def test_a_member_does_not_depend_on_the_others(doses: list[float], seed: int) -> None:
    table = np.repeat(BASE[None], len(doses), axis=0)
    table[:, NAMES.index("dose")] = doses
    lines = [timeline([Mark(t, i) for i, t in enumerate(np.linspace(0, 40, 1 + k % 4))]) for k in range(len(doses))]
    order = np.random.default_rng(seed).permutation(len(doses))
    options = {"outputs": ["effect"], "sensitivities": ["hill"]}
    together = solve(COMPILED, table[order], None, [lines[i] for i in order], **options).members
    for place, i in enumerate(order):
        [alone] = solve(COMPILED, table[i : i + 1], None, [lines[i]], **options).members
        assert np.array_equal(alone.values, together[place].values)
        assert np.array_equal(alone.sensitivities, together[place].sensitivities)


def test_parameters_change_where_the_timeline_says_so() -> None:
    rows = np.array([BASE, BASE])
    rows[1, NAMES.index("dose")] = 7.0
    line = timeline([Mark(0.0, 0), Mark(5.0, 1), Change(5.0, 1), Mark(5.0, 2), Mark(9.0, 3)])
    [whole] = solve(COMPILED, BASE[None], None, [line], ["twice"], rows=[rows]).members
    assert whole.values[:, 0].tolist() == [6.0, 6.0, 14.0, 14.0]
    [late] = solve(COMPILED, BASE[None], None, [line], ["twice"], rows=[rows], window=(6.0, 20.0)).members
    assert late.times.tolist() == [9.0]
    assert late.values[:, 0].tolist() == [14.0]
    assert late.time == 20.0


def test_a_bad_member_is_told_and_the_others_finish() -> None:
    table = np.repeat(BASE[None], 3, axis=0)
    table[1, NAMES.index("hill")] = np.nan
    line = timeline([Mark(1.0, 0)])
    found = solve(COMPILED, table, None, [line] * 3, ["effect"], sensitivities=["top"])
    assert found.failed == (1,)
    assert "'hill' is not a finite number" in found.members[1].status.sentence
    assert len(found.members[1].times) == 0
    assert found.members[0].values == found.members[2].values


def test_shapes_are_checked_here_too() -> None:
    line = timeline([Mark(1.0, 0)])
    with pytest.raises(SimulationError, match="there are 2 timelines"):
        solve(COMPILED, BASE[None], None, [line, line], ["effect"], accuracy=Accuracy(method="LSODA"))
