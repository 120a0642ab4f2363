"""How a quantity varies between patients: distributions as small frozen objects with units.

Each knows its distribution function and the inverse of it, so that any of them can be cut (`Distribution.between`) and
any of them can be correlated with another through normal scores.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from pkpd_mdr.arguments import NUMBER, listed, takes
from pkpd_mdr.engine.lowering import FloatArray
from pkpd_mdr.errors import DataError, UnitError, shown
from pkpd_mdr.patients.shapes import KINDS
from pkpd_mdr.units import DIMENSIONLESS, Quantity, QuantityLike, Unit, quantity

__all__ = [
    "Distribution",
    "beta",
    "empirical",
    "fixed",
    "log_uniform",
    "logit_normal",
    "lognormal",
    "normal",
    "share",
    "triangular",
    "uniform",
]

_LEAST_MASS = 1e-9
_SCORES = {"normal": "values", "lognormal": "logarithms", "logit_normal": "logits"}


@dataclass(frozen=True, slots=True)
class Distribution:
    """A distribution of a quantity over patients; made by `normal`, `lognormal` and their like.

    Attributes
    ----------
    kind : str
        Name of the function that made it.
    unit : Unit
        Of `numbers`, `low`, `high` and of what is drawn.
    numbers : tuple of float
        Centre and spread, or what else the kind needs; the spread is NaN where a table of covariances gives it.
    low, high : float
        Ends to which it is cut.
    """

    kind: str
    unit: Unit
    numbers: tuple[float, ...]
    low: float = -math.inf
    high: float = math.inf

    @property
    def spread(self) -> float | None:
        """Standard deviation of the normal score's scale (values, logarithms or logits), where the kind has one."""
        return self.numbers[1] if self.kind in _SCORES else None

    @property
    def scale(self) -> str:
        """On what a table of covariances counts: ``"values"``, ``"logarithms"``, ``"logits"``, or "" for nothing."""
        return _SCORES.get(self.kind, "")

    def with_spread(self, spread: float) -> Distribution:
        """The same with a standard deviation that was left open."""
        return replace(self, numbers=(self.numbers[0], spread, *self.numbers[2:]))

    def between(self, low: QuantityLike | None = None, high: QuantityLike | None = None) -> Distribution:
        """The same distribution cut to an interval (and scaled up, as truncation does).

        Raises
        ------
        DataError
            The ends are not in order, or next to nothing of the distribution lies between them.
        UnitError
            An end is in a unit of another kind.

        Examples
        --------
        >>> from pkpd_mdr.patients import distributions
        >>> weight = distributions.normal("70 kg", sd="15 kg").between("40 kg", "120 kg")
        >>> weight.quantile(np.array([0.0, 0.5, 1.0])).round(1).tolist()
        [40.0, 70.4, 120.0]
        """
        ends = (self.low if low is None else self._own(low), self.high if high is None else self._own(high))
        cut = replace(self, low=ends[0], high=ends[1])
        if not cut.low < cut.high:
            raise DataError(f"{self}: it cannot be cut to between {shown(low)} and {shown(high)}; give low < high")
        if not math.isnan(cut.numbers[min(1, len(cut.numbers) - 1)]):
            below, above = cut._mass()
            if above - below < _LEAST_MASS:
                raise DataError(f"{self}: next to nothing of it lies between {shown(low)} and {shown(high)}")
        return cut

    def _own(self, given: QuantityLike) -> float:
        return _in(given, self.unit, f"{self.kind}(): an end")

    def _mass(self) -> tuple[float, float]:
        ends = KINDS[self.kind][0](np.array([self.low, self.high]), self.numbers)
        return float(ends[0]), float(ends[1])

    def quantile(self, shares: FloatArray) -> FloatArray:
        """Values below which a share of patients lies, in `unit`.

        Parameters
        ----------
        shares : ndarray
            Between 0 and 1.

        Raises
        ------
        DataError
            The spread was left open.
        """
        if any(map(math.isnan, self.numbers)):
            raise DataError(f"{self} has no spread; give cv=, sd=, or its variance in covariances=")
        below, above = self._mass()
        values = KINDS[self.kind][1](below + shares * (above - below), self.numbers)
        return np.asarray(np.clip(values, self.low, self.high))

    def __str__(self) -> str:
        inside = ", ".join(f"{number:.4g}" for number in self.numbers[:4])
        inside += ", ..." if len(self.numbers) > 4 else ""
        cut = "" if math.isinf(self.low) and math.isinf(self.high) else f" between {self.low:.4g} and {self.high:.4g}"
        return f"{self.kind}({inside}){f' {self.unit.text}' if self.unit.text else ''}{cut}"


