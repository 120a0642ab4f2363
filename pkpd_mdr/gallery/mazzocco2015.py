"""Low-grade glioma under temozolomide with acquired resistance, by p53 and 1p/19q status.

Mazzocco et al. 2015, CPT Pharmacometrics Syst Pharmacol 4:728: the tissue of Ribba 2012, but the kill of
proliferating tissue fades as exp(-res t) from the first dose on. The drug is a virtual amount (K-PD).
"""

from __future__ import annotations

from functools import cache

from pkpd_mdr.gallery.published import Published, Result, sourced
from pkpd_mdr.gallery.reading import level, outcome
from pkpd_mdr.mechanisms import clone, death, fading, growth, kill, parameter, pk, switching
from pkpd_mdr.model import Model
from pkpd_mdr.regimen import Regimen, bolus

__all__ = ["ENTRY", "mazzocco2015"]

_SOURCES = {
    "published: Mazzocco et al. 2015, Table 2": (
        "P0 Q0 growth_P res_tmz_P switching_P_Q g recovery_damaged_Q death_damaged_Q"
    ),
    "published: Mazzocco et al. 2015, Table 2, fixed to a half-life of 2.5 days": "KDE_tmz",
    "published: fixed as in Ribba et al. 2012": "capacity_P",
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
        Mean tumour diameters: P proliferating, Q quiescent, ``damaged_Q`` (Qp); one cycle (200 mg/m2 on days 1-5) is
        ``bolus("tmz", 1)`` every 28 days from time zero.

    Examples
    --------
    >>> from pkpd_mdr.regimen import bolus
    >>> run = mazzocco2015().simulate(bolus("tmz", 1).every("28 day", times=18), until="40 month")
    >>> round(float(run.frame["burden"].min()), 1)
    26.5
    """
    g = parameter("g", 0.143 if p53_mutant else 0.254, description="damage per elimination of drug")
    return sourced(
        Model(
            pk.kpd("tmz", KDE="8.3 1/month"),
            clone("P", growth=growth.logistic(rate="0.143 1/month", capacity="100 mm"), start="1.72 mm", unit="mm"),
            clone("Q", start="32.1 mm", unit="mm"),
            switching("P", "Q", rate="0.0429 1/month"),
            kill("tmz", on="P", slope=g),
            fading("tmz", on="P", rate="0.1 1/month", since="start"),
            death.path("tmz", on="Q", slope=g, via="damaged"),
            death.damaged(
                "Q", recovery="0.00807 1/month" if codeleted else "0.00947 1/month", death="0.0188 1/month", into="P"
            ),
        ),
        _SOURCES,
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
    "Mazzocco et al. 2015, CPT Pharmacometrics Syst Pharmacol 4:728, doi:10.1002/psp4.54",
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
