"""Tables drawn anew: replicates within cells, with scatter corrected for the small number of them."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from pkpd_mdr.response.combination.reading import Wells

__all__ = ["pooled_error", "resampled", "resampled_around"]

FloatArray = npt.NDArray[np.float64]


def pooled_error(wells: Wells) -> tuple[float, int]:
    """Standard deviation of a well within its cell, and its degrees of freedom; NaN and 0 without replicates."""
    means = wells.centres(wells.y[None])[0]
    df = int((wells.n - 1).sum())
    rss = float(((wells.y - means[wells.cell]) ** 2).sum())
    return (float(np.sqrt(rss / df)) if df else float("nan")), df


def resampled(wells: Wells, draws: int, seed: int) -> FloatArray | None:
    """Wells drawn with replacement within their cells, shape (draws, wells); None where no cell has replicates.

    Deviations from the cell mean are enlarged by ``sqrt(n/(n - 1))``: among n replicates a plain resample has too
    small a variance by that factor, which matters for two or three. Cells with one well draw from the enlarged
    deviations of all others.
    """
    if not (wells.n > 1).any():
        return None
    rng = np.random.default_rng(seed)
    means = wells.centres(wells.y[None])[0]
    n = wells.n[wells.cell]
    away = (wells.y - means[wells.cell]) * np.sqrt(n / np.maximum(n - 1, 1))
    pool = away[n > 1]
    out = np.broadcast_to(means[wells.cell], (draws, len(wells.y))).copy()
    for c in range(len(wells.cells)):
        at = np.flatnonzero(wells.cell == c)
        source = away[at] if len(at) > 1 else pool
        out[:, at] += source[rng.integers(0, len(source), size=(draws, len(at)))]
    return out


def resampled_around(wells: Wells, fitted: FloatArray, estimated: int, draws: int, seed: int) -> FloatArray:
    """Cell means of single wells drawn around a fitted surface from its residuals, shape (draws, cells)."""
    rng = np.random.default_rng(seed)
    residual = wells.y - fitted[wells.cell]
    residual = residual * np.sqrt(len(residual) / max(len(residual) - estimated, 1))
    drawn = residual[rng.integers(0, len(residual), size=(draws, len(residual)))]
    return wells.centres(fitted[wells.cell] + drawn)
