"""From cells to numbers and labels, in one strict grammar that no locale changes.

A number is digits with at most one decimal mark and an exponent, and with marks between groups of three digits where
`RawTable.thousands` says which. Percent signs, limits such as ``<5`` and words are refused with their row and column;
they are never guessed.
"""

from __future__ import annotations

import datetime
import math
import re
from collections.abc import Sequence
from numbers import Real
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from pkpd_mdr.arguments import listed
from pkpd_mdr.data.columns import Column, RawTable
from pkpd_mdr.errors import DataError, shown

__all__ = ["Label", "as_list", "check_marks", "labels", "numbers", "same_label", "several"]

Label = str | int | float

_MISSING = frozenset({"", "NA", "N/A", "#N/A", "NaN", "nan", "NAN", "NULL", "null", "None", "."})
_EXPONENT = r"(?:[eE][+-]?[0-9]+)?"
_PLAINLY = {mark: re.compile(rf"[+-]?(?:[0-9]+[{mark}]?[0-9]*|[{mark}][0-9]+)" + _EXPONENT) for mark in ".,"}
_GROUPS = {",": ",", ".": r"\.", "'": "['\u2019]", " ": r"\s"}
_PLAIN = re.compile(r"-?(?:0|[1-9][0-9]{0,14})(?:[.,][0-9]{1,15})?")  # '007' and '1e5' may be names of wells
_GROUPED = re.compile(r"[+-]?[0-9]{1,3}(?:([\s'\u2019])[0-9]{3})+(?:[.,][0-9]+)?")
_MEASURED = re.compile(r"[+-]?[0-9]+(?:[.,][0-9]+)?\s*([^\W\d_]+(?:/[^\W\d_]+)?|%)")


def numbers(table: RawTable, column: Column, *, decimal: str = ".", infinite: bool = False) -> NDArray[np.float64]:
    """Read a column as numbers; a missing cell becomes NaN and is the caller's to judge.

    Parameters
    ----------
    table : RawTable
    column : Column
    decimal : {".", ","}
        Decimal mark of text cells.
    infinite : bool
        Whether numbers that are infinite are the caller's to judge, too; text is none.

    Returns
    -------
    ndarray, shape (rows,)

    Raises
    ------
    DataError
        A cell is no number, or is infinite; its row and column are named.
    """
    cells = table.columns[column.position]
    grouped = check_marks(decimal, table.thousands)
    if cells.dtype.kind in "iuf":
        values = cells.astype(np.float64)
    else:
        values = np.fromiter((_number(cell, decimal, grouped) for cell in cells), dtype=np.float64, count=len(cells))
    wrong = np.flatnonzero(np.isinf(values)).tolist()
    if infinite:
        wrong = [at for at in wrong if not isinstance(cells[at], Real) or isinstance(cells[at], (bool, np.bool_))]
    if wrong:
        at = wrong[0]
        raise DataError(f"{table.place(at, column.header)}: {_complaint(cells[at], decimal, table.thousands)}")
    return values


def check_marks(decimal: str, thousands: str) -> re.Pattern[str] | None:
    """What a number with grouped digits looks like, if digits may be grouped.

    Raises
    ------
    DataError
        Not a decimal mark, not a mark of thousands, or one mark for both.
    """
    if decimal not in (".", ","):
        raise DataError(f"decimal = {shown(decimal)} is not a decimal mark; write '.' or ','")
    if not thousands:
        return None
    if not isinstance(thousands, str) or thousands not in _GROUPS:
        raise DataError(f"thousands = {shown(thousands)} is not possible; write one of {', '.join(map(repr, _GROUPS))}")
    if thousands == decimal:
        other = "," if decimal == "." else "."
        raise DataError(f"thousands = {thousands!r} is the decimal mark, too; say decimal={other!r} with it")
    return re.compile(rf"[+-]?[0-9]{{1,3}}(?:{_GROUPS[thousands]}[0-9]{{3}})+(?:[{decimal}][0-9]*)?")


def _number(cell: object, decimal: str, grouped: re.Pattern[str] | None) -> float:
    """The number in a cell; NaN when missing and infinity when there is none to read."""
    if isinstance(cell, str):
        text = cell.strip()
        if text in _MISSING:
            return math.nan
        if grouped is not None and grouped.fullmatch(text):
            text = _ungrouped(text, decimal)
        return float(text.replace(",", ".")) if _PLAINLY[decimal].fullmatch(text) else math.inf
    if cell is None or cell is pd.NA:
        return math.nan
    if isinstance(cell, (bool, np.bool_)):
        return math.inf
    if isinstance(cell, Real) or type(cell).__name__ == "Decimal":
        return float(cell)  # type: ignore[arg-type]
    return math.inf


def _ungrouped(text: str, decimal: str) -> str:
    return "".join(mark for mark in text if mark.isdigit() or mark in ("+", "-", decimal))


