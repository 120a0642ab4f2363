"""A cohort of virtual patients: a checked table with units that can be saved, read again and simulated."""

from __future__ import annotations

import importlib.util
import json
import os
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from pkpd_mdr.arguments import COUNT, Kind, saved, takes
from pkpd_mdr.errors import DataError, did_you_mean, shown
from pkpd_mdr.model import Model
from pkpd_mdr.regimen import Regimen
from pkpd_mdr.run.many import parameter_slots, read_rows
from pkpd_mdr.units import DIMENSIONLESS, Quantity, Unit, split_header

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["PATIENT", "Cohort", "read_patients"]

PATIENT = "patient"
"""Name of the index of a cohort's tables."""

_SHARES = (0.05, 0.5, 0.95)
_WHAT = "the cohort"
_MODEL = Kind.of(Model, words="a model; build one with Model(...)")
_PATH = Kind("the path of a file; write for example 'cohort.csv'", lambda given: isinstance(given, (str, os.PathLike)))


@dataclass(frozen=True, eq=False)
class Cohort:
    """Virtual patients: one row a patient; made by `pkpd_mdr.patients` or read by `pkpd_mdr.read_patients`.

    It stands for ``parameters=`` in `pkpd_mdr.compare`, `pkpd_mdr.simulate_many` (``id="patient"`` keeps the names) and
    as a belief of `pkpd_mdr.look_ahead`.

    Attributes
    ----------
    table : DataFrame
        One row a patient, one column a parameter of the model or a covariate; numbers in `units`. The index is
        ``patient``.
    units : mapping of str to str
        By column.
    parameters : tuple of str
        Columns that are parameters of the model; the others are covariates.
    seed : int or None
        None for a table that was not drawn here.
    acceptance : float
        Share of the drawn patients that kept all bounds and constraints.
    notes : tuple of str
        What a reader has to know.
    """

    table: pd.DataFrame
    units: Mapping[str, str]
    parameters: tuple[str, ...]
    seed: int | None = None
    acceptance: float = 1.0
    notes: tuple[str, ...] = field(default=())

    def __len__(self) -> int:
        return len(self.table)

    @property
    def frame(self) -> pd.DataFrame:
        """The parameters, with their units in the headers: ``"CL_dox [L/h]"``."""
        return self._headed(self.parameters)

    @property
    def covariates(self) -> pd.DataFrame:
        """Everything that is no parameter, with units in the headers."""
        return self._headed([name for name in self.table.columns if name not in self.parameters])

    def _headed(self, names: Iterable[str]) -> pd.DataFrame:
        return self.table[list(names)].rename(columns=self._header)

    def _header(self, name: str) -> str:
        return f"{name} [{self.units[name]}]" if self.units[name] else name

    def __getitem__(self, name: str) -> pd.Series[Any]:
        if name not in self.table:
            raise DataError(f"the cohort has no column {shown(name)}{did_you_mean(name, map(str, self.table.columns))}")
        return self.table[name]

    def summary(self) -> pd.DataFrame:
        """Unit, mean, standard deviation and quantiles (5, 50 and 95 %) of each column."""
        values = self.table.to_numpy(dtype=float)
        columns: dict[str, Any] = {
            "unit": [self.units[name] for name in self.table.columns],
            "mean": values.mean(axis=0),
            "sd": values.std(axis=0, ddof=1) if len(values) > 1 else np.zeros(values.shape[1]),
        }
        found = np.quantile(values, _SHARES, axis=0)
        columns |= {f"{share:.0%}": row for share, row in zip(_SHARES, found, strict=True)}
        return pd.DataFrame(columns, index=self.table.columns)

    def correlations(self) -> pd.DataFrame:
        """Spearman's rank correlation of every two columns."""
        return self.table.corr(method="spearman")

    def take(self, rows: npt.ArrayLike, *notes: str) -> Cohort:
        """Some of the patients, in the order given and with repeats; they are numbered anew."""
        chosen = self.table.iloc[np.asarray(rows)].reset_index(drop=True)
        return replace(self, table=chosen.rename_axis(PATIENT), notes=(*self.notes, *notes))

    def patient(self, row: int) -> dict[str, Quantity]:
        """One patient: name to quantity.

        Raises
        ------
        DataError
            There is no such row.
        """
        if not (COUNT.fits(row) and 0 <= row < len(self)):
            raise DataError(f"the cohort has {len(self)} patients, counted from 0; there is no patient {shown(row)}")
        values = self.table.iloc[int(row)]
        return {str(name): Quantity(float(values[name]), Unit.of(self.units[name])) for name in self.table.columns}

    def dosed(self, plan: Callable[[dict[str, Quantity]], Regimen]) -> list[Regimen]:
        """A regimen for each patient, such as a dose by weight or body surface.

        A list of regimens goes row by row with the cohort in ``simulate_many(..., combine="rows")``. `compare` gives
        all patients of an arm the same regimen; there, let a formula scale a bioavailability instead.

        Parameters
        ----------
        plan : callable
            From a patient (name to quantity) to what that patient is given.

        Returns
        -------
        list of Regimen

        Raises
        ------
        DataError
            `plan` gives something else than a regimen.

        Examples
        --------
        >>> import pkpd_mdr as mdr
        >>> cohort = Cohort(pd.DataFrame({"WT": [60.0, 80.0]}), {"WT": "kg"}, ())
        >>> plans = cohort.dosed(lambda patient: mdr.bolus("dox", "2 mg/kg", weight=patient["WT"]))
        >>> [str(plan.acts[0].amount) for plan in plans]
        ['120 mg', '160 mg']
        """
        found = [plan(self.patient(row)) for row in range(len(self))]
        for row, regimen in enumerate(found):
            if not isinstance(regimen, Regimen):
                raise DataError(f"dosed(): patient {row} is given {shown(regimen)}; return a regimen, or nothing()")
        return found

    def plot(self, x: str | None = None, y: str | None = None, *, ax: Axes | None = None, **options: Any) -> Axes:
        """Draw how patients spread in all columns, in one, or in two together; see `pkpd_mdr.plot.cohort`."""
        from pkpd_mdr.plot.cohort import plot_cohort

        return plot_cohort(self, x, y, ax=ax, **options)

    # -- files -----------------------------------------------------------------------------------------

    def to_csv(self, path: str | os.PathLike[str]) -> Path:
        """Save as text with units in the headers; what else belongs to the cohort goes into ``<path>.json``.

        Numbers are written so that reading gives the same ones to the last bit.

        Returns
        -------
        Path

        Raises
        ------
        DataError
            The file cannot be written, as where there is no folder for it.
        """
        return saved(path, lambda file: self._save(self._headed(self.table.columns).to_csv, file), DataError, _WHAT)

    def to_parquet(self, path: str | os.PathLike[str]) -> Path:
        """Save as Parquet (needs pyarrow), as `to_csv` does.

        Raises
        ------
        DataError
            pyarrow is not installed, or the file cannot be written.
        """
        _needs_pyarrow()
        return saved(path, lambda file: self._save(self._headed(self.table.columns).to_parquet, file), DataError, _WHAT)

    def _save(self, write: Callable[[Path], object], file: Path) -> None:
        write(file)
        told = {
            "parameters": list(self.parameters),
            "units": dict(self.units),
            "seed": self.seed,
            "acceptance": self.acceptance,
            "notes": list(self.notes),
        }
        Path(f"{file}.json").write_text(json.dumps(told, indent=1), encoding="utf-8")

    def __repr__(self) -> str:
        told = [f"{name} [{self.units[name] or 1}]" for name in map(str, self.table.columns)]
        kept = f", {self.acceptance:.3g} of those drawn" if self.acceptance < 1 else ""
        seed = "" if self.seed is None else f" (seed {self.seed}{kept})"
        return "\n  ".join([f"Cohort: {len(self)} patients{seed}: {', '.join(told)}", *self.notes])


