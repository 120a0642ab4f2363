"""Doxorubicin and cardiomyocytes, and what dexrazoxane protects.

Mody, Vaidya and Ait-Oudhia 2023, Sci Rep 13:3100 (Tables 1 and 2), equations as read in the nlmixr2lib file: growth in
culture that both drugs slow, and a saturable kill of doxorubicin that reaches cells through three stages and that
dexrazoxane lowers.
"""

from __future__ import annotations

import math
from functools import partial

from pkpd_mdr.gallery.published import Published, Result, sourced
from pkpd_mdr.gallery.reading import eigenvalues, level
from pkpd_mdr.mechanisms import medium, pk, toxicity
from pkpd_mdr.model import Model
from pkpd_mdr.regimen import Regimen, exposure, infusion

__all__ = ["ENTRY", "mody2023", "three_weekly", "weekly"]

_SOURCES = {
    "published: Mody et al. 2023, Table 1": (
        "growth_* emax_* ec50_* slope_* protection_emax_* protection_ec50_* transit_*"
    ),
    "derived: Michaelis-Menten, exponent 1": "hill_* protection_hill_*",
    "derived: relative to the start; the paper has 101 % of viability there": "cardiomyocytes0",
    "published: Mody et al. 2023, Table 2 (doxorubicin from Kontny et al. 2013)": "V*_do* CL_do* Q*_do*",
    "derived: from micro-constants of 1 per h and the volume of 14.6 L, Mody et al. 2023, Table 2": (
        "V*_de* CL_de* Q_de*"
    ),
}


def mody2023(*, culture: bool = False) -> Model:
    """R' = kg R (1 - slope C)(1 - slope_dex D) - K3 R; K1' = ktr ((Kmax - P(D)) C/(KC50 + C) - K1), K2, K3 follow.

    Parameters
    ----------
    culture : bool
        Whether both drugs are held in a medium; otherwise they have the pharmacokinetics of a patient (1.8 m2).

    Returns
    -------
    Model
        Cardiomyocytes of a culture from 1, which grow exponentially without drugs, and ``cardiomyocytes_relative``,
        their number relative to that. Doses are ``infusion("dox", "90 mg", over="15 min")`` and the same of ``dex``.

    Examples
    --------
    >>> run = mody2023().simulate(three_weekly(), until="63 day")
    >>> bool(0 < run.frame["cardiomyocytes_relative"].iloc[-1] < 1)
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
    heart = toxicity.cardiomyocytes(
        growth="0.0115 1/h",
        emax={"dox": ("0.0697 1/h", "0.107 uM")},
        slope={"dox": "0.167 L/umol", "dex": "0.00968 L/umol"},
        protection={"dex": ("0.0625 1/h", "39 uM")},
        transit="0.126 1/h",
    )
    kinetics = (medium("dox", unit="uM"), medium("dex", unit="uM")) if culture else (dox, dex)
    return sourced(Model(*kinetics, heart), _SOURCES)


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
    return level(mody2023(culture=True), "cardiomyocytes", f"{hours} h", plan, parameters=parameters)


def _after(plan: Regimen) -> float:
    """Cardiomyocytes after nine weeks in a patient, relative to an untreated culture."""
    return level(mody2023(), "cardiomyocytes_relative", "63 day", plan)


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
            lambda: _left("0.107 uM", None, 48, growth_cardiomyocytes=0),
            rtol=1e-5,
            source="half the largest kill through three stages",
        ),
        Result(
            "the same with 39 uM dexrazoxane",
            _delayed(48, (0.0697 - 0.0625 / 2) / 2),
            lambda: _left("0.107 uM", "39 uM", 48, growth_cardiomyocytes=0),
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
        Result(
            "three-weekly doses spare more cells than the same amount every week",
            True,
            lambda: _after(three_weekly()) > _after(weekly()),
            flag="C",
            source="the regimen that the paper prefers, as the nlmixr2lib file says",
        ),
    ),
    ours="how dexrazoxane lowers the kill is an interpretation of the file, as the printed equations could not be read",
    draw=("cardiomyocytes_relative",),
)
