from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pkpd_mdr.errors import RegimenError
from pkpd_mdr.regimen import (
    Act,
    Change,
    DoseRecords,
    Give,
    Mark,
    Regimen,
    Reset,
    bolus,
    exposure,
    infusion,
    oral,
    read_doses,
    write_doses,
)
from pkpd_mdr.units import Quantity, Unit, quantity

COMPARTMENTS = {1: ("dox", "oral"), 2: ("dox", "iv")}


def table(*rows: dict[str, object]) -> pd.DataFrame:
    """Rows of ID 1; a dose of 100 to compartment 1 unless said otherwise."""
    usual: dict[str, object] = {
        "ID": 1,
        "TIME": 0,
        "EVID": 1,
        "AMT": 100,
        "CMT": 1,
        "RATE": 0,
        "II": 0,
        "ADDL": 0,
        "SS": 0,
    }
    return pd.DataFrame([{**usual, **row} for row in rows])


def read(frame: pd.DataFrame | Path, **options: object) -> DoseRecords:
    return read_doses(frame, compartments=COMPARTMENTS, amount_unit="mg", **options)  # type: ignore[arg-type]


SEEN = {"EVID": 0, "AMT": 0}


# -- reading ------------------------------------------------------------------------------------------------------


def test_a_dose_and_its_items() -> None:
    (act,) = read(table({"AMT": 100, "CMT": 2, "RATE": 10, "II": 24, "ADDL": 3, "SS": 1})).subject(1).acts
    assert act == Act(
        0.0, "dox", "dose", quantity("100 mg"), "iv", rate=quantity("10 mg/h"), interval=24.0, additional=3, steady=1
    )


@pytest.mark.parametrize(("rate", "modelled"), [(-1, "rate"), (-2, "duration"), (0, "")])
def test_modelled_rates(rate: int, modelled: str) -> None:
    assert read(table({"RATE": rate})).subject(1).acts[0].modelled == modelled


def test_names_are_not_case_sensitive_and_may_be_mapped() -> None:
    frame = pd.DataFrame({"id": ["a", "a"], "hours": [0, 2], "dose": [100, "."], "cmt": [1, 2], "Dv": [".", 4.5]})
    subject = read(frame, columns={"time": "hours", "AMT": "dose"}).subject("a")
    assert [record.evid for record in subject.records] == [1, 0]
    assert subject.measured[0].dv == 4.5


def test_missing_evid_is_1_where_a_dose_item_stands() -> None:
    frame = table({}, {**SEEN, "TIME": 1}).drop(columns="EVID")
    assert [record.evid for record in read(frame).subject(1).records] == [1, 0]


def test_compartments_by_name_and_by_default() -> None:
    frame = table({"CMT": "Depot"}, {"TIME": 1, "CMT": 0}, {"TIME": 2, "CMT": "."})
    records = read_doses(
        frame, compartments={"depot": ("dox", "oral"), "central": ("dox", "iv")}, amount_unit="mg", default="central"
    )
    assert [act.route for act in records.subject(1).acts] == ["oral", "iv", "iv"]
    only = read_doses(table({"CMT": 0}), compartments={4: ("dox", "sc")}, amount_unit="mg")
    assert only.subject(1).acts[0].route == "sc"


def test_days_and_other_units() -> None:
    frame = table({"II": 7, "ADDL": 2, "RATE": 50}, {"TIME": 21, **SEEN})
    records = read_doses(frame, compartments=COMPARTMENTS, amount_unit="umol", time_unit="day")
    (act,) = records.subject(1).acts
    assert (act.interval, act.rate) == (168.0, quantity("50 umol/day"))
    assert act.span == pytest.approx(48.0)
    assert records.subject(1).records[1].clock == 504.0


