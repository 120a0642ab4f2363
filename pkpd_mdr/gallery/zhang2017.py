"""Abiraterone and three types of prostate cancer cells: dependent on, producing, and independent of testosterone.

Zhang et al. 2017, Nat Commun 8:1816, and Cunningham et al. 2018. Growth, capacities, PSA, the two representative
patients and their starts are those of the authors' code; days are the time of its simulations.
"""

from __future__ import annotations

import math
from functools import cache, partial

from pkpd_mdr.errors import ModelError, shown
from pkpd_mdr.gallery.published import Published, Result, sourced
from pkpd_mdr.gallery.reading import course, level, levels
from pkpd_mdr.mechanisms import clone, formula, growth, medium, observable, parameter, process, state
from pkpd_mdr.model import Model
from pkpd_mdr.regimen import Regimen, Strategy, adaptive, exposure

__all__ = ["ENTRY", "adaptive_half", "continuous", "zhang2017"]

_GROWTH = {"Tplus": 0.0027726, "TP": 0.0034657, "Tminus": 0.0066542}
_COMPETITION = {  # of the two representative patients
    1: {
        "Tplus": {"TP": 0.7, "Tminus": 0.8},
        "TP": {"Tplus": 0.4, "Tminus": 0.5},
        "Tminus": {"Tplus": 0.6, "TP": 0.9},
    },
    2: {
        "Tplus": {"TP": 0.6, "Tminus": 0.8},
        "TP": {"Tplus": 0.4, "Tminus": 0.7},
        "Tminus": {"Tplus": 0.5, "TP": 0.9},
    },
}
_REST = {1: {"Tplus": 6060.606, "TP": 7575.758}, 2: {"Tplus": 6270.627, "TP": 7260.726, "Tminus": 330.033}}
_CAPACITY = {
    "Tplus": "max((1.5 - C_abi)*TP, 1e-3)",
    "TP": "10000 - 9900*C_abi",
    "Tminus": "10000",
}
_SOURCES = {
    "published: Zhang et al. 2017, authors' code": "growth_* competition_* made cleared",
    "derived: 40 % of the equilibrium without treatment, as in the authors' code": "Tplus0 TP0",
    "published: Cunningham et al. 2018, authors' code; in patient 2 derived as the others": "Tminus0",
    "derived: PSA at rest with the cells of the start, made/cleared times their number": "PSA0",
}


def zhang2017(patient: int = 1) -> Model:
    """x_i' = r_i x_i (1 - sum_j a_ij x_j/K_i) with K_T+ = 1.5 x_TP (0.5 on drug), K_TP = 10000 (100), K_T- = 10000.

    The capacity of T+ stays above 0.001, so that it can be divided by where no TP cell is left.

    Parameters
    ----------
    patient : {1, 2}
        The representative patient of the paper: without T- cells at rest, or with some.

    Returns
    -------
    Model
        Cells ``Tplus``, ``TP`` and ``Tminus`` in units of the capacity's scale and ``PSA``; abiraterone is on (1) or
        off (0): ``exposure("abi", 1)``.

    Raises
    ------
    ModelError
        The patient is not one of the two.

    Examples
    --------
    >>> zhang2017().clones["Tminus"]
    True
    """
    if patient not in _REST:
        raise ModelError(f"the representative patients of Zhang 2017 are 1 and 2, not {shown(patient)}")
    starts = {name: 0.4 * _REST[patient].get(name, 0.25) for name in _GROWTH}
    return sourced(
        Model(
            medium("abi", unit=""),
            *(
                clone(
                    name,
                    growth=growth.logistic(
                        rate=(rate, "1/day"), capacity=formula(_CAPACITY[name]), competition=_COMPETITION[patient][name]
                    ),
                    start=starts[name],
                    unit="",
                    resistant=name == "Tminus",
                )
                for name, rate in _GROWTH.items()
            ),
            state("PSA", 2 * sum(starts.values()), description="prostate-specific antigen"),
            parameter("made", "1 1/day", description="PSA made per cell"),
            parameter("cleared", "0.5 1/day", description="PSA is cleared"),
            process("PSA_made", "made*burden", {"PSA": 1}),
            process("PSA_cleared", "cleared*PSA", {"PSA": -1}),
            observable("testosterone_share", "TP/max(burden, 1e-100)"),
        ),
        _SOURCES,
    )


def continuous() -> Regimen:
    """Abiraterone without a break."""
    return exposure("abi", 1)


def adaptive_half() -> Strategy:
    """Off below half of the PSA at the start, on above it, seen every 28 days; simulate with ``measure="PSA"``."""
    return adaptive(exposure("abi", 1), stop_below=0.5, restart_above=1.0, visit="28 day")


@cache
def _progression(is_adaptive: bool) -> float:
    """Days until PSA is above 1.2 of that at the start."""
    plan = adaptive_half() if is_adaptive else continuous()
    days, values = course(zhang2017(), "PSA", plan, until="3000 day", times="28 day", measure="PSA")
    return next((day for day, value in zip(days, values, strict=True) if value > 1.2 * values[0]), math.inf)


def _at_rest(patient: int, name: str) -> float:
    """Cells, or PSA, after long without treatment, from near where they rest: the way there takes very long."""
    near = {"Tminus": 0.0} | {cells: 1.0001 * value for cells, value in _REST[patient].items()}
    return level(zhang2017(patient), name, "30000 day", start=near)


def _doubling(name: str) -> float:
    """Days in which a few cells double."""
    start = {"Tplus": 0, "TP": 0, "Tminus": 0} | {name: 1e-3}
    early, late = levels(zhang2017(), name, ["0 day", "10 day"], start=start)
    return 10 * math.log(2) / math.log(late / early)


ENTRY = Published(
    zhang2017,
    "Zhang et al. 2017, Nat Commun 8:1816, doi:10.1038/s41467-017-01968-5; Cunningham et al. 2018",
    ("S1",),
    "mdr.gallery.zhang2017().simulate("
    'mdr.adaptive(mdr.exposure("abi", 1), visit="28 day"), until="3000 day", measure="PSA")',
    (
        Result(
            "doubling time of T-",
            math.log(2) / 0.0066542,
            lambda: _doubling("Tminus"),
            unit="day",
            rtol=1e-4,
            flag="C",
            source="ln 2/r",
        ),
        Result(
            "doubling time of TP",
            math.log(2) / 0.0034657,
            lambda: _doubling("TP"),
            unit="day",
            rtol=1e-4,
            flag="C",
            source="ln 2/r",
        ),
        Result(
            "PSA per cell at rest",
            2.0,
            lambda: (
                level(zhang2017(), "PSA", "9000 day", continuous())
                / level(zhang2017(), "burden", "9000 day", continuous())
            ),
            rtol=1e-3,
            flag="C",
            source="1/0.5",
        ),
        *(
            Result(
                f"patient {patient} at rest without treatment, {name}",
                value,
                partial(_at_rest, patient, name),
                rtol=1e-4,
                flag="C",
                source="authors' code",
            )
            for patient, cells in _REST.items()
            for name, value in (cells | {"PSA": {1: 27272.73, 2: 27722.77}[patient]}).items()
        ),
        Result(
            "T- cells are what is left under constant drug",
            True,
            lambda: level(zhang2017(), "resistant_share", "3000 day", continuous()) > 0.99,
            flag="C",
            source="K_TP falls to 100",
        ),
        Result(
            "adaptive treatment delays progression",
            True,
            lambda: _progression(True) > _progression(False),
            flag="R",
            source="the paper's message",
        ),
    ),
    ours="that drug is given from the start, and by the rule of the trial, off at half of the PSA there",
)
