"""What cells hold goes with them: pools against the equation per cell, balances, acts, empty and tiny clones."""

from __future__ import annotations

import numpy as np
import pytest
import sympy as sp
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.integrate import solve_ivp
from strategies.ledger import EXACT, books, sources, stock

import pkpd_mdr as mdr
from pkpd_mdr.engine import compile_model
from pkpd_mdr.errors import ModelError
from pkpd_mdr.expression import Log, symbol
from pkpd_mdr.model import Mechanism, Model
from pkpd_mdr.model.contents import EMPTY, quotient

FEW = settings(max_examples=15)


def exponential(rate: str) -> mdr.growth.Growth:
    return mdr.growth.exponential(rate=rate)


def three_clones() -> list[Mechanism]:
    """S, R and A that grow, die, mutate, switch and hand P-gp on."""
    K = mdr.parameter("K", "1e10 cell")
    return [
        mdr.clone("S", growth=mdr.growth.logistic(rate="0.5 1/day", capacity=K), death="0.05 1/day", start=1e8),
        mdr.clone("R", growth=exponential("0.2 1/day"), death="0.3 1/day", start=1e6),
        mdr.clone("A", growth=mdr.growth.gompertz(rate="0.02 1/day", capacity=K), start=1e3),
        mdr.mutation("S", "R", probability=1e-4),
        mdr.switching("R", "A", rate="0.05 1/day", back="0.02 1/day"),
        mdr.switching("A", "S", rate="0.01 1/day"),
        mdr.pgp.content("S", start=0.05, synthesis="0.001 1/h", degradation="0.02 1/h"),
        mdr.pgp.content("R", start=1.2, synthesis="0.03 1/h", degradation="0.02 1/h"),
        mdr.pgp.content("A", start=0.5, degradation="0.04 1/h"),
        mdr.pgp.contact(["S", "R", "A"], rate="0.03 1/h"),
    ]


def per_cell(model: Model, clone: str) -> sp.Expr:
    """``d(Q/N)/dt`` by the quotient rule, in the content per cell ``p_<clone>`` of every clone."""
    pools = {f"pgp_{name}": symbol(f"p_{name}") * symbol(name) for name in model.clones}
    by_pool = {symbol(name): value for name, value in pools.items()}
    flow, cells = (model.derivatives[name].xreplace(by_pool) for name in (f"pgp_{clone}", clone))
    number = symbol(clone)
    return sp.expand(flow / number - symbol(f"p_{clone}") * cells / number)


# -- pools and the equation per cell -------------------------------------------------------------------------


def test_the_equation_per_cell_holds_the_dilution_that_nobody_typed() -> None:
    """P' = synthesis - (degradation + growth)*P: division dilutes, and death of cells leaves the content alone."""
    model = Model(
        mdr.clone("S", growth=exponential("0.5 1/day"), death="0.3 1/day"),
        mdr.pgp.content("S", synthesis="0.001 1/h", degradation="0.02 1/h"),
    )
    P, growth = symbol("p_S"), symbol("growth_S")
    expected = symbol("synthesis_pgp_S") - (symbol("degradation_pgp_S") + growth) * P
    assert sp.expand(per_cell(model, "S") - expected) == 0


def test_switching_cells_take_their_content_along() -> None:
    """The content of the receiving clone moves towards that of the arriving cells, P_R' = q*S/R*(P_S - P_R)."""
    model = Model(
        mdr.clone("S"),
        mdr.clone("R"),
        mdr.switching("S", "R", rate="0.1 1/day"),
        mdr.pgp.content(["S", "R"]),
    )
    S, R, q = symbol("S"), symbol("R"), symbol("switching_S_R")
    assert sp.expand(per_cell(model, "R") - q * S / R * (symbol("p_S") - symbol("p_R"))) == 0
    assert per_cell(model, "S") == 0


def test_pools_and_the_equations_per_cell_give_the_same_run() -> None:
    model = Model(*three_clones())
    names = [*model.clones, *(f"p_{name}" for name in model.clones)]
    right = [model.derivatives[name] for name in model.clones] + [per_cell(model, name) for name in model.clones]
    values = {symbol(name): item.internal for name, item in model.parameters.items()}
    plain = [entry.xreplace(values).replace(Log, sp.log) for entry in right]
    function = sp.lambdify([[symbol(name) for name in names]], plain)
    start = [1e8, 1e6, 1e3, 0.05, 1.2, 0.5]
    hours = np.linspace(0, 4800, 49)
    reached = solve_ivp(lambda t, y: function(y), (0, 4800), start, "LSODA", hours, rtol=1e-11, atol=1e-12, max_step=50)
    frame = model.simulate(until="200 day", times="100 h", accuracy=EXACT).frame
    for i, name in enumerate(model.clones):
        np.testing.assert_allclose(frame[name], reached.y[i], rtol=1e-7)
        np.testing.assert_allclose(frame[f"P_{name}"], reached.y[3 + i], rtol=1e-7)


