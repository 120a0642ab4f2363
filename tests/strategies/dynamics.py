"""Random resistance dynamics; new clones, none of which counts as resistant."""

from __future__ import annotations

from collections.abc import Callable

from hypothesis import strategies as st
from strategies.values import Context, Draw, between, concentrations, hills, maybe, rates, shares, texts

from pkpd_mdr import mechanisms as mdr
from pkpd_mdr.model import Mechanism

__all__ = ["DYNAMICS"]

Parts = st.SearchStrategy[list[Mechanism]]


@st.composite
def _genotypes(draw: Draw, context: Context) -> list[Mechanism]:
    potency = st.one_of(concentrations, st.none())
    table = {name: {context.drugs[0]: draw(potency)} for name in ("G0", "G1")}
    reference = None
    if draw(st.booleans()):
        reference = {context.drugs[0]: draw(concentrations)}
        table = {name: {context.drugs[0]: draw(between(0.1, 50.0))} for name in ("G0", "G1")}
    if all(row[context.drugs[0]] is None for row in table.values()):
        table["G0"][context.drugs[0]] = "1 uM"
    given: dict[str, object] = {"emax": draw(shares), "form": "norton_simon"}
    if draw(st.booleans()):
        given = {"emax": draw(rates)}
    tree = mdr.genotypes(
        table,
        hill=draw(hills),
        reference=reference,
        growth=mdr.growth.exponential(rate=draw(rates)),
        start={"G0": 1e6},
        mutations={("G0", "G1"): draw(st.one_of(shares, rates)), ("G1", "G0"): 1e-6},
        costs=draw(maybe(st.just({"G1": 0.1}))),
        resistant=(),
        **given,
    )
    return [tree]


@st.composite
def _persisters(draw: Draw, context: Context) -> list[Mechanism]:
    given: dict[str, object] = {"entry": draw(rates)}
    if draw(st.booleans()):
        given |= {"induced_by": context.drugs[0], "emax": draw(rates), "ec50": draw(concentrations)}
    if draw(st.booleans()):
        given |= {"growth": mdr.growth.exponential(rate=draw(rates)), "cycling": draw(shares)}
    return [mdr.persisters("P", of="S", exit=draw(maybe(rates)), start=draw(maybe(st.just(1e3))), **given)]


@st.composite
def _memory(draw: Draw, context: Context) -> list[Mechanism]:
    given: dict[str, object] = {"rate": draw(rates)}
    if draw(st.booleans()):
        given = {"induced_by": context.drugs[0], "slope": draw(texts(0.01, 1.0, "L/umol/day"))}
    if len(context.clones) > 2:
        given["slowing"] = draw(maybe(shares))
    return [mdr.epigenetic_memory(list(context.clones), back=draw(rates), **given)]


@st.composite
def _hierarchy(draw: Draw, context: Context) -> list[Mechanism]:
    kinds = {"asymmetric": draw(between(0.0, 0.5)), "differentiation": draw(between(0.0, 0.5))}
    return [mdr.stem_hierarchy("R", "S", dedifferentiation=draw(maybe(rates)), **kinds)]


@st.composite
def _modulation(draw: Draw, context: Context) -> list[Mechanism]:
    change = {"emax": draw(between(-1.0, 2.0)), "ec50": draw(concentrations), "hill": draw(hills)}
    switch = mdr.switching("S", "R", rate=draw(rates))
    return [switch, mdr.switching_modulation(context.drugs[0], "S", "R", **change)]


@st.composite
def _trait(draw: Draw, context: Context) -> list[Mechanism]:
    per_division = draw(st.booleans())
    given: dict[str, object] = {"diffusion": draw(between(0.0, 0.01)) if per_division else draw(rates)}
    if draw(st.booleans()):
        pair = (draw(concentrations), draw(concentrations))
        given |= {"drug": context.drugs[0], "emax": draw(rates), "ec50": pair, "hill": draw(hills)}
    return [
        mdr.trait_axis(
            "x",
            growth=mdr.growth.logistic(rate=draw(rates), capacity=1e9),
            start=1e5,
            points=4,
            mean=draw(shares),
            width=draw(st.sampled_from([0.0, 0.2])),
            cost=draw(maybe(shares)),
            per_division=per_division,
            threshold=2.0,
            **given,
        )
    ]


DYNAMICS: dict[str, Callable[[Context], Parts]] = {
    "genotypes": _genotypes,
    "persisters": _persisters,
    "epigenetic_memory": _memory,
    "stem_hierarchy": _hierarchy,
    "switching_modulation": _modulation,
    "trait_axis": _trait,
}
