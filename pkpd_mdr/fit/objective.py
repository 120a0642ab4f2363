"""The likelihood of the data as something to minimise, with its exact slope.

With ``sd_i = s*w_i``, ``z_i`` the measurement and ``m_i`` the prediction (or their logarithms), minus twice the normal
log-likelihood is ``sum(((z-m)/(s*w))**2 + 2*log(s*w) + log(2*pi))``. Its minimum over s is reached where the sum of
squares of ``e_i = (z_i - m_i)/w_i*G``, with G the geometric mean of all w, is smallest: so maximum likelihood is least
squares in e even when the variance depends on the prediction. For constant w this is classical nonlinear regression.

Where there is no common s (some sds taken as they stand, counts, Student's t, values beyond a limit, priors) minus
twice the log-likelihood itself is minimised, by scoring on its expected curvature. It is not made a sum of squares with
signed roots of deviances: their Jacobian is 0/0 where a row fits exactly, and a spread that is estimated, too, would
make the saturated deviances move.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from pkpd_mdr.fit.curvature import pseudo_inverse
from pkpd_mdr.fit.errors import ErrorModel
from pkpd_mdr.fit.free import FloatArray
from pkpd_mdr.fit.likelihoods import Terms
from pkpd_mdr.fit.parts import Layout, Parts, row_parts, row_terms
from pkpd_mdr.fit.priors import prior_rows
from pkpd_mdr.fit.problem import Prediction, Problem
from pkpd_mdr.fit.readout import on_curves, solved

__all__ = ["Evaluation", "Objective"]

_TINY = 1e-290
_LEAST_SCALE = 1e-100  # where every measurement is met exactly: its information is a number still
_ROUNDING = 1e-13  # share of a curvature that may be left by rounding where all of it is taken out


@dataclass(frozen=True, slots=True)
class Evaluation:
    """The objective at one point, of dimension d.

    Attributes
    ----------
    point : ndarray, shape (d,)
    value : float
        Minus twice the log-likelihood (with priors: of the posterior density), up to a constant.
    squares : float
        Sum of squares of `residuals`.
    residuals : ndarray, shape (rows,)
        Standardised differences; what least squares minimises where `Objective.least_squares`.
    jacobian : ndarray, shape (rows, d)
        Of the residuals.
    gradient : ndarray, shape (d,)
        Of `value`.
    curvature : ndarray, shape (d, d)
        Expected second derivatives of `value` (Fisher scoring).
    prediction : Prediction
        With scales and offsets of readouts in it.
    by_readouts : ndarray, shape (r, d + r)
        Expected second derivatives of `value` by these scales and offsets, and by the point and them.
    """

    point: FloatArray
    value: float
    squares: float
    residuals: FloatArray
    jacobian: FloatArray
    gradient: FloatArray
    curvature: FloatArray
    prediction: Prediction
    by_readouts: FloatArray

    @property
    def finite(self) -> bool:
        """Whether value, slope and curvature are numbers that a search can go on from."""
        return bool(np.isfinite(self.value) and np.isfinite(self.gradient).all() and np.isfinite(self.curvature).all())


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
    layout: Layout = field(init=False)
    _last: Evaluation | None = None

    def __post_init__(self) -> None:
        self.layout = Layout(self.problem, self.errors, self.profiled)

    # -- shape of a point --------------------------------------------------------------------------------

    @property
    def profiled(self) -> bool:
        """Whether one common scale is found in closed form."""
        normal = all(self.errors[name].normal and self.errors[name].scaled for name in self.problem.rows.observable)
        return normal and not self.problem.rows.censored.any() and not self.priors

    @property
    def priors(self) -> int:
        """Number of parameters with a prior."""
        return sum(item.prior is not None for item in self.problem.space.free)

    @property
    def least_squares(self) -> bool:
        """Whether the minimum is that of a sum of squares."""
        taken = all(self.errors[name].kind == "sd" for name in self.problem.rows.observable)
        return self.profiled or (taken and not self.problem.rows.censored.any() and not self.priors)

    @property
    def dimension(self) -> int:
        """Length of a point."""
        return self.layout.dimension

    @property
    def error_parameters(self) -> int:
        """Number of estimated error parameters."""
        return self.dimension - len(self.problem.space) + int(self.profiled)

    @property
    def readout_parameters(self) -> int:
        """Number of scales and offsets of readouts."""
        return len(self.problem.readouts)

    @property
    def box(self) -> tuple[FloatArray, FloatArray]:
        """Bounds of points, both of shape (d,)."""
        return self.layout.box

    def complete(self, u: FloatArray) -> FloatArray:
        """A point at `u` with first guesses of the nuisance coordinates."""
        return self.layout.complete(u)

    def mix(self, point: FloatArray, observable: int) -> float:
        """The mixing ratio of an observable."""
        at = self.layout.mix_at(observable)
        return 0.0 if at is None else float(point[at])

    def extra(self, point: FloatArray, observable: int) -> float:
        """The coordinate of the family of an observable: logarithm of df, alpha, or 1/rho - 1."""
        return self.layout.extra(point, observable)

    def scale(self, evaluation: Evaluation, observable: int, *, unbiased: bool = True) -> float:
        """The scale s of an observable at an evaluation."""
        at = self.layout.scale_at(observable)
        own = 1.0 if at is None else math.exp(float(evaluation.point[at]))
        return own * self.common_scale(evaluation, unbiased=unbiased)

    def common_scale(self, evaluation: Evaluation, *, unbiased: bool = True) -> float:
        """The profiled scale: with degrees of freedom n - k when unbiased, else maximum likelihood; 1 without one."""
        if not self.profiled:
            return 1.0
        rows = len(self.problem.rows)
        freedom = rows - len(self.problem.space) - self.readout_parameters if unbiased else rows
        return math.sqrt(self.reduced_squares(evaluation) / freedom) if freedom > 0 else math.nan

    def exact(self, evaluation: Evaluation) -> bool:
        """Whether every measurement is met to the last digit, so that there is no error to tell."""
        return self.profiled and self.common_scale(evaluation, unbiased=False) < _LEAST_SCALE

    def reduced_squares(self, evaluation: Evaluation) -> float:
        """Sum of ``((z - m)/w)**2``, without the geometric mean; rows beyond a limit are left out."""
        parts = self.parts(evaluation.point, evaluation.prediction)
        seen = self.problem.rows.censored == 0
        return float(np.sum((parts.difference * np.exp(-parts.log_w))[seen] ** 2))

    # -- evaluation --------------------------------------------------------------------------------------

    def evaluate(self, point: FloatArray) -> Evaluation:
        """Everything at a point; the last one is kept."""
        if self._last is None or not np.array_equal(self._last.point, point):
            self._last = self.evaluate_many([point])[0]
        return self._last

    def evaluate_many(self, points: Sequence[FloatArray]) -> list[Evaluation]:
        """Everything at several points, in one call of the engine."""
        k = len(self.problem.space)
        self.evaluations += len(points)
        predictions = self.problem.predict_many([point[:k] for point in points])
        with np.errstate(all="ignore"):  # what is not finite is judged by the search
            return [self._evaluation(point, found) for point, found in zip(points, predictions, strict=True)]

    def _evaluation(self, point: FloatArray, prediction: Prediction) -> Evaluation:
        for name, sentence in prediction.failures.items():
            self.worst.setdefault(name, sentence)
        if self.problem.readouts:
            prediction = solved(self.layout, point, prediction, self.profiled)
        parts = self.parts(point, prediction)
        return self._profiled(point, prediction, parts) if self.profiled else self._explicit(point, prediction, parts)

    def parts(self, point: FloatArray, prediction: Prediction) -> Parts:
        """Differences, log sds and their derivatives, row by row."""
        return row_parts(self.layout, point, prediction)

    def _profiled(self, point: FloatArray, prediction: Prediction, parts: Parts) -> Evaluation:
        rows = len(parts.difference)
        mean_log = float(parts.log_w.mean())
        inverse = np.exp(np.clip(mean_log - parts.log_w, -600.0, 600.0))
        e = parts.difference * inverse
        centred = parts.log_w_by - parts.log_w_by.mean(axis=0)
        signal = parts.mean_by * inverse[:, None]
        jacobian = self._without_readouts(-signal - e[:, None] * centred)
        squares = float(e @ e)
        weight = rows / max(squares, _TINY)
        curvature = 2.0 * weight * (signal.T @ signal) + 4.0 * (centred.T @ centred)
        return Evaluation(
            point.copy(),
            rows * math.log(max(squares, _TINY)),
            squares,
            e,
            jacobian,
            2.0 * weight * (jacobian.T @ e),
            self._reduced(curvature),
            prediction,
            curvature[self.dimension :],
        )

    def _explicit(self, point: FloatArray, prediction: Prediction, parts: Parts) -> Evaluation:
        terms, d = row_terms(self.layout, point, prediction, parts), self.dimension
        r = parts.difference * np.exp(np.clip(-parts.log_w, -600.0, 600.0))
        by = np.stack([parts.mean_by, parts.log_w_by, parts.extra_by])
        gradient = np.einsum("ri,ird->d", terms.slope, by)[:d]
        curvature = np.einsum("ird,rij,jre->de", by, terms.information, by, optimize=True)
        value = float(terms.value.sum())
        prior, prior_by = prior_rows(self.problem.space, point)
        inverse = np.exp(np.clip(-parts.log_w, -600.0, 600.0))[:, None]
        jacobian = self._without_readouts(-parts.mean_by * inverse - r[:, None] * parts.log_w_by)
        return Evaluation(
            point.copy(),
            value + float(prior @ prior) if math.isfinite(value) else math.inf,
            float(r @ r),
            r,
            jacobian,
            gradient + 2.0 * prior_by.T @ prior,
            self._reduced(curvature) + 2.0 * prior_by.T @ prior_by,
            prediction,
            curvature[d:],
        )

    def _without_readouts(self, jacobian: FloatArray) -> FloatArray:
        """The Jacobian once readouts follow (variable projection, Kaufman's form)."""
        d = self.dimension
        if jacobian.shape[1] == d or not np.isfinite(jacobian).all():
            return jacobian[:, :d]
        own, readouts = jacobian[:, :d], jacobian[:, d:]
        return np.asarray(own - readouts @ np.linalg.lstsq(readouts, own, rcond=None)[0])

    def _reduced(self, curvature: FloatArray) -> FloatArray:
        """Curvature by the point once readouts follow: a Schur complement."""
        d = self.dimension
        if len(curvature) == d:
            return curvature
        own, cross = curvature[:d, :d], curvature[d:, :d]
        reduced = own - cross.T @ pseudo_inverse(curvature[d:, d:]) @ cross
        gone = np.diag(reduced) <= _ROUNDING * np.diag(own)  # readouts can do what the coordinate does
        return np.asarray(np.where(gone[:, None] | gone, 0.0, reduced))

    def curves(self, evaluation: Evaluation, times: Sequence[FloatArray]) -> list[tuple[FloatArray, FloatArray, str]]:
        """Curves of all members as the readouts show them; see `Problem.simulate`."""
        found = self.problem.simulate(evaluation.point[: len(self.problem.space)], times)
        if evaluation.prediction.readout is None:
            return found
        scale, offset = on_curves(self.problem, evaluation.prediction.readout)
        return [(t, values * scale[i] + offset[i], why) for i, (t, values, why) in enumerate(found)]

    # -- likelihood --------------------------------------------------------------------------------------

    def minus_two_log_likelihood(self, evaluation: Evaluation) -> float:
        """With all constants, for the measurements as they were taken (not their logarithms), without priors."""
        parts = self.parts(evaluation.point, evaluation.prediction)
        return float(self.terms(evaluation, parts).value.sum())

    def terms(self, evaluation: Evaluation, parts: Parts, *, unbiased: bool = False) -> Terms:
        """The likelihood of each row, with the common scale in it where there is one."""
        if self.profiled:
            s = max(self.common_scale(evaluation, unbiased=unbiased), _LEAST_SCALE)
            scaled = parts.log_w + math.log(s)
            parts = Parts(parts.difference, scaled, parts.mean_by, parts.log_w_by, parts.extra_by)
        return row_terms(self.layout, evaluation.point, evaluation.prediction, parts)
