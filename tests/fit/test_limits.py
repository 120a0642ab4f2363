"""Limits of quantification: read, counted, and fitted by the probability of being beyond them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from scipy.optimize import minimize

import pkpd_mdr as mdr
from pkpd_mdr.data import from_frame
from pkpd_mdr.errors import DataError, FitError, UnitError
from pkpd_mdr.fit import fit

MODEL = mdr.Model(
    mdr.pk.one_compartment("dox", CL="2 L/h", V="20 L", molar_mass="500 g/mol"),
)
FREE: dict[str, Any] = {"CL_dox": ("0.1 L/h", "50 L/h"), "V_dox": ("1 L", "500 L")}
TIMES = np.array([0.5, 1, 2, 4, 6, 8, 12, 18, 24, 30, 36, 48.0])
NONMEM = pd.DataFrame(
    {
        "ID": [1, 1, 1, 1, 2, 2, 2],
        "TIME": [0, 1, 4, 8, 0, 1, 4],
        "AMT": [10, 0, 0, 0, 10, 0, 0],
        "DV": [".", "450", "320", "5", ".", "430", "."],
        "MDV": [1, 0, 0, 0, 1, 0, 1],
        "BLQ": [0, 0, 0, 1, 0, 0, 0],
    }
)


def truth(seed: int = 1, sd: float = 0.15) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    frames = []
    for subject in range(6):
        value = 500 * np.exp(-0.1 * TIMES) * np.exp(sd * rng.normal(size=len(TIMES)))
        frames.append(pd.DataFrame({"id": subject, "h": TIMES, "ng": value, "mg": 0.0}))
        frames.append(pd.DataFrame({"id": [subject], "h": [0.0], "ng": [np.nan], "mg": [10.0]}))
    return pd.concat(frames, ignore_index=True)


def read(frame: pd.DataFrame, **options: Any) -> mdr.Data:
    columns = {"subject": "id", "time": "h [h]", "value": "ng [ng/mL]", "observable": "C_dox"}
    return mdr.read_events(frame, **columns, dose={"dox": "mg [mg]"}, **options)


# -- reading -----------------------------------------------------------------------------------------------


def test_values_beyond_a_limit_are_marked_and_counted() -> None:
    frame = pd.DataFrame({"h": [0, 1, 2, 3], "cells": [3.0, 40.0, 900.0, 1000.0]})
    data = mdr.read_assay(frame, time="h [h]", value="cells [cell]", lloq="5 cell", uloq="900 cell")
    assert data.table["value"].tolist() == [5.0, 40.0, 900.0, 900.0]
    assert data.table["censored"].tolist() == ["below", "", "above", "above"]
    assert data.censored.tolist() == [-1, 0, 1, 1]
    assert "1 of 4 values below the lower limit of quantification, censored" in data.notes
    assert "2 of 4 values at or above the upper limit of quantification, censored" in data.notes
    dropped = mdr.read_assay(frame, time="h [h]", value="cells [cell]", uloq="900 cell", outside="drop")
    assert len(dropped) == 2
    assert "2 of 4 values at or above the upper limit of quantification, dropped" in dropped.notes


def test_limits_in_columns_of_other_units_and_by_observable() -> None:
    frame = pd.DataFrame({"h": [0, 1, 2], "ug": [3.0, 40.0, 2.0], "limit": [1000.0, 1000.0, 3000.0]})
    data = mdr.read_assay(frame, time="h [h]", value="ug [ug/mL]", observable="C", lloq="limit [ng/mL]")
    assert data.table["censored"].tolist() == ["", "", "below"]
    assert data.table["value"].tolist() == [3.0, 40.0, 3.0]
    same = mdr.read_assay(frame, time="h [h]", value="ug [ug/mL]", observable="C", lloq={"C": "2500 ng/mL"})
    assert same.table["value"].tolist() == [3.0, 40.0, 2.5]


def test_nonmem_columns() -> None:
    columns = {"subject": "ID", "time": "TIME [h]", "value": "DV [ng/mL]", "observable": "C_dox"}
    data = mdr.read_events(NONMEM, **columns, dose={"dox": "AMT [mg]"}, mdv="MDV", censoring="BLQ")
    assert data.table["value"].tolist() == [450.0, 320.0, 5.0, 430.0]
    assert data.table["censored"].tolist() == ["", "", "below", ""]
    assert [len(c.regimen.acts) for c in data.conditions] == [1, 1]
    blank = NONMEM.assign(DV=[".", "450", "320", ".", ".", "430", "."])
    filled = mdr.read_events(blank, **columns, dose={"dox": "AMT [mg]"}, mdv="MDV", censoring="BLQ", lloq="5 ng/mL")
    assert filled == data
    with pytest.raises(DataError, match="column 'DV', row 3: the row is marked as beyond a limit"):
        mdr.read_events(blank, **columns, dose={"dox": "AMT [mg]"}, mdv="MDV", censoring="BLQ")


def test_marks_survive_writing_and_reading() -> None:
    data = read(truth(), lloq="20 ng/mL")
    table = data.table[["condition", "observable", "time", "value", "censored"]]
    again = from_frame(table, data.conditions, units={"C_dox": "ng/mL"})
    assert again == data
    assert data != read(truth())
    assert data.only(id=[0, 1]).censored.sum() == data.censored[: len(data) // 3].sum()
    assert (data.only(id=[0]) & data.without(id=[0])).censored.tolist() == data.censored.tolist()


@pytest.mark.parametrize(
    ("options", "error", "sentence"),
    [
        ({"lloq": "5 mg"}, UnitError, "'mg' but its values are in 'cell'"),
        ({"lloq": "9 cell", "uloq": "5 cell"}, DataError, "lloq 9 is not below uloq 5"),
        ({"uloq": -1}, DataError, "uloq of 'burden' is -1, which is not above 0; correct the limit"),
        ({"lloq": {"burdn": "5 cell"}}, DataError, "did you mean 'burden'"),
        (
            {"censoring": "mark"},
            DataError,
            "column 'mark', row 1: 'low' is no mark of censoring; .*; did you mean 'below'",
        ),
        ({"outside": "keep", "lloq": "5 cell"}, DataError, "'keep' is not possible"),
    ],
)
def test_bad_limits(options: dict[str, Any], error: type[Exception], sentence: str) -> None:
    frame = pd.DataFrame({"h": [0, 1], "cells": [3.0, 40.0], "mark": ["", "low"]})
    with pytest.raises(error, match=sentence):
        mdr.read_assay(frame, time="h [h]", value="cells [cell]", **options)


def test_values_beyond_a_limit_have_no_mean() -> None:
    frame = pd.DataFrame({"h": [0, 0], "cells": [3.0, 40.0]})
    data = mdr.read_assay(frame, time="h [h]", value="cells [cell]", lloq="5 cell", repeats="number")
    with pytest.raises(DataError, match="1 values beyond a limit of quantification, which have no mean"):
        data.mean_of_replicates()


# -- fitting -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("error", ["lognormal", "proportional", "combined", mdr.student_t("lognormal", df=5)], ids=str)
def test_gradient_and_maximum(error: Any) -> None:
    """The likelihood is the textbook one of method M3, and no plain search finds a better point."""
    found = fit(MODEL, read(truth(), lloq="15 ng/mL"), FREE, error=error, starts=1)
    rows = found.objective.problem.rows
    below = rows.censored < 0
    assert below.sum() > 5
    scale = found.errors["estimate"].to_numpy()

    def cost(x: np.ndarray) -> float:
        f = 1e4 / x[1] * np.exp(-x[0] / x[1] * rows.time)
        if error in ("proportional", "combined"):
            sd = x[2] * f if error == "proportional" else np.sqrt(x[2] ** 2 + x[3] ** 2 * f**2)
            seen, gone = stats.norm.logpdf(rows.value, f, sd), stats.norm.logcdf(rows.value, f, sd)
        else:
            law = stats.norm if error == "lognormal" else stats.t(5)
            e = np.log(rows.value / f) / x[2]
            seen, gone = law.logpdf(e) - np.log(x[2] * rows.value), law.logcdf(e)
        return float(-2 * np.where(below, gone, seen).sum())

    here = np.array([found.values["CL_dox"], found.values["V_dox"], *scale])
    assert cost(here) == pytest.approx(-2 * found.log_likelihood, rel=1e-6)
    searched = minimize(
        cost, here * 1.01, method="Nelder-Mead", options={"xatol": 1e-8, "fatol": 1e-9, "maxiter": 4000}
    )
    assert cost(here) <= searched.fun + 1e-4


def test_a_start_at_the_truth_stays_near_it() -> None:
    """The first guess of the scale is far too small: one step to where all errors are huge led into a flat valley."""
    model = mdr.Model(mdr.observable("y", "a*exp(-k*t)"), mdr.parameter("a", 10.0), mdr.parameter("k", "0.4 1/h"))
    hours = np.repeat(np.linspace(0, 10, 11), 2)
    size = 10 * np.exp(-0.4 * hours)
    y = np.abs(size * (1 + 0.2 * np.random.default_rng(2).standard_normal(len(hours))))
    table = pd.DataFrame({"h": hours, "y": y})
    data = mdr.read_assay(table, time="h [h]", value="y [1]", observable="y", repeats="number", lloq="0.5 1")
    found = fit(model, data, {"a": (0.1, 100), "k": ("0.01 1/h", "10 1/h")}, error="combined", starts=1)
    seen = y >= 0.5
    at_truth = (
        stats.norm.logpdf(y, size, 0.2 * size)[seen].sum() + stats.norm.logcdf(0.5, size, 0.2 * size)[~seen].sum()
    )
    assert found.log_likelihood > at_truth


def test_censoring_is_less_biased_than_dropping() -> None:
    """Values that are left out below a limit make the decline look slower; their probability does not."""
    differences = []
    for seed in range(6):
        frame = truth(seed=seed, sd=0.4)
        ways = ({}, {"lloq": "40 ng/mL"}, {"lloq": "40 ng/mL", "outside": "drop"})
        whole, kept, lost = (
            fit(MODEL, read(frame, **w), FREE, error="lognormal", starts=1).values["CL_dox"] for w in ways
        )
        differences.append((kept - whole, lost - whole))
    kept, lost = np.mean(differences, axis=0)
    assert abs(kept) < 0.5 * abs(lost)


def test_confluence() -> None:
    """A saturated reader hides the height of the plateau; the rate of growth is found all the same."""
    growing = mdr.Model(mdr.clone("S", growth=mdr.growth.exponential(rate="0.03 1/h"), start="1000 cell"))
    times = np.arange(0.0, 120.0, 12.0)
    value = 1000 * np.exp(0.04 * times) * np.exp(0.05 * np.random.default_rng(1).normal(size=len(times)))
    frame = pd.DataFrame({"h": times, "cells": np.minimum(value, 20000.0)})
    free = {"growth_S": ("0.001 1/h", "0.2 1/h")}
    plain = mdr.read_assay(frame, time="h [h]", value="cells [cell]")
    cut = mdr.read_assay(frame, time="h [h]", value="cells [cell]", uloq="20000 cell")
    found = fit(growing, cut, free, error="lognormal", starts=1)
    assert found.values["growth_S"] == pytest.approx(0.04, rel=0.03)
    assert abs(fit(growing, plain, free, error="lognormal", starts=1).values["growth_S"] / 0.04 - 1) > 0.05
    assert "3 of 10 values at or above the upper limit of quantification, censored" in found.report()


def test_units_of_limits_do_not_matter() -> None:
    frame = truth()
    one = fit(MODEL, read(frame, lloq="20 ng/mL"), FREE, error="lognormal", starts=1)
    other = fit(MODEL, read(frame, lloq="0.02 mg/L"), FREE, error="lognormal", starts=1)
    assert one.values == pytest.approx(other.values, rel=1e-9)


def test_residuals_and_profile_of_censored_fits() -> None:
    found = fit(MODEL, read(truth(), lloq="20 ng/mL"), FREE, error="lognormal", starts=1)
    profile = found.profile("CL_dox")
    assert profile.lower < found.values["CL_dox"] < profile.upper
    assert profile.upper - profile.lower == pytest.approx(
        found.estimates.loc["CL_dox", "upper"] - found.estimates.loc["CL_dox", "lower"], rel=0.1
    )
    assert found.residuals["censored"].isin(["", "below"]).all()


def test_what_has_no_probability_of_a_range() -> None:
    data = read(truth(), lloq="20 ng/mL")
    with pytest.raises(FitError, match=r"a limit of quantification; give the degrees of freedom, student_t\(df=4\)"):
        fit(MODEL, data, FREE, error="student_t")
    with pytest.raises(FitError, match="no probability of that for counts; choose"):
        fit(MODEL, data, FREE, error="negative_binomial")
