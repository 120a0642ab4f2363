"""What can be known where parameters differ between groups, measurements are counts, or readouts have a free scale."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

import pkpd_mdr as mdr
from pkpd_mdr.errors import FitError
from pkpd_mdr.fit import bootstrap as boot
from pkpd_mdr.fit.ahead import looking_ahead, values_of
from pkpd_mdr.fit.errors import ErrorModel

DECAY = mdr.Model(mdr.observable("y", "top*exp(-k*t)"), mdr.parameter("top", 100.0), mdr.parameter("k", "0.1 1/h"))
FREE = {"top": (1, 1e4), "k": ("0.001 1/h", "10 1/h")}


def fitted(**options: Any) -> mdr.Fit:
    plans = [
        mdr.planned(
            f"{line}{i}",
            times=["0 h", "3 h", "6 h", "9 h"],
            observables="y",
            labels={"line": line, "animal": f"{line}{i}"},
        )
        for line in "AB"
        for i in range(3)
    ]
    data = mdr.simulated_data(DECAY, plans, noise=("poisson", 1.0), seed=1)
    data = replace(data, frame=data.frame.assign(value=data.frame["value"].round()))
    return mdr.fit(DECAY, data, FREE, starts=1, **options)


def test_groups_keep_their_names_through_every_kind_of_draws() -> None:
    fit = fitted(error="negative_binomial", per={"k": "line"})
    several = [fit.bootstrap(8, unit="animal"), fit.bootstrap(8, parametric=True), fit.mcmc(10, walkers=12, warmup=2)]
    for draws in several:
        assert draws.names == ("top", "k[A]", "k[B]")
        assert draws.thinned(4).of(line="B").names == ("top", "k")
        assert fit.band("3 h", draws=draws, conditions="A0").frame["lower"].notna().all()
    assert fit.identifiability().all
    new = mdr.planned("new", times="20 h", observables="y", labels={"line": "A"})
    ratio = mdr.next_experiment(fit, new).errors["ratio"]
    assert ratio["k[A]"] < ratio["k[B]"] < 1
    with pytest.raises(FitError, match="condition 'old' has no label 'line'"):
        mdr.next_experiment(fit, mdr.planned("old", times="20 h", observables="y"))


def test_a_free_scale_hides_the_height() -> None:
    fit = fitted(error="additive", readout={"y": "scale"})
    for kind in ("structural", "practical"):
        assert fit.identifiability(kind=kind).not_identifiable == ("top",)
    known = fit.predict("3 h")["value"].to_numpy()
    band = fit.band("3 h", draws=fit.draws(20, seed=1)).frame
    assert (band["lower"].to_numpy() < known).all()
    assert (band["upper"].to_numpy() > known).all()


def test_values_together_are_those_alone_for_counts() -> None:
    fit = fitted(error="negative_binomial")
    points = fit.best.point + 0.05 * np.random.default_rng(1).standard_normal((4, len(fit.best.point)))
    alone = [-0.5 * fit.objective.evaluate(point).value for point in points]
    assert np.allclose(values_of(looking_ahead(fit.objective), points), alone, rtol=1e-9)


@pytest.mark.parametrize(
    ("kind", "mean", "n", "extra"),
    [
        ("negative_binomial", 20.0, 3.0, np.log(0.2)),
        ("binomial", 0.3, 40.0, 0.0),
        ("beta_binomial", 0.3, 40.0, np.log(9.0)),
    ],
)
def test_drawn_counts_have_the_mean_and_spread_of_their_family(kind: str, mean: float, n: float, extra: float) -> None:
    model = ErrorModel(kind)
    f, size = np.full(20_000, mean), np.full(20_000, n)
    drawn = boot.counted(model, f, size, extra, np.random.default_rng(2))
    assert drawn.mean() == pytest.approx(mean, rel=0.02)
    assert drawn.std() == pytest.approx(model.spread(f[:1], size[:1], extra)[0], rel=0.03)
