"""From the best fits to estimates: parameters on their working scale, residual error, covariance.

The covariance is that of Gauss-Newton, ``s**2 (J'J)**-1``, with the full Jacobian by ln b, c, d, ln e and the rest.
Directions that the data do not fix are left out of the inverse and marked, so a standard error is never a large
random number.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from pkpd_mdr.response.families import Family
from pkpd_mdr.response.search import Found, search
from pkpd_mdr.response.separable import LINEAR
from pkpd_mdr.response.shapes import Coordinates, FloatArray
from pkpd_mdr.response.stack import Part, Stack

__all__ = [
    "Curves",
    "covariance_beside",
    "curve_at",
    "enter",
    "fit_stack",
    "full_jacobian",
    "sides_of",
    "working_names",
]

_AT_BOUND = 1e-6  # distance from a bound that counts as none: of a logarithm, or a share of the curve's height
_SINGULAR = 1e-12  # smallest eigenvalue of the scaled normal matrix that counts as information


@dataclass(slots=True)
class Curves:
    """Fits of all curves of a stack, in its order; curves that could not be fitted hold NaN.

    Attributes
    ----------
    family : Family
    names : tuple of str
        Working parameters: those of the shape, then c, d and f where they are in the family.
    free : ndarray of bool, shape (parameters,)
        Which of them are estimated.
    theta, linear : ndarray, shapes (count, p) and (count, 3)
    rss : ndarray, shape (count,)
        Weighted sum of squares of all points.
    n, df : ndarray of int, shape (count,)
        Points, and points less estimated parameters.
    sigma : ndarray, shape (count,)
        Residual standard error of a point of weight 1.
    covariance : ndarray, shape (count, parameters, parameters)
        Zero rows for held parameters, NaN for what the data do not fix. A parameter at a bound is held there for the
        others; of its own it keeps the variance that it has without the bound.
    at_bound : ndarray of int, shape (count, parameters)
        -1 and 1 where an estimate is at the lower and the upper bound that was given, else 0.
    usable : ndarray of bool, shape (count,)
        Whether there was enough to fit.
    parts : list of Part
        The blocks that were fitted.
    """

    family: Family
    names: tuple[str, ...]
    free: npt.NDArray[np.bool_]
    theta: FloatArray
    linear: FloatArray
    rss: FloatArray
    n: npt.NDArray[np.int64]
    df: npt.NDArray[np.int64]
    sigma: FloatArray
    covariance: FloatArray
    at_bound: npt.NDArray[np.int8]
    settled: npt.NDArray[np.bool_]
    usable: npt.NDArray[np.bool_]
    log_weights: FloatArray
    parts: list[Part]

    def predict(self, x: FloatArray, curves: npt.NDArray[np.int64] | None = None) -> FloatArray:
        """Fitted responses at doses (k, m) or (1, m), shape (k, m)."""
        chosen = slice(None) if curves is None else curves
        return curve_at(self.family, self.theta[chosen], self.linear[chosen], x)

    @property
    def estimated(self) -> int:
        """Number of estimated parameters of one curve, the residual error not counted."""
        return int(self.free.sum())

    @property
    def log_likelihood(self) -> FloatArray:
        """Gaussian, at the maximum over the residual error."""
        with np.errstate(divide="ignore", invalid="ignore"):
            return -0.5 * self.n * (np.log(2.0 * np.pi * self.rss / self.n) + 1.0) + 0.5 * self.log_weights

    @property
    def aicc(self) -> FloatArray:
        """Corrected Akaike criterion, the residual error counted as a parameter; infinite with too few points."""
        k = self.estimated + 1
        spare = self.n - k - 1
        found = -2.0 * self.log_likelihood + 2.0 * k + 2.0 * k * (k + 1) / np.maximum(spare, 1)
        return np.where((spare > 0) | np.isnan(found), found, np.inf)


def working_names(family: Family) -> tuple[str, ...]:
    """Names of the working parameters: shape, then limits, then hormesis."""
    return (*family.shape.parameters, "c", "d", *(("f",) if family.hump is not None else ()))


def curve_at(family: Family, theta: FloatArray, linear: FloatArray, x: FloatArray) -> FloatArray:
    """Responses of curves with the given working parameters at doses (k, m) or (1, m), shape (k, m)."""
    at = Coordinates.of(x)
    value, bump = family.shape(theta, at), family.bump(at.x)
    y = linear[:, :1] * value.rest + linear[:, 1:2] * value.s
    return y if bump is None else y + linear[:, 2:3] * bump * value.s


def full_jacobian(family: Family, theta: FloatArray, linear: FloatArray, at: Coordinates) -> FloatArray:
    """Derivatives of the curve by every working parameter, shape (k, m, parameters)."""
    value, bump = family.shape(theta, at), family.bump(at.x)
    height = (linear[:, 1] - linear[:, 0])[:, None]
    if bump is not None:
        height = height + linear[:, 2:3] * bump
    columns = [height * slope for slope in value.slopes] + [value.rest, value.s]
    return np.stack(columns + ([] if bump is None else [bump * value.s]), axis=-1)


def fit_stack(
    stack: Stack,
    family: Family,
    *,
    held: Mapping[str, float | FloatArray] | None = None,
    bounds: Mapping[str, tuple[float, float]] | None = None,
    most: int = 2,
) -> Curves:
    """Fit every curve of a stack with one family.

    Parameters
    ----------
    stack : Stack
    family : Family
    held : mapping, optional
        Values of c or d that are not estimated: a number or one for each curve.
    bounds : mapping, optional
        Bounds of parameters on their reported scale.
    most : int
        Starts in the interior of the grid.

    Returns
    -------
    Curves
    """
    names = working_names(family)
    fixed = {name for name in (family.fixed or {}) if name not in LINEAR[:2]}
    free = np.array([name not in fixed and name not in (held or {}) for name in names])
    usable = (stack.levels >= 2) & (stack.n >= free.sum())
    arrays = {name: np.broadcast_to(np.asarray(v, dtype=np.float64), stack.count) for name, v in (held or {}).items()}
    curves = _empty(stack, family, names, free, usable)
    for part in stack.parts(family, arrays, dict(bounds or {}), usable):
        enter(curves, stack, part, search(part.block, most=most), dict(bounds or {}))
    return curves


def _empty(
    stack: Stack, family: Family, names: Sequence[str], free: npt.NDArray[np.bool_], usable: npt.NDArray[np.bool_]
) -> Curves:
    count, size = stack.count, len(names)
    return Curves(
        family=family,
        names=tuple(names),
        free=free,
        theta=np.full((count, len(family.shape.parameters)), np.nan),
        linear=np.full((count, 3), np.nan),
        rss=np.full(count, np.nan),
        n=stack.n,
        df=stack.n - int(free.sum()),
        sigma=np.full(count, np.nan),
        covariance=np.full((count, size, size), np.nan),
        at_bound=np.zeros((count, size), dtype=np.int8),
        settled=np.zeros(count, dtype=bool),
        usable=usable,
        log_weights=stack.log_weights,
        parts=[],
    )


def enter(curves: Curves, stack: Stack, part: Part, found: Found, bounds: Mapping[str, tuple[float, float]]) -> None:
    """Enter the best fits of a part, with residual error and covariance."""
    at = part.curves
    curves.parts.append(part)
    curves.theta[at], curves.linear[at], curves.settled[at] = found.theta, found.linear, found.settled
    curves.rss[at] = found.rss + stack.pure[at]
    curves.at_bound[at] = sides_of(curves, at, bounds)
    with np.errstate(divide="ignore", invalid="ignore"):
        curves.sigma[at] = np.sqrt(np.where(curves.df[at] > 0, curves.rss[at] / curves.df[at], np.nan))
    for first in range(0, len(at), 4096):
        cut = slice(first, first + 4096)
        rows = np.arange(len(at))[cut]
        block = part.block.rows(rows)
        jacobian = full_jacobian(block.family, found.theta[cut], found.linear[cut], block.at) * block.root[..., None]
        jacobian = np.broadcast_to(jacobian, (len(rows), *jacobian.shape[1:]))
        with np.errstate(over="ignore", invalid="ignore"):  # on ridges
            its = covariance_beside(jacobian, curves.free, curves.at_bound[at[cut]] != 0)
            curves.covariance[at[cut]] = its * curves.sigma[at[cut], None, None] ** 2


def sides_of(
    curves: Curves, at: npt.NDArray[np.int64], bounds: Mapping[str, tuple[float, float]]
) -> npt.NDArray[np.int8]:
    """Which parameters of some curves are at bounds that were given: -1 lower, 1 upper, shape (curves, parameters)."""
    working = np.concatenate([curves.theta[at], curves.linear[at]], axis=1)
    with np.errstate(invalid="ignore"):
        height = np.abs(curves.linear[at, 1] - curves.linear[at, 0])
        found = np.zeros((len(at), len(curves.names)), dtype=np.int8)
        for name, ends in bounds.items():
            j = curves.names.index(name)
            if not curves.free[j]:
                continue
            low, high = np.log(ends) if curves.family.is_logged(name) else ends
            near = _AT_BOUND * (np.ones(len(at)) if curves.family.is_logged(name) else height)
            found[:, j] = (working[:, j] >= high - near).astype(np.int8) - (working[:, j] <= low + near)
    return found


def covariance_beside(jacobian: FloatArray, free: npt.NDArray[np.bool_], stuck: npt.NDArray[np.bool_]) -> FloatArray:
    """As `covariance_of`, where parameters at a bound (k, parameters) do not move when the others do.

    Their own variances are those without the bound, for a one-sided limit that is rather too wide than too narrow.
    """
    if not stuck.any():
        return covariance_of(jacobian, free)
    out = covariance_of(np.where(stuck[:, None, :], 0.0, jacobian), free)
    own = np.einsum("kii->ki", covariance_of(jacobian, free))
    out = np.where(stuck[:, :, None] | stuck[:, None, :], 0.0, out)
    index = np.arange(out.shape[1])
    out[:, index, index] = np.where(stuck, own, out[:, index, index])
    return out


def covariance_of(jacobian: FloatArray, free: npt.NDArray[np.bool_]) -> FloatArray:
    """Inverse of the normal matrices; parameters that touch a direction without information get NaN."""
    size, chosen = jacobian.shape[2], np.flatnonzero(free)
    out = np.zeros((len(jacobian), size, size))
    if len(chosen) == 0:
        return out
    part = jacobian[:, :, chosen]
    normal = np.einsum("kmi,kmj->kij", part, part)
    scale = np.sqrt(np.einsum("kii->ki", normal))
    safe = np.where(scale > 0, scale, 1.0)
    normal = normal / (safe[:, :, None] * safe[:, None, :])
    values, vectors = np.linalg.eigh(normal)
    known = values > _SINGULAR
    inverse = np.einsum("kia,ka,kja->kij", vectors, np.where(known, 1.0 / np.where(known, values, 1.0), 0.0), vectors)
    lost = np.einsum("kia,ka->ki", vectors**2, ~known) > 1e-6
    with np.errstate(over="ignore"):
        inverse /= safe[:, :, None] * safe[:, None, :]
    inverse[lost[:, :, None] | lost[:, None, :]] = np.nan
    out[np.ix_(np.arange(len(out)), chosen, chosen)] = inverse
    return out