def _in(given: QuantityLike, unit: Unit, what: str) -> float:
    """A further number in the unit of the first; bare where that one is bare, as 5 beside 50 % may be 500 %."""
    found = quantity(given, what)
    mixed = found.unit.factor != unit.factor and not (found.unit.text and unit.text)
    if mixed or not found.unit.like(unit):
        raise UnitError(f"{what}: {shown(given)} is not in a unit like {shown(unit.text or 'that of a pure number')}")
    return found.internal / unit.factor


def _ends(kind: str, low: QuantityLike, high: QuantityLike) -> tuple[Quantity, float]:
    """The lower end, and the upper one in its unit."""
    first = quantity(low, f"{kind}(): low")
    last = _in(high, first.unit, f"{kind}(): high")
    if not first.value < last:
        raise DataError(f"{kind}(): {shown(low)} is not below {shown(high)}; give low, then high")
    return first, last


def _positive(value: float, what: str, repair: str) -> float:
    if not 0 < value < math.inf:
        raise DataError(f"{what} is {value:g}; {repair}")
    return value


def normal(mean: QuantityLike, *, sd: QuantityLike | None = None) -> Distribution:
    """A normal distribution.

    Parameters
    ----------
    mean : quantity
    sd : quantity, optional
        Standard deviation, above zero; left out where ``covariances=`` of `patients` gives the variance.

    Returns
    -------
    Distribution

    Raises
    ------
    DataError
        The standard deviation is not above zero.

    Examples
    --------
    >>> from pkpd_mdr.patients import distributions
    >>> float(distributions.normal("170 cm", sd="10 cm").quantile(np.array(0.5)))
    170.0
    """
    centre = quantity(mean, "normal(): mean")
    spread = math.nan if sd is None else _in(sd, centre.unit, "normal(): sd")
    if sd is not None:
        _positive(spread, "normal(): sd", "give a standard deviation above zero, or fixed(...)")
    return Distribution("normal", centre.unit, (centre.value, spread))


@takes(DataError, cv=NUMBER, sd=NUMBER)
def lognormal(median: QuantityLike, *, cv: float | None = None, sd: float | None = None) -> Distribution:
    """A log-normal distribution, by its median and its spread.

    Parameters
    ----------
    median : quantity
        Above zero.
    cv : float, optional
        Coefficient of variation, as a share: the variance of the logarithm is ``log(1 + cv**2)``.
    sd : float, optional
        Standard deviation of the natural logarithm instead (the square root of NONMEM's OMEGA). Both are left out where
        ``covariances=`` of `patients` gives the variance.

    Returns
    -------
    Distribution

    Raises
    ------
    DataError
        The median or the spread is not above zero, or both spreads are given.

    Examples
    --------
    >>> from pkpd_mdr.patients import distributions
    >>> print(distributions.lognormal("5 L/h", cv=0.3))
    lognormal(5, 0.2936) L/h
    """
    centre = quantity(median, "lognormal(): median")
    _positive(centre.value, "lognormal(): the median", "a log-normal quantity is above zero")
    if cv is not None and sd is not None:
        raise DataError("lognormal(): cv= and sd= say the same thing; leave out one of them")
    spread = math.nan
    if cv is not None:
        spread = math.sqrt(math.log1p(_positive(cv, "lognormal(): cv", "give a share such as 0.3 for 30 %") ** 2))
    elif sd is not None:
        spread = _positive(sd, "lognormal(): sd", "give the standard deviation of the logarithm, such as 0.3")
    return Distribution("lognormal", centre.unit, (centre.value, spread))


