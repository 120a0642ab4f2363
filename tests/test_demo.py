"""The main job runs and the README shows what it gives."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from pkpd_mdr.__main__ import main
from pkpd_mdr.demo import WITH, WITHOUT, run_demo

README = (Path(__file__).resolve().parents[1] / "README.md").read_text(encoding="utf-8")
NUMBER = re.compile(r"(?<![\w.])[+-]?\d+(?:\.\d+)?(?:e[+-]?\d+)?")


def rows(text: str) -> dict[str, list[float]]:
    """Lines of a table that hold numbers, by their first word."""
    found = {}
    for line in text.splitlines():
        numbers = [float(n) for n in NUMBER.findall(line)]
        if numbers and line.startswith("  "):
            found[re.split(r"\s{2,}", line.strip())[0]] = numbers
    return found


@pytest.mark.slow
def test_the_demo_gives_what_the_readme_shows(tmp_path: Path) -> None:
    said: list[str] = []
    found = run_demo(tmp_path / "new", say=said.append)
    shown = README.split("## What the demo does")[1].split("```text\n")[1].split("```")[0]
    report, table = found.fits[WITHOUT].report(), str(found.comparison).split("\n\n")[1]
    assert found.verdict.split(". By AICc")[0] in shown
    expected, got = rows(shown), rows(report[report.index("Estimates") : report.index("What could")] + "\n" + table)
    names = [*found.fits[WITHOUT].values, *found.comparison.plans]
    for name in names:
        key = next(row for row in expected if row.split()[0] == name or row == name)
        mine = next(row for row in got if row.split()[0] == name or row == name)
        # estimates and medians; intervals of draws and shares of wins depend on more digits
        np.testing.assert_allclose(got[mine][0], expected[key][0], rtol=0.02, err_msg=name)
    assert found.held_out[WITH] > 0
    left = {path.name for path in (tmp_path / "new").iterdir()}
    assert {"comparison.csv", "estimates.csv", "verdict.txt", "fit.png", "courses.png"} <= left
    assert any("Comparison of 5 arms" in text for text in said)


def test_the_readme_holds_two_commands_that_do_all() -> None:
    assert "python -m pip install . && pkpd-mdr demo" in README
    assert 'python -m pip install -e ".[dev]" && python -m pytest -n 2' in README


def test_the_command_line_checks_a_table(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    table = tmp_path / "counts.csv"
    table.write_text("hour,dose,count\n0,0,100\n24,0,180\n0,50,100\n24,50,90\n", encoding="utf-8")
    code = main(["check", str(table), "--time", "hour [h]", "--value", "count [cell]", "--drug", "dox=dose [nM]"])
    assert code == 0
    assert "2 conditions" in capsys.readouterr().out
    table.write_text("hour;count\n0;1.100\n24;1.234,5\n", encoding="utf-8")
    columns = ["--time", "hour [h]", "--value", "count [1]", "--decimal", ",", "--thousands", "."]
    assert main(["check", str(table), *columns]) == 0
    assert main(["check", str(table), *columns, "--sheet", "A"]) == 2
    assert "is text and has no sheet 'A'" in capsys.readouterr().err


def test_the_command_line_refuses_in_one_sentence(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    table = tmp_path / "counts.csv"
    table.write_text("hour,count\n0,100\n24,many\n", encoding="utf-8")
    assert main(["check", str(table), "--time", "hour [h]", "--value", "count [cell]"]) == 2
    sentence = capsys.readouterr().err
    assert "many" in sentence
    assert sentence.count("\n") == 1


def test_the_gallery_is_listed(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["gallery"]) == 0
    assert "strobl2021" in capsys.readouterr().out
    assert main(["gallery", "stroble2021"]) == 2
    assert "'strobl2021'" in capsys.readouterr().err


@pytest.mark.slow
def test_the_engine_is_warmed_up(capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("numba")
    assert main(["warm-up"]) == 0
    assert "ready" in capsys.readouterr().out


def test_the_module_runs_as_a_program() -> None:
    done = subprocess.run([sys.executable, "-m", "pkpd_mdr", "gallery"], capture_output=True, text=True, check=True)
    assert "greene2019" in done.stdout


def test_a_reader_that_has_seen_enough_is_no_error() -> None:
    """As in ``pkpd-mdr gallery | head``: the pipe is closed before anything is written."""
    code = "import sys; from pkpd_mdr.__main__ import main; sys.stdin.read(); sys.exit(main(['gallery', 'stein2008']))"
    with subprocess.Popen(
        [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as ran:
        ran.stdout.close()
        ran.stdin.close()
        assert ran.stderr.read() == b""
    assert ran.returncode == 0


def test_bad_arguments_are_refused_before_any_work(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["demo", "--draws", "0"])
    assert "'0' is not a whole number of 1 or more" in capsys.readouterr().err
    (tmp_path / "file").touch()
    assert main(["demo", "--out", str(tmp_path / "file")]) == 2
    assert "File exists" in capsys.readouterr().err
    assert main(["check", "table.csv", "--value", "count", "--drug", "dox"]) == 2
    assert "--drug 'dox' is not drug=column" in capsys.readouterr().err
