"""Parameters tied to free ones: the same optimum as every other way to say it, and a place in every kind of draws."""

from __future__ import annotations

from typing import Any

import lmfit
import numpy as np
import pandas as pd
import pytest
from scipy.stats import t as student

import pkpd_mdr as mdr
from pkpd_mdr.data import Condition, from_frame
from pkpd_mdr.errors import ExpressionError, FitError, UnitError
from pkpd_mdr.fit import Estimates
from pkpd_mdr.fit.tied import Tied
from pkpd_mdr.units import Unit


def plate(tolerance: Any, growth: Any) -> mdr.Model:
    return mdr.Model(
        mdr.medium("dox", unit="uM"),
        mdr.clone("S", growth=mdr.growth.exponential(rate="0.03 1/h"), start="500 cell"),
        mdr.clone("R", growth=mdr.growth.exponential(rate=growth), start="50 cell", resistant=True),
        mdr.kill("dox", on="S", emax="0.1 1/h", ec50="100 nM"),
        mdr.kill("dox", on="R", emax="0.1 1/h", ec50=tolerance),
        mdr.parameter("fold", 20.0),
    )


MODEL = plate("2 uM", "0.72 1/day")
JOINED = plate(mdr.formula("fold*ec50_dox_S"), mdr.formula("growth_S"))
FREE: dict[str, Any] = {"ec50_dox_S": ("1 nM", "10 uM"), "growth_S": ("0.001 1/h", "0.1 1/h"), "fold": (1, 1000)}
TIED = {"ec50_dox_R": "fold*ec50_dox_S", "growth_R": "growth_S"}
OPTIONS: dict[str, Any] = {"error": "lognormal", "starts": 1}


def lines() -> mdr.Data:
    """Two lines that differ in potency, with errors of 5 %."""
    noise, times = np.random.default_rng(1), np.array([0.0, 24, 48, 72])
    conditions, frames = [], []
    for line, ec50 in (("A", 60), ("B", 240)):
        for level in (0, 50, 200, 800):
            regimen = mdr.exposure("dox", f"{level} nM", over="72 h") if level else mdr.nothing()
            conditions.append(Condition(f"{line} {level}", {"line": line}, regimen))
            run = JOINED.with_parameters(ec50_dox_S=f"{ec50} nM").simulate(
                regimen, until="72 h", times=[(hour, "h") for hour in times]
            )
            values = run.frame["burden"].to_numpy() * np.exp(0.05 * noise.normal(size=len(times)))
            frames.append(pd.DataFrame({"condition": f"{line} {level}", "time": times, "value": values}))
    return from_frame(pd.concat(frames), conditions, units={"burden": "cell"})


DATA = lines()


@pytest.fixture(scope="module")
def tied() -> mdr.Fit:
    return mdr.fit(MODEL, DATA, FREE, per={"ec50_dox_S": "line"}, tied=TIED, **OPTIONS)


def test_a_tie_of_the_fit_is_a_formula_of_the_model(tied: mdr.Fit) -> None:
    """The same likelihood, estimates and errors as where the model itself says so; units differ and are converted."""
    joined = mdr.fit(JOINED, DATA, FREE, per={"ec50_dox_S": "line"}, **OPTIONS)
    assert tied.log_likelihood == pytest.approx(joined.log_likelihood, abs=1e-6)
    assert tied.parameters == joined.parameters
    for name, value in joined.values.items():
        assert tied.values[name] == pytest.approx(value, rel=1e-4)
        assert tied.estimates.loc[name, "se"] == pytest.approx(joined.estimates.loc[name, "se"], rel=1e-4)


