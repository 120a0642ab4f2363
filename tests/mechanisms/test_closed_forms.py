"""Closed forms and invariants of the literature, through the engine, to 1e-6 (names as in the text books)."""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.integrate import quad
from scipy.optimize import brentq
from strategies.runs import last

import pkpd_mdr as mdr
from pkpd_mdr.mechanisms import resection
from pkpd_mdr.model import Mechanism, Model
from pkpd_mdr.regimen import Act, Regimen

EXACT = mdr.Accuracy(rtol=1e-10)
FEW = settings(max_examples=12)
rate = st.floats(0.05, 2.0)
volume = st.floats(2.0, 80.0)


def course(model: Model, regimen: Regimen | None, until: str, every: str) -> Mapping[str, np.ndarray]:
    frame = model.simulate(regimen, until=until, times=every, accuracy=EXACT).frame
    return {name: frame[name].to_numpy() for name in frame} | {"t": frame.index.to_numpy()}


def area(unit: str = "mg/L*h") -> list[Mechanism]:
    return [mdr.state("area", unit=unit, kind="integral"), mdr.process("add_up", "C_x", {"area": 1})]


# -- pharmacokinetics -------------------------------------------------------------------------------------


@pytest.mark.law("I9")
@FEW
@given(CL=rate, V1=volume, Q2=rate, V2=volume, Q3=rate, V3=volume, F=st.floats(0.1, 1.0), tissues=st.integers(0, 2))
def test_area_is_dose_times_F_over_clearance(
    CL: float, V1: float, Q2: float, V2: float, Q3: float, V3: float, F: float, tissues: int
) -> None:
    """AUC = F*dose/CL for any mammillary model, whatever flows and volumes are, oral or iv."""
    given_ = {"CL": f"{CL * V1} L/h", "ka": "1.3 1/h", "F": F, "lag": "0.5 h"}
    v1 = f"{V1} L"
    if tissues == 0:
        drug = mdr.pk.one_compartment("x", V=v1, **given_)
    elif tissues == 1:
        drug = mdr.pk.two_compartment("x", V1=v1, Q=f"{Q2} L/h", V2=f"{V2} L", **given_)
    else:
        flows = {"Q2": f"{Q2} L/h", "V2": f"{V2} L", "Q3": f"{Q3} L/h", "V3": f"{V3} L"}
        drug = mdr.pk.three_compartment("x", V1=v1, **flows, **given_)
    model = mdr.Model(drug, *area())
    horizon = f"{200 * (1 / CL + V2 / Q2 + V3 / Q3)} h"
    for regimen, share in (
        (mdr.oral("x", "100 mg"), F),
        (mdr.bolus("x", "100 mg", route="iv"), 1.0),
        (mdr.infusion("x", "100 mg", over="3 h", route="iv"), 1.0),
    ):
        assert last(model, regimen, horizon, "area")[0] == pytest.approx(share * 100 / (CL * V1), rel=1e-6)


@pytest.mark.law("I10")
@pytest.mark.parametrize("dose", [1.0, 30.0, 600.0])
def test_area_of_saturable_elimination(dose: float) -> None:
    """One compartment, Michaelis-Menten, bolus: AUC = C0/vmax*(Km + C0/2) with vmax = Vmax/V."""
    model = mdr.Model(mdr.pk.one_compartment("x", V="20 L", Vmax="30 mg/h", Km="2 mg/L"), *area())
    C0, vmax = dose / 20, 30 / 20
    assert last(model, mdr.bolus("x", f"{dose} mg"), "400 h", "area")[0] == pytest.approx(
        C0 / vmax * (2 + C0 / 2), rel=1e-7
    )


def test_two_compartment_bolus_is_the_sum_of_two_exponentials() -> None:
    CL, V1, Q, V2 = 2.0, 10.0, 5.0, 40.0
    drug = mdr.pk.two_compartment("x", CL=f"{CL} L/h", V1=f"{V1} L", Q=f"{Q} L/h", V2=f"{V2} L")
    found = course(mdr.Model(drug), mdr.bolus("x", "100 mg"), "48 h", "1 h")
    k10, k12, k21 = CL / V1, Q / V1, Q / V2
    total = k10 + k12 + k21
    root = math.sqrt(total**2 - 4 * k10 * k21)
    a, b = (total + root) / 2, (total - root) / 2
    t = found["t"][1:]
    exact = 100 / V1 * ((a - k21) * np.exp(-a * t) + (k21 - b) * np.exp(-b * t)) / (a - b)
    np.testing.assert_allclose(found["C_x"][1:], exact, rtol=1e-8)


