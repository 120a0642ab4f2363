"""Effective doses: standard errors, profiles, states and bounds."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest
from strategies.plates import DOSES, plate

import pkpd_mdr as mdr
from pkpd_mdr.response.estimates import Curves, curve_at, fit_stack
from pkpd_mdr.response.families import family
from pkpd_mdr.response.levels import Level, delta_error, log_dose, log_dose_gradient
from pkpd_mdr.response.profiles import profile_intervals
from pkpd_mdr.response.stack import Stack

LEVELS = [Level(10), Level(50), Level(0.6, "absolute"), Level(40, "control")]


def one(name: str, seed: int = 0, **options: object) -> mdr.DoseResponse:
    table = plate({"A": (1.0, 0.1, 0.8, 1.3)}, seed=seed)
    return mdr.dose_response(table, dose="dose", response="v", by="line", curve=name, **options)  # type: ignore[arg-type]


@pytest.mark.parametrize("name", ["LL.4", "LL.5", "W1.4", "W2.4", "LN.4", "G.4", "BC.5", "BP.5", "LL.3"])
@pytest.mark.parametrize("level", LEVELS, ids=str)
def test_gradients_are_derivatives(name: str, level: Level) -> None:
    from dataclasses import replace

    curves = one(name).curves
    logs = log_dose(curves, level)
    if np.isnan(logs[0]):
        assert name == "G.4"  # a curve of the dose itself may begin below the level
        return
    gradient = log_dose_gradient(curves, level, logs)[0]
    values = np.concatenate([curves.theta[0], curves.linear[0]])
    for i in range(len(curves.names)):
        ends = []
        for sign in (1.0, -1.0):
            moved = values.copy()
            moved[i] += sign * 1e-5
            size = curves.theta.shape[1]
            ends.append(log_dose(replace(curves, theta=moved[None, :size], linear=moved[None, size:]), level)[0])
        assert gradient[i] == pytest.approx((ends[0] - ends[1]) / 2e-5, rel=2e-3, abs=1e-5)


def test_the_error_of_an_absolute_level_is_the_spread_of_its_estimates() -> None:
    """Refits to simulated data scatter as the delta method says."""
    x = np.repeat(DOSES, 3)
    truth = 0.1 + 0.9 / (1 + (x / 0.8) ** 1.3)
    y = truth + 0.03 * np.random.default_rng(1).standard_normal((3000, len(x)))
    stack = Stack.of(np.repeat(np.arange(3000), len(x)), np.tile(x, 3000), y.ravel())
    curves = fit_stack(stack, family("LL.4"))
    for level in (Level(0.7, "absolute"), Level(0.3, "absolute"), Level(50, "control")):
        logs = log_dose(curves, level)
        assert np.std(logs) == pytest.approx(np.sqrt(np.mean(delta_error(curves, level, logs) ** 2)), rel=0.06)


TRUTHS = {  # ln b, ln e and what else the shape has; c, d and hormesis
    "G.4": ([-0.2, 0.9], [0.1, 1.0, 0.0]),
    "L.3": ([0.6, 0.9], [0.0, 1.0, 0.0]),
    "BC.5": ([0.7, 0.2], [0.1, 1.0, 0.8]),
    "CRS.4b": ([0.7, 0.2], [0.0, 1.0, 1.5]),
    "BP.5": ([0.0, -2.5, 0.0, 0.0, 1.6], [0.1, 1.0, 0.0]),
}
PROFILED = [(name, level) for name in ("LL.4", "LL.5", "W2.4", "LL.3", "LL.3u", "LL.2") for level in LEVELS]
PROFILED += [(name, level) for name in ("G.4", "L.3", "BC.5") for level in LEVELS[1:]]
PROFILED += [("CRS.4b", LEVELS[1]), ("BP.5", LEVELS[1])]


def suited(name: str) -> mdr.DoseResponse:
    """A fit of wells that the family itself made; of log-logistic ones where it is near that."""
    if name not in TRUTHS:
        return one(name, direction="falling")
    x = np.linspace(0, 8, 12) if name[:2] in ("G.", "L.") else np.r_[0.0, np.geomspace(0.01, 30, 13)]
    theta, linear = (np.array([part]) for part in TRUTHS[name])
    y = curve_at(family(name), theta, linear, x[None])[0]
    rng = np.random.default_rng(5)
    wells = pd.DataFrame({"dose": np.tile(x, 3), "v": np.tile(y, 3) + 0.02 * rng.standard_normal(3 * len(x))})
    return mdr.dose_response(wells, dose="dose", response="v", curve=name, direction="falling")


@pytest.mark.parametrize(("name", "level"), PROFILED, ids=str)
def test_a_profile_ends_where_the_constrained_optimum_says(name: str, level: Level) -> None:
    """The vectorised profile against the penalised least squares of the joint fit: another algorithm, the same ends."""
    from pkpd_mdr.response.effective import log_dose_of
    from pkpd_mdr.response.joint import joint_of

    fit = suited(name)
    logs = log_dose(fit.curves, level)
    lower, upper = profile_intervals(fit.curves, level, logs)
    joint = joint_of(fit.readings, fit.stack, fit.curves.family, fit.options, {}, np.array([0]))
    low, high = joint.profile(lambda c: log_dose_of(c, level, 0), confidence=0.95, beyond=(-20.0, 20.0))
    assert (lower[0], upper[0]) == (pytest.approx(low, abs=5e-3), pytest.approx(high, abs=5e-3))


def least_of_hormesis(x: np.ndarray, y: np.ndarray, log_ed: float, of_c: float = 0.5, of_d: float = 0.5) -> float:
    """Least sum of squares of Brain and Cousens's curve with a given dose: b and e on a dense grid, the rest exact.

    With ``s = 1/(1 + (x/e)**b)``, S its value at the dose X and ``r = x s/(X S)``, a level ``p c + q d`` at X means
    ``f X S = p c + q d - c (1 - S) - d S``, which leaves c and d, both linear.
    """
    from scipy.optimize import minimize

    def rss(at: np.ndarray) -> np.ndarray:
        b, e = np.exp(at[0])[..., None], at[1][..., None]
        with np.errstate(divide="ignore", over="ignore"):
            s = 1.0 / (1.0 + np.exp(b * (np.log(x) - e)))
            left = 1.0 / (1.0 + np.exp(b * (log_ed - e)))
        r = x * np.exp(-log_ed) * s / left
        u, v = s + r * (of_d - left), 1.0 - s + r * (of_c - 1.0 + left)  # by d and by c
        uu, uv, vv = (u * u).sum(-1), (u * v).sum(-1), (v * v).sum(-1)
        det = uu * vv - uv**2
        d, c = (vv * (u @ y) - uv * (v @ y)) / det, (uu * (v @ y) - uv * (u @ y)) / det
        return np.asarray(((y - d[..., None] * u - c[..., None] * v) ** 2).sum(-1))

    grid = np.stack(np.meshgrid(np.linspace(-2.0, 2.0, 200), np.linspace(-8.0, 12.0, 500), indexing="ij"))
    with np.errstate(all="ignore"):
        values = np.nan_to_num(rss(grid), nan=np.inf).ravel()
        starts = grid.reshape(2, -1)[:, np.argsort(values)[:4]].T
        return min(
            float(minimize(rss, at, method="Nelder-Mead", options={"xatol": 1e-9, "fatol": 1e-13}).fun) for at in starts
        )


@pytest.mark.parametrize(
    ("truth", "number", "side"),
    [
        (([1.1, 0.2], [0.1, 1.0, 0.8]), 57, 1),  # one start of the grid: the upper end was 1.59 instead of 3.00
        (([0.4, -0.5], [0.1, 1.0, 3.0]), 18, 0),  # twelve steps: the lower end was above the upper one
        (([0.4, -0.5], [0.1, 1.0, 3.0]), 62, 0),  # twelve steps: -4.3 instead of -5.1
    ],
)
def test_the_profile_of_hormesis_ends_where_a_dense_search_says(
    truth: tuple[list[float], list[float]], number: int, side: int
) -> None:
    """At the end, the least sum of squares is above its minimum by what the interval allows; narrow valleys count."""
    x, y, curves, reach = a_hump(truth, number)
    end = profile_intervals(curves, Level(50), log_dose(curves, Level(50)))[side][0]
    rise = np.sqrt(least_of_hormesis(x, y, end) - curves.rss[0]) / curves.sigma[0]
    assert rise == pytest.approx(reach, rel=5e-3)


HUMPS = [([1.1, 0.2], [0.1, 1.0, 0.8]), ([0.4, -0.5], [0.1, 1.0, 3.0]), ([0.7, 0.2], [0.1, 1.0, 0.8])]


@pytest.mark.parametrize(("truth", "number"), [(HUMPS[0], 57), (HUMPS[2], 7)])
def test_the_profile_of_hormesis_minds_a_second_valley(truth: tuple[list[float], list[float]], number: int) -> None:
    """Steep curves of one sum of squares had taken all starts, and the last point the place of the last one inside."""
    x, y, curves, reach = a_hump(truth, number)
    end = profile_intervals(curves, Level(50, "control"), log_dose(curves, Level(50, "control")))[1][0]
    rise = np.sqrt(least_of_hormesis(x, y, end, of_c=0.0) - curves.rss[0]) / curves.sigma[0]
    assert rise == pytest.approx(reach, rel=5e-3)


@pytest.mark.parametrize(("truth", "number", "dose"), [(HUMPS[0], 9, 4), (HUMPS[2], 1, 5)])
def test_a_profile_that_jumps_ends_at_the_tested_dose(
    truth: tuple[list[float], list[float]], number: int, dose: int
) -> None:
    """A curve that falls between two doses serves anywhere between them: the rise jumps over its critical value there.

    Both ends had been 0.3 per cent away, for want of starts that are steep enough.
    """
    x, y, curves, reach = a_hump(truth, number)
    end = profile_intervals(curves, Level(50, "control"), log_dose(curves, Level(50, "control")))[0][0]
    assert end == pytest.approx(np.log(x[dose]), abs=6e-4)
    within, beyond = (least_of_hormesis(x, y, np.log(x[dose]) + away, of_c=0.0) for away in (0.1, -0.1))
    assert within < curves.rss[0] + (reach * curves.sigma[0]) ** 2 < beyond


def least_of_a_level(x: np.ndarray, y: np.ndarray, log_dose_at: float, level: float) -> float:
    """Least sum of squares of log-logistic curves through a level at a dose: slope and place on a grid, the rest exact.

    With S the shape at the dose, ``y - level = k (s - S)``, which leaves k.
    """
    b, u = np.exp(np.linspace(-2.0, 8.0, 300))[:, None, None], np.linspace(-40.0, 40.0, 500)[None, :, None]
    with np.errstate(divide="ignore", over="ignore"):
        s = 1.0 / (1.0 + np.exp(np.clip(b * (np.log(x) - log_dose_at) + u, -500.0, 500.0)))
    shape = s - 1.0 / (1.0 + np.exp(u))
    size = (shape * shape).sum(-1)
    k = (shape @ (y - level)) / np.where(size > 1e-20, size, np.inf)
    return float(((y - level - k[..., None] * shape) ** 2).sum(-1).min())


@pytest.mark.parametrize(("number", "side"), [(4, 0), (43, 1)])
def test_the_profile_of_a_level_ends_where_nothing_beyond_is_as_good(number: int, side: int) -> None:
    """Noisy curves of six doses: with one start of the grid, intervals ended at 0.76 and 0.82 of the rise."""
    from scipy.stats import t as student

    rng, x = np.random.default_rng(3), np.r_[0.0, 0.0, np.geomspace(0.1, 100, 6), np.geomspace(0.1, 100, 6)]
    for _ in range(number + 1):
        e, b = 10 ** rng.uniform(-0.8, 1.8), rng.uniform(0.8, 6)
        y = 0.1 + 0.9 / (1 + (x / e) ** b) + 0.12 * rng.normal(size=len(x))
    curves = fit_stack(Stack.of(np.zeros(len(x), dtype=np.int64), x, y), family("LL.4"))
    level = Level(0.5, "absolute")
    end = profile_intervals(curves, level, log_dose(curves, level))[side][0]
    limit = curves.rss[0] + (student.ppf(0.975, curves.df[0]) * curves.sigma[0]) ** 2
    outwards = 0.01 if side else -0.01
    assert least_of_a_level(x, y, end - outwards, 0.5) < limit * 1.02
    assert least_of_a_level(x, y, end + outwards, 0.5) > limit * 0.98


def a_hump(truth: tuple[list[float], list[float]], number: int) -> tuple[np.ndarray, np.ndarray, Curves, float]:
    """Doses and responses of one noisy curve with hormesis, its fit and the critical value of its profile."""
    from scipy.stats import t as student

    x = np.r_[0.0, np.geomspace(0.01, 30, 7)]
    y = curve_at(family("BC.5"), *(np.array([part]) for part in truth), x[None])[0]
    y = (y + 0.08 * np.random.default_rng(5).standard_normal((80, len(x))))[number]
    curves = fit_stack(Stack.of(np.zeros(len(x), dtype=np.int64), x, y), family("BC.5"))
    return x, y, curves, float(student.ppf(0.975, curves.df[0]))


def test_a_level_below_the_control_with_a_limit_held_has_its_profile_too() -> None:
    from pkpd_mdr.response.effective import log_dose_of
    from pkpd_mdr.response.joint import joint_of

    fit, level = one("LL.4", direction="falling", fixed={"c": 0.05}), Level(40, "control")
    lower, upper = profile_intervals(fit.curves, level, log_dose(fit.curves, level))
    joint = joint_of(fit.readings, fit.stack, fit.curves.family, fit.options, {}, np.array([0]))
    low, high = joint.profile(lambda c: log_dose_of(c, level, 0), confidence=0.95, beyond=(-20.0, 20.0))
    assert (lower[0], upper[0]) == (pytest.approx(low, abs=5e-3), pytest.approx(high, abs=5e-3))


def test_the_kind_of_an_interval_does_not_depend_on_how_many_curves_there_are() -> None:
    """Hormesis: the profile of a curve among many is that of the curve alone."""
    wells = suited("BC.5").readings
    table = pd.DataFrame({"dose": wells.x, "v": wells.y})
    many = pd.concat([table.assign(line=k) for k in range(210)], ignore_index=True)
    alone, among = (
        mdr.dose_response(part, dose="dose", response="v", by="line", curve="BC.5", direction="falling").ed(50)
        for part in (table.assign(line=0), many)
    )
    for end in ("lower", "upper"):
        np.testing.assert_allclose(among[end], alone[end].iloc[0], rtol=1e-9)


def test_profile_intervals_cover_near_the_top_dose() -> None:
    """EC50 at the second dose from the top, where the delta method fails: 500 sets, nominal 95 %."""
    rng = np.random.default_rng(2)
    x = np.repeat(np.geomspace(0.01, 10, 7), 2)
    y = 0.1 + 0.9 / (1 + (x / 5.0) ** 1.2) + 0.05 * rng.standard_normal((500, len(x)))
    stack = Stack.of(np.repeat(np.arange(500), len(x)), np.tile(x, 500), y.ravel())
    curves = fit_stack(stack, family("LL.4"))
    logs = log_dose(curves, Level(50))
    lower, upper = profile_intervals(curves, Level(50), logs)
    covered = np.mean((lower <= math.log(5.0)) & (upper >= math.log(5.0)))
    assert 0.92 <= covered <= 0.98


TRUTH = {
    "in range": (1.0, 0.1, 0.8, 1.3),
    "partial": (1.0, 0.0, 120.0, 1.3),
    "flat": (1.0, 1.0, 1.0, 1.0),
    "plateau": (1.0, 0.6, 0.8, 1.3),
    "dead": (0.03, 0.03, 1.0, 1.0),
}


@pytest.fixture(scope="module")
def screen() -> mdr.DoseResponse:
    return mdr.dose_response(plate(TRUTH), dose="dose [uM]", response="v", by="line", scale="viability")


def test_states_of_an_absolute_level(screen: mdr.DoseResponse) -> None:
    found = screen.ed(0.5, kind="absolute").set_index("line")
    assert found["state"].to_dict() == {
        "in range": "in range", "partial": "> max", "flat": "no effect", "plateau": "not reached", "dead": "< min",
    }  # fmt: skip
    assert found["estimate"].notna().tolist() == [True, False, False, False, False]
    assert found.loc["partial", "lower"] > 10.0
    assert found.loc[["partial", "flat", "plateau"], "upper"].tolist() == [math.inf] * 3
    assert (found.loc["dead", "lower"], found.loc["dead", "upper"]) == (0.0, 0.01)


def test_a_flat_curve_has_no_ec50_at_all(screen: mdr.DoseResponse) -> None:
    found = screen.ed(50).set_index("line").loc["flat"]
    assert (found["state"], found["lower"], found["upper"]) == ("no effect", 0.0, math.inf)


def test_bounds_hold_the_truth(screen: mdr.DoseResponse) -> None:
    found = screen.ed(50).set_index("line")
    assert found.loc["partial", "lower"] < 120.0 < found.loc["partial", "upper"]
    assert found.loc["in range", "lower"] < 0.8 < found.loc["in range", "upper"]


def test_slightly_beyond_is_extrapolated() -> None:
    fit = mdr.dose_response(
        plate({"A": (1.0, 0.0, 40.0, 3.0)}, noise=0.005), dose="dose", response="v", scale="viability", curve="LL.3"
    )
    assert fit.ed(50)["state"].tolist() == ["extrapolated"]
    assert fit.ed(50)["estimate"].iloc[0] == pytest.approx(40.0, rel=0.05)


def test_rising_and_falling_are_one() -> None:
    """Inhibition is viability upside down: the same doses, the same states."""
    table = plate(TRUTH)
    falling = mdr.dose_response(table, dose="dose", response="v", by="line", scale="viability")
    rising = mdr.dose_response(table.assign(v=1 - table["v"]), dose="dose", response="v", by="line", scale="inhibition")
    pd.testing.assert_frame_equal(falling.ed(0.5, kind="absolute"), rising.ed(0.5, kind="absolute"), rtol=1e-3)
    pd.testing.assert_frame_equal(falling.ed(20, 50), rising.ed(20, 50), rtol=1e-3)


def test_hormesis_is_read_on_the_falling_side() -> None:
    x = np.repeat(DOSES, 3)
    y = (1.0 + 1.5 * x) / (1 + (x / 1.5) ** 3) + 0.01 * np.random.default_rng(3).standard_normal(len(x))
    fit = mdr.dose_response(pd.DataFrame({"x": x, "y": y}), dose="x", response="y", curve="BC.4", direction="falling")
    dose = fit.ed(10, interval="delta")["estimate"].iloc[0]
    assert fit.predict([dose])[0, 0] == pytest.approx(
        0.9 * fit.parameters().set_index("parameter").loc["d", "estimate"], rel=1e-6
    )
    assert dose > 1.0


def test_bootstrap_agrees_and_resamples_units() -> None:
    fit = one("LL.4", seed=4)
    profile, boot = fit.ed(50), fit.ed(50, interval="bootstrap", seed=1)
    for side in ("lower", "upper"):
        assert math.log(boot[side].iloc[0]) == pytest.approx(math.log(profile[side].iloc[0]), abs=0.06)
    plates = [
        plate({"A": (1.0, 0.1, 0.8 * math.exp(shift), 1.3)}, wells=1, seed=k).assign(plate=k)
        for k, shift in enumerate((-0.6, -0.3, 0.0, 0.3, 0.6))
    ]
    options = {"dose": "dose", "response": "v"}
    apart = mdr.dose_response(pd.concat(plates), **options, unit="plate").ed(50, interval="bootstrap", seed=1)
    alike = mdr.dose_response(pd.concat(plates), **options).ed(50, interval="bootstrap", seed=1)
    assert apart["lower"].iloc[0] < 0.8 < apart["upper"].iloc[0]
    assert apart["upper"].iloc[0] / apart["lower"].iloc[0] > 1.1 * alike["upper"].iloc[0] / alike["lower"].iloc[0]
    assert fit.ed(50, interval="bootstrap", seed=1).equals(boot)


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ({"kind": "relativ"}, "did you mean 'relative'"),
        ({"interval": "wald"}, "interval = 'wald' is not possible"),
    ],
)
def test_refusals(screen: mdr.DoseResponse, given: dict[str, str], sentence: str) -> None:
    with pytest.raises(mdr.DataError, match=sentence):
        screen.ed(50, **given)


def test_levels_are_checked(screen: mdr.DoseResponse) -> None:
    with pytest.raises(mdr.DataError, match="in per cent, above 0 and below 100"):
        screen.ed(150)
    with pytest.raises(mdr.DataError, match="finite number"):
        screen.ed(math.nan, kind="absolute")
    rising = mdr.dose_response(
        plate(TRUTH).assign(v=lambda t: 1 - t["v"]), dose="dose", response="v", by="line", scale="inhibition"
    )
    with pytest.raises(mdr.DataError, match="ask for kind='absolute'"):
        rising.ed(50, kind="control")


def test_the_second_dose_of_two_sites_has_the_error_of_a_fit_that_holds_it_as_itself() -> None:
    """Its place is stored as a distance from the first; beside SciPy, which has ln e2 as a parameter."""
    from scipy.optimize import curve_fit

    wells = suited("BP.5").readings
    table = pd.DataFrame({"dose": wells.x, "v": wells.y})
    found = mdr.dose_response(table, dose="dose", response="v", curve="BP.7").parameters().set_index("parameter")

    def curve(x: np.ndarray, b: float, c: float, d: float, e: float, p: float, b2: float, e2: float) -> np.ndarray:
        sites = (1.0 / (1.0 + (x / np.exp(place)) ** np.exp(steep)) for steep, place in ((b, e), (b2, e2)))
        return np.asarray(c + (d - c) * sum(share * site for share, site in zip((p, 1.0 - p), sites, strict=True)))

    best = found["estimate"].to_dict()
    start = [np.log(value) if name in ("b", "e", "b2", "e2") else value for name, value in best.items()]
    at, covariance = curve_fit(curve, wells.x, wells.y, p0=start)
    ours = found.loc["e2"]
    assert ours["estimate"] == pytest.approx(np.exp(at[6]), rel=1e-4)
    assert ours["se"] / ours["estimate"] == pytest.approx(np.sqrt(covariance[6, 6]), rel=0.01)
    assert ours["lower"] < ours["estimate"] < ours["upper"]