def test_mdv_removes_a_row_from_the_likelihood_only() -> None:
    frame = table(
        {}, {**SEEN, "TIME": 1, "DV": 5, "MDV": 0}, {**SEEN, "TIME": 2, "DV": 7, "MDV": 1}, {**SEEN, "TIME": 3}
    )
    frame["MDV"] = frame["MDV"].fillna(0).where(frame["DV"].notna(), 1)
    subject = read(frame).subject(1)
    assert [record.time for record in subject.measured] == [1.0]
    assert [entry.time for entry in subject.entries() if isinstance(entry, Mark)] == [1.0, 2.0, 3.0]


def test_entries_keep_file_order_and_mark_rows() -> None:
    frame = table(
        {**SEEN},
        {},
        {**SEEN},
        {"TIME": 5, "EVID": 4},
        {"TIME": 6, "EVID": 3, "AMT": 0},
        {"TIME": 7, "EVID": 2, "AMT": 0},
    )
    subject = read(frame).subject(1)
    assert [type(entry) for entry in subject.entries()] == [Mark, Give, Mark, Reset, Give, Reset]
    assert [entry.index for entry in subject.entries(marks="all") if isinstance(entry, Mark)] == list(range(6))


def test_time_may_restart_lower_at_a_reset() -> None:
    frame = table(
        {},
        {**SEEN, "TIME": 48},
        {"TIME": 0, "EVID": 4},
        {**SEEN, "TIME": 5},
        {"TIME": 2, "EVID": 3, "AMT": 0},
        {**SEEN, "TIME": 3},
    )
    records = read(frame).subject(1).records
    assert [record.clock for record in records] == [0.0, 48.0, 48.0, 53.0, 53.0, 54.0]
    assert [record.occasion for record in records] == [0, 0, 1, 1, 2, 2]
    assert [record.time for record in records] == [0.0, 48.0, 0.0, 5.0, 2.0, 3.0]


def test_resets_cancel_pending_doses_unless_told() -> None:
    frame = table({}, {"TIME": 5, "EVID": 3, "AMT": 0})
    for cancels in (True, False):
        resets = [
            entry for entry in read(frame, reset_cancels=cancels).subject(1).entries() if isinstance(entry, Reset)
        ]
        assert [reset.cancel for reset in resets] == [cancels]


def test_nocb_holds_from_the_record_before_and_locf_from_the_record_on() -> None:
    frame = table(
        {"WT": 70}, {**SEEN, "TIME": 4, "WT": 80}, {**SEEN, "TIME": 8, "WT": 80}, {**SEEN, "TIME": 9, "WT": 70}
    )
    backward = read(frame, carry="nocb").subject(1)
    forward = read(frame, carry="locf").subject(1)
    assert backward.covariates == ((70.0,), (80.0,))
    assert [(e.time, e.row) for e in backward.entries() if isinstance(e, Change)] == [(0.0, 1), (8.0, 0)]
    assert [(e.time, e.row) for e in forward.entries() if isinstance(e, Change)] == [(4.0, 1), (9.0, 0)]
    # at the dose record itself its own row is in force, either way
    assert [type(e) for e in backward.entries()][:2] == [Give, Change]
    assert [type(e) for e in forward.entries()][1:3] == [Change, Mark]


def test_constant_covariates_need_no_choice_and_comments_are_none() -> None:
    frame = table({"WT": 70, "C": "."}, {**SEEN, "TIME": 4, "WT": 70, "C": "was late"})
    records = read(frame)
    assert records.covariates == ("WT",)
    assert not [entry for entry in records.subject(1).entries() if isinstance(entry, Change)]


def test_covariate_columns_are_chosen() -> None:
    frame = table({"WT": 70, "CP": 1}, {**SEEN, "TIME": 4, "WT": 70, "CP": 2})
    assert read(frame, covariates=["wt"]).covariates == ("WT",)
    assert read(frame, covariates={"WT": "weight [kg]"}).covariates == ("WT",)
    assert read(frame, covariates=[]).covariates == ()


def test_allowed_duplicates() -> None:
    assert len(read(table({}, {}), allow_duplicates=True).subject(1).acts) == 2


