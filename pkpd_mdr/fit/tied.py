"""Parameters that follow from free ones by a formula: their values, and the exact derivatives of these."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import numpy.typing as npt
import sympy as sp

from pkpd_mdr.engine import over_columns
from pkpd_mdr.errors import shown
from pkpd_mdr.expression import parse, symbol
from pkpd_mdr.model.parts import Expression
from pkpd_mdr.units import Unit

__all__ = ["Tied", "plain_name", "read_formula", "without_brackets"]

FloatArray = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Tied:
    """One parameter that a formula of free parameters gives.

    Parameters
    ----------
    name : str
        ``ec50_dox_R``, or ``ec50_dox_R[231]`` where what it follows from differs between groups.
    unit : Unit
        As the model declares it.
    text : str
        The formula; it is read in internal units, so that its parameters may be declared in any.
    follows : tuple of (str, str)
        Names in the formula, with the free parameter of this group that each is.
    fixed : tuple of (str, float)
        Names in the formula that stay where the model has them, with internal values.
    lower, upper : float
        What the model allows, in `unit`.
    parameter : str
        The parameter of the model that it is.
    group : tuple of (label, value)
        The conditions that it serves; all when empty.

    Examples
    --------
    >>> tied = Tied("b", Unit.of("uM"), "fold*a", (("a", "a"), ("fold", "fold")), (), 0.0, np.inf, "b")
    >>> free = {"a": np.array([0.05]), "fold": np.array([10.0])}
    >>> tied.values(free).tolist(), [by.tolist() for by in tied.slopes(free).values()]
    ([0.5], [[10.0], [0.05]])
    """

    name: str
    unit: Unit
    text: str
    follows: tuple[tuple[str, str], ...]
    fixed: tuple[tuple[str, float], ...]
    lower: float
    upper: float
    parameter: str
    group: tuple[tuple[str, str | int | float], ...] = ()

    @property
    def target(self) -> str:
        """The parameter of the model that it is."""
        return self.parameter

    @property
    def sources(self) -> tuple[str, ...]:
        """Names of the free parameters that it follows from."""
        return tuple(source for _, source in self.follows)

    def values(self, free: Mapping[str, FloatArray]) -> FloatArray:
        """Internal values in each row of a table of internal values of free parameters, shape (rows,)."""
        return over_columns(self._read()[0], self._columns(free))

    def slopes(self, free: Mapping[str, FloatArray]) -> dict[str, FloatArray]:
        """Derivatives by each free parameter, all in internal units."""
        columns = self._columns(free)
        return {
            source: over_columns(by, columns) for (_, source), by in zip(self.follows, self._read()[1:], strict=True)
        }

    def beyond(self, internal: float) -> str:
        """Why the model cannot take a value; empty when it can."""
        value = internal / self.unit.factor
        slack = 1e-9 * abs(value)
        if self.lower - slack <= value <= self.upper + slack:
            return ""
        return (
            f"{shown(self.parameter)}, tied to {shown(self.text)}, becomes {value:.5g} {self.unit}".rstrip()
            + f", outside what the model allows, {self.lower:g} to {self.upper:g}"
        )

    def _columns(self, free: Mapping[str, FloatArray]) -> dict[str, FloatArray]:
        held = {plain_name(name): free[source] for name, source in self.follows}
        rows = len(next(iter(held.values())))
        return held | {name: np.full(rows, value) for name, value in self.fixed}

    def _read(self) -> tuple[Expression, ...]:
        names = tuple(name for name, _ in (*self.follows, *self.fixed))
        return _formula(self.text, names, tuple(name for name, _ in self.follows))


@lru_cache(maxsize=1024)
def _formula(text: str, names: tuple[str, ...], by: tuple[str, ...]) -> tuple[Expression, ...]:
    """A formula, then its derivatives by some of its names."""
    whole = read_formula(text, names, "tied")
    return (whole, *(sp.diff(whole, symbol(plain_name(name))) for name in by))


def read_formula(text: str, names: Iterable[str], where: str) -> Expression:
    """A formula in the symbols of its names; those of groups (``ec50_dox_S[231]``) go by `plain_name`."""
    known = list(names)
    return parse(without_brackets(text, known), [plain_name(name) for name in known], where=where, time=False)


def without_brackets(text: str, names: Iterable[str]) -> str:
    """A formula with plain names in place of those of groups."""
    for name in sorted((name for name in names if "[" in name), key=len, reverse=True):
        text = text.replace(name, plain_name(name)) if isinstance(text, str) else text
    return text


def plain_name(name: str) -> str:
    """A name without brackets.

    Examples
    --------
    >>> plain_name("ec50_dox_S[231, 24]"), plain_name("fold")
    ('ec50_dox_S_of_231_24', 'fold')
    """
    return re.sub(r"[\W_]+", "_", name.rstrip("]").replace("[", "_of_"))
