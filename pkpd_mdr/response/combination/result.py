"""`Combination`: what two or more drugs do together beyond what they do alone, with intervals and tests."""

from __future__ import annotations

import html
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from pkpd_mdr.errors import DataError, did_you_mean, shown
from pkpd_mdr.response.combination.models import Choices, Outcome, limits, outcome
from pkpd_mdr.response.combination.reading import Wells

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from pkpd_mdr.model.scope import Mechanism

__all__ = ["Combination"]

FloatArray = npt.NDArray[np.float64]
_REGION = 0.25  # share of the cells with the largest observed effect


@dataclass(frozen=True, eq=False, repr=False)
class Combination:
    """Drug combinations that were judged by reference models.

    Made by `combination`. Excess is positive where the effect is stronger than expected (synergy), on every scale.

    Attributes
    ----------
    wells : list of Wells
        The combinations as they were read, with notes.
    models : tuple of str
    choices : Choices
    """

    wells: list[Wells]
    models: tuple[str, ...]
    choices: Choices
    _cache: dict[tuple[int, str], Outcome] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.wells)

    @property
    def labels(self) -> list[str]:
        """Names of the combinations."""
        return [one.label for one in self.wells]

    def outcome(self, model: str | None = None, combination: str | int | None = None) -> Outcome:
        """One model on one combination as arrays over its cells; the first ones when absent."""
        k = self._which(combination)
        name = self._model(model)
        if (k, name) not in self._cache:
            self._cache[k, name] = outcome(name, self.wells[k], self.choices)
        return self._cache[k, name]

    def _model(self, name: str | None) -> str:
        if name is None:
            return self.models[0]
        if name not in self.models:
            raise DataError(
                f"model {shown(name)} was not asked for in combination(model=...){did_you_mean(name, self.models)}"
            )
        return name

    def _which(self, given: str | int | None) -> int:
        if given is None:
            return 0
        if isinstance(given, int) and 0 <= given < len(self):
            return given
        if given in self.labels:
            return self.labels.index(str(given))
        raise DataError(f"no combination is called {shown(given)}{did_you_mean(given, self.labels)}")

    def _all(self) -> list[tuple[int, str]]:
        return [(k, model) for k in range(len(self)) for model in self.models]

    # -- tables ------------------------------------------------------------------------------------------

    @property
    def frame(self) -> pd.DataFrame:
        """One row for each combination, model and cell with at least two drugs.

        Returns
        -------
        DataFrame
            combination (with `by`), model, the dose of each drug, n, observed, expected, excess with lower and upper
            limit, combination_index (Loewe and Chou-Talalay; below 1 is synergy), state: "synergy" or "antagonism"
            where the simultaneous interval of all cells leaves out 0, "not shown", "no interval", or why there is no
            expected response. Surfaces are compared with themselves without interaction.
        """
        parts = []
        for k, model in self._all():
            wells, found = self.wells[k], self.outcome(model, k)
            at = np.flatnonzero(wells.mixed)
            columns: dict[str, Any] = {"combination": wells.label} if self._named else {}
            columns["model"] = model
            columns |= {drug: wells.cells[at, j] for j, drug in enumerate(wells.drugs)}
            columns |= {"n": wells.n[at]}
            for name in ("observed", "expected", "excess", "lower", "upper"):
                columns[name] = getattr(found, name)[at]
            columns["combination_index"] = found.index[at]
            columns["state"] = _states(wells, found, self.choices.confidence)
            parts.append(pd.DataFrame(columns))
        return pd.concat(parts, ignore_index=True)

    @property
    def _named(self) -> bool:
        return len(self) > 1 or bool(self.wells[0].label)

    def summary(self) -> pd.DataFrame:
        """One row for each combination and model: mean excess, most effective region, surface test.

        Returns
        -------
        DataFrame
            combination (with `by`), model, cells (with an expected response), undefined (without), mean_excess and
            limits; region_excess and limits: the mean over the quarter of the cells with the largest observed effect,
            fixed before resampling; largest, the largest excess by size, and p_surface, the chance of a largest
            studentised excess of this size in any cell without interaction.
        """
        rows = []
        for k, model in self._all():
            wells, found = self.wells[k], self.outcome(model, k)
            known = wells.mixed & np.isfinite(found.excess)
            row: dict[str, Any] = {"combination": wells.label} if self._named else {}
            row |= {"model": model, "cells": int(known.sum()), "undefined": int(wells.mixed.sum() - known.sum())}
            region = _region(wells, found)
            for name, cells in (("mean", known), ("region", known & region)):
                row[f"{name}_excess"], row[f"{name}_lower"], row[f"{name}_upper"] = _mean(found, cells, self.choices)
            largest = found.excess[known]
            row["largest"] = float(largest[np.argmax(np.abs(largest))]) if known.any() else np.nan
            row["p_surface"] = _surface_p(wells, found)
            rows.append(row)
        return pd.DataFrame(rows)

    def parameters(self) -> pd.DataFrame:
        """Parameters of the surfaces with limits and states; a number at a bound of the search is none.

        Returns
        -------
        DataFrame
            combination (with `by`), model, parameter, estimate, lower, upper, state: "estimated", "held", "tied",
            "derived", "not identifiable" with the reason. ``alpha12`` is what drug 1 does to the potency of drug 2;
            ``beta`` how much deeper the combination goes than the stronger drug, as a share of that drug's effect.

        Raises
        ------
        DataError
            Neither "musyc" nor "braid" was asked for.
        """
        from pkpd_mdr.response.combination.tables import parameter_rows

        surfaces = [(k, model) for k, model in self._all() if model in ("musyc", "braid")]
        if not surfaces:
            raise DataError("parameters: only the surfaces have any; ask for combination(model=('musyc', 'braid'))")
        parts = []
        for k, model in surfaces:
            part = parameter_rows(self.outcome(model, k), self.choices.confidence)
            part.insert(0, "model", model)
            if self._named:
                part.insert(0, "combination", self.wells[k].label)
            parts.append(part)
        return pd.concat(parts, ignore_index=True)

    def isobole(
        self, level: float, *, model: str | None = None, combination: str | int | None = None, points: int = 21
    ) -> pd.DataFrame:
        """Pairs of doses with one response; see `pkpd_mdr.response.combination.isobole.isobole`."""
        from pkpd_mdr.response.combination.isobole import isobole

        return isobole(self, level, model=model, combination=combination, points=points)

    def kill(
        self, *, on: str | Sequence[str], over: object, model: str | None = None, combination: str | int | None = None
    ) -> tuple[Mechanism, ...]:
        """The interaction as a kill law of a dynamic model; see `pkpd_mdr.response.combination.bridge.kill_law`."""
        from pkpd_mdr.response.combination.bridge import kill_law

        return kill_law(self, on=on, over=over, model=model, combination=combination)

    # -- show --------------------------------------------------------------------------------------------

    def report(self) -> str:
        """Data, mean excess of every model, parameters and notes as text."""
        from pkpd_mdr.response.combination.tables import report

        return report(self)

    def plot(self, *, ax: Axes | None = None, **options: Any) -> Axes:
        """Excess over the doses of two drugs; see `pkpd_mdr.plot.combination.plot_excess`."""
        from pkpd_mdr.plot.combination import plot_excess

        return plot_excess(self, ax=ax, **options)

    def __repr__(self) -> str:
        return self.report()

    def _repr_html_(self) -> str:
        return f"<pre>{html.escape(self.report())}</pre>"


