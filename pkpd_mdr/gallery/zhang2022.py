"""Abiraterone and two types of prostate cancer cells: whether cycles can drive resistance out.

Zhang et al. 2022, eLife 11:e76284 (Eqs 2-3). Strong competition of sensitive on resistant cells decides. The rates are
as printed, per day; the authors' code advances by a sixth of a day for each day of data, so that b = 8/6 gives its
times: ``zhang2022().with_parameters(b=8/6)``.
"""

from __future__ import annotations

import math
from functools import cache, partial

from pkpd_mdr.gallery.published import Published, Result, declared, sourced
from pkpd_mdr.gallery.reading import level, levels, outcome
from pkpd_mdr.mechanisms import clone, formula, growth, medium, parameter
from pkpd_mdr.model import Model
from pkpd_mdr.regimen import Strategy, adaptive, exposure

__all__ = ["ENTRY", "cycling", "zhang2022"]

_B = 8.0
_PAPER = "published: Zhang et al. 2022, Eqs 2-3"
_SOURCES = {
    "assumed: a tumour of half the capacity, 2 % of it resistant; the start of Fig 4 was not obtained": "xS0 xR0"
}
_VALUES = {
    "b": (f"{_B}", "factor of both growth rates"),
    "rS": ("0.0156 1/day", "growth of sensitive cells, less the factor"),
    "rR": ("0.0091 1/day", "growth of resistant cells, less the factor"),
    "K": ("10000", "carrying capacity"),
    "Kdrug": ("9000", "capacity of sensitive cells that the drug takes away"),
}


def zhang2022(competition: float = 6.0) -> Model:
    """Two clones: xS' = b rS xS (1 - (xS + aSR xR)/(10000 - 9000 L)); xR' = b rR xR (1 - (xR + aRS xS)/10000).

    Parameters
    ----------
    competition : float
        aRS, how much a sensitive cell weighs on a resistant one.

    Returns
    -------
    Model
        Clones ``xS`` and ``xR``; abiraterone is on (1) or off (0): ``exposure("abi", 1)``.

    Examples
    --------
    >>> zhang2022().parameters["aRS"].value
    6.0
    """
    mutual = {
        "aSR": parameter("aSR", 1.0, source=_PAPER, description="how much a resistant cell weighs on a sensitive one"),
        "aRS": parameter(
            "aRS", competition, source=_PAPER, description="how much a sensitive cell weighs on a resistant one"
        ),
    }
    return sourced(
        Model(
            medium("abi", unit=""),
            *declared(_VALUES, source=_PAPER),
            clone(
                "xS",
                growth=growth.logistic(
                    rate=formula("b*rS"), capacity=formula("K - Kdrug*C_abi"), competition={"xR": mutual["aSR"]}
                ),
                start=5000,
                unit="",
            ),
            clone(
                "xR",
                growth=growth.logistic(rate=formula("b*rR"), capacity=formula("K"), competition={"xS": mutual["aRS"]}),
                start=100,
                unit="",
                resistant=True,
            ),
        ),
        _SOURCES,
    )


def cycling(visit: str = "1 day") -> Strategy:
    """50 % cycling: off when the burden has halved, on when it is back; ideal where it is seen every day."""
    return adaptive(exposure("abi", 1), stop_below=0.5, restart_above=1.0, visit=visit)


@cache
def _cycles(competition: float) -> tuple[float, float]:
    """Resistant cells at the end of the fourth cycle, relative to the start; and the day of progression."""
    run = zhang2022(competition).simulate(cycling(), until="180 day", times="1 day")
    what, when = run.events["what"], run.events.iloc[:, 0]
    restarts = when[what == "treatment restarts"].to_list()
    fourth = float(run.frame["xR"].loc[restarts[3]]) / 100 if len(restarts) > 3 else math.inf
    return fourth, run.endpoint("time_to_progression")


def _months(words: str) -> float:
    """Months to progression from our start."""
    plan = cycling() if words == "adaptive" else exposure("abi", 1)
    return outcome(zhang2022(), "time_to_progression", plan, until="180 day") / 30.4


def _months_of_code(resistant: float) -> float:
    """Months until the burden is 1.2 of the start under standard dosing, with the step of the authors' code."""
    model, stop = zhang2022().with_parameters(b=8 / 6, xR0=resistant), {"burden": 1.2 * (5000 + resistant)}
    return outcome(model, "time_to_stop", exposure("abi", 1), until="800 day", stop=stop) / 30.4


