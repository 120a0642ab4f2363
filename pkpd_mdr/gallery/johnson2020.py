"""Resistance that a pulse of doxorubicin selects and induces, seen in counts and in the share of sensitive cells.

Johnson et al. 2020 (authors' code): the model of Greene 2019 with a kill of resistant cells. Values are the authors'
starting guesses; fitted values were not stored.
"""

from __future__ import annotations

import math
from functools import partial

from pkpd_mdr.gallery.published import Published, Result, sourced
from pkpd_mdr.gallery.reading import course, crossing, level
from pkpd_mdr.mechanisms import clone, formula, growth, kill, medium, observable, parameter, seeding, switching
from pkpd_mdr.model import Model
from pkpd_mdr.regimen import Regimen, exposure

__all__ = ["ENTRY", "johnson2020", "pulse"]

_SOURCE = "published: starting guess in the authors' code, not a fit"

_SOURCES = {
    "assumed: order of magnitude of a well": "K",
    "assumed: a half-life of 40 h; the rate was not obtained": "loss_u",
    "assumed: order of magnitude of a well at the start": "N0",
    "published: starting guess in the authors' code (phi0 0.8, alpha 0.01), "
    "not a fit": "R0_share switching_slope_u_S_R",
}


def johnson2020() -> Model:
    """S' = rs S (1 - N/K) - (ds + alpha) U S; R' = zr rs R (1 - N/K) - zd ds U R + alpha U S.

    Returns
    -------
    Model
        Clones S and R from 2000 cells, 80 % of them sensitive; effective dose U decays in the medium. The observable
        ``sensitive_share`` is phi.

    Examples
    --------
    >>> run = johnson2020().simulate(pulse(75), until="14 day")
    >>> bool(run.frame["sensitive_share"].iloc[-1] < 0.8)
    True
    """
    shared = [
        parameter("K", "5e4 cell", description="carrying capacity; wide prior, 1e4 to 1e6"),
        parameter("rs", "0.021 1/h", source=_SOURCE, description="growth of sensitive cells"),
        parameter("zr", 0.5, source=_SOURCE, description="growth of resistant cells, relative"),
        parameter("ds", "0.2 1/h", source=_SOURCE, description="kill of sensitive cells"),
        parameter("zd", 0.5, source=_SOURCE, description="kill of resistant cells, relative"),
    ]
    return sourced(
        Model(
            *shared,
            medium("u", unit="", loss="0.0175 1/h"),
            clone("S", growth=growth.formula("rs*(1 - burden/K)")),
            clone("R", growth=growth.formula("zr*rs*(1 - burden/K)"), resistant=True),
            seeding(total="2000 cell", R=0.2),
            kill("u", on="S", slope=shared[3]),
            kill("u", on="R", slope=formula("zd*ds")),
            switching("S", "R", induced_by="u", slope="0.01 1/h"),
            observable("sensitive_share", "S/max(S + R, 1e-100)"),
        ),
        _SOURCES,
    )


def pulse(dose: float = 75.0, *, scale: float = 0.5, largest: float = 75.0) -> Regimen:
    """One dose (nM) at time zero, as effective dose U = k C/(0.1 Cmax)."""
    return exposure("u", scale * dose / (0.1 * largest))


def _closed(sensitive: bool, hours: float) -> float:
    """Cells without a capacity after a dose of 3 nM, closed form."""
    area = 0.2 * -math.expm1(-0.0175 * hours) / 0.0175
    if sensitive:
        return 1600 * math.exp(0.021 * hours - 0.21 * area)
    return 400 * math.exp(0.0105 * hours - 0.1 * area)


def _critical(dose: float) -> float:
    """Hours until the cells are twice those at the dose."""
    return crossing(*course(johnson2020(), "burden", pulse(dose), until="2000 h", times="0.5 h"), 4000)


def _cells(name: str, hours: int) -> float:
    free = {"K": 1e30, "switching_slope_u_S_R": 0.0 if name == "R" else 0.01}
    return level(johnson2020(), name, f"{hours} h", pulse(3), parameters=free)


ENTRY = Published(
    johnson2020,
    "Johnson et al. 2020, Phys Biol 18:016001 (volume and page recalled); authors' code",
    ("S1", "S2"),
    'mdr.gallery.johnson2020().simulate(mdr.exposure("u", 0.5), until="28 day")',
    (
        Result(
            "sensitive cells after 100 h without a capacity",
            _closed(True, 100),
            partial(_cells, "S", 100),
            unit="cell",
            rtol=1e-5,
            source="closed form",
        ),
        Result(
            "resistant cells after 200 h, the same and no induction",
            _closed(False, 200),
            partial(_cells, "R", 200),
            unit="cell",
            rtol=1e-5,
            source="closed form",
        ),
        Result(
            "a larger dose has the later critical time",
            True,
            lambda: _critical(1) < _critical(5) < _critical(20) < math.inf,
            source="first N > 2 N(dose)",
        ),
    ),
    ours="the capacity and the loss of drug are wide priors; the other values are guesses of the authors, not fits",
)
