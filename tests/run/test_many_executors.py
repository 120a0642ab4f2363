"""Threads, processes, Dask: the same bits; dead workers, interrupts and checkpoints lose nothing."""

from __future__ import annotations

import json
import os
import pickle
import signal
import subprocess
import sys
from concurrent.futures import Executor, Future, ProcessPoolExecutor, ThreadPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from importlib.util import find_spec
from multiprocessing import get_context

import numpy as np
import pytest
from hypothesis import given, settings
from strategies.ensembles import FAST, arms, deadly, mortal_dask, population, slow, treated
from strategies.models import models

import pkpd_mdr as mdr
from pkpd_mdr.model.model import _arrived
from pkpd_mdr.run.many.checkpoint import fingerprint
from pkpd_mdr.run.many.study import run_chunk

COUNT = 24
OPTIONS = {
    "parameters": population(COUNT // 2),
    "until": "20 day",
    "times": "4 day",
    "outputs": ["burden", "C_dox"],
    "endpoints": ["time_to_progression", "nadir"],
    "accuracy": FAST,
}


@pytest.fixture(scope="module")
def model():
    return treated()


@pytest.fixture(scope="module")
def here(model):
    return mdr.simulate_many(model, arms(), **OPTIONS)


@pytest.fixture(scope="module")
def processes():
    with ProcessPoolExecutor(2, mp_context=get_context("spawn")) as pool:
        yield pool


def same(left: mdr.Many, right: mdr.Many) -> bool:
    return (
        left.values.tobytes() == right.values.tobytes()
        and left.endpoint_values.tobytes() == right.endpoint_values.tobytes()
        and left.failures == right.failures
        and left.members.equals(right.members)
    )


# -- what travels ----------------------------------------------------------------------------------------


def travelled(model):
    sent = pickle.dumps(model)
    assert len(sent) < 50_000
    back = pickle.loads(sent)
    assert back == model
    assert pickle.loads(sent) is back  # joined once
    _arrived.clear()
    return back


def test_a_model_travels_as_declarations(model):
    changed = model.with_parameters(CL_dox="20 L/h").plus(mdr.observable("double", "2*S", unit="cell"))
    assert travelled(changed).parameters["CL_dox"].value == 20.0


@settings(max_examples=25)
@given(models())
def test_every_model_travels(found):
    back = travelled(found)
    assert back.structure_hash == found.structure_hash
    assert {name: part.internal for name, part in back.parameters.items()} == {
        name: part.internal for name, part in found.parameters.items()
    }


def published():
    """Gallery models, as functions; Bozic's lesion is no model of equations."""
    return [entry.make for name, entry in mdr.gallery.MODELS.items() if name != "bozic2013"]


@pytest.mark.parametrize("make", published(), ids=lambda make: make.__name__)
def test_every_gallery_model_travels(make):
    travelled(make())


@pytest.mark.slow
def test_a_model_has_the_same_hash_in_another_process(model):
    code = "from strategies.ensembles import treated; print(treated().content_hash)"
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path), "PYTHONHASHSEED": "7"}
    ran = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
    assert ran.stdout.strip() == model.content_hash


@pytest.mark.parametrize(
    "name",
    ["nadir", "nadir_time", "time_to_progression", "best_response", "auc_burden", "final_share", "S_peak", "S_end"],
)
def test_endpoints_travel(name):
    item = mdr.endpoint(name)
    assert pickle.loads(pickle.dumps(item)).name == item.name


# -- executors -------------------------------------------------------------------------------------------


class InOrder(Executor):
    """Runs at once what it is given: the simplest executor there is."""

    def submit(self, fn, /, *args, **kwargs):
        future: Future = Future()
        try:
            future.set_result(fn(*args, **kwargs))
        except BaseException as problem:
            future.set_exception(problem)
        return future


@pytest.mark.parametrize("size", [None, 5])
def test_threads_give_the_same_bits(model, here, size):
    with ThreadPoolExecutor(2) as pool:
        assert same(here, mdr.simulate_many(model, arms(), **OPTIONS, executor=pool, chunk=size))
    assert same(here, mdr.simulate_many(model, arms(), **OPTIONS, executor=InOrder(), chunk=size))