def test_what_is_tied_is_shown_beside_what_is_free(tied: mdr.Fit) -> None:
    values = tied.values
    assert list(values)[-3:] == ["ec50_dox_R[A]", "ec50_dox_R[B]", "growth_R"]
    for line in "AB":  # in uM, from nM
        assert values[f"ec50_dox_R[{line}]"] == pytest.approx(values["fold"] * values[f"ec50_dox_S[{line}]"] / 1000)
        assert tied.model_for(line=line).parameters["ec50_dox_R"].value == pytest.approx(values[f"ec50_dox_R[{line}]"])
    assert values["growth_R"] == pytest.approx(24 * values["growth_S"])
    assert tied.estimates.loc["growth_R", "rse"] == pytest.approx(tied.estimates.loc["growth_S", "rse"])
    assert tied.model.parameters["growth_R"].value == pytest.approx(values["growth_R"])
    report = tied.report()
    assert "Tied to them" in report
    assert "= fold*ec50_dox_S" in report


def test_its_error_is_that_of_a_fit_that_frees_it_instead(tied: mdr.Fit) -> None:
    """Free ec50_dox_R and tie fold's part in the sensitive potency to it: the same fit in other coordinates."""
    free = {"ec50_dox_R": ("1 nM", "1 mM"), "growth_S": FREE["growth_S"], "fold": FREE["fold"]}
    other = mdr.fit(
        MODEL,
        DATA,
        free,
        per={"ec50_dox_R": "line"},
        tied={"ec50_dox_S": "ec50_dox_R/fold", "growth_R": "growth_S"},
        **OPTIONS,
    )
    assert other.log_likelihood == pytest.approx(tied.log_likelihood, abs=1e-6)
    for name in ("ec50_dox_R[A]", "ec50_dox_S[B]"):
        ours, theirs = tied.estimates.loc[name], other.estimates.loc[name]
        for column in ("estimate", "lower", "upper", "se"):
            assert ours[column] == pytest.approx(theirs[column], rel=2e-3)


def test_a_group_may_follow_another_group() -> None:
    """Fold resistance between lines, as a parameter with its interval; a group for itself says the same."""
    model = MODEL.with_parameters(fold=4)
    free = {name: FREE[name] for name in ("ec50_dox_S", "growth_S")} | {"fold": (0.1, 100)}
    options: dict[str, Any] = {"per": {"ec50_dox_S": "line"}, **OPTIONS}
    ties = {"ec50_dox_S[B]": "fold*ec50_dox_S[A]", "growth_R": "growth_S"}
    folded = mdr.fit(model, DATA, free, tied=ties, **options)
    apart = mdr.fit(
        model, DATA, {k: v for k, v in free.items() if k != "fold"}, tied={"growth_R": "growth_S"}, **options
    )
    assert folded.log_likelihood == pytest.approx(apart.log_likelihood, abs=1e-6)
    low, high = apart.values["ec50_dox_S[A]"], apart.values["ec50_dox_S[B]"]
    assert folded.values["fold"] == pytest.approx(high / low, rel=1e-4)
    assert list(folded.found.names) == ["ec50_dox_S[A]", "growth_S", "fold"]
    for column in ("estimate", "lower", "upper", "se"):
        ours, theirs = (fit.estimates.loc["ec50_dox_S[B]", column] for fit in (folded, apart))
        assert ours == pytest.approx(theirs, rel=2e-3)
    one = folded.draws(4, seed=1).of(line="B").frame
    assert {"ec50_dox_S", "growth_S", "fold"} <= set(one)
    table = folded.lmfit_parameters()
    assert table["ec50_dox_S_of_B"].value == pytest.approx(folded.values["ec50_dox_S[B]"])
    read = Estimates.from_json(folded.to_json())
    assert read.draws(2, seed=1).frame.equals(folded.draws(2, seed=1).frame)


@pytest.mark.parametrize(
    ("ties", "sentence"),
    [
        ({"ec50_dox_S[C]": "fold*ec50_dox_S[A]"}, r"'ec50_dox_S\[C\]' is no parameter .*; did you mean 'ec50_dox_S\["),
        (
            {"ec50_dox_S[B]": "fold*ec50_dox_S"},
            r"'ec50_dox_S' differs between groups; name one, as in 'ec50_dox_S\[A\]'",
        ),
        ({"ec50_dox_S[B]": "fold*ec50_dox_S[A]", "ec50_dox_R": "9*ec50_dox_S"}, "'ec50_dox_S' is tied itself"),
    ],
)
def test_groups_that_cannot_follow(ties: dict[str, str], sentence: str) -> None:
    with pytest.raises(FitError, match=sentence):
        mdr.fit(MODEL, DATA, FREE, tied=ties, per={"ec50_dox_S": "line"}, **OPTIONS)


