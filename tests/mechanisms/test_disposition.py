"""Virtual amounts, saturable distribution, autoinduction, efflux in the gut; published average concentrations."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.integrate import solve_ivp, trapezoid

import pkpd_mdr as mdr
from pkpd_mdr.errors import PkpdMdrError
from pkpd_mdr.model import Mechanism, Model
from pkpd_mdr.regimen import Regimen

EXACT = mdr.Accuracy(rtol=1e-10)
FEW = settings(max_examples=10)
constant = st.floats(0.05, 3.0)


def frame(model: Model, regimen: Regimen | None, until: str, times: object) -> object:
    return model.simulate(regimen, until=until, times=times, accuracy=EXACT).frame


def area(unit: str, name: str = "C_x") -> list[Mechanism]:
    return [mdr.state("area", unit=unit, kind="integral"), mdr.process("add_up", name, {"area": 1})]


# -- K-PD -------------------------------------------------------------------------------------------------


@FEW
@given(KDE=constant, dose=st.floats(0.1, 50.0))
def test_the_virtual_rate_integrates_to_the_dose(KDE: float, dose: float) -> None:
    model = mdr.Model(mdr.pk.kpd("x", KDE=f"{KDE!r} 1/h", unit="mg"), *area("mg"))
    end = frame(model, mdr.bolus("x", f"{dose!r} mg"), f"{40 / KDE} h", [f"{40 / KDE} h"])
    assert end["area"].iloc[-1] == pytest.approx(dose, rel=1e-8)


@pytest.mark.law("I11")
@FEW
@given(KDE=constant, dose=st.floats(0.1, 50.0), n=st.floats(0.6, 4.0), ec50=st.floats(0.1, 10.0))
def test_log_kill_under_an_exponential_course(KDE: float, dose: float, n: float, ec50: float) -> None:
    """I11: emax/(a n) ln(1 + (C0/EC50)^n) for an Emax kill under C0 exp(-a t) (Yates and Mistry 2023 for n = 1)."""
    model = mdr.Model(
        mdr.pk.kpd("x", KDE=f"{KDE!r} 1/h", unit="mg", driver="amount"),
        mdr.clone("S", start=1e9),
        mdr.kill("x", on="S", emax="0.5 1/h", ec50=f"{ec50!r} mg", hill=n),
    )
    hours = f"{60 / KDE / min(n, 1)} h"
    end = frame(model, mdr.bolus("x", f"{dose!r} mg"), hours, [hours])
    assert math.log(1e9 / end["S"].iloc[-1]) == pytest.approx(
        0.5 / (KDE * n) * math.log1p((dose / ec50) ** n), rel=1e-6, abs=1e-8
    )


# -- saturable distribution: paclitaxel --------------------------------------------------------------------

PACLITAXEL = {"V1": 12.0, "Vm": 33.8, "Km": 0.44, "Vt": 177.0, "Kt": 1.61, "k21": 1.21, "Q": 16.8, "V3": 268.0}


def paclitaxel(*more: Mechanism) -> Model:
    return mdr.Model(
        mdr.pk.two_compartment(
            "x", V1="12 L", Q="16.8 L/h", V2="268 L", Vmax="33.8 umol/h", Km="0.44 uM", molar_mass="853.9 g/mol"
        ),
        mdr.pk.saturable_distribution("x", Vmax="177 umol/h", Km="1.61 uM", back="1.21 1/h"),
        *more,
    )


def test_paclitaxel_against_another_solver() -> None:
    """315 mg (175 mg/m2 at 1.8 m2) over 3 h; the equations are typed again for SciPy's Radau."""
    p, dose = PACLITAXEL, 315e3 / 853.9

    def rhs(t: float, y: np.ndarray) -> list[float]:
        C = y[0] / p["V1"]
        out, into = p["Vm"] * C / (p["Km"] + C), p["Vt"] * C / (p["Kt"] + C)
        flow = p["Q"] * (C - y[1] / p["V3"])
        return [dose / 3 * (t <= 3) - out - into + p["k21"] * y[2] - flow, flow, into - p["k21"] * y[2]]

    first = solve_ivp(rhs, (0, 3), [0, 0, 0], method="Radau", rtol=1e-10, atol=1e-12)
    then = solve_ivp(
        lambda t, y: rhs(9.0, y), (3, 27), first.y[:, -1], method="Radau", rtol=1e-10, atol=1e-12, t_eval=[6, 12, 27]
    )
    times = ["3 h", "6 h", "12 h", "27 h"]
    found = frame(paclitaxel(), mdr.infusion("x", "315 mg", over="3 h"), "27 h", times)
    states = ["central_x", "peripheral_x", "saturable_x"]
    np.testing.assert_allclose(found.loc[3.0, states].to_numpy().reshape(-1, 3)[0], first.y[:, -1], rtol=1e-6)
    np.testing.assert_allclose(found.loc[[6.0, 12.0, 27.0], states].to_numpy(), then.y.T, rtol=1e-6)


