"""Results can be kept: compared, put into sets, copied, and pickled, as notebooks, caches and process pools do."""

import copy
import pickle
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor

import pandas as pd
import pytest

import pkpd_mdr as mdr

MODEL = mdr.Model(
    mdr.medium("dox", unit="nM"),
    mdr.clone("S", growth=mdr.growth.exponential(rate="0.03 1/h"), start=10),
    mdr.kill("dox", on="S", slope="1e-4 1/h/nM"),
)
DOX = mdr.exposure("dox", "50 nM", over="24 h")
COUNTS = pd.DataFrame(
    {"h": [0, 24, 48, 72] * 2, "nM": [0] * 4 + [50] * 4, "cells": [10, 22, 41, 83, 10, 18, 36, 69]}, dtype=float
)
WELLS = pd.DataFrame({"nM": [0, 0, 1, 3, 10, 30, 100, 300], "v": [1.02, 0.97, 0.95, 0.84, 0.55, 0.24, 0.11, 0.06]})


def fitted() -> mdr.Fit:
    data = mdr.read_assay(COUNTS, time="h [h]", value="cells [cell]", drug={"dox": "nM [nM]"})
    return mdr.fit(MODEL, data, ["growth_S", "slope_dox_S"], error="lognormal", starts=1)


def compared() -> mdr.Comparison:
    arms = {"dox": DOX, "none": mdr.nothing()}
    return mdr.compare(MODEL, arms, endpoints="nadir", until="48 h", parameters={"growth_S": [0.02, 0.03]})


RESULTS: dict[str, tuple[Callable[[], object], Callable[..., object]]] = {
    "Run": (lambda: MODEL.simulate(DOX, until="48 h", times="24 h"), lambda run: run.frame),
    "Many": (lambda: MODEL.simulate_many(DOX, until="48 h", times="24 h"), lambda many: many.frame),
    "Fit": (fitted, lambda fit: fit.profile("growth_S").frame),
    "Draws": (lambda: fitted().draws(3, seed=1), lambda draws: draws.frame),
    "Profile": (lambda: fitted().profile("growth_S"), lambda profile: profile.frame),
    "Estimates": (lambda: fitted().found, lambda estimates: estimates.table),
    "Comparison": (compared, lambda comparison: comparison.draws),
    "DoseResponse": (
        lambda: mdr.dose_response(WELLS, dose="nM [nM]", response="v", curve="LL.3", scale="viability"),
        lambda found: found.parameters(),
    ),
}


@pytest.mark.parametrize("name", RESULTS)
def test_a_result_survives_a_copy_and_a_trip(name: str) -> None:
    make, read = RESULTS[name]
    result = make()
    for again in (pickle.loads(pickle.dumps(result)), copy.deepcopy(result)):
        pd.testing.assert_frame_equal(read(again), read(result))
    assert result == result
    assert result != make()
    assert result in {result}


def test_a_fit_works_in_another_process() -> None:
    fit = fitted()
    with ProcessPoolExecutor(1) as pool:
        pd.testing.assert_frame_equal(pool.submit(fit.predict).result(), fit.predict())
