"""Chemotherapy that kills the tumour and the immune cells that fight it.

de Pillis et al. 2008 (BIOMD0000000913): the model of 2005 with circulating lymphocytes, which feed the natural killer
cells, and a drug. The equation of interleukin-2 was not obtained and is left out.
"""

from __future__ import annotations

import math
from functools import cache

from pkpd_mdr.gallery.depillis2005 import depillis2005
from pkpd_mdr.gallery.published import Published, Result, declared
from pkpd_mdr.gallery.reading import level
from pkpd_mdr.mechanisms import dosing, process, state
from pkpd_mdr.model import Model
from pkpd_mdr.regimen import Regimen, bolus

__all__ = ["ENTRY", "chemotherapy", "depillis2008"]

_VALUES = {
    "gam": ("0.9 1/day", "drug is eliminated"),
    "KT": ("0.8 1/day", "largest kill of tumour cells"),
    "KN": ("0.6 1/day", "largest kill of natural killer cells"),
    "KL": ("0.6 1/day", "largest kill of T cells"),
    "KC": ("0.6 1/day", "largest kill of lymphocytes"),
}
_RECALLED = {
    "alpha": ("7.5e8 cell/day", "lymphocytes arrive"),
    "beta": ("0.012 1/day", "lymphocytes die"),
    "e": ("2.08e-7 1/day", "share of lymphocytes that become natural killer cells"),
}
_VICTIMS = {"T": "KT", "N": "KN", "L": "KL", "C": "KC"}


def depillis2008() -> Model:
    """As de Pillis 2005, with N fed by e C, C' = alpha - beta C, M' = -gam M, and each pool killed at K (1 - e^-M).

    Returns
    -------
    Model
        Lymphocytes C from alpha/beta, drug M in the unit of its effect: ``bolus("chemo", 5)``.

    Examples
    --------
    >>> sorted(depillis2008().states)
    ['C', 'L', 'M', 'N', 'T']
    """
    return (
        depillis2005()
        .without("process_arrival")
        .without("parameter_sig")
        .plus(
            state("C", "6.25e10 cell", unit="cell", kind="cells", description="circulating lymphocytes"),
            state("M", kind="concentration", description="drug, in units of its effect"),
            *declared(_VALUES, source="BIOMD0000000913"),
            *declared(_RECALLED, source="recalled; e alpha/beta is sig of 2005"),
            dosing("chemo", into="M", unit=""),
            process("arrival", "e*C", {"N": 1}),
            process("C_arrival", "alpha", {"C": 1}),
            process("C_death", "beta*C", {"C": -1}),
            process("elimination", "gam*M", {"M": -1}),
            *(process(f"chemo_{name}", f"{K}*(1 - exp(-M))*{name}", {name: -1}) for name, K in _VICTIMS.items()),
        )
    )


def chemotherapy(dose: float = 5.0) -> Regimen:
    """A dose every five days, nine times (an example; the schedule is ours)."""
    return bolus("chemo", dose).every("5 day", times=9)


def _killed(dose: float) -> float:
    """Lymphocytes left after one dose if none arrive or die otherwise."""
    end = level(depillis2008(), "C", "60 day", bolus("chemo", dose), parameters={"alpha": 0, "beta": 0}, start={"T": 0})
    return end / 6.25e10


def _entire(x: float) -> float:
    """Ein(x), the integral of (1 - exp(-u))/u from 0 to x."""
    return sum((-1.0) ** (k + 1) * x**k / (k * math.factorial(k)) for k in range(1, 60))


@cache
def _after(name: str, treated: bool, tumour: float = 1e6) -> float:
    start = {"T": tumour, "N": 3e5, "L": 100}
    return level(depillis2008(), name, "20 day", chemotherapy() if treated else None, start=start)


ENTRY = Published(
    depillis2008,
    "de Pillis et al. 2008; BIOMD0000000913",
    ("S5",),
    'mdr.gallery.depillis2008().simulate(mdr.bolus("chemo", 5).every("5 day", times=9), until="60 day")',
    (
        Result(
            "lymphocytes left after a dose of 5, share",
            math.exp(-0.6 / 0.9 * _entire(5.0)),
            lambda: _killed(5.0),
            rtol=1e-5,
            source="exp(-KC Ein(M0)/gam)",
        ),
        Result(
            "natural killer cells without tumour and drug",
            2.08e-7 * 7.5e8 / 0.012 / 0.0412,
            lambda: level(depillis2008(), "N", "1000 day", start={"T": 0}),
            unit="cell",
            rtol=1e-5,
            source="e alpha/(beta f)",
        ),
        Result(
            "chemotherapy shrinks the tumour",
            True,
            lambda: _after("T", True) < _after("T", False),
            flag="C",
            source="K_T > 0",
        ),
        Result(
            "and kills natural killer cells too",
            True,
            lambda: _after("N", True, 0) < 0.9 * _after("N", False, 0),
            flag="C",
            source="K_N > 0; without a tumour",
        ),
    ),
    ours="interleukin-2 left out, its equation was not obtained; alpha, beta and e are recalled; units of the drug",
)
