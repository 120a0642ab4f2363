"""`growth_rate`: GR values and GR curves of a table, with states instead of coded infinities."""

from __future__ import annotations

import html
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Unpack

import numpy as np
import pandas as pd

from pkpd_mdr.arguments import CONFIDENCE, FLAG, NUMBER, TEXT, TEXTS, takes
from pkpd_mdr.data import Data
from pkpd_mdr.data.cells import several
from pkpd_mdr.data.files import FileOptions
from pkpd_mdr.errors import DataError
from pkpd_mdr.response.fitting import dose_response
from pkpd_mdr.response.growth import adjusted_dead, gr_static_toxic, gr_value, gr_value_without_start
from pkpd_mdr.response.growth_tables import growth_rows
from pkpd_mdr.response.result import DoseResponse
from pkpd_mdr.response.tables import all_notes, reported

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["GrowthRate", "growth_rate"]

_NAMES = {"b": "h_GR", "c": "GRinf", "e": "GEC50"}

Table = str | Path | pd.DataFrame | Data


@dataclass(frozen=True, eq=False, repr=False)
class GrowthRate:
    """GR values of a table and the curves through them.

    Attributes
    ----------
    values : DataFrame
        One row for each treated well in the order of the table: the labels, dose, count, start, control, gr, and
        where dead cells were counted gr_static and gr_toxic. ``note`` says why a value is missing.
    by : tuple of str
        Labels that tell curves apart.
    """

    values: pd.DataFrame
    by: tuple[str, ...]
    confidence: float = 0.95

    @cached_property
    def fit(self) -> DoseResponse:
        """``GRinf + (1 - GRinf)/(1 + (dose/GEC50)**h)`` through the values of each curve.

        Bounds are those of the published method: h from 0.1 to 5, GRinf from -1 to 1, GEC50 within a factor 100 of
        the doses.
        """
        dose = self.values["dose"].to_numpy(dtype=np.float64)
        if not (dose > 0).any():
            raise DataError("GR curves need doses above 0; the table has none")
        bounds = {"b": (0.1, 5.0), "c": (-1.0, 1.0), "e": (dose[dose > 0].min() / 100.0, dose.max() * 100.0)}
        return dose_response(
            self.values[[*self.by, "dose", "gr"]], dose="dose", response="gr", by=self.by, curve="LL.3u",
            direction="falling", bounds=bounds, confidence=self.confidence,
        )  # fmt: skip

    def metrics(self, *, interval: str = "profile") -> pd.DataFrame:
        """One row for each curve.

        Returns
        -------
        DataFrame
            The labels, GR50 with limits and state, GRmax (smaller mean value of the two top doses), GR_AOC (area over
            the curve by the trapezoidal rule, range-normalised), GEC50, GRinf, h_GR, r2, p_flat and note. Profile
            limits of GR50 let GRinf leave its bounds: rather too wide than too narrow.
        """
        fit = self.fit
        half = fit.doses(0.5, kind="absolute", interval=interval)
        named = reported(fit.curves)
        tss = np.array([self._spread(k) for k in range(len(fit))])
        columns = {
            "GR50": half.estimate, "GR50_lower": half.lower, "GR50_upper": half.upper,
            "GR50_state": [str(state) for state in half.state],
            "GRmax": self._largest_effect(), "GR_AOC": 1.0 - fit.areas()["auc_trapezoid"].to_numpy(),
            "GEC50": named["e"][0], "GRinf": named["c"][0], "h_GR": named["b"][0],
            "r2": 1.0 - fit.curves.rss / np.where(tss > 0, tss, np.nan), "p_flat": fit.flat.p,
            "note": self._notes(),
        }  # fmt: skip
        return fit.labelled(columns)

    def _notes(self) -> list[str]:
        """Notes of the curves, with the wells that have no value by the reason of their own."""
        lost, found = self.values[self.values["gr"].isna()], []
        curve = self.values.groupby(list(self.by), sort=False).ngroup() if self.by else pd.Series(0, self.values.index)
        for k, notes in enumerate(all_notes(self.fit)):
            why = lost["note"][curve[lost.index] == k].value_counts(sort=False)
            own = [_renamed(note) for note in notes if ", column 'gr', " not in note]
            found.append(" | ".join([*own, *(f"{count} wells {reason}" for reason, count in why.items())]))
        return found

    def _spread(self, k: int) -> float:
        y = self.fit.stack.y[self.fit.stack.curve == k]
        return float(((y - y.mean()) ** 2).sum()) if len(y) else float("nan")

    def _largest_effect(self) -> list[float]:
        stack = self.fit.stack
        found = []
        for k in range(stack.count):
            tops = stack.level_y[stack.level_curve == k][-2:]
            found.append(float(tops.min()) if len(tops) else float("nan"))
        return found

    def plot(self, *, ax: Axes | None = None, **options: Any) -> Axes:
        """GR values and curves; see `pkpd_mdr.plot.response.plot_curves`."""
        from pkpd_mdr.plot.response import plot_curves

        return plot_curves(self.fit, ax=ax, **options)

    def __repr__(self) -> str:
        missing = int(self.values["gr"].isna().sum())
        head = f"GR values of {len(self.values)} wells, {missing} undefined"
        table = self.metrics().drop(columns=["note"])
        return f"{head}\n{table.head(30).to_string(index=False, float_format=lambda x: f'{x:.4g}', na_rep='-')}"

    def _repr_html_(self) -> str:
        return f"<pre>{html.escape(repr(self))}</pre>"


