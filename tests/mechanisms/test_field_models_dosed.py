"""Models of the field that are given in courses of treatment, declared by mechanisms alone, against SciPy.

The right-hand sides are typed as the papers write them and integrated from dose to dose, in days: Kirschner and Panetta
1998 (J Math Biol 37:235), Sahoo et al. 2020 (J R Soc Interface 17:20190734) with a clone that lost its antigen, Ideta
et al. 2008 (J Nonlinear Sci 18:593), the linear-quadratic law with hypoxic cells that reoxygenate, a resistance trait
of four levels, Brady-Nicholls et al. 2020 (Nat Commun 11:1750), Hahnfeldt et al. 1999 (Cancer Res 59:4770) with two
clones and two drugs, Goldie and Coldman 1979 (Cancer Treat Rep 63:1727) as mean numbers, Foo and Michor 2009 (PLoS
Comput Biol 5:e1000557), persisters under two inhibitors, P-gp per cell with efflux, and adducts and MGMT behind a pump.
Equations are recalled, not checked against the papers; numbers are ours where no source is named.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import pytest
from scipy.integrate import solve_ivp

import pkpd_mdr as mdr
from pkpd_mdr.model import Model

exponential, logistic = mdr.growth.exponential, mdr.growth.logistic
Right = Callable[[float, np.ndarray], Sequence[float]]
Jump = Callable[[np.ndarray], Sequence[float]]


@dataclass
class Case:
    """A model under a plan, and its equations with what each act does at its day."""

    model: Model
    right: Right
    start: dict[str, float]
    plan: mdr.Regimen
    jumps: list[tuple[float, Jump]]
    days: float


def added(index: int, amount: float) -> Jump:
    return lambda y: [value + amount * (i == index) for i, value in enumerate(y)]


def put(index: int, level: float) -> Jump:
    return lambda y: [level if i == index else value for i, value in enumerate(y)]


def by_hand(case: Case, start: Sequence[float], times: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """States at times, integrated from act to act, and the largest of each at times and after acts."""
    y, now = np.array(start, dtype=float), 0.0
    rows, acted = [y], [y]
    acts = sorted(case.jumps, key=lambda item: item[0])
    for time in times[1:]:
        while acts and acts[0][0] < time:
            at, jump = acts.pop(0)
            y, now = np.array(jump(_move(case.right, now, at, y))), at
            acted.append(y)
        y, now = _move(case.right, now, float(time), y), float(time)
        rows.append(y)
    return np.array(rows), np.abs([*rows, *acted]).max(axis=0)


def _move(right: Right, start: float, end: float, y: np.ndarray) -> np.ndarray:
    if end <= start:
        return y
    found = solve_ivp(right, (start, end), y, method="LSODA", rtol=1e-11, atol=1e-12)
    assert found.success
    return np.asarray(found.y[:, -1])


def kirschner_panetta() -> Case:
    """Effectors, tumour and interleukin 2, which is given in boluses beside effector cells."""
    c, mu2, p1, g1, r, b, a, g2, p2, g3, mu3 = 0.03, 0.03, 0.1245, 2e7, 0.18, 1e-9, 0.1, 1e5, 5.0, 1e3, 10.0
    model = Model(
        mdr.clone("T", growth=logistic(rate=(r, "1/day"), capacity=(1 / b, "cell"))),
        mdr.immune.effector("E", death=(mu2, "1/day")),
        mdr.cytokine("IL2", unit="", secretion={"E": mdr.formula("p2*T/(g3 + T)")}, loss=(mu3, "1/day")),
        mdr.parameter("p2", (p2, "1/cell/day")),
        mdr.parameter("g3", (g3, "cell")),
        mdr.stimulation("E", rate=(c, "1/day"), form="influx"),
        mdr.stimulation("E", by="IL2", rate=(p1, "1/day"), half=g1),
        mdr.immune.attack("E", on="T", rate=(a, "1/day"), form="tumour_saturated", half=(g2, "cell")),
    )

    def right(t: float, y: np.ndarray) -> Sequence[float]:
        E, T, signal = y
        return [
            c * T - mu2 * E + p1 * E * signal / (g1 + signal),
            r * T * (1 - b * T) - a * E * T / (g2 + T),
            p2 * E * T / (g3 + T) - mu3 * signal,
        ]

    cells = mdr.bolus("E", "1e6 cell").shift("10 day").every("20 day", times=3)
    plan = cells & mdr.bolus("IL2", 5e7).shift("12 day").every("5 day", times=6)
    jumps = [(10 + 20 * k, added(0, 1e6)) for k in range(3)] + [(12 + 5 * k, added(2, 5e7)) for k in range(6)]
    return Case(model, right, {"E": 1e4, "T": 1e5, "IL2": 1e3}, plan, jumps, 90)


def car_t() -> Case:
    """CAR-T cells as predators; a share of the targets loses its antigen in encounters, and is killed by bystanders."""
    r, K, k1, k2, theta, loss, low = 0.1, 1e9, 1e-8, 2e-9, 0.05, 0.02, 0.1
    law = logistic(rate=(r, "1/day"), capacity=mdr.parameter("K", (K, "cell")))
    model = Model(
        mdr.clone("P", growth=law),
        mdr.clone("N", growth=law, resistant=True),
        mdr.immune.effector("C", death=(theta, "1/day")),
        mdr.immune.attack("C", on=["P", "N"], rate=(k1, "1/cell/day")),
        mdr.immune.antigen({"N": low}),
        mdr.immune.antigen_loss("P", "N", effector="C", share=loss),
        mdr.stimulation("C", by="P", rate=(k2, "1/cell/day")),
        mdr.kill("flu", on="C", slope="0.2 1/uM/day"),
        mdr.medium("flu", half_life="2 day"),
    )

    def right(t: float, y: np.ndarray) -> Sequence[float]:
        P, N, C, F = y
        room = r * (1 - (P + N) / K)
        return [
            room * P - k1 * C * P * (1 + loss),
            room * N - low * k1 * C * N + loss * k1 * C * P,
            k2 * P * C - theta * C - 0.2 * F * C,
            -np.log(2) / 2 * F,
        ]

    plan = mdr.bolus("C", "1e6 cell").shift("5 day").every("30 day", times=2)
    plan &= mdr.exposure("flu", "1 uM").shift("2 day")
    jumps = [(5, added(2, 1e6)), (35, added(2, 1e6)), (2, put(3, 1.0))]
    return Case(model, right, {"P": 1e7, "N": 1e3, "C": 0, "medium_flu": 0}, plan, jumps, 120)


def ideta() -> Case:
    """Androgen-dependent and independent cells, which androgen feeds and whose loss makes cells switch."""
    g, a0, m1, d = 0.08, 12.0, 5e-5, 1.0
    a1, b1, a2, b2 = 0.0204, 0.0076, 0.0242, 0.0168
    model = Model(
        mdr.medium("cas", unit=""),
        mdr.cytokine("A", unit="nM", source=mdr.formula("g*a0*(1 - C_cas)"), loss=mdr.formula("g")),
        mdr.parameter("g", (g, "1/day")),
        mdr.parameter("a0", (a0, "nM")),
        mdr.parameter("a1", (a1, "1/day")),
        mdr.parameter("b1", (b1, "1/day")),
        mdr.parameter("k2", "2 nM"),
        mdr.parameter("a2", (a2, "1/day")),
        mdr.parameter("b2", (b2, "1/day")),
        mdr.parameter("d", d),
        mdr.parameter("m1", (m1, "1/day")),
        mdr.clone("X", growth=mdr.growth.formula("a1*A/(A + k2)"), death=mdr.formula("b1*(8 - 7*A/(A + k2))")),
        mdr.clone("Y", growth=mdr.growth.formula("a2*(1 - d*A/a0)"), death=mdr.formula("b2"), resistant=True),
        mdr.switching("X", "Y", rate=mdr.formula("m1*(1 - A/a0)")),
    )

    def right(t: float, y: np.ndarray) -> Sequence[float]:
        X, Y, A, u = y
        eaten, m = A / (A + 2), m1 * (1 - A / a0)
        return [
            (a1 * eaten - b1 * (8 - 7 * eaten) - m) * X,
            (a2 * (1 - d * A / a0) - b2) * Y + m * X,
            -g * (A - a0 * (1 - u)),
            0.0,
        ]

    plan = mdr.exposure("cas", 1, over="100 day").every("250 day", times=2)
    jumps = [(start + 250 * k, put(3, level)) for k in range(2) for start, level in ((0, 1.0), (100, 0.0))]
    return Case(model, right, {"X": 1e9, "Y": 1e5, "A": a0, "medium_cas": 0}, plan, jumps, 480)


def reoxygenation() -> Case:
    """Fractions of 2 Gy on oxic and hypoxic cells; hypoxia comes with burden, and goes as cells die."""
    r, K, h, o, alpha, beta, OER = 0.02, 1e11, 0.05, 0.5, 0.3, 0.03, 2.5
    model = Model(
        mdr.clone("O", growth=logistic(rate=(r, "1/day"), capacity=mdr.parameter("K", (K, "cell")))),
        mdr.clone("H", death="0.01 1/day", resistant=True),
        mdr.switching("O", "H", rate=mdr.formula("h*burden/K")),
        mdr.switching("H", "O", rate=mdr.formula("o*(1 - burden/K)")),
        mdr.parameter("h", (h, "1/day")),
        mdr.parameter("o", (o, "1/day")),
        mdr.radiotherapy(
            {"O": ((alpha, "1/Gy"), (beta, "1/Gy**2")), "H": ((alpha / OER, "1/Gy"), (beta / OER**2, "1/Gy**2"))}
        ),
    )

    def right(t: float, y: np.ndarray) -> Sequence[float]:
        oxic, H = y
        full = (oxic + H) / K
        there, back = h * full * oxic, o * (1 - full) * H
        return [r * (1 - full) * oxic - there + back, there - back - 0.01 * H]

    kept = [np.exp(-(2 * alpha / f + 4 * beta / f**2)) for f in (1, OER)]
    days = [float(7 * week + day) for week in range(6) for day in range(5)]
    plan = mdr.radiation("2 Gy").every("1 day", times=5).every("7 day", times=6)
    return Case(model, right, {"O": 2e10, "H": 1e10}, plan, [(day, lambda y: y * kept) for day in days], 90)


def trait() -> Case:
    """Four levels of resistance that compete for room, change at division and are killed by level."""
    r, K, D, cost, emax, low, high = 0.1, 1e9, 1e-3, 0.3, 0.3, 0.1, 10.0
    model = Model(
        mdr.medium("dox"),
        mdr.trait_axis(
            "x", growth=logistic(rate=(r, "1/day"), capacity=(K, "cell")), start=1e8, diffusion=D, points=4, cost=cost,
            per_division=True, drug="dox", emax=(emax, "1/day"), ec50=((low, "uM"), (high, "uM")),
        ),
    )  # fmt: skip
    x = (np.arange(4) + 0.5) / 4

    def right(t: float, y: np.ndarray) -> Sequence[float]:
        n, C = y[:4], y[4]
        birth = r * (1 - n.sum() / K) * (1 - cost * x)
        step = D * 16 * birth * n
        flow = np.diff(step)
        moved = np.diff(np.concatenate([[0.0], flow, [0.0]]))
        ec50 = low ** (1 - x) * high**x
        return [*(birth * n + moved - emax * C / (ec50 + C) * n), 0.0]

    plan = mdr.exposure("dox", "1 uM", over="10 day").every("25 day", times=3)
    jumps = [(25.0 * k + s, put(4, c)) for k in range(3) for s, c in ((0, 1.0), (10, 0.0))]
    return Case(model, right, {"x0": 1e8, "x1": 0, "x2": 0, "x3": 0, "medium_dox": 0}, plan, jumps, 85)


def brady_nicholls() -> Case:
    """Prostate stem cells, their progeny and PSA under intermittent androgen deprivation."""
    lam, p, alpha, rho, phi = np.log(2), 0.05, 0.15, 1.9e-4, 0.085
    model = Model(
        mdr.clone("S", growth=exponential(rate=(lam, "1/day")), unit=""),
        mdr.clone("D", unit=""),
        mdr.stem_hierarchy("S", "D", asymmetric=mdr.formula("1 - p*S/(S + D)")),
        mdr.parameter("p", p),
        mdr.medium("adt", unit=""),
        mdr.kill("adt", on="D", slope=(alpha, "1/day")),
        mdr.cytokine("PSA", unit="ug/L", secretion={"D": (rho, "ug/L/day")}, loss=(phi, "1/day")),
    )

    def right(t: float, y: np.ndarray) -> Sequence[float]:
        S, D, P, T = y
        symmetric = S / (S + D) * p
        return [symmetric * lam * S, (1 - symmetric) * lam * S - alpha * T * D, rho * D - phi * P, 0.0]

    plan = mdr.exposure("adt", 1, over="120 day").every("300 day", times=2)
    jumps = [(start + 300 * k, put(3, level)) for k in range(2) for start, level in ((0, 1.0), (120, 0.0))]
    return Case(model, right, {"S": 20.0, "D": 4000.0, "PSA": 10.0, "medium_adt": 0}, plan, jumps, 500)


def vessels_and_two_drugs() -> Case:
    """Two clones share the vessels that they grow; one drug blocks vessels, the other kills one clone."""
    lam, b, d, e, k = 0.192, 5.85, 0.00873, 0.15, 0.4
    law = mdr.growth.gompertz(rate=(lam, "1/day"), capacity=mdr.formula("vasculature"))
    model = Model(
        mdr.clone("S", growth=law, unit="mm**3"),
        mdr.clone("R", growth=law, unit="mm**3", resistant=True),
        mdr.mutation("S", "R", probability=1e-3),
        mdr.delivery.vasculature(
            stimulation=(b, "1/day"), inhibition=(d, "1/(day*mm**2)"), start="625 mm**3", unit="mm**3",
            blocked_by={"ang": (e, "L/mg/day")},
        ),
        mdr.pk.one_compartment("ang", CL="0.38 L/day", V="1 L"),
        mdr.pk.one_compartment("dox", CL="1.2 L/day", V="1 L"),
        mdr.kill("dox", on="S", emax=(k, "1/day"), ec50="2 mg/L", hill=1.5),
    )  # fmt: skip

    def right(t: float, y: np.ndarray) -> Sequence[float]:
        S, R, K, A, D = y
        V = S + R
        grow = lam * np.log(K / V)
        mutants = 1e-3 * max(0.0, grow) * S
        killed = k * D**1.5 / (2**1.5 + D**1.5) if D > 0 else 0.0
        return [
            grow * S - mutants - killed * S,
            grow * R + mutants,
            b * V - d * K * V ** (2 / 3) - e * A * K,
            -0.38 * A,
            -1.2 * D,
        ]

    plan = mdr.bolus("ang", "20 mg").shift("5 day").every("1 day", times=10)
    plan &= mdr.bolus("dox", "10 mg").shift("6 day").every("7 day", times=4)
    jumps = [(5 + i, added(3, 20.0)) for i in range(10)] + [(6 + 7 * i, added(4, 10.0)) for i in range(4)]
    start = {"S": 180.0, "R": 1.0, "vasculature": 625.0, "central_ang": 0, "central_dox": 0}
    return Case(model, right, start, plan, jumps, 60)


def goldie_coldman() -> Case:
    """Four types and two drugs in turn: mean numbers, doses that act at once and for a short time."""
    u, g, KDE, k = 1e-5, 0.12, 4.0, 6.0
    law = exponential(rate=(g, "1/day"))
    names = ("S", "A", "B", "AB")
    arrows = (("S", "A"), ("S", "B"), ("A", "AB"), ("B", "AB"))
    model = Model(
        *(mdr.clone(name, growth=law, resistant=name != "S") for name in names),
        *(mdr.mutation(*arrow, probability=u) for arrow in arrows),
        mdr.pk.kpd("a", KDE=(KDE, "1/day")),
        mdr.pk.kpd("b", KDE=(KDE, "1/day")),
        mdr.kill("a", on=["S", "B"], slope=k),
        mdr.kill("b", on=["S", "A"], slope=k),
    )

    def right(t: float, y: np.ndarray) -> Sequence[float]:
        S, A, B, AB, a, b = y
        ka, kb = k * KDE * a, k * KDE * b
        return [
            (g * (1 - 2 * u) - ka - kb) * S,
            (g * (1 - u) - kb) * A + g * u * S,
            (g * (1 - u) - ka) * B + g * u * S,
            g * AB + g * u * (A + B),
            -KDE * a,
            -KDE * b,
        ]

    plan = mdr.bolus("a", 1).every("42 day", times=2) & mdr.bolus("b", 1).shift("21 day").every("42 day", times=2)
    jumps = [(21 * i, added(4 + i % 2, 1.0)) for i in range(4)]
    start = {"S": 1e9, "A": 1e4, "B": 1e4, "AB": 0.1, "virtual_a": 0, "virtual_b": 0}
    return Case(model, right, start, plan, jumps, 100)


def pulsed_erlotinib() -> Case:
    """A drug that slows division, so also mutation: small daily doses and a large one each week, taken by mouth."""
    b, d, u, ec50, emax = 0.04, 0.01, 1e-6, 0.5, 0.9
    model = Model(
        mdr.pk.one_compartment("erl", CL="96 L/day", V="230 L", ka="23 1/day"),
        mdr.clone("W", growth=mdr.growth.birth_death(birth=(b, "1/day"), death=(d, "1/day"))),
        mdr.clone("M", growth=mdr.growth.birth_death(birth=(0.9 * b, "1/day"), death=(d, "1/day")), resistant=True),
        mdr.mutation("W", "M", probability=u),
        mdr.kill("erl", on="W", emax=emax, ec50=(ec50, "mg/L"), hill=2, form="cytostatic"),
        mdr.kill("erl", on="M", emax=emax, ec50=(20 * ec50, "mg/L"), hill=2, form="cytostatic"),
        mdr.death.path("erl", on="W", slope="0.03 L/mg/day"),
    )

    def right(t: float, y: np.ndarray) -> Sequence[float]:
        depot, central, W, M = y
        C = central / 230
        slow = [1 - emax * (C / half) ** 2 / (1 + (C / half) ** 2) for half in (ec50, 20 * ec50)]
        return [
            -23 * depot,
            23 * depot - 96 / 230 * central,
            b * slow[0] * W * (1 - u) - d * W - 0.03 * C * W,
            0.9 * b * slow[1] * M - d * M + u * b * slow[0] * W,
        ]

    plan = mdr.oral("erl", "100 mg").every("1 day", times=56) & mdr.oral("erl", "1200 mg").every("7 day", times=8)
    jumps = [(float(i), added(0, 100.0)) for i in range(56)] + [(7.0 * i, added(0, 1200.0)) for i in range(8)]
    return Case(model, right, {"depot_erl": 0, "central_erl": 0, "W": 1e9, "M": 10.0}, plan, jumps, 90)


def two_pathways() -> Case:
    """Cells that survive one inhibitor by a second pathway: persisters, which the second kills; then mutants."""
    model = Model(
        mdr.medium("pi3k", half_life="3 day"),
        mdr.medium("mek", half_life="3 day"),
        mdr.clone("S", growth=exponential(rate="0.3 1/day")),
        mdr.persisters(
            "P", of="S", entry="1e-4 1/day", exit="0.05 1/day", induced_by="pi3k", emax="0.1 1/day", ec50="0.5 uM",
            growth=exponential(rate="0.3 1/day"), cycling=0.1,
        ),
        mdr.clone("R", growth=exponential(rate="0.3 1/day"), resistant=True),
        mdr.cost("R", 0.2),
        mdr.mutation("P", "R", probability=1e-5),
        mdr.combined_kill(
            mdr.kill("pi3k", on="S", emax="0.8 1/day", ec50="1 uM"),
            mdr.kill("mek", on="S", emax="0.5 1/day", ec50="2 uM"),
        ),
        mdr.kill("mek", on="P", slope="0.2 1/uM/day"),
        mdr.switching_modulation("mek", "S", "P", emax=-1, ec50="1 uM"),
    )  # fmt: skip

    def right(t: float, y: np.ndarray) -> Sequence[float]:
        S, P, R, a, m = y
        enter = (1e-4 + 0.1 * a / (0.5 + a)) * (1 - m / (1 + m))
        hit = 0.8 * (1 - (1 - a / (1 + a)) * (1 - 0.5 / 0.8 * m / (2 + m)))
        return [
            (0.3 - enter - hit) * S + 0.05 * P,
            (0.03 * (1 - 1e-5) - 0.05 - 0.2 * m) * P + enter * S,
            0.24 * R + 1e-5 * 0.03 * P,
            -np.log(2) / 3 * a,
            -np.log(2) / 3 * m,
        ]

    plan = mdr.exposure("pi3k", "3 uM", over="5 day").every("7 day", times=8)
    plan &= mdr.exposure("mek", "2 uM", over="5 day").shift("21 day").every("7 day", times=3)
    jumps = [(7.0 * i + s, put(3, c)) for i in range(8) for s, c in ((0, 3.0), (5, 0.0))]
    jumps += [(21 + 7.0 * i + s, put(4, c)) for i in range(3) for s, c in ((0, 2.0), (5, 0.0))]
    return Case(model, right, {"S": 1e8, "P": 1e4, "R": 0.0, "medium_pi3k": 0, "medium_mek": 0}, plan, jumps, 61)


def pgp_per_cell() -> Case:
    """P-gp per cell by contact and by synthesis under drug; efflux sets the drug inside; verapamil inhibits it."""
    g, tau, deg, ind, vP, k0, Km, Ki, emax = 0.4, 0.5, 0.3, 0.6, 9.0, 12.0, 1.0, 0.5, 1.2
    cell = {"k0": (k0, "1/day"), "vP": (vP, "uM/h"), "Km": (Km, "uM"), "inhibitors": {"ver": (Ki, "uM")}}
    model = Model(
        mdr.medium("dox", half_life="2 day"),
        mdr.medium("ver", half_life="1 day"),
        mdr.clone("S", growth=exponential(rate=(g, "1/day"))),
        mdr.clone("R", growth=exponential(rate=(g, "1/day")), resistant=True),
        mdr.pgp.content("S", degradation=(deg, "1/day")),
        mdr.pgp.content("R", start=1, synthesis=(deg + g, "1/day"), degradation=(deg, "1/day"),
                        induced_by="dox", slope=(ind, "1/uM/day")),
        mdr.pgp.contact(["S", "R"], rate=(tau, "1/day")),
        mdr.intracellular("dox", on=["S", "R"], form="quasi-steady", **cell),
        *(mdr.kill("dox", on=name, site=name, emax=(emax, "1/day"), ec50="0.2 uM") for name in "SR"),
        mdr.switching("R", "S", rate="0.02 1/day"),
    )  # fmt: skip

    def inside(Ce: float, P: float, ver: float) -> float:
        half, most = Km * (1 + ver / Ki), vP * 24 * P
        q = k0 * half + most - k0 * Ce
        return (-q + np.sqrt(q**2 + 4 * k0 * k0 * half * Ce)) / (2 * k0)

    def right(t: float, y: np.ndarray) -> Sequence[float]:
        S, R, PS, PR, C, ver = y
        gap, back = tau * (PR - PS) / (S + R), 0.02 * R / S
        killed = [emax * c / (0.2 + c) for c in (inside(C, PS, ver), inside(C, PR, ver))]
        return [
            (g - killed[0]) * S + 0.02 * R,
            (g - killed[1] - 0.02) * R,
            gap * R - deg * PS - g * PS + back * (PR - PS),
            -gap * S + deg + g + ind * C - deg * PR - g * PR,
            -np.log(2) / 2 * C,
            -np.log(2) * ver,
        ]

    plan = mdr.exposure("dox", "1 uM", over="6 day").shift("2 day").every("10 day", times=3)
    plan &= mdr.exposure("ver", "3 uM").shift("12 day")
    jumps = [(2.0 + 10 * k + s, put(4, c)) for k in range(3) for s, c in ((0, 1.0), (6, 0.0))] + [(12.0, put(5, 3.0))]
    start = {"S": 8e5, "R": 2e5, "P_S": 0.0, "P_R": 1.0, "medium_dox": 0, "medium_ver": 0}
    return Case(model, right, start, plan, jumps, 40)


def temozolomide_behind_a_pump() -> Case:
    """Five days of four weeks: into the brain, past P-gp; adducts and MGMT one for one; death in two stages."""
    ka, CL, V, kin, kout, Vm, Km, kf, kr, kx = 139.0, 240.0, 30.3, 7.0, 19.0, 100.0, 10.0, 900.0, 2e-3, 0.5
    g, syn, deg, kd, h50, emax = 0.05, 300.0, 0.2, 0.5, 8e3, 0.4
    law = exponential(rate=(g, "1/day"))
    model = Model(
        mdr.pk.one_compartment("tmz", CL=(CL, "L/day"), V=(V, "L"), ka=(ka, "1/day")),
        mdr.delivery.blood_brain_barrier(
            "tmz", kin=(kin, "1/day"), kout=(kout, "1/day"), Vmax=(Vm, "mg/L/day"), Km=(Km, "mg/L")
        ),
        mdr.clone("S", growth=law),
        mdr.damage.adducts(
            formed_by={"tmz@brain": (kf, "L/mg/day")}, on="S", repair=(kx, "1/day"), suicide=(kr, "1/day")
        ),
        mdr.damage.mgmt("S", start=2e3, synthesis=(syn, "1/day"), degradation=(deg, "1/day")),
        mdr.death.path("adducts", on="S", emax=(emax, "1/day"), ec50=h50, hill=2, via="transit"),
        mdr.death.evasion("S", apoptosis=0.1),
        mdr.death.transit("S", rate=(kd, "1/day"), stages=2),
    )

    def right(t: float, y: np.ndarray) -> Sequence[float]:
        depot, central, brain, S, A, G, one, two = y
        C = central / V
        met = kr * A * G
        died = 0.9 * emax * A**2 / (h50**2 + A**2)
        return [
            -ka * depot,
            ka * depot - CL * C,
            kin * C - kout * brain - Vm * brain / (Km + brain),
            (g - died) * S,
            kf * brain - kx * A - met - g * A,
            syn - deg * G - met - g * G,
            died * S - kd * one,
            kd * (one - two),
        ]

    plan = mdr.oral("tmz", "350 mg").every("1 day", times=5).every("28 day", times=3)
    jumps = [(28.0 * c + i, added(0, 350.0)) for c in range(3) for i in range(5)]
    start = {"depot_tmz": 0, "central_tmz": 0, "brain_tmz": 0, "S": 1e9, "adducts_in_S": 0, "mgmt_in_S": 2e3}
    return Case(model, right, start | {"dying1_S": 0, "dying2_S": 0}, plan, jumps, 84)


CASES = [
    kirschner_panetta,
    car_t,
    ideta,
    reoxygenation,
    trait,
    brady_nicholls,
    vessels_and_two_drugs,
    goldie_coldman,
    pulsed_erlotinib,
    two_pathways,
    pgp_per_cell,
    temozolomide_behind_a_pump,
]


@pytest.mark.parametrize("make", CASES, ids=lambda make: make.__name__)
def test_a_model_under_treatment_is_its_equations(make: Callable[[], Case]) -> None:
    case = make()
    assert case.model.notes == ()
    step = case.days / 7.53  # off the days of acts
    times = step * np.arange(8)
    wanted, peaks = by_hand(case, list(case.start.values()), times)
    states = case.model.states
    begun = {name: (value, states[name].unit.text) for name, value in case.start.items() if name in states}
    run = case.model.simulate(
        case.plan, until=(7 * step, "day"), times=(step, "day"), start=begun, accuracy=mdr.Accuracy(rtol=1e-9)
    )
    for name, values, peak in zip(case.start, wanted.T, peaks, strict=True):
        found = run.frame[name].to_numpy()
        scale = np.abs(values) + 1e-6 * peak + 1e-9  # what is left of a drug long after its dose is nothing
        assert np.max(np.abs(found - values)[1:] / scale[1:]) < 1e-6, (name, found, values)
