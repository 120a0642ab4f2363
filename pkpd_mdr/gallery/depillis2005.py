"""A tumour against natural killer cells and CD8+ T cells, whose kill follows the ratio of T cells to tumour cells.

de Pillis, Radunskaya and Wiseman 2005, Cancer Res 65:7950; values as in MODEL1907260001. Declared from text.
"""

from __future__ import annotations

import math
from typing import Any

from pkpd_mdr.gallery.published import Published, Result, declared, sourced
from pkpd_mdr.gallery.reading import level, levels
from pkpd_mdr.mechanisms import observable, process, state
from pkpd_mdr.model import Model

__all__ = ["ENTRY", "depillis2005"]

_VALUES = {
    "a": ("0.514 1/day", "tumour growth"),
    "b": ("1.02e-9 1/cell", "inverse carrying capacity"),
    "c": ("3.23e-7 1/(cell*day)", "tumour cells killed by natural killer cells"),
    "d": ("1.43 1/day", "largest rate of killing by T cells"),
    "l": ("0.58", "exponent of the ratio of T cells to tumour cells"),
    "s": ("2.73", "ratio law: value at half the largest rate"),
    "sig": ("13000 cell/day", "natural killer cells arrive"),
    "f": ("0.0412 1/day", "natural killer cells die"),
    "g": ("0.025 1/day", "largest recruitment of natural killer cells"),
    "h": ("2.02e7 cell**2", "squared tumour size of half that recruitment"),
    "p": ("1e-7 1/(cell*day)", "natural killer cells lost by killing"),
    "m": ("0.02 1/day", "T cells die"),
    "j": ("0.0375 1/day", "largest recruitment of T cells"),
    "k": ("2.02e7 1/day**2", "squared kill of half that recruitment"),
    "q": ("3.42e-10 1/(cell*day)", "T cells lost by killing"),
    "r": ("1.1e-7 1/(cell*day)", "T cells primed by killed tumour cells"),
}

_SOURCES = {
    "published: de Pillis et al. 2005, start of MODEL1907260001": "T0 N0",
}


def depillis2005() -> Model:
    """T' = a T (1 - b T) - c N T - D T with D = d (L/T)^l/(s + (L/T)^l); N and L are recruited and exhausted.

    Returns
    -------
    Model
        Tumour T from 100, natural killer cells N from 1000, T cells L from none.

    Examples
    --------
    >>> run = depillis2005().simulate(until="1000 day", start={"T": 0})
    >>> round(float(run.frame["N"].iloc[-1]))
    315534
    """
    return sourced(
        Model(
            state("T", "100 cell", unit="cell", kind="cells", description="tumour cells"),
            state("N", "1000 cell", unit="cell", kind="cells", description="natural killer cells"),
            state("L", unit="cell", kind="cells", description="CD8+ T cells"),
            *declared(_VALUES, source="published: de Pillis et al. 2005, in MODEL1907260001"),
            observable("D", "d*hill(L/max(T, 1e-100), s**(1/l), l)", "1/day", description="killing by T cells"),
            process("growth", "a*T*(1 - b*T)", {"T": 1}),
            process("natural_killing", "c*N*T", {"T": -1}),
            process("specific_killing", "D*T", {"T": -1}),
            process("arrival", "sig", {"N": 1}),
            process("N_recruitment", "g*T**2*N/(h + T**2)", {"N": 1}),
            process("N_exhaustion", "p*N*T", {"N": -1}),
            process("N_death", "f*N", {"N": -1}),
            process("L_recruitment", "j*(D*T)**2*L/(k + (D*T)**2)", {"L": 1}),
            process("L_priming", "r*N*T", {"L": 1}),
            process("L_exhaustion", "q*L*T", {"L": -1}),
            process("L_death", "m*L", {"L": -1}),
            observable("burden", "T", "cell"),
        ),
        _SOURCES,
    )


_NK = 13000 / 0.0412
_ALONE: dict[str, Any] = {"parameters": {"r": 0}, "start": {"T": 1, "N": _NK, "L": 0}}


def _invasion() -> float:
    """Growth of one tumour cell per day beside the natural killer cells of health."""
    start, end = levels(depillis2005(), "T", ["0 h", "1 h"], **_ALONE)
    return 24 * math.log(end / start)


def _from_a_million(name: str) -> float:
    return level(depillis2005(), name, "10 day", start={"T": 1e6, "N": 3e5, "L": 100})


ENTRY = Published(
    depillis2005,
    "de Pillis, Radunskaya and Wiseman 2005, Cancer Res 65:7950; MODEL1907260001",
    ("S5",),
    'mdr.gallery.depillis2005().simulate(until="60 day", start={"T": 1e6, "N": 3e5, "L": 100})',
    (
        Result(
            "natural killer cells without a tumour",
            315534,
            lambda: level(depillis2005(), "N", "1000 day", start={"T": 0}),
            unit="cell",
            atol=1,
            source="sig/f",
        ),
        Result("growth of the first cell", 0.412, _invasion, unit="1/day", atol=5e-4, source="a - c N*"),
        Result(
            "natural killer cells alone never clear a tumour",
            True,
            lambda: level(depillis2005(), "T", "60 day", **_ALONE) > 1e8,
            source="a - c N* > 0",
        ),
        Result(
            "T after 10 days, from T 1e6, N 3e5, L 100",
            56843100.0,
            lambda: _from_a_million("T"),
            unit="cell",
            rtol=1e-4,
            source="another solver",
        ),
        Result(
            "L after 10 days, from T 1e6, N 3e5, L 100",
            478681.0,
            lambda: _from_a_million("L"),
            unit="cell",
            rtol=1e-4,
            source="another solver",
        ),
    ),
)
