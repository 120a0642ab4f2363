"""Inverses of curvatures that may be singular: the same whatever units coordinates have."""

from __future__ import annotations

import numpy as np

from pkpd_mdr.fit.free import FloatArray

__all__ = ["pseudo_inverse"]


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
