"""Pictures of cure: the curve is that of closed forms, the way that of the pilot, and no texts overlap."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from strategies.pictures import texts_overlap

import pkpd_mdr as mdr


def law(birth, death):
    return mdr.growth.birth_death(birth=f"{birth} 1/day", death=f"{death} 1/day")


@pytest.fixture(scope="module")
def one():
    return mdr.extinction(mdr.Model(mdr.clone("R", growth=law(1, 0.5), start=3)), until="100 day")


@pytest.fixture(scope="module")
def rare():
    model = mdr.Model(mdr.clone("R", growth=law(1, 0.25), start=8))
    return mdr.rare_event(model, until="8 day", below="1 cell", particles=60, repeats=6, looks=30)


def curve(ax, label):
    return next(line for line in ax.lines if line.get_label() == label)


def test_the_chance_of_cure_falls_with_the_size(one):
    """Of each cell with birth 1 and death 1/2 every other line is lost."""
    ax = one.plot()
    sizes, chances = curve(ax, "none at all").get_data()
    assert chances == pytest.approx(0.5**sizes, rel=1e-5)
    (dot,) = (line for line in ax.lines if line.get_marker() == "o")
    assert (dot.get_xdata()[0], dot.get_ydata()[0]) == pytest.approx((3.0, 0.125))
    assert sizes[0] == pytest.approx(1.0)
    assert sizes[-1] == pytest.approx(90.0)
    assert [text.get_text() for text in ax.texts] == ["0.125"]
    assert ax.get_xlabel() == "R at the start [cell]"
    assert ax.get_legend() is None
    assert texts_overlap(ax) == []


def test_types_alone_multiply_to_all_of_them():
    model = mdr.Model(
        mdr.clone("S", growth=law(1, 0.9), start=90), mdr.clone("R", growth=law(1, 0.5), start=10, resistant=True)
    )
    ax = mdr.extinction(model, until="500 day").plot()
    both = curve(ax, "none of S").get_ydata() * curve(ax, "none of R").get_ydata()
    assert curve(ax, "none at all").get_ydata() == pytest.approx(both)
    assert "no S or R is left" in ax.get_ylabel()
    assert texts_overlap(ax) == []


def test_what_large_populations_send_bounds_the_chance(one):
    ax = replace(one, arrivals=0.7).plot()
    (height, _) = curve(ax, "none of large populations").get_ydata()
    assert height == pytest.approx(np.exp(-0.7))
    assert curve(ax, "none at all").get_ydata()[0] == pytest.approx(0.5 * height)
    assert texts_overlap(ax) == []


def test_sizes_that_mean_nothing_are_refused(one):
    with pytest.raises(mdr.SimulationError, match="no cells at the start"):
        replace(one, start={"R": 0.0}).plot()
    with pytest.raises(mdr.SimulationError, match="there are R for sure"):
        replace(one, present_per_cell={"R": 1.0}).plot()
    assert curve(replace(one, present_per_cell={"R": 0.0}).plot(), "none at all").get_ydata() == pytest.approx(1.0)


def test_the_way_to_a_rare_event(rare):
    ax = rare.plot()
    levels, shares = curve(ax, "pilot, level by level").get_data()
    assert levels == pytest.approx([level.value for level in rare.levels])
    assert shares == pytest.approx(np.cumprod(rare.shares))
    assert set(curve(ax, "estimates").get_ydata()) == set(rare.estimates[rare.estimates > 0])
    assert curve(ax, "mean, 95 % interval").get_ydata()[0] == rare.probability
    bars = [line.get_ydata() for line in ax.lines if list(line.get_ydata()) == [rare.lower, rare.upper]]
    assert len(bars) == 1
    last = levels[-1]
    assert all(tick >= last for tick in ax.get_xticks()), "what stands behind the last level is no level"
    assert ax.get_xlabel() == "level that was passed [cell]"
    assert texts_overlap(ax) == []


def test_few_paths_are_told_and_no_way_is_refused(rare):
    assert "few paths count" in replace(rare, fewest=5.0).plot().texts[0].get_text()
    assert "few paths count" not in replace(rare, fewest=100.0).plot().texts[0].get_text()
    with pytest.raises(mdr.SimulationError, match="no way to it"):
        replace(rare, levels=(), shares=()).plot()
