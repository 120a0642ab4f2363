"""Doxorubicin enters breast cancer cells, leaves them and is bound (McKenna et al. 2017), under the medium as measured.

Expected: the authors' model solved exactly, with the medium linear between frames: MDA-MB-231 kEF 0.2505 (SE 0.0167),
kFE 0.9636 (0.0790), kFB 0.0779 (0.0025) per hour, weighted sum of squares 1057.2. (The published rates belong to a
coarse convolution that moves kEF by a third.) In SUM-149 only kEF*kFB/(kFE + kFB) is determined, and the fit has to
say so.
"""

from pathlib import Path

import numpy as np
import pandas as pd
from answers import Answer, folder_of_data, folder_of_pictures, holds, near, tell

import pkpd_mdr as mdr
from pkpd_mdr.data import from_frame

# The slope of the medium is what is held from frame to frame, so that its concentration is linear between them.
MODEL = mdr.Model(
    mdr.medium("rise", unit="nM/h"),
    mdr.medium("fall", unit="nM/h"),
    mdr.parameter("C0", "0 nM", description="in the medium at the first frame"),
    mdr.state("C", mdr.formula("C0"), unit="nM", description="in the medium"),
    mdr.state("F", unit="nM", kind="concentration", description="free in cells"),
    mdr.state("B", unit="nM", kind="concentration", description="bound in cells"),
    mdr.parameter("kEF", "0.2 1/h", lower=0.0),
    mdr.parameter("kFE", "0.8 1/h", lower=0.0),
    mdr.parameter("kFB", "0.08 1/h", lower=0.0),
    mdr.process("supply", "C_rise - C_fall", {"C": 1}),
    mdr.process("entry", "kEF*C", {"F": 1}),
    mdr.process("exit", "kFE*F", {"F": -1}),
    mdr.process("binding", "kFB*F", {"F": -1, "B": 1}),
    mdr.observable("cells", "F + B", "nM"),
)
FREE = {"kEF": ("0.001 1/h", "10 1/h"), "kFE": ("1e-4 1/h", "100 1/h"), "kFB": ("1e-4 1/h", "100 1/h")}
REFERENCE = {"kEF": (0.25054, 0.0167), "kFE": (0.96356, 0.0790), "kFB": (0.07786, 0.00254)}


def read(folder: Path, line: str) -> mdr.Data:
    """Wells with the slopes of their medium; the weights of the authors are sds, of which the scale is estimated."""
    frame = pd.read_csv(folder / "mckenna_dox_uptake" / f"uptake_{line}.csv").sort_values(["well", "time_h"])
    wells = frame.groupby("well")
    slope = -wells["medium_conc_nM"].diff(-1) / -wells["time_h"].diff(-1)
    slope = slope.fillna(0.0)
    frame = frame.assign(rise=slope.clip(lower=0.0), fall=(-slope).clip(lower=0.0))
    frame["C0"] = wells["medium_conc_nM"].transform("first")
    events = mdr.read_events(
        frame,
        subject="well",
        time="time_h [h]",
        value="cell_conc_nM [nM]",
        observable="cells",
        level={"rise": "rise [nM/h]", "fall": "fall [nM/h]"},
        by=["nominal_dox_nM", "exposure_h"],
        covariates={"C0": "C0 [nM]"},
    )
    weighted = frame[frame["fit_weight"] > 0]
    names = {condition.labels["well"]: condition.name for condition in events.conditions}
    rows = pd.DataFrame(
        {
            "condition": weighted["well"].map(names),
            "time": weighted["time_h"],
            "value": weighted["cell_conc_nM"],
            "sd": 1.0 / np.sqrt(weighted["fit_weight"]),
        }
    )
    return from_frame(rows, events.conditions, units={"cells": "nM"}, origin=f"uptake_{line}.csv")


def fit(folder: Path, line: str, starts: int = 4) -> mdr.Fit:
    return mdr.fit(MODEL, read(folder, line), FREE, error="sd_scaled", starts=starts, seed=1)


def answers(folder: Path, found: dict[str, mdr.Fit] | None = None) -> list[Answer]:
    found = found or {line: fit(folder, line) for line in ("MDAMB231", "SUM149")}
    clear, ridge = found["MDAMB231"], found["SUM149"]
    lines = [
        near(f"uptake MDA-MB-231: {name} per h", value, clear.values[name], se)
        for name, (value, se) in REFERENCE.items()
    ]
    lines += [
        near(f"uptake MDA-MB-231: SE of {name}", se, clear.estimates.loc[name, "se"], 0.03 * se)
        for name, (_, se) in REFERENCE.items()
    ]
    lines.append(near("uptake MDA-MB-231: weighted sum of squares", 1057.2, clear.weighted_rss, 0.5))
    leaving = ridge.profile("kFE")
    trapped = [trapping(line_with_exit(folder, f"{rate} 1/h")) for rate in (1, 10, 100)]
    return [
        *lines,
        holds("uptake SUM-149: kFE", "not identifiable", "open upwards", leaving.open_upper),
        near("uptake SUM-149: trapping at kFE = 1 over that at 100", 1.0, trapped[0] / trapped[2], 0.1),
        near("uptake SUM-149: trapping at kFE = 10 over that at 100", 1.0, trapped[1] / trapped[2], 0.1),
    ]


def trapping(fit: mdr.Fit) -> float:
    """kEF*kFB/(kFE + kFB): how fast drug ends up bound, per hour; all that SUM-149 tells."""
    rates = {name: fit.model.parameter(name).value for name in FREE}
    return rates["kEF"] * rates["kFB"] / (rates["kFE"] + rates["kFB"])


def line_with_exit(folder: Path, rate: str) -> mdr.Fit:
    """SUM-149 with the rate of exit held."""
    free = {name: FREE[name] for name in ("kEF", "kFB")}
    held = MODEL.with_parameters(kFE=rate)
    return mdr.fit(held, read(folder, "SUM149"), free, error="sd_scaled", starts=1)


if __name__ == "__main__":
    data, pictures = folder_of_data(), folder_of_pictures()
    found = {line: fit(data, line) for line in ("MDAMB231", "SUM149")}
    for line, item in found.items():
        print(f"--- {line} ---\n{item.report()}")
        item.plot().figure.savefig(pictures / f"mckenna_uptake_{line}.png", dpi=150)
    profile = found["SUM149"].profile("kFE")
    print(profile)
    profile.plot().figure.savefig(pictures / "mckenna_uptake_profile.png", dpi=150)
    print(tell(answers(data, found)))
