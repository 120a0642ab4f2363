"""Steady state of a drug's own pharmacokinetics under an endless train of doses or a constant infusion.

Affine kinetics is solved exactly: over one interval the state goes through x -> E x + g, so the periodic state is
(I - E)^-1 g. Saturable kinetics is solved for the fixed point of the same map, integrated. Other states (tumour, immune
cells, toxicity) have no steady state and are never touched.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from pkpd_mdr.engine.gradients import reevaluated
from pkpd_mdr.engine.lowering import Compiled, FloatArray
from pkpd_mdr.engine.reference import BrokenRunError, Propagator
from pkpd_mdr.engine.timeline import Instruction, SteadyDose

__all__ = ["steady_state"]

_RELATIVE_STEP = 1e-5

_Map = Callable[[FloatArray], FloatArray]


def steady_state(propagator: Propagator, item: Instruction) -> tuple[list[int], FloatArray, FloatArray]:
    """The states of a port at the time of a steady-state record.

    Parameters
    ----------
    propagator : Propagator
        With the parameters in force.
    item : Instruction
        Of kind STEADY.

    Returns
    -------
    states : list of int
        Positions of the drug's own states.
    values : ndarray, shape (len(states),)
    by : ndarray, shape (len(states), columns)
        Central differences of this small problem by the columns of the propagator.

    Raises
    ------
    BrokenRunError
        There is no steady state, or it was not found.
    """
    compiled, dose, source = propagator.compiled, item.steady, item.source
    assert dose is not None
    assert source is not None
    states = [compiled.states.index(name) for name in compiled.ports[item.port].steady]
    if not states:
        raise BrokenRunError(
            f"a steady-state dose of {compiled.ports[item.port].name!r} has no pharmacokinetics to settle",
            item.time,
            np.zeros(len(compiled.states)),
        )
    values = _values(compiled, propagator, propagator.parameters, item.port, states, dose, item.time)
    by = np.zeros((len(states), len(propagator.columns)))
    for k, name in enumerate(propagator.columns):
        shifted = []
        position = compiled.parameters.index(name)
        size = max(abs(float(propagator.parameters[position])), 1e-12) * _RELATIVE_STEP
        for sign in (1.0, -1.0):
            parameters = propagator.parameters.copy()
            parameters[position] += sign * size
            moved = reevaluated(dose, source, compiled.port_values(item.port, parameters))
            shifted.append(_values(compiled, propagator, parameters, item.port, states, moved, item.time))
        by[:, k] = (shifted[0] - shifted[1]) / (2.0 * size)
    return states, values, by


def _values(
    compiled: Compiled,
    propagator: Propagator,
    parameters: FloatArray,
    port: int,
    states: list[int],
    dose: SteadyDose,
    time: float,
) -> FloatArray:
    target = states.index(compiled.states.index(compiled.ports[port].target))
    stage: _Affine | _Integrated
    if compiled.steady_is_linear(port):
        stage = _Affine(compiled, parameters, states, target)
    else:
        stage = _Integrated(compiled, propagator, parameters, states, target)
    if dose.interval <= 0.0:
        found = stage.constant(dose.rate)
    else:
        found = _phase(stage, _periodic(stage, dose), dose)
    if not np.isfinite(found).all() or found.min() < -1e-9 * max(1.0, np.abs(found).max()):
        raise BrokenRunError(
            f"{compiled.ports[port].name!r} reaches no steady state (its input "
            "exceeds its elimination, or it is not eliminated)",
            time,
            np.zeros(len(compiled.states)),
        )
    return found


def _stages(dose: SteadyDose) -> list[tuple[float, float]]:
    """Length and input rate of the stretches of one interval, starting at a dose."""
    if dose.rate <= 0.0:
        return [(dose.interval, 0.0)]
    whole = int(np.floor(dose.duration / dose.interval + 1e-12))
    rest = max(dose.duration - whole * dose.interval, 0.0)
    parts = [(rest, (whole + 1) * dose.rate), (dose.interval - rest, whole * dose.rate)]
    return [part for part in parts if part[0] > 1e-12 * dose.interval]


def _dosed(x: FloatArray, target: int, amount: float) -> FloatArray:
    after = x.copy()
    after[target] += amount
    return after


def _phase(stage: _Affine | _Integrated, before: FloatArray, dose: SteadyDose) -> FloatArray:
    """The periodic state at the phase of the record, from the state just before a dose acts."""
    left = dose.phase
    if left >= dose.interval:
        return before
    x = _dosed(before, stage.target, dose.amount)
    for length, rate in _stages(dose):
        step = min(length, left)
        x = stage.flow(x, step, rate)
        left -= step
        if left <= 0.0:
            break
    return x


def _periodic(stage: _Affine | _Integrated, dose: SteadyDose) -> FloatArray:
    def once(x: FloatArray) -> FloatArray:
        """The state after one interval."""
        x = _dosed(x, stage.target, dose.amount)
        for length, rate in _stages(dose):
            x = stage.flow(x, length, rate)
        return x

    return stage.fixed_point(once)


class _Affine:
    """Exact propagation of affine kinetics."""

    def __init__(self, compiled: Compiled, parameters: FloatArray, states: list[int], target: int) -> None:
        n, zero = len(compiled.states), [0.0] * len(compiled.states)
        self.target, self.size = target, len(states)
        whole = np.reshape(compiled.jacobian(0.0, zero, parameters), (n, n))
        self.matrix = whole[np.ix_(states, states)]
        self.forcing = np.array(compiled.rhs(0.0, zero, parameters), dtype=float)[states]

    def constant(self, rate: float) -> FloatArray:
        """The state under an input that never ends."""
        forcing = self.forcing.copy()
        forcing[self.target] += rate
        try:
            return np.asarray(np.linalg.solve(self.matrix, -forcing))
        except np.linalg.LinAlgError:
            return np.full(self.size, np.nan)

    def flow(self, x: FloatArray, length: float, rate: float) -> FloatArray:
        """The state after a stretch under a constant input."""
        from scipy.linalg import expm

        augmented = np.zeros((self.size + 1, self.size + 1))
        augmented[:-1, :-1], augmented[:-1, -1] = self.matrix, self.forcing
        augmented[self.target, -1] += rate
        step = expm(augmented * length)
        return np.asarray(step[:-1, :-1] @ x + step[:-1, -1])

    def fixed_point(self, once: _Map) -> FloatArray:
        """The state that an interval leaves as it was."""
        start = once(np.zeros(self.size))
        columns = [once(unit) - start for unit in np.eye(self.size)]
        try:
            return np.asarray(np.linalg.solve(np.eye(self.size) - np.array(columns).T, start))
        except np.linalg.LinAlgError:
            return np.full(self.size, np.nan)


class _Integrated:
    """The same for saturable kinetics, by integration of the drug's own states."""

    def __init__(
        self, compiled: Compiled, propagator: Propagator, parameters: FloatArray, states: list[int], target: int
    ) -> None:
        self.compiled, self.parameters, self.states, self.target = compiled, parameters, states, target
        self.accuracy = propagator.accuracy

    def constant(self, rate: float) -> FloatArray:
        """The state under an input that never ends."""
        return self._settle(lambda x: self._derivative(x, rate), np.full(len(self.states), max(rate, 1e-3)))

    def flow(self, x: FloatArray, length: float, rate: float) -> FloatArray:
        """The state after a stretch under a constant input."""
        from scipy.integrate import solve_ivp

        result = solve_ivp(
            lambda t, y: self._derivative(y, rate), (0.0, length), x, method="LSODA", rtol=1e-10, atol=1e-12
        )
        return np.asarray(result.y[:, -1], dtype=float)

    def fixed_point(self, once: _Map) -> FloatArray:
        """The state that an interval leaves as it was."""
        x = np.zeros(len(self.states))
        for _ in range(20):
            x = once(x)
        return self._settle(lambda state: once(np.maximum(state, 0.0)) - state, x)

    def _derivative(self, x: FloatArray, rate: float) -> FloatArray:
        y = np.zeros(len(self.compiled.states))
        y[self.states] = x
        slope = np.array(self.compiled.rhs(0.0, y.tolist(), self.parameters), dtype=float)[self.states]
        slope[self.target] += rate
        return slope

    def _settle(self, function: _Map, guess: FloatArray) -> FloatArray:
        from scipy.optimize import root

        found = root(function, guess, method="hybr", tol=1e-12)
        size = float(np.abs(function(found.x)).max())
        good = size <= 1e-7 * max(1.0, float(np.abs(found.x).max()))
        return np.asarray(found.x, dtype=float) if good else np.full(len(self.states), np.nan)
