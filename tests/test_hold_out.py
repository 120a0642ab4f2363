"""Hold-out checks: cases nobody tuned the library on, against solutions written out by hand in this file.

Nothing of the library is used for an expected value: SciPy integrates equations typed from the papers, or a closed
form stands there.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import Phase, given, settings
from scipy.integrate import solve_ivp
from scipy.stats import linregress
from scipy.stats import t as student
from strategies.models import models

import pkpd_mdr as mdr
from pkpd_mdr.data import Condition, from_frame
from pkpd_mdr.engine import BoundPorts, build, compile_model, solve
from pkpd_mdr.regimen import Act, Change, Give, Mark
from pkpd_mdr.units import Unit, quantity

EXACT = mdr.Accuracy(rtol=1e-10)
DAY = 24.0


def numbers(**values: Any) -> list[Any]:
    return [mdr.parameter(name, value) for name, value in values.items()]


# -- the same model in other units ---------------------------------------------------------------------------


def plain() -> mdr.Model:
    return mdr.Model(
        mdr.pk.two_compartment(
            "dox", CL="53.3 L/h", V1="17.7 L", Q="58.7 L/h", V2="1830 L", molar_mass="543.5 g/mol", lag="0.25 h",
            keo="0.3 1/h",
        ),
        mdr.medium("tmz", unit="uM", half_life="2 h", molar_mass="194.15 g/mol"),
        mdr.clone("S", growth=mdr.growth.gompertz(rate="0.01 1/h", capacity="1e10 cell"), start="1e8 cell"),
        mdr.clone("R", growth=mdr.growth.gompertz(rate="0.008 1/h", capacity="1e10 cell"), start="1e6", resistant=True),
        mdr.kill("dox", on="S", emax="0.05 1/h", ec50="0.02 uM", hill=1.4, site="effect"),
        mdr.kill("tmz", on="S", slope="0.001 L/(umol*h)"),
        mdr.switching("S", "R", rate="1e-4 1/h", induced_by="tmz", emax="0.01 1/h", ec50="50 uM", back="2e-4 1/h"),
        mdr.exosomes(
            "R", "S", "R", secretion="20 1/h", uptake="1e-9 mL/h", clearance="0.2 1/h", conversion=0.01, volume="2 mL"
        ),
        mdr.toxicity.myelosuppression(
            "anc", slope={"dox": "8 L/umol"}, baseline="5e9 1/L", transit_time="120 h", feedback=0.17
        ),
        mdr.contact_transfer("R", "S", "R", rate="0.001 1/h"),
    )  # fmt: skip


def other() -> mdr.Model:
    return mdr.Model(
        mdr.pk.two_compartment(
            "dox", CL=f"{53300 / 60} mL/min", V1="17700 mL", Q=f"{58.7 * 24} L/day", V2="1.83 m**3", lag="15 min",
            molar_mass="0.5435 kg/mol", keo="7.2 1/day", amount_unit="mg",
        ),
        mdr.medium("tmz", unit="mg/L", half_life="120 min", molar_mass="194.15 g/mol"),
        mdr.clone("S", growth=mdr.growth.gompertz(rate="0.24 1/day", capacity="1e10 cell"), start="1e8 cell"),
        mdr.clone("R", growth=mdr.growth.gompertz(rate="1.344 1/week", capacity=1e10), start=1e6, resistant=True),
        mdr.kill("dox", on="S", emax="1.2 1/day", ec50="20 nM", hill=1.4, site="effect"),
        mdr.kill("tmz", on="S", slope=f"{24 / 194.15} L/(mg*day)"),
        mdr.switching(
            "S", "R", rate="2.4e-3 1/day", induced_by="tmz", emax="0.24 1/day", ec50="9.7075 ug/mL", back="4.8e-3 1/day"
        ),
        mdr.exosomes(
            "R", "S", "R", secretion="480 1/day", uptake="1e-6 uL/h", clearance="4.8 1/day", conversion=0.01,
            volume="2000 uL",
        ),
        mdr.toxicity.myelosuppression(
            "anc", slope={"dox": f"{8000 / 543.5} L/mg"}, baseline="5000 1/uL", transit_time="5 day", feedback=0.17
        ),
        mdr.contact_transfer("R", "S", "R", rate="0.024 1/day"),
    )  # fmt: skip


def plain_plan() -> mdr.Regimen:
    tmz = mdr.exposure("tmz", "50 uM", over="8 h", at="10 h").every("24 h", times=5)
    return mdr.infusion("dox", "90 mg", over="1 h").every("7 day", times=3) & tmz


def other_plan() -> mdr.Regimen:
    tmz = mdr.exposure("tmz", f"{50 * 194.15} ng/mL", over="480 min", at="10 h").every("1 day", times=5)
    return mdr.infusion("dox", f"{90e3 / 543.5} umol", over="60 min").every("168 h", times=3) & tmz


def test_a_run_does_not_depend_on_units() -> None:
    one = plain().simulate(plain_plan(), until="30 day", times="12 h", accuracy=EXACT)
    two = other().simulate(other_plan(), until="720 h", times="12 h", accuracy=EXACT)
    factors = {"central_dox": 0.5435, "peripheral_dox": 0.5435, "Ce_dox": 0.5435, "C_dox": 0.5435, "AUC_dox": 0.5435}
    factors |= {"medium_tmz": 0.19415, "C_tmz": 0.19415, "AUC_tmz": 0.19415}
    assert list(one.frame) == list(two.frame)
    for name in one.frame:
        left, right = one.frame[name].to_numpy() * factors.get(name, 1.0), two.frame[name].to_numpy()
        np.testing.assert_allclose(right, left, rtol=1e-6, atol=1e-7 * left.max(), err_msg=name)
    for name in ("nadir", "resistant_share", "auc_burden", "best_response"):
        assert two.endpoint(name) == pytest.approx(one.endpoint(name) * (DAY if name == "auc_burden" else 1), rel=1e-6)
    assert two.endpoint("time_to_progression") == pytest.approx(DAY * one.endpoint("time_to_progression"), rel=1e-6)


def test_a_comparison_does_not_depend_on_units() -> None:
    slow = {"growth_S": [0.01, 0.012], "emax_dox_effect_S": [0.05, 0.08]}
    fast = {name: [value * DAY for value in values] for name, values in slow.items()}
    options = {"endpoints": ["nadir", "final_burden", "resistant_share"], "accuracy": EXACT}
    one = mdr.compare(
        plain(), {"both": plain_plan(), "none": mdr.nothing()}, parameters=pd.DataFrame(slow), until="20 day", **options
    )
    two = mdr.compare(
        other(), {"both": other_plan(), "none": mdr.nothing()}, parameters=pd.DataFrame(fast), until="480 h", **options
    )
    np.testing.assert_allclose(two.values, one.values, rtol=1e-6)
    assert one.best("nadir") == two.best("nadir")


# -- symmetry ------------------------------------------------------------------------------------------------


def labelled(first: str, second: str, a: str, b: str) -> mdr.Model:
    growth = {first: "0.03 1/h", second: "0.02 1/h"}
    return mdr.Model(
        *(mdr.medium(drug, unit="uM", half_life=half) for drug, half in sorted({a: "10 h", b: "3 h"}.items())),
        *(
            mdr.clone(name, growth=mdr.growth.logistic(rate=rate, capacity="1e8"), start=1e6)
            for name, rate in sorted(growth.items())
        ),
        mdr.combined_kill(
            mdr.kill(a, on=first, emax="0.1 1/h", ec50="1 uM"), mdr.kill(b, on=first, emax="0.2 1/h", ec50="2 uM")
        ),
        mdr.kill(a, on=second, slope="0.01 L/umol/h"),
        mdr.switching(first, second, rate="0.001 1/h", induced_by=b, slope="0.001 L/umol/h"),
    )


MASS = 543.5


def by_amount() -> mdr.Model:
    """Declared with a molar mass: concentrations are in uM, the potency is typed by mass."""
    return mdr.Model(
        mdr.pk.one_compartment("dox", CL="2 L/h", V="10 L", molar_mass=(MASS, "g/mol")),
        mdr.clone("S", growth=mdr.growth.exponential(rate="0.01 1/h"), start=1e6),
        mdr.kill("dox", on="S", emax="0.1 1/h", ec50="50 ng/mL"),
    )


def test_a_molar_mass_lets_mass_stand_for_amount_wherever_values_are_given() -> None:
    model, potency = by_amount(), 80 / MASS
    assert model.with_parameters({"ec50_dox_S": "80 ng/mL"}).parameters["ec50_dox_S"].value == pytest.approx(potency)
    dose = mdr.bolus("dox", "5 mg")
    typed = [{"ec50_dox_S [ng/mL]": [80.0]}, {"ec50_dox_S [nM]": [1e3 * potency]}, [{"ec50_dox_S": "80 ng/mL"}]]
    ends = [
        mdr.simulate_many(model, dose, until="20 h", parameters=rows, endpoints=["burden_end"]).endpoint_values[0, 0]
        for rows in typed
    ]
    assert ends == pytest.approx([ends[0]] * 3, rel=1e-12)
    left = {"starts": {"central_dox [mg]": [10.0]}, "times": ["5 h"], "outputs": ["central_dox"]}
    many = mdr.simulate_many(model, until="5 h", **left)
    assert many.values[0, 0, 0] == pytest.approx(1e4 / MASS * math.exp(-1), rel=1e-7)
    run = model.simulate(until="50 h", start={"central_dox": "10 mg"}, stop={"C_dox": "0.5 mg/L"})
    assert run.endpoint("time_to_stop") == pytest.approx(5 * math.log(2), rel=1e-7)
    table = pd.DataFrame({"ID": 1, "TIME": [0, 20], "AMT": [5, 0], "E50": 80.0})
    records = mdr.read_doses(table, compartments={1: ("dox", "iv")}, amount_unit="mg")
    found = mdr.simulate_records(model, records, covariates={"E50": "ec50_dox_S [ng/mL]"}, outputs="S")
    assert found["S"].iloc[-1] == pytest.approx(ends[0], rel=1e-6)
    best = mdr.optimise(
        model, lambda dose: mdr.bolus("dox", dose), {"dose": mdr.between("1 mg", "9 mg", step="1 mg")}, until="20 h",
        objective="nadir", limits={"given_dox": ("below", (5.5e3 / MASS, "umol"))}, candidates=20,
    )  # fmt: skip
    assert best.best["dose"].value == 5.0


def test_a_fit_takes_bounds_and_priors_by_mass_or_by_amount() -> None:
    model, times = by_amount(), np.arange(1, 9) * 4.0
    run = model.simulate(
        mdr.bolus("dox", "5 mg"), until="32 h", times=(times, "h"), parameters={"ec50_dox_S": "80 ng/mL"}
    )
    seen = run.frame["S"] * np.exp(0.02 * np.random.default_rng(3).standard_normal(8))
    frame = pd.DataFrame({"t": [0.0, *times], "mg": [5.0] + 8 * [0.0], "S": [np.nan, *seen], "id": 1})
    data = mdr.read_events(
        frame, subject="id", time="t [h]", value="S [cell]", observable="S", dose={"dox": "mg [mg]"}, route="iv"
    )
    ways = [
        ("10 ng/mL", "999 ng/mL", "90 ng/mL", "70 ng/mL"),
        ("10 ng/mL", (999 / MASS, "uM"), (90 / MASS, "uM"), (70 / MASS, "uM")),
    ]
    fits = [
        mdr.fit(
            model, data, {"ec50_dox_S": (low, start, high)}, error="lognormal", starts=1,
            priors={"ec50_dox_S": ("lognormal", middle, 0.5)},
        )
        for low, high, start, middle in ways
    ]  # fmt: skip
    found = [fit.values["ec50_dox_S"] for fit in fits]
    assert found[0] == pytest.approx(found[1], rel=1e-5)
    assert found[0] == pytest.approx(80 / MASS, rel=0.1)
    assert fits[0].log_likelihood == pytest.approx(fits[1].log_likelihood, rel=1e-6)


def test_names_of_clones_and_drugs_change_nothing() -> None:
    def run(first: str, second: str, a: str, b: str) -> np.ndarray:
        plan = mdr.exposure(a, "2 uM", over="24 h").every("24 h", times=3) & mdr.exposure(
            b, "3 uM", at="12 h", over="9 h"
        )
        frame = labelled(first, second, a, b).simulate(plan, until="96 h", times="6 h", accuracy=EXACT).frame
        return frame[[first, second, f"C_{a}", f"C_{b}", "burden"]].to_numpy()

    usual = run("S", "R", "a", "b")
    for names in (("R", "S", "a", "b"), ("S", "R", "b", "a"), ("Z9", "A1", "y", "x")):
        np.testing.assert_allclose(run(*names), usual, rtol=1e-8, atol=1e-10)


def test_a_drug_without_effect_changes_nothing() -> None:
    base = labelled("S", "R", "a", "b")
    plan = mdr.exposure("a", "2 uM", over="24 h").every("24 h", times=3)
    parts = [
        mdr.pk.one_compartment("idle", CL="2 L/h", V="20 L", ka="1 1/h"),
        mdr.kill("idle", on="R", slope="0 L/mg/h"),
    ]
    more = base.plus(*parts)
    both = plan & mdr.oral("idle", "100 mg", at="5 h").every("7 h", times=9)
    one = base.simulate(plan, until="96 h", times="6 h", accuracy=EXACT)
    for model, regimen in ((more, plan), (more, both)):
        two = model.simulate(regimen, until="96 h", times="6 h", accuracy=EXACT)
        np.testing.assert_allclose(two.frame[["S", "R"]], one.frame[["S", "R"]], rtol=1e-8)
        assert two.endpoint("nadir") == pytest.approx(one.endpoint("nadir"), rel=1e-6)


def test_order_of_arms_changes_nothing() -> None:
    model, draws = labelled("S", "R", "a", "b"), pd.DataFrame({"growth_S": [0.02, 0.03, 0.04]})
    plans = {f"arm {k}": mdr.exposure(d, "2 uM", over=f"{9 * k} h") for k, d in ((1, "a"), (2, "b"), (3, "a"))}
    plans["none"] = mdr.nothing()
    one = mdr.compare(model, plans, parameters=draws, until="10 day", endpoints=["nadir", "final_burden"])
    turned = dict(reversed(plans.items()))
    two = mdr.compare(model, turned, parameters=draws, until="10 day", endpoints=["nadir", "final_burden"])
    np.testing.assert_array_equal(two.values[::-1], one.values)
    assert one.best("nadir") == two.best("nadir")


# -- random models -------------------------------------------------------------------------------------------


def full_plan(model: mdr.Model) -> mdr.Regimen:
    """Something for every port."""
    plan = mdr.nothing()
    for k, port in enumerate(model.ports):
        if port.action == "dose":
            usual = any(port.unit.like(Unit.of(text)) for text in ("mg", "umol"))
            amount = "40 mg" if usual else f"40 {port.unit.text or 'cell'}"  # some doses are cells or cytokines
            dose = (mdr.infusion if k % 2 else mdr.bolus)(
                port.name, amount, at=f"{2 + k} h", **({"over": "3 h"} if k % 2 else {})
            )
            plan = plan & mdr.Regimen(tuple(replace(act, route=port.route) for act in dose.acts)).every("20 h", times=3)
        elif port.action == "expose":
            plan = plan & mdr.exposure(port.name, "1 uM", over="15 h", at=f"{3 + k} h").every("25 h", times=2)
        elif port.name == "radiation":
            plan = plan & mdr.radiation("2 Gy", at="20 h").every("24 h", times=2)
        elif port.name == "apheresis":
            plan = plan & mdr.apheresis(0.5, at="30 h")
        else:
            plan = plan & mdr.surgery(removed=0.5, at="40 h")
    return plan


@pytest.mark.slow
@settings(max_examples=40, phases=[Phase.explicit, Phase.generate])  # shrinking stiff models takes minutes
@given(model=models())
def test_two_integrators_agree_on_random_models(model: mdr.Model) -> None:
    """LSODA and Radau to 1e-5, nothing negative, and a drug that only moves about stays."""
    plan = full_plan(model)
    frames = [
        model.simulate(plan, until="50 h", times="5 h", accuracy=mdr.Accuracy(rtol=1e-9, method=method)).frame
        for method in ("LSODA", "Radau")
    ]
    one, two = (frame.to_numpy() for frame in frames)
    assert np.isfinite(one).all()
    assert (frames[0][list(model.states)].to_numpy() >= 0).all()
    assert np.all(np.abs(two - one) <= 1e-9 + 1e-5 * np.abs(one) + 1e-9 * np.abs(one).max(axis=0))


# -- strategies against a loop over visits -------------------------------------------------------------------

ORAL_LAG, IV_LAG, ORAL_F, IV_F = 7.0, 3.0, 0.8, 0.9


def tumour() -> mdr.Model:
    iv = mdr.pk.route(F=IV_F, lag=f"{IV_LAG} h")
    return mdr.Model(
        mdr.pk.one_compartment("x", V="20 L", CL="4 L/h", ka="0.6 1/h", lag=f"{ORAL_LAG} h", F=ORAL_F, iv=iv),
        mdr.clone("S", growth=mdr.growth.logistic(rate="0.01 1/h", capacity=1e9), start=1e8),
        mdr.clone("R", growth=mdr.growth.logistic(rate="0.008 1/h", capacity=1e9), start=1e6, resistant=True),
        mdr.kill("x", on="S", emax="0.06 1/h", ec50="1 mg/L", hill=2),
    )


@dataclass
class ByHand:
    """The tumour above, visit by visit: infusions (start, length, mg) and oral doses (time, mg) on a course's clock."""

    infusions: list[tuple[float, float, float]]
    orals: list[tuple[float, float]]
    y: np.ndarray = field(default_factory=lambda: np.array([0.0, 0.0, 1e8, 1e6]))
    rates: list[tuple[float, float, float]] = field(default_factory=list)
    arrivals: list[tuple[float, float]] = field(default_factory=list)

    @property
    def burden(self) -> float:
        return float(self.y[2] + self.y[3])

    def order(self, now: float, clock: float, length: float) -> None:
        """What the course holds from `clock` on is given from `now` on, for `length` hours."""
        for start, long, mg in self.infusions:
            first, last = max(start, clock), min(start + long, clock + length)
            if last > first:
                shift = now - clock + IV_LAG
                self.rates.append((first + shift, last + shift, IV_F * mg / long))
        for time, mg in self.orals:
            if clock <= time < clock + length:
                self.arrivals.append((time + now - clock + ORAL_LAG, ORAL_F * mg))

    def due(self, clock: float) -> float:
        """Where the clock stands when treatment starts again."""
        if any(start < clock < start + long for start, long, _ in self.infusions):
            return clock
        return min(time for time, *_ in [*self.infusions, *self.orals] if time >= clock)

    def advance(self, begin: float, end: float) -> None:
        edges = {begin, end, *(t for t, _ in self.arrivals), *(t for one in self.rates for t in one[:2])}
        stops = sorted(t for t in edges if begin <= t <= end)
        for low, high in pairwise(stops):
            self.y[0] += sum(mg for t, mg in self.arrivals if t == low)
            rate = sum(speed for first, last, speed in self.rates if first <= low and high <= last)

            def slope(t: float, y: np.ndarray, rate: float = rate) -> list[float]:
                C, room = y[1] / 20, 1 - (y[2] + y[3]) / 1e9
                kill = 0.06 * C**2 / (1 + C**2)
                return [
                    -0.6 * y[0], 0.6 * y[0] - 4 * C + rate, (0.01 * room - kill) * y[2], 0.008 * room * y[3],
                ]  # fmt: skip

            self.y = solve_ivp(slope, (low, high), self.y, method="DOP853", rtol=1e-10, atol=1e-9).y[:, -1]


