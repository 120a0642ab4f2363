"""Numbers of the papers, or computed from their parameters with another solver (science: cards 2.4 to 2.26)."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.integrate import solve_ivp

import pkpd_mdr as mdr
from pkpd_mdr import gallery
from pkpd_mdr.model import Model
from pkpd_mdr.regimen import Regimen


def nadir_and_return(model: Model, regimen: Regimen, until: str, step: str) -> tuple[float, float, float]:
    """Lowest burden, when, and when the start is reached again."""
    burden = model.simulate(regimen, until=until, times=step).frame["burden"]
    low = int(burden.to_numpy().argmin())
    after = burden.iloc[low:]
    return float(burden.iloc[low]), float(burden.index[low]), float(after.index[after >= burden.iloc[0]][0])


def test_ribba_2012() -> None:
    model = gallery.ribba2012()
    untreated = model.simulate(until="60 month", times=["12 month", "24 month", "60 month"]).frame["burden"]
    np.testing.assert_allclose(untreated, [55.46, 66.03, 93.46], atol=0.005)
    found = nadir_and_return(model, mdr.bolus("pcv", 1).every("1.5 month", times=6), "60 month", "0.02 month")
    assert found == pytest.approx((35.24, 27.1, 50.3), rel=1e-3)


@pytest.mark.parametrize(("mutant", "numbers"), [(False, (26.46, 18.06, 33.1)), (True, (29.45, 16.55, 28.5))])
def test_mazzocco_2015(mutant: bool, numbers: tuple[float, float, float]) -> None:
    """The wild type has the deeper and later nadir, and the longer response."""
    plan = mdr.bolus("tmz", 1).every("28 day", times=18)
    found = nadir_and_return(gallery.mazzocco2015(p53_mutant=mutant), plan, "40 month", "0.01 month")
    assert found == pytest.approx(numbers, rel=1.5e-3)


def test_mazzocco_2015_codeletion_slows_the_return() -> None:
    plan = mdr.bolus("tmz", 1).every("28 day", times=18)
    ends = [
        gallery.mazzocco2015(codeleted=given).simulate(plan, until="40 month").frame["burden"].iloc[-1]
        for given in (False, True)
    ]
    assert ends[1] < ends[0]


def test_simeoni_2004_threshold_separates_regrowth_from_eradication() -> None:
    model = gallery.simeoni2004()
    threshold = 0.273 / 6.29e-4
    assert threshold == pytest.approx(434.0, abs=0.05)

    def end(level: float, until: str, name: str = "burden") -> float:
        return float(model.simulate(mdr.exposure("pac", f"{level} ng/mL"), until=until).frame[name].iloc[-1])

    assert end(threshold, "300 day", "x1") == pytest.approx(0.1, rel=1e-5)
    assert end(threshold, "300 day") == pytest.approx(0.1846, abs=5e-5)
    assert end(500, "60 day") == pytest.approx(0.0171, abs=5e-5)
    assert end(0.99 * threshold, "600 day") > end(0.99 * threshold, "300 day") > 0.1846
    assert end(1.01 * threshold, "300 day") < 0.1846
    untreated = model.simulate(until="30 day", times="10 day").frame["burden"].to_numpy()
    np.testing.assert_allclose(untreated[1:], [1.5333, 9.1259, 17.2659], atol=5e-5)


def test_hahnfeldt_1999() -> None:
    plateau = gallery.hahnfeldt1999().simulate(until="500 day").frame.iloc[-1]
    assert (plateau["V"], plateau["K"]) == pytest.approx((17346.5, 17346.5), abs=0.05)

    def slope(t: float, y: np.ndarray) -> list[float]:
        V, K, g = y
        return [-0.192 * V * math.log(V / K), 5.85 * V - 0.00873 * K * V ** (2 / 3) - 0.15 * K * g, -0.38 * g]

    y, course = np.array([200.0, 625.0, 0.0]), []
    for _ in range(10):
        y = solve_ivp(slope, (0, 1), y + [0, 0, 20.0], method="DOP853", rtol=1e-11, atol=1e-9).y[:, -1]
        course.append(y)
    daily = mdr.bolus("angiostatin", "20 mg/kg", weight="20 g").every("1 day", times=10)
    found = gallery.hahnfeldt1999("angiostatin").simulate(daily, until="10 day", times="1 day").frame
    np.testing.assert_allclose(found[["V", "K"]].to_numpy()[1:], np.array(course)[:, :2], rtol=1e-5)
    np.testing.assert_allclose(found["g"][1:], np.array(course)[:, 2] * 0.02, rtol=1e-5)
    with pytest.raises(mdr.ModelError, match="endostatin"):
        gallery.hahnfeldt1999("endostatine")


@pytest.mark.parametrize(("dose", "days"), [(0, 226.17), (1, 581.58), (2, 464.58)])
def test_monro_2009(dose: float, days: float) -> None:
    """Competitive release: time to 5e11 cells is longest at the dose in the middle."""
    plan = mdr.exposure("C0", dose) if dose else None
    burden = gallery.monro2009().simulate(plan, until=f"{days} day").frame["burden"].iloc[-1]
    assert burden == pytest.approx(5e11, rel=2e-4)


def test_friberg_2002() -> None:
    cycle = mdr.infusion("pac", "369 umol", over="3 h")
    count = gallery.friberg2002().simulate(cycle, until="60 day", times="0.1 h").frame["wbc"] / 1e9
    assert count.min() == pytest.approx(2.918, abs=5e-4)
    assert count.idxmin() * 24 == pytest.approx(221.8, abs=0.05)
    assert count.max() == pytest.approx(9.685, abs=5e-4)
    assert count.idxmax() == pytest.approx(22.5, abs=0.05)


def test_ostermann_2004() -> None:
    add = [mdr.state("area", unit="mg/L*h", kind="integral"), mdr.process("add", "C_csf", {"area": 1})]
    model = gallery.ostermann2004().plus(*add)
    found = model.simulate(mdr.oral("tmz", "360 mg"), until="100 h", times="0.05 h").frame
    assert found["C_tmz"].max() == pytest.approx(10.0, abs=0.05)
    assert found["AUC_tmz"].iloc[-1] == pytest.approx(36.0, rel=1e-6)
    assert found["area"].iloc[-1] / found["AUC_tmz"].iloc[-1] == pytest.approx(0.205, abs=5e-4)
    late = np.log(found["C_tmz"].loc[10.0] / found["C_tmz"].loc[12.0]) / 2
    assert math.log(2) / late == pytest.approx(2.10, abs=0.01)


def test_evans_2004() -> None:
    found = gallery.evans2004().simulate(until="60 min", times="0.01 min", accuracy=mdr.Accuracy(rtol=1e-10)).frame
    np.testing.assert_allclose(found["total"], 60314.0, rtol=1e-9)
    rows = found.loc[[5.0, 10.0, 15.0, 20.0]]
    np.testing.assert_allclose(rows["Lm"], [8.652, 7.489, 6.484, 5.613], atol=6e-4)
    np.testing.assert_allclose(rows["Hm"], [1.345, 2.508, 3.514, 4.385], atol=6e-4)
    np.testing.assert_allclose(rows["cell_lactone"], [11.562, 10.181, 8.858, 7.687], atol=6e-4)
    assert found["cell_lactone"].max() == pytest.approx(11.746, abs=5e-4)
    assert found["cell_lactone"].idxmax() == pytest.approx(3.67, abs=0.01)
