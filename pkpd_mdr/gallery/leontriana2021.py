"""CAR T cells against a solid tumour: when they control it, and what a second target outside the tumour adds.

Leon-Triana et al. 2021, Cancers 13:703 (BIOMD0000001013, and BIOMD0000001014 for the dual target).
"""

from __future__ import annotations

from functools import cache, partial

from pkpd_mdr.gallery.published import Published, Result, declared, sourced
from pkpd_mdr.gallery.reading import level
from pkpd_mdr.mechanisms import clone, growth, immune, parameter, process, state, stimulation
from pkpd_mdr.model import Model

__all__ = ["ENTRY", "leontriana2021"]

_DUAL = {
    "gB": ("1e10 cell", "B cells of half the proliferation outside the tumour"),
    "k": ("0.2 1/day", "CAR T cells move into the tumour"),
    "aB": ("4.5e-11 1/(cell*day)", "B cells killed per CAR T cell"),
    "B_life": ("60 day", "mean life of B cells"),
}
_FILES = {False: "BIOMD0000001013", True: "BIOMD0000001014"}


def leontriana2021(*, dual: bool = False) -> Model:
    """C' = rC C T/(gT + T) - aC C T/(gC + C) - C/life; T' = rT T - aT C T.

    With a second target: C gains k D from cells outside the tumour, D' = rC D B/(gB + B) - D/life - k D, and
    B' = -aB D B - B/B_life.

    Parameters
    ----------
    dual : bool
        Whether the cells also bind a target on B cells, which feed them outside the tumour.

    Returns
    -------
    Model
        CAR T cells C and tumour cells T, which shrink while C is above rT/aT = 8e7; from C = 4e8 and T = 6.7e9, or
        with a second target from D = 2e8, T = 3.35e10 and B = 2.5e10.

    Examples
    --------
    >>> round(float(leontriana2021().simulate(until="60 day").frame["T"].min() / 1e6))
    513
    """
    kill = parameter("aT", "2.5e-10 1/(cell*day)", description="cells killed per CAR T cell")
    parts = [
        clone("T", growth=growth.exponential(rate="0.02 1/day"), start="3.35e10 cell" if dual else "6.7e9 cell"),
        immune.effector(
            "C", start=None if dual else "4e8 cell", death=(1 / 7, "1/day"), description="CAR T cells in the tumour"
        ),
        immune.attack("C", on="T", rate=kill),
        immune.exhaustion("C", rate="0.02 1/day" if dual else "0.04 1/day", half="2e9 cell", saturation="effector"),
        stimulation("C", rate="0.9 1/day", half="1e10 cell"),
    ]
    file = f"published: Leon-Triana et al. 2021, in {_FILES[dual]}"
    sources = {
        file: "growth_T aT exhaustion_* proliferation_* T0" + (" D0 B0" if dual else " C0"),
        f"derived: inverse of the mean life of 7 days in {_FILES[dual]}": "death_C",
    }
    outside = (
        *declared(_DUAL, source=file),
        state("D", "2e8 cell", unit="cell", kind="cells", description="CAR T cells outside the tumour"),
        state("B", "2.5e10 cell", unit="cell", kind="cells", description="B cells"),
        process("B_killing", "aB*D*B", {"B": -1}),
        process("B_death", "B/B_life", {"B": -1}),
        process("D_proliferation", "proliferation_C*D*B/(gB + B)", {"D": 1}),
        process("D_death", "death_C*D", {"D": -1}),
        process("migration", "k*D", {"D": -1, "C": 1}),
    )
    return sourced(Model(*parts, *(outside if dual else ())), sources)


def _balance() -> float:
    """CAR T cells at the moment when the tumour turns."""
    frame = leontriana2021().simulate(until="200 day", times="0.01 day").frame
    return float(frame["C"].iloc[int(frame["T"].to_numpy().argmin())])


@cache
def _at(name: str, day: int, dual: bool = False) -> float:
    return level(leontriana2021(dual=dual), name, f"{day} day")


ENTRY = Published(
    leontriana2021,
    "Leon-Triana et al. 2021, Cancers 13:703, doi:10.3390/cancers13040703; BIOMD0000001013, BIOMD0000001014",
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
        *(
            Result(
                f"dual target, {words} after 20 days",
                value,
                partial(_at, name, 20, True),
                unit="cell",
                rtol=1e-4,
                source="another solver",
            )
            for words, name, value in (("tumour cells", "T", 7768.46), ("CAR T cells in the tumour", "C", 4.6433e09))
        ),
        Result(
            "a second target rids the tumour of its last cell, a single one does not",
            True,
            lambda: _at("T", 60, True) < 1 < 1e6 < _at("T", 60),
            source="starts of the two files; the paper's title says that it may",
        ),
    ),
)
