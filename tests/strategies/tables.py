"""Tables written in all the ways that programs and countries write them, some with one planted fault.

`written_tables` draws a table with its truth; `broken_tables` draws one with the place of its fault.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from hypothesis import strategies as st

__all__ = ["Written", "broken_tables", "number_text", "written_tables"]

HEADERS = ["line", "time [h]", "count", "dose (µM)", "well"]
LABELS = ["SUM149", "MDA-MB-231", "PC-9 Ü", "naïve", "NA-like"]
ENCODINGS = ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32", "latin-1", "cp1252"]
NEWLINES = ["\n", "\r\n", "\r"]


@dataclass(frozen=True)
class Written:
    """A file, what it holds, and how it has to be read; `fault` is (line, header) or None."""

    content: bytes
    rows: list[tuple[str, float, float, float, str]]
    decimal: str
    fault: tuple[int, str] | None = None
    hint: str = ""
    options: dict[str, object] = field(default_factory=dict)


@dataclass
class _Layout:
    separator: str
    decimal: str
    newline: str
    encoding: str
    blanks: list[int]
    padding: str
    trailing: bool
    excel: bool
    quoted: bool


_numbers = st.one_of(
    st.integers(0, 10**6).map(float),
    st.floats(0, 1e6, allow_nan=False).map(lambda x: round(x, 4)),
    st.floats(1e-12, 1e15, allow_nan=False),
)


@st.composite
def _layouts(draw: st.DrawFn) -> _Layout:
    separator = draw(st.sampled_from([",", ";", "\t", "|"]))
    decimal = draw(st.sampled_from([".", ","]))
    return _Layout(
        separator=separator,
        decimal=decimal,
        newline=draw(st.sampled_from(NEWLINES)),
        encoding=draw(st.sampled_from(ENCODINGS)),
        blanks=draw(st.lists(st.integers(0, 12), max_size=3)),
        padding=draw(st.sampled_from(["", " ", "\u00a0"])),
        trailing=draw(st.booleans()),
        excel=draw(st.booleans()),
        quoted=draw(st.booleans()) or separator == decimal,
    )


def number_text(value: float, decimal: str) -> str:
    """A number as a spreadsheet writes it."""
    text = repr(value)
    return (text[:-2] if text.endswith(".0") else text).replace(".", decimal)


@st.composite
def _rows(draw: st.DrawFn) -> list[tuple[str, float, float, float, str]]:
    count = draw(st.integers(1, 8))
    return [
        (draw(st.sampled_from(LABELS)), draw(_numbers), draw(_numbers), draw(_numbers), f"B{i:02d}")
        for i in range(count)
    ]


def _cells(rows: list[tuple[str, float, float, float, str]], decimal: str) -> list[list[str]]:
    return [[cell if isinstance(cell, str) else number_text(cell, decimal) for cell in row] for row in rows]


def _written(lines: list[list[str]], layout: _Layout) -> tuple[bytes, list[int]]:
    """The bytes, and the line on which each record stands."""
    out: list[str] = [f"sep={layout.separator}"] if layout.excel else []
    at: list[int] = []
    for number, cells in enumerate(lines):
        out += [layout.padding * 2] * layout.blanks.count(number)
        texts = [f'"{cell}"' if layout.quoted else cell + layout.padding for cell in cells]
        out.append(layout.separator.join(texts) + (layout.separator * 2 if layout.trailing else ""))
        at.append(len(out))
    return (layout.newline.join(out) + layout.newline).encode(layout.encoding), at


@st.composite
def written_tables(draw: st.DrawFn) -> Written:
    """A table that is well formed in its own layout."""
    layout, rows = draw(_layouts()), draw(_rows())
    content, _ = _written([HEADERS, *_cells(rows, layout.decimal)], layout)
    return Written(content, rows, layout.decimal, options={"encoding": _named(layout.encoding)})


def _named(encoding: str) -> str | None:
    """UTF-16 without a mark is only found when most characters are Latin; here it is short, so it is named."""
    return encoding if encoding in ("utf-16-le", "utf-16-be") else None


FAULTS = ["word", "thousands", "other mark", "missing", "infinite", "percent", "limit", "short", "long", "negative"]


def _faulty(fault: str, decimal: str) -> str:
    other = "," if decimal == "." else "."
    return {
        "word": "lost",
        "thousands": f"1{other}234{other}567",
        "other mark": f"1{other}5",
        "missing": "",
        "infinite": "inf",
        "percent": "50%",
        "limit": "<5",
        "negative": "-1",
    }[fault]


@st.composite
def broken_tables(draw: st.DrawFn) -> Written:
    """A table with one fault whose line, and column where it is a cell, are known."""
    layout, rows = draw(_layouts()), draw(_rows())
    layout.quoted = True  # so that a comma is in its cell
    fault = draw(st.sampled_from(FAULTS))
    row, column = draw(st.integers(0, len(rows) - 1)), draw(st.integers(1, 3))
    if fault == "negative":
        column = draw(st.integers(2, 3))
    cells = _cells(rows, layout.decimal)
    if fault == "short":
        cells[row] = cells[row][:-1]
        layout.trailing = False
    elif fault == "long":
        cells[row] = [*cells[row], "extra"]
    else:
        cells[row][column] = _faulty(fault, layout.decimal)
    content, at = _written([HEADERS, *cells], layout)
    header = "" if fault in ("short", "long") else HEADERS[column]
    return Written(content, rows, layout.decimal, (at[row + 1], header), fault, {"encoding": _named(layout.encoding)})