def test_paclitaxel_exposure_grows_faster_than_the_dose() -> None:
    """Saturable elimination and distribution: doubling the dose more than doubles area and peak; 3 h beat 24 h."""

    def exposure(mg: float, hours: float) -> tuple[float, float]:
        run = mdr.infusion("x", f"{mg} mg", over=f"{hours} h")
        course = frame(paclitaxel(*area("uM*h")), run, "600 h", "1 h")
        return float(course["area"].iloc[-1]), float(course["C_x"].max())

    one, two, slow = exposure(315, 3), exposure(630, 3), exposure(315, 24)
    assert two[0] > 2.05 * one[0]
    assert two[1] > 2.05 * one[1]
    assert slow[1] < one[1] / 4
    assert slow[0] < one[0]


@FEW
@given(Vmax=st.floats(1.0, 100.0), Km=st.floats(0.1, 10.0), back=constant)
def test_saturable_distribution_returns_all_and_is_linear_at_low_concentration(
    Vmax: float, Km: float, back: float
) -> None:
    """With linear elimination AUC = dose/CL; far below Km it is a compartment with Q = Vmax/Km and V2 = Q/back."""
    one = mdr.pk.one_compartment("x", CL="5 L/h", V="10 L")
    deep = mdr.pk.saturable_distribution("x", Vmax=f"{Vmax!r} mg/h", Km=f"{Km!r} mg/L", back=f"{back!r} 1/h")
    hours = f"{300 / back + 60 * (10 + Vmax / Km / back)} h"
    end = frame(mdr.Model(one, deep, *area("mg/L*h")), mdr.bolus("x", "100 mg"), hours, [hours])
    assert end["area"].iloc[-1] == pytest.approx(20.0, rel=1e-6)
    Q = Vmax / Km
    two = mdr.pk.two_compartment("x", CL="5 L/h", V1="10 L", Q=f"{Q!r} L/h", V2=f"{Q / back!r} L")
    low = mdr.bolus("x", f"{Km * 1e-6!r} mg")
    found = [frame(model, low, "4 h", ["4 h"])["C_x"].iloc[-1] for model in (mdr.Model(one, deep), mdr.Model(two))]
    assert found[0] == pytest.approx(found[1], rel=1e-5)


# -- autoinduction ----------------------------------------------------------------------------------------


def lorlatinib(**law: object) -> Model:
    """Clearance, kc, F and volumes of Braniff et al.; flow and absorption are assumed and do not touch the average."""
    drug = mdr.pk.two_compartment(
        "x", CL="347.33 L/day", V1="120.5 L", Q="22 L/h", V2="154.9 L", ka="1 1/h", F=0.759, molar_mass="406.4 g/mol"
    )
    return mdr.Model(drug, mdr.pk.autoinduction("x", rate="0.48 1/day", **law))


def average(model: Model, dose: str, until: int) -> float:
    """Mean concentration over the last day of daily doses."""
    course = frame(model, mdr.oral("x", dose).every("24 h", times=until), f"{until} day", f"{1 / 96} day")
    day = course["C_x"].loc[until - 1 :]
    return float(trapezoid(day.to_numpy(), day.index.to_numpy()) / (day.index[-1] - day.index[0]))


def test_average_concentrations_of_published_models() -> None:
    """Dose/(CL tau): imatinib 1166 ng/mL, osimertinib 470 nM, lorlatinib by its induced clearance."""
    imatinib = mdr.Model(mdr.pk.one_compartment("x", CL="14.3 L/h", V="347 L", ka="0.61 1/h"))
    assert average(imatinib, "400 mg", 15) * 1e3 == pytest.approx(1166, rel=2e-3)  # ng/mL
    osimertinib = mdr.Model(
        mdr.pk.one_compartment("x", CL="14.2 L/h", V="986 L", ka="0.24 1/h", molar_mass="499.6 g/mol")
    )
    assert average(osimertinib, "80 mg", 40) * 1e3 == pytest.approx(470, rel=2e-3)  # nM
    expected = 0.759 * 100 / 347.33 / 406.4 * 1e3
    assert average(lorlatinib(), "100 mg", 25) == pytest.approx(expected, rel=2e-3)


