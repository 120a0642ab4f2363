"""Strategies in a closed loop, against the same rules written by hand around SciPy's solver.

Visits come every ten days, an infusion of three days every week: visits fall into infusions, which are cut there, go
on, stand still during a pause and take up where they stopped.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise

import numpy as np
import pytest
from scipy.integrate import solve_ivp

import pkpd_mdr as mdr

GROWTH, CAPACITY, DEATH = 0.004, 1e10, 0.02  # 1/h
CL, V, EC50, RATE = 1.0, 40.0, 2.0, 100 / 72  # L/h, L, mg/L, mg/h
MODEL = mdr.Model(
    mdr.pk.one_compartment("x", CL=f"{CL} L/h", V=f"{V} L"),
    mdr.pk.one_compartment("y", CL="2 L/h", V="20 L"),
    mdr.clone("S", growth=mdr.growth.logistic(rate="0.004 1/h", capacity="1e10 cell"), start=2e9),
    mdr.clone("R", growth=mdr.growth.logistic(rate="0.001 1/h", capacity="1e10 cell"), start=1e3),
    mdr.kill("x", on="S", emax="0.02 1/h", ec50="2 mg/L"),
    mdr.kill("y", on="R", slope="0.01 L/mg/h"),
)
WEEKLY = mdr.infusion("x", "100 mg", over="3 day").every("7 day", times=60)
VISIT, UNTIL = 240.0, 24 * 365.0
SCAN = mdr.measured("burden", relative_sd=0.15, digits=3, missed=0.2)

Piece = tuple[str, float, float, float]  # drug, begin and end in hours, mg/h
Decide = Callable[[float, float], Sequence[Piece]]


def weekly(clock: float, at: float, span: float, factor: float = 1.0) -> list[Piece]:
    """What the weekly plan gives from `clock` on, put at a time of the run and cut after `span`."""
    found = []
    for week in range(60):
        low, high = max(168.0 * week, clock), min(168.0 * week + 72, clock + span)
        if low < high:
            found.append(("x", at + low - clock, at + high - clock, factor * RATE))
    return found


def rates(t: float, y: np.ndarray, x_in: float, y_in: float) -> list[float]:
    x, z, s, r = y
    free = 1 - (s + r) / CAPACITY
    c = x / V
    return [
        x_in - CL * c,
        y_in - 2.0 * z / 20.0,
        GROWTH * s * free - DEATH * c / (EC50 + c) * s,
        0.001 * r * free - 0.01 * z / 20.0 * r,
    ]


def by_hand(decide: Decide, look: mdr.Measured | None, seed: int) -> tuple[np.ndarray, list[float]]:
    """State at the end, and what was seen at the visits; a value that is missed is the last one again."""
    state, seen, now, visit = np.array([0.0, 0.0, 2e9, 1e3]), list[float](), 0.0, 0
    while now < UNTIL:
        true = state[2] + state[3]
        key = {"seed": seed, "member": 0, "visit": visit}
        if look is not None and look.misses(**key):
            seen.append(seen[-1])
        else:
            seen.append(true if look is None else look.see(true, **key))
        stop = min(now + VISIT, UNTIL)
        pieces = decide(now, seen[-1])
        edges = sorted({now, stop, *(edge for _, *ends, _ in pieces for edge in ends if now < edge < stop)})
        for low, high in pairwise(edges):
            inputs = [sum(p[3] for p in pieces if p[0] == drug and p[1] <= low < p[2]) for drug in "xy"]
            solved = solve_ivp(rates, (low, high), state, "LSODA", rtol=1e-10, atol=1e-9, args=tuple(inputs))
            state = solved.y[:, -1]
        now, visit = stop, visit + 1
    return state, seen


class Threshold:
    """Stop below half of the burden at the start, go on above it (Gatenby, Zhang)."""

    def __init__(self) -> None:
        self.on, self.clock, self.base = True, 0.0, 0.0

    def __call__(self, now: float, burden: float) -> list[Piece]:
        self.base = self.base or burden
        self.clock += VISIT if self.on and now > 0 else 0.0
        if self.on and now > 0 and burden < 0.5 * self.base:
            self.on = False
        elif not self.on and burden > self.base:
            self.on = True
            inside = self.clock % 168.0
            self.clock += 0.0 if 0 <= inside < 72 else 168.0 - inside  # the rest of an infusion, or the next one
        return weekly(self.clock, now, VISIT) if self.on else []


class Again:
    """Until 1.02 times the lowest burden, then a holiday of 25 days with y, then the plan from its beginning."""

    def __init__(self) -> None:
        self.on, self.since, self.lowest, self.left = True, 0.0, float("inf"), 2

    def __call__(self, now: float, burden: float) -> list[Piece]:
        if not self.on and now - self.since >= 600.0:
            self.on, self.since, self.lowest = True, now, burden
        elif self.on and burden > 1.02 * self.lowest:
            if self.left:
                self.on, self.since, self.left = False, now, self.left - 1
        elif self.on:
            self.lowest = min(self.lowest, burden)
        if self.on:
            return weekly(now - self.since, now, VISIT)
        low, high = max(now, self.since + 24), min(now + VISIT, self.since + 24 + 300)
        return [("y", low, high, 2.0)] if low < high else []


class Modulation:
    """40 % more when the burden grew by more than a tenth, 40 % less when it shrank by that; a pause below 90 %."""

    def __init__(self) -> None:
        self.factor, self.last, self.base, self.clock, self.on = 1.0, float("nan"), 0.0, 0.0, True

    def __call__(self, now: float, burden: float) -> list[Piece]:
        self.base = self.base or burden
        self.clock += VISIT if self.on and now > 0 else 0.0
        if burden > 1.1 * self.last:
            self.factor = min(2.0, 1.4 * self.factor)
        elif burden < 0.9 * self.last:
            self.factor = max(0.2, 0.6 * self.factor)
        before, self.on, self.last = self.on, not (now > 0 and burden < 0.9 * self.base), burden
        if self.on and not before:
            inside = self.clock % 168.0
            self.clock += 0.0 if 0 <= inside < 72 else 168.0 - inside
        return weekly(self.clock, now, VISIT, self.factor) if self.on else []


class Turns:
    """x in even visits, y in odd ones while the burden is above a level: alternation as a rule of one's own."""

    def __call__(self, now: float, burden: float) -> list[Piece]:
        even = round(now / VISIT) % 2 == 0
        return weekly(0.0, now, VISIT) if even else ([("y", now, now + 100, 4.0)] if burden > 1e9 else [])


