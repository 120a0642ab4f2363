"""This engine beside the study code that its design was measured with: ensembles, one thread, equal measured error.

    python benchmarks/study.py [folder of engine_study] [--members 400] [--rounds 9] [--target 1e-6]

The folder is the argument, or ../shared/engine_study beside the project; without it nothing runs. The study's driver
writes files where it runs, so it runs in a temporary folder. Both solve the same members and keep all states at all
days, the study in as many lanes as fill a register, this engine in as many as it takes; error and interpolation are
those of work_precision.py. The ratio is the study's time divided by ours, round by round: 1 is equal speed, 0.87 is
15 % slower than the study.
"""

from __future__ import annotations

import argparse
import importlib
import os
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import numpy as np
from engine_models import MODELS
from peers import this_engine
from peers.problem import Problem, error
from work_precision import Point, at_equal_error, cpu

from pkpd_mdr.engine.machine import native

_DEFAULT = Path(__file__).resolve().parents[2] / "shared" / "engine_study"
_JUDGED = 32
Solve = Callable[[np.ndarray, float], np.ndarray]


def load(folder: Path) -> tuple[ModuleType, ModuleType]:
    """The study's models and driver, from its folder."""
    if not (folder / "lane_driver.py").is_file():
        sys.exit(f"skipped: no study code at {folder}; give its folder as an argument")
    sys.path.insert(0, str(folder))
    return importlib.import_module("models"), importlib.import_module("lane_driver")


def pair(solve: Solve, sample: np.ndarray, exact: np.ndarray, target: float) -> tuple[Point, Point]:
    """Two tolerances, a decade apart, whose errors enclose the target."""
    points: list[Point] = []
    for exponent in range(-3, -10, -1):
        rtol = 10.0**exponent
        points.append(Point(rtol, error(solve(sample, rtol), exact), 0.0))
        if points[-1].error < target:
            return points[-2], points[-1]
    sys.exit(f"no tolerance reaches the error {target:g}")


def compare(name: str, study: tuple[ModuleType, ModuleType], given: argparse.Namespace) -> None:
    """Interleaved rounds on one model."""
    model = MODELS[name]()
    population = model.population(given.members)
    width = native.preferred_width()
    ours, theirs = this_engine.Solver(Problem(model)), study[1].LaneEngine(study[0].MODELS[name](), width)
    exact = ours.solve(population[:_JUDGED], 1e-11)
    solvers: dict[str, Solve] = {
        "this engine": ours.solve,
        "study": lambda rows, rtol: theirs.solve(rows, rtol, 1e-3 * rtol),
    }
    pairs = {who: pair(solve, population[:_JUDGED], exact, given.target) for who, solve in solvers.items()}
    found: dict[str, list[float]] = {who: [] for who in solvers}
    for _ in range(given.rounds):
        for who, solve in solvers.items():
            times = [cpu(lambda: solve(population, point.rtol)) for point in pairs[who]]  # noqa: B023
            found[who].append(at_equal_error(pairs[who], given.target, (times[0], times[1])) / given.members)
    print(f"{name}: {given.members} members, {width} lanes, one thread, {given.rounds} rounds")
    for who, values in found.items():
        errors = ", ".join(f"rtol {point.rtol:.0e} errs {point.error:.1e}" for point in pairs[who])
        milli = [1e3 * value for value in values]
        print(f"  {who:12s} {np.median(milli):.4f} ms  [{min(milli):.4f} .. {max(milli):.4f}]   {errors}")
    ratios = [b / a for a, b in zip(found["this engine"], found["study"], strict=True)]
    print(f"  study / this engine at error {given.target:.0e}: ", end="")
    print(f"{np.median(ratios):.3f}  [{min(ratios):.3f} .. {max(ratios):.3f}]")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", nargs="?", type=Path, default=_DEFAULT)
    parser.add_argument("--models", nargs="*", default=list(MODELS))
    parser.add_argument("--members", type=int, default=400)
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--target", type=float, default=1e-6)
    given = parser.parse_args()
    folder = given.folder.resolve()
    with tempfile.TemporaryDirectory() as temporary:
        os.chdir(temporary)
        study = load(folder)
        for name in given.models:
            compare(name, study, given)
        os.chdir(folder)  # a folder in use cannot be removed everywhere


if __name__ == "__main__":
    main()
