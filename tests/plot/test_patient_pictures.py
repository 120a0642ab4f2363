"""Pictures of cohorts and of beliefs show what their tables say."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from strategies.pictures import texts_overlap

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


def in_column(ax):
    assert ax.get_figure().get_size_inches()[0] == pytest.approx(3.4)
    assert texts_overlap(ax) == []


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