def test_ties_chain(tied: mdr.Fit) -> None:
    """As expressions of lmfit do: what is tied to something tied has its formula in its place."""
    model = MODEL.plus(mdr.parameter("half", "1 uM"), mdr.parameter("tenth", "1 uM"))
    ties = {"ec50_dox_R": "4*half", "half": "5*tenth", "tenth": "fold*ec50_dox_S/20", "growth_R": "growth_S"}
    found = mdr.fit(model, DATA, FREE, per={"ec50_dox_S": "line"}, tied=ties, **OPTIONS)
    assert found.log_likelihood == pytest.approx(tied.log_likelihood, abs=1e-9)
    for column in ("estimate", "lower", "upper", "se"):
        ours, theirs = (fit.estimates.loc["ec50_dox_R[A]", column] for fit in (found, tied))
        assert ours == pytest.approx(theirs, rel=1e-6)
    assert found.values["half[B]"] == pytest.approx(found.values["ec50_dox_R[B]"] / 4)
    table = found.lmfit_parameters()
    assert table["ec50_dox_R_of_A"].value == pytest.approx(found.values["ec50_dox_R[A]"])


def test_a_group_may_follow_a_group_that_is_tied() -> None:
    model = MODEL.with_parameters(fold=2)
    ties = {"ec50_dox_S[B]": "fold*ec50_dox_S[A]", "growth_R": "growth_S", "ec50_dox_R": "9*ec50_dox_S[B]"}
    found = mdr.fit(model, DATA, FREE | {"fold": (0.1, 100)}, tied=ties, per={"ec50_dox_S": "line"}, **OPTIONS)
    values = found.values
    assert values["ec50_dox_R"] * 1000 == pytest.approx(9 * values["fold"] * values["ec50_dox_S[A]"])


def test_a_prior_does_not_vanish_with_a_group_that_is_tied() -> None:
    options: dict[str, Any] = {"per": {"ec50_dox_S": "line"}, "tied": {"ec50_dox_S[B]": "fold*ec50_dox_S[A]"}}
    with pytest.raises(FitError, match=r"'ec50_dox_S\[B\]': it has a prior, which nothing free would bear"):
        mdr.fit(MODEL, DATA, FREE, priors={"ec50_dox_S": ("lognormal", "100 nM", 1.0)}, **options, **OPTIONS)
    kept = mdr.fit(MODEL, DATA, FREE, priors={"ec50_dox_S[A]": ("lognormal", "100 nM", 1.0)}, **options, **OPTIONS)
    assert list(kept.priors.index) == ["ec50_dox_S[A]"]


def test_derivatives_go_through_the_formula(tied: mdr.Fit) -> None:
    problem = tied.objective.problem
    u, step = problem.space.start + 0.1, 1e-5
    here = problem.predict(u)
    for j in range(len(u)):
        shift = step * np.eye(len(u))[j]
        slope = (problem.predict(u + shift).values - problem.predict(u - shift).values) / (2 * step)
        assert np.allclose(slope, here.by[:, j], rtol=2e-3, atol=2e-3 * np.abs(here.by).max())


