"""`simulate_records`: a model under a dose table in NONMEM format, row by row."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from pkpd_mdr.arguments import TABLE, TEXTS, Kind, takes
from pkpd_mdr.engine import Accuracy, BoundPorts, Compiled, Timeline, build, compile_model, solve
from pkpd_mdr.engine.lowering import FloatArray
from pkpd_mdr.errors import RegimenError, SimulationError, did_you_mean, shown
from pkpd_mdr.model import Model
from pkpd_mdr.model.scope import Scope
from pkpd_mdr.regimen import DoseRecords, Subject
from pkpd_mdr.run.many.rows import parameter_slots, read_rows
from pkpd_mdr.run.simulate import ACCURACY, MODEL, start_vector, with_exposure
from pkpd_mdr.units import Quantity, QuantityLike, Unit, split_header, with_columns

__all__ = ["simulate_records"]

_RECORDS = Kind.of(DoseRecords, words="a dose table; read one with read_doses(...)")


@takes(
    SimulationError,
    model=MODEL,
    records=_RECORDS,
    covariates=TABLE,
    outputs=TEXTS,
    start=TABLE,
    parameters=TABLE,
    accuracy=ACCURACY,
)
def simulate_records(
    model: Model,
    records: DoseRecords,
    *,
    covariates: Mapping[str, str] | None = None,
    outputs: str | Sequence[str] | None = None,
    start: Mapping[str, QuantityLike] | None = None,
    parameters: Mapping[str, QuantityLike] | None = None,
    accuracy: Accuracy | None = None,
) -> pd.DataFrame:
    """Predict every row of a dose table: doses, resets and covariates that change are executed in file order.

    What a regimen cannot say (EVID 3 and 4 between doses, covariates that vary in time) is said by the table. Where its
    time begins anew at a reset, ``t`` in formulas, and `occasions` with it, goes on: time since the first record.

    Parameters
    ----------
    model : Model
    records : DoseRecords
        From `pkpd_mdr.read_doses`, which also says how covariates are carried between rows.
    covariates : mapping of column to "parameter [unit]", optional
        What columns stand for, such as ``{"WGT": "WT [kg]"}``; other columns are not used. Without it every covariate
        of the table has to be a parameter of the model, in the unit of its header (``"WT [g]"``) or, without one, in
        that in which the model declares it.
    outputs : str or sequence of str, optional
        States or observables; all of them if left out.
    start, parameters : mapping of str to quantity, optional
        As in `pkpd_mdr.simulate`, the same for all subjects; the start is at TIME 0, as there, even where a table
        begins later (NONMEM starts at the first record). Resets go back to it; what cells hold goes back to what
        the model says per cell.
    accuracy : Accuracy, optional

    Returns
    -------
    DataFrame
        One row for each row of the table: ``ID``, ``TIME`` and ``EVID`` as there, then the outputs in the units in
        which the model declares them (``frame.attrs["units"]``). A dose row holds the values after the dose; an
        observation row at the time of a dose those before it, where it stands above the dose in the table.

    Raises
    ------
    SimulationError
        A column that is no parameter of the model, a covariate that no run can use, or a subject whose run could not be
        finished; then `error.partial` is the table with the rows that were reached.
    RegimenError, ModelError, UnitError
        A drug, a route, an output, a name or a unit that does not fit.

    Examples
    --------
    A reset between two doses of a drug with a half-life of 1 h:

    >>> import pandas as pd, pkpd_mdr as mdr
    >>> model = mdr.Model(mdr.pk.one_compartment("x", CL="0.693147 L/h", V="1 L"))
    >>> rows = {"ID": 1, "TIME": [0, 1, 2, 3], "EVID": [1, 0, 4, 0], "AMT": [8, 0, 2, 0]}
    >>> records = mdr.read_doses(pd.DataFrame(rows), compartments={1: ("x", "iv")}, amount_unit="mg")
    >>> mdr.simulate_records(model, records, outputs="C_x")["C_x"].round(3).tolist()
    [8.0, 4.0, 2.0, 1.0]
    """
    named = None if covariates is None else with_columns(covariates, records.covariates, keys=True)
    full = _started(with_exposure(model.with_parameters(parameters or {})), start or {})
    asked = full.outputs if outputs is None else [outputs] if isinstance(outputs, str) else outputs
    names = list(dict.fromkeys(asked))
    compiled = compile_model(full)
    values = np.array([item.internal for item in full.parameters.values()])
    rows = [_parameter_rows(full, values, records, subject, named) for subject in records]
    starts = np.array([start_vector(full, compiled, block[0], start) for block in rows])
    timelines = [_timeline(compiled, subject, block) for subject, block in zip(records, rows, strict=True)]
    first = np.array([block[0] for block in rows])
    ensemble = solve(compiled, first, starts, timelines, names, rows=rows, accuracy=accuracy)
    units = {name: full.outputs[name].unit for name in names}
    lost = [(of, run.status) for of, run in zip(records, ensemble.members, strict=True) if not run.status.ok]
    table = _table(records, [member.values for member in ensemble.members], units)
    if lost:
        subject, status = lost[0]
        others = f"; {len(lost) - 1} more were not finished" if len(lost) > 1 else ""
        raise SimulationError(f"subject {shown(subject.id)}: {status.sentence}{others}", partial=table)
    return table


@dataclass(frozen=True, slots=True)
class Started:
    """Mechanism that lets states start where the user said, so that resets find the start in the model itself."""

    given: tuple[tuple[str, Quantity], ...]

    @property
    def label(self) -> str:
        """For messages."""
        return "given start"

    def declare(self, scope: Scope) -> None:
        """The states are declared by others."""

    def connect(self, scope: Scope) -> None:
        """A parameter each, so that models that differ in numbers alone are compiled once."""
        for state, value in self.given:
            scope.start(state, scope.parameter(f"given_start_{state}", value, unit=value.unit))


def _timeline(compiled: Compiled, subject: Subject, rows: FloatArray) -> Timeline:
    try:
        return build(subject.entries(marks="all"), BoundPorts(compiled, rows), stop=subject.records[-1].clock)
    except RegimenError as problem:
        raise RegimenError(f"subject {shown(subject.id)}: {problem}") from problem


def _started(model: Model, start: Mapping[str, QuantityLike]) -> Model:
    if not start:
        return model
    values = np.array([item.internal for item in model.parameters.values()])
    vector = dict(zip(model.states, start_vector(model, compile_model(model), values, start).tolist(), strict=True))
    units = {name: model.states[name].unit for name in start}
    given = tuple((name, Quantity(vector[name] / unit.factor, unit)) for name, unit in units.items())
    return model.plus(Started(given))


def _table(records: DoseRecords, values: Sequence[FloatArray], units: Mapping[str, Unit]) -> pd.DataFrame:
    """Values at the rows of the dose table, as far as each subject got."""
    lines = [
        (subject.id, record.time, record.evid, *row)
        for subject, reached in zip(records, values, strict=True)
        for record, row in zip(subject.records, reached / [unit.factor for unit in units.values()], strict=False)
    ]
    table = pd.DataFrame(lines, columns=["ID", "TIME", "EVID", *units])
    table.attrs["units"] = {name: unit.text for name, unit in units.items()}
    return table


def _parameter_rows(
    model: Model, values: FloatArray, records: DoseRecords, subject: Subject, named: Mapping[str, str] | None
) -> FloatArray:
    """The parameters under each distinct row of a subject's covariates, shape (rows, p)."""
    for column in named or {}:
        if column not in records.covariates:
            raise SimulationError(
                f"covariates: the dose table has no covariate {shown(column)}{did_you_mean(column, records.covariates)}"
            )
    columns = [column for column in records.covariates if named is None or column in named]
    if not columns:
        return values[None]
    for column in columns:
        if named is None and split_header(column)[0] not in model.parameters:
            raise SimulationError(
                f"the covariate {shown(column)} is no parameter of the model{did_you_mean(column, model.parameters)}; "
                f"say which columns count, and as what: covariates={{{column!r}: 'parameter [unit]'}}, or {{}} for none"
            )
    at = [records.covariates.index(column) for column in columns]
    table = pd.DataFrame(
        [[row[position] for position in at] for row in subject.covariates],
        columns=[named[column] if named else column for column in columns],
    )
    read = read_rows(table, parameter_slots(model), what=f"covariates of subject {subject.id}", item="parameter")
    for fault in read.faults.values():
        raise SimulationError(fault)
    block = np.tile(values, (len(table), 1))
    block[:, [list(model.parameters).index(name) for name in read.names]] = read.values
    return block
