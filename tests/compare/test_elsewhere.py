"""A comparison is the same on processes and on Dask, and when a worker is killed half-way."""

from __future__ import annotations

from concurrent.futures import BrokenExecutor, ProcessPoolExecutor, ThreadPoolExecutor
from importlib.util import find_spec
from multiprocessing import get_context

import numpy as np
import pytest
from strategies.ensembles import FAST, arms, deadly, mortal_dask, population, slow, treated

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
    plans = arms() | {"slow": slow(0.05)}
    with mortal_dask() as (executor, kill, killed):
        ran = mdr.compare(treated(), plans, **OPTIONS, executor=executor, progress=kill)
    assert killed
    assert not ran.failures
    assert ran.values[:2].tobytes() == here.values.tobytes()


# -- stopped ---------------------------------------------------------------------------------------------

MANY = OPTIONS | {"parameters": population(60), "null": False}
"""Chunks of 50 draws: both arms treat the first 50 before the others come."""


@pytest.fixture(scope="module")
def whole():
    return mdr.compare(treated(), arms(), **MANY)


def _when(least, problem):
    def told(done, total):
        if done >= least:
            raise problem

    return told


@pytest.mark.parametrize("threads", [0, 2])
def test_an_interrupt_keeps_the_draws_that_all_arms_finished(whole, threads):
    pool = ThreadPoolExecutor(threads) if threads else None
    with pytest.raises(KeyboardInterrupt) as caught:
        mdr.compare(treated(), arms(), **MANY, progress=_when(100, KeyboardInterrupt()), executor=pool)
    if pool is not None:
        pool.shutdown()
    partial = caught.value.partial
    done = partial.kept
    assert isinstance(partial, mdr.Comparison)
    assert done.sum() == 50 or threads  # threads may have finished the rest before they are told
    assert partial.values[:, done].tobytes() == whole.values[:, done].tobytes()
    assert {failure.sentence for failure in partial.failures} <= {"not run: KeyboardInterrupt"}
    assert len(partial.failures) == np.isnan(partial.values).any(axis=2).sum()
    assert threads or "use the 50 of 60 draws that all arms finished" in str(partial)
    assert "of 120 members are done; they are in .partial of this exception" in caught.value.__notes__[0]


@pytest.mark.parametrize(
    ("progress", "words"),
    [
        (lambda done, total: done < 100, "stopped by progress= after 100 of 120 members"),
        (_when(100, ValueError("no such bar")), r"the run cannot go on \(ValueError: no such bar\)"),
    ],
)
def test_a_comparison_that_cannot_go_on_has_what_was_done(whole, progress, words):
    with pytest.raises(mdr.SimulationError, match=words) as caught:
        mdr.compare(treated(), arms(), **MANY, progress=progress)
    partial = caught.value.partial
    assert partial.kept.tolist() == [True] * 50 + [False] * 10
    assert partial.table["draws"].tolist() == [50] * 4
    assert partial.values[:, :50].tobytes() == whole.values[:, :50].tobytes()


def test_an_arm_alone_is_kept_and_not_compared(whole):
    with pytest.raises(mdr.SimulationError, match="after 50 of 120 members") as caught:
        mdr.compare(treated(), arms(), **MANY | {"null": True}, progress=lambda done, total: False)
    partial = caught.value.partial
    told = partial.draws.query("arm == 'daily' and endpoint == 'nadir'")
    assert told["value"].tolist()[:50] == pytest.approx(whole.values[0, :50, 1].tolist(), rel=1e-5)
    assert "no draw was finished by all arms" in str(partial)
    assert "nadir" not in str(partial)
    for ask in (
        partial.best,
        partial.survival,
        lambda: partial.table,
        lambda: partial.difference("daily", "adaptive"),
        partial.plot_courses,
        lambda: partial.plot_waterfall("daily"),
    ):
        with pytest.raises(mdr.SimulationError, match="no draw was finished by all arms"):
            ask()


def test_a_lost_executor_loses_no_draw(whole):
    class Lost(ThreadPoolExecutor):
        """Takes two chunks and no more."""

        left = 2

        def submit(self, *arguments, **options):
            self.left -= 1
            if self.left < 0:
                raise BrokenExecutor("gone")
            return super().submit(*arguments, **options)

    with Lost(1) as pool, pytest.raises(mdr.SimulationError, match="is broken and cannot be replaced") as caught:
        mdr.compare(treated(), arms(), **MANY, executor=pool)
    assert isinstance(caught.value.partial, mdr.Comparison)