def test_every_kind_of_draws_holds_it(tied: mdr.Fit) -> None:
    kinds = {
        "likelihood": tied.draws(20, seed=1),
        "bootstrap": tied.bootstrap(4, parametric=True, seed=1),
        "posterior": tied.mcmc(10, warmup=5, walkers=12, chains=1),
    }
    for draws in kinds.values():
        frame = draws.frame
        assert list(frame) == list(tied.values)
        np.testing.assert_allclose(frame["ec50_dox_R[B]"], frame["fold"] * frame["ec50_dox_S[B]"] / 1000, rtol=1e-9)
        assert draws.units["ec50_dox_R[B]"] == "uM"
        low, high = draws.interval("ec50_dox_R[B]")
        assert low < high
        one = draws.of(line="B")
        assert "ec50_dox_R" in one.frame
        assert one.rows(MODEL).shape == (len(draws), len(MODEL.parameters))
    low, high = kinds["bootstrap"].interval("growth_R", kind="bca")
    assert low < high
    band = tied.band("24 h", draws=kinds["likelihood"])
    assert (band.frame["lower"] <= band.frame["upper"]).all()
    arms = {"dox": mdr.exposure("dox", "50 nM", over="1 day")}
    compared = mdr.compare(MODEL, arms, parameters=kinds["likelihood"].of(line="A"), until="48 h", endpoints=["nadir"])
    assert len(compared.draws) == 20


def test_profiles_follow_it(tied: mdr.Fit) -> None:
    found = tied.profile("growth_S")
    np.testing.assert_allclose(found.frame["growth_R"], 24 * found.frame["growth_S"], rtol=1e-9)
    with pytest.raises(
        FitError, match=r"'ec50_dox_R' was neither free nor tied in this fit; did you mean 'ec50_dox_R\["
    ):
        tied.profile("ec50_dox_R")


def test_its_profile_is_that_of_a_fit_that_frees_it_instead(tied: mdr.Fit) -> None:
    """The data are the same, so the profile of a product is that of the product as a parameter of its own."""
    free = {"ec50_dox_R": ("1 nM", "1 mM"), "growth_S": FREE["growth_S"], "fold": FREE["fold"]}
    ties = {"ec50_dox_S": "ec50_dox_R/fold", "growth_R": "growth_S"}
    other = mdr.fit(MODEL, DATA, free, per={"ec50_dox_R": "line"}, tied=ties, **OPTIONS)
    for name in ("ec50_dox_R[A]", "ec50_dox_R[B]"):
        ours, theirs = tied.profile(name), other.profile(name)
        assert (ours.lower, ours.upper) == (
            pytest.approx(theirs.lower, rel=1e-4),
            pytest.approx(theirs.upper, rel=1e-4),
        )
        assert (ours.open_lower, ours.open_upper) == (False, False)
        assert ours.interval(confidence=0.5) == pytest.approx(theirs.interval(confidence=0.5), rel=5e-3)
        np.testing.assert_allclose(ours.frame["value"], ours.frame[name], rtol=1e-9)


def test_the_profile_of_a_formula_that_is_no_product() -> None:
    """A sum that is tied, of a straight line, is normal: its interval has a closed form, and bounds leave it open."""
    times, noise = np.arange(8.0), np.random.default_rng(3)
    y = 2.0 + 0.5 * times + 0.2 * noise.normal(size=8)
    data = mdr.read_assay(pd.DataFrame({"h": times, "y": y}), time="h [h]", value="y [1]", observable="y")
    model = mdr.Model(
        mdr.observable("y", "a + b*t"),
        *(mdr.parameter(name, value) for name, value in (("a", 1.0), ("b", "1 1/h"), ("hour", "10 h"), ("end", 1.0))),
    )
    bounds: dict[str, Any] = {"a": (-9, 9), "b": ("-9 1/h", "9 1/h")}
    found = mdr.fit(model, data, bounds, tied={"end": "a + b*hour"}, starts=1)
    design = np.stack([np.ones(8), times], axis=1)
    (a, b), rss = np.linalg.lstsq(design, y, rcond=None)[:2]
    at = np.array([1.0, 10.0])
    error = np.sqrt(rss[0] / 6 * at @ np.linalg.inv(design.T @ design) @ at)
    profile = found.profile("end")
    expected = a + 10 * b + error * student.ppf([0.025, 0.975], 6)
    assert (profile.lower, profile.upper) == pytest.approx(tuple(expected), rel=1e-5)
    narrow = bounds | {"a": (a - 0.02, a + 0.02), "b": (f"{b - 0.002} 1/h", f"{b + 0.002} 1/h")}
    profile = mdr.fit(model, data, narrow, tied={"end": "a + b*hour"}, starts=1).profile("end")
    assert (profile.open_lower, profile.open_upper) == (True, True)
    assert (profile.lower, profile.upper) == pytest.approx((a + 10 * b - 0.04, a + 10 * b + 0.04), rel=1e-3)
    assert profile.interval() == (-np.inf, np.inf)


