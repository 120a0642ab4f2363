"""Raw tables and the way a user names a column: ``"time_h [h]"`` is a name and a unit.

A `RawTable` holds cells as they came and knows how to say where a cell is. Nothing is converted here.
"""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypedDict

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from pkpd_mdr.data.text import decode, parse_text, read_bytes
from pkpd_mdr.errors import DataError, UnitError, did_you_mean, shown
from pkpd_mdr.units import Unit, split_header

__all__ = ["Column", "FileOptions", "RawTable", "find_column", "open_table", "split_reference"]

_BRACKETS = re.compile(r"(.*?)\s*\[([^\[\]]*)\]")
_NUMBER = re.compile(r"[+-]?[0-9]+(?:[.,][0-9]+)?")


class FileOptions(TypedDict, total=False):
    """How a file is opened; every one is found, or has a default, when absent.

    ``separator`` (one character, or ``" "`` for blanks), ``encoding``, ``skip_lines`` before the header,
    ``max_rows`` (1e6) and ``max_bytes`` (1e8), the largest table accepted.
    """

    separator: str | None
    encoding: str | None
    skip_lines: int
    max_rows: int
    max_bytes: int


@dataclass(frozen=True, slots=True)
class RawTable:
    """Cells as they came, with the place of each row.

    Parameters
    ----------
    origin : str
        File name, or ``"the table"``.
    headers : tuple of str
    columns : tuple of ndarray
        One array of cells for each header.
    rows : ndarray of int
        Line of the file (from 1), or position in the frame (from 0).
    word : str
        ``"line"`` or ``"row"``: what `rows` counts.
    """

    origin: str
    headers: tuple[str, ...]
    columns: tuple[NDArray[Any], ...]
    rows: NDArray[np.int64]
    word: str

    def __len__(self) -> int:
        return len(self.rows)

    def take(self, mask: NDArray[np.bool_]) -> RawTable:
        """The rows where `mask` is true."""
        return RawTable(self.origin, self.headers, tuple(c[mask] for c in self.columns), self.rows[mask], self.word)

    def place(self, positions: NDArray[Any] | list[int] | int, header: str = "") -> str:
        """Where cells are: ``"counts.csv, column 'dose', lines 3 and 7"``."""
        chosen = np.atleast_1d(np.asarray(positions, dtype=np.int64))
        numbers = [str(self.rows[i]) for i in chosen[:5]]
        more = len(chosen) - len(numbers)
        listed = ", ".join(numbers) + (f" and {more} more" if more else "")
        column = f", column {shown(header)}" if header else ""
        return f"{self.origin}{column}, {self.word}{'s' if len(chosen) > 1 else ''} {listed}"


@dataclass(frozen=True, slots=True)
class Column:
    """A column that was found: its position, its clean name, its header and its unit (None when nobody gave one)."""

    position: int
    name: str
    header: str
    unit: Unit | None = None


def open_table(
    table: str | Path | pd.DataFrame,
    *,
    separator: str | None = None,
    encoding: str | None = None,
    skip_lines: int = 0,
    max_rows: int = 1_000_000,
    max_bytes: int = 100_000_000,
) -> RawTable:
    """Open a text file or take a DataFrame.

    Parameters
    ----------
    table : str, pathlib.Path or pandas.DataFrame
    separator, encoding, skip_lines, max_rows, max_bytes
        See `read_assay`.

    Raises
    ------
    DataError
        The file cannot be read as a table, has no rows, or is larger than allowed.

    Examples
    --------
    >>> import pandas as pd
    >>> open_table(pd.DataFrame({"conc": [0, 1]})).headers
    ('conc',)
    """
    if isinstance(table, pd.DataFrame):
        raw = _from_frame(table, max_rows)
    elif isinstance(table, (str, Path)):
        raw = _from_file(Path(table), separator, encoding, skip_lines, max_rows, max_bytes)
    else:
        raise DataError(f"a table is a path or a pandas DataFrame, not a {type(table).__name__}")
    if len(raw) == 0:
        raise DataError(f"{raw.origin} has no rows; a table needs at least one measurement")
    return raw


def _from_file(
    path: Path, separator: str | None, encoding: str | None, skip_lines: int, max_rows: int, max_bytes: int
) -> RawTable:
    text = decode(read_bytes(path, max_bytes), path.name, encoding)
    headers, rows, lines = parse_text(text, path.name, separator=separator, skip_lines=skip_lines, max_rows=max_rows)
    columns = tuple(np.array(cells, dtype=object) for cells in zip(*rows, strict=True))
    return RawTable(path.name, tuple(headers), columns, np.array(lines, dtype=np.int64), "line")


