"""Pancreatic stellate cells that make a tumour grow, and are driven by it through TGF-beta.

Li et al. 2016, BIOMD0000000929, as far as its form was obtained: the feedback of stellate cells and tumour. Turnover of
stellate cells and all values are ours.
"""

from __future__ import annotations

import math
from functools import cache

from pkpd_mdr.gallery.published import Published, Result
from pkpd_mdr.gallery.reading import level, levels
from pkpd_mdr.mechanisms import clone, growth, stimulation, stroma
from pkpd_mdr.model import Model

__all__ = ["ENTRY", "li2016"]


def li2016() -> Model:
    """C' = kc (1 + s P) C (1 - b C); P' = kp + fp P C/(mup + C) - lamp P.

    Returns
    -------
    Model
        Tumour cells C from 1e8 and stellate cells P from kp/lamp. Wide priors: kc 0.001 to 0.1 per day, fp 0 to 0.1
        per day, lamp 0.01 to 0.5 per day; the others ten times less and more.

    Examples
    --------
    >>> sorted(li2016().states)
    ['C', 'P']
    """
    return Model(
        clone(
            "C",
            growth=growth.logistic(rate="0.02 1/day", capacity="1e11 cell"),
            start="1e8 cell",
            description="tumour cells",
        ),
        stroma.cells("P", source="1e6 cell/day", death="0.05 1/day", start="2e7 cell", description="stellate cells"),
        stroma.support("P", on="C", slope="5e-9 1/cell"),
        stimulation("P", by="C", rate="0.03 1/day", half="1e9 cell"),
    )


@cache
def _at(name: str, days: int, **parameters: float) -> float:
    return level(li2016(), name, f"{days} day", parameters=parameters)


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
            source="kc (1 + s kp/lamp)",
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
            lambda: _at("C", 200) > 1.2 * _at("C", 200, support_slope_P_C=0.0),
            flag="C",
            source="form of the growth term",
        ),
    ),
    ours="stellate turnover; treatment and killing left out; all values are wide priors",
)
