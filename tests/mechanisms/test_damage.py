"""Adducts and their repair: the irreversible limit (I8), steady states, inheritance, balances."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.integrate import solve_ivp
from strategies.ledger import EXACT, books, sources

import pkpd_mdr as mdr
from pkpd_mdr.errors import PkpdMdrError
from pkpd_mdr.expression import symbol
from pkpd_mdr.model import Mechanism, Model

FEW = settings(max_examples=12)
molecules = st.floats(0.0, 1e5)
constant = st.floats(0.01, 2.0)


def bound(**changes: object) -> Mechanism:
    return mdr.damage.adducts(**{"formed_by": {"tmz": "20 1/uM/h"}, "on": "S", **changes})


def held(level: float = 0.0) -> Mechanism:
    return mdr.medium("tmz", start=f"{level!r} uM")


@pytest.mark.law("I8")
@FEW
@given(A0=molecules, G0=molecules)
def test_mgmt_is_used_up_one_for_one(A0: float, G0: float) -> None:
    """I8: A ends at max(A0 - G0, 0), G at max(G0 - A0, 0); A - G never changes."""
    enzyme = mdr.damage.mgmt("S", start=G0)
    model = mdr.Model(held(), mdr.clone("S", start=1e6), enzyme, bound(start=A0, suicide="0.01 1/h"))
    frame = model.simulate(until="1e6 h", times=["10 h", "1e6 h"], accuracy=EXACT).frame
    A, G = frame["adducts_in_S"].to_numpy(), frame["mgmt_in_S"].to_numpy()
    np.testing.assert_allclose(A - G, A0 - G0, rtol=1e-6, atol=1e-4)
    # equal numbers vanish as 1/(kr t), which is the slowest case
    assert A[-1] == pytest.approx(max(A0 - G0, 0.0), rel=1e-6, abs=2e-4)
    assert G[-1] == pytest.approx(max(G0 - A0, 0.0), rel=1e-6, abs=2e-4)


@FEW
@given(repair=constant, growth=st.floats(0.0, 0.1, allow_subnormal=False), C=st.floats(0.1, 50.0))
def test_adducts_settle_where_formation_is_repair_and_dilution(repair: float, growth: float, C: float) -> None:
    law = mdr.growth.exponential(rate=f"{growth!r} 1/h")
    model = mdr.Model(held(C), mdr.clone("S", growth=law, start=1e3), bound(repair=f"{repair!r} 1/h"))
    hours = f"{40 / repair} h" if repair > 0.1 else "400 h"
    frame = model.simulate(until=hours, times=[hours], accuracy=EXACT).frame
    span = float(hours.split()[0])
    settled = 20 * C / (repair + growth) * -np.expm1(-(repair + growth) * span)
    assert frame["adducts_in_S"].iloc[-1] == pytest.approx(settled, rel=1e-6)


def test_mgmt_turns_over_and_is_inactivated() -> None:
    """G = ksyn/(kdeg + growth + slope*C)."""
    law = mdr.growth.exponential(rate="0.01 1/h")
    enzyme = mdr.damage.mgmt(
        "S", start=5e4, synthesis="500 1/h", degradation="0.02 1/h", inactivated_by={"bg": "0.3 1/uM/h"}
    )
    model = mdr.Model(mdr.medium("bg", start="0.1 uM"), mdr.clone("S", growth=law, start=1e3), enzyme)
    end = model.simulate(until="1000 h", times=["1000 h"], accuracy=EXACT).frame
    assert end["mgmt_in_S"].iloc[-1] == pytest.approx(500 / (0.02 + 0.01 + 0.03), rel=1e-6)


def test_pools_against_the_equations_per_cell() -> None:
    """A' = kf C - kr G A - kx A - mu A; G' = ksyn - kdeg G - kr G A - mu G, typed again for another solver."""
    law = mdr.growth.exponential(rate="0.03 1/h")
    model = mdr.Model(
        mdr.pk.one_compartment("tmz", CL="10 L/h", V="30.3 L", ka="5.8 1/h", molar_mass="194.15 g/mol"),
        mdr.clone("S", growth=law, start=1e6),
        mdr.damage.mgmt("S", start=2e3, synthesis="40 1/h", degradation="0.02 1/h"),
        bound(repair="0.01 1/h", suicide="1e-4 1/h"),
        mdr.death.path("adducts", on="S", slope="1e-5 1/h"),
    )
    dose = 360e3 / 194.15

    def rhs(t: float, y: np.ndarray) -> list[float]:
        depot, central, A, G = y
        C, meets = central / 30.3, 1e-4 * A * G
        return [
            -5.8 * depot,
            5.8 * depot - 10 * C,
            20 * C - meets - 0.04 * A,
            40 - 0.05 * G - meets,
        ]

    reached = solve_ivp(rhs, (0, 48), [dose, 0, 0, 2e3], "Radau", [6, 24, 48], rtol=1e-11, atol=1e-10)
    times = ["6 h", "24 h", "48 h"]
    frame = model.simulate(mdr.oral("tmz", "360 mg"), until="48 h", times=times, accuracy=EXACT).frame.loc[
        [6.0, 24.0, 48.0]
    ]
    np.testing.assert_allclose(frame["adducts_in_S"], reached.y[2], rtol=1e-6)
    np.testing.assert_allclose(frame["mgmt_in_S"], reached.y[3], rtol=1e-6)


def test_without_mgmt_suicide_is_absent_and_without_adducts_nobody_dies() -> None:
    parts = [held(5.0), mdr.clone("S", start=1e6), mdr.death.path("adducts", on="S", slope="1e-4 1/h")]
    plain = mdr.Model(*parts, bound(repair="0.1 1/h"))
    none = mdr.Model(*parts, bound(repair="0.1 1/h", suicide="1 1/h"), mdr.damage.mgmt("S"))
    runs = [m.simulate(until="48 h", times="6 h", accuracy=EXACT).frame["S"].to_numpy() for m in (plain, none)]
    np.testing.assert_allclose(runs[0], runs[1], rtol=1e-8)
    assert runs[0][-1] < 1e6
    clean = mdr.Model(held(0.0), *parts[1:], bound(repair="0.1 1/h")).simulate(until="48 h", times=["48 h"])
    assert clean.frame["S"].iloc[-1] == 1e6


def test_cells_that_switch_take_their_adducts_along_and_the_books_close() -> None:
    """Only formation makes adducts, only repair and MGMT remove them; the dead keep theirs in the books."""
    law = mdr.growth.logistic(rate="0.5 1/day", capacity="1e10 cell")
    model = mdr.Model(
        mdr.pk.one_compartment("tmz", CL="10 L/h", V="30.3 L", ka="5.8 1/h", molar_mass="194.15 g/mol"),
        mdr.clone("S", growth=law, start=1e8),
        mdr.clone("R", growth=law, start=1e6),
        mdr.switching("S", "R", rate="0.05 1/day", back="0.02 1/day"),
        mdr.damage.mgmt("R", start=5e3, synthesis="100 1/h", degradation="0.02 1/h"),
        mdr.damage.mgmt("S"),
        bound(on=["S", "R"], repair="0.02 1/h", suicide="1e-4 1/h"),
        mdr.death.path("adducts", on=["S", "R"], slope="1e-6 1/h"),
    )
    made = set(sources(model, "adducts"))
    assert made == {f"{what}_adducts_{clone}" for what in ("repair", "suicide") for clone in "SR"} | {
        f"formation_adducts_tmz_{clone}" for clone in "SR"
    }
    plan = mdr.oral("tmz", "360 mg").every("1 day", times=5).every("28 day", times=7)
    for quantity in ("adducts", "mgmt"):
        stock, expected = books(model, quantity, plan, "200 day")
        np.testing.assert_allclose(stock, expected, rtol=1e-9, atol=1e-9 * np.abs(expected).max())


def test_death_by_adducts_is_the_kill_by_what_the_clone_holds() -> None:
    parts = [held(5.0), mdr.clone("S", start=1e6), bound(repair="0.1 1/h")]
    one = mdr.Model(*parts, mdr.death.path("adducts", on="S", slope="1e-4 1/h"))
    other = mdr.Model(*parts, mdr.kill("adducts", on="S", slope="1e-4 1/h", site="S"))
    ends = [m.simulate(until="48 h", times=["48 h"], accuracy=EXACT).frame["S"].iloc[-1] for m in (one, other)]
    assert ends[0] == pytest.approx(ends[1], rel=1e-9)
    assert "apoptosis_slope_adducts_S" in one.parameters


def test_adducts_follow_the_drug_inside_the_cells() -> None:
    """P-gp keeps the drug and so the adducts out by 1 + vP/(k0 Km); a strong inhibitor restores the parental number."""

    def reached(inhibitor: float, **pump: object) -> float:
        inside = mdr.intracellular("tmz", on="S", k0="5 1/h", **pump)
        parts = [held(1e-4), mdr.medium("psc", start=f"{inhibitor} uM"), mdr.clone("S", start=1e6)]
        model = mdr.Model(*parts, inside, bound(formed_by={"tmz@S": "2e6 1/uM/h"}, repair="1 1/h"))
        return float(model.simulate(until="40 h", times=["40 h"], accuracy=EXACT).frame["adducts_in_S"].iloc[-1])

    pump = {"vP": "100 uM/h", "Km": "1 uM", "inhibitors": {"psc": "0.1 uM"}}
    parental, resistant, restored = reached(0.0), reached(0.0, **pump), reached(1e6, **pump)
    assert parental == pytest.approx(200.0, rel=1e-6)
    assert parental / resistant == pytest.approx(1 + 100 / 5, rel=1e-3)
    assert restored == pytest.approx(parental, rel=1e-4)


def test_the_cargo_of_vesicles_changes_repair_mgmt_and_evasion() -> None:
    """Each acts on what is offered here: two rates times 1 + size*H, evasion plus size*H within [0, 1]."""
    source = [
        mdr.clone("R", start=1e6),
        mdr.vesicles.release({"R": "200 1/day"}, clearance="0.1 1/h"),
        mdr.vesicles.uptake("S", rate="1e-7 mL/h"),
        mdr.vesicles.cargo("mir", load={"R": 10.0}, into="S", decay="0.05 1/h"),
    ]
    model = mdr.Model(
        held(1.0),
        mdr.clone("S", start=1e6),
        *source,
        mdr.damage.mgmt("S", synthesis="100 1/h", degradation="0.02 1/h"),
        bound(repair="0.1 1/h"),
        mdr.death.path("adducts", on="S", slope="1e-12 1/h"),
        mdr.death.evasion("S", apoptosis=0.3),
        *(
            mdr.vesicles.effect("mir", on="S", what=what, size=size, half=1e-9)
            for what, size in (("repair", 2.0), ("mgmt", -0.5), ("apoptosis evasion", 0.9))
        ),
    )
    end = model.simulate(until="2000 h", times=["2000 h"], accuracy=EXACT).frame.iloc[-1]
    assert end["adducts_in_S"] == pytest.approx(20 / (0.1 * 3), rel=1e-4)
    assert end["mgmt_in_S"] == pytest.approx(100 * 0.5 / 0.02, rel=1e-4)
    assert end["evaded_apoptosis_S"] == 1.0


def test_two_kinds_of_damage_share_the_mgmt_of_a_clone_and_have_repair_of_their_own() -> None:
    """Temozolomide and a nitrosourea: A' = 20 C - kr A G - 0.04 A, B' = 3 D - kr B G - 0.3 B, G' = - kr (A + B) G."""
    other = bound(formed_by={"bcnu": "3 1/uM/h"}, repair="0.3 1/h", suicide="1e-5 1/h", name="links", start=200.0)
    one = bound(repair="0.04 1/h", suicide="1e-5 1/h")
    parts = [held(5.0), mdr.medium("bcnu", start="8 uM"), mdr.clone("S", start=1e6), mdr.damage.mgmt("S", start=5e3)]

    def rhs(t: float, y: np.ndarray) -> list[float]:
        A, B, G = y
        return [100 - 1e-5 * A * G - 0.04 * A, 24 - 1e-5 * B * G - 0.3 * B, -1e-5 * (A + B) * G]

    reached = solve_ivp(rhs, (0, 48), [0, 200, 5e3], "LSODA", [6, 24, 48], rtol=1e-11, atol=1e-10)
    for declared in ((one, other), (other, one)):
        model = mdr.Model(*parts, *declared)
        frame = model.simulate(until="48 h", times=["6 h", "24 h", "48 h"], accuracy=EXACT).frame.loc[[6.0, 24.0, 48.0]]
        found = frame[["adducts_in_S", "links_in_S", "mgmt_in_S"]].to_numpy()
        np.testing.assert_allclose(found, reached.y.T, rtol=1e-7)


