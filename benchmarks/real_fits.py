"""Expected against obtained for every fit to public data in examples/fits; writes docs/benchmarks/real_fits.md.

    python benchmarks/real_fits.py [NAME ...]

With names, only those are run and printed. The data are looked for where the examples look for them.
"""

from __future__ import annotations

import importlib
import sys
import time
from collections import Counter
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "examples" / "fits")]
PAGE = ROOT / "docs" / "benchmarks" / "real_fits.md"
HELPERS = {"answers"}

HEAD = """# Fits to public data: expected against obtained

Written by `python benchmarks/real_fits.py`. Each block is one script of examples/fits, whose first lines say where the
data and the expected numbers come from. A rule "within x" is a distance, "at most" a bound; numbers called recalled are
from memory of the paper and only say that the size is right. The data stay outside the project.
"""


def main() -> int:
    given, sys.argv[1:] = sys.argv[1:], []
    scripts = sorted(path.stem for path in (ROOT / "examples" / "fits").glob("*.py") if path.stem not in HELPERS)
    folder = importlib.import_module("answers").folder_of_data()
    blocks, count = [HEAD], Counter()
    for name in given or scripts:
        module, start = importlib.import_module(name), time.process_time()
        lines = module.answers(folder)
        story = (module.__doc__ or name).strip()
        print(f"{name}: {sum(line.met for line in lines)} of {len(lines)}, {time.process_time() - start:.1f} s of CPU")
        rows = [
            f"| {a.what} | {a.expected} | {a.obtained} | {a.rule} | {'yes' if a.met else '**no**'} |".replace("\n", " ")
            for a in lines
        ]
        table = "\n".join(["| what | expected | obtained | rule | met |", "|---|---|---|---|---|", *rows])
        blocks.append(f"## {name}\n\n{story}\n\n{table}\n")
        count.update("met" if line.met else "missed" for line in lines)
    print(f"{count['met']} of {count.total()} expectations are met")
    if not given:
        blocks.insert(1, f"{count['met']} of {count.total()} expectations are met.\n")
        PAGE.write_text("\n".join(blocks), encoding="utf-8")
    else:
        print("\n".join(blocks[1:]))
    return 1 if count["missed"] else 0


if __name__ == "__main__":
    sys.exit(main())
