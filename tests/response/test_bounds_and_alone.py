"""Estimates at bounds, curves with too few doses, and that a curve is judged alone as it is in a table."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import pkpd_mdr as mdr
from pkpd_mdr.errors import DataError
from pkpd_mdr.response import adjusted_dead, gr_static_toxic, gr_value, gr_value_without_start

X = np.repeat([0.0, 1, 3, 10, 30, 100], 3)
TRUE = 1 / (1 + (X / 10) ** 1.2)


def screen(y: np.ndarray, x: np.ndarray = X) -> pd.DataFrame:
    curve = np.repeat(np.arange(len(y)), len(x))
    return pd.DataFrame({"k": curve, "x": np.tile(x, len(y)), "y": y.ravel()})


def fitted(table: pd.DataFrame, **options: object) -> mdr.DoseResponse:
    return mdr.dose_response(table, dose="x [nM]", response="y", by="k", **options)  # type: ignore[arg-type]


def test_errors_beside_a_bound_are_those_of_a_held_parameter() -> None:
    """True c on its bound: half the curves end there, and the others' intervals hold what they say, not more."""
    y = TRUE + 0.06 * np.random.default_rng(3).standard_normal((600, len(X)))
    fit = fitted(screen(y), bounds={"c": (0, 1)})
    table = fit.parameters()
    its = {name: table[table["parameter"] == name] for name in "bcde"}
    stuck = its["c"]["estimate"].to_numpy() <= 0
    assert 0.4 < stuck.mean() < 0.6
    assert its["c"]["se"].isna().to_numpy().tolist() == stuck.tolist()
    assert (its["c"]["upper"][stuck] > 0).all()
    held = fitted(screen(y), fixed={"c": 0.0}).parameters()
    same = held[held["parameter"] == "e"]["se"].to_numpy()[stuck]
    # df differs by one: c was estimated
    assert its["e"]["se"].to_numpy()[stuck] == pytest.approx(same * np.sqrt(15 / 14), rel=1e-3)
    inside = ((its["e"]["lower"] <= 10) & (its["e"]["upper"] >= 10)).to_numpy()
    assert 0.91 < inside[stuck].mean() < 0.98
    notes = fit.table(interval="none")["note"].str.contains("c is at its lower bound 0")
    assert notes.to_numpy().tolist() == stuck.tolist()


@pytest.mark.parametrize("share", [None, ()])
def test_a_place_at_its_bound_is_no_estimate(share: tuple[str, ...] | None) -> None:
    y = TRUE + 0.03 * np.random.default_rng(4).standard_normal((2, len(X)))
    fit = fitted(screen(y), bounds={"e": (1, 5)}, share=share)
    for interval in ("profile", "delta"):
        found = fit.ed(50, interval=interval)
        assert (found["state"] == "not identifiable").all()
        assert found["estimate"].isna().all()
    assert fit.parameters().query("parameter == 'e'")["se"].isna().all()


@pytest.mark.parametrize("interval", ["profile", "delta", "bootstrap"])
def test_fewer_doses_than_parameters_give_no_number(interval: str) -> None:
    few = screen(np.array([[1, 1.02, 0.98, 0.4, 0.42, 0.38]]), np.array([0, 0, 0, 10, 10, 10.0]))
    fit = fitted(few)
    found = fit.ed(50, interval=interval).iloc[0]
    assert (found["state"], np.isnan(found["estimate"])) == ("not identifiable", True)
    assert "2 doses are too few for 4 parameters" in fit.frame["note"][0]


def test_two_doses_bound_a_step() -> None:
    step = screen(np.array([[1, 1.02, 0.98, 1.01, 0.08, 0.1]]), np.array([0, 0, 10, 10, 100, 100.0]))
    found = fitted(step).ed(0.5, kind="absolute").iloc[0]
    assert found["state"] == "not identifiable"
    assert (found["lower"], found["upper"]) == pytest.approx((10, 100), rel=1e-3)


def test_a_curve_alone_is_judged_as_in_a_table() -> None:
    rng = np.random.default_rng(5)
    tops = np.linspace(0.02, 0.2, 10)[:, None]
    y = 1 - tops * (1 - TRUE) + 0.03 * rng.standard_normal((10, len(X)))
    table = screen(y)
    other = screen(y[:3, :15], X[:15]).assign(k=lambda frame: frame["k"] + 10)
    mixed = fitted(pd.concat([other, table]))
    for k in range(10):
        alone = fitted(table[table["k"] == k])
        place = 3 + k
        assert alone.flat.p[0] == pytest.approx(mixed.flat.p[place], rel=1e-6)
        assert alone.no_effect[0] == mixed.no_effect[place]


def test_a_bootstrap_does_not_depend_on_the_place_in_the_table() -> None:
    y = TRUE + 0.05 * np.random.default_rng(6).standard_normal((3, len(X)))
    table = screen(y)
    every = fitted(table).ed(50, interval="bootstrap")
    last = fitted(table[table["k"] == 2]).ed(50, interval="bootstrap")
    for name in ("lower", "upper"):
        assert last[name][0] == pytest.approx(every[name][2], rel=1e-6)


def test_negative_rates_under_a_held_limit_are_told() -> None:
    rates = np.array([[-0.01, -0.011, -0.012, -0.013, -0.03, -0.028, -0.05, -0.052]])
    fit = fitted(screen(rates, np.array([0, 0, 1, 1, 10, 10, 100, 100.0])), curve="LL.3")
    assert "no curve with c = 0 held follows them" in fit.frame["note"][0]
    flat = 1 + 0.01 * np.random.default_rng(1).standard_normal((1, len(X)))
    assert "held follows" not in fitted(screen(flat), curve="LL.3").frame["note"][0]


def test_gr_values_refuse_in_their_own_words() -> None:
    with pytest.raises(
        DataError, match=r"gr_value: arrays of the shapes count \(3,\), start \(2,\) do not go together"
    ):
        gr_value([1, 2, 3], [1, 2], 4)
    with pytest.raises(DataError, match="gr_value: count is 'many', not a number"):
        gr_value("many", 1, 4)
    with pytest.raises(DataError, match="time is '48 h', not a number or an array of numbers without a unit"):
        gr_value_without_start(1, 3, time="48 h", doubling_time=24)
    with pytest.raises(DataError, match="gr_static_toxic: dead is"):
        gr_static_toxic(1, 1, 3, dead={}, dead_start=1, dead_control=1, time=72)  # type: ignore[arg-type]
    with pytest.raises(DataError, match="adjusted_dead: arrays of the shapes"):
        adjusted_dead([1, 2, 3], [1, 2], start_total=1, control_total=2)


def test_the_second_site_has_no_bounds_of_its_own() -> None:
    with pytest.raises(DataError, match=r"'e2' of BP\.5 cannot be bounded; possible are"):
        fitted(screen(TRUE[None]), curve="BP.5", bounds={"e2": (20, 200)})
