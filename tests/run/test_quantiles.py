"""Quantiles: exact ones against NumPy, counted ones within a thousandth, whatever the order of chunks."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from pkpd_mdr.run.many.quantiles import Counts, quantile, quantiles

SHARES = [0.0, 0.05, 0.25, 0.5, 0.9, 1.0]
numbers = st.floats(-1e12, 1e12, allow_nan=False).map(lambda x: x if abs(x) > 1e-290 else 0.0)
tables = hnp.arrays(float, st.tuples(st.integers(1, 40), st.integers(1, 3)), elements=numbers)


@given(tables)
def test_exact_quantiles_are_numpys(table):
    expected = np.quantile(table, SHARES, axis=0)
    assert quantiles(table, SHARES) == pytest.approx(expected, rel=1e-9, abs=1e-9 * max(1e-300, np.abs(table).max()))


@given(tables)
def test_counted_quantiles_are_within_a_thousandth(table):
    """Each is between two neighbours, each of which is within its bin."""
    counts = Counts(table.shape[1])
    counts.add(table)
    found, ordered = counts.quantiles(SHARES), np.sort(table, axis=0)
    for share, row in zip(SHARES, found, strict=True):
        place = share * (len(table) - 1)
        near = np.abs(ordered[[math.floor(place), math.ceil(place)]]).max(axis=0)
        exact = quantiles(table, [share])[0]
        assert (np.abs(row - exact) <= 2.0**-10 * near).all()


@given(tables, st.integers(1, 7), st.randoms())
def test_counts_do_not_depend_on_chunks_or_their_order(table, size, random):
    chunks = [table[begin : begin + size] for begin in range(0, len(table), size)]
    random.shuffle(chunks)
    whole, parts = Counts(table.shape[1]), Counts(table.shape[1])
    whole.add(table)
    for chunk in chunks:
        parts.add(chunk)
        parts.quantiles([0.5])  # merges in between
    assert parts.quantiles(SHARES).tobytes() == whole.quantiles(SHARES).tobytes()


def test_infinity_counts_as_not_reached():
    assert quantile(np.array([1.0, math.inf, math.inf]), 0.4) == math.inf
    counts = Counts(1)
    counts.add(np.array([[1.0], [math.inf], [math.inf]]))
    assert counts.quantiles([0.0, 0.5, 0.9])[:, 0].tolist()[1:] == [math.inf, math.inf]


def test_memory_is_flat_in_the_number_of_members():
    rng, counts = np.random.default_rng(0), Counts(2)
    sizes = []
    for _ in range(4):
        for _ in range(10):
            counts.add(rng.lognormal(0, 0.5, (20_000, 2)))
        counts.quantiles([0.5])
        sizes.append(len(counts.keys))
    assert sizes[-1] < 1.2 * sizes[0] < 20_000
    assert counts.members == 800_000


def test_nobody_has_no_quantile():
    assert np.isnan(Counts(2).quantiles([0.5])).all()
