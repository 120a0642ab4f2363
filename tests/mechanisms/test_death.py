"""Paths of death, delays, wear of effects, kill by peaks; the published models that are made of them."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
import pytest
import sympy as sp
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.integrate import solve_ivp
from scipy.linalg import expm

import pkpd_mdr as mdr
from pkpd_mdr.errors import PkpdMdrError
from pkpd_mdr.model import Mechanism, Model, Scope
from pkpd_mdr.regimen import Regimen

EXACT = mdr.Accuracy(rtol=1e-10)
FEW = settings(max_examples=10)
constant = st.floats(0.02, 2.0)
share = st.floats(0.0, 1.0)


def frame(model: Model, regimen: Regimen | None, until: str, times: object) -> pd.DataFrame:
    return model.simulate(regimen, until=until, times=times, accuracy=EXACT).frame


def held(level: float = 2.0, drug: str = "x") -> Mechanism:
    return mdr.medium(drug, start=f"{level!r} uM")


def dies(path: str = "apoptosis", **changes: object) -> Mechanism:
    return mdr.death.path("x", **{"on": "S", "path": path, "slope": "0.05 1/uM/h", **changes})


# -- evasion ----------------------------------------------------------------------------------------------


@FEW
@given(apoptosis=share, other=share)
def test_each_path_has_its_own_evasion(apoptosis: float, other: float) -> None:
    parts = [held(), mdr.clone("S", start=1e6), dies(), dies("other", slope="0.02 1/uM/h")]
    model = mdr.Model(*parts, mdr.death.evasion("S", apoptosis=apoptosis, other=other))
    expected = 1e6 * math.exp(-((1 - apoptosis) * 0.1 + (1 - other) * 0.04) * 5)
    assert frame(model, None, "5 h", ["5 h"])["S"].iloc[-1] == pytest.approx(expected, rel=1e-8)


def test_evasion_of_nothing_is_absent_and_of_everything_is_survival() -> None:
    parts = [held(), mdr.clone("S", start=1e6), dies()]
    plain, none, all_ = (
        frame(mdr.Model(*parts, *more), None, "5 h", ["5 h"])["S"].iloc[-1]
        for more in ([], [mdr.death.evasion("S")], [mdr.death.evasion("S", apoptosis=1.0)])
    )
    assert none == pytest.approx(plain, rel=1e-12)
    assert all_ == 1e6


@dataclass(frozen=True)
class Adds:
    """What the cargo of vesicles does to evasion."""

    amount: float
    label: str = "adds"

    def declare(self, scope: Scope) -> None:
        scope.add("apoptosis evasion", "S", lambda: sp.Float(self.amount))

    def connect(self, scope: Scope) -> None:
        """Nothing."""


@FEW
@given(base=share, added=st.floats(-3.0, 3.0))
def test_evasion_stays_a_share_whatever_others_add(base: float, added: float) -> None:
    model = mdr.Model(held(), mdr.clone("S", start=1e6), dies(), mdr.death.evasion("S", apoptosis=base), Adds(added))
    end = frame(model, None, "5 h", ["5 h"])
    expected = min(1.0, max(0.0, base + added))
    assert end["evaded_apoptosis_S"].iloc[-1] == pytest.approx(expected)
    assert end["S"].iloc[-1] == pytest.approx(1e6 * math.exp(-0.1 * (1 - expected) * 5), rel=1e-8)


# -- delays -----------------------------------------------------------------------------------------------


@pytest.mark.law("I12")
@FEW
@given(rate=st.floats(0.05, 2.0), stages=st.integers(1, 6))
def test_a_chain_of_dying_cells_keeps_the_number_and_delays_by_n_over_k(rate: float, stages: int) -> None:
    """I12, by Little's law: all that were hit end, and their mean stay is stages/rate."""
    chain = [f"dying{i}_S" for i in range(1, stages + 1)]
    model = mdr.Model(
        mdr.pk.kpd("x", KDE="0.5 1/h", driver="amount"),
        mdr.clone("S", start=1e6),
        mdr.death.path("x", on="S", slope="0.3 1/h", via="transit"),
        mdr.death.transit("S", rate=f"{rate!r} 1/h", stages=stages),
        mdr.state("ended", unit="cell"),
        mdr.process("count", f"transit_S*{chain[-1]}", {"ended": 1}),
        mdr.state("stay", unit="cell*h"),
        mdr.process("wait", "+".join(chain), {"stay": 1}),
    )
    hours = f"{60 * stages / rate + 100} h"
    end = frame(model, mdr.bolus("x", 2), hours, [hours]).iloc[-1]
    hit = 1e6 - end["S"]
    assert hit == pytest.approx(1e6 * -math.expm1(-0.3 * 2 / 0.5), rel=1e-7)
    assert end["ended"] == pytest.approx(hit, rel=1e-7)
    assert end["stay"] / hit == pytest.approx(stages / rate, rel=1e-6)


