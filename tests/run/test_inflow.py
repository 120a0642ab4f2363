"""Peaks and areas while a drug flows in: endpoints against closed forms."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import pkpd_mdr as mdr

PEAK, AREA = mdr.endpoints.peak_of("C_x"), mdr.endpoints.area_of("C_x")


def model(**options):
    return mdr.Model(mdr.pk.one_compartment("x", CL="5 L/h", V="20 L", **options))


def top(dose: float, over: float) -> float:
    """Concentration at the end of an infusion (mg/L)."""
    return dose / over / 5.0 * (1.0 - np.exp(-0.25 * over))


@settings(max_examples=15)
@given(st.floats(0.1, 20.0), st.floats(30.0, 700.0))
def test_the_peak_of_an_infusion_is_at_its_end(over: float, until: float) -> None:
    for how in ({"over": f"{over} h"}, {"rate": f"{100 / over} mg/h"}):
        run = model().simulate(mdr.infusion("x", "100 mg", **how), until=f"{until} h")
        assert run.endpoint(PEAK) == pytest.approx(top(100.0, over), rel=1e-6)
        left = top(100.0, over) * np.exp(-0.25 * (until - over))
        assert run.endpoint(AREA) == pytest.approx(20.0 - left / 0.25, rel=1e-4)


def test_an_area_during_an_infusion_is_that_of_the_closed_form() -> None:
    run = model().simulate(mdr.infusion("x", "100 mg", over="6 h"), until="6 h")
    exact = 100 / 6 / 5 * (6 - (1 - np.exp(-1.5)) / 0.25)
    assert run.endpoint(AREA) == pytest.approx(exact, rel=1e-6)


def test_lag_and_bioavailability_move_the_peak() -> None:
    lagged = mdr.Model(mdr.pk.one_compartment("x", CL="5 L/h", V="20 L", ka="1 1/h", F=0.5, lag="1.7 h"))
    run = lagged.simulate(mdr.oral("x", "100 mg"), until="24 h")
    later = np.log(1.0 / 0.25) / 0.75
    exact = 0.5 * 100 / 20 / 0.75 * (np.exp(-0.25 * later) - np.exp(-later))
    assert run.endpoint(PEAK) == pytest.approx(exact, rel=1e-6)


@pytest.mark.parametrize(("until", "times"), [("5 day", 1), ("120 day", 1), ("1 year", 60), ("5 year", 9)])
def test_the_peak_of_a_tablet_does_not_depend_on_the_length_of_the_run(until: str, times: int) -> None:
    """Temozolomide peaks after half an hour, where rows an hour apart would draw a cubic far above it."""
    oral = mdr.Model(mdr.pk.one_compartment("x", CL="10 L/h", V="30.3 L", ka="5.8 1/h"))
    k = 10 / 30.3
    later = np.log(5.8 / k) / (5.8 - k)
    exact = 100 / 30.3 * 5.8 / (5.8 - k) * (np.exp(-k * later) - np.exp(-5.8 * later))
    run = oral.simulate(mdr.oral("x", "100 mg").every("4 day", times=times), until=until)
    assert run.endpoint(PEAK) == pytest.approx(exact, rel=2e-4)


def test_a_modelled_duration_and_a_lag_move_the_end() -> None:
    modelled = mdr.Model(mdr.pk.one_compartment("x", CL="5 L/h", V="20 L", lag="3.3 h", zero_order="4.1 h"))
    run = modelled.simulate(mdr.oral("x", "100 mg"), until="72 h")
    assert run.endpoint(PEAK) == pytest.approx(top(100.0, 4.1), rel=1e-6)


def test_repeated_infusions_and_visits_see_the_same_peak() -> None:
    course = mdr.infusion("x", "100 mg", over="2 h").every("24 h", times=3)
    whole = model().simulate(course, until="96 h").endpoint(PEAK)
    exact = top(100.0, 2.0) * sum(np.exp(-0.25 * 24 * k) for k in range(3))
    assert whole == pytest.approx(exact, rel=1e-6)
    table = {"CL_x": ["5 L/h", "4 L/h"]}
    many = mdr.simulate_many(model(), course, until="96 h", endpoints=[PEAK], parameters=table)
    assert np.ravel(many.endpoint_values)[0] == pytest.approx(whole, rel=1e-9)


def test_an_adaptive_treatment_sees_the_same_peak() -> None:
    cells = mdr.clone("S", growth=mdr.growth.exponential(rate="0.01 1/day"), start="1e6 cell")
    whole = mdr.Model(mdr.pk.one_compartment("x", CL="5 L/h", V="20 L"), cells)
    plan = mdr.adaptive(mdr.infusion("x", "100 mg", over="2 h").every("1 day", until="21 day"), visit="7 day")
    peak = whole.simulate(plan, until="21 day").endpoint(PEAK)
    exact = top(100.0, 2.0) / (1 - np.exp(-6.0))
    assert peak == pytest.approx(exact, rel=1e-6)


def test_what_flows_in_is_only_added_to_what_it_flows_into() -> None:
    two = mdr.Model(mdr.pk.one_compartment("x", CL="5 L/h", V="20 L"), mdr.pk.one_compartment("y", CL="1 L/h", V="9 L"))
    both = mdr.infusion("x", "100 mg", over="3 h") & mdr.infusion("y", "50 mg", over="5 h", at="1 h")
    run = two.simulate(both, until="72 h")
    assert run.endpoint(PEAK) == pytest.approx(top(100.0, 3.0), rel=1e-6)
    exact = 50 / 5 / 1 * (1 - np.exp(-5 / 9))
    assert run.endpoint(mdr.endpoints.peak_of("C_y")) == pytest.approx(exact, rel=1e-6)
