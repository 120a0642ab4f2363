"""The reference path: SciPy integrators over segments cut at every discontinuity.

One member at a time, state and forward sensitivities together. Affine systems are propagated by matrix exponentials,
which is exact; everything else by LSODA (through `odeint`), BDF, Radau or DOP853. This path stays as the oracle of
faster engines, so it does nothing clever.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt

from pkpd_mdr.arguments import COUNT, NUMBER, TEXT
from pkpd_mdr.engine.lowering import Compiled, FloatArray, Scalar
from pkpd_mdr.errors import PkpdMdrError, SimulationError, shown

__all__ = ["LARGEST", "METHODS", "Accuracy", "BrokenRunError", "Guard", "Propagator"]

Flags = npt.NDArray[np.bool_]
Guard = tuple[Callable[[float, FloatArray], float], int]

LARGEST = 1e100  # LSODA can leap over a blow-up; no real stock comes near this
_NOTHING = 1e-13  # of the time, or hours: stretches that are rounding only
_LSODA_SAYS = {
    "Excess work": "too many steps are needed",
    "Excess accuracy": "the tolerances are finer than the arithmetic",
    "Illegal input": "no step can be made",
    "Repeated error": "no step is small enough for the tolerance",
    "Repeated convergence": "its iteration does not converge",
}
METHODS = ("auto", "LSODA", "BDF", "Radau", "DOP853", "expm", "rodas")


@dataclass(frozen=True, slots=True)
class Accuracy:
    """How exactly and with what effort to integrate.

    Parameters
    ----------
    rtol : float
        Relative tolerance: of a step for SciPy, while the compiled engine takes finer steps and keeps its results
        within five times this (measured on the gallery and on random models).
    atol : float
        Absolute tolerance in units of each state (1e-12 cells, 1e-12 mg ...): a clone of ten cells beside 1e12 is
        resolved, and the error left in an extinct clone stays far below one cell while it grows again.
    method : str
        ``"auto"`` (the compiled engine, matrix exponentials for affine models that it has no closed form for; LSODA
        where llvmlite is missing), ``"rodas"`` (the compiled engine), or of SciPy ``"LSODA"``, ``"BDF"``, ``"Radau"``,
        ``"DOP853"`` and ``"expm"``.
    budget : int
        Most evaluations of the right-hand side between two discontinuities.

    Raises
    ------
    SimulationError
        A tolerance outside (0, 1e-2] or an unknown method.

    Examples
    --------
    The engine held against another solver:

    >>> import pkpd_mdr as mdr
    >>> tumour = mdr.Model(mdr.clone("S", growth=mdr.growth.logistic(rate="0.1 1/day", capacity="1e9 cell"), start=1e6))
    >>> methods = (Accuracy(), Accuracy(rtol=1e-10, method="DOP853"))
    >>> ends = [tumour.simulate(until="90 day", accuracy=how).frame["S"].iloc[-1] for how in methods]
    >>> bool(abs(ends[0] / ends[1] - 1) < 5e-7)
    True
    """

    rtol: float = 1e-7
    atol: float = 1e-12
    method: str = "auto"
    budget: int = 200_000

    def __post_init__(self) -> None:
        for name, kind in (("rtol", NUMBER), ("atol", NUMBER), ("method", TEXT), ("budget", COUNT)):
            if not kind.fits(given := getattr(self, name)):
                raise SimulationError(f"accuracy: {name} is {shown(given)}, not {kind.words}")
        if not 1e-13 <= self.rtol <= 1e-2:
            raise SimulationError(f"rtol = {shown(self.rtol)} is not possible; choose between 1e-13 and 1e-2")
        if not 0 < self.atol < 1e6:
            raise SimulationError(f"atol = {shown(self.atol)} is not possible; choose a positive number such as 1e-12")
        if self.method not in METHODS:
            raise SimulationError(f"method {shown(self.method)} is not known; choose one of {', '.join(METHODS)}")
        if not 1 <= self.budget <= 10**15:
            raise SimulationError(f"budget = {shown(self.budget)} is not possible; choose 1 to 10**15 evaluations")
        object.__setattr__(self, "rtol", float(self.rtol))
        object.__setattr__(self, "atol", float(self.atol))


class BrokenRunError(PkpdMdrError):
    """The integration stopped: when, at which state, and why; a NaN where it cannot begin. Becomes a `Status`."""

    def __init__(self, reason: str, t: float, y: FloatArray) -> None:
        super().__init__(reason)
        self.reason, self.t, self.y = reason, t, y


@dataclass(slots=True)
class Propagator:
    """Carries state and sensitivities of one member over a stretch without discontinuities.

    Parameters
    ----------
    compiled : Compiled
    parameters : ndarray, shape (p,)
    accuracy : Accuracy
    columns : sequence of str
        Parameters by which to differentiate; empty for none.
    """

    compiled: Compiled
    parameters: FloatArray
    accuracy: Accuracy
    columns: Sequence[str] = ()
    steps: int = 0
    _calls: int = 0
    _plain: list[float] = field(default_factory=list)
    _guarded: list[bool] = field(default_factory=list)
    _exponentials: dict[tuple[bytes, float], FloatArray] = field(default_factory=dict)

    def advance(
        self, t0: float, z0: FloatArray, times: FloatArray, inputs: FloatArray, inputs_by: FloatArray | None = None
    ) -> FloatArray:
        """Integrate from `t0` to each of `times`.

        Parameters
        ----------
        t0 : float
            Hours.
        z0 : ndarray, shape (n * (1 + columns),)
            State followed by its sensitivities, row by row.
        times : ndarray, shape (k,)
            Increasing, all after `t0`.
        inputs : ndarray, shape (n,)
            Constant inputs to the states during this stretch.
        inputs_by : ndarray, shape (n, columns), optional
            Their derivatives by the parameters.

        Returns
        -------
        ndarray, shape (k, n * (1 + columns))

        Raises
        ------
        BrokenRunError
            A right-hand side that is not finite, an exhausted budget, or a step that cannot be made.
        """
        method = self.accuracy.method
        if not self.compiled.states:
            return np.zeros((len(times), 0))
        if self.compiled.linear and not self.columns and method in ("auto", "expm"):
            return self._exponential(t0, z0, times, inputs)
        if method == "expm":
            raise SimulationError("method 'expm' needs a model that is linear in its states; use 'auto' or 'LSODA'")
        near = int(np.searchsorted(times, t0 + _NOTHING * max(1.0, abs(t0)), side="right"))
        if near:  # times of acts that should be equal may differ by rounding, and no integrator can step so little
            held = np.repeat(z0[None], near, axis=0)
            rest = times[near:]
            return np.vstack([held, self.advance(t0, z0, rest, inputs, inputs_by)]) if len(rest) else held
        self._calls = 0
        by = np.zeros((len(self.compiled.states), len(self.columns))) if inputs_by is None else inputs_by
        if method in ("auto", "LSODA"):
            return self._lsoda(t0, z0, times, inputs, by)
        return self._solve_ivp(method, t0, z0, times, inputs, by)

    def __post_init__(self) -> None:
        self._plain = self.parameters.tolist()
        self._guarded = self.compiled.guarded.tolist()

    def switch(self, parameters: FloatArray) -> None:
        """Put other parameters in force and drop what was computed for the old ones."""
        self.parameters, self._plain = parameters, parameters.tolist()
        self._exponentials.clear()

    def derivative(self, t: float, y: FloatArray, inputs: FloatArray) -> FloatArray:
        """Time derivative of the states at one point, shape (n,)."""
        return np.array(self._call(self.compiled.rhs, t, self._stocks(y)), dtype=float) + inputs

    def process_rates(self, t: float, y: FloatArray) -> dict[str, float]:
        """The rate of every process at one point; NaN where it cannot be evaluated."""
        return self.compiled.rates(t, y.tolist(), self._plain)

    def watched(
        self, t0: float, z0: FloatArray, times: FloatArray, inputs: FloatArray, guards: Sequence[Guard]
    ) -> tuple[FloatArray, tuple[float, FloatArray, int] | None]:
        """As `advance`, up to the first crossing of a guard, by SciPy's events.

        Parameters
        ----------
        t0, z0, times, inputs
            As in `advance`, without sensitivities.
        guards : sequence of (function of (t, y), direction)

        Returns
        -------
        reached : ndarray, shape (k, n)
            At those of `times` before the crossing.
        crossing : (time, state, guard) or None

        Raises
        ------
        BrokenRunError
            As in `advance`.
        """
        from scipy.integrate import solve_ivp

        events: list[Any] = []
        for function, direction in guards:
            event: Any = partial(_later, t0, function)
            event.terminal, event.direction = True, direction
            events.append(event)
        method = self.accuracy.method if self.accuracy.method not in ("auto", "expm") else "LSODA"
        solver: Any = solve_ivp
        none = np.zeros((len(z0), 0))
        self._calls = 0
        spent = times - t0  # as in _solve_ivp
        result = solver(
            lambda s, z: self._derivative(t0 + s, z, inputs, none), (0.0, float(spent[-1])), z0, method=method,
            t_eval=spent, events=events, rtol=max(self.accuracy.rtol, 3e-14), atol=self._tolerances(),
        )  # fmt: skip
        self.steps += len(result.t)
        if result.status < 0:
            raise BrokenRunError(f"{method} gave up ({result.message.rstrip('.').lower()})", t0, z0.copy())
        reached = np.asarray(result.y.T if np.size(result.y) else np.empty((0, len(z0))), dtype=float)
        hit = [k for k, found in enumerate(result.t_events) if len(found)]
        if not hit:
            return reached, None
        first = min(hit, key=lambda k: result.t_events[k][0])
        return reached, (t0 + float(result.t_events[first][0]), np.asarray(result.y_events[first][0]), first)

    # -- affine ----------------------------------------------------------------------------------------

    def _exponential(self, t0: float, z0: FloatArray, times: FloatArray, inputs: FloatArray) -> FloatArray:
        out = np.empty((len(times), len(z0)))
        y, now = z0, t0
        for k, time in enumerate(times):
            matrix = self._step_matrix(time - now, inputs)
            with np.errstate(all="ignore"):
                y = matrix[:-1, :-1] @ y + matrix[:-1, -1]
            now = float(time)
            if not np.isfinite(y).all():
                raise BrokenRunError("the state is no longer finite", now, y)
            out[k] = y
            self.steps += 1
        return out

    def _step_matrix(self, length: float, inputs: FloatArray) -> FloatArray:
        from scipy.linalg import expm

        key = (inputs.tobytes(), round(length, 12))
        if key not in self._exponentials:
            n = len(self.compiled.states)
            augmented = np.zeros((n + 1, n + 1))
            zero = [0.0] * n
            augmented[:n, :n] = np.reshape(self._call(self.compiled.jacobian, 0.0, zero), (n, n))
            augmented[:n, n] = np.asarray(self._call(self.compiled.rhs, 0.0, zero)) + inputs
            with np.errstate(all="ignore"):  # an overflow shows in the state, which is checked
                self._exponentials[key] = np.asarray(expm(augmented * length))
        return self._exponentials[key]

    # -- right-hand side -------------------------------------------------------------------------------

    def _call(self, function: Scalar, t: float, y: list[float]) -> list[float]:
        try:
            return function(t, y, self._plain)
        except (ZeroDivisionError, OverflowError, ValueError) as problem:
            raise BrokenRunError(f"the right-hand side cannot be evaluated ({problem})", t, np.array(y)) from problem

    def _stocks(self, y: FloatArray) -> list[float]:
        """The state as rates see it: a stock that noise took below zero counts as empty.

        Otherwise the growth law would let the noise of an extinct clone grow into negative cells.
        """
        plain: list[float] = y.tolist()
        if y.min() < 0.0:
            return [0.0 if low and v < 0.0 else v for low, v in zip(self._guarded, plain, strict=True)]
        return plain

    def _derivative(self, t: float, z: FloatArray, inputs: FloatArray, inputs_by: FloatArray) -> FloatArray:
        self._calls += 1
        n, m = len(self.compiled.states), len(self.columns)
        y = z[:n]
        if self._calls > self.accuracy.budget:
            raise BrokenRunError(f"the budget of {self.accuracy.budget} evaluations is used up", t, y.copy())
        plain = self._stocks(y)
        if not m:
            out = np.array(self._call(self.compiled.rhs, t, plain))
            out += inputs
        else:
            flat = np.array(self._call(self.compiled.variational(self.columns), t, plain))
            jacobian, forcing = flat[n : n + n * n].reshape(n, n), flat[n + n * n :].reshape(n, m)
            out = np.empty_like(z)
            out[:n] = flat[:n] + inputs
            out[n:] = (jacobian @ z[n:].reshape(n, m) + forcing + inputs_by).ravel()
        if not math.isfinite(out.sum()):
            raise BrokenRunError("a rate is not finite", t, y.copy())
        if n and (max(map(abs, plain)) > LARGEST or np.abs(out[:n]).max() > LARGEST):
            raise BrokenRunError("a state grows without limit", t, y.copy())
        return out

    def _block_jacobian(self, t: float, z: FloatArray, inputs: FloatArray | float = 0.0) -> FloatArray:
        """Jacobian for Newton steps.

        The coupling of sensitivities to the state is left out, which costs iterations, not accuracy.
        """
        n, m = len(self.compiled.states), len(self.columns)
        jacobian = np.reshape(self._call(self.compiled.jacobian, t, self._stocks(z[:n])), (n, n))
        jacobian[:, self.compiled.guarded & (z[:n] < 0.0)] = 0.0  # rates read noise below zero as empty
        diagonal = np.diag(np.diag(jacobian))
        # rounding in pivots would be cells of an absent clone, which grow, or traces of a drug before its first dose
        still = np.array(self._call(self.compiled.rhs, t, self._stocks(z[:n]))) + inputs == 0.0
        absent = _absent((z[:n] == 0.0) & still, jacobian - diagonal != 0.0)
        own = np.where(absent[:, None] | absent, diagonal, jacobian)
        if not m:
            return own
        out = np.zeros((n * (1 + m), n * (1 + m)))
        out[:n, :n] = own
        out[n:, n:] = np.kron(jacobian, np.eye(m))
        return out

    def _tolerances(self) -> FloatArray:
        state = self.accuracy.atol * self.compiled.scale
        if not self.columns:
            return state
        positions = [self.compiled.parameters.index(name) for name in self.columns]
        sizes = np.maximum(np.abs(self.parameters[positions]), 1e-12)
        # a sensitivity matters through its product with a relative change of the parameter
        loose = np.maximum(state, 1e-6 * self.accuracy.rtol * self.compiled.scale)
        return np.concatenate([state, (loose[:, None] / sizes).ravel()])

    # -- integrators -----------------------------------------------------------------------------------

    def _lsoda(
        self, t0: float, z0: FloatArray, times: FloatArray, inputs: FloatArray, inputs_by: FloatArray
    ) -> FloatArray:
        from scipy.integrate import ODEintWarning, odeint

        lsoda: Any = odeint

        def derivative(t: float, z: FloatArray) -> FloatArray:
            """Rates as LSODA asks for them, per hour."""
            return self._derivative(t, z, inputs, inputs_by)

        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ODEintWarning)
            values, info = lsoda(
                derivative,
                z0,
                np.concatenate([[t0], times]),
                Dfun=partial(self._block_jacobian, inputs=inputs),
                tfirst=True,
                rtol=self.accuracy.rtol,
                atol=self._tolerances(),
                tcrit=[float(times[-1])],
                mxstep=self.accuracy.budget,
                full_output=True,
            )
        self.steps += int(info["nst"][-1])
        finite = np.isfinite(values).all(axis=1)
        if info["message"] != "Integration successful." or not finite.all():
            last = np.asarray(values[max(int(np.argmin(finite)) - 1, 0)]) if not finite.all() else values[-1]
            when = float(np.clip(np.nanmax(info["tcur"]), t0, times[-1]))
            raise BrokenRunError(_lsoda_words(info["message"], bool(finite.all())), when, last)
        return np.asarray(values[1:], dtype=float)

    def _solve_ivp(
        self, method: str, t0: float, z0: FloatArray, times: FloatArray, inputs: FloatArray, inputs_by: FloatArray
    ) -> FloatArray:
        from scipy.integrate import solve_ivp

        # in units of the tolerances, because pools of 1e-12 beside 1e9 cells spoil the linear systems of BDF and Radau
        tolerances = self._tolerances()
        unit = np.where(tolerances > 0.0, tolerances, 1.0)
        options: dict[str, Any] = {
            "jac": lambda s, z: self._block_jacobian(t0 + s, z * unit, inputs) * unit / unit[:, None]
        }
        # time is counted from the start of the stretch: the first step into a pool that was empty is so short that the
        # rounding of t0 + step is a percent of it, which BDF takes for an error that no step is small enough for
        spent = times - t0
        solver: Any = solve_ivp  # its stubs know no common type for all methods
        try:
            result = solver(
                lambda s, z: self._derivative(t0 + s, z * unit, inputs, inputs_by) / unit,
                (0.0, float(spent[-1])),
                z0 / unit,
                method=method,
                t_eval=spent,
                rtol=max(self.accuracy.rtol, 3e-14),
                atol=tolerances / unit,
                **({} if method == "DOP853" else options),
            )
        except (ValueError, np.linalg.LinAlgError) as problem:
            raise BrokenRunError(
                f"{method} gave up ({problem})", t0, z0[: len(self.compiled.states)].copy()
            ) from problem
        self.steps += len(result.t)
        if not result.success:
            last = result.y[:, -1] * unit if np.size(result.y) else z0  # SciPy gives a list when it has no row at all
            when = t0 + float(result.t[-1]) if len(result.t) else t0
            raise BrokenRunError(f"{method} gave up ({result.message.rstrip('.').lower()})", when, last)
        return np.asarray(result.y.T * unit, dtype=float)


def _absent(empty: Flags, feeds: Flags) -> Flags:
    """What is empty and fed by nothing but what is absent itself, directly or through others."""
    while np.any(fed := empty & feeds[:, ~empty].any(axis=1)):
        empty = empty & ~fed
    return empty


def _later(t0: float, function: Callable[[float, FloatArray], float], s: float, y: FloatArray) -> float:
    return function(t0 + s, y)


def _lsoda_words(message: str, finite: bool) -> str:
    """What LSODA's message means, in words for a user."""
    if message == "Integration successful.":
        return "the state is no longer finite" if not finite else "LSODA stopped early"
    for start, words in _LSODA_SAYS.items():
        if message.startswith(start):
            return f"LSODA gave up, because {words}"
    return f"LSODA gave up ({message.rstrip('.').lower()})"
