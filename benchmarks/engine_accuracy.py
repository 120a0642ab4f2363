"""Measured error of the compiled engine on random models, in units of its relative tolerance.

    python benchmarks/engine_accuracy.py [--models 2000] [--seed 0] [--rtol 1e-6 1e-7] [--workers 2] [--only 1906 ...]

The models are those of the property tests (tests/strategies/models.py), which draw on every mechanism of the library,
each with two uses of every port at random times over 200 h. Judge is SciPy at a relative tolerance of 1e-11, at all
states and marks: LSODA first, and the two methods that agree best where the bar is missed. The absolute tolerance is
1e-18 on both sides, as it is the relative one that is judged; what still misses the bar is asked again at 1e-90, and
how often that was so is counted (tests/strategies/runs.py says why). Models that no SciPy method finishes are counted
and left out. What misses the bar is listed with its number, by which `--only` runs it again, and the model.

Models are drawn before anything is run, because Hypothesis also draws from the constants of whatever modules are loaded
by then: so one seed means the same models whenever the code of the package is the same.
"""

from __future__ import annotations

import argparse
import logging
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from functools import partial
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


class Drawn(NamedTuple):
    """A random model, and the seed of its doses."""

    number: int
    model: Model
    doses: int


class Outcome(NamedTuple):
    """One model at one tolerance."""

    number: int
    states: int
    rtol: float
    error: float
    atol: float


def draw(count: int, start: int) -> list[Drawn]:
    """As many models; the same for the same start."""
    drawn: list[Drawn] = []

    @seed(start)
    @settings(
        max_examples=count, deadline=None, database=None, phases=[Phase.generate],
        derandomize=False, suppress_health_check=list(HealthCheck),
    )  # fmt: skip
    @given(model=models(), doses=st.integers(0, 2**32 - 1))
    def one(model: Model, doses: int) -> None:
        drawn.append(Drawn(len(drawn), model, doses))

    one()
    return drawn


def outcomes(item: Drawn, tolerances: list[float]) -> list[Outcome]:
    """What one model gives; nothing if SciPy cannot judge it."""
    logging.getLogger("pkpd_mdr").setLevel(logging.ERROR)
    run = random_run(item.model, item.doses)
    wanted = exact(run)
    if wanted is None:
        return []
    size = len(run.compiled.states)
    return [Outcome(item.number, size, rtol, *measured(run, rtol, wanted, bar=BAR)) for rtol in tolerances]


def report(done: list[list[Outcome]], tolerances: list[float], seconds: float) -> None:
    """Print the distribution so far."""
    unjudged = sum(not one for one in done)
    print(f"\n{len(done)} models, {unjudged} without a reference, {seconds:.0f} s")
    heads = ["rtol", "median", "90 %", "99 %", "largest", f"above {BAR:g}", "at 1e-90"]
    print(" ".join(f"{head:>8}" for head in heads))
    for rtol in tolerances:
        found = [item for one in done for item in one if item.rtol == rtol]
        errors = np.array([item.error for item in found])
        shares = " ".join(f"{x:8.3f}" for x in np.quantile(errors, [0.5, 0.9, 0.99, 1.0], method="higher"))
        deep = sum(item.atol < 1e-18 for item in found)
        print(f"{rtol:8.0e} {shares} {(errors > BAR).sum():8d} {deep:8d}", flush=True)


def failures(done: list[list[Outcome]], drawn: dict[int, Drawn]) -> None:
    """Print what misses the bar or was asked again at 1e-90, the smallest model first."""
    told: set[int] = set()
    notable = (item for one in done for item in one if not item.error <= BAR or item.atol < 1e-18)
    for item in sorted(notable, key=lambda item: (item.states, item.number)):
        print(
            f"\nmodel {item.number}, {item.states} states, doses {drawn[item.number].doses}: "
            f"{item.error:.3g} x rtol at rtol = {item.rtol:g}, atol = {item.atol:g}"
        )
        if item.number not in told and not item.error <= BAR:
            print(drawn[item.number].model)
        told.add(item.number)


def measure(chosen: list[Drawn], tolerances: list[float], workers: int) -> Iterator[list[Outcome]]:
    """What all models give, in order."""
    work = partial(outcomes, tolerances=tolerances)
    if workers == 1:
        yield from map(work, chosen)
        return
    with ProcessPoolExecutor(workers) as pool:
        yield from pool.map(work, chosen)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--models", type=int, default=2000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--rtol", type=float, nargs="+", default=[1e-6, 1e-7])
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--only", type=int, nargs="+", help="the numbers of models to run")
    options = parser.parse_args()
    logging.getLogger("pkpd_mdr").setLevel(logging.ERROR)
    begin = time.monotonic()
    drawn = draw(options.models, options.seed)
    chosen = drawn if options.only is None else [drawn[number] for number in options.only]
    done: list[list[Outcome]] = []
    for one in measure(chosen, options.rtol, options.workers):
        done.append(one)
        if len(done) % 100 == 0 or len(done) == len(chosen):
            report(done, options.rtol, time.monotonic() - begin)
    failures(done, {item.number: item for item in chosen})


if __name__ == "__main__":
    main()
