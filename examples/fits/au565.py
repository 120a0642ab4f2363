"""AU565 breast cancer cells under doxorubicin, lapatinib and paclitaxel: counts and shares in S/G2 over 96 h.

Data: Gross et al. 2023 (Nat Commun 14:3450), eight doses each. Expected: root mean square errors no larger than those
of the published model of 28 compartments with 98 parameters for the three drugs. Here each drug has a model of its own:
a cycle of G1 and S/G2 stages which the drug slows down, in G1 with adaptation, and damage from which cells die, after a
delay.
"""

from pathlib import Path

import numpy as np
import pandas as pd
from answers import Answer, at_most, folder_of_data, folder_of_pictures, tell

import pkpd_mdr as mdr

DRUGS = ("doxorubicin", "lapatinib", "paclitaxel")
EARLY, LATE = 3, 6  # stages of G1 and of S/G2
G1, SG2 = [f"G{k}" for k in range(EARLY)], [f"M{k}" for k in range(LATE)]
PUBLISHED = 98

PARAMETERS = {
    "f0": (0.36, 0.1, 0.7),
    "a": ("0.05 1/h", "0.005 1/h", "0.5 1/h"),
    "b": ("0.05 1/h", "0.005 1/h", "0.5 1/h"),
    "slow_G1": (0.8, 0.0, 1.0),
    "slow_SG2": (0.5, -1.0, 1.0),
    "ec50_G1": ("30 nM", "0.5 nM", "500 nM"),
    "ec50_SG2": ("30 nM", "0.5 nM", "500 nM"),
    "ec50_death": ("50 nM", "0.5 nM", "2 uM"),
    "hill_G1": (2.0, 0.5, 8.0),
    "hill_SG2": (2.0, 0.5, 8.0),
    "hill_death": (2.0, 0.5, 8.0),
    "death_G1": ("0.02 1/h", "0 1/h", "0.3 1/h"),
    "death_SG2": ("0.02 1/h", "0 1/h", "0.3 1/h"),
    "onset": ("0.3 1/h", "0.02 1/h", "10 1/h"),
    "regain": (0.3, 0.0, 1.0),
    "adaptation": ("0.03 1/h", "0.002 1/h", "1 1/h"),
    "damage": ("0.1 1/h", "0.01 1/h", "5 1/h"),
}


def model(drug: str) -> mdr.Model:
    """G1 stages, then S/G2 stages, then two cells in G1; effects set in with the rates `onset` and `damage`."""
    total, late = "+".join([*G1, *SG2]), "+".join(SG2)
    parts = [mdr.medium(drug, unit="nM"), *(mdr.parameter(name, start) for name, (start, *_) in PARAMETERS.items())]
    for name, toward, rate in (
        ("slowed_G1", f"hill(C_{drug}, ec50_G1, hill_G1)", "onset"),
        ("adapted", "slowed_G1", "adaptation"),
        ("slowed_SG2", f"hill(C_{drug}, ec50_SG2, hill_SG2)", "onset"),
        ("hit", f"hill(C_{drug}, ec50_death, hill_death)", "damage"),
        ("dying", "hit", "damage"),
    ):
        parts += [mdr.state(name), mdr.process(f"{name}_sets_in", f"{rate}*({toward} - {name})", {name: 1})]
    for stages, start, speed, death in (
        (G1, f"(1 - f0)/{EARLY}", f"{EARLY}*a*(1 - slow_G1*(slowed_G1 - regain*adapted))", "death_G1*dying"),
        (SG2, f"f0/{LATE}", f"{LATE}*b*(1 - slow_SG2*slowed_SG2)", "death_SG2*dying"),
    ):
        for stage in stages:
            following = [*G1, *SG2, G1[0]][[*G1, *SG2].index(stage) + 1]
            daughters = 2 if stage == SG2[-1] else 1
            parts += [
                mdr.state(stage, mdr.formula(start)),
                mdr.process(f"leaving_{stage}", f"{speed}*{stage}", {stage: -1, following: daughters}),
                mdr.process(f"death_of_{stage}", f"{death}*{stage}", {stage: -1}),
            ]
    return mdr.Model(*parts, mdr.observable("count", total), mdr.observable("share", f"({late})/({total})"))


def read(folder: Path, drug: str, every: float = 0.5) -> mdr.Data:
    """Means over three replicates, at multiples of a time in hours; eight frames of lapatinib are missing."""
    frame = pd.read_csv(folder / "au565_drug_timecourses" / f"au565_{drug}.csv")
    frame = frame[np.isclose(frame["time_h"] % every, 0.0)].assign(share=frame["pct_S_G2"] / 100.0)
    long = frame.rename(columns={"cell_count_rel_t0": "count"}).melt(
        id_vars=["replicate", "conc_nM", "time_h"], value_vars=["count", "share"], var_name="what", value_name="value"
    )
    return mdr.read_assay(
        long,
        time="time_h [h]",
        value="value",
        observable_column="what",
        observable={"count": "count [1]", "share": "share [1]"},
        drug={drug: "conc_nM [nM]"},
        replicate="replicate",
        missing="drop",
    ).mean_of_replicates()


def fit(folder: Path, drug: str, starts: int = 4, every: float = 4.0) -> mdr.Fit:
    free = {name: bounds for name, (_, *bounds) in PARAMETERS.items()}
    options = {"error": "additive", "starts": starts, "seed": 2, "accuracy": mdr.Accuracy(rtol=1e-5)}
    return mdr.fit(model(drug), read(folder, drug, every), free, **options)


def errors(folder: Path, drug: str, found: mdr.Fit) -> dict[str, float]:
    """Root mean squares over all times and doses, with the estimates from every fourth hour."""
    data = read(folder, drug).table
    times = sorted(data["time"].unique())
    predicted = found.predict([(float(time), "h") for time in times])
    both = data.merge(predicted, on=["condition", "observable", "time"], suffixes=("", "_predicted"))
    squares = (both["value"] - both["value_predicted"]) ** 2
    return {name: float(np.sqrt(mine.mean())) for name, mine in squares.groupby(both["observable"])}


def answers(folder: Path, found: dict[str, mdr.Fit] | None = None) -> list[Answer]:
    table = pd.read_csv(folder / "au565_drug_timecourses" / "reference_published_model_rmse.csv").set_index("drug")
    found = found or {drug: fit(folder, drug) for drug in DRUGS}
    lines = [at_most("AU565: parameters for three drugs", PUBLISHED - 1, sum(len(f.values) for f in found.values()))]
    for drug, item in found.items():
        ours, theirs = errors(folder, drug, item), np.sqrt((table.loc[drug].iloc[:, -2:] ** 2).mean())
        lines.append(at_most(f"AU565 {drug}: RMSE of the count", theirs["rmse_count"], ours["count"]))
        lines.append(at_most(f"AU565 {drug}: RMSE of the share in S/G2", theirs["rmse_fraction_SG2"], ours["share"]))
    return lines


if __name__ == "__main__":
    data, pictures = folder_of_data(), folder_of_pictures()
    found = {drug: fit(data, drug) for drug in DRUGS}
    for drug, item in found.items():
        print(f"--- {drug} ---\n{item.report()}")
        for what in ("count", "share"):
            item.plot(observable=what).figure.savefig(pictures / f"au565_{drug}_{what}.png", dpi=150)
    print(tell(answers(data, found)))
