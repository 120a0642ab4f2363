"""Who is simulated: regimens, parameter rows and starts joined to members, each with a number and labels."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from pkpd_mdr.arguments import listed
from pkpd_mdr.engine.lowering import FloatArray
from pkpd_mdr.errors import DataError, SimulationError, did_you_mean, shown
from pkpd_mdr.run.many.plans import Plan
from pkpd_mdr.run.many.rows import Rows

__all__ = ["TAKEN", "Columns", "Members", "join"]

Places = npt.NDArray[np.int64]
TAKEN = ("member", "regimen", "parameters", "start", "replicate", "time", "sentence")
"""Columns that the tables of an ensemble have for themselves."""
_MOST = 100_000_000


@dataclass(frozen=True, slots=True)
class Columns:
    """Which columns of the tables name rows.

    Parameters
    ----------
    id : str or None
        Unique within its table.
    labels : tuple of str
        Others.
    """

    id: str | None
    labels: tuple[str, ...]

    @staticmethod
    def of(id: object, labels: object, used: Sequence[str]) -> Columns:
        """Checked names; `SimulationError` for one that the result needs for itself."""
        names = [labels] if isinstance(labels, str) else listed(labels)
        if names is None or not all(isinstance(name, str) for name in names):
            raise SimulationError(f"labels is {shown(labels)}; give the names of columns, such as labels=['cohort']")
        for name in [*names, *([] if id is None else [id])]:
            if not isinstance(name, str):
                raise SimulationError(f"id is {shown(name)}; give the name of a column, such as id='patient'")
            if name in TAKEN or name in used:
                raise SimulationError(
                    f"a label cannot be called {shown(name)}, as the result has a column of that name"
                )
        return Columns(id, tuple(names))  # type: ignore[arg-type]

    @property
    def all(self) -> tuple[str, ...]:
        """Every column that is no number for the model."""
        return tuple(dict.fromkeys([*([self.id] if self.id else []), *self.labels]))


@dataclass(frozen=True, slots=True)
class Members:
    """All members, by number.

    Attributes
    ----------
    table : DataFrame
        One row per member: regimen, rows of the tables and labels, as far as there are several.
    plans : dict of str to Regimen or Strategy
    plan_of, row_of, start_of : ndarray of int
        Which plan, parameter row and start row a member has.
    parameters, starts : Rows
    faults : dict of int to str
        Members that cannot be run, and why.
    replicate_of : ndarray of int
        Which path of its row a member is.
    replicates : int
        Paths of each row.
    """

    table: pd.DataFrame
    plans: dict[str, Plan]
    plan_of: Places
    row_of: Places
    start_of: Places
    parameters: Rows
    starts: Rows
    faults: dict[int, str]
    replicate_of: Places
    replicates: int = 1

    def __len__(self) -> int:
        return len(self.plan_of)

    def values(self, chosen: Places, own: FloatArray, order: Sequence[str]) -> FloatArray:
        """Parameters of some members, shape (members, p), where the model's `own` values stand by `order`."""
        found = np.tile(own, (len(chosen), 1))
        found[:, [order.index(name) for name in self.parameters.names]] = self.parameters.values[self.row_of[chosen]]
        return found


