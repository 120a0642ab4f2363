"""Pictures of fits: units, scales, colours by the label that varies, and texts that cover nothing."""

from __future__ import annotations

import subprocess
import sys
from itertools import combinations

import numpy as np
import pandas as pd
import pytest
from matplotlib.colors import to_hex, to_rgb
from matplotlib.figure import Figure

import pkpd_mdr as mdr
from pkpd_mdr.plot.fit import plot_fit, plot_profile, plot_residuals, plot_waterfall
from pkpd_mdr.plot.style import plain, sequence


def fitted(doses=(0.0, 5.0, 10.0), times=(0, 48, 96, 144, 192), other=None, error="lognormal"):
    rows = [
        {"h": t, "v": 200 * np.exp(0.01 * t) * (1.2 + 0.3 * np.sin(3 * i + t)), "dose": dose}
        for i, dose in enumerate(doses)
        for t in times
    ]
    frame, by = pd.DataFrame(rows), ["dose"]
    if other:
        frame = pd.concat([frame.assign(plate=name) for name in other])
        by = ["dose", "plate"]
    data = mdr.read_assay(frame, time="h [h]", value="v [cell]", observable="y", by=by)
    model = mdr.Model(
        mdr.observable("y", "a*exp(b*t)", unit="cell"), mdr.parameter("a", "200 cell"), mdr.parameter("b", "0.001 1/h")
    )
    return mdr.fit(model, data, {"a": ("1 cell", "5000 cell"), "b": ("1e-5 1/h", "1 1/h")}, error=error, starts=1)


@pytest.fixture(scope="module")
def found():
    return fitted()


@pytest.fixture(scope="module")
def profiled(found):
    return found.profile("b")


def boxes(ax):
    """Names and boxes of all visible texts within or beside the axes."""
    figure = ax.get_figure()
    figure.canvas.draw()
    legends = [item for item in ax.get_children() if type(item).__name__ == "Legend"]
    parts = [ax, *ax.child_axes]
    items = [text for legend in legends for text in (*legend.get_texts(), legend.get_title())]
    for part in parts:
        items += [part.xaxis.label, part.yaxis.label, part.title, part._left_title, *part.texts]
        for axis in (part.xaxis, part.yaxis):
            low, high = sorted(axis.get_view_interval())
            items += [
                t.label2 if part in ax.child_axes else t.label1 for t in axis.get_major_ticks() if _in(t, low, high)
            ]
    return [(i.get_text(), i.get_window_extent()) for i in items if i.get_text() and i.get_window_extent().width > 0]


def _in(tick, low, high):
    return low <= tick.get_loc() <= high


def illegible(ax):
    """Texts that leave the figure or touch one another, and legends over the data."""
    frame, found = ax.get_figure().bbox, boxes(ax)
    bad = [n for n, b in found if b.x0 < -1 or b.y0 < -1 or b.x1 > frame.x1 + 1 or b.y1 > frame.y1 + 1]
    bad += [(a, b) for (a, one), (b, two) in combinations(found, 2) if one.overlaps(two)]
    for legend in (item for item in ax.get_children() if type(item).__name__ == "Legend"):
        if all(text.get_window_extent().overlaps(ax.get_window_extent()) for text in legend.get_texts()):
            bad.append("legend over the data")
    return bad


def test_fit_picture(found):
    ax = found.plot()
    assert (ax.get_xlabel(), ax.get_ylabel(), ax.get_yscale()) == ("time [day]", "y [cell]", "log")
    assert ax.get_legend().get_title().get_text() == "dose"
    assert [text.get_text() for text in ax.get_legend().get_texts()] == ["0", "5", "10"]
    points = [line for line in ax.lines if line.get_linestyle() == "None"]
    curves = [line for line in ax.lines if line.get_linestyle() != "None"]
    assert len(points) == len(curves) == 3
    assert [p.get_color() for p in points] == [c.get_color() for c in curves] == sequence(3)
    assert points[0].get_xdata() == pytest.approx([0, 2, 4, 6, 8])
    assert len(curves[0].get_xdata()) > 200
    a, b = found.values["a"], found.values["b"]
    assert curves[0].get_ydata() == pytest.approx(a * np.exp(b * 24 * curves[0].get_xdata()), rel=1e-6)
    assert illegible(ax) == []


def test_size_is_one_column(found):
    assert found.plot().get_figure().get_size_inches()[0] == pytest.approx(3.4)


