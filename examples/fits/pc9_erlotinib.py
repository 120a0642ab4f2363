"""PC-9 lung cancer cells and an erlotinib-resistant line under 0 to 20 uM erlotinib (Chmielecki et al. 2011, ACESO).

Expected: slopes of ln(viable cells) from 48 to 72 h, line by line and dose by dose, as the ACESO package prints them.
Then one model of both lines: growth, and a kill by erlotinib with the potency of each line. The resistant line grows a
little slower, which these data do not establish.
"""

from pathlib import Path

import pandas as pd
from answers import Answer, folder_of_data, folder_of_pictures, holds, near, tell

import pkpd_mdr as mdr

# One dose of one line: nothing but a rate, which may be negative.
SLOPE = mdr.Model(
    mdr.clone("N", growth=mdr.growth.formula("rate"), start=0.3, unit=""),
    mdr.parameter("rate", "0.01 1/h"),
    mdr.parameter("resistant", 0.0),
    mdr.medium("erlotinib", unit="uM"),
)
# Both lines: what the drug takes from growth is the same at saturation; potency and growth differ.
PAIR = mdr.Model(
    mdr.medium("erlotinib", unit="uM"),
    mdr.parameter("resistant", 0.0, description="1 for the resistant line"),
    mdr.parameter("growth", "0.03 1/h"),
    mdr.parameter("cost", 0.1, description="share of growth that resistance costs"),
    mdr.parameter("ec50", "1 uM"),
    mdr.parameter("fold", 10.0, description="fold resistance"),
    mdr.clone("N", growth=mdr.growth.exponential(rate=mdr.formula("growth*(1 - cost*resistant)")), start=0.3, unit=""),
    mdr.kill("erlotinib", on="N", emax="0.03 1/h", ec50=mdr.formula("ec50*fold**resistant")),
)
FREE = {
    "growth": ("0.005 1/h", "0.1 1/h"),
    "cost": (-0.5, 0.9),
    "emax_erlotinib_N": ("0.002 1/h", "0.2 1/h"),
    "ec50": ("1 nM", "200 uM"),
    "fold": (0.1, 1e4),
}


def read(folder: Path) -> mdr.Data:
    """From 48 h on, which is time zero here: the drug has reached its full effect then."""
    frame = pd.read_csv(folder / "pc9_erlotinib_sens_res" / "cell_viability_assay.csv")
    later = frame[frame["Time"] > 0].assign(hours=frame["Time"] - 48.0)
    columns = {"time": "hours [h]", "value": "Viable.cells [1]", "observable": "burden", "replicate": "Replicate"}
    known = {"resistant": "Type [1]"}
    return mdr.read_assay(later, **columns, drug={"erlotinib": "CONC [uM]"}, by="Type2", covariates=known)


def slopes(data: mdr.Data) -> dict[tuple[str, float], mdr.Fit]:
    free = {"rate": ("-0.1 1/h", "0.1 1/h"), "N0": (0.01, 2.0)}
    cells = [(str(c.labels["Type2"]), float(c.labels["CONC"])) for c in data.conditions]
    return {
        (line, dose): mdr.fit(SLOPE, data.only(Type2=line, CONC=dose), free, error="lognormal", starts=1)
        for line, dose in cells
    }


def pair(data: mdr.Data) -> mdr.Fit:
    """Both lines at once; wells start at what was measured at 48 h."""
    return mdr.fit(PAIR, data, FREE, error="lognormal", start="first", starts=4, seed=1)


def answers(folder: Path) -> list[Answer]:
    data = read(folder)
    table = pd.read_csv(folder / "pc9_erlotinib_sens_res" / "reference_net_growth.csv").set_index(["type", "conc_uM"])
    found = [
        near(f"PC-9 {line} at {dose:g} uM: net growth per h", table.loc[(line, dose)].iloc[0], fit.values["rate"], 1e-6)
        for (line, dose), fit in slopes(data).items()
    ]
    fold = pair(data).estimates.loc["fold"]
    cost = pair(data).estimates.loc["cost"]
    return [
        *found,
        holds("PC-9: fold resistance", "above 1", f"{fold['estimate']:.3g}", fold["lower"] > 1),
        holds(
            "PC-9: cost of resistance", "not significant", f"{cost['estimate']:.2g}", cost["lower"] < 0 < cost["upper"]
        ),
    ]


if __name__ == "__main__":
    data, pictures = folder_of_data(), folder_of_pictures()
    fit = pair(read(data))
    print(fit.report())
    print(tell(answers(data)))
    fit.plot(log=True).figure.savefig(pictures / "pc9_erlotinib.png", dpi=150)
