"""Fold-resistance from a plate: a sensitive line, its resistant partner, and the partner with an efflux inhibitor.

The wells are simulated with known curves (EC50 12, 240 and 40 nM), so that what comes out can be checked; a file with
such columns reads alike.
"""

import sys
from pathlib import Path

import numpy as np
import pandas as pd

import pkpd_mdr as mdr

rng = np.random.default_rng(20)
doses = np.array([0.0, 0, 0, 0, 1, 3, 10, 30, 100, 300, 1000])  # nM; four untreated wells on each plate
truth = {"parental": 12.0, "resistant": 240.0, "resistant + inhibitor": 40.0}
rows = [
    {
        "line": line,
        "plate": plate,
        "dox": dose,
        "signal": 120 + 9000 * (0.05 + 0.95 / (1 + (dose / ec50) ** 1.3)) + rng.normal(0, 350),
    }
    for line, ec50 in truth.items()
    for plate in ("P1", "P2", "P3")
    for dose in doses
]
rows += [
    {"line": "blank", "plate": plate, "dox": 0.0, "signal": 120 + rng.normal(0, 10)}
    for plate in ("P1", "P2", "P3")
    for _ in range(3)
]

fit = mdr.dose_response(
    pd.DataFrame(rows),
    dose="dox [nM]",
    response="signal",
    by="line",
    scale="viability",
    blank={"line": "blank"},
    plate="plate",
    normalise=True,
)

if __name__ == "__main__":
    folder = Path(sys.argv[1] if len(sys.argv) > 1 else ".")
    print(fit)
    print(fit.ed(0.5, kind="absolute").to_string(index=False))
    resistance = fit.ratio(of="resistant", over="parental")
    print(resistance)
    print(fit.ratio(of="resistant", over="resistant + inhibitor", at=[50]))
    fit.plot().figure.savefig(folder / "05_curves.png", dpi=150)
    resistance.plot().figure.savefig(folder / "05_fold_resistance.png", dpi=150)
