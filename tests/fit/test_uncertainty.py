"""Bootstrap, posterior, bands and profiles: one interface, each held to a closed form."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy import stats

import pkpd_mdr as mdr
from pkpd_mdr.data import Condition, from_frame
from pkpd_mdr.errors import FitError
from pkpd_mdr.fit import bootstrap as boot
from pkpd_mdr.fit.ahead import looking_ahead, values_of
from pkpd_mdr.fit.mcmc import ess, moves_of, split_r_hat
from pkpd_mdr.regimen import nothing

X = np.arange(1.0, 9.0)
Y = np.array([1.1, 1.9, 3.2, 3.9, 5.1, 6.2, 6.8, 8.1])
WIDE = {"a": (-100, 100), "b": (-100, 100)}
LINE = mdr.Model(mdr.observable("y", "a + b*t"), mdr.parameter("a", 0.5), mdr.parameter("b", "0.5 1/h"))
LEVEL = mdr.Model(mdr.observable("y", "a"), mdr.parameter("a", 2.0))
SKEWED = np.random.default_rng(3).exponential(2.0, 30)


def line(error: str = "additive", **columns: Any) -> mdr.Fit:
    frame = pd.DataFrame({"condition": "all", "time": X, "value": Y, **columns})
    data = from_frame(frame, [Condition("all", {}, nothing())], units={"y": ""})
    return mdr.fit(LINE, data, WIDE, error=error, starts=1)


def level(values: np.ndarray = SKEWED) -> mdr.Fit:
    rows = {"condition": "all", "time": 1.0, "value": values, "replicate": [f"w{i}" for i in range(len(values))]}
    data = from_frame(pd.DataFrame(rows), [Condition("all", {}, nothing())], units={"y": ""})
    return mdr.fit(LEVEL, data, {"a": (-100, 100)}, starts=1)


def treated(seed: int = 1) -> mdr.Fit:
    truth = mdr.Model(
        mdr.medium("dox", unit="nM"),
        mdr.clone("S", growth=mdr.growth.exponential(rate="0.03 1/h"), start="900 cell"),
        mdr.kill("dox", on="S", emax="0.1 1/h", ec50="100 nM"),
    )
    plans = [
        mdr.planned(
            f"{dose} nM",
            mdr.exposure("dox", f"{dose} nM") if dose else None,
            times=["12 h", "24 h", "48 h"],
            labels={"plate": f"P{dose % 3}"},
            replicates=3,
        )
        for dose in (0, 31, 100, 302)
    ]
    free = {"growth_S": ("0.001 1/h", "1 1/h"), "ec50_dox_S": ("1 nM", "1e4 nM")}
    data = mdr.simulated_data(truth, plans, noise=("lognormal", 0.1), seed=seed)
    return mdr.fit(truth, data, free, error="lognormal", starts=1)


# -- bootstrap ---------------------------------------------------------------------------------------------


def test_the_bootstrap_of_a_mean_has_the_spread_of_the_textbook_and_scipys_intervals() -> None:
    fit = level()
    found = fit.bootstrap(800, unit="well", seed=1)
    assert found.frame["a"].std() == pytest.approx(SKEWED.std() / np.sqrt(len(SKEWED)), rel=0.08)
    for kind, theirs in (("percentile", "percentile"), ("bca", "BCa")):
        low, high = found.interval("a", 0.9, kind=kind)
        other = stats.bootstrap(
            (SKEWED,), np.mean, n_resamples=6000, confidence_level=0.9, method=theirs, rng=np.random.default_rng(2)
        ).confidence_interval
        width = other.high - other.low
        assert low == pytest.approx(other.low, abs=0.08 * width)
        assert high == pytest.approx(other.high, abs=0.1 * width)
    third = np.sum((SKEWED - SKEWED.mean()) ** 3) / (6 * np.sum((SKEWED - SKEWED.mean()) ** 2) ** 1.5)
    assert found.acceleration["a"] == pytest.approx(third, rel=1e-6)
    assert found.interval("a", kind="bca")[1] > found.interval("a")[1], "a skewed sample asks for a longer right side"


def test_the_parametric_bootstrap_has_the_spread_of_regression() -> None:
    fit = line()
    found = fit.bootstrap(400, parametric=True, seed=1)
    slope = stats.linregress(X, Y)
    assert found.frame["b"].std() == pytest.approx(slope.stderr, rel=0.12)
    assert found.frame.corr().loc["a", "b"] == pytest.approx(fit.correlation.loc["a", "b"], abs=0.06)
    given = line(error="sd", sd=0.5)
    spread = 0.5 / np.sqrt(np.sum((X - X.mean()) ** 2))
    assert given.bootstrap(400, parametric=True, seed=2).frame["b"].std() == pytest.approx(spread, rel=0.12)


def test_units_are_drawn_with_all_they_measured() -> None:
    fit = treated()
    by = {unit: boot._labels(fit, unit) for unit in ("well", "condition", "plate")}
    assert {unit: int(codes.max()) + 1 for unit, codes in by.items()} == {"well": 12, "condition": 4, "plate": 3}
    rows = fit.objective.problem.rows
    rng = np.random.default_rng(1)
    for unit, codes in by.items():
        chosen = boot._resampled(codes, rows.member if unit == "well" else np.zeros(len(rows), dtype=int), rng)
        counts = np.bincount(chosen, minlength=len(rows))
        for code in range(codes.max() + 1):
            assert len(set(counts[codes == code])) == 1, "a unit comes whole"
    kept = np.bincount(rows.member[boot._resampled(by["well"], rows.member, rng)])
    assert list(kept) == [9, 9, 9, 9], "wells are drawn within their condition"


def test_the_same_seed_gives_the_same_refits_on_any_executor_and_reports_progress() -> None:
    fit, told = treated(), []
    one = fit.bootstrap(20, unit="well", seed=5, progress=lambda done, n: told.append((done, n)))
    with ThreadPoolExecutor(2) as executor:
        other = fit.bootstrap(20, unit="well", seed=5, executor=executor)
    assert np.array_equal(one.frame, other.frame)
    assert told[-1] == (20, 20)
    assert not np.array_equal(one.frame, fit.bootstrap(20, unit="well", seed=6).frame)
    extra = fit.bootstrap(5, unit="well", seed=5, starts=2)
    assert np.allclose(extra.frame, one.frame.iloc[:5], rtol=1e-4), "one optimum, from wherever it is looked for"


def test_failed_refits_are_counted_and_told(monkeypatch: pytest.MonkeyPatch) -> None:
    fit, calls = level(), {"n": 0}

    def fragile(*arguments: Any, **options: Any) -> Any:
        calls["n"] += 1
        if calls["n"] % 4 == 0:
            raise ValueError("no way down")
        return polish(*arguments, **options)

    polish = boot.polish
    monkeypatch.setattr(boot, "polish", fragile)
    found = fit.bootstrap(40, unit="well", seed=1)
    assert (len(found), found.failed) == (30, 10)
    assert "10 of them failed and are left out; the first: the optimiser broke (no way down)" in found.notes
    assert "bias the intervals" in repr(found)
    monkeypatch.setattr(boot, "polish", lambda *_, **__: (_ for _ in ()).throw(ValueError("never")))
    with pytest.raises(FitError, match="10 of 10 refits failed"):
        fit.bootstrap(10, unit="well")


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({}, "unit is missing: say what would differ"),
        ({"unit": "wel"}, "no such label; did you mean 'well'"),
        ({"unit": "well", "parametric": True}, "has no meaning with parametric=True"),
        ({"unit": "condition"}, "only 1 different values"),
        ({"unit": "well", "n": 1}, "n = 1 refits are not possible"),
        ({"unit": "well", "starts": 0}, "starts = 0 is not possible"),
    ],
)
def test_odd_bootstraps_are_refused(options: dict[str, Any], sentence: str) -> None:
    with pytest.raises(FitError, match=sentence):
        level().bootstrap(**({"n": 10} | options))


# -- posterior ---------------------------------------------------------------------------------------------


def thinned(posterior: Any, name: str) -> np.ndarray:
    """Draws that are nearly independent."""
    every = int(np.ceil(2 * posterior.diagnostics["autocorrelation"].max()))
    chains, steps, walkers, _ = posterior.chain.shape
    return np.asarray(posterior.frame[name].to_numpy().reshape(chains, steps, walkers)[:, ::every].ravel())


def test_the_posterior_of_a_line_is_students_t() -> None:
    """A flat density of the logarithm of the scale, integrated out: t with n - 2 degrees of freedom."""
    fit = line()
    found = fit.mcmc(200, warmup=50, walkers=16, seed=2)
    slope = stats.linregress(X, Y)
    exact = stats.t(6, slope.slope, slope.stderr)
    draws = thinned(found, "b")
    assert stats.kstest(draws, exact.cdf).pvalue > 0.01
    assert stats.kstest(draws, stats.norm(slope.slope + slope.stderr, slope.stderr).cdf).pvalue < 1e-6, "it can fail"
    assert found.interval("b") == pytest.approx(exact.interval(0.95), abs=0.5 * slope.stderr)
    assert found.diagnostics["r_hat"].max() < 1.05
    assert 0.2 < found.acceptance < 0.8


def test_the_moves_leave_a_heavy_tailed_target_as_it_is() -> None:
    """Quantiles of the same t distribution from a long run; emcee's snooker move fails this."""
    emcee = pytest.importorskip("emcee")
    design = np.c_[np.ones(8), X]

    def density(points: np.ndarray) -> np.ndarray:
        return -4.0 * np.log(np.sum((Y - points @ design.T) ** 2, axis=1))

    sampler = emcee.EnsembleSampler(32, 2, density, moves=moves_of(emcee), vectorize=True)
    sampler.random_state = np.random.RandomState(4).get_state()
    slope = stats.linregress(X, Y)
    start = [slope.intercept, slope.slope] + np.random.default_rng(4).normal(size=(32, 2)) * [0.1, 0.02]
    sampler.run_mcmc(start, 3200)
    found = np.quantile(sampler.get_chain(discard=200)[..., 1], [0.025, 0.5, 0.975])
    exact = stats.t(6, slope.slope, slope.stderr).ppf([0.025, 0.5, 0.975])
    assert np.allclose(found, exact, atol=0.12 * slope.stderr)
    assert found[2] - found[0] == pytest.approx(exact[2] - exact[0], rel=0.03)


