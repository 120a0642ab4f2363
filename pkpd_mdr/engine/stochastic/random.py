"""Random numbers for the driver: one stream per member, in the part of Python that numba compiles.

The generator is MRG32k3a (L'Ecuyer 1999, Operations Research 47:159): two linear recurrences over integers below 2**32
whose products stay below 2**53, so that plain Python and machine code compute the same numbers without overflow. The
state of a stream is one row of six integers. Two draws make one uniform number, so that an event with a share of 1e-12
is still picked as often as it should be.

Poisson and binomial numbers are counted up from zero where their mean is below ten, and drawn by transformed rejection
above (PTRS and BTRS, Hoermann 1993, Insurance: Mathematics and Economics 12:39 and J Stat Comput Simul 46:101).
Probabilities are formed from deviances (Loader 2000, "Fast and accurate computation of binomial probabilities"), which
keeps their digits at means of 1e12.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

__all__ = ["HELPERS", "binomial", "exponential", "poisson", "streams", "uniform", "whole"]

Integers = npt.NDArray[np.int64]

M1, M2 = 4294967087, 4294944443
_BELOW_ONE = 1.0 - 2.0**-53
_SCALE, _FINE = 1.0 / M1, 2.0**-32
_COUNTED = 10.0
_MOST = 1e15  # above this, neighbours are hardly told apart by a double, and chance not at all
_TAIL = np.array(
    [0.0, *(math.lgamma(k + 1.0) - (k + 0.5) * math.log(k) + k - 0.5 * math.log(2 * math.pi) for k in range(1, 16))]
)


def streams(seeds: Sequence[int | np.random.SeedSequence]) -> Integers:
    """The state of one stream for each seed.

    Parameters
    ----------
    seeds : sequence of int or numpy.random.SeedSequence

    Returns
    -------
    ndarray of int, shape (seeds, 6)

    Examples
    --------
    >>> streams([1]).shape
    (1, 6)
    """
    found = np.empty((len(seeds), 6), dtype=np.int64)
    for row, seed in zip(found, seeds, strict=True):
        sequence = seed if isinstance(seed, np.random.SeedSequence) else np.random.SeedSequence(seed)
        words = sequence.generate_state(6, np.uint64)
        row[:3] = (words[:3] % np.uint64(M1 - 1)).astype(np.int64) + 1
        row[3:] = (words[3:] % np.uint64(M2 - 1)).astype(np.int64) + 1
    return found


def _next(state: Integers, row: int) -> int:
    """The next integer of a stream, 0 to `M1` - 1."""
    a = (1403580 * state[row, 1] - 810728 * state[row, 0]) % M1
    b = (527612 * state[row, 5] - 1370589 * state[row, 3]) % M2
    state[row, 0], state[row, 1], state[row, 2] = state[row, 1], state[row, 2], a
    state[row, 3], state[row, 4], state[row, 5] = state[row, 4], state[row, 5], b
    return int((a - b) % M1)


def uniform(state: Integers, row: int) -> float:
    """A number between 0 and 1, both excluded.

    Parameters
    ----------
    state : ndarray of int, shape (streams, 6)
        Is moved on.
    row : int
        The stream.

    Examples
    --------
    >>> 0.0 < uniform(streams([7]), 0) < 1.0
    True
    """
    high = float(_next(state, row))
    return min((high + (_next(state, row) + 0.5) * _FINE) * _SCALE, _BELOW_ONE)


def exponential(state: Integers, row: int) -> float:
    """An exponentially distributed number of mean 1; arguments as in `uniform`."""
    return -math.log(uniform(state, row))


def whole(state: Integers, row: int, value: float) -> float:
    """One of the two whole numbers next to a value, which is kept in the mean."""
    if not abs(value) < _MOST:
        return value
    low = math.floor(value) + 0.0
    if value > low and uniform(state, row) < value - low:
        low += 1.0
    return low


def _tail(k: float) -> float:
    """What Stirling's formula lacks of log(k!)."""
    if k < 15.5:
        return float(_TAIL[int(k)])
    square = 1.0 / (k * k)
    return (1.0 / 12.0 - (1.0 / 360.0 - (1.0 / 1260.0 - square / 1680.0) * square) * square) / k


def _deviance(x: float, mean: float) -> float:
    """``x*log(x/mean) + mean - x`` for x above zero, without cancellation."""
    ratio = (mean - x) / x
    if abs(ratio) < 0.01:
        total, power = 0.0, ratio
        for n in range(2, 12):
            power *= -ratio
            total -= power / n
        return x * total
    return x * math.log(x / mean) + mean - x


