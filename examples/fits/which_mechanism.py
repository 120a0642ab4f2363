"""Which mechanism? Eight rivals on the H3122 co-culture, judged by fit and by mixtures they have not seen.

In this co-culture resistant cells grow faster beside parental ones. Shares alone would suggest that parental cells
turn into resistant ones. But the colours mark descent: a parental cell that acquired resistance stays green. So every
model of transfer has a clone A of its own, which grows like R and counts as parental. With "exosomes with cargo" no
cell changes its type: a parental cell grows the more like a resistant one the more cargo it holds, and loses it again
by decay and division. The model "transfer read from shares" lets colour follow the type, as one does who looks at
shares only.
"""

from pathlib import Path

from answers import Answer, folder_of_data, folder_of_pictures, holds, tell
from h3122_alectinib import read

import pkpd_mdr as mdr


def law(kind: str, more: str = "", crowd: str = "burden") -> mdr.growth.Growth:
    return mdr.growth.formula(f"free_{kind}*(1 - C_alectinib) + drug_{kind}*C_alectinib - crowding*{crowd}{more}")


def model(*mechanism, s: str = "", r: str = "", acquired: bool = True) -> mdr.Model:
    """Two kinds that grow, with and without drug, and slow down in a crowd; what is added makes the rivals."""
    rates = [mdr.parameter("crowding", "1e-9 1/h/cell")]
    rates += [mdr.parameter(f"{when}_{kind}", "0.005 1/h") for when in ("free", "drug") for kind in "SR"]
    green = [mdr.clone("A", growth=law("R", r), resistant=True)] if acquired else []
    return mdr.Model(
        mdr.medium("alectinib", unit=""),
        mdr.clone("S", growth=law("S", s), start="1e5 cell"),
        mdr.clone("R", growth=law("R", r), start="1e5 cell", resistant=True),
        *rates,
        *green,
        mdr.observable("parental", "S + A" if acquired else "S", "cell"),
        mdr.observable("resistant", "R", "cell"),
        *mechanism,
    )


TRAP = "transfer read from shares"
RATE, SMALL = ("-0.05 1/h", "0.05 1/h"), ("0 1/h", "0.05 1/h")
BASE = dict.fromkeys(("free_S", "free_R", "drug_S", "drug_R"), RATE) | {"crowding": ("0 1/h/cell", "1e-6 1/h/cell")}
UNEQUAL = [mdr.parameter("of_R", 0.0), mdr.parameter("of_S", 0.0)]
HELP = [mdr.parameter(f"{when}_help_{kind}", "0 1/h") for when in ("free", "drug") for kind in "SR"]
VESICLES = {"secretion": "10 1/h", "uptake": "1e-9 mL/h", "clearance": "0.1 1/h", "conversion": 1e-3}
CARGO = [
    mdr.vesicles.release({"R": "10 1/h"}, clearance="0.1 1/h"),
    mdr.vesicles.uptake("S", rate="1e-9 mL/h"),
    mdr.vesicles.cargo("mir", load={"R": 100}, into="S", decay="0.03 1/h"),
]
LIKE_R = " + ((free_R - free_S)*(1 - C_alectinib) + (drug_R - drug_S)*C_alectinib)*hill(m_mir_S, 1000, 1)"

RIVALS = {
    "no transfer": (model(acquired=False), {}),
    "contact transfer": (model(mdr.contact_transfer("R", "S", "A", rate="0.001 1/h")), {"contact_S_A": SMALL}),
    "exosomes": (
        model(mdr.exosomes("R", "S", "A", **VESICLES)),
        {"conversion_exosomes_S_A": (0, 1), "clearance_exosomes": ("0.001 1/h", "10 1/h")},
    ),
    "exosomes with cargo": (
        model(*CARGO, s=LIKE_R, acquired=False),
        {"load_mir_R": (0, 1e6), "decay_mir": ("0.001 1/h", "1 1/h")},
    ),
    "induced by the drug": (
        model(mdr.switching("S", "A", induced_by="alectinib", slope="0.001 1/h")),
        {"switching_slope_alectinib_S_A": SMALL},
    ),
    "competition": (
        model(*UNEQUAL, s=" - crowding*of_R*R", r=" - crowding*of_S*S", acquired=False),
        {"of_R": (-10, 10), "of_S": (-10, 10)},
    ),
    TRAP: (
        model(mdr.contact_transfer("R", "S", "R", rate="0.001 1/h"), acquired=False),
        {"contact_S_R": SMALL},
    ),
    "help by neighbours": (
        model(
            *HELP,
            s=" + (free_help_S*(1 - C_alectinib) + drug_help_S*C_alectinib)*R/(S + R)",
            r=" + (free_help_R*(1 - C_alectinib) + drug_help_R*C_alectinib)*S/(S + R)",
            acquired=False,
        ),
        {f"{when}_help_{kind}": RATE for when in ("free", "drug") for kind in "SR"},
    ),
}


def compare(data: mdr.Data, held_out: str = "seeded", starts: int = 2) -> tuple[dict[str, mdr.Fit], mdr.Selection]:
    fits = {
        name: mdr.fit(rival, data, BASE | own, error="lognormal", start="first", starts=starts, seed=1)
        for name, (rival, own) in RIVALS.items()
    }
    return fits, mdr.compare_models(fits, held_out=held_out)


def answers(folder: Path, selection: mdr.Selection | None = None) -> list[Answer]:
    selection = selection or compare(read(folder))[1]
    aicc, ruled_out = selection.table["aicc"], set(selection.ruled_out)
    gain = float(aicc["no transfer"] - aicc[TRAP])
    transfer = {"no transfer", "contact transfer", "exosomes", "exosomes with cargo", "induced by the drug"}
    return [
        holds("H3122: best model", "help by neighbours", selection.best, selection.best == "help by neighbours"),
        holds("H3122: transfer read from shares alone", "tempting", f"AICc -{gain:.0f}", gain > 100),
        holds(
            "H3122: transfer when colour marks descent", "ruled out", f"{len(ruled_out)} models", transfer <= ruled_out
        ),
    ]


if __name__ == "__main__":
    data, pictures = folder_of_data(), folder_of_pictures()
    fits, selection = compare(read(data))
    print(selection.report())
    print(tell(answers(data, selection)))
    selection.plot().figure.savefig(pictures / "which_mechanism.png", dpi=150)
    shown = ["help by neighbours", "no transfer"]
    selection.plot_held_out(models=shown, observable="resistant").figure.savefig(
        pictures / "which_mechanism_held_out.png", dpi=150
    )
