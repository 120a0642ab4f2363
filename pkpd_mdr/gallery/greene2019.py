"""Spontaneous against drug-induced resistance: whether constant or pulsed treatment wins.

Greene, Gevertz and Sontag 2019, JCO Clin Cancer Inform 3:1; parameters as in BIOMD0000000825. Scaled: the unit of
burden is the carrying capacity, the unit of time the inverse growth rate of sensitive cells, here one day.
"""

from __future__ import annotations

from pkpd_mdr.mechanisms import clone, growth, kill, medium, parameter, switching
from pkpd_mdr.model import Model

__all__ = ["greene2019"]


def greene2019(induction: float = 0.0) -> Model:
    """S' = (1 - S - R) S - (eps + alpha u) S - d u S; R' = pr (1 - S - R) R + (eps + alpha u) S.

    Parameters
    ----------
    induction : float
        alpha: how fast the drug turns sensitive cells resistant; the paper compares 0 and 0.01.

    Returns
    -------
    Model
        Drug ``u`` in a medium (scaled dose 1.5 when on); S starts at 0.01.

    Examples
    --------
    >>> print(greene2019().equations())
    dmedium_u/dt = 0
    dS/dt = S*growth_S*(1 - (R + S)/K) - S*medium_u*slope_u_S - S*medium_u*switching_slope_u_S_R - S*switching_S_R
    dR/dt = R*growth_R*(1 - (R + S)/K) + S*medium_u*switching_slope_u_S_R + S*switching_S_R
    """
    capacity = parameter("K", 1.0, description="carrying capacity, the unit of burden")
    return Model(
        medium("u", unit=""),
        clone("S", growth=growth.logistic(rate="1 1/day", capacity=capacity), start=0.01, unit=""),
        clone("R", growth=growth.logistic(rate="0.2 1/day", capacity=capacity), unit="", resistant=True),
        kill("u", on="S", slope="1 1/day"),
        switching("S", "R", rate="1e-6 1/day", induced_by="u", slope=(induction, "1/day")),
    )
