"""Cancer stem cells and the progeny that can become stem cells again.

Sigal et al. 2019, MODEL1911270001. Declared from text.
"""

from __future__ import annotations

import math

from pkpd_mdr.gallery.published import Published, Result, declared
from pkpd_mdr.gallery.reading import levels
from pkpd_mdr.mechanisms import observable, process, state
from pkpd_mdr.model import Model

__all__ = ["ENTRY", "sigal2019"]

_VALUES = {
    "self": ("0.41 1/day", "a stem cell gives two stem cells"),
    "death": ("0.1 1/day", "stem cells die"),
    "asym": ("1.6 1/day", "a stem cell gives a stem cell and a progenitor"),
    "diff": ("0.2 1/day", "a stem cell gives two progenitors"),
    "dediff": ("1.8e-4 1/day", "a progenitor becomes a stem cell"),
    "grow": ("0.04 1/day", "progenitors grow"),
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
    return Model(
        state("S", 1, unit="cell", kind="cells", description="stem cells"),
        state("P", unit="cell", kind="cells", description="progenitor cells"),
        *declared(_VALUES, source="MODEL1911270001"),
        process("renewal", "self*S", {"S": 1}),
        process("death", "death*S", {"S": -1}),
        process("asymmetric", "asym*S", {"P": 1}),
        process("differentiation", "diff*S", {"S": -1, "P": 2}),
        process("dedifferentiation", "dediff*P", {"P": -1, "S": 1}, transfer=True),
        process("growth", "grow*P", {"P": 1}),
        observable("burden", "S + P", "cell"),
        observable("stem_share", "S/max(S + P, 1e-100)"),
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
    "Sigal et al. 2019; MODEL1911270001",
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
            lambda: _stem_share() > _stem_share(dediff=0),
            source="dediff > 0",
        ),
    ),
    ours="that the growth of progenitors is a net rate",
)
