"""Every fault of a table is one sentence of our family with place and remedy."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from pkpd_mdr.data import read_assay
from pkpd_mdr.errors import DataError, PkpdMdrError, UnitError

GOOD: dict[str, list[Any]] = {
    "time_h": [0, 24, 0, 24],
    "cell_count": [100, 180, 100, 60],
    "sd": [10, 20, 10, 5],
    "n": [3, 3, 3, 3],
    "dox_nM": [0, 0, 50, 50],
    "exposure_h": [6, 6, 6, 6],
    "cell_line": ["A", "A", "A", "A"],
    "wt": [20, 20, 20, 20],
}
READ: dict[str, Any] = {
    "time": "time_h [h]",
    "value": "cell_count [cell]",
    "drug": {"dox": "dox_nM [nM]"},
    "exposure": "exposure_h [h]",
    "by": "cell_line",
}

CELLS = [
    ("cell_count", None, {}, DataError, r"'cell_count', row 2: the value is missing; .*missing='drop'"),
    ("cell_count", "abc", {}, DataError, r"'cell_count', row 2: 'abc' is not a number"),
    ("cell_count", "1,000", {}, DataError, r"row 2: '1,000' has a comma; say decimal=',' .*thousands"),
    (
        "cell_count",
        "1.000,5",
        {"decimal": ","},
        DataError,
        r"row 2: '1.000,5' has two kinds of marks; say decimal=',' and thousands='\.'",
    ),
    ("cell_count", "1 000", {}, DataError, r"'1 000' is not a number; say thousands=' ' if"),
    ("cell_count", "1'000", {}, DataError, r"is not a number; say thousands=\"'\" if"),
    ("cell_count", "12 nM", {}, DataError, r"row 2: '12 nM' is not a number alone; say 'nM' once, with the name"),
    ("cell_count", "95%", {}, DataError, r"'95%' is not a number alone; say '%' once"),
    ("cell_count", "١٠", {}, DataError, r"is not a number"),
    ("cell_count", "1_000", {}, DataError, r"is not a number"),
    ("cell_count", "0x10", {}, DataError, r"is not a number"),
    ("cell_count", "1e400", {}, DataError, r"'1e400' is too large"),
    ("cell_count", "#DIV/0!", {}, DataError, r"is not a number"),
    ("cell_count", "<5", {}, DataError, r"'<5' is a limit.* and 'below' in a column that censoring= names"),
    ("cell_count", True, {}, DataError, r"'True' is not a finite number|not a number"),
    ("cell_count", float("inf"), {}, DataError, r"row 2: 'inf' is not a finite number"),
    ("cell_count", -1, {}, DataError, r"'cell_count', row 2: a count of -1 is negative"),
    ("time_h", None, {}, DataError, r"'time_h', row 2: the value is missing; fill in the time"),
    ("time_h", "noon", {}, DataError, r"'time_h', row 2: 'noon' is not a number"),
    ("dox_nM", None, {}, DataError, r"'dox_nM', row 2: .*every row needs its level of 'dox'"),
    ("dox_nM", -50, {}, DataError, r"'dox_nM', row 2: a level of 'dox' of -50 is negative"),
    ("exposure_h", None, {}, DataError, r"'exposure_h', row 2: .*every treated row needs its exposure"),
    ("exposure_h", -6, {}, DataError, r"a exposure of -6|an exposure of -6|exposure of -6 is negative"),
    ("exposure_h", 0, {}, DataError, r"'dox' is given for no time"),
    ("cell_line", None, {}, DataError, r"'cell_line', row 2: the label is missing"),
    ("cell_line", "  ", {}, DataError, r"'cell_line', row 2: the label is missing"),
    ("sd", 0, {"sd": "sd"}, DataError, r"'sd', row 2: a sd of 0 is not above 0"),
    ("sd", -2, {"sd": "sd"}, DataError, r"'sd', row 2: a sd of -2 is not above 0"),
    ("sd", None, {"sd": "sd"}, DataError, r"'sd', row 2: .*every value needs its sd"),
    ("sd", None, {"sd": "sd", "n": "n"}, DataError, r"'sd', row 2: .*every value needs its sd"),
    ("n", 0, {"sd": "sd", "n": "n"}, DataError, r"'n', row 2: 0 is not a number of replicates"),
    ("n", 2.5, {"sd": "sd", "n": "n"}, DataError, r"'n', row 2: 2.5 is not a number of replicates"),
    ("n", None, {"sd": "sd", "n": "n"}, DataError, r"'n', row 2: nan is not a number of replicates"),
    ("wt", None, {"covariates": {"weight": "wt [g]"}}, DataError, r"'wt', row 2: .*every row needs its weight"),
    ("wt", None, {"start": "wt [cell]"}, DataError, r"'wt', row 2: .*the start of burden"),
    ("wt", None, {"drug_time": "wt [h]"}, DataError, r"'wt', row 2: .*when the drug arrived"),
    ("wt", -5, {"drug_time": "wt [h]"}, DataError, r"'wt', row 2: a drug_time of -5 is negative"),
]


@pytest.mark.parametrize(("column", "cell", "options", "kind", "message"), CELLS)
def test_bad_cell(column: str, cell: object, options: dict[str, Any], kind: type[Exception], message: str) -> None:
    table = {name: list(cells) for name, cells in GOOD.items()}
    table[column][2] = cell
    with pytest.raises(kind, match=message) as caught:
        read_assay(pd.DataFrame(table), **READ | options)
    assert "\n" not in str(caught.value)


ARGUMENTS = [
    ({"time": "time_h"}, UnitError, r"time: column 'time_h' has no unit; .*'time_h \[h\]'"),
    ({"time": "time_h [nM]"}, UnitError, r"'nM' is not a unit of time.*'\[1\]'"),
    ({"time": "time [h]"}, DataError, r"no column 'time'; did you mean 'time_h'"),
    ({"value": "cells"}, DataError, r"value: the table has no column 'cells'"),
    ({"drug": {"dox": "dox_nM"}}, UnitError, r"drug 'dox': column 'dox_nM' has no unit; .*'dox_nM \[nM\]'"),
    ({"drug": {"dox": "dox_nm [nM]"}}, DataError, r"did you mean 'dox_nM'"),
    ({"drug": {"dox": "dox_nM [mg]"}}, UnitError, r"'mg' is an amount, not a concentration; write dose="),
    ({"drug": "dox_nM [nM]"}, DataError, r"does not say which drug"),
    ({"drug": None}, DataError, r"exposure was given without drug"),
    ({"exposure": {"pac": "6 h"}}, DataError, r"'pac', no drug of this table; known are 'dox'"),
    ({"exposure": "exposure_h"}, UnitError, r"exposure to 'dox': column 'exposure_h' has no unit"),
    ({"exposure": "6"}, UnitError, r"exposure to 'dox': '6' has no unit; write for example '6 h'"),
    ({"exposure": "6 nM"}, UnitError, r"'nM' is not a unit of time"),
    ({"by": "cellline"}, DataError, r"did you mean 'cell_line'"),
    ({"by": ["cell_line", "cell_line"]}, DataError, r"'cell_line' is given twice"),
    ({"by": ["n"]}, DataError, r"label column 'n' has a name that the tidy table uses"),
    ({"constants": {"time": "A"}}, DataError, r"label column 'time'"),
    ({"sd": "sd", "sem": "sd"}, DataError, r"sd and sem are both given"),
    ({"value_unit": "mm**3"}, UnitError, r"'cell_count' is in 'cell' but value_unit = 'mm\*\*3'"),
    ({"value_unit": "fox", "value": "cell_count"}, UnitError, r"'fox' is not known"),
    ({"keep": {"cell_line": "B"}}, DataError, r"no cell_line 'B'"),
    ({"keep": {"cell_lin": "A"}}, DataError, r"did you mean 'cell_line'"),
    ({"keep": {"cell_line": "A", "dox_nM": 75}}, DataError, r"no dox_nM 75; known are '0', '50'"),
    ({"value_unit": "fox", "value": "cell_count"}, UnitError, r"value_unit: unit 'fox' is not known"),
    ({"observable": "tumour [fox]"}, UnitError, r"observable 'tumour': unit 'fox' is not known"),
    ({"observable": "tumour [mm**3]"}, UnitError, r"tumour is in 'mm\*\*3' but column 'cell_count' in 'cell'"),
    ({"observable": "tumour [cm**3"}, DataError, r"is not a name with a unit; write for example"),
    ({"missing": "ignore"}, DataError, r"missing = 'ignore' is not possible; known are 'refuse', 'drop'"),
    ({"repeats": "nummer"}, DataError, r"did you mean 'number'"),
    ({"zero": "drugs"}, DataError, r"zero = 'drugs' is not possible; did you mean 'drug'"),
    ({"decimal": "'"}, DataError, r"is not a decimal mark"),
    ({"observable": {"a": "b"}}, DataError, r"need observable_column"),
    ({"observable_column": "cell_line", "observable": {"B": "x"}}, DataError, r"has no 'B'"),
    ({"start": {"volume": "wt"}}, DataError, r"start is given for 'volume'"),
    ({"start": "wt [g]"}, DataError, r"start of 'burden' is in 'g' but its values are in 'cell'"),
    ({"last_valid": "wt", "time": None}, DataError, r"last_valid names a time but the table has none"),
    ({"last_valid": {"wt": "n"}}, DataError, r"last_valid leaves no row"),
    ({"replicate": "wells"}, DataError, r"replicate: the table has no column 'wells'"),
]


@pytest.mark.parametrize(("options", "kind", "message"), ARGUMENTS)
def test_bad_argument(options: dict[str, Any], kind: type[Exception], message: str) -> None:
    with pytest.raises(kind, match=message) as caught:
        read_assay(pd.DataFrame(GOOD), **READ | options)
    assert isinstance(caught.value, PkpdMdrError)
    assert "\n" not in str(caught.value)


def test_the_good_table_is_good() -> None:
    assert len(read_assay(pd.DataFrame(GOOD), **READ)) == 4


def test_repeated_values_name_the_column_that_tells_them_apart(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("t,v,well,plate\n0,1,A,p\n0,1,B,p\n1,2,A,p\n1,2.5,B,p\n")
    with pytest.raises(DataError, match=r"lines 2, 3: 2 values for the same condition .* at 0 h; say replicate='well'"):
        read_assay(path, time="t [h]", value="v")
    assert len(read_assay(path, time="t [h]", value="v", replicate="well")) == 4
    numbered = read_assay(path, time="t [h]", value="v", repeats="number").table
    assert numbered["replicate"].tolist() == ["1", "2", "1", "2"]
    with pytest.raises(DataError, match="repeats='number'"):
        read_assay(pd.DataFrame({"v": [1, 1]}), value="v")


def test_many_bad_rows_are_counted_not_listed() -> None:
    table = pd.DataFrame({"v": [None] * 9 + [1.0], "r": range(10)})
    with pytest.raises(DataError, match=r"rows 0, 1, 2, 3, 4 and 4 more"):
        read_assay(table, value="v", replicate="r")


def test_dropping_missing_values_is_told() -> None:
    table = pd.DataFrame(GOOD)
    table.loc[2, "cell_count"] = None
    data = read_assay(table, **READ, missing="drop")
    assert len(data) == 3
    assert "dropped 1 rows without value: the table, column 'cell_count', row 2" in data.notes
    with pytest.raises(DataError, match="every value is missing"):
        read_assay(table[table.cell_count.isna()], **READ, missing="drop")


def test_unknown_option_of_a_file() -> None:
    with pytest.raises(TypeError, match="seperator"):
        read_assay(pd.DataFrame(GOOD), **READ, seperator=";")
