"""Filters: what measurements at a visit say of a patient's parameters and clones.

Two of them, both with parameters and states on the scale of `Space`. A particle filter weighs particles by the
likelihood of what was seen, resamples and regularises them with the kernel of Liu & West (2001), which keeps mean and
covariance. An ensemble Kalman filter (Evensen 1994, with perturbed observations) shifts members linearly and suits many
parameters; the particle filter takes a step of it where a measurement would leave too few particles, so that weights
never collapse. Equations recalled; both are tested against the exact Kalman filter.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from pkpd_mdr.arguments import NUMBER, takes, whole
from pkpd_mdr.control.swarm import Space, Swarm, effective, outputs, systematic
from pkpd_mdr.engine.lowering import FloatArray
from pkpd_mdr.errors import SimulationError
from pkpd_mdr.regimen import Measured

__all__ = ["EnsembleFilter", "Filter", "ParticleFilter", "ensemble_filter", "particle_filter", "spread_of"]

_LEAST_ERROR = 0.01  # a measurement that is declared exact counts as one to 1 %, since no model is
_FEW = 0.05  # effective share of the particles below which weights say too little
_FAR = 5.0  # standard deviations between a measurement and the nearest particle that are told
_WIDENED = 1.5
_MEMBERS = whole(10, 1_000_000, example=300)
_SQRT12 = math.sqrt(12.0)


class Filter(Protocol):
    """What updates a swarm by measurements."""

    @property
    def particles(self) -> int:
        """Number of particles or members."""

    def update(
        self, space: Space, swarm: Swarm, time: float, seen: Sequence[tuple[Measured, float]], rng: np.random.Generator
    ) -> tuple[Swarm, str]:
        """The swarm after a visit, and a sentence where something has to be told; all values in internal units."""


@dataclass(frozen=True, slots=True)
class ParticleFilter:
    """Made by `particle_filter`.

    Attributes
    ----------
    particles : int
    resample_below : float
        Effective share of the particles below which they are resampled.
    discount : float
        Of Liu & West; the kernel has the variance ``1 - ((3*discount - 1)/(2*discount))**2`` of the swarm.
    """

    particles: int = 300
    resample_below: float = 0.5
    discount: float = 0.98

    def update(
        self, space: Space, swarm: Swarm, time: float, seen: Sequence[tuple[Measured, float]], rng: np.random.Generator
    ) -> tuple[Swarm, str]:
        """Weigh, and resample where few particles are left; what too few explain shifts all of them instead."""
        likelihood, nearest = _likelihood(space, swarm, time, seen)
        weights = _normal(_log(swarm.weights) + likelihood)
        if effective(weights) < _FEW * len(swarm) or nearest > _FAR:
            return self._shifted(space, swarm, time, seen, rng, nearest)
        swarm = Swarm(swarm.parameters, swarm.states, weights)
        if effective(weights) < self.resample_below * len(swarm):
            shrink = (3 * self.discount - 1) / (2 * self.discount)
            swarm = _moved(space, swarm, rng, shrink, math.sqrt(1 - shrink**2))
        return swarm, ""

    def _shifted(
        self,
        space: Space,
        swarm: Swarm,
        time: float,
        seen: Sequence[tuple[Measured, float]],
        rng: np.random.Generator,
        nearest: float,
    ) -> tuple[Swarm, str]:
        """A step of the ensemble Kalman filter: weights on a handful of particles would be blind to all others."""
        rows = systematic(swarm.weights, len(swarm), float(rng.random()))
        even = np.full(len(swarm), 1.0 / len(swarm))
        kalman = EnsembleFilter(self.particles)
        found, told = kalman.update(space, Swarm(swarm.parameters[rows], swarm.states[rows], even), time, seen, rng)
        if not math.isfinite(nearest):
            return found, told
        if nearest <= _FAR:
            return found, ""
        note = f"the measurement was {nearest:.1f} standard deviations from all particles; all of them were shifted"
        off = _likelihood(space, found, time, seen)[1]
        if off > _FAR:
            return _moved(space, found, rng, 1.0, math.sqrt(_WIDENED**2 - 1)), f"{note} and the belief was widened"
        return found, note


@dataclass(frozen=True, slots=True)
class EnsembleFilter:
    """Made by `ensemble_filter`.

    Attributes
    ----------
    particles : int
    inflation : float
        Factor on the distance of members from their mean before each update.
    """

    particles: int = 100
    inflation: float = 1.0

    def update(
        self, space: Space, swarm: Swarm, time: float, seen: Sequence[tuple[Measured, float]], rng: np.random.Generator
    ) -> tuple[Swarm, str]:
        """Shift all members by the gain; positive measurements are compared on the logarithmic scale."""
        fine = np.isfinite(swarm.states).all(axis=1)
        names = tuple(look.output for look, _ in seen)
        shown = outputs(space.compiled, names, time, swarm.parameters, swarm.states)
        fine &= np.isfinite(shown).all(axis=1)
        if not fine.any():
            return swarm, "no member could be simulated up to the visit; the belief was left as it was"
        if not fine.all():
            rows = np.where(fine, np.arange(len(swarm)), rng.choice(np.flatnonzero(fine), len(swarm)))
            swarm, shown = Swarm(swarm.parameters[rows], swarm.states[rows], swarm.weights), shown[rows]
        z = space.to(swarm)
        h, y, errors = _compared(shown, seen)
        z = z.mean(axis=0) + self.inflation * (z - z.mean(axis=0))
        off, seen_off = z - z.mean(axis=0), h - h.mean(axis=0)
        size = len(swarm) - 1
        cross, own = off.T @ seen_off / size, seen_off.T @ seen_off / size
        distance = np.abs(y - h.mean(axis=0)) / np.sqrt(np.diag(own) + errors**2)
        gain = np.linalg.solve(own + np.diag(errors**2), cross.T).T
        noise = rng.standard_normal(h.shape)
        noise -= noise.mean(axis=0)
        found = space.back(z + (y + noise * errors - h) @ gain.T, swarm)
        if distance.max() > _FAR:
            return found, f"the measurement was {distance.max():.1f} standard deviations from what was expected"
        return found, ""


@takes(SimulationError, particles=_MEMBERS, resample_below=NUMBER, discount=NUMBER)
def particle_filter(particles: int = 300, *, resample_below: float = 0.5, discount: float = 0.98) -> ParticleFilter:
    """A particle filter for `look_ahead` and `assimilate`.

    Parameters
    ----------
    particles : int
        10 to a million.
    resample_below : float
        Effective share of the particles below which they are resampled, 0 to 1.
    discount : float
        Of Liu & West (2001), 0.9 to 0.999; below 1 so that particles differ again after resampling.

    Returns
    -------
    ParticleFilter

    Raises
    ------
    SimulationError
        A number outside its range.

    Examples
    --------
    >>> particle_filter(500).particles
    500
    """
    if not 0 <= resample_below <= 1:
        raise SimulationError(f"particle_filter(): resample_below = {resample_below:g} is no share between 0 and 1")
    if not 0.9 <= discount <= 0.999:
        raise SimulationError(f"particle_filter(): discount = {discount:g} is outside 0.9 to 0.999; 0.98 is usual")
    return ParticleFilter(particles, resample_below, discount)


@takes(SimulationError, members=_MEMBERS, inflation=NUMBER)
def ensemble_filter(members: int = 100, *, inflation: float = 1.0) -> EnsembleFilter:
    """An ensemble Kalman filter for `look_ahead` and `assimilate`.

    Parameters
    ----------
    members : int
        10 to a million.
    inflation : float
        1 to 2; above 1 it keeps small ensembles from becoming too sure.

    Returns
    -------
    EnsembleFilter

    Raises
    ------
    SimulationError
        A number outside its range.

    Examples
    --------
    >>> ensemble_filter(200, inflation=1.02).inflation
    1.02
    """
    if not 1 <= inflation <= 2:
        raise SimulationError(f"ensemble_filter(): inflation = {inflation:g} is outside 1 to 2")
    return EnsembleFilter(members, inflation)


def spread_of(look: Measured, value: FloatArray, seen: float) -> FloatArray:
    """Standard deviation of a measurement where the true value is `value`: its error, its rounding, and the least.

    Rounding to a step of w adds a variance of w**2/12. Cells are counted to one cell at best, so that nothing is
    learned from what is left of a clone that is gone.
    """
    step = 0.0 if look.step is None else look.step.internal
    if look.digits and seen:
        factor = 1.0 if look.unit is None else look.unit.factor
        step = factor * 10.0 ** (math.floor(math.log10(abs(seen) / factor)) - look.digits + 1)
    fixed = math.hypot(0.0 if look.sd is None else look.sd.internal, step / _SQRT12)
    relative = max(look.relative_sd, 0.0 if fixed else _LEAST_ERROR)
    if look.unit is not None and look.unit.dimensionless and "cell" in look.unit.text:
        fixed = max(fixed, 1.0)
    return np.asarray(np.hypot(relative * np.abs(value), fixed))


def _likelihood(
    space: Space, swarm: Swarm, time: float, seen: Sequence[tuple[Measured, float]]
) -> tuple[FloatArray, float]:
    """Logarithm of the likelihood of each particle, and how far the nearest is from what was seen."""
    from scipy.special import log_ndtr

    names = tuple(look.output for look, _ in seen)
    shown = outputs(space.compiled, names, time, swarm.parameters, swarm.states)
    total, distance = np.zeros(len(swarm)), np.zeros(len(swarm))
    for place, (look, value) in enumerate(seen):
        true = shown[:, place]
        sd = np.maximum(spread_of(look, true, value), 1e-300)
        with np.errstate(all="ignore"):
            z = (value - true) / sd
            # what is seen as nothing may be anything that the error takes to zero or below
            part = log_ndtr(z) if value == 0 else -0.5 * z**2 - np.log(sd)
        total += np.where(np.isfinite(part), part, -1e300)
        distance = np.maximum(distance, np.where(np.isfinite(z), np.abs(z), np.inf))
    return np.maximum(total, -1e300), float(distance.min())


def _compared(shown: FloatArray, seen: Sequence[tuple[Measured, float]]) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Predictions, measurements and their errors, on the logarithmic scale where nothing is below zero.

    What lies below the error of an empty tumour cannot be told from it, so both sides are cut there.
    """
    h, y, errors = shown.copy(), np.array([value for _, value in seen]), np.empty(len(seen))
    for place, (look, value) in enumerate(seen):
        least = float(spread_of(look, np.zeros(()), value))
        near, far = np.maximum(shown[:, place], least), max(value, least)
        if value >= 0 and (shown[:, place] >= 0).all() and far > 0 and (near > 0).all():
            errors[place] = float(spread_of(look, np.asarray(far), value)) / far
            y[place], h[:, place] = math.log(far), np.log(near)
        else:
            errors[place] = float(spread_of(look, np.asarray(value or np.median(shown[:, place])), value))
        errors[place] = max(errors[place], 1e-12)
    return h, y, errors


def _log(weights: FloatArray) -> FloatArray:
    with np.errstate(divide="ignore"):
        return np.maximum(np.log(weights), -1e300)


def _normal(logs: FloatArray) -> FloatArray:
    scaled = np.exp(logs - logs.max())
    return np.asarray(scaled / scaled.sum())


def _moved(space: Space, swarm: Swarm, rng: np.random.Generator, shrink: float, width: float) -> Swarm:
    """Resample, shrink to the mean, and add normal noise with the covariance of the swarm times ``width**2``."""
    z = space.to(swarm)
    mean = swarm.weights @ z
    off = z - mean
    covariance = (off * swarm.weights[:, None]).T @ off
    values, vectors = np.linalg.eigh(covariance)
    root = vectors * np.sqrt(np.maximum(values, 0.0))
    rows = systematic(swarm.weights, len(swarm), float(rng.random()))
    noise = rng.standard_normal(z.shape) @ root.T
    even = np.full(len(swarm), 1.0 / len(swarm))
    chosen = Swarm(swarm.parameters[rows], swarm.states[rows], even)
    return space.back(mean + shrink * off[rows] + width * noise, chosen)
