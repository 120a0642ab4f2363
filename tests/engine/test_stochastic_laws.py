"""Means, variances and distributions of stochastic paths against closed forms and against each other.

Seeds are fixed. A mean or a variance passes within `BOUND` standard errors of its exact value, which a correct method
misses once in 16,000 times.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import pytest
from scipy import stats
from scipy.integrate import solve_ivp, trapezoid
from scipy.linalg import expm

pytest.importorskip("llvmlite")
pytest.importorskip("numba")

import pkpd_mdr as mdr
from pkpd_mdr.engine import BoundPorts, build, compile_model, solve
from pkpd_mdr.engine.stochastic.solve import solve_stochastic
from pkpd_mdr.model import Model
from pkpd_mdr.regimen import Regimen, arrange

BOUND = 4.0
DAY = 24.0


def row(model: Model) -> np.ndarray:
    return np.array([parameter.internal for parameter in model.parameters.values()])


def sample(
    model: Model, times: Sequence[float], count: int, *, regimen: Regimen | None = None,
    table: np.ndarray | None = None, **options: object,
) -> np.ndarray:  # fmt: skip
    """All states of many paths, shape (count, times, states)."""
    compiled, parameters = compile_model(model), row(model)
    ports = BoundPorts(compiled, parameters[None])
    timeline = build(arrange(regimen or mdr.nothing(), list(times)), ports, stop=times[-1])
    table = np.repeat(parameters[None], count, axis=0) if table is None else table
    found = solve_stochastic(
        compiled, table, None, [timeline] * count, compiled.states, stochastic=mdr.Stochastic(**options)
    )  # type: ignore[arg-type]
    assert not found.failed, found.members[found.failed[0]].status.sentence
    return np.array([member.values for member in found.members])


def close(found: np.ndarray, mean: float, variance: float | None = None) -> None:
    """Whether a sample's mean and variance are within `BOUND` standard errors of what they should be."""
    spread, count = found.var(), len(found)
    assert abs(found.mean() - mean) <= BOUND * math.sqrt((variance or spread) / count)
    if variance is not None:
        fourth = ((found - found.mean()) ** 4).mean()
        assert abs(spread - variance) <= BOUND * math.sqrt((fourth - spread**2) / count)


def same(one: np.ndarray, other: np.ndarray) -> None:
    """Whether two samples agree in mean, variance and distribution."""
    counts = len(one), len(other)
    error = math.sqrt(one.var() / counts[0] + other.var() / counts[1])
    assert abs(one.mean() - other.mean()) <= BOUND * error
    fourths = [((part - part.mean()) ** 4).mean() - part.var() ** 2 for part in (one, other)]
    assert abs(one.var() - other.var()) <= BOUND * math.sqrt(fourths[0] / counts[0] + fourths[1] / counts[1])
    assert stats.ks_2samp(one, other).pvalue > 1e-4


def birth_death(birth: float, death: float, start: float) -> Model:
    law = mdr.growth.birth_death(birth=f"{birth} 1/day", death=f"{death} 1/day")
    return mdr.Model(mdr.clone("N", growth=law, start=start))


def branching(start: float = 40.0, mutant: float = 3.0) -> Model:
    """Two types with births, deaths, mutation at division and switching back."""
    return mdr.Model(
        mdr.clone("S", growth=mdr.growth.birth_death(birth="1 1/day", death="0.7 1/day"), start=start),
        mdr.clone("R", growth=mdr.growth.birth_death(birth="0.8 1/day", death="0.7 1/day"), start=mutant),
        mdr.mutation("S", "R", probability=0.1),
        mdr.switching("R", "S", rate="0.2 1/day"),
    )


# -- closed forms -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(("birth", "death"), [(1.0, 0.8), (0.5, 1.1), (1.0, 1.0)])
def test_birth_and_death(birth: float, death: float) -> None:
    """Kendall 1948: mean n*exp(r*t), variance n*(b + d)/r*exp(r*t)*(exp(r*t) - 1), at r = 0 n*2*b*t."""
    start, times = 10.0, (1.0, 3.0)
    found = sample(birth_death(birth, death, start), [t * DAY for t in times], 20_000, method="ssa", seed=2)
    for k, t in enumerate(times):
        r = birth - death
        grown = math.exp(r * t)
        spread = start * ((birth + death) / r * grown * (grown - 1) if r else 2 * birth * t)
        close(found[:, k, 0], start * grown, spread)
        gone = birth * t / (1 + birth * t) if not r else death * (grown - 1) / (birth * grown - death)
        lost = (found[:, k, 0] == 0).mean()
        assert abs(lost - gone**start) <= BOUND * math.sqrt(gone**start * (1 - gone**start) / len(found))


