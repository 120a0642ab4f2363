"""Isoboles: pairs of doses of two drugs with one response."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import pandas as pd

from pkpd_mdr.errors import DataError, is_flag, shown
from pkpd_mdr.response.combination.nulls import affected, unaffected
from pkpd_mdr.response.combination.reading import Wells
from pkpd_mdr.response.combination.single import Hills, fit_hills

if TYPE_CHECKING:
    from pkpd_mdr.response.combination.result import Combination

__all__ = ["isobole"]

FloatArray = npt.NDArray[np.float64]
Response = Callable[[FloatArray], FloatArray]
_STEPS = 600
_DECADES = 4.0  # below the highest doses, where the search along a ray begins


def isobole(
    result: Combination, level: float, *, model: str | None, combination: str | int | None, points: int
) -> pd.DataFrame:
    """Pairs of doses with one response, within the tested doses.

    Parameters
    ----------
    result : Combination
        Of two drugs.
    level : float
        A response on the scale of the table.
    model : {"musyc", "braid", "loewe", "bliss"}, optional
        The fitted surface, or what Loewe or Bliss expect of the curves fitted to the drugs alone; the first of these
        that was asked for when absent.
    combination : str or int, optional
    points : int
        Mixing ratios, both drugs alone included.

    Returns
    -------
    DataFrame
        model, level, share of drug 2 in the mixture (of the highest doses), the dose of each drug, state: "in range"
        or "not reached" within the tested doses, with NaN doses.

    Raises
    ------
    DataError
        Three drugs, a model without a surface, or a level that is no number.
    """
    wells = result.wells[result._which(combination)]
    if len(wells.drugs) != 2:
        raise DataError(f"isobole: {len(wells.drugs)} drugs have no isobole in a plane; name two in doses")
    if is_flag(level) or not isinstance(level, (int, float, np.number)) or not np.isfinite(level):
        raise DataError(f"isobole: level = {shown(level)} is no response")
    if not isinstance(points, int) or points < 2:
        raise DataError(f"isobole: points = {shown(points)}; both drugs alone are points, so give at least 2")
    able = [name for name in ("musyc", "braid", "loewe", "bliss") if name in result.models]
    name = result._model(model) if model is not None else (able[0] if able else "")
    if name not in able:
        raise DataError(
            f"isobole: {shown(name or result.models)} has no surface between the tested doses; ask for musyc, braid, "
            "loewe or bliss in combination(model=...)"
        )
    top = wells.cells.max(axis=0)
    share = np.linspace(0.0, 1.0, points)
    if name == "loewe":
        doses = _additive(fit_hills(wells, wells.centres(wells.y[None])), level, share, top)
    else:
        doses = _along_rays(_response(result, wells, name, combination), level, share, top)
    found = np.isfinite(doses).all(axis=1)
    frame = pd.DataFrame({"model": name, "level": float(level), "share": share})
    for k, drug in enumerate(wells.drugs):
        frame[drug] = doses[:, k]
    frame["state"] = np.where(found, "in range", "not reached")
    return frame


def _response(result: Combination, wells: Wells, name: str, combination: str | int | None) -> Response:
    fit = result.outcome(name, combination).fit
    if fit is not None:
        return fit.value
    assert wells.scale is not None
    scale, hills = wells.scale, fit_hills(wells, wells.centres(wells.y[None]))

    def product(cells: FloatArray) -> FloatArray:
        """Responses of cells (doses of both drugs) under Bliss independence, shape (cells,)."""
        f = np.ones(len(cells))
        for k in range(2):
            alone = np.array([hills.at(k, float(dose))[0] for dose in cells[:, k]])
            f = f * np.where(cells[:, k] > 0, unaffected(alone, scale), 1.0)
        return affected(f, scale)

    return product


def _additive(hills: Hills, level: float, share: FloatArray, top: FloatArray) -> FloatArray:
    """The straight line between the doses of the drugs alone; it ends where a drug alone cannot do as much."""
    alone = hills.doses(np.array([level]), np.array([0, 1]))[0]
    out = np.full((len(share), 2), np.nan)
    with np.errstate(divide="ignore", invalid="ignore"):
        mixture = np.stack([(1.0 - share) * top[0], share * top[1]], axis=1)
        needed = (mixture / alone).sum(axis=1)
        possible = (
            (np.isfinite(alone) & (alone > 0)).all()
            | (share == 0) & np.isfinite(alone[0])
            | ((share == 1) & np.isfinite(alone[1]))
        )
        doses = mixture / needed[:, None]
    fine = possible & np.isfinite(doses).all(axis=1) & (doses <= top * (1 + 1e-9)).all(axis=1)
    out[fine] = doses[fine]
    return out


def _along_rays(response: Response, level: float, share: FloatArray, top: FloatArray) -> FloatArray:
    """The first crossing of the level along each mixing ratio, refined by bisection."""
    out = np.full((len(share), 2), np.nan)
    reach = np.concatenate([[0.0], np.logspace(-_DECADES, 0.0, _STEPS)])
    for i, part in enumerate(share):
        ray = np.array([1.0 - part, part]) / max(part, 1.0 - part) * top
        gap = response(reach[:, None] * ray) - level
        cross = np.flatnonzero((gap[:-1] * gap[1:] <= 0) & (gap[:-1] != gap[1:]))
        if not len(cross) or gap[0] == 0:
            continue
        low, high, sign = reach[cross[0]], reach[cross[0] + 1], np.sign(gap[0])
        for _ in range(60):
            middle = 0.5 * (low + high)
            before = np.sign(response(middle * ray[None, :])[0] - level) == sign
            low, high = (middle, high) if before else (low, middle)
        out[i] = 0.5 * (low + high) * ray
    return out
