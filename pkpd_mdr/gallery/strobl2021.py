"""Adaptive therapy with a cost of resistance and cell turnover.

Strobl et al. 2021, Cancer Res 81:1135, with the parameter values of the authors' code. Scaled: the unit of burden is
the carrying capacity; the drug is on (1) or off (0).
"""

from __future__ import annotations

from pkpd_mdr.mechanisms import clone, growth, kill, medium, parameter
from pkpd_mdr.model import Model

__all__ = ["strobl2021"]

_RATE = 0.027


def strobl2021(burden: float = 0.75, resistant: float = 0.01, *, cost: float = 0.0, turnover: float = 0.0) -> Model:
    """S' = rS (1 - (S+R)/K)(1 - 1.5 D) S - dS S; R' = rR (1 - (S+R)/K) R - dR R.

    Parameters
    ----------
    burden : float
        Burden at the start, in carrying capacities (n0).
    resistant : float
        Resistant share at the start (fR).
    cost : float
        rR = (1 - cost) rS.
    turnover : float
        dS = dR = turnover * rS.

    Returns
    -------
    Model
        Drug ``D``, to be given as ``exposure("D", 1)``.

    Examples
    --------
    >>> strobl2021().parameters["growth_S"].value
    0.027
    """
    capacity = parameter("K", 1.0, source="authors' code", description="carrying capacity, the unit of burden")
    death = (turnover * _RATE, "1/day")
    return Model(
        medium("D", unit=""),
        clone(
            "S",
            growth=growth.logistic(rate=(_RATE, "1/day"), capacity=capacity),
            start=burden * (1 - resistant),
            unit="",
            death=death,
        ),
        clone(
            "R",
            growth=growth.logistic(rate=((1 - cost) * _RATE, "1/day"), capacity=capacity),
            start=burden * resistant,
            unit="",
            death=death,
            resistant=True,
        ),
        kill("D", on="S", slope=1.5, form="norton_simon"),
    )