@pytest.mark.parametrize(("times", "unit"), [((0, 0.5, 1, 1.5), "min"), ((0, 24, 48, 120), "h"), ((0, 60, 121), "day")])
def test_time_unit_follows_the_span(times, unit):
    found = fitted(times=times)
    assert found.plot().get_xlabel() == f"time [{unit}]"
    assert found.plot(time_unit="week").get_xlabel() == "time [week]"


@pytest.mark.parametrize(
    ("error", "scale"), [("lognormal", "log"), ("proportional", "log"), ("relative", "log"), ("additive", "linear")]
)
def test_scale_follows_the_error_model(error, scale):
    found = fitted(error=error)
    assert found.plot().get_yscale() == scale
    assert found.plot(log=scale == "linear").get_yscale() != scale


def test_a_log_axis_is_bounded_by_the_measurements():
    ax = fitted().plot()
    low, high = ax.get_ylim()
    measured = np.concatenate([line.get_ydata() for line in ax.lines if line.get_linestyle() == "None"])
    assert measured.min() / 6 < low < measured.min() <= measured.max() < high < 3 * measured.max()


def test_many_doses_have_a_bar_of_colours():
    ax = fitted(doses=[2.5 * 2**k for k in range(12)]).plot()
    assert ax.get_legend() is None
    (bar,) = ax.child_axes
    assert bar.get_title(loc="left") == "dose"
    assert [text.get_text() for text in bar.get_yticklabels()][:2] == ["2.5", "5"]
    assert illegible(ax) == []
    crowded = fitted(doses=range(40)).plot()
    assert illegible(crowded) == []


def test_a_second_label_changes_pattern_and_shape():
    ax = fitted(other=["one", "two"]).plot()
    curves = [line for line in ax.lines if line.get_linestyle() != "None"]
    assert len({(line.get_color(), line.get_linestyle()) for line in curves}) == 6
    assert len({line.get_color() for line in curves}) == 3
    titles = {c.get_title().get_text() for c in ax.get_children() if type(c).__name__ == "Legend"}
    assert titles == {"dose", "plate"}
    assert illegible(ax) == []


def test_named_conditions_and_a_single_one():
    ax = fitted(doses=["vehicle", "combination of both drugs", "dox"]).plot()
    assert [t.get_text() for t in ax.get_legend().get_texts()] == ["combination of both drugs", "dox", "vehicle"]
    assert illegible(ax) == []
    assert fitted(doses=[3.0]).plot().get_legend() is None


def test_conditions_that_numbers_leave_alike_go_by_name():
    """Two doses at each of three sizes, where the size is the only number that conditions hold."""
    model = mdr.Model(
        mdr.medium("dox", unit="nM"),
        mdr.clone("S", growth=mdr.growth.exponential(rate="0.03 1/h"), start="1000 cell"),
        mdr.kill("dox", on="S", slope="0.001 1/h/nM"),
    )
    wells = [
        mdr.planned(
            f"{size} cells, {dose} nM",
            mdr.exposure("dox", f"{dose} nM"),
            times=["12 h", "24 h"],
            observables=["S"],
            covariates={"S0": f"{size} cell"},
        )
        for size in (500, 1000, 2000)
        for dose in (10, 20)
    ]
    data = mdr.simulated_data(model, wells, noise={"S": ("lognormal", 0.1)}, seed=1)
    ax = mdr.fit(model, data, {"growth_S": ("0.01 1/h", "0.1 1/h")}, error="lognormal", starts=1).plot()
    assert {text.get_text() for text in ax.get_legend().get_texts()} == {well.name for well in wells}
    assert len({line.get_color() for line in ax.lines if line.get_linestyle() == "-" and len(line.get_xdata())}) == 6
    assert illegible(ax) == []


def test_dose_response_is_drawn_against_predictions():
    ax = fitted(times=(24,)).plot()
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("predicted y [cell]", "measured y [cell]")
    assert ax.get_xlim() == ax.get_ylim()
    assert illegible(ax) == []


def test_curves_follow_repeated_doses():
    pk = mdr.Model(mdr.pk.one_compartment("dox", CL="10 L/h", V="50 L"))
    frame = pd.DataFrame(
        {
            "id": 1,
            "h": [0, 24, 48, 72, 1, 30, 50, 90.0],
            "mg": [50.0] * 4 + [np.nan] * 4,
            "v": [np.nan] * 4 + [0.8, 0.3, 0.7, 0.03],
        }
    )
    data = mdr.read_events(
        frame, subject="id", time="h [h]", value="v [mg/L]", observable="C_dox", dose={"dox": "mg [mg]"}
    )
    found = mdr.fit(pk, data, {"CL_dox": ("1 L/h", "100 L/h")}, error="proportional", starts=1)
    ax = plot_fit(found)
    (curve,) = (line for line in ax.lines if line.get_linestyle() != "None")
    times, values = curve.get_xdata(), curve.get_ydata()
    jumps = times[1:][np.diff(values) > 0.5]
    assert jumps == pytest.approx([0, 24, 48, 72], abs=1e-3)
    assert np.diff(times)[np.diff(values) > 0.5].max() < 1e-3


