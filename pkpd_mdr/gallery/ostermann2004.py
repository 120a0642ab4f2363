"""Temozolomide in plasma and cerebrospinal fluid.

Ostermann et al. 2004, Clin Cancer Res 10:3728. The volume of the fluid is not published; 0.14 L is a usual value.
"""

from __future__ import annotations

import math
from functools import cache

from pkpd_mdr.gallery.published import Published, Result, sourced
from pkpd_mdr.gallery.reading import course
from pkpd_mdr.mechanisms import delivery, pk, process, state
from pkpd_mdr.model import Model
from pkpd_mdr.regimen import Regimen, oral

__all__ = ["ENTRY", "ostermann2004"]

_SOURCES = {
    "published: Ostermann et al. 2004, Clin Cancer Res "
    "10:3728, abstract": "V_tmz CL_tmz ka_tmz kin_tmz_csf kout_tmz_csf",
    "derived: with it the ratio of areas in fluid and plasma is the published 0.20; also a usual volume": "V_tmz_csf",
}


def ostermann2004() -> Model:
    """One compartment with absorption (CL/F 10 L/h, V/F 30.3 L, ka 5.8 1/h) and an exchange with the fluid.

    Returns
    -------
    Model
        Observables ``C_tmz`` and ``C_tmz_csf`` in mg/L; a daily dose is ``oral("tmz", "360 mg")``.

    Examples
    --------
    >>> from pkpd_mdr.regimen import oral
    >>> run = ostermann2004().simulate(oral("tmz", "360 mg"), until="2 day", times="0.02 h")
    >>> round(float(run.frame["C_tmz"].max()), 1)
    10.0
    """
    return sourced(
        Model(
            pk.one_compartment("tmz", CL="10 L/h", V="30.3 L", ka="5.8 1/h"),
            delivery.csf("tmz", kin="7.2e-4 1/h", kout="0.76 1/h", volume="0.14 L"),
        ),
        _SOURCES,
    )


def dose() -> Regimen:
    """One daily dose of 200 mg/m2 at 1.8 m2."""
    return oral("tmz", "360 mg")


@cache
def _exposure() -> tuple[float, float, float, float]:
    """Peak (mg/L), area (mg h/L), ratio of areas in fluid and plasma, and half-life (h)."""
    area = [state("area_csf", unit="mg/L*h", kind="integral"), process("add", "C_tmz_csf", {"area_csf": 1})]
    frame = ostermann2004().plus(*area).simulate(dose(), until="100 h", times="0.02 h").frame
    late = math.log(float(frame["C_tmz"].iloc[500] / frame["C_tmz"].iloc[600])) / 2
    total = float(frame["AUC_tmz"].iloc[-1])
    return float(frame["C_tmz"].max()), total, float(frame["area_csf"].iloc[-1]) / total, math.log(2) / late


def _clearance(clearance: str, volume: str) -> float:
    """Half-life for another clearance and volume."""
    model = ostermann2004().with_parameters(CL_tmz=clearance, V_tmz=volume, kin_tmz_csf="0 1/h")
    _, levels = course(model, "C_tmz", dose(), until="14 h", times="1 h")
    return 2 * math.log(2) / math.log(levels[10] / levels[12])


ENTRY = Published(
    ostermann2004,
    "Ostermann et al. 2004, Clin Cancer Res 10:3728",
    ("S4",),
    'mdr.gallery.ostermann2004().simulate(mdr.oral("tmz", "360 mg"), until="2 day", times="0.02 h")',
    (
        Result("half-life", 2.10, lambda: _exposure()[3], unit="h", atol=0.01, flag="C", source="the paper"),
        Result(
            "AUC in cerebrospinal fluid to plasma",
            0.20,
            lambda: _exposure()[2],
            atol=0.01,
            flag="C",
            source="the paper",
        ),
        Result(
            "the same with a fluid of 0.14 L", 0.205, lambda: _exposure()[2], atol=5e-4, source="kin V/(kout V_csf)"
        ),
        Result("Cmax after 360 mg", 10.0, lambda: _exposure()[0], unit="mg/L", atol=0.05, source="closed form"),
        Result("AUC after 360 mg", 36.0, lambda: _exposure()[1], unit="mg*h/L", rtol=1e-5, source="dose/CL"),
        Result(
            "half-life in children (Panetta 2003: 5.4 L/h, 14.0 L)",
            math.log(2) * 14.0 / 5.4,
            lambda: _clearance("5.4 L/h", "14 L"),
            unit="h",
            atol=0.01,
            source="ln 2 V/CL",
        ),
    ),
    ours="the volume of cerebrospinal fluid (0.14 L) is not published",
)