def turns(visit: mdr.regimen.Visit) -> mdr.Regimen | None:
    if visit.number % 2 == 0:
        return WEEKLY
    return mdr.infusion("y", "400 mg", over="100 h") if visit.burden > 1e9 else None


BRIDGE = mdr.infusion("y", "600 mg", over="300 h", at="24 h")
SCRIPTS = {
    "threshold": (mdr.adaptive(WEEKLY, visit="10 day"), Threshold),
    "rechallenge": (
        mdr.rechallenge(WEEKLY, visit="10 day", holiday="25 day", times=2, growth=1.02, bridge=BRIDGE),
        Again,
    ),
    "modulation": (
        mdr.modulated(WEEKLY, visit="10 day", step=0.4, tolerance=0.1, least=0.2, most=2.0, stop_below=0.9),
        Modulation,
    ),
    "turns": (mdr.rule(turns, visit="10 day"), Turns),
}


@pytest.mark.parametrize("look", [None, SCAN], ids=["exact", "scanned"])
@pytest.mark.parametrize("script", SCRIPTS)
def test_a_loop_by_hand_decides_and_ends_the_same(script: str, look: mdr.Measured | None) -> None:
    plan, rule = SCRIPTS[script]
    run = MODEL.simulate(
        plan, until="365 day", times="365 day", measure=look or "burden", seed=4, accuracy=mdr.Accuracy(rtol=1e-9)
    )
    state, seen = by_hand(rule(), look, seed=4)
    shown = run.visits["burden"].ffill().to_numpy()
    np.testing.assert_allclose(shown, seen, rtol=1e-6)
    end = run.frame[["central_x", "central_y", "S", "R"]].iloc[-1]
    np.testing.assert_allclose(end, state, rtol=1e-5, atol=1e-6)
    assert len(run.events) > 5
