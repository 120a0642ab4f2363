"""Examples and README code run as they stand."""

from __future__ import annotations

import re
import runpy
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
BLOCKS = re.findall(r"```python\n(.*?)```", (ROOT / "README.md").read_text(encoding="utf-8"), re.DOTALL)


@pytest.mark.slow
@pytest.mark.parametrize("path", sorted((ROOT / "examples").rglob("*.py")), ids=lambda path: path.stem)
def test_example(
    path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", [str(path), str(tmp_path)])
    runpy.run_path(str(path), run_name="__main__")
    assert capsys.readouterr().out.strip()
    assert list(tmp_path.glob("*.png"))


def test_the_readme_shows_the_examples_as_they_are() -> None:
    for path in sorted((ROOT / "examples").glob("0[123]_*.py")):
        text = path.read_text(encoding="utf-8")
        assert any(len(block) > 400 and block.strip().splitlines()[-1] in text for block in BLOCKS), path.name


def test_the_readme_model_of_equations_runs() -> None:
    block = next(block for block in BLOCKS if "dormancy" in block)
    scope = runpy.run_path(_written(block))
    assert scope["run"].frame["T"].iloc[-1] > 0


def _written(block: str) -> str:
    import tempfile

    with tempfile.NamedTemporaryFile("w", suffix=".py", delete=False, encoding="utf-8") as file:
        file.write(block)
    return file.name
