"""Larger benchmark models in the manner of the gallery; time in days, everything unitless, values assumed.

L1: twelve clones between sensitive and resistant, each with three damage transits, two drugs, exosomes, immune cells,
granulopoiesis. L2: a grid of P-glycoprotein levels with the drug inside each level's cells, an efflux inhibitor and
transfer by contact. L3: three drugs given up to five times a day, damage transits, immune cells, granulopoiesis and its
growth factor.
"""

from __future__ import annotations

from engine_models import Benchmark, build

__all__ = ["LARGER"]

_BLOOD = {
    "Pr": "4/MTT*Pr*((1 - slA*CA - slB*CB)*(Circb/Circ)**gam - 1)",
    "T1": "4/MTT*(Pr - T1)",
    "T2": "4/MTT*(T1 - T2)",
    "T3": "4/MTT*(T2 - T3)",
    "Circ": "4/MTT*(T3 - Circ)",
}
_BLOOD_VALUES = {"Circb": 5.0, "MTT": 5.2, "gam": 0.17, "slA": 0.05, "slB": 0.1}
_BLOOD_START = dict.fromkeys(_BLOOD, 5.0)


def l1() -> Benchmark:
    """60 states: twelve clones with damage transits; a daily oral and a weekly infused drug."""
    clones = range(12)
    equations = {
        "A0": "-ka*A0",
        "A1": "ka*A0 - (CLA + QA)/V1A*A1 + QA/V2A*A2",
        "A2": "QA/V1A*A1 - QA/V2A*A2",
        "B1": "-(CLB + QB)/V1B*B1 + QB/V2B*B2",
        "B2": "QB/V1B*B1 - QB/V2B*B2",
        "X": "kpX*resistant - kdX*X",
        "E": "sE + rho*E*live/(KE + live) - dE*E",
    }
    helpers = {
        "CA": "A1/V1A",
        "CB": "B1/V1B",
        "live": " + ".join(f"N{i}" for i in clones),
        "hurt": " + ".join(f"D{i}_{k}" for i in clones for k in (1, 2, 3)),
        "resistant": " + ".join(f"N{i}" for i in range(6, 12)),
        "free": "1 - (live + hurt)/K",
        "immune": "kE*E/(KE + live)",
        "carried": "kX*X/(KX + X)",
    }
    values = {"ka": 12.0, "CLA": 80.0, "V1A": 20.0, "QA": 60.0, "V2A": 60.0, "CLB": 60.0, "V1B": 30.0, "QB": 90.0}
    values |= {"V2B": 120.0, "K": 6.0, "krep": 0.25, "kpX": 25.0, "kdX": 12.0, "kX": 0.02, "KX": 1.5}
    values |= {"sE": 0.05, "dE": 0.1, "kE": 0.1, "rho": 0.12, "KE": 0.8, "psi": 0.7} | _BLOOD_VALUES
    start = {"X": 0.1, "E": 0.5} | _BLOOD_START
    for i in clones:
        values |= {f"r{i}": 0.24 - 0.008 * i, f"emA{i}": 1.1 - 0.04 * i, f"ecA{i}": 0.3 * 1.5**i}
        values |= {f"emB{i}": 0.9 - 0.03 * i, f"ecB{i}": 0.2 * 1.3**i, f"hB{i}": 1.3 + 0.03 * i}
        values |= {f"hA{i}": 1.6 + 0.02 * i, f"kdam{i}": 1.3 - 0.05 * i}
        helpers[f"eA{i}"] = f"emA{i}*hill(CA, ecA{i}, hA{i})"
        helpers[f"eB{i}"] = f"emB{i}*hill(CB, ecB{i}, hB{i})"
        helpers[f"k{i}"] = f"eA{i} + eB{i} + psi*eA{i}*eB{i}"
        flow = f"r{i}*N{i}*free - (k{i} + immune)*N{i} + krep*D{i}_1"
        if i < 11:
            values |= {f"up{i}": 0.004, f"down{i + 1}": 0.002}
            flow += f" - (up{i} + carried)*N{i} + down{i + 1}*N{i + 1}"
        if i > 0:
            flow += f" + (up{i - 1} + carried)*N{i - 1} - down{i}*N{i}"
        equations |= {
            f"N{i}": flow,
            f"D{i}_1": f"k{i}*N{i} - (kdam{i} + krep)*D{i}_1",
            f"D{i}_2": f"kdam{i}*(D{i}_1 - D{i}_2)",
            f"D{i}_3": f"kdam{i}*(D{i}_2 - D{i}_3)",
        }
        start[f"N{i}"] = 1.0 if i == 0 else 0.05 / i
    events = [(float(day), "A0", 60.0, 0.0) for day in range(84)]
    for week in range(12):
        events += [(7.0 * week + 0.5, "B1", 0.0, 240.0), (7.0 * week + 0.75, "B1", 0.0, -240.0)]
    return build("L1", equations | _BLOOD, values, start, sorted(events), helpers)