def test_a_regimen_of_a_subject() -> None:
    frame = table({"II": 12, "ADDL": 1}, {"TIME": 30, "AMT": 50})
    assert str(read(frame).subject(1).regimen().planned_total("dox")) == "250 mg"
    with pytest.raises(RegimenError, match=r"reset in row 2"):
        read(table({}, {"TIME": 5, "EVID": 4})).subject(1).regimen()


@pytest.mark.parametrize(
    "text",
    [
        "\ufeffID,TIME,AMT,CMT,DV\n1,0,100.5,1,.\n\n# a comment\n1,2,0,2,3.25\n",
        "ID;TIME;AMT;CMT;DV\r\n1;0;100,5;1;.\r\n1;2;0;2;3,25\r\n",
        "ID\tTIME\tAMT\tCMT\tDV\n1\t0\t100.5\t1\t\n1\t2\t0\t2\t3.25\n",
    ],
)
def test_files(tmp_path: Path, text: str) -> None:
    path = tmp_path / "doses.csv"
    path.write_bytes(text.encode())
    subject = read(path).subject(1)
    assert subject.acts[0].amount.value == 100.5
    assert subject.measured[0].dv == 3.25


# -- refusals -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("rows", "sentence"),
    [
        ([{"AMT": -100}], r"row 1, column AMT: -100 is negative"),
        ([{}, {"TIME": 1, "II": -12}], r"row 2, column II: -12 is negative"),
        ([{"ADDL": -3, "II": 12}], r"row 1, column ADDL: -3 is negative"),
        ([{"ADDL": 1.5, "II": 12}], r"row 1, column ADDL: 1\.5 is not a whole number"),
        ([{"ADDL": 3}], r"row 1, column II: ADDL is 3 but the interval II is 0"),
        ([{"SS": 1}], r"row 1, column II: SS is 1 but the interval II is 0"),
        ([{"SS": 3, "II": 12}], r"row 1, column SS: 3 is not known"),
        ([{"AMT": 0, "RATE": 10, "SS": 1, "ADDL": 2, "II": 0}], r"column ADDL: 2 on a steady-state constant infusion"),
        ([{"RATE": -3}], r"row 1, column RATE: -3 is not possible"),
        ([{"RATE": -1.5}], r"column RATE: -1\.5 is not possible"),
        ([{"AMT": 0, "RATE": 10}], r"row 1, column AMT: the dose has no amount"),
        ([{"AMT": 0}], r"column AMT: the dose has no amount"),
        ([{"AMT": None}], r"column AMT: the dose has no amount"),
        ([{"AMT": "1OO"}], r"row 1, column AMT: '1OO' is not a number"),
        ([{"AMT": "1,5"}], r"'1,5' is not a number; write a decimal point"),
        ([{"AMT": "1e999"}], r"'1e999' is not finite"),
        ([{"AMT": float("inf")}], r"column AMT: 'inf' is not a number"),
        ([{"AMT": "1_0"}], r"'1_0' is not a number"),
        ([{"TIME": float("nan")}], r"row 1, column TIME: the time is missing"),
        ([{"TIME": -1}], r"row 1, column TIME: -1 is negative"),
        ([{"TIME": 5}, {"TIME": 4}], r"row 2, column TIME: 4 comes after 5; sort the rows, or reset"),
        ([{}, {}], r"row 2, column TIME: the dose of row 1 is repeated; remove it or say allow_duplicates=True"),
        ([{"ID": "1e999"}, {"ID": "1e999", "TIME": -1}], r"row 2, column TIME"),
        ([{"ID": None}], r"row 1, column ID: the row has no subject"),
        ([{"ID": 1}, {"ID": 2}, {"ID": 1, "TIME": 3}], r"row 3, column ID: subject 1 appears again"),
        ([{"ID": "01"}, {"ID": "1", "TIME": 3}], r"row 2, column ID: '01' and '1' are one number; write one subject"),
        ([{"EVID": 7}], r"row 1, column EVID: 7 is not known; use 0 \(observation\)"),
        ([{"EVID": "dose"}], r"column EVID: 'dose' is not a number"),
        ([{"EVID": 0}], r"row 1, column AMT: 100 on an observation \(EVID 0\)"),
        ([{**SEEN, "II": 12}], r"column II: 12 on an observation"),
        ([{"EVID": 3}], r"column AMT: 100 on a reset \(EVID 3\)"),
        ([{"EVID": 2, "AMT": 0, "CMT": -1}], r"column CMT: -1 would switch a compartment off, which is not supported"),
        ([{"CMT": 3}], r"row 1, column CMT: compartment 3 is not known; known are '1', '2'"),
        ([{"CMT": 0}], r"column CMT: the dose names no compartment"),
        ([{**SEEN, "DV": 1, "MDV": 3}], r"column MDV: 3 is not known"),
        ([{**SEEN, "DV": None, "MDV": 0}], r"column DV: the measurement is missing although MDV is 0"),
        ([{"DUR": -2}], r"column DUR: -2 is negative"),
        ([{"DUR": 2, "RATE": 5}], r"column DUR: 2 stands beside RATE 5"),
        ([{"WT": 70}, {"TIME": 1, "WT": 71}], r"row 2, column WT: the value changes within subject 1; say how"),
        ([{"WT": 70}, {"TIME": 1, "WT": 71}, {"TIME": 2, "WT": "7O"}], r"row 3, column WT: '7O' is not a number|row 2"),
        ([{"WT": 70}, {"TIME": 1, "WT": None}], r"row 2, column WT: the covariate of subject 1 is missing"),
    ],
)
def test_refusals_name_row_and_column(rows: list[dict[str, object]], sentence: str) -> None:
    with pytest.raises(RegimenError, match=sentence) as caught:
        read(table(*rows))
    assert "\n" not in str(caught.value)