def test_bounds_are_a_flat_prior_and_given_sds_are_taken_as_given() -> None:
    frame = pd.DataFrame({"condition": "all", "time": 1.0, "value": [0.3, -0.1], "sd": 1.0, "replicate": ["1", "2"]})
    data = from_frame(frame, [Condition("all", {}, nothing())], units={"y": ""})
    fit = mdr.fit(LEVEL, data, {"a": (0, 3)}, error="sd", starts=1)
    found = fit.mcmc(150, warmup=50, walkers=16, seed=1)
    sd = 1 / np.sqrt(2)
    exact = stats.truncnorm((0 - 0.1) / sd, (3 - 0.1) / sd, 0.1, sd)
    assert found.frame["a"].between(0, 3).all()
    assert stats.kstest(thinned(found, "a"), exact.cdf).pvalue > 0.01


def test_values_that_are_computed_together_are_those_computed_alone() -> None:
    fit = treated()
    rng = np.random.default_rng(1)
    points = fit.best.point + 0.05 * rng.standard_normal((6, len(fit.best.point)))
    points[3, 0] = fit.objective.box[1][0] + 1.0
    found = values_of(looking_ahead(fit.objective), points)
    alone = [-0.5 * fit.objective.evaluate(point).value for point in points]
    inside = np.arange(6) != 3
    assert np.allclose(found[inside], np.array(alone)[inside], rtol=1e-7)
    assert found[3] == -np.inf


