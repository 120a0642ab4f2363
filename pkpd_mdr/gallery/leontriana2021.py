"""CAR T cells against a solid tumour: when they control it, and what a second target outside the tumour adds.

Leon-Triana et al. 2021 (BIOMD0000001013, and BIOMD0000001014 for the dual target).
"""

from __future__ import annotations

from functools import cache

from pkpd_mdr.gallery.published import Published, Result, declared
from pkpd_mdr.gallery.reading import level
from pkpd_mdr.mechanisms import clone, growth, immune, parameter, process, state, stimulation
from pkpd_mdr.model import Model

__all__ = ["ENTRY", "leontriana2021"]

_DUAL = {
    "rC": ("0.9 1/day", "largest proliferation of CAR T cells"),
    "gT": ("1e10 cell", "target cells of half that proliferation"),
    "kB": ("0.2", "stimulation by a B cell relative to a tumour cell"),
    "B_source": ("1e9 cell/day", "B cells arrive; wide prior, 1e8 to 1e10"),
    "B_life": ("30 day", "mean life of B cells; wide prior, 5 to 60 days"),
}


def leontriana2021(*, dual: bool = False) -> Model:
    """C' = rC C X/(gT + X) - aC C T/(gC + C) - C/life; T' = rT T - aT C T, with X = T (or T + kB B).

    Parameters
    ----------
    dual : bool
        Whether the cells also bind a target on B cells, which then feed them.

    Returns
    -------
    Model
        CAR T cells C from 4e8 and tumour cells T from 6.7e9; the tumour shrinks while C is above rT/aT = 8e7.

    Examples
    --------
    >>> round(float(leontriana2021().simulate(until="60 day").frame["T"].min() / 1e6))
    513
    """
    kill = parameter("aT", "2.5e-10 1/(cell*day)", description="cells killed per CAR T cell")
    parts = [
        clone("T", growth=growth.exponential(rate="0.02 1/day"), start="6.7e9 cell"),
        immune.effector("C", start="4e8 cell", death=(1 / 7, "1/day"), description="CAR T cells"),
        immune.attack("C", on="T", rate=kill),
        immune.exhaustion("C", rate="0.04 1/day", half="2e9 cell", saturation="effector"),
    ]
    if not dual:
        return Model(*parts, stimulation("C", rate="0.9 1/day", half="1e10 cell"))
    return Model(
        *parts,
        *declared(_DUAL, source="kB: BIOMD0000001014; the others assumed"),
        state("B", "3e10 cell", unit="cell", kind="cells", description="B cells"),
        process("B_arrival", "B_source", {"B": 1}),
        process("B_death", "B/B_life", {"B": -1}),
        process("B_killing", "aT*C*B", {"B": -1}),
        process("proliferation", "rC*C*(T + kB*B)/(gT + T + kB*B)", {"C": 1}),
    )


def _balance() -> float:
    """CAR T cells at the moment when the tumour turns."""
    frame = leontriana2021().simulate(until="200 day", times="0.01 day").frame
    return float(frame["C"].iloc[int(frame["T"].to_numpy().argmin())])


@cache
def _at(name: str, day: int, dual: bool = False) -> float:
    return level(leontriana2021(dual=dual), name, f"{day} day")


ENTRY = Published(
    leontriana2021,
    "Leon-Triana et al. 2021; BIOMD0000001013, BIOMD0000001014",
    ("S5",),
    'mdr.gallery.leontriana2021().simulate(until="200 day")',
    (
        Result("CAR T cells when the tumour turns", 8e7, _balance, unit="cell", rtol=1e-3, source="rT/aT"),
        Result(
            "tumour cells after 20 days",
            701369000.0,
            lambda: _at("T", 20),
            unit="cell",
            rtol=1e-4,
            source="another solver",
        ),
        Result(
            "CAR T cells after 20 days",
            318590000.0,
            lambda: _at("C", 20),
            unit="cell",
            rtol=1e-4,
            source="another solver",
        ),
        Result(
            "tumour cells after 200 days",
            11556400000.0,
            lambda: _at("T", 200),
            unit="cell",
            rtol=1e-4,
            source="another solver",
        ),
        Result(
            "B cells as a second target keep CAR T cells alive",
            True,
            lambda: _at("C", 60, True) > 2 * _at("C", 60),
            source="kB B > 0",
        ),
    ),
    ours="dual target: the form, and the turnover of B cells (wide priors)",
)
