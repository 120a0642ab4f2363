"""Laws of fits: units, order of rows, names of groups and copies of the data change nothing that they should not."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import pkpd_mdr as mdr
from pkpd_mdr.fit import fit

TIMES = np.array([0.5, 1, 2, 4, 8, 12, 24.0])
MODEL = mdr.Model(mdr.pk.one_compartment("dox", CL="2 L/h", V="20 L", molar_mass="543.5 g/mol"))
ERRORS = ["additive", "proportional", "combined", "lognormal", mdr.student_t("lognormal", df=4)]


def table(seed: int) -> pd.DataFrame:
    rng, frames = np.random.default_rng(seed), []
    for subject in ("a", "b", "c"):
        rate = 0.1 * np.exp(0.2 * rng.normal())
        value = 500 * np.exp(-rate * TIMES) * np.exp(0.1 * rng.normal(size=len(TIMES)))
        frames.append(pd.DataFrame({"id": subject, "h": TIMES, "c": value, "mg": 0.0}))
        frames.append(pd.DataFrame({"id": [subject], "h": [0.0], "c": [np.nan], "mg": [10.0]}))
    return pd.concat(frames, ignore_index=True)


def read(frame: pd.DataFrame, time: str = "h", unit: str = "ng/mL") -> mdr.Data:
    columns = {"subject": "id", "time": f"h [{time}]", "value": f"c [{unit}]", "observable": "C_dox"}
    return mdr.read_events(frame, **columns, dose={"dox": "mg [mg]"})


def fitted(data: mdr.Data, error: Any, free: Any = None, **options: Any) -> mdr.Fit:
    bounds = {"CL_dox": ("0.2 L/h", "20 L/h"), "V_dox": ("2 L", "200 L")}
    return fit(MODEL, data, free or bounds, error=error, starts=1, **options)


@settings(max_examples=6)
@given(seed=st.integers(0, 1000), error=st.sampled_from(ERRORS), unit=st.sampled_from(["mg/L", "ug/L", "nM", "ug/dL"]))
def test_units_of_the_table_do_not_matter(seed: int, error: Any, unit: str) -> None:
    frame = table(seed)
    factor = {"mg/L": 1e-3, "ug/L": 1.0, "nM": 1 / 0.5435, "ug/dL": 0.1}[unit]
    other = frame.assign(c=frame["c"] * factor, h=frame["h"] / 24)
    one, same = fitted(read(frame), error), fitted(read(other, "day", unit), error)
    assert same.values == pytest.approx(one.values, rel=1e-5)
    assert np.allclose(same.estimates["rse"], one.estimates["rse"], rtol=1e-3)
    shift = len(one.residuals) * np.log(factor)  # a density per unit
    assert same.log_likelihood == pytest.approx(one.log_likelihood - shift, abs=1e-4)


@settings(max_examples=4)
@given(seed=st.integers(0, 1000), error=st.sampled_from(ERRORS))
def test_order_of_rows_and_names_of_groups_do_not_matter(seed: int, error: Any) -> None:
    frame, rng = table(seed), np.random.default_rng(seed)
    names = {"a": "z", "b": "y", "c": "x"}
    shuffled = frame.sample(frac=1, random_state=rng.integers(2**31)).reset_index(drop=True)
    one = fitted(read(frame), error, per={"CL_dox": "id"})
    other = fitted(read(shuffled.assign(id=shuffled["id"].map(names))), error, per={"CL_dox": "id"})
    for name, value in one.values.items():
        renamed = f"{name[:-2]}{names[name[-2]]}]" if "[" in name else name
        assert other.values[renamed] == pytest.approx(value, rel=1e-5)


def test_a_prior_is_one_more_measurement() -> None:
    """A lognormal prior is a measurement of the logarithm: two half as precise ones are one."""
    data = read(table(1))
    sharp = fitted(data, "lognormal", priors={"CL_dox": ("lognormal", "1 L/h", 0.1)})
    plain = fitted(data, "lognormal")
    between = sorted([1.0, sharp.values["CL_dox"], plain.values["CL_dox"]])
    assert between[1] == sharp.values["CL_dox"]
    assert sharp.estimates.loc["CL_dox", "rse"] < plain.estimates.loc["CL_dox", "rse"]
