"""Random toxicity beside myelosuppression."""

from __future__ import annotations

from collections.abc import Callable

from hypothesis import strategies as st
from strategies.values import Context, Draw, between, concentrations, hills, maybe, rates, shares, texts

from pkpd_mdr import mechanisms as mdr
from pkpd_mdr.model import Mechanism

__all__ = ["HARM", "harms"]

Parts = st.SearchStrategy[list[Mechanism]]
slopes = texts(0.01, 2.0, "L/umol/day", "L/mg/h")


@st.composite
def harms(draw: Draw, context: Context, *, largest: st.SearchStrategy[object], slope: st.SearchStrategy[str]) -> dict:
    """Slopes for some drugs and saturating effects for the others, of one drug at least."""
    linear = [drug for drug in context.drugs if draw(st.booleans())]
    saturating = [drug for drug in context.drugs if drug not in linear]
    given: dict[str, object] = {"slope": {drug: draw(slope) for drug in linear}}
    given["emax"] = {
        drug: (draw(largest), draw(concentrations), *draw(st.lists(hills, max_size=1))) for drug in saturating
    }
    return given


@st.composite
def _lymphocytes(draw: Draw, context: Context) -> list[Mechanism]:
    effects = draw(harms(context, largest=rates, slope=slopes))
    stopped = {context.drugs[0]: (draw(shares), draw(concentrations))} if draw(st.booleans()) else None
    return [mdr.toxicity.lymphopenia(baseline="1.5e9 1/L", turnover=draw(rates), inhibition=stopped, **effects)]


@st.composite
def _weight(draw: Draw, context: Context) -> list[Mechanism]:
    effects = draw(harms(context, largest=rates, slope=slopes))
    return [mdr.toxicity.body_weight(baseline="70 kg", recovery=draw(rates), **effects)]


@st.composite
def _heart(draw: Draw, context: Context) -> list[Mechanism]:
    protection = {context.drugs[-1]: (draw(rates), draw(concentrations))} if draw(st.booleans()) else None
    slope = draw(st.dictionaries(st.sampled_from(context.drugs), texts(0.001, 0.2, "L/umol")))
    return [
        mdr.toxicity.cardiomyocytes(
            growth=draw(rates),
            emax={context.drugs[0]: (draw(rates), draw(concentrations), draw(hills))},
            slope=slope,
            protection=protection,
            transit="0.126 1/h",
            stages=draw(st.integers(1, 4)),
            start=draw(between(0.5, 100.0)),
        )
    ]


@st.composite
def _cumulative(draw: Draw, context: Context) -> list[Mechanism]:
    weights = {drug: draw(texts(1.0, 60.0, "mg/h/uM", "L/h")) for drug in context.drugs}
    return [mdr.toxicity.cumulative_exposure(weights, unit="mg")]


@st.composite
def _blood(draw: Draw, context: Context) -> list[Mechanism]:
    effects = draw(harms(context, largest=between(0.0, 1.2), slope=texts(0.1, 30.0, "L/umol", "L/mg")))
    feedback = draw(maybe(st.just(0.17))) or draw(between(0.1, 0.3))
    return [
        mdr.toxicity.myelosuppression("anc", baseline="5e9 1/L", transit_time="124 h", feedback=feedback, **effects)
    ]


HARM: dict[str, Callable[[Context], Parts]] = {
    "toxicity.myelosuppression": _blood,
    "toxicity.lymphopenia": _lymphocytes,
    "toxicity.body_weight": _weight,
    "toxicity.cardiomyocytes": _heart,
    "toxicity.cumulative_exposure": _cumulative,
}