@pytest.mark.slow
def test_processes_give_the_same_bits(model, here, processes):
    assert same(here, mdr.simulate_many(model, arms(), **OPTIONS, executor=processes, chunk=7))


@pytest.mark.slow
def test_what_cannot_travel_is_said(model, processes):
    plan = mdr.rule(lambda visit: None, visit="5 day")
    with pytest.raises(mdr.SimulationError, match=r"cannot be sent to other processes .* or use threads") as caught:
        mdr.simulate_many(model, plan, **OPTIONS, executor=processes)
    assert isinstance(caught.value.partial, mdr.Many)


# -- workers that die ------------------------------------------------------------------------------------


@pytest.mark.slow
def test_a_worker_that_dies_once_is_replaced(model, tmp_path):
    plans = {"deadly": deadly(tmp_path, times=1, above=1.5e6), "none": mdr.nothing()}
    starts = {"S": [1e6, 2e6]}
    options = {"until": "10 day", "times": "5 day", "outputs": ["S"], "starts": starts, "accuracy": FAST}
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        ran = mdr.simulate_many(model, plans, **options, executor=pool, chunk=1)
    assert len(list(tmp_path.glob("death *"))) == 1
    assert ran.ok.all()
    assert same(ran, mdr.simulate_many(model, plans, **options))


@pytest.mark.slow
def test_a_chunk_that_always_kills_is_given_up(model, tmp_path):
    plan = deadly(tmp_path, times=99, above=1.5e6)
    options = {"until": "10 day", "times": "5 day", "outputs": ["S"], "accuracy": FAST}
    with ProcessPoolExecutor(2, mp_context=get_context("spawn")) as pool:
        ran = mdr.simulate_many(
            model,
            plan,
            starts={"S": [1e6, 2e6, 1.1e6, 1.2e6]},
            **options,
            executor=pool,
            chunk=1,
            retries=1,
            checkpoint=tmp_path / "study",
        )
    assert list(ran.failures) == [1]
    assert "the worker died 2 times while this chunk of 1 members ran (BrokenProcessPool" in ran.failures[1].sentence
    assert len(list((tmp_path / "study").glob("chunk-*.npz"))) == 3  # a later run tries the lost chunk again
    good = mdr.simulate_many(model, mdr.nothing(), starts={"S": [1e6, 1.1e6, 1.2e6]}, **options)
    assert ran.values[[0, 2, 3], 0].tobytes() == good.values[:, 0].tobytes()


class Flaky(InOrder):
    """A process pool that was broken before it began."""

    def submit(self, fn, /, *args, **kwargs):
        raise BrokenProcessPool("broken")


def test_a_broken_executor_of_another_kind_is_said(model):
    with pytest.raises(mdr.SimulationError, match="is broken and cannot be replaced"):
        mdr.simulate_many(model, **OPTIONS, executor=Flaky())


# -- stopped ---------------------------------------------------------------------------------------------


def test_progress_is_told_and_can_stop(model, here):
    told = []
    mdr.simulate_many(model, arms(), **OPTIONS, chunk=5, progress=lambda done, total: told.append((done, total)))
    assert told == [(done, COUNT) for done in (5, 10, 15, 20, 24)]
    with pytest.raises(mdr.SimulationError, match="stopped by progress= after 10 of 24 members") as caught:
        mdr.simulate_many(model, arms(), **OPTIONS, chunk=5, progress=lambda done, total: done < 10)
    partial = caught.value.partial
    assert partial.ok.sum() == 10
    assert partial.values[:10].tobytes() == here.values[:10].tobytes()
    assert partial.failures[10].sentence == "not run: stopped by progress= after 10 of 24 members"


def test_a_bar_needs_tqdm(model, capsys, monkeypatch):
    pytest.importorskip("tqdm")
    mdr.simulate_many(model, **OPTIONS, progress=True)
    assert "12/12" in capsys.readouterr().err

    def missing(name):
        raise ImportError(name)

    monkeypatch.setattr("pkpd_mdr.run.progress.import_module", missing)
    with pytest.raises(mdr.SimulationError, match=r"pip install 'pkpd-mdr\[progress\]'"):
        mdr.simulate_many(model, **OPTIONS, progress=True)


