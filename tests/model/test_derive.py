"""Derivatives that share their parts are those that SymPy gives."""

from __future__ import annotations

import sympy as sp
from hypothesis import given, settings
from strategies.models import models

from pkpd_mdr.expression import Log, Power, symbol
from pkpd_mdr.model import Model
from pkpd_mdr.model.derive import Derivatives

x, y, h = (symbol(name) for name in "xyh")


@settings(max_examples=25)
@given(model=models(most=4))
def test_the_jacobian_is_that_of_sympy(model: Model) -> None:
    states = [symbol(name) for name in model.states]
    for row, right in enumerate(model.derivatives.values()):
        assert list(model.jacobian.row(row)) == [right.diff(state) for state in states]


def test_each_kind_of_expression() -> None:
    power, top = Power(x, h), sp.Max(x, y, evaluate=False)
    branch = sp.Piecewise((x * y, x > y), (sp.Integer(0), True))
    functions = (Log(x * y), sp.exp(-x * y), sp.Abs(x - y), sp.tanh(x * y), sp.sin(x) * sp.cos(y), sp.log(1 + x * y))
    for item in (x, sp.Integer(3), x**2 / y, x**h, power, power / (1 + power), top, branch, *functions):
        for by in (x, y, h):
            assert Derivatives().of(item, by) == item.diff(by), (item, by)


def test_what_was_found_is_kept() -> None:
    found, shared = Derivatives(), sp.exp(x) / (y + x)
    first = found.of(shared, x)
    assert found.of(2 + shared, x) is first


def test_a_model_without_states_has_an_empty_jacobian() -> None:
    assert Model().jacobian.shape == (0, 0)
