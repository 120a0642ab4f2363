"""Is the better arm found, are equal arms equal, and do intervals hold what they promise?

    python benchmarks/planted_winner.py [--trials 100] [--trials-of-coverage 400] [--write]

- planted: small tumours of whole cells, patients of different growth and sensitivity, luck of its own for each arm; one
  of three arms gives 15 % more of the drug. How often is it the arm that `Comparison.best` names?
- identical: two arms that do the same. With the luck of the patient they tie, always; with luck of their own, how often
  is each best, over all trials and in how many trials does it come out on top?
- identical, adaptive: the same for a strategy that sees the burden with errors of measurement.
- coverage: patients whose true parameters come from a prior are measured with an error, so that their posterior is
  known in closed form; draws from it are compared. How often does the 95 % interval of the paired difference hold the
  truth?
- coverage of the mean: trials of 40 patients; how often does the interval of the difference of restricted means hold
  that of the whole population, and how often does that of a difference of probabilities?
"""

from __future__ import annotations

import argparse
import math
from pathlib import Path

import numpy as np
import pandas as pd
from scipy.special import stdtrit

import pkpd_mdr as mdr
from pkpd_mdr.run import happens, time_to_progression

PAGE = Path(__file__).resolve().parents[1] / "docs" / "benchmarks" / "comparison.md"
GROWTH, SLOPE = 0.1, 0.02  # per day, per day and nM
LATE = time_to_progression(growth=4.0)


def model(*, cells: bool) -> mdr.Model:
    """Exponential growth and linear kill, as whole cells or as a differential equation."""
    law = (
        mdr.growth.birth_death(birth=mdr.formula("growth + loss"), death=mdr.formula("loss"))
        if cells
        else mdr.growth.exponential(rate=mdr.formula("growth"))
    )
    return mdr.Model(
        mdr.medium("A", unit="nM"),
        mdr.parameter("growth", f"{GROWTH} 1/day"),
        mdr.parameter("loss", "0.1 1/day"),
        mdr.clone("S", growth=law, start=200),
        mdr.kill("A", on="S", slope=f"{SLOPE} 1/day/nM"),
    )


def dosed(level: float) -> mdr.Regimen:
    return mdr.exposure("A", (level, "nM"), over="10 day")


def patients(rng: np.random.Generator, count: int) -> pd.DataFrame:
    return pd.DataFrame(
        {"growth": GROWTH * rng.lognormal(0, 0.2, count), "slope_A_S": SLOPE * rng.lognormal(0, 0.2, count)}
    )


def planted(trials: int, count: int = 60) -> float:
    """In which share of trials the arm that gives more is found."""
    cells = model(cells=True)
    arms = {"standard": dosed(10), "again": dosed(10), "planted": dosed(11.5)}
    found = 0
    for trial in range(trials):
        draws = patients(np.random.default_rng(trial), count)
        chance = mdr.Stochastic(seed=trial, fractions="draw")
        comparison = mdr.compare(
            cells, arms, parameters=draws, until="120 day", endpoints=[LATE], stochastic=chance, luck="arm"
        )
        found += comparison.best() == "planted"
    return found / trials


def identical(trials: int, count: int = 60, *, adaptive: bool = False, luck: str = "arm") -> tuple[float, float]:
    """Mean probability of the first of two equal arms to be best, and share of trials in which it comes out on top."""
    plan: mdr.Regimen | mdr.Strategy = dosed(10)
    if adaptive:
        plan = mdr.adaptive(mdr.exposure("A", "15 nM", over="60 day"), visit="5 day", stop_below=0.6, restart_above=0.9)
    cells, arms = model(cells=not adaptive), {"one": plan, "other": plan}
    item = "auc_burden" if adaptive else LATE  # a time at which both arms restart is the same in most patients
    chance, first = [], 0.0
    for trial in range(trials):
        options = (
            {"measure": mdr.measured("burden", relative_sd=0.2), "seed": trial}
            if adaptive
            else {"stochastic": mdr.Stochastic(seed=trial)}
        )
        draws = patients(np.random.default_rng(trial), count)
        comparison = mdr.compare(
            cells,
            arms,
            parameters=draws,
            until="120 day",
            endpoints=[item],
            luck=luck,
            **options,  # type: ignore[arg-type]
        )
        share = comparison.shares().mean(axis=1)
        chance.append(float(share[0]))
        first += 0.5 if share[0] == share[1] else float(share[0] > share[1])
    return float(np.mean(chance)), first / trials


