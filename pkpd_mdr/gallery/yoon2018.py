"""Two clones and two drugs that are collaterally sensitive: which cycles shrink both.

A family of models as in Yoon et al. 2018 (Bull Math Biol), recalled; the window of cycles and the myopic rule are
derived. The rates are ours.
"""

from __future__ import annotations

import math
from functools import partial

from pkpd_mdr.gallery.published import Published, Result, sourced
from pkpd_mdr.gallery.reading import levels
from pkpd_mdr.mechanisms import clone, growth, kill, medium, observable, parameter
from pkpd_mdr.model import Model
from pkpd_mdr.regimen import Regimen, Strategy, Visit, exposure, rule

__all__ = ["ENTRY", "cycle", "myopic", "yoon2018"]

_NET = {("A", "n1"): -0.05, ("B", "n1"): 0.02, ("A", "n2"): 0.03, ("B", "n2"): -0.06}
_GROWTH = 0.1

_SOURCES = {
    "assumed: equal parts of both clones": "n10 n20",
    "assumed: order of magnitude; only net rates under the drugs matter": "growth_*",
    "derived: growth less the net rates, which are assumed so that a window of cycles exists": "slope_*",
    "derived: difference of the assumed net rates under B and A": "gain_*",
}


def yoon2018() -> Model:
    """Clone n1 dies under drug A and grows under B, n2 the reverse; net rates -0.05, 0.02, 0.03, -0.06 per day.

    Returns
    -------
    Model
        Drugs A and B on (1) or off (0). The observable ``advantage`` is what A would gain over B now, cells per hour.

    Examples
    --------
    >>> run = yoon2018().simulate(cycle(0.5), until="200 day")
    >>> bool(run.frame["burden"].iloc[-1] < 2e6)
    True
    """
    gains = {name: (_NET["B", name] - _NET["A", name]) for name in ("n1", "n2")}
    return sourced(
        Model(
            *(medium(drug, unit="") for drug in "AB"),
            *(clone(name, growth=growth.exponential(rate=(_GROWTH, "1/day")), start=1e6) for name in ("n1", "n2")),
            *(kill(drug, on=name, slope=(_GROWTH - net, "1/day")) for (drug, name), net in _NET.items()),
            *(
                parameter(
                    f"gain_{name}", (gain, "1/day"), description=f"net growth of {name} under B less that under A"
                )
                for name, gain in gains.items()
            ),
            observable("advantage", "gain_n1*n1 + gain_n2*n2", "1/h"),
        ),
        _SOURCES,
    )


def cycle(share: float, *, period: float = 10.0) -> Regimen:
    """Drug A for a share of each period (days), then drug B."""
    first, second = (exposure(drug, 1, over=(part * period, "day")) for drug, part in (("A", share), ("B", 1 - share)))
    return first.then(second).every((period, "day"), times=40)


def myopic(visit: str = "1 day") -> Strategy:
    """At each visit the drug that kills more now; simulate with ``measure="advantage"``."""

    def choose(seen: Visit) -> Regimen:
        """Drug A while the burden is above zero, B otherwise."""
        return exposure("A" if seen.burden > 0 else "B", 1)

    return rule(choose, visit=visit)


_LOW, _HIGH = 0.02 / 0.07, 0.06 / 0.09


def _growth_under(share: float, name: str) -> float:
    start, end = levels(yoon2018(), name, ["0 day", "100 day"], cycle(share))
    return math.log(end / start) / 100


def _myopic_end() -> float:
    return levels(yoon2018(), "burden", ["200 day"], myopic(), measure="advantage")[0]


ENTRY = Published(
    yoon2018,
    "model family of Yoon et al. 2018, Bull Math Biol 80:1776 (pages recalled)",
    ("S5", "S1"),
    "mdr.gallery.yoon2018().simulate("
    'mdr.exposure("A", 1, over="5 day").then(mdr.exposure("B", 1, over="5 day")).every("10 day", times=10), '
    'until="100 day")',
    (
        Result(
            "growth of n1 at the lower end of the window",
            0.0,
            partial(_growth_under, _LOW, "n1"),
            unit="1/day",
            atol=1e-6,
            source="g1B/(g1B + |g1A|)",
        ),
        Result(
            "growth of n2 at the upper end",
            0.0,
            partial(_growth_under, _HIGH, "n2"),
            unit="1/day",
            atol=1e-6,
            source="|g2B|/(g2A + |g2B|)",
        ),
        Result(
            "both shrink within the window",
            True,
            lambda: max(_growth_under(0.5, "n1"), _growth_under(0.5, "n2")) < 0,
            source="0.286 < share < 0.667",
        ),
        Result(
            "one grows below it, the other above it",
            True,
            lambda: _growth_under(0.2, "n1") > 0 and _growth_under(0.8, "n2") > 0,
        ),
        Result(
            "the myopic rule shrinks the tumour",
            True,
            lambda: _myopic_end() < 2e6 * math.exp(-0.01 * 200),
            source="A while n1 (g1B - g1A) > n2 (g2A - g2B)",
        ),
    ),
    ours="the four rates",
)
