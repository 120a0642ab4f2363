"""Write docs/laws.md: each closed form and invariant, and the tests that hold it.

Run it after a test was marked with a law: ``python benchmarks/law_table.py``.
"""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests"))

from strategies.identities import LAWS, ROOT, page


def main() -> int:
    """Write the page."""
    target = ROOT / "docs" / "laws.md"
    target.write_text(page(), encoding="utf-8")
    print(f"{len(LAWS)} laws in {target.name}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
