"""Encodings, separators, lines and column names of text tables."""

from __future__ import annotations

import gzip
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from pkpd_mdr.data import read_assay
from pkpd_mdr.data.columns import find_column, open_table, split_reference
from pkpd_mdr.data.text import decode, parse_text
from pkpd_mdr.errors import DataError, UnitError


def _file(tmp_path: Path, text: str, encoding: str = "utf-8", name: str = "a.csv") -> Path:
    path = tmp_path / name
    path.write_bytes(text.encode(encoding))
    return path


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-32", "latin-1", "cp1252"])
def test_micro_sign_survives(encoding: str) -> None:
    text = "time [h],dose (µM),value of this column\n" * 4
    assert decode(text.encode(encoding), "a.csv") == text


@pytest.mark.parametrize(
    ("content", "part"),
    [
        (b"PK\x03\x04abc", "workbook"),
        (b"\xd0\xcf\x11\xe0", "Excel"),
        (gzip.compress(b"a", mtime=0), "compressed"),
        (b"a,b\n1,\x00\n", "not text"),
    ],
)
def test_what_is_not_text_is_named(content: bytes, part: str) -> None:
    with pytest.raises(DataError, match=part):
        decode(content, "a.csv")


def test_wrong_and_unknown_encoding() -> None:
    with pytest.raises(DataError, match="not text in 'utf-8'"):
        decode("µ".encode("latin-1"), "a.csv", "utf-8")
    with pytest.raises(DataError, match="'utf8000' is not known"):
        decode(b"a", "a.csv", "utf8000")


@pytest.mark.parametrize("separator", [",", ";", "\t", "|"])
def test_separator_is_found(separator: str) -> None:
    text = separator.join(["a", "b", "c"]) + "\n" + separator.join("123") + "\n"
    assert parse_text(text, "a.csv")[1] == [["1", "2", "3"]]


def test_blanks_separate_when_said() -> None:
    assert parse_text("junk\n y   x\n 10.07E0  77.6E0\n", "m.dat", separator=" ", skip_lines=1) == (
        ["y", "x"],
        [["10.07E0", "77.6E0"]],
        [3],
    )


def test_separator_in_a_header_name_does_not_confuse() -> None:
    headers, rows, _ = parse_text("line,dose (nM; nominal),value\nA,1,2\nB,3,4\n", "a.csv")
    assert headers[1] == "dose (nM; nominal)"
    assert rows[1] == ["B", "3", "4"]


def test_unclear_separator_is_refused() -> None:
    with pytest.raises(DataError, match=r"may be ',' or ';'; say which"):
        parse_text("t,h;v\n1,5;2\n", "a.csv")


def test_decimal_commas_rule_out_the_comma() -> None:
    assert parse_text("t,h;v\n1,5;2,5\n", "a.csv")[1] == [["1,5", "2,5"]]


def test_decimal_commas_between_commas_are_refused_with_the_line() -> None:
    with pytest.raises(DataError, match="line 3: 4 fields where the header has 2"):
        parse_text("time,value\n1,2\n1,5,2,5\n", "a.csv")


def test_a_title_above_the_header_is_named() -> None:
    with pytest.raises(
        DataError, match=r"line 2: 2 fields .* line 1, '# plate 7', was taken as the header: say skip_l"
    ):
        parse_text("# plate 7\ntime,value\n1,2\n", "a.csv")


def test_open_quote_and_excel_line() -> None:
    with pytest.raises(DataError, match=r"line \d+"):
        parse_text('a,b\n"1,2\n3,4\n', "a.csv", separator=",")
    assert parse_text("sep=;\r\na;b\r\n1;2\r\n", "a.csv") == (["a", "b"], [["1", "2"]], [3])


def test_lines_in_quotes_keep_the_line_numbers() -> None:
    _, rows, lines = parse_text('a,b\n"x\ny",1\n\nz,2\n', "a.csv", separator=",")
    assert (rows[1], lines[1]) == (["z", "2"], 5)


@pytest.mark.parametrize("text", ["", "\n\n", "   \n"])
def test_empty_file(tmp_path: Path, text: str) -> None:
    with pytest.raises(DataError, match=r"a\.csv is empty"):
        read_assay(_file(tmp_path, text), value="v")


def test_header_only_and_empty_frame(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="has no rows"):
        read_assay(_file(tmp_path, "v,w\n"), value="v")
    with pytest.raises(DataError, match="the table has no rows"):
        read_assay(pd.DataFrame({"v": []}), value="v")


