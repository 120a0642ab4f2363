"""Modes of small matrices as formulas, against what they have to multiply to and against LAPACK."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from pkpd_mdr.engine.machine.dag import Dag
from pkpd_mdr.engine.machine.modes import modes

FINE = 1e8
"""The squared condition up to which linear parts take the formulas."""


def numbers(matrix: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray, float] | None:
    """Eigenvalues, V, W and the doubt for a matrix whose zeros are not there; None where there are no formulas."""
    graph, size = Dag(), len(matrix)
    places = [(i, j) for i in range(size) for j in range(size) if matrix[i, j]]
    found = modes(graph, size, {place: graph.leaf("p", k) for k, place in enumerate(places)})
    if found is None:
        return None
    leaves = {("p", k): float(matrix[place]) for k, place in enumerate(places)}

    def told(rows: list[list[int]]) -> np.ndarray:
        return np.array([[float(x) for x in graph.evaluate(row, leaves)] for row in rows])

    return told([found.values])[0], told(found.vectors), told(found.back), float(told([[found.doubt]])[0, 0])


def fed(sizes: list[int], cells: list[float], turn: int) -> np.ndarray:
    """Parts of one or two states, each fed by earlier ones, in another order of states."""
    size = sum(sizes)
    parts = np.repeat(np.arange(len(sizes)), sizes)
    matrix = np.array(cells[: size * size]).reshape(size, size) * (parts[:, None] >= parts)
    order = np.random.default_rng(turn).permutation(size)
    return matrix[order][:, order]


cell = st.floats(0.01, 5.0) | st.just(0.0)


@given(st.lists(st.integers(1, 2), min_size=1, max_size=4), st.lists(cell, min_size=64, max_size=64), st.integers(0, 9))
def test_the_parts_multiply_to_the_matrix(sizes: list[int], cells: list[float], turn: int) -> None:
    matrix = fed(sizes, cells, turn)
    matrix -= np.diag(2.0 * np.diag(matrix))
    found = numbers(matrix)
    assert found is not None
    values, vectors, back, doubt = found
    assume(doubt <= FINE)
    size, largest = len(matrix), np.abs(matrix).max() + 1e-100
    np.testing.assert_allclose(vectors @ back, np.eye(size), atol=1e-15 * math.sqrt(doubt) * size**2)
    close = 1e-15 * math.sqrt(doubt) * largest * size**2
    np.testing.assert_allclose((vectors * values) @ back, matrix, atol=close)
    lapack = np.linalg.eigvals(matrix)
    assert np.abs(lapack.imag).max() <= 1e-7 * largest
    np.testing.assert_allclose(np.sort(values), np.sort(lapack.real), atol=max(close, 1e-13 * largest))


@given(st.lists(cell, min_size=9, max_size=9), st.integers(0, 9))
def test_the_doubt_is_the_squared_condition_or_more(cells: list[float], turn: int) -> None:
    """With columns of V of length 1, in the Frobenius norm, which is at least the condition that NumPy tells."""
    matrix = fed([2, 1], cells, turn)
    found = numbers(matrix)
    assert found is not None
    assume(found[3] <= FINE)
    vectors = found[1] / np.linalg.norm(found[1], axis=0)
    assert np.linalg.cond(vectors) ** 2 <= 1.0001 * found[3]


@given(st.lists(st.floats(0.1, 5.0), min_size=4, max_size=4), st.floats(-150.0, 150.0))
def test_the_unit_of_time_does_not_matter(cells: list[float], decades: float) -> None:
    """Exchange between two compartments, in hours and in something absurd."""
    matrix = np.array([[-cells[0] - cells[1], cells[2]], [cells[1], -cells[2] - cells[3]]])
    here, there = numbers(matrix), numbers(10.0**decades * matrix)
    assert here is not None
    assert there is not None
    np.testing.assert_allclose(there[0], 10.0**decades * here[0], rtol=1e-13)
    np.testing.assert_allclose(there[3], here[3], rtol=1e-12)


@pytest.mark.parametrize(
    "matrix",
    [
        [[0.0, 1.0], [-1.0, 0.0]],  # oscillation
        [[-0.1, 1.0], [-1.0, -0.1]],
        [[-0.5, 0.0], [0.5, -0.5]],  # equal rates in a chain
        [[2.0, 1.0], [-1.0, 0.0]],  # two parts of one eigenvalue that feel each other
    ],
)
def test_what_has_no_two_real_vectors_is_doubted(matrix: list[list[float]]) -> None:
    found = numbers(np.array(matrix))
    assert found is not None
    assert not found[3] <= FINE


def test_equal_rates_of_parts_that_feed_each_other_are_doubted_even_where_nothing_passes() -> None:
    """What never ends feeds a pair whose state that is passed on settles at zero: both eigenvalues are zero."""
    matrix = np.zeros((4, 4))
    matrix[1, 0], matrix[1, 1], matrix[1, 2], matrix[2, 1], matrix[3, 1] = 11.0, -0.1, 0.2, 18.0, 0.01
    found = numbers(matrix)
    assert found is not None
    assert not found[3] <= FINE


def test_slow_parts_beside_fast_ones_keep_their_digits() -> None:
    """A rate of 1e-15 of the largest, which an eigenvalue solver would take for nothing."""
    matrix = np.array([[-1e-13, 0.0, 0.0], [1e-13, -100.0, 3.0], [0.0, 20.0, -5.0]])
    found = numbers(matrix)
    assert found is not None
    assert found[0][0] == -1e-13


def test_three_states_that_all_feel_each_other_have_no_formula() -> None:
    ring = np.array([[-1.0, 0.0, 0.5], [1.0, -2.0, 0.0], [0.0, 2.0, -0.5]])
    assert numbers(ring) is None
    ring[0, 2] = 0.0
    assert numbers(ring) is not None
