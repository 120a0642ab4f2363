"""Slots of mechanisms that a formula fills, and whether its value is one that the slot allows.

A quantity or a shared parameter in a slot has the bounds of the slot. A formula has a value only where its parameters
have, so it is looked at when these are known: here for the parameters of a model, in the engine for each member.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import sympy as sp

from pkpd_mdr.errors import ModelError, shown
from pkpd_mdr.expression import symbol
from pkpd_mdr.model.derive import Derivatives
from pkpd_mdr.model.parts import Expression, Parameter, span
from pkpd_mdr.model.symbols import symbols_in
from pkpd_mdr.units import Unit

if TYPE_CHECKING:
    from pkpd_mdr.model.model import Model

__all__ = ["FilledSlot", "check_slots", "written_as"]

_ROUNDING = 1e-12


@dataclass(frozen=True, slots=True)
class FilledSlot:
    """A formula where a mechanism expects a value.

    Parameters
    ----------
    name : str
        Of the slot, such as ``"V_dox"``.
    mechanism : str
        Label of the mechanism whose slot it is.
    text : str
        The formula as it was written.
    expression : sympy.Expr
        The same over states, parameters and the time, in internal units.
    unit : Unit
        Of the slot.
    lower, upper : float
        What the slot allows, in `unit`.
    """

    name: str
    mechanism: str
    text: str
    expression: Expression
    unit: Unit
    lower: float
    upper: float

    @property
    def where(self) -> str:
        """For messages."""
        return written_as(self.name)

    @property
    def sources(self) -> tuple[str, ...]:
        """Names in the formula, sorted."""
        return tuple(sorted(item.name for item in symbols_in(self.expression)))

    def checked(self, parameters: Mapping[str, Parameter]) -> bool:
        """Whether the value is known before a run and can be wrong: it has bounds, and names parameters alone."""
        return (self.lower, self.upper) != (-math.inf, math.inf) and all(name in parameters for name in self.sources)

    def outside(self, value: Any, size: Any = 0.0) -> Any:
        """Whether values are beyond the bounds by more than rounding, or no numbers.

        Parameters
        ----------
        value : float or ndarray
            Of the formula, internal units.
        size : float or ndarray
            Of `rounded`, if that is known.
        """
        low, high, slack = self.lower * self.unit.factor, self.upper * self.unit.factor, _ROUNDING * size
        inside = (value >= low - slack) & (value <= high + slack) & (value < math.inf) & ((value > 0) | (low <= 0))
        return not inside if isinstance(inside, bool) else ~inside

    @property
    def rounded(self) -> Expression:
        """The size of what is added up, by whose rounding the value is off: shares that add up to one leave no 0."""
        by = Derivatives()
        terms = (symbol(name) * by.of(self.expression, symbol(name)) for name in self.sources)
        return sp.Add(*(sp.Abs(term, evaluate=False) for term in terms))

    def sentence(self, value: float, parameters: Mapping[str, tuple[float, Unit]]) -> str:
        """Why a value cannot be used.

        Parameters
        ----------
        value : float
            Of the formula, internal units.
        parameters : mapping of str to (float, Unit)
            Internal values of the parameters in the formula, with the units to tell them in.
        """
        unit = f" {self.unit}".rstrip()
        found = f"{value / self.unit.factor:.6g}{unit}" if math.isfinite(value) else "no finite number"
        told = [f"{name} = {number / of.factor:.6g} {of}".rstrip() for name, (number, of) in parameters.items()]
        at = f" at {' and '.join([', '.join(told[:-1]), told[-1]] if told[1:] else told)}" if told else ""
        return (
            f"{shown(self.name)} of {shown(self.mechanism)}: its formula {shown(self.text)} is {found}{at}, outside "
            f"what the slot allows, {span(self.lower, self.upper)}{unit}; correct the formula or its parameters"
        )


def written_as(name: str) -> str:
    """What the user wrote a formula for, by the name of its place."""
    for start, words in (("rate_of_", "rate of process"), ("value_of_", "observable")):
        if name.startswith(start):
            return f"{words} {name.removeprefix(start)!r}"
    return f"formula of {shown(name)}"


def check_slots(model: Model, changed: Mapping[str, object] | None = None) -> None:
    """Raise `ModelError` where a formula in a slot has a value, at the parameters of the model, that the slot refuses.

    With `changed`, only formulas that name one of these parameters are looked at.
    """
    for slot in model.slots:
        if changed is None or any(name in changed for name in slot.sources):
            own = {name: model.parameters[name] for name in slot.sources}
            numbers = {symbol(name): sp.Float(item.internal) for name, item in own.items()}
            value = _number(slot.expression, numbers)
            if slot.outside(value) and slot.outside(value, _number(slot.rounded, numbers)):
                raise ModelError(slot.sentence(value, {name: (item.internal, item.unit) for name, item in own.items()}))


def _number(expression: Expression, numbers: Mapping[Expression, Expression]) -> float:
    """The value of an expression; NaN where it has none (a division by zero, the root of a negative number)."""
    found = expression.xreplace(numbers)
    return float(found) if found.is_Number else math.nan