def test_missing_file_names_the_nearest(tmp_path: Path) -> None:
    _file(tmp_path, "v\n1\n", name="counts.csv")
    with pytest.raises(DataError, match=r"did you mean 'counts\.csv'"):
        read_assay(tmp_path / "count.csv", value="v")
    with pytest.raises(DataError, match=r"cannot be opened|is a folder"):
        read_assay(tmp_path, value="v")
    for name in ("a" * 5000, "a\0b"):
        with pytest.raises(DataError, match="cannot be opened") as caught:
            read_assay(name, value="v")
        assert len(str(caught.value)) < 300
    with pytest.raises(DataError, match="not a list"):
        read_assay([1, 2], value="v")  # type: ignore[arg-type]


def test_bounds_are_enforced_and_can_be_raised(tmp_path: Path) -> None:
    path = _file(tmp_path, "v,r\n" + "".join(f"{i},{i}\n" for i in range(20)))
    with pytest.raises(DataError, match=r"more than 5 rows.*max_rows="):
        read_assay(path, value="v", replicate="r", max_rows=5)
    with pytest.raises(DataError, match=r"more than 10; allow it with max_bytes="):
        read_assay(path, value="v", replicate="r", max_bytes=10)
    with pytest.raises(DataError, match="20 rows, more than 5"):
        read_assay(pd.DataFrame({"v": range(20)}), value="v", max_rows=5)
    assert len(read_assay(path, value="v", replicate="r", max_rows=20)) == 20


def test_reference_and_header_units() -> None:
    assert split_reference(" dose [ nM ]") == ("dose", "nM")
    table = open_table(pd.DataFrame({"time [h]": [1.0], "dose (nM)": [2.0], "yield (final)": [3.0], "raw": [4.0]}))
    for reference in ("time", "time [h]"):
        assert str(find_column(table, reference, "time", needs_unit="h").unit) == "h"
    for reference in ("dose", "dose (nM)", "dose [nM]"):
        column = find_column(table, reference, "drug", needs_unit="nM")
        assert (column.name, str(column.unit)) == ("dose", "nM")
    assert find_column(table, "yield (final)", "value").unit is None
    assert find_column(table, "raw [1]", "value").unit is not None


def test_units_that_disagree_or_are_unknown() -> None:
    table = open_table(pd.DataFrame({"time [h]": [1.0]}))
    with pytest.raises(UnitError, match=r"'h' and the argument says 'day'"):
        find_column(table, "time [day]", "time")
    with pytest.raises(UnitError, match="'hourz' is not known"):
        find_column(table, "time [hourz]", "time")
    assert find_column(table, "time [hour]", "time").unit is not None


def test_no_such_column_and_no_header() -> None:
    with pytest.raises(DataError, match="has no column 'cell_counts'; did you mean 'cell_count'"):
        find_column(open_table(pd.DataFrame({"cell_count": [1]})), "cell_counts", "value")
    with pytest.raises(DataError, match="does it have a header"):
        find_column(open_table(pd.DataFrame({"1.5": [1], "2": [2]})), "time", "time")
    with pytest.raises(DataError, match="named by text"):
        find_column(open_table(pd.DataFrame({"1.5": [1]})), 3, "time")  # type: ignore[arg-type]


def test_duplicated_headers_only_matter_when_used(tmp_path: Path) -> None:
    path = _file(tmp_path, "v,x,x\n1,2,3\n")
    assert len(read_assay(path, value="v")) == 1
    with pytest.raises(DataError, match=r"column 'x' 2 times \(columns 2 and 3\)"):
        read_assay(path, value="x")


def test_several_header_rows_and_dates_are_refused() -> None:
    with pytest.raises(DataError, match="several header rows"):
        read_assay(pd.DataFrame({("a", "b"): [1]}), value="a")
    with pytest.raises(DataError, match="'day': holds dates"):
        read_assay(pd.DataFrame({"day": pd.to_datetime(["2020-01-01"]), "v": [1]}), time="day [h]", value="v")


def test_frames_of_every_kind_give_the_same() -> None:
    plain = pd.DataFrame({"t": [0.0, 1.0], "v": [5.0, 6.5], "line": ["A", "A"]})
    expected = read_assay(plain, time="t [day]", value="v", by="line")
    for changed in (
        plain.astype({"t": "Int64"}),
        plain.astype({"line": "category", "v": object}),
        plain.assign(v=["5", " 6.5 "], t=np.array([0, 1], dtype=np.int8)),
        plain.set_axis([7, 3]),
    ):
        assert read_assay(changed, time="t [day]", value="v", by="line") == expected
