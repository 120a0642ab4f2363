"""Ratios, fold-resistance, parallelism and shared parameters."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest
from strategies.plates import plate

import pkpd_mdr as mdr
from pkpd_mdr.response.ratio import Ratios

PAIR = {"parental": (1.0, 0.1, 0.2, 1.3), "resistant": (1.0, 0.1, 2.0, 1.3), "immune": (1.0, 0.1, 200.0, 1.3)}


def fitted(truth: dict[str, tuple[float, float, float, float]], **options: object) -> mdr.DoseResponse:
    return mdr.dose_response(plate(truth, seed=7), dose="dose", response="v", by="line", scale="viability", **options)  # type: ignore[arg-type]


def test_fold_resistance_is_found_with_its_interval() -> None:
    table = fitted(PAIR).ratio("resistant", "parental").table
    assert table["state"].tolist() == ["estimated"] * 3
    assert ((table["lower"] < 10) & (table["upper"] > 10)).all()
    assert (table["p"] < 1e-6).all()


@pytest.mark.parametrize("interval", ["profile", "delta", "fieller"])
def test_turning_a_ratio_turns_its_limits(interval: str) -> None:
    fit = fitted(PAIR)
    one = fit.ratio("resistant", "parental", at=[50], interval=interval).table.iloc[0]
    other = fit.ratio("parental", "resistant", at=[50], interval=interval).table.iloc[0]
    assert other["ratio"] == pytest.approx(1 / one["ratio"], rel=1e-6)
    assert other["lower"] == pytest.approx(1 / one["upper"], rel=1e-2)
    assert other["upper"] == pytest.approx(1 / one["lower"], rel=1e-2)


def test_a_censored_curve_gives_a_bound() -> None:
    fit = fitted(PAIR)
    row = fit.ratio("immune", "parental", at=[0.5], kind="absolute").table.iloc[0]
    assert (row["state"], row["upper"]) == ("at least", math.inf)
    assert 20 < row["lower"] < 1000
    row = fit.ratio("parental", "immune", at=[0.5], kind="absolute").table.iloc[0]
    assert (row["state"], row["lower"]) == ("at most", 0.0)


def test_a_curve_without_effect_is_not_called_parallel() -> None:
    flat = plate({"flat": (1.0, 1.0, 1.0, 1.0)}, seed=5)
    table = pd.concat([plate({"a": (1.0, 0.1, 0.2, 1.3)}, seed=7), flat], ignore_index=True)
    found = mdr.dose_response(table, dose="dose", response="v", by="line", scale="viability").ratio("flat", "a")
    assert found.verdict.startswith("no ratio was estimated")
    assert (found.parallel["f"] >= 0).all()
    assert found.parallel["p"].notna().all()


def test_ratios_of_parallel_curves_do_not_depend_on_the_level() -> None:
    fit = fitted(PAIR, share=("b", "c", "d"))
    ratios = fit.ratio("resistant", "parental").table["ratio"]
    np.testing.assert_allclose(ratios, ratios[0], rtol=1e-9)


def test_parallelism_is_judged() -> None:
    parallel = fitted(PAIR).ratio("resistant", "parental")
    assert parallel.verdict.startswith("no sign against parallel curves")
    crossing = fitted({"a": (1.0, 0.1, 0.5, 0.7), "b": (1.0, 0.1, 0.5, 3.0)}).ratio("b", "a")
    assert "not parallel" in crossing.verdict
    assert "not parallel" in str(crossing)


def test_the_profile_of_a_ratio_is_that_of_the_single_curves() -> None:
    """Minimise the two profiles' sum over all pairs of doses with that ratio, on a grid."""
    from pkpd_mdr.response.joint import joint_of
    from pkpd_mdr.response.quantiles import t_reach
    from pkpd_mdr.response.stack import Stack

    fit = fitted({key: PAIR[key] for key in ("parental", "resistant")})
    row = fit.ratio("resistant", "parental", at=[50]).table.iloc[0]
    joint = joint_of(fit.readings, fit.stack, fit.curves.family, fit.options, {}, np.arange(2))
    from pkpd_mdr.response.estimates import fit_stack
    from pkpd_mdr.response.families import family

    logs = np.stack([np.linspace(center - 0.6, center + 0.6, 241) for center in joint.curves.theta[:, 1]])
    rss = []
    for k in range(2):
        mine = fit.stack.curve == k
        one = Stack.of(np.zeros(int(mine.sum()), dtype=np.int64), fit.stack.x[mine], fit.stack.y[mine])
        rss.append(np.array([fit_stack(one, family("LL.4", {"e": float(np.exp(log))})).rss[0] for log in logs[k][::6]]))
    fine = [np.interp(logs[k], logs[k][::6], rss[k]) for k in range(2)]
    difference = logs[1][None, :] - logs[0][:, None]
    total = fine[0][:, None] + fine[1][None, :]
    limit = joint.rss + joint.sigma**2 * float(t_reach(0.95, joint.df)) ** 2
    inside = np.exp(difference[total <= limit])
    assert row["lower"] == pytest.approx(inside.min(), rel=0.03)
    assert row["upper"] == pytest.approx(inside.max(), rel=0.03)


