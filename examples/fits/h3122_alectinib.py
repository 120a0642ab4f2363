"""Parental and alectinib-resistant H3122 cells side by side (Kaznatcheev et al. 2019): who helps whom, as a game.

Expected: the published payoffs, growth per 4 h times 100 of parental and resistant cells among parental or among
resistant ones, within 0.6. Here each kind grows at a rate that is linear in the current share of its neighbours, and
the 12 conditions (6 mixtures, with and without alectinib) are fitted as time courses. Areas of the two colours are not
on one scale, and the first 20 h, in which they settle, are left out.
"""

from pathlib import Path

import pandas as pd
from answers import Answer, folder_of_data, folder_of_pictures, near, tell

import pkpd_mdr as mdr

SETTLED = 20  # h
RATE = ("-0.05 1/h", "0.05 1/h")
PAYOFFS = {"free_SS": 2.5, "free_SR": 2.4, "free_RS": 4.0, "free_RR": 2.7}
PAYOFFS |= {"drug_SS": -1.0, "drug_SR": -1.3, "drug_RS": 4.3, "drug_RR": 2.3}


def read(folder: Path) -> mdr.Data:
    """Means over six wells of the mixtures with at least a tenth of each kind; time zero is 20 h."""
    frame = pd.read_csv(folder / "h3122_alectinib_game_assay" / "game_assay_noCAF.csv")
    mixed = frame["seeded_fraction_parental"].between(0.09, 0.91)
    frame = frame[mixed & (frame["time_h_nominal"] >= SETTLED)].rename(columns={"seeded_fraction_parental": "seeded"})
    areas = {"parental_fluor_area": "parental [cell]", "resistant_fluor_area": "resistant [cell]"}
    long = frame.assign(hours=frame["time_h_nominal"] - SETTLED).melt(
        id_vars=["well", "seeded", "alectinib", "hours"], value_vars=list(areas), var_name="colour", value_name="area"
    )
    return mdr.read_assay(
        long,
        time="hours [h]",
        value="area",
        observable_column="colour",
        observable=areas,
        drug={"alectinib": "alectinib [1]"},
        by="seeded",
        replicate="well",
    ).mean_of_replicates()


def law(kind: str) -> mdr.growth.Growth:
    """Growth among neighbours of both kinds, without drug and with it."""
    free, drug = (f"({what}_{kind}S*S + {what}_{kind}R*R)/(S + R)" for what in ("free", "drug"))
    return mdr.growth.formula(f"{free}*(1 - C_alectinib) + {drug}*C_alectinib")


MODEL = mdr.Model(
    mdr.medium("alectinib", unit=""),
    *(mdr.parameter(name, "0.005 1/h") for name in PAYOFFS),
    mdr.clone("S", growth=law("S"), start="1e5 cell"),
    mdr.clone("R", growth=law("R"), start="1e5 cell", resistant=True),
    mdr.observable("parental", "S", "cell"),
    mdr.observable("resistant", "R", "cell"),
)


def fit(folder: Path) -> mdr.Fit:
    options = {"error": "lognormal", "start": "first", "starts": 1}
    return mdr.fit(MODEL, read(folder), dict.fromkeys(PAYOFFS, RATE), **options)


def answers(folder: Path, found: mdr.Fit | None = None) -> list[Answer]:
    ours = (found or fit(folder)).values
    words = {"S": "parental", "R": "resistant", "free": "DMSO", "drug": "alectinib"}
    return [
        near(f"H3122 {words[name[:4]]}: {words[name[5]]} among {words[name[6]]}", value, 400 * ours[name], 0.6)
        for name, value in PAYOFFS.items()
    ]


if __name__ == "__main__":
    data, pictures = folder_of_data(), folder_of_pictures()
    found = fit(data)
    print(found.report())
    print(tell(answers(data, found)))
    for colour in ("parental", "resistant"):
        found.plot(observable=colour).figure.savefig(pictures / f"h3122_{colour}.png", dpi=150)
