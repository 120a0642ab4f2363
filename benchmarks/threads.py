"""What a second thread gains, and whether it changes a bit of any result.

    python benchmarks/threads.py [M1 M2] [--rounds 7]

Wall time of an ensemble on one and on two threads, in turn; a machine that does other work shows less than there is.
"""

from __future__ import annotations

import argparse
import time

import numpy as np
from engine_models import MODELS, Benchmark

from pkpd_mdr.engine import Accuracy, Ensemble
from pkpd_mdr.engine.machine.compiled import solve_compiled, warm_up

MEMBERS = {"M1": 8000, "M2": 3000}


def solve(model: Benchmark, threads: int) -> tuple[Ensemble, float]:
    """The ensemble, and the seconds it took."""
    rows = model.population(MEMBERS[model.name])
    starts = np.repeat(model.start[None], len(rows), axis=0)
    begin = time.perf_counter()
    found = solve_compiled(
        model.compiled, rows, starts, [model.timeline] * len(rows), model.compiled.states[:1],
        accuracy=Accuracy(rtol=1e-6, atol=1e-9), threads=threads,
    )  # fmt: skip
    return found, time.perf_counter() - begin


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("models", nargs="*", default=list(MODELS))
    parser.add_argument("--rounds", type=int, default=7)
    asked = parser.parse_args()
    warm_up()
    for name in asked.models:
        model, gains, equal = MODELS[name](), [], True
        for _ in range(asked.rounds + 1):
            (one, alone), (two, both) = solve(model, 1), solve(model, 2)
            gains.append(alone / both)
            equal &= all(
                a.values.tobytes() == b.values.tobytes() for a, b in zip(one.members, two.members, strict=True)
            )
        gains = sorted(gains[1:])  # the first round compiles
        spread = f"[{gains[0]:.2f} .. {gains[-1]:.2f}]"
        print(f"{name}: two threads are {np.median(gains):.2f} {spread} times as fast; equal bit for bit: {equal}")


if __name__ == "__main__":
    main()