def test_pure_birth_is_negative_binomial() -> None:
    """Yule: n cells that divide at rate b give n + NB(n, exp(-b*t))."""
    model = mdr.Model(mdr.clone("N", growth=mdr.growth.exponential(rate="1 1/day"), start=5))
    found = sample(model, [1.5 * DAY], 20_000, method="ssa", seed=2)[:, -1, 0] - 5
    law = stats.nbinom(5, math.exp(-1.5))
    values = np.arange(0, 60)
    seen = np.array([(found == value).sum() for value in values])
    expected = law.pmf(values) * len(found)
    keep = expected > 15
    seen = np.append(seen[keep], len(found) - seen[keep].sum())
    expected = np.append(expected[keep], len(found) - expected[keep].sum())
    assert stats.chi2.sf(((seen - expected) ** 2 / expected).sum(), keep.sum()) > 1e-3


def test_two_types_that_branch() -> None:
    """Means by the matrix exponential, covariances by the moment equations of a linear network."""
    model, t = branching(), 2.0
    birth, death, u, back = np.array([1.0, 0.8]), np.array([0.7, 0.7]), 0.1, 0.2
    moves = np.array([[1, 0], [-1, 0], [0, 1], [0, -1], [-1, 1], [1, -1]], dtype=float)
    per_cell = np.array([[birth[0], 0], [death[0], 0], [0, birth[1]], [0, death[1]], [u * birth[0], 0], [0, back]])
    drift = moves.T @ per_cell
    begin = np.array([40.0, 3.0])

    def slope(time: float, y: np.ndarray) -> np.ndarray:
        mean, spread = y[:2], y[2:].reshape(2, 2)
        noise = moves.T @ np.diag(per_cell @ mean) @ moves
        return np.concatenate([drift @ mean, (drift @ spread + spread @ drift.T + noise).ravel()])

    wanted = solve_ivp(slope, (0, t), [*begin, 0, 0, 0, 0], rtol=1e-10, atol=1e-10).y[:, -1]
    mean, spread = expm(drift * t) @ begin, wanted[2:].reshape(2, 2)
    found = sample(model, [t * DAY], 20_000, method="ssa", seed=3)[:, -1]
    for i in (0, 1):
        close(found[:, i], mean[i], spread[i, i])
    product = (found[:, 0] - mean[0]) * (found[:, 1] - mean[1])
    close(product, spread[0, 1])


@pytest.mark.parametrize("start", [1, 3])
def test_extinction(start: int) -> None:
    """A clone of n cells dies out with probability (d/b)**n: within the 99 % interval of what is seen."""
    count = 4000
    found = sample(birth_death(1.0, 0.7, start), [60 * DAY], count, seed=4, threshold=200)[:, -1, 0]
    gone = int((found == 0).sum())
    interval = stats.binomtest(gone, count).proportion_ci(0.99)
    assert interval.low <= 0.7**start <= interval.high
    assert found[found > 0].min() > 200  # the others are on their way


def test_law_of_total_variance() -> None:
    """Pure birth at a rate that differs between members: variance within and between them."""
    model, count, t, start = birth_death(1.0, 0.0, 20), 20_000, 1.0, 20.0
    compiled = compile_model(model)
    rates = np.where(np.arange(count) % 2, 0.4, 1.2)
    table = np.repeat(row(model)[None], count, axis=0)
    table[:, compiled.parameters.index("birth_N")] = rates / DAY
    found = sample(model, [t * DAY], count, table=table, method="ssa", seed=5)[:, -1, 0]
    grown = np.exp(rates * t)
    within, between = (start * grown * (grown - 1)).mean(), (start * grown).var()
    close(found, (start * grown).mean(), within + between)


def test_death_at_a_rate_that_decays() -> None:
    """A hazard k*C(t) along the flow of a drug: each cell lives with exp(-k*AUC), and its end comes in time."""
    model = mdr.Model(
        mdr.pk.one_compartment("dox", V="10 L", CL="2 L/h", amount_unit="mg"),
        mdr.clone("N", start=50),
        mdr.kill("dox", on="N", slope="0.05 L/(mg*h)"),
    )
    times = [1.0, 4.0, 12.0, 48.0]
    found = sample(model, times, 2000, regimen=mdr.bolus("dox", "80 mg", at="0 h"), method="ssa", seed=6)
    n = compile_model(model).states.index("N")
    for k, t in enumerate(times):
        area = 8.0 / 0.2 * (1 - math.exp(-0.2 * t))
        alive = math.exp(-0.05 * area)
        close(found[:, k, n], 50 * alive, 50 * alive * (1 - alive))
    spread = np.cov(found[:, 1, n], found[:, 3, n])  # of one cell: alive at 12 h only if alive at 4 h
    alive = [math.exp(-0.05 * 40 * (1 - math.exp(-0.2 * t))) for t in (4.0, 48.0)]
    product = (found[:, 1, n] - 50 * alive[0]) * (found[:, 3, n] - 50 * alive[1])
    close(product, 50 * alive[1] * (1 - alive[0]))
    assert spread[0, 1] > 0