def test_effect_site() -> None:
    """Ce = keo*C0/(keo - k)*(exp(-k t) - exp(-keo t))."""
    model = mdr.Model(mdr.pk.one_compartment("x", CL="2 L/h", V="10 L", keo="0.7 1/h"))
    found = course(model, mdr.bolus("x", "100 mg"), "24 h", "1 h")
    t = found["t"][1:]
    np.testing.assert_allclose(found["Ce_x"][1:], 7 / 0.5 * (np.exp(-0.2 * t) - np.exp(-0.7 * t)), rtol=1e-8)


def test_modelled_duration_is_zero_order_input() -> None:
    """C = R/CL*(1 - exp(-k t)) during the input, with R = F*dose/duration."""
    iv = mdr.pk.route(F=0.8, duration="4 h")
    model = mdr.Model(mdr.pk.one_compartment("x", CL="2 L/h", V="10 L", iv=iv))
    act = Act(0.0, "x", "dose", mdr.bolus("x", "100 mg").acts[0].amount, modelled="duration")
    found = course(model, Regimen((act,), 0.0), "4 h", "1 h")
    np.testing.assert_allclose(found["C_x"], 20 / 2 * (1 - np.exp(-0.2 * found["t"])), rtol=1e-8, atol=1e-12)


def test_zero_order_absorption_of_a_plain_oral_dose() -> None:
    model = mdr.Model(mdr.pk.one_compartment("x", CL="2 L/h", V="10 L", zero_order="4 h", F=0.8))
    found = course(model, mdr.oral("x", "100 mg"), "4 h", "1 h")
    np.testing.assert_allclose(found["C_x"], 20 / 2 * (1 - np.exp(-0.2 * found["t"])), rtol=1e-8, atol=1e-12)


def test_medium_decays_and_is_changed_and_washed_out() -> None:
    model = mdr.Model(mdr.medium("x", unit="nM", half_life="6 h"))
    regimen = mdr.exposure("x", "100 nM", over="12 h") & mdr.exposure("x", "40 nM", over="6 h", at="24 h")
    found = course(model, regimen, "36 h", "3 h")
    at = dict(zip(found["t"], found["C_x"], strict=True))
    assert at[6.0] == pytest.approx(50.0)
    assert at[9.0] == pytest.approx(100 * 2**-1.5)
    assert at[15.0] == 0.0
    assert at[27.0] == pytest.approx(40 / math.sqrt(2))
    assert at[33.0] == 0.0


# -- growth -----------------------------------------------------------------------------------------------


@pytest.mark.law("I19")
def test_logistic_and_gompertz() -> None:
    r, K, N0 = 0.03, 1e9, 1e6
    for law, exact in (
        (mdr.growth.logistic, lambda t: K / (1 + (K / N0 - 1) * np.exp(-r * t))),
        (mdr.growth.gompertz, lambda t: K * np.exp(np.log(N0 / K) * np.exp(-r * t))),
    ):
        model = mdr.Model(mdr.clone("S", growth=law(rate=f"{r} 1/h", capacity=K), start=N0))
        found = course(model, None, "400 h", "20 h")
        np.testing.assert_allclose(found["S"], exact(found["t"]), rtol=1e-7)


@pytest.mark.law("I18")
def test_logistic_with_death_settles_at_its_plateau() -> None:
    """An R-only tumour with turnover ends at K*(1 - d/r) (Strobl 2021)."""
    law = mdr.growth.logistic(rate="0.027 1/day", capacity=1.0)
    model = mdr.Model(mdr.clone("R", growth=law, unit="", start=0.01, death="0.00675 1/day"))
    assert last(model, None, "3000 day", "R")[0] == pytest.approx(0.75, rel=1e-6)
    born = mdr.growth.birth_death(birth="0.4 1/day", death="0.1 1/day", capacity=1e6)
    assert last(mdr.Model(mdr.clone("S", growth=born, start=10.0)), None, "300 day", "S")[0] == pytest.approx(7.5e5)


