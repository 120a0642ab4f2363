"""NONMEM tables: doses, measurements and limits of quantification in one."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import pkpd_mdr as mdr
from pkpd_mdr.errors import DataError, RegimenError
from pkpd_mdr.regimen.checks import Row

FRAME = pd.DataFrame(
    {
        "ID": [1, 1, 1, 1, 1, 2, 2, 2],
        "TIME": [0, 1, 6, 30, 48, 0, 2, 24],
        "AMT": [100, ".", ".", ".", ".", 50, ".", "."],
        "RATE": [50, ".", ".", ".", ".", 0, ".", "."],
        "II": [24, ".", ".", ".", ".", 0, ".", "."],
        "ADDL": [1, ".", ".", ".", ".", 0, ".", "."],
        "CMT": [1, 2, 2, 2, 2, 1, 2, 2],
        "DV": [".", 3.5, 1.2, 0.9, 0.1, ".", 2.0, "."],
        "MDV": [1, 0, 0, 0, 0, 1, 0, 1],
        "BLQ": [0, 0, 0, 0, 1, 0, 0, 0],
        "WT": [70, 70, 70, 70, 70, 82, 82, 82],
    }
)
READ: dict[str, Any] = {
    "compartments": {1: ("dox", "iv"), 2: ("dox", "iv")},
    "amount_unit": "mg",
    "observables": {2: "C_dox [mg/L]"},
    "blq": "BLQ",
}


def test_doses_measurements_and_limits() -> None:
    data = mdr.read_nonmem(FRAME, covariates={"WT": "weight [kg]"}, **READ)
    assert data.table["value"].tolist() == [3.5, 1.2, 0.9, 0.1, 2.0]
    assert data.table["censored"].tolist() == ["", "", "", "below", ""]
    assert data.table["source_row"].tolist() == [2, 3, 4, 5, 7]
    first, second = data.conditions
    assert (str(first.regimen.acts[0].rate), first.regimen.acts[0].additional) == ("50 mg/h", 1)
    assert str(second.covariates["weight"]) == "82 kg"
    assert "1 of 5 values below the lower limit of quantification, censored" in data.notes


def test_a_file_is_read_like_a_frame(tmp_path: Path) -> None:
    FRAME.to_csv(tmp_path / "table.csv", index=False)
    assert mdr.read_nonmem(tmp_path / "table.csv", **READ) == mdr.read_nonmem(FRAME, **READ)


def as_nonmem_writes(frame: pd.DataFrame, *, mark: str = "", page: int = 3) -> str:
    """A file of $TABLE: pages with a title and a header each, numbers with exponents."""
    cells = [[f"{0.0 if cell == '.' else float(cell):.4E}" for cell in row] for row in frame.to_numpy()]
    lines = [f" {(mark + ' ').join(row)}" for row in cells]
    head = f"TABLE NO.  1\n {(mark + ' ').join(frame.columns)}\n"
    return "".join(head + "\n".join(lines[at : at + page]) + "\n" for at in range(0, len(lines), page))


@pytest.mark.parametrize("mark", ["", ","])
def test_tables_that_nonmem_wrote(tmp_path: Path, mark: str) -> None:
    file = tmp_path / "sdtab1"
    file.write_text(as_nonmem_writes(FRAME, mark=mark))
    assert mdr.read_nonmem(file, **READ) == mdr.read_nonmem(FRAME, **READ)


def test_exponents_of_fortran() -> None:
    text = FRAME.assign(AMT=["1.0D+02" if amount == 100 else amount for amount in FRAME["AMT"]])
    assert text["AMT"].tolist().count("1.0D+02")
    assert mdr.read_nonmem(text, **READ) == mdr.read_nonmem(FRAME, **READ)
    named = FRAME.assign(ID=["1D2"] * 5 + ["1.0D+00"] * 3)
    assert {one.labels["ID"] for one in mdr.read_nonmem(named, **READ).conditions} == {"1D2", 1}


@settings(deadline=None)
@given(st.floats(-1e308, 1e308), st.integers(0, 16), st.sampled_from(["", "0"]))
def test_exponents_that_fortran_writes_without_a_letter(value: float, digits: int, zero: str) -> None:
    """Fortran's E edit descriptor has no room for the letter where the exponent has three digits."""
    mantissa, exponent = f"{value:.{digits}e}".split("e")
    cell = f"{mantissa if '.' in mantissa else mantissa + '.'}{exponent[0]}{exponent[1:].zfill(3)}"
    assert Row("row 1", {"DV": cell}, {}).number("DV") == float(f"{value:.{digits}e}")
    assert Row("row 1", {"DV": f"{zero}.5-101"}, {}).number("DV") == 0.5e-101
    assert Row("row 1", {"ID": cell}, {}).label("ID") == cell  # a subject may be called so


