"""Work against precision: this engine and whatever peers are installed, on five models.

    python benchmarks/work_precision.py [M1 M2 L1 L2 L3] [--rounds 5] [--peers heyoka_taylor ...] [--keep]

CPU time of one process (user and system) on one core, warm: a solver is built and run once before it is timed.
Error is the median over the sampled members of the largest abs(y - reference)/(abs(reference) + 1e-3) over all daily
times and states; the reference is this engine at rtol 1e-11, and atol is rtol/1000 where a solver has one. Solvers are
compared at equal *measured* error, 1e-6 unless said otherwise: the time of each is interpolated between the two
tolerances, a decade apart, whose errors enclose it, linearly in log time and log error. Rounds are interleaved, solver
by solver; a ratio is taken within its round. Derivatives are compared likewise at error 1e-5, which is the largest
abs(dS*p)/(abs(S*p) + 1e-3) over times, states and parameters of the typical member.
"""

from __future__ import annotations

import argparse
import gc
import os
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import peers
import report
from engine_models import MODELS, Benchmark
from larger_models import LARGER
from peers.problem import Problem, error

ALL = MODELS | LARGER
_LEAST = 0.05  # CPU seconds that a measurement lasts at least


@dataclass
class Point:
    """One tolerance of one solver."""

    rtol: float
    error: float
    seconds: float


@dataclass
class Entry:
    """One solver on one model."""

    module: ModuleType
    solver: Any
    points: list[Point] = field(default_factory=list)
    pair: tuple[Point, Point] | None = None
    why_not: str = ""
    one: list[float] = field(default_factory=list)
    many: list[float] = field(default_factory=list)

    @property
    def name(self) -> str:
        return str(self.module.NAME)

    @property
    def batch(self) -> int:
        return int(getattr(self.module, "BATCH", 1))


def cpu(call: Callable[[], object], repeats: int = 1) -> float:
    """CPU seconds of one call."""
    gc.collect()
    begin = time.process_time()
    for _ in range(repeats):
        call()
    return (time.process_time() - begin) / repeats


def one_by_one(solver: Any, rows: np.ndarray, rtol: float) -> np.ndarray:
    return np.concatenate([solver.solve(rows[i : i + 1], rtol) for i in range(len(rows))])


def sweep(entry: Entry, target: float, limit: float, measure: Callable[[float], tuple[float, float]]) -> None:
    """The work-precision curve, from loose to tight, until it is far below the target or costs too much."""
    first, last = entry.solver.decades
    for decade in np.arange(first, last - 0.5, -1.0):
        rtol = float(10.0**decade)
        wrong, seconds = measure(rtol)
        entry.points.append(Point(rtol, wrong, seconds))
        if wrong < target / 30 or seconds > limit:
            break
    for loose, tight in zip(entry.points, entry.points[1:], strict=False):
        if loose.error >= target >= tight.error:
            entry.pair = loose, tight
    if entry.pair is None:
        least = min(point.error for point in entry.points)
        entry.why_not = f"error {least:.0e} at best within {limit:g} s" if least > target else "never so inexact"


def at_equal_error(pair: tuple[Point, Point], target: float, seconds: tuple[float, float]) -> float:
    """Time at the target's error: linear in log time and log error between two tolerances."""
    loose, tight = pair
    share = np.log(loose.error / target) / max(np.log(loose.error / tight.error), 1e-9)
    return float(np.exp(np.log(seconds[0]) + share * np.log(seconds[1] / seconds[0])))


def repeats(seconds: float) -> int:
    return max(1, int(np.ceil(_LEAST / max(seconds, 1e-6))))


def build(modules: list[ModuleType], problem: Problem) -> list[Entry]:
    entries = []
    for module in modules:
        try:
            entries.append(Entry(module, module.Solver(problem)))
        except Exception as refused:  # a peer that cannot take the model is reported, and the others go on
            entries.append(Entry(module, None, why_not=f"cannot take the model: {str(refused)[:80]}"))
    return entries


def trajectories(model: Benchmark, modules: list[ModuleType], given: argparse.Namespace) -> list[Entry]:
    """All solvers on one model: curves, then interleaved rounds at equal error."""
    population, problem = model.population(given.members), Problem(model)
    sample = population[: given.sample]
    entries = build(modules, problem)
    reference = entries[0].solver.solve(sample, 1e-11)
    for entry in (e for e in entries if e.solver is not None):

        def measure(rtol: float, solver: Any = entry.solver) -> tuple[float, float]:
            found = one_by_one(solver, sample, rtol)
            return error(found, reference), cpu(lambda: one_by_one(solver, sample, rtol)) / len(sample)

        try:
            sweep(entry, given.target, given.limit, measure)
        except Exception as broken:
            entry.why_not = f"failed: {str(broken)[:80]}"
        print(f"  {entry.name:15s}", *(f"{p.rtol:.0e}: {p.error:.1e} {1e3 * p.seconds:.3g} ms;" for p in entry.points))
    for _ in range(given.rounds):
        for entry in (e for e in entries if e.pair is not None):
            time_round(entry, sample, population, given)
    return entries