def _dose_share() -> float:
    """Share of 180 days on drug, with a visit every four weeks."""
    return level(zhang2022(), "AUC_abi", "180 day", cycling("28 day")) / (180 * 24)


def _slope(resistant: float, sensitive: float) -> float:
    """Growth per day of xR."""
    before, after = levels(zhang2022(), "xR", ["0 h", "0.01 h"], start={"xS": sensitive, "xR": resistant})
    return 2400 * math.log(after / before)


def _edge() -> bool:
    """XR grows just below xR + 6 xS = 10000 and shrinks just above, wherever on that line."""
    below = all(_slope(r, (9990 - r) / 6) > 0 for r in (10, 1000, 9000))
    return below and all(_slope(r, (10010 - r) / 6) < 0 for r in (10, 1000, 9000))


def _rate(name: str) -> float:
    """Growth per day of a few cells, less the factor b."""
    other = {"xS": "xR", "xR": "xS"}[name]
    before, after = levels(zhang2022(), name, ["0 day", "1 day"], start={name: 1e-3, other: 0})
    return math.log(after / before) / _B


_ADAPTIVE = (
    "with aRS = 6 ideal cycles drive resistant cells out from any start (Fig 4, above): who progressed had other "
    "cycles, which were not obtained for a simulation"
)
_STANDARD = (
    "with b as printed, per day, less than one resistant cell would have to be there at the start; with the step of "
    "the authors' code 5000 and 500 cells give it (above), but that start is a free number"
)

ENTRY = Published(
    zhang2022,
    "Zhang et al. 2022, eLife 11:e76284, doi:10.7554/eLife.76284",
    ("S1",),
    'mdr.gallery.zhang2022(6).simulate(mdr.adaptive(mdr.exposure("abi", 1), visit="1 day"), until="120 day")',
    (
        Result(
            "growth rate of sensitive cells",
            0.0156,
            lambda: _rate("xS"),
            unit="1/day",
            rtol=1e-4,
            flag="C",
            source="the paper",
        ),
        Result(
            "growth rate of resistant cells",
            0.0091,
            lambda: _rate("xR"),
            unit="1/day",
            rtol=1e-4,
            flag="C",
            source="the paper",
        ),
        Result(
            "aRS = 6: four cycles drive resistant cells below 1 % of the start",
            True,
            lambda: _cycles(6.0)[0] < 0.01,
            flag="C",
            source="Fig 4; about 0 in 3-4 cycles",
        ),
        Result(
            "aRS = 6: no progression within 180 days",
            True,
            lambda: math.isinf(_cycles(6.0)[1]),
            flag="C",
            source="Fig 4",
        ),
        Result(
            "aRS = 2 only delays progression",
            True,
            lambda: _cycles(0.8)[1] < _cycles(2.0)[1] < math.inf,
            flag="C",
            source="Fig 4",
        ),
        Result(
            "aRS = 0.8 fails: resistant cells grow from cycle to cycle",
            True,
            lambda: _cycles(0.8)[0] > 1 and _cycles(0.8)[1] < 100,
            flag="C",
            source="Fig 4",
        ),
        Result("xR grows only if xR + aRS xS < 10000", True, _edge, source="sign of the bracket"),
        Result(
            "sensitive cells alone at 10000 exclude resistant ones",
            True,
            lambda: level(zhang2022(), "xR", "30 day", start={"xS": 10000, "xR": 100}) < 0.01,
            source="aRS KS/KR > 1",
        ),
        *(
            Result(
                f"standard dosing from 5000 and {resistant} cells, step of the authors' code: burden 1.2 of the start",
                months,
                partial(_months_of_code, resistant),
                unit="month",
                rtol=1e-3,
                source="another solver; the share of resistant cells at the start decides",
            )
            for resistant, months in ((100, 23.495), (500, 14.453), (1000, 11.668))
        ),
        *(
            Result(
                f"median time to progression in the trial, {words} dosing",
                months,
                partial(_months, words),
                unit="month",
                rtol=0.1,
                flag="C",
                source="trial",
                unreached=f"a median over patients of progression in images, which the model does not have; {why}",
            )
            for words, months, why in (("adaptive", 33.5, _ADAPTIVE), ("standard", 14.3, _STANDARD))
        ),
        Result(
            "adaptive dose in the trial, share of standard",
            0.54,
            _dose_share,
            atol=0.05,
            flag="C",
            source="trial; b as printed, visits every four weeks (recalled): that visits are late makes the share",
        ),
    ),
    ours="the start of Fig 4 was not obtained: 5000 sensitive and 100 resistant cells",
)
