"""Which parameters a fit may move, within which bounds, and on which scale it works.

A positive parameter (lower bound above zero) is worked on as its natural logarithm, any other one as it is; so steps,
intervals and draws respect what kind of number a parameter is, and a change of unit only shifts the logarithm.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from pkpd_mdr.arguments import TEXTS
from pkpd_mdr.errors import FitError, did_you_mean, shown
from pkpd_mdr.fit.tied import Tied
from pkpd_mdr.model import Model
from pkpd_mdr.model.parts import Parameter
from pkpd_mdr.units import Quantity, QuantityLike, Unit

__all__ = ["FloatArray", "Free", "FreeLike", "Group", "Prior", "Space", "read_free"]

FloatArray = npt.NDArray[np.float64]
Bounds = Sequence[QuantityLike]
Group = tuple[tuple[str, str | int | float], ...]
"""Labels with their values, as in ``(("line", "231"),)``."""
GroupBounds = Mapping[Any, Bounds | None]
"""Value of a label (a tuple of values where `per=` names several labels) to the bounds of that group."""
FreeLike = Mapping[str, Bounds | GroupBounds | None] | Sequence[str]
"""What `free=` takes: name to (lower, upper) or (lower, start, upper), to such bounds by group, or only names."""

_FAR = 1e4  # how far a fit may go from the model's value where nobody gave bounds


@dataclass(frozen=True, slots=True)
class Prior:
    """What is known of a parameter before the data.

    Parameters
    ----------
    kind : {"lognormal", "normal"}
    centre : float
        Median or mean, in the declared unit.
    sd : float
        Of the logarithm, or in the declared unit.
    """

    kind: str
    centre: float
    sd: float

    def distance(self, value: float, slope: float) -> tuple[float, float]:
        """Distance from the centre in sds, and its derivative where the value has the derivative `slope`."""
        if self.kind == "normal":
            return (value - self.centre) / self.sd, slope / self.sd
        value = max(value, 1e-300)
        return (math.log(value) - math.log(self.centre)) / self.sd, slope / value / self.sd

    def describe(self, unit: str) -> str:
        """One line for the report."""
        centre = f"{self.centre:.4g} {unit}".rstrip()
        if self.kind == "lognormal":
            return f"lognormal around {centre}, 95% within a factor {math.exp(1.96 * self.sd):.3g}"
        return f"normal around {centre}, sd {self.sd:.4g} {unit}".rstrip()


@dataclass(frozen=True, slots=True)
class Free:
    """One parameter that a fit may move; numbers are in `unit`.

    Parameters
    ----------
    name : str
    unit : Unit
        As the model declares it.
    lower, upper : float
        May be infinite on the linear scale.
    start : float
        Where the first start is.
    log : bool
        Whether the working scale is the natural logarithm.
    parameter : str
        The parameter of the model that it is; the same as `name` when empty.
    group : tuple of (label, value)
        The conditions that it serves; all when empty.
    prior : Prior, optional
    only_for : tuple
        Values of the labels of the group that the bounds were given for, until groups are known.
    molar_mass : Quantity, optional
        Of the drug, where a prior may be by mass or by amount of substance.
    """

    name: str
    unit: Unit
    lower: float
    upper: float
    start: float
    log: bool
    parameter: str = ""
    group: Group = ()
    prior: Prior | None = None
    only_for: tuple[Any, ...] = ()
    molar_mass: Quantity | None = None

    @property
    def target(self) -> str:
        """The parameter of the model that it is."""
        return self.parameter or self.name

    def to_working(self, value: float) -> float:
        """A value on the working scale."""
        if not self.log:
            return value
        return math.log(value) if value > 0 else -math.inf

    def from_working(self, u: float) -> float:
        """The value in `unit` of a point on the working scale."""
        return math.exp(min(u, 700.0)) if self.log else u

    def slope(self, u: float) -> float:
        """Derivative of the value by the working coordinate."""
        return self.from_working(u) if self.log else 1.0


@dataclass(frozen=True, slots=True)
class Space:
    """All free parameters: the working space of a fit, of dimension k, and what is tied to them.

    Examples
    --------
    >>> space = Space((Free("ec50", Unit.of("nM"), 1.0, 100.0, 10.0, True),))
    >>> [round(float(x), 4) for x in (*space.lower, *space.start, *space.upper)]
    [0.0, 2.3026, 4.6052]
    """

    free: tuple[Free, ...]
    tied: tuple[Tied, ...] = ()

    def __len__(self) -> int:
        return len(self.free)

    @property
    def names(self) -> tuple[str, ...]:
        """Parameter names."""
        return tuple(item.name for item in self.free)

    @property
    def moving(self) -> tuple[Free | Tied, ...]:
        """All that moves: free parameters, then tied ones."""
        return (*self.free, *self.tied)

    @property
    def targets(self) -> tuple[str, ...]:
        """Parameters of the model that move, free or tied, each once, whatever groups they differ by."""
        return tuple(dict.fromkeys(item.target for item in self.moving))

    @property
    def units(self) -> dict[str, str]:
        """Units of all that is free or tied, by name."""
        return {item.name: item.unit.text for item in self.moving}

    @property
    def groups(self) -> dict[str, tuple[str, Group]]:
        """What holds for a group of conditions: its parameter of the model and the group, by name."""
        return {item.name: (item.target, item.group) for item in self.moving if item.group}

    @property
    def lower(self) -> FloatArray:
        """Lower ends of the working box, shape (k,)."""
        return np.array([item.to_working(item.lower) for item in self.free])

    @property
    def upper(self) -> FloatArray:
        """Upper ends of the working box, shape (k,)."""
        return np.array([item.to_working(item.upper) for item in self.free])

    @property
    def start(self) -> FloatArray:
        """The first start, shape (k,)."""
        return np.array([item.to_working(item.start) for item in self.free])

    def values(self, u: FloatArray) -> FloatArray:
        """Values in declared units, shape (k,)."""
        return np.array([item.from_working(float(x)) for item, x in zip(self.free, u, strict=True)])

    def internal(self, u: FloatArray) -> FloatArray:
        """Values in internal units, shape (k,)."""
        factors: FloatArray = np.array([item.unit.factor for item in self.free])
        return self.values(u) * factors

    def slopes(self, u: FloatArray) -> FloatArray:
        """Derivatives of internal values by working coordinates, shape (k,)."""
        return np.array([item.slope(float(x)) * item.unit.factor for item, x in zip(self.free, u, strict=True)])

    def placed(self, u: FloatArray) -> FloatArray:
        """Internal values of all that moves, shape (k + tied,): free parameters, then tied ones."""
        own = self.internal(u)
        columns = self._columns(own)
        return np.concatenate([own, *(item.values(columns) for item in self.tied)])

    def chain(self, u: FloatArray) -> FloatArray:
        """Derivatives of `placed` by working coordinates, shape (k + tied, k)."""
        slopes, columns = self.slopes(u), self._columns(self.internal(u))
        by = np.zeros((len(self.free) + len(self.tied), len(self.free)))
        np.fill_diagonal(by, slopes)
        for row, item in enumerate(self.tied, start=len(self.free)):
            for name, slope in item.slopes(columns).items():
                j = self.names.index(name)
                by[row, j] += slope[0] * slopes[j]
        return by

    def frame(self, values: FloatArray) -> pd.DataFrame:
        """A table of free parameters, shape (rows, k) in declared units, with what is tied beside them."""
        frame = pd.DataFrame(values, columns=list(self.names))
        internal = {item.name: values[:, j] * item.unit.factor for j, item in enumerate(self.free)}
        for item in self.tied:
            frame[item.name] = item.values(internal) / item.unit.factor
        return frame

    def _columns(self, internal: FloatArray) -> dict[str, FloatArray]:
        return {name: internal[j : j + 1] for j, name in enumerate(self.names)}

    def sampling_box(self) -> tuple[FloatArray, FloatArray]:
        """A finite box to draw starts from: the bounds, or a wide stretch around the start where there are none."""
        start = self.start
        reach = np.where([item.log for item in self.free], math.log(100.0), 10.0 * np.abs(start) + 1e-3)
        lower, upper = self.lower, self.upper
        return np.where(np.isfinite(lower), lower, start - reach), np.where(np.isfinite(upper), upper, start + reach)


def read_free(
    model: Model, free: FreeLike, scale: Mapping[str, str] | None = None, *, grouped: Collection[str] = ()
) -> Space:
    """Read what may be moved.

    Parameters
    ----------
    model : Model
    free : mapping or sequence of str
        Name to (lower, upper) or (lower, start, upper) in any unit of the parameter's dimension, a bare number in
        its declared unit; None, or a plain list of names, takes the bounds that the model declares. Where these
        are not finite, a positive parameter may go up to a factor 1e4 from the model's value, and any other one
        anywhere.
    scale : mapping of str to {"log", "linear"}, optional
        Overrides the working scale.
    grouped : collection of str
        Parameters that may have bounds by group, which stand in the space side by side until they are split.

    Returns
    -------
    Space

    Raises
    ------
    FitError
        Nothing is free, a name is unknown, bounds contradict each other or the model's, a start lies outside.
    UnitError
        A bound has the wrong unit.

    Examples
    --------
    >>> import pkpd_mdr as mdr
    >>> model = mdr.Model(mdr.clone("S", growth=mdr.growth.exponential(rate="0.5 1/day"), start=1e6))
    >>> read_free(model, {"growth_S": ("0.1 1/day", "2 1/day")}).free[0].log
    True
    """
    if isinstance(free, str):
        free = [free]
    if not isinstance(free, Mapping) and not TEXTS.fits(free):
        raise FitError(
            f"free = {shown(free)} names no parameter; write for example free={{'ec50_dox_S': ('1 nM', '10 uM')}}"
        )
    wanted: Mapping[str, Bounds | GroupBounds | None] = free if isinstance(free, Mapping) else dict.fromkeys(free)
    if not wanted:
        raise FitError("free names no parameter; write for example free={'ec50_dox_S': ('1 nM', '10 uM')}")
    for name in [*wanted, *(scale or {})]:
        if name not in model.parameters:
            raise FitError(f"free: the model has no parameter {shown(name)}{did_you_mean(name, model.parameters)}")
    for name in scale or {}:
        if name not in wanted:
            raise FitError(f"scale names {shown(name)}, which is not free{did_you_mean(name, wanted)}")
    found: list[Free] = []
    for name, bounds in wanted.items():
        parameter, on = model.parameters[name], (scale or {}).get(name)
        if not isinstance(bounds, Mapping):
            found.append(_one(parameter, bounds, on))
            continue
        if not bounds:
            raise FitError(f"free, {shown(name)}: no group has bounds; write for example {{'231': (lower, upper)}}")
        if name not in grouped:
            raise FitError(
                f"free, {shown(name)}: the bounds are those of groups, but it is one parameter for all conditions; "
                f"fit with per={{{shown(name)}: label}}, whose values the groups are, or give (lower, upper)"
            )
        for key, own in bounds.items():
            item = _one(parameter, own, on, f", group {shown(key)}")
            found.append(replace(item, only_for=key if isinstance(key, tuple) else (key,)))
    return Space(tuple(found))


def _one(parameter: Parameter, bounds: Bounds | None, scale: str | None, group: str = "") -> Free:
    if bounds is None:
        lower, start, upper = _own_bounds(parameter)
    else:
        lower, start, upper = _given_bounds(parameter, bounds, f"free, {shown(parameter.name)}{group}")
    if scale not in (None, "log", "linear"):
        raise FitError(f"scale of {shown(parameter.name)}: {shown(scale)} is not 'log' or 'linear'")
    if scale == "log" and lower <= 0:
        raise FitError(
            f"{shown(parameter.name)} cannot be worked on as a logarithm: its lower bound {lower:g} is not above 0"
        )
    log = lower > 0 if scale is None else scale == "log"
    item = Free(
        parameter.name,
        parameter.unit,
        lower,
        upper,
        math.nan if start is None else start,
        log,
        molar_mass=parameter.molar_mass,
    )
    if start is not None:
        return item
    if lower <= parameter.value <= upper:
        return replace(item, start=parameter.value)
    return replace(item, start=_middle(item))


def _middle(item: Free) -> float:
    low, high = item.to_working(item.lower), item.to_working(item.upper)
    if math.isfinite(low) and math.isfinite(high):
        return item.from_working((low + high) / 2)
    near = item.lower if math.isfinite(item.lower) else item.upper
    return near + math.copysign(abs(near) or 1.0, 1.0 if math.isfinite(item.lower) else -1.0)


def _own_bounds(parameter: Parameter) -> tuple[float, None, float]:
    """Bounds of the model; a positive parameter without real ones may go a factor 1e4 from its value."""
    lower, upper, value = parameter.lower, parameter.upper, parameter.value
    if math.isfinite(lower) and math.isfinite(upper) and not 0 < lower < value / _FAR:
        return lower, None, upper
    if lower >= 0 and value > 0:
        return max(lower, value / _FAR), None, min(upper, value * _FAR)
    if lower >= 0:
        raise FitError(
            f"free: {shown(parameter.name)} is {value:g} {parameter.unit} in the model and has no bounds of its own; "
            f"give them, as in free={{{shown(parameter.name)}: (0, ...)}}"
        )
    return lower, None, upper


def _given_bounds(parameter: Parameter, bounds: Bounds, where: str) -> tuple[float, float | None, float]:
    if not isinstance(bounds, (tuple, list)) or len(bounds) not in (2, 3):
        raise FitError(f"{where}: {shown(bounds)} is neither (lower, upper) nor (lower, start, upper)")
    numbers = [_bound(value, parameter, where) for value in bounds]
    lower, upper, unit = numbers[0], numbers[-1], f" {parameter.unit}".rstrip()
    start = numbers[1] if len(numbers) == 3 else None
    if not lower < upper:
        raise FitError(f"{where}: the lower bound {lower:g}{unit} is not below the upper bound {upper:g}{unit}")
    if start is not None and not lower <= start <= upper:
        raise FitError(f"{where}: the start {start:g}{unit} is outside the bounds {lower:g}{unit} and {upper:g}{unit}")
    if upper <= parameter.lower or lower >= parameter.upper:
        raise FitError(
            f"{where}: the bounds {lower:g} and {upper:g}{unit} exclude all that the model allows, "
            f"{parameter.lower:g} to {parameter.upper:g}{unit}"
        )
    if start is not None and not parameter.lower <= start <= parameter.upper:
        raise FitError(
            f"{where}: the start {start:g}{unit} is outside what the model allows, "
            f"{parameter.lower:g} to {parameter.upper:g}{unit}"
        )
    if lower == 0 and 0 < parameter.lower < 1e-50:
        return 0.0, start, min(upper, parameter.upper)  # "must not be exactly zero" is no bound to tell about
    return max(lower, parameter.lower), start, min(upper, parameter.upper)


def _bound(given: Any, parameter: Parameter, where: str) -> float:
    if isinstance(given, float) and math.isinf(given):
        return float(given)
    if isinstance(given, Quantity) and given.bare:
        return given.value
    return parameter.read(given, where)
