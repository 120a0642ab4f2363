"""Benchmark models M1 (6 states, 15 parameters) and M2 (26 states, 51 parameters); time in days, everything unitless.

They are made of formulas instead of mechanisms so that the solvers compared get the same equations, unit for unit.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from types import SimpleNamespace
from typing import Any

import numpy as np
import sympy as sp

from pkpd_mdr.engine import Compiled
from pkpd_mdr.engine.timeline import Instruction, Kind, Timeline
from pkpd_mdr.expression import parse, symbol
from pkpd_mdr.model import Port
from pkpd_mdr.model.parts import Process, State
from pkpd_mdr.units import Unit


@dataclass(frozen=True)
class Benchmark:
    """A model with its values, its dosing and its output times."""

    name: str
    compiled: Compiled
    right: list[Any]
    values: np.ndarray
    start: np.ndarray
    events: list[tuple[float, str, float, float]]  # time, state, amount at once, change of the input rate
    stop: float = 84.0

    @property
    def marks(self) -> np.ndarray:
        return np.arange(0.0, self.stop + 1.0)

    @cached_property
    def timeline(self) -> Timeline:
        """Events and marks; a mark at the time of an event is the value before it."""
        ports = [port.target for port in self.compiled.ports]
        items = [Instruction(float(time), Kind.MARK, index=i) for i, time in enumerate(self.marks)]
        for time, state, amount, rate in self.events:
            kind = Kind.JUMP if amount else Kind.RATE
            items.append(Instruction(time, kind, ports.index(state), amount or rate))
        items.sort(key=lambda item: (item.time, item.kind is not Kind.MARK))
        return Timeline.of((*items, Instruction(self.stop, Kind.END)), 0.0, self.stop)

    def population(self, count: int, variation: float = 0.2, seed: int = 0) -> np.ndarray:
        """Lognormal parameters; member 0 is the typical one."""
        factors = np.exp(variation * np.random.default_rng(seed).standard_normal((count, len(self.values))))
        factors[0] = 1.0
        return self.values * factors


def build(
    name: str,
    equations: dict[str, str],
    values: dict[str, float],
    start: dict[str, float],
    events: list[Any],
    helpers: dict[str, str],
) -> Benchmark:
    names: dict[str, Any] = {item: symbol(item) for item in [*equations, *values]}
    for helper, text in helpers.items():
        names[helper] = parse(text, names, where=helper)
    right = [parse(text, names, where=f"d{state}/dt") for state, text in equations.items()]
    ports = tuple(
        Port(f"drug{i}", "iv", "dose", Unit.of(""), target)
        for i, target in enumerate(dict.fromkeys(e[1] for e in events))
    )
    model = SimpleNamespace(
        structure_hash=f"benchmark model {name} {right} {start} {ports}",
        states={
            state: State(state, Unit.of(""), start=sp.Float(start.get(state, 0.0)), kind="effect")
            for state in equations
        },
        parameters={item: SimpleNamespace(unit=Unit.of("")) for item in values},
        slots=(),
        ports=ports,
        observables={},
        processes={
            f"change_{state}": Process(f"change_{state}", rate, {state: sp.Integer(1)}, False, "")
            for state, rate in zip(equations, right, strict=True)
        },
    )
    begin = np.array([start.get(state, 0.0) for state in equations])
    return Benchmark(name, Compiled(model), right, np.array(list(values.values())), begin, events)


def m1() -> Benchmark:
    """Oral two-compartment kinetics, sensitive and resistant clone, an exosome pool; 14 boluses."""
    equations = {
        "Ad": "-ka*Ad",
        "Ac": "ka*Ad - CL/V1*Ac - Q/V1*Ac + Q/V2*Ap",
        "Ap": "Q/V1*Ac - Q/V2*Ap",
        "S": "rS*S*free - killS*S - moved",
        "R": "rR*R*free - killR*R + moved",
        "X": "kprod*R - kdeg*X",
    }
    helpers = {
        "killS": "Emax*hill(Ac/V1, EC50S, h)",
        "killR": "Emax*hill(Ac/V1, EC50R, h)",
        "moved": "kT*X/(1 + X)*S",
        "free": "1 - (S + R)/K",
    }
    values = {
        "ka": 30.0, "CL": 120.0, "V1": 20.0, "Q": 200.0, "V2": 80.0, "Emax": 1.2, "EC50S": 0.6, "EC50R": 8.0, "h": 1.7,
        "rS": 0.25, "rR": 0.18, "K": 4.0, "kT": 0.02, "kprod": 30.0, "kdeg": 12.0,
    }  # fmt: skip
    events = [(6.0 * i, "Ad", 100.0, 0.0) for i in range(14)]
    return build("M1", equations, values, {"S": 1.0, "R": 0.01, "X": 0.02}, events, helpers)


def m2() -> Benchmark:
    """Two infused drugs, saturable efflux, three clones with damage transit, exosomes, immune cells, granulopoiesis."""
    equations = {
        "A1": "-(CLA + QA)/V1A*A1 + QA/V2A*A2",
        "A2": "QA/V1A*A1 - QA/V2A*A2",
        "B1": "-(CLB + QB)/V1B*B1 + QB/V2B*B2",
        "B2": "QB/V1B*B1 - QB/V2B*B2",
        "AiS": "kinA*A1/V1A - koutA*AiS - VeS*AiS/(KmE + AiS)",
        "AiR": "kinA*A1/V1A - koutA*AiR - VeR*AiR/(KmE + AiR)",
        "Bi": "kinB*B1/V1B - koutB*Bi",
        "S": "rS*S*free - kS*S - immune*S - kSP*kS*S + kPS*P - (kSR + carried)*S + krep*S1",
        "S1": "kS*S - (kdam + krep)*S1",
        "S2": "kdam*(S1 - S2)",
        "S3": "kdam*(S2 - S3)",
        "P": "rP*P*free - kP*P - immune*P + kSP*kS*S - kPS*P - kPR*P + krep*P1",
        "P1": "kP*P - (kdam + krep)*P1",
        "P2": "kdam*(P1 - P2)",
        "P3": "kdam*(P2 - P3)",
        "R": "rR*R*free - kR*R - immune*R + (kSR + carried)*S + kPR*P + krep*R1",
        "R1": "kR*R - (kdam + krep)*R1",
        "R2": "kdam*(R1 - R2)",
        "R3": "kdam*(R2 - R3)",
        "X": "kpR*R + kpS*S - kdX*X - kupt*X*live/(1 + live)",
        "E": "sE + rho*E*live/(KE + live) - dE*E - 0.2*kE*E*live/(KE + live)",
        "Pr": "4/MTT*Pr*((1 - slA*A1/V1A - slB*B1/V1B)*(Circb/Circ)**gam - 1)",
        "T1": "4/MTT*(Pr - T1)",
        "T2": "4/MTT*(T1 - T2)",
        "T3": "4/MTT*(T2 - T3)",
        "Circ": "4/MTT*(T3 - Circ)",
    }
    helpers = {
        "eAS": "EmA*hill(AiS, ECA, hA)",
        "eAR": "EmA*hill(AiR, ECA, hA)",
        "eB": "EmB*hill(Bi, ECB, hB)",
        "kS": "eAS + eB + psi*eAS*eB",
        "kR": "fRA*eAR + fRB*eB + psi*fRA*fRB*eAR*eB",
        "kP": "fP*kS",
        "live": "S + P + R",
        "free": "1 - (S + S1 + S2 + S3 + P + P1 + P2 + P3 + R + R1 + R2 + R3)/K",
        "immune": "kE*E/(KE + live)",
        "carried": "kSX*X/(KX + X)",
    }
    values = {
        "CLA": 160.0, "V1A": 15.0, "QA": 200.0, "V2A": 60.0, "CLB": 60.0, "V1B": 30.0, "QB": 90.0, "V2B": 120.0,
        "kinA": 60.0, "koutA": 40.0, "VeS": 20.0, "VeR": 400.0, "KmE": 2.0, "kinB": 20.0, "koutB": 15.0, "EmA": 1.6,
        "ECA": 1.5, "hA": 1.8, "EmB": 0.9, "ECB": 0.4, "hB": 1.3, "psi": 0.7, "fRA": 0.6, "fRB": 0.8, "fP": 0.15,
        "rS": 0.22, "rR": 0.16, "rP": 0.02, "K": 6.0, "kSP": 0.02, "kPS": 0.05, "kSR": 0.004, "kSX": 0.03, "kPR": 0.003,
        "kdam": 1.3, "krep": 0.25, "kpR": 25.0, "kpS": 5.0, "kdX": 12.0, "KX": 1.5, "kupt": 3.0, "sE": 0.05, "dE": 0.1,
        "kE": 0.15, "rho": 0.12, "KE": 0.8, "Circb": 5.0, "MTT": 5.2, "gam": 0.17, "slA": 0.25, "slB": 0.5,
    }  # fmt: skip
    events = []
    for i in range(10):
        events += [(8.0 * i, "A1", 0.0, 1440.0), (8.0 * i + 1 / 12, "A1", 0.0, -1440.0)]
        events += [(8.0 * i + 1, "B1", 0.0, 60.0), (8.0 * i + 2, "B1", 0.0, -60.0)]
    start = {"S": 1.0, "P": 0.01, "R": 0.02, "X": 0.3, "E": 0.5} | dict.fromkeys(("Pr", "T1", "T2", "T3", "Circ"), 5.0)
    return build("M2", equations, values, start, sorted(events), helpers)


MODELS = {"M1": m1, "M2": m2}
