"""Effector cells against a growing tumour: dormancy, escape and sneaking through.

Kuznetsov, Makalkin, Taylor and Perelson 1994, Bull Math Biol 56:295; parameters as in BIOMD0000000762. Declared from
text, as a user would write down a paper's equations.
"""

from __future__ import annotations

from pkpd_mdr.mechanisms import observable, parameter, process, state
from pkpd_mdr.model import Model

__all__ = ["kuznetsov1994"]

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
    return Model(
        state("E", "3.2e5 cell", unit="cell", kind="cells", description="effector cells"),
        state("T", "5e6 cell", unit="cell", kind="cells", description="tumour cells"),
        *(
            parameter(name, value, source="BIOMD0000000762", description=text)
            for name, (value, text) in _VALUES.items()
        ),
        process("arrival", "s", {"E": 1}),
        process("recruitment", "p*E*T/(g + T)", {"E": 1}),
        process("exhaustion", "m*E*T", {"E": -1}),
        process("effector_death", "d*E", {"E": -1}),
        process("growth", "a*T*(1 - b*T)", {"T": 1}),
        process("killing", "n*E*T", {"T": -1}),
        observable("burden", "T", "cell"),
    )
