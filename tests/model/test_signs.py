"""Bounds of expressions hold whatever values the symbols take, and see what models need to have seen."""

from __future__ import annotations

import math

import pytest
import sympy as sp
from hypothesis import given
from hypothesis import strategies as st

from pkpd_mdr.expression import Log, Power, hill, symbol
from pkpd_mdr.model.signs import bounds_of

x, y, z = (symbol(name) for name in "xyz")
KNOWN = {"x": (0.0, math.inf), "y": (0.0, 1.0)}

leaves = st.sampled_from([x, y, z]) | st.integers(-3, 3).map(sp.Integer)
expressions = st.recursive(
    leaves,
    lambda inner: st.one_of(
        st.builds(lambda a, b: a + b, inner, inner),
        st.builds(lambda a, b: a * b, inner, inner),
        st.builds(lambda a: a**2, inner),
        st.builds(lambda a: a / (1 + x), inner),
        st.builds(lambda a: Power(a, sp.Float(1.5)), inner),
        st.builds(lambda a: sp.exp(-y * a), inner),
        st.builds(lambda a, b: sp.Max(a, b, evaluate=False), inner, inner),
        st.builds(lambda a, b: sp.Min(a, b, evaluate=False), inner, inner),
    ),
    max_leaves=8,
)


@given(
    expression=expressions,
    values=st.tuples(st.floats(0, 1e3), st.floats(0, 1), st.floats(-1e3, 1e3)),
)
def test_no_value_leaves_the_bounds(expression: sp.Expr, values: tuple[float, float, float]) -> None:
    low, high = bounds_of(expression, KNOWN)
    assert not math.isnan(low + high) or (low, high) == (-math.inf, math.inf)
    value = expression.subs(dict(zip((x, y, z), values, strict=True)))
    if not value.is_finite:
        return
    slack = 1e-9 * (1 + abs(float(value)))
    assert low - slack <= float(value) <= high + slack


@pytest.mark.parametrize(
    ("expression", "never_negative"),
    [
        (x * (1 - y), True),
        (x * (1 - hill(x, symbol("c"), symbol("h"))), True),
        (x * (1 - y * hill(x, symbol("c"), symbol("h"))), True),
        (x * x / (y + x), True),
        (-x * Log(x), False),
        (x * (1 - x), False),
        (z * x, False),
    ],
)
def test_what_models_need_to_have_seen(expression: sp.Expr, never_negative: bool) -> None:
    assert (bounds_of(expression, {**KNOWN, "c": (1e-100, math.inf), "h": (0, 9)})[0] >= 0) == never_negative
