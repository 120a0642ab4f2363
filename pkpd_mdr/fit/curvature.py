"""Inverses of curvatures that may be singular: the same whatever units coordinates have."""

from __future__ import annotations

import numpy as np

from pkpd_mdr.fit.free import FloatArray

__all__ = ["principal", "pseudo_inverse"]


def pseudo_inverse(curvature: FloatArray, *, cut: float = 1e-11) -> FloatArray:
    """The inverse where a curvature determines something, and zero in directions where it does not.

    Parameters
    ----------
    curvature : ndarray, shape (d, d)
        Symmetric and not negative.
    cut : float
        Share of the largest eigenvalue from which on a direction is determined, once all coordinates have curvature 1.

    Returns
    -------
    ndarray, shape (d, d)
        Zero everywhere when the curvature is not finite.

    Examples
    --------
    >>> import numpy as np
    >>> pseudo_inverse(np.diag([1e-200, 4.0, 0.0])).diagonal()
    array([1.0e+200, 2.5e-001, 0.0e+000])
    """
    size = np.sqrt(np.maximum(np.diag(curvature), 0.0))
    size = np.where(size > 0.0, size, 1.0)
    with np.errstate(all="ignore"):
        scaled = curvature / size[:, None] / size
    if not np.isfinite(scaled).all():
        return np.zeros_like(curvature)
    return np.asarray(np.linalg.pinv(scaled, rcond=cut, hermitian=True) / size[:, None] / size)


def principal(matrix: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Eigenvalues and axes of a symmetric matrix, each axis with the same sign on every machine.

    LAPACK leaves the sign open, and processors differ in it; what is drawn along the axes would differ, too.

    Examples
    --------
    >>> import numpy as np
    >>> values, axes = principal(np.array([[2.0, -1.0], [-1.0, 2.0]]))
    >>> axes.round(3).tolist()
    [[0.707, -0.707], [0.707, 0.707]]
    """
    values, axes = np.linalg.eigh(matrix)
    weights = np.linspace(1.0, 2.0, len(matrix))  # no two alike, as components of an axis often are
    return values, axes * np.where(weights @ axes < 0.0, -1.0, 1.0)
