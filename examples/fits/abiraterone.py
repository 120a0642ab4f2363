"""PSA of 17 men on adaptive abiraterone: sensitive cells hold resistant ones down (Zhang et al. 2022, eLife 11:e76284).

Expected: a weighted sum of squares no larger than that of the published start values, patient by patient. The rates
are those of the authors' code, which advances by 1/6 for each stored day; the fit is that of two start values. PSA is
relative to the peak of the whole curve, and where the curve comes back to its start (P1016) two peaks are equally
high: the sum of squares has a kink there, with the optimum in it, on which slopes are of no use. So a simplex search
finishes each fit.
"""

from pathlib import Path

import numpy as np
import pandas as pd
from answers import Answer, at_most, folder_of_data, folder_of_pictures, near, tell
from scipy.optimize import minimize

import pkpd_mdr as mdr
from pkpd_mdr.data import from_frame

LAST_DIGIT = 5e-6  # half a unit of the five printed decimals
FREE = {"S0": (1.0, 1e4), "R0": (1.0, 1e4)}
MODEL = mdr.Model(
    mdr.medium("abiraterone", unit=""),
    mdr.parameter("S0", "1000 cell"),
    mdr.parameter("R0", "1000 cell"),
    mdr.state("S", mdr.formula("S0"), unit="cell", kind="cells"),
    mdr.state("R", mdr.formula("R0"), unit="cell", kind="cells"),
    mdr.parameter("r_S", (0.0156 * 8 / 6, "1/day")),
    mdr.parameter("r_R", (0.0091 * 8 / 6, "1/day")),
    mdr.parameter("K", "10000 cell"),
    mdr.parameter("K_lost", "9500 cell"),
    mdr.parameter("a", 6.0),
    mdr.process("growth_S", "r_S*S*(1 - (S + R)/(K - K_lost*C_abiraterone))", {"S": 1}),
    mdr.process("growth_R", "r_R*R*(1 - (a*S + R)/K)", {"R": 1}),
    mdr.observable("psa", "S + R", "cell"),
)


def published(folder: Path) -> pd.DataFrame:
    return pd.read_csv(folder / "abiraterone_adaptive_psa" / "reference_fits.csv").set_index("patient")


def visits(folder: Path, patient: str) -> pd.DataFrame:
    """With the weight of each visit: 5 where the drug was switched, as the authors have it."""
    table = pd.read_csv(folder / "abiraterone_adaptive_psa" / "psa.csv")
    mine = table[table["patient"] == patient]
    on = mine["abiraterone_on"].to_numpy()
    switched = np.r_[False, on[1:] != on[:-1]]
    switched[-1] = False
    return mine.assign(weight=np.where(switched, 5.0, 1.0))


def read(folder: Path, patient: str) -> mdr.Data:
    """As the published residuals were made: the model one day before each visit, relative to the peak of the curve."""
    mine = visits(folder, patient)
    columns = {"subject": "patient", "time": "day [day]", "value": "psa_rel_to_patient_max"}
    given = mdr.read_events(mine, **columns, observable="psa", level={"abiraterone": "abiraterone_on [1]"})
    frame = pd.DataFrame(
        {
            "condition": patient,
            "time": 24.0 * np.maximum(np.round(mine["day"]) - 1.0, 0.0),
            "value": mine["psa_rel_to_patient_max"],
            "sd": 1.0 / mine["weight"],
        }
    )
    return from_frame(frame, given.conditions, units={"psa": ""}, origin=f"PSA of {patient}")


def fit(folder: Path, patient: str, starts: int = 8) -> mdr.Fit:
    data = read(folder, patient)
    options = {"error": "sd_scaled", "relative_to": {"psa": "peak"}, "seed": 1, "most": 60}
    found = mdr.fit(MODEL, data, FREE, starts=starts, **options)
    here = np.log([found.values["S0"], found.values["R0"]])
    simplex = {"initial_simplex": np.add(here, [[0, 0], [2e-3, 0], [0, 2e-3]]), "xatol": 1e-9, "fatol": 1e-12}
    low, high = zip(*FREE.values(), strict=True)
    best = minimize(root, here, args=(found,), method="Nelder-Mead", bounds=np.log([low, high]).T, options=simplex)
    there = dict(zip(FREE, np.clip(np.exp(best.x), low, high), strict=True))
    return mdr.fit(MODEL.with_parameters(**there), data, FREE, starts=1, **options)


def root(logarithms: np.ndarray, found: mdr.Fit) -> float:
    """Root of the weighted sum of squares at the logarithms of two start values."""
    problem = found.objective.problem
    differences = problem.predict(np.asarray(logarithms), gradient=False).values - problem.rows.value
    return float(np.sqrt(np.sum((differences / problem.rows.known) ** 2)))


def answers(folder: Path, patients: list[str] | None = None) -> list[Answer]:
    table, lines = published(folder), []
    for patient in patients or list(table.index):
        found, (s, r) = fit(folder, patient), table.loc[patient, ["yS0", "yR0"]]
        printed, ours = table.loc[patient, "weighted_rss_sqrt_at_published"], float(np.sqrt(found.weighted_rss))
        again = root(np.log([s, r]), found)
        lines.append(near(f"abiraterone {patient}: root of weighted RSS, published", printed, again, 1e-4))
        lines.append(at_most(f"abiraterone {patient}: root of weighted RSS, refitted", printed + LAST_DIGIT, ours))
    return lines


if __name__ == "__main__":
    data, pictures = folder_of_data(), folder_of_pictures()
    found = fit(data, "P1016")
    print(found.report())
    print(tell(answers(data)))
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(1, 2, figsize=(7, 2.8), layout="constrained")
    for ax, patient in zip(axes, ("P1002", "P1016"), strict=True):
        item = fit(data, patient)
        curve = item.predict("1 day")
        ax.plot(curve["time"] / 24, curve["value"] / curve["value"].max(), lw=1.3)
        ax.plot(item.residuals["time"] / 24, item.residuals["value"], "o", ms=3)
        ax.set(xlabel="time [day]", ylabel="PSA relative to its peak", title=patient)
    figure.savefig(pictures / "abiraterone.png", dpi=150)
