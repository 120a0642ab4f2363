"""Examples and README code run as they stand."""

from __future__ import annotations

import re
import runpy
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
BLOCKS = re.findall(r"```python\n(.*?)```", (ROOT / "README.md").read_text(encoding="utf-8"), re.DOTALL)


# those in real/ are run below, those in fits/ by tests/fit/test_real_fits.py
EXAMPLES = [path for path in sorted((ROOT / "examples").rglob("*.py")) if path.parent.name not in ("real", "fits")]


@pytest.mark.slow
@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_example(
    path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", [str(path), str(tmp_path)])
    runpy.run_path(str(path), run_name="__main__")
    assert capsys.readouterr().out.strip()
    assert list(tmp_path.glob("*.png"))


REAL = [  # example, further arguments, what it has to say
    ("palbociclib_temozolomide", [], ["22.5 mg/kg: interaction +0.1", "antagonism, n = 23 mice"]),
    ("vemurafenib_bso", [], ["synergy, n = 35 mice", "both: 1 of 8 mice"]),
    ("abiraterone_adaptive", ["P1018", "P1020"], ["aRS = 6", "for sure (95 %) in 2 patients, loses for sure in 0"]),
]


@pytest.mark.slow
@pytest.mark.parametrize(("name", "more", "words"), REAL, ids=[name for name, _, _ in REAL])
def test_example_on_real_data(
    name: str,
    more: list[str],
    words: list[str],
    shared: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    path = ROOT / "examples" / "real" / f"{name}.py"
    monkeypatch.setattr(sys, "argv", [str(path), str(tmp_path), *more])
    monkeypatch.setenv("PKPD_MDR_SHARED", str(shared))
    runpy.run_path(str(path), run_name="__main__")
    said = capsys.readouterr().out
    assert [word for word in words if word not in said] == []
    assert list(tmp_path.glob("*.png"))


def test_real_data_examples_say_what_is_missing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PKPD_MDR_SHARED", str(tmp_path))
    for name, _, _ in REAL:
        monkeypatch.setattr(sys, "argv", [name, str(tmp_path)])
        runpy.run_path(str(ROOT / "examples" / "real" / f"{name}.py"), run_name="__main__")
        assert "put the folder of reference data there, or name it in PKPD_MDR_SHARED" in capsys.readouterr().out


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
