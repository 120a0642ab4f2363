"""Regimens and their concentrations once more, in plain Python that knows nothing of the library.

A plan is a list of doses and a length; each operation of the algebra is written out on lists. Concentrations are sums
of responses: drugs with linear kinetics forget nothing but what a replacing steady state takes away, so no event loop
is needed. The response to a dose is a sum of exponentials, from the eigenvectors of the compartments.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np

__all__ = ["Dose", "Drug", "Plan", "alternated", "both", "every", "followed", "levels", "moved", "scaled", "stopped"]


class Dose(NamedTuple):
    """One record: mg and hours."""

    time: float
    drug: str
    route: str
    amount: float
    over: float = 0.0
    rate: float = 0.0
    modelled: str = ""
    interval: float = 0.0
    more: int = 0
    steady: int = 0

    @property
    def span(self) -> float:
        return self.over or (self.amount / self.rate if self.rate else 0.0)

    @property
    def end(self) -> float:
        return self.time + max(
            (self.more + 1) * self.interval if self.more else 0.0, self.more * self.interval + self.span
        )


class Plan(NamedTuple):
    """Doses in order of entry, and how long the plan takes."""

    doses: tuple[Dose, ...]
    length: float

    @classmethod
    def of(cls, doses: Sequence[Dose], length: float = 0.0) -> Plan:
        return cls(tuple(sorted(doses, key=lambda d: d.time)), max([length, *(d.end for d in doses)]))


def moved(plan: Plan, by: float) -> Plan:
    return Plan.of([d._replace(time=d.time + by) for d in plan.doses], plan.length + by)


def both(one: Plan, other: Plan) -> Plan:
    return Plan.of([*one.doses, *other.doses], max(one.length, other.length))


def followed(one: Plan, other: Plan, gap: float = 0.0) -> Plan:
    return both(one, moved(other, one.length + gap))


def every(plan: Plan, period: float, times: int) -> Plan:
    doses = [d._replace(time=d.time + k * period) for k in range(times) for d in plan.doses]
    return Plan.of(doses, (times - 1) * period + max(period, plan.length))


def scaled(plan: Plan, factor: float) -> Plan:
    return plan._replace(doses=tuple(d._replace(amount=d.amount * factor, rate=d.rate * factor) for d in plan.doses))


def stopped(plan: Plan, end: float, begin: float = 0.0) -> Plan:
    """The part from `begin` to `end`, on a clock that begins there."""
    kept = []
    for d in plan.doses:
        for k in range(d.more + 1):
            low, high = max(d.time + k * d.interval, begin), min(d.time + k * d.interval + d.span, end)
            share = (high - low) / d.span if d.span else 1.0
            if low < end and (high > low or (not d.span and d.time + k * d.interval >= begin)):
                over = 0.0 if d.rate else high - low
                kept.append(d._replace(time=low - begin, amount=d.amount * share, over=over, interval=0.0, more=0))
    return Plan.of(kept, max(0.0, min(plan.length, end) - begin))


def alternated(one: Plan, other: Plan, turn: float) -> Plan:
    turns = []
    for place, plan in enumerate((one, other)):
        latest = max((d.time + d.more * d.interval for d in plan.doses), default=0.0)
        count = max(math.ceil(plan.length / turn), math.floor(latest / turn) + 1)
        turns += [(k, place, stopped(plan, (k + 1) * turn, k * turn)) for k in range(count)]
    doses = [d._replace(time=d.time + n * turn) for n, (_, _, part) in enumerate(sorted(turns)) for d in part.doses]
    return Plan.of(doses, len(turns) * turn)


class Drug(NamedTuple):
    """Compartments (depot, central, peripheral) and what its routes do to doses; hours, L, mg."""

    CL: float
    V: float
    ka: float = 1.0
    Q: float = 0.0
    V2: float = 1.0
    routes: Mapping[str, tuple[int, float, float]] = {}  # compartment, bioavailability, lag
    length: float = 1.0  # of infusions whose duration is modelled
    speed: float = 1.0  # of infusions whose rate is modelled
    spread: str = ""  # the route whose boluses take that length

    def modes(self, compartment: int) -> tuple[np.ndarray, np.ndarray]:
        """Rates and weights of the exponentials in the central concentration after a unit dose."""
        out, there, back = self.CL / self.V, self.Q / self.V, self.Q / self.V2
        rates, vectors = np.linalg.eig(
            np.array([[-self.ka, 0, 0], [self.ka, -out - there, back], [0, there, -back or -9.0]])
        )
        return rates.real, (vectors[1] * np.linalg.inv(vectors)[:, compartment]).real / self.V

    def response(self, dose: Dose, since: np.ndarray) -> np.ndarray:
        """Concentrations some time after one dose has begun to act; 0 before."""
        compartment, share, _ = self.routes[dose.route]
        amount, length = share * dose.amount, dose.over
        if dose.rate or dose.modelled == "rate":
            length = amount / (dose.rate or self.speed)
        elif dose.modelled or (self.spread and dose.route == self.spread and not dose.over):
            length = self.length
        rates, weights = self.modes(compartment)
        age = np.maximum(since, 0.0)[..., None]
        if not length:
            return (since > 0) * amount * (np.exp(rates * age) @ weights)
        given = np.minimum(age, length)
        return amount / length * ((np.exp(rates * (age - given)) * np.expm1(rates * given) / rates) @ weights)


def levels(drug: str, kinetics: Drug, doses: Sequence[Dose], times: np.ndarray) -> np.ndarray:
    """Concentrations of a drug, just before what happens at a time at which a record stands."""
    total = np.zeros_like(times)
    slowest = -max(kinetics.modes(0)[0])
    for place, dose in enumerate(doses):
        if dose.drug != drug:
            continue
        gone = [d.time for d in doses[place + 1 :] if d.drug == drug and d.steady == 1]
        begin = dose.time + kinetics.routes[dose.route][2]
        # copies, and what a lag delays, come before a row at their time, other doses behind it
        late = [kinetics.routes[dose.route][2] > 0 or k > 0 for k in range(dose.more + 1)]
        ages = [times - begin - k * dose.interval + 1e-10 * late[k] for k in range(dose.more + 1)]
        part = sum(kinetics.response(dose, age) for age in ages)
        if dose.steady:
            count = math.ceil((40 / slowest + 200) / dose.interval)
            past = times[:, None] - begin + dose.interval * np.arange(1, count)
            part = part + kinetics.response(dose, past).sum(axis=1) * (times > dose.time)
        total = total + part * (times <= min(gone, default=math.inf))
    return total
