"""From the bytes of a text table to its header and cells: encoding, separator, lines; no numbers are read here.

What cannot be told for certain (two possible separators, a row with too few fields, a compressed file instead of
text) is refused with its line, because a table that is read wrongly is worse than one that is not read.
"""

from __future__ import annotations

import codecs
import csv
import io
from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path
from typing import Any

from pkpd_mdr.errors import DataError, did_you_mean, shown

__all__ = ["decode", "parse_text", "read_bytes", "shape", "text_records"]

_BOMS = (
    (codecs.BOM_UTF32_LE, "utf-32"),  # before UTF-16, whose mark is its beginning
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_NOT_TEXT = (
    (b"PK\x03\x04", "is a workbook or a zip file, not text"),
    (b"\xd0\xcf\x11\xe0", "is an old or protected Excel workbook; save it as a plain .xlsx, or the sheet as CSV"),
    (b"\x1f\x8b", "is compressed; unpack it first"),
)
_SEPARATORS = (",", ";", "\t", "|")
_SAMPLE = 50


def read_bytes(path: Path, max_bytes: int) -> bytes:
    """Read a whole file, refusing one that is missing or too large.

    Parameters
    ----------
    path : pathlib.Path
        The file.
    max_bytes : int
        Largest accepted size in bytes.

    Raises
    ------
    DataError
        No such file (the nearest name in its folder is shown), or it is too large.
    """
    try:
        if path.is_file() and path.stat().st_size > max_bytes:
            size = path.stat().st_size
            raise DataError(f"{path.name} has {size} bytes, more than {max_bytes}; allow it with max_bytes={size}")
        return path.read_bytes()
    except IsADirectoryError as problem:
        raise DataError(f"{str(path)!r} is a folder; give the path of a table in it") from problem
    except FileNotFoundError as problem:
        siblings = [entry.name for entry in path.parent.iterdir()] if path.parent.is_dir() else []
        near = did_you_mean(path.name, siblings)
        near = near if near.startswith("; did") else "; give the path of a table"
        raise DataError(f"there is no file {str(path)!r}{near}") from problem
    except (OSError, ValueError) as problem:
        reason = getattr(problem, "strerror", None) or problem
        raise DataError(
            f"the file {str(path)[-80:]!r} cannot be opened ({reason}); check path and permission"
        ) from problem


def decode(content: bytes, origin: str, encoding: str | None = None) -> str:
    """Turn bytes into text: byte-order mark, then UTF-8, then the Western code page of Windows.

    Parameters
    ----------
    content : bytes
        The whole file.
    origin : str
        Its name; opens messages.
    encoding : str, optional
        Overrules the search.

    Raises
    ------
    DataError
        The content is not text, or not in the named encoding.

    Examples
    --------
    >>> decode("dose (µM)".encode("latin-1"), "a.csv")
    'dose (µM)'
    """
    for magic, sentence in _NOT_TEXT:
        if content.startswith(magic):
            raise DataError(f"{origin} {sentence}")
    tried = [encoding] if encoding else _encodings(content)
    for name in tried:
        try:
            text = content.decode(name)
        except LookupError as problem:
            raise DataError(f"encoding {shown(name)} is not known; write for example 'utf-8' or 'latin-1'") from problem
        except UnicodeError:
            continue
        if "\x00" in text:
            break
        return text.removeprefix("\ufeff")
    raise DataError(f"{origin} is not text in {' or '.join(map(repr, tried))}; give encoding=, or save it as UTF-8 CSV")


def _encodings(content: bytes) -> list[str]:
    for mark, name in _BOMS:
        if content.startswith(mark):
            return [name]
    sample = content[:4096]
    if sample.count(0) * 4 > len(sample):  # Latin text in UTF-16 has a zero in every second byte
        return ["utf-16-le" if sample[1::2].count(0) >= sample[::2].count(0) else "utf-16-be"]
    return ["utf-8", "cp1252", "latin-1"]


def parse_text(
    text: str, origin: str, *, separator: str | None = None, skip_lines: int = 0, max_rows: int = 1_000_000
) -> tuple[list[str], list[list[str]], list[int]]:
    r"""Split text into a header, rows of stripped cells and the line number of each row.

    Blank lines are passed over; line numbers are those of an editor, starting at 1.

    Parameters
    ----------
    text : str
        The decoded table.
    origin : str
        Its name; opens messages.
    separator : str, optional
        One character, or ``" "`` for any run of blanks; found from the header when absent.
    skip_lines : int
        Lines before the header that are not part of the table.
    max_rows : int
        Most rows accepted.

    Returns
    -------
    headers : list of str
    rows : list of list of str
        Each as long as `headers`.
    lines : list of int

    Raises
    ------
    DataError
        Empty text, an uneven row, an open quote, an unclear separator, or too many rows.

    Examples
    --------
    >>> parse_text("time;value\n0;1,5\n", "a.csv")
    (['time', 'value'], [['0', '1,5']], [2])
    """
    return shape(text_records(text, origin, separator=separator, skip_lines=skip_lines), origin, max_rows=max_rows)


def text_records(
    text: str, origin: str, *, separator: str | None = None, skip_lines: int = 0, last_line: int | None = None
) -> Iterator[tuple[int, list[str]]]:
    r"""The lines of a text that are not blank, each with its number and its stripped cells.

    Examples
    --------
    >>> list(text_records("plate 7\n\ntime;value\n0;1,5\n", "a.csv", skip_lines=1))
    [(3, ['time', 'value']), (4, ['0', '1,5'])]
    """
    text = "".join(islice(io.StringIO(text, newline=""), last_line))
    if separator is None:
        separator, skip_lines = _separator(text, origin, skip_lines)
    return _records(text, separator, origin, skip_lines)


def shape(
    records: Iterable[tuple[int, list[Any]]], origin: str, *, max_rows: int = 1_000_000, word: str = "line"
) -> tuple[list[str], list[list[Any]], list[int]]:
    """A header, even rows and their numbers; see `parse_text`.

    Parameters
    ----------
    records : iterable of (number, cells)
    origin : str
    max_rows : int
    word : str
        What the numbers count.
    """
    numbered = iter(records)
    top, first = next(numbered, (0, []))
    headers = [str(name).strip() for name in first]
    while headers and not headers[-1]:  # Excel pads the header too; a cell below it belongs to no column
        headers.pop()
    if not headers:
        raise DataError(f"{origin} is empty; a table needs a header line and at least one row")
    rows: list[list[Any]] = []
    lines: list[int] = []
    for line, cells in numbered:
        if len(rows) >= max_rows:
            raise DataError(f"{origin} has more than {max_rows} rows ({word} {line}); allow it with max_rows=")
        rows.append(_even(cells, headers, origin, word, (top, line, lines[-1] if lines else top)))
        lines.append(line)
    return headers, rows, lines


def _records(text: str, separator: str, origin: str, skip_lines: int) -> Iterator[tuple[int, list[str]]]:
    """Non-blank records with their line number."""
    stream = io.StringIO(text, newline="")
    for _ in range(skip_lines):
        next(stream, "")
    if separator == " ":
        for number, words in enumerate(stream, start=skip_lines + 1):
            if words.strip():
                yield number, words.split()
        return
    try:
        reader = csv.reader(stream, delimiter=separator, strict=True, skipinitialspace=separator != "\t")
    except TypeError as problem:
        raise DataError(
            f"separator {shown(separator)} is not one character; write for example ';' or '\\t'"
        ) from problem
    try:
        for record in reader:
            cells = [cell.strip() for cell in record]
            if any(cells):
                yield skip_lines + reader.line_num, cells
    except csv.Error as problem:
        line = skip_lines + reader.line_num
        raise DataError(f"{origin}, line {line}: {problem}; check the quotes of this line") from problem


def _even(cells: list[Any], headers: list[str], origin: str, word: str, at: tuple[int, int, int]) -> list[Any]:
    """A row as wide as the header; `at` numbers the header, this row and the one before."""
    top, line, before = at
    width = len(headers)
    if len(cells) > width and all(cell == "" for cell in cells[width:]):  # Excel pads with empty fields
        return cells[:width]
    if len(cells) != width:
        text = word == "line"
        repair = "give the separator, or quote numbers that hold a comma" if text else "name every column"
        if width == 1:
            repair = f"{word} {top}, {shown(headers[0])}, was taken as the header: say skip_lines={top}"
            repair += ", or the separator" if text else ""
        elif len(cells) == 1 and before > top:
            repair = f"where notes stand below the table, leave them out with last_line={before}"
        elif len(cells) > width:
            repair += "; where cells of the header are merged, use read_wide"
        raise DataError(f"{origin}, {word} {line}: {len(cells)} fields where the header has {width}; {repair}")
    return cells


def _separator(text: str, origin: str, skip_lines: int) -> tuple[str, int]:
    """The separator and how many lines stand before the header."""
    stream = io.StringIO(text, newline="")
    for _ in range(skip_lines):
        next(stream, "")
    first = next(stream, "").rstrip("\r\n").strip('"')
    if len(first) == 5 and first.lower().startswith("sep="):  # written by Excel for itself
        return first[4], skip_lines + 1
    widths = {mark: _widths(text, mark, skip_lines) for mark in _SEPARATORS}
    splitting = [mark for mark in _SEPARATORS if widths[mark] and widths[mark][0] > 1]
    if len(splitting) < 2:
        return (splitting or [","])[0], skip_lines
    even = [mark for mark in splitting if len(set(widths[mark])) == 1]
    if len(even) != 1:
        shown = " or ".join(repr(mark) for mark in even or splitting)
        raise DataError(f"{origin}: the separator may be {shown}; say which with separator=")
    return even[0], skip_lines


def _widths(text: str, separator: str, skip_lines: int) -> list[int]:
    widths = []
    try:
        for _, cells in _records(text, separator, "", skip_lines):
            while len(cells) > 1 and not cells[-1]:
                cells.pop()
            widths.append(len(cells))
            if len(widths) == _SAMPLE:
                break
    except DataError:  # a quote that is only wrong under this separator
        return []
    return widths
