"""Bad input of dose-response tables is named with row and column; the rest fits, every curve has a state, in order."""

from __future__ import annotations

import re

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from strategies.plates import DOSES, plate

import pkpd_mdr as mdr

GOOD = {"good": (1.0, 0.1, 0.8, 1.3)}


def fitted(table: pd.DataFrame, **options: object) -> mdr.DoseResponse:
    return mdr.dose_response(table, **({"dose": "dose", "response": "v", "by": "line", "scale": "viability"} | options))  # type: ignore[arg-type]


def with_line(name: str, doses: list[float], values: list[float]) -> pd.DataFrame:
    """A bad line before a good one."""
    bad = pd.DataFrame({"line": name, "dose": doses, "v": values, "plate": "P0"})
    return pd.concat([bad, plate(GOOD)], ignore_index=True)


@pytest.mark.parametrize(
    ("doses", "values", "state", "note"),
    [
        ([1.0, 1.0, 1.0], [0.5, 0.6, 0.5], "not identifiable", "one dose only"),
        ([0.0, 1.0, 3.0], [1.0, 0.5, 0.2], "not identifiable", "3 points are fewer than 4 parameters"),
        ([0.0, 1.0, 3.0, 9.0], [1.0, 0.5, 0.2, 0.1], "not identifiable", "leave none for the error"),
        ([0.0, 0.0, 0.0], [1.0, 1.1, 0.9], "not identifiable", "one dose only"),
        ([1.0, np.nan], [np.nan, 0.5], "not identifiable", "no usable well"),
        ([0.01, 0.1, 1.0, 10.0, 30.0] * 2, [1.0] * 10, "no effect", ""),
        ([0.01, 0.1, 1.0, 10.0, 30.0] * 2, [0.6] * 10, "no effect", ""),
        (
            [0.01, 0.1, 1.0, 10.0, 30.0] * 2,
            [0.0] * 10,
            "< min",
            "flat at 0, no untreated well: on its scale every dose",
        ),
        ([0.0, 0.1, 1.0, 10.0, 30.0] * 2, [0.0] * 10, "no effect", "untreated wells are at 0: is scale = 'viability'"),
    ],
)
def test_a_bad_curve_has_a_state_and_the_rest_fits(
    doses: list[float], values: list[float], state: str, note: str
) -> None:
    frame = fitted(with_line("bad", doses, values)).frame
    assert frame["line"].tolist() == ["bad", "good"]
    assert frame["ec50_state"].tolist() == [state, "in range"]
    assert note in frame["note"].iloc[0]
    assert np.isnan(frame["ec50"].iloc[0])
    assert frame["ec50"].iloc[1] == pytest.approx(0.8, rel=0.2)


def test_all_dead_is_below_the_lowest_dose() -> None:
    fit = fitted(with_line("dead", [0.01, 0.1, 1.0, 10.0, 30.0] * 2, [0.02, 0.03, 0.01, 0.02, 0.03] * 2))
    for found in (fit.ed(0.5, kind="absolute"), fit.ed(50)):
        assert found["state"].tolist() == ["< min", "in range"]
        assert (found["lower"].iloc[0], found["upper"].iloc[0]) == (0.0, 0.01)
    assert fit.frame["verdict"].tolist() == ["all affected", "effect"]
    assert fitted(with_line("dead", [0.01, 0.1, 1.0, 10.0], [0.02] * 4), scale=None).ed(50)["state"].iloc[0] != "< min"


def test_all_dead_beside_living_controls_is_below_the_lowest_dose() -> None:
    """The curve alone could fall on without end behind the tested doses; a response cannot leave its scale."""
    doses = [0.0] * 3 + [0.01, 0.1, 1.0, 10.0, 30.0] * 3
    dead = [1.0, 0.97, 1.04] + [0.01, 0.05, 0.02, 0.03, 0.0, 0.03, 0.0, 0.04, 0.01, 0.02, 0.02, 0.03, 0.0, 0.02, 0.01]
    table = with_line("dead", doses, dead)
    for scale, values in (("viability", table["v"]), ("inhibition", 1.0 - table["v"])):
        found = fitted(table.assign(v=values), scale=scale).ed(10, 50, 90)
        assert found["state"].tolist() == ["< min"] * 3 + ["in range"] * 3
        assert found["upper"].tolist()[:3] == [0.01] * 3
    assert fitted(table, scale=None).ed(50)["state"].tolist() == ["not identifiable", "in range"]


