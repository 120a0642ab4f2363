"""Reversible resistance: how long the memory is, and how the drug induces switching, decides which schedule wins.

Gunnarsson et al. 2020, J Theor Biol 490:110162, and 2024, arXiv 2412.16391. The linear two-type equations are recalled;
the rates are wide priors.
"""

from __future__ import annotations

import math
from functools import cache
from typing import Any

from pkpd_mdr.errors import ModelError, did_you_mean, shown
from pkpd_mdr.gallery.published import Published, Result, sourced
from pkpd_mdr.gallery.reading import level, levels
from pkpd_mdr.mechanisms import clone, growth, kill, medium, parameter, process, switching
from pkpd_mdr.model import Model
from pkpd_mdr.regimen import Regimen, exposure

__all__ = ["ENTRY", "gunnarsson2020", "pulses"]

_INDUCED: dict[str, dict[str, Any]] = {
    "none": {},
    "linear": {"induced_by": "drug", "slope": "0.05 1/day"},
    "uniform": {"induced_by": "drug", "emax": "0.01 1/day", "ec50": 1e-6},
}
_RETURN = {"none": "b", "linear": "b*max(0, 1 - C_drug/10)", "uniform": "b*(1 if C_drug <= 0 else 0)"}

_SOURCES = {
    "assumed: a small tumour": "n00",
    "assumed: tolerant cells grow more slowly; order of magnitude": "growth_n0 growth_n1",
    "range: retention of 1 to 100 generations (recalled); argument back": "b",
    "assumed: the dose is in units of it": "ec50_drug_n0",
    "assumed: simplest curve": "hill_drug_n0",
    "assumed: much above growth, so that sensitive cells shrink": "emax_drug_n0",
    "range: switching of 1e-6 to 1e-2 per generation (recalled)": "switching_n0_n1",
    "assumed: of the order of the return, so that induction can undo the kill": "switching_slope_* switching_emax_*",
    "assumed: any dose at once, far below all doses": "switching_ec50_*",
    "assumed: any dose at once": "switching_hill_*",
}


def gunnarsson2020(induction: str = "none", *, back: float = 0.1, blocked: bool = True) -> Model:
    """n0' = (g0(c) - a(c)) n0 + b(c) n1; n1' = (g1 - b(c)) n1 + a(c) n0.

    Parameters
    ----------
    induction : {"none", "linear", "uniform"}
        How a(c) rises with the dose: not at all, in proportion, or at once with any drug.
    back : float
        b per day without drug: resistance is kept for 1/b days in the mean.
    blocked : bool
        Whether the drug holds up the return in the same way: b(c) falls in proportion, or to zero with any drug.

    Returns
    -------
    Model
        Drug in a medium, in units of its ec50: ``exposure("drug", 2)``. All rates are wide priors.

    Raises
    ------
    ModelError
        The induction is not one of the three.

    Examples
    --------
    >>> sorted(gunnarsson2020("linear").clones)
    ['n0', 'n1']
    """
    if induction not in _INDUCED:
        raise ModelError(f"the induction {shown(induction)} is not known{did_you_mean(induction, _INDUCED)}")
    return sourced(
        Model(
            medium("drug", unit=""),
            clone("n0", growth=growth.exponential(rate="0.04 1/day"), start=1e6),
            clone("n1", growth=growth.exponential(rate="0.015 1/day"), resistant=True),
            kill("drug", on="n0", emax="0.5 1/day", ec50=1.0),
            switching("n0", "n1", rate="5e-4 1/day", **_INDUCED[induction]),
            parameter("b", (back, "1/day"), description="return without drug"),
            process(
                "switching_n1_n0", f"{_RETURN[induction if blocked else 'none']}*n1", {"n1": -1, "n0": 1}, transfer=True
            ),
        ),
        _SOURCES,
    )


