"""Clinical tumour growth inhibition whose effect fades: colorectal cancer under capecitabine.

Claret et al. 2009, J Clin Oncol 27:4103; values as in MODEL1708310001, whose schedule is not the paper's. Declared
from text.
"""

from __future__ import annotations

import math
from functools import partial

from pkpd_mdr.gallery.published import Published, Result, declared, sourced
from pkpd_mdr.gallery.reading import level
from pkpd_mdr.mechanisms import medium, observable, process, state
from pkpd_mdr.model import Model
from pkpd_mdr.regimen import Regimen, exposure

__all__ = ["ENTRY", "claret2009", "daily"]

_VALUES = {
    "KL": ("0.021 1/week", "tumour growth"),
    "KD0": ("0.025 1/(g*week)", "shrinkage per exposure at the start"),
    "lam": ("0.053 1/week", "the effect fades"),
}

_SOURCES = {
    "published: Claret et al. 2009, start of MODEL1708310001": "y0",
}


def claret2009() -> Model:
    """Tumour size: y' = KL y - KD0 exp(-lam t) E y.

    Returns
    -------
    Model
        Tumour size y from 200 mm; the exposure E is a daily dose in g: ``exposure("cape", "3 g")``.

    Examples
    --------
    >>> round(claret2009().simulate(daily(), until="100 week").endpoint("nadir_time"), 2)
    24.02
    """
    return sourced(
        Model(
            state("y", "200 mm", unit="mm", description="sum of diameters"),
            medium("cape", unit="g"),
            *declared(
                _VALUES, source="published: Claret et al. 2009, in MODEL1708310001; that exposure is in g is recalled"
            ),
            process("growth", "KL*y", {"y": 1}),
            process("shrinkage", "KD0*exp(-lam*t)*C_cape*y", {"y": -1}),
            observable("burden", "y", "mm"),
        ),
        _SOURCES,
    )


def daily(dose: float = 3.0) -> Regimen:
    """A daily dose in g, without breaks."""
    return exposure("cape", (dose, "g"))


def _closed(weeks: float, dose: float) -> float:
    return 200 * math.exp(0.021 * weeks - 0.025 * dose * -math.expm1(-0.053 * weeks) / 0.053)


def _nadir(dose: float) -> float:
    return math.log(0.025 * dose / 0.021) / 0.053


ENTRY = Published(
    claret2009,
    "Claret et al. 2009, J Clin Oncol 27:4103; MODEL1708310001",
    ("S1",),
    'mdr.gallery.claret2009().simulate(mdr.exposure("cape", "3 g"), until="100 week")',
    (
        *(
            Result(
                f"time of the nadir at {dose:g} g",
                _nadir(dose),
                partial(lambda d: claret2009().simulate(daily(d), until="100 week").endpoint("nadir_time"), dose),
                unit="week",
                rtol=1e-4,
                source="ln(KD0 E/KL)/lam",
            )
            for dose in (2.0, 3.0)
        ),
        *(
            Result(
                f"size after {weeks} weeks at 3 g",
                _closed(weeks, 3.0),
                partial(lambda w: level(claret2009(), "y", f"{w} week", daily()), weeks),
                unit="mm",
                rtol=1e-5,
                source="closed form",
            )
            for weeks in (12, 24, 52)
        ),
    ),
    ours="the schedule: a daily dose without breaks",
)
