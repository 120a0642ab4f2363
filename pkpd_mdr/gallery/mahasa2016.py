"""Escape by down-regulation of antigens: encounters that do not kill select cells that effectors no longer see.

Mahasa et al. 2016, MODEL2003040001: tumour cells that natural killer cells, T cells, neither or both can see. Growth,
killing and selection are as published; the equations of the effectors were not obtained, so those of de Pillis 2005
stand for them.
"""

from __future__ import annotations

from functools import cache

from pkpd_mdr.gallery.published import Published, Result, declared
from pkpd_mdr.gallery.reading import level, levels
from pkpd_mdr.mechanisms import observable, process, state
from pkpd_mdr.model import Model

__all__ = ["ENTRY", "mahasa2016"]

_VALUES = {
    "a": ("0.5822 1/day", "tumour growth"),
    "b": ("2.33e-8 1/cell", "inverse carrying capacity"),
    "aN": ("1.3e-7 1/(cell*day)", "tumour cells killed by natural killer cells"),
    "bL": ("1.3e-7 1/(cell*day)", "tumour cells killed by T cells"),
    "pT": ("0.05", "visible cells that become invisible to natural killer cells, per kill"),
    "qT": ("0.05", "visible cells that become invisible to T cells, per kill"),
    "piT": ("0.18", "cells invisible to T cells that become invisible to both, per kill"),
    "zetaT": ("0.13", "cells invisible to natural killer cells that become invisible to both, per kill"),
}
_EFFECTORS = {
    "sig": ("13000 cell/day", "natural killer cells arrive"),
    "f": ("0.0412 1/day", "natural killer cells die"),
    "r": ("1.1e-7 1/(cell*day)", "T cells primed"),
    "m": ("0.02 1/day", "T cells die"),
}
_TUMOUR = {"T0": "visible", "TN": "invisible to natural killer cells", "TL": "invisible to T cells", "TNL": "invisible"}
_KILLS = [("N", "T0"), ("N", "TL"), ("L", "T0"), ("L", "TN")]
_SELECTS = {
    ("N", "T0"): ("pT", "TN"),
    ("L", "T0"): ("qT", "TL"),
    ("N", "TL"): ("piT", "TNL"),
    ("L", "TN"): ("zetaT", "TNL"),
}
_RATE = {"N": "aN", "L": "bL"}


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
    return Model(
        *(
            state(
                name,
                "1e4 cell" if name == "T0" else None,
                unit="cell",
                kind="cells",
                balance="tumour",
                description=text,
            )
            for name, text in _TUMOUR.items()
        ),
        state("N", "1e5 cell", unit="cell", kind="cells", balance="N", description="natural killer cells"),
        state("L", "100 cell", unit="cell", kind="cells", balance="L", description="T cells"),
        *declared(_VALUES, source="MODEL2003040001"),
        *declared(_EFFECTORS, source="de Pillis et al. 2005"),
        observable("burden", "T0 + TN + TL + TNL", "cell"),
        *(process(f"growth_{name}", f"a*{name}*(1 - b*burden)", {name: 1}) for name in _TUMOUR),
        *(process(f"{by}_kills_{name}", f"{_RATE[by]}*{by}*{name}", {name: -1}) for by, name in _KILLS),
        *(
            process(f"{by}_selects_{into}", f"{share}*{_RATE[by]}*{by}*{name}", {name: -1, into: 1}, transfer=True)
            for (by, name), (share, into) in _SELECTS.items()
        ),
        process("N_arrival", "sig", {"N": 1}),
        process("N_death", "f*N", {"N": -1}),
        process("L_priming", "r*N*T0", {"L": 1}),
        process("L_death", "m*L", {"L": -1}),
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