def _needs_pyarrow() -> None:
    if importlib.util.find_spec("pyarrow") is None:
        raise DataError("Parquet needs pyarrow: pip install 'pkpd-mdr[parquet]', or save the cohort as CSV")


@takes(DataError, path=_PATH, model=_MODEL)
def read_patients(path: str | os.PathLike[str], model: Model) -> Cohort:
    """Read a cohort from CSV or Parquet, checked against a model.

    Columns that are parameters of the model are parameters, with the unit of the header or, without one, of the model;
    the others are covariates.

    Parameters
    ----------
    path : path
        ``.parquet`` is read with pyarrow, anything else as CSV. A file ``<path>.json`` beside it tells seed and notes.
    model : Model

    Returns
    -------
    Cohort

    Raises
    ------
    DataError
        There is no such file, no row, a column that is there twice, or a value that is missing, no number, or out of
        the bounds of its parameter; row and column are named.
    UnitError
        A header with a unit of another kind than the parameter's.

    Examples
    --------
    >>> import tempfile
    >>> import pkpd_mdr as mdr
    >>> from pkpd_mdr import distributions as dist
    >>> model = mdr.Model(mdr.pk.one_compartment("dox", CL="5 L/h", V="20 L"))
    >>> cohort = mdr.patients(model, 20, {"CL_dox": dist.lognormal("5 L/h", cv=0.3)}, seed=1)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     same = mdr.read_patients(cohort.to_csv(f"{folder}/patients.csv"), model)
    >>> same["CL_dox"].equals(cohort["CL_dox"])
    True
    """
    file = Path(path)
    if not _exists(file):
        raise DataError(f"there is no file {shown(str(path))}; write the path of a table that a cohort was saved to")
    frame = _read(file)
    heads = [split_header(str(header)) for header in frame.columns]
    names = [name for name, _ in heads]
    for name in names:
        if names.count(name) > 1:
            raise DataError(f"{file.name} has the column {shown(name)} twice; leave one of them out")
    parameters = tuple(name for name in names if name in model.parameters)
    if frame.index.name != PATIENT and PATIENT in names:
        frame = frame.set_index(PATIENT)
        heads = [head for head in heads if head[0] != PATIENT]
        names.remove(PATIENT)
    _check(frame, names, parameters, model, file.name)
    units = {
        name: (model.parameters[name].unit if name in parameters and unit is None else unit or DIMENSIONLESS).text
        for name, unit in heads
    }
    table = pd.DataFrame(frame.to_numpy(dtype=float), columns=names, index=frame.index.rename(PATIENT))
    told = _described(file)
    return Cohort(table, units, parameters, told.get("seed"), told.get("acceptance", 1.0), tuple(told.get("notes", ())))


