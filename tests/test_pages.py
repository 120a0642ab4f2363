"""The pages of docs/ show what their code prints, and name what there is."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
from strategies.pages import PAGES, ROOT, filled

NUMBER = re.compile(r"(?<![\w.])[+-]?\d+(?:\.\d+)?(?:e[+-]?\d+)?")
LINK = re.compile(r"\]\(([^)#:]+)\)")


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.stem)
def test_a_page_shows_what_its_code_prints(path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    shown = path.read_text(encoding="utf-8")
    now = filled(shown)
    assert NUMBER.sub("#", now).split() == NUMBER.sub("#", shown).split()
    numbers = [np.array(NUMBER.findall(page), dtype=float) for page in (now, shown)]
    np.testing.assert_allclose(*numbers, rtol=0.02)  # as in other tests of pages: last digits differ between machines


@pytest.mark.parametrize(
    "path", [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))], ids=lambda path: path.stem
)
def test_links_of_a_page_lead_somewhere(path: Path) -> None:
    assert [link for link in LINK.findall(path.read_text(encoding="utf-8")) if not (path.parent / link).exists()] == []
