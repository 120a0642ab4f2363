"""Reading good tables: conditions, regimens, labels, errors and selections."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pkpd_mdr.data import read_assay
from pkpd_mdr.errors import DataError, UnitError

CONTINENTAL = """Zelllinie;Zeit [h];Zahl;Dosis (nM);Dauer [h]\r
SUM149;0;1,5e3;0;\r
SUM149;24;2500,5;0;\r
\r
SUM149;0;1400;39,0625;6\r
SUM149;24;900;39,0625;6\r
"""


def test_script_of_the_design(tmp_path: Path) -> None:
    path = tmp_path / "counts.csv"
    path.write_text(
        "cell_line,time_h,cell_count,dox_nM,exposure_h\nA,24,9,50,6\nA,0,10,50,6\nA,0,11,0,6\nA,48,5,50,6\n"
    )
    data = read_assay(
        str(path),
        time="time_h [h]",
        value="cell_count",
        drug={"dox": "dox_nM [nM]"},
        exposure="exposure_h [h]",
        by="cell_line",
    )
    assert [dict(condition.labels) for condition in data.conditions] == [
        {"cell_line": "A", "dox_nM": 0, "exposure_h": 6},
        {"cell_line": "A", "dox_nM": 50, "exposure_h": 6},
    ]
    assert data.conditions[0].regimen.acts == ()
    (act,) = data.conditions[1].regimen.acts
    assert (act.port, act.action, act.time, act.duration) == ("dox", "expose", 0.0, 6.0)
    assert act.amount.internal == pytest.approx(0.05)
    assert data.table["time"].tolist() == [0, 0, 24, 48]
    assert data.table["source_row"].tolist() == [4, 3, 2, 5]


def test_continental_file_with_header_units(tmp_path: Path) -> None:
    path = tmp_path / "zahlen.csv"
    path.write_bytes(CONTINENTAL.encode("cp1252"))
    data = read_assay(
        path, time="Zeit", value="Zahl", drug={"dox": "Dosis"}, exposure="Dauer", by="Zelllinie", decimal=","
    )
    assert data.table["value"].tolist() == [1500.0, 2500.5, 1400.0, 900.0]
    assert data.conditions[1].labels == {"Zelllinie": "SUM149", "Dosis": 39.0625, "Dauer": 6}
    assert data.table["source_row"].tolist() == [2, 3, 5, 6]


def test_static_dose_response() -> None:
    table = pd.DataFrame({"rootl": [7.6, 8.0, 0.3], "conc": [0, 0, 30]})
    data = read_assay(table, value="rootl", covariates={"conc": "conc"}, repeats="number", observable="length")
    assert data.table["time"].tolist() == [0, 0, 0]
    assert [condition.covariates["conc"].value for condition in data.conditions] == [0, 30]
    assert data.conditions[0].covariates["conc"].bare
    assert data.only(conc=30).table["value"].tolist() == [0.3]
    with_unit = read_assay(table, value="rootl", covariates={"conc": "conc [mM]"}, repeats="number")
    assert with_unit.conditions[1].covariates["conc"].internal == 30_000


def test_x_axis_that_is_no_time() -> None:
    table = pd.DataFrame({"y": [1.0, 2.0], "x": [77.6, 114.9]})
    assert read_assay(table, time="x [1]", value="y").table["time"].tolist() == [77.6, 114.9]


def test_two_drugs_with_their_own_exposures() -> None:
    table = pd.DataFrame({"v": [1, 2], "d": [10, 0], "p": [5, 5], "de": [6, None]})
    data = read_assay(table, value="v", drug={"dox": "d [nM]", "pac": "p [nM]"}, exposure={"dox": "24 h"})
    combined = data.only(d=10).conditions[0].regimen.acts
    assert [(act.port, act.duration) for act in combined] == [("dox", 24.0), ("pac", np.inf)]
    with pytest.raises(DataError, match=r"'de', row 1: .*exposure"):
        read_assay(table, value="v", drug={"dox": "d [nM]", "pac": "p [nM]"}, exposure="de [h]")


def test_a_column_that_names_the_drug() -> None:
    table = pd.DataFrame(
        {"v": [1, 2, 3, 4], "agent": ["", "glyphosate", "bentazone", "glyphosate"], "dose": [0, 9, 9, 0]}
    )
    table.loc[0, "agent"] = "none"
    data = read_assay(table, value="v", drug=("agent", "dose [g/ha]"))
    assert [condition.regimen.ports for condition in data.conditions] == [("bentazone",), (), ("glyphosate",), ()]
    assert data.only(agent="bentazone", dose=9).table["value"].tolist() == [3]
    untreated = read_assay(table[table["dose"] == 0], value="v", drug=("agent", "dose [g/ha]"), exposure="6 h")
    assert all(not condition.regimen.acts for condition in untreated.conditions)
    table.loc[1, "agent"] = " "
    with pytest.raises(DataError, match="row 1: a level is given without the name of its drug"):
        read_assay(table, value="v", drug=("agent", "dose [g/ha]"))


def test_doses_at_once_with_route_and_weight() -> None:
    table = pd.DataFrame({"Subject": [1, 1], "Time": [0.25, 1], "conc": [2.8, 6.6], "Dose": [4.0, 4.0], "Wt": [80, 80]})
    data = read_assay(
        table,
        time="Time [h]",
        value="conc [mg/L]",
        dose={"theo": "Dose [mg/kg]"},
        weight="Wt [kg]",
        route="oral",
        by="Subject",
        observable="plasma",
    )
    (act,) = data.conditions[0].regimen.acts
    assert (act.action, act.route, act.amount.internal) == ("dose", "oral", pytest.approx(320))
    assert data.value_factor("plasma") == 1.0


def test_arrival_of_the_drug_on_both_clocks() -> None:
    table = pd.DataFrame({"t": [68.7278, 93.2122, 45.0], "v": [5, 6, 4], "at": [68.7278] * 3, "d": [10] * 3})
    options = {"time": "t [h]", "value": "v", "drug": {"dox": "d [nM]"}, "exposure": "6 h", "drug_time": "at [h]"}
    own = read_assay(table, **options)
    assert own.conditions[0].regimen.acts[0].time == 68.7278
    shifted = read_assay(table, **options, zero="drug")
    assert shifted.conditions[0].regimen.acts[0].time == 0
    assert shifted.table["time"].tolist() == [-23.7278, 0.0, 24.4844]
    assert len(shifted.between("0 h")) == 2


def test_last_valid_point_by_time_and_by_number() -> None:
    table = pd.DataFrame({"t": [0, 1, 2, 0, 1, 2], "w": list("aaabbb"), "v": range(6), "last": [1, 1, 1, 2, 2, 2]})
    for rule in ("last", {"t": "last"}):
        data = read_assay(table, time="t [day]", value="v", replicate="w", last_valid=rule)
        assert sorted(data.table["value"]) == [0, 1, 3, 4, 5]
        assert data.notes == ("left out 1 of 6 rows after their last valid point",)


def test_error_columns_agree() -> None:
    table = pd.DataFrame({"v": [10.0], "sd": [4.0], "sem": [2.0], "var": [16.0], "n": [4]})
    for column in ({"sd": "sd"}, {"sem": "sem"}, {"variance": "var"}):
        data = read_assay(table, value="v", n="n", **column)
        assert data.table["sd"].tolist() == [4.0]
        assert data.standard_errors.tolist() == [2.0]
    assert np.isnan(read_assay(table, value="v").standard_errors).all()
    alone = pd.DataFrame({"v": [10.0, 9.0], "sd": [4.0, None], "n": [4, 1], "t": [0, 1]})
    assert np.isnan(read_assay(alone, value="v", time="t [h]", sd="sd", n="n").table["sd"][1])


def test_several_observables_in_one_column() -> None:
    table = pd.DataFrame({"t": [0, 0, 0], "what": ["Tumour volume", "Body weight", "Mood"], "v": [0.2, 25, -1]})
    data = read_assay(
        table,
        time="t [day]",
        value="v",
        observable_column="what",
        observable={"Tumour volume": "tumour [cm^3]", "Body weight": "weight [g]"},
    )
    assert data.observables == ("tumour", "weight")
    assert data.value_factor("weight") == 1000.0
    assert data.notes == ("left out 1 rows of Mood",)
    assert data.only(observable="weight").table["value"].tolist() == [25]


def test_labels_keep_names_that_look_like_numbers() -> None:
    table = pd.DataFrame({"v": [1, 2, 3], "plate": ["007", "7", "1e5"]})
    assert len(read_assay(table, value="v", by="plate").conditions) == 3
    numeric = read_assay(pd.DataFrame({"v": [1, 2], "plate": ["7", "10"]}), value="v", by="plate")
    assert [condition.labels["plate"] for condition in numeric.conditions] == [7, 10]


def test_start_and_keep() -> None:
    table = pd.DataFrame({"v": [1, 2, 9], "n0": [100, 100, 5], "line": ["A", "A", "B"], "t": [0, 1, 0]})
    data = read_assay(table, time="t [h]", value="v [cell]", start="n0", keep={"line": ["A"]})
    assert data.conditions[0].starts["burden"].internal == 100
    assert len(data) == 2
    # what is not kept is not judged
    table["v"] = ["1", "2", "bad"]
    assert len(read_assay(table, time="t [h]", value="v", keep={"line": "A"})) == 2


def test_whitespace_file_with_lines_before_the_header(tmp_path: Path) -> None:
    path = tmp_path / "misra.dat"
    path.write_text("NIST\n\n y               x\n      10.07E0      77.6E0\n      14.73E0     114.9E0\n")
    data = read_assay(path, time="x [1]", value="y", separator=" ", skip_lines=2)
    assert data.table["value"].tolist() == [10.07, 14.73]


def test_the_missing_unit_of_an_exposure_column_is_asked_for() -> None:
    table = pd.DataFrame({"v": [1], "d": [1], "e": [1]})
    with pytest.raises(UnitError, match=r"'e \[h\]'"):
        read_assay(table, value="v", drug={"dox": "d [nM]"}, exposure="e")


_row = st.tuples(
    st.sampled_from(["A", "B"]), st.integers(0, 5), st.floats(0, 1e6), st.sampled_from([0.0, 9.765625, 50.0])
)


@settings(max_examples=60, deadline=None, derandomize=True)
@given(rows=st.lists(_row, min_size=1, max_size=15, unique_by=lambda r: (r[0], r[1], r[3])), data=st.data())
def test_order_of_rows_and_unit_of_time_do_not_matter(
    rows: list[tuple[str, int, float, float]], data: st.DataObject
) -> None:
    frame = pd.DataFrame(rows, columns=["line", "t", "v", "d"])
    shuffled = frame.iloc[data.draw(st.permutations(range(len(rows))))]
    options = {"value": "v", "drug": {"dox": "d [nM]"}, "exposure": "6 h", "by": "line"}
    first = read_assay(frame, time="t [day]", **options)
    second = read_assay(shuffled.assign(t=shuffled["t"] * 24), time="t [h]", **options)
    assert first == second
    pd.testing.assert_frame_equal(
        first.table.drop(columns="source_row"), second.table.drop(columns="source_row"), check_dtype=False
    )
    changed = frame.assign(v=[frame["v"][0] + 1.0, *frame["v"][1:]])
    assert read_assay(changed, time="t [day]", **options) != first


@settings(max_examples=40, deadline=None, derandomize=True)
@given(values=st.lists(st.floats(0, 1e6), min_size=1, max_size=8), data=st.data())
def test_numbered_replicates_do_not_depend_on_the_order_of_rows(values: list[float], data: st.DataObject) -> None:
    shuffled = data.draw(st.permutations(values))
    one, two = (read_assay(pd.DataFrame({"v": v}), value="v", repeats="number") for v in (values, shuffled))
    assert one == two


def test_several_columns_of_values_are_refused_with_the_way_out():
    frame = pd.DataFrame({"h": [0, 24], "green": [90, 160], "red": [10, 15]})
    for value in ({"S": "green [cell]", "R": "red [cell]"}, ["green", "red"]):
        with pytest.raises(DataError, match=r"not one column; .* made long first: DataFrame\.melt"):
            read_assay(frame, time="h [h]", value=value)


def test_keys_in_the_index_are_columns() -> None:
    """As `groupby` leaves them; an index without a name is none."""
    wells = pd.DataFrame({"h": [0, 0, 24, 24], "n": [90.0, 110.0, 190.0, 210.0], "line": "A"})
    means = wells.groupby(["line", "h"])[["n"]].mean()
    data = read_assay(means, time="h [h]", value="n", by="line")
    assert data.table[["time", "value"]].to_numpy().tolist() == [[0.0, 100.0], [24.0, 200.0]]
    assert read_assay(means.reset_index(), time="h [h]", value="n", by="line").content_hash == data.content_hash
