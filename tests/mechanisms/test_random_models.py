"""What every model must satisfy, whatever it is made of."""

from __future__ import annotations

import numpy as np
import pytest
import sympy as sp
from hypothesis import given, settings
from hypothesis import strategies as st
from strategies.models import DRUGS, GROWTH, OTHERS, declarations, models, public_mechanisms

from pkpd_mdr.engine import compile_model
from pkpd_mdr.expression import symbol
from pkpd_mdr.model import Mechanism, Model, Port

SOME = settings(max_examples=60)


def values(model: Model) -> np.ndarray:
    return np.array([parameter.internal for parameter in model.parameters.values()])


def _ports(model: Model) -> dict[tuple[str, str], Port]:
    return {(port.name, port.route): port for port in model.ports}


def _numbers(port: Port) -> list[sp.Expr]:
    return [e for e in (port.bioavailability, port.lag, port.rate, port.duration) if e is not None]


def test_every_public_mechanism_has_a_strategy() -> None:
    assert public_mechanisms() == {*DRUGS, *GROWTH, *OTHERS}


@SOME
@given(parts=declarations(most=5), data=st.data())
def test_the_order_of_mechanisms_does_not_matter(parts: list[Mechanism], data: st.DataObject) -> None:
    one, other = Model(*parts), Model(*data.draw(st.permutations(parts)))
    assert dict(one.derivatives) == dict(other.derivatives)
    assert dict(one.parameters) == dict(other.parameters)
    assert {n: s.start for n, s in one.states.items()} == {n: s.start for n, s in other.states.items()}
    shown = [{n: o.expression for n, o in model.observables.items()} for model in (one, other)]
    assert shown[0] == shown[1]
    assert _ports(one) == _ports(other)


@SOME
@given(model=models(most=5))
def test_transfers_keep_the_number_of_cells_and_the_amount_of_drug(model: Model) -> None:
    for process in model.processes.values():
        if process.transfer:
            totals: dict[str, sp.Expr] = {}
            for name, share in process.moves.items():
                state = model.states[name]
                key = state.balance or state.kind
                totals[key] = totals.get(key, sp.Integer(0)) + share * state.weight
            assert all(sp.simplify(total) == 0 for total in totals.values())


# processes that make or take what cells hold
MAKERS = ("synthesis_", "loading_", "elimination_", "saturable_elimination_", "loss_", "entry_", "leak_", "efflux_")
MAKERS += ("formation_", "repair_", "suicide_")


@SOME
@given(model=models(most=5), data=st.data())
def test_what_cells_hold_is_made_and_lost_by_named_processes_only(model: Model, data: st.DataObject) -> None:
    """All balances of contents, at a random state: cells move, divide and die without a change of the total."""
    held = {state.balance for state in model.states.values() if state.carrier}
    p = {symbol(name): item.internal for name, item in model.parameters.items()}
    y = {symbol(name): data.draw(st.floats(1.0, 1e6)) for name in model.states}
    for process in model.processes.values():
        for quantity in held:
            parts = [
                float((share * model.states[name].weight).xreplace(p).xreplace(y))
                for name, share in process.moves.items()
                if model.states[name].balance == quantity
            ]
            if parts and not process.name.startswith(MAKERS):
                assert abs(sum(parts)) <= 1e-9 * max(map(abs, parts)), (process.name, quantity)


@SOME
@given(model=models(most=5), data=st.data())
def test_no_state_is_driven_below_zero(model: Model, data: st.DataObject) -> None:
    """With one state empty and the others anything, that state does not fall: each loss is of what is there."""
    compiled, p = compile_model(model), values(model)
    sizes = st.one_of(st.just(0.0), st.floats(1e-6, 1e13))
    y = np.array(data.draw(st.lists(sizes, min_size=len(model.states), max_size=len(model.states))))
    for i, name in enumerate(model.states):
        empty = y.copy()
        empty[i] = 0.0
        rates = np.array(compiled.rhs(0.0, empty, p))
        assert np.all(np.isfinite(rates))
        assert rates[i] >= 0.0, name


@SOME
@given(model=models(most=5))
def test_an_empty_model_stays_empty_but_for_sources_and_has_a_finite_jacobian(model: Model) -> None:
    compiled, p = compile_model(model), values(model)
    y = np.zeros(len(model.states))
    for name, rate in compiled.rates(0.0, y, p).items():
        assert rate >= 0.0 if name.startswith("source_") else rate == 0.0, name
    assert np.all(np.isfinite(np.array(compiled.jacobian(0.0, y, p))))


@SOME
@given(model=models(most=5))
def test_without_drug_nothing_is_killed_or_induced(model: Model) -> None:
    y = np.array([0.0 if state.kind in ("amount", "concentration") else 1e6 for state in model.states.values()])
    for name, rate in compile_model(model).rates(0.0, y, values(model)).items():
        if name.startswith(("kill_", "switching_dox", "switching_pac")):
            assert rate == 0.0, name


@SOME
@given(model=models(most=5))
def test_every_parameter_is_used(model: Model) -> None:
    used: set[sp.Symbol] = set()
    for expression in [
        *model.derivatives.values(),
        *(state.start for state in model.states.values()),
        *(state.filling for state in model.states.values()),
        *(item.expression for item in model.observables.values()),
        *(e for port in model.ports for e in _numbers(port)),
        *(e for port in model.ports for e in port.effects.values()),
    ]:
        used |= expression.free_symbols
    assert {symbol(name) for name in model.parameters} <= used


@SOME
@given(model=models(most=5))
def test_everything_can_be_shown(model: Model) -> None:
    assert model.latex().count(r"\frac{d ") == len(model.states)
    assert model.equations().count("\n") == len(model.states) - 1
    assert len(model.process_table().rows) == len(model.processes)
    assert len(model.parameter_table().rows) == len(model.parameters)
    assert all(name in model.diagram() for name in [*model.states, *model.processes])
    assert "<table>" in model.parameter_table()._repr_html_()
    assert "formula_of" not in model.equations() + repr(model) + str(model.parameter_table())


@SOME
@given(model=models(most=5))
def test_one_burden_and_one_resistant_share(model: Model) -> None:
    burden = model.observables["burden"].expression
    doomed = [name for name in model.states if name.startswith(("dying", "damaged_"))]
    assert burden == sp.Add(*map(symbol, [*model.clones, *doomed]))
    share = model.observables["resistant_share"].expression
    assert share.subs(dict.fromkeys(map(symbol, [*model.clones, *doomed]), 0)) == 0
    cells = {symbol(name): 3 if name == "R" else 1 for name in [*model.clones, *doomed]}
    assert float(share.subs(cells)) == pytest.approx(3 / sum(cells.values()))
