"""Low-grade glioma under temozolomide with acquired resistance, by p53 and 1p/19q status.

Mazzocco et al. 2015, CPT Pharmacometrics Syst Pharmacol 4:728: the tissue of Ribba 2012, but the kill of
proliferating tissue fades as exp(-res t) from the first dose on. Declared from text.
"""

from __future__ import annotations

from pkpd_mdr.mechanisms import dosing, observable, parameter, process, state
from pkpd_mdr.model import Model

__all__ = ["mazzocco2015"]

_VALUES = {
    "lP": ("0.143 1/month", "growth of proliferating tissue"),
    "kPQ": ("0.0429 1/month", "proliferating tissue becomes quiescent"),
    "dQp": ("0.0188 1/month", "damaged tissue is lost"),
    "res": ("0.1 1/month", "resistance to the kill of proliferating tissue"),
    "KDE": ("8.3 1/month", "drug is eliminated"),
    "K": ("100 mm", "largest mean tumour diameter"),
}


def mazzocco2015(*, p53_mutant: bool = False, codeleted: bool = False) -> Model:
    """P' = lP P (1 - (P+Q+Qp)/K) + kQpP Qp - kPQ P - g KDE C exp(-res t) P; Q and Qp as in Ribba 2012.

    Parameters
    ----------
    p53_mutant : bool
        Whether p53 is mutated: a weaker effect of the drug.
    codeleted : bool
        Whether 1p/19q is codeleted: slower repair.

    Returns
    -------
    Model
        Mean tumour diameters; one cycle (200 mg/m2 on days 1-5) is ``bolus("tmz", 1)`` every 28 days from time zero.

    Examples
    --------
    >>> from pkpd_mdr.regimen import bolus
    >>> run = mazzocco2015().simulate(bolus("tmz", 1).every("28 day", times=18), until="40 month")
    >>> round(float(run.frame["burden"].min()), 1)
    26.5
    """
    values = _VALUES | {
        "g": ("0.143" if p53_mutant else "0.254", "damage per elimination of drug"),
        "kQpP": ("0.00807 1/month" if codeleted else "0.00947 1/month", "damaged tissue is repaired"),
    }
    return Model(
        state("C", kind="amount", description="drug, in cycles"),
        state("P", "1.72 mm", unit="mm", description="proliferating tissue"),
        state("Q", "32.1 mm", unit="mm", description="quiescent tissue"),
        state("Qp", unit="mm", description="damaged quiescent tissue"),
        *(
            parameter(name, value, source="Mazzocco et al. 2015", description=text)
            for name, (value, text) in values.items()
        ),
        dosing("tmz", into="C", unit=""),
        process("elimination", "KDE*C", {"C": -1}),
        process("growth", "lP*P*(1 - (P + Q + Qp)/K)", {"P": 1}),
        process("quiescence", "kPQ*P", {"P": -1, "Q": 1}),
        process("killing", "g*KDE*C*P*exp(-res*t)", {"P": -1}),
        process("damage", "g*KDE*C*Q", {"Q": -1, "Qp": 1}),
        process("repair", "kQpP*Qp", {"Qp": -1, "P": 1}),
        process("loss", "dQp*Qp", {"Qp": -1}),
        observable("burden", "P + Q + Qp", "mm"),
    )
