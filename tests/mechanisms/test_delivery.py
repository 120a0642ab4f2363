"""Where drugs arrive: closed forms, limits, mass balance, and the numbers of Ostermann 2004 and Hahnfeldt 1999."""

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
from strategies.runs import last

import pkpd_mdr as mdr
from pkpd_mdr.errors import PkpdMdrError
from pkpd_mdr.model import Mechanism, Model, Scope
from pkpd_mdr.regimen import Regimen

EXACT = mdr.Accuracy(rtol=1e-10)
FEW = settings(max_examples=10)
constant = st.floats(0.05, 3.0)
share = st.floats(0.0, 1.0)


def area(*names: str, unit: str = "mg/L*h") -> list[Mechanism]:
    """Areas under observables, as states."""
    states = [mdr.state(f"area_{name}", unit=unit, kind="integral") for name in names]
    return [*states, *(mdr.process(f"add_{name}", name, {f"area_{name}": 1}) for name in names)]


def plasma(drug: str = "x", **changes: object) -> Mechanism:
    return mdr.pk.one_compartment(drug, **{"CL": "2 L/h", "V": "10 L", **changes})


def held(drug: str = "x", level: str = "2 uM") -> Mechanism:
    return mdr.medium(drug, start=level)


@dataclass(frozen=True)
class Scales:
    """What stroma does to the delivery of a drug."""

    owner: str
    factor: float

    @property
    def label(self) -> str:
        return f"scales_{self.owner}"

    def declare(self, scope: Scope) -> None:
        scope.scale("delivery", self.owner, lambda: sp.Float(self.factor))

    def connect(self, scope: Scope) -> None:
        """Nothing."""


# -- tumour -----------------------------------------------------------------------------------------------


@FEW
@given(kin=constant, kout=constant, fu=share, B=share)
def test_a_site_fills_exponentially_to_its_ratio(kin: float, kout: float, fu: float, B: float) -> None:
    """Ct = C (1 - B) fu kin/kout (1 - exp(-kout t)); the quasi-steady form is there at once."""
    options = {"kin": f"{kin!r} 1/h", "kout": f"{kout!r} 1/h", "fu": fu, "barrier": B}
    model = mdr.Model(held(), mdr.delivery.tumour("x", **options))
    level = 2 * (1 - B) * fu * kin / kout
    assert last(model, None, "3 h", "C_x_tumour") == pytest.approx(
        [level * -math.expm1(-3 * kout)], rel=1e-8, abs=1e-12
    )
    quasi = mdr.Model(held(), mdr.delivery.tumour("x", quasi_steady=True, **options))
    assert last(quasi, None, "3 h", "C_x_tumour") == pytest.approx([level], rel=1e-12)


def test_a_fast_site_is_quasi_steady() -> None:
    ends = []
    for quasi in (False, True):
        site = mdr.delivery.tumour("x", kin="2e4 1/h", kout="1e4 1/h", quasi_steady=quasi)
        model = mdr.Model(plasma(), site)
        ends.append(
            model.simulate(mdr.bolus("x", "100 mg"), until="12 h", times="2 h").frame["C_x_tumour"].to_numpy()[1:]
        )
    np.testing.assert_allclose(ends[0], ends[1], rtol=1e-4)


def test_a_barrier_of_one_lets_nothing_in_and_a_barrier_of_zero_is_none() -> None:
    def tumour(*more: Mechanism, **options: object) -> np.ndarray:
        model = mdr.Model(plasma(), mdr.delivery.tumour("x", kin="1 1/h", kout="0.5 1/h", **options), *more)
        frame = model.simulate(mdr.bolus("x", "100 mg"), until="10 h", times="1 h", accuracy=EXACT).frame
        return frame["C_x_tumour"].to_numpy()

    open_, closed = tumour(), tumour(barrier=1.0)
    assert open_[1:].min() > 0
    assert np.all(closed == 0.0)
    np.testing.assert_array_equal(tumour(barrier=0.0), open_)
    np.testing.assert_allclose(tumour(barrier=0.4), 0.6 * open_, rtol=1e-9)
    np.testing.assert_allclose(tumour(Scales("x@tumour", 0.8), barrier=0.5), 0.4 * open_, rtol=1e-9)


