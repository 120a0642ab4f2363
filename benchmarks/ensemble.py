"""How many virtual patients a second, in how much memory? `simulate_many` on M2 (26 states, 51 parameters, 40 events).

    python benchmarks/ensemble.py [--members 100000] [--processes 0] [--rtol 1e-4]

Reports wall time, rate and peak memory of quantiles at 85 times (reduced), of endpoints and of one output kept; the
CPU time per member and how much of it is spent outside the compiled engine; and whether one bad member among all leaves
the others as they are, bit for bit.
"""

from __future__ import annotations

import argparse
import math
import resource
import time
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from multiprocessing import get_context

import numpy as np
from engine_models import Benchmark, m2

import pkpd_mdr as mdr
from pkpd_mdr.engine.machine.compiled import Work, warm_up
from pkpd_mdr.expression import symbol


def patient(given: Benchmark) -> tuple[mdr.Model, mdr.Regimen]:
    """M2 as a model: its right-hand sides are per day, everything else is a plain number."""
    names, compiled = given.compiled.parameters, given.compiled
    model = mdr.Model(
        mdr.parameter("per_day", "1 1/day"),
        *[mdr.parameter(name, float(value)) for name, value in zip(names, given.values, strict=True)],
        *[mdr.state(name) for name in compiled.states],
        *[
            mdr.process(f"d{name}", symbol("per_day") * right, {name: 1})
            for name, right in zip(compiled.states, given.right, strict=True)
        ],
        mdr.dosing("A", into="A1", unit=""),
        mdr.dosing("B", into="B1", unit=""),
    )
    first = mdr.infusion("A", (120.0, ""), over="2 h").every("8 day", times=10)
    second = mdr.infusion("B", (60.0, ""), over="1 day").shift("1 day").every("8 day", times=10)
    return model, first & second


def population(given: Benchmark, count: int) -> dict[str, np.ndarray]:
    """Lognormal parameters, 20 % each."""
    return dict(zip(given.compiled.parameters, given.population(count).T, strict=True))


def peak() -> float:
    """MB of this process at its largest so far."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


@contextmanager
def in_engine() -> Iterator[list[float]]:
    """CPU seconds of this thread inside the compiled driver."""
    seconds, plain = [0.0], Work.run

    def timed(self: Work, *arguments: object) -> None:
        begin = time.thread_time()
        plain(self, *arguments)
        seconds[0] += time.thread_time() - begin

    Work.run = timed
    try:
        yield seconds
    finally:
        Work.run = plain


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--members", type=int, default=100_000)
    parser.add_argument("--processes", type=int, default=0)
    parser.add_argument("--rtol", type=float, default=1e-4)
    asked = parser.parse_args()
    warm_up()
    given = m2()
    model, plan = patient(given)
    table = population(given, asked.members)
    starts = dict(zip(given.compiled.states, given.start.tolist(), strict=True))
    accuracy = mdr.Accuracy(method="rodas", rtol=asked.rtol, atol=1e-3 * asked.rtol)
    pool = ProcessPoolExecutor(asked.processes, mp_context=get_context("spawn")) if asked.processes else None

    def run(parameters: dict[str, np.ndarray], **options: object) -> mdr.Many:
        options = {
            "until": "84 day",
            "times": "1 day",
            "accuracy": accuracy,
            "executor": pool,
            "starts": starts,
        } | options
        return mdr.simulate_many(model, plan, parameters=parameters, **options)

    small = {name: column[:1000] for name, column in table.items()}
    run(small, outputs=["S"], reduce="quantiles")
    print(
        f"{asked.members} members, rtol {asked.rtol:g}, {asked.processes or 'no'} processes; {peak():.0f} MB at start"
    )
    for label, options in (
        ("quantiles of one output at 85 times", {"outputs": ["S"], "reduce": "quantiles"}),
        ("two endpoints (547 rows read)", {"endpoints": ["S_end", "Circ_nadir"], "reduce": "endpoints"}),
        ("one output at 85 times kept", {"outputs": ["S"]}),
    ):
        with in_engine() as seconds:
            begin = time.perf_counter()
            ran = run(table, **options)
            took = time.perf_counter() - begin
        outside = (
            f"; {1e6 * (took - seconds[0]) / asked.members:.0f} us a member outside the engine" if not pool else ""
        )
        print(f"  {label:36s} {took:7.1f} s, {asked.members / took:6.0f} members/s, peak {peak():5.0f} MB{outside}")
        print(f"  {'':36s} {len(ran.failures)} failed")
    bad = {name: column.copy() for name, column in table.items()}
    bad["CLA"][asked.members // 2] = math.nan
    again = run(bad, outputs=["S"])
    equal = again.values[again.ok].tobytes() == ran.values[again.ok].tobytes()
    print(f"  one NaN: failed {list(again.failures)}, the others equal bit for bit: {equal}")


if __name__ == "__main__":
    main()
