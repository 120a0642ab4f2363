"""Numbers of the gallery that are no closed form, computed again by SciPy from equations typed here from the papers.

Nothing of the library is used for an expected value: each function returns quantities of a gallery entry with values.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise

import numpy as np
import pytest
from scipy.integrate import quad, solve_ivp
from scipy.optimize import brentq
from strategies import papers
from strategies.papers import ode

import pkpd_mdr as mdr
from pkpd_mdr import gallery

Anchors = dict[str, float]


def depillis2005() -> Anchors:
    T, _, L = ode(papers.depillis2005, [1e6, 3e5, 100.0], [0, 10])[-1]
    return {"T after 10 days, from T 1e6, N 3e5, L 100": T, "L after 10 days, from T 1e6, N 3e5, L 100": L}


def leontriana2021() -> Anchors:
    found = ode(papers.leontriana2021, [4e8, 6.7e9], [0, 20, 200])
    return {
        "tumour cells after 20 days": found[1, 1],
        "CAR T cells after 20 days": found[1, 0],
        "tumour cells after 200 days": found[2, 1],
    }


def leontriana2021_dual() -> Anchors:
    def slope(t: float, y: np.ndarray) -> list[float]:
        C, T, D, B = y
        return [
            0.2 * D + 0.9 * C * T / (1e10 + T) - 0.02 * C * T / (2e9 + C) - C / 7,
            0.02 * T - 2.5e-10 * C * T,
            0.9 * D * B / (1e10 + B) - D / 7 - 0.2 * D,
            -4.5e-11 * B * D - B / 60,
        ]

    C, T, *_ = ode(slope, [0, 3.35e10, 2e8, 2.5e10], [0, 20])[-1]
    return {
        "dual target, tumour cells after 20 days": T,
        "dual target, CAR T cells in the tumour after 20 days": C,
    }


def depillis2008() -> Anchors:
    def slope(t: float, y: np.ndarray) -> list[float]:
        T, L, N, C, interleukin = y
        D = 5 * (L / T) ** 2 / (0.3 + (L / T) ** 2)
        return [
            0.002 * T * (1 - 1.02e-9 * T) - 3.23e-7 * N * T - D * T,
            3e-11 * C * T + 0.125 * L * interleukin / (2e7 + interleukin) - 0.02 * L - 3.42e-10 * L * T - 3 * L**2,
            13000 + 0.025 * T / (600 + T) * N - 0.0412 * N - 1e-7 * N * T,
            5e8 - 0.012 * C,
            0.6 * T / (1e5 + T) * L + 2e-4 * L * interleukin - 10 * interleukin,
        ]

    T, L, N, _, interleukin = ode(slope, [1e7, 2000, 5e5, 4.17e10, 2000], [0, 20])[-1]
    return {f"{name} after 20 days without drug": value for name, value in zip("TLNI", (T, L, N, interleukin))}  # noqa: B905


def hu2019() -> Anchors:
    def slope(t: float, y: np.ndarray) -> list[float]:
        T, P, E, w, v = y
        return [
            (0.0195 + 1.7857e-12 * P) * T * (1 - 1.02e-11 * T) - 0.96 * E * T / (1e9 + w),
            (0.00195 + 0.125 * w / (5.6e10 + w)) * P * (1 - 1.7857e-9 * P) - 0.015 * P,
            3500 + 124.5 * E * v / ((2e10 + v) * (1e6 + w)) - 0.02 * E,
            5.85 * E * T / (1e6 + T) + 12500 * T * P / (8.9e10 + v) - 0.034 * w,
            7.3 * E * T / (1e6 + T) - 0.034 * v,
        ]

    T, P, E, *_ = ode(slope, [1e9, 5.6e6, 1.9e8, 5e4, 9.4], [0, 100])[-1]
    return {"tumour cells after 100 days": T, "stellate cells after 100 days": P, "effector cells after 100 days": E}


def tham2008() -> Anchors:
    """Weeks; 12 doses, of which the second of a cycle comes after a week."""

    def slope(t: float, y: np.ndarray) -> list[float]:
        return [(6.66 * (1 - y[1] / (10600 + y[1])) - y[0]) * y[0] / 21.8, -np.log(2) / 7.67 * y[1]]

    y, sizes, weeks = np.array([6.66, 0.0]), [], []
    cuts = [3.0 * cycle + week for cycle in range(6) for week in (0, 1)] + [60.0]
    for begin, end in pairwise(cuts):
        times = np.linspace(begin, end, round((end - begin) / 0.01) + 1)
        found = ode(slope, list(y + [0, 5203.84]), list(times))
        sizes, weeks, y = [*sizes, *found[:, 0]], [*weeks, *times], found[-1]
    return {"nadir under six cycles": min(sizes), "its time": weeks[int(np.argmin(sizes))]}


def zhang2022() -> Anchors:
    rate, found = 8 / 6, {}
    for resistant in (100, 500, 1000):

        def slope(t: float, y: np.ndarray) -> list[float]:
            S, R = y
            return [rate * 0.0156 * S * (1 - (S + R) / 1000), rate * 0.0091 * R * (1 - (R + 6 * S) / 10000)]

        times = list(np.linspace(0, 800, 80001))
        total = ode(slope, [5000.0, resistant], times).sum(axis=1)
        later = np.flatnonzero(total > 1.2 * total[0])[0]
        name = f"standard dosing from 5000 and {resistant} cells, step of the authors' code: burden 1.2 of the start"
        found[name] = times[later] / 30.4
    return found


def test_sneaking_through_of_kuznetsov_1994_by_scipy() -> None:
    """A small tumour escapes, a larger one does not, a still larger one does; at the d and the start of the gallery."""
    mu, d = 0.0021, 0.072

    def slope(t: float, y: np.ndarray) -> list[float]:
        E, T = y
        killed = 1.101e-7 * E * T
        return [13000 + 0.1245 * E * T / (2.019e7 + T) - mu * killed - d * E, 0.18 * T * (1 - 2e-9 * T) - killed]

    escaped = [ode(slope, [5e5, cells], [0, 1500])[-1, 1] > 1e8 for cells in (1, 1e7, 3e8)]
    assert escaped == [True, False, True]


def mahasa2016() -> Anchors:
    a, b, aN, bL = 0.5822, 2.33e-8, 1.3e-7, 1.3e-7
    p, q, pi, zeta = 0.05, 0.05, 0.18, 0.13

    def slope(t: float, y: np.ndarray) -> list[float]:
        T0, TN, TL, TB, N, L = y
        grow = a * (1 - b * (T0 + TN + TL + TB))
        return [
            grow * T0 - (1 + p) * aN * N * T0 - (1 + q) * bL * L * T0,
            grow * TN + p * aN * N * T0 - (1 + zeta) * bL * L * TN,
            grow * TL + q * bL * L * T0 - (1 + pi) * aN * N * TL,
            grow * TB + pi * aN * N * TL + zeta * bL * L * TN,
            13000 - 0.0412 * N,
            1.1e-7 * N * T0 - 0.02 * L,
        ]

    return {"burden after 30 days": ode(slope, [1e4, 0, 0, 0, 1e5, 100], [0, 30])[-1, :4].sum()}


def perezgarcia2019() -> Anchors:
    def volume(cycles: int, end: float) -> float:
        y, now = np.array([144.95, 0.0, 0.0]), 0.0
        for day in [*(55.0 + 28 * cycle + day for cycle in range(cycles) for day in range(5)), end]:
            y = ode(papers.perezgarcia2019, y, [now, day])[-1] + [0, 0, papers.PEREZGARCIA_DOSE]
            now = day
        return float(y[0] + y[1])

    return {"volume on day 400, six cycles": volume(6, 400), "volume on day 620, twenty cycles": volume(20, 620)}


def zhu2015() -> Anchors:
    inhibit = ((0.991, 20.8, 3.57), (0.375, 145.0, 1.06))
    stimulate = ((4.09, 14.0, 5.0, 0.086), (17.5, 168.0, 0.984, 0.611))

    def cells(doses: tuple[int, int]) -> float:
        psi_i, psi_s = (0.583, 0.582) if all(doses) else (1.0, 1.0)

        def effect(level: float, most: float, half: float, power: float) -> float:
            return most * level**power / (half**power + level**power)

        growth = 0.0209
        for level, (most, half, power) in zip(doses, inhibit, strict=True):
            growth *= 1 - effect(level, most, half * psi_i, power)

        def slope(t: float, y: np.ndarray) -> list[float]:
            Ra, gem, bir = y[0], y[1:5], y[5:9]
            death = 3.85e-4 * (1 + gem[3]) * (1 + bir[3])
            out = [growth * Ra * (1 - Ra / 5.49e6) - death * Ra]
            for chain, level, (most, half, power, rate) in zip((gem, bir), doses, stimulate, strict=True):
                before = [effect(level, most, half * psi_s, power), *chain[:3]]
                out += [rate * (x - stage) for x, stage in zip(before, chain, strict=True)]
            return out

        return float(ode(slope, [307000.0, *[0.0] * 8], [0, 96])[-1, 0])

    arms = [(0, 0), (20, 0), (0, 500), (10, 100)]
    return {f"cells after 96 h, gemcitabine {g} nM, birinapant {b} nM": cells((g, b)) for g, b in arms}


def greene2019() -> Anchors:
    def passes(alpha: float, pulsed: bool) -> float:
        """When S + R rises through 0.9; the drug is on from 2.398 on, or for one of four units of time."""

        def slope(t: float, y: np.ndarray, u: float) -> list[float]:
            S, R = y
            room, turned = 1 - S - R, (1e-6 + alpha * u) * S
            return [room * S - turned - u * S, 0.2 * room * R + turned]

        def full(t: float, y: np.ndarray, u: float) -> float:
            return float(y[0] + y[1] - 0.9)

        full.terminal, full.direction = True, 1  # type: ignore[attr-defined]
        y, now, on = np.array([0.01, 0.0]), 0.0, False
        begin = 2.3978957
        edges = [begin, 1e3] if not pulsed else [begin + 4 * k + d for k in range(50) for d in (0, 1)]
        for edge in edges:
            found = solve_ivp(
                slope, (now, edge), y, args=(1.5 * on,), events=full, method="LSODA", rtol=1e-11, atol=1e-14
            )
            if found.t_events[0].size:
                return float(found.t_events[0][0])
            y, now, on = found.y[:, -1], edge, not on
        raise AssertionError("0.9 is not reached")

    plans = {"constant": False, "pulsed": True}
    return {
        f"failure, {name} treatment, alpha = {alpha:g}": passes(alpha, pulsed)
        for alpha in (0.0, 0.01)
        for name, pulsed in plans.items()
    }


def bozic2013() -> Anchors:
    """Cure with costs: backward equations of clones and an integral over when they arise, both by SciPy."""
    M, b, d, hit, u, n = 1e11, 1.0, 0.99, 1.03, 1e-9, 50

    def cure(cost: float) -> float:
        grows, both = d + (b - d) * (1 - cost), d + (b - d) * (1 - cost) ** 2
        survival = 1 - d / both
        gain = grows * u * n * survival
        start = brentq(lambda w: gain * (1 - w) + (grows - hit) * w - grows * w**2, 0, 1e-3, xtol=1e-18)
        age = np.log(M * (1 - d / b)) / (b - d)
        later = solve_ivp(
            lambda a, w: gain * (1 - w) + (grows - d) * w - grows * w**2,
            (0, age), [start], method="LSODA", rtol=1e-11, atol=1e-18, dense_output=True,
        ).sol  # fmt: skip
        before = quad(lambda a: u * n * b * M * np.exp(-(b - d) * a) * later(a)[0], 0, age, limit=300)[0]
        return float(np.exp(-2 * (before + M * b * u * n * start / (hit - b))))

    return {f"cure, 1e11 cells, b = 1, n12 = 0, cost {cost:.0%}": cure(cost) for cost in (0.0, 0.1)}


def test_both_ways_to_the_cure_with_costs_agree_closely() -> None:
    for text, cost in (("0%", 0.0), ("10%", 0.1)):
        lesion = gallery.Lesion(1e11, birth=1.0, death=0.99, death_treated=1.03, cost=cost)
        expected = bozic2013()[f"cure, 1e11 cells, b = 1, n12 = 0, cost {text}"]
        assert lesion.integrated_eradication() == pytest.approx(expected, rel=1e-7)


def test_hahnfeldt_1999_under_treatment() -> None:
    def slope(t: float, y: np.ndarray) -> list[float]:
        V, K, g = y
        return [-0.192 * V * np.log(V / K), 5.85 * V - 0.00873 * K * V ** (2 / 3) - 0.15 * K * g, -0.38 * g]

    y, course = np.array([200.0, 625.0, 0.0]), []
    for _ in range(10):
        y = ode(slope, y + [0, 0, 20.0], [0, 1])[-1]
        course.append(y)
    daily = mdr.bolus("angiostatin", "20 mg/kg", weight="20 g").every("1 day", times=10)
    found = gallery.hahnfeldt1999("angiostatin").simulate(daily, until="10 day", times="1 day").frame
    np.testing.assert_allclose(found[["V", "K"]].to_numpy()[1:], np.array(course)[:, :2], rtol=1e-5)
    np.testing.assert_allclose(found["g"].iloc[1:], np.array(course)[:, 2] * 0.02, rtol=1e-5)
    with pytest.raises(mdr.ModelError, match="endostatin"):
        gallery.hahnfeldt1999("endostatine")


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: gallery.gunnarsson2020("linea"), "'linear'"),
        (lambda: gallery.zhang2017(3), "1 and 2"),
        (lambda: gallery.tomasetti2010(1.0), "turnover"),
        (lambda: gallery.hinow2009(groups=2), "3 to 40"),
        (lambda: gallery.hinow2009(share=0.6), "0.5"),
        (lambda: gallery.cholevy2018(traits=12), "6, 11, 16"),
        (lambda: gallery.cholevy2018(alteration=-1.0), "zero or more"),
        (lambda: gallery.bozic2013(1e9, cost=1.0), "cost"),
        (lambda: gallery.bozic2013(1e9, cost=0.1).eradication(), "integrated_eradication"),
    ],
)
def test_an_impossible_model_is_refused(make: Callable[[], object], words: str) -> None:
    with pytest.raises(mdr.ModelError, match=words):
        make()


ANCHORS = [
    bozic2013, greene2019, depillis2005, depillis2008, hu2019, leontriana2021, leontriana2021_dual, mahasa2016,
    perezgarcia2019, tham2008, zhang2022, zhu2015,
]  # fmt: skip


@pytest.mark.parametrize("compute", ANCHORS, ids=lambda item: item.__name__)
def test_the_gallery_holds_what_scipy_finds(compute: Callable[[], Anchors]) -> None:
    results = {result.quantity: result for result in gallery.find(compute.__name__.removesuffix("_dual")).results}
    for quantity, value in compute().items():
        assert results[quantity].holds(float(value)), (quantity, results[quantity].expected, value)
