"""Escape from two generations of a kinase inhibitor and from killer cells: genotypes, persisters, checkpoint, stroma.

Which genotype resists which generation is published (see `pkpd_mdr.genotypes`); every rate here is assumed.
"""

import sys
from pathlib import Path

import pkpd_mdr as mdr

clones = ["WT", "T790M", "C797S", "both", "P"]
model = mdr.Model(
    mdr.pk.one_compartment("dac", CL="20 L/h", V="1500 L", ka="0.3 1/h", molar_mass="469.9 g/mol"),
    mdr.pk.one_compartment("osi", CL="14.2 L/h", V="986 L", ka="0.24 1/h", molar_mass="499.6 g/mol"),
    mdr.pk.one_compartment("nivo", CL="0.2 L/day", V="6 L"),
    mdr.genotypes(
        {
            "WT": {"dac": "20 nM", "osi": "50 nM"},
            "T790M": {"dac": "2 uM", "osi": "50 nM"},
            "C797S": {"dac": "20 nM", "osi": "10 uM"},
            "both": {"dac": "2 uM", "osi": "10 uM"},
        },
        emax="0.15 1/day",
        growth=mdr.growth.logistic(rate="0.03 1/day", capacity="1e11 cell"),
        start={"WT": "1e9 cell", "T790M": "1e3 cell", "C797S": "10 cell"},
        mutations={("WT", "T790M"): 1e-8, ("WT", "C797S"): 1e-8, ("T790M", "both"): 1e-8, ("C797S", "both"): 1e-8},
        costs={"T790M": 0.1, "both": 0.2},
    ),
    mdr.persisters("P", of="WT", entry="1e-4 1/day", exit="0.02 1/day"),
    mdr.immune.effector("CTL", source="1e5 cell/day", death="0.04 1/day", start="2.5e6 cell"),
    mdr.stimulation("CTL", rate="0.06 1/day", half="1e8 cell"),
    mdr.immune.attack("CTL", on=clones, rate=mdr.parameter("attack_CTL", "3e-9 1/cell/day")),
    mdr.immune.checkpoint(dict.fromkeys(clones, mdr.parameter("pdl1", 0.9)), antibody="nivo", kd="1 mg/L"),
    mdr.stroma.cells("CAF", death="0.01 1/day", start="1e7 cell"),
    mdr.stimulation("CAF", by=["WT", "T790M"], rate="0.02 1/day", half="1e9 cell"),
    mdr.stroma.barrier("CAF", against="effectors", of=clones, most=0.5, half="1e7 cell"),
)
dac = mdr.oral("dac", "45 mg").every("1 day", times=720)
osi = mdr.oral("osi", "80 mg").every("1 day", times=720)
nivo = mdr.infusion("nivo", "240 mg", over="1 h").every("14 day", times=52)
arms = {
    "dacomitinib, osimertinib on progression": mdr.on_progression(dac, osi, visit="28 day", reference="nadir"),
    "osimertinib, dacomitinib on progression": mdr.on_progression(osi, dac, visit="28 day", reference="nadir"),
    "both at once": dac & osi,
    "both and antibody": dac & osi & nivo,
}
runs = {name: model.simulate(plan, until="720 day", times="4 day") for name, plan in arms.items()}

if __name__ == "__main__":
    folder = Path(sys.argv[1] if len(sys.argv) > 1 else ".")
    print(model)
    for name, run in runs.items():
        end = run.frame.iloc[-1]
        left = max(clones, key=lambda clone: end[clone])
        print(f"{name}: {run.endpoint('nadir'):.2g} cells at the nadir, {end['burden']:.2g} at the end, mostly {left}")
    first = runs["dacomitinib, osimertinib on progression"]
    first.plot([*clones, "CTL"]).figure.savefig(folder / "06_escape.png", dpi=150, bbox_inches="tight")
