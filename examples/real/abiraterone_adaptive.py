"""Abiraterone switched on and off by PSA: what seventeen courses say about adaptive against continuous treatment.

The adaptive arm of NCT02415621 (Zhang et al. 2022, eLife 11:e76284; data CC0): PSA and drug on or off at each visit of
seventeen patients. The data stay outside the project: put its folder beside the checkout, or name it in
PKPD_MDR_SHARED.

The published model has two competing populations; all patients share growth rates and capacities, each has its own
start. As published, residuals count five-fold at switches, PSA is relative to its maximum and the model is read a day
before each visit. The factor 8/6 of both rates is that of the authors' code, which advances a sixth of a day per stored
day.

How much a sensitive cell weighs on a resistant one (aRS) was set to 6 for the whole cohort. Nobody was treated
continuously here, so that the comparison with continuous treatment is a prediction, and it hangs on this one number:
everything is therefore fitted and compared for aRS = 6, 2 and 1.

Options: the folder for figures, then patients (all if left out).
"""

import os
import sys
from pathlib import Path

import numpy as np
import pandas as pd

import pkpd_mdr as mdr
from pkpd_mdr.data import from_frame

ROOT = Path(__file__).resolve().parents[2]
SHARED = Path(os.environ.get("PKPD_MDR_SHARED", ROOT.parent / "shared"))
TABLE = SHARED / "data" / "abiraterone_adaptive_psa" / "psa.csv"
COMPETITION = (6.0, 2.0, 1.0)
DRAWS = 20  # starts of each patient that the PSA allows


def model(competition: float) -> mdr.Model:
    """The published model with the constants of the fits."""
    return mdr.gallery.zhang2022(competition).with_parameters(b=8 / 6, Kdrug=9500)


def visits(table: pd.DataFrame, patient: str) -> mdr.Data:
    """One patient's PSA, weighted as published."""
    rows = table[table["patient"] == patient]
    read = mdr.read_events(
        rows,
        subject="patient",
        time="day [day]",
        value="psa_rel_to_patient_max",
        observable="psa",
        level={"abi": "abiraterone_on [1]"},
    )
    on = rows["abiraterone_on"].to_numpy()
    switched = np.r_[False, on[1:] != on[:-1]]
    switched[-1] = False
    frame = pd.DataFrame(
        {
            "condition": patient,
            "time": 24.0 * np.maximum(np.round(rows["day"]) - 1.0, 0.0),
            "value": rows["psa_rel_to_patient_max"],
            "sd": np.where(switched, 0.2, 1.0),
        }
    )
    return from_frame(frame, read.conditions, units={"psa": ""})


def fit_patient(data: mdr.Data, competition: float) -> mdr.Fit:
    """Sensitive and resistant cells at the start."""
    return mdr.fit(
        model(competition),
        data,
        {"xS0": (1.0, 1e4), "xR0": (1.0, 1e4)},
        error="sd_scaled",
        relative_to={"psa": "peak"},
        observables={"psa": "burden"},
        starts=8,
        seed=1,
        most=80,
    )


def restart_levels(found: mdr.Fit, table: pd.DataFrame) -> tuple[float, float]:
    """The lowest and the highest burden at which this patient's clinic gave the drug again, in cells of the fit."""
    on = table["abiraterone_on"].to_numpy()
    again = np.flatnonzero((on[1:] == 1) & (on[:-1] == 0)) + 1
    there = float(found.predict("1 day")["value"].max()) * table["psa_rel_to_patient_max"].iloc[again]
    return float(there.min()), float(there.max())


def verdict_of(found: mdr.Fit, levels: tuple[float, float], seed: int) -> mdr.Comparison:
    """Continuous against adaptive treatment over five years.

    Adaptive: on above the lowest level at which the clinic did so, off below half of it. Progression is twice the
    highest such level: cells of the fit grow by a factor 1.8 between visits 28 days apart, so that cycling alone does
    not count as progression.
    """
    level, high = levels
    on = mdr.exposure("abi", 1)
    arms = {
        "continuous": on,
        "adaptive": mdr.range_bounded(on, lower=(0.5 * level, ""), upper=(level, ""), visit="28 day"),
    }
    progression = mdr.endpoints.time_to_threshold(2.0 * high, name="time_to_progression")
    return mdr.compare(
        found.model,
        arms,
        parameters=found.draws(DRAWS, seed=seed),
        until="5 year",
        endpoints=[progression, "resistant_share"],
        reference="continuous",
    )


def study(
    table: pd.DataFrame, patients: list[str], competition: float
) -> tuple[pd.DataFrame, dict[str, mdr.Comparison]]:
    """Fit and compare patient by patient."""
    rows, comparisons = [], {}
    for seed, patient in enumerate(patients):
        data, own = visits(table, patient), table[table["patient"] == patient]
        found = fit_patient(data, competition)
        comparison = verdict_of(found, restart_levels(found, own), seed)
        gap = comparison.difference("adaptive", "continuous")
        given = comparison.given["median"] if len(comparison.given) else pd.Series(dtype=float)
        rows.append(
            {
                "patient": patient,
                "log-likelihood": found.log_likelihood,
                "starts known": found.estimates["verdict"].eq("ok").all(),
                "gain [year]": gap.median,
                "2.5 %": gap.lower,
                "97.5 %": gap.upper,
                "adaptive better": gap.better,
                "drug, adaptive/continuous": given.get(("adaptive", "abi"), 0.0) / given[("continuous", "abi")],
            }
        )
        comparisons[patient] = comparison
    return pd.DataFrame(rows), comparisons


def main(folder: Path, patients: list[str]) -> None:
    """Print what was found and leave figures."""
    if not TABLE.is_file():
        print(f"There is no {TABLE}: put the folder of reference data there, or name it in PKPD_MDR_SHARED.")
        return
    table = pd.read_csv(TABLE)
    patients = patients or list(table["patient"].unique())
    for competition in COMPETITION:
        found, comparisons = study(table, patients, competition)
        sure, against = (found["2.5 %"] > 0).sum(), (found["97.5 %"] < 0).sum()
        idle = (found["2.5 %"].eq(0) & found["97.5 %"].eq(0)).sum()
        print(
            f"aRS = {competition:g}: log-likelihood of {len(found)} patients {found['log-likelihood'].sum():.1f}; "
            f"adaptive treatment gains {found['gain [year]'].mean():+.2f} years on average, for sure (95 %) in {sure} "
            f"patients, loses for sure in {against}, makes no difference within five years in {idle}"
        )
        if competition == COMPETITION[0]:
            print(found.to_string(index=False, float_format="{:.2f}".format))
            last = comparisons[patients[-1]]
            last.plot_swimmer("adaptive").figure.savefig(folder / "abiraterone_swimmer.png", dpi=200)
            last.plot_courses().figure.savefig(folder / "abiraterone_courses.png", dpi=200)
            fitted = fit_patient(visits(table, patients[-1]), competition)
            fitted.plot().figure.savefig(folder / "abiraterone_fit.png", dpi=200)
    print(
        "These intervals hold what PSA leaves open of each patient's start, given the shared rates and aRS; continuous "
        "treatment was not observed, so the gains are predictions of the model."
    )


if __name__ == "__main__":
    main(Path(sys.argv[1] if len(sys.argv) > 1 else "."), sys.argv[2:])