def test_the_clock_starts_with_the_first_dose() -> None:
    """A course that starts on day 5 is the course that starts at once, 5 days later; time zero is another choice."""
    plan = mdr.oral("x", "100 mg").every("24 h", times=5)
    early = frame(lorlatinib(), plan, "6 day", "0.5 day")["C_x"].to_numpy()
    late = frame(lorlatinib(), plan.shift("5 day"), "11 day", "0.5 day")
    np.testing.assert_allclose(late["C_x"].loc[5.0:].to_numpy()[-11:], early[-11:], rtol=1e-6)
    assert np.all(late["clock_x"].loc[:4.9] == 0.0)
    assert late["clock_x"].iloc[-1] == pytest.approx(6 * 24, rel=1e-6)
    since_start = frame(lorlatinib(since="start"), plan, "6 day", "0.5 day")["C_x"].to_numpy()
    np.testing.assert_allclose(since_start, early, rtol=1e-5)
    induced = frame(lorlatinib(since="start"), plan.shift("5 day"), "6 day", "0.5 day")["C_x"].iloc[-1]
    uninduced = frame(lorlatinib(), plan.shift("5 day"), "6 day", "0.5 day")["C_x"].iloc[-1]
    assert induced < uninduced


def test_turnover_is_the_published_law_where_the_drug_saturates_it_and_turns_back_in_a_pause() -> None:
    plan = mdr.oral("x", "100 mg").every("24 h", times=10)
    published = frame(lorlatinib(), plan, "10 day", "1 day")["C_x"].to_numpy()[2:]
    turnover = frame(lorlatinib(ec50="1e-9 uM"), plan, "10 day", "1 day")["C_x"].to_numpy()[2:]
    np.testing.assert_allclose(turnover, published, rtol=1e-5)
    paused = frame(lorlatinib(ec50="0.01 uM", baseline=0.3), plan, "60 day", ["10 day", "60 day"])["induction_x"]
    assert paused.loc[10.0] > 0.9
    assert paused.loc[60.0] < 1e-3


def test_without_induction_the_clearance_is_constant() -> None:
    plan = mdr.oral("x", "100 mg").every("24 h", times=3)
    drug = mdr.pk.one_compartment("x", CL="14 L/h", V="120 L", ka="1 1/h")
    plain = frame(mdr.Model(drug), plan, "3 day", "0.5 day")["C_x"]
    flat = frame(mdr.Model(drug, mdr.pk.autoinduction("x", rate="0.5 1/day", baseline=1.0)), plan, "3 day", "0.5 day")
    np.testing.assert_allclose(flat["C_x"].to_numpy(), plain.to_numpy(), rtol=1e-7)


# -- gut --------------------------------------------------------------------------------------------------


def test_an_inhibitor_of_the_pump_raises_the_absorbed_share() -> None:
    """AUC = F dose/CL ka/(ka + loss/(1 + I/Ki)); all of it under a strong inhibitor."""
    for level, expected in ((0.0, 1 / 4), (1.0, 1 / (1 + 3 / 11)), (1e7, 1.0)):
        drug = mdr.pk.one_compartment("x", CL="5 L/h", V="10 L", ka="1 1/h")
        pump = mdr.pk.gut_efflux("x", loss="3 1/h", inhibitors={"enc": "0.1 uM"})
        model = mdr.Model(drug, mdr.medium("enc", start=f"{level} uM"), pump, *area("mg/L*h"))
        end = frame(model, mdr.oral("x", "100 mg"), "100 h", ["100 h"])
        assert end["area"].iloc[-1] == pytest.approx(20 * expected, rel=1e-6)


# -- what is refused --------------------------------------------------------------------------------------


def joined(*parts: Mechanism) -> Callable[[], Model]:
    return lambda: mdr.Model(mdr.pk.one_compartment("x", V="1 L", Vmax="1 mg/h", Km="1 mg/L"), mdr.medium("m"), *parts)


BAD: Sequence[tuple[str, Callable[[], object], str]] = [
    ("driver", lambda: mdr.pk.kpd("x", KDE="1 1/h", driver="C"), "'rate' .* or 'amount'"),
    ("KDE without unit", lambda: mdr.Model(mdr.pk.kpd("x", KDE=1.0)), "no unit"),
    (
        "distribution of a medium",
        joined(mdr.pk.saturable_distribution("m", Vmax="1 umol/h", Km="1 uM", back="1 1/h")),
        "'m'",
    ),
    ("induction without clearance", joined(mdr.pk.autoinduction("x", rate="1 1/day")), "needs the clearance of 'x'"),
    ("since when", lambda: mdr.pk.autoinduction("x", rate="1 1/day", since="firstdose"), "did you mean 'first_dose'"),
    ("no depot", joined(mdr.pk.gut_efflux("x", loss="1 1/h")), "ka=..."),
    ("inhibitor", joined(mdr.pk.gut_efflux("m", loss="1 1/h", inhibitors={"z": "1 uM"})), "no absorption"),
]


@pytest.mark.parametrize(("build", "words"), [case[1:] for case in BAD], ids=[case[0] for case in BAD])
def test_what_cannot_be_meant_is_refused(build: Callable[[], object], words: str) -> None:
    with pytest.raises(PkpdMdrError, match=words):
        build()
