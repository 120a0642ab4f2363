"""P-glycoprotein that resistant cells hand on, by contact and in vesicles, and what restores sensitivity.

1. Contact: the graded content on a grid, its mean alone, and the reduced form S + R -> A. What is acquired is lost
   without drug and fixed under it, as seen with BIU-87 bladder cells (doi 10.1242/bio.041889: loss over passages
   without drug, a hold with it); rates are wide priors.
2. Vesicles: sensitive cells that take up cargo pump more. GW4869 keeps donors from secreting, apheresis removes what
   circulates, a P-gp inhibitor blocks the pump itself.
"""

import sys
from pathlib import Path

import matplotlib.pyplot as plt

import pkpd_mdr as mdr
from pkpd_mdr.plot.style import COLOURS, DASHES

# 1 -- contact ---------------------------------------------------------------------------------------------------------

SHARE = 0.25  # of a difference in P-gp that a meeting hands over
TAU = "0.02 1/h"
grid = mdr.Model(mdr.pgp.grid("M", largest=1, bins=9, tau=TAU, f=SHARE, start={0: 8e5, 1: 2e5}))
means = mdr.Model(
    mdr.clone("S", start=8e5),
    mdr.clone("R", start=2e5, resistant=True),
    mdr.pgp.content("S"),
    mdr.pgp.content("R", start=1),
    mdr.pgp.contact(["S", "R"], rate=(2 * 0.02 * SHARE, "1/h")),  # per cell it meets 2 tau times and gets the share
)
reduced = mdr.Model(
    mdr.medium("dox"),
    *(mdr.clone(name, start=start, resistant=name != "S") for name, start in (("S", 8e5), ("A", None), ("R", 2e5))),
    mdr.contact_transfer("R", "S", "A", rate="0.02 1/h", loss="0.01 1/h"),
    mdr.switching("A", "R", induced_by="dox", emax="0.02 1/h", ec50="0.05 uM"),
)

# 2 -- vesicles --------------------------------------------------------------------------------------------------------

cell = {"k0": "1 1/h", "vP": "4 uM/h", "Km": "1 uM", "inhibitors": {"psc": "0.05 uM"}}
vesicles = mdr.Model(
    mdr.medium("dox"),
    mdr.medium("gw4869", half_life="24 h"),
    mdr.medium("psc", half_life="24 h"),
    mdr.clone("S", growth=mdr.growth.exponential(rate="0.02 1/h"), start=1e5),
    mdr.clone("R", growth=mdr.growth.exponential(rate="0.015 1/h"), start=1e5, resistant=True),
    mdr.pgp.content("S", start=0.1, synthesis="0.004 1/h", degradation="0.02 1/h"),
    mdr.pgp.content("R", start=1, synthesis="0.035 1/h", degradation="0.02 1/h"),
    mdr.intracellular("dox", on=["S", "R"], **cell),
    *(mdr.kill("dox", on=name, site=name, emax="0.08 1/h", ec50="0.15 uM", hill=2) for name in "SR"),
    mdr.vesicles.release({"R": "50 1/h"}, clearance="0.02 1/h"),
    mdr.vesicles.uptake("S", rate="4e-8 mL/h", saturation="1e9 vesicle/mL"),
    mdr.vesicles.induction("dox", on="R", emax=3, ec50="0.1 uM"),
    mdr.vesicles.inhibition("gw4869", on="R", emax=0.95, ec50="1 uM"),
    mdr.vesicles.removal(),
    mdr.vesicles.cargo("mdr1", load={"R": 20}, into="S", decay="0.02 1/h"),
    mdr.vesicles.effect("mdr1", on="S", what="pgp", size=1, half=2000, hill=2),
    mdr.vesicles.pgp({"R": 1e-4}, into="S"),
)
dox = mdr.exposure("dox", "0.4 uM", at="3 day", over="4 day")
arms = {
    "doxorubicin": dox,
    "and GW4869": dox & mdr.exposure("gw4869", "10 uM", over="24 h").every("24 h", times=7),
    "and apheresis": dox & mdr.apheresis(0.9).every("6 h", times=28),
    "and a P-gp inhibitor": dox & mdr.exposure("psc", "2 uM", at="3 day", over="4 day"),
}


def contact(left: plt.Axes, middle: plt.Axes) -> None:
    """Compare the three forms of contact transfer."""
    by_cell, by_clone = (model.simulate(until="200 h", times="2 h").frame for model in (grid, means))
    held = by_cell.filter(regex="^M_").iloc[[0, 25, -1]] / 1e6
    for time, row in held.iterrows():
        left.plot([k / 8 for k in range(9)], row, "o-", label=f"{time:.0f} h")
    left.set(xlabel="P-gp per cell", ylabel="share of cells")
    print(f"mean P-gp stays {by_cell['P_M'].iloc[-1]:.3f}, its variance falls by contact from ", end="")
    print(f"{by_cell['var_P_M'].iloc[0]:.3f} to {by_cell['var_P_M'].iloc[-1]:.4f}; ", end="")
    ends = by_clone.iloc[-1]
    print(f"in the mean form S goes from 0 to {ends['P_S']:.3f} and R from 1 to {ends['P_R']:.3f}")
    plans = {"without drug": None, "with drug for 10 days": mdr.exposure("dox", "0.1 uM", over="10 day")}
    for words, plan in plans.items():
        frame = reduced.simulate(plan, until="20 day", times="4 h").frame
        fixed = frame["R"].iloc[-1] / frame["burden"].iloc[-1]
        middle.plot(frame.index, frame["resistant_share"], label=words)
        print(f"reduced form {words}: {fixed:.0%} are R for good")
    middle.set(xlabel="time (day)", ylabel="resistant share")


if __name__ == "__main__":
    folder = Path(sys.argv[1] if len(sys.argv) > 1 else ".")
    plt.rcParams["axes.prop_cycle"] = plt.cycler(color=COLOURS, linestyle=DASHES)  # for colour-blind readers
    figure, axes = plt.subplots(1, 3, figsize=(13, 4))
    contact(axes[0], axes[1])
    for name, plan in arms.items():
        frame = vesicles.simulate(plan, until="8 day", times="4 h").frame
        axes[2].semilogy(frame.index, frame["S"], label=name)
        grown = frame["S"].iloc[-1] / frame["S"].loc[3.0]
        print(f"{name}: {frame['m_mdr1_S'].loc[4.0]:.0f} copies of the cargo in S on day 4, ", end="")
        print(f"{grown:.2g} times as many S cells on day 8 as on day 3")
    axes[2].set(xlabel="time (day)", ylabel="sensitive cells")
    for each in axes:
        each.legend()
    figure.tight_layout()
    figure.savefig(folder / "efflux_and_vesicles.png", dpi=150)
