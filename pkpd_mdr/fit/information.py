"""What the data determine: expected Fisher information, its rank, and what cannot be told apart."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from pkpd_mdr.fit.free import FloatArray, Space
from pkpd_mdr.fit.likelihoods import SPREAD
from pkpd_mdr.fit.objective import Evaluation, Objective
from pkpd_mdr.fit.priors import prior_rows

__all__ = ["Information", "at_bounds", "inform"]

_AFFECTED = 1e-2  # share of a parameter in an undetermined direction from which on it counts as part of it
_ON_BOUND = 1e-7  # share of the box


@dataclass(frozen=True, slots=True)
class Information:
    """Precision of the estimates on the working scale; k parameters.

    Attributes
    ----------
    matrix : ndarray, shape (k, k)
        Expected Fisher information after the error parameters are accounted for.
    gradient : ndarray, shape (k,)
        Slope of minus the log-likelihood; not zero only where a bound holds a parameter.
    covariance : ndarray, shape (k, k)
        Inverse of the information among determined parameters inside their bounds; NaN for the others.
    at_bound : tuple of str
        ``"lower"``, ``"upper"`` or ``""`` for each parameter.
    without_effect : tuple of bool
        Parameters on which no prediction depends.
    directions : ndarray, shape (d, k)
        Undetermined directions, each coordinate in units of what it changes in the predictions.
    moves : ndarray, shape (d, k)
        The same on the working scale: moving along one leaves all predictions as they are.
    freedom : float
        Degrees of freedom for quantiles; infinite where all sds are taken as given.
    """

    matrix: FloatArray
    gradient: FloatArray
    covariance: FloatArray
    at_bound: tuple[str, ...]
    without_effect: tuple[bool, ...]
    directions: FloatArray
    moves: FloatArray
    freedom: float

    @property
    def undetermined(self) -> npt.NDArray[np.bool_]:
        """Parameters that are part of an undetermined direction, shape (k,)."""
        if not len(self.directions):
            return np.zeros(len(self.matrix), dtype=bool)
        return np.asarray(np.abs(self.directions).max(axis=0) > _AFFECTED)

    @property
    def errors(self) -> FloatArray:
        """Standard errors on the working scale, shape (k,); NaN where there is none to tell."""
        return np.sqrt(np.diag(self.covariance))

    def partners(self, index: int) -> tuple[int, ...]:
        """Parameters from which one cannot be told apart."""
        found: set[int] = set()
        for direction in self.directions:
            if abs(direction[index]) > _AFFECTED:
                found |= {int(j) for j in np.flatnonzero(np.abs(direction) > _AFFECTED)}
        return tuple(sorted(found - {index}))


def inform(objective: Objective, best: Evaluation) -> Information:
    """The information at an optimum.

    Parameters
    ----------
    objective : Objective
    best : Evaluation

    Returns
    -------
    Information
        Of the variance too where error parameters are estimated: for a normal row of variance V,
        ``I = sum(m' m'/V + V' V'/(2 V**2))``. Priors count as further rows.
    """
    space, k = objective.problem.space, len(objective.problem.space)
    estimated = any(model.scaled for model in objective.errors.values())
    known = len(objective.problem.rows) + objective.priors
    freedom = float(known - k - objective.readout_parameters) if estimated else math.inf
    rows = _rows(objective, best, k) if freedom > 0 else np.zeros((k, k))
    at_bound = at_bounds(space, best.point[:k])
    norms = np.linalg.norm(rows, axis=0)
    silent = norms * _reach(space, best.point[:k]) < 1e-6
    movable = ~silent & np.array([not side for side in at_bound])
    tolerance = 1e-9 if objective.problem.algebraic else 1e-5
    covariance, directions, moves = _invert(rows, norms, movable, tolerance)
    gradient = np.where(movable, 0.0, best.gradient[:k] / 2.0)
    without_effect = tuple(bool(x) for x in silent)
    return Information(
        rows.T @ rows, gradient, covariance, at_bound, without_effect, directions, moves, max(freedom, 0.0)
    )


def _rows(objective: Objective, best: Evaluation, k: int) -> FloatArray:
    """Rows whose cross-products are the information of the parameters, error parameters projected out."""
    parts = objective.parts(best.point, best.prediction)
    terms = objective.terms(best, parts, unbiased=True)
    by = np.stack([parts.mean_by, parts.log_w_by, parts.extra_by])
    if objective.profiled:  # the common scale moves the spread of all rows
        common = np.zeros((3, by.shape[1], 1))
        common[SPREAD] = 1.0
        by = np.concatenate([by, common], axis=2)
    whole = np.einsum("rij,jrd->rid", _roots(terms.information / 2.0), by).reshape(-1, by.shape[2])
    prior_by = prior_rows(objective.problem.space, best.point)[1]
    whole = np.vstack([whole, np.pad(prior_by, ((0, 0), (0, by.shape[2] - prior_by.shape[1])))])
    wanted, nuisance = whole[:, :k], whole[:, k:]
    if not nuisance.shape[1]:
        return wanted
    return np.asarray(wanted - nuisance @ np.linalg.lstsq(nuisance, wanted, rcond=None)[0])


def _roots(information: FloatArray) -> FloatArray:
    """Matrices R with ``R.T @ R`` the given ones, shape (rows, 3, 3); scaled first, so that no entry drowns another."""
    size = np.sqrt(np.maximum(np.einsum("rii->ri", information), 0.0))
    safe = np.where(size > 0, size, 1.0)
    values, axes = np.linalg.eigh(information / (safe[:, :, None] * safe[:, None, :]))
    root = np.sqrt(np.maximum(values, 0.0))[:, :, None] * np.swapaxes(axes, 1, 2)
    return np.asarray(root * size[:, None, :])


def at_bounds(space: Space, u: FloatArray) -> tuple[str, ...]:
    """Which bound each parameter is at, ``"lower"``, ``"upper"`` or ``""``, on the working scale."""
    sides = []
    for x, low, high in zip(u, space.lower, space.upper, strict=True):
        width = high - low if math.isfinite(high - low) else max(1.0, abs(x))
        sides.append("lower" if x <= low + _ON_BOUND * width else "upper" if x >= high - _ON_BOUND * width else "")
    return tuple(sides)


def _reach(space: Space, u: FloatArray) -> FloatArray:
    width = space.upper - space.lower
    return np.where(np.isfinite(width), width, np.maximum(np.abs(u), 1.0))


def _invert(
    rows: FloatArray, norms: FloatArray, movable: npt.NDArray[np.bool_], tolerance: float
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Covariance of what is determined, undetermined directions, and the same on the working scale."""
    k = rows.shape[1]
    covariance = np.full((k, k), np.nan)
    chosen = np.flatnonzero(movable)
    if not len(chosen):
        return covariance, np.zeros((0, k)), np.zeros((0, k))
    scaled = rows[:, chosen] / norms[chosen]
    _, sizes, axes = np.linalg.svd(scaled, full_matrices=False)
    weak = sizes < tolerance * sizes[0]
    inverse = (axes[~weak].T / sizes[~weak] ** 2) @ axes[~weak] / np.outer(norms[chosen], norms[chosen])
    directions = np.zeros((int(weak.sum()), k))
    directions[:, chosen] = axes[weak]
    moves = directions / np.where(movable, norms, 1.0)
    known = chosen[np.abs(axes[weak]).max(axis=0, initial=0.0) <= _AFFECTED]
    kept = np.isin(chosen, known)
    covariance[np.ix_(known, known)] = inverse[np.ix_(kept, kept)]
    return covariance, directions, moves
