"""Is there an effect at all? A test against a constant, calibrated for the design, beside the size of the effect.

Steepness and location mean nothing under a constant response, so the F statistic does not follow its F distribution
(Davies 1987, Biometrika 74:33). The null distribution is therefore simulated with the same optimiser for a design of
as many dose levels, points and untreated wells, and the tabulated distribution is rescaled to meet it around its 95 %
point. How doses are spaced hardly matters, as steepness and location are free; so a curve has one calibration, alone
or in whatever table.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from pkpd_mdr.response.estimates import Curves, fit_stack
from pkpd_mdr.response.families import Family
from pkpd_mdr.response.quantiles import f_quantile, f_tail
from pkpd_mdr.response.shapes import FloatArray
from pkpd_mdr.response.stack import Part, Stack

__all__ = ["Flatness", "flatness", "null_scale"]

_SIMULATED = 1000  # curves behind the table of a design
_SHARES = (0.91, 0.93, 0.95, 0.965, 0.98)  # points at which the tables are matched: steadier than one
_SEED = 20240601
_KEPT = 256  # calibrations kept in memory
_TABLES: OrderedDict[tuple[object, ...], float] = OrderedDict()


@dataclass(frozen=True, slots=True)
class Flatness:
    """Of every curve, shape (count,) each.

    Attributes
    ----------
    p : ndarray
        Probability of so large an F without effect, calibrated; NaN where there are no degrees of freedom.
    effect : ndarray
        Largest less smallest fitted response over the tested doses.
    mean : ndarray
        The constant that fits best.
    """

    p: FloatArray
    effect: FloatArray
    mean: FloatArray


def flatness(stack: Stack, curves: Curves) -> Flatness:
    """Test every curve against a constant.

    Parameters
    ----------
    stack : Stack
    curves : Curves

    Returns
    -------
    Flatness
    """
    p, effect = np.full(stack.count, np.nan), np.full(stack.count, np.nan)
    mass = np.bincount(stack.curve, stack.weight, stack.count)
    with np.errstate(invalid="ignore", divide="ignore"):
        mean = np.bincount(stack.curve, stack.weight * stack.y, stack.count) / mass
    for part in curves.parts:
        at = part.curves
        fitted = curves.predict(part.block.at.x, at)
        real = np.broadcast_to(part.block.root > 0, fitted.shape)
        effect[at] = np.where(real, fitted, -np.inf).max(axis=1) - np.where(real, fitted, np.inf).min(axis=1)
        extra = curves.estimated - _null_parameters(curves)
        ratio = _ratio(part, curves, stack, extra)
        for scale, rows in _scales(part, curves, stack):
            df = np.maximum(curves.df[at[rows]], 1)
            p[at[rows]] = f_tail(ratio[rows] / scale, max(extra, 1), df)
        p[at[curves.df[at] <= 0]] = np.nan
    return Flatness(p, effect, mean)


def _null_parameters(curves: Curves) -> int:
    """A constant is estimated unless the response without drug is known."""
    return int(curves.free[curves.names.index("d")])


def _ratio(part: Part, curves: Curves, stack: Stack, extra: int) -> FloatArray:
    block, at = part.block, part.curves
    weight = block.root**2
    if "d" in block.held:
        constant = block.held["d"][:, None]
    else:
        constant = ((weight * block.y).sum(axis=1) / weight.sum(axis=1))[:, None]
    rss0 = (weight * (block.y - constant) ** 2).sum(axis=1) + stack.pure[at]
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = (rss0 - curves.rss[at]) / max(extra, 1) / (curves.rss[at] / np.maximum(curves.df[at], 1))
    return np.where(rss0 <= 0, 0.0, np.nan_to_num(np.maximum(ratio, 0.0), nan=0.0, posinf=1e300))


def _scales(part: Part, curves: Curves, stack: Stack) -> list[tuple[float, npt.NDArray[np.int64]]]:
    """The rescaling of F for the curves of a part: one for each number of levels, points and untreated wells."""
    at = part.curves
    untreated = np.bincount(stack.curve[stack.x == 0.0], minlength=stack.count)
    keys = np.stack([stack.levels[at], stack.n[at], untreated[at]], axis=1)
    held = tuple(part.block.held)
    found = []
    for key in np.unique(keys, axis=0):
        scale = null_scale(curves.family, *_standard(*map(int, key)), held)
        found.append((scale, np.flatnonzero((keys == key).all(axis=1))))
    return found


def _standard(levels: int, n: int, untreated: int) -> tuple[FloatArray, npt.NDArray[np.int64]]:
    """Evenly spaced doses and replicates of a design with so many levels, points and untreated wells."""
    treated = levels - (untreated > 0)
    counts = np.full(treated, (n - untreated) // treated)
    counts[: (n - untreated) % treated] += 1
    doses = np.geomspace(1e-3, 1e1, treated)
    return (np.append(0.0, doses), np.append(untreated, counts)) if untreated else (doses, counts)


def null_scale(
    family: Family, x: FloatArray, counts: npt.NDArray[np.int64], held: tuple[str, ...], simulated: int = _SIMULATED
) -> float:
    """Upper points of the statistic without effect, over those of the F distribution.

    Parameters
    ----------
    family : Family
    x : ndarray, shape (m,)
        Dose levels.
    counts : ndarray of int, shape (m,)
        Replicates of each.
    held : tuple of str
        Limits that are not estimated.
    simulated : int
        Curves without effect that are fitted.
    """
    positive = x[x > 0]
    top = positive.max() if len(positive) else 1.0
    logs = np.log(np.where(x > 0, x, top) / top)
    design = np.asarray(np.where(x > 0, np.exp(np.round(logs, 6)), 0.0), dtype=np.float64)
    key = (
        family.name,
        tuple(sorted((family.fixed or {}).items())),
        held,
        design.tobytes(),
        counts.tobytes(),
        simulated,
    )
    if key in _TABLES:
        _TABLES.move_to_end(key)
        return _TABLES[key]
    curves, stack = _simulated(family, design, counts, held, simulated)
    extra = curves.estimated - _null_parameters(curves)
    df = int(curves.df[0])
    if df <= 0 or extra <= 0 or not curves.parts:
        return 1.0
    ratio = np.concatenate([_ratio(part, curves, stack, extra) for part in curves.parts])
    scale = np.mean([np.quantile(ratio, share) / f_quantile(share, extra, df) for share in _SHARES])
    _TABLES[key] = max(float(scale), 1e-3)
    while len(_TABLES) > _KEPT:
        _TABLES.popitem(last=False)
    return _TABLES[key]


def _simulated(
    family: Family, x: FloatArray, counts: npt.NDArray[np.int64], held: tuple[str, ...], count: int
) -> tuple[Curves, Stack]:
    """Constant responses of 1 with noise of 0.05; the limit opposite to a held d is at 0 where the family holds it."""
    points = np.repeat(x, counts)
    rng = np.random.default_rng(_SEED)
    y = 1.0 + 0.05 * rng.standard_normal((count, len(points)))
    curve = np.repeat(np.arange(count), len(points))
    stack = Stack.of(curve, np.tile(points, count), y.ravel())
    known = {"c": 0.0, "d": 1.0}
    return fit_stack(stack, family, held={name: known[name] for name in held}), stack