@takes(DataError, sd=NUMBER)
def logit_normal(
    median: QuantityLike, *, sd: float | None = None, low: QuantityLike = 0, high: QuantityLike = 1
) -> Distribution:
    """A quantity between two ends whose logit is normal, such as a bioavailability.

    Parameters
    ----------
    median : quantity
        Between the ends.
    sd : float, optional
        Standard deviation of the logit, above zero.
    low, high : quantity
        The ends, 0 and 1 if left out.

    Returns
    -------
    Distribution

    Raises
    ------
    DataError
        The median is not between the ends, or the spread is not above zero.

    Examples
    --------
    >>> from pkpd_mdr.patients import distributions
    >>> float(distributions.logit_normal(0.6, sd=0.5).quantile(np.array(0.5)).round(6))
    0.6
    """
    centre = quantity(median, "logit_normal(): median")
    ends = (_in(low, centre.unit, "logit_normal(): low"), _in(high, centre.unit, "logit_normal(): high"))
    if not ends[0] < centre.value < ends[1]:
        raise DataError(f"logit_normal(): the median {centre} is not between {ends[0]:g} and {ends[1]:g}")
    if sd is not None:
        _positive(sd, "logit_normal(): sd", "give the standard deviation of the logit, such as 0.5")
    return Distribution("logit_normal", centre.unit, (centre.value, math.nan if sd is None else sd, *ends))


def uniform(low: QuantityLike, high: QuantityLike) -> Distribution:
    """Every value between two ends is equally likely.

    Parameters
    ----------
    low, high : quantity
        The ends, with units of the same kind.

    Returns
    -------
    Distribution

    Raises
    ------
    DataError
        The ends are not in order.

    Examples
    --------
    >>> from pkpd_mdr.patients import distributions
    >>> float(distributions.uniform("1 h", "120 min").quantile(np.array(0.5)))
    1.5
    """
    first, last = _ends("uniform", low, high)
    return Distribution("uniform", first.unit, (first.value, last))


def log_uniform(low: QuantityLike, high: QuantityLike) -> Distribution:
    """Every order of magnitude between two ends is equally likely: a wide prior for what nobody has measured.

    Parameters
    ----------
    low, high : quantity
        The ends, above zero, with units of the same kind.

    Returns
    -------
    Distribution

    Raises
    ------
    DataError
        The ends are not above zero and in order.

    Examples
    --------
    >>> from pkpd_mdr.patients import distributions
    >>> float(distributions.log_uniform("1e-9 1/day", "1e-5 1/day").quantile(np.array(0.5)).round(12))
    1e-07
    """
    first = quantity(low, "log_uniform(): low")
    last = _in(high, first.unit, "log_uniform(): high")
    if not 0 < first.value < last:
        raise DataError(f"log_uniform(): {shown(low)} and {shown(high)} are not above zero and in order")
    return Distribution("log_uniform", first.unit, (first.value, last))