def test_short_chains_are_called_short_and_the_draws_go_to_arviz(caplog: pytest.LogCaptureFixture) -> None:
    fit = treated()
    found = fit.mcmc(20, walkers=8, warmup=5, seed=1)
    assert not found.converged
    assert any(note.startswith("short:") for note in found.notes)
    assert "mcmc: short" in caplog.text
    assert np.array_equal(found.frame, fit.mcmc(20, walkers=8, warmup=5, seed=1).frame)
    arviz = pytest.importorskip("arviz")
    exported = found.to_arviz()
    assert exported.posterior["growth_S"].shape == (16, 20)
    assert float(exported.posterior["growth_S"].mean()) == pytest.approx(found.frame["growth_S"].mean())
    assert arviz.summary(exported).shape[0] == 2
    assert len(found.thinned(5)) == 5


def test_diagnostics_tell_good_chains_from_bad_ones() -> None:
    rng = np.random.default_rng(1)
    good = rng.normal(size=(2, 400, 10))
    assert split_r_hat(good) < 1.01
    assert split_r_hat(good + np.array([0.0, 1.0])[:, None, None]) > 1.1
    assert split_r_hat(good + np.linspace(0, 2, 400)[None, :, None]) > 1.1
    slow = np.zeros((2, 4000, 10))
    for i in range(1, 4000):
        slow[:, i] = 0.9 * slow[:, i - 1] + rng.normal(size=(2, 10))
    assert ess(slow)[1] == pytest.approx(19.0, rel=0.15), "(1 + 0.9)/(1 - 0.9)"
    assert ess(slow)[0] == pytest.approx(2 * 4000 * 10 / 19.0, rel=0.15)


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"steps": 2}, "steps = 2 is not possible"),
        ({"walkers": 3}, "an even number of at least 4"),
        ({"chains": 0}, "chains = 0 is not possible"),
        ({"warmup": -1}, "warmup = -1 is not possible"),
    ],
)
def test_odd_samplers_are_refused(options: dict[str, Any], sentence: str) -> None:
    with pytest.raises(FitError, match=sentence):
        line().mcmc(**options)


