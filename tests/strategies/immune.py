"""Random host cells; each part brings what it refers to, and a label that is there already is not added again."""

from __future__ import annotations

from collections.abc import Callable

from hypothesis import strategies as st
from strategies.values import Context, Draw, between, concentrations, hills, maybe, rates, shares, texts

from pkpd_mdr import mechanisms as mdr
from pkpd_mdr.model import Mechanism

__all__ = ["HOST"]

Parts = st.SearchStrategy[list[Mechanism]]


def _targets(draw: Draw, context: Context) -> str | list[str]:
    return draw(st.sampled_from(context.clones) | st.permutations(context.clones))


@st.composite
def _effector(draw: Draw, context: Context) -> list[Mechanism]:
    options = {"source": draw(maybe(texts(1.0, 1e5, "cell/day"))), "death": draw(maybe(rates))}
    return [
        mdr.immune.effector("CTL", start="1e5 cell", F=draw(maybe(shares)), lag=draw(maybe(st.just("2 h"))), **options)
    ]


@st.composite
def _attack(draw: Draw, context: Context) -> list[Mechanism]:
    form = draw(st.sampled_from(["mass_action", "tumour_saturated", "effector_saturated", "ratio"]))
    given: dict[str, object] = {"rate": draw(rates), "half": draw(between(0.1, 1e8))}
    if form == "mass_action":
        given = {"rate": draw(texts(1e-12, 1e-8, "1/cell/day"))}
    elif form == "ratio":
        given["exponent"] = draw(maybe(between(0.5, 2.0)))
    attack = mdr.immune.attack("CTL", on=list(context.clones), form=form, by_antigen=draw(st.booleans()), **given)
    return [*draw(_effector(context)), attack]


@st.composite
def _exhaustion(draw: Draw, context: Context) -> list[Mechanism]:
    given: dict[str, object] = {"rate": draw(texts(1e-12, 1e-8, "1/cell/day"))}
    if draw(st.booleans()):
        given = {"rate": draw(rates), "half": 1e7, "saturation": draw(st.sampled_from(["tumour", "effector"]))}
    into = draw(st.sampled_from([None, "Tex"]))
    spent = [mdr.immune.effector("Tex")] if into else []
    return [*draw(_effector(context)), *spent, mdr.immune.exhaustion("CTL", into=into, **given)]


@st.composite
def _suppressor(draw: Draw, context: Context) -> list[Mechanism]:
    return [mdr.immune.suppressor("Treg", start=draw(maybe(st.just("1e4 cell"))), death=draw(maybe(rates)))]


@st.composite
def _suppression(draw: Draw, context: Context) -> list[Mechanism]:
    parts = [*draw(_suppressor(context)), *draw(_stimulation(context))]
    of = draw(st.sampled_from(["kill", "stimulation"]))
    if of == "kill":
        parts += draw(_attack(context))
    given: dict[str, object] = {"half": 1e5, "hill": draw(maybe(hills))}
    if draw(st.booleans()):
        given = {"slope": "1e-8 1/cell"}
    return [*parts, mdr.immune.suppression("Treg", on="CTL", of=of, floor=draw(maybe(shares)), **given)]


@st.composite
def _checkpoint(draw: Draw, context: Context) -> list[Mechanism]:
    levels = draw(st.dictionaries(st.sampled_from(context.clones), shares, min_size=1))
    drug = draw(st.sampled_from([None, context.drugs[0]]))
    kd: object = None if drug is None else draw(concentrations)
    if drug is not None and draw(st.booleans()):
        kd = {name: draw(concentrations) for name in levels}
    who = draw(st.sampled_from([None, "CTL"]))
    return [*draw(_attack(context)), mdr.immune.checkpoint(levels, antibody=drug, kd=kd, effectors=who)]


@st.composite
def _stimulation(draw: Draw, context: Context) -> list[Mechanism]:
    form = draw(st.sampled_from(["proliferation", "influx"]))
    rate = draw(rates) if form == "proliferation" else draw(texts(1.0, 1e5, "cell/day"))
    return [*draw(_effector(context)), mdr.stimulation("CTL", rate=rate, half=1e6, hill=draw(maybe(hills)), form=form)]


