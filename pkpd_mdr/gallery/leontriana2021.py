"""CAR T cells against a solid tumour: when they control it, and what a second target outside the tumour adds.

Leon-Triana et al. 2021 (BIOMD0000001013, and BIOMD0000001014 for the dual target). Declared from text.
"""

from __future__ import annotations

from functools import cache

from pkpd_mdr.gallery.published import Published, Result, declared
from pkpd_mdr.gallery.reading import level
from pkpd_mdr.mechanisms import observable, process, state
from pkpd_mdr.model import Model

__all__ = ["ENTRY", "leontriana2021"]

_VALUES = {
    "rC": ("0.9 1/day", "largest proliferation of CAR T cells"),
    "gT": ("1e10 cell", "target cells of half that proliferation"),
    "aC": ("0.04 1/day", "largest inactivation of CAR T cells by the tumour"),
    "gC": ("2e9 cell", "CAR T cells of half that inactivation"),
    "life": ("7 day", "mean life of CAR T cells"),
    "rT": ("0.02 1/day", "tumour growth"),
    "aT": ("2.5e-10 1/(cell*day)", "tumour cells killed"),
}
_DUAL = {
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
    parts = [
        state("C", "4e8 cell", unit="cell", kind="cells", description="CAR T cells"),
        state("T", "6.7e9 cell", unit="cell", kind="cells", description="tumour cells"),
        *declared(_VALUES, source="BIOMD0000001013"),
        observable("X", "T + kB*B" if dual else "T", "cell", description="target cells"),
        process("proliferation", "rC*C*X/(gT + X)", {"C": 1}),
        process("inactivation", "aC*C*T/(gC + C)", {"C": -1}),
        process("C_death", "C/life", {"C": -1}),
        process("growth", "rT*T", {"T": 1}),
        process("killing", "aT*C*T", {"T": -1}),
        observable("burden", "T", "cell"),
    ]
    if dual:
        parts += [
            state("B", "3e10 cell", unit="cell", kind="cells", description="B cells"),
            *declared(_DUAL, source="kB: BIOMD0000001014; the others assumed"),
            process("B_arrival", "B_source", {"B": 1}),
            process("B_death", "B/B_life", {"B": -1}),
            process("B_killing", "aT*C*B", {"B": -1}),
        ]
    return Model(*parts)


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
