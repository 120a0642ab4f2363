"""`read_plate`: grids of wells, letters beside their rows and numbers above, become one row for each well."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Unpack

import numpy as np
import pandas as pd

from pkpd_mdr.arguments import TEXT, TEXTS, takes
from pkpd_mdr.data.cells import numbers, several
from pkpd_mdr.data.columns import Column, RawTable, as_cells, is_blank, split_reference
from pkpd_mdr.data.files import FileOptions, file_options, open_sheets
from pkpd_mdr.data.layouts import cell_text, frame_rows, in_unit
from pkpd_mdr.data.workbook import Rows
from pkpd_mdr.errors import DataError, did_you_mean, shown

__all__ = ["read_plate"]

_LETTERS = re.compile(r"[A-Z]{1,2}")
_NUMBER = re.compile(r"[1-9][0-9]?")
_OWN = ("plate", "well", "row", "column")


@dataclass(frozen=True, slots=True)
class _Grid:
    """Wells by (letter, number), where the grid stands, and the names that it can be called by."""

    origin: str
    titles: tuple[str, ...]
    wells: Mapping[tuple[str, int], Any]


@takes(DataError, FileOptions, decimal=TEXT)
def read_plate(
    table: str | Path | pd.DataFrame,
    grids: str | Mapping[str, str | Sequence[str]],
    *,
    decimal: str = ".",
    **file: Unpack[FileOptions],
) -> pd.DataFrame:
    """Read plates that stand as grids in a file, readings and layouts alike, as one row for each well.

    A grid has letters beside its rows (A to H) and numbers above its columns (1 to 12), of a whole plate or a part of
    it. It is found wherever it stands, and is called by the text above it or in its corner, or by its sheet.

    Parameters
    ----------
    table : path or DataFrame
        A workbook, text, or a frame that holds all its lines as cells (``header=None`` of `pandas.read_excel`).
    grids : mapping, or str
        Column = title or sheet of its grid: ``{"signal": "Day 3", "dox [nM]": "Doses", "line": "Lines"}``. Several
        titles are several plates, ``{"signal": ["Day 0", "Day 3"], ...}``; a layout with one title holds for all. A
        name alone takes the only grid there is. In a column with a unit, wells are numbers in it, or quantities such as
        ``1 uM``.
    decimal : {".", ","}
        Decimal mark of the table.
    **file
        `FileOptions`: ``thousands``, ``sheet``, ``skip_lines``, ``last_line``, ``separator``, ``encoding``.

    Returns
    -------
    DataFrame
        Columns plate (what the first grid was called by), well (``"B3"``), row, column, and those of `grids`. Numbers
        where all wells of a column are such, else text. Wells that are empty in every grid are left out; a well that is
        empty in one has a missing value there, and ``dropna(subset=...)`` leaves such wells out.

    Raises
    ------
    DataError
        No grid, none of that title or several, or unequal numbers of plates.
    UnitError
        A well that is no quantity in the unit of its column.

    Examples
    --------
    >>> import pandas as pd
    >>> lines = [["signal", 1, 2], ["A", 900, 850], ["B", 420, 400], ["", "", ""]]
    >>> lines += [["dox", 1, 2], ["A", 0, 0], ["B", "0.1 uM", "0.1 uM"]]
    >>> wells = read_plate(pd.DataFrame(lines), {"signal": "signal", "dox [nM]": "dox"})
    >>> wells[["well", "signal", "dox [nM]"]].values.tolist()
    [['A1', 900.0, 0.0], ['A2', 850.0, 0.0], ['B1', 420.0, 100.0], ['B2', 400.0, 100.0]]
    """
    thousands = file_options(file).get("thousands") or ""
    if isinstance(table, pd.DataFrame):
        origin, _, rows = frame_rows(table)
        sheets = {"": rows}
    else:
        origin, _, sheets = open_sheets(table, file)
    known = [grid for sheet, rows in sheets.items() for grid in _grids_of(sheet, rows, origin)]
    if not known:
        raise DataError(
            f"{origin} has no grid of wells: letters beside its rows (A, B, ...) and numbers above (1, 2, ...)"
        )
    chosen = _chosen(grids, known, origin)
    plates = [_plate(chosen, k) for k in range(max(map(len, chosen.values())))]
    found = pd.concat(plates, ignore_index=True)
    for name in chosen:
        found[name] = _column(found, name, origin, decimal, thousands)
    return found


def _grids_of(sheet: str, rows: Rows, origin: str) -> list[_Grid]:
    """The grids of one sheet; where there is one alone, it can be called by the name of the sheet, too."""
    found = list(_grids(rows))
    place = f"{origin}, sheet {shown(sheet)}" if sheet else origin
    alone = (sheet,) if sheet and len(found) == 1 else ()
    return [_Grid(place, tuple(dict.fromkeys((*titles, *alone))), wells) for titles, wells in found]


def _grids(rows: Rows) -> Iterator[tuple[tuple[str, ...], dict[tuple[str, int], Any]]]:
    cells = [[("" if is_blank(cell) else cell_text(cell)) for cell in row] for _, row in rows]
    taken: set[tuple[int, int]] = set()
    for i, line in enumerate(cells):
        for left, numbered in _runs(line):
            letters = _letters([row[left] if left < len(row) else "" for row in cells[i + 1 :]])
            if (i, left) in taken or not letters:
                continue
            taken.update((i + 1 + k, left) for k in range(len(letters)))
            wells = {
                (letter, number): rows[i + 1 + k][1][left + 1 + j]
                for k, letter in enumerate(letters)
                for j, number in enumerate(numbered)
                if left + 1 + j < len(rows[i + 1 + k][1]) and not is_blank(rows[i + 1 + k][1][left + 1 + j])
            }
            above = [] if i == 0 or (i - 1, left) in taken else cells[i - 1]
            yield _titles(line[left], above, left), wells


def _runs(line: list[str]) -> Iterator[tuple[int, list[int]]]:
    """Numbers that count upwards, two or more, each run with the position left of it."""
    at = 1
    while at < len(line):
        run: list[int] = []
        while at + len(run) < len(line) and _NUMBER.fullmatch(line[at + len(run)]):
            number = int(line[at + len(run)])
            if run and number != run[-1] + 1:
                break
            run.append(number)
        if len(run) > 1:
            yield at - 1, run
        at += max(len(run), 1)


def _letters(cells: list[str]) -> list[str]:
    """The letters of rows from the first cell on, as long as they count upwards."""
    found: list[str] = []
    for cell in cells:
        if not _LETTERS.fullmatch(cell) or (found and _rank(cell) != _rank(found[-1]) + 1):
            break
        found.append(cell)
    return found


def _rank(letters: str) -> int:
    """A is 1, Z is 26, AA is 27."""
    first, last = (letters[0], letters[1]) if len(letters) == 2 else ("@", letters)
    return 26 * (ord(first) - 64) + ord(last) - 64


def _titles(corner: str, above: list[str], left: int) -> tuple[str, ...]:
    filled = [cell for cell in above if cell]
    near = [cell for cell in above[left : left + 2] if cell]
    found = (corner, *(filled if len(filled) == 1 else near))
    return tuple(title for title in found if re.search(r"\w", title))


def _chosen(grids: str | Mapping[str, str | Sequence[str]], known: list[_Grid], origin: str) -> dict[str, list[_Grid]]:
    """The grids of each column, one or as many as there are plates."""
    if isinstance(grids, str):
        if len(known) > 1:
            raise DataError(f"{origin} has {len(known)} grids ({_names(known)}); write {{{grids!r}: title}}")
        return {grids: known}
    if not isinstance(grids, Mapping) or not grids:
        raise DataError(f"grids = {shown(grids)} names no grid; write for example {{'signal': 'title of its grid'}}")
    for name, titles in grids.items():
        if not TEXTS.fits(titles) or not isinstance(name, str):
            raise DataError(f"grids: {shown(name)} is {shown(titles)}, not the title of a grid or a list of titles")
    if taken := sorted({split_reference(str(name))[0] for name in grids} & set(_OWN)):
        raise DataError(f"grids: {shown(taken[0])} is a column of its own in the result; choose another name")
    found = {str(name): [_called(title, known, origin) for title in several(titles)] for name, titles in grids.items()}
    most = max(map(len, found.values()))
    for name, its in found.items():
        if len(its) not in (1, most) or not its:
            raise DataError(f"grids: {shown(name)} has {len(its)} plates where another has {most}; name one, or {most}")
    return found


def _called(title: str, known: list[_Grid], origin: str) -> _Grid:
    found = [grid for grid in known if title in grid.titles]
    if len(found) == 1:
        return replace(found[0], titles=(title,))
    if found:
        raise DataError(f"{origin} has {len(found)} grids with the title {shown(title)}; give each its own")
    near = did_you_mean(str(title), [name for grid in known for name in grid.titles])
    raise DataError(f"{origin} has no grid with the title {shown(title)}{near or f'; its grids are {_names(known)}'}")


def _names(known: list[_Grid]) -> str:
    return ", ".join(shown(grid.titles[0]) if grid.titles else "one without a title" for grid in known)


def _plate(chosen: Mapping[str, list[_Grid]], k: int) -> pd.DataFrame:
    """The wells of one plate in reading order."""
    its = {name: grids[min(k, len(grids) - 1)] for name, grids in chosen.items()}
    wells = sorted({well for grid in its.values() for well in grid.wells}, key=lambda well: (_rank(well[0]), well[1]))
    titles = next(iter(its.values())).titles
    found: dict[str, object] = {
        "plate": titles[0] if titles else str(k + 1),
        "well": [f"{letter}{number}" for letter, number in wells],
        "row": [letter for letter, _ in wells],
        "column": [number for _, number in wells],
    }
    cells = {name: as_cells([grid.wells.get(well) for well in wells]) for name, grid in its.items()}
    return pd.DataFrame({**found, **cells})


def _column(found: pd.DataFrame, name: str, origin: str, decimal: str, thousands: str) -> Any:
    """The wells of one grid as numbers, where all are such or the name has a unit, else as text."""
    cells = found[name].to_numpy(dtype=object)
    unit = split_reference(name)[1]
    raw = RawTable(origin, (name,), (cells,), np.arange(len(cells), dtype=np.int64), "row", thousands)
    try:
        return numbers(raw, Column(0, name, name), decimal=decimal)
    except DataError:  # quantities, or labels
        if unit is None:
            return as_cells([None if is_blank(cell) else cell_text(cell) for cell in cells])
    places = [
        f"{origin}, {shown(name)}, plate {p}, well {w}" for p, w in zip(found["plate"], found["well"], strict=True)
    ]
    return [
        np.nan if is_blank(cell) else in_unit(cell_text(cell), unit, place, decimal)
        for cell, place in zip(cells, places, strict=True)
    ]
