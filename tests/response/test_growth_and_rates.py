"""Growth-rate inhibition and rates: laws, limits, table layouts and their refusals."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from strategies.plates import with_commas

import pkpd_mdr as mdr
from pkpd_mdr.response import gr_static_toxic, gr_value, gr_value_without_start
from pkpd_mdr.response.rates import settled_rate

CELLS = st.floats(1.0, 1e6)


@given(CELLS, st.floats(1.05, 50.0), st.floats(0.01, 60.0), st.floats(0.1, 1e3))
def test_gr_does_not_depend_on_the_unit_of_counts(start: float, growth: float, ratio: float, unit: float) -> None:
    one = gr_value(start * ratio, start, start * growth)
    np.testing.assert_allclose(
        gr_value(unit * start * ratio, unit * start, unit * start * growth), one, rtol=1e-9, atol=1e-12
    )
    assert float(one) >= -1.0


@given(CELLS, st.floats(1.05, 50.0))
def test_gr_of_no_effect_and_of_a_halt(start: float, growth: float) -> None:
    control = start * growth
    assert float(gr_value(control, start, control)) == pytest.approx(1.0)
    assert float(gr_value(start, start, control)) == pytest.approx(0.0, abs=1e-12)


@given(st.floats(0.1, 5.0), st.floats(0.05, 1.0))
def test_gr_measures_the_rate_whatever_the_line(rate: float, share: float) -> None:
    """A drug that leaves a share of the growth rate has one GR value for slow and for fast lines."""
    found = gr_value(100 * np.exp(rate * share), 100, 100 * np.exp(rate))
    assert float(found) == pytest.approx(2.0**share - 1.0)


def test_gr_without_a_start_is_gr_where_the_doubling_time_is_that_of_the_control() -> None:
    start, time, doubling = 200.0, 72.0, 30.0
    control = start * 2 ** (time / doubling)
    counts = np.array([10.0, 200.0, 500.0, control])
    np.testing.assert_allclose(
        gr_value_without_start(counts, control, time=time, doubling_time=doubling),
        gr_value(counts, start, control),
        rtol=1e-12,
    )


def test_undefined_values_are_missing_and_zero_counts_are_not() -> None:
    assert np.isnan(gr_value(10, 100, 90))
    assert np.isnan(gr_value(10, 0, 90))
    assert np.isnan(gr_value(-1, 100, 900))
    assert float(gr_value(0, 100, 400)) == pytest.approx(2 ** (np.log2(1e-6) / 2) - 1)


@given(st.floats(-0.999, 8.0), st.floats(0.0, 500.0))
def test_static_and_toxic_parts_are_continuous_at_the_start_count(u: float, dead: float) -> None:
    counts = 1000.0 * (1.0 + np.array([u, u + 1e-9]))
    static, toxic = gr_static_toxic(counts, 1000, 6000, dead=20 + dead, dead_start=20, dead_control=60, time=72)
    assert abs(static[1] - static[0]) < 1e-4
    assert abs(toxic[1] - toxic[0]) < 1e-4


def test_static_part_against_the_definition() -> None:
    """Away from x = x0 the product D g is just D times g."""
    x, x0, xc, m, m0, mc, t = 1300.0, 1000.0, 6000.0, 180.0, 20.0, 60.0, 72.0
    d, dc = (m - m0) / (x - x0), (mc - m0) / (xc - x0)
    g, gc = np.log2(x / x0), np.log2(xc / x0)
    static, toxic = gr_static_toxic(x, x0, xc, dead=m, dead_start=m0, dead_control=mc, time=t)
    assert float(static) == pytest.approx(2 ** ((1 + d) * g / ((1 + dc) * gc)) - 1, rel=1e-12)
    assert float(toxic) == pytest.approx(2 ** ((dc * gc - d * g) / t) - 1, rel=1e-12)


def stacked(seed: int = 0, noise: float = 0.005) -> pd.DataFrame:
    """Case C: starts, controls and treated wells of two lines in one table."""
    rng = np.random.default_rng(seed)
    rows = []
    for line, rate in (("slow", 1.2), ("fast", 3.0)):
        rows += [(line, "-", 0.0, 0.0, 500 * np.exp(noise * rng.standard_normal())) for _ in range(4)]
        rows += [(line, "-", 72.0, 0.0, 500 * np.exp(rate + noise * rng.standard_normal())) for _ in range(4)]
        for dose in np.geomspace(0.01, 10, 7):
            share = 1 / (1 + dose / 0.3) * 1.2 - 0.2
            rows += [
                (line, "drugA", 72.0, dose, 500 * np.exp(rate * share + noise * rng.standard_normal()))
                for _ in range(3)
            ]
    return pd.DataFrame(rows, columns=["cell_line", "agent", "time", "concentration", "cell_count"])


def test_lines_of_any_speed_have_one_gr50() -> None:
    found = mdr.growth_rate(stacked(), by="cell_line").metrics()
    assert found["cell_line"].tolist() == ["slow", "fast"]
    assert found["GR50_state"].tolist() == ["in range", "in range"]
    slow, fast = found.iloc[0], found.iloc[1]
    assert slow["GR50"] == pytest.approx(fast["GR50"], rel=0.05)
    assert 0 < slow["GR_AOC"] < 1.2
    assert slow["GRmax"] < 0


def test_case_a_is_case_c_with_its_columns_filled() -> None:
    c = mdr.growth_rate(stacked(), by="cell_line").values
    a = c.rename(
        columns={
            "dose": "concentration",
            "count": "cell_count",
            "start": "cell_count__time0",
            "control": "cell_count__ctrl",
        }
    )
    found = mdr.growth_rate(a.drop(columns=["gr", "note"]), by="cell_line").values
    np.testing.assert_allclose(found["gr"], c["gr"], rtol=1e-12)


def test_wells_without_growth_or_cells_say_why() -> None:
    table = pd.DataFrame({"concentration": [0.1, 1, 2, 3, 4], "cell_count": [100, 0, np.nan, 50, -3]})
    table = table.assign(cell_count__time0=[100, 100, 100, 100, 100], cell_count__ctrl=[90, 400, 400, 400, 400])
    notes = mdr.growth_rate(table).values["note"].tolist()
    assert notes == [
        "undefined: the control did not grow beyond the start",
        "no cells left: counted as a millionth of the start",
        "undefined: the count is missing",
        "",
        "undefined: the count is negative",
    ]


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (lambda t: t.drop(columns="cell_count"), "has none of the columns cell_count"),
        (lambda t: t[t["time"] > 0], "no rows of time 0"),
        (lambda t: t[(t["concentration"] > 0) | (t["time"] == 0)], "no rows of dose 0"),
        (lambda t: t.drop(columns="time"), "no time column"),
        (lambda t: t.assign(well=range(len(t))), "the nearest differs in 'well'; drop such a column"),
    ],
)
def test_incomplete_tables_are_refused_with_their_place(change: object, sentence: str) -> None:
    with pytest.raises(mdr.DataError, match=sentence):
        mdr.growth_rate(change(stacked()), by="cell_line")  # type: ignore[operator]


@pytest.mark.parametrize(("missing", "time"), [("start", 0.0), ("control", 72.0)])
def test_a_line_without_control_or_start_leaves_the_others_alone(missing: str, time: float) -> None:
    table = stacked()
    lost = (table["cell_line"] == "slow") & (table["time"] == time) & (table["concentration"] == 0)
    found, whole = mdr.growth_rate(table[~lost], by="cell_line"), mdr.growth_rate(table, by="cell_line")
    metrics = found.metrics()
    assert metrics["cell_line"].tolist() == ["slow", "fast"]
    assert metrics["GR50_state"].tolist() == ["not identifiable", "in range"]
    assert f"wells undefined: the table has no {missing} count with cell_line = slow" in metrics["note"].iloc[0]
    assert metrics["GR50"].iloc[1] == whole.metrics()["GR50"].iloc[1]
    assert found.values["gr"].isna().tolist() == (whole.values["cell_line"] == "slow").tolist()


def test_a_time_without_control_leaves_the_other_intervals_alone() -> None:
    hours = np.array([0.0, 24.0, 48.0, 72.0])
    rows = [("w1", "drug", h, 100 * np.exp(0.02 * h)) for h in hours]
    rows += [("c1", "none", h, 80 * np.exp(0.04 * h)) for h in hours if h != 48]
    table = pd.DataFrame(rows, columns=["well", "agent", "time", "cell_count"])
    found = mdr.gr_over_time(table, control={"agent": "none"}, by="well")
    assert found["gr"].isna().tolist() == [False, True, True]
    assert found["note"].tolist() == ["", *["undefined: no control of its group at time 48"] * 2]
    with pytest.raises(mdr.DataError, match="no control of its group at time 0"):
        mdr.gr_over_time(table.assign(g=table["well"]), control={"agent": "none"}, by="well", match="g")


def test_gr_over_time_is_constant_for_a_constant_effect() -> None:
    hours = np.array([0.0, 24.0, 48.0, 72.0])
    rows = [("w1", "drug", h, 100 * np.exp(0.02 * h)) for h in hours] + [
        ("c1", "none", h, 80 * np.exp(0.04 * h)) for h in hours
    ]
    table = pd.DataFrame(rows, columns=["well", "agent", "time", "cell_count"])
    found = mdr.gr_over_time(table, control={"agent": "none"}, by="well")
    np.testing.assert_allclose(found["gr"], 2**0.5 - 1, rtol=1e-9)
    assert found[["from", "to"]].to_numpy().tolist() == [[0, 24], [24, 48], [48, 72]]


def unequal() -> pd.DataFrame:
    """Two treated and two control wells, seeded unequally, whose rates are 0.02, -0.01 and 0.04."""
    wells = {"w1": ("drug", 100, 0.02), "w2": ("drug", 700, -0.01), "c1": ("none", 80, 0.04), "c2": ("none", 900, 0.04)}
    rows = [(w, a, h, n * np.exp(k * h)) for w, (a, n, k) in wells.items() for h in (0.0, 24.0, 48.0, 72.0)]
    return pd.DataFrame(rows, columns=["well", "agent", "time", "cell_count"])


@pytest.mark.parametrize("lost", [[], [("c2", 48.0)], [("c1", 0.0)], [("c2", 72.0), ("w1", 24.0)]])
def test_a_control_that_is_lost_changes_no_growth_of_the_controls(lost: list[tuple[str, float]]) -> None:
    """Means over other wells at either end of an interval had counted the seeding as growth, without a word."""
    table = unequal().sample(frac=1, random_state=1)
    gone = [(well, time) in lost for well, time in zip(table["well"], table["time"], strict=True)]
    found = mdr.gr_over_time(table[~np.array(gone)], control={"agent": "none"}, by="well")
    expected = found["well"].map({"w1": 2**0.5 - 1, "w2": 2**-0.25 - 1})
    np.testing.assert_allclose(found["gr"], expected, rtol=1e-12)
    assert set(found["note"]) == {""}


def test_controls_that_never_meet_and_wells_that_are_not_told_apart() -> None:
    table = unequal()
    apart = table[~table["well"].eq("c1") | table["time"].isin([0, 48])]
    apart = apart[~apart["well"].eq("c2") | apart["time"].isin([24, 72])]
    found = mdr.gr_over_time(apart, control={"agent": "none"}, by="well")
    assert set(found["note"]) == {"undefined: no control was counted at both of its ends"}
    with pytest.raises(mdr.DataError, match=r"one well has several counts at time 0; by = .* does not tell wells"):
        mdr.gr_over_time(table, control={"agent": "none"}, by="agent")
    uneven = table[~((table["well"] == "c2") & (table["time"] == 48)) & (table["well"] != "w2")]
    found = mdr.gr_over_time(uneven, control={"agent": "none"}, by="agent")
    assert found["note"].tolist()[0] == ""
    assert "more controls were counted at one of its ends" in found["note"].iloc[2]


@given(st.floats(-0.05, 0.06), st.floats(0.0, 0.05), st.integers(4, 10), st.floats(10.0, 1e4))
def test_a_settled_rate_is_found_behind_a_delay(rate: float, early: float, change: int, start: float) -> None:
    times = np.arange(0.0, 84.0, 6.0)
    later = np.maximum(times - times[change], 0.0)
    logs = np.log2(start) + early * np.minimum(times, times[change]) + rate * later
    found, error, first, _ = settled_rate(times, 2.0**logs)
    assert min(rate, early) - 1e-9 <= found <= max(rate, early) + 1e-9
    assert error >= 0
    assert first in times[:-2]


def test_a_settled_rate_takes_any_order_and_names_what_it_cannot_take() -> None:
    times, counts = [0, 6, 12, 18, 24], [100, 120, 140, 170, 200]
    sorted_one = settled_rate(times, counts)
    assert settled_rate(times[::-1], counts[::-1]) == pytest.approx(sorted_one)
    assert np.isnan(settled_rate([0, 6], [1, 2])).all()
    for odd, sentence in (
        (("abc", counts), "times is 'abc', not a number"),
        ((times, counts[:3]), "5 times do not go with 3 counts"),
        ((times, [0, *counts[1:]]), "a count of 0 has no logarithm"),
        (([*times[:4], np.nan], counts), "times holds .*nan"),
        (([times], [counts]), r"times has the shape \(1, 5\)"),
    ):
        with pytest.raises(mdr.DataError, match=sentence):
            settled_rate(*odd)


def test_wells_that_are_not_told_apart_have_a_rate_and_a_note() -> None:
    """A window of one time has no slope: a division by zero had been the answer."""
    hours = np.repeat([0.0, 12.0, 24.0, 36.0], 4)
    cells = 100.0 * 2.0 ** (hours / 24.0) * np.tile([0.9, 1.0, 1.1, 1.0], 4)
    table = pd.DataFrame({"line": "a", "well": np.tile(list("ABCD"), 4), "h": hours, "n": cells})
    found = mdr.dip_rates(table, time="h", count="n", by="line").iloc[0]
    assert found["dip_rate"] == pytest.approx(1 / 24, rel=1e-9)
    assert found["note"] == "kept: several counts at one time; does by= tell wells apart?"
    assert mdr.dip_rates(table, time="h", count="n", by="well")["note"].tolist() == [""] * 4
    none = mdr.dip_rates(table[table["h"] < 20], time="h", count="n", by="line").iloc[0]
    assert "2 times with cells are fewer than 3" in none["note"]


@pytest.mark.filterwarnings("error")
def test_a_control_that_hardly_grew_is_no_ruler() -> None:
    table = pd.DataFrame(
        {"dose": [1.0, 2, 4, 8, 16], "n": [900.0, 500, 200, 100, 50], "start": 100.0, "control": 100.01}
    )
    found = mdr.growth_rate(table, dose="dose", count="n", start="start", control="control").values
    assert found["gr"].isna().tolist() == [True, True, True, False, False]
    assert found["note"].iloc[0] == "undefined: the control hardly grew beyond the start"


def test_counts_of_zero_are_told_and_short_wells_have_no_rate() -> None:
    table = pd.DataFrame(
        {
            "well": ["a"] * 6 + ["b"] * 3,
            "h": [0, 6, 12, 18, 24, 30, 0, 6, 12],
            "n": [100, 110, 0, 130, 145, 160, 5, 0, 0],
        }
    )
    found = mdr.dip_rates(table, time="h", count="n", by="well")
    assert found["note"].iloc[0] == "left out: the table, column 'n', row 2: a count of 0 has no logarithm"
    assert "not identifiable: 1 times with cells are fewer than 3" in found["note"].iloc[1]
    assert found["dip_rate"].notna().tolist() == [True, False]


def test_rates_go_into_curves() -> None:
    """Half of the control's rate, and the cytostatic dose where the rate is zero."""
    times, doses = np.arange(0.0, 73.0, 6.0), np.array([0.0, 0.0, 0.0, 0.01, 0.03, 0.1, 0.3, 1.0, 3.0, 10.0])
    rng = np.random.default_rng(4)
    rows = [
        (f"w{k}", dose, t, 500 * 2 ** (t * (-0.01 + 0.04 / (1 + dose / 0.2))) * np.exp(0.01 * rng.standard_normal()))
        for k, dose in enumerate(np.repeat(doses, 2))
        for t in times
    ]
    table = pd.DataFrame(rows, columns=["well", "dose", "h", "n"])
    rates = mdr.dip_rates(table, time="h", count="n", by="well", keep="dose", control={"dose": 0})
    fit = mdr.dose_response(rates, dose="dose", response="dip_rate")
    assert fit.ed(50, kind="control")["estimate"].iloc[0] == pytest.approx(0.2 * (0.04 / 0.025 - 1), rel=0.1)
    assert fit.ed(0, kind="absolute")["estimate"].iloc[0] == pytest.approx(0.2 * (0.04 / 0.01 - 1), rel=0.1)


