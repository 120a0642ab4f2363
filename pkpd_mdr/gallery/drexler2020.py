"""Pegylated liposomal doxorubicin in murine breast cancer: necrosis, dead tissue that is washed out, drug used up.

Drexler et al. 2020, IFAC-PapersOnLine 53:16245; form as in the documentation of LattiCS. The values were not obtained:
all are wide priors.
"""

from __future__ import annotations

import math
from functools import partial

from pkpd_mdr.gallery.published import Published, Result, declared, sourced
from pkpd_mdr.gallery.reading import level
from pkpd_mdr.mechanisms import dosing, observable, parameter, process, state
from pkpd_mdr.model import Model
from pkpd_mdr.regimen import Regimen, bolus

__all__ = ["ENTRY", "doses", "drexler2020"]

_VALUES = {
    "a": ("0.3 1/day", "growth; wide prior, 0.1 to 1 per day"),
    "n": ("0.1 1/day", "necrosis; wide prior, 0.01 to 0.3 per day"),
    "b": ("0.5 1/day", "largest killing; wide prior, 0.05 to 1 per day"),
    "ED50": ("0.5 mg/kg", "drug of half the killing; wide prior, 0.01 to 5 mg/kg"),
    "w": ("0.2 1/day", "dead tissue is washed out; wide prior, 0.05 to 1 per day"),
    "c": ("0.4 1/day", "drug is cleared; wide prior, 0.1 to 1 per day"),
    "k1": ("0.2 1/day", "drug into the tissues; wide prior, 0 to 2 per day"),
    "k2": ("0.2 1/day", "drug out of the tissues; wide prior, 0 to 2 per day"),
    "bk": ("1e-4 mg/(kg*mm**3*day)", "drug used up by killing; wide prior, 0 to 1e-2"),
}

_SOURCES = {
    "assumed: a palpable tumour": "x10",
    "assumed: a mouse": "weight",
}


def drexler2020() -> Model:
    """x1' = (a-n) x1 - b x1 E; x2' = n x1 + b x1 E - w x2; x3' = -(c+k1) x3 + k2 x4 - bk x1 E.

    E = x3/(ED50 + x3) with the drug x3 per body weight; x4' = k1 x3 - k2 x4.

    Returns
    -------
    Model
        Living and dead volume, drug in blood and tissues of a mouse of 20 g; a dose is
        ``bolus("pld", "8 mg/kg", weight="20 g")``.

    Examples
    --------
    >>> sorted(drexler2020().states)
    ['x1', 'x2', 'x3', 'x4']
    """
    return sourced(
        Model(
            state("x1", "100 mm**3", unit="mm**3", description="living tumour"),
            state("x2", unit="mm**3", description="dead tumour"),
            state("x3", unit="mg", kind="amount", balance="pld", description="drug in blood"),
            state("x4", unit="mg", kind="amount", balance="pld", description="drug in tissues"),
            *declared(
                _VALUES,
                source="assumed: order of magnitude, so that doses hold the tumour for weeks; not obtained",
            ),
            dosing("pld", into="x3", unit="mg"),
            parameter("weight", "20 g", description="weight of the mouse"),
            observable("E", "x3/(ED50*weight + x3)", description="share of the largest killing"),
            process("growth", "a*x1", {"x1": 1}),
            process("necrosis", "n*x1", {"x1": -1, "x2": 1}),
            process("killing", "b*x1*E", {"x1": -1, "x2": 1}),
            process("washout", "w*x2", {"x2": -1}),
            process("clearance", "c*x3", {"x3": -1}),
            process("to_tissues", "k1*x3", {"x3": -1, "x4": 1}, transfer=True),
            process("from_tissues", "k2*x4", {"x4": -1, "x3": 1}, transfer=True),
            process("use", "bk*weight*x1*E", {"x3": -1}),
            observable("burden", "x1 + x2", "mm**3"),
        ),
        _SOURCES,
    )


def doses(dose: str = "8 mg/kg", count: int = 4) -> Regimen:
    """A dose every ten days (the schedule is ours)."""
    return bolus("pld", dose, weight="20 g").every("10 day", times=count)


def _area() -> float:
    """Area of drug in blood after 8 mg/kg without a tumour."""
    model = drexler2020().plus(
        state("area", unit="mg/kg*day", kind="integral"), process("add", "x3/weight", {"area": 1})
    )
    return level(model, "area", "200 day", doses(count=1), start={"x1": "0 mm**3"})


def _untreated(days: float, name: str) -> float:
    return level(drexler2020(), name, f"{days} day")


def _kill() -> float:
    """Living tumour left by a dose if it neither grows nor dies otherwise, and uses up nothing."""
    still = {"a": 0, "n": 0, "k1": 0, "bk": 0}
    return level(drexler2020(), "x1", "200 day", doses(count=1), parameters=still) / 100


ENTRY = Published(
    drexler2020,
    "Drexler et al. 2020, IFAC-PapersOnLine 53:16245; documentation of LattiCS",
    ("S1",),
    "mdr.gallery.drexler2020().simulate("
    'mdr.bolus("pld", "8 mg/kg", weight="20 g").every("10 day", times=4), until="80 day")',
    (
        Result(
            "living tumour after 10 days without drug",
            100 * math.exp(2.0),
            partial(_untreated, 10, "x1"),
            unit="mm**3",
            rtol=1e-5,
            source="(a - n) t",
        ),
        Result(
            "dead to living tumour after long",
            0.1 / 0.4,
            lambda: _untreated(60, "x2") / _untreated(60, "x1"),
            rtol=1e-5,
            source="n/(a - n + w)",
        ),
        Result(
            "area of drug after 8 mg/kg without a tumour", 20.0, _area, unit="mg/kg*day", rtol=1e-5, source="dose/c"
        ),
        Result(
            "living tumour left by 8 mg/kg",
            (1 + 8 / 0.5) ** (-0.5 / 0.4),
            _kill,
            rtol=1e-5,
            source="(1 + dose/ED50)^(-b/c)",
        ),
    ),
    ours="all values are wide priors; the schedule",
)