def oral_train(mg: str, first: float, every: float, times: int) -> mdr.Regimen:
    return mdr.oral("x", mg, at=f"{first} h").every(f"{every} h", times=times)


@pytest.mark.parametrize(("visit", "stop", "restart"), [(20.0, 0.8, 1.0), (13.0, 0.9, 0.95), (24.0, 0.5, 0.8)])
def test_adaptive_treatment_visit_by_visit(visit: float, stop: float, restart: float) -> None:
    """Infusions of 30 h every 48 h and oral doses with a lag of 7 h, both across visits; the clock stands when off."""
    hand = ByHand([(48.0 * k, 30.0, 240.0) for k in range(12)], [(5 + 17.0 * k, 90.0) for k in range(34)])
    plan = mdr.infusion("x", "240 mg", over="30 h", route="iv").every("48 h", times=12) & oral_train("90 mg", 5, 17, 34)
    clock, on, base, seen, switches = 0.0, True, hand.burden, [], 0
    for now in np.arange(0, 600, visit):
        clock += visit if on and now else 0
        if on and now and hand.burden < stop * base:
            on, switches = False, switches + 1
        elif not on and hand.burden > restart * base:
            on, switches, clock = True, switches + 1, hand.due(clock)
        if on:
            hand.order(now, clock, visit)
        hand.advance(now, min(now + visit, 600))
        seen.append((min(now + visit, 600), hand.y[1], hand.burden))
    strategy = mdr.adaptive(plan, visit=f"{visit} h", stop_below=stop, restart_above=restart)
    times = [f"{row[0]} h" for row in seen]
    found = tumour().simulate(strategy, until="600 h", times=times, accuracy=EXACT).frame
    assert switches >= 2
    np.testing.assert_allclose(found[["central_x", "burden"]], [row[1:] for row in seen], rtol=1e-6, atol=1e-8)


