"""Leukocytes under paclitaxel: the semi-mechanistic model of myelosuppression.

Friberg et al. 2002, J Clin Oncol 20:4713, with linear two-compartment pharmacokinetics.
"""

from __future__ import annotations

from functools import cache

from pkpd_mdr.gallery.published import Published, Result, sourced
from pkpd_mdr.gallery.reading import course
from pkpd_mdr.mechanisms import pk, toxicity
from pkpd_mdr.model import Model
from pkpd_mdr.regimen import Regimen, infusion

__all__ = ["ENTRY", "friberg2002"]

_SOURCES = {
    "published: Friberg et al. 2002, J Clin Oncol "
    "20:4713, leukocytes under paclitaxel "
    "(DDMODEL00000186)": "baseline_wbc transit_time_wbc feedback_wbc slope_pac_wbc",
    "published: fixed in DDMODEL00000186": "Q_pac",
    "derived: median of the individual values in the data of DDMODEL00000186": "CL_pac V1_pac V2_pac",
}


def friberg2002() -> Model:
    """Prol' = k Prol ((1 - slope C)(Circ0/Circ)^g - 1), three transits, Circ; k = 4/MTT.

    Returns
    -------
    Model
        State ``wbc`` in 1e9 cells per litre; ``infusion("pac", "369 umol", over="3 h")`` is a typical cycle.

    Examples
    --------
    >>> from pkpd_mdr.regimen import infusion
    >>> cycle = infusion("pac", "369 umol", over="3 h")
    >>> round(float(friberg2002().simulate(cycle, until="40 day", times="1 h").frame["wbc"].min() / 1e9), 3)
    2.918
    """
    return sourced(
        Model(
            pk.two_compartment("pac", CL="285 L/h", V1="290 L", Q="204 L/h", V2="995 L", molar_mass="853.9 g/mol"),
            toxicity.myelosuppression(
                "wbc", slope={"pac": "28.9 L/umol"}, baseline="7.21e9 1/L", transit_time="124 h", feedback=0.239
            ),
        ),
        _SOURCES,
    )


def cycle() -> Regimen:
    """A typical cycle of paclitaxel."""
    return infusion("pac", "369 umol", over="3 h")


@cache
def _extremes() -> tuple[float, float, float, float]:
    """Nadir in 1e9/L, its hour, the overshoot and its hour."""
    hours, counts = course(friberg2002(), "wbc", cycle(), until="1440 h", times="0.1 h")
    low, high = min(counts), max(counts)
    return low / 1e9, hours[counts.index(low)], high / 1e9, hours[counts.index(high)]


def _constant(level: float) -> float:
    """Leukocytes under a steady concentration (uM), relative to the baseline: an infusion at CL times the level."""
    model = friberg2002()
    plan = infusion("pac", f"{285 * 24000 * level} umol", over="24000 h")
    return course(model, "wbc", plan, until="24000 h", times="2400 h")[1][-1] / 7.21e9


ENTRY = Published(
    friberg2002,
    "Friberg et al. 2002, J Clin Oncol 20:4713, doi:10.1200/JCO.2002.02.140; DDMODEL00000186",
    ("S1", "S5"),
    'mdr.gallery.friberg2002().simulate(mdr.infusion("pac", "369 umol", over="3 h"), until="40 day")',
    (
        Result("nadir of leukocytes", 2.918, lambda: _extremes()[0], unit="1e9/L", atol=5e-4, source="another solver"),
        Result("its time", 221.8, lambda: _extremes()[1], unit="h", atol=0.05, source="another solver"),
        Result("overshoot", 9.685, lambda: _extremes()[2], unit="1e9/L", atol=5e-4, source="another solver"),
        Result(
            "its time after the dose", 22.5, lambda: _extremes()[3] / 24, unit="day", atol=0.05, source="another solver"
        ),
        Result(
            "leukocytes at 0.005 uM kept up, share of baseline",
            (1 - 28.9 * 0.005) ** (1 / 0.239),
            lambda: _constant(0.005),
            rtol=1e-5,
            source="(1 - slope C)^(1/g)",
        ),
    ),
    draw=("wbc",),
)