def test_resistance_arises_in_a_growing_clone() -> None:
    """Mutants of a large clone: lineages arrive at the rate u*b*S(t), and each is there later if it did not die out.

    The chance that none is there is exp(-integral of u*b*S(t)*(1 - p(T - t))), with p the extinction of birth and
    death (Luria and Delbrueck 1943 with cell death; Iwasa, Nowak and Michor 2006, Genetics 172:2557).
    """
    birth, death, u, start, end, count = 0.25, 0.15, 1e-5, 2000.0, 40.0, 6000
    law = mdr.growth.birth_death(birth=f"{birth} 1/day", death=f"{death} 1/day")
    model = mdr.Model(
        mdr.clone("S", growth=law, start=start), mdr.clone("R", growth=law), mdr.mutation("S", "R", probability=u)
    )
    found = sample(model, [end * DAY], count, method="hybrid", seed=22)[:, 0]
    r = birth - death
    t = np.linspace(0.0, end, 4001)
    large = start * np.exp((r - u * birth) * t)
    grown = np.exp(r * (end - t))
    there = 1 - death * (grown - 1) / (birth * grown - death)
    none = math.exp(-trapezoid(u * birth * large * there, t))
    interval = stats.binomtest(int((found[:, 1] == 0).sum()), count).proportion_ci(0.99)
    assert interval.low <= none <= interval.high
    close(found[:, 1], float(trapezoid(u * birth * large * grown, t)))
    np.testing.assert_allclose(found[:, 0], large[-1], rtol=5e-3)  # an early mutant takes its descendants along


@pytest.mark.parametrize("method", ["ssa", "tau", "hybrid"])
def test_arrivals_at_a_rate_that_names_the_time(method: str) -> None:
    """An inhomogeneous Poisson process: as many arrivals as the integral of the rate, in mean and variance."""
    model = mdr.Model(
        mdr.parameter("k", "3 1/h"),
        mdr.parameter("w", "0.8 1/h"),
        mdr.state("N", unit="cell", kind="cells"),
        mdr.process("arrival", "k*(1 + sin(w*t))", {"N": 1}),
        mdr.observable("phase", "sin(w*t)"),
    )
    times = [1.0, 7.0]
    found = sample(model, times, 4000, method=method, seed=19)[:, :, 0]
    whole = [3.0 * (t + (1 - math.cos(0.8 * t)) / 0.8) for t in times]
    for k in range(2):
        close(found[:, k], whole[k], whole[k])
    close(found[:, 1] - found[:, 0], whole[1] - whole[0], whole[1] - whole[0])
    assert abs(np.corrcoef(found[:, 1] - found[:, 0], found[:, 0])[0, 1]) < BOUND / math.sqrt(4000)


def test_dosing_keeps_the_mean_of_a_linear_model() -> None:
    """Cells see a given concentration: the mean of exact paths is the solution of the differential equation."""
    model = mdr.Model(
        mdr.pk.two_compartment("dox", CL="5 L/h", V1="10 L", Q="8 L/h", V2="40 L", amount_unit="mg"),
        mdr.clone("S", growth=mdr.growth.birth_death(birth="0.9 1/day", death="0.3 1/day"), start=60),
        mdr.clone("R", growth=mdr.growth.birth_death(birth="0.8 1/day", death="0.3 1/day"), start=5),
        mdr.kill("dox", on="S", emax="3 1/day", ec50="0.4 mg/L", hill=1.5),
        mdr.mutation("S", "R", probability=0.01),
        mdr.resection(),
    )
    regimen = mdr.infusion("dox", "20 mg", over="2 h").every("1 day", times=2) & mdr.surgery(0.3, at="30 h")
    times = [2.0, 24.0, 31.0, 60.0]
    compiled = compile_model(model)
    timeline = build(arrange(regimen, times), BoundPorts(compiled, row(model)[None]), stop=times[-1])
    wanted = solve(compiled, row(model)[None], None, [timeline], compiled.states).members[0].values
    found = sample(model, times, 4000, regimen=regimen, method="ssa", seed=7)
    for name in ("S", "R"):
        i = compiled.states.index(name)
        for k in range(len(times)):
            close(found[:, k, i], wanted[k, i])


# -- one method against another ---------------------------------------------------------------------------