# -- bands, profiles, draws --------------------------------------------------------------------------------


def test_bands_of_a_line_are_those_of_the_textbook() -> None:
    fit = line()
    band = fit.band(["1 h", "4 h", "8 h"], draws=fit.draws(4000, seed=1), confidence=0.9)
    s, reach = fit.errors["estimate"].iloc[0], stats.t(6).ppf(0.95)
    leverage = 1 / 8 + (np.array([1.0, 4.0, 8.0]) - X.mean()) ** 2 / np.sum((X - X.mean()) ** 2)
    half = (band.frame["upper"] - band.frame["lower"]).to_numpy() / 2
    assert np.allclose(half, reach * s * np.sqrt(leverage), rtol=0.08)
    wider = (band.frame["upper_measured"] - band.frame["lower_measured"]).to_numpy() / 2
    assert np.allclose(wider, reach * s * np.sqrt(1 + leverage), rtol=0.1)
    assert np.allclose(band.frame["value"], fit.predict(["1 h", "4 h", "8 h"])["value"])


def decay(values: np.ndarray, n: int = 1) -> mdr.Data:
    frame = pd.DataFrame({"condition": "all", "time": TIMES, "value": values, "n": n})
    return from_frame(frame, [Condition("all", {}, nothing())], units={"y": ""})


TIMES = np.linspace(0, 10, 400)
DECAY = mdr.Model(mdr.observable("y", "a*exp(-k*t)"), mdr.parameter("a", 0.8), mdr.parameter("k", "0.2 1/h"))
TRUE = 0.8 * np.exp(-0.2 * TIMES)


@pytest.mark.parametrize("confidence", [0.9, 0.95, 0.99])
@pytest.mark.parametrize(
    ("error", "law", "size"),
    [
        ("additive", stats.norm(), 0.1),
        (mdr.student_t(df=3), stats.t(3), 0.1),
        ("lognormal", stats.norm(), 0.1),
    ],
)
def test_a_band_of_measurements_holds_the_share_that_it_names(
    error: Any, law: Any, size: float, confidence: float
) -> None:
    """Errors of Student's t have tails; and the ends are no steps between a few quantiles."""
    z = law.ppf((np.random.default_rng(1).permutation(400) + 0.5) / 400)
    values = TRUE * np.exp(size * z) if error == "lognormal" else TRUE + size * z
    fit = mdr.fit(DECAY, decay(values), {"a": (0.1, 10), "k": ("0.01 1/h", "3 1/h")}, error=error, starts=1)
    band = fit.band("5 h", draws=fit.draws(400, seed=1), confidence=confidence).frame
    middle, low, high = (band[name].to_numpy() for name in ("value", "lower_measured", "upper_measured"))
    ends = np.log(np.array([low, high]) / middle) if error == "lognormal" else np.array([low, high]) - middle
    reach = np.abs(ends) / fit.errors["estimate"].iloc[0]
    assert np.allclose(reach, law.ppf(0.5 + confidence / 2), rtol=0.05)


def test_bands_of_fractions_and_counts_hold_what_can_be_measured() -> None:
    rng, n, size = np.random.default_rng(2), 20, 9.0
    shares = rng.binomial(n, rng.beta(TRUE * size, (1 - TRUE) * size)) / n
    free = {"a": (0.1, 1.0), "k": ("0.01 1/h", "3 1/h")}
    fit = mdr.fit(DECAY, decay(shares, n), free, error="beta_binomial", starts=1)
    band = fit.band(["0 h", "10 h"], seed=1).frame
    m = 1 / fit.errors["estimate"].iloc[0] - 1
    for _, row in band.iterrows():
        law = stats.betabinom(n, row["value"] * m, (1 - row["value"]) * m)
        assert (row["lower_measured"], row["upper_measured"]) == pytest.approx(law.ppf([0.025, 0.975]) / n, abs=0.051)
        assert 0 <= row["lower_measured"] <= row["upper_measured"] <= 1
    counts = rng.poisson(5 * TRUE)
    fit = mdr.fit(DECAY, decay(counts), free | {"a": (0.1, 100)}, error="negative_binomial", starts=1)
    band = fit.band(["0 h", "10 h"], seed=1).frame
    exact = stats.poisson(band["value"].to_numpy()).ppf([[0.025], [0.975]])
    assert np.abs(band[["lower_measured", "upper_measured"]].to_numpy().T - exact).max() <= 1.0
    assert (band["lower_measured"] >= 0).all()


