"""Models of the field that are given in courses of treatment, declared by mechanisms alone, against SciPy.

The right-hand sides are typed as the papers write them and integrated from dose to dose, in days: Kirschner and Panetta
1998 (J Math Biol 37:235), Sahoo et al. 2020 (J R Soc Interface 17:20190734) with a clone that lost its antigen, Ideta
et al. 2008 (J Nonlinear Sci 18:593), the linear-quadratic law with hypoxic cells that reoxygenate, and a resistance
trait of four levels. Equations are recalled, not checked against the papers; numbers are ours where no source is named.
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


def by_hand(case: Case, start: Sequence[float], times: np.ndarray) -> np.ndarray:
    """States at times, integrated from act to act."""
    y, now, rows = np.array(start, dtype=float), 0.0, [np.array(start, dtype=float)]
    acts = sorted(case.jumps, key=lambda item: item[0])
    for time in times[1:]:
        while acts and acts[0][0] < time:
            at, jump = acts.pop(0)
            y, now = np.array(jump(_move(case.right, now, at, y))), at
        y, now = _move(case.right, now, float(time), y), float(time)
        rows.append(y)
    return np.array(rows)


def _move(right: Right, start: float, end: float, y: np.ndarray) -> np.ndarray:
    if end <= start:
        return y
    found = solve_ivp(right, (start, end), y, method="LSODA", rtol=1e-11, atol=1e-14 * np.abs(y).max() + 1e-12)
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
    start = {"x0": 1e8, "x1": 0, "x2": 0, "x3": 0, "medium_dox": 0}
    return Case(model, right, start, plan, jumps, 85)


CASES = [kirschner_panetta, car_t, ideta, reoxygenation, trait]


@pytest.mark.parametrize("make", CASES, ids=lambda make: make.__name__)
def test_a_model_under_treatment_is_its_equations(make: Callable[[], Case]) -> None:
    case = make()
    assert case.model.notes == ()
    step = case.days / 7.5  # off the days of acts
    times = step * np.arange(8)
    wanted = by_hand(case, list(case.start.values()), times)
    states = case.model.states
    begun = {name: (value, states[name].unit.text) for name, value in case.start.items() if name in states}
    run = case.model.simulate(
        case.plan, until=(7 * step, "day"), times=(step, "day"), start=begun, accuracy=mdr.Accuracy(rtol=1e-9)
    )
    for name, values in zip(case.start, wanted.T, strict=True):
        found = run.frame[name].to_numpy()
        scale = np.abs(values) + 1e-6 * np.abs(values).max() + 1e-9
        assert np.max(np.abs(found - values)[1:] / scale[1:]) < 1e-6, (name, found, values)
