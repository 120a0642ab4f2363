"""What labs have: workbooks, grouped digits, notes around tables, replicates side by side and grids of wells."""

from __future__ import annotations

import datetime
import sys
import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import openpyxl
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import pkpd_mdr as mdr

DOSES = [0.0, 0, 1, 3, 10, 30, 100, 300, 1000, 3000]
EC50 = {"parental": 12.0, "resistant": 240.0}


def viability(dose: float, line: str) -> float:
    return 0.05 + 0.95 / (1 + (dose / EC50[line]) ** 1.2)


LONG = [["line", "dose (nM)", "viability"], *([line, x, viability(x, line)] for line in EC50 for x in DOSES)]
CURVES: dict[str, Any] = {"dose": "dose", "response": "viability", "by": "line", "scale": "viability"}


def workbook(path: Path, **sheets: Sequence[Sequence[object]]) -> Path:
    book = openpyxl.Workbook()
    book.remove(book.active)
    for name, rows in sheets.items():
        sheet = book.create_sheet(name)
        for row in rows:
            sheet.append(list(row))
    book.save(path)
    return path


def folds(fit: mdr.response.DoseResponse) -> float:
    potency = fit.frame.set_index("line")["ec50"]
    return float(potency["resistant"] / potency["parental"])


@pytest.mark.parametrize(
    ("text", "decimal", "thousands", "number"),
    [
        ("1,234.5", ".", ",", 1234.5),
        ("-12,345,678", ".", ",", -12345678),
        ("1.234,5", ",", ".", 1234.5),
        ("1 234,5", ",", " ", 1234.5),
        ("1\u202f234\u00a0567", ".", " ", 1234567),
        ("1\u2019234.5", ".", "'", 1234.5),
        ("1234.5", ".", ",", 1234.5),
        ("1.5e3", ".", ",", 1500),
        (1234.5, ",", ".", 1234.5),
    ],
)
def test_grouped_digits(text: object, decimal: str, thousands: str, number: float) -> None:
    frame = pd.DataFrame({"g": ["a"], "y": pd.Series([text], dtype=object), "d": ["1"]})
    data = mdr.read_assay(frame, value="y [1]", by="d", decimal=decimal, thousands=thousands)
    assert data.table["value"].tolist() == [number]


@pytest.mark.parametrize(
    ("text", "options", "part"),
    [
        ("1,23", {"thousands": ","}, "'1,23' has no three digits behind each ',' of thousands"),
        ("12,34,567", {"thousands": ","}, "no three digits behind"),
        ("1,234.5", {}, r"has two kinds of marks; say decimal='\.' and thousands=','"),
        ("1.234,5", {}, r"has two kinds of marks; say decimal=',' and thousands='\.'"),
        ("1", {"thousands": "."}, r"thousands = '\.' is the decimal mark, too; say decimal=','"),
        ("1", {"thousands": "_"}, "thousands = '_' is not possible; write one of"),
    ],
)
def test_grouped_digits_are_never_guessed(text: str, options: dict[str, Any], part: str) -> None:
    with pytest.raises(mdr.DataError, match=part):
        mdr.read_assay(pd.DataFrame({"y": [text]}), value="y [1]", **options)


def test_grouped_labels_are_numbers_too() -> None:
    frame = pd.DataFrame({"d": ["1,000", "10"], "y": [1, 2]})
    data = mdr.read_assay(frame, value="y [1]", drug={"dox": "d [nM]"}, by="d", thousands=",")
    assert [c.labels["d"] for c in data.conditions] == [10, 1000]


