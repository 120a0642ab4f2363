"""Doxorubicin and cardiomyocytes, and what dexrazoxane protects.

Mody, Vaidya and Ait-Oudhia 2023, Sci Rep 13:3100 (Tables 1 and 2), equations as read in the nlmixr2lib file: growth in
culture that both drugs slow, and a saturable kill of doxorubicin that reaches cells through three stages and that
dexrazoxane lowers.
"""

from __future__ import annotations

import math
from functools import partial

from pkpd_mdr.gallery.published import Published, Result, declared, sourced
from pkpd_mdr.gallery.reading import eigenvalues, level
from pkpd_mdr.mechanisms import medium, observable, pk, process, state
from pkpd_mdr.model import Model
from pkpd_mdr.regimen import Regimen, exposure, infusion

__all__ = ["ENTRY", "mody2023", "three_weekly", "weekly"]

_VALUES = {
    "kg": ("0.0115 1/h", "growth of cardiomyocytes in culture"),
    "slope": ("0.167 L/umol", "growth lost per doxorubicin"),
    "Kmax": ("0.0697 1/h", "largest kill by doxorubicin"),
    "KC50": ("0.107 uM", "doxorubicin of half the kill"),
    "ktr": ("0.126 1/h", "stages of the kill"),
    "slope_dex": ("0.00968 L/umol", "growth lost per dexrazoxane"),
    "Imax": ("0.0625 1/h", "largest loss of the kill by dexrazoxane"),
    "IC50": ("39 uM", "dexrazoxane of half that loss"),
}


_SOURCES = {
    "published: Mody et al. 2023, Table 2 (doxorubicin from Kontny et al. 2013)": "*_dox",
    "derived: from micro-constants of 1 per h and the volume of 14.6 L, Mody et al. 2023, Table 2": (
        "V*_dex CL_de* Q_de*"
    ),
    "derived: relative to the start; the paper has 101 % of viability there": "X0",
}


def mody2023(*, culture: bool = False) -> Model:
    """X' = kg X (1 - slope C)(1 - slope_dex D) - K3 X; K1' = ktr (k(C, D) - K1), K2, K3 follow.

    Neither factor of growth goes below zero, so that two drugs that stop growth do not make it positive again.

    Parameters
    ----------
    culture : bool
        Whether both drugs are held in a medium; otherwise they have the pharmacokinetics of a patient (1.8 m2).

    Returns
    -------
    Model
        Cardiomyocytes X of a culture from 1, which grow exponentially without drugs, and ``of_untreated``, their number
        relative to that. Doses are ``infusion("dox", "90 mg", over="15 min")`` and the same of ``dex``.

    Examples
    --------
    >>> run = mody2023().simulate(three_weekly(), until="63 day")
    >>> bool(0 < run.frame["of_untreated"].iloc[-1] < 1)
    True
    """
    dox = pk.three_compartment(
        "dox",
        CL="53.3 L/h",
        V1="17.7 L",
        Q2="58.7 L/h",
        V2="1830 L",
        Q3="21.8 L/h",
        V3="71.6 L",
        molar_mass="543.5 g/mol",
    )
    dex = pk.two_compartment("dex", CL="14.6 L/h", V1="14.6 L", Q="14.6 L/h", V2="14.6 L", molar_mass="268.27 g/mol")
    return sourced(
        Model(
            *((medium("dox", unit="uM"), medium("dex", unit="uM")) if culture else (dox, dex)),
            state("X", 1.0, description="cardiomyocytes, relative to the start"),
            *(state(f"K{k}", unit="1/h", description=f"kill, stage {k}") for k in (1, 2, 3)),
            *declared(_VALUES, source="published: Mody et al. 2023, Table 1"),
            observable(
                "k0",
                "(Kmax - Imax*C_dex/(IC50 + C_dex))*C_dox/(KC50 + C_dox)",
                "1/h",
                description="kill before its delay",
            ),
            observable("of_untreated", "X*exp(-kg*t)", description="cardiomyocytes relative to an untreated culture"),
            process("growth", "kg*X*max(0, 1 - slope*C_dox)*max(0, 1 - slope_dex*C_dex)", {"X": 1}),
            process("killing", "K3*X", {"X": -1}),
            *(
                process(f"stage_{k}", f"ktr*({before} - K{k})", {f"K{k}": 1})
                for k, before in ((1, "k0"), (2, "K1"), (3, "K2"))
            ),
        ),
        _SOURCES,
    )


def three_weekly(cycles: int = 3) -> Regimen:
    """50 mg/m2 (1.8 m2) over 15 min every 21 days."""
    return infusion("dox", "90 mg", over="15 min").every("21 day", times=cycles)


def weekly(cycles: int = 9) -> Regimen:
    """16.67 mg/m2 (1.8 m2) over 15 min every 7 days, the same total dose."""
    return infusion("dox", "30 mg", over="15 min").every("7 day", times=cycles)


def _half_life(which: int) -> float:
    """Of doxorubicin in hours, the shortest first."""
    model = mody2023()
    chain = [name for name in model.states if name.endswith("_dox")]
    alone = Model(model.mechanisms[0])
    rates = eigenvalues(alone, dict.fromkeys(chain, 0.0), "1/h")
    return sorted(math.log(2) / -rate.real for rate in rates)[which]


def _left(dox: str, dex: str | None, hours: int, **parameters: float) -> float:
    """Cardiomyocytes after a time in culture."""
    plan = exposure("dox", dox)
    plan = plan & exposure("dex", dex) if dex else plan
    return level(mody2023(culture=True), "X", f"{hours} h", plan, parameters=parameters)


def _delayed(hours: float, kill: float) -> float:
    """Without growth: exp of minus the integral of the third stage under a constant input."""
    x = 0.126 * hours
    lag = 3 - math.exp(-x) * (3 + 2 * x + x**2 / 2)
    return math.exp(-kill * (hours - lag / 0.126))


ENTRY = Published(
    mody2023,
    "Mody, Vaidya and Ait-Oudhia 2023, Sci Rep 13:3100, doi:10.1038/s41598-023-29964-4; nlmixr2lib",
    ("S5",),
    'mdr.gallery.mody2023().simulate(mdr.infusion("dox", "90 mg", over="15 min").every("21 day", times=3), '
    'until="63 day")',
    (
        *(
            Result(
                f"half-life {k + 1} of doxorubicin",
                value,
                partial(_half_life, k),
                unit="h",
                rtol=rtol,
                source="eigenvalues, printed to two digits",
            )
            for k, (value, rtol) in enumerate(((0.09, 0.06), (2.7, 0.02), (46.0, 0.02)))
        ),
        Result(
            "cells after 48 h at KC50 without growth",
            _delayed(48, 0.0697 / 2),
            lambda: _left("0.107 uM", None, 48, kg=0),
            rtol=1e-5,
            source="half the largest kill through three stages",
        ),
        Result(
            "the same with 39 uM dexrazoxane",
            _delayed(48, (0.0697 - 0.0625 / 2) / 2),
            lambda: _left("0.107 uM", "39 uM", 48, kg=0),
            rtol=1e-5,
            source="half of Imax taken off",
        ),
        Result(
            "dexrazoxane protects",
            True,
            lambda: _left("0.1 uM", "30 uM", 72) > 1.2 * _left("0.1 uM", None, 72),
            flag="C",
            source="Imax > 0",
        ),
    ),
    ours="that growth stays at zero where a drug would turn it negative",
    draw=("of_untreated",),
)
