"""A user's own parts, from text and from SymPy; starts; events; and what plus() and without() keep."""

from __future__ import annotations

import pytest
import sympy as sp

from pkpd_mdr import mechanisms as mdr
from pkpd_mdr.errors import ModelError
from pkpd_mdr.expression import AMOUNT, Log, Power, symbol
from pkpd_mdr.model import Model

LAW = mdr.growth.exponential(rate="0.5 1/day")


def test_text_and_sympy_say_the_same() -> None:
    N, K, r, theta = sp.symbols("N K r theta")
    parts = [mdr.parameter("r", "0.1 1/h"), mdr.parameter("K", "1e9 cell"), mdr.parameter("theta", 0.5)]
    parts.append(mdr.state("N", 1e3, unit="cell"))
    text = Model(*parts, mdr.process("grow", "r*N*(1 - (N/K)**theta) + r*log(K/N)*N**2/K", {"N": 1}))
    rate = r * N * (1 - (N / K) ** theta) + r * sp.log(K / N) * N**2 / K
    symbols = Model(*parts, mdr.process("grow", rate, {"N": 1}))
    assert text.derivatives["N"] == symbols.derivatives["N"]
    assert symbols.derivatives["N"].has(Power)
    assert symbols.derivatives["N"].has(Log)
    assert not symbols.derivatives["N"].has(sp.log)


def test_sympy_symbols_count_by_name_whatever_their_assumptions() -> None:
    x, time = sp.Symbol("x", positive=True), sp.Symbol("t", positive=True)
    model = Model(mdr.state("x", unit="h"), mdr.process("p", time / 2 - x / 4, {"x": "1/t"}))
    assert model.derivatives["x"].free_symbols == {symbol("x"), sp.Symbol("t", real=True)}


def test_formulas_may_name_observables_of_other_parts_in_any_order() -> None:
    drug = mdr.pk.one_compartment("x", CL="1 L/h", V="10 L")
    exposure = [mdr.state("AUC", unit="mg*h/L", kind="integral"), mdr.process("add", "C_x", {"AUC": 1})]
    for parts in ([drug, *exposure], [*exposure, drug]):
        assert Model(*parts).derivatives["AUC"] == symbol("central_x") / symbol("V_x")


def test_observables_of_observables() -> None:
    parts = [mdr.clone("S"), mdr.observable("twice", "2*once"), mdr.observable("once", "burden/10")]
    assert Model(*parts).observables["twice"].expression == symbol("S") / 5


def test_moves_may_be_formulas() -> None:
    model = Model(
        mdr.state("P"),
        mdr.state("D"),
        mdr.parameter("k", "1 1/h"),
        mdr.parameter("gain", 2.0),
        mdr.process("p", "k*P", {"P": -1, "D": "gain*3"}),
    )
    assert model.derivatives["D"] == 3 * symbol("gain") * symbol("k") * symbol("P")


def test_a_parameter_alone_in_a_slot_and_in_both() -> None:
    r = mdr.parameter("r", "0.5 1/day", lower=0.1, upper=1.0, source="Strobl 2021")
    alone = Model(mdr.clone("S", growth=mdr.growth.exponential(rate=r)))
    both = Model(r, mdr.clone("S", growth=mdr.growth.exponential(rate=r)))
    assert dict(alone.parameters) == dict(both.parameters)
    assert alone.parameters["r"].source == "Strobl 2021"
    assert (alone.parameters["r"].lower, alone.parameters["r"].upper) == (0.1, 1.0)


def test_slots_narrow_the_bounds_of_a_shared_parameter() -> None:
    p = mdr.parameter("p", 0.5)
    model = Model(p, mdr.clone("S", growth=LAW), mdr.cost("S", p))
    assert (model.parameters["p"].lower, model.parameters["p"].upper) == (0.0, 1.0)


def test_kuznetsov_1994_as_text() -> None:
    """BIOMD0000000762 with its own names; used as text the equations are these."""
    values = {"s": "13000 1/day", "p": "0.1245 1/day", "g": 2.019e7, "m": "3.422e-10 1/day", "d": "0.0412 1/day"}
    values |= {"a": "0.18 1/day", "b": 2e-9, "n": "1.101e-7 1/day"}
    model = Model(
        mdr.state("E", 3.2e5, unit="cell", kind="cells"),
        mdr.state("T", 5e6, unit="cell", kind="cells"),
        *(mdr.parameter(name, value) for name, value in values.items()),
        mdr.process("source", "s", {"E": 1}),
        mdr.process("recruit", "p*E*T/(g + T)", {"E": 1}),
        mdr.process("exhaust", "m*E*T", {"E": -1}),
        mdr.process("leave", "d*E", {"E": -1}),
        mdr.process("grow", "a*T*(1 - b*T)", {"T": 1}),
        mdr.process("kill", "n*E*T", {"T": -1}),
    )
    at = {symbol(name): item.internal for name, item in model.parameters.items()}
    tumour_free = {symbol("T"): 0.0, symbol("E"): 13000 / 0.0412}
    assert float(model.derivatives["E"].subs(at | tumour_free)) == pytest.approx(0.0, abs=1e-9)
    assert float(model.derivatives["T"].subs(at | tumour_free)) == 0.0