def _exists(file: Path) -> bool:
    try:
        return file.is_file()
    except (OSError, ValueError):  # a name that no file can have
        return False


def _read(file: Path) -> pd.DataFrame:
    try:
        if file.suffix == ".parquet":
            _needs_pyarrow()
            return pd.read_parquet(file)
        return _numbers(pd.read_csv(file, dtype=str))
    except DataError:
        raise
    except Exception as problem:  # pandas and pyarrow raise many kinds; each means that this is no table
        raise DataError(f"{file.name} cannot be read as a table: {problem}") from problem


def _numbers(texts: pd.DataFrame) -> pd.DataFrame:
    """Columns of numbers as numbers, to the last bit, which pandas' own reader does not promise in all its versions."""
    for place in range(texts.shape[1]):
        try:
            numbers = texts.iloc[:, place].astype(object).astype(float)
        except ValueError:  # some other column, or one with a value to complain about
            continue
        texts.isetitem(place, numbers.to_numpy())
    return texts


def _described(file: Path) -> dict[str, Any]:
    beside = Path(f"{file}.json")
    if not beside.is_file():
        return {}
    try:
        told = json.loads(beside.read_text(encoding="utf-8"))
    except ValueError as problem:
        raise DataError(f"{beside.name} is no JSON ({problem}); delete it or save the cohort again") from problem
    return told if isinstance(told, dict) else {}


def _check(frame: pd.DataFrame, names: list[str], parameters: tuple[str, ...], model: Model, where: str) -> None:
    """Every cell is a number that its parameter allows."""
    if not len(frame):
        raise DataError(f"{where} has no row; a cohort has at least one patient")
    for name, header in zip(names, frame.columns, strict=True):
        if name not in parameters:
            values = pd.to_numeric(frame[header], errors="coerce").to_numpy(dtype=float)
            wrong = np.flatnonzero(~np.isfinite(values))
            if len(wrong):
                cell = frame[header].iloc[int(wrong[0])]
                raise DataError(f"row {int(wrong[0])} of {where}: {shown(name)} is {shown(cell)}, not a finite number")
    if parameters:
        chosen = [header for name, header in zip(names, frame.columns, strict=True) if name in parameters]
        rows = read_rows(frame[chosen], parameter_slots(model), what=where, item="parameter")
        for sentence in rows.faults.values():
            raise DataError(sentence)