@pytest.mark.parametrize("cell", ["1-101", "1.2-10", "1.2-1010", "1.2--101", "1.2E-101-100", "101-1.2"])
def test_what_fortran_does_not_write_is_no_number(cell: str) -> None:
    with pytest.raises(RegimenError, match=r"row 1, column DV: .* is not a number"):
        Row("row 1", {"DV": cell}, {}).number("DV")


def test_a_table_with_tiny_values_that_nonmem_wrote(tmp_path: Path) -> None:
    file = tmp_path / "sdtab1"
    head = "TABLE NO.  1\n ID          TIME        AMT         DV\n"
    rows = ["1.0000E+00  0.0000E+00  1.0000E+02  0.0000E+00", "1.0000E+00  9.0000E+01  0.0000E+00  1.2345-101"]
    file.write_text(head + "\n".join(f"  {row}" for row in rows) + "\n")
    data = mdr.read_nonmem(file, observables="C_dox [mg/L]", **ONE_DRUG)
    assert data.table["value"].tolist()[-1] == 1.2345e-101


@pytest.mark.parametrize(
    ("second", "sentence"),
    [
        ("TABLE NO.  2\nID TIME AMT DV\n", "line 5: table 2 begins below table 1; keep one table in a file"),
        ("TABLE NO.  1\nID TIME AMT CL\n", "line 6: this page has other columns than the first"),
    ],
)
def test_other_tables_below_one_are_refused(tmp_path: Path, second: str, sentence: str) -> None:
    file = tmp_path / "sdtab1"
    file.write_text("TABLE NO.  1\nID TIME AMT DV\n1 0 100 0\n1 1 0 4.5\n" + second + "2 0 100 0\n")
    with pytest.raises(mdr.RegimenError, match=sentence):
        mdr.read_nonmem(file, compartments={1: ("dox", "iv")}, amount_unit="mg", observables="C_dox [mg/L]")


def test_a_limit_for_all_rows() -> None:
    data = mdr.read_nonmem(FRAME, lloq="1 mg/L", **READ)
    assert data.table["censored"].tolist() == ["", "", "below", "below", ""]
    assert data.table["value"].tolist() == [3.5, 1.2, 1.0, 1.0, 2.0]
    blank = FRAME.assign(DV=FRAME["DV"].where(FRAME["BLQ"] == 0, "."), MDV=[1, ".", ".", ".", ".", 1, ".", 1])
    assert mdr.read_nonmem(blank, lloq="1 mg/L", **READ).table["value"].tolist() == [3.5, 1.2, 1.0, 1.0, 2.0]


def test_capitals_of_columns_do_not_count() -> None:
    small = READ | {"blq": "blq"}
    assert mdr.read_nonmem(FRAME, covariates={"wt": "weight [kg]"}, **small).table["censored"].iloc[3] == "below"


def test_doses_without_compartment_go_to_the_default() -> None:
    blank = FRAME.assign(CMT=FRAME["CMT"].where(FRAME["CMT"] != 1, "."))
    with pytest.raises(RegimenError, match=r"row 1, column CMT: .*default=1"):
        mdr.read_nonmem(blank, **READ)
    assert mdr.read_nonmem(blank, default=1, **READ) == mdr.read_nonmem(FRAME, **READ)


