"""Stroma: what it feeds, what it shields, and that a barrier acts on three things separately."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
import sympy as sp
from hypothesis import given
from hypothesis import strategies as st
from scipy.integrate import solve_ivp

import pkpd_mdr as mdr
from pkpd_mdr.engine import compile_model
from pkpd_mdr.errors import PkpdMdrError
from pkpd_mdr.expression import symbol
from pkpd_mdr.model.scope import Scope


@dataclass(frozen=True)
class Delivery:
    """Stands for a tumour compartment that takes a drug up, scaled by whatever hinders its delivery."""

    label: str = "delivery"

    def declare(self, scope: Scope) -> None:
        scope.state("tumour_dox", unit="uM", kind="concentration")
        scope.offer("delivery", "dox@tumour", lambda: sp.Integer(1))

    def connect(self, scope: Scope) -> None:
        flow = symbol("kin") * scope.find("delivery", "dox@tumour") * scope.find("concentration", "dox")
        scope.process("delivery_dox", flow, {"tumour_dox": 1})


def tumour(*parts: Any) -> mdr.Model:
    return mdr.Model(
        mdr.medium("dox", unit="uM"),
        mdr.clone("S", growth=mdr.growth.logistic(rate="0.02 1/h", capacity=1e9), start=1e6),
        mdr.immune.effector("CTL", start=1e5),
        mdr.immune.attack("CTL", on="S", rate="1e-7 1/cell/h"),
        mdr.stroma.cells("CAF", start=1e5),
        Delivery(),
        mdr.parameter("kin", "0.1 1/h"),
        *parts,
    )


AT = {"S": 1e7, "CTL": 1e5, "CAF": 1e5, "medium_dox": 2.0}


def processes(model: mdr.Model, **values: float) -> dict[str, float]:
    y = np.array([{**AT, **values}.get(name, 0.0) for name in model.states])
    found = compile_model(model).rates(0.0, y, np.array([p.internal for p in model.parameters.values()]))
    return {name: float(rate) for name, rate in found.items()}


BARRIERS = {"delivery": ("dox", "delivery_dox"), "growth": ("S", "birth_S"), "effectors": ("S", "attack_CTL_S")}


@pytest.mark.parametrize("against", BARRIERS)
@given(most=st.floats(0.0, 1.0), caf=st.floats(0.0, 1e9))
def test_a_barrier_hinders_one_thing_only(against: str, most: float, caf: float) -> None:
    of, hindered = BARRIERS[against]
    plain = processes(tumour(), CAF=caf)
    model = tumour(mdr.stroma.barrier("CAF", against=against, of=of, most=most, half=1e6, hill=2))
    found = processes(model, CAF=caf)
    height = most * caf**2 / (1e12 + caf**2)
    for name, rate in plain.items():
        expected = rate * (1 - height) if name == hindered else rate
        assert found[name] == pytest.approx(expected, rel=1e-9, abs=1e-6 * abs(rate)), name
    assert 0 <= found[hindered] <= plain[hindered]


@pytest.mark.parametrize("against", BARRIERS)
def test_a_fixed_barrier_and_none(against: str) -> None:
    of, hindered = BARRIERS[against]
    plain = processes(tumour())
    for most in (0.0, 0.6, 1.0):
        found = processes(tumour(mdr.stroma.barrier(against=against, of=of, most=most)))
        assert found[hindered] == pytest.approx((1 - most) * plain[hindered])


def test_barriers_multiply() -> None:
    two = [mdr.stroma.barrier(against="effectors", of="S", most=0.5)]
    two.append(mdr.stroma.barrier("CAF", against="effectors", of="S", most=1.0, half=1e5))
    assert processes(tumour(*two))["attack_CTL_S"] == pytest.approx(0.25 * processes(tumour())["attack_CTL_S"])


def test_hu_2019_divides_the_kill_by_a_cytokine() -> None:
    """k/(m1 + w) is (k/m1) with most = 1 and half = m1."""
    m1, w = 5.0, 12.0
    model = tumour(
        mdr.cytokine("W", unit="pg/mL"),
        mdr.stroma.barrier("W", against="effectors", of="S", most=1.0, half=(m1, "pg/mL")),
    )
    found = processes(model, W=w * 1e-6)["attack_CTL_S"]  # pg/mL in mg/L
    assert found == pytest.approx(processes(tumour())["attack_CTL_S"] * m1 / (m1 + w))


def test_li_2016_stellate_cells_drive_the_tumour() -> None:
    """C' = mu_c P C (1 - b C), P' = f_p TGFb P/(mu_p + TGFb) - d P, TGFb made by C: against a typed solver."""
    mu, b, f, half, d, made, lost = 0.5, 1e-3, 0.3, 2.0, 0.05, 0.02, 0.4
    model = mdr.Model(
        mdr.clone("C", growth=mdr.growth.logistic(rate=(mu, "1/h"), capacity=1 / b), start=1.0, unit=""),
        mdr.stroma.cells("P", start=0.2, unit="", death=(d, "1/h")),
        mdr.stroma.support("P", on="C", slope=1.0, basal=0.0),
        mdr.cytokine("TGFb", unit="", secretion={"C": (made, "1/h")}, loss=(lost, "1/h")),
        mdr.stimulation("P", by="TGFb", rate=(f, "1/h"), half=half),
    )
    run = model.simulate(until="48 h", times="4 h", accuracy=mdr.Accuracy(rtol=1e-10))

    def typed(t: float, y: np.ndarray) -> list[float]:
        C, P, T = y
        return [mu * P * C * (1 - b * C), f * T * P / (half + T) - d * P, made * C - lost * T]

    exact = solve_ivp(typed, (0, 48), [1.0, 0.2, 0.0], t_eval=np.arange(0, 49, 4), rtol=1e-11, atol=1e-12).y
    np.testing.assert_allclose(run.frame[["C", "P", "TGFb"]].to_numpy().T, exact, rtol=1e-7, atol=1e-9)


@given(caf=st.floats(0.0, 1e9), emax=st.floats(0.0, 5.0))
def test_support_only_adds_and_is_bounded(caf: float, emax: float) -> None:
    model = tumour(mdr.stroma.support("CAF", on="S", emax=emax, half=1e6))
    found, plain = processes(model, CAF=caf)["birth_S"], processes(tumour(), CAF=caf)["birth_S"]
    assert found == pytest.approx(plain * (1 + emax * caf / (1e6 + caf)), rel=1e-9)
    assert plain <= found * (1 + 1e-12)
    assert found <= plain * (1 + emax) * (1 + 1e-12)


BAD: dict[str, tuple[Any, str]] = {
    "no such delivery": (
        lambda: tumour(mdr.stroma.barrier(against="delivery", of="pac", most=0.5)),
        "the delivery of 'pac@tumour'",
    ),
    "no attack": (
        lambda: mdr.Model(mdr.clone("S"), mdr.stroma.barrier(against="effectors", of="S", most=0.5)),
        "no effectors attack this clone",
    ),
    "no growth": (
        lambda: mdr.Model(mdr.clone("S"), mdr.stroma.barrier(against="growth", of="S", most=0.5)),
        "no growth law",
    ),
    "too high": (lambda: tumour(mdr.stroma.barrier(against="growth", of="S", most=1.5)), "barrier_growth_S"),
    "against what": (lambda: mdr.stroma.barrier(against="delivry", of="dox", most=0.5), "did you mean 'delivery'"),
    "half without cells": (lambda: mdr.stroma.barrier(against="growth", of="S", most=0.5, half=1.0), "give both"),
    "unknown cells": (
        lambda: tumour(mdr.stroma.barrier("CAFs", against="growth", of="S", most=0.5, half=1.0)),
        "did you mean 'CAF'",
    ),
    "no form of support": (lambda: mdr.stroma.support("CAF", on="S", emax=2.0), "give emax and half, or slope"),
    "support of no clone": (lambda: tumour(mdr.stroma.support("CAF", on="T", slope=1.0)), "'T'"),
}


@pytest.mark.parametrize("case", BAD)
def test_refusals(case: str) -> None:
    make, words = BAD[case]
    with pytest.raises(PkpdMdrError, match=words):
        make()
