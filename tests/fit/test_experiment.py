"""The next experiment: closed forms of optimal designs, greedy choice against all sets, rivals told apart."""

from __future__ import annotations

import dataclasses
import itertools
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import pkpd_mdr as mdr
from pkpd_mdr.errors import FitError
from pkpd_mdr.fit.choosing import choose, criterion_of

CURVE = mdr.Model(
    mdr.observable("y", "top*dose/(half + dose)"),
    mdr.parameter("dose", 1.0),
    mdr.parameter("top", 1.0),
    mdr.parameter("half", 5.0),
)
DECAY = mdr.Model(mdr.observable("y", "A*exp(-k*t)"), mdr.parameter("A", 2.0), mdr.parameter("k", "0.1 1/h"))
ADDITIVE: dict[str, Any] = {"noise": ("additive", 0.1), "bounds_count": False}


def doses(*levels: float) -> list[mdr.Planned]:
    return [mdr.planned(f"{level:g}", observables="y", covariates={"dose": level}) for level in levels]


def times(*hours: float) -> list[mdr.Planned]:
    return [mdr.planned(f"{hour:g}", times=f"{hour} h", observables="y") for hour in hours]


# -- closed forms ------------------------------------------------------------------------------------------


def test_d_optimal_doses_of_an_emax_curve() -> None:
    """Top dose D and half*D/(2*half + D), each as often (Bezeau and Endrenyi 1986; here 2.5 of 5 and 10)."""
    plans = doses(*np.round(np.linspace(0.25, 10, 40), 3))
    found = mdr.next_experiment(CURVE, plans, size=4, free=["top", "half"], **ADDITIVE)
    assert sorted(found.chosen) == ["10", "10", "2.5", "2.5"]
    assert found.criterion == "D-optimal"


def test_d_and_c_optimal_times_of_a_decay() -> None:
    """For A and k: 0 and 1/k; for k with A known: 1/k; with one of six at 0 for k alone: k*t = 1 + 5*exp(-2*k*t)."""
    plans = times(*np.arange(0.0, 40.5, 0.5))
    both = mdr.next_experiment(DECAY, plans, size=2, free=["A", "k"], **ADDITIVE)
    assert set(both.chosen) == {"0", "10"}
    assert mdr.next_experiment(DECAY, plans, free=["k"], **ADDITIVE).best == "10"
    rate = mdr.next_experiment(DECAY, plans, size=6, criterion="c", of="k", free=["A", "k"], **ADDITIVE)
    assert sorted(rate.chosen) == ["0", *["13.5"] * 5]  # 13.42 by the formula, on a grid of half hours


def test_errors_after_are_those_of_regression() -> None:
    """Two measurements of a line in dose: covariance by hand, relative to the values."""
    line = mdr.Model(
        mdr.observable("y", "a + b*dose"), *(mdr.parameter(n, v) for n, v in {"a": 2.0, "b": 0.5, "dose": 0.0}.items())
    )
    design = np.array([[1.0, 0.0], [1.0, 4.0], [1.0, 4.0]])
    covariance = 0.3**2 * np.linalg.inv(design.T @ design)
    options: dict[str, Any] = {"free": ["a", "b"], "noise": ("additive", 0.3), "bounds_count": False}
    again = mdr.planned("again", observables="y", covariates={"dose": 4})
    found = mdr.next_experiment(line, again, base=doses(0, 4), **options)
    wanted = np.sqrt(np.diag(covariance)) / [2.0, 0.5]
    assert np.allclose(found.errors["relative_se_after"], wanted, rtol=1e-6)
    before = 0.3**2 * np.linalg.inv(design[:2].T @ design[:2])
    assert np.allclose(found.errors["relative_se_before"], np.sqrt(np.diag(before)) / [2.0, 0.5], rtol=1e-6)


def test_a_prediction_and_a_decision_are_targets() -> None:
    """Of A*exp(-k*t): the logarithm at 10 h has gradient (1, -1) and the ratio of two times only knows k."""
    options: dict[str, Any] = {"free": {"A": (0.01, 100), "k": ("1e-3 1/h", "10 1/h")}, "noise": ("lognormal", 0.1)}
    here, there = times(10, 30)
    base = times(0, 20)
    options["bounds_count"] = False
    found = mdr.next_experiment(DECAY, times(5, 10, 40), base=base, criterion="c", of=here, **options)
    design = np.array([[1.0, 0.0], [1.0, -2.0]])
    covariance = 0.01 * np.linalg.inv(design.T @ design)
    target = np.array([1.0, -1.0])
    assert found.errors.loc["y in 10", "relative_se_before"] == pytest.approx(np.sqrt(target @ covariance @ target))
    decided = mdr.next_experiment(DECAY, times(5, 10, 40), base=base, criterion="c", of=(here, there), **options)
    assert decided.best == "40", "what tells k best tells which is more"
    row = decided.errors.loc["10 against 30"]
    assert row["ratio"] == pytest.approx(decided.errors.loc["k", "ratio"], rel=1e-6)