@pytest.mark.law("I12")
@FEW
@given(delay=st.floats(0.5, 30.0), stages=st.integers(1, 5))
def test_a_signal_on_its_way_keeps_the_log_kill_and_comes_later(delay: float, stages: int) -> None:
    """I12 for the hazard: its integral is that without delay, its mean time is later by the delay."""

    def course(**more: object) -> np.ndarray:
        model = mdr.Model(
            mdr.pk.kpd("x", KDE="0.5 1/h", driver="amount"),
            mdr.clone("S", start=1e6),
            mdr.death.path("x", on="S", slope="0.3 1/h", **more),
            mdr.state("sum", unit="h"),
            mdr.process("add", "log(S/1e6)", {"sum": 1}),
        )
        hours = f"{40 * delay + 100} h"
        return frame(model, mdr.bolus("x", 2), hours, [hours])[["S", "sum"]].to_numpy()[-1]

    direct, later = course(), course(stages=stages, delay=f"{delay!r} h")
    total = 0.3 * 2 / 0.5
    assert math.log(1e6 / direct[0]) == pytest.approx(total, rel=1e-7)
    assert math.log(1e6 / later[0]) == pytest.approx(total, rel=1e-6)
    assert later[1] - direct[1] == pytest.approx(total * delay, rel=1e-5)


def test_a_short_delay_is_none() -> None:
    parts = [held(), mdr.clone("S", start=1e6)]
    direct = frame(mdr.Model(*parts, dies()), None, "20 h", "5 h")["S"].to_numpy()
    quick = mdr.death.transit("S", rate="1e5 1/h")
    delayed = frame(mdr.Model(*parts, dies(via="transit"), quick), None, "20 h", "5 h")["burden"].to_numpy()
    signal = frame(mdr.Model(*parts, dies(stages=3, delay="1e-4 h")), None, "20 h", "5 h")["S"].to_numpy()
    np.testing.assert_allclose(delayed, direct, rtol=1e-4)
    np.testing.assert_allclose(signal, direct, rtol=1e-4)


def test_surgery_removes_the_dying_too() -> None:
    model = mdr.Model(
        held(),
        mdr.clone("S", start=1e6),
        dies(via="damaged"),
        mdr.death.damaged("S", death="1e-9 1/h"),
        mdr.resection(),
    )
    end = frame(model, mdr.surgery(0.9, at="5 h"), "5.001 h", ["5.001 h"]).iloc[-1]
    assert end["burden"] == pytest.approx(1e5, rel=1e-6)


# -- published models, made of mechanisms -------------------------------------------------------------------


