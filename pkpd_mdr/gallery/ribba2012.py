"""Low-grade glioma under PCV, temozolomide or radiotherapy: proliferating, quiescent and damaged tissue.

Ribba et al. 2012, Clin Cancer Res 18:5071; values as in BIOMD0000000521, whose file drops P from the quiescence term.
Drug acts through a virtual amount that decays (K-PD). Declared from text, as one writes down a paper's equations.
"""

from __future__ import annotations

from pkpd_mdr.mechanisms import dosing, observable, parameter, process, state
from pkpd_mdr.model import Model

__all__ = ["ribba2012"]

_VALUES = {
    "lP": ("0.121 1/month", "growth of proliferating tissue"),
    "kPQ": ("0.00295 1/month", "proliferating tissue becomes quiescent"),
    "kQpP": ("0.0031 1/month", "damaged tissue is repaired"),
    "dQp": ("0.0087 1/month", "damaged tissue is lost"),
    "g": ("0.729", "damage per elimination of drug"),
    "KDE": ("0.24 1/month", "drug is eliminated"),
    "K": ("100 mm", "largest mean tumour diameter"),
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
    return Model(
        state("C", kind="amount", description="drug, in cycles"),
        state("P", "7.13 mm", unit="mm", description="proliferating tissue"),
        state("Q", "41.2 mm", unit="mm", description="quiescent tissue"),
        state("Qp", unit="mm", description="damaged quiescent tissue"),
        *(
            parameter(name, value, source="BIOMD0000000521", description=text)
            for name, (value, text) in _VALUES.items()
        ),
        dosing("pcv", into="C", unit=""),
        process("elimination", "KDE*C", {"C": -1}),
        process("growth", "lP*P*(1 - (P + Q + Qp)/K)", {"P": 1}),
        process("quiescence", "kPQ*P", {"P": -1, "Q": 1}),
        process("killing", "g*KDE*C*P", {"P": -1}),
        process("damage", "g*KDE*C*Q", {"Q": -1, "Qp": 1}),
        process("repair", "kQpP*Qp", {"Qp": -1, "P": 1}),
        process("loss", "dQp*Qp", {"Qp": -1}),
        observable("burden", "P + Q + Qp", "mm"),
    )