@pytest.mark.law("I19")
@pytest.mark.parametrize("psi", [1.0, 4.0, 20.0])
def test_exponential_linear_growth(psi: float) -> None:
    """With z = l0 w/l1: the time to reach z is the integral of (1 + z**psi)**(1/psi)/(l0 z)."""
    l0, l1 = 0.273, 0.814
    law = mdr.growth.exponential_linear(rate=f"{l0} 1/h", linear=f"{l1} mg/h", psi=psi)
    model = mdr.Model(mdr.clone("w", growth=law, unit="mg", start="0.1 mg"))
    w = last(model, None, "20 h", "w")[0]
    z0 = 0.1 * l0 / l1

    def missing(z: float) -> float:
        spent = quad(lambda u: (1 + math.exp(psi * u)) ** (1 / psi), math.log(z0), math.log(z), epsrel=1e-12)[0]
        return float(spent / l0 - 20)

    assert w == pytest.approx(brentq(missing, z0, 100, xtol=1e-12) * l1 / l0, rel=1e-7)


@pytest.mark.law("I16")
def test_simeoni_2004_paclitaxel_control() -> None:
    """Published parameters (exp 1), untreated from 0.1 g: 1.5333, 9.1259, 17.2659 g at 10, 20, 30 days; slope l1."""
    law = mdr.growth.exponential_linear(rate="0.273 1/day", linear="0.814 g/day")
    found = course(mdr.Model(mdr.clone("w", growth=law, unit="g", start="0.1 g")), None, "30 day", "10 day")
    np.testing.assert_allclose(found["w"][1:], [1.5333, 9.1259, 17.2659], atol=5e-5)
    assert (found["w"][3] - found["w"][2]) / 10 == pytest.approx(0.814, rel=1e-6)


@pytest.mark.law("I18")
def test_strobl_invariant() -> None:
    """Constant D = 1, no turnover, rS = rR: S*R**(dD - 1) stays."""
    r, K = mdr.parameter("r", "0.027 1/day"), mdr.parameter("K", 1.0)
    law = mdr.growth.logistic(rate=r, capacity=K)
    model = mdr.Model(
        mdr.clone("S", growth=law, unit=""),
        mdr.clone("R", growth=law, unit="", resistant=True),
        mdr.medium("D", unit=""),
        mdr.kill("D", on="S", slope=1.5, form="norton_simon"),
        mdr.seeding(total=0.5, R=0.01),
    )
    found = course(model, mdr.exposure("D", 1), "300 day", "10 day")
    np.testing.assert_allclose(found["S"] * found["R"] ** 0.5, 0.495 * 0.005**0.5, rtol=1e-7)
    np.testing.assert_allclose(found["resistant_share"], found["R"] / (found["R"] + found["S"]), rtol=1e-12)


@pytest.mark.law("I25")
def test_zhang_2022_competition_decides_who_stays() -> None:
    """Alone at its capacity S excludes R if aRS > 1; R grows only while xR + aRS xS < K."""

    def final(aRS: float) -> list[float]:
        sensitive = mdr.growth.logistic(rate="0.1248 1/day", capacity=10000, competition={"R": 1.0})
        resistant = mdr.growth.logistic(rate="0.0728 1/day", capacity=10000, competition={"S": aRS})
        clones = [mdr.clone("S", growth=sensitive, start=9000), mdr.clone("R", growth=resistant, start=10)]
        return last(mdr.Model(*clones), None, "2000 day", "S", "R")

    S, R = final(6.0)
    assert pytest.approx(10000, rel=1e-6) == S
    assert pytest.approx(0.0, abs=1e-9) == R
    assert final(0.8)[1] > 5000


def test_monro_gaffney_competitive_release() -> None:
    """Days to 5e11 cells at doses 0, 1, 2: 226.17, 581.58, 464.58 (BIOMD0000000776)."""
    b, K = mdr.parameter("b", "0.005928 1/day"), mdr.parameter("Ninf", "2e12 cell")
    law = mdr.growth.gompertz(rate=b, capacity=K)
    model = mdr.Model(
        mdr.clone("S", growth=law, start=1e10),
        mdr.clone("R", growth=law, start=2e5),
        mdr.medium("C0", unit=""),
        mdr.kill("C0", on="S", slope=1.0, form="norton_simon"),
        mdr.mutation("S", "R", probability=1e-6),
        mdr.mutation("R", "S", probability=1e-6),
    )
    for dose, day in ((0, 226.17), (1, 581.58), (2, 464.58)):
        regimen = mdr.exposure("C0", dose) if dose else None
        burden = last(model, regimen, f"{day} day", "burden")[0]
        assert burden == pytest.approx(5e11, rel=2e-4)


