"""Quantiles and tails of Student's t and Fisher's F, from SciPy's special functions, which load at once."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

__all__ = ["f_quantile", "f_tail", "normal_quantile", "t_reach", "t_two_sided"]

FloatArray = npt.NDArray[np.float64]


def t_reach(confidence: float, df: npt.ArrayLike) -> FloatArray:
    """Half width of a two-sided interval in standard errors.

    Examples
    --------
    >>> round(float(t_reach(0.95, 20)), 4)
    2.086
    """
    from scipy.special import stdtrit

    return np.asarray(stdtrit(np.asarray(df, dtype=np.float64), 0.5 + 0.5 * confidence))


def t_two_sided(value: npt.ArrayLike, df: npt.ArrayLike) -> FloatArray:
    """Probability of a t at least as far from 0."""
    from scipy.special import stdtr

    return np.asarray(2.0 * stdtr(np.asarray(df, dtype=np.float64), -np.abs(np.asarray(value, dtype=np.float64))))


def f_tail(value: npt.ArrayLike, df: npt.ArrayLike, df_error: npt.ArrayLike) -> FloatArray:
    """Probability of an F at least as large.

    Examples
    --------
    >>> round(float(f_tail(0.24106, 3, 17)), 4)
    0.8665
    """
    from scipy.special import fdtrc

    given = (np.asarray(v, dtype=np.float64) for v in (df, df_error, value))
    return np.asarray(fdtrc(*given))


def f_quantile(share: float, df: float, df_error: float) -> float:
    """The F below which a share lies."""
    from scipy.special import fdtri

    return float(fdtri(df, df_error, share))


def normal_quantile(share: float) -> float:
    """The standard normal deviate below which a share lies."""
    from scipy.special import ndtri

    return float(ndtri(share))
