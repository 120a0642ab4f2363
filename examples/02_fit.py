"""Fit a sensitive/resistant model to real counts: MDA-MB-231 cells after 12 h pulses of doxorubicin.

The table is the bundled summary of McKenna et al. 2017 (means over six wells); a file with such columns reads alike.
One length of pulse says nothing of others: do not predict pulses of 3 or 48 h from this fit.
"""

import sys
from pathlib import Path

import pkpd_mdr as mdr

data = mdr.read_assay(
    mdr.data.bundled_path("mckenna_dox_pulses"),
    time="time_h [h]",
    value="mean_count [cell]",
    drug={"dox": "dox_nM [nM]"},
    exposure="exposure_h [h]",
    by="cell_line",
    keep={"cell_line": "MDAMB231", "exposure_h": 12, "used": 1},
)
K = mdr.parameter("capacity", "16000 cell")
model = mdr.Model(
    mdr.medium("dox", unit="nM"),
    mdr.clone("S", growth=mdr.growth.logistic(rate="0.03 1/h", capacity=K)),
    mdr.clone("R", growth=mdr.growth.logistic(rate="0.01 1/h", capacity=K), resistant=True),
    mdr.clone("D", death="0.003 1/h", description="arrested cells"),
    mdr.switching("S", "D", induced_by="dox", emax="1 1/h", ec50="300 nM"),
    mdr.seeding(total="2000 cell", R=0.05, D=0),
)
fit = mdr.fit(
    model,
    data,
    free={
        "N0": ("500 cell", "4000 cell"),
        "growth_S": ("0.01 1/h", "0.1 1/h"),
        "growth_R": ("0.001 1/h", "0.05 1/h"),
        "capacity": ("5000 cell", "50000 cell"),
        "death_D": ("1e-5 1/h", "0.05 1/h"),
        "switching_emax_dox_S_D": ("0.02 1/h", "20 1/h"),
        "switching_ec50_dox_S_D": ("1 nM", "10 uM"),
        "R0_share": (0, 0.5),
    },
    error="lognormal",
    starts=4,
    seed=1,
    accuracy=mdr.Accuracy(rtol=1e-6),
)

if __name__ == "__main__":
    folder = Path(sys.argv[1] if len(sys.argv) > 1 else ".")
    print(fit.report())
    profile = fit.profile("R0_share")
    print(profile)
    fit.plot().figure.savefig(folder / "02_fit.png", dpi=150)
    profile.plot().figure.savefig(folder / "02_profile.png", dpi=150)