def test_simeoni_2004() -> None:
    law = mdr.growth.exponential_linear(rate="0.273 1/day", linear="0.814 g/day")
    model = mdr.Model(
        mdr.medium("pac", unit="ng/mL"),
        mdr.clone("x", growth=law, unit="g", start="0.1 g"),
        mdr.death.path("pac", on="x", slope="6.29e-4 mL/ng/day", via="transit"),
        mdr.death.transit("x", rate="0.968 1/day"),
    )
    untreated = frame(model, None, "30 day", ["10 day", "20 day", "30 day"])["burden"]
    np.testing.assert_allclose(untreated, [1.5333, 9.1259, 17.2659], atol=5e-5)
    threshold = 0.273 / 6.29e-4
    kept = frame(model, mdr.exposure("pac", f"{threshold} ng/mL"), "300 day", ["300 day"]).iloc[-1]
    assert kept["x"] == pytest.approx(0.1, rel=1e-5)
    assert kept["burden"] == pytest.approx(0.1846, abs=5e-5)
    treated = frame(model, mdr.exposure("pac", "500 ng/mL"), "60 day", ["60 day"])["burden"].iloc[-1]
    assert treated == pytest.approx(0.0171, abs=5e-5)


def glioma(**changes: object) -> Model:
    """Ribba 2012; `changes` of the drug's KDE and gamma, the tissue's rates, and further mechanisms."""
    given_ = {"KDE": "0.24 1/month", "g": 0.729, "lP": "0.121 1/month", "kPQ": "0.00295 1/month", "P": 7.13, "Q": 41.2}
    given_ |= {"back": "0.0031 1/month", "loss": "0.0087 1/month", "more": [], **changes}
    law = mdr.growth.logistic(rate=given_["lP"], capacity="100 mm")
    return mdr.Model(
        mdr.pk.kpd("x", KDE=given_["KDE"]),
        mdr.clone("P", growth=law, unit="mm", start=f"{given_['P']} mm"),
        mdr.clone("Q", unit="mm", start=f"{given_['Q']} mm"),
        mdr.mutation("P", "Q", rate=given_["kPQ"]),
        mdr.death.path("x", on="P", slope=given_["g"]),
        mdr.death.path("x", on="Q", slope=given_["g"], via="damaged"),
        mdr.death.damaged("Q", recovery=given_["back"], death=given_["loss"], into="P"),
        *given_["more"],
    )


def nadir_and_return(burden: pd.Series) -> tuple[float, float, float]:
    low = int(burden.to_numpy().argmin())
    after = burden.iloc[low:]
    return float(burden.iloc[low]), float(burden.index[low]), float(after.index[after >= burden.iloc[0]][0])


def test_ribba_2012() -> None:
    burden = glioma().simulate(mdr.bolus("x", 1).every("1.5 month", times=6), until="60 month", times="0.02 month")
    assert nadir_and_return(burden.frame["burden"]) == pytest.approx((35.24, 27.1, 50.3), rel=1e-3)


@pytest.mark.parametrize(("gamma", "numbers"), [(0.254, (26.46, 18.06, 33.1)), (0.143, (29.45, 16.55, 28.5))])
def test_mazzocco_2015(gamma: float, numbers: tuple[float, float, float]) -> None:
    """As Ribba, with a kill of proliferating tissue that fades from the first dose."""
    values = {"KDE": "8.3 1/month", "g": gamma, "lP": "0.143 1/month", "kPQ": "0.0429 1/month", "P": 1.72, "Q": 32.1}
    values |= {"back": "0.00947 1/month", "loss": "0.0188 1/month"}
    model = glioma(more=[mdr.fading("x", on="P", rate="0.1 1/month")], **values)
    plan = mdr.bolus("x", 1).every("28 day", times=18)
    run = model.simulate(plan, until="40 month", times="0.01 month")
    assert nadir_and_return(run.frame["burden"]) == pytest.approx(numbers, rel=1.5e-3)