# -- choosing ----------------------------------------------------------------------------------------------


@settings(max_examples=25)
@given(seed=st.integers(0, 10**6), kind=st.sampled_from(["D", "A", "c"]))
def test_greedy_choice_with_exchange_reaches_the_best_of_all_sets(seed: int, kind: str) -> None:
    """Within one percent of the error of the best of all sets of three out of eight."""
    rng = np.random.default_rng(seed)
    rows = rng.normal(size=(8, 2, 3))
    gains = np.einsum("nri,nrj->nij", rows, rows)[:, None]
    start = 0.01 * np.eye(3)[None]
    worth = criterion_of(kind, rng.normal(size=(1, 3)))

    def score(chosen: Any) -> np.ndarray:
        return worth(start + gains[list(chosen)].sum(axis=0) + gains)

    chosen, value = choose(score, 3, repeats=True)
    sets = itertools.combinations_with_replacement(range(8), 3)
    everything = [float(worth(start + gains[list(c)].sum(axis=0))) for c in sets]
    assert value == pytest.approx(float(worth(start + gains[chosen].sum(axis=0))))
    assert value <= max(everything) + 1e-12
    assert value >= max(everything) - 0.05


def test_exchange_repairs_what_greedy_choice_misses() -> None:
    """The best single one is in no best pair."""
    pair_value = {(0, 1): 1.0, (0, 2): 1.1, (1, 2): 3.0}
    alone = [0.9, 0.5, 0.6]

    def score(chosen: Any) -> np.ndarray:
        if not chosen:
            return np.array(alone)
        return np.array([pair_value.get(tuple(sorted((chosen[0], new))), -9.0) for new in range(3)])

    chosen, value = choose(score, 2, repeats=False)
    assert (sorted(chosen), value) == ([1, 2], 3.0)


def test_robust_choice_averages_over_draws() -> None:
    """With k known within a factor of three, the best time for k spreads the risk; at one guess it is 1/k."""
    data = mdr.simulated_data(DECAY, times(0.5, 1.0, 1.5), noise=("lognormal", 0.05), seed=2)
    fit = mdr.fit(DECAY, data, {"k": ("0.01 1/h", "1 1/h")}, error="lognormal", starts=1)
    noise: dict[str, Any] = {"noise": ("additive", 0.05), "criterion": "c", "of": "k"}
    plans = times(*np.geomspace(1, 100, 60))
    guess = mdr.next_experiment(fit, plans, **noise)
    assert float(guess.best) == pytest.approx(1 / fit.values["k"], rel=0.1)
    found = mdr.next_experiment(fit, plans, draws=fit.draws(30, seed=1), **noise)
    assert found.table["gain"].max() < guess.table["gain"].max() + 1.0
    assert 0.2 < float(found.best) / float(guess.best) < 1.5
    assert found.errors.loc["k", "ratio"] < 1


# -- from a fit, and rivals --------------------------------------------------------------------------------


def test_the_predicted_error_is_what_a_new_fit_finds() -> None:
    """The relative error after adding a candidate is that of a fit to both."""
    base, extra = times(0, 5), times(12)[0]
    free = {"A": (0.1, 100), "k": ("0.01 1/h", "1 1/h")}
    plans = [mdr.planned(p.name, times=f"{p.times[0]} h", observables="y", replicates=30) for p in [*base, extra]]
    first = mdr.simulated_data(DECAY, plans[:2], noise=("lognormal", 0.1), seed=1)
    fit = mdr.fit(DECAY, first, free, error="lognormal", starts=1)
    asked = mdr.next_experiment(fit, plans[2], bounds_count=False)
    more = first & mdr.simulated_data(DECAY, plans[2], noise=("lognormal", 0.1), seed=1)
    both = mdr.fit(DECAY, more, free, error="lognormal", starts=1)
    assert np.allclose(asked.errors["relative_se_after"], both.estimates["rse"] / 100, rtol=0.15)
    assert np.allclose(asked.errors["relative_se_before"], fit.estimates["rse"] / 100, rtol=1e-3)