def test_dosing_into_own_states() -> None:
    """K-PD as in Ribba 2012: C' = -KDE C, a dose adds to C, the drug is seen as C."""
    model = Model(
        mdr.state("C", unit="mg", kind="amount"),
        mdr.parameter("KDE", "0.24 1/month"),
        mdr.process("leave", "KDE*C", {"C": -1}),
        mdr.dosing("pcv", into="C", unit="mg", F=0.9, lag="1 h", concentration="C"),
        mdr.clone("P", unit="mm"),
        mdr.kill("pcv", on="P", slope="0.7 1/mg/month"),
    )
    (port,) = model.ports
    assert (port.target, port.action, port.steady) == ("C", "dose", ("C",))
    assert model.processes["kill_pcv_P"].rate == symbol("slope_pcv_P") * symbol("C") * symbol("P")


def test_seeding() -> None:
    model = Model(
        mdr.clone("S"), mdr.clone("R"), mdr.clone("A"), mdr.seeding(total="1e9 cell", shares={"R": "1e-4"}, A=0)
    )
    N, R, A = map(symbol, ["N0", "R0_share", "A0_share"])
    assert model.states["S"].start == N * (1 - R - A)
    assert model.states["R"].start == N * R
    assert sp.expand(sum(state.start for state in model.states.values())) == N
    assert (model.parameters["R0_share"].lower, model.parameters["R0_share"].upper) == (0.0, 1.0)
    own = Model(mdr.clone("S"), mdr.clone("R"), mdr.clone("A", start=5), mdr.seeding(total=1e9, R=0.5))
    assert own.states["A"].start == symbol("A0")


def test_events() -> None:
    clones = [mdr.clone(name) for name in "SR"]
    model = Model(*clones, mdr.radiotherapy({"S": ("0.3 1/Gy", "0.03 1/Gy**2"), "R": "0.1 1/Gy"}), mdr.resection())
    radiation, surgery = model.ports
    S, R, a, b, c = map(symbol, ["S", "R", "alpha_radiation_S", "beta_radiation_S", "alpha_radiation_R"])
    assert radiation.effects["S"] == S * sp.exp(-a * AMOUNT - b * AMOUNT**2)
    assert radiation.effects["R"] == R * sp.exp(-c * AMOUNT)
    assert surgery.effects == {"S": S * (1 - AMOUNT), "R": R * (1 - AMOUNT)}
    assert (radiation.action, surgery.action) == ("act", "act")
    assert list(Model(*clones, mdr.resection("S")).ports[0].effects) == ["S"]


def test_a_mechanism_can_be_taken_away_and_given_back() -> None:
    vesicles = mdr.exosomes(
        "R", "S", "R", secretion="200 1/day", uptake="1e-9 mL/h", clearance="0.2 1/h", conversion=1e-3
    )
    base = Model(mdr.clone("S", growth=LAW), mdr.clone("R", growth=LAW))
    full = base.plus(vesicles)
    assert full.without("exosomes") == base
    assert full.without("exosomes").plus(vesicles) == full
    assert full.with_parameters(growth_S="1 1/day").without("exosomes").parameters["growth_S"].value == 1.0


def test_labels_are_unique_and_name_their_subject() -> None:
    parts = [
        mdr.pk.one_compartment("x", CL="1 L/h", V="1 L"), mdr.medium("y"), mdr.clone("S"), mdr.cost("S", 0.1),
        mdr.kill("x", on="S", slope="1 L/mg/h"), mdr.mutation("S", "R", rate="1 1/h"), mdr.state("Q"),
        mdr.switching("S", "R", rate="1 1/h"), mdr.parameter("k", 1), mdr.process("p", "1", {"Q": 1}),
        mdr.observable("o", "Q"), mdr.seeding(total=1), mdr.resection(), mdr.radiotherapy({"S": "1 1/Gy"}),
        mdr.dosing("z", into="Q", unit=""), mdr.contact_transfer("R", "S", "A", rate="1 1/h"),
    ]  # fmt: skip
    labels = [part.label for part in parts]
    assert len(set(labels)) == len(labels)
    assert {"pk_x", "medium_y", "clone_S", "kill_x", "mutation_S_R", "switching_S_R", "cost_S"} <= set(labels)


def test_a_model_says_where_its_values_come_from_and_what_was_changed() -> None:
    model = Model(mdr.pk.one_compartment("tmz", CL="10 L/h", V="30.3 L"))
    told = model.with_sources({"CL_tmz": "Ostermann et al. 2004"})
    assert model.parameters["CL_tmz"].source == "assumed"
    assert told == model
    assert told.plus(mdr.clone("S")).parameters["CL_tmz"].source == "Ostermann et al. 2004"
    changed = told.with_parameters(CL_tmz="12 L/h", V_tmz="40 L")
    assert changed.parameters["CL_tmz"].source == "Ostermann et al. 2004; changed here from 10 L/h"
    assert changed.parameters["V_tmz"].source == "assumed"
    again = changed.with_parameters(CL_tmz="14 L/h")
    assert again.parameters["CL_tmz"].source == "Ostermann et al. 2004; changed here from 10 L/h"
    assert told.with_parameters(CL_tmz="10 L/h").parameters["CL_tmz"].source == "Ostermann et al. 2004"
    with pytest.raises(ModelError, match="CL_tmz"):
        model.with_sources({"CL_tms": "someone"})
    with pytest.raises(ModelError, match="no text"):
        model.with_sources({"CL_tmz": "  "})
