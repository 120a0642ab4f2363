"""Forest, survival, swimmer, waterfall, Muller, Pareto and tornado pictures show what the tables say."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from strategies.pictures import in_column, texts_overlap

import pkpd_mdr as mdr
from pkpd_mdr.compare import compare
from pkpd_mdr.plot.patients import best_changes, swimmers
from pkpd_mdr.plot.survival import draw_survival
from pkpd_mdr.plot.verdict import draw_deciders

WEEKLY = mdr.bolus("dox", "60 mg").every("7 day", times=6)
PAC = mdr.infusion("pac", "200 mg", over="48 h").every("14 day", times=3)
ARMS = {
    "both": WEEKLY & PAC,
    "dox, then pac": WEEKLY.then(PAC),
    "adaptive": mdr.adaptive(WEEKLY & PAC, visit="7 day"),
    "untreated": mdr.nothing(),
}


@pytest.fixture(scope="module")
def model():
    return mdr.Model(
        mdr.pk.one_compartment("dox", CL="10 L/h", V="50 L"),
        mdr.pk.one_compartment("pac", CL="5 L/h", V="40 L"),
        mdr.clone("S", growth=mdr.growth.exponential(rate="0.1 1/day"), start=1e6),
        mdr.clone("R", growth=mdr.growth.exponential(rate="0.08 1/day"), start=1e3, resistant=True),
        mdr.kill("dox", on="S", slope="0.25 1/h/(mg/L)"),
        mdr.kill("pac", on="R", slope="0.01 1/h/(mg/L)"),
    )


@pytest.fixture(scope="module")
def comparison(model):
    draws = pd.DataFrame({"CL_dox": np.linspace(5, 15, 9), "CL_pac": np.linspace(8, 3, 9)})
    return compare(model, ARMS, parameters=draws, until="90 day", endpoints=["time_to_progression", "nadir"])


@pytest.mark.parametrize(
    ("fair", "rows", "told"),
    [
        ("total_dose", ["weekly: dox", "weekly: pac", "once: dox", "once: pac"], ["360 mg", "600 mg", "60 to 360 mg"]),
        (mdr.equal_toxicity("auc_burden", within=(0.01, 100)), ["weekly", "once"], None),
        (mdr.tolerated("C_dox", above="3 mg/L", risk=0.5), ["weekly", "once"], ["0 % of draws"]),
    ],
)
def test_the_picture_of_fairness_has_the_factors(model, fair, rows, told):
    arms = {"weekly": WEEKLY & PAC, "once": mdr.bolus("dox", "60 mg") & PAC}
    draws = pd.DataFrame({"CL_dox": [8.0, 12.0]})
    found = compare(model, arms, parameters=draws, until="45 day", endpoints=["nadir"], fair=fair)
    ax = found.matching.plot()
    assert [label.get_text() for label in ax.get_yticklabels()] == rows
    of_rows = found.matching.rows if len(rows) == 4 else found.matching.rows[::2]
    dots = [line for line in ax.lines if line.get_marker() == "o"]
    assert [line.get_xdata()[0] for line in dots] == pytest.approx([row.factor for row in of_rows])
    assert [line.get_mfc() == "white" for line in dots] == [row.factor == 1 for row in of_rows]
    assert found.matching.changed
    if told:
        assert [text.get_text() for text in ax.texts][: len(told)] == told
    in_column(ax)


@pytest.mark.parametrize(("endpoint", "reference"), [(None, "adaptive"), ("nadir", "untreated")])
def test_a_forest_shows_the_paired_differences(comparison, endpoint, reference):
    ax = comparison.plot_forest(endpoint, reference=reference)
    others = [arm for arm in comparison.arms if arm != reference]
    assert [label.get_text() for label in ax.get_yticklabels()] == others
    gaps = [comparison.difference(arm, reference, endpoint) for arm in others]
    scale = 1e5 if endpoint == "nadir" else 1.0
    bars = [line.get_xdata() for line in ax.lines if line.get_marker() == "None" and len(set(line.get_ydata())) == 1]
    assert scale * np.array(bars) == pytest.approx(np.array([[gap.lower, gap.upper] for gap in gaps]))
    middles = [line.get_xdata()[0] for line in ax.lines if line.get_marker() == "s"]
    assert scale * np.array(middles) == pytest.approx([gap.median for gap in gaps])
    assert ("10^{5}" in ax.get_xlabel()) == (endpoint == "nadir")
    in_column(ax)


def test_a_forest_colours_only_what_leaves_zero_out(comparison):
    ax = comparison.plot_forest("nadir", reference="untreated")
    gaps = [comparison.difference(arm, "untreated", "nadir") for arm in comparison.arms if arm != "untreated"]
    shades = [line.get_color() for line in ax.lines if line.get_marker() == "s"]
    expected = ["#0072B2" if gap.upper < 0 else "#D55E00" if gap.lower > 0 else "#6b6b6b" for gap in gaps]
    assert shades == expected
    assert ax.get_title() == "better to the left of 0"


def test_a_forest_needs_two_arms(model):
    alone = compare(model, {"both": ARMS["both"]}, until="9 day", endpoints=["nadir"])
    with pytest.raises(mdr.SimulationError, match="one arm only"):
        alone.plot_forest()


def test_swimmers_carry_what_was_given_and_when(comparison):
    bars = swimmers(comparison, "both")
    assert len(bars) == 9
    assert [bar.progression for bar in bars] == sorted(comparison.values[0, :, 0], reverse=True)
    assert bars[0].given["dox"] == [(7.0 * k, 7.0 * k) for k in range(6)]
    assert np.array(bars[0].given["pac"]) == pytest.approx(np.array([(0, 2), (14, 16), (28, 30)]))
    for bar in bars:
        course = comparison.burden[0, bar.draw]
        below = comparison.times[course <= 0.5 * course[0]]
        assert bar.response == (below[0] if len(below) else np.inf)


def test_swimmers_follow_the_decisions(comparison):
    """Who pauses is given the last dose later than the plan says; who never responds keeps to the plan."""
    last = []
    for bar in swimmers(comparison, "adaptive"):
        times = [begin for begin, _ in bar.given["dox"]]
        (acts,) = comparison.acts("adaptive", [bar.draw])
        assert times == pytest.approx(sorted(act.time / 24 for act in acts if act.port == "dox"))
        last.append(max(times))
    assert max(last) > 35
    assert swimmers(comparison, "untreated")[0].given == {}


def test_a_swimmer_picture_marks_progression(comparison):
    ax = comparison.plot_swimmer("dox, then pac")
    marks = next(line for line in ax.lines if line.get_marker() == "X")
    known = sorted((t for t in comparison.values[1, :, 0] if np.isfinite(t)), reverse=True)
    assert marks.get_xdata() == pytest.approx(known)
    assert len([line for line in ax.lines if line.get_marker() == ">"]) == (len(known) < 9)
    texts = [text.get_text() for text in ax.get_legend().get_texts()]
    assert {"dox", "pac", "progression"} <= set(texts)
    in_column(ax)
    assert len(comparison.plot_swimmer("both", most=4).get_yticks()) == 4
    with pytest.raises(mdr.SimulationError, match="is no time"):
        comparison.plot_swimmer("both", endpoint="nadir")
    with pytest.raises(mdr.SimulationError, match="did you mean 'adaptive'"):
        comparison.plot_swimmer("adaptve")


def test_a_waterfall_shows_the_lowest_burden_of_each_patient(comparison):
    ax = comparison.plot_waterfall("both")
    heights = [bar.get_height() for bar in ax.patches]
    curves = comparison.burden[0]
    assert heights == pytest.approx(sorted(100 * (curves[:, 1:].min(axis=1) / curves[:, 0] - 1), reverse=True))
    in_column(ax)
    assert (best_changes(comparison, "untreated") > 0).all()


def test_clones_stack_up_to_the_burden(model):
    run = model.simulate(ARMS["both"], until="90 day")
    ax = run.plot_clones()
    (outline,) = ax.lines
    assert outline.get_ydata() == pytest.approx(run.course.output("burden"))
    lower, upper = (band.get_paths()[0].vertices for band in ax.collections)
    assert lower[:, 1].min() == ax.get_ylim()[0]
    assert upper[:, 1].max() == pytest.approx(run.course.output("burden").max(), rel=1e-9)
    assert [text.get_text() for text in ax.get_legend().get_texts()] == ["S", "R"]
    in_column(ax)


def test_relative_bands_are_the_shares(model):
    run = model.simulate(ARMS["both"], until="90 day")
    ax = run.plot_clones(relative=True)
    share = 100 * run.course.output("S") / run.course.output("burden")
    edge = ax.collections[1].get_paths()[0].vertices
    for k in (5, 100, -3):
        t = run.course.times[k] / 24
        assert np.abs(edge[np.isclose(edge[:, 0], t), 1] - share[k]).min() < 1e-9
    assert ax.get_ylim() == (0, 100)
    in_column(ax)
    with pytest.raises(mdr.SimulationError, match="no clone 'T'"):
        run.plot_clones(clones=["S", "T"])
    with pytest.raises(mdr.SimulationError, match="no clones"):
        mdr.Model(mdr.pk.one_compartment("dox", CL="1 L/h", V="5 L")).simulate(until="1 day").plot_clones()


def test_contents_stand_under_the_burden():
    model = mdr.Model(
        mdr.clone("S", growth=mdr.growth.exponential(rate="0.02 1/h"), start=1e5),
        mdr.clone("R", growth=mdr.growth.exponential(rate="0.02 1/h"), start=1e4, resistant=True),
        mdr.pgp.content("S", start=0.1),
        mdr.pgp.content("R", start=1.0),
    )
    run = model.simulate(until="48 h")
    above, below = run.plot_contents()
    assert above.get_ylabel() == "burden [cell]"
    assert below.get_ylabel() == "content per cell"
    drawn = {line.get_label(): line.get_ydata() for line in below.lines}
    assert drawn["P_R"] == pytest.approx(run.course.output("P_R"))
    assert texts_overlap(below) == []
    with pytest.raises(mdr.SimulationError, match="did you mean 'P_S'"):
        run.plot_contents(["P_SS"])


def test_the_survival_picture_is_the_survival_table(comparison):
    ax = comparison.plot_survival()
    table = comparison.survival()
    assert ax.get_xlabel() == "time to progression [day]"
    steps = {line.get_label(): line for line in ax.lines if line.get_drawstyle() == "steps-post"}
    assert list(steps) == list(comparison.arms)
    for arm, line in steps.items():
        part = table[table["arm"] == arm]
        inside = np.isin(line.get_xdata(), part["time"])
        assert line.get_ydata()[inside] == pytest.approx(part["survival"].to_numpy()[: inside.sum()])
    in_column(ax)
    assert len(comparison.plot_survival(arms=["both"]).collections) == 1
    with pytest.raises(mdr.SimulationError, match="did you mean 'both'"):
        comparison.plot_survival(arms=["botj"])


def test_the_front_is_filled(comparison):
    ax = comparison.plot_pareto("time_to_progression", "nadir")
    table = comparison.pareto("time_to_progression", "nadir").set_index("arm")
    for line in ax.lines:
        if line.get_label() in comparison.arms:
            assert (line.get_markerfacecolor() != "white") == table.loc[line.get_label(), "on_front"]
            x = min(float(table.loc[line.get_label(), "time_to_progression"]), 90)
            assert line.get_xdata()[0] == pytest.approx(x)
    in_column(ax)


def test_the_picture_of_deciders_is_their_table(model):
    rng = np.random.default_rng(2)
    draws = pd.DataFrame({"CL_dox": rng.uniform(5, 15, 12), "growth_S": rng.uniform(0.06, 0.14, 12)})
    arms = {"both": ARMS["both"], "dox": WEEKLY}
    found = compare(model, arms, parameters=draws, until="90 day", endpoints=["nadir"])
    bars = [bar.get_width() for bar in found.plot_deciders(arms=("both", "dox")).patches]
    assert bars == pytest.approx(found.deciders(arms=("both", "dox"))["rank_correlation"].tolist())
    in_column(found.plot_deciders())
    alone = compare(model, {"dox": WEEKLY, "both": ARMS["both"]}, until="20 day", endpoints=["nadir"])
    with pytest.raises(mdr.SimulationError, match="none of the endpoints is a time"):
        alone.plot_survival()


# -- tables with known numbers ------------------------------------------------------------------------------------


@pytest.fixture
def survival():
    """Five patients of arm a (events at 2, 5, 5, lost at 6 and at the end, 10) and two of b (lost at 10)."""
    columns = ["arm", "time", "survival", "lower", "upper", "at_risk", "censored"]
    rows = [
        ("a", 2.0, 0.8, 0.3, 0.95, 5, 0),
        ("a", 5.0, 0.4, 0.1, 0.75, 4, 0),
        ("a", 6.0, 0.4, 0.1, 0.75, 2, 1),
        ("a", 10.0, 0.4, 0.1, 0.75, 1, 1),
        ("b", 10.0, 1.0, 1.0, 1.0, 2, 2),
    ]
    return pd.DataFrame(rows, columns=columns)


def test_survival_curves_fall_at_events_and_mark_the_lost(survival):
    ax = draw_survival(survival, {"a": 0, "b": 1}, 10.0)
    first = ax.lines[0]
    assert (first.get_xdata().tolist(), first.get_ydata().tolist()) == ([0, 2, 5, 6, 10], [1, 0.8, 0.4, 0.4, 0.4])
    assert first.get_drawstyle() == "steps-post"
    lost = [line.get_xdata().tolist() for line in ax.lines if line.get_marker() == "+"]
    assert lost == [[6, 10], [10]]
    assert texts_overlap(ax) == []


def test_numbers_at_risk_are_those_before_each_time(survival):
    ax = draw_survival(survival, {"a": 0, "b": 1}, 10.0)
    numbers = [text.get_text() for text in ax.texts if text.get_text().isdigit()]
    assert ax.get_xticks().tolist() == [0, 2, 4, 6, 8, 10]
    assert numbers == ["5", "5", "4", "2", "1", "1", *["2"] * 6]


def test_bars_of_deciders_are_the_correlations():
    table = pd.DataFrame(
        {"parameter": ["ec50_dox_S", "CL_dox"], "rank_correlation": [-0.9, 0.25], "first_order": [0.8, np.nan]}
    )
    ax = draw_deciders(table)
    assert [bar.get_width() for bar in ax.patches] == [-0.9, 0.25]
    assert [label.get_text() for label in ax.get_yticklabels()] == ["ec50_dox_S", "CL_dox"]
    assert [text.get_text() for text in ax.texts] == ["80 %", "-"]
    in_column(ax)


def test_long_names_are_broken_and_leave_room_for_the_axis(model):
    long = "weekly doxorubicin with paclitaxel every other week, for as long as it is tolerated"
    found = compare(
        model,
        {long: ARMS["both"], f"{long} by most": ARMS["adaptive"], "price in $ or $US": ARMS["untreated"]},
        until="30 day",
        endpoints=["time_to_progression", "nadir"],
    )
    for ax in (found.plot_forest("nadir"), found.plot("nadir"), found.plot_courses()):
        in_column(ax)
        assert ax.get_window_extent().width > 0.2 * ax.figure.bbox.width
    labels = [label.get_text() for label in found.plot("nadir").get_yticklabels()]
    assert labels[2] == r"price in \$ or \$US"
    assert labels[0].count("\n") == 2


def test_an_arm_may_begin_with_an_underscore(model):
    """Matplotlib leaves such names out of legends."""
    found = compare(model, {"_old": ARMS["both"], "new": ARMS["untreated"]}, until="5 day", endpoints=["nadir"])
    for ax in (found.plot_courses(), found.plot_probabilities()):
        assert [text.get_text() for text in ax.get_legend().get_texts()] == [r"$\_$old", "new"]


def test_a_run_that_ended_stays_where_it_was(model):
    """Those who are gone do not make the median of the others look better."""
    found = compare(
        model, {"untreated": mdr.nothing()}, until="90 day", stop={"burden": "1e7 cell"}, endpoints=["nadir"]
    )
    curve = found.plot_courses().lines[0].get_ydata()
    assert np.isnan(found.burden).any()
    last = found.burden[0, 0][~np.isnan(found.burden[0, 0])][-1]
    assert curve[-1] == last > 9e6


def test_an_endpoint_in_which_all_arms_tie_is_no_bar_of_shares(comparison):
    """Nobody is best where all are the same: one grey bar that says so, and shares that add up elsewhere."""
    from dataclasses import replace

    values = comparison.values.copy()
    values[:, :, 0] = np.inf
    ax = replace(comparison, values=values).plot_probabilities()
    rows: dict[int, float] = {}
    for bar in (bar for group in ax.containers[1:] for bar in group):
        row = round(bar.get_y() + bar.get_height() / 2)
        rows[row] = rows.get(row, 0.0) + bar.get_width()
    assert [text.get_text() for text in ax.texts if "same" in text.get_text()] == ["all arms the same"]
    assert [rows[row] for row in sorted(rows)] == pytest.approx([0.0] + [100.0] * (len(comparison.endpoints) - 1))


def test_a_marker_has_no_limits_of_recist(comparison):
    from dataclasses import replace

    marker = replace(comparison, settings=replace(comparison.settings, measure="psa"))
    assert [line.get_text() for line in comparison.plot_waterfall().texts]
    assert not marker.plot_waterfall().texts
