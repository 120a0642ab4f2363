"""Regression and growth in one curve: a part of the tumour dies off while another grows.

Stein, Figg, Dahut et al. 2008, Oncologist. The rates vary by patient; those here are wide priors. Declared from text.
"""

from __future__ import annotations

import math
from functools import partial

from pkpd_mdr.gallery.published import Published, Result, declared, sourced
from pkpd_mdr.gallery.reading import level
from pkpd_mdr.mechanisms import observable, process, state
from pkpd_mdr.model import Model

__all__ = ["ENTRY", "stein2008"]

_VALUES = {
    "d": ("0.02 1/day", "regression; wide prior, 0.002 to 0.1 per day"),
    "g": ("0.003 1/day", "growth; wide prior, 0.0003 to 0.02 per day"),
}

_SOURCES = {
    "derived: each part is 1 at the start, so that their sum less 1 is the relative size": "dying0 growing0",
}


def stein2008() -> Model:
    """y/y0 = exp(-d t) + exp(g t) - 1.

    Returns
    -------
    Model
        Both parts from 1; the observable ``burden`` is their sum less 1, relative to the start.

    Examples
    --------
    >>> round(stein2008().simulate(until="300 day").endpoint("nadir_time"), 1)
    82.5
    """
    return sourced(
        Model(
            state("dying", 1.0, description="part that regresses"),
            state("growing", 1.0, description="part that grows"),
            *declared(_VALUES, source="assumed: order of magnitude; the rates are fitted to each patient"),
            process("regression", "d*dying", {"dying": -1}),
            process("growth", "g*growing", {"growing": 1}),
            observable("burden", "dying + growing - 1"),
        ),
        _SOURCES,
    )


def _closed(days: float) -> float:
    return math.exp(-0.02 * days) + math.exp(0.003 * days) - 1


ENTRY = Published(
    stein2008,
    "Stein, Figg, Dahut et al. 2008, Oncologist, doi:10.1634/theoncologist.2008-0075; as in the R package tumgr",
    ("S1",),
    'mdr.gallery.stein2008().simulate(until="300 day")',
    (
        Result(
            "time of the nadir",
            math.log(0.02 / 0.003) / 0.023,
            lambda: stein2008().simulate(until="300 day").endpoint("nadir_time"),
            unit="day",
            rtol=1e-4,
            source="ln(d/g)/(g + d)",
        ),
        *(
            Result(
                f"relative size after {days} days",
                _closed(days),
                partial(lambda d: level(stein2008(), "burden", f"{d} day"), days),
                rtol=1e-6,
                source="closed form",
            )
            for days in (50, 250)
        ),
    ),
    ours="the two rates are wide priors",
)
