"""Glioblastoma after surgery: what MGMT and the blood-brain barrier leave of temozolomide, beside radiotherapy.

Temozolomide enters the brain against P-gp, methylates DNA, and MGMT removes each adduct at the price of itself. So a
clone that makes MGMT again outlives the drug, but not the radiation. Kinetics in plasma and cerebrospinal fluid are
Ostermann 2004, the schedule is Stupp 2005; the pump, the inhibitor, adducts, MGMT and deaths are wide priors.
"""

import sys
from pathlib import Path

import matplotlib.pyplot as plt

import pkpd_mdr as mdr
from pkpd_mdr.plot.style import COLOURS, DASHES

clones = ["S", "R"]
law = mdr.growth.logistic(rate="0.02 1/day", capacity="2e11 cell")
model = mdr.Model(
    mdr.pk.one_compartment("tmz", CL="10 L/h", V="30.3 L", ka="5.8 1/h", molar_mass="194.2 g/mol"),
    mdr.pk.one_compartment("inh", CL="40 L/h", V="300 L", ka="1 1/h", molar_mass="563.6 g/mol"),
    mdr.delivery.blood_brain_barrier(
        "tmz", kin="0.3 1/h", kout="0.8 1/h", Vmax="15 uM/h", Km="10 uM", inhibitors={"inh": "0.1 uM"}
    ),
    mdr.delivery.csf("tmz", kin="7.2e-4 1/h", kout="0.76 1/h", volume="0.14 L"),
    mdr.clone("S", growth=law, start="2e10 cell"),
    mdr.clone("R", growth=law, start="2e7 cell", resistant=True),
    mdr.cost("R", 0.1),
    # adducts per cell, and the enzyme: silenced in S, expressed in R
    mdr.damage.adducts(formed_by={"tmz@brain": "200 1/uM/h"}, on=clones, repair="0.02 1/h", suicide="1e-4 1/h"),
    mdr.damage.mgmt("S", start=2e3, synthesis="20 1/h", degradation="0.01 1/h"),
    mdr.damage.mgmt("R", start=8e4, synthesis="800 1/h", degradation="0.01 1/h"),
    mdr.death.path("adducts", on=clones, emax="0.008 1/h", ec50=8e3, hill=2, via="transit"),
    mdr.death.transit(clones, rate="0.5 1/day"),
    mdr.death.evasion("R", apoptosis=0.2),
    mdr.radiotherapy({"S": ("0.12 1/Gy", "0.012 1/Gy**2"), "R": ("0.10 1/Gy", "0.010 1/Gy**2")}),
    mdr.resection({"S": 1.0, "R": 1.0}),
    mdr.toxicity.lymphopenia(baseline="1.5e9 1/L", turnover="0.02 1/day", slope={"tmz": "8e-4 1/uM/h"}),
)

surgery = mdr.surgery(0.95, at="1 day")
protocol = mdr.stupp(route="oral").shift("28 day")
radiation = mdr.radiation("2 Gy").on_days(range(1, 6)).every("7 day", times=6).shift("28 day")
inhibitor = mdr.oral("inh", "100 mg").every("1 day", times=210).shift("28 day")
arms = {
    "surgery": surgery,
    "and radiation": surgery & radiation,
    "and temozolomide": surgery & protocol,
    "and a P-gp inhibitor": surgery & protocol & inhibitor,
}


def regrown(run: mdr.Run) -> float:
    """Day at which the burden is back at that before surgery, by the table."""
    late = run.frame.loc[30:]
    return float(late.index[late["burden"] > run.frame["burden"].iloc[0]].min())


if __name__ == "__main__":
    folder = Path(sys.argv[1] if len(sys.argv) > 1 else ".")
    runs = {name: model.simulate(plan, until="1200 day", times="2 day") for name, plan in arms.items()}
    plt.rcParams["axes.prop_cycle"] = plt.cycler(color=COLOURS, linestyle=DASHES)  # for colour-blind readers
    figure, (left, right) = plt.subplots(1, 2, figsize=(10, 4))
    for name, run in runs.items():
        frame = run.frame
        print(f"{name}: back at the size before surgery on day {regrown(run):.0f}, ", end="")
        print(f"then {frame['resistant_share'].loc[regrown(run)]:.1%} with MGMT; ", end="")
        print(f"lymphocytes at least {frame['alc'].min():.2g} per litre")
        left.semilogy(frame.index, frame["burden"], label=name)
    treated = runs["and temozolomide"].frame.loc[20:110]
    for clone in clones:
        right.plot(treated.index, treated[f"adducts_in_{clone}"], label=f"adducts per {clone} cell")
        right.plot(treated.index, treated[f"mgmt_in_{clone}"], "--", label=f"MGMT per {clone} cell")
    left.set(xlabel="time (day)", ylabel="tumour cells")
    right.set(xlabel="time (day)", ylabel="molecules per cell", yscale="symlog", ylim=(-0.5, 1e8))
    left.legend()
    right.legend(loc="upper left", ncols=2)
    figure.tight_layout()
    figure.savefig(folder / "glioma_temozolomide.png", dpi=150)