def test_residuals(found):
    ax = plot_residuals(found)
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("time [day]", "standardised residual")
    drawn = np.concatenate([line.get_ydata() for line in ax.lines if line.get_marker() == "o"])
    assert np.sort(drawn) == pytest.approx(np.sort(found.residuals["standardised"].to_numpy()))
    assert illegible(ax) == []
    assert plot_residuals(found, against="prediction").get_xlabel() == "predicted y [cell]"
    with pytest.raises(mdr.FitError, match="did you mean 'prediction'"):
        plot_residuals(found, against="predictions")


def test_profile_picture(profiled):
    ax = profiled.plot()
    assert ax.get_xlabel() == "b [1/h]"
    assert [text.get_text() for text in ax.texts] == ["threshold, 95%"]
    assert plain(profiled.estimate) in ax.get_title()
    assert plain(profiled.upper) in ax.get_title()
    curve = max(ax.lines, key=lambda line: len(line.get_xdata()))
    x, y = curve.get_xdata(), curve.get_ydata()
    assert np.interp(profiled.frame["value"], x, y) == pytest.approx(profiled.frame["distance"].to_numpy(), abs=0.05)
    assert np.diff(np.sign(np.diff(y))).astype(bool).sum() == 1, "one minimum, no wiggles"
    assert x[np.argmin(y)] == pytest.approx(profiled.estimate, rel=0.01)
    assert illegible(ax) == []


@pytest.mark.parametrize("log", [True, False])
def test_profile_axis_follows_the_scale_of_its_steps(log):
    steps = np.linspace(-3, 3, 13)
    value = 0.05 * np.exp(0.5 * steps) if log else 0.05 + 0.013 * steps
    profile = _profile(value, steps**2)
    assert plot_profile(profile).get_xscale() == ("log" if log else "linear")
    assert plot_profile(profile, log=not log).get_xscale() == ("linear" if log else "log")
    assert illegible(plot_profile(profile)) == []


def test_open_profile_says_so():
    value = np.geomspace(1e-5, 4e-4, 9)
    z = np.log(value / 1e-4)
    ax = _profile(value, np.where(z < 0, 0.1, 2) * z**2, open_lower=True, estimate=1e-4).plot()
    assert "open to" in ax.get_title()
    assert illegible(ax) == []


def _profile(value, distance, *, open_lower=False, estimate=0.05):
    from pkpd_mdr.fit.profile import Profile

    frame = pd.DataFrame({"value": value, "distance": distance})
    return Profile("k", "1/h", estimate, value[2], value[-3], open_lower, False, 0.95, 3.84, frame)


def test_waterfall(found):
    ax = plot_waterfall(found)
    assert ax.get_xlabel() == "start, ranked"
    assert illegible(ax) == []


def test_given_axes_are_used_and_no_others_made(found, profiled):
    figure = Figure()
    axes = figure.subplots(2, 2)
    assert found.plot(ax=axes[0, 0]) is axes[0, 0]
    assert plot_residuals(found, ax=axes[0, 1]) is axes[0, 1]
    assert profiled.plot(ax=axes[1, 0]) is axes[1, 0]
    assert plot_waterfall(found, ax=axes[1, 1]) is axes[1, 1]
    assert fitted(doses=range(1, 11)).plot(ax=axes[0, 1]) is axes[0, 1]
    assert figure.axes == list(axes.ravel())


def test_unknown_observable(found):
    with pytest.raises(mdr.FitError, match="'z' was not fitted"):
        found.plot(observable="z")


def test_sequence_goes_from_dark_to_light():
    shades = [np.dot(to_rgb(shade), (0.2126, 0.7152, 0.0722)) for shade in sequence(9)]
    assert (np.diff(shades) > 0.02).all()
    assert shades[-1] < 0.75, "readable on white"
    assert sequence(1) == [to_hex(sequence(5)[0])]


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.0, "0"), (9.765625, "9.77"), (1250.0, "1250"), (2.0e6, r"$2 \times 10^{6}$"), (1e-5, "$10^{-5}$")],
)
def test_plain_numbers(value, text):
    assert plain(value) == text


def test_matplotlib_is_not_imported_by_the_module():
    code = "import sys, pkpd_mdr.plot.fit; sys.exit('matplotlib' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