@pytest.mark.parametrize("reference", ["baseline", "nadir"])
def test_lines_of_treatment_visit_by_visit(reference: str) -> None:
    """Two lines; the second starts at the visit that finds 20 % growth, with its own clock."""
    weak = ByHand([(31.0 * k, 20.0, 60.0) for k in range(30)], [])
    strong = ByHand([], [(3 + 11.0 * k, 150.0) for k in range(80)])
    lines = [
        mdr.infusion("x", "60 mg", over="20 h", route="iv").every("31 h", times=30),
        oral_train("150 mg", 3, 11, 80),
    ]
    hand, line, started, level, switched = ByHand([], []), 0, 0.0, 1.01e8, []
    seen = []
    for now in np.arange(0, 700, 25.0):
        if hand.burden > 1.2 * level:
            level = hand.burden
            if line == 0:
                line, started = 1, now
                switched.append(now)
        elif reference == "nadir":
            level = min(level, hand.burden)
        chosen = (weak, strong)[line]
        hand.infusions, hand.orals = chosen.infusions, chosen.orals
        hand.order(now, now - started, 25.0)
        hand.advance(now, now + 25.0)
        seen.append((now + 25.0, hand.y[1], hand.burden))
    strategy = mdr.on_progression(*lines, visit="25 h", growth=1.2, reference=reference)
    run = tumour().simulate(strategy, until="700 h", times=[f"{row[0]} h" for row in seen], accuracy=EXACT)
    assert switched
    assert any("line 2 starts" in what for what in run.events["what"])
    np.testing.assert_allclose(run.frame[["central_x", "burden"]], [row[1:] for row in seen], rtol=1e-6, atol=1e-8)


