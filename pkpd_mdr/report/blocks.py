"""What a report is made of: sections of paragraphs, lists, tables and pictures, all plain values."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from pkpd_mdr.model.show import Listing

__all__ = [
    "Block",
    "Bullets",
    "Code",
    "Figure",
    "Page",
    "Section",
    "Table",
    "Text",
    "counted",
    "number",
    "of_frame",
    "of_listing",
    "of_mapping",
    "of_rows",
]

_LONG = 1e6  # from which on a number is read more easily with an exponent
_WORDS = ("drug", "unit")  # columns that hold words beside numbers


@dataclass(frozen=True, slots=True)
class Text:
    """A paragraph; `strong` for the one sentence that has to be read."""

    text: str
    strong: bool = False
    kind: str = "text"


@dataclass(frozen=True, slots=True)
class Bullets:
    """Sentences, one below the other."""

    items: tuple[str, ...]
    kind: str = "bullets"


@dataclass(frozen=True, slots=True)
class Code:
    """Text in which spaces and lines count, under its title, which folds it away unless `shown`."""

    title: str
    text: str
    shown: bool = False
    kind: str = "code"


@dataclass(frozen=True, slots=True)
class Table:
    """A table of text; `numeric` columns are set to the right, `folded` ones open on request."""

    head: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    caption: str = ""
    numeric: tuple[bool, ...] = ()
    folded: bool = False
    kind: str = "table"

    @property
    def columns(self) -> list[tuple[str, bool]]:
        """Heads and whether they are numeric."""
        flags = self.numeric or (False,) * len(self.head)
        return list(zip(self.head, flags, strict=True))


@dataclass(frozen=True, slots=True)
class Figure:
    """A picture as SVG, and what it shows; `wide` for one that needs more than a column."""

    svg: bytes
    caption: str
    wide: bool = False
    kind: str = "figure"


Block = Text | Bullets | Code | Table | Figure


@dataclass(frozen=True, slots=True)
class Section:
    """A part of a report under a title."""

    title: str
    blocks: tuple[Block, ...]

    @property
    def anchor(self) -> str:
        """For links inside the page."""
        return "".join(letter if letter.isalnum() else "-" for letter in self.title.casefold())


@dataclass(frozen=True, slots=True)
class Page:
    """A whole report."""

    title: str
    sections: tuple[Section, ...]


def number(value: object, digits: int = 4) -> str:
    """A value as text: four digits for numbers, without an exponent up to a million; yes and no for flags.

    Examples
    --------
    >>> number(0.123456), number(True), number(12), number(28104.2)
    ('0.1235', 'yes', '12', '28104')
    """
    if isinstance(value, bool) or type(value).__name__ == "bool_":
        return "yes" if value else "no"
    if isinstance(value, float):
        whole = 10.0**digits <= abs(value) < _LONG
        return "-" if value != value else f"{value:.0f}" if whole else f"{value:.{digits}g}"
    return str(value)


def counted(count: int, noun: str, plural: str | None = None) -> str:
    """How many there are of something.

    Examples
    --------
    >>> counted(1, "state"), counted(3, "process", "processes")
    ('1 state', '3 processes')
    """
    return f"{count} {noun if count == 1 else plural or noun + 's'}"


def of_frame(frame: pd.DataFrame, caption: str = "", *, folded: bool = False) -> Table:
    """A frame with its index as first columns."""
    named = frame.index.names != [None]
    flat = frame.reset_index() if named else frame
    numeric = tuple(pd.api.types.is_numeric_dtype(flat[name]) for name in flat.columns)
    rows = tuple(tuple(number(value) for value in row) for row in flat.itertuples(index=False, name=None))
    return Table(tuple(map(str, flat.columns)), rows, caption, numeric, folded)


def of_listing(listing: Listing, caption: str = "") -> Table:
    """A table of a model, without columns in which nothing stands."""
    kept = [k for k in range(len(listing.columns)) if any(row[k] for row in listing.rows)]
    rows = tuple(tuple(row[k] for k in kept) for row in listing.rows)
    return Table(tuple(listing.columns[k] for k in kept), rows, caption)


def of_rows(head: Sequence[str], rows: Iterable[Sequence[str]], caption: str = "") -> Table:
    """Rows of text, numbers from the second column on where the head names no words."""
    numeric = tuple(k > 0 and name not in _WORDS for k, name in enumerate(head))
    return Table(tuple(head), tuple(tuple(row) for row in rows), caption, numeric)


def of_mapping(found: Mapping[str, Any]) -> Table:
    """Names and values."""
    return Table(("what", "value"), tuple((name, _told(value)) for name, value in found.items()))


def _told(value: object) -> str:
    """A value, or the names and values of options."""
    if isinstance(value, Mapping):
        return ", ".join(f"{name} {number(part)}" for name, part in value.items())
    return number(value)
