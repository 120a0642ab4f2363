"""`assimilate`: one patient's measurements in, what they say of parameters, clones and outputs out."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from pkpd_mdr.arguments import SEED, Kind, takes
from pkpd_mdr.control.belief import Learner, Mind
from pkpd_mdr.control.filters import EnsembleFilter, Filter, ParticleFilter, particle_filter
from pkpd_mdr.control.swarm import Swarm, effective, outputs, read_belief
from pkpd_mdr.engine.lowering import FloatArray
from pkpd_mdr.errors import DataError, SimulationError, did_you_mean, shown
from pkpd_mdr.model import Model
from pkpd_mdr.patients import Cohort
from pkpd_mdr.regimen import Measured, Regimen, nothing, rule
from pkpd_mdr.run.many import check_ports
from pkpd_mdr.run.many.rows import RowsLike, check_stated
from pkpd_mdr.run.measuring import MEASURE, Measure, read_measures
from pkpd_mdr.run.simulate import MODEL
from pkpd_mdr.units import Unit, split_header

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["FILTER", "Assimilated", "assimilate", "looks_of"]

FILTER = Kind.of(ParticleFilter, EnsembleFilter, words="a filter; write particle_filter(...) or ensemble_filter(...)")
_SHARES = (0.05, 0.5, 0.95)
_TABLE = Kind.of(pd.DataFrame, words="a DataFrame with a column 'time [day]' and one for each measured output")
_REGIMEN = Kind.of(Regimen, words="a regimen; build one with bolus(...), infusion(...) or exposure(...)")


@dataclass(frozen=True)
class Assimilated:
    """What a patient's measurements say; made by `assimilate`.

    Attributes
    ----------
    model : Model
    minds : tuple of Mind
        After each visit.
    varied : tuple of str
        Parameters that were not known.
    time_unit : Unit
    prior : Mind
        Before the first visit.
    measured : DataFrame
        A column for each measured output, in the units of the model; the index is the time.
    notes : tuple of str
        Visits at which the filter had to tell something.
    """

    model: Model
    minds: tuple[Mind, ...]
    varied: tuple[str, ...]
    time_unit: Unit
    prior: Mind
    measured: pd.DataFrame
    notes: tuple[str, ...] = ()

    @property
    def frame(self) -> pd.DataFrame:
        """After each visit: mean, standard deviation and quantiles of parameters, states and observables.

        Indexed by time and name; ``particles`` is their effective number. Units are those of the model.
        """
        return self._table(self.minds)

    @property
    def before(self) -> pd.DataFrame:
        """The same at time zero, before anything was measured; indexed by name."""
        return self._table([self.prior]).droplevel(0)

    def _table(self, minds: Sequence[Mind]) -> pd.DataFrame:
        rows = [self._row(mind, *column) for mind in minds for column in self._columns(mind)]
        time = f"time [{self.time_unit.text}]"
        columns = [time, "name", "unit", "mean", "sd", *(f"{share:.0%}" for share in _SHARES), "particles"]
        return pd.DataFrame(rows, columns=columns).set_index([time, "name"])

    def _columns(self, mind: Mind) -> list[tuple[str, Unit, FloatArray]]:
        from pkpd_mdr.engine import compile_model

        compiled, swarm = compile_model(self.model), mind.swarm
        names = tuple(self.model.outputs)
        values = outputs(compiled, names, mind.time, swarm.parameters, swarm.states)
        order = list(self.model.parameters)
        found = [
            (name, self.model.parameters[name].unit, swarm.parameters[:, order.index(name)]) for name in self.varied
        ]
        return found + [(name, self.model.outputs[name].unit, values[:, place]) for place, name in enumerate(names)]

    def _row(self, mind: Mind, name: str, unit: Unit, values: FloatArray) -> list[object]:
        weights, own = mind.swarm.weights, values / unit.factor
        mean = float(weights @ own)
        sd = math.sqrt(max(float(weights @ (own - mean) ** 2), 0.0))
        order = np.argsort(own)
        reached = np.cumsum(weights[order])
        places = np.minimum(np.searchsorted(reached, _SHARES), len(own) - 1)
        return [
            mind.time / self.time_unit.factor,
            name,
            unit.text,
            mean,
            sd,
            *own[order][places].tolist(),
            effective(weights),
        ]

    def cohort(self, n: int = 300) -> Cohort:
        """What is believed after the last visit, as equally weighted draws of the parameters that were not known."""
        swarm: Swarm = self.minds[-1].swarm.chosen(n)
        order = list(self.model.parameters)
        parts = {name: self.model.parameters[name] for name in self.varied}
        table = pd.DataFrame(
            {name: swarm.parameters[:, order.index(name)] / part.unit.factor for name, part in parts.items()}
        )
        units = {name: part.unit.text for name, part in parts.items()}
        return Cohort(table.rename_axis("patient"), units, self.varied, notes=("drawn from an assimilated belief",))

    def plot(self, name: str | None = None, *, ax: Axes | None = None, **options: Any) -> Axes:
        """Draw what is believed of a parameter or an output, visit by visit; see `pkpd_mdr.plot.belief`."""
        from pkpd_mdr.plot.belief import plot_belief

        return plot_belief(self, name, ax=ax, **options)

    def __repr__(self) -> str:
        last = self.minds[-1]
        lines = [f"{len(self.minds)} visits assimilated; after the last, {effective(last.swarm.weights):.0f} particles"]
        for name, unit, values in self._columns(last):
            row = self._row(last, name, unit, values)
            lines.append(f"  {name:<20}{row[6]:.4g} ({row[5]:.4g} to {row[7]:.4g}) {unit.text}".rstrip())
        return "\n".join([*lines, *self.notes])


@takes(SimulationError, model=MODEL, data=_TABLE, regimen=_REGIMEN, measure=MEASURE, filter=FILTER, seed=SEED)
def assimilate(
    model: Model,
    belief: RowsLike,
    data: pd.DataFrame,
    regimen: Regimen | None = None,
    *,
    measure: Measure,
    filter: Filter | None = None,
    seed: int = 0,
) -> Assimilated:
    """Update what is believed of a patient by that patient's measurements, visit by visit.

    Parameters
    ----------
    model : Model
    belief : Cohort, ``fit.draws(500)`` or DataFrame
        Parameters, starts of clones included, before anything was measured.
    data : DataFrame
        A column ``"time [day]"`` and one for each measured output, in the unit of the header or of the model; a cell
        that is empty was not measured.
    regimen : Regimen, optional
        What the patient was given; nothing if left out.
    measure : str, Measured, or sequence of them
        The outputs with their errors, as in ``measured("burden", relative_sd=0.1)``. One that is called exact counts
        as exact to 1 %.
    filter : ParticleFilter or EnsembleFilter, optional
        ``particle_filter()`` if left out.
    seed : int

    Returns
    -------
    Assimilated

    Raises
    ------
    DataError
        A column that is missing, a time that is missing or not after the one before, a value that is no number, a
        belief in which nothing varies.
    SimulationError
        An output that the model does not have.

    Examples
    --------
    >>> import pkpd_mdr as mdr
    >>> from pkpd_mdr import distributions as dist
    >>> model = mdr.Model(mdr.clone("S", growth=mdr.growth.exponential(rate="0.1 1/day"), start=1e6))
    >>> belief = mdr.patients(model, 300, {"growth_S": dist.lognormal("0.1 1/day", cv=0.5)}, seed=1)
    >>> data = pd.DataFrame({"time [day]": [10, 20], "burden": [4.48e6, 20.1e6]})
    >>> found = mdr.assimilate(model, belief, data, measure=mdr.measured("burden", relative_sd=0.05))
    >>> float(found.cohort()["growth_S"].median().round(2))
    0.15
    """
    looks = looks_of(model, measure)
    plan = nothing() if regimen is None else regimen
    check_ports(model, plan)
    learner_filter = filter or particle_filter()
    rows, varied = read_belief(model, belief, learner_filter.particles)
    learner = Learner(model, rows, varied, looks, learner_filter, seed)
    times, unit, values = _read(model, data, looks)
    mind = prior = learner.fresh()
    end = max(float(times[-1]), 1.0)
    acts = (plan.until((end, "h")) if plan.endless else plan).written_out().acts
    mind = mind.given(tuple(act for act in acts if act.time <= end), learner.compiled)
    minds, notes = [], []
    for visit, time in enumerate(times.tolist()):
        mind = learner.carried([mind], time)[0]
        seen = [(look, float(values[visit, k])) for k, look in enumerate(looks) if np.isfinite(values[visit, k])]
        mind = learner.updated(mind, time, visit, seen) if seen else mind
        minds.append(mind)
        if mind.note:
            notes.append(f"{time / unit.factor:g} {unit.text}: {mind.note}")
    shown_units = {look.output: model.outputs[look.output].unit for look in looks}
    measured = pd.DataFrame(
        {name: values[:, k] / own.factor for k, (name, own) in enumerate(shown_units.items())},
        index=pd.Index(times / unit.factor, name=f"time [{unit.text}]"),
    )
    return Assimilated(model, tuple(minds), varied, unit, prior, measured, tuple(notes))


def looks_of(model: Model, given: Measure) -> tuple[Measured, ...]:
    """What is measured, checked against the model as for any strategy."""
    return read_measures(model, given, [rule(lambda visit: None, visit="1 h")])


def _read(model: Model, data: pd.DataFrame, looks: Sequence[Measured]) -> tuple[FloatArray, Unit, FloatArray]:
    """Times in hours, their unit, and values in internal units, NaN where nothing was measured."""
    heads = {split_header(str(header))[0]: header for header in data.columns}
    if "time" not in heads or split_header(str(heads["time"]))[1] is None:
        raise DataError(f"the data have no column 'time [day]', but {shown(list(map(str, data.columns)))}")
    unit = split_header(str(heads["time"]))[1] or Unit.of("h")
    if not unit.like(Unit.of("h")):
        raise DataError(f"the column {shown(str(heads['time']))} of the data is in no unit of time; write 'time [day]'")
    if not len(data):
        raise DataError("the data have no row; give at least one visit")
    times = _numbers(data[heads["time"]], "time") * unit.factor
    wrong = ~np.isfinite(times) | (times < 0) | (np.diff(times, prepend=-1.0) <= 0)
    if wrong.any():
        row = int(np.argmax(wrong))
        raise DataError(f"row {row} of the data: the time is {shown(data[heads['time']].iloc[row])}; times start at 0 "
                        "or later and increase")  # fmt: skip
    values = np.empty((len(data), len(looks)))
    for place, look in enumerate(looks):
        if look.output not in heads:
            raise DataError(f"the data have no column {shown(look.output)}{did_you_mean(look.output, heads)}")
        own = model.outputs[look.output].unit
        check_stated(data, {look.output: own}, "the data")
        given = split_header(str(heads[look.output]))[1] or own
        if not given.like(own):
            raise DataError(
                f"the data have {shown(look.output)} in {shown(given.text)}, the model in {shown(own.text)}"
            )
        values[:, place] = _numbers(data[heads[look.output]], look.output) * given.factor
    return times, unit, values


def _numbers(column: pd.Series[float], name: str) -> FloatArray:
    found = pd.to_numeric(column, errors="coerce").to_numpy(dtype=float)
    bad = np.flatnonzero((~np.isfinite(found) & column.notna().to_numpy()) | np.isinf(found))
    if len(bad):
        row = int(bad[0])
        raise DataError(f"row {row} of the data: {shown(name)} is {shown(column.iloc[row])}, which is not a number")
    return found
