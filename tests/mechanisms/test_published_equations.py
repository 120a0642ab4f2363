"""The joined equations are those of the papers, term by term."""

from __future__ import annotations

import numpy as np
import pytest
import sympy as sp

from pkpd_mdr import mechanisms as mdr
from pkpd_mdr.engine import compile_model
from pkpd_mdr.expression import Log, symbol
from pkpd_mdr.model import Model


def equal(found: sp.Expr, published: sp.Expr) -> bool:
    return bool(sp.expand(found - published) == 0)


def names(text: str) -> list[sp.Symbol]:
    return [symbol(name) for name in text.split()]


def test_strobl_2021() -> None:
    """Cancer Res 81:1135: S' = rS (1-(S+R)/K)(1 - dD D) S - dS S; R' = (1-cost) rS (1-(S+R)/K) R - dR R."""
    rate, capacity = mdr.parameter("rS", "0.027 1/day"), mdr.parameter("K", 1.0)
    death = mdr.parameter("d", "0.00675 1/day")
    law = mdr.growth.logistic(rate=rate, capacity=capacity)
    model = Model(
        mdr.clone("S", growth=law, unit="", death=death),
        mdr.clone("R", growth=law, unit="", death=death, resistant=True),
        mdr.cost("R", 0.1),
        mdr.medium("D", unit=""),
        mdr.kill("D", on="S", slope=1.5, form="norton_simon"),
        mdr.seeding(total=0.25, R=0.01),
    )
    S, R, D, rS, K, d, dD, cost = names("S R medium_D rS K d slope_D_S cost_R")
    assert equal(model.derivatives["S"], rS * (1 - (S + R) / K) * (1 - dD * D) * S - d * S)
    assert equal(model.derivatives["R"], (1 - cost) * rS * (1 - (S + R) / K) * R - d * R)
    assert model.derivatives["medium_D"] == 0


def test_greene_2019() -> None:
    """BIOMD0000000825: S' = (1-S-R) S - (eps+alpha u) S - d u S; R' = pr (1-S-R) R + (eps+alpha u) S."""
    one = mdr.parameter("K", 1.0)
    model = Model(
        mdr.clone("S", growth=mdr.growth.logistic(rate="1 1/h", capacity=one), unit="", start=0.01),
        mdr.clone("R", growth=mdr.growth.logistic(rate="0.2 1/h", capacity=one), unit="", resistant=True),
        mdr.medium("u", unit=""),
        mdr.switching("S", "R", rate="1e-6 1/h", induced_by="u", slope="0.01 1/h"),
        mdr.kill("u", on="S", slope="1 1/h"),
    )
    S, R, u, r, pr, K, eps, alpha, d = names(
        "S R medium_u growth_S growth_R K switching_S_R switching_slope_u_S_R slope_u_S"
    )
    assert equal(model.derivatives["S"], r * (1 - (S + R) / K) * S - (eps + alpha * u) * S - d * u * S)
    assert equal(model.derivatives["R"], pr * (1 - (S + R) / K) * R + (eps + alpha * u) * S)


def test_johnson_2020() -> None:
    """S' = rs S (1-N/K) - (ds+alpha) U S; R' = zr rs R (1-N/K) - zd ds U R + alpha U S."""
    shared = [mdr.parameter("rs", "0.021 1/h"), mdr.parameter("zr", 0.5), mdr.parameter("zd", 0.5)]
    shared += [mdr.parameter("ds", "0.2 1/h"), mdr.parameter("K", "5e4 cell")]
    rs, K, ds = shared[0], shared[4], shared[3]
    model = Model(
        *shared,
        mdr.medium("U", unit=""),
        mdr.clone("S", growth=mdr.growth.logistic(rate=rs, capacity=K)),
        mdr.clone("R", growth=mdr.growth.logistic(rate=mdr.formula("zr*rs"), capacity=K), resistant=True),
        mdr.kill("U", on="S", slope=ds),
        mdr.kill("U", on="R", slope=mdr.formula("zd*ds")),
        mdr.switching("S", "R", induced_by="U", slope="0.01 1/h"),
    )
    S, R, U, rs, zr, zd, ds, K, alpha = names("S R medium_U rs zr zd ds K switching_slope_U_S_R")
    assert equal(model.derivatives["S"], rs * S * (1 - (S + R) / K) - (ds + alpha) * U * S)
    assert equal(model.derivatives["R"], zr * rs * R * (1 - (S + R) / K) - zd * ds * U * R + alpha * U * S)


def test_zhang_2022() -> None:
    """ELife 11:e76284: xS' = b rS xS (1 - (xS + aSR xR)/(10000 - 9000 L)); xR' = b rR xR (1 - (xR + aRS xS)/10000)."""
    low = mdr.formula("Kmax - drop*C_abi")
    sensitive = mdr.growth.logistic(rate=mdr.formula("b*rS"), capacity=low, competition={"R": 1.0})
    resistant = mdr.growth.logistic(rate=mdr.formula("b*rR"), capacity=mdr.formula("Kmax"), competition={"S": 6.0})
    values = {"b": 8.0, "rS": "0.0156 1/day", "rR": "0.0091 1/day", "Kmax": "10000 cell", "drop": "9000 cell"}
    model = Model(
        mdr.clone("S", growth=sensitive),
        mdr.clone("R", growth=resistant, resistant=True),
        mdr.medium("abi", unit=""),
        *(mdr.parameter(name, value) for name, value in values.items()),
    )
    S, R, L, b, rS, rR, K, drop, aSR, aRS = names("S R medium_abi b rS rR Kmax drop competition_S_R competition_R_S")
    # a capacity that is a formula is kept above zero
    found = {
        name: rate.replace(sp.Max, lambda *parts: next(part for part in parts if not part.is_number))
        for name, rate in model.derivatives.items()
    }
    assert sp.simplify(found["S"] - b * rS * S * (1 - (S + aSR * R) / (K - drop * L))) == 0
    assert equal(found["R"], b * rR * R * (1 - (R + aRS * S) / K))


