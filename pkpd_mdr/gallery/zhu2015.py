"""Pancreatic cancer cells under gemcitabine and birinapant: less growth, later death, and synergy of both.

Zhu et al. 2015; values as in BIOMD0000000668. Declared from text.
"""

from __future__ import annotations

from functools import partial
from itertools import pairwise

from pkpd_mdr.gallery.published import Published, Result, declared, sourced
from pkpd_mdr.gallery.reading import level
from pkpd_mdr.mechanisms import medium, observable, process, state
from pkpd_mdr.model import Model
from pkpd_mdr.regimen import Regimen, exposure, nothing

__all__ = ["ENTRY", "exposures", "zhu2015"]

_VALUES = {
    "kg": ("0.0209 1/h", "growth"),
    "kd": ("3.85e-4 1/h", "death"),
    "Rss": ("5.49e6 cell", "carrying capacity"),
    "Imax_gem": ("0.991", "largest inhibition of growth by gemcitabine"),
    "IC50_gem": ("20.8 nM", "gemcitabine at half of it"),
    "h_gem": ("3.57", "its exponent"),
    "Imax_bir": ("0.375", "largest inhibition of growth by birinapant"),
    "IC50_bir": ("145 nM", "birinapant at half of it"),
    "h_bir": ("1.06", "its exponent"),
    "Smax_gem": ("4.09", "largest stimulation of death by gemcitabine"),
    "SC50_gem": ("14 nM", "gemcitabine at half of it"),
    "g_gem": ("5", "its exponent"),
    "Smax_bir": ("17.5", "largest stimulation of death by birinapant"),
    "SC50_bir": ("168 nM", "birinapant at half of it"),
    "g_bir": ("0.984", "its exponent"),
    "ktau_gem": ("0.086 1/h", "stages of the death signal of gemcitabine"),
    "ktau_bir": ("0.611 1/h", "stages of the death signal of birinapant"),
    "psi_i": ("0.583", "factor of IC50 in combination; below 1 is synergy"),
    "psi_s": ("0.582", "factor of SC50 in combination; below 1 is synergy"),
}

_SOURCES = {
    "published: Zhu et al. 2015, start of BIOMD0000000668": "Ra0 Rd0",
}


def zhu2015() -> Model:
    """Ra' = (1 - Ig)(1 - Ib) kg Ra (1 - Ra/Rss) - (1 + Sg4)(1 + Sb4) kd Ra, each S through four stages.

    Returns
    -------
    Model
        Living cells Ra from 307000, dead ones Rd from 1940; drugs ``gem`` and ``bir`` in the medium.

    Examples
    --------
    >>> run = zhu2015().simulate(exposures(20, 100), until="96 h")
    >>> bool(run.frame["Ra"].iloc[-1] < 307000)
    True
    """
    both = "(psi_{0} if C_gem*C_bir > 0 else 1)"
    inhibition = "*".join(f"(1 - Imax_{d}*hill(C_{d}, IC50_{d}*{both.format('i')}, h_{d}))" for d in ("gem", "bir"))
    signals = []
    for d in ("gem", "bir"):
        stages = [f"Smax_{d}*hill(C_{d}, SC50_{d}*{both.format('s')}, g_{d})", *(f"S{k}_{d}" for k in (1, 2, 3, 4))]
        for k, (before, stage) in enumerate(pairwise(stages), start=1):
            signals += [
                state(stage, description=f"death signal of {d}, stage {k}"),
                process(f"pass_{stage}", f"ktau_{d}*({before} - {stage})", {stage: 1}),
            ]
    return sourced(
        Model(
            state("Ra", 307000, unit="cell", kind="cells", description="living cells"),
            state("Rd", 1940, unit="cell", kind="cells", description="dead cells"),
            medium("gem", unit="nM"),
            medium("bir", unit="nM"),
            *declared(_VALUES, source="published: Zhu et al. 2015, in BIOMD0000000668"),
            *signals,
            process("growth", f"kg*Ra*(1 - Ra/Rss)*{inhibition}", {"Ra": 1}),
            process("death", "kd*(1 + S4_gem)*(1 + S4_bir)*Ra", {"Ra": -1, "Rd": 1}),
            observable("burden", "Ra", "cell"),
        ),
        _SOURCES,
    )


def exposures(gemcitabine: float = 0.0, birinapant: float = 0.0) -> Regimen:
    """Both drugs in the medium, in nM; zero leaves a drug out."""
    plan = nothing()
    for name, concentration in (("gem", gemcitabine), ("bir", birinapant)):
        plan = plan & exposure(name, (concentration, "nM")) if concentration else plan
    return plan


def _cells(gemcitabine: float, birinapant: float, **parameters: float) -> float:
    return level(zhu2015(), "Ra", "96 h", exposures(gemcitabine, birinapant), parameters=parameters)


_ARMS = {(0, 0): 1628172.0, (20, 0): 738998.6, (0, 500): 685681.7, (10, 100): 334133.1}

ENTRY = Published(
    zhu2015,
    "Zhu et al. 2015 (PubMed 26252969); BIOMD0000000668",
    ("S5",),
    'mdr.gallery.zhu2015().simulate(mdr.exposure("gem", "10 nM") & mdr.exposure("bir", "100 nM"), until="96 h")',
    (
        *(
            Result(
                f"cells after 96 h, gemcitabine {arm[0]} nM, birinapant {arm[1]} nM",
                cells,
                partial(_cells, *arm),
                unit="cell",
                rtol=1e-5,
                source="another solver",
            )
            for arm, cells in _ARMS.items()
        ),
        Result(
            "the combination kills more than without interaction",
            True,
            lambda: _cells(10, 100) < 0.95 * _cells(10, 100, psi_i=1, psi_s=1),
            flag="C",
            source="psi below 1",
        ),
    ),
    ours="that dead cells stay",
)
