"""Resistance without mutation: persisters, a hierarchy, epigenetic memory, a continuum, and effects that wear off.

1. Continuous or intermittent drug, when the tumour answers by persisters and by stem cells that come back.
2. An HDAC inhibitor that slows the way into an epigenetic memory: the longer the drug, the longer cells remember.
3. Resistance as a level from 0 to 1: how far a treated tumour moves, and how far it returns in a holiday.
4. The same regression and regrowth by tolerance of the target, which no clone explains.
Growth, stem cell turnover (slowed) and rates of switching are of the order of published ones; most are wide priors.
"""

import sys
from pathlib import Path

import matplotlib.pyplot as plt

import pkpd_mdr as mdr
from pkpd_mdr.plot.style import COLOURS, DASHES

# 1 -- persisters and a hierarchy --------------------------------------------------------------------------------------

tumour = mdr.Model(
    mdr.medium("tki"),
    mdr.clone("C", growth=mdr.growth.birth_death(birth="0.2 1/day", death="0.02 1/day"), start=1e7),
    mdr.clone("S", growth=mdr.growth.logistic(rate="0.04 1/day", capacity="1e10 cell"), start="1e9 cell"),
    mdr.stem_hierarchy("C", "S", asymmetric=0.72, differentiation=0.09, dedifferentiation="1e-5 1/day"),
    mdr.persisters("P", of="S", entry="1e-5 1/day", exit="0.05 1/day", induced_by="tki", slope="5e-3 1/uM/day"),
    mdr.kill("tki", on="S", emax="0.25 1/day", ec50="0.1 uM"),
    mdr.kill("tki", on="C", emax="0.02 1/day", ec50="0.1 uM"),
)
drug = mdr.exposure("tki", "1 uM", over="28 day")
schedules = {
    "continuous": mdr.exposure("tki", "1 uM", over="336 day"),
    "four weeks of eight": drug.every("56 day", times=6),
}

# 2 -- epigenetic memory and a drug against it -------------------------------------------------------------------------

STATES = ["E0", "E1", "E2", "E3"]
memory = mdr.Model(
    mdr.medium("tki"),
    mdr.medium("hdaci"),
    *(mdr.clone(name, start=1e6 if name == "E0" else None, resistant=name != "E0") for name in STATES),
    mdr.epigenetic_memory(STATES, induced_by="tki", slope="0.1 1/uM/day", back="0.2 1/day", slowing=0.3),
    mdr.switching_modulation("hdaci", "E0", "E1", emax=-0.9, ec50="0.5 uM"),
)

# 3 -- a continuous trait ----------------------------------------------------------------------------------------------

axis = mdr.Model(
    mdr.medium("tki"),
    mdr.trait_axis(
        "x",
        growth=mdr.growth.logistic(rate="0.1 1/day", capacity="1e10 cell"),
        start="1e9 cell",
        diffusion="5e-4 1/day",
        points=15,
        cost=0.6,
        drug="tki",
        emax="0.3 1/day",
        ec50=("0.05 uM", "5 uM"),
    ),
)

# 4 -- tolerance -------------------------------------------------------------------------------------------------------

tolerant = mdr.Model(
    mdr.medium("tki"),
    mdr.clone("S", growth=mdr.growth.exponential(rate="0.02 1/day"), start="1e9 cell"),
    mdr.kill("tki", on="S", slope="0.2 1/uM/day"),
    mdr.tolerance("tki", on="S", rate="0.03 1/day", half="0.1 uM"),
)


def remembered(days: int, plan: mdr.Regimen) -> tuple[list[float], list[float]]:
    """Share of cells that are still changed after so many days with the drug."""
    frame = memory.simulate(plan, until="120 day", times="1 day").frame.loc[days:]
    return [float(t - days) for t in frame.index], [float(share) for share in frame["resistant_share"]]


if __name__ == "__main__":
    folder = Path(sys.argv[1] if len(sys.argv) > 1 else ".")
    plt.rcParams["axes.prop_cycle"] = plt.cycler(color=COLOURS, linestyle=DASHES)  # for colour-blind readers
    figure, axes = plt.subplots(2, 2, figsize=(10, 7))
    for name, plan in schedules.items():
        frame = tumour.simulate(plan, until="400 day", times="2 day").frame
        end = frame.loc[336]
        axes[0, 0].semilogy(frame.index, frame["burden"], label=name)
        print(f"{name}: nadir {frame['burden'].min():.2g} cells, {end['burden']:.2g} at the end of treatment, ", end="")
        print(f"of which {end['P'] / end['burden']:.0%} persisters and {end['C'] / end['burden']:.0%} stem cells")
    for days in (7, 60):
        alone = mdr.exposure("tki", "1 uM", over=f"{days} day")
        for words, plan in (("", alone), (" with HDAC inhibitor", alone & mdr.exposure("hdaci", "5 uM"))):
            times, shares = remembered(days, plan)
            axes[0, 1].plot(times, shares, label=f"{days} days{words}")
            print(f"{days} days{words}: {shares[0]:.0%} changed at its end, {shares[30]:.0%} still 30 days later")
    for axes_, model, what in ((axes[1, 0], axis, "mean_x"), (axes[1, 1], tolerant, "burden")):
        frame = model.simulate(mdr.exposure("tki", "0.5 uM", over="150 day"), until="300 day", times="2 day").frame
        axes_.plot(frame.index, frame[what])
        low, at = frame["burden"].min(), frame["burden"].idxmin()
        print(
            f"{what} is {frame[what].iloc[0]:.2g} at first, {frame[what].loc[150]:.2g} when the drug stops and ", end=""
        )
        print(f"{frame[what].iloc[-1]:.2g} on day 300; the nadir is {low:.2g} cells on day {at:.0f}")
    titles = ("persisters and stem cells", "memory after the drug", "a continuum of resistance", "tolerance")
    labels = ("tumour cells", "changed share", "mean level", "tumour cells")
    for each, title, label in zip(axes.flat, titles, labels, strict=True):
        each.set(xlabel="time (day)", ylabel=label, title=title)
    axes[1, 1].set(yscale="log")
    axes[0, 0].legend()
    axes[0, 1].legend()
    figure.tight_layout()
    figure.savefig(folder / "persistence_and_plasticity.png", dpi=150)