@st.composite
def _cytokine(draw: Draw, context: Context) -> list[Mechanism]:
    signal = mdr.cytokine(
        "IL2",
        unit="ug/L",
        secretion=draw(st.dictionaries(st.sampled_from(context.clones), texts(1e-9, 1e-6, "ug/L/cell/day"))),
        source=draw(maybe(texts(0.1, 10.0, "ug/L/day"))),
        loss=draw(maybe(rates)),
        start=draw(maybe(st.just("1 ug/L"))),
    )
    return [*draw(_effector(context)), signal, mdr.stimulation("CTL", by="IL2", rate=draw(rates), half="5 ug/L")]


@st.composite
def _mhc(draw: Draw, context: Context) -> list[Mechanism]:
    given = {"induced_by": context.drugs[0], "emax": draw(rates), "ec50": draw(concentrations)}
    given = given if draw(st.booleans()) else {}
    shown = mdr.immune.mhc("R", source=draw(rates), loss=draw(rates), half=draw(between(0.1, 50.0)), **given)
    return [*draw(_stimulation(context)), shown]  # effectors see what the receptors show, in their stimulation


@st.composite
def _antigen(draw: Draw, context: Context) -> list[Mechanism]:
    levels = {"S": draw(shares) if draw(st.booleans()) else mdr.formula("S/(S + 1e6)")}
    return [*draw(_attack(context)), *draw(_stimulation(context)), mdr.immune.antigen(levels)]


@st.composite
def _antigen_loss(draw: Draw, context: Context) -> list[Mechanism]:
    loss = mdr.immune.antigen_loss("S", context.clones[-1], effector="CTL", share=draw(between(0.0, 0.3)))
    return [*draw(_attack(context)), loss]


@st.composite
def _priming(draw: Draw, context: Context) -> list[Mechanism]:
    other = [mdr.immune.effector("NK", source="1e4 cell/day", death="0.04 1/day"), *draw(_effector(context))]
    return [*other, mdr.immune.priming("CTL", by="NK", rate=draw(texts(1e-12, 1e-8, "1/cell/day")))]


@st.composite
def _stroma(draw: Draw, context: Context) -> list[Mechanism]:
    grown = mdr.stimulation("CAF", by="S", rate=draw(rates), half=1e6)
    return [mdr.stroma.cells("CAF", start=draw(maybe(st.just("1e4 cell"))), death=draw(maybe(rates))), grown]


@st.composite
def _support(draw: Draw, context: Context) -> list[Mechanism]:
    given: dict[str, object] = {"emax": draw(between(0.0, 3.0)), "half": 1e5, "hill": draw(maybe(hills))}
    if draw(st.booleans()):
        given = {"slope": "1e-6 1/cell", "basal": draw(maybe(shares))}
    return [*draw(_stroma(context)), mdr.stroma.support("CAF", on=_targets(draw, context), **given)]


@st.composite
def _barrier(draw: Draw, context: Context) -> list[Mechanism]:
    against = draw(st.sampled_from(["growth", "effectors"]))
    parts = [*draw(_stroma(context)), *draw(_attack(context))]
    by: dict[str, object] = {"by": "CAF", "half": 1e5, "hill": draw(maybe(hills))} if draw(st.booleans()) else {}
    return [*parts, mdr.stroma.barrier(against=against, of=_targets(draw, context), most=draw(shares), **by)]


HOST: dict[str, Callable[[Context], Parts]] = {
    "immune.effector": _effector,
    "immune.suppressor": _suppressor,
    "immune.attack": _attack,
    "immune.exhaustion": _exhaustion,
    "immune.priming": _priming,
    "immune.suppression": _suppression,
    "immune.checkpoint": _checkpoint,
    "immune.antigen": _antigen,
    "immune.antigen_loss": _antigen_loss,
    "immune.mhc": _mhc,
    "stimulation": _stimulation,
    "cytokine": _cytokine,
    "stroma.cells": _stroma,
    "stroma.support": _support,
    "stroma.barrier": _barrier,
}
