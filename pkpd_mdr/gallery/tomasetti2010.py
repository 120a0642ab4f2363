"""Resistance that is there before treatment: how it depends on the turnover of the tumour.

Tomasetti and Levy 2010, Math Biosci Eng 7:905.
"""

from __future__ import annotations

import math
from functools import partial

from pkpd_mdr.errors import ModelError
from pkpd_mdr.gallery.published import Published, Result, sourced
from pkpd_mdr.gallery.reading import level
from pkpd_mdr.mechanisms import clone, growth, kill, medium, mutation
from pkpd_mdr.model import Model

__all__ = ["ENTRY", "tomasetti2010"]

_BIRTH, _U = 0.14, 5e-8

_SOURCES = {
    "derived: one cell starts the tumour": "N0",
    "derived: birth rate of melanoma in Bozic et al. 2013, eLife 2:e00747; the paper leaves it open": "growth_*",
    "derived: turnover times the birth rate": "death_*",
    "derived: 50 sites of 1e-9 (Bozic et al. 2013, per division), taken per day as the paper "
    "counts per time": "mutation_N_R",
    "derived: d' - d of Bozic et al. 2013": "slope_drug_N",
}


def tomasetti2010(turnover: float = 0.9) -> Model:
    """N' = (L - D - u) N; R' = (L - D) R + u N; treatment raises the death of N only.

    Parameters
    ----------
    turnover : float
        D/L, death relative to birth, below 1; the birth rate L stays 0.14 per day.

    Returns
    -------
    Model
        From one cell N; the drug is on (1) or off (0): ``exposure("drug", 1)``. Rates are those of Bozic 2013.

    Raises
    ------
    ModelError
        The turnover is not in [0, 1).

    Examples
    --------
    >>> print(tomasetti2010().equations())
    dN/dt = -N*death_N + N*growth_N - N*medium_drug*slope_drug_N - N*mutation_N_R
    dR/dt = N*mutation_N_R - R*death_R + R*growth_R
    dmedium_drug/dt = 0
    """
    if not 0 <= turnover < 1:
        raise ModelError(f"a turnover of {turnover:g} is not possible; write 0 <= turnover < 1")
    law, death = growth.exponential(rate=(_BIRTH, "1/day")), (turnover * _BIRTH, "1/day")
    return sourced(
        Model(
            clone("N", growth=law, death=death, start=1),
            clone("R", growth=law, death=death, resistant=True),
            medium("drug", unit=""),
            mutation("N", "R", rate=(_U, "1/day")),
            kill("drug", on="N", slope="0.04 1/day"),
        ),
        _SOURCES,
    )


def _load(turnover: float) -> float:
    """Resistant cells when the tumour has 1e9 cells."""
    days = math.log(1e9) / (_BIRTH * (1 - turnover))
    return level(tomasetti2010(turnover), "R", f"{days} day")


def _expected(turnover: float) -> float:
    return _U * math.log(1e9) / (_BIRTH * (1 - turnover)) * 1e9


ENTRY = Published(
    tomasetti2010,
    "Tomasetti and Levy 2010, Math Biosci Eng 7:905",
    ("S5",),
    'mdr.gallery.tomasetti2010(0.9).simulate(until="1500 day")',
    (
        *(
            Result(
                f"resistant cells at 1e9 cells, turnover {turnover:g}",
                _expected(turnover),
                partial(_load, turnover),
                unit="cell",
                rtol=1e-3,
                source="u t1 M with t1 = ln(M/N0)/(L - D), first order in u",
            )
            for turnover in (0.0, 0.5, 0.9)
        ),
        Result(
            "the load rises with turnover",
            True,
            lambda: _load(0.0) < _load(0.5) < _load(0.9),
            flag="C",
            source="abstract",
        ),
    ),
    ours="the values: rates of Bozic 2013, 50 sites",
)