def test_a_limit_on_a_ridge_is_no_number_and_the_area_stays_that_of_the_data() -> None:
    rng = np.random.default_rng(1)
    flat = 0.01 + 0.005 * rng.standard_normal(21)
    table = pd.DataFrame({"line": "dead", "dose": np.repeat([0.01, 0.03, 0.1, 0.3, 1.0, 3.0, 10.0], 3), "v": flat})
    for turn in (1.0, -1.0):
        frame = fitted(table.assign(v=0.5 + turn * (table["v"] - 0.5))).frame
        assert frame["auc"].iloc[0] == pytest.approx(0.5 + turn * (flat.mean() - 0.5), abs=0.003)
        limits = frame[["c", "d"]].to_numpy()
        assert np.all(np.isnan(limits) | (np.abs(limits) < 100))


def test_logarithms_in_place_of_doses_are_refused() -> None:
    table = plate(GOOD)
    with pytest.raises(mdr.DataError, match=r"column 'dose': 12 of 24 doses are negative, from -2 to -0\.52.* 10\*\*x"):
        fitted(table[table["dose"] > 0].assign(dose=lambda t: np.log10(t["dose"]).round(2)))


def test_decimal_commas_are_read_where_they_are_said() -> None:
    table = plate(GOOD)
    commas = table.assign(**{name: [f"{x:.17g}".replace(".", ",") for x in table[name]] for name in ("dose", "v")})
    with pytest.raises(mdr.DataError, match="say decimal=','"):
        fitted(commas)
    assert fitted(commas, decimal=",").curves.rss[0] == fitted(table).curves.rss[0]


def test_a_table_that_was_pasted_twice_is_told() -> None:
    table = plate(GOOD | {"other": (1.0, 0.0, 2.0, 1.0)})
    both = pd.concat([table, table[table["line"] == "other"]], ignore_index=True)
    notes = fitted(both).frame["note"]
    assert notes.iloc[0] == ""
    assert "rows 54, 55, 56, 57, 58 and 22 more: each row stands in the table more than once" in notes.iloc[1]


@pytest.mark.parametrize(("scale", "level", "meant"), [("viability", 50, "0.5"), ("percent", 0.5, "50")])
def test_an_absolute_level_is_on_the_declared_scale(scale: str, level: float, meant: str) -> None:
    table = plate(GOOD).assign(v=lambda t: t["v"] * (100 if scale == "percent" else 1))
    with pytest.raises(mdr.DataError, match=f"scale = '{scale}' is declared; ask for {meant}"):
        fitted(table, scale=scale).ed(level, kind="absolute")


def test_faulty_wells_are_named_and_left_out() -> None:
    table = plate(GOOD)
    table["plate"] = table["plate"].astype(object)
    table.loc[3, "v"] = np.nan
    table.loc[5, "dose"] = -1.0
    table.loc[7, "dose"] = np.nan
    note = fitted(table).frame["note"].iloc[0]
    for sentence in (
        "left out: the table, column 'v', row 3: the response is missing",
        "left out: the table, column 'dose', row 5: the dose is negative",
        "left out: the table, column 'dose', row 7: the dose is missing",
    ):
        assert sentence in note
    clean = fitted(table.drop(index=[3, 5, 7]))
    assert fitted(table).curves.rss[0] == clean.curves.rss[0]


def test_negative_viability_is_kept_and_told() -> None:
    table = plate(GOOD)
    table.loc[8, "v"] = -0.2
    assert "kept: the table, column 'v', row 8: negative viability" in fitted(table).frame["note"].iloc[0]


def test_saturated_wells_are_left_out() -> None:
    table = plate(GOOD).assign(v=lambda t: 40000 * t["v"])
    table.loc[0, "v"] = 65535.0
    fit = fitted(table, scale=None, saturation=65535)
    assert "row 0: the signal is saturated" in fit.frame["note"].iloc[0]
    assert fit.stack.n[0] == len(table) - 1


