"""`DoseResponse`: fitted curves, their effective doses with states, and everything a report needs."""

from __future__ import annotations

import html
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from pkpd_mdr.arguments import NUMBER, SEED, takes
from pkpd_mdr.errors import DataError, did_you_mean, shown
from pkpd_mdr.response.areas import fitted_area, tested_range, trapezoid_area
from pkpd_mdr.response.estimates import Curves
from pkpd_mdr.response.flat import Flatness
from pkpd_mdr.response.levels import Level
from pkpd_mdr.response.quantiles import f_tail
from pkpd_mdr.response.reading import Columns, Readings, control_level
from pkpd_mdr.response.shapes import FloatArray
from pkpd_mdr.response.stack import Stack
from pkpd_mdr.response.states import Doses

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from pkpd_mdr.response.averaging import Averaged
    from pkpd_mdr.response.joint import Joint
    from pkpd_mdr.response.ratio import Ratios

__all__ = ["DoseResponse", "Options"]


@dataclass(frozen=True, slots=True)
class Options:
    """How curves were asked to be fitted and judged; see `dose_response`."""

    columns: Columns
    scale: str | None
    rising: bool
    loss: str
    held: Mapping[str, float]
    bounds: Mapping[str, tuple[float, float]]
    confidence: float = 0.95
    alpha: float = 0.05
    least_effect: float = 0.0
    extrapolate: float = 5.0


