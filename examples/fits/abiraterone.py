"""PSA of 17 men on adaptive abiraterone: sensitive cells hold resistant ones down (Zhang et al. 2022, eLife 11:e76284).

Expected: a weighted sum of squares no larger than that of the published start values, patient by patient. The rates
are those of the authors' code, which advances by 1/6 for each stored day; the fit is that of two start values. Sums of
squares compare in the exact solution. The printed ones come from Runge-Kutta steps of one day (`root_by_days`), which
matters for P1016 alone: its 2.57403 is 2.57411 when solved exactly, and as the published values are an optimum, no
exact fit reaches 2.57403.
"""

from pathlib import Path

import numpy as np
import pandas as pd
from answers import Answer, at_most, folder_of_data, folder_of_pictures, near, tell

import pkpd_mdr as mdr
from pkpd_mdr.data import from_frame

LAST_DIGIT = 6e-6  # half a unit of the five printed decimals
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
    options = {"error": "sd_scaled", "relative_to": {"psa": "peak"}, "starts": starts, "seed": 1, "most": 60}
    return mdr.fit(MODEL, read(folder, patient), FREE, **options)


def root(fit: mdr.Fit, reference: pd.Series) -> float:
    """Root of the weighted sum of squares at the published start values, solved exactly."""
    problem = fit.objective.problem
    there = np.log([reference["yS0"], reference["yR0"]])
    differences = problem.predict(there, gradient=False).values - problem.rows.value
    return float(np.sqrt(np.sum((differences / problem.rows.known) ** 2)))


def root_by_days(folder: Path, patient: str) -> float:
    """The same as the authors computed it, in Runge-Kutta steps of one day."""
    mine, reference = visits(folder, patient), published(folder).loc[patient]
    day, on = np.round(mine["day"]).to_numpy(dtype=int), mine["abiraterone_on"].to_numpy()
    state, curve = np.array([reference["yS0"], reference["yR0"]]), []

    def slope(x: np.ndarray, drug: float) -> np.ndarray:
        s, r = x
        return (
            8 / 6 * np.array([0.0156 * s * (1 - (s + r) / (1e4 - 9500 * drug)), 0.0091 * r * (1 - (6 * s + r) / 1e4)])
        )

    for now in range(day[-1]):
        curve.append(state.sum())
        drug = on[np.searchsorted(day, now, side="right") - 1]
        k1 = slope(state, drug)
        k2 = slope(state + k1 / 2, drug)
        k3 = slope(state + k2 / 2, drug)
        k4 = slope(state + k3, drug)
        state = np.clip(state + (k1 + 2 * k2 + 2 * k3 + k4) / 6, 0.0, 1e4)
    seen = np.array(curve)[np.maximum(day - 1, 0)] / max(curve)
    return float(np.sqrt(np.sum(((seen - mine["psa_rel_to_patient_max"]) * mine["weight"]) ** 2)))


def answers(folder: Path, patients: list[str] | None = None) -> list[Answer]:
    table, lines = published(folder), []
    for patient in patients or list(table.index):
        found, printed = fit(folder, patient), table.loc[patient, "weighted_rss_sqrt_at_published"]
        exact, ours = root(found, table.loc[patient]), float(np.sqrt(found.weighted_rss))
        again = root_by_days(folder, patient)
        lines.append(near(f"abiraterone {patient}: root of weighted RSS, published", printed, again, LAST_DIGIT))
        lines.append(at_most(f"abiraterone {patient}: root of weighted RSS, refitted", exact, ours))
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
