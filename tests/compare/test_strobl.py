"""Strobl et al. 2021 (Cancer Res 81:1135): times to progression under continuous and adaptive therapy, to the day."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import pkpd_mdr as mdr
from pkpd_mdr.compare import compare
from pkpd_mdr.model import Parameter
from pkpd_mdr.run import time_to_progression

# start burden n0 and resistant share fR of it: (continuous, AT50) in days; zero cost and turnover
TABLE = {
    (0.25, 0.1): (106, 106), (0.25, 0.01): (207, 210), (0.25, 0.001): (296, 315),
    (0.35, 0.1): (120, 120), (0.35, 0.01): (224, 235), (0.35, 0.001): (314, 350),
    (0.45, 0.1): (139, 139), (0.45, 0.01): (246, 266), (0.45, 0.001): (335, 394),
    (0.55, 0.1): (166, 166), (0.55, 0.01): (273, 309), (0.55, 0.001): (361, 452),
    (0.65, 0.1): (206, 206), (0.65, 0.01): (310, 371), (0.65, 0.001): (397, 535),
    (0.75, 0.1): (278, 278), (0.75, 0.01): (369, 473), (0.75, 0.001): (452, 663),
}  # fmt: skip
# with turnover 0.25 rS; cost 0 and 10 %
COST = {
    (0.0, 0.25, 0.1): (161, 161), (0.0, 0.25, 0.001): (394, 464),
    (0.0, 0.5, 0.1): (242, 278), (0.0, 0.5, 0.001): (470, 701),
    (0.1, 0.25, 0.1): (186, 186), (0.1, 0.25, 0.001): (454, 537),
    (0.1, 0.5, 0.1): (284, 340), (0.1, 0.5, 0.001): (547, 849),
}  # fmt: skip
RATE = 0.027


@pytest.fixture(scope="module")
def model():
    growth = mdr.growth.logistic(rate=f"{RATE} 1/day", capacity=Parameter("K", 1.0))
    return mdr.Model(
        mdr.medium("D", unit=""),
        mdr.clone("S", growth=growth, unit="", start=0.2, death="0 1/day"),
        mdr.clone("R", growth=growth, unit="", start=0.1, death="0 1/day", resistant=True),
        mdr.kill("D", on="S", slope=1.5, form="norton_simon"),
    )


def study(model, draws, days):
    drug = mdr.exposure("D", "100 %")
    return compare(
        model,
        {"continuous": drug, "AT50": mdr.adaptive(drug, stop_below=0.5, restart_above=1.0, visit="1 day")},
        parameters=pd.DataFrame(draws),
        endpoints=[time_to_progression(visit="1 day"), "resistant_share"],
        until=f"{days} day",
    )


@pytest.mark.slow
def test_all_36_times_to_progression(model):
    starts = [{"S0": n0 * (1 - share), "R0": n0 * share} for n0, share in TABLE]
    comparison = study(model, starts, 680)
    found = comparison.values[:, :, 0].T
    assert not comparison.failures
    assert np.array_equal(np.round(found, 9), np.array(list(TABLE.values()), dtype=float))
    # adaptive therapy is never worse, and gives less drug
    assert comparison.best() == "AT50"
    assert comparison.given["median"]["AT50", "D"] < comparison.given["median"]["continuous", "D"]


@pytest.mark.slow
def test_all_16_times_with_cost_and_turnover(model):
    draws = [
        {
            "S0": n0 * (1 - share),
            "R0": n0 * share,
            "growth_R": RATE * (1 - cost),
            "death_S": 0.25 * RATE,
            "death_R": 0.25 * RATE,
        }
        for cost, n0, share in COST
    ]
    found = study(model, draws, 870).values[:, :, 0].T
    assert np.array_equal(np.round(found, 9), np.array(list(COST.values()), dtype=float))


def test_four_times_to_progression(model):
    """The quick part of the table, so that it is checked on every change."""
    chosen = [(0.25, 0.1), (0.25, 0.01), (0.35, 0.1), (0.45, 0.1)]
    found = study(model, [{"S0": n0 * (1 - share), "R0": n0 * share} for n0, share in chosen], 215).values[:, :, 0].T
    assert np.array_equal(np.round(found, 9), np.array([TABLE[key] for key in chosen], dtype=float))


def test_invariant_under_continuous_drug(model):
    """S R**(dD - 1) is constant on drug without turnover (equal growth)."""
    run = model.simulate(mdr.exposure("D", "100 %"), until="300 day", accuracy=mdr.Accuracy(rtol=1e-10))
    invariant = run.frame["S"] * run.frame["R"] ** 0.5
    assert invariant.iloc[1:].to_numpy() == pytest.approx(np.full(240, 0.2 * 0.1**0.5), rel=1e-7)
