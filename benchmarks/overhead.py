"""What runs cost beside integration: single runs, subjects with doses of their own, and dose tables row by row.

    python benchmarks/overhead.py [--subjects 300] [--rounds 7]

CPU milliseconds a run (median of the rounds) and the share of them that the driver of the compiled engine takes. Doses
that differ between all subjects are what clinical tables hold, and nothing can be shared between them.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import numpy as np
import pandas as pd

import pkpd_mdr as mdr
from pkpd_mdr.engine.machine.compiled import warm_up
from pkpd_mdr.engine.machine.work import Work


def model() -> mdr.Model:
    """Doxorubicin in two compartments, a sensitive and a resistant clone."""
    capacity = mdr.parameter("K", "1e12 cell")
    growth = mdr.growth.gompertz(rate="0.003 1/day", capacity=capacity)
    return mdr.Model(
        mdr.pk.two_compartment("dox", CL="53.3 L/h", V1="17.7 L", Q="58.7 L/h", V2="1830 L", molar_mass="543.5 g/mol"),
        mdr.clone("S", growth=growth, start="1e9 cell"),
        mdr.clone("R", growth=growth, start="1e6 cell", resistant=True),
        mdr.kill("dox", on="S", emax="1.2 1/day", ec50="50 nM", hill=1.4),
        mdr.kill("dox", on="R", emax="1.2 1/day", ec50="1 uM", hill=1.4),
    )


def schedules(count: int) -> dict[str, mdr.Regimen]:
    """Eight infusions each, of amounts and at distances of their own."""
    rng = np.random.default_rng(1)
    doses, days = rng.integers(20, 80, count), rng.integers(7, 21, count)
    return {
        f"patient {i}": mdr.infusion("dox", f"{doses[i]} mg", over="1 h").every(f"{days[i]} day", times=8)
        for i in range(count)
    }


def table(count: int) -> pd.DataFrame:
    """Eight daily doses and 20 observations a subject."""
    amounts = np.random.default_rng(2).integers(20, 80, (count, 8))
    doses = [(i, 24.0 * k, amounts[i, k], 1) for i in range(count) for k in range(8)]
    seen = [(i, t, 0, 0) for i in range(count) for t in np.linspace(1.0, 190.0, 20)]
    frame = pd.DataFrame(doses + seen, columns=["ID", "TIME", "AMT", "EVID"])
    return frame.sort_values(["ID", "TIME"], kind="stable", ignore_index=True)


@contextmanager
def driven(spent: list[float]) -> Iterator[None]:
    """Add the CPU seconds of all drivers."""
    run = Work.run

    def timed(work: Work, *given: object) -> None:
        begin = time.process_time()
        run(work, *given)  # type: ignore[arg-type]
        spent[0] += time.process_time() - begin

    Work.run = timed  # type: ignore[method-assign]
    try:
        yield
    finally:
        Work.run = run  # type: ignore[method-assign]


def measured(call: Callable[[], object], rounds: int) -> tuple[float, float]:
    """Median CPU seconds of a call, and the share of the drivers."""
    call()
    whole, inside = [], []
    for _ in range(rounds):
        spent = [0.0]
        with driven(spent):
            begin = time.process_time()
            call()
        whole.append(time.process_time() - begin)
        inside.append(spent[0])
    return float(np.median(whole)), float(np.median(inside) / np.median(whole))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--subjects", type=int, default=300)
    parser.add_argument("--rounds", type=int, default=7)
    given = parser.parse_args()
    warm_up()
    tumour, own, frame = model(), schedules(given.subjects), table(given.subjects)
    one = next(iter(own.values()))

    def read() -> mdr.regimen.DoseRecords:
        return mdr.read_doses(frame, compartments={1: ("dox", "iv")}, amount_unit="mg")

    records = read()
    many = {"until": "26 week", "times": "1 day", "outputs": ["burden"]}
    cases: dict[str, tuple[int, Callable[[], object]]] = {
        "simulate, 241 rows and those for endpoints": (
            20,
            lambda: [tumour.simulate(one, until="26 week") for _ in range(20)],
        ),
        "the same regimen for all": (
            given.subjects,
            lambda: mdr.simulate_many(
                tumour, one, parameters={"hill_dox_S": np.linspace(1, 2, given.subjects)}, **many
            ),
        ),
        "doses of one's own": (given.subjects, lambda: mdr.simulate_many(tumour, own, **many)),
        "a dose table, row by row": (
            given.subjects,
            lambda: mdr.simulate_records(tumour, records, outputs="C_dox"),
        ),
        "reading that table": (given.subjects, read),
    }
    print(f"{'':45s} {'ms a run':>9s} {'driver':>8s}")
    for name, (count, call) in cases.items():
        seconds, share = measured(call, given.rounds)
        print(f"{name:45s} {1e3 * seconds / count:9.3f} {share:8.0%}")


if __name__ == "__main__":
    main()