def test_a_cargo_that_hastens_repair_hastens_that_of_all_damage() -> None:
    parts = [
        mdr.medium("bcnu", start="8 uM"),
        mdr.clone("S"),
        mdr.clone("R"),
        mdr.vesicles.release({"R": "200 1/day"}, clearance="0.1 1/h"),
        mdr.vesicles.uptake("S", rate="1e-7 mL/h"),
        mdr.vesicles.cargo("mir", load={"R": 10.0}, into="S", decay="0.05 1/h"),
        mdr.vesicles.effect("mir", on="S", what="repair", size=2.0, half=100),
        bound(repair="0.1 1/h"),
        bound(formed_by={"bcnu": "3 1/uM/h"}, repair="0.3 1/h", name="links"),
    ]
    model = mdr.Model(held(1.0), *parts)
    names = ("adducts_S", "links_S")
    factors = [model.processes[f"repair_{name}"].rate / symbol(name) / symbol(f"repair_{name}") for name in names]
    assert factors[0] == factors[1]
    assert "size_mir_repair_S" in map(str, factors[0].free_symbols)


def test_damaged_cells_keep_their_adducts_and_bring_back_what_is_left_of_them() -> None:
    both = ["S", "damaged_S"]
    model = mdr.Model(
        held(3.0),
        mdr.clone("S", start=1e6),
        bound(on=both, formed_by={"tmz": "0 1/uM/h"}, repair="0.2 1/h"),
        mdr.death.path("tmz", on="S", slope="0.1 1/uM/h", via="damaged"),
        mdr.death.damaged("S", recovery="0.05 1/h", death="0.02 1/h"),
    )

    def rhs(t: float, y: np.ndarray) -> list[float]:
        S, D, A, B = y
        return [
            -0.3 * S + 0.05 * D,
            0.3 * S - 0.07 * D,
            -0.3 * A + 0.05 * B - 0.2 * A,
            0.3 * A - 0.07 * B - 0.2 * B,
        ]

    reached = solve_ivp(rhs, (0, 24), [1e6, 0, 5e7, 0], "LSODA", [24], rtol=1e-11, atol=1e-6).y[:, -1]
    start = {"S": 1e6, "adducts_S": 5e7}
    end = model.simulate(until="24 h", times=["24 h"], start=start, accuracy=EXACT).frame.iloc[-1]
    np.testing.assert_allclose(end[["S", "damaged_S", "adducts_S", "adducts_damaged_S"]], reached, rtol=1e-7)


