"""Random regimens of three drugs, by random operations of the algebra, each with the same plan of plain.py beside it.

Drug a has two compartments and absorption, b one compartment, c one compartment and absorption of a fixed length.
"""

from __future__ import annotations

import numpy as np
from hypothesis import strategies as st
from strategies import plain
from strategies.plain import Dose, Plan

import pkpd_mdr as mdr
from pkpd_mdr.regimen import Act, Regimen
from pkpd_mdr.units import Quantity, Unit

__all__ = ["doses", "lengths", "plans"]

MG = Unit.of("mg")
ROUTES = {"a": ("oral", "iv"), "b": ("",), "c": ("oral", "iv")}

quarters = st.integers(0, 96).map(lambda n: n / 4)
lengths = st.integers(1, 80).map(lambda n: n / 4)
amounts = st.integers(1, 400).map(float)


@st.composite
def doses(draw: st.DrawFn, records: bool) -> tuple[Regimen, Plan]:
    """One dose by a builder or, as only records say them, with a modelled length, copies or a steady state."""
    drug = draw(st.sampled_from("abc"))
    route, time, amount = draw(st.sampled_from(ROUTES[drug])), draw(quarters), draw(amounts)
    kind = draw(st.sampled_from(["bolus", "over", "rate", *(["record"] * 3 if records else [])]))
    at, mg = (time, "h"), (amount, "mg")
    if kind == "bolus":
        one = Dose(time, drug, route, amount)
        return mdr.bolus(drug, mg, at=at, route=route), Plan.of([one])
    if kind == "over":
        one = Dose(time, drug, route, amount, over=draw(lengths))
        return mdr.infusion(drug, mg, over=(one.over, "h"), at=at, route=route), Plan.of([one])
    if kind == "rate":
        one = Dose(time, drug, route, amount, rate=draw(amounts))
        return mdr.infusion(drug, mg, rate=(one.rate, "mg/h"), at=at, route=route), Plan.of([one])
    modelled = draw(st.sampled_from(["", "rate", "duration"])) if (drug, route) == ("a", "iv") else ""
    over = 0.0 if modelled else draw(st.just(0.0) | lengths)
    interval, more, steady = draw(st.sampled_from([6.0, 8.0, 24.0])), draw(st.integers(0, 3)), draw(st.integers(0, 2))
    one = Dose(time, drug, route, amount, over, 0.0, modelled, interval, more, steady)
    act = Act(time, drug, "dose", Quantity(amount, MG), route, over, None, modelled, interval, more, steady)
    return Regimen((act,)), Plan.of([one])


@st.composite
def plans(draw: st.DrawFn, records: bool = False) -> tuple[Regimen, Plan]:
    """A plan by random operations of the algebra, in both forms."""
    regimen, plan = draw(doses(records))
    steps = ["every", "shift", "and", "and", "then", "scaled", *([] if records else ["until", "between", "alternate"])]
    for step in draw(st.lists(st.sampled_from(steps), max_size=4)):
        other, plain_other = draw(doses(records))
        size, times, factor = draw(lengths), draw(st.integers(1, 3)), draw(st.sampled_from([0.5, 0.8, 2.0]))
        if step == "every":
            regimen, plan = regimen.every((size, "h"), times=times), plain.every(plan, size, times)
        elif step == "shift":
            regimen, plan = regimen.shift((size, "h")), plain.moved(plan, size)
        elif step == "and":
            regimen, plan = regimen & other, plain.both(plan, plain_other)
        elif step == "then":
            regimen, plan = regimen.then(other, gap=(size, "h")), plain.followed(plan, plain_other, size)
        elif step == "scaled":
            regimen, plan = regimen.scaled(factor), plain.scaled(plan, factor)
        elif step == "until":
            regimen, plan = regimen.until((4 * size, "h")), plain.stopped(plan, 4 * size)
        elif step == "between":
            regimen, plan = regimen.between((size, "h")), plain.stopped(plan, np.inf, size)
        else:
            regimen, plan = mdr.alternate(regimen, other, every=(size, "h")), plain.alternated(plan, plain_other, size)
    return regimen, plan