def _renamed(note: str) -> str:
    """A note about a parameter of the log-logistic curve in the words of GR metrics."""
    name, rest = note[:1], note[1:]
    return _NAMES[name] + rest if name in _NAMES and rest.startswith(" is at its ") else note


@takes(
    DataError, FileOptions,
    dose=TEXT, count=TEXT, start=TEXT, control=TEXT, time=TEXT, drug=TEXT, dead=TEXT, by=TEXTS,
    doubling_time=NUMBER, adjust_dead=FLAG, confidence=CONFIDENCE, decimal=TEXT,
)  # fmt: skip
def growth_rate(
    table: Table,
    *,
    by: str | Sequence[str] | None = (),
    dose: str | None = None,
    count: str | None = None,
    start: str | None = None,
    control: str | None = None,
    time: str | None = None,
    drug: str | None = None,
    dead: str | None = None,
    controls: Table | None = None,
    starts: Table | None = None,
    doubling_time: float | None = None,
    adjust_dead: bool = False,
    confidence: float = 0.95,
    decimal: str = ".",
    **file: Unpack[FileOptions],
) -> GrowthRate:
    """GR values and metrics of a table of cell counts.

    Parameters
    ----------
    table : path, DataFrame or Data
        Case A: each row has the count, the start and the control. Case B: `controls` and `starts` are tables of their
        own, matched by the columns they share (``ctrl_tag``, ``time0_tag`` where there are such). Case C: one stacked
        table, where rows of time 0 are starts and rows of dose 0 controls.
    by : str or sequence of str
        Columns that tell curves apart.
    dose, count, start, control, time, drug, dead : str, optional
        Columns; looked for under the names of the GR calculator and of HMS LINCS when absent (``concentration``,
        ``cell_count``, ``cell_count__time0``, ``cell_count__ctrl``, ``agent`` and so on).
    controls, starts : path, DataFrame or Data, optional
        See case B. Replicate controls enter as the mean of their middle half.
    doubling_time : float, optional
        Of untreated cells, in the unit of `time`, where nobody counted at the start.
    adjust_dead : bool
        Whether to correct implausible counts of dead cells; see `adjusted_dead`.
    confidence : float
        Of the intervals of GR50.
    decimal : {".", ","}
        Decimal mark of the tables.
    **file
        `FileOptions`: ``thousands``, ``sheet``, ``skip_lines``, ``last_line``, ``separator``, ``encoding``, of
        all tables that are files.

    Returns
    -------
    GrowthRate

    Raises
    ------
    DataError
        A column is missing, or no well has a control or start.

    Examples
    --------
    >>> import pandas as pd
    >>> wells = pd.DataFrame({"concentration": [0.01, 0.1, 1, 10], "cell_count": [390, 300, 150, 80]})
    >>> wells = wells.assign(cell_count__time0=100, cell_count__ctrl=400)
    >>> growth_rate(wells).values["gr"].round(3).tolist()
    [0.975, 0.732, 0.225, -0.106]
    """
    names = {"dose": dose, "count": count, "start": start, "control": control, "time": time, "drug": drug, "dead": dead}
    labels = several(by)
    rows = (
        growth_rows(table, names=names, by=labels, controls=controls, starts=starts, decimal=decimal, file=file)
        if doubling_time is None
        else _without_start(table, names, labels, controls, doubling_time, decimal, file)
    )
    if doubling_time is None:
        rows["gr"] = gr_value(rows["count"], rows["start"], rows["control"])
        if {"dead", "dead_start", "dead_control", "time"} <= set(rows.columns):
            _add_static_toxic(rows, adjust_dead)
    rows["note"] = _why_missing(rows)
    return GrowthRate(rows.drop(columns=["row"]), labels, confidence)


