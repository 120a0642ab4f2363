"""Public dose-response numbers: the comparison of benchmarks/reference_curves.py, part by part."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import pytest

SCRIPT = Path(__file__).resolve().parents[2] / "benchmarks" / "reference_curves.py"
PARTS = ["single_curves", "independent", "shared_parameters", "weighted", "growth", "rates", "batch", "combinations"]
FEWEST = {
    "single_curves": 150,
    "independent": 100,
    "shared_parameters": 100,
    "weighted": 5,
    "growth": 15,
    "rates": 4,
    "combinations": 80,
}


@pytest.fixture(scope="module")
def script() -> ModuleType:
    found = importlib.util.spec_from_file_location("reference_curves", SCRIPT)
    assert found is not None
    assert found.loader is not None
    module = importlib.util.module_from_spec(found)
    sys.modules["reference_curves"] = module
    found.loader.exec_module(module)
    return module


def test_every_part_is_tested(script: ModuleType) -> None:
    assert [part.__name__ for part in script.PARTS] == PARTS


@pytest.mark.parametrize("part", PARTS)
def test_public_numbers_are_reproduced(script: ModuleType, shared: Path, part: str) -> None:
    rows = list(getattr(script, part)(shared / "reference" / "dose_response"))
    assert len(rows) >= FEWEST.get(part, 4)
    assert [row for row in rows if not row.fine] == []
