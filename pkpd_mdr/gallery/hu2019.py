"""A stroma that keeps effector cells from their work through a tumour-promoting cytokine.

Hu et al. 2019, BIOMD0000000792, as far as its form was obtained: the kill is divided by (m1 + w). The rest and all
values are ours.
"""

from __future__ import annotations

import math
from functools import partial
from typing import Any

from pkpd_mdr.gallery.published import Published, Result, declared
from pkpd_mdr.gallery.reading import level, levels
from pkpd_mdr.mechanisms import observable, process, state
from pkpd_mdr.model import Model

__all__ = ["ENTRY", "hu2019"]

_VALUES = {
    "r": ("0.05 1/day", "tumour growth; wide prior, 0.01 to 0.3 per day"),
    "K": ("1e10 cell", "carrying capacity; wide prior"),
    "k": ("2e-8 1/(cell*day)", "killing per effector cell where m1 + w = 1; wide prior"),
    "m1": ("1", "part of the barrier that is always there"),
    "sw": ("1e-9 1/(cell*day)", "cytokine made by the tumour; wide prior"),
    "dw": ("1 1/day", "cytokine is cleared; wide prior"),
    "s": ("1e5 cell/day", "effector cells arrive; wide prior"),
    "d": ("0.04 1/day", "effector cells die; wide prior"),
}


def hu2019() -> Model:
    """T' = r T (1 - T/K) - k E T/(m1 + w); E' = s - d E; w' = sw T - dw w.

    Returns
    -------
    Model
        Tumour T from 1e7, effector cells E at rest, cytokine w.

    Examples
    --------
    >>> sorted(hu2019().states)
    ['E', 'T', 'w']
    """
    return Model(
        state("T", "1e7 cell", unit="cell", kind="cells", balance="tumour", description="tumour cells"),
        state("E", "2.5e6 cell", unit="cell", kind="cells", balance="effectors", description="effector cells"),
        state("w", kind="concentration", description="tumour-promoting cytokine"),
        *declared(_VALUES, source="assumed"),
        process("growth", "r*T*(1 - T/K)", {"T": 1}),
        process("killing", "k*E*T/(m1 + w)", {"T": -1}),
        process("arrival", "s", {"E": 1}),
        process("death", "d*E", {"E": -1}),
        process("w_source", "sw*T", {"w": 1}),
        process("w_loss", "dw*w", {"w": -1}),
        observable("burden", "T", "cell"),
    )


def _kill(cytokine: float) -> float:
    """Kill per effector and tumour cell and day behind a barrier that is held."""
    held: dict[str, Any] = {"parameters": {"r": 0, "sw": 0, "dw": 0}, "start": {"w": cytokine}}
    early, late = levels(hu2019(), "T", ["0 day", "1 day"], **held)
    return math.log(early / late) / 2.5e6


ENTRY = Published(
    hu2019,
    "Hu et al. 2019; BIOMD0000000792",
    ("S1",),
    'mdr.gallery.hu2019().simulate(until="300 day")',
    (
        *(
            Result(
                f"kill per effector cell at w = {w:g}",
                2e-8 / (1 + w),
                partial(_kill, w),
                unit="1/(cell*day)",
                rtol=1e-5,
                source="k/(m1 + w), of which the divisor is published",
            )
            for w in (0.0, 1.0, 9.0)
        ),
        Result(
            "small tumours without a barrier are held down",
            True,
            lambda: level(hu2019(), "T", "400 day", parameters={"sw": 0}, start={"T": 1e6}) < 2e6,
        ),
        Result(
            "the barrier lets large tumours escape",
            True,
            lambda: (
                level(hu2019(), "T", "400 day", start={"T": 5e9})
                > 5e9
                > level(hu2019(), "T", "400 day", start={"T": 5e9}, parameters={"sw": 0})
            ),
        ),
    ),
    ours="all but the divisor of the kill; all values are wide priors",
)
