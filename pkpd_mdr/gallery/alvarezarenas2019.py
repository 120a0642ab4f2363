"""Resistance that cells select, induce and receive in vesicles: the minimal form of three papers.

Duran et al. 2016, Bull Math Biol 78:1218, and Alvarez-Arenas et al. 2019, Sci Rep 9:9332 (selection, induction and
microvesicles in lung cancer). Their equations were not obtained; the form is ours and all values are wide priors.
"""

from __future__ import annotations

import math
from functools import cache

from pkpd_mdr.gallery.published import Published, Result, sourced
from pkpd_mdr.gallery.reading import level
from pkpd_mdr.mechanisms import clone, growth, kill, medium, parameter, process, state, switching
from pkpd_mdr.model import Model
from pkpd_mdr.regimen import exposure

__all__ = ["ENTRY", "alvarezarenas2019"]

_FOLD = {"S": 1.0, "A": 5.0, "R": 20.0}

_SOURCES = {
    "assumed: doubling in about a day, as cell lines do in vitro; carriers and donors a little slower": "growth_*",
    "assumed: a well that is full at 1e6 cells": "K",
    "assumed: equal parts of recipients and donors, as in one of the co-cultures of BE(2)-C": "S0 R0",
    "range: 1e2 to 1e4 vesicles per cell and day in assays (recalled), that is 4 to 420 per hour": "sigma",
    "range: half-lives of 149 to 792 min in mice (Kim et al. 2019, Pharmaceutics 11:649), 0.05 to 0.28 per h": "delta",
    "assumed: set so that 1e4 cells take up as many vesicles as are lost; no rate was measured": "uptake",
    "assumed: set so that a co-culture of days changes a fair share of recipients; no rate was measured": "kappa",
    "assumed: the growth rate of S, which makes dose 1 the dose that stops it": "slope_dox_S",
    "derived: slope_dox_S/5, as vesicles of A2780/PTX made recipients 5-fold resistant (PubMed "
    "24877693)": "slope_dox_A",
    "range: slope_dox_S/20; doxorubicin-resistant K562 cells are 22-fold resistant (Acta Pharmacol Sin, "
    "article 6442)": "slope_dox_R",
    "assumed: rare beside transfer, so that vesicles make the difference": "switching_slope_dox_S_A",
    "assumed: a mean of four days, so that resistance falls over passages without drug as in BIU-87": "switching_A_S",
    "assumed: faster than the loss, so that resistance holds under drug as in BIU-87": "switching_slope_dox_A_R",
}


def alvarezarenas2019() -> Model:
    """S, A (carries received P-gp) and R share one space; A arises from S at ind(C) + kappa X and reverts or is fixed.

    ``X' = sigma R - delta X - uptake N X`` for vesicles X; S becomes A at ``(ind(C) + kappa X) S``, A becomes S at
    ``rev A`` and R at ``fix(C) A``. Kill is linear in the drug; A stands 5 times and R 20 times the dose of S.

    Returns
    -------
    Model
        From 5000 cells S and 5000 cells R; drug ``dox`` in a medium, in units of the IC50 rate of S.

    Examples
    --------
    >>> run = alvarezarenas2019().simulate(until="96 h")
    >>> bool(0 < run.frame["A"].iloc[-1])
    True
    """
    capacity = parameter("K", "1e6 cell", description="carrying capacity; wide prior, 1e5 to 1e7")
    return sourced(
        Model(
            medium("dox", unit=""),
            *(
                clone(
                    name,
                    growth=growth.logistic(rate=rate, capacity=capacity),
                    start=5000 if name in "SR" else None,
                    resistant=name != "S",
                )
                for name, rate in (("S", "0.03 1/h"), ("A", "0.028 1/h"), ("R", "0.025 1/h"))
            ),
            *(kill("dox", on=name, slope=(0.03 / fold, "1/h")) for name, fold in _FOLD.items()),
            switching("S", "A", induced_by="dox", slope="1e-4 1/h", back="0.01 1/h"),
            switching("A", "R", induced_by="dox", slope="0.02 1/h"),
            state("X", unit="vesicle", kind="vesicles", description="vesicles of R"),
            parameter("sigma", "20 1/h", description="vesicles set free per cell; wide prior, 1 to 500 per h"),
            parameter("delta", "0.2 1/h", description="vesicles are lost; wide prior, 0.05 to 1 per h"),
            parameter("uptake", "2e-5 1/(cell*h)", description="vesicles taken up per cell; wide prior"),
            parameter("kappa", "2e-7 1/h", description="cells changed per vesicle; wide prior, 1e-9 to 1e-5 per h"),
            process("shedding", "sigma*R", {"X": 1}),
            process("vesicle_loss", "delta*X", {"X": -1}),
            process("vesicle_uptake", "uptake*burden*X", {"X": -1}),
            process("transfer", "kappa*X*S", {"S": -1, "A": 1}, transfer=True),
        ),
        _SOURCES,
    )