def test_shared_controls_count_once() -> None:
    """Controls of a plate join every curve; where the curves share d they are one measurement."""
    table = plate(PAIR, seed=1)
    table["role"] = np.where(table["dose"] == 0, "control", "drug")
    options = {"dose": "dose", "response": "v", "by": "line", "control": {"role": "control"}}
    joined = mdr.dose_response(table, **options, share=("d",))
    assert joined.joint is not None
    assert joined.joint.n == len(table)
    apart = mdr.dose_response(table, **options)
    assert apart.stack.n.sum() == len(table) + 2 * int((table["dose"] == 0).sum())


def test_sharing_nothing_shares_the_error() -> None:
    apart, pooled = fitted(PAIR), fitted(PAIR, share=())
    assert pooled.joint is not None
    np.testing.assert_allclose(pooled.curves.theta[:2], apart.curves.theta[:2], rtol=1e-3, atol=1e-4)
    assert pooled.joint.rss == pytest.approx(float(apart.curves.rss.sum()), rel=1e-6)
    assert len(set(pooled.curves.sigma)) == 1


def test_the_families_are_weighed() -> None:
    rng = np.random.default_rng(2)
    x = np.repeat([0.0, 0.03, 0.1, 0.3, 1.0, 3.0, 10.0], 6)
    table = pd.DataFrame({"x": x, "y": np.exp(-(x**1.5)) + 0.02 * rng.standard_normal(len(x))})
    several = mdr.dose_response(table, dose="x", response="y").average()
    assert several.table()["family"].iloc[0] == "W1.4"
    np.testing.assert_allclose(np.nansum(several.weights, axis=1), 1.0)
    found = several.ed(50).iloc[0]
    assert found["lower"] < math.log(2) ** (1 / 1.5) < found["upper"]
    lone = mdr.dose_response(table, dose="x", response="y").average("LL.4").ed(50).iloc[0]
    own = mdr.dose_response(table, dose="x", response="y").ed(50, interval="delta").iloc[0]
    assert lone["estimate"] == pytest.approx(own["estimate"], rel=1e-12)


@pytest.mark.parametrize(
    ("of", "over", "sentence"),
    [
        ("resistent", "parental", "did you mean 'resistant'"),
        ("parental", "parental", "name two curves"),
        (None, "parental", "say which curve is over which"),
        ({"cell": "x"}, "parental", "no label 'cell'"),
    ],
)
def test_refusals(of: object, over: object, sentence: str) -> None:
    with pytest.raises(mdr.DataError, match=sentence):
        fitted(PAIR).ratio(of, over)


def test_bounds_of_a_ratio_are_told_with_their_numbers() -> None:
    """A ratio known from both sides had been printed as 'between' alone."""
    row = {"level": "ED50", "ratio": np.nan, "lower": 2.0, "upper": 8.0, "se": np.nan, "state": "between", "p": np.nan}
    found = Ratios(pd.DataFrame([row]), pd.DataFrame(columns=["test", "f", "df", "df_error", "p"]), "res", "par")
    assert "ED50         between 2 and 8" in str(found)
    assert "only bounds are" in found.verdict
