"""Zero interaction potency (Yadav et al. 2015, Comput Struct Biotechnol J 13:504).

The reference is Bliss on the curves fitted to the drugs alone. What is held against it is not the observed response but
the mean of two fits: over the dose of drug 1 at a fixed dose of drug 2, starting from the fitted response to drug 2
alone, and the other way round. Each fit has three free parameters on few points, so every cell says how it was fitted.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from pkpd_mdr.response.combination.nulls import Expected, affected, unaffected
from pkpd_mdr.response.combination.reading import Wells
from pkpd_mdr.response.combination.single import Hills
from pkpd_mdr.response.estimates import fit_stack
from pkpd_mdr.response.families import family
from pkpd_mdr.response.stack import Stack

__all__ = ["zero_interaction_potency"]

FloatArray = npt.NDArray[np.float64]
_FEWEST = 3  # doses for three parameters
_STEEP = {"b": (0.05, 20.0)}


def zero_interaction_potency(wells: Wells, y: FloatArray, hills: Hills) -> Expected:
    """Expected and fitted responses of two drugs for cell means of shape (draws, cells)."""
    assert wells.scale is not None
    alone = [
        np.stack([hills.at(k, float(dose)) for dose in wells.cells[:, k]], axis=1) for k in range(len(wells.drugs))
    ]
    f = unaffected(alone[0], wells.scale) * unaffected(alone[1], wells.scale)
    usable = np.asarray(hills.usable.all(axis=1)).reshape(-1, 1)
    value = np.where(usable, affected(f, wells.scale), np.nan)
    first, second = (_conditional(wells, y, alone[1 - k], k) for k in (0, 1))
    single = [wells.alone(0), wells.alone(1)]
    fitted = 0.5 * (first + second)
    for k in (0, 1):
        fitted[:, single[k]] = alone[k][:, single[k]]
        value[:, single[k]] = alone[k][:, single[k]]
    none = wells.untreated
    fitted[:, none] = value[:, none] = hills.start.mean(axis=1)[:, None]
    fitted = np.where(usable, fitted, np.nan)
    reason = [""] * len(wells.cells)
    for c in np.flatnonzero(wells.mixed):
        if not hills.usable[0].all():
            reason[c] = f"no curve could be fitted to {wells.drugs[int(np.argmin(hills.usable[0]))]} alone"
        elif np.isnan(fitted[0, c]):
            reason[c] = f"fewer than {_FEWEST} doses of a drug at this dose of the other: no conditional curve"
    return Expected(value, reason, fitted=fitted)


def _conditional(wells: Wells, y: FloatArray, floor: FloatArray, k: int) -> FloatArray:
    """Responses fitted over the dose of drug k at each dose of the other, shape (draws, cells)."""
    draws, other = len(y), wells.cells[:, 1 - k]
    out = np.full(y.shape, np.nan)
    levels = np.unique(other[wells.mixed])
    groups = [np.flatnonzero(wells.mixed & (other == level)) for level in levels]
    groups = [at for at in groups if len(at) >= _FEWEST]
    if not groups:
        return out
    curve = np.concatenate([np.repeat(np.arange(draws) * len(groups) + g, len(at)) for g, at in enumerate(groups)])
    x = np.concatenate([np.tile(wells.cells[at, k], draws) for at in groups])
    means = np.concatenate([y[:, at].ravel() for at in groups])
    weight = np.concatenate([np.tile(wells.n[at].astype(np.float64), draws) for at in groups])
    start = np.stack([floor[:, at[0]] for at in groups], axis=1).ravel()
    known = np.where(np.isfinite(start), start, 0.0)
    fits = fit_stack(
        Stack.of(curve, x, means, weight, count=draws * len(groups)), family("LL.4"), held={"d": known}, bounds=_STEEP
    )
    for g, at in enumerate(groups):
        own = np.arange(draws) * len(groups) + g
        out[:, at] = fits.predict(wells.cells[at, k][None, :], own)
    return np.where(np.isfinite(floor).all(axis=1, keepdims=True), out, np.nan)
