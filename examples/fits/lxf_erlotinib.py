"""Erlotinib in mice with lung cancer xenografts LXF A677 (Eigenmann et al. 2016): plasma first, then tumours.

Expected: exponential growth of the eight untreated tumours as log-linear regression gives it; population values of the
paper could not be read. Concentrations are labelled ng/mL in the table and taken as such; volumes of distribution are
apparent ones (V/F). Mice are pooled, each tumour starting at its first volume. Absorption is over before the first
sample at half an hour, so its rate stays where it was assumed.
"""

from pathlib import Path

import numpy as np
import pandas as pd
from answers import Answer, at_most, folder_of_data, folder_of_pictures, near, tell

import pkpd_mdr as mdr

PK = mdr.pk.one_compartment("erl", CL="50 L/h", V="400 L", ka="5 1/h")
PK_FREE = {"CL_erl": ("1 L/h", "1000 L/h"), "V_erl": ("10 L", "1e4 L")}
GROWTH = mdr.growth.exponential_linear(rate="0.1 1/day", linear="0.1 cm**3/day")
TUMOUR = mdr.clone("T", growth=GROWTH, unit="cm**3", start="0.15 cm**3")
TUMOUR_FREE = {"growth_T": ("0.02 1/day", "0.5 1/day"), "linear_T": ("0.01 cm**3/day", "1 cm**3/day")}
KILL, KILL_FREE = mdr.kill("erl", on="T", slope="0.01 L/mg/day"), {"slope_erl_T": (0.0, 1e3)}
ARMS = {"control": "lxf_control_growth", "low": "lxf_low_erlotinib_dose", "medium": "lxf_medium_erlotinib_dose"}


def read(folder: Path, table: str, arm: str, observable: dict[str, str]) -> mdr.Data:
    """One table; samples taken at the very time of the first dose are left out, as nothing is absorbed by then."""
    frame = pd.read_csv(folder / "lxf_erlotinib_pdx" / f"{table}.csv")
    frame = frame[~((frame["Observable"] == "Plasma concentration") & frame["Time"].isin([0.0, 4.0]))]
    doses = {"dose": {"erl": "Dose [mg]"}, "route": "oral"} if "Dose" in frame else {}
    columns = {"subject": "ID", "time": "Time [day]", "value": "Value", "observable_column": "Observable"}
    return mdr.read_events(frame, **columns, observable=observable, **doses, constants={"arm": arm}, missing="drop")


def plasma(folder: Path) -> mdr.Data:
    what = {"Plasma concentration": "C_erl [ng/mL]"}
    tables = {"single": "lxf_single_erlotinib_dose", "low": ARMS["low"], "medium": ARMS["medium"]}
    single, low, medium = (read(folder, table, arm, what) for arm, table in tables.items())
    return single & low & medium


def volumes(folder: Path) -> mdr.Data:
    what = {"Tumour volume": "burden [cm**3]"}
    control, low, medium = (read(folder, table, arm, what) for arm, table in ARMS.items())
    return control & low & medium


def fit_pk(folder: Path) -> mdr.Fit:
    return mdr.fit(mdr.Model(PK), plasma(folder), PK_FREE, error="lognormal", starts=4, seed=1)


def fit_tumours(folder: Path, pk: mdr.Fit) -> dict[str, mdr.Fit]:
    """With and without an effect of the drug; its kinetics are those of the plasma fit."""
    known = {name: pk.values[name] for name in PK_FREE}
    models = {"no effect": mdr.Model(PK, TUMOUR), "kill": mdr.Model(PK, TUMOUR, KILL)}
    free = {"no effect": TUMOUR_FREE, "kill": TUMOUR_FREE | KILL_FREE}
    options = {"error": "lognormal", "start": "first", "starts": 2, "seed": 1}
    data = volumes(folder)
    return {name: mdr.fit(m.with_parameters(**known), data, free[name], **options) for name, m in models.items()}


def control_growth(folder: Path) -> dict[int, float]:
    """Of each untreated tumour, per day."""
    law = mdr.growth.exponential(rate="0.1 1/day")
    model = mdr.Model(mdr.clone("T", growth=law, unit="cm**3", start="0.15 cm**3"))
    free = {"growth_T": ("0.01 1/day", "1 1/day"), "T0": ("0.01 cm**3", "2 cm**3")}
    data = volumes(folder).only(arm="control")
    found = {}
    for condition in data.conditions:
        mouse = int(condition.labels["ID"])
        found[mouse] = mdr.fit(model, data.only(ID=mouse), free, error="lognormal", starts=1).values["growth_T"]
    return found


def answers(folder: Path) -> list[Answer]:
    table = pd.read_csv(folder / "lxf_erlotinib_pdx" / "reference_control_exponential.csv").set_index("ID")
    ours = control_growth(folder)
    lines = [
        near(f"LXF control {mouse}: growth per day", table.loc[mouse].iloc[1], rate, 1e-5)
        for mouse, rate in ours.items()
    ]
    selection = mdr.compare_models(fit_tumours(folder, fit_pk(folder)))
    return [
        *lines,
        near("LXF: mean growth of controls, per day", 0.0885, float(np.mean(list(ours.values()))), 5e-4),
        at_most("LXF: p of no effect of erlotinib", 0.001, float(selection.table.loc["no effect", "p"])),
    ]


if __name__ == "__main__":
    data, pictures = folder_of_data(), folder_of_pictures()
    pk = fit_pk(data)
    found = fit_tumours(data, pk)
    print(pk.report())
    print(found["kill"].report())
    print(mdr.compare_models(found, held_out="condition").report())
    print(tell(answers(data)))
    pk.plot(log=True).figure.savefig(pictures / "lxf_erlotinib_plasma.png", dpi=150)
    found["kill"].plot(log=True).figure.savefig(pictures / "lxf_erlotinib_tumours.png", dpi=150)
