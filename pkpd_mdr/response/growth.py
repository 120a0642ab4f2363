"""Growth-rate inhibition (GR): effect on the rate of division, which does not depend on how fast the line grows.

Hafner, Niepel, Chung and Sorger (2016), Nat Methods 13:521: ``GR = 2**(log2(x/x0)/log2(xc/x0)) - 1`` is 1 without
effect, 0 for a halt and below 0 where cells are lost. Schwartz et al. split it into a static and a toxic part with
counts of dead cells; both are continuous through ``x = x0`` here.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from pkpd_mdr.errors import DataError, shown
from pkpd_mdr.response.shapes import FloatArray

__all__ = ["adjusted_dead", "arrays", "gr_static_toxic", "gr_value", "gr_value_without_start"]

_LEAST = 1e-6  # smallest x/x0: a well without cells has a finite value


def arrays(function: str, **given: npt.ArrayLike) -> list[FloatArray]:
    """The arguments of a function as arrays of numbers.

    Raises
    ------
    DataError
        One of them holds no numbers; the argument is named.
    """
    found = []
    for name, values in given.items():
        try:
            found.append(np.asarray(values, dtype=np.float64))
        except (TypeError, ValueError):
            raise DataError(
                f"{function}: {name} is {shown(values)}, not a number or an array of numbers without a unit"
            ) from None
    return found


def _together(function: str, **given: npt.ArrayLike) -> list[FloatArray]:
    """The arguments as arrays of one shape.

    Raises
    ------
    DataError
        One of them holds no numbers, or the shapes do not go together.
    """
    found = arrays(function, **given)
    try:
        return list(np.broadcast_arrays(*found))
    except ValueError:
        shapes = ", ".join(f"{name} {array.shape}" for name, array in zip(given, found, strict=True) if array.ndim)
        raise DataError(
            f"{function}: arrays of the shapes {shapes} do not go together; give one value for all wells or one a well"
        ) from None


def gr_value(count: npt.ArrayLike, start: npt.ArrayLike, control: npt.ArrayLike) -> FloatArray:
    """GR value of counts against an untreated control.

    Parameters
    ----------
    count : array_like
        Cells after treatment.
    start : array_like
        Cells at the start of treatment.
    control : array_like
        Untreated cells at the same time.

    Returns
    -------
    ndarray
        NaN where it is undefined: no start, or a control that did not grow, or so little that GR is beyond all numbers.

    Raises
    ------
    DataError
        An argument holds no numbers, or shapes do not go together; so do the other functions here.

    Examples
    --------
    >>> gr_value([400, 200, 100, 50], 100, 400).round(3).tolist()
    [1.0, 0.414, 0.0, -0.293]
    """
    x, x0, xc = _together("gr_value", count=count, start=start, control=control)
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        found = 2.0 ** (np.log2(np.maximum(x / x0, _LEAST)) / np.log2(xc / x0)) - 1.0
        return np.asarray(np.where((x0 > 0) & (xc > x0) & (x >= 0) & np.isfinite(found), found, np.nan))


def gr_value_without_start(
    count: npt.ArrayLike, control: npt.ArrayLike, *, time: npt.ArrayLike, doubling_time: npt.ArrayLike
) -> FloatArray:
    """GR value from the doubling time of the untreated line, where nobody counted at the start.

    ``2**(1 + log2(x/xc)/(T/Td)) - 1`` with the duration T and the doubling time Td in the same unit.

    Parameters
    ----------
    count, control : array_like
    time, doubling_time : array_like
        Duration of treatment and doubling time of untreated cells, in the same unit.

    Examples
    --------
    >>> gr_value_without_start([400, 100], 400, time=48, doubling_time=24).round(3).tolist()
    [1.0, 0.0]
    """
    x, xc, t, td = _together(
        "gr_value_without_start", count=count, control=control, time=time, doubling_time=doubling_time
    )
    with np.errstate(divide="ignore", invalid="ignore"):
        divisions = t / td
        growth = 1.0 + np.log2(np.maximum(x / xc, _LEAST)) / divisions
        return np.where((xc > 0) & (divisions > 0) & (x >= 0), 2.0**growth - 1.0, np.nan)


def gr_static_toxic(
    count: npt.ArrayLike,
    start: npt.ArrayLike,
    control: npt.ArrayLike,
    *,
    dead: npt.ArrayLike,
    dead_start: npt.ArrayLike,
    dead_control: npt.ArrayLike,
    time: npt.ArrayLike,
) -> tuple[FloatArray, FloatArray]:
    """Static and toxic parts of GR from live and dead cells.

    With ``D`` the dead cells gained per live cell gained and ``g = log2(x/x0)``: static is
    ``2**((1 + D) g/((1 + Dc) gc)) - 1``, toxic is ``2**((Dc gc - D g)/T) - 1``. The product ``D g`` is computed as
    ``dead/x0 log1p(u)/u/ln 2`` with ``u = (x - x0)/x0``, which has no gap at ``x = x0``.

    Parameters
    ----------
    count, start, control : array_like
        Live cells after treatment, at its start, and of the control.
    dead, dead_start, dead_control : array_like
        Dead cells of the same wells; see `adjusted_dead`.
    time : array_like
        Duration of treatment in h.

    Returns
    -------
    static, toxic : ndarray
        NaN where undefined: no live cells, or a control without growth.

    Examples
    --------
    >>> static, toxic = gr_static_toxic(1000, 1000, 6000, dead=360, dead_start=20, dead_control=60, time=72)
    >>> round(float(static), 4), round(float(toxic), 6)
    (0.1394, -0.004513)
    """
    x, x0, xc, m, m0, mc, t = _together(
        "gr_static_toxic", count=count, start=start, control=control, dead=dead, dead_start=dead_start,
        dead_control=dead_control, time=time,
    )  # fmt: skip
    with np.errstate(divide="ignore", invalid="ignore"):
        g, gc = np.log2(np.maximum(x / x0, _LEAST)), np.log2(xc / x0)
        lost, lost_control = _dead_rate(x, x0, m - m0), _dead_rate(xc, x0, mc - m0)
        static = 2.0 ** ((g + lost) / (gc + lost_control)) - 1.0
        toxic = 2.0 ** ((lost_control - lost) / t) - 1.0
    fine = (x0 > 0) & (xc > x0) & (x >= 0) & (t > 0)
    return np.where(fine, static, np.nan), np.where(fine, toxic, np.nan)


def _dead_rate(x: FloatArray, x0: FloatArray, gained: FloatArray) -> FloatArray:
    """The product D g; at least one cell counts as dead."""
    u = (np.maximum(x, _LEAST * x0) - x0) / x0
    small = np.abs(u) < 1e-8
    factor = np.where(small, 1.0 - 0.5 * u, np.log1p(u) / np.where(small, 1.0, u))
    return np.asarray(np.maximum(gained, 1.0) / x0 * factor / np.log(2.0))


def adjusted_dead(
    count: npt.ArrayLike, dead: npt.ArrayLike, *, start_total: npt.ArrayLike, control_total: npt.ArrayLike
) -> FloatArray:
    """Counts of dead cells made plausible: an optional step that some tools take without saying so.

    Where live and dead cells together are below 95 % of the start, cells were washed away and counted as dead; where
    they are above 115 % of the control, debris was counted as dead cells.

    Parameters
    ----------
    count, dead : array_like
        Live and dead cells after treatment.
    start_total, control_total : array_like
        Live and dead cells at the start, and of the control.

    Examples
    --------
    >>> adjusted_dead([50, 6600, 400], [200, 1800, 700], start_total=1020, control_total=6060).tolist()
    [920.0, 368.0, 700.0]
    """
    x, m, total0, total_c = _together(
        "adjusted_dead", count=count, dead=dead, start_total=start_total, control_total=control_total
    )
    if np.any(total0 < 0) or np.any(total_c < 0):
        raise DataError("adjusted_dead: totals of cells are numbers from 0 on")
    low = np.floor(0.95 * total0) - x + 1.0
    high = np.ceil(1.15 * total_c) - x - 1.0
    return np.where(x + m < 0.95 * total0, low, np.where(x + m > 1.15 * total_c, high, m))
