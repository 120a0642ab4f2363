"""Xenografts under paclitaxel: growth from exponential to linear, and cells that die through three stages.

Simeoni et al. 2004, Cancer Res 64:1094, paclitaxel experiment 1. Declared from text.
"""

from __future__ import annotations

from pkpd_mdr.mechanisms import medium, observable, parameter, process, state
from pkpd_mdr.model import Model

__all__ = ["simeoni2004"]

_VALUES = {
    "l0": ("0.273 1/day", "exponential growth"),
    "l1": ("0.814 g/day", "linear growth"),
    "k1": ("0.968 1/day", "damaged cells pass from stage to stage"),
    "k2": ("6.29e-4 mL/(ng*day)", "damage per concentration"),
}


def simeoni2004() -> Model:
    """x1' = l0 x1/(1 + (l0 w/l1)^20)^(1/20) - k2 c x1, three stages of dying at rate k1, w = x1 + x2 + x3 + x4.

    Returns
    -------
    Model
        Tumour mass from 0.1 g; the concentration in plasma is given: ``exposure("pac", "500 ng/mL")``.

    Examples
    --------
    >>> round(float(simeoni2004().simulate(until="30 day").frame["burden"].iloc[-1]), 4)
    17.2659
    """
    return Model(
        medium("pac", unit="ng/mL"),
        state("x1", "0.1 g", unit="g", description="proliferating cells"),
        *(state(f"x{i}", unit="g", description=f"damaged cells, stage {i - 1}") for i in (2, 3, 4)),
        *(
            parameter(name, value, source="Simeoni et al. 2004", description=text)
            for name, (value, text) in _VALUES.items()
        ),
        observable("burden", "x1 + x2 + x3 + x4", "g"),
        process("growth", "l0*x1/(1 + (l0*burden/l1)**20)**0.05", {"x1": 1}),
        process("damage", "k2*C_pac*x1", {"x1": -1, "x2": 1}),
        process("stage1", "k1*x2", {"x2": -1, "x3": 1}),
        process("stage2", "k1*x3", {"x3": -1, "x4": 1}),
        process("death", "k1*x4", {"x4": -1}),
    )
