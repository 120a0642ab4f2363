"""Random delivery: sites, barriers, carriers, and what drugs do beside linear compartments."""

from __future__ import annotations

from collections.abc import Callable

from hypothesis import strategies as st
from strategies.values import Context, Draw, between, concentrations, maybe, rates, shares, texts

from pkpd_mdr import mechanisms as mdr
from pkpd_mdr.model import Mechanism

__all__ = ["DELIVERY"]

Parts = st.SearchStrategy[list[Mechanism]]
constants = texts(0.01, 5.0, "1/h", "1/day")


def own(**changes: object) -> Mechanism:
    """A drug of one's own with a volume, whatever the drugs of the model are."""
    return mdr.pk.one_compartment("own", **{"CL": "2 L/h", "V": "20 L", "ka": "1 1/h", **changes})


@st.composite
def _tumour(draw: Draw, context: Context) -> list[Mechanism]:
    given = {"kin": draw(constants), "kout": draw(constants), "fu": draw(maybe(shares))}
    given["barrier"] = draw(maybe(shares | st.just(mdr.formula("burden/(burden + 1e9)"))))
    drug = context.drugs[0]
    return [
        mdr.delivery.tumour(drug, quasi_steady=draw(st.booleans()), **given),
        own(),
        mdr.delivery.tumour("own", volume="0.1 L", **given),
        mdr.kill(drug, on="S", slope="0.1 L/umol/day", site="tumour"),
    ]


@st.composite
def _brain(draw: Draw, context: Context) -> list[Mechanism]:
    inhibitors = {context.drugs[-1]: draw(concentrations)} if draw(st.booleans()) else None
    pump = {"Vmax": draw(texts(0.1, 10.0, "uM/h", "mg/L/h")), "Km": draw(concentrations)}
    given = {"kin": draw(constants), "kout": draw(constants), "fu": draw(maybe(shares)), "inhibitors": inhibitors}
    quasi = draw(st.booleans())
    return [mdr.delivery.blood_brain_barrier(context.drugs[0], quasi_steady=quasi, **pump, **given)]


@st.composite
def _csf(draw: Draw, context: Context) -> list[Mechanism]:
    barrier = draw(maybe(shares))
    return [own(), mdr.delivery.csf("own", kin=draw(constants), kout=draw(constants), volume="0.14 L", barrier=barrier)]


@st.composite
def _vasculature(draw: Draw, context: Context) -> list[Mechanism]:
    blocked = draw(st.dictionaries(st.sampled_from(context.drugs), texts(0.01, 1.0, "L/umol/day")))
    given = {"stimulation": draw(rates), "inhibition": draw(texts(1e-6, 1e-3, "1/day")), "start": "1e6 cell"}
    return [mdr.delivery.vasculature(loss=draw(maybe(rates)), blocked_by=blocked, **given)]


@st.composite
def _carrier(draw: Draw, context: Context) -> list[Mechanism]:
    lodged = draw(st.booleans())
    given = {
        "CL": draw(texts(0.01, 1.0, "L/h")),
        "V": "4 L",
        "release": draw(constants),
        "uptake": draw(constants) if lodged else None,
        "leakage": draw(constants) if not lodged else draw(maybe(constants)),
    }
    if not lodged:
        given["release"] = "0.06 1/h"
    site = mdr.delivery.tumour("own", kin="1 1/h", kout="1 1/h", volume="0.1 L")
    return [own(), site, mdr.delivery.carrier("pld", drug="own", **given)]


@st.composite
def _consumption(draw: Draw, context: Context) -> list[Mechanism]:
    clones = draw(st.permutations(context.clones))
    if draw(st.booleans()):
        return [own(), mdr.delivery.consumption("own", by=clones, clearance=draw(texts(1e-13, 1e-11, "L/h")))]
    saturable = {"Vmax": draw(texts(1e-13, 1e-11, "mg/h")), "Km": draw(texts(0.1, 10.0, "mg/L"))}
    return [own(), mdr.delivery.consumption("own", by=clones, **saturable)]


@st.composite
def _virtual(draw: Draw, context: Context) -> list[Mechanism]:
    driver = draw(st.sampled_from(["rate", "amount"]))
    slope = draw(between(0.01, 2.0)) if driver == "rate" else draw(rates)
    kpd = mdr.pk.kpd("virtual", KDE=draw(constants), driver=driver)
    return [kpd, mdr.kill("virtual", on="S", slope=slope)]


@st.composite
def _saturable(draw: Draw, context: Context) -> list[Mechanism]:
    given = {"Vmax": draw(texts(1.0, 200.0, "mg/h")), "Km": draw(texts(0.1, 10.0, "mg/L")), "back": draw(constants)}
    return [own(), mdr.pk.saturable_distribution("own", **given)]


@st.composite
def _induction(draw: Draw, context: Context) -> list[Mechanism]:
    law = draw(st.sampled_from([{"since": "first_dose"}, {"since": "start"}, {"ec50": "0.1 mg/L"}]))
    return [own(), mdr.pk.autoinduction("own", rate=draw(rates), baseline=draw(maybe(shares)), **law)]


@st.composite
def _gut(draw: Draw, context: Context) -> list[Mechanism]:
    inhibitors = draw(st.dictionaries(st.sampled_from(context.drugs), concentrations))
    return [own(), mdr.pk.gut_efflux("own", loss=draw(constants), inhibitors=inhibitors)]


DELIVERY: dict[str, Callable[[Context], Parts]] = {
    "delivery.tumour": _tumour,
    "delivery.blood_brain_barrier": _brain,
    "delivery.csf": _csf,
    "delivery.vasculature": _vasculature,
    "delivery.carrier": _carrier,
    "delivery.consumption": _consumption,
    "pk.kpd": _virtual,
    "pk.saturable_distribution": _saturable,
    "pk.autoinduction": _induction,
    "pk.gut_efflux": _gut,
}
