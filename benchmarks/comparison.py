"""How long does a comparison take? Six arms of the two-drug model of examples/03, three years, the same anywhere.

    python benchmarks/comparison.py [--draws 1000] [--processes 2] [--dask]

Reports the wall time, members a second and where the time goes by arm; then the same on processes, and on a local
cluster of Dask, and whether every value is the same to the last bit.
"""

from __future__ import annotations

import argparse
import sys
import time
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

import numpy as np
import pandas as pd

import pkpd_mdr as mdr
from pkpd_mdr.engine.machine.compiled import warm_up

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "examples"))


def study(count: int) -> dict[str, object]:
    """Arguments of the comparison."""
    example = __import__("03_compare")
    rng = np.random.default_rng(7)
    draws = {
        "ec50_dox_S": 50 * rng.lognormal(0, 0.3, count),
        "ec50_dox_R": rng.lognormal(0, 0.3, count),
        "cost_R": rng.uniform(0.0, 0.4, count),
    }
    return {
        "model": example.model,
        "arms": example.arms | {"pac, then dox": example.pac.then(example.dox)},
        "parameters": pd.DataFrame(draws),
        "start": {"S": 1e9, "R": 1e7},
        "endpoints": ["time_to_progression", "resistant_share", "anc_nadir"],
        "fair": "total_dose",
        "until": "3 year",
        "seed": 7,
        "accuracy": mdr.Accuracy(rtol=1e-6),
    }


def timed(given: dict[str, object], label: str, **where: object) -> mdr.Comparison:
    """One comparison, and what it took."""
    begin, used = time.perf_counter(), time.process_time()
    found = mdr.compare(**given, **where)  # type: ignore[arg-type]
    took, used = time.perf_counter() - begin, time.process_time() - used
    members = found.values.shape[0] * found.values.shape[1]
    own = "" if where else f", {used:.1f} s of processor, {1e3 * used / members:.2f} ms a member"
    print(f"{label:<28}{took:8.1f} s{members / took:10.0f} members/s{own}", flush=True)
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--draws", type=int, default=1000)
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--dask", action="store_true")
    parser.add_argument("--arms", action="store_true", help="time each arm by itself, too")
    chosen = parser.parse_args()
    given = study(chosen.draws)
    warm_up()
    mdr.compare(**(given | {"parameters": given["parameters"][:2]}))  # type: ignore[index,arg-type]
    here = timed(given, "here, engine's threads")
    print(here)
    if chosen.arms:
        for name, plan in given["arms"].items():  # type: ignore[attr-defined]
            timed(given | {"arms": {name: plan}, "fair": None}, f"  {name}")
    if chosen.processes:
        with ProcessPoolExecutor(chosen.processes, mp_context=get_context("spawn")) as pool:
            there = timed(given, f"{chosen.processes} processes", executor=pool)
        print(f"  same bits: {there.values.tobytes() == here.values.tobytes()}, same text: {str(there) == str(here)}")
    if chosen.dask:
        from distributed import Client, LocalCluster

        with (
            LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None) as cluster,
            Client(cluster) as client,
        ):
            there = timed(given, "Dask, 2 workers", executor=client.get_executor())
        print(f"  same bits: {there.values.tobytes() == here.values.tobytes()}, same text: {str(there) == str(here)}")


if __name__ == "__main__":
    main()
