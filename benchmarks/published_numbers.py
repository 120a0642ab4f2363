"""Compute every number that the gallery declares, print the table and write docs/published_numbers.md.

Run it after a change to the gallery or to the engine: ``python benchmarks/published_numbers.py`` (a minute or two).
Exits with 1 if a number is not as declared.
"""

import sys
from pathlib import Path

from pkpd_mdr import gallery
from pkpd_mdr.gallery.published import FLAGS, ORIGINS, TOPICS, Outcome

PAGE = Path(__file__).resolve().parents[1] / "docs" / "published_numbers.md"
HEAD = """# Published numbers

Written by `python benchmarks/published_numbers.py`; do not edit. Each line is computed by a model of the gallery,
`mdr.gallery.<model>()`, and held to its tolerance by tests/gallery/test_results.py. `pkpd-mdr gallery --check` prints
the same table.
"""

CALIBRATED = """Where the source column says that priors were calibrated or set to a number, agreement is no test of the
model.
"""


def cell(text: str) -> str:
    """Text that stands in a cell as it is."""
    return text.replace("|", "\\|").replace("*", "\\*")


def markdown(columns: list[str], rows: list[tuple[str, ...]]) -> str:
    """A table."""
    lines = [columns, ["---"] * len(columns), *([cell(text) for text in row] for row in rows)]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def page(outcomes: list[Outcome]) -> str:
    """The whole page."""
    reached = [outcome for outcome in outcomes if outcome.ok]
    flags = {flag: sum(outcome.result.flag == flag for outcome in reached) for flag in FLAGS}
    counts = ", ".join(f"{count} {flag}" for flag, count in flags.items())
    parts = [HEAD, f"{len(reached)} of {len(outcomes)} numbers and claims are reproduced ({counts}).\n", CALIBRATED]
    parts += [f"- **{flag}**: {words}" for flag, words in FLAGS.items()]
    origins = {word: sum(entry.origins().get(word, 0) for entry in gallery.MODELS.values()) for word in ORIGINS}
    counts = ", ".join(f"{count} {word}" for word, count in origins.items())
    parts.append(
        f"\nThe models have {sum(origins.values())} parameters at their defaults ({counts}), listed by source:\n"
    )
    parts += [f"- **{word}**: {words}" for word, words in ORIGINS.items()]
    listed = list(gallery.numbers(outcomes).columns)
    for entry in gallery.MODELS.values():
        rows = [outcome.row()[1:] for outcome in outcomes if outcome.model == entry.name and outcome.ok]
        parts += [f"\n## {entry.name}\n", f"{entry.summary} {entry.citation}. Topics {', '.join(entry.topics)}.\n"]
        parts += [f"Not the paper's own: {entry.ours}.\n"] if entry.ours else []
        drawn = f", drawn with `.plot({list(entry.draw)})`" if entry.draw else ""
        parts += [f"`{entry.run}`{drawn}\n", markdown(listed[1:], rows), ""]
        parts += [
            f"- {cell(', '.join(f'`{name}`' for name in names))}: {source}" for source, names in entry.sources().items()
        ]
    missed = [(o.model, *o.row()[1:4], o.result.flag, o.result.unreached) for o in outcomes if not o.ok]
    columns = ["model", "quantity", "expected", "obtained", "flag", "best explanation"]
    parts += ["\n## Not reproduced\n", markdown(columns, missed) if missed else "None."]
    parts += ["\n## Topics\n", *(f"- {code}: {words}" for code, words in TOPICS.items())]
    return "\n".join(parts) + "\n"


def main() -> int:
    """Compute, print, write."""
    outcomes = list(gallery.check())
    print(gallery.numbers(outcomes))
    PAGE.write_text(page(outcomes), encoding="utf-8")
    return int(any(not outcome.declared for outcome in outcomes))


if __name__ == "__main__":
    sys.exit(main())
