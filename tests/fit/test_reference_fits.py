"""Published and refitted estimates on real data that stay outside the project."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import pkpd_mdr as mdr
from pkpd_mdr.fit import fit

TARGETS = pd.read_csv(Path(__file__).parents[1] / "reference" / "fit_targets.csv").set_index(["set", "parameter"])
FOUR_PARAMETERS = (
    mdr.parameter("dose", "1 mM"),
    mdr.parameter("b", 2.0),
    mdr.parameter("c", 1.0),
    mdr.parameter("d", 9.0),
    mdr.parameter("e", "2 mM"),
)


def test_ryegrass(shared: Path) -> None:
    model = mdr.Model(*FOUR_PARAMETERS, mdr.observable("root", "c + (d - c)/(1 + (dose/e)**b)"))
    table = shared / "data" / "drc_reference" / "ryegrass.csv"
    data = mdr.read_assay(table, value="rootl", observable="root", covariates={"dose": "conc [mM]"}, repeats="number")
    free = {"b": (0.1, 20), "c": (-5, 5), "d": (0, 30), "e": ("10 uM", "0.1 mol/L")}
    found = fit(model, data, free, starts=4, seed=1)
    target = TARGETS.loc["ryegrass"]
    assert found.reached == 4
    for name, value in found.values.items():
        assert value == pytest.approx(target.loc[name, "estimate"], rel=5e-5)
    assert np.allclose(found.estimates["se"], target.loc[list(found.values), "se"], rtol=0.03)
    assert found.rss["root"] == pytest.approx(5.40021, abs=5e-6)
    assert found.estimates.loc["e", "lower"] < 2.694 < 3.422 < found.estimates.loc["e", "upper"]


@pytest.mark.parametrize("line", ["MDAMB231", "SUM149"])
def test_mckenna_controls(shared: Path, line: str) -> None:
    frame = pd.read_csv(shared / "data" / "mckenna_dox_pulse_counts" / f"counts_{line}.csv")
    usable = (frame["timepoint_index"] >= 5) & (frame["timepoint_index"] <= frame["last_valid_timepoint"])
    wells = frame[usable & (frame["dox_nM"] == 0)]
    data = mdr.read_assay(wells, time="time_h [h]", value="cell_count [cell]", by=["exposure_h", "well"])
    law = mdr.growth.logistic(rate="0.05 1/h", capacity="1e5 cell")
    model = mdr.Model(mdr.clone("S", growth=law, start="100 cell"))
    free = {"growth_S": ("0.005 1/h", "0.2 1/h"), "capacity_S": (1e3, 1e6)}
    found = fit(model, data, free, error="relative", start="first", starts=1)
    target = TARGETS.loc[f"mckenna_control_{line}"]
    assert found.n == len(data) - 18
    assert found.values["growth_S"] == pytest.approx(target.loc["kp", "estimate"], abs=target.loc["kp", "se"])
    assert found.values["capacity_S"] == pytest.approx(target.loc["theta", "estimate"], rel=1e-3)
    # the reference counted the first points as measurements too
    counted = np.sqrt((found.n - 2) / (len(data) - 2))
    assert found.estimates.loc["growth_S", "se"] * counted == pytest.approx(target.loc["kp", "se"], rel=0.02)