def l2() -> Benchmark:
    """40 states: sixteen levels of P-glycoprotein with intracellular drug, an efflux inhibitor, transfer by contact."""
    levels = range(16)
    equations = {
        "A1": "-(CLA + QA)/V1A*A1 + QA/V2A*A2",
        "A2": "QA/V1A*A1 - QA/V2A*A2",
        "I0": "-kaI*I0",
        "I1": "kaI*I0 - kI*I1",
        "X": "kpX*donors - kdX*X",
        "E": "sE + rho*E*live/(KE + live) - dE*E",
        "W": "kW*(live - W)",
        "M": "sM*A1/V1A - dM*M",
    }
    helpers = {
        "blocked": "1/(1 + I1/VI/KI)",
        "live": " + ".join(f"N{i}" for i in levels),
        "donors": " + ".join(f"N{i}" for i in range(8, 16)),
        "free": "1 - live/K",
        "immune": "kE*E/(KE + live)",
        "met": "kC*donors/(live + KC) + kX*X/(KX + X)",
    }
    values = {"CLA": 160.0, "V1A": 15.0, "QA": 200.0, "V2A": 60.0, "kaI": 10.0, "kI": 4.0, "VI": 30.0, "KI": 0.5}
    values |= {"kin": 60.0, "kout": 40.0, "VP": 40.0, "KP": 2.0, "emax": 1.5, "ec50": 0.8, "h": 1.8, "K": 5.0}
    values |= {"kC": 0.2, "KC": 0.05, "kX": 0.02, "KX": 1.5, "kpX": 20.0, "kdX": 12.0, "lost": 0.01, "induced": 0.1}
    values |= {"r": 0.24, "cost": 0.006, "sE": 0.05, "dE": 0.1, "kE": 0.1, "rho": 0.12, "KE": 0.8, "kW": 0.3}
    values |= {"sM": 2.0, "dM": 0.7}
    start = {"E": 0.5, "X": 0.05, "W": 1.0}
    for i in levels:
        values[f"pgp{i}"] = 0.1 * 1.35**i
        helpers[f"kill{i}"] = f"emax*hill(C{i}, ec50, h)"
        flow = f"(r - cost*{i})*N{i}*free - (kill{i} + immune)*N{i}"
        if i < 15:
            flow += f" - (met + induced*M/(1 + M))*N{i} + lost*N{i + 1}"
        if i > 0:
            flow += f" + (met + induced*M/(1 + M))*N{i - 1} - lost*N{i}"
        equations |= {
            f"N{i}": flow,
            f"C{i}": f"kin*A1/V1A - kout*C{i} - VP*pgp{i}*blocked*C{i}/(KP + C{i})",
        }
        start[f"N{i}"] = 0.6 / 1.6**i
    events = []
    for cycle in range(12):
        events += [(7.0 * cycle, "A1", 0.0, 2880.0), (7.0 * cycle + 1 / 12, "A1", 0.0, -2880.0)]
        events += [(7.0 * cycle - 0.25 + day, "I0", 60.0, 0.0) for day in (1, 2, 3)]
    return build("L2", equations, values, start, sorted(events), helpers)