def test_perez_garcia_2019_against_another_solver() -> None:
    """BIOMD0000000814: damaged cells die as they try to divide; 5 days of 28, two cycles."""
    law = mdr.growth.logistic(rate="0.00293193 1/day", capacity="261.799 cm**3")
    model = mdr.Model(
        mdr.pk.kpd("tmz", KDE="8.3184 1/day", driver="amount"),
        mdr.clone("P", growth=law, unit="cm**3", start="144.95 cm**3"),
        mdr.kill("tmz", on="P", slope="0.1397 1/day"),
        mdr.death.path("tmz", on="P", slope="0.1028 1/day", via="damaged"),
        mdr.death.damaged("P", at_division=1.0),
    )
    plan = mdr.bolus("tmz", 0.5985).every("1 day", times=5).every("28 day", times=2)
    found = frame(model, plan, "400 day", ["56 day", "400 day"])

    def rhs(t: float, y: np.ndarray) -> list[float]:
        P, D, C = y
        room = 0.00293193 * (1 - (P + D) / 261.799)
        return [room * P - (0.1028 + 0.1397) * P * C, 0.1028 * P * C - room * D, -8.3184 * C]

    y, time = np.array([144.95, 0.0, 0.0]), 0.0
    for day in (*range(5), *range(28, 33), 56, 400):
        if day > time:
            y = solve_ivp(rhs, (time, day), y, "LSODA", rtol=1e-11, atol=1e-12).y[:, -1]
        if day >= 56:
            np.testing.assert_allclose(
                found.loc[float(day), ["P", "damaged_P"]].to_numpy().ravel()[:2], y[:2], rtol=1e-7
            )
        else:
            y = y + [0.0, 0.0, 0.5985]
        time = day


@pytest.mark.law("I15")
@pytest.mark.parametrize("since", ["start", "first_dose"])
def test_claret_2009(since: str) -> None:
    """I15: y = y0 exp(KL t - KD0 E (1 - exp(-lam t))/lam), lowest at ln(KD0 E/KL)/lam."""
    KL, KD0, lam, E = 0.021, 0.025, 0.053, 3.0
    model = mdr.Model(
        mdr.medium("cap", unit="", start=E),
        mdr.clone("y", growth=mdr.growth.exponential(rate=f"{KL} 1/week"), unit="mm", start="200 mm"),
        mdr.kill("cap", on="y", slope=f"{KD0} 1/week"),
        mdr.fading("cap", on="y", rate=f"{lam} 1/week", since=since),
    )
    course = frame(model, None, "100 week", "5 week")["y"]
    t = course.index.to_numpy()
    np.testing.assert_allclose(course, 200 * np.exp(KL * t - KD0 * E * -np.expm1(-lam * t) / lam), rtol=1e-6)
    run = model.simulate(until="100 week", times="1 week", accuracy=EXACT)
    assert run.endpoint("nadir_time") == pytest.approx(math.log(KD0 * E / KL) / lam, rel=1e-4)


# -- wear -------------------------------------------------------------------------------------------------


def test_an_effect_fades_from_its_first_dose_on() -> None:
    """The course after a late first dose is that after an early one; before it nothing fades."""
    model = mdr.Model(
        mdr.pk.kpd("x", KDE="0.5 1/h", driver="amount"),
        mdr.clone("S", start=1e6),
        mdr.kill("x", on="S", slope="0.1 1/h"),
        mdr.fading("x", on="S", rate="0.05 1/h"),
    )
    plan = mdr.bolus("x", 2).every("12 h", times=4)
    early = frame(model, plan, "60 h", "10 h")["S"].to_numpy()
    late = frame(model, plan.shift("100 h"), "160 h", "10 h")
    np.testing.assert_allclose(late["S"].to_numpy()[-6:], early[-6:], rtol=1e-7)
    assert late["clock_x"].iloc[-1] == pytest.approx(60.0, rel=1e-7)


def test_both_paths_of_death_fade() -> None:
    model = mdr.Model(
        held(), mdr.clone("S", start=1e6), dies(), dies("other"), mdr.fading("x", on="S", rate="0.1 1/h", since="start")
    )
    end = frame(model, None, "20 h", ["20 h"])["S"].iloc[-1]
    assert end == pytest.approx(1e6 * math.exp(-0.2 * -math.expm1(-2.0) / 0.1), rel=1e-7)