# -- balances ------------------------------------------------------------------------------------------------


def test_only_synthesis_makes_content_and_nothing_destroys_it() -> None:
    assert set(sources(Model(*three_clones()), "pgp")) == {"synthesis_pgp_S", "synthesis_pgp_R"}


def test_the_balance_closes_over_two_hundred_days_of_treatment() -> None:
    """Death, mutation, switching, contact, growth above the capacity, surgery and radiation."""
    survival = dict.fromkeys("SRA", ("0.2 1/Gy", "0.02 1/Gy**2"))
    model = Model(*three_clones(), mdr.resection(), mdr.radiotherapy(survival))
    regimen = mdr.surgery(0.9, at="50 day") & mdr.radiation("2 Gy", at="70 day").every("1 day", times=5)
    held, expected = books(model, "pgp", regimen, "200 day", start={"S": 2e10})
    assert held[0] == pytest.approx(0.05 * 2e10 + 1.2 * 1e6 + 0.5 * 1e3)
    np.testing.assert_allclose(held, expected, rtol=1e-9)


@FEW
@given(
    rates=st.lists(st.floats(0.001, 1.0), min_size=4, max_size=4),
    contents=st.lists(st.floats(0.0, 5.0), min_size=2, max_size=2),
)
def test_content_is_conserved_under_any_switching_and_lost_only_with_cells(
    rates: list[float], contents: list[float]
) -> None:
    model = Model(
        mdr.clone("S", growth=exponential(f"{rates[0]} 1/day"), death=f"{rates[1]} 1/day", start=1e6),
        mdr.clone("R", growth=exponential(f"{rates[1]} 1/day"), start=1e5),
        mdr.switching("S", "R", rate=f"{rates[2]} 1/day", back=f"{rates[3]} 1/day"),
        mdr.pgp.content("S", start=contents[0]),
        mdr.pgp.content("R", start=contents[1]),
    )
    frame = model.simulate(until="20 day", times="5 day", accuracy=EXACT).frame
    total = frame[["pgp_S", "pgp_R", "lost_pgp"]].sum(axis=1)
    np.testing.assert_allclose(total, contents[0] * 1e6 + contents[1] * 1e5, rtol=1e-9)


def test_cells_that_go_where_nothing_holds_the_quantity_leave_it_in_the_sink() -> None:
    """Damaged cells of another mechanism, here a user's pool of doomed cells."""
    model = Model(
        mdr.clone("S", start=1e6),
        mdr.state("D", unit="cell", kind="cells"),
        mdr.process("damage", "k*S", {"S": -1, "D": 1}),
        mdr.parameter("k", "0.1 1/day"),
        mdr.pgp.content("S", start=2),
    )
    assert model.derivatives["lost_pgp"] == symbol("k") * symbol("pgp_S")
    kept = model.plus(mdr.pgp.content("D"))
    assert kept.derivatives["pgp_D"] == symbol("k") * symbol("pgp_S")
    assert kept.derivatives["lost_pgp"] == 0


def test_a_clone_that_splits_hands_its_content_out_in_proportion() -> None:
    model = Model(
        *(mdr.clone(name) for name in "SRA"),
        mdr.process("split", "k*S", {"S": -1, "R": 1, "A": 3}),
        mdr.parameter("k", "0.1 1/day"),
        mdr.pgp.content(["S", "R", "A"]),
    )
    flow = symbol("k") * symbol("pgp_S")
    assert sp.expand(model.derivatives["pgp_R"] - flow / 4) == 0
    assert sp.expand(model.derivatives["pgp_A"] - 3 * flow / 4) == 0


# -- rates of either sign ------------------------------------------------------------------------------------


def test_a_clone_above_its_capacity_loses_content_with_its_cells() -> None:
    """Its content per cell stays while it shrinks, and is diluted while it grows."""
    law = mdr.growth.logistic(rate="0.5 1/day", capacity=1e9)
    model = Model(mdr.clone("S", growth=law), mdr.pgp.content("S", start=3))
    high = model.simulate(until="30 day", times="10 day", start={"S": 5e9}, accuracy=EXACT).frame
    np.testing.assert_allclose(high["P_S"], 3.0, rtol=1e-9)
    np.testing.assert_allclose(high["pgp_S"] + high["lost_pgp"], 15e9, rtol=1e-9)
    low = model.simulate(until="30 day", times="10 day", start={"S": 1e8}, accuracy=EXACT).frame
    np.testing.assert_allclose(low["pgp_S"], 3e8, rtol=1e-9)
    assert low["lost_pgp"].max() == 0


