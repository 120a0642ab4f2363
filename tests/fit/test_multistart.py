"""Starts side by side: order, interruptions and failures change nothing but how long it takes."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

import pkpd_mdr as mdr
from pkpd_mdr.errors import FitError
from pkpd_mdr.fit import fit
from pkpd_mdr.fit.free import read_free
from pkpd_mdr.fit.search import draw_starts

TIMES = np.linspace(0.5, 10, 24)
MODEL = mdr.Model(
    mdr.observable("y", "A*exp(-k*t) + B*exp(-m*t)"),
    mdr.parameter("A", 5.0),
    mdr.parameter("B", 3.0),
    mdr.parameter("k", "2 1/h"),
    mdr.parameter("m", "0.2 1/h"),
)
FREE: dict[str, Any] = {"A": (0.1, 100), "B": (0.1, 100), "k": ("0.5 1/h", "20 1/h"), "m": ("0.01 1/h", "0.5 1/h")}


def data() -> mdr.Data:
    noise = 0.02 * np.random.default_rng(1).normal(size=len(TIMES))
    value = 8 * np.exp(-1.5 * TIMES) + 2 * np.exp(-0.1 * TIMES) + noise
    return mdr.read_assay(pd.DataFrame({"h": TIMES, "y": value}), time="h [h]", value="y [1]", observable="y")


def test_alone_and_side_by_side_are_the_same() -> None:
    together = fit(MODEL, data(), FREE, starts=6, seed=4)
    for item in together.starts:
        alone = fit(MODEL, data(), FREE, starts=6, seed=4, most=item.evaluations)
        same = next(one for one in alone.starts if one.number == item.number)
        assert np.array_equal(same.evaluation.point, item.evaluation.point)
    lmfit = fit(MODEL, data(), FREE, starts=6, seed=4, method="least_squares")
    assert lmfit.values == pytest.approx(together.values, rel=1e-6)


def test_sobol_starts_can_be_added_to() -> None:
    space = read_free(MODEL, FREE)
    few, many = (draw_starts(space, n, 3, "sobol") for n in (5, 12))
    assert np.array_equal(few, many[:5])
    assert (np.array(many) >= space.lower).all()
    assert (np.array(many) <= space.upper).all()
    first = fit(MODEL, data(), FREE, starts=3, sampling="sobol")
    more = fit(MODEL, data(), FREE, starts=6, sampling="sobol", resume=first)
    whole = fit(MODEL, data(), FREE, starts=6, sampling="sobol")
    assert len(more.starts) == 6
    assert more.waterfall.equals(whole.waterfall)
    assert more.values == whole.values


def test_interrupted_fits_are_kept_and_go_on() -> None:
    seen: list[int] = []

    def stop(done: int, starts: int, value: float) -> None:
        seen.append(done)
        if done == 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt) as caught:
        fit(MODEL, data(), FREE, starts=8, seed=4, progress=stop)
    partial = caught.value.partial  # type: ignore[attr-defined]
    assert seen == [1, 2, 3]
    assert isinstance(partial, mdr.Fit)
    assert "interrupted" in set(partial.waterfall["message"])
    assert partial.values["m"] > 0
    finished = fit(MODEL, data(), FREE, starts=8, seed=4, resume=partial)
    whole = fit(MODEL, data(), FREE, starts=8, seed=4)
    assert len(finished.starts) == 8
    assert "interrupted" not in set(finished.waterfall["message"])
    assert finished.values == pytest.approx(whole.values, rel=1e-7)


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"free": FREE | {"A": (0.1, 50)}}, "resume has other free parameters"),
        ({"error": "proportional"}, "resume has other error models"),
        ({"model": MODEL.with_parameters(A=4.0)}, "resume has other model"),
        ({"accuracy": mdr.Accuracy(rtol=1e-5)}, "resume has other accuracy"),
        ({"resume": "last"}, "resume is 'last', not a Fit"),
        ({"sampling": "grid"}, "sampling 'grid' is not known; choose one of latin_hypercube, sobol"),
    ],
)
def test_what_cannot_be_resumed(options: dict[str, Any], sentence: str) -> None:
    first = fit(MODEL, data(), FREE, starts=1)
    given = {"model": MODEL, "data": data(), "free": FREE, "resume": first} | options
    with pytest.raises(FitError, match=sentence):
        fit(**given)


def test_one_failed_simulation_kills_no_fit() -> None:
    """Starts at which a condition cannot be simulated are counted; the others decide."""
    model = mdr.Model(
        mdr.state("X", "1 mg", unit="mg", kind="amount"),
        mdr.parameter("k", "0.1 1/h"),
        mdr.process("growth", "k*X*(X/X0)", {"X": 1}),
    )
    times = np.arange(0.0, 9.0)
    frame = pd.DataFrame({"h": times, "mg": 1 / (1 - 0.1 * times)})
    measured = mdr.read_assay(frame, time="h [h]", value="mg [mg]", observable="X")
    found = fit(model, measured, {"k": ("0.001 1/h", "10 1/h")}, starts=8, seed=1, error="lognormal")
    assert found.values["k"] == pytest.approx(0.1, rel=1e-3)
    assert found.failures
    assert (~found.waterfall["finished"]).any() or found.waterfall["failures"].sum() > 0
