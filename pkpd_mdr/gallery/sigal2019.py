"""Cancer stem cells and the progeny that can become stem cells again.

Sigal et al. 2019, MODEL1911270001.
"""

from __future__ import annotations

import math

from pkpd_mdr.gallery.published import Published, Result, sourced
from pkpd_mdr.gallery.reading import levels
from pkpd_mdr.mechanisms import clone, growth, observable, stem_hierarchy
from pkpd_mdr.model import Model

__all__ = ["ENTRY", "sigal2019"]

_SELF, _ASYMMETRIC, _DIFFERENTIATION = 0.41, 1.6, 0.2  # divisions of a stem cell a day, by what they yield
_ALL = _SELF + _ASYMMETRIC + _DIFFERENTIATION

_SOURCES = {
    "assumed: one stem cell; long-run rates do not depend on it": "S0",
    "published: Sigal et al. 2019, in MODEL1911270001": "death_S growth_P switching_P_S",
    "derived: sum, and shares of it, of 0.41, 1.6 and 0.2 "
    "divisions a day (Sigal et al. 2019, MODEL1911270001)": "birth_S asymmetric_S_P differentiation_S_P",
}


def sigal2019() -> Model:
    """S' = (self - death - diff) S + dediff P; P' = (asym + 2 diff) S + (grow - dediff) P.

    Returns
    -------
    Model
        From one stem cell.

    Examples
    --------
    >>> run = sigal2019().simulate(until="60 day")
    >>> bool(run.frame["stem_share"].iloc[-1] < 0.1)
    True
    """
    return sourced(
        Model(
            clone(
                "S",
                growth=growth.birth_death(birth=(_ALL, "1/day"), death="0.1 1/day"),
                start=1,
                description="stem cells",
            ),
            clone("P", growth=growth.exponential(rate="0.04 1/day"), description="progenitor cells"),
            stem_hierarchy(
                "S",
                "P",
                asymmetric=_ASYMMETRIC / _ALL,
                differentiation=_DIFFERENTIATION / _ALL,
                dedifferentiation="1.8e-4 1/day",
            ),
            observable("stem_share", "S/max(S + P, 1e-100)"),
        ),
        _SOURCES,
    )


_A, _B = 0.41 - 0.1 - 0.2, 0.04 - 1.8e-4
_RATE = (_A + _B + math.sqrt((_A - _B) ** 2 + 4 * 2.0 * 1.8e-4)) / 2


def _growth() -> float:
    early, late = levels(sigal2019(), "burden", ["300 day", "400 day"])
    return math.log(late / early) / 100


def _stem_share(days: int = 400, **parameters: float) -> float:
    return levels(sigal2019(), "stem_share", [f"{days} day"], parameters=parameters)[0]


ENTRY = Published(
    sigal2019,
    "Sigal et al. 2019, Mathematical modelling of cancer stem cell-targeted immunotherapy; MODEL1911270001",
    ("S2",),
    'mdr.gallery.sigal2019().simulate(until="60 day")',
    (
        Result("long-run growth", _RATE, _growth, unit="1/day", rtol=1e-6, source="eigenvalue"),
        Result(
            "long-run share of stem cells",
            1 / (1 + (_RATE - _A) / 1.8e-4),
            _stem_share,
            rtol=1e-5,
            source="its eigenvector",
        ),
        Result(
            "reversal to stem cells enriches them",
            True,
            lambda: _stem_share() > _stem_share(switching_P_S=0),
            source="progenitors that return",
        ),
    ),
    ours="that the growth of progenitors is a net rate",
)
