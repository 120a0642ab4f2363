"""What a comparison found: tables, differences, probabilities, pictures."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from pkpd_mdr.arguments import TEXT, takes
from pkpd_mdr.compare import show
from pkpd_mdr.compare.arms import Plan
from pkpd_mdr.compare.fairness import Matching
from pkpd_mdr.compare.statistics import best_shares, differences, same, spread
from pkpd_mdr.engine.lowering import FloatArray
from pkpd_mdr.errors import SimulationError, did_you_mean, shown
from pkpd_mdr.run import Endpoint
from pkpd_mdr.units import Quantity, Unit

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["Comparison", "Difference", "Failure", "Settings"]


@dataclass(frozen=True, slots=True)
class Failure:
    """A member that an arm could not finish, and why."""

    arm: str
    draw: int
    sentence: str


@dataclass(frozen=True, slots=True)
class Difference:
    """How much one arm differs from another on the same draws.

    Attributes
    ----------
    left, right, endpoint : str
        ``left - right`` is what the numbers say.
    median, lower, upper : float
        In `unit`, over the draws.
    better : float
        Probability that `left` is better, ties counted as half.
    pairs : int
        Draws that both arms (and all others) finished.
    censored : float
        Share of pairs in which at least one time was not reached and counts as the end of the run.
    """

    left: str
    right: str
    endpoint: str
    unit: Unit
    median: float
    lower: float
    upper: float
    better: float
    pairs: int
    censored: float

    def __str__(self) -> str:
        unit = f" {self.unit.text}".rstrip()
        interval = f" ({self.lower:.4g} to {self.upper:.4g})" if self.pairs > 1 else ""
        text = f"{self.endpoint}: {self.left} - {self.right} = {self.median:.4g}{interval}{unit}"
        if self.pairs > 1:
            text += f", {self.left} better in {100 * self.better:.3g} % of {self.pairs} draws"
        return text + (f", {100 * self.censored:.3g} % of pairs censored" if self.censored else "")


@dataclass(frozen=True, slots=True)
class Settings:
    """What a comparison was asked for.

    Attributes
    ----------
    relative, absolute : float
        Values that differ by less are ties: no more than the integration error.
    exact : bool
        Whether visits show true values.
    """

    primary: str
    reference: str | None
    measure: str
    level: float
    seed: int
    varied: tuple[str, ...]
    relative: float
    absolute: float
    exact: bool = True

    def absolute_for(self, item: Endpoint) -> float:
        """The absolute part counts for amounts of cells or drug only."""
        return self.absolute if item.unit in ("same", "area") else 0.0


@dataclass(frozen=True, repr=False, eq=False)
class Comparison:
    """Arms side by side on the same parameter draws.

    Printing it gives the verdict as text.

    Attributes
    ----------
    arms : tuple of str
    endpoints : tuple of Endpoint
    units : tuple of Unit
        Of the endpoints, as shown.
    values : ndarray, shape (arms, draws, endpoints)
        In `units`; infinite for a time that was not reached, NaN for members listed in `failures`.
    failures : tuple of Failure
    given : DataFrame
        Per arm and drug: the total given (median and interval over draws) and the factor that matching applied.
    matching : Matching or None
        How the arms were made fair.
    plans : mapping of str to Regimen or Strategy
        As compared, doses scaled.
    until : Quantity
    times : ndarray, shape (k,)
        Common grid for courses, in the unit of `until`.
    burden : ndarray, shape (arms, draws, k)
        What strategies are shown (``burden``) on that grid, in `burden_unit`.
    notes : tuple of str
        What a reader should know: arms that give nothing, arms that cannot be told apart.
    provenance : mapping
        Versions, tolerances, seed, hash of the model.
    """

    arms: tuple[str, ...]
    endpoints: tuple[Endpoint, ...]
    units: tuple[Unit, ...]
    values: FloatArray
    failures: tuple[Failure, ...]
    given: pd.DataFrame
    matching: Matching | None
    plans: Mapping[str, Plan]
    until: Quantity
    times: FloatArray
    burden: FloatArray
    burden_unit: Unit
    settings: Settings
    notes: tuple[str, ...]
    provenance: Mapping[str, Any]

    def __post_init__(self) -> None:
        for array in (self.values, self.times, self.burden):
            array.setflags(write=False)

    # -- numbers ---------------------------------------------------------------------------------------

    @cached_property
    def kept(self) -> np.ndarray[Any, np.dtype[np.bool_]]:
        """Draws that every arm finished, shape (draws,); all summaries use these only."""
        return np.asarray(~np.isnan(self.values).any(axis=(0, 2)))

    @property
    def drawn(self) -> int:
        """Number of draws."""
        return int(self.values.shape[1])

    @cached_property
    def table(self) -> pd.DataFrame:
        """One row per arm and endpoint.

        Columns: ``unit``; ``median``, ``lower``, ``upper`` over the draws; ``difference`` to ``compared_with`` (the
        reference or the best arm) with ``difference_lower`` and ``difference_upper``, on the same draws;
        ``probability_best`` (ties shared); ``censored``, the share of times not reached; ``draws``, how many every arm
        finished; ``failed``, how many this arm did not; ``given <drug> [unit]``, the median total dose.
        """
        rows = [self._row(arm, item) for item in self.endpoints for arm in self.arms]
        table = pd.DataFrame(rows).set_index(["arm", "endpoint"])
        for (drug, unit), part in self.given.reset_index().groupby(["drug", "unit"], sort=False):
            medians = dict(zip(part["arm"], part["median"], strict=True))
            table[f"given {drug} [{unit}]"] = [medians.get(arm, 0.0) for arm in table.index.get_level_values("arm")]
        return table

    def _row(self, arm: str, item: Endpoint) -> dict[str, Any]:
        values = self._of(arm, item.name)
        other = self.settings.reference or self.best(item.name)
        gap = self.difference(arm, other, item.name)
        median, lower, upper = spread(values, self.settings.level)
        return {
            "arm": arm,
            "endpoint": item.name,
            "unit": self.unit(item.name).text,
            "median": median,
            "lower": lower,
            "upper": upper,
            "difference": gap.median,
            "difference_lower": gap.lower,
            "difference_upper": gap.upper,
            "compared_with": other,
            "probability_best": float(self.shares(item.name)[self.arms.index(arm)].mean()),
            "censored": float(np.isinf(values).mean()),
            "draws": int(self.kept.sum()),
            "failed": sum(failure.arm == arm for failure in self.failures),
        }

    @cached_property
    def draws(self) -> pd.DataFrame:
        """Every value: arm, draw, endpoint, value, and for members that failed why."""
        reasons = {(failure.arm, failure.draw): failure.sentence for failure in self.failures}
        index = pd.MultiIndex.from_product(
            [self.arms, range(self.drawn), [item.name for item in self.endpoints]], names=["arm", "draw", "endpoint"]
        )
        frame = pd.DataFrame({"value": self.values.ravel()}, index=index).reset_index()
        frame["failure"] = [reasons.get(key, "") for key in zip(frame["arm"], frame["draw"], strict=True)]
        return frame

    @takes(SimulationError, endpoint=TEXT)
    def shares(self, endpoint: str | None = None) -> FloatArray:
        """Who is best in each draw: 1, or 1/k for each of k tied arms; shape (arms, kept draws)."""
        item = self.endpoint(endpoint)
        values = np.stack([self._of(arm, item.name) for arm in self.arms])
        return best_shares(values, item.better, self.settings.relative, self.settings.absolute_for(item))

    @takes(SimulationError, endpoint=TEXT)
    def best(self, endpoint: str | None = None) -> str:
        """The arm with the best median; among equal medians the one that is best most often, then the first.

        Parameters
        ----------
        endpoint : str, optional
            The primary one if left out.
        """
        item = self.endpoint(endpoint)
        sign = 1.0 if item.better == "high" else -1.0
        medians = np.array([sign * spread(self._of(arm, item.name), self.settings.level)[0] for arm in self.arms])
        top = np.full(len(medians), medians.max())
        tied = same(medians, top, self.settings.relative, self.settings.absolute_for(item))
        chance = np.where(tied, self.shares(item.name).mean(axis=1), -1.0)
        return self.arms[int(chance.argmax())]

    @takes(SimulationError, left=TEXT, right=TEXT, endpoint=TEXT)
    def difference(self, left: str, right: str, endpoint: str | None = None) -> Difference:
        """How much `left` differs from `right` on the same draws.

        Times that were not reached count as the end of the run, so that such a difference is a bound.

        Parameters
        ----------
        left, right : str
            Arms.
        endpoint : str, optional
            The primary one if left out.

        Raises
        ------
        SimulationError
            An unknown arm or endpoint; the nearest is suggested.
        """
        item = self.endpoint(endpoint)
        one, other = self._of(left, item.name), self._of(right, item.name)
        relative, absolute = self.settings.relative, self.settings.absolute_for(item)
        end = self.until.value if item.unit == "time" else np.inf
        gaps = differences(one, other, end, relative, absolute)
        favour = gaps if item.better == "high" else -gaps
        median, lower, upper = spread(gaps, self.settings.level)
        return Difference(
            left=left,
            right=right,
            endpoint=item.name,
            unit=self.unit(item.name),
            median=median,
            lower=lower,
            upper=upper,
            better=float(np.mean((favour > 0) + 0.5 * (favour == 0))),
            pairs=len(gaps),
            censored=float((np.isinf(one) | np.isinf(other)).mean()),
        )

    def endpoint(self, name: str | None = None) -> Endpoint:
        """One of the endpoints by name, the primary one without a name."""
        wanted = name or self.settings.primary
        for item in self.endpoints:
            if item.name == wanted:
                return item
        raise SimulationError(
            f"the comparison has no endpoint "
            f"{shown(wanted)}{did_you_mean(wanted, [item.name for item in self.endpoints])}"
        )

    def _of(self, arm: str, endpoint: str) -> FloatArray:
        """Values of one arm on the kept draws."""
        if arm not in self.arms:
            raise SimulationError(f"the comparison has no arm {shown(arm)}{did_you_mean(arm, self.arms)}")
        column = [item.name for item in self.endpoints].index(endpoint)
        return np.asarray(self.values[self.arms.index(arm), self.kept, column])

    def unit(self, endpoint: str) -> Unit:
        """The unit of an endpoint."""
        return self.units[[item.name for item in self.endpoints].index(endpoint)]

    # -- show ------------------------------------------------------------------------------------------

    def __str__(self) -> str:
        return show.text(self)

    __repr__ = __str__

    def _repr_html_(self) -> str:
        return show.html(self)

    def to_csv(self, path: str | Path, *, draws: bool = False) -> None:
        """Write the table, or every value of every draw, as a CSV file."""
        if draws:
            self.draws.to_csv(path, index=False)
        else:
            self.table.to_csv(path)

    def plot(self, endpoint: str | None = None, *, ax: Axes | None = None) -> Axes:
        """Draw medians and intervals of an endpoint, arm by arm; see `pkpd_mdr.plot.compare`."""
        from pkpd_mdr.plot.compare import plot_endpoint

        return plot_endpoint(self, endpoint, ax=ax)

    def plot_courses(self, arms: list[str] | None = None, *, ax: Axes | None = None) -> Axes:
        """Draw the burden over time, median and band; see `pkpd_mdr.plot.compare`."""
        from pkpd_mdr.plot.compare import plot_courses

        return plot_courses(self, arms, ax=ax)

    def plot_probabilities(self, *, ax: Axes | None = None) -> Axes:
        """Draw how often each arm is best, endpoint by endpoint; see `pkpd_mdr.plot.compare`."""
        from pkpd_mdr.plot.compare import plot_probabilities

        return plot_probabilities(self, ax=ax)