def coverage(trials: int, count: int = 200) -> float:
    """How often the interval of the paired difference over posterior draws holds the true difference."""
    smooth, prior, error = model(cells=False), 0.2, 0.15
    arms = {"short": dosed(10), "long": mdr.exposure("A", "10 nM", over="13 day")}
    shrink = prior**2 / (prior**2 + error**2)
    spread, hits = prior * math.sqrt(1.0 - shrink), 0
    centre = np.log([GROWTH, SLOPE])
    for trial in range(trials):
        rng = np.random.default_rng(10_000 + trial)
        truth = centre + prior * rng.normal(size=2)
        seen = truth + error * rng.normal(size=2)
        posterior = centre + shrink * (seen - centre) + spread * rng.normal(size=(count, 2))
        draws = pd.DataFrame(np.exp(np.vstack([truth, posterior])), columns=["growth", "slope_A_S"])
        comparison = mdr.compare(smooth, arms, parameters=draws, until="300 day", endpoints=[LATE])
        gaps = comparison.gaps("long", "short")
        lower, upper = np.quantile(gaps[1:], [0.025, 0.975])
        hits += bool(lower <= gaps[0] <= upper)
    return hits / trials


def coverage_of_means(trials: int, count: int = 40, everyone: int = 4000) -> tuple[float, float]:
    """How often intervals of a difference of restricted means, and of probabilities, hold those of the population."""
    smooth = model(cells=False)
    early = happens(LATE, by="34 day", name="early")
    arms = {"less": dosed(10), "more": dosed(12)}
    options = {"until": "60 day", "endpoints": [LATE, early], "reference": "less"}
    draws = patients(np.random.default_rng(1), everyone)
    whole = mdr.compare(smooth, arms, parameters=draws, **options)  # type: ignore[arg-type]
    truth = whole.survival_differences().set_index("arm")["difference"]["more"]
    share = whole.gaps("more", "less", "early").mean()
    means, shares = 0, 0
    for trial in range(trials):
        draws = patients(np.random.default_rng(20_000 + trial), count)
        comparison = mdr.compare(smooth, arms, parameters=draws, **options)  # type: ignore[arg-type]
        row = comparison.survival_differences().set_index("arm").loc["more"]
        gap = comparison.difference("more", "less", "early")
        reach = float(stdtrit(count - 1, 0.975)) * row["standard_error"]
        means += bool(abs(row["difference"] - truth) <= reach)
        shares += bool(gap.lower <= share <= gap.upper)
    return means / trials, shares / trials


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--trials", type=int, default=100)
    parser.add_argument("--trials-of-coverage", type=int, default=400)
    parser.add_argument("--write", action="store_true", help=f"write {PAGE}")
    chosen = parser.parse_args()
    count, many, rows = chosen.trials, chosen.trials_of_coverage, []

    def tell(question: str, answer: str, wanted: str) -> None:
        rows.append(f"| {question} | {answer} | {wanted} |")
        print(f"{question:<78}{answer:>10}   ({wanted})", flush=True)

    tell(
        f"planted winner of 15 % more drug, 60 patients: found in {count} trials",
        percent(planted(count)),
        "95 % or more",
    )
    for what, options in (
        ("identical arms, luck of the patient", {"luck": "patient"}),
        ("identical arms, luck of their own", {}),
        ("identical adaptive arms, errors of measurement of their own", {"adaptive": True}),
    ):
        share, first = identical(count, **options)  # type: ignore[arg-type]
        tell(f"{what}: the first is best, mean over {count} trials", percent(share), "45 to 55 %")
        tell(f"{what}: the first is on top", percent(first), "half of trials")
    tell(f"interval of the paired difference holds the truth, {many} trials", percent(coverage(many)), "92 to 98 %")
    means, shares = coverage_of_means(many)
    tell(f"interval of the difference of restricted means, {many} trials", percent(means), "92 to 98 %")
    tell(f"interval of the difference of probabilities, {many} trials", percent(shares), "92 to 98 %")
    if chosen.write:
        head = ["# Is the better arm found?", "", "Written by `python benchmarks/planted_winner.py --write`.", ""]
        head += ["| question | measured | wanted |", "|---|---|---|"]
        PAGE.write_text("\n".join([*head, *rows, "", *__doc__.split("\n\n", 2)[2].splitlines()]).rstrip() + "\n")


def percent(share: float) -> str:
    return f"{100 * share:.1f} %"


if __name__ == "__main__":
    main()
