"""Draws of parameters from what a fit knows of them.

`Draws` is the one form in which uncertainty is handed on, whether it comes from the likelihood at the optimum, from a
bootstrap or from a posterior: `compare`, `fit.band` and `next_experiment` take any of them.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from pkpd_mdr.arguments import CONFIDENCE, takes
from pkpd_mdr.data.cells import Label, same_label
from pkpd_mdr.errors import FitError, did_you_mean, shown
from pkpd_mdr.fit.curvature import principal
from pkpd_mdr.fit.free import FloatArray, Group
from pkpd_mdr.model import Model
from pkpd_mdr.units import Unit

__all__ = ["Draws", "truncated_draws"]

_SWEEPS = 60
_LOOSE = 1e-2  # precision, in units of the box, below which a direction is as good as flat


@dataclass(frozen=True, eq=False)
class Draws:
    """Parameter sets drawn from a fit.

    Attributes
    ----------
    frame : DataFrame
        One row a draw, one column a parameter, in declared units.
    units : mapping of str to str
    seed : int
    notes : tuple of str
        What is not an honest posterior: parameters spread over their whole range, bounds that cut.
    groups : mapping of str to (str, tuple of (label, value))
        Columns that hold for a group of conditions: the parameter that they are, and the group.
    """

    frame: pd.DataFrame
    units: Mapping[str, str]
    seed: int
    notes: tuple[str, ...] = ()
    groups: Mapping[str, tuple[str, Group]] = field(default_factory=dict, kw_only=True)

    def __len__(self) -> int:
        return len(self.frame)

    @property
    def names(self) -> tuple[str, ...]:
        """Parameter names."""
        return tuple(map(str, self.frame.columns))

    @takes(FitError, confidence=CONFIDENCE)
    def interval(self, name: str, confidence: float = 0.95) -> tuple[float, float]:
        """Interval of one parameter between two quantiles of its draws.

        Parameters
        ----------
        name : str
        confidence : float
            Share of draws inside; equal shares lie below and above.

        Returns
        -------
        (float, float)
            In the declared unit.

        Raises
        ------
        FitError
            An unknown parameter (the nearest is suggested) or a confidence that is no share.

        Examples
        --------
        >>> Draws(pd.DataFrame({"k": np.linspace(0.0, 1.0, 5)}), {"k": "1/h"}, 1).interval("k", 0.5)
        (0.25, 0.75)
        """
        if name not in self.names:
            raise FitError(f"the draws do not hold {shown(name)}{did_you_mean(name, self.names)}")
        return self._interval(name, confidence)

    def _interval(self, name: str, confidence: float) -> tuple[float, float]:
        tail = (1.0 - confidence) / 2
        low, high = np.quantile(self.frame[name].to_numpy(dtype=np.float64), [tail, 1.0 - tail])
        return float(low), float(high)

    def thinned(self, n: int) -> Draws:
        """N of the draws, evenly spaced, where each costs a simulation.

        Raises
        ------
        FitError
            There are not so many.
        """
        if not 1 <= n <= len(self):
            raise FitError(f"{n} of {len(self)} draws cannot be had; ask for 1 to {len(self)}")
        places = np.linspace(0, len(self) - 1, n).round().astype(np.int64)
        kept = self.frame.iloc[places].reset_index(drop=True)
        return Draws(kept, self.units, self.seed, self.notes, groups=self.groups)

    def table(self, confidence: float = 0.95) -> pd.DataFrame:
        """One row a parameter: unit, median, lower, upper, sd."""
        ends = {name: self.interval(name, confidence) for name in self.names}
        return pd.DataFrame(
            {
                "unit": [self.units[name] for name in self.names],
                "median": self.frame.median().to_numpy(),
                "lower": [ends[name][0] for name in self.names],
                "upper": [ends[name][1] for name in self.names],
                "sd": self.frame.std().to_numpy(),
            },
            index=pd.Index(self.names, name="parameter"),
        )

    def of(self, **group: Label) -> Draws:
        """The draws for one group of conditions, where parameters differ between groups.

        Parameters
        ----------
        **group : str or number
            Label and value: ``draws.of(line="231")`` keeps ``ec50_dox_S[231]`` as ``ec50_dox_S`` beside all shared
            parameters.

        Raises
        ------
        FitError
            A group is missing, unknown, or not asked for by any parameter.
        """
        columns = [str(name) for name in self.frame.columns]
        held = [self.groups.get(name, (name, ())) for name in columns]
        kept = {columns[i]: held[i][0] for i in chosen_group(held, group)}
        frame = self.frame[list(kept)].rename(columns=kept)
        return Draws(frame, {kept[name]: self.units[name] for name in kept}, self.seed, self.notes)

    def rows(self, model: Model) -> FloatArray:
        """Full parameter rows of a model with the draws in them, internal units, shape (draws, p).

        Raises
        ------
        FitError
            The model lacks a parameter of the draws, or parameters differ between groups (choose one with `of`).
        """
        chosen_group([self.groups.get(str(name), (str(name), ())) for name in self.frame.columns], {})
        names = list(model.parameters)
        table = np.tile([item.internal for item in model.parameters.values()], (len(self), 1))
        for name in map(str, self.frame.columns):
            if name not in model.parameters:
                raise FitError(f"the draws hold {shown(name)}, which the model lacks{did_you_mean(name, names)}")
            parameter = model.parameters[name]
            unit = Unit.of(self.units[name])
            if not unit.like(parameter.unit):
                raise FitError(
                    f"the draws of {shown(name)} are in {shown(unit.text)}, "
                    f"but the model has it in {shown(parameter.unit.text)}"
                )
            table[:, names.index(name)] = self.frame[name].to_numpy(dtype=np.float64) * unit.factor
        return np.asarray(table, dtype=np.float64)

    def __repr__(self) -> str:
        drawn = ", ".join(f"{name} [{self.units[name] or 1}]" for name in self.names)
        return "\n  ".join([f"{type(self).__name__}: {len(self)} of {drawn}", *self.notes])


def chosen_group(held: Sequence[tuple[str, Group]], wanted: Mapping[str, Label]) -> list[int]:
    """Positions of what holds for all conditions or for the wanted group.

    Parameters
    ----------
    held : sequence of (parameter, group)
    wanted : mapping of label to value

    Raises
    ------
    FitError
        A label or value is missing or unknown, or no group has all of the values.
    """
    known: dict[str, dict[Label, None]] = {}
    for _, group in held:
        for label, value in group:
            known.setdefault(label, {})[value] = None
    for label, value in wanted.items():
        if label not in known:
            raise FitError(f"no parameter differs by {shown(label)}{did_you_mean(label, known)}")
        if not any(same_label(it, value) for it in known[label]):
            raise FitError(f"no group has {label} = {shown(value)}{did_you_mean(str(value), map(str, known[label]))}")
    for parameter, group in held:
        for label, value in group:
            if label not in wanted:
                raise FitError(
                    f"{shown(parameter)} differs by {shown(label)} ({', '.join(map(shown, known[label]))}); "
                    f"say for which one, as in {label}={shown(value)}"
                )
    chosen = [i for i, (_, group) in enumerate(held) if all(same_label(v, wanted[label]) for label, v in group)]
    for parameter, group in held:
        if not any(held[i][0] == parameter for i in chosen):
            asked = " and ".join(f"{label} = {shown(wanted[label])}" for label, _ in group)
            there = " and ".join(f"{label} = {shown(value)}" for label, value in group)
            raise FitError(f"no condition had {asked}, so {shown(parameter)} has no value there; one was {there}")
    return chosen


def truncated_draws(
    centre: FloatArray,
    matrix: FloatArray,
    gradient: FloatArray,
    box: tuple[FloatArray, FloatArray],
    freedom: float,
    n: int,
    seed: int,
) -> FloatArray:
    """Draw from a t distribution with precision `matrix`, cut to a box.

    The density is that of the quadratic approximation of the likelihood, ``exp(-g d - d P d/2)`` with d the distance
    from the optimum, so that a parameter held by a bound gets the tail on the allowed side. Directions that the data
    do not determine are flat within the box. Gibbs sampling along the axes of P, all draws at once; axes do not
    interact except through the box.

    Parameters
    ----------
    centre : ndarray, shape (k,)
        The optimum on the working scale.
    matrix, gradient : ndarray, shapes (k, k) and (k,)
        P and g.
    box : (ndarray, ndarray)
        Lower and upper ends.
    freedom : float
        Degrees of freedom; infinite for a normal distribution.
    n : int
    seed : int

    Returns
    -------
    ndarray, shape (n, k)

    Examples
    --------
    >>> one = np.ones(1)
    >>> drawn = truncated_draws(one, 4 * np.eye(1), 0 * one, (0 * one, 9 * one), np.inf, 4000, 1)
    >>> bool(abs(drawn.mean() - 1.0) < 0.05 and drawn.min() >= 0)
    True
    """
    rng = np.random.default_rng(seed)
    low, high = box[0] - centre, box[1] - centre
    size = _sizes(matrix, low, high, centre)
    precision, axes = principal(matrix * np.outer(size, size))
    precision = np.maximum(precision, _LOOSE)
    mean = -(axes.T @ (gradient * size)) / precision
    scale = rng.chisquare(freedom, n) / freedom if math.isfinite(freedom) and freedom > 0 else np.ones(n)
    sd = 1.0 / np.sqrt(precision[None, :] * scale[:, None])
    position = np.zeros((n, len(centre)))  # coordinates along the axes
    for _ in range(_SWEEPS):
        for j in range(len(centre)):
            others = (position @ axes.T - np.outer(position[:, j], axes[:, j])) * size
            ends = _ends(others, axes[:, j] * size, low, high)
            position[:, j] = _cut_normal(rng, mean[j], sd[:, j], *ends)
    drawn = centre + (position @ axes.T) * size
    return np.asarray(np.clip(drawn, box[0], box[1]))


def _sizes(matrix: FloatArray, low: FloatArray, high: FloatArray, centre: FloatArray) -> FloatArray:
    """Unit of each coordinate: the width of its box, or a wide stretch where the box is open."""
    width = high - low
    with np.errstate(divide="ignore"):
        wide = np.minimum(20.0 / np.sqrt(np.maximum(np.diag(matrix), 0.0)), 10.0 * np.abs(centre) + 10.0)
    return np.where(np.isfinite(width), width, wide)


def _ends(others: FloatArray, along: FloatArray, low: FloatArray, high: FloatArray) -> tuple[FloatArray, FloatArray]:
    """How far one may go along an axis from given other coordinates, both shape (n,)."""
    moving = np.abs(along) > 1e-14
    first = (low[moving] - others[:, moving]) / along[moving]
    last = (high[moving] - others[:, moving]) / along[moving]
    least, most = np.minimum(first, last).max(axis=1), np.maximum(first, last).min(axis=1)
    middle = (least + most) / 2
    crossed = least > most  # rounding in a corner of the box
    return np.where(crossed, middle, least), np.where(crossed, middle, most)


def _cut_normal(rng: np.random.Generator, mean: float, sd: FloatArray, low: FloatArray, high: FloatArray) -> FloatArray:
    """One draw of a normal distribution cut to an interval, for each entry; exact far in the tail too."""
    from scipy.special import log_ndtr, ndtri_exp

    a, b = (low - mean) / sd, (high - mean) / sd
    flip = a > 0  # work in the left tail, where the logarithm of the distribution keeps its digits
    a, b = np.where(flip, -b, a), np.where(flip, -a, b)
    log_a, log_b = log_ndtr(a), log_ndtr(b)
    share = rng.random(len(sd))
    with np.errstate(divide="ignore", invalid="ignore"):  # all of it beyond what has a logarithm: the nearer end
        z = ndtri_exp(np.minimum(log_b + np.log(share + (1.0 - share) * np.exp(log_a - log_b)), -1e-300))
    z = np.clip(np.where(np.isfinite(z), z, np.where(np.isfinite(a), a, b)), a, b)
    return np.asarray(mean + sd * np.where(flip, -z, z))
