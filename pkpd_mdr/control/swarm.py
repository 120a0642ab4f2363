"""What is believed of a patient: weighted parameter values and states, and the scale on which filters move them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from pkpd_mdr.engine import Compiled
from pkpd_mdr.engine.lowering import FloatArray
from pkpd_mdr.errors import DataError
from pkpd_mdr.model import Model
from pkpd_mdr.run.many import Framed, parameter_slots, read_rows
from pkpd_mdr.run.many.rows import RowsLike

__all__ = ["Space", "Swarm", "effective", "healed", "outputs", "read_belief", "systematic"]

_FLOOR = 1e-9  # units of a state below which a clone counts as empty on the logarithmic scale
_TINY = 1e-300


@dataclass(frozen=True, slots=True)
class Swarm:
    """Particles of one patient.

    Attributes
    ----------
    parameters, states : ndarray, shapes (particles, p) and (particles, n)
        Internal units.
    weights : ndarray, shape (particles,)
        They sum to 1.
    """

    parameters: FloatArray
    states: FloatArray
    weights: FloatArray

    def __len__(self) -> int:
        return len(self.weights)

    def chosen(self, count: int) -> Swarm:
        """Some particles of equal weight that stand for all, in proportion to their weights; always the same ones."""
        if count >= len(self) and np.ptp(self.weights) == 0:
            return self
        rows = systematic(self.weights, count, 0.5)
        return Swarm(self.parameters[rows], self.states[rows], np.full(count, 1.0 / count))


def healed(swarm: Swarm, states: FloatArray, fine: npt.NDArray[np.bool_]) -> Swarm | None:
    """The swarm at new states; particles that could not be simulated give way to others. None where all failed."""
    weights = np.where(fine, swarm.weights, 0.0)
    if not weights.sum() > 0:
        return None
    good = np.flatnonzero(weights > 0)
    rows = np.where(weights > 0, np.arange(len(weights)), good[np.arange(len(weights)) % len(good)])
    return Swarm(swarm.parameters[rows], states[rows], weights / weights.sum())


def effective(weights: FloatArray) -> float:
    """Effective number of particles, ``1/sum(w**2)`` (Kish)."""
    return 1.0 / float(weights @ weights)


def systematic(weights: FloatArray, count: int, start: float) -> npt.NDArray[np.int64]:
    """Rows drawn in proportion to weights at evenly spaced marks, the first at a share `start` of their distance.

    Examples
    --------
    >>> systematic(np.array([0.5, 0.25, 0.25]), 4, 0.5).tolist()
    [0, 0, 1, 2]
    """
    marks = (start + np.arange(count)) / count
    return np.minimum(np.searchsorted(np.cumsum(weights), marks), len(weights) - 1)


def read_belief(model: Model, given: RowsLike | None, count: int) -> tuple[FloatArray, tuple[str, ...]]:
    """Parameter rows of the particles before anything was measured.

    Parameters
    ----------
    model : Model
    given : Cohort, ``fit.draws(500)``, DataFrame or what else is a table of parameters
    count : int
        Particles; rows are taken at even distances, repeated where there are fewer.

    Returns
    -------
    rows : ndarray, shape (count, p)
        Internal units.
    varied : tuple of str
        Parameters that differ between rows.

    Raises
    ------
    DataError
        No table, one row only, an unknown column, or an impossible value.
    """
    if given is None or (isinstance(given, Framed) and not isinstance(given, pd.DataFrame) and given.frame.empty):
        raise DataError(
            "the belief is missing; give a cohort of patients(...), fit.draws(500), or a table of parameters"
        )
    read = read_rows(given, parameter_slots(model), what="the belief", item="parameter")
    for sentence in read.faults.values():
        raise DataError(sentence)
    order = list(model.parameters)
    own = np.array([item.internal for item in model.parameters.values()])
    rows = np.tile(own, (len(read), 1))
    rows[:, [order.index(name) for name in read.names]] = read.values
    varied = tuple(name for name, column in zip(read.names, read.values.T, strict=True) if np.ptp(column) > 0)
    if not varied:
        raise DataError("the belief has no parameter that varies; then nothing can be learned: use informed(...)")
    chosen = (np.arange(count) * len(rows)) // count if count < len(rows) else np.arange(count) % len(rows)
    return rows[chosen], varied


@dataclass(frozen=True)
class Space:
    """The scale on which particles are moved: logarithms of what cannot be negative, logits of what has two ends.

    Clones are among what is moved, as their sizes are as unknown as any parameter; other states (drugs, cells of the
    host under their own mechanisms) follow from parameters and stay.

    Attributes
    ----------
    compiled : Compiled
    places : ndarray of int
        Parameters that are moved: those that vary. Starts are among them, as what is learned of clones later tells of
        them, too.
    low, high : ndarray
        Their bounds, internal units.
    clones : ndarray of int
        States that count cells.
    floors : ndarray
        Sizes below which these count as empty.
    """

    compiled: Compiled
    places: npt.NDArray[np.int64]
    low: FloatArray
    high: FloatArray
    clones: npt.NDArray[np.int64]
    floors: FloatArray

    @staticmethod
    def of(model: Model, compiled: Compiled, varied: tuple[str, ...]) -> Space:
        """The scale for parameters that vary."""
        parts = [model.parameters[name] for name in varied]
        clones = [place for place, state in enumerate(model.states.values()) if state.kind == "cells"]
        return Space(
            compiled,
            np.array([compiled.parameters.index(name) for name in varied], dtype=np.int64),
            np.array([part.lower * part.unit.factor for part in parts]),
            np.array([part.upper * part.unit.factor for part in parts]),
            np.array(clones, dtype=np.int64),
            _FLOOR * compiled.scale[clones],
        )

    @property
    def kinds(self) -> tuple[npt.NDArray[np.bool_], npt.NDArray[np.bool_]]:
        """Which parameters are taken as logits, and which as logarithms."""
        positive = np.isfinite(self.low)
        logits = positive & np.isfinite(self.high)
        return logits, positive & ~logits

    def to(self, swarm: Swarm) -> FloatArray:
        """Coordinates, shape (particles, parameters + clones)."""
        values = swarm.parameters[:, self.places].copy()
        logits, logs = self.kinds
        above = np.maximum(values - self.low, _TINY)
        with np.errstate(invalid="ignore"):
            below = np.maximum(self.high - values, _TINY)
            values[:, logs] = np.log(above[:, logs])
            values[:, logits] = (np.log(above) - np.log(below))[:, logits]
        cells = np.log(np.maximum(swarm.states[:, self.clones], self.floors))
        return np.concatenate([values, cells], axis=1)

    def back(self, coordinates: FloatArray, swarm: Swarm) -> Swarm:
        """Particles at other coordinates; clones that were empty stay empty."""
        parameters, states = swarm.parameters.copy(), swarm.states.copy()
        k = len(self.places)
        values = coordinates[:, :k].copy()
        logits, logs = self.kinds
        values[:, logs] = self.low[logs] + np.exp(np.clip(values[:, logs], -690.0, 690.0))
        inner = 0.5 * (1.0 + np.tanh(values[:, logits] / 2))
        values[:, logits] = self.low[logits] + (self.high - self.low)[logits] * inner
        parameters[:, self.places] = values
        old = states[:, self.clones]
        cells = np.exp(np.clip(coordinates[:, k:], -690.0, 690.0))
        states[:, self.clones] = np.where(old > self.floors, cells, old)
        return Swarm(parameters, states, swarm.weights)


def outputs(
    compiled: Compiled, names: tuple[str, ...], time: float, parameters: FloatArray, states: FloatArray
) -> FloatArray:
    """Outputs of many members at one time, shape (members, outputs); not finite where a member has none."""
    times = np.full(len(states), time)
    with np.errstate(all="ignore"):
        return compiled.outputs(names, times, states, parameters.T)
