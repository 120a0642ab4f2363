"""Prostate cancer under docetaxel: cells stop responding at a time of escape, and PSA follows them.

Desmee et al. 2015, AAPS J 17:691; values as in the nlmixr2lib file. Declared from text.
"""

from __future__ import annotations

import math
from functools import partial

from pkpd_mdr.gallery.published import Published, Result, declared, sourced
from pkpd_mdr.gallery.reading import course
from pkpd_mdr.mechanisms import observable, process, state
from pkpd_mdr.model import Model

__all__ = ["ENTRY", "desmee2015"]

_VALUES = {
    "r": ("0.05 1/day", "proliferation"),
    "effect": ("0.3", "share of proliferation that treatment takes away until the escape"),
    "escape": ("140 day", "time of escape"),
}
_FIXED = {
    "d": ("0.046 1/day", "death"),
    "out": ("0.23 1/day", "PSA is cleared"),
}

_SOURCES = {
    "assumed: scaled to the start, PSA and cells in balance there as in the paper": "cells0 psa0",
}


def desmee2015() -> Model:
    """Cells and PSA: cells' = (r (1 - e(t)) - d) cells; psa' = out (cells - psa).

    The effect e is 0.3 until the escape at 140 days, then 0.

    Returns
    -------
    Model
        Cells and PSA relative to the start.

    Examples
    --------
    >>> round(float(desmee2015().simulate(until="140 day").frame["cells"].iloc[-1]), 4)
    0.2144
    """
    return sourced(
        Model(
            state("cells", 1.0, description="tumour cells, relative to the start"),
            state("psa", 1.0, description="PSA, relative to the start"),
            *declared(_VALUES, source="published: Desmee et al. 2015, Table I; set for a simulation study"),
            *declared(_FIXED, source="published: Desmee et al. 2015, fixed to literature values"),
            process("growth", "r*cells*(1 - (effect if t < escape else 0))", {"cells": 1}),
            process("death", "d*cells", {"cells": -1}),
            process("secretion", "out*cells", {"psa": 1}),
            process("clearance", "out*psa", {"psa": -1}),
            observable("burden", "cells"),
        ),
        _SOURCES,
    )


_FALL, _RISE, _OUT = 0.7 * 0.05 - 0.046, 0.05 - 0.046, 0.23


def _cells(days: float) -> float:
    return math.exp(_FALL * min(days, 140) + _RISE * max(days - 140, 0))


def _psa(days: float) -> float:
    """Closed form before the escape."""
    share = _OUT / (_OUT + _FALL)
    return share * math.exp(_FALL * days) + (1 - share) * math.exp(-_OUT * days)


def _at(name: str, days: int) -> float:
    # a mark at the escape keeps the jump of the rate out of a step
    times = sorted({f"{days} day", "140 day"}, key=lambda text: int(text.split()[0]))
    frame = desmee2015().simulate(until=times[-1], times=times).frame
    return float(frame[name].loc[float(days)])


def _turn() -> float:
    """Day of the lowest PSA."""
    days, values = course(desmee2015(), "psa", until="300 day", times="1 day")
    return days[values.index(min(values))]


ENTRY = Published(
    desmee2015,
    "Desmee et al. 2015, AAPS J 17:691, doi:10.1208/s12248-015-9745-5; nlmixr2lib",
    ("S1",),
    'mdr.gallery.desmee2015().simulate(until="300 day")',
    (
        *(
            Result(
                f"cells after {days} days", _cells(days), partial(_at, "cells", days), rtol=1e-5, source="closed form"
            )
            for days in (60, 140, 300)
        ),
        Result("PSA after 100 days", _psa(100), partial(_at, "psa", 100), rtol=1e-5, source="closed form"),
        Result("PSA turns after the cells do", True, lambda: _turn() > 140, source="delay 1/out"),
    ),
)
