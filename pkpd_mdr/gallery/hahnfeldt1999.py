"""A tumour and the vasculature that carries it, under angiogenesis inhibitors.

Hahnfeldt et al. 1999, Cancer Res 59:4770 (mouse, Lewis lung carcinoma); surfaces are in mm**2.
"""

from __future__ import annotations

from pkpd_mdr.errors import ModelError, did_you_mean
from pkpd_mdr.gallery.published import Published, Result, sourced
from pkpd_mdr.gallery.reading import level
from pkpd_mdr.mechanisms import clone, delivery, dosing, formula, growth, parameter, process, state
from pkpd_mdr.model import Model

__all__ = ["ENTRY", "hahnfeldt1999"]

_INHIBITORS = {"endostatin": (0.66, 1.7), "angiostatin": (0.15, 0.38), "tnp470": (1.3, 10.1)}

_STRENGTH = "slope_*_K clr"
_FILE = "published: Hahnfeldt et al. 1999, in the R package canceR"
_RECALLED = "recalled: Hahnfeldt et al. 1999"
_SOURCES = {
    "published: Hahnfeldt et al. 1999, vasculature in the R package canceR": "growth_V stimulation_K inhibition_K K0",
    "range: 180 to 200 mm3 at the start of experiments, Hahnfeldt et al. 1999": "V0",
    "assumed: a mouse; doses are per kg": "weight",
}


def hahnfeldt1999(inhibitor: str = "endostatin") -> Model:
    """V' = -lam V ln(V/K); K' = b V - d K V^(2/3) - e K g/weight; g' = -clr g + dose.

    Parameters
    ----------
    inhibitor : {"endostatin", "angiostatin", "tnp470"}
        What is given, for a mouse of 20 g: ``bolus("endostatin", "20 mg/kg", weight="20 g")``.

    Returns
    -------
    Model
        Tumour volume V from 200 mm3 and its carrying capacity K from 625 mm3; both end at (b/d)^1.5 = 17346.5 mm3.

    Raises
    ------
    ModelError
        The inhibitor is not one of the three.

    Examples
    --------
    >>> round(float(hahnfeldt1999().simulate(until="400 day").frame["V"].iloc[-1]), 1)
    17346.5
    """
    if inhibitor not in _INHIBITORS:
        raise ModelError(
            f"the inhibitor {inhibitor!r} is not in Hahnfeldt 1999{did_you_mean(inhibitor, list(_INHIBITORS))}"
        )
    strength, clearance = _INHIBITORS[inhibitor]
    return sourced(
        Model(
            clone(
                "V",
                growth=growth.gompertz(rate="0.192 1/day", capacity=formula("K")),
                start="200 mm**3",
                unit="mm**3",
                description="tumour volume",
            ),
            delivery.vasculature(
                stimulation="5.85 1/day",
                inhibition="0.00873 1/(day*mm**2)",
                start="625 mm**3",
                blocked_by={inhibitor: f"{strength} kg/(mg*day)"},
                unit="mm**3",
                name="K",
            ),
            state("g", unit="mg", kind="amount", description=inhibitor),
            process("clearance", "clr*g", {"g": -1}),
            parameter("clr", f"{clearance} 1/day", description=f"{inhibitor} is cleared"),
            parameter("weight", "20 g", description="weight of the mouse"),
            dosing(inhibitor, into="g", unit="mg", concentration="g/weight", concentration_unit="mg/kg"),
        ),
        _SOURCES | {_RECALLED if inhibitor == "tnp470" else _FILE: _STRENGTH},
    )


def _plateau(name: str) -> float:
    return level(hahnfeldt1999(), name, "500 day")


ENTRY = Published(
    hahnfeldt1999,
    "Hahnfeldt et al. 1999, Cancer Res 59:4770",
    ("S1",),
    'mdr.gallery.hahnfeldt1999().simulate(mdr.bolus("endostatin", "0.4 mg").every("1 day", times=10), until="15 day")',
    (
        Result("plateau of the volume", 17346.5, lambda: _plateau("V"), unit="mm**3", atol=0.05, source="(b/d)^1.5"),
        Result(
            "plateau of its carrying capacity",
            17346.5,
            lambda: _plateau("K"),
            unit="mm**3",
            atol=0.05,
            source="(b/d)^1.5",
        ),
        Result(
            "plateau with a tenth of the growth rate",
            (5.85 / 0.00873) ** 1.5,
            lambda: level(hahnfeldt1999().with_parameters(growth_V=0.0192), "V", "3000 day"),
            unit="mm**3",
            atol=0.05,
            source="(b/d)^1.5 whatever lam",
        ),
    ),
)
