"""Closed loop: a virtual trial of dynamic precision medicine with two drugs and four phenotypes.

Virtual patients differ in growth, mutation, drug effects and clones. Current practice changes the drug at relapse;
strategy 2.2 of Beckman et al. 2012 decides anew every 45 days by what the model predicts: once knowing each patient
perfectly, once learning from scans and counts of resistant cells that have errors. All ranges are wide assumptions.
"""

import sys
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np

import pkpd_mdr as mdr
from pkpd_mdr import control
from pkpd_mdr import distributions as dist
from pkpd_mdr.run import time_to_threshold

model = mdr.gallery.beckman2012()
ranges = {
    "g": dist.log_uniform("0.02 1/day", "0.2 1/day"),
    "T1": dist.log_uniform(1e-9, 1e-5),
    "T2": dist.log_uniform(1e-9, 1e-5),
    "S0": dist.log_uniform("1e9 cell", "1e11 cell"),
    "R10": dist.log_uniform("1 cell", "1e8 cell"),
    "R20": dist.log_uniform("1 cell", "1e8 cell"),
}
options = {
    "covariates": {"f1": dist.log_uniform(1.2, 6), "f2": dist.log_uniform(1.2, 6)},
    "formulas": {"kill1": "f1*g", "kill2": "f2*g"},
    "constraints": "f2 <= f1",  # drug 1 is the better one, and is given first
}
patients = mdr.patients(model, 40, ranges, seed=1, **options)
belief = mdr.patients(model, 400, ranges, seed=2, **options)

drugs = {"drug 1": mdr.exposure("drug1", 1), "drug 2": mdr.exposure("drug2", 1)}
menu = drugs | {"half of each": mdr.exposure("drug1", 0.5) & mdr.exposure("drug2", 0.5)}
looks = [
    mdr.measured("burden", relative_sd=0.1),
    mdr.measured("R1", relative_sd=0.3),
    mdr.measured("R2", relative_sd=0.3),
]
learning = control.dynamic_precision(
    "2.2", model, menu, belief=belief, measure=looks, filter=mdr.particle_filter(200), planning=25
)
arms = {
    "current practice": control.dynamic_precision("0", model, drugs),
    "learning": learning,
    "perfect knowledge": control.dynamic_precision("2.2", model, menu),
}


def survival(ax, comparison):
    """Share of the patients alive."""
    for number, name in enumerate(comparison.arms):
        times = np.sort(np.minimum(comparison.values[number, :, 0], 5))
        dead = np.arange(len(times) + 1) / len(times)
        ax.step([0, *times, 5], [*(1 - dead), 1 - np.mean(times < 5)], where="post", label=name, color=COLOURS[number])
    ax.set(xlabel="time [year]", ylabel="share alive", xlim=(0, 5), ylim=(0, 1.02), title="40 virtual patients")
    ax.legend(frameon=False, fontsize=8)


def one_patient(ax, run):
    """Cells of one patient, what was measured of them, and what was given."""
    styles = {"S": ":", "R1": "-", "R2": "--", "R12": "-."}
    for (name, style), colour in zip(styles.items(), COLOURS, strict=False):
        ax.plot(run.frame.index / 365.25, np.maximum(run.frame[name], 0.1), style, color=colour, label=name)
    ax.plot(run.visits.index / 365.25, run.visits["burden"], "k.", ms=4, label="measured burden")
    shades = {"drug 1": "black", "drug 2": "0.8", "half of each": "0.5"}
    told = [(time / 365.25, what.split(";")[0]) for time, what in run.events.itertuples(index=False)]
    gives = [(time, what.removeprefix("gives ")) for time, what in told if what.startswith("gives")]
    for (begin, item), (end, _) in zip(gives, [*gives[1:], (3, "")], strict=True):
        ax.axvspan(begin, end, ymin=0, ymax=0.05, color=shades[item], lw=0)
    for item, shade in shades.items():
        ax.plot([], [], color=shade, lw=5, label=item)
    ax.set(
        xlabel="time [year]",
        ylabel="cells",
        yscale="log",
        ylim=(0.02, 1e13),
        xlim=(0, 3),
        title="a survivor, learning",
    )
    ax.legend(frameon=False, fontsize=7, loc="center left", bbox_to_anchor=(1, 0.5))


COLOURS = ["#0072B2", "#D55E00", "#009E73", "#CC79A7"]

if __name__ == "__main__":
    folder = Path(sys.argv[1] if len(sys.argv) > 1 else ".")
    comparison = mdr.compare(
        model,
        arms,
        parameters=patients,
        until="5 year",
        endpoints=[time_to_threshold(1e13, name="survival")],
        reference="current practice",
        measure=looks,
        accuracy=mdr.Accuracy(rtol=1e-5),
    )
    print(comparison)
    alive = np.isinf(comparison.values[1, :, 0])
    slowest = patients.patient(int(np.argmin(np.where(alive, patients["g"], np.inf))))
    row = {name: slowest[name] for name in patients.parameters}
    run = model.simulate(learning, parameters=row, until="1095.75 day", measure=looks, times="15 day")
    print(run.events.head(12).to_string())
    figure, axes = plt.subplots(1, 2, figsize=(7.2, 2.8), layout="constrained")
    survival(axes[0], comparison)
    one_patient(axes[1], run)
    figure.savefig(folder / "10_closed_loop.png", dpi=150)
