"""Raw tables and the way a user names a column: ``"time_h [h]"`` is a name and a unit.

A `RawTable` holds cells as they came and knows how to say where a cell is. Nothing is converted here.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from numbers import Real
from pathlib import Path
from typing import Any, Unpack

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from pkpd_mdr.data.files import MOST_ROWS, FileOptions, file_options, open_lines
from pkpd_mdr.data.text import shape
from pkpd_mdr.errors import DataError, UnitError, did_you_mean, shown
from pkpd_mdr.units import Unit, split_header

__all__ = [
    "Column", "RawTable", "as_cells", "check_end", "find_column", "is_blank", "open_table",
    "split_reference",
]  # fmt: skip

_BRACKETS = re.compile(r"(.*?)\s*\[([^\[\]]*)\]")
_NUMBER = re.compile(r"[+-]?[0-9]+(?:[.,][0-9]+)?")
_NAMELESS = re.compile(r"(?:Unnamed: [0-9]+)?")  # pandas writes the words where a header is blank


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
    thousands : str
        Mark that groups digits in cells of text; empty for none.
    """

    origin: str
    headers: tuple[str, ...]
    columns: tuple[NDArray[Any], ...]
    rows: NDArray[np.int64]
    word: str
    thousands: str = ""

    def __len__(self) -> int:
        return len(self.rows)

    def take(self, mask: NDArray[np.bool_]) -> RawTable:
        """The rows where `mask` is true."""
        return replace(self, columns=tuple(c[mask] for c in self.columns), rows=self.rows[mask])

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


def open_table(table: str | Path | pd.DataFrame, **options: Unpack[FileOptions]) -> RawTable:
    """Open a text file or a sheet of a workbook, or take a DataFrame.

    Parameters
    ----------
    table : str, pathlib.Path or pandas.DataFrame
    **options
        See `FileOptions`.

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
    file = file_options(options)
    if isinstance(table, pd.DataFrame):
        _check_options(file)
        raw = _from_frame(table, file.get("max_rows", MOST_ROWS))
    else:
        raw = _from_file(table, file)
    if len(raw) == 0:
        raise DataError(f"{raw.origin} has no rows; a table needs at least one measurement")
    check_end(raw)
    return replace(raw, thousands=file.get("thousands") or "")


def _check_options(file: FileOptions) -> None:
    for name in ("sheet", "skip_lines", "last_line"):
        if file.get(name):
            raise DataError(f"{name}= is for files, and the table is a DataFrame; choose its rows with pandas")


def _from_file(table: str | Path, file: FileOptions) -> RawTable:
    origin, word, records = open_lines(table, file)
    headers, rows, lines = shape(records, origin, max_rows=file.get("max_rows", MOST_ROWS), word=word)
    columns = tuple(as_cells(cells) for cells in zip(*rows, strict=True))
    return RawTable(origin, tuple(headers), columns, np.array(lines, dtype=np.int64), word)


def as_cells(cells: Sequence[Any]) -> NDArray[np.object_]:
    """Cells as an array of objects, whatever they are."""
    found = np.empty(len(cells), dtype=object)
    found[:] = cells
    return found


def is_blank(cell: object) -> bool:
    """Whether a cell holds nothing."""
    if isinstance(cell, str):
        return not cell.strip()
    return cell is None or cell is pd.NA or cell is pd.NaT or (isinstance(cell, float) and cell != cell)


def check_end(raw: RawTable) -> None:
    """Refuse notes below the table, which would be taken for a label, or for a curve without values."""
    named = [k for k, header in enumerate(raw.headers) if header]
    first = raw.columns[named[0]] if len(named) > 2 else np.empty(0)
    at = len(raw) - 1
    while at > 0 and len(first) and _is_note(first[at], [column[at] for column in raw.columns]):
        if first[at] in first[:at].tolist():  # the label of other rows, too
            break
        at -= 1
    if at < len(raw) - 1:
        repair = f"last_line={raw.rows[at]}" if raw.origin != "the table" else f"table.iloc[:{at + 1}]"
        raise DataError(
            f"{raw.place(at + 1)}: {shown(first[at + 1])} stands alone in its row; a note below the table is "
            f"left out with {repair}"
        )


def _is_note(first: object, cells: Sequence[object]) -> bool:
    """Whether a row holds several words and nothing else, where the first named column begins."""
    if not isinstance(first, str) or len(first.split()) < 2:
        return False
    return sum(not is_blank(cell) for cell in cells) == 1


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
            f"the table, column {shown(header)}: holds dates; write times as numbers of hours since the start, "
            "for example (t - t.min())/pandas.Timedelta('1h')"
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
    _check_alone(table, position, what)
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
            raise DataError(
                f"{what}: {table.origin} has {several}; rename all but one, or bring replicates below each other with "
                "read_wide"
            )
    named = [header for header in table.headers if header]
    hint = did_you_mean(name, named)
    if named and all(_NUMBER.fullmatch(header) for header in named):
        hint = "; its first line holds numbers only: does it have a header?"
    raise DataError(f"{what}: {table.origin} has no column {shown(name)}{hint}")


def _check_alone(table: RawTable, position: int, what: str) -> None:
    """Refuse a column whose header is that of several, as merged cells leave it: the others would never be read."""
    after = position + 1
    while after < len(table.headers) and _NAMELESS.fullmatch(table.headers[after]):
        after += 1
    others = range(position + 1, after)
    if any(_is_number(cell) for k in others for cell in table.columns[k]):
        raise DataError(
            f"{what}: {table.origin} has {len(others)} columns without a name right of "
            f"{shown(table.headers[position])} (merged cells?); name each, or use read_wide"
        )


def _is_number(cell: object) -> bool:
    if isinstance(cell, str):
        return _NUMBER.fullmatch(cell.strip()) is not None
    return isinstance(cell, Real) and not is_blank(cell)


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