def test_files_keep_it(tied: mdr.Fit) -> None:
    read = Estimates.from_json(tied.to_json())
    assert read.ties == tied.found.ties
    assert read.tied == tied.found.tied
    assert read.draws(5, seed=3).frame.equals(tied.draws(5, seed=3).frame)


# -- against lmfit's own expressions ---------------------------------------------------------------------------

CURVE = mdr.Model(
    mdr.observable("y", "a*exp(-k*t) + b*exp(-slow*t)"),
    *(mdr.parameter(name, value) for name, value in (("a", 2.0), ("b", 1.0), ("ratio", 0.2))),
    *(mdr.parameter(name, value) for name, value in (("k", "1 1/h"), ("slow", "0.1 1/h"))),
)


def test_estimates_and_errors_are_those_of_lmfit_with_expr() -> None:
    """Two exponentials whose rates have a free ratio and whose sizes add up to three."""
    t = np.linspace(0.0, 8.0, 25)
    y = 2 * np.exp(-1.2 * t) + np.exp(-0.3 * t) + 0.02 * np.random.default_rng(4).normal(size=len(t))
    data = mdr.read_assay(pd.DataFrame({"h": t, "y": y}), time="h [h]", value="y [1]", observable="y")
    ties = {"slow": "ratio*k", "b": "3 - a"}
    ours = mdr.fit(CURVE, data, {"a": (-5, 5), "k": (-9, 9), "ratio": (-1, 2)}, tied=ties, starts=1)

    theirs = lmfit.Parameters()
    for name, value in (("a", 2.0), ("k", 1.0), ("ratio", 0.2)):
        theirs.add(name, value=value)
    theirs.add("slow", expr="ratio*k")
    theirs.add("b", expr="3 - a")

    def residuals(p: lmfit.Parameters) -> Any:
        return p["a"].value * np.exp(-p["k"].value * t) + p["b"].value * np.exp(-p["slow"].value * t) - y

    found = lmfit.minimize(residuals, theirs, xtol=1e-12, ftol=1e-12)
    for name in ("a", "k", "ratio", "slow", "b"):
        row = ours.estimates.loc[name]
        assert row["estimate"] == pytest.approx(found.params[name].value, rel=1e-5)
        assert row["se"] == pytest.approx(found.params[name].stderr, rel=5e-3)


# -- where it ends ---------------------------------------------------------------------------------------------


def test_a_trial_beyond_the_bounds_of_the_model_fails_alone() -> None:
    """A share of 1.5 is no state of the model: that point fails with a sentence, and the search goes round it."""
    model = mdr.Model(
        mdr.observable("y", "share"), mdr.parameter("x", 0.1), mdr.parameter("share", 0.2, lower=0.0, upper=1.0)
    )
    data = mdr.read_assay(
        pd.DataFrame({"h": [0.0, 1, 2, 3], "y": [0.8, 0.82, 0.78, 0.81]}), time="h [h]", value="y [1]", observable="y"
    )
    found = mdr.fit(model, data, {"x": (0, 1)}, tied={"share": "2*x"}, starts=3, seed=2)
    assert found.values["share"] == pytest.approx(0.8025, rel=1e-6)
    beyond = found.objective.problem.predict(np.array([0.75]))
    assert "'share', tied to '2*x', becomes 1.5, outside what the model allows, 0 to 1" in str(beyond.failures)
    draws = found.found.draws(200, seed=1)
    assert draws.frame["share"].between(0, 1).all()