@pytest.mark.parametrize(
    ("change", "scale", "sentence"),
    [
        (lambda v: 100 * v, "viability", "looks like per cent; say scale='percent'"),
        (lambda v: 40000 * v, "viability", "looks like a raw signal; say normalise=True"),
        (lambda v: 40000 * v, "percent", "looks like a raw signal; say normalise=True"),
        (lambda v: v, "percent", "looks like a fraction; say scale='viability'"),
        (lambda v: 1 - v, "viability", "looks like inhibition; say scale='inhibition'"),
        (lambda v: v, "inhibition", "looks like viability; say scale='viability'"),
        (lambda v: 100 - 100 * v, "percent", "looks like percent inhibition"),
    ],
)
def test_a_table_that_contradicts_its_scale_is_refused(change: object, scale: str, sentence: str) -> None:
    table = plate({"a": (1.0, 0.0, 0.3, 1.5), "b": (1.0, 0.1, 1.0, 1.5)})
    table = table.assign(v=change(table["v"]))  # type: ignore[operator]
    with pytest.raises(mdr.DataError, match=sentence) as refused:
        fitted(table, scale=scale)
    for row, value in re.findall(r"row (\d+): a response of (\S+) looks", str(refused.value)):
        assert f"{table['v'][int(row)]:g}" == value


def test_a_curve_in_per_cent_among_fractions_is_left_out_and_named() -> None:
    """The others fit as they would alone; where no scale is declared it is only told."""
    table = plate(GOOD | {"per cent": (1.0, 0.1, 0.8, 1.3), "last": (1.0, 0.0, 2.0, 1.0)})
    mixed = table.assign(v=table["v"].where(table["line"] != "per cent", 100 * table["v"]))
    row = int(mixed["v"].idxmax())
    found = fitted(mixed)
    frame = found.frame
    assert frame["line"].tolist() == ["good", "per cent", "last"]
    assert frame["ec50_state"].tolist() == ["in range", "not identifiable", "in range"]
    assert f"column 'v', row {row}: {mixed['v'].max():g} looks like per cent" in frame["note"].iloc[1]
    assert "divide this curve by 100" in frame["note"].iloc[1]
    alone = fitted(table[table["line"] != "per cent"]).frame
    assert frame["ec50"].iloc[[0, 2]].tolist() == alone["ec50"].tolist()
    told = fitted(mixed, scale=None).frame
    assert told["ec50_state"].tolist() == ["in range"] * 3
    assert "looks like per cent, but other curves are fractions" in told["note"].iloc[1]
    whole = fitted(table.assign(v=100 * table["v"]), scale=None).frame
    assert whole["note"].eq("").all()


def test_infinite_cells_are_left_out_as_missing_ones_are() -> None:
    table = plate(GOOD)
    table.loc[3, "v"], table.loc[5, "dose"] = np.inf, np.inf
    note = fitted(table).frame["note"].iloc[0]
    assert "column 'v', row 3: the response is infinite" in note
    assert "column 'dose', row 5: the dose is infinite" in note
    assert fitted(table).curves.rss[0] == fitted(table.drop(index=[3, 5])).curves.rss[0]
    text = table.astype({"v": object})
    text.loc[4, "v"] = "overflow"
    with pytest.raises(mdr.DataError, match="column 'v', row 4: 'overflow' is not a number"):
        fitted(text)


def test_signals_are_normalised_by_the_controls_of_their_plate() -> None:
    table = plate(GOOD, wells=4, seed=2)
    brightness = table["plate"].map({"P0": 900.0, "P1": 1000.0, "P2": 1100.0, "P3": 5000.0})
    rng = np.random.default_rng(3)
    treated = table.assign(v=50 + brightness * table["v"])[table["dose"] > 0]
    extra = [
        {
            "line": line,
            "dose": np.nan,
            "plate": f"P{p}",
            "v": 50 + level * (1 + 0.03 * rng.standard_normal()) * (line == "DMSO"),
        }
        for p, level in enumerate((900.0, 1000.0, 1100.0, 5000.0))
        for line in ("DMSO", "DMSO", "DMSO", "DMSO", "empty")
    ]
    both = pd.concat([treated, pd.DataFrame(extra)], ignore_index=True)
    fit = fitted(both, control={"line": "DMSO"}, blank={"line": "empty"}, plate="plate", normalise=True)
    assert fit.labels["line"].tolist() == ["good"]
    assert fit.stack.n[0] == len(treated) + 16  # the controls are wells at dose 0
    assert fit.ed(50)["estimate"].iloc[0] == pytest.approx(0.8, rel=0.15)
    assert fit.parameters().set_index("parameter").loc["d", "estimate"] == pytest.approx(1.0, abs=0.04)


