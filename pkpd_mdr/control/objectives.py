"""What a strategy that looks ahead tries to reach, as scores of what may be given next.

An objective sees an `Outlook`: outputs of each candidate course for each particle, now and at the visits ahead. It
gives scores of which higher is better; a second column decides where the first one is equal. Expectations are means
over particles, so that a decision is taken for all that the patient may be.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Protocol

import numpy as np

from pkpd_mdr.arguments import FLAG, TEXT, takes
from pkpd_mdr.engine.lowering import FloatArray
from pkpd_mdr.errors import SimulationError, did_you_mean, shown
from pkpd_mdr.units import Quantity, QuantityLike, Unit, quantity

__all__ = ["Latest", "Objective", "Outlook", "Preventing", "Smallest", "Sparing", "Surviving", "latest", "smallest"]

_ONE, _DETECTED = Quantity(1.0), Quantity(1e9)
# what is left of a tumour that is gone, so that its logarithm is a number
_FLOOR = 1e-3  # of a cell
_SHARE = 1e-12  # of what is there at the decision, where no cells are counted


@dataclass(frozen=True)
class Outlook:
    """What candidates lead to.

    Attributes
    ----------
    times : ndarray, shape (k + 1,)
        Hours from the decision: 0 and the visits ahead.
    values : mapping of str to ndarray, shape (candidates, particles, k + 1)
        Outputs; infinite where a particle could not be simulated. In internal units (h, L, mg, umol) for an objective
        with `Objective.scores`, in those of the model for a plain function.
    units : mapping of str to Unit
        In which the model shows the outputs.
    """

    times: FloatArray
    values: Mapping[str, FloatArray]
    units: Mapping[str, Unit] = field(default_factory=dict)

    def of(self, output: str) -> FloatArray:
        """One output, shape (candidates, particles, k + 1).

        Raises
        ------
        SimulationError
            The objective did not say that it needs it.
        """
        if output not in self.values:
            raise SimulationError(f"the outlook does not show {shown(output)}{did_you_mean(output, self.values)}")
        return self.values[output]

    def in_units(self) -> Outlook:
        """The same in the units of the model."""
        return replace(self, values={name: part / self.units[name].factor for name, part in self.values.items()})

    def least(self, output: str) -> float:
        """What counts as nothing of an output, in internal units: a size of its own only where cells are counted."""
        unit = self.units.get(output)
        if unit is not None and unit.dimensionless and "cell" in unit.text:
            return _FLOOR
        now = self.of(output)[:, :, 0]
        return max(_SHARE * float(np.max(np.abs(now), where=np.isfinite(now), initial=0.0)), 1e-300)

    def time_above(self, output: str, level: float) -> FloatArray:
        """Hours until an output is above a level, shape (candidates, particles); the horizon where it is not reached.

        The level is in the unit of `values`. Between visits the output is taken to grow exponentially.
        """
        values = np.maximum(self.of(output), 1e-300)
        above = values > level
        first = np.where(above.any(axis=2), above.argmax(axis=2), len(self.times) - 1)
        before = np.maximum(first - 1, 0)
        low = np.log(np.take_along_axis(values, before[..., None], axis=2)[..., 0])
        high = np.log(np.take_along_axis(values, first[..., None], axis=2)[..., 0])
        with np.errstate(invalid="ignore", divide="ignore"):
            share = np.clip((math.log(level) - low) / (high - low), 0.0, 1.0)
        crossed = self.times[before] + np.where(np.isfinite(share), share, 0.0) * (
            self.times[first] - self.times[before]
        )
        return np.asarray(np.where(above.any(axis=2), crossed, self.times[-1]))


class Objective(Protocol):
    """What is wanted; a user's own class will do, which reads outlooks in internal units (`Quantity.internal`)."""

    @property
    def needs(self) -> tuple[str, ...]:
        """Outputs of the model that it reads."""

    @property
    def levels(self) -> tuple[tuple[str, Quantity], ...]:
        """Outputs and levels that they are compared with, whose units are checked against the model."""

    def scores(self, outlook: Outlook) -> FloatArray:
        """Shape (candidates, keys); the first key decides, the next ones where it is equal. Higher is better."""


def _mean(values: FloatArray) -> FloatArray:
    """Over particles; one that could not be simulated makes the candidate as bad as can be."""
    return np.asarray(values.mean(axis=1))


@dataclass(frozen=True, slots=True)
class Smallest:
    """The least of an output at the horizon; made by `smallest`."""

    of: str = "burden"
    log: bool = True

    @property
    def needs(self) -> tuple[str, ...]:
        """The output."""
        return (self.of,)

    @property
    def levels(self) -> tuple[tuple[str, Quantity], ...]:
        """None."""
        return ()

    def scores(self, outlook: Outlook) -> FloatArray:
        """Minus the mean at the horizon."""
        end = outlook.of(self.of)[:, :, -1]
        return -_mean(np.log(np.maximum(end, outlook.least(self.of))) if self.log else end)[:, None]


