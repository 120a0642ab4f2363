"""Escape by down-regulation of antigens: encounters that do not kill select cells that effectors no longer see.

Mahasa et al. 2016, MODEL2003040001: tumour cells that natural killer cells, T cells, neither or both can see. Growth,
killing and selection are as published; the equations of the effectors were not obtained, so those of de Pillis 2005
stand for them.
"""

from __future__ import annotations

from functools import cache

from pkpd_mdr.gallery.published import Published, Result, declared, sourced
from pkpd_mdr.gallery.reading import level, levels
from pkpd_mdr.mechanisms import clone, growth, immune, parameter, process
from pkpd_mdr.model import Model

__all__ = ["ENTRY", "mahasa2016"]

_VALUES = {
    "a": ("0.5822 1/day", "tumour growth"),
    "K": (f"{1 / 2.33e-8!r} cell", "carrying capacity"),
    "aN": ("1.3e-7 1/(cell*day)", "tumour cells killed by natural killer cells"),
    "bL": ("1.3e-7 1/(cell*day)", "tumour cells killed by T cells"),
}
_TUMOUR = {"T0": "visible", "TN": "invisible to natural killer cells", "TL": "invisible to T cells", "TNL": "invisible"}
_SELECTED = {("N", "T0", "TN"): 0.05, ("L", "T0", "TL"): 0.05, ("N", "TL", "TNL"): 0.18, ("L", "TN", "TNL"): 0.13}
"""Which effector selects which cells, and how many for each that it kills."""

_SOURCES = {
    "published: Mahasa et al. 2016, in MODEL2003040001": "T00 N0 L0 antigen_loss_*",
    "derived: from de Pillis et al. 2005, MODEL1907260001, whose effectors stand here": "r source_N death_N death_L",
}


def mahasa2016() -> Model:
    """T0, TN, TL, TNL share logistic growth; each visible pair is killed, and a share per kill loses the antigen.

    Returns
    -------
    Model
        From 1e4 visible tumour cells, 1e5 natural killer cells and 100 T cells.

    Examples
    --------
    >>> sorted(mahasa2016().states)
    ['L', 'N', 'T0', 'TL', 'TN', 'TNL']
    """
    shared = {item.name: item for item in declared(_VALUES, source="published: Mahasa et al. 2016, in MODEL2003040001")}
    law = growth.logistic(rate=shared["a"], capacity=shared["K"])
    return sourced(
        Model(
            *(
                clone(name, growth=law, start="1e4 cell" if name == "T0" else None, description=text)
                for name, text in _TUMOUR.items()
            ),
            immune.effector("N", source="13000 cell/day", death="0.0412 1/day", start="1e5 cell"),
            immune.effector("L", death="0.02 1/day", start="100 cell"),
            immune.attack("N", on=["T0", "TL"], rate=shared["aN"]),
            immune.attack("L", on=["T0", "TN"], rate=shared["bL"]),
            *(
                immune.antigen_loss(source, into, effector=by, share=share)
                for (by, source, into), share in _SELECTED.items()
            ),
            parameter("r", "1.1e-7 1/(cell*day)", description="T cells primed by the death of visible cells"),
            process("L_priming", "r*N*T0", {"L": 1}),
        ),
        _SOURCES,
    )


def _first_hours(name: str) -> float:
    """Loss of T0 beyond growth, or gain of TN per T0, per day and natural killer cell at the start."""
    times = ["0 h", "0.01 h"]
    before, after = levels(mahasa2016(), name, times)
    return (after - before) / 0.01 * 24 / 1e4


@cache
def _share(day: int) -> float:
    frame = mahasa2016().simulate(until=f"{day} day", times=[f"{day} day"]).frame.iloc[-1]
    return float(1 - frame["T0"] / frame["burden"])


ENTRY = Published(
    mahasa2016,
    "Mahasa et al. 2016; MODEL2003040001",
    ("S5",),
    'mdr.gallery.mahasa2016().simulate(until="60 day")',
    (
        Result(
            "cells that natural killer cells select at the start, per visible cell",
            0.05 * 1.3e-7 * 1e5,
            lambda: _first_hours("TN"),
            unit="1/day",
            rtol=1e-3,
            source="pT aN N",
        ),
        Result(
            "growth of visible cells at the start",
            0.5822 * (1 - 2.33e-8 * 1e4) - 1.05 * 1.3e-7 * (1e5 + 100),
            lambda: _first_hours("T0"),
            unit="1/day",
            rtol=1e-3,
            source="a (1 - b T) - (1 + pT) aN N - (1 + qT) bL L",
        ),
        Result(
            "cells that lost an antigen take over",
            True,
            lambda: _share(300) > 0.5 > _share(10),
            source="immune selection",
        ),
        Result(
            "burden after 30 days",
            36698800.0,
            lambda: level(mahasa2016(), "burden", "30 day"),
            unit="cell",
            rtol=1e-4,
            source="another solver",
        ),
    ),
    ours="the equations of the effectors, taken from de Pillis 2005",
)
