"""Generations of EGFR inhibitors: which mutation ends which drug, and what still works afterwards.

Genotypes and drugs as in Chmielecki et al. 2011 (Sci Transl Med), Foo et al. 2012 (J Thorac Oncol 7:1583) and the map
of cross-resistance in Nat Commun 2021, s41467-021-23912-4. Rates and concentrations were not obtained and are wide
priors; what is published is which genotype resists which drug, and that T790M cells grow more slowly.
"""

from __future__ import annotations

import math
from functools import cache, partial

from pkpd_mdr.gallery.published import Published, Result, sourced
from pkpd_mdr.gallery.reading import course, crossing, level
from pkpd_mdr.mechanisms import clone, cost, growth, kill, medium, mutation
from pkpd_mdr.model import Model
from pkpd_mdr.regimen import Regimen, Strategy, exposure, on_progression

__all__ = ["ENTRY", "daily", "egfr_generations", "in_turn"]

_RESISTS = {
    "S": (),
    "T790M": ("gef", "dac"),
    "C797S": ("osi",),
    "both": ("gef", "dac", "osi"),
}
_START = {"S": 1e9, "T790M": 1e4, "C797S": 1e3}
_STEPS = (("S", "T790M"), ("S", "C797S"), ("T790M", "both"), ("C797S", "both"))
_LEVEL = "200 nM"

_SOURCES = {
    "assumed: a tumour that doubles in a month and a half": "growth_*",
    "assumed: a detectable tumour with few resistant cells, so that the first drug works "
    "before it fails": "S0 T790M0 C797S0",
    "assumed: T790M cells grow more slowly (Chmielecki et al. 2011, abstract), by how much was not obtained": "cost_*",
    "range: 1e-9 per base and division (Bozic et al. 2013, eLife 2:e00747), one base for each resistance": "mutation_*",
    "assumed: some three times growth, so that a drug shrinks what it reaches": "emax_*",
    "assumed: simplest curve": "hill_*",
    "assumed: far below the level of 200 nM where a genotype is sensitive, far above where the map of cross- "
    "resistance (Nat Commun 2021, s41467-021-23912-4) says resistant": "ec50_*",
}


def egfr_generations() -> Model:
    """Genotypes S, T790M, C797S and both grow, mutate and are killed at emax C/(ec50 + C), ec50 by genotype and drug.

    Returns
    -------
    Model
        Gefitinib ``gef`` (first generation), dacomitinib ``dac`` (second), osimertinib ``osi`` (third) at a held level.

    Examples
    --------
    >>> run = egfr_generations().simulate(daily("gef"), until="2 year")
    >>> bool(run.frame["T790M"].iloc[-1] > run.frame["S"].iloc[-1])
    True
    """
    drugs = ("gef", "dac", "osi")
    return sourced(
        Model(
            *(medium(drug, unit="nM") for drug in drugs),
            *(
                clone(
                    name, growth=growth.exponential(rate="0.015 1/day"), start=_START.get(name), resistant=bool(resists)
                )
                for name, resists in _RESISTS.items()
            ),
            *(cost(name, 0.1) for name in ("T790M", "both")),
            *(mutation(source, into, probability=1e-9) for source, into in _STEPS),
            *(
                kill(drug, on=name, emax="0.05 1/day", ec50="5000 nM" if drug in resists else "10 nM")
                for drug in drugs
                for name, resists in _RESISTS.items()
            ),
        ),
        _SOURCES,
    )


def daily(drug: str) -> Regimen:
    """A drug without end, at 200 nM."""
    return exposure(drug, _LEVEL)


def in_turn(*drugs: str) -> Strategy:
    """The next drug at each progression, seen every 28 days."""
    return on_progression(*(daily(drug) for drug in drugs), visit="28 day")