def test_a_barrier_by_formula_stays_a_share() -> None:
    barriers = {"2*burden/(burden + 1)": 0.0, "-3*burden/(burden + 1)": 1.0, "burden/(burden + 3e3)": 0.75}
    for text, factor in barriers.items():
        site = mdr.delivery.tumour("x", kin="1 1/h", kout="0.5 1/h", barrier=mdr.formula(text))
        (found,) = last(mdr.Model(held(), mdr.clone("S", start=1e3), site), None, "100 h", "C_x_tumour")
        assert found == pytest.approx(4 * factor, rel=1e-9, abs=1e-12)


@FEW
@given(kin=constant, kout=constant, V=st.floats(0.1, 30.0), CL=constant)
def test_with_a_volume_the_drug_goes_back_to_the_blood(kin: float, kout: float, V: float, CL: float) -> None:
    """AUC in plasma stays dose/CL whatever the tumour takes (a mammillary model), and in the tumour times kin/kout."""
    site = mdr.delivery.tumour("x", kin=f"{kin!r} 1/h", kout=f"{kout!r} 1/h", volume=f"{V!r} L")
    model = mdr.Model(plasma(CL=f"{CL!r} L/h"), site, *area("C_x", "C_x_tumour"))
    horizon = f"{200 * (10 + V * (1 + kin / kout)) / CL + 200 / kout} h"
    expected = 100 / CL
    found = last(model, mdr.bolus("x", "100 mg"), horizon, "area_C_x", "area_C_x_tumour")
    assert found == pytest.approx([expected, expected * kin / kout], rel=1e-6)


def test_a_steady_state_dose_settles_the_site_as_well() -> None:
    """Doses to steady state by one record equal the same doses given for long."""
    site = mdr.delivery.tumour("x", kin="0.3 1/h", kout="0.2 1/h", volume="5 L")
    model = mdr.Model(plasma(), site)
    port = next(port for port in model.ports if port.name == "x")
    assert port.steady == ("central_x", "tumour_x")
    many = mdr.bolus("x", "10 mg").every("8 h", times=60)
    first = model.simulate(many, until="478 h", times=["472 h", "478 h"], accuracy=EXACT).frame
    record = pd.DataFrame({"ID": [1], "TIME": [0.0], "AMT": [10.0], "EVID": [1], "CMT": [1], "SS": [1], "II": [8.0]})
    regimen = mdr.read_doses(record, compartments={1: ("x", "iv")}, amount_unit="mg")
    second = model.simulate(Regimen(regimen.subject(1).acts), until="6 h", times=["6 h"], accuracy=EXACT).frame
    for name in ("central_x", "tumour_x"):
        assert second[name].iloc[-1] == pytest.approx(first[name].iloc[-1], rel=1e-7)


# -- brain and cerebrospinal fluid ------------------------------------------------------------------------


def brain(inhibitor: float = 0.0, **changes: object) -> Model:
    options = {"kin": "0.4 1/h", "kout": "0.2 1/h", "Vmax": "3 uM/h", "Km": "0.5 uM", "inhibitors": {"psc": "0.05 uM"}}
    wall = mdr.delivery.blood_brain_barrier("x", **{**options, **changes})
    return mdr.Model(held(level="1e-6 uM"), held("psc", f"{inhibitor!r} uM"), wall)


def test_the_pump_lowers_the_ratio_and_an_inhibitor_restores_it() -> None:
    """Cb/C = kin/kout/(1 + Vmax/(kout Km (1 + I/Ki))) at low concentration (as I6 for cells)."""
    for inhibitor in (0.0, 0.05, 5.0, 1e6):
        (found,) = last(brain(inhibitor), None, "2000 h", "C_x_brain")
        expected = 2e-6 / (1 + 3 / (0.2 * 0.5 * (1 + inhibitor / 0.05)))
        assert found == pytest.approx(expected, rel=1e-5)
    assert expected == pytest.approx(2e-6, rel=1e-5)  # the brain without pump


