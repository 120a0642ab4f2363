"""NIST StRD nonlinear regression: certified values through `fit`, with x as time and the formula as user's text."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import pkpd_mdr as mdr
from pkpd_mdr.fit import Fit, fit

FORMULAS = {
    "Chwirut2": ("exp(-b1*t)/(b2 + b3*t)", ["1/h", "", "1/h"]),
    "Lanczos3": ("b1*exp(-b2*t) + b3*exp(-b4*t) + b5*exp(-b6*t)", ["", "1/h"] * 3),
    "MGH09": ("b1*(t**2 + t*b2)/(t**2 + t*b3 + b4)", ["", "h", "h", "h**2"]),
    "Misra1a": ("b1*(1 - exp(-b2*t))", ["", "1/h"]),
    "Rat42": ("b1/(1 + exp(b2 - b3*t))", ["", "", "1/h"]),
}


def certified(folder: Path, name: str) -> tuple[np.ndarray, pd.DataFrame]:
    """Rows (start 1, start 2, value, sd) of each parameter, and the measurements."""
    lines = (folder / "data" / "nist_strd_nonlinear" / f"{name}.dat").read_text().splitlines()
    number = r"(\S+)"
    rows = re.findall(rf"b\d\s*=\s*{number}\s+{number}\s+{number}\s+{number}", "\n".join(lines))
    first = max(i for i, line in enumerate(lines) if line.startswith("Data:")) + 1
    values = np.array([[float(x) for x in line.split()] for line in lines[first:] if line.strip()])
    return np.array(rows, dtype=float), pd.DataFrame({"x": values[:, 1], "y": values[:, 0]})


def fitted(
    folder: Path, name: str, start: int, bounds: tuple[float, float], method: str = "auto", starts: int = 1
) -> tuple[Fit, np.ndarray]:
    table, frame = certified(folder, name)
    formula, units = FORMULAS[name]
    names = [f"b{i + 1}" for i in range(len(table))]
    parameters = [mdr.parameter(n, (v, u)) for n, v, u in zip(names, table[:, start], units, strict=True)]
    model = mdr.Model(mdr.observable("y", formula), *parameters)
    data = mdr.read_assay(frame, time="x [1]", value="y", observable="y", repeats="number")
    return fit(model, data, dict.fromkeys(names, bounds), starts=starts, most=1000, method=method), table


OPEN, LOGARITHMS = (-np.inf, np.inf), (1e-6, 1e6)
WAYS = {
    "scoring": (OPEN, "auto"),
    "scoring on logarithms": (LOGARITHMS, "auto"),
    "trust region on logarithms": (LOGARITHMS, "least_squares"),
}


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("start", [0, 1], ids=["start 1", "start 2"])
@pytest.mark.parametrize("name", FORMULAS)
def test_certified_digits(shared: Path, name: str, start: int, way: str) -> None:
    # alone, this far start on logarithms leads to the other minimum, at infinity
    starts = 8 if (name, start, way) == ("MGH09", 0, "scoring on logarithms") else 1
    found, table = fitted(shared, name, start, *WAYS[way], starts=starts)
    digits = -np.log10(np.abs(np.array(list(found.values.values())) / table[:, 2] - 1) + 1e-14)
    assert digits.min() > 6
    assert np.allclose(found.estimates["se"], table[:, 3], rtol=1e-3)


def test_residual_sum_of_squares(shared: Path) -> None:
    found, _ = fitted(shared, "Lanczos3", 1, (-np.inf, np.inf))
    assert found.rss["y"] == pytest.approx(1.6117193594e-8, rel=1e-8)
    assert found.errors["estimate"].iloc[0] == pytest.approx(2.9923229172e-05, rel=1e-8)