def rivals() -> dict[str, mdr.Fit]:
    """An exponential and a saturating rise, which agree at early times."""
    rise = mdr.Model(mdr.observable("y", "A*exp(k*t)"), mdr.parameter("A", 1.0), mdr.parameter("k", "0.1 1/h"))
    plateau = mdr.Model(
        mdr.observable("y", "A*K*exp(k*t)/(K + A*(exp(k*t) - 1))"),
        mdr.parameter("A", 1.0), mdr.parameter("k", "0.1 1/h"), mdr.parameter("K", 10.0),
    )  # fmt: skip
    early = [mdr.planned("early", times=["0 h", "2 h", "4 h", "6 h"], observables="y", replicates=3)]
    data = mdr.simulated_data(rise, early, noise=("lognormal", 0.05), seed=1)
    free = {"A": (0.1, 10), "k": ("0.01 1/h", "1 1/h")}
    models = {"rise": rise, "plateau": plateau}
    return {name: mdr.fit(model, data, free, error="lognormal", starts=1) for name, model in models.items()}


def test_rivals_are_told_apart_where_they_differ_and_no_refit_explains_it() -> None:
    fits = rivals()
    found = mdr.next_experiment(fits, times(1, 3, 5, 20, 60))
    assert found.best == "60"
    assert found.table.index[-1] in ("1", "3", "5")
    assert found.table.loc["60", "evidence"] > 5
    assert found.table.loc["3", "evidence"] < 0.5
    assert list(found.errors["in_words"]) == ["very strong", "very strong"]
    pair = mdr.next_experiment(fits, times(1, 20), size=2, repeats=False)
    assert set(pair.chosen) == {"1", "20"}
    assert pair.errors["evidence"].min() >= mdr.next_experiment(fits, times(1, 20)).errors["evidence"].min()


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ({"candidates": []}, "is no plan"),
        ({"criterion": "E"}, "criterion 'E' is not known"),
        ({"criterion": "c"}, "of one target: give both"),
        ({"of": "k"}, "of one target: give both"),
        ({"criterion": "c", "of": "kk"}, "of = 'kk' is not free"),
        ({"size": 0}, "size = 0 is not possible"),
        ({"size": 4, "repeats": False}, "only 2 candidates"),
        ({"noise": None}, "a model needs noise="),
        ({"free": None}, "a model needs free="),
        ({"known": 3}, "3 is no fit and no model"),
        ({"criterion": "c", "of": mdr.planned("two", times=["1 h", "2 h"], observables="y")}, "is no target"),
    ],
)
def test_odd_questions_are_refused(arguments: dict[str, Any], sentence: str) -> None:
    asked = {"known": DECAY, "candidates": times(1, 5), "free": ["A", "k"], "noise": ("additive", 0.1)} | arguments
    with pytest.raises(FitError, match=sentence):
        mdr.next_experiment(asked.pop("known"), asked.pop("candidates"), **asked)


@pytest.mark.parametrize(
    ("options", "how"),
    [
        ({"readout": {"y": "scale"}}, r"up to a scale or offset \(readout\)"),
        ({"relative_to": {"y": "first"}}, r"relative to a value of its curve \(relative_to\)"),
    ],
)
def test_a_signal_of_unknown_scale_is_no_measurement_of_what_is_behind_it(options: dict[str, Any], how: str) -> None:
    """The error of the signal was laid on the quantity itself, and its scale was taken as known."""
    data = mdr.simulated_data(DECAY, mdr.planned("a", times=["0 h", "2 h", "5 h", "9 h"], observables="y"))
    signal = dataclasses.replace(data, frame=data.table.assign(value=data.table["value"] * [9.9, 10, 10.1, 10]))
    found = mdr.fit(DECAY, signal, {"k": ("0.01 1/h", "1 1/h")}, starts=1, **options)
    with pytest.raises(FitError, match=f"'y', which the fit knows {how} only; fit an observable"):
        mdr.next_experiment(found, times(1, 5))
    assert mdr.next_experiment(found, times(1, 9), noise={"y": ("additive", 0.1)}).best == "9"


def test_rivals_refuse_what_is_of_one_model() -> None:
    fits = rivals()
    with pytest.raises(FitError, match="of has no meaning for rival fits"):
        mdr.next_experiment(fits, times(1), of="k")
    with pytest.raises(FitError, match="1 fit has no rival"):
        mdr.next_experiment({"rise": fits["rise"]}, times(1))
    with pytest.raises(FitError, match="the rival 'b' is 3, not a Fit"):
        mdr.next_experiment({"a": fits["rise"], "b": 3}, times(1))  # type: ignore[dict-item]


def test_a_candidate_that_cannot_be_simulated_is_told_and_left_out() -> None:
    # a state that runs away before the second candidate is measured
    model = mdr.Model(
        mdr.state("x", start=1.0), mdr.parameter("a", "1 1/h"), mdr.process("up", rate="a*x**2", moves={"x": 1})
    )
    plans = [mdr.planned(name, times=time, observables="x") for name, time in (("soon", "0.5 h"), ("late", "5 h"))]
    found = mdr.next_experiment(model, plans, free=["a"], noise=("additive", 0.1))
    assert found.best == "soon"
    assert list(found.failed) == ["late"]
    assert "cannot be simulated: late:" in str(found)
