"""Low-grade glioma under PCV, temozolomide or radiotherapy: proliferating, quiescent and damaged tissue.

Ribba et al. 2012, Clin Cancer Res 18:5071; values as in BIOMD0000000521, whose file drops P from the quiescence term.
Drug acts through a virtual amount that decays (K-PD). Declared from text, as one writes down a paper's equations.
"""

from __future__ import annotations

from functools import cache, partial

from pkpd_mdr.gallery.published import Published, Result, declared, sourced
from pkpd_mdr.gallery.reading import course, crossing, level
from pkpd_mdr.mechanisms import dosing, observable, process, state
from pkpd_mdr.model import Model
from pkpd_mdr.regimen import Regimen, bolus

__all__ = ["ENTRY", "ribba2012"]

_VALUES = {
    "lP": ("0.121 1/month", "growth of proliferating tissue"),
    "kPQ": ("0.00295 1/month", "proliferating tissue becomes quiescent"),
    "kQpP": ("0.0031 1/month", "damaged tissue is repaired"),
    "dQp": ("0.0087 1/month", "damaged tissue is lost"),
    "g": ("0.729", "damage per elimination of drug"),
    "KDE": ("0.24 1/month", "drug is eliminated"),
    "K": ("100 mm", "largest mean tumour diameter"),
}

_SOURCES = {
    "published: Ribba et al. 2012, start of BIOMD0000000521": "P0 Q0",
}


def ribba2012() -> Model:
    """P' = lP P (1 - N/K) + kQpP Qp - kPQ P - g KDE C P; Q' = kPQ P - g KDE C Q; Qp' = g KDE C Q - (kQpP + dQp) Qp.

    Returns
    -------
    Model
        Mean tumour diameters; one cycle of treatment is ``bolus("pcv", 1)``. Starts at P = 7.13 and Q = 41.2 mm.

    Examples
    --------
    >>> round(float(ribba2012().simulate(until="12 month").frame["burden"].iloc[-1]), 2)
    55.46
    """
    return sourced(
        Model(
            state("C", kind="amount", description="drug, in cycles"),
            state("P", "7.13 mm", unit="mm", description="proliferating tissue"),
            state("Q", "41.2 mm", unit="mm", description="quiescent tissue"),
            state("Qp", unit="mm", description="damaged quiescent tissue"),
            *declared(_VALUES, source="published: Ribba et al. 2012, in BIOMD0000000521"),
            dosing("pcv", into="C", unit=""),
            process("elimination", "KDE*C", {"C": -1}),
            process("growth", "lP*P*(1 - (P + Q + Qp)/K)", {"P": 1}),
            process("quiescence", "kPQ*P", {"P": -1, "Q": 1}),
            process("killing", "g*KDE*C*P", {"P": -1}),
            process("damage", "g*KDE*C*Q", {"Q": -1, "Qp": 1}),
            process("repair", "kQpP*Qp", {"Qp": -1, "P": 1}),
            process("loss", "dQp*Qp", {"Qp": -1}),
            observable("burden", "P + Q + Qp", "mm"),
        ),
        _SOURCES,
    )


def pcv() -> Regimen:
    """Six cycles of PCV, one every 1.5 months."""
    return bolus("pcv", 1).every("1.5 month", times=6)


@cache
def _response() -> tuple[float, float, float]:
    """Nadir (mm), its month, and the month at which the start is reached again."""
    months, sizes = course(ribba2012(), "burden", pcv(), until="60 month", times="0.02 month")
    low = sizes.index(min(sizes))
    return sizes[low], months[low], crossing(months[low:], sizes[low:], sizes[0])


def _untreated(month: int) -> float:
    return level(ribba2012(), "burden", f"{month} month")


ENTRY = Published(
    ribba2012,
    "Ribba et al. 2012, Clin Cancer Res 18:5071, doi:10.1158/1078-0432.CCR-12-0084; BIOMD0000000521",
    ("S4",),
    'mdr.gallery.ribba2012().simulate(mdr.bolus("pcv", 1).every("1.5 month", times=6), until="60 month")',
    (
        *(
            Result(
                f"untreated diameter at {month} months",
                size,
                partial(_untreated, month),
                unit="mm",
                atol=5e-3,
                source="another solver",
            )
            for month, size in ((12, 55.46), (24, 66.03), (60, 93.46))
        ),
        Result(
            "nadir after six cycles of PCV",
            35.24,
            lambda: _response()[0],
            unit="mm",
            atol=5e-3,
            source="another solver",
        ),
        Result("its time", 27.1, lambda: _response()[1], unit="month", atol=0.05, source="another solver"),
        Result("start regained", 50.3, lambda: _response()[2], unit="month", atol=0.05, source="another solver"),
        Result(
            "diameter at the start",
            48.33,
            lambda: course(ribba2012(), "burden", until="1 month")[1][0],
            unit="mm",
            atol=5e-3,
            flag="C",
            source="P0 + Q0",
        ),
    ),
)
