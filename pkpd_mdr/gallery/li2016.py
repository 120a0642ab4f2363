"""Pancreatic stellate cells that make a tumour grow, and are driven by it through TGF-beta.

Li and Xu 2016, J Theor Biol 406:42; values and terms as in BIOMD0000000929, of which the immune cells (T cells, natural
killer cells, helper cells) are left out.
"""

from __future__ import annotations

import math
from functools import cache

from pkpd_mdr.gallery.published import Published, Result, declared, sourced
from pkpd_mdr.gallery.reading import level, levels
from pkpd_mdr.mechanisms import clone, growth, process, stroma
from pkpd_mdr.model import Model

__all__ = ["ENTRY", "li2016"]

_VALUES = {
    "bp": ("1.7857e-9 1/cell", "inverse carrying capacity of stellate cells"),
    "fp": ("0.125 1/day", "largest growth of stellate cells by the tumour, through TGF-beta"),
    "mup": ("5.6e7 cell", "tumour cells of half that growth"),
}
_BASAL = {"ap": ("0.00195 1/day", "growth of stellate cells without a tumour")}
_FILE = "published: Li and Xu 2016, in BIOMD0000000929"
_SOURCES = {
    _FILE: "growth_C death_P",
    "derived: inverse of b_c = 1.02e-11 per cell in BIOMD0000000929": "capacity_C",
    "derived: mu_c/a_c = 0.1 b_p of BIOMD0000000929": "support_slope_P_C",
    "published: Li and Xu 2016, start of BIOMD0000000929": "C0 P0",
}


def li2016() -> Model:
    """C' = (ac + muc P) C (1 - bc C); P' = (ap + fp C/(mup + C)) P (1 - bp P) - lamp P.

    Returns
    -------
    Model
        Tumour cells C from 1e9 and stellate cells P from 5.6e6.

    Examples
    --------
    >>> sorted(li2016().states)
    ['C', 'P']
    """
    return sourced(
        Model(
            clone(
                "C",
                growth=growth.logistic(rate="0.0195 1/day", capacity=(1 / 1.02e-11, "cell")),
                start="1e9 cell",
                description="tumour cells",
            ),
            stroma.cells("P", death="0.015 1/day", start="5.6e6 cell", description="stellate cells"),
            stroma.support("P", on="C", slope=(0.1 * 1.7857e-9, "1/cell")),
            *declared(_VALUES, source=_FILE),
            *declared(_BASAL, source="derived: 0.1 a_c of BIOMD0000000929"),
            process("P_growth", "(ap + fp*C/(mup + C))*P*(1 - bp*P)", {"P": 1}),
        ),
        _SOURCES,
    )


@cache
def _at(name: str, days: int, **parameters: float) -> float:
    return level(li2016(), name, f"{days} day", parameters=parameters)


def _rate(cells: float) -> float:
    """Growth per day of a few tumour cells beside so many stellate cells, held."""
    held = {"ap": 0.0, "fp": 0.0, "death_P": 0.0}
    early, late = levels(li2016(), "C", ["0 day", "1 day"], start={"C": 1, "P": cells}, parameters=held)
    return math.log(late / early)


def _full() -> float:
    """Stellate cells at rest beside a full tumour: (ap + fp K/(mup + K)) (1 - bp P) = lamp."""
    capacity = 1 / 1.02e-11
    return (1 - 0.015 / (0.00195 + 0.125 * capacity / (5.6e7 + capacity))) / 1.7857e-9


ENTRY = Published(
    li2016,
    "Li and Xu 2016, J Theor Biol 406:42 (PubMed 27338302); BIOMD0000000929",
    ("S1",),
    'mdr.gallery.li2016().simulate(until="300 day")',
    (
        Result(
            "growth of a few cells beside 5.6e8 stellate cells",
            0.0195 * (1 + 0.1 * 1.7857e-9 * 5.6e8),
            lambda: _rate(5.6e8),
            unit="1/day",
            rtol=1e-4,
            source="ac + muc P",
        ),
        Result(
            "stellate cells beside a full tumour",
            _full(),
            lambda: _at("P", 5000),
            unit="cell",
            rtol=1e-4,
            source="equilibrium of P at C = 1/bc",
        ),
        Result(
            "stellate cells make the tumour grow faster",
            True,
            lambda: _at("C", 100) > _at("C", 100, support_slope_P_C=0.0),
            flag="C",
            source="form of the growth term",
        ),
        Result(
            "a tumour keeps stellate cells alive, which die out without one",
            True,
            lambda: _at("P", 300) > 5.6e6 > 100 * level(li2016(), "P", "1000 day", start={"C": 0}),
            source="ap < lamp < ap + fp",
        ),
    ),
    ours="immune cells, treatment and killing are left out",
)