def test_rates_by_hand() -> None:
    """Each window fitted by SciPy's regression and scored as published; the best one is the answer, errors and all."""
    from scipy.stats import linregress

    times = np.arange(0.0, 97.0, 8.0)
    rng = np.random.default_rng(9)
    for rate in (-0.02, 0.0, 0.015):
        y = 8 + np.where(times < 32, 0.04 * times, 1.28 + rate * (times - 32)) + 0.03 * rng.standard_normal(len(times))
        scored = []
        for first in range(len(times) - 2):
            t, v = times[first:], y[first:]
            line, n = linregress(t, v), len(t)
            rmse = np.sqrt(np.mean((v - line.intercept - line.slope * t) ** 2))
            adjusted = 1 - (1 - line.rvalue**2) * (n - 1) / (n - 2)
            scored.append((adjusted * (1 - rmse) ** 2 * (n - 3) ** 0.25, line, t[0]))
        _, line, begin = max(scored, key=lambda item: item[0])
        found, error, first, intercept = settled_rate(times, 2.0**y)
        assert first == begin
        assert (found, error, intercept) == (
            pytest.approx(line.slope, abs=1e-12),
            pytest.approx(line.stderr, abs=1e-12),
            pytest.approx(line.intercept, abs=1e-9),
        )


def test_curves_of_exact_rates_by_hand() -> None:
    """Rates 0.05 without drug and -0.01 at most, half way at 0.2 with slope 2: every dose has a closed form."""
    doses = np.array([0.0, 0.01, 0.03, 0.1, 0.2, 0.4, 1.0, 3.0, 10.0])
    rates = -0.01 + 0.06 / (1 + (doses / 0.2) ** 2)
    rows = [
        (k, dose, day, 400 * 2 ** (24 * rate * day))
        for k, (dose, rate) in enumerate(zip(doses, rates, strict=True))
        for day in range(5)
    ]
    table = pd.DataFrame(rows, columns=["well", "dose", "day", "n"])
    found = mdr.dip_rates(table, time="day [day]", count="n", by="well", keep="dose", control={"dose": 0})
    np.testing.assert_allclose(found["dip_rate"], rates, atol=1e-12)  # per h, though days were given
    fit = mdr.dose_response(found, dose="dose [uM]", response="dip_rate")
    for asked, by_hand in (
        ({"kind": "relative", "level": 50}, 0.2),
        ({"kind": "control", "level": 50}, 0.2 * (0.06 / 0.035 - 1) ** 0.5),
        ({"kind": "absolute", "level": 0}, 0.2 * (0.06 / 0.01 - 1) ** 0.5),
    ):
        row = fit.ed(asked["level"], kind=asked["kind"], interval="none").iloc[0]
        assert row["estimate"] == pytest.approx(by_hand, rel=1e-6)
        assert row["state"] == "in range"


