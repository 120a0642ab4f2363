"""From a file or a frame to the rows of a dose table: columns, their roles, cells, without the rules of dosing."""

from __future__ import annotations

import csv
import os
import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from pkpd_mdr.errors import RegimenError, did_you_mean, shown
from pkpd_mdr.regimen.checks import COLUMNS, Row
from pkpd_mdr.units import split_header

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["table_rows"]

_REQUIRED = ("ID", "TIME", "AMT")
_MOST_ROWS = 1_000_000
_MOST_BYTES = 100_000_000
_TITLE = re.compile(r"TABLE NO\.\s*(\d+)")  # above each page that NONMEM's $TABLE writes, header below

Lines = list[tuple[str, list[str]]]


def table_rows(table: pd.DataFrame | str | os.PathLike[str], columns: Mapping[str, str]) -> tuple[list[str], list[Row]]:
    """Header and rows of a dose table.

    Parameters
    ----------
    table : DataFrame or path
        A file may be one that NONMEM wrote: titles (TABLE NO. 1) and repeated headers are left out.
    columns : mapping
        Role to column where names differ.

    Raises
    ------
    RegimenError
        The file cannot be read, a column is missing or there twice, or a row is too short or too long.
    """
    comma = False
    numbered: Iterable[tuple[str, Sequence[object]]]
    if isinstance(table, (str, os.PathLike)):
        header, numbered, comma = _file(table)
    elif hasattr(table, "itertuples"):
        header = [str(name) for name in table.columns]
        numbered = ((f"row {n}", cells) for n, cells in enumerate(table.itertuples(index=False, name=None), start=1))
    else:
        raise RegimenError(f"a dose table is a DataFrame or the path of a csv file, not {type(table).__name__}")
    names = _names(header, columns)
    rows = []
    for where, cells in numbered:
        if len(cells) != len(header):
            raise RegimenError(f"{where} has {len(cells)} cells, but the table has {len(header)} columns")
        rows.append(Row(where, dict(zip(header, cells, strict=True)), names, comma))
        if len(rows) > _MOST_ROWS:
            raise RegimenError(f"the dose table has more than {_MOST_ROWS} rows; split it by subject")
    if not rows:
        raise RegimenError("the dose table has no rows below its header")
    return header, rows


def _file(path: str | os.PathLike[str]) -> tuple[list[str], Lines, bool]:
    try:
        if Path(path).stat().st_size > _MOST_BYTES:
            raise RegimenError(
                f"{shown(os.fspath(path))} is larger than {_MOST_BYTES // 10**6} MB; split it by subject"
            )
        with Path(path).open(encoding="utf-8-sig", newline="") as file:
            first = file.readline()
            paged = _TITLE.match(first.strip()) is not None
            first = file.readline() if paged else first
            mark = next((mark for mark in (";", "\t") if mark in first), ",")
            file.seek(0)
            if first.startswith("PK\x03\x04"):
                raise csv.Error("it is a workbook or a zip file")
            spaced = paged and mark not in first
            reader = csv.reader(file, delimiter=mark)
            numbered = enumerate(map(str.split, file), 1) if spaced else ((reader.line_num, row) for row in reader)
            filled = [(f"line {n}", cells) for n, cells in numbered if any(cell.strip() for cell in cells)]
    except OSError as problem:
        raise RegimenError(f"{shown(os.fspath(path))} cannot be read: {problem.strerror or problem}") from problem
    except (UnicodeDecodeError, csv.Error) as problem:
        raise RegimenError(
            f"{shown(os.fspath(path))} is not a UTF-8 text table ({problem}); save it as CSV in UTF-8, or pass a "
            "workbook as pandas.read_excel(path)"
        ) from problem
    filled = _one_table(filled) if paged else filled
    lines = [(where, cells) for where, cells in filled if not cells[0].startswith("#")]
    if not lines:
        raise RegimenError(f"{shown(os.fspath(path))} is empty; a dose table begins with a line of column names")
    header = [cell.strip() for cell in lines[0][1]]
    _check_header(path, header, filled[: filled.index(lines[0])])
    return header, lines[1:], mark == ";"


def _one_table(filled: Lines) -> Lines:
    """The pages of a table as NONMEM writes it, one below the other; each repeats title and header."""
    kept: Lines = []
    number, below = "", False
    for where, cells in filled:
        title = _TITLE.match(" ".join(cells).strip())
        if title is not None:
            if number not in ("", title[1]):
                raise RegimenError(f"{where}: table {title[1]} begins below table {number}; keep one table in a file")
            number, below = title[1], True
            continue
        if not (below and kept):
            kept.append((where, cells))
        elif cells != kept[0][1]:
            raise RegimenError(
                f"{where}: this page has other columns than the first, {shown(cells)} for {shown(kept[0][1])}; keep "
                "one table in a file"
            )
        below = False
    return kept


def _check_header(path: str | os.PathLike[str], header: list[str], comments: Sequence[tuple[str, list[str]]]) -> None:
    """Refuse a header whose columns stand in one cell, and one that was left out as a comment."""
    if len(header) == 1 and _roles(words := header[0].split()):
        raise RegimenError(
            f"the columns of {shown(os.fspath(path))} seem to be separated by spaces ({shown(words)}); pass "
            "pandas.read_csv(path, sep=r'\\s+')"
        )
    for where, cells in comments if not _roles(header) else ():
        if _roles(" ".join(cells).lstrip("# ").split()) > 1:
            raise RegimenError(
                f"{where} of {shown(os.fspath(path))} begins with # and is left out as a comment, but names columns; "
                "remove the # from the header"
            )


def _roles(names: Iterable[str]) -> int:
    return sum(name.upper() in COLUMNS for name in names)


def _names(header: Sequence[str], columns: Mapping[str, str]) -> dict[str, str]:
    """Table column of each role."""
    folded: dict[str, str] = {}
    for name in header:
        if name.casefold() in folded:
            raise RegimenError(f"the dose table has column {shown(name)} twice (capitals do not count); rename one")
        folded[name.casefold()] = name
    names = {role: folded[role.casefold()] for role in COLUMNS if role.casefold() in folded}
    for role, column in columns.items():
        if role.upper() not in COLUMNS:
            raise RegimenError(f"columns= names the unknown role {shown(role)}{did_you_mean(role, COLUMNS)}")
        if column.casefold() not in folded:
            raise RegimenError(f"the dose table has no column {shown(column)}{did_you_mean(column, header)}")
        names[role.upper()] = folded[column.casefold()]
    for role in _REQUIRED:
        if role not in names:
            others = [column for column in header if column not in names.values()]
            raise RegimenError(f"the dose table has no column {role}{_other(role, others) if others else ''}")
    return names


def _other(role: str, others: Sequence[str]) -> str:
    """End of the refusal: how to name another column for a role."""
    for column in others:
        name, unit = split_header(column)
        if unit is not None and name.casefold() == role.casefold():
            more = f", time_unit={unit.text!r}" if role == "TIME" else ""
            return f"; say that {shown(column)} is it with columns={{{role!r}: {column!r}}}{more}"
    return f"{did_you_mean(role, others)} (columns={{{role!r}: ...}} names it)"
