"""Published models as a user writes them down, against SciPy on equations typed here or a closed form.

No expected value comes from the library.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from strategies import papers
from strategies.papers import ode

import pkpd_mdr as mdr
from pkpd_mdr.engine import compile_model
from pkpd_mdr.regimen import Act
from pkpd_mdr.units import quantity

EXACT = mdr.Accuracy(rtol=1e-10)
DAY = 24.0


def states(*names: str, unit: str = "") -> list[Any]:
    return [mdr.state(name, unit=unit) for name in names]


def numbers(**values: Any) -> list[Any]:
    return [mdr.parameter(name, value) for name, value in values.items()]


def test_perez_garcia_2019() -> None:
    """BIOMD0000000814: damaged cells die only when they try to divide; 5 doses every 28 days from day 55."""
    y, now, expected = np.array([144.95, 0.0, 0.0]), 0.0, []
    days = [55.0 + 28 * cycle + day for cycle in range(6) for day in range(5)]
    for day in [*days, 400.0]:
        y = ode(papers.perezgarcia2019, y, [now, day])[-1]
        expected.append(y[0] + y[1])
        y, now = y + [0, 0, papers.PEREZGARCIA_DOSE], day
    model = mdr.Model(
        mdr.state("P", "144.95 cm**3", unit="cm**3"),
        *states("D", unit="cm**3"),
        *states("C"),
        *numbers(a1="0.1028 1/day", a2="0.1397 1/day", rho="0.00293193 1/day", K="261.799 cm**3", lam="8.3184 1/day"),
        mdr.dosing("tmz", into="C", unit=""),
        mdr.observable("burden", "P + D", "cm**3"),
        mdr.process("growth", "rho*P*(1 - burden/K)", {"P": 1}),
        mdr.process("damage", "a1*P*C", {"P": -1, "D": 1}),
        mdr.process("kill", "a2*P*C", {"P": -1}),
        mdr.process("late_death", "rho*D*(1 - burden/K)", {"D": -1}),
        mdr.process("loss", "lam*C", {"C": -1}),
    )
    plan = mdr.bolus("tmz", papers.PEREZGARCIA_DOSE).on_days([1, 2, 3, 4, 5]).every("28 day", times=6).shift("55 day")
    run = model.simulate(plan, until="400 day", times=[f"{day} day" for day in [*days, 400.0]], accuracy=EXACT)
    np.testing.assert_allclose(run.frame["burden"], expected, rtol=1e-8)


def test_claret_2009_and_stein() -> None:
    """Nadirs ln(KD0 E/KL)/lam and ln(d/g)/(g + d), and the curves themselves."""
    KL, KD, lam, E = 0.021, 0.025, 0.053, 2.0
    claret = mdr.Model(
        mdr.state("y", "100 mm", unit="mm"),
        *numbers(KL="0.021 1/week", KD="0.025 1/(g*week)", lam="0.053 1/week", E="2 g"),
        mdr.process("growth", "KL*y", {"y": 1}),
        mdr.process("shrinkage", "KD*exp(-lam*t)*E*y", {"y": -1}),
        mdr.observable("burden", "y", "mm"),
    )
    run = claret.simulate(until="100 week", times="1 week", accuracy=EXACT)
    t = run.frame.index.to_numpy()
    expected = 100 * np.exp(KL * t - KD * E * -np.expm1(-lam * t) / lam)
    np.testing.assert_allclose(run.frame["y"], expected, rtol=1e-8)
    assert run.endpoint("nadir_time") == pytest.approx(math.log(KD * E / KL) / lam, rel=1e-4)
    stein = mdr.Model(
        *numbers(d="0.02 1/day", g="0.003 1/day"),
        mdr.observable("burden", "exp(-d*t) + exp(g*t) - 1"),
    )
    found = stein.simulate(until="300 day", times="1 day").endpoint("nadir_time")
    assert found == pytest.approx(math.log(0.02 / 0.003) / 0.023, rel=1e-4)


def test_desmee_2015_escape_at_a_time() -> None:
    """Cells shrink until day 140, then escape: a rate that jumps in the middle of a run."""
    model = mdr.Model(
        mdr.state("cells", 1.0),
        mdr.state("psa", 1.0),
        *numbers(r="0.05 1/day", d="0.046 1/day", out="0.23 1/day", escape="140 day"),
        mdr.process("growth", "r*cells*(1 - (0.3 if t < escape else 0))", {"cells": 1}),
        mdr.process("death", "d*cells", {"cells": -1}),
        mdr.process("secretion", "out*cells", {"psa": 1}),
        mdr.process("clearance", "out*psa", {"psa": -1}),
    )
    found = model.simulate(until="300 day", times="20 day", accuracy=EXACT).frame
    t = found.index.to_numpy()
    log = np.where(t < 140, (0.7 * 0.05 - 0.046) * t, (0.7 * 0.05 - 0.046) * 140 + 0.004 * (t - 140))
    np.testing.assert_allclose(found["cells"], np.exp(log), rtol=1e-7)


ZHU = {
    "kg": 0.0209, "kd": 3.85e-4, "Rss": 5.49e6, "Gi": (0.991, 20.8, 3.57), "Bi": (0.375, 145.0, 1.06),
    "Gs": (4.09, 14.0, 5.0), "Bs": (17.5, 168.0, 0.984), "kG": 0.086, "kB": 0.611, "psi_i": 0.583, "psi_s": 0.582,
}  # fmt: skip


@pytest.mark.parametrize(("G", "B"), [(0.0, 0.0), (20.0, 0.0), (0.0, 500.0), (10.0, 100.0)])
def test_zhu_2015_gemcitabine_and_birinapant(G: float, B: float) -> None:
    """BIOMD0000000668: two inhibitions of growth, two delayed stimulations of death, synergy only in combination."""
    both = G > 0 and B > 0
    psi_i, psi_s = (ZHU["psi_i"], ZHU["psi_s"]) if both else (1.0, 1.0)

    def effect(level: float, law: tuple[float, float, float], psi: float) -> float:
        most, half, power = law
        return most * level**power / ((half * psi) ** power + level**power)

    def slope(t: float, y: np.ndarray) -> list[float]:
        Ra, g, b = y[0], y[1:5], y[5:9]
        growth = (1 - effect(G, ZHU["Gi"], psi_i)) * (1 - effect(B, ZHU["Bi"], psi_i)) * ZHU["kg"]
        death = (1 + g[3]) * (1 + b[3]) * ZHU["kd"]
        out = [growth * Ra * (1 - Ra / ZHU["Rss"]) - death * Ra]
        for chain, level, law, rate in ((g, G, "Gs", "kG"), (b, B, "Bs", "kB")):
            before = [effect(level, ZHU[law], psi_s), *chain[:3]]
            out += [ZHU[rate] * (x - y) for x, y in zip(before, chain, strict=True)]
        return out

    chains = [f"{d}{k}" for d in "GB" for k in (1, 2, 3, 4)]
    parts: list[Any] = [
        mdr.state("Ra", 307000.0),
        *states(*chains),
        *(mdr.medium(d, unit="nM") for d in ("gem", "bir")),
        *numbers(kg="0.0209 1/h", kd="3.85e-4 1/h", Rss=5.49e6, kG="0.086 1/h", kB="0.611 1/h"),
        *numbers(Gc="20.8 nM", Bc="145 nM", GS="14 nM", BS="168 nM", psi_i=psi_i, psi_s=psi_s),
        mdr.process(
            "growth",
            "kg*Ra*(1 - Ra/Rss)*(1 - 0.991*hill(C_gem, Gc*psi_i, 3.57))*(1 - 0.375*hill(C_bir, Bc*psi_i, 1.06))",
            {"Ra": 1},
        ),
        mdr.process("death", "kd*(1 + G4)*(1 + B4)*Ra", {"Ra": -1}),
    ]
    for d, first in (("G", "4.09*hill(C_gem, GS*psi_s, 5)"), ("B", "17.5*hill(C_bir, BS*psi_s, 0.984)")):
        for k, before in enumerate([first, f"{d}1", f"{d}2", f"{d}3"], start=1):
            parts.append(mdr.process(f"pass_{d}{k}", f"k{d}*({before} - {d}{k})", {f"{d}{k}": 1}))
    plan = mdr.nothing()
    for name, level in (("gem", G), ("bir", B)):
        plan = plan & mdr.exposure(name, f"{level} nM") if level else plan
    found = mdr.Model(*parts).simulate(plan, until="96 h", times="24 h", accuracy=EXACT).frame
    expected = ode(slope, [307000.0] + 8 * [0.0], [0, 24, 48, 72, 96])
    np.testing.assert_allclose(found[["Ra", *chains]].to_numpy()[1:], expected[1:], rtol=1e-7, atol=1e-10)


def test_de_pillis_2005() -> None:
    """MODEL1907260001: NK alone never clear a tumour, as a - c N* > 0; and a run with CD8 cells."""
    per_cell = dict.fromkeys("bcpqr", "1/(cell*day)") | {"b": "1/cell"}
    units = per_cell | dict.fromkeys("adfgmj", "1/day") | {"s": "", "sig": "cell/day", "h": "cell**2", "k": "1/day**2"}
    model = mdr.Model(
        *(mdr.state(name, start, unit="cell", kind="cells") for name, start in (("T", 1e6), ("N", 3e5), ("L", 100.0))),
        *(mdr.parameter(name, f"{value} {units[name]}") for name, value in papers.DEPILLIS.items()),
        mdr.observable("D", "d*hill(L/max(T, 1e-100), s**(1/0.58), 0.58)", "1/day"),
        mdr.process("growth", "a*T*(1 - b*T)", {"T": 1}),
        mdr.process("nk", "c*N*T + D*T", {"T": -1}),
        mdr.process("n", "sig - f*N + g*T**2*N/(h + T**2) - p*N*T", {"N": 1}),
        mdr.process("l", "-m*L + j*(D*T)**2*L/(k + (D*T)**2) - q*L*T + r*N*T", {"L": 1}),
    )
    times = [0.0, 5.0, 10.0, 20.0, 40.0]
    found = model.simulate(until="40 day", times="5 day", accuracy=EXACT).frame.loc[times]
    np.testing.assert_allclose(found[["T", "N", "L"]], ode(papers.depillis2005, [1e6, 3e5, 100.0], times), rtol=1e-6)
    free = model.simulate(until="1000 day", start={"T": 0, "L": 0}).frame["N"].iloc[-1]
    assert free == pytest.approx(315534, rel=1e-6)
    alone = model.with_parameters(r=0)
    early = alone.simulate(until="1 h", start={"T": 1, "N": free, "L": 0}, times="1 h", accuracy=EXACT).frame["T"]
    assert math.log(early.iloc[1]) * DAY == pytest.approx(0.514 - 3.23e-7 * 13000 / 0.0412, rel=1e-4)
    assert 0.514 - 3.23e-7 * free == pytest.approx(0.412, abs=5e-4)


def test_leon_triana_2021() -> None:
    """BIOMD0000001013: tumour grows while C < 8e7 CAR T cells, and a run of 200 days."""

    model = mdr.Model(
        mdr.state("C", 4e8, unit="cell", kind="cells"),
        mdr.state("T", 6.7e9, unit="cell", kind="cells"),
        *numbers(rC="0.9 1/day", gT="1e10 cell", aC="0.04 1/day", gC="2e9 cell", life="7 day", rT="0.02 1/day"),
        *numbers(aT="2.5e-10 1/(cell*day)"),
        mdr.process("grow", "rC*C*T/(gT + T)", {"C": 1}),
        mdr.process("tire", "aC*C*T/(gC + C)", {"C": -1}),
        mdr.process("die", "C/life", {"C": -1}),
        mdr.process("tumour", "rT*T", {"T": 1}),
        mdr.process("kill", "aT*C*T", {"T": -1}),
    )
    times = np.arange(0.0, 201.0, 20.0)
    found = model.simulate(until="200 day", times="20 day", accuracy=EXACT).frame
    np.testing.assert_allclose(found, ode(papers.leontriana2021, [4e8, 6.7e9], times), rtol=1e-5)
    for C, sign in ((7.99e7, 1), (8.01e7, -1)):
        short = model.simulate(until="0.001 h", start={"C": C}, times="0.001 h", accuracy=EXACT).frame["T"]
        assert np.sign(short.iloc[1] - short.iloc[0]) == sign


@pytest.mark.parametrize(
    ("drug", "half_lives"),
    [
        (
            mdr.pk.three_compartment(
                "x", CL="53.3 L/h", V1="17.7 L", Q2="58.7 L/h", V2="1830 L", Q3="21.8 L/h", V3="71.6 L"
            ),
            (0.09, 2.7, 46),
        ),
        (mdr.pk.two_compartment("x", CL="35.5 L/h", V1="23.4 L", Q="8.64 L/h", V2="12 L"), (0.33, 1.32)),
        (mdr.pk.one_compartment("x", CL="14.3 L/h", V="347 L"), (16.8,)),
        (mdr.pk.one_compartment("x", CL="14.2 L/h", V="986 L"), (48.0,)),
        (mdr.pk.one_compartment("x", CL="10 L/h", V="30.3 L"), (2.1,)),
    ],
)
def test_half_lives_of_doxorubicin_cisplatin_imatinib_osimertinib_temozolomide(
    drug: Any, half_lives: tuple[float, ...]
) -> None:
    compiled = compile_model(mdr.Model(drug))
    values = [item.internal for item in mdr.Model(drug).parameters.values()]
    n = len(half_lives)
    rates = np.linalg.eigvals(np.reshape(compiled.jacobian(0.0, [0.0] * n, values), (n, n)))
    assert sorted(math.log(2) / -rates.real) == pytest.approx(half_lives, rel=0.03)


@pytest.mark.parametrize(
    ("CL", "V", "ka", "mass", "dose", "unit", "average"),
    [
        ("14.3 L/h", "347 L", "0.61 1/h", "493.6 g/mol", "400 mg", "ng/mL", 1166.0),
        ("14.2 L/h", "986 L", "0.24 1/h", "499.6 g/mol", "80 mg", "nM", 470.0),
    ],
)
def test_steady_averages_of_imatinib_and_osimertinib(
    CL: str, V: str, ka: str, mass: str, dose: str, unit: str, average: float
) -> None:
    model = mdr.Model(mdr.pk.one_compartment("x", CL=CL, V=V, ka=ka, molar_mass=mass))
    act = Act(0.0, "x", "dose", quantity(dose), route="oral", interval=24.0, steady=1, additional=9)
    area = model.simulate(mdr.Regimen((act,), 240.0), until="10 day", times="1 day").frame["AUC_x"].to_numpy()
    grams = float(mass.split()[0])
    per_day = np.diff(area) / 24 * (grams if unit == "ng/mL" else 1e3)
    np.testing.assert_allclose(per_day, average, rtol=1e-3)


def test_efflux_and_its_inhibition() -> None:
    """Low concentration: Ci/Ce = 1/(1 + vP P/(k0 Km (1 + I/Ki))); an infinite inhibitor restores the parent."""
    for P, inhibitor in ((0.0, 0.0), (1.0, 0.0), (10.0, 0.0), (10.0, 3.0), (10.0, 1e9)):
        model = mdr.Model(
            *states("Ci", unit="uM"),
            *numbers(Ce="1e-9 uM", k0="0.5 1/h", vP="2 uM/h", Km="0.7 uM", Ki="0.2 uM", P=P, I=f"{inhibitor} uM"),
            mdr.process("exchange", "k0*(Ce - Ci)", {"Ci": 1}),
            mdr.process("efflux", "vP*P*Ci/(Km*(1 + I/Ki) + Ci)", {"Ci": -1}),
        )
        ratio = model.simulate(until="400 h", accuracy=EXACT).frame["Ci"].iloc[-1] / 1e-9
        assert ratio == pytest.approx(1 / (1 + 2 * P / (0.5 * 0.7 * (1 + inhibitor / 0.2))), rel=1e-7)


@pytest.mark.parametrize(("A0", "G0"), [(3.0, 1.0), (1.0, 3.0)])
def test_repair_uses_up_adducts_and_enzyme_one_to_one(A0: float, G0: float) -> None:
    model = mdr.Model(
        mdr.state("A", A0, unit="uM"),
        mdr.state("G", G0, unit="uM"),
        mdr.parameter("kr", "2 1/(uM*h)"),
        mdr.process("repair", "kr*A*G", {"A": -1, "G": -1}),
    )
    end = model.simulate(until="60 h", times="1 h", accuracy=EXACT).frame
    np.testing.assert_allclose(end["A"] - end["G"], A0 - G0, atol=1e-9)
    assert end["A"].iloc[-1] == pytest.approx(max(A0 - G0, 0), abs=1e-9)


def test_bound_drug_of_mckenna_2017() -> None:
    """B(t) = Ce k12 k23/q (t - (1 - exp(-q t))/q) during an exposure; then q decay of the free drug."""
    k12, k23, Ce, q = 0.4, 0.2, 0.5, 0.5
    model = mdr.Model(
        mdr.medium("dox", unit="uM"),
        *states("F", "B", unit="uM"),
        *numbers(k12="0.4 1/h", k21="0.3 1/h", k23="0.2 1/h"),
        mdr.process("uptake", "k12*C_dox", {"F": 1}),
        mdr.process("release", "k21*F", {"F": -1}),
        mdr.process("binding", "k23*F", {"F": -1, "B": 1}),
    )
    found = model.simulate(mdr.exposure("dox", "500 nM", over="12 h"), until="30 h", times="1 h").frame
    t = found.index.to_numpy()
    on = np.minimum(t, 12)
    bound = Ce * k12 * k23 / q * (on - -np.expm1(-q * on) / q)
    left = Ce * k12 / q * -math.expm1(-q * 12)
    bound = bound + np.where(t > 12, k23 * left / q * -np.expm1(-q * (t - 12)), 0)
    np.testing.assert_allclose(found["B"], bound, rtol=1e-8, atol=1e-12)


def test_blood_cells_at_a_constant_concentration() -> None:
    """Circ_ss = Circ0 (1 - slope c)^(1/g), all pools equal."""
    blood = mdr.toxicity.myelosuppression(
        "anc", slope={"x": "0.4 L/umol"}, baseline="5e9 1/L", transit_time="90 h", feedback=0.2
    )
    model = mdr.Model(mdr.medium("x", unit="uM"), blood)
    end = model.simulate(mdr.exposure("x", "0.5 uM"), until="400 day", accuracy=EXACT).frame.iloc[-1]
    for pool in [name for name in model.states if name.startswith("anc")]:
        assert end[pool] == pytest.approx(5e9 * 0.8**5, rel=1e-6)


def test_collaterally_sensitive_pair() -> None:
    """Cycling shrinks both types iff gB1/(gB1 + |gA1|) < share on A < |gB2|/(gA2 + |gB2|)."""
    rates = {("A", "1"): -0.05, ("B", "1"): 0.02, ("A", "2"): 0.03, ("B", "2"): -0.06}  # per day
    model = mdr.Model(
        *(mdr.medium(d, unit="uM") for d in "AB"),
        *(mdr.clone(f"n{k}", growth=mdr.growth.exponential(rate="0.1 1/day"), start=1e6) for k in "12"),
        *(mdr.kill(d, on=f"n{k}", slope=f"{0.1 - g} L/(umol*day)") for (d, k), g in rates.items()),
    )
    low, high = 0.02 / 0.07, 0.06 / 0.09
    for share in (0.9 * low, 1.1 * low, 0.9 * high, 1.1 * high):
        a, b = (
            mdr.exposure("A", "1 uM", over=f"{10 * share} day"),
            mdr.exposure("B", "1 uM", over=f"{10 - 10 * share} day"),
        )
        end = model.simulate(a.then(b).every("10 day", times=12), until="120 day", accuracy=EXACT).frame.iloc[-1]
        for k in "12":
            rate = share * rates["A", k] + (1 - share) * rates["B", k]
            assert end[f"n{k}"] == pytest.approx(1e6 * math.exp(120 * rate), rel=1e-6)
        assert bool(end["n1"] < 1e6 and end["n2"] < 1e6) == (low < share < high)
