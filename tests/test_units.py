"""Quantities at the border and the family of errors."""

from __future__ import annotations

import contextlib
import math
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

import pkpd_mdr.errors as errors
from pkpd_mdr.errors import PkpdMdrError, SimulationError, UnitError, did_you_mean
from pkpd_mdr.units import DIMENSIONLESS, Quantity, Unit, quantity, read

# -- units -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "factor"),
    [
        ("h", 1.0),
        ("min", 1 / 60),
        ("day", 24.0),
        ("week", 168.0),
        ("1/day", 1 / 24),
        ("mg", 1.0),
        ("ug", 1e-3),
        ("µg", 1e-3),
        ("g", 1e3),
        ("kg", 1e6),
        ("mol", 1e6),
        ("umol", 1.0),
        ("L", 1.0),
        ("mL", 1e-3),
        ("ml", 1e-3),
        ("dm", 1.0),
        ("cm**3", 1e-3),
        ("cm^3", 1e-3),
        ("cm3", 1e-3),
        ("mm3", 1e-6),
        ("L/h", 1.0),
        ("mL/min", 0.06),
        ("mg/L", 1.0),
        ("ng/mL", 1e-3),
        ("ug/mL", 1.0),
        ("uM", 1.0),
        ("nM", 1e-3),
        ("M", 1e6),
        ("mg/m**2", 0.01),
        ("g/mol", 1e-3),
        ("cell", 1.0),
        ("cells/mL", 1e3),
        ("1/(nM*h)", 1e3),
        ("%", 0.01),
    ],
)
def test_a_unit_has_its_exact_internal_factor(text: str, factor: float) -> None:
    assert Unit.of(text).factor == factor


@pytest.mark.parametrize("text", ["", " ", "1", "-", "cell", "cells", "vesicle"])
def test_counts_and_shares_have_no_dimension(text: str) -> None:
    assert Unit.of(text).dimensionless
    assert Unit.of(text).like(DIMENSIONLESS)


def test_units_of_the_same_dimension_are_alike() -> None:
    assert Unit.of("1/day").like(Unit.of("1/h"))
    assert Unit.of("nM").like(Unit.of("umol/L"))
    assert not Unit.of("nM").like(Unit.of("mg/L"))


def test_a_unit_is_made_once_and_passes_through() -> None:
    day = Unit.of("day")
    assert Unit.of(day) is day
    assert str(day) == "day"


@pytest.mark.parametrize(("left", "right", "power"), [("mg", "g/mol", -1), ("nM", "L", 1), ("1/h", "h", 1)])
def test_the_unit_of_a_product(left: str, right: str, power: int) -> None:
    made = Unit.of(left).times(Unit.of(right), power)
    assert made.factor == pytest.approx(Unit.of(left).factor * Unit.of(right).factor ** power)
    assert Unit.of(made.text).like(made)


@pytest.mark.parametrize(
    "text",
    ["mgg", "foo", "75 mgx", "mg;h", "__import__('os')", "mg[0]", "a" * 61, "mg/", "*", "degC", "0*mg", "-1*mg"]
    + ["h**9999", "kelvin", "IU", "h*"],
)
def test_what_is_no_unit_is_refused_in_one_sentence(text: str) -> None:
    with pytest.raises(UnitError) as caught:
        Unit.of(text)
    assert "\n" not in str(caught.value)
    assert "Traceback" not in str(caught.value)


def test_an_unknown_unit_names_the_nearest() -> None:
    with pytest.raises(UnitError, match=r"unit 'dayy' is not known; did you mean 'day'\?"):
        Unit.of("dayy")


@pytest.mark.parametrize(
    ("text", "factor"),
    [("1000*nM", 1.0), ("1e6 cells", 1e6), ("10**6 cells", 1e6), ("mg/(100 mL)", 10.0), ("2*mg", 2.0), ("1/(2*h)", 0.5)]
    + [("h**(1/2)", 1.0), ("mg**0.5", 1.0), ("day**0.5", 24**0.5), ("2", 2.0), ("10**3*mg", 1e3)],
)
def test_numbers_and_roots_in_a_unit_count_or_are_refused(text: str, factor: float) -> None:
    try:
        found = Unit.of(text).factor
    except UnitError:
        return
    assert found == pytest.approx(factor, rel=1e-12)


@pytest.mark.parametrize("text", ["h**(9**6)", "9**9**6*mg"])
def test_towers_of_powers_are_refused_at_once(text: str) -> None:
    began = time.perf_counter()
    with pytest.raises(UnitError):
        Unit.of(text)
    assert time.perf_counter() - began < 0.5


# Letters of units and signs, without long powers: those have their own test.
@given(st.text("mghLnMdayu%µ/*() -.1²,;'[", max_size=12) | st.text(max_size=20))
def test_no_text_makes_the_unit_reader_fail_otherwise(text: str) -> None:
    with contextlib.suppress(UnitError):
        assert Unit.of(text).factor > 0


