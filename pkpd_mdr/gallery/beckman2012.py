"""Two drugs without cross-resistance and four phenotypes: the model of dynamic precision medicine.

Beckman et al. 2012 (PNAS 109:14586) and Yeang and Beckman 2016 (Biol Direct 11:56): sensitive cells S, cells
resistant to one drug (R1, R2) and to both (R12), which no drug reaches. All grow at one rate; daughters change their
phenotype with small probabilities; drugs are doses between 0 and 1 that kill in proportion. Less than one cell neither
divides nor changes. The strategies that go with it are `pkpd_mdr.control.dynamic_precision`.
"""

from __future__ import annotations

import math
from functools import partial

from pkpd_mdr.gallery.published import Published, Result, sourced
from pkpd_mdr.gallery.reading import level, levels
from pkpd_mdr.mechanisms import clone, medium, parameter, process
from pkpd_mdr.model import Model
from pkpd_mdr.regimen import exposure

__all__ = ["ENTRY", "beckman2012"]

_G, _T1, _T2, _K1, _K2 = 0.05, 1e-7, 1e-6, 0.15, 0.12
_S, _R1, _R2 = 5e9, 1e4, 1e5

_SOURCES = {
    "assumed: a tumour that doubles in two weeks; the ranges of the virtual patients were not obtained": "g",
    "assumed: order of magnitude of rare resistance; the ranges of the virtual patients were not obtained": "T1 T2",
    "assumed: two to three times g, so that a drug shrinks what it reaches": "kill1 kill2",
    "assumed: a detectable tumour": "S0",
    "assumed: few resistant cells among 5e9, none to both, so that the order of drugs matters": "R10 R20 R120",
}


def beckman2012() -> Model:
    """The four phenotypes under drugs ``drug1`` and ``drug2``, each given as a dose from 0 to 1.

    Returns
    -------
    Model
        Parameters ``g`` (growth), ``T1`` and ``T2`` (change to resistance to drug 1 and to drug 2, per division),
        ``kill1`` and ``kill2`` (at dose 1), starts ``S0``, ``R10``, ``R20`` and ``R120``.

    Examples
    --------
    >>> run = beckman2012().simulate(exposure("drug1", 1), until="360 day")
    >>> bool(run.frame["R1"].iloc[-1] > 1e9)
    True
    """
    arrows = {("S", "R1"): "T1", ("S", "R2"): "T2", ("R1", "R12"): "T2", ("R2", "R12"): "T1"}
    reached = {"S": (1, 2), "R1": (2,), "R2": (1,)}
    starts = {"S": _S, "R1": _R1, "R2": _R2, "R12": 0}
    return sourced(
        Model(
            medium("drug1", unit=""),
            medium("drug2", unit=""),
            parameter("g", (_G, "1/day"), lower=0, description="growth of every phenotype"),
            parameter(
                "T1", _T1, lower=0, upper=1, description="probability per division to become resistant to drug 1"
            ),
            parameter(
                "T2", _T2, lower=0, upper=1, description="probability per division to become resistant to drug 2"
            ),
            parameter("kill1", (_K1, "1/day"), lower=0, description="death by drug 1 at dose 1"),
            parameter("kill2", (_K2, "1/day"), lower=0, description="death by drug 2 at dose 1"),
            *(clone(name, start=(cells, "cell"), resistant=name != "S") for name, cells in starts.items()),
            *(process(f"growth_{name}", f"g*{name} if {name} >= 1 else 0", {name: 1}) for name in starts),
            *(
                process(f"change_{source}_{into}", f"g*{share}*{source} if {source} >= 1 else 0", {into: 1})
                for (source, into), share in arrows.items()
            ),
            *(
                process(f"kill_{drug}_{name}", f"kill{drug}*medium_drug{drug}*{name}", {name: -1})
                for name, drugs in reached.items()
                for drug in drugs
            ),
        ),
        _SOURCES,
    )


def _untreated_incurable() -> float:
    model = beckman2012().with_parameters(R10=0, R20=0, T1="1e-4", T2="1e-4")
    return level(model, "R12", "90 day")


def _alone(name: str, drug: str) -> float:
    start, end = levels(beckman2012(), name, ["0 day", "45 day"], exposure(drug, 1))
    return math.log(end / start) / 45


def _none_yet() -> bool:
    model = beckman2012().with_parameters(R10=0, R20=0, T1="1e-12", T2="1e-12")
    return level(model, "R12", "45 day") == 0.0


ENTRY = Published(
    beckman2012,
    "Beckman et al. 2012, PNAS 109:14586; Yeang and Beckman 2016, Biol Direct 11:56",
    ("S5", "S1"),
    'mdr.gallery.beckman2012().simulate(mdr.exposure("drug1", 1), until="360 day")',
    (
        Result(
            "incurable cells after 90 days untreated",
            _S * (_G * 90) ** 2 * 1e-8 * math.exp(_G * 90),
            _untreated_incurable,
            unit="cell",
            rtol=1e-3,
            source="S0 (g t)^2 T1 T2 exp(g t), two ways of two steps",
        ),
        Result(
            "net growth of S under drug 1",
            _G - _K1,
            partial(_alone, "S", "drug1"),
            unit="1/day",
            atol=1e-6,
            source="g - kill1",
        ),
        Result(
            "net growth of R1 under drug 1",
            _G,
            partial(_alone, "R1", "drug1"),
            unit="1/day",
            atol=1e-3,
            source="g, beside what S brings",
        ),
        Result(
            "less than one singly resistant cell makes no incurable one",
            True,
            _none_yet,
            source="S0 T g t exp(g t) < 1 for T = 1e-12",
        ),
    ),
    ours="all values; that drugs still kill clones of less than one cell; equations recalled",
)
