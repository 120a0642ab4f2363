"""Random damage, repair, paths of death, delays, and effects that wear off."""

from __future__ import annotations

from collections.abc import Callable

from hypothesis import strategies as st
from strategies.values import Context, Draw, between, concentrations, hills, maybe, rates, shares, texts

from pkpd_mdr import mechanisms as mdr
from pkpd_mdr.model import Mechanism

__all__ = ["DEATH"]

Parts = st.SearchStrategy[list[Mechanism]]
potencies = texts(0.01, 2.0, "L/umol/day", "L/mg/h")


@st.composite
def _adducts(draw: Draw, context: Context) -> list[Mechanism]:
    drugs = draw(st.lists(st.sampled_from(context.drugs), min_size=1, unique=True))
    repair = draw(maybe(rates))
    suicide = draw(maybe(rates))
    parts: list[Mechanism] = draw(_mgmt(context)) if suicide else []
    formed = {drug: draw(texts(0.1, 100.0, "1/uM/h")) for drug in drugs}
    bond = mdr.damage.adducts(formed_by=formed, on=list(context.clones), repair=repair, suicide=suicide)
    return [*parts, bond, mdr.death.path("adducts", on="S", path="other", slope=draw(rates))]


@st.composite
def _mgmt(draw: Draw, context: Context) -> list[Mechanism]:
    inactivated = draw(st.dictionaries(st.sampled_from(context.drugs), potencies))
    turnover = {"synthesis": draw(maybe(texts(1.0, 1e3, "1/h"))), "degradation": draw(maybe(rates))}
    return [
        mdr.damage.mgmt(list(context.clones), start=draw(between(0.0, 1e5)), inactivated_by=inactivated, **turnover)
    ]


@st.composite
def _path(draw: Draw, context: Context) -> list[Mechanism]:
    via = draw(st.sampled_from(["", "transit", "damaged"]))
    effect: dict[str, object] = {"slope": draw(potencies)}
    if draw(st.booleans()):
        effect = {"emax": draw(rates), "ec50": draw(concentrations), "hill": draw(hills)}
    if draw(st.booleans()):
        effect |= {"stages": draw(st.integers(1, 4)), "delay": draw(texts(1.0, 48.0, "h"))}
    parts: list[Mechanism] = []
    if via:
        parts = draw(_transit(context) if via == "transit" else _damaged(context))
    return [*parts, mdr.death.path(context.drugs[-1], on=list(context.clones), via=via, **effect)]


@st.composite
def _evasion(draw: Draw, context: Context) -> list[Mechanism]:
    return [mdr.death.evasion(list(context.clones), apoptosis=draw(shares), other=draw(shares))]


@st.composite
def _transit(draw: Draw, context: Context) -> list[Mechanism]:
    return [mdr.death.transit(list(context.clones), rate=draw(rates), stages=draw(st.integers(1, 4)))]


@st.composite
def _damaged(draw: Draw, context: Context) -> list[Mechanism]:
    exits = {"recovery": draw(maybe(rates)), "death": draw(rates), "at_division": draw(maybe(between(0.1, 2.0)))}
    return [mdr.death.damaged(list(context.clones), **exits)]


@st.composite
def _fading(draw: Draw, context: Context) -> list[Mechanism]:
    since = draw(st.sampled_from(["first_dose", "start"]))
    drug = context.drugs[-1]
    return [
        mdr.death.path(drug, on=list(context.clones), slope=draw(potencies)),
        mdr.death.path(drug, on="S", slope=draw(potencies), path="other"),
        mdr.fading(drug, on="S", rate=draw(rates), since=since),
    ]


@st.composite
def _tolerance(draw: Draw, context: Context) -> list[Mechanism]:
    drug = context.drugs[-1]
    return [
        mdr.death.path(drug, on=list(context.clones), slope=draw(potencies)),
        mdr.tolerance(drug, on="S", rate=draw(rates), half=draw(concentrations)),
    ]


@st.composite
def _peak(draw: Draw, context: Context) -> list[Mechanism]:
    return [mdr.peak(context.drugs[0], follow="20 1/h", forget=draw(maybe(rates)))]


@st.composite
def _peak_kill(draw: Draw, context: Context) -> list[Mechanism]:
    potency = {context.drugs[0]: draw(texts(0.1, 5.0, "L/umol", "L/mg"))}
    return [
        *draw(_peak(context)),
        mdr.peak_kill(potency, on=list(context.clones), exponent=draw(between(1.0, 3.0))),
    ]


DEATH: dict[str, Callable[[Context], Parts]] = {
    "damage.adducts": _adducts,
    "damage.mgmt": _mgmt,
    "death.path": _path,
    "death.evasion": _evasion,
    "death.transit": _transit,
    "death.damaged": _damaged,
    "fading": _fading,
    "tolerance": _tolerance,
    "peak": _peak,
    "peak_kill": _peak_kill,
}
