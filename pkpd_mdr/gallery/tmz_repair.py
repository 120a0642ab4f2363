"""Temozolomide, the adducts that it makes and MGMT, which repairs each at the price of itself.

Adducts and suicidal repair as usually written (recalled; Ballesta et al. 2014 give a full system, not obtained), under
the half-life of temozolomide of Ostermann 2004. Rates are wide priors.
"""

from __future__ import annotations

import math
from functools import partial

from pkpd_mdr.gallery.published import Published, Result, declared, sourced
from pkpd_mdr.gallery.reading import level
from pkpd_mdr.mechanisms import medium, process, state
from pkpd_mdr.model import Model
from pkpd_mdr.regimen import exposure

__all__ = ["ENTRY", "tmz_repair"]

_VALUES = {
    "kf": ("0.01 1/h", "adducts made per drug; wide prior, 0.001 to 0.1 per h"),
    "kr": ("2 1/(uM*h)", "repair; wide prior, 0.1 to 100 per uM and h"),
    "kx": ("0.02 1/h", "adducts lost otherwise; wide prior, 0 to 0.1 per h"),
    "ksyn": ("0.02 uM/h", "MGMT is made; wide prior, 0 to 0.2 uM/h"),
    "kdeg": ("0.02 1/h", "MGMT is lost; wide prior, 0.005 to 0.1 per h"),
}

_SOURCES = {
    "assumed: the unit of MGMT is its level at rest, taken as 1 uM": "G0",
    "derived: half-life in plasma (Ostermann et al. 2004), taken for the medium": "half_life_tmz",
}


def tmz_repair() -> Model:
    """A' = kf C - kr G A - kx A; G' = ksyn - kdeg G - kr G A.

    Returns
    -------
    Model
        Adducts A, MGMT from 1 uM; temozolomide decays in the medium, ``exposure("tmz", "50 uM")``.

    Examples
    --------
    >>> run = tmz_repair().simulate(exposure("tmz", "50 uM"), until="24 h")
    >>> bool(run.frame["G"].min() < 0.9)
    True
    """
    return sourced(
        Model(
            medium("tmz", unit="uM", half_life="2.1 h"),
            state("A", unit="uM", kind="concentration", description="O6-methylguanine adducts"),
            state("G", "1 uM", unit="uM", kind="concentration", description="MGMT"),
            *declared(
                _VALUES,
                source="assumed: order of magnitude, so that a dose of 50 uM uses up MGMT within a day; not obtained",
            ),
            process("damage", "kf*C_tmz", {"A": 1}),
            process("repair", "kr*G*A", {"A": -1, "G": -1}),
            process("loss", "kx*A", {"A": -1}),
            process("synthesis", "ksyn", {"G": 1}),
            process("turnover", "kdeg*G", {"G": -1}),
        ),
        _SOURCES,
    )


_CLOSED = {"kx": 0, "ksyn": 0, "kdeg": 0}


def _left(name: str, adducts: float, enzyme: float) -> float:
    """What is left of adducts and MGMT that only meet each other."""
    return level(tmz_repair(), name, "100 h", parameters=_CLOSED, start={"A": (adducts, "uM"), "G": (enzyme, "uM")})


def _made() -> float:
    """Adducts that a dose makes where nothing repairs or loses them."""
    return level(tmz_repair(), "A", "100 h", exposure("tmz", "50 uM"), parameters=_CLOSED, start={"G": "0 uM"})


def _area(enzyme: float) -> float:
    """Area of adducts after a dose."""
    plan, start = exposure("tmz", "50 uM"), {"G": (enzyme, "uM")}
    model = tmz_repair().plus(state("area", unit="uM*h", kind="integral"), process("add", "A", {"area": 1}))
    return level(model, "area", "48 h", plan, start=start, parameters={"ksyn": 0.02 * enzyme})


ENTRY = Published(
    tmz_repair,
    "as in Ballesta et al. 2014, CPT Pharmacometrics Syst Pharmacol 3:e112",
    ("S4",),
    'mdr.gallery.tmz_repair().simulate(mdr.exposure("tmz", "50 uM"), until="24 h")',
    (
        *(
            Result(
                f"{words} left from {adducts:g} adducts and {enzyme:g} MGMT",
                value,
                partial(_left, name, adducts, enzyme),
                unit="uM",
                atol=1e-6,
                source="one MGMT per adduct",
            )
            for adducts, enzyme in ((3.0, 1.0), (1.0, 3.0))
            for words, name, value in (
                ("adducts", "A", max(adducts - enzyme, 0.0)),
                ("MGMT", "G", max(enzyme - adducts, 0.0)),
            )
        ),
        Result(
            "adducts made by 50 uM in all",
            50 * 0.01 * 2.1 / math.log(2),
            _made,
            unit="uM",
            rtol=1e-5,
            source="kf C0 half-life/ln 2",
        ),
        Result(
            "MGMT without drug stays",
            1.0,
            lambda: level(tmz_repair(), "G", "500 h"),
            unit="uM",
            rtol=1e-6,
            source="ksyn/kdeg",
        ),
        Result(
            "more MGMT, fewer adducts", True, lambda: _area(0.0) > _area(0.3) > _area(1.0) > _area(3.0), source="repair"
        ),
    ),
    ours="equations recalled; all rates are wide priors",
    draw=("A", "G"),
)
