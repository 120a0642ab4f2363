"""What every peer gets: the equations in plain functions, the dosing as stretches of constant input."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import sympy as sp
from engine_models import Benchmark

from pkpd_mdr.expression import Log, Power, symbol

__all__ = ["Problem", "Stretch", "error"]

_SMOOTH = 1e-16


@dataclass(frozen=True)
class Stretch:
    """Between two events: amounts are added at `begin`, then `inputs` flow until `end`."""

    begin: float
    end: float
    added: np.ndarray
    inputs: np.ndarray
    times: np.ndarray
    marks: np.ndarray

    @property
    def kind(self) -> tuple[float, ...]:
        """Length and output times after the begin: stretches of one kind can share an integrator."""
        return tuple(round(float(t), 9) for t in [*(self.times - self.begin), self.end - self.begin])


class Problem:
    """A benchmark model for solvers that know nothing of this project.

    Powers of possibly negative bases get the smooth positive part (b + sqrt(b**2 + 1e-16))/2, because a peer's step
    that ends just below zero would be no number otherwise; it changes the trajectories by less than 1e-9.
    """

    def __init__(self, model: Benchmark) -> None:
        self.model, self.start, self.stop = model, model.start, model.stop
        self.states = [symbol(name) for name in model.compiled.states]
        self.parameters = [symbol(name) for name in model.compiled.parameters]
        fed = {e[1] for e in model.events if e[3]}
        self.fed = [i for i, name in enumerate(model.compiled.states) if name in fed]
        self.inputs = [symbol(f"input_{i}") for i in self.fed]
        self.right = [_plain(formula) for formula in model.right]
        for i, u in zip(self.fed, self.inputs, strict=True):
            self.right[i] = self.right[i] + u

    @cached_property
    def stretches(self) -> list[Stretch]:
        """All stretches in order; a mark at the time of an event is the value before it."""
        return list(self._stretches())

    def _stretches(self) -> Iterator[Stretch]:
        names, marks = self.model.compiled.states, self.model.marks
        begins = sorted({0.0, *(event[0] for event in self.model.events)})
        inputs = np.zeros(len(self.fed))
        for begin, end in zip(begins, [*begins[1:], self.stop], strict=True):
            added = np.zeros(len(names))
            for time, state, amount, rate in self.model.events:
                if time == begin:
                    added[names.index(state)] += amount
                    if rate:
                        inputs[self.fed.index(names.index(state))] += rate
            inputs[np.abs(inputs) < 1e-9] = 0.0
            chosen = np.flatnonzero((marks > begin) & (marks <= end))
            yield Stretch(begin, end, added, inputs.copy(), marks[chosen], chosen)

    def function(self, modules: Any) -> Callable[..., list[Any]]:
        """``f(states, parameters, inputs) -> list`` with common subexpressions taken out."""
        function: Callable[..., list[Any]] = sp.lambdify(
            [self.states, self.parameters, self.inputs], self.right, modules=modules, cse=True
        )
        return function

    def walk(self, advance: Callable[[np.ndarray, Stretch], tuple[np.ndarray, np.ndarray]]) -> np.ndarray:
        """Marks x states from a function that advances a state over one stretch: (values at its times, at its end)."""
        out, y = np.empty((len(self.model.marks), len(self.start))), self.start.copy()
        out[0] = y
        for stretch in self.stretches:
            values, y = advance(y + stretch.added, stretch)
            out[stretch.marks] = values
        return out


def _plain(formula: Any) -> Any:
    smooth = sp.Float(_SMOOTH)
    formula = formula.replace(Power, lambda b, e: ((b + sp.sqrt(b * b + smooth)) / 2) ** e)
    return formula.replace(Log, sp.log)


def error(found: np.ndarray, reference: np.ndarray) -> float:
    """Median over members of the largest abs(y - reference)/(abs(reference) + 1e-3) over times and states."""
    parts = np.abs(found - reference) / (np.abs(reference) + 1e-3)
    worst = np.nan_to_num(parts.reshape(len(parts), -1).max(axis=1), nan=np.inf)
    return float(np.median(worst))
