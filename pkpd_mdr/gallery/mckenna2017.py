"""Doxorubicin in breast cancer cells: uptake, release and binding, then growth by what is bound.

McKenna et al. 2017, Sci Rep 7:5725. Uptake rates are those of the authors' code for MDA-MB-231; growth without drug was
fitted to the authors' counts; how bound drug slows growth is our form.
"""

from __future__ import annotations

import math
from functools import partial

from pkpd_mdr.gallery.published import Published, Result, declared, sourced
from pkpd_mdr.gallery.reading import level
from pkpd_mdr.mechanisms import clone, growth, medium, process, state
from pkpd_mdr.model import Model
from pkpd_mdr.regimen import Regimen, exposure

__all__ = ["ENTRY", "mckenna2017", "pulse"]

_UPTAKE = {
    "k12": ("0.1867 1/h", "medium to free drug in cells"),
    "k21": (f"{0.1867 / 0.2410:.6g} 1/h", "free drug in cells to medium"),
    "k23": ("0.0865 1/h", "free drug is bound"),
}
_GROWTH = {
    "kp": ("0.02764 1/h", "growth without drug"),
    "theta": ("16127 cell", "carrying capacity"),
}
_PRIORS = {
    "kmax": ("0.06 1/h", "largest loss of growth; wide prior, 0.02 to 0.2 per h"),
    "B50": ("50 nM", "bound drug of half that loss; wide prior, 5 to 500 nM"),
    "hB": ("2", "its exponent; wide prior, 0.5 to 5"),
}

_SOURCES = {
    "assumed: order of magnitude of a well at the start": "N0",
}


def mckenna2017() -> Model:
    """F' = k12 C - (k21 + k23) F; B' = k23 F; N' = (kp - kd(B)) N (1 - N/theta).

    Returns
    -------
    Model
        Cells N from 2000; doxorubicin in a medium, ``exposure("dox", "500 nM", over="12 h")``.

    Examples
    --------
    >>> run = mckenna2017().simulate(pulse("500 nM", "12 h"), until="30 day")
    >>> bool(run.frame["N"].iloc[-1] < 2000)
    True
    """
    return sourced(
        Model(
            medium("dox", unit="nM"),
            state("F", unit="nM", kind="concentration", description="free drug in cells"),
            state("B", unit="nM", kind="concentration", description="bound drug in cells"),
            *declared(_UPTAKE, source="published: McKenna et al. 2017, authors' code, MDA-MB-231"),
            *declared(_GROWTH, source="derived: logistic growth fitted to the authors' counts of MDA-MB-231"),
            *declared(
                _PRIORS,
                source="assumed: set so that doses of the experiments (10 to 1000 nM) slow, stop and reverse growth",
            ),
            process("uptake", "k12*C_dox", {"F": 1}),
            process("release", "k21*F", {"F": -1}),
            process("binding", "k23*F", {"F": -1, "B": 1}),
            clone("N", growth=growth.formula("(kp - kmax*hill(B, B50, hB))*(1 - N/theta)"), start=2000),
        ),
        _SOURCES,
    )


def pulse(level: str = "500 nM", over: str = "12 h") -> Regimen:
    """Doxorubicin for a time, then fresh medium."""
    return exposure("dox", level, over=over)


_Q = 0.1867 / 0.2410 + 0.0865


def _bound(hours: float, over: float = 12.0, dose: float = 500.0) -> float:
    """B in closed form (nM)."""
    on = min(hours, over)
    bound = dose * 0.1867 * 0.0865 / _Q * (on + math.expm1(-_Q * on) / _Q)
    left = dose * 0.1867 / _Q * -math.expm1(-_Q * over)
    return bound - (0.0865 * left / _Q * math.expm1(-_Q * (hours - over)) if hours > over else 0.0)


def _untreated(hours: float) -> float:
    return 16127 / (1 + (16127 / 2000 - 1) * math.exp(-0.02764 * hours))


def _end(dose: str, over: str) -> float:
    return level(mckenna2017(), "N", "30 day", pulse(dose, over))


ENTRY = Published(
    mckenna2017,
    "McKenna et al. 2017, Sci Rep 7:5725",
    ("S1",),
    'mdr.gallery.mckenna2017().simulate(mdr.exposure("dox", "250 nM", over="12 h"), until="30 day")',
    (
        *(
            Result(
                f"bound drug {hours} h into 500 nM for 12 h",
                _bound(hours),
                partial(lambda h: level(mckenna2017(), "B", f"{h} h", pulse()), hours),
                unit="nM",
                rtol=1e-5,
                source="closed form",
            )
            for hours in (6, 12, 30)
        ),
        Result(
            "cells after 48 h without drug",
            _untreated(48),
            lambda: level(mckenna2017(), "N", "48 h"),
            unit="cell",
            rtol=1e-5,
            source="logistic growth",
        ),
        Result(
            "longer exposure kills more",
            True,
            lambda: _end("100 nM", "6 h") > _end("100 nM", "12 h") > _end("100 nM", "24 h"),
            source="B grows with time",
        ),
    ),
    ours="how bound drug acts on growth (wide priors); as it is never lost, cells that it stops do not regrow",
)
