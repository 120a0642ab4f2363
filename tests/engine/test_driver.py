"""The choice between the plain loop and the compiled driver."""

from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("llvmlite")

from pkpd_mdr.engine.machine import columns, disk, driver, entry, loop

needs_numba = pytest.mark.skipif(importlib.util.find_spec("numba") is None, reason="needs numba")


def test_without_numba_the_plain_loop_serves(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(driver, "_installed", lambda: False)
    assert not driver.has_numba()
    assert driver.compiled_loop(loop.drive, loop.HELPERS, worth=True) is loop.drive


@needs_numba
def test_until_it_is_compiled_the_plain_loop_serves(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(driver, "_drivers", {})
    monkeypatch.setenv("PKPD_MDR_CACHE", str(tmp_path))
    monkeypatch.delenv("PKPD_MDR_DRIVER", raising=False)
    monkeypatch.setattr(driver, "_spent", {})
    assert not driver.is_compiled(driver.compiled_loop(loop.drive, loop.HELPERS, worth=False))
    (tmp_path / f"{driver._key(loop.drive)}.o").touch()
    assert driver.is_compiled(driver.compiled_loop(loop.drive, loop.HELPERS, worth=False))
    assert not driver.is_compiled(driver.compiled_loop(columns.drive_columns, columns.HELPERS, worth=False))
    monkeypatch.setenv("PKPD_MDR_DRIVER", "python")
    assert driver.compiled_loop(loop.drive, loop.HELPERS, worth=True) is loop.drive


@needs_numba
def test_after_some_seconds_in_the_plain_loop_it_is_compiled(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(driver, "_drivers", {})
    monkeypatch.setattr(driver, "_spent", {})
    monkeypatch.setattr(driver, "_PATIENCE", 0.02)
    monkeypatch.setenv("PKPD_MDR_CACHE", str(tmp_path))
    monkeypatch.delenv("PKPD_MDR_DRIVER", raising=False)

    def slow(seconds: float) -> None:
        time.sleep(seconds)

    for long, compiled in ((0.0, False), (0.03, False), (0.0, True)):
        drive = driver.compiled_loop(slow, [], worth=False)
        assert driver.is_compiled(drive) == compiled
        if not compiled:
            drive(long)


@needs_numba
def test_compiled_drivers_are_kept_by_the_content_of_their_sources(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    key = driver._key.__wrapped__
    before = key(loop.drive)
    copied = tmp_path / "machine"
    shutil.copytree(Path(driver.__file__).parent, copied)
    monkeypatch.setattr(driver, "__file__", str(copied / "driver.py"))
    (copied / "loop.py").write_text("# changed")
    assert key(loop.drive) != before
    assert key(columns.drive_columns) != key(loop.drive)


def test_digests_of_sources_are_kept_by_size_and_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The same contents have the same digest in any folder, at any time; it is read from disk where nothing changed."""
    monkeypatch.setenv("PKPD_MDR_CACHE", str(tmp_path / "cache"))
    digest, here, there = disk._room.__wrapped__, tmp_path / "here", tmp_path / "there"
    for room in (here, there):
        room.mkdir()
        (room / "a.py").write_text("x = 1")
        (room / "notes.txt").write_text(str(room))
    read = Path.read_bytes

    def no_sources(path: Path) -> bytes:
        assert path.suffix != ".py"
        return read(path)

    first = digest(here)
    assert digest(there) == first
    with monkeypatch.context() as patch:
        patch.setattr(Path, "read_bytes", no_sources)
        assert digest(here) == first
    os.utime(here / "a.py", (1, 1))
    assert digest(here) == first
    (here / "a.py").write_text("x = 2")
    assert digest(here) != first
    monkeypatch.setenv("PKPD_MDR_CACHE", "off")
    assert digest(there) == first


_ELSEWHERE = """
import sys
import pkpd_mdr as mdr
model = mdr.Model(mdr.clone("S", growth=mdr.growth.exponential(rate="0.1 1/day")))
print(model.simulate(start={"S": 5.0}, until="20 day").frame["S"].iloc[-1])
print(model.simulate(start={"S": 5.0}, until="20 day", stochastic=mdr.Stochastic(seed=1)).frame["S"].iloc[-1])
print("numba" in sys.modules)
"""


@needs_numba
def test_later_processes_do_without_numba() -> None:
    """The drivers of runs and of stochastic paths come from disk, and give the same bits."""
    first, second = (
        subprocess.run([sys.executable, "-c", _ELSEWHERE], capture_output=True, text=True, check=True).stdout.split()
        for _ in range(2)
    )
    assert second == [*first[:2], "False"]


def test_a_record_becomes_words() -> None:
    table = np.arange(6.0).reshape(2, 3)
    table.flags.writeable = False
    found = entry.words((table, 3, -0.5, (np.zeros((0, 4)),))).tolist()
    assert found[0] == table.ctypes.data
    assert found[1:4] == [2, 3, 3]
    assert found[4] == np.array(-0.5).view(np.int64)
    assert found[6:] == [0, 4]
    with pytest.raises(ValueError, match=r"shape \(3, 2\) in a record of the driver is not contiguous"):
        entry.words((table.T,))


def test_parts_of_memory_are_aligned_and_apart() -> None:
    parts = driver.aligned_parts({"a": (3, 8), "b": (5,), "c": (0, 8), "d": (2, 1)})
    for value, part in enumerate(parts.values()):
        assert part.ctypes.data % 64 == 0
        part[...] = value
    assert [float(part.sum()) for part in parts.values()] == [0.0, 5.0, 0.0, 6.0]
