"""A comparison is the same on processes and on Dask, and when a worker is killed half-way."""

from __future__ import annotations

import os
import signal
import warnings
from concurrent.futures import ProcessPoolExecutor
from importlib.util import find_spec
from multiprocessing import get_context

import pytest
from strategies.ensembles import FAST, arms, deadly, population, slow, treated

import pkpd_mdr as mdr

OPTIONS = {
    "parameters": population(12),
    "until": "20 day",
    "endpoints": ["time_to_progression", "nadir"],
    "stop": {"burden": "1e9 cell"},
    "null": True,
    "accuracy": FAST,
}


@pytest.fixture(scope="module")
def here():
    return mdr.compare(treated(), arms(), **OPTIONS)


def same(left: mdr.Comparison, right: mdr.Comparison) -> bool:
    return (
        left.values.tobytes() == right.values.tobytes()
        and left.ends.tobytes() == right.ends.tobytes()
        and left.burden.tobytes() == right.burden.tobytes()
        and left.given.equals(right.given)
        and str(left) == str(right)
    )


@pytest.mark.slow
def test_two_processes_one_of_which_dies(here, tmp_path):
    """The worker that sees the first large burden ends without a word; its chunk is run again."""
    plans = arms() | {"deadly": deadly(tmp_path, times=1, above=1.0)}
    with ProcessPoolExecutor(2, mp_context=get_context("spawn")) as pool:
        assert same(here, mdr.compare(treated(), arms(), **OPTIONS, executor=pool))
        ran = mdr.compare(treated(), plans, **OPTIONS, executor=pool)
    assert len(list(tmp_path.glob("death *"))) == 1
    assert not ran.failures
    assert ran.values[:2].tobytes() == here.values.tobytes()


@pytest.mark.slow
def test_a_worker_that_always_dies_fails_its_members(tmp_path):
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        plans = arms() | {"deadly": deadly(tmp_path, times=99, above=1e99)}
        fine = mdr.compare(treated(), plans, **OPTIONS, executor=pool)
        assert not fine.failures
        plans = {"deadly": deadly(tmp_path, times=99, above=1.0)}
        with pytest.raises(mdr.SimulationError, match="arm 'deadly', draw 0: the worker died 1 times"):
            mdr.compare(treated(), plans, **(OPTIONS | {"null": False}), executor=pool, retries=0)


@pytest.mark.slow
@pytest.mark.skipif(find_spec("distributed") is None, reason="distributed is not installed")
def test_dask_with_a_worker_killed_half_way(here):
    with warnings.catch_warnings():
        for module in ("distributed", "tornado", "dask", "asyncio", "psutil"):
            warnings.filterwarnings("ignore", module=rf"{module}(\..*)?")
        from distributed import Client, LocalCluster

        cluster = LocalCluster(
            n_workers=2, threads_per_worker=1, processes=True, dashboard_address=None, silence_logs=50
        )
        with cluster, Client(cluster, timeout="30s") as client:
            killed = []

            def kill(done, total):
                if not killed:
                    killed.extend(client.run(os.getpid).values())
                    os.kill(killed[0], signal.SIGKILL)

            plans = arms() | {"slow": slow(0.05)}
            ran = mdr.compare(treated(), plans, **OPTIONS, executor=client.get_executor(), progress=kill)
    assert killed
    assert not ran.failures
    assert ran.values[:2].tobytes() == here.values.tobytes()
