"""Real tables, each held against a few lines of NumPy and SciPy that know nothing of the library."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy.optimize import brentq, curve_fit
from scipy.stats import linregress
from scipy.stats import t as student

import pkpd_mdr as mdr

BT20 = ("CONC", "CONC2", "share", "Cell.line")
Array = np.ndarray[Any, np.dtype[np.float64]]


def ll4(x: Array, b: float, c: float, d: float, log_e: float) -> Array:
    return np.asarray(c + (d - c) / (1 + np.exp(b * (np.log(np.maximum(x, 1e-30)) - log_e))))


def test_curves_of_spinach(shared: Path) -> None:
    """Five curves of two herbicides: estimates, Wald limits on the log scale, and residual sums of squares."""
    path = shared / "data" / "drc_extra" / "spinach.csv"
    found = (
        mdr.dose_response(path, dose="DOSE", response="SLOPE", by="CURVE").table(interval="delta").set_index("CURVE")
    )
    for curve, part in pd.read_csv(path).groupby("CURVE"):
        x, y = (part[name].to_numpy(dtype=float) for name in ("DOSE", "SLOPE"))
        theta, covariance = curve_fit(ll4, x, y, p0=[1, 0.1, 2, 0], maxfev=20000)
        reach = student.ppf(0.975, len(x) - 4) * np.sqrt(covariance[3, 3])
        own = np.exp([theta[3], theta[3] - reach, theta[3] + reach])
        row = found.loc[curve]
        np.testing.assert_allclose(row[["ec50", "ec50_lower", "ec50_upper"]].astype(float), own, rtol=1e-4)
        assert row["rss"] == pytest.approx(((ll4(x, *theta) - y) ** 2).sum(), rel=1e-6)


@pytest.mark.parametrize(
    ("name", "columns", "scale"),
    [
        ("combo_mathews_dlbcl/mathews_screening_data.csv", ("conc_r", "conc_c", "response", "drug_row"), 0.01),
        ("bt20_lincs_gr_combo/Dactolisib_Trametinib_combination.csv", BT20, 1.0),
        ("bt20_alpelisib_trametinib_combo/Alpelisib_Trametinib_combination.csv", BT20, 1.0),
    ],
)  # fmt: skip
def test_excess_over_bliss_and_hsa(shared: Path, name: str, columns: tuple[str, ...], scale: float) -> None:
    table = pd.read_csv(shared / "data" / name)
    if "Control" in table:
        table["share"] = table["Viable.cells"] / table["Control"]
    a, b, response, by = columns
    found = mdr.combination(
        table, doses={"a": a, "b": b}, response=response, by=by, scale="percent" if scale < 1 else "viability",
        model=["bliss", "hsa"], draws=0,
    ).frame  # fmt: skip
    for label, part in table.groupby(by):
        grid = 1 - scale * part.pivot_table(index=a, columns=b, values=response).to_numpy()
        one, two, both = grid[1:, :1], grid[:1, 1:], grid[1:, 1:]
        mine = found[found["combination"] == label] if "combination" in found else found
        for model, expected in (("bliss", one + two - one * two), ("hsa", np.maximum(one, two))):
            excess = mine.loc[mine["model"] == model, "excess"].to_numpy() * scale
            np.testing.assert_allclose(np.sort(excess), np.sort((both - expected).ravel()), atol=1e-9)


def test_growth_rate_values_and_metrics_of_bt20(shared: Path) -> None:
    path = shared / "data" / "bt20_lincs_gr_combo" / "Dactolisib_Trametinib_combination.csv"
    table = pd.read_csv(path)
    columns = {"dose": "CONC", "count": "Viable.cells", "start": "Cell_Count_0", "control": "Control", "by": "CONC2"}
    growth = mdr.growth_rate(path, **columns)
    doublings = np.log2(table[["Viable.cells", "Control"]].div(table["Cell_Count_0"], axis=0))
    gr = 2 ** (doublings["Viable.cells"] / doublings["Control"]) - 1
    np.testing.assert_allclose(growth.values["gr"], gr, atol=1e-12)
    alone = (table["CONC2"] == 0).to_numpy()
    x, y = table["CONC"].to_numpy(dtype=float)[alone], gr.to_numpy()[alone]
    (b, c, log_e), _ = curve_fit(
        lambda x, b, c, log_e: ll4(x, b, c, 1.0, log_e), x, y, p0=[1, 0.1, -4], ftol=1e-14, xtol=1e-14
    )
    half = brentq(lambda dose: float(ll4(np.array([dose]), b, c, 1.0, log_e)[0]) - 0.5, 1e-4, 1.0)
    found = growth.metrics().set_index("CONC2").loc[0.0]
    np.testing.assert_allclose(
        found[["h_GR", "GRinf", "GEC50", "GR50"]].astype(float), [b, c, np.exp(log_e), half], rtol=1e-4
    )
    assert "misses the means of its doses" in growth.fit.frame["note"].iloc[-1]  # dose 0 holds the other drug there


def test_net_growth_of_a_sensitive_and_a_resistant_line(shared: Path) -> None:
    path = shared / "data" / "pc9_erlotinib_sens_res" / "cell_viability_assay.csv"
    late = pd.read_csv(path).query("Time > 0")
    found = mdr.dip_rates(late, time="Time", count="Viable.cells", by=["Type2", "CONC"])
    own = [
        linregress(part["Time"], np.log2(part["Viable.cells"])).slope
        for _, part in late.groupby(["Type2", "CONC"], sort=False)
    ]
    np.testing.assert_allclose(found["dip_rate"], own, rtol=1e-9)