def test_text_in_a_covariate_is_refused_even_though_comments_are_not() -> None:
    frame = table({"WT": 70}, {"TIME": 1, "WT": 70}, {"TIME": 2, "WT": "7O"})
    with pytest.raises(RegimenError, match=r"row 3, column WT: '7O' is not a number"):
        read(frame, carry="locf")


def test_refusals_of_a_file_name_the_line(tmp_path: Path) -> None:
    path = tmp_path / "doses.csv"
    path.write_text("ID,TIME,AMT,CMT\n\n1,0,100,1\n1,1,-5,1\n")
    with pytest.raises(RegimenError, match=r"line 4, column AMT: -5 is negative"):
        read(path)
    path.write_text("ID,TIME,AMT,CMT\n1,0,100\n")
    with pytest.raises(RegimenError, match=r"line 2 has 3 cells, but the table has 4 columns"):
        read(path)
    path.write_text("")
    with pytest.raises(RegimenError, match="is empty"):
        read(path)
    path.write_bytes(b"ID,TIME,AMT\n1,0,\xff\xfe\n")
    with pytest.raises(RegimenError, match="not a UTF-8 text table"):
        read(path)
    with pytest.raises(RegimenError, match="cannot be read"):
        read(tmp_path / "missing.csv")


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"ID TIME AMT\n1 0 100\n", r"separated by spaces .*; pass pandas.read_csv\(path, sep=r'\\s\+'\)"),
        (b"#ID,TIME,AMT\n1,0,100\n", r"line 1 of .* names columns; remove the # from the header"),
        (b"\n# ID TIME AMT\nA-1,0,100\n", r"line 2 of .* names columns; remove the # from the header"),
        ("ID,TIME,AMT,Größe\n1,0,100,1\n".encode("latin-1"), "not a UTF-8 text table .*; save it as CSV in UTF-8"),
        (b"PK\x03\x04abc", "it is a workbook or a zip file.*; save it as CSV in UTF-8, or .*read_excel"),
    ],
)
def test_files_of_another_kind_are_told_what_to_do(tmp_path: Path, content: bytes, sentence: str) -> None:
    (tmp_path / "doses.csv").write_bytes(content)
    with pytest.raises(RegimenError, match=sentence):
        read(tmp_path / "doses.csv")