def one_act(**given: Any) -> mdr.Regimen:
    return mdr.Regimen((Act(given.pop("time", 3.0), "x", "dose", quantity("90 mg"), **given),), 0.0)


UNTOUCHED = {
    "additional doses": one_act(route="oral", interval=17.0, additional=8),
    "long infusion": mdr.infusion("x", "300 mg", over="70 h", route="iv"),
    "abutting infusions": mdr.infusion("x", "100 mg", over="20 h", route="iv").every("20 h", times=5),
    "steady state": one_act(route="oral", interval=12.0, steady=1, additional=3),
    "steady state added": one_act(route="oral", interval=12.0, steady=2),
    "exposure": mdr.exposure("m", "3 uM", over="55 h", at="5 h"),
    "endless exposure": mdr.exposure("m", "3 uM"),
    "renewed exposure": mdr.exposure("m", "3 uM", over="20 h").every("20 h", times=4),
    "exposures with gaps": mdr.exposure("m", "3 uM", over="15 h", at="5 h").every("20 h", times=6),
    "fractions and surgery": mdr.radiation("2 Gy", at="20 h").every("24 h", times=4) & mdr.surgery(0.5, at="40 h"),
}


@pytest.mark.parametrize("name", UNTOUCHED)
@pytest.mark.parametrize("visit", ["20 h", "7.3 h"])
def test_a_strategy_that_changes_nothing_is_the_regimen(name: str, visit: str) -> None:
    """Windows from visit to visit are one long run, whatever runs across their edges or ends at them."""
    model = tumour().plus(
        mdr.medium("m", unit="uM", half_life="10 h"),
        mdr.kill("m", on="R", slope="0.02 L/umol/h"),
        mdr.radiotherapy({"S": ("0.1 1/Gy", "0.01 1/Gy**2")}),
        mdr.resection(),
    )
    plan = UNTOUCHED[name]
    one = model.simulate(plan, until="99 h", times="3 h", accuracy=EXACT).frame
    for strategy in (
        mdr.adaptive(plan, visit=visit, stop_below=1e-9, restart_above=1e9),
        mdr.on_progression(plan, visit=visit, growth=1e9),
    ):
        two = model.simulate(strategy, until="99 h", times="3 h", accuracy=EXACT).frame
        np.testing.assert_allclose(two[list(model.states)], one[list(model.states)], rtol=1e-6, atol=1e-8)


