"""Radiation with incomplete repair and surgery with a residual, against closed forms."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import pkpd_mdr as mdr
from pkpd_mdr.errors import PkpdMdrError

ALPHA, BETA = 0.3, 0.03
PAIR = (f"{ALPHA} 1/Gy", f"{BETA} 1/Gy**2")


def survival(doses: list[float], gap: float, half_life: float | None) -> float:
    """Of one clone without growth after fractions that are `gap` hours apart."""
    model = mdr.Model(
        mdr.clone("S", start=1.0),
        mdr.radiotherapy({"S": PAIR}, repair_half_life=None if half_life is None else (half_life, "h")),
    )
    plan = mdr.nothing()
    for number, dose in enumerate(doses):
        plan = plan & mdr.radiation((dose, "Gy"), at=(number * gap, "h"))
    run = model.simulate(plan, until=(len(doses) * gap + 1, "h"), accuracy=mdr.Accuracy(rtol=1e-10))
    return float(run.frame["S"].iloc[-1])


def thames(doses: list[float], gap: float, half_life: float) -> float:
    """Lea and Catcheside for instant fractions: beta (sum D_k**2 + 2 sum_{j<k} D_j D_k exp(-mu (t_k - t_j)))."""
    mu, d = np.log(2) / half_life, np.array(doses)
    lags = gap * np.abs(np.subtract.outer(np.arange(len(d)), np.arange(len(d))))
    return float(np.exp(-ALPHA * d.sum() - BETA * (np.outer(d, d) * np.exp(-mu * lags)).sum()))


@given(
    doses=st.lists(st.floats(0.5, 4.0), min_size=1, max_size=5),
    gap=st.floats(0.5, 24.0),
    half_life=st.floats(0.3, 6.0),
)
@settings(max_examples=15)
def test_incomplete_repair_is_lea_catcheside(doses: list[float], gap: float, half_life: float) -> None:
    assert survival(doses, gap, half_life) == pytest.approx(thames(doses, gap, half_life), rel=1e-7)


def test_fast_repair_is_independent_fractions_and_no_repair_one_large_one() -> None:
    independent = np.exp(-3 * (ALPHA * 2 + BETA * 4))
    assert survival([2, 2, 2], 24.0, None) == pytest.approx(independent, rel=1e-9)
    assert survival([2, 2, 2], 24.0, 0.5) == pytest.approx(independent, rel=1e-6)
    assert survival([2, 2, 2], 1.0, 1e7) == pytest.approx(np.exp(-ALPHA * 6 - BETA * 36), rel=1e-5)


def test_clones_repopulate_between_fractions_and_effectors_are_harmed() -> None:
    model = mdr.Model(
        mdr.clone("S", growth=mdr.growth.exponential(rate="0.02 1/h"), start=1e6),
        mdr.clone("R", growth=mdr.growth.exponential(rate="0.02 1/h"), start=1e6, resistant=True),
        mdr.immune.effector("CTL", start=1e6),
        mdr.radiotherapy({"S": PAIR, "R": ("0.1 1/Gy", "0.01 1/Gy**2"), "CTL": "0.5 1/Gy"}),
    )
    run = model.simulate(mdr.radiation("2 Gy").every("24 h", times=5), until="120 h", accuracy=mdr.Accuracy(rtol=1e-10))
    end = run.frame.iloc[-1]
    assert end["S"] == pytest.approx(1e6 * np.exp(0.02 * 120 - 5 * (0.6 + 0.12)), rel=1e-8)
    assert end["R"] == pytest.approx(1e6 * np.exp(0.02 * 120 - 5 * (0.2 + 0.04)), rel=1e-8)
    assert end["CTL"] == pytest.approx(1e6 * np.exp(-5), rel=1e-8)


@given(removed=st.floats(0.01, 1.0), reach=st.floats(0.0, 1.0))
@settings(max_examples=15)
def test_surgery_leaves_what_it_cannot_reach(removed: float, reach: float) -> None:
    model = mdr.Model(
        mdr.clone("core", start=1e6), mdr.clone("rim", start=1e6), mdr.resection({"core": 1.0, "rim": reach})
    )
    end = model.simulate(mdr.surgery(removed, at="1 h"), until="2 h").frame.iloc[-1]
    assert end["core"] == pytest.approx(1e6 * (1 - removed), rel=1e-12, abs=1e-6)
    assert end["rim"] == pytest.approx(1e6 * (1 - removed * reach), rel=1e-12)


def test_full_reach_is_plain_resection() -> None:
    plain, full = (
        mdr.Model(mdr.clone("S", start=1e6), part).simulate(mdr.surgery(0.9), until="1 h").frame["S"].iloc[-1]
        for part in (mdr.resection(), mdr.resection({"S": 1.0}))
    )
    assert plain == full


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: mdr.radiotherapy({"S": "0.3 1/Gy"}, repair_half_life="1 h"), "give a beta"),
        (lambda: mdr.Model(mdr.clone("S"), mdr.resection({"S": 1.2})), "reach_S"),
        (lambda: mdr.Model(mdr.clone("S"), mdr.resection({"T": 0.2})), "'T'.*known are 'S'"),
        (lambda: mdr.resection(3), "not a name or a list of names"),
        (lambda: mdr.Model(mdr.clone("S"), mdr.radiotherapy({"S": PAIR}, repair_half_life=2)), "unit"),
    ],
)
def test_refusals(make: object, words: str) -> None:
    with pytest.raises(PkpdMdrError, match=words):
        make()  # type: ignore[operator]