@takes(DataError, mean=NUMBER, sd=NUMBER)
def beta(mean: float, *, sd: float, low: QuantityLike = 0, high: QuantityLike = 1) -> Distribution:
    """A beta distribution, by its mean and its standard deviation as shares of the stretch between its ends.

    Parameters
    ----------
    mean, sd : float
        Of the share; ``sd**2 < mean*(1 - mean)``.
    low, high : quantity
        The ends, 0 and 1 if left out.

    Returns
    -------
    Distribution

    Raises
    ------
    DataError
        No beta distribution has this mean and standard deviation, or the ends are not in order.

    Examples
    --------
    >>> from pkpd_mdr.patients import distributions
    >>> distributions.beta(0.5, sd=0.28867513459481287).numbers[:2]
    (1.0, 1.0)
    """
    first, last = _ends("beta", low, high)
    if not (0 < mean < 1 and 0 < sd**2 < mean * (1 - mean)):
        raise DataError(
            f"beta(): no beta distribution has the mean {mean:g} and the standard deviation {sd:g}; the mean is a "
            "share between 0 and 1 and sd**2 is below mean*(1 - mean)"
        )
    size = round(mean * (1 - mean) / sd**2 - 1, 12)
    return Distribution("beta", first.unit, (mean * size, (1 - mean) * size, first.value, last))


def triangular(low: QuantityLike, mode: QuantityLike, high: QuantityLike) -> Distribution:
    """A triangle between two ends with its top at the mode.

    Parameters
    ----------
    low, mode, high : quantity
        With units of the same kind.

    Returns
    -------
    Distribution

    Raises
    ------
    DataError
        The three are not in order.

    Examples
    --------
    >>> from pkpd_mdr.patients import distributions
    >>> float(distributions.triangular(0, 1, 2).quantile(np.array(0.5)))
    1.0
    """
    first = quantity(low, "triangular(): low")
    top, last = _in(mode, first.unit, "triangular(): mode"), _in(high, first.unit, "triangular(): high")
    if not (first.value <= top <= last and first.value < last):
        raise DataError(f"triangular(): {shown(low)}, {shown(mode)} and {shown(high)} are not in order")
    return Distribution("triangular", first.unit, (first.value, top, last))


def empirical(values: Sequence[float] | FloatArray, unit: str = "") -> Distribution:
    """Values that were measured, each as likely as the other.

    Parameters
    ----------
    values : sequence of float
        In `unit`.
    unit : str

    Returns
    -------
    Distribution

    Raises
    ------
    DataError
        There is no value, or one that is no finite number.

    Examples
    --------
    >>> from pkpd_mdr.patients import distributions
    >>> distributions.empirical([60, 70, 80], "kg").quantile(np.array([0.1, 0.5, 0.9])).tolist()
    [60.0, 70.0, 80.0]
    """
    items = listed(values)
    if not items:
        raise DataError(f"empirical(): {shown(values)} are no values; give a list of numbers and their unit")
    for place, item in enumerate(items):
        if not NUMBER.fits(item) or not math.isfinite(item):
            raise DataError(f"empirical(): value {place} is {shown(item)}, which is not a finite number")
    return Distribution("empirical", Unit.of(unit), tuple(sorted(map(float, items))))


@takes(DataError, of_ones=NUMBER)
def share(of_ones: float) -> Distribution:
    """1 for a share of the patients, 0 for the others: a sex, a mutation carried or not.

    Parameters
    ----------
    of_ones : float
        From 0 to 1.

    Returns
    -------
    Distribution

    Examples
    --------
    >>> from pkpd_mdr.patients import distributions
    >>> distributions.share(0.4).quantile(np.array([0.5, 0.7])).tolist()
    [0.0, 1.0]
    """
    if not 0 <= of_ones <= 1:
        raise DataError(f"share(): {of_ones:g} is no share; give a number from 0 to 1")
    return Distribution("share", DIMENSIONLESS, (of_ones,))


def fixed(value: QuantityLike) -> Distribution:
    """The same for all patients.

    Parameters
    ----------
    value : quantity

    Returns
    -------
    Distribution

    Examples
    --------
    >>> from pkpd_mdr.patients import distributions
    >>> print(distributions.fixed("70 kg"))
    fixed(70) kg
    """
    found = quantity(value, "fixed(): the value")
    return Distribution("fixed", found.unit, (found.value,))