def _without_start(
    table: Table, names: dict[str, str | None], labels: Sequence[str], controls: Table | None, doubling_time: float,
    decimal: str, file: FileOptions,
) -> pd.DataFrame:  # fmt: skip
    if doubling_time <= 0:
        raise DataError(f"doubling_time = {doubling_time:g} is not above 0; give it in the unit of the time column")
    rows = growth_rows(table, names=names, by=labels, controls=controls, starts=controls, decimal=decimal, file=file)
    if "control" not in rows or "time" not in rows:
        raise DataError("GR values from a doubling time need columns of the control count and of the time")
    rows["gr"] = gr_value_without_start(rows["count"], rows["control"], time=rows["time"], doubling_time=doubling_time)
    return rows


def _add_static_toxic(rows: pd.DataFrame, adjust: bool) -> None:
    dead = rows["dead"].to_numpy(dtype=np.float64)
    if adjust:
        start_total, control_total = rows["start"] + rows["dead_start"], rows["control"] + rows["dead_control"]
        dead = adjusted_dead(rows["count"], dead, start_total=start_total, control_total=control_total)
    rows["gr_static"], rows["gr_toxic"] = gr_static_toxic(
        rows["count"], rows["start"], rows["control"], dead=dead, dead_start=rows["dead_start"],
        dead_control=rows["dead_control"], time=rows["time"],
    )  # fmt: skip


def _why_missing(rows: pd.DataFrame) -> list[str]:
    """Why a GR value is undefined, or that a count of zero was set to the smallest share."""
    notes, unmatched = np.full(len(rows), "", dtype=object), rows.pop("note").to_numpy(dtype=object)
    count = rows["count"].to_numpy(dtype=np.float64)
    notes[count == 0] = "no cells left: counted as a millionth of the start"
    if "start" in rows:
        start, control = rows["start"].to_numpy(dtype=np.float64), rows["control"].to_numpy(dtype=np.float64)
        notes[rows["gr"].isna().to_numpy()] = "undefined: the control hardly grew beyond the start"
        notes[~(control > start)] = "undefined: the control did not grow beyond the start"
        notes[~(start > 0)] = "undefined: no cells at the start"
    notes = np.where(unmatched != "", unmatched, notes)
    notes[np.isnan(count)] = "undefined: the count is missing"
    notes[count < 0] = "undefined: the count is negative"
    return [str(note) for note in notes]