def l3() -> Benchmark:
    """31 states and 400 events: a daily infusion, a drug by mouth twice a day, a growth factor."""
    equations = {
        "A1": "-(CLA + QA)/V1A*A1 + QA/V2A*A2",
        "A2": "QA/V1A*A1 - QA/V2A*A2",
        "B0": "-kaB*B0",
        "B1": "kaB*B0 - (CLB + QB)/V1B*B1 + QB/V2B*B2",
        "B2": "QB/V1B*B1 - QB/V2B*B2",
        "G0": "-kaG*G0",
        "G1": "kaG*G0 - (kG + kGC*Circ)*G1",
        "AiS": "kinA*CA - koutA*AiS - VeS*AiS/(KmE + AiS)",
        "AiR": "kinA*CA - koutA*AiR - VeR*AiR/(KmE + AiR)",
        "Bi": "kinB*CB - koutB*Bi",
        "X": "kpR*R + kpS*S - kdX*X",
        "E": "sE + rho*E*live/(KE + live) - dE*E - kexh*E*live/(KE + live) + kx*Y",
        "Y": "kexh*E*live/(KE + live) - (dE + kx)*Y",
        "L": "kL*live - dL*L",
    }
    helpers = {
        "CA": "A1/V1A",
        "CB": "B1/V1B",
        "live": "S + P + R",
        "free": "1 - (live + S1 + S2 + S3 + P1 + P2 + P3 + R1 + R2 + R3)/K",
        "eAS": "EmA*hill(AiS, ECA, hA)",
        "eAR": "EmA*hill(AiR, ECA, hA)",
        "eB": "EmB*hill(Bi, ECB, hB)",
        "kS": "eAS + eB + psi*eAS*eB",
        "kR": "fRA*eAR + fRB*eB + psi*fRA*fRB*eAR*eB",
        "kP": "fP*kS",
        "immune": "kE*E/(KE + live)/(1 + L/KL)",
        "carried": "kSX*X/(KX + X)",
    }
    extra = {
        "S": " - kSP*kS*S + kPS*P - (kSR + carried)*S",
        "P": " + kSP*kS*S - kPS*P - kPR*P",
        "R": " + (kSR + carried)*S + kPR*P",
    }
    for clone, more in extra.items():
        equations |= {
            clone: f"r{clone}*{clone}*free - (k{clone} + immune)*{clone} + krep*{clone}1{more}",
            f"{clone}1": f"k{clone}*{clone} - (kdam + krep)*{clone}1",
            f"{clone}2": f"kdam*({clone}1 - {clone}2)",
            f"{clone}3": f"kdam*({clone}2 - {clone}3)",
        }
    blood = dict(_BLOOD) | {"Pr": "4/MTT*Pr*((1 - slA*CA - slB*CB)*(Circb/Circ)**gam*(1 + emG*G1/(ecG + G1)) - 1)"}
    values = {
        "CLA": 160.0, "V1A": 15.0, "QA": 200.0, "V2A": 60.0, "kaB": 16.0, "CLB": 60.0, "V1B": 30.0, "QB": 90.0,
        "V2B": 120.0, "kaG": 5.0, "kG": 1.0, "kGC": 0.3, "kinA": 60.0, "koutA": 40.0, "VeS": 20.0, "VeR": 400.0,
        "KmE": 2.0, "kinB": 20.0, "koutB": 15.0, "EmA": 0.8, "ECA": 1.5, "hA": 1.8, "EmB": 0.5, "ECB": 0.4, "hB": 1.3,
        "psi": 0.7, "fRA": 0.6, "fRB": 0.8, "fP": 0.15, "rS": 0.22, "rR": 0.16, "rP": 0.02, "K": 6.0, "kSP": 0.02,
        "kPS": 0.05, "kSR": 0.004, "kSX": 0.03, "kPR": 0.003, "kdam": 1.3, "krep": 0.25, "kpR": 25.0, "kpS": 5.0,
        "kdX": 12.0, "KX": 1.5, "sE": 0.05, "dE": 0.1, "kE": 0.15, "rho": 0.12, "KE": 0.8, "kexh": 0.05, "kx": 0.02,
        "kL": 0.5, "dL": 0.4, "KL": 2.0, "emG": 0.8, "ecG": 1.0,
    } | _BLOOD_VALUES  # fmt: skip
    events = []
    for day in range(84):
        events += [(day + 0.0, "A1", 0.0, 120.0), (day + 1 / 12, "A1", 0.0, -120.0)]
        events += [(day + 0.25, "B0", 4.0, 0.0), (day + 0.75, "B0", 4.0, 0.0)]
    events += [(day + 0.5, "G0", 1.0, 0.0) for day in range(4, 84) if day % 5]
    start = {"S": 1.0, "P": 0.01, "R": 0.02, "X": 0.3, "E": 0.5} | _BLOOD_START
    return build("L3", equations | blood, values, start, sorted(events), helpers)


LARGER = {"L1": l1, "L2": l2, "L3": l3}
