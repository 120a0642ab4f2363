"""Vemurafenib with BSO in A375 melanoma xenografts: together they last, where vemurafenib alone is followed by relapse.

Thirty-five mice in four groups, up to 137 days (tumr, P. Breheny, GPL-3; only estimates are shown here). The data stay
outside the project: put its folder beside the checkout, or name it in PKPD_MDR_SHARED.

Volumes of zero are tumours too small to be measured. The smallest volume that was measured is 5.3 mm3, so a zero says
"below about 5"; how much below, nobody knows, and the slope of a logarithm depends on it. Everything is therefore
computed for three values that stand for a zero. As in palbociclib_temozolomide.py the animal is the unit: one rate
each. A negative interaction means that tumours grow more slowly than the sum of the drugs lets expect: synergy.
"""

import os
import sys
from pathlib import Path

import numpy as np
import pandas as pd

import pkpd_mdr as mdr

ROOT = Path(__file__).resolve().parents[2]
SHARED = Path(os.environ.get("PKPD_MDR_SHARED", ROOT.parent / "shared"))
TABLE = SHARED / "data" / "melanoma_a375_vemurafenib_bso" / "melanoma1.csv"
GROUPS = {"A": "control", "B": "vemurafenib", "C": "BSO", "D": "both"}
FLOORS = (1.0, 2.5, 5.0)  # mm3 that stand for a volume of zero
SPAN = 60  # days to which growth rates are carried forward
EARLY = 24  # last day before which no group had many zeros


def read() -> pd.DataFrame:
    """The table without the rows of animals that were no longer there."""
    return pd.read_csv(TABLE).dropna(subset=["Volume"])


def mice(table: pd.DataFrame, floor: float) -> pd.DataFrame:
    """Growth rate of each mouse over its whole follow-up, and the size to which it leads."""
    rows = []
    for (group, animal), part in table.groupby(["Treatment", "ID"]):
        sizes = np.log(np.maximum(part["Volume"].to_numpy(dtype=float), floor))
        rate = np.polyfit(part["Day"].to_numpy(dtype=float), sizes, 1)[0]
        vem, bso = float(group in "BD"), float(group in "CD")
        rows.append({"group": GROUPS[group], "mouse": animal, "vem": vem, "bso": bso, "size": np.exp(SPAN * rate)})
    return pd.DataFrame(rows).assign(day=SPAN)


def model() -> mdr.Model:
    """Growth, what each drug changes (BSO alone may do nothing), and what both together add; all per day."""
    change = {"lower": "-1 1/day", "upper": "1 1/day"}
    return mdr.Model(
        mdr.medium("vem", unit=""),
        mdr.medium("bso", unit=""),
        mdr.clone("V", growth=mdr.growth.exponential(rate="0.06 1/day"), start=1, unit=""),
        mdr.parameter("vemurafenib", "-0.04 1/day", **change),
        mdr.parameter("BSO", "0.001 1/day", **change),
        mdr.parameter("together", "-0.03 1/day", **change),
        mdr.process("drugs", "(vemurafenib*C_vem + BSO*C_bso + together*C_vem*C_bso)*V", {"V": 1}),
    )


def analyse(animals: pd.DataFrame) -> mdr.Fit:
    """All four groups."""
    data = mdr.read_assay(
        animals, time="day [day]", value="size [1]", drug={"vem": "vem [1]", "bso": "bso [1]"}, replicate="mouse"
    )
    free = {
        "growth_V": ("0 1/day", "0.3 1/day"),
        **dict.fromkeys(("vemurafenib", "BSO", "together"), ("-0.3 1/day", "0.3 1/day")),
    }
    return mdr.fit(model(), data, free, error="lognormal", starts=1)


def verdict_of(found: mdr.Fit) -> mdr.Comparison:
    """Size after two months in the four arms under the uncertainty of the fit, BSO added to vemurafenib or not."""
    vem, bso = (mdr.exposure(drug, 1, over=f"{SPAN} day") for drug in ("vem", "bso"))
    arms = {"control": mdr.nothing(), "vemurafenib": vem, "BSO": bso, "both": vem & bso}
    return mdr.compare(
        found.model,
        arms,
        parameters=found.draws(400, seed=1),
        until=f"{SPAN} day",
        endpoints=["final_share"],
        reference="vemurafenib",
    )


def relapse(table: pd.DataFrame) -> dict[str, tuple[int, int]]:
    """How many mice of a group reached twice the volume of day 0, and how many there were."""
    found = {}
    for group, part in table.groupby("Treatment"):
        grown = [bool((mouse["Volume"] > 2 * mouse["Volume"].iloc[0]).any()) for _, mouse in part.groupby("ID")]
        found[GROUPS[group]] = sum(grown), len(grown)
    return found


def main(folder: Path) -> None:
    """Print what was found and leave a figure."""
    if not TABLE.is_file():
        print(f"There is no {TABLE}: put the folder of reference data there, or name it in PKPD_MDR_SHARED.")
        return
    table = read()
    fits = {floor: analyse(mice(table, floor)) for floor in FLOORS}
    for floor, found in fits.items():
        row = found.estimates.loc["together"]
        verdict = "synergy" if row["upper"] < 0 else "antagonism" if row["lower"] > 0 else "undecided"
        print(
            f"zeros as {floor:g} mm3: interaction {row['estimate']:+.3f} per day "
            f"(95 % {row['lower']:+.3f} to {row['upper']:+.3f}), {verdict}, n = {found.n} mice"
        )
    early = analyse(mice(table[table["Day"] <= EARLY], FLOORS[1])).estimates.loc["together"]
    print(
        f"days 0 to {EARLY} only: interaction {early['estimate']:+.3f} per day (95 % {early['lower']:+.3f} to "
        f"{early['upper']:+.3f}): at first the tumours of both groups shrink alike; the gain is that they stay away"
    )
    for group, (grown, count) in relapse(table).items():
        print(f"{group}: {grown} of {count} mice reached twice their first volume")
    comparison = verdict_of(fits[FLOORS[1]])
    print(comparison)
    comparison.plot_forest().figure.savefig(folder / "vemurafenib_bso_forest.png", dpi=200)


if __name__ == "__main__":
    main(Path(sys.argv[1] if len(sys.argv) > 1 else "."))
