"""A sheet of a workbook as numbered rows of cells; pandas reads it, with openpyxl."""

from __future__ import annotations

import io
import warnings
import zipfile
import zlib
from collections.abc import Iterator
from itertools import islice
from typing import Any

import pandas as pd

from pkpd_mdr.errors import DataError

__all__ = ["Rows", "is_workbook", "open_workbook"]

Rows = list[tuple[int, list[Any]]]
"""Rows that are not blank: number on the sheet, from 1, and cells; text is stripped, and a blank cell is ``""``."""

_BROKEN = (
    AttributeError, EOFError, IndexError, KeyError, NotImplementedError, OSError, RuntimeError, SyntaxError, TypeError,
    ValueError, zipfile.BadZipFile, zlib.error,
)  # fmt: skip
"""What unpacking and parsing raise about a damaged file."""


def is_workbook(content: bytes) -> bool:
    """Whether the bytes of a file are those of a workbook (or of another zip file)."""
    return content.startswith(b"PK\x03\x04")


def open_workbook(
    content: bytes,
    origin: str,
    *,
    max_bytes: int,
    sheet: str | None = None,
    skip_lines: int = 0,
    last_line: int | None = None,
) -> dict[str, Rows]:
    """Every sheet that holds something, in the order of the workbook; the named one alone where there is such.

    Parameters
    ----------
    content : bytes
        The whole file.
    origin : str
        Its name; opens messages.
    max_bytes : int
        Largest accepted size, unpacked.
    sheet : str, optional
    skip_lines, last_line : int, optional
        Rows at the top that are no part of the table, and the last row that is.

    Raises
    ------
    DataError
        The file is no workbook, too large, or openpyxl is not installed.
    """
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as packed:
            size = sum(part.file_size for part in packed.infolist())
        if size > max_bytes:
            raise DataError(
                f"{origin} has {size} bytes unpacked, more than {max_bytes}; allow it with max_bytes={size}"
            )
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of styles and menus that openpyxl does not keep; cells are not concerned
            with pd.ExcelFile(io.BytesIO(content), engine="openpyxl") as book:
                names: list[int | str] = [sheet] if sheet in book.sheet_names else [*book.sheet_names]
                sheets = book.parse(names, header=None, dtype=object, na_filter=False)
    except ImportError as problem:
        raise DataError(
            f"{origin} is a workbook, which needs openpyxl: pip install 'pkpd-mdr[excel]', or save the sheet as CSV"
        ) from problem
    except _BROKEN as problem:
        raise DataError(
            f"{origin} begins as a workbook (.xlsx), but cannot be read as one ({str(problem)[:80]}); save it "
            "anew, or the sheet as CSV"
        ) from problem
    found = {str(name): list(_records(frame, skip_lines, last_line)) for name, frame in sheets.items()}
    return {name: rows for name, rows in found.items() if rows}


def _records(frame: pd.DataFrame, skip_lines: int, last_line: int | None) -> Iterator[tuple[int, list[Any]]]:
    numbered = enumerate(frame.itertuples(index=False, name=None), start=1)
    for number, row in islice(numbered, skip_lines, last_line):
        cells = [cell.strip() if isinstance(cell, str) else cell for cell in row]
        if any(cell != "" for cell in cells):
            yield number, cells