@FEW
@given(C=st.floats(1e-3, 1e3), inhibitor=st.floats(0.0, 10.0), Vmax=st.floats(0.0, 20.0))
def test_the_quasi_steady_brain_is_the_limit_of_the_dynamic_one(C: float, inhibitor: float, Vmax: float) -> None:
    """Also a root of its own equation: kin C = kout Cb + Vmax Cb/(Km (1 + I/Ki) + Cb)."""
    found = []
    for quasi in (False, True):
        pump = {"Vmax": f"{Vmax!r} uM/h", "Km": "0.5 uM", "inhibitors": {"psc": "0.05 uM"}}
        wall = mdr.delivery.blood_brain_barrier("x", kin="0.4 1/h", kout="0.2 1/h", quasi_steady=quasi, **pump)
        model = mdr.Model(held(level=f"{C!r} uM"), held("psc", f"{inhibitor!r} uM"), wall)
        found += last(model, None, "300 h", "C_x_brain")
    assert found[0] == pytest.approx(found[1], rel=1e-6)
    Km = 0.5 * (1 + inhibitor / 0.05)
    leaving = 0.2 * found[1] + Vmax * found[1] / (Km + found[1])
    assert leaving == pytest.approx(0.4 * C, rel=1e-9)


def test_a_pump_that_does_not_work_is_absent() -> None:
    still = brain(Vmax="0 uM/h", inhibitors=None)
    plain = mdr.Model(held(level="1e-6 uM"), mdr.delivery.tumour("x", kin="0.4 1/h", kout="0.2 1/h", site="brain"))
    assert last(still, None, "4 h", "C_x_brain") == pytest.approx(last(plain, None, "4 h", "C_x_brain"), rel=1e-9)


def test_temozolomide_in_cerebrospinal_fluid() -> None:
    """Ostermann 2004: half-life 2.10 h; areas in fluid and plasma as 0.20 (with 0.14 L of fluid)."""
    fluid = mdr.delivery.csf("tmz", kin="7.2e-4 1/h", kout="0.76 1/h", volume="0.14 L")
    drug = mdr.pk.one_compartment("tmz", CL="10 L/h", V="30.3 L", ka="5.8 1/h")
    model = mdr.Model(drug, fluid, *area("C_tmz", "C_tmz_csf"))
    dose = mdr.oral("tmz", "360 mg")
    frame = model.simulate(dose, until="12 h", times=["8 h", "12 h"], accuracy=EXACT).frame
    late = frame["C_tmz"].loc[[8.0, 12.0]].to_numpy()
    assert 4 * math.log(2) / math.log(late[0] / late[1]) == pytest.approx(2.10, abs=0.01)
    in_plasma, in_fluid = last(model, dose, "100 h", "area_C_tmz", "area_C_tmz_csf")
    assert in_plasma == pytest.approx(36.0, rel=1e-6)
    assert in_fluid / in_plasma == pytest.approx(7.2e-4 * 30.3 / (0.76 * 0.14), rel=1e-6)
    assert in_fluid / in_plasma == pytest.approx(0.20, abs=0.01)


# -- vasculature ------------------------------------------------------------------------------------------


@pytest.mark.law("I20")
@pytest.mark.parametrize("speed", [0.05, 0.192, 1.0])
def test_hahnfeldt_plateau_whatever_the_growth_rate(speed: float) -> None:
    """I20: V = K = (b/d)**1.5 = 17346.5 mm3."""
    law = mdr.growth.gompertz(rate=f"{speed} 1/day", capacity=mdr.formula("vasculature"))
    vessels = mdr.delivery.vasculature(
        stimulation="5.85 1/day", inhibition="0.00873 1/(day*mm**2)", start="625 mm**3", unit="mm**3"
    )
    model = mdr.Model(mdr.clone("V", growth=law, unit="mm**3", start="200 mm**3"), vessels)
    found = last(model, None, "600 day", "V", "vasculature", "hypoperfusion")
    assert found == pytest.approx([(5.85 / 0.00873) ** 1.5, (5.85 / 0.00873) ** 1.5, 0.5], rel=1e-6)
    assert found[0] == pytest.approx(17346.5, abs=0.05)


def test_hahnfeldt_by_mechanisms_is_the_gallery_model() -> None:
    """Endostatin, 20 mg/kg daily: a virtual amount that blocks vessels."""
    law = mdr.growth.gompertz(rate="0.192 1/day", capacity=mdr.formula("vasculature"))
    vessels = mdr.delivery.vasculature(
        stimulation="5.85 1/day",
        inhibition="0.00873 1/(day*mm**2)",
        start="625 mm**3",
        unit="mm**3",
        blocked_by={"endostatin": "33 1/mg/day"},  # 0.66 kg/(mg day) for a mouse of 20 g
    )
    drug = mdr.pk.kpd("endostatin", KDE="1.7 1/day", unit="mg", driver="amount")
    model = mdr.Model(mdr.clone("V", growth=law, unit="mm**3", start="200 mm**3"), vessels, drug)
    plan = mdr.bolus("endostatin", "0.4 mg").every("1 day", times=10)
    names = {"V": "V", "K": "vasculature"}
    published = mdr.gallery.hahnfeldt1999().simulate(plan, until="20 day", times="2 day", accuracy=EXACT).frame
    found = model.simulate(plan, until="20 day", times="2 day", accuracy=EXACT).frame
    for old, new in names.items():
        np.testing.assert_allclose(found[new], published[old], rtol=1e-7)


