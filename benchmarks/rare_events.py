"""How precise are chances of rare events by splitting, and do their intervals hold what they promise?

    python benchmarks/rare_events.py [--trials 30] [--particles 200] [--write]

Each case has an exact chance: of independent cells by the backward equations (`pkpd_mdr.extinction`), of competing
cells by the exponential of the generator of the number of cells (the master equation). For each seed there is one
estimate with its 95 % interval.

- independent: ten cells with birth 1 and death 0.25 per day, all lost by day 8.
- competing: thirty cells at the plateau of a capacity of 50 (birth 1, death 0.4 per day), all lost by day 20.
- treated: forty cells, a drug for 1.3 days and surgery of 60 % between two of the looks, all lost by day 4. Here the
  number of cells alone does not say how likely the event is, so that more particles are needed.

"warned" counts results with a note that few paths count effectively.

"plain paths" is the number of paths of plain sampling with the same relative error.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path

import numpy as np
from scipy.linalg import expm

import pkpd_mdr as mdr

PAGE = Path(__file__).resolve().parents[1] / "docs" / "benchmarks" / "rare_events.md"
HEAD = (
    "case", "exact", "mean of estimates / exact", "relative sd", "in the 95 % interval", "warned", "plain paths",
    "s each",
)  # fmt: skip


def law(birth: float, death: float, **more: str) -> mdr.mechanisms.growth.Growth:
    return mdr.growth.birth_death(birth=f"{birth} 1/day", death=f"{death} 1/day", **more)


def independent() -> tuple[mdr.Model, mdr.Regimen, str, float]:
    model = mdr.Model(mdr.clone("S", growth=law(1.0, 0.25), start=10))
    return model, mdr.nothing(), "8 day", mdr.extinction(model, until="8 day").probability


def competing() -> tuple[mdr.Model, mdr.Regimen, str, float]:
    model = mdr.Model(mdr.clone("S", growth=law(1.0, 0.4, capacity="50 cell"), start=30))
    n = np.arange(51.0)
    up, down = n * (1 - n / 50), 0.4 * n
    generator = np.diag(up[:-1], 1) + np.diag(down[1:], -1) - np.diag(up + down)
    return model, mdr.nothing(), "20 day", float(expm(20 * generator)[30, 0])


def treated() -> tuple[mdr.Model, mdr.Regimen, str, float]:
    model = mdr.Model(
        mdr.medium("A", unit="nM"),
        mdr.clone("S", growth=law(0.8, 0.2), start=40),
        mdr.kill("A", on="S", slope="0.1 1/day/nM"),
        mdr.resection(),
    )
    plan = mdr.exposure("A", "8 nM", over="1.3 day", at="0.35 day") & mdr.surgery(0.6, at="2.1 day")
    return model, plan, "4 day", mdr.extinction(model, plan, until="4 day").probability


def row(name: str, case: tuple[mdr.Model, mdr.Regimen, str, float], trials: int, particles: int) -> tuple[str, ...]:
    model, plan, until, exact = case
    begin, found = time.perf_counter(), []
    for seed in range(trials):
        chance = mdr.Stochastic(seed=seed)
        found.append(mdr.rare_event(model, plan, until=until, below="1 cell", stochastic=chance, particles=particles))
    spent = (time.perf_counter() - begin) / trials
    ratios = np.array([one.probability for one in found]) / exact
    inside = sum(one.lower < exact < one.upper for one in found)
    warned = sum(bool(one.notes) for one in found)
    spread = float(ratios.std(ddof=1))
    return (
        name, f"{exact:.3g}", f"{ratios.mean():.2f}", f"{spread:.2f}", f"{inside} of {trials}",
        f"{warned} of {trials}", f"{1 / (exact * spread**2):.1e}", f"{spent:.1f}",
    )  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--trials", type=int, default=30)
    parser.add_argument("--particles", type=int, default=200)
    parser.add_argument("--write", action="store_true", help=f"write {PAGE}")
    chosen = parser.parse_args()
    rows = [HEAD]
    for case in (independent, competing, treated):
        rows.append(row(case.__name__, case(), chosen.trials, chosen.particles))
        print(dict(zip(HEAD, rows[-1], strict=True)), flush=True)
    if chosen.write:
        call = f"python benchmarks/rare_events.py --trials {chosen.trials} --particles {chosen.particles} --write"
        lines = [
            "# Rare events by splitting",
            "",
            f"Written by `{call}`; times are of a shared machine with two cores.",
            "",
        ]
        lines += ["| " + " | ".join(cells) + " |" for cells in rows]
        lines.insert(5, "|" + "---|" * len(HEAD))
        PAGE.write_text("\n".join([*lines, "", *__doc__.split("\n\n", 2)[2].splitlines()]).rstrip() + "\n")


if __name__ == "__main__":
    main()