@dataclass(frozen=True, slots=True)
class Latest:
    """The longest time up to a level; made by `latest`."""

    level: Quantity
    of: str = "burden"

    @property
    def needs(self) -> tuple[str, ...]:
        """The output."""
        return (self.of,)

    @property
    def levels(self) -> tuple[tuple[str, Quantity], ...]:
        """The level."""
        return ((self.of, self.level),)

    def scores(self, outlook: Outlook) -> FloatArray:
        """Mean time within the horizon, then minus the mean logarithm at its end."""
        time = _mean(outlook.time_above(self.of, self.level.internal))
        return np.stack([time, Smallest(self.of).scores(outlook)[:, 0]], axis=1)


@takes(SimulationError, of=TEXT, log=FLAG)
def smallest(of: str = "burden", *, log: bool = True) -> Smallest:
    """Make an output as small as possible at the horizon, in the mean over what the patient may be.

    Parameters
    ----------
    of : str
    log : bool
        Whether the mean is that of logarithms, to which no single particle can be decisive; else of values, which
        the worst particles decide.

    Examples
    --------
    >>> smallest("burden").needs
    ('burden',)
    """
    return Smallest(of, log)


@takes(SimulationError, of=TEXT)
def latest(level: QuantityLike, *, of: str = "burden") -> Latest:
    """Let it be as long as possible until an output exceeds a level: progression, or death by burden.

    Parameters
    ----------
    level : quantity
        Above zero, such as ``"1e12 cell"``.
    of : str

    Raises
    ------
    SimulationError
        The level is not above zero.

    Examples
    --------
    >>> str(latest("1e12 cell").level)
    '1e+12 cell'
    """
    found = quantity(level, "latest(): level")
    if not found.value > 0:
        raise SimulationError(f"latest(): level is {shown(level)}; it has to be above zero, as in latest('1e12 cell')")
    return Latest(found, of)


@dataclass(frozen=True, slots=True)
class _Threats:
    """Mortality and incurability by thresholds, as dynamic precision medicine has them.

    Attributes
    ----------
    total, incurable : str
        Outputs: the whole burden, and the cells that no drug can reach.
    lethal : Quantity
        Burden of death.
    one : Quantity
        Incurable cells from which on there is no cure: one.
    """

    total: str
    incurable: str
    lethal: Quantity
    one: Quantity = _ONE

    @property
    def needs(self) -> tuple[str, ...]:
        """Both outputs."""
        return (self.total, self.incurable)

    @property
    def levels(self) -> tuple[tuple[str, Quantity], ...]:
        """Both thresholds."""
        return ((self.total, self.lethal), (self.incurable, self.one))

    def _ends(self, outlook: Outlook) -> tuple[FloatArray, FloatArray, FloatArray]:
        """Time to death within the horizon, total and incurable cells at its end: means, shape (candidates,)."""
        death = _mean(outlook.time_above(self.total, self.lethal.internal))
        return death, _mean(outlook.of(self.total)[:, :, -1]), _mean(outlook.of(self.incurable)[:, :, -1])

    def _now(self, outlook: Outlook, output: str) -> float:
        return float(outlook.of(output)[0, :, 0].mean())


@dataclass(frozen=True, slots=True)
class Sparing(_Threats):
    """Fewest incurable cells while the burden is below a threshold, else the least burden (strategies 2.1 and 2.2)."""

    threshold: Quantity = _DETECTED

    @property
    def levels(self) -> tuple[tuple[str, Quantity], ...]:
        """The threshold, too."""
        return ((self.total, self.lethal), (self.incurable, self.one), (self.total, self.threshold))

    def scores(self, outlook: Outlook) -> FloatArray:
        """Nobody is let die within the horizon for the sake of it."""
        death, total, incurable = self._ends(outlook)
        if self._now(outlook, self.total) <= self.threshold.internal:
            return np.stack([death, -incurable, -total], axis=1)
        return np.stack([death, -total], axis=1)


@dataclass(frozen=True, slots=True)
class Preventing(_Threats):
    """The least burden, unless that lets the first incurable cell arise (strategy 3)."""

    def scores(self, outlook: Outlook) -> FloatArray:
        """Where the least burden brings the first incurable cell, fewest of them instead."""
        death, total, incurable = self._ends(outlook)
        best = int(np.lexsort((total, -death))[0])
        if self._now(outlook, self.incurable) < self.one.internal <= incurable[best]:
            return np.stack([death, -incurable, -total], axis=1)
        return np.stack([death, -total], axis=1)


@dataclass(frozen=True, slots=True)
class Surviving(_Threats):
    """The nearest of two threats as late as possible: death and, while there is a cure, incurability (strategy 4)."""

    def scores(self, outlook: Outlook) -> FloatArray:
        """Mean over particles of the time to the nearer threat, then the least burden."""
        death = outlook.time_above(self.total, self.lethal.internal)
        curable = outlook.of(self.incurable)[:, :, 0] < self.one.internal
        end = np.where(curable, outlook.time_above(self.incurable, self.one.internal), outlook.times[-1])
        final = _mean(np.log(np.maximum(outlook.of(self.total)[:, :, -1], outlook.least(self.total))))
        return np.stack([_mean(np.minimum(death, end)), -final], axis=1)