@pytest.mark.parametrize("visit", [7.3, 20.0])
def test_adaptive_exposure_in_a_medium_that_loses_its_drug(visit: float) -> None:
    """A visit does not renew the medium; a restart does. Closed form between visits."""
    model = mdr.Model(
        mdr.medium("d", unit="uM", loss="0.05 1/h"),
        mdr.clone("S", growth=mdr.growth.exponential(rate="0.02 1/h"), start=1e6),
        mdr.kill("d", on="S", slope="0.1 L/umol/h"),
    )
    on, log, level, expected, restarts = True, 0.0, 2.0, [], 0
    count = int(400 / visit)
    for _ in range(count):
        if on and log < math.log(0.5):
            on, level = False, 0.0
        elif not on and log > 0.0:
            on, level, restarts = True, 2.0, restarts + 1
        log += 0.02 * visit - 0.1 * level / 0.05 * -math.expm1(-0.05 * visit)
        level *= math.exp(-0.05 * visit)
        expected.append(log)
    strategy = mdr.adaptive(mdr.exposure("d", "2 uM", over="1000 h"), visit=f"{visit} h")
    times = [f"{visit * (k + 1)} h" for k in range(count)]
    found = model.simulate(strategy, until=times[-1], times=times, accuracy=EXACT).frame["S"]
    assert restarts
    np.testing.assert_allclose(np.log(found / 1e6), expected, atol=1e-6)