# -- quantities --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("given_", "internal", "bare"),
    [
        ("75 mg", 75.0, False),
        ("75mg", 75.0, False),
        ("  1.5 day ", 36.0, False),
        ("1e-3 g", 1.0, False),
        ("-2 h", -2.0, False),
        (".5 h", 0.5, False),
        ("5. h", 5.0, False),
        ((2, "day"), 48.0, False),
        ((2, ""), 2.0, True),
        (3, 3.0, True),
        ("3", 3.0, True),
        ("25 %", 0.25, False),
        ("25%", 0.25, False),
    ],
)
def test_quantities_are_read(given_: object, internal: float, bare: bool) -> None:
    found = quantity(given_)  # type: ignore[arg-type]
    assert found.internal == internal
    assert found.bare is bare


def test_a_quantity_passes_through_and_prints_as_written() -> None:
    dose = quantity("75 mg")
    assert quantity(dose) is dose
    assert str(dose) == "75 mg"
    assert str(Quantity(2.0)) == "2"


@given(st.floats(-1e12, 1e12), st.sampled_from(["mg", "day", "nM", "1/h", "cells", ""]))
def test_text_and_pair_mean_the_same(number: float, unit: str) -> None:
    assert quantity(f"{number!r} {unit}").internal == quantity((number, unit)).internal


@pytest.mark.parametrize(
    ("given_", "words"),
    [
        ("mg", "no number to start with"),
        ("", "no number to start with"),
        ("1,5 mg", "decimal comma"),
        ("5 mgg", "unit 'mgg' is not known"),
        ("5e6 IU", "unit 'IU' is not known; an international unit is another mass for each substance"),
        ("5 mIU/mL", "unit 'mIU/mL' is not known; an international unit"),
        ("1e400 mg", "not finite"),
        ((math.nan, "mg"), "not finite"),
        (math.inf, "not finite"),
        (("x", "mg"), "is not a number"),
        (None, "is not a number"),
        (True, "is not a number"),
        ([75, "mg"], "is not a number"),
    ],
)
def test_bad_quantities_say_the_slot_and_the_value(given_: object, words: str) -> None:
    with pytest.raises(UnitError, match=r"^dose of 'dox': ") as caught:
        quantity(given_, "dose of 'dox'")  # type: ignore[arg-type]
    assert words in str(caught.value)


# -- slots -------------------------------------------------------------------------------------------------------


def test_a_slot_converts_any_unit_like_its_own() -> None:
    assert read("1 1/day", "1/h", "kill") == 1 / 24
    assert read("50 nM", "uM", "ec50") == 0.05


def test_a_bare_number_needs_a_declared_unit() -> None:
    with pytest.raises(UnitError, match=r"clearance: 5 has no unit; write a unit such as '5 L/h'"):
        read(5, "L/h", "clearance")
    assert read(2, "day", "interval", bare=True) == 48.0
    assert read(0.3, "", "share") == 0.3
    assert read("1e9", "cells", "start") == 1e9


def test_the_wrong_dimension_shows_both_units() -> None:
    with pytest.raises(UnitError) as caught:
        read("5 mg", "L/h", "clearance")
    assert "'5 mg'" in str(caught.value)
    assert "'L/h'" in str(caught.value)


def test_molar_mass_converts_both_ways_and_is_asked_for() -> None:
    mass = quantity("543.5 g/mol")
    amount = read("75 mg", "umol", "dose", molar_mass=mass)
    assert amount == pytest.approx(75.0 / 0.5435)
    assert read((amount, "umol"), "mg", "dose", molar_mass=mass) == pytest.approx(75.0)
    assert read("1 mg/L", "nM", "level", molar_mass=mass) == pytest.approx(1 / 0.5435)
    for given_, slot in [("75 mg", "umol"), ("1 umol", "mg"), ("1 mg/L", "uM")]:
        with pytest.raises(UnitError, match="molar_mass"):
            read(given_, slot, "dose")
    with pytest.raises(UnitError, match=r"not in the unit 'umol' or one like it$"):
        read("5 h", "umol", "dose", molar_mass=mass)


@given(st.floats(1e-6, 1e6), st.sampled_from([("mg", "ug", 1e3), ("day", "h", 24.0), ("uM", "nM", 1e3)]))
def test_the_same_amount_in_two_units_is_the_same_inside(number: float, units: tuple[str, str, float]) -> None:
    large, small, ratio = units
    assert read((number, large), large, "x") == pytest.approx(read((number * ratio, small), large, "x"), rel=1e-14)


# -- errors ------------------------------------------------------------------------------------------------------


def test_every_error_is_of_the_family_and_of_a_usual_kind() -> None:
    kinds = [getattr(errors, name) for name in errors.__all__ if name.endswith("Error")]
    assert len(kinds) == 8
    assert all(issubclass(kind, PkpdMdrError) for kind in kinds)
    assert all(issubclass(kind, (ValueError, RuntimeError)) for kind in kinds if kind is not PkpdMdrError)


def test_a_simulation_error_keeps_what_was_computed() -> None:
    assert SimulationError("stopped", partial=[1, 2]).partial == [1, 2]
    assert SimulationError("stopped").partial is None


def test_did_you_mean() -> None:
    assert did_you_mean("EC50_dox_s", ["hill_dox_S", "ec50_dox_S"]) == "; did you mean 'ec50_dox_S'?"
    assert did_you_mean("zzz", ["CL", "V1"]) == "; known are 'CL', 'V1'"
    assert did_you_mean("zzz", ["CL", "V1", "Q"], most=2) == "; known are 'CL', 'V1' and 1 more"
    assert did_you_mean("zzz", []) == "; none is declared"
