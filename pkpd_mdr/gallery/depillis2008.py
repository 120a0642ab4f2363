"""Chemotherapy that kills the tumour and the immune cells that fight it.

de Pillis et al. 2008, J Biol Syst 16:51; equations and values as in BIOMD0000000913: the cells of the model of 2005,
with circulating lymphocytes, which prime T cells, interleukin-2 and a drug. Declared from text.
"""

from __future__ import annotations

import math
from functools import cache, partial

from pkpd_mdr.gallery.published import Published, Result, declared, sourced
from pkpd_mdr.gallery.reading import level
from pkpd_mdr.mechanisms import dosing, observable, process, state
from pkpd_mdr.model import Model
from pkpd_mdr.regimen import Regimen, bolus

__all__ = ["ENTRY", "chemotherapy", "depillis2008"]

_FILE = "published: de Pillis et al. 2008, in BIOMD0000000913"
_VALUES = {
    "a": ("0.002 1/day", "tumour growth"),
    "b": ("1.02e-9 1/cell", "inverse carrying capacity"),
    "c1": ("3.23e-7 1/(cell*day)", "tumour cells killed by natural killer cells"),
    "d": ("5 1/day", "largest rate of killing by T cells"),
    "l": ("2", "exponent of the ratio of T cells to tumour cells"),
    "s": ("0.3", "ratio law: value at half the largest rate"),
    "alpha1": ("13000 cell/day", "natural killer cells arrive"),
    "f": ("0.0412 1/day", "natural killer cells die"),
    "g": ("0.025 1/day", "largest recruitment of natural killer cells"),
    "h": ("600 cell", "tumour size of half that recruitment"),
    "p": ("1e-7 1/(cell*day)", "natural killer cells lost by killing"),
    "m": ("0.02 1/day", "T cells die"),
    "q": ("3.42e-10 1/(cell*day)", "T cells lost by killing"),
    "r2": ("3e-11 1/(cell*day)", "T cells primed from lymphocytes by tumour cells"),
    "u": ("3 1/(cell*day)", "T cells regulate themselves"),
    "pI": ("0.125 1/day", "largest growth of T cells by interleukin-2"),
    "gI": ("2e7", "interleukin-2 of half that growth"),
    "pT": ("0.6 1/(cell*day)", "largest interleukin-2 made per T cell"),
    "gT": ("1e5 cell", "tumour size of half that production"),
    "w": ("2e-4 1/(cell*day)", "interleukin-2 that makes T cells make more"),
    "muI": ("10 1/day", "interleukin-2 is lost"),
    "alpha2": ("5e8 cell/day", "lymphocytes arrive"),
    "beta": ("0.012 1/day", "lymphocytes die"),
    "gam": ("0.9 1/day", "drug is eliminated"),
    "KT": ("0.8 1/day", "tumour cells killed per drug"),
    "KN": ("0.6 1/day", "natural killer cells killed per drug"),
    "KL": ("0.6 1/day", "T cells killed per drug"),
    "KC": ("0.6 1/day", "lymphocytes killed per drug"),
}
_STATES = {
    "T": (1e7, "tumour cells"),
    "L": (2000, "CD8+ T cells"),
    "N": (5e5, "natural killer cells"),
    "C": (4.17e10, "circulating lymphocytes"),
}


def depillis2008() -> Model:
    """T' = a T (1 - b T) - c1 N T - D T - KT M T, with D as in 2005; N, T cells L, lymphocytes C, IL-2 I, drug M.

    L' = r2 C T + pI L I/(gI + I) - (m + q T + u L + KL M) L; N' = alpha1 + g T N/(h + T) - (f + p T + KN M) N;
    C' = alpha2 - (beta + KC M) C; I' = pT L T/(gT + T) + w L I - muI I; M' = -gam M.

    Returns
    -------
    Model
        From the cells of the file; drug M in the unit of its effect: ``bolus("chemo", 0.5)``.

    Examples
    --------
    >>> sorted(depillis2008().states)
    ['C', 'I', 'L', 'M', 'N', 'T']
    """
    return sourced(
        Model(
            *(
                state(name, (start, "cell"), unit="cell", kind="cells", balance=name, description=text)
                for name, (start, text) in _STATES.items()
            ),
            state("I", 2000, description="interleukin-2"),
            state("M", kind="concentration", description="drug, in units of its effect"),
            *declared(_VALUES, source=_FILE),
            dosing("chemo", into="M", unit=""),
            observable("D", "d*hill(L/max(T, 1e-100), s**(1/l), l)", "1/day", description="killing by T cells"),
            process("growth", "a*T*(1 - b*T)", {"T": 1}),
            process("natural_killing", "c1*N*T", {"T": -1}),
            process("specific_killing", "D*T", {"T": -1}),
            process("L_priming", "r2*C*T", {"L": 1}),
            process("L_growth", "pI*L*I/(gI + I)", {"L": 1}),
            process("L_loss", "(m + q*T + u*L)*L", {"L": -1}),
            process("N_arrival", "alpha1", {"N": 1}),
            process("N_recruitment", "g*T*N/(h + T)", {"N": 1}),
            process("N_loss", "(f + p*T)*N", {"N": -1}),
            process("C_arrival", "alpha2", {"C": 1}),
            process("C_death", "beta*C", {"C": -1}),
            process("I_production", "pT*L*T/(gT + T) + w*L*I", {"I": 1}),
            process("I_loss", "muI*I", {"I": -1}),
            process("elimination", "gam*M", {"M": -1}),
            *(process(f"chemo_{name}", f"K{name}*M*{name}", {name: -1}) for name in _STATES),
            observable("burden", "T", "cell"),
        ),
        {"published: de Pillis et al. 2008, start of BIOMD0000000913": "T0 L0 N0 C0 I0"},
    )


def chemotherapy(dose: float = 0.5) -> Regimen:
    """A dose every five days, nine times (an example; the schedule is ours)."""
    return bolus("chemo", dose).every("5 day", times=9)


def _killed(dose: float) -> float:
    """Lymphocytes left after one dose if none arrive or die otherwise."""
    still = {"alpha2": 0, "beta": 0}
    return level(depillis2008(), "C", "60 day", bolus("chemo", dose), parameters=still, start={"T": 0}) / 4.17e10


@cache
def _after(name: str, treated: bool, tumour: float = 1e7) -> float:
    return level(depillis2008(), name, "20 day", chemotherapy() if treated else None, start={"T": tumour})


_UNTREATED = {"T": 7968883.44, "L": 1822.75746, "N": 15928.2833, "I": 112.11613}

ENTRY = Published(
    depillis2008,
    "de Pillis et al. 2008, J Biol Syst 16:51, doi:10.1142/S0218339008002435; BIOMD0000000913",
    ("S5",),
    'mdr.gallery.depillis2008().simulate(mdr.bolus("chemo", 0.5).every("5 day", times=9), until="60 day")',
    (
        Result(
            "lymphocytes left after a dose of 5, share",
            math.exp(-0.6 * 5 / 0.9),
            lambda: _killed(5.0),
            rtol=1e-5,
            source="exp(-KC M0/gam)",
        ),
        Result(
            "natural killer cells without tumour and drug",
            13000 / 0.0412,
            lambda: level(depillis2008(), "N", "1000 day", start={"T": 0}),
            unit="cell",
            rtol=1e-5,
            source="alpha1/f",
        ),
        *(
            Result(
                f"{name} after 20 days without drug",
                value,
                partial(_after, name, False),
                unit="" if name == "I" else "cell",
                rtol=1e-4,
                source="another solver",
            )
            for name, value in _UNTREATED.items()
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
    ours="the schedule of the drug",
)