@FEW
@given(rate=constant, half=st.floats(0.1, 10.0))
def test_tolerance_comes_with_exposure(rate: float, half: float) -> None:
    """M = C (1 - exp(-rate t)) under constant C; the effect is divided by 1 + M/half."""
    parts = [held(), mdr.clone("S", start=1e6), mdr.kill("x", on="S", slope="0.05 1/uM/h")]
    model = mdr.Model(*parts, mdr.tolerance("x", on="S", rate=f"{rate!r} 1/h", half=f"{half!r} uM"))
    end = frame(model, None, "10 h", ["10 h"]).iloc[-1]
    M = 2 * -math.expm1(-10 * rate)
    assert end["tolerance_x"] == pytest.approx(M, rel=1e-8)
    exact = solve_ivp(
        lambda t, y: [0.1 / (1 - 2 * math.expm1(-rate * t) / half)], (0, 10), [0.0], rtol=1e-10, atol=1e-12
    ).y[0, -1]
    assert math.log(1e6 / end["S"]) == pytest.approx(exact, rel=1e-7)


def test_tolerance_without_onset_or_strength_is_absent_and_is_lost_in_a_pause() -> None:
    parts = [held(), mdr.clone("S", start=1e6), mdr.kill("x", on="S", slope="0.05 1/uM/h")]
    plain = frame(mdr.Model(*parts), None, "10 h", ["10 h"])["S"].iloc[-1]
    for numbers in ({"rate": "0 1/h", "half": "1 uM"}, {"rate": "1 1/h", "half": "1e12 uM"}):
        end = frame(mdr.Model(*parts, mdr.tolerance("x", on="S", **numbers)), None, "10 h", ["10 h"])["S"].iloc[-1]
        assert end == pytest.approx(plain, rel=1e-9)
    model = mdr.Model(*parts, mdr.tolerance("x", on="S", rate="0.1 1/h", half="1 uM"))
    washed = frame(model, mdr.exposure("x", "2 uM", over="50 h"), "150 h", ["50 h", "150 h"])["tolerance_x"]
    assert washed.iloc[-1] == pytest.approx(washed.iloc[-2] * math.exp(-10), rel=1e-3)


# -- peaks ------------------------------------------------------------------------------------------------

DOXORUBICIN = {"V1": "17.7 L", "Q2": "58.7 L/h", "V2": "1830 L", "Q3": "21.8 L/h", "V3": "71.6 L"}


@pytest.mark.parametrize("over", ["0.05 h", "1 h", "24 h"])
def test_the_peak_is_the_maximum_of_a_dense_course(over: str) -> None:
    """Rows every 36 s around the peak; the state never exceeds the maximum and falls short by less than 0.2%."""
    drug = mdr.pk.three_compartment("dox", CL="53.3 L/h", molar_mass="543.5 g/mol", **DOXORUBICIN)
    model = mdr.Model(drug, mdr.peak("dox"))
    course = frame(model, mdr.infusion("dox", "75 mg", over=over), "30 h", "0.01 h")
    highest, reached = course["C_dox"].max(), course["peak_dox"].to_numpy()
    assert reached[-1] <= highest * (1 + 1e-9)
    assert reached[-1] == pytest.approx(highest, rel=2e-3)
    assert np.all(np.diff(reached) >= -1e-9 * highest)
    running = np.maximum.accumulate(course["C_dox"].to_numpy())
    np.testing.assert_allclose(reached, running, rtol=2e-2, atol=2e-3 * highest)


