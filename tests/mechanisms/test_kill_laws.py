"""Effects of drugs alone and combined: limits, units, and the definitions of combination."""

from __future__ import annotations

import numpy as np
import pytest
import sympy as sp
from hypothesis import given, settings
from hypothesis import strategies as st

from pkpd_mdr import mechanisms as mdr
from pkpd_mdr.engine import compile_model
from pkpd_mdr.expression import symbol
from pkpd_mdr.model import Mechanism, Model

SOME = settings(max_examples=30)
GROWTH = mdr.growth.exponential(rate="0.5 1/h")
levels = st.floats(0.0, 1e3, allow_subnormal=False)
hills = st.floats(0.5, 5.0)


def one(drug: str, **changes: object) -> Mechanism:
    return mdr.kill(drug, **{"on": "S", "emax": "1.2 1/h", "ec50": "2 uM", "hill": 1.5, **changes})


def effect(model: Model, process: str = "kill_a_b_S", *, a: float = 0.0, b: float = 0.0, cells: float = 1.0) -> float:
    given = {"S": cells, "medium_a": a, "medium_b": b}
    y = np.array([given.get(name, 0.0) for name in model.states])
    p = np.array([item.internal for item in model.parameters.values()])
    return compile_model(model).rates(0.0, y, p)[process]


def pair(by: str, *kills: Mechanism, strength: float | None = None) -> Model:
    joint = mdr.combined_kill(*kills, by=by, strength=strength)
    return Model(mdr.medium("a"), mdr.medium("b"), mdr.clone("S", growth=GROWTH), joint)


def hill(c: float, ec50: float, h: float) -> float:
    ratio = (c / ec50) ** h
    return ratio / (1 + ratio)


def test_the_three_forms() -> None:
    parts = [mdr.medium("a"), mdr.clone("S", growth=GROWTH)]
    S, C, g, emax, ec50, h = map(symbol, ["S", "medium_a", "growth_S", "emax_a_S", "ec50_a_S", "hill_a_S"])
    hazard = Model(*parts, one("a"))
    norton = Model(*parts, one("a", emax=1.5, form="norton_simon"))
    static = Model(*parts, one("a", emax=0.8, form="cytostatic"))
    at = {emax: 0.8, ec50: 2, h: 2, C: 4, g: 0.5, S: 10}
    assert float(hazard.derivatives["S"].subs(at)) == pytest.approx(10 * (0.5 - 0.8 * 0.8))
    assert float(norton.derivatives["S"].subs(at)) == pytest.approx(10 * 0.5 * (1 - 0.8 * 0.8))
    assert float(static.derivatives["S"].subs(at)) == pytest.approx(10 * 0.5 * (1 - 0.8 * 0.8))
    assert list(static.processes) == ["birth_S"]
    assert norton.parameters["emax_a_S"].unit.dimensionless
    assert static.parameters["emax_a_S"].upper == 1.0


def test_each_clone_has_its_own_parameters_unless_shared() -> None:
    shared = mdr.parameter("potency", "50 nM")
    clones = [mdr.clone(name, growth=GROWTH) for name in "SR"]
    model = Model(mdr.medium("a"), *clones, one("a", on=["S", "R"], ec50=shared))
    assert {"emax_a_S", "emax_a_R", "hill_a_S", "hill_a_R", "potency"} <= set(model.parameters)
    assert "ec50_a_S" not in model.parameters
    assert {"kill_a_S", "kill_a_R"} <= set(model.processes)


def test_concentrations_convert_through_the_molar_mass() -> None:
    molar = Model(mdr.medium("a", molar_mass="500 g/mol"), mdr.clone("S"), one("a", ec50="1 mg/L"))
    assert molar.parameters["ec50_a_S"].internal == pytest.approx(2.0)  # uM
    mass = Model(mdr.medium("a", unit="mg/L", molar_mass="500 g/mol"), mdr.clone("S"), one("a", ec50="2 uM"))
    assert mass.parameters["ec50_a_S"].internal == pytest.approx(1.0)  # mg/L
    slope = {"emax": None, "ec50": None, "slope": "3 L/mg/h"}
    linear = Model(mdr.medium("a", molar_mass="500 g/mol"), mdr.clone("S"), one("a", **slope))
    assert linear.parameters["slope_a_S"].internal == pytest.approx(1.5)  # 1/(uM h)


def test_the_effect_site_is_another_concentration() -> None:
    drug = mdr.pk.one_compartment("a", CL="1 L/h", V="10 L", keo="0.3 1/h")
    model = Model(drug, mdr.clone("S"), one("a", ec50="2 mg/L", site="effect"))
    assert symbol("Ce_a") in model.processes["kill_a_effect_S"].rate.free_symbols
    assert symbol("central_a") not in model.processes["kill_a_effect_S"].rate.free_symbols