def joined(*parts: Mechanism) -> Callable[[], Model]:
    return lambda: mdr.Model(held(), mdr.clone("S"), *parts)


BAD: Sequence[tuple[str, Callable[[], object], str]] = [
    ("no drug", lambda: mdr.damage.adducts(formed_by={}, on="S"), "no drug forms them"),
    ("unknown drug", joined(bound(formed_by={"tmx": "1 1/uM/h"})), "did you mean 'tmz'"),
    ("unknown clone", joined(bound(on="T")), "'T', which is neither|'T', which is not a clone"),
    ("a clone in grams", lambda: mdr.Model(held(), mdr.clone("S", unit="g"), bound()), "number of cells"),
    ("no MGMT", joined(bound(suicide="1 1/h")), r"declare damage.mgmt\('S', ...\)"),
    ("negative start", joined(mdr.damage.mgmt("S", start=-1.0)), "outside its bounds"),
    ("formation per time", joined(bound(formed_by={"tmz": "1 1/h"})), "1/h"),
]


@pytest.mark.parametrize(("build", "words"), [case[1:] for case in BAD], ids=[case[0] for case in BAD])
def test_what_cannot_be_meant_is_refused(build: Callable[[], object], words: str) -> None:
    with pytest.raises(PkpdMdrError, match=words):
        build()