def test_a_sheet_with_notes_around_its_table(tmp_path: Path) -> None:
    rows = [["Experiment 14"], [], *LONG, [], ["Note: plate 2 was repeated"], ["* 24 h"]]
    path = workbook(tmp_path / "a.xlsx", Raw=rows, Empty=[], Other=[["a"], [1]])
    fit = mdr.dose_response(path, sheet="Raw", skip_lines=2, last_line=23, **CURVES)
    np.testing.assert_allclose(fit.frame["ec50"], [12, 240], rtol=1e-5)
    for options, part in (
        ({}, "a.xlsx has the sheets 'Raw', 'Other'; say which with sheet="),
        ({"sheet": "raw"}, "no sheet 'raw' that holds anything; did you mean 'Raw'"),
        ({"sheet": "Empty"}, "no sheet 'Empty' that holds anything"),
        ({"sheet": "Raw"}, "sheet 'Raw', row 3: 3 fields .* row 1, 'Experiment 14', was taken as the header: say skip"),
        ({"sheet": "Raw", "skip_lines": 2}, "row 25: 'Note: plate 2 was repeated' stands alone .* last_line=23"),
        ({"sheet": "Raw", "last_line": "9"}, "last_line is '9', not a whole number of 0 or more"),
    ):
        with pytest.raises(mdr.DataError, match=part):
            mdr.dose_response(path, **CURVES, **options)  # type: ignore[arg-type]
    frame = pd.read_excel(path, sheet_name="Raw", header=2)
    with pytest.raises(mdr.DataError, match=r"stands alone in its row; .* with table.iloc\[:21\]"):
        mdr.dose_response(frame, **CURVES)
    with pytest.raises(mdr.DataError, match="sheet= is for files, and the table is a DataFrame"):
        mdr.dose_response(frame, sheet="Raw", **CURVES)


def test_notes_below_a_text(tmp_path: Path) -> None:
    lines = "\n".join(",".join(map(str, row)) for row in LONG)
    (tmp_path / "a.csv").write_text(f"{lines}\n\nNote: repeated\n")
    with pytest.raises(mdr.DataError, match=r"line 23: 1 fields .* last_line=21"):
        mdr.dose_response(tmp_path / "a.csv", **CURVES)
    assert folds(mdr.dose_response(tmp_path / "a.csv", last_line=21, **CURVES)) == pytest.approx(20, rel=1e-4)
    with pytest.raises(mdr.DataError, match="is text and has no sheet 'Raw'"):
        mdr.dose_response(tmp_path / "a.csv", sheet="Raw", **CURVES)


def test_every_reader_opens_a_sheet(tmp_path: Path) -> None:
    """Each gives what it gives for the frame that pandas reads."""
    counts = [[w, t, n, x] for w, x in (("A1", 0), ("A2", 50)) for t, n in ((0, 100), (24, 200), (48, 390), (72, 800))]
    combo = [[a, b, 1 / (1 + a) / (1 + b)] for a in (0, 1, 3) for b in (0, 1, 3)]
    gr = [[0.1, 380, 100, 400], [1, 200, 100, 400], [10, 80, 100, 400]]
    path = workbook(
        tmp_path / "a.xlsx",
        counts=[["well", "h", "cells", "nM"], *counts],
        combo=[["a", "b", "v"], *combo],
        gr=[["concentration", "cell_count", "cell_count__time0", "cell_count__ctrl"], *gr],
    )
    pair: dict[str, Any] = {"doses": {"a": "a", "b": "b"}, "response": "v", "model": "hsa", "scale": "viability"}
    calls: list[tuple[str, Any]] = [
        ("counts", lambda **k: mdr.dip_rates(**k, time="h", count="cells", by="well")),
        ("counts", lambda **k: mdr.gr_over_time(**k, time="h", count="cells", by="well", control={"nM": 0})),
        ("counts", lambda **k: mdr.read_assay(**k, time="h [h]", value="cells [cell]", by="well").table["value"]),
        ("combo", lambda **k: mdr.combination(**k, **pair).frame),
        ("gr", lambda **k: mdr.growth_rate(**k).values),
    ]  # fmt: skip
    for sheet, call in calls:
        frame = pd.read_excel(path, sheet_name=sheet)
        assert call(table=path, sheet=sheet).equals(call(table=frame))