def test_all_kinds_of_draws_make_bands_and_intervals() -> None:
    fit = treated()
    everything = [fit.draws(50, seed=1), fit.bootstrap(20, unit="well"), fit.mcmc(20, walkers=8, warmup=5).thinned(40)]
    for draws in everything:
        low, high = draws.interval("ec50_dox_S", 0.8)
        assert low < fit.values["ec50_dox_S"] < high
        assert list(draws.table().columns) == ["unit", "median", "lower", "upper", "sd"]
        band = fit.band("24 h", draws=draws, conditions="0 nM")
        assert (band.frame["lower"] <= band.frame["upper"]).all()
    profiles = fit.profiles()
    assert list(profiles.table()["state"]) == ["closed", "closed"]
    low, high = profiles.interval("ec50_dox_S", 0.8)
    direct = fit.profile("ec50_dox_S", confidence=0.8)
    assert (low, high) == pytest.approx((direct.lower, direct.upper), rel=2e-3)
    with ThreadPoolExecutor(2) as executor:
        assert fit.profiles(executor=executor).table().equals(profiles.table())


def test_an_open_profile_has_an_endless_interval() -> None:
    y = 10 * X / (40 + X) * (1 + 3 * np.array([0.05, -0.06, 0.03, -0.03, 0.05, 0.0, -0.05, 0.02]))
    curve = mdr.Model(mdr.observable("y", "top*t/(half + t)"), mdr.parameter("top", 5.0), mdr.parameter("half", "20 h"))
    frame = pd.DataFrame({"condition": "all", "time": X, "value": y})
    data = from_frame(frame, [Condition("all", {}, nothing())], units={"y": ""})
    profiles = mdr.fit(curve, data, {"top": (0.5, 100), "half": ("2 h", "2000 h")}, starts=1).profiles(["top"])
    assert profiles.interval("top")[1] == np.inf
    assert profiles.table()["state"].iloc[0].startswith("open")


@pytest.mark.parametrize(
    ("ask", "sentence"),
    [
        (lambda fit: fit.draws(9, seed=1).interval("c"), "the draws do not hold 'c'"),
        (lambda fit: fit.draws(9, seed=1).interval("a", 95), "confidence is 95, not a share between 0 and 1"),
        (lambda fit: fit.bootstrap(9, parametric=True).interval("a", kind="bcaa"), "did you mean 'bca'"),
        (lambda fit: fit.band(draws=[1, 2]), "is no Draws"),
        (lambda fit: fit.band(conditions="al"), "did you mean 'all'"),
        (lambda fit: fit.profiles(["c"]), "'c' was not free"),
        (lambda fit: fit.profiles(["a"]).interval("b"), "'b' was not profiled"),
        (lambda fit: fit.profiles(["a"]).interval("a", 0.99), "is beyond this profile"),
        (lambda fit: fit.draws(9, seed=1).thinned(10), "10 of 9 draws"),
        (lambda fit: fit.profiles(3), "names is 3, not a name or a list of names"),
        (lambda fit: fit.profile("a", most=0), "most is 0, not a whole number of 1 or more"),
        (lambda fit: fit.predict(conditions=3), "no condition 3; known are 'all'"),
        (lambda fit: fit.predict(conditions=[]), r"no condition \[\]; known are 'all'"),
    ],
)
def test_odd_questions_are_refused(ask: Any, sentence: str) -> None:
    with pytest.raises(FitError, match=sentence):
        ask(line())


def test_a_profile_that_ran_out_of_points_says_so() -> None:
    """An end that was not reached is not one that the data leave open."""
    assert str(line().profile("b", most=1)).endswith("; most=1 points did not reach an end: allow more")
    assert "did not reach" not in str(line().profile("b"))


def test_a_walker_that_never_moved_has_forgotten_nothing() -> None:
    chain = np.random.default_rng(2).normal(size=(1, 400, 10))
    draws, time = ess(chain)
    chain[:, :, :5] = chain[:, :1, :5]
    few, slow = ess(chain)
    assert time < 1.3
    assert few < 25 < draws
    assert slow == pytest.approx(200.5, abs=1)
    assert all(np.isnan(ess(np.ones((1, 40, 3)))))
