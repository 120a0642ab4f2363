"""What differs between occasions, such as cycles, in one patient: inter-occasion variability."""

from __future__ import annotations

from dataclasses import dataclass

import sympy as sp

from pkpd_mdr.arguments import TEXT, takes, whole
from pkpd_mdr.errors import ModelError
from pkpd_mdr.expression import TIME, check_name
from pkpd_mdr.mechanisms.names import POSITIVE
from pkpd_mdr.model.parts import Expression
from pkpd_mdr.model.scope import Given, Mechanism, Scope

__all__ = ["Occasions", "occasions"]

_MOST = 40  # conditions in one formula, each of which the solver watches
_TIMES = whole(2, _MOST, example=6)


@dataclass(frozen=True, slots=True)
class Occasions:
    """Declaration behind `occasions`."""

    name: str
    every: Given
    times: int

    @property
    def label(self) -> str:
        """``occasions_<name>``."""
        return f"occasions_{self.name}"

    @property
    def parameters(self) -> tuple[str, ...]:
        """One for each occasion."""
        return tuple(f"{self.name}_{number}" for number in range(1, self.times + 1))

    def declare(self, scope: Scope) -> None:
        """Add the parameters, and their value at each time as an observable."""
        length = scope.parameter(
            f"every_{self.name}",
            self.every,
            unit="h",
            lower=POSITIVE,
            description=f"how long {self.name} lasts",
        )
        values = [
            scope.parameter(name, 0.0, unit="", bare=True, description=f"{self.name} on occasion {number}")
            for number, name in enumerate(self.parameters, start=1)
        ]
        scope.observable(self.name, _in_turn(values, length), "", "by occasion")

    def connect(self, scope: Scope) -> None:
        """Nothing more: formulas name it."""


def _in_turn(values: list[Expression], length: Expression) -> Expression:
    """Each value for one length, the last from then on."""
    found = values[-1]
    for number in range(len(values) - 1, 0, -1):
        before = sp.StrictLessThan(TIME, number * length, evaluate=False)
        found = sp.Piecewise((values[number - 1], before), (found, True), evaluate=False)
    return found


@takes(ModelError, name=TEXT, times=_TIMES)
def occasions(name: str, *, every: Given, times: int) -> Mechanism:
    """A deviation that takes another value on each occasion (kappa, inter-occasion variability), for formulas.

    Parameters ``<name>_1`` to ``<name>_<times>``, zero unless said otherwise, are ``<name>`` in turn, as NONMEM's
    ``IOV = OCC1*ETA(3) + OCC2*ETA(4)``. What deviates is a formula, ``CL=formula("CL_typical*exp(kappa_CL)")``.
    `pkpd_mdr.patients` draws each occasion anew where a distribution has this name. After the last occasion its value
    stays.

    Parameters
    ----------
    name : str
        What formulas call it; also an observable.
    every : quantity, Parameter or Formula
        Length of an occasion, the first of which begins at time zero; parameter ``every_<name>``.
    times : int
        How many occasions, 2 to 40.

    Returns
    -------
    Mechanism

    Raises
    ------
    ModelError
        A length that is not above zero, or a name that is taken.

    Notes
    -----
    Kinetics that change are integrated, not in closed form: an ensemble takes several times longer. What decides how a
    dose arrives (F, lag, modelled rate and duration) and steady states cannot change by occasion here;
    `pkpd_mdr.simulate_records` takes covariates that change from row to row, for these too.

    References
    ----------
    Karlsson and Sheiner 1993, J Pharmacokinet Biopharm 21:735 (recalled).

    Examples
    --------
    >>> import pkpd_mdr as mdr
    >>> model = mdr.Model(
    ...     mdr.occasions("kappa_CL", every="21 day", times=3),
    ...     mdr.parameter("CL_typical", "5 L/h"),
    ...     mdr.pk.one_compartment("dox", CL=mdr.formula("CL_typical*exp(kappa_CL)"), V="50 L"),
    ... )
    >>> run = model.simulate(until="63 day", times="14 day", parameters={"kappa_CL_2": 0.3})
    >>> run.frame["kappa_CL"].tolist()
    [0.0, 0.0, 0.3, 0.0, 0.0]
    """
    return Occasions(check_name(name, "the name of occasions"), every, times)