def _mean(found: Outcome, cells: npt.NDArray[np.bool_], choices: Choices) -> tuple[float, float, float]:
    """Mean excess of some cells with limits; a resample counts over the cells where it has an answer."""
    if not cells.any():
        return np.nan, np.nan, np.nan
    mean = float(found.excess[cells].mean())
    if found.drawn is None:
        return mean, np.nan, np.nan
    chosen = found.drawn[:, cells]
    known = np.isfinite(chosen)
    # cells that a resample cannot answer stand at their estimate, so that all means are over the same cells
    means = np.where(known, chosen, found.excess[cells]).mean(axis=1)
    means[known.mean(axis=1) < 0.5] = np.nan
    lower, upper = limits(means[:, None], choices.confidence)
    return mean, float(lower[0]), float(upper[0])


def _region(wells: Wells, found: Outcome) -> npt.NDArray[np.bool_]:
    from pkpd_mdr.response.scales import SCALES

    sign = -1.0 if wells.scale is None or not SCALES[wells.scale].rising else 1.0
    if wells.scale is None:
        none = found.observed[wells.untreated]
        at = found.observed[wells.mixed].mean()
        sign = 1.0 if len(none) and at > none[0] else -1.0
    effect = sign * found.observed
    return np.asarray(wells.mixed & (effect >= np.quantile(effect[wells.mixed], 1.0 - _REGION)))


def _studentised(wells: Wells, found: Outcome) -> tuple[FloatArray, FloatArray] | None:
    """Studentised excess (cells,) and the largest deviation of each resample (draws,)."""
    if found.drawn is None:
        return None
    finite = np.isfinite(found.drawn)
    known = wells.mixed & np.isfinite(found.excess) & (finite.mean(axis=0) >= 0.8)
    if not known.any():
        return None
    drawn = np.where(finite, found.drawn, found.excess)[:, known]
    error = drawn.std(axis=0, ddof=1)
    varies = error > 0
    if not varies.any():
        return None
    own = np.full(len(found.excess), np.nan)
    own[np.flatnonzero(known)[varies]] = found.excess[known][varies] / error[varies]
    return own, np.asarray(np.abs((drawn - found.excess[known])[:, varies] / error[varies]).max(axis=1))


def _surface_p(wells: Wells, found: Outcome) -> float:
    pair = _studentised(wells, found)
    if pair is None:
        return float("nan")
    own, largest = pair
    return float((1 + (largest >= np.nanmax(np.abs(own))).sum()) / (1 + len(largest)))


def _states(wells: Wells, found: Outcome, confidence: float) -> list[str]:
    pair = _studentised(wells, found)
    reach = float(np.quantile(pair[1], confidence)) if pair is not None else np.nan
    out = []
    for c in np.flatnonzero(wells.mixed):
        if np.isnan(found.excess[c]):
            out.append(f"undefined: {found.reason[c] or 'no response'}")
        elif pair is None or np.isnan(pair[0][c]):
            out.append("no interval")
        elif abs(pair[0][c]) <= reach:
            out.append("not shown")
        else:
            out.append("synergy" if pair[0][c] > 0 else "antagonism")
    return out
