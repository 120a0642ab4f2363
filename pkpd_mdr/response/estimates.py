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

__all__ = ["Curves", "covariance_of", "curve_at", "enter", "fit_stack", "full_jacobian", "working_names"]

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
        Zero rows for held parameters, NaN for what the data do not fix.
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
        enter(curves, stack, part, search(part.block, most=most))
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
        settled=np.zeros(count, dtype=bool),
        usable=usable,
        log_weights=stack.log_weights,
        parts=[],
    )


def enter(curves: Curves, stack: Stack, part: Part, found: Found) -> None:
    """Enter the best fits of a part, with residual error and covariance."""
    at = part.curves
    curves.parts.append(part)
    curves.theta[at], curves.linear[at], curves.settled[at] = found.theta, found.linear, found.settled
    curves.rss[at] = found.rss + stack.pure[at]
    with np.errstate(divide="ignore", invalid="ignore"):
        curves.sigma[at] = np.sqrt(np.where(curves.df[at] > 0, curves.rss[at] / curves.df[at], np.nan))
    for first in range(0, len(at), 4096):
        cut = slice(first, first + 4096)
        rows = np.arange(len(at))[cut]
        block = part.block.rows(rows)
        jacobian = full_jacobian(block.family, found.theta[cut], found.linear[cut], block.at) * block.root[..., None]
        jacobian = np.broadcast_to(jacobian, (len(rows), *jacobian.shape[1:]))
        with np.errstate(over="ignore", invalid="ignore"):  # on ridges
            curves.covariance[at[cut]] = covariance_of(jacobian, curves.free) * curves.sigma[at[cut], None, None] ** 2


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
