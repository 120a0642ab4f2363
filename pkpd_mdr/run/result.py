"""The result of a simulation."""

from __future__ import annotations

import math
import platform
from dataclasses import asdict, dataclass
from functools import cache, cached_property
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from pkpd_mdr.engine import Accuracy, Status, Stochastic
from pkpd_mdr.errors import SimulationError, did_you_mean
from pkpd_mdr.model import Model
from pkpd_mdr.regimen import Regimen, Strategy, begun
from pkpd_mdr.run.course import Course
from pkpd_mdr.run.endpoints import Endpoint, check_endpoint, endpoint
from pkpd_mdr.units import Unit

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["BELOW_ONE_CELL", "Run", "provenance"]

BELOW_ONE_CELL = (
    "what is less than that and what grows back from it are means, and chance decides whether a cell is left; see "
    "mdr.extinction and stochastic="
)
"""What follows where a burden falls below one cell."""


@dataclass(frozen=True, eq=False)
class Run:
    """What a simulation gave: tables, events and endpoints.

    Attributes
    ----------
    model : Model
        With an ``AUC_<drug>`` state for every drug.
    plan : Regimen or Strategy
    rows : Course
        Those of `frame` and some more, those around acts included, in internal units.
    time_unit : Unit
        Of the first column of `frame`.
    accuracy : Accuracy
    stochastic : Stochastic or None
        How the path was made, seed included; None for differential equations.
    """

    model: Model
    plan: Regimen | Strategy
    rows: Course
    time_unit: Unit
    accuracy: Accuracy
    stochastic: Stochastic | None = None

    @cached_property
    def course(self) -> Course:
        """Rows near enough for what endpoints and plots read between them; solved for when it is read first."""
        return self.rows.between()

    def __getstate__(self) -> dict[str, Any]:
        """What is copied and sent: all rows, because the engine that could still add some stays here."""
        return self.__dict__ | {"rows": self.course}

    @cached_property
    def frame(self) -> pd.DataFrame:
        """States and observables at the requested times, in the units in which the model declares them.

        The index is the time; ``frame.attrs["units"]`` maps columns to units. A row at the time of an act holds
        the values just before it.
        """
        rows, names = self.rows, list(self.model.outputs)
        shown = rows.shown.copy()
        shown[-1:] |= rows.stopped  # nobody could ask by its time for the row at which a level ended the run
        units = {name: self.model.outputs[name].unit for name in names}
        columns = {name: rows.output(name)[shown] / units[name].factor for name in names}
        index = pd.Index(rows.times[shown] / self.time_unit.factor, name=f"time [{self.time_unit.text}]")
        frame = pd.DataFrame(columns, index=index)
        frame.attrs["units"] = {name: unit.text for name, unit in units.items()}
        return frame

    @cached_property
    def events(self) -> pd.DataFrame:
        """Acts and decisions: time and what happened."""
        times = [event.time / self.time_unit.factor for event in self.rows.events]
        return pd.DataFrame({f"time [{self.time_unit.text}]": times, "what": [e.what for e in self.rows.events]})

    @cached_property
    def visits(self) -> pd.DataFrame:
        """What a strategy was shown: the time of each visit and what was measured, in the units of `frame`.

        NaN where nothing was measured.
        """
        visit, names = self.rows.visit, list(self.rows.measured)
        columns = {} if visit is None else {names[0]: tuple(value for _, value in visit.history), **dict(visit.others)}
        times = [] if visit is None else [time / self.time_unit.factor for time, _ in visit.history]
        units = {name: self.model.outputs[name].unit for name in columns}
        index = pd.Index(times, name=f"time [{self.time_unit.text}]", dtype=float)
        frame = pd.DataFrame({name: np.array(values) / units[name].factor for name, values in columns.items()}, index)
        for time, name in () if visit is None else visit.lost:
            frame.loc[time / self.time_unit.factor, name] = np.nan
        frame.attrs["units"] = {name: unit.text for name, unit in units.items()}
        return frame

    @property
    def status(self) -> Status:
        """Whether the run was finished, and if not, why."""
        return self.rows.status

    def endpoint(self, which: str | Endpoint) -> float:
        """The value of an endpoint in the units of the run: time unit, or the unit of the output.

        Parameters
        ----------
        which : str or Endpoint
            See `pkpd_mdr.endpoint`.

        Returns
        -------
        float
            Infinite for a time that was not reached.
        """
        item = endpoint(which)
        check_endpoint(item, self._known, self.model)
        if not len(self.rows.times):
            return math.nan
        return float(item.evaluate(self.course) / endpoint_unit(item, self.model, self.time_unit).factor)

    def _known(self, name: str) -> object:
        plain = name.removeprefix("d/dt ")
        if plain not in self.rows.outputs:
            raise SimulationError(f"the model has no output {plain!r}{did_you_mean(plain, self.model.outputs)}")
        return plain

    def endpoints(self) -> dict[str, float]:
        """The usual endpoints that this model has."""
        names = []
        if "burden" in self.model.observables:
            names += ["nadir", "nadir_time", "time_to_progression", "best_response", "auc_burden"]
        if "resistant_share" in self.model.observables:
            names.append("resistant_share")
        names += [f"exposure_{name[4:]}" for name in self.model.states if name.startswith("AUC_")]
        return {name: self.endpoint(name) for name in names}

    @property
    def notes(self) -> tuple[str, ...]:
        """What a reader should know of the tumour, a sentence each: that none was there, or less than one cell."""
        if "burden" not in self.model.observables or not len(self.rows.times):
            return ()
        burden = self.course.output("burden")
        if burden[0] == 0:
            return ("no cells at the start: give start={'S': '1e9 cell'}, or clone(..., start=...)",)
        counted = self.model.observables["burden"].unit.text == "cell" and self.stochastic is None
        below = np.flatnonzero(burden < 1.0)
        if not counted or burden[0] < 1.0 or not len(below):
            return ()
        first = f"{self.course.times[below[0]] / self.time_unit.factor:.4g} {self.time_unit.text}"
        return (f"the burden falls below one cell ({first}): {BELOW_ONE_CELL}",)

    @property
    def provenance(self) -> dict[str, Any]:
        """Versions, tolerances, the hash of the model and, of a stochastic path, how it was made."""
        found = provenance() | {
            "model": self.model.content_hash,
            "rtol": self.accuracy.rtol,
            "atol": self.accuracy.atol,
            "method": self.accuracy.method,
        }
        return found if self.stochastic is None else found | {"stochastic": asdict(self.stochastic)}

    def plot(self, outputs: list[str] | None = None, *, ax: Axes | None = None, **options: Any) -> Axes:
        """Draw outputs against time; see `pkpd_mdr.plot.run`."""
        from pkpd_mdr.plot.run import plot_run

        drawn: Axes = plot_run(self, outputs, ax=ax, **options)
        return drawn

    def plot_clones(self, *, ax: Axes | None = None, **options: Any) -> Axes:
        """Draw the clones as bands over time, absolute or relative; see `pkpd_mdr.plot.clones`."""
        from pkpd_mdr.plot.clones import plot_clones

        return plot_clones(self, ax=ax, **options)

    def plot_contents(self, outputs: list[str] | None = None, **options: Any) -> tuple[Axes, ...]:
        """Draw what cells hold and release under the burden; see `pkpd_mdr.plot.clones`."""
        from pkpd_mdr.plot.clones import plot_contents

        return plot_contents(self, outputs, **options)

    def __str__(self) -> str:
        end = self.rows.times[-1] / self.time_unit.factor if len(self.rows.times) else 0.0
        acts = len(begun(self.rows.acts))
        lines = [
            f"Run of {end:g} {self.time_unit.text}, {acts} {'act' if acts == 1 else 'acts'}"
            + ("" if self.stochastic is None else f", a stochastic path (seed {self.stochastic.seed})")
            + ("" if self.status.ok else f"; {self.status.sentence}")
        ]
        for name, value in self.endpoints().items():
            item = endpoint(name)
            unit = endpoint_unit(item, self.model, self.time_unit)
            shown = f"not reached in {end:g}" if math.isinf(value) else f"{value:.4g}"
            told = "not defined for this run" if math.isnan(value) else f"{shown} {unit.text}".rstrip()
            lines.append(f"  {name:<24}{told}   ({item.description})")
        return "\n".join([*lines, *(f"  {note}" for note in self.notes)])

    __repr__ = __str__

    def _repr_html_(self) -> str:
        return f"<pre>{str(self).replace('&', '&amp;').replace('<', '&lt;')}</pre>"


def endpoint_unit(item: Endpoint, model: Model, time_unit: Unit) -> Unit:
    """The unit in which an endpoint is shown."""
    if item.unit in ("time", "duration"):
        return time_unit
    if item.unit == "same":
        return model.outputs[item.needs[0]].unit
    if item.unit == "area":
        return model.outputs[item.needs[0]].unit.times(time_unit)
    return Unit.of(item.unit)


def provenance() -> dict[str, str]:
    """Versions of what computed a result."""
    return dict(_versions())


@cache
def _versions() -> dict[str, str]:
    found = {"python": platform.python_version()}
    for package in ("pkpd-mdr", "numpy", "scipy", "sympy", "pandas", "lmfit"):
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            found[package] = "not installed"
    return found
