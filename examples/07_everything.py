"""Everything at once: two drugs, a P-gp inhibitor, exosomes with cargo, contact, immune cells, radiation, toxicity.

Kinetics of the drugs and the turnover of effectors are near published values; most others are wide priors, as
`pkpd-mdr mechanisms` says. docs/everything.md explains it.
"""

import sys
from pathlib import Path

import pkpd_mdr as mdr

clones = ["S", "R"]
law = mdr.growth.logistic(rate="0.03 1/day", capacity="1e11 cell")
model = mdr.Model(
    mdr.pk.two_compartment("dox", CL="53.3 L/h", V1="17.7 L", Q="58.7 L/h", V2="1830 L", molar_mass="543.5 g/mol"),
    mdr.pk.two_compartment("pac", CL="285 L/h", V1="290 L", Q="100 L/h", V2="1000 L", molar_mass="853.9 g/mol"),
    mdr.pk.one_compartment("ver", CL="55 L/h", V="300 L", ka="1 1/h", F=0.2, molar_mass="454.6 g/mol"),
    mdr.delivery.tumour("dox", kin="0.5 1/h", kout="0.5 1/h", volume="0.1 L", barrier=0.3),
    mdr.clone("S", growth=law, start="1e9 cell"),
    mdr.clone("R", growth=law, start="1e7 cell", resistant=True),
    mdr.pgp.content("S", synthesis="0.001 1/h", degradation="0.02 1/h"),
    mdr.pgp.content("R", start=1, synthesis="0.02 1/h", degradation="0.02 1/h"),
    mdr.pgp.contact(clones, rate="0.001 1/h"),
    mdr.intracellular("dox", on=clones, site="tumour", k0="1 1/h", vP="20 uM/h", Km="1 uM",
                      inhibitors={"ver": "0.1 uM"}, ksort="0.1 1/h", into="EV", consumed=True),
    *[mdr.kill("dox", on=clone, site=clone, emax="1 1/day", ec50="0.02 uM") for clone in clones],
    mdr.kill("pac", on="S", emax="0.5 1/day", ec50="0.02 uM"),
    mdr.vesicles.release({"R": "200 1/day", "S": "50 1/day"}, clearance="0.2 1/h", volume="0.1 L"),
    mdr.vesicles.uptake(clones, rate="1e-9 mL/h"),
    mdr.vesicles.cargo("mir", load={"R": 10}, into="S", decay="0.03 1/h"),
    mdr.vesicles.effect("mir", on="S", what="efflux", drug="dox", size=2, half=10),
    mdr.vesicles.pgp({"R": 1e-4}, into="S"),
    mdr.vesicles.drug("dox", into=clones),
    mdr.immune.effector("CTL", source="13000 cell/day", death="0.0412 1/day", start="3e5 cell"),
    mdr.stimulation("CTL", rate="0.06 1/day", half="1e8 cell"),
    mdr.immune.attack("CTL", on=clones, rate="1e-9 1/cell/day"),
    mdr.radiotherapy({"S": ("0.2 1/Gy", "0.02 1/Gy**2"), "R": ("0.15 1/Gy", "0.015 1/Gy**2")}),
    mdr.toxicity.myelosuppression(slope={"dox": "5 L/umol", "pac": "10 L/umol"}, baseline="5e9 1/L",
                                  transit_time="124 h", feedback=0.17),
)  # fmt: skip

chemo = mdr.infusion("dox", "90 mg", over="1 h") & mdr.infusion("pac", "260 mg", over="3 h", at="1 day")
inhibitor = mdr.oral("ver", "240 mg").every("8 h", times=9)
fractions = mdr.radiation("2 Gy", at="150 day").every("1 day", times=20)
arms = {
    "chemotherapy": chemo.every("21 day", times=6),
    "with inhibitor": (chemo & inhibitor).every("21 day", times=6),
    "with inhibitor and radiation": (chemo & inhibitor).every("21 day", times=6) & fractions,
}

if __name__ == "__main__":
    folder = Path(sys.argv[1] if len(sys.argv) > 1 else ".")
    print(model)
    print(model.process_table())
    print(model.diagram())
    runs = {name: model.simulate(plan, until="365 day", times="1 day") for name, plan in arms.items()}
    for name, run in runs.items():
        end, worst = run.frame.iloc[-1], run.frame["anc"].min()
        print(f"{name}: nadir {run.endpoint('nadir'):.2g} cells, after a year {end['burden']:.2g}, ", end="")
        print(f"resistant {end['resistant_share']:.0%}, lowest neutrophils {worst:.2g} per litre")
    last = runs["with inhibitor and radiation"]
    last.plot(["S", "R", "CTL"]).figure.savefig(folder / "07_everything.png", dpi=150, bbox_inches="tight")