def test_only_a_higher_dose_raises_the_peak_unless_it_is_forgotten() -> None:
    drug = mdr.pk.one_compartment("x", CL="5 L/h", V="10 L")
    plan = mdr.bolus("x", "50 mg") & mdr.bolus("x", "30 mg", at="24 h") & mdr.bolus("x", "80 mg", at="48 h")
    kept = frame(mdr.Model(drug, mdr.peak("x")), plan, "60 h", ["23 h", "47 h", "60 h"])["peak_x"]
    np.testing.assert_allclose(kept, [5.0, 5.0, 8.0], rtol=1e-3)
    lost = frame(mdr.Model(drug, mdr.peak("x", forget="1 1/h")), plan, "60 h", ["23 h", "24.5 h"])["peak_x"]
    assert lost.iloc[0] < 1e-3
    assert lost.iloc[1] > 1.0


@FEW
@given(m=st.floats(1.0, 4.0), K=st.floats(0.05, 5.0), first=st.floats(1.0, 80.0), second=st.floats(1.0, 80.0))
def test_survival_is_set_by_the_highest_peak_alone(m: float, K: float, first: float, second: float) -> None:
    """S/S0 = 1/(1 + (K max C)^m), whatever the order of doses."""
    drug = mdr.pk.one_compartment("x", CL="5 L/h", V="10 L")
    kill = mdr.peak_kill({"x": f"{K!r} L/mg"}, on="S", exponent=m)
    model = mdr.Model(drug, mdr.clone("S", start=1e6), mdr.peak("x"), kill)
    for one, two in ((first, second), (second, first)):
        plan = mdr.bolus("x", f"{one!r} mg") & mdr.bolus("x", f"{two!r} mg", at="48 h")
        end = frame(model, plan, "96 h", ["96 h"]).iloc[-1]
        assert end["peak_x"] == pytest.approx(max(first, second) / 10, rel=2e-3)
        assert end["S"] / 1e6 == pytest.approx(1 / (1 + (K * end["peak_x"]) ** m), rel=1e-5)


@pytest.mark.parametrize("m", [1.0, 1.02, 1.2])
def test_a_hazard_that_is_steep_at_the_first_trace_of_drug_can_be_followed(m: float) -> None:
    """The derivative of ``x**(m - 1)`` has no bound at zero; a dose into the blood still gives the formula."""
    drug = mdr.pk.one_compartment("x", CL="5 L/h", V="10 L")
    model = mdr.Model(
        drug, mdr.clone("S", start=1e6), mdr.peak("x"), mdr.peak_kill({"x": "2 L/mg"}, on="S", exponent=m)
    )
    end = frame(model, mdr.bolus("x", "50 mg", at="17 h"), "48 h", ["48 h"]).iloc[-1]
    assert end["S"] / 1e6 == pytest.approx(1 / (1 + (2 * end["peak_x"]) ** m), rel=1e-6)


def test_peaks_inside_and_outside_add() -> None:
    kill = mdr.peak_kill({"x": "0.5 1/uM", "x@tumour": "2 1/uM"}, on="S", exponent=2.0)
    site = mdr.delivery.tumour("x", kin="0.3 1/h", kout="0.3 1/h")
    model = mdr.Model(held(), site, mdr.clone("S", start=1e6), mdr.peak("x"), mdr.peak("x", site="tumour"), kill)
    end = frame(model, None, "100 h", ["100 h"])["S"].iloc[-1]
    assert end / 1e6 == pytest.approx(1 / (1 + (0.5 * 2 + 2 * 2) ** 2), rel=1e-4)


