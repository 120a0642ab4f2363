"""Killer cells given against a solid tumour: what suppresses them, what escapes them, and when chemotherapy helps.

NK cells and infused CAR-T cells attack a tumour that recruits suppressor cells, shows PD-L1 and loses antigen.
Gemcitabine-like chemotherapy spares neither side: before the infusion it clears the suppressors, at the same time it
kills the infused cells. Turnover of NK cells is Kuznetsov 1994, proliferation of CAR-T cells near Leon-Triana 2021,
survivors per kill Mahasa 2016; the rest are wide priors.
"""

import sys
from pathlib import Path

import matplotlib.pyplot as plt

import pkpd_mdr as mdr
from pkpd_mdr.plot.style import COLOURS, DASHES

law = mdr.growth.logistic(rate="0.05 1/day", capacity="5e10 cell")
model = mdr.Model(
    # the tumour: S shows the target, L hardly does, and both are fed by fibroblasts that also keep effectors out
    mdr.clone("S", growth=law, start="2e9 cell"),
    mdr.clone("L", growth=law, start="1e5 cell", resistant=True),
    mdr.stroma.cells("CAF", start="5e8 cell", death="0.01 1/day"),
    mdr.stimulation("CAF", by=["S", "L"], rate="0.02 1/day", half="1e9 cell"),
    mdr.stroma.support("CAF", on=["S", "L"], emax=0.5, half="1e9 cell"),
    mdr.stroma.barrier("CAF", against="effectors", of=["S", "L"], most=0.4, half="1e9 cell"),
    # effectors and what they do
    mdr.immune.effector("NK", source="13000 cell/day", death="0.0412 1/day", start="3e5 cell"),
    mdr.immune.effector("CART", death="0.14 1/day"),
    mdr.immune.attack("NK", on=["S", "L"], rate="1e-8 1/cell/day", by_antigen=False),
    mdr.immune.attack("CART", on=["S", "L"], rate="6e-9 1/cell/day"),
    mdr.immune.priming("CART", by="NK", rate="1e-13 1/cell/day"),
    mdr.stimulation("CART", rate="0.6 1/day", half="1e9 cell"),
    mdr.immune.exhaustion("CART", rate="0.05 1/day", half="1e9 cell"),
    # escape
    mdr.immune.antigen({"L": 0.02}),
    mdr.immune.antigen_loss("S", "L", effector="CART", share=1e-3),
    mdr.immune.checkpoint({"S": 0.6, "L": 0.6}, antibody="nivo", kd="1 mg/L", effectors="CART"),
    # suppressors
    mdr.immune.suppressor("MDSC", start="5e7 cell", death="0.2 1/day"),
    mdr.stimulation("MDSC", rate="4e7 cell/day", half="1e9 cell", form="influx"),
    mdr.immune.suppression("MDSC", on="CART", half="3e7 cell", floor=0.05),
    mdr.immune.suppression("MDSC", on="CART", half="1e8 cell", of="stimulation"),
    # drugs
    mdr.pk.one_compartment("nivo", CL="0.2 L/day", V="6 L"),
    mdr.pk.one_compartment("gem", CL="90 L/h", V="50 L"),
    mdr.kill("gem", on=["S", "L"], emax="1.5 1/day", ec50="2 mg/L"),
    mdr.kill("gem", on=["MDSC", "CART", "NK"], emax="6 1/day", ec50="2 mg/L"),
)

cells = mdr.bolus("CART", "2e8 cell", at="14 day")
nivo = mdr.infusion("nivo", "240 mg", over="1 h", at="10 day").every("14 day", times=8)
chemo = mdr.infusion("gem", "1800 mg", over="6 h").every("2 day", times=3)
arms = {
    "CAR-T cells": cells,
    "and antibody": cells & nivo,
    "antibody, chemotherapy before": chemo.shift("8 day") & cells & nivo,
    "antibody, chemotherapy after": chemo.shift("14.5 day") & cells & nivo,
}

if __name__ == "__main__":
    folder = Path(sys.argv[1] if len(sys.argv) > 1 else ".")
    plt.rcParams["axes.prop_cycle"] = plt.cycler(color=COLOURS, linestyle=DASHES)  # for colour-blind readers
    figure, axes = plt.subplots(1, 3, figsize=(13, 4))
    for name, plan in arms.items():
        frame = model.simulate(plan, until="250 day", times="1 day").frame
        lost = frame["L"] / frame["burden"]
        print(
            f"{name}: at most {frame['CART'].max():.2g} CAR-T cells, nadir {frame['burden'].min():.2g} cells, ", end=""
        )
        print(f"{frame['burden'].iloc[-1]:.2g} on day 250, of which {lost.iloc[-1]:.0%} lost the antigen")
        for axis, values in zip(axes, (frame["burden"], frame["CART"], lost), strict=True):
            axis.plot(frame.index, values, label=name)
    for axis, words in zip(axes, ("tumour cells", "CAR-T cells", "share without antigen"), strict=True):
        axis.set(xlabel="time (day)", ylabel=words)
    axes[0].set(yscale="log")
    axes[1].set(yscale="log", ylim=(1e4, None))
    axes[2].legend(loc="upper left", fontsize="small")
    figure.tight_layout()
    figure.savefig(folder / "immune_and_antigen.png", dpi=150)
