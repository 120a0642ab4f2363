"""Leukocytes under paclitaxel: the semi-mechanistic model of myelosuppression.

Friberg et al. 2002, J Clin Oncol 20:4713, with linear two-compartment pharmacokinetics.
"""

from __future__ import annotations

from pkpd_mdr.mechanisms import pk, toxicity
from pkpd_mdr.model import Model

__all__ = ["friberg2002"]


def friberg2002() -> Model:
    """Prol' = k Prol ((1 - slope C)(Circ0/Circ)^g - 1), three transits, Circ; k = 4/MTT.

    Returns
    -------
    Model
        State ``wbc`` in 1e9 cells per litre; ``infusion("pac", "369 umol", over="3 h")`` is a typical cycle.

    Examples
    --------
    >>> from pkpd_mdr.regimen import infusion
    >>> cycle = infusion("pac", "369 umol", over="3 h")
    >>> round(float(friberg2002().simulate(cycle, until="40 day", times="1 h").frame["wbc"].min() / 1e9), 3)
    2.918
    """
    return Model(
        pk.two_compartment("pac", CL="285 L/h", V1="290 L", Q="204 L/h", V2="995 L", molar_mass="853.9 g/mol"),
        toxicity.myelosuppression(
            "wbc", slope={"pac": "28.9 L/umol"}, baseline="7.21e9 1/L", transit_time="124 h", feedback=0.239
        ),
    )
