"""Pictures of cohorts and of beliefs show what their tables say."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from strategies.pictures import in_column, texts_overlap

import pkpd_mdr as mdr
from pkpd_mdr import distributions as dist


@pytest.fixture(scope="module")
def model():
    return mdr.Model(
        mdr.clone("S", growth=mdr.growth.exponential(rate="0.1 1/day"), start=1e6),
        mdr.clone("R", growth=mdr.growth.exponential(rate="0.08 1/day"), start=1e3, resistant=True),
    )


@pytest.fixture(scope="module")
def cohort(model):
    varied = {"growth_S": dist.lognormal("0.1 1/day", cv=0.3), "R0": dist.log_uniform("1 cell", "1e5 cell")}
    more = {"WT": dist.normal("70 kg", sd="12 kg"), "delta": dist.normal(0, sd=1.0), "male": dist.fixed(1.0)}
    return mdr.patients(model, 60, varied, covariates=more, seed=1)


@pytest.fixture(scope="module")
def found(model, cohort):
    """The burden was not measured at the second visit."""
    data = pd.DataFrame({"time [day]": [0.0, 10.0, 20.0], "burden": [1.01e6, np.nan, 6e6]})
    return mdr.assimilate(model, cohort, data, measure=mdr.measured("burden", relative_sd=0.1), seed=1)


def test_all_columns_are_drawn_relative_to_their_medians(cohort):
    ax = cohort.plot()
    in_column(ax)
    assert [label.get_text() for label in ax.get_yticklabels()] == list(cohort.table.columns)
    for row, name in enumerate(cohort.table.columns):
        bars = [line.get_xdata() for line in ax.lines if list(line.get_ydata()) == [row, row]]
        expected = np.quantile(cohort[name], [0.05, 0.95, 0.25, 0.75]) / np.median(cohort[name])
        assert np.ravel(bars) == pytest.approx([] if name == "delta" else expected), name
    told = [text.get_text() for text in ax.texts]
    low, middle, high = np.quantile(cohort["WT"], [0.05, 0.5, 0.95])
    assert told[2] == f"{middle:.3g} ({low:.3g} to {high:.3g}) kg"
    assert told[4] == "1"
    assert [text.get_text() for text in ax.get_legend().get_texts()] == ["parameter", "covariate"]


def test_one_column_patient_by_patient(cohort):
    for name, scale in (("WT", "linear"), ("R0", "log")):
        ax = cohort.plot(name)
        in_column(ax)
        assert sum(bar.get_height() for bar in ax.patches) == len(cohort)
        assert [line.get_xdata()[0] for line in ax.lines] == pytest.approx(np.quantile(cohort[name], [0.05, 0.5, 0.95]))
        assert ax.get_xscale() == scale
        assert cohort.plot(name, log=scale == "linear").get_xscale() != scale
    few = cohort.plot("male")
    assert [bar.get_height() for bar in few.patches] == [60]
    assert [label.get_text() for label in few.get_xticklabels()] == ["1"]


def test_two_columns_together(cohort):
    ax = cohort.plot("WT", "R0")
    in_column(ax)
    assert ax.lines[0].get_xydata() == pytest.approx(cohort.table[["WT", "R0"]].to_numpy())
    assert ax.get_title(loc="right") == f"rank correlation {cohort.correlations().loc['WT', 'R0']:.2f}"
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("WT [kg]", "R0 [cell]")
    assert cohort.plot("WT", "male").get_title(loc="right") == ""


def test_a_cohort_of_one(cohort):
    alone = cohort.take([3])
    for ax in (alone.plot(), alone.plot("WT"), alone.plot("WT", "R0"), alone.plot("R0", "WT", log=True)):
        assert texts_overlap(ax) == []


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"x": "WTT"}, "did you mean 'WT'"),
        ({"y": "WT"}, "y = 'WT' is given without x"),
        ({"x": "delta", "log": True}, "delta has values that are not above zero"),
        ({"x": 3}, "x is 3"),
    ],
)
def test_refusals_of_cohorts(cohort, options, words):
    with pytest.raises(mdr.DataError, match=words):
        cohort.plot(**options)


@pytest.mark.parametrize("name", [None, "growth_S", "R", "resistant_share"])
def test_a_belief_visit_by_visit(found, name):
    ax = found.plot(name)
    in_column(ax)
    table = found.frame.xs(name or "burden", level="name")
    median = next(line for line in ax.lines if line.get_label() == "median")
    assert median.get_xydata() == pytest.approx(np.column_stack([table.index, table["50%"]]))
    edges = ax.collections[-1].get_segments()
    assert np.array(edges)[:, :, 1] == pytest.approx(table[["5%", "95%"]].to_numpy())
    seen = [line.get_xydata().tolist() for line in ax.lines if line.get_label() == "measured"]
    assert seen == ([[[0.0, 1.01e6], [20.0, 6e6]]] if name is None else [])
    before = [patch for patch in ax.patches if patch.get_label() == "before, 90 %"]
    assert len(before) == (name == "growth_S")
    if before:
        low, high = before[0].get_y(), before[0].get_y() + before[0].get_height()
        assert [low, high] == pytest.approx(found.before.loc[name, ["5%", "95%"]].tolist())
        assert high - low > 2 * np.ptp(edges[-1][:, 1])


def test_a_belief_of_nothing_is_refused(found):
    with pytest.raises(mdr.SimulationError, match="nothing is believed of 'growt_S'; did you mean 'growth_S'"):
        found.plot("growt_S")


# -- cohorts that were matched, compositions ----------------------------------------------------------------------


@pytest.fixture(scope="module")
def matched(model, cohort):
    reported = [
        mdr.target("growth_S", median="0.11 1/day"),
        mdr.target("WT", mean="75 kg", sd="10 kg"),
        mdr.target("time_to_progression", median="1.6 day"),
        mdr.target("delta", mean=-0.1),
    ]
    return mdr.match_targets(model, cohort, reported, arms={"watched": mdr.nothing()}, until="9 day")


def test_reported_numbers_before_and_after(matched):
    ax = matched.plot()
    in_column(ax)
    table = matched.table
    for style, column in (("white", "before"), ("#0072B2", "after")):
        dots = [line.get_xdata()[0] for line in ax.lines if line.get_marker() == "o" and line.get_mfc() == style]
        assert dots == pytest.approx((table[column] / table["wanted"]).tolist())
    assert [text.get_text() for text in ax.texts] == ["0.11 1/day", "75 kg", "10 kg", "1.6 day", "-0.1"]
    assert len(ax.get_yticklabels()) == len(table)
    assert f"as good as {matched.effective:.0f} of 60" in ax.get_legend().get_texts()[1].get_text()


@pytest.mark.parametrize("name", ["growth_S", "R0"])
def test_what_the_weights_did_to_a_column(matched, cohort, name):
    ax = matched.plot(name)
    in_column(ax)
    bars = ax.containers[0].patches
    edges = [*(bar.get_x() for bar in bars), cohort[name].max()]
    assert [bar.get_height() for bar in bars] == np.histogram(cohort[name], edges)[0].tolist()
    outline = ax.patches[-1].get_xy()[:, 1]
    heights = np.histogram(cohort[name], edges, weights=60 * matched.weights)[0]
    assert outline[1:-1:2] == pytest.approx(heights)
    assert ax.get_xscale() == ("log" if name == "R0" else "linear")
    assert matched.plot(name, log=False).get_xscale() == "linear"


def test_a_zero_that_was_reported_has_no_point(model, cohort):
    ax = mdr.match_targets(model, cohort, mdr.target("delta", mean=0)).plot()
    in_column(ax)
    assert not np.isfinite([line.get_xdata()[0] for line in ax.lines if line.get_marker() == "o"]).any()
    assert [text.get_text() for text in ax.texts] == ["0"]


def test_refusals_of_matched(matched):
    with pytest.raises(mdr.DataError, match="did you mean 'WT'"):
        matched.plot("WTT")
    with pytest.raises(mdr.DataError, match="delta has values that are not above zero"):
        matched.plot("delta", log=True)


def test_shares_with_their_intervals():
    counts = pd.DataFrame(
        {"clone": ["S", "R", "T"] * 2, "count": [900, 5, 0, 800, 40, 0], "mouse": ["a"] * 3 + ["b"] * 3}
    )
    found = mdr.composition(counts, total="1e9 cell", sample="mouse")
    ax = found.plot(confidence=0.9)
    in_column(ax)
    table = found.table(0.9)
    bars = [line.get_xdata() for line in ax.lines if line.get_linestyle() == "-"]
    assert bars[:2] == pytest.approx(table.loc[["S", "R"], ["lower", "upper"]].to_numpy())
    assert bars[2][1] == pytest.approx(table.loc["T", "upper"])
    assert [line.get_xdata()[0] for line in ax.lines if line.get_marker() == "<"] == [bars[2][0]]
    samples = next(line for line in ax.lines if line.get_label() == "each sample")
    assert sorted(samples.get_xdata()) == pytest.approx(sorted([900 / 905, 5 / 905, 800 / 840, 40 / 840]))
    assert [text.get_text() for text in ax.texts] == ["1700 of 1745", "45 of 1745", "0 of 1745"]
    assert ax.get_xscale() == "log"
    assert "90 % interval" in ax.get_xlabel()


def test_even_shares_need_no_logarithm():
    ax = mdr.composition({"S": 50, "R": 40}, total="1e9 cell").plot()
    in_column(ax)
    assert ax.get_xlim() == (0, 1)
    assert ax.get_legend() is None
    for confidence in (0, 1.5, "0.95", float("nan")):
        with pytest.raises(mdr.DataError, match="confidence"):
            mdr.composition({"S": 50, "R": 40}, total="1e9 cell").plot(confidence=confidence)
