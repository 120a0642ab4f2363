"""Effector cells against a growing tumour: dormancy, escape and sneaking through.

Kuznetsov, Makalkin, Taylor and Perelson 1994, Bull Math Biol 56:295; parameters as in BIOMD0000000762. Declared from
text, as a user would write down a paper's equations.
"""

from __future__ import annotations

from functools import cache, partial

from pkpd_mdr.gallery.published import Published, Result, declared, sourced
from pkpd_mdr.gallery.reading import course, eigenvalues, equilibrium, level
from pkpd_mdr.mechanisms import observable, process, state
from pkpd_mdr.model import Model

__all__ = ["ENTRY", "kuznetsov1994"]

_VALUES = {
    "s": ("13000 cell/day", "effector cells arrive"),
    "p": ("0.1245 1/day", "largest recruitment by the tumour"),
    "g": ("2.019e7 cell", "tumour size of half the recruitment"),
    "m": ("3.422e-10 1/(cell*day)", "effector cells lost by killing"),
    "d": ("0.0412 1/day", "effector cells die"),
    "a": ("0.18 1/day", "tumour growth"),
    "b": ("2.0e-9 1/cell", "inverse carrying capacity"),
    "n": ("1.101e-7 1/(cell*day)", "tumour cells killed"),
}

_SOURCES = {
    "published: Kuznetsov et al. 1994, start of BIOMD0000000762": "E0 T0",
}


def kuznetsov1994() -> Model:
    """E' = s + p E T/(g + T) - m E T - d E; T' = a T (1 - b T) - n E T.

    Returns
    -------
    Model
        Starts at E = 3.2e5 and T = 5e6 cells; its equilibria are a saddle without tumour, a stable dormant tumour,
        a saddle between, and an escaped tumour.

    Examples
    --------
    >>> sorted(kuznetsov1994().states)
    ['E', 'T']
    """
    return sourced(
        Model(
            state("E", "3.2e5 cell", unit="cell", kind="cells", description="effector cells"),
            state("T", "5e6 cell", unit="cell", kind="cells", description="tumour cells"),
            *declared(_VALUES, source="published: Kuznetsov et al. 1994, in BIOMD0000000762"),
            process("arrival", "s", {"E": 1}),
            process("recruitment", "p*E*T/(g + T)", {"E": 1}),
            process("exhaustion", "m*E*T", {"E": -1}),
            process("effector_death", "d*E", {"E": -1}),
            process("growth", "a*T*(1 - b*T)", {"T": 1}),
            process("killing", "n*E*T", {"T": -1}),
            observable("burden", "T", "cell"),
        ),
        _SOURCES,
    )


_POINTS = {  # near, E, T, eigenvalues per day (real parts, and the imaginary part of the first)
    "A, no tumour": ((3.1e5, 0.0), (3.155e5, 0.0)),
    "B, dormant": ((1.6e6, 8e6), (1.6081e6, 8.1864e6)),
    "C, saddle": ((7.5e5, 2.7e8), (7.585e5, 2.6802e8)),
    "D, escape": ((1.7e5, 4.5e8), (1.732e5, 4.4703e8)),
}


@cache
def _point(name: str) -> dict[str, float]:
    E, T = _POINTS[name][0]
    return equilibrium(kuznetsov1994(), {"E": E, "T": T})


def _rate(name: str, which: int) -> complex:
    return eigenvalues(kuznetsov1994(), _point(name))[which]


def _stable(name: str) -> bool:
    return _rate(name, 0).real < 0


def _damped() -> bool:
    """The tumour swings about the dormant state, less and less, over 600 days."""
    _, tumour = course(kuznetsov1994(), "T", until="600 day", times="1 day")
    swings = [abs(value - 8.1864e6) for value in tumour]
    return max(swings[500:]) < max(swings[250:350]) < max(swings[50:150])


def _sneaks() -> bool:
    """Whether a small tumour escapes, a larger one becomes dormant and a still larger one escapes."""
    model = kuznetsov1994().with_parameters(m=0.0021 * 1.101e-7, d=0.072)
    small, middle, large = (level(model, "T", "1500 day", start={"E": 5e5, "T": cells}) for cells in (1, 1e7, 3e8))
    return small > 1e8 > middle and large > 1e8


def _all_dormant() -> bool:
    """Whether tumours of all sizes, with no, few or many effector cells, end in the same dormant state."""
    model = kuznetsov1994().with_parameters(m=0.0021 * 1.101e-7)
    starts = [{"E": E, "T": T} for E in (0.0, 3.155e5, 1e6) for T in (1.0, 1e7, 2e8, 5e8)]
    ends = [level(model, "T", "3000 day", start=start) for start in starts]
    return max(ends) < 1.001 * min(ends) < 1e7


def _mu() -> float:
    values = kuznetsov1994().parameters
    return values["m"].value / values["n"].value


ENTRY = Published(
    kuznetsov1994,
    "Kuznetsov, Makalkin, Taylor and Perelson 1994, Bull Math Biol 56:295 (PubMed 8186756); BIOMD0000000762",
    ("S5",),
    'mdr.gallery.kuznetsov1994().simulate(until="600 day")',
    (
        *(
            Result(
                f"equilibrium {name}, {state}",
                value,
                lambda name=name, state=state: _point(name)[state],  # type: ignore[misc]
                unit="cell",
                rtol=2e-4,
                atol=1e-3,
                source="Newton's method",
            )
            for name, (_, values) in _POINTS.items()
            for state, value in zip("ET", values, strict=True)
        ),
        Result(
            "eigenvalue of A, first",
            0.1453,
            lambda: _rate("A, no tumour", 0).real,
            unit="1/day",
            atol=5e-5,
            source="Jacobian",
        ),
        Result(
            "eigenvalue of A, second",
            -0.0412,
            lambda: _rate("A, no tumour", 1).real,
            unit="1/day",
            atol=5e-5,
            source="Jacobian",
        ),
        Result(
            "eigenvalue of B, real part",
            -0.00552,
            lambda: _rate("B, dormant", 0).real,
            unit="1/day",
            atol=5e-6,
            source="Jacobian",
        ),
        Result(
            "eigenvalue of B, imaginary part",
            0.0634,
            lambda: _rate("B, dormant", 0).imag,
            unit="1/day",
            atol=5e-5,
            source="Jacobian",
        ),
        *(
            Result(
                f"{name}: stable" if stable else f"{name}: unstable",
                True,
                partial(lambda n, s: _stable(n) is s, name, stable),
                source="Jacobian",
            )
            for name, stable in zip(_POINTS, (False, True, False, True), strict=True)
        ),
        Result(
            "dormant state after long",
            8.1864e6,
            lambda: level(kuznetsov1994(), "T", "3000 day"),
            unit="cell",
            rtol=2e-4,
            source="Newton's method",
        ),
        Result("damped oscillation to dormancy over 600 days", True, _damped, flag="C", source="Fig 7"),
        Result("scaled mu = m/n", 0.00311, _mu, atol=5e-6, flag="C", source="the paper's scaling"),
        Result(
            "at mu = 0.0021 and the other values as published, every tumour becomes dormant",
            True,
            _all_dormant,
            source="the only stable state; two more equilibria appear above mu = 0.0026",
        ),
        Result(
            "sneaking through at mu = 0.0021: a small and a large tumour escape, one between does not",
            True,
            _sneaks,
            flag="C",
            source="Figs 8-9; effectors that die at 0.072 per day and 5e5 of them at the start are ours",
        ),
    ),
    ours="the death and number of effectors in the run that sneaks through, as those of Figs 8-9 were not obtained",
)