def pulses(dose: float, share: float, period: float = 20.0) -> Regimen:
    """A dose for a share of each period (days), nothing for the rest."""
    return exposure("drug", dose, over=(share * period, "day")).every((period, "day"), times=math.ceil(2000 / period))


@cache
def _rate(induction: str, dose: float, share: float = 1.0, back: float = 0.1, blocked: bool = True) -> float:
    """Long-run growth per day."""
    plan = exposure("drug", dose) if share == 1.0 else pulses(dose, share)
    model = gunnarsson2020(induction, back=back, blocked=blocked)
    early, late = levels(model, "burden", ["200 day", "400 day"], plan)
    return math.log(late / early) / 200


def _closed(back: float, dose: float) -> tuple[float, float]:
    """Long-run growth per day and the share of resistant cells, without induction."""
    A, B = 0.04 - 0.5 * dose / (1 + dose) - 5e-4, 0.015 - back
    rate = (A + B + math.sqrt((A - B) ** 2 + 4 * 5e-4 * back)) / 2
    x = 5e-4 / (rate - B)
    return rate, x / (1 + x)


def _share(dose: float) -> float:
    return level(gunnarsson2020(back=0.02), "resistant_share", "400 day", exposure("drug", dose))


_DOSES = (0.1, 0.2, 0.3, 0.5, 0.7, 1.0, 2.0, 4.0, 10.0)


def _best_constant(induction: str, blocked: bool = True) -> tuple[float, float]:
    """Lowest long-run growth under a constant dose, and that dose."""
    return min((_rate(induction, dose, blocked=blocked), dose) for dose in _DOSES)


def _best_pulsed(induction: str, blocked: bool = True) -> float:
    return min(_rate(induction, 10.0, share, blocked=blocked) for share in (0.1, 0.3, 0.5, 0.7, 0.9))


ENTRY = Published(
    gunnarsson2020,
    "Gunnarsson et al. 2020, J Theor Biol 490:110162; 2024, arXiv 2412.16391",
    ("S1", "S2"),
    'mdr.gallery.gunnarsson2020("linear").simulate(mdr.exposure("drug", 2), until="120 day")',
    (
        Result(
            "long-run growth at dose 2",
            _closed(0.02, 2.0)[0],
            lambda: _rate("none", 2.0, back=0.02),
            unit="1/day",
            atol=1e-7,
            source="eigenvalue of the two types",
        ),
        Result(
            "share of resistant cells at dose 2",
            _closed(0.02, 2.0)[1],
            lambda: _share(2.0),
            rtol=1e-5,
            source="its eigenvector",
        ),
        Result(
            "memory of 80 days: treatment fails",
            True,
            lambda: _rate("none", 2.0, back=0.0125) > 0,
            flag="C",
            source="abstract; at our rates",
        ),
        Result(
            "memory of 50 days: it succeeds",
            True,
            lambda: _rate("none", 2.0, back=0.02) < 0,
            flag="C",
            source="abstract; at our rates",
        ),
        Result(
            "linear induction favours a constant low dose",
            True,
            lambda: _best_constant("linear")[0] < _best_pulsed("linear") and _best_constant("linear")[1] < 4,
            flag="C",
            source="abstract; at our rates",
        ),
        Result(
            "uniform induction favours a large dose and none in turn",
            True,
            lambda: _best_pulsed("uniform") < _best_constant("uniform")[0],
            flag="C",
            source="abstract; at our rates, the drug blocks the return",
        ),
        Result(
            "the same if the drug does not block the return",
            True,
            lambda: _best_pulsed("uniform", False) < _best_constant("uniform", False)[0],
            flag="C",
            source="abstract; at our rates",
            unreached="with b constant the kill and the induction rise together, so that the characteristic polynomial "
            "is linear in the share of time on drug: growth under fast pulses is monotone in it, and no pulses are "
            "better than the better of a constant dose and none, whatever the rates; the drug must also act on the "
            "return, as the abstract says it may",
        ),
    ),
    ours="equations recalled, the block of the return is ours; all rates are wide priors",
)
