"""Pharmacokinetic declarations: equations, ports, units, names."""

from __future__ import annotations

import pytest
import sympy as sp

from pkpd_mdr import mechanisms as mdr
from pkpd_mdr.expression import symbol
from pkpd_mdr.model import Mechanism, Model
from pkpd_mdr.units import quantity


def names(text: str) -> list[sp.Symbol]:
    return [symbol(name) for name in text.split()]


def two(**options: object) -> Mechanism:
    return mdr.pk.two_compartment("x", **{"V1": "10 L", "Q": "5 L/h", "V2": "40 L", "CL": "2 L/h", **options})


def three(**options: object) -> Mechanism:
    flows = {"V1": "10 L", "Q2": "5 L/h", "V2": "40 L", "Q3": "1 L/h", "V3": "90 L"}
    return mdr.pk.three_compartment("x", CL="2 L/h", **{**flows, **options})


def test_one_compartment_with_everything() -> None:
    model = Model(
        mdr.pk.one_compartment("x", CL="2 L/h", V="10 L", ka="1 1/h", Vmax="3 mg/h", Km="0.5 mg/L", keo="0.2 1/h")
    )
    depot, A, Ce, ka, CL, V, Vmax, Km, keo = names("depot_x central_x Ce_x ka_x CL_x V_x Vmax_x Km_x keo_x")
    C = A / V
    assert model.derivatives["depot_x"] == -ka * depot
    assert sp.simplify(model.derivatives["central_x"] - (ka * depot - CL * C - Vmax * C / (Km + C))) == 0
    assert sp.expand(model.derivatives["Ce_x"] - keo * (C - Ce)) == 0
    assert model.observables["C_x"].expression == C


def test_three_compartments_distribute_and_conserve() -> None:
    model = Model(three())
    A1, A2, A3, CL, V1, Q2, V2, Q3, V3 = names("central_x peripheral_x peripheral2_x CL_x V1_x Q2_x V2_x Q3_x V3_x")
    C1, C2, C3 = A1 / V1, A2 / V2, A3 / V3
    assert sp.expand(model.derivatives["peripheral_x"] - Q2 * (C1 - C2)) == 0
    assert sp.expand(model.derivatives["peripheral2_x"] - Q3 * (C1 - C3)) == 0
    assert sp.expand(sp.Add(*model.derivatives.values()) + CL * C1) == 0


def test_saturable_elimination_instead_of_clearance() -> None:
    model = Model(mdr.pk.one_compartment("x", V="10 L", Vmax="3 mg/h", Km="0.5 mg/L"))
    assert list(model.processes) == ["saturable_elimination_x"]


@pytest.mark.parametrize(
    ("options", "amount", "concentration"),
    [
        ({}, "mg", "mg/L"),
        ({"molar_mass": "500 g/mol"}, "umol", "uM"),
        ({"molar_mass": "500 g/mol", "amount_unit": "mg"}, "mg", "mg/L"),
        ({"amount_unit": "umol"}, "umol", "uM"),
        ({"amount_unit": ""}, "", "1/L"),
    ],
)
def test_units_follow_the_molar_mass(options: dict[str, str], amount: str, concentration: str) -> None:
    model = Model(two(keo="1 1/h", **options))
    assert model.states["central_x"].unit.text == amount
    assert model.states["Ce_x"].unit.text == concentration
    assert model.observables["C_x"].unit.text == concentration
    assert model.ports[0].unit.text == amount


def test_doses_in_mg_become_umol() -> None:
    port = Model(two(molar_mass="500 g/mol")).ports[0]
    assert port.amount(quantity("75 mg"), "dose") == pytest.approx(150.0)


def test_without_absorption_there_is_one_route() -> None:
    model = Model(two(F=0.5, lag="1 h"))
    (port,) = model.ports
    assert (port.name, port.route, port.action, port.target) == ("x", "iv", "dose", "central_x")
    assert port.bioavailability == symbol("F_x")
    assert port.lag == symbol("lag_x")
    assert port.rate is None
    assert port.duration is None
    assert port.steady == ("central_x", "peripheral_x")


def test_absorption_comes_first_and_each_route_has_its_own_numbers() -> None:
    """As NONMEM's two-compartment numbering: depot first, lag and F and modelled input of each."""
    iv = mdr.pk.route(F=0.9, lag="2 h", rate="5 mg/h", duration="3 h")
    model = Model(mdr.pk.one_compartment("x", CL="1.1 L/h", V="20 L", ka="1.5 1/h", F=0.3, lag="0.5 h", iv=iv))
    oral, direct = model.ports
    assert (oral.route, oral.target, oral.bioavailability, oral.lag) == ("oral", "depot_x", *names("F_x lag_x"))
    assert (direct.route, direct.target) == ("iv", "central_x")
    assert (direct.bioavailability, direct.lag) == tuple(names("F_x_iv lag_x_iv"))
    assert (direct.rate, direct.duration) == tuple(names("rate_x_iv duration_x_iv"))
    assert not oral.spread
    assert not direct.spread


def test_zero_order_absorption_spreads_doses_of_its_route_only() -> None:
    oral, direct = Model(two(zero_order="2 h", F=0.6, route="sc")).ports
    assert (oral.route, oral.target, oral.duration, oral.spread) == ("sc", "central_x", symbol("duration_x"), True)
    assert (direct.route, direct.duration, direct.spread) == ("iv", None, False)
    both = Model(two(zero_order="2 h", ka="1 1/h")).ports[0]
    assert (both.target, both.spread) == ("depot_x", True)


def test_parameters_can_be_shared_and_be_formulas() -> None:
    weight = mdr.parameter("weight", "70 kg")
    per_kg = mdr.parameter("CL_per_kg", "0.02 L/h/kg")
    model = Model(weight, per_kg, mdr.pk.one_compartment("x", CL=mdr.formula("CL_per_kg*weight"), V="20 L"))
    assert symbol("weight") in model.derivatives["central_x"].free_symbols
    assert "CL_x" not in model.parameters


def test_medium() -> None:
    model = Model(mdr.medium("x", unit="nM", half_life="20 h", start="50 nM"))
    assert model.derivatives["medium_x"] == -symbol("medium_x") * sp.log(2) / symbol("half_life_x")
    assert model.states["medium_x"].start == symbol("C_x0")
    assert model.observables["C_x"].expression == symbol("medium_x")
    (port,) = model.ports
    assert (port.action, port.route, port.target) == ("expose", "medium", "medium_x")
    assert port.amount(quantity("1 uM"), "exposure") == pytest.approx(1.0)
    lost = Model(mdr.medium("x", loss="0.1 1/h", molar_mass="500 g/mol", start="1 mg/L"))
    assert lost.parameters["C_x0"].internal == pytest.approx(2.0)
    assert Model(mdr.medium("x")).derivatives["medium_x"] == 0
