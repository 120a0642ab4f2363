"""Adaptive therapy with a cost of resistance and cell turnover.

Strobl et al. 2021, Cancer Res 81:1135, with the parameter values of the authors' code. Scaled: the unit of burden is
the carrying capacity; the drug is on (1) or off (0).
"""

from __future__ import annotations

import math
from functools import cache, partial

from pkpd_mdr.gallery.published import Published, Result, sourced
from pkpd_mdr.gallery.reading import outcome
from pkpd_mdr.mechanisms import clone, growth, kill, medium, parameter
from pkpd_mdr.model import Model
from pkpd_mdr.regimen import Regimen, Strategy, adaptive, exposure

__all__ = ["ENTRY", "strobl2021"]

_RATE = 0.027

_SOURCES = {
    "published: Strobl et al. 2021, authors' code": "growth_S slope_D_S",
    "derived: (1 - cost) growth_S, Strobl et al. 2021": "growth_R",
    "derived: turnover growth_S, Strobl et al. 2021": "death_S death_R",
    "derived: burden and resistant share at the start, of which the paper tries several": "S0 R0",
}


def strobl2021(burden: float = 0.75, resistant: float = 0.01, *, cost: float = 0.0, turnover: float = 0.0) -> Model:
    """S' = rS (1 - (S+R)/K)(1 - 1.5 D) S - dS S; R' = rR (1 - (S+R)/K) R - dR R.

    Parameters
    ----------
    burden : float
        Burden at the start, in carrying capacities (n0).
    resistant : float
        Resistant share at the start (fR).
    cost : float
        rR = (1 - cost) rS.
    turnover : float
        dS = dR = turnover * rS.

    Returns
    -------
    Model
        Drug ``D``, to be given as ``exposure("D", 1)``.

    Examples
    --------
    >>> strobl2021().parameters["growth_S"].value
    0.027
    """
    capacity = parameter(
        "K", 1.0, source="derived: the unit of burden", description="carrying capacity, the unit of burden"
    )
    death = (turnover * _RATE, "1/day")
    return sourced(
        Model(
            medium("D", unit=""),
            clone(
                "S",
                growth=growth.logistic(rate=(_RATE, "1/day"), capacity=capacity),
                start=burden * (1 - resistant),
                unit="",
                death=death,
            ),
            clone(
                "R",
                growth=growth.logistic(rate=((1 - cost) * _RATE, "1/day"), capacity=capacity),
                start=burden * resistant,
                unit="",
                death=death,
                resistant=True,
            ),
            kill("D", on="S", slope=1.5, form="norton_simon"),
        ),
        _SOURCES,
    )


def continuous() -> Regimen:
    """The drug without a break."""
    return exposure("D", 1)


def adaptive_half() -> Strategy:
    """AT50: off below half of the burden at the start, on above the start, checked every day."""
    return adaptive(exposure("D", 1), stop_below=0.5, restart_above=1.0, visit="1 day")


@cache
def _progression(burden: float, resistant: float, is_adaptive: bool, cost: float = 0.0, turnover: float = 0.0) -> float:
    """First day at which the burden is above 1.2 of that at the start."""
    model = strobl2021(burden, resistant, cost=cost, turnover=turnover)
    plan = adaptive_half() if is_adaptive else continuous()
    return math.ceil(outcome(model, "time_to_stop", plan, until="900 day", stop={"burden": 1.2 * burden}))


def _invariant() -> float:
    """Largest relative change of S R^0.5 under constant drug without turnover."""
    run = strobl2021(0.5, 0.01).simulate(continuous(), until="400 day", times="10 day").frame
    values = [float(s * r**0.5) for s, r in zip(run["S"], run["R"], strict=True)]
    return max(abs(value / values[0] - 1) for value in values)


_GRID = {  # n0: for fR = 0.1, 0.01, 0.001 the days under continuous and adaptive treatment
    0.25: ((106, 106), (207, 210), (296, 315)),
    0.35: ((120, 120), (224, 235), (314, 350)),
    0.45: ((139, 139), (246, 266), (335, 394)),
    0.55: ((166, 166), (273, 309), (361, 452)),
    0.65: ((206, 206), (310, 371), (397, 535)),
    0.75: ((278, 278), (369, 473), (452, 663)),
}
_COSTS = {  # with turnover 0.25, by cost
    0.0: {(0.25, 0.1): (161, 161), (0.25, 0.001): (394, 464), (0.5, 0.1): (242, 278), (0.5, 0.001): (470, 701)},
    0.1: {(0.25, 0.1): (186, 186), (0.25, 0.001): (454, 537), (0.5, 0.1): (284, 340), (0.5, 0.001): (547, 849)},
}
_PLANS = ("continuous", "adaptive")


def _days(n0: float, share: float, k: int, days: float, cost: float = 0.0, turnover: float = 0.0) -> Result:
    more = f", cost {cost:g}, turnover {turnover:g}" if turnover else ""
    return Result(
        f"progression, {_PLANS[k]}, n0 {n0:g}, fR {share:g}{more}",
        days,
        partial(_progression, n0, share, bool(k), cost, turnover),
        unit="day",
        atol=0.5,
        flag="C",
        source="ttpComparison_cost_withTurnover.csv" if turnover else "ttpComparison_n0fR.csv",
    )


ENTRY = Published(
    strobl2021,
    "Strobl et al. 2021, Cancer Res 81:1135",
    ("S1",),
    'mdr.gallery.strobl2021(0.75, 0.001).simulate(mdr.adaptive(mdr.exposure("D", 1), visit="1 day"), until="700 day")',
    (
        *(
            _days(n0, share, k, pair[k])
            for n0, row in _GRID.items()
            for share, pair in zip((0.1, 0.01, 0.001), row, strict=True)
            for k in (0, 1)
        ),
        *(
            _days(n0, share, k, pair[k], cost, 0.25)
            for cost, cases in _COSTS.items()
            for (n0, share), pair in cases.items()
            for k in (0, 1)
        ),
        Result("relative change of S R^(dD - 1) under constant drug", 0.0, _invariant, atol=1e-5, source="invariant"),
    ),
    ours="the turnover of the second file, 0.25, was found by matching",
)