def test_the_repairs_that_are_named_work(tmp_path: Path) -> None:
    path = tmp_path / "doses.csv"
    path.write_text("# ID of the trial: 7\n# TIME and AMT as planned\nID,TIME,AMT,CMT\n1,0,100,1\n")
    wanted = read(path)
    path.write_text("ID TIME  AMT CMT\n1    0  100   1\n")
    assert read(pd.read_csv(path, sep=r"\s+")) == wanted
    headed = table({}).rename(columns={"TIME": "TIME [day]"})
    assert read(headed, columns={"TIME": "TIME [day]"}, time_unit="day").subject(1).acts == wanted.subject(1).acts
    assert read(table({"CMT": "."}), default=1).subject(1).acts == wanted.subject(1).acts


@pytest.mark.parametrize(
    ("cells", "sentence"),
    [
        ({"TIME": "08:30"}, "'08:30' is not a number; .* so write hours since the first record"),
        ({"TIME": "2024-01-02"}, "so write hours since the first record"),
        ({"TIME": pd.Timestamp("2024-01-02 08:00")}, "so write hours since the first record"),
        ({"TIME": "8 h"}, "; write the number alone"),
        ({"DV": "BLQ"}, "write the limit and 1 in a column that blq= of read_nonmem names"),
        ({"DV": "<0.1"}, "write the limit and 1 in a column that blq= of read_nonmem names"),
        ({"DV": "3 mg/L"}, "; write the number alone"),
        ({"AMT": "BLQ"}, "; write the number alone"),
        ({"CMT": "."}, "known are 1, 2, so fill the cell or say for example default=1"),
    ],
)
def test_a_cell_that_cannot_be_read_is_told_what_to_write(cells: dict[str, object], sentence: str) -> None:
    with pytest.raises(RegimenError, match=f"^row 1, column {next(iter(cells))}: .*{sentence}"):
        read(table(cells))


@pytest.mark.parametrize(
    ("frame", "options", "sentence"),
    [
        (table({}).rename(columns={"TIME": "TIMES"}), {}, r"no column TIME; did you mean 'TIMES'"),
        (table({}).rename(columns={"TIME": "hours"}), {}, r"known are 'hours' \(columns=\{'TIME': ...\} names it\)"),
        (table({}).rename(columns={"TIME": "Time [day]"}), {}, r"columns=\{'TIME': 'Time \[day\]'\}, time_unit='day'$"),
        (table({}).rename(columns={"AMT": "AMT [mg]"}), {}, r"columns=\{'AMT': 'AMT \[mg\]'\}$"),
        (table({}).drop(columns="ID"), {}, r"no column ID$"),
        (table({}).iloc[:0], {}, r"no rows below its header"),
        (table({}).assign(time=1), {}, r"column 'time' twice"),
        (table({}), {"columns": {"TIM": "TIME"}}, r"unknown role 'TIM'; did you mean 'TIME'"),
        (table({}), {"columns": {"TIME": "HOUR"}}, r"no column 'HOUR'"),
        (table({}), {"carry": "linear"}, r"carry = 'linear' is not known"),
        (table({}), {"covariates": ["WT"]}, r"no covariate column 'WT'"),
        (table({}), {"covariates": "locf"}, r"no covariate column 'locf'; say carry='locf'"),
        (table({}), {"covariates": 3}, r"covariates is 3, not a list of columns"),
        (table({}), {"time_unit": "mg"}, r"time_unit = 'mg' does not measure time"),
        (table({}), {"compartments": {}}, r"compartments= is empty"),
        (table({}), {"compartments": {1: "dox"}}, r"compartment 1 has to map to a port and a route"),
        ([1, 2], {}, r"a DataFrame or the path of a csv file, not list"),
    ],
)
def test_refusals_of_the_whole_table(frame: object, options: dict[str, object], sentence: str) -> None:
    with pytest.raises(RegimenError, match=sentence):
        read_doses(frame, **{"compartments": COMPARTMENTS, "amount_unit": "mg", **options})  # type: ignore[arg-type]


