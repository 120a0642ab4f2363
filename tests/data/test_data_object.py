"""What can be asked of `Data` once it is read."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from pkpd_mdr.data import Condition, Data, from_frame, read_assay
from pkpd_mdr.errors import DataError, UnitError
from pkpd_mdr.regimen import exposure, nothing

FRAME = pd.DataFrame(
    {
        "line": ["A"] * 6 + ["B"] * 3,
        "t": [0, 0, 1, 1, 2, 2, 0, 1, 2],
        "well": ["x", "y"] * 3 + ["x"] * 3,
        "v": [10.0, 12, 20, 26, 40, 44, 5, 6, 7],
        "d": [0] * 6 + [50] * 3,
    }
)


def _data(frame: pd.DataFrame = FRAME, value: str = "v [cell]", **options: object) -> Data:
    base = {"time": "t [day]", "drug": {"dox": "d [nM]"}, "by": "line", "replicate": "well"}
    return read_assay(frame, value=value, **base | options)


def test_only_without_between() -> None:
    data = _data()
    assert len(data.only(line="A")) == 6
    assert data.only(line="A").conditions[0].index == 0
    assert data.only(line=["A", "B"]) == data
    assert data.only(d="50") == data.without(line="A") == data.only(line="B", d=50.0)
    assert data.only(replicate="y").table["value"].tolist() == [12, 26, 44]
    assert data.only(condition=data.conditions[1].name) == data.only(line="B")
    assert data.between("24 h").table["time"].min() == 24
    assert data.between(end="1 day").table["time"].max() == 24
    assert any("only(line='A')" in note for note in data.only(line="A").notes)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"lien": "A"}, "no label 'lien'; did you mean 'line'"),
        ({"line": "C"}, "no measurement has line = 'C'; known are 'A', 'B'"),
        ({"line": "A", "d": 50}, r"only\(line='A', d=50\) leaves no measurement"),
        ({"observable": "burdn"}, "did you mean 'burden'"),
    ],
)
def test_unknown_labels(wrong: dict[str, object], message: str) -> None:
    with pytest.raises(DataError, match=message):
        _data().only(**wrong)


def test_other_refusals() -> None:
    with pytest.raises(DataError, match="leaves no measurement"):
        _data().without(line=["A", "B"])
    with pytest.raises(DataError, match="leaves no measurement"):
        _data().between("9 day")
    with pytest.raises(UnitError, match=r"the begin of between\(\)"):
        _data().between(3)
    with pytest.raises(DataError, match="no observable 'volume' was measured"):
        _data().value_factor("volume")


def test_means_of_replicates() -> None:
    means = _data().mean_of_replicates()
    table = means.only(line="A").table
    assert table["value"].tolist() == [11, 23, 42]
    assert table["sd"].to_numpy() == pytest.approx([2**0.5, 18**0.5, 8**0.5])
    assert table["n"].tolist() == [2, 2, 2]
    assert means.only(line="A").standard_errors == pytest.approx([1, 3, 2])
    assert "3 of the means rest on one value and have no sd" in means.notes
    assert np.isnan(means.only(line="B").standard_errors).all()
    with pytest.raises(DataError, match="means already"):
        means.mean_of_replicates()


def test_data_cannot_be_changed_through_its_table() -> None:
    data = _data()
    before = data.content_hash
    table = data.table
    table.loc[0, "value"] = 99
    assert data.content_hash == before
    with pytest.raises(AttributeError):
        data.origin = "x"  # type: ignore[misc]


def test_hash_sees_everything_that_matters() -> None:
    base = _data()
    assert _data().content_hash == base.content_hash
    assert hash(_data()) == hash(base)
    changes = [
        _data(FRAME.assign(d=FRAME["d"] * 2)),
        _data(FRAME.assign(t=FRAME["t"] + 1)),
        _data(value="v [mg]"),
        _data(exposure="6 h"),
        _data(observable="cells"),
        _data(covariates={"wt": "20 g"}),
        _data(start="5 cell"),
        _data(drug={"pac": "d [nM]"}),
        _data(constants={"arm": "x"}),
    ]
    hashes = {data.content_hash for data in changes} | {base.content_hash}
    assert len(hashes) == len(changes) + 1
    assert base != "text"


def test_hash_is_the_same_in_other_units() -> None:
    other = FRAME.assign(t=FRAME["t"] * 24, d=FRAME["d"] / 1000)
    assert _data(other, time="t [h]", drug={"dox": "d [uM]"}, by=["line"]).conditions[1].regimen.acts[
        0
    ].amount.internal == (_data().conditions[1].regimen.acts[0].amount.internal)


def test_merge_joins_observables_times_and_conditions() -> None:
    volume = _data(FRAME[["line", "t", "well", "d"]].assign(w=25.0), value="w [g]", observable="weight")
    both = _data() & volume
    assert both.observables == ("burden", "weight")
    assert len(both.conditions) == 2
    assert both == volume & _data() == volume.merge(_data())
    early, late = _data().between(end="1 day"), _data().between("30 h")
    assert early & late == _data()
    assert _data().only(line="A") & _data().only(line="B") == _data()


def test_merge_refuses_what_does_not_fit() -> None:
    with pytest.raises(DataError, match=r"2 values for the same condition.*join tables that share no measurement"):
        _ = _data() & _data().only(line="A")
    with pytest.raises(DataError, match="burden is in 'cell' here and in 'mg' there"):
        _ = _data().between("1 day") & _data(value="v [mg]").between(end="0 h")
    with pytest.raises(DataError, match="burden starts at 5 cell in one table and 6 cell in the other"):
        _ = _data(start="5 cell").between("1 day") & _data(start="6 cell").between(end="0 h")
    with pytest.raises(TypeError):
        _ = _data() & 3  # type: ignore[operator]


def test_start_values_of_one_table_reach_the_other() -> None:
    both = _data(start="5 cell").between("1 day") & _data().between(end="0 h")
    assert len(both.conditions) == 2
    assert both.conditions[0].starts["burden"].value == 5


def test_summary_and_repr() -> None:
    data = _data()
    summary = data.summary()
    assert summary["rows"].tolist() == [6, 3]
    assert summary["replicates"].tolist() == [2, 1]
    assert repr(data).startswith("Data: 9 rows, 2 conditions, burden [cell], 0 to 48 h, from the table")


def test_html_escapes_what_comes_from_a_table() -> None:
    frame = FRAME.assign(line="<script>alert(1)</script>", d=0)
    html = _data(frame.iloc[:2]).named("<b>x</b>")._repr_html_()
    assert "<script>" not in html
    assert "<b>" not in html
    assert "&lt;script&gt;" in html


def test_csv_round_trip(tmp_path: Path) -> None:
    path = tmp_path / "tidy.csv"
    data = _data()
    text = data.to_csv(path)
    assert path.read_text(encoding="utf-8") == text
    again = read_assay(
        path, time="time", value="value [cell]", drug={"dox": "d [nM]"}, by="line", replicate="replicate"
    )
    assert again == data


def test_from_frame_and_its_refusals() -> None:
    conditions = [
        Condition("treated", {"arm": "b"}, exposure("dox", "50 nM", over="6 h")),
        Condition("control", {"arm": "a"}, nothing()),
    ]
    frame = pd.DataFrame(
        {"condition": ["treated", "control"] * 2, "time": [0, 0, 24, 24], "value": [1.0, 2, 3, 4], "sd": [1.0] * 4}
    )
    data = from_frame(frame, conditions, units={"burden": "cell"})
    assert [condition.name for condition in data.conditions] == ["control", "treated"]
    assert data.table["value"].tolist() == [2, 4, 1, 3]
    assert data.table["sd"].tolist() == [1.0] * 4
    two = from_frame(frame.assign(observable=["a", "b"] * 2), conditions, units={"a": "cell", "b": "g"})
    assert two.value_factor("b") == 1000
    for changed, options, message in [
        (frame.assign(condition="tread"), {}, "names condition 'tread'.*did you mean 'treated'"),
        (frame.assign(value=np.nan), {}, "the value is missing"),
        (frame.assign(time=0), {}, "2 values for the same condition"),
        (frame, {"units": {"a": "g", "b": "g"}}, "no column 'observable'"),
        (frame.assign(observable=list("abca")), {"units": {"a": "g", "b": "g"}}, "does not name every observable"),
        (frame, {"conditions": [conditions[0], conditions[0]]}, "same name"),
    ]:
        arguments = {"conditions": conditions, "units": {"burden": "cell"}} | options
        with pytest.raises(DataError, match=message):
            from_frame(changed, arguments["conditions"], units=arguments["units"])


def test_names_of_conditions_are_unique() -> None:
    frame = pd.DataFrame({"v": [1.0, 2.0], "d": [5.0, 5.0], "at": [0.0, 3.0]})
    data = read_assay(frame, value="v", drug={"dox": "d [nM]"}, drug_time="at [h]")
    assert [condition.name for condition in data.conditions] == ["d=5", "d=5 (2)"]