@pytest.mark.parametrize("threads", [0, 2])
def test_an_interrupt_keeps_what_is_done(model, here, threads):
    def interrupt(done, total):
        if done >= 10:
            raise KeyboardInterrupt

    pool = ThreadPoolExecutor(threads) if threads else None
    with pytest.raises(KeyboardInterrupt) as caught:
        mdr.simulate_many(model, arms(), **OPTIONS, chunk=5, progress=interrupt, executor=pool)
    partial = caught.value.partial
    assert partial.ok.sum() >= 10
    assert partial.values[partial.ok].tobytes() == here.values[partial.ok].tobytes()
    assert ".partial of this exception" in caught.value.__notes__[0]
    if pool is not None:
        pool.shutdown()


@pytest.fixture
def heard():
    """SIGINT raises KeyboardInterrupt, also where the tests run in the background of a shell, which ignores it."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("heard")
def test_control_c_in_the_middle_of_a_chunk(model):
    signal_later = mdr.rule(lambda visit: signal.raise_signal(signal.SIGINT), visit="5 day")
    with pytest.raises(KeyboardInterrupt) as caught:
        mdr.simulate_many(model, {"none": mdr.nothing(), "stop": signal_later}, **OPTIONS, chunk=12)
    assert caught.value.partial.ok.tolist() == [True] * 12 + [False] * 12


def test_what_a_callable_raises_is_told(model):
    def broken(done, total):
        raise ValueError("no such bar")

    with pytest.raises(mdr.SimulationError, match=r"the run cannot go on \(ValueError: no such bar\)") as caught:
        mdr.simulate_many(model, **OPTIONS, progress=broken)
    assert caught.value.partial.ok.all()


# -- checkpoints -----------------------------------------------------------------------------------------


def counted(monkeypatch):
    """Numbers of the chunks that are computed."""
    seen = []

    def run(study, chunk):
        seen.append(chunk.number)
        return run_chunk(study, chunk)

    monkeypatch.setattr("pkpd_mdr.run.many.workers.run_chunk", run)
    return seen


def test_a_study_goes_on_where_it_stopped(model, here, tmp_path, monkeypatch):
    folder = tmp_path / "study"
    with pytest.raises(mdr.SimulationError, match="stopped"):
        mdr.simulate_many(model, arms(), **OPTIONS, chunk=5, checkpoint=folder, progress=lambda done, total: done < 10)
    assert sorted(path.name for path in folder.iterdir()) == ["chunk-000000.npz", "chunk-000001.npz", "manifest.json"]
    seen = counted(monkeypatch)
    assert same(here, mdr.simulate_many(model, arms(), **OPTIONS, checkpoint=folder))
    assert seen == [2, 3, 4]
    assert same(here, mdr.simulate_many(model, arms(), **OPTIONS, checkpoint=str(folder)))
    assert seen == [2, 3, 4]


def test_failures_are_kept_too(model, tmp_path, monkeypatch):
    options = {"starts": {"S": [0.0, 1e6], "R": [0.0, 0.0]}, "until": "5 day", "endpoints": ["best_response"]}
    first = mdr.simulate_many(model, **options, accuracy=FAST, checkpoint=tmp_path / "study")
    seen = counted(monkeypatch)
    again = mdr.simulate_many(model, **options, accuracy=FAST, checkpoint=tmp_path / "study")
    assert seen == []
    assert first.failures == again.failures
    assert list(again.failures) == [0]


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04 not a whole file", None])
def test_a_damaged_chunk_is_computed_again(model, here, tmp_path, monkeypatch, content):
    mdr.simulate_many(model, arms(), **OPTIONS, chunk=8, checkpoint=tmp_path)
    path = tmp_path / "chunk-000001.npz"
    path.write_bytes(path.read_bytes()[:-200] if content is None else content)
    seen = counted(monkeypatch)
    assert same(here, mdr.simulate_many(model, arms(), **OPTIONS, checkpoint=tmp_path))
    assert seen == [1]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"parameters": population(12, seed=2)}, "parameters differs"),
        ({"until": "21 day"}, "until differs"),
        ({"times": "5 day"}, "times differs"),
        ({"starts": {"S": [1e5]}}, "starts differs"),
        ({"endpoints": ["nadir"]}, "endpoints differs"),
        ({"seed": 3}, "seed differs"),
        ({"chunk": 7}, "chunk differs"),
        ({"accuracy": mdr.Accuracy(method="rodas", rtol=1e-7)}, "accuracy differs"),
        ({"accuracy": mdr.Accuracy(method="rodas", rtol=1e-7), "seed": 3}, "accuracy and seed differ;"),
    ],
)
def test_another_study_is_refused(model, tmp_path, change, words):
    options = OPTIONS | {"chunk": 8}
    with pytest.raises(mdr.SimulationError, match="stopped"):
        mdr.simulate_many(model, arms(), **options, checkpoint=tmp_path, progress=lambda done, total: False)
    with pytest.raises(mdr.SimulationError, match="belongs to another study") as caught:
        mdr.simulate_many(model, arms(), **(options | change), checkpoint=tmp_path)
    assert words in str(caught.value)


def test_another_model_or_regimen_is_refused(model, tmp_path):
    mdr.simulate_many(model, arms(), **OPTIONS, checkpoint=tmp_path)
    with pytest.raises(mdr.SimulationError, match="model differs"):
        mdr.simulate_many(model.with_parameters(V_dox="51 L"), arms(), **OPTIONS, checkpoint=tmp_path)
    other = arms() | {"daily": mdr.oral("dox", "51 mg")}
    with pytest.raises(mdr.SimulationError, match="regimens differs"):
        mdr.simulate_many(model, other, **OPTIONS, checkpoint=tmp_path)


def test_a_folder_of_something_else_is_not_touched(model, tmp_path):
    (tmp_path / "thesis.txt").write_text("all of it")
    with pytest.raises(mdr.SimulationError, match="holds something else than a checkpoint"):
        mdr.simulate_many(model, **OPTIONS, checkpoint=tmp_path)
    with pytest.raises(mdr.SimulationError, match="is a file; name a folder"):
        mdr.simulate_many(model, **OPTIONS, checkpoint=tmp_path / "thesis.txt")
    (tmp_path / "thesis.txt").unlink()
    (tmp_path / "manifest.json").write_text("{")
    with pytest.raises(mdr.SimulationError, match=r"manifest .* cannot be read"):
        mdr.simulate_many(model, **OPTIONS, checkpoint=tmp_path)
    (tmp_path / "manifest.json").write_text(json.dumps({"format": 99, "content": {}}))
    with pytest.raises(mdr.SimulationError, match="its format is 99, not 2"):
        mdr.simulate_many(model, **OPTIONS, checkpoint=tmp_path)


def test_content_of_functions_is_what_they_do():
    def made(level):
        return lambda visit: visit.burden > level

    def other(level):
        return lambda visit: visit.burden < level

    assert fingerprint(made(1.0)) == fingerprint(made(1.0))
    assert len({fingerprint(item) for item in (made(1.0), made(2.0), other(1.0))}) == 3
    assert fingerprint(np.arange(3)) != fingerprint(np.arange(3.0))
    models = [mdr.Model(mdr.clone("S", growth=mdr.growth.exponential(rate=rate))) for rate in ("1 1/day", "2 1/day")]
    assert str(models[0]) == str(models[1])  # a summary
    assert fingerprint(models[0]) != fingerprint(models[1])
    assert fingerprint(models[0]) == fingerprint(mdr.Model(*models[0].mechanisms))
    with pytest.raises(mdr.SimulationError, match="no content that a checkpoint could compare"):
        fingerprint(object())


# -- Dask ------------------------------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.skipif(find_spec("distributed") is None, reason="distributed is not installed")
def test_dask_with_a_worker_killed_half_way(model, here):
    """Two worker processes; one is killed after the first chunk, its chunk is run again, and no bit differs."""
    plans = arms() | {"slow": slow(0.05)}
    with mortal_dask() as (executor, kill, killed):
        ran = mdr.simulate_many(model, plans, **OPTIONS, executor=executor, chunk=4, progress=kill)
    assert killed
    assert ran.ok.all()
    assert ran.values[:COUNT].tobytes() == here.values.tobytes()
    assert ran.endpoint_values[:COUNT].tobytes() == here.endpoint_values.tobytes()
