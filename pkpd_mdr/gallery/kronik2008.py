"""Glioblastoma and infused cytotoxic T cells, held back by TGF-beta and helped by interferon through MHC.

Kronik et al. 2008, Cancer Immunol Immunother 57:425; values as in BIOMD0000000808. The file divides the recruitment of
T cells by M2 T + eC, with which none is ever recruited, and makes TGF-beta at 0.69 per tumour cell, its other constant;
here recruitment saturates at M2 T = eC, and TGF-beta is made at the 5.75e-6 that the file names and does not use.
"""

from __future__ import annotations

import math
from functools import cache

from pkpd_mdr.gallery.published import Published, Result, declared, sourced
from pkpd_mdr.gallery.reading import level
from pkpd_mdr.mechanisms import clone, cytokine, growth, immune, process, state
from pkpd_mdr.model import Model
from pkpd_mdr.regimen import Regimen, infusion

__all__ = ["ENTRY", "infusions", "kronik2008"]

_SUPPLY = {
    "aC": ("4.8e-11 1/h", "T cells recruited per MHC class II on the tumour"),
    "eC": ("1e14 cell", "saturation of that recruitment"),
    "aCb": ("0.8", "recruitment left under much TGF-beta"),
    "eCb": ("1e4", "TGF-beta of half its effect on recruitment"),
    "a2": ("8660 1/h", "MHC class II made under much interferon"),
    "e2": ("1420", "interferon of half that effect"),
    "a2b": ("0.012", "MHC class II left under much TGF-beta"),
    "e2b": ("1e5", "TGF-beta of half its effect on MHC class II"),
    "m2": ("0.0144 1/h", "MHC class II is lost"),
}

_SOURCES = {
    "published: Kronik et al. 2008, in BIOMD0000000808": (
        "T0 C0 growth_T capacity_T death_C attack_* half_MHC_T suppression_* source_* secretion_* loss_* "
        "induction_ec50_IFN_MHC_T induction_emax_IFN_MHC_T"
    ),
    "derived: Michaelis-Menten, exponent 1": "induction_hill_IFN_MHC_T",
}


def kronik2008() -> Model:
    """T' = r T (1 - T/K) - aT M1/(M1 + e) (aTb + eTb (1 - aTb)/(F + eTb)) C T/(h + T), with F, M2, IFN and M1 = MHC_T.

    Returns
    -------
    Model
        From 1e10 tumour cells and 2e6 T cells; cells are infused as ``infusion("C", "3e8 cell", over="10 h")``.

    Examples
    --------
    >>> round(float(kronik2008().simulate(until="2000 h").frame["MHC_T"].iloc[-1]))
    100
    """
    return sourced(
        Model(
            clone("T", growth=growth.logistic(rate="3.5e-4 1/h", capacity="1e11 cell"), start="1e10 cell"),
            immune.effector("C", start="2e6 cell", death="0.007 1/h", description="cytotoxic T cells"),
            immune.attack("C", on="T", rate="0.12 1/h", form="tumour_saturated", half="5e8 cell"),
            cytokine("F", unit="", source="63945 1/h", secretion={"T": "5.75e-6 1/(cell*h)"}, loss="7 1/h"),
            immune.suppression("F", on="C", half=1e4, floor=0.69),
            cytokine("IFN", unit="", secretion={"C": "1.02e-4 1/(cell*h)"}, loss="0.102 1/h"),
            immune.mhc(
                "T",
                source="1.44 1/h",
                loss="0.0144 1/h",
                half=50,
                induced_by="IFN",
                emax="2.88 1/h",
                ec50=338000,
            ),
            state("M2", kind="concentration", description="MHC class II per tumour cell"),
            *declared(_SUPPLY, source="published: Kronik et al. 2008, in BIOMD0000000808"),
            process("C_recruitment", "aC*M2*T/(M2*T/eC + 1)*(aCb + eCb*(1 - aCb)/(F + eCb))", {"C": 1}),
            process("M2_source", "a2*IFN/(IFN + e2)*(a2b + e2b*(1 - a2b)/(F + e2b))", {"M2": 1}),
            process("M2_loss", "m2*M2", {"M2": -1}),
        ),
        _SOURCES,
    )


def infusions(courses: int = 4, cells: float = 3e8) -> Regimen:
    """Three infusions of T cells over 10 h, every 120 h; a new course every 1440 h."""
    return infusion("C", (cells, "cell"), over="10 h").every("120 h", times=3).every("1440 h", times=courses)


@cache
def _tumour(cells: float) -> float:
    return level(kronik2008(), "T", "4000 h", infusions(3, cells) if cells else None)


ENTRY = Published(
    kronik2008,
    "Kronik et al. 2008, Cancer Immunol Immunother 57:425, doi:10.1007/s00262-007-0387-z; BIOMD0000000808",
    ("S4", "S5"),
    'mdr.gallery.kronik2008().simulate(mdr.infusion("C", 3e8, over="10 h").every("120 h", times=3), until="2000 h")',
    (
        Result(
            "MHC class I without T cells",
            100.0,
            lambda: level(kronik2008(), "MHC_T", "4000 h", start={"C": 0}, parameters={"aC": 0}),
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
    ours="the forms of T cell recruitment and of MHC class II are recalled",
)
