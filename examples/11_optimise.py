"""The best doses of two drugs under a limit on neutrophils, over uncertain potencies.

Doxorubicin and paclitaxel as in example 3. What is looked for: the dose of each, the weeks between cycles, and whether
they are given together, a week apart, or one after the other, so that progression comes as late as possible in the mean
while neutrophils stay above 1e9 per litre in 90 % of the draws and no more than 450 mg of doxorubicin is given in
all. Half of the draws are kept out of the search; on them the optimum is compared with two plain arms.
"""

import sys
from pathlib import Path

import numpy as np
import pandas as pd

import pkpd_mdr as mdr

K = mdr.parameter("K", "1e12 cell")
model = mdr.Model(
    mdr.pk.two_compartment("dox", CL="53.3 L/h", V1="17.7 L", Q="58.7 L/h", V2="1830 L", molar_mass="543.5 g/mol"),
    mdr.pk.two_compartment("pac", CL="285 L/h", V1="290 L", Q="204 L/h", V2="995 L", molar_mass="853.9 g/mol"),
    mdr.clone("S", growth=mdr.growth.gompertz(rate="0.003 1/day", capacity=K), start=1e9),
    mdr.clone("R", growth=mdr.growth.gompertz(rate="0.003 1/day", capacity=K), start=1e7, resistant=True),
    mdr.kill("dox", on="S", emax="1.2 1/day", ec50="50 nM", hill=1.4),
    mdr.kill("dox", on="R", emax="1.2 1/day", ec50="1 uM", hill=1.4),
    mdr.kill("pac", on="S", emax="0.5 1/day", ec50="5 nM"),
    mdr.kill("pac", on="R", emax="0.5 1/day", ec50="20 nM"),
    mdr.toxicity.myelosuppression(
        "anc",
        slope={"pac": "28.9 L/umol", "dox": "8 L/umol"},  # of dox: assumed
        baseline="5e9 1/L",
        transit_time="124 h",
        feedback=0.239,
    ),
)
rng = np.random.default_rng(11)
draws = pd.DataFrame(
    {
        "ec50_dox_S": 50 * rng.lognormal(0, 0.3, 40),  # nM, the unit in which the model declares it
        "ec50_pac_R": 20 * rng.lognormal(0, 0.3, 40),  # nM
        "baseline_anc": 5e9 * rng.lognormal(0, 0.15, 40),
    }
)


def cycles(dox, pac, weeks, how):
    """Six cycles of both drugs; in sequence, six of one and then six of the other."""
    gap = (7 * weeks, "day")
    first, second = mdr.infusion("dox", dox, over="1 h"), mdr.infusion("pac", pac, over="3 h")
    if how == "in sequence":
        return first.every(gap, times=6).then(second.every(gap, times=6))
    later = second.shift("7 day") if how == "a week apart" else second
    return first.every(gap, times=6) & later.every(gap, times=6)


best = mdr.optimise(
    model,
    cycles,
    {
        "dox": mdr.between("20 mg", "120 mg"),
        "pac": mdr.between("100 mg", "700 mg"),
        "weeks": range(2, 5),
        "how": ["together", "a week apart", "in sequence"],
    },
    objective="time_to_progression",
    parameters=draws,
    limits={"anc_nadir": ("above", "1e9 1/L", 0.9), "given_dox": ("below", "450 mg")},
    arms={
        "usual, together": cycles("60 mg", "280 mg", 3, "together"),
        "usual, in sequence": cycles("60 mg", "280 mg", 3, "in sequence"),
    },
    until="5 year",
    candidates=400,
    accuracy=mdr.Accuracy(rtol=1e-5),
    seed=1,
)

if __name__ == "__main__":
    folder = Path(sys.argv[1] if len(sys.argv) > 1 else ".")
    print(best)
    print()
    print(best.plan.describe())
    best.plot("pac").figure.savefig(folder / "11_optimise.png", dpi=150)
    best.plot("how").figure.savefig(folder / "11_how.png", dpi=150)
    best.history.to_csv(folder / "11_candidates.csv", index=False)