def test_cells_that_excel_made_dates(tmp_path: Path) -> None:
    path = workbook(tmp_path / "a.xlsx", a=[["t", "y"], [datetime.date(2024, 3, 5), 1], [2, 3]])
    with pytest.raises(mdr.DataError, match=r"row 2: '2024-03-05 .*' is a date .* Excel makes of entries such as 5\.3"):
        mdr.read_assay(path, time="t [h]", value="y [1]")


def test_files_that_only_begin_as_workbooks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    broken, other = tmp_path / "a.xlsx", tmp_path / "b.xlsx"
    broken.write_bytes(b"PK\x03\x04abc")
    with zipfile.ZipFile(other, "w") as packed:
        packed.writestr("a.txt", "x")
    for path in (broken, other):
        with pytest.raises(mdr.DataError, match=r"begins as a workbook .* save it anew"):
            mdr.dose_response(path, **CURVES)
    good = workbook(tmp_path / "c.xlsx", a=LONG)
    with pytest.raises(mdr.DataError, match=r"unpacked, more than 9000; allow it with max_bytes="):
        mdr.dose_response(good, max_bytes=9000, **CURVES)
    monkeypatch.setitem(sys.modules, "openpyxl", None)
    with pytest.raises(mdr.DataError, match=r"needs openpyxl: pip install 'pkpd-mdr\[excel\]'"):
        mdr.dose_response(good, **CURVES)


WIDE = [["Dox (nM)", "parental", None, None, "resistant", None, None]]
WIDE += [[x, *([viability(x, line) for line in EC50 for _ in range(3)])] for x in DOSES]  # type: ignore[list-item]


@pytest.mark.parametrize("kind", ["workbook", "text", "frame"])
def test_merged_headers_over_replicates(tmp_path: Path, kind: str) -> None:
    path: Any = workbook(tmp_path / "a.xlsx", Prism=WIDE)
    with pytest.raises(mdr.DataError, match=r"7 fields where the header has 5; .* merged, use read_wide"):
        mdr.dose_response(path, dose="Dox", response="parental")
    with pytest.raises(mdr.DataError, match=r"2 columns without a name right of 'parental' \(merged cells\?\)"):
        mdr.dose_response(pd.read_excel(path), dose="Dox", response="parental")
    if kind == "text":
        path = tmp_path / "a.csv"
        path.write_text("\n".join(",".join("" if c is None else str(c) for c in row) for row in WIDE))
    elif kind == "frame":
        path = pd.read_excel(path, header=None)
    long = mdr.read_wide(path, keep="Dox [nM]", name="line", value="viability")
    assert list(long.columns) == ["Dox [nM]", "line", "replicate", "viability"]
    assert long.groupby("line")["replicate"].unique().map(list).to_dict() == {name: [1, 2, 3] for name in EC50}
    fit = mdr.dose_response(long, dose="Dox", response="viability", by="line", scale="viability")
    assert folds(fit) == pytest.approx(20, rel=1e-4)


def test_two_header_lines_name_the_replicates() -> None:
    cells = [["", "a", "", "b"], ["h", "mean", "SD", "mean"], [0, "1.000,5", 2, ""], [24, 3, 4, 5]]
    long = mdr.read_wide(pd.DataFrame(cells), keep="h", header_lines=2, decimal=",", thousands=".")
    assert long["replicate"].tolist() == ["mean", "mean", "SD", "SD", "mean", "mean"]
    assert long["group"].tolist() == ["a", "a", "a", "a", "b", "b"]
    np.testing.assert_array_equal(long["value"], [1000.5, 3, 2, 4, np.nan, 5])


