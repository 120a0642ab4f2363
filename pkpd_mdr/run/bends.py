"""Where rows stand too far apart for what is read between them.

Between rows an output is a cubic. A row that is left out for a moment tells how far cubics are from the truth: by how
much the cubic over the gap misses it. The error goes with the fourth power of a spacing, so that the same number says
how many more rows there have to be.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from pkpd_mdr.engine.lowering import FloatArray

__all__ = ["bends", "may_miss"]

_NOTHING = 1e-10  # of the largest value so far, below which an output counts as nothing
_APART = 8.0  # spacings that differ by more do not tell of each other
_MOST = 16  # parts into which a spacing is cut at once
_LEAST, _TIMES = 1e-6, 100.0


def may_miss(rtol: float) -> float:
    """What a cubic between two rows may miss, as a share of the value: a hundred times rtol, but no less than 1e-6.

    Examples
    --------
    >>> may_miss(1e-5), may_miss(1e-10)
    (0.001, 1e-06)
    """
    return max(_LEAST, _TIMES * rtol)


def bends(
    times: FloatArray, values: FloatArray, slopes: FloatArray, *, finest: float, exact: float
) -> list[FloatArray]:
    """Times at which more rows are needed.

    Parameters
    ----------
    times : ndarray, shape (k,)
        Hours; a time that stands twice is a jump, over which nothing is read.
    values, slopes : ndarray, shape (members, k, outputs)
    finest : float
        Hours; spacings up to it stay as they are.
    exact : float
        What a cubic between two rows may miss, as a share of the value.

    Returns
    -------
    list of ndarray
        Increasing, for each member; empty where all its cubics are good enough.

    Examples
    --------
    >>> hours = np.linspace(0.0, 40.0, 5)
    >>> fall = np.exp(-0.1 * hours)[None, :, None]
    >>> bends(hours, fall, -0.1 * fall, finest=0.1, exact=1e-6)[0].round(2)[:4]
    array([1.11, 2.22, 3.33, 4.44])
    """
    gaps = np.diff(times)
    if len(gaps) < 2 or not values.shape[2]:
        return [np.empty(0)] * len(values)
    size = np.abs(values)
    size += _NOTHING * np.maximum.accumulate(size, axis=1) + 1e-300
    with np.errstate(all="ignore"):
        missed = np.fmax.reduce(np.abs(_missed(gaps, values, slopes)) / size[:, 1:-1], axis=2)
        ratio = gaps[1:] / gaps[:-1]
    near = (gaps[1:] > 0) & (gaps[:-1] > 0) & (ratio < _APART) & (ratio > 1.0 / _APART)
    share = np.where(near, ratio, 1.0) ** 2 / 16.0  # of what the gap over both misses: a quarter of a quarter
    errors = np.zeros((len(values), len(gaps)))
    errors[:, 1:] = np.where(near, np.nan_to_num(missed, posinf=1e300) * share, 0.0)
    errors[:, :-1] = np.maximum(errors[:, :-1], np.where(near, errors[:, 1:] / share**2 / 256.0, 0.0))
    told = np.zeros(len(gaps), dtype=bool)
    told[1:] |= near | ((ratio <= 1.0 / _APART) & (gaps[1:] > 0))  # or it is far smaller than the one beside it
    told[:-1] |= near | ((ratio >= _APART) & (gaps[:-1] > 0))
    errors[:, ~told] = 2.0 * exact  # nothing beside it tells of it: the row in its middle will
    errors[:, gaps <= finest] = 0.0
    parts = np.ones(errors.shape, dtype=np.int64)
    member, gap = np.nonzero(errors > exact)
    wanted = np.ceil(1.2 * (errors[member, gap] / exact) ** 0.25)
    parts[member, gap] = np.clip(wanted, 2, np.clip(gaps[gap] // finest, 2, _MOST))
    known: dict[bytes, FloatArray] = {}  # members often need the same
    keys = [row.tobytes() for row in parts]
    for key, row in zip(keys, parts, strict=True):
        if key not in known:
            known[key] = _between(times, gaps, row)
    return [known[key] for key in keys]


def _between(times: FloatArray, gaps: FloatArray, parts: npt.NDArray[np.int64]) -> FloatArray:
    """Times that cut each gap into parts."""
    place = np.repeat(np.arange(len(gaps)), parts - 1)
    number = np.arange(len(place)) - np.repeat(np.cumsum(parts - 1) - (parts - 1), parts - 1)
    return np.asarray(times[place] + gaps[place] * (number + 1.0) / parts[place])


def _missed(gaps: FloatArray, values: FloatArray, slopes: FloatArray) -> FloatArray:
    """By how much the cubic over two spacings misses the row between them, shape (members, k - 2, outputs)."""
    whole = (gaps[:-1] + gaps[1:])[:, None]
    x = gaps[:-1, None] / np.where(whole > 0, whole, 1.0)
    rest = 1.0 - x
    cubic = (1.0 + 2.0 * x) * rest**2 * values[:, :-2]
    cubic += (3.0 - 2.0 * x) * x**2 * values[:, 2:]
    cubic += whole * x * rest**2 * slopes[:, :-2]
    cubic -= whole * x**2 * rest * slopes[:, 2:]
    cubic -= values[:, 1:-1]
    return np.asarray(cubic)