@dataclass(frozen=True, eq=False, repr=False)
class DoseResponse:
    """Dose-response curves that were fitted to a table.

    Made by `dose_response`. All tables have one row for each curve (and level), in the order of the input.

    Attributes
    ----------
    readings : Readings
        The points as they were read, with notes.
    curves : Curves
        Parameters on their working scale, covariance, residual errors.
    flat : Flatness
        Test and size of the effect of every curve.
    joint : Joint or None
        The common fit of curves with shared parameters.
    point_shares : ndarray or None
        With a robust loss, the weight that each point of `stack` kept.
    """

    readings: Readings
    stack: Stack
    curves: Curves
    flat: Flatness
    options: Options
    joint: Joint | None = None
    share: Any = None
    point_shares: FloatArray | None = None
    _cache: dict[object, Doses] = field(default_factory=dict)

    def __len__(self) -> int:
        return self.readings.count

    @property
    def labels(self) -> pd.DataFrame:
        """The labels of the curves, one row each."""
        return self.readings.labels.copy()

    def labelled(self, columns: Mapping[str, Any]) -> pd.DataFrame:
        """A table with one row for each curve: the labels and further columns."""
        frame = pd.DataFrame(dict(columns), index=range(len(self)))
        return pd.concat([self.readings.labels, frame], axis=1)

    @cached_property
    def no_effect(self) -> np.ndarray[Any, np.dtype[np.bool_]]:
        """Curves without a significant effect of the size asked for, shape (count,)."""
        with np.errstate(invalid="ignore"):
            found = (self.flat.p >= self.options.alpha) | (self.flat.effect < self.options.least_effect)
        return np.asarray(found & self.curves.usable)

    def beyond_scale(self, share: float) -> np.ndarray[Any, np.dtype[np.bool_]]:
        """Flat curves without untreated wells beyond a share of the way down their declared scale, shape (count,)."""
        from pkpd_mdr.response.scales import scale_named

        kind = scale_named(self.options.scale)
        if kind is None:
            return np.zeros(len(self), dtype=bool)
        untreated = np.bincount(self.stack.curve[self.stack.x == 0.0], minlength=len(self)) > 0
        with np.errstate(invalid="ignore"):
            beyond = (self.flat.mean - kind.none) / (kind.full - kind.none) > share
        return np.asarray(self.no_effect & ~untreated & beyond)

    # -- effective doses ---------------------------------------------------------------------------------

    @takes(DataError, seed=SEED)
    def doses(self, level: float | Level, *, kind: str = "relative", interval: str = "profile", seed: int = 0) -> Doses:
        """Effective doses at one level as arrays; see `ed`."""
        from pkpd_mdr.response.effective import effective_doses

        asked = level if isinstance(level, Level) else Level(level, kind)
        key = (asked, interval, seed)
        if key not in self._cache:
            self._cache[key] = effective_doses(self, asked, interval, seed)
        return self._cache[key]

    @takes(DataError, seed=SEED)
    def ed(self, *levels: float, kind: str = "relative", interval: str = "profile", seed: int = 0) -> pd.DataFrame:
        """Effective doses with intervals and states.

        Parameters
        ----------
        *levels : float
            Per cent of the way from d to c (``kind="relative"``; 50 is the EC50), per cent below the untreated response
            (``"control"``), or responses (``"absolute"``; 0.5 on a viability scale is the IC50). 50 when absent.
        kind : {"relative", "control", "absolute"}
        interval : {"profile", "delta", "bootstrap"}
            Profile likelihood; delta method on the log scale; percentiles of refits to resampled units or residuals.
        seed : int
            Of the bootstrap.

        Returns
        -------
        DataFrame
            The labels, level, estimate (NaN unless the state is "in range" or "extrapolated"), lower and upper limit
            (bounds of a censored dose otherwise, 0 and inf where open), se_log, state.

        Raises
        ------
        DataError
            A level or option that is not possible.
        """
        frames = []
        for value in levels or (50.0,):
            level = Level(value, kind)
            found = self.doses(level, interval=interval, seed=seed)
            columns = {
                "level": str(level), "estimate": found.estimate, "lower": found.lower, "upper": found.upper,
                "se_log": found.se_log, "state": [str(state) for state in found.state],
            }  # fmt: skip
            frames.append(self.labelled(columns))
        both = pd.concat(frames)
        return both.sort_index(kind="stable").reset_index(drop=True)

    def ratio(
        self, of: object = None, over: object = None, *, at: Sequence[float] = (10, 50, 90), kind: str = "relative",
        interval: str = "profile",
    ) -> Ratios:  # fmt: skip
        """Potency ratio or fold-resistance of one curve over another; see `pkpd_mdr.response.ratio.ratio`."""
        from pkpd_mdr.response.ratio import ratio

        return ratio(self, of, over, at=at, kind=kind, interval=interval)

    def average(self, *families: str) -> Averaged:
        """Several families beside this one, with AICc weights and averaged effective doses; see `averaging`."""
        from pkpd_mdr.response.averaging import average

        return average(self, families)

    # -- tables ------------------------------------------------------------------------------------------

    def parameters(self) -> pd.DataFrame:
        """Estimates on the reported scale: parameter, estimate, se, lower, upper; held ones have an se of 0.

        Limits are symmetric on the working scale, which is logarithmic for b, e and an asymmetry f, and end at bounds.
        An estimate at a bound has no se (NaN) and a limit on one side; the others have the errors that they have while
        it stays there.
        """
        from pkpd_mdr.response.tables import parameter_table

        return parameter_table(self)

    @property
    def frame(self) -> pd.DataFrame:
        """One row for each curve: parameters, EC50 with limits and state, areas, effect, verdict, fit and notes."""
        return self.table()

    def table(self, *, interval: str = "profile") -> pd.DataFrame:
        """`frame` with another kind of interval.

        Parameters
        ----------
        interval : {"profile", "delta", "none"}
            Of the EC50.
        """
        from pkpd_mdr.response.tables import curve_table

        return curve_table(self, interval)

    @takes(DataError, low=NUMBER, high=NUMBER)
    def areas(self, *, low: float | None = None, high: float | None = None) -> pd.DataFrame:
        """Areas on the log10 dose axis, divided by its range.

        Parameters
        ----------
        low, high : float, optional
            A common dose range in the unit of the table, so that curves with other doses compare; each curve's own
            when absent.

        Returns
        -------
        DataFrame
            The labels, auc and auc_trapezoid (mean response), aac and aac_trapezoid (mean inhibition, on a declared
            scale). The trapezoid is over each curve's own doses.
        """
        for name, dose in (("low", low), ("high", high)):
            if dose is not None and not 0.0 < dose < np.inf:
                raise DataError(f"areas: {name} = {shown(dose)} is no positive dose, in the unit of the table")
        bottom, top = tested_range(self.stack)
        bottom = bottom if low is None else np.full(len(self), float(low))
        top = top if high is None else np.full(len(self), float(high))
        if (low is not None or high is not None) and np.any(top <= bottom):
            raise DataError(f"areas: low = {shown(low)}, high = {shown(high)} is no range of positive doses")
        fitted, straight = fitted_area(self.curves, bottom, top), trapezoid_area(self.stack)
        table = {
            "auc": fitted,
            "auc_trapezoid": straight,
            "aac": self._inhibition(fitted),
            "aac_trapezoid": self._inhibition(straight),
        }
        return self.labelled(table)

    def _inhibition(self, response: FloatArray) -> FloatArray:
        if self.options.scale is None:
            return np.full(len(response), np.nan)
        share = response / control_level(self.options.scale)
        return share if self.options.rising else 1.0 - share

    def lack_of_fit(self) -> pd.DataFrame:
        """F test of every curve against the means of its doses: labels, f, df, df_pure, p; NaN without replicates."""
        df_pure = self.stack.n - self.stack.levels
        df = self.stack.levels - self.curves.estimated
        with np.errstate(divide="ignore", invalid="ignore"):
            f = (self.curves.rss - self.stack.pure) / df / (self.stack.pure / df_pure)
        fine = (df > 0) & (df_pure > 0)
        p = np.where(fine, f_tail(f, np.maximum(df, 1), np.maximum(df_pure, 1)), np.nan)
        table = {"f": np.where(fine, f, np.nan), "df": df, "df_pure": df_pure, "p": p}
        return self.labelled(table)

    def predict(self, doses: Sequence[float] | FloatArray) -> FloatArray:
        """Fitted responses of all curves at doses in the unit of the table, shape (curves, doses)."""
        try:
            x = np.asarray(doses, dtype=np.float64).reshape(1, -1)
        except (TypeError, ValueError):
            x = np.full((1, 1), np.nan)
        if np.any(~(x >= 0)):
            raise DataError(f"predict: doses are numbers from 0 on, in the unit of the table, not {shown(doses)}")
        return self.curves.predict(x)

    def index(self, given: object) -> int:
        """Which curve is meant: its position, its label, or a mapping of labels.

        Raises
        ------
        DataError
            No such curve (nearest shown), or several.
        """
        if isinstance(given, Mapping):
            frame = self.readings.labels.astype(str)
            unknown = [name for name in given if name not in frame.columns]
            if unknown:
                raise DataError(
                    f"the curves have no label {shown(unknown[0])}{did_you_mean(unknown[0], map(str, frame.columns))}"
                )
            mask = np.logical_and.reduce([frame[name] == str(value) for name, value in given.items()])
            found = np.flatnonzero(mask)
        else:
            names = [self.readings.name(k) for k in range(len(self))]
            found = np.array([k for k, name in enumerate(names) if name == str(given)])
            if len(found) == 0:
                raise DataError(f"no curve is called {shown(given)}{did_you_mean(str(given), names)}")
        if len(found) != 1:
            raise DataError(
                f"{shown(given)} means {len(found)} curves; name one by all its labels {list(self.labels.columns)}"
            )
        return int(found[0])

    # -- show --------------------------------------------------------------------------------------------

    def report(self) -> str:
        """Data, family, verdicts, estimates and notes as text; the first curves of a large screen in full."""
        from pkpd_mdr.response.report import report

        return report(self)

    def plot(self, *, ax: Axes | None = None, **options: Any) -> Axes:
        """Points and fitted curves; see `pkpd_mdr.plot.response.plot_curves`."""
        from pkpd_mdr.plot.response import plot_curves

        return plot_curves(self, ax=ax, **options)

    def __repr__(self) -> str:
        return self.report()

    def _repr_html_(self) -> str:
        return f"<pre>{html.escape(self.report())}</pre>"
