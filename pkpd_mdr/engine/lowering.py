"""A model's expressions in the order of its arrays, and the functions of them that engines need."""

from __future__ import annotations

import math
from collections import OrderedDict
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from functools import cached_property, partial
from typing import Any

import numpy as np
import numpy.typing as npt
import sympy as sp
from sympy.functions.elementary.piecewise import ExprCondPair

from pkpd_mdr.engine.functions import FloatArray, beyond, function_of
from pkpd_mdr.errors import ModelError, did_you_mean, shown
from pkpd_mdr.expression import AMOUNT, TIME, symbol
from pkpd_mdr.model import Model
from pkpd_mdr.model.derive import Derivatives, time_derivatives
from pkpd_mdr.model.parts import Expression, Port, Process
from pkpd_mdr.model.slots import FilledSlot
from pkpd_mdr.units import Unit

__all__ = ["Compiled", "FloatArray", "Scalar", "compile_model"]

Scalar = Callable[..., list[float]]

_CELL = Unit("cell", 1.0)
_CURVED = 2
_NON_NEGATIVE = ("cells", "amount", "concentration", "vesicles")


def _order(formula: sp.Basic, known: dict[sp.Basic, int]) -> int:
    """Of a formula in what moves: 0 without it, 1 affine, `_CURVED` otherwise; `known` has symbols and what was met."""
    found = known.get(formula)
    if found is None:
        below = [_order(part, known) for part in formula.args]
        most = max(below, default=0)
        one = formula.is_Add or isinstance(formula, sp.Piecewise)
        if formula.is_Mul:
            one = sum(order > 0 for order in below) == 1
        elif isinstance(formula, ExprCondPair):
            one = not below[1]  # such as `a if x < 1 else b`, which has no derivative by x and yet is not affine
        found = known[formula] = most if one or not most else _CURVED
    return found