def time_round(entry: Entry, sample: np.ndarray, population: np.ndarray, given: argparse.Namespace) -> None:
    one, many = [], []
    assert entry.pair is not None
    for point in entry.pair:
        count = repeats(point.seconds * len(sample))
        one.append(cpu(lambda: one_by_one(entry.solver, sample, point.rtol), count) / len(sample))  # noqa: B023
        if entry.batch > 1:
            # slow solvers get one batch, which is what they solve at a time anyway
            rows = population[: entry.batch] if point.seconds > given.slow else population
            if not entry.many:
                entry.solver.solve(rows, point.rtol)
            many.append(cpu(lambda: entry.solver.solve(rows, point.rtol)) / len(rows))  # noqa: B023
    entry.one.append(at_equal_error(entry.pair, given.target, (one[0], one[1])))
    entry.many.append(at_equal_error(entry.pair, given.target, (many[0], many[1])) if many else entry.one[-1])


def sensitivities(model: Benchmark, modules: list[ModuleType], given: argparse.Namespace) -> list[Entry]:
    """Trajectory and its derivatives by all parameters, for the solvers that have them."""
    entries = [e for e in build(modules, Problem(model)) if getattr(e.solver, "derivatives", None)]
    row, target = model.values, 1e-5
    exact = entries[0].solver.derivatives(row, 1e-11)
    scale = np.abs(exact * row) + 1e-3
    for entry in entries:

        def measure(rtol: float, solver: Any = entry.solver) -> tuple[float, float]:
            found = solver.derivatives(row, rtol)
            return float((np.abs(found - exact) * row / scale).max()), cpu(lambda: solver.derivatives(row, rtol))

        sweep(entry, target, given.limit, measure)
        print(f"  {entry.name:15s}", *(f"{p.rtol:.0e}: {p.error:.1e} {1e3 * p.seconds:.3g} ms;" for p in entry.points))
    for _ in range(given.rounds):
        for entry in (e for e in entries if e.pair is not None):
            times = [
                cpu(lambda: entry.solver.derivatives(row, point.rtol), repeats(point.seconds))  # noqa: B023
                for point in entry.pair
            ]
            entry.one.append(at_equal_error(entry.pair, target, (times[0], times[1])))
    return entries


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("models", nargs="*", default=list(ALL), help="M1 M2 L1 L2 L3")
    parser.add_argument("--peers", nargs="*", default=list(peers.MODULES[1:]), help=", ".join(peers.MODULES[1:]))
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--members", type=int, default=256)
    parser.add_argument("--sample", type=int, default=4, help="members that are solved one by one and judged")
    parser.add_argument("--target", type=float, default=1e-6, help="the measured error at which times are compared")
    parser.add_argument("--limit", type=float, default=20.0, help="CPU seconds that a trajectory may take")
    parser.add_argument("--slow", type=float, default=0.03, help="from so many seconds on an ensemble is one batch")
    parser.add_argument("--derivatives", nargs="*", default=["M1", "M2"])
    parser.add_argument("--out", type=Path, default=Path(__file__).resolve().parents[1] / "docs" / "benchmarks")
    parser.add_argument("--keep", action="store_true", help="keep the other models of an earlier run in the folder")
    return parser.parse_args()


def main() -> None:
    given = arguments()
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})  # one core, also for peers with threads of their own
    modules, missing = peers.installed(("this_engine", *given.peers))
    for name, why in missing.items():
        print(f"{name} takes no part: {why}")
    results = report.Results(given, modules)
    if given.keep:
        results.keep(given.out, {name: report.size(make()) for name, make in ALL.items() if name not in given.models})
    for name in given.models:
        model = ALL[name]()
        print(f"{name}: {report.size(model)}")
        results.add(name, model, trajectories(model, modules, given))
        if name in given.derivatives:
            print(f"{name}, derivatives")
            results.add_derivatives(name, sensitivities(model, modules, given))
        results.write(given.out)  # after each model, so that an interrupted run leaves what it measured
    print(results.markdown())


if __name__ == "__main__":
    main()
