"""Pages of docs/ whose code runs: a block of Python, and below it a block of text with what it prints."""

from __future__ import annotations

import contextlib
import io
import re
import runpy
import tempfile
from pathlib import Path

__all__ = ["FIRST_PART", "PAGES", "ROOT", "filled"]

ROOT = Path(__file__).resolve().parents[2]
PAGES = [ROOT / "docs" / name for name in ("models.md", "regimens.md", "fitting.md", "words.md")]
FIRST_PART = "## Where to begin"
"""The README is such a page up to here."""

_PYTHON = re.compile(r"(```python\n)(.*?)(```)(\n\n```text\n.*?```)?", re.DOTALL)
_END = "<end of a block>"


def filled(page: str) -> str:
    """A page with what its code prints now; its blocks are one program, run in the folder at hand."""
    blocks = [match[2] for match in _PYTHON.finditer(page)]
    said = iter(_output("\n".join(f"{block}\nprint({_END!r})" for block in blocks)).split(f"{_END}\n"))
    return _PYTHON.sub(lambda match: match[1] + match[2] + match[3] + _shown(next(said), match[4]), page)


def _shown(said: str, place: str | None) -> str:
    if place is None and said:
        raise ValueError(f"a block prints, and the page has no place for it: {said}")
    return "" if place is None else f"\n\n```text\n{said.rstrip()}\n```"


def _output(program: str) -> str:
    with tempfile.TemporaryDirectory() as folder, contextlib.redirect_stdout(io.StringIO()) as said:
        path = Path(folder) / "page.py"
        path.write_text(program, encoding="utf-8")
        runpy.run_path(str(path))
    return said.getvalue()