def _log_poisson(k: float, mean: float) -> float:
    """Logarithm of the probability of k."""
    return -mean if k == 0.0 else -_deviance(k, mean) - _tail(k) - 0.5 * math.log(2.0 * math.pi * k)


def poisson(state: Integers, row: int, mean: float) -> float:
    """A Poisson number.

    Parameters
    ----------
    state, row
        As in `uniform`.
    mean : float
        Zero or more; above 1e15 chance is left out.

    Examples
    --------
    >>> poisson(streams([1]), 0, 0.0)
    0.0
    """
    if not mean > 0.0:
        return 0.0
    if mean > _MOST:
        return mean
    if mean < _COUNTED:
        u, k, p = uniform(state, row), 0.0, math.exp(-mean)
        while u > p and k < 1000.0:
            u -= p
            k += 1.0
            p *= mean / k
        return k
    b = 0.931 + 2.53 * math.sqrt(mean)
    a = 0.02483 * b - 0.059
    inverse, low = 1.1239 + 1.1328 / (b - 3.4), 0.9277 - 3.6224 / (b - 2.0)
    while True:
        u, v = uniform(state, row) - 0.5, uniform(state, row)
        near = max(0.5 - abs(u), 1e-16)
        k = math.floor((2.0 * a / near + b) * u + mean + 0.43) + 0.0
        if near >= 0.07 and v <= low:
            return k
        if k < 0.0 or (near < 0.013 and v > near):
            continue
        if math.log(v * inverse / (a / (near * near) + b)) <= _log_poisson(k, mean):
            return k


def _log_binomial(k: float, n: float, p: float) -> float:
    """Logarithm of the probability of k out of n."""
    q = 1.0 - p
    if k == 0.0:
        return n * math.log1p(-p)
    if k == n:
        return n * math.log(p)
    heads = _deviance(k, n * p) + _deviance(n - k, n * q)
    return _tail(n) - _tail(k) - _tail(n - k) - heads + 0.5 * math.log(n / (2.0 * math.pi * k * (n - k)))


def _few(state: Integers, row: int, n: float, p: float) -> float:
    """A binomial number of small mean, counted up from zero."""
    u, k, share, ratio = uniform(state, row), 0.0, math.exp(n * math.log1p(-p)), p / (1.0 - p)
    while u > share and k < min(n, 1000.0):
        u -= share
        k += 1.0
        share *= ratio * (n - k + 1.0) / k
    return k


def _many(state: Integers, row: int, n: float, p: float) -> float:
    """A binomial number for p of at most a half and a mean of ten or more."""
    spread = math.sqrt(n * p * (1.0 - p))
    b = 1.15 + 2.53 * spread
    a, centre = 0.0248 * b + 0.01 * p - 0.0873, n * p + 0.5
    alpha, low = (2.83 + 5.1 / b) * spread, 0.92 - 4.2 / b
    top = _log_binomial(math.floor((n + 1.0) * p) + 0.0, n, p)
    while True:
        u, v = uniform(state, row) - 0.5, uniform(state, row)
        near = max(0.5 - abs(u), 1e-16)
        k = math.floor((2.0 * a / near + b) * u + centre) + 0.0
        if near >= 0.07 and v <= low:
            return k
        if 0.0 <= k <= n and math.log(v * alpha / (a / (near * near) + b)) <= _log_binomial(k, n, p) - top:
            return k


def binomial(state: Integers, row: int, n: float, p: float) -> float:
    """How many of n survive with probability p each.

    Parameters
    ----------
    state, row
        As in `uniform`.
    n : float
        A whole number; above 1e15 chance is left out.
    p : float
        Not NaN. Outside of [0, 1] counts as its nearest end.

    Examples
    --------
    >>> binomial(streams([1]), 0, 12.0, 1.0)
    12.0
    """
    if n <= 0.0 or p <= 0.0:
        return 0.0
    if p >= 1.0 or not n < _MOST:
        return n * min(p, 1.0)
    rare = min(p, 1.0 - p)
    k = _few(state, row, n, rare) if n * rare < _COUNTED else _many(state, row, n, rare)
    return k if p <= 0.5 else n - k


HELPERS = (
    _next, uniform, exponential, whole, _tail, _deviance, _log_poisson, poisson, _log_binomial, _few, _many, binomial,
)  # fmt: skip
"""Functions to compile."""