def test_a_reversible_flow_in_one_process_carries_content_both_ways() -> None:
    def run(*flows: Mechanism) -> np.ndarray:
        model = Model(
            mdr.clone("S", start=1e6),
            mdr.clone("R", start=3e6),
            mdr.parameter("a", "0.5 1/day"),
            mdr.parameter("b", "0.1 1/day"),
            mdr.pgp.content("S", start=1),
            mdr.pgp.content("R", start=4),
            *flows,
        )
        frame = model.simulate(until="3 day", times="1 day", accuracy=EXACT).frame
        return frame[["pgp_S", "pgp_R", "lost_pgp"]].to_numpy()

    net = run(mdr.process("flow", "a*S - b*R", {"S": -1, "R": 1}, transfer=True))
    np.testing.assert_allclose(net.sum(axis=1), 13e6, rtol=1e-10)
    assert net[-1, 0] < net[0, 0]
    back = run(mdr.process("flow", "b*S - a*R", {"S": -1, "R": 1}, transfer=True))
    assert back[-1, 0] > back[0, 0]
    np.testing.assert_allclose(back.sum(axis=1), 13e6, rtol=1e-10)


def test_a_share_whose_sign_nobody_knows_is_refused() -> None:
    with pytest.raises(ModelError, match=r"sign is not known.*in one direction"):
        Model(
            mdr.clone("S"),
            mdr.parameter("w", 1.0),
            mdr.parameter("k", "0.1 1/day"),
            mdr.process("odd", "k*S", {"S": "w - 2"}),
            mdr.pgp.content("S"),
        )


# -- acts ----------------------------------------------------------------------------------------------------


def test_surgery_and_radiation_take_content_with_the_cells() -> None:
    model = Model(
        mdr.clone("S", start=1e9),
        mdr.clone("R", start=1e6),
        mdr.pgp.content("S", start=0.2),
        mdr.pgp.content("R", start=1.5),
        mdr.resection("S"),
        mdr.radiotherapy({"R": "0.3 1/Gy"}),
    )
    acts = mdr.surgery(0.75, at="1 day") & mdr.radiation("2 Gy", at="2 day")
    frame = model.simulate(acts, until="3 day", times="3 day").frame
    end = frame.iloc[-1]
    assert end["S"] == pytest.approx(2.5e8)
    assert end["R"] == pytest.approx(1e6 * np.exp(-0.6))
    assert end["P_S"] == pytest.approx(0.2)
    assert end["P_R"] == pytest.approx(1.5)
    lost = 0.2 * 7.5e8 + 1.5e6 * (1 - np.exp(-0.6))
    assert end["lost_pgp"] == pytest.approx(lost)


# -- starts, empty and tiny clones ---------------------------------------------------------------------------


def test_cells_given_at_the_simulation_hold_what_the_model_says_per_cell() -> None:
    model = Model(mdr.clone("S"), mdr.clone("R", start=5), mdr.pgp.content(["S", "R"], start=0.7))
    start = model.simulate(until="1 day", start={"S": 1e9}).frame.iloc[0]
    assert [start["pgp_S"], start["pgp_R"]] == pytest.approx([7e8, 3.5])
    own = model.simulate(until="1 day", start={"S": 1e9, "pgp_S": 1e9}).frame.iloc[0]
    assert own["P_S"] == pytest.approx(1.0)
    seeded = Model(
        mdr.clone("S"), mdr.clone("R"), mdr.pgp.content("R", start=0.7), mdr.seeding(total="1e6 cell", R=0.25)
    )
    assert seeded.simulate(until="1 day").frame["pgp_R"].iloc[0] == pytest.approx(0.7 * 2.5e5)


def test_an_empty_clone_has_no_content_per_cell_and_finite_rates() -> None:
    model = Model(*three_clones())
    zero = dict.fromkeys(map(symbol, model.states), 0)
    values = {symbol(name): item.internal for name, item in model.parameters.items()}
    assert all(entry.xreplace(zero).xreplace(values) == 0 for entry in model.derivatives.values())
    assert all(np.isfinite(float(entry.xreplace(zero).xreplace(values))) for entry in model.jacobian)
    assert float(model.observables["P_S"].expression.xreplace(zero)) == 0.0


