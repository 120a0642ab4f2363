"""BRAID: a response surface with one interaction parameter, additive at kappa = 0.

With ``p = (d/IDM)**n`` of each drug and ``a = (Ef_drug - E0)/(Ef - E0)`` its share of the largest effect::

    D1 = a1*p1/(1 + (1 - a1)*p1)        s = sqrt(n1*n2)
    D  = D1**(1/s) + D2**(1/s) + kappa*sqrt(D1**(1/s)*D2**(1/s))
    E  = E0 + (Ef - E0)*D**s/(1 + D**s)

Twarog et al. 2016, Sci Rep 6:25523. ``kappa > -2``; above 0 synergy, below 0 antagonism.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

__all__ = ["share"]

FloatArray = npt.NDArray[np.float64]
_FAR = 300.0


def share(
    d1: npt.ArrayLike,
    d2: npt.ArrayLike,
    *,
    idm1: float,
    idm2: float,
    n1: float,
    n2: float,
    kappa: float,
    a1: float = 1.0,
    a2: float = 1.0,
) -> FloatArray:
    """Share of the largest effect, ``(E - E0)/(Ef - E0)``, shape (cells,).

    Parameters
    ----------
    d1, d2 : array_like, shape (cells,)
    idm1, idm2, n1, n2 : float
        Median doses and Hill coefficients of the drugs alone.
    kappa : float
        Above -2.
    a1, a2 : float
        Shares of the largest effect that the drugs reach alone, in (0, 1].

    Examples
    --------
    A drug with itself is the same drug at the added dose:

    >>> share([1.0, 2.0], [1.0, 0.0], idm1=1.0, idm2=1.0, n1=2.0, n2=2.0, kappa=0.0).tolist()
    [0.8, 0.8]
    """
    s = np.sqrt(n1 * n2)
    one = _equivalent(d1, idm1, n1, a1) / s
    two = _equivalent(d2, idm2, n2, a2) / s
    u, v = np.exp(np.clip(one, -_FAR, _FAR)), np.exp(np.clip(two, -_FAR, _FAR))
    u, v = np.where(np.isneginf(one), 0.0, u), np.where(np.isneginf(two), 0.0, v)
    total = u + v + kappa * np.sqrt(u * v)
    with np.errstate(divide="ignore"):
        log = s * np.log(np.maximum(total, 0.0))
    return np.asarray(1.0 / (1.0 + np.exp(-np.clip(log, -_FAR, _FAR))) * (total > 0))


def _equivalent(dose: npt.ArrayLike, idm: float, n: float, a: float) -> FloatArray:
    """Logarithm of the equivalent dose on the common curve."""
    with np.errstate(divide="ignore"):
        power = n * (np.log(np.asarray(dose, dtype=np.float64)) - np.log(idm))
    power = np.minimum(power, _FAR)
    rest = max(1.0 - a, 0.0)  # a of a search may exceed 1 by a rounding error
    return np.asarray(np.log(a) + power - np.log1p(rest * np.exp(power)))
