"""`Data`: checked, tidy measurements with their conditions, units and error information."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from pkpd_mdr import units
from pkpd_mdr.arguments import saved
from pkpd_mdr.data.assemble import merged, tidy
from pkpd_mdr.data.cells import Label, as_list, same_label
from pkpd_mdr.data.conditions import Condition
from pkpd_mdr.data.limits import ABOVE, BELOW
from pkpd_mdr.errors import DataError, did_you_mean, shown
from pkpd_mdr.units import QuantityLike, Unit

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["Data"]


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Data:
    """Measurements, one row each, and the conditions they were made under; never changed in place.

    Made by `read_assay`, `read_events`, `from_frame` or `bundled`. Two data sets are equal when their
    conditions and measurements are, whatever the order of rows and the time unit of their tables.

    Attributes
    ----------
    conditions : tuple of Condition
        Sorted by their labels.
    units : mapping of str to Unit
        The unit of the values of each observable.
    notes : tuple of str
        What was left out while reading, with counts.
    origin : str
        The file, or ``"the table"``.

    Examples
    --------
    >>> import pandas as pd
    >>> from pkpd_mdr.data import read_assay
    >>> frame = pd.DataFrame({"t": [0, 1], "count": [100, 130], "dose": [0, 0]})
    >>> data = read_assay(frame, time="t [day]", value="count [cell]", drug={"dox": "dose [nM]"})
    >>> data.table["time"].tolist()
    [0.0, 24.0]
    """

    conditions: tuple[Condition, ...]
    units: Mapping[str, Unit]
    frame: pd.DataFrame
    notes: tuple[str, ...] = ()
    origin: str = field(default="the table")

    @property
    def table(self) -> pd.DataFrame:
        """The tidy table (a copy), sorted by condition, observable, time and replicate.

        Columns: condition (name), observable, replicate, time (h), value (in the unit of its observable),
        sd (standard deviation of one measurement, NaN when unknown), n (how many measurements the value
        is a mean of), censored (``"below"`` or ``"above"`` where the value is a limit of quantification that the
        measurement was beyond, else empty), source_row, then one column for each label.
        """
        return self.frame.copy()

    def __len__(self) -> int:
        return len(self.frame)

    @property
    def observables(self) -> tuple[str, ...]:
        """Names of what was measured, sorted."""
        return tuple(sorted(self.units))

    @property
    def condition_of_row(self) -> NDArray[np.int64]:
        """For each row of `table` the index of its condition, shape (rows,)."""
        position = {condition.name: condition.index for condition in self.conditions}
        return np.array([position[name] for name in self.frame["condition"]], dtype=np.int64)

    @property
    def standard_errors(self) -> NDArray[np.float64]:
        """Standard error of each value, ``sd / sqrt(n)``, shape (rows,); NaN where no sd is known."""
        sd, n = (np.asarray(self.frame[name], dtype=np.float64) for name in ("sd", "n"))
        return np.asarray(sd / np.sqrt(n))

    @property
    def censored(self) -> NDArray[np.int64]:
        """-1 where the measurement was below the value, +1 where it was above, 0 where it is the value; (rows,)."""
        marks = self.frame["censored"].to_numpy()
        return np.where(marks == BELOW, -1, np.where(marks == ABOVE, 1, 0))

    def value_factor(self, observable: str) -> float:
        """Internal value of one unit of an observable's values.

        Raises
        ------
        DataError
            No such observable; the nearest is shown.
        """
        if observable not in self.units:
            raise DataError(
                f"no observable {shown(observable)} was measured{did_you_mean(observable, self.observables)}"
            )
        return self.units[observable].factor

    def only(self, **labels: object) -> Data:
        """The measurements whose labels are as given.

        Parameters
        ----------
        **labels
            Column name of the table = a value or a list of values; also ``condition=``,
            ``observable=``, ``replicate=`` and the names of covariates.

        Raises
        ------
        DataError
            Unknown label or value (nearest shown), or nothing is left.
        """
        return self._part(self._matching(labels), f"only({_shown(labels)})")

    def without(self, **labels: object) -> Data:
        """All measurements except those that ``only(**labels)`` would keep."""
        return self._part(~self._matching(labels), f"without({_shown(labels)})")

    def between(self, begin: QuantityLike | None = None, end: QuantityLike | None = None) -> Data:
        """The measurements from `begin` to `end`, both included.

        Parameters
        ----------
        begin, end : quantity of time, optional
            Such as ``"24 h"``.

        Raises
        ------
        UnitError
            A time without unit.
        DataError
            Nothing is left.
        """
        times = self.frame["time"].to_numpy(dtype=np.float64)
        first = -np.inf if begin is None else units.read(begin, "h", "the begin of between()")
        last = np.inf if end is None else units.read(end, "h", "the end of between()")
        return self._part((times >= first) & (times <= last), f"between({shown(begin)}, {shown(end)})")

    def _part(self, mask: NDArray[np.bool_], what: str) -> Data:
        if not mask.any():
            raise DataError(f"{what} leaves no measurement of {self.origin}; ask for less")
        codes = self.condition_of_row[mask]
        notes = (*self.notes, f"{what} left out {int((~mask).sum())} of {len(mask)} rows")
        kept = self.frame[mask]
        present = set(kept["observable"])
        conditions, frame = tidy(kept, codes, self.conditions)
        remaining = {name: unit for name, unit in self.units.items() if name in present}
        return Data(conditions, remaining, frame, notes, self.origin)

    def _matching(self, wanted: Mapping[str, object]) -> NDArray[np.bool_]:
        mask = np.ones(len(self), dtype=bool)
        for name, values in wanted.items():
            row_labels = self._row_labels(name)
            known = list(dict.fromkeys(row_labels))
            accepted = {label for value in as_list(values) for label in self._named(name, value, known)}
            mask &= np.fromiter((label in accepted for label in row_labels), dtype=bool, count=len(self))
        return mask

    def _row_labels(self, name: str) -> list[Label | None]:
        if name in ("condition", "observable", "replicate"):
            return list(self.frame[name])
        names = {key for condition in self.conditions for key in (*condition.labels, *condition.covariates)}
        if name not in names:
            raise DataError(f"{self.origin} has no label {shown(name)}{did_you_mean(name, sorted(names))}")
        values = [condition.get(name) for condition in self.conditions]
        return [values[code] for code in self.condition_of_row]

    def _named(self, name: str, value: object, known: Sequence[Label | None]) -> list[Label]:
        found = [label for label in known if label is not None and same_label(label, value)]
        if not found:
            texts = [str(label) for label in known if label is not None]
            raise DataError(f"no measurement has {name} = {shown(value)}{did_you_mean(str(value), texts)}")
        return found

    def mean_of_replicates(self) -> Data:
        """Means over replicates at each condition, observable and time, with their sd and n.

        Returns
        -------
        Data
            ``value`` is the mean, ``sd`` the standard deviation between replicates (NaN for a single
            one), ``n`` their number; so `standard_errors` is the error of the mean.

        Raises
        ------
        DataError
            The values are means already, or some are beyond a limit of quantification.
        """
        if (self.frame["n"] > 1).any():
            raise DataError(f"{self.origin} holds means already (n above 1); use them as they are")
        if self.censored.any():
            raise DataError(
                f"{self.origin} holds {int((self.censored != 0).sum())} values beyond a limit of quantification, "
                "which have no mean; fit the replicates, or read with outside='drop'"
            )
        grouped = self.frame.assign(code=self.condition_of_row).groupby(["code", "observable", "time"], sort=False)
        means = grouped.agg(
            value=("value", "mean"), sd=("value", "std"), n=("value", "size"), source_row=("source_row", "first")
        ).reset_index()
        alone = int((means["n"] == 1).sum())
        notes = (*self.notes, f"{len(means)} means of {len(self)} values") + (
            (f"{alone} of the means rest on one value and have no sd",) if alone else ()
        )
        codes = np.asarray(means["code"], dtype=np.int64)
        conditions, frame = tidy(means.assign(replicate="mean", censored=""), codes, self.conditions)
        return Data(conditions, self.units, frame, notes, self.origin)

    def __and__(self, other: Data) -> Data:
        """Both data sets as one: more conditions, more observables or more times.

        Raises
        ------
        DataError
            An observable has different units, a start value differs, or a measurement is in both.
        """
        if not isinstance(other, Data):
            return NotImplemented
        for name in set(self.units) & set(other.units):
            mine, theirs = self.units[name], other.units[name]
            if not mine.like(theirs) or mine.factor != theirs.factor:
                raise DataError(
                    f"{name} is in {shown(mine.text)} here and in {shown(theirs.text)} there; read both in one unit"
                )
        conditions, frame = merged(
            (self.frame, self.condition_of_row, self.conditions, self.origin),
            (other.frame, other.condition_of_row, other.conditions, other.origin),
        )
        notes = self.notes + tuple(note for note in other.notes if note not in self.notes)
        origin = self.origin if self.origin == other.origin else f"{self.origin} & {other.origin}"
        return Data(conditions, {**other.units, **self.units}, frame, notes, origin)

    merge = __and__

    def summary(self) -> pd.DataFrame:
        """Counts for each condition and observable: rows, times, replicates, first and last time (h)."""
        grouped = self.frame.groupby(["condition", "observable"], sort=False)
        return grouped.agg(
            rows=("value", "size"),
            times=("time", "nunique"),
            replicates=("replicate", "nunique"),
            first=("time", "min"),
            last=("time", "max"),
        ).reset_index()

    def plot(self, *, ax: Axes | None = None, **options: Any) -> Axes:
        """Draw what was measured against time; see `pkpd_mdr.plot.data`."""
        from pkpd_mdr.plot.data import plot_data

        return plot_data(self, ax=ax, **options)

    def to_csv(self, path: str | Path | None = None) -> str:
        """The tidy table as CSV text (point, comma, UTF-8), written to `path` when one is given.

        Raises
        ------
        DataError
            The file cannot be written, as where there is no folder for it.
        """
        frame = self.frame.rename(columns={"time": "time [h]"})
        texts = [self.units[name].text for name in frame["observable"]]
        frame.insert(list(frame.columns).index("value") + 1, "unit", texts)
        text = frame.to_csv(index=False, lineterminator="\n")
        if path is not None:
            saved(path, lambda file: file.write_text(text, encoding="utf-8", newline=""), DataError, "the data")
        return text

    @property
    def content_hash(self) -> str:
        """SHA-256 of conditions and measurements; free of row order, file name and unit of time."""
        digest = hashlib.sha256()
        for condition in self.conditions:
            starts = sorted((name, value.internal) for name, value in condition.starts.items())
            digest.update(repr((condition.identity, starts)).encode())
        measured = [(name, self.units[name].factor, self.units[name].dims) for name in self.observables]
        digest.update(repr(measured).encode())
        digest.update(repr([list(self.frame["observable"]), list(self.frame["replicate"])]).encode())
        digest.update(self.condition_of_row.tobytes())
        for name in ("time", "value", "sd", "n"):
            column = self.frame[name].to_numpy(dtype=np.float64) + 0.0
            digest.update(np.where(np.isnan(column), np.nan, column).tobytes())
        if self.censored.any():
            digest.update(self.censored.tobytes())
        return digest.hexdigest()

    def __eq__(self, other: object) -> bool:
        return self.content_hash == other.content_hash if isinstance(other, Data) else NotImplemented

    def __hash__(self) -> int:
        return hash(self.content_hash)

    def __repr__(self) -> str:
        measured = ", ".join(f"{name} [{self.units[name].text or '1'}]" for name in self.observables)
        times = self.frame["time"]
        head = (
            f"Data: {len(self)} rows, {len(self.conditions)} conditions, {measured}, "
            f"{times.min():g} to {times.max():g} h, from {self.origin}"
        )
        return "\n  ".join((head, *self.notes))

    def _repr_html_(self) -> str:
        from html import escape

        head = "<br>".join(escape(line.strip()) for line in repr(self).splitlines())
        return f"<p>{head}</p>" + self.summary().to_html(index=False, escape=True, max_rows=60)

    def named(self, origin: str) -> Data:
        """The same data under another origin, which opens messages."""
        return replace(self, origin=origin)

    def annotated(self, *notes: str) -> Data:
        """The same data with further notes."""
        return replace(self, notes=(*self.notes, *notes))


def _shown(labels: Mapping[str, Any]) -> str:
    return ", ".join(f"{name}={shown(value)}" for name, value in labels.items())