@cache
def _at_progression(*drugs: str) -> dict[str, float]:
    """Day and cells when the last drug has failed, that is when the burden passes 1.2 of the start for good."""
    frame = egfr_generations().simulate(in_turn(*drugs), until=f"{1400 * len(drugs)} day", times="7 day").frame
    burden = frame["burden"]
    last = burden.index[burden < 1.2 * burden.iloc[0]][-1]
    return {"day": float(last)} | {name: float(frame[name].loc[last]) for name in _RESISTS}


def _main(*drugs: str) -> str:
    found = _at_progression(*drugs)
    return max(_RESISTS, key=lambda name: found[name])


def _control(concentration: str) -> float:
    """Days until the burden passes 1.2 of the start under gefitinib."""
    plan = exposure("gef", concentration)
    days, cells = course(egfr_generations(), "burden", plan, until="1400 day", times="7 day")
    return crossing(days, cells, 1.2 * cells[0])


def _later(after: str, then: str) -> float:
    """Growth per day under another drug of what relapsed."""
    cells = {name: value for name, value in _at_progression(after).items() if name in _RESISTS}
    before, end = sum(cells.values()), level(egfr_generations(), "burden", "28 day", daily(then), start=cells)
    return math.log(end / before) / 28


ENTRY = Published(
    egfr_generations,
    "Chmielecki et al. 2011; Foo et al. 2012, J Thorac Oncol 7:1583; Nat Commun 2021, s41467-021-23912-4",
    ("S5",),
    "mdr.gallery.egfr_generations().simulate("
    'mdr.on_progression(mdr.exposure("gef", "200 nM"), mdr.exposure("osi", "200 nM"), visit="28 day"), '
    'until="4 year")',
    (
        Result(
            "gefitinib fails by T790M",
            True,
            lambda: _main("gef") == "T790M",
            flag="C",
            source="map of cross-resistance",
        ),
        Result(
            "dacomitinib fails by T790M",
            True,
            lambda: _main("dac") == "T790M",
            flag="C",
            source="map of cross-resistance",
        ),
        Result(
            "osimertinib fails by C797S",
            True,
            lambda: _main("osi") == "C797S",
            flag="C",
            source="map of cross-resistance",
        ),
        Result(
            "what osimertinib leaves is sensitive to dacomitinib",
            True,
            lambda: _later("osi", "dac") < 0 < _later("osi", "osi"),
            flag="C",
            source="map of cross-resistance",
        ),
        Result(
            "what gefitinib leaves is sensitive to osimertinib",
            True,
            lambda: _later("gef", "osi") < 0 < _later("gef", "gef"),
            flag="C",
            source="map of cross-resistance",
        ),
        Result(
            "osimertinib at progression prolongs control by gefitinib",
            True,
            lambda: _at_progression("gef", "osi")["day"] > _at_progression("gef")["day"] + 180,
            source="another drug for T790M",
        ),
        Result(
            "T790M cells grow more slowly than sensitive ones",
            True,
            lambda: (
                level(egfr_generations(), "T790M", "100 day") / 1e4 < level(egfr_generations(), "S", "100 day") / 1e9
            ),
            flag="C",
            source="abstract of Chmielecki 2011",
        ),
        Result(
            "lower exposure, as in fast metabolisers, ends control earlier",
            True,
            lambda: _control("5 nM") < _control("50 nM"),
            flag="C",
            source="abstract of Foo 2012",
        ),
        *(
            Result(
                f"progression-free survival under {name} in ARCHER-1050",
                months,
                partial(lambda drug: _at_progression(drug)["day"] / 30.4, drug),
                unit="month",
                rtol=0.1,
                flag="C",
                source="trial",
                unreached="a median over patients; here it is ln(1.2 S0/T790M0) over the growth of T790M under the "
                "drug, so that any month follows from two assumed values, and both drugs fail by T790M in the same "
                "month unless they differ in what T790M leaves of their effect, which was not obtained",
            )
            for name, drug, months in (("dacomitinib", "dac", 14.7), ("gefitinib", "gef", 9.2))
        ),
    ),
    ours="all rates, levels and ec50 are wide priors",
)
