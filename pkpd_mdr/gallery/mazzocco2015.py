"""Low-grade glioma under temozolomide with acquired resistance, by p53 and 1p/19q status.

Mazzocco et al. 2015, CPT Pharmacometrics Syst Pharmacol 4:728: the tissue of Ribba 2012, but the kill of
proliferating tissue fades as exp(-res t) from the first dose on. Declared from text.
"""

from __future__ import annotations

from functools import cache

from pkpd_mdr.gallery.published import Published, Result, declared
from pkpd_mdr.gallery.reading import level, outcome
from pkpd_mdr.mechanisms import dosing, observable, process, state
from pkpd_mdr.model import Model
from pkpd_mdr.regimen import Regimen, bolus

__all__ = ["ENTRY", "mazzocco2015"]

_VALUES = {
    "lP": ("0.143 1/month", "growth of proliferating tissue"),
    "kPQ": ("0.0429 1/month", "proliferating tissue becomes quiescent"),
    "dQp": ("0.0188 1/month", "damaged tissue is lost"),
    "res": ("0.1 1/month", "resistance to the kill of proliferating tissue"),
    "KDE": ("8.3 1/month", "drug is eliminated"),
    "K": ("100 mm", "largest mean tumour diameter"),
}


def mazzocco2015(*, p53_mutant: bool = False, codeleted: bool = False) -> Model:
    """P' = lP P (1 - (P+Q+Qp)/K) + kQpP Qp - kPQ P - g KDE C exp(-res t) P; Q and Qp as in Ribba 2012.

    Parameters
    ----------
    p53_mutant : bool
        Whether p53 is mutated: a weaker effect of the drug.
    codeleted : bool
        Whether 1p/19q is codeleted: slower repair.

    Returns
    -------
    Model
        Mean tumour diameters; one cycle (200 mg/m2 on days 1-5) is ``bolus("tmz", 1)`` every 28 days from time zero.

    Examples
    --------
    >>> from pkpd_mdr.regimen import bolus
    >>> run = mazzocco2015().simulate(bolus("tmz", 1).every("28 day", times=18), until="40 month")
    >>> round(float(run.frame["burden"].min()), 1)
    26.5
    """
    values = _VALUES | {
        "g": ("0.143" if p53_mutant else "0.254", "damage per elimination of drug"),
        "kQpP": ("0.00807 1/month" if codeleted else "0.00947 1/month", "damaged tissue is repaired"),
    }
    return Model(
        state("C", kind="amount", description="drug, in cycles"),
        state("P", "1.72 mm", unit="mm", description="proliferating tissue"),
        state("Q", "32.1 mm", unit="mm", description="quiescent tissue"),
        state("Qp", unit="mm", description="damaged quiescent tissue"),
        *declared(values, source="Mazzocco et al. 2015"),
        dosing("tmz", into="C", unit=""),
        process("elimination", "KDE*C", {"C": -1}),
        process("growth", "lP*P*(1 - (P + Q + Qp)/K)", {"P": 1}),
        process("quiescence", "kPQ*P", {"P": -1, "Q": 1}),
        process("killing", "g*KDE*C*P*exp(-res*t)", {"P": -1}),
        process("damage", "g*KDE*C*Q", {"Q": -1, "Qp": 1}),
        process("repair", "kQpP*Qp", {"Qp": -1, "P": 1}),
        process("loss", "dQp*Qp", {"Qp": -1}),
        observable("burden", "P + Q + Qp", "mm"),
    )


def cycles(count: int = 18) -> Regimen:
    """Cycles of temozolomide, 200 mg/m2 on days 1-5, every 28 days."""
    return bolus("tmz", 1).every("28 day", times=count)


@cache
def _response(mutant: bool) -> tuple[float, float, float, float]:
    """Nadir, its month, the change in per cent, and the month at which the start is reached again."""
    model = mazzocco2015(p53_mutant=mutant)
    run = model.simulate(cycles(), until="40 month")
    low, when, shrunk = (run.endpoint(name) for name in ("nadir", "nadir_time", "best_response"))
    back = outcome(model, "time_to_stop", cycles(), until="40 month", stop={"burden": "33.82 mm"})
    return low, when, -100 * shrunk, back


@cache
def _end(codeleted: bool) -> float:
    return level(mazzocco2015(codeleted=codeleted), "burden", "40 month", cycles())


_NUMBERS = {
    False: ("wild type", (26.46, 18.06, -21.8, 33.1)),
    True: ("p53 mutant", (29.45, 16.55, -12.9, 28.5)),
}
_WHAT = (
    ("nadir", "mm", 5e-3),
    ("its time", "month", 0.02),
    ("change at nadir", "%", 0.05),
    ("start regained", "month", 0.05),
)

ENTRY = Published(
    mazzocco2015,
    "Mazzocco et al. 2015, CPT Pharmacometrics Syst Pharmacol 4:728",
    ("S4",),
    'mdr.gallery.mazzocco2015().simulate(mdr.bolus("tmz", 1).every("28 day", times=18), until="40 month")',
    (
        *(
            Result(
                f"{words}, {name}",
                value,
                lambda mutant=mutant, k=k: _response(mutant)[k],  # type: ignore[misc]
                unit=unit,
                atol=atol,
                source="another solver",
            )
            for mutant, (name, values) in _NUMBERS.items()
            for k, (value, (words, unit, atol)) in enumerate(zip(values, _WHAT, strict=True))
        ),
        Result(
            "the wild type shrinks more and later, and comes back later",
            True,
            lambda: (
                _response(False)[0] < _response(True)[0]
                and _response(False)[1] > _response(True)[1]
                and _response(False)[3] > _response(True)[3]
            ),
        ),
        Result("codeletion slows the return", True, lambda: _end(True) < _end(False), source="slower repair"),
    ),
)
