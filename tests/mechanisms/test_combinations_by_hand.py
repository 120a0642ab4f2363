"""Mechanisms in combinations that no other test has, against right-hand sides typed from the docstrings, by SciPy.

Each right-hand side was written before the code was looked at. Units are those of the tables of a run: hours, cells,
uM, umol, vesicles per mL; what cells hold stands as pools of whole clones. Numbers are ours.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial

import numpy as np
import pytest
from scipy.integrate import solve_ivp

import pkpd_mdr as mdr
from pkpd_mdr.model import Model

exponential, logistic = mdr.growth.exponential, mdr.growth.logistic
Right = Callable[[float, np.ndarray], Sequence[float] | np.ndarray]
Jump = Callable[[np.ndarray], np.ndarray]
Reading = Callable[[np.ndarray], float]
LN2 = np.log(2)


@dataclass
class Case:
    """A model under a plan, and its equations; jumps at hours, inflows (from, to, index, per hour), what is shown."""

    model: Model
    plan: mdr.Regimen
    right: Right
    start: Sequence[float]
    hours: float
    shown: Mapping[str, int | Reading]
    jumps: Sequence[tuple[float, Jump]] = ()
    inflows: Sequence[tuple[float, float, int, float]] = field(default_factory=tuple)


def put(index: int, level: float) -> Jump:
    return partial(_changed, index=[index], factor=0.0, more=level)


def given(index: int, amount: float) -> Jump:
    return partial(_changed, index=[index], factor=1.0, more=amount)


def kept(share: float, *index: int) -> Jump:
    return partial(_changed, index=list(index), factor=share, more=0.0)


def _changed(y: np.ndarray, index: list[int], factor: float, more: float) -> np.ndarray:
    y = y.copy()
    y[index] = factor * y[index] + more
    return y


def emax(C: float, half: float, hill: float = 1.0) -> float:
    u = (max(C, 0.0) / half) ** hill
    return float(u / (1 + u))


def by_hand(case: Case, times: np.ndarray) -> np.ndarray:
    """States at times, before what happens at them, integrated from edge to edge."""
    y, rows = np.array(case.start, dtype=float), []
    jumps = sorted(case.jumps, key=lambda item: item[0])
    edges = {*times, *(at for at, _ in jumps), *(edge for item in case.inflows for edge in item[:2])}
    now = 0.0
    for edge in sorted(edges):
        if edge > now:
            while jumps and jumps[0][0] <= now:
                y = jumps.pop(0)[1](y)
            extra = np.zeros(len(y))
            for begin, end, index, rate in case.inflows:
                extra[index] += rate * (begin <= now and edge <= end)

            def total(t: float, y: np.ndarray, extra: np.ndarray = extra) -> np.ndarray:
                return np.asarray(case.right(t, y)) + extra

            y = solve_ivp(total, (now, edge), y, method="LSODA", rtol=1e-10, atol=1e-11).y[:, -1]
            now = edge
        if edge in times:
            rows.append(y)
    return np.array(rows)


def intracellular_with_everything() -> Case:
    """Efflux, inhibitor, binding, storage, metabolism and export in two clones that switch; the medium is used up."""
    K = mdr.parameter("K", "4e6 cell")
    inside = {"kb": "0.9 1/uM/h", "kd": "0.05 1/h", "Bmax": "3 uM", "kseq": "0.2 1/h", "krel": "0.03 1/h"}
    lost = {"kmet": "0.05 1/h", "ksort": "0.1 1/h", "kout": "0.4 1/h", "dead": "released"}
    pump = {"k0": "0.8 1/h", "vP": "6 uM/h", "Km": "1.5 uM", "inhibitors": {"ver": "3 uM"}}
    induced = {"induced_by": "dox", "emax": "0.03 1/h", "ec50": "0.5 uM", "hill": 2, "site": "S"}
    model = Model(
        mdr.medium("dox", half_life="60 h"),
        mdr.medium("ver", half_life="20 h"),
        mdr.clone("S", growth=logistic(rate="0.03 1/h", capacity=K), start="3e5 cell"),
        mdr.clone("R", growth=logistic(rate="0.02 1/h", capacity=K), death="0.004 1/h", start="1e5 cell"),
        mdr.pgp.content("S", start=0.1, synthesis="0.002 1/h", degradation="0.02 1/h", **induced),
        mdr.pgp.content("R", start=1.0, synthesis="0.02 1/h", degradation="0.02 1/h"),
        mdr.intracellular(
            "dox", on=["S", "R"], volume="2 pL", consumed=True, outside_volume="0.1 mL", **pump, **inside, **lost
        ),
        mdr.kill("dox", on="S", site="S", emax="0.08 1/h", ec50="0.6 uM", hill=1.5),
        mdr.kill("dox", on="R", site="R_bound", slope="0.006 1/uM/h"),
        mdr.switching(
            "S", "R", rate="1e-3 1/h", induced_by="dox", slope="2e-3 1/uM/h", site="S_stored", back="5e-4 1/h"
        ),
    )
    plan = mdr.exposure("dox", "2 uM", over="30 h") & mdr.exposure("dox", "1 uM", at="30 h", over="70 h")
    plan &= mdr.exposure("ver", "5 uM", at="1 day", over="76 h") & mdr.exposure("dox", "3000 nM", at="5 day")
    jumps = [(0, put(0, 2.0)), (30, put(0, 1.0)), (24, put(1, 5.0)), (100, put(0, 0.0)), (100, put(1, 0.0))]
    shown: dict[str, int | Reading] = {"C_dox": 0, "S": 2, "R": 3}
    shown |= {"P_S": lambda y: y[4] / y[2], "P_R": lambda y: y[9] / y[3]}
    shown |= {"C_dox_S": lambda y: y[5] / y[2], "C_dox_R": lambda y: y[10] / y[3]}
    start = [0, 0, 3e5, 1e5, 3e4, 0, 0, 0, 0, 1e5, 0, 0, 0, 0]
    return Case(model, plan, _intracellular, start, 200, shown, [*jumps, (120, put(0, 3.0))])


def _intracellular(t: float, y: np.ndarray) -> np.ndarray:
    Ce, inhibitor, S, R = y[:4]
    P, C, B, L, X = y[4:9] / S
    room = 1 - (S + R) / 4e6
    kill = {"S": 0.08 * emax(C, 0.6, 1.5), "R": 0.006 * y[11] / R + 0.004}
    switch, back = 1e-3 + 2e-3 * L, 5e-4
    d = np.zeros(14)
    d[1] = -LN2 / 20 * inhibitor
    d[2] = 0.03 * room * S - (kill["S"] + switch) * S + back * R
    d[3] = 0.02 * room * R - (kill["R"] + back) * R + switch * S
    taken = freed = 0.0
    for clone, N, at, made in (("S", S, 4, 0.002 + 0.03 * emax(C, 0.5, 2)), ("R", R, 9, 0.02)):
        P, C, B, L, X = y[at : at + 5] / N
        entry = 0.8 * (Ce - C) - 6 * P * C / (1.5 * (1 + inhibitor / 3) + C)
        bound, stored = 0.9 * (3 - B) * C - 0.05 * B, 0.2 * C - 0.03 * L
        own = [made - 0.02 * P, entry - bound - stored - 0.15 * C, bound, stored, 0.1 * C - 0.4 * X]
        d[at : at + 5] += N * np.array(own) - kill[clone] * y[at : at + 5]
        taken += N * entry
        freed += kill[clone] * y[at + 1 : at + 5].sum()
    moved = back * y[9:14] - switch * y[4:9]
    d[4:9] += moved
    d[9:14] -= moved
    d[0] = -LN2 / 60 * Ce - 2e-12 / 1e-4 * (taken - freed)
    return d


def vesicles_of_three_donors() -> Case:
    """Cancer cells, fibroblasts and NK cells secrete two cargoes; induction, inhibition, saturation and apheresis."""
    K = mdr.parameter("K", "1e8 cell")
    model = Model(
        mdr.medium("dox", half_life="30 h"),
        mdr.medium("gw"),
        mdr.clone("S", growth=logistic(rate="0.02 1/h", capacity=K), start="1e7 cell"),
        mdr.clone("R", growth=logistic(rate="0.015 1/h", capacity=K), start="1e6 cell"),
        mdr.stroma.cells("CAF", start="2e6 cell", source="1e3 cell/h", death="0.001 1/h"),
        mdr.immune.effector("NK", start="1e5 cell", death="0.002 1/h"),
        mdr.immune.attack("NK", on=["S", "R"], rate="3e-8 1/cell/h"),
        mdr.vesicles.release(
            {"R": "20 1/h", "CAF": "8 1/h", "NK": "5 1/h"},
            clearance="0.15 1/h", volume="5 mL", depletion="0.02 1/h", start="1e6 vesicle/mL",
        ),
        mdr.vesicles.uptake(["S", "CAF"], rate="2e-8 mL/h", saturation="3e7 vesicle/mL"),
        mdr.vesicles.induction("dox", on=["R", "CAF"], emax=3, ec50="0.4 uM", hill=1.3),
        mdr.vesicles.inhibition("gw", on="R", emax=0.9, ec50="1 uM"),
        mdr.vesicles.cargo("mir", load={"R": 6, "CAF": 2}, into="S", decay="0.02 1/h"),
        mdr.vesicles.cargo("egf", load={"NK": 4, "CAF": 1}, into="S", decay="0.05 1/h"),
        mdr.vesicles.effect("mir", on="S", what="apoptosis evasion", size=0.7, half=4, hill=2),
        mdr.vesicles.effect("mir", on="S", what="stemness", into="R", size=5, half=3),
        mdr.vesicles.effect("egf", on="S", what="energy", size=-0.5, half=1),
        mdr.vesicles.removal(),
        mdr.switching("S", "R", rate="2e-4 1/h"),
        mdr.death.path("dox", on="S", emax="0.06 1/h", ec50="0.3 uM"),
        mdr.death.evasion("S", apoptosis=0.1),
        mdr.kill("dox", on="CAF", slope="0.004 1/uM/h"),
    )  # fmt: skip
    plan = mdr.exposure("dox", "1 uM", at="24 h", over="48 h") & mdr.exposure("dox", "500 nM", at="96 h")
    plan &= mdr.exposure("gw", "3 uM", at="48 h", over="102 h") & mdr.apheresis("60 %", at="60 h").every(
        "24 h", times=4
    )
    jumps = [(24, put(0, 1.0)), (72, put(0, 0.0)), (96, put(0, 0.5)), (48, put(1, 3.0)), (150, put(1, 0.0))]
    jumps += [(60 + 24 * k, kept(0.4, 6, 7, 9)) for k in range(4)]
    names = ("C_dox", "C_gw", "S", "R", "CAF", "NK", "EV", "mir_EV", "mir_S", "egf_EV", "egf_S")
    shown = {name: at for at, name in enumerate(names)}
    return Case(model, plan, _vesicles, [0, 0, 1e7, 1e6, 2e6, 1e5, 1e6, 0, 0, 0, 0], 240, shown, jumps)


def _vesicles(t: float, y: np.ndarray) -> Sequence[float]:
    dox, gw, S, R, F, N, X, mir_out, mir, egf_out, egf = np.maximum(y, 0)
    m, e, room = mir / S, egf / S, 1 - (S + R) / 1e8
    taken = 2e-8 / (1 + X / 3e7) / 5
    more = 1 + 3 * emax(dox, 0.4, 1.3)
    by_R, by_F, by_N = 20 * more * (1 - 0.9 * emax(gw, 1)) * R, 8 * more * F, 5 * N
    evaded = min(0.1 + 0.7 * emax(m, 4, 2), 1.0)
    switch, attack = 2e-4 * (1 + 5 * emax(m, 3)), 3e-8 * N
    out = 0.06 * emax(dox, 0.3) * (1 - evaded) + attack + switch
    gone = 0.17 + taken * (S + F)
    return [
        -LN2 / 30 * dox,
        0.0,
        0.02 * room * (1 - 0.5 * emax(e, 1)) * S - out * S,
        0.015 * room * R + switch * S - attack * R,
        1e3 - 0.001 * F - 0.004 * dox * F,
        -0.002 * N,
        (by_R + by_F + by_N) / 5 - gone * X,
        6 * by_R + 2 * by_F - gone * mir_out,
        taken * S * mir_out - (0.02 + out) * mir,
        4 * by_N + by_F - gone * egf_out,
        taken * S * egf_out - (0.05 + out) * egf,
    ]


def pgp_on_every_way() -> Case:
    """P-gp by vesicles, by contact of three clones, by nanotubes of two; cells hand resistance on; radiation."""
    clones = (("S", 0.02, 5e5), ("R", 0.012, 1e5), ("T", 0.015, 2e5))
    model = Model(
        mdr.medium("dox"),
        *[mdr.clone(name, growth=exponential(rate=(rate, "1/h")), start=start) for name, rate, start in clones],
        mdr.pgp.content(["S", "T"], degradation="0.02 1/h"),
        mdr.pgp.content("R", start=1.2, synthesis="0.03 1/h", degradation="0.02 1/h"),
        mdr.pgp.contact(["S", "R", "T"], rate="4e-8 1/cell/h", dependence="density"),
        mdr.pgp.contact(["R", "T"], rate="0.03 1/h", name="tube"),
        mdr.vesicles.release({"R": "10 1/h", "T": "4 1/h"}, clearance="0.1 1/h", volume="2 mL", name="exo"),
        mdr.vesicles.uptake(["S", "T"], rate="1e-7 mL/h", vesicles="exo"),
        mdr.vesicles.pgp({"R": 2e-3, "T": 1e-3}, into=["S", "T"], vesicles="exo"),
        mdr.intracellular("dox", on=["S", "R", "T"], k0="0.5 1/h", vP="5 uM/h", Km="1 uM"),
        *[mdr.kill("dox", on=name, site=name, slope="0.05 1/uM/h") for name in "SRT"],
        mdr.contact_transfer("R", "S", "T", rate="0.004 1/h", loss="0.002 1/h", fixation="0.001 1/h"),
        mdr.radiotherapy(dict.fromkeys("SRT", "0.2 1/Gy")),
    )
    plan = mdr.exposure("dox", "0.8 uM", over="60 h") & mdr.radiation("2 Gy", at="90 h").every("1 day", times=2)
    survive = kept(np.exp(-0.4), *range(3, 12))
    jumps = [(0, put(0, 0.8)), (60, put(0, 0.0)), (90, survive), (114, survive)]
    shown: dict[str, int | Reading] = {"exo": 1, "pgp_exo": 2, "S": 3, "R": 4, "T": 5}
    shown |= {f"P_{name}": lambda y, i=i: y[6 + i] / y[3 + i] for i, name in enumerate("SRT")}
    shown |= {f"C_dox_{name}": lambda y, i=i: y[9 + i] / y[3 + i] for i, name in enumerate("SRT")}
    return Case(model, plan, _pgp, [0, 0, 0, 5e5, 1e5, 2e5, 0, 1.2e5, 0, 0, 0, 0], 160, shown, jumps)


def _pgp(t: float, y: np.ndarray) -> np.ndarray:
    dox, X, shed = y[:3]
    N, Q, drug = y[3:6], y[6:9], y[9:12]
    P, C = Q / N, drug / N
    kill, secreted = 0.05 * C, np.array([0.0, 10.0, 4.0])
    carried, taken = np.array([0.0, 2e-3, 1e-3]) * secreted, 1e-7 / 2 * np.array([N[0], 0.0, N[2]])
    dN = (np.array([0.02, 0.012, 0.015]) - kill) * N
    dQ = -(0.02 + kill + carried) * Q + taken * shed
    dQ[1] += 0.03 * N[1]
    dQ += 4e-8 * N * (Q.sum() - N.sum() * P)
    tube = 0.03 * N[1] * N[2] / N.sum() * (P[1] - P[2])
    dQ += np.array([0.0, -tube, tube])
    d_drug = N * (0.5 * (dox - C) - 5 * P * C / (1 + C)) - kill * drug
    gained, lost, fixed = 0.004 * N[1] * N[0] / N.sum(), 0.002 * N[2], 0.001 * N[2]
    for rate, per in ((dN, np.ones(3)), (dQ, P), (d_drug, C)):
        up, down, over = gained * per[0], lost * per[2], fixed * per[2]
        rate += np.array([down - up, over, up - down - over])
    dX = (secreted * N).sum() / 2 - (0.1 + taken.sum()) * X
    return np.concatenate([[0.0, dX, (carried * Q).sum() - (0.1 + taken.sum()) * shed], dN, dQ, d_drug])


def drug_in_vesicles() -> Case:
    """R sorts drug into vesicles, S takes it up; vesicles bind drug in a tumour that cells empty."""
    inside = {"k0": "1 1/h", "site": "tumour", "consumed": True}
    model = Model(
        mdr.pk.one_compartment("ptx", CL="10 L/h", V="40 L", molar_mass="853.9 g/mol"),
        mdr.delivery.tumour("ptx", kin="0.3 1/h", kout="0.5 1/h", volume="50 mL", barrier=0.2),
        mdr.clone("S", growth=exponential(rate="0.01 1/h"), start="2e9 cell"),
        mdr.clone("R", growth=exponential(rate="0.008 1/h"), start="1e9 cell"),
        mdr.intracellular("ptx", on="S", **inside),
        mdr.intracellular("ptx", on="R", ksort="0.6 1/h", into="EV", **inside),
        mdr.vesicles.release({"R": "30 1/h"}, clearance="0.1 1/h", volume="50 mL"),
        mdr.vesicles.uptake("S", rate="1e-9 mL/h"),
        mdr.vesicles.drug("ptx", into="S", kon="2e-12 mL/h", koff="0.2 1/h", site="tumour"),
        mdr.kill("ptx", on="S", site="S", slope="0.02 1/uM/h"),
    )

    def right(t: float, y: np.ndarray) -> Sequence[float]:
        A, At, S, R, X, within, upon, in_S, in_R = y
        entry, back = 0.8 * 0.3 * A / 40 * 0.05, 0.5 * At
        to_S, to_R = S * 1e-12 * At / 0.05 - in_S, R * 1e-12 * At / 0.05 - in_R
        bound, freed, gone = 2e-15 * X * 50 * At / 0.05, 0.2 * upon, 0.1 + 1e-9 * S / 50
        kill, eaten = 0.02 * in_S / (S * 1e-12), 1e-9 * S / 50
        return [
            -10 * A / 40 - entry + back,
            entry - back - to_S - to_R - bound + freed,
            (0.01 - kill) * S,
            0.008 * R,
            30 * R / 50 - gone * X,
            0.6 * in_R - gone * within,
            bound - freed - gone * upon,
            to_S - kill * in_S + eaten * (within + upon),
            to_R - 0.6 * in_R,
        ]

    rate = 175 / 0.8539 / 3
    shown: dict[str, int | Reading] = {"central_ptx": 0, "tumour_ptx": 1, "S": 2, "R": 3, "EV": 4}
    shown |= {"C_ptx_S": lambda y: y[7] / y[2] / 1e-12, "C_ptx_R": lambda y: y[8] / y[3] / 1e-12}
    plan = mdr.infusion("ptx", "175 mg", over="3 h").every("48 h", times=2)
    start = [0, 0, 2e9, 1e9, 0, 0, 0, 0, 0]
    return Case(model, plan, right, start, 120, shown, inflows=[(0, 3, 0, rate), (48, 51, 0, rate)])


def immune_with_everything() -> Case:
    """CAR-T and NK cells, Treg, MDSC, fibroblasts, PD-L1, antigen loss; lymphodepletion, an antibody, radiation."""
    K = mdr.parameter("K", "2e9 cell")
    model = Model(
        mdr.clone("S", growth=logistic(rate="0.3 1/day", capacity=K), start="1e8 cell"),
        mdr.clone("N", growth=logistic(rate="0.25 1/day", capacity=K), start="1e5 cell"),
        mdr.immune.effector("CAR", death="0.05 1/day", F=0.3, lag="6 h"),
        mdr.immune.effector("NK", source="2e5 cell/day", death="0.04 1/day", start="3e6 cell"),
        mdr.immune.effector("Tex", death="0.1 1/day"),
        mdr.immune.suppressor("Treg", start="1e5 cell", death="0.1 1/day", source="1e4 cell/day"),
        mdr.immune.suppressor("MDSC", death="0.25 1/day"),
        mdr.stroma.cells("CAF", start="1e7 cell", death="0.01 1/day"),
        mdr.stimulation("MDSC", rate="2e6 cell/day", half="1e8 cell", form="influx"),
        mdr.stimulation("Treg", rate="0.2 1/day", half="1e7 cell", by="CAR"),
        mdr.stimulation("CAR", rate="1.2 1/day", half="5e7 cell", hill=1.5),
        mdr.stimulation("CAF", rate="0.05 1/day", by="S", half="2e8 cell"),
        mdr.immune.attack("CAR", on=["S", "N"], rate="3 1/day", form="ratio", half=0.4, exponent=1.3),
        mdr.immune.attack(
            "NK", on=["S", "N"], rate="1.5 1/day", form="effector_saturated", half="5e7 cell", by_antigen=False
        ),
        mdr.immune.antigen({"N": 0.1, "S": 0.9}),
        mdr.immune.antigen_loss("S", "N", effector="CAR", share=0.02),
        mdr.immune.exhaustion("CAR", rate="0.3 1/day", half="3e8 cell", into="Tex"),
        mdr.immune.exhaustion("NK", rate="1e-10 1/cell/day", by="S"),
        mdr.immune.priming("CAR", by="NK", rate="1e-11 1/cell/day"),
        mdr.immune.suppression("Treg", on="CAR", half="2e6 cell", hill=2, floor=0.2),
        mdr.immune.suppression("MDSC", on=["CAR", "NK"], slope="2e-7 1/cell"),
        mdr.immune.suppression("Treg", on="CAR", of="stimulation", half="1e7 cell"),
        mdr.immune.checkpoint(
            {"S": 0.7, "N": 0.5}, antibody="nivo", kd={"S": "2 mg/L", "N": "200 mg/L"}, effectors="CAR"
        ),
        mdr.stroma.barrier("CAF", against="effectors", of="S", most=0.8, half="3e7 cell", hill=1.5),
        mdr.pk.one_compartment("nivo", CL="0.2 L/day", V="6 L"),
        mdr.pk.one_compartment("flu", CL="8 L/h", V="40 L"),
        mdr.kill("flu", on=["CAR", "NK", "Treg"], slope="0.5 L/mg/day"),
        mdr.radiotherapy({"S": ("0.15 1/Gy", "0.02 1/Gy**2"), "N": "0.2 1/Gy", "CAR": "0.4 1/Gy", "NK": "0.3 1/Gy"}),
    )
    plan = mdr.infusion("flu", "50 mg", over="30 min", at="2 day").every("1 day", times=3)
    plan &= mdr.bolus("CAR", "1e6 cell/kg", weight="80 kg", at="7 day")
    plan &= mdr.infusion("nivo", "240 mg", over="1 h", at="10 day").every("14 day", times=3)
    plan &= mdr.radiation("3 Gy", at="20 day").every("1 day", times=2)
    hit = np.exp([-0.15 * 3 - 0.02 * 9, -0.2 * 3, -0.4 * 3, -0.3 * 3, *[0.0] * 6])
    jumps = [(174.0, given(2, 0.3 * 8e7)), (480.0, lambda y: y * hit), (504.0, lambda y: y * hit)]
    inflows = [(48.0 + 24 * k, 48.5 + 24 * k, 8, 100.0) for k in range(3)]
    inflows += [(240.0 + 336 * k, 241.0 + 336 * k, 7, 240.0) for k in range(3)]
    names = ("S", "N", "CAR", "NK", "Tex", "Treg", "MDSC", "central_nivo", "central_flu", "CAF")
    start = [1e8, 1e5, 0, 3e6, 0, 1e5, 0, 0, 0, 1e7]
    return Case(model, plan, _immune, start, 1440, {name: at for at, name in enumerate(names)}, jumps, inflows)


def _immune(t: float, y: np.ndarray) -> np.ndarray:
    S, N, C, NK, Tex, Treg, MDSC, nivo, flu, CAF = y
    room, seen, harm = 1 - (S + N) / 2e9, 0.9 * S + 0.1 * N, 0.5 * flu / 40
    held = np.exp(-2e-7 * MDSC)
    ratio = 3 * emax(C, 0.4 * (S + N), 1.3) * (0.2 + 0.8 / (1 + (Treg / 2e6) ** 2)) * held
    access = 1 - 0.8 * emax(CAF, 3e7, 1.5)
    on_S = ratio * 0.9 * access * (1 - 0.7 / (1 + nivo / 6 / 2))
    on_N = ratio * 0.1 * (1 - 0.5 / (1 + nivo / 6 / 200))
    by_NK, roused = 1.5 * NK / (5e7 + NK) * held, 1 / (1 + Treg / 1e7)
    tired = 0.3 * C * seen / (3e8 + seen)
    per_day = [
        0.3 * room * S - 1.02 * on_S * S - by_NK * access * S,
        0.25 * room * N - on_N * N - by_NK * N + 0.02 * on_S * S,
        (1.2 * emax(seen, 5e7, 1.5) * C + 1e-11 * NK * seen) * roused - 0.05 * C - tired - harm * C,
        2e5 - 0.04 * NK - 1e-10 * NK * 0.9 * S - harm * NK,
        tired - 0.1 * Tex,
        1e4 - 0.1 * Treg + 0.2 * emax(C, 1e7) * Treg - harm * Treg,
        2e6 * emax(S + N, 1e8) - 0.25 * MDSC,
        -0.2 * nivo / 6,
        -8 * 24 * flu / 40,
        -0.01 * CAF + 0.05 * emax(S, 2e8) * CAF,
    ]
    return np.array(per_day) / 24


def liposomes_behind_stroma() -> Case:
    """Free and liposomal drug behind fibroblasts that it kills; cells use it up, become tolerant and mutate."""
    law = mdr.growth.exponential_linear
    pld = {"uptake": "2e-3 1/h", "release": "0.06 1/h", "leakage": "1e-3 1/h", "molar_mass": "543.5 g/mol"}
    model = Model(
        mdr.pk.two_compartment("dox", CL="50 L/h", V1="20 L", Q="60 L/h", V2="500 L", molar_mass="543.5 g/mol"),
        mdr.delivery.tumour("dox", kin="0.5 1/h", kout="0.3 1/h", volume="100 mL", fu=0.3),
        mdr.delivery.carrier("pld", drug="dox", CL="0.04 L/h", V="4 L", **pld),
        mdr.clone("S", growth=law(rate="0.01 1/h", linear="2e7 cell/h", psi=5), start="1e9 cell"),
        mdr.clone("R", growth=law(rate="0.008 1/h", linear="1e7 cell/h", psi=5), start="1e8 cell"),
        mdr.stroma.cells("CAF", start="5e8 cell", death="0.002 1/h"),
        mdr.stroma.barrier("CAF", against="delivery", of=["dox", "pld"], most=0.9, half="2e8 cell"),
        mdr.delivery.consumption("dox", by=["S", "R"], site="tumour", Vmax="1 fmol/h", Km="0.5 uM"),
        mdr.kill("dox", on="S", site="tumour", emax="0.05 1/h", ec50="0.2 uM"),
        mdr.kill("dox", on="R", site="tumour", emax="0.05 1/h", ec50="6 uM"),
        mdr.kill("dox", on="CAF", site="tumour", slope="0.01 1/uM/h"),
        mdr.tolerance("dox", on="S", rate="0.02 1/h", half="1 uM", site="tumour"),
        mdr.mutation("S", "R", probability=1e-4),
    )

    def right(t: float, y: np.ndarray) -> Sequence[float]:
        A1, A2, At, L, Lt, S, R, CAF, M = y
        C, Ct, w, open_ = A1 / 20, At / 0.1, S + R, 1 - 0.9 * emax(CAF, 2e8)
        entry, back, lodged = open_ * 0.5 * 0.3 * C * 0.1, 0.3 * At, open_ * 2e-3 * L
        born = 0.01 / (1 + (0.01 * w / 2e7) ** 5) ** 0.2
        return [
            -50 * C - 60 * C + 60 * A2 / 500 - entry + back + 1e-3 * L,
            60 * C - 60 * A2 / 500,
            entry - back + 0.06 * Lt - 1e-9 * emax(Ct, 0.5) * w,
            -0.01 * L - 1e-3 * L - lodged,
            lodged - 0.06 * Lt,
            (born * (1 - 1e-4) - 0.05 * emax(Ct, 0.2) / (1 + M)) * S,
            (0.008 / (1 + (0.008 * w / 1e7) ** 5) ** 0.2 - 0.05 * emax(Ct, 6)) * R + 1e-4 * born * S,
            -(0.002 + 0.01 * Ct) * CAF,
            0.02 * (Ct - M),
        ]

    plan = mdr.infusion("pld", "50 mg/m**2", over="1 h", body_surface="1.8 m**2").every("14 day", times=2)
    plan &= mdr.infusion("dox", "30 mg", over="0.5 h", at="5 day")
    inflows = [(0, 1, 3, 90 / 0.5435), (336, 337, 3, 90 / 0.5435), (120, 120.5, 0, 30 / 0.5435 / 0.5)]
    names = ("central_dox", "peripheral_dox", "tumour_dox", "central_pld", "tumour_pld", "S", "R", "CAF")
    shown = {name: at for at, name in enumerate((*names, "tolerance_dox_tumour"))}
    return Case(model, plan, right, [0, 0, 0, 0, 0, 1e9, 1e8, 5e8, 0], 600, shown, inflows=inflows)


def three_deaths() -> Case:
    """A late apoptosis that fades, death in stages to which cells get used, damage; evasion, transfer, surgery."""
    model = Model(
        mdr.pk.one_compartment("dox", CL="50 L/h", V="500 L", molar_mass="543.5 g/mol"),
        mdr.medium("tx", unit="nM", half_life="24 h"),
        mdr.clone("S", growth=mdr.growth.exponential_linear(rate="0.012 1/h", linear="5e6 cell/h"), start="1e8 cell"),
        mdr.clone("R", growth=logistic(rate="0.01 1/h", capacity="1e9 cell"), start="1e6 cell"),
        mdr.death.path("dox", on=["S", "R"], emax="0.05 1/h", ec50="0.1 uM", hill=1.5, stages=3, delay="20 h"),
        mdr.death.path("tx", on="S", path="other", slope="5e-4 1/nM/h", via="transit"),
        mdr.death.path("dox", on="S", path="other", slope="0.05 1/uM/h", via="damaged"),
        mdr.death.transit("S", rate="0.05 1/h", stages=2),
        mdr.death.damaged("S", death="0.01 1/h", at_division=1.5),
        mdr.death.evasion("S", apoptosis=0.2, other=0.4),
        mdr.death.evasion("R", apoptosis=0.9),
        mdr.fading("dox", on="S", rate="0.003 1/h", since="start"),
        mdr.tolerance("tx", on="S", rate="0.03 1/h", half="100 nM"),
        mdr.contact_transfer("R", "S", "R", rate="0.002 1/h"),
        mdr.kill("tx", on="damaged_S", slope="2e-4 1/nM/h"),
        mdr.kill("tx", on="S", emax=0.9, ec50="500 nM", form="cytostatic"),
        mdr.resection(),
    )

    def right(t: float, y: np.ndarray) -> Sequence[float]:
        A, tx, S, R, s1, s2, s3, r1, r2, r3, x1, x2, D, M = y
        w, E, faded, q = S + R + x1 + x2 + D, 0.05 * emax(A / 500, 0.1, 1.5), np.exp(-0.003 * t), 3 / 20
        tolerated = 1 / (1 + M / 100)
        born = 0.012 / (1 + (0.012 * w / 5e6) ** 20) ** 0.05 * (1 - 0.9 * emax(tx, 500) * tolerated)
        staged, damaged = 0.6 * 5e-4 * tx * tolerated * S, 0.6 * 0.05 * A / 500 * faded * S
        handed = 0.002 * R * S / w
        return [
            -0.1 * A,
            -LN2 / 24 * tx,
            (born - 0.8 * s3) * S - staged - damaged - handed,
            (0.01 * (1 - w / 1e9) - 0.1 * r3) * R + handed,
            *(q * (E * faded - s1), q * (s1 - s2), q * (s2 - s3)),
            *(q * (E - r1), q * (r1 - r2), q * (r2 - r3)),
            staged - 0.05 * x1,
            0.05 * (x1 - x2),
            damaged - (0.01 + 1.5 * born + 2e-4 * tx) * D,
            0.03 * (tx - M),
        ]

    plan = mdr.infusion("dox", "100 mg", over="2 h", at="5 h").every("72 h", times=3)
    plan &= mdr.exposure("tx", "300 nM", at="40 h", over="100 h") & mdr.exposure("tx", "900 nM", at="180 h")
    plan &= mdr.surgery(0.7, at="220 h")
    jumps = [(40, put(1, 300.0)), (140, put(1, 0.0)), (180, put(1, 900.0)), (220, kept(0.3, 2, 3, 10, 11, 12))]
    inflows = [(5.0 + 72 * k, 7.0 + 72 * k, 0, 100 / 0.5435 / 2) for k in range(3)]
    shown: dict[str, int | Reading] = {"S": 2, "R": 3, "signal3_apoptosis_dox_S": 6, "dying1_S": 10, "dying2_S": 11}
    shown |= {"damaged_S": 12, "tolerance_tx": 13, "burden": lambda y: y[2] + y[3] + y[10] + y[11] + y[12]}
    return Case(model, plan, right, [0, 0, 1e8, 1e6, *[0] * 10], 300, shown, jumps, inflows)


def above_the_capacity() -> Case:
    """Net growth that is negative at first: contents, mutation at division, Norton-Simon kill, death at division."""
    K = mdr.parameter("K", "1e6 cell")
    model = Model(
        mdr.medium("dox"),
        mdr.clone("S", growth=logistic(rate="0.05 1/h", capacity=K), start="3e6 cell"),
        mdr.clone("R", growth=mdr.growth.gompertz(rate="0.02 1/h", capacity=K), start="1e3 cell"),
        mdr.pgp.content(["S", "R"], start=1, degradation="0.01 1/h"),
        mdr.mutation("S", "R", probability=0.01),
        mdr.death.path("dox", on="S", slope="0.02 1/uM/h", via="damaged"),
        mdr.death.damaged("S", death="0.01 1/h", at_division=1),
        mdr.kill("dox", on="R", form="norton_simon", slope="0.8 1/uM"),
        mdr.intracellular("dox", on="R", k0="1 1/h", vP="1 uM/h", Km="1 uM"),
        quiet=True,
    )

    def right(t: float, y: np.ndarray) -> Sequence[float]:
        dox, S, R, D, P_S, P_R, drug = y
        w = S + R + D
        of_S, of_R = 0.05 * (1 - w / 1e6), 0.02 * np.log(1e6 / w)
        kill, mutate, norton = 0.02 * dox, 0.01 * max(of_S, 0), 0.8 * dox * of_R
        die_S, die_R, P, C = kill + max(-of_S, 0) + mutate, max(-of_R, 0) + max(norton, 0), P_R / R, drug / R
        return [
            0.0,
            (of_S - kill - mutate) * S,
            (of_R - norton) * R + mutate * S,
            kill * S - (0.01 + max(of_S, 0)) * D,
            -(0.01 + die_S) * P_S,
            -(0.01 + die_R) * P_R + mutate * P_S,
            R * (dox - C - P * C / (1 + C)) - die_R * drug,
        ]

    plan = mdr.exposure("dox", "1.5 uM", at="10 h", over="40 h")
    shown: dict[str, int | Reading] = {"S": 1, "R": 2, "damaged_S": 3, "P_S": lambda y: y[4] / y[1]}
    shown |= {"P_R": lambda y: y[5] / y[2], "C_dox_R": lambda y: y[6] / y[2]}
    jumps = [(10, put(0, 1.5)), (50, put(0, 0.0))]
    return Case(model, plan, right, [0, 3e6, 1e3, 0, 3e6, 1e3, 0], 150, shown, jumps)


def tablets_against_efflux_of_the_gut() -> Case:
    """Two tablets and infusions at once: lag, bioavailability, autoinduction, saturation, effect site, Norton-Simon."""
    law = mdr.growth.birth_death(birth="0.03 1/h", death="0.01 1/h", capacity="1e10 cell")
    model = Model(
        mdr.pk.two_compartment(
            "pac", V1="12 L", Q="16.8 L/h", V2="268 L", CL="15 L/h", Vmax="20 umol/h", Km="0.5 uM", ka="0.7 1/h", F=0.8,
            lag="15 min", keo="0.2 1/h", molar_mass="853.9 g/mol", iv=mdr.pk.route(F=0.95, lag="6 min"),
        ),
        mdr.pk.saturable_distribution("pac", Vmax="170 umol/h", Km="1.6 uM", back="1.2 1/h"),
        mdr.pk.autoinduction("pac", rate="0.03 1/h", baseline=0.4, ec50="0.2 uM"),
        mdr.pk.one_compartment("enc", ka="1 1/h", CL="5 L/h", V="10 L", molar_mass="700 g/mol"),
        mdr.pk.gut_efflux("pac", loss="2 1/h", inhibitors={"enc": "0.5 uM"}),
        mdr.clone("S", growth=law, start=1e9),
        mdr.kill("pac", on="S", site="effect", emax="0.06 1/h", ec50="0.3 uM", hill=1.7),
        mdr.kill("pac", on="S", slope="0.1 1/uM", form="norton_simon"),
        mdr.fading("pac", on="S", rate="0.01 1/h", site="effect"),
    )  # fmt: skip

    def right(t: float, y: np.ndarray) -> Sequence[float]:
        gut, A, B, Z, made, Ce, gut_enc, enc, S = np.maximum(y, 0)
        C, born, since = A / 12, 0.03 * max(0, 1 - y[8] / 1e10), max(t - 0.25, 0)
        wall = 2 / (1 + enc / 10 / 0.5)
        flow, stored = 16.8 * (C - B / 268), 170 * emax(C, 1.6) - 1.2 * Z
        kill = 0.06 * emax(Ce, 0.3, 1.7) * np.exp(-0.01 * since) + 0.1 * C * born
        return [
            -(0.7 + wall) * gut,
            0.7 * gut - 15 * (0.4 + 0.6 * made) * C - 20 * emax(C, 0.5) - flow - stored,
            flow,
            stored,
            0.03 * (emax(C, 0.2) - made),
            0.2 * (C - Ce),
            -gut_enc,
            gut_enc - 0.5 * enc,
            (born - 0.01 - kill) * S,
        ]

    plan = mdr.oral("pac", "300 mg").every("24 h", times=4) & mdr.oral("enc", "50 mg", at="20 h").every("24 h", times=3)
    plan &= mdr.infusion("pac", "100 mg", over="2 h", at="50 h", route="iv")
    plan &= mdr.infusion("pac", "80 mg", rate="20 mg/h", at="51 h", route="iv")
    jumps = [(24 * k + 0.25, given(0, 300 / 0.8539 * 0.8)) for k in range(4)]
    jumps += [(20.0 + 24 * k, given(6, 50 / 0.7)) for k in range(3)]
    inflows = [(50.1, 52.1, 1, 100 / 0.8539 * 0.95 / 2), (51.1, 51.1 + 80 / 20 * 0.95, 1, 20 / 0.8539)]
    names = ("depot_pac", "central_pac", "peripheral_pac", "saturable_pac", "induction_pac", "Ce_pac")
    shown = {name: at for at, name in enumerate((*names, "depot_enc", "central_enc", "S"))}
    return Case(model, plan, right, [*[0] * 8, 1e9], 160, shown, jumps, inflows)


CASES = [
    intracellular_with_everything,
    vesicles_of_three_donors,
    pgp_on_every_way,
    drug_in_vesicles,
    immune_with_everything,
    liposomes_behind_stroma,
    three_deaths,
    above_the_capacity,
    tablets_against_efflux_of_the_gut,
]


@pytest.mark.parametrize("make", CASES, ids=lambda make: make.__name__)
def test_a_combination_is_what_its_docstrings_say(make: Callable[[], Case]) -> None:
    case = make()
    times = case.hours / 23.7 * np.arange(24)  # off the times of acts
    wanted = by_hand(case, times)
    run = case.model.simulate(case.plan, until=(case.hours, "h"), times=(times, "h"), accuracy=mdr.Accuracy(rtol=1e-9))
    for name, read in case.shown.items():
        values = wanted[:, read] if isinstance(read, int) else np.array([read(y) for y in wanted])
        found = run.frame[name].to_numpy()
        worst = np.max(np.abs(found - values) / (np.abs(values) + 1e-6 * np.abs(values).max()))
        assert worst < 1e-6, (name, worst, found, values)
