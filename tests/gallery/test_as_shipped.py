"""Published results on schedules by what users call: `compare` and `optimise` with shipped strategies and endpoints.

Strobl's two tables are in tests/compare/test_strobl.py, Monro's optimum and the window of collateral sensitivity in
tests/optimise/test_optimise.py, Bozic's cures in tests/run/test_extinction.py.
"""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest

import pkpd_mdr as mdr
from pkpd_mdr import gallery
from pkpd_mdr.gallery.gunnarsson2020 import pulses
from pkpd_mdr.run import end_of, time_to_threshold


def test_zhang_2022_competition_decides_what_cycles_do() -> None:
    """Fig 4: ideal 50 % cycling drives resistance out at aRS = 6, delays at 2, fails at 0.8; resistant cells tell."""
    drug = mdr.exposure("abi", 1)
    found = mdr.compare(
        gallery.zhang2022(),
        {"cycles": mdr.adaptive(drug, stop_below=0.5, restart_above=1.0, visit="1 day"), "continuous": drug},
        parameters=pd.DataFrame({"aRS": [6.0, 2.0, 0.8]}),
        endpoints=["time_to_progression", end_of("xR")],
        until="180 day",
    )
    cycles, continuous = found.values[..., 0]
    assert math.isinf(cycles[0])
    assert cycles[2] < cycles[1] < math.inf
    assert cycles[2] < 100
    assert (cycles >= continuous - 1).all()
    resistant = found.values[0, :, 1]
    assert resistant[0] < 1  # of 100 at the start, and what drives the other two to progression
    assert min(resistant[1:]) > 1000


def test_greene_2019_induction_flips_the_ranking() -> None:
    """Constant treatment wins without induction, pulses with it; times as by another solver (card 2.8)."""
    start = gallery.greene2019().simulate(until="3 day", stop={"burden": 0.1}).endpoint("time_to_stop")
    constant = mdr.exposure("u", 1.5).shift((start, "day"))
    pulsed = mdr.exposure("u", 1.5, over="1 day").every("4 day", times=40).shift((start, "day"))
    found = mdr.compare(
        gallery.greene2019(),
        {"constant": constant, "pulsed": pulsed},
        parameters=pd.DataFrame({"switching_slope_u_S_R": [0.0, 0.01]}),
        endpoints=[time_to_threshold(0.9, name="failure")],
        until="100 day",
    )
    assert start == pytest.approx(2.398, abs=5e-4)
    np.testing.assert_allclose(found.values[..., 0], [[89.671, 44.694], [14.392, 61.364]], rtol=1e-3)
    assert np.array_equal(found.shares("failure"), [[1, 0], [0, 1]])


def test_mazzocco_2015_nadirs_by_p53() -> None:
    """Nadir and its month, and best response, of wild type and p53 mutant as two draws of one comparison."""
    found = mdr.compare(
        gallery.mazzocco2015(),
        {"18 cycles": mdr.bolus("tmz", 1).every("28 day", times=18)},
        parameters=pd.DataFrame({"g": [0.254, 0.143]}),
        endpoints=["nadir", "nadir_time", "best_response"],
        until="40 month",
    )
    np.testing.assert_allclose(found.values[0, :, 0], [26.46, 29.45], atol=6e-3)
    np.testing.assert_allclose(found.values[0, :, 1], [18.06, 16.55], atol=0.02)
    np.testing.assert_allclose(found.values[0, :, 2], [0.218, 0.129], atol=6e-4)


def test_gunnarsson_2020_a_shorter_memory_turns_failure_into_success() -> None:
    found = mdr.compare(
        gallery.gunnarsson2020("none"),
        {"constant": mdr.exposure("drug", 2)},
        parameters=pd.DataFrame({"b": [1 / 80, 1 / 50]}),
        endpoints=["time_to_progression_recist", "nadir_time"],
        until="3 year",
    )
    longer, shorter = found.values[0, :, 0]
    assert longer < 3  # years: after a nadir the tumour grows for good
    assert math.isinf(shorter)
    assert found.values[0, 1, 1] == pytest.approx(3.0)  # it shrinks to the very end


@pytest.mark.parametrize(("induction", "winner"), [("linear", "constant"), ("uniform", "pulsed")])
def test_gunnarsson_2024_induction_decides_the_best_schedule(induction: str, winner: str) -> None:
    """The best constant dose against the best pulses, both found by the optimiser."""
    model, best = gallery.gunnarsson2020(induction), {}
    families = {
        "constant": (lambda dose: mdr.exposure("drug", dose), {"dose": mdr.between(0.05, 10.0, log=True)}),
        "pulsed": (lambda share: pulses(10.0, share), {"share": (0.05, 0.95)}),
    }
    for name, (plan, variables) in families.items():
        best[name] = mdr.optimise(model, plan, variables, objective="final_burden", until="400 day", candidates=45)
    values = {name: found.value for name, found in best.items()}
    assert min(values, key=values.get) == winner  # type: ignore[arg-type]
    if winner == "constant":
        assert 0.06 < best["constant"].best["dose"] < 4  # a low dose, inside the range
    else:
        assert 0.06 < best["pulsed"].best["share"] < 0.94  # large doses and breaks in turn, inside the range