@pytest.mark.parametrize("scale", [1, 20])
def test_leaps_agree_with_exact_events(scale: int) -> None:
    model, times = branching(40.0 * scale, 30.0 * scale), [DAY, 3 * DAY]
    exact = sample(model, times, 4000, method="ssa", seed=8)
    leaps = sample(model, times, 4000, method="tau", seed=9)
    for k in range(2):
        for i in range(2):
            same(leaps[:, k, i], exact[:, k, i])


def test_leaps_with_competition() -> None:
    """Rates that are not linear: births slow down towards a capacity, two clones share the room."""
    room = mdr.parameter("K", "900 cell")
    model = mdr.Model(
        *(
            mdr.clone(name, growth=mdr.growth.birth_death(birth=b, death="0.2 1/day", capacity=room), start=n)
            for name, b, n in (("S", "1.2 1/day", 100), ("R", "1 1/day", 60))
        )
    )
    exact = sample(model, [3 * DAY, 12 * DAY], 2000, method="ssa", seed=10)
    leaps = sample(model, [3 * DAY, 12 * DAY], 2000, method="tau", seed=11)
    for k in range(2):
        for i in range(2):
            same(leaps[:, k, i], exact[:, k, i])


def test_leaps_of_pairs() -> None:
    """Cells that vanish in pairs and one by one: a second-order process beside a first-order one, down to none."""
    model = mdr.Model(
        mdr.parameter("k", "0.002 1/h"),
        mdr.parameter("d", "0.05 1/h"),
        mdr.state("N", 400.0, unit="cell", kind="cells"),
        mdr.process("pairing", "k*N*(N - 1)", {"N": -2}),
        mdr.process("death", "d*N", {"N": -1}),
    )
    times = [1.0, 5.0, 40.0]
    exact = sample(model, times, 4000, method="ssa", seed=20)[:, :, 0]
    leaps = sample(model, times, 4000, method="tau", seed=21)[:, :, 0]
    for k in range(3):
        same(leaps[:, k], exact[:, k])
    assert leaps.min() >= 0


def under_drug(sensitive: float, resistant: float) -> Model:
    return mdr.Model(
        mdr.pk.one_compartment("dox", V="10 L", CL="1 L/h", amount_unit="mg"),
        mdr.clone("S", growth=mdr.growth.birth_death(birth="0.5 1/day", death="0.3 1/day"), start=sensitive),
        mdr.clone("R", growth=mdr.growth.birth_death(birth="0.6 1/day", death="0.3 1/day"), start=resistant),
        mdr.kill("dox", on="S", emax="2 1/day", ec50="1 mg/L"),
        mdr.kill("dox", on="R", emax="1.5 1/day", ec50="8 mg/L", hill=2),
        mdr.mutation("S", "R", probability=2e-3),
    )


def test_hybrid_agrees_with_exact_events() -> None:
    """A small resistant clone beside a large sensitive one under a drug that decays."""
    model, times = under_drug(2000.0, 6.0), [DAY, 4 * DAY]
    dose = mdr.bolus("dox", "100 mg", at="0 h")
    r = compile_model(model).states.index("R")
    exact = sample(model, times, 600, regimen=dose, method="ssa", seed=12)
    hybrid = sample(model, times, 3000, regimen=dose, method="hybrid", seed=13, threshold=300)
    for k in range(2):
        same(hybrid[:, k, r], exact[:, k, r])


def test_leaps_along_flows_agree_with_exact_events() -> None:
    model, times = under_drug(2000.0, 300.0), [DAY, 4 * DAY]
    dose = mdr.bolus("dox", "100 mg", at="0 h")
    exact = sample(model, times, 600, regimen=dose, method="ssa", seed=14)
    leaps = sample(model, times, 3000, regimen=dose, method="tau", seed=15)
    for name in ("S", "R"):
        i = compile_model(model).states.index(name)
        for k in range(2):
            same(leaps[:, k, i], exact[:, k, i])


def test_exact_events_along_flows_agree_with_those_at_constant_rates() -> None:
    """The same model twice, once with a drug that is never given: two ways to simulate one law."""
    clones = [mdr.clone("N", growth=mdr.growth.birth_death(birth="1 1/day", death="0.9 1/day"), start=15)]
    drug = [mdr.pk.one_compartment("dox", V="1 L", CL="1 L/h", amount_unit="mg")]
    plain, along = mdr.Model(*clones), mdr.Model(*clones, *drug, mdr.kill("dox", on="N", slope="1 L/(mg*h)"))
    direct = sample(plain, [2 * DAY], 4000, method="ssa", seed=16)[:, 0, 0]
    n = compile_model(along).states.index("N")
    same(sample(along, [2 * DAY], 4000, method="ssa", seed=17)[:, 0, n], direct)
    hybrid = sample(along, [2 * DAY], 4000, method="hybrid", seed=18)
    same(hybrid[:, 0, n], direct)
