"""Write README.md from docs/readme.md, what its first script prints and draws, the examples and the demo's output.

Run it after a change to any of them: ``python benchmarks/write_readme.py``. It runs the demo (about a minute).
"""

import contextlib
import shutil
import sys
import tempfile
from pathlib import Path
from textwrap import fill

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests"))

from strategies.pages import FIRST_PART, ROOT, filled

from pkpd_mdr.demo import run_demo


def example(name: str) -> str:
    """The declarations of an example: without its docstring and its main block."""
    text = (ROOT / "examples" / name).read_text(encoding="utf-8")
    body = text.split('"""', 2)[2].split('if __name__ == "__main__":')[0]
    return "\n".join(
        line for line in body.strip().splitlines() if line not in ("import sys", "from pathlib import Path")
    ).strip()


def excerpt() -> str:
    """The estimates, the verdict and the primary endpoint, as the demo prints them."""
    with tempfile.TemporaryDirectory() as folder:
        found = run_demo(Path(folder))
    report = found.fits["without transfer"].report()
    estimates = report[report.index("Estimates") : report.index("What could not")].rstrip()
    table = str(found.comparison).split("\n\n")
    return "\n\n".join([estimates, fill(found.verdict, 110, break_on_hyphens=False), table[0], table[1]])


def main() -> None:
    """Fill the template."""
    first, end, rest = (ROOT / "docs" / "readme.md").read_text(encoding="utf-8").partition(FIRST_PART)
    with tempfile.TemporaryDirectory() as folder, contextlib.chdir(folder):
        page = filled(first) + end + rest
        shutil.copy("courses.png", ROOT / "docs" / "readme" / "courses.png")
    for mark, name in (("@@EX1@@", "01_simulate.py"), ("@@EX2@@", "02_fit.py"), ("@@EX3@@", "03_compare.py")):
        page = page.replace(mark, example(name))
    (ROOT / "README.md").write_text(page.replace("@@DEMO@@", excerpt()), encoding="utf-8")


if __name__ == "__main__":
    main()