class Compiled:
    """A model as functions of time, states and parameters; holds structure, no parameter values.

    Parameters
    ----------
    model : Model

    Attributes
    ----------
    states, parameters : tuple of str
        The orders of the state and parameter vectors.
    ports : tuple of Port
    scale : ndarray, shape (states,)
        Internal size of one unit of each state.
    carriers : dict of int to int
        Index of each pool to the index of the clone or the vesicles that hold it.
    guarded : ndarray of bool, shape (states,)
        States that cannot be negative: cells, amounts, concentrations, vesicles.
    counted : ndarray of bool, shape (states,)
        States that count cells, so that they can change by whole numbers.
    processes : mapping of str to Process
        What the derivatives are sums of.
    slots : tuple of FilledSlot
        Formulas of parameters whose values have bounds.
    """

    def __init__(self, model: Model) -> None:
        self.structure_hash = model.structure_hash
        self.states = tuple(model.states)
        self.parameters = tuple(model.parameters)
        self.ports: tuple[Port, ...] = model.ports
        self.scale: FloatArray = np.array([state.scale for state in model.states.values()], dtype=float)
        self.guarded: npt.NDArray[np.bool_] = np.array(
            [s.kind in _NON_NEGATIVE for s in model.states.values()], dtype=bool
        )
        self.counted: npt.NDArray[np.bool_] = np.array(
            [s.kind == "cells" and s.unit.like(_CELL) and "cell" in s.unit.text for s in model.states.values()],
            dtype=bool,
        )
        self.processes: Mapping[str, Process] = model.processes
        self.slots = model.slots
        self._units = [item.unit for item in model.parameters.values()]
        self._state_symbols = [symbol(name) for name in self.states]
        self._parameter_symbols = [symbol(name) for name in self.parameters]
        self.starts = [state.start for state in model.states.values()]
        self.carriers = {i: self.states.index(s.carrier) for i, s in enumerate(model.states.values()) if s.carrier}
        self._fillings = [state.filling for state in model.states.values()]
        self._observables = {item.name: item.expression for item in model.observables.values()}

    @cached_property
    def derivatives(self) -> list[Expression]:
        """The time derivative of each state; made when it is needed."""
        return list(time_derivatives(self.states, self.processes.values()).values())

    @cached_property
    def linear(self) -> bool:
        """Whether rates are affine in the states and free of time, so that matrix exponentials are exact.

        It is read off how they are written, as products of states and functions of them: deriving them by the states
        would take longer than a first trajectory.
        """
        orders: dict[sp.Basic, int] = dict.fromkeys(self._state_symbols, 1) | {TIME: _CURVED}
        return all(_order(rate, orders) < _CURVED for rate in self.derivatives)

    @cached_property
    def _jacobian_entries(self) -> list[Expression]:
        return self._by_states(self.derivatives)

    # -- parameters ------------------------------------------------------------------------------------

    def refused(self, parameters: FloatArray) -> dict[int, str]:
        """Rows of parameters that no run can use, and why: one is not finite, or a formula of them leaves its bounds.

        Parameters
        ----------
        parameters : ndarray, shape (rows, p)

        Returns
        -------
        dict of int to str
            Row to sentence; empty as a rule.
        """
        found: dict[int, str] = {}
        finite = np.isfinite(parameters)
        if not finite.all():
            for row in np.flatnonzero(~finite.all(axis=1)).tolist():
                bad = self.parameters[int(np.argmin(finite[row]))]
                found[row] = f"parameter {shown(bad)} is not a finite number"
        for slot, value in zip(self.slots, self._slot_values(parameters), strict=True):
            if np.any(slot.outside(value)):
                self._tell(slot, parameters, found)
        return found

    def _slot_values(self, parameters: FloatArray) -> Sequence[Any]:
        """What the formulas in slots are in each row; a single row goes without arrays, which cost more than it."""
        if not self.slots:
            return ()
        items, none = [slot.expression for slot in self.slots], [0.0] * len(self.states)
        values: Sequence[Any]
        if len(parameters) == 1:
            try:
                values = self._cached(("slot",), lambda: self._scalar(items))(0.0, none, parameters[0].tolist())
                return values
            except (ArithmeticError, ValueError):
                pass  # the arrays say where it is not finite
        with np.errstate(all="ignore"):
            values = self._cached(("slots",), lambda: self._array(items))(0.0, none, parameters.T)
        return values

    def _tell(self, slot: FilledSlot, parameters: FloatArray, found: dict[int, str]) -> None:
        """Name the rows at which a formula is outside its slot by more than rounding."""
        places = {name: self.parameters.index(name) for name in slot.sources}
        values, wrong = beyond(slot, {name: parameters[:, at] for name, at in places.items()})
        for row in np.flatnonzero(wrong).tolist():
            used = {name: (float(parameters[row, at]), self._units[at]) for name, at in places.items()}
            found.setdefault(row, slot.sentence(float(values[row]), used))

    # -- functions of (t, y, p) ------------------------------------------------------------------------

    @cached_property
    def rhs(self) -> Scalar:
        """``rhs(t, y, p) -> list`` of time derivatives, port inputs not included."""
        return self._scalar(self.derivatives)

    @cached_property
    def jacobian(self) -> Scalar:
        """``jacobian(t, y, p) -> list`` of n*n derivatives by the states, row by row."""
        return self._scalar(self._jacobian_entries)

    def variational(self, columns: Sequence[str]) -> Scalar:
        """``(t, y, p) -> list`` of n derivatives, n*n derivatives by states and n*k by parameters, in one call.

        One function, because the three share most of their subexpressions.
        """

        def build() -> Scalar:
            """Derivatives, their Jacobian and their gradient by the columns, as one function of numbers."""
            gradient = self._gradient(self.derivatives, columns)
            return self._scalar([*self.derivatives, *self._jacobian_entries, *gradient])

        function: Scalar = self._cached(("variational", *columns), build)
        return function

    def start(self, parameters: FloatArray) -> FloatArray:
        """State vector at time zero, shape (states,)."""
        function = self._cached(("start",), lambda: self._scalar(self.starts))
        return np.array(function(0.0, [0.0] * len(self.states), parameters), dtype=float)

    def starts_of(self, parameters: FloatArray) -> FloatArray:
        """State vectors at time zero of many members, shape (members, states); not finite where one has none.

        Parameters
        ----------
        parameters : ndarray, shape (members, p)
        """
        function = self._cached(("starts",), lambda: self._array(self.starts))
        with np.errstate(all="ignore"):
            columns = function(0.0, [0.0] * len(self.states), np.asarray(parameters, dtype=float).T)
        found = [np.broadcast_to(np.asarray(column, float), len(parameters)) for column in columns]
        return np.stack(found, axis=-1) if found else np.zeros((len(parameters), 0))

    def fill(self, start: FloatArray, given: Collection[str], parameters: FloatArray) -> None:
        """Let the pools of carriers whose start was given hold what the model says per cell; in place.

        Parameters
        ----------
        start : ndarray, shape (states,)
        given : collection of str
            States whose start does not come from the model; a pool among them stays as it is.
        parameters : ndarray, shape (p,)
        """
        for pool, carrier in self._to_fill(given):
            start[pool] = self._filling(parameters)[pool] * start[carrier]

    def fill_by_parameters(
        self, by: FloatArray, start: FloatArray, given: Collection[str], parameters: FloatArray, columns: Sequence[str]
    ) -> None:
        """Do the same for the derivatives of the start by parameters, shape (states, columns)."""
        for pool, carrier in self._to_fill(given):
            build = partial(self._slopes, self._fillings[pool], columns)
            gradient = self._cached(("filling_by", pool, *columns), build)
            slopes = np.array(gradient(0.0, [0.0] * len(self.states), parameters), dtype=float)
            by[pool] = slopes * start[carrier] + self._filling(parameters)[pool] * by[carrier]

    def _slopes(self, expression: Expression, columns: Sequence[str]) -> Scalar:
        return self._scalar(self._gradient([expression], columns))

    def _to_fill(self, given: Collection[str]) -> list[tuple[int, int]]:
        pairs = self.carriers.items()
        return [(p, c) for p, c in pairs if self.states[c] in given and self.states[p] not in given]

    def _filling(self, parameters: FloatArray) -> list[float]:
        function = self._cached(("fillings",), lambda: self._scalar(self._fillings))
        values: list[float] = function(0.0, [0.0] * len(self.states), parameters)
        return values

    def start_by_parameters(self, parameters: FloatArray, columns: Sequence[str]) -> FloatArray:
        """Derivatives of the start by parameters, shape (states, columns)."""
        function = self._cached(("start", *columns), lambda: self._scalar(self._gradient(self.starts, columns)))
        flat = function(0.0, [0.0] * len(self.states), parameters)
        return np.array(flat, dtype=float).reshape(len(self.states), len(columns))

    def rates(self, t: float, y: Sequence[float], p: Sequence[float]) -> dict[str, float]:
        """The rate of every process at one point, NaN where it cannot be evaluated; for failure reports."""
        found = {}
        for name, process in self.processes.items():
            function = self._cached(("process", name), partial(self._scalar, [process.rate]))
            try:
                found[name] = function(t, y, p)[0]
            except (ZeroDivisionError, OverflowError, ValueError):
                found[name] = math.nan
        return found

    # -- outputs ---------------------------------------------------------------------------------------

    def outputs(self, names: Sequence[str], times: FloatArray, states: FloatArray, p: FloatArray) -> FloatArray:
        """Values of states or observables along a trajectory.

        Parameters
        ----------
        names : sequence of str
        times : ndarray, shape (k,)
        states : ndarray, shape (k, n)
        p : ndarray, shape (parameters,)

        Returns
        -------
        ndarray, shape (k, len(names))
        """
        function = self._cached(("outputs", *names), lambda: self._array([self.expression(name) for name in names]))
        columns = function(times, list(states.T), p)
        return (
            np.stack([np.broadcast_to(np.asarray(c, float), times.shape) for c in columns], axis=-1)
            if names
            else np.zeros((len(times), 0))
        )

    def outputs_by(
        self, names: Sequence[str], columns: Sequence[str], times: FloatArray, states: FloatArray, p: FloatArray
    ) -> tuple[FloatArray, FloatArray]:
        """Derivatives of outputs by states, shape (k, outputs, n), and by parameters, (k, outputs, columns)."""

        def build() -> Scalar:
            """Outputs and their derivatives by states and columns, as one function of arrays."""
            chosen = [self.expression(name) for name in names]
            return self._array(self._by_states(chosen) + self._gradient(chosen, columns))

        function = self._cached(("outputs_by", len(names), *names, *columns), build)
        flat = [np.broadcast_to(np.asarray(v, float), times.shape) for v in function(times, list(states.T), p)]
        stacked = np.stack(flat, axis=-1) if flat else np.zeros((len(times), 0))
        k, n, m = len(times), len(self.states), len(names)
        return stacked[:, : m * n].reshape(k, m, n), stacked[:, m * n :].reshape(k, m, len(columns))

    def expression(self, name: str) -> Expression:
        """The expression behind an output name; `ModelError` with the nearest name otherwise.

        ``"d/dt burden"`` is the time derivative of ``burden`` (inputs of ports not included); ``"d/dA burden"`` its
        derivative by the state ``A``.
        """
        if name.startswith("d/dt "):
            inner = self.expression(name[5:])
            by_states = zip(self._by_states([inner]), self.derivatives, strict=True)
            # SymPy takes long to find out what 0*rate and 1*rate are
            terms = [rate if slope == 1 else slope * rate for slope, rate in by_states if slope != 0]
            return sp.Add(Derivatives().of(inner, TIME), *terms)
        if name in self._observables:
            return self._observables[name]
        if name in self.states:
            return symbol(name)
        by, _, inner_name = name.removeprefix("d/d").partition(" ")
        if name.startswith("d/d") and by in self.states and inner_name:
            return Derivatives().of(self.expression(inner_name), symbol(by))
        raise ModelError(
            f"the model has no state or observable {name!r}{did_you_mean(name, [*self._observables, *self.states])}"
        )

    # -- ports -----------------------------------------------------------------------------------------

    @cached_property
    def dosing(self) -> list[int]:
        """Places of the parameters that decide how doses arrive: those in bioavailability, lag, rate and duration."""
        items = [item for port in self.ports for item in (port.bioavailability, port.lag, port.rate, port.duration)]
        used = {found for item in items if item is not None for found in item.free_symbols}
        return [place for place, parameter in enumerate(self._parameter_symbols) if parameter in used]

    def port_values(self, index: int, p: FloatArray) -> tuple[float, float, float, float]:
        """Bioavailability, lag (h), modelled rate and duration of a port (NaN where the port has none)."""
        port = self.ports[index]
        items = [port.bioavailability, port.lag, port.rate, port.duration]
        function = self._cached(
            ("port", index), lambda: self._scalar([sp.Float("nan") if e is None else e for e in items])
        )
        bioavailability, lag, rate, duration = function(0.0, [0.0] * len(self.states), p)
        return bioavailability, lag, rate, duration

    def port_values_by(self, index: int, p: FloatArray, columns: Sequence[str]) -> FloatArray:
        """Derivatives of bioavailability, lag, rate and duration of a port by parameters, shape (4, columns)."""
        port = self.ports[index]
        items = [
            e if e is not None else sp.Integer(0) for e in (port.bioavailability, port.lag, port.rate, port.duration)
        ]
        function = self._cached(("port", index, *columns), lambda: self._scalar(self._gradient(items, columns)))
        return np.array(function(0.0, [0.0] * len(self.states), p), dtype=float).reshape(4, len(columns))

    def effects(self, index: int) -> tuple[list[int], Scalar]:
        """States hit by an ``"act"`` port, and the function of their values after."""
        effects = self.ports[index].effects
        build = partial(self._function, [AMOUNT], list(effects.values()))
        return [self.states.index(name) for name in effects], self._cached(("effects", index), build)

    def effects_by(self, index: int) -> Scalar:
        """The derivatives of those values by all states, row by row, and then by all parameters."""

        def build() -> Scalar:
            """Effects of the port and their derivatives by states and parameters, as one function."""
            items = list(self.ports[index].effects.values())
            both = self._by_states(items) + self._gradient(items, self.parameters)
            return self._function([AMOUNT], both)

        function: Scalar = self._cached(("effects_by", index), build)
        return function

    def steady_is_linear(self, index: int) -> bool:
        """Whether the pharmacokinetics behind a port is affine; `ModelError` if it depends on other states."""
        port = self.ports[index]
        n, inside = len(self.states), [self.states.index(name) for name in port.steady]
        linear = True
        for row in inside:
            if TIME in self.derivatives[row].free_symbols:
                raise ModelError(
                    f"a steady-state dose of {port.name!r} is not defined: {self.states[row]!r} depends on the time"
                )
            for column in range(n):
                entry = self._jacobian_entries[row * n + column]
                if column not in inside and not entry.is_zero:
                    raise ModelError(
                        f"a steady-state dose of {port.name!r} is not defined: {self.states[row]!r} depends on "
                        f"{self.states[column]!r}, which is not part of its pharmacokinetics"
                    )
                linear &= not (entry.free_symbols & (set(self._state_symbols) | {TIME}))
        return linear

    # -- building --------------------------------------------------------------------------------------

    def _gradient(self, expressions: Iterable[Expression], columns: Sequence[str]) -> list[Expression]:
        unknown = [name for name in columns if name not in self.parameters]
        if unknown:
            raise ModelError(f"the model has no parameter {unknown[0]!r}{did_you_mean(unknown[0], self.parameters)}")
        return Derivatives().all_of(expressions, [symbol(name) for name in columns])

    def _by_states(self, expressions: Iterable[Expression]) -> list[Expression]:
        return Derivatives().all_of(expressions, self._state_symbols)

    def _cached(self, key: tuple[Any, ...], build: Callable[[], Any]) -> Any:
        store: dict[tuple[Any, ...], Any] = self.__dict__.setdefault("_functions", {})
        if key not in store:
            store[key] = build()
        return store[key]

    def _scalar(self, expressions: list[Expression]) -> Scalar:
        places = {parameter: place for place, parameter in enumerate(self._parameter_symbols)}
        if all(item.is_Number or item in places for item in expressions):  # as most starts and ports; SymPy needs 10 ms
            picked = [(places.get(item, -1), float(item) if item.is_Number else 0.0) for item in expressions]
            return lambda t, y, p: [value if place < 0 else float(p[place]) for place, value in picked]
        return self._function([], expressions)

    def _array(self, expressions: list[Expression]) -> Scalar:
        return self._function([], expressions, over_arrays=True)

    def _function(self, extra: list[sp.Symbol], expressions: list[Expression], *, over_arrays: bool = False) -> Scalar:
        given = [TIME, self._state_symbols, self._parameter_symbols, *extra]
        return function_of(given, expressions, over_arrays=over_arrays)


_KEPT = 64
_compiled: OrderedDict[str, Compiled] = OrderedDict()


def compile_model(model: Model) -> Compiled:
    """The compiled form of a model; the last 64 structures are kept, whatever their parameter values.

    Parameters
    ----------
    model : Model

    Returns
    -------
    Compiled
    """
    key = model.structure_hash
    if key not in _compiled:
        _compiled[key] = Compiled(model)
        while len(_compiled) > _KEPT:
            _compiled.popitem(last=False)
    _compiled.move_to_end(key)
    return _compiled[key]
