"""Measured error of the compiled engine on random models, in units of its relative tolerance.

    python benchmarks/engine_accuracy.py [--models 2000] [--seed 0] [--rtol 1e-6 1e-7]

The models are those of the property tests (tests/strategies/models.py), which draw on every mechanism of the library,
each with two uses of every port at random times over 200 h. Judge is SciPy at a relative tolerance of 1e-11, at all
states and marks: LSODA first, and the two methods that agree best where the bar is missed. The absolute tolerance is
1e-18 on both sides, as it is the relative one that is judged. Models that no SciPy method finishes are counted and left
out. What misses the bar is listed, the smallest model first, with its seed of the doses.
"""

from __future__ import annotations

import argparse
import logging
import sys
import time
from pathlib import Path
from typing import NamedTuple

import numpy as np
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests"))

from strategies.models import models
from strategies.runs import exact, measured, random_run

from pkpd_mdr.model import Model

BAR = 5.0


class Outcome(NamedTuple):
    """One model at one tolerance."""

    states: int
    rtol: float
    error: float
    seed: int
    model: str


class Study:
    """Draws models and collects what was measured."""

    def __init__(self, tolerances: list[float]) -> None:
        self.tolerances, self.unjudged, self.drawn = tolerances, 0, 0
        self.outcomes: list[Outcome] = []
        self.begin = time.process_time()

    def one(self, model: Model, doses: int) -> None:
        """Measure one model."""
        run = random_run(model, doses)
        self.drawn += 1
        wanted = exact(run)
        if wanted is None:
            self.unjudged += 1
            return
        for rtol in self.tolerances:
            error = measured(run, rtol, wanted, bar=BAR)
            words = "" if error <= BAR else str(model)
            self.outcomes.append(Outcome(len(run.compiled.states), rtol, error, doses, words))
        if self.drawn % 25 == 0:
            self.report()

    def report(self) -> None:
        """Print the distribution so far."""
        seconds = time.process_time() - self.begin
        print(f"\n{self.drawn} models, {self.unjudged} without a reference, {seconds:.0f} s of processor time")
        print(f"{'rtol':>8} {'median':>8} {'90 %':>8} {'99 %':>8} {'largest':>8} {'above ' + format(BAR, 'g'):>8}")
        for rtol in self.tolerances:
            errors = np.array([item.error for item in self.outcomes if item.rtol == rtol])
            shares = " ".join(f"{x:8.3f}" for x in np.quantile(errors, [0.5, 0.9, 0.99, 1.0], method="higher"))
            print(f"{rtol:8.0e} {shares} {(errors > BAR).sum():8d}", flush=True)

    def failures(self) -> None:
        """Print what misses the bar, the smallest model first."""
        bad = sorted((item for item in self.outcomes if not item.error <= BAR), key=lambda item: item.states)
        for item in bad:
            print(f"\n{item.error:.3g} x rtol at rtol = {item.rtol:g}, {item.states} states, doses {item.seed}")
        if bad:
            print(f"\nthe smallest:\n{bad[0].model}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--models", type=int, default=2000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--rtol", type=float, nargs="+", default=[1e-6, 1e-7])
    options = parser.parse_args()
    logging.getLogger("pkpd_mdr").setLevel(logging.ERROR)
    study = Study(options.rtol)

    @seed(options.seed)
    @settings(
        max_examples=options.models, deadline=None, database=None, phases=[Phase.generate],
        derandomize=False, suppress_health_check=list(HealthCheck),
    )  # fmt: skip
    @given(model=models(), doses=st.integers(0, 2**32 - 1))
    def measure(model: Model, doses: int) -> None:
        study.one(model, doses)

    measure()
    study.report()
    study.failures()


if __name__ == "__main__":
    main()
