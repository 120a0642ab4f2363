"""MuSyC: the mean effect of a four-state chain in which drugs change the potency and cooperativity of each other.

Cells are unaffected (U), under drug 1 (A1), under drug 2 (A2) or under both (A12). With ``u = (d1/C1)**h1`` and
``v = (d2/C2)**h2`` the rates are

===========  ==================================  =====
change       there                               back
===========  ==================================  =====
U to A1      u                                   1
U to A2      v                                   1
A1 to A12    ((alpha12*d2/C2)**h2)**gamma12      1
A2 to A12    ((alpha21*d1/C1)**h1)**gamma21      1
===========  ==================================  =====

(Meyer et al. 2019, Cell Syst 8:97; Wooten et al. 2021, Nat Commun 12:4607.) The convention that all rates back are 1
is part of the model: without detailed balance other rates give another surface. Written in d/C it does not depend on
the unit of a dose.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

__all__ = ["occupancy"]

FloatArray = npt.NDArray[np.float64]
_FAR = 200.0  # exponents beyond it are at their limit; three of them multiply


def occupancy(
    d1: npt.ArrayLike,
    d2: npt.ArrayLike,
    *,
    c1: float,
    c2: float,
    h1: float,
    h2: float,
    alpha12: float = 1.0,
    alpha21: float = 1.0,
    gamma12: float = 1.0,
    gamma21: float = 1.0,
) -> FloatArray:
    """Stationary shares of the four states.

    They are the sums over the spanning trees of the cycle U-A1-A12-A2 (Hill 1966, J Theor Biol 10:442): exact, without
    a linear system.

    Parameters
    ----------
    d1, d2 : array_like, shape (cells,)
        Doses from 0 on.
    c1, c2, h1, h2 : float
        Doses of half effect and Hill coefficients of the drugs alone.
    alpha12, alpha21 : float
        How many times drug 1 makes drug 2 more potent, and drug 2 drug 1.
    gamma12, gamma21 : float
        How many times drug 1 raises the cooperativity of drug 2, and drug 2 that of drug 1.

    Returns
    -------
    ndarray, shape (cells, 4)
        U, A1, A2, A12.

    Examples
    --------
    >>> occupancy([1.0], [1.0], c1=1.0, c2=1.0, h1=1.0, h2=2.0).tolist()
    [[0.25, 0.25, 0.25, 0.25]]
    """
    with np.errstate(divide="ignore"):
        one = h1 * (np.log(np.asarray(d1, dtype=np.float64)) - np.log(c1))
        two = h2 * (np.log(np.asarray(d2, dtype=np.float64)) - np.log(c2))
    u, v = _raised(one), _raised(two)
    a = _raised(gamma21 * (one + h1 * np.log(alpha21)))
    b = _raised(gamma12 * (two + h2 * np.log(alpha12)))
    trees = np.stack(
        [2.0 + a + b, u * (2.0 + a) + v * a, v * (2.0 + b) + u * b, a * b * (u + v) + v * a + u * b], axis=-1
    )
    return np.asarray(trees / trees.sum(axis=-1, keepdims=True))


def _raised(log: FloatArray) -> FloatArray:
    return np.where(np.isneginf(log), 0.0, np.exp(np.clip(log, -_FAR, _FAR)))