def test_content_per_cell_stays_exact_while_a_clone_shrinks_to_a_millionth_of_a_cell() -> None:
    model = Model(
        mdr.clone("S", death="1 1/day", start=1e3),
        mdr.clone("R", growth=exponential("0.3 1/day"), start=1e10),
        mdr.pgp.content("S", start=0.3),
        mdr.pgp.content("R", start=2),
    )
    frame = model.simulate(until="20 day", times="1 day").frame
    assert frame["S"].iloc[-1] == pytest.approx(1e3 * np.exp(-20), rel=1e-5)
    np.testing.assert_allclose(frame["P_S"], 0.3, rtol=1e-5)
    gone = model.simulate(until="200 day", times="1 day").frame
    assert gone["P_S"].between(0, 0.3 * (1 + 1e-5)).all()
    assert gone["P_S"].iloc[-1] < 1e-3


def test_a_mutant_that_arises_from_nothing_has_the_content_of_its_parents() -> None:
    model = Model(
        mdr.clone("S", growth=exponential("0.01 1/day"), start=1e6),
        mdr.clone("R"),
        mdr.mutation("S", "R", probability=1e-6),
        mdr.pgp.content(["S", "R"], start=0.4, synthesis="0.004 1/h", degradation="0.01 1/h"),
    )
    frame = model.simulate(until="10 day", times="1 day", accuracy=EXACT).frame
    assert frame["R"].iloc[1] < 0.02
    np.testing.assert_allclose(frame["P_R"].iloc[1:], 0.4, rtol=0.05)


def test_quotients() -> None:
    a, b, S = symbol("a"), symbol("b"), symbol("S")
    assert quotient(a * S + b * S**2, S) == a + b * S
    assert quotient(a * (S + b * S), S) == a * (1 + b)
    assert quotient(a * S + b, S) is None
    assert EMPTY > 1e-12  # above the absolute tolerance, so that noise is not divided by noise


# -- refusals ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("parts", "words"),
    [
        ([mdr.clone("S"), mdr.pgp.content("T")], "names 'T', which is neither a clone nor a state of kind 'cells'"),
        ([mdr.clone("S", unit="g"), mdr.pgp.content("S")], "needs 'S' as a number of cells, but it is in 'g'"),
        ([mdr.clone("S"), mdr.pgp.content("S"), mdr.pgp.content("S", start=1)], "declared twice"),
        (
            [mdr.clone("S"), mdr.clone("R"), mdr.pgp.content("S"), mdr.pgp.contact(["S", "R"], rate="1 1/h")],
            "pgp of 'R'",
        ),
    ],
)
def test_refusals(parts: list[Mechanism], words: str) -> None:
    with pytest.raises(ModelError, match=words):
        Model(*parts)


def test_a_single_partner_is_refused() -> None:
    with pytest.raises(ModelError, match="needs two clones"):
        mdr.pgp.contact(["S"], rate="1 1/h")
    with pytest.raises(ModelError, match="'frequency'"):
        mdr.pgp.contact(["S", "R"], rate="1 1/h", dependence="frequenzy")


def test_stock_counts_every_pool_and_sink() -> None:
    names = {str(item) for item in stock(Model(*three_clones()), "pgp").free_symbols}
    assert names == {"pgp_S", "pgp_R", "pgp_A", "lost_pgp"}


def test_the_compiled_engine_gives_the_same_contents() -> None:
    pytest.importorskip("llvmlite")
    model = Model(*three_clones(), mdr.resection())
    runs = [
        model.simulate(
            mdr.surgery(0.9, at="30 day"), until="90 day", times="10 day", accuracy=mdr.Accuracy(1e-9, method=method)
        ).frame
        for method in ("LSODA", "rodas")
    ]
    for name in ("P_S", "P_R", "P_A", "lost_pgp"):
        np.testing.assert_allclose(runs[0][name], runs[1][name], rtol=1e-6)


def test_starts_that_data_know_fill_the_pools_with_their_derivatives() -> None:
    """What a fit does with a known number of cells: content per cell times cells, and its slope in the content."""
    model = Model(
        mdr.clone("S"), mdr.clone("R", start=10), mdr.pgp.content("S", start=0.3), mdr.pgp.content("R", start=2)
    )
    compiled = compile_model(model)
    values = np.array([item.internal for item in model.parameters.values()])
    columns = ("P0_S", "P0_R", "R0")
    start, by = compiled.start(values), compiled.start_by_parameters(values, columns)
    place = {name: i for i, name in enumerate(compiled.states)}
    start[place["S"]] = 1e6
    compiled.fill(start, {"S": 1e6}, values)
    compiled.fill_by_parameters(by, start, {"S": 1e6}, values, columns)
    assert [start[place["pgp_S"]], start[place["pgp_R"]]] == pytest.approx([3e5, 20])
    np.testing.assert_allclose(by[place["pgp_S"]], [1e6, 0, 0])
    np.testing.assert_allclose(by[place["pgp_R"]], [0, 10, 2])
