"""Pancreatic stellate cells that make a tumour grow, and are driven by it through TGF-beta.

Li et al. 2016, BIOMD0000000929, as far as its form was obtained: the feedback of stellate cells and tumour. Turnover of
stellate cells and all values are ours.
"""

from __future__ import annotations

import math
from functools import cache

from pkpd_mdr.gallery.published import Published, Result, declared
from pkpd_mdr.gallery.reading import level, levels
from pkpd_mdr.mechanisms import observable, process, state
from pkpd_mdr.model import Model

__all__ = ["ENTRY", "li2016"]

_VALUES = {
    "kc": ("0.02 1/day", "tumour growth alone; wide prior, 0.001 to 0.1 per day"),
    "muc": ("1e-10 1/(cell*day)", "growth per stellate cell; wide prior"),
    "b": ("1e-11 1/cell", "inverse carrying capacity; wide prior"),
    "kp": ("1e6 cell/day", "stellate cells arrive; wide prior"),
    "fp": ("0.03 1/day", "largest proliferation of stellate cells under TGF-beta; wide prior, 0 to 0.1 per day"),
    "mup": ("1e9 cell", "tumour of half that proliferation; wide prior"),
    "lamp": ("0.05 1/day", "stellate cells die; wide prior, 0.01 to 0.5 per day"),
}


def li2016() -> Model:
    """C' = (kc + muc P) C (1 - b C); P' = kp + fp P C/(mup + C) - lamp P.

    Returns
    -------
    Model
        Tumour cells C from 1e8 and stellate cells P from kp/lamp.

    Examples
    --------
    >>> sorted(li2016().states)
    ['C', 'P']
    """
    return Model(
        state("C", "1e8 cell", unit="cell", kind="cells", balance="tumour", description="tumour cells"),
        state("P", "2e7 cell", unit="cell", kind="cells", balance="stellate", description="stellate cells"),
        *declared(_VALUES, source="assumed"),
        process("growth", "kc*C*(1 - b*C)", {"C": 1}),
        process("driven_growth", "muc*P*C*(1 - b*C)", {"C": 1}),
        process("arrival", "kp", {"P": 1}),
        process("proliferation", "fp*P*C/(mup + C)", {"P": 1}),
        process("death", "lamp*P", {"P": -1}),
        observable("burden", "C", "cell"),
    )


@cache
def _at(name: str, days: int, muc: float = 1e-10) -> float:
    return level(li2016(), name, f"{days} day", parameters={"muc": muc})


def _stroma_first() -> float:
    """Growth per day of a few tumour cells beside stellate cells at rest."""
    early, late = levels(li2016(), "C", ["0 day", "1 day"], start={"C": 1})
    return math.log(late / early)


ENTRY = Published(
    li2016,
    "Li et al. 2016; BIOMD0000000929",
    ("S1",),
    'mdr.gallery.li2016().simulate(until="300 day")',
    (
        Result(
            "growth of a few cells beside stellate cells",
            0.022,
            _stroma_first,
            unit="1/day",
            rtol=1e-4,
            source="kc + muc kp/lamp",
        ),
        Result(
            "stellate cells beside a full tumour",
            1e6 / (0.05 - 0.03 * 100 / 101),
            lambda: _at("P", 2000),
            unit="cell",
            rtol=1e-4,
            source="kp/(lamp - fp/(1 + mup b))",
        ),
        Result(
            "stellate cells make the tumour grow faster",
            True,
            lambda: _at("C", 200) > 1.2 * _at("C", 200, 0.0),
            flag="C",
            source="form of the growth term",
        ),
    ),
    ours="stellate turnover; treatment and killing left out; all values are wide priors",
)
