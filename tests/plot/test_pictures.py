"""Pictures: they return Axes, carry units, keep to the axes given, and their texts do not overlap."""

from __future__ import annotations

import sys
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from strategies.pictures import texts_overlap

import pkpd_mdr as mdr
from pkpd_mdr.compare import compare
from pkpd_mdr.plot.compare import plot_courses, plot_endpoint, plot_probabilities
from pkpd_mdr.plot.run import plot_run
from pkpd_mdr.plot.style import COLOURS, DASHES, as_svg, colour, dash, log_ticks, on

DOX = mdr.infusion("dox", "60 mg", over="1 h").every("14 day", times=4)
PAC = mdr.infusion("pac", "200 mg", over="24 h").every("14 day", times=4)


@pytest.fixture(scope="module")
def model():
    return mdr.Model(
        mdr.pk.one_compartment("dox", CL="10 L/h", V="50 L"),
        mdr.pk.one_compartment("pac", CL="5 L/h", V="40 L"),
        mdr.clone("S", growth=mdr.growth.exponential(rate="0.1 1/day"), start=1e6),
        mdr.clone("R", growth=mdr.growth.exponential(rate="0.08 1/day"), start=1e2, resistant=True),
        mdr.kill("dox", on="S", slope="0.1 1/h/(mg/L)"),
        mdr.kill("pac", on="S", slope="0.02 1/h/(mg/L)"),
    )


@pytest.fixture(scope="module")
def comparison(model):
    draws = pd.DataFrame({"CL_dox": np.linspace(5, 15, 7), "CL_pac": np.linspace(8, 3, 7)})
    arms = {
        "combination of both": (DOX & PAC).scaled(3),
        "dox, then pac": DOX.then(PAC),
        "on progression": mdr.on_progression(DOX, PAC, visit="14 day"),
        "adaptive": mdr.adaptive(DOX & PAC, visit="7 day"),
        "untreated": mdr.nothing(),
    }
    return compare(
        model, arms, parameters=draws, until="90 day", endpoints=["time_to_progression", "resistant_share", "nadir"]
    )


def test_endpoint_picture(comparison):
    ax = comparison.plot()
    assert ax.get_xlabel() == "time to progression [day]"
    assert [label.get_text() for label in ax.get_yticklabels()] == list(comparison.arms)
    medians = [line.get_xdata()[0] for line in ax.lines if line.get_marker() == "o"]
    expected = comparison.table.xs("time_to_progression", level="endpoint")["median"].to_numpy()
    assert medians == pytest.approx(np.minimum(expected, 90).tolist())
    assert texts_overlap(ax) == []


def test_censored_arms_have_an_arrow(comparison):
    censored = np.isinf(comparison.table.xs("time_to_progression", level="endpoint")["upper"]).sum()
    arrows = [line for line in comparison.plot().lines if line.get_marker() == ">"]
    assert len(arrows) == censored > 0


def test_other_endpoints(comparison):
    assert comparison.plot("nadir").get_xlabel() == "nadir [cell]"
    assert texts_overlap(comparison.plot("nadir")) == []
    with pytest.raises(mdr.SimulationError, match="did you mean 'nadir'"):
        comparison.plot("nadr")


def test_courses_picture(comparison):
    ax = comparison.plot_courses()
    assert ax.get_yscale() == "log"
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("time [day]", "burden [cell]")
    assert len(ax.lines) == len(ax.collections) == 5
    assert ax.lines[4].get_ydata()[-1] == pytest.approx(1e6 * np.exp(9) + 1e2 * np.exp(7.2), rel=1e-5)
    assert texts_overlap(ax) == []
    assert len(plot_courses(comparison, ["adaptive"]).lines) == 1
    with pytest.raises(mdr.SimulationError, match="did you mean 'adaptive'"):
        comparison.plot_courses(["adaptiv"])