def test_an_infusion_at_a_fixed_rate_is_not_cut_silently() -> None:
    """Its length depends on the model's bioavailability, which a visit does not know."""
    plan = mdr.infusion("x", "300 mg", rate="5 mg/h", route="iv")
    with pytest.raises(mdr.RegimenError, match="fixed rate cannot go on across a visit"):
        tumour().simulate(mdr.adaptive(plan, visit="20 h"), until="99 h")


def test_acts_whose_times_differ_by_rounding_only() -> None:
    """0.1 h after 0.2 h is 0.30000000000000004 h; no integrator can step from 0.3 h to there."""
    model = mdr.Model(mdr.medium("x"), mdr.clone("S", start=1e6), mdr.kill("x", on="S", slope="0.1 L/umol/h"))
    plan = mdr.exposure("x", "1 uM", over="0.1 h", at="0.2 h") & mdr.exposure("x", "2 uM", over="5 h", at="0.3 h")
    for method in ("LSODA", "BDF", "Radau", "DOP853"):
        accuracy = mdr.Accuracy(rtol=1e-9, method=method)
        end = model.simulate(plan, until="5 h", times="1 h", accuracy=accuracy).frame["S"].iloc[-1]
        assert end == pytest.approx(1e6 * math.exp(-0.1 * (0.1 + 2 * 4.7)), rel=1e-7)


