"""Priors: what is known of a parameter before the data, as one more squared distance in the objective."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from pkpd_mdr.errors import FitError, did_you_mean, is_flag, shown
from pkpd_mdr.fit.free import FloatArray, Free, Space
from pkpd_mdr.units import QuantityLike, read

__all__ = ["Prior", "PriorLike", "prior_rows", "read_priors"]

PriorLike = tuple[str, QuantityLike, QuantityLike]
"""``("lognormal", median, sd of the logarithm)`` or ``("normal", mean, sd)``."""

_KINDS = ("lognormal", "normal")


@dataclass(frozen=True, slots=True)
class Prior:
    """One prior; `centre` and `sd` in the declared unit (`sd` of the logarithm where it is lognormal).

    Parameters
    ----------
    name : str
        Coordinate of the space, such as ``CL`` or ``ec50_dox_S[231]``.
    index : int
        Its position in the space.
    kind : {"lognormal", "normal"}
    centre, sd : float
    """

    name: str
    index: int
    kind: str
    centre: float
    sd: float

    def distance(self, item: Free, u: float) -> tuple[float, float]:
        """Distance from the centre in sds at a working coordinate, and its derivative."""
        value, slope = item.from_working(u), item.slope(u)
        if self.kind == "lognormal":
            value = max(value, 1e-300)
            return (math.log(value) - math.log(self.centre)) / self.sd, slope / value / self.sd
        return (value - self.centre) / self.sd, slope / self.sd

    def describe(self, unit: str) -> str:
        """One line for the report."""
        centre = f"{self.centre:.4g} {unit}".rstrip()
        if self.kind == "lognormal":
            return f"lognormal around {centre}, 95% within a factor {math.exp(1.96 * self.sd):.3g}"
        return f"normal around {centre}, sd {self.sd:.4g} {unit}".rstrip()


def read_priors(priors: Mapping[str, PriorLike] | None, space: Space) -> tuple[Prior, ...]:
    """Read what is known before the data.

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
    >>> read_priors({"CL": ("lognormal", "5 L/h", 0.3)}, space)[0].describe("L/h")
    'lognormal around 5 L/h, 95% within a factor 1.8'
    """
    found: dict[str, Prior] = {}
    for name, given in (priors or {}).items():
        chosen = [i for i, item in enumerate(space.free) if name in (item.name, item.target)]
        if not chosen:
            raise FitError(f"priors names {shown(name)}, which is not free{did_you_mean(name, space.names)}")
        for i in chosen:
            if space.names[i] == name or space.names[i] not in found:
                found[space.names[i]] = _read(name, i, given, space.free[i])
    return tuple(sorted(found.values(), key=lambda item: item.index))


def _read(name: str, index: int, given: Any, item: Free) -> Prior:
    where = f"prior of {shown(name)}"
    if not isinstance(given, (tuple, list)) or len(given) != 3:
        raise FitError(f"{where}: {shown(given)} is no prior; write ('lognormal', median, sd of the logarithm)")
    kind, centre, spread = given
    if kind not in _KINDS:
        raise FitError(f"{where}: the distribution {shown(kind)} is not known{did_you_mean(kind, _KINDS)}")
    middle = read(centre, item.unit, where, bare=item.unit.dimensionless) / item.unit.factor
    if kind == "lognormal":
        if middle <= 0 or item.lower < 0:
            raise FitError(
                f"{where}: a lognormal prior needs a positive median and a parameter that cannot be negative, "
                f"not {middle:g} and a lower bound of {item.lower:g}; use 'normal' or raise the bound"
            )
        if is_flag(spread) or not isinstance(spread, (int, float)):
            raise FitError(f"{where}: the sd of the logarithm is {shown(spread)}; write a number such as 0.3")
        sd = float(spread)
    else:
        sd = read(spread, item.unit, where, bare=item.unit.dimensionless) / item.unit.factor
    if not 0 < sd < math.inf:
        raise FitError(f"{where}: the spread {shown(spread)} is not a finite number above 0")
    return Prior(item.name, index, kind, middle, sd)


def prior_rows(priors: Sequence[Prior], space: Space, point: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Distances of all priors, shape (priors,), and their derivatives by the point, shape (priors, d)."""
    rows, by = np.zeros(len(priors)), np.zeros((len(priors), len(point)))
    for row, prior in enumerate(priors):
        rows[row], by[row, prior.index] = prior.distance(space.free[prior.index], float(point[prior.index]))
    return rows, by
