"""Chronic myeloid leukaemia on imatinib, 68 patients (Michor et al. 2005): two populations decline at two rates.

Expected: sums of two exponentials fitted to logarithms in R, for the 48 patients where these converge; their medians
are 0.056 and 0.0049 per day (the paper's slopes, recalled: 0.05 and 0.008).
"""

from pathlib import Path

import numpy as np
import pandas as pd
from answers import Answer, at_most, folder_of_data, folder_of_pictures, holds, near, tell

import pkpd_mdr as mdr

MODEL = mdr.Model(
    mdr.clone("D", start=50.0, unit="", death="0.05 1/day", description="differentiated leukaemic cells"),
    mdr.clone("P", start=1.0, unit="", death="0.005 1/day", resistant=True, description="progenitors or persisters"),
)
FREE = {
    "D0": (1e-3, 1e3),
    "P0": (1e-4, 1e3),
    "death_D": ("0.01 1/day", "1 1/day"),
    "death_P": ("0 1/day", "0.03 1/day"),
}


def read(folder: Path) -> mdr.Data:
    table = folder / "cml_imatinib_michor2005" / "michor.csv"
    return mdr.read_assay(table, time="Days [day]", value="Prct [1]", by="Pt", repeats="number")


def fits(folder: Path, patients: list[int] | None = None) -> dict[int, mdr.Fit]:
    """Those patients who have more than four values, or the given ones."""
    data = read(folder)
    counts = data.table["condition"].value_counts()
    enough = [int(c.labels["Pt"]) for c in data.conditions if counts[c.name] > 4]
    return {
        patient: mdr.fit(MODEL, data.only(Pt=patient), FREE, error="lognormal", starts=4, seed=1)
        for patient in (patients or enough)
    }


def answers(folder: Path, found: dict[int, mdr.Fit] | None = None) -> list[Answer]:
    found = found or fits(folder)
    table = pd.read_csv(folder / "cml_imatinib_michor2005" / "reference_per_patient_biexp.csv").set_index("Pt")
    both = [patient for patient in table.index if patient in found]
    excess = {p: squares(found[p]) / table.loc[p, "RSS"] for p in both}
    fast, slow = ({p: found[p].values[f"death_{clone}"] for p in both} for clone in "DP")
    apart = [p for p in both if excess[p] < 1.0001]
    return [
        at_most("CML: largest sum of squares over that of R, patient by patient", 1.0001, max(excess.values())),
        near("CML: median fast decline, per day", table["alpha"].median(), float(np.median(list(fast.values()))), 1e-3),
        near("CML: median slow decline, per day", table["beta"].median(), float(np.median(list(slow.values()))), 1e-4),
        holds("CML: patients fitted as well as in R", f"{len(both)}", f"{len(apart)}", len(apart) == len(both)),
    ]


def squares(fit: mdr.Fit) -> float:
    """Of differences of logarithms."""
    rows = fit.residuals
    return float(np.sum(np.log(rows["value"] / rows["prediction"]) ** 2))


if __name__ == "__main__":
    data, pictures = folder_of_data(), folder_of_pictures()
    found = fits(data)
    print(found[1].report())
    print(tell(answers(data, found)))
    loose = {p: fit.estimates.loc["death_P", "verdict"] for p, fit in found.items()}
    print(f"slow decline without a closed interval: {sum(v != 'ok' for v in loose.values())} of {len(found)} patients")
    mdr.fit(MODEL, read(data).only(Pt=1), FREE, error="lognormal", starts=1).plot().figure.savefig(
        pictures / "cml_imatinib.png", dpi=150
    )
