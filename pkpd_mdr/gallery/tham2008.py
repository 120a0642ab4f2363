"""Lung cancer under gemcitabine: tumour turnover with a delayed effect of the dose.

Tham et al. 2008, BIOMD0000000234. That the dose itself fades with the equilibration half-time, and that turnover
and the size without treatment set growth and loss, is our reading; the size at the start is recalled. Declared from
text.
"""

from __future__ import annotations

import math

from pkpd_mdr.gallery.published import Published, Result, declared
from pkpd_mdr.gallery.reading import level, levels
from pkpd_mdr.mechanisms import dosing, observable, process, state
from pkpd_mdr.model import Model
from pkpd_mdr.regimen import Regimen, bolus, infusion

__all__ = ["ENTRY", "cycles", "tham2008"]

_VALUES = {
    "turnover": ("21.8 week", "turnover time of the tumour"),
    "Teq": ("7.67 week", "half-time of the effect of a dose"),
    "A50": ("10600 mg", "effective dose that halves tumour production"),
}
_SIZE = 6.66


def tham2008() -> Model:
    """Diameter: size' = (Rin Eff - Kover size) size with Eff = 1 - Ce/(A50 + Ce).

    Rin = 1/turnover and Kover = Rin/Kend.

    Returns
    -------
    Model
        Largest diameter from 6.66 cm; doses enter the effective dose Ce: ``bolus("gem", "1700 mg")``.

    Examples
    --------
    >>> run = tham2008().simulate(cycles(), until="52 week")
    >>> round(run.endpoint("nadir"), 2)
    5.37
    """
    return Model(
        state("size", f"{_SIZE} cm", unit="cm", description="largest diameter"),
        state("Ce", unit="mg", kind="amount", description="effective dose"),
        *declared(_VALUES, source="BIOMD0000000234"),
        *declared({"Kend": (f"{_SIZE} cm", "diameter without treatment")}, source="recalled"),
        dosing("gem", into="Ce", unit="mg"),
        process("production", "size/turnover*(1 - Ce/(A50 + Ce))", {"size": 1}),
        process("loss", "size/turnover*size/Kend", {"size": -1}),
        process("fading", "log(2)/Teq*Ce", {"Ce": -1}),
        observable("burden", "size", "cm"),
    )


def cycles(count: int = 4) -> Regimen:
    """1000 mg/m2 (1.7 m2) on days 1 and 8 of 21."""
    return bolus("gem", "1700 mg").on_days([1, 8]).every("21 day", times=count)


def _held() -> float:
    """Diameter under a dose rate that keeps Ce at A50."""
    weeks = 600
    amount = 10600 * math.log(2) / 7.67 * weeks
    return level(tham2008(), "size", f"{weeks} week", infusion("gem", f"{amount} mg", over=f"{weeks} week"))


def _return() -> float:
    """Weeks in which a small deviation from the size without treatment falls to 1/e."""
    first, last = levels(tham2008(), "size", ["0 week", "10 week"], start={"size": "6.66066 cm"})
    return 10 / math.log((first - _SIZE) / (last - _SIZE))


ENTRY = Published(
    tham2008,
    "Tham et al. 2008; BIOMD0000000234",
    ("S1",),
    'mdr.gallery.tham2008().simulate(mdr.bolus("gem", "1700 mg").every("21 day", times=4), until="52 week")',
    (
        Result("diameter while Ce is kept at A50", _SIZE / 2, _held, unit="cm", rtol=1e-5, source="Eff = 1/2"),
        Result("return time of a small deviation", 21.8, _return, unit="week", rtol=1e-3, source="turnover"),
    ),
    ours="how turnover and dose enter; the size at the start and the body surface are recalled",
)