def test_probability_picture(comparison):
    ax = comparison.plot_probabilities()
    widths = np.array([[bar.get_width() for bar in bars] for bars in ax.containers])
    assert widths.sum(axis=0) == pytest.approx([100, 100, 100])
    assert widths[:, 0] == pytest.approx(100 * comparison.shares("time_to_progression").mean(axis=1))
    assert texts_overlap(ax) == []


def test_run_picture(model):
    run = model.simulate(mdr.adaptive(DOX & PAC, visit="7 day"), until="90 day")
    ax = run.plot()
    assert (ax.get_xlabel(), ax.get_ylabel(), ax.get_yscale()) == ("time [day]", "burden [cell]", "log")
    labels = [text.get_text() for text in ax.get_legend().get_texts()]
    assert labels == ["burden", "S", "R", "no treatment", "decision", "dox", "pac"]
    assert ax.patches, "pauses are shaded"
    assert texts_overlap(ax) == []


def test_a_burden_that_a_model_of_text_declares_is_drawn_first(model):
    def shown(name: str, **options: str) -> tuple[list[str], str, str]:
        ax = getattr(mdr.gallery, name)().simulate(**options).plot()
        return [line.get_label() for line in ax.lines], ax.get_ylabel(), ax.get_yscale()

    assert shown("ribba2012", until="12 month") == (["burden", "P", "Q", "Qp"], "burden [mm]", "linear")
    assert shown("tham2008", until="12 week") == (["size"], "size [cm]", "linear")
    assert shown("kuznetsov1994", until="60 day") == (["T", "E"], "cells [cell]", "log")
    assert shown("hu2019", until="30 day") == (["T", "P", "E"], "cells [cell]", "log")


def test_dose_ticks_lie_below_the_curves(model):
    run = model.simulate(DOX & PAC, until="90 day")
    ax = plot_run(run, ["C_dox", "C_pac"])
    assert ax.get_ylabel() == "concentration [mg/L]"
    assert ax.get_yscale() == "linear"
    curves, ticks = ax.lines[:2], ax.lines[2:]
    low = ax.transAxes.inverted().transform(ax.transData.transform((0, min(c.get_ydata().min() for c in curves))))[1]
    assert max(np.nanmax(line.get_ydata()) for line in ticks) < low
    times = np.concatenate([line.get_xdata() for line in ticks if line.get_marker() == "|"])
    assert times == pytest.approx([0, 14, 28, 42])
    (bars,) = (line.get_xdata().reshape(4, 3) for line in ticks if line.get_marker() != "|")
    assert bars[:, 1] - bars[:, 0] == pytest.approx([1, 1, 1, 1])


def test_given_axes_are_used_and_pyplot_is_not_needed(comparison, model):
    from matplotlib.figure import Figure

    figure = Figure()
    axes = figure.subplots(2, 2)
    run = model.simulate(DOX, until="30 day")
    assert run.plot(ax=axes[0, 0]) is axes[0, 0]
    assert plot_endpoint(comparison, ax=axes[0, 1]) is axes[0, 1]
    assert plot_courses(comparison, ax=axes[1, 0]) is axes[1, 0]
    assert plot_probabilities(comparison, ax=axes[1, 1]) is axes[1, 1]
    assert figure.axes == list(axes.ravel())


def test_pyplot_shows_what_is_drawn_where_it_is_in_use(model, monkeypatch):
    import matplotlib.pyplot as plt

    run = model.simulate(DOX, until="30 day")
    ax = run.plot()
    assert plt.gcf() is ax.figure
    assert b"</svg>" in as_svg(ax)
    assert plt.get_fignums() == []
    with ThreadPoolExecutor(1) as pool:
        pool.submit(run.plot).result()
    monkeypatch.delitem(sys.modules, "matplotlib.pyplot")
    run.plot()
    assert plt.get_fignums() == []


