"""Vesicles, graded: closed forms, limits, delivery of what they carry, bounded effects, balances with everything on."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.integrate import solve_ivp
from scipy.optimize import brentq
from strategies.ledger import EXACT, books, sources

import pkpd_mdr as mdr
from pkpd_mdr.errors import ModelError, RegimenError, UnitError
from pkpd_mdr.model import Mechanism, Model, Scope

FEW = settings(max_examples=15)


def exponential(rate: str) -> mdr.growth.Growth:
    return mdr.growth.exponential(rate=rate)


def donors(*more: Mechanism, S: object = 4e6, R: object = 1e6, **given: object) -> Model:
    release = {"clearance": "0.2 1/h", "volume": "2 mL", **given}
    return Model(
        mdr.clone("S", start=S),
        mdr.clone("R", start=R),
        mdr.vesicles.release({"R": "10 1/h"}, **release),
        mdr.vesicles.uptake("S", rate="1e-7 mL/h"),
        *more,
    )


def end(model: Model, until: str, *names: str, regimen: mdr.Regimen | None = None, **options: object) -> list[float]:
    frame = model.simulate(regimen, until=until, times=[until], accuracy=EXACT, **options).frame
    return [float(frame[name].iloc[-1]) for name in names]


# -- release and uptake ---------------------------------------------------------------------------------------


@pytest.mark.law("I3")
@FEW
@given(
    sig=st.floats(0.1, 500),
    kap=st.floats(1e-10, 1e-6),
    loss=st.floats(0.01, 1),
    R=st.floats(1e3, 1e8),
    V=st.floats(0.1, 10),
)
def test_steady_state_and_half_life(sig: float, kap: float, loss: float, R: float, V: float) -> None:
    """X = sig*N_R/(del*V + kap*N); with the donor removed it halves in ln2/(del + kap*N/V)."""
    model = Model(
        mdr.clone("S", start=1e6),
        mdr.clone("R", start=R),
        mdr.vesicles.release({"R": f"{sig} 1/h"}, clearance=f"{loss} 1/h", volume=f"{V} mL"),
        mdr.vesicles.uptake("S", rate=f"{kap} mL/h"),
    )
    level = sig * R / (loss * V + kap * 1e6)
    (found,) = end(model, f"{40 / loss} h", "EV")
    assert found == pytest.approx(level, rel=1e-7)
    half = math.log(2) / (loss + kap * 1e6 / V)
    (left,) = end(model, f"{half} h", "EV", start={"R": 0.0, "EV": f"{level} vesicle/mL"})
    assert left == pytest.approx(level / 2, rel=1e-7)


def test_uptake_saturates() -> None:
    """Half the linear uptake per vesicle at Kx."""
    saturable = mdr.vesicles.uptake("S", rate="1e-7 mL/h", saturation="1e6 vesicle/mL")
    model = Model(mdr.clone("S", start=1e6), mdr.vesicles.release({"S": "0 1/h"}, clearance="0 1/h"), saturable)
    frame = model.simulate(until="1e-6 h", times="1e-6 h", start={"EV": "1e6 vesicle/mL"}, accuracy=EXACT).frame
    assert (1e6 - frame["EV"].iloc[-1]) / 1e-6 == pytest.approx(0.5 * 1e-7 * 1e6 * 1e6, rel=1e-3)


def test_any_cells_may_give_and_take() -> None:
    """Fibroblasts and effector cells that a user declares, beside clones."""
    model = Model(
        mdr.clone("S", start=1e6),
        mdr.state("CAF", 2e6, unit="cell", kind="cells"),
        mdr.state("NK", 1e5, unit="cell", kind="cells"),
        mdr.vesicles.release({"CAF": "5 1/h", "S": "1 1/h", "NK": "2 1/h"}, clearance="0.1 1/h", name="X"),
        mdr.vesicles.uptake(["S", "NK"], rate="1e-9 mL/h", vesicles="X"),
        mdr.vesicles.cargo("mir", load={"CAF": 3, "NK": 1}, into=["S", "NK"], vesicles="X"),
    )
    names = ("X", "mir_X", "m_mir_S", "m_mir_NK", "S", "CAF", "NK")
    X, carried, in_S, in_NK, *numbers = end(model, "300 h", *names)
    assert pytest.approx((1e7 + 1e6 + 2e5) / (0.1 + 1e-9 * 1.1e6), rel=1e-6) == X
    assert carried / X == pytest.approx((3 * 1e7 + 2e5) / (1e7 + 1e6 + 2e5), rel=1e-6)
    assert in_S == pytest.approx(in_NK, rel=1e-9)
    assert numbers == [1e6, 2e6, 1e5]


def test_secretion_under_an_inducer_and_an_inhibitor() -> None:
    drugs = [mdr.medium("dox", start="100 nM"), mdr.medium("gw4869", start="1 uM")]
    induced = mdr.vesicles.induction("dox", on="R", emax=4, ec50="100 nM")
    blocked = mdr.vesicles.inhibition("gw4869", on="R", emax=0.8, ec50="1 uM")
    levels = [
        end(donors(*drugs, *parts), "400 h", "EV")[0] for parts in ((), (induced,), (blocked,), (induced, blocked))
    ]
    assert levels[1] / levels[0] == pytest.approx(1 + 4 / 2, rel=1e-6)
    assert levels[2] / levels[0] == pytest.approx(1 - 0.8 / 2, rel=1e-6)
    assert levels[3] / levels[0] == pytest.approx(3 * 0.6, rel=1e-6)


# -- limits: off is absent ------------------------------------------------------------------------------------


def resistance_by_cargo(*more: Mechanism, **release: object) -> Model:
    """Sensitive cells that pump the drug out because of a cargo."""
    return Model(
        mdr.medium("dox", start="200 nM"),
        mdr.medium("gw4869"),
        mdr.clone("S", growth=exponential("0.02 1/h"), start=1e6),
        mdr.clone("R", growth=exponential("0.02 1/h"), start=1e6),
        mdr.intracellular("dox", on="S", k0="1 1/h", vP="0.1 uM/h", Km="1 uM", form="quasi-steady"),
        mdr.kill("dox", on="S", site="S", emax="0.06 1/h", ec50="50 nM"),
        mdr.vesicles.release({"R": "50 1/h"}, **{"clearance": "0.2 1/h", **release}),
        mdr.vesicles.uptake("S", rate="1e-7 mL/h"),
        mdr.vesicles.cargo("mir", load={"R": 10}, into="S", decay="0.05 1/h"),
        mdr.vesicles.effect("mir", on="S", what="efflux", drug="dox", size=100, half=50, hill=2),
        mdr.vesicles.inhibition("gw4869", on="R", ec50="1 nM"),
        *more,
    )


@pytest.mark.law("I5")
def test_depletion_without_end_or_full_inhibition_is_the_model_without_vesicles() -> None:
    plain = resistance_by_cargo()
    alone = resistance_by_cargo().with_parameters(secretion_EV_R="0 1/h")
    depleted = resistance_by_cargo(depletion="1e9 1/h")
    (with_vesicles,), (parental,) = end(plain, "96 h", "S"), end(alone, "96 h", "S")
    assert with_vesicles > 2 * parental
    assert end(depleted, "96 h", "S")[0] == pytest.approx(parental, rel=1e-5)
    assert end(plain, "96 h", "S", start={"medium_gw4869": "1 M"})[0] == pytest.approx(parental, rel=1e-5)
    bare = Model(
        *(
            part
            for part in plain.mechanisms
            if not part.label.startswith(("vesicles", "uptake", "cargo", "effect", "inhibition"))
        )
    )
    assert end(bare, "96 h", "S")[0] == pytest.approx(parental, rel=1e-8)


def test_sessions_remove_vesicles_with_what_they_carry() -> None:
    model = donors(mdr.vesicles.cargo("mir", load={"R": 10}, into="S"), mdr.vesicles.removal(), clearance="0 1/h")
    sessions = mdr.apheresis(0.6, at="24 h").every("24 h", times=3)
    held, expected = books(model, "mir", sessions, "10 day", times="12 h")
    np.testing.assert_allclose(held, expected, rtol=1e-9)
    before, after, lost = (
        end(model, until, "EV", "mir_EV", "lost_mir", regimen=sessions)
        for until in ("23.999999 h", "24.000001 h", "24.000001 h")
    )
    assert after[0] / before[0] == pytest.approx(0.4, rel=1e-5)
    assert after[1] / before[1] == pytest.approx(0.4, rel=1e-5)
    assert lost[2] == pytest.approx(0.6 * before[1], rel=1e-5)
    assert end(model, "10 day", "m_mir_S", regimen=sessions)[0] < end(model, "10 day", "m_mir_S")[0]


def test_a_session_removes_the_vesicles_of_the_reduced_form_too() -> None:
    rates = {"secretion": "0 1/h", "uptake": "0 mL/h", "clearance": "0.1 1/h", "conversion": 0.0}
    reduced = mdr.exosomes("R", "S", "R", start="1e6 vesicle/mL", **rates)
    model = mdr.Model(mdr.clone("S"), mdr.clone("R", resistant=True), reduced, mdr.vesicles.removal())
    run = model.simulate(mdr.apheresis(0.6, at="10 h"), until="20 h", times="20 h")
    assert run.frame["exosomes"].iloc[-1] == pytest.approx(0.4e6 * math.exp(-2.0), rel=1e-6)


# -- cargo ----------------------------------------------------------------------------------------------------


def test_cargo_against_the_equations_per_cell() -> None:
    """m' = c*kap*X/(1 + X/Kx) - (decay + growth)*m and X' by an independent solver; the cells grow and die."""
    g, c, kap, Kx, V = 0.03, 7.0, 2e-7, 5e5, 2.0
    model = Model(
        mdr.clone("S", growth=exponential(f"{g} 1/h"), death="0.01 1/h", start=1e5),
        mdr.clone("R", start=1e6),
        mdr.vesicles.release({"R": "3 1/h"}, clearance="0.2 1/h", volume=f"{V} mL"),
        mdr.vesicles.uptake("S", rate=f"{kap} mL/h", saturation=f"{Kx} vesicle/mL"),
        mdr.vesicles.cargo("mir", load={"R": c}, into="S", decay="0.05 1/h"),
    )

    def right(t: float, y: np.ndarray) -> list[float]:
        X, m = y
        N, taken = 1e5 * np.exp((g - 0.01) * t), kap * X / (1 + X / Kx)
        return [3e6 / V - 0.2 * X - taken * N / V, c * taken - (0.05 + g) * m]

    times = np.linspace(0, 120, 13)
    exact = solve_ivp(right, (0, 120), [0, 0], "LSODA", times, rtol=1e-11, atol=1e-12).y
    frame = model.simulate(until="120 h", times="10 h", accuracy=EXACT).frame
    np.testing.assert_allclose(frame["EV"], exact[0], rtol=1e-7)
    np.testing.assert_allclose(frame["m_mir_S"], exact[1], rtol=1e-7, atol=1e-9)
    np.testing.assert_allclose(frame["mir_EV"], c * V * frame["EV"], rtol=1e-8)


def test_uptake_takes_from_vesicles_what_it_adds_to_cells_and_moves_no_cell() -> None:
    model = donors(mdr.vesicles.cargo("mir", load={"R": 10}, into="S"))
    taken = model.processes["uptake_EV_S"]
    assert taken.moves["mir_S"] == -taken.moves["mir_EV"]
    assert set(taken.moves) == {"EV", "mir_EV", "mir_S"}
    assert set(sources(model, "mir")) == {"loading_mir_R"}


# -- effects --------------------------------------------------------------------------------------------------


class Offers:
    """Offers quantities as the mechanisms of damage, death and plasticity do, and shows them."""

    label = "offers"
    kinds = (("repair", "S"), ("mgmt synthesis", "S"), ("switching", "S>R"), ("apoptosis evasion", "S"))

    def declare(self, scope: Scope) -> None:
        base = scope.parameter("base", 0.3, unit="")
        for kind, owner in (*self.kinds, ("other-death evasion", "S")):
            scope.offer(kind, owner, lambda: base)

    def connect(self, scope: Scope) -> None:
        for kind, owner in (*self.kinds, ("other-death evasion", "S")):
            scope.observable(f"seen_{kind.replace(' ', '_').replace('-', '_')}", scope.find(kind, owner), "")


EFFECTS = [
    ("repair", {}, "seen_repair", "times"),
    ("mgmt", {}, "seen_mgmt_synthesis", "times"),
    ("stemness", {"into": "R"}, "seen_switching", "times"),
    ("epigenetic", {"into": "R"}, "seen_switching", "times"),
    ("apoptosis evasion", {}, "seen_apoptosis_evasion", "plus"),
    ("other-death evasion", {}, "seen_other_death_evasion", "plus"),
]


@pytest.mark.parametrize(("what", "more", "shown", "how"), EFFECTS)
@pytest.mark.parametrize("size", [0.8, 0.0, -0.5])
def test_bounded_effects(what: str, more: dict[str, str], shown: str, how: str, size: float) -> None:
    """At half the copies the effect is half its size, without cargo nothing, with endless cargo its size."""
    model = donors(
        mdr.vesicles.cargo("mir", load={"R": 10}, into="S"),
        mdr.vesicles.effect("mir", on="S", what=what, size=size, half=200, hill=2, **more),
        Offers(),
    )
    for copies, share in ((0, 0.0), (200, 0.5), (1e9, 1.0)):
        frame = model.simulate(until="1 h", start={"mir_S": copies * 4e6}).frame
        expected = 0.3 * (1 + size * share) if how == "times" else 0.3 + size * share
        assert frame[shown].iloc[0] == pytest.approx(expected, rel=1e-6)


def test_effects_on_growth_metabolism_efflux_and_active_p_gp() -> None:
    def model(*effects: Mechanism) -> Model:
        return Model(
            mdr.medium("dox", start="1e-6 nM"),
            mdr.clone("S", growth=exponential("0.02 1/h"), start=1e6),
            mdr.pgp.content("S", start=0.5),
            mdr.intracellular("dox", on="S", k0="1 1/h", vP="4 uM/h", Km="1 uM", kmet="0.5 1/h", form="quasi-steady"),
            mdr.vesicles.release({"S": "0 1/h"}, clearance="1 1/h"),
            mdr.vesicles.uptake("S", rate="1e-9 mL/h"),
            mdr.vesicles.cargo("mir", load={"S": 0}, into="S"),
            *effects,
        )

    def level(*effects: Mechanism) -> tuple[float, float]:
        frame = model(*effects).simulate(until="1e-4 h", start={"mir_S": 3e8}, accuracy=EXACT).frame
        growth = math.log(frame["S"].iloc[-1] / 1e6) / 1e-4
        return float(frame["C_dox_S"].iloc[0] / frame["C_dox"].iloc[0]), growth

    half = {"on": "S", "half": 300.0}
    pgp = mdr.vesicles.effect("mir", what="pgp", size=1.0, **half)
    efflux = mdr.vesicles.effect("mir", what="efflux", drug="dox", size=-0.6, **half)
    metabolism = mdr.vesicles.effect("mir", what="metabolism", drug="dox", size=4, **half)
    energy = mdr.vesicles.effect("mir", what="energy", size=-1, **half)
    assert level() == pytest.approx((1 / (1.5 + 2), 0.02), rel=1e-6)
    assert level(pgp)[0] == pytest.approx(1 / (1.5 + 4), rel=1e-6)
    assert level(efflux)[0] == pytest.approx(1 / (1.5 + 1.4), rel=1e-6)
    assert level(metabolism)[0] == pytest.approx(1 / (1 + 1.5 + 2), rel=1e-6)
    assert level(energy)[1] == pytest.approx(0.01, rel=1e-5)


def test_a_resensitising_cargo_lets_the_drug_in_again() -> None:
    """A negative effect on efflux: more drug inside, more kill."""

    def survivors(size: float) -> float:
        model = Model(
            mdr.medium("dox", start="200 nM"),
            mdr.clone("R", start=1e6),
            mdr.clone("S", start=1e6),
            mdr.pgp.content("R", start=1),
            mdr.intracellular("dox", on="R", k0="1 1/h", vP="20 uM/h", Km="1 uM", form="quasi-steady"),
            mdr.kill("dox", on="R", site="R", emax="0.1 1/h", ec50="50 nM"),
            mdr.vesicles.release({"S": "100 1/h"}, clearance="0.1 1/h"),
            mdr.vesicles.uptake("R", rate="1e-7 mL/h"),
            mdr.vesicles.cargo("mir451", load={"S": 10}, into="R"),
            mdr.vesicles.effect("mir451", on="R", what="efflux", drug="dox", size=size, half=100),
        )
        return end(model, "72 h", "R")[0]

    assert survivors(-1.0) < survivors(-0.5) < survivors(0.0)
    kill = 0.1 * 0.2 / 0.25
    assert survivors(-1.0) > 1e6 * math.exp(-kill * 72)


# -- P-gp and drug in vesicles --------------------------------------------------------------------------------


def test_vesicle_borne_p_gp_leaves_the_donor_and_arrives_in_the_recipient() -> None:
    model = donors(
        mdr.pgp.content("S"),
        mdr.pgp.content("R", start=1),
        mdr.vesicles.pgp({"R": 1e-3}, into="S"),
    )
    assert sources(model, "pgp") == {}
    frame = model.simulate(until="10 day", times="1 day", accuracy=EXACT).frame
    total = frame[["pgp_S", "pgp_R", "pgp_EV", "lost_pgp"]].sum(axis=1)
    np.testing.assert_allclose(total, 1e6, rtol=1e-9)
    np.testing.assert_allclose(frame["P_R"], np.exp(-1e-3 * 10 * frame.index.to_numpy() * 24), rtol=1e-7)
    assert frame["P_S"].iloc[-1] > 0
    assert (frame["S"] == 4e6).all()
    still = donors(mdr.pgp.content(["S", "R"]), mdr.vesicles.pgp({"R": 1e-3}, into="S"))
    assert end(still, "10 day", "pgp_EV") == [0.0]


def test_a_fivefold_shift_of_the_recipient_is_reachable_below_the_donor_level() -> None:
    """A2780/PTX vesicles make A2780/WT five-fold resistant: a rate of uptake does it where the donor is 30-fold."""

    def levels(uptake: float) -> list[float]:
        model = Model(
            mdr.clone("S", start=1e6),
            mdr.clone("R", start=4e6),
            mdr.pgp.content("S", degradation="0.02 1/h"),
            mdr.pgp.content("R", start=1, degradation="0.02 1/h", synthesis="0.03 1/h"),
            mdr.vesicles.release({"R": "10 1/h"}, clearance="0.05 1/h"),
            mdr.vesicles.uptake("S", rate=f"{uptake} mL/h"),
            mdr.vesicles.pgp({"R": 1e-3}, into="S"),
        )
        return end(model, "48 h", "P_S", "P_R")

    rate = brentq(lambda uptake: 1 + 29 * levels(uptake)[0] - 5, 1e-10, 1e-6, rtol=1e-6)
    level, donor = levels(rate)
    assert 1 + 29 * level == pytest.approx(5, rel=1e-4)
    assert 0 < level < 0.2 * donor


def paclitaxel(**decoy: object) -> Model:
    """The states of Wang et al. 2017: medium, free, tubulin-bound, sorted, released exosomes, recipient cell."""
    well = mdr.parameter("well", "1 mL")
    cell = {"k0": "5 1/h", "volume": "2 pL", "kb": "50 1/uM/h", "kd": "5 1/h", "Bmax": "59.2 uM"}
    shared = {"consumed": True, "outside_volume": well}
    return Model(
        mdr.medium("ptx", unit="nM", start="100 nM"),
        mdr.clone("D", start=2e6),
        mdr.clone("T", growth=exponential("0.03 1/h"), start=1e5),
        mdr.intracellular("ptx", on="D", ksort="31 1/h", kout="0.105 1/h", into="EV", **cell, **shared),
        mdr.intracellular("ptx", on="T", **cell),
        mdr.kill("ptx", on="T", site="T_bound", emax="0.1 1/h", ec50="20 uM", hill=2),
        mdr.vesicles.release({"D": "9 1/h"}, clearance="0.05 1/h"),
        mdr.vesicles.uptake("T", rate="1e-7 mL/h"),
        mdr.vesicles.drug("ptx", into="T", outside_volume=well if decoy else None, **decoy),
    )


def test_paclitaxel_is_sorted_released_and_taken_up_by_the_recipient() -> None:
    model = paclitaxel()
    frame = model.simulate(until="24 h", times="6 h", accuracy=EXACT).frame
    final = frame.iloc[-1]
    assert final["ptx_sorted_D"] > final["ptx_in_D"]
    assert final["ptx_in_EV"] > 0
    assert 0 < final["B_ptx_T"] <= 59200
    deliveries = model.processes["uptake_EV_T"].moves
    assert deliveries["ptx_in_T"] == -deliveries["ptx_in_EV"]


def test_a_decoy_binds_drug_and_lets_it_go_again() -> None:
    """At equilibrium bound/free = kon*X*V/koff; less is free, and all of it is accounted for."""
    model = Model(
        mdr.medium("dox", unit="nM", start="100 nM"),
        mdr.clone("S", start=1e6),
        mdr.vesicles.release({"S": "0 1/h"}, clearance="0 1/h", start="1e9 vesicle/mL"),
        mdr.vesicles.drug("dox", kon="3e-10 mL/h", koff="0.5 1/h", outside_volume="1 mL"),
    )
    (free,) = end(model, "200 h", "C_dox")
    assert free == pytest.approx(100 / (1 + 0.3 / 0.5), rel=1e-6)
    assert sources(model, "dox") == {}


# -- everything on --------------------------------------------------------------------------------------------


def everything() -> Model:
    """Two clones, fibroblasts, two pools of drug, P-gp by contact and in vesicles, cargo with effects, decoys."""
    well = mdr.parameter("well", "1 mL")
    K = mdr.parameter("K", "2e7 cell")
    drug = {
        "k0": "1 1/h",
        "vP": "4 uM/h",
        "Km": "0.5 uM",
        "inhibitors": {"ver": "1 uM"},
        "kb": "2 1/uM/h",
        "kd": "1 1/h",
    }
    drug |= {"Bmax": "3 uM", "kseq": "0.5 1/h", "krel": "0.2 1/h", "kmet": "0.1 1/h", "ksort": "0.05 1/h", "into": "EV"}
    return Model(
        mdr.medium("dox", unit="uM", start="1 uM"),
        mdr.medium("ver", unit="uM", half_life="6 h"),
        mdr.clone("S", growth=mdr.growth.logistic(rate="0.02 1/h", capacity=K), death="0.001 1/h", start=4e6),
        mdr.clone("R", growth=mdr.growth.logistic(rate="0.015 1/h", capacity=K), start=1e5),
        mdr.state("CAF", 1e6, unit="cell", kind="cells"),
        mdr.switching("S", "R", rate="0.0005 1/h", back="0.001 1/h"),
        mdr.kill("dox", on="S", site="S_bound", emax="0.03 1/h", ec50="0.3 uM", hill=2),
        mdr.kill("dox", on="R", site="R_bound", emax="0.012 1/h", ec50="0.3 uM", hill=2),
        mdr.resection(),
        mdr.pgp.content("S", start=0.1, synthesis="0.001 1/h", degradation="0.01 1/h"),
        mdr.pgp.content(
            "R", start=2, synthesis="0.02 1/h", degradation="0.01 1/h", induced_by="dox", slope="0.01 1/h/uM"
        ),
        mdr.pgp.contact(["S", "R"], rate="0.01 1/h"),
        mdr.intracellular("dox", on=["S", "R"], volume="2 pL", consumed=True, outside_volume=well, **drug),
        mdr.vesicles.release({"R": "20 1/h", "CAF": "5 1/h"}, clearance="0.1 1/h", depletion="0.01 1/h"),
        mdr.vesicles.induction("dox", on="R", emax=3, ec50="0.2 uM", site="R"),
        mdr.vesicles.uptake(["S", "R"], rate="1e-8 mL/h", saturation="1e9 vesicle/mL"),
        mdr.vesicles.removal(),
        mdr.vesicles.cargo("mir", load={"R": 10, "CAF": 2}, into=["S", "R"], decay="0.05 1/h"),
        mdr.vesicles.pgp({"R": 1e-4}, into=["S", "R"]),
        mdr.vesicles.drug("dox", into=["S", "R"], kon="1e-12 mL/h", koff="0.1 1/h", outside_volume=well),
        mdr.vesicles.effect("mir", on="S", what="efflux", drug="dox", size=3, half=100),
        mdr.vesicles.effect("mir", on="S", what="energy", size=0.2, half=100),
        mdr.vesicles.effect("mir", on="R", what="metabolism", drug="dox", size=1, half=100),
    )


@pytest.mark.parametrize("quantity", ["dox", "pgp", "mir"])
def test_everything_is_conserved_over_two_hundred_days(quantity: str) -> None:
    model = everything()
    made = {"dox": set(), "pgp": {"synthesis_pgp_S", "synthesis_pgp_R", "synthesis_dox_pgp_R"}}
    assert set(sources(model, quantity)) == made.get(quantity, {"loading_mir_R", "loading_mir_CAF"})
    acts = mdr.surgery(0.9, at="40 day") & mdr.apheresis(0.5, at="10 day").every("7 day", times=4)
    held, expected = books(model, quantity, acts, "200 day")
    np.testing.assert_allclose(held, expected, rtol=1e-9)
    assert held.max() > 0


def test_nothing_is_negative_and_both_engines_agree_with_everything_on() -> None:
    acts = mdr.surgery(0.9, at="40 day") & mdr.apheresis(0.5, at="10 day").every("7 day", times=4)
    model = everything()
    frame = model.simulate(acts, until="100 day", times="5 day", accuracy=mdr.Accuracy(1e-9, method="LSODA")).frame
    assert (frame[list(model.states)] >= 0).all().all()
    other = model.simulate(acts, until="100 day", times="5 day", accuracy=mdr.Accuracy(1e-8, method="BDF")).frame
    for name in ("S", "R", "P_S", "P_R", "C_dox_S", "m_mir_S", "EV", "lost_dox"):
        np.testing.assert_allclose(frame[name], other[name], rtol=1e-5, atol=1e-9 * frame[name].max())


def test_no_clone_escapes_a_drug_inside_by_vanishing() -> None:
    """An empty clone has no content; it goes on dying as with the drug around it, and does not come back."""
    model = everything().with_parameters(emax_dox_S_bound_S="0.2 1/h", emax_dox_R_bound_R="0.2 1/h")
    frame = model.simulate(until="60 day", times="10 day").frame
    assert frame["S"].iloc[-1] < 1e-9
    assert frame["R"].iloc[-1] < 1e-9


# -- refusals -------------------------------------------------------------------------------------------------

CARGO = mdr.vesicles.cargo("mir", load={"R": 1}, into="S")


@pytest.mark.parametrize(
    ("parts", "words"),
    [
        ([mdr.vesicles.cargo("mir", load={"S": 1}, into="S")], "secretion of 'EV@S'"),
        ([mdr.vesicles.cargo("mir", load={"R": 1}, into="R")], "uptake of 'EV@R'"),
        ([mdr.vesicles.pgp({"R": 0.1}, into="S")], "pgp of 'R'"),
        ([mdr.vesicles.inhibition("gw", on="R", ec50="1 uM")], "concentration of 'gw'"),
        ([mdr.vesicles.uptake("T", rate="1 mL/h")], "names 'T'"),
        ([mdr.vesicles.uptake("R", rate="1 mL/h", vesicles="EX")], "vesicles of 'EX'.*'EV'"),
        ([mdr.vesicles.effect("mir", on="S", what="repair", size=1, half=1), CARGO], "needs the repair of 'S'"),
        (
            [CARGO, mdr.vesicles.effect("mir", on="S", what="apoptosis evasion", size=0.5, half=1)],
            r"needs the apoptosis evasion of 'S', .*; add death.evasion\(...\) for it",
        ),
        ([mdr.vesicles.effect("mir", on="S", what="energy", size=1, half=1), CARGO], "birth of zero"),
        (
            [CARGO, mdr.vesicles.effect("mir", on="R", what="pgp", size=1, half=1), mdr.pgp.content("R")],
            "cargo of 'mir@R'",
        ),
        ([mdr.medium("dox"), mdr.vesicles.drug("dox", into="S")], "has no pool of 'dox'"),
        ([mdr.medium("dox"), mdr.vesicles.drug("dox", kon="1 mL/h")], "give outside_volume"),
    ],
)
def test_refusals_at_joining(parts: list[Mechanism], words: str) -> None:
    with pytest.raises(ModelError, match=words):
        donors(*parts)


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: mdr.vesicles.release({}, clearance="1 1/h"), "nobody secretes"),
        (lambda: mdr.vesicles.cargo("mir", load={}, into="S"), "nobody loads"),
        (lambda: mdr.vesicles.pgp({}, into="S"), "nobody exports"),
        (lambda: mdr.vesicles.drug("dox", koff="1 1/h"), "koff is given without kon"),
        (lambda: mdr.vesicles.effect("m", on="S", what="effux", size=1, half=1), "'efflux'"),
        (lambda: mdr.vesicles.effect("m", on="S", what="efflux", size=1, half=1), "'efflux' needs drug="),
        (lambda: mdr.vesicles.effect("m", on="S", what="energy", size=1, half=1, into="R"), "takes no into="),
        (lambda: mdr.Model(mdr.clone("S"), mdr.vesicles.removal()), "has no vesicles"),
        (lambda: donors(mdr.vesicles.removal("EVs")), "'EVs', which are no vesicles of the model; did you mean 'EV'"),
    ],
)
def test_refusals_of_declarations(make: object, words: str) -> None:
    with pytest.raises(ModelError, match=words):
        make()  # type: ignore[operator]


def test_a_size_below_minus_one_or_a_share_above_one_is_refused() -> None:
    with pytest.raises(ModelError, match="size_mir_repair_S"):
        donors(CARGO, Offers(), mdr.vesicles.effect("mir", on="S", what="repair", size=-1.5, half=1))
    with pytest.raises(ModelError, match="load_pgp_R"):
        donors(mdr.pgp.content(["S", "R"]), mdr.vesicles.pgp({"R": 2}, into="S"))
    with pytest.raises(UnitError, match="secretion_EV_R"):
        Model(mdr.clone("R"), mdr.vesicles.release({"R": 10}, clearance="1 1/h"))
    with pytest.raises(RegimenError, match="apheresis cannot remove"):
        mdr.apheresis(1.2)
    with pytest.raises(RegimenError, match="apheresis removes a share"):
        mdr.apheresis(0.8).scaled(2, port="apheresis")
