"""The likelihood of the data as a smooth sum of squares, with its exact Jacobian.

With ``sd_i = s*w_i``, ``z_i`` the measurement and ``m_i`` the prediction (or their logarithms), minus twice the
log-likelihood is ``sum(((z-m)/(s*w))**2 + 2*log(s*w) + log(2*pi))``. Its minimum over s is reached where the sum of
squares of ``e_i = (z_i - m_i)/w_i*G``, with G the geometric mean of all w, is smallest: so maximum likelihood is least
squares in e even when the variance depends on the prediction. For constant w this is classical nonlinear regression.

Where some sds are taken as they stand there is no common s. Then e is ``(z - m)/(s*w)``, followed by one further
residual for each estimated scale, ``sqrt(2*sum(log(s*w)) + c)``, whose constant c keeps the root real.

A *point* is the working coordinates of the parameters, followed by nuisance coordinates: the mixing ratio of each
combined error, and logarithms of scales (all but the first where a common scale is profiled).
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from pkpd_mdr.fit.errors import ErrorModel
from pkpd_mdr.fit.free import FloatArray
from pkpd_mdr.fit.problem import Prediction, Problem

__all__ = ["Evaluation", "Objective"]

_PENALTY = 1e3  # residual of a row whose condition failed, in sds of the measurements
_TINY = 1e-290
_SPAN = 30.0  # bound of the logarithm of a scale around its first guess


@dataclass(frozen=True, slots=True)
class Evaluation:
    """The objective at one point, of dimension d.

    Attributes
    ----------
    point : ndarray, shape (d,)
    value : float
        Minus twice the log-likelihood, up to a constant.
    squares : float
        Sum of squares of `residuals`.
    residuals : ndarray, shape (rows + extras,)
    jacobian : ndarray, shape (rows + extras, d)
    gradient : ndarray, shape (d,)
        Of `value`.
    curvature : ndarray, shape (d, d)
        Expected second derivatives of `value` (Fisher scoring).
    prediction : Prediction
    """

    point: FloatArray
    value: float
    squares: float
    residuals: FloatArray
    jacobian: FloatArray
    gradient: FloatArray
    curvature: FloatArray
    prediction: Prediction


@dataclass(frozen=True, slots=True)
class Parts:
    """Rows at one point: differences z - m, sds without common scale, and derivatives by the point."""

    difference: FloatArray
    log_w: FloatArray
    mean_by: FloatArray
    log_w_by: FloatArray


@dataclass(slots=True)
class Objective:
    """What a fit minimises.

    Parameters
    ----------
    problem : Problem
    errors : mapping of str to ErrorModel
    """

    problem: Problem
    errors: Mapping[str, ErrorModel]
    worst: dict[str, str] = field(default_factory=dict)
    evaluations: int = 0
    _last: Evaluation | None = None
    _scales: list[int] = field(init=False)
    _mixes: list[int] = field(init=False)
    _guess: FloatArray = field(init=False)

    def __post_init__(self) -> None:
        models = self._models()
        self._mixes = [i for i, model in enumerate(models) if model.mixed]
        scaled = [i for i, model in enumerate(models) if model.scaled]
        self._scales = scaled[1:] if self.profiled else scaled
        spread = np.array([self._spread(i) for i in range(len(models))])
        self._guess = np.log(spread) - (math.log(spread[scaled[0]]) if self.profiled else 0.0)

    def _models(self) -> list[ErrorModel]:
        return [self.errors[name] for name in self.problem.rows.observable]

    def _spread(self, observable: int) -> float:
        """First guess of a scale: a tenth of the spread of the measurements over the shape."""
        rows, model = self.problem.rows, self._models()[observable]
        mine = rows.which == observable
        value, known = rows.value[mine], rows.known[mine]
        shape = model.shape(value, value, np.where(np.isnan(known), 1.0, known))
        z = np.log(value) if model.logarithmic else value / shape.h
        return max(0.1 * float(np.std(z)), 1e-8 * float(np.abs(z).max(initial=1e-8)), 1e-12)

    # -- shape of a point --------------------------------------------------------------------------------

    @property
    def profiled(self) -> bool:
        """Whether one common scale is found in closed form."""
        return all(model.scaled for model in self._models())

    @property
    def dimension(self) -> int:
        """Length of a point."""
        return len(self.problem.space) + len(self._mixes) + len(self._scales)

    @property
    def error_parameters(self) -> int:
        """Number of estimated error parameters."""
        return len(self._mixes) + len(self._scales) + int(self.profiled)

    @property
    def box(self) -> tuple[FloatArray, FloatArray]:
        """Bounds of points, both of shape (d,)."""
        models, guess = self._models(), self._guess[self._scales]
        low = [models[i].mix_bounds[0] for i in self._mixes]
        high = [models[i].mix_bounds[1] for i in self._mixes]
        space = self.problem.space
        return np.concatenate([space.lower, low, guess - _SPAN]), np.concatenate([space.upper, high, guess + _SPAN])

    def complete(self, u: FloatArray) -> FloatArray:
        """A point at `u` with first guesses of the nuisance coordinates."""
        return np.concatenate([u, np.zeros(len(self._mixes)), self._guess[self._scales]])

    def mix(self, point: FloatArray, observable: int) -> float:
        """The mixing ratio of an observable."""
        return (
            float(point[len(self.problem.space) + self._mixes.index(observable)]) if observable in self._mixes else 0.0
        )

    def _log_scale(self, point: FloatArray, observable: int) -> float:
        if observable not in self._scales:
            return 0.0
        return float(point[len(self.problem.space) + len(self._mixes) + self._scales.index(observable)])

    def scale(self, evaluation: Evaluation, observable: int, *, unbiased: bool = True) -> float:
        """The scale s of an observable at an evaluation."""
        return math.exp(self._log_scale(evaluation.point, observable)) * self.common_scale(
            evaluation, unbiased=unbiased
        )

    def common_scale(self, evaluation: Evaluation, *, unbiased: bool = True) -> float:
        """The profiled scale: with degrees of freedom n - k when unbiased, else maximum likelihood; 1 without one."""
        if not self.profiled:
            return 1.0
        rows = len(self.problem.rows)
        freedom = rows - len(self.problem.space) if unbiased else rows
        return math.sqrt(self.reduced_squares(evaluation) / freedom) if freedom > 0 else math.nan

    def reduced_squares(self, evaluation: Evaluation) -> float:
        """Sum of ``((z - m)/w)**2``, without the geometric mean."""
        parts = self.parts(evaluation.point, evaluation.prediction)
        return float(np.sum((parts.difference * np.exp(-parts.log_w)) ** 2))

    # -- evaluation --------------------------------------------------------------------------------------

    def evaluate(self, point: FloatArray) -> Evaluation:
        """Everything at a point; the last one is kept."""
        if self._last is not None and np.array_equal(self._last.point, point):
            return self._last
        self.evaluations += 1
        prediction = self.problem.predict(point[: len(self.problem.space)])
        for name, sentence in prediction.failures.items():
            self.worst.setdefault(name, sentence)
        parts = self.parts(point, prediction)
        self._last = (
            self._profiled(point, prediction, parts) if self.profiled else self._explicit(point, prediction, parts)
        )
        return self._last

    def parts(self, point: FloatArray, prediction: Prediction) -> Parts:
        """Differences, log sds and their derivatives, row by row."""
        rows, k, d = self.problem.rows, len(self.problem.space), self.dimension
        difference, log_w = np.zeros(len(rows)), np.zeros(len(rows))
        mean_by, log_w_by = np.zeros((len(rows), d)), np.zeros((len(rows), d))
        for i, model in enumerate(self._models()):
            mine = np.flatnonzero((rows.which == i) & ~prediction.failed)
            f, y, by = prediction.values[mine], rows.value[mine], prediction.by[mine]
            if model.logarithmic:
                # a prediction of zero or less has no logarithm; it counts as very small, and pulls no further
                above = f > 1e-6 * model.floor
                safe = np.where(above, f, 1e-6 * model.floor)
                difference[mine] = np.log(y / safe)
                mean_by[mine, :k] = np.where(above[:, None], by / safe[:, None], 0.0)
            else:
                difference[mine], mean_by[mine, :k] = y - f, by
            shape = model.shape(f, y, rows.known[mine], self.mix(point, i))
            log_w[mine] = np.log(shape.h) + self._log_scale(point, i) - 0.5 * np.log(rows.n[mine])
            log_w_by[mine, :k] = shape.by_prediction[:, None] * by
            if i in self._mixes:
                log_w_by[mine, k + self._mixes.index(i)] = shape.by_mix
            if i in self._scales:
                log_w_by[mine, k + len(self._mixes) + self._scales.index(i)] = 1.0
        self._penalise(prediction, difference)
        return Parts(difference, log_w, mean_by, log_w_by)

    def _penalise(self, prediction: Prediction, difference: FloatArray) -> None:
        failed = prediction.failed
        if failed.any():
            sizes = np.array([1.0 if m.logarithmic else m.typical for m in self._models()])
            difference[failed] = _PENALTY * sizes[self.problem.rows.which[failed]]

    def _profiled(self, point: FloatArray, prediction: Prediction, parts: Parts) -> Evaluation:
        rows = len(parts.difference)
        mean_log = float(parts.log_w.mean())
        inverse = np.exp(np.clip(mean_log - parts.log_w, -600.0, 600.0))
        e = parts.difference * inverse
        centred = parts.log_w_by - parts.log_w_by.mean(axis=0)
        signal = parts.mean_by * inverse[:, None]
        jacobian = -signal - e[:, None] * centred
        squares = float(e @ e)
        weight = rows / max(squares, _TINY)
        return Evaluation(
            point.copy(),
            rows * math.log(max(squares, _TINY)),
            squares,
            e,
            jacobian,
            2.0 * weight * (jacobian.T @ e),
            2.0 * weight * (signal.T @ signal) + 4.0 * (centred.T @ centred),
            prediction,
        )

    def _explicit(self, point: FloatArray, prediction: Prediction, parts: Parts) -> Evaluation:
        inverse = np.exp(np.clip(-parts.log_w, -600.0, 600.0))
        r = parts.difference * inverse
        signal = parts.mean_by * inverse[:, None]
        jacobian = -signal - r[:, None] * parts.log_w_by
        extra, extra_by = self._extras(parts)
        residuals, jacobian = np.concatenate([r, extra]), np.concatenate([jacobian, extra_by])
        return Evaluation(
            point.copy(),
            float(r @ r) + 2.0 * float(parts.log_w.sum()),
            float(residuals @ residuals),
            residuals,
            jacobian,
            2.0 * jacobian.T @ residuals,
            2.0 * signal.T @ signal + 4.0 * parts.log_w_by.T @ parts.log_w_by,
            prediction,
        )

    def _extras(self, parts: Parts) -> tuple[FloatArray, FloatArray]:
        """One residual for each estimated scale, whose square is twice the sum of log sds plus a constant."""
        extra, by = np.zeros(len(self._scales)), np.zeros((len(self._scales), self.dimension))
        for row, i in enumerate(self._scales):
            mine = self.problem.rows.which == i
            total = 2.0 * float(parts.log_w[mine].sum())
            least = 2.0 * mine.sum() * (self._guess[i] - _SPAN + min(0.0, self._smallest_shape(i)))
            extra[row] = math.sqrt(max(total - least, 1e-12))
            by[row] = parts.log_w_by[mine].sum(axis=0) / extra[row]
        return extra, by

    def _smallest_shape(self, observable: int) -> float:
        model, rows = self._models()[observable], self.problem.rows
        mine = rows.which == observable
        least = [math.log(max(model.floor, 1e-30)), -0.5 * math.log(rows.n[mine].max())]
        return sum(least) - (24.0 if model.mixed else 0.0)

    # -- likelihood --------------------------------------------------------------------------------------

    def minus_two_log_likelihood(self, evaluation: Evaluation) -> float:
        """With all constants, for the measurements as they were taken (not their logarithms)."""
        parts, rows = self.parts(evaluation.point, evaluation.prediction), self.problem.rows
        s = max(self.common_scale(evaluation, unbiased=False), _TINY)
        standardised = parts.difference * np.exp(-parts.log_w) / s
        total = float(standardised @ standardised) + 2.0 * float(np.sum(parts.log_w + math.log(s)))
        logarithmic = np.array([model.logarithmic for model in self._models()])[rows.which]
        total += 2.0 * float(np.log(rows.value[logarithmic]).sum())
        return total + len(rows) * math.log(2.0 * math.pi)