def test_greene_2019_failure_times() -> None:
    """Time (in 1/rS) to V = 0.9 under constant treatment from V = 0.1: 89.671 (alpha 0) and 44.694 (alpha 1e-2)."""
    one = mdr.parameter("K", 1.0)
    for alpha, time in ((0.0, 89.671), (1e-2, 44.694)):
        model = mdr.Model(
            mdr.clone("S", growth=mdr.growth.logistic(rate="1 1/h", capacity=one), unit="", start=0.01),
            mdr.clone("R", growth=mdr.growth.logistic(rate="0.2 1/h", capacity=one), unit=""),
            mdr.medium("u", unit=""),
            mdr.switching("S", "R", rate="1e-6 1/h", induced_by="u", slope=f"{alpha} 1/h"),
            mdr.kill("u", on="S", slope="1 1/h"),
        )
        treated = mdr.exposure("u", 1.5, at="2.398 h")
        (burden,) = last(model, treated, f"{time} h", "burden")
        assert burden == pytest.approx(0.9, rel=2e-3)


# -- kill -------------------------------------------------------------------------------------------------


@pytest.mark.law("I11")
@FEW
@given(hill=st.floats(0.6, 4.0), C0=st.floats(0.05, 50.0), a=st.floats(0.02, 1.0))
def test_total_log_kill_of_an_emax_hazard(hill: float, C0: float, a: float) -> None:
    """Mono-exponential C: log-kill = Emax/(a n)*ln(1 + (C0/EC50)**n) (Yates and Mistry 2023 for n = 1)."""
    model = mdr.Model(
        mdr.medium("x", loss=f"{a} 1/h"),
        mdr.clone("S", start=1e9),
        mdr.kill("x", on="S", emax=f"{0.3 * a} 1/h", ec50="2 uM", hill=hill),
    )
    left = last(model, mdr.exposure("x", f"{C0} uM"), f"{60 / min(hill, 1) / a} h", "S")[0]
    expected = 0.3 / hill * math.log1p((C0 / 2) ** hill)
    assert math.log(1e9 / left) == pytest.approx(expected, rel=1e-6, abs=1e-9)  # abs: far below rtol in S itself


@pytest.mark.law("I13")
def test_null_test_for_regimens() -> None:
    """Exponential growth, linear kill, no switching: ln N(T) = ln N0 + g T - sum k_j AUC_j; order does not matter."""
    g = {"S": 0.02, "R": 0.015}
    k = {("a", "S"): 0.01, ("b", "S"): 0.03, ("a", "R"): 0.001, ("b", "R"): 0.02}
    drugs = [mdr.pk.one_compartment(d, CL="5 L/h", V="20 L") for d in "ab"]
    clones = [mdr.clone(n, growth=mdr.growth.exponential(rate=f"{v} 1/h"), start=1e6) for n, v in g.items()]
    kills = [mdr.kill(d, on=n, slope=f"{v} L/mg/h") for (d, n), v in k.items()]
    model = mdr.Model(*drugs, *clones, *kills)
    a = mdr.bolus("a", "40 mg").every("24 h", times=3)
    b = mdr.infusion("b", "60 mg", over="2 h").every("24 h", times=3)
    ends = [last(model, plan, "600 h", "S", "R") for plan in (a & b, a.then(b), b.then(a))]
    auc = {"a": 3 * 40 / 5, "b": 3 * 60 / 5}
    for found in ends:
        for value, name in zip(found, g, strict=True):
            expected = math.log(1e6) + g[name] * 600 - sum(k[d, name] * auc[d] for d in "ab")
            assert math.log(value) == pytest.approx(expected, rel=1e-8)


# -- plasticity and transfer ------------------------------------------------------------------------------


