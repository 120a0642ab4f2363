"""Temozolomide in plasma and cerebrospinal fluid.

Ostermann et al. 2004, Clin Cancer Res 10:3728. The volume of the fluid is not published; 0.14 L is a usual value.
"""

from __future__ import annotations

from pkpd_mdr.mechanisms import observable, parameter, pk, process, state
from pkpd_mdr.model import Model

__all__ = ["ostermann2004"]

_SOURCE = "Ostermann et al. 2004"


def ostermann2004() -> Model:
    """One compartment with absorption (CL/F 10 L/h, V/F 30.3 L, ka 5.8 1/h) and an exchange with the fluid.

    Returns
    -------
    Model
        Observables ``C_tmz`` and ``C_csf`` in mg/L; a daily dose is ``oral("tmz", "360 mg")``.

    Examples
    --------
    >>> from pkpd_mdr.regimen import oral
    >>> run = ostermann2004().simulate(oral("tmz", "360 mg"), until="2 day", times="0.02 h")
    >>> round(float(run.frame["C_tmz"].max()), 1)
    10.0
    """
    return Model(
        pk.one_compartment("tmz", CL="10 L/h", V="30.3 L", ka="5.8 1/h"),
        state("csf", unit="mg", kind="amount", balance="tmz", description="temozolomide in cerebrospinal fluid"),
        parameter("kin", "7.2e-4 1/h", source=_SOURCE, description="plasma to cerebrospinal fluid"),
        parameter("kout", "0.76 1/h", source=_SOURCE, description="cerebrospinal fluid to plasma"),
        parameter("V_csf", "0.14 L", description="volume of cerebrospinal fluid"),
        process("to_csf", "kin*central_tmz", {"central_tmz": -1, "csf": 1}, transfer=True),
        process("from_csf", "kout*csf", {"csf": -1, "central_tmz": 1}, transfer=True),
        observable("C_csf", "csf/V_csf", "mg/L"),
    )