def test_missing_controls_name_the_plate_and_the_others_fit() -> None:
    table = plate({"a": (900.0, 100.0, 0.8, 1.3), "b": (900.0, 100.0, 0.8, 1.3)}, noise=20.0)
    lost = (table["line"] == "a") & (table["dose"] == 0)
    frame = fitted(table[~lost], normalise=True).frame
    assert frame["ec50_state"].tolist() == ["not identifiable", "in range"]
    assert "controls missing: its plate has no untreated wells" in frame["note"].iloc[0]


def test_wells_of_a_plate_without_controls_are_named_where_the_curve_has_others() -> None:
    table = plate(GOOD, noise=0.02).assign(v=lambda t: 900 * t["v"])
    table = table[~((table["plate"] == "P2") & (table["dose"] == 0))].reset_index(drop=True)
    frame = fitted(table, plate="plate", normalise=True).frame
    assert (frame["n"].iloc[0], frame["ec50_state"].iloc[0]) == (18, "in range")
    assert (
        "left out: the table, column 'v', rows 18, 19, 20, 21, 22 and 3 more: controls missing" in frame["note"].iloc[0]
    )


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"dose": "dos"}, "no column 'dos'; did you mean 'dose'"),
        ({"sd": "v", "var": "v"}, "name one"),
        ({"curve": "LL4"}, "did you mean 'LL.4'"),
        ({"loss": "hubert"}, "did you mean 'huber'"),
        ({"scale": "viabilty"}, "did you mean 'viability'"),
        ({"bounds": {"c": (1, 0)}}, "contradicts itself"),
        ({"bounds": {"b": (0, 1)}}, "b is above 0"),
        ({"bounds": {"q": (0, 1)}}, "'q' of LL.4 cannot be bounded"),
        ({"share": "c"}, "write a tuple"),
        ({"share": ("h",)}, "no parameter 'h'"),
        ({"share": {"c": "drug"}}, "no label 'drug'"),
        ({"share": ("c",), "loss": "huber"}, "fitted by least squares"),
        ({"curve": "4PL"}, "the log-logistic with 4 parameters is 'LL.4'"),
        ({"control": {"line": "DMSO"}}, "has no row with line = 'DMSO'; known are 'good'"),
        ({"control": {"line": "Good"}}, "has no row with line = 'Good'; did you mean 'good'"),
        ({"control": {"line": "good"}}, "takes every row"),
        ({"confidence": 95}, "confidence is 95, not a share between 0 and 1"),
        ({"alpha": 5}, "alpha is 5, not a share between 0 and 1; write for example 0.05"),
        ({"fixed": {"c": 1.2, "d": 1}}, "c = 1.2 and d = 1 are held, but c, .* must be below d"),
        ({"fixed": {"c": 0.5, "d": 0.5}, "scale": None}, "must be another one than d"),
        ({"fixed": {"c": 0, "d": 1}, "direction": "rising"}, "must be above d"),
        ({"extrapolate": 0.5}, "extrapolate = 0.5, .* a factor of 1 or more"),
        ({"least_effect": float("nan")}, "least_effect = nan: .* a change of 0 or more"),
        ({"direction": "down"}, "direction = 'down' is not possible"),
        ({"by": 3}, "not a name or a list of names"),
        (
            {"response": ["v", "w"]},
            r"response is \['v', 'w'\], not the name of one column; .* pandas.melt\(table, id_",
        ),
    ],
)
def test_options_are_refused_in_a_sentence(options: dict[str, object], sentence: str) -> None:
    with pytest.raises(mdr.DataError, match=sentence):
        fitted(plate(GOOD), **options)


def test_ranges_and_doses_of_another_kind_are_refused() -> None:
    fit = fitted(plate(GOOD))
    with pytest.raises(mdr.DataError, match="low is '1 nM', not a number without a unit"):
        fit.areas(low="1 nM")  # type: ignore[arg-type]
    with pytest.raises(mdr.DataError, match="areas: low = nan is no positive dose"):
        fit.areas(low=float("nan"))
    with pytest.raises(mdr.DataError, match="areas: high = inf is no positive dose"):
        fit.areas(high=float("inf"))
    with pytest.raises(mdr.DataError, match=r"in the unit of the table, not \['1 nM'\]"):
        fit.predict(["1 nM"])  # type: ignore[list-item]