@pytest.mark.law("I14")
@FEW
@given(g0=st.floats(0.1, 1.0), g1=st.floats(0.0, 0.5), a=st.floats(0.01, 0.3), b=st.floats(0.01, 0.3))
def test_two_type_switching(g0: float, g1: float, a: float, b: float) -> None:
    """Long-run rate [A + B + sqrt((A - B)^2 + 4ab)]/2 and share x/(1 + x), x = a/(rate - B)."""
    model = mdr.Model(
        mdr.clone("S", growth=mdr.growth.exponential(rate=f"{g0} 1/h"), start=1e3, death="0.2 1/h"),
        mdr.clone("R", growth=mdr.growth.exponential(rate=f"{g1} 1/h"), start=1e3, death="0.2 1/h", resistant=True),
        mdr.switching("S", "R", rate=f"{a} 1/h", back=f"{b} 1/h"),
    )
    A, B = g0 - 0.2 - a, g1 - 0.2 - b
    gap = math.sqrt((A - B) ** 2 + 4 * a * b)
    long_run, until = (A + B + gap) / 2, 40 / gap
    frame = model.simulate(until=f"{until + 1} h", times=[f"{until} h", f"{until + 1} h"], accuracy=EXACT).frame
    before, after = frame["burden"]
    assert math.log(after / before) == pytest.approx(long_run, abs=1e-6)
    x = a / (long_run - B)
    assert frame["resistant_share"].iloc[-1] == pytest.approx(x / (1 + x), rel=1e-6)


@pytest.mark.law("I28")
def test_switching_and_transfer_alone_keep_the_number_of_cells() -> None:
    """r = 0 and h = 0: the total is constant under any switching and transfer."""
    model = mdr.Model(
        mdr.clone("S", start=6e5),
        mdr.clone("R", start=3e5, resistant=True),
        mdr.clone("A", start=1e5),
        mdr.medium("x"),
        mdr.switching("S", "R", rate="0.01 1/h", back="0.02 1/h"),
        mdr.switching("A", "R", induced_by="x", emax="0.1 1/h", ec50="1 uM"),
        mdr.mutation("S", "A", rate="1e-3 1/h"),
        mdr.contact_transfer("R", "S", "A", rate="0.05 1/h", loss="0.01 1/h", fixation="0.005 1/h"),
        mdr.exosomes("R", "S", "R", secretion="50 1/h", uptake="1e-8 mL/h", clearance="0.2 1/h", conversion=0.5),
    )
    found = course(model, mdr.exposure("x", "2 uM", over="48 h"), "200 h", "10 h")
    np.testing.assert_allclose(found["burden"], 1e6, rtol=1e-9)
    assert found["S"][-1] < 3e5


@pytest.mark.law("I3")
def test_vesicles_settle_and_fade() -> None:
    """Constant cells: X = sig R/(del V + kap S) per volume; without donor the half-life is ln 2/(del + kap S/V)."""
    transfer = {"secretion": "40 1/h", "uptake": "1e-8 mL/h", "clearance": "0.2 1/h", "volume": "2 mL"}
    model = mdr.Model(
        mdr.clone("S", start=3e7), mdr.clone("R", start=1e6), mdr.exosomes("R", "S", "R", conversion=0, **transfer)
    )
    steady = 40 * 1e6 / (0.2 * 2 + 1e-8 * 3e7)
    assert last(model, None, "300 h", "exosomes")[0] == pytest.approx(steady, rel=1e-8)
    lone = mdr.Model(
        mdr.clone("S", start=3e7),
        mdr.clone("R"),
        mdr.exosomes("R", "S", "R", conversion=0, start="1e8 vesicle/mL", **transfer),
    )
    half = math.log(2) / (0.2 + 1e-8 * 3e7 / 2)
    assert last(lone, None, f"{half} h", "exosomes")[0] == pytest.approx(5e7, rel=1e-7)
    free = lone.plus(mdr.observable("number", "exosomes*volume_exosomes"))
    assert last(free, None, f"{half} h", "number")[0] == pytest.approx(1e8, rel=1e-7)


