"""How often nominal 95% profile intervals hold the truth, over simulated data sets.

``python benchmarks/interval_coverage.py --sets 2000`` runs all four cases (Hill curve with its EC50 in range, and near
the top dose; a two-clone time course counted in total; exosome transfer in co-cultures); ``--cases hill_inside`` only
one. ``--write`` writes docs/benchmarks/interval_coverage.md. A set counts as covered if the interval of `fit.profile`,
its open ends taken as endless, holds the true value; sets whose fit fails are counted and not left out silently. The
interval of the coverage itself is Clopper and Pearson's, 95%.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from scipy.stats import beta

import pkpd_mdr as mdr
from pkpd_mdr.errors import PkpdMdrError

ROOT = Path(__file__).resolve().parents[1]
DAYS = [f"{t} h" for t in (12, 24, 36, 48, 72, 96)]


@dataclass(frozen=True)
class Case:
    """A true model, an experiment, and what is asked from it."""

    name: str
    words: str
    truth: mdr.Model
    plans: Sequence[mdr.Planned]
    noise: Any
    error: Any
    free: dict[str, Any]
    asked: tuple[str, ...]


def hill(name: str, ec50: float, words: str) -> Case:
    """Eight doses from 0.1 to 100 nM and none, three wells each, viability with an sd of 0.05."""
    model = mdr.Model(
        mdr.observable("viability", "bottom + (top - bottom)/(1 + (dose/ec50)**hill)"),
        mdr.parameter("dose", "1 nM"),
        mdr.parameter("top", 1.0),
        mdr.parameter("bottom", 0.1),
        mdr.parameter("ec50", f"{ec50} nM"),
        mdr.parameter("hill", 1.3),
    )
    doses = [0.0, *np.geomspace(0.1, 100.0, 8).round(4).tolist()]
    plans = [
        mdr.planned(f"{dose} nM", observables="viability", covariates={"dose": f"{dose} nM"}, replicates=3)
        for dose in doses
    ]
    free = {"top": (0, 2), "bottom": (-2, 2), "ec50": ("1e-3 nM", "1e5 nM"), "hill": (0.1, 20)}
    return Case(name, words, model, plans, ("additive", 0.05), "additive", free, ("ec50", "hill"))


def two_clones() -> Case:
    """Sensitive and resistant cells counted together under four doses, two wells each."""
    model = mdr.Model(
        mdr.medium("dox", unit="nM"),
        mdr.clone("S", growth=mdr.growth.exponential(rate="0.03 1/h")),
        mdr.clone("R", growth=mdr.growth.exponential(rate="0.02 1/h"), resistant=True),
        mdr.kill("dox", on="S", emax="0.09 1/h", ec50="60 nM"),
        mdr.seeding(total="1000 cell", R=0.05),
    )
    plans = [
        mdr.planned(f"{dose} nM", mdr.exposure("dox", f"{dose} nM") if dose else None, times=DAYS, replicates=2)
        for dose in (0, 30, 100, 300)
    ]
    free = {
        "growth_S": ("0.002 1/h", "0.2 1/h"),
        "growth_R": ("0.002 1/h", "0.2 1/h"),
        "emax_dox_S": ("0.01 1/h", "1 1/h"),
        "ec50_dox_S": ("1 nM", "2000 nM"),
        "R0_share": (1e-4, 0.6),
    }
    words, asked = "two clones counted in total, four doses", ("growth_R", "ec50_dox_S", "R0_share")
    return Case("two_clones", words, model, plans, ("lognormal", 0.1), "lognormal", free, asked)


def transfer() -> Case:
    """Exosome transfer: two mixtures and both monocultures, both colours counted, two wells each."""
    model = mdr.Model(
        mdr.clone("S", growth=mdr.growth.exponential(rate="0.035 1/h"), start="1000 cell"),
        mdr.clone("R", growth=mdr.growth.exponential(rate="0.028 1/h"), start="1000 cell", resistant=True),
        mdr.exosomes(
            "R", "S", "R",
            secretion="100 vesicle/h", uptake="5e-8 mL/h", clearance="0.05 1/h", conversion=0.01, volume="0.1 mL",
        ),
    )  # fmt: skip
    plans = [
        mdr.planned(
            f"{s} S, {r} R", times=DAYS, observables=["S", "R"], replicates=2,
            covariates={"S0": f"{s} cell", "R0": f"{r} cell"},
        )
        for s, r in ((1000, 1000), (1800, 200), (1980, 20))
    ]  # fmt: skip
    free = {
        "growth_S": ("0.002 1/h", "0.2 1/h"),
        "growth_R": ("0.002 1/h", "0.2 1/h"),
        "clearance_exosomes": ("1e-4 1/h", "20 1/h"),
        "conversion_exosomes_S_R": (1e-6, 1),
    }
    words, asked = "exosome transfer in co-cultures", ("growth_R", "clearance_exosomes", "conversion_exosomes_S_R")
    return Case("transfer", words, model, plans, ("lognormal", 0.1), "lognormal", free, asked)


CASES: dict[str, Callable[[], Case]] = {
    "hill_inside": lambda: hill("hill_inside", 5.0, "Hill, EC50 5 nM of 0.1 to 100 nM"),
    "hill_top": lambda: hill("hill_top", 80.0, "Hill, EC50 80 nM of 0.1 to 100 nM"),
    "two_clones": two_clones,
    "transfer": transfer,
}


def covered(case: Case, sets: int, seed: int) -> pd.DataFrame:
    """One row a parameter: sets, covered, share with its interval, open intervals."""
    hits, opened = dict.fromkeys(case.asked, 0), dict.fromkeys(case.asked, 0)
    failed, begun = 0, time.process_time()
    true = {name: case.truth.parameters[name].value for name in case.asked}
    for number in range(sets):
        try:
            data = mdr.simulated_data(case.truth, case.plans, noise=case.noise, seed=seed + number)
            fit = mdr.fit(case.truth, data, case.free, error=case.error, starts=1)
            profiles = fit.profiles(case.asked)
        except PkpdMdrError as problem:
            failed += 1
            print(f"  {case.name}, set {number}: {problem}")
            continue
        for name in case.asked:
            low, high = profiles.interval(name)
            hits[name] += low <= true[name] <= high
            opened[name] += bool(np.isinf(low) or np.isinf(high))
    done = sets - failed
    rows = [
        (case.words, name, done, failed, hits[name] / done, *_interval(hits[name], done), opened[name] / done)
        for name in case.asked
    ]
    columns = ["case", "parameter", "sets", "failed", "coverage", "lower", "upper", "open"]
    table = pd.DataFrame(rows, columns=columns)
    print(f"{case.name}: {(time.process_time() - begun) / sets:.3f} CPU seconds a set")
    print(_text(table), flush=True)
    return table


def _text(table: pd.DataFrame) -> str:
    return table.to_string(index=False, float_format=lambda x: f"{x:.3f}")


def _interval(hits: int, n: int) -> tuple[float, float]:
    """Clopper and Pearson, 95%."""
    low = 0.0 if hits == 0 else float(beta.ppf(0.025, hits, n - hits + 1))
    return low, 1.0 if hits == n else float(beta.ppf(0.975, hits + 1, n - hits))


def main() -> None:
    reader = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    reader.add_argument("--sets", type=int, nargs="+", default=[100], help="one number, or one for each case")
    reader.add_argument("--seed", type=int, default=0)
    reader.add_argument("--cases", nargs="*", default=list(CASES), choices=list(CASES))
    reader.add_argument("--write", action="store_true")
    given = reader.parse_args()
    sets = given.sets * len(given.cases) if len(given.sets) == 1 else given.sets
    pairs = zip(given.cases, sets, strict=True)
    table = pd.concat([covered(CASES[name](), count, given.seed) for name, count in pairs], ignore_index=True)
    text = _text(table)
    if given.write:
        cases = " ".join(given.cases)
        counts = " ".join(map(str, given.sets))
        command = f"python benchmarks/interval_coverage.py --sets {counts} --seed {given.seed} --cases {cases}"
        page = ROOT / "docs" / "benchmarks" / "interval_coverage.md"
        page.write_text(
            f"# Coverage of 95% profile intervals\n\nWritten by `{command} --write`.\n"
            "The columns lower and upper are the 95% interval of the coverage (Clopper and Pearson);\n"
            "open is the share of intervals with an open end.\n\n"
            f"```\n{text}\n```\n",
            encoding="utf-8",
        )


if __name__ == "__main__":
    main()