@pytest.mark.parametrize(
    ("change", "options", "error", "sentence"),
    [
        (
            lambda t: t,
            {"by": "line"},
            mdr.DataError,
            r"column 'dose', rows 0, 5: one well has 0 and 1; by = \['line'\]",
        ),
        (lambda t: t, {"time": "h [nM]"}, mdr.UnitError, "'nM' is not a unit of time"),
        (lambda t: t.assign(n="many"), {}, mdr.DataError, "column 'n', row 0: 'many' is not a number"),
    ],
)
def test_wells_that_cannot_be_told_are_refused(
    change: object, options: dict[str, object], error: type[Exception], sentence: str
) -> None:
    rows = [
        ("A", well, dose, h, 100 * 2 ** (h / 24)) for well, dose in (("w1", 0), ("w2", 1)) for h in range(0, 60, 12)
    ]
    table = pd.DataFrame(rows, columns=["line", "well", "dose", "h", "n"])
    with pytest.raises(error, match=sentence):
        mdr.dip_rates(change(table), **({"time": "h", "count": "n", "by": "well", "keep": "dose"} | options))  # type: ignore[operator]


def test_bad_counts_leave_the_other_wells_alone() -> None:
    rows = [(well, h, 100 * 2 ** (h / 24)) for well in ("a", "b") for h in range(0, 60, 12)]
    table = pd.DataFrame(rows, columns=["well", "h", "n"]).astype({"h": float})
    table.loc[1, "n"], table.loc[2, "n"], table.loc[3, "h"] = -5.0, np.inf, np.nan
    found = mdr.dip_rates(table, time="h", count="n", by="well")
    for sentence in (
        "row 1: the count is negative",
        "row 2: the count is missing or infinite",
        "row 3: the time is missing",
    ):
        assert sentence in found["note"].iloc[0]
    assert np.isnan(found["dip_rate"].iloc[0])
    assert found["dip_rate"].iloc[1] == pytest.approx(1 / 24)
    assert found["note"].iloc[1] == ""


