"""Every closed form and invariant has a test, and the page that lists them is true."""

from __future__ import annotations

from pathlib import Path

import pytest
from strategies.identities import GALLERY, LAWS, marked_tests, page

from pkpd_mdr import gallery

MARKED = marked_tests()


@pytest.mark.parametrize("law", LAWS)
def test_a_law_is_held(law: str) -> None:
    held = [
        result.quantity
        for model, words in GALLERY.get(law, ())
        for result in gallery.find(model).results
        if words in result.quantity
    ]
    assert len(held) >= len(GALLERY.get(law, ())), "the gallery has no such number any more"
    assert MARKED.get(law) or held, f"no test is marked with pytest.mark.law({law!r})"


def test_no_test_is_marked_with_a_law_that_does_not_exist() -> None:
    assert set(MARKED) <= set(LAWS)


def test_the_page_is_the_table() -> None:
    path = Path(__file__).resolve().parents[1] / "docs" / "laws.md"
    assert path.read_text(encoding="utf-8") == page(), "run benchmarks/law_table.py"
