"""Pictures of what can be known: what stands on them is what was found."""

from __future__ import annotations

import numpy as np
import pytest

import pkpd_mdr as mdr
from pkpd_mdr.errors import FitError

TIMES = [f"{t} h" for t in (0, 12, 24, 48)]


@pytest.fixture(scope="module")
def fit() -> mdr.Fit:
    truth = mdr.Model(
        mdr.medium("dox", unit="nM"),
        mdr.clone("S", growth=mdr.growth.exponential(rate="0.03 1/h"), start="900 cell"),
        mdr.kill("dox", on="S", emax="0.1 1/h", ec50="100 nM"),
    )
    plans = [
        mdr.planned(
            f"{dose} nM", mdr.exposure("dox", f"{dose} nM") if dose else None, times=TIMES, labels={"dose": dose}
        )
        for dose in (0, 30, 100)
    ]
    free = {"growth_S": ("0.001 1/h", "1 1/h"), "emax_dox_S": ("0.01 1/h", "1 1/h"), "ec50_dox_S": ("1 nM", "1e4 nM")}
    data = mdr.simulated_data(truth, plans, noise=("lognormal", 0.1), seed=1)
    return mdr.fit(truth, data, free, error="lognormal", starts=1)


def test_singular_values_stand_above_and_below_their_limit(fit: mdr.Fit) -> None:
    ax = fit.identifiability(kind="structural").plot()
    assert ax.get_yscale() == "log"
    assert ax.get_ylabel() == "singular value"
    points = np.concatenate([line.get_ydata() for line in ax.lines if line.get_marker() in "ox"])
    assert len(points) == 9
    assert fit.identifiability().plot().get_ylabel() == "1 / relative standard error"


def test_the_spectrum_has_a_square_for_each_loading(fit: mdr.Fit) -> None:
    ax = fit.spectrum().plot()
    assert [label.get_text() for label in ax.get_yticklabels()] == list(fit.found.names)
    areas = [np.ptp(patch.get_xy()[:, 0]) ** 2 for patch in ax.patches]
    assert len(areas) == 9
    loadings = np.abs(fit.spectrum().directions).ravel()
    assert np.allclose(areas, (2 * 0.45) ** 2 * loadings, atol=1e-9)


def test_bands_surround_their_curves(fit: mdr.Fit) -> None:
    band = fit.band(draws=fit.draws(20, seed=1))
    plain, both = band.plot(), band.plot(measured=True)
    assert len(plain.collections) == 3
    assert len(both.collections) == 6
    narrow, wide = (both.collections[k].get_paths()[0].vertices[:, 1] for k in (0, 1))
    assert np.ptp(wide) > np.ptp(narrow)
    assert band.plot(time_unit="day").get_xlabel() == "time [day]"


def test_traces_and_candidates(fit: mdr.Fit) -> None:
    posterior = fit.mcmc(12, walkers=8, warmup=2)
    ax = posterior.plot("ec50_dox_S")
    assert ax.get_ylabel() == "ec50_dox_S [nM]"
    assert len(ax.lines) == 16
    with pytest.raises(FitError, match="did you mean 'ec50_dox_S'"):
        posterior.plot("ec50_dox")
    options = [mdr.planned(f"{d} nM", mdr.exposure("dox", f"{d} nM"), times=["48 h"]) for d in (30, 300, 3000)]
    found = mdr.next_experiment(fit, options)
    ax = found.plot(most=2)
    assert [label.get_text() for label in ax.get_yticklabels()] == list(found.table.index[:2])
    assert max(bar.get_width() for bar in ax.patches) == pytest.approx(found.table["gain"].max())