def test_fixed_parameters_stand_in_formulas_and_files() -> None:
    """`fold` is not free: it stays where the model has it."""
    free = {name: FREE[name] for name in ("ec50_dox_S", "growth_S")}
    found = mdr.fit(MODEL.with_parameters(fold=7), DATA.only(line="A"), free, tied=TIED, **OPTIONS)
    assert found.values["ec50_dox_R"] == pytest.approx(7 * found.values["ec50_dox_S"] / 1000)
    assert Estimates.from_json(found.to_json()).draws(3, seed=1).frame["ec50_dox_R"].notna().all()


@pytest.mark.parametrize(
    ("ties", "error", "sentence"),
    [
        ({"ec50_dox_R": "fold + ec50_dox_S"}, UnitError, "tied, 'ec50_dox_R': 'fold' is in '1' .* added to"),
        ({"ec50_dox_R": "fold*growth_S"}, UnitError, "tied, 'ec50_dox_R' is in .* but should be in"),
        ({"ec50_dox_R": "fold*ec50_dox_s"}, ExpressionError, "did you mean 'ec50_dox_S'"),
        ({"ec50_dox_r": "fold*ec50_dox_S"}, FitError, "'ec50_dox_r' is no parameter .*; did you mean 'ec50_dox_R'"),
        ({"growth_S": "growth_R"}, FitError, "'growth_S': it is also free; leave it out of free or of tied"),
        ({"ec50_dox_R": "20*emax_dox_S/emax_dox_R*ec50_dox_R"}, FitError, "'ec50_dox_R' follows 'ec50_dox_R', in a"),
        ({"ec50_dox_R": "fold*ec50_dox_S", "fold": "ec50_dox_R/(0.1*ec50_dox_S)"}, FitError, "'ec50_dox_R' follows"),
        ({"growth_R": "emax_dox_S"}, FitError, "'emax_dox_S' holds nothing that is free"),
        ({"ec50_dox_R": "-fold*ec50_dox_S"}, FitError, "at the start 'ec50_dox_R', .* becomes -2 uM, outside what"),
        ({"ec50_dox_R": "ec50_dox_S*exp(1000*fold)"}, FitError, "at the start is not a number"),
        ({"ec50_dox_R": 3}, ExpressionError, "3 is not text; write a formula"),
        ({"ec50_dox_R": "__import__('os')"}, ExpressionError, "'__import__' is not known"),
        ({"ec50_dox_R": "fold*t*ec50_dox_S"}, ExpressionError, "the time 't' is not allowed"),
        ("fold*ec50_dox_S", FitError, "tied"),
    ],
)
def test_what_cannot_be_tied(ties: Any, error: type[Exception], sentence: str) -> None:
    with pytest.raises(error, match=sentence):
        mdr.fit(MODEL, DATA, FREE, tied=ties, **OPTIONS)


def test_a_number_of_the_formula_must_be_declared() -> None:
    with pytest.raises(FitError, match=r"'fuld' stands in a formula .* model\.plus\(mdr\.parameter\('fuld', 10\)\)"):
        mdr.fit(MODEL, DATA, {"fuld": (1, 9), "growth_S": None}, tied={"ec50_dox_R": "fuld*ec50_dox_S"})


def test_what_differs_between_conditions_is_the_models_to_say() -> None:
    frame = pd.DataFrame({"WT": [60.0, 60, 80, 80], "h": [1.0, 2, 1, 2], "y": [1.0, 2, 1.5, 2.5]})
    data = mdr.read_assay(frame, time="h [h]", value="y [1]", observable="y", by="WT", covariates={"WT": "WT [kg]"})
    model = mdr.Model(
        mdr.observable("y", "b*t"),
        mdr.parameter("b", "1 1/h"),
        mdr.parameter("b70", "1 1/h"),
        mdr.parameter("WT", "70 kg"),
        mdr.parameter("of", "70 kg"),
    )
    with pytest.raises(FitError, match=r"'WT' differs between conditions; write the formula where the model declares"):
        mdr.fit(model, data, {"b70": ("0 1/h", "9 1/h")}, tied={"b": "b70*WT/of"})


