"""How often something happens, with an interval: exact binomial, and honest where paths belong to draws."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from pkpd_mdr.engine.lowering import FloatArray

__all__ = ["by_draw", "proportion"]

Places = npt.NDArray[np.int64]


def by_draw(values: FloatArray, owner: Places) -> FloatArray:
    """Means over the paths of each draw.

    Parameters
    ----------
    values : ndarray, shape (..., members)
    owner : ndarray of int, shape (members,)
        The draw of each member, from 0 without a gap.

    Returns
    -------
    ndarray, shape (..., draws)

    Examples
    --------
    >>> by_draw(np.array([1.0, 3.0, 5.0]), np.array([0, 0, 1]))
    array([2., 5.])
    """
    flat = np.reshape(values, (-1, len(owner)))
    sums = np.stack([np.bincount(owner, weights=row) for row in flat])
    return np.asarray((sums / np.bincount(owner)).reshape(*np.shape(values)[:-1], -1), dtype=float)


def proportion(events: FloatArray, confidence: float, owner: Places | None = None) -> tuple[float, float, float]:
    """How often something happened, with an exact binomial interval (Clopper and Pearson 1934).

    Where each draw has several paths, paths of one draw are alike; the interval then is that of the effective number
    of independent paths (Korn and Graubard 1998), never of more than there are and never of fewer than draws.

    Parameters
    ----------
    events : ndarray, shape (members,)
        1 where it happened, else 0.
    confidence : float
    owner : ndarray of int, shape (members,), optional
        The draw of each member; each is one of its own if left out.

    Returns
    -------
    tuple of float
        Share, lower and upper end.

    Examples
    --------
    >>> share, lower, upper = proportion(np.zeros(30), 0.95)
    >>> share, lower, round(upper, 4)
    (0.0, 0.0, 0.1157)
    """
    from scipy.special import betaincinv

    count, share = float(len(events)), float(np.mean(events))
    draws = len(events) if owner is None else int(owner.max()) + 1
    if owner is not None and 1 < draws < len(events) and 0.0 < share < 1.0:
        rest = np.bincount(owner, weights=events - share)
        variance = draws / (draws - 1) * float(rest @ rest) / count**2
        count = min(count, max(float(draws), share * (1.0 - share) / variance)) if variance > 0 else count
    hits, tail = share * count, (1.0 - confidence) / 2.0
    lower = 0.0 if share == 0.0 else float(betaincinv(hits, count - hits + 1.0, tail))
    upper = 1.0 if share == 1.0 else float(betaincinv(hits + 1.0, count - hits, 1.0 - tail))
    return share, lower, upper
