"""Palliative chemotherapy: less than the maximal dose keeps a tumour small for longer.

Monro and Gaffney 2009, J Theor Biol 257:292; values as in BIOMD0000000776. Both clones follow Gompertz with one
capacity, the drug kills sensitive cells in proportion to their growth, and divisions mutate both ways.
"""

from __future__ import annotations

from functools import partial

from pkpd_mdr.gallery.published import Published, Result, sourced
from pkpd_mdr.gallery.reading import outcome
from pkpd_mdr.mechanisms import clone, growth, kill, medium, mutation, parameter
from pkpd_mdr.model import Model
from pkpd_mdr.regimen import exposure

__all__ = ["ENTRY", "monro2009"]

_SOURCE = "published: Monro and Gaffney 2009, in BIOMD0000000776"

_SOURCES = {
    "published: Monro and Gaffney 2009, in BIOMD0000000776": "S0 R0 mutation_*",
    "derived: the dose C0 is in units of it": "slope_C0_S",
}


def monro2009() -> Model:
    """L = -b ln(N/Ninf); S' = L (S - C0 S - t1 S + t2 R); R' = L (R + t1 S - t2 R).

    Returns
    -------
    Model
        From 1e10 sensitive and 2e5 resistant cells; the dose is a level without unit: ``exposure("C0", 1)``.

    Examples
    --------
    >>> sorted(monro2009().clones)
    ['R', 'S']
    """
    b = parameter("b", "0.005928 1/day", source=_SOURCE, description="speed of Gompertz growth")
    capacity = parameter("Ninf", "2e12 cell", source=_SOURCE, description="carrying capacity")
    law = growth.gompertz(rate=b, capacity=capacity)
    return sourced(
        Model(
            clone("S", growth=law, start=1e10),
            clone("R", growth=law, start=2e5, resistant=True),
            medium("C0", unit=""),
            kill("C0", on="S", slope=1.0, form="norton_simon"),
            mutation("S", "R", probability=1e-6),
            mutation("R", "S", probability=1e-6),
        ),
        _SOURCES,
    )


def _days(dose: float) -> float:
    """Days until 5e11 cells."""
    plan = exposure("C0", dose) if dose else None
    return outcome(monro2009(), "time_to_stop", plan, until="700 day", stop={"burden": "5e11 cell"})


ENTRY = Published(
    monro2009,
    "Monro and Gaffney 2009, J Theor Biol 257:292 (PubMed 19135065); BIOMD0000000776",
    ("S1",),
    'mdr.gallery.monro2009().simulate(mdr.exposure("C0", 1), until="600 day")',
    (
        *(
            Result(
                f"time to 5e11 cells at dose {dose}",
                days,
                partial(_days, dose),
                unit="day",
                atol=0.05,
                source="another solver",
            )
            for dose, days in ((0, 226.17), (1, 581.58), (2, 464.58))
        ),
        Result(
            "a dose in the middle is best",
            True,
            lambda: _days(1) > max(_days(0), _days(2)),
            flag="R",
            source="the paper's message",
        ),
    ),
)
