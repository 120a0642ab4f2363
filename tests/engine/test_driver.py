"""The choice between the plain loop and the compiled driver."""

from __future__ import annotations

import importlib.util
import shutil
from pathlib import Path

import pytest

pytest.importorskip("llvmlite")

from pkpd_mdr.engine.machine import columns, driver, loop

needs_numba = pytest.mark.skipif(importlib.util.find_spec("numba") is None, reason="needs numba")


def test_without_numba_the_plain_loop_serves(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(driver, "find_spec", lambda name: None)
    assert not driver.has_numba()
    assert driver.compiled_loop(loop.drive, loop.HELPERS, worth=True) is loop.drive


@needs_numba
def test_until_it_is_compiled_the_plain_loop_serves(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(driver, "_done", set())
    monkeypatch.setenv("PKPD_MDR_CACHE", str(tmp_path))
    monkeypatch.delenv("PKPD_MDR_DRIVER", raising=False)
    assert driver.compiled_loop(loop.drive, loop.HELPERS, worth=False) is loop.drive
    folder = Path(driver._folder())
    (folder / "engine_0").mkdir(parents=True)
    (folder / "engine_0" / "loop.drive-1.py3.nbi").touch()
    assert driver._warm(loop.drive)
    assert not driver._warm(columns.drive_columns)
    monkeypatch.setenv("PKPD_MDR_DRIVER", "python")
    assert driver.compiled_loop(loop.drive, loop.HELPERS, worth=True) is loop.drive


@needs_numba
def test_compiled_drivers_are_kept_by_the_content_of_their_sources(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PKPD_MDR_CACHE", str(tmp_path))
    before = driver._folder()
    assert before.startswith(str(tmp_path))
    copied = tmp_path / "machine"
    shutil.copytree(Path(driver.__file__).parent, copied)
    monkeypatch.setattr(driver, "__file__", str(copied / "driver.py"))
    assert driver._folder() == before
    (copied / "loop.py").write_text("# changed")
    assert driver._folder() != before
    monkeypatch.setenv("PKPD_MDR_CACHE", "off")
    assert driver._folder() == ""


def test_parts_of_memory_are_aligned_and_apart() -> None:
    parts = driver.aligned_parts({"a": (3, 8), "b": (5,), "c": (0, 8), "d": (2, 1)})
    for value, part in enumerate(parts.values()):
        assert part.ctypes.data % 64 == 0
        part[...] = value
    assert [float(part.sum()) for part in parts.values()] == [0.0, 5.0, 0.0, 6.0]
