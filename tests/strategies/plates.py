"""Random curves and plates for tests of dose-response."""

from __future__ import annotations

import numpy as np
import pandas as pd
from hypothesis import strategies as st

from pkpd_mdr.response.shapes import SHAPES

DOSES = np.array([0.0, 0.01, 0.03, 0.1, 0.3, 1.0, 3.0, 10.0, 30.0])


@st.composite
def shape_points(draw: st.DrawFn) -> tuple[str, np.ndarray, np.ndarray]:
    """A shape, working parameters (1, p) and doses (1, m), where the shape is not at its limits everywhere."""
    stem = draw(st.sampled_from(sorted(SHAPES)))
    size = len(SHAPES[stem].parameters)
    ranges = [(-0.7, 0.9), (-1.5, 1.5), (-1.0, 1.0), (-0.7, 0.9), (-1.0, 1.0)]
    theta = [draw(st.floats(low, high)) for low, high in ranges[:size]]
    doses = draw(st.lists(st.floats(0.01, 8.0), min_size=3, max_size=6, unique=True))
    return stem, np.array([theta]), np.array([sorted(doses)])


def plate(
    truth: dict[str, tuple[float, float, float, float]], *, noise: float = 0.04, wells: int = 3, seed: int = 0
) -> pd.DataFrame:
    """Wells of log-logistic curves: name to (upper, lower, ec50, hill)."""
    rng = np.random.default_rng(seed)
    rows = [
        {
            "line": name,
            "dose": dose,
            "v": low + (top - low) / (1.0 + (dose / e) ** h) + noise * rng.standard_normal(),
            "plate": f"P{w}",
        }
        for name, (top, low, e, h) in truth.items()
        for w in range(wells)
        for dose in DOSES
    ]
    return pd.DataFrame(rows)


def with_commas(table: pd.DataFrame) -> pd.DataFrame:
    """The table as text with decimal commas, as a spreadsheet of many countries writes it."""
    return table.map(lambda cell: cell if isinstance(cell, str) else repr(float(cell)).replace(".", ","))
