"""The pages of docs/ show what their code prints, and name what there is."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
from strategies.pages import FIRST_PART, PAGES, ROOT, filled

NUMBER = re.compile(r"(?<![\w.])[+-]?\d+(?:\.\d+)?(?:e[+-]?\d+)?")
LINK = re.compile(r"\]\(([^)#:]*)(?:#([^)]+))?\)")


@pytest.mark.parametrize("path", [*PAGES, ROOT / "README.md"], ids=lambda path: path.stem)
def test_a_page_shows_what_its_code_prints(path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    shown = path.read_text(encoding="utf-8").partition(FIRST_PART)[0]  # all of it, but for the README
    now = filled(shown)
    assert NUMBER.sub("#", now).split() == NUMBER.sub("#", shown).split()
    numbers = [np.array(NUMBER.findall(page), dtype=float) for page in (now, shown)]
    np.testing.assert_allclose(*numbers, rtol=0.02)  # as in other tests of pages: last digits differ between machines


@pytest.mark.parametrize(
    "path",
    [ROOT / "README.md", *(path for path in sorted((ROOT / "docs").glob("*.md")) if path.name != "readme.md")],
    ids=lambda path: path.stem,
)
def test_links_of_a_page_lead_somewhere(path: Path) -> None:
    for link, part in LINK.findall(path.read_text(encoding="utf-8")):
        target = path.parent / link if link else path
        assert target.exists(), link
        assert not part or part in anchors(target), f"{link}#{part}"


def anchors(page: Path) -> set[str]:
    """Headings of a page as links to them are written."""
    heads = re.findall(r"^#+ (.+)$", page.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", head).lower().replace(" ", "-") for head in heads}