def test_unknown_subjects_and_marks() -> None:
    records = read(table({"ID": "P01"}))
    with pytest.raises(RegimenError, match=r"no subject 'P1'; did you mean 'P01'"):
        records.subject("P1")
    with pytest.raises(RegimenError, match=r"marks = 'some' is not known"):
        records.subject("P01").entries(marks="some")
    numbered = read(table({"ID": "007"}))
    assert numbered.subject(7) is numbered.subject("7") is numbered.subjects[0]


# -- writing ------------------------------------------------------------------------------------------------------


@st.composite
def rows(draw: st.DrawFn) -> pd.DataFrame:
    lines: list[dict[str, object]] = []
    for identity in range(1, draw(st.integers(1, 3)) + 1):
        time = 0.0
        for _ in range(draw(st.integers(1, 5))):
            time += draw(st.floats(0.01, 50.0))
            kind = draw(st.sampled_from(["dose", "observation", "reset", "constant"]))
            line: dict[str, object] = {
                "ID": identity,
                "TIME": time,
                "WT": draw(st.sampled_from([60.0, 70.5])),
                "CMT": draw(st.sampled_from([1, 2])),
            }
            if kind == "dose":
                line |= {"EVID": draw(st.sampled_from([1, 4])), "AMT": draw(st.floats(0.1, 500.0))}
                line |= draw(st.sampled_from([{}, {"RATE": 12.5}, {"RATE": -1}, {"RATE": -2}, {"DUR": 3.5}]))
                line |= draw(
                    st.sampled_from([{}, {"II": 12.1, "ADDL": 3}, {"II": 24, "SS": 1}, {"II": 8, "SS": 2, "ADDL": 1}])
                )
            elif kind == "constant":
                line |= {"EVID": 1, "AMT": 0, "RATE": draw(st.floats(0.1, 9.0)), "SS": 1}
            elif kind == "observation":
                line |= {"EVID": 0, "DV": draw(st.floats(-5, 5) | st.none()), "AMT": 0}
            else:
                line |= {"EVID": 3, "AMT": 0}
                time = draw(st.sampled_from([time, 0.0]))
                line["TIME"] = time
            lines.append(line)
    return pd.DataFrame(
        lines, columns=["ID", "TIME", "EVID", "AMT", "CMT", "RATE", "DUR", "II", "ADDL", "SS", "DV", "WT"]
    )


@settings(max_examples=100, deadline=None)
@given(rows(), st.sampled_from(["h", "day"]), st.sampled_from(["nocb", "locf"]))
def test_what_is_written_reads_back(frame: pd.DataFrame, time_unit: str, carry: str) -> None:
    options = {"carry": carry, "time_unit": time_unit, "covariates": ["WT"], "allow_duplicates": True}
    records = read(frame, **options)
    again = read(write_doses(records), **options)
    if time_unit == "h":
        assert again == records
    assert [[a.amount for a in s.acts] for s in again] == [[a.amount for a in s.acts] for s in records]
    for one, other in zip(again, records, strict=True):
        assert [act.interval for act in one.acts] == pytest.approx([act.interval for act in other.acts])


def test_a_written_file_reads_back(tmp_path: Path) -> None:
    regimen = bolus("dox", "75 mg", route="iv").every("21 day", times=3) & oral("dox", "20 mg", at="5.1 h")
    path = tmp_path / "doses.csv"
    write_doses(regimen, compartments=COMPARTMENTS, amount_unit="mg").to_csv(path, index=False)
    assert read(path).subject(1).regimen().acts == regimen.acts


