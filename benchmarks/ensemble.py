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
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from functools import partial
from multiprocessing import get_context

import numpy as np
from engine_models import Benchmark, m2

import pkpd_mdr as mdr
from pkpd_mdr.engine.machine.compiled import warm_up
from pkpd_mdr.engine.machine.work import Work
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


def measure(label: str, count: int, here: bool, call: Callable[[], mdr.Many]) -> mdr.Many:
    """Run and print what it took; CPU time only where all of it is spent in this process."""
    with in_engine() as seconds:
        wall, cpu, own = time.perf_counter(), time.process_time(), time.thread_time()
        ran = call()
        wall, cpu, own = time.perf_counter() - wall, time.process_time() - cpu, time.thread_time() - own
    print(f"  {label}: {wall:.1f} s, {count / wall:.0f} members/s, peak {peak():.0f} MB, {len(ran.failures)} failed")
    if here:
        outside = 1e6 * (own - seconds[0]) / count
        print(
            f"    CPU time: {1e6 * cpu / count:.0f} us a member, {outside:.0f} us of them outside the compiled engine"
        )
    return ran


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--members", type=int, default=100_000)
    parser.add_argument("--processes", type=int, default=0)
    parser.add_argument("--rtol", type=float, default=1e-4)
    asked = parser.parse_args()
    warm_up()
    given, count = m2(), asked.members
    model, plan = patient(given)
    table = population(given, count)
    pool = ProcessPoolExecutor(asked.processes, mp_context=get_context("spawn")) if asked.processes else None
    common = {
        "until": "84 day",
        "times": "1 day",
        "starts": dict(zip(given.compiled.states, given.start.tolist(), strict=True)),
        "accuracy": mdr.Accuracy(method="rodas", rtol=asked.rtol, atol=1e-3 * asked.rtol),
        "executor": pool,
    }

    def run(parameters: dict[str, np.ndarray], **options: object) -> mdr.Many:
        return mdr.simulate_many(model, plan, parameters=parameters, **(common | options))

    run({name: column[:1000] for name, column in table.items()}, outputs=["S"], reduce="quantiles")
    print(f"{count} members, rtol {asked.rtol:g}, {asked.processes or 'no'} processes; {peak():.0f} MB at start")
    for label, options in (
        ("quantiles of one output at 85 times", {"outputs": ["S"], "reduce": "quantiles"}),
        ("two endpoints", {"endpoints": ["S_end", "Circ_nadir"], "reduce": "endpoints"}),
        ("one output at 85 times kept", {"outputs": ["S"]}),
    ):
        ran = measure(label, count, pool is None, partial(run, table, **options))
    bad = table | {"CLA": table["CLA"].copy()}
    bad["CLA"][count // 2] = math.nan
    again = run(bad, outputs=["S"])
    equal = again.values[again.ok].tobytes() == ran.values[again.ok].tobytes()
    print(f"  one NaN: failed {list(again.failures)}, the others equal bit for bit: {equal}")


if __name__ == "__main__":
    main()