def test_headers_are_quantities_where_their_name_has_a_unit(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("time (h),0,10 nM,1 uM\n0,100,100,100\n24,200,150,50\n")
    long = mdr.read_wide(path, keep="time", name="dox [nM]", value="count")
    assert long["dox [nM]"].tolist() == [0, 0, 10, 10, 1000, 1000]
    assert len(mdr.read_assay(long, time="time", value="count [cell]", drug={"dox": "dox"}).conditions) == 3
    with pytest.raises(mdr.UnitError, match=r"header of column 3: '10 nM' is no quantity in 'h'"):
        mdr.read_wide(path, keep="time", name="dox [h]")


@pytest.mark.parametrize(
    ("cells", "options", "part"),
    [
        (
            [["h", "a", "note"], [0, 1, "x"]],
            {},
            "'x' is not a number; .*; a column that holds no values is named in keep",
        ),
        ([["", "h", "a"], [1, 0, 1]], {}, "column 1 has values but no header"),
        ([["h", "a", "b"], [0, 1, 2], ["a note", "", ""]], {}, r"row 2: 'a note' stands alone"),
        ([["h"], [0]], {}, "keep= takes every column"),
        ([["h", "a"]], {}, "no rows below its header"),
        ([["h", "a"], [0, 1]], {"keep": "hh"}, "keep: the table has no column 'hh'"),
        ([["h", "a"], [0, 1]], {"header_lines": 3}, "header_lines is 3, not a whole number from 1 to 2"),
    ],
)
def test_what_no_wide_table_can_mean(cells: list[list[object]], options: dict[str, Any], part: str) -> None:
    with pytest.raises(mdr.DataError, match=part):
        mdr.read_wide(pd.DataFrame(cells), **{"keep": "h", **options})
    with pytest.raises(mdr.DataError, match="named columns; read it with header=None"):
        mdr.read_wide(pd.DataFrame({"h": [0], "a": [1]}), keep="h")


def grid(title: str, rows: str, columns: Sequence[int], cells: Any, corner: str = "<>") -> list[list[object]]:
    return [[title], [corner, *columns], *([r, *(cells(r, c) for c in columns)] for r in rows), []]


def line(row: str, _: int) -> str | None:
    return "parental" if row < "D" else "resistant" if row < "G" else "blank" if row == "G" else None


def dose(row: str, column: int) -> object:
    x = DOSES[(column - 1) % 10]
    return None if row == "H" else f"{x / 1000:g} uM" if x >= 1000 else f"{x:g} nM" if x else 0


def signal(row: str, column: int, top: float = 9000.0) -> float | None:
    if row == "H":
        return None
    kind = line(row, column)
    return 120.0 if kind == "blank" else 120 + top * viability(DOSES[(column - 1) % 10], str(kind))


def test_plates_with_layouts_become_wells(tmp_path: Path) -> None:
    whole = range(1, 13)
    days = {f"P{k}": grid("560/590", "ABCDEFGH", whole, lambda r, c, k=k: signal(r, c, 3000 * k)) for k in (2, 3)}
    layout = grid("Doses", "ABCDEFGH", whole, dose) + grid("Lines", "ABCDEFGH", whole, line)
    path = workbook(tmp_path / "a.xlsx", **days, Layout=layout)
    columns = {"signal": ["P2", "P3"], "dox [nM]": "Doses", "line": "Lines"}
    wells = mdr.read_plate(path, columns)
    assert wells.columns.tolist() == ["plate", "well", "row", "column", "signal", "dox [nM]", "line"]
    assert len(wells) == 2 * 84
    assert wells["well"].iloc[[0, 11, 12]].tolist() == ["A1", "A12", "B1"]  # in reading order; row H is empty
    at = wells[(wells["well"] == "D9") & (wells["plate"] == "P2")].iloc[0]
    assert (at["signal"], at["dox [nM]"], at["line"]) == (pytest.approx(signal("D", 9, 6000)), 1000, "resistant")
    fit = mdr.dose_response(
        wells, dose="dox [nM]", response="signal", by="line", plate="plate",
        blank={"line": "blank"}, scale="viability", normalise=True,
    )  # fmt: skip
    assert folds(fit) == pytest.approx(20, rel=1e-4)
    for asked, part in (
        ("signal", "has 4 grids ('560/590', '560/590', 'Doses', 'Lines'); write {'signal': title}"),
        ({"signal": "p2"}, "no grid with the title 'p2'; did you mean 'P2'"),
        ({"signal": "560/590"}, "has 2 grids with the title '560/590'"),
        ({"signal": ["P2", "P3"], "line": ["Lines"] * 3}, "'signal' has 2 plates where another has 3"),
        ({"well": "P2"}, "'well' is a column of its own in the result"),
        ({"d [mg]": "Doses"}, "'d [mg]', plate Doses, well A3: '1 nM' is no quantity in 'mg'"),
        ({}, "names no grid"),
    ):
        with pytest.raises(mdr.PkpdMdrError) as caught:
            mdr.read_plate(path, asked)  # type: ignore[arg-type]
        assert part in str(caught.value)


def test_parts_of_plates_side_by_side_in_text(tmp_path: Path) -> None:
    lines = [",2,3,4,,,2,3,4", "B,1,2,3,,B,a,a,b", "C,2,3,,,C,b,,x", "D,,,,,,,,"]
    (tmp_path / "a.csv").write_text("reading,,,,,names,,,\n" + "\n".join(lines))
    wells = mdr.read_plate(tmp_path / "a.csv", {"y": "reading", "name": "names"})
    assert wells["well"].tolist() == ["B2", "B3", "B4", "C2", "C3", "C4"]
    np.testing.assert_array_equal(wells["y"], [1, 2, 3, 2, 3, np.nan])
    assert wells["name"].fillna("").tolist() == ["a", "a", "b", "b", "", "x"]  # readings that count up are no header
    only = mdr.read_plate(pd.DataFrame([["", 1, 2], ["AE", 3, 4], ["AF", 5, 6], ["AG", 7, 8]]), "y")
    assert only["well"].iloc[-1] == "AG2"
    with pytest.raises(mdr.DataError, match="has no grid of wells: letters beside its rows"):
        mdr.read_plate(workbook(tmp_path / "b.xlsx", a=LONG), "y")


@given(
    st.integers(1, 8), st.integers(2, 12), st.integers(0, 24), st.integers(0, 12), st.integers(0, 3), st.integers(0, 3)
)
@settings(max_examples=25)
def test_a_grid_is_found_wherever_it_stands(n: int, m: int, first: int, left: int, down: int, right: int) -> None:
    """Letters go on from Z to AA; values that look like a header of numbers are values."""
    letters = [chr(65 + k) if k < 26 else f"A{chr(39 + k)}" for k in range(first, first + n)]
    rows = [["", *range(left + 1, left + m + 1)], *([r, *range(k + 1, k + m + 1)] for k, r in enumerate(letters))]
    cells = [[""] * (right + m + 1)] * down + [[""] * right + row for row in rows]
    wells = mdr.read_plate(pd.DataFrame(cells), "y")
    assert wells["y"].tolist() == [k + j + 1 for k in range(n) for j in range(m)]
    assert wells["well"].tolist() == [f"{r}{left + j + 1}" for r in letters for j in range(m)]


@pytest.mark.parametrize("label", ["SUM149", "SUM 149"])
def test_a_failed_well_at_the_end_is_no_note(label: str) -> None:
    """A label without values is left out and named, as anywhere in a table."""
    table = pd.DataFrame({"line": ["SUM 149"] * 6 + [label], "x": [0, 1, 3, 10, 30, None, None]})
    table["y"] = [1, 0.9, 0.7, 0.4, 0.2, None, None]
    fit = mdr.dose_response(table, dose="x", response="y", by="line", curve="LL.2")
    assert "the dose is missing" in fit.frame["note"].iloc[-1]