def _from_frame(frame: pd.DataFrame, max_rows: int) -> RawTable:
    if frame.columns.nlevels > 1:
        raise DataError("the table has several header rows; join them into one name for each column")
    if len(frame) > max_rows:
        raise DataError(f"the table has {len(frame)} rows, more than {max_rows}; allow it with max_rows={len(frame)}")
    keys = [name for name in frame.index.names if name is not None and name not in frame.columns]
    if keys:  # as groupby leaves them
        frame = frame.reset_index(level=keys)
    headers = tuple(str(name).strip() for name in frame.columns)
    columns = tuple(_cells(frame.iloc[:, i], headers[i]) for i in range(len(headers)))
    return RawTable("the table", headers, columns, np.arange(len(frame), dtype=np.int64), "row")


def _cells(series: pd.Series[Any], header: str) -> NDArray[Any]:
    if series.dtype.kind in "mM":
        raise DataError(
            f"the table, column {shown(header)}: holds dates; write times as numbers of hours since the start"
        )
    if isinstance(series.dtype, np.dtype) and series.dtype.kind in "iuf":
        return series.to_numpy()
    return series.to_numpy(dtype=object)


def split_reference(text: str) -> tuple[str, str | None]:
    """Split ``"dose [nM]"`` into name and unit text; the unit is None when there is none.

    Examples
    --------
    >>> split_reference("time_h [h]")
    ('time_h', 'h')
    >>> split_reference("cell_count")
    ('cell_count', None)
    """
    match = _BRACKETS.fullmatch(text.strip())
    return (match[1].strip(), match[2].strip()) if match else (text.strip(), None)


def find_column(table: RawTable, reference: str, what: str, *, needs_unit: str = "") -> Column:
    """Find the column that a reference means.

    Parameters
    ----------
    table : RawTable
    reference : str
        ``"name"``, ``"name [unit]"`` or the header exactly as it stands in the table.
    what : str
        What the column is for; opens messages.
    needs_unit : str
        An example unit when a unit is required, else empty.

    Raises
    ------
    DataError
        No such column (nearest name shown), or two of that name.
    UnitError
        No unit where one is needed, an unknown one, or two that disagree.

    Examples
    --------
    >>> import pandas as pd
    >>> str(find_column(open_table(pd.DataFrame({"dose (nM)": [1.0]})), "dose", "drug").unit)
    'nM'
    """
    if not isinstance(reference, str):
        raise DataError(f"{what}: a column is named by text such as 'time [h]', not by {shown(reference)}")
    name, unit_text = split_reference(reference)
    position = _position(table, reference.strip(), name, what)
    header = table.headers[position]
    header_name, unit = split_header(header)
    if unit_text is not None and not (header == reference.strip() and unit is None):
        unit = _agreed(unit_text, unit, header, what)
    if unit is None and needs_unit:
        raise UnitError(
            f"{what}: column {shown(header)} has no unit; write it with the name, as in '{name} [{needs_unit}]'"
        )
    return Column(position, header_name if unit is not None or header != name else name, header, unit)


def _position(table: RawTable, reference: str, name: str, what: str) -> int:
    for wanted, known in (
        (reference, table.headers),
        (name, table.headers),
        (name, tuple(split_header(header)[0] for header in table.headers)),
    ):
        found = Counter(known)[wanted] if wanted else 0
        if found == 1:
            return known.index(wanted)
        if found > 1:
            at = " and ".join(str(i + 1) for i, header in enumerate(known) if header == wanted)
            several = f"column {shown(wanted)} {found} times (columns {at})"
            raise DataError(f"{what}: {table.origin} has {several}; rename all but one")
    named = [header for header in table.headers if header]
    hint = did_you_mean(name, named)
    if named and all(_NUMBER.fullmatch(header) for header in named):
        hint = "; its first line holds numbers only: does it have a header?"
    raise DataError(f"{what}: {table.origin} has no column {shown(name)}{hint}")


def _agreed(unit_text: str, unit: Unit | None, header: str, what: str) -> Unit:
    try:
        given = Unit.of(unit_text)
    except UnitError as problem:
        raise UnitError(f"{what}, column {shown(header)}: {problem}") from problem
    if unit is not None and not (given.like(unit) and given.factor == unit.factor):
        raise UnitError(
            f"{what}: column {shown(header)} of the table is in "
            f"{shown(unit.text)} and the argument says {shown(unit_text)}; "
            "make them agree"
        )
    return given
