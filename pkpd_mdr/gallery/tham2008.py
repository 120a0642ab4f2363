"""Lung cancer under gemcitabine and carboplatin: tumour turnover with a delayed effect of the dose.

Tham et al. 2008, Clin Cancer Res 14:4213; equations and values as in BIOMD0000000234, where the production of a tumour
of the size at the start balances its loss. Declared from text.
"""

from __future__ import annotations

import math

from pkpd_mdr.gallery.published import Published, Result, declared
from pkpd_mdr.gallery.reading import level, levels
from pkpd_mdr.mechanisms import dosing, observable, parameter, process, state
from pkpd_mdr.model import Model
from pkpd_mdr.regimen import Regimen, bolus, infusion

__all__ = ["ENTRY", "cycles", "tham2008"]

_VALUES = {
    "Teq": ("7.67 week", "half-time of the effect of a dose"),
    "A50": ("10600 mg", "effective dose that halves tumour production"),
    "Kend": ("6.66 cm", "diameter without treatment, that of the start"),
}
_TURNOVER = {"Kover": (f"{1 / 21.8!r} 1/(cm*week)", "loss of the tumour, per diameter")}
_SIZE = 6.66
_START = "published: Tham et al. 2008, start of BIOMD0000000234"


def tham2008() -> Model:
    """Diameter: size' = (Rin Eff - Kover size) size with Eff = 1 - Ce/(A50 + Ce), Rin = Kover Kend, Ce' = -ln2/Teq Ce.

    Returns
    -------
    Model
        Largest diameter from 6.66 cm; doses enter the effective dose Ce: ``bolus("gem", "5203.84 mg")``.

    Examples
    --------
    >>> run = tham2008().simulate(cycles(), until="52 week")
    >>> round(run.endpoint("nadir"), 2)
    2.23
    """
    return Model(
        state("size", parameter("size0", f"{_SIZE} cm", source=_START), unit="cm", description="largest diameter"),
        state("Ce", unit="mg", kind="amount", description="effective dose"),
        *declared(_VALUES, source="published: Tham et al. 2008, in BIOMD0000000234"),
        *declared(_TURNOVER, source="derived: inverse of the turnover time of 21.8 weeks, as in BIOMD0000000234"),
        dosing("gem", into="Ce", unit="mg"),
        process("production", "Kover*Kend*size*(1 - Ce/(A50 + Ce))", {"size": 1}),
        process("loss", "Kover*size*size", {"size": -1}),
        process("fading", "log(2)/Teq*Ce", {"Ce": -1}),
        observable("burden", "size", "cm"),
    )


def cycles(count: int = 6) -> Regimen:
    """The doses of the file: 5203.84 mg at the start and after a week, every three weeks."""
    return bolus("gem", "5203.84 mg").on_days([1, 8]).every("21 day", times=count)


def _held() -> float:
    """Diameter under a dose rate that keeps Ce at A50."""
    weeks = 600
    amount = 10600 * math.log(2) / 7.67 * weeks
    return level(tham2008(), "size", f"{weeks} week", infusion("gem", f"{amount} mg", over=f"{weeks} week"))


def _return() -> float:
    """Weeks in which a small deviation from the size without treatment falls to 1/e."""
    first, last = levels(tham2008(), "size", ["0 week", "2 week"], start={"size": "6.66066 cm"})
    return 2 / math.log((first - _SIZE) / (last - _SIZE))


def _nadir() -> tuple[float, float]:
    """Smallest diameter under the doses of the file, and its week."""
    run = tham2008().simulate(cycles(), until="60 week", times="0.05 week")
    return run.endpoint("nadir"), run.endpoint("nadir_time")


ENTRY = Published(
    tham2008,
    "Tham et al. 2008, Clin Cancer Res 14:4213 (PubMed 18594002); BIOMD0000000234",
    ("S1",),
    "mdr.gallery.tham2008().simulate("
    'mdr.bolus("gem", "5203.84 mg").on_days([1, 8]).every("21 day", times=6), until="60 week")',
    (
        Result("diameter while Ce is kept at A50", _SIZE / 2, _held, unit="cm", rtol=1e-5, source="Eff = 1/2"),
        Result(
            "return time of a small deviation", 21.8 / _SIZE, _return, unit="week", rtol=1e-3, source="1/(Kover Kend)"
        ),
        Result("nadir under six cycles", 2.23485, lambda: _nadir()[0], unit="cm", rtol=1e-4, source="another solver"),
        Result("its time", 21.25, lambda: _nadir()[1], unit="week", atol=0.05, source="another solver"),
    ),
    ours="that doses are in mg, and that the second dose of a cycle comes after a week",
)
