"""Rows at one point: predictions, error models and nuisance coordinates become likelihoods with derivatives.

A *point* is the working coordinates of the parameters, followed by nuisance coordinates: the mixing ratio of each
combined error, logarithms of scales (all but the first where a common scale is profiled), and the coordinates of
families (degrees of freedom, dispersions).
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from pkpd_mdr.fit.errors import ErrorModel
from pkpd_mdr.fit.free import FloatArray
from pkpd_mdr.fit.likelihoods import Terms, beta_binomial, binomial, censored, negative_binomial, normal, student_t
from pkpd_mdr.fit.problem import Prediction, Problem

__all__ = ["Layout", "Parts", "row_parts", "row_terms"]

_PENALTY = 1e3  # residual of a row whose condition failed, in sds of the measurements
_END = 5.0  # mixing ratio, as a logarithm, from which on one of two errors is nearly all of the sd
_SPAN = 30.0  # bound of the logarithm of a scale around its first guess


@dataclass(frozen=True, slots=True)
class Parts:
    """Rows at one point, of dimension d with r scales and offsets of readouts.

    Attributes
    ----------
    difference : ndarray, shape (rows,)
        Measurement minus prediction, or the difference of their logarithms.
    log_w : ndarray, shape (rows,)
        Logarithm of the sd, without a profiled common scale.
    mean_by, log_w_by, extra_by : ndarray, shape (rows, d + r)
        Derivatives by the point and by readouts of location, logarithm of spread, and coordinate of the family.
    """

    difference: FloatArray
    log_w: FloatArray
    mean_by: FloatArray
    log_w_by: FloatArray
    extra_by: FloatArray


@dataclass(slots=True)
class Layout:
    """Where the nuisance coordinates of a point are.

    Parameters
    ----------
    problem : Problem
    errors : mapping of str to ErrorModel
    profiled : bool
        Whether one common scale is found in closed form.
    """

    problem: Problem
    errors: Mapping[str, ErrorModel]
    profiled: bool
    models: tuple[ErrorModel, ...] = field(init=False)
    mixes: tuple[int, ...] = field(init=False)
    scales: tuple[int, ...] = field(init=False)
    extras: tuple[int, ...] = field(init=False)
    guess: FloatArray = field(init=False)

    def __post_init__(self) -> None:
        self.models = tuple(self.errors[name] for name in self.problem.rows.observable)
        self.mixes = tuple(i for i, model in enumerate(self.models) if model.mixed)
        scaled = tuple(i for i, model in enumerate(self.models) if model.scaled)
        self.scales = scaled[1:] if self.profiled else scaled
        self.extras = tuple(i for i, model in enumerate(self.models) if model.extra is not None)
        spread = np.array([self._spread(i) for i in range(len(self.models))])
        self.guess = np.log(spread) - (math.log(spread[scaled[0]]) if self.profiled else 0.0)

    def _spread(self, observable: int) -> float:
        """First guess of a scale: a tenth of the spread of measurements over their shape, or of their size."""
        rows, model = self.problem.rows, self.models[observable]
        mine = rows.which == observable
        value, known = rows.value[mine], rows.known[mine]
        shape = model.shape(value, value, np.where(np.isnan(known), 1.0, known))
        z = np.log(value) if model.logarithmic else value / shape.h
        spread, size = float(np.std(z)), float(np.abs(z).max(initial=1e-8))
        if spread < 1e-8 * size and np.ptp(value) > 0.0:  # the shape is the measurement itself: a share of it
            spread = size
        return max(0.1 * spread, 1e-8 * size, 1e-12)

    @property
    def dimension(self) -> int:
        """Length of a point."""
        return len(self.problem.space) + len(self.mixes) + len(self.scales) + len(self.extras)

    @property
    def box(self) -> tuple[FloatArray, FloatArray]:
        """Bounds of points, both of shape (d,)."""
        guess, space = self.guess[list(self.scales)], self.problem.space
        mixes = [self.models[i].mix_bounds for i in self.mixes]
        extras = [(extra[1], extra[2]) for i in self.extras if (extra := self.models[i].extra)]
        low, high = ([pair[side] for pair in mixes] for side in (0, 1))
        least, most = ([pair[side] for pair in extras] for side in (0, 1))
        return (
            np.concatenate([space.lower, low, guess - _SPAN, least]),
            np.concatenate([space.upper, high, guess + _SPAN, most]),
        )

    def complete(self, u: FloatArray) -> FloatArray:
        """A point at `u` with first guesses of the nuisance coordinates."""
        extras = [extra[0] for i in self.extras if (extra := self.models[i].extra)]
        return np.concatenate([u, np.zeros(len(self.mixes)), self.guess[list(self.scales)], extras])

    def ends(self, point: FloatArray) -> list[FloatArray]:
        """The point with each combined error nearly additive, then nearly proportional."""
        found = []
        for observable in self.mixes:
            for mix in (-_END, _END):
                found.append(point.copy())
                found[-1][self.mix_at(observable)] = mix
        return found

    def mix_at(self, observable: int) -> int | None:
        """Position of the mixing ratio of an observable."""
        return len(self.problem.space) + self.mixes.index(observable) if observable in self.mixes else None

    def scale_at(self, observable: int) -> int | None:
        """Position of the logarithm of the scale of an observable."""
        first = len(self.problem.space) + len(self.mixes)
        return first + self.scales.index(observable) if observable in self.scales else None

    def extra_at(self, observable: int) -> int | None:
        """Position of the coordinate of the family of an observable."""
        first = len(self.problem.space) + len(self.mixes) + len(self.scales)
        return first + self.extras.index(observable) if observable in self.extras else None

    def extra(self, point: FloatArray, observable: int) -> float:
        """The coordinate of the family of an observable, given or estimated; 0 where it has none."""
        at, freedom = self.extra_at(observable), self.models[observable].freedom
        return float(point[at]) if at is not None else math.log(freedom) if freedom is not None else 0.0


def row_parts(layout: Layout, point: FloatArray, prediction: Prediction) -> Parts:
    """Differences, log sds and their derivatives, row by row."""
    rows, k, d = layout.problem.rows, len(layout.problem.space), layout.dimension
    readouts = prediction.readout_by
    width = d + (0 if readouts is None else readouts.shape[1])
    difference, log_w = np.zeros(len(rows)), np.zeros(len(rows))
    mean_by, log_w_by, extra_by = (np.zeros((len(rows), width)) for _ in range(3))
    for i, model in enumerate(layout.models):
        mine = np.flatnonzero((rows.which == i) & ~prediction.failed)
        f, y = prediction.values[mine], rows.value[mine]
        by = np.zeros((len(mine), width))
        by[:, :k] = prediction.by[mine]
        if readouts is not None:
            by[:, d:] = readouts[mine]
        mix_at, scale_at, extra_at = layout.mix_at(i), layout.scale_at(i), layout.extra_at(i)
        if extra_at is not None:
            extra_by[mine, extra_at] = 1.0
        if model.discrete:
            above = f * model.unit > model.least
            difference[mine], mean_by[mine] = y - f, np.where(above[:, None], by, 0.0)
            log_w[mine] = np.log(model.spread(f, rows.n[mine], layout.extra(point, i)))
            continue
        if model.logarithmic:
            # a prediction of zero or less has no logarithm; it counts as very small, and pulls no further
            above = f > 1e-6 * model.floor
            safe = np.where(above, f, 1e-6 * model.floor)
            difference[mine] = np.log(y / safe)
            mean_by[mine] = np.where(above[:, None], by / safe[:, None], 0.0)
        else:
            difference[mine], mean_by[mine] = y - f, by
        shape = model.shape(f, y, rows.known[mine], 0.0 if mix_at is None else float(point[mix_at]))
        log_w[mine] = np.log(shape.h) - 0.5 * np.log(rows.n[mine])
        log_w_by[mine] = shape.by_prediction[:, None] * by
        if mix_at is not None:
            log_w_by[mine, mix_at] = shape.by_mix
        if scale_at is not None:
            log_w[mine] += point[scale_at]
            log_w_by[mine, scale_at] = 1.0
    _penalise(layout, prediction, difference)
    return Parts(difference, log_w, mean_by, log_w_by, extra_by)


def _penalise(layout: Layout, prediction: Prediction, difference: FloatArray) -> None:
    failed = prediction.failed
    if failed.any():
        sizes = np.array([1.0 if m.logarithmic else m.typical for m in layout.models])
        difference[failed] = _PENALTY * sizes[layout.problem.rows.which[failed]]


def row_terms(layout: Layout, point: FloatArray, prediction: Prediction, parts: Parts) -> Terms:
    """The likelihood of each row; a row of a failed condition costs as much as a thousand sds."""
    rows, terms = layout.problem.rows, Terms.empty(len(layout.problem.rows))
    failed = prediction.failed
    terms.value[failed] = _PENALTY**2
    for i, model in enumerate(layout.models):
        mine = np.flatnonzero((rows.which == i) & ~failed & (rows.censored == 0))
        extra = layout.extra(point, i)
        if model.discrete:
            terms.put(mine, _discrete(model, prediction.values[mine], rows.value[mine], rows.n[mine], extra))
            continue
        difference, log_w = parts.difference[mine], parts.log_w[mine]
        terms.put(mine, normal(difference, log_w) if model.normal else student_t(difference, log_w, extra))
        if model.logarithmic:  # a density of the measurement, not of its logarithm
            terms.value[mine] += 2.0 * np.log(rows.value[mine])
        beyond = np.flatnonzero((rows.which == i) & ~failed & (rows.censored != 0))
        if len(beyond):
            side = rows.censored[beyond].astype(np.float64)
            tail = None if model.normal else extra
            terms.put(beyond, censored(parts.difference[beyond], parts.log_w[beyond], side, tail))
    return terms


def _discrete(model: ErrorModel, f: FloatArray, y: FloatArray, n: FloatArray, extra: float) -> Terms:
    """Counts and fractions; the location is the prediction in its own unit, the value a density like all others."""
    mean, total = np.maximum(f * model.unit, model.least), np.round(y * model.unit * n)
    if model.kind == "negative_binomial":
        terms = negative_binomial(total, n, mean, extra)
    elif model.kind == "binomial":
        terms = binomial(total, n, mean)
    else:
        terms = beta_binomial(total, n, mean, extra)
    value = terms.value - 2.0 * np.log(n * model.unit)
    slope, information = terms.slope.copy(), terms.information.copy()
    slope[:, 0] *= model.unit
    information[:, 0] *= model.unit
    information[:, :, 0] *= model.unit
    return Terms(value, slope, information)