def test_without_vesicles_there_is_no_transfer() -> None:
    """Complete inhibition equals the model without exosomes."""
    law = mdr.growth.logistic(rate="0.03 1/h", capacity=1e8)
    base = mdr.Model(mdr.clone("S", growth=law, start=1e6), mdr.clone("R", growth=law, start=1e5))
    transfer = {"secretion": "40 1/h", "uptake": "1e-8 mL/h", "clearance": "0.2 1/h", "conversion": 0.5}
    blocked = base.plus(mdr.exosomes("R", "S", "R", inhibition=1.0, **transfer))
    active = base.plus(mdr.exosomes("R", "S", "R", **transfer))
    plain = last(base, None, "200 h", "S", "R")
    assert last(blocked, None, "200 h", "S", "R") == pytest.approx(plain, rel=1e-8)
    assert last(active, None, "200 h", "S")[0] < 0.9 * plain[0]


@pytest.mark.law("I4")
@pytest.mark.parametrize(("beta", "loss", "share"), [(0.3, 0.1, 2 / 3), (0.1, 0.3, 0.0)])
def test_resistance_spreads_as_an_infection(beta: float, loss: float, share: float) -> None:
    """A' = beta A (1 - A) - del A: endemic at 1 - del/beta if beta > del, else gone."""
    model = mdr.Model(
        mdr.clone("S", start=9e5),
        mdr.clone("A", start=1e5, resistant=True),
        mdr.contact_transfer("A", "S", "A", rate=f"{beta} 1/h", loss=f"{loss} 1/h"),
    )
    assert last(model, None, "400 h", "resistant_share")[0] == pytest.approx(share, abs=1e-6)


@pytest.mark.law("I4")
@pytest.mark.parametrize(("beta", "loss"), [(0.3, 0.1), (0.1, 0.3), (0.2, 0.2)])
def test_the_share_of_carriers_is_endemic_in_a_growing_tumour_too(beta: float, loss: float) -> None:
    """With equal growth the share a follows a' = beta a (1 - a) - del a, at every time and not at its end alone."""
    law = mdr.growth.exponential(rate="0.03 1/h")
    model = mdr.Model(
        mdr.clone("S", growth=law, start=9.9e5),
        mdr.clone("A", growth=law, start=1e4, resistant=True),
        mdr.contact_transfer("A", "S", "A", rate=f"{beta} 1/h", loss=f"{loss} 1/h"),
    )
    found = course(model, None, "150 h", "10 h")
    t, a0, net = found["t"], 0.01, beta - loss
    grown = t if net == 0 else np.expm1(net * t) / net
    share = a0 * np.exp(net * t) / (1 + beta * a0 * grown)
    np.testing.assert_allclose(found["resistant_share"], share, rtol=1e-6, atol=1e-9)
    np.testing.assert_allclose(found["burden"], 1e6 * np.exp(0.03 * t), rtol=1e-7)
    if net > 0:
        assert share[-1] == pytest.approx(1 - loss / beta, abs=1e-6)


def test_mutation_at_division_follows_tomasetti_and_levy() -> None:
    """N' = (L - D - u)N, R' = (L - D)R + uN: R = N0 exp((L-D) t)(1 - exp(-u t)) for equal growth."""
    law = mdr.growth.exponential(rate="0.5 1/day")
    parts = [mdr.clone(n, growth=law, death="0.2 1/day", start=s) for n, s in (("S", 1e6), ("R", 0.0))]
    by_time = mdr.Model(*parts, mdr.mutation("S", "R", rate="1e-4 1/day"))
    exact = 1e6 * math.exp(0.3 * 20) * -math.expm1(-1e-4 * 20)
    assert last(by_time, None, "20 day", "R")[0] == pytest.approx(exact, rel=1e-8)
    by_division = mdr.Model(*parts, mdr.mutation("S", "R", probability=2e-4))  # 2e-4 of 0.5 divisions a day
    assert last(by_division, None, "20 day", "R")[0] == pytest.approx(exact, rel=1e-8)


# -- events -----------------------------------------------------------------------------------------------


def test_radiation_and_surgery() -> None:
    model = mdr.Model(
        mdr.clone("S", start=1e9),
        mdr.clone("R", start=1e9),
        mdr.radiotherapy({"S": ("0.3 1/Gy", "0.03 1/Gy**2")}),
        resection(),
    )
    plan = mdr.radiation("2 Gy").every("1 day", times=5).then(mdr.surgery(removed=0.9))
    S, R = last(model, plan, "10 day", "S", "R")
    assert pytest.approx(1e8 * math.exp(-5 * (0.3 * 2 + 0.03 * 4)), rel=1e-9) == S
    assert pytest.approx(1e8, rel=1e-9) == R
