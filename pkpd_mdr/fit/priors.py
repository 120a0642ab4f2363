"""Priors: what is known of a parameter before the data, as one more squared distance in the objective."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from pkpd_mdr.errors import FitError, did_you_mean, is_flag, shown
from pkpd_mdr.fit.free import FloatArray, Free, Prior, Space
from pkpd_mdr.units import QuantityLike, read

__all__ = ["PriorLike", "prior_rows", "prior_shares", "read_priors"]

PriorLike = tuple[str, QuantityLike, QuantityLike]
"""``("lognormal", median, sd of the logarithm)`` or ``("normal", mean, sd)``."""

_KINDS = ("lognormal", "normal")
_MOST_SPREAD = 1e3  # sd of a logarithm


def read_priors(priors: Mapping[str, PriorLike] | None, space: Space) -> Space:
    """Read what is known before the data into a space.

    Parameters
    ----------
    priors : mapping of str to (kind, centre, spread), optional
        Of free parameters. The prior of a parameter that differs between groups holds for each of them, unless the
        name says one (``"ec50_dox_S[231]"``).
    space : Space

    Raises
    ------
    FitError
        A name that is not free, an unknown distribution, or a spread that is not above 0.
    UnitError
        A centre or spread in another unit.

    Examples
    --------
    >>> from pkpd_mdr.units import Unit
    >>> space = Space((Free("CL", Unit.of("L/h"), 0.1, 100.0, 5.0, True),))
    >>> read_priors({"CL": ("lognormal", "5 L/h", 0.3)}, space).free[0].prior.describe("L/h")
    'lognormal around 5 L/h, 95% within a factor 1.8'
    """
    found: dict[str, Prior] = {}
    for name, given in (priors or {}).items():
        chosen = [item for item in space.free if name in (item.name, item.target)]
        if not chosen:
            raise FitError(f"priors names {shown(name)}, which is not free{did_you_mean(name, space.names)}")
        for item in chosen:
            if item.name == name or item.name not in found:
                found[item.name] = _read(name, given, item)
    return replace(space, free=tuple(replace(item, prior=found.get(item.name)) for item in space.free))


def _read(name: str, given: Any, item: Free) -> Prior:
    where = f"prior of {shown(name)}"
    if not isinstance(given, (tuple, list)) or len(given) != 3:
        raise FitError(f"{where}: {shown(given)} is no prior; write ('lognormal', median, sd of the logarithm)")
    kind, centre, spread = given
    if not isinstance(kind, str) or kind not in _KINDS:
        raise FitError(f"{where}: the distribution {shown(kind)} is not known{did_you_mean(kind, _KINDS)}")
    middle = _in_unit(centre, item, where)
    if kind == "lognormal":
        if middle <= 0 or item.lower < 0:
            raise FitError(
                f"{where}: a lognormal prior needs a positive median and a parameter that cannot be negative, "
                f"not {middle:g} and a lower bound of {item.lower:g}; use 'normal' or raise the bound"
            )
        if is_flag(spread) or not isinstance(spread, (int, float)) or not abs(spread) < _MOST_SPREAD:
            raise FitError(f"{where}: the sd of the logarithm is {shown(spread)}; write a number such as 0.3")
        sd = float(spread)
    else:
        sd = _in_unit(spread, item, where)
    if not 0 < sd < math.inf:
        raise FitError(f"{where}: the spread {shown(spread)} is not a finite number above 0")
    return Prior(kind, middle, sd)


def _in_unit(given: Any, item: Free, where: str) -> float:
    found = read(given, item.unit, where, bare=item.unit.dimensionless, molar_mass=item.molar_mass)
    return found / item.unit.factor


def prior_rows(space: Space, point: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Distances of all priors, shape (priors,), and their derivatives by the point, shape (priors, d)."""
    known = [i for i, item in enumerate(space.free) if item.prior is not None]
    rows, by = np.zeros(len(known)), np.zeros((len(known), len(point)))
    for row, i in enumerate(known):
        item, u = space.free[i], float(point[i])
        if item.prior is not None:
            rows[row], by[row, i] = item.prior.distance(item.from_working(u), item.slope(u))
    return rows, by


def prior_shares(space: Space, point: FloatArray, covariance: FloatArray) -> dict[str, float]:
    """How much of the precision of each estimate its own prior brings: 0 for none, 1 for all."""
    _, by = prior_rows(space, point)
    precision = (by**2).sum(axis=0)
    return {
        item.name: min(float(precision[i] * covariance[i, i]), 1.0)
        for i, item in enumerate(space.free)
        if item.prior is not None
    }
