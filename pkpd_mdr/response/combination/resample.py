"""Tables drawn anew from the scatter of replicates within cells, corrected for the small number of them."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from pkpd_mdr.response.combination.reading import Wells

__all__ = ["resampled", "resampled_around", "scatter_differs"]

FloatArray = npt.NDArray[np.float64]


def resampled(wells: Wells, draws: int, seed: int, how: str = "pooled") -> FloatArray | None:
    """Wells drawn anew around the means of their cells, shape (draws, wells); None without replicates that differ.

    Deviations from the cell mean are enlarged by ``sqrt(n/(n - 1))``: among n replicates a plain resample has too
    small a variance by that factor. They are drawn from all cells (``how="pooled"``, one scatter for the plate) or from
    the well's own cell (``"cells"``). Two or three replicates say so little of their own scatter that the second is
    calibrated only with many. Cells with one well always draw from all cells.
    """
    if not (wells.n > 1).any():
        return None
    rng = np.random.default_rng(seed)
    means = wells.centres(wells.y[None])[0]
    n = wells.n[wells.cell]
    away = (wells.y - means[wells.cell]) * np.sqrt(n / np.maximum(n - 1, 1))
    pool = away[n > 1]
    if not pool.any():
        return None
    out = np.broadcast_to(means[wells.cell], (draws, len(wells.y))).copy()
    if how == "pooled":
        return np.asarray(out + pool[rng.integers(0, len(pool), size=out.shape)])
    for c in range(len(wells.cells)):
        at = np.flatnonzero(wells.cell == c)
        source = away[at] if len(at) > 1 else pool
        out[:, at] += source[rng.integers(0, len(source), size=(draws, len(at)))]
    return out


def scatter_differs(wells: Wells) -> float:
    """Chance of variances of cells as different as these if all wells have one scatter (Bartlett); NaN if unknown."""
    from scipy.special import chdtrc

    df = (wells.n - 1)[wells.n > 1].astype(np.float64)
    means = wells.centres(wells.y[None])[0]
    squares = np.bincount(wells.cell, (wells.y - means[wells.cell]) ** 2, len(wells.cells))[wells.n > 1]
    if len(df) < 2 or (squares <= 0).any():
        return float("nan")
    k, total = len(df), df.sum()
    statistic = total * np.log(squares.sum() / total) - (df * np.log(squares / df)).sum()
    correction = 1.0 + ((1.0 / df).sum() - 1.0 / total) / (3.0 * (k - 1))
    return float(chdtrc(k - 1, statistic / correction))


def resampled_around(wells: Wells, fitted: FloatArray, estimated: int, draws: int, seed: int) -> FloatArray:
    """Cell means of single wells drawn around a fitted surface from its residuals, shape (draws, cells)."""
    rng = np.random.default_rng(seed)
    residual = wells.y - fitted[wells.cell]
    residual = residual * np.sqrt(len(residual) / max(len(residual) - estimated, 1))
    drawn = residual[rng.integers(0, len(residual), size=(draws, len(residual)))]
    return wells.centres(fitted[wells.cell] + drawn)
