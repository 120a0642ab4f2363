"""Declare a tumour under doxorubicin and simulate four cycles.

Pharmacokinetics as in Mody et al. 2023 (two of its compartments); growth, kill and exosome numbers are assumed.
"""

import sys
from pathlib import Path

import pkpd_mdr as mdr

model = mdr.Model(
    mdr.pk.two_compartment("dox", CL="53.3 L/h", V1="17.7 L", Q="58.7 L/h", V2="1830 L", molar_mass="543.5 g/mol"),
    mdr.clone("S", growth=mdr.growth.gompertz(rate="0.012 1/day", capacity="2e12")),
    mdr.clone("R", growth=mdr.growth.gompertz(rate="0.010 1/day", capacity="2e12"), resistant=True),
    mdr.kill("dox", on="S", emax="1.2 1/day", ec50="50 nM", hill=1.4),
    mdr.kill("dox", on="R", emax="1.2 1/day", ec50="1.5 uM", hill=1.4),
    mdr.exosomes(
        source="R",
        target="S",
        into="R",
        secretion="200 1/day",
        uptake="1e-9 mL/h",
        clearance="0.2 1/h",
        conversion=1e-4,
        volume="10 mL",
    ),
)
every_three_weeks = mdr.infusion("dox", "75 mg", over="1 h").every("21 day", times=4)
run = model.simulate(every_three_weeks, start={"S": 1e9, "R": 1e4}, until="180 day")

if __name__ == "__main__":
    folder = Path(sys.argv[1] if len(sys.argv) > 1 else ".")
    print(model)
    print(run)
    run.plot(["S", "R", "burden"]).figure.savefig(folder / "01_simulate.png", dpi=150)
