"""Indomethacin (Kwan et al. 1976) and cefamandole (Davidian and Giltinan 1995) after one intravenous dose.

Expected: two exponentials fitted in R (nls, SSbiexp), subject by subject. Here the model is one of two compartments;
its hybrid constants A1, a, A2, b follow from CL, V1, Q and V2 and are compared. The tables hold no doses; they scale
the volumes only, and any dose gives the same curve.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from answers import Answer, folder_of_data, folder_of_pictures, near, tell

import pkpd_mdr as mdr


@dataclass(frozen=True)
class Drug:
    """One table, and the dose that is assumed."""

    name: str
    table: str
    time: str
    dose: str
    start: dict[str, str]

    @property
    def model(self) -> mdr.Model:
        return mdr.Model(mdr.pk.two_compartment(self.name, **self.start))

    def read(self, folder: Path) -> mdr.Data:
        frame = pd.read_csv(folder / self.table).assign(dose=float(self.dose.split()[0]))
        concentration = {"time": self.time, "value": "conc [mg/L]", "observable": f"C_{self.name}"}
        return mdr.read_assay(frame, **concentration, dose={self.name: "dose [mg]"}, route="iv", by="Subject")


DRUGS = {
    "indomethacin": Drug(
        "indo",
        "pk_indomethacin/Indometh.csv",
        "time [h]",
        "25 mg",
        {"CL": "8 L/h", "V1": "8 L", "Q": "6 L/h", "V2": "15 L"},
    ),
    "cefamandole": Drug(
        "cefa",
        "pk_cefamandole/Cefamandole.csv",
        "Time [min]",
        "1000 mg",
        {"CL": "15 L/h", "V1": "4 L", "Q": "5 L/h", "V2": "6 L"},
    ),
}


def fits(drug: Drug, folder: Path) -> dict[int, mdr.Fit]:
    data = drug.read(folder)
    ends = {"CL": "L/h", "V1": "L", "Q": "L/h", "V2": "L"}
    free = {f"{key}_{drug.name}": (f"0.1 {unit}", f"500 {unit}") for key, unit in ends.items()}
    subjects = sorted({int(condition.labels["Subject"]) for condition in data.conditions})
    return {n: mdr.fit(drug.model, data.only(Subject=n), free, starts=4, seed=1) for n in subjects}


def hybrid(values: dict[str, float], dose: float) -> dict[str, float]:
    """A1, ln a, A2, ln b of a bolus, a the larger; per hour."""
    clearance, central, flow, peripheral = values.values()
    out, to, back = clearance / central, flow / central, flow / peripheral
    total, product = out + to + back, out * back
    fast = (total + np.sqrt(total**2 - 4 * product)) / 2
    slow = product / fast
    first = dose / central * (fast - back) / (fast - slow)
    return {"A1": first, "lrc1": np.log(fast), "A2": dose / central - first, "lrc2": np.log(slow)}


def answers(folder: Path, found: dict[str, dict[int, mdr.Fit]] | None = None) -> list[Answer]:
    lines = []
    for name, drug in DRUGS.items():
        path = folder / f"pk_{name}" / "reference_nlsList_SSbiexp.csv"
        reference = pd.read_csv(path).set_index("Subject")
        per_hour = np.log(60) if "min" in drug.time else 0.0
        for subject, fit in (found[name] if found else fits(drug, folder)).items():
            ours = hybrid(fit.values, float(drug.dose.split()[0]))
            for key in ("A1", "lrc1", "A2", "lrc2"):
                theirs = reference.loc[subject, key]
                mine = ours[key] - (per_hour if key.startswith("l") else 0.0)
                within = 1e-3 * max(1.0, abs(theirs))
                lines.append(near(f"{name} {subject}: {key}", theirs, mine, within))
    return lines


if __name__ == "__main__":
    data, pictures = folder_of_data(), folder_of_pictures()
    found = {name: fits(drug, data) for name, drug in DRUGS.items()}
    print(found["indomethacin"][1].report())
    print(tell(answers(data, found)))
    for name, by_subject in found.items():
        by_subject[1].plot(log=True).figure.savefig(pictures / f"{name}.png", dpi=150)
