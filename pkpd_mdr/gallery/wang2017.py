"""Paclitaxel that cells sort into exosomes: medium, cell, tubulin, exosomes in the cell and exosomes set free.

Wang et al. 2017, J Control Release 268:147. Sorting, release and the capacity of tubulin are from Table 3; the other
equations and rates were not obtained. Entry, exchange and binding are priors chosen so that donors hold the published
amounts, which is a calibration and not a test.
"""

from __future__ import annotations

import math
from functools import cache, partial

from pkpd_mdr.gallery.published import Published, Result, declared
from pkpd_mdr.gallery.reading import level, levels
from pkpd_mdr.mechanisms import dosing, observable, process, state
from pkpd_mdr.model import Model
from pkpd_mdr.regimen import Regimen, bolus

__all__ = ["ENTRY", "medium_of", "wang2017"]

_VALUES = {
    "ksort": ("31 1/h", "free drug is sorted into exosomes"),
    "krel": ("0.105 1/h", "exosomes are released"),
    "Bmax": ("59.2 uM", "capacity of tubulin"),
}
_CALIBRATED = {
    "Vin": ("100 uM/h", "largest entry, per volume of cells; prior 20 to 2000 uM/h"),
    "Kin": ("0.1 uM", "medium of half the entry; prior 0.05 to 5 uM"),
    "kout": ("8000 1/h", "free drug leaves the cell; prior 10 to 10000 per h"),
    "kon": ("100 1/(uM*h)", "drug binds to tubulin; wide prior"),
    "koff": ("10 1/h", "drug leaves tubulin; wide prior"),
}
_PRIORS = {
    "kup": ("0.01 1/h", "released exosomes are taken up by recipient cells; wide prior, 0 to 1 per h"),
    "kkill": ("0.03 1/h", "largest kill; wide prior"),
    "IC50": ("5 uM", "bound drug of half the kill; wide prior"),
    "n": ("1.5", "its exponent; wide prior"),
}
_CULTURE = {
    "Vm": ("1 mL", "medium"),
    "Vc": ("2 uL", "a million donor cells"),
}
_STATES = {
    "medium": "drug in medium",
    "free": "free drug in donor cells",
    "bound": "drug on tubulin of donor cells",
    "sorted": "drug in exosomes inside donor cells",
    "released": "drug in exosomes outside",
    "recipient": "drug in recipient cells",
}


def wang2017() -> Model:
    """Amounts: entry Vin C/(Kin + C) Vc, exit kout, tubulin kon (Bmax - B), koff, then ksort, krel and uptake kup.

    Returns
    -------
    Model
        Amounts in nmol for a million donor cells in 1 mL; kill ``E = kkill B^n/(B^n + IC50^n)`` by bound drug.

    Examples
    --------
    >>> run = wang2017().simulate(medium_of(1000), until="24 h")
    >>> bool(2 < run.frame["donor_exosomes"].iloc[-1] < 7)
    True
    """
    return Model(
        *(state(name, unit="nmol", kind="amount", balance="pac", description=text) for name, text in _STATES.items()),
        *declared(_VALUES, source="published: Wang et al. 2017, Table 3"),
        *declared(
            _CALIBRATED, source="assumed: priors set together so that donors hold the published 2 to 7 pmol after 24 h"
        ),
        *declared(_PRIORS, source="assumed: order of magnitude; not obtained"),
        *declared(_CULTURE, source="assumed: a million cells of 2 pL in 1 mL"),
        dosing("pac", into="medium", unit="nmol"),
        observable("B", "bound/Vc", "uM", description="concentration on tubulin"),
        observable("E", "kkill*hill(B, IC50, n)", "1/h", description="kill"),
        observable("donor_exosomes", "sorted", "pmol", description="drug in exosomes of a million donor cells"),
        process("entry", "Vin*Vc*medium/Vm/(Kin + medium/Vm)", {"medium": -1, "free": 1}, transfer=True),
        process("exit", "kout*free", {"free": -1, "medium": 1}, transfer=True),
        process("binding", "kon*(Bmax - B)*free", {"free": -1, "bound": 1}, transfer=True),
        process("unbinding", "koff*bound", {"bound": -1, "free": 1}, transfer=True),
        process("sorting", "ksort*free", {"free": -1, "sorted": 1}, transfer=True),
        process("release", "krel*sorted", {"sorted": -1, "released": 1}, transfer=True),
        process("uptake", "kup*released", {"released": -1, "recipient": 1}, transfer=True),
    )


def medium_of(nanomolar: float) -> Regimen:
    """1 mL of medium with paclitaxel at so many nM."""
    return bolus("pac", (nanomolar * 1e-3, "nmol"))


@cache
def _donors(nanomolar: float) -> float:
    """Paclitaxel in exosomes of a million donor cells after 24 h, in pmol."""
    return level(wang2017(), "donor_exosomes", "24 h", medium_of(nanomolar))


def _mass_error() -> float:
    frame = wang2017().simulate(medium_of(1000), until="24 h").frame
    total = frame[list(_STATES)].sum(axis=1).iloc[1:]
    return float(abs(total - 1).max())


def _ratio() -> float:
    """Sorted to free drug while the medium is kept up, after long."""
    run = wang2017().with_parameters(Vm="1e6 L").simulate(bolus("pac", "1e6 umol"), until="200 h").frame
    return float(run["sorted"].iloc[-1] / run["free"].iloc[-1])


def _emptied() -> float:
    """Hours in which donors lose half of their loaded exosomes in fresh medium."""
    first, last = levels(wang2017(), "sorted", ["0 h", "5 h"], start={"sorted": "1 pmol"})
    return 5 * math.log(2) / math.log(first / last)


ENTRY = Published(
    wang2017,
    "Wang et al. 2017, J Control Release 268:147",
    ("S1", "S2"),
    'mdr.gallery.wang2017().simulate(mdr.bolus("pac", "1 nmol"), until="24 h")',
    (
        *(
            Result(
                f"paclitaxel in exosomes of a million donors, 24 h at {dose} nM",
                4.5,
                partial(_donors, float(dose)),
                unit="pmol",
                atol=2.5,
                flag="C",
                source="abstract, 2-7 pmol; priors calibrated to it",
            )
            for dose in (100, 1000)
        ),
        Result("relative error of the mass over 24 h", 0.0, _mass_error, atol=1e-9, source="transfers conserve"),
        Result("sorted to free drug at rest", 31 / 0.105, _ratio, rtol=1e-4, source="ksort/krel"),
        Result(
            "half of the exosomes is released in",
            math.log(2) / 0.105,
            _emptied,
            unit="h",
            rtol=1e-5,
            source="ln 2/krel",
        ),
        Result(
            "blocked release keeps drug in donors",
            True,
            lambda: level(wang2017(), "sorted", "24 h", medium_of(1000), parameters={"krel": 0}) > 1e-3 * _donors(1000),
            source="krel = 0",
        ),
    ),
    ours="form, and all values but sorting, release and tubulin; uptake as printed (Jmax) is suspect and not used",
    draw=("donor_exosomes",),
)