def test_monro_gaffney() -> None:
    """BIOMD0000000776: L = -b ln(N/Ninf); S' = L (S - C0 S - t1 S + t2 R); R' = L (R + t1 S - t2 R)."""
    b, K = mdr.parameter("b", "0.005928 1/day"), mdr.parameter("Ninf", "2e12 cell")
    law = mdr.growth.gompertz(rate=b, capacity=K)
    model = Model(
        mdr.clone("S", growth=law, start=1e10),
        mdr.clone("R", growth=law, start=2e5, resistant=True),
        mdr.medium("C0", unit=""),
        mdr.kill("C0", on="S", slope=1.0, form="norton_simon"),
        mdr.mutation("S", "R", probability=1e-6),
        mdr.mutation("R", "S", probability=1e-6),
    )
    S, R, C0, b, K, dose, t1, t2 = names("S R medium_C0 b Ninf slope_C0_S mutation_S_R mutation_R_S")
    L = -b * Log((S + R) / K)
    # below Ninf every division counts; above it L is negative and nothing divides backwards
    growing = {sp.Max(0, L, evaluate=False): L}
    assert equal(model.derivatives["S"].xreplace(growing), L * (S - dose * C0 * S - t1 * S + t2 * R))
    assert equal(model.derivatives["R"].xreplace(growing), L * (R + t1 * S - t2 * R))
    compiled = compile_model(model)
    p = np.array([item.internal for item in model.parameters.values()])
    full = compiled.rhs(0.0, np.array([3e12, 0.0, 0.0]), p)
    assert full[compiled.states.index("R")] == 0.0


@pytest.mark.parametrize("w", [0.0, 1e-9, 0.1, 2.9, 2.98168, 3.1, 50.0, 1e20, 1e300])
def test_simeoni_2004(w: float) -> None:
    """Cancer Res 64:1094, untreated: w' = l0 w/(1 + (l0 w/l1)^20)^(1/20), at any size without overflow."""
    law = mdr.growth.exponential_linear(rate="0.273 1/h", linear="0.814 mg/h")
    model = Model(mdr.clone("w", growth=law, unit="mg", start="1 mg"))
    p = np.array([item.internal for item in model.parameters.values()])
    found = compile_model(model).rhs(0.0, np.array([w]), p)[0]
    l0, l1 = sp.Float("0.273", 60), sp.Float("0.814", 60)
    exact = l0 * sp.Float(w, 60) / (1 + (l0 * sp.Float(w, 60) / l1) ** 20) ** sp.Rational(1, 20)
    assert found == pytest.approx(float(exact), rel=1e-13)


def test_bozic_2013_mean_field() -> None:
    """ELife 2:e00747: birth b, death d; with probability u one daughter of a division is resistant."""
    law = mdr.growth.birth_death(birth="0.14 1/day", death="0.13 1/day")
    model = Model(
        mdr.clone("S", growth=law), mdr.clone("R", growth=law, resistant=True), mdr.mutation("S", "R", probability=5e-8)
    )
    S, R, bS, dS, bR, dR, u = names("S R birth_S death_S birth_R death_R mutation_S_R")
    assert equal(model.derivatives["S"], bS * (1 - u) * S - dS * S)
    assert equal(model.derivatives["R"], bR * R - dR * R + u * bS * S)


def test_two_vesicle_phenotypes() -> None:
    """Science 3.6, reduced: X' = sig (1-inh) R/V - del X - dep X - kap S/V X; conversion share*kap*X*S."""
    model = Model(
        mdr.clone("S"),
        mdr.clone("R", resistant=True),
        mdr.exosomes(
            "R", "S", "R", secretion="200 1/day", uptake="1e-9 mL/h", clearance="0.2 1/h", conversion=0.01,
            inhibition=0.3, depletion="0.1 1/h", volume="2 mL",
        ),
    )  # fmt: skip
    S, R, X = names("S R exosomes")
    sig, kap, clear, dep, share, inh, V = names(
        "secretion_exosomes_R uptake_exosomes_S clearance_exosomes depletion_exosomes conversion_exosomes_S_R"
        " inhibition_exosomes volume_exosomes"
    )
    assert equal(model.derivatives["exosomes"], sig * (1 - inh) * R / V - (clear + dep) * X - kap * S / V * X)
    assert equal(model.derivatives["R"], share * kap * X * S)
    assert equal(model.derivatives["S"] + model.derivatives["R"], sp.Integer(0))


def test_contact_transfer_by_frequency_and_by_density() -> None:
    clones = [mdr.clone(name, resistant=name == "R") for name in "SRA"]
    S, R, A, beta, back, fix = names("S R A contact_S_A loss_A_S fixation_A_R")
    frequency = Model(
        *clones, mdr.contact_transfer("R", "S", "A", rate="0.05 1/h", loss="0.02 1/h", fixation="0.01 1/h")
    )
    met = S * R / sp.Max(S + R + A, sp.Float(1e-100), evaluate=False)
    assert equal(frequency.derivatives["S"], -beta * met + back * A)
    assert equal(frequency.derivatives["A"], beta * met - (back + fix) * A)
    assert equal(frequency.derivatives["R"], fix * A)
    density = Model(*clones, mdr.contact_transfer(["R", "A"], "S", "A", rate="1e-9 1/cell/h", dependence="density"))
    assert equal(density.derivatives["A"], beta * S * (R + A))
