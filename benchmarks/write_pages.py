"""Write what the code on the pages of docs/ prints: models.md, regimens.md, fitting.md and words.md.

Run it after a change to one of them: ``PYTHONPATH=. python benchmarks/write_pages.py``. It takes half a minute.
"""

import contextlib
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests"))

from strategies.pages import PAGES, filled


def main() -> None:
    """Fill the blocks of text; pages whose name is given, or all."""
    for path in PAGES:
        if not sys.argv[1:] or path.name in sys.argv[1:]:
            with tempfile.TemporaryDirectory() as folder, contextlib.chdir(folder):
                page = filled(path.read_text(encoding="utf-8"))
            path.write_text(page, encoding="utf-8")


if __name__ == "__main__":
    main()
