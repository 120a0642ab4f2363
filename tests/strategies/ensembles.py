"""A small model for ensembles, and rules that misbehave; importable from worker processes."""

from __future__ import annotations

import os
import signal
import time
import warnings
from collections.abc import Callable, Iterator
from concurrent.futures import Executor
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd

import pkpd_mdr as mdr
from pkpd_mdr.regimen import Visit

__all__ = ["FAST", "arms", "deadly", "mortal_dask", "population", "slow", "treated"]

FAST = mdr.Accuracy(method="rodas", rtol=1e-6)


def treated() -> mdr.Model:
    """Oral drug, two clones; S' = growth*S**1.5 without drug has no value from a finite time on."""
    return mdr.Model(
        mdr.parameter("super", "1e-9 1/h"),
        mdr.pk.one_compartment("dox", CL="10 L/h", V="50 L", ka="1 1/h"),
        mdr.clone("S", growth=mdr.growth.formula("super*S**0.5"), start=1e6),
        mdr.clone("R", growth=mdr.growth.exponential(rate="0.05 1/day"), start=1e3, resistant=True),
        mdr.kill("dox", on="S", emax="0.05 1/h", ec50="0.5 mg/L", hill=1.5),
    )


def population(count: int, seed: int = 1) -> pd.DataFrame:
    """Lognormal parameters in the units of the model."""
    rng = np.random.default_rng(seed)
    return pd.DataFrame(
        {
            "ec50_dox_S": 0.5 * rng.lognormal(0, 0.3, count),
            "CL_dox": 10 * rng.lognormal(0, 0.3, count),
            "growth_R": 0.05 * rng.lognormal(0, 0.2, count),
        }
    )


def arms() -> dict[str, mdr.Regimen | mdr.Strategy]:
    """A regimen and a strategy."""
    daily = mdr.oral("dox", "50 mg").every("1 day", times=10)
    return {"daily": daily, "adaptive": mdr.adaptive(daily, visit="5 day", stop_below=0.9)}


def _die(folder: str, times: int, above: float, visit: Visit) -> mdr.Regimen | None:
    """End the process without a word, so often in all, when it sees a burden above a threshold."""
    if visit.burden > above:
        for number in range(times):
            try:
                (Path(folder) / f"death {number}").touch(exist_ok=False)
            except FileExistsError:
                continue
            os._exit(3)
    return None


def deadly(folder: Path, *, times: int, above: float) -> mdr.Strategy:
    """A strategy that kills its worker."""
    return mdr.rule(partial(_die, str(folder), times, above), visit="5 day")


def _wait(seconds: float, visit: Visit) -> mdr.Regimen | None:
    time.sleep(seconds)
    return None


def slow(seconds: float) -> mdr.Strategy:
    """A strategy that takes its time for each member."""
    return mdr.rule(partial(_wait, seconds), visit="5 day")


@contextmanager
def mortal_dask() -> Iterator[tuple[Executor, Callable[[int, int], None], list[int]]]:
    """Two Dask workers, a `progress=` that kills one of them when it is first called, and who was there then."""
    with warnings.catch_warnings():
        for module in ("distributed", "tornado", "dask", "asyncio", "psutil"):
            warnings.filterwarnings("ignore", module=rf"{module}(\..*)?")
        from distributed import Client, LocalCluster

        cluster = LocalCluster(
            n_workers=2, threads_per_worker=1, processes=True, dashboard_address=None, silence_logs=50
        )
        with cluster, Client(cluster, timeout="30s") as client:
            killed: list[int] = []

            def kill(done: int, total: int) -> None:
                if not killed:
                    killed.extend(client.run(os.getpid).values())
                    os.kill(killed[0], signal.SIGKILL)

            yield client.get_executor(), kill, killed
