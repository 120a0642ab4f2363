"""A stroma that keeps effector cells from their work through a tumour-promoting cytokine.

Hu, Ke and Jang 2019, Bull Math Biol 81:1885; equations and values as in BIOMD0000000792, without the silencing RNA.
Stellate cells feed the tumour and, with it, make a cytokine by which the kill of effector cells is divided. Declared
from text.
"""

from __future__ import annotations

import math
from functools import partial
from typing import Any

from pkpd_mdr.gallery.published import Published, Result, declared, sourced
from pkpd_mdr.gallery.reading import level, levels
from pkpd_mdr.mechanisms import observable, process, state
from pkpd_mdr.model import Model

__all__ = ["ENTRY", "hu2019"]

_VALUES = {
    "r1": ("0.0195 1/day", "tumour growth"),
    "beta1": ("1.7857e-12 1/(cell*day)", "growth that a stellate cell adds"),
    "b1": ("1.02e-11 1/cell", "inverse carrying capacity of the tumour"),
    "delta1": ("0.96 1/(cell*day)", "killing per effector cell, before the barrier"),
    "m1": ("1e9", "part of the barrier that is always there"),
    "r2": ("0.00195 1/day", "growth of stellate cells"),
    "beta2": ("0.125 1/day", "largest growth of stellate cells by w"),
    "k2": ("5.6e10", "w of half that growth"),
    "b2": ("1.7857e-9 1/cell", "inverse carrying capacity of stellate cells"),
    "mu2": ("0.015 1/day", "stellate cells die"),
    "beta3": ("124.5 1/day", "growth of effector cells by v, before the barrier"),
    "k3": ("2e10", "v of half that growth"),
    "m3": ("1e6", "w that halves that growth"),
    "r3": ("3500 cell/day", "effector cells arrive"),
    "mu3": ("0.02 1/day", "effector cells die"),
    "beta4": ("5.85 1/(cell*day)", "w made per effector cell beside a large tumour"),
    "k4": ("1e6 cell", "tumour size of half that"),
    "r4": ("12500 1/(cell**2*day)", "w made by pairs of tumour and stellate cells"),
    "m4": ("8.9e10", "v that halves that"),
    "mu4": ("0.034 1/day", "w is lost"),
    "beta5": ("7.3 1/(cell*day)", "v made per effector cell beside a large tumour"),
    "k5": ("1e6 cell", "tumour size of half that"),
    "mu5": ("0.034 1/day", "v is lost"),
}
_CELLS = {
    "T": (1e9, "tumour cells"),
    "P": (5.6e6, "stellate cells"),
    "E": (1.9e8, "effector cells"),
}


def hu2019() -> Model:
    """T' = (r1 + beta1 P) T (1 - b1 T) - delta1 E T/(m1 + w), with stellate cells P, effectors E, cytokines w and v.

    P' = (r2 + beta2 w/(k2 + w)) P (1 - b2 P) - mu2 P; E' = r3 + beta3 E v/((k3 + v)(m3 + w)) - mu3 E;
    w' = beta4 E T/(k4 + T) + r4 T P/(m4 + v) - mu4 w; v' = beta5 E T/(k5 + T) - mu5 v.

    Returns
    -------
    Model
        From the cells and cytokines of the file.

    Examples
    --------
    >>> sorted(hu2019().states)
    ['E', 'P', 'T', 'v', 'w']
    """
    return sourced(
        Model(
            *(
                state(name, (start, "cell"), unit="cell", kind="cells", balance=name, description=text)
                for name, (start, text) in _CELLS.items()
            ),
            state("w", 5e4, kind="concentration", description="tumour-promoting cytokine"),
            state("v", 9.4, kind="concentration", description="tumour-suppressing cytokine"),
            *declared(_VALUES, source="published: Hu et al. 2019, in BIOMD0000000792"),
            process("growth", "(r1 + beta1*P)*T*(1 - b1*T)", {"T": 1}),
            process("killing", "delta1*E*T/(m1 + w)", {"T": -1}),
            process("P_growth", "(r2 + beta2*w/(k2 + w))*P*(1 - b2*P)", {"P": 1}),
            process("P_death", "mu2*P", {"P": -1}),
            process("E_arrival", "r3", {"E": 1}),
            process("E_growth", "beta3*E*v/((k3 + v)*(m3 + w))", {"E": 1}),
            process("E_death", "mu3*E", {"E": -1}),
            process("w_of_effectors", "beta4*E*T/(k4 + T)", {"w": 1}),
            process("w_of_stroma", "r4*T*P/(m4 + v)", {"w": 1}),
            process("w_loss", "mu4*w", {"w": -1}),
            process("v_production", "beta5*E*T/(k5 + T)", {"v": 1}),
            process("v_loss", "mu5*v", {"v": -1}),
            observable("burden", "T", "cell"),
        ),
        {"published: Hu et al. 2019, start of BIOMD0000000792": "T0 P0 E0 w0 v0"},
    )


def _kill(cytokine: float) -> float:
    """Kill per effector and tumour cell and day behind a barrier that is held."""
    still = dict.fromkeys(("r1", "beta1", "beta3", "r3", "mu3", "beta4", "r4", "mu4"), 0)
    held: dict[str, Any] = {"parameters": still, "start": {"w": cytokine}}
    early, late = levels(hu2019(), "T", ["0 day", "1 day"], **held)
    return math.log(early / late) / 1.9e8


_OPEN = {"beta4": 0, "r4": 0}
_LATER = {"T": 4.2989846e9, "P": 3.6157453e8, "E": 2.5865024e7}

ENTRY = Published(
    hu2019,
    "Hu, Ke and Jang 2019, Bull Math Biol 81:1885 (PubMed 30843136); BIOMD0000000792",
    ("S1",),
    'mdr.gallery.hu2019().simulate(until="300 day")',
    (
        *(
            Result(
                f"kill per effector cell at w = {w:g}",
                0.96 / (1e9 + w),
                partial(_kill, w),
                unit="1/(cell*day)",
                rtol=1e-5,
                source="delta1/(m1 + w)",
            )
            for w in (0.0, 1e9, 9e9)
        ),
        *(
            Result(
                f"{_CELLS[name][1]} after 100 days",
                value,
                lambda name=name: level(hu2019(), name, "100 day"),  # type: ignore[misc]
                unit="cell",
                rtol=1e-4,
                source="another solver",
            )
            for name, value in _LATER.items()
        ),
        Result(
            "the tumour grows behind the barrier and shrinks without it",
            True,
            lambda: level(hu2019(), "T", "30 day") > 1e9 > 10 * level(hu2019(), "T", "30 day", parameters=_OPEN),
            source="w made by stroma and effectors",
        ),
    ),
    ours="the silencing RNA is left out; the file makes w at 0.1 per day where it lists beta4, k4, T and E for it",
)