def _share(hours: int, sensitive: float = 5000, donors: float = 5000) -> float:
    """Share of recipients that carry P-gp after a co-culture without drug."""
    frame = alvarezarenas2019().simulate(until=f"{hours} h", start={"S": sensitive, "R": donors}).frame.iloc[-1]
    return float(frame["A"] / (frame["S"] + frame["A"]))


def _vesicles() -> float:
    """Vesicles at rest over 1e5 donors that neither grow nor die."""
    still = {"growth_R": 0, "growth_S": 0, "growth_A": 0}
    return level(alvarezarenas2019(), "X", "100 h", start={"S": 0, "R": 1e5}, parameters=still)


@cache
def _ic50(vesicles: float) -> float:
    """Dose that halves the growth of recipients in 72 h, after 24 h with vesicles."""
    model = alvarezarenas2019().with_parameters(kappa=1e-6)
    given = {"S": 1000, "R": 0, "X": vesicles}
    loaded = model.simulate(until="24 h", start=given).frame.iloc[-1]
    start = {"S": float(loaded["S"]), "A": float(loaded["A"]), "R": 0}

    kept = {"switching_A_S": 0, "switching_slope_dox_A_R": 0}

    def cells(dose: float) -> float:
        """Cells after 72 h under a dose (uM)."""
        plan = exposure("dox", dose) if dose else None
        return level(model, "burden", "72 h", plan, start=start, parameters=kept)

    half, low, high = cells(0) / 2, 0.01, 100.0
    for _ in range(30):
        middle = math.sqrt(low * high)
        low, high = (middle, high) if cells(middle) > half else (low, middle)
    return math.sqrt(low * high)


def _passages(days: int, drug: bool) -> float:
    """Share of recipients that are still resistant (A or R) after passages without donors, in a culture kept small."""
    plan, start = exposure("dox", 1) if drug else None, {"S": 10, "A": 990, "R": 0}
    frame = (
        alvarezarenas2019().simulate(plan, until=f"{days} day", start=start, parameters={"K": 1e40, "kappa": 0}).frame
    )
    return float(frame["resistant_share"].iloc[-1])


ENTRY = Published(
    alvarezarenas2019,
    "Duran et al. 2016, Bull Math Biol 78:1218; Alvarez-Arenas et al. 2019, Sci Rep 9:9332",
    ("S2", "S3"),
    'mdr.gallery.alvarezarenas2019().simulate(mdr.exposure("dox", 1), until="96 h")',
    (
        Result(
            "vesicles at rest over 1e5 donors",
            20e5 / (0.2 + 2.0),
            _vesicles,
            unit="vesicle",
            rtol=1e-5,
            source="sigma R/(delta + uptake N)",
        ),
        Result(
            "IC50 of recipients of many vesicles, fold",
            5.0,
            lambda: _ic50(1e8) / _ic50(0.0),
            rtol=0.1,
            flag="C",
            source="A2780, 5-fold; the fold of A is set to it",
        ),
        Result(
            "fewer vesicles, a fold between 1 and 5",
            True,
            lambda: 1.05 < _ic50(3e5) / _ic50(0.0) < 4.5,
            source="mixture of S and A",
        ),
        Result(
            "transfer rises with the time of co-culture to 96 h",
            True,
            lambda: _share(24) < _share(48) < _share(96),
            flag="C",
            source="BIU-87",
        ),
        Result(
            "transfer follows the share of donors",
            True,
            lambda: _share(48, 8000, 2000) < _share(48, 5000, 5000) < _share(48, 2000, 8000),
            flag="C",
            source="BE(2)-C at 80:20, 50:50, 20:80",
        ),
        Result(
            "without drug resistance falls with passages",
            True,
            lambda: _passages(20, False) < 0.5 * _passages(5, False),
            flag="C",
            source="BIU-87",
        ),
        Result("with drug it holds", True, lambda: _passages(20, True) > 0.9, flag="C", source="BIU-87"),
    ),
    ours="form and all values (wide priors)",
)
