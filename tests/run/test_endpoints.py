"""Endpoints against closed forms, and their rules at jumps, visits and ends."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

import pkpd_mdr as mdr
from pkpd_mdr.engine import Status
from pkpd_mdr.run import (
    Course,
    area_of,
    best_response,
    end_of,
    endpoint,
    exposure,
    nadir_of,
    peak_of,
    resistant_share,
    share_of_start,
    time_of_nadir,
    time_to_progression,
    time_to_threshold,
)


def course_of(times, values, slopes, name="burden"):
    """A course with one output and its slope."""
    times = np.asarray(times, dtype=float)
    table = np.stack([np.asarray(values, dtype=float), np.asarray(slopes, dtype=float)], axis=-1)
    shown = np.ones(len(times), dtype=bool)
    return Course(times, shown, (name, f"d/dt {name}"), table, (), (), float(times[-1]), Status())


def smooth(function, slope, end, count=241):
    times = np.linspace(0.0, end, count)
    return course_of(times, function(times), slope(times))


def exponential(rate, end, count=241, start=1e9):
    return smooth(lambda t: start * np.exp(rate * t), lambda t: start * rate * np.exp(rate * t), end, count)


@given(rate=st.floats(1e-4, 0.1), growth=st.floats(1.01, 10.0), beyond=st.floats(1.05, 8.0))
def test_time_to_progression_of_exponential_growth(rate, growth, beyond):
    expected = math.log(growth) / rate
    found = time_to_progression(growth=growth).evaluate(exponential(rate, expected * beyond, count=961))
    assert found == pytest.approx(expected, rel=1e-8)


@pytest.mark.parametrize("rule", ["baseline", "nadir"])
def test_no_progression_is_infinite(rule):
    assert time_to_progression(rule).evaluate(exponential(-0.01, 500.0)) == math.inf
    assert time_to_progression(rule, visit="1 day").evaluate(exponential(-0.01, 500.0)) == math.inf


# Stein et al.: y = y0 (exp(-d t) + exp(g t) - 1), nadir at log(d/g)/(d + g)
D, G = 0.02, 0.004


def stein(end=1200.0, count=241):
    return smooth(
        lambda t: 50 * (np.exp(-D * t) + np.exp(G * t) - 1),
        lambda t: 50 * (-D * np.exp(-D * t) + G * np.exp(G * t)),
        end,
        count,
    )


def test_nadir_of_a_shrinking_and_regrowing_tumour():
    when = math.log(D / G) / (D + G)
    lowest = 50 * (math.exp(-D * when) + math.exp(G * when) - 1)
    assert time_of_nadir().evaluate(stein()) == pytest.approx(when, rel=1e-5)
    assert nadir_of().evaluate(stein()) == pytest.approx(lowest, rel=3e-7)
    assert best_response().evaluate(stein()) == pytest.approx(1 - lowest / 50, rel=1e-6)


def test_recist_rule_counts_from_the_nadir():
    from scipy.optimize import brentq

    when = math.log(D / G) / (D + G)

    def ratio(t):
        return math.exp(-D * t) + math.exp(G * t) - 1

    expected = brentq(lambda t: ratio(t) / ratio(when) - 1.2, when, 1200.0)
    found = time_to_progression("nadir").evaluate(stein())
    assert found == pytest.approx(expected, rel=1e-6)
    assert found < time_to_progression().evaluate(stein())


def test_recist_rule_before_the_nadir_uses_the_lowest_so_far():
    """A bump of 30 % on the way down is progression although the tumour is below its start."""
    times = np.linspace(0.0, 10.0, 401)
    bump = 100 * np.exp(-0.2 * times) * (1 + 0.8 * np.exp(-((times - 5) ** 2) / 0.1))
    slopes = np.gradient(bump, times)
    found = time_to_progression("nadir").evaluate(course_of(times, bump, slopes))
    assert 4 < found < 5
    assert time_to_progression().evaluate(course_of(times, bump, slopes)) == math.inf


def test_area_of_an_exponential():
    assert area_of().evaluate(exponential(-0.01, 500.0)) == pytest.approx(1e9 * (1 - math.exp(-5)) / 0.01, rel=1e-9)


@given(
    st.lists(st.floats(-5, 5), min_size=4, max_size=4),
    st.lists(st.floats(0.1, 3.0), min_size=1, max_size=6),
    st.floats(-20, 20),
)
@example(coefficients=[0.0, 1.2102985296948816, -1e-300, 1.0], steps=[0.109375], level=1.0)
def test_cubics_are_followed_exactly(coefficients, steps, level):
    """Minimum, area and crossing of a cubic polynomial, whatever its rows."""
    times = np.concatenate([[0.0], np.cumsum(steps)])
    poly = np.poly1d(coefficients)
    # where both slopes of a piece lead along its change, the piece is kept between its rows, and is no cubic any more
    slopes, change = poly.deriv()(times), np.diff(poly(times))
    along = (slopes[:-1] * change >= 0) & (slopes[1:] * change >= 0)
    steep = np.maximum(np.abs(slopes[:-1]), np.abs(slopes[1:])) * np.diff(times) > 3.0 * np.abs(change)
    assume(not (along & steep).any())
    course = course_of(times, poly(times), slopes)
    fine = np.linspace(0.0, times[-1], 4001)
    size = 1e-9 * (1 + np.abs(poly(fine)).max())
    assert nadir_of().evaluate(course) == pytest.approx(poly(fine).min(), abs=1e-4 * (1 + np.abs(poly(fine)).max()))
    assert nadir_of().evaluate(course) <= poly(fine).min() + size
    area = poly.integ()(times[-1]) - poly.integ()(0.0)
    assert area_of().evaluate(course) == pytest.approx(area, abs=1e-8 * (1 + np.abs(poly(fine)).max()) * times[-1])
    when = time_to_threshold(level).evaluate(course)
    before = poly(fine[fine < min(when, times[-1])])
    assert (before <= level + size).all()
    if when < math.inf:
        assert poly(when) >= level - size


def test_a_fall_much_faster_than_the_rows_stays_above_zero():
    """One row a day, and cells that are gone within minutes: the curve between the rows falls, but not below."""
    course = course_of([0.0, 24.0, 48.0], [1e9, 1e-3, 0.0], [-1e10, -1e-4, 0.0])
    assert nadir_of().evaluate(course) >= -1e-12


def test_visits_see_progression_late_and_never_early():
    rate = 0.01
    exact = math.log(1.2) / rate
    seen = time_to_progression(visit="1 day").evaluate(exponential(rate, 240.0))
    assert seen == math.ceil(exact / 24) * 24


def test_a_jump_is_seen_after_it_happened():
    """Surgery at hour 5: rows at one time are before and after; the curve between is not bridged."""
    times = [0.0, 5.0, 5.0, 10.0]
    course = course_of(times, [100.0, 100.0, 10.0, 10.0], [0.0, 0.0, 0.0, 0.0])
    assert nadir_of().evaluate(course) == 10.0
    assert time_of_nadir().evaluate(course) == 5.0
    assert area_of().evaluate(course) == pytest.approx(550.0)
    assert end_of().evaluate(course) == 10.0
    assert share_of_start().evaluate(course) == pytest.approx(0.1)
    regrown = course_of(times, [100.0, 100.0, 10.0, 20.0], [0.0, 0.0, 2.0, 2.0])
    assert time_to_progression("nadir", growth=1.5).evaluate(regrown) == pytest.approx(7.5)
    assert time_to_progression("nadir", growth=1.5, visit="1.25 h").evaluate(regrown) == 10.0


def test_the_last_row_can_be_the_lowest():
    assert time_of_nadir().evaluate(exponential(-0.01, 100.0)) == 100.0
    single = course_of([0.0], [3.0], [0.0])
    assert nadir_of().evaluate(single) == 3.0
    assert time_to_progression().evaluate(single) == math.inf


def test_endpoints_by_name():
    for name in (
        "time_to_progression",
        "time_to_progression_recist",
        "nadir",
        "final_burden",
        "auc_burden",
        "best_response",
    ):
        assert endpoint(name).name == name
    assert endpoint("exposure_dox").needs == ("AUC_dox",)
    assert endpoint("anc_nadir").better == "high"
    assert endpoint("C_dox_peak").needs == peak_of("C_dox").needs
    assert endpoint("anc_end").name == end_of("anc").name
    assert endpoint(item := exposure("dox")) is item
    assert resistant_share().better == "low"


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: endpoint("time_to_progresion"), "did you mean 'time_to_progression'"),
        (lambda: time_to_progression("recist"), "choose 'baseline' or 'nadir'"),
        (lambda: time_to_progression(growth=0.9), "choose a factor above 1"),
    ],
)
def test_refusals(make, words):
    with pytest.raises(mdr.SimulationError, match=words):
        make()


def test_missing_unit_of_the_check_interval():
    with pytest.raises(mdr.UnitError, match="has no unit"):
        time_to_progression(visit=1)


@pytest.mark.parametrize("make", [time_of_nadir, best_response, share_of_start])
def test_of_two_outputs_at_once(make):
    """Both would have one name; an endpoint can be given another."""
    law = mdr.growth.exponential(rate="0.1 1/day")
    model = mdr.Model(mdr.clone("S", growth=law, start=100), mdr.clone("R", growth=law, start=1, resistant=True))
    with pytest.raises(mdr.SimulationError, match="is given twice; name one of them with name="):
        model.simulate_many(until="1 day", endpoints=[make(), make("R")])
    many = model.simulate_many(until="1 day", endpoints=[make(), make("R", name="of_R")])
    assert "of_R" in many.endpoints


@pytest.mark.parametrize(
    ("unit", "make", "words"),
    [
        ("mm**3", lambda: mdr.endpoints.time_to_threshold(500), "which cannot be compared with a plain number"),
        ("Mcell", lambda: mdr.endpoints.time_to_threshold(500), "in 'Mcell', which cannot be compared with a plain"),
        ("mm**3", lambda: mdr.endpoints.time_above(500, of="burden"), "cannot be compared with a plain number"),
        ("mm**3", lambda: "log_kill", "cannot be compared with 'cell'; give the level in a unit like that"),
        ("mm**3", lambda: "extinction", "cannot be compared with 'cell'"),
        ("mm**3", mdr.endpoints.time_to_extinction, "cannot be compared with 'cell'"),
        ("", lambda: "log_kill", "shows 'burden' without a unit, which cannot be compared with 'cell'"),
        ("", lambda: "extinction", "shows 'burden' without a unit"),
    ],
)  # fmt: skip
def test_a_level_is_never_of_another_kind_than_its_output(unit, make, words):
    """One cell was one litre, so that each xenograft was cured and no kill of one was ever seen."""
    tumour = mdr.Model(mdr.clone("S", death="0.1 1/day", start=0.5, unit=unit))
    with pytest.raises(mdr.SimulationError, match=words):
        tumour.simulate(until="23 day").endpoint(make())


def test_levels_of_volumes_and_of_scaled_tumours():
    found = mdr.endpoints
    for unit, level in (("mm**3", "{} mm**3"), ("Mcell", "{} Mcell"), ("", "{}"), ("cell", "{}")):
        run = mdr.Model(mdr.clone("S", death="0.1 1/day", start=100.0, unit=unit)).simulate(until="23 day")
        one, ten = level.format(1), level.format(10)
        assert run.endpoint(found.log_kill(floor=one)) == pytest.approx(2.3 * math.log10(math.e), rel=1e-6)
        assert run.endpoint(found.extinct(below=ten)) == 0.0
        assert run.endpoint(found.extinct(below=level.format(11))) == 1.0
        assert run.endpoint(found.time_below(level.format(50), of="burden")) == pytest.approx(23 - 10 * math.log(2))
