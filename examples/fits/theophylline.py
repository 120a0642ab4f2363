"""Theophylline by mouth in twelve subjects (Boeckmann, Sheiner and Beal 1994), each fitted alone.

Expected: least squares of the same model in R (nls, SSfol), subject by subject.
"""

import math
from pathlib import Path

import pandas as pd
from answers import Answer, folder_of_data, folder_of_pictures, near, tell

import pkpd_mdr as mdr

# The rate of elimination is a parameter of its own and the volume follows, as in the reference. Ka above Ke is the
# usual reading of two exponentials that can be exchanged (flip-flop).
MODEL = mdr.Model(
    mdr.parameter("Ke", "0.08 1/h"),
    mdr.pk.one_compartment("theo", CL="3 L/h", V=mdr.formula("CL_theo/Ke"), ka="1.5 1/h"),
)


def read(folder: Path) -> mdr.Data:
    return mdr.read_assay(
        folder / "pk_theophylline" / "Theoph.csv",
        time="Time [h]",
        value="conc [mg/L]",
        observable="C_theo",
        dose={"theo": "Dose [mg/kg]"},
        route="oral",
        weight="Wt [kg]",
        by=["Subject", "Wt"],
    )


def fits(folder: Path) -> dict[int, mdr.Fit]:
    data = read(folder)
    free = {"Ke": ("0.01 1/h", "1 1/h"), "CL_theo": ("0.3 L/h", "30 L/h"), "ka_theo": ("0.1 1/h", "30 1/h")}
    subjects = sorted({int(condition.labels["Subject"]) for condition in data.conditions})
    return {subject: mdr.fit(MODEL, data.only(Subject=subject), free, starts=1) for subject in subjects}


def answers(folder: Path, found: dict[int, mdr.Fit] | None = None) -> list[Answer]:
    reference = pd.read_csv(folder / "pk_theophylline" / "reference_nlsList_SSfol.csv").set_index("Subject")
    lines = []
    for subject, fit in (found or fits(folder)).items():
        theirs, ours = reference.loc[subject], fit.values
        per_kg = ours["CL_theo"] / fit.data.conditions[0].labels["Wt"]
        lines += [
            near(f"theophylline {subject}: ln Ke", theirs["lKe"], math.log(ours["Ke"]), 1e-3),
            near(f"theophylline {subject}: ln Ka", theirs["lKa"], math.log(ours["ka_theo"]), 1e-3),
            near(f"theophylline {subject}: ln CL", theirs["lCl"], math.log(per_kg), 1e-3),
            near(f"theophylline {subject}: RSS", theirs["RSS"], fit.rss["C_theo"], 1e-4 * theirs["RSS"]),
        ]
    return lines


if __name__ == "__main__":
    data, pictures = folder_of_data(), folder_of_pictures()
    found = fits(data)
    print(found[1].report())
    print(tell(answers(data, found)))
    found[1].plot().figure.savefig(pictures / "theophylline.png", dpi=150)