# -- sensitivities -------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_sensitivities_through_everything_that_happens() -> None:
    """Central differences through steady states, exposures, radiation, surgery, covariates, lags and modelled rates."""
    iv = mdr.pk.route(F=0.9, lag="0.4 h", rate="20 mg/h", duration="5 h")
    model = mdr.Model(
        mdr.pk.two_compartment(
            "x", V1="20 L", CL="4 L/h", Q="3 L/h", V2="30 L", ka="0.6 1/h", lag="1.7 h", F=0.8, keo="0.4 1/h", iv=iv
        ),
        mdr.medium("m", unit="uM", half_life="10 h"),
        mdr.clone("S", growth=mdr.growth.gompertz(rate="0.01 1/h", capacity="1e9"), start=1e8),
        mdr.clone("R", growth=mdr.growth.exponential_linear(rate="0.008 1/h", linear="1e6 cell/h", psi=3), start=1e6),
        mdr.kill("x", on="S", emax="0.06 1/h", ec50="1 mg/L", hill=2.3, site="effect"),
        mdr.kill("m", on="R", slope="0.02 L/umol/h"),
        mdr.switching("S", "R", rate="0.002 1/h", induced_by="m", emax="0.01 1/h", ec50="0.4 uM", hill=1.7),
        mdr.radiotherapy({"S": ("0.1 1/Gy", "0.01 1/Gy**2"), "R": "0.05 1/Gy"}),
        mdr.resection(),
        mdr.contact_transfer("R", "S", "R", rate="0.001 1/h"),
    )
    compiled = compile_model(model)
    names = list(compiled.parameters)
    first = np.array([item.internal for item in model.parameters.values()])
    rows = np.vstack([first, first])
    rows[1, names.index("CL_x")] *= 1.5
    rows[1, names.index("lag_x")] *= 1.2

    def give(time: float, port: str, action: str, amount: str, **more: Any) -> Give:
        return Give(Act(time, port, action, quantity(amount), **more))

    entries: list[Any] = [
        give(0.0, "x", "dose", "90 mg", route="oral", interval=12.0, steady=1, additional=2),
        give(3.0, "m", "expose", "2 uM", duration=20.0),
        give(20.0, "radiation", "act", "2 Gy"),
        give(30.5, "x", "dose", "60 mg", route="iv", duration=6.0, interval=24.0, steady=1),
        give(33.0, "surgery", "act", "0.6"),
        give(35.0, "x", "dose", "100 mg", route="iv", modelled="rate"),
        give(36.0, "x", "dose", "100 mg", route="iv", modelled="duration"),
        give(40.0, "x", "dose", "30 mg", route="iv", rate=quantity("10 mg/h")),
        Change(41.7, 1),
        give(44.0, "m", "expose", "1 uM", duration=5.0),
        give(45.0, "radiation", "act", "3 Gy"),
        give(60.0, "x", "dose", "90 mg", route="oral", interval=10.0, steady=2),
        *(Mark(t, k) for k, t in enumerate([1.0, 10.0, 22.0, 34.3, 43.0, 46.0, 58.0, 63.0, 80.0])),
    ]
    entries.sort(key=lambda entry: entry.time)

    def run(rows: np.ndarray, sensitivities: Sequence[str] = ()) -> Any:
        member = solve(
            compiled, rows[:1], None, [build(entries, BoundPorts(compiled, rows), stop=80.0)],
            ["C_x", "Ce_x", "S", "R"], accuracy=mdr.Accuracy(rtol=1e-10), sensitivities=sensitivities, rows=[rows],
        ).members[0]  # fmt: skip
        assert member.status.ok, member.status.sentence
        return member

    chosen = ["F_x", "lag_x", "F_x_iv", "lag_x_iv", "rate_x_iv", "duration_x_iv", "CL_x", "V2_x", "keo_x", "S0", "R0"]
    chosen += ["growth_S", "psi_R", "half_life_m", "ec50_x_effect_S", "switching_hill_m_S_R", "beta_radiation_S"]
    base = run(rows, chosen)
    for column, name in enumerate(chosen):
        at, ends = names.index(name), []
        for share in (-1e-3, -5e-4, 5e-4, 1e-3):
            moved = rows.copy()
            moved[:, at] += share * first[at]
            ends.append(run(moved).values)
        slope = (ends[0] - 8 * ends[1] + 8 * ends[2] - ends[3]) / 6e-3
        found = base.sensitivities[:, :, column] * first[at]
        floor = 1e-5 * np.abs(base.values).max(axis=0)
        assert np.all(np.abs(found - slope) <= 1e-5 * np.abs(slope) + floor * 1e-1), name


# -- fits ----------------------------------------------------------------------------------------------------

HOURS = np.array([0.0, 6, 12, 24, 36, 48, 72])


def fitted(*, swap: bool, seed: int | None = None) -> mdr.Fit:
    """Two drugs' worth of exposures on one clone; the same data in h and nM or in days and ug/mL, in any order."""
    rng, frames = np.random.default_rng(11), []
    for level in (0.0, 20.0, 80.0, 320.0):
        clean = 800 * np.exp((0.03 - 0.08 * level / (60 + level)) * HOURS)
        cells = clean * np.exp(0.05 * rng.normal(size=len(HOURS)))
        frames.append(pd.DataFrame({"time": HOURS, "cells": cells, "level": level}))
    table = pd.concat(frames, ignore_index=True)
    if seed is not None:
        table = table.sample(frac=1.0, random_state=seed).reset_index(drop=True)
    mass = "500 g/mol"
    if swap:
        table["time"], table["level"] = table["time"] / 24, table["level"] * 0.5e-3
        units, law = ("day", "mg/L"), {"emax": "2.4 1/day", "ec50": "0.05 ug/mL"}
        rate, free = "0.48 1/day", {"growth_S": ("0.024 1/day", "2.4 1/day"), "emax_d_S": ("0.24 1/day", "24 1/day")}
        free |= {"ec50_d_S": ("0.5 ng/mL", "5 mg/L"), "S0": ("100 cell", "1e4 cell")}
    else:
        units, law = ("h", "nM"), {"emax": "0.1 1/h", "ec50": "100 nM"}
        rate, free = "0.02 1/h", {"growth_S": ("0.001 1/h", "0.1 1/h"), "emax_d_S": ("0.01 1/h", "1 1/h")}
        free |= {"ec50_d_S": ("1 nM", "10 uM"), "S0": ("100 cell", "1e4 cell")}
    model = mdr.Model(
        mdr.medium("d", unit=units[1], molar_mass=mass),
        mdr.clone("S", growth=mdr.growth.exponential(rate=rate), start="500 cell"),
        mdr.kill("d", on="S", **law),
    )
    columns = {"time": f"time [{units[0]}]", "value": "cells [cell]"}
    data = mdr.read_assay(table, **columns, drug={"d": f"level [{units[1]}]"})
    return mdr.fit(model, data, free, error="lognormal", starts=2, seed=3)


