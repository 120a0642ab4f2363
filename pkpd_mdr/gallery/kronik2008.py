"""Glioblastoma and infused cytotoxic T cells, held back by TGF-beta and helped by interferon through MHC.

Kronik et al. 2008 (BIOMD0000000808). Tumour, TGF-beta, MHC class I and the kill are as published; growth and supply of
T cells, interferon and MHC class II are recalled.
"""

from __future__ import annotations

import math
from functools import cache

from pkpd_mdr.gallery.published import Published, Result, declared
from pkpd_mdr.gallery.reading import level
from pkpd_mdr.mechanisms import dosing, observable, process, state
from pkpd_mdr.model import Model
from pkpd_mdr.regimen import Regimen, infusion

__all__ = ["ENTRY", "infusions", "kronik2008"]

_VALUES = {
    "r": ("3.5e-4 1/h", "tumour growth"),
    "K": ("1e11 cell", "carrying capacity"),
    "aT": ("0.12 1/h", "largest rate of killing"),
    "e": ("50", "MHC class I of half the killing"),
    "aTb": ("0.69", "killing left under much TGF-beta"),
    "eTb": ("1e4", "TGF-beta of half its effect on killing"),
    "h": ("5e8 cell", "tumour cells of half the killing per T cell"),
    "gb": ("63945 1/h", "TGF-beta of the brain"),
    "ab": ("5.75e-6 1/(cell*h)", "TGF-beta of tumour cells"),
    "mb": ("7 1/h", "TGF-beta is cleared"),
    "g1": ("1.44 1/h", "MHC class I is made"),
    "a1": ("2.88 1/h", "MHC class I made under much interferon"),
    "e1": ("338000", "interferon of half that effect"),
    "m1": ("0.0144 1/h", "MHC class I is lost"),
}
_RECALLED = {
    "aC": ("4.8e-11 1/h", "T cells recruited per MHC class II on the tumour"),
    "eC": ("1e14 cell", "saturation of that recruitment"),
    "aCb": ("0.8", "recruitment left under much TGF-beta"),
    "eCb": ("1e4", "TGF-beta of half its effect on recruitment"),
    "mC": ("0.007 1/h", "T cells die"),
    "aI": ("1.02e-4 1/(cell*h)", "interferon made by T cells"),
    "mI": ("0.102 1/h", "interferon is cleared"),
    "a2": ("8660 1/h", "MHC class II made under much interferon"),
    "e2": ("1420", "interferon of half that effect"),
    "a2b": ("0.012", "MHC class II left under much TGF-beta"),
    "e2b": ("1e5", "TGF-beta of half its effect on MHC class II"),
    "m2": ("0.0144 1/h", "MHC class II is lost"),
}


def kronik2008() -> Model:
    """T' = r T (1 - T/K) - aT M1/(M1 + e) (aTb + eTb (1 - aTb)/(F + eTb)) C T/(h + T), with F, M1, M2 and IFN.

    Returns
    -------
    Model
        From 1e10 tumour cells and 2e6 T cells; cells are infused as ``infusion("ctl", 3e8, over="10 h")``.

    Examples
    --------
    >>> round(float(kronik2008().simulate(until="2000 h").frame["M1"].iloc[-1]))
    100
    """
    return Model(
        state("T", "1e10 cell", unit="cell", kind="cells", balance="tumour", description="tumour cells"),
        state("C", "2e6 cell", unit="cell", kind="cells", balance="ctl", description="cytotoxic T cells"),
        state("F", kind="concentration", description="TGF-beta"),
        state("IFN", kind="concentration", description="interferon gamma"),
        state("M1", kind="concentration", description="MHC class I per tumour cell"),
        state("M2", kind="concentration", description="MHC class II per tumour cell"),
        *declared(_VALUES, source="BIOMD0000000808"),
        *declared(_RECALLED, source="recalled from Kronik et al. 2008"),
        dosing("ctl", into="C", unit="cell"),
        process("growth", "r*T*(1 - T/K)", {"T": 1}),
        process("killing", "aT*M1/(M1 + e)*(aTb + eTb*(1 - aTb)/(F + eTb))*C*T/(h + T)", {"T": -1}),
        process("C_recruitment", "aC*M2*T/(M2*T/eC + 1)*(aCb + eCb*(1 - aCb)/(F + eCb))", {"C": 1}),
        process("C_death", "mC*C", {"C": -1}),
        process("F_source", "gb + ab*T", {"F": 1}),
        process("F_loss", "mb*F", {"F": -1}),
        process("IFN_source", "aI*C", {"IFN": 1}),
        process("IFN_loss", "mI*IFN", {"IFN": -1}),
        process("M1_source", "g1 + a1*IFN/(IFN + e1)", {"M1": 1}),
        process("M1_loss", "m1*M1", {"M1": -1}),
        process("M2_source", "a2*IFN/(IFN + e2)*(a2b + e2b*(1 - a2b)/(F + e2b))", {"M2": 1}),
        process("M2_loss", "m2*M2", {"M2": -1}),
        observable("burden", "T", "cell"),
    )


def infusions(courses: int = 4, cells: float = 3e8) -> Regimen:
    """Three infusions of T cells over 10 h, every 120 h; a new course every 1440 h."""
    return infusion("ctl", cells, over="10 h").every("120 h", times=3).every("1440 h", times=courses)


@cache
def _tumour(cells: float) -> float:
    return level(kronik2008(), "T", "4000 h", infusions(3, cells) if cells else None)


ENTRY = Published(
    kronik2008,
    "Kronik et al. 2008; BIOMD0000000808",
    ("S4", "S5"),
    'mdr.gallery.kronik2008().simulate(mdr.infusion("ctl", 3e8, over="10 h").every("120 h", times=3), until="2000 h")',
    (
        Result(
            "MHC class I without T cells",
            100.0,
            lambda: level(kronik2008(), "M1", "4000 h", start={"C": 0}, parameters={"aC": 0}),
            rtol=1e-5,
            source="1.44/0.0144",
        ),
        Result(
            "TGF-beta without a tumour",
            63945 / 7,
            lambda: level(kronik2008(), "F", "100 h", start={"T": 0}),
            rtol=1e-6,
            source="63945/7",
        ),
        Result(
            "tumour without T cells after 1000 h",
            1e11 / (1 + 9 * math.exp(-0.35)),
            lambda: level(kronik2008(), "T", "1000 h", start={"C": 0}, parameters={"aC": 0}),
            unit="cell",
            rtol=1e-5,
            source="logistic growth",
        ),
        Result(
            "infusions slow the tumour, more cells slow it more",
            True,
            lambda: _tumour(3e9) < _tumour(3e8) < _tumour(0),
            flag="R",
            source="the paper's message",
        ),
    ),
    ours="T cell recruitment, interferon and MHC class II are recalled",
)