def test_slopes_of_a_formula_are_exact() -> None:
    item = Tied("c", Unit.of(""), "hill(a, b, 2) if a < b else a", (("a", "a"), ("b", "b[1]")), (), 0.0, 9.0, "c")
    for a, b in ((0.5, 2.0), (3.0, 2.0)):
        free = {"a": np.array([a]), "b[1]": np.array([b])}
        slopes, step = item.slopes(free), 1e-6
        for name in free:
            up, down = (free | {name: free[name] + sign * step} for sign in (1, -1))
            slope = (item.values(up) - item.values(down)) / (2 * step)
            assert slopes[name] == pytest.approx(slope, rel=1e-6, abs=1e-9)


# -- lmfit's table ---------------------------------------------------------------------------------------------


def test_lmfit_shows_free_fixed_grouped_and_tied_parameters(tied: mdr.Fit) -> None:
    table = tied.lmfit_parameters()
    assert len(table) == len(MODEL.parameters) + 2  # two parameters are there for each of two lines
    assert table["fold"].vary
    assert (table["fold"].min, table["fold"].max) == (1, 1000)
    assert table["fold"].stderr == pytest.approx(tied.estimates.loc["fold", "se"])
    assert not table["emax_dox_S"].vary
    assert table["ec50_dox_S_of_A"].user_data == {"unit": "nM", "parameter": "ec50_dox_S", "group": {"line": "A"}}
    for name in ("ec50_dox_R[A]", "ec50_dox_R[B]", "growth_R"):  # by lmfit's own reader, units and all
        entry = table[name.replace("[", "_of_").rstrip("]")]
        assert entry.expr
        assert entry.value == pytest.approx(tied.values[name], rel=1e-9)
    table["fold"].value = 40
    assert table["ec50_dox_R_of_A"].value == pytest.approx(40 * tied.values["ec50_dox_S[A]"] / 1000)


def test_a_table_of_lmfit_is_what_a_fit_may_move() -> None:
    """It starts where the table stands, fixes what does not vary, and takes formulas from `tied` alone."""
    one = DATA.only(line="A")
    known = mdr.fit(
        MODEL.with_parameters(fold=7), one, {name: FREE[name] for name in FREE if name != "fold"}, tied=TIED, **OPTIONS
    )
    table = known.lmfit_parameters()
    again = mdr.fit(MODEL, one, table, tied=TIED, **OPTIONS)
    assert again.model.parameters["fold"].value == 7
    assert again.log_likelihood == pytest.approx(known.log_likelihood, abs=1e-6)
    assert list(again.found.names) == list(known.found.names)
    with pytest.raises(FitError, match=r"'growth_R' follows .* write it as tied=\{'growth_R': \.\.\.\}"):
        mdr.fit(MODEL, one, table, tied={"ec50_dox_R": TIED["ec50_dox_R"]}, **OPTIONS)
    table.add("ec50_dox_s", value=3)
    with pytest.raises(FitError, match="lmfit's table has 'ec50_dox_s', which is no parameter of the model; did you"):
        mdr.fit(MODEL, one, table, tied=TIED, **OPTIONS)


def test_a_profile_is_open_where_nothing_beyond_can_be_simulated() -> None:
    """The model allows shares up to 1, which what is free does not know; the data alone do not end the interval."""
    model = mdr.Model(
        mdr.observable("y", "10*share"), mdr.parameter("x", 0.5), mdr.parameter("share", 0.5, lower=0.0, upper=1.0)
    )
    table = pd.DataFrame({"h": [0.0, 1.0, 2.0, 3.0], "y": [9.2, 9.7, 9.9, 9.5]})
    data = mdr.read_assay(table, time="h [h]", value="y [1]", observable="y")
    found = mdr.fit(model, data, {"x": (0.01, 2)}, tied={"share": "x"}, starts=1)
    for name in ("x", "share"):
        profile = found.profile(name)
        assert (profile.open_lower, profile.open_upper) == (False, True)
        assert profile.lower == pytest.approx(0.90998, rel=1e-4)
        assert profile.upper == pytest.approx(1.0, rel=1e-3)
