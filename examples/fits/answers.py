"""What all fits of this folder share: where the data are, where pictures go, and answers beside what was expected.

The data are public, but not part of this project: `folder_of_data` says where they are looked for.
"""

import os
import sys
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Answer:
    """A number that somebody else reported, beside ours."""

    what: str
    expected: str
    obtained: str
    rule: str
    met: bool


def near(what: str, expected: float, obtained: float, within: float) -> Answer:
    """Ours must lie within a distance of theirs."""
    return Answer(
        what, f"{expected:.5g}", f"{obtained:.5g}", f"within {within:.2g}", abs(obtained - expected) <= within
    )


def at_most(what: str, limit: float, obtained: float) -> Answer:
    """Ours must not be larger than theirs (errors, sums of squares)."""
    return Answer(what, f"{limit:.6g}", f"{obtained:.6g}", "at most", obtained <= limit)


def holds(what: str, expected: str, obtained: str, met: bool) -> Answer:
    """A statement in words."""
    return Answer(what, expected, obtained, "says so", met)


def folder_of_data() -> Path:
    """The second argument of the script, else PKPD_MDR_SHARED/data, else ../shared/data beside the checkout."""
    given = sys.argv[2] if len(sys.argv) > 2 else os.environ.get("PKPD_MDR_SHARED")
    beside = Path(__file__).resolve().parents[3] / "shared"
    folder = Path(given) if given else beside
    found = folder / "data" if (folder / "data").is_dir() else folder
    if not found.is_dir():
        sys.exit(
            f"The reference data are not at {found}. They are public, but not part of this project: put their folders "
            "there, or name the folder as second argument or in PKPD_MDR_SHARED."
        )
    return found


def folder_of_pictures() -> Path:
    """The first argument of the script, else the working directory."""
    folder = Path(sys.argv[1] if len(sys.argv) > 1 else ".")
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def tell(answers: list[Answer]) -> str:
    """Expected against obtained as text."""
    width = max(len(answer.what) for answer in answers)
    rows = [f"{a.what:<{width}}  expected {a.expected:>9} ({a.rule}), obtained {a.obtained:>9}" for a in answers]
    return "\n".join(row + ("" if a.met else "  NOT MET") for row, a in zip(rows, answers, strict=True))