@SOME
@given(a=levels, b=levels, h=hills, k=hills)
def test_separate_hazards_add_so_that_survivals_multiply(a: float, b: float, h: float, k: float) -> None:
    model = Model(mdr.medium("a"), mdr.medium("b"), mdr.clone("S"), one("a", hill=h), one("b", hill=k, emax="2 1/h"))
    total = effect(model, "kill_a_S", a=a, b=b) + effect(model, "kill_b_S", a=a, b=b)
    assert total == pytest.approx(1.2 * hill(a, 2, h) + 2 * hill(b, 2, k), rel=1e-12, abs=1e-300)


@pytest.mark.law("I26")
@SOME
@given(a=levels, b=levels, h=hills, k=hills, emax=st.floats(0.1, 5.0))
def test_bounded_bliss(a: float, b: float, h: float, k: float, emax: float) -> None:
    model = pair("bliss", one("a", hill=h), one("b", hill=k, emax=f"{emax!r} 1/h"))
    most = max(1.2, emax)
    expected = most * (1 - (1 - 1.2 * hill(a, 2, h) / most) * (1 - emax * hill(b, 2, k) / most))
    joint = effect(model, a=a, b=b)
    assert joint == pytest.approx(expected, rel=1e-9, abs=1e-12)
    assert joint <= most * (1 + 1e-12)
    # each drug alone keeps its own curve
    assert effect(model, a=a) == pytest.approx(1.2 * hill(a, 2, h), rel=1e-9, abs=1e-12)
    assert effect(model, b=b) == pytest.approx(emax * hill(b, 2, k), rel=1e-9, abs=1e-12)


@pytest.mark.law("I26")
@SOME
@given(a=levels, b=levels, h=hills)
def test_loewe_of_a_drug_with_itself_is_the_added_dose(a: float, b: float, h: float) -> None:
    model = pair("loewe", one("a", hill=h), one("b", hill=h))
    assert effect(model, a=a, b=b) == pytest.approx(1.2 * hill(a + b, 2, h), rel=1e-9, abs=1e-300)


@SOME
@given(a=st.floats(0.01, 10), b=st.floats(0.01, 10), h=st.floats(0.5, 3.0))
def test_loewe_satisfies_its_own_equation(a: float, b: float, h: float) -> None:
    model = pair("loewe", one("a", hill=h), one("b", hill=h, ec50="5 uM"))
    joint = effect(model, a=a, b=b)
    odds = (joint / (1.2 - joint)) ** (1 / h)  # D_i(E) = ec50_i*odds
    assert a / (2 * odds) + b / (5 * odds) == pytest.approx(1.0, rel=1e-6)


@SOME
@given(a=st.floats(0.01, 10), b=st.floats(0.01, 10), h=st.floats(0.5, 3.0), alpha=st.floats(0.0, 3.0))
def test_interaction_is_the_surface_of_greco(a: float, b: float, h: float, alpha: float) -> None:
    """Greco et al. 1990: 1 = d1/(IC1 q^(1/m)) + d2/(IC2 q^(1/m)) + alpha d1 d2/(IC1 IC2 q^(1/m))."""
    model = pair("interaction", one("a", hill=h), one("b", hill=h, ec50="5 uM"), strength=alpha)
    joint = effect(model, a=a, b=b)
    q = (joint / (1.2 - joint)) ** (1 / h)
    assert a / (2 * q) + b / (5 * q) + alpha * a * b / (10 * q) == pytest.approx(1.0, rel=1e-6)
    additive = pair("loewe", one("a", hill=h), one("b", hill=h, ec50="5 uM"))
    assert joint >= effect(additive, a=a, b=b) * (1 - 1e-12)


def test_antagonism_without_end_is_no_effect_and_not_a_negative_one() -> None:
    model = pair("interaction", one("a"), one("b"), strength=-5.0)
    assert effect(model, a=100.0, b=100.0) == 0.0
    assert effect(model, a=100.0) == pytest.approx(1.2 * hill(100, 2, 1.5))


def test_linear_kills_under_loewe_add() -> None:
    line = {"emax": None, "ec50": None, "slope": "0.1 1/h/uM"}
    model = pair("loewe", one("a", **line), one("b", **line))
    assert effect(model, a=2.0, b=3.0, cells=10.0) == pytest.approx(5.0)


def test_cytostatic_shares_combine_to_a_share() -> None:
    form = {"emax": 0.9, "form": "cytostatic"}
    model = pair("bliss", one("a", **form), one("b", **form))
    rate = model.processes["birth_S"].rate
    free = {symbol("medium_a"): sp.Float(1e9), symbol("medium_b"): sp.Float(1e9), symbol("S"): 1}
    free |= {symbol(name): item.internal for name, item in model.parameters.items()}
    assert float(rate.subs(free)) == pytest.approx(0.5 * 0.1 * 0.1, rel=1e-6)


def test_three_drugs() -> None:
    kills = [one(drug) for drug in "abc"]
    parts = [*map(mdr.medium, "abc"), mdr.clone("S")]
    model = Model(*parts, mdr.combined_kill(*kills, by="loewe"))
    assert set(model.parameters) == {"ec50_a_S", "ec50_b_S", "ec50_c_S", "emax_a_b_c_S", "hill_a_b_c_S"}
