"""Shapes: derivatives, inverses and limits; families: what they hold, in both directions."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from strategies.plates import shape_points

from pkpd_mdr.errors import DataError
from pkpd_mdr.response.families import FAMILIES, family
from pkpd_mdr.response.shapes import SHAPES, Coordinates


@given(shape_points())
def test_slopes_are_derivatives(point: tuple[str, np.ndarray, np.ndarray]) -> None:
    stem, theta, x = point
    shape, at = SHAPES[stem], Coordinates.of(x)
    for i, slope in enumerate(shape(theta, at).slopes):
        step = np.zeros_like(theta)
        step[0, i] = 1e-5
        numeric = (shape(theta + step, at).s - shape(theta - step, at).s) / 2e-5
        np.testing.assert_allclose(slope, numeric, rtol=1e-5, atol=1e-9)


@given(shape_points())
def test_the_rest_is_what_is_left(point: tuple[str, np.ndarray, np.ndarray]) -> None:
    stem, theta, x = point
    value = SHAPES[stem](theta, Coordinates.of(x))
    np.testing.assert_allclose(value.s + value.rest, 1.0, rtol=1e-12)
    assert np.all(np.diff(value.s, axis=1) <= 0)


@given(shape_points())
def test_the_inverse_finds_the_share(point: tuple[str, np.ndarray, np.ndarray]) -> None:
    stem, theta, _ = point
    shape = SHAPES[stem]
    for share in (0.1, 0.5, 0.9):
        log = shape.log_dose(theta, np.array([share]), np.array([1.0 - share]))
        if np.isnan(log[0]):
            assert shape.linear  # a shape of the dose itself may have its level below dose zero
            continue
        found = shape(theta, Coordinates(np.exp(log)[:, None], log[:, None])).s
        np.testing.assert_allclose(found, share, rtol=1e-8)


def test_far_doses_keep_their_digits() -> None:
    """1 - s of a far curve is a power law, not rounding noise."""
    at = Coordinates.of(np.array([[1.0, 10.0]]))
    rest = SHAPES["LL"](np.array([[0.0, 60.0]]), at).rest
    assert rest[0, 1] / rest[0, 0] == pytest.approx(10.0, rel=1e-12)


@pytest.mark.parametrize("stem", ["LL", "LL5", "W1", "W2", "LN", "BP"])
def test_dose_zero_is_the_limit(stem: str) -> None:
    shape = SHAPES[stem]
    value = shape(np.zeros((1, len(shape.parameters))), Coordinates.of(np.array([[0.0]])))
    assert value.s[0, 0] == pytest.approx(1.0, abs=1e-200)
    assert all(np.isfinite(slope).all() for slope in value.slopes)


def test_weibull_families_are_mirrors() -> None:
    """W1 falling is W2 upside down: 1 - W1(1/x) is W2(x)."""
    x = np.geomspace(0.1, 10.0, 7)[None]
    first = SHAPES["W1"](np.array([[0.3, 0.0]]), Coordinates.of(1.0 / x))
    second = SHAPES["W2"](np.array([[0.3, 0.0]]), Coordinates.of(x))
    np.testing.assert_allclose(first.rest, second.s, rtol=1e-12)


def test_limits_turn_with_the_direction() -> None:
    assert family("LL.3").held(rising=False) == {"c": 0.0}
    assert family("LL.3").held(rising=True) == {"d": 0.0}
    assert family("LL.2").held(rising=True, control=100.0) == {"d": 0.0, "c": 100.0}


def test_every_family_has_its_number_of_parameters() -> None:
    for name, one in FAMILIES.items():
        digit = int("".join(character for character in name.split(".")[1] if character.isdigit()))
        held = set(one.held(rising=False))
        assert len([p for p in one.parameters if p not in held]) == digit, name


@pytest.mark.parametrize(
    ("name", "fixed", "sentence"),
    [
        ("LL.6", None, "did you mean 'LL.5'"),
        (4, None, "no curve family"),
        ("LL.4", {"g": 1}, "has no parameter 'g' to hold"),
        ("LL.4", {"e": -1}, "is not above 0"),
        ("LL.4", {"c": "0"}, "is not a finite number"),
        ("BP.7", {"e2": 3}, "no parameter 'e2' to hold"),
    ],
)
def test_refusals(name: object, fixed: dict[str, float] | None, sentence: str) -> None:
    with pytest.raises(DataError, match=sentence):
        family(name, fixed)  # type: ignore[arg-type]
