"""`from_frame`: data made by a program, such as a simulation, with conditions that exist already."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from pkpd_mdr.data.assemble import tidy
from pkpd_mdr.data.cells import labels
from pkpd_mdr.data.checks import check_present, check_unique
from pkpd_mdr.data.columns import RawTable, find_column, open_table
from pkpd_mdr.data.conditions import Condition
from pkpd_mdr.data.giving import HOUR, read_time
from pkpd_mdr.data.limits import Limits
from pkpd_mdr.data.measurements import Data
from pkpd_mdr.data.rows import ErrorColumns, Measured, read_measured, read_replicates, rows_frame
from pkpd_mdr.errors import DataError, did_you_mean, shown
from pkpd_mdr.units import Unit

__all__ = ["from_frame"]


def from_frame(
    frame: pd.DataFrame, conditions: Sequence[Condition], *, units: Mapping[str, str], origin: str = "the table"
) -> Data:
    """Make `Data` from a tidy frame and the conditions it names.

    Parameters
    ----------
    frame : DataFrame
        Columns condition (name), time (in h unless the header says otherwise), value; optional are
        observable (needed when `units` has several), replicate, sd, n and censored (``"below"``, ``"above"`` or empty).
    conditions : sequence of Condition
        With distinct names; those without a measurement are left out and named in the notes.
    units : mapping of str to str
        Unit of each observable's values.
    origin : str
        Shown in messages.

    Raises
    ------
    DataError
        An unknown condition or observable, a missing or infinite value, or a measurement given twice.

    Examples
    --------
    >>> from pkpd_mdr.regimen import nothing
    >>> control = Condition("control", {"arm": "control"}, nothing())
    >>> frame = pd.DataFrame({"condition": ["control"] * 2, "time": [0, 24], "value": [10, 20]})
    >>> from_frame(frame, [control], units={"burden": "cell"})
    Data: 2 rows, 1 conditions, burden [cell], 0 to 24 h, from the table
    """
    raw = open_table(frame)
    has = set(frame.columns).intersection
    limits = Limits(censoring="censored" if has({"censored"}) else None)
    measured = _measured(raw, units, bool(has({"observable"})), limits)
    time_reference = "time [h]" if has({"time"}) else "time"
    time = read_time(raw, time_reference, "time", decimal=".")
    check_present(raw, time.header, time.values, "fill in the time")
    hours = time.values * (time.unit or HOUR).factor
    codes = _codes(labels(raw, find_column(raw, "condition", "condition"), "condition"), conditions)
    replicates = read_replicates(raw, "replicate" if has({"replicate"}) else None, ".")
    errors = ErrorColumns(sd="sd" if has({"sd"}) else None, n="n" if has({"n"}) else None)
    rows = rows_frame(measured, hours, replicates, errors, ".")
    named, table = tidy(rows, codes, conditions)
    check_unique(table, origin, "row", "give each its replicate")
    kept = {condition.name for condition in named}
    lost = [shown(condition.name) for condition in conditions if condition.name not in kept]
    told = f"left out, for want of a measurement: {', '.join(lost[:5])}" + (" ..." if len(lost) > 5 else "")
    return Data(named, measured.units, table, (told,) if lost else (), origin)


def _measured(raw: RawTable, units: Mapping[str, str], several: bool, limits: Limits) -> Measured:
    if several:
        wanted = {name: f"{name} [{unit}]" for name, unit in units.items()}
        measured = read_measured(raw, "value", wanted, "observable", None, "refuse", ".", limits)
        left_out = [note for note in measured.notes if note.startswith("left out")]
        if left_out:
            raise DataError(f"units does not name every observable ({left_out[0]}); add the missing unit")
        return measured
    if len(units) != 1:
        raise DataError(f"units has {len(units)} observables but the frame has no column 'observable'; add it")
    name, unit = next(iter(units.items()))
    return read_measured(raw, "value", name, None, Unit.of(unit).text, "refuse", ".", limits)


def _codes(names: NDArray[Any], conditions: Sequence[Condition]) -> NDArray[np.int64]:
    place = {condition.name: i for i, condition in enumerate(conditions)}
    if len(place) < len(conditions):
        raise DataError("two conditions have the same name; give each its own")
    for name in dict.fromkeys(names):
        if str(name) not in place:
            hint = did_you_mean(str(name), place)
            raise DataError(f"the frame names condition {shown(name)}, which is not among those given{hint}")
    return np.array([place[str(name)] for name in names], dtype=np.int64)
