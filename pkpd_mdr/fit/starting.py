"""Where each condition starts: the model's own start, or values that the data know.

In a model the states start at expressions of parameters, so a known start is nearly always a known *parameter* of one
condition (``S0``, or ``N0`` of a seeding); then shares and other start parameters stay free. Only a state without such
a parameter is set directly.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
import sympy as sp

from pkpd_mdr.data import Condition, Data
from pkpd_mdr.errors import FitError, did_you_mean, shown
from pkpd_mdr.expression import symbol
from pkpd_mdr.model import Model
from pkpd_mdr.units import Quantity, QuantityLike, Unit, read

__all__ = ["Begin", "StartLike", "begins"]

StartLike = str | Mapping[str, QuantityLike | Mapping[str, QuantityLike]] | None
"""``"first"``, or name of state, parameter or observable to ``"first"``, a quantity, or quantities by condition."""


@dataclass(slots=True)
class Begin:
    """How one condition begins.

    Attributes
    ----------
    time : float
        Hours.
    parameters, states : dict of str to float
        What is known, in internal units.
    """

    time: float
    parameters: dict[str, float] = field(default_factory=dict)
    states: dict[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class _Target:
    """What a known start sets: a parameter (internal value divided by `factor`) or a state."""

    name: str
    is_state: bool
    unit: Unit
    factor: float = 1.0


def begins(
    model: Model, data: Data, outputs: Mapping[str, str], start: StartLike, free: tuple[str, ...]
) -> tuple[list[Begin], npt.NDArray[np.bool_]]:
    """How each condition begins, and which rows of the data remain to be fitted.

    Parameters
    ----------
    model : Model
    data : Data
    outputs : mapping of str to str
        Observable of the data to output of the model.
    start : see `StartLike`
    free : tuple of str
        Free parameters, which a start must not set.

    Returns
    -------
    begins : list of Begin, one for each condition
    used : ndarray of bool, shape (rows,)
        False where a measurement became a start.

    Raises
    ------
    FitError
        An unknown name, a start that no single parameter or state carries, or one that is free as well.
    """
    table = data.table
    times, codes = table["time"].to_numpy(dtype=np.float64), data.condition_of_row
    found = [Begin(_earliest(condition, times[codes == condition.index])) for condition in data.conditions]
    used = np.ones(len(data), dtype=bool)
    for name, given in _wanted(data, outputs, start).items():
        target = _target(model, name, free)
        if isinstance(given, str) and given == "first":
            used &= ~_take_first(model, data, outputs, name, target, found)
        else:
            for condition, begin in zip(data.conditions, found, strict=True):
                _set(begin, target, _given(given, condition, name, target))
    if start is None:
        for condition, begin in zip(data.conditions, found, strict=True):
            _known_starts(model, condition, outputs, free, begin)
    return found, used


def _earliest(condition: Condition, times: npt.NDArray[np.float64]) -> float:
    return min(0.0, float(times.min(initial=0.0)), *(act.time for act in condition.regimen.acts))


def _wanted(data: Data, outputs: Mapping[str, str], start: StartLike) -> dict[str, Any]:
    if start is None:
        return {}
    if isinstance(start, str):
        if start != "first":
            raise FitError(f"start = {shown(start)} is not known; write start='first' or start={{'S': 'first'}}")
        return {outputs[name]: "first" for name in data.observables}
    if not isinstance(start, Mapping):
        raise FitError(f"start = {shown(start)} is not known; write start='first' or start={{'S': 'first'}}")
    return dict(start)


def _target(model: Model, name: str, free: tuple[str, ...]) -> _Target:
    known = [*model.states, *model.parameters, *model.observables]
    if name not in known:
        raise FitError(
            f"start: the model has no state, parameter or observable {shown(name)}{did_you_mean(name, known)}"
        )
    target = _found_target(model, name)
    if target.name in free:
        raise FitError(f"start sets {shown(target.name)}, which is also free or tied; leave it out there or in start")
    return target


def _found_target(model: Model, name: str) -> _Target:
    if name in model.parameters:
        return _Target(name, False, model.parameters[name].unit)
    if name in model.states:
        state = model.states[name]
        if str(state.start) in model.parameters:
            return _Target(str(state.start), False, state.unit)
        return _Target(name, True, state.unit)
    observable = model.observables[name]
    if str(observable.expression) in model.states:
        return _found_target(model, str(observable.expression))
    at_start = sp.expand(observable.expression.xreplace({symbol(n): s.start for n, s in model.states.items()}))
    if len(at_start.free_symbols) == 1:
        (only,) = at_start.free_symbols
        ratio = sp.cancel(at_start / only)
        if str(only) in model.parameters and ratio.is_number and ratio != 0:
            return _Target(str(only), False, observable.unit, float(ratio))
    raise FitError(
        f"start: {shown(name)} starts at {at_start}, which is not "
        f"one parameter, so a known value does not say what each "
        "state starts at; use seeding(total=...) in the model, or name a state or parameter in start"
    )


def _take_first(
    model: Model, data: Data, outputs: Mapping[str, str], name: str, target: _Target, found: list[Begin]
) -> npt.NDArray[np.bool_]:
    """Set starts to the earliest measurements; returns the rows that were used up."""
    observable = _observable_for(data, outputs, name)
    if not data.units[observable].like(target.unit):
        raise FitError(
            f"start of {shown(name)}: {shown(observable)} was measured in {data.units[observable].text!r}, "
            f"not in {target.unit.text or 'a pure number'!r} or a unit like it"
        )
    table = data.table
    mine = (table["observable"] == observable).to_numpy()
    times, values = (table[key].to_numpy(dtype=np.float64) for key in ("time", "value"))
    taken = np.zeros(len(data), dtype=bool)
    for condition, begin in zip(data.conditions, found, strict=True):
        rows = mine & (data.condition_of_row == condition.index)
        if not rows.any():
            raise FitError(
                f"start of {shown(name)}: condition {shown(condition.name)} "
                f"has no measurement of {shown(observable)} to start from; give all starts in numbers, as in "
                f"start={{{shown(name)}: {{{shown(condition.name)}: ...}}}}, or leave the condition out"
            )
        first = rows & (times == times[rows].min())
        here = float(times[first][0])
        _check_before(condition, data.condition_of_row == condition.index, times, here)
        begin.time = here
        _set(begin, target, float(values[first].mean()) * data.value_factor(observable))
        taken |= first
    return taken


def _observable_for(data: Data, outputs: Mapping[str, str], name: str) -> str:
    same = [mine for mine, theirs in outputs.items() if theirs == name]
    if same:
        return same[0]
    if len(data.observables) == 1:
        return data.observables[0]
    raise FitError(
        f"start of {shown(name)}: several observables were measured; name one of {', '.join(data.observables)} in start"
    )


def _check_before(
    condition: Condition, rows: npt.NDArray[np.bool_], times: npt.NDArray[np.float64], first: float
) -> None:
    earlier = [act for act in condition.regimen.acts if act.time < first]
    if earlier:
        raise FitError(
            f"condition {shown(condition.name)}: its first measurement at {first:g} h comes after the act at "
            f"{earlier[0].time:g} h, so it cannot be the start; free the start, or set time zero at the drug's arrival"
        )
    if times[rows].min() < first:
        raise FitError(
            f"condition {shown(condition.name)}: another observable was measured before {first:g} h, the start"
        )


def _given(given: Any, condition: Condition, name: str, target: _Target) -> float:
    if isinstance(given, Mapping):
        if condition.name not in given:
            raise FitError(
                f"start of {shown(name)}: condition {shown(condition.name)} is missing; "
                f"give one for each condition, not only for {', '.join(map(shown, given))}"
            )
        given = given[condition.name]
    return read(given, target.unit, f"start of {shown(name)}", bare=target.unit.dimensionless)


def _known_starts(
    model: Model, condition: Condition, outputs: Mapping[str, str], free: tuple[str, ...], begin: Begin
) -> None:
    for name, value in condition.starts.items():
        target = _target(model, outputs[name], free)
        if begin.time < 0:
            raise FitError(
                f"condition {shown(condition.name)}: the start of {shown(name)} is known at time 0, "
                f"but something happens at {begin.time:g} h"
            )
        _set(begin, target, _internal(value))


def _internal(value: Quantity) -> float:
    return value.internal


def _set(begin: Begin, target: _Target, internal: float) -> None:
    if target.is_state:
        begin.states[target.name] = internal
    else:
        begin.parameters[target.name] = internal / target.factor