def test_days_become_hours() -> None:
    data = mdr.read_nonmem(FRAME, time_unit="day", **READ)
    assert data.table["time"].tolist()[:2] == [24.0, 144.0]


@pytest.mark.parametrize(
    ("change", "options", "error", "sentence"),
    [
        ({"DV": [".", 3, 1, 1, 0, ".", 2, "."]}, {}, DataError, "row 5, column DV: .* the limit is not known"),
        ({}, {"observables": {1: "C_dox [mg/L]"}}, DataError, "row 2, column CMT: 2 is measured, but observables"),
        ({}, {"observables": "C_dox"}, DataError, "'C_dox' is no name with a unit"),
        ({}, {"lloq": "1 cell"}, DataError, "lloq is in 'cell', but C_dox in 'mg/L'"),
        (
            {"WT": [70, 71, 70, 70, 70, 82, 82, 82]},
            {"covariates": {"WT": "weight [kg]"}},
            DataError,
            "must be constant",
        ),
        ({"MDV": 1}, {"blq": None}, DataError, "no row measures anything"),
        ({"TIME": [0, 6, 1, 30, 48, 0, 2, 24]}, {}, RegimenError, "1 comes after 6"),
    ],
)
def test_bad_tables(change: dict[str, Any], options: dict[str, Any], error: type[Exception], sentence: str) -> None:
    with pytest.raises(error, match=sentence):
        mdr.read_nonmem(FRAME.assign(**change), **(READ | options))


TWO_KINDS = pd.DataFrame(
    {
        "ID": 1,
        "TIME": [0, 1, 2, 3],
        "AMT": [100, 0, 0, 0],
        "CMT": [1, 1, 2, 1],
        "DV": [".", 4.0, 80.0, 2.0],
        "DVID": [0, 1, 2, 1],
    }
)
ONE_DRUG: dict[str, Any] = {"compartments": {1: ("dox", "iv")}, "amount_unit": "mg"}


@pytest.mark.parametrize("column", ["DVID", "ytype", "FLAG"])
def test_values_of_several_kinds_are_not_read_as_one_observable(column: str) -> None:
    frame = TWO_KINDS.rename(columns={"DVID": column})
    with pytest.raises(DataError, match=f"row 3, column {column}: 2 after 1 among the values of C_dox, which would be"):
        mdr.read_nonmem(frame, observables="C_dox [mg/L]", **ONE_DRUG)
    apart = {1: "C_dox [mg/L]", 2: "response []"}
    by_kind = mdr.read_nonmem(frame, observables=apart, columns={"CMT": column}, **ONE_DRUG)
    assert by_kind.table[["observable", "value"]].values.tolist() == [["C_dox", 4], ["C_dox", 2], ["response", 80]]
    assert by_kind == mdr.read_nonmem(frame, observables=apart, **ONE_DRUG)  # CMT and the column agree
    with pytest.raises(DataError, match=f"row 4, column {column}: nothing after 1 among the values of C_dox"):
        mdr.read_nonmem(frame.assign(**{column: [0, 1, 1, "."]}), observables="C_dox [mg/L]", **ONE_DRUG)
    one = frame[frame[column] != 2]
    assert mdr.read_nonmem(one, observables="C_dox [mg/L]", **ONE_DRUG).table["value"].tolist() == [4.0, 2.0]
    marks = frame.assign(**{column: [0, 0, 0, 1]})
    assert (
        mdr.read_nonmem(marks, observables="C_dox [mg/L]", blq=column, **ONE_DRUG).table["censored"].iloc[2] == "below"
    )


@pytest.mark.parametrize("column", ["DATE", "dat2"])
def test_a_date_beside_a_time_of_day_is_refused(column: str) -> None:
    frame = pd.DataFrame({"ID": 1, column: [1, 2], "TIME": [8.0, 9.5], "AMT": [100, 0], "DV": [".", 3.2]})
    sentence = f"row 2, column {column}: the date changes from 1 to 2 within subject 1.*hours since the first record"
    with pytest.raises(RegimenError, match=sentence):
        mdr.read_nonmem(frame, observables="C_dox [mg/L]", **ONE_DRUG)
    with pytest.raises(RegimenError, match=sentence):
        mdr.read_doses(frame, carry="locf", **ONE_DRUG)
    same = frame.assign(**{column: "2024-01-02"})
    assert mdr.read_nonmem(same, observables="C_dox [mg/L]", **ONE_DRUG).table["time"].tolist() == [9.5]