# -- carriers and consumption -----------------------------------------------------------------------------


def liposome(*more: Mechanism, **changes: object) -> Model:
    given_ = {"CL": "0.04 L/h", "V": "4 L", "release": "0.06 1/h", "uptake": "2e-3 1/h", "leakage": "1e-3 1/h"}
    return mdr.Model(
        plasma(),
        mdr.delivery.tumour("x", kin="0.3 1/h", kout="0.5 1/h", volume="0.2 L"),
        mdr.delivery.carrier("pld", drug="x", **{**given_, **changes}),
        *more,
    )


def test_carriers_bring_and_keep_the_drug() -> None:
    """Every mg is in the blood, the tumour or a carrier, or was cleared, free or with its carrier."""
    lost = [mdr.state("gone", unit="mg", kind="amount"), mdr.process("go", "CL_x*C_x + CL_pld*C_pld", {"gone": 1})]
    model = liposome(*lost)
    names = ["central_x", "tumour_x", "central_pld", "tumour_pld", "gone"]
    frame = model.simulate(mdr.bolus("pld", "50 mg"), until="400 h", times="20 h", accuracy=EXACT).frame
    total = frame[names].sum(axis=1).to_numpy()[1:]
    np.testing.assert_allclose(total, 50.0, rtol=1e-9)
    k, release = 0.04 / 4 + 2e-3 + 1e-3, 0.06
    t = frame.index.to_numpy()[1:]
    np.testing.assert_allclose(frame["central_pld"].to_numpy()[1:], 50 * np.exp(-k * t), rtol=1e-8)
    lodged = 50 * 2e-3 / (release - k) * (np.exp(-k * t) - np.exp(-release * t))
    np.testing.assert_allclose(frame["tumour_pld"].to_numpy()[1:], lodged, rtol=1e-7)


def test_a_carrier_that_leaks_at_once_is_the_free_drug() -> None:
    model = liposome(leakage="1e5 1/h")
    given_ = [model.simulate(mdr.bolus(name, "50 mg"), until="8 h", times="2 h").frame["C_x"] for name in ("pld", "x")]
    np.testing.assert_allclose(given_[0].to_numpy()[1:], given_[1].to_numpy()[1:], rtol=1e-3)


def test_a_barrier_keeps_carriers_out() -> None:
    model = liposome(Scales("pld@tumour", 0.0), Scales("x@tumour", 0.0))
    frame = model.simulate(mdr.bolus("pld", "50 mg"), until="100 h", times="20 h").frame
    assert np.all(frame[["tumour_pld", "tumour_x"]].to_numpy() == 0.0)
    assert frame["C_x"].iloc[-1] > 0


def test_many_cells_use_the_drug_up() -> None:
    """C = C0 exp(-N c t/V) with c per cell; without cells it stays."""
    eaten = mdr.delivery.consumption("x", by="S", clearance="1e-3 nL/h", volume="0.1 mL")
    model = mdr.Model(held(), mdr.clone("S"), eaten)
    frame = model.simulate(until="10 h", start={"S": 1e6}, times=["10 h"], accuracy=EXACT).frame
    assert frame["C_x"].iloc[-1] == pytest.approx(2 * math.exp(-1e6 * 1e-3 * 1e-6 / 0.1 * 10), rel=1e-8)
    assert model.simulate(until="10 h", times=["10 h"]).frame["C_x"].iloc[-1] == 2.0


