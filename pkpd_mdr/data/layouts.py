"""Replicates side by side, as Prism has them, brought to one row for each reading."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Unpack

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from pkpd_mdr.arguments import TEXT, TEXTS, takes, whole
from pkpd_mdr.data.cells import numbers, several
from pkpd_mdr.data.columns import Column, RawTable, as_cells, check_end, find_column, is_blank, split_reference
from pkpd_mdr.data.files import FileOptions, file_options, open_lines
from pkpd_mdr.data.workbook import Rows
from pkpd_mdr.errors import DataError, UnitError, shown
from pkpd_mdr.units import Unit, quantity

__all__ = ["cell_text", "frame_rows", "in_unit", "read_wide"]


@takes(DataError, FileOptions, keep=TEXTS, name=TEXT, value=TEXT, header_lines=whole(1, 2, example=2), decimal=TEXT)
def read_wide(
    table: str | Path | pd.DataFrame,
    *,
    keep: str | Sequence[str],
    name: str = "group",
    value: str = "value",
    header_lines: int = 1,
    decimal: str = ".",
    **file: Unpack[FileOptions],
) -> pd.DataFrame:
    """Bring replicates or groups that stand side by side, as in Prism and Excel, to one row for each value.

    Parameters
    ----------
    table : path or DataFrame
        Text, a sheet of a workbook, or a frame that holds its headers as cells (``header=None`` of
        `pandas.read_excel`). A frame with a name of its own for each column is made long by `pandas.melt`.
    keep : str or sequence of str
        Columns that hold no values, such as ``"conc [nM]"``; they stay columns.
    name : str
        What the headers of all other columns say, such as ``"line"``. A blank header counts as the one left of it, as
        merged cells leave it. With a unit, as in ``"time [h]"``, headers are numbers in it, or quantities such as
        ``2 day``.
    value : str
        What the values are, such as ``"viability"``.
    header_lines : {1, 2}
        With 2, the second line names the replicates.
    decimal : {".", ","}
        Decimal mark of the table.
    **file
        `FileOptions`: ``thousands``, ``sheet``, ``skip_lines``, ``last_line``, ``separator``, ``encoding``.

    Returns
    -------
    DataFrame
        Columns of `keep`, `name`, replicate and `value`, for any reader of the library; an empty cell is a missing
        value.

    Raises
    ------
    DataError
        A column of values without a header, no rows, or a value that is no number, with its place.
    UnitError
        A header that is no quantity in the unit of `name`.

    Examples
    --------
    >>> import pandas as pd
    >>> cells = [["nM", "parental", "", "resistant", ""], [0, 1.0, 0.9, 1.1, 1.0], [50, 0.2, 0.3, 0.8, ""]]
    >>> long = read_wide(pd.DataFrame(cells), keep="nM", name="line", value="viability")
    >>> long.head(3).values.tolist()
    [[0.0, 'parental', 1, 1.0], [50.0, 'parental', 1, 0.2], [0.0, 'parental', 2, 0.9]]
    """
    thousands = file_options(file).get("thousands") or ""
    given = frame_rows(table) if isinstance(table, pd.DataFrame) else open_lines(table, file)
    raw, tops = _raw(*given, header_lines, thousands)
    check_end(raw)
    kept = {reference: find_column(raw, reference, "keep") for reference in several(keep)}
    unit = split_reference(name)[1]
    labels = {
        reference if split_reference(reference)[1] else column.header: _numbers_or_text(raw, column, decimal)
        for reference, column in kept.items()
    }
    parts = []
    for position, group, replicate in _groups(raw, tops, {column.position for column in kept.values()}):
        place = f"{raw.origin}, header of column {position + 1}"
        told = group if unit is None else in_unit(group, unit, place, decimal)
        read = _values(raw, Column(position, group, group), decimal)
        parts.append(pd.DataFrame({**labels, name: told, "replicate": replicate, value: read}))
    return pd.concat(parts, ignore_index=True)


def frame_rows(frame: pd.DataFrame) -> tuple[str, str, Rows]:
    """The rows of a frame that holds its headers as cells, as `open_lines` has those of a file.

    Raises
    ------
    DataError
        The headers have become names of columns.
    """
    if [*frame.columns] != [*range(frame.shape[1])]:
        raise DataError(
            "the table has named columns; read it with header=None so that its headers are cells, or give the path"
        )
    rows = [["" if is_blank(cell) else cell for cell in row] for row in frame.itertuples(index=False, name=None)]
    return "the table", "row", [(k, row) for k, row in enumerate(rows) if any(cell != "" for cell in row)]


def cell_text(cell: object) -> str:
    """A cell as the text of a header or a label: whole numbers without a decimal point."""
    if isinstance(cell, (float, np.floating)) and float(cell).is_integer():
        return str(int(cell))
    return str(cell).strip()


def in_unit(text: str, unit: str, place: str, decimal: str) -> float:
    """A number, or a quantity with a unit of its own, as a number in a unit.

    Raises
    ------
    UnitError
        It is neither, or of another dimension.

    Examples
    --------
    >>> in_unit("2 day", "h", "the header", "."), in_unit("0,5", "h", "the header", ",")
    (48.0, 0.5)
    """
    wanted = Unit.of(unit)
    pointed = text.replace(",", ".") if decimal == "," else text
    try:
        return float(quantity(f"{float(pointed):.17g} {unit}", place).value)
    except ValueError:
        found = quantity(pointed, place)
    if found.bare or not found.unit.like(wanted):
        raise UnitError(f"{place}: {shown(text)} is no quantity in {shown(unit)}; write for example '10 {unit}', or 10")
    return found.value if found.unit.text == wanted.text else float(f"{found.internal / wanted.factor:.12g}")


def _raw(origin: str, word: str, lines: Rows, header_lines: int, thousands: str) -> tuple[RawTable, list[list[str]]]:
    """The table below its headers, and the header lines as text."""
    if len(lines) <= header_lines:
        raise DataError(f"{origin} has no rows below its header; a table needs at least one measurement")
    width = max(len(cells) for _, cells in lines)
    even = [[*cells, *[""] * (width - len(cells))] for _, cells in lines]
    tops = [[cell_text(cell) for cell in cells] for cells in even[:header_lines]]
    columns = tuple(as_cells(cells) for cells in zip(*even[header_lines:], strict=True))
    headers = tuple(top or below for top, below in zip(tops[0], tops[-1], strict=True))
    at = np.array([number for number, _ in lines[header_lines:]], dtype=np.int64)
    return RawTable(origin, headers, columns, at, word, thousands), tops


def _groups(raw: RawTable, tops: list[list[str]], kept: set[int]) -> list[tuple[int, str, int | str]]:
    """Position, header and replicate of every column of values."""
    found: list[tuple[int, str, int | str]] = []
    counts: dict[str, int] = {}
    group = ""
    for position in (k for k in range(len(raw.headers)) if k not in kept):
        group = tops[0][position] or group
        if all(is_blank(cell) for cell in raw.columns[position]) and not raw.headers[position]:
            continue
        if not group:
            raise DataError(f"{raw.origin}: column {position + 1} has values but no header; name it")
        counts[group] = counts.get(group, 0) + 1
        found.append((position, group, (len(tops) == 2 and tops[1][position]) or counts[group]))
    if not found:
        raise DataError(f"{raw.origin}: keep= takes every column; name those that hold no values")
    return found


def _numbers_or_text(raw: RawTable, column: Column, decimal: str) -> NDArray[Any]:
    try:
        return numbers(raw, column, decimal=decimal)
    except DataError:  # labels, or numbers that a reader of the long table will refuse with their place
        return raw.columns[column.position]


def _values(raw: RawTable, column: Column, decimal: str) -> NDArray[np.float64]:
    try:
        return numbers(raw, column, decimal=decimal)
    except DataError as problem:
        raise DataError(f"{problem}; a column that holds no values is named in keep=") from problem
