"""Oligodendroglioma under temozolomide: damaged cells die only when they try to divide, so the response comes late.

Perez-Garcia et al. 2019, PLoS Comput Biol 15:e1006778 (volume recalled); values as in BIOMD0000000814.
"""

from __future__ import annotations

import math

from pkpd_mdr.gallery.published import Published, Result, sourced
from pkpd_mdr.gallery.reading import level, outcome
from pkpd_mdr.mechanisms import clone, death, growth, pk
from pkpd_mdr.model import Model
from pkpd_mdr.regimen import Regimen, bolus

__all__ = ["ENTRY", "cycles", "perezgarcia2019"]

_DOSE = 0.0021 * 1.9 * 150

_SOURCES = {
    "published: Perez-Garcia et al. 2019, in "
    "BIOMD0000000814": "KDE_tmz P0 growth_P capacity_P apoptosis_slope_tmz_P other_slope_tmz_P mitotic_death_damaged_P",
}


def perezgarcia2019() -> Model:
    """P' = rho P (1-(P+D)/K) - (a1+a2) P C; D' = a1 P C - (rho/kap) D (1-(P+D)/K); C' = -lam C.

    Returns
    -------
    Model
        Volumes, from P = 144.95 cm3; a dose of 150 mg/m2 adds 0.5985 to C: ``bolus("tmz", 0.5985)``.

    Examples
    --------
    >>> run = perezgarcia2019().simulate(cycles(6), until="400 day")
    >>> round(float(run.frame["burden"].iloc[-1]), 1)
    163.2
    """
    return sourced(
        Model(
            pk.kpd("tmz", KDE="8.3184 1/day", driver="amount"),
            clone(
                "P",
                growth=growth.logistic(rate="0.00293193 1/day", capacity="261.799 cm**3"),
                start="144.95 cm**3",
                unit="cm**3",
                description="proliferating cells",
            ),
            death.path("tmz", on="P", slope="0.1028 1/day", via="damaged"),
            death.path("tmz", on="P", path="other", slope="0.1397 1/day"),
            death.damaged("P", at_division=1.0),
        ),
        _SOURCES,
    )


def cycles(count: int = 20) -> Regimen:
    """Five daily doses of 150 mg/m2 (1.9 m2) every 28 days from day 55 on."""
    return bolus("tmz", _DOSE).on_days([1, 2, 3, 4, 5]).every("28 day", times=count).shift("55 day")


def _survivors() -> float:
    """Proliferating cells left by one dose, without growth."""
    return level(perezgarcia2019(), "P", "20 day", bolus("tmz", _DOSE), parameters={"growth_P": 0}) / 144.95


def _at(day: int, count: int) -> float:
    return level(perezgarcia2019(), "burden", f"{day} day", cycles(count))


def _damaged(days: int) -> float:
    """Damaged cells so many days after the last dose of twenty cycles."""
    return level(perezgarcia2019(), "damaged_P", f"{55 + 19 * 28 + 4 + days} day", cycles())


def _held(gap: int) -> float:
    """Days until 200 cm3 under twelve cycles, one every so many days."""
    plan = bolus("tmz", _DOSE).on_days([1, 2, 3, 4, 5]).every((gap, "day"), times=12)
    return outcome(perezgarcia2019(), "time_to_stop", plan, until="2000 day", stop={"burden": "200 cm**3"})


ENTRY = Published(
    perezgarcia2019,
    "Perez-Garcia et al. 2019, PLoS Comput Biol 15:e1006778 (volume recalled); BIOMD0000000814",
    ("S4",),
    "mdr.gallery.perezgarcia2019().simulate("
    'mdr.bolus("tmz", 0.5985).on_days([1, 2, 3, 4, 5]).every("28 day", times=20).shift("55 day"), until="1200 day")',
    (
        Result("a dose of 150 mg/m2, in the unit of C", 0.5985, lambda: _DOSE, atol=1e-9, flag="C", source="beta b d"),
        Result(
            "cells that one dose leaves",
            math.exp(-0.2425 * _DOSE / 8.3184),
            _survivors,
            rtol=1e-6,
            source="exp(-(a1 + a2) dose/lam)",
        ),
        Result(
            "volume on day 400, six cycles",
            163.221,
            lambda: _at(400, 6),
            unit="cm**3",
            rtol=1e-5,
            source="another solver",
        ),
        Result(
            "volume on day 620, twenty cycles",
            106.877,
            lambda: _at(620, 20),
            unit="cm**3",
            rtol=1e-5,
            source="another solver",
        ),
        Result(
            "twelve cycles with longer breaks between them hold the volume for longer",
            True,
            lambda: _held(28) < _held(56) < _held(84),
            flag="C",
            source="abstract; 28, 56 and 84 days",
        ),
        Result(
            "a year after the last dose more than a third of the damaged cells are left",
            True,
            lambda: _damaged(365) > _damaged(1) / 3,
            source="they die only when they try to divide",
        ),
    ),
)