@pytest.mark.parametrize(
    ("outputs", "words"),
    [
        (["C_doxx"], "did you mean 'C_dox'"),
        (["S", "C_dox"], "cannot share an axis"),
        (["S", "resistant_share"], "'S' in 'cell' and 'resistant_share' in a pure number cannot share an axis"),
        ([], "no output is named"),
    ],
)
def test_refusals(model, outputs, words):
    with pytest.raises(mdr.SimulationError, match=words):
        model.simulate(DOX, until="30 day").plot(outputs)


def test_models_without_clones_or_dead_clones(model):
    pk = mdr.Model(mdr.pk.one_compartment("dox", CL="10 L/h", V="50 L"))
    assert pk.simulate(DOX, until="30 day").plot().get_ylabel() == "C_dox [mg/L]"
    dead = model.simulate(DOX, until="30 day", start={"R": 0})
    ax = dead.plot()
    assert np.isfinite(ax.get_ylim()).all()
    assert ax.get_ylim()[0] > 0


def test_many_lines_differ_in_colour_or_pattern():
    pairs = [(colour(k), dash(k)) for k in range(49)]
    assert len(set(pairs)) == 49
    assert [dash(k) for k in range(7)] == list(DASHES)


def test_colours_are_readable():
    assert on("#000000") == "white"
    assert on("#E69F00") == "black"
    assert len(set(COLOURS)) == len(COLOURS)


def test_matplotlib_is_not_imported_by_the_plot_modules():
    import subprocess

    code = "import sys, pkpd_mdr.plot.run, pkpd_mdr.plot.compare; sys.exit('matplotlib' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_long_numbers_lend_their_power_of_ten_to_the_unit():
    from matplotlib.figure import Figure

    from pkpd_mdr.plot.style import name_axis

    ax = Figure().add_subplot()
    ax.plot([0, 1], [0, 4e7])
    name_axis(ax.yaxis, "vesicles", "1/mL")
    assert ax.get_ylabel() == "vesicles [$10^{7}$ 1/mL]"
    ax.set_yticks([0, 2e7, 4e7])
    ax.figure.draw_without_rendering()
    assert [label.get_text() for label in ax.get_yticklabels()] == ["0", "2", "4"]
    assert ax.yaxis.get_offset_text().get_text() == ""


@given(low=st.floats(1e-6, 1e8), span=st.floats(3, 99))
def test_a_logarithmic_axis_of_less_than_two_decades_has_labels_that_can_be_read(low, span):
    from matplotlib.figure import Figure

    axis = Figure().add_subplot(xscale="log", xlim=(low, span * low)).xaxis
    log_ticks(axis)
    places = axis.get_majorticklocs()
    assert 2 <= len(places) <= 6
    assert len({axis.get_major_formatter()(place) for place in places}) == len(places)


def test_legends_say_what_bands_hold_and_stay_in_the_figure(comparison):
    ax = comparison.plot_courses()
    assert [text.get_text() for text in ax.get_legend().get_texts()] == [*comparison.arms, "95 % of draws"]
    assert texts_overlap(ax) == []
    names = ["WT", "T790M", "C797S", "T790M_C797S", "P", "Q"]
    law = mdr.growth.exponential(rate="0.1 1/day")
    many = mdr.Model(*(mdr.clone(name, growth=law, start=10.0**k) for k, name in enumerate(names)))
    ax = many.simulate(until="9 day").plot_clones()
    assert [text.get_text() for text in ax.get_legend().get_texts()] == names
    assert texts_overlap(ax) == []


def test_areas_of_one_colour_differ_in_hatching(model):
    arms = {f"{dose} mg of both drugs": (DOX & PAC).scaled(dose / 60) for dose in range(10, 100, 10)}
    ax = compare(model, arms, until="30 day", endpoints=["nadir", "resistant_share"]).plot_probabilities()
    looks = {(bars.patches[0].get_facecolor(), bars.patches[0].get_hatch()) for bars in ax.containers[-9:]}
    assert len(looks) == 9
    assert texts_overlap(ax) == []