def test_decimal_commas_give_the_same_gr_values() -> None:
    """Stacked tables, tables of starts and controls of their own, and controls with a doubling time."""
    table = stacked()
    at_start, untreated = table["time"] == 0, table["concentration"] == 0
    treated, starts = table[~untreated], table.loc[at_start, ["cell_line", "cell_count"]]
    controls = table.loc[untreated & ~at_start, ["cell_line", "time", "cell_count"]]
    filled = treated.assign(cell_count__ctrl=5000.5, cell_count__time0=500.5)
    for wells, tables, options in (
        (table, {}, {}),
        (treated, {"starts": starts, "controls": controls}, {}),
        (filled, {}, {"doubling_time": 30.5}),
    ):
        commas = {name: with_commas(other) for name, other in tables.items()}
        found = mdr.growth_rate(with_commas(wells), by="cell_line", decimal=",", **commas, **options)
        pd.testing.assert_frame_equal(
            found.values, mdr.growth_rate(wells, by="cell_line", **tables, **options).values, rtol=0
        )
        with pytest.raises(mdr.DataError, match="say decimal=',' if it is a decimal comma"):
            mdr.growth_rate(with_commas(wells), by="cell_line", **commas, **options)


@pytest.mark.parametrize("control", [{"dose": 0}, {"dose": "0,0"}, {"well": "c"}], ids=str)
def test_decimal_commas_give_the_same_rates(control: dict[str, object]) -> None:
    """Labels are numbers there, too: dose 0,5 is 0.5, and the controls are those of dose 0."""
    wells = (("a", 0.5, 100.5, 0.02), ("b", 1.5, 90.5, 0.01), ("c", 0.0, 80.5, 0.04))
    rows = [(w, d, 12.5 * k, n * np.exp(rate * 12.5 * k)) for w, d, n, rate in wells for k in range(5)]
    table = pd.DataFrame(rows, columns=["well", "dose", "h", "n"])
    points = {name: 0 if value == "0,0" else value for name, value in control.items()}
    for rates, by in ((mdr.dip_rates, {"by": "well", "keep": "dose"}), (mdr.gr_over_time, {"by": ["well", "dose"]})):
        options = {"time": "h", "count": "n"} | by
        found = rates(with_commas(table), control=control, decimal=",", **options)
        pd.testing.assert_frame_equal(found, rates(table, control=points, **options), rtol=0)
        with pytest.raises(mdr.DataError, match="decimal="):
            rates(with_commas(table), control=control, **options)
