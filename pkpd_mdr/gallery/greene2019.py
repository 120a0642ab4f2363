"""Spontaneous against drug-induced resistance: whether constant or pulsed treatment wins.

Greene, Gevertz and Sontag 2019, JCO Clin Cancer Inform 3:1; parameters as in BIOMD0000000825. Scaled: the unit of
burden is the carrying capacity, the unit of time the inverse growth rate of sensitive cells, here one day.
"""

from __future__ import annotations

from functools import cache, partial

from pkpd_mdr.gallery.published import Published, Result, sourced
from pkpd_mdr.gallery.reading import outcome
from pkpd_mdr.mechanisms import clone, growth, kill, medium, parameter, switching
from pkpd_mdr.model import Model
from pkpd_mdr.regimen import Regimen, exposure

__all__ = ["ENTRY", "greene2019"]

_SOURCES = {
    "published: Greene et al. 2019, in BIOMD0000000825": "S0 growth_R slope_u_S switching_S_R",
    "derived: the unit of time is 1/growth of S, of burden the capacity": "growth_S K",
    "published: Greene et al. 2019 compares 0 and 0.01 (argument induction)": "switching_slope_u_S_R",
}


def greene2019(induction: float = 0.0) -> Model:
    """S' = (1 - S - R) S - (eps + alpha u) S - d u S; R' = pr (1 - S - R) R + (eps + alpha u) S.

    Parameters
    ----------
    induction : float
        alpha: how fast the drug turns sensitive cells resistant; the paper compares 0 and 0.01.

    Returns
    -------
    Model
        Drug ``u`` in a medium (scaled dose 1.5 when on); S starts at 0.01.

    Examples
    --------
    >>> print(greene2019().equations())
    dmedium_u/dt = 0
    dS/dt = S*growth_S*(1 - (R + S)/K) - S*medium_u*slope_u_S - S*medium_u*switching_slope_u_S_R - S*switching_S_R
    dR/dt = R*growth_R*(1 - (R + S)/K) + S*medium_u*switching_slope_u_S_R + S*switching_S_R
    """
    capacity = parameter("K", 1.0, description="carrying capacity, the unit of burden")
    return sourced(
        Model(
            medium("u", unit=""),
            clone("S", growth=growth.logistic(rate="1 1/day", capacity=capacity), start=0.01, unit=""),
            clone("R", growth=growth.logistic(rate="0.2 1/day", capacity=capacity), unit="", resistant=True),
            kill("u", on="S", slope="1 1/day"),
            switching("S", "R", rate="1e-6 1/day", induced_by="u", slope=(induction, "1/day")),
        ),
        _SOURCES,
    )


@cache
def _start() -> float:
    """When treatment starts: the burden reaches 0.1."""
    return outcome(greene2019(), "time_to_stop", until="3 day", stop={"burden": 0.1})


def constant() -> Regimen:
    """The drug from the time at which the burden reaches 0.1."""
    return exposure("u", 1.5).shift((_start(), "day"))


def pulsed() -> Regimen:
    """One day on and three days off, from the same time."""
    return exposure("u", 1.5, over="1 day").every("4 day", times=40).shift((_start(), "day"))


@cache
def _failure(induction: float, pulses: bool) -> float:
    """When the burden passes 0.9."""
    plan = pulsed() if pulses else constant()
    return outcome(greene2019(induction), "time_to_stop", plan, until="100 day", stop={"burden": 0.9})


_TIMES = {0.0: (89.671, 14.392), 0.01: (44.694, 61.364)}

ENTRY = Published(
    greene2019,
    "Greene, Gevertz and Sontag 2019, JCO Clin Cancer Inform 3:1; BIOMD0000000825",
    ("S1", "S2"),
    'mdr.gallery.greene2019(0.01).simulate(mdr.exposure("u", 1.5).shift("2.398 day"), until="120 day")',
    (
        Result("treatment starts", 2.398, _start, unit="1/rS", atol=5e-4, source="another solver"),
        *(
            Result(
                f"failure, {('constant', 'pulsed')[pulses]} treatment, alpha = {alpha:g}",
                times[pulses],
                partial(_failure, alpha, bool(pulses)),
                unit="1/rS",
                rtol=1e-3,
                source="another solver",
            )
            for alpha, times in _TIMES.items()
            for pulses in (0, 1)
        ),
        Result(
            "constant treatment wins without induction",
            True,
            lambda: _failure(0.0, False) > _failure(0.0, True),
            flag="R",
            source="the paper's message",
        ),
        Result(
            "pulses win with induction",
            True,
            lambda: _failure(0.01, False) < _failure(0.01, True),
            flag="R",
            source="the paper's message",
        ),
    ),
)
