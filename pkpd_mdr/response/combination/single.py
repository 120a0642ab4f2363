"""The drugs alone: four-parameter log-logistic curves, for all resampled tables at once."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from pkpd_mdr.response.combination.reading import Wells
from pkpd_mdr.response.estimates import fit_stack
from pkpd_mdr.response.families import family
from pkpd_mdr.response.stack import Stack

__all__ = ["Hills", "fit_hills"]

FloatArray = npt.NDArray[np.float64]
_FLAT = 1e-12


@dataclass(frozen=True, slots=True)
class Hills:
    """Curves ``E = start + (end - start)*u/(1 + u)`` with ``u = (d/ec50)**hill``, shape (draws, drugs) each."""

    start: FloatArray
    end: FloatArray
    ec50: FloatArray
    hill: FloatArray
    usable: npt.NDArray[np.bool_]

    def at(self, drug: int, dose: float) -> FloatArray:
        """Responses of one drug at one dose, shape (draws,); at dose 0 its start."""
        start, end, ec50, hill = (part[:, drug] for part in (self.start, self.end, self.ec50, self.hill))
        if dose == 0:
            return start.copy()
        with np.errstate(over="ignore"):
            return np.asarray(start + (end - start) / (1.0 + np.exp(-hill * (np.log(dose) - np.log(ec50)))))

    def doses(self, response: FloatArray, drugs: npt.NDArray[np.int64]) -> FloatArray:
        """Dose of each drug alone for a response (draws,): inf beyond its largest effect, 0 before its start."""
        start, end = self.start[:, drugs], self.end[:, drugs]
        with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
            done = (response[:, None] - start) / (end - start)
            u = done / (1.0 - done)
            dose = self.ec50[:, drugs] * np.where(u > 0, u, np.nan) ** (1.0 / self.hill[:, drugs])
        dose = np.where(done <= 0.0, 0.0, np.where(done >= 1.0, np.inf, dose))
        return np.where(self.usable[:, drugs], dose, np.nan)


def fit_hills(wells: Wells, y: FloatArray) -> Hills:
    """Fit each drug alone, the untreated wells with it, to cell means of shape (draws, cells)."""
    draws, drugs = len(y), len(wells.drugs)
    curve, x, means, weight = [], [], [], []
    for k in range(drugs):
        at = np.flatnonzero(wells.alone(k) | wells.untreated)
        curve.append(np.repeat(np.arange(draws) * drugs + k, len(at)))
        x.append(np.tile(wells.cells[at, k], draws))
        means.append(y[:, at].ravel())
        weight.append(np.tile(wells.n[at].astype(np.float64), draws))
    stack = Stack.of(*(np.concatenate(part) for part in (curve, x, means, weight)), count=draws * drugs)
    fits = fit_stack(stack, family("LL.4"), most=3)
    names = list(fits.family.shape.parameters)
    shape = (draws, drugs)
    start, end = fits.linear[:, 1].reshape(shape), fits.linear[:, 0].reshape(shape)
    ec50 = np.exp(fits.theta[:, names.index("e")]).reshape(shape)
    hill = np.exp(fits.theta[:, names.index("b")]).reshape(shape)
    usable = fits.usable.reshape(shape) & (np.abs(end - start) > _FLAT)
    return Hills(start, end, ec50, hill, usable)
