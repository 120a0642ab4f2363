"""Blood, lymphocytes, heart and weight: laws, limits, published numbers, and their use in endpoints and stop rules."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.integrate import solve_ivp

import pkpd_mdr as mdr
from pkpd_mdr.errors import PkpdMdrError
from pkpd_mdr.model import Mechanism, Model
from pkpd_mdr.regimen import Regimen
from pkpd_mdr.run import time_below

EXACT = mdr.Accuracy(rtol=1e-10)
FEW = settings(max_examples=10)
share = st.floats(0.0, 0.9)
BLOOD = {"baseline": "5e9 1/L", "transit_time": "100 h", "feedback": 0.2}


def frame(model: Model, regimen: Regimen | None, until: str, times: object) -> pd.DataFrame:
    return model.simulate(regimen, until=until, times=times, accuracy=EXACT).frame


def held(level: float = 2.0, drug: str = "x") -> Mechanism:
    return mdr.medium(drug, start=f"{level!r} uM")


# -- blood ------------------------------------------------------------------------------------------------


@pytest.mark.law("I17")
@FEW
@given(effect=st.floats(0.0, 0.6), feedback=st.floats(0.15, 0.3), saturating=st.booleans())
def test_blood_under_constant_exposure(effect: float, feedback: float, saturating: bool) -> None:
    """I17: all pools settle at Circ0*(1 - E)**(1/g)."""
    form = {"emax": {"x": (2 * effect, "2 uM")}} if saturating else {"slope": {"x": f"{effect / 2!r} 1/uM"}}
    blood = mdr.toxicity.myelosuppression("anc", **BLOOD | {"feedback": feedback}, **form)
    end = frame(mdr.Model(held(), blood), None, "12000 h", ["12000 h"]).iloc[-1]
    expected = 5e9 * (1 - effect) ** (1 / feedback)
    pools = ["anc_precursor", "anc_transit1", "anc_transit2", "anc_transit3", "anc"]
    np.testing.assert_allclose(end[pools].to_numpy(dtype=float), expected, rtol=1e-4)
    assert end["anc_relative"] == pytest.approx(expected / 5e9, rel=1e-4)


@pytest.mark.law("I17")
def test_blood_without_drug_stays_and_a_drug_without_effect_is_absent() -> None:
    blood = mdr.toxicity.myelosuppression("plt", slope={"x": "0.3 1/uM"}, **BLOOD)
    np.testing.assert_allclose(frame(mdr.Model(held(0.0), blood), None, "500 h", "100 h")["plt"], 5e9, rtol=1e-10)
    still = mdr.toxicity.myelosuppression("plt", slope={"x": "0 1/uM"}, **BLOOD)
    np.testing.assert_allclose(frame(mdr.Model(held(5.0), still), None, "500 h", "100 h")["plt"], 5e9, rtol=1e-10)


def test_friberg_2002_paclitaxel() -> None:
    """369 umol over 3 h: nadir 2.918e9/L at 221.8 h, overshoot 9.685e9/L at 22.5 days."""
    pk = {"V1": "290 L", "Q": "204 L/h", "V2": "995 L", "CL": "285 L/h", "molar_mass": "853.9 g/mol"}
    numbers = {"baseline": "7.21e9 1/L", "transit_time": "124 h", "feedback": 0.239}
    blood = mdr.toxicity.myelosuppression("wbc", slope={"pac": "28.9 L/umol"}, **numbers)
    model = mdr.Model(mdr.pk.two_compartment("pac", **pk), blood)
    run = model.simulate(mdr.infusion("pac", "369 umol", over="3 h"), until="1000 h", times="1 h", accuracy=EXACT)
    assert run.endpoint("wbc_nadir") == pytest.approx(2.918e9, rel=2e-4)
    assert float(run.frame["wbc"].idxmin()) == pytest.approx(221.8, abs=1.0)
    assert run.endpoint("wbc_peak") == pytest.approx(9.685e9, rel=2e-4)
    assert float(run.frame["wbc"].idxmax()) / 24 == pytest.approx(22.5, abs=0.05)


def test_effects_of_several_drugs_on_blood_add_and_may_come_from_a_site() -> None:
    one = mdr.toxicity.myelosuppression("anc", slope={"x": "0.2 1/uM"}, **BLOOD)
    site = mdr.delivery.tumour("y", site="marrow", kin="1e4 1/h", kout="2e4 1/h")
    two = mdr.toxicity.myelosuppression("anc", slope={"x": "0.1 1/uM"}, emax={"y@marrow": (0.4, "1 uM")}, **BLOOD)
    ends = [
        frame(model, None, "300 h", ["300 h"])["anc"].iloc[-1]
        for model in (mdr.Model(held(), one), mdr.Model(held(), held(2.0, "y"), site, two))
    ]
    assert ends[1] == pytest.approx(ends[0], rel=1e-4)


# -- lymphocytes and weight --------------------------------------------------------------------------------


@FEW
@given(k=st.floats(0.01, 0.5), kill=st.floats(0.0, 0.5), stop=share)
def test_lymphocytes_settle_and_recover(k: float, kill: float, stop: float) -> None:
    """L/L0 = k (1 - I)/(k + E) under exposure; the deficit decays as exp(-k t) after it."""
    cells = mdr.toxicity.lymphopenia(
        baseline="1.5e9 1/L",
        turnover=f"{k!r} 1/h",
        slope={"x": f"{kill / 2!r} 1/uM/h"},
        inhibition={"y": (stop, "1e-9 uM")},
    )
    model = mdr.Model(held(), held(1.0, "y"), cells)
    hours = 40 / k
    off = mdr.exposure("x", "2 uM", over=f"{hours} h") & mdr.exposure("y", "1 uM", over=f"{hours} h")
    rows = frame(model, off, f"{hours + 2 / k} h", [f"{hours} h", f"{hours + 2 / k} h"])["alc_relative"]
    settled = k * (1 - stop) / (k + kill)
    assert rows.iloc[0] == pytest.approx(settled, rel=1e-6)
    assert rows.iloc[-1] == pytest.approx(1 - (1 - settled) * math.exp(-2), rel=1e-5)


def test_weight_is_lost_and_comes_back() -> None:
    """W/W0 = k/(k + E) in long exposure; without drug it stays."""
    body = mdr.toxicity.body_weight(baseline="22 g", recovery="0.02 1/h", emax={"x": ("0.01 1/h", "2 uM")}, unit="g")
    assert frame(mdr.Model(held(), body), None, "4000 h", ["4000 h"])["weight_relative"].iloc[-1] == pytest.approx(0.8)
    assert frame(mdr.Model(held(0.0), body), None, "400 h", ["400 h"])["weight"].iloc[-1] == pytest.approx(22.0)


# -- heart ------------------------------------------------------------------------------------------------

MODY = {
    "growth": "0.0115 1/h",
    "emax": {"dox": ("0.0697 1/h", "0.107 uM")},
    "slope": {"dox": "0.167 1/uM", "dex": "0.00968 1/uM"},
    "transit": "0.126 1/h",
}
PROTECTION = {"dex": ("0.0625 1/h", "39 uM")}
DOX = {"CL": 53.3, "V": (17.7, 1830.0, 71.6), "Q": (58.7, 21.8)}


def heart(dox: float, dex: float) -> Callable[[float, np.ndarray], list[float]]:
    """Mody 2023, typed again, at given concentrations."""
    most = 0.0697 - 0.0625 * dex / (39 + dex)
    source = most * dox / (0.107 + dox)

    def rhs(t: float, y: np.ndarray) -> list[float]:
        growth = 0.0115 * max(1 - 0.167 * dox, 0) * max(1 - 0.00968 * dex, 0)
        return [
            (growth - y[3]) * y[0],
            *(0.126 * (before - after) for before, after in zip([source, *y[1:3]], y[1:], strict=True)),
        ]

    return rhs


@pytest.mark.parametrize(("dox", "dex"), [(0.5, 0.0), (0.5, 20.0), (0.5, 100.0), (5.0, 0.0)])
def test_mody_2023_in_vitro_against_another_solver(dox: float, dex: float) -> None:
    cells = mdr.toxicity.cardiomyocytes(**MODY, protection=PROTECTION)
    model = mdr.Model(held(dox, "dox"), held(dex, "dex"), cells)
    exact = solve_ivp(heart(dox, dex), (0, 72), [1, 0, 0, 0], rtol=1e-11, atol=1e-14, t_eval=[24, 48, 72]).y[0]
    found = frame(model, None, "72 h", ["24 h", "48 h", "72 h"])
    np.testing.assert_allclose(found["cardiomyocytes"].loc[[24.0, 48.0, 72.0]], exact, rtol=1e-7)
    untreated = math.exp(0.0115 * 72)
    assert found["cardiomyocytes_relative"].iloc[-1] == pytest.approx(exact[-1] / untreated, rel=1e-7)


def patient() -> Model:
    """Doxorubicin and dexrazoxane in a patient of 1.8 m2 (Mody 2023, table 2)."""
    V1, V2, V3 = (f"{volume} L" for volume in DOX["V"])
    Q2, Q3 = (f"{flow} L/h" for flow in DOX["Q"])
    dox = {"CL": "53.3 L/h", "V1": V1, "Q2": Q2, "V2": V2, "Q3": Q3, "V3": V3, "molar_mass": "543.52 g/mol"}
    dex = {"CL": "14.6 L/h", "V1": "14.6 L", "Q": "14.6 L/h", "V2": "14.6 L", "molar_mass": "268.27 g/mol"}
    return mdr.Model(
        mdr.pk.three_compartment("dox", **dox),
        mdr.pk.two_compartment("dex", **dex),
        mdr.toxicity.cardiomyocytes(**MODY, protection=PROTECTION),
        mdr.toxicity.cumulative_exposure({"dox": "53.3 L/h"}, unit="umol"),
    )


def clinical(dox_mg: float, dex_mg: float, every: float, times: int, until: float) -> float:
    """Heart cells relative to untreated, by SciPy alone: infusions over 15 min."""

    def rhs(t: float, y: np.ndarray, on: float) -> list[float]:
        c = [y[0] / DOX["V"][0], y[1] / DOX["V"][1], y[2] / DOX["V"][2], y[3] / 14.6, y[4] / 14.6]
        flows = [DOX["Q"][0] * (c[0] - c[1]), DOX["Q"][1] * (c[0] - c[2]), 14.6 * (c[3] - c[4])]
        rates = on * 4 * dox_mg / 0.54352, on * 4 * dex_mg / 0.26827
        pk = [
            rates[0] - DOX["CL"] * c[0] - flows[0] - flows[1],
            flows[0],
            flows[1],
            rates[1] - 14.6 * c[3] - flows[2],
            flows[2],
        ]
        return [*pk, *heart(c[0], c[3])(t, y[5:])]

    y, now = np.array([0.0] * 5 + [1.0, 0.0, 0.0, 0.0]), 0.0
    marks = sorted([(every * i, 1.0) for i in range(times)] + [(every * i + 0.25, 0.0) for i in range(times)])
    on = 0.0
    for time, switch in [*marks, (until, 0.0)]:
        if time > now:
            y = solve_ivp(rhs, (now, time), y, "LSODA", args=(on,), rtol=1e-10, atol=1e-13).y[:, -1]
        now, on = time, switch
    return float(y[5] / math.exp(0.0115 * until))


def test_mody_2023_regimens_against_another_solver() -> None:
    """16.67 mg/m2 weekly and 50 mg/m2 every three weeks, 1.8 m2; dexrazoxane 10 to 1 spares the heart."""
    model, found = patient(), {}
    for name, dose, ratio, days, times in (
        ("Q3W", 90.0, 0, 21, 3),
        ("Q1W", 30.006, 0, 7, 9),
        ("saved", 90.0, 10, 21, 3),
    ):
        plan = mdr.infusion("dox", f"{dose} mg", over="15 min").every(f"{days} day", times=times)
        if ratio:
            plan = plan & mdr.infusion("dex", f"{ratio * dose} mg", over="15 min").every(f"{days} day", times=times)
        end = frame(model, plan, "63 day", ["63 day"]).iloc[-1]
        found[name] = float(end["cardiomyocytes_relative"])
        expected = clinical(dose, ratio * dose, 24.0 * days, times, 24.0 * 63)
        assert found[name] == pytest.approx(expected, rel=1e-5)
        total = times * dose / 543.52 * 1e3
        left = float(end["central_dox"] + end["peripheral_dox"] + end["peripheral2_dox"])
        assert end["cumulative_exposure"] == pytest.approx(total - left, rel=1e-7)
    assert found["saved"] > found["Q3W"]
    assert abs(math.log(found["Q1W"] / found["Q3W"])) > 0.01  # the schedules differ at equal total dose


def test_drugs_that_stop_growth_together_do_not_start_it_again() -> None:
    """Each alone is beyond 1/slope, where a product of two negative factors would let the cells grow."""
    cells = mdr.toxicity.cardiomyocytes(**MODY | {"emax": {"dox": ("0 1/h", "1 uM")}})
    for dox, dex in ((10.0, 0.0), (0.0, 200.0), (10.0, 200.0)):
        model = mdr.Model(held(dox, "dox"), held(dex, "dex"), cells)
        assert frame(model, None, "72 h", ["72 h"])["cardiomyocytes"].iloc[-1] == 1.0


def test_a_protector_without_strength_is_absent_and_a_strong_one_saves_all() -> None:
    def end(**more: object) -> float:
        cells = mdr.toxicity.cardiomyocytes(**MODY | {"slope": None}, **more)
        return frame(mdr.Model(held(0.5, "dox"), held(100.0, "dex"), cells), None, "72 h", ["72 h"]).iloc[-1][
            "cardiomyocytes_relative"
        ]

    assert end(protection={"dex": ("0 1/h", "39 uM")}) == pytest.approx(end(), rel=1e-9)
    assert end(protection={"dex": ("10 1/h", "39 uM")}) == pytest.approx(1.0, rel=1e-9)
    assert end() < 0.2


def test_cumulative_exposure_is_the_dose_in_equivalents() -> None:
    """I9 with the clearance as weight: 6 x 60 mg, and another drug at half its dose."""
    dox = mdr.pk.two_compartment("dox", CL="53.3 L/h", V1="17.7 L", Q="58.7 L/h", V2="1830 L")
    epi = mdr.pk.one_compartment("epi", CL="40 L/h", V="30 L")
    total = mdr.toxicity.cumulative_exposure({"dox": "53.3 L/h", "epi": "20 L/h"}, unit="mg")
    plan = mdr.bolus("dox", "60 mg").every("21 day", times=6) & mdr.bolus("epi", "90 mg", at="1 day")
    end = frame(mdr.Model(dox, epi, total), plan, "250 day", ["250 day"])
    assert end["cumulative_exposure"].iloc[-1] == pytest.approx(360 + 45, rel=1e-7)


# -- endpoints and stop rules ------------------------------------------------------------------------------


def treated() -> Model:
    blood = mdr.toxicity.myelosuppression("anc", slope={"x": "3 L/mg"}, **BLOOD)
    return mdr.Model(mdr.pk.one_compartment("x", CL="5 L/h", V="20 L"), blood)


def test_time_below_a_level_is_that_of_a_dense_course() -> None:
    plan = mdr.bolus("x", "80 mg").every("14 day", times=3)
    run = treated().simulate(plan, until="60 day", accuracy=EXACT)
    dense = frame(treated(), plan, "60 day", "0.01 day")["anc"].to_numpy()
    for level in (1e9, 3e9, 4.5e9):
        expected = 60 * np.mean(dense < level)
        assert run.endpoint(time_below(f"{level} 1/L", of="anc")) == pytest.approx(expected, abs=0.06)
    assert run.endpoint(time_below("1e20 1/L", of="anc")) == pytest.approx(60.0)
    assert run.endpoint(time_below("1 1/L", of="anc")) == 0.0


def test_a_stop_rule_on_neutrophils_spares_them() -> None:
    """Doses are left out at visits with too few neutrophils."""
    dose = mdr.bolus("x", "80 mg")
    careful = mdr.rule(lambda visit: dose if visit.burden > 3.5e9 else None, visit="7 day")
    fixed = treated().simulate(dose.every("7 day", times=8), until="60 day").endpoint("anc_nadir")
    run = treated().simulate(careful, until="60 day", measure="anc")
    assert run.endpoint("anc_nadir") > 1.3 * fixed
    assert run.frame["anc"].iloc[0] == pytest.approx(5e9)


# -- what is refused --------------------------------------------------------------------------------------


def joined(*parts: Mechanism) -> Callable[[], Model]:
    return lambda: mdr.Model(held(), *parts)


LYMPH = {"baseline": "1.5e9 1/L", "turnover": "0.1 1/day"}
BAD: Sequence[tuple[str, Callable[[], object], str]] = [
    ("no drug for blood", lambda: mdr.toxicity.myelosuppression("anc", **BLOOD), "needs a drug"),
    (
        "two forms",
        lambda: mdr.toxicity.myelosuppression("anc", slope={"x": "1 1/uM"}, emax={"x": (1.0, "1 uM")}, **BLOOD),
        "a slope and an emax",
    ),
    ("emax alone", lambda: mdr.toxicity.myelosuppression("anc", emax={"x": 0.9}, **BLOOD), "not emax and ec50"),
    ("emax as text", lambda: mdr.toxicity.lymphopenia(emax={"x": "0.9"}, **LYMPH), "not emax and ec50"),
    ("no drug for lymphocytes", lambda: mdr.toxicity.lymphopenia(**LYMPH), "needs a drug"),
    ("unknown drug", joined(mdr.toxicity.lymphopenia(slope={"y": "1 1/uM/h"}, **LYMPH)), "concentration of 'y'"),
    ("more than all", joined(mdr.toxicity.lymphopenia(inhibition={"x": (1.5, "1 uM")}, **LYMPH)), "outside its bounds"),
    (
        "weight in litres",
        joined(mdr.toxicity.body_weight(baseline="70 L", recovery="1 1/day", slope={"x": "1 1/uM/h"})),
        "kg",
    ),
    ("a heart without drug", lambda: mdr.toxicity.cardiomyocytes(**MODY | {"emax": {}}), "need a drug that kills"),
    ("no stage", lambda: mdr.toxicity.cardiomyocytes(**MODY, stages=0), "from 1 to 20"),
    ("nothing cumulates", lambda: mdr.toxicity.cumulative_exposure({}, unit="mg"), "needs a drug"),
    ("weight without unit", joined(mdr.toxicity.cumulative_exposure({"x": 3.0}, unit="umol")), "no unit"),
    ("level without number", lambda: time_below("low", of="anc"), "low"),
]


@pytest.mark.parametrize(("build", "words"), [case[1:] for case in BAD], ids=[case[0] for case in BAD])
def test_what_cannot_be_meant_is_refused(build: Callable[[], object], words: str) -> None:
    with pytest.raises(PkpdMdrError, match=words):
        build()
