"""What an optimiser may change: how it is read, and that values and the cube fit together."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import pkpd_mdr as mdr
from pkpd_mdr.optimise.limits import read_criterion
from pkpd_mdr.optimise.variables import Space, read_variables
from pkpd_mdr.units import Quantity


def one(item):
    return read_variables({"x": item})["x"]


def test_a_pair_of_bounds_is_a_range_with_a_unit():
    found = one(("20 mg", "0.12 g"))
    assert (found.low, found.high, found.unit.text) == (20, 120, "mg")
    assert isinstance(found.at(0.5), Quantity)
    assert str(found.at(0.5)) == "70 mg"
    assert one((0.2, 3)).at(1.0) == 3.0  # numbers stay numbers


def test_steps_orders_whole_numbers_and_options():
    steps = one(mdr.between("20 mg", "50 mg", step="10 mg"))
    assert [str(steps.at(share)) for share in (0.0, 0.26, 0.6, 1.0)] == ["20 mg", "30 mg", "40 mg", "50 mg"]
    assert one(range(1, 4)).at(0.99) == 3
    assert one(["7 day", "21 day"]).at(0.7) == "21 day"
    assert one(mdr.order("A", "B", "C")).count == 6


def test_a_logarithmic_range_goes_by_factors():
    found = one(mdr.between("1 nM", "100 nM", log=True))
    assert found.at(0.5).value == pytest.approx(10)
    assert found.share(Quantity(10.0, found.unit)) == pytest.approx(0.5)


ITEMS = [("20 mg", "120 mg"), (0.5, 7.0), mdr.between(0.1, 1000, log=True), range(3, 9), mdr.between(1, 9, step=0.5)]


@given(st.sampled_from([*ITEMS, ["a", "b", "c"], mdr.order("p", "q")]), st.floats(0, 1))
def test_a_value_stands_where_its_share_says(item, share):
    found = one(item)
    value = found.at(share)
    again = found.at(found.share(value))
    assert found.number(again) == pytest.approx(found.number(value), rel=1e-12)


def test_equal_candidates_are_one_point():
    space = Space(read_variables({"n": range(1, 5), "dose": (0.0, 1.0)}))
    points = space.rounded(np.array([[0.01, 0.3], [0.24, 0.3], [0.26, 0.3], [1.4, -2.0]]))
    assert np.array_equal(points[0], points[1])
    assert not np.array_equal(points[1], points[2])
    assert space.values(points[3]) == {"n": 4, "dose": 0.0}
    assert space.combinations == 4


@pytest.mark.parametrize(
    ("variables", "words"),
    [
        ({}, "variables is an empty dict|variables is"),
        ({"my dose": (1, 2)}, "my dose"),
        ({"x": (75, "mg")}, "pair of bounds"),
        ({"x": ("20 mg", "1 h")}, "one kind"),
        ({"x": (20, "120 mg")}, "pair of bounds"),
        ({"x": ("120 mg", "20 mg")}, "not below"),
        ({"x": ("20 mg", "120 mg", "140 mg")}, "pair of bounds"),
        ({"x": 5}, "no variable"),
        ({"x": {"a", "b"}}, "no variable"),
        ({"x": []}, "options"),
        ({"x": ["a", "a"]}, "each of them once"),
        ({"x": range(0)}, "range"),
    ],
)
def test_a_bad_variable_is_refused_by_name(variables, words):
    with pytest.raises(mdr.RegimenError, match=words):
        read_variables(variables)


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: mdr.between("0 nM", "1 nM", log=True), "above zero"),
        (lambda: mdr.between("1 mg", "9 mg", step="20 mg"), "step"),
        (lambda: mdr.between("1 mg", "9 mg", step="1 h"), "step"),
        (lambda: mdr.between(0, 1, step=1e-9), "larger step"),
        (lambda: mdr.order("A"), "two to six"),
        (lambda: mdr.order("A", "A"), "two to six"),
    ],
)
def test_impossible_bounds_are_refused(make, words):
    with pytest.raises(mdr.RegimenError, match=words):
        make()


@given(st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=30), st.floats(0.01, 0.99), st.booleans())
def test_what_all_but_a_share_reach(values, share, high):
    """At least 1 - share of the draws are as good as the criterion, and it is one of them."""
    array = np.array(values)
    found = float(read_criterion(share).of(array, high=high))
    good = (array >= found) if high else (array <= found)
    assert good.mean() >= 1 - share - 1e-9
    assert found in values
    worst = float(read_criterion("worst").of(array, high=high))
    assert worst == (array.min() if high else array.max())


@pytest.mark.parametrize("bad", ["median", 0, 1.0, -0.2, True, None])
def test_an_unknown_criterion_is_refused(bad):
    with pytest.raises(mdr.SimulationError, match="criterion"):
        read_criterion(bad)
