"""From a file to numbered rows of cells, be it text or a workbook; nothing is taken for a header or a number here."""

from __future__ import annotations

from pathlib import Path
from typing import Any, TypedDict, cast

from pkpd_mdr.arguments import COUNT, TEXT, whole
from pkpd_mdr.data.text import decode, read_bytes, text_records
from pkpd_mdr.data.workbook import Rows, is_workbook, open_workbook
from pkpd_mdr.errors import DataError, did_you_mean, shown

__all__ = ["MOST_ROWS", "FileOptions", "file_options", "open_lines", "open_sheets"]

MOST_ROWS = 1_000_000
_MOST_BYTES = 100_000_000


class FileOptions(TypedDict, total=False):
    """How a table is opened; every one is found, or has a default, when absent.

    ``sheet`` of a workbook (.xlsx, which needs ``pkpd-mdr[excel]``); ``separator`` of text (one character, or ``" "``
    for blanks) and its ``encoding``; ``skip_lines`` before the header and the ``last_line`` of the table, where notes
    stand above and below it; ``max_rows`` (1e6) and ``max_bytes`` (1e8), the largest table accepted. ``thousands`` is
    the mark that groups digits in cells of text: ``","``, ``"."``, ``"'"`` or ``" "``; none when absent.
    """

    sheet: str | None
    separator: str | None
    encoding: str | None
    skip_lines: int
    last_line: int | None
    thousands: str | None
    max_rows: int
    max_bytes: int


_LINES = whole(0, example=3)
_KINDS = {
    "sheet": TEXT, "separator": TEXT, "encoding": TEXT, "skip_lines": _LINES, "last_line": _LINES, "thousands": TEXT,
    "max_rows": COUNT, "max_bytes": COUNT,
}  # fmt: skip


def file_options(given: FileOptions) -> FileOptions:
    """Options that were given, each of its kind; None counts as not given.

    Raises
    ------
    DataError
        An option of another kind.
    """
    found: Any = {name: value for name, value in given.items() if value is not None}
    for name, value in found.items():
        if not _KINDS[name].fits(value):
            raise DataError(f"{name} is {shown(value)}, not {_KINDS[name].words}")
    return cast("FileOptions", found)


def open_sheets(table: str | Path, file: FileOptions) -> tuple[str, str, dict[str, Rows]]:
    """All sheets of a file that hold something; text is one sheet without a name.

    Parameters
    ----------
    table : str or pathlib.Path
    file : FileOptions

    Returns
    -------
    origin : str
        Name of the file.
    word : str
        What the numbers of rows count: ``"line"`` or ``"row"``.
    sheets : dict of str to rows

    Raises
    ------
    DataError
        The file cannot be read, or has no such sheet.
    """
    if not isinstance(table, (str, Path)):
        raise DataError(f"a table is a path or a pandas DataFrame, not a {type(table).__name__}")
    path, file = Path(table), file_options(file)
    most = file.get("max_bytes", _MOST_BYTES)
    content = read_bytes(path, most)
    part: Any = {"skip_lines": file.get("skip_lines", 0), "last_line": file.get("last_line")}
    sheet = file.get("sheet")
    if not is_workbook(content):
        if sheet is not None:
            raise DataError(f"{path.name} is text and has no sheet {shown(sheet)}; leave sheet= out")
        text = decode(content, path.name, file.get("encoding"))
        return path.name, "line", {"": list(text_records(text, path.name, separator=file.get("separator"), **part))}
    sheets = open_workbook(content, path.name, max_bytes=most, sheet=sheet, **part)
    if sheet is None:
        return path.name, "row", sheets
    if sheet not in sheets:
        raise DataError(
            f"{path.name} has no sheet {shown(sheet)} that holds anything{did_you_mean(str(sheet), sheets)}"
        )
    return f"{path.name}, sheet {shown(sheet)}", "row", {sheet: sheets[sheet]}


def open_lines(table: str | Path, file: FileOptions) -> tuple[str, str, Rows]:
    """The rows of a text, of the named sheet, or of the only one; see `open_sheets`.

    Raises
    ------
    DataError
        There are several sheets and none is named.
    """
    origin, word, sheets = open_sheets(table, file)
    if len(sheets) > 1:
        raise DataError(f"{origin} has the sheets {', '.join(map(shown, sheets))}; say which with sheet=")
    return origin, word, next(iter(sheets.values()), [])