def test_radiation_a_drug_and_surgery_reach_damaged_cells_where_they_name_them() -> None:
    """Two fractions on cells of which a drug damaged some: each is thinned by its own law, and they recover between."""
    model = mdr.Model(
        held(2.0),
        mdr.medium("y", start="3 uM"),
        mdr.clone("S", start=1e6),
        dies(via="damaged"),
        mdr.death.damaged("S", recovery="0.02 1/h", death="0.01 1/h"),
        mdr.kill("y", on="damaged_S", slope="0.01 1/uM/h"),
        mdr.radiotherapy({"S": ("0.3 1/Gy", "0.03 1/Gy**2"), "damaged_S": "0.5 1/Gy"}),
        mdr.resection({"damaged_S": 0.5}),
    )
    flow = np.array([[-0.1, 0.02], [0.1, -0.06]])
    shot = np.diag(np.exp([-0.3 * 2 - 0.03 * 4, -0.5 * 2]))
    day = expm(24 * flow)
    expected = day @ np.diag([1, 0.55]) @ day @ shot @ day @ shot @ day @ [1e6, 0]
    plan = mdr.radiation("2 Gy", at="1 day").every("1 day", times=2) & mdr.surgery("90 %", at="3 day")
    end = frame(model, plan, "4 day", ["4 day"])[["S", "damaged_S"]].iloc[-1]
    np.testing.assert_allclose(end, expected, rtol=1e-8)


# -- what is refused --------------------------------------------------------------------------------------


def joined(*parts: Mechanism) -> Callable[[], Model]:
    return lambda: mdr.Model(held(), mdr.clone("S"), *parts)


BAD: Sequence[tuple[str, Callable[[], object], str]] = [
    ("unknown path", lambda: dies("apoptosys"), "did you mean 'apoptosis'"),
    ("unknown way", lambda: dies(via="later"), "neither 'transit' nor 'damaged'"),
    ("half a delay", lambda: dies(stages=3), "needs stages .* and delay"),
    ("no transit", joined(dies(via="transit")), r"declare death.transit\('S', ...\)"),
    ("no damaged", joined(dies(via="damaged")), r"declare death.damaged\('S', ...\)"),
    ("unknown drug", joined(mdr.death.path("y", on="S", slope="1 1/uM/h")), "needs the concentration of 'y'"),
    ("no effect", lambda: mdr.death.path("x", on="S"), "needs emax and ec50, or slope"),
    ("unknown clone", joined(mdr.death.evasion("T")), "'T', which is not a clone"),
    ("beyond a share", joined(mdr.death.evasion("S", apoptosis=1.5)), r"outside its bounds \[0, 1\]"),
    ("for ever damaged", lambda: mdr.death.damaged("S"), "stay for ever"),
    ("too many stages", lambda: mdr.death.transit("S", rate="1 1/h", stages=50), "from 1 to 20"),
    ("stages as text", lambda: mdr.death.transit("S", rate="1 1/h", stages="3"), "not a whole number"),
    (
        "stage of nobody",
        joined(mdr.death.transit("T", rate="1 1/h")),
        "'T', which is not a clone of the model; known are 'S'$",
    ),
    ("nothing fades", joined(mdr.fading("x", on="S", rate="1 1/h")), "no effect of its own on 'S' that could wear off"),
    ("fades since when", lambda: mdr.fading("x", on="S", rate="1 1/h", since="now"), "'first_dose', 'start'"),
    ("nothing to tolerate", joined(mdr.tolerance("x", on="S", rate="1 1/h", half="1 uM")), "no effect of its own"),
    ("no peak", joined(mdr.peak_kill({"x": "1 1/uM"}, on="S", exponent=1.0)), "needs the peak of 'x'"),
    (
        "infinite rate",
        joined(mdr.peak("x"), mdr.peak_kill({"x": "1 1/uM"}, on="S", exponent=0.5)),
        r"outside its bounds \[1, inf\]",
    ),
    ("no drug", lambda: mdr.peak_kill({}, on="S", exponent=1.0), "needs a drug"),
    ("peak of nothing", joined(mdr.peak("y")), "needs the concentration of 'y'"),
]


@pytest.mark.parametrize(("build", "words"), [case[1:] for case in BAD], ids=[case[0] for case in BAD])
def test_what_cannot_be_meant_is_refused(build: Callable[[], object], words: str) -> None:
    with pytest.raises(PkpdMdrError, match=words):
        build()
