"""Write docs/mechanisms.md: each mechanism, its biology, states, parameters with ranges, and who uses it.

Run it after a change to a mechanism, the gallery or the examples: ``python benchmarks/mechanism_table.py``.
"""

import sys
from collections.abc import Sequence
from pathlib import Path

from published_numbers import markdown

from pkpd_mdr import mechanisms
from pkpd_mdr.gallery.catalogue import uses
from pkpd_mdr.mechanisms.cards import HEADINGS, Card, cards

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / "docs" / "mechanisms.md"
_NAMED = 4  # models and examples that are named in a row
HEAD = """# Mechanisms

Written by `python benchmarks/mechanism_table.py`; do not edit. `mdr.mechanisms.table()` is the first table,
`mdr.mechanisms.table("kill")` the parameters of one; `pkpd-mdr mechanisms [name]` prints them.

States and parameters are those of a smallest use, with a drug dox and clones S and R. Where a range comes from:
**published** (read in the publication named; ranges are wider than single values), **recalled** (remembered from
several sources, not looked up), **wide prior** (ten times less and more than an assumed value, because no measured
source is known), **bounds** (what is possible at all).

The columns gallery and examples say where a mechanism can be seen at work: `mdr.gallery` holds the published models,
and examples/mechanisms/ tells a story for each part of the biology (glioma_temozolomide, efflux_and_vesicles,
immune_and_antigen, persistence_and_plasticity, delivery_and_toxicity).
"""


def examples(card: Card) -> list[str]:
    """Examples that use a mechanism."""
    paths = sorted((ROOT / "examples").rglob("*.py"))
    return [path.stem for path in paths if uses(card.name, path.read_text(encoding="utf-8"))]


def first(names: Sequence[str]) -> str:
    """A few names, and how many more there are: all of them would be most of the table."""
    more = len(names) - _NAMED
    return ", ".join(names) if more < 2 else f"{', '.join(names[:_NAMED])} and {more} more"


def page() -> str:
    """The whole page."""
    parts = [HEAD]
    for heading in HEADINGS:
        chosen = [card for card in cards().values() if card.heading == heading]
        rows = [
            (f"`{c.name}`", c.biology, ", ".join(c.states()), first(c.used_by()), first(examples(c))) for c in chosen
        ]
        parts += [f"\n## {heading}\n", markdown(["mechanism", "stands for", "states", "gallery", "examples"], rows)]
        for card in chosen:
            listing = mechanisms.table(card.name)
            if listing.rows:
                parts += [f"\n### {card.name}\n", markdown(list(listing.columns), list(listing.rows))]
    return "\n".join(parts) + "\n"


def main() -> int:
    """Write the page."""
    PAGE.write_text(page(), encoding="utf-8")
    print(f"{len(cards())} mechanisms in {PAGE.name}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
