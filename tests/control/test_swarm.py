"""The scale on which filters move particles, and how particles stand for each other."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import pkpd_mdr as mdr
from pkpd_mdr.control.swarm import Space, Swarm, effective, healed, systematic
from pkpd_mdr.engine import compile_model

MODEL = mdr.Model(
    mdr.parameter("share", 0.3, lower=0, upper=1),
    mdr.parameter("drift", "0.01 1/day"),
    mdr.clone("S", growth=mdr.growth.exponential(rate="0.1 1/day"), start="1e9 cell"),
    mdr.clone("R", growth=mdr.growth.exponential(rate="0.1 1/day"), start="1e3 cell"),
    mdr.process("moves", "drift*share*S", {"S": -1, "R": 1}),
)
COMPILED = compile_model(MODEL)
VARIED = ("share", "drift", "growth_S", "S0")
NAMES = list(MODEL.parameters)


def swarm_of(share, drift, growth, cells):
    row = np.array([part.internal for part in MODEL.parameters.values()])
    for name, value in (("share", share), ("drift", drift), ("growth_S", growth)):
        row[NAMES.index(name)] = value
    states = np.array([[cells[0], cells[1]]])
    return Swarm(row[None], states, np.ones(1))


@given(
    st.floats(1e-6, 1 - 1e-6),
    st.floats(-5, 5),
    st.floats(1e-6, 10),
    st.tuples(st.floats(1e-3, 1e13), st.floats(1e-3, 1e13)),
)
def test_the_scale_is_left_as_it_was_entered(share, drift, growth, cells):
    space = Space.of(MODEL, COMPILED, VARIED)
    one = swarm_of(share, drift, growth, cells)
    back = space.back(space.to(one), one)
    np.testing.assert_allclose(back.parameters, one.parameters, rtol=1e-9)
    np.testing.assert_allclose(back.states, one.states, rtol=1e-9)


@given(st.lists(st.floats(-50, 50), min_size=6, max_size=6))
def test_no_move_leaves_the_bounds(moves):
    space = Space.of(MODEL, COMPILED, VARIED)
    one = swarm_of(0.5, 0.0, 0.1, (1e9, 0.0))
    back = space.back(space.to(one) + np.array(moves), one)
    assert 0 <= back.parameters[0, NAMES.index("share")] <= 1
    assert back.parameters[0, NAMES.index("growth_S")] >= 0
    assert back.states[0, 0] > 0
    assert back.states[0, 1] == 0  # an empty clone stays empty


def test_parameters_that_vary_and_clones_are_moved():
    space = Space.of(MODEL, COMPILED, VARIED)
    assert [COMPILED.parameters[place] for place in space.places] == list(VARIED)
    assert [COMPILED.states[place] for place in space.clones] == ["S", "R"]


@given(st.lists(st.floats(0.01, 1), min_size=2, max_size=30), st.floats(0, 0.999), st.integers(1, 200))
def test_systematic_rows_are_within_one_of_their_share(weights, start, count):
    w = np.array(weights) / np.sum(weights)
    times = np.bincount(systematic(w, count, start), minlength=len(w))
    assert np.all(np.abs(times - count * w) < 1 + 1e-6)


def test_the_effective_number():
    assert effective(np.full(8, 1 / 8)) == pytest.approx(8)
    assert effective(np.array([1.0, 0, 0])) == pytest.approx(1)


def test_particles_that_were_lost_give_way():
    swarm = Swarm(np.arange(3.0)[:, None], np.arange(3.0)[:, None], np.full(3, 1 / 3))
    states = np.array([[10.0], [np.nan], [30.0]])
    found = healed(swarm, states, np.array([True, False, True]))
    assert np.isfinite(found.states).all()
    assert found.weights.tolist() == [0.5, 0.0, 0.5]
    assert healed(swarm, states, np.zeros(3, dtype=bool)) is None