def join(
    plans: dict[str, Plan],
    parameters: Rows,
    starts: Rows,
    combine: str,
    columns: Columns,
    *,
    each: bool = False,
    replicates: int = 1,
) -> Members:
    """Join by product or row by row.

    Parameters
    ----------
    plans : dict of str to plan
    parameters, starts : Rows
    combine : {"product", "rows"}
    columns : Columns
    each : bool
        Whether plans are given row by row, too; else each goes with every row, unless a column names them.
    replicates : int
        How many members each combination becomes, one behind the other.

    Returns
    -------
    Members

    Raises
    ------
    DataError
        A label that no table has, an id that is missing or there twice, members without a regimen, tables that do not
        match row by row.
    SimulationError
        `combine` is not known, or there are too many members.
    """
    if combine not in ("product", "rows"):
        raise SimulationError(
            f"combine = {shown(combine)} is not known; choose 'product' (every regimen with every parameter row and "
            "every start) or 'rows' (parameters and starts row by row)"
        )
    for name in columns.all:
        if name not in parameters.labels and name not in starts.labels:
            known = [*parameters.names, *starts.names, *map(str, parameters.labels), *map(str, starts.labels)]
            hint = did_you_mean(name, known) if known else "; no table was given"
            raise DataError(f"no table has the column {shown(name)}, which is named by id= or labels={hint}")
    for rows, what in ((parameters, "parameters"), (starts, "starts")):
        if columns.id in rows.labels:
            _check_ids(rows.labels[columns.id], columns.id, what)
    sizes = len(plans), len(parameters), len(starts)
    if combine == "product":
        count = sizes[0] * sizes[1] * sizes[2]
        if count * replicates > _MOST:
            raise SimulationError(f"{sizes[0]} x {sizes[1]} x {sizes[2]} members are more than {_MOST}; use fewer")
        places = np.unravel_index(np.arange(count), sizes)
    else:
        places = _aligned(plans, parameters, starts, columns, each)
    plan_of, row_of, start_of = (np.repeat(np.asarray(place, dtype=np.int64), replicates) for place in places)
    replicate_of = np.tile(np.arange(replicates, dtype=np.int64), len(plan_of) // replicates)
    faults = _faults(parameters.faults, row_of, {}) if parameters.faults else {}
    faults = _faults(starts.faults, start_of, faults) if starts.faults else faults
    if len(faults) == len(plan_of):
        raise DataError(f"no member can be run; {next(iter(faults.values()))}")
    table = _table(plans, plan_of, (parameters, row_of), (starts, start_of), combine)
    if replicates > 1:
        table["replicate"] = replicate_of
    return Members(table, plans, plan_of, row_of, start_of, parameters, starts, faults, replicate_of, replicates)


def _check_ids(ids: pd.Series[Any], name: str | None, what: str) -> None:
    missing = ids.isna().to_numpy()
    if missing.any():
        raise DataError(f"row {int(np.argmax(missing))} of {what} has no {shown(name)}; give every row its own")
    twice = ids.duplicated().to_numpy()
    if twice.any():
        second = int(np.argmax(twice))
        first = int(np.argmax((ids == ids.iloc[second]).to_numpy()))
        raise DataError(
            f"rows {first} and {second} of {what} have the same {shown(name)}, {shown(ids.iloc[second])}; "
            "an id stands once"
        )


def _aligned(
    plans: dict[str, Plan], parameters: Rows, starts: Rows, columns: Columns, each: bool
) -> tuple[Places, Places, Places]:
    lengths = {"parameters": len(parameters), "starts": len(starts), "regimens": len(plans) if each else 1}
    several = {what: length for what, length in lengths.items() if length > 1}
    if len(set(several.values())) > 1:
        told = ", ".join(f"{length} {what}" for what, length in several.items())
        raise DataError(f"row by row, {told} do not match; give equally many of each, or one")
    count = max(lengths.values())
    place = {what: np.arange(count) if length > 1 else np.zeros(count, int) for what, length in lengths.items()}
    if columns.id in parameters.labels and columns.id in starts.labels:
        place["starts"] = _by_id(parameters.labels[columns.id], starts.labels[columns.id], columns.id)
    if "regimen" in parameters.labels:
        place["regimens"] = _by_name(parameters.labels["regimen"], plans)[place["parameters"]]
    elif not each:
        rows = np.tile(np.arange(count), len(plans))
        return np.repeat(np.arange(len(plans)), count), place["parameters"][rows], place["starts"][rows]
    return place["regimens"], place["parameters"], place["starts"]


def _by_id(ids: pd.Series[Any], others: pd.Series[Any], name: str | None) -> Places:
    place = {key: row for row, key in enumerate(others.tolist())}
    for row, key in enumerate(ids.tolist()):
        if key not in place:
            raise DataError(
                f"row {row} of parameters: {shown(name)} {shown(key)} has no start; give starts one for each"
            )
    known = set(ids.tolist())
    for row, key in enumerate(others.tolist()):
        if key not in known:
            raise DataError(
                f"row {row} of starts: {shown(name)} {shown(key)} has no parameters; give parameters one too"
            )
    return np.array([place[key] for key in ids.tolist()], dtype=np.int64)


def _by_name(names: pd.Series[Any], plans: Mapping[str, Plan]) -> Places:
    order = {name: place for place, name in enumerate(plans)}
    if list(order) == [""]:
        raise DataError(
            "parameters has a column 'regimen', but regimens have no names; give a dict from name to regimen"
        )
    for row, name in enumerate(names.tolist()):
        if not isinstance(name, str) or not name.strip():
            raise DataError(f"row {row} of parameters has no regimen; name one in its column 'regimen'")
        if name not in order:
            raise DataError(f"row {row} of parameters: there is no regimen {shown(name)}{did_you_mean(name, order)}")
    return np.array([order[name] for name in names.tolist()], dtype=np.int64)


def _faults(faults: Mapping[int, str], places: Places, found: dict[int, str]) -> dict[int, str]:
    """Members that have a row at fault; what is known of a member already stays."""
    bad = np.flatnonzero(np.isin(places, list(faults)))
    return dict(sorted(({int(member): faults[int(places[member])] for member in bad} | found).items()))


def _table(
    plans: Mapping[str, Plan],
    plan_of: Places,
    parameters: tuple[Rows, Places],
    starts: tuple[Rows, Places],
    combine: str,
) -> pd.DataFrame:
    columns: dict[str, Any] = {}
    if list(plans) != [""]:
        columns["regimen"] = pd.Categorical.from_codes(plan_of, categories=list(plans))  # type: ignore[call-overload]
    for (rows, place), name in ((parameters, "parameters"), (starts, "start")):
        if len(rows) > 1 and combine == "product":
            columns[name] = place
        for label in rows.labels:
            if label not in columns:
                columns[str(label)] = rows.labels[label].to_numpy()[place]
    return pd.DataFrame(columns, index=pd.RangeIndex(len(plan_of), name="member"))
