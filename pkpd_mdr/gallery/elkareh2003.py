"""Doxorubicin and its effect by the peak: what counts is the highest concentration that cells have seen.

El-Kareh and Secomb 2003, 2005. Equations and uptake values are recalled; those of the survival curve are wide priors.
"""

from __future__ import annotations

from functools import partial

from pkpd_mdr.gallery.published import Published, Result, declared
from pkpd_mdr.gallery.reading import level
from pkpd_mdr.mechanisms import medium, observable, process, state
from pkpd_mdr.model import Model
from pkpd_mdr.regimen import Regimen, exposure

__all__ = ["ENTRY", "elkareh2003", "pulse"]

_VALUES = {
    "Vmax": ("16.8 ng/h", "largest transport, per 1e5 cells"),
    "Ke": ("0.219 ug/mL", "medium of half the uptake"),
    "Ki": ("1.37 ng", "content of half the release, per 1e5 cells"),
}
_PRIORS = {
    "K1": ("0.5 1/ng", "effect of the peak in cells; wide prior, 0.05 to 5 per ng"),
    "K2": ("0.1 mL/ug", "effect of the peak in medium; wide prior, 0 to 1 mL/ug"),
    "m": ("2", "exponent; wide prior, 1 to 4"),
}
_DEVICE = {
    "track": ("1e4 1/h", "how fast the peaks follow a rise; a device, not biology"),
}


def elkareh2003() -> Model:
    """Ci' = Vmax (Ce/(Ce + Ke) - Ci/(Ci + Ki)); survival 1/(1 + (K1 max Ci + K2 max Ce)^m).

    Returns
    -------
    Model
        Content Ci per 1e5 cells; running peaks ``peak_i`` and ``peak_e``; the observable ``survival``.

    Examples
    --------
    >>> run = elkareh2003().simulate(pulse(), until="24 h")
    >>> bool(run.frame["survival"].iloc[-1] < 1)
    True
    """
    return Model(
        medium("dox", unit="ug/mL"),
        state("Ci", unit="ng", kind="amount", description="drug in 1e5 cells"),
        state("peak_i", unit="ng", kind="amount", balance="peak_i", description="highest content so far"),
        state("peak_e", unit="ug/mL", kind="concentration", description="highest concentration in medium so far"),
        *declared(_VALUES, source="recalled: El-Kareh and Secomb"),
        *declared(_PRIORS, source="assumed: effects of order 1 at the peaks of these doses; values not obtained"),
        *declared(_DEVICE, source="assumed: a device of the running peak, fast beside uptake"),
        process("uptake", "Vmax*C_dox/(C_dox + Ke)", {"Ci": 1}),
        process("release", "Vmax*Ci/(Ci + Ki)", {"Ci": -1}),
        process("rise_i", "track*max(0, Ci - peak_i)", {"peak_i": 1}),
        process("rise_e", "track*max(0, C_dox - peak_e)", {"peak_e": 1}),
        observable("survival", "1/(1 + (K1*peak_i + K2*peak_e)**m)"),
    )


def pulse(dose: str = "0.219 ug/mL", over: str = "2 h") -> Regimen:
    """Doxorubicin for a time, then fresh medium."""
    return exposure("dox", dose, over=over)


def _held(ratio: float) -> float:
    """Content after long at a concentration of `ratio` times Ke."""
    return level(elkareh2003(), "Ci", "20 h", exposure("dox", (0.219 * ratio, "ug/mL")))


def _survival(at: str) -> float:
    return level(elkareh2003(), "survival", at, pulse("0.219 ug/mL", "12 h"))


ENTRY = Published(
    elkareh2003,
    "El-Kareh and Secomb 2003, 2005",
    ("S1",),
    'mdr.gallery.elkareh2003().simulate(mdr.exposure("dox", "0.2 ug/mL", over="2 h"), until="24 h")',
    (
        *(
            Result(
                f"content at {ratio:g} Ke",
                1.37 * ratio,
                partial(_held, ratio),
                unit="ng",
                rtol=1e-4,
                flag="R",
                source="Ci/Ki = Ce/Ke",
            )
            for ratio in (0.1, 1.0, 3.0)
        ),
        Result(
            "survival after 12 h at Ke",
            1 / (1 + (0.5 * 1.37 + 0.1 * 0.219) ** 2),
            lambda: _survival("12 h"),
            rtol=1e-4,
            flag="R",
            source="closed form at the peak",
        ),
        Result(
            "survival stays after the drug is washed out",
            True,
            lambda: abs(_survival("60 h") / _survival("12 h") - 1) < 1e-6,
            flag="R",
            source="running peak",
        ),
    ),
    ours="equations and uptake recalled; the survival curve has wide priors",
    draw=("survival",),
)
