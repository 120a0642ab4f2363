"""Immune mechanisms: published models term by term and by their equilibria, laws of sign, and limits."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import sympy as sp
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.integrate import solve_ivp
from scipy.optimize import root
from strategies import papers

import pkpd_mdr as mdr
from pkpd_mdr.engine import compile_model
from pkpd_mdr.errors import ModelError, PkpdMdrError
from pkpd_mdr.expression import symbol

DAY = 24.0
immune = mdr.immune


def names(text: str) -> list[sp.Symbol]:
    return [symbol(name) for name in text.split()]


def rates(model: mdr.Model, **values: float) -> np.ndarray:
    """Right-hand side per day at given states (others zero)."""
    compiled = compile_model(model)
    y = np.array([float(values.get(name, 0.0)) for name in model.states])
    return DAY * np.array(compiled.rhs(0.0, y, [p.internal for p in model.parameters.values()]))


def hours(run: mdr.Run) -> np.ndarray:
    return run.frame.index.to_numpy() * run.time_unit.factor


def jacobian(model: mdr.Model, y: np.ndarray) -> np.ndarray:
    compiled = compile_model(model)
    values = [p.internal for p in model.parameters.values()]
    return DAY * np.reshape(compiled.jacobian(0.0, y, values), (len(y), len(y)))


# -- Kuznetsov et al. 1994 -------------------------------------------------------------------------------------


def kuznetsov(**changes: Any) -> mdr.Model:
    number = {"a": "0.18 1/day", "n": "1.101e-7 1/cell/day", **changes}
    return mdr.Model(
        mdr.clone("T", growth=mdr.growth.logistic(rate=number["a"], capacity="5e8 cell"), start="5e6 cell"),
        immune.effector("E", source="13000 cell/day", death="0.0412 1/day", start="3.2e5 cell"),
        mdr.stimulation("E", rate="0.1245 1/day", half="2.019e7 cell"),
        immune.exhaustion("E", rate="3.422e-10 1/cell/day"),
        immune.attack("E", on="T", rate=number["n"]),
    )


def test_kuznetsov_1994_is_the_published_system() -> None:
    model = kuznetsov()
    E, T, s, p, g, m, d, a, K, n = names(
        "E T source_E proliferation_E proliferation_half_E exhaustion_E death_E growth_T capacity_T attack_E_T"
    )
    assert sp.expand(model.derivatives["T"] - (a * T * (1 - T / K) - n * E * T)) == 0
    assert sp.simplify(model.derivatives["E"] - (s + p * E * T / (g + T) - m * E * T - d * E)) == 0


@pytest.mark.parametrize(
    ("effectors", "tumour", "eigenvalues"),
    [
        (3.155e5, 0.0, (0.1453, -0.0412)),
        (1.6081e6, 8.1864e6, (-0.00552 + 0.0634j, -0.00552 - 0.0634j)),
        (7.585e5, 2.6802e8, None),
        (1.732e5, 4.4703e8, None),
    ],
)
def test_kuznetsov_equilibria_to_four_digits(effectors: float, tumour: float, eigenvalues: Any) -> None:
    model = kuznetsov()
    order = [list(model.states).index(name) for name in ("E", "T")]
    found = root(
        lambda x: rates(model, E=x[0] * 1e6, T=x[1] * 1e6)[order] / 1e4, [effectors / 1e6, tumour / 1e6], tol=1e-13
    )
    assert found.x * 1e6 == pytest.approx([effectors, tumour], rel=2e-4, abs=1.0)
    if eigenvalues is not None:
        at = np.zeros(2)
        at[order] = found.x * 1e6
        values = sorted(np.linalg.eigvals(jacobian(model, at)), key=lambda v: (-v.real, -v.imag))
        assert values == pytest.approx(list(eigenvalues), rel=1e-3)


@pytest.mark.law("I21")
@given(kill=st.floats(0.1, 10.0))
def test_the_tumour_free_state_is_stable_iff_the_kill_exceeds_the_growth(kill: float) -> None:
    """I21: T = 0 is stable iff n s/d > a."""
    threshold = 0.18 * 0.0412 / 13000
    model = kuznetsov(n=f"{kill * threshold!r} 1/cell/day")
    slope = rates(model, E=13000 / 0.0412, T=1.0)[list(model.states).index("T")]
    assert (slope < 0) == (kill > 1) or abs(kill - 1) < 1e-6


# -- de Pillis et al. 2005 -------------------------------------------------------------------------------------

S_RATIO, L_RATIO = 2.73, 0.58


def de_pillis(**starts: float) -> mdr.Model:
    return mdr.Model(
        mdr.clone("T", growth=mdr.growth.logistic(rate="0.514 1/day", capacity=1 / 1.02e-9), start=starts.get("T", 0)),
        immune.effector("N", source="13000 cell/day", death="0.0412 1/day", start=starts.get("N", 0)),
        immune.effector("L", death="0.02 1/day", start=starts.get("L", 0)),
        immune.attack("N", on="T", rate="3.23e-7 1/cell/day"),
        immune.attack(
            "L", on="T", rate="1.43 1/day", form="ratio", half=S_RATIO ** (1 / L_RATIO), exponent=L_RATIO
        ),
        mdr.stimulation("N", rate="0.025 1/day", half=2.02e7**0.5, hill=2),
        mdr.stimulation("L", rate="0.0375 1/day", half=(2.02e7**0.5, "1/day"), hill=2, signal="killing"),
        immune.exhaustion("N", rate="1e-7 1/cell/day"),
        immune.exhaustion("L", rate="3.42e-10 1/cell/day"),
        immune.priming("L", by="N", rate="1.1e-7 1/cell/day"),
    )  # fmt: skip


def de_pillis_typed(t: float, y: np.ndarray) -> list[float]:
    T, N, L = np.maximum(y, 0.0)
    lysis = (L / T) ** L_RATIO if T > 0 else 0.0
    D = 1.43 * lysis / (S_RATIO + lysis)
    return [
        0.514 * T * (1 - 1.02e-9 * T) - 3.23e-7 * N * T - D * T,
        13000 - 0.0412 * N + 0.025 * T**2 * N / (2.02e7 + T**2) - 1e-7 * T * N,
        -0.02 * L + 0.0375 * (D * T) ** 2 * L / (2.02e7 + (D * T) ** 2) - 3.42e-10 * L * T + 1.1e-7 * N * T,
    ]


def test_de_pillis_2005_against_the_typed_equations() -> None:
    model = de_pillis(T=1e6, N=1e5, L=1e2)
    assert list(model.states) == ["T", "N", "L"]
    rng = np.random.default_rng(1)
    for _ in range(20):
        y = 10 ** rng.uniform(0, 8, 3)
        np.testing.assert_allclose(rates(model, T=y[0], N=y[1], L=y[2]), de_pillis_typed(0, y), rtol=1e-10)
    run = model.simulate(until="30 day", times="1 day", accuracy=mdr.Accuracy(rtol=1e-9))
    typed = solve_ivp(
        de_pillis_typed, (0, 30), [1e6, 1e5, 1e2], method="LSODA", t_eval=hours(run) / DAY, rtol=1e-10, atol=1e-6
    )
    for row, name in enumerate(("T", "N", "L")):
        np.testing.assert_allclose(run.frame[name].to_numpy(), typed.y[row], rtol=1e-6)


@pytest.mark.law("I22")
def test_de_pillis_invasion() -> None:
    """I22: without a tumour N* = sig/f = 315534; a small tumour grows at a - c N* = 0.412 per day."""
    model = de_pillis(N=13000 / 0.0412)
    at_rest = rates(model, N=13000 / 0.0412)
    assert pytest.approx(315534, abs=1) == 13000 / 0.0412
    assert at_rest == pytest.approx([0, 0, 0], abs=1e-9)
    assert rates(model, T=1.0, N=13000 / 0.0412)[0] == pytest.approx(0.412, abs=5e-4)


# -- Leon-Triana et al. 2021 -----------------------------------------------------------------------------------


def leon_triana() -> mdr.Model:
    return mdr.Model(
        mdr.clone("T", growth=mdr.growth.exponential(rate="0.02 1/day"), start="6.7e9 cell"),
        immune.effector("C", death=(1 / 7, "1/day")),
        mdr.stimulation("C", rate="0.9 1/day", half="1e10 cell"),
        immune.exhaustion("C", rate="0.04 1/day", half="2e9 cell", saturation="effector"),
        immune.attack("C", on="T", rate="2.5e-10 1/cell/day"),
    )


@pytest.mark.law("I23")
def test_leon_triana_2021() -> None:
    """I23: the tumour is in balance at C* = rT/a2 = 8e7 CAR-T cells, and a dose of 4e8 cells is a bolus."""
    model = leon_triana()
    assert rates(model, T=6.7e9, C=8e7)[0] == pytest.approx(0.0, abs=1e-3)
    assert rates(model, T=6.7e9, C=8.1e7)[0] < 0 < rates(model, T=6.7e9, C=7.9e7)[0]
    run = model.simulate(mdr.bolus("C", "4e8 cell"), until="60 day", times="1 day", accuracy=mdr.Accuracy(rtol=1e-10))

    by_hand = papers.ode(papers.leontriana2021, [4e8, 6.7e9], hours(run) / DAY)
    np.testing.assert_allclose(run.frame[["C", "T"]].to_numpy()[1:], by_hand[1:], rtol=1e-5)


# -- Kronik et al. 2008: CTL against glioma, with TGF-beta, interferon and MHC ---------------------------------

IFN_SECRETION, IFN_LOSS, CTL_DEATH, TGF = 1.02e-4, 0.102, 0.007, 1e4
"""Recalled, not read: the card of the model gives neither interferon kinetics nor the death of CTL."""


def kronik() -> mdr.Model:
    """All terms of the published kill; recruitment of CTL by the tumour was not obtained and is left out."""
    return mdr.Model(
        mdr.clone("T", growth=mdr.growth.logistic(rate="3.5e-4 1/h", capacity="1e11 cell"), start="1e10 cell"),
        immune.effector("C", death=(CTL_DEATH, "1/h"), start="2e6 cell"),
        mdr.cytokine("F", unit="pg", source="63945 pg/h", secretion={"T": "5.75e-6 pg/cell/h"}, loss="7 1/h"),
        mdr.cytokine("I", unit="pg", secretion={"C": (IFN_SECRETION, "pg/cell/h")}, loss=(IFN_LOSS, "1/h")),
        immune.mhc(
            "T", source="1.44 1/h", loss="0.0144 1/h", half=50, induced_by="I", emax="2.88 1/h", ec50="338000 pg"
        ),
        immune.attack("C", on="T", rate="0.12 1/h", form="tumour_saturated", half="5e8 cell"),
        immune.suppression("F", on="C", half=(TGF, "pg"), floor=0.69),
    )  # fmt: skip


def kronik_typed(t: float, y: np.ndarray) -> list[float]:
    T, C, F, interferon, M = y
    kill = 0.12 * M / (M + 50) * (0.69 + TGF * (1 - 0.69) / (F + TGF)) * C * T / (5e8 + T)
    return [
        3.5e-4 * T * (1 - T / 1e11) - kill,
        -CTL_DEATH * C,
        63945 + 5.75e-6 * T - 7 * F,
        IFN_SECRETION * C - IFN_LOSS * interferon,
        1.44 + 2.88 * interferon / (interferon + 338000) - 0.0144 * M,
    ]


def test_kronik_2008_with_the_published_infusions() -> None:
    """3e8 CTL over 10 h every 120 h, 3 in a course: the terms of BIOMD0000000808 against a solver of their own."""
    model = kronik()
    assert list(model.states) == ["T", "C", "F", "I", "MHC_T"]
    plan = mdr.infusion("C", "3e8 cell", over="10 h").every("120 h", times=3)
    run = model.simulate(plan, until="400 h", times="10 h", accuracy=mdr.Accuracy(rtol=1e-9))
    y, now, rows = np.array([1e10, 2e6, 0, 0, 0]), 0.0, [[1e10, 2e6, 0, 0, 0]]
    for stop in hours(run)[1:]:
        given_now = 3e7 if any(abs(now - start) < 1e-9 for start in (0, 120, 240)) else 0.0
        y = solve_ivp(
            lambda t, y, given=given_now: np.array(kronik_typed(t, y)) + [0, given, 0, 0, 0],
            (now, stop), y, method="LSODA", rtol=1e-11, atol=1e-6,
        ).y[:, -1]  # fmt: skip
        now = stop
        rows.append(y)
    for column, name in enumerate(model.states):
        np.testing.assert_allclose(run.frame[name].to_numpy(), np.array(rows)[:, column], rtol=2e-6, atol=1e-3)
    untreated = model.simulate(until="400 h", times="10 h")
    assert run.frame["T"].iloc[-1] < untreated.frame["T"].iloc[-1]


# -- vNKT cells ------------------------------------------------------------------------------------------------


def test_vnkt_calibration() -> None:
    """k_E E >= ln(20)/16 h = 0.187 per hour kills at least 95 % of B16 cells in a 16-h co-culture without growth."""
    assert np.log(20) / 16 == pytest.approx(0.187, abs=5e-4)
    for factor, enough in ((1.0, True), (1.05, True), (0.95, False)):
        model = mdr.Model(
            mdr.clone("B16", start="1e5 cell"),
            immune.effector("vNKT", start="1e6 cell"),
            immune.attack("vNKT", on="B16", rate=(factor * np.log(20) / 16 / 1e6, "1/cell/h")),
        )
        left = model.simulate(until="16 h", times="16 h").frame["B16"].iloc[-1] / 1e5
        assert (left <= 0.05 * (1 + 1e-6)) == enough


# -- antigen ---------------------------------------------------------------------------------------------------


def mahasa() -> mdr.Model:
    """Mahasa 2016: each kind of effector drives out the cells that it can see."""
    law = mdr.growth.logistic(rate="0.5822 1/day", capacity=1 / 2.33e-8)
    clones = {"T0": 1e4, "TN": 0.0, "TL": 0.0, "TNL": 0.0}
    return mdr.Model(
        *(mdr.clone(name, growth=law, start=start, resistant=name != "T0") for name, start in clones.items()),
        immune.effector("N", source="13000 cell/day", death="0.0412 1/day", start=1e5),
        immune.effector("L", death="0.02 1/day", start=100),
        immune.attack("N", on=["T0", "TL"], rate="1.3e-7 1/cell/day", by_antigen=False),
        immune.attack("L", on=["T0", "TN"], rate="1.3e-7 1/cell/day"),
        immune.antigen_loss("T0", "TN", effector="N", share=0.05),
        immune.antigen_loss("T0", "TL", effector="L", share=0.05),
        immune.antigen_loss("TN", "TNL", effector="L", share=0.18),
        immune.antigen_loss("TL", "TNL", effector="N", share=0.13),
    )


def test_antigen_loss_moves_what_survives_encounters() -> None:
    model = mahasa()
    T0, N, a = names("T0 N attack_N_T0")
    share = symbol("antigen_loss_N_T0_TN")
    assert model.processes["antigen_loss_N_T0_TN"].rate == share * a * N * T0
    assert model.processes["antigen_loss_N_T0_TN"].transfer
    run = model.simulate(until="60 day", times="10 day")
    assert np.all(np.diff(run.frame["resistant_share"]) > 0)


@given(level=st.floats(0.0, 1.0))
@settings(max_examples=20)
def test_the_attack_is_proportional_to_the_antigen(level: float) -> None:
    def kill(*parts: Any) -> float:
        model = mdr.Model(
            mdr.clone("S"), immune.effector("E"), immune.attack("E", on="S", rate="1e-7 1/cell/day"), *parts
        )
        return float(rates(model, S=1e6, E=1e5)[0])

    assert kill(immune.antigen({"S": level})) == pytest.approx(level * kill(), rel=1e-12, abs=1e-12)


@given(value=st.floats(-5.0, 5.0), moving=st.booleans())
@settings(max_examples=20)
def test_a_formula_for_an_antigen_level_stays_within_its_bounds(value: float, moving: bool) -> None:
    """What is known before a run is refused outside them; what moves with the cells is cut to them."""
    parts = [
        mdr.clone("S"),
        immune.effector("E"),
        immune.attack("E", on="S", rate="1 1/cell/day"),
        immune.antigen({"S": mdr.formula("x*S/(S + small)" if moving else "x")}),
        mdr.parameter("x", value),
        mdr.parameter("small", "1e-300 cell"),
    ]
    if not (moving or 0.0 <= value <= 1.0):
        with pytest.raises(ModelError, match=r"its formula 'x' is .* outside what the slot allows, \[0, 1\]"):
            mdr.Model(*parts)
        return
    assert -rates(mdr.Model(*parts), S=1.0, E=1.0)[0] == pytest.approx(min(1.0, max(0.0, value)))


# -- suppression and checkpoint --------------------------------------------------------------------------------


def suppressed(*parts: Any) -> mdr.Model:
    return mdr.Model(
        mdr.clone("S", start=1e6),
        immune.effector("CTL", start=1e5),
        immune.suppressor("Treg", start=1e4),
        immune.attack("CTL", on="S", rate="1e-6 1/cell/day"),
        mdr.stimulation("CTL", rate="0.1 1/day", half="1e6 cell"),
        *parts,
    )


def killed(model: mdr.Model, **values: float) -> float:
    return -float(rates(model, **{"S": 1e6, "CTL": 1e5, **values})[0])


@given(treg=st.floats(0.0, 1e9))
def test_suppression_lowers_the_kill_and_never_turns_it(treg: float) -> None:
    plain = killed(suppressed())
    for part, expected in (
        (immune.suppression("Treg", on="CTL", half="1e5 cell"), 1 / (1 + treg / 1e5)),
        (immune.suppression("Treg", on="CTL", slope="1e-5 1/cell"), np.exp(-1e-5 * treg)),
        (immune.suppression("Treg", on="CTL", half="1e5 cell", floor=0.3), 0.3 + 0.7 / (1 + treg / 1e5)),
    ):
        found = killed(suppressed(part), Treg=treg)
        assert found == pytest.approx(expected * plain, rel=1e-9, abs=1e-9)
        assert 0 <= found <= plain * (1 + 1e-12)


@given(ratio=st.floats(0.0, 1e4))
def test_vesicles_with_pdl1_suppress_as_cells_do(ratio: float) -> None:
    release = mdr.vesicles.release({"S": "50 1/day"}, clearance="0.2 1/h")
    model = suppressed(release, immune.suppression("EV", on="CTL", half="1e9 vesicle/mL"))
    half = model.parameters["suppression_half_EV_CTL"].internal
    assert killed(model, EV=ratio * half) == pytest.approx(killed(suppressed(release)) / (1 + ratio), rel=1e-9)


def test_suppression_of_recruitment_leaves_the_kill_alone() -> None:
    model = suppressed(immune.suppression("Treg", on="CTL", of="stimulation", half="1e4 cell"))
    with_cells = rates(model, S=1e6, CTL=1e5, Treg=1e4)
    without = rates(model, S=1e6, CTL=1e5)
    assert with_cells[0] == without[0]
    assert with_cells[1] == pytest.approx(0.5 * without[1])


@given(pdl1=st.floats(0.0, 1.0), level=st.floats(0.0, 1e4))
def test_checkpoint_blockade_frees_the_attack(pdl1: float, level: float) -> None:
    parts = [mdr.pk.one_compartment("nivo", CL="0.2 L/day", V="6 L")]
    model = suppressed(*parts, immune.checkpoint({"S": pdl1}, antibody="nivo", kd="1 mg/L"))
    plain = killed(suppressed())
    assert killed(model, central_nivo=6 * level) == pytest.approx(
        plain * (1 - pdl1 / (1 + level)), rel=1e-9, abs=1e-12 * plain
    )


def test_a_clone_that_lost_binding_is_out_of_reach_of_the_antibody() -> None:
    model = mdr.Model(
        mdr.clone("S"),
        mdr.clone("R", resistant=True),
        immune.effector("CTL"),
        immune.attack("CTL", on=["S", "R"], rate="1e-6 1/cell/day"),
        mdr.medium("nivo", unit="nM"),
        immune.checkpoint({"S": 0.9, "R": 0.9}, antibody="nivo", kd={"S": "1 nM", "R": "1e9 nM"}),
        mdr.intracellular("nivo", on="S", k0="1 1/h", kb="1 1/nM/h", kd="0.5 1/h", Bmax="10 nM"),
    )
    assert {"kd_nivo_pdl1_S", "kd_nivo_pdl1_R", "kd_nivo_S"} <= set(model.parameters)
    before, after = (rates(model, S=1.0, R=1.0, CTL=1e6, medium_nivo=level) for level in (0.0, 1.0))
    assert after[0] / before[0] == pytest.approx((1 - 0.9 / 1001) / 0.1)
    assert after[1] / before[1] == pytest.approx(1.0, rel=1e-4)


def test_a_checkpoint_of_one_effector_spares_the_other() -> None:
    def model(*parts: Any) -> mdr.Model:
        return mdr.Model(
            mdr.clone("S"),
            immune.effector("CTL"),
            immune.effector("CAR"),
            immune.attack("CTL", on="S", rate="1e-6 1/cell/day"),
            immune.attack("CAR", on="S", rate="1e-6 1/cell/day"),
            *parts,
        )

    held = model(immune.checkpoint({"S": 0.75}, effectors="CTL"))
    assert killed(held) == pytest.approx(0.25 * killed(model()))
    assert killed(held, CTL=0.0, CAR=1e5) == pytest.approx(killed(model(), CTL=0.0, CAR=1e5))
    both = model(immune.checkpoint({"S": 0.75}, effectors=["CTL", "CAR"]))
    assert [name for name in both.parameters if name.startswith("pdl1")] == ["pdl1_CTL_CAR_S"]
    assert killed(both, CTL=0.0, CAR=1e5) == pytest.approx(0.25 * killed(model(), CTL=0.0, CAR=1e5))
    assert killed(both) == pytest.approx(killed(held))


# -- cytokines ----------------------------------------------------------------------------------------------------


def test_a_cytokine_settles_where_secretion_and_loss_balance_and_doses_add() -> None:
    model = mdr.Model(
        mdr.clone("S", start=2e6),
        mdr.cytokine("IL2", unit="pg/mL", source="3 pg/mL/h", secretion={"S": "1e-6 pg/mL/cell/h"}, loss="0.5 1/h"),
    )
    rest = model.simulate(until="60 h", times="60 h", accuracy=mdr.Accuracy(rtol=1e-10)).frame["IL2"].iloc[-1]
    assert rest == pytest.approx((3 + 2) / 0.5, rel=1e-8)
    dosed = model.simulate(mdr.bolus("IL2", "40 pg/mL", at="60 h"), start={"IL2": (10, "pg/mL")}, until="62 h")
    assert dosed.frame["IL2"].iloc[-1] == pytest.approx(10 + 40 * np.exp(-1), rel=1e-6)


@given(level=st.floats(0.0, 1e3))
@settings(max_examples=20)
def test_il2_makes_effectors_divide(level: float) -> None:
    model = mdr.Model(
        immune.effector("CTL", start=1e5),
        mdr.cytokine("IL2", unit="pg/mL"),
        mdr.stimulation("CTL", by="IL2", rate="0.4 1/day", half="20 pg/mL"),
    )
    slope = rates(model, CTL=1e5, IL2=level * 1e-6)[0]  # pg/mL in mg/L
    assert slope == pytest.approx(0.4e5 * level / (20 + level), rel=1e-9)


def test_one_population_takes_several_stimuli() -> None:
    model = suppressed(
        mdr.stimulation("CTL", rate="1e3 cell/day", half="1e6 cell", form="influx"),
        mdr.stimulation("CTL", rate="0.1 1/day", half="1e3 1/day", signal="killing"),
    )
    assert {"proliferation_CTL", "influx_CTL", "proliferation_CTL_killing"} <= set(model.processes)


# -- units -------------------------------------------------------------------------------------------------------


@pytest.mark.law("I27")
def test_a_run_does_not_depend_on_units() -> None:
    """I27 for host cells, cytokines and checkpoint: hours and days, pg/mL and ng/L, nM and mg/L."""

    def model(day: float, hour: str, level: str, antibody: tuple[float, str]) -> mdr.Model:
        def per(value: float) -> tuple[float, str]:
            return (value * day, f"1/{hour}")

        return mdr.Model(
            mdr.clone("S", growth=mdr.growth.logistic(rate=per(0.01), capacity="1e9 cell"), start=1e6),
            immune.effector("CTL", start=1e5, source=(100 * day, f"cell/{hour}"), death=per(0.002)),
            immune.suppressor("Treg", start=1e4),
            mdr.cytokine("IL2", unit=level, secretion={"CTL": (1e-4 * day, f"{level}/cell/{hour}")}, loss=per(0.3)),
            mdr.stimulation("CTL", by="IL2", rate=per(0.02), half=(20, level)),
            immune.attack("CTL", on="S", rate=(1e-7 * day, f"1/cell/{hour}")),
            immune.exhaustion("CTL", rate=(1e-10 * day, f"1/cell/{hour}")),
            immune.suppression("Treg", on="CTL", slope="1e-5 1/cell"),
            mdr.medium("nivo", unit="nM", molar_mass="146 kg/mol"),
            immune.checkpoint({"S": 0.8}, antibody="nivo", kd=antibody),
        )

    one = model(1.0, "h", "pg/mL", (2.0, "nM"))
    two = model(24.0, "day", "ng/L", (2.0 * 0.146, "mg/L"))
    runs = [
        item.simulate(mdr.exposure("nivo", "5 nM", over="5 day"), until="20 day", times="2 day").frame
        for item in (one, two)
    ]
    # what is left of the clone at the end lies below the absolute tolerance
    np.testing.assert_allclose(runs[1][["S", "CTL", "IL2"]], runs[0][["S", "CTL", "IL2"]], rtol=1e-5, atol=1e-12)


# -- limits: switched off is absent ----------------------------------------------------------------------------

OFF = {
    "suppression": immune.suppression("Treg", on="CTL", slope="0 1/cell"),
    "floor": immune.suppression("Treg", on="CTL", half="1 cell", floor=1.0),
    "checkpoint": immune.checkpoint({"S": 0.0}),
    "antigen": immune.antigen({"S": 1.0}),
    "exhaustion": immune.exhaustion("CTL", rate="0 1/cell/day"),
    "priming": immune.priming("CTL", by="CTL", rate="0 1/cell/day"),
    "barrier": mdr.stroma.barrier(against="effectors", of="S", most=0.0),
}


@pytest.mark.parametrize("name", OFF)
def test_switched_off_is_absent(name: str) -> None:
    at = {"S": 3e5, "CTL": 2e5, "Treg": 1e4}
    np.testing.assert_allclose(rates(suppressed(OFF[name]), **at), rates(suppressed(), **at), rtol=1e-14)


def test_attack_forms_agree_where_they_must() -> None:
    """Far below half a saturable attack is mass action with rate/half; the ratio law saturates at its rate."""

    def kill(rate: Any, cells: float, effectors: float, **form: Any) -> float:
        model = mdr.Model(mdr.clone("S"), immune.effector("E"), immune.attack("E", on="S", rate=rate, **form))
        return -float(rates(model, S=cells, E=effectors)[0]) / cells

    mass = kill("1e-9 1/cell/day", 1e3, 1e3)
    assert kill("1 1/day", 1e3, 1e3, form="tumour_saturated", half=1e9) == pytest.approx(mass, rel=1e-5)
    assert kill("1 1/day", 1e3, 1e3, form="effector_saturated", half=1e9) == pytest.approx(mass, rel=1e-5)
    assert kill("1 1/day", 1.0, 1e12, form="ratio", half=1.0) == pytest.approx(1.0)
    assert kill("1 1/day", 1e6, 2e6, form="ratio", half=2.0) == pytest.approx(0.5)
    assert kill("1 1/day", 1e6, 0.0, form="ratio", half=2.0, exponent=0.5) == 0.0


# -- doses, drugs, radiation -----------------------------------------------------------------------------------


def test_cell_doses_arrive_as_boluses_and_infusions() -> None:
    model = mdr.Model(immune.effector("CTL", death="0.1 1/day", F=0.5, lag="2 h"))
    k = 0.1 / DAY
    run = model.simulate(mdr.bolus("CTL", "3e8 cell"), until="3 day", times="6 h")
    after = run.frame["CTL"].to_numpy()[1:]
    np.testing.assert_allclose(after, 1.5e8 * np.exp(-k * (hours(run)[1:] - 2)), rtol=1e-7)
    slow = model.simulate(mdr.infusion("CTL", "3e8 cell", over="10 h"), until="3 day", times="6 h")
    late = hours(slow) > 12
    expected = 1.5e7 / k * (1 - np.exp(-k * 10)) * np.exp(-k * (hours(slow)[late] - 12))
    np.testing.assert_allclose(slow.frame["CTL"].to_numpy()[late], expected, rtol=1e-6)
    per_weight = model.simulate(mdr.bolus("CTL", "4e6 cell/kg", weight="75 kg"), until="3 day", times="6 h")
    np.testing.assert_allclose(per_weight.frame["CTL"], run.frame["CTL"], rtol=1e-9)


def test_cell_doses_per_body_weight() -> None:
    assert mdr.infusion("CTL", "3e8 cell", rate="3e7 cell/h").length == pytest.approx(10)
    assert mdr.infusion("CTL", "1e6 cell/kg", rate="1e5 cell/kg/h", weight="70 kg").length == pytest.approx(10)
    with pytest.raises(PkpdMdrError, match="per body size; give weight"):
        mdr.bolus("CTL", "1e6 cell/kg")
    with pytest.raises(PkpdMdrError, match="leave out weight"):
        mdr.bolus("CTL", "3e8 cell", weight="70 kg")


def test_chemotherapy_harms_effectors_and_they_recover() -> None:
    """NK cells fall under the drug and return to source/death."""
    model = mdr.Model(
        mdr.pk.one_compartment("dox", CL="50 L/h", V="500 L"),
        mdr.clone("S", start=1.0),
        immune.effector("NK", source="13000 cell/day", death="0.0412 1/day", start=13000 / 0.0412),
        mdr.kill("dox", on=["S", "NK"], slope="5 L/mg/h"),
    )
    run = model.simulate(mdr.bolus("dox", "60 mg"), until="200 day", times="1 day")
    cells = run.frame["NK"].to_numpy()
    assert cells[2] / cells[0] == pytest.approx(np.exp(-5 * 60 / 50), rel=0.2, abs=0.1)
    assert cells[-1] == pytest.approx(13000 / 0.0412, rel=1e-3)


def test_exhausted_cells_are_a_pool_of_their_own() -> None:
    model = suppressed(immune.effector("Tex"), immune.exhaustion("CTL", rate="1e-7 1/cell/day", into="Tex"))
    process = model.processes["exhaustion_CTL"]
    assert process.transfer
    assert dict(process.moves) == {"CTL": -1, "Tex": 1}


def test_effectors_see_antigen_where_suppressors_see_cells() -> None:
    parts = [
        mdr.clone("S"),
        immune.effector("CTL"),
        immune.suppressor("MDSC"),
        immune.attack("CTL", on="S", rate="1e-7 1/cell/day"),
        immune.antigen({"S": 0.25}),
        mdr.stimulation("CTL", rate="1e-3 1/day", form="influx"),
        mdr.stimulation("MDSC", rate="1e-3 1/day", form="influx"),
    ]
    _, ctl, mdsc = rates(mdr.Model(*parts), S=4e6)
    assert (ctl, mdsc) == (pytest.approx(1e3), pytest.approx(4e3))


# -- refusals --------------------------------------------------------------------------------------------------

BAD: dict[str, tuple[Any, str]] = {
    "unknown effector": (lambda: suppressed(immune.attack("NK", on="S", rate="1 1/cell/h")), "'NK'"),
    "unknown clone": (lambda: suppressed(immune.antigen({"s": 0.3})), "did you mean 'S'"),
    "unknown form": (lambda: immune.attack("CTL", on="S", rate="1 1/h", form="ratios", half=1), "did you mean 'ratio'"),
    "no half": (lambda: immune.attack("CTL", on="S", rate="1 1/h", form="ratio"), "needs half"),
    "half of mass action": (lambda: immune.attack("CTL", on="S", rate="1 1/h", half=1), "takes no half"),
    "two attacks": (lambda: suppressed(immune.attack("CTL", on="S", rate="1 1/cell/h")), "declared twice"),
    "antigen above one": (lambda: suppressed(immune.antigen({"S": 1.3})), "antigen_S"),
    "antigen of nothing": (lambda: immune.antigen({}), "at least one clone"),
    "antigen without effectors": (lambda: mdr.Model(mdr.clone("S"), immune.antigen({"S": 0.3})), "no effectors"),
    "checkpoint without attack": (
        lambda: suppressed(mdr.clone("R"), immune.checkpoint({"R": 0.3})),
        "no effectors attack",
    ),
    "antibody without kd": (lambda: immune.checkpoint({"S": 0.3}, antibody="nivo"), "give both or none"),
    "suppression twice": (
        lambda: immune.suppression("Treg", on="CTL", half="1 cell", slope="1 1/cell"),
        "give half.*or slope",
    ),
    "hill without half": (lambda: mdr.stimulation("CTL", rate="1 1/day/cell", hill=2), "hill belongs to half"),
    "suppression by nobody": (lambda: suppressed(immune.suppression("Tregs", on="CTL", half=1)), "did you mean 'Treg'"),
    "suppression of nothing": (
        lambda: suppressed(immune.effector("NK"), immune.suppression("Treg", on="NK", half=1)),
        "no kill to suppress",
    ),
    "loss without attack": (
        lambda: suppressed(mdr.clone("R"), immune.antigen_loss("S", "R", effector="NK", share=0.1)),
        "the attack of 'NK on S'",
    ),
    "stimulation of a clone": (lambda: suppressed(mdr.stimulation("S", rate="1 1/day", half=1)), "'S', which are no"),
    "stimulation by killing nobody": (
        lambda: suppressed(
            immune.effector("NK"), mdr.stimulation("NK", rate="1 1/day", half="1 1/day", signal="killing")
        ),
        "attack no clone",
    ),
    "a rate without a unit": (lambda: suppressed(mdr.stimulation("CTL", by="Treg", rate=1, half=1)), "unit"),
    "ratio of volumes": (
        lambda: mdr.Model(
            mdr.clone("V", unit="mm**3"),
            immune.effector("E"),
            immune.attack("E", on="V", rate="1 1/day", form="ratio", half=1),
        ),
        "numbers of cells",
    ),
    "a cell dose in mg": (lambda: suppressed().simulate(mdr.bolus("CTL", "3 mg"), until="1 day"), "CTL"),
    "a dose of suppressors": (lambda: suppressed().simulate(mdr.bolus("Treg", "3 cell"), until="1 day"), "Treg"),
}


@pytest.mark.parametrize("case", BAD)
def test_refusals(case: str) -> None:
    make, words = BAD[case]
    with pytest.raises(PkpdMdrError, match=words):
        make()