def test_limits_of_a_bounded_parameter_end_at_its_bounds() -> None:
    """They had reached beyond them, symmetric around an estimate that stands on one."""
    found = fitted(plate(GOOD), bounds={"c": (0.2, 0.9)}).parameters().set_index("parameter").loc["c"]
    assert found["estimate"] == found["lower"] == 0.2
    assert 0.2 < found["upper"] < 0.9


def test_a_constant_response_fits_itself() -> None:
    """The difference between a curve and its means is rounding there, and no lack of fit."""
    flat = plate(GOOD).assign(v=5.0)
    assert "lack of fit" not in " ".join(fitted(flat, scale=None).frame["note"])


@settings(max_examples=40)
@given(
    st.lists(
        st.tuples(
            st.sampled_from(["a", "b", "c"]),
            st.one_of(st.sampled_from([0.0, 0.1, 1.0, 10.0, np.nan, -1.0, 1e-300, 1e300]), st.floats(0, 1e6)),
            st.one_of(st.sampled_from([0.0, 1.0, np.nan, -5.0, 1e9, -1e9]), st.floats(-2, 2)),
        ),
        min_size=1,
        max_size=40,
    )
)
def test_no_table_of_numbers_raises_and_every_curve_has_a_state(wells: list[tuple[str, float, float]]) -> None:
    table = pd.DataFrame(wells, columns=["line", "dose", "v"])
    fit = fitted(table, scale=None)
    assert fit.labels["line"].tolist() == list(dict.fromkeys(table["line"]))
    for level, kind in ((50.0, "relative"), (0.5, "absolute"), (50.0, "control")):
        found = fit.ed(level, kind=kind)
        known = found["state"].isin(["in range", "extrapolated"])
        assert found["estimate"].notna().tolist() == known.tolist()
        assert not found[["lower", "upper"]].isna().any().any()
        assert (found["lower"] <= found["upper"]).all()
    assert isinstance(fit.report(), str)
    assert len(fit.frame) == len(fit)


def test_ten_thousand_odd_curves_raise_nothing() -> None:
    rng = np.random.default_rng(11)
    count, m = 10_000, 10
    x = np.where(rng.random((count, m)) < 0.1, 0.0, 10.0 ** rng.uniform(-3, 2, (count, m)))
    y = rng.choice([0.0, 1.0, 100.0], (count, 1)) + rng.choice([0.0, 0.05, 3.0], (count, 1)) * rng.standard_normal(
        (count, m)
    )
    y = np.where(rng.random((count, m)) < 0.05, np.nan, y)
    table = pd.DataFrame({"curve": np.repeat(np.arange(count), m), "x": x.ravel(), "y": y.ravel()})
    fit = mdr.dose_response(table, dose="x", response="y", by="curve")
    assert len(fit) == count
    assert fit.labels["curve"].tolist() == list(range(count))
    assert len(fit.ed(50, interval="delta")) == count


def test_doses_may_repeat_and_come_in_any_order() -> None:
    table = plate(GOOD)
    turned = table.sample(frac=1.0, random_state=1)
    assert fitted(turned).curves.rss[0] == pytest.approx(fitted(table).curves.rss[0], rel=1e-12)
    assert set(table["dose"]) == set(DOSES)


@pytest.mark.filterwarnings("error")
def test_tables_of_which_nothing_can_be_fitted_raise_no_warning() -> None:
    """No plate has its controls; five exact points for four parameters; two curves that are met exactly."""
    doses = [1.0, 2.0, 4.0, 8.0, 16.0]
    wells = pd.DataFrame({"line": "a", "dose": doses, "v": [9.0, 8.0, 5.0, 2.0, 1.0], "plate": "P"})
    fit = mdr.dose_response(wells, dose="dose", response="v", by="line", curve="LL.3", plate="plate", normalise=True)
    assert fit.frame["verdict"].tolist() == ["not fitted"]
    flat = pd.concat([wells.assign(v=0.0), wells.assign(v=0.0, line="b")])
    assert mdr.dose_response(flat, dose="dose", response="v", by="line").frame["aicc"].tolist() == [np.inf] * 2
    assert "log-likelihood inf" in str(mdr.dose_response(flat, dose="dose", response="v", by="line", share=("d",)))