@pytest.fixture(scope="module")
def usual() -> mdr.Fit:
    return fitted(swap=False)


def test_a_fit_does_not_depend_on_units_and_rows(usual: mdr.Fit) -> None:
    factor = {"growth_S": 24.0, "emax_d_S": 24.0, "ec50_d_S": 0.5, "S0": 1.0}  # nM to ng/mL at 500 g/mol
    other = fitted(swap=True)
    scale = {name: other.model.parameters[name].unit for name in factor}
    back = {"ec50_d_S": 1e-3 if scale["ec50_d_S"].text in ("ug/mL", "mg/L") else 1.0}
    for name, size in factor.items():
        expected = usual.values[name] * size * back.get(name, 1.0)
        assert other.values[name] == pytest.approx(expected, rel=1e-5), name
        assert other.estimates.loc[name, "rse"] == pytest.approx(usual.estimates.loc[name, "rse"], rel=1e-4), name
    assert other.log_likelihood == pytest.approx(usual.log_likelihood, abs=1e-6)
    for seed in (1, 2):
        assert fitted(swap=False, seed=seed).values == pytest.approx(usual.values, rel=1e-9)


def test_a_fit_is_that_of_scipy(usual: mdr.Fit) -> None:
    """The lognormal fit is least squares of logarithms, which SciPy does here with the closed form."""
    from scipy.optimize import least_squares

    rng, rows = np.random.default_rng(11), []
    for level in (0.0, 20.0, 80.0, 320.0):
        noise = 0.05 * rng.normal(size=len(HOURS))
        rows += [
            (t, level, math.log(800) + (0.03 - 0.08 * level / (60 + level)) * t + e)
            for t, e in zip(HOURS, noise, strict=True)
        ]
    t, level, log = np.array(rows).T

    def residual(p: np.ndarray) -> np.ndarray:
        g, e, c, n = np.exp(p)
        return np.asarray(math.log(n) + (g - e * level / (c + level)) * t - log)

    best = np.exp(least_squares(residual, np.log([0.02, 0.1, 100, 500]), xtol=1e-15, ftol=1e-15).x)
    found = [usual.values[name] for name in ("growth_S", "emax_d_S", "ec50_d_S", "S0")]
    assert found == pytest.approx(best, rel=1e-5)


def test_draws_stay_within_bounds(usual: mdr.Fit) -> None:
    frame = usual.draws(500, seed=5).frame
    for name, (low, high) in {"growth_S": (0.001, 0.1), "emax_d_S": (0.01, 1.0), "ec50_d_S": (1.0, 1e4)}.items():
        assert frame[name].between(low, high).all()
        middle, spread = frame[name].median(), frame[name].std()
        assert middle == pytest.approx(usual.values[name], abs=0.25 * spread)
    pd.testing.assert_frame_equal(frame, usual.draws(500, seed=5).frame)


def test_profile_of_a_linear_problem_is_the_t_interval() -> None:
    rng = np.random.default_rng(8)
    x = np.array([0.0, 1, 2, 4, 5, 7, 11, 13])
    y = 3 - 0.7 * x + 0.4 * rng.normal(size=len(x))
    data = from_frame(
        pd.DataFrame({"condition": "all", "time": x, "value": y}),
        [Condition("all", {}, mdr.nothing())],
        units={"y": ""},
    )
    model = mdr.Model(mdr.observable("y", "a - b*t"), *numbers(a=1.0, b="1 1/h"))
    found = mdr.fit(model, data, {"a": (-50, 50), "b": (-50, 50)}, error="additive", starts=1)
    line = linregress(x, y)
    assert found.values == pytest.approx({"a": line.intercept, "b": -line.slope}, rel=1e-7)
    for name, error in (("a", line.intercept_stderr), ("b", line.stderr)):
        half = student.ppf(0.975, len(x) - 2) * error
        profile = found.profile(name)
        assert (profile.lower, profile.upper) == pytest.approx(
            (found.values[name] - half, found.values[name] + half), rel=1e-4
        )
