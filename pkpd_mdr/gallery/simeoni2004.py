"""Xenografts under paclitaxel: growth from exponential to linear, and cells that die through three stages.

Simeoni et al. 2004, Cancer Res 64:1094, paclitaxel experiment 1.
"""

from __future__ import annotations

from functools import partial

from pkpd_mdr.gallery.published import Published, Result, sourced
from pkpd_mdr.gallery.reading import level
from pkpd_mdr.mechanisms import clone, death, growth, medium
from pkpd_mdr.model import Model
from pkpd_mdr.regimen import exposure

__all__ = ["ENTRY", "simeoni2004"]

_SOURCES = {
    "published: Simeoni et al. 2004, Table 2, "
    "paclitaxel experiment 1": "growth_x1 linear_x1 apoptosis_slope_pac_x1 transit_x1",
    "published: Simeoni et al. 2004, fixed": "psi_x1",
    "assumed: a small tumour, before growth is linear": "x10",
}


def simeoni2004() -> Model:
    """x1' = l0 x1/(1 + (l0 w/l1)^20)^(1/20) - k2 c x1, three stages of dying at rate k1, w = x1 + x2 + x3 + x4.

    Returns
    -------
    Model
        Tumour mass ``x1`` from 0.1 g and the dying, ``dying1_x1`` to ``dying3_x1``; the concentration in plasma is
        given: ``exposure("pac", "500 ng/mL")``.

    Examples
    --------
    >>> round(float(simeoni2004().simulate(until="30 day").frame["burden"].iloc[-1]), 4)
    17.2659
    """
    return sourced(
        Model(
            medium("pac", unit="ng/mL"),
            clone(
                "x1",
                growth=growth.exponential_linear(rate="0.273 1/day", linear="0.814 g/day"),
                start="0.1 g",
                unit="g",
                description="proliferating cells",
            ),
            death.path("pac", on="x1", slope="6.29e-4 mL/ng/day", via="transit"),
            death.transit("x1", rate="0.968 1/day"),
        ),
        _SOURCES,
    )


_THRESHOLD = 0.273 / 6.29e-4


def _held(concentration: float, at: str, name: str = "burden") -> float:
    return level(simeoni2004(), name, at, exposure("pac", (concentration, "ng/mL")))


def _untreated(day: int) -> float:
    return level(simeoni2004(), "burden", f"{day} day")


ENTRY = Published(
    simeoni2004,
    "Simeoni et al. 2004, Cancer Res 64:1094, doi:10.1158/0008-5472.CAN-03-2524",
    ("S1",),
    'mdr.gallery.simeoni2004().simulate(mdr.exposure("pac", "500 ng/mL"), until="60 day")',
    (
        Result("threshold concentration", 434.0, lambda: _THRESHOLD, unit="ng/mL", atol=0.05, flag="C", source="l0/k2"),
        *(
            Result(
                f"untreated mass at {day} days",
                mass,
                partial(_untreated, day),
                unit="g",
                atol=5e-5,
                source="another solver",
            )
            for day, mass in ((10, 1.5333), (20, 9.1259), (30, 17.2659))
        ),
        Result(
            "untreated growth once linear",
            0.814,
            lambda: (_untreated(30) - _untreated(20)) / 10,
            unit="g/day",
            rtol=1e-4,
            flag="C",
            source="l1",
        ),
        Result(
            "proliferating mass at the threshold, 300 days",
            0.1,
            lambda: _held(_THRESHOLD, "300 day", "x1"),
            unit="g",
            rtol=1e-5,
            source="x1' = 0",
        ),
        Result(
            "mass at the threshold, 300 days",
            0.1846,
            lambda: _held(_THRESHOLD, "300 day"),
            unit="g",
            atol=5e-5,
            source="x1 (1 + 3 l0/k1)",
        ),
        Result(
            "mass at 500 ng/mL, 60 days",
            0.0171,
            lambda: _held(500, "60 day"),
            unit="g",
            atol=5e-5,
            source="another solver",
        ),
        Result(
            "1 % below the threshold it regrows",
            True,
            lambda: _held(0.99 * _THRESHOLD, "600 day") > _held(0.99 * _THRESHOLD, "300 day") > 0.1846,
        ),
        Result("1 % above it vanishes", True, lambda: _held(1.01 * _THRESHOLD, "3000 day") < 1e-3 * 0.1846),
    ),
)
