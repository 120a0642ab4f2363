"""Any table is read right or refused with its line and column; nothing else ever comes out."""

from __future__ import annotations

import re
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from strategies.tables import Written, broken_tables, number_text, written_tables

from pkpd_mdr.data import Data, read_assay
from pkpd_mdr.errors import DataError, UnitError

FUZZ = settings(
    max_examples=200,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


def _read(path: Path, table: Written, **changed: object) -> Data:
    path.write_bytes(table.content)
    options = {
        "time": "time",
        "value": "count [cell]",
        "drug": {"dox": "dose"},
        "exposure": "6 h",
        "by": "line",
        "replicate": "well",
        "decimal": table.decimal,
        **table.options,
        **changed,
    }
    return read_assay(path, **options)


@FUZZ
@given(table=written_tables())
def test_every_layout_is_read_exactly(tmp_path: Path, table: Written) -> None:
    tidy = _read(tmp_path / "counts.csv", table).table
    found = {
        (row["line"], row["time"], row["value"], float(row["dose"]), row["replicate"]) for _, row in tidy.iterrows()
    }
    assert found == set(table.rows)


@FUZZ
@given(table=broken_tables())
def test_every_fault_is_refused_with_its_place(tmp_path: Path, table: Written) -> None:
    with pytest.raises(DataError) as caught:
        _read(tmp_path / "counts.csv", table)
    message = str(caught.value)
    assert table.fault is not None
    line, header = table.fault
    assert re.search(rf"counts\.csv.*line {line}\b", message), message
    assert header in message
    assert "\n" not in message


@FUZZ
@given(table=written_tables())
def test_the_wrong_decimal_mark_never_gives_other_numbers(tmp_path: Path, table: Written) -> None:
    other = "," if table.decimal == "." else "."
    marked = any(table.decimal in number_text(value, table.decimal) for row in table.rows for value in row[1:4])
    if marked:
        with pytest.raises(DataError, match=r"line \d+: '[^']*' has a (comma|point)"):
            _read(tmp_path / "counts.csv", table, decimal=other)
    else:
        tidy = _read(tmp_path / "counts.csv", table, decimal=other).table
        assert sorted(tidy["value"]) == sorted(row[2] for row in table.rows)


@FUZZ
@given(content=st.binary(max_size=200))
def test_random_bytes_are_refused_by_our_own_errors(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "noise.csv"
    path.write_bytes(b"time [h],value\n" + content)
    try:
        data = read_assay(path, time="time", value="value")
    except (DataError, UnitError):
        return
    assert len(data) > 0


@FUZZ
@given(text=st.text(alphabet='0123456789.,;eE+- "\t\nabcµ[]', max_size=120))
def test_random_text_is_refused_by_our_own_errors(tmp_path: Path, text: str) -> None:
    path = tmp_path / "noise.csv"
    path.write_text(text, encoding="utf-8")
    with suppress(DataError, UnitError):
        read_assay(path, time="a [h]", value="b")