def test_columns_that_nothing_reads_are_named() -> None:
    more = FRAME.assign(AGE=[50] * 5 + ["61"] * 3, NOTE="late", IPRED=range(8))
    (note,) = mdr.read_nonmem(more, **READ | {"blq": None}).notes
    assert note == (
        "columns of numbers that are not used: BLQ, WT, AGE, IPRED; blq='BLQ' if it marks values below the limit; "
        "covariates={'WT': 'parameter [unit]'} if the model knows it"
    )
    told = mdr.read_nonmem(more, covariates={"WT": "weight [kg]", "AGE": "age [year]"}, **READ)
    assert told.notes[-1] == "columns of numbers that are not used: IPRED"
    assert "IPRED" in repr(told)
    assert len(mdr.read_nonmem(more.drop(columns=["IPRED"]), covariates={"WT": "w", "AGE": "a"}, **READ).notes) == 1


@pytest.mark.parametrize("given", [{"WT": "weight [kg]"}, {"weight": "WT [kg]"}, {"weight": "wt [kg]"}])
def test_covariates_are_read_either_way_round(given: dict[str, str]) -> None:
    data = mdr.read_nonmem(FRAME, covariates=given, **READ)
    assert data == mdr.read_nonmem(FRAME, covariates={"WT": "weight [kg]"}, **READ)
    assay = FRAME[FRAME["MDV"] == 0].rename(columns={"WT": "WT [kg]"}).astype({"DV": float})
    exact = {name: text.replace("wt", "WT") for name, text in given.items()}
    tables = [
        mdr.read_assay(assay, time="TIME [h]", value="DV [mg/L]", by="ID", covariates=exact),
        mdr.read_events(assay, subject="ID", time="TIME [h]", value="DV [mg/L]", covariates=exact),
    ]
    for table in tables:
        assert [str(one.covariates["weight"]) for one in table.conditions] == ["70 kg", "82 kg"]
    model = mdr.Model(
        mdr.pk.one_compartment("dox", CL="1 L/h", V=mdr.formula("v*weight")),
        mdr.parameter("v", "1 L/kg"),
        mdr.parameter("weight", "50 kg"),
    )
    doses = {"compartments": READ["compartments"], "amount_unit": "mg"}
    records = mdr.read_doses(FRAME, covariates=given, **doses)
    assert records.covariates == ("WT",)
    found = mdr.simulate_records(model, records, covariates=exact, outputs="C_dox")
    assert found.equals(mdr.simulate_records(model, records, covariates={"WT": "weight [kg]"}, outputs="C_dox"))


def test_an_entry_that_can_be_read_as_it_is_documented_is() -> None:
    """Where both names are columns, no reader turns the entry round; where none is, the message is its own."""
    both = FRAME.assign(weight=[1] * 5 + [2] * 3)
    data = mdr.read_nonmem(both, covariates={"WT": "weight [kg]"}, **READ)
    assert str(data.conditions[0].covariates["weight"]) == "70 kg"
    assay = both[both["MDV"] == 0].astype({"DV": float})
    read = mdr.read_assay(assay, time="TIME [h]", value="DV [mg/L]", by="ID", covariates={"WT": "weight [kg]"})
    assert str(read.conditions[0].covariates["WT"]) == "1 kg"
    constant = mdr.read_assay(assay, time="TIME [h]", value="DV [mg/L]", by="ID", covariates={"WT": "75 kg"})
    assert str(constant.conditions[0].covariates["WT"]) == "75 kg"
    with pytest.raises(RegimenError, match="no covariate column 'mass'"):
        mdr.read_nonmem(FRAME, covariates={"mass": "weight [kg]"}, **READ)
