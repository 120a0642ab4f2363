"""From a table of wells to a combination: doses of every drug, cells of equal doses, and what had to be left out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd

from pkpd_mdr.data import Data
from pkpd_mdr.data.cells import labels, numbers
from pkpd_mdr.data.columns import RawTable, find_column
from pkpd_mdr.data.files import FileOptions
from pkpd_mdr.errors import DataError, shown
from pkpd_mdr.response.reading import check_doses, opened
from pkpd_mdr.response.scales import SCALES, check_scale

__all__ = ["Wells", "read_wells"]

FloatArray = npt.NDArray[np.float64]
IndexArray = npt.NDArray[np.int64]
BoolArray = npt.NDArray[np.bool_]
_TAKEN = (
    *("combination", "model", "n", "observed", "expected", "excess", "lower", "upper", "combination_index", "state"),
    *("level", "share"),
)


@dataclass(frozen=True, eq=False)
class Wells:
    """The wells of one combination, sorted into cells of equal doses.

    Attributes
    ----------
    label : str
        Entries of the columns in `by`; "" without any.
    drugs, units : tuple of str
    cells : ndarray, shape (cells, drugs)
        Doses of each cell, in ascending order.
    cell : ndarray of int, shape (wells,)
        Which cell a well stands in.
    y : ndarray, shape (wells,)
        Responses on the declared scale.
    n : ndarray of int, shape (cells,)
        Replicates of each cell.
    notes : list of str
        What was left out or looks odd.
    """

    label: str
    drugs: tuple[str, ...]
    units: tuple[str, ...]
    cells: FloatArray
    cell: IndexArray
    y: FloatArray
    n: IndexArray
    scale: str | None
    response: str
    origin: str
    notes: list[str] = field(default_factory=list)

    @property
    def mixed(self) -> BoolArray:
        """Cells with at least two drugs, shape (cells,)."""
        return np.asarray((self.cells > 0).sum(axis=1) >= 2)

    @property
    def untreated(self) -> BoolArray:
        """The cell without any drug, shape (cells,)."""
        return np.asarray(~(self.cells > 0).any(axis=1))

    def alone(self, drug: int) -> BoolArray:
        """Cells with this drug only, shape (cells,)."""
        return np.asarray((self.cells[:, drug] > 0) & ((self.cells > 0).sum(axis=1) == 1))

    def centres(self, y: FloatArray, centre: str = "mean") -> FloatArray:
        """Mean or median of each cell for wells of shape (draws, wells); shape (draws, cells)."""
        order = np.argsort(self.cell, kind="stable")
        first = np.concatenate([[0], np.cumsum(self.n)[:-1]])
        if centre == "mean":
            return np.asarray(np.add.reduceat(y[:, order], first, axis=1) / self.n)
        parts = np.split(y[:, order], first[1:], axis=1)
        return np.stack([np.median(part, axis=1) for part in parts], axis=1)

    def text(self, cell: int) -> str:
        """The doses of a cell in words: ``"a 1 nM, b 0.3 nM"``."""
        doses = zip(self.drugs, self.cells[cell], self.units, strict=True)
        return ", ".join(f"{drug} {dose:g}{f' {unit}' if unit else ''}" for drug, dose, unit in doses)


def read_wells(
    table: str | Path | pd.DataFrame | Data,
    *,
    doses: Mapping[str, str],
    response: str,
    by: Sequence[str],
    scale: str | None,
    decimal: str = ".",
    file: FileOptions | None = None,
) -> list[Wells]:
    """Read every combination of a table.

    Parameters
    ----------
    table : path, DataFrame or Data
    doses : mapping
        Column of the dose of each drug, as ``"name"`` or ``"name [unit]"``.
    response : str
    by : sequence of str
    scale : str, optional
    decimal : {".", ","}
    file : FileOptions, optional

    Returns
    -------
    list of Wells
        In the order in which they first appear.

    Raises
    ------
    DataError
        A column is missing or holds no numbers, responses contradict their scale, or no combination has wells of
        every drug alone.
    """
    raw = opened(table, file or {})
    columns = {drug: find_column(raw, reference, f"doses[{drug!r}]") for drug, reference in doses.items()}
    _check_distinct({drug: column.header for drug, column in columns.items()})
    x = np.stack([numbers(raw, column, decimal=decimal) for column in columns.values()], axis=1)
    for k, column in enumerate(columns.values()):
        check_doses(raw, column.header, x[:, k])
    target = find_column(raw, response, "response")
    y = numbers(raw, target, decimal=decimal)
    bad = [(np.isnan(x[:, k]), columns[drug].header, "the dose is missing") for k, drug in enumerate(columns)]
    bad += [(x[:, k] < 0, columns[drug].header, "the dose is negative") for k, drug in enumerate(columns)]
    bad += [(~np.isfinite(x[:, k]), columns[drug].header, "the dose is not finite") for k, drug in enumerate(columns)]
    bad += [(~np.isfinite(y), target.header, "the response is missing")]
    fine = ~np.logical_or.reduce([where for where, _, _ in bad])
    codes, names = _groups(raw, by, decimal)
    top = np.max(np.where(fine[:, None], x, 0.0), axis=0)
    joint = np.where(fine, (x / np.where(top > 0, top, 1.0)).sum(axis=1), 0.0)
    odd = check_scale(raw, target.header, joint, y, fine, scale, codes) if fine.any() else {}
    found, faults = [], []
    units = tuple(column.unit.text if column.unit else "" for column in columns.values())
    for k, name in enumerate(names):
        mine = codes == k
        notes = [f"left out: {raw.place(np.flatnonzero(w & mine), h)}: {why}" for w, h, why in bad if (w & mine).any()]
        notes += odd.get(k, [])
        at = mine & fine
        cells, cell, n = _cells(x[at])
        wells = Wells(name, tuple(columns), units, cells, cell, y[at], n, scale, target.name, raw.origin, _dedup(notes))
        fault = _fault(wells)
        if fault:
            faults.append(f"{name}: {fault}" if name else fault)
        else:
            _doubts(wells)
            found.append(wells)
    if not found:
        raise DataError(f"{raw.origin}: {faults[0]}" if faults else f"{raw.origin} has no rows")
    found[0].notes.extend(f"left out: {fault}" for fault in faults)
    return found


def _check_distinct(headers: Mapping[str, str]) -> None:
    taken = [name for name in headers if not isinstance(name, str) or not name.strip() or name in _TAKEN]
    if taken:
        raise DataError(
            f"doses: {shown(taken[0])} cannot be the name of a drug; names are texts other than {', '.join(_TAKEN)}, "
            "which are columns of the results"
        )
    if len(headers) < 2:
        raise DataError(
            f"doses = {shown(dict(headers))} names {len(headers)} drug; a combination has two or more, "
            "such as doses={'dox': 'dox_nM', 'pac': 'pac_nM'}"
        )
    if len(set(headers.values())) < len(headers):
        raise DataError(f"doses = {shown(dict(headers))} names one column twice; each drug has a column of its own")


def _groups(raw: RawTable, by: Sequence[str], decimal: str) -> tuple[IndexArray, list[str]]:
    if not by:
        return np.zeros(len(raw), dtype=np.int64), [""]
    frame = pd.DataFrame({name: labels(raw, find_column(raw, name, "by"), "by", decimal=decimal) for name in by})
    codes = frame.groupby(list(by), sort=False, dropna=False).ngroup().to_numpy()
    first = frame.drop_duplicates()
    return codes.astype(np.int64), [", ".join(map(str, row)) for row in first.itertuples(index=False)]


def _cells(x: FloatArray) -> tuple[FloatArray, IndexArray, IndexArray]:
    cells, cell, n = np.unique(x, axis=0, return_inverse=True, return_counts=True)
    return cells, np.asarray(cell).reshape(-1).astype(np.int64), n.astype(np.int64)


def _dedup(notes: list[str]) -> list[str]:
    return list(dict.fromkeys(notes))


def _fault(wells: Wells) -> str:
    if not len(wells.y):
        return "no well is left; see the doses and responses"
    for k, drug in enumerate(wells.drugs):
        if not wells.alone(k).any():
            others = ", ".join(other for other in wells.drugs if other != drug)
            return (
                f"no well has {shown(drug)} alone ({drug} > 0 and {others} = 0); an interaction is measured against "
                "the single drugs: add these wells"
            )
    return "" if wells.mixed.any() else "no well has two drugs at once; this is no combination"


def _doubts(wells: Wells) -> None:
    if not wells.untreated.any():
        wells.notes.append("no untreated wells (all doses 0): the response without drugs is extrapolated")
    elif wells.scale is not None:
        seen = float(wells.y[wells.untreated[wells.cell]].mean())
        kind = SCALES[wells.scale]
        if abs(seen - kind.none) > 0.1 * kind.control:
            wells.notes.append(
                f"untreated wells read {seen:.3g}, not {kind.none:g}: Bliss and ZIP take the scale as declared; "
                "normalise=True divides by the untreated wells"
            )
    if len(np.unique(wells.n)) > 1:
        wells.notes.append(f"cells have {wells.n.min()} to {wells.n.max()} replicates: each counts with its own number")
