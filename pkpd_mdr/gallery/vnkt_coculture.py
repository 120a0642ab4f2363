"""Type II natural killer T cells that kill nearly all B16 melanoma cells in a co-culture of 16 hours.

A calibration: 95 % killed in 16 h means k E >= ln(20)/16 per hour. The report gives no rate; the rate here is that
bound.
"""

from __future__ import annotations

import math

from pkpd_mdr.gallery.published import Published, Result, declared, sourced
from pkpd_mdr.gallery.reading import level
from pkpd_mdr.mechanisms import observable, process, state
from pkpd_mdr.model import Model

__all__ = ["ENTRY", "vnkt_coculture"]

_KILL = {"k": ("1.87e-6 1/(cell*h)", "target cells killed, per effector cell; prior at the bound for 1e5 effectors")}
_ANTIGEN = {"a": ("1", "antigen on the target cells, 0 to 1")}

_SOURCES = {
    "assumed: ten effectors for each target": "E0 T0",
}


def vnkt_coculture() -> Model:
    """T' = -k a E T, with effector cells E that stay.

    Returns
    -------
    Model
        From 1e5 effector and 1e4 target cells; an antigen-loss variant is ``with_parameters(a=0.1)``.

    Examples
    --------
    >>> run = vnkt_coculture().simulate(until="16 h")
    >>> round(float(run.frame["T"].iloc[-1]))
    502
    """
    return sourced(
        Model(
            state(
                "E", "1e5 cell", unit="cell", kind="cells", balance="effectors", description="natural killer T cells"
            ),
            state("T", "1e4 cell", unit="cell", kind="cells", balance="tumour", description="target cells"),
            *declared(
                _KILL, source="derived: ln(20)/16 per h over 1e5 effectors, for 95 % killed in a co-culture of 16 h"
            ),
            *declared(_ANTIGEN, source="assumed: 1 is full antigen by definition"),
            process("killing", "k*a*E*T", {"T": -1}),
            observable("burden", "T", "cell"),
        ),
        _SOURCES,
    )


def _survivors(antigen: float = 1.0) -> float:
    return level(vnkt_coculture(), "T", "16 h", parameters={"a": antigen}) / 1e4


ENTRY = Published(
    vnkt_coculture,
    "calibration to a co-culture of vNKT and B16 cells over 16 h",
    ("S5",),
    'mdr.gallery.vnkt_coculture().simulate(until="16 h")',
    (
        Result(
            "k E that kills 95 % in 16 h",
            0.187,
            lambda: -math.log(_survivors()) / 16,
            unit="1/h",
            atol=5e-4,
            source="ln(20)/16",
        ),
        Result("survivors after 16 h", 0.05, _survivors, atol=5e-4, source="95 % killed"),
        Result(
            "loss of nine tenths of the antigen spares most cells",
            True,
            lambda: _survivors(0.1) > 0.7,
            source="exp(-0.3)",
        ),
    ),
    ours="form and numbers of cells; only the product k E is bounded by data",
)
