"""Palbociclib with temozolomide in a glioblastoma xenograft: worse together at the full dose than temozolomide alone.

Forty mice in eight groups (maeve, W. F. Forrest, MIT; volumes in mm3): palbociclib 200 mg/kg on days 0 to 21,
temozolomide 2.25, 6.8 or 22.5 mg/kg on days 0 to 5. The data stay outside the project: put its folder beside the
checkout, or name it in PKPD_MDR_SHARED.

What is asked: does the growth rate over the 21 days add up from those of the drugs alone? Animals are the unit, since
volumes of one animal are not independent: each mouse gives one number, the size that its own growth rate leads to after
21 days. A positive interaction means that tumours grow faster than the sum of the drugs lets expect: antagonism. Rates
are means over the three weeks, so each drug counts as given throughout; which was there when is not resolved.
"""

import os
import sys
from pathlib import Path

import numpy as np
import pandas as pd

import pkpd_mdr as mdr

ROOT = Path(__file__).resolve().parents[2]
SHARED = Path(os.environ.get("PKPD_MDR_SHARED", ROOT.parent / "shared"))
TABLE = SHARED / "data" / "gbm_palbociclib_temozolomide_pdx" / "palb_temo_01.csv"
DAYS, FULL = 21, 22.5
FEWEST = 10  # a slope from fewer days than these says nothing about three weeks


def mice(table: pd.DataFrame) -> tuple[pd.DataFrame, list[str]]:
    """Growth rate of each mouse over the days of palbociclib, and what was left out."""
    measured = table.dropna(subset=["TUMOR_VOLUME"])
    notes = [f"{len(table) - len(measured)} rows without a volume are left out"]
    rows = []
    for (group, animal), part in measured[measured["DAY_OF_STUDY"] <= DAYS].groupby(["group_name", "animalID"]):
        day = part["DAY_OF_STUDY"].to_numpy(dtype=float)
        if day.max() - day.min() < FEWEST:
            notes.append(f"mouse {animal} ({group}) was followed for {day.max():g} days only and is left out")
            continue
        rate = np.polyfit(day, np.log(part["TUMOR_VOLUME"].to_numpy(dtype=float)), 1)[0]
        temozolomide = float(group.split("tem_")[1]) if "tem_" in group else 0.0
        rows.append(
            {"group": group, "mouse": animal, "palb": 200.0 * ("palb" in group), "tmz": temozolomide, "rate": rate}
        )
    found = pd.DataFrame(rows)
    found["size"] = np.exp(DAYS * found["rate"])
    found["day"] = DAYS
    return found, notes


def model() -> mdr.Model:
    """Growth less what each drug takes away (per day, at its dose) plus what both together give back."""
    return mdr.Model(
        mdr.medium("palb", unit=""),
        mdr.medium("tmz", unit=""),
        mdr.clone("V", growth=mdr.growth.exponential(rate="0.08 1/day"), start=1, unit=""),
        mdr.kill("palb", on="V", slope="0.07 1/day"),
        mdr.kill("tmz", on="V", slope="0.05 1/day"),
        mdr.parameter("together", "0.01 1/day", lower="-1 1/day", upper="1 1/day"),
        mdr.process("interaction", "together*C_palb*C_tmz*V", {"V": 1}),
    )


def analyse(animals: pd.DataFrame, dose: float) -> mdr.Fit:
    """The four groups of one temozolomide dose, drugs as given (1) or not (0)."""
    part = animals[animals["tmz"].isin([0.0, dose])].copy()
    part["palb"], part["tmz"] = (part["palb"] > 0).astype(float), (part["tmz"] > 0).astype(float)
    data = mdr.read_assay(
        part, time="day [day]", value="size [1]", drug={"palb": "palb [1]", "tmz": "tmz [1]"}, replicate="mouse"
    )
    free = {
        "growth_V": ("0 1/day", "0.3 1/day"),
        "slope_palb_V": ("0 1/day", "0.4 1/day"),
        "slope_tmz_V": ("0 1/day", "0.4 1/day"),
        "together": ("-0.5 1/day", "0.5 1/day"),
    }
    return mdr.fit(model(), data, free, error="lognormal", starts=1)


def verdict_of(found: mdr.Fit) -> mdr.Comparison:
    """Which of the four treatments leaves the smallest tumour after three weeks, under the uncertainty of the fit."""
    palb, tmz = (mdr.exposure(drug, 1, over=f"{DAYS} day") for drug in ("palb", "tmz"))
    arms = {"vehicle": mdr.nothing(), "palbociclib": palb, "temozolomide": tmz, "both": palb & tmz}
    return mdr.compare(
        found.model,
        arms,
        parameters=found.draws(400, seed=1),
        until=f"{DAYS} day",
        endpoints=["final_share"],
        reference="temozolomide",
    )


def excess(animals: pd.DataFrame) -> mdr.Combination:
    """All groups at once, sizes relative to vehicle, against Bliss (rates add) and the better drug alone."""
    vehicle = animals.loc[animals["group"] == "veh", "rate"].median()
    sizes = animals.assign(relative=np.exp(DAYS * (animals["rate"] - vehicle)))
    return mdr.combination(
        sizes,
        doses={"palbociclib": "palb [mg/kg]", "temozolomide": "tmz [mg/kg]"},
        response="relative",
        scale="viability",
        model=("bliss", "hsa"),
        centre="median",
        resample="cells",
    )


def main(folder: Path) -> None:
    """Print what was found and leave figures."""
    if not TABLE.is_file():
        print(f"There is no {TABLE}: put the folder of reference data there, or name it in PKPD_MDR_SHARED.")
        return
    animals, notes = mice(pd.read_csv(TABLE))
    print(*notes, sep="\n")
    lost = sum("palb" in note for note in notes)
    print(f"{lost} of the {len(notes) - 1} mice lost early had palbociclib; losses that follow a drug can bias rates")
    fits = {dose: analyse(animals, dose) for dose in (2.25, 6.8, FULL)}
    for dose, found in fits.items():
        row = found.estimates.loc["together"]
        verdict = "antagonism" if row["lower"] > 0 else "synergy" if row["upper"] < 0 else "undecided"
        print(
            f"temozolomide {dose:g} mg/kg: interaction {row['estimate']:+.3f} per day "
            f"(95 % {row['lower']:+.3f} to {row['upper']:+.3f}), {verdict}, n = {found.n} mice"
        )
    comparison = verdict_of(fits[FULL])
    print(comparison)
    comparison.plot_forest().figure.savefig(folder / "palbociclib_temozolomide_forest.png", dpi=200)
    plate = excess(animals)
    print(plate)
    plate.plot(model="bliss").figure.savefig(folder / "palbociclib_temozolomide_excess.png", dpi=200)


if __name__ == "__main__":
    main(Path(sys.argv[1] if len(sys.argv) > 1 else "."))