def test_saturable_consumption_is_linear_at_low_concentration_and_bounded_at_high() -> None:
    def rest(start: str, **form: object) -> float:
        eaten = mdr.delivery.consumption("x", by="S", volume="0.1 mL", **form)
        model = mdr.Model(held(level=start), mdr.clone("S", start=1e6), eaten)
        return last(model, None, "1 h", "C_x")[0]

    saturable = {"Vmax": "1e-12 umol/h", "Km": "1 uM"}
    assert rest("1e-6 uM", **saturable) == pytest.approx(rest("1e-6 uM", clearance="1e-12 L/h"), rel=1e-5)
    assert 1e4 - rest("1e4 uM", **saturable) == pytest.approx(1e6 * 1e-12 / 1e-4, rel=1e-3)


# -- what is refused --------------------------------------------------------------------------------------

RATES = {"kin": "1 1/h", "kout": "1 1/h"}
PUMP = {"Vmax": "1 mg/L/h", "Km": "1 mg/L"}
CARRIER = {"CL": "1 L/h", "V": "4 L", "release": "0.06 1/h", "leakage": "1 1/h"}
LAW = mdr.growth.exponential(rate="0.1 1/h")


def joined(*parts: Mechanism) -> Callable[[], Model]:
    return lambda: mdr.Model(mdr.clone("S", growth=LAW), plasma(), mdr.medium("m"), *parts)


BAD: Sequence[tuple[str, Callable[[], object], str]] = [
    ("unknown drug", joined(mdr.delivery.tumour("y", **RATES)), "tumour_y needs the concentration of 'y'.*'x', 'm'"),
    ("medium with volume", joined(mdr.delivery.tumour("m", volume="1 L", **RATES)), "amounts out of the blood.*pk"),
    ("quasi-steady volume", lambda: mdr.delivery.tumour("x", volume="1 L", quasi_steady=True, **RATES), "leave out"),
    ("barrier beyond one", joined(mdr.delivery.tumour("x", barrier=1.2, **RATES)), r"outside its bounds \[0, 1\]"),
    ("rate without unit", joined(mdr.delivery.tumour("x", kin=1.0, kout="1 1/h")), "no unit"),
    (
        "unknown inhibitor",
        joined(
            mdr.delivery.blood_brain_barrier("x", Vmax="1 mg/L/h", Km="1 mg/L", inhibitors={"psc": "1 uM"}, **RATES)
        ),
        "needs the concentration of 'psc'",
    ),
    ("fluid of a medium", joined(mdr.delivery.csf("m", volume="0.1 L", **RATES)), "amounts out of the blood.*pk"),
    ("same name", lambda: mdr.delivery.carrier("x", drug="x", **CARRIER), "need different names"),
    (
        "closed carrier",
        lambda: mdr.delivery.carrier("l", drug="x", CL="1 L/h", V="1 L", release="1 1/h"),
        "no drug leaves",
    ),
    (
        "carrier to nowhere",
        joined(mdr.delivery.carrier("l", drug="x", uptake="1 1/h", **CARRIER)),
        r"'x@tumour', which is not in the model; .*delivery\.tumour\('x'",
    ),
    (
        "carrier to a site without volume",
        joined(
            mdr.delivery.tumour("x", kin="1 1/h", kout="1 1/h"),
            mdr.delivery.carrier("l", drug="x", uptake="1 1/h", **CARRIER),
        ),
        "'x@tumour', which has a concentration without a volume",
    ),
    ("carrier in umol", joined(mdr.delivery.carrier("l", drug="x", molar_mass="500 g/mol", **CARRIER)), "molar mass"),
    ("no consumption", lambda: mdr.delivery.consumption("x", by="S"), "give clearance"),
    ("half a consumption", lambda: mdr.delivery.consumption("x", by="S", Vmax="1 mg/h"), "Vmax and Km"),
    ("medium without volume", joined(mdr.delivery.consumption("m", by="S", clearance="1 nL/h")), "give volume"),
    (
        "volume twice",
        joined(mdr.delivery.consumption("x", by="S", clearance="1 nL/h", volume="1 L")),
        "has a volume already",
    ),
    (
        "vessels in cells",
        joined(mdr.delivery.vasculature(stimulation="1 1/h", inhibition="1 1/h/mm**2", start="1 mm**3", unit="mm**3")),
        "is in 'mm\\*\\*3', but the clones are in 'cell'",
    ),
]


@pytest.mark.parametrize(("build", "words"), [case[1:] for case in BAD], ids=[case[0] for case in BAD])
def test_what_cannot_be_meant_is_refused(build: Callable[[], object], words: str) -> None:
    with pytest.raises(PkpdMdrError, match=words) as problem:
        build()
    assert len(str(problem.value)) < 400