def test_infusions_are_written_as_a_rate_or_exactly() -> None:
    regimen = infusion("dox", "75 mg", over="3 h", route="iv")
    options = {"compartments": COMPARTMENTS, "amount_unit": "mg"}
    by_rate = write_doses(regimen, **options)  # type: ignore[arg-type]
    assert "DUR" not in by_rate.columns
    assert by_rate["RATE"].tolist() == [25.0]
    exact = write_doses(regimen, infusions="dur", **options)  # type: ignore[arg-type]
    assert exact[["RATE", "DUR"]].to_numpy().tolist() == [[0.0, 3.0]]
    assert read(exact).subject(1).acts == regimen.acts


def test_units_and_routes_are_found_when_written() -> None:
    regimen = infusion("dox", "0.075 g", rate="1 mg/min")
    frame = write_doses(regimen, compartments={7: ("dox", "iv")}, amount_unit="mg", time_unit="day")
    assert frame[["AMT", "CMT", "RATE"]].to_numpy().tolist() == [[75.0, 7, 1440.0]]
    either = bolus("dox", "5 mg") & bolus("dox", "6 mg", route="iv")
    frame = write_doses(either, compartments={1: ("dox", ""), 2: ("dox", "iv")}, amount_unit="mg")
    assert frame[["AMT", "CMT"]].to_numpy().tolist() == [[5.0, 1], [6.0, 2]]


def test_several_subjects_are_written() -> None:
    arms = {"a": bolus("dox", "5 mg", route="iv"), "b": bolus("dox", "7 mg", route="iv")}
    frame = write_doses(arms, compartments=COMPARTMENTS, amount_unit="mg")
    assert frame[["ID", "AMT"]].to_numpy().tolist() == [["a", 5.0], ["b", 7.0]]


@pytest.mark.parametrize(
    ("regimen", "options", "sentence"),
    [
        (exposure("dox", "5 nM"), {}, r"only doses can be written"),
        (bolus("dox", "5 mg"), {}, r"more than one compartment fits"),
        (bolus("pac", "5 mg"), {}, r"no compartment fits; known are 1 = dox oral, 2 = dox iv"),
        (bolus("dox", "5 umol", route="iv"), {}, r"cannot be written as 'mg'"),
        (bolus("dox", "5 mg"), {"compartments": None}, r"needs compartments="),
        (bolus("dox", "5 mg"), {"infusions": "both"}, r"infusions = 'both' is not known"),
    ],
)
def test_refusals_in_writing(regimen: Regimen, options: dict[str, object], sentence: str) -> None:
    with pytest.raises(RegimenError, match=sentence):
        write_doses(regimen, **{"compartments": COMPARTMENTS, "amount_unit": "mg", **options})  # type: ignore[arg-type]


@settings(max_examples=200, deadline=None)
@given(st.data())
def test_no_cell_breaks_the_reader_otherwise_than_by_refusal(data: st.DataObject) -> None:
    cell = st.one_of(st.text(max_size=5), st.integers(-3, 200), st.floats(), st.none(), st.booleans(), st.just(pd.NA))
    frame = table({}, {**SEEN, "TIME": 1}, {"TIME": 2}).astype(object)
    for _ in range(data.draw(st.integers(1, 4))):
        frame.iat[data.draw(st.integers(0, 2)), data.draw(st.integers(0, len(frame.columns) - 1))] = data.draw(cell)
    try:
        found = read(frame, allow_duplicates=True)
    except RegimenError:
        return
    clocks = np.array([record.clock for subject in found for record in subject.records])
    assert np.isfinite(clocks).all()


def test_quantities_carry_the_unit_of_the_table() -> None:
    act = read(table({"CMT": 2})).subject(1).acts[0]
    assert act.amount == Quantity(100.0, Unit.of("mg"))
