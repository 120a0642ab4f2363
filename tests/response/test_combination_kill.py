"""From a plate to a dynamic model: the law that comes back, simulated, gives the plate again."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import pkpd_mdr as mdr
from pkpd_mdr.errors import DataError, FitError, UnitError

DOSES = (0.0, 3.0, 10.0, 30.0, 100.0, 300.0)
HOURS = 48.0


def plate(alpha: float | None, *, emax: tuple[float, float] = (0.05, 0.05), noise: float = 0.0) -> pd.DataFrame:
    """Viability after 48 h under hazards that add (alpha None), or under the interaction law."""
    a, b = (axis.ravel() for axis in np.meshgrid(DOSES, DOSES, indexing="ij"))
    u, v = a / 30.0, b / 60.0
    if alpha is None:
        hazard = emax[0] * u / (1.0 + u) + emax[1] * v / (1.0 + v)
    else:
        total = u + v + alpha * u * v
        hazard = emax[0] * total / (1.0 + total)
    rng = np.random.default_rng(8)
    return pd.DataFrame({"a": a, "b": b, "v": np.exp(-hazard * HOURS) * np.exp(noise * rng.standard_normal(len(a)))})


def judged(table: pd.DataFrame, *models: str, **options: object) -> mdr.Combination:
    options = {"doses": {"a": "a [nM]", "b": "b [nM]"}, "scale": "viability"} | options
    return mdr.combination(table, response="v", model=models, draws=0, **options)  # type: ignore[arg-type]


def simulated(law: tuple[object, ...], a: float, b: float) -> float:
    """Viability of the model at two constant concentrations, relative to the same model without drug."""
    model = mdr.Model(
        mdr.medium("a", unit="nM"),
        mdr.medium("b", unit="nM"),
        mdr.clone("S", growth=mdr.growth.exponential(rate="0.03 1/h"), start=1000),
        *law,  # type: ignore[arg-type]
    )
    both = mdr.exposure("a", f"{a} nM", over="48 h") & mdr.exposure("b", f"{b} nM", over="48 h")
    ends = [float(model.simulate(what, until="48 h").frame["S"].iloc[-1]) for what in (both, mdr.nothing())]
    return ends[0] / ends[1]


@pytest.mark.parametrize(("alpha", "model"), [(None, "bliss"), (0.0, "loewe"), (0.7, "braid")])
def test_the_law_of_a_plate_gives_the_plate_again(alpha: float | None, model: str) -> None:
    table = plate(alpha)
    law = judged(table, model).kill(on="S", over="48 h", model=model)
    for row in (
        table[(table["a"] == 30.0) & (table["b"] == 10.0)],
        table[(table["a"] == 100.0) & (table["b"] == 100.0)],
    ):
        one = row.iloc[0]
        assert simulated(law, one["a"], one["b"]) == pytest.approx(one["v"], rel=1e-4)


def test_drugs_that_differ_have_no_closed_law_of_dose_additivity() -> None:
    table = plate(None, emax=(0.05, 0.01), noise=0.01)
    with pytest.raises(FitError, match="differ in their largest hazard or slope"):
        judged(table, "loewe").kill(on="S", over="48 h")


@pytest.mark.parametrize("model", ["hsa", "zip", "chou_talalay", "musyc"])
def test_a_surface_without_counterpart_says_why(model: str) -> None:
    with pytest.raises(FitError, match="no counterpart as a kill law"):
        judged(plate(None), model).kill(on="S", over="48 h")


def test_what_a_hazard_needs_is_named() -> None:
    table = plate(None)
    with pytest.raises(DataError, match=r"the dose of 'a' has no unit; write doses=\{'a'"):
        judged(table, "bliss", doses={"a": "a", "b": "b"}).kill(on="S", over="48 h")
    with pytest.raises(DataError, match="say scale="):
        judged(table, "loewe", scale=None).kill(on="S", over="48 h")
    with pytest.raises(UnitError, match="is no time"):
        judged(table, "bliss").kill(on="S", over="48 nM")
    table.loc[20, "v"] = 0.0
    with pytest.raises(DataError, match="nothing is left"):
        judged(table, "bliss").kill(on="S", over="48 h")