def _complaint(cell: object, decimal: str, thousands: str) -> str:
    text = str(cell).strip()
    if isinstance(cell, (datetime.date, datetime.time, datetime.timedelta)):
        return (
            f"{shown(text)} is a date or a time of day, which Excel makes of entries such as 5.3; correct the cell, or "
            "write times as numbers of hours since the start"
        )
    if isinstance(cell, (Real, bool)) or text.lstrip("+-").lower() in ("inf", "infinity"):
        return f"{shown(text)} is not a finite number; correct the cell or leave it empty"
    if _PLAINLY[decimal].fullmatch(text):
        return f"{shown(text)} is too large for a number; correct the cell"
    if set(text) <= set("0123456789+-.,eE"):
        if thousands and thousands in text:
            return f"{shown(text)} has no three digits behind each {thousands!r} of thousands; correct the cell"
        if "," in text and "." in text:
            mark, group = (",", ".") if text.rindex(",") > text.rindex(".") else (".", ",")
            return f"{shown(text)} has two kinds of marks; say decimal={mark!r} and thousands={group!r}"
        if decimal == "." and "," in text:
            return f"{shown(text)} has a comma; say decimal=',' if it is a decimal comma, or thousands=','"
        if decimal == "," and "." in text:
            return f"{text!r} has a point although decimal = ',' was said; say decimal='.', or thousands='.'"
    if text.startswith(("<", ">")):
        side = "below" if text.startswith("<") else "above"
        return (
            f"{shown(text)} is a limit, not a number; write the limit in the cell of a measured value, and {side!r} "
            "in a column that censoring= names; elsewhere write the value to use, or leave the cell empty"
        )
    if match := _GROUPED.fullmatch(text):
        mark = "'" if match[1] in "'\u2019" else " "
        return f"{shown(text)} is not a number; say thousands={mark!r} if digits are grouped"
    if match := _MEASURED.fullmatch(text):
        return (
            f"{shown(text)} is not a number alone; say {shown(match[1])} once, with the name of the column "
            "('name [unit]', or a scale), and write numbers in that unit"
        )
    return f"{shown(text)} is not a number; correct the cell or leave it empty"


def labels(table: RawTable, column: Column, what: str, *, decimal: str = ".") -> NDArray[Any]:
    """Read a column as labels: numbers where every cell is a plain number, else text.

    Parameters
    ----------
    table : RawTable
    column : Column
    what : str
        What the column is for; opens messages.
    decimal : {".", ","}

    Returns
    -------
    ndarray of object, shape (rows,)

    Raises
    ------
    DataError
        A cell is empty; its row and column are named.
    """
    cells = table.columns[column.position]
    if cells.dtype.kind in "iuf" and np.isfinite(cells).all():
        return np.array([_plain(float(cell)) for cell in cells], dtype=object)
    grouped = check_marks(decimal, table.thousands)
    texts = [_text(cell) for cell in cells]
    if grouped is not None and any(map(grouped.fullmatch, texts)):
        texts = [_ungrouped(text, decimal) if grouped.fullmatch(text) else text for text in texts]
    blank = [i for i, text in enumerate(texts) if not text]
    if blank:
        raise DataError(f"{what}: {table.place(blank, column.header)}: the label is missing; fill the cell")
    unique = set(texts)
    mark = "," if decimal == "." else "."
    numeric = all(_PLAIN.fullmatch(text) and mark not in text for text in unique)
    meaning: dict[str, Label] = {text: _plain(float(text.replace(",", "."))) if numeric else text for text in unique}
    return np.array([meaning[text] for text in texts], dtype=object)


def _text(cell: object) -> str:
    if cell is None or cell is pd.NA or (isinstance(cell, float) and math.isnan(cell)):
        return ""
    if isinstance(cell, (float, np.floating)) and float(cell).is_integer():
        return str(int(cell))
    return str(cell).strip()


def _plain(value: float) -> int | float:
    return int(value) if value.is_integer() else value


def same_label(label: Label, wanted: object) -> bool:
    """Whether a label is the one asked for: ``24``, ``24.0`` and ``"24"`` are one label.

    Examples
    --------
    >>> same_label(24, "24"), same_label("SUM149", "sum149")
    (True, False)
    """
    if isinstance(label, str):
        return label == str(wanted).strip()
    try:
        return math.isclose(float(label), float(wanted), rel_tol=1e-9)  # type: ignore[arg-type]
    except (TypeError, ValueError):
        return False


def several(names: str | Sequence[str] | None) -> tuple[str, ...]:
    """One name, several or none as a tuple."""
    return (names,) if isinstance(names, str) else () if names is None else tuple(names)


def as_list(wanted: object) -> list[object]:
    """One label or several."""
    items = listed(wanted)
    return [wanted] if items is None else items
